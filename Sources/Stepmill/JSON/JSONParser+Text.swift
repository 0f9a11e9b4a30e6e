import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Strings that the parser's main loop does not finish by itself: those with characters
// beyond ASCII, and those with escapes.

extension JSONParser {

  /// The string that begins at `start` (behind its quote) and is known to be plain ASCII
  /// up to `position`.
  @inline(never)
  mutating func text(
    _ start: Position, _ position: Position, _ end: Position, _ arena: UnsafeMutablePointer<Arena>,
    isKey: Bool
  ) -> Token {
    var position = position
    while position < end {
      let stops = stepmill_string_stops16(position)
      guard stops != 0 else {
        position += 16
        continue
      }
      position += stops.trailingZeroBitCount
      guard position < end else { break }
      let byte = position.pointee
      if byte == ASCII.quote {
        let value = JSONParser.string(start, position - start, plain: true, isKey: isKey)
        return Token(value: value, end: position + 1)
      }
      if byte == ASCII.backslash { return escapedText(start, position, end, arena, isKey: isKey) }
      guard byte >= 0x80 else { return failedText(.controlCharacterInString, position) }
      repeat {
        let length = UTF8Sequence.length(UnsafeRawPointer(position))
        guard length > 0 else {
          return failedText(end - position < 4 ? .unexpectedEnd : .invalidUTF8, position)
        }
        position += length
      } while position < end && position.pointee >= 0x80
    }
    return failedText(.unexpectedEnd, end)
  }

  @inline(__always)
  private static func string(_ start: Position, _ count: Int, plain: Bool, isKey: Bool) -> Value {
    guard count > 0 else { return isKey ? Value.emptyString.asKey : .emptyString }
    return isKey ? .key(start, count: count, plain: plain) : .string(start, count: count, plain: plain)
  }

  private mutating func failedText(_ code: JSONSyntaxError.Code, _ position: Position) -> Token {
    Token(value: fail(code, position), end: position)
  }

  /// A string with escapes: what it denotes is written to the arena, behind its cursor,
  /// and allocated when it is known how long it is.
  private mutating func escapedText(
    _ start: Position, _ firstEscape: Position, _ end: Position, _ arena: UnsafeMutablePointer<Arena>,
    isKey: Bool
  ) -> Token {
    let done = firstEscape - start
    if arena.pointee.room < done &+ JSONParser.escapeMargin {
      JSONParser.makeRoom(done &+ 4 &* JSONParser.escapeMargin, arena)
    }
    var buffer = arena.pointee.cursor
    memcpy(buffer, start, done)
    var target = buffer + done
    var source = firstEscape
    var plain = true
    while true {
      if _slowPath(arena.pointee.limit - target < JSONParser.escapeMargin) {
        // Starts over in a chunk with twice the room.
        let written = target - buffer
        let old = buffer
        JSONParser.makeRoom(2 &* written &+ 4 &* JSONParser.escapeMargin, arena)
        buffer = arena.pointee.cursor
        memcpy(buffer, old, written)
        target = buffer + written
      }
      guard source < end else { return failedText(.unexpectedEnd, end) }
      // Runs are copied in blocks of 16; what is copied too much will be overwritten.
      let stops = stepmill_string_stops16(source)
      target.storeBytes(
        of: UnsafeRawPointer(source).loadUnaligned(as: SIMD16<UInt8>.self), as: SIMD16<UInt8>.self)
      let run = stops == 0 ? 16 : stops.trailingZeroBitCount
      source += run
      target += run
      if stops == 0 { continue }
      guard source < end else { return failedText(.unexpectedEnd, end) }
      let byte = source.pointee
      if byte == ASCII.backslash {
        let unescaped = stepmill_unescape(source[1])
        if _fastPath(unescaped != 0) {
          target.storeBytes(of: unescaped, as: UInt8.self)
          if unescaped != UInt8(ascii: "/") { plain = false }
          source += 2
          target += 1
          continue
        }
        guard source[1] == UInt8(ascii: "u") else {
          return failedText(end - source < 2 ? .unexpectedEnd : .invalidEscape, source)
        }
        guard let scalar = JSONParser.escapedScalar(&source, end) else {
          return failedText(end - source < 6 ? .unexpectedEnd : .invalidUnicodeEscape, source)
        }
        if scalar < 0x20 || scalar == 0x22 || scalar == 0x5C || scalar & 0xF_F800 == 0xD800 { plain = false }
        target += UTF8Sequence.write(scalar, to: target)
      } else if byte == ASCII.quote {
        break
      } else if byte >= 0x80 {
        let length = UTF8Sequence.length(UnsafeRawPointer(source))
        guard length > 0 else {
          return failedText(end - source < 4 ? .unexpectedEnd : .invalidUTF8, source)
        }
        target.storeBytes(of: UnsafeRawPointer(source).loadUnaligned(as: UInt32.self), as: UInt32.self)
        source += length
        target += length
      } else {
        return failedText(.controlCharacterInString, source)
      }
    }
    let count = target - buffer
    let text = UnsafeRawPointer(arena.pointee.allocate(count)).assumingMemoryBound(to: UInt8.self)
    return Token(value: JSONParser.string(text, count, plain: plain, isKey: isKey), end: source + 1)
  }

  /// Room that is kept behind an unescaped text: for one block of a run and one character,
  /// and so that the comparison of keys may look at 16 bytes of it.
  private static let escapeMargin = 32

  /// Sees to it that the arena has `size` bytes in one piece behind its cursor.
  @inline(never)
  private static func makeRoom(_ size: Int, _ arena: UnsafeMutablePointer<Arena>) {
    let start = arena.pointee.allocate(size)
    arena.pointee.trim(to: start)
  }

  /// The code point of the `\u` escape at `source`, which moves behind it: a pair of
  /// surrogates is one code point, a lone one is its own. Nil if digits are missing.
  private static func escapedScalar(_ source: inout Position, _ end: Position) -> UInt32? {
    guard let unit = hexadecimal(source + 2, end) else { return nil }
    source += 6
    guard unit & 0xFC00 == 0xD800, end - source >= 6, source.pointee == ASCII.backslash,
      source[1] == UInt8(ascii: "u"), let low = hexadecimal(source + 2, end), low & 0xFC00 == 0xDC00
    else { return unit }
    source += 6
    return 0x10000 &+ (unit & 0x3FF) &<< 10 &+ (low & 0x3FF)
  }

  /// The value of four hexadecimal digits that lie before `end`.
  private static func hexadecimal(_ digits: Position, _ end: Position) -> UInt32? {
    guard end - digits >= 4 else { return nil }
    var value: UInt32 = 0
    for index in 0..<4 {
      let digit: UInt8
      switch digits[index] {
      case ASCII.zero...ASCII.nine: digit = digits[index] &- ASCII.zero
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = digits[index] &- UInt8(ascii: "a") &+ 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = digits[index] &- UInt8(ascii: "A") &+ 10
      default: return nil
      }
      value = value &<< 4 | UInt32(digit)
    }
    return value
  }
}

/// Characters beyond ASCII, as bytes.
enum UTF8Sequence {

  /// The length of the valid multi-byte sequence at `position`, or 0. Looks at up to four
  /// bytes.
  @inline(__always)
  static func length(_ position: UnsafeRawPointer) -> Int {
    let word = position.loadUnaligned(as: UInt32.self).littleEndian
    let first = word & 0xFF
    if first < 0xE0 {
      return first >= 0xC2 && word & 0xC000 == 0x8000 ? 2 : 0
    }
    if first < 0xF0 {
      guard word & 0xC0_C000 == 0x80_8000 else { return 0 }
      // Not below U+0800, and no surrogate.
      let second = word &>> 8 & 0xFF
      if first == 0xE0 && second < 0xA0 || first == 0xED && second > 0x9F { return 0 }
      return 3
    }
    guard first <= 0xF4, word & 0xC0C0_C000 == 0x8080_8000 else { return 0 }
    // Not below U+10000, and not above U+10FFFF.
    let second = word &>> 8 & 0xFF
    if first == 0xF0 && second < 0x90 || first == 0xF4 && second > 0x8F { return 0 }
    return 4
  }

  /// Writes a code point (a lone surrogate too) and returns how many bytes it took.
  @inline(__always)
  static func write(_ scalar: UInt32, to target: UnsafeMutableRawPointer) -> Int {
    func store(_ byte: UInt32, _ index: Int) {
      target.storeBytes(of: UInt8(truncatingIfNeeded: byte), toByteOffset: index, as: UInt8.self)
    }
    if scalar < 0x80 {
      store(scalar, 0)
      return 1
    }
    if scalar < 0x800 {
      store(0xC0 | scalar &>> 6, 0)
      store(0x80 | scalar & 0x3F, 1)
      return 2
    }
    if scalar < 0x10000 {
      store(0xE0 | scalar &>> 12, 0)
      store(0x80 | scalar &>> 6 & 0x3F, 1)
      store(0x80 | scalar & 0x3F, 2)
      return 3
    }
    store(0xF0 | scalar &>> 18, 0)
    store(0x80 | scalar &>> 12 & 0x3F, 1)
    store(0x80 | scalar &>> 6 & 0x3F, 2)
    store(0x80 | scalar & 0x3F, 3)
    return 4
  }
}
