import Stepmill
import StepmillSimulation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Runs generated workflows in the engine and in the reference, and compares.
enum Comparison {
  /// How many workflows a test runs: `STEPMILL_SIMULATIONS`, or what the test thinks enough.
  static func count(_ usual: Int) -> Int {
    getenv("STEPMILL_SIMULATIONS").flatMap { Int(String(cString: $0)) } ?? usual
  }

  /// The first seed: `STEPMILL_SEED`, else one that changes with every run.
  static let firstSeed: UInt64 =
    getenv("STEPMILL_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0..<1 << 48)

  struct Case {
    let seed: UInt64
    let features: Features
    let definition: JSON
    let input: JSON

    init(seed: UInt64) {
      self.seed = seed
      var generator = WorkflowGenerator(seed: seed)
      input = generator.input()
      definition = generator.definition()
      features = generator.features
    }

    func answer(_ resource: String, _ input: JSON, _ retryCount: Int) -> ScriptedAnswer {
      var answer = ScriptedAnswer(
        seed: seed, features: features, resource: resource, input: input, retryCount: retryCount)
      if resource == "now" {
        answer.delay = 0
        answer.beats = []
        answer.twice = false
      }
      return answer
    }

    var payloadBytesMax: Int { features.smallLimits ? 900 : 1 << 20 }
    var variableBytesMax: Int { features.smallLimits ? 300 : 1 << 20 }

    func reference(_ canary: Reference.Canary = .none) -> (expectation: Expectation, isAmbiguous: Bool) {
      let reference = Reference(
        definition: definition, input: input, startTime: 0, payloadBytesMax: payloadBytesMax,
        variableBytesMax: variableBytesMax, canary: canary, answer: answer)
      let expectation = reference.run()
      return (expectation, reference.notes.isAmbiguous)
    }

    func simulation(recorded: Bool = true) -> Simulation {
      let simulation = Simulation(seed: seed)
      simulation.recordsHistory = recorded
      simulation.limits.payloadBytesMax = payloadBytesMax
      simulation.limits.variableBytesMax = variableBytesMax
      simulation.stepsMax = 200_000
      for resource in ["t1", "t2", "loop", "arn:aws:states:::sqs:sendMessage.waitForTaskToken"] {
        simulation.register(resource) { answer(resource, $0.input, $0.retryCount).reply }
      }
      simulation.register(
        "now",
        synchronous: .synchronous { (call) throws(TaskFailure) in
          switch answer("now", call.input.json, call.retryCount).result {
          case .success(let output): call.succeed(output)
          case .failure(let failure): throw failure
          }
        })
      return simulation
    }
  }

  /// Whether an outcome is the expected one. Numbers of events in causes are not compared.
  static func agrees(_ outcome: Outcome?, _ expectation: Expectation) -> Bool {
    switch (outcome, expectation) {
    case (.succeeded(let output)?, .succeeded(let expected)): output == expected
    case (.failed(let error, _)?, .failed(let expected, .open)): error == expected
    case (.failed(let error, let cause)?, .failed(let expected, .text(let text))):
      error == expected && cause.map(letters) == text.map(letters)
    case (.timedOut?, .timedOut): true
    case (nil, .stuck): true
    default: false
    }
  }

  /// A cause, where only the order of members in quoted data and numbers of events are open.
  private static func letters(_ text: String) -> [UInt8] { withoutNumbers(text).utf8.sorted() }

  /// `(entered at the event id #12)` with N for the number.
  static func withoutNumbers(_ text: String) -> String {
    var result = ""
    var rest = Substring(text)
    while let hash = rest.firstIndex(of: "#") {
      result += rest[...hash]
      rest = rest[rest.index(after: hash)...]
      let digits = rest.prefix { $0.isNumber }
      if !digits.isEmpty {
        rest = rest[digits.endIndex...]
        result += "N"
      } else if rest.first == "N" {
        rest = rest.dropFirst()
        result += "N"
      }
    }
    return result + rest
  }
}

/// Proves that the engine does what the language says, under any order of events, and keeps
/// its books in order meanwhile.
@Suite struct RandomWorkflowTests {
  @Test func outcomesAreThoseOfTheReference() throws {
    let count = Comparison.count(3000)
    var ambiguous = 0
    var statuses: [String: Int] = [:]
    for position in 0..<count {
      let seed = Comparison.firstSeed &+ UInt64(position)
      let single = Comparison.Case(seed: seed)
      let (expectation, isAmbiguous) = single.reference()
      let simulation = single.simulation(recorded: position % 2 == 0)
      var problem: String?
      simulation.afterStep = { if problem == nil { problem = $0.loop.inspect() } }
      try simulation.start(single.definition.text, single.input)
      let outcome: Outcome?
      do {
        outcome = try simulation.finish()[0]
      } catch SimulationError.stuck {
        outcome = nil
      }
      #expect(problem == nil, "STEPMILL_SEED=\(seed)")
      #expect(simulation.loop.inspect() == nil, "STEPMILL_SEED=\(seed)")
      #expect(HistoryChecker.problem(in: simulation.history) == nil, "STEPMILL_SEED=\(seed)")
      statuses[outcome?.status ?? "STUCK", default: 0] += 1
      if isAmbiguous {
        ambiguous += 1
        continue
      }
      if !Comparison.agrees(outcome, expectation) {
        Issue.record(
          """
          STEPMILL_SEED=\(seed): expected \(expectation), but \(outcome.map { "\($0)" } ?? "stuck")
          \(single.definition)
          input \(single.input)
          """)
        if problemsAreEnough() { break }
      }
    }
    print(
      "random workflows from STEPMILL_SEED=\(Comparison.firstSeed): \(count), ambiguous \(ambiguous), \(statuses.sorted { $0.key < $1.key })"
    )
    #expect(ambiguous * 2 < max(count, 20))
  }

  private func problemsAreEnough() -> Bool {
    Self.problems.value += 1
    return Self.problems.value >= 5
  }

  private final class Counter: @unchecked Sendable { var value = 0 }
  private static let problems = Counter()

  @Test func theSameSeedGivesTheSameHistory() throws {
    for position in 0..<Comparison.count(200) {
      let single = Comparison.Case(seed: Comparison.firstSeed &+ UInt64(position))
      func history() throws -> String {
        let simulation = single.simulation()
        simulation.abortRate = 0.01
        simulation.clockJumpRate = 0.05
        for _ in 0..<3 { try simulation.start(single.definition.text, single.input) }
        _ = try? simulation.finish()
        return simulation.historyText
      }
      #expect(try history() == history(), "STEPMILL_SEED=\(single.seed)")
    }
  }

  /// Several executions at once, with everything going wrong that can.
  @Test func theBooksAreInOrderWhateverHappens() throws {
    for position in 0..<Comparison.count(400) {
      let seed = Comparison.firstSeed &+ UInt64(position)
      let single = Comparison.Case(seed: seed)
      let simulation = single.simulation()
      var faults = Simulation.Faults.errors(0.05)
      faults.delay = .zero ... .seconds(40)
      faults.neverRate = position % 3 == 0 ? 0.05 : 0
      faults.twiceRate = 0.1
      faults.lateRate = 0.1
      for resource in ["t1", "t2", "loop"] { simulation.faults[resource] = faults }
      simulation.abortRate = [0, 0.005, 0.05][position % 3]
      simulation.clockJumpRate = 0.02
      simulation.fuel = 1...(1 + position % 20)
      var problem: String?
      simulation.afterStep = { if problem == nil { problem = $0.loop.inspect() } }
      for _ in 0..<4 { try simulation.start(single.definition.text, single.input) }
      _ = try? simulation.finish()
      #expect(problem == nil, "STEPMILL_SEED=\(seed)")
      #expect(simulation.loop.inspect() == nil, "STEPMILL_SEED=\(seed)")
      #expect(HistoryChecker.problem(in: simulation.history) == nil, "STEPMILL_SEED=\(seed)")
      let counters = simulation.counters
      #expect(counters.inFlight == 0 && counters.waiting == 0 && counters.bytes == 0, "STEPMILL_SEED=\(seed)")
    }
  }

  /// The alarm rings: a reference with a wrong rule is found out.
  @Test(arguments: [Reference.Canary.catchBeforeRetry, .outputPathBeforeResultPath, .parallelInReverse])
  func aWrongReferenceIsNoticed(_ canary: Reference.Canary) throws {
    for seed in UInt64(0)..<2000 {
      let single = Comparison.Case(seed: seed)
      let (expectation, isAmbiguous) = single.reference(canary)
      guard !isAmbiguous, !single.reference().isAmbiguous else { continue }
      let simulation = single.simulation(recorded: false)
      try simulation.start(single.definition.text, single.input)
      let outcome = try? simulation.finish()[0]
      if !Comparison.agrees(outcome, expectation) { return }
    }
    Issue.record("2000 workflows do not tell a reference with a wrong rule from the right one")
  }
}
