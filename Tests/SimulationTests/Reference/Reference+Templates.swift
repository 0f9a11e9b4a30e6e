import Stepmill

extension Reference {
  /// Evaluates a payload template.
  func template(_ template: JSON, _ data: JSON, _ place: Place) throws -> JSON {
    if let elements = template.array {
      return JSON(try elements.map { try self.template($0, data, place) })
    }
    guard let members = template.object else { return template }
    var result: [(key: String, value: JSON)] = []
    // In source order, so that of two failures the first one counts.
    for (key, value) in members {
      if key.hasSuffix(".$") {
        result.append((String(key.dropLast(2)), try evaluate(value.string!, field: key, data, place)))
      } else {
        result.append((key, try self.template(value, data, place)))
      }
    }
    return JSON(members: result)
  }

  /// A path or an intrinsic call, as the value of a `.$` key.
  func evaluate(_ text: String, field: String, _ data: JSON, _ place: Place) throws -> JSON {
    if text.hasPrefix("States.") {
      var rest = Substring(text)
      return try call(&rest, data, place)
    }
    if let value = try select(text, data, place) { return value }
    let syntax = ReferencePathSyntax(text)
    switch syntax.root {
    case .data:
      if syntax.onlyLastIndexMisses(in: data) { return .null }
      throw runtime(
        "The JSONPath '\(text)' specified for the field '\(field)' could not be found in the input '\(data)'",
        place)
    case .variable(let name):
      if let root = place.scope.value(name), syntax.onlyLastIndexMisses(in: root) { return .null }
      throw runtime(nil, place)
    case .context:
      throw runtime(nil, place)
    }
  }

  // MARK: Intrinsic calls

  /// Reads and evaluates a call; `rest` is what follows it.
  private func call(_ rest: inout Substring, _ data: JSON, _ place: Place) throws -> JSON {
    let start = rest
    let name = rest.prefix { $0 != "(" }
    rest.removeFirst(name.count + 1)
    var arguments: [JSON] = []
    var missing: String?
    while rest.first != ")" {
      if rest.first == "," || rest.first == " " {
        rest.removeFirst()
      } else if rest.hasPrefix("States.") {
        arguments.append(try call(&rest, data, place))
      } else if rest.first == "'" {
        rest.removeFirst()
        let inside = rest.prefix { $0 != "'" }
        rest.removeFirst(inside.count + 1)
        arguments.append(JSON(String(inside)))
      } else {
        let word = String(rest.prefix { $0 != "," && $0 != ")" })
        rest.removeFirst(word.count)
        if word.first == "$" {
          if let value = try select(word, data, place) {
            arguments.append(value)
          } else if missing == nil {
            missing = word
            arguments.append(.null)
          }
        } else {
          arguments.append(try! JSON(parsing: word))
        }
      }
    }
    rest.removeFirst()
    let text = start.prefix(start.count - rest.count)
    if let missing {
      guard ReferencePathSyntax(missing).root == .data else { throw runtime(nil, place) }
      throw runtime(
        "The function '\(text)' had the following error: The JsonPath argument for the field '\(missing)' could not "
          + "be found in the input '\(data)'", place)
    }
    guard let value = Self.intrinsic(String(name), arguments) else {
      throw runtime(
        "There was an error while evaluating the intrinsic function: \(text). Invalid arguments in \(name)",
        place)
    }
    return value
  }

  /// The few functions that generated workflows call; nil where the arguments do not fit.
  static func intrinsic(_ name: String, _ arguments: [JSON]) -> JSON? {
    func number(_ index: Int) -> Int? {
      guard index < arguments.count, let value = arguments[index].double else { return nil }
      return Int((value + 0.5).rounded(.down))
    }
    switch name {
    case "States.MathAdd":
      guard arguments.count == 2, let a = number(0), let b = number(1) else { return nil }
      guard let a = Int32(exactly: a), let b = Int32(exactly: b) else { return nil }
      let (sum, overflow) = a.addingReportingOverflow(b)
      return overflow ? nil : JSON(sum)
    case "States.Array":
      return JSON(arguments)
    case "States.ArrayLength":
      return arguments.count == 1 ? arguments[0].array.map { JSON($0.count) } : nil
    case "States.ArrayGetItem":
      guard arguments.count == 2, let array = arguments[0].array, let index = arguments[1].int else {
        return nil
      }
      if array.isEmpty { return .null }
      return array.indices.contains(index) ? array[index] : nil
    case "States.ArrayRange":
      guard arguments.count == 3, let first = arguments[0].int, let last = arguments[1].int,
        let step = arguments[2].int, step != 0
      else { return nil }
      let numbers = Array(stride(from: first, through: last, by: step))
      return numbers.count > 1000 ? nil : JSON(numbers.map { JSON($0) })
    case "States.JsonToString":
      return arguments.count == 1 ? JSON(arguments[0].text) : nil
    case "States.StringToJson":
      guard arguments.count == 1, let text = arguments[0].string else { return nil }
      if text.allSatisfy({ $0 == " " }) { return .null }
      return try? JSON(parsing: text)
    case "States.JsonMerge":
      guard arguments.count == 3, let a = arguments[0].object, let b = arguments[1].object else { return nil }
      var merged = Array(a)
      for member in b {
        if let index = merged.firstIndex(where: { $0.key == member.key }) {
          merged[index] = member
        } else {
          merged.append(member)
        }
      }
      return JSON(members: merged)
    case "States.Format":
      guard let template = arguments.first?.string else { return nil }
      let pieces = template.split(separator: "{}", omittingEmptySubsequences: false)
      guard pieces.count == arguments.count else { return nil }
      var result = String(pieces[0])
      for (piece, value) in zip(pieces.dropFirst(), arguments.dropFirst()) {
        result += javaText(value) + piece
      }
      return JSON(result)
    default:
      preconditionFailure("the reference does not know \(name)")
    }
  }

  /// How Java prints a value: lists and maps in its own notation, strings as they are.
  private static func javaText(_ value: JSON) -> String {
    if let elements = value.array { return "[" + elements.map(javaText).joined(separator: ", ") + "]" }
    if let members = value.object {
      return "{" + members.map { "\($0.key)=\(javaText($0.value))" }.joined(separator: ", ") + "}"
    }
    return value.string ?? value.text
  }

  // MARK: Choice

  func holds(_ rule: JSON, _ data: JSON, _ place: Place) throws -> Bool {
    if let all = rule["And"]?.array {
      for rule in all where !(try holds(rule, data, place)) { return false }
      return true
    }
    if let any = rule["Or"]?.array {
      for rule in any where try holds(rule, data, place) { return true }
      return false
    }
    if let not = rule["Not"] { return !(try holds(not, data, place)) }

    let path = rule["Variable"]!.string!
    let (name, operand) = rule.object!.first { !["Variable", "Next", "Assign", "Comment"].contains($0.key) }!
    let value = try select(path, data, place)
    if name == "IsPresent" { return (value != nil) == operand.bool! }
    func missing(_ path: String) -> Fault {
      runtime("Invalid path '\(path)': The choice state's condition path references an invalid value.", place)
    }
    guard let value else { throw missing(path) }
    switch name {
    case "IsNull": return value.isNull == operand.bool!
    case "IsString": return (value.kind == .string) == operand.bool!
    case "IsNumeric": return (value.kind == .number) == operand.bool!
    case "IsBoolean": return (value.kind == .bool) == operand.bool!
    case "StringMatches":
      guard let text = value.string else { return false }
      return Self.fits(Array(text.utf8)[...], Array(operand.string!.utf8)[...])
    default: break
    }
    var right = operand
    var comparison = name
    if name.hasSuffix("Path") {
      comparison = String(name.dropLast(4))
      guard let selected = try select(operand.string!, data, place) else { throw missing(operand.string!) }
      right = selected
    }
    if comparison == "BooleanEquals" { return value.bool != nil && value.bool == right.bool }
    var order: Int?
    if comparison.hasPrefix("Numeric"), let a = value.double, let b = right.double {
      order = a < b ? -1 : a > b ? 1 : 0
    } else if comparison.hasPrefix("String"), let a = value.string, let b = right.string {
      order = a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : a == b ? 0 : 1
    }
    guard let order else { return false }
    switch comparison.drop(while: { $0 != "E" && $0 != "L" && $0 != "G" }) {
    case "Equals": return order == 0
    case "LessThan": return order < 0
    case "GreaterThan": return order > 0
    case "LessThanEquals": return order <= 0
    case "GreaterThanEquals": return order >= 0
    default: preconditionFailure("the reference does not know \(name)")
    }
  }

  private static func fits(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == UInt8(ascii: "*") {
      return (text.startIndex...text.endIndex).contains { fits(text[$0...], pattern.dropFirst()) }
    }
    return text.first == first && fits(text.dropFirst(), pattern.dropFirst())
  }
}
