import Stepmill
import Synchronization
import Testing

@testable import StepmillServer

/// Whatever fails, and wherever it is stopped: an execution that is redriven until it succeeds comes
/// to what one comes to that nothing ever happened to.
@Suite struct RedriveSimulationTests {
  /// Fixed seeds: now and then another one makes data that are too large for any execution.
  @Test(arguments: UInt64(1)...120)
  func asIfNothingHadHappened(seed: UInt64) throws {
    var workflow = RedriveWorkflow(seed: seed)
    let definition = workflow.machine(depth: 3)
    let undisturbed = ServiceHarness()
    define(undisturbed, Trouble(seed, percent: 0))
    undisturbed.create("m", definition)
    let expected = undisturbed.start("m", 7)
    undisturbed.host.advance(by: 1_000_000)
    #expect(undisturbed.status(expected) == "SUCCEEDED", "seed \(seed): \(definition)")

    let harness = ServiceHarness()
    let trouble = Trouble(seed, percent: 15)
    define(harness, trouble)
    harness.create("m", definition)
    let execution = harness.start("m", 7)
    var redrives = 0
    while harness.status(execution) != "SUCCEEDED", redrives < 100 {
      harness.host.advance(by: UInt64(workflow.random.below(8000)))
      // Where hundreds run at the same time one of them always fails.
      if redrives == 50 { trouble.end() }
      if redrives < 50, workflow.random.below(3) == 0 {
        harness.call("StopExecution", ["executionArn": JSON(execution)])
      }
      guard ["FAILED", "ABORTED"].contains(harness.status(execution)) else { continue }
      if workflow.random.below(2) == 0 { try readAgain(execution, harness) }
      harness.call("RedriveExecution", ["executionArn": JSON(execution)])
      redrives += 1
    }
    let described = harness.describe(execution)
    #expect(
      described["output"] == undisturbed.describe(expected)["output"],
      "seed \(seed), \(redrives) redrives, \(described["status"] ?? .null): \(definition)")
    let events = types(execution, harness)
    // Nothing is entered more often than it is where nothing happens.
    let clean = types(expected, undisturbed)
    for type in Set(clean) where !type.hasPrefix("LambdaFunction") {
      #expect(
        events.count { $0 == type } == clean.count { $0 == type }, "seed \(seed): \(type): \(definition)")
    }
  }

  private func types(_ execution: String, _ harness: ServiceHarness) -> [String] {
    var types: [String] = []
    var parameters: JSON = ["executionArn": JSON(execution), "maxResults": 1000]
    repeat {
      let page = harness.call("GetExecutionHistory", parameters)
      types += page["events"]?.array?.compactMap { $0["type"]?.string } ?? []
      parameters["nextToken"] = page["nextToken"] ?? .null
    } while parameters["nextToken"] != .null
    return types
  }

  /// A function whose answer follows from its input, if it has one.
  private func define(_ harness: ServiceHarness, _ trouble: Trouble) {
    harness.functions.define("f") { input in
      if trouble.isNow() { return .error(Array(#"{"errorType":"E"}"#.utf8)) }
      let sum = input.text.utf8.reduce(5381) { ($0 &* 33 &+ Int($1)) % 1_000_003 }
      return .body(Array("\(sum)".utf8))
    }
  }

  /// What a server that was started anew would have.
  private func readAgain(_ execution: String, _ harness: ServiceHarness) throws {
    let name = String(try #require(execution.split(separator: ":").last))
    let kept = try #require(harness.service.store.execution(name, of: "m", in: harness.scope))
    let point = try #require(kept.withLife { $0.ending?.resumePoint })
    let read = try #require(ResumePoint(json: try JSON(parsing: point.json.text.utf8)))
    kept.withLife { $0.ending = StoredExecution.Ending(resumePoint: read) }
  }
}

/// Says which calls fail: so many of a hundred, until it is over.
private final class Trouble: Sendable {
  private let state: Mutex<(random: RedriveRandom, percent: Int)>
  init(_ seed: UInt64, percent: Int) { state = Mutex((RedriveRandom(state: seed ^ 0xABCD), percent)) }
  func isNow() -> Bool { state.withLock { $0.random.below(100) < $0.percent } }
  func end() { state.withLock { $0.percent = 0 } }
}

private struct RedriveRandom {
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }
}

/// Makes machines: chains of tasks, waits, variables, Parallels and Maps within each other.
private struct RedriveWorkflow {
  var random: RedriveRandom
  private var names = 0

  init(seed: UInt64) { random = RedriveRandom(state: seed) }

  private mutating func name() -> String {
    names += 1
    return "S\(names)"
  }

  mutating func machine(depth: Int) -> JSON {
    let variable = "v\(names)"
    let assignment = JSON(members: [(variable + ".$", "$")])
    var states: [(String, JSON)] = [(name(), ["Type": "Pass", "Assign": assignment])]
    for _ in 0...random.below(3) { states += state(depth: depth) }
    states.append(
      (name(), ["Type": "Pass", "Parameters": ["d.$": "$", "v.$": JSON("$\(variable)")]]))
    var members: [(key: String, value: JSON)] = []
    for (position, (name, state)) in states.enumerated() {
      var state = state
      if position + 1 < states.count {
        state["Next"] = JSON(states[position + 1].0)
      } else {
        state["End"] = true
      }
      members.append((name, state))
    }
    return JSON(members: [("StartAt", JSON(states[0].0)), ("States", JSON(members: members))])
  }

  private mutating func state(depth: Int) -> [(String, JSON)] {
    switch random.below(depth > 0 && names < 40 ? 6 : 3) {
    case 0: return [(name(), ["Type": "Wait", "Seconds": JSON(1 + random.below(5))])]
    case 1: return [(name(), ["Type": "Pass", "Parameters": ["p.$": "$"]])]
    case 2:
      return [(name(), ["Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"])]
    case 3, 4:
      let branches = (0...random.below(3)).map { _ in machine(depth: depth - 1) }
      return [(name(), ["Type": "Parallel", "Branches": JSON(branches)])]
    default:
      let items = (0...random.below(3)).map { _ in "$" } + ["1"]
      var map: JSON = [
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": JSON(random.below(3)),
        "ItemProcessor": machine(depth: depth - 1),
      ]
      if random.below(2) == 0 {
        map["ItemSelector"] = ["i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"]
      }
      return [
        (
          name(),
          [
            "Type": "Pass",
            "Parameters": ["items.$": JSON("States.Array(\(items.joined(separator: ", ")))")],
          ]
        ), (name(), map),
      ]
    }
  }
}
