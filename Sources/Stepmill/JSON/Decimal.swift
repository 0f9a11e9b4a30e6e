import CIntrinsics

// Numbers as their text says them: what a JSON number denotes before anybody decides
// how to hold it.

/// A decimal number: ± mantissa · 10^exponent, read from the text of a JSON number.
struct Decimal {
  var negative = false
  /// The significant digits, without leading and trailing zeros; right only if there are
  /// no more than 19.
  var mantissa: UInt64 = 0
  /// How many significant digits there are, zeros at both ends not counted.
  var significant = 0
  var exponent = 0
  /// Digits before and behind the dot.
  var wholeDigits = 0
  var fractionDigits = 0
  var hasFraction = false
  var hasExponent = false

  /// Exponents are cut off here: far beyond what any double reaches.
  static let exponentMax = 1_000_000_000

  /// Reads a number at `start`. Returns where it ended, or what is wrong with it.
  enum Reading {
    case ended(UnsafePointer<UInt8>)
    case failed(JSONSyntaxError.Code, UnsafePointer<UInt8>)
  }

  mutating func read(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Reading {
    var position = start
    if position < end && position.pointee == ASCII.minus {
      negative = true
      position += 1
    }
    guard position < end else { return .failed(.unexpectedEnd, end) }
    let whole = position
    position = Decimal.skipDigits(position, end)
    wholeDigits = position - whole
    guard wholeDigits > 0 else { return .failed(.invalidNumber, position) }
    guard whole.pointee != ASCII.zero || wholeDigits == 1 else { return .failed(.leadingZero, whole) }
    var fraction = position
    if position < end && position.pointee == ASCII.dot {
      hasFraction = true
      position += 1
      fraction = position
      position = Decimal.skipDigits(position, end)
      fractionDigits = position - fraction
      guard fractionDigits > 0 else {
        return .failed(position < end ? .invalidNumber : .unexpectedEnd, position)
      }
    }
    weigh(whole, fraction)

    if position < end && position.pointee | ASCII.lowercase == UInt8(ascii: "e") {
      hasExponent = true
      position += 1
      var down = false
      if position < end && (position.pointee == ASCII.minus || position.pointee == ASCII.plus) {
        down = position.pointee == ASCII.minus
        position += 1
      }
      let first = position
      var value = 0
      while position < end && position.pointee &- ASCII.zero <= 9 {
        value = min(value &* 10 &+ Int(position.pointee &- ASCII.zero), Decimal.exponentMax)
        position += 1
      }
      guard position > first else {
        return .failed(position < end ? .invalidNumber : .unexpectedEnd, position)
      }
      exponent &+= down ? 0 &- value : value
    }
    return .ended(position)
  }

  @inline(__always)
  private static func skipDigits(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
  ) -> UnsafePointer<UInt8> {
    var position = start
    while position < end && position.pointee &- ASCII.zero <= 9 { position += 1 }
    return position
  }

  /// Finds the significant digits among those before and behind the dot.
  @inline(__always)
  private mutating func weigh(_ whole: UnsafePointer<UInt8>, _ fraction: UnsafePointer<UInt8>) {
    var wholeLeft = wholeDigits
    var fractionLeft = fractionDigits
    while fractionLeft > 0 && fraction[fractionLeft &- 1] == ASCII.zero { fractionLeft &-= 1 }
    if fractionLeft == 0 {
      while wholeLeft > 0 && whole[wholeLeft &- 1] == ASCII.zero { wholeLeft &-= 1 }
    }
    exponent = fractionLeft > 0 ? 0 &- fractionLeft : wholeDigits &- wholeLeft
    guard wholeLeft &+ fractionLeft > 0 else {
      exponent = 0
      return
    }
    var fraction = fraction
    if whole.pointee == ASCII.zero {
      // Then it is the only one, and there is a fraction that is not all zeros.
      wholeLeft = 0
      while fraction.pointee == ASCII.zero {
        fraction += 1
        fractionLeft &-= 1
      }
    }
    significant = wholeLeft &+ fractionLeft
    guard significant <= 19 else { return }
    mantissa = Decimal.accumulate(Decimal.accumulate(0, whole, wholeLeft), fraction, fractionLeft)
  }

  /// `value` with `count` more digits behind it.
  @inline(__always)
  private static func accumulate(
    _ value: UInt64, _ digits: UnsafePointer<UInt8>, _ count: Int
  ) -> UInt64 {
    var value = value
    var digits = digits
    var left = count
    while left >= 8 {
      value = value &* 100_000_000 &+ JSONParser.eightDigits(JSONParser.loadWord(digits).littleEndian)
      digits += 8
      left &-= 8
    }
    while left > 0 {
      value = value &* 10 &+ UInt64(digits.pointee &- ASCII.zero)
      digits += 1
      left &-= 1
    }
    return value
  }

  var isInteger: Bool { !hasFraction && !hasExponent }

  /// The value, if it is an integer (however it is written) within 64 bits.
  var integer: Int64? {
    guard mantissa != 0 || significant > 0 else { return 0 }
    guard significant <= 19, exponent >= 0, exponent < 20 else { return nil }
    let (magnitude, overflow) = mantissa.multipliedReportingOverflow(
      by: stepmill_power_of_ten(UInt32(exponent)))
    guard !overflow else { return nil }
    if negative {
      guard magnitude <= 1 &<< 63 else { return nil }
      return Int64(truncatingIfNeeded: 0 &- magnitude)
    }
    return Int64(exactly: magnitude)
  }

  /// True if Java's `Double.toString` would print the double of this number as it is
  /// written; decided for decimals of at most 15 significant digits.
  var isCanonical: Bool {
    guard hasFraction, !hasExponent, significant <= 15, wholeDigits <= 7 else { return false }
    guard significant > 0 else { return fractionDigits == 1 }
    // The last fraction digit counts, or is the one zero that must be there.
    guard exponent == 0 &- fractionDigits || fractionDigits == 1 else { return false }
    return significant &+ exponent > -3
  }

  /// The nearest double if that can be found by integer arithmetic alone: at most 19
  /// digits and a moderate exponent.
  var exactDouble: Double? {
    guard significant > 0 else { return negative ? -0.0 : 0.0 }
    guard significant <= 19 else { return nil }
    let magnitude: Double
    if mantissa <= 1 &<< 53 && exponent >= -22 && exponent <= 22 {
      let power = stepmill_double_power_of_ten(UInt32(exponent.magnitude))
      magnitude = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
    } else if exponent >= 0 && exponent <= 19 {
      let product = mantissa.multipliedFullWidth(by: stepmill_power_of_ten(UInt32(exponent)))
      let zeros = product.high.leadingZeroBitCount
      if product.high == 0 {
        magnitude = Decimal.rounded(product.low, sticky: false, exponent: 0)
      } else {
        let top = product.high &<< UInt64(zeros) | (zeros == 0 ? 0 : product.low &>> UInt64(64 &- zeros))
        magnitude = Decimal.rounded(
          top, sticky: product.low &<< UInt64(zeros) != 0, exponent: 64 &- zeros)
      }
    } else if exponent < 0 && exponent >= -19 {
      let power = stepmill_power_of_ten(UInt32(-exponent))
      let mantissaZeros = mantissa.leadingZeroBitCount
      let powerZeros = power.leadingZeroBitCount
      let numerator = mantissa &<< UInt64(mantissaZeros)
      let (quotient, remainder) = (power &<< UInt64(powerZeros)).dividingFullWidth(
        (high: numerator &>> 1, low: numerator &<< 63))
      magnitude = Decimal.rounded(
        quotient, sticky: remainder != 0, exponent: powerZeros &- mantissaZeros &- 63)
    } else {
      return nil
    }
    return negative ? -magnitude : magnitude
  }

  /// `bits` · 2^exponent (a little more if `sticky`) as the nearest double, ties to even.
  /// The result is known to be a normal number.
  private static func rounded(_ bits: UInt64, sticky: Bool, exponent: Int) -> Double {
    let zeros = bits.leadingZeroBitCount
    let aligned = bits &<< UInt64(zeros)
    var significand = aligned &>> 11
    let rest = aligned & 0x7FF
    if rest > 0x400 || rest == 0x400 && (sticky || significand & 1 != 0) { significand &+= 1 }
    return Double(sign: .plus, exponent: exponent &- zeros &+ 11, significand: Double(significand))
  }
}

extension JSONParser {

  /// Any number at all. See `Value.Tag` for which form is chosen.
  @inline(never)
  mutating func number(_ start: Position, _ end: Position) -> Token {
    var decimal = Decimal()
    switch decimal.read(start, end) {
    case .failed(let code, let position): return Token(value: fail(code, position), end: position)
    case .ended(let position):
      if decimal.isInteger, let integer = decimal.integer {
        return Token(value: .integer(integer), end: position)
      }
      let numeral = Value.numeral(start, count: position - start)
      if decimal.isInteger || decimal.significant > 17 || decimal.isCanonical {
        return Token(value: numeral, end: position)
      }
      let double = decimal.exactDouble ?? numeral.parsedDouble
      // Too large for a double, or too small: only the text still tells the number.
      let held = double.isFinite && (double != 0 || decimal.significant == 0)
      return Token(value: held ? .double(double) : numeral, end: position)
    }
  }
}

extension Value {
  /// The double nearest to a numeral's text, by the standard library's reader. For the
  /// few numbers that integer arithmetic cannot settle.
  @inline(never)
  var parsedDouble: Double {
    let text = self.text
    return Double(text) ?? (text.utf8.first == ASCII.minus ? -Double.infinity : .infinity)
  }
}
