// The yardstick for expressions: an evaluator as one writes it first, walking a tree of cases
// over values that are cases. No tricks, and no follies either: names are looked up in
// dictionaries, patterns are compiled once, arrays are not copied needlessly.

/// A JSON value.
public indirect enum TreeValue: Equatable, Sendable {
  case undefined
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([TreeValue])
  case object([String: TreeValue])

  var isTrue: Bool {
    switch self {
    case .undefined, .null: false
    case .bool(let value): value
    case .number(let value): value != 0
    case .string(let value): !value.isEmpty
    case .array(let values): values.contains(where: \.isTrue)
    case .object(let members): !members.isEmpty
    }
  }
}

/// A pattern, compiled. The standard library's type is not marked as safe to share; nobody
/// changes one here.
public struct TreePattern: @unchecked Sendable {
  let regex: Regex<AnyRegexOutput>

  public init(_ text: String) throws { regex = try Regex(text) }
}

/// An expression as a parser would hand it over.
public indirect enum TreeExpression: Sendable {
  public enum Operator: Sendable {
    case add, multiply, greater, equal, and, concatenate
  }

  case literal(TreeValue)
  case pattern(TreePattern)
  case context
  case variable(String)
  case name(String)
  case path([TreeExpression])
  case filter(TreeExpression, TreeExpression)
  case binary(Operator, TreeExpression, TreeExpression)
  case array([TreeExpression])
  case object([(TreeExpression, TreeExpression)])
  case group(TreeExpression, TreeExpression, TreeExpression)
  case call(String, [TreeExpression])
}

public enum TreeError: Error {
  case type(String)
}

/// Evaluates expressions, with variables by name.
public struct TreeWalker: Sendable {
  typealias Function = @Sendable ([TreeValue], TreePattern?) throws -> TreeValue

  let variables: [String: TreeValue]
  let functions: [String: Function]

  public init(variables: [String: TreeValue]) {
    self.variables = variables
    functions = treeFunctions
  }

  public func evaluate(_ expression: TreeExpression, _ context: TreeValue) throws -> TreeValue {
    switch expression {
    case .literal(let value): return value
    case .pattern: throw TreeError.type("a pattern is an argument only")
    case .context: return context
    case .variable(let name): return variables[name] ?? .undefined
    case .name(let name): return lookUp(name, context)
    case .path(let steps): return try path(steps, context)
    case .filter(let inner, let predicate): return try filter(inner, predicate, context)
    case .binary(let symbol, let left, let right): return try binary(symbol, left, right, context)
    case .array(let items):
      var result: [TreeValue] = []
      for item in items {
        let value = try evaluate(item, context)
        if value != .undefined { result.append(value) }
      }
      return .array(result)
    case .object(let pairs):
      var result: [String: TreeValue] = [:]
      for (key, value) in pairs {
        guard case .string(let name) = try evaluate(key, context) else { throw TreeError.type("key") }
        let value = try evaluate(value, context)
        if value != .undefined { result[name] = value }
      }
      return .object(result)
    case .group(let items, let key, let value): return try group(items, key, value, context)
    case .call(let name, let arguments): return try call(name, arguments, context)
    }
  }

  private func lookUp(_ name: String, _ value: TreeValue) -> TreeValue {
    switch value {
    case .object(let members): return members[name] ?? .undefined
    case .array(let values):
      var result: [TreeValue] = []
      for value in values { append(lookUp(name, value), to: &result) }
      return collapse(result)
    default: return .undefined
    }
  }

  private func append(_ value: TreeValue, to result: inout [TreeValue]) {
    switch value {
    case .undefined: break
    case .array(let values): result += values
    default: result.append(value)
    }
  }

  private func collapse(_ values: [TreeValue]) -> TreeValue {
    switch values.count {
    case 0: .undefined
    case 1: values[0]
    default: .array(values)
    }
  }

  private func path(_ steps: [TreeExpression], _ context: TreeValue) throws -> TreeValue {
    var current = try evaluate(steps[0], context)
    for step in steps.dropFirst() {
      guard case .array(let items) = current else {
        if current == .undefined { return .undefined }
        current = try evaluate(step, current)
        continue
      }
      var result: [TreeValue] = []
      for item in items { append(try evaluate(step, item), to: &result) }
      current = collapse(result)
    }
    return current
  }

  private func filter(
    _ inner: TreeExpression, _ predicate: TreeExpression, _ context: TreeValue
  ) throws -> TreeValue {
    let value = try evaluate(inner, context)
    guard case .array(let items) = value else {
      return try evaluate(predicate, value).isTrue ? value : .undefined
    }
    return collapse(try items.filter { try evaluate(predicate, $0).isTrue })
  }

  private func binary(
    _ symbol: TreeExpression.Operator, _ left: TreeExpression, _ right: TreeExpression, _ context: TreeValue
  ) throws -> TreeValue {
    let first = try evaluate(left, context)
    if symbol == .and { return .bool(try first.isTrue && evaluate(right, context).isTrue) }
    let second = try evaluate(right, context)
    switch (symbol, first, second) {
    case (.equal, .undefined, _), (.equal, _, .undefined): return .bool(false)
    case (.equal, _, _): return .bool(first == second)
    case (.concatenate, _, _): return .string(try text(first) + text(second))
    case (_, .undefined, _), (_, _, .undefined): return .undefined
    case (.add, .number(let a), .number(let b)): return .number(a + b)
    case (.multiply, .number(let a), .number(let b)): return .number(a * b)
    case (.greater, .number(let a), .number(let b)): return .bool(a > b)
    case (.greater, .string(let a), .string(let b)): return .bool(a > b)
    default: throw TreeError.type("operands")
    }
  }

  private func text(_ value: TreeValue) throws -> String {
    switch value {
    case .undefined: return ""
    case .string(let text): return text
    case .number(let number): return number == number.rounded() ? String(Int(number)) : String(number)
    case .bool(let value): return value ? "true" : "false"
    default: throw TreeError.type("text")
    }
  }

  private func group(
    _ items: TreeExpression, _ key: TreeExpression, _ value: TreeExpression, _ context: TreeValue
  ) throws -> TreeValue {
    let all = try evaluate(items, context)
    var groups: [String: [TreeValue]] = [:]
    let list = if case .array(let items) = all { items } else { [all] }
    for item in list {
      guard case .string(let name) = try evaluate(key, item) else { throw TreeError.type("key") }
      groups[name, default: []].append(item)
    }
    var result: [String: TreeValue] = [:]
    for (name, items) in groups { result[name] = try evaluate(value, collapse(items)) }
    return .object(result)
  }

  private func call(
    _ name: String, _ arguments: [TreeExpression], _ context: TreeValue
  ) throws -> TreeValue {
    guard let function = functions[name] else { throw TreeError.type(name) }
    var values: [TreeValue] = []
    var pattern: TreePattern?
    for argument in arguments {
      if case .pattern(let compiled) = argument {
        pattern = compiled
      } else {
        values.append(try evaluate(argument, context))
      }
    }
    return try function(values, pattern)
  }
}
