import Testing

@testable import Stepmill

// JSON with positions, and what is said about text that is none.

struct SyntaxReaderTests {
  private func read(_ text: String, nestingMax: Int = 200) -> Result<SyntaxNode, SyntaxError> {
    do throws(SyntaxError) {
      return .success(try LanguageData.root(SourceText(Array(text.utf8)), nestingMax: nestingMax))
    } catch {
      return .failure(error)
    }
  }

  private func value(_ text: String) throws -> SyntaxNode {
    try read(text).get()
  }

  @Test(arguments: [
    "null", "true", " false ", "0", "-0", "10", "-1.5e+10", "1E2", "\"\"", "[]", "{}", "[[],{}]",
    "\t\r\n[1 , 2]", #"{"a":{"b":[null]}}"#, #""\u0041\n\/""#, "\"\u{1F600}\"",
  ])
  func accepts(_ text: String) {
    #expect(throws: Never.self) { try value(text) }
  }

  @Test(arguments: [
    "", " ", "nul", "True", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "'a'", "\"", "\"\\", "\"\\x\"",
    "\"\\u12G4\"", "\"\n\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
    "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "[1}", "{\"a\":1]", "1 2", "[] x", "NaN", "\u{FEFF}{}",
    "// c\n1", "[1]]", "\u{0}",
  ])
  func refuses(_ text: String) {
    #expect(throws: SyntaxError.self) { try value(text) }
  }

  @Test(arguments: [
    [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80],
  ])
  func refusesBadUTF8(_ bad: [UInt8]) {
    let bytes = Array("{\"a\":\"xä".utf8) + bad + Array("\"}".utf8)
    let diagnostics = Definition.read(bytes).diagnostics
    #expect(diagnostics.count == 1)
    #expect(diagnostics[0].code == "INVALID_JSON_DESCRIPTION")
    #expect(diagnostics[0].column == 9)
  }

  /// The texts that the service was seen to answer.
  @Test func servicesTexts() {
    let notJSON = readDefinition("not a definition").diagnostics[0]
    #expect(
      notJSON.message
        == "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]"
    )
    #expect(notJSON.location == "[Source: (String)\"not a definition\"; line: 1, column: 4]")
    let open = readDefinition("{").diagnostics[0]
    #expect(
      open.message
        == "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"; line: 1, column: 1])\n at [Source: (String)\"{\"; line: 1, column: 2]"
    )
    #expect(open.location == "[Source: (String)\"{\"; line: 1, column: 2]")
    #expect(readDefinition("{\"StartAt\":").diagnostics[0].code == "INVALID_JSON_DESCRIPTION")
    for text in ["", " \n", "[1]", "null"] {
      #expect(
        readDefinition(text).diagnostics.map(\.brief) == ["S: Definition must be a valid JSON object"])
    }
  }

  @Test func decodes() throws {
    #expect(try value(#""aé\u00e9\ud83d\ude00\ud83d\t""#).text == "aéé😀\u{FFFD}\t")
    guard case .number(let text) = try value("[1.50E+3]").elements?[0].kind else {
      throw UnexpectedShape("no number")
    }
    #expect(text == "1.50E+3")
  }

  @Test func ranges() throws {
    let root = try value(#" {"a" : [1, "xy"]}"#)
    #expect(root.range == 1..<18)
    let member = try #require(root.members?.first)
    #expect(member.nameRange == 2..<5)
    #expect(member.value.range == 8..<17)
    #expect(member.value.elements?[1].range == 12..<16)
    #expect(member.value.elements?[1].location == "/a[1]")
    #expect(member.value.elements?[1].pointer == "/a/1")
  }

  /// The last value counts, in objects small and large, and each loser is remembered.
  @Test func duplicateNames() throws {
    #expect(try value(#"{"a":1,"b":2,"a":3}"#).members?.map(\.name) == ["a", "b"])
    let many = (0..<100).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
    let root = try value("{\(many),\"k7\":true,\"k99\":false}")
    #expect(root.members?.count == 100)
    #expect(root["k7"]?.boolean == true)
    #expect(root["k99"]?.boolean == false)
    let diagnostics = readDefinition(
      #"{"StartAt":"A","States":{"A":{"Type":"Fail"},"A":{"Type":"Succeed"}}}"#
    ).diagnostics
    #expect(diagnostics.map(\.severity) == [.warning])
    #expect(diagnostics.map(\.code) == ["STEPMILL_DUPLICATE_FIELD"])
  }

  @Test func nesting() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(throws: Never.self) { try read(nested(200)).get() }
    #expect(throws: SyntaxError.self) { try read(nested(201)).get() }
    #expect(throws: SyntaxError.self) { try read(nested(4), nestingMax: 3).get() }
  }

  /// Ten megabytes of opening brackets end at the limit, not at the end of the stack.
  @Test(arguments: ["[", "{\"a\":"])
  func deep(_ opening: String) {
    let text = String(repeating: opening, count: 10_000_000 / opening.utf8.count)
    let diagnostics = readDefinition(text).diagnostics
    #expect(diagnostics.count == 1)
    #expect(diagnostics[0].message.hasPrefix("Document nesting depth (201)"))
    #expect(diagnostics[0].column == 1 + 200 * opening.utf8.count)
  }
}
