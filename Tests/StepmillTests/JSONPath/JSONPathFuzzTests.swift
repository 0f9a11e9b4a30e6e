import Testing

@testable import Stepmill

/// Proves that no text crashes the parser, and that no path on any document fails to end.
@Suite struct JSONPathFuzzTests {
  /// SplitMix64: small, and the same everywhere.
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  static let pieces = [
    "$", "$$", "@", ".", "..", "*", "[", "]", "(", ")", "?", "?(", ")]", "[?(", "'", "\"", "a", "b", "n", "0",
    "-1", "1",
    ":", ",", " ", "==", "!=", "<", ">=", "=~", "&&", "||", "!", "/a+/i", "/(a*)*b/", "/[^x-", "in", " in ",
    " nin ",
    " subsetof ", " size ", " empty ", "true", "null", "'x'", "[1,2]", "{'a':1}", "\\", "\\u12", "length()",
    ".sum()",
    ".keys()", "append(", "ü", "😀", "\t", "[*]", "..*", "[0]", "[1:]", "[?(@.a)]", "@.a", "$.a", "\u{0}",
    "1e9", ".",
  ]

  static let documents = [
    "null", "1", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "[]", "{}",
    #"{"a":{"a":[1,"2",{"b":null}],"b":true},"b":[[1,2],[3],{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}],"n":5}"#,
    #"[{"a":1,"n":"x"},{"a":[],"b":{}},{"a":{"a":{"a":{"a":1}}}},[[[[1,"ü"]]]]]"#,
  ]

  @Test func randomPaths() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("JSONPath fuzz seed: \(seed)")
    var random = Random(state: seed)
    let json = TestJSON()
    let documents = Self.documents.map { json.parse($0) }
    var parsed = 0
    for round in 0..<20_000 {
      var text = Int.random(in: 0..<8, using: &random) == 0 ? "" : "$"
      for _ in 0..<Int.random(in: 0..<14, using: &random) {
        text += Self.pieces.randomElement(using: &random) ?? ""
      }
      let dialect: JSONPath.Dialect = round % 2 == 0 ? .stepFunctions : .library
      guard let path = try? JSONPath.parse(text, dialect: dialect) else { continue }
      parsed += 1
      let options = PathOptions(rawValue: UInt8.random(in: 0..<64, using: &random))
      for document in documents {
        Self.run(path, document, options, json)
      }
    }
    print("JSONPath fuzz: \(parsed) paths were valid")
    #expect(parsed > 100)
  }

  /// Paths made of whole steps, so that most are valid and reach the evaluator.
  @Test func randomSteps() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("JSONPath step fuzz seed: \(seed)")
    var random = Random(state: seed)
    let steps = [
      ".a", ".b", "..a", "..*", "[*]", "[0]", "[-1]", "[0,1]", "[1:]", "[:-1]", "[-2:2]", "['a','b']",
      "..[0]", "..['a','b']",
      "[?(@.a)]", "[?(!@.b)]", "..[?(@.a == 1)]", "[?(@ == $.n)]", "[?(@.a =~ /(a|aa)*b/)]", "[?(@..a)]",
      "[?(@[*] == $..a)]",
      ".length()", ".keys()", ".append($..a)", ".concat($.a)", ".last()", ".index(1)", ".sum($..*)",
      "[?(@.a in $.b)]",
      "[?(@.a < 'b' || @ subsetof $..*)]", "[?(@ contains 'a')]", "[?(@.a size 1 && @.b != null)]",
    ]
    let json = TestJSON()
    let documents = Self.documents.map { json.parse($0) }
    for _ in 0..<4_000 {
      var text = "$"
      for _ in 0..<Int.random(in: 1..<7, using: &random) { text += steps.randomElement(using: &random) ?? "" }
      guard let path = try? JSONPath.parse(text) else { continue }
      let options = PathOptions(rawValue: UInt8.random(in: 0..<64, using: &random))
      for document in documents { Self.run(path, document, options, json) }
    }
  }

  static func run(_ path: JSONPath, _ document: Value, _ options: PathOptions, _ json: TestJSON) {
    switch path.evaluate(document, in: json.arena, options: options, visitsMax: 20_000) {
    case .found(let value): #expect(!value.isMissing, "\(path.text)")
    case .missing(let miss): _ = path.missText(miss)
    case .failure(let failure): _ = path.failureText(failure)
    }
  }
}
