import Stepmill
import StepmillServer
import StepmillStore
import Testing

/// The store on disk answers as the one in memory does, whatever is asked in whatever order, and
/// after it was closed and opened again. Contents leave memory at once, so that every answer
/// about what is over comes from the disk.
@Suite struct DifferentialTests {
  @Test(arguments: 1...6)
  func sameAnswers(seed: UInt64) throws {
    var retention = Retention()
    retention.executionsMax = 40
    let place = Place()
    var disk = try place.open(retention, recentBytesMax: seed.isMultiple(of: 2) ? 0 : 20_000)
    let memory = MemoryStore(retention: retention)
    var (left, right) = (Bench(memory), Bench(disk))
    var random = Random(state: seed)
    var executions: [String] = []
    for step in 0..<250 {
      let (operation, parameters) = random.request(&executions)
      let (one, other) = (answer(left, operation, parameters), answer(right, operation, parameters))
      #expect(one == other, "step \(step) of seed \(seed): \(operation) \(parameters)")
      if random.below(10) == 0 {
        for bench in [left, right] { bench.host.advance(by: 7_000) }
      }
      guard step % 80 == 79 else { continue }
      // Executions do not survive: end them on both sides first.
      for bench in [left, right] { bench.host.advance(by: 120_000) }
      try compareAll(left, right, executions)
      try disk.close()
      disk = try place.open(retention)
      let now = left.host.wallMilliseconds
      (left, right) = (Bench(memory, at: now, seed: seed + 9), Bench(disk, at: now, seed: seed + 9))
      try compareAll(left, right, executions)
    }
    try disk.close()
  }

  /// An answer. Where a listing goes on is a number that need not be the same: it follows each.
  private func answer(_ bench: Bench, _ operation: String, _ parameters: JSON) -> String {
    var (status, body) = bench.call(operation, parameters)
    var pages = "\(status) \(body.text)"
    while let token = body["nextToken"], operation.hasPrefix("List") {
      pages = pages.replacing(token.text, with: "")
      var next = parameters
      next["nextToken"] = token
      (status, body) = bench.call(operation, next)
      pages += "\n\(status) \(body.text)"
    }
    return pages
  }

  /// Everything that can be read.
  private func compareAll(_ left: Bench, _ right: Bench, _ executions: [String]) throws {
    var questions: [(String, JSON)] = [("ListStateMachines", [:]), ("ListActivities", [:])]
    for name in Random.machines {
      let arn = JSON(Bench.machine(name))
      questions += [
        ("DescribeStateMachine", ["stateMachineArn": arn]), ("ListTagsForResource", ["resourceArn": arn]),
        ("ListStateMachineVersions", ["stateMachineArn": arn]),
        ("ListStateMachineAliases", ["stateMachineArn": arn]), ("ListExecutions", ["stateMachineArn": arn]),
        ("ListExecutions", ["stateMachineArn": arn, "statusFilter": "FAILED"]),
      ]
    }
    for arn in Set(executions).sorted() {
      let arn = JSON(arn)
      questions += [
        ("DescribeExecution", ["executionArn": arn]),
        ("GetExecutionHistory", ["executionArn": arn]),
        ("GetExecutionHistory", ["executionArn": arn, "reverseOrder": true, "maxResults": 3]),
        ("DescribeStateMachineForExecution", ["executionArn": arn]),
      ]
    }
    for (operation, parameters) in questions {
      let (one, other) = (answer(left, operation, parameters), answer(right, operation, parameters))
      #expect(one == other, "\(operation) \(parameters)")
    }
  }
}

/// Requests by chance (SplitMix64).
struct Random {
  static let machines = ["quick", "slow", "bad", "long"]
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((word ^ word >> 31) % UInt64(bound))
  }

  mutating func request(_ executions: inout [String]) -> (String, JSON) {
    let index = below(Self.machines.count)
    let name = Self.machines[index]
    let arn = JSON(Bench.machine(name))
    let known = executions.isEmpty ? Bench.execution(name, "none") : executions[below(executions.count)]
    let role: JSON = "arn:aws:iam::123456789012:role/r"
    switch below(26) {
    case 0, 1, 2:
      let definition = [Bench.pass, Bench.wait, Bench.fail, Bench.rounds][index]
      return (
        "CreateStateMachine",
        [
          "name": JSON(name), "definition": JSON(definition), "roleArn": role,
          "tags": [["key": "k", "value": JSON("\(below(3))")]],
        ]
      )
    case 3:
      return (
        "UpdateStateMachine",
        ["stateMachineArn": arn, "roleArn": JSON("arn:aws:iam::123456789012:role/r\(below(3))")]
      )
    case 4:
      return ("PublishStateMachineVersion", ["stateMachineArn": arn, "description": JSON("v\(below(9))")])
    case 5:
      return (
        "CreateStateMachineAlias",
        [
          "name": JSON("a\(below(2))"),
          "routingConfiguration": [
            ["stateMachineVersionArn": JSON(Bench.machine(name) + ":\(1 + below(2))"), "weight": 100]
          ],
        ]
      )
    case 6: return ("DeleteStateMachineVersion", ["stateMachineVersionArn": JSON(Bench.machine(name) + ":1")])
    case 7:
      return below(3) == 0
        ? ("DeleteStateMachine", ["stateMachineArn": arn])
        : ("DescribeStateMachine", ["stateMachineArn": arn])
    case 8:
      return (
        "TagResource", ["resourceArn": arn, "tags": [["key": JSON("t\(below(3))"), "value": "é\n\"\\"]]]
      )
    case 9: return ("UntagResource", ["resourceArn": arn, "tagKeys": ["t1"]])
    case 10: return ("CreateActivity", ["name": JSON("act\(below(3))")])
    case 11: return ("DeleteActivity", ["activityArn": JSON(Bench.prefix + "activity:act\(below(3))")])
    case 12...18:
      let execution = "e\(below(120))"
      executions.append(Bench.execution(name, execution))
      return (
        "StartExecution",
        [
          "stateMachineArn": arn, "name": JSON(execution),
          "input": JSON("{\"n\":\(below(60)),\"t\":\"\(String(repeating: "ü", count: below(3000)))\"}"),
        ]
      )
    case 19: return ("StopExecution", ["executionArn": JSON(known), "error": "Stopped", "cause": "by hand"])
    case 20: return ("RedriveExecution", ["executionArn": JSON(known), "clientToken": JSON("c\(below(3))")])
    case 21: return ("DescribeExecution", ["executionArn": JSON(known)])
    case 22: return ("GetExecutionHistory", ["executionArn": JSON(known), "maxResults": JSON(1 + below(40))])
    case 23:
      return ("GetExecutionHistory", ["executionArn": JSON(known), "reverseOrder": true, "maxResults": 7])
    case 24: return ("ListExecutions", ["stateMachineArn": arn, "maxResults": JSON(1 + below(5))])
    default: return ("ListStateMachineAliases", ["stateMachineArn": arn])
    }
  }
}
