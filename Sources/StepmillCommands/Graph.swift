import Stepmill
import StepmillGraph
import StepmillYAML

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Command {
  static let graph = Command(
    name: "graph", summary: "Draw a definition, and a recorded run on it.",
    operands: [.definition],
    options: [
      Option(
        "--format", "svg|text|mermaid|dot|json",
        help: "What to draw. Without it: text on a terminal, else svg."),
      Option("-o", "FILE", help: "Write to a file instead of standard output."),
      Option(
        "--history", "FILE",
        help: "Paint a recorded run: the way it took, what failed, how often and how long."),
      Option("--direction", "down|right", help: "Where the flow leads. Without it: down."),
      Option(
        "--sheet",
        help: "Draw many definitions on one HTML page: those in the directory FILE and below it, or in a "
          + "file with one definition per line."),
    ],
    notes: [
      Section(
        title: "Reading it",
        text: """
          Solid ways are Next, Choices and Default, with the rule's condition in words; dashed ones
          are Catch, with the names of errors. Parallel and Map are boxes with their machines
          inside. SVG follows the reader's light or dark colours and needs no other file. Text
          fits the terminal's width; what is too wide for a picture becomes a list of the states.
          json has the coordinates of everything.
          """),
      Section(
        title: "Histories",
        text: """
          --history takes what 'stepmill run --history=json' writes to standard error, and what
          GetExecutionHistory answers, as an object, an array or one event per line.
          """),
      Section(
        title: "Exit status",
        text:
          "0  drawn\n1  a definition of the sheet is wrong\n2  the command line or the definition is wrong"),
      Section(
        title: "Examples",
        text: """
          stepmill graph order.asl.json
          stepmill graph order.asl.json -o order.svg
          stepmill run order.asl.json --mocks mocks.json --simulate --history=json 2> run.jsonl
          stepmill graph order.asl.json --history run.jsonl -o run.svg
          stepmill graph workflows --sheet -o sheet.html
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try GraphCommand(arguments, terminal).run()
  }
}

private struct GraphCommand {
  enum Format: String, CaseIterable { case svg, text, mermaid, dot, json }

  let terminal: Terminal
  let file: String
  let format: Format
  let output: String?
  let history: String?
  let direction: GraphLayout.Direction
  let isSheet: Bool

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.terminal = terminal
    file = arguments.operands[0]
    output = arguments.value("-o")
    history = arguments.value("--history")
    isSheet = arguments.has("--sheet")
    let format = try arguments.choice("--format", of: Format.self)
    self.format = format ?? (output == nil && terminal.isTerminal(.output) ? .text : .svg)
    direction = try arguments.choice("--direction", of: GraphLayout.Direction.self) ?? .down
    try arguments.checkStandardInput("--history", "history")
    if isSheet, format != nil || history != nil {
      throw CommandError("a sheet has neither '--format' nor '--history': it is a page of SVG pictures")
    }
  }

  func run() throws(CommandError) -> ExitStatus {
    if isSheet { return try drawSheet() }
    if FileKind.of(file) == .directory {
      throw CommandError("\(file) is a directory; '--sheet' draws all definitions in it on one page")
    }
    let outline = try DefinitionFile.outline(file, terminal)
    var run: RecordedRun?
    if let history { run = try recordedRun(history) }
    try write(picture(outline, run))
    return .success
  }

  private func recordedRun(_ path: String) throws(CommandError) -> RecordedRun {
    let text = try DefinitionFile.readData(path, terminal)
    do throws(RecordedRun.ReadError) {
      return try RecordedRun.read(text)
    } catch {
      throw .data("\(path == "-" ? "<stdin>" : path) is not a history: \(error.message)")
    }
  }

  private var title: String {
    file == "-" ? "Workflow" : String(file.split(separator: "/").last ?? "Workflow")
  }

  private func picture(_ outline: DefinitionOutline, _ recorded: RecordedRun?) -> String {
    if format == .text {
      let options = TextDrawing.Options(
        width: terminal.width(.output), isColored: output == nil && terminal.usesColor(.output),
        direction: direction)
      return TextDrawing.text(outline, options: options, run: recorded)
    }
    let layout = GraphLayout(outline, direction: direction, notes: recorded?.notes ?? [:])
    var run = recorded
    run?.paint(layout)
    switch format {
    case .svg: return SVGDrawing.svg(layout, title: title, run: run)
    case .mermaid: return MermaidDrawing.text(layout)
    case .dot: return DOTDrawing.text(layout)
    case .json, .text: return JSONDrawing.json(layout, run: run).text + "\n"
    }
  }

  // MARK: Sheets

  private func drawSheet() throws(CommandError) -> ExitStatus {
    var sheet = ContactSheet()
    var wrong = 0
    var count = 0
    for (name, source) in try definitions() {
      count += 1
      let problem: String
      do throws(YAMLError) {
        let text = try DefinitionText(name: name, source: source)
        let (outline, diagnostics) = DefinitionOutline.read(text.json)
        if let outline {
          sheet.add(name, svg: SVGDrawing.svg(GraphLayout(outline, direction: direction), title: name))
          continue
        }
        problem = text.located(diagnostics.filter { $0.severity == .error })
          .map { "\($0.line):\($0.column): \($0.message)" }.joined(separator: "\n")
      } catch {
        problem = "\(error)"
      }
      wrong += 1
      sheet.add(name, problem: problem)
    }
    guard count > 0 else {
      throw .data("\(file) has no definitions: \(DirectoryWalk.whatCounts)")
    }
    try write(sheet.html(title: title))
    terminal.write("stepmill graph: drew \(count - wrong) of \(count) definitions\n", to: .error)
    return wrong == 0 ? .success : .failure
  }

  /// The files below a directory in the order of their names, the one definition of a file, or one on each line.
  private func definitions() throws(CommandError) -> [(name: String, text: [UInt8])] {
    if FileKind.of(file) == .directory {
      let prefix = file.hasSuffix("/") ? file : file + "/"
      var result: [(name: String, text: [UInt8])] = []
      for source in DefinitionSource.all([file], terminal) {
        do throws(SystemError) {
          let name = source.name.hasPrefix(prefix) ? String(source.name.dropFirst(prefix.count)) : source.name
          result.append((name, try source.text.get()))
        } catch {
          terminal.write("stepmill graph: \(source.name) cannot be read: \(error)\n", to: .error)
        }
      }
      return result
    }
    let text = try DefinitionFile.readData(file, terminal)
    if let whole = try? JSON(parsing: text), whole["definition"] == nil { return [(title, text)] }
    var result: [(name: String, text: [UInt8])] = []
    for (index, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
      let json = try? JSON(parsing: line)
      let name = json?["id"]?.string ?? "line \(index + 1)"
      result.append(
        (name, json?["definition"].map { $0.string.map { Array($0.utf8) } ?? $0.utf8 } ?? Array(line)))
    }
    return result
  }

  private func write(_ text: String) throws(CommandError) { try OutputFile.write(text, to: output, terminal) }
}

extension DefinitionFile {
  /// The structure of a definition that AWS would take, whether this version can run it or not.
  static func outline(_ path: String, _ terminal: Terminal) throws(CommandError) -> DefinitionOutline {
    let text = try DefinitionText.load(path, terminal)
    let (outline, diagnostics) = DefinitionOutline.read(text.json)
    text.print(diagnostics, terminal)
    guard let outline else {
      let count = diagnostics.count { $0.severity == .error }
      throw .data("\(text.name) is not a valid definition: \(count) \(count == 1 ? "error" : "errors")")
    }
    return outline
  }
}
