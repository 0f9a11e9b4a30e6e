import Stepmill

// A JSON document as rows, without holding it: what a JSON Pointer leads to is iterated, and
// what is beside the way is skipped byte by byte.
//
// Elements are only found here, not checked: their ends are where brackets and quotes say.
// What is between them must be right, and the document must end. An element is parsed where
// its execution starts, as a line of JSON Lines is.
//
// A row stands on one line. JSON allows line ends between tokens only, so in an element that
// is spread over lines they become blanks.

final class JSONRowReader: RowReader {
  private let tokens: [[UInt8]]
  /// How many tokens have been followed.
  private var depth = 0
  private var phase = Phase.value
  /// Elements passed in the array on the way.
  private var index = 0
  /// What is being iterated is an object.
  private var isObject = false
  package var yieldsMembers: Bool { isObject }
  private var skip = Skip()
  /// What is open around the target: it is skipped at the end, after the target itself.
  private var openAround = 0

  private enum Phase {
    /// In front of the value that the tokens so far lead to.
    case value
    /// Inside an object on the way: in front of a name, or its end; behind a value.
    case name, afterMember
    /// The value of this member is the way, or is skipped.
    case colon(isWay: Bool)
    /// Inside an array on the way.
    case element, afterElement
    /// A value beside the way is passed.
    case skipping(isObject: Bool)
    /// In the target: in front of the first row (or the end), in front of a row, behind one.
    case firstRow, row, afterRow
    /// Behind the target: what is left of the document.
    case rest
    /// Behind the document.
    case end
  }

  init(pointer: String) throws(RowError) {
    guard pointer.isEmpty || pointer.hasPrefix("/") else {
      throw RowError(.pointer, "a JSON Pointer is empty or begins with '/', unlike '\(pointer)'")
    }
    tokens = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { token in
      var text: [UInt8] = []
      var bytes = token.utf8.makeIterator()
      while let byte = bytes.next() {
        guard byte == UInt8(ascii: "~") else {
          text.append(byte)
          continue
        }
        switch bytes.next() {
        case UInt8(ascii: "0"): text.append(UInt8(ascii: "~"))
        case UInt8(ascii: "1"): text.append(UInt8(ascii: "/"))
        case let other?: text += [UInt8(ascii: "~"), other]
        case nil: text.append(UInt8(ascii: "~"))
        }
      }
      return text
    }
  }

  func read(
    _ bytes: Span<UInt8>, isLast: Bool, into rows: inout RowBuffer
  ) throws(RowError) -> Int {
    var cursor = 0
    while true {
      if rows.isFull { return cursor }
      // Nothing but blanks may stand around what is looked for next.
      if case .skipping = phase {
      } else if case .rest = phase {
      } else {
        cursor = Self.skipBlanks(bytes, cursor)
      }
      if cursor == bytes.count {
        if isLast {
          if case .end = phase { return bytes.count }
          throw endsEarly(bytes.count)
        }
        return bytes.count
      }
      guard let next = try step(bytes, cursor, isLast, &rows) else {
        if isLast { throw endsEarly(bytes.count) }
        return cursor
      }
      cursor = next
    }
  }

  private func endsEarly(_ offset: Int) -> RowError {
    RowError(.truncated, "the JSON document is cut off: it ends in the middle", at: offset)
  }

  private func wrong(_ what: String, _ bytes: Span<UInt8>, _ place: Int) -> RowError {
    let byte = bytes[place]
    let found =
      (0x21...0x7E).contains(byte)
      ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    return RowError(.syntax, "the text is not JSON: \(found) stands where \(what) should", at: place)
  }

  private static var noSuchPath: RowError {
    RowError(
      .pointer, "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure.")
  }

  /// Goes on from `cursor`, where something stands that is not blank. Nil: there is not enough
  /// text behind it.
  private func step(
    _ bytes: Span<UInt8>, _ cursor: Int, _ isLast: Bool, _ rows: inout RowBuffer
  ) throws(RowError) -> Int? {
    let byte = bytes[cursor]
    switch phase {
    case .value:
      return try enter(bytes, cursor)
    case .name:
      if byte == UInt8(ascii: "}") { throw Self.noSuchPath }
      guard byte == UInt8(ascii: "\"") else { throw wrong("a name", bytes, cursor) }
      guard let close = try Self.stringEnd(bytes, cursor) else { return nil }
      let name = bytes.extracting(cursor + 1..<close - 1)
      phase = .colon(isWay: Self.isSame(name, tokens[depth]))
      return close
    case .colon(let isWay):
      guard byte == UInt8(ascii: ":") else { throw wrong("':'", bytes, cursor) }
      if isWay {
        depth += 1
        phase = .value
      } else {
        skip = Skip()
        phase = .skipping(isObject: true)
      }
      return cursor + 1
    case .afterMember:
      if byte == UInt8(ascii: "}") { throw Self.noSuchPath }
      guard byte == UInt8(ascii: ",") else { throw wrong("',' or '}'", bytes, cursor) }
      phase = .name
      return cursor + 1
    case .element:
      if byte == UInt8(ascii: "]") { throw Self.noSuchPath }
      if Self.isIndex(tokens[depth], index) {
        depth += 1
        phase = .value
      } else {
        skip = Skip()
        phase = .skipping(isObject: false)
      }
      return cursor
    case .afterElement:
      if byte == UInt8(ascii: "]") { throw Self.noSuchPath }
      guard byte == UInt8(ascii: ",") else { throw wrong("',' or ']'", bytes, cursor) }
      index += 1
      phase = .element
      return cursor + 1
    case .skipping(let isObject):
      let (next, isDone) = skip.pass(bytes, cursor)
      if isDone { phase = isObject ? .afterMember : .afterElement }
      return next
    case .firstRow, .row, .afterRow:
      return try iterate(bytes, cursor, isLast, &rows)
    case .rest:
      let (next, open) = skip.passOpen(bytes, cursor, openAround)
      openAround = open
      if open == 0 { phase = .end }
      return next
    case .end:
      throw RowError(
        .syntax,
        "something follows the JSON document; if there is a document on each line, the format is JSON Lines",
        at: cursor)
    }
  }

  /// Goes into the value at `cursor`: it is the target, or on the way to it.
  private func enter(
    _ bytes: Span<UInt8>, _ cursor: Int
  ) throws(RowError) -> Int {
    let byte = bytes[cursor]
    let isContainer = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
    guard depth < tokens.count else {
      guard isContainer else {
        throw RowError(.notIterable, "Attempting to map over non-iterable node.", at: cursor)
      }
      isObject = byte == UInt8(ascii: "{")
      phase = .firstRow
      return cursor + 1
    }
    guard isContainer else { throw Self.noSuchPath }
    openAround += 1
    index = 0
    phase = byte == UInt8(ascii: "{") ? .name : .element
    return cursor + 1
  }

  /// One step through the target.
  private func iterate(
    _ bytes: Span<UInt8>, _ cursor: Int, _ isLast: Bool, _ rows: inout RowBuffer
  ) throws(RowError) -> Int? {
    let byte = bytes[cursor]
    let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    if case .afterRow = phase {
      if byte == UInt8(ascii: ",") {
        phase = .row
        return cursor + 1
      }
      guard byte == close else { throw wrong(isObject ? "',' or '}'" : "',' or ']'", bytes, cursor) }
      return leave(cursor)
    }
    if byte == close, case .firstRow = phase { return leave(cursor) }
    guard isObject else {
      guard let valueEnd = try Self.valueEnd(bytes, cursor) else { return nil }
      // A number at the very end might go on.
      if valueEnd == bytes.count, !isLast { return nil }
      rows.append(bytesMax: valueEnd - cursor) { Self.copyRow(bytes, cursor..<valueEnd, to: &$0) }
      phase = .afterRow
      return valueEnd
    }
    guard byte == UInt8(ascii: "\"") else { throw wrong("a name", bytes, cursor) }
    guard let nameEnd = try Self.stringEnd(bytes, cursor) else { return nil }
    let colon = Self.skipBlanks(bytes, nameEnd)
    if colon == bytes.count { return nil }
    guard bytes[colon] == UInt8(ascii: ":") else { throw wrong("':'", bytes, colon) }
    let value = Self.skipBlanks(bytes, colon + 1)
    if value == bytes.count { return nil }
    guard let valueEnd = try Self.valueEnd(bytes, value) else { return nil }
    if valueEnd == bytes.count, !isLast { return nil }
    Self.putMember(bytes, name: cursor..<nameEnd, value: value..<valueEnd, &rows)
    phase = .afterRow
    return valueEnd
  }

  private static func putMember(
    _ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>, _ rows: inout RowBuffer
  ) {
    rows.append(bytesMax: name.count + value.count + 20) { room in
      room.put(#"{"Key":"#)
      room.put(bytes, name)
      room.put(#","Value":"#)
      copyRow(bytes, value, to: &room)
      room.put("}")
    }
  }

  /// Behind the target. An empty pointer's target is the document.
  private func leave(_ close: Int) -> Int {
    skip = Skip()
    phase = openAround == 0 ? .end : .rest
    return close + 1
  }

  // MARK: Scanning

  @inline(__always)
  private static func skipBlanks(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    var cursor = start
    while cursor < bytes.count {
      let byte = bytes[cursor]
      if byte != 0x20, byte != 0x0A, byte != 0x0D, byte != 0x09 { break }
      cursor += 1
    }
    return cursor
  }

  /// Behind the closing quote of the string whose opening quote is at `start`.
  private static func stringEnd(
    _ bytes: Span<UInt8>, _ start: Int
  ) throws(RowError) -> Int? {
    var cursor = start + 1
    while cursor < bytes.count {
      cursor = ByteScan.stringStop(bytes, cursor)
      if cursor == bytes.count { return nil }
      switch bytes[cursor] {
      case UInt8(ascii: "\""): return cursor + 1
      case UInt8(ascii: "\\"): cursor += 2
      default:
        throw RowError(.syntax, "the text is not JSON: a string holds a control character", at: cursor)
      }
    }
    return nil
  }

  /// Behind the value at `start`; at the end of the text if it is a number or a word there.
  private static func valueEnd(
    _ bytes: Span<UInt8>, _ start: Int
  ) throws(RowError) -> Int? {
    var open = 0
    var cursor = start
    while cursor < bytes.count {
      switch bytes[cursor] {
      case UInt8(ascii: "\""):
        guard let next = try stringEnd(bytes, cursor) else { return nil }
        cursor = next
        if open == 0 { return cursor }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open += 1
        cursor += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if open == 0 {
          if cursor == start {
            throw RowError(.syntax, "the text is not JSON: a value is missing", at: cursor)
          }
          return cursor
        }
        open -= 1
        cursor += 1
        if open == 0 { return cursor }
      case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
        if open == 0 {
          if cursor == start {
            throw RowError(.syntax, "the text is not JSON: a value is missing", at: cursor)
          }
          return cursor
        }
        cursor += 1
      default:
        cursor += 1
      }
    }
    return open == 0 ? bytes.count : nil
  }

  /// Copies a value, with blanks for its line ends.
  private static func copyRow(_ bytes: Span<UInt8>, _ part: Range<Int>, to room: inout ByteRoom) {
    let start = room.count
    room.put(bytes, part)
    room.replace(0x0A, with: 0x20, from: start)
  }

  // MARK: The way

  /// Whether a name as written is the one that a token means.
  private static func isSame(_ name: Span<UInt8>, _ token: [UInt8]) -> Bool {
    if !name.contains(UInt8(ascii: "\\")) { return name.isSame(as: token) }
    let quoted = [UInt8(ascii: "\"")] + name.array + [UInt8(ascii: "\"")]
    guard let text = try? JSON(parsing: quoted).string else { return false }
    return text.utf8.elementsEqual(token)
  }

  private static func isIndex(_ token: [UInt8], _ index: Int) -> Bool {
    token.elementsEqual(String(index).utf8)
  }
}

/// Passes JSON text that nobody reads, in any pieces: it knows strings from the rest, and
/// counts brackets.
private struct Skip {
  private var open = 0
  private var isInString = false
  private var isEscaped = false
  private var hasBegun = false

  /// Passes one value. Where it ends, or the end of the text.
  mutating func pass(_ bytes: Span<UInt8>, _ start: Int) -> (Int, Bool) {
    var cursor = start
    while cursor < bytes.count {
      if isInString {
        guard passString(bytes, &cursor) else { return (bytes.count, false) }
        if open == 0 { return (cursor, true) }
        continue
      }
      switch bytes[cursor] {
      case UInt8(ascii: "\""):
        isInString = true
        hasBegun = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open += 1
        hasBegun = true
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        // A number or a word ends in front of its container's end.
        if open == 0 { return (cursor, true) }
        open -= 1
        if open == 0 { return (cursor + 1, true) }
      case UInt8(ascii: ","):
        if open == 0 { return (cursor, true) }
      case 0x20, 0x0A, 0x0D, 0x09:
        if open == 0, hasBegun { return (cursor, true) }
      default:
        hasBegun = true
      }
      cursor += 1
    }
    return (bytes.count, false)
  }

  /// Passes text until `open` brackets have been closed.
  mutating func passOpen(
    _ bytes: Span<UInt8>, _ start: Int, _ open: Int
  ) -> (Int, Int) {
    var open = open
    var cursor = start
    while cursor < bytes.count, open > 0 {
      if isInString {
        guard passString(bytes, &cursor) else { return (bytes.count, open) }
        continue
      }
      switch bytes[cursor] {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): open += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): open -= 1
      default: break
      }
      cursor += 1
    }
    return (cursor, open)
  }

  /// Passes the rest of a string; false: it goes on behind the text.
  private mutating func passString(_ bytes: Span<UInt8>, _ cursor: inout Int) -> Bool {
    while cursor < bytes.count {
      if isEscaped {
        isEscaped = false
        cursor += 1
        continue
      }
      cursor = ByteScan.stringStop(bytes, cursor)
      if cursor == bytes.count { return false }
      let byte = bytes[cursor]
      cursor += 1
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
        return true
      }
    }
    return false
  }
}
