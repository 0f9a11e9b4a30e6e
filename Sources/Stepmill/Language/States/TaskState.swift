extension TaskDefinition {
  static let fields = FieldTable(
    [
      "Type", "Comment", "QueryLanguage", "Next", "End", "Assign", "Retry", "Catch", "Resource",
      "Credentials",
      "TimeoutSeconds", "HeartbeatSeconds",
    ],
    jsonPath: [
      "InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath", "TimeoutSecondsPath",
      "HeartbeatSecondsPath",
    ],
    jsonata: ["Arguments", "Output"], required: ["Resource"],
    ranges: [
      ("TimeoutSeconds", FieldRange(1, secondsMax)), ("HeartbeatSeconds", FieldRange(1, secondsMax)),
    ])

  private static var secondsMax: Int { 99_999_999 }
}

extension DefinitionReader {
  func readTask(_ fields: ObjectFields) -> TaskDefinition? {
    requireFields(in: fields)
    let resource = text("Resource", in: fields)
    if let resource { checkResource(resource) }
    let timeout = number("TimeoutSeconds", in: fields)
    let heartbeat = number("HeartbeatSeconds", in: fields)
    if case .literal(let timeout) = timeout, case .literal(let heartbeat) = heartbeat,
      heartbeat.value >= timeout.value
    {
      error("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", at: heartbeat.node)
    }
    if let credentials = fields["Credentials"] { checkCredentials(credentials, fields, resource) }
    return resource.map {
      TaskDefinition(resource: $0, timeout: timeout, heartbeat: heartbeat, credentials: fields["Credentials"])
    }
  }

  private func checkCredentials(_ node: SyntaxNode, _ fields: ObjectFields, _ resource: Located<String>?) {
    if let resource, ResourceName(resource.value).isActivity {
      error("The field 'Credentials' is not supported for activities", at: fields.node)
      return
    }
    if fields.language == .jsonata, let text = node.text, ExpressionText.isDelimited(text) {
      return checkExpression(text, at: node)
    }
    guard node.members != nil else {
      expect("[OBJECT]", at: node)
      return
    }
    guard let role = node["RoleArn"] ?? (fields.language == .jsonPath ? node["RoleArn.$"] : nil) else {
      error("The field 'RoleArn' is required but was missing", at: node)
      return
    }
    if role.text == nil { expect("[STRING]", at: role) }
    switch fields.language {
    case .jsonPath: checkTemplate(node)
    case .jsonata: checkExpressions(in: node)
    }
  }
}
