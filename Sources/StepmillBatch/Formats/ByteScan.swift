import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Scans for the next byte that matters, sixteen at a time. Places are offsets in the text.
enum ByteScan {
  /// The first quote, backslash or control character from `start` on, or the end.
  @inline(__always)
  static func stringStop(_ text: Span<UInt8>, _ start: Int) -> Int {
    precondition(start >= 0 && start <= text.count)
    return unsafe text.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return start }
      var place = start
      while bytes.count &- place >= 16 {
        let mask = unsafe stepmill_string_escapes16(base + place)
        if mask != 0 { return place &+ mask.trailingZeroBitCount }
        place &+= 16
      }
      while place < bytes.count {
        let byte = unsafe base.load(fromByteOffset: place, as: UInt8.self)
        if byte < 0x20 || byte == 0x22 || byte == 0x5C { return place }
        place &+= 1
      }
      return place
    }
  }

  /// The first delimiter from `start` on, or byte that is never plain in a field of CSV: quote,
  /// backslash or control character; or the end.
  @inline(__always)
  static func fieldStop(_ text: Span<UInt8>, _ start: Int, delimiter: UInt8) -> Int {
    precondition(start >= 0 && start <= text.count)
    return unsafe text.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return start }
      var place = start
      let delimiters = SIMD16<UInt8>(repeating: delimiter)
      while bytes.count &- place >= 16 {
        let stops = unsafe stepmill_string_escapes16(base + place)
        let mask = unsafe withUnsafePointer(to: delimiters) {
          unsafe stops | stepmill_same16(base + place, $0)
        }
        if mask != 0 { return place &+ mask.trailingZeroBitCount }
        place &+= 16
      }
      while place < bytes.count {
        let byte = unsafe base.load(fromByteOffset: place, as: UInt8.self)
        if byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == delimiter { return place }
        place &+= 1
      }
      return place
    }
  }

  /// Where a byte first stands, from `start` on.
  @inline(__always)
  static func first(_ byte: UInt8, in text: Span<UInt8>, from start: Int) -> Int? {
    precondition(start >= 0 && start <= text.count)
    return unsafe text.withUnsafeBytes { bytes in
      unsafe first(byte, in: UnsafeRawBufferPointer(rebasing: bytes[start...])).map { $0 &+ start }
    }
  }

  @inline(__always)
  static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress, let found = unsafe memchr(base, Int32(byte), bytes.count) else {
      return nil
    }
    return unsafe UnsafeRawPointer(found) - base
  }
}
