/// How an execution ended.
public enum Outcome: Hashable, Sendable {
  /// It came to its end, with this output.
  case succeeded(JSON)
  /// An error that nothing caught.
  case failed(error: String?, cause: String?)
  /// The time of the whole execution was up.
  case timedOut
  /// It was stopped from outside.
  case aborted(error: String?, cause: String?)

  /// The output of a success, else nil.
  public var output: JSON? {
    if case .succeeded(let output) = self { return output }
    return nil
  }

  /// True if it came to its end.
  public var isSuccess: Bool { output != nil }

  /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
  public var status: String {
    switch self {
    case .succeeded: "SUCCEEDED"
    case .failed: "FAILED"
    case .timedOut: "TIMED_OUT"
    case .aborted: "ABORTED"
    }
  }

  /// The output, or the failure as an error.
  public func get() throws(ExecutionFailure) -> JSON {
    if case .succeeded(let output) = self { return output }
    throw ExecutionFailure(outcome: self)
  }

  init(_ status: ExecutionStatus, output: Value, error: Value, cause: Value) {
    func text(_ value: Value) -> String? { value.isString ? value.text : nil }
    switch status {
    case .succeeded: self = .succeeded(JSON(copying: output))
    case .failed: self = .failed(error: text(error), cause: text(cause))
    case .timedOut: self = .timedOut
    case .aborted: self = .aborted(error: text(error), cause: text(cause))
    }
  }
}

/// An execution that did not succeed, where the caller asked for its output.
public struct ExecutionFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What became of it; never a success.
  public let outcome: Outcome

  public var description: String {
    switch outcome {
    case .succeeded: "succeeded"
    case .failed(let error, let cause): Self.text("failed", error, cause)
    case .timedOut: "timed out"
    case .aborted(let error, let cause): Self.text("aborted", error, cause)
    }
  }

  private static func text(_ what: String, _ error: String?, _ cause: String?) -> String {
    [what, error, cause].compactMap { $0 }.joined(separator: ": ")
  }
}
