#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that grow at the end. Each loop formats its answers in one of these, and keeps its
/// memory from one answer to the next.
@safe struct HTTPOutput: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 4096) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { unsafe base.deallocate() }

  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

  @inline(__always)
  mutating func reserve(_ more: Int) {
    if _slowPath(count &+ more > capacity) { grow(count + more) }
  }

  @inline(never)
  private mutating func grow(_ wanted: Int) {
    let capacity = max(wanted, 2 * self.capacity)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    unsafe memory.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = unsafe memory
    self.capacity = capacity
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    unsafe memcpy(base + count, source, bytes.count)
    count &+= bytes.count
  }

  @inline(__always)
  mutating func append(_ text: StaticString) {
    unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always)
  mutating func append(byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }

  /// A number that is not negative, in the given base.
  mutating func append(number: Int, radix: Int = 10) {
    reserve(20)
    var rest = number
    var digits = 1
    var bound = radix
    while bound <= number, digits < 19 {
      digits &+= 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: radix)
      if overflow { break }
      bound = next
    }
    var index = count &+ digits
    repeat {
      index &-= 1
      let digit = UInt8(truncatingIfNeeded: rest % radix)
      unsafe base.storeBytes(
        of: digit < 10 ? 0x30 &+ digit : 0x57 &+ digit, toByteOffset: index, as: UInt8.self)
      rest /= radix
    } while rest > 0
    count &+= digits
  }

  /// Forgets the bytes; memory beyond `keeping` goes, so that one huge answer is not for ever.
  mutating func clear(keeping: Int = 1 << 20) {
    count = 0
    guard capacity > keeping else { return }
    unsafe base.deallocate()
    capacity = keeping
    unsafe base = .allocate(byteCount: capacity, alignment: 16)
  }
}
