#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Functions over texts, and values as text.

extension JSONataMachine {
  // MARK: Values as text

  mutating func string(_ start: Value, pretty: Bool) -> Value {
    var value = start
    if value.isArray && value.has(Value.outerWrapper) { value = value.elements[0] }
    switch value.kind {
    case .missing, .string, .failure: return value
    case .null: return .string("null")
    case .true: return .string("true")
    case .false: return .string("false")
    case .function, .unbound, .tail: return .emptyString
    case .integer, .double, .numeral:
      if value.kind != .integer && !value.number.isFinite { return fail(.d3001, value: value) }
      let base = byteTop
      writeNumber(value)
      return popString(from: base)
    case .array, .object:
      let base = byteTop
      guard writeJSON(value, indent: pretty ? 2 : -1, level: 0, limit: valueMax, strict: true) else {
        byteTop = base
        return error == nil ? fail(.d2015) : .failure
      }
      return popString(from: base)
    }
  }

  /// Writes JSON text. False if it gets too long or too deep, or (if `strict`) if a number
  /// is none that JSON knows; what is written stays.
  @discardableResult
  mutating func writeJSON(_ value: Value, indent: Int, level: Int, limit: Int, strict: Bool) -> Bool {
    guard byteTop <= limit * 2 + 65536, level < 500 else { return false }
    switch value.kind {
    case .null, .missing, .failure, .unbound, .tail: putText("null")
    case .true: putText("true")
    case .false: putText("false")
    case .integer, .double, .numeral:
      if value.kind != .integer && !value.number.isFinite {
        if strict { return !fail(.d1001, value: value).isFailure }
        putText("null")
      } else {
        writeNumber(value)
      }
    case .string: writeQuoted(value)
    case .function: putText("\"\"")
    case .array, .object:
      guard step() else { return false }
      let isArray = value.isArray
      putByte(UInt8(ascii: isArray ? "[" : "{"))
      for index in 0..<value.count {
        if index > 0 { putByte(UInt8(ascii: ",")) }
        lineBreak(indent, level + 1)
        if !isArray {
          writeQuoted(value.members[index].key)
          putByte(UInt8(ascii: ":"))
          if indent >= 0 { putByte(UInt8(ascii: " ")) }
        }
        let inner = isArray ? value.elements[index] : value.members[index].value
        guard writeJSON(inner, indent: indent, level: level + 1, limit: limit, strict: strict) else {
          return false
        }
      }
      if value.count > 0 { lineBreak(indent, level) }
      putByte(UInt8(ascii: isArray ? "]" : "}"))
    }
    return true
  }

  private func lineBreak(_ indent: Int, _ level: Int) {
    guard indent >= 0 else { return }
    putByte(UInt8(ascii: "\n"))
    for _ in 0..<(indent * level) { putByte(UInt8(ascii: " ")) }
  }

  private func writeQuoted(_ value: Value) {
    putByte(UInt8(ascii: "\""))
    if value.isPlainText {
      putBytes(value.bytes)
    } else {
      let bytes = value.bytes
      var index = 0
      while index < bytes.count {
        index += writeEscaped(bytes, index)
      }
    }
    putByte(UInt8(ascii: "\""))
  }

  /// Writes what stands at an index, and says how many bytes that were.
  private func writeEscaped(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Int {
    let byte = bytes[index]
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      putByte(UInt8(ascii: "\\"))
      putByte(byte)
    case 8: putText("\\b")
    case 9: putText("\\t")
    case 10: putText("\\n")
    case 12: putText("\\f")
    case 13: putText("\\r")
    case 0..<0x20: writeUnit(UInt32(byte))
    case 0xED where index + 2 < bytes.count && bytes[index + 1] >= 0xA0:
      writeUnit(JSONataText.decode(bytes, index).scalar)
      return 3
    default: putByte(byte)
    }
    return 1
  }

  private func writeUnit(_ unit: UInt32) {
    let digits = String(unit, radix: 16)
    putText("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
  }

  // MARK: Parts of texts

  func length(_ text: Value) -> Value {
    text.isMissing ? text : .integer(Int64(JSONataText.codePoints(text.bytes)))
  }

  /// A part of a text, without a copy.
  func slice(_ text: Value, _ start: Int, _ end: Int) -> Value {
    guard end > start else { return .emptyString }
    return .string(text.address + start, count: end - start, plain: text.isPlainText)
  }

  /// The byte where the code point with the given number starts.
  static func byteOffset(_ bytes: UnsafeRawBufferPointer, _ codePoint: Int) -> Int {
    var left = codePoint
    var index = 0
    while index < bytes.count {
      if bytes[index] & 0xC0 != 0x80 {
        if left == 0 { return index }
        left -= 1
      }
      index += 1
    }
    return index
  }

  func substring(_ text: Value, _ from: Value, _ count: Value) -> Value {
    if text.isMissing { return text }
    let length = JSONataText.codePoints(text.bytes)
    var start = from.isMissing ? 0 : from.number
    if Double(length) + start < 0 { start = 0 }
    var first = clamp(start, length)
    if first < 0 { first = max(first + length, 0) }
    var last = length
    if !count.isMissing {
      let wanted = count.number
      if wanted <= 0 { return .emptyString }
      last = clamp(start >= 0 ? start + wanted : Double(length) + start + wanted, length)
      if last < 0 { last = max(last + length, 0) }
    }
    guard last > first else { return .emptyString }
    let begin = Self.byteOffset(text.bytes, first)
    let rest = UnsafeRawBufferPointer(rebasing: text.bytes[begin...])
    return slice(text, begin, begin + Self.byteOffset(rest, last - first))
  }

  private func clamp(_ number: Double, _ length: Int) -> Int {
    number.isNaN ? 0 : Int(max(min(number.rounded(.towardZero), Double(length)), -Double(length) - 1))
  }

  /// Where `part` begins in a text, from a byte on.
  static func find(_ part: Value, in text: Value, from start: Int = 0) -> Int? {
    guard text.count - start >= part.count else { return nil }
    if part.count == 0 { return start }
    let first = Int32(part.address.load(as: UInt8.self))
    var position = text.address + start
    let last = text.address + (text.count - part.count)
    while position <= last, let found = memchr(position, first, last - position + 1) {
      if memcmp(found, part.address, part.count) == 0 { return UnsafeRawPointer(found) - text.address }
      position = UnsafeRawPointer(found) + 1
    }
    return nil
  }

  func before(_ text: Value, _ part: Value) -> Value {
    guard !text.isMissing, !part.isMissing, let index = Self.find(part, in: text) else { return text }
    return slice(text, 0, index)
  }

  func after(_ text: Value, _ part: Value) -> Value {
    guard !text.isMissing, !part.isMissing, let index = Self.find(part, in: text) else { return text }
    return slice(text, index + part.count, text.count)
  }

  mutating func changeCase(_ text: Value, upper: Bool) -> Value {
    if text.isMissing { return text }
    let count = text.count
    guard count > 0, mayBuild(count) else { return count == 0 ? text : .failure }
    let source = text.bytes
    let target = arena.pointee.allocate(count)
    let first: UInt8 = upper ? 0x61 : 0x41
    var all: UInt8 = 0
    var index = 0
    while index < count {
      let byte = source[index]
      all |= byte
      target.storeBytes(of: byte &- first < 26 ? byte ^ 0x20 : byte, toByteOffset: index, as: UInt8.self)
      index &+= 1
    }
    if all < 0x80 { return .string(target, count: count, plain: text.isPlainText) }
    return changeCaseOfLetters(source, upper: upper)
  }

  /// Letter by letter, halves of surrogate pairs as they are.
  private mutating func changeCaseOfLetters(_ source: UnsafeRawBufferPointer, upper: Bool) -> Value {
    let base = byteTop
    var index = 0
    while index < source.count {
      let (code, length) = JSONataText.decode(source, index)
      let next = index + length
      if let scalar = Unicode.Scalar(code) {
        if upper {
          putText(scalar.properties.uppercaseMapping)
        } else if code == 0x3A3, Self.endsWord(source, index, next) {
          putText("\u{3C2}")
        } else {
          putText(scalar.properties.lowercaseMapping)
        }
      } else {
        putBytes(UnsafeRawBufferPointer(rebasing: source[index..<next]))
      }
      index = next
    }
    return popString(from: base)
  }

  /// Whether a sigma ends a word, which gives it a form of its own: letters before it, none behind.
  /// (The next sigma is a letter, so no text is looked through more than twice.)
  private static func endsWord(_ source: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
    var index = start
    var isBehindLetter = false
    while index > 0 {
      repeat { index -= 1 } while index > 0 && source[index] & 0xC0 == 0x80
      guard let properties = Unicode.Scalar(JSONataText.decode(source, index).scalar)?.properties else {
        break
      }
      if properties.isCaseIgnorable { continue }
      isBehindLetter = properties.isCased
      break
    }
    guard isBehindLetter else { return false }
    index = end
    while index < source.count {
      let (code, length) = JSONataText.decode(source, index)
      guard let properties = Unicode.Scalar(code)?.properties else { break }
      if !properties.isCaseIgnorable { return !properties.isCased }
      index += length
    }
    return true
  }

  mutating func trim(_ text: Value) -> Value {
    if text.isMissing { return text }
    let base = byteTop
    var pending = false
    for byte in text.bytes {
      if byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
        pending = byteTop > base
        continue
      }
      if pending { putByte(0x20) }
      pending = false
      putByte(byte)
    }
    return popString(from: base)
  }

  mutating func pad(_ text: Value, _ width: Value, _ filler: Value) -> Value {
    if text.isMissing || width.isMissing { return text }
    let wanted = width.truncatedNumber
    let added = abs(wanted) - JSONataText.codePoints(text.bytes)
    guard added > 0 else { return text }
    guard added <= environment.pointee.limits.padMax, mayBuild(added + text.count) else {
      return error == nil ? fail(.d2015) : .failure
    }
    let base = byteTop
    let fill = filler.isMissing || filler.count == 0 ? Value.string(" ") : filler
    if wanted > 0 { putBytes(text.bytes) }
    let points = JSONataText.codePoints(fill.bytes)
    for _ in 0..<(added / points) { putBytes(fill.bytes) }
    putBytes(slice(fill, 0, Self.byteOffset(fill.bytes, added % points)).bytes)
    if wanted < 0 { putBytes(text.bytes) }
    return popString(from: base)
  }

  mutating func join(_ array: Value, _ separator: Value) -> Value {
    if array.isMissing { return array }
    let base = byteTop
    for (index, element) in array.elements.enumerated() {
      guard step() else {
        byteTop = base
        return .failure
      }
      if index > 0 && separator.isString { putBytes(separator.bytes) }
      putBytes(element.bytes)
      if byteTop - base > valueMax {
        byteTop = base
        return fail(.d2015)
      }
    }
    return popString(from: base)
  }

  // MARK: Encodings

  mutating func base64Encode(_ text: Value) -> Value {
    if text.isMissing { return text }
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    let base = byteTop
    let bytes = text.bytes
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let a = UInt32(bytes[index]) << 16
      let b = left > 1 ? UInt32(bytes[index + 1]) << 8 : 0
      let word = a | b | (left > 2 ? UInt32(bytes[index + 2]) : 0)
      for place in 0..<4 {
        let digit = Int(word >> UInt32(18 - 6 * place) & 63)
        putByte(place > left ? UInt8(ascii: "=") : alphabet.utf8Start[digit])
      }
      index += 3
    }
    return popString(from: base)
  }

  mutating func base64Decode(_ text: Value) -> Value {
    if text.isMissing { return text }
    let base = byteTop
    var word: UInt32 = 0
    var bits = 0
    for byte in text.bytes {
      let digit: UInt32
      switch byte {
      case 0x41...0x5A: digit = UInt32(byte - 0x41)
      case 0x61...0x7A: digit = UInt32(byte - 0x61 + 26)
      case 0x30...0x39: digit = UInt32(byte - 0x30 + 52)
      case UInt8(ascii: "+"), UInt8(ascii: "-"): digit = 62
      case UInt8(ascii: "/"), UInt8(ascii: "_"): digit = 63
      default: continue
      }
      word = word << 6 | digit
      bits += 6
      if bits >= 8 {
        bits -= 8
        putByte(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    // What was decoded need not be UTF-8.
    let raw = UnsafeRawBufferPointer(start: scratch.pointee.bytes + base, count: byteTop - base)
    let decoded = String(decoding: raw, as: UTF8.self)
    byteTop = base
    putText(decoded)
    return popString(from: base)
  }

  private static func isUnescaped(_ byte: UInt8, whole: Bool) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return true
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "~"),
      UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"):
      return true
    default: return whole && isReserved(byte)
    }
  }

  private static func isReserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"),
      UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","),
      UInt8(ascii: "#"):
      true
    default: false
    }
  }

  /// `whole`: leaves the characters alone that give a URL its form.
  mutating func encodeURL(_ text: Value, whole: Bool) -> Value {
    if text.isMissing { return text }
    let base = byteTop
    let bytes = text.bytes
    let digits: StaticString = "0123456789ABCDEF"
    for index in 0..<bytes.count {
      let byte = bytes[index]
      if byte == 0xED && index + 1 < bytes.count && bytes[index + 1] >= 0xA0 {
        byteTop = base
        return fail(.d3140, value: text, detail: whole ? "encodeUrl" : "encodeUrlComponent")
      }
      if Self.isUnescaped(byte, whole: whole) {
        putByte(byte)
      } else {
        putByte(UInt8(ascii: "%"))
        putByte(digits.utf8Start[Int(byte >> 4)])
        putByte(digits.utf8Start[Int(byte & 15)])
      }
    }
    return popString(from: base)
  }

  mutating func decodeURL(_ text: Value, whole: Bool) -> Value {
    if text.isMissing { return text }
    let base = byteTop
    let bytes = text.bytes
    var index = 0
    while index < bytes.count {
      let start = index
      guard bytes[index] == UInt8(ascii: "%") else {
        putByte(bytes[index])
        index += 1
        continue
      }
      // One character: as many escapes as its first byte says.
      var character: [UInt8] = []
      var needed = 1
      while character.count < needed {
        guard index + 2 < bytes.count, bytes[index] == UInt8(ascii: "%"),
          let high = JSONataLexer.hexDigit(UInt16(bytes[index + 1])),
          let low = JSONataLexer.hexDigit(UInt16(bytes[index + 2]))
        else { return malformed(text, whole, base) }
        let byte = UInt8(high << 4 | low)
        if character.isEmpty { needed = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4 }
        character.append(byte)
        index += 3
      }
      guard String(validating: character, as: UTF8.self) != nil else { return malformed(text, whole, base) }
      if whole && needed == 1 && Self.isReserved(character[0]) {
        putBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
      } else {
        for byte in character { putByte(byte) }
      }
    }
    return popString(from: base)
  }

  private mutating func malformed(_ text: Value, _ whole: Bool, _ base: Int) -> Value {
    byteTop = base
    return fail(.d3140, value: text, detail: whole ? "decodeUrl" : "decodeUrlComponent")
  }
}
