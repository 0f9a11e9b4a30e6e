import Stepmill
import StepmillGraph
import StepmillSimulation
import Testing

/// Proves forecasts against the engine: whatever a generated workflow does when it is run, with its input as the
/// sample or without any, lies between the least and the most that was foretold.
@Suite struct PredictionTests {
  @Test func runsAreAsForetold() throws {
    var succeeded = 0
    for position in 0..<Comparison.count(150) {
      let seed = Comparison.firstSeed &+ UInt64(position)
      let single = Comparison.Case(seed: seed)
      guard let outline = DefinitionOutline.read(single.definition.utf8).outline else { continue }
      let simulation = single.simulation()
      try simulation.start(single.definition.text, single.input)
      let outcome = (try? simulation.finish())?.first
      var entered = 0.0
      var attempts = 0.0
      for event in simulation.history {
        if event.type.rawValue.hasSuffix("StateEntered") { entered += 1 }
        if event.type.rawValue.hasSuffix("Scheduled") { attempts += 1 }
      }
      for sample in [nil, single.input] as [JSON?] {
        var options = Prediction.Options()
        options.sample = sample
        let prediction = Prediction(outline, options: options)
        let (transitions, events) = (prediction.whole[.transitions], prediction.whole[.events])
        let seen = Double(simulation.history.count)
        // Failures that nobody catches, and the runtime's own, end a run before its least.
        #expect(entered <= transitions.most, "STEPMILL_SEED=\(seed): \(single.definition)")
        #expect(attempts <= prediction.whole[.attempts].most, "STEPMILL_SEED=\(seed)")
        #expect(seen <= events.most + aborted(simulation), "STEPMILL_SEED=\(seed): \(single.definition)")
        guard case .succeeded? = outcome else { continue }
        // Retries count as transitions; each is one of the attempts.
        #expect(entered + attempts >= transitions.least, "STEPMILL_SEED=\(seed): \(single.definition)")
        #expect(seen >= events.least, "STEPMILL_SEED=\(seed): \(single.definition)")
        #expect(attempts >= prediction.whole[.attempts].least, "STEPMILL_SEED=\(seed): \(single.definition)")
      }
      if case .succeeded? = outcome { succeeded += 1 }
    }
    #expect(succeeded > 0)
  }

  /// A branch that another one's failure stops says so, which no forecast counts.
  private func aborted(_ simulation: Simulation) -> Double {
    Double(simulation.history.count { $0.type.rawValue.hasSuffix("Aborted") })
  }
}
