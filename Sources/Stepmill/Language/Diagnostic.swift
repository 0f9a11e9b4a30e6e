/// Something that is wrong, or looks wrong, in a definition.
public struct Diagnostic: Sendable, Hashable {
  public enum Severity: String, Sendable {
    case error
    case warning
  }

  public var severity: Severity
  /// The service's code for it, such as `SCHEMA_VALIDATION_FAILED`.
  public var code: String
  /// What is wrong, in the service's words where it has words.
  public var message: String
  /// Where, as the service names it: `/States/Check/Choices[0]/Variable`. Nil where the service names no
  /// place.
  public var location: String?
  /// Where, as a JSON pointer: `/States/Check/Choices/0/Variable`.
  public var pointer: String
  /// Line and column in the definition's text, from 1; the column counts characters.
  public var line: Int
  public var column: Int
  /// What to do about it, where that is known.
  public var hint: String?

  public init(
    severity: Severity = .error, code: String, message: String, location: String?, pointer: String,
    line: Int, column: Int, hint: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.message = message
    self.location = location
    self.pointer = pointer
    self.line = line
    self.column = column
    self.hint = hint
  }
}

extension Diagnostic: CustomStringConvertible {
  public var description: String {
    var text = "\(line):\(column): \(severity.rawValue): \(message)"
    if !pointer.isEmpty { text += " at \(pointer)" }
    if let hint { text += " (\(hint))" }
    return text
  }
}
