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
package struct RowBuffer: ~Copyable {
  package private(set) var start: UnsafeMutableRawPointer
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
    guard let memory = malloc(capacity) else { fatalError("Stepmill: out of memory") }
    start = memory
    ends = .allocate(capacity: self.rowsMax)
  }

  deinit {
    free(start)
    ends.deallocate()
  }

  /// No more rows are wanted.
  @inline(__always) package var isFull: Bool { rowCount == rowsMax || count >= bytesMax }
  package var isEmpty: Bool { rowCount == 0 }
  /// Bytes of memory that it takes.
  package var footprint: Int { capacity + rowsMax * 4 }

  /// All rows, each with its line end.
  package var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  /// Where a row's text begins and ends, without its line end.
  @inline(__always)
  package func range(of row: Int) -> Range<Int> {
    precondition(row >= 0 && row < rowCount, "there is no such row")
    return (row == 0 ? 0 : Int(ends[row &- 1]))..<(Int(ends[row]) &- 1)
  }

  /// The text of a row. Blanks may stand around it.
  package subscript(row: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: text[range(of: row)])
  }

  /// A row as a value.
  package func json(_ row: Int) throws(JSONSyntaxError) -> JSON { try JSON(parsing: Array(self[row])) }

  package mutating func removeAll() {
    count = 0
    rowCount = 0
  }

  // MARK: Writing

  /// Makes room for `size` more bytes and says where they go.
  @inline(__always)
  mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
    if _slowPath(capacity &- count < size) { grow(size) }
    return start + count
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    capacity = max(count &+ size, capacity &* 2)
    precondition(capacity < Int(UInt32.max), "BUG in Stepmill (please report): rows of 4 GB")
    guard let memory = realloc(start, capacity) else {
      fatalError("Stepmill: out of memory (\(capacity) bytes)")
    }
    start = memory
  }

  /// Everything before `cursor` has been written, and is a row with its line end.
  @inline(__always)
  mutating func endRow(_ cursor: UnsafeMutableRawPointer) {
    count = cursor - start
    ends[rowCount] = UInt32(truncatingIfNeeded: count)
    rowCount &+= 1
  }

  /// Adds a row whose text holds no line end.
  package mutating func append(_ row: UnsafeRawBufferPointer) {
    let cursor = reserve(row.count &+ 1)
    if let base = row.baseAddress { cursor.copyMemory(from: base, byteCount: row.count) }
    cursor.storeBytes(of: 0x0A, toByteOffset: row.count, as: UInt8.self)
    endRow(cursor + row.count + 1)
  }

  /// Adds a row.
  package mutating func append(_ row: JSON) {
    row.utf8.withUnsafeBytes { append($0) }
  }

  /// Notes that a row ends `length` bytes behind the start of what is added next, in `addLines`.
  @inline(__always)
  mutating func noteEnd(_ length: Int) {
    ends[rowCount] = UInt32(truncatingIfNeeded: count &+ length)
    rowCount &+= 1
  }

  /// Adds the text of rows whose ends have been noted.
  @inline(__always)
  mutating func addLines(_ lines: UnsafeRawPointer, _ length: Int) {
    reserve(length).copyMemory(from: lines, byteCount: length)
    count &+= length
  }
}
