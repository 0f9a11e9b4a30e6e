/// Something that the embedder has to act on. What happens inside workflows is an
/// ``Outcome``, not an error.
public struct StepmillError: Error, Hashable, Sendable, CustomStringConvertible {
  enum Kind: Hashable, Sendable {
    case overloaded, shutDown, system, definition, handlers, input, failed
  }

  let kind: Kind
  private let message: String
  /// What is wrong with a definition.
  public let diagnostics: [Diagnostic]

  /// Something is wrong with what is to be worked on.
  package init(aboutInput message: String) { self.init(.input, message) }

  init(_ kind: Kind, _ message: String, diagnostics: [Diagnostic] = []) {
    self.kind = kind
    self.message = message
    self.diagnostics = diagnostics
  }

  /// What the system refused, for targets beside the core.
  package static func system(_ message: String) -> StepmillError { StepmillError(.system, message) }

  /// More executions are under way than ``Runtime/Configuration/executionsMax`` allows. Try
  /// again when some have ended.
  public var isOverload: Bool { kind == .overloaded }
  /// The runtime has been shut down.
  public var isShutDown: Bool { kind == .shutDown }
  /// The definition has errors: see ``diagnostics``.
  public var isInvalidDefinition: Bool { kind == .definition }
  /// The definition is right, and uses what this version does not support: see ``diagnostics``.
  package var isUnsupported: Bool {
    kind == .definition && diagnostics.contains { $0.code == DiagnosticCode.notSupported }
  }
  /// Some resources of the workflow have no handler.
  public var isMissingHandler: Bool { kind == .handlers }
  /// The input is not JSON.
  public var isInvalidInput: Bool { kind == .input }

  public var description: String {
    ([message] + diagnostics.map(\.description)).joined(separator: "\n  ")
  }
}
