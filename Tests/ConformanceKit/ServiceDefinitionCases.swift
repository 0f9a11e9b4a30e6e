import Stepmill

// What the service said of definitions: the steps of recorded API scripts that validate,
// create or update a state machine, played through the checks alone. Nothing is created.

enum ServiceDefinitionCases {
  static func run(_ row: JSON) -> CaseAnswer {
    let steps = (row["steps"]?.array).map(Array.init) ?? []
    let isExpress = steps.contains { $0["params"]?["type"]?.string == "EXPRESS" }
    var answers: [JSON] = []
    var difference: String?
    for step in steps {
      guard let text = step["params"]?["definition"]?.string, let op = step["op"]?.string,
        operations.contains(op)
      else { continue }
      let definition = Array(resolved(text).utf8)
      // An update keeps the type that its machine was made with.
      let type = step["params"]?["type"]?.string ?? (isExpress ? "EXPRESS" : "STANDARD")
      let answer =
        op == "ValidateStateMachineDefinition"
        ? validation(step, definition, type) : creation(step, definition, type)
      answers.append(answer.got)
      difference = difference ?? answer.difference
    }
    if answers.isEmpty { return CaseAnswer(skipped: "no step of the script is about a definition") }
    return CaseAnswer(JSON(answers), isOK: difference == nil, difference: difference)
  }

  private static let operations = [
    "ValidateStateMachineDefinition", "CreateStateMachine", "UpdateStateMachine",
  ]

  private struct Answer {
    var got: JSON
    var difference: String?
  }

  /// ARNs of earlier steps stand in some definitions.
  private static func resolved(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "$") {
      result += rest[..<open]
      rest = rest[open...]
      guard rest.hasPrefix("${step"), let close = rest.firstIndex(of: "}") else {
        result += String(rest.removeFirst())
        continue
      }
      let kind = rest[..<close].contains("activity") ? "activity" : "stateMachine"
      result += "arn:aws:states:us-east-1:123456789012:\(kind):made"
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }

  private static func validation(_ step: JSON, _ definition: [UInt8], _ type: String) -> Answer {
    let check = DefinitionCheck.serviceView(
      definition, type: StateMachineType(rawValue: type) ?? .standard,
      severity: step["params"]?["severity"]?.string == "WARNING" ? .warning : .error,
      maximum: step["params"]?["maxResults"]?.int ?? 0)
    let diagnostics = check.diagnostics.map { diagnostic -> JSON in
      var members: [(key: String, value: JSON)] = [
        ("code", JSON(diagnostic.code)), ("message", JSON(diagnostic.message)),
        ("severity", JSON(diagnostic.severity == .error ? "ERROR" : "WARNING")),
      ]
      if let location = diagnostic.location { members.insert(("location", JSON(location)), at: 1) }
      return JSON(members: members)
    }
    let got = JSON(members: [
      ("diagnostics", JSON(diagnostics)), ("result", JSON(check.isValid ? "OK" : "FAIL")),
      ("truncated", JSON(check.isTruncated)),
    ])
    guard let expected = step["expect"], expected != got else { return Answer(got: got) }
    return Answer(got: got, difference: "expected \(expected.text), got \(got.text)")
  }

  private static func creation(_ step: JSON, _ definition: [UInt8], _ type: String) -> Answer {
    let check = DefinitionCheck.serviceView(
      definition, type: StateMachineType(rawValue: type) ?? .standard)
    let got = check.invalidDefinitionMessage.map { JSON($0) } ?? .null
    guard let expected = step["expect_error"], expected["Code"]?.string == "InvalidDefinition" else {
      // Other errors are about other parameters.
      let isFine = check.isValid || step["expect_error"] != nil
      return Answer(got: got, difference: isFine ? nil : "expected no error, got \(got.text)")
    }
    let message = expected["Message"]?.string ?? ""
    // Some recorded messages are not the service's; that the definition is refused holds all the same.
    if message.hasPrefix("Invalid State Machine Definition") ? got.string == message : !got.isNull {
      return Answer(got: got)
    }
    return Answer(got: got, difference: "expected \(message), got \(got.text)")
  }
}
