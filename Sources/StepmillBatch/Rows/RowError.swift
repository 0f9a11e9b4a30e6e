/// Why rows cannot be read.
package struct RowError: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The text breaks the rules of its format.
    case syntax
    /// The text or the compressed stream ends too early.
    case truncated
    /// What is to be iterated is neither array nor object.
    case notIterable
    /// The pointer leads nowhere.
    case pointer
    /// The headers of a CSV text.
    case headers
    /// A format, or a part of one, that is not read.
    case unsupported
    /// A row over the limit.
    case tooLong
    /// The system, or the store that holds the object.
    case source
  }

  package var kind: Kind
  /// In the service's own words where it has any.
  package var message: String
  /// The place in the text, or in the compressed stream where that is what is wrong.
  package var offset: Int?

  package init(_ kind: Kind, _ message: String, at offset: Int? = nil) {
    self.kind = kind
    self.message = message
    self.offset = offset
  }

  package var description: String { offset.map { "\(message) (byte \($0))" } ?? message }
}
