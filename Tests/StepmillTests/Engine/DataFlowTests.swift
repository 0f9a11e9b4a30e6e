import Testing

@testable import Stepmill

/// Proves rules of data flow, errors and the context object that recordings show.
@Suite struct DataFlowTests {
  private static func pass(_ fields: String, _ input: String) throws -> Outcome? {
    try EngineRun(#"{"StartAt":"P","States":{"P":{"Type":"Pass",\#(fields),"End":true}}}"#, input).outcome
  }

  /// What a template makes keeps the order in which it is written; a merge keeps the order of
  /// its first object, then that of the second.
  @Test func membersKeepTheirOrder() throws {
    let made = try Self.pass(
      #""Parameters":{"o":{"state.$":"$.x","const":1,"attempt.$":"$.x","a":{"z.$":"$.x","b":2}}}"#,
      #"{"x":1}"#)
    #expect(made?.output?["o"]?.text == #"{"state":1,"const":1,"attempt":1,"a":{"z":1,"b":2}}"#)
    let merged = try Self.pass(
      #""Parameters":{"m.$":"States.JsonMerge($.a, $.b, false)"}"#, #"{"a":{"z":1,"d":3},"b":{"d":4,"c":2}}"#)
    #expect(merged?.output?["m"]?.text == #"{"z":1,"d":4,"c":2}"#)
  }

  /// Counting has a way of its own, and the same answers as the long one, which a nested call takes.
  @Test(arguments: [
    "0", "-7", "2147483646", "2147483647", "-2147483648", "3000000000", "1.5", "1e2", "\"1\"", "null", "[]",
  ])
  func countingIsAddition(n: String) throws {
    for addend in ["1", "-1", "0", "2147483647", "2.5"] {
      let short = try Self.pass(
        ##""Parameters":{"n.$":"States.MathAdd($.n, \##(addend))"}"##, #"{"n":\#(n)}"#)
      let long = try Self.pass(
        ##""Parameters":{"n.$":"States.MathAdd($['a']['n'], \##(addend))"}"##, #"{"a":{"n":\#(n)}}"#)
      #expect(short?.isSuccess == long?.isSuccess, "\(n) + \(addend)")
      #expect(short?.output == long?.output, "\(n) + \(addend)")
    }
    let missing = try Self.pass(#""Parameters":{"n.$":"States.MathAdd($.m, 1)"}"#, #"{"n":\#(n)}"#)
    #expect(missing?.isSuccess == false)
    let none = try Self.pass(#""Parameters":{"n.$":"States.MathAdd($.m, 1)"}"#, "{}")
    #expect(none?.isSuccess == false)
  }

  // MARK: Paths

  /// A quoted name is what stands between the quotes, backslashes included.
  @Test func quotedNames() throws {
    #expect(try Self.pass(#""OutputPath":"$['back\\slash']""#, #"{"back\\slash":1}"#) == .succeeded(1))
    #expect(try Self.pass(#""OutputPath":"$['a\\\"\"b\"']""#, #"{"a\\\"\"b\"":1}"#) == .succeeded(1))
    #expect(try Self.pass(#""OutputPath":"$['it\\'s']""#, #"{"it's":1}"#) == .succeeded(1))
  }

  /// In a call, an index of what is no array is told in the library's words; anything else that is
  /// not there in the service's own.
  @Test(arguments: [
    ("$.s[0]", "Filter: [0] can only be applied to arrays. Current context is: 1"),
    ("$.o[1].x", "Filter: [1]['x'] can only be applied to arrays. Current context is: {a=b}"),
    ("$v[0]", "Filter: [0] can only be applied to arrays. Current context is: 7"),
    ("$$.Execution.Input.s[0]", "Filter: [0] can only be applied to arrays. Current context is: 1"),
    ("$.s.x", nil), ("$.a[2]", nil), ("$.n[0]", nil), ("$.none[0]", nil),
  ])
  func indexesInCalls(path: String, words: String?) throws {
    let input = #"{"s":"1","o":{"a":"b"},"a":[1],"n":null}"#
    let outcome = try EngineRun(
      #"{"StartAt":"V","States":{"V":{"Type":"Pass","Assign":{"v":7},"Next":"P"},"P":{"Type":"Pass","Parameters":{"v.$":"States.Array(\#(path))"},"End":true}}}"#,
      input
    ).outcome
    #expect(
      outcome
        == EngineRun.failed(
          "States.Runtime",
          "An error occurred while executing the state 'P' (entered at the event id #4). "
            + (words
              ?? "The function 'States.Array(\(path))' had the following error: The JsonPath argument for the "
              + "field '\(path)' could not be found in the input '\(input)'")))
  }

  @Test func timeoutIsReadFromTheEffectiveInput() throws {
    let run = try EngineRun(
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","InputPath":"$.in","TimeoutSecondsPath":"$.s","End":true}}}"#,
      #"{"in":{"s":7},"s":"no"}"#)
    #expect(run.detail(3, "timeoutInSeconds") == 7)
  }

  // MARK: Error names

  @Test(arguments: [
    ("States.Timeout", "States.TaskFailed", false), ("States.Timeout", "States.Timeout", true),
    ("States.HeartbeatTimeout", "States.Timeout", true),
    ("States.DataLimitExceeded", "States.TaskFailed", false),
    ("States.DataLimitExceeded", "States.ALL", true), ("States.Runtime", "States.Runtime", false),
    ("States.Runtime", "States.ALL", false), ("Custom", "States.TaskFailed", true),
    ("Custom", "custom", false),
  ])
  func whatIsCaught(raised: String, pattern: String, isCaught: Bool) throws {
    let catcher = #""Catch":[{"ErrorEquals":["\#(pattern)"],"Next":"D"}]"#
    let task = try EngineRun(
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t",\#(catcher),"Next":"D"},"D":{"Type":"Pass","End":true}}}"#
    ) { _ in .failure(TaskFailure(error: raised, cause: "c")) }
    #expect((task.outcome?.isSuccess == true) == isCaught)
    let fail = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"\#(raised)"}}}],\#(catcher),"Next":"D"},"D":{"Type":"Pass","End":true}}}"#
    )
    #expect((fail.outcome?.isSuccess == true) == isCaught)
  }

  /// A catcher that fails has assigned nothing.
  @Test func catcherThatFails() throws {
    let run = try EngineRun(
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"v":1},"ResultPath":"$.a.b","Next":"D"}],"End":true},"D":{"Type":"Pass","End":true}}}"#,
      #"{"a":4}"#
    ) { _ in .failure(TaskFailure(error: "E")) }
    #expect(
      run.outcome
        == EngineRun.failed(
          "States.ReferencePathConflict", #"Unable to apply ReferencePath $.a.b to input {"a":4}"#))
  }

  // MARK: The context object

  @Test func expressContext() throws {
    let machine = #"{"StartAt":"P","States":{"P":{"Type":"Pass","OutputPath":"$$","End":true}}}"#
    let express = try EngineRun(machine, #"{"n":1}"#, kind: .express, name: "run").outcome?.output
    #expect(express?["Execution"]?["RedriveCount"] == nil)
    let prefix = "arn:aws:states:us-east-1:123456789012:express:machine:run:"
    #expect(express?["Execution"]?["Id"]?.string?.hasPrefix(prefix) == true)
    let standard = try EngineRun(machine, #"{"n":1}"#, name: "run").outcome?.output
    #expect(standard?["Execution"]?["RedriveCount"] == 0)
    #expect(standard?["Execution"]?["Id"] == "arn:aws:states:us-east-1:123456789012:execution:machine:run")
    #expect(standard?["Execution"]?["Input"] == ["n": 1])
    #expect(standard?["State"]?.object?.keys == ["Name", "EnteredTime"])
  }

  /// The text about a context field that is not there shows the whole object, input included.
  @Test func missingContextField() throws {
    let run = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","ItemSelector":{"s.$":"$$.Map.Item.Source"},"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}"#,
      "[7]")
    guard case .failed("States.Runtime", let cause?) = run.outcome else {
      Issue.record("\(String(describing: run.outcome))")
      return
    }
    #expect(
      cause.contains(
        #"The JSONPath '$$.Map.Item.Source' specified for the field 's.$' could not be found in the input '{"Execution":{"Id":"#
      ))
    #expect(cause.contains(#""Input":[7]"#))
    #expect(cause.hasSuffix(#""Map":{"Item":{"Index":0,"Value":7}}}'"#))
  }

  /// So it does for what is there in other states only.
  @Test(arguments: [
    #""Type":"Pass","Parameters":{"s.$":"$$.Map.Item.Value"},"End":true"#,
    #""Type":"Pass","Parameters":{"s.$":"$$.Map.Item.Index"},"End":true"#,
    #""Type":"Pass","Parameters":{"s.$":"$$.Task.Token"},"End":true"#,
    #""Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"s.$":"$$.Task.Token"},"End":true"#,
    #""Type":"Fail","ErrorPath":"$$.Task.Token""#,
    #""Type":"Map","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"ResultSelector":{"s.$":"$$.Map.Item.Value"},"End":true"#,
  ])
  func contextFieldOfOtherStates(state: String) throws {
    let outcome = try EngineRun(#"{"StartAt":"S","States":{"S":{\#(state)}}}"#, "[7]").outcome
    guard case .failed("States.Runtime", let cause?) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(cause.contains(#""Input":[7]"#), "\(cause)")
  }

  /// What is there for certain does not need the input kept.
  @Test(arguments: [
    (
      #""Type":"Map","ItemSelector":{"s.$":"$$.Map.Item.Value"},"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"Q","States":{"Q":{"Type":"Pass","OutputPath":"$$.Map.Item.Index","End":true}}}],"End":true}}},"End":true"#,
      false
    ),
    (
      #""Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"s.$":"$$.Task.Token"},"End":true"#,
      false
    ),
    (#""Type":"Pass","Parameters":{"s.$":"$$.Execution.Name"},"End":true"#, false),
    (#""Type":"Pass","Parameters":{"s.$":"$$.Map.Item.Value"},"End":true"#, true),
  ])
  func keptInput(state: String, isKept: Bool) throws {
    let text = #"{"StartAt":"S","States":{"S":{\#(state)}}}"#
    let compiled = try #require(CompiledDefinition.compile(Array(text.utf8)).definition)
    #expect(compiled.program.readsExecutionInput == isKept)
  }
}
