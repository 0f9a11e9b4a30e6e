import Testing

@testable import Stepmill
@testable import StepmillBatch

/// Proves that a run whose output is a bucket holds each row once in the end, wherever it was
/// interrupted.
@Suite struct BucketFileStoreTests {
  /// A bucket whose user dies at a chosen change: it is made or not, and nothing comes after it.
  private final class DyingBucket: Bucket {
    let memory: MemoryBucket
    /// Changes that are left, and whether the last one is made.
    private let left: Lock<Int>
    private let makesLast: Bool

    init(_ memory: MemoryBucket, changes: Int, makesLast: Bool) {
      self.memory = memory
      left = Lock(changes)
      self.makesLast = makesLast
    }

    var isDead: Bool { left.withLock { $0 <= 0 } }

    private static let death = BucketError(.internalError, "the process is gone")

    private func change(_ body: () -> Void) throws(BucketError) {
      let rest = left.withLock { left in
        left -= 1
        return left
      }
      if rest > 0 || rest == 0 && makesLast { body() }
      if rest <= 0 { throw Self.death }
    }

    func open(_ key: String, version: String?) throws(BucketError) -> any ObjectReader {
      try memory.open(key, version: version)
    }

    func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
      Writer(self, key)
    }

    func list(prefix: String, after: String?, limit: Int) -> ObjectListing {
      // Small pages, to be read on.
      memory.list(prefix: prefix, after: after, limit: min(limit, 3))
    }

    func remove(_ key: String) throws(BucketError) { try change { memory.remove(key) } }

    private final class Writer: ObjectUpload, @unchecked Sendable {
      private let bucket: DyingBucket
      private let key: String
      private var bytes: [UInt8] = []

      init(_ bucket: DyingBucket, _ key: String) {
        self.bucket = bucket
        self.key = key
      }

      func write(_ bytes: [UInt8]) { self.bytes += bytes }

      func finish() async throws(BucketError) -> ObjectEntry {
        try bucket.change { bucket.memory.put(key, bytes) }
        return ObjectEntry(key: key, size: bytes.count, etag: "", modified: 0)
      }
    }
  }

  private static let places = BucketFileStore.places(ObjectAddress(bucket: "b", key: "out"))
  private static let rows = 40

  /// Runs what is left to run. Throws where the bucket dies.
  private static func run(_ bucket: any Bucket, _ start: BatchFiles.Start) throws(BatchError) {
    let store = BucketFileStore(bucket, name: "b", partBytes: 200)
    let files = try BatchFiles(places, identity: ["a": 1], isOrdered: false, start: start, store: store)
    if files.isFinished { return }
    let left = (0..<rows).filter { !files.done.contains($0) }
    for (number, first) in stride(from: 0, to: left.count, by: 3).enumerated() {
      let block = ResultBlock()
      for row in left[first..<min(left.count, first + 3)] {
        if row % 7 == 3 {
          block.addFailure(row, Array("{\"row\":\(row),\"input\":{},\"error\":\"E\"}\n".utf8))
        } else {
          Array("{\"n\":\(row)}".utf8).withUnsafeBytes { block.addSuccess(row, $0, label: row) }
        }
      }
      try files.write(ResultLines(block: block))
      if number % 4 == 3 { try files.checkpoint(milliseconds: number) }
    }
    try files.finish(isComplete: true, milliseconds: 1)
  }

  private static func numbers(_ bucket: MemoryBucket, _ folder: String) async throws -> [Int] {
    var text: [UInt8] = []
    for entry in bucket.list(prefix: folder, after: nil, limit: 1000).entries {
      text += try await bucket.read(entry.key)
    }
    return try text.split(separator: 0x0A).map { try JSON(parsing: Array($0))["row"]?.int ?? -1 }.sorted()
  }

  @Test(arguments: [false, true]) func interruptedAnywhere(makesLast: Bool) async throws {
    var changes = 1
    while true {
      let memory = MemoryBucket()
      let dying = DyingBucket(memory, changes: changes, makesLast: makesLast)
      try? Self.run(dying, .fresh)
      let isOver = !dying.isDead
      // It is taken up, and interrupted once more.
      try? Self.run(
        DyingBucket(memory, changes: changes / 2 + 1, makesLast: makesLast), .resume(force: false))
      try Self.run(DyingBucket(memory, changes: .max, makesLast: true), .resume(force: false))
      #expect(try await Self.numbers(memory, "out/results/") == (0..<Self.rows).filter { $0 % 7 != 3 })
      #expect(try await Self.numbers(memory, "out/failures/") == (0..<Self.rows).filter { $0 % 7 == 3 })
      if isOver { break }
      changes += 1
    }
    #expect(changes > 10)
  }

  @Test func partsAreWholeAndLarge() async throws {
    let memory = MemoryBucket()
    try Self.run(memory, .fresh)
    let parts = memory.list(prefix: "out/results/", after: nil, limit: 100).entries
    #expect(parts.first?.key == "out/results/part-00000000.jsonl")
    #expect(parts.count > 3)
    for part in parts {
      #expect(part.size < 400)
      #expect(try await memory.read(part.key).last == 0x0A)
    }
    #expect(throws: BatchError.self) { try Self.run(memory, .fresh) }
    // What is missing in the middle shows.
    memory.remove(parts[1].key)
    let error = #expect(throws: BatchError.self) { try Self.run(memory, .resume(force: false)) }
    #expect(error?.message.contains("parts were lost") == true)
  }

  /// A file that was cut off inside of a part keeps its beginning.
  @Test func truncatedAnywhere() async throws {
    let memory = MemoryBucket()
    let store = BucketFileStore(memory, name: "b", partBytes: 10)
    let text = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
    for size in 0...text.count {
      let file = try store.open("s3://b/f")
      try file.truncate(to: 0)
      for first in stride(from: 0, to: text.count, by: 6) {
        try file.append(text.span.extracting(first..<min(text.count, first + 6)))
      }
      try file.sync()
      try file.truncate(to: size)
      let again = try store.open("s3://b/f")
      #expect(again.size == size)
      #expect(try again.read(at: 0, count: 100).count == min(size, 12))
      var whole: [UInt8] = []
      while true {
        let piece = try again.read(at: whole.count, count: 100)
        if piece.isEmpty { break }
        whole += piece
      }
      #expect(whole == Array(text.prefix(size)))
    }
  }
}
