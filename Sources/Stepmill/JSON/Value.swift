#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The engine's view of JSON: 16 bytes a value, trivially copyable, over arena memory.
//
//   head     tag:8 | flags:8 | hash:16 | count:32
//   payload  integer, double bits, or the address of text, elements or members
//
// A value owns nothing. What it points to belongs to an arena, to a document that an
// execution retains, or to a compiled program (shared by all its executions), and is
// never changed once it is reachable: "changing" a document makes new containers that
// share the untouched parts.
//
// Strings are UTF-8 slices without terminator. A text that could only be written with a
// lone surrogate holds that surrogate in the three-byte form UTF-8 would give it; the
// writer turns it back into `\uD800`.

struct Value: BitwiseCopyable {
  var head: UInt64
  var payload: UInt64

  enum Tag: UInt8 {
    /// No value: what a lookup that finds nothing returns. Never part of a document.
    case missing = 0
    case null
    case `false`
    case `true`
    /// A 64-bit signed integer.
    case integer
    /// A double that was computed, or read from a text that is not in canonical form.
    case double
    /// A number kept as its text, which is what is written: a decimal that is in
    /// canonical form already, or one that a double could not hold (see `Numeral`).
    case numeral
    case string
    case array
    case object
  }

  /// The text holds nothing that JSON must escape: it can be copied between quotes.
  static let plainText: UInt64 = 1 << 8

  static let flagsMask: UInt64 = 0xFF00
}

/// A member of an object: members lie one after the other, in source order.
struct Member: BitwiseCopyable {
  /// A string value whose hash bits are set.
  var key: Value
  var value: Value
}

extension Value {

  @inline(__always) init(tag: Tag) {
    self.init(head: UInt64(tag.rawValue), payload: 0)
  }

  @inline(__always) init(tag: Tag, count: Int, address: UnsafeRawPointer) {
    self.init(
      head: UInt64(tag.rawValue) | UInt64(truncatingIfNeeded: count) &<< 32,
      payload: UInt64(UInt(bitPattern: address)))
  }

  static var missing: Value { @inline(__always) get { Value(head: 0, payload: 0) } }
  static var null: Value { @inline(__always) get { Value(tag: .null) } }
  static var `true`: Value { @inline(__always) get { Value(tag: .true) } }
  static var `false`: Value { @inline(__always) get { Value(tag: .false) } }

  @inline(__always) static func bool(_ value: Bool) -> Value { value ? .true : .false }

  @inline(__always) static func integer(_ value: Int64) -> Value {
    Value(head: UInt64(Tag.integer.rawValue), payload: UInt64(bitPattern: value))
  }

  @inline(__always) static func double(_ value: Double) -> Value {
    Value(head: UInt64(Tag.double.rawValue), payload: value.bitPattern)
  }

  /// A string over `count` bytes of UTF-8 at `address`.
  @inline(__always)
  static func string(_ address: UnsafeRawPointer, count: Int, plain: Bool) -> Value {
    var value = Value(tag: .string, count: count, address: address)
    if plain { value.head |= plainText }
    return value
  }

  /// A string fit to be a member's key: its hash is set.
  @inline(__always)
  static func key(_ address: UnsafeRawPointer, count: Int, plain: Bool) -> Value {
    var value = string(address, count: count, plain: plain)
    value.head |= UInt64(KeyHash.hash(address, count)) &<< 16
    return value
  }

  /// The same string with its hash set.
  @inline(__always) var asKey: Value {
    var value = self
    value.head = (head & ~0xFFFF_0000) | UInt64(KeyHash.hash(address, count)) &<< 16
    return value
  }

  @inline(__always) static func numeral(_ address: UnsafeRawPointer, count: Int) -> Value {
    Value(tag: .numeral, count: count, address: address)
  }

  @inline(__always) static func array(_ elements: UnsafePointer<Value>, count: Int) -> Value {
    Value(tag: .array, count: count, address: UnsafeRawPointer(elements))
  }

  @inline(__always) static func object(_ members: UnsafePointer<Member>, count: Int) -> Value {
    Value(tag: .object, count: count, address: UnsafeRawPointer(members))
  }

  static var emptyArray: Value { @inline(__always) get { Value(tag: .array) } }
  static var emptyObject: Value { @inline(__always) get { Value(tag: .object) } }
  static var emptyString: Value {
    @inline(__always) get { Value(head: UInt64(Tag.string.rawValue) | plainText, payload: 0) }
  }
}

extension Value {
  @inline(__always) var tag: Tag {
    // Every value is made by this file's initialisers, so the byte is always a tag.
    unsafeBitCast(UInt8(truncatingIfNeeded: head), to: Tag.self)
  }

  @inline(__always) var isMissing: Bool { UInt8(truncatingIfNeeded: head) == Tag.missing.rawValue }
  @inline(__always) var isNull: Bool { tag == .null }
  @inline(__always) var isString: Bool { tag == .string }
  @inline(__always) var isArray: Bool { tag == .array }
  @inline(__always) var isObject: Bool { tag == .object }
  @inline(__always) var isBool: Bool { tag == .true || tag == .false }
  @inline(__always) var isNumber: Bool { tag == .integer || tag == .double || tag == .numeral }
  @inline(__always) var isContainer: Bool { tag == .array || tag == .object }

  /// Bytes of a text, elements of an array, members of an object.
  @inline(__always) var count: Int { Int(truncatingIfNeeded: head &>> 32) }

  /// What a text or a container points to. Not defined where `count` is zero.
  @inline(__always) var address: UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: payload)) ?? Value.nowhere
  }

  /// The same where `count` is known not to be zero.
  @inline(__always) var start: UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: payload)).unsafelyUnwrapped
  }

  /// Stands for the address of empty texts and containers; never read.
  @inline(__always) static var nowhere: UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped
  }

  @inline(__always) var integerValue: Int64 { Int64(bitPattern: payload) }
  @inline(__always) var doubleBits: Double { Double(bitPattern: payload) }

  @inline(__always) var isPlainText: Bool { head & Value.plainText != 0 }

  @inline(__always) var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: address, count: count)
  }

  @inline(__always) var elements: UnsafeBufferPointer<Value> {
    UnsafeBufferPointer(start: address.assumingMemoryBound(to: Value.self), count: count)
  }

  @inline(__always) var members: UnsafeBufferPointer<Member> {
    UnsafeBufferPointer(start: address.assumingMemoryBound(to: Member.self), count: count)
  }

  /// The text as a Swift string; lone surrogates become U+FFFD. For cold paths.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The value of the member named `key`, or `missing`. `key` must carry its hash.
  @inline(__always)
  func member(_ key: Value) -> Value {
    var left = count
    guard isObject, left > 0 else { return .missing }
    let wanted = key.head & ~Value.flagsMask
    var member = start.assumingMemoryBound(to: Member.self)
    repeat {
      if member.pointee.key.head & ~Value.flagsMask == wanted
        && Value.sameBytes(member.pointee.key, key)
      {
        return member.pointee.value
      }
      member += 1
      left &-= 1
    } while left > 0
    return .missing
  }

  /// The value of the member with this name. For cold paths: hashes the name.
  func member(named name: StaticString) -> Value {
    member(.key(UnsafeRawPointer(name.utf8Start), count: name.utf8CodeUnitCount, plain: true))
  }

  /// Equal texts of known equal length.
  @inline(__always)
  static func sameBytes(_ a: Value, _ b: Value) -> Bool {
    a.payload == b.payload || a.count == 0 || memcmp(a.start, b.start, a.count) == 0
  }

  /// Two strings hold the same text.
  @inline(__always)
  func sameText(_ other: Value) -> Bool {
    count == other.count && Value.sameBytes(self, other)
  }

  func sameText(_ other: StaticString) -> Bool {
    count == other.utf8CodeUnitCount && memcmp(address, other.utf8Start, count) == 0
  }
}

/// The 16 hash bits of a key: enough to make a wrong candidate rare, cheap enough to be
/// taken while parsing.
enum KeyHash {
  @inline(__always)
  static func hash(_ address: UnsafeRawPointer, _ count: Int) -> UInt16 {
    var low: UInt64
    var high: UInt64
    if count >= 8 {
      low = address.loadUnaligned(as: UInt64.self)
      high = address.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    } else if count >= 4 {
      low = UInt64(address.loadUnaligned(as: UInt32.self))
      high = UInt64(address.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
    } else if count > 0 {
      low = UInt64(address.load(as: UInt8.self))
      high =
        UInt64(address.load(fromByteOffset: count &>> 1, as: UInt8.self)) &<< 8
        | UInt64(address.load(fromByteOffset: count &- 1, as: UInt8.self))
    } else {
      return 0
    }
    let mixed = (low ^ (high &<< 29 | high &>> 35)) &* 0x9E37_79B9_7F4A_7C15
    return UInt16(truncatingIfNeeded: mixed &>> 48)
  }
}

extension Arena {
  /// Room for `count` elements of an array; the caller fills all of it.
  @inline(__always)
  mutating func elements(_ count: Int) -> UnsafeMutablePointer<Value> {
    allocate(count &* MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
  }

  /// Room for `count` members of an object; the caller fills all of it.
  @inline(__always)
  mutating func members(_ count: Int) -> UnsafeMutablePointer<Member> {
    allocate(count &* MemoryLayout<Member>.stride).assumingMemoryBound(to: Member.self)
  }

  /// A string value over a copy of `bytes`. Scans once to learn whether it is plain.
  mutating func string(copying bytes: UnsafeRawBufferPointer) -> Value {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return .emptyString }
    let copy = allocate(bytes.count)
    copy.copyMemory(from: base, byteCount: bytes.count)
    return .string(copy, count: bytes.count, plain: Value.needsNoEscape(bytes))
  }

  /// A string value over a copy of a Swift string. For cold paths.
  mutating func string(_ text: String) -> Value {
    var text = text
    return text.withUTF8 { string(copying: UnsafeRawBufferPointer($0)) }
  }

  /// A key (hash set) over a copy of a Swift string. For cold paths.
  mutating func key(_ text: String) -> Value { string(text).asKey }
}

extension Value {
  /// A string over text that the program itself contains.
  static func string(_ text: StaticString) -> Value {
    let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    return .string(text.utf8Start, count: bytes.count, plain: needsNoEscape(bytes))
  }

  /// A key (hash set) over text that the program itself contains.
  static func key(_ text: StaticString) -> Value { string(text).asKey }

  /// True when none of the bytes must be escaped in a JSON string: no quote, backslash
  /// or control character, and no byte that may begin an encoded surrogate.
  static func needsNoEscape(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for byte in bytes where byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0xED {
      return false
    }
    return true
  }
}
