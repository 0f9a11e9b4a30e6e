import Stepmill

/// Runs one state and shows what its data went through.
enum TestState {
  static let route = Route.deferred(
    "TestState",
    [
      .required("definition", Shapes.definition), .optional("roleArn", Shapes.arn),
      .optional("input", .text(max: 262_144, isSensitive: true)),
      .optional("inspectionLevel", .choice(["INFO", "DEBUG", "TRACE"])),
      .optional("revealSecrets", .boolean),
      .optional("variables", .text(max: 262_144, isSensitive: true)),
      .optional("stateName", .text(min: 1, max: 80)), .optional("mock", mock),
      .optional("context", .text(max: 262_144, isSensitive: true)),
      .optional("stateConfiguration", stateConfiguration),
    ]
  ) { service, request, reply throws(APIError) in
    let order = try TestOrder(request, service)
    TestBench(order, service, reply).begin()
  }

  private static let mock = RequestShape.structure(
    "MockInput",
    [
      .optional("result", .text(max: 262_144, isSensitive: true)),
      .optional(
        "errorOutput",
        .structure(
          "MockErrorOutput",
          [
            .optional("error", .text(max: 256, isSensitive: true)),
            .optional("cause", .text(max: 32_768, isSensitive: true)),
          ])),
      .optional("fieldValidationMode", .choice(["STRICT", "PRESENT", "NONE"])),
    ])

  private static let stateConfiguration = RequestShape.structure(
    "TestStateConfiguration",
    [
      .optional("retrierRetryCount", .integer(min: 0)),
      .optional("errorCausedByState", .text(min: 1, max: 80)),
      .optional("mapIterationFailureCount", .integer(min: 0)),
      .optional("mapItemReaderData", .text(max: 262_144, isSensitive: true)),
    ])
}
