/// Why a ``Query`` could not be compiled or evaluated.
public struct QueryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, in a sentence.
  public let message: String
  /// JSONata's code, such as `T2001`.
  public let code: String?
  /// The text is no expression; otherwise its evaluation failed.
  public let isSyntaxError: Bool
  /// Where in the text, if that is known: the line, from 1.
  public let line: Int?
  /// The character of the line, from 1.
  public let column: Int?

  init(
    _ message: String, code: String? = nil, isSyntaxError: Bool = false,
    place: (line: Int, column: Int)? = nil
  ) {
    self.message = message
    self.code = code
    self.isSyntaxError = isSyntaxError
    line = place?.line
    column = place?.column
  }

  init(_ error: JSONataError, _ source: QuerySource, isSyntaxError: Bool) {
    self.init(
      error.message, code: error.code.name, isSyntaxError: isSyntaxError, place: source.place(of: error))
  }

  public var description: String {
    let text = code.map { "\($0): \(message)" } ?? message
    guard let line, let column else { return text }
    return line == 1 ? "\(text) (at character \(column))" : "\(text) (at line \(line), character \(column))"
  }
}

/// The text of a query: what of it is the expression, and where places in that are in the whole.
struct QuerySource {
  let text: String
  /// Without `{%` and `%}`, and without blanks around it.
  let inner: String
  private let start: String.Index

  init(_ text: String, _ language: Query.Language) {
    self.text = text
    var range = QuerySource.trimmed(text[...])
    if language == .jsonata, range.hasPrefix("{%"), range.hasSuffix("%}"), range.count >= 4 {
      range = QuerySource.trimmed(range.dropFirst(2).dropLast(2))
    }
    inner = String(range)
    start = range.startIndex
  }

  private static func trimmed(_ text: Substring) -> Substring {
    func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar.value <= 0x20 }
    var view = text.unicodeScalars
    while let first = view.first, isBlank(first) { view.removeFirst() }
    while let last = view.last, isBlank(last) { view.removeLast() }
    return Substring(view)
  }

  func place(utf16 offset: Int) -> (line: Int, column: Int) {
    place(inner.utf16.index(inner.startIndex, offsetBy: max(offset, 0), limitedBy: inner.endIndex))
  }

  func place(utf8 offset: Int) -> (line: Int, column: Int) {
    place(inner.utf8.index(inner.startIndex, offsetBy: max(offset, 0), limitedBy: inner.endIndex))
  }

  func place(scalars offset: Int) -> (line: Int, column: Int) {
    let view = inner.unicodeScalars
    return place(view.index(inner.startIndex, offsetBy: max(offset, 0), limitedBy: inner.endIndex))
  }

  /// The place of a part of the text: where it occurs first, and so many characters into it.
  func place(of part: String, scalars offset: Int = 0) -> (line: Int, column: Int) {
    let all = Array(inner.unicodeScalars)
    let wanted = Array(part.unicodeScalars)
    let last = all.count - wanted.count
    let found = last < 0 ? nil : (0...last).first { all[$0...].starts(with: wanted) }
    return place(scalars: (found ?? 0) + offset)
  }

  /// Where the token that an error is about begins. (The error has its end.)
  func place(of error: JSONataError) -> (line: Int, column: Int)? {
    guard let position = error.position else { return nil }
    let units = Array(inner.utf16)
    let end = min(max(position, 0), units.count)
    switch error.code {
    case .s0106, .s0207, .s0203: return place(utf16: end)
    default: break
    }
    if let token = error.token.map({ Array($0.utf16) }), !token.isEmpty {
      func ends(_ end: Int) -> Bool { units[..<end].suffix(token.count).elementsEqual(token) }
      if ends(end) { return place(utf16: withDollar(end - token.count, units)) }
      // A call's place is its parenthesis; the name stands before it.
      if end > 0, units[end - 1] == 0x28, ends(end - 1) {
        return place(utf16: withDollar(end - 1 - token.count, units))
      }
    }
    // The word, or the single character, that ends there.
    var start = max(end - 1, 0)
    if start > 0, units[start] == 0x28, Self.isWord(units[start - 1]) { start -= 1 }
    while start > 0, Self.isWord(units[start]), Self.isWord(units[start - 1]) { start -= 1 }
    return place(utf16: withDollar(start, units))
  }

  /// A variable's name includes its `$`.
  private func withDollar(_ start: Int, _ units: [UInt16]) -> Int {
    guard start > 0, start < units.count, units[start - 1] == 0x24, Self.isWord(units[start]) else {
      return start
    }
    return start - 1
  }

  private static func isWord(_ unit: UInt16) -> Bool {
    (0x30...0x39).contains(unit) || (0x41...0x5A).contains(unit) || (0x61...0x7A).contains(unit)
      || unit == 0x5F
  }

  private func place(_ index: String.Index?) -> (line: Int, column: Int) {
    let count = inner.utf8.distance(from: inner.startIndex, to: index ?? inner.endIndex)
    let end = text.utf8.index(start, offsetBy: count)
    let before = text.unicodeScalars[..<end]
    let lineStart = before.lastIndex(of: "\n").map { before.index(after: $0) } ?? before.startIndex
    let line = before.count { $0 == "\n" } + 1
    return (line, text[lineStart..<end].count + 1)
  }
}
