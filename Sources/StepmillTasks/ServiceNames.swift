import Stepmill

// How errors of services are called, and in which words they are told.
//
// Optimized integrations speak as the first SDK for Java did, `aws-sdk:` ones as the second:
// other prefixes, other texts. What a service's model does not know as an error of its own goes
// by the client's general exception.

/// How errors of a service are called.
package enum ServiceNames {
  private static let optimized: [String: String] = [
    "lambda": "Lambda", "sqs": "SQS", "sns": "SNS", "dynamodb": "DynamoDB", "events": "EventBridge",
    "states": "StepFunctions", "ecs": "ECS", "batch": "Batch", "glue": "Glue", "databrew": "DataBrew",
    "athena": "Athena", "codebuild": "CodeBuild", "sagemaker": "SageMaker",
    "elasticmapreduce": "ElasticMapReduce", "emr-containers": "EMRContainers",
    "emr-serverless": "EMRServerless", "eks": "EKS", "apigateway": "ApiGateway", "bedrock": "Bedrock",
    "mediaconvert": "MediaConvert", "http": "Events",
  ]

  private static let sdk: [String: String] = [
    "dynamodb": "DynamoDb", "cloudwatchlogs": "CloudWatchLogs", "cloudwatch": "CloudWatch",
    "eventbridge": "EventBridge", "secretsmanager": "SecretsManager", "apigateway": "ApiGateway",
    "stepfunctions": "Sfn", "dynamodbstreams": "DynamoDbStreams", "codebuild": "CodeBuild",
    "sagemaker": "SageMaker", "cloudformation": "CloudFormation", "cognitoidentity": "CognitoIdentity",
    "cognitoidentityprovider": "CognitoIdentityProvider", "opensearch": "OpenSearch", "rdsdata": "RdsData",
    "redshiftdata": "RedshiftData", "apigatewayv2": "ApiGatewayV2", "elasticache": "ElastiCache",
    "codepipeline": "CodePipeline", "bedrockruntime": "BedrockRuntime", "emrserverless": "EmrServerless",
    "xray": "XRay", "iotdataplane": "IotDataPlane", "memorydb": "MemoryDB", "fsx": "FSx",
    "servicediscovery": "ServiceDiscovery", "sagemakerruntime": "SageMakerRuntime",
  ]

  package static func errorPrefix(of service: String) -> String {
    if service.hasPrefix("aws-sdk:") {
      let name = String(service.dropFirst(8))
      return sdk[name] ?? name.prefix(1).uppercased() + name.dropFirst()
    }
    return optimized[service] ?? service.prefix(1).uppercased() + service.dropFirst()
  }

  /// Names of exceptions end in `Exception`.
  package static func exception(_ code: String) -> String {
    code.hasSuffix("Exception") ? code : code + "Exception"
  }

  /// Codes that come from the front of every service, and are in hardly any model.
  private static let common: Set<String> = [
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "IncompleteSignatureException", "InternalFailure", "InvalidAction", "InvalidClientTokenId",
    "InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "NotAuthorized", "OptInRequired", "RequestExpired", "SerializationException", "ServiceUnavailable",
    "ServiceUnavailableException", "SignatureDoesNotMatch", "Throttling", "ThrottlingException",
    "UnknownOperationException", "UnrecognizedClientException", "ValidationError", "ValidationException",
    "InvalidParameterValue", "MissingParameter", "InvalidQueryParameter", "MalformedQueryString",
    "MissingAction", "InvalidAccessKeyId", "AuthFailure",
  ]

  /// The class of an error, without the prefix.
  ///
  /// - Parameters:
  ///   - general: The client's general exception.
  ///   - modelled: Codes of the service's own that look as if they were common ones.
  package static func className(
    _ code: String?, general: String, modelled: Set<String> = []
  ) -> String {
    guard let code, !code.isEmpty, !common.contains(code) || modelled.contains(code),
      code.utf8.allSatisfy({ $0 != 0x20 && $0 != 0x2E })
    else { return general }
    return exception(code)
  }

  /// An error in the words of the first SDK.
  ///
  /// - Parameters:
  ///   - code: The error's code, as the text shows it.
  ///   - name: What the error's class is made of, where that is not the code.
  package static func optimizedFailure(
    _ prefix: String, client: String, _ code: String?, name: String? = nil, _ message: String?, status: Int,
    requestID: String?, modelled: Set<String> = []
  ) -> TaskFailure {
    let version = client.hasSuffix("v2") ? String(client.dropLast(2)) : client
    let general = "\(version)Exception"
    return TaskFailure(
      error: "\(prefix).\(className(name ?? code, general: general, modelled: modelled))",
      cause: "\(message ?? "null") (Service: \(client); Status Code: \(status); Error Code: "
        + "\(code ?? "null"); Request ID: \(requestID ?? "null"); Proxy: null)")
  }

  /// An error in the words of the second SDK.
  package static func sdkFailure(
    _ prefix: String, serviceID: String? = nil, _ code: String?, _ message: String?, status: Int,
    requestID: String?, extendedID: String? = nil, attempts: Int = 1, modelled: Set<String> = []
  ) -> TaskFailure {
    let extended = extendedID.map { ", Extended Request ID: \($0)" } ?? ""
    return TaskFailure(
      error: "\(prefix).\(className(code, general: "\(prefix)Exception", modelled: modelled))",
      cause: "\(message ?? "null") (Service: \(serviceID ?? prefix), Status Code: \(status), Request ID: "
        + "\(requestID ?? "null")\(extended)) (SDK Attempt Count: \(attempts))")
  }
}
