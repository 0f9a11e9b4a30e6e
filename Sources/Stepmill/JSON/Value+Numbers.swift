import CIntrinsics

// Numbers by value.
//
// A number is the decimal that it is written as: an integer its digits, a numeral its
// text, a double its shortest digits. Two numbers are equal when those decimals are, so
// 1 equals 1.0, and integers beyond 64 bits are told apart exactly. Doubles decide
// nearly always, because conversion to a double keeps the order; only if the doubles are
// equal and one of the numbers may hold more than a double does, the decimals are compared.

extension Value {

  /// The double nearest to this number, ±infinity if it is beyond all doubles. Not a
  /// number if this is none.
  @inline(__always) var asDouble: Double {
    switch tag {
    case .integer: Double(integerValue)
    case .double: doubleBits
    case .numeral: numeralDouble
    default: .nan
    }
  }

  /// This number as an integer if it is integral (however it is written) and fits.
  var asInteger: Int64? {
    switch tag {
    case .integer: return integerValue
    case .double: return Int64(exactly: doubleBits)
    case .numeral: return decimal.integer
    default: return nil
    }
  }

  /// True if this number has no fraction, whatever its size.
  var isIntegral: Bool {
    switch tag {
    case .integer: true
    case .double: doubleBits.isFinite && doubleBits.rounded() == doubleBits
    case .numeral: decimal.exponent >= 0
    default: false
    }
  }

  @inline(never)
  private var numeralDouble: Double {
    let decimal = decimal
    return decimal.exactDouble ?? parsedDouble
  }

  /// What the text of this numeral says.
  var decimal: Decimal {
    var decimal = Decimal()
    let start = address.assumingMemoryBound(to: UInt8.self)
    _ = decimal.read(start, start + count)
    return decimal
  }

  /// True if both are numbers of the same value.
  @inline(__always)
  func isSameNumber(_ other: Value) -> Bool {
    if tag == .integer && other.tag == .integer { return payload == other.payload }
    if tag == .numeral && other.tag == .numeral && sameText(other) { return true }
    return compareNumber(other) == 0
  }

  /// Compares two numbers: negative, zero or positive as this one is less, equal or
  /// greater. Nil if one is no number (or a double that is not a number).
  func compareNumber(_ other: Value) -> Int? {
    if tag == .integer && other.tag == .integer {
      let (left, right) = (integerValue, other.integerValue)
      return left < right ? -1 : left > right ? 1 : 0
    }
    let (left, right) = (asDouble, other.asDouble)
    if left < right { return -1 }
    if left > right { return 1 }
    guard left == right else { return nil }
    if !mayExceedDouble && !other.mayExceedDouble { return 0 }
    return withDecimalText { left in
      other.withDecimalText { right in DecimalDigits(left).compare(DecimalDigits(right)) }
    }
  }

  /// False if this number is the shortest decimal of its double, so that the double says
  /// all.
  private var mayExceedDouble: Bool {
    switch tag {
    case .integer: integerValue.magnitude > 1 << 53
    case .numeral: count > 16 && decimal.significant > 15 || asDouble.magnitude < 1e-300 || !asDouble.isFinite
    default: false
    }
  }

  /// The decimal text of this number, which must be one.
  private func withDecimalText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    if tag == .numeral { return body(bytes) }
    return withUnsafeTemporaryAllocation(byteCount: NumberText.lengthMax, alignment: 8) { memory in
      let start = memory.baseAddress.unsafelyUnwrapped
      let end =
        tag == .integer ? NumberText.write(integerValue, start) : NumberText.writeJSON(doubleBits, start)
      return body(UnsafeRawBufferPointer(start: start, count: end - start))
    }
  }
}

/// The digits of a decimal number in place, however many there are.
private struct DecimalDigits {
  private let text: UnsafeRawBufferPointer
  private var negative = false
  /// The first digit that is not zero; `text.count` for zero.
  private var first = 0
  /// The power of ten that the first digit stands for.
  private var magnitude = 0

  init(_ text: UnsafeRawBufferPointer) {
    self.text = text
    first = text.count
    negative = text.first == ASCII.minus
    if text.first == UInt8(ascii: "\"") {
      // An infinity, printed as a string: beyond every decimal.
      negative = text.count > 1 && text[1] == ASCII.minus
      first = 0
      magnitude = Int.max
      return
    }
    var wholeDigits = 0
    var dot: Int?
    var index = negative ? 1 : 0
    while index < text.count {
      let byte = text[index]
      if byte == ASCII.dot {
        dot = index
      } else if byte | ASCII.lowercase == UInt8(ascii: "e") {
        break
      } else {
        if dot == nil { wholeDigits += 1 }
        if byte != ASCII.zero && first == text.count { first = index }
      }
      index += 1
    }
    guard first < text.count else {
      negative = false
      return
    }
    let start = text[0] == ASCII.minus ? 1 : 0
    magnitude = wholeDigits - 1 - (first - start)
    if let dot, first > dot { magnitude += 1 }
    if index < text.count {
      index += 1
      let down = text[index] == ASCII.minus
      if down || text[index] == ASCII.plus { index += 1 }
      var value = 0
      while index < text.count {
        value = min(value * 10 + Int(text[index] - ASCII.zero), Decimal.exponentMax)
        index += 1
      }
      magnitude += down ? -value : value
    }
  }

  private var isZero: Bool { first == text.count }

  func compare(_ other: DecimalDigits) -> Int {
    if isZero || other.isZero {
      if isZero && other.isZero { return 0 }
      return isZero ? (other.negative ? 1 : -1) : (negative ? -1 : 1)
    }
    if negative != other.negative { return negative ? -1 : 1 }
    let sign = negative ? -1 : 1
    if magnitude != other.magnitude { return magnitude < other.magnitude ? -sign : sign }
    if magnitude == Int.max { return 0 }
    var left = first
    var right = other.first
    while true {
      let leftDigit = digit(&left)
      let rightDigit = other.digit(&right)
      if leftDigit == nil && rightDigit == nil { return 0 }
      let (a, b) = (leftDigit ?? 0, rightDigit ?? 0)
      if a != b { return a < b ? -sign : sign }
    }
  }

  /// The next digit at `index`, or nil behind the last.
  private func digit(_ index: inout Int) -> UInt8? {
    if index < text.count && text[index] == ASCII.dot { index += 1 }
    guard index < text.count, text[index] &- ASCII.zero <= 9 else { return nil }
    defer { index += 1 }
    return text[index] &- ASCII.zero
  }
}
