import Testing

@testable import Stepmill

/// Proves what the parser makes of texts: values, places of mistakes, and that it neither
/// looks nor writes where it must not. (Accepting and rejecting is what the conformance
/// tests are about.)
@Suite struct JSONParserTests {

  @Test func everyKindOfValue() throws {
    let text = #"{"a":[1,-2.5,"x",true,false,null,{},[]],"b":{"c":""}}"#
    #expect(rewritten(text) == text)
    for scalar in ["1", "-1", "0.5", "\"x\"", "\"\"", "true", "false", "null", "[]", "{}"] {
      #expect(rewritten(scalar) == scalar)
      #expect(rewritten(" \n\t\r\(scalar) \n") == scalar)
    }
  }

  @Test func whiteSpaceBetweenAllTokens() {
    let spaced = " { \"a\" :\n[ 1 ,\t2 , { } , [ ] ] , \"b\"\r\n: \"x\" } "
    #expect(rewritten(spaced) == #"{"a":[1,2,{},[]],"b":"x"}"#)
    let wide = spaced.map { $0 == " " ? String(repeating: " ", count: 40) : String($0) }.joined()
    #expect(rewritten(wide) == #"{"a":[1,2,{},[]],"b":"x"}"#)
  }

  @Test func stringsOfAllLengthsAtAllOffsets() throws {
    // Around the widths of the vector scans, with what interrupts a scan at each place.
    for length in 0...70 {
      for special in ["", "é", "漢", "😀", "\\n", "\\\"", "\\u00e9"] {
        for place in Set([0, length / 2, length]) {
          let text =
            "[\"" + String(repeating: "a", count: place) + special
            + String(repeating: "b", count: length - place) + "\"]"
          let meant =
            String(repeating: "a", count: place) + (try #require(meanings[special]))
            + String(repeating: "b", count: length - place)
          let parsed = try ParsedText(text)
          withExtendedLifetime(parsed) { #expect(parsed.value.elements[0].text == meant) }
        }
      }
    }
  }

  private let meanings = [
    "": "", "é": "é", "漢": "漢", "😀": "😀", "\\n": "\n", "\\\"": "\"", "\\u00e9": "é",
  ]

  @Test func escapes() {
    #expect(rewritten(#""\"\\\/\b\f\n\r\t""#) == #""\"\\/\b\f\n\r\t""#)
    #expect(rewritten(#""\u0041\u00e9\u6F22\ud83d\ude00""#) == "\"Aé漢😀\"")
    #expect(rewritten(#""\u0000\u001f\u007f""#) == "\"\\u0000\\u001F\u{7F}\"")
    #expect(rewritten(#""\u12""#) == nil)
    #expect(rewritten(#""\u12G4""#) == nil)
    #expect(rewritten(#""\x41""#) == nil)
    #expect(rewritten("\"a\\") == nil)
  }

  @Test func loneSurrogatesSurvive() throws {
    #expect(rewritten(#"["\ud800"]"#) == #"["\uD800"]"#)
    #expect(rewritten(#"["\uDEAD x"]"#) == #"["\uDEAD x"]"#)
    #expect(rewritten(#"["\ud83d\ud83d\ude00"]"#) == "[\"\\uD83D😀\"]")
    #expect(rewritten(#"["\ude00\ud83d"]"#) == #"["\uDE00\uD83D"]"#)
    #expect(rewritten(#"{"\ud800":1}"#) == #"{"\uD800":1}"#)
    // The same bytes in the text itself are not UTF-8.
    #expect((try? ParsedText([0x22, 0xED, 0xA0, 0x80, 0x22])) == nil)
  }

  @Test func plainMeansThatNothingMustBeEscaped() throws {
    let parsed = try ParsedText(#"["abc","é","\u00e9","a\n","\ud800","\/"]"#)
    withExtendedLifetime(parsed) {
      #expect(parsed.value.elements.map(\.isPlainText) == [true, true, true, false, false, true])
    }
  }

  @Test func theLastOfRepeatedKeysWinsAtTheFirstPlace() {
    #expect(rewritten(#"{"a":1,"b":2,"a":3}"#) == #"{"a":3,"b":2}"#)
    #expect(rewritten(#"{"a":1,"a":2,"a":3}"#) == #"{"a":3}"#)
    #expect(rewritten(#"{"a":1,"\u0061":2}"#) == #"{"a":2}"#)
    #expect(rewritten(#"{"":1,"":2}"#) == #"{"":2}"#)
    // The second object begins like the first, and leaves its pattern.
    #expect(rewritten(#"[{"a":1,"b":2},{"a":1,"b":2,"a":3}]"#) == #"[{"a":1,"b":2},{"a":3,"b":2}]"#)
    #expect(rewritten(#"[{"a":1,"b":2},{"a":1,"a":2}]"#) == #"[{"a":1,"b":2},{"a":2}]"#)
    #expect(rewritten(#"[{"a":1,"b":2},{"b":1,"a":2,"b":3}]"#) == #"[{"a":1,"b":2},{"b":3,"a":2}]"#)
    // A repeated key inside of an object that repeats one.
    #expect(rewritten(#"{"a":1,"a":{"b":1,"b":{"c":1}},"d":0}"#) == #"{"a":{"b":{"c":1}},"d":0}"#)
  }

  @Test func objectsFollowThePatternOfTheOneBefore() {
    let cases = [
      #"[{"id":1,"tags":["a"],"inner":{"x":1,"y":2}},{"id":2,"tags":[],"inner":{"x":3,"y":4}}]"#,
      #"[{"id":1,"inner":{"x":1}},{"id":2,"inner":[1]},{"id":3,"inner":{"x":1,"z":2}}]"#,
      #"[{"id":1,"inner":[{"x":1}]},{"id":2,"inner":[{"x":2},{"x":3,"y":1},{"y":1}]}]"#,
      #"[{"a":1},{"a":1,"b":2},{"a":1,"b":2,"c":3},{"c":3},{},{"c":4}]"#,
      #"[{"a key that is longer than 16 bytes":1},{"a key that is longer than 16 bytes":2}]"#,
      #"[{"15 bytes long..":1},{"15 bytes long..":2},{"15 bytes long.!":3}]"#,
      #"[{"16 bytes long...":1},{"16 bytes long...":2}]"#,
      #"[{"a\"b":1},{"a\"b":2}]"#,
      #"[{"ab":1},{"abc":2},{"a":3}]"#,
      #"[[{"a":1}],[{"a":2}],1,[{"a":3,"b":4}],{"a":5}]"#,
      #"{"m":{"k":1},"n":{"k":2}}"#,
    ]
    for text in cases { #expect(rewritten(text) == text) }
    // What a key with a quote in it looks like to the comparison is not a key.
    #expect(rewritten("[{\"a\\\"b\":1},{\"a\"b\":2}]") == nil)
    #expect(rewritten(#"[{"a\u0062":1},{"ab":2},{"a\u0062":3}]"#) == #"[{"ab":1},{"ab":2},{"ab":3}]"#)
  }

  @Test func depth() throws {
    func nested(_ depth: Int) -> [UInt8] {
      Array(repeating: ASCII.openBracket, count: depth) + Array(repeating: ASCII.closeBracket, count: depth)
    }
    #expect((try? ParsedText(nested(1000))) != nil)
    #expect(throws: JSONSyntaxError(.nestingTooDeep, offset: 1000)) { try ParsedText(nested(1001)) }
    #expect((try? ParsedText(nested(3), maximumDepth: 3)) != nil)
    #expect((try? ParsedText(nested(4), maximumDepth: 3)) == nil)
    #expect((try? ParsedText(nested(100_000), maximumDepth: .max)) != nil)
    #expect(throws: JSONSyntaxError(.nestingTooDeep, offset: 1000)) {
      try ParsedText([UInt8](repeating: ASCII.openBracket, count: 10_000_000))
    }
    let objects = String(repeating: "{\"a\":", count: 1001)
    #expect(throws: JSONSyntaxError(.nestingTooDeep, offset: 5000)) { try ParsedText(objects) }
  }

  @Test func mistakesAndTheirPlaces() {
    let cases: [(String, JSONSyntaxError.Code, Int)] = [
      ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3),
      ("[", .unexpectedEnd, 1),
      ("{\"a\"", .unexpectedEnd, 4), ("\"abc", .unexpectedEnd, 4), ("tru", .unexpectedEnd, 3),
      ("[1,]", .unexpectedCharacter, 3), ("[x]", .unexpectedCharacter, 1), ("{1:2}", .expectedKey, 1),
      ("{\"a\":1,}", .expectedKey, 7), ("{\"a\" 1}", .expectedColon, 5),
      ("[1 2]", .expectedCommaOrBracket, 3),
      ("{\"a\":1]", .expectedCommaOrBrace, 6), ("1 2", .trailingCharacters, 2),
      ("[]]", .trailingCharacters, 2),
      ("[\"a\tb\"]", .controlCharacterInString, 3), ("[\"\\q\"]", .invalidEscape, 2),
      ("[\"\\u12x4\"]", .invalidUnicodeEscape, 2), ("[01]", .leadingZero, 1), ("[-]", .invalidNumber, 2),
      ("[1.]", .invalidNumber, 3), ("[1e]", .invalidNumber, 3), ("-", .unexpectedEnd, 1),
      ("1.", .unexpectedEnd, 2),
      ("\u{FEFF}[]", .unexpectedCharacter, 0), ("[1]\0", .trailingCharacters, 3),
    ]
    for (text, code, offset) in cases {
      #expect(throws: JSONSyntaxError(code, offset: offset), "\(text)") { try ParsedText(text) }
    }
    for code in JSONSyntaxError.Code.allCases {
      #expect(JSONSyntaxError(code, offset: 0).message.hasSuffix("."))
    }
  }

  @Test func lineAndColumn() throws {
    let text = "{\n  \"é\": tru\n}"
    let error = #expect(throws: JSONSyntaxError.self) { try ParsedText(text) }
    let position = try #require(error).position(in: text.utf8)
    #expect(position.line == 2)
    #expect(position.column == 8)
  }

  @Test func invalidUTF8() {
    let sequences: [[UInt8]] = [
      [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xE1, 0x80],
      [0xED, 0xA0, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3, 0x28],
    ]
    for sequence in sequences {
      for prefix in ["", "a", "é", "\\n", String(repeating: "x", count: 31)] {
        let text = Array("[\"\(prefix)".utf8) + sequence + Array("abcd\"]".utf8)
        #expect(throws: JSONSyntaxError.self, "\(sequence)") { try ParsedText(text) }
      }
    }
    for edge in [
      "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
    ] {
      #expect(rewritten("\"\(edge)\"") == "\"\(edge)\"")
    }
  }

  /// Quadratic work would not end within the patience of any test run.
  @Test func wideObjectsTakeLinearTime() throws {
    let count = 100_000
    // The hash that keys carry is the same for all of these.
    var text = "{"
    for index in 0..<count { text += "\"prefix--\(index)--suffix\":\(index)," }
    for index in 0..<count { text += "\"prefix--\(index)--suffix\":\(-index)," }
    text += "\"last\":0}"
    let parsed = try ParsedText(text)
    withExtendedLifetime(parsed) {
      #expect(parsed.value.count == count + 1)
      #expect(parsed.value.members[count - 1].value.integerValue == Int64(1 - count))
    }
  }

  @Test func wideObjectsFindRepeatedKeys() throws {
    for count in [31, 32, 33, 34, 64, 65, 100] {
      let members = (0..<count).map { "\"k\($0)\":\($0)" }
      let text = "{" + members.joined(separator: ",") + ",\"k\(count / 2)\":-1}"
      let parsed = try ParsedText(text)
      withExtendedLifetime(parsed) {
        #expect(parsed.value.count == count)
        #expect(parsed.value.members[count / 2].value.integerValue == -1)
      }
    }
  }

  @Test func aParserIsReusedAfterMistakesAndLargeTexts() throws {
    let parsed = ParsedText()
    var parser = JSONParser()
    let large = Array(("[" + String(repeating: "1,", count: 1_500_000) + "1]").utf8)
    for _ in 0..<3 {
      #expect(try parsed.parse(large, with: &parser).count == 1_500_001)
      #expect(throws: JSONSyntaxError.self) { try parsed.parse(Array("[[{".utf8), with: &parser) }
      let value = try parsed.parse(Array("[[1]]".utf8), with: &parser)
      #expect(parsed.write(value) == "[[1]]")
    }
  }
}
