// From bytes to the syntax tree: JSON as RFC 8259 has it and nothing more, with the place
// of everything.
//
// The reader is recursive, and so is the destruction of the tree it builds; the nesting
// limit keeps both away from the end of the stack, whatever the input. Everything is read
// once, front to back: objects with many members find a recurring name in a dictionary.

/// Why bytes are not JSON.
struct SyntaxError: Error {
  /// What was met, and what belongs there. These are the words of the parser the service uses, as far as
  /// they are known, so that its messages can be matched.
  var message: String
  /// Where it was met.
  var offset: Int
  /// How far the service's parser has read when it notices: its messages name that place.
  var consumed: Int
}

struct SyntaxReader {
  /// What reading gives besides the tree.
  struct Document {
    var root: SyntaxNode
    /// Names that stand more than once in their object: the range of each one that a later one replaces.
    var replacedNames: [Range<Int>]
  }

  /// The deepest nesting anyone may ask for.
  static let nestingLimit = 1000
  private static let replacedNamesMax = 1000
  /// Objects larger than this look names up in a dictionary.
  private static let scanMax = 16

  private let source: SourceText
  private let bytes: UnsafeBufferPointer<UInt8>
  private let nestingMax: Int
  private var position = 0
  private var replacedNames: [Range<Int>] = []
  /// What has been read of the containers that are open, so that each gets an array of the right size.
  private let openMembers = BuildStack<SyntaxMember>()
  private let openElements = BuildStack<SyntaxNode>()

  static func read(_ source: SourceText, nestingMax: Int) throws(SyntaxError) -> Document {
    let result = source.bytes.withUnsafeBufferPointer { bytes -> Result<Document, SyntaxError> in
      var reader = SyntaxReader(source: source, bytes: bytes, nestingMax: min(nestingMax, nestingLimit))
      do throws(SyntaxError) {
        let root = try reader.document()
        return .success(Document(root: root, replacedNames: reader.replacedNames))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private init(source: SourceText, bytes: UnsafeBufferPointer<UInt8>, nestingMax: Int) {
    self.source = source
    self.bytes = bytes
    self.nestingMax = nestingMax
  }

  private mutating func document() throws(SyntaxError) -> SyntaxNode {
    skipSpace()
    guard position < bytes.count else { throw endOfInput(": nothing but blanks") }
    let root = try value(depth: 0)
    skipSpace()
    if position < bytes.count { throw unexpected("nothing may follow the definition") }
    return root
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(SyntaxError) -> SyntaxNode {
    let start = position
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""):
      let text = try string(isName: false)
      return SyntaxNode(.string(text), range: start..<position)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try number()
      let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
      return SyntaxNode(.number(text), range: start..<position)
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
      let kind = try word()
      return SyntaxNode(kind, range: start..<position)
    default:
      throw unexpected(
        "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
    }
  }

  private mutating func object(depth: Int) throws(SyntaxError) -> SyntaxNode {
    let start = position
    try enter(depth)
    let mark = openMembers.count
    var indexOfName: NameIndex?
    if try next(in: "Object", from: start) == UInt8(ascii: "}") {
      position += 1
      return SyntaxNode(.object([]), range: start..<position)
    }
    while true {
      guard bytes[position] == UInt8(ascii: "\"") else {
        throw unexpected("was expecting double-quote to start field name")
      }
      let nameStart = position
      let name = try string(isName: true)
      let nameRange = nameStart..<position
      guard try next(between: "Object") == UInt8(ascii: ":") else {
        throw unexpected("was expecting a colon to separate field name and value")
      }
      position += 1
      _ = try next(between: "Object")
      let member = SyntaxMember(name: name, nameRange: nameRange, value: try value(depth: depth))
      if let index = indexOf(name, from: mark, &indexOfName) {
        if replacedNames.count < Self.replacedNamesMax { replacedNames.append(openMembers[index].nameRange) }
        openMembers[index] = member
      } else {
        openMembers.push(member)
      }
      let following = try next(in: "Object", from: start)
      position += 1
      if following == UInt8(ascii: "}") {
        return SyntaxNode(.object(openMembers.pop(to: mark)), range: start..<position)
      }
      guard following == UInt8(ascii: ",") else {
        position -= 1
        throw unexpected("was expecting comma to separate Object entries")
      }
      _ = try next(between: "Object")
    }
  }

  private mutating func array(depth: Int) throws(SyntaxError) -> SyntaxNode {
    let start = position
    try enter(depth)
    let mark = openElements.count
    if try next(in: "Array", from: start) == UInt8(ascii: "]") {
      position += 1
      return SyntaxNode(.array([]), range: start..<position)
    }
    while true {
      openElements.push(try value(depth: depth))
      let following = try next(in: "Array", from: start)
      position += 1
      if following == UInt8(ascii: "]") {
        return SyntaxNode(.array(openElements.pop(to: mark)), range: start..<position)
      }
      guard following == UInt8(ascii: ",") else {
        position -= 1
        throw unexpected("was expecting comma to separate Array entries")
      }
      _ = try next(between: "Array")
    }
  }

  /// Finds a name among the members before it. A table is filled once the object grows large.
  private func indexOf(_ name: String, from mark: Int, _ indexOfName: inout NameIndex?) -> Int? {
    let count = openMembers.count
    if count - mark < Self.scanMax {
      var index = mark
      while index < count {
        if sameBytes(openMembers[index].name, name) { return index }
        index &+= 1
      }
      return nil
    }
    if indexOfName == nil {
      var table = NameIndex(minimumCapacity: Self.scanMax * 2)
      for index in mark..<count { _ = table.insert(openMembers[index].name, UInt32(index)) }
      indexOfName = table
    }
    return indexOfName?.insert(name, UInt32(count)).map(Int.init)
  }

  private mutating func enter(_ depth: Int) throws(SyntaxError) {
    if depth > nestingMax {
      throw SyntaxError(
        message: "Document nesting depth (\(depth)) exceeds the maximum allowed (\(nestingMax))",
        offset: position, consumed: position + 1)
    }
    position += 1
  }

  private mutating func word() throws(SyntaxError) -> SyntaxNode.Kind {
    let start = position
    while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
    switch String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self) {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    case let other:
      throw SyntaxError(
        message:
          "Unrecognized token '\(other.prefix(256))': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        offset: start, consumed: position)
    }
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"):
      true
    default: false
    }
  }

  // MARK: Numbers

  private mutating func number() throws(SyntaxError) {
    if bytes[position] == UInt8(ascii: "-") {
      position += 1
      guard isDigit() else {
        throw badNumber("expected digit (0-9) to follow minus sign, for valid numeric value")
      }
    }
    if bytes[position] == UInt8(ascii: "0") {
      position += 1
      if isDigit() {
        throw SyntaxError(
          message: "Invalid numeric value: Leading zeroes not allowed", offset: position,
          consumed: position + 1)
      }
    } else {
      skipDigits()
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      guard isDigit() else { throw badNumber("Decimal point not followed by a digit") }
      skipDigits()
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      guard isDigit() else { throw badNumber("Exponent indicator not followed by a digit") }
      skipDigits()
    }
  }

  private func isDigit() -> Bool {
    position < bytes.count && bytes[position] >= UInt8(ascii: "0") && bytes[position] <= UInt8(ascii: "9")
  }

  private mutating func skipDigits() {
    while isDigit() { position += 1 }
  }

  private func badNumber(_ why: String) -> SyntaxError {
    position < bytes.count ? unexpected(why) : endOfInput(": \(why)")
  }

  // MARK: Strings

  private mutating func string(isName: Bool) throws(SyntaxError) -> String {
    let start = position
    position += 1
    let contentStart = position
    var seen: UInt8 = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let content = UnsafeBufferPointer(rebasing: bytes[contentStart..<position])
        position &+= 1
        if seen < 0x80 { return String(decoding: content, as: UTF8.self) }
        guard let text = String(validating: content, as: UTF8.self) else {
          throw badUTF8(contentStart..<position - 1)
        }
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(start, contentStart, isName) }
      if byte < 0x20 { throw controlCharacter(isName) }
      seen |= byte
      position &+= 1
    }
    throw unclosedString(isName)
  }

  /// The rest of a string from its first escape on.
  private mutating func escapedString(
    _ start: Int, _ contentStart: Int, _ isName: Bool
  ) throws(SyntaxError) -> String {
    var content = Array(bytes[contentStart..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else {
          throw badUTF8(contentStart..<position - 1)
        }
        return text
      case UInt8(ascii: "\\"):
        try escape(into: &content, isName)
      case 0..<0x20:
        position -= 1
        throw controlCharacter(isName)
      default:
        content.append(byte)
      }
    }
    throw unclosedString(isName)
  }

  private mutating func escape(into content: inout [UInt8], _ isName: Bool) throws(SyntaxError) {
    guard position < bytes.count else { throw unclosedString(isName) }
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      position += 1
      content.append(contentsOf: Character(try escapedScalar(isName)).utf8)
      return
    default:
      throw SyntaxError(
        message: "Unrecognized character escape \(describe(position))", offset: position,
        consumed: position + 1)
    }
    position += 1
  }

  /// The scalar that `\uXXXX`, or a pair of them, writes. Half of a pair alone has no scalar: it becomes
  /// U+FFFD, since Swift's strings cannot hold it.
  private mutating func escapedScalar(_ isName: Bool) throws(SyntaxError) -> Unicode.Scalar {
    let unit = try fourHexDigits(isName)
    guard unit >= 0xD800, unit <= 0xDFFF else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
    guard unit < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { return "\u{FFFD}" }
    let rewind = position
    position += 2
    let low = try fourHexDigits(isName)
    guard low >= 0xDC00, low <= 0xDFFF else {
      position = rewind
      return "\u{FFFD}"
    }
    return Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)) ?? "\u{FFFD}"
  }

  private mutating func fourHexDigits(_ isName: Bool) throws(SyntaxError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count else { throw unclosedString(isName) }
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80
      else {
        throw unexpected("expected a hex-digit for character escape sequence")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  // MARK: Between tokens

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// The byte that follows inside a container that could end here.
  private mutating func next(in container: String, from start: Int) throws(SyntaxError) -> UInt8 {
    skipSpace()
    guard position < bytes.count else {
      let marker = source.parserLocation(start)
      throw endOfInput(": expected close marker for \(container) (start marker at \(marker))")
    }
    return bytes[position]
  }

  /// The byte that follows where a container cannot end.
  private mutating func next(between container: String) throws(SyntaxError) -> UInt8 {
    skipSpace()
    guard position < bytes.count else { throw endOfInput(" within/between \(container) entries") }
    return bytes[position]
  }

  // MARK: Errors

  private func unexpected(_ why: String) -> SyntaxError {
    SyntaxError(
      message: "Unexpected character (\(describe(position))): \(why)", offset: position,
      consumed: position + 1)
  }

  private func endOfInput(_ where: String) -> SyntaxError {
    SyntaxError(message: "Unexpected end-of-input\(`where`)", offset: bytes.count, consumed: bytes.count)
  }

  private func unclosedString(_ isName: Bool) -> SyntaxError {
    endOfInput(isName ? " in field name" : ": was expecting closing quote for a string value")
  }

  private func controlCharacter(_ isName: Bool) -> SyntaxError {
    SyntaxError(
      message:
        "Illegal unquoted character (\(describe(position))): has to be escaped using backslash to be included in \(isName ? "name" : "string value")",
      offset: position, consumed: position + 1)
  }

  private func badUTF8(_ range: Range<Int>) -> SyntaxError {
    // The first scalar that decodes to a replacement without being written as one is the culprit.
    var decoder = UTF8()
    var offset = range.lowerBound
    var iterator = bytes[range].makeIterator()
    scan: while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput, .error: break scan
      }
    }
    let byte = offset < bytes.count ? bytes[offset] : 0
    let hex = String(byte, radix: 16)
    return SyntaxError(message: "Invalid UTF-8 byte 0x\(hex)", offset: offset, consumed: offset + 1)
  }

  /// The character at an offset, as messages name it.
  private func describe(_ offset: Int) -> String {
    var decoder = UTF8()
    var iterator = bytes[offset...].makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
      return "byte 0x\(String(bytes[offset], radix: 16))"
    }
    if scalar.value < 0x20 || (scalar.value >= 0x7F && scalar.value < 0xA0) {
      return "(CTRL-CHAR, code \(scalar.value))"
    }
    if scalar.value > 0xFF {
      return "'\(scalar)' (code \(scalar.value) / 0x\(String(scalar.value, radix: 16)))"
    }
    return "'\(scalar)' (code \(scalar.value))"
  }
}

/// A stack whose upper part becomes an array of just its size. What is left on it when reading fails goes
/// with it.
private final class BuildStack<Element> {
  private var base: UnsafeMutablePointer<Element>
  private var capacity = 64
  private(set) var count = 0

  init() { base = .allocate(capacity: capacity) }

  deinit {
    base.deinitialize(count: count)
    base.deallocate()
  }

  subscript(index: Int) -> Element {
    _read { yield base[index] }
    _modify { yield &base[index] }
  }

  func push(_ element: consuming Element) {
    if count == capacity { grow() }
    (base + count).initialize(to: element)
    count &+= 1
  }

  private func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }

  func pop(to mark: Int) -> [Element] {
    let taken = count - mark
    count = mark
    return [Element](unsafeUninitializedCapacity: taken) { buffer, initialized in
      buffer.baseAddress?.moveInitialize(from: base + mark, count: taken)
      initialized = taken
    }
  }
}

extension SourceText {
  /// A place as the service's parser prints it: with the beginning of the text.
  func parserLocation(_ offset: Int) -> String {
    let shownMax = 500
    // No more than this is looked at: four bytes for each character that could be shown.
    let head = String(decoding: bytes.prefix(shownMax * 4), as: UTF8.self)
    var shown = ""
    for scalar in head.unicodeScalars.prefix(shownMax) {
      let isControl = scalar.value < 0x20 || (scalar.value >= 0x7F && scalar.value < 0xA0)
      if isControl, scalar != "\n", scalar != "\r" {
        let hex = String(scalar.value, radix: 16, uppercase: true)
        shown += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    let count = characterCount
    let truncation = count > shownMax ? "[truncated \(count - shownMax) chars]" : ""
    let (line, column) = position(of: offset)
    return "[Source: (String)\"\(shown)\"\(truncation); line: \(line), column: \(column)]"
  }

  /// Scalars in the text.
  private var characterCount: Int {
    bytes.withUnsafeBufferPointer { bytes in
      var count = 0
      var offset = 0
      while offset < bytes.count {
        if bytes[offset] & 0xC0 != 0x80 { count &+= 1 }
        offset &+= 1
      }
      return count
    }
  }
}
