import Stepmill

/// Lets an execution that did not succeed go on from where it ended.
enum RedriveExecution {
  static let route = Route.direct(
    "RedriveExecution",
    [
      .required("executionArn", Shapes.arn),
      .optional("clientToken", .text(min: 1, max: 64, pattern: .visible)),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("executionArn")
    if case .execution(_, _?, _) = try ServiceARN(arn).resource {
      throw .validation("Labeled Execution ARNs are not supported for this API")
    }
    let execution = try service.execution(arn, for: request)
    var body = ResponseBody()
    body.add("redriveDate", date: try service.redrive(execution, clientToken: request.text("clientToken")))
    return body
  }
}
