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
}
