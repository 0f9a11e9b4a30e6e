/// What went wrong in a state, as Retry and Catch see it: a value, not a Swift error.
struct Fault {
  var error: Value
  /// Missing where the service gives no cause.
  var cause: Value
  var kind: Kind

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
}

/// The names that the service itself raises.
enum ErrorName {
  static let runtime = Value.key("States.Runtime")
  static let timeout = Value.key("States.Timeout")
  static let heartbeatTimeout = Value.key("States.HeartbeatTimeout")
  static let taskFailed = Value.key("States.TaskFailed")
  static let all = Value.key("States.ALL")
  static let dataLimitExceeded = Value.key("States.DataLimitExceeded")
  static let referencePathConflict = Value.key("States.ReferencePathConflict")
}

extension Fault {
  /// Whether a name of `ErrorEquals` matches this fault.
  func matches(_ pattern: Value) -> Bool {
    if kind == .runtime { return false }
    if pattern.sameText(error) { return true }
    if pattern.sameText("States.ALL") { return kind != .dataLimit }
    if pattern.sameText("States.TaskFailed") { return kind == .task }
    if pattern.sameText("States.Timeout") { return kind == .timeout || kind == .heartbeat }
    if pattern.sameText("States.HeartbeatTimeout") { return kind == .heartbeat }
    return false
  }
}
