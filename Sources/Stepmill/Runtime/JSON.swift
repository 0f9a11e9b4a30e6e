/// What the engine calls a value. (Inside of `JSON`, the protocol of dictionary literals
/// takes the name.)
typealias EngineValue = Value

/// A JSON value that owns its memory: what goes into workflows and comes out of them.
///
/// A `JSON` is a value like any other in Swift: copying it is cheap (copies and parts share
/// one immutable block of memory), changing one copy leaves the others alone, and it may
/// cross threads. Members of objects keep their order. Numbers keep all their digits.
///
/// ```swift
/// var order: JSON = ["id": "A-17", "lines": [["sku": "S1", "quantity": 2]]]
/// order["total"] = 249.95
/// print(order["lines"]?[0]?["quantity"]?.int ?? 0)  // 2
/// print(order)  // {"id":"A-17","lines":[{"sku":"S1","quantity":2}],"total":249.95}
/// ```
///
/// Each change copies the whole value. Build large ones from sequences instead of member
/// by member. A part keeps the memory of the whole alive; `copy()` makes a part independent.
public struct JSON: @unchecked Sendable {
  /// Nil for values that point to nothing. Never changed once it is here, which is why a
  /// `JSON` may be used from any thread.
  let storage: JSONStorage?
  /// Lies in `storage` with all it points to.
  let value: EngineValue

  init(storage: JSONStorage?, value: EngineValue) {
    self.storage = storage
    self.value = value
  }

  /// A copy of `value` in memory of its own.
  init(copying value: EngineValue) {
    let size = value.footprint
    guard size > 0 else {
      self.init(storage: nil, value: value.isMissing ? .null : value)
      return
    }
    let storage = JSONStorage.make(bytes: size)
    self.init(storage: storage, value: value.copy(to: storage.memory))
  }

  /// Calls `body` with the value, which must not outlive the call.
  @inline(__always)
  func withValue<Result, Failure: Error>(_ body: (EngineValue) throws(Failure) -> Result) throws(Failure)
    -> Result
  {
    defer { withExtendedLifetime(storage) {} }
    return try body(value)
  }

  /// The same value in memory of its own.
  public func copy() -> JSON { withValue { JSON(copying: $0) } }

  /// A part of this value.
  func part(_ value: EngineValue) -> JSON {
    JSON(storage: value.count > 0 ? storage : nil, value: value)
  }
}

// MARK: - Making values

extension JSON {
  public static let null = JSON(storage: nil, value: .null)

  public init(_ value: Bool) { self.init(storage: nil, value: .bool(value)) }

  public init(_ value: some BinaryInteger) {
    if let integer = Int64(exactly: value) {
      self.init(storage: nil, value: .integer(integer))
    } else {
      var text = String(value)
      self = text.withUTF8 { digits in
        JSON(copying: .numeral(UnsafeRawPointer(digits.baseAddress.unsafelyUnwrapped), count: digits.count))
      }
    }
  }

  /// JSON has no numbers for infinities and "not a number": they become the strings
  /// `"Infinity"`, `"-Infinity"` and `"NaN"`, as in workflow outputs.
  public init(_ value: Double) {
    if value.isFinite {
      self.init(storage: nil, value: .double(value))
    } else {
      self.init(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
    }
  }

  public init(_ value: String) {
    var value = value
    self = value.withUTF8 { JSON(copying: JSON.string(UnsafeRawBufferPointer($0))) }
  }

  /// An array.
  public init(_ elements: some Sequence<JSON>) {
    let elements = Array(elements)
    self = JSONScratch.with { scratch in
      let block = scratch.arena.pointee.elements(elements.count)
      for (index, element) in elements.enumerated() { block[index] = element.value }
      let array: EngineValue = elements.isEmpty ? .emptyArray : .array(block, count: elements.count)
      return withExtendedLifetime(elements) { JSON(copying: array) }
    }
  }

  /// An object, its members in the order given. Of members with the same name the last
  /// one counts, at the place of the first.
  public init(members: some Sequence<(key: String, value: JSON)>) {
    let members = Array(members)
    guard !members.isEmpty else {
      self.init(storage: nil, value: .emptyObject)
      return
    }
    self = JSONScratch.with { scratch in
      let block = scratch.arena.pointee.members(members.count)
      for (index, member) in members.enumerated() {
        block[index] = Member(key: scratch.arena.pointee.key(member.key), value: member.value.value)
      }
      let values = UnsafeMutableRawPointer(block).assumingMemoryBound(to: EngineValue.self)
      let count = KeyTable.removeRepeated(values, 2 * members.count) / 2
      return withExtendedLifetime(members) { JSON(copying: .object(block, count: count)) }
    }
  }

  /// A string value over text that somebody else owns.
  private static func string(_ bytes: UnsafeRawBufferPointer) -> EngineValue {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return .emptyString }
    return .string(base, count: bytes.count, plain: EngineValue.needsNoEscape(bytes))
  }
}

// Not by `nil`: where a `JSON?` is expected, as in `json["a"] = nil` and `json["a"] == nil`, the
// compiler would then take it for a null instead of for nothing.
extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(booleanLiteral value: Bool) { self.init(value) }
  public init(integerLiteral value: Int) { self.init(value) }
  public init(floatLiteral value: Double) { self.init(value) }
  public init(stringLiteral value: String) { self.init(value) }
  public init(arrayLiteral elements: JSON...) { self.init(elements) }
  public init(dictionaryLiteral members: (String, JSON)...) {
    self.init(members: members.map { (key: $0.0, value: $0.1) })
  }
}

// MARK: - Text

extension JSON {
  /// Reads JSON text in UTF-8 (RFC 8259).
  public init(parsing text: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
    self = try JSONScratch.with { scratch throws(JSONSyntaxError) in
      JSON(copying: try scratch.parse(text))
    }
  }

  /// Reads JSON text.
  public init(parsing text: String) throws(JSONSyntaxError) {
    try self.init(parsing: text.utf8)
  }

  /// Reads JSON text in UTF-8.
  public init(parsing text: some Sequence<UInt8>) throws(JSONSyntaxError) {
    // A result instead of a throw: the standard library's closures lose the error's type.
    let direct = text.withContiguousStorageIfAvailable { bytes in
      Result { () throws(JSONSyntaxError) in try JSON(parsing: UnsafeRawBufferPointer(bytes)) }
    }
    if let direct {
      self = try direct.get()
      return
    }
    let bytes = Array(text)
    let copied = bytes.withUnsafeBytes { bytes in
      Result { () throws(JSONSyntaxError) in try JSON(parsing: bytes) }
    }
    self = try copied.get()
  }

  /// This value as compact JSON text.
  public var text: String {
    JSONScratch.with { scratch in
      withValue { String(decoding: scratch.write($0), as: UTF8.self) }
    }
  }

  /// This value as compact JSON text in UTF-8.
  public var utf8: [UInt8] {
    JSONScratch.with { scratch in withValue { Array(scratch.write($0)) } }
  }

  /// This value as JSON text over several lines, `indent` spaces per level.
  public func text(indent: Int) -> String {
    JSONScratch.with { scratch in
      withValue { String(decoding: JSON.spread(scratch.write($0), indent), as: UTF8.self) }
    }
  }

  /// Breaks compact text into lines.
  private static func spread(_ compact: UnsafeRawBufferPointer, _ indent: Int) -> [UInt8] {
    var lines: [UInt8] = []
    lines.reserveCapacity(compact.count * 2)
    var depth = 0
    var inString = false
    func breakLine() {
      lines.append(UInt8(ascii: "\n"))
      lines.append(contentsOf: repeatElement(ASCII.space, count: depth * indent))
    }
    var index = 0
    while index < compact.count {
      let byte = compact[index]
      index += 1
      if inString {
        lines.append(byte)
        if byte == ASCII.backslash {
          lines.append(compact[index])
          index += 1
        } else if byte == ASCII.quote {
          inString = false
        }
        continue
      }
      switch byte {
      case ASCII.openBrace, ASCII.openBracket:
        lines.append(byte)
        if compact[index] == byte + 2 {
          lines.append(compact[index])
          index += 1
        } else {
          depth += 1
          breakLine()
        }
      case ASCII.closeBrace, ASCII.closeBracket:
        depth -= 1
        breakLine()
        lines.append(byte)
      case ASCII.comma:
        lines.append(byte)
        breakLine()
      case ASCII.colon:
        lines.append(byte)
        lines.append(ASCII.space)
      default:
        inString = byte == ASCII.quote
        lines.append(byte)
      }
    }
    return lines
  }
}

extension JSON: CustomStringConvertible {
  /// The compact JSON text.
  public var description: String { text }
}

// MARK: - Looking into values

extension JSON {
  /// The six kinds of JSON values.
  public enum Kind: Sendable, Hashable {
    case null, bool, number, string, array, object
  }

  public var kind: Kind {
    switch value.tag {
    case .missing, .null: .null
    case .true, .false: .bool
    case .integer, .double, .numeral: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }

  public var isNull: Bool { value.isNull }

  public var bool: Bool? {
    switch value.tag {
    case .true: true
    case .false: false
    default: nil
    }
  }

  /// The number as an integer, if it is one (`2.0` is) and fits.
  public var int: Int? {
    withValue { $0.asInteger.flatMap { Int(exactly: $0) } }
  }

  /// The number as a double: the nearest one if it has more digits than a double holds.
  public var double: Double? {
    guard value.isNumber else { return nil }
    return withValue { $0.asDouble }
  }

  /// The number as it is written in JSON, with all its digits.
  public var number: String? { value.isNumber ? text : nil }

  /// The string's text; lone surrogates, which JSON can express and Swift cannot, become
  /// U+FFFD.
  public var string: String? {
    guard value.isString else { return nil }
    return withValue { $0.text }
  }

  /// The elements of an array.
  public var array: Elements? { value.isArray ? Elements(whole: self) : nil }

  /// The members of an object, in their order.
  public var object: Members? { value.isObject ? Members(whole: self) : nil }

  /// How many elements or members there are; 0 for all other values.
  public var count: Int { value.isContainer ? value.count : 0 }

  /// The elements of an array.
  public struct Elements: RandomAccessCollection, Sendable {
    let whole: JSON

    public var startIndex: Int { 0 }
    public var endIndex: Int { whole.value.count }

    public subscript(index: Int) -> JSON {
      precondition(indices.contains(index), "index out of range")
      return whole.withValue { whole.part($0.elements[index]) }
    }
  }

  /// The members of an object, in their order.
  public struct Members: RandomAccessCollection, Sendable {
    let whole: JSON

    public var startIndex: Int { 0 }
    public var endIndex: Int { whole.value.count }

    public subscript(index: Int) -> (key: String, value: JSON) {
      precondition(indices.contains(index), "index out of range")
      return whole.withValue {
        let member = $0.members[index]
        return (member.key.text, whole.part(member.value))
      }
    }

    /// The names of the members.
    public var keys: [String] { whole.withValue { $0.members.map { $0.key.text } } }
  }
}

// MARK: - Parts

extension JSON {
  /// The member of an object with this name: nil if there is none, or if this is no
  /// object. Assigning adds or replaces a member and assigning nil removes it (use
  /// `.null` for a member that is null); a null becomes an object first.
  public subscript(key: String) -> JSON? {
    get {
      guard value.isObject else { return nil }
      var key = key
      return key.withUTF8 { bytes in
        withValue { object in
          let member = object.member(JSON.string(UnsafeRawBufferPointer(bytes)).asKey)
          return member.isMissing ? nil : part(member)
        }
      }
    }
    set {
      precondition(value.isObject || value.isNull, "only objects have members")
      self = JSONScratch.with { scratch in
        let key = scratch.arena.pointee.key(key)
        return withValue { old in
          let block = scratch.arena.pointee.members(old.isObject ? old.count + 1 : 1)
          var count = 0
          var isPlaced = false
          if old.isObject {
            for member in old.members {
              var member = member
              if member.key.sameText(key) {
                guard let newValue else { continue }
                member.value = newValue.value
                isPlaced = true
              }
              block[count] = member
              count += 1
            }
          }
          if let newValue, !isPlaced {
            block[count] = Member(key: key, value: newValue.value)
            count += 1
          }
          let object: EngineValue = count == 0 ? .emptyObject : .object(block, count: count)
          return withExtendedLifetime(newValue) { JSON(copying: object) }
        }
      }
    }
  }

  /// The element of an array at this position: nil if there is none, or if this is no
  /// array. Assigning replaces an element that is there, or appends behind the last one;
  /// assigning nil removes it.
  public subscript(index: Int) -> JSON? {
    get {
      guard value.isArray, index >= 0, index < value.count else { return nil }
      return withValue { part($0.elements[index]) }
    }
    set {
      precondition(value.isArray, "only arrays have elements")
      var elements = array.map { Array($0) } ?? []
      if let newValue {
        if index == elements.count { elements.append(newValue) } else { elements[index] = newValue }
      } else {
        elements.remove(at: index)
      }
      self = JSON(elements)
    }
  }
}

// MARK: - Equality

extension JSON: Hashable {
  /// Equal as JSON: the order of members does not matter, and numbers are equal by value.
  public static func == (left: JSON, right: JSON) -> Bool {
    left.withValue { left in right.withValue { right in left.isEqual(to: right) } }
  }

  public func hash(into hasher: inout Hasher) {
    // Three levels tell documents apart well enough, and bound the work and the depth.
    withValue { JSON.hash($0, levels: 3, &hasher) }
  }

  private static func hash(_ value: EngineValue, levels: Int, _ hasher: inout Hasher) {
    switch value.tag {
    case .missing, .null: hasher.combine(0)
    case .false: hasher.combine(1)
    case .true: hasher.combine(2)
    case .integer, .double, .numeral: hasher.combine(value.asDouble)
    case .string: hasher.combine(bytes: value.bytes)
    case .array:
      hasher.combine(3)
      hasher.combine(value.count)
      if levels > 1 { for element in value.elements { hash(element, levels: levels - 1, &hasher) } }
    case .object:
      hasher.combine(4)
      hasher.combine(value.count)
      guard levels > 1 else { return }
      // A sum, so that the order of the members makes no difference.
      var sum = 0
      for member in value.members {
        var inner = Hasher()
        inner.combine(bytes: member.key.bytes)
        hash(member.value, levels: levels - 1, &inner)
        sum &+= inner.finalize()
      }
      hasher.combine(sum)
    }
  }
}
