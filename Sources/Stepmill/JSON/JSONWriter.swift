import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The writer: values to compact JSON text, as Jackson writes it.
//
// One loop with an explicit stack of open containers, so that no value is too deep. Each
// node reserves what it needs at worst, with `margin` to spare for the punctuation and
// the scalars around it: the only bounds check is the one for that reservation.

struct JSONWriter: ~Copyable {
  /// An open container: what of it is still to be written.
  private struct Frame: BitwiseCopyable {
    var next: UnsafePointer<Value>
    /// The end, with the lowest bit set in an object.
    var end: UInt
  }

  private var stack: UnsafeMutablePointer<Frame>
  private var stackCapacity = 64

  /// Room that is always there when a node begins: a literal or number with the
  /// punctuation around it, and what block copies write too much.
  private static let margin = 96

  init() { stack = .allocate(capacity: stackCapacity) }

  deinit { stack.deallocate() }

  /// Appends the text of `value`. A missing value is written as null.
  mutating func write(_ value: Value, to output: inout OutputBuffer) {
    var target = output.reserve(JSONWriter.margin)
    var limit = output.limit
    // Frames on the stack; the innermost container is held in the variables after it. In
    // an object each member is a key and a value.
    var depth = 0
    var next = UnsafePointer<Value>(bitPattern: 16).unsafelyUnwrapped
    var end = next
    var isObject = false
    var value = value

    while true {
      // A chain in order of frequency does better here than a jump table: its branches are
      // predicted one by one.
      let kind = UInt8(truncatingIfNeeded: value.head)
      if kind == Value.Tag.string.rawValue {
        let count = value.count
        if _slowPath(limit - target < count &+ JSONWriter.margin) {
          output.commit(target)
          target = output.reserve(count &+ JSONWriter.margin)
          limit = output.limit
        }
        if _fastPath(value.isPlainText) {
          target = JSONWriter.put(ASCII.quote, target)
          target = JSONWriter.copy(value.address, count, target)
          target = JSONWriter.put(ASCII.quote, target)
        } else {
          output.commit(target)
          target = JSONWriter.escape(value, &output)
          limit = output.limit
        }
      } else if kind == Value.Tag.numeral.rawValue {
        let count = value.count
        if _slowPath(limit - target < count &+ JSONWriter.margin) {
          output.commit(target)
          target = output.reserve(count &+ JSONWriter.margin)
          limit = output.limit
        }
        target = JSONWriter.copy(value.address, count, target)
      } else if kind == Value.Tag.integer.rawValue {
        target = NumberText.write(value.integerValue, target)
      } else if kind >= Value.Tag.array.rawValue {
        let opensObject = kind == Value.Tag.object.rawValue
        let count = value.count
        target = JSONWriter.put(opensObject ? ASCII.openBrace : ASCII.openBracket, target)
        if count == 0 {
          target = JSONWriter.put(opensObject ? ASCII.closeBrace : ASCII.closeBracket, target)
        } else {
          if depth == stackCapacity { growStack() }
          stack[depth] = Frame(next: next, end: UInt(bitPattern: end) | (isObject ? 1 : 0))
          depth &+= 1
          next = value.start.assumingMemoryBound(to: Value.self)
          end = next + (opensObject ? 2 &* count : count)
          isObject = opensObject
          if isObject {
            target = JSONWriter.writeKey(next.pointee, target, &limit, &output)
            next += 1
          } else if _slowPath(limit - target < JSONWriter.margin) {
            output.commit(target)
            target = output.reserve(JSONWriter.margin)
            limit = output.limit
          }
          value = next.pointee
          next += 1
          continue
        }
      } else {
        target = JSONWriter.writeRare(value, target)
      }

      // What follows: a comma, or the end of one container or more.
      while next == end {
        if depth == 0 {
          output.commit(target)
          return
        }
        if _slowPath(limit - target < JSONWriter.margin) {
          output.commit(target)
          target = output.reserve(JSONWriter.margin)
          limit = output.limit
        }
        target = JSONWriter.put(isObject ? ASCII.closeBrace : ASCII.closeBracket, target)
        depth &-= 1
        let frame = stack[depth]
        next = frame.next
        end = UnsafePointer(bitPattern: frame.end & ~1).unsafelyUnwrapped
        isObject = frame.end & 1 != 0
      }
      target = JSONWriter.put(ASCII.comma, target)
      if isObject {
        target = JSONWriter.writeKey(next.pointee, target, &limit, &output)
        next += 1
      } else if _slowPath(limit - target < JSONWriter.margin) {
        output.commit(target)
        target = output.reserve(JSONWriter.margin)
        limit = output.limit
      }
      value = next.pointee
      next += 1
    }
  }

  /// Writes a key and its colon, and sees to it that `margin` bytes are left behind.
  @inline(__always)
  private static func writeKey(
    _ key: Value, _ target: UnsafeMutableRawPointer, _ limit: inout UnsafeMutableRawPointer,
    _ output: inout OutputBuffer
  ) -> UnsafeMutableRawPointer {
    let count = key.count
    var target = target
    if _slowPath(limit - target < count &+ 2 &* margin) {
      output.commit(target)
      target = output.reserve(count &+ 2 &* margin)
      limit = output.limit
    }
    if _fastPath(key.isPlainText) {
      target = put(ASCII.quote, target)
      target = copy(key.address, count, target)
      target.storeBytes(of: UInt16(0x3A22).littleEndian, as: UInt16.self)
      return target + 2
    }
    output.commit(target)
    target = escape(key, &output)
    limit = output.limit
    return put(ASCII.colon, target)
  }

  /// Writes a literal or a double.
  @inline(never)
  private static func writeRare(
    _ value: Value, _ target: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    switch value.tag {
    case .double: return NumberText.writeJSON(value.doubleBits, target)
    case .true:
      target.storeBytes(of: UInt32(0x6575_7274).littleEndian, as: UInt32.self)
      return target + 4
    case .false:
      target.storeBytes(of: UInt64(0x65_736C_6166).littleEndian, as: UInt64.self)
      return target + 5
    default:
      target.storeBytes(of: UInt32(0x6C6C_756E).littleEndian, as: UInt32.self)
      return target + 4
    }
  }

  @inline(never)
  private mutating func growStack() {
    let new = UnsafeMutablePointer<Frame>.allocate(capacity: stackCapacity * 2)
    new.update(from: stack, count: stackCapacity)
    stack.deallocate()
    stack = new
    stackCapacity *= 2
  }

  @inline(__always)
  static func put(_ byte: UInt8, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    target.storeBytes(of: byte, as: UInt8.self)
    return target + 1
  }

  /// Copies short texts with two overlapping moves instead of a call. Never reads
  /// outside the source.
  @inline(__always)
  static func copy(
    _ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    if count >= 16 {
      if count <= 64 {
        let last = count &- 16
        var offset = 0
        repeat {
          move(SIMD16<UInt8>.self, source + offset, target + offset)
          offset &+= 16
        } while offset < last
        move(SIMD16<UInt8>.self, source + last, target + last)
      } else {
        memcpy(target, source, count)
      }
    } else if count >= 8 {
      move(UInt64.self, source, target)
      move(UInt64.self, source + (count &- 8), target + (count &- 8))
    } else if count >= 4 {
      move(UInt32.self, source, target)
      move(UInt32.self, source + (count &- 4), target + (count &- 4))
    } else if count > 0 {
      let middle = count &>> 1
      let last = count &- 1
      let first = source.load(as: UInt8.self)
      let second = source.load(fromByteOffset: middle, as: UInt8.self)
      let third = source.load(fromByteOffset: last, as: UInt8.self)
      target.storeBytes(of: first, as: UInt8.self)
      target.storeBytes(of: second, toByteOffset: middle, as: UInt8.self)
      target.storeBytes(of: third, toByteOffset: last, as: UInt8.self)
    }
    return target + count
  }

  @inline(__always)
  private static func move<Block: BitwiseCopyable>(
    _: Block.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) {
    target.storeBytes(of: source.loadUnaligned(as: Block.self), as: Block.self)
  }

  /// Writes a text in quotes, escaping what must be, and leaves `2 * margin` bytes of room.
  @inline(never)
  private static func escape(_ text: Value, _ output: inout OutputBuffer) -> UnsafeMutableRawPointer {
    var target = put(ASCII.quote, output.reserve(6 &* text.count &+ 2 &* margin))
    var source = text.address
    let end = source + text.count
    while source < end {
      // Sixteen bytes at once while none of them needs a look.
      while end - source >= 16 {
        let stops = stepmill_string_stops16(source)
        move(SIMD16<UInt8>.self, source, target)
        let run = stops == 0 ? 16 : stops.trailingZeroBitCount
        source += run
        target += run
        if stops != 0 { break }
      }
      guard source < end else { break }
      let byte = source.load(as: UInt8.self)
      let length = Escape.length(byte, source, end)
      if length == 1 {
        target = put(byte, target)
        source += 1
      } else {
        let consumed = Escape.write(byte, source, target)
        target += length
        source += consumed
      }
    }
    return put(ASCII.quote, target)
  }
}

/// How a character is written that cannot stand for itself.
enum Escape {
  /// How many bytes are written for the byte at `source`: 1 if it stands for itself.
  @inline(__always)
  static func length(_ byte: UInt8, _ source: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Int {
    if byte >= 0x20 {
      if byte == ASCII.quote || byte == ASCII.backslash { return 2 }
      // A lone surrogate: ED A0 80 to ED BF BF.
      if byte == 0xED && end - source >= 3 && source.load(fromByteOffset: 1, as: UInt8.self) >= 0xA0 {
        return 6
      }
      return 1
    }
    switch byte {
    case 8, 9, 10, 12, 13: return 2
    default: return 6
    }
  }

  /// Writes the escape and returns how many bytes of the source it stands for.
  static func write(_ byte: UInt8, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) -> Int {
    let letter: UInt8
    switch byte {
    case ASCII.quote, ASCII.backslash: letter = byte
    case 8: letter = UInt8(ascii: "b")
    case 9: letter = UInt8(ascii: "t")
    case 10: letter = UInt8(ascii: "n")
    case 12: letter = UInt8(ascii: "f")
    case 13: letter = UInt8(ascii: "r")
    default:
      let unit: UInt16
      if byte == 0xED {
        unit =
          0xD000 | UInt16(source.load(fromByteOffset: 1, as: UInt8.self) & 0x3F) &<< 6
          | UInt16(source.load(fromByteOffset: 2, as: UInt8.self) & 0x3F)
      } else {
        unit = UInt16(byte)
      }
      target.storeBytes(of: ASCII.backslash, as: UInt8.self)
      target.storeBytes(of: UInt8(ascii: "u"), toByteOffset: 1, as: UInt8.self)
      for index in 0..<4 {
        let digit = UInt8(truncatingIfNeeded: unit &>> UInt16(12 &- 4 &* index)) & 15
        let letter = digit < 10 ? ASCII.zero &+ digit : UInt8(ascii: "A") &+ digit &- 10
        target.storeBytes(of: letter, toByteOffset: 2 &+ index, as: UInt8.self)
      }
      return byte == 0xED ? 3 : 1
    }
    target.storeBytes(of: ASCII.backslash, as: UInt8.self)
    target.storeBytes(of: letter, toByteOffset: 1, as: UInt8.self)
    return 1
  }
}

extension Value {
  /// Exactly how many bytes `JSONWriter` writes for this value.
  var serializedSize: Int { serializedSize(upTo: .max) }

  /// How many bytes `JSONWriter` writes for this value, exactly if they are no more than
  /// `limit`; else some number above it. Values may share their parts, so a value that was
  /// quickly made can be endless to write: this stops when the limit is passed.
  func serializedSize(upTo limit: Int) -> Int {
    withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<Value>.self, capacity: 64) { memory in
      var stack = WorkStack(lending: memory)
      var size = 0
      var single = self
      return withUnsafePointer(to: &single) { pointer in
        var values = UnsafeBufferPointer(start: pointer, count: 1)
        while true {
          for value in values {
            // As in the writer: a chain instead of a jump table.
            let kind = UInt8(truncatingIfNeeded: value.head)
            if kind == Value.Tag.string.rawValue {
              size &+= value.isPlainText ? value.count &+ 2 : value.escapedSize
            } else if kind == Value.Tag.numeral.rawValue {
              size &+= value.count
            } else if kind == Value.Tag.integer.rawValue {
              size &+= NumberText.length(value.integerValue)
            } else if kind >= Value.Tag.array.rawValue {
              // The brackets, and a comma or colon after each value but the last.
              let count = kind == Value.Tag.object.rawValue ? 2 &* value.count : value.count
              size &+= count == 0 ? 2 : count &+ 1
              if count > 0 {
                stack.push(
                  UnsafeBufferPointer(
                    start: value.address.assumingMemoryBound(to: Value.self), count: count))
              }
            } else if kind == Value.Tag.double.rawValue {
              size &+= NumberText.jsonLength(value.doubleBits)
            } else {
              size &+= kind == Value.Tag.false.rawValue ? 5 : 4
            }
          }
          if stack.isEmpty || size > limit { return size }
          values = stack.pop()
        }
      }
    }
  }

  /// The bytes of this string as the writer writes it, quotes included.
  private var escapedSize: Int {
    var size = 2
    var source = address
    let end = source + count
    while source < end {
      let byte = source.load(as: UInt8.self)
      let length = Escape.length(byte, source, end)
      size &+= length
      source += length == 6 && byte == 0xED ? 3 : 1
    }
    return size
  }
}
