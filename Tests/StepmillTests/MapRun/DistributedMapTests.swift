import Testing

@testable import Stepmill

/// The Distributed Map state in the engine: what its fields come to, what its history says, and
/// that runs keep their bounds however children end.
@Suite struct DistributedMapTests {
  private static let pass = #""StartAt":"P","States":{"P":{"Type":"Pass","End":true}}"#

  private func definition(
    _ fields: String, processor: String = DistributedMapTests.pass, machine: String = ""
  ) -> String {
    #"{\#(machine)"StartAt":"M","States":{"M":{"Type":"Map","Label":"l","End":true\#(fields),"ItemProcessor":{"#
      + #""ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},\#(processor)}}}}"#
  }

  private static let prefix = "An error occurred while executing the state 'M' (entered at the event id #2). "

  // MARK: Fields

  /// What is wrong with a number that a path finds ends the execution before the run begins.
  @Test(arguments: [
    (
      #""MaxConcurrencyPath":"$.n""#, #"{"n":"x"}"#,
      #"The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.n"#
    ),
    (#""MaxConcurrencyPath":"$.n""#, #"{"n":-1}"#, "MaxConcurrency cannot be negative."),
    (#""ToleratedFailureCountPath":"$.n""#, #"{"n":-1}"#, "ToleratedFailureCount cannot be negative."),
    (
      #""ToleratedFailureCountPath":"$.n""#, #"{"n":1.5}"#,
      #"The ToleratedFailureCountPath field refers to value "1.5" which is not a valid integer: $.n"#
    ),
    (
      #""ToleratedFailurePercentagePath":"$.n""#, #"{"n":{}}"#,
      #"The ToleratedFailurePercentagePath field refers to value "{}" which is not a valid float: $.n"#
    ),
    (
      #""ToleratedFailurePercentagePath":"$.n""#, #"{"n":100.1}"#,
      "ToleratedFailurePercentage must be between 0 and 100."
    ),
    (
      #""ToleratedFailurePercentagePath":"$.n""#, #"{"n":-1}"#,
      "ToleratedFailurePercentage must be between 0 and 100."
    ),
    (#""ToleratedFailurePercentagePath":"$.n""#, #"{}"#, "Invalid path '$.n' : No results for path: $['n']"),
  ])
  func badNumbers(_ field: String, _ input: String, _ text: String) throws {
    let run = try EngineRun(definition(",\(field)"), input)
    #expect(run.outcome == .failed(error: "States.Runtime", cause: Self.prefix + text))
    #expect(
      run.history == [
        "1←0 ExecutionStarted", "2←0 MapStateEntered", "3←2 MapStateStarted", "4←3 ExecutionFailed",
      ])
  }

  /// Texts that are numbers will do, as everywhere.
  @Test func numbersAsTexts() throws {
    let run = try EngineRun(
      definition(
        #","ItemsPath":"$.i","MaxConcurrencyPath":"$.n","ToleratedFailureCountPath":"$.n","ToleratedFailurePercentagePath":"$.n""#
      ), #"{"i":[1],"n":"1"}"#)
    #expect(run.outcome == .succeeded([1]))
  }

  @Test func expressions() throws {
    let run = try EngineRun(
      definition(
        #","Items":"{% $states.input.i %}","MaxConcurrency":"{% 1+1 %}","ItemBatcher":{"MaxItemsPerBatch":"{% $states.input.n %}","BatchInput":{"x":"{% $states.input.n %}"}},"ItemSelector":{"v":"{% $states.context.Map.Item.Value %}","at":"{% $states.context.Map.Item.Index %}"}"#,
        machine: #""QueryLanguage":"JSONata","#), #"{"i":["a","b","c"],"n":2}"#)
    #expect(
      run.outcome?.output?.text
        == #"[{"BatchInput":{"x":2},"Items":[{"v":"a","at":0},{"v":"b","at":1}]},{"BatchInput":{"x":2},"Items":[{"v":"c","at":2}]}]"#
    )
  }

  @Test func whatIsNoDataset() throws {
    let run = try EngineRun(definition(#","ItemsPath":"$.i""#), #"{"i":5}"#)
    #expect(
      run.outcome == .failed(error: "States.Runtime", cause: #"Reference path "$.i" must point to array."#))
    #expect(run.history.count == 3)
  }

  /// Without buckets a reader says so, and Catch may deal with it.
  @Test func noBuckets() throws {
    let run = try EngineRun(
      definition(
        #","ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"b"}}"#))
    #expect(
      run.outcome
        == .failed(
          error: "States.ItemReaderFailed",
          cause: "The items of the state 'M' come from a bucket, and no bucket is known here."))
    #expect(run.detail(3, "length") == 0)
    #expect(run.detail(5, "error") == "States.ItemReaderFailed")
  }

  /// A selector's missing path is what the run fails with.
  @Test func selectorFails() throws {
    let run = try EngineRun(definition(#","ItemSelector":{"a.$":"$.none"}"#), "[1]")
    #expect(
      run.outcome
        == .failed(
          error: "States.Runtime",
          cause: Self.prefix
            + "The JSONPath '$.none' specified for the field 'a.$' could not be found in the input '[1]'"))
    #expect(run.history.suffix(3) == ["5←4 MapRunFailed", "6←5 MapStateFailed", "7←6 ExecutionFailed"])
  }

  @Test func resultTooLarge() throws {
    var limits = Limits.aws
    limits.payloadBytesMax = 100
    let run = try EngineRun(
      definition(#","ItemSelector":{"a":"0123456789012345678901234567890123456789"}"#), "[1,2,3]",
      limits: limits)
    #expect(
      run.outcome
        == .failed(
          error: "States.DataLimitExceeded",
          cause:
            "The state/task 'M' returned a result with a size exceeding the maximum number of bytes service limit."
        ))
  }

  @Test(arguments: [
    ("COMPACT", "JSON", #"[[1],2]"#), ("FLATTEN", "JSON", "[1,2]"), ("COMPACT", "JSONL", #""[1]\n2""#),
    ("FLATTEN", "JSONL", #""1\n2""#),
  ])
  func transformations(_ transformation: String, _ type: String, _ output: String) throws {
    let run = try EngineRun(
      definition(
        #","ResultWriter":{"WriterConfig":{"Transformation":"\#(transformation)","OutputType":"\#(type)"}}"#),
      "[[1],2]")
    #expect(run.outcome?.output?.text == output)
  }

  /// Variables of the parent are seen by the selector, and not by the child.
  @Test func variables() throws {
    let run = try EngineRun(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":5},"Next":"M"},"M":{"Type":"Map","End":true,"ItemSelector":{"x.$":"$x"},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"x":1},"End":true}}}}}}"#,
      "[1]")
    #expect(run.outcome == .succeeded([["x": 5]]))
  }

  // MARK: Where it stands

  /// In a Parallel, in an inline Map, in a child of another one.
  @Test func nested() throws {
    let inner =
      #"{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},\#(Self.pass)}}"#
    let inline =
      #"{"StartAt":"O","States":{"O":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"I","States":{"I":\#(inner)}}}}}"#
    #expect(try EngineRun(inline, "[[1,2],[3]]").outcome == .succeeded([[1, 2], [3]]))
    let parallel =
      #"{"StartAt":"O","States":{"O":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{"I":\#(inner)}},{"StartAt":"J","States":{"J":{"Type":"Pass","End":true}}}]}}}"#
    #expect(try EngineRun(parallel, "[1]").outcome == .succeeded([[1], [1]]))
    let distributed = definition("", processor: #""StartAt":"I","States":{"I":\#(inner)}"#)
    #expect(try EngineRun(distributed, "[[1,2],[3]]").outcome == .succeeded([[1, 2], [3]]))
  }

  /// A branch that fails stops the run beside it, children and all.
  @Test func stoppedByASibling() throws {
    let waiting =
      #"{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}}"#
    let run = try EngineRun(
      #"{"StartAt":"O","States":{"O":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{"I":\#(waiting)}},{"StartAt":"J","States":{"J":{"Type":"Wait","Seconds":1,"Next":"F"},"F":{"Type":"Fail","Error":"E"}}}]}}}"#,
      "[1,2]")
    #expect(run.outcome == .failed(error: "E", cause: nil))
    #expect(run.history.contains { $0.hasSuffix("MapRunAborted") })
    #expect(run.loop.executionCount == 0 && run.loop.inspect() == nil)
  }

  // MARK: Bounds

  /// However children end, no more are alive than may be, and every one is counted once.
  @Test(arguments: 1...20)
  func concurrency(_ seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed))
    let bound = Int(random.below(7)) + 1
    let count = Int(random.below(60)) + 1
    let items = (0..<count).map { _ -> JSON in
      ["seconds": JSON(Int(random.below(9))), "fail": JSON(random.below(4) == 0)]
    }
    let processor =
      #""StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.seconds","Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.fail","BooleanEquals":true,"Next":"F"}],"Default":"P"},"F":{"Type":"Fail","Error":"E"},"P":{"Type":"Pass","End":true}}"#
    let loop = ManualLoop(seed: UInt64(seed), fuel: Int(random.below(5)) + 1)
    let witness = Witness()
    // The run keeps its delegate.
    defer { witness.run = nil }
    let workflow = try loop.compile(
      Array(
        definition(#","MaxConcurrency":\#(bound),"ToleratedFailurePercentage":100"#, processor: processor)
          .utf8),
      mapRuns: witness)
    _ = try loop.start(workflow, input: JSON(items).utf8)
    var peak = 0
    while true {
      while loop.runOne() {
        #expect(loop.inspect() == nil)
        let running = witness.run?.progress.executions.running ?? 0
        peak = max(peak, running)
        #expect(running <= bound && loop.executionCount <= bound + 1)
      }
      guard let next = loop.nextDeadline else { break }
      loop.advance(to: next)
    }
    let outcome = try #require(loop.takeOutcomes().first?.outcome)
    let fine = items.filter { $0["fail"] == false }
    #expect(outcome == .succeeded(JSON(fine)))
    let progress = try #require(witness.run?.progress)
    #expect(peak <= bound)
    #expect(progress.items.succeeded == fine.count && progress.items.failed == count - fine.count)
    #expect(progress.items.total == count && progress.items.running == 0 && progress.items.pending == 0)
    #expect(progress.status == .succeeded && loop.executionCount == 0)
  }

  /// Stopped at any moment, nothing is left behind.
  @Test(arguments: 1...20)
  func stoppedAtAnyMoment(_ seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed) &+ 100)
    let processor = #""StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$","End":true}}"#
    let loop = ManualLoop(seed: UInt64(seed))
    let witness = Witness()
    // The run keeps its delegate.
    defer { witness.run = nil }
    let workflow = try loop.compile(
      Array(definition(#","MaxConcurrency":3"#, processor: processor).utf8), mapRuns: witness)
    let items = JSON((0..<20).map { _ in JSON(Int(random.below(5))) })
    let handle = try loop.start(workflow, input: items.utf8)
    var steps = Int(random.below(60))
    while steps > 0 {
      steps -= 1
      if loop.runOne() { continue }
      guard let next = loop.nextDeadline else { break }
      loop.advance(to: next)
    }
    loop.abort(handle)
    #expect(loop.executionCount == 0 && loop.inspect() == nil)
    if let progress = witness.run?.progress {
      #expect(progress.status != .running && progress.items.running == 0)
    }
  }

  private final class Witness: MapRunDelegate, @unchecked Sendable {
    // Everything is on the test's thread.
    var run: DistributedMapRun?
    let mapStorage: (any MapRunStorage)? = nil
    func mapRunBegan(_ run: DistributedMapRun) { self.run = run }
  }
}
