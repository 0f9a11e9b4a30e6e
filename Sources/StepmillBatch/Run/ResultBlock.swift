#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Results of some rows as lines, on their way from a loop to the writer.
final class ResultBlock: @unchecked Sendable {
  // Belongs to one thread at a time: the loop that fills it (behind its box's lock), then the
  // writer.

  enum Kind: UInt8 {
    case success
    case failure
    /// Nothing is written for these rows.
    case skipped
  }

  struct Entry: BitwiseCopyable {
    var row: Int
    /// Rows from `row` on; more than one for those that are skipped.
    var count: Int
    var length: UInt32
    var kind: Kind
  }

  /// What it holds, at an address: a class checks each access to its own variables.
  private struct Content: ~Copyable {
    var results = LineBuffer()
    var failures = LineBuffer()
    var entries: UnsafeMutablePointer<Entry> = .allocate(capacity: entriesMax)
    var entryCount = 0

    deinit { entries.deallocate() }
  }
  private let content: UnsafeMutablePointer<Content>

  static let bytesMax = 1 << 16
  static let entriesMax = 2048

  init() {
    content = .allocate(capacity: 1)
    content.initialize(to: Content())
  }

  deinit {
    content.deinitialize(count: 1)
    content.deallocate()
  }

  var results: UnsafeRawBufferPointer { content.pointee.results.bytes }
  var failures: UnsafeRawBufferPointer { content.pointee.failures.bytes }
  var entries: UnsafeBufferPointer<Entry> {
    UnsafeBufferPointer(start: content.pointee.entries, count: content.pointee.entryCount)
  }

  var isEmpty: Bool { content.pointee.entryCount == 0 }
  var bytes: Int {
    results.count &+ failures.count &+ content.pointee.entryCount &* MemoryLayout<Entry>.stride
  }
  @inline(__always) var isFull: Bool {
    content.pointee.results.count &+ content.pointee.failures.count >= Self.bytesMax
      || content.pointee.entryCount == Self.entriesMax
  }

  func removeAll() {
    content.pointee.results.removeAll()
    content.pointee.failures.removeAll()
    content.pointee.entryCount = 0
  }

  @inline(__always)
  private func add(_ row: Int, count: Int = 1, _ length: Int, _ kind: Kind) {
    content.pointee.entries[content.pointee.entryCount] = Entry(
      row: row, count: count, length: UInt32(truncatingIfNeeded: length), kind: kind)
    content.pointee.entryCount &+= 1
  }

  /// - Parameter label: The number that the result shows; none where it stands alone.
  func addSuccess(_ row: Int, _ output: UnsafeRawBufferPointer, label: Int?) {
    let before = content.pointee.results.count
    if let label {
      content.pointee.results.append(#"{"row":"#)
      content.pointee.results.append(number: label)
      content.pointee.results.append(#","output":"#)
      content.pointee.results.append(output)
      content.pointee.results.append("}\n")
    } else {
      content.pointee.results.append(output)
      content.pointee.results.append("\n")
    }
    add(row, content.pointee.results.count &- before, .success)
  }

  func addFailure(_ row: Int, _ line: [UInt8]) {
    line.withUnsafeBytes { content.pointee.failures.append($0) }
    add(row, line.count, .failure)
  }

  func addSkipped(_ rows: Range<Int>) { add(rows.lowerBound, count: rows.count, 0, .skipped) }
}

/// Bytes that grow.
struct LineBuffer: ~Copyable {
  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var count = 0

  deinit { free(memory) }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

  mutating func removeAll() {
    count = 0
    if capacity > 1 << 20 {
      free(memory)
      memory = nil
      capacity = 0
    }
  }

  @inline(__always)
  private mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
    if _slowPath(capacity &- count < size) {
      capacity = max(count &+ size, capacity &* 2, 1 << 12)
      guard let grown = realloc(memory, capacity) else {
        fatalError("Stepmill: out of memory (\(capacity) bytes)")
      }
      memory = grown
    }
    return memory.unsafelyUnwrapped + count
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    reserve(bytes.count).copyMemory(from: base, byteCount: bytes.count)
    count &+= bytes.count
  }

  @inline(__always)
  mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(number: Int) {
    let room = reserve(20)
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    withUnsafeMutableBytes(of: &digits) { digits in
      var place = 24
      var rest = UInt(bitPattern: number)
      repeat {
        place &-= 1
        digits[place] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
        rest /= 10
      } while rest > 0
      room.copyMemory(from: digits.baseAddress.unsafelyUnwrapped + place, byteCount: 24 &- place)
      count &+= 24 &- place
    }
  }
}
