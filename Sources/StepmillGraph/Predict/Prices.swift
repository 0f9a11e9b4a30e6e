// What AWS charges for runs, after its published prices of us-east-1.

package enum Prices {
  /// One transition of a Standard workflow.
  package static let standardTransition = 0.025 / 1000
  /// A month's first ones are free; they are not taken off here, since one workflow cannot know what the
  /// others of the account have used up.
  package static let standardFreeTransitions = 4000.0
  /// One request to an Express workflow.
  package static let expressRequest = 1.00 / 1_000_000

  /// Of a month's GB-hours: how many, and what each costs.
  package static let expressTiers: [(hours: Double, price: Double)] = [
    (1000, 0.06), (4000, 0.03), (.infinity, 0.01642),
  ]

  package static let memoryStep = 64.0
  package static let baseMegabytes = 50.0
  package static let durationStep = 0.1
  private static let megabyte = 1024.0 * 1024

  package static func standard(transitions: Double) -> Double { transitions * standardTransition }

  /// The memory that an Express execution is billed for, in megabytes.
  ///
  /// - Parameters:
  ///   - payloadBytes: The data of one branch.
  ///   - branches: Branches of Parallels and items of Maps that run at once.
  package static func expressMegabytes(definitionBytes: Int, payloadBytes: Int, branches: Double) -> Double {
    let used = baseMegabytes + (Double(definitionBytes) + Double(payloadBytes) * max(1, branches)) / megabyte
    return (used / memoryStep).rounded(.up) * memoryStep
  }

  /// The duration that an Express execution is billed for. Even the shortest counts as one step.
  package static func billedSeconds(_ seconds: Double) -> Double {
    // A float's last digits must not make a step of their own.
    max(durationStep, (seconds / durationStep - 1e-9).rounded(.up) * durationStep)
  }

  /// What so many Express executions cost in one month.
  package static func express(runs: Double, seconds: Double, megabytes: Double) -> Double {
    var hours = runs * billedSeconds(seconds) / 3600 * megabytes / 1024
    var sum = runs * expressRequest
    for tier in expressTiers where hours > 0 {
      let used = min(hours, tier.hours)
      sum += used * tier.price
      hours -= used
    }
    return sum
  }
}
