import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of an answer, for those who write one after the other: the memory stays.
@safe struct AnswerBuffer: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var count = 0

  /// More than this is not kept for the next answer.
  private static let bytesKeptMax = 1 << 20

  init(capacity: Int = 4096) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { unsafe base.deallocate() }

  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

  mutating func clear() {
    count = 0
    if _slowPath(capacity > AnswerBuffer.bytesKeptMax) {
      unsafe base.deallocate()
      capacity = 4096
      unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }
  }

  @inline(__always)
  private mutating func room(_ size: Int) -> UnsafeMutableRawPointer {
    if _slowPath(capacity &- count < size) { grow(size) }
    return unsafe base + count
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    let wanted = max(count + size, 2 * capacity)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
    unsafe memory.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = unsafe memory
    capacity = wanted
  }

  // MARK: Writing

  @inline(__always)
  mutating func add(_ text: StaticString) {
    unsafe add(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always)
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    unsafe memcpy(room(bytes.count), source, bytes.count)
    count &+= bytes.count
  }

  mutating func add(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe add($0) } }

  /// 36 characters.
  mutating func add(_ number: UUIDNumber) {
    unsafe number.write(to: room(UUIDNumber.textCount))
    count &+= UUIDNumber.textCount
  }

  /// Not negative.
  mutating func add(_ number: Int) {
    var digits = 1
    var bound = 10
    while number >= bound, digits < 18 {
      bound &*= 10
      digits &+= 1
    }
    unsafe put(number, digits, room(digits))
    count &+= digits
  }

  private func put(_ number: Int, _ digits: Int, _ target: UnsafeMutableRawPointer) {
    var rest = number
    for place in stride(from: digits &- 1, through: 0, by: -1) {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      unsafe target.storeBytes(
        of: UInt8(truncatingIfNeeded: 0x30 &+ digit), toByteOffset: place, as: UInt8.self)
      rest = quotient
    }
  }

  /// Milliseconds since 1970 as seconds with three decimals.
  mutating func add(date milliseconds: Int64) {
    add(Int(milliseconds / 1000))
    let target = unsafe room(4)
    unsafe target.storeBytes(of: UInt8(ascii: "."), as: UInt8.self)
    unsafe put(Int(milliseconds % 1000), 3, target + 1)
    count &+= 4
  }

  /// A text as JSON writes it, with its quotes.
  mutating func add(quoted text: UnsafeRawBufferPointer) {
    let start = unsafe room(6 &* text.count &+ 2)
    var target = unsafe start
    unsafe target.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
    unsafe target += 1
    for index in text.indices {
      let byte = unsafe text[index]
      if _fastPath(byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")) {
        unsafe target.storeBytes(of: byte, as: UInt8.self)
        unsafe target += 1
      } else if byte >= 0x20 {
        unsafe target.storeBytes(of: UInt8(ascii: "\\"), as: UInt8.self)
        unsafe target.storeBytes(of: byte, toByteOffset: 1, as: UInt8.self)
        unsafe target += 2
      } else {
        for escaped in ResponseBody.escapes[Int(byte)] {
          unsafe target.storeBytes(of: escaped, as: UInt8.self)
          unsafe target += 1
        }
      }
    }
    unsafe target.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
    unsafe count &+= target + 1 - start
  }

  /// Text that needs no escaping, without quotes.
  mutating func add(plain text: String) {
    var text = text
    text.withUTF8 { unsafe add(UnsafeRawBufferPointer($0)) }
  }

  mutating func add(quoted text: String) {
    var text = text
    text.withUTF8 { unsafe add(quoted: UnsafeRawBufferPointer($0)) }
  }
}
