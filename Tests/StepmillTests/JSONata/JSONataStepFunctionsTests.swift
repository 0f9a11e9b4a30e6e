import Testing

@testable import Stepmill

/// Proves what Step Functions adds to the language and where it differs.
@Suite struct JSONataStepFunctionsTests {
  @Test(arguments: [
    ("$partition([1,2,3,4,5], 2)", "[[1,2],[3,4],[5]]"), ("$partition([1,2,3], 2.9)", "[[1,2],[3]]"),
    ("$partition([1,2,3])", "[[1,2,3]]"), ("$partition([], 2)", "undefined"),
    ("$partition([1], 0.5)", "undefined"),
    ("$range(0, 10, 5)", "[0,5,10]"), ("$range(5, 1, -2)", "[5,3,1]"), ("[$range(1, 9, 9)]", "[1]"),
    ("$range(1, 9, 9)", "1"), ("$range(1, 9)", "undefined"), ("$range(1, 9, 0)", "undefined"),
    ("$range(9, 1, 1)", "undefined"), ("$hash('hello', 'MD5')", #""5d41402abc4b2a76b9719d911017c592""#),
    ("$hash('hello')", "undefined"), ("$parse('{\"a\":[1,null]}').a", "[1,null]"), ("$parse('null')", "null"),
    ("$parse()", "undefined"), ("$random(42)", "0.7275636800328681"), ("$random(0)", "0.730967787376657"),
    ("$random(7)", "0.7306990420600421"), ("$length($uuid())", "36"), ("$random() < 1", "true"),
    ("1 / 0", #""Infinity""#), ("{'a': [-1 / 0]}", #"{"a":["-Infinity"]}"#),
    ("9007199254740993 + 0", "9007199254740993"),
    ("9223372036854775807 + 1", "9223372036854776000"), ("$string(9007199254740993)", #""9007199254740993""#),
    ("$count(null)", "1"), ("$sum", "function"), ("{'f': $sum}", "function"), ("/a/", "function"),
    ("$map(['a','b'], function($v, $i){ $v & $i })", #"["a0","b1"]"#),
    ("'\\ud83d' & '\\ude00'", #""\ud83d\ude00""#),
  ])
  func values(_ expression: String, _ expected: String) {
    #expect(JSONataBench().run(expression).description == expected, "\(expression)")
  }

  @Test(arguments: [
    (
      "$partition('a', 2)", JSONataCode.t0412,
      "Argument 1 of function \"partition\" must be an array of undefined"
    ),
    ("$partition([1], -1)", .d3137, "Second argument must be zero or greater"),
    ("$partition([1], 1, 1)", .t0410, ""),
    ("$partition([1], null)", .t0410, ""), ("$range(1)", .t0410, ""), ("$hash(1, 'MD5')", .t0410, ""),
    (
      "$hash('a', 'md5')", .d3137, "Hash algorithm 'md5' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"
    ),
    ("$uuid(1)", .t0410, ""), ("$parse('')", .d3137, "Invalid JSON"),
    ("$parse('{\"a\":1,\"a\":2}')", .d3137, "Invalid JSON"),
    ("$parse('1e400')", .d3137, "Invalid JSON"), ("$parse('1 2')", .d3137, "Invalid JSON"),
    ("$parse(null)", .t0410, ""),
    ("$random('1')", .t0410, ""), ("$random(null)", .t0410, ""),
    ("$eval('1')", .t1006, "Attempted to invoke a non-function"),
    (
      "$uppercase()", .t0411,
      "Context value is not a compatible type with argument 1 of function \"uppercase\""
    ),
  ])
  func errors(_ expression: String, _ code: JSONataCode, _ message: String) {
    guard case .failed(let error) = JSONataBench().run(expression) else {
      Issue.record("\(expression)")
      return
    }
    #expect(error.code == code, "\(expression)")
    #expect(message.isEmpty || error.message == message, "\(expression)")
  }

  /// What definitions are checked for: uses of an input that does not exist.
  @Test(
    arguments: [
      ("phone.number", ["phone"]), ("$.x", ["$"]), ("$$.x + $[0]", ["$$", "$"]),
      ("$states.input.orders[qty > 1].id", []),
      ("$states.input.orders^(>qty){id: qty}", []), ("function($x){ name }", ["name"]),
      ("$map(a, function($v){ b })", ["a", "b"]),
      ("*", ["*"]), ("{'a': b, 'c': $states.input.(d)}", ["b"]),
    ] as [(String, [String])])
  func contextReferences(_ expression: String, _ expected: [String]) throws {
    #expect(try JSONataProgram.compile(expression).contextReferences == expected)
  }

  /// Rows of bindings do not show where nothing can be done with them.
  @Test(arguments: [
    ("$x.(a.b)[%.k = 2]", "[2,3]"), ("[$x.(a.b)[%.k = 2]]", "[2,3]"), ("$count($x.(a.b)[%.k = 2])", "2"),
    ("($x.a.b)[%.k = 2].{'v': $, 'k': %.k}", #"[{"k":2,"v":2},{"k":2,"v":3}]"#),
    ("$x.a#$i[$i = 1].b", "[2,3]"),
    ("($y := $x.(a.b)[%.k = 2]; $y)", "[2,3]"), ("($x.a#$i)[0].{'i': $i, 'k': k}", #"{"k":1}"#),
  ])
  func rows(_ expression: String, _ expected: String) {
    let bench = JSONataBench()
    let outcome = bench.run(
      expression, variables: ["x": bench.parse(#"{"a":[{"k":1,"b":1},{"k":2,"b":[2,3]}]}"#.utf8)])
    #expect(outcome.description == expected, "\(expression)")
  }

  @Test func externals() throws {
    let options = JSONataOptions(split: ["states"])
    let program = try JSONataProgram.compile(
      "$states.input.a & $states.context.b & $v & $states.input.c & ($w := 1; $w)", options: options)
    #expect(program.externals == ["states.input", "states.context", "v"])
  }

  /// Results carry no trace of the evaluation, whatever their values went through.
  @Test func flags() throws {
    let bench = JSONataBench()
    let program = try JSONataProgram.compile(
      "{'a': $x.b[], 'c': [$x.b, [1..3]], 'd': $map([1,2], function($v){ [$v] }), 'e': $x ~> |$|{'z': [1]}|}")
    let result = bench.evaluate(
      program, input: .missing, variables: ["x": bench.parse(#"{"b":[{"k":1}]}"#.utf8)])
    guard case .value(let value) = result else {
      Issue.record("\(result)")
      return
    }
    func check(_ value: Value) {
      #expect(value.head & Value.evaluationFlags == 0)
      for element in value.isArray ? Array(value.elements) : [] { check(element) }
      guard value.isObject else { return }
      for member in value.members { check(member.value) }
    }
    check(value)
  }
}
