import Testing

@testable import Stepmill

/// Proves what becomes of letters that are not ASCII, and of halves of surrogate pairs.
@Suite struct JSONataTextTests {
  /// Results are shown as the bench prints them: what is not ASCII as UTF-16 units.
  @Test(arguments: [
    ("$uppercase('straße é')", #""STRASSE \uc9""#), ("$lowercase('ÀÉ İ')", #""\ue0\ue9 i\u307""#),
    ("$lowercase('ΑΣ ΑΣ.')", #""\u3b1\u3c2 \u3b1\u3c2.""#),
    ("$lowercase('ΑΣΑ Σ')", #""\u3b1\u3c3\u3b1 \u3c3""#),
    ("$lowercase(\"Α\u{301}Σ\u{301}Α\")", #""\u3b1\u301\u3c3\u301\u3b1""#),
    (#"$uppercase("a\ud83dé")"#, #""A\ud83d\uc9""#), (#"$lowercase("\ude00AÉ")"#, #""\ude00a\ue9""#),
    (#"$length("\ud83d")"#, "1"), (#"$substring("\ud83dab", 1)"#, #""ab""#),
    (#"$split("a\ud83db", "\ud83d")"#, #"["a","b"]"#), (#"$string(["\ude00"])"#, #""[\u22\ude00\u22]""#),
    (#"$join(["\ud83d", "\ude00"]) = "😀""#, "true"), (#"$contains("😀", /^.$/)"#, "false"),
    (#"$match("\ud83d", /./).match"#, #""\ud83d""#),
    (#"$replace("x\ud83d", "x", "\ude00")"#, #""\ude00\ud83d""#),
    (#"$pad("\ud83d", 3, "-")"#, #""\ud83d--""#), (#"{"\ud83d": 1}."\ud83d""#, "1"),
    (#"$trim(" \ud83d ")"#, #""\ud83d""#), (#""\ud83d" < "\ude00""#, "true"), (#"$uppercase("")"#, #""""#),
  ])
  func values(_ expression: String, _ expected: String) {
    #expect(JSONataBench().run(expression).description == expected, "\(expression)")
  }

  @Test(arguments: [
    (#"$encodeUrlComponent("\ud83d")"#, JSONataCode.d3140), (#"$encodeUrl("\ude00")"#, .d3140),
    ("$decodeUrlComponent('%ff')", .d3140), ("$decodeUrl('%E0%A4%A')", .d3140),
  ])
  func errors(_ expression: String, _ code: JSONataCode) {
    guard case .failed(let error) = JSONataBench().run(expression) else {
      Issue.record("\(expression)")
      return
    }
    #expect(error.code == code)
  }

  /// Sigmas are looked at together: a long run of them takes no longer than other letters.
  @Test func manySigmas() {
    let bench = JSONataBench()
    let text = "$length($lowercase($join($map([1..100000], function($i) { 'Σ.' }))))"
    #expect(bench.run(text) == .value("200000"))
  }
}
