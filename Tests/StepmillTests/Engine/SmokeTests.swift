import Testing

@testable import Stepmill

/// Proves that small workflows run from text to outcome on a loop that is moved by hand.
@Suite struct SmokeTests {
  /// Runs one execution to its end, answering each task with its own input.
  static func run(_ definition: String, _ input: String) throws -> Outcome {
    let loop = ManualLoop(seed: 1)
    let workflow = try loop.compile(Array(definition.utf8))
    _ = try loop.start(workflow, input: Array(input.utf8))
    for _ in 0..<10_000 {
      while loop.runOne() {}
      for call in loop.takeCalls() { loop.answer(call.token, .success(call.input)) }
      if loop.readyCount == 0 {
        guard let deadline = loop.nextDeadline else { break }
        loop.advance(to: deadline)
      }
    }
    return try #require(loop.takeOutcomes().first).outcome
  }

  @Test func passAndChoice() throws {
    let outcome = try Self.run(
      #"{"StartAt":"Check","States":{"Check":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":100,"Next":"Done"}],"Default":"Inc"},"Inc":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"Check"},"Done":{"Type":"Succeed"}}}"#,
      #"{"n":0}"#)
    #expect(outcome == .succeeded(["n": 100]))
  }

  @Test func waitTaskMapParallel() throws {
    let outcome = try Self.run(
      #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3,"Next":"T"},"T":{"Type":"Task","Resource":"echo","ResultPath":"$.t","Next":"P"},"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Result":1,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":1,"End":true}}}],"Next":"M"},"M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Task","Resource":"echo","End":true}}},"End":true}}}"#,
      #"{"n":0}"#)
    #expect(outcome == .succeeded([1, ["n": 0, "t": ["n": 0]]]))
  }
}
