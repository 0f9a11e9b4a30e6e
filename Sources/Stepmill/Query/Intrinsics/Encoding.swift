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
    let room = text.count / 4 * 3 + 3
    let start = arena.pointee.allocate(room)
    var writer = TextWriter(end: start)
    // A group is four digits of six bits; a shorter one ends in padding or with the text.
    var group: UInt32 = 0
    var digits = 0
    var padding = 0
    for byte in text.bytes {
      let digit = base64Value(byte)
      if digit < 64 {
        group = group &<< 6 | UInt32(digit)
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
    assert(writer.end - start <= room)
    arena.pointee.trim(to: writer.end)
    return repairedString(UnsafeRawBufferPointer(start: start, count: writer.end - start), arena)
  }

  /// The six bits of a base64 digit; more than 63 for what is none. Written so that it
  /// compiles to selections: the kind of the next digit cannot be predicted.
  @inline(__always)
  private static func base64Value(_ byte: UInt8) -> UInt8 {
    var value: UInt8 = 0xFF
    if byte &- UInt8(ascii: "A") < 26 { value = byte &- UInt8(ascii: "A") }
    if byte &- UInt8(ascii: "a") < 26 { value = byte &- UInt8(ascii: "a") &+ 26 }
    if byte &- UInt8(ascii: "0") < 10 { value = byte &- UInt8(ascii: "0") &+ 52 }
    if byte == UInt8(ascii: "+") { value = 62 }
    if byte == UInt8(ascii: "/") { value = 63 }
    return value
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
    // Eight digits at a time; the dashes of 8-4-4-4-12 part the second and third eight.
    let second = HexText.digits(of: UInt32(truncatingIfNeeded: high))
    let third = HexText.digits(of: UInt32(truncatingIfNeeded: low &>> 32))
    start.storeBytes(of: HexText.digits(of: UInt32(truncatingIfNeeded: high &>> 32)), as: UInt64.self)
    store(second, to: start + 9)
    store(third, to: start + 19)
    start.storeBytes(
      of: HexText.digits(of: UInt32(truncatingIfNeeded: low)), toByteOffset: 28, as: UInt64.self)
    let dash = UInt8(ascii: "-")
    start.storeBytes(of: dash, toByteOffset: 8, as: UInt8.self)
    start.storeBytes(of: dash, toByteOffset: 13, as: UInt8.self)
    start.storeBytes(of: dash, toByteOffset: 18, as: UInt8.self)
    start.storeBytes(of: dash, toByteOffset: 23, as: UInt8.self)
    return .string(start, count: 36, plain: true)
  }

  /// Stores four digits, leaves a gap for a dash, and stores four more.
  @inline(__always)
  private static func store(_ digits: UInt64, to target: UnsafeMutableRawPointer) {
    let digits = digits.littleEndian
    target.storeBytes(of: UInt32(truncatingIfNeeded: digits).littleEndian, as: UInt32.self)
    target.storeBytes(
      of: UInt32(truncatingIfNeeded: digits &>> 32).littleEndian, toByteOffset: 5, as: UInt32.self)
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
