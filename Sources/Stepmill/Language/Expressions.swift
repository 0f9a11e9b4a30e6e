// JSONata expressions in a definition: which text is one, whether it parses, and what it may
// refer to where it stands.
//
// Every expression is compiled while the definition is read, since that is what finds its
// mistakes; the compiler of the definition takes the programs from there. Equal texts share
// one program.

/// The members of `$states` that exist besides `input` and `context`.
struct StatesFields: OptionSet {
  let rawValue: UInt8
  /// `Output` and `Assign` of a state that does work.
  static let result = StatesFields(rawValue: 1)
  /// `Output` and `Assign` of a catcher.
  static let errorOutput = StatesFields(rawValue: 2)

  func has(_ name: String) -> Bool {
    switch name {
    case "input", "context": true
    case "result": contains(.result)
    case "errorOutput": contains(.errorOutput)
    default: false
    }
  }
}

extension ExpressionText {
  /// What stands between the delimiters, or nil for text that is no expression.
  static func inner(_ text: String) -> String? {
    guard isDelimited(text) else { return nil }
    var bytes = text.utf8.dropFirst(2).dropLast(2)
    func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }
    while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
    while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }

  /// The members of `$states` are handed to an expression one by one, and so are those of the
  /// context object, so that nobody makes an object to take one member out of it.
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
}

extension DefinitionReader {
  /// Reads what may hold expressions with more of `$states` than its input and the context.
  func with<Answer>(_ fields: StatesFields, _ read: () -> Answer) -> Answer {
    let before = statesFields
    statesFields = fields
    defer { statesFields = before }
    return read()
  }

  /// Reports what is wrong with an expression. Text that is none is left alone.
  func checkExpression(_ text: String, at node: SyntaxNode) {
    guard let inner = ExpressionText.inner(text) else { return }
    let compiled = expressions[inner] ?? ExpressionText.compile(inner)
    expressions[inner] = compiled
    switch compiled {
    case .success(let program): checkReferences(of: program, at: node)
    case .failure(let problem):
      error(
        problem.message, code: DiagnosticCode.invalidExpression, at: node,
        hint: problem.position.map { "at character \($0) of the expression" })
    }
  }

  private func checkReferences(of program: JSONataProgram, at node: SyntaxNode) {
    for name in program.contextReferences {
      error(
        name == "$$"
          ? "Reference to '$$' is not supported."
          : "Reference to '\(name)' at the top level is not supported.",
        code: DiagnosticCode.unsupportedExpression, at: node,
        hint: "the state's input is `$states.input`, a variable is written with its `$`")
    }
    var reported: Set<String> = []
    for external in program.externals where external.hasPrefix("states.") {
      let name = String(external.dropFirst(7).prefix { $0 != "." })
      if statesFields.has(name) || !reported.insert(name).inserted { continue }
      error(
        "Field '$states.\(name)' does not exist.", code: DiagnosticCode.unsupportedExpression, at: node,
        hint: Self.whereAvailable(name))
    }
  }

  private static func whereAvailable(_ name: String) -> String {
    switch name {
    case "result": "`$states.result` is there in `Output` and `Assign` of Task, Parallel and Map"
    case "errorOutput": "`$states.errorOutput` is there in `Output` and `Assign` of a catcher"
    default: "`$states` has `input` and `context`; with a result `result`, in a catcher `errorOutput`"
    }
  }

  /// The programs of all expressions that parse, by what stands between the delimiters.
  var programs: [String: JSONataProgram] {
    expressions.compactMapValues { try? $0.get() }
  }
}
