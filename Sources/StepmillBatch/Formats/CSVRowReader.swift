import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// CSV as Step Functions reads it (specification: ItemReader, CSV): items are objects of
// strings; missing fields are empty, surplus ones are dropped.
//
// A record is first taken apart into fields (where each begins and ends, and whether it needs
// more than copying), then written column by column as JSON text. A field that is plain, which
// almost all are, is one vector scan and one copy.
//
// Quotes count at the beginning of a field only; what follows a closing quote up to the
// delimiter belongs to the field. A backslash in front of itself, a quote or the delimiter
// stands for that character, any other one is dropped. A line with nothing on it is no record.

final class CSVRowReader: RowReader {
  private let delimiter: UInt8
  private let order: CSVDialect.Order
  /// For each column that is written, in that order: its field, and the text up to its value.
  private var columns: [Column] = []
  private var hasHeaders = false
  private var fields: [Field] = []
  private var prefixBytes = 0

  private struct Column {
    let field: Int
    let prefix: [UInt8]
  }

  private struct Field {
    var start: Int
    var end: Int
    /// It holds quotes or backslashes that are not part of its value.
    var needsReading: Bool
  }

  init(_ dialect: CSVDialect) throws(RowError) {
    delimiter = dialect.delimiter.rawValue
    order = dialect.order
    if case .given(let names) = dialect.headers { try setHeaders(names) }
  }

  private func setHeaders(_ names: [String]) throws(RowError) {
    guard Set(names.map { Array($0.utf8) }).count == names.count else {
      throw RowError(.headers, "CSV headers cannot contain duplicates.")
    }
    columns = order.arrange(names).enumerated().map { place, field in
      Column(
        field: field,
        prefix: Array((place == 0 ? "{" : ",").utf8) + JSON(names[field]).utf8 + Array(":\"".utf8))
    }
    prefixBytes = columns.reduce(4) { $0 + $1.prefix.count + 1 }
    hasHeaders = true
  }

  func read(
    _ bytes: UnsafeRawBufferPointer, isLast: Bool, into rows: inout RowBuffer
  ) throws(RowError) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var offset = 0
    while offset < bytes.count, !rows.isFull {
      guard let next = try takeApart(bytes, from: offset, isLast) else { break }
      // A line with nothing on it.
      let isBlank = fields.count == 1 && fields[0].start == fields[0].end && !fields[0].needsReading
      if !isBlank {
        if hasHeaders { write(base, next - offset, &rows) } else { try readHeaders(base) }
      }
      offset = next
    }
    return offset
  }

  // MARK: Taking a record apart

  /// Finds the fields of the record at `first`, and where the next one begins. Nil: the record
  /// goes on behind the text.
  private func takeApart(
    _ bytes: UnsafeRawBufferPointer, from first: Int, _ isLast: Bool
  ) throws(RowError) -> Int? {
    fields.removeAll(keepingCapacity: true)
    let base = bytes.baseAddress.unsafelyUnwrapped
    let end = base + bytes.count
    var cursor = base + first
    while true {
      var field = Field(start: cursor - base, end: 0, needsReading: false)
      if cursor < end, cursor.load(as: UInt8.self) == 0x22 {
        field.needsReading = true
        guard let close = Self.closingQuote(cursor + 1, end, isLast) else {
          if isLast {
            throw RowError(.truncated, "a quote is opened here and never closed", at: cursor - base)
          }
          return nil
        }
        cursor = close
      }
      var hasEnded = false
      scan: while true {
        cursor = ByteScan.fieldStop(cursor, end, delimiter: delimiter)
        if cursor == end {
          guard isLast else { return nil }
          field.end = cursor - base
          fields.append(field)
          return bytes.count
        }
        let byte = cursor.load(as: UInt8.self)
        if byte == delimiter { break scan }
        switch byte {
        case 0x0A:
          hasEnded = true
          break scan
        case 0x5C:
          field.needsReading = true
          cursor += 1
          // What follows is not a delimiter, nor a backslash; but a line end ends the record.
          if cursor < end, cursor.load(as: UInt8.self) != 0x0A, cursor.load(as: UInt8.self) != 0x0D {
            cursor += 1
          }
          if cursor == end, !isLast { return nil }
        default:
          cursor += 1
        }
      }
      field.end = cursor - base
      if hasEnded {
        // The line end may be two characters.
        if field.end > field.start, (cursor - 1).load(as: UInt8.self) == 0x0D { field.end -= 1 }
        fields.append(field)
        return cursor - base + 1
      }
      fields.append(field)
      cursor += 1
    }
  }

  /// Behind the quote that ends a field, or nil.
  private static func closingQuote(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ isLast: Bool
  ) -> UnsafeRawPointer? {
    var cursor = start
    while cursor < end {
      cursor = ByteScan.stringStop(cursor, end)
      if cursor == end { return nil }
      switch cursor.load(as: UInt8.self) {
      case 0x22:
        // Two of them stand for one; the second may not have arrived.
        if cursor + 1 == end { return isLast ? end : nil }
        if (cursor + 1).load(as: UInt8.self) != 0x22 { return cursor + 1 }
        cursor += 2
      case 0x5C: cursor += 2
      default: cursor += 1
      }
    }
    return nil
  }

  // MARK: Writing

  private func write(_ base: UnsafeRawPointer, _ recordBytes: Int, _ rows: inout RowBuffer) {
    // A control character takes six bytes.
    let start = rows.reserve(prefixBytes + recordBytes * 6)
    var room = start
    columns.withUnsafeBufferPointer { columns in
      fields.withUnsafeBufferPointer { fields in
        for column in columns {
          room = Self.put(column.prefix, to: room)
          if column.field < fields.count { room = write(fields[column.field], base, room) }
          room.storeBytes(of: 0x22, as: UInt8.self)
          room += 1
        }
      }
    }
    if columns.isEmpty {
      room.storeBytes(of: 0x7B, as: UInt8.self)
      room += 1
    }
    room.storeBytes(of: 0x7D, as: UInt8.self)
    room.storeBytes(of: 0x0A, toByteOffset: 1, as: UInt8.self)
    rows.endRow(room + 2)
  }

  @inline(__always)
  private static func put(_ text: [UInt8], to room: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    text.withUnsafeBytes { room.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count) }
    return room + text.count
  }

  /// Writes a field's value as the inside of a JSON string.
  private func write(
    _ field: Field, _ base: UnsafeRawPointer, _ room: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    let text = UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start)
    if field.needsReading {
      let value = read(text)
      return value.withUnsafeBytes { Self.escape($0, to: room) }
    }
    return Self.escape(text, to: room)
  }

  /// Copies text, with escapes where JSON needs them.
  @inline(__always)
  private static func escape(
    _ text: UnsafeRawBufferPointer, to room: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    guard var cursor = text.baseAddress else { return room }
    var room = room
    let end = cursor + text.count
    while true {
      let stop = ByteScan.stringStop(cursor, end)
      room.copyMemory(from: cursor, byteCount: stop - cursor)
      room += stop - cursor
      if stop == end { return room }
      room = escape(stop.load(as: UInt8.self), to: room)
      cursor = stop + 1
    }
  }

  private static func escape(_ byte: UInt8, to room: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    var room = room
    func put(_ byte: UInt8) {
      room.storeBytes(of: byte, as: UInt8.self)
      room += 1
    }
    put(0x5C)
    switch byte {
    case 0x22, 0x5C: put(byte)
    case 0x0A: put(UInt8(ascii: "n"))
    case 0x0D: put(UInt8(ascii: "r"))
    case 0x09: put(UInt8(ascii: "t"))
    default:
      put(UInt8(ascii: "u"))
      put(0x30)
      put(0x30)
      put(byte >> 4 == 0 ? 0x30 : 0x31)
      put(byte & 15 < 10 ? 0x30 + byte & 15 : 0x61 + byte & 15 - 10)
    }
    return room
  }

  /// The value of a field that holds quotes or backslashes.
  private func read(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var value: [UInt8] = []
    value.reserveCapacity(text.count)
    var isQuoted = text.first == 0x22
    var index = isQuoted ? 1 : 0
    while index < text.count {
      let byte = text[index]
      index += 1
      switch byte {
      case 0x22 where isQuoted:
        if index < text.count, text[index] == 0x22 {
          value.append(0x22)
          index += 1
        } else {
          isQuoted = false
        }
      case 0x5C:
        guard index < text.count else { break }
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

  private func readHeaders(_ base: UnsafeRawPointer) throws(RowError) {
    try setHeaders(
      fields.map { field in
        let text = UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start)
        return field.needsReading
          ? String(decoding: read(text), as: UTF8.self) : String(decoding: text, as: UTF8.self)
      })
  }
}
