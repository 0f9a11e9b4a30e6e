extension LintRule {
  static let retryBeyondTimeout = LintRule(
    "retry-beyond-timeout", "A retrier waits longer than the execution may take.",
    explanation: """
      The pauses between the attempts of one retrier add up: with `IntervalSeconds` 10, `BackoffRate` 3 and five \
      attempts they come to 1210 seconds. Where the machine's `TimeoutSeconds` (or the five minutes of an \
      Express execution) is shorter, the last attempts never happen: the execution ends with a timeout, which \
      no catcher sees.

      Lower `MaxAttempts` or `BackoffRate`, cap the pauses with `MaxDelaySeconds`, or raise `TimeoutSeconds`.
      """
  ) { context in
    let machineLimit = context.definition.timeoutSeconds.flatMap { $0 > 0 ? Double($0) : nil }
    let typeLimit = context.type == .express ? 300.0 : nil
    guard let limit = [machineLimit, typeLimit].compactMap(\.self).min() else { return }
    let isOwn = machineLimit == limit
    context.forEachState { state, _ in
      for retrier in state.retriers {
        let pauses = retrier.pauses(until: limit)
        guard let attempts = pauses.attemptsWithin, attempts < retrier.maxAttempts else { continue }
        let bound =
          isOwn
          ? "the machine's TimeoutSeconds (\(Int(limit)))"
          : "the 300 seconds that an Express execution may take"
        context.warn(
          "The pauses between \(retrier.maxAttempts) attempts exceed \(bound): no more than \(attempts) of them can happen.",
          at: retrier.node, hint: "fewer attempts, or `MaxDelaySeconds` to cap the pauses")
      }
    }
  }
}

extension RetrierDefinition {
  /// How many retries begin within so many seconds, if that is not all of them. With full jitter a pause is
  /// half as long on average; only what the average cannot keep is worth a word.
  fileprivate func pauses(until limit: Double) -> (attemptsWithin: Int?, seconds: Double) {
    var total = 0.0
    var pause = Double(intervalSeconds)
    let cap = maxDelaySeconds.map(Double.init) ?? .infinity
    // Beyond this many attempts without growth the answer is a division.
    for attempt in 0..<min(maxAttempts, 10_000) {
      total += min(pause, cap) * (fullJitter ? 0.5 : 1)
      if total > limit { return (attempt, total) }
      pause *= backoffRate
    }
    let rest = Double(max(0, maxAttempts - 10_000)) * min(pause, cap)
    return total + rest > limit ? (10_000, total + rest) : (nil, total)
  }
}
