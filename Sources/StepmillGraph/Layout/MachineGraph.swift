import Stepmill

// One machine as nodes and edges, before anything has a place. Ways that lead from the same
// state to the same state in the same manner are one edge with several reasons at it.

struct MachineGraph {
  struct Edge {
    var kind: GraphLayout.Edge.Kind
    var source: Int
    var target: Int
    /// What is written at it; edges drawn as one have several.
    var texts: [String] = []
  }

  let states: [DefinitionOutline.State]
  /// The start mark is node 0, the states follow in source order, the end mark (if any state ends the
  /// machine) is the last.
  private(set) var nodeCount: Int
  private(set) var hasEnd = false
  private(set) var edges: [Edge] = []

  static let start = 0
  var end: Int? { hasEnd ? nodeCount - 1 : nil }

  init(_ machine: DefinitionOutline.Machine) {
    states = machine.states
    nodeCount = states.count + 1
    let index = machine.index
    hasEnd = states.contains(where: Self.ends)
    if hasEnd { nodeCount += 1 }
    func node(_ name: String) -> Int? { index[name].map { $0 + 1 } }
    if let first = node(machine.startAt) { edges.append(Edge(kind: .start, source: 0, target: first)) }
    for (offset, state) in states.enumerated() { addEdges(of: state, offset + 1, node) }
  }

  /// Fail ends the whole execution, at once: it is an end of its own.
  private static func ends(_ state: DefinitionOutline.State) -> Bool {
    if case .succeed = state.kind { return true }
    return state.isEnd
  }

  private mutating func addEdges(
    of state: DefinitionOutline.State, _ node: Int, _ nodeNamed: (String) -> Int?
  ) {
    var merged: [Int: Int] = [:]
    if case .choice(let rules, let defaultState) = state.kind {
      for rule in rules {
        guard let target = nodeNamed(rule.next) else { continue }
        let text = ConditionText.text(rule.condition)
        if let edge = merged[target] {
          edges[edge].texts.append(text)
        } else {
          merged[target] = edges.count
          edges.append(Edge(kind: .choice, source: node, target: target, texts: [text]))
        }
      }
      if let target = defaultState.flatMap(nodeNamed) {
        if let edge = merged[target] {
          edges[edge].texts.append("otherwise")
        } else {
          edges.append(Edge(kind: .default, source: node, target: target, texts: ["otherwise"]))
        }
      }
    }
    if let target = state.next.flatMap(nodeNamed) {
      edges.append(Edge(kind: .next, source: node, target: target))
    }
    if let end, Self.ends(state) { edges.append(Edge(kind: .end, source: node, target: end)) }
    merged = [:]
    for catcher in state.catchers {
      guard let target = nodeNamed(catcher.next) else { continue }
      let text = Self.text(ofErrors: catcher.errorEquals)
      if let edge = merged[target] {
        edges[edge].texts.append(text)
      } else {
        merged[target] = edges.count
        edges.append(Edge(kind: .catch, source: node, target: target, texts: [text]))
      }
    }
  }

  private static func text(ofErrors errors: [String]) -> String {
    if errors == ["States.ALL"] { return "any error" }
    return errors.map { $0 == "States.ALL" ? "any error" : $0 }.joined(separator: ", ")
  }
}

/// What a state is or does, in a line below its name.
enum StateCaption {
  static func text(_ state: DefinitionOutline.State) -> String {
    switch state.kind {
    case .pass: return "Pass"
    case .task(let task):
      let suffix =
        switch task.form {
        case .function: "function "
        case .activity: "activity "
        case .request, .job, .token: ""
        }
      return suffix + task.action
    case .choice: return "Choice"
    case .wait(let wait): return self.text(wait)
    case .succeed: return "Succeed"
    case .fail(let error, _):
      return error.map { "Fail: \($0.hasPrefix("$") ? ConditionText.short(path: $0) : $0)" } ?? "Fail"
    case .parallel(let branches):
      return "Parallel: \(branches.count) \(branches.count == 1 ? "branch" : "branches")"
    case .map(let map):
      var text = map.isDistributed ? "Distributed Map" : "Map"
      if let path = map.itemsPath { text += ": each of \(ConditionText.short(path: path))" }
      if let concurrency = map.maxConcurrency, concurrency > 0 {
        text += concurrency == 1 ? ", one at a time" : ", \(concurrency) at a time"
      }
      return text
    }
  }

  private static func text(_ wait: DefinitionOutline.Wait) -> String {
    switch wait {
    case .seconds(let seconds): "Wait \(DurationText.text(seconds: Double(seconds)))"
    case .secondsPath(let path): "Wait \(ConditionText.short(path: path)) seconds"
    case .timestamp(let time): "Wait until \(time)"
    case .timestampPath(let path): "Wait until \(ConditionText.short(path: path))"
    case .expression(let text, let isTimestamp):
      isTimestamp
        ? "Wait until \(ConditionText.expression(text))" : "Wait \(ConditionText.expression(text)) s"
    }
  }
}

/// Times as people say them.
package enum DurationText {
  package static func text(seconds: Double) -> String {
    if seconds < 0.001 { return seconds <= 0 ? "0 s" : "under 1 ms" }
    if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 60 { return "\(decimal(seconds)) s" }
    let units: [(Double, String)] = [(86400, "d"), (3600, "h"), (60, "min")]
    guard seconds < 1e15 else { return "\(seconds) s" }
    for (index, (size, name)) in units.enumerated() where seconds >= size {
      let whole = (seconds / size).rounded(.down)
      let rest = seconds - whole * size
      let (next, nextName) = index + 1 < units.count ? units[index + 1] : (1, "s")
      let small = Int((rest / next).rounded(.down))
      return small > 0 ? "\(Int(whole)) \(name) \(small) \(nextName)" : "\(Int(whole)) \(name)"
    }
    return "\(decimal(seconds)) s"
  }

  /// At most two decimals, none that say nothing.
  private static func decimal(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    if fraction == 0 { return "\(hundredths / 100)" }
    if fraction % 10 == 0 { return "\(hundredths / 100).\(fraction / 10)" }
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
