// Where states lead: targets exist, every state can be reached, the machine can end.
//
// These rules work on the syntax tree, not on what was read from it: a state with a
// mistake in some other field still leads where it says.

/// One `States` object with its entry.
struct StateContainer {
  var node: SyntaxNode
  var startAt: Located<String>?
  var states: [SyntaxMember]
  var isTopLevel: Bool
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
        "Workflow has no terminal state", .error, code: DiagnosticCode.missingEnd, offset: 0, in: .targets)
    }
    for container in containers { checkTransitions(container, reportsUnreachable: !lacksEnd) }
  }

  /// A state that says neither where it leads nor that it ends is a mistake of its own, and may be meant to end.
  private func canEnd(_ container: StateContainer) -> Bool {
    container.states.contains { member in
      let state = member.value
      guard let type = state["Type"]?.text.flatMap(StateTypeName.init) else { return true }
      switch type {
      case .succeed, .fail: return true
      case .choice: return false
      case .task, .wait, .pass, .parallel, .map:
        return state["End"]?.boolean == true || state["Next"] == nil
      }
    }
  }

  private func checkTransitions(_ container: StateContainer, reportsUnreachable: Bool) {
    var indices: [String: Int] = [:]
    indices.reserveCapacity(container.states.count)
    for (index, state) in container.states.enumerated() { indices[state.name] = index }

    var reached = [Bool](repeating: false, count: container.states.count)
    var open: [Int] = []
    if let startAt = container.startAt {
      if let index = indices[startAt.value] {
        reached[index] = true
        open.append(index)
      } else {
        missingTarget(Edge(target: startAt.value, node: startAt.node), container)
      }
    }
    // Targets are looked up once, in source order; the walk comes after.
    var targets: [[Int]] = []
    targets.reserveCapacity(container.states.count)
    for state in container.states {
      targets.append(
        edges(of: state.value).compactMap { edge in
          if let index = indices[edge.target] { return index }
          missingTarget(edge, container)
          return nil
        })
    }
    while let index = open.popLast() {
      for target in targets[index] where !reached[target] {
        reached[target] = true
        open.append(target)
      }
    }
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
    if let elsewhere = stateNodes[target] {
      return "the state at \(elsewhere.location) belongs to another `States` object"
    }
    return didYouMean(target, container.states.lazy.map(\.name))
  }

  /// Where a state leads, in source order. ObjectFields that its type does not have lead nowhere.
  private func edges(of state: SyntaxNode) -> [Edge] {
    guard let members = state.members else { return [] }
    let type = state["Type"]?.text.flatMap(StateTypeName.init)
    var edges: [Edge] = []
    for member in members {
      switch member.name {
      case "Next" where type?.hasTransition ?? true: add(member.value, to: &edges)
      case "Default" where type == .choice: add(member.value, to: &edges)
      case "Choices" where type == .choice, "Catch" where type?.hasCatch ?? false:
        for element in member.value.elements ?? [] {
          if let next = element["Next"] { add(next, to: &edges) }
        }
      default: break
      }
    }
    return edges
  }

  private func add(_ node: SyntaxNode, to edges: inout [Edge]) {
    if let target = node.text { edges.append(Edge(target: target, node: node)) }
  }
}
