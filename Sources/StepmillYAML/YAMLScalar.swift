// The core schema of YAML 1.2 (section 10.3): which plain scalars are not strings. `yes`, `on`
// and `1:30` are strings there, as people expect, unlike in YAML 1.1.

enum YAMLScalar {
  /// A plain scalar as JSON. Nil for the infinities and not-a-number, which JSON cannot say.
  static func json(plain text: [UInt8]) -> [UInt8]? {
    switch String(decoding: text.prefix(6), as: UTF8.self) {
    case "", "~", "null", "Null", "NULL": return Array("null".utf8)
    case "true", "True", "TRUE": return Array("true".utf8)
    case "false", "False", "FALSE": return Array("false".utf8)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
      return nil
    default:
      return number(text[...]) ?? string(text)
    }
  }

  /// A string as JSON.
  static func string(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = [UInt8(ascii: "\"")]
    output.reserveCapacity(text.count + 2)
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\n"): output += "\\n".utf8
      case UInt8(ascii: "\t"): output += "\\t".utf8
      case UInt8(ascii: "\r"): output += "\\r".utf8
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        output += "\\u00".utf8
        output += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
    return output
  }

  /// A number in JSON's form: `0o14` and `0x1F` become decimals, `+1` loses its sign, `.5` and `1.` gain a zero.
  private static func number(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    if text.starts(with: "0o".utf8) { return integer(text.dropFirst(2), radix: 8) }
    if text.starts(with: "0x".utf8) { return integer(text.dropFirst(2), radix: 16) }
    var rest = text
    var output: [UInt8] = []
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      rest.removeFirst()
      if sign == UInt8(ascii: "-") { output.append(sign) }
    }
    let whole = digits(&rest)
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      fraction = digits(&rest)
    }
    if whole.isEmpty && fraction.isEmpty { return nil }
    let significant = whole.drop { $0 == UInt8(ascii: "0") }
    output += significant.isEmpty ? [UInt8(ascii: "0")] : Array(significant)
    if !fraction.isEmpty { output += [UInt8(ascii: ".")] + fraction }
    if let exponent = rest.first, exponent | 0x20 == UInt8(ascii: "e") {
      output.append(exponent)
      rest.removeFirst()
      if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
        output.append(sign)
        rest.removeFirst()
      }
      let power = digits(&rest)
      if power.isEmpty { return nil }
      output += power
    }
    return rest.isEmpty ? output : nil
  }

  private static func digits(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let digits = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    text = text.dropFirst(digits.count)
    return digits
  }

  /// Digits of another radix as a decimal, of any size.
  private static func integer(_ text: ArraySlice<UInt8>, radix: Int) -> [UInt8]? {
    // Beyond this nobody means a number, and the conversion below is quadratic.
    guard !text.isEmpty, text.count <= 256 else { return nil }
    var decimal: [Int] = [0]
    for byte in text {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix else { return nil }
      var carry = digit
      for index in decimal.indices {
        let value = decimal[index] * radix + carry
        decimal[index] = value % 10
        carry = value / 10
      }
      while carry > 0 {
        decimal.append(carry % 10)
        carry /= 10
      }
    }
    return decimal.reversed().map { UInt8(ascii: "0") + UInt8($0) }
  }
}
