import Testing

@testable import StepmillCommands

/// Proves what `stepmill eval` prints, where it points, and how it ends.
@Suite struct EvalTests {
  static let order = #"{"lines":[{"sku":"a","price":2.5,"n":2},{"sku":"b","price":20,"n":1}],"total":25}"#

  let scratch: Scratch
  let input: String
  init() throws {
    scratch = try Scratch()
    input = try scratch.file("order.json", Self.order)
  }

  @Test(arguments: [
    ("$sum(lines.(price * n))", "25"), ("{% $states.input.total %}", "25"), ("  {%$.total%}\n", "25"),
    ("lines[price > 3].{'s': sku}", #"{"s":"b"}"#), ("lines.sku", #"["a","b"]"#), ("$n & $t.x", #""3y""#),
    ("$states.context.id & $states.result", #""c17""#), ("$partition([1..3], 2)", "[[1,2],[3]]"),
  ])
  func jsonata(expression: String, expected: String) async throws {
    let context = try scratch.file("context.json", #"{"id":"c1"}"#)
    let run = try await stepmill(
      "eval", expression, "--input", input, "--compact", "--var", "n=3", "--var", #"$t={"x":"y"}"#, "--var",
      #"states={"result":7}"#, "--context", context)
    #expect(run == Finished(status: 0, output: expected + "\n", error: ""))
  }

  @Test(arguments: [
    ("$.lines[?(@.price > 10)].sku", #"["b"]"#), ("$.lines[-1].sku", #""b""#), ("$$.id", #""c1""#),
    ("$n", "3"),
    ("States.Format('{} of {}', $n, States.MathAdd($.total, 1))", #""3 of 26""#),
    ("States.Array(null, true, 'x', $.total)", #"[null,true,"x",25]"#),
    ("States.JsonToString($.lines[0])", #""{\"sku\":\"a\",\"price\":2.5,\"n\":2}""#),
  ])
  func jsonPath(expression: String, expected: String) async throws {
    let context = try scratch.file("context.json", #"{"id":"c1"}"#)
    let run = try await stepmill(
      "eval", "--jsonpath", expression, "--input", input, "--compact", "--var", "n=3", "--context", context)
    #expect(run == Finished(status: 0, output: expected + "\n", error: ""))
  }

  @Test func inputs() async throws {
    let piped = try await stepmill("eval", "total", "--input", "-", input: Self.order)
    #expect(piped == Finished(status: 0, output: "25\n", error: ""))
    let none = try await stepmill("eval", "$exists($)")
    #expect(none.output == "false\n")
    let null = try await stepmill("eval", "--jsonpath", "$")
    #expect(null.output == "null\n")
    let lines = try await stepmill("eval", "lines[0]", "--input", input)
    #expect(lines.output == "{\n  \"sku\": \"a\",\n  \"price\": 2.5,\n  \"n\": 2\n}\n")
  }

  @Test func undefined() async throws {
    let run = try await stepmill("eval", "nope", "--input", input)
    #expect(
      run
        == Finished(
          status: 1, output: "", error: "stepmill eval: the expression returned nothing (undefined)\n"))
  }

  /// The status, and what is shown: place, message, line, caret.
  @Test(arguments: [
    (
      "(\n  $a := 5;\n  $a + \"x\"\n)", 1,
      """
      <expression>:3:6: error: T2002: The right side of the "+" operator must evaluate to a number
        $a + "x"
           ^

      """
    ),
    (
      "{% (1 + ] %}", 2,
      """
      <expression>:1:9: error: S0211: The symbol "]" cannot be used as a unary operator
        {% (1 + ] %}
                ^
      stepmill eval: error: this is no expression of JSONata

      """
    ),
    (
      "1 & $length(5)", 1,
      """
      <expression>:1:5: error: T0410: Argument 1 of function "length" does not match function signature
        1 & $length(5)
            ^

      """
    ),
    (
      "1 +", 2,
      """
      <expression>:1:4: error: S0207: Unexpected end of expression
        1 +
           ^
      stepmill eval: error: this is no expression of JSONata

      """
    ),
    (
      "'é😀' & (-'x')", 1,
      """
      <expression>:1:9: error: D1002: Cannot negate a non-numeric value: "x"
        'é😀' & (-'x')
                ^

      """
    ),
  ])
  func places(expression: String, status: Int32, error: String) async throws {
    let run = try await stepmill("eval", expression)
    #expect(run == Finished(status: status, output: "", error: error))
  }

  @Test(arguments: [
    ("$.a[?(@.x", "<expression>:1:10: error:"), ("States.Foo(1)", "<expression>:1:1: error: There is no"),
    ("States.Format('{}', $.a[)", "<expression>:1:"), ("a.b", "<expression>:1:1: error: a path starts"),
  ])
  func pathErrors(expression: String, error: String) async throws {
    let run = try await stepmill("eval", "--jsonpath", expression)
    #expect(run.status == 2 && run.output.isEmpty && run.error.hasPrefix(error))
  }

  @Test func missingPath() async throws {
    let run = try await stepmill("eval", "--jsonpath", "$.zz", "--input", input)
    #expect(run == Finished(status: 1, output: "", error: "error: $.zz: No results for path: $['zz']\n"))
  }

  @Test(arguments: [
    (["--var", "n"], "option '--var' takes NAME=JSON"), (["--var", "n=x"], "the value of 'n' is not JSON"),
    (["--var", "n=1", "--var", "n=2"], "variable 'n' is given twice"), (["--input", "/nowhere"], "/nowhere"),
    (["--input", "-"], "<stdin> is not JSON"), (["--input", "-", "--context", "-"], "only one of"),
    (["--inptu", "x"], "did you mean '--input'?"),
  ])
  func misuse(options: [String], error: String) async throws {
    let run = try await onThread {
      let terminal = Terminal(input: Array("{".utf8))
      let status = CommandLineTool.run(["eval", "1"] + options, terminal)
      return Finished(status: status.rawValue, output: "", error: terminal.captured(.error))
    }
    #expect(run.status == 2 && run.error.contains(error))
  }

  @Test func trace() async throws {
    let run = try await stepmill(
      "eval", "$sum(lines.(price * $n)) > 1 ? $uppercase('ok')", "--input", input, "--trace", "--var", "n=2")
    #expect(run.status == 0 && run.output == "\"OK\"\n")
    #expect(
      run.error == """
        $sum(lines.(price * $n)) > 1 ? $uppercase('ok') → "OK"
          $sum(lines.(price * $n)) > 1 → true
            $sum(lines.(price * $n)) → 45
              lines.(price * $n) → [5,40]
                (price * $n) → 5
                  price * $n → 5
                    price → 2.5
                    $n → 2
                (price * $n) → 40
                  price * $n → 40
                    price → 20
                    $n → 2
          $uppercase('ok') → "OK"

        """)
  }

  @Test func traceOfFailure() async throws {
    let run = try await stepmill("eval", "1 + (2 + 'x')", "--trace")
    #expect(run.status == 1)
    #expect(
      run.error.hasPrefix(
        "1 + (2 + 'x') → failed\n  (2 + 'x') → failed\n    2 + 'x' → failed\n<expression>:1:8:"))
  }

  @Test func traceOfCalls() async throws {
    let run = try await stepmill(
      "eval", "--jsonpath", "States.MathAdd(States.ArrayLength($.lines), 1)", "--input", input, "--trace")
    #expect(
      run.error == """
        States.MathAdd(States.ArrayLength($.lines), 1) → 3
          States.ArrayLength($.lines) → 2
            $.lines → \(Self.order.dropFirst(9).dropLast(12))

        """)
  }
}
