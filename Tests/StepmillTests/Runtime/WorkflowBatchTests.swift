import Testing

@testable import Stepmill

/// Proves that of many executions with one receiver each is told of once, whatever becomes of it.
@Suite struct WorkflowBatchTests {
  private static let double =
    #"{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, $.n)"},"End":true}}}"#

  /// Gathers ends, and opens when all have come.
  private final class Receiver: Sendable {
    private let ends = Lock<[Int: Outcome]>([:])
    private let count: Int
    private let done = Gate()
    init(_ count: Int) { self.count = count }

    func take(_ end: borrowing ExecutionEnd) {
      let index = end.index
      let outcome = end.outcome
      let isFull = ends.withLock { ends in
        #expect(ends.updateValue(outcome, forKey: index) == nil)
        return ends.count == count
      }
      if isFull { done.open() }
    }

    var outcomes: [Int: Outcome] {
      get async {
        await done.wait()
        return ends.withLock { $0 }
      }
    }
  }

  @Test(arguments: [1, 3]) func valuesAndLines(loops: Int) async throws {
    let runtime = try Runtime.small(loops: loops)
    let workflow = try runtime.workflow(Self.double)
    let values = Receiver(1000)
    try workflow.start(each: (0..<1000).map { ["n": JSON($0)] as JSON }) { values.take($0) }
    let lines = Receiver(1000)
    let text = (0..<1000).map { "{\"n\":\($0)}" }.joined(separator: "\n")
    let count = try Array(text.utf8).withUnsafeBytes { text throws in
      try workflow.start(lines: text) { lines.take($0) }
    }
    #expect(count == 1000)
    for receiver in [values, lines] {
      for (index, outcome) in await receiver.outcomes {
        #expect(outcome == .succeeded(["n": JSON(index * 2)]))
      }
    }
    await runtime.shutDown()
    #expect(runtime.counters.inFlight == 0)
  }

  @Test func blankLinesDoNotCountAndBrokenOnesFail() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    let receiver = Receiver(3)
    let text = Array("\n{\"n\":1}\r\n  \n{\"n\":\n{\"n\":3}".utf8)
    let count = try text.withUnsafeBytes { text throws in
      try workflow.start(lines: text) { receiver.take($0) }
    }
    #expect(count == 3)
    let outcomes = await receiver.outcomes
    #expect(outcomes[0] == .succeeded(["n": 2]))
    #expect(outcomes[2] == .succeeded(["n": 6]))
    guard case .failed("Stepmill.InvalidInput", _) = outcomes[1] else {
      Issue.record("\(String(describing: outcomes[1]))")
      return
    }
  }

  @Test func nothingIsStartedWhereNotAllMayBe() async throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 1
    configuration.executionsMax = 9
    let runtime = try Runtime(configuration)
    let workflow = try runtime.workflow(Self.double)
    let inputs = (0..<10).map { ["n": JSON($0)] as JSON }
    #expect(throws: StepmillError.self) { try workflow.start(each: inputs) { _ in } }
    #expect(runtime.counters.started == 0)
    let receiver = Receiver(9)
    try workflow.start(each: inputs.dropLast()) { receiver.take($0) }
    #expect(await receiver.outcomes.count == 9)
    try workflow.start(each: []) { _ in }
  }

  @Test func outputsAreReadInPlace() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    let text = Delivery<[UInt8]>()
    try workflow.start(each: [["n": 4]]) { end in
      let number = end.output["n"].int
      var bytes: [UInt8] = [1, 2, 3]
      let isWritten = end.write(into: &bytes)
      #expect(number == 8 && isWritten)
      text.put(bytes)
    }
    #expect(await text.value == Array(#"{"n":8}"#.utf8))
    let failed = Delivery<Bool>()
    try workflow.start(each: [[:]]) { end in
      var bytes: [UInt8] = [1]
      let isWritten = end.write(into: &bytes)
      failed.put(!end.isSuccess && !end.output.exists && !isWritten && bytes.isEmpty)
    }
    #expect(await failed.value)
  }

  /// Letters are turned away in the middle, and executions that wait are aborted.
  @Test func aShutDownIsToldToAll() async throws {
    for _ in 0..<10 {
      let runtime = try Runtime.small(loops: 2)
      let workflow = try runtime.workflow(Definitions.longWait)
      let lines = Receiver(2000)
      let values = Receiver(500)
      let text = Array(String(repeating: "{}\n", count: 2000).utf8)
      _ = try text.withUnsafeBytes { text throws in try workflow.start(lines: text) { lines.take($0) } }
      try workflow.start(each: (0..<500).map { _ in [:] as JSON }) { values.take($0) }
      await runtime.shutDown(waiting: .zero)
      for outcome in await lines.outcomes.values { #expect(outcome.status == "ABORTED") }
      for outcome in await values.outcomes.values { #expect(outcome.status == "ABORTED") }
    }
  }

  /// Executions that nobody holds are counted out when they end.
  @Test func unheardExecutionsEnd() async throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 1
    configuration.executionsMax = 100
    let runtime = try Runtime(configuration)
    let workflow = try runtime.workflow(
      #"{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","End":true}}}"#)
    for _ in 0..<100 { _ = try workflow.start(["s": 1]) }
    await runtime.shutDown()
    #expect(runtime.counters.succeeded == 100)
  }
}
