/// Memory to be written from its front, lent for the length of a call. What does not fit traps.
@safe struct ByteRoom: ~Copyable {
  private let start: UnsafeMutableRawPointer
  private let capacity: Int
  private(set) var count = 0

  /// How many bytes behind what is put with `putShort` may be overwritten.
  static let slack = 16

  /// - Parameter memory: Good for as long as this is.
  @unsafe init(_ memory: UnsafeMutableRawBufferPointer) {
    unsafe start = memory.baseAddress.unsafelyUnwrapped
    capacity = memory.count
  }

  var left: Int { capacity &- count }

  /// Where the next `size` bytes go.
  @inline(__always)
  private mutating func take(_ size: Int) -> UnsafeMutableRawPointer {
    precondition(
      size >= 0 && size <= left, "BUG in Stepmill (please report): more bytes than there is room for")
    defer { count &+= size }
    return unsafe start + count
  }

  @inline(__always)
  mutating func put(_ byte: UInt8) { unsafe take(1).storeBytes(of: byte, as: UInt8.self) }

  @inline(__always)
  mutating func put(_ text: StaticString) {
    unsafe take(text.utf8CodeUnitCount).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
  }

  /// A number that is not negative.
  @inline(__always)
  mutating func put(number: Int) {
    var rest = UInt(bitPattern: number)
    var size = 1
    var bound: UInt = 10
    while rest >= bound, size < 19 {
      size &+= 1
      bound &*= 10
    }
    let target = unsafe take(size)
    while size > 0 {
      size &-= 1
      unsafe target.storeBytes(
        of: UInt8(truncatingIfNeeded: 0x30 &+ rest % 10), toByteOffset: size, as: UInt8.self)
      rest /= 10
    }
  }

  /// A part of a text.
  @inline(__always)
  mutating func put(_ text: Span<UInt8>, _ part: Range<Int>) {
    precondition(
      part.upperBound <= text.count, "BUG in Stepmill (please report): a part of a text behind its end")
    if part.isEmpty { return }
    let target = unsafe take(part.count)
    unsafe text.withUnsafeBytes { bytes in
      unsafe target.copyMemory(
        from: bytes.baseAddress.unsafelyUnwrapped + part.lowerBound, byteCount: part.count)
    }
  }

  /// The same for parts that are mostly short: whole vectors are copied, where the text and the
  /// room go on behind it, which is faster than a call.
  @inline(__always)
  mutating func putShort(_ text: Span<UInt8>, _ first: Int, _ size: Int) {
    // Both are compared without their signs: what is negative is too large.
    guard _fastPath(UInt(bitPattern: size) <= 64 && size &+ Self.slack <= left),
      _fastPath(UInt(bitPattern: first) <= UInt(bitPattern: text.count &- size &- Self.slack)),
      _fastPath(text.count >= size &+ Self.slack)
    else { return put(text, first..<first + size) }
    let target = unsafe start + count
    unsafe text.withUnsafeBytes { bytes in
      let source = unsafe bytes.baseAddress.unsafelyUnwrapped + first
      var offset = 0
      while offset < size {
        unsafe target.storeBytes(
          of: source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), toByteOffset: offset,
          as: SIMD16<UInt8>.self)
        offset &+= 16
      }
    }
    count &+= size
  }

  /// Puts `new` in the place of each `old` from `first` on.
  mutating func replace(_ old: UInt8, with new: UInt8, from first: Int) {
    var place = first
    while let next = unsafe ByteScan.first(
      old, in: UnsafeRawBufferPointer(start: start + place, count: count - place))
    {
      unsafe start.storeBytes(of: new, toByteOffset: place + next, as: UInt8.self)
      place += next + 1
    }
  }

  /// Has all that is left written by a call that says how much it wrote.
  mutating func fill<Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) {
    let written = try unsafe body(UnsafeMutableRawBufferPointer(start: start + count, count: left))
    precondition(
      written >= 0 && written <= left, "BUG in Stepmill (please report): more bytes than there is room for")
    count += written
  }
}

extension Span<UInt8> {
  /// A copy.
  var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  var text: String { unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) } }

  func contains(_ byte: UInt8) -> Bool { ByteScan.first(byte, in: self, from: 0) != nil }

  func isSame(as bytes: [UInt8]) -> Bool {
    unsafe withUnsafeBytes { unsafe $0.elementsEqual(bytes) }
  }
}
