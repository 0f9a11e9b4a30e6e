import Stepmill

/// The runs of Distributed Maps of an execution.
enum ListMapRuns {
  static let route = Route.direct(
    "ListMapRuns", isReading: true,
    [
      .required("executionArn", Shapes.arn), .optional("maxResults", Shapes.pageSize),
      .optional("nextToken", .text(min: 1, max: 1024)),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("executionArn")
    let execution = try service.execution(arn, for: request)
    let page = try PageRequest(request, PageToken("ListMapRuns", in: request.scope, arn), now: service.now)
    let (runs, next) = try page.page(
      of: service.store.mapRuns(of: execution.arn), isNewestFirst: true
    ) { (date: $0.startDate, name: $0.arn) }
    var body = ResponseBody()
    body.array("mapRuns", runs) { item, run in
      item.add("executionArn", run.executionARN)
      item.add("mapRunArn", run.arn)
      item.add("startDate", date: run.startDate)
      item.add("stateMachineArn", run.machineARN)
      item.add("stopDate", date: run.stopDate)
    }
    body.add("nextToken", next)
    return body
  }
}
