#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Reads paths. Cold code: it works on the UTF-8 of the text with plain arrays.
//
// The grammar follows the library token by token, with its oddities: a name may hold any
// character but a space, it may follow a bracket without a dot, a slice ignores its third
// part. Between brackets all of JSON's white space counts, as in release 2.0.0. What a
// filter holds is read by `PathParser+Filter.swift`; paths inside of filters are first cut
// out of the text by the library's rules for where they end, then read like any other.

struct PathParser {
  let bytes: [UInt8]
  /// The end of the part that is being read.
  var end: Int
  var position = 0
  var nesting = 0
  /// Conditions read so far in all filters.
  var relations = 0
  let text: String
  let dialect: JSONPath.Dialect
  /// A character stands outside of quotes that Reference Paths must not hold.
  private var holdsOperator = false

  init(text: String, dialect: JSONPath.Dialect) {
    self.text = text
    self.dialect = dialect
    bytes = Array(text.utf8)
    end = bytes.count
  }

  // MARK: The whole path

  mutating func path() throws(PathSyntaxError) -> JSONPath {
    let root: JSONPath.Root
    let steps: [JSONPath.Step]
    switch dialect {
    case .stepFunctions:
      guard end > 0, bytes[0] == UInt8(ascii: "$") else { throw error("A path starts with '$'", at: 0) }
      if bytes[end - 1] == UInt8(ascii: " ") {
        throw error("A path does not end in a space", at: end - 1)
      }
      position = 1
      root = readRoot()
      steps = try stepsAfterRoot()
    case .library:
      root = .data
      steps = try libraryReference().steps
    }
    let final = try PathParser.invertingFunctions(
      steps, or: error("Nothing to apply the function to", at: end))
    let isDefinite = PathParser.isDefinite(final)
    return JSONPath(
      text: text, root: root, steps: final, isDefinite: isDefinite,
      isReferencePath: !holdsOperator && final.allSatisfy(\.isReferenceStep),
      program: PathProgram(final))
  }

  /// What follows the first `$`: another one, a variable's name, or nothing of the kind.
  private mutating func readRoot() -> JSONPath.Root {
    guard position < end else { return .data }
    if bytes[position] == UInt8(ascii: "$") {
      position += 1
      return .context
    }
    let start = position
    while position < end, PathParser.isNameByte(bytes[position], first: position == start) { position += 1 }
    return position == start ? .data : .variable(string(start, position))
  }

  /// A path as the library takes it, between `position` and `end`: with blanks around it,
  /// with `@` for `$`, or without any of the two.
  mutating func libraryReference() throws(PathSyntaxError) -> PathReference {
    while end > position, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
    while position < end, bytes[position] == UInt8(ascii: " ") { position += 1 }
    guard position < end else { throw error("The path is empty") }
    let first = bytes[position]
    if first == UInt8(ascii: "$") || first == UInt8(ascii: "@") {
      position += 1
      return PathReference(isFromRoot: first == UInt8(ascii: "$"), steps: try stepsAfterRoot())
    }
    // `a` means `$.a`, and by the same rule `.a` means `$..a`.
    if bytes[end - 1] == UInt8(ascii: ".") {
      throw error("Path must not end with a '.' or '..'", at: end - 1)
    }
    var steps: [JSONPath.Step] = []
    if first == UInt8(ascii: ".") {
      position += 1
      if position < end, bytes[position] == UInt8(ascii: ".") { throw error("Character '.' is not valid") }
      steps.append(.descendants)
    }
    try readSteps(into: &steps)
    return PathReference(isFromRoot: true, steps: steps)
  }

  mutating func stepsAfterRoot() throws(PathSyntaxError) -> [JSONPath.Step] {
    var steps: [JSONPath.Step] = []
    guard position < end else { return steps }
    guard bytes[position] == UInt8(ascii: ".") || bytes[position] == UInt8(ascii: "[") else {
      throw error("Illegal character, expected '.' or '['")
    }
    if bytes[end - 1] == UInt8(ascii: ".") {
      throw error("Path must not end with a '.' or '..'", at: end - 1)
    }
    try readSteps(into: &steps)
    return steps
  }

  private mutating func readSteps(into steps: inout [JSONPath.Step]) throws(PathSyntaxError) {
    while position < end {
      switch bytes[position] {
      case UInt8(ascii: "."):
        position += 1
        if position < end, bytes[position] == UInt8(ascii: ".") {
          position += 1
          holdsOperator = true
          steps.append(.descendants)
        }
        guard position < end else { throw error("Path must not end with a '.' or '..'") }
        if bytes[position] == UInt8(ascii: ".") { throw error("Character '.' is not valid") }
        continue
      case UInt8(ascii: "["):
        steps.append(try readBracket())
      case UInt8(ascii: "*"):
        position += 1
        holdsOperator = true
        steps.append(.wildcard)
      case UInt8(ascii: " "):
        throw error("Could not parse token")
      default:
        steps.append(try readName())
      }
      if steps.count > PathLimits.stepsMax {
        throw error("The path has more than \(PathLimits.stepsMax) steps")
      }
    }
    if case .descendants? = steps.last { throw error("Path must not end with a '.' or '..'") }
  }

  // MARK: Names and functions

  private mutating func readName() throws(PathSyntaxError) -> JSONPath.Step {
    let start = position
    loop: while position < end {
      switch bytes[position] {
      case UInt8(ascii: " "):
        throw error("Use bracket notation ['my prop'] if your property contains blank characters")
      case UInt8(ascii: "."), UInt8(ascii: "["):
        break loop
      case UInt8(ascii: "("):
        return try readFunction(string(start, position))
      case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "@"), UInt8(ascii: ","), UInt8(ascii: ":"):
        holdsOperator = true
      default:
        break
      }
      position += 1
    }
    return .property(string(start, position))
  }

  /// The arguments of a function, from its opening parenthesis on.
  private mutating func readFunction(_ name: String) throws(PathSyntaxError) -> JSONPath.Step {
    let open = position
    let close = try closing(of: open, by: UInt8(ascii: ")"))
    try enter(at: open)
    var arguments: [PathArgument] = []
    position = open + 1
    skipBlanks()
    while position < close {
      let stop = argumentEnd(before: close)
      arguments.append(try readArgument(before: stop))
      position = stop + 1
      skipBlanks()
      if stop < close, position >= close { throw error("Argument of '\(name)' expected") }
    }
    nesting -= 1
    position = close + 1
    return .function(name: name, arguments: arguments)
  }

  /// Where the argument at `position` ends: at a comma outside of brackets and quotes.
  private func argumentEnd(before close: Int) -> Int {
    var index = position
    var depth = 0
    var quote: UInt8 = 0
    while index < close {
      let byte = bytes[index]
      if quote != 0 {
        if byte == UInt8(ascii: "\\") { index += 1 } else if byte == quote { quote = 0 }
      } else {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        case UInt8(ascii: ",") where depth == 0: return index
        default: break
        }
      }
      index += 1
    }
    return close
  }

  private mutating func readArgument(before stop: Int) throws(PathSyntaxError) -> PathArgument {
    let outer = end
    end = stop
    defer { end = outer }
    switch bytes[position] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "-"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      let literal = try readLiteral()
      skipBlanks()
      guard position == end else { throw error("',' or ')' expected") }
      return .literal(literal)
    default:
      return .path(try nested(try libraryReference()))
    }
  }

  /// Puts a path that was read inside of another one into its final form.
  func nested(_ reference: PathReference) throws(PathSyntaxError) -> PathReference {
    var reference = reference
    reference.steps = try PathParser.invertingFunctions(
      reference.steps, or: error("Nothing to apply the function to"))
    return reference
  }

  // MARK: Brackets

  private mutating func readBracket() throws(PathSyntaxError) -> JSONPath.Step {
    let open = position
    position += 1
    skipBlanks()
    guard position < end else { throw error("The bracket is not closed", at: open) }
    switch bytes[position] {
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      return try readQuotedNames()
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: ":"):
      return try readNumbers()
    case UInt8(ascii: "*"):
      holdsOperator = true
      position += 1
      skipBlanks()
      try take(UInt8(ascii: "]"), "Expected wildcard token to end with ']'")
      return .wildcard
    case UInt8(ascii: "?"):
      holdsOperator = true
      position += 1
      skipBlanks()
      try enter(at: open)
      try take(UInt8(ascii: "("), "Expected '(' after '?'")
      let filter = try readFilter()
      try take(UInt8(ascii: ")"), "Expected character: )")
      skipBlanks()
      try take(UInt8(ascii: "]"), "Expected ']' after the filter")
      nesting -= 1
      return .filter(filter)
    default:
      throw error("Could not parse token. Expected ?, ', 0-9, *")
    }
  }

  private mutating func readQuotedNames() throws(PathSyntaxError) -> JSONPath.Step {
    let quote = bytes[position]
    var names: [String] = []
    while true {
      guard position < end, bytes[position] == quote else { throw error("Found empty property") }
      names.append(try readQuotedName())
      skipBlanks()
      guard position < end else { throw error("Property must be terminated by a closing square bracket") }
      if bytes[position] == UInt8(ascii: "]") { break }
      try take(UInt8(ascii: ","), "Property must be separated by comma or terminated by ']'")
      holdsOperator = true
      skipBlanks()
    }
    position += 1
    return names.count == 1 ? .property(names[0]) : .properties(names)
  }

  private mutating func readNumbers() throws(PathSyntaxError) -> JSONPath.Step {
    let start = position
    var commas = 0
    var colons = 0
    while position < end, bytes[position] != UInt8(ascii: "]") {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: " "): break
      case UInt8(ascii: ","): commas += 1
      case UInt8(ascii: ":"): colons += 1
      default: throw error("Could not parse token. Expected ?, ', 0-9, *")
      }
      position += 1
    }
    guard position < end else { throw error("The bracket is not closed", at: start - 1) }
    let stop = position
    position += 1
    if colons > 0 {
      holdsOperator = true
      return try slice(start, stop)
    }
    var indices: [Int] = []
    var from = start
    while from <= stop {
      var to = from
      while to < stop, bytes[to] != UInt8(ascii: ",") { to += 1 }
      indices.append(try integer(from, to))
      from = to + 1
    }
    if commas > 0 { holdsOperator = true }
    return indices.count == 1 ? .index(indices[0]) : .indices(indices)
  }

  /// `from:to`, one of which may be absent; what stands behind a second colon is ignored.
  private func slice(_ start: Int, _ stop: Int) throws(PathSyntaxError) -> JSONPath.Step {
    var stop = stop
    while stop > start, bytes[stop - 1] == UInt8(ascii: " ") { stop -= 1 }
    var parts: [(Int, Int)] = []
    var from = start
    for index in start...stop where index == stop || bytes[index] == UInt8(ascii: ":") {
      parts.append((from, index))
      from = index + 1
    }
    for index in start..<stop where bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: ",") {
      throw error("Failed to parse slice", at: index)
    }
    let low = parts[0].0 == parts[0].1 ? nil : try integer(parts[0].0, parts[0].1)
    let high = parts[1].0 == parts[1].1 ? nil : try integer(parts[1].0, parts[1].1)
    if low == nil && high == nil { throw error("Failed to parse slice", at: start) }
    return .slice(from: low, to: high)
  }

  /// A 32-bit number with blanks around it.
  private func integer(_ start: Int, _ stop: Int) throws(PathSyntaxError) -> Int {
    var start = start
    var stop = stop
    while start < stop, bytes[start] == UInt8(ascii: " ") { start += 1 }
    while stop > start, bytes[stop - 1] == UInt8(ascii: " ") { stop -= 1 }
    guard let number = Int32(string(start, stop)) else { throw error("A 32-bit number expected", at: start) }
    return Int(number)
  }

  // MARK: Small things

  mutating func skipBlanks() {
    while position < end, PathParser.isWhitespace(bytes[position]) { position += 1 }
  }

  mutating func take(_ byte: UInt8, _ message: String) throws(PathSyntaxError) {
    guard position < end, bytes[position] == byte else { throw error(message) }
    position += 1
  }

  mutating func enter(at place: Int) throws(PathSyntaxError) {
    nesting += 1
    if nesting > PathLimits.nestingMax { throw error("The path is nested too deeply", at: place) }
  }

  /// Where the parenthesis at `open` is closed; quotes protect what they hold.
  private func closing(of open: Int, by close: UInt8) throws(PathSyntaxError) -> Int {
    let opener = bytes[open]
    var depth = 0
    var index = open
    var quote: UInt8 = 0
    while index < end {
      let byte = bytes[index]
      if quote != 0 {
        if byte == UInt8(ascii: "\\") { index += 1 } else if byte == quote { quote = 0 }
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
      } else if byte == opener {
        depth += 1
      } else if byte == close {
        depth -= 1
        if depth == 0 { return index }
      }
      index += 1
    }
    throw error("'\(Character(Unicode.Scalar(opener)))' is not closed", at: open)
  }

  func string(_ start: Int, _ stop: Int) -> String {
    String(decoding: bytes[start..<max(start, stop)], as: UTF8.self)
  }

  func error(_ message: String, at place: Int? = nil) -> PathSyntaxError {
    let place = min(place ?? position, bytes.count)
    let offset = bytes[..<place].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    return PathSyntaxError(message: message, offset: offset)
  }

  static func isWhitespace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  static func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      0x80...:
      return true
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      return !first
    default:
      return false
    }
  }

  // MARK: The form of a path

  static func isDefinite(_ steps: [JSONPath.Step]) -> Bool {
    for (index, step) in steps.enumerated() {
      switch step {
      case .property, .index, .function: continue
      case .properties where index == steps.count - 1: continue
      default: return false
      }
    }
    return true
  }

  /// A function behind `..` takes the values found up to there as its argument: the library
  /// reads `$..price.max()` as `$.max($..price)`.
  static func invertingFunctions(
    _ steps: [JSONPath.Step], or error: @autoclosure () -> PathSyntaxError
  ) throws(PathSyntaxError) -> [JSONPath.Step] {
    var sawDescendants = false
    for (index, step) in steps.enumerated() {
      switch step {
      case .descendants:
        sawDescendants = true
      case .function(let name, let arguments) where sawDescendants:
        let operand = Array(steps[..<index])
        if case .descendants? = operand.last { throw error() }
        let argument = PathArgument.path(PathReference(isFromRoot: true, steps: operand))
        return [.function(name: name, arguments: [argument] + arguments)] + steps[(index + 1)...]
      default:
        continue
      }
    }
    return steps
  }
}

extension JSONPath.Step {
  fileprivate var isReferenceStep: Bool {
    switch self {
    case .property, .index: true
    default: false
    }
  }
}
