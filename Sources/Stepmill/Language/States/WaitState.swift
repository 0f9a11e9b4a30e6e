extension WaitDefinition {
  static let fields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Next", "End", "Assign", "Seconds", "Timestamp"],
    jsonPath: ["InputPath", "OutputPath", "SecondsPath", "TimestampPath"], jsonata: ["Output"],
    ranges: [("Seconds", .seconds)])
  /// Just one of these is written.
  static let moments = ["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]
}

extension DefinitionReader {
  func readWait(_ fields: ObjectFields) -> WaitDefinition? {
    guard requireOne(of: WaitDefinition.moments, in: fields) else {
      return nil
    }
    if fields.has("Seconds") || fields.has("SecondsPath") {
      switch number("Seconds", in: fields) {
      case .literal(let seconds): return .seconds(seconds)
      case .path(let path): return .secondsPath(path)
      case .expression(let expression): return .secondsExpression(expression)
      case nil: return nil
      }
    }
    if let path = referencePath("TimestampPath", in: fields) { return .timestampPath(path) }
    guard let timestamp = text("Timestamp", in: fields) else { return nil }
    if fields.language == .jsonata {
      if ExpressionText.isDelimited(timestamp.value) {
        checkExpression(timestamp.value, at: timestamp.node)
        return .timestampExpression(timestamp)
      }
      if ExpressionText.isBroken(timestamp.value) {
        error(ExpressionText.delimiterMessage, at: timestamp.node)
        return nil
      }
    }
    return checkTimestamp(timestamp) ? .timestamp(timestamp) : nil
  }

  func checkTimestamp(_ text: Located<String>) -> Bool {
    if Timestamp.parse(text.value) != nil { return true }
    error(
      "String does not match RFC3339 timestamp", at: text.node,
      hint: "written like 2030-01-31T09:30:00Z or 2030-01-31T09:30:00.250+01:00")
    return false
  }
}
