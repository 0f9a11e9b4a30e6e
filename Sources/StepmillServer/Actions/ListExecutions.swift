import Stepmill

/// The executions of a machine, or of a run of a Distributed Map.
enum ListExecutions {
  static let route = Route.direct(
    "ListExecutions", isReading: true,
    [
      .optional("stateMachineArn", Shapes.arn), .optional("statusFilter", Shapes.status),
      .optional("maxResults", Shapes.pageSize), .optional("nextToken", .text(min: 1, max: 3096)),
      .optional("mapRunArn", .text(min: 1, max: 2000)),
      .optional("redriveFilter", .choice(["REDRIVEN", "NOT_REDRIVEN"])),
    ]
  ) { service, request throws(APIError) in
    let scope = request.scope
    let state = request.text("statusFilter").flatMap { ExecutionState(rawValue: $0) }
    let redrive = request.text("redriveFilter")
    let page = try PageRequest(
      request,
      PageToken(
        "ListExecutions", in: scope, request.text("stateMachineArn"), request.text("mapRunArn"),
        state?.rawValue, redrive), now: service.now)
    let position = try page.number().map { UInt64(clamping: $0) }
    let source = try source(service, request)
    if state == .pendingRedrive, source.mapRunARN == nil {
      throw .validation("PENDING_REDRIVE is only valid with a Map Run ARN")
    }
    let filter: (StoredExecution) -> Bool = { execution in
      let status = execution.status
      return (state == nil || status.state == state)
        && (redrive == nil || (status.redriveCount > 0) == (redrive == "REDRIVEN"))
        && (source.versionARN == nil || execution.versionARN == source.versionARN)
        && (source.aliasARN == nil || execution.aliasARN == source.aliasARN)
    }
    let (executions, next) =
      if let run = source.mapRunARN {
        service.store.executions(ofMapRun: run, before: position, limit: page.limit, where: filter)
      } else {
        service.store.executions(
          of: source.machine, in: scope, before: position, limit: page.limit, where: filter)
      }
    var body = ResponseBody()
    body.array("executions", executions) { item, execution in
      let status = execution.status
      item.add("executionArn", execution.arn)
      item.add("itemCount", execution.itemCount)
      item.add("mapRunArn", execution.mapRunARN)
      item.add("name", execution.name)
      item.add("redriveCount", status.redriveCount)
      item.add("redriveDate", date: status.redriveDate)
      item.add("startDate", date: execution.startDate)
      item.add("stateMachineAliasArn", execution.aliasARN)
      item.add("stateMachineArn", execution.machineARN)
      item.add("stateMachineVersionArn", execution.versionARN)
      item.add("status", status.state.rawValue)
      item.add("stopDate", date: status.stopDate)
    }
    body.add("nextToken", page.next(next.map { String($0) }))
    return body
  }

  /// Whose executions are asked for.
  private struct Source {
    var machine = ""
    var versionARN: String?
    var aliasARN: String?
    var mapRunARN: String?
  }

  private static func source(
    _ service: StepFunctionsService, _ request: Request
  ) throws(APIError) -> Source {
    switch (request.text("stateMachineArn"), request.text("mapRunArn")) {
    case (let arn?, nil):
      let name = try MachineName(unlabeled: arn)
      let machine = try service.machine(name, for: request)
      guard machine.revision.type == .standard else { throw .wrongType() }
      var source = Source(machine: name.name)
      switch name.qualifier {
      case nil: break
      case .version: source.versionARN = arn
      case .alias: source.aliasARN = arn
      }
      return source
    case (nil, let arn?):
      return Source(mapRunARN: try service.mapRun(arn, for: request).arn)
    case (nil, nil), (_?, _?):
      throw .validation(
        "Must specify exactly one of the following: stateMachineArn, mapRunArn", reason: .missingParameter)
    }
  }
}
