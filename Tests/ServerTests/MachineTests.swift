import Stepmill
import Testing

@testable import StepmillServer

/// State machines, their versions and aliases, tags.
@Suite struct MachineTests {
  let harness = ServiceHarness()

  @Test func createdOnceForTheSameRequest() {
    let first = harness.create("m")
    #expect(first["stateMachineArn"]?.string == harness.arn("m"))
    harness.host.advance(by: 5000)
    #expect(harness.create("m", ServiceHarness.pass, [("roleArn", "arn:aws:iam::1:role/other")]) == first)
    let spaced = ServiceHarness.pass.text(indent: 1)
    #expect(
      harness.error(
        "CreateStateMachine",
        ["name": "m", "definition": JSON(spaced), "roleArn": JSON(ServiceHarness.role)])
        == "StateMachineAlreadyExists: State Machine Already Exists: '\(harness.arn("m"))'")
  }

  @Test func publishingMustMatchTheFirstVersion() {
    let more: [(key: String, value: JSON)] = [("publish", true), ("versionDescription", "one")]
    let first = harness.create("m", ServiceHarness.pass, more)
    #expect(first["stateMachineVersionArn"]?.string == harness.arn("m") + ":1")
    #expect(harness.create("m", ServiceHarness.pass, more) == first)
    func again(_ more: [(key: String, value: JSON)]) -> String {
      harness.error(
        "CreateStateMachine",
        JSON(
          members: [
            ("name", "m"), ("definition", JSON(ServiceHarness.pass.text)),
            ("roleArn", JSON(ServiceHarness.role)),
          ] + more))
    }
    let text = "State Machine Already Exists: This state machine was already created with a published version"
    #expect(again([("publish", true)]) == "StateMachineAlreadyExists: \(text) using a different description.")
    #expect(again([]) == "StateMachineAlreadyExists: \(text).")
    #expect(
      again([("versionDescription", "x")])
        == "ValidationException: Version description can only be set when publish is true")
  }

  @Test func theFirstVersionMayComeLater() {
    let first = harness.create("m")
    let arn = JSON(harness.arn("m"))
    harness.call("PublishStateMachineVersion", ["stateMachineArn": arn, "description": "one"])
    harness.call("DeleteStateMachineVersion", ["stateMachineVersionArn": JSON(harness.arn("m") + ":1")])
    let again = harness.create("m", ServiceHarness.pass, [("publish", true), ("versionDescription", "one")])
    #expect(again["creationDate"] == first["creationDate"])
    #expect(again["stateMachineVersionArn"]?.string == harness.arn("m") + ":1")
  }

  @Test(arguments: [
    ("notanarn", "Invalid Role Arn: 'notanarn'"),
    ("arn:aws:states:us-east-1:1:role/r", "Invalid Role Arn: 'arn:aws:states:us-east-1:1:role/r'"),
  ])
  func rolesAreARNs(_ role: String, _ text: String) {
    #expect(
      harness.error(
        "CreateStateMachine",
        ["name": "m", "definition": JSON(ServiceHarness.pass.text), "roleArn": JSON(role)])
        == "InvalidArn: \(text)")
  }

  /// An ARN of another partition names nothing here, though region, account and name are right.
  @Test func partitionsAreApart() {
    harness.create("m")
    let foreign = harness.arn("m").replacing("arn:aws:", with: "arn:aws-cn:", maxReplacements: 1)
    for operation in ["DescribeStateMachine", "DeleteStateMachine", "StartExecution"] {
      #expect(
        harness.error(operation, ["stateMachineArn": JSON(foreign)])
          == "InvalidArn: Invalid Arn: 'Invalid ARN prefix: \(foreign)'")
    }
    harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
  }

  @Test(arguments: ["01", "+1", "0", "-1", "99999999999999999999"])
  func versionsAreNumbersAsTheyAreWritten(_ version: String) {
    harness.create("m", ServiceHarness.pass, [("publish", true)])
    #expect(
      harness.error("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m") + ":" + version)])
        .hasPrefix("StateMachineDoesNotExist"))
    if version.allSatisfy(\.isNumber) {
      harness.call(
        "DeleteStateMachineVersion", ["stateMachineVersionArn": JSON(harness.arn("m") + ":" + version)])
    }
    harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m") + ":1")])
  }

  @Test func aNameWithHalfACharacter() {
    let body =
      #"{"name":"a\ud800","definition":"{}","roleArn":"arn:aws:iam::1:role/r"}"#
    #expect(
      harness.error(of: harness.send("CreateStateMachine", Array(body.utf8))).hasPrefix("InvalidName"))
    #expect(
      harness.error(of: harness.send("CreateActivity", Array(#"{"name":"\ud800"}"#.utf8)))
        .hasPrefix("InvalidName"))
  }

  @Test func definitionsAreChecked() {
    #expect(
      harness.error(
        "CreateStateMachine",
        ["name": "m", "definition": #"{"StartAt":"A"}"#, "roleArn": JSON(ServiceHarness.role)])
        == "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are "
        + "required: [States] at /'")
    #expect(
      harness.error("CreateStateMachine", ["name": "a:b", "definition": "{}", "roleArn": "x"])
        == "InvalidName: Invalid Name: 'a:b'")
  }

  @Test func described() {
    harness.create("m")
    let answer = harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
    #expect(answer["definition"]?.string == ServiceHarness.pass.text)
    #expect(answer["loggingConfiguration"] == ["includeExecutionData": false, "level": "OFF"])
    #expect(answer["encryptionConfiguration"] == ["type": "AWS_OWNED_KEY"])
    #expect(answer["tracingConfiguration"] == ["enabled": false])
    #expect(answer["status"] == "ACTIVE" && answer["type"] == "STANDARD" && answer["revisionId"] == nil)
    let keys = answer.object.map { $0.keys } ?? []
    #expect(keys == keys.sorted())
    #expect(
      harness.error("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("x"))])
        == "StateMachineDoesNotExist: State Machine Does Not Exist: '\(harness.arn("x"))'")
  }

  @Test func logging() {
    func error(_ logging: JSON) -> String {
      harness.error(
        "CreateStateMachine",
        [
          "name": "m", "definition": JSON(ServiceHarness.pass.text), "roleArn": JSON(ServiceHarness.role),
          "loggingConfiguration": logging,
        ])
    }
    #expect(
      error(["level": "ALL"])
        == "InvalidLoggingConfiguration: Invalid Logging Configuration: Must specify exactly one Log Destination."
    )
    let group: JSON = ["cloudWatchLogsLogGroup": ["logGroupArn": "arn:aws:logs:r:1:log-group:g:*"]]
    #expect(error(["level": "ALL", "destinations": [group, group]]).contains("exactly one"))
    func destination(_ arn: String) -> JSON {
      ["level": "ALL", "destinations": [["cloudWatchLogsLogGroup": ["logGroupArn": JSON(arn)]]]]
    }
    #expect(error(destination("arn:aws:logs:r:1:log-group:g")).hasSuffix("provided with '*' qualifier."))
    #expect(error(destination("arn:aws:sns:r:1:log-group:g:*")).contains("is not valid"))
    harness.create("é")
    #expect(
      harness.error(
        "UpdateStateMachine",
        [
          "stateMachineArn": JSON(harness.arn("é")),
          "loggingConfiguration": ["level": "ALL", "destinations": [group]],
        ]
      ).hasSuffix("must be ASCII."))
    harness.create(
      "logged", ServiceHarness.pass,
      [("loggingConfiguration", ["level": "ALL", "includeExecutionData": false, "destinations": [group]])])
    harness.start("logged", ["secret": 1])
    #expect(
      harness.logs.types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"])
    #expect(harness.logs.texts.first?["details"] == ["roleArn": JSON(ServiceHarness.role)])
  }

  @Test func updating() {
    harness.create("m")
    let arn = JSON(harness.arn("m"))
    #expect(
      harness.error("UpdateStateMachine", ["stateMachineArn": arn])
        == "MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the "
        + "TracingConfiguration must be specified")
    #expect(
      harness.error("UpdateStateMachine", ["stateMachineArn": arn, "publish": true])
        .hasPrefix("MissingRequiredParameter"))
    let same = harness.call(
      "UpdateStateMachine", ["stateMachineArn": arn, "definition": JSON(ServiceHarness.pass.text)])
    #expect(same["revisionId"] == nil)
    harness.host.advance(by: 1000)
    let changed = harness.call(
      "UpdateStateMachine", ["stateMachineArn": arn, "definition": JSON(ServiceHarness.wait.text)])
    #expect(changed["revisionId"] != nil && changed["updateDate"] != same["updateDate"])
    let again = harness.call(
      "UpdateStateMachine", ["stateMachineArn": arn, "definition": JSON(ServiceHarness.wait.text)])
    #expect(again == changed)
    #expect(
      harness.error("UpdateStateMachine", ["stateMachineArn": JSON(harness.arn("m") + ":1"), "roleArn": "x"])
        == "StateMachineDoesNotExist: State Machine Does Not Exist: '\(harness.arn("m")):1'")
  }

  @Test func runningExecutionsKeepTheirDefinition() {
    harness.create("m", ServiceHarness.wait)
    let execution = harness.start("m")
    harness.call(
      "UpdateStateMachine",
      ["stateMachineArn": JSON(harness.arn("m")), "definition": JSON(ServiceHarness.pass.text)])
    let answer = harness.call("DescribeStateMachineForExecution", ["executionArn": JSON(execution)])
    #expect(answer["definition"]?.string == ServiceHarness.wait.text)
    #expect(harness.status(execution) == "RUNNING")
  }

  @Test func listing() {
    for name in ["c", "a", "b"] { harness.create(name) }
    let page = harness.call("ListStateMachines", ["maxResults": 2])
    #expect(page["stateMachines"]?.array?.compactMap { $0["name"]?.string } == ["a", "b"])
    let rest = harness.call("ListStateMachines", ["nextToken": page["nextToken"] ?? .null])
    #expect(rest["stateMachines"]?.array?.compactMap { $0["name"]?.string } == ["c"])
    #expect(rest["nextToken"] == nil)
    #expect(
      harness.error("ListActivities", ["nextToken": page["nextToken"] ?? .null])
        == "InvalidToken: Invalid Token: 'Invalid token'")
  }

  @Test func versions() {
    harness.create("m")
    let arn = JSON(harness.arn("m"))
    let first = harness.call("PublishStateMachineVersion", ["stateMachineArn": arn, "description": "d"])
    #expect(first["stateMachineVersionArn"]?.string == harness.arn("m") + ":1")
    #expect(harness.call("PublishStateMachineVersion", ["stateMachineArn": arn]) == first)
    #expect(
      harness.error("PublishStateMachineVersion", ["stateMachineArn": arn, "revisionId": "x"])
        == "ConflictException: Failed to publish the State Machine version for revision x. The current State "
        + "Machine revision is INITIAL.")
    harness.call(
      "UpdateStateMachine",
      ["stateMachineArn": arn, "definition": JSON(ServiceHarness.wait.text), "publish": true])
    let listed = harness.call("ListStateMachineVersions", ["stateMachineArn": arn])
    #expect(
      listed["stateMachineVersions"]?.array?.compactMap { $0["stateMachineVersionArn"]?.string }
        == [harness.arn("m") + ":2", harness.arn("m") + ":1"])
    let version = harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m") + ":1")])
    #expect(version["description"] == "d" && version["definition"]?.string == ServiceHarness.pass.text)
    harness.call("DeleteStateMachineVersion", ["stateMachineVersionArn": JSON(harness.arn("m") + ":2")])
    let next = harness.call("PublishStateMachineVersion", ["stateMachineArn": arn])
    #expect(next["stateMachineVersionArn"]?.string == harness.arn("m") + ":3")
    #expect(
      harness.error("StartExecution", ["stateMachineArn": JSON(harness.arn("m") + ":2")])
        == "StateMachineDoesNotExist: State Machine Version Does Not Exist: '\(harness.arn("m")):2'")
  }

  @Test func aliasesRouteByWeight() {
    harness.create("m", ServiceHarness.pass, [("publish", true)])
    harness.call(
      "UpdateStateMachine",
      [
        "stateMachineArn": JSON(harness.arn("m")), "definition": JSON(ServiceHarness.wait.text),
        "publish": true,
      ])
    func route(_ weights: [Int]) -> JSON {
      JSON(
        weights.enumerated().map {
          ["stateMachineVersionArn": JSON("\(harness.arn("m")):\($0 + 1)"), "weight": JSON($1)]
        })
    }
    #expect(
      harness.error("CreateStateMachineAlias", ["name": "x", "routingConfiguration": route([70, 29])])
        == "ValidationException: Sum of routing configuration weights must equal 100. Received: [70, 29]")
    let made = harness.call(
      "CreateStateMachineAlias", ["name": "x", "routingConfiguration": route([70, 30])])
    let alias = made["stateMachineAliasArn"]?.string ?? ""
    #expect(
      harness.call("CreateStateMachineAlias", ["name": "x", "routingConfiguration": route([70, 30])]) == made)
    #expect(
      harness.error("CreateStateMachineAlias", ["name": "x", "routingConfiguration": route([60, 40])])
        .hasPrefix("ConflictException: Failed to create alias because an alias with the same name"))
    var versions: [String: Int] = [:]
    for _ in 0..<200 {
      let execution = harness.call("StartExecution", ["stateMachineArn": JSON(alias)])["executionArn"]?.string
      let described = harness.describe(execution ?? "")
      #expect(described["stateMachineAliasArn"]?.string == alias)
      versions[described["stateMachineVersionArn"]?.string ?? "", default: 0] += 1
    }
    #expect((115...165).contains(versions["\(harness.arn("m")):1"] ?? 0))
    let listed = harness.call("ListExecutions", ["stateMachineArn": JSON(alias), "maxResults": 1000])
    #expect(listed["executions"]?.count == 200)
    #expect(
      harness.error("DeleteStateMachineVersion", ["stateMachineVersionArn": JSON("\(harness.arn("m")):1")])
        == "ConflictException: Version to be deleted must not be referenced by an alias. Current list of "
        + "aliases referencing this version: [x]")
    #expect(
      harness.error("UpdateStateMachineAlias", ["stateMachineAliasArn": JSON(alias)])
        == "ValidationException: Either description or routing configuration must be specified")
    harness.call("UpdateStateMachineAlias", ["stateMachineAliasArn": JSON(alias), "description": "d"])
    let described = harness.call("DescribeStateMachineAlias", ["stateMachineAliasArn": JSON(alias)])
    #expect(described["description"] == "d" && described["updateDate"] != nil)
    harness.call("DeleteStateMachineAlias", ["stateMachineAliasArn": JSON(alias)])
    #expect(
      harness.error("UpdateStateMachineAlias", ["stateMachineAliasArn": JSON(alias), "description": "d"])
        == "ResourceNotFound: Request references a resource that does not exist.")
    harness.call("DeleteStateMachineAlias", ["stateMachineAliasArn": JSON(alias)])
    #expect(
      harness.error("DescribeStateMachineAlias", ["stateMachineAliasArn": JSON(alias)])
        == "ResourceNotFound: Resource not found: '\(alias)'")
  }

  @Test func aliasesInPagesWhileTheyGo() {
    harness.create("m", ServiceHarness.pass, [("publish", true)])
    let route: JSON = [["stateMachineVersionArn": JSON(harness.arn("m") + ":1"), "weight": 100]]
    for name in ["d", "c", "b", "a"] {
      harness.call("CreateStateMachineAlias", ["name": JSON(name), "routingConfiguration": route])
      harness.host.advance(by: 1)
    }
    func names(_ page: JSON) -> [String] {
      page["stateMachineAliases"]?.array?.compactMap {
        ($0["stateMachineAliasArn"]?.string?.split(separator: ":").last).map(String.init)
      } ?? []
    }
    let machine = JSON(harness.arn("m"))
    let first = harness.call("ListStateMachineAliases", ["stateMachineArn": machine, "maxResults": 2])
    let token = first["nextToken"] ?? .null
    #expect(names(first) == ["d", "c"])
    for gone in ["d", "c"] {
      harness.call(
        "DeleteStateMachineAlias", ["stateMachineAliasArn": JSON(harness.arn("m") + ":" + gone)])
      let rest = harness.call("ListStateMachineAliases", ["stateMachineArn": machine, "nextToken": token])
      #expect(names(rest) == ["b", "a"])
      #expect(rest["nextToken"] == nil)
    }
  }

  @Test func deletingWaitsForExecutions() {
    harness.create("m", ServiceHarness.wait)
    let execution = harness.start("m")
    harness.call("DeleteStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
    let described = harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
    #expect(described["status"] == "DELETING")
    #expect(
      harness.error("StartExecution", ["stateMachineArn": JSON(harness.arn("m"))])
        == "StateMachineDeleting: State Machine is being deleted: '\(harness.arn("m"))'")
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 60_000)
    #expect(
      harness.error("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
        .hasPrefix("StateMachineDoesNotExist"))
    #expect(
      harness.error("DescribeExecution", ["executionArn": JSON(execution)]).hasPrefix("ExecutionDoesNotExist")
    )
    harness.call("DeleteStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])
  }

  @Test func tags() {
    harness.create("m", ServiceHarness.pass, [("tags", [["key": "a", "value": "1"]])])
    let arn = JSON(harness.arn("m"))
    harness.call(
      "TagResource",
      ["resourceArn": arn, "tags": [["key": "a", "value": "2"], ["key": "b", "value": ""]]])
    #expect(
      harness.call("ListTagsForResource", ["resourceArn": arn])["tags"]
        == [["key": "a", "value": "2"], ["key": "b", "value": ""]])
    harness.call("UntagResource", ["resourceArn": arn, "tagKeys": ["a", "unknown"]])
    #expect(harness.call("ListTagsForResource", ["resourceArn": arn])["tags"]?.count == 1)
    #expect(
      harness.error("TagResource", ["resourceArn": arn, "tags": [["key": "aws:x", "value": ""]]])
        == "AccessDeniedException: Caller is an end user and not allowed to mutate system tags")
    #expect(
      harness.error("TagResource", ["resourceArn": arn, "tags": [["value": "x"], .null]])
        == "ValidationException: 2 validation errors detected: Value at 'tags.1.member.key' failed to satisfy "
        + "constraint: Member must not be null; Value at 'tags.2.member.key' failed to satisfy constraint: "
        + "Member must not be null")
    let many = JSON((0..<50).map { ["key": JSON("k\($0)"), "value": "v"] })
    #expect(harness.error("TagResource", ["resourceArn": arn, "tags": many]).hasPrefix("TooManyTags"))
    #expect(
      harness.error("ListTagsForResource", ["resourceArn": JSON(harness.arn("x"))])
        == "ResourceNotFound: Resource not found: '\(harness.arn("x"))'")
  }

  @Test func validation() {
    let bad: JSON = ["StartAt": "A", "States": ["A": ["Type": "Pass", "Next": "B"]]]
    let answer = harness.call(
      "ValidateStateMachineDefinition", ["definition": JSON(bad.text), "maxResults": 1])
    #expect(answer["result"] == "FAIL" && answer["diagnostics"]?.count == 1)
    #expect(answer["truncated"]?.bool == true)
    let good = harness.call(
      "ValidateStateMachineDefinition", ["definition": JSON(ServiceHarness.pass.text)])
    #expect(good == ["diagnostics": [], "result": "OK", "truncated": false])
    let text = harness.call("ValidateStateMachineDefinition", ["definition": "nonsense"])
    #expect(text["diagnostics"]?[0]?["code"] == "INVALID_JSON_DESCRIPTION")
  }

  @Test func variableReferences() {
    let definition = """
      {"StartAt":"A","States":{
        "A":{"Type":"Pass","Assign":{"x.$":"$.x","y":1},"Next":"B"},
        "B":{"Type":"Pass","Parameters":{"a.$":"States.Format('$z {}', $x)","b":"$y"},"Next":"C"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$y","IsPresent":true,"Next":"D"}],"Default":"D"},
        "D":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% ($t := $x; $sum([$y, $t])) %}","End":true}}}
      """
    let found = VariableReferences.of(definition)
    #expect(found.map(\.state) == ["B", "C", "D"])
    #expect(found.map(\.variables) == [["x"], ["y"], ["x", "y"]])
  }

  @Test func accountsAndRegionsAreApart() {
    harness.create("m")
    let execution = harness.start("m")
    let home = harness.scope
    for scope in [
      Scope(region: home.region, account: "210987654321"), Scope(region: "eu-west-1", account: home.account),
    ] {
      harness.scope = scope
      #expect(harness.call("ListStateMachines")["stateMachines"]?.count == 0)
      #expect(
        harness.error("DescribeStateMachine", ["stateMachineArn": JSON(home.machineARN("m"))])
          .hasPrefix("StateMachineDoesNotExist"))
      #expect(
        harness.error("StartExecution", ["stateMachineArn": JSON(home.machineARN("m"))])
          .hasPrefix("StateMachineDoesNotExist"))
      #expect(
        harness.error("DescribeExecution", ["executionArn": JSON(execution)]).hasPrefix(
          "ExecutionDoesNotExist"))
      harness.call("DeleteStateMachine", ["stateMachineArn": JSON(home.machineARN("m"))])
      harness.create("m", ServiceHarness.wait)
    }
    harness.scope = home
    #expect(
      harness.call("DescribeStateMachine", ["stateMachineArn": JSON(harness.arn("m"))])["definition"]?.string
        == ServiceHarness.pass.text)
  }
}
