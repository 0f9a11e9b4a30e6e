import Stepmill
import StepmillTasks
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that services that are dead, slow, broken or too talkative make a task fail with AWS's
/// names, and never hang it.
@Suite struct FaultTests {
  private let input: JSON = ["TableName": "t", "Key": ["id": ["S": "1"]]]
  private let optimized = states("dynamodb:getItem")
  private let plain = states("aws-sdk:dynamodb:getItem")

  @Test func nobodyListens() async throws {
    // A port that was somebody's a moment ago.
    let other = try World()
    let port = other.base.split(separator: ":").last.map(String.init) ?? ""
    await other.end()
    let world = try World(everything: false) { configuration, _ in
      configuration.endpoints["DynamoDB"] = "http://localhost:\(port)/"
    }
    let text =
      "Unable to execute HTTP request: Connect to localhost:\(port) [localhost/127.0.0.1] failed: Connection "
      + "refused (Connection refused)"
    #expect(await world.failure(optimized, input) == "DynamoDB.SdkClientException: \(text)")
    #expect(
      await world.failure(plain, input) == "DynamoDb.SdkClientException: \(text) (SDK Attempt Count: 3)")
    #expect(await world.failure(states("sns:publish"), ["Message": "x"]) == "nobody takes it")
    await world.end()
  }

  @Test func nobodyAnswers() async throws {
    let world = try World { configuration, _ in
      configuration.totalMilliseconds = 300
      configuration.attemptsMax = 2
    }
    world.stub.answers { _, _ in Stub.Said(isSilent: true) }
    #expect(
      await world.failure(plain, input)
        == "DynamoDb.SdkClientException: Unable to execute HTTP request: Read timed out (SDK Attempt Count: 2)"
    )
    #expect(world.stub.asked.count == 2)
    await world.end()
  }

  @Test func troubleIsTriedAgain() async throws {
    let world = try World()
    world.stub.answers { _, before in
      var said = Stub.Said()
      if before < 2 {
        (said.status, said.body) = (503, "<html>busy</html>")
      } else {
        said.body = #"{"Item":{}}"#
      }
      return said
    }
    #expect(await world.result(plain, input) == ["Item": [:]])
    #expect(world.stub.asked.count == 3)
    world.stub.forget()
    world.stub.answers(503, "<html>busy</html>")
    #expect(
      await world.failure(plain, input)
        == "DynamoDb.DynamoDbException: null (Service: DynamoDb, Status Code: 503, Request ID: id-1) (SDK Attempt "
        + "Count: 3)")
    #expect(
      await world.failure(optimized, input)
        == "DynamoDB.AmazonDynamoDBException: null (Service: AmazonDynamoDBv2; Status Code: 503; Error Code: null; "
        + "Request ID: id-1; Proxy: null)")
    world.stub.forget()
    world.stub.answers(400, #"{"__type":"ProvisionedThroughputExceededException","message":"slow"}"#)
    #expect(
      await world.failure(plain, input)
        == "DynamoDb.ProvisionedThroughputExceededException: slow (Service: DynamoDb, Status Code: 400, Request ID: "
        + "id-1) (SDK Attempt Count: 3)")
    #expect(world.stub.asked.count == 3)
    // Each attempt is signed for itself, and what is wrong with a request stays wrong.
    world.stub.forget()
    world.stub.answers(400, #"{"__type":"ConditionalCheckFailedException","message":"no"}"#)
    _ = await world.failure(plain, input)
    #expect(world.stub.asked.count == 1)
    await world.end()
  }

  @Test func answersThatMakeNoSense() async throws {
    let world = try World { configuration, _ in configuration.responseBytesMax = 100_000 }
    for body in ["<html>", "[1]", "{\"a\":", "\u{0}"] {
      world.stub.answers(body)
      let text = await world.failure(optimized, input) ?? ""
      #expect(text.hasPrefix("DynamoDB.SdkClientException: Unable to unmarshall response ("), "\(text)")
      #expect(text.hasSuffix(". Response Code: 200, Response Text: OK"), "\(text)")
    }
    for body in ["", "<a>", "<!DOCTYPE x [<!ENTITY a 'b'>]><PublishResponse/>", "{}"] {
      world.stub.answers(body)
      let text = await world.failure(states("sns:publish"), ["Message": "x"]) ?? ""
      #expect(text.hasPrefix("SNS.SdkClientException: Unable to unmarshall response ("), "\(text)")
    }
    world.stub.answers(String(repeating: " ", count: 200_000))
    #expect(
      await world.failure(optimized, input)
        == "States.DataLimitExceeded: The state/task 'dynamodb' returned a result with a size exceeding the maximum "
        + "number of bytes service limit.")
    world.stub.answers(500, String(repeating: " ", count: 200_000))
    #expect(await world.failure(optimized, input)?.hasPrefix("States.DataLimitExceeded") == true)
    await world.end()
  }

  /// Keys go to strangers only where somebody gave some.
  @Test func credentialsAndEndpoints() async throws {
    let away = Endpoints(["sqs": "http://10.1.2.3:1"], environment: [:])
    let stranger = try #require(away.endpoint(names: ["sqs"], environmentName: "SQS"))
    #expect(away.credentials(for: stranger) == nil)
    for near in ["http://localhost:1", "http://x.localhost", "http://127.0.0.9:4", "http://[::1]:9/path"] {
      #expect(away.credentials(for: Endpoint(near))?.accessKey == "test", "\(near)")
    }
    let keys = Endpoints(
      [:], environment: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"])
    #expect(
      keys.credentials(for: stranger)
        == AWSCredentials(accessKey: "a", secretKey: "b", sessionToken: "c"))

    let environment = [
      "AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_SQS": "http://b:1",
      "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://c:1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://d:1",
    ]
    let all = Endpoints(["EVENTS": "http://e:1/"], environment: environment)
    func base(_ name: String) -> String? { AWSServiceTable.sdk(name).flatMap { all.endpoint(of: $0) }?.base }
    #expect(base("sqs") == "http://b:1" && base("sns") == "http://a:1" && base("eventbridge") == "http://e:1")
    #expect(base("cloudwatchlogs") == "http://c:1" && base("secretsmanager") == "http://d:1")
    let ignoring = Endpoints(
      [:], environment: environment.merging(["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"]) { $1 })
    #expect(AWSServiceTable.sdk("sqs").flatMap { ignoring.endpoint(of: $0) } == nil)

    let world = try World(everything: false) { configuration, _ in
      configuration.endpoints["dynamodb"] = "http://192.0.2.1:1"
    }
    #expect(
      await world.failure(plain, input)
        == "DynamoDb.SdkClientException: Unable to load AWS credentials from any provider in the chain (SDK Attempt "
        + "Count: 1)")
    await world.end()
  }

  /// Two rows never share a name under which an endpoint is given.
  @Test func namesOfEndpointsAreUnambiguous() {
    var owners: [String: String] = ["lambda": "lambda"]
    for service in AWSServiceTable.all {
      for name in service.endpointNames {
        #expect(owners[name] == nil, "\(name): \(owners[name] ?? "") and \(service.name)")
        owners[name] = service.name
      }
    }
  }
}
