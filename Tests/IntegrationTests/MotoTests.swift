import Stepmill
import StepmillBatch
import StepmillTasks
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that a server of somebody else's, moto, takes our signatures and our requests, and that
/// we understand its answers. `Tests/Wire/integrations.py` starts it and looks at what has arrived.
@Suite(
  .enabled(
    if: ProcessEnvironment["STEPMILL_MOTO_URL"] != nil,
    "STEPMILL_MOTO_URL is not set: run Tests/Wire/integrations.py, which needs moto_server and boto3"))
struct MotoTests {
  private let world: World
  private let queue: JSON
  private let topic: JSON

  init() throws {
    let url = ProcessEnvironment["STEPMILL_MOTO_URL"] ?? ""
    world = try World(everything: false) { configuration, _ in
      configuration.environment = ["AWS_ENDPOINT_URL": url]
      configuration.region = "eu-west-1"
      for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        configuration.environment[name] = ProcessEnvironment[name]
      }
    }
    queue = JSON("\(url)/123456789012/stepmill")
    topic = JSON("arn:aws:sns:eu-west-1:123456789012:stepmill")
  }

  @Test func queuesAndTopics() async throws {
    let sent = await world.result(
      states("sqs:sendMessage"),
      [
        "QueueUrl": queue, "MessageBody": ["from": "optimized"],
        "MessageAttributes": ["k": ["DataType": "String", "StringValue": "v"]],
      ])
    #expect(sent?["MD5OfMessageBody"]?.string?.count == 32 && sent?["MessageId"]?.string?.count == 36)
    #expect(sent?["SdkHttpMetadata"]?["HttpStatusCode"] == 200)
    let plain = await world.result(
      states("aws-sdk:sqs:sendMessage"), ["QueueUrl": queue, "MessageBody": "from sdk"])
    #expect(plain?["Md5OfMessageBody"]?.string?.count == 32)
    let received = await world.result(
      states("aws-sdk:sqs:receiveMessage"), ["QueueUrl": queue, "MaxNumberOfMessages": 1])
    #expect(received?["Messages"]?[0]?["Body"] == #"{"from":"optimized"}"#)
    var gone = queue.string ?? ""
    gone += "-gone"
    let missing = await world.failure(
      states("sqs:sendMessage"), ["QueueUrl": JSON(gone), "MessageBody": "x"])
    #expect(
      missing?.hasPrefix("SQS.QueueDoesNotExistException: The specified queue does not exist") == true,
      "\(missing ?? "")")

    let published = await world.result(
      states("sns:publish"),
      [
        "TopicArn": topic, "Message": ["from": "sns & ü"],
        "MessageAttributes": ["k": ["DataType": "String", "StringValue": "v 1"]],
      ])
    #expect(published?["MessageId"]?.string?.count == 36, "\(published ?? .null)")
    #expect(
      await world.result(states("aws-sdk:sns:publish"), ["TopicArn": topic, "Message": "m"])?.object?.keys
        == ["MessageId"])
    let topics = await world.result(states("aws-sdk:sns:listTopics"))
    #expect(topics?["Topics"]?[0]?["TopicArn"] == topic, "\(topics ?? .null)")
    let nowhere = await world.failure(
      states("sns:publish"), ["TopicArn": JSON((topic.string ?? "") + "-gone"), "Message": "x"])
    #expect(
      nowhere?.hasPrefix(
        "SNS.NotFoundException: ") == true
        && nowhere?.contains(
          "(Service: AmazonSNS; Status Code: 404; Error Code: NotFound;"
        ) == true, "\(nowhere ?? "")")
    await world.end()
  }

  @Test func itemsAndEvents() async throws {
    let key: JSON = ["id": ["S": "1"]]
    let put = await world.result(
      states("dynamodb:putItem"), ["TableName": "stepmill", "Item": ["id": ["S": "1"], "n": ["N": "4"]]])
    #expect(put?["SdkHttpMetadata"] != nil)
    let changed = await world.result(
      states("dynamodb:updateItem"),
      [
        "TableName": "stepmill", "Key": key, "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": [":one": ["N": "1"]], "ReturnValues": "UPDATED_NEW",
      ])
    #expect(changed?["Attributes"] == ["n": ["N": "5"]])
    #expect(
      await world.result(states("aws-sdk:dynamodb:getItem"), ["TableName": "stepmill", "Key": key])
        == ["Item": ["id": ["S": "1"], "n": ["N": "5"]]])
    #expect(
      await world.result(states("aws-sdk:dynamodb:deleteItem"), ["TableName": "stepmill", "Key": key]) == [:])
    #expect(
      await world.result(states("dynamodb:getItem"), ["TableName": "stepmill", "Key": key])?["Item"] == nil)
    let missing = await world.failure(states("dynamodb:getItem"), ["TableName": "gone", "Key": key])
    #expect(
      missing?.hasPrefix(
        "DynamoDB.ResourceNotFoundException: Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: "
      ) == true, "\(missing ?? "")")

    let events = await world.result(
      states("events:putEvents"), ["Entries": [["Detail": ["a": 1], "DetailType": "d", "Source": "s"]]])
    #expect(events?["FailedEntryCount"] == 0 && events?["Entries"]?[0]?["EventId"] != nil)
    let failed = await world.failure(
      states("events:putEvents"), ["Entries": [["Detail": ["a": 1], "DetailType": "d"]]])
    #expect(
      failed?.hasPrefix("EventBridge.FailedEntry: {\"Entries\":[{\"ErrorCode\":\"InvalidArgument\"") == true,
      "\(failed ?? "")")
    #expect(await world.result(states("aws-sdk:secretsmanager:listSecrets")) == ["SecretList": []])
    await world.end()
  }

  @Test func objects() async throws {
    let name: JSON = ["Bucket": "stepmill", "Key": "a dir/ü+1"]
    var put = name
    put["Body"] = ["x": [1]]
    let written = await world.result(states("aws-sdk:s3:putObject"), put)
    #expect(written?["ETag"]?.string?.count == 34, "\(written ?? .null)")
    let read = await world.result(states("aws-sdk:s3:getObject"), name)
    #expect(read?["Body"] == #"{"x":[1]}"# && read?["ContentLength"] == 9, "\(read ?? .null)")
    #expect(read?["LastModified"]?.string?.hasSuffix("Z") == true)
    let list = await world.result(states("aws-sdk:s3:listObjectsV2"), ["Bucket": "stepmill", "Prefix": "a "])
    #expect(list?["Contents"]?[0]?["Size"] == 9 && list?["KeyCount"] == 1, "\(list ?? .null)")
    #expect(list?["Contents"]?[0]?["Key"] == "a dir/ü+1")
    for (resource, input, start) in [
      (
        "getObject", ["Bucket": "stepmill", "Key": "gone"],
        "S3.NoSuchKeyException: The specified key does not exist. (Service: S3, Status Code: 404, "
      ),
      (
        "listObjects", ["Bucket": "nobodys-bucket"],
        "S3.NoSuchBucketException: The specified bucket does not exist (Service: S3, Status Code: 404, "
      ),
    ] as [(String, JSON, String)] {
      let text = await world.failure(states("aws-sdk:s3:\(resource)"), input) ?? ""
      #expect(text.hasPrefix(start) && text.contains(", Extended Request ID: "), "\(text)")
    }
    await world.end()
  }

  /// Buckets under any key, in parts and in ranges.
  @Test func buckets() async throws {
    let bucket = try #require(try world.integrations.buckets?.bucket("stepmill"))
    var keys = (0x20...0x7E).map { "keys/k\(Character(Unicode.Scalar(UInt8($0))))k" }
    keys += ["a b+c", "ü/é/日本/😀", "%41", "a%2Fb", "&=?#", "~-._", "trailing/"].map { "keys/\($0)" }
    for key in keys {
      try await bucket.write(key, Array(key.utf8))
      #expect(try await bucket.read(key) == Array(key.utf8), "\(key)")
    }
    var listed: [String] = []
    while true {
      let page = try await bucket.list(prefix: "keys/", after: listed.last, limit: 7)
      listed += page.entries.map(\.key)
      if !page.isTruncated { break }
    }
    #expect(listed == keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    for key in keys { try await bucket.remove(key) }
    #expect(try await bucket.list(prefix: "keys/", after: nil, limit: 7).entries.isEmpty)

    for size in [0, 1, 5 << 20, (12 << 20) + 5] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
      let written = try await bucket.write("large", bytes)
      let object = try await bucket.open("large")
      #expect(object.entry.etag == written.etag && object.entry.size == size)
      #expect(try await bucket.read("large") == bytes)
    }
    #expect(await error { _ = try await bucket.open("gone") }?.kind == .noSuchKey)
    let nobodys = try #require(try world.integrations.buckets?.bucket("nobodys-bucket"))
    #expect(await error { _ = try await nobodys.open("k") }?.kind == .noSuchBucket)
    #expect(await error { try await nobodys.write("k", [1]) }?.kind == .noSuchBucket)
    // What changes is noticed.
    try await bucket.write("large", [UInt8](repeating: 1, count: 5 << 20))
    let object = try await bucket.open("large")
    try await bucket.write("large", [UInt8](repeating: 2, count: 5 << 20))
    #expect(await error { while try await object.next() != nil {} }?.kind == .changed)
    await world.end()
  }

  private func error(_ body: () async throws -> Void) async -> BucketError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? BucketError
    }
  }

  /// A wrong secret is noticed, which shows that the right one was looked at.
  @Test func wrongSignaturesAreRefused() async throws {
    let url = ProcessEnvironment["STEPMILL_MOTO_URL"] ?? ""
    let other = try World(everything: false) { configuration, _ in
      configuration.environment = [
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": ProcessEnvironment["AWS_ACCESS_KEY_ID"] ?? "",
        "AWS_SECRET_ACCESS_KEY": "wrong",
      ]
    }
    let text = await other.failure(states("aws-sdk:sqs:listQueues")) ?? ""
    #expect(text.contains("signature"), "\(text)")
    await other.end()
    await world.end()
  }

  @Test func logsAndStatusEventsArrive() async throws {
    let group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/stepmill:*"
    let log = try #require(world.integrations.log)
    let status = try #require(world.integrations.status)
    for number in 0..<2500 {
      log.log(
        LogRecord(
          logGroupARN: group, machineARN: "m", executionARN: "e",
          timestamp: world.runtime.wallMilliseconds - Int64(number),
          text: Array("{\"id\":\"\(number)\"}".utf8)))
    }
    for number in 0..<25 {
      status.changed(
        StatusChange(
          scope: World.scope, executionARN: World.execution, time: world.runtime.wallMilliseconds,
          detail: Array("{\"name\":\"\(number)\"}".utf8)))
    }
    await withCheckedContinuation { continuation in world.integrations.close { continuation.resume() } }
    let counters = world.integrations.counters
    #expect(counters.logs == SinkCounters(delivered: 2500))
    #expect(counters.status == SinkCounters(delivered: 25))
    await world.runtime.shutDown()
  }
}

/// What the test runner was started with.
enum ProcessEnvironment {
  static subscript(name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
