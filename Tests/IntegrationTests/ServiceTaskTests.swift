import Stepmill
import StepmillTasks
import Testing

@testable import StepmillIntegrations

/// Proves what the optimized integrations and their `aws-sdk:` twins send, to the byte, and what
/// they make of answers and of errors, to the letter.
@Suite struct ServiceTaskTests {
  private let world: World
  private let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/queue"

  init() throws { world = try World() }

  @Test func queuesGetMessages() async throws {
    world.stub.answers(
      #"{"MessageId":"m-1","MD5OfMessageBody":"abc","SequenceNumber":null}"#)
    let output = await world.result(
      states("sqs:sendMessage"),
      [
        "QueueUrl": JSON(queue), "MessageBody": ["b": [1, 2.0], "a": "ü"], "DelaySeconds": 3,
        "MessageGroupId": .null,
      ])
    let asked = try #require(world.stub.asked.first)
    #expect(asked.method == "POST" && asked.target == "/")
    #expect(asked.header("X-Amz-Target") == "AmazonSQS.SendMessage")
    #expect(asked.header("Content-Type") == "application/x-amz-json-1.0")
    #expect(
      asked.text == #"{"QueueUrl":"\#(queue)","MessageBody":"{\"b\":[1,2.0],\"a\":\"ü\"}","DelaySeconds":3}"#)
    let authorization = asked.header("Authorization") ?? ""
    #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=test/"))
    #expect(authorization.contains("/eu-west-1/sqs/aws4_request"))
    #expect(
      output?.object?.keys == ["MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"])
    #expect(output?["SdkHttpMetadata"]?["HttpStatusCode"] == 200)
    #expect(output?["SdkHttpMetadata"]?["AllHttpHeaders"]?["x-amzn-RequestId"] == ["id-1"])
    #expect(output?["SdkHttpMetadata"]?["HttpHeaders"]?["Content-Type"] == "application/x-amz-json-1.0")
    #expect(output?["SdkResponseMetadata"] == ["RequestId": "id-1"])

    // The second SDK calls the member otherwise, tells no metadata, and makes no texts.
    let plain = await world.result(
      states("aws-sdk:sqs:sendMessage"), ["QueueUrl": JSON(queue), "MessageBody": "text"])
    #expect(plain?.text == #"{"Md5OfMessageBody":"abc","MessageId":"m-1"}"#)
    world.stub.answers(
      #"{"Messages":[{"MessageId":"1","Body":"{}","MD5OfBody":"x","Attributes":{"MD5OfBody":"mine"}}]}"#)
    let received = await world.result(
      states("aws-sdk:sqs:receiveMessage"), ["QueueUrl": JSON(queue), "MaxNumberOfMessages": 2])
    #expect(
      received?.text
        == #"{"Messages":[{"MessageId":"1","Body":"{}","Md5OfBody":"x","Attributes":{"MD5OfBody":"mine"}}]}"#)
    #expect(world.stub.asked.last?.header("X-Amz-Target") == "AmazonSQS.ReceiveMessage")
    #expect(world.stub.asked.last?.text == #"{"QueueUrl":"\#(queue)","MaxNumberOfMessages":2}"#)
    await world.end()
  }

  @Test func queuesThatAreNotThere() async throws {
    world.stub.answers(
      400,
      #"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#,
      headers: [("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")])
    let input: JSON = ["QueueUrl": JSON(queue), "MessageBody": "x"]
    #expect(
      await world.failure(states("sqs:sendMessage"), input)
        == "SQS.QueueDoesNotExistException: The specified queue does not exist. (Service: AmazonSQS; Status "
        + "Code: 400; Error Code: AWS.SimpleQueueService.NonExistentQueue; Request ID: id-1; Proxy: null)")
    #expect(
      await world.failure(states("aws-sdk:sqs:sendMessage"), input)
        == "Sqs.QueueDoesNotExistException: The specified queue does not exist. (Service: Sqs, Status Code: "
        + "400, Request ID: id-1) (SDK Attempt Count: 1)")
    // A host of nobody's is asked itself, as the queue's URL says.
    let foreign: JSON = ["QueueUrl": "http://no-such-queue.invalid/1/q", "MessageBody": "x"]
    #expect(
      await world.failure(states("sqs:sendMessage"), foreign)
        == "SQS.SdkClientException: Unable to execute HTTP request: no-such-queue.invalid: Name or service not "
        + "known")
    #expect(
      await world.failure(states("aws-sdk:sqs:sendMessage"), foreign)
        == "Sqs.SdkClientException: Unable to execute HTTP request: no-such-queue.invalid: Name or service not "
        + "known (SDK Attempt Count: 3)")
    await world.end()
  }

  @Test func requestsAreChecked() async throws {
    func refused(_ text: String, _ input: JSON) -> String {
      "States.Runtime: The Parameters '\(input)' could not be used to start the Task: [\(text)]"
    }
    let unknown: JSON = ["queueUrl": "x", "MessageBody": "y"]
    #expect(
      await world.failure(states("sqs:sendMessage"), unknown)
        == refused("The field \"queueUrl\" is not supported by Step Functions", unknown))
    let missing: JSON = ["MessageBody": "y"]
    #expect(
      await world.failure(states("sqs:sendMessage"), missing)
        == refused("The field 'QueueUrl' is required but was missing", missing))
    let wrong: JSON = ["TableName": 1, "Key": [:]]
    #expect(
      await world.failure(states("dynamodb:getItem"), wrong)
        == refused("The value of the field 'TableName' has an invalid format", wrong))
    #expect(world.stub.asked.isEmpty)
    // What is in no table is not taken, and neither is a pattern that a service does not have.
    for resource in [
      "sqs:deleteQueue", "dynamodb:getItem.waitForTaskToken", "sqs:sendMessage.sync", "aws-sdk:nowhere:do",
      "aws-sdk:s3:restoreObject", "states:startExecution", "aws-sdk:sfn:startExecution",
    ] {
      #expect(await world.failure(states(resource)) == "nobody takes it", "\(resource)")
    }
    await world.end()
  }

  @Test func topicsGetMessages() async throws {
    world.stub.answers(
      """
      <?xml version="1.0"?>
      <PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
        <MessageId>m&amp;1</MessageId></PublishResult>
        <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>
      """, headers: [("Content-Type", "text/xml")])
    let output = await world.result(
      states("sns:publish.waitForTaskToken"),
      [
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": ["a b": "c&d"],
        "MessageAttributes": ["k": ["DataType": "String", "StringValue": "v 1"]],
      ])
    #expect(output?["MessageId"] == "m&1" && output?["SdkHttpMetadata"]?["HttpStatusCode"] == 200)
    #expect(
      world.stub.asked[0].text
        == "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3At"
        + "&Message=%7B%22a+b%22%3A%22c%26d%22%7D&MessageAttributes.entry.1.Name=k"
        + "&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v+1"
    )
    #expect(
      world.stub.asked[0].header("Content-Type") == "application/x-www-form-urlencoded; charset=utf-8")

    world.stub.answers(
      404,
      """
      <ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>
      <Code>NotFound</Code><Message>Topic does not exist</Message></Error><RequestId>q</RequestId></ErrorResponse>
      """)
    #expect(
      await world.failure(states("sns:publish"), ["Message": "x"])
        == "SNS.NotFoundException: Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: "
        + "NotFound; Request ID: id-1; Proxy: null)")
    await world.end()
  }

  @Test func itemsComeAndGo() async throws {
    world.stub.answers(#"{"Item":{"id":{"S":"1"},"CreatedAt":{"N":"1700000000"}},"ConsumedCapacity":null}"#)
    let key: JSON = ["TableName": "t", "Key": ["id": ["S": "1"]], "ConsistentRead": true]
    let output = await world.result(states("dynamodb:getItem"), key)
    #expect(output?["Item"] == ["id": ["S": "1"], "CreatedAt": ["N": "1700000000"]])
    #expect(output?.object?.keys == ["Item", "SdkHttpMetadata", "SdkResponseMetadata"])
    #expect(world.stub.asked[0].header("X-Amz-Target") == "DynamoDB_20120810.GetItem")
    #expect(world.stub.asked[0].json == key)
    let plain = await world.result(states("aws-sdk:dynamodb:getItem"), key)
    #expect(plain == ["Item": ["id": ["S": "1"], "CreatedAt": ["N": "1700000000"]]])
    for (action, extra) in [
      ("putItem", ("Item", ["id": ["S": "1"]])), ("deleteItem", ("Key", ["id": ["S": "1"]])),
      ("updateItem", ("Key", ["id": ["S": "1"]])),
    ] as [(String, (String, JSON))] {
      world.stub.answers("{}")
      let input = JSON(members: [("TableName", "t"), (extra.0, extra.1), ("ReturnValues", "ALL_OLD")])
      #expect(await world.result(states("dynamodb:\(action)"), input)?["SdkResponseMetadata"] != nil)
      #expect(await world.result(states("aws-sdk:dynamodb:\(action)"), input)?.text == "{}")
    }

    world.stub.answers(
      400,
      #"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#
    )
    #expect(
      await world.failure(states("dynamodb:getItem"), key)
        == "DynamoDB.ResourceNotFoundException: Requested resource not found (Service: AmazonDynamoDBv2; Status "
        + "Code: 400; Error Code: ResourceNotFoundException; Request ID: id-1; Proxy: null)")
    #expect(
      await world.failure(states("aws-sdk:dynamodb:getItem"), key)
        == "DynamoDb.ResourceNotFoundException: Requested resource not found (Service: DynamoDb, Status Code: "
        + "400, Request ID: id-1) (SDK Attempt Count: 1)")
    world.stub.answers(
      400, #"{"__type":"com.amazon.coral.validate#ValidationException","Message":"1 error"}"#)
    #expect(
      await world.failure(states("dynamodb:getItem"), key)
        == "DynamoDB.AmazonDynamoDBException: 1 error (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: "
        + "ValidationException; Request ID: id-1; Proxy: null)")
    #expect(
      await world.failure(states("aws-sdk:dynamodb:getItem"), key)?.hasPrefix(
        "DynamoDb.DynamoDbException: 1 error") == true)
    await world.end()
  }

  @Test func eventsSayWhereTheyComeFrom() async throws {
    world.stub.answers(#"{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}"#)
    let entry: JSON = [
      "Detail": ["a": 1], "DetailType": "d", "Source": "s", "Resources": ["r"],
      "Time": "2026-01-02T03:04:05Z",
    ]
    let input: JSON = ["Entries": [entry]]
    let output = await world.result(states("events:putEvents"), input)
    #expect(output?.text == #"{"Entries":[{"EventId":"e"}],"FailedEntryCount":0}"#)
    let asked = world.stub.asked[0]
    #expect(asked.header("X-Amz-Target") == "AWSEvents.PutEvents")
    #expect(asked.header("Content-Type") == "application/x-amz-json-1.1")
    let sent = asked.json?["Entries"]?[0]
    #expect(sent?["Detail"] == #"{"a":1}"# && sent?["Time"] == 1_767_323_045)
    #expect(
      sent?["Resources"] == [
        "r", JSON(World.execution), "arn:aws:states:eu-west-1:123456789012:stateMachine:Machine",
      ])
    // Through the SDK nothing is added.
    _ = await world.result(states("aws-sdk:eventbridge:putEvents"), ["Entries": [["Detail": "{}"]]])
    #expect(world.stub.asked[1].text == #"{"Entries":[{"Detail":"{}"}]}"#)

    world.stub.answers(
      #"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InvalidArgument","ErrorMessage":"no"}]}"#)
    #expect(
      await world.failure(states("events:putEvents"), input)
        == #"EventBridge.FailedEntry: {"Entries":[{"ErrorCode":"InvalidArgument","ErrorMessage":"no"}],"FailedEntryCount":1}"#
    )
    await world.end()
  }

  @Test func objectsAreReadAndWritten() async throws {
    let etag = "\"2b5df3712557f503a9977a8ea893b2c9\""
    world.stub.answers(
      200, "",
      headers: [
        ("ETag", etag), ("x-amz-checksum-crc32", "KUmHvQ=="), ("x-amz-server-side-encryption", "AES256"),
      ])
    let put = await world.result(
      states("aws-sdk:s3:putObject"),
      ["Bucket": "b", "Key": "a dir/ü", "Body": "text data", "Metadata": ["Who": "me"]])
    #expect(put == ["ChecksumCRC32": "KUmHvQ==", "ETag": JSON(etag), "ServerSideEncryption": "AES256"])
    let asked = world.stub.asked[0]
    #expect(asked.method == "PUT" && asked.target == "/b/a%20dir/%C3%BC" && asked.text == "\"text data\"")
    #expect(asked.header("x-amz-checksum-crc32") == "KUmHvQ==" && asked.header("x-amz-meta-who") == "me")
    #expect(asked.header("x-amz-content-sha256")?.count == 64)
    #expect(asked.header("content-type") == "text/plain; charset=UTF-8")

    world.stub.answers(
      200, "text data",
      headers: [
        ("Content-Type", "binary/octet-stream"), ("ETag", etag), ("Accept-Ranges", "bytes"),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("x-amz-meta-Who", "me"),
      ])
    let read = await world.result(
      states("aws-sdk:s3:getObject"), ["Bucket": "b", "Key": "k", "VersionId": "1/2"])
    #expect(world.stub.asked[1].target == "/b/k?versionId=1%2F2")
    #expect(
      read?.text == #"{"AcceptRanges":"bytes","ContentLength":9,"ContentType":"binary/octet-stream","ETag":"#
        + #""\"2b5df3712557f503a9977a8ea893b2c9\"","LastModified":"1994-11-06T08:49:37Z","Metadata":{"who":"me"},"#
        + #""Body":"text data"}"#)

    world.stub.answers(
      """
      <ListBucketResult xmlns="x"><Name>b</Name><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>
      <IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>9</Size>
      <LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents></ListBucketResult>
      """, headers: [("Content-Type", "application/xml")])
    let list = await world.result(states("aws-sdk:s3:listObjectsV2"), ["Bucket": "b", "Prefix": "a/"])
    #expect(world.stub.asked[2].target == "/b?list-type=2&prefix=a%2F")
    #expect(
      list?.text == #"{"Contents":[{"Key":"k","Size":9,"LastModified":"2026-01-02T03:04:05Z"}],"#
        + #""IsTruncated":false,"KeyCount":1,"MaxKeys":1000,"Name":"b"}"#)

    world.stub.answers(
      404,
      "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><HostId>h</HostId></Error>"
    )
    #expect(
      await world.failure(states("aws-sdk:s3:getObject"), ["Bucket": "b", "Key": "k"])
        == "S3.NoSuchKeyException: The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "
        + "id-1, Extended Request ID: h) (SDK Attempt Count: 1)")
    #expect(
      await world.failure(states("aws-sdk:s3:getObject"), ["Bucket": "b"])
        == "S3.SdkClientException: Parameter 'Key' must not be null (SDK Attempt Count: 1)")
    await world.end()
  }

  /// A JSON service needs a row and nothing more, whatever the casing of its members.
  @Test func anyOperationOfAJSONService() async throws {
    world.stub.answers(#"{"SecretList":[{"Name":"n","CreatedDate":1767323045.5,"SecretBinary":"aGk="}]}"#)
    let secrets = await world.result(states("aws-sdk:secretsmanager:listSecrets"))
    #expect(world.stub.asked[0].header("X-Amz-Target") == "secretsmanager.ListSecrets")
    #expect(
      secrets?.text
        == #"{"SecretList":[{"Name":"n","CreatedDate":"2026-01-02T03:04:05.500Z","SecretBinary":"hi"}]}"#)
    world.stub.answers(#"{"logGroups":[{"logGroupName":"g","creationTime":5}]}"#)
    let groups = await world.result(
      states("aws-sdk:cloudwatchlogs:describeLogGroups"), ["LogGroupNamePrefix": "g"])
    #expect(world.stub.asked[1].text == #"{"logGroupNamePrefix":"g"}"#)
    #expect(groups?.text == #"{"LogGroups":[{"LogGroupName":"g","CreationTime":5}]}"#)
    world.stub.answers(400, #"{"__type":"ResourceNotFoundException","Message":"gone"}"#)
    #expect(
      await world.failure(states("aws-sdk:secretsmanager:getSecretValue"), ["SecretId": "x"])
        == "SecretsManager.ResourceNotFoundException: gone (Service: SecretsManager, Status Code: 400, Request ID: "
        + "id-1) (SDK Attempt Count: 1)")
    await world.end()
  }
}
