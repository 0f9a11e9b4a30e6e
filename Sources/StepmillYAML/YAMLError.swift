/// Why bytes are not a YAML document that a definition can be read from.
public struct YAMLError: Error, Hashable, Sendable {
  /// What is wrong, in a full sentence.
  public var message: String
  /// The line, from 1.
  public var line: Int
  /// The column, from 1, in characters.
  public var column: Int
  /// What to do about it, where that is known.
  public var hint: String?

  init(_ message: String, at mark: YAMLMark, hint: String? = nil) {
    self.message = message
    line = mark.line
    column = mark.column
    self.hint = hint
  }
}

extension YAMLError: CustomStringConvertible {
  public var description: String {
    "\(line):\(column): \(message)" + (hint.map { " (\($0))" } ?? "")
  }
}

/// A place in a YAML text: line and column, both from 1.
struct YAMLMark: Hashable, Sendable {
  var line: Int
  var column: Int
}
