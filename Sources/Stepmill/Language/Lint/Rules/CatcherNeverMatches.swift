extension LintRule {
  static let catcherNeverMatches = LintRule(
    "catcher-never-matches", "A catcher names an error that can never reach it.",
    explanation: """
      A catcher that cannot match looks like handling and is none: the execution fails where the author believed it \
      safe.

      It speaks of a name that an earlier catcher of the state has taken already (`States.TaskFailed` takes \
      everything but timeouts, `States.Timeout` takes heartbeats too), of `States.Runtime`, which nothing \
      catches even if named, of `States.HeartbeatTimeout` without `HeartbeatSeconds`, and of errors that only \
      other kinds of states raise.

      Remove the name, or move the catcher in front of the one that takes it.
      """
  ) { context in
    context.forEachState { state, _ in
      var taken = ErrorNames.Taken()
      for catcher in state.catchers {
        for (name, node) in catcher.names {
          if let reason = ErrorNames.reasonNeverRaised(name, in: state) {
            context.warn("The error '\(name)' can never be caught here: \(reason).", at: node)
          } else if let earlier = taken.owner(of: name) {
            let what = earlier == name ? "it too" : "'\(earlier)', which takes it"
            context.warn(
              "The error '\(name)' never reaches this catcher: an earlier one names \(what).", at: node)
          }
        }
        taken.insert(catcher.errorEquals)
      }
    }
  }

  static let retryNeverMatches = LintRule(
    "retry-never-matches", "A retrier names an error that can never reach it.",
    explanation: """
      The first retrier that names an error is the only one that is ever asked, even when its attempts are used up. A \
      later one with the same name is dead, and so is one for an error that the state cannot raise.

      Remove the name, or give all errors that belong together to one retrier.
      """
  ) { context in
    context.forEachState { state, _ in
      var taken = ErrorNames.Taken()
      for retrier in state.retriers {
        for (name, node) in retrier.names {
          if let reason = ErrorNames.reasonNeverRaised(name, in: state) {
            context.warn("The error '\(name)' can never be retried here: \(reason).", at: node)
          } else if let earlier = taken.owner(of: name) {
            let what = earlier == name ? "it too" : "'\(earlier)', which takes it"
            context.warn(
              "The error '\(name)' never reaches this retrier: an earlier one names \(what).", at: node)
          }
        }
        taken.insert(retrier.errorEquals)
      }
    }
  }
}

extension CatcherDefinition {
  fileprivate var names: [(String, SyntaxNode)] { errorNames(in: node) }
}

extension RetrierDefinition {
  fileprivate var names: [(String, SyntaxNode)] { errorNames(in: node) }
}

private func errorNames(in node: SyntaxNode) -> [(String, SyntaxNode)] {
  (node["ErrorEquals"]?.elements ?? .none).compactMap { element in element.text.map { ($0, element) } }
}
