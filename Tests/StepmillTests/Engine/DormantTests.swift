import Testing

@testable import Stepmill

/// Proves that an execution which lies dormant in a Wait, or between two attempts, wakes up as
/// it was: its variables, its item, its name, its counts.
@Suite struct DormantTests {
  private struct Run {
    let loop = ManualLoop(seed: 1)
    var ended: Outcome?

    mutating func settle() -> String? {
      while loop.runOne() {}
      ended = loop.takeOutcomes().first?.outcome ?? ended
      return loop.inspect()
    }
  }

  @Test func variablesNameAndInputSurvive() throws {
    let definition = #"""
      {"StartAt":"A","States":{
        "A":{"Type":"Pass","Assign":{"v.$":"$.n","w":[1,{"x":"\u00e9\n"}]},"Next":"W"},
        "W":{"Type":"Wait","Seconds":10,"Next":"B"},
        "B":{"Type":"Pass","Parameters":{"v.$":"$v","w.$":"$w","name.$":"$$.Execution.Name","in.$":"$$.Execution.Input.n","role.$":"$$.Execution.RoleArn"},"End":true}}}
      """#
    var run = Run()
    let workflow = try run.loop.compile(Array(definition.utf8))
    let handle = try run.loop.start(
      workflow, input: Array(#"{"n":7}"#.utf8), name: "one", roleARN: "arn:role")
    #expect(run.settle() == nil)
    #expect(run.loop.phases(of: handle) == ["waiting"])
    #expect(run.loop.fiberCount == 0)
    run.loop.advance(to: 9_999)
    #expect(run.settle() == nil && run.ended == nil)
    run.loop.advance(to: 10_000)
    #expect(run.settle() == nil)
    #expect(
      run.ended
        == .succeeded(["v": 7, "w": [1, ["x": "é\n"]], "name": "one", "in": 7, "role": "arn:role"]))
    #expect(run.loop.counters.waiting == 0)
  }

  @Test func attemptsGoOnCounting() throws {
    let definition = #"""
      {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true,
        "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":1,"MaxAttempts":2,"BackoffRate":3}]}}}
      """#
    var run = Run()
    let workflow = try run.loop.compile(Array(definition.utf8))
    _ = try run.loop.start(workflow, input: Array("{}".utf8))
    var times: [UInt64] = []
    var counts: [Int] = []
    while true {
      #expect(run.settle() == nil)
      guard run.ended == nil else { break }
      for call in run.loop.takeCalls() {
        counts.append(call.retryCount)
        run.loop.answer(call.token, .failure(TaskFailure(error: "E")))
      }
      #expect(run.settle() == nil)
      guard let next = run.loop.nextDeadline, run.ended == nil else { continue }
      times.append(next)
      run.loop.advance(to: next)
    }
    #expect(counts == [0, 1, 2] && times == [1000, 4000])
    #expect(run.ended == .failed(error: "E", cause: nil))
  }

  @Test func stateEnteredTimeAndDataSurvive() throws {
    let definition =
      #"{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"W"},"W":{"Type":"Wait","Seconds":2,"InputPath":"$.a","OutputPath":"$.b","End":true}}}"#
    var run = Run()
    let workflow = try run.loop.compile(Array(definition.utf8))
    _ = try run.loop.start(workflow, input: Array(#"{"a":{"b":[1.50,"x",null]}}"#.utf8))
    #expect(run.settle() == nil)
    run.loop.advance(to: 2000)
    #expect(run.settle() == nil)
    #expect(run.ended == .succeeded([1.5, "x", .null]))
  }

  @Test func endsFromOutside() throws {
    let definition =
      #"{"StartAt":"W","TimeoutSeconds":5,"States":{"W":{"Type":"Wait","Seconds":100,"End":true}}}"#
    var run = Run()
    let workflow = try run.loop.compile(Array(definition.utf8))
    let first = try run.loop.start(workflow, input: Array("{}".utf8))
    #expect(run.settle() == nil)
    #expect(run.loop.abort(first, error: "E", cause: "C"))
    #expect(!run.loop.abort(first))
    #expect(run.settle() == nil)
    #expect(run.ended == .aborted(error: "E", cause: "C"))
    _ = try run.loop.start(workflow, input: Array("{}".utf8))
    #expect(run.settle() == nil)
    run.loop.advance(to: 5_000)
    #expect(run.settle() == nil)
    #expect(run.ended == .timedOut)
    #expect(run.loop.executionCount == 0 && run.loop.counters.waiting == 0)
    // The timers that are left find others in the slot, or nobody.
    let short = try run.loop.compile(
      Array(#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":200,"End":true}}}"#.utf8))
    _ = try run.loop.start(short, input: Array("{}".utf8))
    #expect(run.settle() == nil)
    run.loop.advance(to: 150_000)
    #expect(run.settle() == nil)
    #expect(run.loop.executionCount == 1)
    run.loop.advance(to: 205_000)
    #expect(run.settle() == nil)
    #expect(run.loop.executionCount == 0)
  }

  /// What ends before its time leaves nothing behind for long.
  @Test func timersOfWhatHasEndedAreSweptOut() throws {
    let definition = #"""
      {"StartAt":"T","TimeoutSeconds":100000,"States":{"T":{"Type":"Task","Resource":"t","TimeoutSeconds":50000,"Next":"W"},
        "W":{"Type":"Wait","Seconds":70000,"End":true}}}
      """#
    var run = Run()
    let workflow = try run.loop.compile(Array(definition.utf8))
    let survivor = try run.loop.start(workflow, input: Array("{}".utf8))
    for round in 0..<5000 {
      let handle = try run.loop.start(workflow, input: Array("{}".utf8))
      while run.loop.runOne() {}
      for call in run.loop.takeCalls() { run.loop.answer(call.token, .success([:])) }
      while run.loop.runOne() {}
      #expect(run.loop.abort(handle))
      #expect(run.loop.timerCount < 4000, "round \(round)")
    }
    _ = run.loop.takeOutcomes()
    #expect(run.settle() == nil)
    #expect(run.loop.phases(of: survivor) == ["waiting"])
    run.loop.advance(to: 70_000_000)
    #expect(run.settle() == nil)
    #expect(run.ended == .succeeded([:]))
  }
}
