#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that grow at the end: what writers write to. Keeps its memory between uses.
struct OutputBuffer: ~Copyable {
  private(set) var start: UnsafeMutableRawPointer
  private(set) var capacity: Int
  /// Bytes written so far.
  private(set) var count = 0

  init(capacity: Int = 1024) {
    self.capacity = max(64, capacity)
    guard let memory = malloc(self.capacity) else { fatalError("Stepmill: out of memory") }
    start = memory
  }

  deinit { free(start) }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  mutating func removeAll() { count = 0 }

  /// Where the next byte goes.
  @inline(__always) var cursor: UnsafeMutableRawPointer { start + count }
  /// The end of the memory behind `cursor`.
  @inline(__always) var limit: UnsafeMutableRawPointer { start + capacity }

  /// Makes room for `size` more bytes and returns where they go.
  @inline(__always)
  mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
    if _slowPath(capacity &- count < size) { grow(size) }
    return start + count
  }

  /// Everything before `cursor` has been written.
  @inline(__always)
  mutating func commit(_ cursor: UnsafeMutableRawPointer) { count = cursor - start }

  @inline(never)
  mutating func grow(_ size: Int) {
    capacity = max(count &+ size, capacity &* 2)
    guard let memory = realloc(start, capacity) else {
      fatalError("Stepmill: out of memory (\(capacity) bytes)")
    }
    start = memory
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    reserve(bytes.count).copyMemory(from: base, byteCount: bytes.count)
    count &+= bytes.count
  }

  mutating func append(_ byte: UInt8) {
    reserve(1).storeBytes(of: byte, as: UInt8.self)
    count &+= 1
  }

  mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
