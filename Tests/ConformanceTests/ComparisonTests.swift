import Stepmill
import Testing

@testable import ConformanceKit

/// Proves that the comparison sees what differs and forgives what may.
@Suite struct ComparisonTests {
  private func matches(_ expected: JSON, _ actual: JSON) -> Bool {
    var expectation = Expectation()
    return expectation.matches(expected, actual)
  }

  /// Both sides as JSON text.
  @Test(arguments: [
    (#""${*}""#, "[1,2]", true), (#""${*}""#, "null", true), (#"{"a":"${*}"}"#, #"{"a":1}"#, true),
    (#"{"a":"${*}"}"#, "{}", false), (#""x ${*} z""#, #""x y z""#, true), (#""x ${*} z""#, #""x y""#, false),
    (#""${*}-${*}""#, #""a-b-c""#, true), (#""a${*}""#, #""b""#, false),
    (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#, true), ("[1,2]", "[2,1]", false), ("[1]", "[1,2]", false),
    (#"{"a":1}"#, #"{"a":1,"b":2}"#, false), ("1", "1.0", true), ("1", #""1""#, true),
    (#"{"a":1}"#, #""{\"a\":1}""#, true), (#"{"a":1}"#, #""{\"a\":2}""#, false), (#""1""#, "1", false),
    (#""{\"a\":[1, 2]}""#, #""{\"a\":[1,2]}""#, true), (#""{\"a\":\"${*}\"}""#, #""{\"a\": \"b\"}""#, true),
    (#""x""#, #""y""#, false), (#"{"SdkHttpMetadata":{"x":1},"a":1}"#, #"{"a":1}"#, true),
    (#"{"a":1}"#, #"{"SdkResponseMetadata":1,"a":1}"#, true), ("true", "false", false),
    ("null", #""null""#, true), ("null", "false", false),
  ])
  func values(expected: String, actual: String, isSame: Bool) throws {
    #expect(matches(try JSON(parsing: expected), try JSON(parsing: actual)) == isSame)
  }

  @Test func namesAreTheSameTextEverywhere() {
    #expect(matches(["a": "${n}", "b": "x${n}y"], ["a": "1", "b": "x1y"]))
    #expect(!matches(["a": "${n}", "b": "x${n}y"], ["a": "1", "b": "x2y"]))
    #expect(matches(["a": "${n}", "b": "${m}"], ["a": "1", "b": "2"]))
    #expect(matches("arn:${n}:${m}", "arn:a:b:c"))
  }

  // MARK: Histories

  private func event(_ id: Int, _ previous: Int, _ type: String, _ name: String = "") -> JSON {
    ["id": JSON(id), "previousEventId": JSON(previous), "type": JSON(type), "name": JSON(name)]
  }

  private func history(_ events: [(Int, Int, String, String)]) -> [JSON] {
    events.map { event($0.0, $0.1, $0.2, $0.3) }
  }

  private let oneAfterTheOther: [(Int, Int, String, String)] = [
    (1, 0, "ExecutionStarted", ""), (2, 0, "ParallelStateEntered", "P"), (3, 2, "ParallelStateStarted", ""),
    (4, 3, "PassStateEntered", "A"), (5, 4, "PassStateExited", "A"), (6, 3, "PassStateEntered", "B"),
    (7, 6, "PassStateExited", "B"), (8, 7, "ParallelStateSucceeded", ""), (9, 7, "ParallelStateExited", "P"),
    (10, 9, "ExecutionSucceeded", ""),
  ]
  private let sideBySide: [(Int, Int, String, String)] = [
    (1, 0, "ExecutionStarted", ""), (2, 0, "ParallelStateEntered", "P"), (3, 2, "ParallelStateStarted", ""),
    (4, 3, "PassStateEntered", "A"), (5, 3, "PassStateEntered", "B"), (6, 5, "PassStateExited", "B"),
    (7, 4, "PassStateExited", "A"), (8, 7, "ParallelStateSucceeded", ""), (9, 7, "ParallelStateExited", "P"),
    (10, 9, "ExecutionSucceeded", ""),
  ]

  @Test func interleavings() {
    let left = history(oneAfterTheOther)
    let right = history(sideBySide)
    var comparison = HistoryComparison(Expectation())
    do {
      let isSame = comparison.inOrder(left, right)
      #expect(!isSame)
    }
    do {
      let isSame = comparison.asTrees(left, right)
      #expect(isSame)
    }
    do {
      let isSame = comparison.asTrees(right, left)
      #expect(isSame)
    }
  }

  @Test func treesThatDiffer() {
    let left = history(oneAfterTheOther)
    // B's exit hangs on A's entry.
    var wrongLink = sideBySide
    wrongLink[5].1 = 4
    wrongLink[6].1 = 5
    // An iteration's name is another one.
    var wrongName = sideBySide
    wrongName[4].3 = "C"
    wrongName[5].3 = "C"
    // The end follows from the Parallel's entry.
    var wrongEnd = sideBySide
    wrongEnd[9].1 = 2
    for wrong in [wrongLink, wrongName, wrongEnd, sideBySide.dropLast()] {
      var comparison = HistoryComparison(Expectation())
      do {
        let isSame = comparison.asTrees(left, history(Array(wrong)))
        #expect(!isSame)
      }
      #expect(comparison.difference != nil)
    }
  }

  @Test func bags() {
    var expected = history(oneAfterTheOther)
    expected.remove(at: 7)
    for index in 3...6 {
      expected[index]["id"] = nil
      expected[index]["previousEventId"] = nil
    }
    var comparison = HistoryComparison(Expectation())
    do {
      let isSame = comparison.inBags(expected, history(sideBySide))
      #expect(isSame)
    }
    do {
      let isSame = comparison.inBags(expected, history(oneAfterTheOther))
      #expect(isSame)
    }
    var wrong = sideBySide
    wrong[4].3 = "A"
    do {
      let isSame = comparison.inBags(expected, history(wrong))
      #expect(!isSame)
    }
  }

  // MARK: Functions

  @Test func functions() {
    let functions = LambdaFunctions([
      "f": ["behaviour": "echo"], "bad": ["behaviour": "raise", "payload": ["x": 1]],
    ])
    let invoke = "arn:aws:states:::lambda:invoke"
    for name in [
      "f", "f:1", "123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f:live",
    ] {
      let answer = functions.answer(invoke, ["FunctionName": JSON(name), "Payload": [1]])
      let payload = (try? answer.result.get())?["Payload"]
      #expect(payload == [1])
    }
    guard
      case .failure(let missing) = functions.answer(invoke, ["FunctionName": "g", "Qualifier": "7"]).result,
      case .failure(let unknown) = functions.answer(invoke, ["FunctionName": "bad"]).result
    else {
      Issue.record("both calls fail")
      return
    }
    #expect(missing.error == "Lambda.ResourceNotFoundException")
    #expect(
      missing.cause?.hasPrefix("Function not found: arn:aws:lambda:us-east-1:123456789012:function:g:7 (")
        == true)
    #expect(unknown.error == "Lambda.Unknown")
    #expect(unknown.cause?.hasSuffix(#"Returned payload: {"x":1}"#) == true)
  }

  // MARK: The tool

  @Test func misuse() {
    for arguments in [
      [], ["json"], ["nothing", "x"], ["json", "/nowhere", "--out", "-"], ["json", "x", "--what"],
    ] {
      #expect(CommandLineTool(arguments: arguments).run() == 1)
    }
    #expect(CommandLineTool(arguments: ["--help"]).run() == 0)
  }
}
