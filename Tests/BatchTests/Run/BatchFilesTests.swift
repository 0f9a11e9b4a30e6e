import Stepmill
import Testing

@testable import StepmillBatch

/// Proves that the files of a run hold every row once, wherever the power fails, and that what
/// is not this run's is refused.
@Suite struct BatchFilesTests {
  private static let places = BatchPlaces(
    results: "d/results", failures: "d/failures", checkpoint: "d/checkpoint")
  private static let identity: JSON = ["workflow": "w", "input": "i"]
  private static let rows = 60

  /// Rows 7, 17, 27 and so on fail; of those that run again, 17 does once more.
  private static func block(_ rows: some Sequence<(row: Int, label: Int)>, isRetry: Bool) -> ResultBlock {
    let block = ResultBlock()
    for (row, label) in rows {
      if isRetry ? label == 17 : label % 10 == 7 {
        block.addFailure(row, Array("{\"row\":\(label),\"input\":\(label),\"error\":\"E\"}\n".utf8))
      } else {
        Array("\"\(label)\"".utf8).withUnsafeBytes { block.addSuccess(row, $0, label: label) }
      }
    }
    return block
  }

  private static func run(
    _ disk: CrashingDisk, ordered: Bool, start: BatchFiles.Start, _ random: inout BatchRandom, labels: [Int]
  ) throws(BatchError) {
    let files = try BatchFiles(places, identity: identity, isOrdered: ordered, start: start, store: disk)
    if files.isFinished { return }
    let isRetry = files.isRetry
    var left = labels.indices.filter { !files.done.contains($0) }
    // Nearly in order.
    for index in left.indices {
      let other = min(left.count - 1, index + Int.random(in: 0...5, using: &random))
      left.swapAt(index, other)
    }
    while !left.isEmpty {
      let count = min(left.count, Int.random(in: 1...9, using: &random))
      try files.write(
        ResultLines(block: block(left.prefix(count).map { ($0, labels[$0]) }, isRetry: isRetry)))
      left.removeFirst(count)
      if Int.random(in: 0..<3, using: &random) == 0 { try files.checkpoint(milliseconds: 1) }
    }
    try files.finish(isComplete: true, milliseconds: 2)
  }

  private static func numbers(_ text: String?) -> [Int] {
    (text ?? "").split(separator: "\n").map { line in
      (try? JSON(parsing: Array(line.utf8)))?["row"]?.int ?? -1
    }
  }

  /// Power fails at every operation of a run, of what takes it up, and of a retry.
  @Test(arguments: [false, true]) func everyCrashIsSurvived(ordered: Bool) throws {
    var random = BatchRandom(seed: 1)
    let all = Array(0..<Self.rows)
    let failing = all.filter { $0 % 10 == 7 }
    let succeeding = all.filter { $0 % 10 != 7 }
    for gap in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144] {
      for round in 0..<12 {
        let disk = CrashingDisk()
        var crashes = 0
        func untilDone(_ start: (Bool) -> BatchFiles.Start, _ labels: [Int]) throws {
          disk.restart(&random, failingAfter: gap + round)
          var isFirst = true
          while true {
            do throws(BatchError) {
              try Self.run(disk, ordered: ordered, start: start(isFirst), &random, labels: labels)
              return
            } catch {
              #expect(error.kind == .files, "\(error)")
              crashes += 1
              isFirst = false
              guard crashes < 5000 else { return }
              // It must get somewhere now and then.
              disk.restart(
                &random, failingAfter: crashes % 3 == 0 ? nil : gap + Int.random(in: 0...40, using: &random))
            }
          }
        }
        try untilDone({ _ in .resume(force: false) }, all)
        let results = Self.numbers(disk.text(Self.places.results))
        #expect(ordered ? results == succeeding : results.sorted() == succeeding)
        #expect(Self.numbers(disk.text(Self.places.failures)).sorted() == failing)

        try untilDone({ $0 ? .retry(force: false) : .resume(force: false) }, failing)
        // A crash before the retry was noted leaves a finished run: then it has to be asked for again.
        if Self.numbers(disk.text(Self.places.failures)).count > 1 {
          disk.restart(&random, failingAfter: nil)
          try Self.run(disk, ordered: ordered, start: .retry(force: false), &random, labels: failing)
        }
        let merged = Self.numbers(disk.text(Self.places.results))
        let expected = all.filter { $0 != 17 }
        #expect(ordered ? merged == expected : merged.sorted() == expected)
        #expect(Self.numbers(disk.text(Self.places.failures)) == [17])
      }
    }
  }

  @Test func aFullDiskLosesNothing() throws {
    var random = BatchRandom(seed: 2)
    let all = Array(0..<Self.rows)
    for room in stride(from: 0, to: 4000, by: 57) {
      let disk = CrashingDisk()
      disk.state.withLock { $0.room = room }
      _ = try? Self.run(disk, ordered: false, start: .fresh, &random, labels: all)
      disk.state.withLock { $0.room = nil }
      try Self.run(disk, ordered: false, start: .resume(force: false), &random, labels: all)
      let all = Self.numbers(disk.text(Self.places.results)) + Self.numbers(disk.text(Self.places.failures))
      #expect(all.sorted() == Array(0..<Self.rows))
    }
  }

  @Test func whatIsNotThisRunIsRefused() throws {
    var random = BatchRandom(seed: 3)
    let disk = CrashingDisk()
    func start(_ identity: JSON, _ start: BatchFiles.Start) throws(BatchError) {
      _ = try BatchFiles(Self.places, identity: identity, isOrdered: false, start: start, store: disk)
    }
    func kind(_ body: () throws(BatchError) -> Void) -> BatchError.Kind? {
      do throws(BatchError) {
        try body()
        return nil
      } catch {
        return error.kind
      }
    }
    #expect(kind { () throws(BatchError) in try start(Self.identity, .retry(force: false)) } == .missing)
    try Self.run(disk, ordered: false, start: .fresh, &random, labels: [0, 1, 2])
    #expect(kind { () throws(BatchError) in try start(Self.identity, .fresh) } == .occupied)
    #expect(
      kind { () throws(BatchError) in try start(["workflow": "v", "input": "i"], .resume(force: false)) }
        == .different)
    #expect(
      kind { () throws(BatchError) in try start(["workflow": "v", "input": "i"], .resume(force: true)) }
        == nil)
    let checkpoint = try disk.open(Self.places.checkpoint)
    try checkpoint.truncate(to: 10)
    #expect(kind { () throws(BatchError) in try start(Self.identity, .resume(force: false)) } == .damaged)
    try disk.remove(Self.places.checkpoint)
    #expect(kind { () throws(BatchError) in try start(Self.identity, .fresh) } == .occupied)
  }

  @Test func resultsThatWereCutAreNoticed() throws {
    var random = BatchRandom(seed: 4)
    let disk = CrashingDisk()
    try Self.run(disk, ordered: false, start: .fresh, &random, labels: [0, 1, 2])
    try disk.open(Self.places.results).truncate(to: 3)
    #expect(throws: BatchError.self) {
      try Self.run(disk, ordered: false, start: .resume(force: false), &random, labels: [0, 1, 2])
    }
  }
}
