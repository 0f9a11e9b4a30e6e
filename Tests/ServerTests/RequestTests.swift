import Stepmill
import Testing

@testable import StepmillServer

/// What is said about requests that are not what their table asks for.
@Suite struct RequestTests {
  let harness = ServiceHarness()

  @Test func unknownOperation() {
    #expect(harness.error("CreateEverything").hasPrefix("UnknownOperationException"))
  }

  @Test func everyOperationIsThere() {
    #expect(StepFunctionsService.operations.count == 37)
  }

  @Test func bodiesThatAreNoObjects() {
    #expect(
      harness.error(of: harness.send("ListStateMachines", Array("{".utf8))) == "SerializationException: ")
    #expect(
      harness.error(of: harness.send("ListStateMachines", Array("[]".utf8)))
        == "SerializationException: Unexpected value type in payload")
    #expect(harness.send("ListStateMachines", []).answer?.status == 200)
  }

  @Test(arguments: [
    (
      #"{"name": 1}"#,
      "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
    ),
    (#"{"name": true}"#, "class java.lang.Boolean can not be converted to an String"),
    (#"{"name": {}}"#, "Start of structure or map found where not expected."),
    (#"{"name": []}"#, "Start of list found where not expected"),
    (#"{"name": "a", "tags": "x"}"#, "Unrecognized collection type class java.lang.String"),
    (#"{"name": "a", "tags": {}}"#, "Start of structure or map found where not expected."),
    (#"{"name": "a", "tags": ["x"]}"#, "Unexpected value type in payload"),
  ])
  func wrongTypes(body: String, message: String) {
    #expect(
      harness.error(of: harness.send("CreateActivity", Array(body.utf8)))
        == "SerializationException: \(message)")
  }

  @Test func missingMember() {
    #expect(
      harness.error("SendTaskSuccess", ["taskToken": "x"])
        == "ValidationException: 1 validation error detected: Value at 'output' failed to satisfy constraint: "
        + "Member must not be null")
  }

  @Test func severalConstraintsAtOnce() {
    #expect(
      harness.error("CreateActivity", ["name": "", "encryptionConfiguration": ["type": "X"]])
        == "ValidationException: 2 validation errors detected: Value '' at 'name' failed to satisfy "
        + "constraint: Member must have length greater than or equal to 1; Value 'X' at "
        + "'encryptionConfiguration.type' failed to satisfy constraint: Member must satisfy enum value set: "
        + "[AWS_OWNED_KEY, CUSTOMER_MANAGED_KMS_KEY]")
  }

  @Test func rangesAndLists() {
    #expect(
      harness.error("ListActivities", ["maxResults": 1001])
        == "ValidationException: 1 validation error detected: Value '1001' at 'maxResults' failed to satisfy "
        + "constraint: Member must have value less than or equal to 1000")
    let entry: JSON = ["stateMachineVersionArn": "arn:1", "weight": 30]
    #expect(
      harness.error("CreateStateMachineAlias", ["name": "a", "routingConfiguration": [entry, entry, entry]])
        .contains(
          "Value '[RoutingConfigurationListItem(stateMachineVersionArn=arn:1, weight=30), "
            + "RoutingConfigurationListItem(stateMachineVersionArn=arn:1, weight=30), "))
    let heavy: JSON = ["stateMachineVersionArn": "arn:1", "weight": 101]
    #expect(
      harness.error("CreateStateMachineAlias", ["name": "a", "routingConfiguration": [heavy]])
        .contains("Value '101' at 'routingConfiguration.1.member.weight'"))
  }

  @Test func secretsAreNotRepeated() {
    let long = String(repeating: "s", count: 262_145)
    let error = harness.error("StartExecution", ["stateMachineArn": "a", "input": JSON(long)])
    #expect(!error.contains("sss") && error.contains("Value at 'input'"))
  }

  @Test func unknownMembersAreIgnored() {
    #expect(harness.call("CreateActivity", ["name": "a", "colour": ["red"]])["activityArn"] != nil)
  }

  @Test func errorBodiesNameTheirOrigin() {
    let body = harness.begin("DescribeActivity", ["activityArn": "x"]).body
    #expect(body?["__type"] == "com.amazonaws.swf.service.v2.model#InvalidArn")
    let constraint = harness.begin("DescribeActivity").body
    #expect(constraint?["__type"] == "com.amazon.coral.validate#ValidationException")
  }

  @Test(arguments: ["a b", "a\u{7F}", "a<", "a:", "a/", "", String(repeating: "a", count: 81)])
  func refusedNames(name: String) {
    #expect(!NameRule.isValid(name))
  }

  @Test func allowedNames() {
    #expect(NameRule.isValid("Ünïcode-1._+=@!()'"))
  }

  @Test func resourceNames() throws {
    let labeled = try MachineName("arn:aws:states:r:1:stateMachine:m/l")
    #expect(labeled.label == "l" && labeled.name == "m" && labeled.qualifier == nil)
    #expect(try MachineName("arn:aws:states:r:1:stateMachine:m:7").qualifier == .version(7))
    #expect(try MachineName("arn:aws:states:r:1:stateMachine:m:x").qualifier == .alias("x"))
    #expect(throws: APIError.invalidARNPrefix("nonsense")) { try MachineName("nonsense") }
    #expect(throws: APIError.wrongResource("activity")) { try MachineName("arn:aws:states:r:1:activity:a") }
  }

  @Test func pageTokens() throws {
    let scope = Scope(region: "r", account: "1")
    let token = PageToken("List", in: scope, "a")
    let text = token.text(cursor: "42", now: 1000)
    #expect(try token.cursor(of: text, now: 2000) == "42")
    #expect(throws: APIError.self) { try token.cursor(of: text, now: 1000 + 86_400_001) }
    #expect(throws: APIError.self) { try PageToken("List", in: scope, "b").cursor(of: text, now: 2000) }
    let other = Scope(region: "r", account: "2")
    #expect(throws: APIError.self) { try PageToken("List", in: other, "a").cursor(of: text, now: 2000) }
    #expect(throws: APIError.self) { try token.cursor(of: "InvalidToken", now: 2000) }
  }
}
