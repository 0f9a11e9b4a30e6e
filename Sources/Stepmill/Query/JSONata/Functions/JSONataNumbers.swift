#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Numbers as JavaScript prints them.

/// The decimal digits of a double: 0.d₁d₂… · 10^point.
struct JSONataDigits {
  private(set) var digits: [UInt8] = []
  private(set) var point = 0
  private(set) var negative = false

  /// The shortest digits that read back as the same double.
  init(_ value: Double) {
    self.init(text: value.description)
  }

  /// The double correctly rounded to so many significant digits.
  init(_ value: Double, precision: Int) {
    self.init(text: JSONataDigits.print(value, "%.\(precision - 1)e"))
  }

  private init(text: String) {
    var exponent = 0
    var seenPoint = false
    var bytes = Array(text.utf8)
    if let e = bytes.firstIndex(of: UInt8(ascii: "e")) {
      exponent = Int(String(decoding: bytes[(e + 1)...], as: UTF8.self).drop { $0 == "+" }) ?? 0
      bytes.removeSubrange(e...)
    }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "-"): negative = true
      case UInt8(ascii: "."): seenPoint = true
      default:
        if byte == UInt8(ascii: "0") && digits.isEmpty {
          // A leading zero behind the point moves it.
          if seenPoint { point -= 1 }
          continue
        }
        digits.append(byte)
        if !seenPoint { point += 1 }
      }
    }
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    point += exponent
    if digits.isEmpty {
      digits = [UInt8(ascii: "0")]
      point = 1
      negative = false
    }
  }

  /// What C's formatted output makes of a double.
  static func print(_ value: Double, _ format: String) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
      let count = withVaList([value]) { vsnprintf(buffer.baseAddress, buffer.count, format, $0) }
      let used = max(0, min(Int(count), buffer.count - 1))
      return String(decoding: UnsafeRawBufferPointer(buffer).prefix(used), as: UTF8.self)
    }
  }

  /// The number as text.
  var text: [UInt8] {
    var result: [UInt8] = negative ? [UInt8(ascii: "-")] : []
    let zero = UInt8(ascii: "0")
    if point > 21 || point <= -6 {
      result.append(digits[0])
      if digits.count > 1 {
        result.append(UInt8(ascii: "."))
        result += digits[1...]
      }
      let exponent = point - 1
      result += Array("e\(exponent < 0 ? "-" : "+")\(abs(exponent))".utf8)
    } else if point <= 0 {
      result += [zero, UInt8(ascii: ".")] + [UInt8](repeating: zero, count: -point) + digits
    } else if digits.count <= point {
      result += digits + [UInt8](repeating: zero, count: point - digits.count)
    } else {
      result += digits[..<point] + [UInt8(ascii: ".")] + digits[point...]
    }
    return result
  }
}

extension JSONataMachine {
  /// Writes a number as `$string` does: no more than 15 significant digits unless whole.
  func writeNumber(_ value: Value) {
    if value.kind == .integer {
      writeInteger(value.integerValue)
      return
    }
    let number = value.number
    guard number.isFinite else {
      putText(number.isNaN ? "NaN" : number > 0 ? "Infinity" : "-Infinity")
      return
    }
    if number.magnitude >= 1e-3, number.magnitude < 1e7, number != number.rounded(.towardZero) {
      // In this range all print alike, and the engine's own printing needs no memory.
      let start = room(NumberText.lengthMax)
      let count = NumberText.write(number, start) - start
      let zeros = number.magnitude >= 1 ? 0 : number.magnitude >= 0.1 ? 1 : number.magnitude >= 0.01 ? 2 : 3
      let digits = count - zeros - (number < 0 ? 2 : 1)
      if digits <= 15 {
        byteTop += count
        return
      }
    }
    var digits = JSONataDigits(number)
    if digits.digits.count > 15 && digits.point < digits.digits.count {
      digits = JSONataDigits(number, precision: 15)
    }
    for byte in digits.text { putByte(byte) }
  }

  func writeInteger(_ value: Int64) {
    var magnitude = value.magnitude
    if value < 0 { putByte(UInt8(ascii: "-")) }
    var divisor: UInt64 = 1
    while magnitude / divisor >= 10 { divisor &*= 10 }
    while divisor > 0 {
      putByte(UInt8(ascii: "0") + UInt8(magnitude / divisor))
      magnitude %= divisor
      divisor /= 10
    }
  }

  // MARK: Functions

  mutating func number(_ value: Value) -> Value {
    switch value.kind {
    case .missing, .integer, .double, .numeral: return value
    case .true: return .integer(1)
    case .false: return .integer(0)
    case .string:
      if let number = Self.parseNumber(value.bytes) { return number }
    default: break
    }
    return fail(.d3030, value: value, index: 1)
  }

  /// A number as the language's literals are written, with a sign, or with a radix.
  static func parseNumber(_ bytes: UnsafeRawBufferPointer) -> Value? {
    let text = Array(bytes)
    func isDigit(_ index: Int) -> Bool { index < text.count && text[index] &- UInt8(ascii: "0") <= 9 }
    if text.count > 2, text[0] == UInt8(ascii: "0"), !isDigit(1), text[1] != UInt8(ascii: ".") {
      let radix: UInt64
      switch text[1] | 0x20 {
      case UInt8(ascii: "x"): radix = 16
      case UInt8(ascii: "o"): radix = 8
      case UInt8(ascii: "b"): radix = 2
      default: radix = 0
      }
      if radix > 0 { return parse(text.dropFirst(2), radix: radix) }
    }
    var index = 0
    var isWhole = true
    if index < text.count, text[index] == UInt8(ascii: "-") { index += 1 }
    guard isDigit(index) else { return nil }
    while isDigit(index) { index += 1 }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      isWhole = false
      index += 1
      guard isDigit(index) else { return nil }
      while isDigit(index) { index += 1 }
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
        index += 1
      }
      guard isDigit(index) else { return nil }
      while isDigit(index) { index += 1 }
    }
    guard index == text.count else { return nil }
    let written = String(decoding: text, as: UTF8.self)
    if isWhole, let integer = Int64(written) { return .integer(integer) }
    guard let double = Double(written), double.isFinite else { return nil }
    return .jsonataNumber(double)
  }

  private static func parse(_ digits: ArraySlice<UInt8>, radix: UInt64) -> Value? {
    var integer: UInt64 = 0
    var double = 0.0
    for byte in digits {
      guard let digit = JSONataLexer.hexDigit(UInt16(byte)), UInt64(digit) < radix else { return nil }
      double = double * Double(radix) + Double(digit)
      integer = integer &* radix &+ UInt64(digit)
    }
    return double < 9e18 ? .integer(Int64(integer)) : .jsonataNumber(double)
  }

  mutating func rounded(_ value: Value, _ rule: FloatingPointRoundingRule) -> Value {
    value.isMissing || value.kind == .integer ? value : .jsonataNumber(value.number.rounded(rule))
  }

  mutating func absolute(_ value: Value) -> Value {
    if value.isMissing { return value }
    let negative = value.kind == .integer ? value.integerValue < 0 : value.number < 0
    return negative ? value.jsonataNegated : value.kind == .integer ? value : .jsonataNumber(value.number)
  }

  func round(_ value: Value, _ precision: Value) -> Value {
    if value.isMissing { return value }
    let places = precision.isMissing ? 0 : precision.truncatedNumber
    if value.kind == .integer && places >= 0 { return value }
    return .jsonataNumber(Self.round(value.number, places))
  }

  /// Half to even, at a decimal place: shifted by the text of the number, since
  /// multiplying by a power of ten would change its digits.
  static func round(_ value: Double, _ places: Int) -> Double {
    guard value.isFinite else { return value }
    var shifted = places == 0 ? value : shift(value, places)
    if !shifted.isFinite { return value }
    var result = (shifted + 0.5).rounded(.down)
    // Adding a half may itself round up.
    if result - shifted > 0.5 { result -= 1 }
    let difference = result - shifted
    if difference.magnitude == 0.5 && result.remainder(dividingBy: 2).magnitude == 1 { result -= 1 }
    shifted = places == 0 ? result : shift(result, -places)
    return shifted == 0 ? 0 : shifted
  }

  private static func shift(_ value: Double, _ places: Int) -> Double {
    let text = value.description
    let parts = text.split(separator: "e")
    let exponent =
      (parts.count > 1 ? Int(parts[1].drop { $0 == "+" }) ?? 0 : 0) + max(min(places, 2000), -2000)
    return Double("\(parts[0])e\(exponent)") ?? value
  }

  mutating func power(_ base: Value, _ exponent: Value) -> Value {
    if base.isMissing || exponent.isMissing { return .missing }
    let result = pow(base.number, exponent.number)
    guard result.isFinite else {
      let failure = fail(.d3061, value: base, index: 1)
      let start = byteTop
      writeNumber(exponent)
      let written = UnsafeBufferPointer(start: scratch.pointee.bytes + start, count: byteTop - start)
      let detail = String(decoding: written, as: UTF8.self)
      error?.detail = detail
      byteTop = start
      return failure
    }
    return .jsonataNumber(result)
  }

  mutating func squareRoot(_ value: Value) -> Value {
    if value.isMissing { return value }
    let number = value.number
    return number < 0 ? fail(.d3060, value: value, index: 1) : .jsonataNumber(number.squareRoot())
  }

  mutating func formatBase(_ value: Value, _ radix: Value) -> Value {
    if value.isMissing { return value }
    let base = radix.isMissing ? 10 : Int(max(min(Self.round(radix.number, 0), 1000), -1000))
    guard base >= 2 && base <= 36 else { return fail(.d3100, value: radix) }
    let whole = round(value, .missing)
    let start = byteTop
    if let integer = whole.wholeNumber {
      putText(String(integer, radix: base))
    } else {
      // Beyond 64 bits: digit by digit, as far as a double tells them.
      var rest = whole.number.magnitude
      var digits: [UInt8] = []
      while rest >= 1 && rest.isFinite {
        let digit = Int(fmod(rest, Double(base)))
        digits.append(UInt8(ascii: digit < 10 ? "0" : "a") + UInt8(digit < 10 ? digit : digit - 10))
        rest = (rest / Double(base)).rounded(.down)
      }
      if whole.number < 0 { putByte(UInt8(ascii: "-")) }
      for byte in digits.reversed() { putByte(byte) }
    }
    return popString(from: start)
  }

  /// What an aggregate works on: the sum and the extremes of numbers.
  mutating func sum(_ array: Value) -> Value {
    if array.isMissing { return array }
    var integer: Int64 = 0
    var index = 0
    let elements = array.elements
    while index < elements.count, elements[index].kind == .integer {
      let (sum, overflow) = integer.addingReportingOverflow(elements[index].integerValue)
      if overflow { break }
      integer = sum
      index += 1
    }
    if index == elements.count { return .integer(integer) }
    var total = Double(integer)
    while index < elements.count {
      total += elements[index].number
      index += 1
    }
    return .jsonataNumber(total)
  }

  func extreme(_ array: Value, greatest: Bool) -> Value {
    if array.isMissing || array.count == 0 { return .missing }
    var best = array.elements[0]
    for element in array.elements.dropFirst() {
      let isBetter =
        element.kind == .integer && best.kind == .integer
        ? (element.integerValue > best.integerValue) == greatest
        : (element.number > best.number) == greatest && element.number != best.number
      if isBetter { best = element }
    }
    return best
  }

  mutating func average(_ array: Value) -> Value {
    if array.isMissing || array.count == 0 { return .missing }
    return .jsonataNumber(sum(array).number / Double(array.count))
  }
}
