import Stepmill

/// Where what is logged of executions goes.
///
/// Called on a loop's thread while the execution stands still: hand it on and return.
package protocol LogSink: Sendable {
  func log(_ record: LogRecord)
}

/// One event of an execution, for a log group.
package struct LogRecord: Sendable {
  /// Nil: the state machine names no log group.
  package let logGroupARN: String?
  package let machineARN: String
  package let executionARN: String
  /// Milliseconds since 1970.
  package let timestamp: Int64
  /// One JSON object.
  package let text: [UInt8]

  init(_ event: HistoryEvent, execution: String, machine: String, logGroup: String?, redriveCount: Int) {
    logGroupARN = logGroup
    machineARN = machine
    executionARN = execution
    timestamp = event.timestamp
    var body = ResponseBody()
    body.add("details", json: event.details?.utf8 ?? Array("{}".utf8))
    body.add("event_timestamp", String(event.timestamp))
    body.add("execution_arn", execution)
    body.add("id", String(event.id))
    body.add("previous_event_id", String(event.previousID))
    body.add("redrive_count", String(redriveCount))
    body.add("type", event.type.rawValue)
    text = body.finish()
  }
}

/// Where the service tells that executions began and ended, as EventBridge is told.
package protocol StatusSink: Sendable {
  func changed(_ execution: StoredExecution)
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
