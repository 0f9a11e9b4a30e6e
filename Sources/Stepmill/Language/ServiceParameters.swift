// What is known of the requests of AWS's services (`aws-sdk:` resources) before they are made.
//
// The service checks them against its models of all APIs. Here is what holds for all of them
// (members begin with a capital letter), and the required members of the actions that
// workflows call most. What a definition has beyond that is left to the call: a table of
// thousands of operations would age, and a wrong refusal is worse than a late one.

/// The members that a request must have.
private struct RequestModel {
  enum Kind {
    case string
    case integer
    /// Structures, and bytes: any JSON is taken.
    case any
  }

  var required: [(name: String, kind: Kind)]

  init(_ members: String) {
    required = members.split(separator: " ").map { member in
      switch member.last {
      case "*": (String(member.dropLast()), .any)
      case "#": (String(member.dropLast()), .integer)
      default: (String(member), .string)
      }
    }
  }
}

private enum RequestModels {
  static func named(_ action: Substring) -> RequestModel? { all[String(action)] }

  /// `*` marks members of any kind.
  private static let all: [String: RequestModel] = [
    "s3:getObject": "Bucket Key", "s3:headObject": "Bucket Key", "s3:deleteObject": "Bucket Key",
    "s3:putObject": "Bucket Key Body*", "s3:listObjects": "Bucket", "s3:listObjectsV2": "Bucket",
    "dynamodb:getItem": "TableName Key*", "dynamodb:putItem": "TableName Item*",
    "dynamodb:deleteItem": "TableName Key*", "dynamodb:updateItem": "TableName Key*",
    "dynamodb:query": "TableName", "dynamodb:scan": "TableName", "dynamodb:batchWriteItem": "RequestItems*",
    "dynamodb:batchGetItem": "RequestItems*", "dynamodb:transactWriteItems": "TransactItems*",
    "sqs:sendMessage": "QueueUrl MessageBody", "sqs:receiveMessage": "QueueUrl",
    "sqs:deleteMessage": "QueueUrl ReceiptHandle", "sqs:createQueue": "QueueName",
    "sqs:deleteQueue": "QueueUrl", "sqs:purgeQueue": "QueueUrl", "sqs:getQueueUrl": "QueueName",
    "sns:publish": "Message", "lambda:invoke": "FunctionName", "lambda:getFunction": "FunctionName",
    "lambda:deleteFunction": "FunctionName", "sfn:startExecution": "StateMachineArn",
    "sfn:startSyncExecution": "StateMachineArn", "sfn:stopExecution": "ExecutionArn",
    "sfn:describeExecution": "ExecutionArn", "sfn:sendTaskSuccess": "TaskToken Output*",
    "sfn:sendTaskFailure": "TaskToken", "sfn:sendTaskHeartbeat": "TaskToken",
    "sfn:getActivityTask": "ActivityArn", "eventbridge:putEvents": "Entries*", "ssm:getParameter": "Name",
    "ssm:putParameter": "Name Value", "secretsmanager:getSecretValue": "SecretId",
    "secretsmanager:createSecret": "Name", "kms:encrypt": "KeyId Plaintext*",
    "kms:decrypt": "CiphertextBlob*",
    "glue:startJobRun": "JobName", "glue:getJobRun": "JobName RunId", "glue:startCrawler": "Name",
    "glue:getCrawler": "Name", "firehose:putRecord": "DeliveryStreamName Record*",
  ].mapValues { RequestModel($0) }
}

extension DefinitionReader {
  /// Checks the request of a Task; the service names the whole of it as the place of what it finds.
  func checkRequest(_ request: SyntaxNode, of resource: Located<String>, _ language: QueryLanguage) {
    guard goodResources[resource.value] == 1, let members = request.members,
      let integration = ResourceName(resource.value).integration
    else { return }
    let parts = integration.map { $0.split(separator: ".").first ?? "" }
    if parts.count >= 3, parts[0] == "aws-sdk" {
      checkSDKRequest(members, request, parts[1] + ":" + parts[2], language)
    } else if integration == ["ecs", "runTask.sync"] {
      // The service needs these two itself to follow the task.
      for member in members where ["Count", "StartedBy"].contains(plainName(member, language)) {
        error(
          "The field \"\(plainName(member, language))\" is not supported by Step Functions.", at: request,
          member: member)
      }
    }
  }

  private func checkSDKRequest(
    _ members: SyntaxMembers, _ request: SyntaxNode, _ action: Substring, _ language: QueryLanguage
  ) {
    if let model = RequestModels.named(action) {
      let names = Set(members.map { plainName($0, language) })
      let lowered = Set(names.map { $0.lowercased() })
      var lacksSome = false
      for (name, _) in model.required where !lowered.contains(name.lowercased()) {
        error("The field '\(name)' is required but was missing", at: request)
        lacksSome = true
      }
      // As the service does: one kind of mistake at a time.
      if lacksSome { return }
      for (name, kind) in model.required {
        if let value = request[name] { checkLiteral(value, name, kind, request, language) }
      }
    }
    for member in members {
      let name = plainName(member, language)
      guard let first = name.utf8.first, first >= UInt8(ascii: "a"), first <= UInt8(ascii: "z") else {
        continue
      }
      let meant = name.prefix(1).uppercased() + name.dropFirst()
      error(
        "The field \"\(name)\" is not supported by Step Functions. Did you mean '\(meant)'?", at: request,
        member: member)
    }
  }

  private func checkLiteral(
    _ value: SyntaxNode, _ name: String, _ kind: RequestModel.Kind, _ request: SyntaxNode,
    _ language: QueryLanguage
  ) {
    if value.isNull { return }
    if language == .jsonata, let text = value.text, ExpressionText.isDelimited(text) { return }
    switch kind {
    case .any: break
    case .string:
      if value.text == nil, value.members == nil, value.elements == nil {
        error("The value for the field '\(name)' must be a STRING", at: request)
      }
    case .integer:
      guard case .number(let text) = value.kind, Int(text) != nil else {
        return error("The value for the field '\(name)' must be an INTEGER", at: request)
      }
    }
  }

  private func plainName(_ member: SyntaxMember, _ language: QueryLanguage) -> String {
    language == .jsonPath && member.name.hasSuffix(".$") ? String(member.name.dropLast(2)) : member.name
  }
}
