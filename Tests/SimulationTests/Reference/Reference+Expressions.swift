import Stepmill

// JSONata states, as far as the generator makes them: a Pass that assigns, a Choice that asks
// whether something exists. Their expressions are names behind a variable.

extension Reference {
  func runExpressions(_ state: JSON, _ input: JSON, _ place: Place) throws -> (JSON, String?) {
    guard state["Type"]!.string! == "Choice" else {
      var assigned: JSON?
      if let assign = state["Assign"] {
        assigned = try withinLimit(try evaluate(assign, "Assign", input, place))
      }
      commit(assigned, place)
      return (input, state["Next"]?.string)
    }
    for rule in state["Choices"]!.array! {
      let condition = inner(rule["Condition"]!.string!)!
      let operand = String(condition.dropFirst("$exists(".count).dropLast())
      if value(operand, input, place) != nil { return (input, rule["Next"]!.string!) }
    }
    return (input, state["Default"]!.string!)
  }

  private func inner(_ text: String) -> String? {
    guard text.hasPrefix("{% "), text.hasSuffix(" %}") else { return nil }
    return String(text.dropFirst(3).dropLast(3))
  }

  private func evaluate(_ template: JSON, _ field: String, _ input: JSON, _ place: Place) throws -> JSON {
    if let members = template.object {
      return JSON(
        members: try members.map {
          (key: $0.key, value: try evaluate($0.value, "\(field)/\($0.key)", input, place))
        })
    }
    if let elements = template.array {
      return JSON(try elements.enumerated().map { try evaluate($1, "\(field)[\($0)]", input, place) })
    }
    guard let expression = template.string.flatMap(inner) else { return template }
    if let value = value(expression, input, place) { return value }
    throw Fault(
      error: "States.QueryEvaluationError",
      cause: .text(
        "An error occurred while executing the state '\(place.state)' (entered at the event id #N). The JSONata "
          + "expression '\(expression)' specified for the field '\(field)' returned nothing (undefined)."))
  }

  /// What an expression gives, or nil for nothing.
  private func value(_ expression: String, _ input: JSON, _ place: Place) -> JSON? {
    var names = expression.dropFirst().split(separator: ".").map(String.init)
    let root = names.removeFirst()
    guard root == "states" else { return place.scope.value(root).flatMap { walk($0, names) } }
    if names.removeFirst() == "input" { return walk(input, names) }
    switch names {
    case ["State", "Name"]: return JSON(place.state)
    case ["Execution", "Input", "a"]: return self.input["a"]
    case ["Map", "Item", "Index"]: return place.item.map { JSON($0.index) }
    default: return place.item?.value
    }
  }

  /// Names through objects, and through the elements of arrays, which become one sequence.
  private func walk(_ root: JSON, _ names: [String]) -> JSON? {
    var items = [root]
    var isReferenceOnly = true
    for (position, name) in names.enumerated() {
      if !isReferenceOnly || items[0].array != nil {
        items = items.flatMap { $0.array.map { Array($0) } ?? [$0] }
      }
      isReferenceOnly = false
      let found = items.flatMap { lookUp(name, $0) }
      if position == names.count - 1, found.count == 1, found[0].array != nil { return found[0] }
      items = found.flatMap { $0.array.map { Array($0) } ?? [$0] }
    }
    if names.isEmpty { return root }
    return items.isEmpty ? nil : items.count == 1 ? items[0] : JSON(items)
  }

  private func lookUp(_ name: String, _ value: JSON) -> [JSON] {
    if let elements = value.array {
      return elements.flatMap { lookUp(name, $0) }.flatMap { $0.array.map { Array($0) } ?? [$0] }
    }
    return value[name].map { [$0] } ?? []
  }
}
