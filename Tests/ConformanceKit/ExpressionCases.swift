import Stepmill
import Synchronization

/// JSONata expressions and what the reference implementation gives.
enum ExpressionCases {
  static func run(_ row: JSON) -> CaseAnswer {
    guard let expression = row["expr"], expression.kind == .string, let expected = row["expected"] else {
      return CaseAnswer(skipped: "the case has no \"expr\" or no \"expected\"")
    }
    let applies = row["sfn"]?.string ?? "yes"
    if applies == "no" { return CaseAnswer(skipped: "Step Functions does not have what this is about") }
    var input = row["data"]
    if let name = row["dataset"]?.string {
      do {
        input = try Datasets.named(name)
      } catch {
        return CaseAnswer(skipped: "\(error)")
      }
    }
    var variables: [String: JSON] = [:]
    for member in row["bindings"]?.object.map(Array.init) ?? [] { variables[member.key] = member.value }
    let answer = JSONataAnswer.evaluate(
      expression, on: input, variables: variables, laterOperators: applies == "newer")
    var wanted = [expected]
    // Where the documented version misbehaved, either behaviour is right.
    if applies == "bugfix", let other = row["outcome_2_0_6"] { wanted.append(other) }
    let isOK = wanted.contains { agrees(answer, $0, row) }
    return CaseAnswer(got(answer), isOK: isOK)
  }

  private static func got(_ answer: JSONataAnswer) -> JSON {
    func error(_ failure: JSONataAnswer.Failure, _ phase: String) -> JSON {
      var result: JSON = ["code": JSON(failure.code), "phase": JSON(phase), "message": JSON(failure.message)]
      if let token = failure.token { result["token"] = JSON(token) }
      if let position = failure.position { result["position"] = JSON(position) }
      return result
    }
    switch answer {
    case .value(let value): return ["result": value]
    case .undefined: return ["undefinedResult": true]
    case .function: return ["function": true]
    case .syntaxError(let failure): return error(failure, "compile")
    case .failure(let failure): return error(failure, "evaluate")
    }
  }

  private static func agrees(_ answer: JSONataAnswer, _ expected: JSON, _ row: JSON) -> Bool {
    switch answer {
    case .value(let value):
      guard let wanted = expected["result"] else { return false }
      if row["unordered"]?.bool == true, let left = value.array, let right = wanted.array {
        return sameMembers(Array(left), Array(right))
      }
      return value == wanted
    case .undefined: return expected["undefinedResult"]?.bool == true
    case .function: return false
    case .syntaxError(let failure): return agrees(failure, "compile", expected, row)
    case .failure(let failure): return agrees(failure, "evaluate", expected, row)
    }
  }

  private static func sameMembers(_ left: [JSON], _ right: [JSON]) -> Bool {
    guard left.count == right.count else { return false }
    var rest = right
    for value in left {
      guard let index = rest.firstIndex(of: value) else { return false }
      rest.remove(at: index)
    }
    return true
  }

  private static func agrees(
    _ failure: JSONataAnswer.Failure, _ phase: String, _ expected: JSON, _ row: JSON
  ) -> Bool {
    let details = expected["error"]
    guard let code = (details?["code"] ?? expected["code"])?.string, code == failure.code else {
      return false
    }
    if let wanted = row["phase"]?.string, wanted != phase { return false }
    if phase == "compile", let token = (expected["token"] ?? details?["token"])?.string,
      token != failure.token
    {
      return false
    }
    if let position = details?["position"]?.int, position != failure.position { return false }
    if let message = details?["message"]?.string, message != failure.message { return false }
    return true
  }
}

/// The named inputs, beside the cases, each read once.
private enum Datasets {
  private static let known = Mutex<[String: JSON]>([:])

  static func named(_ name: String) throws -> JSON {
    if let found = known.withLock({ $0[name] }) { return found }
    let bytes = try CaseFile.read(ConformanceData.directory + "/jsonata/datasets/\(name).json")
    let value = try JSON(parsing: bytes)
    known.withLock { $0[name] = value }
    return value
  }
}
