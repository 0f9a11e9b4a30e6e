// JSONata expressions: what they say of themselves before anybody evaluates them.
//
// The parser tells what is wrong with the language; here is what Step Functions adds. There
// is no input document, so nothing may refer to one, and of `$states` only those members exist
// that the field around the expression has.

extension ExpressionText {
  /// The expression between the delimiters.
  static func inner(_ text: String) -> String {
    var bytes = Array(text.utf8.dropFirst(2).dropLast(2))
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    return String(decoding: bytes.drop(while: isSpace), as: UTF8.self)
  }

  static let options: JSONataOptions = {
    var options = JSONataOptions()
    options.split = [
      "states", "states.context", "states.context.Execution", "states.context.StateMachine",
      "states.context.State", "states.context.Task", "states.context.Map", "states.context.Map.Item",
    ]
    return options
  }()

  static func compile(_ inner: String) -> Result<JSONataProgram, JSONataError> {
    do throws(JSONataError) {
      return .success(try JSONataProgram.compile(inner, options: options))
    } catch {
      return .failure(error)
    }
  }

  /// The workflow's variables that an expression reads; none if it cannot be parsed.
  static func variables(in text: String) -> [String] {
    guard let program = try? JSONataProgram.compile(inner(text), options: options) else { return [] }
    return program.externals.filter { $0 != "states" && !$0.hasPrefix("states.") }
  }
}

/// The members of `$states` that not every field has.
struct StatesMembers: OptionSet {
  let rawValue: Int

  /// `$states.result`: `Assign` and `Output` of a state that works.
  static let result = StatesMembers(rawValue: 1)
  /// `$states.errorOutput`: `Assign` and `Output` of a catcher.
  static let errorOutput = StatesMembers(rawValue: 2)

  fileprivate func has(_ name: String) -> Bool {
    switch name {
    case "input", "context": true
    case "result": contains(.result)
    case "errorOutput": contains(.errorOutput)
    default: false
    }
  }

  fileprivate func hint(_ name: String) -> String? {
    switch name {
    case "result": "only `Assign` and `Output` of Task, Parallel and Map have `$states.result`"
    case "errorOutput": "only `Assign` and `Output` of a catcher have `$states.errorOutput`"
    default:
      Suggestion.nearest(to: name, in: ["input", "context", "result", "errorOutput"])
        .map { "did you mean `$states.\($0)`?" }
    }
  }
}

extension DefinitionReader {
  /// Every string of an evaluated JSONata field: an expression or a literal, nothing between.
  func checkExpressions(in node: SyntaxNode, _ members: StatesMembers = []) {
    switch node.kind {
    case .array(let elements):
      for element in elements { checkExpressions(in: element, members) }
    case .object(let fields):
      for field in fields { checkExpressions(in: field.value, members) }
    case .string(let text):
      if ExpressionText.isBroken(text) {
        error(ExpressionText.delimiterMessage, at: node)
      } else if ExpressionText.isDelimited(text) {
        checkExpression(text, at: node, members)
      }
    case .null, .bool, .number:
      break
    }
  }

  /// An expression between its delimiters. Equal texts are compiled once.
  func checkExpression(_ text: String, at node: SyntaxNode, _ members: StatesMembers = []) {
    let inner = ExpressionText.inner(text)
    let compiled = expressions[inner] ?? ExpressionText.compile(inner)
    expressions[inner] = compiled
    switch compiled {
    case .success(let program): checkReferences(of: program, at: node, members)
    case .failure(let problem): invalidExpression(problem, text, node)
    }
  }

  /// The programs of all expressions that parse, by what stands between the delimiters.
  var programs: [String: JSONataProgram] {
    expressions.compactMapValues { try? $0.get() }
  }

  private func checkReferences(of program: JSONataProgram, at node: SyntaxNode, _ members: StatesMembers) {
    for name in program.contextReferences { unsupportedReference(name, node) }
    var reported: Set<String> = []
    for name in program.externals {
      guard name.hasPrefix("states.") else {
        if name != "states" { noteRead(of: name, in: node, place: node) }
        continue
      }
      let member = String(name.dropFirst("states.".count).prefix { $0 != "." })
      if members.has(member) || !reported.insert(member).inserted { continue }
      error(
        "Field '$states.\(member)' does not exist.", code: DiagnosticCode.unsupportedExpression, at: node,
        hint: members.hint(member))
    }
  }

  private func unsupportedReference(_ name: String, _ node: SyntaxNode) {
    if name == "$$" {
      return error(
        "Reference to '$$' is not supported.", code: DiagnosticCode.unsupportedExpression, at: node,
        hint: "the context object is `$states.context`")
    }
    error(
      "Reference to '\(name)' at the top level is not supported.",
      code: DiagnosticCode.unsupportedExpression,
      at: node, hint: name == "$" ? "the state's input is `$states.input`" : referenceHint(name))
  }

  private func referenceHint(_ name: String) -> String {
    name == "*" || name == "**"
      ? "start at `$states.input`" : "did you mean `$states.input.\(name)`, or the variable `$\(name)`?"
  }

  private func invalidExpression(_ problem: JSONataError, _ text: String, _ node: SyntaxNode) {
    guard report.count(.error, in: .schema) else { return }
    let place = placeOfMistake(problem, text, node)
    report.add(
      DiagnosticReport.Finding(
        severity: .error, code: DiagnosticCode.invalidExpression, message: problem.message,
        location: node.location, pointer: node.pointer, range: place, hint: nil), in: .schema)
  }

  /// Where in the source a mistake inside of an expression is. The parser counts UTF-16 units to the end of the
  /// token in question, from where the expression begins behind its delimiter and blanks; the source has
  /// escapes.
  private func placeOfMistake(_ problem: JSONataError, _ text: String, _ node: SyntaxNode) -> Range<Int> {
    guard let position = problem.position else { return node.range }
    let body = text.utf8.dropFirst(2)
    let blanks = body.prefix { $0 == 0x20 || (0x09...0x0D).contains($0) }.count
    // The end of an expression is no text that could be underlined.
    let token = problem.token == "(end)" ? nil : problem.token
    let length = max(1, token?.utf16.count ?? 1)
    let end = 2 + blanks + max(position, 1)
    let start = max(2, end - length)
    guard let from = source.offset(ofUnit: start, inStringAt: node.range),
      let until = source.offset(ofUnit: end, inStringAt: node.range), from < until
    else { return node.range }
    return from..<until
  }
}

extension SourceText {
  /// The byte offset of a UTF-16 unit of the string that is written at `range`; nil where the notation is not
  /// JSON's, or the string ends before.
  fileprivate func offset(ofUnit wanted: Int, inStringAt range: Range<Int>) -> Int? {
    var offset = range.lowerBound
    guard offset < range.upperBound, bytes[offset] == UInt8(ascii: "\"") else { return nil }
    offset += 1
    var unit = 0
    while offset < range.upperBound - 1 {
      if unit >= wanted { return offset }
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "\\"):
        guard offset + 1 < range.upperBound else { return nil }
        offset += bytes[offset + 1] == UInt8(ascii: "u") ? 6 : 2
        unit += 1
      case 0..<0x80:
        offset += 1
        unit += 1
      case 0xF0...:  // A scalar of two units.
        offset += 4
        unit += 2
      case 0xE0...:
        offset += 3
        unit += 1
      default:
        offset += 2
        unit += 1
      }
    }
    return unit >= wanted ? min(offset, range.upperBound - 1) : nil
  }
}
