extension PassDefinition {
  static let fields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Next", "End", "Assign"],
    jsonPath: ["InputPath", "OutputPath", "Parameters", "ResultPath", "Result"], jsonata: ["Output"])
}

extension DefinitionReader {
  func readPass(_ fields: ObjectFields) -> PassDefinition {
    // `Result` is literal, whatever it looks like; `null` counts as absent.
    PassDefinition(result: fields["Result"].flatMap { $0.isNull ? nil : $0 })
  }
}
