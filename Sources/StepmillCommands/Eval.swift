import Stepmill

extension Command {
  static let eval = Command(
    name: "eval", summary: "Evaluate an expression as a workflow would.",
    operands: [
      Operand(
        name: "EXPR", help: "the expression, JSONata unless --jsonpath is given; {% %} may stand around it")
    ],
    options: [
      Option(
        "--input", "FILE",
        help:
          "The input as JSON; - is standard input. Without it JSONata's input is undefined, a path's null."),
      Option(
        "--jsonpath", help: "EXPR is a path ($.a.b) or a call of an intrinsic function (States.Format(…))."),
      Option(
        "--var", "NAME=JSON", isRepeatable: true,
        help: "A variable: $NAME. 'states' adds members to $states, such as a result."),
      Option("--context", "FILE", help: "The context object: $states.context, or $$ of paths."),
      Option("--trace", help: "Show on standard error what every part of the expression comes to."),
      Option("--compact", help: "Print the result on one line."),
    ],
    notes: [
      Section(
        title: "Input",
        text: """
          In JSONata the input is both $ (so that bare names work) and $states.input. Workflows
          have the second only.
          """),
      Section(
        title: "Exit status",
        text: """
          0  evaluated; the result is on standard output
          1  the evaluation failed, or there is no result (undefined), which fails a state
          2  the command line, the expression or the input is wrong
          """),
      Section(
        title: "Examples",
        text: #"""
          stepmill eval '$sum(lines.(price * quantity))' --input order.json
          stepmill eval --jsonpath '$.lines[?(@.price > 10)].sku' --input order.json
          stepmill eval --jsonpath "States.Format('{} of {}', \$n, \$.total)" --var n=3 --input order.json
          curl -s https://example.com/orders.json | stepmill eval 'orders[0]' --input -
          """#),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try Evaluation(arguments, terminal).run()
  }
}

/// One evaluation on behalf of the command line.
private struct Evaluation {
  let text: String
  let language: Query.Language
  let arguments: Arguments
  let terminal: Terminal

  init(_ arguments: Arguments, _ terminal: Terminal) {
    text = arguments.operands[0]
    language = arguments.has("--jsonpath") ? .jsonPath : .jsonata
    self.arguments = arguments
    self.terminal = terminal
  }

  func run() throws(CommandError) -> ExitStatus {
    let query = try compile()
    if arguments.value("--input") == "-", arguments.value("--context") == "-" {
      throw CommandError("only one of --input and --context can be standard input")
    }
    let input = try document("--input")
    let context = try document("--context")
    let variables = try self.variables()
    let result: Result<JSON?, QueryError>
    if arguments.has("--trace") {
      let trace = query.trace(input, variables: variables, context: context)
      show(trace)
      result = trace.result
    } else {
      result = Result { () throws(QueryError) in
        try query.evaluate(input, variables: variables, context: context)
      }
    }
    switch result {
    case .success(let value?):
      terminal.write((arguments.has("--compact") ? value.text : value.text(indent: 2)) + "\n")
      return .success
    case .success(nil):
      terminal.write("stepmill eval: the expression returned nothing (undefined)\n", to: .error)
      return .failure
    case .failure(let error):
      show(error)
      return .failure
    }
  }

  private func compile() throws(CommandError) -> Query {
    do throws(QueryError) {
      return arguments.has("--trace")
        ? try Query(tracing: text, language: language) : try Query(text, language: language)
    } catch {
      show(error)
      var message = "this is no expression of \(language == .jsonata ? "JSONata" : "JSONPath")"
      if language == .jsonata, text.trimmed.hasPrefix("States.") || text.trimmed.hasPrefix("$..") {
        message += "; for paths and intrinsic functions give --jsonpath"
      }
      throw .data(message)
    }
  }

  private func document(_ option: String) throws(CommandError) -> JSON? {
    guard let path = arguments.value(option) else { return nil }
    let bytes = try DefinitionFile.readData(path, terminal)
    return try JSONArgument.parse(bytes, name: path == "-" ? "<stdin>" : path, terminal)
  }

  private func variables() throws(CommandError) -> [String: JSON] {
    var variables: [String: JSON] = [:]
    for text in arguments.values("--var") {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      var name = String(parts[0])
      if name.hasPrefix("$") { name.removeFirst() }
      guard parts.count == 2, !name.isEmpty else {
        throw CommandError("option '--var' takes NAME=JSON, not '\(text)'")
      }
      guard variables[name] == nil else { throw CommandError("variable '\(name)' is given twice") }
      do throws(JSONSyntaxError) {
        variables[name] = try JSON(parsing: String(parts[1]))
      } catch {
        throw CommandError(
          "the value of '\(name)' is not JSON: \(error) (a text needs quotes: \(name)='\"…\"')")
      }
    }
    return variables
  }

  // MARK: Showing

  /// The error, the line it is about, and a caret below the place.
  private func show(_ error: QueryError) {
    let style = terminal.style(.error)
    var output = ""
    if let line = error.line, let column = error.column {
      output += style.bold("<expression>:\(line):\(column):") + " "
    }
    output += style.red("error:") + " " + (error.code.map { "\($0): " } ?? "")
    output += SourceLines.readable(error.message) + "\n"
    if let line = error.line, let column = error.column {
      var lines = SourceLines(Array(text.utf8))
      let excerpt = lines.excerpt(line: line, column: column, width: terminal.width(.error) - 4)
      output += "  \(excerpt.text)\n"
      output += "  " + String(repeating: " ", count: excerpt.caret) + style.green("^") + "\n"
    }
    terminal.write(output, to: .error)
  }

  /// A part per line, inside of what it is a part of: its text, an arrow, its value.
  private func show(_ trace: QueryTrace) {
    let style = terminal.style(.error)
    let width = max(terminal.width(.error), 40)
    var output = ""
    for step in trace.steps {
      let indent = String(repeating: "  ", count: min(step.level, 20))
      let text = cut(SourceLines.readable(step.text), max((width - indent.count) / 2, 16))
      let value = cut(step.value, max(width - indent.count - text.count - 3, 16))
      output += "\(indent)\(style.cyan(text)) → \(value)\n"
    }
    if trace.omitted > 0 { output += "… and \(trace.omitted) more\n" }
    terminal.write(output, to: .error)
  }

  private func cut(_ text: String, _ width: Int) -> String {
    text.count > width ? text.prefix(width - 1) + "…" : text
  }
}
