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
    var text = text
    text.makeContiguousUTF8()
    let utf8 = text.utf8
    let parts = utf8.split(separator: UInt8(ascii: ":"), maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, Self.isWord(parts[0], "arn") else { return }
    if Self.isWord(parts[2], "lambda") {
      guard Self.starts(parts[5], "function:") else { return }
      style = .lambdaFunction
      type = "lambda"
    } else if Self.isWord(parts[2], "states") {
      if Self.starts(parts[5], "activity:") {
        style = .activity
        type = "activity"
      } else {
        readService(parts[5])
      }
    }
  }

  /// `sqs:sendMessage.waitForTaskToken`, `aws-sdk:s3:getObject`, `states:startExecution.sync:2`.
  private mutating func readService(_ text: Substring.UTF8View) {
    guard var colon = text.firstIndex(of: UInt8(ascii: ":")) else { return }
    var rest = text[text.index(after: colon)...]
    if Self.isWord(text[..<colon], "aws-sdk"), let second = rest.firstIndex(of: UInt8(ascii: ":")) {
      colon = second
      rest = rest[rest.index(after: second)...]
    }
    type = String(Substring(text[..<colon]))
    action = String(Substring(rest))
    waitsForToken = action.utf8.count >= 17 && action.hasSuffix(".waitForTaskToken")
  }

  private static func isWord(_ text: Substring.UTF8View, _ word: StaticString) -> Bool {
    text.count == word.utf8CodeUnitCount && starts(text, word)
  }

  private static func starts(_ text: Substring.UTF8View, _ word: StaticString) -> Bool {
    word.withUTF8Buffer { text.starts(with: $0) }
  }
}
