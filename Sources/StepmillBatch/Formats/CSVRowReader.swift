import Stepmill

// CSV as Step Functions reads it (specification: ItemReader, CSV): items are objects of
// strings; missing fields are empty, surplus ones are dropped.
//
// A record is first taken apart into fields (where each begins and ends, and how much there is
// to do about it), then written column by column as JSON text. A field in which nothing needs an
// escape, which almost all are, is one vector scan and one copy, quotes around it or not.
//
// Quotes count at the beginning of a field only; what follows a closing quote up to the
// delimiter belongs to the field. A backslash in front of itself, a quote or the delimiter
// stands for that character, any other one is dropped. A line with nothing on it is no record.

final class CSVRowReader: RowReader {
  private let delimiter: UInt8
  private let order: CSVDialect.Order
  private var hasHeaders = false
  // Handed on as parameters: a class checks each access to its variables.
  private var fields = FieldList()
  private var columns = ColumnList()

  init(_ dialect: CSVDialect) throws(RowError) {
    delimiter = dialect.delimiter.rawValue
    order = dialect.order
    if case .given(let names) = dialect.headers { try setHeaders(names) }
  }

  private func setHeaders(_ names: [String]) throws(RowError) {
    guard Set(names.map { Array($0.utf8) }).count == names.count else {
      throw RowError(.headers, "CSV headers cannot contain duplicates.")
    }
    for (place, field) in order.arrange(names).enumerated() {
      columns.append(
        field: field,
        Array((place == 0 ? "{" : "\",").utf8) + JSON(names[field]).utf8 + Array(":\"".utf8))
    }
    hasHeaders = true
  }

  func read(
    _ bytes: Span<UInt8>, isLast: Bool, into rows: inout RowBuffer
  ) throws(RowError) -> Int {
    try read(bytes, isLast, into: &rows, &fields)
  }

  private func read(
    _ bytes: Span<UInt8>, _ isLast: Bool, into rows: inout RowBuffer, _ fields: inout FieldList
  ) throws(RowError) -> Int {
    var offset = 0
    var columns = columns
    while offset < bytes.count, !rows.isFull {
      guard let next = try takeApart(bytes, from: offset, isLast, &fields) else { break }
      if !fields.isBlank {
        if hasHeaders {
          write(bytes, next - offset, fields, columns, &rows)
        } else {
          try readHeaders(bytes, fields)
          columns = self.columns
        }
      }
      offset = next
    }
    return offset
  }

  // MARK: Taking a record apart

  /// Finds the fields of the record at `first`, and where the next one begins. Nil: the record
  /// goes on behind the text.
  private func takeApart(
    _ bytes: Span<UInt8>, from first: Int, _ isLast: Bool, _ fields: inout FieldList
  ) throws(RowError) -> Int? {
    fields.removeAll()
    let delimiter = delimiter
    let end = bytes.count
    var cursor = first
    while true {
      var field = Field(start: cursor, end: 0, care: .none)
      if cursor < end, bytes[cursor] == 0x22 {
        field.care = .reading
        guard let close = Self.closingQuote(bytes, cursor + 1, isLast) else {
          if isLast {
            throw RowError(.truncated, "a quote is opened here and never closed", at: cursor)
          }
          return nil
        }
        cursor = close.end
        // What stands between the quotes is the value, unless more follows them.
        if let care = close.care, cursor < end {
          let next = bytes[cursor]
          if next == delimiter || next == 0x0A {
            fields.append(
              Field(start: field.start + 1, end: cursor - 1, care: care, isQuoted: true))
            cursor += 1
            if next == 0x0A { return cursor }
            continue
          }
        }
      }
      var hasEnded = false
      scan: while true {
        cursor = ByteScan.fieldStop(bytes, cursor, delimiter: delimiter)
        if cursor == end {
          guard isLast else { return nil }
          field.end = cursor
          fields.append(field)
          return bytes.count
        }
        let byte = bytes[cursor]
        if byte == delimiter { break scan }
        switch byte {
        case 0x0A:
          hasEnded = true
          break scan
        case 0x5C:
          field.care = .reading
          cursor += 1
          // What follows is not a delimiter, nor a backslash; but a line end ends the record.
          if cursor < end, bytes[cursor] != 0x0A, bytes[cursor] != 0x0D {
            cursor += 1
          }
          if cursor == end, !isLast { return nil }
        default:
          cursor += 1
          // In front of a line end it is a part of that.
          if byte == 0x0D, cursor < end, bytes[cursor] == 0x0A { continue }
          if field.care == .none { field.care = .escapes }
        }
      }
      field.end = cursor
      if hasEnded {
        // The line end may be two characters.
        if field.end > field.start, bytes[cursor - 1] == 0x0D { field.end -= 1 }
        fields.append(field)
        return cursor + 1
      }
      fields.append(field)
      cursor += 1
    }
  }

  /// Behind the quote that ends a field, and what copying the text between the quotes takes
  /// (nil: more than copying and escaping); or nil if there is no such quote.
  @inline(__always)
  private static func closingQuote(
    _ bytes: Span<UInt8>, _ start: Int, _ isLast: Bool
  ) -> (end: Int, care: Field.Care?)? {
    let end = bytes.count
    var care: Field.Care? = Field.Care.none
    var cursor = start
    while cursor < end {
      cursor = ByteScan.stringStop(bytes, cursor)
      if cursor == end { return nil }
      switch bytes[cursor] {
      case 0x22:
        // Two of them stand for one; the second may not have arrived.
        if cursor + 1 == end { return isLast ? (end, care) : nil }
        if bytes[cursor + 1] != 0x22 { return (cursor + 1, care) }
        care = nil
        cursor += 2
      case 0x5C:
        care = nil
        cursor += 2
      default:
        if care != nil { care = .escapes }
        cursor += 1
      }
    }
    return nil
  }

  // MARK: Writing

  private func write(
    _ bytes: Span<UInt8>, _ recordBytes: Int, _ fields: borrowing FieldList, _ columns: borrowing ColumnList,
    _ rows: inout RowBuffer
  ) {
    // A control character takes six bytes.
    rows.append(bytesMax: columns.bytes + recordBytes * 6 + ByteRoom.slack) { room in
      let prefixes = columns.prefixes.span
      for index in 0..<columns.count {
        let column = columns[index]
        room.putShort(prefixes, column.start, column.count)
        guard column.field < fields.count else { continue }
        let field = fields[column.field]
        switch field.care {
        case .none: room.putShort(bytes, field.start, field.end &- field.start)
        case .escapes: Self.escape(bytes, field.start..<field.end, to: &room)
        case .reading:
          let value = read(bytes, field.start..<field.end)
          Self.escape(value.span, 0..<value.count, to: &room)
        }
      }
      room.put(columns.count == 0 ? 0x7B : 0x22)
      room.put(0x7D)
    }
  }

  /// Copies text, with escapes where JSON needs them.
  @inline(__always)
  private static func escape(_ text: Span<UInt8>, _ part: Range<Int>, to room: inout ByteRoom) {
    let text = text.extracting(part)
    var place = 0
    while true {
      let stop = ByteScan.stringStop(text, place)
      room.put(text, place..<stop)
      if stop == text.count { return }
      escape(text[stop], to: &room)
      place = stop + 1
    }
  }

  private static func escape(_ byte: UInt8, to room: inout ByteRoom) {
    room.put(0x5C)
    switch byte {
    case 0x22, 0x5C: room.put(byte)
    case 0x0A: room.put(UInt8(ascii: "n"))
    case 0x0D: room.put(UInt8(ascii: "r"))
    case 0x09: room.put(UInt8(ascii: "t"))
    default:
      room.put("u00")
      room.put(byte >> 4 == 0 ? 0x30 : 0x31)
      room.put(byte & 15 < 10 ? 0x30 + byte & 15 : 0x61 + byte & 15 - 10)
    }
  }

  /// The value of a field that holds quotes or backslashes.
  private func read(_ text: Span<UInt8>, _ part: Range<Int>) -> [UInt8] {
    var value: [UInt8] = []
    value.reserveCapacity(part.count)
    var isQuoted = !part.isEmpty && text[part.lowerBound] == 0x22
    var index = part.lowerBound + (isQuoted ? 1 : 0)
    while index < part.upperBound {
      let byte = text[index]
      index += 1
      switch byte {
      case 0x22 where isQuoted:
        if index < part.upperBound, text[index] == 0x22 {
          value.append(0x22)
          index += 1
        } else {
          isQuoted = false
        }
      case 0x5C:
        guard index < part.upperBound else { break }
        let next = text[index]
        if next == 0x5C || next == 0x22 || next == delimiter {
          value.append(next)
          index += 1
        }
      default:
        value.append(byte)
      }
    }
    return value
  }

  private func readHeaders(_ text: Span<UInt8>, _ fields: borrowing FieldList) throws(RowError) {
    var names: [String] = []
    for index in 0..<fields.count {
      let field = fields[index]
      let part = field.start..<field.end
      names.append(
        field.care == .reading
          ? String(decoding: read(text, part), as: UTF8.self) : text.extracting(part).text)
    }
    try setHeaders(names)
  }
}

/// Where a field stands, and what it takes to copy its value into a JSON string.
private struct Field: BitwiseCopyable {
  enum Care: UInt8 {
    case none
    /// Some of its characters need escapes.
    case escapes
    /// It holds quotes or backslashes that are not part of its value.
    case reading
  }

  var start: Int
  var end: Int
  var care: Care
  var isQuoted = false
}

/// The fields of a record. Its memory is kept for the next one.
@safe private struct FieldList: ~Copyable {
  private var memory: UnsafeMutablePointer<Field> = .allocate(capacity: 16)
  private var capacity = 16
  private(set) var count = 0

  deinit { unsafe memory.deallocate() }

  @inline(__always) subscript(_ index: Int) -> Field {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe memory[index]
  }

  /// It is a line with nothing on it.
  @inline(__always) var isBlank: Bool {
    count == 1 && self[0].start == self[0].end && self[0].care != .reading && !self[0].isQuoted
  }

  mutating func removeAll() { count = 0 }

  @inline(__always)
  mutating func append(_ field: Field) {
    if _slowPath(count == capacity) { grow() }
    unsafe memory[count] = field
    count &+= 1
  }

  @inline(never)
  private mutating func grow() {
    let more = UnsafeMutablePointer<Field>.allocate(capacity: capacity * 2)
    unsafe more.update(from: memory, count: count)
    unsafe memory.deallocate()
    unsafe memory = more
    capacity *= 2
  }
}

/// For each column that is written, in that order: its field, and the text up to its value.
private struct ColumnList {
  struct Column: BitwiseCopyable {
    let field: Int
    /// Where the text begins in `prefixes`, and how long it is.
    let start: Int
    let count: Int
  }

  private var columns: [Column] = []
  /// All texts, one behind the other, with as much behind the last one as `putShort` reads.
  private(set) var prefixes = [UInt8](repeating: 0, count: ByteRoom.slack)
  private(set) var bytes = 4
  var count: Int { columns.count }

  @inline(__always) subscript(_ index: Int) -> Column { columns[index] }

  mutating func append(field: Int, _ prefix: [UInt8]) {
    let start = prefixes.count - ByteRoom.slack
    prefixes.insert(contentsOf: prefix, at: start)
    columns.append(Column(field: field, start: start, count: prefix.count))
    bytes += prefix.count + 1
  }
}
