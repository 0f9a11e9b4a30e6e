import Stepmill

/// What a Standard execution is and has come to.
enum DescribeExecution {
  static let route = Route.direct(
    "DescribeExecution", isReading: true,
    [.required("executionArn", Shapes.arn), .optional("includedData", Shapes.includedData)]
  ) { service, request throws(APIError) in
    let arn = request.required("executionArn")
    let execution = try service.execution(arn, for: request, orChild: true)
    let status = execution.status
    let includesData = request.text("includedData") != "METADATA_ONLY"
    let contents = try execution.contents()
    let redrive = service.redrivability(of: execution, status)
    var body = ResponseBody(capacity: 512 + contents.input.utf8.count)
    body.add("cause", contents.cause)
    body.add("error", contents.error)
    body.add("executionArn", arn)
    if includesData { body.add("input", contents.input) }
    body.object("inputDetails") { $0.add("included", includesData) }
    body.add("mapRunArn", execution.mapRunARN)
    body.add("name", execution.name)
    if let output = contents.output {
      if includesData { body.add("output", output) }
      body.object("outputDetails") { $0.add("included", includesData) }
    }
    body.add("redriveCount", status.redriveCount)
    body.add("redriveDate", date: status.redriveDate)
    body.add("redriveStatus", redrive.status)
    body.add("redriveStatusReason", redrive.reason)
    body.add("startDate", date: execution.startDate)
    body.add("stateMachineAliasArn", execution.aliasARN)
    body.add("stateMachineArn", execution.machineARN)
    body.add("stateMachineVersionArn", execution.versionARN)
    body.add("status", status.state.rawValue)
    body.add("stopDate", date: status.stopDate)
    body.add("traceHeader", execution.traceHeader)
    return body
  }
}
