#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Character classes of RFC 9110 and the scans over them. All take raw bytes: a `String` would
// cost several times the parse.

enum Characters {
  /// tchar, one bit per ASCII character: "!#$%&'*+-.^_`|~", digits and letters.
  private static let tokenLow: UInt64 = {
    var bits: UInt64 = 0
    for byte in "!#$%&'*+-.0123456789".utf8 { bits |= 1 << UInt64(byte) }
    return bits
  }()
  private static let tokenHigh: UInt64 = {
    var bits: UInt64 = 0
    for byte in "^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8 {
      bits |= 1 << UInt64(byte - 64)
    }
    return bits
  }()

  @inline(__always)
  static func isToken(_ byte: UInt8) -> Bool {
    // The constants are folded in: a lazy global would cost a check at each byte.
    let low: UInt64 = 0x03FF_6CFA_0000_0000
    let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    if byte >= 128 { return false }
    return (byte < 64 ? low &>> UInt64(byte) : high &>> UInt64(byte &- 64)) & 1 != 0
  }

  /// For the test that the folded constants are the right ones.
  static func isTokenSpelledOut(_ byte: UInt8) -> Bool {
    if byte >= 128 { return false }
    return (byte < 64 ? tokenLow &>> UInt64(byte) : tokenHigh &>> UInt64(byte - 64)) & 1 != 0
  }

  /// The first byte that is not in a token, or `end`.
  @inline(__always)
  static func endOfToken(_ base: UnsafeRawPointer, _ from: Int, _ end: Int) -> Int {
    var index = from
    while index < end, unsafe isToken(base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
    return index
  }

  /// Whether there is a control character other than a tab, eight bytes at a time.
  @inline(__always)
  static func hasControl(_ base: UnsafeRawPointer, _ from: Int, _ end: Int) -> Bool {
    var index = from
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while index &+ 8 <= end {
      let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // Bytes below 0x20, and bytes equal to 0x7F (they are zero after the exclusive or).
      let low = (word &- ones &* 0x20) & ~word & tops
      let delete = word ^ (ones &* 0x7F)
      let deletes = (delete &- ones) & ~delete & tops
      if _slowPath(low | deletes != 0), unsafe hasControlBytewise(base, index, index &+ 8) { return true }
      index &+= 8
    }
    return unsafe hasControlBytewise(base, index, end)
  }

  private static func hasControlBytewise(_ base: UnsafeRawPointer, _ from: Int, _ end: Int) -> Bool {
    var index = from
    while index < end {
      let byte = unsafe base.load(fromByteOffset: index, as: UInt8.self)
      if (byte < 0x20 && byte != 0x09) || byte == 0x7F { return true }
      index &+= 1
    }
    return false
  }

  /// Whether the bytes are `name`, which is given in lower case. For text that was checked to
  /// be a token, where setting bit 5 folds letters and leaves digits and '-' alone.
  @inline(__always)
  static func isSameToken(_ bytes: UnsafeRawPointer, _ count: Int, _ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    let wanted = unsafe UnsafeRawPointer(name.utf8Start)
    var index = 0
    while index < count {
      let byte = unsafe bytes.load(fromByteOffset: index, as: UInt8.self)
      if unsafe byte | 0x20 != wanted.load(fromByteOffset: index, as: UInt8.self) { return false }
      index &+= 1
    }
    return true
  }

  @inline(__always)
  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte &- 0x30
    case 0x41...0x46: byte &- 0x37
    case 0x61...0x66: byte &- 0x57
    default: nil
    }
  }
}
