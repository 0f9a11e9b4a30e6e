// The language inside of `[?(…)]`:
//
//   or       := and ("||" and)*
//   and      := operand ("&&" operand)*
//   operand  := "!" operand | "(" or ")" | relation
//   relation := value [operator value]        a path alone asks whether it exists
//
// One oddity is kept because both releases of the library have it: a `!` directly before a
// path only turns the question of existence around. In `!@.a == 1` it means nothing.

extension PathParser {
  mutating func readFilter() throws(PathSyntaxError) -> PathFilter {
    var left = try readConjunction()
    while taken("||") {
      left = .or(left, try readConjunction())
    }
    return left
  }

  private mutating func readConjunction() throws(PathSyntaxError) -> PathFilter {
    var left = try readFilterOperand()
    while taken("&&") {
      left = .and(left, try readFilterOperand())
    }
    return left
  }

  private mutating func readFilterOperand() throws(PathSyntaxError) -> PathFilter {
    skipBlanks()
    try enter(at: position)
    defer { nesting -= 1 }
    guard position < end else { throw error("The filter ends too early") }
    switch bytes[position] {
    case UInt8(ascii: "!"):
      position += 1
      skipBlanks()
      guard position < end else { throw error("The filter ends too early") }
      if isPathStart(bytes[position]) { return try readRelation(negated: true) }
      return .not(try readFilterOperand())
    case UInt8(ascii: "("):
      position += 1
      let inner = try readFilter()
      try take(UInt8(ascii: ")"), "Expected character: )")
      skipBlanks()
      return inner
    default:
      return try readRelation(negated: false)
    }
  }

  private mutating func readRelation(negated: Bool) throws(PathSyntaxError) -> PathFilter {
    let start = position
    relations += 1
    if relations > PathLimits.relationsMax {
      throw error("The path has more than \(PathLimits.relationsMax) conditions")
    }
    let left = try readOperand(bareWords: false)
    skipBlanks()
    if let relation = readRelationOperator() {
      skipBlanks()
      let right = try readOperand(bareWords: true)
      skipBlanks()
      return .relation(left, relation, right)
    }
    guard case .path(let reference) = left else { throw error("Expected path node", at: start) }
    return negated ? .not(.exists(reference)) : .exists(reference)
  }

  private mutating func taken(_ operatorText: StaticString) -> Bool {
    skipBlanks()
    let first = operatorText.utf8Start[0]
    guard position + 1 < end, bytes[position] == first, bytes[position + 1] == first else { return false }
    position += 2
    return true
  }

  /// The relation at `position`, if one stands there. Words count in any case and must be
  /// followed by something that is not part of a word.
  private mutating func readRelationOperator() -> PathRelation? {
    let start = position
    if position < end, isRelationSign(bytes[position]) {
      while position < end, isRelationSign(bytes[position]) { position += 1 }
      // `==!@.b` holds two signs that do not belong together; the longest known one counts.
      while position > start {
        if let relation = Self.signs[string(start, position)] { return relation }
        position -= 1
      }
      return nil
    }
    while position < end, Self.isNameByte(bytes[position], first: true) { position += 1 }
    if let relation = Self.words[string(start, position).lowercased()] { return relation }
    position = start
    return nil
  }

  private static let signs: [String: PathRelation] = [
    "==": .equal, "!=": .notEqual, "===": .identical, "!==": .notIdentical,
    "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual, "=~": .matches,
  ]

  private static let words: [String: PathRelation] = [
    "in": .in, "nin": .notIn, "contains": .contains, "all": .all, "subsetof": .subsetOf,
    "anyof": .anyOf, "noneof": .noneOf, "size": .size, "empty": .empty, "type": .type,
  ]

  private func isRelationSign(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "=") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "<")
      || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "~")
  }

  private func isPathStart(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "@") || byte == UInt8(ascii: "$")
  }

  // MARK: Operands

  private mutating func readOperand(bareWords: Bool) throws(PathSyntaxError) -> PathOperand {
    guard position < end else { throw error("The filter ends too early") }
    let byte = bytes[position]
    if isPathStart(byte) { return .path(try readFilterPath()) }
    if byte == UInt8(ascii: "/") { return .pattern(try readPattern()) }
    if bareWords, let word = readBareWord() { return .literal(.string(word)) }
    return .literal(try readLiteral())
  }

  /// Cuts out the path that starts here and reads it. It ends at a blank, at an operator or
  /// at a parenthesis that it did not open; brackets protect what they hold.
  private mutating func readFilterPath() throws(PathSyntaxError) -> PathReference {
    let start = position
    var stop = position + 1
    var open = 0
    var quote: UInt8 = 0
    var parentheses = 0
    loop: while stop < end {
      let byte = bytes[stop]
      if quote != 0 {
        if byte == UInt8(ascii: "\\") { stop += 1 } else if byte == quote { quote = 0 }
      } else if open > 0 || parentheses > 0 {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
        case UInt8(ascii: "["): open += 1
        case UInt8(ascii: "]"): open -= 1
        case UInt8(ascii: "("): parentheses += 1
        case UInt8(ascii: ")"): parentheses -= 1
        default: break
        }
      } else {
        switch byte {
        case UInt8(ascii: "["): open += 1
        case UInt8(ascii: "("): parentheses += 1
        case UInt8(ascii: ")"): break loop
        case UInt8(ascii: "&"), UInt8(ascii: "|"):
          if stop + 1 < end, bytes[stop + 1] == byte { break loop }
        default:
          if isRelationSign(byte) || Self.isWhitespace(byte) { break loop }
        }
      }
      stop += 1
    }
    guard quote == 0, open == 0, parentheses == 0, stop <= end else {
      throw error("Brackets do not match in filter", at: start)
    }
    let outer = end
    end = stop
    defer { end = outer }
    position = start + 1
    let steps = try stepsAfterRoot()
    return try nested(PathReference(isFromRoot: bytes[start] == UInt8(ascii: "$"), steps: steps))
  }

  private mutating func readPattern() throws(PathSyntaxError) -> RegularExpression {
    let start = position
    position += 1
    while position < end, bytes[position] != UInt8(ascii: "/") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < end else { throw error("Pattern not closed. Expected '/'", at: start) }
    let pattern = string(start + 1, position)
    position += 1
    var flags: RegularExpression.Flags = []
    loop: while position < end {
      switch bytes[position] {
      case UInt8(ascii: "i"): flags.insert(.ignoresCase)
      case UInt8(ascii: "m"): flags.insert(.multipleLines)
      case UInt8(ascii: "s"): flags.insert(.dotMatchesAll)
      case UInt8(ascii: "u"): flags.insert(.unicodeCase)
      default: break loop
      }
      position += 1
    }
    do {
      return try RegularExpression.parse(pattern, flags: flags)
    } catch {
      throw self.error(error.message, at: start + 1 + error.offset)
    }
  }

  /// A string without quotes, as release 2.0.0 takes it: letters first, up to the next
  /// blank, parenthesis or logical operator. `true`, `false` and `null` are none.
  private mutating func readBareWord() -> String? {
    guard Self.isNameByte(bytes[position], first: true) else { return nil }
    let start = position
    var stop = position
    while stop < end, !Self.isWhitespace(bytes[stop]), bytes[stop] != UInt8(ascii: ")"),
      bytes[stop] != UInt8(ascii: "&"), bytes[stop] != UInt8(ascii: "|")
    {
      stop += 1
    }
    let word = string(start, stop)
    switch word.lowercased() {
    case "true", "false", "null": return nil
    default: break
    }
    position = stop
    return word
  }

  // MARK: Literals

  mutating func readLiteral() throws(PathSyntaxError) -> PathLiteral {
    guard position < end else { throw error("A value is missing") }
    switch bytes[position] {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try readQuoted())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try readNumber())
    case UInt8(ascii: "["): return try readArray()
    case UInt8(ascii: "{"): return try readObject()
    default: break
    }
    let start = position
    while position < end, Self.isNameByte(bytes[position], first: true) { position += 1 }
    switch string(start, position).lowercased() {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default: throw error("Failed to parse filter", at: start)
    }
  }

  /// Digits, signs, points and exponents; `01` and `1.` are numbers too.
  private mutating func readNumber() throws(PathSyntaxError) -> String {
    let start = position
    loop: while position < end {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "E"),
        UInt8(ascii: "e"):
        position += 1
      case UInt8(ascii: "+") where bytes[position - 1] == UInt8(ascii: "e"),
        UInt8(ascii: "+") where bytes[position - 1] == UInt8(ascii: "E"):
        position += 1
      default: break loop
      }
    }
    var number = string(start, position)
    if number.utf8.last == UInt8(ascii: ".") { number += "0" }
    guard let value = Double(number), value.isFinite else {
      throw error("'\(number)' is not a number", at: start)
    }
    return number
  }

  private mutating func readArray() throws(PathSyntaxError) -> PathLiteral {
    try enter(at: position)
    defer { nesting -= 1 }
    position += 1
    var elements: [PathLiteral] = []
    skipBlanks()
    while position < end, bytes[position] != UInt8(ascii: "]") {
      elements.append(try readLiteral())
      skipBlanks()
      guard position < end, bytes[position] == UInt8(ascii: ",") else { break }
      position += 1
      skipBlanks()
    }
    try take(UInt8(ascii: "]"), "']' expected")
    return .array(elements)
  }

  private mutating func readObject() throws(PathSyntaxError) -> PathLiteral {
    try enter(at: position)
    defer { nesting -= 1 }
    position += 1
    var members: [(name: String, value: PathLiteral)] = []
    skipBlanks()
    while position < end, bytes[position] == UInt8(ascii: "'") || bytes[position] == UInt8(ascii: "\"") {
      let name = try readQuoted()
      skipBlanks()
      try take(UInt8(ascii: ":"), "':' expected")
      skipBlanks()
      members.append((name, try readLiteral()))
      skipBlanks()
      guard position < end, bytes[position] == UInt8(ascii: ",") else { break }
      position += 1
      skipBlanks()
    }
    try take(UInt8(ascii: "}"), "'}' expected")
    return .object(members)
  }

  /// The text between two quotes of one kind, without its backslashes.
  mutating func readQuoted() throws(PathSyntaxError) -> String {
    let open = position
    let quote = bytes[position]
    position += 1
    var result: [UInt8] = []
    while position < end, bytes[position] != quote {
      if bytes[position] == UInt8(ascii: "\\") {
        try readEscape(into: &result)
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    guard position < end else { throw error("Could not find matching close quote", at: open) }
    position += 1
    return String(decoding: result, as: UTF8.self)
  }

  /// The name between two quotes of one kind.
  ///
  /// The service takes what stands between them as it is, backslashes included: it was seen to
  /// select the member `Test\""Name"` by `$['Test\""Name"']`, as releases of the library up to
  /// 2.0.0 do. Only a backslash before the quote itself is one that protects it.
  mutating func readQuotedName() throws(PathSyntaxError) -> String {
    guard dialect == .stepFunctions else { return try readQuoted() }
    let open = position
    let quote = bytes[position]
    position += 1
    var result: [UInt8] = []
    while position < end, bytes[position] != quote {
      if bytes[position] == UInt8(ascii: "\\"), position + 1 < end {
        if bytes[position + 1] != quote { result.append(bytes[position]) }
        position += 1
      }
      result.append(bytes[position])
      position += 1
    }
    guard position < end else { throw error("Could not find matching close quote", at: open) }
    position += 1
    return String(decoding: result, as: UTF8.self)
  }

  private mutating func readEscape(into result: inout [UInt8]) throws(PathSyntaxError) {
    guard position + 1 < end else { throw error("The escape is not complete") }
    let byte = bytes[position + 1]
    position += 2
    switch byte {
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "u"):
      var scalar = try readHexadecimal()
      if scalar & 0xFC00 == 0xD800, position + 1 < end, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      {
        let mark = position
        position += 2
        let low = try readHexadecimal()
        if low & 0xFC00 == 0xDC00 {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
        } else {
          position = mark
        }
      }
      result.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    default:
      result.append(byte)
    }
  }

  private mutating func readHexadecimal() throws(PathSyntaxError) -> UInt32 {
    guard position + 4 <= end, let value = UInt32(string(position, position + 4), radix: 16) else {
      throw error("Four hexadecimal digits expected")
    }
    position += 4
    return value
  }
}
