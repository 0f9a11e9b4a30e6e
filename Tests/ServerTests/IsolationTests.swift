import Stepmill
import Testing

@testable import StepmillServer

/// Proves that nobody sees or changes what another account, or another region, has: every
/// operation is tried with the names of things that are there, but not for the one who asks.
@Suite struct IsolationTests {
  let harness = ServiceHarness()

  /// Everything that an operation could get hold of.
  private struct Things {
    var machine, version, alias, express, activity, running, failed, mapRun, token: String
  }

  private func things() -> Things {
    let made = harness.create("m", ServiceHarness.wait, [("publish", true), ("tags", [["key": "k"]])])
    let version = made["stateMachineVersionArn"]?.string ?? ""
    let route: JSON = ["stateMachineVersionArn": JSON(version), "weight": 100]
    let alias = harness.call("CreateStateMachineAlias", ["name": "live", "routingConfiguration": [route]])
    harness.create("x", ServiceHarness.pass, [("type", "EXPRESS")])
    harness.create("f", ["StartAt": "F", "States": ["F": ["Type": "Fail", "Error": "E"]]])
    harness.call("CreateActivity", ["name": "work"])
    let activity = harness.scope.activityARN("work")
    harness.create("t", ServiceHarness.task(activity))
    harness.start("t", ["secret": 1])
    let token = harness.call("GetActivityTask", ["activityArn": JSON(activity)])["taskToken"]?.string ?? ""
    let home = "arn:aws:states:\(harness.scope.region):\(harness.scope.account)"
    return Things(
      machine: harness.arn("m"), version: version, alias: alias["stateMachineAliasArn"]?.string ?? "",
      express: harness.arn("x"), activity: activity, running: harness.start("m"), failed: harness.start("f"),
      mapRun: "\(home):mapRun:m/L:0", token: token)
  }

  /// What each operation is asked, and how its refusal begins; "" where it answers as if there
  /// were nothing.
  private func requests(_ things: Things) -> [(operation: String, parameters: JSON, refusal: String)] {
    let machine: JSON = ["stateMachineArn": JSON(things.machine)]
    let running: JSON = ["executionArn": JSON(things.running)]
    let activity: JSON = ["activityArn": JSON(things.activity)]
    let alias: JSON = ["stateMachineAliasArn": JSON(things.alias)]
    let token: JSON = ["taskToken": JSON(things.token)]
    let tagged: JSON = ["resourceArn": JSON(things.machine)]
    let route: JSON = ["stateMachineVersionArn": JSON(things.version), "weight": 100]
    func and(_ one: JSON, _ key: String, _ value: JSON) -> JSON {
      var one = one
      one[key] = value
      return one
    }
    let peek: JSON = [
      "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
      "Parameters": ["ExecutionArn": JSON(things.running)], "End": true,
    ]
    return [
      ("CreateActivity", ["name": "mine"], ""),
      (
        "CreateStateMachine",
        ["name": "mine", "definition": JSON(ServiceHarness.pass.text), "roleArn": JSON(ServiceHarness.role)],
        ""
      ),
      (
        "CreateStateMachineAlias", ["name": "theirs", "routingConfiguration": [route]], "ResourceNotFound"
      ),
      ("DeleteActivity", activity, ""),
      ("DeleteStateMachine", machine, ""),
      ("DeleteStateMachineAlias", alias, ""),
      ("DeleteStateMachineVersion", ["stateMachineVersionArn": JSON(things.version)], ""),
      ("DescribeActivity", activity, "ActivityDoesNotExist"),
      ("DescribeExecution", running, "ExecutionDoesNotExist"),
      ("DescribeMapRun", ["mapRunArn": JSON(things.mapRun)], "ResourceNotFound"),
      ("DescribeStateMachine", machine, "StateMachineDoesNotExist"),
      ("DescribeStateMachineAlias", alias, "ResourceNotFound"),
      ("DescribeStateMachineForExecution", running, "ExecutionDoesNotExist"),
      ("GetActivityTask", activity, "ActivityDoesNotExist"),
      ("GetExecutionHistory", running, "ExecutionDoesNotExist"),
      ("ListActivities", [:], ""),
      ("ListExecutions", machine, "StateMachineDoesNotExist"),
      ("ListMapRuns", running, "ExecutionDoesNotExist"),
      ("ListStateMachineAliases", machine, "StateMachineDoesNotExist"),
      ("ListStateMachineVersions", machine, ""),
      ("ListStateMachines", [:], ""),
      ("ListTagsForResource", tagged, "ResourceNotFound"),
      ("PublishStateMachineVersion", machine, "StateMachineDoesNotExist"),
      ("RedriveExecution", ["executionArn": JSON(things.failed)], "ExecutionDoesNotExist"),
      ("SendTaskFailure", token, "InvalidToken"),
      ("SendTaskHeartbeat", token, "InvalidToken"),
      ("SendTaskSuccess", and(token, "output", "1"), "InvalidToken"),
      ("StartExecution", machine, "StateMachineDoesNotExist"),
      ("StartSyncExecution", ["stateMachineArn": JSON(things.express)], "StateMachineDoesNotExist"),
      ("StopExecution", running, "ExecutionDoesNotExist"),
      ("TagResource", and(tagged, "tags", [["key": "a", "value": "b"]]), "ResourceNotFound"),
      ("TestState", ["definition": JSON(peek.text), "roleArn": JSON(ServiceHarness.role)], ""),
      ("UntagResource", and(tagged, "tagKeys", ["k"]), "ResourceNotFound"),
      ("UpdateMapRun", ["mapRunArn": JSON(things.mapRun), "maxConcurrency": 1], "ResourceNotFound"),
      ("UpdateStateMachine", and(machine, "roleArn", "arn:aws:iam::1:role/x"), "StateMachineDoesNotExist"),
      ("UpdateStateMachineAlias", and(alias, "description", "d"), "ResourceNotFound"),
      ("ValidateStateMachineDefinition", ["definition": JSON(ServiceHarness.pass.text)], ""),
    ]
  }

  /// All that its owner can see.
  private func view(_ things: Things) -> [String] {
    let reading = ["Describe", "List", "GetExecution"]
    return requests(things).filter { each in reading.contains { each.operation.hasPrefix($0) } }.map { each in
      "\(each.operation): \(harness.begin(each.operation, each.parameters).body?.text ?? "")"
    }
  }

  @Test(arguments: [("us-east-1", "210987654321"), ("eu-west-1", "123456789012")])
  func strangersGetNothing(region: String, account: String) {
    let things = things()
    let home = harness.scope
    let before = view(things)
    harness.scope = Scope(region: region, account: account)
    let requests = requests(things)
    #expect(requests.map(\.operation).sorted() == StepFunctionsService.operations)
    for (operation, parameters, refusal) in requests {
      let pending = harness.begin(operation, parameters)
      let text = pending.body?.text ?? "no answer"
      #expect(!text.contains("secret"), "\(operation): \(text)")
      if refusal.isEmpty {
        #expect(pending.answer?.status == 200, "\(operation): \(text)")
        // What is listed is one's own, if anything.
        if operation.hasPrefix("List") {
          #expect(!text.contains("\(home.region):\(home.account):"), "\(operation): \(text)")
        }
      } else {
        #expect(harness.error(of: pending).hasPrefix(refusal), "\(operation): \(text)")
      }
    }
    harness.scope = home
    #expect(view(things) == before)
  }
}
