// Map: a machine for each item. The fields of distributed Maps are checked in
// `MapRules.swift`.

extension MapDefinition {
  static let fields = FieldTable(
    [
      "Type", "Comment", "QueryLanguage", "Next", "End", "Assign", "Retry", "Catch", "ItemProcessor",
      "Iterator",
      "ItemSelector", "MaxConcurrency", "ItemReader", "ItemBatcher", "ResultWriter", "Label",
      "ToleratedFailureCount", "ToleratedFailurePercentage",
    ],
    jsonPath: [
      "InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath", "ItemsPath",
      "MaxConcurrencyPath",
      "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
    ],
    jsonata: ["Items", "Output"],
    ranges: [
      ("MaxConcurrency", FieldRange(0)), ("ToleratedFailureCount", FieldRange(0)),
      ("ToleratedFailurePercentage", FieldRange(0, 100)),
    ])
}

extension DefinitionReader {
  static let processorFields = FieldTable(
    ["StartAt", "States", "Comment", "ProcessorConfig"], required: machineRequired)
  static let configFields = FieldTable(
    ["Mode", "ExecutionType"],
    choices: [("Mode", ["INLINE", "DISTRIBUTED"]), ("ExecutionType", ["STANDARD", "EXPRESS"])])

  private struct Processor {
    var machine: Machine?
    var isDistributed = false
    var isExpress = false
    var mode: SyntaxNode?
  }

  func readMap(_ fields: ObjectFields) -> MapDefinition? {
    let itemsPath = readItemsPath(fields)
    if let items = fields["Items"] { checkItems(items) }
    exclude(["ItemSelector", "Parameters"], in: fields)
    let selector = template("ItemSelector", in: fields) ?? template("Parameters", in: fields)
    let maxConcurrency = number("MaxConcurrency", in: fields)
    let failureCount = number("ToleratedFailureCount", in: fields)
    let failurePercentage = readPercentage(fields)
    let label = readLabel(fields)
    if let reader = fields["ItemReader"] { checkItemReader(reader, fields.language) }
    if let batcher = fields["ItemBatcher"] { checkItemBatcher(batcher, fields.language) }
    if let writer = fields["ResultWriter"] { checkResultWriter(writer, fields.language) }
    requireOne(of: ["ItemProcessor", "Iterator"], in: fields)
    guard let processor = (fields["ItemProcessor"] ?? fields["Iterator"]).flatMap(readProcessor),
      let machine = processor.machine
    else { return nil }
    return MapDefinition(
      processor: machine, isDistributed: processor.isDistributed, mode: processor.mode, itemsPath: itemsPath,
      items: fields["Items"], itemSelector: selector, maxConcurrency: maxConcurrency, label: label,
      itemReader: fields["ItemReader"], itemBatcher: fields["ItemBatcher"],
      resultWriter: fields["ResultWriter"],
      toleratedFailureCount: failureCount, toleratedFailurePercentage: failurePercentage)
  }

  private func readItemsPath(_ fields: ObjectFields) -> PathField {
    referencePath("ItemsPath", in: fields).map { .path($0) } ?? .absent
  }

  /// Unlike every other number of a Map, this one may have a fraction.
  private func readPercentage(_ fields: ObjectFields) -> SyntaxNode? {
    let name = "ToleratedFailurePercentage"
    if let node = fields[name], case .number(let text) = node.kind, let value = Double(text) {
      guard exclude([name, name + "Path"], in: fields) else { return nil }
      let range = range(of: name, fields)
      let isAbove = range.maximum.map { value > Double($0) } ?? false
      return inRange(value < Double(range.minimum), isAbove, range, node) ? node : nil
    }
    switch number(name, in: fields) {
    case .literal(let number): return number.node
    case .path(let text), .expression(let text): return text.node
    case nil: return nil
    }
  }

  private func checkItems(_ node: SyntaxNode) {
    switch node.kind {
    case .array, .object: checkExpressions(in: node)
    case .string(let text):
      if ExpressionText.isDelimited(text) {
        checkExpression(text, at: node)
      } else {
        error(ExpressionText.delimiterMessage, at: node)
      }
    case .null, .bool, .number: expect("[ARRAY]", at: node)
    }
  }

  private func readProcessor(_ node: SyntaxNode) -> Processor? {
    guard let fields = fields(of: node, Self.processorFields, .jsonPath) else { return nil }
    _ = text("Comment", in: fields)
    var processor = Processor()
    if let config = fields["ProcessorConfig"] { readConfig(config, &processor) }
    if processor.isExpress, !isExpress {
      processor.machine = asExpress { readMachine(fields, isIsolated: true) }
    } else {
      processor.machine = readMachine(fields, isIsolated: processor.isDistributed)
    }
    return processor
  }

  private func readConfig(_ node: SyntaxNode, _ processor: inout Processor) {
    guard let fields = fields(of: node, Self.configFields, .jsonPath) else { return }
    let mode = choice("Mode", in: fields)
    processor.mode = fields["Mode"]
    processor.isDistributed = mode == "DISTRIBUTED"
    if processor.isDistributed {
      require(["ExecutionType"], in: fields)
      processor.isExpress = choice("ExecutionType", in: fields) == "EXPRESS"
      if isExpress, let place = processor.mode {
        error(
          "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines",
          at: place)
      }
    } else if fields.has("ExecutionType"), mode != nil || !fields.has("Mode") {
      error(
        "Field 'ExecutionType' is not supported", at: node, hint: "it belongs to `\"Mode\": \"DISTRIBUTED\"`")
    }
  }
}
