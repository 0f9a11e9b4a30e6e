// Choice: rules in order, each a condition and where it leads.

extension ChoiceDefinition {
  static let fields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Assign", "Choices", "Default"],
    jsonPath: ["InputPath", "OutputPath"],
    jsonata: ["Output"], required: ["Choices"])
}

extension ChoiceRuleDefinition {
  static let conditions = ["And", "Or", "Not", "Variable", "Condition"]
  private static let jsonPathFields = ["And", "Or", "Not", "Variable"] + Comparator.fieldNames

  static let fields = FieldTable(
    ["Next", "Assign", "Comment"], jsonPath: jsonPathFields, jsonata: ["Condition", "Output"],
    required: ["Next"])
  /// Rules inside `And`, `Or` and `Not` lead nowhere.
  static let nestedFields = FieldTable(
    ["Comment"], jsonPath: jsonPathFields, jsonata: ["Condition"])
}

extension Comparator {
  /// Every field that compares, the `…Path` forms beside their plain ones.
  static let fieldNames: [String] = allCases.flatMap { comparator in
    comparator.hasPathForm ? [comparator.rawValue, comparator.rawValue + "Path"] : [comparator.rawValue]
  }

  /// What each of `fieldNames` compares by, and whether a path says with what.
  private static let fieldMeanings: [(comparator: Comparator, isPath: Bool)] = allCases.flatMap {
    comparator in
    comparator.hasPathForm ? [(comparator, false), (comparator, true)] : [(comparator, false)]
  }

  private static let indexOfName: NameIndex = {
    var table = NameIndex(minimumCapacity: fieldNames.count)
    for (index, name) in fieldNames.enumerated() { _ = table.insert(name, UInt32(index)) }
    return table
  }()

  fileprivate struct Field {
    var index: Int
    var operand: SyntaxNode
    var name: String { fieldNames[index] }
    var comparator: Comparator { fieldMeanings[index].comparator }
    var isPath: Bool { fieldMeanings[index].isPath }
  }

  /// Those of the fields that are written, in the order of `fieldNames`.
  fileprivate static func fields(in fields: ObjectFields) -> [Field] {
    var found: [Field] = []
    fields.forEachKnown { member in
      // No other field of a rule is as long as the shortest of these.
      guard member.name.utf8.count > 5, let index = indexOfName[member.name] else { return }
      found.append(Field(index: Int(index), operand: member.value))
    }
    return found.count < 2 ? found : found.sorted { $0.index < $1.index }
  }

  enum Operand {
    case string
    case number
    case boolean
    case timestamp
    case pattern
  }

  var operand: Operand {
    switch self {
    case .stringEquals, .stringLessThan, .stringGreaterThan, .stringLessThanEquals, .stringGreaterThanEquals:
      .string
    case .stringMatches: .pattern
    case .numericEquals, .numericLessThan, .numericGreaterThan, .numericLessThanEquals,
      .numericGreaterThanEquals:
      .number
    case .timestampEquals, .timestampLessThan, .timestampGreaterThan, .timestampLessThanEquals,
      .timestampGreaterThanEquals:
      .timestamp
    case .booleanEquals, .isNull, .isPresent, .isNumeric, .isString, .isBoolean, .isTimestamp: .boolean
    }
  }
}

extension DefinitionReader {
  func readChoice(_ fields: ObjectFields) -> ChoiceDefinition? {
    requireFields(in: fields)
    let defaultState = text("Default", in: fields)
    guard let elements = fields["Choices"].flatMap(nonEmptyArray) else { return nil }
    let rules = elements.compactMap { readRule($0, fields.language) }
    return rules.count == elements.count ? ChoiceDefinition(rules: rules, defaultState: defaultState) : nil
  }

  private func readRule(_ node: SyntaxNode, _ language: QueryLanguage) -> ChoiceRuleDefinition? {
    guard let fields = fields(of: node, ChoiceRuleDefinition.fields, language) else { return nil }
    let condition = readCondition(fields)
    requireFields(in: fields)
    let next = text("Next", in: fields)
    _ = text("Comment", in: fields)
    if let assign = fields["Assign"] { checkAssign(assign, language) }
    if let output = fields["Output"] { checkExpressions(in: output) }
    guard let condition, let next else { return nil }
    return ChoiceRuleDefinition(
      node: node, condition: condition, next: next, assign: fields["Assign"], output: fields["Output"])
  }

  private func readNestedRule(_ node: SyntaxNode, _ language: QueryLanguage) -> Condition? {
    guard let fields = fields(of: node, ChoiceRuleDefinition.nestedFields, language) else { return nil }
    _ = text("Comment", in: fields)
    return readCondition(fields)
  }

  private func readCondition(_ fields: ObjectFields) -> Condition? {
    let conditions = ChoiceRuleDefinition.conditions
    guard conditions.count(where: { fields.has($0) }) == 1 else {
      error(
        "The object must have only one of the following fields, [\(conditions.joined(separator: ", "))]",
        at: fields.node)
      return nil
    }
    if fields.has("Variable") { return readComparison(fields) }
    for field in Comparator.fields(in: fields) {
      error(
        "Field '\(field.name)' is not supported", at: fields.node, hint: "a comparison needs a `Variable`")
    }
    if let and = fields["And"] { return readConditions(and, fields.language).map { .and($0) } }
    if let or = fields["Or"] { return readConditions(or, fields.language).map { .or($0) } }
    if let not = fields["Not"] { return readNestedRule(not, fields.language).map { .not($0) } }
    return fields["Condition"].flatMap(readExpressionCondition)
  }

  private func readConditions(_ node: SyntaxNode, _ language: QueryLanguage) -> [Condition]? {
    guard let elements = nonEmptyArray(node) else { return nil }
    let conditions = elements.compactMap { readNestedRule($0, language) }
    return conditions.count == elements.count ? conditions : nil
  }

  private func readExpressionCondition(_ node: SyntaxNode) -> Condition? {
    if let value = node.boolean { return .literal(value) }
    guard let text = node.text else {
      expect("[STRING]", at: node)
      return nil
    }
    guard ExpressionText.isDelimited(text) else {
      error(ExpressionText.delimiterMessage, at: node)
      return nil
    }
    checkExpression(text, at: node)
    return .expression(Located(value: text, node: node))
  }

  // MARK: Comparisons

  private func readComparison(_ fields: ObjectFields) -> Condition? {
    let variable = referencePath("Variable", in: fields)
    let found = Comparator.fields(in: fields)
    guard let field = found.first else {
      error(
        "This object should have only one of the following fields: [\(Comparator.fieldNames.joined(separator: ", "))]",
        at: fields.node, hint: "a `Variable` needs something to compare it with")
      return nil
    }
    guard found.count == 1 else {
      error(
        "There should only be one of the following fields: [\(found.map(\.name).joined(separator: ", "))]",
        at: fields.node)
      return nil
    }
    // A field of the other query language has been reported.
    guard let variable, fields.language == .jsonPath else { return nil }
    if field.isPath {
      guard referencePath(field.name, in: fields) != nil else { return nil }
    } else {
      checkOperand(field.operand, field.comparator)
    }
    return .compare(
      Comparison(
        variable: variable, comparator: field.comparator, operand: field.operand,
        operandIsPath: field.isPath))
  }

  private func checkOperand(_ node: SyntaxNode, _ comparator: Comparator) {
    switch comparator.operand {
    case .boolean:
      if node.boolean == nil { expect("[BOOLEAN]", at: node) }
    case .number:
      guard case .number = node.kind else { return expect("[NUMBER]", at: node) }
    case .string, .pattern, .timestamp:
      guard let text = node.text else { return expect("[STRING]", at: node) }
      if comparator.operand == .timestamp { _ = checkTimestamp(Located(value: text, node: node)) }
      if comparator.operand == .pattern { checkPattern(text, node) }
    }
  }

  /// In a pattern a backslash stands before an asterisk or another backslash.
  private func checkPattern(_ text: String, _ node: SyntaxNode) {
    var isEscaped = false
    for byte in text.utf8 {
      if isEscaped {
        if byte != UInt8(ascii: "*"), byte != UInt8(ascii: "\\") { return lonelyBackslash(node) }
        isEscaped = false
      } else {
        isEscaped = byte == UInt8(ascii: "\\")
      }
    }
    if isEscaped { lonelyBackslash(node) }
  }

  private func lonelyBackslash(_ node: SyntaxNode) {
    error(
      "Value is not a valid pattern: a backslash must be followed by '*' or another backslash", at: node,
      hint: "JSON needs two backslashes for each one in the pattern")
  }
}
