// Where the states of a definition read: every path and every expression, with the data that
// its `$` stands for.

/// A path or an expression of a state.
struct PathUse {
  /// What `$` is where it stands.
  enum Base {
    /// The state's input as it came.
    case rawInput
    /// The same behind InputPath.
    case effectiveInput
    /// What the state's work gave.
    case result
    /// The input with the result in it, in front of OutputPath.
    case combined
    /// An error, in a catcher.
    case error
    /// Items and lists that other data comes from.
    case other
  }

  var text: String
  var node: SyntaxNode
  var base: Base
  /// It may be missing: a test for its presence stands around it.
  var isGuarded = false
}

extension StateDefinition {
  /// Every path that a JSONPath state reads, those inside of intrinsic calls included.
  var pathUses: [PathUse] {
    var collector = PathUseCollector()
    collector.collect(self)
    return collector.uses
  }

  /// Everything that holds an expression in a JSONata state.
  var expressionTexts: [Located<String>] {
    guard queryLanguage == .jsonata else { return [] }
    var texts: [Located<String>] = []
    func walk(_ node: SyntaxNode) {
      switch node.kind {
      case .string(let text):
        if ExpressionText.isDelimited(text) { texts.append(Located(value: text, node: node)) }
      case .array(let elements): for element in elements { walk(element) }
      case .object(let members):
        for member in members where member.name != "Branches" && !Self.machineFields.contains(member.name) {
          walk(member.value)
        }
      case .null, .bool, .number: break
      }
    }
    walk(node)
    return texts
  }

  private static let machineFields: Set<String> = ["ItemProcessor", "Iterator"]
}

private struct PathUseCollector {
  var uses: [PathUse] = []

  mutating func collect(_ state: StateDefinition) {
    guard state.queryLanguage == .jsonPath else { return }
    path(state.inputPath, .rawInput)
    path(state.outputPath, .combined)
    var hasOwnParameters = false
    switch state.kind {
    case .pass(let pass): hasOwnParameters = pass.result != nil
    case .task(let task):
      number(task.timeout)
      number(task.heartbeat)
      if let credentials = task.credentials { template(credentials, .effectiveInput) }
    case .choice(let choice): self.choice(choice)
    case .wait(.secondsPath(let path)), .wait(.timestampPath(let path)): add(path, .effectiveInput)
    case .wait: break
    case .fail(let fail):
      text(fail.error)
      text(fail.cause)
    case .map(let map): self.map(map)
    case .parallel, .succeed: break
    }
    if let parameters = state.parameters, !hasOwnParameters { template(parameters, .effectiveInput) }
    if let selector = state.resultSelector { template(selector, .result) }
    if let assign = state.assign { template(assign, state.assignBase) }
    for catcher in state.catchers {
      if let assign = catcher.assign { template(assign, .error) }
    }
  }

  private mutating func map(_ map: MapDefinition) {
    if case .path(let path) = map.itemsPath { add(path, .effectiveInput) }
    // What is read of `$$.Map` has another root, and is no use of the input.
    if let selector = map.itemSelector { template(selector, .effectiveInput) }
    number(map.maxConcurrency)
    number(map.toleratedFailureCount)
    for field in [map.itemReader, map.itemBatcher, map.resultWriter] {
      if let field { template(field, .other) }
    }
  }

  private mutating func choice(_ choice: ChoiceDefinition) {
    var present: Set<String> = []
    for rule in choice.rules { collectPresence(rule.condition, &present) }
    for rule in choice.rules {
      condition(rule.condition, present)
      if let assign = rule.assign { template(assign, .effectiveInput) }
    }
  }

  /// Paths whose presence is tested anywhere in the state: the author knows that they may be missing.
  private func collectPresence(_ condition: Condition, _ present: inout Set<String>) {
    switch condition {
    case .and(let parts), .or(let parts): for part in parts { collectPresence(part, &present) }
    case .not(let part): collectPresence(part, &present)
    case .compare(let comparison):
      if comparison.comparator == .isPresent { present.insert(comparison.variable.value) }
    case .expression, .literal: break
    }
  }

  private mutating func condition(_ condition: Condition, _ present: Set<String>) {
    switch condition {
    case .and(let parts), .or(let parts): for part in parts { self.condition(part, present) }
    case .not(let part): self.condition(part, present)
    case .compare(let comparison):
      let variable = comparison.variable
      let isGuarded = isTested(variable.value, in: present)
      uses.append(
        PathUse(text: variable.value, node: variable.node, base: .effectiveInput, isGuarded: isGuarded))
      if comparison.operandIsPath, let text = comparison.operand.text {
        let isGuarded = isTested(text, in: present)
        uses.append(
          PathUse(text: text, node: comparison.operand, base: .effectiveInput, isGuarded: isGuarded))
      }
    case .expression, .literal: break
    }
  }

  /// Whether the presence of a path, or of a value it lies in, is tested.
  private func isTested(_ path: String, in present: Set<String>) -> Bool {
    if present.isEmpty { return false }
    if present.contains(path) { return true }
    return path.indices.contains { index in
      (path[index] == "." || path[index] == "[") && present.contains(String(path[..<index]))
    }
  }

  // MARK: Fields

  private mutating func add(_ path: Located<String>, _ base: PathUse.Base) {
    uses.append(PathUse(text: path.value, node: path.node, base: base))
  }

  private mutating func path(_ field: PathField, _ base: PathUse.Base) {
    if case .path(let path) = field { add(path, base) }
  }

  private mutating func number(_ field: NumberField?) {
    if case .path(let path) = field { add(path, .effectiveInput) }
  }

  private mutating func text(_ field: TextField?) {
    guard case .path(let path) = field else { return }
    pathOrIntrinsic(path.value, path.node, .rawInput)
  }

  private mutating func template(_ node: SyntaxNode, _ base: PathUse.Base) {
    switch node.kind {
    case .array(let elements): for element in elements { template(element, base) }
    case .object(let members):
      for member in members {
        if member.name.hasSuffix(".$"), let text = member.value.text {
          pathOrIntrinsic(text, member.value, base)
        } else {
          template(member.value, base)
        }
      }
    case .null, .bool, .number, .string: break
    }
  }

  private mutating func pathOrIntrinsic(_ text: String, _ node: SyntaxNode, _ base: PathUse.Base) {
    if text.hasPrefix("$") {
      uses.append(PathUse(text: text, node: node, base: base))
    } else if let call = try? IntrinsicCall.parse(text) {
      for path in call.paths { uses.append(PathUse(text: path, node: node, base: base)) }
    }
  }
}

extension IntrinsicCall {
  /// Every path among the arguments, at any depth.
  var paths: [String] {
    arguments.flatMap { argument -> [String] in
      switch argument {
      case .path(let path): [path]
      case .call(let call): call.paths
      case .string, .number, .bool, .null: []
      }
    }
  }
}

extension StateDefinition {
  /// What `$` is in `Assign`.
  var assignBase: PathUse.Base {
    switch kind {
    case .task, .map, .parallel: .result
    // A Pass assigns from its result, which is what it was given where there is no `Result`.
    case .pass: .other
    case .choice, .wait, .succeed, .fail: .effectiveInput
    }
  }

  /// The plain text of `Resource`, of a Task.
  var resource: Located<String>? {
    if case .task(let task) = kind { return task.resource }
    return nil
  }
}
