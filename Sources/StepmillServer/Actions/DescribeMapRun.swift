import Stepmill

/// How far a run of a Distributed Map is.
enum DescribeMapRun {
  static let route = Route.direct(
    "DescribeMapRun", isReading: true, [.required("mapRunArn", .text(min: 1, max: 2000))]
  ) { service, request throws(APIError) in
    let run = try service.mapRun(request.required("mapRunArn"), for: request)
    var body = ResponseBody()
    body.add("executionArn", run.executionARN)
    body.object("executionCounts") { $0.addMembers(of: run.executions) }
    body.object("itemCounts") { $0.addMembers(of: run.items) }
    body.add("mapRunArn", run.arn)
    body.add("maxConcurrency", run.concurrencyMax)
    body.add("redriveCount", run.redriveCount)
    body.add("redriveDate", date: run.redriveDate)
    body.add("startDate", date: run.startDate)
    body.add("status", run.status.rawValue)
    body.add("stopDate", date: run.stopDate)
    body.add("toleratedFailureCount", run.toleratedFailureCount)
    body.add("toleratedFailurePercentage", run.toleratedFailurePercentage)
    return body
  }
}
