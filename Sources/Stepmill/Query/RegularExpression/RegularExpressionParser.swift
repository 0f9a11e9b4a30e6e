// From a pattern's text to instructions: first a tree, then straight code. A counted
// repetition is written out, which keeps the matcher free of counters.

struct RegularExpressionParser {
  private indirect enum Node {
    case empty
    case scalar(UInt32)
    case any
    case set(RegularExpression.ScalarSet)
    case sequence([Node])
    case choice([Node])
    case loop(Node, low: Int, high: Int?, isLazy: Bool)
    case start
    case end
    case boundary(Bool)
  }

  private typealias SyntaxError = RegularExpression.SyntaxError

  private let scalars: [Unicode.Scalar]
  private let flags: RegularExpression.Flags
  private var position = 0
  private var nesting = 0

  private var instructions: [RegularExpression.Instruction] = []
  private var sets: [RegularExpression.ScalarSet] = []
  private var marks = 0

  init(_ pattern: String, flags: RegularExpression.Flags) {
    scalars = Array(pattern.unicodeScalars)
    self.flags = flags
  }

  mutating func parse() throws(RegularExpression.SyntaxError) -> RegularExpression {
    let tree = try readChoice()
    if position < scalars.count { throw error("Unmatched ')' in pattern") }
    try emit(tree)
    try append(.accept)
    return RegularExpression(instructions: instructions, sets: sets, marks: marks, flags: flags)
  }

  // MARK: Reading

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  private func error(_ message: String) -> SyntaxError {
    let offset = scalars[..<min(position, scalars.count)].reduce(0) { $0 + UTF8.width($1) }
    return SyntaxError(message: message, offset: offset)
  }

  private mutating func readChoice() throws(RegularExpression.SyntaxError) -> Node {
    nesting += 1
    defer { nesting -= 1 }
    if nesting > RegularExpression.nestingMax { throw error("The pattern is nested too deeply") }
    var choices = [try readSequence()]
    while take("|") { choices.append(try readSequence()) }
    return choices.count == 1 ? choices[0] : .choice(choices)
  }

  private mutating func readSequence() throws(RegularExpression.SyntaxError) -> Node {
    var items: [Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      items.append(try readQuantified())
    }
    return items.count == 1 ? items[0] : .sequence(items)
  }

  private mutating func readQuantified() throws(RegularExpression.SyntaxError) -> Node {
    var node = try readAtom()
    while let (low, high) = try readQuantifier() {
      let isLazy = take("?")
      if !isLazy, next == "+" { throw error("Possessive quantifiers are not supported") }
      if case .loop = node { nesting += 1 }
      if nesting > RegularExpression.nestingMax { throw error("The pattern is nested too deeply") }
      node = .loop(node, low: low, high: high, isLazy: isLazy)
    }
    return node
  }

  private mutating func readQuantifier() throws(RegularExpression.SyntaxError) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard next == "{" else { return nil }
    position += 1
    guard let low = readNumber() else { throw error("A number is expected behind '{'") }
    var high: Int? = low
    if take(",") { high = readNumber() }
    guard take("}") else { throw error("The repetition is not closed") }
    if let high, high < low { throw error("The repetition's bounds are the wrong way round") }
    return (low, high)
  }

  private mutating func readNumber() -> Int? {
    var number: Int?
    while let scalar = next, scalar.value >= 0x30, scalar.value <= 0x39 {
      number = min((number ?? 0) * 10 + Int(scalar.value - 0x30), 1_000_000)
      position += 1
    }
    return number
  }

  private mutating func readAtom() throws(RegularExpression.SyntaxError) -> Node {
    guard let scalar = next else { return .empty }
    switch scalar {
    case "(":
      position += 1
      if take("?") {
        guard take(":") else { throw error("This kind of group is not supported") }
      }
      let inner = try readChoice()
      guard take(")") else { throw error("A group is not closed") }
      return inner
    case "[":
      position += 1
      return .set(try readClass())
    case ".":
      position += 1
      return .any
    case "^":
      position += 1
      return .start
    case "$":
      position += 1
      return .end
    case "*", "+", "?", "{":
      throw error("Nothing to repeat")
    case "\\":
      position += 1
      return try readEscape()
    default:
      position += 1
      return .scalar(scalar.value)
    }
  }

  private mutating func readEscape() throws(RegularExpression.SyntaxError) -> Node {
    guard let scalar = next else { throw error("The pattern ends in a backslash") }
    if let set = Self.shorthand(scalar) {
      position += 1
      return .set(set)
    }
    switch scalar {
    case "b", "B":
      position += 1
      return .boundary(scalar == "b")
    case "A":
      position += 1
      return .start
    case "z", "Z":
      position += 1
      return .end
    case "1"..."9":
      throw error("Back references are not supported")
    default:
      return .scalar(try readEscapedScalar())
    }
  }

  /// The scalar that an escape stands for; `position` is behind the backslash.
  private mutating func readEscapedScalar() throws(RegularExpression.SyntaxError) -> UInt32 {
    guard let scalar = next else { throw error("The pattern ends in a backslash") }
    position += 1
    switch scalar {
    case "t": return 0x09
    case "n": return 0x0A
    case "v": return 0x0B
    case "f": return 0x0C
    case "r": return 0x0D
    case "0": return 0
    case "x": return try readHexadecimal(2)
    case "u":
      let high = try readHexadecimal(4)
      guard high & 0xFC00 == 0xD800, position + 1 < scalars.count, scalars[position] == "\\",
        scalars[position + 1] == "u"
      else { return high }
      position += 2
      let low = try readHexadecimal(4)
      return 0x10000 + (high & 0x3FF) << 10 + low & 0x3FF
    case "a"..."z", "A"..."Z":
      throw error("Unknown escape '\\\(scalar)'")
    default:
      return scalar.value
    }
  }

  private mutating func readHexadecimal(_ digits: Int) throws(RegularExpression.SyntaxError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let scalar = next, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
        throw error("\(digits) hexadecimal digits expected")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// A class behind its opening bracket.
  private mutating func readClass() throws(RegularExpression.SyntaxError) -> RegularExpression.ScalarSet {
    var set = RegularExpression.ScalarSet()
    set.isNegated = take("^")
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      isFirst = false
      position += 1
      var low = scalar.value
      if scalar == "\\" {
        if let escaped = next, let shorthand = Self.shorthand(escaped) {
          position += 1
          set.ranges += shorthand.positiveRanges
          continue
        }
        low = next == "b" ? 0x08 : try readEscapedScalar()
        if low == 0x08, next == "b" { position += 1 }
      }
      var high = low
      if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        high = scalars[position].value
        position += 1
        if high == 0x5C { high = try readEscapedScalar() }
      }
      guard low <= high else { throw error("A range in a class is the wrong way round") }
      set.ranges.append(low...high)
    }
    guard take("]") else { throw error("A class is not closed") }
    return set
  }

  private static func shorthand(_ scalar: Unicode.Scalar) -> RegularExpression.ScalarSet? {
    let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    let words = digits + [0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    let spaces: [ClosedRange<UInt32>] = [0x09...0x0D, 0x20...0x20]
    switch scalar {
    case "d": return RegularExpression.ScalarSet(ranges: digits)
    case "D": return RegularExpression.ScalarSet(ranges: digits, isNegated: true)
    case "w": return RegularExpression.ScalarSet(ranges: words)
    case "W": return RegularExpression.ScalarSet(ranges: words, isNegated: true)
    case "s": return RegularExpression.ScalarSet(ranges: spaces)
    case "S": return RegularExpression.ScalarSet(ranges: spaces, isNegated: true)
    default: return nil
    }
  }

  // MARK: Writing

  private mutating func append(_ instruction: RegularExpression.Instruction) throws(RegularExpression.SyntaxError)
  {
    if instructions.count >= RegularExpression.instructionsMax { throw error("The pattern is too large") }
    instructions.append(instruction)
  }

  private mutating func emit(_ node: Node) throws(RegularExpression.SyntaxError) {
    switch node {
    case .empty: break
    case .scalar(let scalar): try append(.scalar(scalar))
    case .any: try append(.any)
    case .set(let set):
      try append(.set(sets.count))
      sets.append(set)
    case .start: try append(.start)
    case .end: try append(.end)
    case .boundary(let wanted): try append(.boundary(wanted))
    case .sequence(let items): for item in items { try emit(item) }
    case .choice(let choices): try emitChoice(choices)
    case .loop(let body, let low, let high, let isLazy):
      for _ in 0..<low {
        let before = instructions.count
        try emit(body)
        // Repeating what writes no code repeats nothing, and would never reach the limit.
        if instructions.count == before { return }
      }
      if let high {
        try emitOptional(body, times: high - low, isLazy: isLazy)
      } else {
        try emitStar(body, isLazy: isLazy)
      }
    }
  }

  private mutating func emitChoice(_ choices: [Node]) throws(RegularExpression.SyntaxError) {
    var jumps: [Int] = []
    for choice in choices.dropLast() {
      let split = instructions.count
      try append(.split(split + 1, 0))
      try emit(choice)
      jumps.append(instructions.count)
      try append(.jump(0))
      instructions[split] = .split(split + 1, instructions.count)
    }
    try emit(choices[choices.count - 1])
    for jump in jumps { instructions[jump] = .jump(instructions.count) }
  }

  private mutating func emitStar(_ body: Node, isLazy: Bool) throws(RegularExpression.SyntaxError) {
    let split = instructions.count
    let mark = marks
    marks += 1
    try append(.split(0, 0))
    try append(.mark(mark))
    try emit(body)
    try append(.progress(mark))
    try append(.jump(split))
    let exit = instructions.count
    instructions[split] = isLazy ? .split(exit, split + 1) : .split(split + 1, exit)
  }

  private mutating func emitOptional(
    _ body: Node, times: Int, isLazy: Bool
  ) throws(RegularExpression.SyntaxError) {
    var splits: [Int] = []
    for _ in 0..<times {
      splits.append(instructions.count)
      try append(.split(0, 0))
      try emit(body)
    }
    let exit = instructions.count
    for split in splits {
      instructions[split] = isLazy ? .split(exit, split + 1) : .split(split + 1, exit)
    }
  }
}

extension RegularExpression.ScalarSet {
  /// The same set without negation.
  fileprivate var positiveRanges: [ClosedRange<UInt32>] {
    guard isNegated else { return ranges }
    var result: [ClosedRange<UInt32>] = []
    var from: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > from { result.append(from...(range.lowerBound - 1)) }
      from = max(from, range.upperBound + 1)
    }
    result.append(from...0x10FFFF)
    return result
  }
}
