// Payload templates of JSONPath states, and the strings of JSONata states.

/// The outside of a JSONata expression in a JSON string.
enum ExpressionText {
  static let delimiterMessage = "JSONata string must start with {% and end with %}"

  /// `{% … %}`: an expression.
  static func isDelimited(_ text: String) -> Bool {
    text.utf8.count >= 4 && text.hasPrefix("{%") && text.hasSuffix("%}")
  }

  /// Only one of the two delimiters: neither an expression nor a literal. With both, but something in front
  /// (`Hello {% $x %}`), a text is a literal.
  static func isBroken(_ text: String) -> Bool {
    if isDelimited(text) { return false }
    if text.hasPrefix("{%") { return true }
    guard text.hasSuffix("%}") else { return false }
    return !zip(text.utf8, text.utf8.dropFirst()).contains {
      $0 == UInt8(ascii: "{") && $1 == UInt8(ascii: "%")
    }
  }
}

extension DefinitionReader {
  /// A template field of a JSONPath state, or a tree of expressions in a JSONata state; `null` counts as absent.
  func template(_ name: String, in fields: ObjectFields) -> SyntaxNode? {
    guard let node = fields[name], !node.isNull else { return nil }
    switch fields.language {
    case .jsonPath: checkTemplate(node)
    case .jsonata: checkExpressions(in: node)
    }
    return node
  }

  /// A payload template: in every object, a key that ends in `.$` has a path or an intrinsic call for a value.
  func checkTemplate(_ template: SyntaxNode) {
    checkTemplate(template, within: template)
  }

  /// The service names the template as the place of every mistake in it; the pointer is exact.
  private func checkTemplate(_ node: SyntaxNode, within template: SyntaxNode) {
    switch node.kind {
    case .array(let elements):
      for element in elements { checkTemplate(element, within: template) }
    case .object(let members):
      checkDuplicates(members, template)
      for member in members {
        if member.isDynamic {
          checkDynamic(member, template)
        } else {
          checkLooksDynamic(member, template)
          checkTemplate(member.value, within: template)
        }
      }
    case .null, .bool, .number, .string:
      break
    }
  }

  private func checkDynamic(_ member: SyntaxMember, _ template: SyntaxNode) {
    let message =
      "The value for the field '\(member.name)' must be a valid JSONPath or a valid intrinsic function call"
    guard let text = member.value.text else {
      error(message, at: template, member: member, hint: "the value of a '.$' field is a string")
      return
    }
    if let reason = QuerySyntax.problem(inPathOrIntrinsic: text) {
      error(message, at: template, member: member, hint: reason)
    } else {
      noteReads(text, in: member.value, place: template)
    }
  }

  private func checkDuplicates(_ members: SyntaxMembers, _ template: SyntaxNode) {
    guard members.contains(where: \.isDynamic) else { return }
    // Looking at all pairs is best for the templates that occur.
    let names = members.count > 16 ? Set(members.lazy.map(\.name)) : nil
    for member in members where member.isDynamic {
      let plain = member.name.utf8.dropLast(2)
      let isThere =
        names.map { $0.contains(String(Substring(plain))) }
        ?? members.contains { $0.name.utf8.count == plain.count && $0.name.utf8.elementsEqual(plain) }
      if !isThere { continue }
      error(
        "A duplicate field will exist after renaming to strip the \".$\" suffix from: \(member.name)",
        at: template, member: member)
    }
  }

  /// A path under a key without `.$` stays text, which is seldom what was meant.
  private func checkLooksDynamic(_ member: SyntaxMember, _ template: SyntaxNode) {
    guard let text = member.value.text, QuerySyntax.looksDynamic(text) else { return }
    let name = member.name
    warning(
      "The value of '\(name)' looks like a JSONPath. Instead of '\(name)', use '\(name).$' to evaluate it as a JSONPath at runtime.",
      code: DiagnosticCode.noDollar, at: template, pointing: member.value)
  }
}
