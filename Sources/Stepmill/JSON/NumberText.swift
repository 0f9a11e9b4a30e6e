import CIntrinsics

// How numbers are printed: integers plain, doubles as Java's `Double.toString` prints
// them, which is what AWS's outputs show: the shortest digits that give the same double,
// at least one of them behind the dot, and scientific notation from 10^7 up and below
// 10^-3.

enum NumberText {
  /// No number that is computed takes more bytes than this.
  static let lengthMax = 32

  private static let pairs: StaticString =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

  // MARK: integers

  /// Decimal digits of `value`.
  @inline(__always)
  static func digitCount(_ value: UInt64) -> Int {
    // 1233 / 4096 is a little more than the logarithm of 2 to base 10.
    let bits = UInt64.bitWidth &- (value | 1).leadingZeroBitCount
    let guess = (bits &* 1233) &>> 12
    return guess &+ (guess < 20 && value >= stepmill_power_of_ten(UInt32(truncatingIfNeeded: guess)) ? 1 : 0)
      &+ (value == 0 ? 1 : 0)
  }

  @inline(__always)
  static func length(_ value: Int64) -> Int {
    digitCount(value.magnitude) &+ (value < 0 ? 1 : 0)
  }

  /// Writes the last `count` digits of `value`, which are all of it.
  @inline(__always)
  static func writeDigits(_ value: UInt64, _ count: Int, _ target: UnsafeMutableRawPointer) {
    var value = value
    var position = count
    let pairs = UnsafeRawPointer(NumberText.pairs.utf8Start)
    while value >= 100 {
      let rest = value % 100
      value /= 100
      position &-= 2
      let pair = pairs.loadUnaligned(fromByteOffset: Int(rest) &* 2, as: UInt16.self)
      target.storeBytes(of: pair, toByteOffset: position, as: UInt16.self)
    }
    if value >= 10 {
      let pair = pairs.loadUnaligned(fromByteOffset: Int(value) &* 2, as: UInt16.self)
      target.storeBytes(of: pair, as: UInt16.self)
    } else {
      target.storeBytes(of: ASCII.zero &+ UInt8(truncatingIfNeeded: value), as: UInt8.self)
    }
  }

  /// Writes an integer; `lengthMax` bytes are there.
  @inline(__always)
  static func write(_ value: Int64, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    // Counts and flags are most of what is written.
    if UInt64(bitPattern: value) < 10 {
      target.storeBytes(of: ASCII.zero &+ UInt8(truncatingIfNeeded: value), as: UInt8.self)
      return target + 1
    }
    var target = target
    if value < 0 {
      target.storeBytes(of: ASCII.minus, as: UInt8.self)
      target += 1
    }
    let magnitude = value.magnitude
    let count = digitCount(magnitude)
    writeDigits(magnitude, count, target)
    return target + count
  }

  // MARK: doubles

  /// Writes a double as a JSON value: those that JSON has no number for as strings.
  @inline(never)
  static func writeJSON(_ value: Double, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    guard value.isFinite else {
      let text: StaticString = value.isNaN ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\""
      target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
      return target + text.utf8CodeUnitCount
    }
    return write(value, target)
  }

  static func jsonLength(_ value: Double) -> Int {
    withUnsafeTemporaryAllocation(byteCount: lengthMax, alignment: 8) { memory in
      let start = memory.baseAddress.unsafelyUnwrapped
      return writeJSON(value, start) - start
    }
  }

  /// Writes a finite double.
  static func write(_ value: Double, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    var target = target
    if value.sign == .minus {
      target.storeBytes(of: ASCII.minus, as: UInt8.self)
      target += 1
    }
    let magnitude = value.magnitude
    let digits = ShortestDigits(magnitude)
    return layOut(digits.digits, digits.exponent, target)
  }

  /// Writes digits · 10^exponent the way Java does.
  private static func layOut(
    _ digits: UInt64, _ exponent: Int, _ target: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    let count = digitCount(digits)
    // How many of the digits stand before the dot in plain notation.
    let whole = count &+ exponent
    func put(_ byte: UInt8, _ offset: Int) {
      target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
    if digits == 0 || whole > -3 && whole <= 7 {
      if exponent >= 0 {
        writeDigits(digits, count, target)
        for offset in count..<max(count, whole) { put(ASCII.zero, offset) }
        let length = max(count, whole)
        put(ASCII.dot, length)
        put(ASCII.zero, length &+ 1)
        return target + (length &+ 2)
      }
      if whole > 0 {
        // Written one to the right, then the whole part moves over the gap.
        writeDigits(digits, count, target + 1)
        for offset in 0..<whole {
          put(target.load(fromByteOffset: offset &+ 1, as: UInt8.self), offset)
        }
        put(ASCII.dot, whole)
        return target + (count &+ 1)
      }
      put(ASCII.zero, 0)
      put(ASCII.dot, 1)
      for offset in 0..<(0 &- whole) { put(ASCII.zero, offset &+ 2) }
      writeDigits(digits, count, target + (2 &- whole))
      return target + (2 &- whole &+ count)
    }
    // d.dddE±x
    writeDigits(digits, count, target + 1)
    put(target.load(fromByteOffset: 1, as: UInt8.self), 0)
    put(ASCII.dot, 1)
    var length = count &+ 1
    if count == 1 {
      put(ASCII.zero, 2)
      length = 3
    }
    put(UInt8(ascii: "E"), length)
    return write(Int64(whole &- 1), target + (length &+ 1))
  }
}

/// The shortest decimal that reads back as a given double.
struct ShortestDigits {
  /// The significant digits, without trailing zeros.
  var digits: UInt64
  /// The power of ten they are multiplied by.
  var exponent: Int

  /// The digits of a finite `value` that is not negative.
  @inline(__always)
  init(_ value: Double) {
    // Nearly all doubles come from decimals of up to 15 digits. So take 15 digits (both
    // roundings together are off by less than half a unit of the last one) and ask
    // whether they give the very double again: both operands of the division are exact,
    // so it yields the double nearest to that decimal. If so, no other decimal of so few
    // digits does, and dropping its zeros gives the shortest.
    if value == 0 {
      self.init(digits: 0, exponent: 0)
      return
    }
    let magnitude = (Int(value.exponent) &* 1233) &>> 12
    var scale = 14 &- magnitude
    if scale >= 0 && scale <= 22 {
      var scaled = (value * stepmill_double_power_of_ten(UInt32(scale))).rounded()
      if scaled >= 1e15 && scale > 0 {
        scale &-= 1
        scaled = (value * stepmill_double_power_of_ten(UInt32(scale))).rounded()
      }
      if scaled < 1e15 && scaled / stepmill_double_power_of_ten(UInt32(scale)) == value {
        self.init(trimming: UInt64(scaled), exponent: 0 &- scale)
        return
      }
    }
    self.init(describing: value)
    if value.bitPattern < 2048 && digits < 10 { self.init(smallest: value) }
  }

  /// Where a single digit is enough because doubles are so far apart, Java shows the two
  /// digits that come nearest to the value.
  @inline(never)
  private init(smallest value: Double) {
    // The smallest double is 4.94 · 10^-324; the value is a small multiple of it.
    var digits = Double(value.bitPattern) * 4.940656458412465
    var exponent = -324
    while digits < 10 {
      digits *= 10
      exponent &-= 1
    }
    while digits >= 99.5 {
      digits /= 10
      exponent &+= 1
    }
    self.init(trimming: UInt64(digits.rounded()), exponent: exponent)
  }

  private init(digits: UInt64, exponent: Int) {
    self.digits = digits
    self.exponent = exponent
  }

  /// By the standard library, which prints the shortest digits too (closest to the value
  /// among them), in another layout.
  @inline(never)
  private init(describing value: Double) {
    var reader = Reader()
    value.write(to: &reader)
    self.init(trimming: reader.digits, exponent: reader.exponent)
  }

  /// Takes a number as the standard library prints it: as bytes, since a text of more than fifteen
  /// would be an allocation.
  private struct Reader: TextOutputStream {
    var digits: UInt64 = 0
    var exponent = 0

    mutating func write(_ string: String) {
      var string = string
      string.withUTF8 { _writeASCII($0) }
    }

    mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) {
      var fraction = false
      var index = 0
      while index < bytes.count {
        let byte = bytes[index]
        if byte &- ASCII.zero <= 9 {
          digits = digits &* 10 &+ UInt64(byte &- ASCII.zero)
          if fraction { exponent &-= 1 }
        } else if byte == ASCII.dot {
          fraction = true
        } else {
          // e+x or e-x is the rest.
          let down = bytes[index &+ 1] == ASCII.minus
          var scale = 0
          for digit in bytes[(index &+ 2)...] { scale = scale &* 10 &+ Int(digit &- ASCII.zero) }
          exponent &+= down ? 0 &- scale : scale
          break
        }
        index &+= 1
      }
    }
  }

  @inline(__always)
  private init(trimming digits: UInt64, exponent: Int) {
    var digits = digits
    var exponent = exponent
    if digits % 100_000_000 == 0 {
      digits /= 100_000_000
      exponent &+= 8
    }
    if digits % 10_000 == 0 {
      digits /= 10_000
      exponent &+= 4
    }
    while digits % 10 == 0 {
      digits /= 10
      exponent &+= 1
    }
    self.digits = digits
    self.exponent = exponent
  }
}
