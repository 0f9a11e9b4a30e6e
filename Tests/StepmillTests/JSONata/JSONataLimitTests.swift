import Testing

@testable import Stepmill

/// Proves that no expression gets out of hand: whatever the text and whatever it does,
/// compiling and evaluating end, with an error where they must.
@Suite struct JSONataLimitTests {
  private static let stepFunctionsLimits = JSONataLimits()

  private static func code(_ outcome: JSONataOutcome) -> JSONataCode? {
    if case .failed(let error) = outcome { return error.code }
    return nil
  }

  private static func repeated(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
  }

  /// The service's boundary: a hundred levels of evaluation.
  @Test func nesting() {
    withLargeStack {
      let bench = JSONataBench()
      bench.environment.limits.stackBytes = 32 << 20
      bench.options.stackBytes = 32 << 20
      func sum(_ count: Int) -> String { "1" + Self.repeated(" + 1", count - 1) }
      #expect(bench.run(sum(100)) == .value("100"))
      #expect(Self.code(bench.run(sum(101))) == .d1011)
      #expect(bench.run(Self.repeated("(", 99) + "1" + Self.repeated(")", 99)) == .value("1"))
      #expect(Self.code(bench.run(Self.repeated("(", 101) + "1" + Self.repeated(")", 101))) == .d1011)
      func recursive(_ count: Int) -> String {
        "($f := function($n){ $n <= 0 ? 0 : 1 + $f($n - 1) }; $f(\(count)))"
      }
      #expect(bench.run(recursive(31)) == .value("31"))
      #expect(Self.code(bench.run(recursive(34))) == .d1011)
    }
  }

  /// Texts nested far deeper than any stack: an error, on the small stack of this thread.
  @Test(arguments: [
    "(", "[", "{\"a\":", "-", "$f(", "a.(", "a[", "1+(", "function($x){", "|a|", "a^(", "1 ? ",
  ])
  func deepTexts(_ piece: String) {
    let outcome = JSONataBench().run(Self.repeated(piece, 10_000) + "1")
    guard case .failed = outcome else {
      Issue.record("\(piece): \(outcome)")
      return
    }
  }

  @Test(arguments: [" + 1", ".a", "[0]", " & 'x'", " ~> $f", "^(a)", "(1)", "@$v", "{a: 1}", " ? 1 : 2"])
  func longTexts(_ piece: String) {
    _ = JSONataBench().run("$x" + Self.repeated(piece, 10_000))
  }

  @Test func memory() {
    let bench = JSONataBench()
    #expect(bench.run("$count([1..873782])") == .value("873782"))
    #expect(Self.code(bench.run("$count([1..873783])")) == .d2015)
    #expect(Self.code(bench.run("[1..1e9]")) == .d2014)
    #expect(bench.run("$count($range(1, 360145, 1))") == .value("360145"))
    #expect(Self.code(bench.run("$range(1, 360146, 1)")) == .d2015)
    #expect(bench.run("$length($pad('', 262144))") == .value("262144"))
    #expect(Self.code(bench.run("$pad('', 262145)")) == .d2015)
    #expect(Self.code(bench.run("($f := function($s){ $f($s & $s) }; $f('ab'))")) == .d2015)
    #expect(Self.code(bench.run("($f := function($s){ $f([$s, $s]) }; $f('ab'))")) == .d2015)
    #expect(Self.code(bench.run("$join([1..100000].$string(), $pad('', 1000))")) == .d2015)
    #expect(Self.code(bench.run("$map([1..800000], function($v){ [1..800000] })")) == .d2015)
  }

  @Test func time() {
    let bench = JSONataBench()
    bench.environment.limits.stepsMax = 200_000
    #expect(Self.code(bench.run("($f := function($n){ $f($n + 1) }; $f(0))")) == .d1012)
    #expect(Self.code(bench.run("$reduce([1..800000], function($a, $v){ $a + $v })")) == .d1012)
    #expect(Self.code(bench.run("[1..3000].[1..3000].($)")) != nil)
    // Who evaluates may say that time is up.
    bench.environment.limits.stepsMax = .max
    bench.environment.isOverdue = { _ in true }
    #expect(Self.code(bench.run("($f := function($n){ $f($n + 1) }; $f(0))")) == .d1012)
  }

  @Test(arguments: [
    #"$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)"#,
    #"$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /(a|aa)+$/)"#,
    #"$replace("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", /(x+x+)+y/, "z")"#,
    #"$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /(.*)*(.*)*(.*)*b/)"#,
  ])
  func explodingPatterns(_ expression: String) {
    #expect(Self.code(JSONataBench().run(expression)) == .d1012)
  }

  /// Each of these has the reference's error code.
  @Test(arguments: [
    ("\"abc", JSONataCode.s0101), ("'abc\\", .s0103), ("`abc", .s0105), ("/abc", .s0302), ("/(abc/", .s0302),
    ("//", .s0301),
    ("1 /* no end", .s0106), ("\"\\q\"", .s0103), ("\"\\u12\"", .s0104), ("1e999", .s0102), ("", .s0207),
    ("1 +", .s0207), ("$x :=", .s0207), ("}", .s0211), ("[1", .s0203), ("[1, 2}", .s0202), ("1 2", .s0201),
    ("a.1", .s0213), ("function(x){1}", .s0208), ("1 := 2", .s0212), ("a@b", .s0214), ("a#b", .s0214),
    ("a[0]@$x", .s0215), ("a^(b)@$x", .s0216), ("%", .s0217), ("[1]{'a':$}[0]", .s0209),
    ("a{b:c}{d:e}", .s0210),
    ("1!2", .s0204), ("function($x)<n<s>>{1}", .s0401), ("function($x)<(n<s>)>{1}", .s0402),
    ("/+a/", .s0303),
    ("1 ?? 2", .s0211), ("1 ?: 2", .s0211),
  ])
  func syntaxErrors(_ expression: String, _ code: JSONataCode) {
    #expect(Self.code(JSONataBench().run(expression)) == code)
  }

  /// Every function with any number of arguments of any type: a result or an error.
  @Test func anyArguments() {
    let bench = JSONataBench()
    let arguments = [
      "null", "0", "-1.5", "1e300", "''", "'a,b'", "[]", "[1,'x',null]", "{'a':[1]}", "$sum", "/a*/",
      "function($x){$x}", "$nothing", "'[Y]-[M]'",
    ]
    for builtin in JSONataBuiltin.allCases {
      _ = bench.run("$\(builtin.name)()")
      for first in arguments {
        _ = bench.run("$\(builtin.name)(\(first))")
        _ = bench.run("\(first) ~> $\(builtin.name)")
        for second in arguments {
          _ = bench.run("$\(builtin.name)(\(first), \(second), \(first))")
          _ = bench.run("$\(builtin.name)(\(second), \(first), \(first), 1)")
        }
        bench.arena.pointee.release()
      }
    }
  }
}
