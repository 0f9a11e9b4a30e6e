/// Something that is wrong, or looks wrong, in a definition.
public struct Diagnostic: Sendable, Hashable {
  /// Whether it keeps the definition from being compiled.
  public enum Severity: String, Sendable {
    case error
    case warning
    /// Fine here, but not on AWS; or fine on AWS, and beyond this version.
    case note
  }

  /// Errors refuse the definition, warnings and notes do not.
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
  /// The line in the definition's text, from 1.
  public var line: Int
  /// The column in that line, from 1, in characters.
  public var column: Int
  /// The text in question, as written: a field's name, or a value. Cut where it is long or has several lines;
  /// empty where no text is to blame.
  public var text: String
  /// What to do about it, where that is known.
  public var hint: String?

  /// A diagnostic with all its parts.
  public init(
    severity: Severity = .error, code: String, message: String, location: String?, pointer: String,
    line: Int, column: Int, text: String = "", hint: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.message = message
    self.location = location
    self.pointer = pointer
    self.line = line
    self.column = column
    self.text = text
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
