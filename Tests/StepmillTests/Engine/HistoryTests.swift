import Testing

@testable import Stepmill

/// Proves that events get the numbers and links that the service gives them.
@Suite struct HistoryTests {
  private static let failInside =
    #"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}"#

  @Test func sequentialMap() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}"#,
      "[1,2]")
    #expect(
      run.history == [
        "1←0 ExecutionStarted", "2←0 MapStateEntered", "3←2 MapStateStarted", "4←3 MapIterationStarted",
        "5←4 PassStateEntered", "6←5 PassStateExited", "7←6 MapIterationSucceeded", "8←6 MapIterationStarted",
        "9←8 PassStateEntered", "10←9 PassStateExited", "11←10 MapIterationSucceeded",
        "12←11 MapStateSucceeded", "13←11 MapStateExited", "14←13 ExecutionSucceeded",
      ])
  }

  @Test func emptyMap() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}"#,
      "[]")
    #expect(
      run.history == [
        "1←0 ExecutionStarted", "2←0 MapStateEntered", "3←2 MapStateStarted", "4←3 MapStateSucceeded",
        "5←3 MapStateExited", "6←5 ExecutionSucceeded",
      ])
    #expect(run.outcome == .succeeded([]))
  }

  @Test func mapThatIsRetriedAndFails() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"ItemProcessor":\#(Self.failInside),"End":true}}}"#,
      "[1]")
    #expect(
      run.history.dropFirst(2) == [
        "3←2 MapStateStarted", "4←3 MapIterationStarted", "5←4 FailStateEntered", "6←5 MapIterationFailed",
        "7←5 MapStateStarted", "8←7 MapIterationStarted", "9←8 FailStateEntered", "10←9 MapIterationFailed",
        "11←9 MapStateFailed", "12←11 ExecutionFailed",
      ])
    #expect(run.outcome == EngineRun.failed("E", "c"))
  }

  @Test func parallelThatIsCaught() throws {
    let run = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[\#(Self.failInside)],"Catch":[{"ErrorEquals":["E"],"Next":"D"}],"Next":"D"},"D":{"Type":"Pass","End":true}}}"#
    )
    #expect(
      run.history.dropFirst(2) == [
        "3←2 ParallelStateStarted", "4←3 FailStateEntered", "5←4 ParallelStateFailed",
        "6←5 ParallelStateExited",
        "7←6 PassStateEntered", "8←7 PassStateExited", "9←8 ExecutionSucceeded",
      ])
    #expect(run.outcome == .succeeded(["Error": "E", "Cause": "c"]))
  }

  /// Tasks that time out at the same moment all say so; the first one ends the Map, and every
  /// task that was under way, the failing one included, is stopped.
  @Test func tasksThatTimeOutTogether() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":5,"End":true}}},"End":true}}}"#,
      "[0,1]"
    ) { _ in nil }
    #expect(
      run.history.dropFirst(11) == [
        "12←7 TaskTimedOut", "13←11 TaskTimedOut", "14←12 MapIterationFailed", "15←12 TaskStateAborted",
        "16←12 MapIterationAborted", "17←12 TaskStateAborted", "18←12 MapStateFailed",
        "19←18 ExecutionFailed",
      ])
  }

  @Test func siblingsOfAFailedBranch() throws {
    let run = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"a","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Task","Resource":"b","End":true}}},{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}]}}}"#
    ) { $0.resource == "a" ? nil : .failure(TaskFailure(error: "E")) }
    #expect(
      run.history.dropFirst(10) == [
        "11←9 TaskFailed", "12←11 TaskStateAborted", "13←11 TaskStateAborted", "14←11 WaitStateAborted",
        "15←11 ParallelStateFailed", "16←15 ExecutionFailed",
      ])
  }

  /// The last event of a history that is full is the failure, whatever it interrupts.
  @Test(arguments: 10...16)
  func fullHistory(limit: Int) throws {
    var limits = Limits.aws
    limits.historyEventsMax = limit
    let run = try EngineRun(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"T"},"T":{"Type":"Task","Resource":"t","Catch":[{"ErrorEquals":["E"],"Next":"D"}],"Next":"A"},"D":{"Type":"Succeed"}}}"#,
      limits: limits)
    #expect(
      run.outcome
        == EngineRun.failed(
          "States.Runtime", "The execution reached the maximum number of history events (\(limit))."))
    #expect(run.history.last == "\(limit)←\(limit - 1) ExecutionFailed")
    #expect(run.events.map(\.id) == Array(1...limit))
  }

  @Test func credentials() throws {
    let definition =
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","InputPath":"$.in","Credentials":{"RoleArn.$":"$.role"},"End":true}}}"#
    let run = try EngineRun(definition, #"{"in":{"role":"arn:aws:iam::1:role/r"}}"#)
    #expect(run.detail(3, "taskCredentials") == ["roleArn": "arn:aws:iam::1:role/r"])
    let broken = try EngineRun(definition, #"{"in":{}}"#)
    #expect(broken.history.dropFirst() == ["2←0 TaskStateEntered", "3←2 ExecutionFailed"])
    #expect(
      broken.outcome
        == EngineRun.failed(
          "States.Runtime",
          "An error occurred while executing the state 'T' (entered at the event id #2). The JSONPath '$.role' "
            + "specified for the field 'RoleArn.$' could not be found in the input '{}'"))
    let wrong = try EngineRun(definition, #"{"in":{"role":7}}"#)
    #expect(wrong.outcome?.status == "FAILED" && wrong.calls.isEmpty)
  }

  /// The synchronous answer of a task that waits for its token is the submission only.
  @Test func synchronousHandlerOfATokenTask() throws {
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    let run = try EngineRun(
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"\#(resource)","TimeoutSeconds":60,"Parameters":{"t.$":"$$.Task.Token"},"End":true}}}"#,
      synchronous: [resource: .synchronous { call in call.succeed(["MessageId": "1"]) }])
    #expect(
      run.history.dropFirst() == [
        "2←0 TaskStateEntered", "3←2 TaskScheduled", "4←3 TaskStarted", "5←4 TaskSubmitted",
        "6←5 TaskTimedOut",
        "7←6 ExecutionFailed",
      ])
    #expect(run.detail(5, "output") == #"{"MessageId":"1"}"#)
  }

  /// A Parallel whose branches succeeded has not failed, whatever its own fields do.
  @Test func whatFailsAfterTheBranches() throws {
    let run = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}],"ResultPath":"$.r","Catch":[{"ErrorEquals":["States.ReferencePathConflict"],"Next":"D"}],"Next":"D"},"D":{"Type":"Pass","End":true}}}"#,
      "4")
    #expect(
      run.events.map(\.type) == [
        .executionStarted, .parallelStateEntered, .parallelStateStarted, .passStateEntered, .passStateExited,
        .parallelStateSucceeded, .parallelStateExited, .passStateEntered, .passStateExited,
        .executionSucceeded,
      ])
    #expect(run.outcome?.output?["Error"] == "States.ReferencePathConflict")
  }
}
