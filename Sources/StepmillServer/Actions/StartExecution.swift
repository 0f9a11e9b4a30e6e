import Stepmill

/// Starts an execution of either type, without waiting for it.
enum StartExecution {
  static let route = Route.direct("StartExecution", Shapes.start) { service, request throws(APIError) in
    let order = try ExecutionOrder(request)
    let target = try service.target(order.machine, in: request.scope)
    let (arn, date): (String, Int64)
    switch target.revision.type {
    case .standard:
      let execution = try service.startStandard(order, target, in: request.scope)
      (arn, date) = (execution.arn, execution.startDate)
    case .express:
      let execution = try service.startExpress(
        order, target, in: request.scope, isSynchronous: false, ended: { _, _ in })
      (arn, date) = (execution.arn, execution.startDate)
    }
    var body = ResponseBody()
    body.add("executionArn", arn)
    body.add("startDate", date: date)
    return body
  }
}
