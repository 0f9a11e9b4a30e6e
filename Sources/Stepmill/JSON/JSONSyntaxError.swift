/// Why a text is not JSON, and where.
public struct JSONSyntaxError: Error, Sendable, Hashable {

  /// The kind of mistake.
  public enum Code: UInt8, Sendable, Hashable, CaseIterable {
    case unexpectedEnd
    case unexpectedCharacter
    case expectedKey
    case expectedColon
    case expectedCommaOrBracket
    case expectedCommaOrBrace
    case trailingCharacters
    case controlCharacterInString
    case invalidEscape
    case invalidUnicodeEscape
    case invalidUTF8
    case invalidNumber
    case leadingZero
    case nestingTooDeep
    case textTooLong
  }

  public let code: Code
  /// How many bytes of the text lie before the mistake.
  public let offset: Int

  init(_ code: Code, offset: Int) {
    self.code = code
    self.offset = offset
  }

  /// The mistake in a sentence.
  public var message: String {
    switch code {
    case .unexpectedEnd: "The text ends before the JSON value is complete."
    case .unexpectedCharacter: "No JSON value begins with this character."
    case .expectedKey: "Expected a quoted member name."
    case .expectedColon: "Expected a colon after the member name."
    case .expectedCommaOrBracket: "Expected a comma or a closing bracket after the array element."
    case .expectedCommaOrBrace: "Expected a comma or a closing brace after the member."
    case .trailingCharacters: "Nothing but white space may follow the JSON value."
    case .controlCharacterInString: "Control characters in a string must be escaped."
    case .invalidEscape: "A backslash in a string must be followed by one of \" \\ / b f n r t u."
    case .invalidUnicodeEscape: "\\u must be followed by four hexadecimal digits."
    case .invalidUTF8: "The text is not valid UTF-8 here."
    case .invalidNumber: "The number is incomplete: a digit is missing."
    case .leadingZero: "A number must not begin with a superfluous zero."
    case .nestingTooDeep: "Arrays and objects are nested too deeply."
    case .textTooLong: "The text is longer than 4 GiB."
    }
  }

  /// Line and column of the mistake, both counted from 1; columns count characters as
  /// Unicode scalars. `text` must be what was parsed.
  public func position(in text: some Sequence<UInt8>) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in text.prefix(offset) {
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return (line, column)
  }
}

extension JSONSyntaxError: CustomStringConvertible {
  public var description: String { "\(message) (at byte \(offset))" }
}
