extension LintRule {
  static let expressDuration = LintRule(
    "express-duration", "An Express execution cannot end within its five minutes.",
    explanation: """
      An Express execution that is not done after five minutes is stopped with a timeout. A Wait that alone exceeds \
      them, waits that add up to more on every way to the end, and a timeout that is longer and so never \
      strikes, are all reported where the type is Express.

      Run the workflow as Standard, or move the waiting out of it.
      """
  ) { context in
    guard context.type == .express else { return }
    if let seconds = context.definition.timeoutSeconds, seconds > limit,
      let node = context.definition.node["TimeoutSeconds"]
    {
      context.warn(
        "TimeoutSeconds is \(seconds), but an Express execution ends after \(limit) s anyhow.", at: node)
    }
    context.forEachState { state, _ in
      switch state.kind {
      case .wait(.seconds(let seconds)) where seconds.value > limit:
        context.warn(
          "The Wait of \(seconds.value) s is longer than the \(limit) s that an Express execution may take.",
          at: seconds.node)
      case .task(let task):
        if case .literal(let timeout) = task.timeout, timeout.value > limit {
          context.warn(
            "TimeoutSeconds is \(timeout.value), but an Express execution ends after \(limit) s anyhow.",
            at: timeout.node)
        }
      default: break
      }
    }
    reportShortestWay(context)
  }

  private static var limit: Int { 300 }

  /// Waits that add up on the shortest way to an end. A single one beyond the limit has been reported.
  private static func reportShortestWay(_ context: LintContext) {
    guard let machine = context.machines.first, let start = machine.start else { return }
    func cost(_ index: Int) -> Int {
      if case .wait(.seconds(let seconds)) = machine.states[index].kind { return seconds.value }
      return 0
    }
    // Dijkstra with a bucket for each second up to the limit: nothing beyond it matters.
    var best = [Int](repeating: Int.max, count: machine.states.count)
    var buckets = [[Int]](repeating: [], count: limit + 1)
    func reach(_ index: Int, _ seconds: Int) {
      let total = seconds + cost(index)
      guard total <= limit, total < best[index] else { return }
      best[index] = total
      buckets[total].append(index)
    }
    reach(start, 0)
    for seconds in 0...limit {
      while let index = buckets[seconds].popLast() {
        guard best[index] == seconds else { continue }
        if machine.edges[index].isEmpty || machine.states[index].isEnd { return }
        for edge in machine.edges[index] { reach(edge.target, seconds) }
      }
    }
    let isOneWait = machine.states.contains {
      if case .wait(.seconds(let seconds)) = $0.kind { return seconds.value > limit }
      return false
    }
    if isOneWait { return }
    context.warn(
      "The waits on every way to an end add up to more than the \(limit) s that an Express execution may take.",
      at: machine.machine.startAt.node)
  }
}

extension StateDefinition {
  fileprivate var isEnd: Bool {
    if case .end = transition { return true }
    return false
  }
}
