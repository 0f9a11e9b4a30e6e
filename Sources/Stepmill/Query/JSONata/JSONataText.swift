// Texts between two worlds: the language counts UTF-16 units (positions, regular
// expressions), the engine holds UTF-8 in which a lone surrogate keeps the three-byte
// form it would have.

enum JSONataText {
  /// UTF-16 units of a text in the engine's form.
  static func units(_ bytes: UnsafeRawBufferPointer) -> [UInt16] {
    var result: [UInt16] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let (scalar, length) = decode(bytes, index)
      index += length
      if scalar >= 0x10000 {
        result.append(UInt16(0xD800 + (scalar - 0x10000) >> 10))
        result.append(UInt16(0xDC00 + (scalar - 0x10000) & 0x3FF))
      } else {
        result.append(UInt16(scalar))
      }
    }
    return result
  }

  /// The code point at a byte index and how many bytes it takes. What is not UTF-8 is
  /// taken byte by byte, so that reading always goes on and never past the end.
  @inline(__always)
  static func decode(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(bytes[index])
    let left = bytes.count - index
    if first < 0x80 { return (first, 1) }
    if first < 0xE0 {
      guard left >= 2 else { return (0xFFFD, 1) }
      return ((first & 0x1F) << 6 | UInt32(bytes[index + 1]) & 0x3F, 2)
    }
    if first < 0xF0 {
      guard left >= 3 else { return (0xFFFD, 1) }
      return (
        (first & 0x0F) << 12 | (UInt32(bytes[index + 1]) & 0x3F) << 6 | UInt32(bytes[index + 2]) & 0x3F, 3
      )
    }
    guard left >= 4 else { return (0xFFFD, 1) }
    let high = (first & 0x07) << 18 | (UInt32(bytes[index + 1]) & 0x3F) << 12
    let scalar = high | (UInt32(bytes[index + 2]) & 0x3F) << 6 | UInt32(bytes[index + 3]) & 0x3F
    return (min(max(scalar, 0x10000), 0x10FFFF), 4)
  }

  /// The engine's form of UTF-16 units; paired surrogates become one code point.
  static func bytes(_ units: some Collection<UInt16>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(units.count)
    var pending: UInt32?
    func flush() {
      if let high = pending { append(high, to: &result) }
      pending = nil
    }
    for unit in units {
      if let high = pending, unit & 0xFC00 == 0xDC00 {
        append(0x10000 + (high - 0xD800) << 10 + UInt32(unit) - 0xDC00, to: &result)
        pending = nil
        continue
      }
      flush()
      if unit & 0xFC00 == 0xD800 { pending = UInt32(unit) } else { append(UInt32(unit), to: &result) }
    }
    flush()
    return result
  }

  static func append(_ scalar: UInt32, to result: inout [UInt8]) {
    if scalar < 0x80 {
      result.append(UInt8(scalar))
    } else if scalar < 0x800 {
      result.append(UInt8(0xC0 | scalar >> 6))
      result.append(UInt8(0x80 | scalar & 0x3F))
    } else if scalar < 0x10000 {
      result.append(UInt8(0xE0 | scalar >> 12))
      result.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      result.append(UInt8(0x80 | scalar & 0x3F))
    } else {
      result.append(UInt8(0xF0 | scalar >> 18))
      result.append(UInt8(0x80 | scalar >> 12 & 0x3F))
      result.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      result.append(UInt8(0x80 | scalar & 0x3F))
    }
  }

  /// Code points of a text: bytes that do not continue one.
  @inline(__always)
  static func codePoints(_ bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in bytes where byte & 0xC0 != 0x80 { count &+= 1 }
    return count
  }

  /// UTF-16 units of a text.
  static func unitCount(_ bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in bytes where byte & 0xC0 != 0x80 { count &+= byte >= 0xF0 ? 2 : 1 }
    return count
  }
}
