extension StateKind {
  static let succeedFields = FieldTable(
    ["Type", "Comment", "QueryLanguage"], jsonPath: ["InputPath", "OutputPath"], jsonata: ["Output"])
}
