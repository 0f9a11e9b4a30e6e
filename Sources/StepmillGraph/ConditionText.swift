import Stepmill

// Choice rules in words: what a person would write at an arrow.

enum ConditionText {
  /// Longer texts say nothing more at an arrow.
  private static let charactersMax = 240

  static func text(_ condition: DefinitionOutline.Condition) -> String {
    var budget = charactersMax
    return text(condition, isInner: false, &budget)
  }

  private static func text(
    _ condition: DefinitionOutline.Condition, isInner: Bool, _ budget: inout Int
  ) -> String {
    guard budget > 0 else { return "…" }
    switch condition {
    case .and(let parts): return join(parts, "and", isInner, &budget)
    case .or(let parts): return join(parts, "or", isInner, &budget)
    case .not(let part): return negation(of: part, &budget)
    case .compare(let variable, let comparator, let operand):
      let text = comparison(variable, comparator, operand, isNegated: false)
      budget -= text.count
      return text
    case .expression(let text):
      let text = expression(text)
      budget -= text.count
      return text
    case .literal(let value): return value ? "always" : "never"
    }
  }

  private static func join(
    _ parts: [DefinitionOutline.Condition], _ word: String, _ isInner: Bool, _ budget: inout Int
  ) -> String {
    if let text = presence(parts, word) ?? alternatives(parts, word) { return text }
    var texts: [String] = []
    for part in parts {
      guard budget > 0 else {
        texts.append("…")
        break
      }
      texts.append(text(part, isInner: parts.count > 1, &budget))
    }
    let text = texts.joined(separator: " \(word) ")
    return isInner && texts.count > 1 ? "(\(text))" : text
  }

  /// `x is present and x is y` is just `x is y`.
  private static func presence(_ parts: [DefinitionOutline.Condition], _ word: String) -> String? {
    guard word == "and", parts.count == 2,
      case .compare(let first, "IsPresent", .value(let present)) = parts[0], present.bool == true,
      case .compare(let second, let comparator, let operand) = parts[1], first == second
    else { return nil }
    return comparison(second, comparator, operand, isNegated: false)
  }

  /// `x is 1 or x is 2` says x once.
  private static func alternatives(_ parts: [DefinitionOutline.Condition], _ word: String) -> String? {
    guard word == "or", parts.count > 1, parts.count <= 6 else { return nil }
    guard case .compare(let name, let sign, _) = parts[0],
      ["StringEquals", "NumericEquals", "StringMatches"].contains(sign)
    else { return nil }
    var values: [String] = []
    for part in parts {
      guard case .compare(name, sign, .value(let value)) = part else { return nil }
      values.append(short(value.text))
    }
    return "\(short(path: name)) \(self.sign(sign, false)) \(values.joined(separator: " or "))"
  }

  private static func short(_ value: String) -> String {
    value.count <= 40 ? value : value.prefix(38) + "…" + (value.hasSuffix("\"") ? "\"" : "")
  }

  private static func negation(of part: DefinitionOutline.Condition, _ budget: inout Int) -> String {
    if case .compare(let variable, let comparator, let operand) = part {
      let text = comparison(variable, comparator, operand, isNegated: true)
      budget -= text.count
      return text
    }
    return "not " + text(part, isInner: true, &budget)
  }

  private static func comparison(
    _ variable: String, _ comparator: String, _ operand: DefinitionOutline.Operand, isNegated: Bool
  ) -> String {
    let name = short(path: variable)
    if comparator.hasPrefix("Is"), case .value(let value) = operand {
      let isTrue = (value.bool ?? true) != isNegated
      return "\(name) is \(isTrue ? "" : "not ")\(kind(comparator))"
    }
    var value: String
    switch operand {
    case .path(let path): value = short(path: path)
    case .value(let json): value = comparator.hasPrefix("Timestamp") ? json.string ?? json.text : json.text
    }
    value = short(value)
    if comparator == "BooleanEquals", value == "true" || value == "false" {
      return (value == "true") != isNegated ? name : "not \(name)"
    }
    return "\(name) \(sign(comparator, isNegated)) \(value)"
  }

  private static func kind(_ comparator: String) -> String {
    switch comparator {
    case "IsPresent": "present"
    case "IsNull": "null"
    case "IsNumeric": "a number"
    case "IsString": "text"
    case "IsBoolean": "true or false"
    default: "a time"
    }
  }

  private static func sign(_ comparator: String, _ isNegated: Bool) -> String {
    let isTime = comparator.hasPrefix("Timestamp")
    if comparator == "StringMatches" { return isNegated ? "is not like" : "is like" }
    if comparator.hasSuffix("LessThanEquals") {
      return isTime ? (isNegated ? "after" : "not after") : (isNegated ? ">" : "≤")
    }
    if comparator.hasSuffix("GreaterThanEquals") {
      return isTime ? (isNegated ? "before" : "not before") : (isNegated ? "<" : "≥")
    }
    if comparator.hasSuffix("LessThan") {
      return isTime ? (isNegated ? "not before" : "before") : (isNegated ? "≥" : "<")
    }
    if comparator.hasSuffix("GreaterThan") {
      return isTime ? (isNegated ? "not after" : "after") : (isNegated ? "≤" : ">")
    }
    return isNegated ? "≠" : "="
  }

  /// `$.order.total` is `order.total` at an arrow; `$` alone is the input.
  static func short(path: String) -> String {
    if path == "$" { return "input" }
    if path.hasPrefix("$$.") { return String(path.dropFirst(3)) }
    if path.hasPrefix("$.") { return String(path.dropFirst(2)) }
    if path.hasPrefix("$[") { return "input" + path.dropFirst() }
    return path
  }

  /// A JSONata expression without its braces, its input called by what is in it.
  static func expression(_ text: String) -> String {
    var body = Substring(text)
    if body.hasPrefix("{%") { body = body.dropFirst(2) }
    if body.hasSuffix("%}") { body = body.dropLast(2) }
    var result = ""
    var rest = body
    while let found = find("$states.input.", in: rest) {
      result += rest[..<found.lowerBound]
      rest = rest[found.upperBound...]
    }
    result += rest
    result = TextMetrics.readable(result)
    return result.count > 120 ? result.prefix(118) + "…" : result
  }

  private static func find(_ needle: String, in text: Substring) -> Range<Substring.Index>? {
    var start = text.startIndex
    while let dollar = text[start...].firstIndex(of: "$") {
      if text[dollar...].hasPrefix(needle) {
        return dollar..<text.index(dollar, offsetBy: needle.count)
      }
      start = text.index(after: dollar)
    }
    return nil
  }
}
