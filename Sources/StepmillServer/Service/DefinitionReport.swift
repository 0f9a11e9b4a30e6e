import Stepmill

/// What is wrong with a definition. The one place where the service asks the language for it.
struct DefinitionReport {
  let diagnostics: [Diagnostic]

  init(_ definition: String, _ type: MachineType, _ configuration: ServiceConfiguration) {
    let (_, found) = CompiledDefinition.compile(
      Array(definition.utf8), isExpress: type == .express,
      allowsPlainResources: !configuration.requiresARNs)
    diagnostics = found.filter { !$0.code.hasPrefix("STEPMILL_") }
  }

  /// The errors as an exception quotes them: `CODE: message at LOCATION, CODE: …`.
  static func text(of errors: [Diagnostic]) -> String {
    errors.map { error in
      // A text that is no JSON says its place in its message.
      if error.code == "INVALID_JSON_DESCRIPTION" { return "\(error.code): \(error.message)" }
      return "\(error.code): \(error.message) at \(error.location ?? "null")"
    }.joined(separator: ", ")
  }

  /// The compiled form of a definition that is valid. One that this version of the engine cannot
  /// run becomes a machine that says so.
  static func runnable(
    _ definition: String, _ type: MachineType, _ configuration: ServiceConfiguration
  ) -> CompiledDefinition {
    let (compiled, diagnostics) = CompiledDefinition.compile(
      Array(definition.utf8), isExpress: type == .express,
      allowsPlainResources: !configuration.requiresARNs)
    if let compiled { return compiled }
    let why = diagnostics.first { $0.severity == .error }?.message ?? "The definition cannot be run."
    let refusal: JSON = [
      "StartAt": "NotSupported",
      "States": [
        "NotSupported": ["Type": "Fail", "Error": "Stepmill.NotSupported", "Cause": JSON(why)]
      ],
    ]
    guard let fallback = CompiledDefinition.compile(refusal.utf8).definition else {
      preconditionFailure("BUG in Stepmill (please report): a plain Fail state does not compile")
    }
    return fallback
  }
}
