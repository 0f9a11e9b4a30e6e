import Testing

@testable import Stepmill

/// Proves that the parser accepts exactly what RFC 8259 calls JSON, on the published
/// parsing cases.
@Suite struct JSONConformanceTests {

  @Test(.enabled(if: ConformanceData.exists("json/cases.jsonl"), "conformance data not found"))
  func acceptsAndRejects() throws {
    let lines = ConformanceData.lines("json/cases.jsonl")
    #expect(lines.count > 100)
    for line in lines {
      let row = try ParsedText(line)
      let id = row.member("id")
      let text = ConformanceData.base64(row.member("base64"))
      // Zeros, digits, quotes and brackets behind the text must change nothing.
      for padding in [0, UInt8(ascii: "1"), UInt8(ascii: "\""), UInt8(ascii: "]")] {
        let accepted = (try? ParsedText(text, maximumDepth: 1000, padding: padding)) != nil
        switch row.member("expect") {
        case "accept": #expect(accepted, "\(id) must be accepted")
        case "reject": #expect(!accepted, "\(id) must be rejected")
        default: break
        }
      }
    }
  }

  @Test(.enabled(if: ConformanceData.exists("json/transform.jsonl"), "conformance data not found"))
  func openCasesAreStable() throws {
    for line in ConformanceData.lines("json/transform.jsonl") {
      let row = try ParsedText(line)
      guard let parsed = try? ParsedText(ConformanceData.base64(row.member("base64")))
      else { continue }
      let written = parsed.written
      #expect(rewritten(written) == written, "\(row.member("id"))")
    }
  }
}
