import Stepmill

/// Definitions and what is said about them.
enum DefinitionCases {
  /// A definition that a lint tool judged.
  static func runVerdict(_ row: JSON) -> CaseAnswer {
    guard let text = text(of: row) else { return CaseAnswer(skipped: "the case has no definition in JSON") }
    let check = DefinitionCheck(Array(text.utf8))
    let messages = check.diagnostics.filter { $0.severity == .error }.map { JSON($0.description) }
    let got: JSON = ["valid": JSON(check.isValid), "messages": JSON(messages)]
    return CaseAnswer(got, isOK: row["valid"]?.bool == check.isValid)
  }

  /// A real workflow.
  static func runWorkflow(_ row: JSON) -> CaseAnswer {
    guard let text = text(of: row) else { return CaseAnswer(skipped: "the case has no definition") }
    let check = DefinitionCheck(Array(text.utf8))
    let got: JSON = ["valid": JSON(check.isValid), "states": JSON(check.stateCount)]
    let first = check.diagnostics.first { $0.severity == .error }
    return CaseAnswer(got, isOK: check.isValid, difference: first?.description)
  }

  /// The definition as text: as written where the row keeps that and it is JSON.
  private static func text(of row: JSON) -> String? {
    if row["text_format"]?.string == "json", let text = row["definition_text"]?.string { return text }
    guard let definition = row["definition"], !definition.isNull else { return nil }
    return definition.string ?? definition.text
  }
}
