import Stepmill

// Whether a mocked result looks like what its service answers.
//
// `MockShapes` holds what is known of the services' responses, in a short notation. What is not
// known is not checked; members that a response does not have always pass.

enum MockRules {
  /// - Parameter mode: `STRICT` asks for what is required too, `PRESENT` checks what is there,
  ///   `NONE` nothing.
  static func check(_ result: JSON, of resource: TaskResourceName, mode: String) throws(APIError) {
    guard resource.service != "function", resource.service != "activity", mode != "NONE" else { return }
    guard resource.service != "", resource.service != "http" else { return }
    guard result.kind == .object else { throw .validation("Mocked result must be a valid JSON object.") }
    guard resource.service != "apigateway", resource.pattern != .callback,
      !(resource.service == "eks" && ["call", "runJob"].contains(resource.action)),
      let shape = MockShapes.response(of: resource)
    else { return }
    if let problem = problem(result, shape, name: "", isStrict: mode == "STRICT") {
      throw .validation("Mock result schema validation error: \(problem)")
    }
  }

  private static func problem(_ value: JSON, _ shape: MockShape, name: String, isStrict: Bool) -> String? {
    switch shape {
    case .any:
      return nil
    case .text(let min, let values):
      guard let text = value.string else { return "Field '\(name)' must be a string" }
      if text.utf16.count < min { return "Field '\(name)' is smaller than the minimum length" }
      if !values.isEmpty, !values.contains(text) { return "Field '\(name)' is not an expected value" }
      return nil
    case .number(let min, let max):
      guard let number = value.double, value.kind == .number else {
        return "Field '\(name)' must be a number"
      }
      if let min, number < min { return "Field '\(name)' is less than the minimum value" }
      if let max, number > max { return "Field '\(name)' exceeds the maximum value" }
      return nil
    case .flag:
      return value.kind == .bool ? nil : "Field '\(name)' must be a boolean"
    case .list(let element):
      guard let elements = value.array else { return "Field '\(name)' must be an array" }
      for each in elements {
        if let problem = problem(each, element, name: name, isStrict: isStrict) { return problem }
      }
      return nil
    case .map(let element):
      guard let members = value.object else { return "Field '\(name)' must be an object" }
      for member in members {
        if let problem = problem(member.value, element, name: member.key, isStrict: isStrict) {
          return problem
        }
      }
      return nil
    case .object(let members):
      guard value.kind == .object else { return "Field '\(name)' must be an object" }
      for member in members {
        guard let given = value[member.name], !given.isNull else {
          if isStrict && member.isRequired { return "Required field '\(member.name)' is missing" }
          continue
        }
        if let problem = problem(given, member.shape, name: member.name, isStrict: isStrict) {
          return problem
        }
      }
      return nil
    }
  }
}

/// What a value of a service's response is.
indirect enum MockShape: Sendable {
  case any
  case text(min: Int, values: [String])
  case number(min: Double?, max: Double?)
  case flag
  case list(MockShape)
  case map(MockShape)
  case object([Member])

  struct Member: Sendable {
    let name: String
    let shape: MockShape
    let isRequired: Bool

    /// The models have moments as texts without bounds.
    fileprivate var isMoment: Bool {
      guard case .text(min: 0, values: []) = shape else { return false }
      return ["At", "On", "Time"].contains { name.hasSuffix($0) }
    }
  }

  /// Reads the notation of `MockShapes`:
  ///
  ///     s      text          s1      text of at least one character     s(A|B)  one of these
  ///     n      number        n(0,9)  number in a range                  b       boolean
  ///     [x]    list of x     <x>     map to x                           {A=x,B!=y} object, B required
  ///     *      anything      @Name   the shape of that name
  init(_ text: String) {
    var rest = Substring(text)
    self = MockShape.read(&rest)
  }

  /// The shape of a member, or of the elements of one that is a list.
  func part(_ name: String) -> MockShape? {
    guard case .object(let members) = self, let member = members.first(where: { $0.name == name }) else {
      return nil
    }
    if case .list(let element) = member.shape { return element }
    return member.shape
  }

  /// The same without what says when something was.
  var withoutMoments: MockShape {
    switch self {
    case .any, .text, .number, .flag: self
    case .list(let element): .list(element.withoutMoments)
    case .map(let element): .map(element.withoutMoments)
    case .object(let members):
      .object(
        members.filter { !$0.isMoment }
          .map { Member(name: $0.name, shape: $0.shape.withoutMoments, isRequired: $0.isRequired) })
    }
  }

  private static func read(_ text: inout Substring) -> MockShape {
    guard let mark = text.popFirst() else { return .any }
    switch mark {
    case "s":
      var min = 0
      if let digit = text.first, let number = digit.wholeNumberValue {
        min = number
        text.removeFirst()
      }
      guard text.first == "(" else { return .text(min: min, values: []) }
      return .text(min: min, values: arguments(&text).split(separator: "|").map(String.init))
    case "n":
      guard text.first == "(" else { return .number(min: nil, max: nil) }
      let bounds = arguments(&text).split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      return .number(min: bounds.first ?? nil, max: bounds.count > 1 ? bounds[1] : nil)
    case "b": return .flag
    case "[":
      let element = read(&text)
      text = text.dropFirst()
      return .list(element)
    case "<":
      let element = read(&text)
      text = text.dropFirst()
      return .map(element)
    case "{":
      var members: [Member] = []
      while let next = text.first, next != "}" {
        if next == "," { text.removeFirst() }
        let name = text.prefix { $0 != "=" && $0 != "!" }
        text = text.dropFirst(name.count)
        let isRequired = text.first == "!"
        text = text.dropFirst(isRequired ? 2 : 1)
        members.append(Member(name: String(name), shape: read(&text), isRequired: isRequired))
      }
      text = text.dropFirst()
      return .object(members)
    case "@":
      let name = text.prefix { $0.isLetter }
      text = text.dropFirst(name.count)
      return MockShapes.shared(name)
    default: return .any
    }
  }

  /// What stands in the brackets at the beginning of `text`.
  private static func arguments(_ text: inout Substring) -> Substring {
    let inside = text.dropFirst().prefix { $0 != ")" }
    text = text.dropFirst(inside.count + 2)
    return inside
  }
}
