import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Rows that a reader has found: the JSON text of each on a line of its own, one behind the
/// other, which is what `Workflow` starts executions from.
///
/// It is full when it holds as many rows, or as many bytes, as it should; a row that is longer
/// than that still fits, alone or as the last one.
@safe package struct RowBuffer: ~Copyable {
  private var start: UnsafeMutableRawPointer
  private var capacity: Int
  /// Bytes of text, the line ends included.
  package private(set) var count = 0
  private var ends: UnsafeMutablePointer<UInt32>
  package private(set) var rowCount = 0
  package let rowsMax: Int
  package let bytesMax: Int

  /// - Parameter capacity: Bytes of text that are expected.
  package init(rowsMax: Int = 64, bytesMax: Int = 1 << 16, capacity expected: Int = 1 << 12) {
    self.rowsMax = max(1, rowsMax)
    self.bytesMax = max(1, bytesMax)
    capacity = max(64, min(self.bytesMax * 2, expected))
    guard let memory = unsafe malloc(capacity) else { fatalError("Stepmill: out of memory") }
    unsafe start = memory
    unsafe ends = .allocate(capacity: self.rowsMax)
  }

  deinit {
    unsafe free(start)
    unsafe ends.deallocate()
  }

  /// No more rows are wanted.
  @inline(__always) package var isFull: Bool { rowCount == rowsMax || count >= bytesMax }
  package var isEmpty: Bool { rowCount == 0 }
  /// Bytes of memory that it takes.
  package var footprint: Int { capacity + rowsMax * 4 }

  /// Where a row's text begins and ends, without its line end.
  @inline(__always)
  package func range(of row: Int) -> Range<Int> {
    precondition(row >= 0 && row < rowCount, "there is no such row")
    return unsafe (row == 0 ? 0 : Int(ends[row &- 1]))..<(Int(ends[row]) &- 1)
  }

  /// The lines of some rows, at an address that stays theirs until rows are added or removed.
  @unsafe func lines(_ rows: Range<Int>) -> RowLines {
    let end = range(of: rows.upperBound - 1).upperBound + 1
    let first = range(of: rows.lowerBound).lowerBound
    return unsafe RowLines(
      text: UnsafeRawBufferPointer(start: start + first, count: end - first), ends: ends + rows.lowerBound,
      offset: first, count: rows.count)
  }

  /// Shows the text of a row, without its line end. Blanks may stand around it.
  @inline(__always)
  package func withText<Result: ~Copyable, Failure: Error>(
    of row: Int, _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let place = range(of: row)
    let text = unsafe UnsafeBufferPointer(
      start: (start + place.lowerBound).assumingMemoryBound(to: UInt8.self), count: place.count)
    return try body(unsafe text.span)
  }

  /// The text of a row.
  package func text(of row: Int) -> [UInt8] { withText(of: row) { $0.array } }

  /// A row as a value.
  package func json(_ row: Int) throws(JSONSyntaxError) -> JSON { try JSON(parsing: text(of: row)) }

  package mutating func removeAll() {
    count = 0
    rowCount = 0
  }

  // MARK: Writing

  /// Adds a row of at most so many bytes that `write` puts there. No line end may be in it.
  @inline(__always)
  mutating func append(bytesMax: Int, _ write: (inout ByteRoom) -> Void) {
    // The line end, and what short copies overwrite.
    let size = bytesMax &+ 1
    var room = unsafe ByteRoom(UnsafeMutableRawBufferPointer(start: reserve(size), count: size))
    write(&room)
    room.put(0x0A)
    noteEnd(room.count)
    count &+= room.count
  }

  /// Makes room for `size` more bytes and says where they go.
  @inline(__always)
  private mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
    if _slowPath(capacity &- count < size) { grow(size) }
    return unsafe start + count
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    capacity = max(count &+ size, capacity &* 2)
    precondition(capacity < Int(UInt32.max), "BUG in Stepmill (please report): rows of 4 GB")
    guard let memory = unsafe realloc(start, capacity) else {
      fatalError("Stepmill: out of memory (\(capacity) bytes)")
    }
    unsafe start = memory
  }

  /// Adds a row whose text holds no line end.
  package mutating func append(_ row: Span<UInt8>) {
    append(bytesMax: row.count) { $0.put(row, 0..<row.count) }
  }

  /// Adds a row.
  package mutating func append(_ row: JSON) { append(row.utf8.span) }

  /// Notes that a row ends `length` bytes behind the start of what is added next, in `addLines`.
  @inline(__always)
  mutating func noteEnd(_ length: Int) {
    precondition(rowCount < rowsMax, "BUG in Stepmill (please report): more rows than the buffer takes")
    unsafe ends[rowCount] = UInt32(truncatingIfNeeded: count &+ length)
    rowCount &+= 1
  }

  /// Adds the text of rows whose ends have been noted.
  @inline(__always)
  mutating func addLines(_ text: Span<UInt8>, _ lines: Range<Int>) {
    if lines.isEmpty { return }
    var room = unsafe ByteRoom(UnsafeMutableRawBufferPointer(start: reserve(lines.count), count: lines.count))
    room.put(text, lines)
    count &+= lines.count
  }
}
