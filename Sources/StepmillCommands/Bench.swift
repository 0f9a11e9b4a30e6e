import Stepmill
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Command {
  static let bench = Command(
    name: "bench", summary: "Measure how fast a workflow of yours runs, and how it bears load.",
    operands: [.definition],
    options: [
      Option(
        "--input", "JSON|@FILE|-",
        help: "The input: JSON text, a file, or - for standard input. A file with a JSON value on each "
          + "line gives many, taken in turn. Without it: {}."),
      Option("--duration", "TIME", help: "How long, such as 30s, 500ms or 2m. Without it: 10s."),
      Option("--executions", "N", help: "Stop after so many executions, if the duration is not over before."),
      Option(
        "--concurrency", "N",
        help: "So many executions at a time, the end of each starting the next. Without it: 64."),
      Option(
        "--rate", "N",
        help: "So many executions a second by schedule, whether the last ones have ended or not; a "
          + "latency counts from when an execution was due."),
      Option(
        "--queue", "N",
        help: "With --rate: executions under way at once; arrivals beyond are shed. Without it: 100000."),
      Option(
        "--find-saturation", help: "Find the highest rate at which the queue does not grow, in several runs."),
      .loops,
      Option("--mocks", "FILE", help: "Canned answers for tasks, as for 'stepmill run'."),
      Option(
        "--latency", "NAME=DISTRIBUTION", isRepeatable: true,
        help: "How long the tasks of a state, a resource or a pattern with * take, on top of what their "
          + "mocks say. A task without a mock answers {}."),
      Option("--seed", "N", help: "Seeds the latencies. Without it: 1."),
      Option(
        "--grace", "TIME",
        help: "How long to wait at the end for what is under way, before it is aborted. Without it: 5s."),
      .limits,
      Option("--timeout", "SECONDS", help: "Time out each execution after so many seconds."),
      Option("--json", "FILE", help: "Write everything that was measured as JSON."),
      Option("--csv", "FILE", help: "Write the figures over time as CSV."),
      Option("--svg", "FILE", help: "Write a picture: latencies, and rate and queue over time."),
    ],
    notes: [
      Section(
        title: "Distributions",
        text: """
          constant:20ms        always 20 ms (20ms for short)
          exp:20ms             exponential with that mean
          lognormal:20ms,0.5   half of them below 20 ms; 0.5 is the spread of the logarithm
          uniform:5ms..50ms    anything in between
          """),
      Section(
        title: "What is measured",
        text: """
          Executions run in this process, from JSON text to JSON text. Percentiles come from
          logarithmic buckets and are off by less than 2 %. The time by state comes from some
          executions that run after the measured ones, since recording a history costs more than
          most states do. On a terminal a line shows the figures of the moment; Ctrl-C ends the
          run and prints what was measured so far.
          """),
      Section(
        title: "Exit status",
        text: """
          0    measured
          1    no execution succeeded
          2    the command line, the definition, the mocks or the input are wrong
          130  ended by Ctrl-C, after the figures; a second Ctrl-C ends everything at once
          """),
      Section(
        title: "Examples",
        text: """
          stepmill bench order.asl.json --input @order.json --mocks mocks.json --loops 4
          stepmill bench order.asl.json --latency 'charge=lognormal:80ms,0.6' --rate 20000 --svg load.svg
          stepmill bench order.asl.json --mocks mocks.json --find-saturation --json saturation.json
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try BenchCommand(arguments, terminal).run()
  }
}

/// What `stepmill bench` was asked to do.
struct BenchCommand {
  private let terminal: Terminal
  private let file: String
  private let definition: CompiledDefinition
  private let inputs: [[UInt8]]
  private let tasks: BenchTasks
  private let limits: Limits
  private let seed: UInt64
  private let plan: BenchSession.Plan
  private let findsSaturation: Bool
  private let outputs: [(option: String, path: String)]

  /// Reads everything that the run needs, so that nothing has happened yet when something is wrong.
  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.terminal = terminal
    try arguments.checkStandardInput("--input", "input")
    findsSaturation = arguments.has("--find-saturation")
    plan = try Self.plan(arguments)
    seed = UInt64(try arguments.number("--seed", in: 0...Int.max) ?? 1)
    limits = try RunCommand.limits(arguments)
    let latencies = try BenchLatency.parse(arguments.values("--latency"))
    outputs = ["--json", "--csv", "--svg"].compactMap { option in
      arguments.value(option).map { (option, $0) }
    }

    file = arguments.operands[0]
    definition = try DefinitionFile.load(file, terminal).definition
    var mocks: Mocks?
    if let path = arguments.value("--mocks") { mocks = try Mocks.load(path, for: definition, terminal) }
    tasks = try BenchTasks(definition, mocks: mocks, latencies: latencies)
    inputs = try Self.inputs(arguments.value("--input"), terminal)
  }

  private static func plan(_ arguments: Arguments) throws(CommandError) -> BenchSession.Plan {
    let duration = try time("--duration", arguments) ?? 10e9
    if duration <= 0 { throw CommandError("option '--duration' takes a time above zero, such as 10s") }
    for option in ["--rate", "--concurrency", "--executions"]
    where arguments.has("--find-saturation") && arguments.has(option) {
      throw CommandError("\(option) has no meaning with --find-saturation, which chooses the load itself")
    }
    let rate = try rate(arguments)
    if rate != nil, arguments.has("--concurrency") {
      throw CommandError("--rate and --concurrency exclude each other: a schedule, or so many at a time")
    }
    let queueMax = try arguments.number("--queue", in: 1...10_000_000)
    if queueMax != nil, rate == nil, !arguments.has("--find-saturation") {
      throw CommandError("--queue has a meaning with --rate only")
    }
    let concurrency = try arguments.number("--concurrency", in: 1...1_000_000) ?? 64
    return BenchSession.Plan(
      pace: rate.map { .open(rate: $0, queueMax: queueMax ?? 100_000) } ?? .closed(concurrency: concurrency),
      loops: try arguments.number("--loops", in: 1...1024) ?? 1,
      nanoseconds: duration,
      executionsMax: try arguments.number("--executions", in: 1...Int.max),
      graceNanoseconds: try time("--grace", arguments) ?? 5e9)
  }

  private static func time(_ option: String, _ arguments: Arguments) throws(CommandError) -> Double? {
    guard let text = arguments.value(option) else { return nil }
    guard let time = BenchTime.parse(text), time <= 86_400e9 else {
      throw CommandError(
        "option '\(option)' takes a time such as 30s, 500ms or 2m, up to a day, not '\(text)'")
    }
    return time
  }

  private static func rate(_ arguments: Arguments) throws(CommandError) -> Double? {
    guard let text = arguments.value("--rate") else { return nil }
    guard let rate = Double(text), rate.isFinite, rate > 0, rate <= 1e8 else {
      throw CommandError(
        "option '--rate' takes executions a second, above 0 and up to 100000000, not '\(text)'")
    }
    return rate
  }

  /// One input, or one for each line of a file.
  private static func inputs(_ text: String?, _ terminal: Terminal) throws(CommandError) -> [[UInt8]] {
    guard let text else { return [Array("{}".utf8)] }
    guard text == "-" || text.hasPrefix("@") else {
      let bytes = Array(text.utf8)
      _ = try JSONArgument.parse(bytes, name: "--input", terminal)
      return [bytes]
    }
    let name = text == "-" ? "<stdin>" : String(text.dropFirst())
    let bytes = try DefinitionFile.readData(text == "-" ? "-" : name, terminal)
    if (try? JSON(parsing: bytes)) != nil { return [bytes] }
    let lines = bytes.split(separator: UInt8(ascii: "\n")).map(Array.init).filter { line in
      !line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\t") }
    }
    // What is wrong with one value is shown in its place; of many, the line is named.
    if lines.count < 2 || (try? JSON(parsing: lines[0])) == nil {
      _ = try JSONArgument.parse(bytes, name: name, terminal)
    }
    for (index, line) in lines.enumerated() where (try? JSON(parsing: line)) == nil {
      _ = try JSONArgument.parse(line, name: "\(name), value \(index + 1)", terminal)
    }
    return lines
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
    warnOfLoops()
    let session = BenchSession(loop: loop, terminal: terminal)
    var report = BenchReport(file: file == "-" ? "<stdin>" : file, inputs: inputs.count, plan: plan)
    if findsSaturation {
      report.saturation = try findSaturation(session, &report)
    } else {
      report.result = try withRuntime(session) { (runtime, workflow) throws(StepmillError) in
        session.run(plan, workflow, runtime, inputs: inputs)
      }
    }
    if report.result.counts.ended > 0, session.signal == nil { report.profile = try profile(session) }
    terminal.write(report.table(terminal.style(.output), width: terminal.width(.output)))
    for (option, path) in outputs {
      let text = option == "--json" ? report.json : option == "--csv" ? report.csv : report.svg
      do throws(SystemError) {
        try OutputFile.replace(path, with: Array(text.utf8))
      } catch {
        throw CommandError("\(path) cannot be written: \(error)", isAboutUsage: false, status: .failure)
      }
    }
    if let signal = session.signal { return .signalled(signal) }
    return report.result.counts.succeeded > 0 ? .success : .failure
  }

  private func warnOfLoops() {
    let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    guard cores > 0, plan.loops > cores else { return }
    terminal.write(
      "stepmill bench: \(terminal.style(.error).yellow("warning:")) \(plan.loops) loops on \(cores) "
        + "\(cores == 1 ? "core" : "cores") take turns; more loops than cores gain nothing\n", to: .error)
  }

  /// A runtime of its own for each run, so that none inherits another's queue.
  private func withRuntime<Result>(
    _ session: BenchSession, observer: HistoryObserver? = nil,
    _ body: (Runtime, Workflow) throws(StepmillError) -> Result
  ) throws(CommandError) -> Result {
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      configuration.loops = plan.loops
      configuration.limits = limits
      let runtime = try Runtime(configuration)
      let delays = BenchDelays(seed: seed)
      delays.start(for: runtime)
      defer {
        session.shutDown(runtime)
        delays.close()
      }
      tasks.register(on: runtime, delays: delays)
      return try body(runtime, try runtime.workflow(definition, observer: observer))
    } catch {
      throw CommandError("\(error)", isAboutUsage: false, status: .failure)
    }
  }

  /// Some executions with a history, for the time by state.
  private func profile(_ session: BenchSession) throws(CommandError) -> StateTimes {
    let profile = StateTimes()
    let few = BenchSession.Plan(
      pace: .closed(concurrency: 16), loops: plan.loops, nanoseconds: min(plan.nanoseconds, 2e9),
      executionsMax: min(plan.executionsMax ?? .max, 1000), graceNanoseconds: 0)
    _ = try withRuntime(session, observer: profile.observer) { (runtime, workflow) throws(StepmillError) in
      session.run(few, workflow, runtime, inputs: inputs, title: "time by state: ")
    }
    return profile
  }

  /// Runs at one rate after the other. The last run that kept up is what is reported.
  private func findSaturation(
    _ session: BenchSession, _ report: inout BenchReport
  ) throws(CommandError) -> [BenchResult] {
    let share = plan.nanoseconds / Double(SaturationSearch.stepsMax + 1)
    func run(_ pace: BenchPace, _ title: String) throws(CommandError) -> BenchResult {
      var step = plan
      step.pace = pace
      step.nanoseconds = share
      step.graceNanoseconds = min(plan.graceNanoseconds, 1e9)
      return try withRuntime(session) { (runtime, workflow) throws(StepmillError) in
        session.run(step, workflow, runtime, inputs: inputs, title: title)
      }
    }
    let closed = try run(.closed(concurrency: 256 * plan.loops), "as many as possible: ")
    report.result = closed
    var search = SaturationSearch(guess: closed.executionsPerSecond)
    var steps: [BenchResult] = []
    while session.signal == nil, let rate = search.nextRate {
      let result = try run(
        .open(rate: rate, queueMax: 1_000_000), "\(BenchNumber.grouped(rate)) a second: ")
      if session.signal != nil { break }
      let keepsUp = !result.isBeyondSaturation
      search.note(rate, keepsUp: keepsUp)
      steps.append(result)
      if keepsUp, rate == search.sustained { report.result = result }
    }
    return steps.sorted { Self.rate($0) < Self.rate($1) }
  }

  private static func rate(_ result: BenchResult) -> Double {
    if case .open(let rate, _) = result.pace { return rate }
    return 0
  }
}

/// Looks for the highest rate that a system keeps up with, by halving what is not known.
struct SaturationSearch {
  static let stepsMax = 8

  /// The highest rate that was kept up with.
  private(set) var sustained = 0.0
  private var failing: Double?
  private var guess: Double
  private var steps = 0

  /// - Parameter guess: What it manages when everything comes at once, say.
  init(guess: Double) { self.guess = guess }

  /// The next rate to try; nil when the answer is known to 3 % or patience is at an end.
  var nextRate: Double? {
    guard steps < Self.stepsMax, guess > 0 else { return nil }
    guard let failing else { return sustained == 0 ? guess * 0.7 : sustained * 1.25 }
    if failing - sustained < failing * 0.03 { return nil }
    return sustained == 0 ? failing / 2 : (sustained + failing) / 2
  }

  mutating func note(_ rate: Double, keepsUp: Bool) {
    steps += 1
    if keepsUp {
      sustained = max(sustained, rate)
    } else {
      failing = min(failing ?? rate, rate)
    }
  }
}
