import Stepmill

/// Starts an Express execution and waits for its end.
enum StartSyncExecution {
  static let route = Route.deferred(
    "StartSyncExecution", Shapes.start + [.optional("includedData", Shapes.includedData)]
  ) { service, request, reply throws(APIError) in
    let order = try ExecutionOrder(request)
    let target = try service.target(order.machine, in: request.scope)
    guard target.revision.type == .express else { throw .wrongType() }
    let includesData = request.text("includedData") != "METADATA_ONLY"
    _ = try service.startExpress(order, target, in: request.scope, isSynchronous: true) {
      [unowned service] execution, outcome in
      reply(
        .success(
          response(
            execution, outcome, stopDate: service.now, includesData: includesData,
            traceHeader: order.traceHeader)))
    }
  }

  private static func response(
    _ execution: ExpressExecution, _ outcome: Outcome, stopDate: Int64, includesData: Bool,
    traceHeader: String?
  ) -> ResponseBody {
    var error: String?
    var cause: String?
    var status = outcome.status
    switch outcome {
    case .succeeded: break
    case .failed(let name, let text): (error, cause) = (name, text)
    case .timedOut: error = "States.Timeout"
    case .aborted(let name, let text):
      // The model knows three ends; an execution that was stopped has failed.
      (error, cause, status) = (name, text, "FAILED")
    }
    var body = ResponseBody(capacity: 1024)
    body.object("billingDetails") { billing in
      let duration = max(0, Int(stopDate - execution.startDate))
      billing.add("billedDurationInMilliseconds", max(100, (duration + 99) / 100 * 100))
      billing.add("billedMemoryUsedInMB", 64)
    }
    body.add("cause", cause)
    body.add("error", error)
    body.add("executionArn", execution.arn)
    if includesData { body.add("input", execution.input) }
    body.object("inputDetails") { $0.add("included", includesData) }
    body.add("name", execution.name)
    if includesData, let output = outcome.output { body.add("output", utf8: output.utf8) }
    body.object("outputDetails") { $0.add("included", includesData) }
    body.add("startDate", date: execution.startDate)
    body.add("stateMachineArn", execution.machineARN)
    body.add("status", status)
    body.add("stopDate", date: stopDate)
    body.add("traceHeader", traceHeader)
    return body
  }
}
