extension Value {
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
}
