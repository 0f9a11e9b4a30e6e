// The checks of a definition, for everybody outside of this module: the API's
// ValidateStateMachineDefinition and CreateStateMachine, the commands, tools that measure.
//
// There are two views. The service's own reports what AWS reports, and nothing else. The
// author's adds what AWS has no words for: names that stand twice, what runs here and not
// there, what AWS runs and this version does not.

/// What is found when a definition is read, without compiling it.
package struct DefinitionCheck: Sendable {
  /// Errors in the service's order, then warnings, then notes.
  package let diagnostics: [Diagnostic]
  /// More was found than is listed.
  package let isTruncated: Bool
  /// States of the whole machine, those in branches and item processors included; 0 if there are errors.
  package let stateCount: Int
  /// No error was found.
  package let isValid: Bool

  /// The most bytes that a definition on AWS may have.
  package static let serviceBytesMax = 1_048_576

  /// As an author wants it: everything, notes included, unless `isStrict` asks for AWS's view of what runs here
  /// too (handlers by plain names).
  package init(
    _ definition: [UInt8], type: StateMachineType = .standard, isStrict: Bool = false, maximum: Int = 1000
  ) {
    var options = Definition.ReadingOptions()
    options.allowsPlainResources = !isStrict
    options.notesPlainResources = !isStrict
    options.isExpress = type == .express
    options.diagnosticsMax = maximum
    var (read, diagnostics) = Definition.read(definition, options: options)
    if definition.count > Self.serviceBytesMax {
      diagnostics.append(
        Diagnostic(
          severity: isStrict ? .error : .note, code: DiagnosticCode.tooLarge,
          message: "The definition has \(definition.count) bytes; AWS takes \(Self.serviceBytesMax).",
          location: nil, pointer: "", line: 1, column: 1))
    }
    if !isStrict, let read {
      diagnostics += read.unsupported().map { diagnostic in
        var note = diagnostic
        note.severity = .note
        return note
      }
    }
    self.init(
      diagnostics, isTruncated: diagnostics.contains { $0.code == DiagnosticCode.tooMany },
      read.map { Self.count($0.machine) } ?? 0)
  }

  /// As ValidateStateMachineDefinition answers: AWS's diagnostics of at least `severity`, at most `maximum` of
  /// them.
  ///
  /// - Parameter maximum: 1 to 100; 0 stands for 100, as it does in the API.
  package static func serviceView(
    _ definition: [UInt8], type: StateMachineType = .standard, severity: Diagnostic.Severity = .error,
    maximum: Int = 100
  ) -> DefinitionCheck {
    let maximum = maximum <= 0 ? 100 : maximum
    var options = Definition.ReadingOptions()
    options.allowsPlainResources = false
    options.isExpress = type == .express
    options.reportsOwnFindings = false
    // One more than is listed, and the line that closes a cut list, tell whether there is more.
    options.diagnosticsMax = maximum + 1
    let (read, diagnostics) = Definition.read(definition, options: options)
    let found = diagnostics.filter {
      $0.code != DiagnosticCode.tooMany && ($0.severity == .error || severity != .error)
    }
    return DefinitionCheck(
      Array(found.prefix(maximum)), isTruncated: found.count > maximum, isValid: read != nil,
      read.map { count($0.machine) } ?? 0)
  }

  private init(_ diagnostics: [Diagnostic], isTruncated: Bool, isValid: Bool? = nil, _ stateCount: Int) {
    self.diagnostics = diagnostics
    self.isTruncated = isTruncated
    self.stateCount = stateCount
    self.isValid = isValid ?? !diagnostics.contains { $0.severity == .error }
  }

  /// The message of the service's InvalidDefinition; nil if there is no error.
  package var invalidDefinitionMessage: String? {
    let errors = diagnostics.filter { $0.severity == .error }
    if errors.isEmpty { return nil }
    let parts = errors.map { "\($0.code): \($0.message) at \($0.location ?? "null")" }
    return "Invalid State Machine Definition: '\(parts.joined(separator: ", "))'"
  }

  private static func count(_ machine: Machine) -> Int {
    var sum = machine.states.count
    for index in machine.states.indices {
      switch machine.states[index].kind {
      case .parallel(let branches): for branch in branches { sum += count(branch) }
      case .map(let map): sum += count(map.processor)
      case .pass, .task, .choice, .wait, .succeed, .fail: break
      }
    }
    return sum
  }
}

/// A definition that has been read and is compiled again and again: for measuring the compiler alone.
package struct CompilationInput: Sendable {
  // Nobody changes the tree after it was read.
  private nonisolated(unsafe) let definition: Definition

  /// Nil if the definition has errors.
  package init?(_ text: [UInt8]) {
    guard let definition = Definition.read(text).definition else { return nil }
    self.definition = definition
  }

  package func compile() -> CompiledDefinition { CompiledDefinition(Compiler.compile(definition)) }
}

extension CompiledDefinition {
  /// States of the whole machine.
  package var stateCount: Int { program.counts.ops }
}
