import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves the language against the reference's own cases: all that apply to the service.
@Suite struct JSONataConformanceTests {
  private struct Failure: Sendable {
    var id: String
    var text: String
  }

  private struct Report: Sendable {
    var passed = 0
    var failures: [Failure] = []
  }

  @Test(.enabled(if: ConformanceData.exists("jsonata/cases.jsonl"), "the conformance data is missing"))
  func cases() {
    let report = withLargeStack { Self.runAll() }
    for failure in report.failures { print("jsonata \(failure.id): \(failure.text)") }
    let total = report.passed + report.failures.count
    print("jsonata: \(report.passed) of \(total) cases")
    #expect(report.failures.isEmpty)
    #expect(total > 900)
  }

  private static func runAll() -> Report {
    var report = Report()
    let only = getenv("STEPMILL_CASE").map { String(cString: $0) }
    for line in ConformanceData.lines("jsonata/cases.jsonl") {
      let bench = JSONataBench()
      let item = bench.parse(line)
      let id = item.member(named: "id").text
      let applies = item.member(named: "sfn").text
      if applies == "no" || only != nil && only != id { continue }
      if let problem = run(item, bench) {
        let expression = item.member(named: "expr").text
        report.failures.append(Failure(id: id, text: "\(expression)\n    \(problem)"))
      } else {
        report.passed += 1
      }
    }
    return report
  }

  /// Nil if the case came out as it should.
  private static func run(_ item: Value, _ bench: JSONataBench) -> String? {
    bench.options.stepFunctions = false
    bench.options.laterOperators = item.member(named: "sfn").sameText("newer")
    bench.environment.limits = .generous
    var input = item.member(named: "data")
    let dataset = item.member(named: "dataset")
    if dataset.isString {
      input = bench.parse(ConformanceData.bytes("jsonata/datasets/\(dataset.text).json"))
    }
    var variables: [String: Value] = [:]
    let bindings = item.member(named: "bindings")
    for member in bindings.isObject ? Array(bindings.members) : [] {
      variables[member.key.text] = member.value
    }
    let outcome: JSONataOutcome
    var result = Value.missing
    var phase = "compile"
    do {
      let program = try JSONataProgram.compile(item.member(named: "expr").bytes, options: bench.options)
      phase = "evaluate"
      let evaluated = bench.evaluate(program, input: input, variables: variables)
      if case .value(let value) = evaluated { result = value }
      outcome = bench.outcome(evaluated)
    } catch {
      outcome = .failed(error)
    }
    let expected = item.member(named: "expected")
    let problem = compare(item, expected, outcome, result, phase)
    let other = item.member(named: "outcome_2_0_6")
    if problem != nil, item.member(named: "sfn").sameText("bugfix"), other.isObject {
      // Either the faulty or the mended behaviour is right; a crash is nobody's.
      return compare(item, other, outcome, result, phase) == nil ? nil : problem
    }
    return problem
  }

  private static func compare(
    _ item: Value, _ expected: Value, _ outcome: JSONataOutcome, _ result: Value, _ phase: String
  ) -> String? {
    let wanted = expected.member(named: "result")
    if !wanted.isMissing {
      if item.member(named: "unordered").kind == .true, wanted.isArray, result.isArray {
        let same =
          wanted.elements.map(JSONataBench.print).sorted() == result.elements.map(JSONataBench.print).sorted()
        return same ? nil : "\(outcome) for \(JSONataBench.print(wanted))"
      }
      if case .value(let text) = outcome, text == JSONataBench.print(wanted) { return nil }
      return "\(outcome) for \(JSONataBench.print(wanted))"
    }
    if expected.member(named: "undefinedResult").kind == .true {
      return outcome == .undefined ? nil : "\(outcome) for undefined"
    }
    var code = expected.member(named: "code")
    let details = expected.member(named: "error")
    if details.isObject { code = details.member(named: "code") }
    guard case .failed(let error) = outcome else { return "\(outcome) for error \(code.text)" }
    if error.code.name != code.text { return "\(outcome) for error \(code.text)" }
    let token =
      expected.member(named: "token").isString
      ? expected.member(named: "token") : details.member(named: "token")
    let wantedPhase = item.member(named: "phase")
    if wantedPhase.isString && wantedPhase.text != phase { return "\(outcome) raised in phase \(phase)" }
    if token.isString && phase == "compile" && error.token != token.text {
      return "\(outcome) for token \(token.text)"
    }
    for name in ["position", "message"] where details.isObject {
      let wanted = details.members.first { $0.key.text == name }?.value ?? .missing
      if wanted.isNumber && name == "position" && error.position != Int(wanted.number) {
        return "\(outcome) at \(error.position ?? -1) for \(wanted.number)"
      }
      if wanted.isString && name == "message" && error.message != wanted.text {
        return "\(outcome) for \(wanted.text)"
      }
    }
    return nil
  }
}
