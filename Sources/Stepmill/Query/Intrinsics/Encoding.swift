// States.Base64Encode, States.Base64Decode, States.Hash and States.UUID.

extension Intrinsic {
  static func base64Encode(_ text: Value, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    guard text.isString, !isTooLong(text) else { return .missing }
    let source = javaBytes(of: text, arena)
    guard source.count > 0 else { return .emptyString }
    let count = (source.count + 2) / 3 * 4
    let start = arena.pointee.allocate(count)
    var writer = TextWriter(end: start)
    var index = 0
    while index < source.count {
      let left = source.count - index
      let second = left > 1 ? UInt32(source[index + 1]) : 0
      let third = left > 2 ? UInt32(source[index + 2]) : 0
      let group = UInt32(source[index]) << 16 | second << 8 | third
      writer.append(byte: base64Digit(group >> 18))
      writer.append(byte: base64Digit(group >> 12))
      writer.append(byte: left > 1 ? base64Digit(group >> 6) : UInt8(ascii: "="))
      writer.append(byte: left > 2 ? base64Digit(group) : UInt8(ascii: "="))
      index += 3
    }
    return .string(start, count: count, plain: true)
  }

  private static func base64Digit(_ bits: UInt32) -> UInt8 {
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet.utf8Start[Int(bits & 63)]
  }

  /// Decodes as MIME would, and more patiently: what is not in the alphabet is skipped,
  /// padding may be missing, and padding in the wrong place is skipped too.
  static func base64Decode(_ text: Value, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    guard text.isString, !isTooLong(text) else { return .missing }
    let start = arena.pointee.allocate(text.count / 4 * 3 + 3)
    var writer = TextWriter(end: start)
    // A group is four digits of six bits; a shorter one ends in padding or with the text.
    var group: UInt32 = 0
    var digits = 0
    var padding = 0
    for byte in text.bytes {
      if let digit = base64Value(byte) {
        group = group << 6 | digit
        digits += 1
        padding = 0
      } else if byte == UInt8(ascii: "=") {
        padding += 1
      } else {
        continue
      }
      // Padding completes a group; less of it than that is in the wrong place.
      if digits == 4 || digits >= 2 && digits + padding == 4 {
        writer.appendBytes(ofBase64Group: group, digits: digits)
        (group, digits, padding) = (0, 0, 0)
      }
    }
    writer.appendBytes(ofBase64Group: group, digits: digits)
    arena.pointee.trim(to: writer.end)
    return repairedString(UnsafeRawBufferPointer(start: start, count: writer.end - start), arena)
  }

  private static func base64Value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte &- 0x41)
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte &- 0x47)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte &+ 4)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  /// The digest of a text, or of a value's JSON text, in hexadecimal digits.
  static func hash(
    _ data: Value, algorithm: Value, _ scratch: IntrinsicScratch
  ) -> Value {
    guard algorithm.isString, let digest = Digest(named: algorithm),
      let text = data.isString ? data : jsonText(of: data, scratch), !isTooLong(text)
    else { return .missing }
    let source = javaBytes(of: text, scratch.arena)
    let result = scratch.arena.pointee.allocate(2 * digest.size)
    digest.hashAsText(source, into: result)
    return .string(result, count: 2 * digest.size, plain: true)
  }

  static func uuid(_ scratch: IntrinsicScratch) -> Value {
    let (high, low) = scratch.random.pointee.uuid()
    let start = scratch.arena.pointee.allocate(36)
    var writer = TextWriter(end: start)
    for digit in 0..<32 {
      if digit == 8 || digit == 12 || digit == 16 || digit == 20 { writer.append(byte: UInt8(ascii: "-")) }
      let half = digit < 16 ? high : low
      writer.append(
        byte: Digest.digit(UInt8(truncatingIfNeeded: half &>> UInt64(60 &- 4 &* (digit & 15))) & 15))
    }
    return .string(start, count: 36, plain: true)
  }

  private static func isTooLong(_ text: Value) -> Bool {
    text.count > encodedCharactersMax && text.utf16Count > encodedCharactersMax
  }

  /// The text's bytes as Java would encode them: a question mark for a lone surrogate.
  private static func javaBytes(
    of text: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> UnsafeRawBufferPointer {
    let bytes = text.bytes
    guard !text.isPlainText, hasSurrogates(bytes) else { return bytes }
    let start = arena.pointee.allocate(bytes.count)
    var writer = TextWriter(end: start)
    var index = 0
    while index < bytes.count {
      if isSurrogate(bytes, index) {
        writer.append(byte: UInt8(ascii: "?"))
        index += 3
      } else {
        writer.append(byte: bytes[index])
        index += 1
      }
    }
    return UnsafeRawBufferPointer(start: start, count: writer.end - start)
  }

  private static func hasSurrogates(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for index in 0..<bytes.count where isSurrogate(bytes, index) { return true }
    return false
  }

  @inline(__always)
  private static func isSurrogate(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
    bytes[index] == 0xED && index + 2 < bytes.count && bytes[index + 1] >= 0xA0
  }
}

extension TextWriter {
  /// Appends the whole bytes that two to four digits hold; one digit holds none.
  fileprivate mutating func appendBytes(ofBase64Group group: UInt32, digits: Int) {
    guard digits >= 2 else { return }
    let aligned = group << UInt32(6 * (4 - digits))
    append(byte: UInt8(truncatingIfNeeded: aligned >> 16))
    if digits > 2 { append(byte: UInt8(truncatingIfNeeded: aligned >> 8)) }
    if digits > 3 { append(byte: UInt8(truncatingIfNeeded: aligned)) }
  }
}

extension Intrinsic {
  /// A string over `bytes`, or where they are not UTF-8 over a copy in which U+FFFD stands
  /// for what is not, as Java decodes.
  private static func repairedString(
    _ bytes: UnsafeRawBufferPointer, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return .emptyString }
    var index = 0
    while index < bytes.count {
      let (length, isValid) = utf8Sequence(bytes, index)
      guard isValid else { return repaired(bytes, arena) }
      index += length
    }
    return .string(base, count: bytes.count, plain: Value.needsNoEscape(bytes))
  }

  private static func repaired(
    _ bytes: UnsafeRawBufferPointer, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    let start = arena.pointee.allocate(3 * bytes.count)
    var writer = TextWriter(end: start)
    var index = 0
    while index < bytes.count {
      let (length, isValid) = utf8Sequence(bytes, index)
      if isValid {
        for offset in 0..<length { writer.append(byte: bytes[index + offset]) }
      } else {
        writer.append("\u{FFFD}")
      }
      index += length
    }
    arena.pointee.trim(to: writer.end)
    let repaired = UnsafeRawBufferPointer(start: start, count: writer.end - start)
    return .string(start, count: repaired.count, plain: Value.needsNoEscape(repaired))
  }

  /// The bytes from `index` that encode one scalar, or those that one U+FFFD replaces:
  /// the longest start of a sequence that could have become valid, or a whole surrogate.
  private static func utf8Sequence(
    _ bytes: UnsafeRawBufferPointer, _ index: Int
  ) -> (length: Int, isValid: Bool) {
    let lead = bytes[index]
    var second: ClosedRange<UInt8> = 0x80...0xBF
    let length: Int
    switch lead {
    case 0x00...0x7F: return (1, true)
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return (1, false)
    }
    for offset in 1..<length {
      guard index + offset < bytes.count, (offset == 1 ? second : 0x80...0xBF) ~= bytes[index + offset]
      else { return (offset, false) }
    }
    return (length, !(lead == 0xED && bytes[index + 1] >= 0xA0))
  }
}
