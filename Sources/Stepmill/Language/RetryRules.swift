// Retriers and catchers: lists that are tried in order, on Task, Parallel and Map.

extension RetrierDefinition {
  static let fields = FieldTable(
    [
      "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy",
      "Comment",
    ],
    required: ["ErrorEquals"], choices: [("JitterStrategy", ["NONE", "FULL"])],
    ranges: [
      ("IntervalSeconds", .seconds), ("MaxAttempts", FieldRange(0, 99_999_999)),
      ("BackoffRate", FieldRange(1)), ("MaxDelaySeconds", FieldRange(1, 31_622_400)),
    ])
}

extension CatcherDefinition {
  static let fields = FieldTable(
    ["ErrorEquals", "Next", "Assign", "Comment"], jsonPath: ["ResultPath"], jsonata: ["Output"],
    required: ["ErrorEquals", "Next"])
}

extension DefinitionReader {
  func readRetriers(_ node: SyntaxNode) -> [RetrierDefinition] {
    guard let elements = node.elements else {
      expect("[ARRAY]", at: node)
      return []
    }
    var retriers: [RetrierDefinition] = []
    for (index, element) in elements.enumerated() {
      if let retrier = readRetrier(element, isLast: index == elements.count - 1) { retriers.append(retrier) }
    }
    return retriers
  }

  private func readRetrier(_ node: SyntaxNode, isLast: Bool) -> RetrierDefinition? {
    // No field of a retrier is evaluated, so the query language does not matter.
    guard let fields = fields(of: node, RetrierDefinition.fields, .jsonPath) else { return nil }
    requireFields(in: fields)
    _ = text("Comment", in: fields)
    let errors = fields["ErrorEquals"].flatMap { readErrorEquals($0, isLast: isLast) }
    var retrier = RetrierDefinition(node: node, errorEquals: errors ?? [])
    let interval = integer("IntervalSeconds", in: fields)
    if let interval { retrier.intervalSeconds = interval }
    if let attempts = integer("MaxAttempts", in: fields) { retrier.maxAttempts = attempts }
    if let rate = fields["BackoffRate"].flatMap({ readBackoffRate($0, fields) }) {
      retrier.backoffRate = rate
    }
    retrier.maxDelaySeconds = integer("MaxDelaySeconds", in: fields)
    if let interval, let delay = retrier.maxDelaySeconds, delay <= interval,
      let place = fields["MaxDelaySeconds"]
    {
      error("'MaxDelaySeconds' must be greater than 'IntervalSeconds'", at: place)
    }
    retrier.fullJitter = choice("JitterStrategy", in: fields) == "FULL"
    return errors == nil ? nil : retrier
  }

  private func readBackoffRate(_ node: SyntaxNode, _ fields: ObjectFields) -> Double? {
    guard case .number(let text) = node.kind, let rate = Double(text) else {
      expect("[NUMBER]", at: node)
      return nil
    }
    let range = range(of: "BackoffRate", fields)
    return inRange(rate < Double(range.minimum), false, range, node) ? rate : nil
  }

  func readCatchers(_ node: SyntaxNode, _ language: QueryLanguage) -> [CatcherDefinition] {
    guard let elements = node.elements else {
      expect("[ARRAY]", at: node)
      return []
    }
    var catchers: [CatcherDefinition] = []
    for (index, element) in elements.enumerated() {
      if let catcher = readCatcher(element, language, isLast: index == elements.count - 1) {
        catchers.append(catcher)
      }
    }
    return catchers
  }

  private func readCatcher(_ node: SyntaxNode, _ language: QueryLanguage, isLast: Bool) -> CatcherDefinition?
  {
    guard let fields = fields(of: node, CatcherDefinition.fields, language) else { return nil }
    requireFields(in: fields)
    _ = text("Comment", in: fields)
    let errors = fields["ErrorEquals"].flatMap { readErrorEquals($0, isLast: isLast) }
    let next = text("Next", in: fields)
    let resultPath = resultPath(in: fields)
    if let assign = fields["Assign"] { checkAssign(assign, language, .errorOutput) }
    if let output = fields["Output"] { checkExpressions(in: output, .errorOutput) }
    guard let errors, let next else { return nil }
    return CatcherDefinition(
      node: node, errorEquals: errors, next: next, resultPath: resultPath, assign: fields["Assign"],
      output: fields["Output"])
  }

  private func readErrorEquals(_ node: SyntaxNode, isLast: Bool) -> [String]? {
    guard let elements = nonEmptyArray(node) else { return nil }
    var names: [String] = []
    for element in elements {
      if let name = element.text { names.append(name) } else { expect("[STRING]", at: element) }
    }
    if names.contains("States.ALL"), elements.count > 1 || !isLast {
      error("States.ALL must appear alone and at end of list", at: node)
    }
    return names.count == elements.count ? names : nil
  }
}
