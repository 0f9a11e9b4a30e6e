import Testing

@testable import Stepmill

/// Proves rules of data flow, errors and the context object that recordings show.
@Suite struct DataFlowTests {
  private static func pass(_ fields: String, _ input: String) throws -> Outcome? {
    try EngineRun(#"{"StartAt":"P","States":{"P":{"Type":"Pass",\#(fields),"End":true}}}"#, input).outcome
  }

  // MARK: Orders

  /// Constant members come first, then the evaluated ones as a Java hash map lists them.
  @Test(arguments: [
    (
      [
        "simpleArray", "partitionedArray", "containsElement", "numberRange", "thirdElement", "arraySize",
        "uniqueValues",
      ],
      [],
      [
        "uniqueValues", "simpleArray", "thirdElement", "partitionedArray", "arraySize", "containsElement",
        "numberRange",
      ]
    ),
    (
      ["original_input", "iteration_input_value", "iteration_index", "from_input_constant"],
      ["constant_value"],
      ["constant_value", "iteration_input_value", "from_input_constant", "iteration_index", "original_input"]
    ),
    (["ApiEndpoint", "Method", "Path", "Stage"], [], ["Path", "Stage", "ApiEndpoint", "Method"]),
    (["execution", "state", "attempt", "input"], [], ["execution", "input", "state", "attempt"]),
    (
      [
        "execution", "state", "machine", "nested", "array", "partition", "contains", "range", "unique",
        "json",
        "encoded", "decoded", "hash", "split", "merge", "serialized",
      ], [],
      [
        "execution", "range", "nested", "contains", "partition", "split", "array", "machine", "unique",
        "merge",
        "json", "decoded", "state", "hash", "encoded", "serialized",
      ]
    ),
  ])
  func templateOrder(evaluated: [String], constant: [String], expected: [String]) throws {
    let members = evaluated.map { #""\#($0).$":"$.x""# } + constant.map { #""\#($0)":1"# }
    let outcome = try Self.pass(#""Parameters":{"o":{\#(members.joined(separator: ","))}}"#, #"{"x":1}"#)
    #expect(outcome?.output?["o"]?.object?.keys == expected)
  }

  @Test(arguments: [
    (
      #"{"constant_in_literal":1}"#, #"{"constant_input_field":2}"#,
      ["constant_input_field", "constant_in_literal"]
    ),
    (#"{"a":1,"b":2,"d":3}"#, #"{"a":1,"c":2,"d":3}"#, ["a", "b", "c", "d"]),
    (#"{"a":1,"nested":2}"#, #"{"b":1,"nested":2}"#, ["a", "nested", "b"]),
  ])
  func mergeOrder(left: String, right: String, expected: [String]) throws {
    let outcome = try Self.pass(
      #""Parameters":{"m.$":"States.JsonMerge($.a, $.b, false)"}"#, #"{"a":\#(left),"b":\#(right)}"#)
    #expect(outcome?.output?["m"]?.object?.keys == expected)
  }

  // MARK: Paths

  /// A quoted name is what stands between the quotes, backslashes included.
  @Test func quotedNames() throws {
    #expect(try Self.pass(#""OutputPath":"$['back\\slash']""#, #"{"back\\slash":1}"#) == .succeeded(1))
    #expect(try Self.pass(#""OutputPath":"$['a\\\"\"b\"']""#, #"{"a\\\"\"b\"":1}"#) == .succeeded(1))
    #expect(try Self.pass(#""OutputPath":"$['it\\'s']""#, #"{"it's":1}"#) == .succeeded(1))
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
}
