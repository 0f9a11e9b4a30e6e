import CIntrinsics

/// Scans for the next byte that matters, sixteen at a time.
enum ByteScan {
  /// The first quote, backslash or control character, or `end`.
  @inline(__always)
  static func stringStop(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
    var cursor = start
    while end - cursor >= 16 {
      let mask = stepmill_string_escapes16(cursor)
      if mask != 0 { return cursor + mask.trailingZeroBitCount }
      cursor += 16
    }
    while cursor < end {
      let byte = cursor.load(as: UInt8.self)
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { return cursor }
      cursor += 1
    }
    return end
  }

  /// The first delimiter, or byte that is never plain in a field of CSV: quote, backslash or
  /// control character; or `end`.
  @inline(__always)
  static func fieldStop(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, delimiter: UInt8
  ) -> UnsafeRawPointer {
    var cursor = start
    let delimiters = SIMD16<UInt8>(repeating: delimiter)
    while end - cursor >= 16 {
      let stops = stepmill_string_escapes16(cursor)
      let mask = withUnsafePointer(to: delimiters) { stops | stepmill_same16(cursor, $0) }
      if mask != 0 { return cursor + mask.trailingZeroBitCount }
      cursor += 16
    }
    while cursor < end {
      let byte = cursor.load(as: UInt8.self)
      if byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == delimiter { return cursor }
      cursor += 1
    }
    return end
  }
}
