#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that are added behind and taken in front.
struct ByteQueue: ~Copyable {
  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  private var first = 0
  private var end = 0

  init(capacity: Int = 1 << 16) {
    self.capacity = capacity
    guard let memory = malloc(capacity) else { fatalError("Stepmill: out of memory") }
    self.memory = memory
  }

  deinit { free(memory) }

  var count: Int { end &- first }
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory + first, count: count) }

  mutating func drop(_ size: Int) {
    first &+= size
    if first == end {
      first = 0
      end = 0
    }
  }

  /// Room for at least `size` bytes behind what there is. `commit` says how many were written.
  mutating func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
    if capacity - end < size, first > 0 {
      memmove(memory, memory + first, count)
      end -= first
      first = 0
    }
    if capacity - end < size {
      capacity = max(end + size, capacity * 2)
      guard let grown = realloc(memory, capacity) else {
        fatalError("Stepmill: out of memory (\(capacity) bytes)")
      }
      memory = grown
    } else if capacity > 1 << 20, end + size <= 1 << 18 {
      // A long row has gone.
      capacity = 1 << 18
      if let small = realloc(memory, capacity) { memory = small }
    }
    return UnsafeMutableRawBufferPointer(start: memory + end, count: capacity - end)
  }

  mutating func commit(_ size: Int) { end &+= size }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    room(bytes.count).baseAddress.unsafelyUnwrapped.copyMemory(from: base, byteCount: bytes.count)
    commit(bytes.count)
  }
}
