import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// From bytes to the syntax tree: JSON as RFC 8259 has it and nothing more, with the place
// of everything.
//
// The reader is recursive, and so is the destruction of the tree it builds; the nesting
// limit keeps both away from the end of the stack, whatever the input. Everything is read
// once, front to back: objects with many members find a recurring name in a table.
//
// The texts of a definition repeat themselves (`Next`, `Type`, `Task`, the same few ARNs), so
// the reader remembers the last ones by the words they begin and end with, and makes a `String`
// only of a text it does not remember.

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
    /// What `root` and everything below it live in.
    var tree: SyntaxTree
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
  private let tree: SyntaxTree
  private let knownTexts = KnownTexts()
  /// What has been read of the containers that are open.
  private let open = BuildStack()

  private typealias Record = UnsafeMutablePointer<SyntaxRecord>

  static func read(_ source: SourceText, nestingMax: Int) throws(SyntaxError) -> Document {
    let result = source.bytes.withUnsafeBufferPointer { bytes -> Result<Document, SyntaxError> in
      var reader = SyntaxReader(source: source, bytes: bytes, nestingMax: min(nestingMax, nestingLimit))
      do throws(SyntaxError) {
        let root = try reader.document()
        return .success(
          Document(root: SyntaxNode(root), tree: reader.tree, replacedNames: reader.replacedNames))
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
    tree = SyntaxTree(sourceCount: bytes.count)
  }

  private mutating func document() throws(SyntaxError) -> Record {
    guard bytes.count <= Int(UInt32.max) else {
      throw SyntaxError(message: "The text is longer than 4 GiB", offset: 0, consumed: 0)
    }
    skipSpace()
    guard position < bytes.count else { throw endOfInput(": nothing but blanks") }
    let root = try value(depth: 0)
    skipSpace()
    if position < bytes.count { throw unexpected("nothing may follow the definition") }
    return root
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(SyntaxError) -> Record {
    let start = position
    let record: Record
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""):
      let text = try string(isName: false)
      record = tree.add(.string, start: start)
      record.pointee.text = text
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try number()
      record = tree.add(.number, start: start)
      record.pointee.text = plainText(start, position)
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
      record = tree.add(try word(), start: start)
    default:
      throw unexpected(
        "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
    }
    record.pointee.end = UInt32(truncatingIfNeeded: position)
    return record
  }

  private mutating func object(depth: Int) throws(SyntaxError) -> Record {
    let start = position
    try enter(depth)
    let object = tree.add(.object, start: start)
    let mark = open.count
    var names = OpenNames()
    if try next(in: .object, from: start) == UInt8(ascii: "}") { return close(object, mark) }
    while true {
      guard bytes[position] == UInt8(ascii: "\"") else {
        throw unexpected("was expecting double-quote to start field name")
      }
      let nameStart = position
      let name = try string(isName: true)
      let nameEnd = position
      guard try next(between: .object) == UInt8(ascii: ":") else {
        throw unexpected("was expecting a colon to separate field name and value")
      }
      position += 1
      _ = try next(between: .object)
      let member = try value(depth: depth)
      member.pointee.name = name
      member.pointee.nameStart = UInt32(truncatingIfNeeded: nameStart)
      member.pointee.nameEnd = UInt32(truncatingIfNeeded: nameEnd)
      if let index = indexOf(name.string, from: mark, &names) {
        if replacedNames.count < Self.replacedNamesMax {
          replacedNames.append(Int(open[index].pointee.nameStart)..<Int(open[index].pointee.nameEnd))
        }
        open[index] = member
      } else {
        open.push(member)
      }
      let following = try next(in: .object, from: start)
      if following == UInt8(ascii: "}") { return close(object, mark) }
      guard following == UInt8(ascii: ",") else {
        throw unexpected("was expecting comma to separate Object entries")
      }
      position += 1
      _ = try next(between: .object)
    }
  }

  private mutating func array(depth: Int) throws(SyntaxError) -> Record {
    let start = position
    try enter(depth)
    let array = tree.add(.array, start: start)
    let mark = open.count
    if try next(in: .array, from: start) == UInt8(ascii: "]") { return close(array, mark) }
    while true {
      open.push(try value(depth: depth))
      let following = try next(in: .array, from: start)
      if following == UInt8(ascii: "]") { return close(array, mark) }
      guard following == UInt8(ascii: ",") else {
        throw unexpected("was expecting comma to separate Array entries")
      }
      position += 1
      _ = try next(between: .array)
    }
  }

  /// Ends a container whose last bracket stands here, with all that was read since `mark`.
  private mutating func close(_ container: Record, _ mark: Int) -> Record {
    position += 1
    container.pointee.end = UInt32(truncatingIfNeeded: position)
    let count = open.count - mark
    if count == 0 {
      container.pointee.setList(nil, count: 0)
    } else {
      tree.close(container, open.top(count), count: count)
      open.drop(to: mark)
    }
    return container
  }

  /// The names of an object that is being read.
  private struct OpenNames {
    /// A bit for each name; several names may share one.
    var present: UInt64 = 0
    /// Once there are many.
    var index: NameIndex?
  }

  /// Finds a name among the members before it. A table is filled once the object grows large.
  private func indexOf(_ name: String, from mark: Int, _ names: inout OpenNames) -> Int? {
    let count = open.count
    if count - mark < Self.scanMax {
      let bit = name.presenceBit
      let isNew = names.present & bit == 0
      names.present |= bit
      if isNew { return nil }
      var index = mark
      while index < count {
        if sameBytes(open[index].pointee.name.string, name) { return index }
        index &+= 1
      }
      return nil
    }
    if names.index == nil {
      var table = NameIndex(minimumCapacity: Self.scanMax * 2)
      for index in mark..<count { _ = table.insert(open[index].pointee.name.string, UInt32(index)) }
      names.index = table
    }
    return names.index?.insert(name, UInt32(count)).map(Int.init)
  }

  private mutating func enter(_ depth: Int) throws(SyntaxError) {
    if depth > nestingMax {
      throw SyntaxError(
        message: "Document nesting depth (\(depth)) exceeds the maximum allowed (\(nestingMax))",
        offset: position, consumed: position + 1)
    }
    position += 1
  }

  private mutating func word() throws(SyntaxError) -> SyntaxRecord.Tag {
    let start = position
    while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
    switch String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self) {
    case "null": return .null
    case "true": return .true
    case "false": return .false
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

  private mutating func string(isName: Bool) throws(SyntaxError) -> SyntaxText {
    let contentStart = position + 1
    position = contentStart
    while position &+ 16 <= bytes.count, let base = bytes.baseAddress {
      let stops = stepmill_string_stops16(base + position)
      if stops == 0 {
        position &+= 16
        continue
      }
      position &+= stops.trailingZeroBitCount
      if bytes[position] != UInt8(ascii: "\"") { break }
      position &+= 1
      return plainText(contentStart, position &- 1)
    }
    return try unusualString(contentStart, isName)
  }

  /// The rest of a string in which something other than plain ASCII stands, or behind which the text ends.
  private mutating func unusualString(
    _ contentStart: Int, _ isName: Bool
  ) throws(SyntaxError) -> SyntaxText {
    var seen: UInt8 = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position &+= 1
        if seen < 0x80 { return plainText(contentStart, position &- 1) }
        let content = UnsafeBufferPointer(rebasing: bytes[contentStart..<position - 1])
        guard let text = String(validating: content, as: UTF8.self) else {
          throw badUTF8(contentStart..<position - 1)
        }
        return tree.keep(text)
      }
      if byte == UInt8(ascii: "\\") { return tree.keep(try escapedString(contentStart, isName)) }
      if byte < 0x20 { throw controlCharacter(isName) }
      seen |= byte
      position &+= 1
    }
    throw unclosedString(isName)
  }

  /// A text of plain ASCII.
  private func plainText(_ start: Int, _ end: Int) -> SyntaxText {
    knownTexts.text(bytes, start, end, tree)
  }

  /// The rest of a string from its first escape on.
  private mutating func escapedString(_ contentStart: Int, _ isName: Bool) throws(SyntaxError) -> String {
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

  private enum Container: String {
    case object = "Object"
    case array = "Array"
  }

  @inline(__always)
  private mutating func skipSpace() {
    // Most tokens stand close together.
    if position < bytes.count, bytes[position] > 0x20 { return }
    skipBlanks()
  }

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// The byte that follows inside a container that could end here.
  @inline(__always)
  private mutating func next(in container: Container, from start: Int) throws(SyntaxError) -> UInt8 {
    skipSpace()
    if position < bytes.count { return bytes[position] }
    throw unclosed(container, from: start)
  }

  /// The byte that follows where a container cannot end.
  @inline(__always)
  private mutating func next(between container: Container) throws(SyntaxError) -> UInt8 {
    skipSpace()
    if position < bytes.count { return bytes[position] }
    throw endOfInput(" within/between \(container.rawValue) entries")
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

  @inline(never)
  private func unclosed(_ container: Container, from start: Int) -> SyntaxError {
    let marker = source.parserLocation(start)
    return endOfInput(": expected close marker for \(container.rawValue) (start marker at \(marker))")
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

/// What has been read of the containers that are open.
private final class BuildStack {
  typealias Element = UnsafeMutablePointer<SyntaxRecord>

  private var base: UnsafeMutablePointer<Element>
  private var capacity = 64
  private(set) var count = 0

  init() { base = .allocate(capacity: capacity) }

  deinit { base.deallocate() }

  subscript(index: Int) -> Element {
    get { base[index] }
    set { base[index] = newValue }
  }

  func push(_ element: Element) {
    if count == capacity { grow() }
    base[count] = element
    count &+= 1
  }

  private func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }

  /// The last `count` elements.
  func top(_ count: Int) -> UnsafeMutablePointer<Element> { base + (self.count &- count) }

  func drop(to mark: Int) { count = mark }
}

/// The texts that were read last, one for each slot. What is not found is made anew.
private final class KnownTexts {
  private struct Entry {
    /// The first and the last eight bytes; of a shorter text all it has.
    var head: UInt64
    var tail: UInt64
    var start: Int
    /// Negative for none.
    var count: Int
    var text: SyntaxText
  }

  private let entries: UnsafeMutablePointer<Entry>
  private static let slotBits = 7

  init() {
    entries = .allocate(capacity: 1 << Self.slotBits)
    let none = Entry(head: 0, tail: 0, start: 0, count: -1, text: .empty)
    entries.initialize(repeating: none, count: 1 << Self.slotBits)
  }

  deinit { entries.deallocate() }

  func text(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, _ tree: SyntaxTree) -> SyntaxText {
    guard let base = bytes.baseAddress else { return .empty }
    let place = UnsafeRawPointer(base + start)
    let count = end &- start
    var head: UInt64 = 0
    var tail: UInt64 = 0
    if count >= 8 {
      head = place.loadUnaligned(as: UInt64.self)
      tail = (place + (count &- 8)).loadUnaligned(as: UInt64.self)
    } else if start &+ 8 <= bytes.count {
      head = place.loadUnaligned(as: UInt64.self) & ((1 &<< UInt64(count &* 8)) &- 1)
    } else {
      for offset in 0..<count { head |= UInt64(bytes[start + offset]) << UInt64(offset * 8) }
    }
    let mixed = (head ^ (tail &<< 29 | tail &>> 35) ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
    let entry = entries + Int(truncatingIfNeeded: mixed &>> UInt64(64 &- Self.slotBits))
    if entry.pointee.count == count, entry.pointee.head == head, entry.pointee.tail == tail,
      count <= 16 || memcmp(place, base + entry.pointee.start, count) == 0
    {
      return entry.pointee.text
    }
    let text = tree.keep(
      String(decoding: UnsafeBufferPointer(start: base + start, count: count), as: UTF8.self))
    entry.pointee = Entry(head: head, tail: tail, start: start, count: count, text: text)
    return text
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
