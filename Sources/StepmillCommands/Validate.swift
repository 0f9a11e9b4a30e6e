import Stepmill
import StepmillYAML

extension Command {
  static let validate = Command(
    name: "validate", summary: "Check definitions, in AWS's words where AWS has words.",
    operands: [
      Operand(
        name: "FILE|DIR", help: "definitions, directories of them, or - for the standard input",
        isRepeatable: true)
    ],
    options: CheckOptions.common + [
      Option("--strict", help: "Judge as AWS does: handlers by plain names are errors."),
      Option(
        "--severity", "error|warning|note", help: "The least severe that is shown (default: note)."),
    ],
    notes: [
      Section(
        title: "Exit status",
        text: """
          0  all definitions are valid
          1  a definition has errors
          2  the command line is wrong, a file cannot be read, or there is none to check
          """),
      Section(
        title: "Examples",
        text: """
          stepmill validate order.asl.json
          stepmill validate workflows/ --type express --format sarif > stepmill.sarif
          stepmill validate workflows/ --watch
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    let isStrict = arguments.has("--strict")
    let least = try arguments.choice("--severity", of: LeastSeverity.self) ?? .note
    let check = try CheckOptions(arguments)
    return try check.run("validate", rules: [], terminal) { text in
      DefinitionCheck(text, type: check.type, isStrict: isStrict).diagnostics.filter { least.shows($0) }
    }
  }
}

private enum LeastSeverity: String, CaseIterable {
  case error, warning, note

  func shows(_ diagnostic: Diagnostic) -> Bool {
    switch self {
    case .error: diagnostic.severity == .error
    case .warning: diagnostic.severity != .note
    case .note: true
    }
  }
}

/// What `validate` and `lint` have in common: which files, what type, how it is shown, and once or again.
struct CheckOptions {
  let operands: [String]
  let type: StateMachineType
  let format: DiagnosticFormat
  let watches: Bool

  static let common: [Command.Option] = [
    Command.Option(
      "--type", "standard|express", help: "What the workflow runs as on AWS (default: standard)."),
    Command.Option(
      "--format", "text|json|sarif|github", help: "How findings are written (default: text)."),
    Command.Option("--watch", help: "Check again whenever a file changes, until Ctrl-C."),
  ]

  private enum TypeName: String, CaseIterable { case standard, express }

  init(_ arguments: Arguments) throws(CommandError) {
    operands = arguments.operands
    type = try arguments.choice("--type", of: TypeName.self) == .express ? .express : .standard
    format = try arguments.choice("--format", of: DiagnosticFormat.self) ?? .text
    watches = arguments.has("--watch")
    if watches, operands.contains("-") {
      throw CommandError("'--watch' cannot watch the standard input")
    }
  }

  /// Checks everything, shows it, and ends; or goes on with what changes.
  ///
  /// - Parameter failsOn: The severities that make the exit status 1.
  func run(
    _ command: String, rules: [LintRule], failsOn: Set<Diagnostic.Severity> = [.error], _ terminal: Terminal,
    check: ([UInt8]) -> [Diagnostic]
  ) throws(CommandError) -> ExitStatus {
    func once() -> ExitStatus {
      let files = DefinitionSource.all(operands, terminal).map { source in
        guard case .success(let text) = source.text else {
          return CheckedFile(source: source, diagnostics: [])
        }
        do throws(YAMLError) {
          let definition = try DefinitionText(name: source.name, source: text)
          return CheckedFile(source: source, diagnostics: definition.located(check(definition.json)))
        } catch {
          return CheckedFile(source: source, diagnostics: [Diagnostic(error)])
        }
      }
      return show(files, command, rules, failsOn, terminal)
    }
    let status = once()
    guard watches else { return status }
    return try watch(terminal, once)
  }

  private func show(
    _ files: [CheckedFile], _ command: String, _ rules: [LintRule], _ failsOn: Set<Diagnostic.Severity>,
    _ terminal: Terminal
  ) -> ExitStatus {
    format.write(files, command: command, rules: rules, to: terminal)
    let style = terminal.style(.error)
    var text = ""
    for file in files {
      guard case .failure(let error) = file.source.text else { continue }
      text += "stepmill \(command): \(style.red("error:")) \(file.source.name) cannot be read: \(error)\n"
    }
    terminal.write(text + summary(files, style), to: .error)
    // Nothing to check is seldom what was meant, and no reason to be content.
    if files.isEmpty || files.contains(where: \.isUnreadable) { return .usage }
    return files.contains { $0.diagnostics.contains { failsOn.contains($0.severity) } } ? .failure : .success
  }

  private func summary(_ files: [CheckedFile], _ style: Style) -> String {
    func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
    let read = files.filter { !$0.isUnreadable }
    let invalid = read.count { $0.count(.error) > 0 }
    let unreadable = files.count - read.count
    var parts: [String] = []
    for (severity, word) in [
      (Diagnostic.Severity.error, "error"), (.warning, "warning"), (.note, "note"),
    ] {
      let count = read.reduce(0) { $0 + $1.count(severity) }
      if count > 0 { parts.append(counted(count, word)) }
    }
    var text = "\(counted(read.count, "definition")): "
    if read.isEmpty {
      text = unreadable > 0 ? "" : "no definitions found: \(DirectoryWalk.whatCounts)"
    } else if invalid == 0 {
      text += style.green(read.count == 1 ? "valid" : "all valid")
    } else {
      text += style.red(read.count == 1 ? "invalid" : "\(invalid) invalid")
    }
    if !parts.isEmpty { text += " (\(parts.joined(separator: ", ")))" }
    if unreadable > 0 { text += "\(text.isEmpty ? "" : ", ")\(counted(unreadable, "file")) unreadable" }
    return text + "\n"
  }

  // MARK: Watching

  private func watch(_ terminal: Terminal, _ once: () -> ExitStatus) throws(CommandError) -> ExitStatus {
    do throws(SystemError) {
      let loop = try CommandLoop()
      defer { loop.close() }
      var signal: Int32?
      loop.onSignal = { signal = $0 }
      if terminal.takesSignals { try loop.watch([2, 15]) }
      var state = WatchedFiles(operands)
      terminal.write("watching; Ctrl-C ends it\n", to: .error)
      while signal == nil {
        loop.sleep(milliseconds: 250) { signal != nil }
        if signal != nil { break }
        let now = WatchedFiles(operands)
        if now == state { continue }
        state = now
        terminal.write("\n", to: .error)
        _ = once()
      }
      return .signalled(signal ?? 2)
    } catch {
      throw .data("the files cannot be watched: \(error)")
    }
  }
}
