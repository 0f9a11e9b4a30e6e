import Testing

@testable import Stepmill

// Definitions that others have judged: lint tools' cases, real workflows, and what AWS
// itself accepted and ran.

struct LanguageConformanceTests {
  private static let validation = "validation/cases.jsonl"
  private static let corpus = "corpus/definitions-resolved.jsonl"
  private static let executions = "asl/executions.jsonl"
  private static let scripts = "asl/scripts.jsonl"

  /// The text of a row's definition, cut from the row.
  private func definition(_ node: SyntaxNode?, _ row: [UInt8]) -> [UInt8]? {
    guard let node else { return nil }
    // Text that the suite sends although it is no JSON object.
    if let text = node.text { return Array(text.utf8) }
    return node.isNull ? nil : Array(row[node.range])
  }

  private func verdict(_ bytes: [UInt8]) -> (isValid: Bool, errors: [String]) {
    let diagnostics = Definition.read(bytes).diagnostics
    return (
      !diagnostics.contains { $0.severity == .error },
      diagnostics.filter { $0.severity == .error }.map(\.brief)
    )
  }

  /// The lint tools' verdicts. Left out: what the data marks as stale or disputed, and what the definition cannot
  /// show.
  @Test(.enabled(if: LanguageData.has(validation), "no validation set at \(LanguageData.directory)"))
  func validationSet() throws {
    var agreed = 0
    var count = 0
    for (row, bytes) in try LanguageData.rows(Self.validation) {
      guard row["stale"] == nil, row["disputed"] == nil, let id = row["id"]?.text,
        let expected = row["valid"]?.boolean, let text = definition(row["definition"], bytes)
      else { continue }
      if id.contains("duplicate-key"), row["text_format"]?.text == "yaml" { continue }
      let (isValid, errors) = verdict(text)
      count += 1
      if isValid == expected {
        agreed += 1
      } else {
        print("validation set: \(id): expected valid=\(expected), \(errors)")
      }
    }
    print("validation set: \(agreed) of \(count) agree")
    #expect(count > 150)
    // What is left are a script in an index (`[(@.length-1)]`), arguments without commas between them, and
    // members that `$states` does not have; those tools let them pass.
    #expect(count - agreed <= 3)
  }

  /// Real workflows have no errors. One of them is known to be broken: it holds a `QueryLanguage` among its
  /// states.
  @Test(.enabled(if: LanguageData.has(corpus), "no corpus at \(LanguageData.directory)"))
  func corpusIsAccepted() throws {
    var refused = 0
    for (row, bytes) in try LanguageData.rows(Self.corpus) {
      let id = try #require(row["id"]?.text)
      let text = try #require(definition(row["definition"], bytes))
      let (isValid, errors) = verdict(text)
      if isValid { continue }
      if id.contains("shared-fallback-state-jsonata") {
        refused += 1
        continue
      }
      Issue.record("\(id): \(errors)")
    }
    print("corpus: \(refused) definitions with known faults were refused")
  }

  /// What AWS ran, Stepmill accepts.
  @Test(.enabled(if: LanguageData.has(executions), "no executions at \(LanguageData.directory)"))
  func executedDefinitionsAreAccepted() throws {
    var count = 0
    for (row, bytes) in try LanguageData.rows(Self.executions) {
      let id = try #require(row["id"]?.text)
      var nodes = [row["state_machine"]?["definition"]]
      nodes += (row["other_state_machines"]?.elements ?? .none).map { $0["definition"] }
      nodes += (row["companion_executions"]?.elements ?? .none).map { $0["state_machine"]?["definition"] }
      nodes += (row["runs"]?.elements ?? .none).map { $0["definition"] }
      for node in nodes {
        guard let text = definition(node, bytes) else { continue }
        count += 1
        let (isValid, errors) = verdict(text)
        if !isValid { Issue.record("\(id): \(errors)") }
      }
    }
    print("executions: \(count) definitions")
    #expect(count > 100)
  }

  /// The diagnostics that AWS answered, word for word and in its order; also as its exceptions join them.
  @Test(.enabled(if: LanguageData.has(scripts), "no scripts at \(LanguageData.directory)"))
  func servicesDiagnostics() throws {
    var count = 0
    for (row, _) in try LanguageData.rows(Self.scripts) {
      let id = try #require(row["id"]?.text)
      for step in row["steps"]?.elements ?? .none {
        guard let text = step["params"]?["definition"]?.text else { continue }
        var options = Definition.ReadingOptions()
        options.allowsPlainResources = false
        options.isExpress = step["params"]?["type"]?.text == "EXPRESS"
        let diagnostics = Definition.read(Array(text.utf8), options: options).diagnostics
        if let expected = step["expect"]?["diagnostics"]?.elements {
          count += 1
          check(diagnostics, expected.map(\.fields), id)
        } else if let message = step["expect_error"]?["Message"]?.text,
          message.hasPrefix("Invalid State Machine Definition"), step["op"]?.text != "TestState"
        {
          count += 1
          #expect(exception(diagnostics) == message, "\(id)")
        }
      }
    }
    print("scripts: \(count) answers")
    #expect(count > 10)
  }

  private func check(_ diagnostics: [Diagnostic], _ expected: [[String: String]], _ id: String) {
    let found = diagnostics.filter { $0.severity == .error }.map { diagnostic in
      var fields = ["code": diagnostic.code, "message": diagnostic.message, "severity": "ERROR"]
      fields["location"] = diagnostic.location
      return fields
    }
    #expect(found == expected, "\(id)")
  }

  private func exception(_ diagnostics: [Diagnostic]) -> String {
    let parts = diagnostics.filter { $0.severity == .error }.map {
      "\($0.code): \($0.message) at \($0.location ?? "null")"
    }
    return "Invalid State Machine Definition: '\(parts.joined(separator: ", "))'"
  }
}

extension SyntaxNode {
  /// An object of texts.
  fileprivate var fields: [String: String] {
    Dictionary(
      uniqueKeysWithValues: (members ?? .none).map { ($0.name, $0.value.text ?? "") })
  }
}
