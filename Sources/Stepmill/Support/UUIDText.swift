/// The usual text of a UUID.
enum UUIDText {
  static let count = 36

  static func text(_ halves: (high: UInt64, low: UInt64)) -> String {
    String(unsafeUninitializedCapacity: count) { bytes in
      write(halves, to: UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped))
      return count
    }
  }

  /// Writes `count` bytes.
  static func write(_ halves: (high: UInt64, low: UInt64), to target: UnsafeMutableRawPointer) {
    let (a, b) = (digits(halves.high &>> 32), digits(halves.high & 0xFFFF_FFFF))
    let (c, d) = (digits(halves.low &>> 32), digits(halves.low & 0xFFFF_FFFF))
    let dash: UInt8 = 0x2D
    target.storeBytes(of: a, as: UInt64.self)
    target.storeBytes(of: dash, toByteOffset: 8, as: UInt8.self)
    target.storeBytes(of: UInt32(truncatingIfNeeded: b), toByteOffset: 9, as: UInt32.self)
    target.storeBytes(of: dash, toByteOffset: 13, as: UInt8.self)
    target.storeBytes(of: UInt32(truncatingIfNeeded: b &>> 32), toByteOffset: 14, as: UInt32.self)
    target.storeBytes(of: dash, toByteOffset: 18, as: UInt8.self)
    target.storeBytes(of: UInt32(truncatingIfNeeded: c), toByteOffset: 19, as: UInt32.self)
    target.storeBytes(of: dash, toByteOffset: 23, as: UInt8.self)
    target.storeBytes(of: UInt32(truncatingIfNeeded: c &>> 32), toByteOffset: 24, as: UInt32.self)
    target.storeBytes(of: d, toByteOffset: 28, as: UInt64.self)
  }

  /// The eight digits of a number of 32 bits, the first one in the lowest byte.
  @inline(__always)
  private static func digits(_ number: UInt64) -> UInt64 {
    // Each nibble into a byte of its own; then "0" and so on, and for those above 9 the letters.
    var bytes = number & 0xFFFF | (number &>> 16) &<< 32
    bytes = (bytes | bytes &<< 8) & 0x00FF_00FF_00FF_00FF
    bytes = (bytes | bytes &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
    let letters = ((bytes &+ 0x0606_0606_0606_0606) &>> 4) & 0x0101_0101_0101_0101
    return (bytes &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).byteSwapped.littleEndian
  }
}
