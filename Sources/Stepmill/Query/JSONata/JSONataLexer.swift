// Text to tokens, over UTF-16 units because that is what positions count.

struct JSONataToken {
  enum Kind {
    case `operator`, string, number, value, name, variable, regex, end
  }

  var kind: Kind
  /// The operator, or how a literal prints in an error.
  var symbol: String
  /// The text of a name, a variable or a string, in the engine's UTF-8.
  var bytes: [UInt8] = []
  /// What a number or one of `true`, `false` and `null` stands for.
  var value: Value = .missing
  /// A regular expression's source and flags.
  var pattern: [UInt16] = []
  var flags = ""
  /// Behind the token.
  var position: Int
}

struct JSONataLexer {
  private let text: [UInt16]
  private let laterOperators: Bool
  private(set) var position = 0
  /// Where the last token begins.
  private(set) var tokenStart = 0

  var count: Int { text.count }

  init(_ text: [UInt16], laterOperators: Bool) {
    self.text = text
    self.laterOperators = laterOperators
  }

  private func unit(_ index: Int) -> UInt16 {
    index >= 0 && index < text.count ? text[index] : 0xFFFF
  }

  private static func ascii(_ character: Unicode.Scalar) -> UInt16 { UInt16(character.value) }

  private static func isSpace(_ unit: UInt16) -> Bool {
    unit == 0x20 || unit == 0x09 || unit == 0x0A || unit == 0x0D || unit == 0x0B
  }

  private static let operatorUnits: Set<UInt16> = Set(".[]{}()@#;:?+-*/%|=<>^&!~,".utf16)

  private static let doubles: Set<String> = ["..", ":=", "!=", ">=", "<=", "**", "~>"]

  /// The next token. Where an operand is expected a slash begins a regular expression.
  mutating func next(infix: Bool) throws(JSONataError) -> JSONataToken {
    try skipBlanks()
    tokenStart = position
    guard position < text.count else {
      return JSONataToken(kind: .end, symbol: "(end)", position: text.count)
    }
    let first = text[position]
    if !infix && first == Self.ascii("/") {
      position += 1
      return try regularExpression()
    }
    if let symbol = operatorHere() {
      position += symbol.utf16.count
      return JSONataToken(kind: .operator, symbol: symbol, position: position)
    }
    if first == Self.ascii("\"") || first == Self.ascii("'") { return try string(first) }
    if let token = try number() { return token }
    if first == Self.ascii("`") { return try quotedName() }
    return name()
  }

  private mutating func skipBlanks() throws(JSONataError) {
    while true {
      while position < text.count && Self.isSpace(text[position]) { position += 1 }
      guard unit(position) == Self.ascii("/"), unit(position + 1) == Self.ascii("*") else { return }
      let start = position
      position += 2
      while !(unit(position) == Self.ascii("*") && unit(position + 1) == Self.ascii("/")) {
        position += 1
        if position >= text.count { throw JSONataError(.s0106, position: start) }
      }
      position += 2
    }
  }

  private func operatorHere() -> String? {
    let first = text[position]
    guard Self.operatorUnits.contains(first) else { return nil }
    let one = String(decoding: [first], as: UTF16.self)
    let two = one + String(decoding: [unit(position + 1)], as: UTF16.self)
    if Self.doubles.contains(two) || laterOperators && (two == "??" || two == "?:") { return two }
    return one
  }

  private mutating func string(_ quote: UInt16) throws(JSONataError) -> JSONataToken {
    position += 1
    var units: [UInt16] = []
    while position < text.count {
      let current = text[position]
      if current == Self.ascii("\\") {
        position += 1
        try escape(&units)
      } else if current == quote {
        position += 1
        let bytes = JSONataText.bytes(units)
        return JSONataToken(
          kind: .string, symbol: String(decoding: bytes, as: UTF8.self), bytes: bytes, position: position)
      } else {
        units.append(current)
      }
      position += 1
    }
    throw JSONataError(.s0101, position: position)
  }

  private mutating func escape(_ units: inout [UInt16]) throws(JSONataError) {
    switch unit(position) {
    case Self.ascii("\""), Self.ascii("\\"), Self.ascii("/"): units.append(text[position])
    case Self.ascii("b"): units.append(8)
    case Self.ascii("f"): units.append(12)
    case Self.ascii("n"): units.append(10)
    case Self.ascii("r"): units.append(13)
    case Self.ascii("t"): units.append(9)
    case Self.ascii("u"):
      var scalar: UInt16 = 0
      for offset in 1...4 {
        guard let digit = Self.hexDigit(unit(position + offset)) else {
          throw JSONataError(.s0104, position: position)
        }
        scalar = scalar << 4 | digit
      }
      units.append(scalar)
      position += 4
    default:
      let token = position < text.count ? String(decoding: [text[position]], as: UTF16.self) : ""
      throw JSONataError(.s0103, position: position, token: token)
    }
  }

  static func hexDigit(_ unit: UInt16) -> UInt16? {
    switch unit {
    case 0x30...0x39: unit - 0x30
    case 0x41...0x46: unit - 0x41 + 10
    case 0x61...0x66: unit - 0x61 + 10
    default: nil
    }
  }

  private mutating func number() throws(JSONataError) -> JSONataToken? {
    func isDigit(_ index: Int) -> Bool { unit(index) >= 0x30 && unit(index) <= 0x39 }
    guard isDigit(position) else { return nil }
    var end = position + 1
    if text[position] != 0x30 { while isDigit(end) { end += 1 } }
    if unit(end) == Self.ascii("."), isDigit(end + 1) {
      end += 1
      while isDigit(end) { end += 1 }
    }
    if unit(end) | 0x20 == Self.ascii("e") {
      var digits = end + 1
      if unit(digits) == Self.ascii("+") || unit(digits) == Self.ascii("-") { digits += 1 }
      if isDigit(digits) {
        end = digits
        while isDigit(end) { end += 1 }
      }
    }
    let written = String(decoding: text[position..<end], as: UTF16.self)
    let value: Value
    if let integer = Int64(written) {
      value = .integer(integer)
    } else if let double = Double(written), double.isFinite {
      value = .jsonataNumber(double)
    } else {
      throw JSONataError(.s0102, position: position, token: written)
    }
    position = end
    return JSONataToken(kind: .number, symbol: written, value: value, position: position)
  }

  private mutating func quotedName() throws(JSONataError) -> JSONataToken {
    position += 1
    guard let end = text[position...].firstIndex(of: Self.ascii("`")) else {
      position = text.count
      throw JSONataError(.s0105, position: position)
    }
    let bytes = JSONataText.bytes(text[position..<end])
    position = end + 1
    return JSONataToken(
      kind: .name, symbol: String(decoding: bytes, as: UTF8.self), bytes: bytes, position: position)
  }

  private mutating func name() -> JSONataToken {
    let start = position
    while position < text.count && !Self.isSpace(text[position])
      && !Self.operatorUnits.contains(text[position])
    {
      position += 1
    }
    let isVariable = text[start] == Self.ascii("$")
    let bytes = JSONataText.bytes(text[(isVariable ? start + 1 : start)..<position])
    let symbol = String(decoding: bytes, as: UTF8.self)
    if isVariable { return JSONataToken(kind: .variable, symbol: symbol, bytes: bytes, position: position) }
    switch symbol {
    case "or", "in", "and":
      return JSONataToken(kind: .operator, symbol: symbol, bytes: bytes, position: position)
    case "true": return JSONataToken(kind: .value, symbol: symbol, value: .true, position: position)
    case "false": return JSONataToken(kind: .value, symbol: symbol, value: .false, position: position)
    case "null": return JSONataToken(kind: .value, symbol: symbol, value: .null, position: position)
    default: return JSONataToken(kind: .name, symbol: symbol, bytes: bytes, position: position)
    }
  }

  /// Behind the opening slash. The closing one is the first that stands outside brackets
  /// and has no odd number of backslashes before it.
  private mutating func regularExpression() throws(JSONataError) -> JSONataToken {
    let start = position
    var depth = 0
    var backslashes = 0
    while position < text.count {
      let current = text[position]
      if current == Self.ascii("/") && depth == 0 && backslashes % 2 == 0 {
        let pattern = Array(text[start..<position])
        if pattern.isEmpty { throw JSONataError(.s0301, position: position) }
        position += 1
        var flags = ""
        while unit(position) == Self.ascii("i") || unit(position) == Self.ascii("m") {
          flags += text[position] == Self.ascii("i") ? "i" : "m"
          position += 1
        }
        let symbol = "/" + String(decoding: pattern, as: UTF16.self) + "/" + flags
        return JSONataToken(
          kind: .regex, symbol: symbol, pattern: pattern, flags: flags, position: position)
      }
      if unit(position - 1) != Self.ascii("\\") {
        switch current {
        case Self.ascii("("), Self.ascii("["), Self.ascii("{"): depth += 1
        case Self.ascii(")"), Self.ascii("]"), Self.ascii("}"): depth -= 1
        default: break
        }
      }
      backslashes = current == Self.ascii("\\") ? backslashes + 1 : 0
      position += 1
    }
    throw JSONataError(.s0302, position: position)
  }
}
