import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The parser: one pass over the text, straight into an arena.
//
// Values are pushed on a scratch stack as they are read. When a container closes, its
// content is the top of that stack: it is copied to the arena as one block and replaced
// by the container's own value. An open container is a frame on the same stack:
//
//   ... parent's values so far | frame | this container's values so far
//   frame: the address of the parent's first value, with bit 0 set where the parent is an
//          object and bit 1 where its keys repeat; its filter of keys; its pattern
//
// Most objects have the members of an object seen before: the element before them, or
// what lies at the same place in the element before. That one is the object's *pattern*:
// its next key is compared with the text first. A hit costs a quarter of a scan with
// hash and filter, and, as its length is known beforehand, the position no longer waits for
// the scan. The new member shares the pattern's key, so that looking it up later finds
// the same address. While an object follows its pattern its keys cannot repeat.
//
// The stack is reserved for the worst case before the first byte is read (a value needs
// at least two bytes of text, a frame one), so the loop never checks it.
//
// Reading beyond the end: each scan loads 16 or 32 bytes from a position before the end,
// which is why the caller provides `padding`. What lies there may be anything, also
// something that continues the text. The loop compares with `end` before each token, and
// a token that was read across the end leaves the position beyond it, which the next
// comparison finds. Only a number outside of any container could end unnoticed; such
// texts take the careful road (`scalarDocument`).
//
// The chain that bounds the speed is position -> load -> mask -> count zeros -> position,
// once per string and number; all else hangs beside it or is predicted.

/// Turns JSON text (RFC 8259, strict UTF-8) into values. Keeps its stack between uses, so
/// that parsing allocates nothing but arena memory.
struct JSONParser: ~Copyable {
  /// Bytes that must be readable behind the end of a text.
  static let padding = 32

  /// A stack larger than this is not kept for the next text.
  static let scratchKeptMax = 16 << 20

  /// What a frame takes on the stack, in values.
  private static let frameSize = 2

  /// What lies below the first frame: a member that matches no key, for containers that
  /// have no pattern.
  private static let groundSize = 2

  /// Objects with more members than this are checked for repeated keys by a table.
  static let scannedMembersMax = 32

  var maximumDepth: Int
  private var scratch: UnsafeMutablePointer<Value>
  private var scratchCapacity: Int
  private var failure = JSONSyntaxError.Code.unexpectedEnd
  private var failureAddress: UnsafePointer<UInt8>

  init(maximumDepth: Int = 1000) {
    self.maximumDepth = max(1, maximumDepth)
    scratchCapacity = 256
    scratch = .allocate(capacity: scratchCapacity)
    failureAddress = UnsafeRawPointer(scratch).assumingMemoryBound(to: UInt8.self)
  }

  deinit { scratch.deallocate() }

  /// The value of `text`, which must stay where it is for as long as the value is used:
  /// strings and numerals point into it.
  mutating func parse(
    _ text: UnsafeRawBufferPointer, into arena: UnsafeMutablePointer<Arena>
  ) throws(JSONSyntaxError) -> Value {
    guard let base = text.baseAddress, text.count > 0 else {
      throw JSONSyntaxError(.unexpectedEnd, offset: 0)
    }
    guard text.count <= Int(UInt32.max) else { throw JSONSyntaxError(.textTooLong, offset: 0) }
    let start = base.assumingMemoryBound(to: UInt8.self)
    reserve(text.count &>> 1 &+ JSONParser.frameSize &* min(maximumDepth, text.count) &+ 16)
    let value = document(start, start + text.count, arena)
    if scratchCapacity &* MemoryLayout<Value>.stride > JSONParser.scratchKeptMax { shrink() }
    guard !value.isMissing else {
      throw JSONSyntaxError(failure, offset: min(failureAddress - start, text.count))
    }
    return value
  }

  @inline(__always)
  private mutating func reserve(_ count: Int) {
    if count > scratchCapacity { growScratch(count) }
  }

  @inline(never)
  private mutating func growScratch(_ count: Int) {
    scratch.deallocate()
    scratchCapacity = count
    scratch = .allocate(capacity: count)
  }

  @inline(never)
  private mutating func shrink() {
    scratch.deallocate()
    scratchCapacity = 256
    scratch = .allocate(capacity: scratchCapacity)
  }

  @inline(never)
  mutating func fail(_ code: JSONSyntaxError.Code, _ address: UnsafePointer<UInt8>) -> Value {
    failure = code
    failureAddress = address
    return .missing
  }
}

/// The bytes that JSON's grammar names.
enum ASCII {
  static let quote = UInt8(ascii: "\"")
  static let backslash = UInt8(ascii: "\\")
  static let comma = UInt8(ascii: ",")
  static let colon = UInt8(ascii: ":")
  static let openBrace = UInt8(ascii: "{")
  static let closeBrace = UInt8(ascii: "}")
  static let openBracket = UInt8(ascii: "[")
  static let closeBracket = UInt8(ascii: "]")
  static let minus = UInt8(ascii: "-")
  static let plus = UInt8(ascii: "+")
  static let dot = UInt8(ascii: ".")
  static let zero = UInt8(ascii: "0")
  static let nine = UInt8(ascii: "9")
  static let space = UInt8(ascii: " ")
  /// Set in lower-case letters: `byte | lowercase` makes a letter lower case.
  static let lowercase: UInt8 = 0x20
}

extension JSONParser {
  typealias Position = UnsafePointer<UInt8>

  /// A value and where its text ended. The value is missing if there was none.
  struct Token {
    var value: Value
    var end: Position
  }

  @inline(__always)
  static func loadWord(_ position: Position) -> UInt64 {
    UnsafeRawPointer(position).loadUnaligned(as: UInt64.self)
  }

  /// The first position from `position` (which is before the end) that is not blank.
  /// May lie beyond the end.
  @inline(__always)
  static func skipBlanks(_ position: Position, _ end: Position) -> Position {
    var position = position
    repeat {
      let mask = stepmill_unblank16(position)
      if mask != 0 { return position + mask.trailingZeroBitCount }
      position += 16
    } while position < end
    return position
  }

  /// The whole text. A missing value says that it failed.
  private mutating func document(
    _ start: Position, _ end: Position, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    var position = start
    if position.pointee <= ASCII.space { position = JSONParser.skipBlanks(position, end) }
    guard position < end else { return fail(.unexpectedEnd, end) }
    let token =
      switch position.pointee {
      case ASCII.openBrace, ASCII.openBracket: container(position, end, arena)
      default: scalarDocument(position, end, arena)
      }
    if token.value.isMissing { return token.value }
    position = token.end
    guard position <= end else { return fail(.unexpectedEnd, end) }
    if position < end { position = JSONParser.skipBlanks(position, end) }
    guard position >= end else { return fail(.trailingCharacters, position) }
    return token.value
  }

  /// A document that is a single text, number or literal.
  @inline(never)
  private mutating func scalarDocument(
    _ position: Position, _ end: Position, _ arena: UnsafeMutablePointer<Arena>
  ) -> Token {
    switch position.pointee {
    case ASCII.quote: return text(position + 1, position + 1, end, arena, isKey: false)
    case ASCII.minus, ASCII.zero...ASCII.nine: return number(position, end)
    default: return literal(position, end)
    }
  }

  @inline(__always)
  private mutating func literal(_ position: Position, _ end: Position) -> Token {
    let word = UnsafeRawPointer(position).loadUnaligned(as: UInt32.self).littleEndian
    if word == 0x6575_7274 { return Token(value: .true, end: position + 4) }
    if word == 0x6C6C_756E { return Token(value: .null, end: position + 4) }
    if word == 0x736C_6166 && position[4] == UInt8(ascii: "e") {
      return Token(value: .false, end: position + 5)
    }
    return Token(value: notAValue(position, end), end: position)
  }

  @inline(never)
  private mutating func notAValue(_ position: Position, _ end: Position) -> Value {
    for word in ["true", "false", "null"] as [StaticString] {
      let length = word.utf8CodeUnitCount
      if end - position < length && memcmp(position, word.utf8Start, end - position) == 0 {
        return fail(.unexpectedEnd, end)
      }
    }
    return fail(.unexpectedCharacter, position)
  }

  /// The array or object that begins at `start`, with all that is in it.
  ///
  /// Longer than a function should be, because it is one loop whose dozen variables have
  /// to stay in registers from one token to the next: key, value, what follows.
  @inline(never)
  private mutating func container(
    _ start: Position, _ end: Position, _ arena: UnsafeMutablePointer<Arena>
  ) -> Token {
    var position = start
    // The pattern of containers that have none: the end of a member without value.
    scratch[0] = .missing
    scratch[1] = .missing
    let ground = scratch + JSONParser.groundSize
    let none = UnsafeRawPointer(ground).assumingMemoryBound(to: Member.self)
    // The stack: where the next value goes, and the first value of the open container.
    var top = ground
    var base = ground
    // The byte that closes the open container: it also says which kind that is.
    var closing: UInt8 = 0
    // The pattern's members that are still to come; in an array, the pattern's elements.
    var pattern = none
    var patternEnd = none
    // The hashes of the open object's keys so far, one bit each (not while it follows a
    // pattern), and whether a key repeats.
    var seen: UInt64 = 0
    var repeats = false
    var depthLeft = maximumDepth
    var byte: UInt8
    // Tokens that took the road out of line come back in this.
    var token = Token(value: .missing, end: start)

    next: while true {
      // MARK: a key and its colon
      // Not compared with the end: what is read here lies within the padding, and the
      // comparison before the value finds out.
      if closing == ASCII.closeBrace {
        if position.pointee != ASCII.quote {
          position = JSONParser.skipBlanks(position, end)
          guard position < end else { return failed(.unexpectedEnd, end) }
          guard position.pointee == ASCII.quote else { return failed(.expectedKey, position) }
        }
        position += 1
        if !JSONParser.follows(&position, top, &pattern, patternEnd) {
          let text = position
          var stops = stepmill_string_stops16(position)
          while stops == 0 {
            position += 16
            guard position < end else { return failed(.unexpectedEnd, end) }
            stops = stepmill_string_stops16(position)
          }
          position += stops.trailingZeroBitCount
          let key: Value
          if _fastPath(position.pointee == ASCII.quote) {
            key = .key(text, count: position - text, plain: true)
            position += 1
          } else {
            token = self.text(text, position, end, arena, isKey: true)
            if token.value.isMissing { return token }
            key = token.value
            position = token.end
          }
          top.pointee = key
          if pattern != patternEnd && pattern.pointee.key.head == key.head
            && pattern.pointee.key.sameText(key)
          {
            pattern += 1
          } else {
            if pattern != none {
              seen = JSONParser.filter(base, top)
              pattern = none
              patternEnd = none
            }
            let bit = 1 &<< (key.head &>> 16 & 63)
            if seen & bit != 0 && !repeats { repeats = JSONParser.holds(key, base, top) }
            seen |= bit
          }
        }
        top += 1
        if position.pointee != ASCII.colon {
          guard position < end else { return failed(.unexpectedEnd, end) }
          position = JSONParser.skipBlanks(position, end)
          guard position < end else { return failed(.unexpectedEnd, end) }
          guard position.pointee == ASCII.colon else { return failed(.expectedColon, position) }
        }
        position += 1
      }

      // MARK: a value
      guard position < end else { return failed(.unexpectedEnd, end) }
      value: while true {
        byte = position.pointee
        if byte == ASCII.quote {
          position += 1
          let text = position
          var stops = stepmill_string_stops32(position)
          while stops == 0 {
            position += 32
            guard position < end else { return failed(.unexpectedEnd, end) }
            stops = stepmill_string_stops32(position)
          }
          position += stops.trailingZeroBitCount
          if _fastPath(position.pointee == ASCII.quote) {
            top.pointee = .string(text, count: position - text, plain: true)
            position += 1
          } else {
            token = self.text(text, position, end, arena, isKey: false)
            if token.value.isMissing { return token }
            top.pointee = token.value
            position = token.end
          }
        } else if byte &- ASCII.zero <= 9 || byte == ASCII.minus {
          if !JSONParser.shortNumber(&position, byte, top) {
            token = number(position, end)
            if token.value.isMissing { return token }
            top.pointee = token.value
            position = token.end
          }
        } else if byte == ASCII.openBrace || byte == ASCII.openBracket {
          // The closing bracket lies two behind the opening one, in both cases.
          position += 1
          if position.pointee <= ASCII.space { position = JSONParser.skipBlanks(position, end) }
          guard position < end else { return failed(.unexpectedEnd, end) }
          guard depthLeft > 0 else { return failed(.nestingTooDeep, position - 1) }
          if position.pointee == byte &+ 2 {
            top.pointee = byte == ASCII.openBrace ? .emptyObject : .emptyArray
            position += 1
            if closing == 0 { return Token(value: ground.pointee, end: position) }
          } else {
            let flags: UInt64 = (closing == ASCII.closeBrace ? 1 : 0) | (repeats ? 2 : 0)
            top[0] = Value(head: UInt64(UInt(bitPattern: base)) | flags, payload: seen)
            top[1] = Value(
              head: UInt64(UInt(bitPattern: pattern)), payload: UInt64(UInt(bitPattern: patternEnd)))
            // What lies in the parent's pattern at this place, or the element before.
            let model =
              closing == ASCII.closeBrace
              ? pattern[-1].value : top > base ? top[-1] : UnsafeRawPointer(pattern).load(as: Value.self)
            pattern = none
            patternEnd = none
            if model.count > 0 {
              if byte == ASCII.openBrace {
                if model.isObject {
                  pattern = model.address.assumingMemoryBound(to: Member.self)
                  patternEnd = pattern + model.count
                }
              } else if model.isArray {
                pattern = model.address.assumingMemoryBound(to: Member.self)
              }
            }
            top += JSONParser.frameSize
            base = top
            closing = byte &+ 2
            seen = 0
            repeats = false
            depthLeft &-= 1
            continue next
          }
        } else if byte <= ASCII.space {
          let blanks = position
          position = JSONParser.skipBlanks(position, end)
          guard position < end else { return failed(.unexpectedEnd, end) }
          guard position > blanks else { return failed(.unexpectedCharacter, position) }
          continue value
        } else {
          token = literal(position, end)
          if token.value.isMissing { return token }
          top.pointee = token.value
          position = token.end
        }
        top += 1
        break value
      }

      // MARK: what follows a value
      while true {
        guard position < end else { return failed(.unexpectedEnd, end) }
        byte = position.pointee
        position += 1
        if byte == ASCII.comma { continue next }
        if byte == closing {
          var count = top - base
          if closing == ASCII.closeBrace
            && (repeats || count > 2 &* JSONParser.scannedMembersMax && pattern == none)
          {
            count = KeyTable.removeRepeated(base, count)
          }
          let block = arena.pointee.elements(count)
          JSONParser.move(block, base, count)
          top = base - JSONParser.frameSize
          let frame = top[0]
          pattern = UnsafePointer(bitPattern: UInt(top[1].head)).unsafelyUnwrapped
          patternEnd = UnsafePointer(bitPattern: UInt(top[1].payload)).unsafelyUnwrapped
          if closing == ASCII.closeBrace {
            top.pointee = Value(tag: .object, count: count &>> 1, address: block)
          } else {
            top.pointee = Value(tag: .array, count: count, address: block)
          }
          depthLeft &+= 1
          if depthLeft == maximumDepth { return Token(value: top.pointee, end: position) }
          top += 1
          base = UnsafeMutablePointer(bitPattern: UInt(frame.head & ~3)).unsafelyUnwrapped
          closing = frame.head & 1 != 0 ? ASCII.closeBrace : ASCII.closeBracket
          repeats = frame.head & 2 != 0
          seen = frame.payload
        } else {
          position -= 1
          let blanks = position
          if byte <= ASCII.space { position = JSONParser.skipBlanks(position, end) }
          guard position > blanks || position >= end else {
            return failed(
              closing == ASCII.closeBrace ? .expectedCommaOrBrace : .expectedCommaOrBracket, position)
          }
        }
      }
    }
  }

  /// True if the text at `position` is the next key of the pattern, which is then pushed;
  /// only asked of keys of up to 15 plain bytes.
  @inline(__always)
  private static func follows(
    _ position: inout Position, _ top: UnsafeMutablePointer<Value>, _ pattern: inout UnsafePointer<Member>,
    _ patternEnd: UnsafePointer<Member>
  ) -> Bool {
    guard pattern != patternEnd else { return false }
    // Two words, because the compiler would take the value as a vector and then apart.
    let key = UnsafeRawPointer(pattern)
    let head = key.load(as: UInt64.self)
    let payload = key.load(fromByteOffset: 8, as: UInt64.self)
    guard head & (Value.plainText | 0xFFFF_FFF0 &<< 32) == Value.plainText else { return false }
    let count = Int(truncatingIfNeeded: head &>> 32)
    let same = stepmill_same16(position, UnsafeRawPointer(bitPattern: UInt(payload)).unsafelyUnwrapped)
    guard same | (UInt32.max &<< UInt32(truncatingIfNeeded: count)) == UInt32.max,
      position[count] == ASCII.quote
    else { return false }
    top.pointee = Value(head: head, payload: payload)
    pattern += 1
    position += count &+ 1
    return true
  }

  /// The filter of the keys that lie from `base` to `top`.
  @inline(never)
  private static func filter(
    _ base: UnsafeMutablePointer<Value>, _ top: UnsafeMutablePointer<Value>
  ) -> UInt64 {
    var seen: UInt64 = 0
    var key = base
    while key < top {
      seen |= 1 &<< (key.pointee.head &>> 16 & 63)
      key += 2
    }
    return seen
  }

  @inline(never)
  private mutating func failed(_ code: JSONSyntaxError.Code, _ position: Position) -> Token {
    Token(value: fail(code, position), end: position)
  }

  @inline(__always)
  private static func move(
    _ target: UnsafeMutablePointer<Value>, _ source: UnsafeMutablePointer<Value>, _ count: Int
  ) {
    // Word by word for small ones: what was stored as words a moment ago can only be
    // loaded as words without waiting for the cache.
    if count <= 8 {
      stepmill_move_words(target, source, count &* 2)
    } else {
      memcpy(target, source, count &* MemoryLayout<Value>.stride)
    }
  }

  /// True if `key` is among the members that lie from `base` to `top`. Objects too wide
  /// for this are left to the table that looks at them when they close.
  @inline(never)
  private static func holds(
    _ key: Value, _ base: UnsafeMutablePointer<Value>, _ top: UnsafeMutablePointer<Value>
  ) -> Bool {
    guard top - base <= 2 &* scannedMembersMax else { return false }
    let wanted = key.head & ~Value.flagsMask
    var other = base
    while other < top {
      if other.pointee.head & ~Value.flagsMask == wanted && other.pointee.sameText(key) { return true }
      other += 2
    }
    return false
  }

  /// Reads what most numbers are, an integer of up to 15 digits or a decimal that is
  /// in canonical form already, in one 16-byte look. False for all else.
  ///
  /// A decimal is canonical when it is what Java's `Double.toString` prints for it.
  /// With at most 15 significant digits the shortest digits of its double are its own,
  /// so it needs: no superfluous fraction digit, and 10^-3 <= |x| < 10^7 (or zero).
  @inline(__always)
  private static func shortNumber(
    _ position: inout Position, _ first: UInt8, _ target: UnsafeMutablePointer<Value>
  ) -> Bool {
    let text = position
    let sign = first == ASCII.minus ? 1 : 0
    let digits = text + sign
    let mask = stepmill_digits16(digits)
    let whole = (~mask).trailingZeroBitCount
    let after = digits[whole]
    guard UInt(bitPattern: whole &- 1) < 15, digits.pointee != ASCII.zero || whole == 1 else { return false }
    if after == ASCII.dot {
      let fraction = (~(mask &>> UInt32(truncatingIfNeeded: whole &+ 1))).trailingZeroBitCount
      let length = whole &+ 1 &+ fraction
      guard whole <= 7, fraction > 0, length < 16,
        digits[length] | ASCII.lowercase != UInt8(ascii: "e"),
        digits[length &- 1] != ASCII.zero || fraction == 1,
        digits.pointee != ASCII.zero || fraction <= 3 || digits[2] != ASCII.zero
          || digits[3] != ASCII.zero || digits[4] != ASCII.zero
      else { return false }
      target.pointee = .numeral(text, count: length &+ sign)
      position = digits + length
      return true
    }
    guard after | ASCII.lowercase != UInt8(ascii: "e") else { return false }
    let magnitude: UInt64
    if whole <= 8 {
      magnitude = eightDigits(loadWord(digits).littleEndian &<< UInt64(64 &- 8 &* whole))
    } else {
      let high = eightDigits(loadWord(digits).littleEndian &<< UInt64(128 &- 8 &* whole))
      magnitude = high &* 100_000_000 &+ eightDigits(loadWord(digits + (whole &- 8)).littleEndian)
    }
    let value = Int64(bitPattern: magnitude)
    target.pointee = .integer(sign == 0 ? value : 0 &- value)
    position = digits + whole
    return true
  }

  /// The number that eight digits denote; the first is the lowest byte. Zero bytes count
  /// as the digit 0.
  @inline(__always)
  static func eightDigits(_ word: UInt64) -> UInt64 {
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F
    let pairs = (digits &* 10 &+ digits &>> 8) & 0x00FF_00FF_00FF_00FF
    let quads = (pairs &* 100 &+ pairs &>> 16) & 0x0000_FFFF_0000_FFFF
    return (quads &* 10000 &+ quads &>> 32) & 0xFFFF_FFFF
  }
}
