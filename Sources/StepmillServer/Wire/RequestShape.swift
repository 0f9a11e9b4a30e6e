import Stepmill

// What a request may look like, as data.
//
// Each operation has one table: its members with their types and constraints, as the service's
// model has them. `Request` is what comes out when a body has been held against its table. A
// body of the wrong types does not get that far (`SerializationException`); one that breaks
// constraints is told all of them at once (`ValidationException`), in the service's words.

/// The type of a member and what it must satisfy.
indirect enum RequestShape: Sendable {
  /// Lengths count UTF-16 units, as Java does. A sensitive value is not repeated in messages.
  case text(min: Int = 0, max: Int = .max, pattern: RequestPattern? = nil, isSensitive: Bool = false)
  case choice([String])
  case integer(min: Int = Int(Int32.min), max: Int = Int(Int32.max), bits: Int = 32)
  case number(min: Double, max: Double)
  case boolean
  case list(RequestShape, min: Int = 0, max: Int = .max)
  /// The name is how a value of it begins when it is printed.
  case structure(String, [RequestMember])
}

/// A member of a request or of a structure in it.
struct RequestMember: Sendable {
  let name: String
  let shape: RequestShape
  let isRequired: Bool

  static func required(_ name: String, _ shape: RequestShape) -> RequestMember {
    RequestMember(name: name, shape: shape, isRequired: true)
  }

  static func optional(_ name: String, _ shape: RequestShape) -> RequestMember {
    RequestMember(name: name, shape: shape, isRequired: false)
  }
}

/// A pattern of the model: how it is written in messages, and what it means.
struct RequestPattern: Sendable {
  let text: String
  let matches: @Sendable (String) -> Bool

  /// Letters, digits and `_-.`, not digits only.
  static let aliasName = RequestPattern(text: #"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"#) { name in
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    func isOther(_ byte: UInt8) -> Bool {
      (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
    }
    return name.utf8.allSatisfy { isDigit($0) || isOther($0) } && name.utf8.contains(where: isOther)
  }

  static let ascii = RequestPattern(text: #"\p{ASCII}*"#) { $0.utf8.allSatisfy { $0 < 0x80 } }

  static let visible = RequestPattern(text: "[!-~]+") {
    !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

// MARK: - Types

/// Whether a body has the types of its table.
struct TypeCheck {
  /// The first thing that is of another type, in the words of the service's front end.
  static func problem(_ value: JSON, _ shape: RequestShape) -> String? {
    if value.isNull { return nil }
    switch shape {
    case .text, .choice:
      return value.kind == .string ? nil : scalar(value, as: "String")
    case .integer(_, _, let bits):
      // A fraction is cut off, as Java's `intValue` does.
      return value.kind == .number ? nil : scalar(value, as: bits == 64 ? "Long" : "Integer")
    case .number:
      return value.kind == .number ? nil : scalar(value, as: "Float")
    case .boolean:
      return value.kind == .bool ? nil : scalar(value, as: "Boolean")
    case .list(let element, _, _):
      guard let elements = value.array else {
        return value.kind == .object
          ? "Start of structure or map found where not expected."
          : "Unrecognized collection type class \(javaClass(value))"
      }
      for each in elements {
        if let problem = problem(each, element) { return problem }
      }
      return nil
    case .structure(_, let members):
      guard value.kind == .object else {
        return value.kind == .array
          ? "Unrecognized collection type class java.util.ArrayList" : "Unexpected value type in payload"
      }
      return problem(value, members)
    }
  }

  static func problem(_ body: JSON, _ members: [RequestMember]) -> String? {
    for member in members {
      if let value = body[member.name], let problem = problem(value, member.shape) { return problem }
    }
    return nil
  }

  private static func scalar(_ value: JSON, as type: String) -> String {
    switch value.kind {
    case .object: "Start of structure or map found where not expected."
    case .array: "Start of list found where not expected"
    case .null, .bool, .number, .string: "class \(javaClass(value)) can not be converted to an \(type)"
    }
  }

  private static func javaClass(_ value: JSON) -> String {
    switch value.kind {
    case .bool: "java.lang.Boolean"
    case .number: "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
    case .null, .string, .array, .object: "java.lang.String"
    }
  }
}

// MARK: - Constraints

/// Which constraints of its table a body breaks.
struct ConstraintCheck {
  private(set) var failures: [String] = []

  mutating func check(_ body: JSON, _ members: [RequestMember], path: String = "") {
    for member in members {
      let place = path + member.name
      guard let value = body[member.name], !value.isNull else {
        if member.isRequired { fail("", place, "not be null") }
        continue
      }
      check(value, member.shape, at: place)
    }
  }

  private mutating func check(_ value: JSON, _ shape: RequestShape, at place: String) {
    switch shape {
    case .text(let min, let max, let pattern, let isSensitive):
      let text = value.string ?? ""
      let shown = isSensitive ? "" : " '\(text)'"
      checkLength(text.utf16.count, min, max, shown, place)
      if let pattern, !pattern.matches(text) {
        fail(shown, place, "satisfy regular expression pattern: \(pattern.text)")
      }
    case .choice(let values):
      let text = value.string ?? ""
      if !values.contains(text) {
        fail(" '\(text)'", place, "satisfy enum value set: [\(values.joined(separator: ", "))]")
      }
    case .integer(let min, let max, _):
      let number = Self.integer(value)
      if number < min { fail(" '\(number)'", place, "have value greater than or equal to \(min)") }
      if number > max { fail(" '\(number)'", place, "have value less than or equal to \(max)") }
    case .number(let min, let max):
      let number = value.double ?? 0
      if number < min {
        fail(" '\(Float(number))'", place, "have value greater than or equal to \(Int(min))")
      }
      if number > max { fail(" '\(Float(number))'", place, "have value less than or equal to \(Int(max))") }
    case .boolean:
      break
    case .list(let element, let min, let max):
      let elements = value.array.map { Array($0) } ?? []
      checkLength(elements.count, min, max, " '\(Self.printed(value, shape))'", place)
      for (index, each) in elements.enumerated() { check(each, element, at: "\(place).\(index + 1).member") }
    case .structure(_, let members):
      check(value, members, path: place + ".")
    }
  }

  private mutating func checkLength(_ count: Int, _ min: Int, _ max: Int, _ shown: String, _ place: String) {
    if count < min { fail(shown, place, "have length greater than or equal to \(min)") }
    if count > max { fail(shown, place, "have length less than or equal to \(max)") }
  }

  private mutating func fail(_ shown: String, _ place: String, _ rule: String) {
    failures.append("Value\(shown) at '\(place)' failed to satisfy constraint: Member must \(rule)")
  }

  /// A JSON number as Java's `intValue` reads it.
  static func integer(_ value: JSON) -> Int {
    if let integer = value.int { return integer }
    guard let double = value.double else { return 0 }
    return Int(exactly: double.rounded(.towardZero)) ?? (double < 0 ? .min : .max)
  }

  /// A value as Java prints it: `[Tag(key=a, value=b)]`.
  static func printed(_ value: JSON, _ shape: RequestShape) -> String {
    if value.isNull { return "null" }
    switch shape {
    case .list(let element, _, _):
      return "[" + (value.array ?? JSON([]).array!).map { printed($0, element) }.joined(separator: ", ") + "]"
    case .structure(let name, let members):
      let texts = members.map { member in
        "\(member.name)=\(value[member.name].map { printed($0, member.shape) } ?? "null")"
      }
      return "\(name)(\(texts.joined(separator: ", ")))"
    case .text, .choice: return value.string ?? value.text
    case .integer: return "\(integer(value))"
    case .number, .boolean: return value.text
    }
  }
}
