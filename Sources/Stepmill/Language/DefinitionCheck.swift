/// What is found when a definition is read, without compiling it: an entry for tools that
/// measure the checks from outside the module.
package struct DefinitionCheck: Sendable {
  /// Errors and warnings.
  package let diagnostics: [Diagnostic]
  /// States of the whole machine, those in branches and item processors included.
  package let stateCount: Int

  package var isValid: Bool { !diagnostics.contains { $0.severity == .error } }

  package init(_ definition: [UInt8]) {
    let (read, diagnostics) = Definition.read(definition)
    self.diagnostics = diagnostics
    stateCount = read.map { Self.count($0.machine) } ?? 0
  }

  private static func count(_ machine: Machine) -> Int {
    machine.states.reduce(machine.states.count) { sum, state in
      switch state.kind {
      case .parallel(let branches): branches.reduce(sum) { $0 + count($1) }
      case .map(let map): sum + count(map.processor)
      case .pass, .task, .choice, .wait, .succeed, .fail: sum
      }
    }
  }
}
