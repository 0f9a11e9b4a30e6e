extension PassDefinition {
  static let fields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Next", "End", "Assign"],
    jsonPath: ["InputPath", "OutputPath", "Parameters", "ResultPath", "Result"], jsonata: ["Output"])
}

extension DefinitionReader {
  func readPass(_ fields: ObjectFields) -> PassDefinition {
    // `Result` is literal, whatever it looks like; `null` counts as absent.
    let result = fields["Result"].flatMap { $0.isNull ? nil : $0 }
    if let result, let dynamic = firstDynamic(in: result) {
      warning(
        "The 'Result' of a Pass state is static: its paths and intrinsic functions are not evaluated. Use 'Parameters' to evaluate them at runtime.",
        code: DiagnosticCode.resultIsStatic, at: result, pointing: dynamic)
    }
    return PassDefinition(result: result)
  }

  /// The first value in a literal that was probably meant to be evaluated.
  private func firstDynamic(in node: SyntaxNode) -> SyntaxNode? {
    switch node.kind {
    case .string(let text): return QuerySyntax.looksDynamic(text) ? node : nil
    case .array(let elements):
      for element in elements { if let found = firstDynamic(in: element) { return found } }
      return nil
    case .object(let members):
      for member in members {
        if member.name.hasSuffix(".$") { return member.value }
        if let found = firstDynamic(in: member.value) { return found }
      }
      return nil
    case .null, .bool, .number: return nil
    }
  }
}
