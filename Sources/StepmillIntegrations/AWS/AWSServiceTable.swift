import Stepmill
import StepmillTasks

// The services that tasks can call. A new one is a row here; an operation of a JSON service that
// is called through `aws-sdk:` needs not even that.

enum AWSServiceTable {
  static let all: [AWSService] =
    [sqs, sns, dynamodb, eventBridge, S3Rows.service, logs] + plain

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
  private static let byOptimizedName = Dictionary(
    uniqueKeysWithValues: all.compactMap { row in row.optimized.map { ($0.name, row) } })

  /// The service of an `aws-sdk:` resource.
  static func sdk(_ name: String) -> AWSService? { byName[name] }
  /// The service of an optimized integration.
  static func optimized(_ name: String) -> AWSService? { byOptimizedName[name] }

  // MARK: With optimized integrations

  private static let sqs = AWSService(
    name: "sqs", id: "SQS", host: "sqs", signingName: "sqs",
    wire: .json(version: "1.0", target: "AmazonSQS"),
    optimized: AWSService.Optimized(name: "sqs", prefix: "SQS", client: "AmazonSQS"),
    sdkNames: [
      "MD5OfMessageBody": "Md5OfMessageBody", "MD5OfBody": "Md5OfBody",
      "MD5OfMessageAttributes": "Md5OfMessageAttributes",
      "MD5OfMessageSystemAttributes": "Md5OfMessageSystemAttributes",
    ],
    maps: ["MessageAttributes", "MessageSystemAttributes", "Attributes", "Tags"],
    operations: [
      AWSOperation(
        name: "SendMessage",
        request: AWSOperation.members(
          "QueueUrl!=text MessageBody!=json DelaySeconds=number MessageAttributes=object "
            + "MessageSystemAttributes=object MessageDeduplicationId=text MessageGroupId=text"),
        hasCallback: true)
    ])

  private static let sns = AWSService(
    name: "sns", id: "SNS", host: "sns", signingName: "sns", wire: .query(version: "2010-03-31"),
    optimized: AWSService.Optimized(name: "sns", prefix: "SNS", client: "AmazonSNS"),
    maps: ["MessageAttributes", "Attributes"],
    lists: ["Topics", "Subscriptions", "Tags", "Successful", "Failed"],
    operations: [
      AWSOperation(
        name: "Publish",
        request: AWSOperation.members(
          "Message!=json TopicArn=text TargetArn=text PhoneNumber=text Subject=text MessageStructure=text "
            + "MessageAttributes=object MessageGroupId=text MessageDeduplicationId=text"),
        hasCallback: true)
    ])

  private static let items =
    "TableName!=text ReturnConsumedCapacity=text ExpressionAttributeNames=object "
  private static let writes =
    items
    + "ConditionExpression=text ConditionalOperator=text Expected=object ExpressionAttributeValues=object "
    + "ReturnItemCollectionMetrics=text ReturnValues=text ReturnValuesOnConditionCheckFailure=text "

  private static let dynamodb = AWSService(
    name: "dynamodb", id: "DynamoDB", host: "dynamodb", signingName: "dynamodb",
    wire: .json(version: "1.0", target: "DynamoDB_20120810"),
    optimized: AWSService.Optimized(name: "dynamodb", prefix: "DynamoDB", client: "AmazonDynamoDBv2"),
    maps: [
      "Item", "Key", "Items", "Keys", "Attributes", "ExpressionAttributeValues", "ExpressionAttributeNames",
      "Expected", "AttributeUpdates", "RequestItems", "UnprocessedItems", "UnprocessedKeys", "Responses",
      "LastEvaluatedKey", "ExclusiveStartKey", "QueryFilter", "ScanFilter", "KeyConditions",
    ],
    operations: [
      AWSOperation(
        name: "GetItem",
        request: AWSOperation.members(
          items + "Key!=object AttributesToGet=list ConsistentRead=flag ProjectionExpression=text")),
      AWSOperation(name: "PutItem", request: AWSOperation.members(writes + "Item!=object")),
      AWSOperation(
        name: "UpdateItem",
        request: AWSOperation.members(writes + "Key!=object AttributeUpdates=object UpdateExpression=text")),
      AWSOperation(name: "DeleteItem", request: AWSOperation.members(writes + "Key!=object")),
    ])

  private static let eventBridge = AWSService(
    name: "eventbridge", id: "EventBridge", host: "events", signingName: "events",
    wire: .json(version: "1.1", target: "AWSEvents"),
    optimized: AWSService.Optimized(name: "events", prefix: "EventBridge", client: "AmazonEventBridge"),
    operations: [
      AWSOperation(
        name: "PutEvents", request: AWSOperation.members("Entries!=list EndpointId=text"),
        hasCallback: true, isBare: true, shape: entriesOfTask, failure: failedEntry)
    ])

  /// Details that are JSON become texts, and each entry says which execution of which state
  /// machine it comes from.
  @Sendable private static func entriesOfTask(_ request: JSON, _ run: TaskRun) -> JSON {
    guard let entries = request["Entries"]?.array else { return request }
    var request = request
    request["Entries"] = JSON(
      entries.map { entry in
        guard entry.kind == .object else { return entry }
        var entry = entry
        if let detail = entry["Detail"], detail.kind != .string { entry["Detail"] = JSON(detail.text) }
        let given = entry["Resources"]?.elementList ?? []
        entry["Resources"] = JSON(given + [JSON(run.executionARN), JSON(run.machineARN)])
        return entry
      })
    return request
  }

  @Sendable private static func failedEntry(_ response: JSON) -> TaskFailure? {
    guard let count = response["FailedEntryCount"]?.int, count > 0 else { return nil }
    return TaskFailure(error: "EventBridge.FailedEntry", cause: response.text)
  }

  // MARK: Through aws-sdk alone

  static let logs = AWSService(
    name: "cloudwatchlogs", id: "CloudWatch Logs", host: "logs", signingName: "logs",
    wire: .json(version: "1.1", target: "Logs_20140328"), casing: .camel, aliases: ["cloudwatch-logs"],
    maps: ["tags", "Tags"])

  private static func json(
    _ name: String, _ id: String, _ version: String, _ target: String, host: String? = nil,
    casing: AWSService.Casing = .pascal, maps: Set<String> = [], blobs: Set<String> = [],
    modelled: Set<String> = []
  ) -> AWSService {
    AWSService(
      name: name, id: id, host: host ?? name, signingName: host ?? name,
      wire: .json(version: version, target: target), casing: casing, maps: maps, blobs: blobs,
      modelled: modelled)
  }

  private static let plain: [AWSService] = [
    json("secretsmanager", "Secrets Manager", "1.1", "secretsmanager", blobs: ["SecretBinary"]),
    json("ssm", "SSM", "1.1", "AmazonSSM"),
    json(
      "kms", "KMS", "1.1", "TrentService", maps: ["EncryptionContext"],
      blobs: ["Plaintext", "CiphertextBlob", "Message", "Signature", "Mac"]),
    json("kinesis", "Kinesis", "1.1", "Kinesis_20131202", blobs: ["Data"]),
    json("firehose", "Firehose", "1.1", "Firehose_20150804", blobs: ["Data"]),
    json("glue", "Glue", "1.1", "AWSGlue", maps: ["Arguments", "DefaultArguments", "Tags"]),
    json("athena", "Athena", "1.1", "AmazonAthena"),
    json(
      "ecs", "ECS", "1.1", "AmazonEC2ContainerServiceV20141113", casing: .camel,
      maps: ["dockerLabels", "DockerLabels", "options", "Options"]),
    json("ecr", "ECR", "1.1", "AmazonEC2ContainerRegistry_V20150921", host: "api.ecr", casing: .camel),
    json("codebuild", "CodeBuild", "1.1", "CodeBuild_20161006", casing: .camel),
    json("codepipeline", "CodePipeline", "1.1", "CodePipeline_20150709", casing: .camel),
    json("dynamodbstreams", "DynamoDB Streams", "1.0", "DynamoDBStreams_20120810", host: "streams.dynamodb"),
    json("organizations", "Organizations", "1.1", "AWSOrganizationsV20161128"),
    json("servicediscovery", "ServiceDiscovery", "1.1", "Route53AutoNaming_v20170314"),
    json("translate", "Translate", "1.1", "AWSShineFrontendService_20170701"),
    json("transcribe", "Transcribe", "1.1", "Transcribe"),
    json("comprehend", "Comprehend", "1.1", "Comprehend_20171127"),
    json("rekognition", "Rekognition", "1.1", "RekognitionService", blobs: ["Bytes"]),
    json("textract", "Textract", "1.1", "Textract", blobs: ["Bytes"]),
    json("redshiftdata", "Redshift Data", "1.1", "RedshiftData", host: "redshift-data"),
    json("cloudtrail", "CloudTrail", "1.1", "CloudTrail_20131101"),
    json("config", "Config Service", "1.1", "StarlingDoveService"),
  ]
}
