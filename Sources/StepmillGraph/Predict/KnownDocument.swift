import Stepmill

// What is known of the data at some place of a workflow, given a sample of its input: a
// document, some parts of which are not known since tasks have written them.

package enum KnownDocument: Sendable, Equatable {
  case unknown
  case known(JSON, holes: [[Step]])

  package enum Step: Sendable, Hashable {
    case name(String)
    case index(Int)
  }

  enum Answer {
    case unknown
    case missing
    case value(JSON)
  }

  var document: JSON? {
    if case .known(let json, let holes) = self, holes.isEmpty { return json }
    return nil
  }

  /// Where two ways meet.
  func joined(with other: KnownDocument) -> KnownDocument { self == other ? self : .unknown }

  // MARK: Paths

  /// What a path of names and indexes leads to. Paths that select are not followed.
  func answer(_ path: String) -> Answer {
    guard case .known(let json, let holes) = self, let steps = Self.steps(path) else { return .unknown }
    for hole in holes where hole.starts(with: steps) || steps.starts(with: hole) { return .unknown }
    var value = json
    for step in steps {
      let next =
        switch step {
        case .name(let name): value[name]
        case .index(let index): value[index]
        }
      guard let next else { return .missing }
      value = next
    }
    return .value(value)
  }

  func part(_ path: String) -> KnownDocument {
    if case .value(let json) = answer(path) { return .known(json, holes: []) }
    return .unknown
  }

  /// With something else at a reference path.
  func setting(_ path: String, to part: KnownDocument) -> KnownDocument {
    guard case .known(let json, var holes) = self, let steps = Self.steps(path), !steps.isEmpty else {
      return .unknown
    }
    guard let value = part.document else {
      if !holes.contains(steps) { holes.append(steps) }
      return .known(json, holes: holes)
    }
    guard !holes.contains(where: { $0.starts(with: steps) || steps.starts(with: $0) }),
      let result = Self.replace(json, steps[...], value)
    else { return .unknown }
    return .known(result, holes: holes)
  }

  private static func replace(_ json: JSON, _ steps: ArraySlice<Step>, _ value: JSON) -> JSON? {
    guard let step = steps.first else { return value }
    guard case .name(let name) = step, json.kind == .object || json.isNull else { return nil }
    guard let part = replace(json[name] ?? .null, steps.dropFirst(), value) else { return nil }
    var json = json
    json[name] = part
    return json
  }

  /// `$.a['b'][0]`; nil for everything else.
  static func steps(_ path: String) -> [Step]? {
    var rest = Substring(path)
    guard rest.popFirst() == "$" else { return nil }
    var steps: [Step] = []
    while let sign = rest.popFirst() {
      if sign == "." {
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
        guard !name.isEmpty else { return nil }
        steps.append(.name(String(name)))
        rest = rest.dropFirst(name.count)
      } else if sign == "[", let end = rest.firstIndex(of: "]") {
        let inside = rest[..<end]
        rest = rest[rest.index(after: end)...]
        if let index = Int(inside), index >= 0 {
          steps.append(.index(index))
        } else if let quote = inside.first, quote == "'" || quote == "\"", inside.count >= 2,
          inside.last == quote, !inside.contains("\\")
        {
          steps.append(.name(String(inside.dropFirst().dropLast())))
        } else {
          return nil
        }
      } else {
        return nil
      }
    }
    return steps
  }

  // MARK: Conditions

  /// Whether a condition holds; nil if that is not known.
  func holds(_ condition: DefinitionOutline.Condition) -> Bool? {
    switch condition {
    case .literal(let value): return value
    case .expression: return nil
    case .not(let part): return holds(part).map { !$0 }
    case .and(let parts):
      var isKnown = true
      for part in parts {
        guard let holds = holds(part) else {
          isKnown = false
          continue
        }
        if !holds { return false }
      }
      return isKnown ? true : nil
    case .or(let parts):
      var isKnown = true
      for part in parts {
        guard let holds = holds(part) else {
          isKnown = false
          continue
        }
        if holds { return true }
      }
      return isKnown ? false : nil
    case .compare(let variable, let comparator, let operand):
      return compare(variable, comparator, operand)
    }
  }

  private func compare(
    _ variable: String, _ comparator: String, _ operand: DefinitionOutline.Operand
  ) -> Bool? {
    let answer = answer(variable)
    if comparator == "IsPresent", case .value(let wanted) = operand {
      switch answer {
      case .unknown: return nil
      case .missing: return wanted.bool == false
      case .value: return wanted.bool == true
      }
    }
    // A path that leads nowhere fails the execution; that is no decision.
    guard case .value(let value) = answer else { return nil }
    var other: JSON
    switch operand {
    case .value(let json): other = json
    case .path(let path):
      guard case .value(let json) = self.answer(path) else { return nil }
      other = json
    }
    switch comparator {
    case "IsNull": return value.isNull == other.bool
    case "IsNumeric": return (value.kind == .number) == other.bool
    case "IsString": return (value.kind == .string) == other.bool
    case "IsBoolean": return (value.kind == .bool) == other.bool
    case "BooleanEquals": return value.bool != nil && value.bool == other.bool
    default: break
    }
    if comparator.hasPrefix("Numeric") {
      guard let left = value.double, let right = other.double else { return false }
      return Self.order(left, right, comparator)
    }
    if comparator.hasPrefix("String"), comparator != "StringMatches" {
      guard let left = value.string, let right = other.string else { return false }
      // Swift and Java order other texts differently.
      guard left.utf8.allSatisfy({ $0 < 0x80 }), right.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
      return Self.order(left, right, comparator)
    }
    return nil
  }

  private static func order<Value: Comparable>(_ left: Value, _ right: Value, _ comparator: String) -> Bool {
    if comparator.hasSuffix("LessThanEquals") { return left <= right }
    if comparator.hasSuffix("GreaterThanEquals") { return left >= right }
    if comparator.hasSuffix("LessThan") { return left < right }
    if comparator.hasSuffix("GreaterThan") { return left > right }
    return left == right
  }
}
