// What rules look at: the definition's machines as graphs, and where to report.
//
// Everything here is worked out once per definition, in time that grows with its size.

final class LintContext {
  let definition: Definition
  let type: StateMachineType
  /// Every `States` object, outer ones before those inside them.
  private(set) var machines: [LintMachine] = []
  var ruleName = ""
  private var report: DiagnosticReport

  init(_ definition: Definition, type: StateMachineType, findingsMax: Int) {
    self.definition = definition
    self.type = type
    report = DiagnosticReport(findingsMax: findingsMax)
    add(definition.machine, container: nil, isIsolated: false)
  }

  private func add(_ machine: Machine, container: LintMachine.Container?, isIsolated: Bool) {
    let index = machines.count
    machines.append(LintMachine(machine, container: container, isIsolated: isIsolated))
    for (state, definition) in machine.states.enumerated() {
      let container = LintMachine.Container(machine: index, state: state)
      switch definition.kind {
      case .parallel(let branches):
        for branch in branches { add(branch, container: container, isIsolated: false) }
      case .map(let map): add(map.processor, container: container, isIsolated: map.isDistributed)
      case .pass, .task, .choice, .wait, .succeed, .fail: break
      }
    }
  }

  // MARK: Walking

  /// Every state of every machine.
  func forEachState(_ body: (StateDefinition, LintMachine) -> Void) {
    for machine in machines {
      for state in machine.states { body(state, machine) }
    }
  }

  /// The states around a machine, innermost first.
  func enclosingStates(of machine: LintMachine) -> [StateDefinition] {
    var states: [StateDefinition] = []
    var container = machine.container
    while let place = container {
      states.append(machines[place.machine].states[place.state])
      container = machines[place.machine].container
    }
    return states
  }

  // MARK: Reporting

  /// Says something about `node`.
  func warn(_ message: String, at node: SyntaxNode, hint: String? = nil) {
    guard report.count(.warning, in: .schema) else { return }
    report.add(
      DiagnosticReport.Finding(
        severity: .warning, code: ruleName, message: message, location: node.location,
        pointer: node.pointer, range: node.range, hint: hint), in: .schema)
  }

  func diagnostics() -> [Diagnostic] {
    report.diagnostics(in: definition.source, inSourceOrder: true)
  }
}

/// A `States` object as a graph.
final class LintMachine {
  struct Container {
    var machine: Int
    var state: Int
  }

  enum Cause {
    case next
    case rule(Int)
    case otherwise
    case catcher(Int)
  }

  struct Edge {
    var target: Int
    var cause: Cause
  }

  let machine: Machine
  /// Where it stands in another machine; nil for the whole definition.
  let container: Container?
  /// The children of a distributed Map: executions of their own.
  let isIsolated: Bool
  let start: Int?
  let edges: [[Edge]]
  private(set) lazy var predecessors: [[(state: Int, cause: Cause)]] = {
    var predecessors = [[(state: Int, cause: Cause)]](repeating: [], count: states.count)
    for (state, edges) in edges.enumerated() {
      for edge in edges { predecessors[edge.target].append((state, edge.cause)) }
    }
    return predecessors
  }()
  /// The states that can come back to themselves, each with the number of its loop: states of the same number
  /// can reach each other.
  private(set) lazy var loops: [Int?] = LoopFinder.loops(edges)

  var states: [StateDefinition] { machine.states }

  init(_ machine: Machine, container: Container?, isIsolated: Bool) {
    self.machine = machine
    self.container = container
    self.isIsolated = isIsolated
    var indices = NameIndex(minimumCapacity: machine.states.count)
    for (index, state) in machine.states.enumerated() { _ = indices.insert(state.name, UInt32(index)) }
    func edge(_ target: Located<String>, _ cause: Cause) -> Edge? {
      indices[target.value].map { Edge(target: Int($0), cause: cause) }
    }
    start = indices[machine.startAt.value].map(Int.init)
    edges = machine.states.map { state in
      var edges: [Edge?] = []
      if case .choice(let choice) = state.kind {
        for (index, rule) in choice.rules.enumerated() { edges.append(edge(rule.next, .rule(index))) }
        if let target = choice.defaultState { edges.append(edge(target, .otherwise)) }
      }
      if case .next(let target) = state.transition { edges.append(edge(target, .next)) }
      for (index, catcher) in state.catchers.enumerated() {
        edges.append(edge(catcher.next, .catcher(index)))
      }
      return edges.compactMap(\.self)
    }
  }
}

/// Tarjan's strongly connected components, without recursion: a loop may have a hundred thousand states.
private struct LoopFinder {
  static func loops(_ edges: [[LintMachine.Edge]]) -> [Int?] {
    let count = edges.count
    var loops = [Int?](repeating: nil, count: count)
    var order = [Int](repeating: -1, count: count)
    var low = [Int](repeating: 0, count: count)
    var isOpen = [Bool](repeating: false, count: count)
    var open: [Int] = []
    var next = 0
    var found = 0
    var path: [(state: Int, edge: Int)] = []
    for root in 0..<count where order[root] < 0 {
      path.append((root, 0))
      while let (state, edge) = path.last {
        if edge == 0 {
          order[state] = next
          low[state] = next
          next += 1
          open.append(state)
          isOpen[state] = true
        }
        if edge < edges[state].count {
          path[path.count - 1].edge += 1
          let target = edges[state][edge].target
          if order[target] < 0 {
            path.append((target, 0))
          } else if isOpen[target] {
            low[state] = min(low[state], order[target])
          }
          continue
        }
        path.removeLast()
        if let above = path.last { low[above.state] = min(low[above.state], low[state]) }
        guard low[state] == order[state] else { continue }
        var members: [Int] = []
        while let member = open.popLast() {
          isOpen[member] = false
          members.append(member)
          if member == state { break }
        }
        let isLoop = members.count > 1 || edges[state].contains { $0.target == state }
        if isLoop {
          for member in members { loops[member] = found }
          found += 1
        }
      }
    }
    return loops
  }
}
