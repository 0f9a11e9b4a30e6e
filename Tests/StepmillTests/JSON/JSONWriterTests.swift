import Testing

@testable import Stepmill

/// Proves that values are written as Jackson writes them, that `serializedSize` tells the
/// truth, and that depth and growth are no problem.
@Suite struct JSONWriterTests {

  @Test func escapes() throws {
    let parsed = ParsedText()
    for byte in UInt8(0)...0x7F {
      let value = withUnsafeBytes(of: byte) { parsed.arena.pointee.string(copying: $0) }
      let expected: String =
        switch byte {
        case 0x22: #""\"""#
        case 0x5C: #""\\""#
        case 8: #""\b""#
        case 9: #""\t""#
        case 10: #""\n""#
        case 12: #""\f""#
        case 13: #""\r""#
        case 0..<0x20: "\"\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))\""
        default: "\"\(String(decoding: [byte], as: UTF8.self))\""
        }
      #expect(parsed.write(value) == expected)
      #expect(value.serializedSize == expected.utf8.count)
    }
  }

  @Test func stringsOfAllLengths() throws {
    let parsed = ParsedText()
    for length in 0...200 {
      for needsEscape in [false, true] {
        let text = String(repeating: "x", count: length) + (needsEscape ? "\n" : "")
        let value = parsed.arena.pointee.string(text)
        let written = parsed.write(value)
        #expect(written == "\"" + String(repeating: "x", count: length) + (needsEscape ? "\\n\"" : "\""))
        #expect(value.serializedSize == written.utf8.count)
      }
    }
  }

  @Test func koreanIsNoSurrogate() throws {
    // U+D000 to U+D7FF begin with the byte that surrogates begin with.
    #expect(rewritten("\"\u{D55C}\u{AE00}\"") == "\"\u{D55C}\u{AE00}\"")
    let parsed = ParsedText()
    #expect(parsed.write(parsed.arena.pointee.string("\u{D55C}\n")) == "\"\u{D55C}\\n\"")
    // A torn sequence at the end of a text is not read beyond.
    let torn = [UInt8(0xED)].withUnsafeBytes { parsed.arena.pointee.string(copying: $0) }
    #expect(parsed.writeBytes(torn) == [0x22, 0xED, 0x22])
    #expect(torn.serializedSize == 3)
  }

  @Test func deepValues() {
    let parsed = ParsedText()
    let depth = 1_000_000
    var value = Value.emptyArray
    for level in 0..<depth {
      if level % 2 == 0 {
        let block = parsed.arena.pointee.elements(1)
        block[0] = value
        value = .array(block, count: 1)
      } else {
        let block = parsed.arena.pointee.members(1)
        block[0] = Member(key: .key("k"), value: value)
        value = .object(block, count: 1)
      }
    }
    let size = 2 + depth / 2 * 2 + depth / 2 * 6
    #expect(parsed.writeBytes(value).count == size)
    #expect(value.serializedSize == size)
    let copy = value.copy(to: parsed.arena)
    #expect(copy.isEqual(to: value))
    #expect(copy.footprint == value.footprint)
  }

  @Test func writersAndBuffersAreReused() throws {
    let parsed = try ParsedText(#"{"a":[1,2,{"b":"c"}]}"#)
    var writer = JSONWriter()
    var output = OutputBuffer(capacity: 1)
    withExtendedLifetime(parsed) {
      for _ in 0..<3 { writer.write(parsed.value, to: &output) }
    }
    let once = #"{"a":[1,2,{"b":"c"}]}"#
    #expect(String(decoding: output.bytes, as: UTF8.self) == once + once + once)
  }

  @Test func missingIsWrittenAsNull() {
    #expect(ParsedText().write(.missing) == "null")
  }
}
