extension Value {
  /// The double nearest to a number, infinite if no double is near; NaN for what is no
  /// number. Allocates only for numerals that integer arithmetic cannot settle.
  var numberAsDouble: Double {
    switch tag {
    case .integer: return Double(integerValue)
    case .double: return doubleBits
    case .numeral:
      var decimal = Decimal()
      let start = address.assumingMemoryBound(to: UInt8.self)
      _ = decimal.read(start, start + count)
      return decimal.exactDouble ?? parsedDouble
    default: return .nan
    }
  }

  /// The number without its fraction; nil for what is no number or beyond 64 bits.
  @inline(__always) var truncated: Int64? {
    tag == .integer ? integerValue : truncatedSlowly
  }

  @inline(never) private var truncatedSlowly: Int64? {
    isNumber ? Int64(exactly: numberAsDouble.rounded(.towardZero)) : nil
  }
}
