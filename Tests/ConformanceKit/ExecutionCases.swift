import Stepmill

// Executions that were recorded from the service, run again on a clock that is moved by hand.
//
// A case can be run when its tasks call nothing but Lambda functions, for which the case says
// how they behave. Everything else it may need (a queue, a table, another execution beside it)
// would be a service, and then the row says so.

enum ExecutionCases {
  static func run(_ row: JSON) -> CaseAnswer {
    if let why = whyNot(row) { return CaseAnswer(skipped: why) }
    if let runs = row["runs"]?.array { return several(Array(runs), of: row) }
    guard let machine = row["state_machine"], let definition = definition(machine["definition"]) else {
      return CaseAnswer(skipped: "the case has no definition")
    }
    let objects = ObjectWorld(now: { TimeText.nowMilliseconds })
    for step in row["setup"]?.array.map({ Array($0) }) ?? [] {
      guard step["service"]?.string == "s3",
        objects.call(step["op"]?.string ?? "", step["params"] ?? [:]) != nil
      else { return CaseAnswer(skipped: "needs \(step["op"]?.string ?? "a call") beforehand") }
    }
    let run = ExecutionRun(
      of: machine, definition: definition, input: row["input"] ?? .null, name: row["execution_name"]?.string,
      functions: LambdaFunctions(row["lambda"]), storage: objects.storage)
    let got = run.perform()
    if let why = run.notSupported { return CaseAnswer(skipped: why) }
    return judge(RecordingEra.adjusted(got, to: row["expect"]), row)
  }

  /// What the case needs beyond the interpreter and functions, or nil.
  private static func whyNot(_ row: JSON) -> String? {
    let services =
      (row["requires"]?.array ?? JSON([]).array)?.compactMap(\.string).filter { $0 != "lambda" && $0 != "s3" }
      ?? []
    if !services.isEmpty { return "needs \(services.joined(separator: ", "))" }
    if row["driven_by_test"] != nil { return "the recorded test intervenes while it runs" }
    if row["companion_executions"] != nil { return "needs an execution beside it" }
    var resources: Set<String> = []
    collectResources(row["state_machine"] ?? .null, &resources)
    for run in row["runs"]?.array.map({ Array($0) }) ?? [] { collectResources(run, &resources) }
    let foreign = resources.filter { !LambdaFunctions.serves($0) }.sorted()
    return foreign.isEmpty ? nil : "needs \(foreign.joined(separator: ", "))"
  }

  private static func collectResources(_ value: JSON, _ resources: inout Set<String>) {
    if let members = value.object {
      if value["Type"]?.string == "Task", let resource = value["Resource"]?.string {
        resources.insert(resource)
      }
      for member in members { collectResources(member.value, &resources) }
    } else if let elements = value.array {
      for element in elements { collectResources(element, &resources) }
    }
  }

  private static func definition(_ value: JSON?) -> [UInt8]? {
    guard let value, !value.isNull else { return nil }
    return value.string.map { Array($0.utf8) } ?? value.utf8
  }

  /// Many small executions, of which only the outcome was recorded.
  private static func several(_ runs: [JSON], of row: JSON) -> CaseAnswer {
    let machine = row["state_machine"] ?? [:]
    var outcomes: [JSON] = []
    var isOK = true
    var difference: String?
    for (index, each) in runs.enumerated() {
      guard let definition = definition(each["definition"]) ?? definition(machine["definition"]) else {
        return CaseAnswer(skipped: "run \(index + 1) has no definition")
      }
      let run = ExecutionRun(
        of: machine, definition: definition, input: each["input"] ?? .null, name: nil,
        functions: LambdaFunctions(row["lambda"]))
      var got = run.perform()
      if let why = run.notSupported { return CaseAnswer(skipped: why) }
      got["events"] = nil
      outcomes.append(got)
      var expectation = Expectation()
      if !sameOutcome(each["expect"] ?? [:], got, &expectation) {
        isOK = false
        difference = difference ?? "run \(index + 1): \(expectation.mismatch ?? "")"
      }
    }
    var answer = CaseAnswer(JSON(outcomes), isOK: isOK, difference: difference)
    answer.outcomeIsOK = isOK
    return answer
  }

  // MARK: Judging

  /// - Parameter later: Members that the recorded execution may lack.
  static func judge(_ got: JSON, _ row: JSON, later: Set<String> = []) -> CaseAnswer {
    let expect = row["expect"] ?? [:]
    var expectation = Expectation(later: later)
    let outcome = sameOutcome(expect, got, &expectation)
    var answer = CaseAnswer(got, isOK: outcome, difference: outcome ? nil : expectation.mismatch)
    answer.outcomeIsOK = outcome
    guard let events = expect["events"]?.array.map({ Array($0) }) else { return answer }
    let actual = got["events"]?.array.map { Array($0) } ?? []
    var comparison = HistoryComparison(expectation)
    let isSame: Bool
    if row["unordered_parallel_events"]?.bool == true {
      isSame = comparison.inBags(events, actual)
    } else {
      // The order may have come out as it was recorded, which needs no second look.
      var inOrder = comparison
      isSame =
        inOrder.inOrder(events, actual)
        || row["concurrent"]?.bool == true && comparison.asTrees(events, actual)
      if row["concurrent"]?.bool != true { comparison = inOrder }
    }
    if !isSame {
      answer.isOK = false
      answer.difference = answer.difference ?? comparison.difference
    }
    return answer
  }

  static func sameOutcome(_ expect: JSON, _ got: JSON, _ expectation: inout Expectation) -> Bool {
    func part(_ whole: JSON) -> JSON {
      JSON(
        members: ["status", "output", "error", "cause"].compactMap { key in
          whole[key].map { (key: key, value: $0) }
        })
    }
    return expectation.matches(part(expect), part(got))
  }
}
