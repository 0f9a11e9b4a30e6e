import Stepmill

extension LogRecord {
  init(_ event: HistoryEvent, execution: String, machine: String, logGroup: String?, redriveCount: Int) {
    var body = ResponseBody()
    body.add("details", json: event.details?.utf8 ?? Array("{}".utf8))
    body.add("event_timestamp", String(event.timestamp))
    body.add("execution_arn", execution)
    body.add("id", String(event.id))
    body.add("previous_event_id", String(event.previousID))
    body.add("redrive_count", String(redriveCount))
    body.add("type", event.type.rawValue)
    self.init(
      logGroupARN: logGroup, machineARN: machine, executionARN: execution, timestamp: event.timestamp,
      text: body.finish())
  }
}

extension StatusChange {
  /// Input and output together above which both are left out.
  private static let dataBytesMax = 248 << 10

  /// The event that EventBridge gets of an execution, as it stands.
  init(_ execution: StoredExecution, _ service: StepFunctionsService) {
    let status = execution.status
    let redrive = service.redrivability(of: execution, status)
    // Nothing is in an archive yet: the service tells of an end before the store may put it there.
    let contents = (try? execution.contents()) ?? StoredExecution.Contents()
    let size = contents.input.utf8.count + (contents.output?.utf8.count ?? 0)
    let isIncluded = size <= Self.dataBytesMax
    let included = isIncluded ? "true" : "false"
    var body = ResponseBody(capacity: 1024 + (isIncluded ? size : 0))
    func add(_ name: String, _ text: String?) {
      if let text { body.add(name, text) } else { body.add(name, json: "null".utf8) }
    }
    func add(_ name: String, date: Int64?) { body.add(name, json: (date.map { "\($0)" } ?? "null").utf8) }
    add("cause", contents.cause)
    add("error", contents.error)
    add("executionArn", execution.arn)
    add("input", isIncluded ? contents.input : nil)
    body.add("inputDetails", json: "{\"included\":\(included)}".utf8)
    add("name", execution.name)
    add("output", isIncluded ? contents.output : nil)
    body.add("outputDetails", json: (contents.output == nil ? "null" : "{\"included\":\(included)}").utf8)
    body.add("redriveCount", status.redriveCount)
    add("redriveDate", date: status.redriveDate)
    add("redriveStatus", redrive.status)
    add("redriveStatusReason", redrive.reason)
    add("startDate", date: execution.startDate)
    add("stateMachineAliasArn", execution.aliasARN)
    add("stateMachineArn", execution.machineARN)
    add("stateMachineVersionArn", execution.versionARN)
    add("status", status.state.rawValue)
    add("stopDate", date: status.stopDate)
    self.init(
      scope: execution.scope, executionARN: execution.arn, time: status.stopDate ?? service.now,
      detail: body.finish())
  }
}

extension LoggingConfiguration {
  /// Whether an event is logged at this level.
  func includes(_ type: HistoryEventType) -> Bool {
    switch level {
    case .off: false
    case .all: true
    case .fatal: Self.ends.contains(type)
    case .error: Self.ends.contains(type) || Self.failures.contains(type)
    }
  }

  private static let ends: Set<HistoryEventType> = [.executionAborted, .executionFailed, .executionTimedOut]

  private static let failures: Set<HistoryEventType> = Set(
    HistoryEventType.allCases.filter { type in
      ["Failed", "Aborted", "TimedOut"].contains { type.rawValue.hasSuffix($0) }
    } + [.failStateEntered])

  /// The observer's level that lets through at least what is logged.
  var historyLevel: HistoryLevel {
    switch level {
    case .off: .off
    case .fatal: .fatal
    case .error: .failures
    case .all: .all
    }
  }
}
