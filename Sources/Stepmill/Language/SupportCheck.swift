// What is legal on AWS and beyond this version of Stepmill.
//
// The checks of a definition are AWS's alone; this pass, after them, is the one place that
// knows what the engine cannot run yet. A feature that arrives takes its lines out here.

extension Definition {
  /// One error for every state that this version cannot run.
  func unsupported() -> [Diagnostic] {
    var check = SupportCheck(findingsMax: 1000)
    check.machine(machine)
    return check.report.diagnostics(in: source)
  }
}

private struct SupportCheck {
  var report: DiagnosticReport

  init(findingsMax: Int) {
    report = DiagnosticReport(findingsMax: findingsMax)
  }

  mutating func machine(_ machine: Machine) {
    // By index: a state's definition is large, and only a few are of interest.
    for index in machine.states.indices {
      switch machine.states[index].kind {
      case .parallel, .map: state(machine.states[index])
      case .pass, .task, .choice, .wait, .succeed, .fail: break
      }
    }
  }

  private mutating func state(_ state: StateDefinition) {
    switch state.kind {
    case .parallel(let branches):
      for branch in branches { machine(branch) }
    case .map(let map):
      if let type = map.itemReader?["ReaderConfig"]?["InputType"], type.text == "PARQUET" {
        notSupported(
          "Parquet is not read in this version: the state '\(state.name)' cannot run.", at: type,
          hint: "CSV, JSON and JSONL are")
      }
      machine(map.processor)
    case .pass, .task, .choice, .wait, .succeed, .fail:
      break
    }
  }

  private mutating func notSupported(_ message: String, at node: SyntaxNode, hint: String) {
    guard report.count(.error, in: .schema) else { return }
    report.add(
      DiagnosticReport.Finding(
        severity: .error, code: DiagnosticCode.notSupported, message: message, location: node.location,
        pointer: node.pointer, range: node.range, hint: hint),
      in: .schema)
  }
}
