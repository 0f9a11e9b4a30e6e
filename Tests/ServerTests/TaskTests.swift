import Stepmill
import Synchronization
import Testing

@testable import StepmillServer

/// Activities, callback tokens, nested executions, calls of the service's own API.
@Suite struct TaskTests {
  let harness = ServiceHarness()

  private var activity: String { harness.scope.activityARN("work") }

  private func createActivity() { harness.call("CreateActivity", ["name": "work"]) }

  private func poll(_ worker: String? = nil) -> ServiceHarness.Pending {
    var parameters: JSON = ["activityArn": JSON(activity)]
    if let worker { parameters["workerName"] = JSON(worker) }
    return harness.begin("GetActivityTask", parameters)
  }

  // MARK: Activities

  @Test func activitiesAreMadeOnce() {
    let first = harness.call("CreateActivity", ["name": "work"])
    harness.host.advance(by: 1000)
    #expect(harness.call("CreateActivity", ["name": "work", "tags": [["key": "a", "value": "b"]]]) == first)
    #expect(harness.call("ListTagsForResource", ["resourceArn": JSON(activity)])["tags"]?.count == 0)
    let described = harness.call("DescribeActivity", ["activityArn": JSON(activity)])
    #expect(described["name"] == "work" && described["creationDate"] == first["creationDate"])
    #expect(harness.call("ListActivities")["activities"]?.count == 1)
    harness.call("DeleteActivity", ["activityArn": JSON(activity)])
    harness.call("DeleteActivity", ["activityArn": JSON(activity)])
    #expect(
      harness.error("GetActivityTask", ["activityArn": JSON(activity)])
        == "ActivityDoesNotExist: Activity Does Not Exist: '\(activity)'")
    #expect(
      harness.error(
        "CreateActivity",
        ["name": "k", "encryptionConfiguration": ["type": "AWS_OWNED_KEY", "kmsKeyId": "x"]]
      ).hasPrefix("InvalidEncryptionConfiguration"))
  }

  @Test func aTaskWaitsForItsWorker() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity, [("TimeoutSeconds", 3)]))
    let execution = harness.start("m", ["a": 1])
    // Nobody has it: its clock stands still.
    harness.host.advance(by: 10_000)
    let task = poll("w").body
    #expect(task?["input"] == #"{"a":1}"#)
    harness.call("SendTaskSuccess", ["taskToken": task?["taskToken"] ?? .null, "output": "2"])
    #expect(harness.describe(execution)["output"] == "2")
    #expect(
      harness.history(execution) == [
        "1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 ActivityScheduled", "4<-3 ActivityStarted",
        "5<-4 ActivitySucceeded", "6<-5 TaskStateExited", "7<-6 ExecutionSucceeded",
      ])
    #expect(harness.events(execution)[3]["activityStartedEventDetails"] == ["workerName": "w"])
    #expect(
      harness.error("SendTaskSuccess", ["taskToken": task?["taskToken"] ?? .null, "output": "2"])
        == "TaskTimedOut: Task Timed Out: '\(activity)'")
  }

  @Test func aWorkerWaitsForItsTask() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity))
    let first = poll()
    let second = poll()
    harness.host.advance(by: 59_000)
    #expect(first.answer == nil)
    let execution = harness.start("m")
    #expect(first.body?["taskToken"] != nil && second.answer == nil)
    harness.host.advance(by: 1000)
    #expect(second.body == [:])
    harness.call(
      "SendTaskFailure", ["taskToken": first.body?["taskToken"] ?? .null, "error": "E", "cause": "C"])
    #expect(harness.describe(execution)["error"] == "E")
    #expect(harness.events(execution)[3]["activityStartedEventDetails"] == [:])
  }

  @Test func heartbeatsKeepATaskAlive() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity, [("HeartbeatSeconds", 2)]))
    let execution = harness.start("m")
    let token = poll().body?["taskToken"] ?? .null
    for _ in 0..<3 {
      harness.host.advance(by: 1500)
      harness.call("SendTaskHeartbeat", ["taskToken": token])
    }
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 2000)
    #expect(harness.describe(execution)["error"] == "States.Timeout")
    #expect(
      harness.error("SendTaskHeartbeat", ["taskToken": token])
        == "TaskTimedOut: Task Timed Out: '\(activity)'")
  }

  @Test func tasksThatWereGivenUpAreNotHandedOut() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity))
    let first = harness.start("m", 1)
    harness.start("m", 2)
    harness.call("StopExecution", ["executionArn": JSON(first)])
    #expect(poll().body?["input"] == "2")
  }

  @Test func anActivityThatIsNotThere() {
    harness.create("m", ServiceHarness.task(activity))
    let execution = harness.start("m")
    #expect(harness.history(execution).last == "3<-2 ExecutionFailed")
    #expect(
      harness.describe(execution)["cause"]?.string?.hasSuffix("The activity \(activity) does not exist.")
        == true)
  }

  /// A worker that is gone gets no task: it would be nobody's until it times out.
  @Test func workersThatGoAwayAreForgotten() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity))
    let gone = Mutex<(@Sendable () -> Void)?>(nil)
    let answered = Mutex(false)
    harness.service.handle(
      "GetActivityTask", body: (["activityArn": JSON(activity)] as JSON).utf8, scope: harness.scope,
      whenAbandoned: { body in gone.withLock { $0 = body } },
      answer: { _ in answered.withLock { $0 = true } })
    let next = poll("next")
    gone.withLock { $0 }?()
    harness.start("m", 1)
    #expect(next.body?["input"] == "1")
    harness.host.advance(by: 100_000)
    #expect(!answered.withLock { $0 })
  }

  @Test func workersAreDismissedAtTheEnd() {
    createActivity()
    let first = poll()
    let second = poll()
    harness.service.dismissWorkers()
    #expect(first.body == [:] && second.body == [:])
    harness.create("m", ServiceHarness.task(activity))
    harness.start("m", 1)
    harness.host.advance(by: 60_000)
    #expect(poll().body?["input"] == "1")
  }

  /// A task that is stopped at the moment when it is given away: the worker waits again, and no
  /// longer than it would have.
  @Test func aWorkerWhoseTaskIsGoneWaitsOn() {
    createActivity()
    harness.create("m", ServiceHarness.task(activity))
    let execution = harness.start("m", 1)
    harness.host.advance(by: 10_000)
    // Both are on their way to the loop: the stop comes first.
    let stop = (["executionArn": JSON(execution)] as JSON).utf8
    harness.service.handle("StopExecution", body: stop, scope: harness.scope) { _ in }
    let worker = poll()
    harness.host.advance(by: 59_000)
    #expect(worker.answer == nil)
    harness.host.advance(by: 2_000)
    #expect(worker.body == [:])
  }

  /// An activity's ARN of another account puts nothing into that account's queue.
  @Test func activitiesOfOthersAreNone() {
    createActivity()
    let worker = poll()
    harness.scope = Scope(region: "us-east-1", account: "210987654321")
    harness.create("m", ServiceHarness.task(activity))
    let execution = harness.start("m")
    #expect(worker.answer == nil)
    #expect(
      harness.describe(execution)["cause"]?.string?.hasSuffix("The activity \(activity) does not exist.")
        == true)
  }

  @Test func pollersAreLimited() {
    let harness = ServiceHarness { $0.activityPollersMax = 1 }
    harness.call("CreateActivity", ["name": "work"])
    let waiting = harness.begin("GetActivityTask", ["activityArn": JSON(activity)])
    #expect(
      harness.error("GetActivityTask", ["activityArn": JSON(activity)]).hasPrefix(
        "ActivityWorkerLimitExceeded"))
    harness.call("DeleteActivity", ["activityArn": JSON(activity)])
    #expect(waiting.body == [:])
  }

  // MARK: Tokens

  @Test func tokensAreChecked() {
    #expect(
      harness.error("SendTaskSuccess", ["taskToken": "nonsense", "output": "no json"])
        == "InvalidToken: Invalid Token: 'Invalid token'")
    #expect(
      harness.error("SendTaskHeartbeat", ["taskToken": ""]).contains("length greater than or equal to 1"))
    createActivity()
    harness.create("m", ServiceHarness.task(activity))
    let execution = harness.start("m")
    let token = poll().body?["taskToken"] ?? .null
    #expect(
      harness.error("SendTaskSuccess", ["taskToken": token, "output": "not-json"])
        == "InvalidOutput: Invalid Output: 'not-json' is not valid JSON.")
    harness.scope = Scope(region: "eu-west-1", account: harness.scope.account)
    #expect(
      harness.error("SendTaskSuccess", ["taskToken": token, "output": "1"])
        == "InvalidToken: Invalid Token: 'Invalid token'")
    harness.scope = Scope(region: "us-east-1", account: harness.scope.account)
    #expect(harness.status(execution) == "RUNNING")
    harness.call("SendTaskSuccess", ["taskToken": token, "output": "1"])
  }

  @Test func callbackTasks() {
    let definition = ServiceHarness.task(
      "arn:aws:states:::lambda:invoke.waitForTaskToken",
      [
        ("HeartbeatSeconds", 60),
        ("Parameters", ["FunctionName": "f", "Payload": ["token.$": "$$.Task.Token"]]),
      ])
    harness.functions.define("f") { .body($0["token"]?.utf8 ?? []) }
    harness.create("m", definition)
    let execution = harness.start("m")
    let submitted = harness.events(execution).first { $0["type"] == "TaskSubmitted" }
    let output = submitted?["taskSubmittedEventDetails"]?["output"]?.string.flatMap { try? JSON(parsing: $0) }
    let token = output?["Payload"] ?? .null
    harness.call("SendTaskFailure", ["taskToken": token])
    #expect(
      Array(harness.history(execution)[2...]) == [
        "3<-2 TaskScheduled", "4<-3 TaskStarted", "5<-4 TaskSubmitted", "6<-5 TaskFailed",
        "7<-6 ExecutionFailed",
      ])
    #expect(
      harness.error("SendTaskFailure", ["taskToken": token])
        == "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'")
  }

  @Test func aFunctionThatFailsFailsItsCallback() {
    harness.functions.define("f") { _ in .error(Array(#"{"errorType":"E"}"#.utf8)) }
    harness.create(
      "m",
      ServiceHarness.task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken", [("Parameters", ["FunctionName": "f"])]))
    let execution = harness.start("m")
    #expect(harness.history(execution)[4] == "5<-4 TaskSubmitFailed")
    #expect(harness.describe(execution)["error"] == "E")
  }

  @Test func functions() {
    harness.create(
      "m", ServiceHarness.task("arn:aws:states:::lambda:invoke", [("Parameters", ["FunctionName": "none"])]))
    let execution = harness.start("m")
    #expect(harness.describe(execution)["error"] == "Lambda.ResourceNotFoundException")
    // To try whether it could be called is an error, too, where it is not there.
    harness.functions.define("f") { _ in .error(Array(#"{"errorType":"E"}"#.utf8)) }
    for (name, state) in [("none", "FAILED"), ("f", "SUCCEEDED")] {
      harness.create(
        "dry-\(name)",
        ServiceHarness.task(
          "arn:aws:states:::lambda:invoke",
          [("Parameters", ["FunctionName": JSON(name), "InvocationType": "DryRun", "LogType": .null])]))
      let described = harness.describe(harness.start("dry-\(name)"))
      #expect(described["status"]?.string == state)
      if state == "FAILED" { #expect(described["error"] == "Lambda.ResourceNotFoundException") }
    }
    harness.create(
      "q",
      ServiceHarness.task(
        "arn:aws:states:::sqs:sendMessage", [("Parameters", ["QueueUrl": "x", "MessageBody": "y"])]))
    #expect(harness.describe(harness.start("q"))["error"] == "SQS.SdkClientException")
  }

  /// A request that cannot be made ends the execution before its task is scheduled.
  @Test(arguments: [
    ("lambda:invoke", #"{"Payload":1}"#, "The field 'FunctionName' is required but was missing"),
    (
      "lambda:invoke", #"{"FunctionName":"f","Foo":1}"#,
      "The field \"Foo\" is not supported by Step Functions"
    ),
    (
      "lambda:invoke", #"{"functionName":"f"}"#,
      "The field \"functionName\" is not supported by Step Functions"
    ),
    (
      "lambda:invoke", #"{"FunctionName":"f","InvocationType":"Bogus"}"#,
      "The value of the field 'InvocationType' has an invalid format"
    ),
    (
      "lambda:invoke", #"{"FunctionName":1}"#, "The value of the field 'FunctionName' has an invalid format"
    ),
    (
      "states:startExecution.sync", #"{"StateMachineArn":"x","input":1}"#,
      "The field \"input\" is not supported by Step Functions"
    ),
    (
      "states:startExecution.waitForTaskToken", "{}",
      "The field 'StateMachineArn' is required but was missing"
    ),
  ])
  func refusedRequests(resource: String, request: String, why: String) throws {
    harness.create(
      "m",
      ServiceHarness.task(
        "arn:aws:states:::\(resource)",
        [
          ("Parameters", try JSON(parsing: request)),
          ("Retry", [["ErrorEquals": ["States.Runtime"]]]),
          ("Catch", [["ErrorEquals": ["States.ALL"], "Next": "T"]]),
        ]))
    let execution = harness.start("m")
    #expect(
      harness.history(execution) == [
        "1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 ExecutionFailed",
      ])
    let described = harness.describe(execution)
    #expect(described["error"] == "States.Runtime")
    #expect(
      described["cause"]?.string
        == "An error occurred while executing the state 'T' (entered at the event id #2). The Parameters "
        + "'\(request)' could not be used to start the Task: [\(why)]")
  }

  // MARK: Nested executions

  private func nested(_ pattern: String, _ machine: String) -> JSON {
    ServiceHarness.task(
      "arn:aws:states:::states:startExecution\(pattern)",
      [("Parameters", ["StateMachineArn": JSON(harness.arn(machine)), "Input": ["a": 1], "Name": "child"])])
  }

  @Test(arguments: [("", "ExecutionArn"), (".sync", #"{"a":1}"#), (".sync:2", "object")])
  func nestedExecutions(pattern: String, what: String) {
    harness.create("child")
    harness.create("m", nested(pattern, "child"))
    let execution = harness.start("m")
    let described = harness.describe(execution)
    let output = described["output"]?.string.flatMap { try? JSON(parsing: $0) } ?? .null
    #expect(described["status"] == "SUCCEEDED", "\(described)")
    #expect(output["ExecutionArn"]?.string == harness.scope.executionARN("child", "child"))
    switch pattern {
    case "":
      #expect(output["SdkHttpMetadata"] != nil && output["Output"] == nil)
    case ".sync":
      #expect(output["Output"]?.string == what && output["Status"] == "SUCCEEDED")
      #expect(output["StopDate"]?.int != nil)
    default:
      #expect(output["Output"] == ["a": 1] && output["Input"] == ["a": 1])
    }
  }

  /// A text that holds JSON is sent as it is, any other as a text of JSON.
  @Test(arguments: [(#""text""#, #""text""#), (#"{"a": 1}"#, #"{"a": 1}"#), ("plain", #""plain""#)])
  func nestedInput(given: String, sent: String) {
    harness.create("child")
    harness.create(
      "m",
      ServiceHarness.task(
        "arn:aws:states:::states:startExecution.sync",
        [("Parameters", ["StateMachineArn": JSON(harness.arn("child")), "Input.$": "$", "Name": "child"])]))
    harness.start("m", JSON(given))
    let child = harness.scope.executionARN("child", "child")
    #expect(harness.describe(child)["input"]?.string == sent)
  }

  @Test func aNestedFailure() {
    harness.create("child", ["StartAt": "F", "States": ["F": ["Type": "Fail", "Error": "E", "Cause": "C"]]])
    harness.create("m", nested(".sync", "child"))
    let described = harness.describe(harness.start("m"))
    #expect(described["error"] == "States.TaskFailed")
    let cause = described["cause"]?.string.flatMap { try? JSON(parsing: $0) }
    #expect(cause?["Error"] == "E" && cause?["Status"] == "FAILED" && cause?["Output"] == nil)
  }

  @Test func theParentsEndStopsTheChild() {
    harness.create("child", ServiceHarness.wait)
    harness.create("m", nested(".sync", "child"))
    let execution = harness.start("m")
    let child = harness.scope.executionARN("child", "child")
    #expect(harness.status(child) == "RUNNING")
    harness.call("StopExecution", ["executionArn": JSON(execution)])
    #expect(harness.status(child) == "ABORTED")
  }

  @Test func theTasksTimeoutStopsTheChild() {
    harness.create("child", ServiceHarness.wait)
    let definition: JSON = [
      "StartAt": "T",
      "States": [
        "T": [
          "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "TimeoutSeconds": 1,
          "Parameters": ["StateMachineArn": JSON(harness.arn("child")), "Name": "timed"],
          "Catch": [["ErrorEquals": ["States.Timeout"], "Next": "W"]], "End": true,
        ],
        "W": ["Type": "Wait", "Seconds": 10, "End": true],
      ],
    ]
    harness.create("t", definition)
    let execution = harness.start("t")
    harness.host.advance(by: 1000)
    #expect(harness.status(harness.scope.executionARN("child", "timed")) == "ABORTED")
    #expect(harness.status(execution) == "RUNNING")
  }

  /// Of an Express child no task could hear how it ended: it is not even started.
  @Test(arguments: [".sync", ".sync:2"]) func anExpressChildIsNoJob(pattern: String) {
    harness.functions.define("f") { _ in .failed(TaskFailure(error: "Called")) }
    let work = ServiceHarness.task("arn:aws:lambda:us-east-1:123456789012:function:f")
    harness.create(
      "child", work,
      [
        ("type", "EXPRESS"),
        (
          "loggingConfiguration",
          [
            "level": "ALL",
            "destinations": [
              [
                "cloudWatchLogsLogGroup": [
                  "logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"
                ]
              ]
            ],
          ]
        ),
      ])
    harness.create("m", nested(pattern, "child"))
    let execution = harness.start("m")
    let described = harness.describe(execution)
    #expect(described["error"] == "StepFunctions.StateMachineTypeNotSupportedException", "\(described)")
    #expect(
      described["cause"]?.string?.hasPrefix(
        "This operation is not supported by this type of state machine (Service: AWSStepFunctions; Status "
          + "Code: 400; Error Code: StateMachineTypeNotSupported; Request ID: ") == true)
    #expect(harness.history(execution)[4] == "5<-4 TaskSubmitFailed")
    #expect(harness.logs.types.isEmpty)
  }

  @Test func aNestedMachineThatIsNotThere() {
    harness.create("m", nested("", "none"))
    let described = harness.describe(harness.start("m"))
    #expect(described["error"] == "StepFunctions.StateMachineDoesNotExistException")
    #expect(
      described["cause"]?.string?.hasPrefix(
        "State Machine Does Not Exist: '\(harness.arn("none"))' (Service: AWSStepFunctions; Status Code: 400; "
          + "Error Code: StateMachineDoesNotExist; Request ID: ") == true)
  }

  // MARK: The service's own API

  @Test func ownCalls() {
    harness.create("child")
    harness.create(
      "m",
      ServiceHarness.task(
        "arn:aws:states:::aws-sdk:sfn:startExecution",
        [("Parameters", ["StateMachineArn": JSON(harness.arn("child")), "Input": ["x": 1]])]))
    let described = harness.describe(harness.start("m"))
    let output = described["output"]?.string.flatMap { try? JSON(parsing: $0) }
    #expect(output?["StartDate"]?.string?.hasSuffix("Z") == true)
    #expect(harness.describe(output?["ExecutionArn"]?.string ?? "")["output"] == #"{"x":1}"#)
    harness.create(
      "bad",
      ServiceHarness.task(
        "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", [("Parameters", ["TaskToken": "x", "Output": "1"])]))
    let failed = harness.describe(harness.start("bad"))
    #expect(failed["error"] == "Sfn.InvalidTokenException")
    #expect(
      failed["cause"]?.string?.hasPrefix("Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, ")
        == true)
  }

  // MARK: Map runs

  @Test func mapRuns() {
    let store = MemoryStore()
    let harness = ServiceHarness(store: store)
    harness.create("m", ServiceHarness.wait)
    let execution = harness.start("m")
    let arn = "\(harness.scope.prefix)mapRun:m/label:1"
    var run = MapRunRecord(
      arn: arn, executionARN: execution, machineARN: harness.arn("m/label"), status: .running,
      startDate: 1000, concurrencyMax: 0, toleratedFailurePercentage: 0, toleratedFailureCount: 0)
    run.items.pending = 2
    store.put(run)
    #expect(harness.call("ListMapRuns", ["executionArn": JSON(execution)])["mapRuns"]?.count == 1)
    harness.call(
      "UpdateMapRun", ["mapRunArn": JSON(arn), "maxConcurrency": 5, "toleratedFailurePercentage": 1.5])
    let described = harness.call("DescribeMapRun", ["mapRunArn": JSON(arn)])
    #expect(described["maxConcurrency"] == 5 && described["toleratedFailurePercentage"] == 1.5)
    #expect(described["itemCounts"]?["total"] == 2)
    run.status = .succeeded
    store.put(run)
    #expect(
      harness.begin("UpdateMapRun", ["mapRunArn": JSON(arn), "maxConcurrency": 5]).body?["reason"]
        == "CANNOT_UPDATE_COMPLETED_MAP_RUN")
    #expect(
      harness.error("DescribeMapRun", ["mapRunArn": JSON(arn + "2")])
        == "ResourceNotFound: Resource not found: '\(arn)2'")
    #expect(harness.call("ListExecutions", ["mapRunArn": JSON(arn)])["executions"]?.count == 0)
    #expect(harness.error("DescribeMapRun", ["mapRunArn": JSON(execution)]).hasPrefix("InvalidArn"))
  }
}
