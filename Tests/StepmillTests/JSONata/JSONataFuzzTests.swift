import Testing

@testable import Stepmill

/// Proves that no text crashes the compiler and no program the evaluator, on the small
/// stack of a test's thread.
@Suite struct JSONataFuzzTests {
  private static let pieces = [
    "$", "$$", "$x", "$f", "a", "b", "`c d`", "*", "**", "%", ".", ",", ";", ":", ":=", "(", ")", "[", "]",
    "{", "}",
    "[", "(", ")", "]", "+", "-", "/", "&", "=", "!=", "<", "<=", ">", ">=", "~>", "|", "@$v", "#$i", "^(",
    "?", "..",
    "and", "or", "in", "function($x){", "function($x,$y)<s-n?:s>{", "λ($n){", "$sum(", "$map(", "$filter(",
    "$sort(",
    "$string(", "$match(", "$replace(", "$split(", "$fromMillis(", "$toMillis(", "$formatNumber(",
    "$formatInteger(",
    "$reduce(", "$each(", "$merge(", "$keys(", "$lookup(", "$zip(", "$append(", "$substring(", "$pad(",
    "$partition(",
    "/a+/i", "/(a|b)*?c/", "/[^x]{2,}/m", "1", "0", "2.5", "-1", "1e10", "\"s\"", "'t'", "\"\\u00e9\"",
    "true", "false",
    "null", "[0]", "[]", "[-1]", "[a=1]", "{a:b}", "{\"k\": v}", " ", "/*c*/", "|$|{}|", "\u{1F600}", "(%.a)",
    ".%", ".(",
    "'[Y0001]-[M01]'", "'#,##0.00'", "'w'",
  ]

  private static let document =
    #"{"a":[{"b":1,"c d":"x"},{"b":2,"a":{"b":[3,[4]]}}],"b":"abc","v":null,"e":[],"n":-2.50}"#

  @Test func texts() {
    var generator = SeededGenerator()
    let seed = generator.description
    print(seed)
    for _ in 0..<6000 {
      let bench = JSONataBench()
      bench.options.laterOperators = Bool.random(using: &generator)
      bench.environment.limits.stepsMax = 50_000
      bench.environment.limits.patternStepsMax = 50_000
      var text = ""
      for _ in 0..<Int.random(in: 1...24, using: &generator) {
        text += Self.pieces.randomElement(using: &generator) ?? ""
      }
      let document = bench.parse(Self.document.utf8)
      _ = bench.run(text, input: document, variables: ["x": document, "f": .integer(3)])
    }
  }

  /// Expressions that mostly parse, from a small grammar.
  @Test func expressions() {
    var generator = SeededGenerator()
    print(generator.description)
    var parsed = 0
    for _ in 0..<4000 {
      let bench = JSONataBench()
      bench.environment.limits.stepsMax = 50_000
      let text = Self.expression(4, &generator)
      let document = bench.parse(Self.document.utf8)
      let outcome = bench.run(text, input: document, variables: ["x": document])
      if case .failed(let error) = outcome, error.code.name.hasPrefix("S") { continue }
      parsed += 1
    }
    #expect(parsed > 2000)
  }

  private static func expression(_ depth: Int, _ generator: inout SeededGenerator) -> String {
    func sub() -> String { expression(depth - 1, &generator) }
    func any(_ choices: String...) -> String { choices.randomElement(using: &generator) ?? "" }
    if depth == 0 {
      return any("1", "'s'", "a", "b", "$", "$x", "null", "-2.5", "v", "e", "true", "$x.a.b", "n")
    }
    switch Int.random(in: 0..<20, using: &generator) {
    case 0:
      return "\(sub()) \(any("+", "-", "*", "/", "%", "&", "=", "!=", "<", ">=", "and", "or", "in")) \(sub())"
    case 1: return "(\(sub()))"
    case 2: return "[\(sub()), \(sub())]"
    case 3: return "{'k': \(sub()), 'l': \(sub())}"
    case 4: return "\(sub()).(\(sub()))"
    case 5: return "a.\(sub())"
    case 6: return "(\(sub()))[\(sub())]"
    case 7: return "a[\(sub())].b"
    case 8: return "($y := \(sub()); \(sub()); $y)"
    case 9: return "\(sub()) ? \(sub()) : \(sub())"
    case 10: return "function($p){ \(sub()) }(\(sub()))"
    case 11: return "$map(\(sub()), function($v, $i){ \(sub()) })"
    case 12:
      return "$\(any("string", "count", "sum", "keys", "reverse", "boolean", "type", "spread"))(\(sub()))"
    case 13: return "a@$q.(\(sub()))"
    case 14: return "a#$q[\(sub())].{'i': $q, 'x': \(sub())}"
    case 15: return "a^(>\(sub()))"
    case 16: return "a{$string(b): \(sub())}"
    case 17: return "\(sub()) ~> |a|{'z': \(sub())}, ['b']|"
    case 18: return "a.b.(\(sub()) & %.\(any("b", "a")))"
    default: return "(\(sub())).\(any("*", "**", "$", "a", "b"))"
    }
  }

  /// Any bytes at all, and cut-off texts.
  @Test func bytes() {
    var generator = SeededGenerator()
    print(generator.description)
    for _ in 0..<4000 {
      let bytes = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      bytes.withUnsafeBytes { buffer in
        _ = try? JSONataProgram.compile(buffer)
      }
    }
    for (expression, _) in JSONataExpressionTests.rows {
      let bytes = Array(expression.utf8)
      for count in 0..<bytes.count { bytes[..<count].withUnsafeBytes { _ = try? JSONataProgram.compile($0) } }
    }
  }
}
