import Foundation
import Stepmill
import Testing

@testable import StepmillBatch

/// Proves that a run gives each row's result once, in order where that is asked for, that it
/// keeps its bounds, and that it ends as it should when something is wrong.
@Suite struct BatchRunTests {
  /// Succeeds with `n` doubled; fails where there is no number.
  private static let double =
    #"{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, $.n)"},"End":true}}}"#
  private static let wait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#
  private static let call = #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}}"#

  /// Keeps what it is given.
  private final class Kept: BatchSink, @unchecked Sendable {
    private let lines: BatchLines
    private(set) var results: [JSON] = []
    private(set) var failures: [JSON] = []
    var isBroken = false

    init(isOrdered: Bool = false) { lines = BatchLines(isOrdered: isOrdered) }

    var done: DoneRows { DoneRows() }
    var counts: BatchCounts { lines.counts }
    var bytesKept: Int { lines.bytesKept }

    func write(_ block: borrowing ResultLines) throws(BatchError) {
      if isBroken { throw BatchError(.files, "full") }
      let taken = try lines.take(block)
      func values(_ text: [UInt8]) -> [JSON] {
        text.split(separator: 0x0A).map { (try? JSON(parsing: Array($0))) ?? .null }
      }
      results += values(taken.results)
      failures += values(taken.failures)
    }
    func checkpoint(milliseconds: Int) {}
    func finish(isComplete: Bool, milliseconds: Int) {}
  }

  /// Calls that nobody has answered.
  private final class Gate: Sendable {
    private let state = Lock<(tokens: [String], open: Int, most: Int)>(([], 0, 0))

    func add(_ token: String) {
      state.withLock {
        $0.tokens.append(token)
        $0.open += 1
        $0.most = max($0.most, $0.open)
      }
    }

    /// Those that have come since the last time; they count as answered.
    func take() -> [String] {
      state.withLock { state in
        defer { state.tokens = [] }
        state.open -= state.tokens.count
        return state.tokens
      }
    }

    var mostAtOnce: Int { state.withLock { $0.most } }
  }

  private static func file(_ text: String, _ name: String = "rows.jsonl") throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "stepmill-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    return file
  }

  private static func runtime(loops: Int = 2) throws -> Runtime {
    var configuration = Runtime.Configuration()
    configuration.loops = loops
    configuration.seed = 1
    return try Runtime(configuration)
  }

  private static func run(
    _ workflow: Workflow, _ text: String, _ sink: Kept, _ options: BatchRun.Options = BatchRun.Options(),
    control: MapRun = MapRun()
  ) async throws -> BatchRun.Ending {
    let file = try file(text)
    defer { try? FileManager.default.removeItem(at: file.deletingLastPathComponent()) }
    let run = BatchRun(
      workflow, sources: [BatchSource(path: file.path, content: .rows(.jsonLines))], sink: sink,
      options: options,
      control: control)
    let ending = await withCheckedContinuation { continuation in
      run.start { continuation.resume(returning: $0) }
    }
    run.join()
    return ending
  }

  private static func rows(_ count: Int) -> String { (0..<count).map { "{\"n\":\($0)}\n" }.joined() }

  @Test(arguments: [false, true], [1, 3, 1000]) func everyRowOnce(ordered: Bool, concurrency: Int)
    async throws
  {
    let sink = Kept(isOrdered: ordered)
    let ending = try await Self.run(
      try Self.runtime().workflow(Self.double), Self.rows(5000), sink,
      control: MapRun(maxConcurrency: concurrency))
    #expect(ending == .completed)
    let numbers = sink.results.map { $0["row"]?.int ?? -1 }
    #expect(ordered ? numbers == Array(0..<5000) : numbers.sorted() == Array(0..<5000))
    for result in sink.results { #expect(result["output"]?["n"]?.int == result["row"]!.int! * 2) }
    #expect(sink.counts.succeeded == 5000)
  }

  /// A writer that is behind all the time holds the loops back, and lets all of them go on; rows
  /// that are no JSON, or fail, come among the others.
  @Test(arguments: [false, true], [1, 1000, 1 << 22]) func aNarrowWriter(ordered: Bool, budget: Int)
    async throws
  {
    var options = BatchRun.Options()
    options.resultBudget = budget
    options.badRows = .record
    let sink = Kept(isOrdered: ordered)
    let text = (0..<10_000).map { $0 % 7 == 3 ? "{\"n\":\n" : $0 % 7 == 5 ? "{}\n" : "{\"n\":\($0)}\n" }
      .joined()
    let ending = try await Self.run(
      try Self.runtime(loops: 4).workflow(Self.double), text, sink, options,
      control: MapRun(maxConcurrency: 100))
    #expect(ending == .completed)
    let good = sink.results.map { $0["row"]?.int ?? -1 }
    let bad = sink.failures.map { $0["row"]?.int ?? -1 }
    #expect((good + bad).sorted() == Array(0..<10_000))
    #expect(bad.allSatisfy { [3, 5].contains($0 % 7) })
    if ordered { #expect(good == good.sorted() && bad == bad.sorted()) }
  }

  @Test func failuresSayWhatFailed() async throws {
    let sink = Kept()
    let ending = try await Self.run(
      try Self.runtime().workflow(Self.double), "{\"n\":1}\n{\"m\":2}\n{\"n\":3}\n", sink)
    #expect(ending == .completed)
    #expect(sink.results.count == 2)
    let failure = try #require(sink.failures.first)
    #expect(failure["row"] == 1)
    #expect(failure["input"] == ["m": 2])
    #expect(failure["state"] == "D")
    #expect(failure["error"] == "States.Runtime")
    #expect(failure["cause"]?.string?.isEmpty == false)
  }

  @Test(arguments: BatchRun.Options.BadRows.allCases) func rowsThatAreNoJSON(choice: BatchRun.Options.BadRows)
    async throws
  {
    var options = BatchRun.Options()
    options.badRows = choice
    let sink = Kept(isOrdered: true)
    let ending = try await Self.run(
      try Self.runtime().workflow(Self.double), "{\"n\":1}\n{\"n\":\n{\"n\":3}\n", sink, options)
    switch choice {
    case .fail:
      guard case .badRow(row: 1, _) = ending else {
        Issue.record("\(ending)")
        return
      }
    case .skip:
      #expect(ending == .completed)
      #expect(sink.results.map { $0["row"]?.int } == [0, 2])
      #expect(sink.counts.skipped == 1)
    case .record:
      #expect(ending == .completed)
      #expect(sink.failures.map { $0["row"]?.int } == [1])
      #expect(sink.failures[0]["error"] == "Stepmill.InvalidInput")
      #expect(sink.failures[0]["text"] == "{\"n\":")
    }
  }

  @Test func toleranceEndsARunEarly() async throws {
    var options = BatchRun.Options()
    options.tolerance = .count(10)
    let sink = Kept()
    let ending = try await Self.run(
      try Self.runtime(loops: 1).workflow(Self.double), String(repeating: "{}\n", count: 100_000), sink,
      options,
      control: MapRun(maxConcurrency: 4))
    #expect(ending == .tooManyFailures)
    #expect((11...20).contains(sink.counts.failed))
  }

  /// No more runs than may, and no more is read than has its place: a slow task stops the reader.
  @Test func theSlowestSetsThePace() async throws {
    let runtime = try Self.runtime(loops: 1)
    let gate = Gate()
    runtime.register("t", .token { request in gate.add(request.token) })
    let workflow = try runtime.workflow(Self.call)
    let file = try Self.file(Self.rows(20_000))
    defer { try? FileManager.default.removeItem(at: file.deletingLastPathComponent()) }
    var options = BatchRun.Options()
    options.rowBudget = 20_000
    let control = MapRun(maxConcurrency: 7)
    let sink = Kept()
    let run = BatchRun(
      workflow, sources: [BatchSource(path: file.path, content: .rows(.jsonLines))], sink: sink,
      options: options,
      control: control)
    let ending = await withCheckedContinuation {
      (continuation: CheckedContinuation<BatchRun.Ending, Never>) in
      run.start { continuation.resume(returning: $0) }
      Task {
        var isFirst = true
        while control.counters.succeeded < 20_000 {
          let tokens = gate.take()
          if isFirst, tokens.count == 7 {
            isFirst = false
            #expect(control.counters.inFlight == 7)
            #expect(control.counters.read < 4000)
          }
          for token in tokens { runtime.complete(token, with: .success([:])) }
          await Task.yield()
        }
      }
    }
    run.join()
    #expect(ending == .completed)
    #expect(gate.mostAtOnce == 7)
    #expect(sink.results.count == 20_000)
  }

  @Test func pauseWidenAndCancel() async throws {
    let runtime = try Self.runtime(loops: 1)
    let workflow = try runtime.workflow(Self.wait)
    let file = try Self.file(Self.rows(100))
    defer { try? FileManager.default.removeItem(at: file.deletingLastPathComponent()) }
    let control = MapRun(maxConcurrency: 2)
    control.pause()
    let sink = Kept()
    let run = BatchRun(
      workflow, sources: [BatchSource(path: file.path, content: .rows(.jsonLines))], sink: sink,
      control: control)
    let ending = await withCheckedContinuation {
      (continuation: CheckedContinuation<BatchRun.Ending, Never>) in
      run.start { continuation.resume(returning: $0) }
      Task {
        while control.counters.read < 100 { await Task.yield() }
        #expect(control.counters.started == 0)
        control.resume()
        while control.counters.started < 2 { await Task.yield() }
        control.maxConcurrency = 50
        while control.counters.started < 50 { await Task.yield() }
        #expect(control.counters.inFlight == 50)
        control.cancel()
      }
    }
    run.join()
    #expect(ending == .stopped)
    #expect(sink.counts.done == 0)
    #expect(control.counters.inFlight == 0)
  }

  @Test func whatCannotBeWrittenEndsTheRun() async throws {
    let sink = Kept()
    sink.isBroken = true
    let ending = try await Self.run(try Self.runtime().workflow(Self.double), Self.rows(50_000), sink)
    #expect(ending == .output(BatchError(.files, "full")))
  }

  @Test func shapesAndLimits() async throws {
    let workflow = try Self.runtime().workflow(#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#)
    var options = BatchRun.Options()
    options.shape = RowShape(batch: 3, parameters: [("rate", 7)])
    var sink = Kept(isOrdered: true)
    _ = try await Self.run(workflow, "1\n2\n3\n4\n", sink, options)
    #expect(
      sink.results == [
        ["row": 0, "output": ["BatchInput": ["rate": 7], "Items": [1, 2, 3]]],
        ["row": 3, "output": ["BatchInput": ["rate": 7], "Items": [4]]],
      ])
    options.shape = RowShape(parameters: [("k", "v")])
    options.limit = 2
    sink = Kept(isOrdered: true)
    _ = try await Self.run(workflow, "1\n2\n3\n4\n", sink, options)
    #expect(
      sink.results.map { $0["output"] } == [
        ["Row": 1, "Params": ["k": "v"]], ["Row": 2, "Params": ["k": "v"]],
      ])
    options = BatchRun.Options()
    options.sample = (10, 1000, 5)
    sink = Kept(isOrdered: true)
    _ = try await Self.run(workflow, Self.rows(1000), sink, options)
    #expect(sink.results.count == 10)
    #expect(sink.counts.skipped == 990)
    let again = Kept()
    _ = try await Self.run(workflow, Self.rows(1000), again, options)
    #expect(Set(again.results) == Set(sink.results))
  }

  @Test func anEmptyFile() async throws {
    let sink = Kept()
    #expect(try await Self.run(try Self.runtime().workflow(Self.double), "", sink) == .completed)
    #expect(sink.counts == BatchCounts())
  }

  @Test func theLibrarysOwnWay() async throws {
    let file = try Self.file("n\n1\n2\nx\n", "rows.csv")
    let folder = file.deletingLastPathComponent()
    defer { try? FileManager.default.removeItem(at: folder) }
    let workflow = try Self.runtime().workflow(
      #"{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"n.$":"States.StringToJson($.n)"},"End":true}}}"#
    )
    var sum = 0
    for try await result in workflow.map(try RowFile(file.path)) {
      sum += result.outcome.output?["n"]?.int ?? 0
    }
    #expect(sum == 3)
    let report = try await workflow.map([try RowFile(file.path)], into: folder.path, isOrdered: true)
    #expect(report == MapReport(succeeded: 2, failed: 1, isComplete: true, reason: nil))
    let results = try String(contentsOf: folder.appendingPathComponent("results.jsonl"), encoding: .utf8)
    #expect(results == "{\"row\":0,\"output\":{\"n\":1}}\n{\"row\":1,\"output\":{\"n\":2}}\n")
    await #expect(throws: StepmillError.self) {
      try await workflow.map([try RowFile(file.path)], into: folder.path, isOrdered: true)
    }
    #expect(
      try await workflow.map([try RowFile(file.path)], into: folder.path, isOrdered: true, resuming: true)
        == report)
  }
}
