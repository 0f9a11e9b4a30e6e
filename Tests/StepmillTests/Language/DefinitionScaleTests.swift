import Testing

@testable import Stepmill

// Large definitions and damaged ones: neither may hang or crash the reader.

struct DefinitionScaleTests {
  /// A hundred thousand states in a row, all looked up by name.
  @Test func manyStates() throws {
    let count = 100_000
    var text = "{\"StartAt\":\"S0\",\"States\":{"
    for index in 0..<count {
      text += "\"S\(index)\":{\"Type\":\"Pass\",\"Assign\":{\"v\(index)\":1},\"Next\":\"S\(index + 1)\"},"
    }
    text += "\"S\(count)\":{\"Type\":\"Succeed\"}}}"
    let (definition, diagnostics) = readDefinition(text)
    #expect(diagnostics.isEmpty)
    #expect(definition?.machine.states.count == count + 1)
  }

  /// As many mistakes on one line: the list is cut, and each has its column.
  @Test func manyMistakes() {
    let count = 50_000
    var text = "{\"StartAt\":\"S0\",\"States\":{"
    for index in 0..<count {
      text += "\"S\(index)\":{\"Type\":\"Pass\",\"Next\":\"T\(index)\",\"Ende\":true},"
    }
    text += "\"End\":{\"Type\":\"Succeed\"}}}"
    let diagnostics = readDefinition(text).diagnostics
    #expect(diagnostics.count == 1001)
    #expect(diagnostics[0].column == 59)
    #expect(
      zip(diagnostics.prefix(1000), diagnostics.prefix(1000).dropFirst()).allSatisfy { $0.column < $1.column }
    )
  }

  /// A choice of many rules, an object of many unknown fields, an array of many branches.
  @Test func wideObjects() {
    let rules = (0..<20_000).map { _ in #"{"Variable":"$.a","NumericEquals":1,"Next":"B"}"# }
    #expect(
      readDefinition(
        machineText(
          #""A":{"Type":"Choice","Choices":[\#(rules.joined(separator: ","))]},"B":{"Type":"Succeed"}"#)
      ).diagnostics.isEmpty)
    let fields = (0..<100_000).map { "\"f\($0)\":1" }
    #expect(
      readDefinition(
        machineText(#""A":{"Type":"Pass","Result":{\#(fields.joined(separator: ","))},"End":true}"#)
      )
      .diagnostics.isEmpty)
    #expect(
      readDefinition(machineText(#""A":{"Type":"Succeed",\#(fields.joined(separator: ","))}"#)).diagnostics
        .count
        == 1001)
  }

  /// Maps inside Maps, as deep as the nesting limit lets them be; and one level more.
  @Test func deepMaps() {
    func nested(_ depth: Int) -> String {
      var text = #"{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}"#
      for level in 0..<depth {
        text =
          #"{"StartAt":"M\#(level)","States":{"M\#(level)":{"Type":"Map","End":true,"Iterator":\#(text)}}}"#
      }
      return text
    }
    // Three levels of JSON for each Map, and three for the machine inside.
    #expect(readDefinition(nested(65)).diagnostics.isEmpty)
    #expect(readDefinition(nested(66)).diagnostics.map(\.code) == ["INVALID_JSON_DESCRIPTION"])
  }

  /// Damaged definitions are read to some end. The seed is printed; with it a failure comes again.
  @Test func mutations() {
    let seeds: [String] = [
      #"{"StartAt":"A","Comment":"c","Version":"1.0","TimeoutSeconds":5,"States":{"A":{"Type":"Pass","Parameters":{"a.$":"$.b[0]['c']","d":[{"e.$":"States.Format('{}', $.f)"}]},"ResultPath":"$.x","Assign":{"v.$":"$"},"Next":"B"},"B":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.x","IsPresent":true},{"Not":{"Variable":"$.y","StringMatches":"a\\*"}}],"Next":"C"}],"Default":"D"},"C":{"Type":"Wait","Timestamp":"2030-01-01T00:00:00Z","Next":"D"},"D":{"Type":"Fail","ErrorPath":"$.e","Cause":"x"}}}"#,
      #"{"StartAt":"M","QueryLanguage":"JSONPath","States":{"M":{"Type":"Map","Label":"L","ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a"]},"Parameters":{"Bucket":"b","Key.$":"$.k"}},"ItemBatcher":{"MaxItemsPerBatch":5},"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},"Next":"P"},"P":{"Type":"Parallel","Branches":[{"StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}],"Retry":[{"ErrorEquals":["E"],"BackoffRate":1.5}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"}],"Next":"T"},"T":{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::lambda:invoke","Arguments":"{% $states.input %}","Credentials":{"RoleArn":"r"},"TimeoutSeconds":"{% 5 %}","End":true}}}"#,
    ]
    let seed = UInt64.random(in: 0...UInt64.max)
    print("definition mutations: seed \(seed)")
    var random = SplitMix(state: seed)
    let tokens = [
      "{", "}", "[", "]", ",", ":", "\"", "null", "true", "-1", "1e9", "\"$\"", "\"{% 1\"", "\\", "\u{0}",
      "é",
      "\"Next\":\"A\",", "\"Type\":\"Map\",", "\"QueryLanguage\":\"JSONata\",", "\"x.$\":1,",
    ].map { Array($0.utf8) }
    for _ in 0..<3000 {
      var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: at)
        case 3:
          // One value in place of another keeps the JSON whole and shifts what it means.
          let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
          let to = Int.random(in: 0..<bytes.count, using: &random)
          bytes.insert(contentsOf: Array(bytes[at..<end]), at: to)
        default: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
        }
        if bytes.isEmpty { bytes = [0x7B] }
      }
      checkReading(bytes)
    }
    for _ in 0..<3000 {
      var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) { exchange(in: &bytes, &random) }
      checkReading(bytes)
    }
  }

  /// A definition or an error, and every diagnostic with a place.
  private func checkReading(_ bytes: [UInt8]) {
    let (definition, diagnostics) = Definition.read(bytes)
    let isWrong = diagnostics.contains { $0.severity == .error }
    #expect((definition == nil) == isWrong)
    for diagnostic in diagnostics { #expect(diagnostic.line >= 1 && diagnostic.column >= 1) }
    _ = definition?.unsupported()
  }

  /// Puts a copy of one value, or a new one, in the place of another: the text stays JSON.
  private func exchange(in bytes: inout [UInt8], _ random: inout SplitMix) {
    guard let document = try? SyntaxReader.read(SourceText(bytes), nestingMax: 200) else { return }
    var ranges: [Range<Int>] = []
    withExtendedLifetime(document.tree) { collect(document.root, &ranges) }
    let fresh = [
      "null", "0", "-1", "1.5", "true", "\"\"", "\"$.a\"", "\"{% 1 %}\"", "[]", "{}", "\"A\"", "[{}]",
      "\"JSONata\"",
    ]
    guard let target = ranges.randomElement(using: &random), let source = ranges.randomElement(using: &random)
    else { return }
    let replacement =
      Bool.random(using: &random)
      ? Array(bytes[source]) : Array((fresh.randomElement(using: &random) ?? "").utf8)
    bytes.replaceSubrange(target, with: replacement)
  }

  private func collect(_ node: SyntaxNode, _ ranges: inout [Range<Int>]) {
    ranges.append(node.range)
    for element in node.elements ?? .none { collect(element, &ranges) }
    for member in node.members ?? .none { collect(member.value, &ranges) }
  }
}

/// A small generator, so that a printed seed replays a run.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
