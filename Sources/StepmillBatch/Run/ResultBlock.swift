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

  private(set) var results: LineBuffer
  private(set) var failures: LineBuffer
  private(set) var entries: [Entry] = []

  static let bytesMax = 1 << 16
  static let entriesMax = 2048

  init() {
    results = LineBuffer()
    failures = LineBuffer()
  }

  var isEmpty: Bool { entries.isEmpty }
  var bytes: Int { results.count &+ failures.count &+ entries.count &* MemoryLayout<Entry>.stride }
  var isFull: Bool { results.count &+ failures.count >= Self.bytesMax || entries.count >= Self.entriesMax }

  func removeAll() {
    results.removeAll()
    failures.removeAll()
    entries.removeAll(keepingCapacity: true)
  }

  @inline(__always)
  private func add(_ row: Int, _ length: Int, _ kind: Kind) {
    entries.append(Entry(row: row, count: 1, length: UInt32(truncatingIfNeeded: length), kind: kind))
  }

  /// - Parameter label: The number that the result shows; none where it stands alone.
  func addSuccess(_ row: Int, _ output: UnsafeRawBufferPointer, label: Int?) {
    let before = results.count
    if let label {
      results.append(#"{"row":"#)
      results.append(number: label)
      results.append(#","output":"#)
      results.append(output)
      results.append("}\n")
    } else {
      results.append(output)
      results.append("\n")
    }
    add(row, results.count &- before, .success)
  }

  func addFailure(_ row: Int, _ line: [UInt8]) {
    line.withUnsafeBytes { failures.append($0) }
    add(row, line.count, .failure)
  }

  func addSkipped(_ rows: Range<Int>) {
    entries.append(Entry(row: rows.lowerBound, count: rows.count, length: 0, kind: .skipped))
  }
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
      guard let grown = realloc(memory, capacity) else { fatalError("Stepmill: out of memory (\(capacity) bytes)") }
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
