import Testing

@testable import Stepmill

/// Proves what states do whose query language is JSONata: where expressions may stand, what they
/// read, what becomes of their results, and what is said when they fail.
@Suite struct JSONataStatesTests {
  private static func machine(_ states: String, _ start: String = "S") -> String {
    #"{"QueryLanguage":"JSONata","StartAt":"\#(start)","States":{\#(states)}}"#
  }

  private static func run(
    _ states: String, _ input: String = "{}", limits: Limits = .aws, handler: EngineRun.Handler? = nil
  ) throws -> EngineRun {
    try EngineRun(machine(states), input, limits: limits, handler: handler ?? { .success($0.input) })
  }

  /// The output of a Pass with this `Output`.
  private static func output(_ output: String, _ input: String = "{}") throws -> Outcome? {
    try run(#""S":{"Type":"Pass","Output":\#(output),"End":true}"#, input).outcome
  }

  private static func cause(_ state: String, _ event: Int = 2, _ text: String) -> String {
    "An error occurred while executing the state '\(state)' (entered at the event id #\(event)). \(text)"
  }

  private static func failed(_ text: String, state: String = "S", event: Int = 2) -> Outcome {
    .failed(error: "States.QueryEvaluationError", cause: cause(state, event, text))
  }

  // MARK: Output

  @Test(arguments: [
    (#""{% $states.input.a %}""#, "[1]"), (#""{% $states.input.b.c %}""#, #""x""#),
    (#"{"k":["{% $states.input.b.c %}",1,"plain",{"n.$":"$.x"}]}"#, #"{"k":["x",1,"plain",{"n.$":"$.x"}]}"#),
    (#""{% {'a': 1, 'b': $states.input.nope} %}""#, #"{"a":1}"#),
    (#""{% [1, $states.input.nope] %}""#, "[1]"), ("null", "null"), (#""{% null %}""#, "null"),
    (#"" {% 1 %}""#, #"" {% 1 %}""#), (#""Hello {% $x %}!""#, #""Hello {% $x %}!""#),
    (#""{%1%}""#, "1"), (#""{% 1/0 %}""#, #""Infinity""#), (#""{% [-1/0] %}""#, #"["-Infinity"]"#),
    (#""{% 9223372036854775807 %}""#, "9223372036854775807"), (#""{% 0.5 * 4 %}""#, "2"),
    (#""{% $states.input.whole %}""#, "1"), (#""{% $states.input.fraction %}""#, "1.5"),
    (#""{% $states.input.rows.id %}""#, #"["r1","r2"]"#),
    (#""{% $states.input.rows[qty>5].id %}""#, #""r2""#),
    (#""{% [$states.input.rows[qty>99].id] %}""#, "[]"), (#""{% $partition([1,2,3],2) %}""#, "[[1,2],[3]]"),
    (#""{% $keys($states) %}""#, #"["input","context"]"#), (#""{% $states.context.State.Name %}""#, #""S""#),
    (#""{% $states.context.StateMachine.Name %}""#, #""machine""#),
    (#""{% $states.context.Execution.Input.whole %}""#, "1"),
    (#""{% $states.context.Execution.`a.b` ? 1 : 0 %}""#, "0"),
  ])
  func output(expression: String, expected: String) throws {
    let input =
      #"{"a":[1],"b":{"c":"x"},"whole":1.0,"fraction":1.5,"rows":[{"id":"r1","qty":1},{"id":"r2","qty":9}]}"#
    let outcome = try Self.output(expression, input)
    #expect(outcome?.output?.text == expected, "\(String(describing: outcome))")
  }

  @Test(arguments: [
    (#""{% $states.input.nope %}""#, "$states.input.nope", "Output", "returned nothing (undefined)."),
    (#"{"a":{"b":["{% $nope %}"]}}"#, "$nope", "Output/a/b[0]", "returned nothing (undefined)."),
    (#""{% function($x){$x} %}""#, "function($x){$x}", "Output", "returned an unsupported result type."),
    (#""{% /a/ %}""#, "/a/", "Output", "returned an unsupported result type."),
    (
      #""{% $eval('1') %}""#, "$eval('1')", "Output",
      "threw an error during evaluation. T1006: Attempted to invoke a non-function"
    ),
    (
      #"{"v":"{% $states.input + 1 %}"}"#, "$states.input + 1", "Output/v",
      #"threw an error during evaluation. T2001: The left side of the "+" operator must evaluate to a number"#
    ),
    (
      #""{% $error('no luck') %}""#, "$error('no luck')", "Output",
      "threw an error during evaluation. D3137: no luck"
    ),
    (
      #""{% ($f := function($n){$f($n+1)}; $f(1)) %}""#, "($f := function($n){$f($n+1)}; $f(1))", "Output",
      "threw an error during evaluation: Expression evaluation timeout: Check for infinite loop"
    ),
    (
      #""{% ($f := function($n){1 + $f($n+1)}; $f(1)) %}""#, "($f := function($n){1 + $f($n+1)}; $f(1))",
      "Output",
      "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
    ),
    (
      #""{% $length($pad('',262145,'x')) %}""#, "$length($pad('',262145,'x'))", "Output",
      "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage"
    ),
    (
      #""{% [1..873783] %}""#, "[1..873783]", "Output",
      "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage"
    ),
  ])
  func failingOutput(output: String, source: String, field: String, text: String) throws {
    var limits = Limits.aws
    limits.expressionStepsMax = 200_000
    let run = try Self.run(
      #""S":{"Type":"Pass","Output":\#(output),"End":true}"#, #""text""#, limits: limits)
    let text = "The JSONata expression '\(source)' specified for the field '\(field)' \(text)"
    #expect(run.outcome == Self.failed(text))
    #expect(run.history.suffix(2) == ["3←2 EvaluationFailed", "4←3 ExecutionFailed"])
    #expect(run.detail(3, "location")?.string == field)
    #expect(run.detail(3, "state") == "S")
    #expect(run.detail(3, "error") == "States.QueryEvaluationError")
    #expect(run.detail(3, "cause")?.string == Self.cause("S", 2, text))
  }

  /// The output of a state is bounded as everywhere.
  @Test func largeOutput() throws {
    let outcome = try Self.output(#""{% [1,2,3] ~> $map(function($x){$pad('', 100000, 'x')}) %}""#)
    #expect(
      outcome
        == .failed(
          error: "States.DataLimitExceeded",
          cause:
            "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."
        ))
  }

  // MARK: Variables

  /// `Output` and `Assign` both read the variables as they were at entry, so two of them can
  /// change places; `Output` of the next state sees the new ones.
  @Test func variables() throws {
    let run = try Self.run(
      #""S":{"Type":"Pass","Assign":{"a":1,"b":{"c":["{% $states.input.v %}"]}},"Next":"T"},"#
        + #""T":{"Type":"Pass","Assign":{"a":"{% $b %}","b":"{% $a %}"},"Output":"{% [$a, $b.c[0]] %}","Next":"U"},"#
        + #""U":{"Type":"Succeed","Output":{"a":"{% $a.c %}","b":"{% $b %}","in":"{% $states.input %}"}}"#,
      #"{"v":7}"#)
    #expect(run.outcome == .succeeded(["a": [7], "b": 1, "in": [1, 7]]))
    #expect(run.detail(3, "assignedVariables") == ["a": "1", "b": #"{"c":[7]}"#])
  }

  /// A variable may have the name of a function, which it hides once it is assigned.
  @Test func variablesNamedAsFunctions() throws {
    let run = try Self.run(
      #""S":{"Type":"Pass","Assign":{"count":"{% $count([1,2,3]) %}"},"Next":"T"},"#
        + #""T":{"Type":"Pass","Assign":{"count":"{% $count + 1 %}"},"Next":"U"},"#
        + #""U":{"Type":"Pass","Output":["{% $count %}","{% $sum([$count, 1]) %}"],"End":true}"#)
    #expect(run.outcome == .succeeded([4, 5]))
  }

  @Test func variablesOfBothLanguages() throws {
    let run = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"x.$":"$.n"},"Next":"J"},"#
        + #""J":{"Type":"Pass","QueryLanguage":"JSONata","Assign":{"y":"{% $x + 1 %}"},"Output":{},"Next":"Q"},"#
        + #""Q":{"Type":"Pass","Parameters":{"y.$":"$y","x.$":"$x"},"End":true}}}"#, #"{"n":1}"#)
    #expect(run.outcome == .succeeded(["y": 2, "x": 1]))
  }

  @Test func failingAssign() throws {
    let run = try Self.run(
      #""S":{"Type":"Pass","Assign":{"v":{"w":"{% $nope %}"}},"Output":"{% $never %}","End":true}"#)
    #expect(
      run.outcome
        == Self.failed(
          "The JSONata expression '$nope' specified for the field 'Assign/v/w' returned nothing (undefined).")
    )
    #expect(run.detail(3, "location") == "Assign/v/w")
  }

  @Test func variableLimits() throws {
    func assign(_ length: Int) throws -> Outcome? {
      try Self.run(
        #""S":{"Type":"Pass","Assign":{"v":"{% $pad('', \#(length), 'x') %}"},"Output":1,"End":true}"#
      ).outcome
    }
    #expect(try assign(262_142) == .succeeded(1))
    guard case .failed("States.DataLimitExceeded", _) = try assign(262_143) else {
      Issue.record("262,143 characters and two quotes are one byte too many")
      return
    }
  }

  // MARK: Choice

  private static let choice =
    #""S":{"Type":"Choice","Choices":["#
    + #"{"Condition":"{% $states.input.n > 10 and $states.input.kind = 'a' %}","Output":{"rule":0},"Next":"E"},"#
    + #"{"Next":"E","Assign":{"v":"{% $states.input.n %}"},"Condition":"{% $states.input.n > 5 %}"},"#
    + #"{"Condition":false,"Next":"E"}],"Assign":{"v":"default"},"Output":"{% 'out' %}","Default":"E"},"#
    + #""E":{"Type":"Pass","Output":{"in":"{% $states.input %}","v":"{% $exists($v) ? $v : 'none' %}"},"End":true}"#

  @Test(arguments: [
    (#"{"n":11,"kind":"a"}"#, #"{"in":{"rule":0},"v":"none"}"#),
    (#"{"n":6}"#, #"{"in":{"n":6},"v":6}"#), (#"{"n":1}"#, #"{"in":"out","v":"default"}"#),
  ])
  func choice(input: String, expected: String) throws {
    #expect(try Self.run(Self.choice, input).outcome?.output?.text == expected)
  }

  @Test func choiceThatFails() throws {
    func outcome(_ condition: String, _ rest: String = "") throws -> Outcome? {
      try Self.run(
        #""S":{"Type":"Choice","Choices":[{"Condition":false,"Next":"E"},{"Condition":"{% \#(condition) %}","Next":"E"\#(rest)}]},"E":{"Type":"Succeed"}"#,
        #"{"s":"x"}"#
      ).outcome
    }
    let field = "specified for the field 'Choices[1]/Condition'"
    #expect(
      try outcome("$states.input.s")
        == Self.failed(
          "The JSONata expression '$states.input.s' \(field) returned an unexpected result type. Expected 'boolean', but was 'string' for value: \"x\""
        ))
    #expect(
      try outcome("$states.input.no")
        == Self.failed("The JSONata expression '$states.input.no' \(field) returned nothing (undefined)."))
    #expect(
      try outcome("$states.input.s > 1")
        == Self.failed(
          "The JSONata expression '$states.input.s > 1' \(field) threw an error during evaluation. T2009: The values \"x\" and 1 either side of operator \">\" must be of the same data type"
        ))
    #expect(
      try outcome("1 > 2")
        == .failed(
          error: "States.Runtime",
          cause: Self.cause(
            "S", 2, "Failed to transition out of the state. The state does not point to a next state.")))
    #expect(
      try outcome("true", #","Output":{"a":"{% $no %}"}"#)
        == Self.failed(
          "The JSONata expression '$no' specified for the field 'Choices[1]/Output/a' returned nothing (undefined)."
        ))
    #expect(
      try outcome("true", #","Assign":{"a":"{% $no %}"}"#)
        == Self.failed(
          "The JSONata expression '$no' specified for the field 'Choices[1]/Assign/a' returned nothing (undefined)."
        ))
  }

  // MARK: Wait

  @Test func wait() throws {
    let run = try Self.run(
      #""S":{"Type":"Wait","Seconds":"{% $states.input.s %}","Output":{"waited":"{% $states.input.s %}"},"Next":"T"},"#
        + #""T":{"Type":"Wait","Timestamp":"{% '2001-01-01T00:00:00Z' %}","End":true}"#, #"{"s":2.0}"#)
    #expect(run.outcome == .succeeded(["waited": 2]))
    #expect(run.loop.now == 2000)
  }

  @Test(arguments: [
    (
      "Seconds", "'1'",
      "The JSONata expression ''1'' specified for the field 'Seconds' returned an unexpected result type. Expected 'number', but was 'string' for value: \"1\""
    ),
    ("Seconds", "1.5", "The Seconds field cannot be parsed as a long value: 1.5"),
    ("Seconds", "-1", "The Seconds field cannot be negative: -1"),
    ("Seconds", "3000000000", "Wait state delay is too long."),
    (
      "Timestamp", "'2016-12-05T21:29:29'",
      "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: 2016-12-05T21:29:29"
    ),
    (
      "Timestamp", "1",
      "The JSONata expression '1' specified for the field 'Timestamp' returned an unexpected result type. Expected 'string', but was 'number' for value: 1"
    ),
    ("Timestamp", "'9999-01-01T00:00:00Z'", "Wait state delay is too long."),
  ])
  func failingWait(field: String, expression: String, text: String) throws {
    let run = try Self.run(#""S":{"Type":"Wait","\#(field)":"{% \#(expression) %}","End":true}"#)
    #expect(run.outcome == Self.failed(text))
    #expect(run.detail(3, "location")?.string == field)
  }

  // MARK: Fail

  @Test func fail() throws {
    #expect(
      try Self.run(
        #""S":{"Type":"Fail","Error":"{% 'E' & $states.input.n %}","Cause":"{% $states.input.c %}"}"#,
        #"{"n":1,"c":"why"}"#
      ).outcome == .failed(error: "E1", cause: "why"))
    let run = try Self.run(#""S":{"Type":"Fail","Error":"E","Cause":"{% {'a': 1} %}"}"#)
    #expect(
      run.outcome
        == Self.failed(
          "The JSONata expression '{'a': 1}' specified for the field 'Cause' returned an unexpected result type. Expected 'string', but was 'object' for value: {\"a\":1}"
        ))
    #expect(run.detail(3, "location") == "Cause")
  }

  // MARK: Task

  @Test func task() throws {
    let run = try Self.run(
      #""S":{"Type":"Task","Resource":"t","Arguments":{"n":"{% $states.input.n %}","fixed":true},"#
        + #""TimeoutSeconds":"{% $states.input.n * 10 %}","HeartbeatSeconds":"{% $states.input.n %}","#
        + #""Credentials":{"RoleArn":"{% 'arn:' & $states.input.n %}"},"#
        + #""Assign":{"r":"{% $states.result.echo %}"},"#
        + #""Output":{"r":"{% $states.result %}","in":"{% $states.input.n %}"},"Next":"U"},"#
        + #""U":{"Type":"Pass","Output":["{% $r %}","{% $states.input %}"],"End":true}"#,
      #"{"n":3}"#
    ) { .success(["echo": $0.input]) }
    let echoed: JSON = ["n": 3, "fixed": true]
    #expect(run.outcome == .succeeded([echoed, ["r": ["echo": echoed], "in": 3]]))
    #expect(run.detail(3, "timeoutInSeconds") == 30)
    #expect(run.detail(3, "heartbeatInSeconds") == 3)
    #expect(run.detail(3, "taskCredentials") == ["roleArn": "arn:3"])
  }

  /// Without `Arguments` the state's input is the request, without `Output` the result is what comes out.
  @Test func plainTask() throws {
    let run = try Self.run(#""S":{"Type":"Task","Resource":"t","End":true}"#, "[1]") {
      .success(["got": $0.input])
    }
    #expect(run.outcome == .succeeded(["got": [1]]))
  }

  @Test(arguments: [
    (
      #""Arguments":{"a":["{% $no %}"]}"#, "Arguments/a[0]",
      "The JSONata expression '$no' specified for the field 'Arguments/a[0]' returned nothing (undefined)."
    ),
    (
      #""TimeoutSeconds":"{% 'x' %}""#, "TimeoutSeconds",
      "The JSONata expression ''x'' specified for the field 'TimeoutSeconds' returned an unexpected result type. Expected 'number', but was 'string' for value: \"x\""
    ),
    (#""TimeoutSeconds":"{% 0 %}""#, "TimeoutSeconds", "The TimeoutSeconds field must be positive: 0"),
    (
      #""HeartbeatSeconds":"{% 1.5 %}""#, "HeartbeatSeconds",
      "The HeartbeatSeconds field cannot be parsed as a long value: 1.5"
    ),
    (
      #""Credentials":{"RoleArn":"{% 1 %}"}"#, "Credentials/RoleArn",
      "The JSONata expression '1' specified for the field 'Credentials/RoleArn' returned an unexpected result type. Expected 'string', but was 'number' for value: 1"
    ),
    (
      #""Output":"{% $states.result.no %}""#, "Output",
      "The JSONata expression '$states.result.no' specified for the field 'Output' returned nothing (undefined)."
    ),
  ])
  func failingTask(fields: String, location: String, text: String) throws {
    let task = #""Type":"Task","Resource":"t",\#(fields)"#
    let run = try Self.run(#""S":{\#(task),"End":true}"#)
    #expect(run.outcome == Self.failed(text))
    let event = run.events.first { $0.type == .evaluationFailed }
    #expect(event?.details?["location"]?.string == location)
    #expect(event?.previousID == (event?.id ?? 0) - 1)

    // A catcher gets it, by its own name and by both wildcards.
    for name in ["States.QueryEvaluationError", "States.TaskFailed", "States.ALL"] {
      let caught = try Self.run(
        #""S":{\#(task),"Catch":[{"ErrorEquals":["\#(name)"],"Next":"E","#
          + #""Assign":{"e":"{% $states.errorOutput.Error %}"},"Output":{"o":"{% $states.errorOutput %}","in":"{% $states.input.k %}"}}],"End":true},"#
          + #""E":{"Type":"Pass","Output":["{% $e %}","{% $states.input %}"],"End":true}"#, #"{"k":1}"#)
      let error: JSON = ["Error": "States.QueryEvaluationError", "Cause": JSON(Self.cause("S", 2, text))]
      #expect(caught.outcome == .succeeded(["States.QueryEvaluationError", ["o": error, "in": 1]]))
    }
  }

  @Test func retriedEvaluation() throws {
    let run = try Self.run(
      #""S":{"Type":"Task","Resource":"t","Arguments":"{% $states.context.State.RetryCount > 1 ? 'now' : $error('early') %}","#
        + #""Retry":[{"ErrorEquals":["States.QueryEvaluationError"],"MaxAttempts":2}],"End":true}"#)
    #expect(run.outcome == .succeeded("now"))
    #expect(run.events.filter { $0.type == .evaluationFailed }.count == 2)
  }

  /// The error output is what comes out of a catcher without `Output`; what fails in a catcher is not caught again.
  @Test func catchers() throws {
    func outcome(_ catcher: String) throws -> Outcome? {
      try Self.run(
        #""S":{"Type":"Task","Resource":"t","Catch":[{"ErrorEquals":["States.ALL"],"Next":"E"\#(catcher)}],"End":true},"E":{"Type":"Succeed"}"#
      ) { _ in .failure(TaskFailure(error: "Boom", cause: "c")) }.outcome
    }
    #expect(try outcome("") == .succeeded(["Error": "Boom", "Cause": "c"]))
    #expect(
      try outcome(#","Output":{"v":"{% $states.errorOutput.No %}"}"#)
        == Self.failed(
          "The JSONata expression '$states.errorOutput.No' specified for the field 'Catch[0]/Output/v' returned nothing (undefined)."
        ))
    #expect(
      try outcome(#","Assign":{"v":"{% $no %}"}"#)
        == Self.failed(
          "The JSONata expression '$no' specified for the field 'Catch[0]/Assign/v' returned nothing (undefined)."
        ))
  }

  // MARK: Parallel and Map

  @Test func parallel() throws {
    let branch =
      #"{"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"inner":1},"Output":"{% $states.input.v + $outer %}","End":true}}}"#
    let other = branch.replacing(#""B""#, with: #""C""#)
    let run = try Self.run(
      #""S":{"Type":"Pass","Assign":{"outer":10},"Next":"P"},"#
        + #""P":{"Type":"Parallel","Arguments":{"v":"{% $states.input.n %}"},"Branches":[\#(branch),\#(other)],"Output":{"sum":"{% $sum($states.result) %}","n":"{% $states.input.n %}"},"End":true}"#,
      #"{"n":1}"#)
    #expect(run.outcome == .succeeded(["sum": 22, "n": 1]))
    let failed = try Self.run(
      #""S":{"Type":"Parallel","Arguments":"{% $no %}","Branches":[\#(branch)],"End":true}"#)
    #expect(
      failed.outcome
        == Self.failed(
          "The JSONata expression '$no' specified for the field 'Arguments' returned nothing (undefined)."))
  }

  private static func map(_ fields: String, _ output: String = "{% $states.input %}") -> String {
    #""S":{"Type":"Map",\#(fields)"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Output":"\#(output)","End":true}}},"End":true}"#
  }

  @Test(arguments: [
    ("", "[1,2]", "[1,2]"), (#""Items":"{% $states.input.a %}","#, #"{"a":[]}"#, "[]"),
    (#""Items":[1,"{% $states.input.a %}"],"#, #"{"a":"x"}"#, #"[1,"x"]"#),
    (
      #""Items":"{% $states.input.a %}","MaxConcurrency":"{% $states.input.m %}","ItemSelector":{"v":"{% $states.context.Map.Item.Value %}","i":"{% $states.context.Map.Item.Index %}","m":"{% $states.input.m %}"},"#,
      #"{"a":["x","y"],"m":1}"#, #"[{"v":"x","i":0,"m":1},{"v":"y","i":1,"m":1}]"#
    ),
    (
      #""Items":"{% [1..3] %}","Output":"{% $sum($states.result) + $states.input.n %}","#, #"{"n":4}"#, "10"
    ),
  ])
  func map(fields: String, input: String, expected: String) throws {
    let run = try Self.run(Self.map(fields), input)
    #expect(run.outcome?.output?.text == expected, "\(String(describing: run.outcome))")
  }

  @Test(arguments: [
    (
      #""Items":"{% {'k': 1} %}","#,
      "The JSONata expression '{'k': 1}' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'object' for value: {\"k\":1}",
      "Items"
    ),
    (
      #""Items":"{% $no %}","#,
      "The JSONata expression '$no' specified for the field 'Items' returned nothing (undefined).", "Items"
    ),
    ("", "Map state input must be an array but was: {}", nil),
    (
      #""Items":[1],"MaxConcurrency":"{% -1 %}","#, "The MaxConcurrency field cannot be negative: -1",
      "MaxConcurrency"
    ),
    (
      #""Items":[1],"MaxConcurrency":"{% true %}","#,
      "The JSONata expression 'true' specified for the field 'MaxConcurrency' returned an unexpected result type. Expected 'number', but was 'boolean' for value: true",
      "MaxConcurrency"
    ),
  ])
  func failingMap(fields: String, text: String, location: String?) throws {
    let run = try Self.run(Self.map(fields))
    #expect(run.outcome == Self.failed(text))
    #expect(
      run.history.dropFirst(2) == ["3←2 EvaluationFailed", "4←3 MapStateFailed", "5←4 ExecutionFailed"])
    #expect(run.detail(3, "location")?.string == location)
  }

  /// What an ItemSelector fails with is the Map's failure, which its catchers may take.
  @Test func failingItemSelector() throws {
    let fields = #""Items":[1,2],"MaxConcurrency":1,"ItemSelector":{"v":"{% $states.input.no %}"},"#
    let run = try Self.run(Self.map(fields))
    let text =
      "The JSONata expression '$states.input.no' specified for the field 'ItemSelector/v' returned nothing (undefined)."
    #expect(run.outcome == Self.failed(text))
    #expect(run.events.filter { $0.type == .evaluationFailed }.map { $0.details?["state"] } == ["S"])
    let caught = try Self.run(
      Self.map(fields + #""Catch":[{"ErrorEquals":["States.ALL"],"Next":"E"}],"#)
        + #","E":{"Type":"Pass","Output":"{% $states.input.Error %}","End":true}"#)
    #expect(caught.outcome == .succeeded("States.QueryEvaluationError"))
  }

  /// A Map's own query language is not that of the states in it.
  @Test func queryLanguagePerState() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","QueryLanguage":"JSONata","Items":"{% $states.input.a %}","#
        + #""ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"v.$":"$"},"End":true}}},"End":true}}}"#,
      #"{"a":[1]}"#)
    #expect(run.outcome == .succeeded([["v": 1]]))
  }

  /// Items that run on several loops evaluate as they would on one.
  @Test func mapAcrossLoops() async throws {
    let definition = Self.machine(
      #""S":{"Type":"Pass","Assign":{"k":3},"Next":"M"},"#
        + #""M":{"Type":"Map","Items":"{% [1..2000] %}","ItemSelector":{"v":"{% $states.context.Map.Item.Value %}","n":"{% $states.input.n %}"},"#
        + #""ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Output":"{% $sum([1..20]) * 0 + $states.input.v * $k + $states.input.n %}","End":true}}},"#
        + #""Output":"{% $sum($states.result) %}","End":true}"#)
    let runtime = try Runtime.small(loops: 3)
    let outcome = try await runtime.workflow(definition).outcome(["n": 1])
    #expect(outcome == .succeeded(JSON(3 * 2001 * 1000 + 2000)))
  }
}
