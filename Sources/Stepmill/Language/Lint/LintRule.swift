// What AWS accepts and an author would still like to hear of.
//
// A rule is one value with a name, an explanation and a function; each has a file in `Rules/`
// and a row in `all`. A rule says only what it can show from the definition: a rule that
// cries wolf gets switched off, and takes its good days with it.

/// A rule of `stepmill lint`.
package struct LintRule: Sendable {
  /// What switches it, and the code of its diagnostics: `choice-without-default`.
  package let name: String
  /// One line for lists.
  package let summary: String
  /// Why it matters, when it speaks, what to do. Paragraphs are parted by an empty line.
  package let explanation: String
  /// Rules that are a matter of taste wait to be asked for.
  package let isOnByDefault: Bool
  let check: @Sendable (LintContext) -> Void

  init(
    _ name: String, _ summary: String, isOnByDefault: Bool = true, explanation: String,
    check: @escaping @Sendable (LintContext) -> Void
  ) {
    self.name = name
    self.summary = summary
    self.isOnByDefault = isOnByDefault
    self.explanation = explanation
    self.check = check
  }

  /// Every rule, in the order of lists.
  package static let all: [LintRule] = [
    .catcherNeverMatches,
    .retryNeverMatches,
    .retryBeyondTimeout,
    .taskWithoutErrorHandling,
    .callbackWithoutTimeout,
    .choiceWithoutDefault,
    .choiceRuleNeverReached,
    .pathCannotExist,
    .unusedVariable,
    .variableNotAlwaysAssigned,
    .payloadGrowth,
    .waitInHotLoop,
    .expressDuration,
  ]

  package static func named(_ name: String) -> LintRule? { all.first { $0.name == name } }
}

/// What a workflow runs as: the service's two types differ in what they allow and how long they may take.
package enum StateMachineType: String, Sendable, CaseIterable {
  case standard = "STANDARD"
  case express = "EXPRESS"
}

package enum Lint {
  /// What is wrong with a definition; or, if nothing is, what the rules say of it, in the order of the text.
  ///
  /// - Parameter maximum: How many diagnostics are listed; a last one tells of the rest.
  package static func check(
    _ text: [UInt8], type: StateMachineType = .standard, rules: [LintRule], maximum: Int = 1000
  ) -> [Diagnostic] {
    var options = Definition.ReadingOptions()
    options.isExpress = type == .express
    options.diagnosticsMax = maximum
    let (definition, diagnostics) = Definition.read(text, options: options)
    guard let definition else { return diagnostics }
    return diagnostics + check(definition, type: type, rules: rules, maximum: maximum)
  }

  /// The same for a definition that was read already, from whatever notation.
  static func check(
    _ definition: Definition, type: StateMachineType, rules: [LintRule], maximum: Int
  ) -> [Diagnostic] {
    let context = LintContext(definition, type: type, findingsMax: maximum)
    for rule in rules {
      context.ruleName = rule.name
      rule.check(context)
    }
    return context.diagnostics()
  }
}
