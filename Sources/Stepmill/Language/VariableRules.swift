// What `Assign` may assign: names, and the scopes they live in.

/// The variables of one `States` object.
struct VariableScope {
  /// The scope outside, as an index; nil for the whole machine.
  var parent: Int?
  /// The children of a distributed Map run on their own and see nothing of the scopes outside.
  var isIsolated: Bool
  /// The names that scopes inside may not assign.
  var names: Set<String> = []
  /// Every assignment, with its place.
  var assignments: [Located<String>] = []
}

extension DefinitionReader {
  private static var variableNameMax: Int { 80 }

  /// What a catcher assigns may be assigned inside the state it guards: AWS runs such definitions.
  func checkAssign(_ node: SyntaxNode, _ language: QueryLanguage, isCatcher: Bool = false) {
    guard let members = node.members else {
      expect("[OBJECT]", at: node)
      return
    }
    switch language {
    case .jsonPath: checkTemplate(node)
    case .jsonata: checkExpressions(in: node)
    }
    for member in members {
      var name = member.name
      if language == .jsonPath, name.hasSuffix(".$") { name.removeLast(2) }
      if checkVariableName(name, member), let scope {
        if !isCatcher { scopes[scope].names.insert(name) }
        scopes[scope].assignments.append(Located(value: name, node: member.value))
      }
    }
  }

  private func checkVariableName(_ name: String, _ member: SyntaxMember) -> Bool {
    if name == "states" {
      error(
        "Cannot assign to reserved variable '$states'.", code: DiagnosticCode.reservedVariableName,
        at: member.value, member: member)
      return false
    }
    let scalars = name.unicodeScalars
    let isIdentifier =
      scalars.first?.properties.isIDStart == true
      && scalars.dropFirst().allSatisfy { $0.properties.isIDContinue }
    if !isIdentifier {
      error(
        "Invalid variable name '\(name.prefix(200))': the variable name contains invalid characters.",
        code: DiagnosticCode.invalidVariableName, at: member.value, member: member,
        hint: "a name is a letter, then letters, digits and underscores")
      return false
    }
    if scalars.count > Self.variableNameMax {
      error(
        "Invalid variable name '\(name.prefix(200))': the variable name exceeds 80 characters.",
        code: DiagnosticCode.invalidVariableName, at: member.value, member: member)
      return false
    }
    return true
  }

  /// No scope assigns a name that one outside assigns, wherever in it.
  func checkVariables() {
    for scope in scopes {
      for assignment in scope.assignments where isAssigned(assignment.value, outside: scope) {
        error(
          "The variable name '\(assignment.value)' was already defined in a parent scope.",
          code: DiagnosticCode.duplicateVariableName, at: assignment.node, in: .names)
      }
    }
  }

  private func isAssigned(_ name: String, outside scope: VariableScope) -> Bool {
    var scope = scope
    while !scope.isIsolated, let parent = scope.parent {
      scope = scopes[parent]
      if scope.names.contains(name) { return true }
    }
    return false
  }
}
