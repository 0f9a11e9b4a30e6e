extension LintRule {
  static let waitInHotLoop = LintRule(
    "wait-in-hot-loop", "A loop waits so briefly that polling uses up the execution.",
    explanation: """
      A Standard execution has 25,000 history events, and each state it passes through takes two or more. A loop that \
      asks whether something is done and waits a second in between uses them up within hours; on AWS each round \
      is also paid for.

      The rule speaks of a Wait of fixed length in a loop whose rounds would use up the events in less than six hours. \
      Wait longer, wait longer each round, or let the other side call back with `.waitForTaskToken`; for jobs \
      that AWS knows there is `.sync`.
      """
  ) { context in
    // Express executions have no limit of events, and end after five minutes anyhow.
    guard context.type == .standard else { return }
    // Each Wait looks for its way round; a definition of a hundred thousand of them is cut short.
    var states = 0
    for machine in context.machines {
      for (index, state) in machine.states.enumerated() where machine.loops[index] != nil {
        guard case .wait(.seconds(let seconds)) = state.kind else { continue }
        states += machine.states.count
        if states > 20_000_000 { return }
        guard let round = shortestRound(from: index, in: machine) else { continue }
        let events = round.reduce(0) { $0 + machine.states[$1].eventsMin }
        let waits = round.reduce(0) { sum, index in
          if case .wait(.seconds(let seconds)) = machine.states[index].kind { return sum + seconds.value }
          return sum
        }
        let hours = Double(eventsMax / max(events, 1)) * Double(waits) / 3600
        guard hours < 6 else { continue }
        context.warn(
          "The loop through '\(state.name)' waits \(waits) s a round, and a round takes at least \(events) history events: \(eventsMax) of them are used up \(duration(hours)).",
          at: seconds.node, hint: "wait longer, or let the other side call back with `.waitForTaskToken`")
      }
    }
  }

  private static var eventsMax: Int { 25_000 }

  private static func duration(_ hours: Double) -> String {
    if hours == 0 { return "at once" }
    if hours < 1 { return "within \(max(1, Int((hours * 60).rounded(.up)))) minutes" }
    return hours <= 1 ? "within an hour" : "within \(Int(hours.rounded(.up))) hours"
  }

  /// The states of the shortest way from a state back to itself.
  private static func shortestRound(from start: Int, in machine: LintMachine) -> [Int]? {
    var before: [Int: Int] = [:]
    var queue = [start]
    var head = 0
    while head < queue.count {
      let state = queue[head]
      head += 1
      for edge in machine.edges[state] {
        if case .catcher = edge.cause { continue }
        if edge.target == start {
          var round = [state]
          while let previous = round.last, previous != start, let next = before[previous] {
            round.append(next)
          }
          return round
        }
        if before[edge.target] == nil {
          before[edge.target] = state
          queue.append(edge.target)
        }
      }
    }
    return nil
  }
}

extension StateDefinition {
  /// The history events that a visit takes at least.
  fileprivate var eventsMin: Int {
    switch kind {
    case .pass, .choice, .wait, .succeed: 2
    case .fail: 1
    case .task(let task):
      // A function's visit: entered, scheduled, started, succeeded, exited. `.sync` and callbacks add one.
      task.resource.value.contains(".sync") || task.resource.value.hasSuffix(".waitForTaskToken") ? 6 : 5
    case .parallel, .map: 4
    }
  }
}
