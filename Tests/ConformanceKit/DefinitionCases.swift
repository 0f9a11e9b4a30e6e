import Stepmill
import StepmillYAML

/// Definitions and what is said about them.
enum DefinitionCases {
  /// A definition that a lint tool judged.
  static func runVerdict(_ row: JSON) -> CaseAnswer {
    if row["text_format"]?.string == "yaml", let source = row["definition_text"]?.string,
      let refusal = yamlError(source)
    {
      return CaseAnswer(
        ["valid": false, "messages": [JSON(refusal)]], isOK: row["valid"]?.bool == false, difference: refusal)
    }
    guard let text = text(of: row) else { return CaseAnswer(skipped: "the case has no definition in JSON") }
    let check = DefinitionCheck(Array(text.utf8))
    let messages = check.diagnostics.filter { $0.severity == .error }.map { JSON($0.description) }
    let got: JSON = ["valid": JSON(check.isValid), "messages": JSON(messages)]
    return CaseAnswer(got, isOK: row["valid"]?.bool == check.isValid)
  }

  /// Why a text is no YAML from which a definition could be read.
  private static func yamlError(_ source: String) -> String? {
    do throws(YAMLError) {
      _ = try YAMLDocument(Array(source.utf8))
      return nil
    } catch {
      return error.description
    }
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
