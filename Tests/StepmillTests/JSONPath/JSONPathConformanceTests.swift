import Testing

@testable import Stepmill

/// Measures the evaluator against recorded answers of the library. Where the library's
/// releases differ, the answer of either counts.
@Suite struct JSONPathConformanceTests {
  /// What evaluating a path came to, in the terms of the recorded cases.
  enum Outcome: CustomStringConvertible {
    case result(String)
    case syntaxError(String)
    case notFound(String)
    case failure(String)

    var description: String {
      switch self {
      case .result(let text): text
      case .syntaxError(let text): "syntax error: \(text)"
      case .notFound(let text): "not found: \(text)"
      case .failure(let text): "failure: \(text)"
      }
    }
  }

  static func outcome(
    _ path: String, _ document: Value, _ options: PathOptions, _ json: TestJSON
  ) -> Outcome {
    let parsed: JSONPath
    do {
      parsed = try JSONPath.parse(path, dialect: .library)
    } catch {
      return .syntaxError(error.description)
    }
    switch parsed.evaluate(document, in: json.arena, options: options) {
    case .found(let value): return .result(TestJSON.write(value))
    case .missing(let miss): return .notFound(parsed.missText(miss))
    case .failure(let failure): return .failure(parsed.failureText(failure))
    }
  }

  static func options(_ list: Value) -> PathOptions {
    var options = PathOptions.library
    guard list.isArray else { return options }
    for name in list.elements.map(\.text) {
      switch name {
      case "DEFAULT_PATH_LEAF_TO_NULL": options.insert(.leafToNull)
      case "ALWAYS_RETURN_LIST": options.insert(.alwaysList)
      case "AS_PATH_LIST": options.insert(.locations)
      case "REQUIRE_PROPERTIES": options.insert(.requireProperties)
      case "SUPPRESS_EXCEPTIONS": options.insert(.suppressErrors)
      default: Issue.record("unknown option \(name)")
      }
    }
    return options
  }

  /// Whether an outcome agrees with one recorded answer.
  static func agrees(_ outcome: Outcome, _ answer: Value, anyError: Bool) -> Bool {
    guard !answer.isMissing else { return false }
    let result = answer.member(named: "result")
    if case .result(let text) = outcome { return !result.isMissing && text == TestJSON.write(result) }
    guard result.isMissing else { return false }
    if anyError { return true }
    switch (answer.member(named: "exception").text, outcome) {
    case ("PathNotFoundException", .notFound): return true
    case ("PathNotFoundException", _): return false
    case ("InvalidPathException", .notFound): return false
    case ("InvalidPathException", .syntaxError): return answer.member(named: "phase").text == "compile"
    case ("InvalidPathException", .failure): return answer.member(named: "phase").text == "evaluate"
    default: return true
    }
  }

  @Test(.enabled(if: ConformanceData.exists("jsonpath/jayway.jsonl")))
  func libraryAnswers() throws {
    var failing: [String] = []
    var count = 0
    for line in try ConformanceData.lines("jsonpath/jayway.jsonl") {
      let json = TestJSON()
      let test = json.parse(line)
      count += 1
      let path = test.member(named: "path").text
      let outcome = Self.outcome(
        path, test.member(named: "document"), Self.options(test.member(named: "options")), json)
      let anyError =
        test.member(named: "quirk").tag == .true
        || test.member(named: "versions").text == "same-outcome-other-exception"
      if Self.agrees(outcome, test.member(named: "expected"), anyError: anyError) { continue }
      if Self.agrees(outcome, test.member(named: "expected_2_0_0"), anyError: anyError) { continue }
      let expected = TestJSON.write(test.member(named: "expected"))
      failing.append("\(test.member(named: "id").text) \(path)\n    got \(outcome)\n    expected \(expected)")
    }
    print("JSONPath: \(count - failing.count) of \(count) recorded library answers")
    for text in failing { print("  " + text) }
    #expect(count > 0)
    #expect(Double(failing.count) <= 0.02 * Double(count), "\(failing.count) of \(count) differ")
  }

  /// The RFC 9535 set, where at least one release of the library is known to agree with it.
  @Test(.enabled(if: ConformanceData.exists("jsonpath/rfc9535.jsonl")))
  func standardAnswersWhereTheLibraryAgrees() throws {
    var failing: [String] = []
    var count = 0
    for line in try ConformanceData.lines("jsonpath/rfc9535.jsonl") {
      let json = TestJSON()
      let test = json.parse(line)
      let agreement = test.member(named: "jayway")
      guard agreement.members.contains(where: { $0.value.member(named: "agrees").tag == .true }) else { continue }
      count += 1
      let path = test.member(named: "selector").text
      let outcome = Self.outcome(path, test.member(named: "document"), .library, json)
      if test.member(named: "invalid").tag == .true {
        if case .syntaxError = outcome { continue }
      } else {
        var wanted = test.member(named: "results").elements.map { TestJSON.write($0) }
        if !test.member(named: "result").isMissing { wanted.append(TestJSON.write(test.member(named: "result"))) }
        switch outcome {
        case .result(let text):
          if wanted.contains(text) || wanted.contains("[\(text)]") { continue }
        case .notFound where wanted.contains("[]"): continue
        default: break
        }
      }
      failing.append("\(test.member(named: "id").text) \(path) got \(outcome) \(TestJSON.write(agreement))")
    }
    print("JSONPath: \(count - failing.count) of \(count) standard answers")
    for text in failing { print("  " + text) }
    #expect(count > 0)
    #expect(Double(failing.count) <= 0.1 * Double(count), "\(failing.count) of \(count) differ")
  }
}
