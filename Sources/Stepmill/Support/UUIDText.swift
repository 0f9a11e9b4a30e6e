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
    var target = target
    func put(_ half: UInt64, _ bits: ClosedRange<UInt64>) {
      var shift = bits.upperBound &- 3
      while true {
        let digit = UInt8(truncatingIfNeeded: half &>> shift) & 15
        target.storeBytes(of: digit &+ (digit < 10 ? 0x30 : 0x57), as: UInt8.self)
        target += 1
        if shift == bits.lowerBound { return }
        shift &-= 4
      }
    }
    func dash() {
      target.storeBytes(of: 0x2D, as: UInt8.self)
      target += 1
    }
    put(halves.high, 32...63)
    dash()
    put(halves.high, 16...31)
    dash()
    put(halves.high, 0...15)
    dash()
    put(halves.low, 48...63)
    dash()
    put(halves.low, 0...47)
  }
}
