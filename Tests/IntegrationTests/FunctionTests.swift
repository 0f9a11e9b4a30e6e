import Stepmill
import StepmillServer
import StepmillTasks
import Synchronization
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that functions are found by their names, called by whatever was given for them, and
/// fail with Lambda's names.
@Suite struct FunctionTests {
  private let arn = "arn:aws:lambda:eu-west-1:123456789012:function:charge"

  @Test func functionsBehindURLs() async throws {
    let world = try World(everything: false) { configuration, base in
      configuration.functions = [
        NamedFunction(name: "*", url: "\(base)/any"),
        NamedFunction(name: "charge", url: "\(base)/charge?x=1"),
      ]
    }
    world.stub.answers(#"{"paid":true}"#)
    #expect(await world.result(arn, ["amount": 1])?.text == #"{"paid":true}"#)
    #expect(await world.result("\(arn):live", ["amount": 2]) != nil)
    let invoked = await world.result(
      states("lambda:invoke"), ["FunctionName": "other", "Payload": ["a": 1], "ClientContext": "c"])
    #expect(invoked?["Payload"] == ["paid": true] && invoked?["StatusCode"] == 200)
    #expect(invoked?["ExecutedVersion"] == "$LATEST")
    let plain = await world.result(
      states("aws-sdk:lambda:invoke"), ["FunctionName": "other", "Payload": ["a": 1]])
    #expect(plain?.text == #"{"ExecutedVersion":"$LATEST","Payload":"{\"paid\":true}","StatusCode":200}"#)
    let targets = world.stub.asked.map(\.target)
    #expect(targets == ["/charge?x=1", "/charge?x=1", "/any", "/any"])
    #expect(world.stub.asked[0].text == #"{"amount":1}"#)
    #expect(world.stub.asked[0].header("Authorization") == nil)
    #expect(world.stub.asked[2].header("X-Amz-Client-Context") == "c")
    #expect(
      await world.result(states("lambda:invoke"), ["FunctionName": "x", "InvocationType": "Event"])?[
        "StatusCode"] == 202)
    #expect(
      await world.result(states("lambda:invoke"), ["FunctionName": "x", "InvocationType": "DryRun"])?[
        "StatusCode"] == 204)
    #expect(
      await world.failure(states("aws-sdk:lambda:invoke"), ["FunctionName": "x", "InvocationType": "Bogus"])?
        .hasPrefix("Lambda.LambdaException: 1 validation error detected: Value 'Bogus' at 'invocationType' ")
        == true)
    // The event may arrive when it likes, these two never.
    let types = world.stub.asked.compactMap { $0.header("X-Amz-Invocation-Type") }
    #expect(types.allSatisfy { ["RequestResponse", "Event"].contains($0) })

    let raised = #"{"errorType":"Broke","errorMessage":"no money"}"#
    world.stub.answers(200, raised, headers: [("X-Amz-Function-Error", "Unhandled")])
    #expect(await world.failure(arn) == "Broke: \(raised)")
    #expect(
      await world.result(states("aws-sdk:lambda:invoke"), ["FunctionName": "x"])?["FunctionError"]
        == "Unhandled")
    // The emulator of Lambda's runtime says it in the body alone; others by a status.
    world.stub.answers(raised)
    #expect(await world.failure(arn) == "Broke: \(raised)")
    world.stub.answers(500, raised)
    #expect(await world.failure(arn) == "Broke: \(raised)")
    world.stub.answers(503, "busy")
    #expect(
      await world.failure(arn)
        == "Lambda.ServiceException: busy (Service: AWSLambda; Status Code: 503; Error Code: ServiceException; "
        + "Request ID: id-1; Proxy: null)")
    world.stub.answers(429, #"{"message":"Rate exceeded"}"#)
    #expect(await world.failure(arn)?.hasPrefix("Lambda.TooManyRequestsException: Rate exceeded (") == true)
    await world.end()
  }

  @Test func theLambdaService() async throws {
    let world = try World()
    world.stub.answers(404, #"{"Message":"Function not found"}"#)
    #expect(
      await world.failure(states("lambda:invoke"), ["FunctionName": "x", "InvocationType": "DryRun"])?
        .hasPrefix("Lambda.ResourceNotFoundException: Function not found: ") == true)
    #expect(world.stub.asked[0].header("X-Amz-Invocation-Type") == "DryRun")
    world.stub.forget()
    world.stub.answers(200, "[1]", headers: [("X-Amz-Executed-Version", "7")])
    let output = await world.result(
      states("lambda:invoke.waitForTaskToken"), ["FunctionName": "charge:live", "Payload": "text"])
    #expect(output?["ExecutedVersion"] == "7" && output?["Payload"] == [1])
    let asked = world.stub.asked[0]
    #expect(asked.target == "/2015-03-31/functions/charge/invocations?Qualifier=live")
    #expect(asked.text == "\"text\"" && asked.header("X-Amz-Invocation-Type") == "RequestResponse")
    #expect(asked.header("Authorization")?.contains("/eu-west-1/lambda/aws4_request") == true)
    // A function of another account goes by its whole ARN, signed for its own region.
    _ = await world.result("arn:aws:lambda:us-west-2:999999999999:function:charge")
    #expect(
      world.stub.asked[1].target
        == "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A999999999999%3Afunction%3Acharge/invocations"
    )
    #expect(world.stub.asked[1].header("Authorization")?.contains("/us-west-2/lambda/") == true)

    world.stub.answers(
      404, #"{"Type":"User","Message":"Function not found"}"#,
      headers: [("x-amzn-ErrorType", "ResourceNotFoundException")])
    #expect(
      await world.failure(arn)
        == "Lambda.ResourceNotFoundException: Function not found: \(arn):$LATEST (Service: AWSLambda; Status Code: "
        + "404; Error Code: ResourceNotFoundException; Request ID: made-id; Proxy: null)")
    world.stub.answers(
      429, #"{"message":"Rate Exceeded."}"#,
      headers: [("x-amzn-ErrorType", "TooManyRequestsException:http://x")])
    #expect(
      await world.failure(arn)
        == "Lambda.TooManyRequestsException: Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: "
        + "TooManyRequestsException; Request ID: id-1; Proxy: null)")
    // One that may have run is not run again.
    await world.end()
    let hasty = try World { configuration, _ in configuration.functionMilliseconds = 300 }
    hasty.stub.answers { _, _ in Stub.Said(isSilent: true) }
    #expect(
      await hasty.failure(arn) == "Lambda.SdkClientException: Unable to execute HTTP request: Read timed out")
    #expect(hasty.stub.asked.count == 1)
    await hasty.end()
  }

  @Test func commands() async throws {
    let world = try World(everything: false) { configuration, _ in
      configuration.commands = [
        NamedCommand(name: "charge", line: "cat"),
        NamedCommand(name: "fail", line: "echo the end >&2; exit 3"),
        NamedCommand(name: "named", line: #"echo '{"Error":"Mine","Cause":"so it is"}'; exit 1"#),
        NamedCommand(
          name: "environment", line: #"echo "$STEPMILL_STATE|$STEPMILL_EXECUTION|$STEPMILL_RETRY_COUNT""#),
        NamedCommand(name: states("sqs:sendMessage.waitForTaskToken"), line: "cat"),
        NamedCommand(name: "Special", line: "echo special"),
      ]
      configuration.responseBytesMax = 1000
    }
    func function(_ name: String) -> String { "arn:aws:lambda:eu-west-1:123456789012:function:\(name)" }
    #expect(await world.result(arn, ["a": [1, 2]]) == ["a": [1, 2]])
    // Called as a function it gets the payload, and its result is wrapped.
    let invoked = await world.result(
      states("lambda:invoke"), ["FunctionName": "charge", "Payload": ["a": 1]])
    #expect(invoked?["Payload"] == ["a": 1] && invoked?["SdkHttpMetadata"] != nil)
    #expect(await world.failure(function("fail")) == "Stepmill.CommandFailed: exit status 3: the end")
    #expect(
      await world.failure(states("lambda:invoke"), ["FunctionName": "fail"])
        == "Stepmill.CommandFailed: exit status 3: the end")
    #expect(await world.failure(function("named")) == "Mine: so it is")
    #expect(
      await world.result(function("environment"), [:], state: "Do it")
        == JSON("Do it|\(World.execution)|0"))
    // Nobody will send a token for a command: its end is the task's.
    guard
      case .ended(.success(["x": 1])) = await world.reply(
        states("sqs:sendMessage.waitForTaskToken"), ["x": 1])
    else { return #expect(Bool(false)) }
    #expect(await world.result("anything", [:], state: "Special") == "special")
    #expect(await world.failure("anything", [:]) == "nobody takes it")
    #expect(
      await world.failure(states("lambda:invoke"), ["FunctionName": "nobody"])?.hasPrefix(
        "Lambda.ResourceNotFoundException") == true)
    #expect(
      await world.failure(arn, JSON(String(repeating: "x", count: 2000)))
        == "Stepmill.CommandFailed: its output is too long")
    await world.end()
  }

  @Test func manyCommandsTakeTurns() async throws {
    let world = try World(everything: false) { configuration, _ in
      configuration.commands = [NamedCommand(name: "charge", line: "cat")]
      configuration.commandsMax = 3
      configuration.commandsQueuedMax = 100
    }
    let good = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<60 {
        group.addTask { await world.result(arn, ["n": JSON(number)]) == ["n": JSON(number)] }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(good == 60)
    // A process is counted until it is gone, which may be after its answer.
    let deadline = ContinuousClock.now + .seconds(30)
    while world.integrations.commands != (0, 0), ContinuousClock.now < deadline { await Task.yield() }
    #expect(world.integrations.commands == (0, 0))
    await world.end()
  }

  /// A command that is given up, or takes too long, goes with everything that it has started.
  @Test func commandsLeaveNothingBehind() async throws {
    let path = "/tmp/stepmill-commands-\(getpid())"
    unlink(path)
    let hasty = try World(everything: false) { configuration, _ in
      configuration.commands = [NamedCommand(name: "charge", line: "sleep 1000 & sleep 1000")]
      configuration.functionMilliseconds = 100
    }
    #expect(await hasty.failure(arn) == "Stepmill.CommandFailed: it did not end within 0.1 seconds")
    await hasty.end()

    let world = try World(everything: false) { configuration, _ in
      configuration.commands = [
        // The child of the shell writes its number, and sleeps longer than any test.
        NamedCommand(name: "sleep", line: "sh -c 'echo $$ > \(path); exec sleep 1000'; true"),
        NamedCommand(name: "charge", line: "echo done"),
      ]
      configuration.commandsMax = 1
    }
    let abandon = Lock<(@Sendable () -> Void)?>(nil)
    let run = world.run(
      "arn:aws:lambda:eu-west-1:123456789012:function:sleep", [:],
      whenAbandoned: { body in abandon.withLock { $0 = body } })
    let service = try #require(
      world.integrations.resolvers.lazy.compactMap { $0.service(for: run.resource) }.first)
    let replies = Lock(0)
    service.begin(run) { _ in replies.withLock { $0 += 1 } }
    var child: pid_t?
    while child == nil {
      await Task.yield()
      child = (try? text(of: path)).flatMap { pid_t($0.filter(\.isNumber)) }
    }
    abandon.withLock { $0 }?()
    // The next command gets its turn only when this one is over.
    #expect(await world.result(arn) == "done")
    // Gone, or dead and not yet taken note of by whoever adopted it.
    let status = try text(of: "/proc/\(child ?? 0)/stat")
    #expect(status.isEmpty || status.contains(") Z "), "\(status)")
    #expect(replies.withLock { $0 } == 0)
    unlink(path)
    await world.end()
  }

  private func text(of path: String) throws -> String {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = read(file, &bytes, bytes.count)
    let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    return text.hasSuffix("\n") ? text : ""
  }
}

/// Proves that canned answers are read in both forms, and given in order.
@Suite struct MockTests {
  private func table(_ text: String) throws -> MockTable { try MockTable(parsing: Array(text.utf8)) }

  @Test func statesResourcesAndMachines() async throws {
    let mocks = try table(
      #"""
      {"Charge": {"Return": {"id": 1}, "DelayMilliseconds": 1},
       "Reserve": [{"Throw": {"Error": "Busy", "Cause": "later"}}, {"result": "{\"ok\":true}"}],
       "notify": {"errorOutput": {"error": "E"}},
       "StateMachines": {"Machine": {"Charge": {"result": {"id": 2}}}}}
      """#)
    #expect(mocks.names == ["Charge", "Reserve", "notify"])
    let world = try World { configuration, _ in configuration.mocks = mocks }
    #expect(await world.result("x", [:], state: "Charge") == ["id": 2])
    let other = world.run("x", [:], state: "Charge", execution: "arn:aws:states:r:a:execution:Other:e")
    guard case .ended(.success(["id": 1])) = await world.reply(other) else { return #expect(Bool(false)) }
    #expect(await world.failure("x", [:], state: "Reserve") == "Busy: later")
    #expect(await world.result("x", [:], state: "Reserve") == ["ok": true])
    #expect(await world.result("x", [:], state: "Reserve") == ["ok": true])
    // Each execution begins with the first.
    let next = world.run("x", [:], state: "Reserve", execution: "arn:aws:states:r:a:execution:Machine:e2")
    guard case .ended(.failure) = await world.reply(next) else { return #expect(Bool(false)) }
    #expect(await world.failure("arn:aws:lambda:r:a:function:notify") == "E")
    // What is not mocked goes where it went before.
    world.stub.answers(#"{"SecretList":[]}"#)
    #expect(await world.result(states("aws-sdk:secretsmanager:listSecrets")) == ["SecretList": []])
    await world.end()
  }

  @Test(arguments: [
    ("[]", "the mocks must be an object with a member for each state or resource"),
    ("{", "the mocks are no JSON: "),
    (#"{"A":1}"#, "/A must be an object"), (#"{"A":[]}"#, "/A must not be an empty list"),
    (#"{"A":[{"Return":1},{"Retrun":1}]}"#, "/A/1 does not know \"Retrun\""),
    (#"{"A":{"Return":1,"Throw":{"Error":"x"}}}"#, "/A needs either "),
    (#"{"A":{"Throw":{"Cause":"x"}}}"#, "/A/Throw needs a string \"Error\""),
    (#"{"A":{"Throw":{"Error":"x","Cause":1}}}"#, "/A/Throw/Cause must be a string"),
    (#"{"A":{"Return":1,"DelayMilliseconds":-1}}"#, "/A/DelayMilliseconds must be a whole number"),
    (#"{"StateMachines":{"M":3}}"#, "/StateMachines/M must be an object"),
  ])
  func mistakesAreNamed(_ text: String, _ message: String) {
    do throws(MockError) {
      _ = try MockTable(parsing: Array(text.utf8))
      Issue.record("no error")
    } catch {
      #expect(error.description.hasPrefix(message), "\(error)")
    }
  }
}

/// Proves that `http:invoke` sends what AWS sends and refuses what AWS refuses.
@Suite struct HTTPTaskTests {
  @Test func requestsAndResults() async throws {
    let world = try World(everything: false)
    world.stub.answers(
      200, #"{"a":1}"#, headers: [("Content-Type", "application/json;charset=utf-8"), ("X-More", "1")])
    let output = await world.result(
      states("http:invoke"),
      [
        "ApiEndpoint": JSON("\(world.base)/p?x=1"), "Method": "POST",
        "Headers": ["X-A": ["1", "2"], "X-B": "3"],
        "QueryParameters": ["q": ["a b", "ü"], "n": 5], "RequestBody": ["b": true],
      ])
    let asked = world.stub.asked[0]
    #expect(asked.method == "POST" && asked.target == "/p?x=1&q=a%20b&q=%C3%BC&n=5")
    #expect(asked.text == #"{"b":true}"# && asked.header("Content-Type") == "application/json; charset=UTF-8")
    #expect(asked.headers.filter { $0.name == "X-A" }.map(\.value) == ["1", "2"])
    #expect(asked.header("User-Agent") == "Amazon|StepFunctions|HttpInvoke|eu-west-1")
    #expect(asked.header("Range") == "bytes=0-262144")
    #expect(output?.object?.keys == ["Headers", "ResponseBody", "StatusCode", "StatusText"])
    #expect(output?["ResponseBody"] == ["a": 1] && output?["StatusText"] == "OK")
    #expect(output?["Headers"]?["x-more"] == ["1"])

    func input(_ more: [(key: String, value: JSON)] = []) -> JSON {
      JSON(members: [("ApiEndpoint", JSON(world.base)), ("Method", "POST")] + more)
    }
    for (format, text) in [
      ("INDICES", "a%5B0%5D=x&a%5B1%5D=y&o%5Bk%5D=1"), ("REPEAT", "a=x&a=y&o%5Bk%5D=1"),
      ("COMMAS", "a=x%2Cy&o%5Bk%5D=1"), ("BRACKETS", "a%5B%5D=x&a%5B%5D=y&o%5Bk%5D=1"),
    ] {
      world.stub.forget()
      _ = await world.result(
        states("http:invoke"),
        input([
          ("RequestBody", ["a": ["x", "y"], "o": ["k": 1]]),
          (
            "Transform",
            ["RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": ["ArrayFormat": JSON(format)]]
          ),
        ]))
      #expect(world.stub.asked[0].text == text, "\(format)")
      #expect(world.stub.asked[0].header("Content-Type") == "application/x-www-form-urlencoded")
    }

    let refused = input([("Headers", ["authorization": "x", "X-Amz-Y": "1"])])
    #expect(
      await world.failure(states("http:invoke"), refused)
        == "States.Runtime: The Parameters '\(refused)' could not be used to start the Task: [The 'Headers' field "
        + "contains unsupported values: [authorization, x-amz-y]]")
    for (status, cause) in [(400, "Bad Request"), (302, "Found"), (503, "Service Unavailable"), (418, "")] {
      world.stub.answers(status, "discarded")
      let text = "States.Http.StatusCode.\(status): \(cause)"
      #expect(await world.failure(states("http:invoke"), input()) == text)
    }
    world.stub.answers(200, "x", headers: [("Content-Type", "image/png")])
    #expect(
      await world.failure(states("http:invoke"), input())
        == "States.Runtime: Unsupported response content-type 'image/png'. Please see documentation for list of "
        + "unsupported content-types.")
    #expect(
      await world.failure(
        states("http:invoke"), ["ApiEndpoint": "http://127.0.0.1:1/", "Method": "GET"])?.hasPrefix(
          "States.Http.Socket: ") == true)
    let odd: JSON = ["ApiEndpoint": "file:///etc/passwd", "Method": "GET"]
    #expect(
      await world.failure(states("http:invoke"), odd)?.hasSuffix(
        "[The value of the field 'ApiEndpoint' has an invalid format]") == true)
    await world.end()
  }

  /// What went over the wire is told to whoever asks, of bad answers and of none as well.
  @Test func exchangesAreTraced() async throws {
    let world = try World(everything: false)
    func exchange(_ url: String) async -> TaskExchange? {
      let slot = Mutex<TaskExchange?>(nil)
      let run = TaskRun(
        resource: TaskResourceName(states("http:invoke")),
        input: ["ApiEndpoint": JSON(url), "Method": "POST", "RequestBody": "b", "QueryParameters": ["q": 1]],
        scope: World.scope, executionARN: World.execution, state: "T",
        trace: { exchange in slot.withLock { $0 = exchange } })
      _ = await world.reply(run)
      return slot.withLock { $0 }
    }
    world.stub.answers(404, "gone")
    let told = await exchange("\(world.base)/p")
    #expect(
      told?.method == "POST" && told?.url == "\(world.base)/p?q=1" && told?.request.body == Array("b".utf8))
    #expect(told?.request.headers.contains { $0.name == "Range" } == true)
    #expect(told?.response?.status == 404 && told?.response?.text == "Not Found")
    #expect(told?.response?.message.body == Array("gone".utf8))
    let silent = await exchange("http://127.0.0.1:1/")
    #expect(silent?.method == "POST" && silent?.response == nil)
    await world.end()
  }
}
