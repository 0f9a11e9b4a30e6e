extension FailDefinition {
  static let fields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Error", "Cause"], jsonPath: ["ErrorPath", "CausePath"])
}

extension DefinitionReader {
  func readFail(_ fields: ObjectFields) -> FailDefinition {
    FailDefinition(error: readFailText("Error", fields), cause: readFailText("Cause", fields))
  }

  private func readFailText(_ name: String, _ fields: ObjectFields) -> TextField? {
    let pathName = name + "Path"
    guard exclude([name, pathName], in: fields) else { return nil }
    if let literal = text(name, in: fields) {
      guard fields.language == .jsonata else {
        if QuerySyntax.looksDynamic(literal.value) {
          warning(
            "The value of '\(name)' looks like a JSONPath. Instead of '\(name)', use '\(pathName)' to evaluate it as a JSONPath at runtime.",
            code: DiagnosticCode.noPath, at: literal.node, pointing: literal.node)
        }
        return .literal(literal)
      }
      checkExpressions(in: literal.node)
      return ExpressionText.isDelimited(literal.value) ? .expression(literal) : .literal(literal)
    }
    guard let path = text(pathName, in: fields) else { return nil }
    checkFailPath(path, pathName)
    return .path(path)
  }

  /// A reference path or an intrinsic call.
  private func checkFailPath(_ path: Located<String>, _ name: String) {
    let reason =
      path.value.hasPrefix("$")
      ? QuerySyntax.problem(inReferencePath: path.value) : QuerySyntax.problem(inIntrinsic: path.value)
    guard let reason else { return noteReads(path.value, in: path.node, place: path.node) }
    error(
      "The value for the field '\(name)' must be a valid JSONPath or a valid intrinsic function call",
      at: path.node, hint: reason)
  }
}
