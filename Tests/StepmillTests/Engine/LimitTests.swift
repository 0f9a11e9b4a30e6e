import Testing

@testable import Stepmill

/// Proves that payloads and variables keep to their limits however they are made, and that
/// what is refused is never written out.
@Suite struct LimitTests {
  private static let tooLarge =
    "returned a result with a size exceeding the maximum number of bytes service limit."

  private static func chain(_ count: Int, _ state: String) -> String {
    let states = (0..<count).map { index in
      #""S\#(index)":{\#(state),\#(index == count - 1 ? #""End":true"# : #""Next":"S\#(index + 1)""#)}"#
    }
    return #"{"StartAt":"S0","States":{\#(states.joined(separator: ","))}}"#
  }

  /// Each state doubles the data by mentioning it twice: after sixty of them it would be larger
  /// than any memory, and it is refused at the limit.
  @Test func doubledData() throws {
    let run = try EngineRun(
      Self.chain(60, #""Type":"Pass","Parameters":{"a.$":"$","b.$":"$"}"#), #"{"x":[1,2,3]}"#)
    guard case .failed("States.DataLimitExceeded", let cause) = run.outcome else {
      Issue.record("\(String(describing: run.outcome))")
      return
    }
    #expect(cause == "The state/task 'S13' " + Self.tooLarge)
  }

  @Test(arguments: [
    #""Type":"Pass","Assign":{"v.$":"States.Array($v,$v)"}"#,
    #""Type":"Pass","Assign":{"v":{"a.$":"$v","b.$":"$v"}}"#,
    #""Type":"Pass","Parameters":{"l.$":"$..*"}"#,
    #""Type":"Pass","Parameters":{"l.$":"States.Array($,$)"}"#,
    #""Type":"Pass","Parameters":{"l.$":"States.JsonToString($)"}"#,
  ])
  func growthByOtherMeans(state: String) throws {
    let states = Self.chain(60, state).dropFirst(#"{"StartAt":"S0","States":{"#.count)
    let run = try EngineRun(
      #"{"StartAt":"Start","States":{"Start":{"Type":"Pass","Assign":{"v":[1,2,3]},"Next":"S0"},"# + states,
      #"{"x":["\"\"",2,3]}"#)
    guard case .failed("States.DataLimitExceeded", _) = run.outcome else {
      Issue.record("\(state): \(run.outcome?.status ?? "none")")
      return
    }
  }

  /// A variable is as large as it is, not as large as the data beside it.
  @Test func payloadFromVariables() throws {
    let run = try EngineRun(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v.$":"$.text"},"ResultPath":null,"Parameters":{"text.$":"$.text"},"OutputPath":null,"Next":"B"},"B":{"Type":"Pass","Parameters":{"a":{"i.$":"$v"},"b":{"i.$":"$v"}},"End":true}}}"#,
      #"{"text":["\#(String(repeating: "x", count: 200_000))"]}"#)
    #expect(
      run.outcome == EngineRun.failed("States.DataLimitExceeded", "The state/task 'B' " + Self.tooLarge))
  }

  @Test func itemSelectorAndParallel() throws {
    let text = String(repeating: "x", count: 150_000)
    let inner = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#
    let twice = #"{"a.$":"$.t","b.$":"$.t"}"#
    let map = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","ItemSelector":\#(twice),"ItemProcessor":\#(inner),"End":true}}}"#,
      #"{"t":"\#(text)","l":[1,2]}"#)
    #expect(
      map.outcome == EngineRun.failed("States.DataLimitExceeded", "The state/task 'M' " + Self.tooLarge))
    let parallel = try EngineRun(
      #"{"StartAt":"P2","States":{"P2":{"Type":"Parallel","Parameters":\#(twice),"Branches":[\#(inner)],"End":true}}}"#,
      #"{"t":"\#(text)"}"#)
    #expect(
      parallel.outcome == EngineRun.failed("States.DataLimitExceeded", "The state/task 'P2' " + Self.tooLarge)
    )
  }

  /// A text about data that will be refused does not unfold it.
  @Test func errorTextsAreBounded() throws {
    let members = (0..<2000).map { #""m\#($0).$":"$""# }.joined(separator: ",")
    let run = try EngineRun(
      #"{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{\#(members)},"Assign":{"v.$":"$.no"},"End":true}}}"#,
      "\"" + String(repeating: "x", count: 200_000) + "\"")
    guard case .failed("States.Runtime", let cause?) = run.outcome else {
      Issue.record("\(run.outcome?.status ?? "none")")
      return
    }
    #expect(cause.hasSuffix("could not be found in the input '(more than 262144 bytes)'"))
  }

  @Test func inputIsBounded() throws {
    let machine = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#
    let fits = try EngineRun(machine, "\"" + String(repeating: "x", count: 262_142) + "\"")
    #expect(fits.outcome?.isSuccess == true)
    let blanks = try EngineRun(machine, String(repeating: " ", count: 300_000) + "1")
    #expect(blanks.outcome == .succeeded(1))
    let tooLong = try EngineRun(machine, "\"" + String(repeating: "x", count: 262_143) + "\"")
    #expect(tooLong.outcome?.status == "FAILED")
    #expect(tooLong.history == ["1←0 ExecutionStarted", "2←0 ExecutionFailed"])
  }

  // MARK: Variables

  private static func assign(_ first: Int, _ second: Int) throws -> EngineRun {
    func text(_ count: Int) -> String { String(repeating: "v", count: count) }
    return try EngineRun(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x.$":"$.x","y.$":"$.y"},"End":true}}}"#,
      #"{"x":"\#(text(first))","y":"\#(text(second))"}"#, limits: generous)
  }

  /// As the service's, but with an input that may hold what is assigned.
  private static var generous: Limits {
    var limits = Limits.awsStandard
    limits.payloadBytesMax = 1 << 20
    return limits
  }

  @Test func oneAssign() throws {
    #expect(try Self.assign(131_070, 131_070).outcome?.isSuccess == true)
    let run = try Self.assign(131_071, 131_071)
    #expect(
      run.history.dropFirst() == ["2←0 PassStateEntered", "3←2 EvaluationFailed", "4←3 ExecutionFailed"])
    #expect(run.detail(3, "location") == "Assign")
    #expect(run.detail(3, "state") == "A")
    #expect(run.detail(3, "error") == "States.DataLimitExceeded")
  }

  /// As recorded: 42 variables of 250,000 characters.
  @Test func allVariablesTogether() throws {
    let states = (1...42).map { index in
      #""Assign\#(index)":{"Type":"Pass","Assign":{"v\#(index).$":"$.t"},\#(index == 42 ? #""End":true"# : #""Next":"Assign\#(index + 1)""#)}"#
    }
    let run = try EngineRun(
      #"{"StartAt":"Assign1","States":{\#(states.joined(separator: ","))}}"#,
      #"{"t":"\#(String(repeating: "x", count: 250_000))"}"#, limits: .awsStandard)
    #expect(
      run.outcome
        == EngineRun.failed(
          "States.DataLimitExceeded",
          "Execution total variable size limit exceeded. State 'Assign42' assigned variables that exceed the total "
            + "execution limit by 14324 bytes."))
    #expect(
      run.history.suffix(3) == ["84←83 PassStateEntered", "85←84 EvaluationFailed", "86←85 ExecutionFailed"])
  }

  /// A variable that is assigned anew takes the place of its old value; those of iterations
  /// that have ended are gone.
  @Test func whatIsGoneDoesNotCount() throws {
    var limits = Limits.aws
    limits.variableBytesTotalMax = 100
    let loop = try EngineRun(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":"0123456789012345678901234567890123456789"},"Next":"B"},"B":{"Type":"Pass","Assign":{"v":"a123456789012345678901234567890123456789"},"Next":"M"},"M":{"Type":"Map","ItemsPath":"$.l","MaxConcurrency":1,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Assign":{"i":"0123456789012345678901234567890123456789"},"Next":"W"},"W":{"Type":"Wait","Seconds":1,"End":true}}},"End":true}}}"#,
      #"{"l":[1,2,3,4,5]}"#, limits: limits)
    #expect(loop.outcome?.isSuccess == true)
    let together = try EngineRun(
      #"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Assign":{"i":"0123456789012345678901234567890123456789"},"Next":"W"},"W":{"Type":"Wait","Seconds":1,"End":true}}},"End":true}}}"#,
      #"{"l":[1,2,3,4,5]}"#, limits: limits)
    #expect(
      together.outcome
        == EngineRun.failed(
          "States.DataLimitExceeded",
          "Execution total variable size limit exceeded. State 'I' assigned variables that exceed the total "
            + "execution limit by 26 bytes."))
  }

  @Test func boundedSizes() {
    let json = TestJSON()
    let value = json.parse(#"{"a":[1,2,{"b":"text"}],"c":null}"#)
    let exact = value.serializedSize
    #expect(exact == #"{"a":[1,2,{"b":"text"}],"c":null}"#.utf8.count)
    for limit in 0..<exact { #expect(value.serializedSize(upTo: limit) > limit) }
    #expect(value.serializedSize(upTo: exact) == exact)
    // A value of 2^200 bytes in two hundred containers.
    var shared = Value.null
    for _ in 0..<200 {
      let elements = json.arena.pointee.elements(2)
      elements[0] = shared
      elements[1] = shared
      shared = .array(UnsafePointer(elements), count: 2)
    }
    #expect(shared.serializedSize(upTo: 1_000_000) > 1_000_000)
  }

  /// An input that is nested deeper than the workflow's limit is no input.
  @Test func nestingOfInputs() throws {
    let loop = ManualLoop(seed: 1)
    var limits = Limits()
    limits.nestingMax = 3
    let workflow = try loop.compile(
      Array(#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#.utf8), limits: limits)
    _ = try loop.start(workflow, input: Array("[[[1]]]".utf8))
    #expect(throws: JSONSyntaxError.self) { _ = try loop.start(workflow, input: Array("[[[[1]]]]".utf8)) }
  }

  /// A state that fails was entered, and counts.
  @Test func failedTransitionsCount() throws {
    let loop = ManualLoop(seed: 1)
    let workflow = try loop.compile(
      Array(
        #"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Parameters":{"x.$":"$.no"},"End":true}}}"#
          .utf8))
    _ = try loop.start(workflow, input: Array("{}".utf8))
    while loop.runOne() {}
    #expect(loop.counters.transitions == 2)
    #expect(loop.counters.failed == 1)
  }
}
