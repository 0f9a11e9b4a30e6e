// Values as Java prints them, which is how States.Format inserts them: `{a=1, b=[]}`.
//
// A text is written in two walks: the first finds a bound for its size (and refuses what
// is too large or too deep), the second writes into memory of that size.

/// How long a value's Java text may be, and whether it needs no escape in JSON.
struct JavaTextBound {
  private(set) var size = 0
  private(set) var isPlain = true

  init() {}

  /// The bound of one value; nil if it is beyond the limits.
  init?(of value: Value) {
    guard add(value) else { return nil }
  }

  /// Adds a value's bound. False if the limits are passed.
  @inline(__always)
  mutating func add(_ value: Value) -> Bool {
    if value.isString {
      add(text: value)
      return size <= Intrinsic.textSizeMax
    }
    return value.isContainer ? addContainer(value, nesting: 1) : addScalar(value)
  }

  @inline(__always)
  private mutating func add(text: Value) {
    size &+= text.count
    isPlain = isPlain && text.isPlainText
  }

  @inline(__always)
  private mutating func addScalar(_ value: Value) -> Bool {
    size &+= value.tag == .numeral ? value.count : NumberText.lengthMax
    return size <= Intrinsic.textSizeMax
  }

  private mutating func addContainer(_ value: Value, nesting: Int) -> Bool {
    guard nesting <= Intrinsic.nestingMax else { return false }
    size &+= 2
    if value.isArray {
      for element in value.elements where !add(element, separated: 2, nesting) { return false }
    } else {
      for member in value.members {
        add(text: member.key)
        if !add(member.value, separated: 3, nesting) { return false }
      }
    }
    return size <= Intrinsic.textSizeMax
  }

  @inline(__always)
  private mutating func add(_ value: Value, separated: Int, _ nesting: Int) -> Bool {
    size &+= separated
    if value.isString {
      add(text: value)
      return size <= Intrinsic.textSizeMax
    }
    return value.isContainer ? addContainer(value, nesting: nesting &+ 1) : addScalar(value)
  }
}

/// Writes text into memory that is known to be large enough.
struct TextWriter {
  private(set) var end: UnsafeMutableRawPointer

  init(end: UnsafeMutableRawPointer) { self.end = end }

  @inline(__always)
  mutating func append(byte: UInt8) {
    end.storeBytes(of: byte, as: UInt8.self)
    end += 1
  }

  @inline(__always)
  mutating func append(textOf value: Value) {
    end.copyMemory(from: value.address, byteCount: value.count)
    end += value.count
  }

  mutating func append(_ text: StaticString) {
    end.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    end += text.utf8CodeUnitCount
  }

  @inline(__always)
  mutating func append(javaTextOf value: Value) {
    if value.isString { append(textOf: value) } else { appendOther(value) }
  }

  private mutating func append(javaTextOf number: Double) {
    if number.isFinite {
      end = NumberText.write(number, end)
    } else {
      append(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
    }
  }

  @inline(never)
  private mutating func appendOther(_ value: Value) {
    switch value.tag {
    case .missing, .null: append("null")
    case .true: append("true")
    case .false: append("false")
    case .integer: end = NumberText.write(value.integerValue, end)
    case .numeral: append(textOf: value)
    case .double: append(javaTextOf: value.doubleBits)
    case .string: append(textOf: value)
    case .array:
      append(byte: UInt8(ascii: "["))
      for (index, element) in value.elements.enumerated() {
        if index > 0 { append(", ") }
        append(javaTextOf: element)
      }
      append(byte: UInt8(ascii: "]"))
    case .object:
      append(byte: UInt8(ascii: "{"))
      for (index, member) in value.members.enumerated() {
        if index > 0 { append(", ") }
        append(textOf: member.key)
        append(byte: UInt8(ascii: "="))
        append(javaTextOf: member.value)
      }
      append(byte: UInt8(ascii: "}"))
    }
  }
}

extension Intrinsic {
  /// The value's Java text as a string value; nil if it is beyond the limits.
  static func javaText(of value: Value, _ arena: UnsafeMutablePointer<Arena>) -> Value? {
    if value.isString { return value }
    guard let bound = JavaTextBound(of: value) else { return nil }
    let start = arena.pointee.allocate(bound.size)
    var writer = TextWriter(end: start)
    writer.append(javaTextOf: value)
    arena.pointee.trim(to: writer.end)
    return .string(start, count: writer.end - start, plain: bound.isPlain)
  }
}
