import Testing

@testable import Stepmill

// Where problems are: line, column, pointer, and the hints that go with them.

struct DiagnosticTests {
  @Test func positions() {
    let text = """
      {
        "StartAt": "Größe/~x",
        "States": {
          "Größe/~x": { "Type": "Wait", "é👩‍👩‍👧": 1, "Seconds": -1, "End": true }
        }
      }
      """
    let diagnostics = readDefinition(text).diagnostics
    #expect(diagnostics.map(\.line) == [4, 4])
    #expect(diagnostics.map(\.column) == [35, 55])
    #expect(
      diagnostics.map(\.pointer) == ["/States/Größe~1~0x/é👩‍👩‍👧", "/States/Größe~1~0x/Seconds"])
    #expect(diagnostics.map(\.location) == ["/States/Größe/~x", "/States/Größe/~x/Seconds"])
  }

  /// A template's mistakes are placed at the template by the service, and exactly by the pointer.
  @Test func templatePointer() {
    let diagnostic = readDefinition(
      machineText(#""A":{"Type":"Pass","Parameters":{"x":[{"a.$":"b"}]},"End":true}"#)
    ).diagnostics[0]
    #expect(diagnostic.location == "/States/A/Parameters")
    #expect(diagnostic.pointer == "/States/A/Parameters/x/0/a.$")
  }

  @Test(arguments: [
    (#""A":{"Type":"Pass","nExt":"A","End":true}"#, "did you mean `Next`?"),
    (#""A":{"Type":"Pas","End":true}"#, "did you mean `Pass`?"),
    (#""A":{"Type":"Pass","Next":"Bee"},"Beee":{"Type":"Succeed"}"#, "did you mean `Beee`?"),
    (#""A":{"Type":"Map","ItemProcesor":{},"End":true}"#, "did you mean `ItemProcessor`?"),
  ])
  func hints(_ states: String, _ hint: String) {
    #expect(readDefinition(machineText(states)).diagnostics.first?.hint == hint)
  }

  @Test func hintAcrossContainers() {
    let text = machineText(
      #""A":{"Type":"Map","Iterator":{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"A"}}},"End":true}"#)
    #expect(
      readDefinition(text).diagnostics.first?.hint
        == "the state at /States/A belongs to another `States` object")
  }

  /// A field of the other query language is answered with what there is instead.
  @Test func hintAcrossLanguages() {
    let text = machineText(#""A":{"Type":"Pass","QueryLanguage":"JSONata","ResultPath":"$.a","End":true}"#)
    #expect(
      readDefinition(text).diagnostics.first?.hint
        == "JSONata states have `Output`, where `$states.result` is the result")
  }

  @Test func noHintForWhatIsUnlikeAnything() {
    #expect(
      readDefinition(machineText(#""A":{"Type":"Pass","Quux":1,"End":true}"#)).diagnostics.first?.hint == nil)
  }

  @Test func description() {
    let diagnostic = readDefinition("{\n}").diagnostics[0]
    #expect(diagnostic.description == "1:1: error: These fields are required: [States, StartAt]")
  }

  /// A thousand are listed, the rest is counted; errors are not crowded out by warnings.
  @Test func bounded() {
    let fields = (0..<3000).map { "\"x\($0)\":1" }.joined(separator: ",")
    let diagnostics = readDefinition(machineText(#""A":{"Type":"Succeed",\#(fields)}"#)).diagnostics
    #expect(diagnostics.count == 1001)
    #expect(diagnostics.last?.code == "STEPMILL_TOO_MANY_DIAGNOSTICS")
    #expect(diagnostics.last?.message == "2000 more problems were left out.")

    let warnings = (0..<3000).map { "\"x\($0)\":\"$.a\"" }.joined(separator: ",")
    var options = Definition.ReadingOptions()
    options.diagnosticsMax = 10
    let (definition, mixed) = readDefinition(
      machineText(#""A":{"Type":"Pass","Parameters":{\#(warnings)},"InputPath":"x","End":true}"#), options)
    #expect(definition == nil)
    #expect(mixed.count == 11)
    #expect(mixed.first?.message == "Value must be a valid JSONPath.")
    #expect(mixed.last?.severity == .warning)
  }

  /// Names of all kinds of scalars are names, and two that look the same but are written otherwise are two.
  @Test func strangeNames() throws {
    let names = [
      "é", "e\u{301}", "\u{1F600}", "\u{202E}rtl", " ", "\t", "\u{0}", "日本", "\u{E000}", "\u{10FFFF}",
      "a/b", "~1", "[0]", "\u{FEFF}", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    ]
    func quoted(_ name: String) -> String {
      let units = name.utf16.map { unit in
        let hex = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      }
      return "\"\(units.joined())\""
    }
    let states = names.enumerated().map { index, name in
      let next =
        index + 1 < names.count ? "\"Next\":\(quoted(names[index + 1]))" : "\"End\":true"
      return "\(quoted(name)):{\"Type\":\"Pass\",\(next)}"
    }
    let text = "{\"StartAt\":\(quoted(names[0])),\"States\":{\(states.joined(separator: ","))}}"
    let (definition, diagnostics) = readDefinition(text)
    #expect(diagnostics.isEmpty, "\(diagnostics)")
    let read = try #require(definition)
    #expect(read.machine.states.count == names.count)
    // Each leads to the next, and none to its twin.
    let compiled = CompiledDefinition(Compiler.compile(read))
    #expect(compiled.stateNames.map { Array($0.utf8) } == names.map { Array($0.utf8) })
    let ops = compiled.program.tables.pointee.ops
    for index in 1..<names.count { #expect(ops[index].next == UInt32(index + 1)) }
  }

  /// What the service lists, and how much of it: errors alone unless warnings are asked for too.
  @Test func serviceView() {
    let text = Array(
      machineText(
        #""A":{"Type":"Pass","Parameters":{"a":"$.b"},"Next":"B"},"B":{"Type":"Task","Resource":"work","x":1,"y":2,"End":true}"#
      ).utf8)
    let all = DefinitionCheck.serviceView(text, severity: .warning)
    #expect(all.diagnostics.map(\.severity) == [.error, .error, .error, .warning] && !all.isTruncated)
    let errors = DefinitionCheck.serviceView(text)
    #expect(errors.diagnostics.count == 3 && !errors.isTruncated && !errors.isValid)
    let two = DefinitionCheck.serviceView(text, maximum: 2)
    #expect(two.diagnostics.count == 2 && two.isTruncated)
    #expect(DefinitionCheck.serviceView(text, maximum: 3).isTruncated == false)
    #expect(
      two.invalidDefinitionMessage
        == "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Field 'x' is not supported at /States/B, SCHEMA_VALIDATION_FAILED: Field 'y' is not supported at /States/B'"
    )
    let warning = Array(machineText(#""A":{"Type":"Pass","Parameters":{"a":"$.b"},"End":true}"#).utf8)
    let fine = DefinitionCheck.serviceView(warning, severity: .warning)
    #expect(fine.isValid && fine.diagnostics.count == 1 && fine.invalidDefinitionMessage == nil)
    #expect(
      DefinitionCheck.serviceView(Array("{}".utf8)).invalidDefinitionMessage
        == "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'"
    )
  }

  /// The text in question, cut where it is long.
  @Test func texts() {
    func first(_ text: String) -> String? { readDefinition(text).diagnostics.first?.text }
    #expect(first(#"{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"B","End":true,"x":1}}}"#) == #""x""#)
    #expect(first(#"{"StartAt":"A","States":{"A":{"Type":"Nope"}}}"#) == #""Nope""#)
    #expect(first("{\"States\":{},\n\"StartAt\":1}") == "{}")
    let long = String(repeating: "x", count: 200)
    #expect(first(#"{"StartAt":"A","States":{"A":{"Type":"\#(long)"}}}"#)?.count == 81)
  }
}
