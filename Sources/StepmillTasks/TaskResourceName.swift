/// A task's `Resource`, taken apart.
package struct TaskResourceName: Hashable, Sendable {
  package enum Pattern: String, Sendable {
    case requestResponse = ""
    case sync = ".sync"
    case sync2 = ".sync:2"
    case callback = ".waitForTaskToken"

    /// The answer to the request is not the task's result.
    package var goesOn: Bool { self != .requestResponse }
  }

  package let arn: String
  /// `lambda`, `states`, `aws-sdk:sfn`; `function` and `activity` for ARNs of those; empty for
  /// what is no ARN.
  package let service: String
  /// `invoke`, `startExecution`; the name of a function (with its qualifier) or an activity.
  package let action: String
  package let pattern: Pattern

  package init(_ arn: String) {
    self.arn = arn
    let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn" else {
      (service, action, pattern) = ("", arn, .requestResponse)
      return
    }
    var rest = parts[5]
    if parts[2] == "lambda", rest.hasPrefix("function:") {
      (service, action, pattern) = ("function", String(rest.dropFirst(9)), .requestResponse)
      return
    }
    if parts[2] == "states", rest.hasPrefix("activity:") {
      (service, action, pattern) = ("activity", String(rest.dropFirst(9)), .requestResponse)
      return
    }
    let pattern = [Pattern.sync2, .sync, .callback].first { rest.hasSuffix($0.rawValue) } ?? .requestResponse
    rest.removeLast(pattern.rawValue.count)
    guard let colon = rest.lastIndex(of: ":") else {
      (service, action) = (parts[2], rest)
      self.pattern = pattern
      return
    }
    service = String(rest[..<colon])
    action = String(rest[rest.index(after: colon)...])
    self.pattern = pattern
  }
}
