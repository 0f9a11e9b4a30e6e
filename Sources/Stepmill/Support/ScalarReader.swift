/// Reads the Unicode scalars of a text, one after the other.
///
/// Texts are valid UTF-8, except that lone surrogates stand in three bytes (see `Value`);
/// they come out as what they are. The reader stays in bounds whatever the bytes.
struct ScalarReader {
  private var position: UnsafeRawPointer
  private let end: UnsafeRawPointer

  init(_ bytes: UnsafeRawBufferPointer) {
    position = bytes.baseAddress ?? Value.nowhere
    end = position + bytes.count
  }

  @inline(__always)
  mutating func next() -> UInt32? {
    guard position < end else { return nil }
    let lead = UInt32(position.load(as: UInt8.self))
    if _fastPath(lead < 0x80) {
      position += 1
      return lead
    }
    let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
    guard length <= end - position else {
      position = end
      return 0xFFFD
    }
    var scalar = lead & (0xFF &>> UInt32(length &+ 1))
    for offset in 1..<length {
      scalar = scalar &<< 6 | UInt32(position.load(fromByteOffset: offset, as: UInt8.self) & 0x3F)
    }
    position += length
    return scalar
  }

  /// Where the next scalar begins.
  @inline(__always) var address: UnsafeRawPointer { position }
}

extension Value {
  /// How many UTF-16 code units a string has, which is what Java calls its length.
  var utf16Count: Int {
    var units = 0
    for byte in bytes {
      // Each scalar has one byte that does not continue it; those of four bytes are pairs.
      if byte & 0xC0 != 0x80 { units &+= byte >= 0xF0 ? 2 : 1 }
    }
    return units
  }
}
