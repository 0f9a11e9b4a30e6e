// Family J in states: the same workflow in both query languages, run by the engine. Many states of
// a kind per execution, so that reading the input and writing the output hardly count.

import Stepmill
import Synchronization

func queryStateBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [
    Benchmark(
      "J-state-condition", "a Choice of three comparisons in JSONata; by hand: the same in JSONPath",
      units: [.nanosecondsPerItem],
      contestants: [
        states(.stepmill, "JSONata Condition", choices(isJSONata: true)),
        states(.handwritten, "JSONPath Choice Rule", choices(isJSONata: false)),
      ]),
    Benchmark(
      "J-state-output", "a Pass that makes eight fields of 1 KB in JSONata; by hand: the same in JSONPath",
      units: [.nanosecondsPerItem],
      contestants: [
        states(.stepmill, "JSONata Output", shapes(isJSONata: true)),
        states(.handwritten, "JSONPath Parameters", shapes(isJSONata: false)),
      ]),
  ]
}

private let stateCount = 64

/// One Choice after the other, all of which are taken.
private func choices(isJSONata: Bool) -> JSON {
  let rule: JSON =
    isJSONata
    ? ["Condition": JSON("{% \(QueryWorkload.condition) %}")]
    : [
      "And": [
        ["Variable": "$.order.total", "NumericGreaterThan": 100],
        ["Variable": "$.order.customer.tier", "StringEquals": "gold"],
        ["Variable": "$.order.channel", "StringEquals": "web"],
      ]
    ]
  var states: [(key: String, value: JSON)] = (0..<stateCount).map { index in
    var taken = rule
    taken["Next"] = JSON("S\(index + 1)")
    return ("S\(index)", ["Type": "Choice", "Choices": [taken], "Default": "Never"])
  }
  states.append(("S\(stateCount)", ["Type": "Succeed"]))
  states.append(("Never", ["Type": "Fail"]))
  return machine("S0", states, isJSONata: isJSONata)
}

/// Branches that each shape the input; what they make is dropped.
private func shapes(isJSONata: Bool) -> JSON {
  var shape: JSON = ["Type": "Pass", "End": true]
  if isJSONata {
    let members = QueryWorkload.fields.map { (key: $0.0, value: JSON("{% $states.input.\($0.1) %}")) }
    shape["Output"] = JSON(members: members)
  } else {
    let members = QueryWorkload.fields.map { (key: $0.0 + ".$", value: JSON("$.\($0.1)")) }
    shape["Parameters"] = JSON(members: members)
  }
  let branches = (0..<stateCount).map { index in
    JSON(members: [
      (key: "StartAt", value: JSON("B\(index)")), ("States", JSON(members: [("B\(index)", shape)])),
    ])
  }
  var parallel: JSON = ["Type": "Parallel", "Branches": JSON(branches), "End": true]
  if isJSONata { parallel["Output"] = "{% $states.input %}" } else { parallel["ResultPath"] = .null }
  return machine("All", [("All", parallel)], isJSONata: isJSONata)
}

private func machine(
  _ start: String, _ states: [(key: String, value: JSON)], isJSONata: Bool
) -> JSON {
  [
    "QueryLanguage": isJSONata ? "JSONata" : "JSONPath", "StartAt": JSON(start),
    "States": JSON(members: states),
  ]
}

/// A definition, compiled when it first runs.
private final class States: Sendable {
  private let definition: JSON
  private let workflow = Mutex<Workflow?>(nil)
  let output = Mutex<[UInt8]>([])

  init(_ definition: JSON) { self.definition = definition }

  func compiled() throws -> Workflow {
    try workflow.withLock { workflow in
      if let workflow { return workflow }
      var configuration = Runtime.Configuration()
      configuration.loops = 0
      let made = try Runtime(configuration).workflow(utf8: definition.utf8)
      workflow = made
      return made
    }
  }
}

private func states(_ role: Contestant.Role, _ detail: String, _ definition: JSON) -> Contestant {
  let states = States(definition)
  let input = parsed(QueryWorkload.order).utf8
  return Contestant(
    role, detail,
    run: { times in
      let workflow = try states.compiled()
      var output: [UInt8] = []
      let executions = max(1, times / stateCount)
      try unsafe input.withUnsafeBytes { input in
        for _ in 0..<executions {
          if let failure = try unsafe workflow.runInPlace(utf8: input, into: &output) {
            throw BenchmarkError.failed("an execution ended \(failure)")
          }
        }
      }
      let text = output
      states.output.withLock { $0 = text }
      return Tally(executions: executions * stateCount, transitions: executions * stateCount)
    },
    output: { states.output.withLock { $0 } })
}
