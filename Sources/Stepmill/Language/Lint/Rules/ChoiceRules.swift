extension LintRule {
  static let choiceWithoutDefault = LintRule(
    "choice-without-default", "A Choice has no Default, and its rules leave a gap.",
    explanation: """
      If no rule matches and there is no `Default`, the execution fails with an error that nothing catches.

      It is silent where the rules leave no gap that it can see: a rule that is always true, one that is the \
      negation of another, `BooleanEquals` with both values, numbers below and from a bound on.

      Add a `Default`; where nothing else can happen, let it lead to a Fail state that says so.
      """
  ) { context in
    context.forEachState { state, _ in
      guard case .choice(let choice) = state.kind, choice.defaultState == nil else { return }
      let conditions = choice.rules.map(\.condition)
      if ConditionSet(conditions).isComplete { return }
      context.warn(
        "The Choice '\(state.name)' has no Default: if no rule matches, the execution fails.",
        at: state.node["Choices"] ?? state.node)
    }
  }

  static let choiceRuleNeverReached = LintRule(
    "choice-rule-never-reached", "A rule of a Choice stands behind one that is the same or always true.",
    explanation: """
      Rules are tried in order and the first that is true wins, so a rule behind its own twin, or behind one that is \
      always true, never decides anything. Mostly it is a copy that was meant to be changed.
      """
  ) { context in
    context.forEachState { state, _ in
      guard case .choice(let choice) = state.kind else { return }
      var seen: Set<String> = []
      var isClosed = false
      for rule in choice.rules {
        if isClosed {
          context.warn("This rule is never reached: one before it is always true.", at: rule.node)
        } else if !seen.insert(rule.condition.signature).inserted {
          context.warn("This rule is never reached: one before it has the same condition.", at: rule.node)
        }
        if rule.condition.isAlwaysTrue { isClosed = true }
      }
    }
  }
}

/// Conditions of one Choice, looked at together.
private struct ConditionSet {
  private let conditions: [Condition]

  init(_ conditions: [Condition]) {
    self.conditions = conditions
  }

  /// Whatever comes, one of them is true; as far as can be seen.
  var isComplete: Bool {
    var signatures: Set<String> = []
    for condition in conditions {
      if condition.isAlwaysTrue { return true }
      if signatures.contains(condition.negation) { return true }
      if case .not(let inner) = condition, signatures.contains(inner.signature) { return true }
      signatures.insert(condition.signature)
      if case .not(let inner) = condition { signatures.insert("not " + inner.signature) }
    }
    return false
  }
}

extension Condition {
  fileprivate var isAlwaysTrue: Bool {
    switch self {
    case .literal(let value): value
    case .expression(let text): ExpressionText.inner(text.value) == "true"
    case .and, .or, .not, .compare: false
    }
  }

  /// Equal for conditions that say the same.
  fileprivate var signature: String {
    switch self {
    case .and(let parts): "and(\(parts.map(\.signature).joined(separator: ",")))"
    case .or(let parts): "or(\(parts.map(\.signature).joined(separator: ",")))"
    case .not(let part): "not \(part.signature)"
    case .literal(let value): "\(value)"
    case .expression(let text): "{\(ExpressionText.inner(text.value))}"
    case .compare(let comparison):
      "\(comparison.variable.value) \(comparison.comparator.rawValue) \(comparison.operandText)"
    }
  }

  /// The signature of the condition that is true where this one is not, for values of the right type.
  fileprivate var negation: String {
    switch self {
    case .compare(let comparison):
      if let value = comparison.operand.boolean {
        return "\(comparison.variable.value) \(comparison.comparator.rawValue) \(!value)"
      }
      guard let opposite = comparison.comparator.opposite else { return "not \(signature)" }
      return "\(comparison.variable.value) \(opposite.rawValue) \(comparison.operandText)"
    case .expression(let text):
      let inner = ExpressionText.inner(text.value)
      return inner.hasPrefix("$not(") ? "{\(inner.dropFirst(5).dropLast())}" : "{$not(\(inner))}"
    case .and, .or, .not, .literal: return "not \(signature)"
    }
  }
}

extension Comparison {
  fileprivate var operandText: String {
    switch operand.kind {
    case .string(let text): (operandIsPath ? "path " : "") + "\"\(text)\""
    case .number(let text): text
    case .bool(let value): "\(value)"
    case .null, .array, .object: "null"
    }
  }
}

extension Comparator {
  fileprivate var opposite: Comparator? {
    switch self {
    case .numericLessThan: .numericGreaterThanEquals
    case .numericGreaterThan: .numericLessThanEquals
    case .numericLessThanEquals: .numericGreaterThan
    case .numericGreaterThanEquals: .numericLessThan
    case .stringLessThan: .stringGreaterThanEquals
    case .stringGreaterThan: .stringLessThanEquals
    case .stringLessThanEquals: .stringGreaterThan
    case .stringGreaterThanEquals: .stringLessThan
    case .timestampLessThan: .timestampGreaterThanEquals
    case .timestampGreaterThan: .timestampLessThanEquals
    case .timestampLessThanEquals: .timestampGreaterThan
    case .timestampGreaterThanEquals: .timestampLessThan
    case .stringEquals, .stringMatches, .numericEquals, .booleanEquals, .timestampEquals, .isNull, .isPresent,
      .isNumeric, .isString, .isBoolean, .isTimestamp:
      nil
    }
  }
}
