#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that are added behind and taken in front.
@safe struct ByteQueue: ~Copyable {
  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  private var first = 0
  private var end = 0

  init(capacity: Int = 1 << 16) {
    self.capacity = capacity
    guard let memory = unsafe malloc(capacity) else { fatalError("Stepmill: out of memory") }
    unsafe self.memory = memory
  }

  deinit { unsafe free(memory) }

  var count: Int { end &- first }

  @inline(__always)
  borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let bytes = unsafe UnsafeBufferPointer(
      start: (memory + first).assumingMemoryBound(to: UInt8.self), count: count)
    return try body(unsafe bytes.span)
  }

  mutating func drop(_ size: Int) {
    precondition(size <= count, "BUG in Stepmill (please report): more bytes are taken than there are")
    first &+= size
    if first == end {
      first = 0
      end = 0
    }
  }

  /// Has at most `most` bytes put behind what there is.
  mutating func add<Result, Failure: Error>(
    _ most: Int, _ write: (inout ByteRoom) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    reserve(most)
    var room = unsafe ByteRoom(UnsafeMutableRawBufferPointer(start: memory + end, count: most))
    let result = try write(&room)
    end &+= room.count
    return result
  }

  mutating func append(_ bytes: Span<UInt8>) { add(bytes.count) { $0.put(bytes, 0..<bytes.count) } }

  private mutating func reserve(_ size: Int) {
    if capacity - end < size, first > 0 {
      unsafe memmove(memory, memory + first, count)
      end -= first
      first = 0
    }
    if capacity - end < size {
      capacity = max(end + size, capacity * 2)
      guard let grown = unsafe realloc(memory, capacity) else {
        fatalError("Stepmill: out of memory (\(capacity) bytes)")
      }
      unsafe memory = grown
    } else if capacity > 1 << 20, end + size <= 1 << 18 {
      // A long row has gone.
      capacity = 1 << 18
      if let small = unsafe realloc(memory, capacity) { unsafe memory = small }
    }
  }
}
