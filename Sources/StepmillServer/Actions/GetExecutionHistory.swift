import Stepmill

/// The events of a Standard execution.
enum GetExecutionHistory {
  static let route = Route.direct(
    "GetExecutionHistory", isReading: true,
    [
      .required("executionArn", Shapes.arn), .optional("maxResults", Shapes.pageSize),
      .optional("reverseOrder", .boolean), .optional("nextToken", .text(min: 1, max: 1024)),
      .optional("includeExecutionData", .boolean),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("executionArn")
    let execution = try service.execution(arn, for: request)
    let isReversed = request.flag("reverseOrder") ?? false
    let includesData = request.flag("includeExecutionData") ?? true
    let page = try PageRequest(
      request,
      PageToken("GetExecutionHistory", in: request.scope, arn, "\(isReversed)", "\(includesData)"),
      now: service.now)
    let passed = try page.number() ?? 0
    guard passed >= 0 else { throw .invalidToken() }
    // The log is a value: a page is written without holding up the execution.
    let history = execution.withLife { $0.history }
    let end = min(passed + page.limit, history.count)
    var body = ResponseBody(capacity: 4096)
    body.array("events", passed < end ? passed..<end : 0..<0) { event, index in
      event.addMembers(
        of: history[isReversed ? history.count - index : index + 1], includesData: includesData)
    }
    body.add("nextToken", end < history.count ? page.next(String(end)) : nil)
    return body
  }
}
