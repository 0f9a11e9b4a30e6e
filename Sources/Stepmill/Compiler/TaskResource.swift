/// What a Task's `Resource` says about the task's life in the history.
struct TaskResource {
  var style = TaskStyle.task
  /// The service, such as `lambda` or `aws-sdk:dynamodb`; `native` for a plain name.
  var type = "native"
  /// The action with its suffix, such as `startExecution.sync:2`.
  var action: String
  var waitsForToken = false

  init(_ text: String) {
    action = text
    let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn" else { return }
    switch parts[2] {
    case "lambda" where parts[5].hasPrefix("function:"):
      style = .lambdaFunction
      type = "lambda"
    case "states" where parts[5].hasPrefix("activity:"):
      style = .activity
      type = "activity"
    case "states":
      readService(parts[5])
    default:
      break
    }
  }

  /// `sqs:sendMessage.waitForTaskToken`, `aws-sdk:s3:getObject`, `states:startExecution.sync:2`.
  private mutating func readService(_ text: Substring) {
    guard let colon = text.firstIndex(of: ":") else { return }
    type = String(text[..<colon])
    var rest = text[text.index(after: colon)...]
    if type == "aws-sdk", let second = rest.firstIndex(of: ":") {
      type += ":" + rest[..<second]
      rest = rest[rest.index(after: second)...]
    }
    action = String(rest)
    waitsForToken = rest.hasSuffix(".waitForTaskToken")
  }
}
