// Where states lead: targets exist, every state can be reached, the machine can end.
//
// These rules work on the syntax tree, not on what was read from it: a state with a
// mistake in some other field still leads where it says.

/// One `States` object with its entry.
struct StateContainer {
  var node: SyntaxNode
  var startAt: Located<String>?
  var states: SyntaxMembers
  var isTopLevel: Bool
  /// Where each state leads, one state's targets after the other's; `ends` tells them apart.
  var targets: [UInt32] = []
  var ends: [Int] = []

  /// The states that can be entered after one of `states` was left.
  func reached(from states: [Int]) -> [Bool] {
    var reached = [Bool](repeating: false, count: self.states.count)
    var open = states
    while let state = open.popLast() {
      guard state < ends.count else { continue }
      for target in targets[(state == 0 ? 0 : ends[state - 1])..<ends[state]] where !reached[Int(target)] {
        reached[Int(target)] = true
        open.append(Int(target))
      }
    }
    return reached
  }
}

extension DefinitionReader {
  private struct Edge {
    var target: String
    var node: SyntaxNode
  }

  func checkTransitions() {
    let lacksEnd = containers.first.map { !canEnd($0) } ?? false
    if lacksEnd {
      problem(
        "Workflow has no terminal state", .error, code: DiagnosticCode.missingEnd, range: 0..<0, in: .targets)
    }
    for index in containers.indices { checkTransitions(&containers[index], reportsUnreachable: !lacksEnd) }
  }

  /// A state that says neither where it leads nor that it ends is a mistake of its own, and may be meant to end.
  private func canEnd(_ container: StateContainer) -> Bool {
    container.states.contains { member in
      let state = member.value
      guard let type = state["Type"]?.text.flatMap(StateTypeName.named) else { return true }
      switch type {
      case .succeed, .fail: return true
      case .choice: return false
      case .task, .wait, .pass, .parallel, .map:
        return state["End"]?.boolean == true || state["Next"] == nil
      }
    }
  }

  private func checkTransitions(_ container: inout StateContainer, reportsUnreachable: Bool) {
    var indices = NameIndex(minimumCapacity: container.states.count)
    for (index, state) in container.states.enumerated() { _ = indices.insert(state.name, UInt32(index)) }

    var reached = [Bool](repeating: false, count: container.states.count)
    var open: [UInt32] = []
    if let startAt = container.startAt {
      if let index = indices[startAt.value] {
        reached[Int(index)] = true
        open.append(index)
      } else {
        missingTarget(Edge(target: startAt.value, node: startAt.node), container)
      }
    }
    // Targets are looked up once, in source order; the walk comes after.
    var targets: [UInt32] = []
    var ends: [Int] = []
    targets.reserveCapacity(container.states.count * 2)
    ends.reserveCapacity(container.states.count)
    for state in container.states {
      forEachEdge(of: state.value) { edge in
        if let index = indices[edge.target] {
          targets.append(index)
        } else {
          missingTarget(edge, container)
        }
      }
      ends.append(targets.count)
    }
    while let index = open.popLast() {
      let start = index == 0 ? 0 : ends[Int(index) - 1]
      for target in targets[start..<ends[Int(index)]] where !reached[Int(target)] {
        reached[Int(target)] = true
        open.append(target)
      }
    }
    container.targets = targets
    container.ends = ends
    guard reportsUnreachable, container.startAt != nil else { return }
    for (index, state) in container.states.enumerated() where !reached[index] {
      error(
        "State \"\(state.name)\" is not reachable.", code: DiagnosticCode.missingTarget, at: state.value,
        member: state, in: .reachability)
    }
  }

  private func missingTarget(_ edge: Edge, _ container: StateContainer) {
    error(
      "Missing 'Next' target: \(edge.target)", code: DiagnosticCode.missingTarget, at: edge.node,
      in: .targets,
      hint: targetHint(edge.target, container))
  }

  private func targetHint(_ target: String, _ container: StateContainer) -> String? {
    if let elsewhere = stateNode(named: target) {
      return "the state at \(elsewhere.location) belongs to another `States` object"
    }
    return didYouMean(target, container.states.lazy.map(\.name))
  }

  /// Where a state leads, in source order. Fields that its type does not have lead nowhere.
  private func forEachEdge(of state: SyntaxNode, _ body: (Edge) -> Void) {
    guard case .object(let members) = state.kind else { return }
    let type = state["Type"]?.text.flatMap(StateTypeName.named)
    func add(_ node: SyntaxNode) {
      if let target = node.text { body(Edge(target: target, node: node)) }
    }
    for index in members.indices {
      switch members[index].name {
      case "Next" where type?.hasTransition ?? true: add(members[index].value)
      case "Default" where type == .choice: add(members[index].value)
      case "Choices" where type == .choice, "Catch" where type?.hasCatch ?? false:
        for element in members[index].value.elements ?? .none {
          if let next = element["Next"] { add(next) }
        }
      default: break
      }
    }
  }
}
