import Stepmill

extension Command {
  static let start = Command(
    name: "start", summary: "Start an execution on a server, and wait for it if you like.",
    operands: [
      Operand(
        name: "MACHINE", help: "the state machine: its name, with :ALIAS or :VERSION if need be, or its ARN")
    ],
    options: [
      Option(
        "--input", "JSON|FILE|-",
        help: "The input: JSON text, a file, or - for standard input. Without it: {}."),
      Option("--name", "NAME", help: "The execution's name. Without it the server makes one."),
      Option(
        "--sync", help: "Call StartSyncExecution, which Express state machines have: the answer is the end."),
      Option(
        "--wait",
        help:
          "Show on standard error what happens, and end when the execution does. With an Express state machine: "
          + "--sync."),
    ] + ClientEndpoint.options,
    notes: [
      ClientEndpoint.section,
      Section(
        title: "Output and exit status",
        text: """
          The execution's ARN; with --sync and --wait its output instead.

          0    the execution was started; with --sync and --wait: it succeeded
          1    it could not be started; with --sync and --wait: it did not succeed, error and cause are on standard
               error
          2    the command line or the input is wrong
          4    the server was lost during --wait: the execution may go on
          130  --wait was ended by Ctrl-C: the execution goes on
          """),
      Section(
        title: "Examples",
        text: """
          stepmill start order --input '{"orderId": "A-17"}' --wait
          stepmill start enrich --input event.json --sync | jq .id
          stepmill history "$(stepmill start order)" --follow
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try StartCommand(arguments, terminal).run()
  }
}

/// What `stepmill start` was asked to do.
private struct StartCommand {
  private let terminal: Terminal
  private let arguments: Arguments
  private let client: APIClient
  private let input: String?

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.terminal = terminal
    self.arguments = arguments
    if arguments.has("--sync"), arguments.has("--wait") {
      throw CommandError("--sync and --wait exclude each other")
    }
    input = try Self.input(arguments.value("--input"), terminal)
    client = try APIClient(ClientEndpoint(arguments, terminal))
  }

  /// What begins like JSON is JSON; anything else is a file.
  private static func input(_ text: String?, _ terminal: Terminal) throws(CommandError) -> String? {
    guard let text else { return nil }
    let first = text.utf8.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x09 && $0 != 0x0D }
    let isJSON = first.map { Array("{[\"".utf8).contains($0) } ?? false
    if text != "-", isJSON || (try? JSON(parsing: text)) != nil {
      _ = try JSONArgument.parse(Array(text.utf8), name: "--input", terminal)
      return text
    }
    let path = text.hasPrefix("@") ? String(text.dropFirst()) : text
    let bytes = try DefinitionFile.readData(path, terminal)
    _ = try JSONArgument.parse(bytes, name: path == "-" ? "<stdin>" : path, terminal)
    return String(decoding: bytes, as: UTF8.self)
  }

  func run() throws(CommandError) -> ExitStatus {
    let machine = try client.machine(arguments.operands[0])
    let parameters = JSON(object: [
      ("stateMachineArn", JSON(machine.arn)), ("input", input.map { JSON($0) }),
      ("name", arguments.value("--name").map { JSON($0) }),
    ])
    let arn: String
    do throws(ClientFailure) {
      if arguments.has("--sync") || arguments.has("--wait") && machine.isExpress {
        return report(try client.call("StartSyncExecution", parameters))
      }
      let answer = try client.call("StartExecution", parameters)
      arn = answer["executionArn"]?.string ?? ""
      guard arguments.has("--wait") else {
        terminal.write((arguments.has("--json") ? answer.text : arn) + "\n")
        return .success
      }
    } catch {
      throw error.commandError
    }
    return try wait(for: arn)
  }

  private func wait(for arn: String) throws(CommandError) -> ExitStatus {
    try client.onInterrupt(terminal) { [terminal] in
      terminal.write(
        "stepmill: the execution goes on; 'stepmill stop \(arn)' stops it, 'stepmill history \(arn) --follow' "
          + "shows it\n", to: .error)
    }
    terminal.write(terminal.style(.error).dim(arn) + "\n", to: .error)
    do throws(ClientFailure) {
      let printer = HistoryPrinter(form: .text, terminal: terminal, to: .error)
      try HistoryReader(client, arn).follow { printer.print($0) }
      return report(try client.call("DescribeExecution", ["executionArn": JSON(arn)]))
    } catch {
      guard error.isUnreachable else { throw error.commandError }
      throw CommandError(
        "the connection to \(client.endpoint.name) was lost while waiting. The execution may go on: "
          + "'stepmill history \(arn) --follow' shows it", isAboutUsage: false, status: .lost)
    }
  }

  /// An execution that is over.
  private func report(_ execution: JSON) -> ExitStatus {
    let isSuccess = execution["status"]?.string == "SUCCEEDED"
    if arguments.has("--json") {
      terminal.write(execution.text + "\n")
    } else if isSuccess {
      let output = execution["output"]?.string ?? ""
      let shown = terminal.isTerminal(.output) ? ClientText.pretty(JSON(output)) ?? output : output
      terminal.write(shown + "\n")
    } else {
      let style = terminal.style(.error)
      let status = (execution["status"]?.string ?? "FAILED").lowercased().map { $0 == "_" ? " " : String($0) }
      var text = style.red("execution \(status.joined()):")
      if let error = execution["error"]?.string { text += " " + style.bold(SourceLines.readable(error)) }
      text += "\n"
      for line in (execution["cause"]?.string ?? "").split(separator: "\n") {
        text += "  \(SourceLines.readable(String(line)))\n"
      }
      terminal.write(text, to: .error)
    }
    return isSuccess ? .success : .failure
  }
}
