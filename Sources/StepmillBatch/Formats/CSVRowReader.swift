import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

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
  /// At addresses of their own: a class checks each access to its variables.
  private let fields: UnsafeMutablePointer<FieldList>
  private let columns: UnsafeMutablePointer<ColumnList>

  init(_ dialect: CSVDialect) throws(RowError) {
    delimiter = dialect.delimiter.rawValue
    order = dialect.order
    fields = .allocate(capacity: 1)
    fields.initialize(to: FieldList())
    columns = .allocate(capacity: 1)
    columns.initialize(to: ColumnList())
    if case .given(let names) = dialect.headers { try setHeaders(names) }
  }

  deinit {
    fields.deinitialize(count: 1)
    fields.deallocate()
    columns.deinitialize(count: 1)
    columns.deallocate()
  }

  private func setHeaders(_ names: [String]) throws(RowError) {
    guard Set(names.map { Array($0.utf8) }).count == names.count else {
      throw RowError(.headers, "CSV headers cannot contain duplicates.")
    }
    for (place, field) in order.arrange(names).enumerated() {
      columns.pointee.append(
        field: field,
        Array((place == 0 ? "{" : "\",").utf8) + JSON(names[field]).utf8 + Array(":\"".utf8))
    }
    hasHeaders = true
  }

  func read(
    _ bytes: UnsafeRawBufferPointer, isLast: Bool, into rows: inout RowBuffer
  ) throws(RowError) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var offset = 0
    while offset < bytes.count, !rows.isFull {
      guard let next = try takeApart(bytes, from: offset, isLast) else { break }
      if !fields.pointee.isBlank {
        if hasHeaders { write(bytes, next - offset, &rows) } else { try readHeaders(base) }
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
    let fields = fields
    fields.pointee.removeAll()
    let delimiter = delimiter
    let base = bytes.baseAddress.unsafelyUnwrapped
    let end = base + bytes.count
    var cursor = base + first
    while true {
      var field = Field(start: cursor - base, end: 0, care: .none)
      if cursor < end, cursor.load(as: UInt8.self) == 0x22 {
        field.care = .reading
        guard let close = Self.closingQuote(cursor + 1, end, isLast) else {
          if isLast {
            throw RowError(.truncated, "a quote is opened here and never closed", at: cursor - base)
          }
          return nil
        }
        cursor = close.end
        // What stands between the quotes is the value, unless more follows them.
        if let care = close.care, cursor < end {
          let next = cursor.load(as: UInt8.self)
          if next == delimiter || next == 0x0A {
            fields.pointee.append(
              Field(start: field.start + 1, end: cursor - base - 1, care: care, isQuoted: true))
            cursor += 1
            if next == 0x0A { return cursor - base }
            continue
          }
        }
      }
      var hasEnded = false
      scan: while true {
        cursor = ByteScan.fieldStop(cursor, end, delimiter: delimiter)
        if cursor == end {
          guard isLast else { return nil }
          field.end = cursor - base
          fields.pointee.append(field)
          return bytes.count
        }
        let byte = cursor.load(as: UInt8.self)
        if byte == delimiter { break scan }
        switch byte {
        case 0x0A:
          hasEnded = true
          break scan
        case 0x5C:
          field.care = .reading
          cursor += 1
          // What follows is not a delimiter, nor a backslash; but a line end ends the record.
          if cursor < end, cursor.load(as: UInt8.self) != 0x0A, cursor.load(as: UInt8.self) != 0x0D {
            cursor += 1
          }
          if cursor == end, !isLast { return nil }
        default:
          cursor += 1
          // In front of a line end it is a part of that.
          if byte == 0x0D, cursor < end, cursor.load(as: UInt8.self) == 0x0A { continue }
          if field.care == .none { field.care = .escapes }
        }
      }
      field.end = cursor - base
      if hasEnded {
        // The line end may be two characters.
        if field.end > field.start, (cursor - 1).load(as: UInt8.self) == 0x0D { field.end -= 1 }
        fields.pointee.append(field)
        return cursor - base + 1
      }
      fields.pointee.append(field)
      cursor += 1
    }
  }

  /// Behind the quote that ends a field, and what copying the text between the quotes takes
  /// (nil: more than copying and escaping); or nil if there is no such quote.
  @inline(__always)
  private static func closingQuote(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ isLast: Bool
  ) -> (end: UnsafeRawPointer, care: Field.Care?)? {
    var care: Field.Care? = Field.Care.none
    var cursor = start
    while cursor < end {
      cursor = ByteScan.stringStop(cursor, end)
      if cursor == end { return nil }
      switch cursor.load(as: UInt8.self) {
      case 0x22:
        // Two of them stand for one; the second may not have arrived.
        if cursor + 1 == end { return isLast ? (end, care) : nil }
        if (cursor + 1).load(as: UInt8.self) != 0x22 { return (cursor + 1, care) }
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

  private func write(_ bytes: UnsafeRawBufferPointer, _ recordBytes: Int, _ rows: inout RowBuffer) {
    let base = bytes.baseAddress.unsafelyUnwrapped
    let end = base + bytes.count
    let (fields, columns) = (fields, columns)
    // A control character takes six bytes; short copies take whole vectors.
    var room = rows.reserve(columns.pointee.bytes + recordBytes * 6 + 64)
    for index in 0..<columns.pointee.count {
      let column = columns.pointee[index]
      ShortCopy.padded(column.prefix, column.prefixBytes, to: room)
      room += column.prefixBytes
      guard column.field < fields.pointee.count else { continue }
      let field = fields.pointee[column.field]
      switch field.care {
      case .none:
        ShortCopy.within(base + field.start, field.end - field.start, end, to: room)
        room += field.end - field.start
      case .escapes:
        room = Self.escape(
          UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start), to: room)
      case .reading:
        room = read(
          UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start)
        ).withUnsafeBytes { Self.escape($0, to: room) }
      }
    }
    room.storeBytes(of: columns.pointee.count == 0 ? 0x7B : 0x22, as: UInt8.self)
    room.storeBytes(of: 0x7D, toByteOffset: 1, as: UInt8.self)
    room.storeBytes(of: 0x0A, toByteOffset: 2, as: UInt8.self)
    rows.endRow(room + 3)
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
    var names: [String] = []
    for index in 0..<fields.pointee.count {
      let field = fields.pointee[index]
      let text = UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start)
      names.append(
        field.care == .reading
          ? String(decoding: read(text), as: UTF8.self) : String(decoding: text, as: UTF8.self))
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

private struct FieldList: ~Copyable {
  private var memory: UnsafeMutablePointer<Field> = .allocate(capacity: 16)
  private var capacity = 16
  private(set) var count = 0

  deinit { memory.deallocate() }

  @inline(__always) subscript(_ index: Int) -> Field { memory[index] }

  /// It is a line with nothing on it.
  @inline(__always) var isBlank: Bool {
    count == 1 && memory[0].start == memory[0].end && memory[0].care != .reading && !memory[0].isQuoted
  }

  mutating func removeAll() { count = 0 }

  @inline(__always)
  mutating func append(_ field: Field) {
    if _slowPath(count == capacity) { grow() }
    memory[count] = field
    count &+= 1
  }

  @inline(never)
  private mutating func grow() {
    let more = UnsafeMutablePointer<Field>.allocate(capacity: capacity * 2)
    more.update(from: memory, count: count)
    memory.deallocate()
    memory = more
    capacity *= 2
  }
}

/// For each column that is written, in that order: its field, and the text up to its value.
private struct ColumnList: ~Copyable {
  struct Column: BitwiseCopyable {
    let field: Int
    /// Whole vectors of it may be read.
    let prefix: UnsafeRawPointer
    let prefixBytes: Int
  }

  private var columns: [Column] = []
  private(set) var bytes = 4
  var count: Int { columns.count }

  deinit { for column in columns { column.prefix.deallocate() } }

  @inline(__always) subscript(_ index: Int) -> Column { columns[index] }

  mutating func append(field: Int, _ prefix: [UInt8]) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: prefix.count + 16, alignment: 16)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: prefix.count + 16)
    memory.copyMemory(from: prefix, byteCount: prefix.count)
    columns.append(Column(field: field, prefix: UnsafeRawPointer(memory), prefixBytes: prefix.count))
    bytes += prefix.count + 1
  }
}

/// Copies of some bytes, which whole vectors do faster than a call. Up to 15 bytes behind the
/// target are overwritten.
private enum ShortCopy {
  /// From memory with as much room behind it.
  @inline(__always)
  static func padded(_ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer) {
    var offset = 0
    while offset < count {
      target.storeBytes(
        of: source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), toByteOffset: offset,
        as: SIMD16<UInt8>.self)
      offset &+= 16
    }
  }

  /// From memory that ends at `end`.
  @inline(__always)
  static func within(
    _ source: UnsafeRawPointer, _ count: Int, _ end: UnsafeRawPointer, to target: UnsafeMutableRawPointer
  ) {
    if _fastPath(count <= 64 && source + count + 16 <= end) {
      padded(source, count, to: target)
    } else {
      target.copyMemory(from: source, byteCount: count)
    }
  }
}
