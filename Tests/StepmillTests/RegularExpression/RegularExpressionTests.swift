import Testing

@testable import Stepmill

/// Proves the matcher: what matches as a whole, what is refused, and that it always ends.
@Suite struct RegularExpressionTests {
  static func matches(
    _ pattern: String, _ text: String, _ flags: RegularExpression.Flags = [], steps: Int = 100_000
  ) throws -> RegularExpression.Outcome {
    let expression = try RegularExpression.parse(pattern, flags: flags)
    var text = text
    var steps = steps
    return text.withUTF8 { expression.matchesWhole(UnsafeRawBufferPointer($0), steps: &steps) }
  }

  @Test(arguments: [
    ("", ""), ("a", "a"), ("a|b", "b"), ("a*", ""), ("a*", "aaa"), ("a+b?", "aa"), ("(ab)+", "abab"),
    ("(?:ab|c)*d", "abccd"),
    ("[a-c]+", "abc"), ("[^a-c]+", "xyz"), ("[]a]+", "]a"), ("[a\\]-]+", "a]-"),
    ("\\d{3}-\\d{2,}", "123-4567"), ("\\w+\\s\\S+", "ab ü"),
    ("[\\d.]+", "1.5"), ("[^\\D]+", "12"), ("[\\W]+", "-!"), ("^a$", "a"), ("a.c", "aüc"), (".*?b", "aab"),
    ("a{2}", "aa"), ("a{0,2}b", "ab"),
    ("\\ba\\b", "a"), ("a\\Bb", "ab"), ("\\u00fc\\x41", "üA"), ("\\/\\.", "/."), ("(a|ab)(c|bcd)", "abcd"),
    ("(a*)*", "aaa"), ("(|a)+", "aa"),
    ("[😀-😂]", "😁"), ("\\uD83D\\uDE00", "😀"), ("(a?){3}a{3}", "aaa"), ("a\\n", "a\n"),
  ])
  func wholeMatches(pattern: String, text: String) throws {
    #expect(try Self.matches(pattern, text) == .match)
  }

  @Test(arguments: [
    ("a", "ab"), ("a", "ba"), ("a|b", "ab"), ("[a-c]", "d"), ("a.c", "a\nc"), ("a{2,3}", "aaaa"),
    ("\\d", "٣"), ("A", "a"), ("a\\bb", "ab"),
    ("(a*)*b", "aaa"), ("[^\\d]", "1"), ("a^b", "ab"),
  ])
  func noMatches(pattern: String, text: String) throws {
    #expect(try Self.matches(pattern, text) == .noMatch)
  }

  @Test func flags() throws {
    #expect(try Self.matches("aBc[d-f]", "AbCE", .ignoresCase) == .match)
    #expect(try Self.matches("[^a]", "A", .ignoresCase) == .noMatch)
    #expect(try Self.matches("(?i)ab", "AB") == .match)
    #expect(try Self.matches("(?is)a.b", "A\nB") == .match)
    #expect(try Self.matches("ü", "Ü", .ignoresCase) == .noMatch)
    #expect(try Self.matches("ü", "Ü", [.ignoresCase, .unicodeCase]) == .match)
    #expect(try Self.matches("a.b", "a\nb", .dotMatchesAll) == .match)
    #expect(try Self.matches("a$\n^b", "a\nb", .multipleLines) == .match)
    #expect(try Self.matches("a$\n^b", "a\nb") == .noMatch)
  }

  @Test(arguments: [
    "(", ")", "[", "[z-a]", "a{2", "a{3,2}", "*a", "\\", "\\q", "(?=a)", "(?<n>a)", "a++", "\\1", "\\x4",
    "a{1000}{1000}",
    "((((a{99}){99}){99}){99})",
  ])
  func refused(pattern: String) {
    #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression.parse(pattern) }
  }

  @Test func itEnds() throws {
    #expect(try Self.matches("(a*)*b", String(repeating: "a", count: 40)) == .outOfSteps)
    #expect(try Self.matches("(a|aa)+$x", String(repeating: "a", count: 60)) == .outOfSteps)
    let deep = String(repeating: "(", count: 500) + "a" + String(repeating: ")", count: 500)
    #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression.parse(deep) }
    _ = try RegularExpression.parse("(){1000000}{1000000}")
    let long = String(repeating: "ab", count: 100_000)
    #expect(try Self.matches("(ab)*", long, steps: 2_000_000) == .match)
  }

  @Test func randomPatternsEnd() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("RegularExpression fuzz seed: \(seed)")
    var random = JSONPathFuzzTests.Random(state: seed)
    let pieces = [
      "a", "b", "ü", ".", "*", "+", "?", "|", "(", ")", "(?:", "[", "]", "[^", "-", "^", "$", "\\", "\\d",
      "\\W", "\\b",
      "{2}", "{1,}", "{0,3}", "{", "}", ",", "(?i)", "\\u00fc", "\\x", "😀", "9",
    ]
    for _ in 0..<20_000 {
      var pattern = ""
      for _ in 0..<Int.random(in: 0..<10, using: &random) {
        pattern += pieces.randomElement(using: &random) ?? ""
      }
      for text in ["", "ab", "aaaaaaaaaaaaaaaaab", "ü😀-9"] {
        _ = try? Self.matches(pattern, text, steps: 2_000)
      }
    }
  }
}
