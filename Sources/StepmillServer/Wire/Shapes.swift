/// Shapes that several operations share.
enum Shapes {
  static let arn = RequestShape.text(min: 1, max: 256)
  static let definition = RequestShape.text(min: 1, max: 1_048_576, isSensitive: true)
  static let description = RequestShape.text(max: 256, isSensitive: true)
  static let type = RequestShape.choice(["STANDARD", "EXPRESS"])
  static let includedData = RequestShape.choice(["ALL_DATA", "METADATA_ONLY"])
  static let pageSize = RequestShape.integer(min: 0, max: 1000)
  /// In the order in which the service prints them.
  static let status = RequestShape.choice([
    "SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING",
  ])

  static let tags = RequestShape.list(
    .structure("Tag", [.required("key", .text(min: 1, max: 128)), .optional("value", .text(max: 256))]))

  static let encryption = RequestShape.structure(
    "EncryptionConfiguration",
    [
      .optional("kmsKeyId", .text(min: 1, max: 2048)),
      .optional("kmsDataKeyReusePeriodSeconds", .integer(min: 60, max: 900)),
      .required("type", .choice(["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"])),
    ])

  static let tracing = RequestShape.structure("TracingConfiguration", [.optional("enabled", .boolean)])

  static let logging = RequestShape.structure(
    "LoggingConfiguration",
    [
      .optional("level", .choice(["ALL", "ERROR", "FATAL", "OFF"])),
      .optional("includeExecutionData", .boolean),
      .optional(
        "destinations",
        .list(
          .structure(
            "LogDestination",
            [
              .optional(
                "cloudWatchLogsLogGroup",
                .structure("CloudWatchLogsLogGroup", [.optional("logGroupArn", arn)]))
            ]))),
    ])

  static let routing = RequestShape.list(
    .structure(
      "RoutingConfigurationListItem",
      [.required("stateMachineVersionArn", arn), .required("weight", .integer(min: 0, max: 100))]),
    min: 1, max: 2)

  static let start: [RequestMember] = [
    .required("stateMachineArn", arn), .optional("name", .text(min: 1, max: 80)),
    .optional("input", .text(max: 262_144, isSensitive: true)),
    .optional("traceHeader", .text(max: 256, pattern: .ascii)),
  ]
}

extension ExecutionOrder {
  init(_ request: Request) throws(APIError) {
    machine = try MachineName(unlabeled: request.required("stateMachineArn"))
    name = request.text("name")
    input = request.text("input")
    traceHeader = request.text("traceHeader")
    if let name, !NameRule.isValid(name) { throw .invalidName(name) }
  }
}
