import Stepmill
import StepmillServer
import StepmillTasks
import Testing

@testable import StepmillIntegrations

/// Proves that the server's executions reach the integrations, and that what is given up is
/// given up on both sides.
@Suite struct ServerTaskTests {
  private static let role = "arn:aws:iam::123456789012:role/r"

  private func service(of world: World) -> StepFunctionsService {
    StepFunctionsService(
      host: world.runtime, identifiers: IdentifierSource(seed: 1), tasks: world.integrations.resolvers,
      log: world.integrations.log, status: world.integrations.status)
  }

  private func call(_ service: StepFunctionsService, _ operation: String, _ parameters: JSON) async -> JSON {
    await withCheckedContinuation { continuation in
      service.handle(operation, body: parameters.utf8, scope: World.scope) { answer in
        continuation.resume(returning: (try? JSON(parsing: answer.body)) ?? .null)
      }
    }
  }

  /// The end of an execution of one Task state called T.
  private func run(
    _ service: StepFunctionsService, _ resource: String, _ more: [(key: String, value: JSON)] = [],
    logging: JSON? = nil
  ) async -> JSON {
    let state = JSON(members: [("Type", "Task"), ("Resource", JSON(resource)), ("End", true)] + more)
    let definition: JSON = ["StartAt": "T", "States": ["T": state]]
    var order: JSON = [
      "name": JSON("m\(abs(definition.text.hashValue))"), "definition": JSON(definition.text),
      "roleArn": JSON(Self.role),
    ]
    if let logging { order["loggingConfiguration"] = logging }
    let machine = await call(service, "CreateStateMachine", order)
    guard let arn = machine["stateMachineArn"] else { return machine }
    let started = await call(service, "StartExecution", ["stateMachineArn": arn, "input": "{\"in\":1}"])
    guard let execution = started["executionArn"] else { return started }
    while true {
      let state = await call(service, "DescribeExecution", ["executionArn": execution])
      if state["status"] != "RUNNING" { return state }
      await Task.yield()
    }
  }

  @Test func executionsReachServices() async throws {
    let world = try World { configuration, base in
      configuration.functions = [NamedFunction(name: "charge", url: "\(base)/charge")]
      configuration.commands = [
        NamedCommand(name: states("sqs:sendMessage.waitForTaskToken"), line: "echo 7")
      ]
      configuration.mocks = try? MockTable(parsing: Array(#"{"mocked":{"Return":{"a":2}}}"#.utf8))
    }
    let service = service(of: world)
    world.stub.answers(#"{"Item":{"id":{"S":"1"}}}"#)
    let read = await run(
      service, states("aws-sdk:dynamodb:getItem"),
      [("Parameters", ["TableName": "t", "Key": ["id": ["S": "1"]]])])
    #expect(read["output"] == #"{"Item":{"id":{"S":"1"}}}"#, "\(read)")
    world.stub.answers(#"{"paid":true}"#)
    let charged = await run(service, "arn:aws:lambda:eu-west-1:123456789012:function:charge")
    #expect(charged["output"] == #"{"paid":true}"#, "\(charged)")
    // A command's end is the task's, and so is a mock's, whoever else would end it.
    let callback = await run(
      service, states("sqs:sendMessage.waitForTaskToken"),
      [("Parameters", ["QueueUrl": "q", "MessageBody.$": "$$.Task.Token"])])
    #expect(callback["output"] == "7", "\(callback)")
    let mocked = await run(service, "arn:aws:lambda:eu-west-1:123456789012:function:mocked")
    #expect(mocked["output"] == #"{"a":2}"#, "\(mocked)")
    world.stub.answers(
      400, #"{"__type":"ResourceNotFoundException","message":"Requested resource not found"}"#)
    let failed = await run(
      service, states("dynamodb:getItem"), [("Parameters", ["TableName": "t", "Key": ["id": ["S": "1"]]])])
    #expect(
      failed["status"] == "FAILED" && failed["error"] == "DynamoDB.ResourceNotFoundException", "\(failed)")
    await world.end()
  }

  /// A request that cannot be made is refused before its task is scheduled, unless it is a mock's; a
  /// response that cannot be used fails a task that was.
  @Test func whatCannotBeUsed() async throws {
    let prefix = "An error occurred while executing the state 'T' (entered at the event id #2). "
    let world = try World()
    let service = service(of: world)
    func events(_ ended: JSON) async -> [String] {
      let history = await call(service, "GetExecutionHistory", ["executionArn": ended["executionArn"] ?? ""])
      return history["events"]?.elementList.compactMap { $0["type"]?.string } ?? []
    }
    for (resource, request, why) in [
      (
        "sqs:sendMessage.waitForTaskToken", #"{"MessageBody":"y"}"#,
        "The field 'QueueUrl' is required but was missing"
      ),
      (
        "http:invoke", #"{"ApiEndpoint":"https://x","Method":"GET","Headers":{"Host":"x"}}"#,
        "The 'Headers' field contains unsupported values: [host]"
      ),
    ] {
      let ended = await run(service, states(resource), [("Parameters", try JSON(parsing: request))])
      #expect(ended["error"] == "States.Runtime")
      #expect(
        ended["cause"]?.string == prefix
          + "The Parameters '\(request)' could not be used to start the Task: [\(why)]")
      #expect(await events(ended) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"])
    }

    world.stub.answers(200, "x", headers: [("Content-Type", "image/png")])
    let base = "\(world.base)/"
    let picture = await run(
      service, states("http:invoke"), [("Parameters", ["ApiEndpoint": JSON(base), "Method": "GET"])])
    #expect(
      picture["cause"]?.string == prefix
        + "Unsupported response content-type 'image/png'. Please see documentation for list of unsupported "
        + "content-types.")
    #expect(
      await events(picture) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed",
        "ExecutionFailed",
      ])
    await world.end()

    let mocked = try World { configuration, _ in
      configuration.mocks = try? MockTable(parsing: Array(#"{"T":{"Return":1}}"#.utf8))
    }
    let ended = await run(self.service(of: mocked), states("sqs:sendMessage"), [("Parameters", ["X": 1])])
    #expect(ended["output"] == "1", "\(ended)")
    await mocked.end()
  }

  /// A worker's place is taken by a mock, with a worker's events.
  @Test func activitiesAreMocked() async throws {
    let world = try World(everything: false) { configuration, _ in
      configuration.mocks = try? MockTable(
        parsing: Array(#"{"T":{"Return":"done"}}"#.utf8))
    }
    let service = service(of: world)
    let activity = await call(service, "CreateActivity", ["name": "work"])
    let ended = await run(service, activity["activityArn"]?.string ?? "")
    #expect(ended["output"] == "\"done\"", "\(ended)")
    let history = await call(
      service, "GetExecutionHistory", ["executionArn": ended["executionArn"] ?? "", "maxResults": 20])
    #expect(
      history["events"]?.elementList.compactMap { $0["type"]?.string } == [
        "ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded",
        "TaskStateExited", "ExecutionSucceeded",
      ])
    await world.end()
  }

  /// A task that times out takes its command with it, and an execution that is
  /// stopped does, too.
  @Test func whatIsGivenUpIsEnded() async throws {
    let world = try World { configuration, _ in
      configuration.commands = [NamedCommand(name: "sleep", line: "sleep 1000")]
    }
    let service = service(of: world)
    let ended = await run(
      service, "arn:aws:lambda:eu-west-1:123456789012:function:sleep", [("TimeoutSeconds", 1)])
    #expect(ended["status"] == "FAILED", "\(ended)")
    while world.integrations.commands.running > 0 { await Task.yield() }

    let definition: JSON = [
      "StartAt": "T",
      "States": [
        "T": [
          "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:sleep", "End": true,
        ]
      ],
    ]
    let machine = await call(
      service, "CreateStateMachine",
      ["name": "stopped", "definition": JSON(definition.text), "roleArn": JSON(Self.role)])
    let started = await call(service, "StartExecution", ["stateMachineArn": machine["stateMachineArn"] ?? ""])
    try #require(started["executionArn"] != nil, "\(machine) \(started)")
    while world.integrations.commands.running == 0 { await Task.yield() }
    let stopped = await call(service, "StopExecution", ["executionArn": started["executionArn"] ?? ""])
    #expect(stopped["stopDate"] != nil, "\(stopped)")
    while world.integrations.commands.running > 0 { await Task.yield() }
    await world.end()
  }

  @Test func endsAreTold() async throws {
    let world = try World(everything: false) { configuration, base in
      configuration.endpoints = ["events": base, "logs": base]
      configuration.mocks = try? MockTable(parsing: Array(#"{"T":{"Return":1}}"#.utf8))
    }
    world.stub.answers(#"{"FailedEntryCount":0}"#)
    let service = service(of: world)
    let group = "arn:aws:logs:eu-west-1:123456789012:log-group:g:*"
    let ended = await run(
      service, states("sqs:sendMessage"),
      logging: [
        "level": "ALL", "includeExecutionData": true,
        "destinations": [["cloudWatchLogsLogGroup": ["logGroupArn": JSON(group)]]],
      ])
    #expect(ended["status"] == "SUCCEEDED", "\(ended)")
    await world.end()
    let entries = world.stub.asked.filter { $0.header("X-Amz-Target") == "AWSEvents.PutEvents" }.flatMap {
      $0.json?["Entries"]?.elementList ?? []
    }
    let details = entries.compactMap { $0["Detail"]?.string.flatMap { try? JSON(parsing: $0) } }
    #expect(Set(details.compactMap { $0["status"]?.string }) == ["RUNNING", "SUCCEEDED"])
    let last = details.first { $0["status"] == "SUCCEEDED" }
    #expect(last?["output"] == "1" && last?["input"] == "{\"in\":1}" && last?["cause"] == .null)
    #expect(last?["outputDetails"] == ["included": true] && last?["stopDate"]?.int != nil)
    let logged = world.stub.asked.filter { $0.header("X-Amz-Target") == "Logs_20140328.PutLogEvents" }.flatMap
    {
      $0.json?["logEvents"]?.elementList ?? []
    }
    #expect(logged.count == 7 && logged[0]["message"]?.string?.contains("ExecutionStarted") == true)
  }
}
