import Stepmill
import Testing

@testable import StepmillBatch

/// Proves what rows each format gives, rule by rule, and what is said where a text breaks them.
@Suite struct RowFormatTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let format: RowFormat
    let rows: [String]
    var testDescription: String { name }
  }

  private static func csv(
    _ headers: CSVDialect.Headers = .firstRow, _ delimiter: CSVDialect.Delimiter = .comma,
    _ order: CSVDialect.Order = .columns
  ) -> RowFormat { .csv(CSVDialect(delimiter: delimiter, headers: headers, order: order)) }

  static let examples: [Example] = [
    Example(
      name: "lines", text: "1\n{\"a\": 2}\n\"x\"", format: .jsonLines, rows: ["1", "{\"a\": 2}", "\"x\""]),
    Example(name: "blank lines", text: "\n1\n \t\r\n\n2\n\n", format: .jsonLines, rows: ["1", "2"]),
    Example(name: "CRLF", text: "1\r\n2\r\n", format: .jsonLines, rows: ["1\r", "2\r"]),
    Example(name: "mark", text: "\u{FEFF}1\n2\n", format: .jsonLines, rows: ["1", "2"]),
    Example(name: "nothing", text: "", format: .jsonLines, rows: []),
    Example(name: "no JSON is not its matter", text: "{\nx\n", format: .jsonLines, rows: ["{", "x"]),

    Example(
      name: "array", text: " [1, {\"a\":[2]} ,\"]\", null]\n", format: .json(),
      rows: ["1", "{\"a\":[2]}", "\"]\"", "null"]),
    Example(name: "empty array", text: "[ ]", format: .json(), rows: []),
    Example(name: "empty object", text: "{}", format: .json(), rows: []),
    Example(
      name: "object", text: #"{"a":1, "b\"" : [ ] }"#, format: .json(),
      rows: [#"{"Key":"a","Value":1}"#, #"{"Key":"b\"","Value":[ ]}"#]),
    Example(
      name: "lines in an element", text: "[{\n\"a\":\n1}\n,2]", format: .json(), rows: ["{ \"a\": 1}", "2"]),
    Example(
      name: "pointer", text: #"{"x":[1,2,{"deep":"]}\""}],"a":{"b/c":[0,[7,8]]},"z":3}"#,
      format: .json(pointer: "/a/b~1c/1"), rows: ["7", "8"]),
    Example(
      name: "pointer to an object", text: #"[{"n":1},{"n":{"k":"v"}}]"#, format: .json(pointer: "/1/n"),
      rows: [#"{"Key":"k","Value":"v"}"#]),
    Example(name: "escaped name", text: #"{"\u0061~":[1]}"#, format: .json(pointer: "/a~0"), rows: ["1"]),
    Example(name: "empty name", text: #"{"":[1]}"#, format: .json(pointer: "/"), rows: ["1"]),

    Example(
      name: "given headers", text: "Value1,Value2\nValue4,5\n,x\ntrue\nNull\n\"   \"\n",
      format: csv(.given(["H1"])),
      rows: ["Value1", "Value4", "", "true", "Null", "   "].map { "{\"H1\":\"\($0)\"}" }),
    Example(
      name: "first row", text: "a,b\n1,2\n3\n4,5,6", format: csv(),
      rows: [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":""}"#, #"{"a":"4","b":"5"}"#]),
    Example(
      name: "quotes", text: "a,b\n\"x,\"\"y\"\"\nz\",\" s \"\n\"\",\"\"\"\"\n", format: csv(),
      rows: [#"{"a":"x,\"y\"\nz","b":" s "}"#, #"{"a":"","b":"\""}"#]),
    Example(
      name: "backslashes", text: "a,b\n\\\\,\\\"\n\\,x,\\n\n\"\\\"q\\\"\",\\\n", format: csv(),
      rows: [#"{"a":"\\","b":"\""}"#, #"{"a":",x","b":"n"}"#, #"{"a":"\"q\"","b":""}"#]),
    Example(
      name: "CRLF and mark", text: "\u{FEFF}a,b\r\n1,2\r\n\r\n\"3\r\n\",4\r\n", format: csv(),
      rows: [#"{"a":"1","b":"2"}"#, #"{"a":"3\r\n","b":"4"}"#]),
    Example(name: "empty name", text: "H1,\n1,2\n", format: csv(), rows: [#"{"H1":"1","":"2"}"#]),
    Example(
      name: "hash order", text: "0,True,{}\nx,y,z\n", format: csv(.firstRow, .comma, .service),
      rows: [#"{"0":"x","{}":"z","True":"y"}"#]),
    Example(
      name: "hash order of an empty name", text: "H1,\n1,2\n", format: csv(.firstRow, .comma, .service),
      rows: [#"{"":"2","H1":"1"}"#]),
    Example(name: "pipe", text: "a|b\n1,|2\n", format: csv(.firstRow, .pipe), rows: [#"{"a":"1,","b":"2"}"#]),
    Example(
      name: "semicolon", text: "a;b\n\\;;2\n", format: csv(.firstRow, .semicolon),
      rows: [#"{"a":";","b":"2"}"#]),
    Example(name: "space", text: "a b\n1 2\n", format: csv(.firstRow, .space), rows: [#"{"a":"1","b":"2"}"#]),
    Example(
      name: "tab", text: "a\tb\n1\t\u{1}\n", format: csv(.firstRow, .tab), rows: [#"{"a":"1","b":"\u0001"}"#]),
    Example(name: "only headers", text: "a,b\n", format: csv(), rows: []),
    Example(name: "no text", text: "", format: csv(), rows: []),
    Example(name: "more than ASCII", text: "ä\n✓ \"\n", format: csv(), rows: [#"{"ä":"✓ \""}"#]),
  ]

  @Test(arguments: examples) func rows(_ example: Example) throws {
    #expect(try RowTexts.read(example.text, as: example.format) == example.rows)
  }

  /// Wherever a text is cut into pieces, its rows are the same.
  @Test(arguments: examples) func piecesDoNotMatter(_ example: Example) throws {
    let bytes = Array(example.text.utf8)
    for size in 1...7 {
      #expect(try RowTexts.read(bytes, as: example.format, pieces: { size }, rowsMax: 1) == example.rows)
    }
  }

  struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let format: RowFormat
    let kind: RowError.Kind
    let offset: Int?
    var testDescription: String { "\(text.prefix(30))" }
  }

  static let mistakes: [Mistake] = [
    Mistake(text: "[1,2", format: .json(), kind: .truncated, offset: 4),
    Mistake(text: "[1,", format: .json(), kind: .truncated, offset: 3),
    Mistake(text: "", format: .json(), kind: .truncated, offset: 0),
    Mistake(text: #"{"a":[1]"#, format: .json(pointer: "/a"), kind: .truncated, offset: 8),
    Mistake(text: "[1 2]", format: .json(), kind: .syntax, offset: 3),
    Mistake(text: "[1,]", format: .json(), kind: .syntax, offset: 3),
    Mistake(text: "[,1]", format: .json(), kind: .syntax, offset: 1),
    Mistake(text: "[1}", format: .json(), kind: .syntax, offset: 2),
    Mistake(text: "[\"a\nb\"]", format: .json(), kind: .syntax, offset: 3),
    Mistake(text: "[1]{", format: .json(), kind: .syntax, offset: 3),
    Mistake(text: "{\"a\":1}\n{\"a\":2}\n", format: .json(), kind: .syntax, offset: 8),
    Mistake(text: "17", format: .json(), kind: .notIterable, offset: 0),
    Mistake(text: #"{"a":1}"#, format: .json(pointer: "/a"), kind: .notIterable, offset: 5),
    Mistake(text: #"{"a":1}"#, format: .json(pointer: "/b"), kind: .pointer, offset: nil),
    Mistake(text: #"[[1]]"#, format: .json(pointer: "/1"), kind: .pointer, offset: nil),
    Mistake(text: #"[[1]]"#, format: .json(pointer: "/00"), kind: .pointer, offset: nil),
    Mistake(text: "[]", format: .json(pointer: "a"), kind: .pointer, offset: nil),
    Mistake(text: "a,b\n1,\"2\n3,4\n", format: csv(), kind: .truncated, offset: 6),
    Mistake(text: "a,b,a\n1,2,3\n", format: csv(), kind: .headers, offset: nil),
    Mistake(text: "x", format: csv(.given(["a", "a"])), kind: .headers, offset: nil),
    Mistake(text: "PAR1", format: .parquet, kind: .unsupported, offset: nil),
  ]

  @Test(arguments: mistakes) func mistakesNameTheirPlace(_ mistake: Mistake) {
    for size in [1, 3, 1000] {
      let error = #expect(throws: RowError.self) {
        try RowTexts.read(Array(mistake.text.utf8), as: mistake.format, pieces: { size })
      }
      #expect(error?.kind == mistake.kind)
      #expect(error?.offset == mistake.offset)
    }
  }

  @Test func otherEncodingsAreNamed() {
    let error = #expect(throws: RowError.self) {
      try RowTexts.read([0xFF, 0xFE, 0x31, 0, 0x0A, 0], as: .jsonLines)
    }
    #expect(error?.kind == .unsupported)
  }

  @Test func aRowOverTheLimitIsRefused() throws {
    let long = "[" + String(repeating: "1,", count: 200_000) + "1]"
    let error = #expect(throws: RowError.self) {
      try RowTexts.read(
        Array("1\n\(long)\n2\n".utf8), as: .jsonLines, pieces: { 1000 }, rowBytesMax: 100_000)
    }
    #expect(error?.kind == .tooLong)
    #expect(error?.offset == 2)
    #expect(
      try RowTexts.read(Array("1\n\(long)\n2\n".utf8), as: .jsonLines, pieces: { 1000 }) == ["1", long, "2"])
  }

  /// Random texts of every format in random pieces give what they give in one.
  @Test(arguments: 0..<40) func randomPieces(seed: UInt64) throws {
    var random = BatchRandom(seed: seed)
    let pool = [
      "\"", "\\", ",", "\n", "\r\n", "a", "ä", "[", "]", "{", "}", ":", "1", " ", "\"b\"", "|", "\t", ";",
    ]
    let formats: [RowFormat] = [
      .jsonLines, .json(), .json(pointer: "/a"), Self.csv(), Self.csv(.given(["x", "y"]), .pipe),
      Self.csv(.firstRow, .tab, .service),
    ]
    for _ in 0..<100 {
      var text = ""
      for _ in 0..<Int.random(in: 0...40, using: &random) { text += pool.randomElement(using: &random)! }
      for format in formats {
        let whole = Result { () throws(RowError) in try RowTexts.read(text, as: format) }
        let pieces = Result { () throws(RowError) in
          try RowTexts.read(
            Array(text.utf8), as: format, pieces: { Int.random(in: 1...9, using: &random) },
            rowsMax: Int.random(in: 1...5, using: &random))
        }
        switch (whole, pieces) {
        case (.success(let left), .success(let right)):
          #expect(left == right, "\(format) \(text.debugDescription)")
        case (.failure(let left), .failure(let right)):
          #expect(left == right, "\(format) \(text.debugDescription)")
        default: Issue.record("\(format) \(text.debugDescription): \(whole) or \(pieces)")
        }
      }
    }
  }

  @Test func namesTellFormats() {
    #expect(RowFormat(fileName: "rows.jsonl.gz") == .jsonLines)
    #expect(RowFormat(fileName: "a/b.CSV") == .csv())
    #expect(RowFormat(fileName: "x.tsv.zst") == .csv(CSVDialect(delimiter: .tab)))
    #expect(RowFormat(fileName: "x.json") == .json())
    #expect(RowFormat(fileName: "x.parquet") == .parquet)
    #expect(RowFormat(fileName: "csv") == nil)
    #expect(RowFormat(fileName: "x.txt") == nil)
  }
}
