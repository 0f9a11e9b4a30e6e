import Stepmill

// What is told of executions while they run, and who takes it.

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

  package init(
    logGroupARN: String?, machineARN: String, executionARN: String, timestamp: Int64, text: [UInt8]
  ) {
    self.logGroupARN = logGroupARN
    self.machineARN = machineARN
    self.executionARN = executionARN
    self.timestamp = timestamp
    self.text = text
  }
}

/// Where it is told that executions began and ended, as EventBridge is told.
///
/// Called on a loop's thread: hand it on and return.
package protocol StatusSink: Sendable {
  func changed(_ change: StatusChange)
}

/// An execution began or ended.
package struct StatusChange: Sendable {
  package let scope: Scope
  package let executionARN: String
  /// Milliseconds since 1970.
  package let time: Int64
  /// The event's `detail`: one JSON object.
  package let detail: [UInt8]

  package init(scope: Scope, executionARN: String, time: Int64, detail: [UInt8]) {
    self.scope = scope
    self.executionARN = executionARN
    self.time = time
    self.detail = detail
  }
}
