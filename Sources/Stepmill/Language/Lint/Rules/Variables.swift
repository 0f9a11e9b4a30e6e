extension LintRule {
  static let unusedVariable = LintRule(
    "unused-variable", "A variable is assigned and never read.",
    explanation: """
      A variable that no state reads costs its size against the limit of an execution's variables, and mostly means \
      that a name was changed in one place and not in the other.

      Read it, or take it out of `Assign`.
      """
  ) { context in
    VariableUses(context).reportUnused()
  }

  static let variableNotAlwaysAssigned = LintRule(
    "variable-not-always-assigned", "A variable is read where some way to the state has not assigned it.",
    explanation: """
      A path that names a variable without a value fails with States.Runtime, and an expression gives nothing. The \
      rule follows the ways through the machine: if one of them reaches the reading state without passing an \
      `Assign` of the variable, it speaks. A catcher leaves a state without running its `Assign`.

      Assign the variable on every way, or give it a first value in a Pass at the start.
      """
  ) { context in
    VariableUses(context).reportGaps()
  }
}

/// Who assigns and who reads the variables of a definition.
private struct VariableUses {
  let context: LintContext

  init(_ context: LintContext) {
    self.context = context
  }

  struct Assignment {
    var name: String
    var node: SyntaxNode
  }

  // MARK: Unused

  func reportUnused() {
    var children = [[Int]](repeating: [], count: context.machines.count)
    for (index, machine) in context.machines.enumerated() {
      if let container = machine.container { children[container.machine].append(index) }
    }
    // Machines inside come later, so going backwards their reads are known when the outer one's turn comes.
    var reads = [Set<String>](repeating: [], count: context.machines.count)
    for index in context.machines.indices.reversed() {
      let machine = context.machines[index]
      for state in machine.states { for read in state.variableReads { reads[index].insert(read.name) } }
      for child in children[index] where !context.machines[child].isIsolated {
        reads[index].formUnion(reads[child])
      }
      for state in machine.states {
        for assignment in assignments(of: state) where !reads[index].contains(assignment.name) {
          context.warn("The variable '$\(assignment.name)' is assigned and never read.", at: assignment.node)
        }
      }
    }
  }

  private func assignments(of state: StateDefinition) -> [Assignment] {
    var nodes = [state.assign] + state.catchers.map(\.assign)
    if case .choice(let choice) = state.kind { nodes += choice.rules.map(\.assign) }
    return nodes.compactMap(\.self).flatMap { node in
      (node.members ?? .none).map {
        Assignment(name: state.variableName($0.name), node: $0.value)
      }
    }
  }

  // MARK: Gaps

  /// Work that one definition may cost; beyond it the rule is silent.
  private static var stepsMax: Int { 20_000_000 }

  func reportGaps() {
    var steps = 0
    for machine in context.machines {
      // Reads inside of a Parallel or Map count as reads of the state that holds them: its own input
      // scope is what they see.
      var readers: [String: [(state: Int, node: SyntaxNode)]] = [:]
      var assigned: Set<String> = []
      for state in machine.states { for each in assignments(of: state) { assigned.insert(each.name) } }
      if assigned.isEmpty { continue }
      for (index, state) in machine.states.enumerated() {
        for read in state.variableReads where assigned.contains(read.name) {
          readers[read.name, default: []].append((index, read.node))
        }
      }
      for (name, reads) in readers.sorted(by: { $0.key < $1.key }) {
        steps += machine.states.count
        if steps > Self.stepsMax { return }
        let bare = statesReachedWithout(name, in: machine)
        let isReachedAtAll = statesReachedWith(name, in: machine)
        for read in reads where bare[read.state] && isReachedAtAll[read.state] {
          context.warn(
            "The variable '$\(name)' is not assigned on every way to '\(machine.states[read.state].name)'.",
            at: read.node)
        }
      }
    }
  }

  /// The states that some way from the start reaches without an assignment of the variable.
  private func statesReachedWithout(_ name: String, in machine: LintMachine) -> [Bool] {
    var reached = [Bool](repeating: false, count: machine.states.count)
    var open: [Int] = []
    if let start = machine.start {
      reached[start] = true
      open.append(start)
    }
    while let index = open.popLast() {
      for edge in machine.edges[index] where !reached[edge.target] {
        if assigns(machine.states[index], name, on: edge.cause) { continue }
        reached[edge.target] = true
        open.append(edge.target)
      }
    }
    return reached
  }

  /// The states that some assignment reaches. Where none does, the check of definitions has a word already.
  private func statesReachedWith(_ name: String, in machine: LintMachine) -> [Bool] {
    var reached = [Bool](repeating: false, count: machine.states.count)
    var open: [Int] = []
    for (index, state) in machine.states.enumerated() {
      for edge in machine.edges[index] where assigns(state, name, on: edge.cause) && !reached[edge.target] {
        reached[edge.target] = true
        open.append(edge.target)
      }
    }
    while let index = open.popLast() {
      for edge in machine.edges[index] where !reached[edge.target] {
        reached[edge.target] = true
        open.append(edge.target)
      }
    }
    return reached
  }

  private func assigns(_ state: StateDefinition, _ name: String, on cause: LintMachine.Cause) -> Bool {
    let node: SyntaxNode?
    switch cause {
    case .next, .otherwise: node = state.assign
    case .catcher(let index): node = state.catchers[index].assign
    case .rule(let index):
      guard case .choice(let choice) = state.kind else { return false }
      node = choice.rules[index].assign
    }
    return node?.members?.contains { state.variableName($0.name) == name } ?? false
  }
}

extension StateDefinition {
  /// The variable that a member of `Assign` assigns.
  fileprivate func variableName(_ member: String) -> String {
    queryLanguage == .jsonPath && member.hasSuffix(".$") ? String(member.dropLast(2)) : member
  }

  /// Variables that the state reads itself, not counting the machines inside it.
  var variableReads: [(name: String, node: SyntaxNode)] {
    switch queryLanguage {
    case .jsonPath:
      return pathUses.compactMap { use in
        guard let path = try? JSONPath.parse(use.text), case .variable(let name) = path.root else {
          return nil
        }
        return (name, use.node)
      }
    case .jsonata:
      return expressionTexts.flatMap { text in
        ExpressionText.variables(in: text.value).map { ($0, text.node) }
      }
    }
  }
}
