#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What went wrong in a state, as Retry and Catch see it: a value, not a Swift error.
struct Fault {
  var error: Value
  /// Missing where the service gives no cause.
  var cause: Value
  var kind: Kind
  /// The field whose evaluation failed, where the history has an event of its own for that:
  /// `EvaluationFailed`; null where that event names no field. Missing otherwise.
  var location = Value.missing

  enum Kind: UInt8 {
    /// Any error that patterns may match by name, by `States.TaskFailed` or `States.ALL`.
    case task
    case timeout
    /// Recorded as a timeout, matched by `States.HeartbeatTimeout` as well.
    case heartbeat
    /// Ends the execution: never retried, never caught, not by a container either.
    case runtime
    /// A state's output over the limit: caught by its own name only.
    case dataLimit
  }

  static var none: Fault { Fault(error: .missing, cause: .missing, kind: .task) }

  /// What a task or a Fail state raised. The service's own names mean what they mean wherever
  /// they come from.
  static func raised(_ error: Value, cause: Value) -> Fault {
    var fault = Fault(error: error, cause: cause, kind: .task)
    guard error.isString, error.count > 7, memcmp(error.address, "States.", 7) == 0 else { return fault }
    if error.sameText(ErrorName.timeout) {
      fault.kind = .timeout
    } else if error.sameText(ErrorName.heartbeatTimeout) {
      fault.kind = .heartbeat
    } else if error.sameText(ErrorName.runtime) {
      fault.kind = .runtime
    }
    return fault
  }
}

/// The names that the service itself raises.
enum ErrorName {
  static let runtime = Value.key("States.Runtime")
  static let timeout = Value.key("States.Timeout")
  static let heartbeatTimeout = Value.key("States.HeartbeatTimeout")
  static let taskFailed = Value.key("States.TaskFailed")
  static let all = Value.key("States.ALL")
  static let dataLimitExceeded = Value.key("States.DataLimitExceeded")
  static let queryEvaluation = Value.key("States.QueryEvaluationError")
  static let referencePathConflict = Value.key("States.ReferencePathConflict")
}

extension Fault {
  /// Whether a name of `ErrorEquals` matches this fault.
  func matches(_ pattern: Value) -> Bool {
    if kind == .runtime { return false }
    if pattern.sameText(error) { return true }
    if pattern.sameText("States.ALL") { return kind != .dataLimit }
    if pattern.sameText("States.TaskFailed") {
      return kind == .task && !error.sameText(ErrorName.dataLimitExceeded)
    }
    if pattern.sameText("States.Timeout") { return kind == .timeout || kind == .heartbeat }
    if pattern.sameText("States.HeartbeatTimeout") { return kind == .heartbeat }
    return false
  }
}

extension TaskFailure {
  /// Whether a name of `ErrorEquals` matches this failure, as it matches what a task raised.
  package func isMatched(by pattern: String) -> Bool {
    JSON(error ?? "").withValue { error in
      JSON(pattern).withValue { Fault.raised(error, cause: .missing).matches($0) }
    }
  }
}
