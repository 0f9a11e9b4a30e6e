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
    // What is read does not change any more, and the log is a value: a page is written without
    // holding up the execution.
    let count = execution.status.eventCount
    let end = min(passed + page.limit, count)
    var body = ResponseBody(capacity: 4096)
    if passed < end {
      let ids = isReversed ? (count - end + 1)...(count - passed) : (passed + 1)...end
      let history = try execution.history(ids)
      let entries = history.entries(ids)
      body.array("events", isReversed ? entries.reversed() : Array(entries)) { event, entry in
        event.addMembers(
          of: entry, in: history, role: execution.revision.roleARN, includesData: includesData)
      }
    } else {
      body.array("events", [Int]()) { _, _ in }
    }
    body.add("nextToken", end < count ? page.next(String(end)) : nil)
    return body
  }
}
