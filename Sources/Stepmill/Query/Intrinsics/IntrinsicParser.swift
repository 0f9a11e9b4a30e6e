// Reads an intrinsic function call.
//
//   call     = "States." name "(" [ argument { "," argument } ] ")"
//   argument = string | number | "true" | "false" | "null" | path | call
//
// Spaces may stand between tokens and after the call, not before it. A path is only
// delimited here: it ends at the first comma, closing parenthesis or space outside of its
// brackets, parentheses, quotes and regular expressions.

extension IntrinsicCall {
  /// How deep calls may nest, the outermost counted.
  static let depthMax = 10

  static func parse(_ text: String) throws(IntrinsicSyntaxError) -> IntrinsicCall {
    var parser = IntrinsicParser(bytes: Array(text.utf8))
    guard parser.startsCall else {
      throw IntrinsicSyntaxError(
        offset: 0, message: "An intrinsic function call starts with \"States.\".")
    }
    let call = try parser.call(depth: 1)
    parser.skipSpaces()
    guard parser.isAtEnd else { throw parser.error("Nothing may follow the function call.") }
    return call
  }
}

private struct IntrinsicParser {
  let bytes: [UInt8]
  var position = 0

  var isAtEnd: Bool { position == bytes.count }

  /// The byte at the position, or 0 at the end.
  var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  var startsCall: Bool { bytes[position...].starts(with: "States.".utf8) }

  func error(_ message: String, at offset: Int? = nil) -> IntrinsicSyntaxError {
    IntrinsicSyntaxError(offset: offset ?? position, message: message)
  }

  func text(from start: Int) -> String {
    String(decoding: bytes[start..<position], as: UTF8.self)
  }

  mutating func skipSpaces() {
    while current == .space || current == .tab || current == .lineFeed || current == .carriageReturn {
      position += 1
    }
  }

  mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  mutating func call(depth: Int) throws(IntrinsicSyntaxError) -> IntrinsicCall {
    let start = position
    guard depth <= IntrinsicCall.depthMax else {
      throw error("Function calls nest deeper than \(IntrinsicCall.depthMax) levels.")
    }
    position += "States.".utf8.count
    while current.isWordByte { position += 1 }
    guard let function = Intrinsic(qualifiedName: text(from: start)) else {
      throw error("There is no intrinsic function \"\(text(from: start))\".", at: start)
    }
    skipSpaces()
    guard skip(.openParenthesis) else { throw error("Expected \"(\" after the function's name.") }

    var arguments: [IntrinsicCall.Argument] = []
    skipSpaces()
    if !skip(.closeParenthesis) {
      repeat {
        skipSpaces()
        arguments.append(
          try argument(depth: depth, isTemplate: function == .format && arguments.isEmpty))
        skipSpaces()
      } while skip(.comma)
      guard skip(.closeParenthesis) else { throw error("Expected \",\" or \")\" after an argument.") }
    }
    return IntrinsicCall(function: function, arguments: arguments, text: text(from: start))
  }

  private mutating func argument(
    depth: Int, isTemplate: Bool
  ) throws(IntrinsicSyntaxError) -> IntrinsicCall.Argument {
    switch current {
    case .quote: return .string(try string(isTemplate: isTemplate))
    case .dollar: return .path(try path())
    case .minus, 0x30...0x39: return .number(try number())
    case _ where startsCall: return .call(try call(depth: depth + 1))
    default: return try keyword()
    }
  }

  private mutating func keyword() throws(IntrinsicSyntaxError) -> IntrinsicCall.Argument {
    let start = position
    while current.isWordByte { position += 1 }
    switch text(from: start) {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default:
      throw error(
        "An argument is a 'text', a number, true, false, null, a path or a function call.", at: start)
    }
  }

  /// A number as JSON writes it.
  private mutating func number() throws(IntrinsicSyntaxError) -> String {
    let start = position
    _ = skip(.minus)
    if !skip(0x30) { try digits() }
    if skip(.dot) { try digits() }
    if skip(0x65) || skip(0x45) {
      if !skip(.plus) { _ = skip(.minus) }
      try digits()
    }
    guard !current.isWordByte, current != .dot else { throw error("This is not a number.", at: start) }
    return text(from: start)
  }

  private mutating func digits() throws(IntrinsicSyntaxError) {
    guard current.isDigit else { throw error("Expected a digit.") }
    while current.isDigit { position += 1 }
  }

  private mutating func string(
    isTemplate: Bool
  ) throws(IntrinsicSyntaxError) -> IntrinsicCall.StringLiteral {
    let start = position
    position += 1
    var raw: [UInt8] = []
    var meaning: [UInt8] = []
    while !skip(.quote) {
      guard !isAtEnd else { throw error("The text has no closing quote.", at: start) }
      let byte = current
      position += 1
      raw.append(byte)
      if byte == .backslash {
        guard current == .quote || current == .openBrace || current == .closeBrace || current == .backslash
        else {
          throw error("In a text, a backslash stands only before ', {, } or another one.", at: position - 1)
        }
        raw.append(current)
        meaning.append(current)
        position += 1
      } else {
        meaning.append(byte)
      }
    }
    return IntrinsicCall.StringLiteral(
      text: String(decoding: meaning, as: UTF8.self),
      template: isTemplate ? FormatTemplate(escaped: raw) : nil)
  }

  private mutating func path() throws(IntrinsicSyntaxError) -> String {
    let start = position
    // The brackets and parentheses that are open, innermost last: their closing bytes.
    var open: [UInt8] = []
    scan: while !isAtEnd {
      let byte = current
      switch byte {
      case .openBracket, .openParenthesis:
        open.append(byte == .openBracket ? .closeBracket : .closeParenthesis)
      case .closeBracket where open.isEmpty:
        throw error("The path closes a bracket that it did not open.")
      case .comma, .closeParenthesis, .space, .tab, .lineFeed, .carriageReturn:
        if open.isEmpty { break scan }
        fallthrough
      case .closeBracket:
        if byte == open.last { open.removeLast() }
      case .quote, .doubleQuote, .slash:
        if !open.isEmpty, !skipDelimited() { throw error("The path has no closing quote.") }
      default: break
      }
      position += 1
    }
    guard open.isEmpty else { throw error("The path has no closing bracket.", at: start) }
    return text(from: start)
  }

  /// Moves from the quote or slash here to the one that closes it; a backslash hides one.
  /// A slash that nothing closes is just a slash.
  private mutating func skipDelimited() -> Bool {
    var index = position + 1
    while index < bytes.count, bytes[index] != current {
      index += bytes[index] == .backslash ? 2 : 1
    }
    guard index < bytes.count else { return current == .slash }
    position = index
    return true
  }
}

extension UInt8 {
  fileprivate static let tab: UInt8 = 0x09
  fileprivate static let lineFeed: UInt8 = 0x0A
  fileprivate static let carriageReturn: UInt8 = 0x0D
  fileprivate static let space: UInt8 = 0x20
  fileprivate static let doubleQuote: UInt8 = 0x22
  fileprivate static let dollar: UInt8 = 0x24
  fileprivate static let quote: UInt8 = 0x27
  fileprivate static let openParenthesis: UInt8 = 0x28
  fileprivate static let closeParenthesis: UInt8 = 0x29
  fileprivate static let plus: UInt8 = 0x2B
  fileprivate static let comma: UInt8 = 0x2C
  fileprivate static let minus: UInt8 = 0x2D
  fileprivate static let dot: UInt8 = 0x2E
  fileprivate static let slash: UInt8 = 0x2F
  fileprivate static let openBracket: UInt8 = 0x5B
  fileprivate static let backslash: UInt8 = 0x5C
  fileprivate static let closeBracket: UInt8 = 0x5D
  fileprivate static let openBrace: UInt8 = 0x7B
  fileprivate static let closeBrace: UInt8 = 0x7D

  fileprivate var isDigit: Bool { self >= 0x30 && self <= 0x39 }

  fileprivate var isWordByte: Bool {
    isDigit || self >= 0x41 && self <= 0x5A || self >= 0x61 && self <= 0x7A || self == 0x5F
  }
}
