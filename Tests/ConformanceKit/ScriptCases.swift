import Stepmill

// Sequences of API calls that were recorded with their answers, made again against the service.
//
// Calls of other services cannot be made here, except for the few that prepare log groups and
// functions. What a step's answer must be is compared with names bound over the whole script.

enum ScriptCases {
  static func run(_ row: JSON) -> CaseAnswer {
    let steps = row["steps"]?.array.map { Array($0) } ?? []
    if let why = whyNot(steps) { return CaseAnswer(skipped: why) }
    var script = Script()
    for (index, step) in steps.enumerated() {
      if let difference = script.perform(step, number: step["step"]?.int ?? index) {
        let name = "step \(step["step"]?.int ?? index) (\(step["op"]?.string ?? "?"))"
        return CaseAnswer(JSON(script.answers), isOK: false, difference: "\(name): \(difference)")
      }
    }
    return CaseAnswer(JSON(script.answers), isOK: true)
  }

  /// What the script needs beyond the service itself, or nil.
  private static func whyNot(_ steps: [JSON]) -> String? {
    let known: Set<String> = ["stepfunctions", "logs", "lambda", "s3"]
    let services = Set(steps.compactMap { $0["service"]?.string }).subtracting(known)
    if !services.isEmpty { return "needs \(services.sorted().joined(separator: ", "))" }
    for step in steps {
      if step["params"]?["definition"]?.string?.contains(":::aws-sdk:s3:") == true {
        return "needs tasks that call S3"
      }
    }
    return nil
  }
}

private struct Script {
  private(set) var answers: [JSON] = []
  private var byNumber: [Int: JSON] = [:]
  private let world = ServiceWorld(functions: nil)
  private var expectation = Expectation(later: LaterMembers.names)
  /// A recorded answer that never comes is given up after so many tries.
  private static let triesMax = 5_000

  /// Makes a call. Gives what is wrong with its answer, or nil.
  mutating func perform(_ step: JSON, number: Int) -> String? {
    let parameters = substituted(step["params"] ?? [:])
    let operation = step["op"]?.string ?? ""
    switch step["service"]?.string {
    case "lambda":
      world.define(parameters["FunctionName"]?.string ?? "", step["lambda"] ?? [:])
      byNumber[number] = [
        "FunctionArn": JSON(
          "arn:aws:lambda:us-east-1:123456789012:function:\(parameters["FunctionName"]?.string ?? "")")
      ]
      return nil
    case "s3":
      byNumber[number] = world.objects.call(operation, parameters)
      return byNumber[number] == nil ? "S3 has no such call here" : nil
    case "logs":
      var answer = world.callLogs(operation, parameters)
      while step["poll"] != nil, answer?["logStreams"]?.count == 0, world.step() {
        answer = world.callLogs(operation, parameters)
      }
      byNumber[number] = answer
      return answer == nil ? "the log service has no such call here" : nil
    default:
      return call(step, operation, parameters, number)
    }
  }

  private mutating func call(_ step: JSON, _ operation: String, _ parameters: JSON, _ number: Int) -> String?
  {
    var difference: String?
    for _ in 0..<(step["poll"] == nil ? 1 : Self.triesMax) {
      guard let answer = world.call(operation, parameters) else { return "there was no answer" }
      byNumber[number] = answer.body
      difference = judge(step, answer)
      if step["poll"] == nil || difference == nil && step["expect"] != nil { break }
      // Without an answer to look for: until everything has come to rest.
      guard world.step() else {
        if let last = world.call(operation, parameters) {
          byNumber[number] = last.body
          difference = judge(step, last)
        }
        break
      }
    }
    answers.append(byNumber[number] ?? .null)
    return difference
  }

  private mutating func judge(_ step: JSON, _ answer: ServiceWorld.Answer) -> String? {
    if let error = step["expect_error"] {
      guard answer.status != 200 else { return "expected \(error.text), got \(answer.body.text)" }
      let got: JSON = [
        "Code": JSON(answer.errorCode), "Message": answer.errorMessage.map { JSON($0) } ?? .null,
      ]
      // Some recorded texts are not the service's own; that it refuses, and as what, holds all the same.
      let isForeign = error["Message"]?.string?.hasPrefix("Error=ValueError Args=") == true
      let wanted: JSON = [
        "Code": error["Code"] ?? .null, "Message": isForeign ? "${*}" : error["Message"] ?? "${*}",
      ]
      return expectation.matches(wanted, got) ? nil : expectation.mismatch
    }
    guard answer.status == 200 else {
      return step["may_fail"]?.bool == true ? nil : "got the error \(answer.body.text)"
    }
    guard let wanted = step["expect"] else { return nil }
    let shown = Self.sorted(Self.withoutTimes(answer.body))
    return expectation.matches(Self.sorted(wanted), shown) ? nil : expectation.mismatch
  }

  /// The lists of variables are sets.
  private static func sorted(_ answer: JSON) -> JSON {
    guard let references = answer["variableReferences"]?.object else { return answer }
    var answer = answer
    answer["variableReferences"] = JSON(
      members: references.map { member in
        let names = (member.value.array?.compactMap(\.string) ?? []).sorted()
        return (key: member.key, value: JSON(names.map { JSON($0) }))
      })
    return answer
  }

  /// Events without their times, which the recordings have lost.
  private static func withoutTimes(_ answer: JSON) -> JSON {
    guard let events = answer["events"]?.array else { return answer }
    var answer = answer
    answer["events"] = JSON(
      events.map { event in
        JSON(members: (event.object.map { Array($0) } ?? []).filter { $0.key != "timestamp" })
      })
    return answer
  }

  // MARK: Values of earlier answers

  /// Replaces `${step3.executionArn}` by that member of the answer to step 3.
  private func substituted(_ value: JSON) -> JSON {
    if let text = value.string { return text.contains("${step") ? JSON(filled(text)) : value }
    if let elements = value.array { return JSON(elements.map(substituted)) }
    if let members = value.object {
      return JSON(members: members.map { (key: $0.key, value: substituted($0.value)) })
    }
    return value
  }

  private func filled(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "${step"),
      let end = rest[start.upperBound...].firstIndex(of: "}")
    {
      result += rest[..<start.lowerBound]
      result += looked(up: rest[start.upperBound..<end]) ?? String(rest[start.lowerBound...end])
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  /// `3.executionArn`, `3.events[0].message|json.x`
  private func looked(up path: Substring) -> String? {
    let halves = path.split(separator: "|", maxSplits: 1)
    guard let first = halves.first else { return nil }
    let parts = first.split(separator: ".", maxSplits: 1)
    guard let number = parts.first.flatMap({ Int($0) }), var value = byNumber[number] else { return nil }
    if parts.count > 1 {
      guard let found = walk(value, parts[1]) else { return nil }
      value = found
    }
    if halves.count > 1 {
      guard let inner = value.string.flatMap({ try? JSON(parsing: $0) }),
        let found = walk(inner, halves[1].drop { $0 != "." }.dropFirst())
      else { return nil }
      value = found
    }
    return value.string ?? value.text
  }

  private func walk(_ value: JSON, _ path: Substring) -> JSON? {
    var value = value
    for step in path.split(whereSeparator: { ".[]".contains($0) }) {
      guard let next = Int(step).flatMap({ value[$0] }) ?? value[String(step)] else { return nil }
      value = next
    }
    return value
  }
}

/// Members that the service's answers have had only since some of the cases were recorded. A
/// case that was recorded before does not expect them.
enum LaterMembers {
  static let names: Set<String> = [
    "encryptionConfiguration", "redriveCount", "redriveStatus", "redriveStatusReason", "variableReferences",
    "failuresNotRedrivable", "pendingRedrive", "RedriveCount", "RedriveStatus", "RedriveStatusReason",
    "OutputDetails",
  ]
}
