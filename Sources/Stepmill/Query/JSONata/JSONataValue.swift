#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Values as the language's evaluator sees them.
//
// On top of JSON there are functions, the outcome "failed", variables not bound yet, and
// calls that wait to be made at the end of a lambda. They use tags behind `object`, so
// code in here asks for a value's `kind` instead of its `tag`; none of them ever leaves
// an evaluation. Arrays carry what the reference hangs on to them in spare flag bits.

extension Value {
  enum Kind: UInt8 {
    case missing = 0
    case null, `false`, `true`, integer, double, numeral, string, array, object
    /// A function of some sort (see `JSONataFunction`).
    case function
    /// The evaluation failed; the machine knows why.
    case failure
    /// What a variable holds before it is bound: the name then means what it means outside.
    case unbound
    /// A call in tail position: function and arguments wait in the machine.
    case tail
  }

  @inline(__always) init(kind: Kind, payload: UInt64 = 0) {
    self.init(head: UInt64(kind.rawValue), payload: payload)
  }

  @inline(__always) var kind: Kind { unsafeBitCast(UInt8(truncatingIfNeeded: head), to: Kind.self) }

  static var failure: Value { @inline(__always) get { Value(kind: .failure) } }
  static var unbound: Value { @inline(__always) get { Value(kind: .unbound) } }

  @inline(__always) var isFailure: Bool { kind == .failure }
  @inline(__always) var isFunction: Bool { kind == .function }

  /// Made by a path, a filter or the like: without members it is nothing, and a single
  /// member stands for itself.
  static let sequence: UInt64 = 1 << 9
  /// A sequence that stays an array even with a single member.
  static let keepSingleton: UInt64 = 1 << 10
  /// Made by an array constructor that is a step: stays nested.
  static let constructed: UInt64 = 1 << 11
  /// The members are rows of bindings; the path that laid them out is in the hash bits.
  static let tuples: UInt64 = 1 << 12
  /// The array around an input that is itself an array.
  static let outerWrapper: UInt64 = 1 << 13
  /// Made by this evaluation: may hold values with any of these flags.
  static let fresh: UInt64 = 1 << 14

  static let evaluationFlags: UInt64 = 0x7E00

  @inline(__always) func has(_ flag: UInt64) -> Bool { head & flag != 0 }

  @inline(__always) func with(_ flag: UInt64) -> Value { Value(head: head | flag, payload: payload) }

  @inline(__always) var isSequence: Bool { isArray && head & Value.sequence != 0 }

  static var emptySequence: Value {
    @inline(__always) get { Value(head: UInt64(Tag.array.rawValue) | sequence | fresh, payload: 0) }
  }

  /// The member `key` of an object. As `member`, but short names, which nearly all are,
  /// are compared here and now.
  @inline(__always)
  func field(_ key: Value) -> Value {
    let wanted = key.head & ~Value.flagsMask
    var member = address.assumingMemoryBound(to: Member.self)
    var left = count
    while left > 0 {
      if member.pointee.key.head & ~Value.flagsMask == wanted && Value.sameShort(member.pointee.key, key) {
        return member.pointee.value
      }
      member += 1
      left &-= 1
    }
    return .missing
  }

  /// Equal texts of known equal length.
  @inline(__always)
  static func sameShort(_ a: Value, _ b: Value) -> Bool {
    if a.payload == b.payload { return true }
    let count = a.count
    let x = a.address
    let y = b.address
    if count >= 8 {
      guard x.loadUnaligned(as: UInt64.self) == y.loadUnaligned(as: UInt64.self) else { return false }
      if _slowPath(count > 16) { return memcmp(x, y, count) == 0 }
      return x.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        == y.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }
    if count >= 4 {
      return x.loadUnaligned(as: UInt32.self) == y.loadUnaligned(as: UInt32.self)
        && x.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
          == y.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
    }
    var index = 0
    while index < count {
      if x.load(fromByteOffset: index, as: UInt8.self) != y.load(fromByteOffset: index, as: UInt8.self) {
        return false
      }
      index &+= 1
    }
    return true
  }

  // MARK: Numbers

  /// A computed number: whole ones that a double holds exactly become integers.
  @inline(__always)
  static func jsonataNumber(_ value: Double) -> Value {
    if value.magnitude <= 9_007_199_254_740_992 {
      let integer = Int64(value)
      if Double(integer) == value { return .integer(integer) }
    }
    return .double(value)
  }

  /// The value of a number of any form.
  @inline(__always) var number: Double {
    switch kind {
    case .integer: Double(integerValue)
    case .double: doubleBits
    default: numeralNumber
    }
  }

  /// The double nearest to a numeral's text.
  @inline(never) private var numeralNumber: Double {
    // Short decimals, nearly all there are, are exact integers over exact powers of ten.
    var mantissa: UInt64 = 0
    var scale = -1
    var index = 0
    let text = bytes
    let negative = text.count > 0 && text[0] == UInt8(ascii: "-")
    if negative { index = 1 }
    while index < text.count && text.count < 17 {
      let byte = text[index]
      if byte == UInt8(ascii: ".") && scale < 0 {
        scale = 0
      } else if byte &- UInt8(ascii: "0") <= 9 {
        mantissa = mantissa &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
        if scale >= 0 { scale += 1 }
      } else {
        break
      }
      index += 1
    }
    if index == text.count && mantissa <= 1 << 53 {
      var power = 1.0
      for _ in 0..<max(scale, 0) { power *= 10 }
      let magnitude = Double(mantissa) / power
      return negative ? -magnitude : magnitude
    }
    return Double(self.text) ?? .nan
  }

  var jsonataNegated: Value {
    if kind == .integer, integerValue != .min { return .integer(0 &- integerValue) }
    return .jsonataNumber(-number)
  }

  /// The number as a whole one, if it is one (however it is held).
  @inline(__always) var wholeNumber: Int64? {
    if kind == .integer { return integerValue }
    let double = number
    guard double == double.rounded(.towardZero), double.magnitude < 9.2e18 else { return nil }
    return Int64(double)
  }

  /// What JavaScript makes of a number that is used as an index: towards zero.
  var truncatedNumber: Int {
    if kind == .integer { return Int(integerValue) }
    let double = number.rounded(.towardZero)
    return double.isNaN ? 0 : Int(max(min(double, 4e18), -4e18))
  }
}

/// The sorts of functions, kept where a string keeps its hash.
enum JSONataFunction: UInt8 {
  /// Payload: the number of the built-in function.
  case builtin
  /// Payload: a closure.
  case lambda
  /// Payload: `[function, argument or unbound, …]`, count in the head.
  case partial
  /// Payload: `[first, second]`.
  case chain
  /// Payload: the number of the regular expression in the program.
  case regex
  /// Payload: `[regex, text, index]`: looks for the next match.
  case nextMatch
  /// Payload: a closure whose `index` is the transform's.
  case transform
}

extension Value {
  static func function(_ sort: JSONataFunction, _ payload: UInt64, count: Int = 0) -> Value {
    Value(
      head: UInt64(Kind.function.rawValue) | UInt64(sort.rawValue) &<< 16
        | UInt64(truncatingIfNeeded: count) &<< 32,
      payload: payload)
  }

  @inline(__always) var functionSort: JSONataFunction {
    unsafeBitCast(UInt8(truncatingIfNeeded: head &>> 16), to: JSONataFunction.self)
  }

  static func builtin(_ builtin: JSONataBuiltin) -> Value {
    function(.builtin, UInt64(builtin.rawValue))
  }
}

/// A lambda and where it was made.
struct JSONataClosure: BitwiseCopyable {
  var index: Int32
  var frame: UnsafeMutablePointer<Value>
  var functionFrame: UnsafeMutablePointer<Value>
  var input: Value
}
