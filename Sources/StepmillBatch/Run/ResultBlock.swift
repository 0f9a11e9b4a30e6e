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

  private struct Content: ~Copyable {
    var results = LineBuffer()
    var failures = LineBuffer()
    var entries: [Entry] = []

    @inline(__always)
    mutating func add(_ row: Int, count: Int = 1, _ length: Int, _ kind: Kind) {
      entries.append(Entry(row: row, count: count, length: UInt32(truncatingIfNeeded: length), kind: kind))
    }

    @inline(__always)
    mutating func addSuccess(_ row: Int, _ output: Span<UInt8>, label: Int?) {
      let before = results.count
      if let label {
        results.append(output.count &+ 40) { room in
          room.put(#"{"row":"#)
          room.put(number: label)
          room.put(#","output":"#)
          room.put(output, 0..<output.count)
          room.put("}\n")
        }
      } else {
        results.append(output)
        results.append("\n")
      }
      add(row, results.count &- before, .success)
    }
  }
  /// What is written for each row shares no cache line with what another loop writes.
  private let front = Distance()
  /// What checking each access would cost is felt here.
  @exclusivity(unchecked) private var content = Content()
  private let back = Distance()

  static let bytesMax = 1 << 16
  static let entriesMax = 2048

  init() { unsafe content.entries.reserveCapacity(Self.entriesMax) }

  func withResults<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe content.results.withBytes(body)
  }

  func withFailures<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe content.failures.withBytes(body)
  }

  var entries: [Entry] { unsafe content.entries }
  var isEmpty: Bool { entries.isEmpty }
  var bytes: Int { textBytes &+ entries.count &* MemoryLayout<Entry>.stride }
  private var textBytes: Int { unsafe content.results.count &+ content.failures.count }
  @inline(__always) var isFull: Bool {
    textBytes >= Self.bytesMax || entries.count >= Self.entriesMax
  }

  func removeAll() {
    unsafe content.results.removeAll()
    unsafe content.failures.removeAll()
    unsafe content.entries.removeAll(keepingCapacity: true)
  }

  /// - Parameters:
  ///   - output: JSON text, good for the length of the call.
  ///   - label: The number that the result shows; none where it stands alone.
  @unsafe func addSuccess(_ row: Int, _ output: UnsafeRawBufferPointer, label: Int?) {
    let text = unsafe UnsafeBufferPointer(
      start: output.baseAddress?.assumingMemoryBound(to: UInt8.self), count: output.count)
    unsafe content.addSuccess(row, text.span, label: label)
  }

  func addFailure(_ row: Int, _ line: [UInt8]) {
    unsafe content.failures.append(line)
    unsafe content.add(row, line.count, .failure)
  }

  func addSkipped(_ rows: Range<Int>) { unsafe content.add(rows.lowerBound, count: rows.count, 0, .skipped) }
}

/// Memory between what different threads write.
struct Distance {
  private let line = InlineArray<8, UInt64>(repeating: 0)
}

/// Bytes that grow.
@safe struct LineBuffer: ~Copyable {
  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var count = 0

  deinit { unsafe free(memory) }

  @inline(__always)
  borrowing func withBytes<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let bytes = unsafe UnsafeBufferPointer(start: memory?.assumingMemoryBound(to: UInt8.self), count: count)
    return try body(unsafe bytes.span)
  }

  mutating func removeAll() {
    count = 0
    if capacity > 1 << 20 {
      unsafe free(memory)
      unsafe memory = nil
      capacity = 0
    }
  }

  /// Has at most `size` bytes put behind the others.
  @inline(__always)
  mutating func append(_ size: Int, _ write: (inout ByteRoom) -> Void) {
    if _slowPath(capacity &- count < size) { grow(size) }
    if size == 0 { return }
    var room = unsafe ByteRoom(
      UnsafeMutableRawBufferPointer(start: memory.unsafelyUnwrapped + count, count: capacity &- count))
    write(&room)
    count &+= room.count
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    capacity = max(count &+ size, capacity &* 2, 1 << 12)
    guard let grown = unsafe realloc(memory, capacity) else {
      fatalError("Stepmill: out of memory (\(capacity) bytes)")
    }
    unsafe memory = grown
  }

  @inline(__always)
  mutating func append(_ bytes: Span<UInt8>) { append(bytes.count) { $0.put(bytes, 0..<bytes.count) } }

  mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

  @inline(__always)
  mutating func append(_ text: StaticString) { append(text.utf8CodeUnitCount) { $0.put(text) } }

  mutating func append(number: Int) { append(20) { $0.put(number: number) } }
}
