import Stepmill
import Testing

@testable import StepmillYAML

/// YAML becomes the JSON that it stands for, and whatever JSON has no word for is refused with its
/// place. Places in the JSON lead back to places in the YAML.
@Suite struct YAMLDocumentTests {
  private func json(_ yaml: String, limits: YAMLDocument.Limits = .init()) throws -> String {
    let document = try YAMLDocument(Array(yaml.utf8), limits: limits)
    return String(decoding: document.json.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  private func failure(_ yaml: String, limits: YAMLDocument.Limits = .init()) -> YAMLError? {
    do throws(YAMLError) {
      _ = try YAMLDocument(Array(yaml.utf8), limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("null", "null"), ("~", "null"), ("Null", "null"), ("true", "true"), ("True", "true"), ("FALSE", "false"),
    ("yes", #""yes""#), ("on", #""on""#), ("n", #""n""#), ("tRue", #""tRue""#),
    ("0", "0"), ("007", "7"), ("-0", "-0"), ("+12", "12"), ("12345678901234567890", "12345678901234567890"),
    ("0o14", "12"), ("0x1F", "31"), ("0xffffffffffffffffffff", "1208925819614629174706175"),
    ("-0x1F", #""-0x1F""#), ("0o8", #""0o8""#), ("1.50", "1.50"), (".5", "0.5"), ("1.", "1"),
    ("+.5e-3", "0.5e-3"), ("1e3", "1e3"), ("1E+3", "1E+3"), ("1e", #""1e""#), (".", #"".""#), ("-", "[null]"),
    ("1_000", #""1_000""#), ("1:30", #""1:30""#), ("2020-01-01", #""2020-01-01""#), ("0b1", #""0b1""#),
    ("'1'", #""1""#), (#""true""#, #""true""#), ("!!str 1", #""1""#), ("!!map {}", "{}"),
    (#""a\tb\x01\u00e9\n""#, #""a\tb\u0001é\n""#), ("'it''s'", #""it's""#), (#"a\b"#, #""a\\b""#),
  ])
  func scalarsFollowTheCoreSchema(_ yaml: String, _ expected: String) throws {
    #expect(try json(yaml) == expected)
  }

  @Test(arguments: [".inf", "-.INF", "+.Inf", ".NaN"])
  func numbersThatJSONLacksAreRefused(_ text: String) {
    #expect(failure("a: \(text)")?.column == 4)
    #expect(failure("a: \(text)")?.message.contains("cannot be said in JSON") == true)
    #expect(failure("a: '\(text)'") == nil)
  }

  @Test func collectionsKeepTheirOrder() throws {
    let yaml = """
      # a comment
      StartAt: B
      States:
        B: {Type: Pass, Next: A}   # flow
        A:
          Type: Choice
          Choices:
          - Variable: $.x
            IsNull: true
            Next: B
          -
            - 1
            - []
      Empty:
      """
    #expect(
      try json(yaml)
        == #"{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"A"},"A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsNull":true,"Next":"B"},[1,[]]]}},"Empty":null}"#
    )
  }

  @Test func namesAreStringsAsWritten() throws {
    #expect(
      try json("{1: a, true: b, 0x10: c, ~: d, 'x': e}")
        == #"{"1":"a","true":"b","0x10":"c","~":"d","x":"e"}"#)
    #expect(try json("ä: 1\n2.50: 3") == #"{"ä":1,"2.50":3}"#)
  }

  @Test func aliasesShareAndSeveralMayMeanOne() throws {
    #expect(
      try json("a: &x {r: [1]}\nb: *x\nc: [*x, *x]")
        == #"{"a":{"r":[1]},"b":{"r":[1]},"c":[{"r":[1]},{"r":[1]}]}"#)
    #expect(try json("a: &x 1\nb: *x\nc: &x 2\nd: *x") == #"{"a":1,"b":1,"c":2,"d":2}"#)
    #expect(try json("&k a: 1\nb: *k") == #"{"a":1,"b":"a"}"#)
  }

  @Test func aBillionLaughsEndAtALimit() {
    var yaml = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in 1...30 {
      yaml +=
        "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
    }
    var limits = YAMLDocument.Limits()
    limits.jsonBytesMax = 1 << 16
    #expect(failure(yaml, limits: limits)?.message.contains("65536 bytes of JSON") == true)
  }

  @Test func nestingEndsAtALimit() {
    let yaml = String(repeating: "[", count: 100_000)
    #expect(failure(yaml)?.message.contains("deeper than 1000 levels") == true)
    // Deep only through aliases.
    var chain = "a0: &a0 [1]\n"
    for level in 1...40 { chain += "a\(level): &a\(level) [[[[*a\(level - 1)]]]]\n" }
    var limits = YAMLDocument.Limits()
    limits.nestingMax = 50
    #expect(failure(chain, limits: limits)?.message.contains("aliases are written out") == true)
  }

  @Test(arguments: [
    ("a: *x", 1, 4, "means no anchor"),
    ("a: &x\n  b: *x", 2, 6, "stands inside the node"),
    ("a:\n  - !Sub ${x}", 2, 5, "!Sub is a tag of CloudFormation"),
    ("a: !GetAtt Function.Arn", 1, 4, "!GetAtt is a tag of CloudFormation"),
    ("a: !!binary aGk=", 1, 4, "!!binary has no meaning"),
    ("a: !mine 1", 1, 4, "!mine has no meaning"),
    ("a: !!int '1'", 1, 4, "!!int has no meaning"),
    ("? [a]\n: 1", 1, 3, "must be a scalar"),
    ("x: &b {y: 1}\na:\n  <<: *b", 3, 3, "Merge keys"),
    ("a: 1\nb: 2\n\"a\": 3", 3, 1, "The name \"a\" stands twice in its mapping"),
    ("a: 1\n---\nb: 2", 2, 1, "second document"),
    ("a:\n\t- b", 2, 1, "cannot start any token"),
    ("a: 'b", 1, 6, "unexpected end of stream"),
    ("a: b: c", 1, 5, "mapping values are not allowed"),
    ("", 1, 1, "holds no YAML document"),
    ("# only a comment\n", 1, 1, "holds no YAML document"),
  ])
  func whatIsWrongIsNamedWithItsPlace(_ yaml: String, line: Int, column: Int, text: String) {
    let error = failure(yaml)
    #expect(error?.message.contains(text) == true, "\(error.map(\.description) ?? "accepted")")
    #expect(error?.line == line)
    #expect(error?.column == column)
  }

  @Test func aQuotedMergeKeyIsAName() throws {
    #expect(try json("'<<': 1") == #"{"<<":1}"#)
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes: [UInt8] in [[0xFF, 0x41], [0x61, 0x3A, 0x20, 0xC3], [0], [0x61, 0x00]] {
      #expect(throws: YAMLError.self) { try YAMLDocument(bytes) }
    }
    var limits = YAMLDocument.Limits()
    limits.sourceBytesMax = 3
    #expect(failure("abcd", limits: limits)?.message.contains("4 bytes") == true)
  }

  @Test func placesLeadBack() throws {
    let yaml = """
      States:
        Grün: { Type: "Pass", Next: Nowhere }
        B:
          Output: |
            {% $a
              ~ $b %}
          Comment: >
            folded
      """
    let document = try YAMLDocument(Array(yaml.utf8))
    let lines = String(decoding: document.json, as: UTF8.self).split(separator: "\n").map(String.init)
    func place(of text: String, _ column: Int = 1) -> [Int] {
      let line = lines.firstIndex { $0.contains(text) }! + 1
      let place = document.place(line: line, column: column)
      return [place.line, place.column]
    }
    #expect(place(of: "Grün") == [2, 3])
    #expect(place(of: "Pass") == [2, 17])
    #expect(place(of: "Pass", 4) == [2, 20])
    #expect(place(of: "Nowhere", 3) == [2, 32])
    #expect(place(of: "{%") == [4, 13])
    #expect(place(of: "{%", 5) == [5, 10])
    #expect(place(of: "{%", "\"{% $a\\n  ~ ".count + 1) == [6, 11])
    #expect(place(of: "folded", 4) == [7, 14])
  }

  @Test func aDiagnosticStandsInTheYAML() throws {
    let yaml = """
      StartAt: A
      States:
        A:
          Type: Pass
          Nxt: B
          End: true
      """
    let document = try YAMLDocument(Array(yaml.utf8))
    let found = DefinitionCheck(document.json).diagnostics.map(document.translated)
    #expect(found.map { "\($0.line):\($0.column)" } == ["5:5"])
  }
}
