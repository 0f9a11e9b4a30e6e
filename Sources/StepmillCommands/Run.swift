import Stepmill
import StepmillBatch
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Command {
  static let run = Command(
    name: "run", summary: "Run one execution and print its output.",
    operands: [.definition],
    options: [
      Option(
        "--input", "JSON|@FILE|-",
        help: "The input: JSON text, a file, or - for standard input. Without it: {}."),
      Option(
        "--task", "NAME=COMMAND", isRepeatable: true,
        help: "Run a shell command for the tasks whose Resource is NAME: the resource as written, a "
          + "function's name, or a pattern in which * stands for any text."),
      BucketOptions.option,
      BucketOptions.endpoint,
      Option("--mocks", "FILE", help: "Canned answers for tasks; they come before commands."),
      Option(
        "--simulate",
        help: "Run in virtual time: waits, retries and delays of mocks take no real time."),
      Option(
        "--history", "text|json", isValueOptional: true,
        help: "Show the history's events on standard error as they happen; json: one per line."),
      Option("--name", "NAME", help: "The execution's name. Without it one is made."),
      Option("--timeout", "SECONDS", help: "Time out the execution after so many seconds."),
      .limits,
      .loops,
      Option("--pretty", help: "Spread the output over lines, as on a terminal."),
      Option("--compact", help: "Print the output on one line, as into files and pipes."),
    ],
    notes: [
      Section(
        title: "Commands",
        text: """
          A command is run by /bin/sh -c for each attempt of a task, at most 64 at a time. It gets
          the task's input as JSON on standard input, and STEPMILL_STATE, STEPMILL_RESOURCE and
          STEPMILL_RETRY_COUNT in its environment.

          What it prints is the result: JSON, or else a string without the last line's end;
          nothing is null. If it exits with a status other than 0 the task fails with the error
          Stepmill.CommandFailed and the end of its standard error as cause. To name the error
          itself it prints {"Error": "…", "Cause": "…"} and exits with a status other than 0.
          Its standard error is passed on, each line behind the state's name. It is ended with
          all it has started when the task times out or the execution is aborted.
          """),
      Section(
        title: "Mocks",
        text: """
          An object with a member for each state or resource (a state's comes first):

            {"Charge":  {"Return": {"id": "tx-1"}, "DelayMilliseconds": 250},
             "Reserve": [{"Throw": {"Error": "Busy", "Cause": "try later"}}, {"Return": {}}],
             "notify":  {"Return": null}}

          Of a list the first call of a state takes the first, and so on; the last one repeats.
          """),
      Section(
        title: "Exit status",
        text: """
          0    the execution succeeded
          1    it failed: error and cause are on standard error
          2    the command line, the definition, the mocks or the input are wrong
          3    the execution timed out
          130  it was aborted by Ctrl-C; a second Ctrl-C ends everything at once
          """),
      Section(
        title: "Examples",
        text: """
          stepmill run order.asl.json --input '{"orderId": "A-17"}' --task 'charge=./charge.sh'
          stepmill run order.asl.json --input @order.json --mocks mocks.json --simulate --history
          curl -s "$URL" | stepmill run enrich.asl.json --input - --task '*=jq .detail' | jq .id
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try RunCommand(arguments, terminal).run()
  }
}

/// What `stepmill run` was asked to do.
struct RunCommand {
  enum HistoryForm: String, CaseIterable { case text, json }
  enum LimitsName: String, CaseIterable {
    case `default`
    case aws
    case express = "aws-express"
    case standard = "aws-standard"
  }

  private let terminal: Terminal
  private let definition: CompiledDefinition
  private let input: [UInt8]
  private let sources: TaskSources
  private let buckets: BucketPlaces
  private let simulates: Bool
  private let history: HistoryForm?
  private let name: String?
  private let limits: Limits
  private let loops: Int
  private let isPretty: Bool

  /// Reads everything that the run needs, so that nothing has happened yet when something is wrong.
  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.terminal = terminal
    try arguments.checkStandardInput("--input", "input")
    if arguments.has("--pretty"), arguments.has("--compact") {
      throw CommandError("--pretty and --compact exclude each other")
    }
    simulates = arguments.has("--simulate")
    if simulates, arguments.has("--loops") {
      throw CommandError("--loops has no meaning with --simulate, which runs on one thread")
    }
    isPretty =
      arguments.has("--pretty") || (terminal.isTerminal(.output) && !arguments.has("--compact"))
    // `--history` alone has an empty value.
    history =
      arguments.value("--history") == "" ? .text : try arguments.choice("--history", of: HistoryForm.self)
    name = try Self.executionName(arguments.value("--name"))
    loops = try arguments.number("--loops", in: 1...1024) ?? 1
    limits = try Self.limits(arguments)
    let commands = try Self.commands(arguments.values("--task"))
    buckets = BucketPlaces(
      directories: try BucketOptions.directories(arguments.values("--bucket")),
      configuration: try BucketOptions.configuration(arguments, terminal))

    definition = try DefinitionFile.load(arguments.operands[0], terminal).definition
    var mocks: Mocks?
    if let path = arguments.value("--mocks") {
      mocks = try Mocks.load(path, for: definition, terminal)
    }
    sources = TaskSources(tasks: definition.tasks, commands: commands, mocks: mocks)
    try sources.check(definition, terminal)
    input = try Self.input(arguments.value("--input"), limits, terminal)
  }

  private static func executionName(_ name: String?) throws(CommandError) -> String? {
    guard let name else { return nil }
    guard (1...80).contains(name.count),
      !name.contains(where: { $0.isWhitespace || "<>{}[]?*\"#%\\^|~`$&,;:/".contains($0) })
    else {
      throw CommandError(
        "option '--name' takes 1 to 80 characters without white space, brackets or special characters, not "
          + "'\(SourceLines.readable(name))'")
    }
    return name
  }

  static func limits(_ arguments: Arguments) throws(CommandError) -> Limits {
    var limits: Limits
    switch try arguments.choice("--limits", of: LimitsName.self) ?? .default {
    case .default: limits = Limits()
    case .aws: limits = .aws
    case .express: limits = .awsExpress
    case .standard: limits = .awsStandard
    }
    if let seconds = try arguments.number("--timeout", in: 1...99_999_999) {
      limits.executionSecondsMax = min(seconds, limits.executionSecondsMax ?? seconds)
    }
    return limits
  }

  static func commands(_ words: [String]) throws(CommandError) -> [TaskCommand] {
    var commands: [TaskCommand] = []
    for word in words {
      guard let mark = word.firstIndex(of: "="), mark != word.startIndex else {
        throw CommandError("option '--task' takes NAME=COMMAND, not '\(word)'")
      }
      let command = TaskCommand(name: String(word[..<mark]), line: String(word[word.index(after: mark)...]))
      if command.line.trimmed.isEmpty { throw CommandError("option '--task' has no command in '\(word)'") }
      if commands.contains(where: { $0.name == command.name }) {
        throw CommandError("option '--task' gives '\(command.name)' two commands")
      }
      commands.append(command)
    }
    return commands
  }

  private static func input(
    _ text: String?, _ limits: Limits, _ terminal: Terminal
  ) throws(CommandError) -> [UInt8] {
    guard let text else { return Array("{}".utf8) }
    let input = try JSONArgument(text, of: "--input", terminal)
    let value = try input.parse(terminal)
    // The text may hold white space that the limit does not count.
    if input.bytes.count > limits.payloadBytesMax, value.utf8.count > limits.payloadBytesMax {
      throw .data(
        "the input takes \(value.utf8.count) bytes; the limit is \(limits.payloadBytesMax) (see --limits)")
    }
    return input.bytes
  }

  // MARK: Running

  func run() throws(CommandError) -> ExitStatus {
    let loop: CommandLoop
    do throws(SystemError) {
      loop = try CommandLoop()
      if terminal.takesSignals { try loop.watch([SIGINT, SIGTERM, SIGHUP]) }
    } catch {
      throw CommandError("the system refuses: \(error)", isAboutUsage: false, status: .failure)
    }
    defer { loop.close() }
    let runner = TaskRunner(
      loop: loop, sources: sources, terminal: terminal, outputBytesMax: limits.payloadBytesMax)
    let observer = history.map { form in
      HistoryPrinter(form: form, definition: definition, terminal: terminal).observer
    }
    let session = Session(loop: loop, terminal: terminal)
    let outcome: Outcome
    if simulates {
      outcome = SimulatedRun(session: session, runner: runner, storage: buckets.simulatedStorage()).run(
        definition, input: input, name: name, limits: limits, observer: observer)
    } else {
      outcome = try RealRun(session: session, runner: runner, buckets: buckets).run(
        definition, input: input, name: name, limits: limits, loops: loops, observer: observer)
    }
    session.endCommands()
    return report(outcome, session)
  }

  private func report(_ outcome: Outcome, _ session: Session) -> ExitStatus {
    let style = terminal.style(.error)
    func explain(_ title: String, _ error: String?, _ cause: String?) {
      var text = style.red(title)
      if let error { text += " " + style.bold(error) }
      text += "\n"
      if let cause, !cause.isEmpty {
        for line in cause.split(separator: "\n", omittingEmptySubsequences: false) { text += "  \(line)\n" }
      }
      terminal.write(text, to: .error)
    }
    switch outcome {
    case .succeeded(let output):
      terminal.write((isPretty ? output.text(indent: 2) : output.text) + "\n")
      return .success
    case .failed(let error, let cause):
      explain("execution failed:", error ?? "(no error name)", cause)
      return .failure
    case .timedOut:
      explain("execution timed out", nil, nil)
      return .timedOut
    case .aborted(let error, let cause):
      explain("execution aborted", error, cause)
      return session.signal.map { .signalled($0) } ?? .failure
    }
  }
}

/// A run as its signals see it: the first one aborts, a second one ends everything at once.
final class Session {
  let loop: CommandLoop
  private let terminal: Terminal
  /// The signal that has come.
  private(set) var signal: Int32?
  /// What the first signal does.
  var onAbort: (String) -> Void = { _ in }

  init(loop: CommandLoop, terminal: Terminal) {
    self.loop = loop
    self.terminal = terminal
    loop.onSignal = { [unowned self] number in received(number) }
  }

  private func received(_ number: Int32) {
    let name = number == SIGINT ? "Ctrl-C" : number == SIGTERM ? "SIGTERM" : "SIGHUP"
    if signal != nil {
      loop.killChildren(SIGKILL)
      // The engine's threads may be in the middle of anything, so nothing is torn down.
      _exit(128 + number)
    }
    signal = number
    terminal.write("stepmill: \(name): aborting the execution (once more to end at once)\n", to: .error)
    onAbort("Aborted by \(name).")
  }

  /// Waits for the commands that have been told to end. One whose output is held by a process
  /// that has left its group would keep us for ever.
  func endCommands() { loop.waitForChildren(milliseconds: ChildProcess.graceMilliseconds + 500) }
}
