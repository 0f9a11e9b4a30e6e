import Testing

@testable import Stepmill

/// Proves the regular expressions by known answers, and that odd patterns are refused or
/// read as browsers read them.
@Suite struct ECMARegularExpressionTests {
  /// The match and its groups, `-` for a group that took no part; nil without a match.
  private static func find(_ pattern: String, _ flags: String, _ text: String) -> String? {
    guard let regex = try? ECMARegularExpression(Array(pattern.utf16), flags: flags) else { return "error" }
    let units = Array(text.utf16)
    var captures = [Int32](repeating: -1, count: (regex.groupCount + 1) * 2)
    var budget = 1_000_000
    let outcome = (units + [0]).withUnsafeBufferPointer { units in
      captures.withUnsafeMutableBufferPointer { captures in
        regex.match(
          ECMASubject(units: units.baseAddress.unsafelyUnwrapped, count: units.count - 1), from: 0,
          captures: captures.baseAddress.unsafelyUnwrapped, budget: &budget)
      }
    }
    switch outcome {
    case .failed: return nil
    case .exhausted: return "exhausted"
    case .matched: break
    }
    return (0...regex.groupCount).map { group in
      let (start, end) = (captures[group * 2], captures[group * 2 + 1])
      return start < 0 || end < 0 ? "-" : String(decoding: units[Int(start)..<Int(end)], as: UTF16.self)
    }.joined(separator: ",")
  }

  @Test(arguments: [
    ("a", "", "xab", "a"), ("a|ab", "", "abc", "a"), ("((a)|(ab))((c)|(bc))", "", "abc", "abc,a,a,-,bc,-,bc"),
    ("a[a-z]{2,4}", "", "abcdefghi", "abcde"), ("a[a-z]{2,4}?", "", "abcdefghi", "abc"),
    ("(aa|aabaac|ba|b|c)*", "", "aabaac", "aaba,ba"),
    ("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", "zaacbbbcac,z,ac,a,-,c"),
    ("(?=(a+))", "", "baaabac", ",aaa"), ("(?=(a+))a*b\\1", "", "baaabac", "aba,a"),
    ("(.*?)a(?!(a+)b\\2c)\\2(.*)", "", "baaabaac", "baaabaac,ba,-,abaac"), ("(a*)*", "", "b", ",-"),
    ("(?:a*?)*?b", "", "aab", "aab"), ("^b", "m", "a\nb", "b"), ("a$", "m", "a\nb", "a"),
    ("^b", "", "a\nb", nil),
    ("ABC", "i", "xabc", "abc"), ("[A-C]+", "i", "xabcd", "abc"), ("é", "i", "É", "É"),
    ("\\bfoo\\b", "", "a foo b", "foo"),
    ("\\Boo", "", "foo", "oo"), ("(\\d+)-(\\w+)\\s", "", "12-ab c", "12-ab ,12,ab"),
    ("[^\\d]+", "", "12ab", "ab"),
    ("(?<=\\$)\\d+", "", "a$42", "42"), ("(?<!\\$)\\b\\d+", "", "$42 17", "17"),
    ("(?<y>\\d{4})-\\k<y>", "", "1999-1999", "1999-1999,1999"),
    ("\\u0041\\x42\\103", "", "ABC", "ABC"), ("a{,2}", "", "a{,2}", "a{,2}"), ("]", "", "]", "]"),
    ("[]", "", "a", nil),
    ("[^]", "", "\n", "\n"), (".", "", "\n", nil), ("(a)|b", "", "b", "b,-"),
    ("(?:(a)|b)*", "", "ab", "ab,-"),
    ("\\cJ", "", "\n", "\n"), ("[\\b]", "", "\u{8}", "\u{8}"), ("a*?", "", "aa", ""),
    ("(x*)+y", "", "xxy", "xxy,xx"),
    ("(?:x?){3}", "", "xx", "xx"), ("(a+)+$", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "exhausted"),
    ("\u{1F600}", "", "a\u{1F600}", "\u{1F600}"), ("x{0}y", "", "y", "y"), ("(?=a)*b", "", "b", "b"),
    ("[a-]", "", "-", "-"),
  ])
  func known(_ pattern: String, _ flags: String, _ text: String, _ expected: String?) {
    #expect(Self.find(pattern, flags, text) == expected, "/\(pattern)/\(flags)")
  }

  @Test(arguments: [
    "(", ")", "*", "a**", "[", "[b-a]", "a{2,1}", "(?", "(?<", "\\", "(?<=a)*", "x{99999}{99999}(y){99999}",
  ])
  func refused(_ pattern: String) {
    #expect(Self.find(pattern, "", "") == "error", "/\(pattern)/")
  }

  @Test func anyPattern() {
    var generator = SeededGenerator()
    print(generator.description)
    let pieces = Array("ab()[]{}*+?|^$.\\dwsbB1,2-!=<:k>ux0").map(String.init)
    for _ in 0..<20_000 {
      var pattern = ""
      for _ in 0..<Int.random(in: 1...14, using: &generator) {
        pattern += pieces.randomElement(using: &generator) ?? ""
      }
      _ = Self.find(pattern, "i", "abab 12-ba\nb")
    }
  }
}
