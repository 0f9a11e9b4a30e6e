import Testing

@testable import Stepmill

/// Proves what is an intrinsic function call, what is made of it, and what is refused.
@Suite struct IntrinsicParserTests {
  private func arguments(_ call: String) throws -> [IntrinsicCall.Argument] {
    try IntrinsicCall.parse(call).arguments
  }

  private func literal(_ text: String) -> IntrinsicCall.Argument {
    .string(.init(text: text, template: nil))
  }

  @Test func everyFunctionHasItsName() throws {
    #expect(Intrinsic.allCases.count == 18)
    for function in Intrinsic.allCases {
      let call = try IntrinsicCall.parse("\(function.qualifiedName)()")
      #expect(call.function == function)
      #expect(call.arguments.isEmpty)
    }
  }

  @Test func argumentsOfEveryKind() throws {
    let call = "States.Array('a', -1.5e+3, true, false, null, $.x, $$.State.Name, $v[0], States.UUID())"
    let uuid = IntrinsicCall(function: .uuid, arguments: [], text: "States.UUID()")
    #expect(
      try arguments(call) == [
        literal("a"), .number("-1.5e+3"), .bool(true), .bool(false), .null, .path("$.x"),
        .path("$$.State.Name"), .path("$v[0]"), .call(uuid),
      ])
  }

  @Test func spacesBetweenTokens() throws {
    let call = try IntrinsicCall.parse("States.MathAdd ( 1 ,\t$.a\n, States.ArrayLength( $.b ) )  ")
    #expect(call.text == "States.MathAdd ( 1 ,\t$.a\n, States.ArrayLength( $.b ) )")
    #expect(call.arguments.count == 3)
    guard case .call(let inner) = call.arguments[2] else {
      Issue.record("The third argument is a call.")
      return
    }
    #expect(inner.text == "States.ArrayLength( $.b )")
    #expect(inner.arguments == [.path("$.b")])
  }

  @Test func escapesInTexts() throws {
    #expect(
      try arguments(#"States.Array('it\'s', '\{\}', 'a\\b', '{"k": "v"}', 'x,)y', 'é😀')"#) == [
        literal("it's"), literal("{}"), literal(#"a\b"#), literal(#"{"k": "v"}"#), literal("x,)y"),
        literal("é😀"),
      ])
    #expect(try arguments("States.Array('a\nb\tc')") == [literal("a\nb\tc")])
    #expect(try arguments("States.Array('')") == [literal("")])
  }

  @Test func templatesAreCut() throws {
    func template(_ call: String) throws -> FormatTemplate? {
      guard case .string(let literal)? = try arguments(call).first else { return nil }
      return literal.template
    }
    #expect(try template("States.Format('a{}b{}', 1, 2)")?.pieces == ["a", "b", ""])
    #expect(try template(#"States.Format('\{{}\}')"#)?.pieces == ["{", "}"])
    #expect(try template(#"States.Format('\\{}\'')"#)?.pieces == ["\\", "'"])
    #expect(try template("States.Format('')")?.pieces == [""])
    #expect(try template("States.Format('{}{}')")?.placeholderCount == 2)
    // Not valid as a template: that fails when it is evaluated.
    #expect(try template("States.Format('{{}}')") == nil)
    #expect(try template("States.Format('{0}')") == nil)
    // Only the first argument of Format is a template.
    #expect(try template("States.Array('{}')") == nil)
    #expect(try arguments("States.Format('x', '{}')")[1] == literal("{}"))
  }

  @Test(arguments: [
    "$", "$$", "$.a", "$.a.b[0]", "$name", "$name.a['k']", "$['a,b']", "$['a)b']", #"$["a]b"]"#,
    #"$['it\'s']"#, "$.a[?(@.b == 'x, y)')]", "$.a[?(@.b == 1 && @.c > 2)].d", "$.a[0, 1]", "$.a[1:2]",
    "$..b", "$.a.length()", "$.a.concat($.b, 'x)')", "$.a[?(@.b =~ /[')\\]]+/i)]", "$.a[?(@.b in ['x','y'])]",
    "$.a[?(@['k'][0] == 1)]", "$.a[?(@.b == FizzBuzz)].c", "$.ü.日本",
  ])
  func pathsAreDelimited(path: String) throws {
    #expect(try arguments("States.Array(\(path))") == [.path(path)])
    #expect(try arguments("States.Array( \(path) , 1)") == [.path(path), .number("1")])
    #expect(try arguments("States.Array(1,\(path),\(path))") == [.number("1"), .path(path), .path(path)])
  }

  @Test(arguments: [
    ("", 0), ("$.a", 0), ("States", 0), (" States.UUID()", 0), ("states.UUID()", 0),
    ("States.", 0), ("States.()", 0), ("States.Nope()", 0), ("States.uuid()", 0), ("States.UUIDs()", 0),
    ("States.UUID", 11), ("States.UUID(", 12), ("States.UUID()x", 13), ("States.UUID() States.UUID()", 14),
    ("States.UUID())", 13), ("States.StringToJson $.escaped)", 20), ("States.JsonToString($", 21),
    ("States.Array(,)", 13), ("States.Array(1,)", 15), ("States.Array(1 2)", 15), ("States.Array(1,,2)", 15),
    ("States.Array([1])", 13), ("States.Array({})", 13), ("States.Array(\"a\")", 13),
    ("States.Array(.5)", 13), ("States.Array(1.)", 15), ("States.Array(1.e3)", 15), ("States.Array(01)", 13),
    ("States.Array(-)", 14), ("States.Array(1e)", 15), ("States.Array(+1)", 13), ("States.Array(1x)", 13),
    ("States.Array(1.5.2)", 13), ("States.Array(--1)", 14), ("States.Array(NaN)", 13),
    ("States.Array(True)", 13), ("States.Array(nulls)", 13), ("States.Array(a)", 13),
    ("States.Array('a)", 13), ("States.Array('a'b)", 16), ("States.Array('a\\')", 13),
    (#"States.Array('a\"b')"#, 15), (#"States.Array('a\nb')"#, 15), (#"States.Array('\u0041')"#, 14),
    (#"States.StringToJson('{"t":"a \"q\" b"}')"#, 28), (#"States.Format('He said, \"{}\"', 'x')"#, 24),
    ("States.Format($.template $.firstName $.lastName)", 25), ("States.Array($.a[0)", 13),
    ("States.Array($.a])", 16), ("States.Array($.a['x])", 17), ("States.Array(States.Nope())", 13),
  ])
  func refusals(text: String, offset: Int) {
    do {
      let call = try IntrinsicCall.parse(text)
      Issue.record("\(text) was read as \(call)")
    } catch {
      #expect(error.offset == offset, "\(text): \(error)")
      #expect(error.message.hasSuffix("."))
    }
  }

  @Test func tenLevelsDeep() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "States.Array(", count: depth) + String(repeating: ")", count: depth)
    }
    #expect(try IntrinsicCall.parse(nested(10)).text == nested(10))
    #expect(throws: IntrinsicSyntaxError.self) { try IntrinsicCall.parse(nested(11)) }
    #expect(throws: IntrinsicSyntaxError.self) { try IntrinsicCall.parse(nested(100_000)) }
  }
}
