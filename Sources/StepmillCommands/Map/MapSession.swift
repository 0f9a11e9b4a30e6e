import Stepmill
import StepmillBatch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A run of `stepmill map`, from the first row to the summary.
struct MapSession {
  private let command: MapCommand
  private let sink: any BatchSink
  private let terminal: Terminal

  init(_ command: MapCommand, sink: any BatchSink) {
    self.command = command
    self.sink = sink
    terminal = command.terminal
  }

  /// Belongs to the thread of the command's loop, and is only carried by others.
  private final class Watch: @unchecked Sendable {
    var ending: BatchRun.Ending?
    var signal: Int32?
    /// What is known of the states, once somebody wanted to know.
    var times: StateTimes?
    var showsStates = false
  }

  func run() throws(CommandError) -> ExitStatus {
    if let files = sink as? BatchFiles, files.isFinished {
      return report(.completed, nil, Watch())
    }
    let loop: CommandLoop
    do throws(SystemError) {
      loop = try CommandLoop()
      if terminal.takesSignals { try loop.watch([SIGINT, SIGTERM, SIGHUP, SIGUSR1]) }
    } catch {
      throw CommandError("the system refuses: \(error)", isAboutUsage: false, status: .failure)
    }
    defer { loop.close() }
    let runner = TaskRunner(
      loop: loop, sources: command.tasks, terminal: terminal, outputBytesMax: command.limits.payloadBytesMax)
    let session = Session(loop: loop, terminal: terminal)
    let runtime: Runtime
    let workflow: Workflow
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      configuration.loops = command.loops
      configuration.limits = command.limits
      runtime = try Runtime(configuration)
      registerImmediate(on: runtime)
      RealRun(session: session, runner: runner, buckets: BucketPlaces()).register(
        command.definition, on: runtime)
      workflow = try runtime.workflow(command.definition)
    } catch {
      throw CommandError("\(error)", isAboutUsage: false, status: .failure)
    }
    let run = BatchRun(
      workflow, sources: command.sources, sink: sink, options: command.options,
      control: MapRun(maxConcurrency: command.concurrency),
      elapsedMilliseconds: (sink as? BatchFiles)?.milliseconds ?? 0)
    let watch = Watch()
    let progress = MapProgress(terminal)
    if command.showsStates { showStates(true, watch, run, runtime) }
    loop.onSignal = { number in
      if number == SIGUSR1 { return showStates(!watch.showsStates, watch, run, runtime) }
      progress.clear()
      received(number, watch, run, loop)
    }
    run.start { ending in loop.post { _ in watch.ending = ending } }
    follow(run, watch, loop, progress)
    run.join()
    loop.onSignal = { _ in }
    runner.close()
    session.endCommands()
    return report(watch.ending ?? .completed, run, watch)
  }

  /// Shows progress until the end.
  private func follow(_ run: BatchRun, _ watch: Watch, _ loop: CommandLoop, _ progress: MapProgress) {
    while watch.ending == nil {
      loop.sleep(milliseconds: 200) { watch.ending != nil }
      if watch.ending == nil, !command.isQuiet {
        progress.show(run.progress, watch.showsStates ? watch.times?.states : nil)
      }
    }
    progress.clear()
  }

  /// Has rows run on a workflow that tells how long its states last, or no longer.
  private func showStates(_ shows: Bool, _ watch: Watch, _ run: BatchRun, _ runtime: Runtime) {
    watch.showsStates = shows
    guard shows else { return run.watch(nil) }
    let times = watch.times ?? StateTimes()
    watch.times = times
    do throws(StepmillError) {
      run.watch(try runtime.workflow(command.definition, observer: times.observer))
    } catch {
      watch.showsStates = false
      terminal.write("stepmill map: the states cannot be watched: \(error)\n", to: .error)
    }
  }

  private func received(_ number: Int32, _ watch: Watch, _ run: BatchRun, _ loop: CommandLoop) {
    let name = number == SIGINT ? "Ctrl-C" : number == SIGTERM ? "SIGTERM" : "SIGHUP"
    if watch.signal != nil {
      loop.killChildren(SIGKILL)
      // Threads may be in the middle of anything; the last checkpoint stands.
      _exit(128 + number)
    }
    watch.signal = number
    terminal.write(
      "stepmill map: \(name): waiting for \(MapProgress.number(run.progress.inFlight)) executions under way "
        + "(once more to end at once)\n", to: .error)
    run.stop()
  }

  /// What always gets the same answer at once is answered from the step itself.
  private func registerImmediate(on runtime: Runtime) {
    guard let mocks = command.tasks.mocks else { return }
    for (resource, group) in Dictionary(grouping: command.definition.tasks, by: \.resource) {
      guard !group.contains(where: \.waitsForToken), case .mock(let key)? = command.tasks[group[0].state],
        let answer = mocks.only(key), answer.delayMilliseconds == 0,
        group.allSatisfy({ task in
          if case .mock(key)? = command.tasks[task.state] { true } else { false }
        })
      else { continue }
      runtime.register(
        resource, .synchronous { call throws(TaskFailure) in call.succeed(try answer.result.get()) })
    }
  }

  // MARK: The end

  private func report(_ ending: BatchRun.Ending, _ run: BatchRun?, _ watch: Watch) -> ExitStatus {
    let counts = sink.counts
    let milliseconds = run?.milliseconds ?? (sink as? BatchFiles)?.milliseconds ?? 0
    let ran = counts.succeeded + counts.failed
    let holds = (command.options.tolerance ?? .count(0)).holds(
      failed: counts.failed, of: max(ran, counts.failed))
    let status: ExitStatus
    switch ending {
    case .completed: status = holds ? .success : .failure
    case .stopped: status = watch.signal.map { .signalled($0) } ?? .failure
    case .tooManyFailures, .badRow, .source, .output, .runtime: status = .failure
    }
    // A reader of the output that has seen enough is nobody's mistake.
    if case .output = ending, terminal.firstOutputFailure?.code == EPIPE { return .success }
    terminal.write(text(ending, counts, run, milliseconds, holds, watch.times), to: .error)
    if command.summaryPath != nil || command.places?.address != nil {
      writeSummary(ending, counts, run, milliseconds, holds, watch.times)
    }
    return status
  }

  private func text(
    _ ending: BatchRun.Ending, _ counts: BatchCounts, _ run: BatchRun?, _ milliseconds: Int, _ holds: Bool,
    _ times: StateTimes?
  ) -> String {
    let style = terminal.style(.error)
    var text = "stepmill map: "
    switch ending {
    case .completed: text += run == nil ? "the run has come to its end before; " : ""
    case .stopped: text += style.yellow("stopped") + "; "
    case .tooManyFailures: text += style.red("ended early:") + " more rows failed than are tolerated; "
    case .badRow(let row, let message):
      text +=
        style.red("ended early:")
        + " row \(row) is not JSON: \(SourceLines.readable(message)) (see --bad-rows); "
    case .source(let name, let error):
      text += style.red("the rows cannot be read:") + " \(name): \(SourceLines.readable(error.description)); "
    case .output(let error): text += style.red("the results cannot be written:") + " \(error.message); "
    case .runtime(let message): text += style.red("the engine takes no more:") + " \(message); "
    }
    let what = command.options.shape.batch == nil ? "rows" : "batches"
    let seconds = Double(milliseconds) / 1000
    text += "\(MapProgress.number(counts.done)) \(what) in \(Self.seconds(seconds))"
    if seconds > 0.05 { text += " (\(MapProgress.number(Int(Double(counts.done) / seconds)))/s)" }
    text += ": \(MapProgress.number(counts.succeeded)) succeeded, "
    let failed = "\(MapProgress.number(counts.failed)) failed"
    text += counts.failed > 0 && !holds ? style.red(failed) : failed
    if counts.skipped > 0 { text += ", \(MapProgress.number(counts.skipped)) skipped" }
    text += "\n"
    for (name, count) in (run?.errorCounts ?? [:]).sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) })
      .prefix(5)
    {
      text += "  \(MapProgress.number(count)) × \(SourceLines.readable(name))\n"
    }
    if let times, times.executions > 0 {
      let all = run.map { $0.progress.endedNow == times.executions } ?? true
      text += "  states\(all ? "" : ", of the \(MapProgress.number(times.executions)) executions watched"):\n"
      for line in MapProgress.lines(times.states, columns: terminal.width(.error) - 3, most: .max) {
        text += "  " + line + "\n"
      }
    }
    guard let places = command.places else { return text }
    let end = places.address == nil ? "\n" : "/\n"
    text += "  results: " + places.paths.results + end
    if counts.failed > 0 { text += "  failures: " + places.paths.failures + end }
    if ending != .completed {
      text += "  To go on: the same command with --resume\n"
    } else if counts.failed > 0, places.address == nil {
      text += "  To run the failures again: stepmill map --retry-failed \(retryOperand)\n"
    }
    return text
  }

  private var retryOperand: String {
    let results = command.places?.paths.results ?? ""
    return results.hasSuffix("/results.jsonl") ? String(results.dropLast("/results.jsonl".count)) : results
  }

  private static func seconds(_ seconds: Double) -> String {
    seconds < 60 ? "\(Double(Int(seconds * 100)) / 100) s" : MapProgress.time(Int(seconds))
  }

  private static func json(_ state: StateTime) -> JSON {
    [
      "name": JSON(state.name), "type": JSON(state.type), "visits": JSON(state.visits),
      "meanNanoseconds": JSON(state.latencies.mean),
      "p50Nanoseconds": JSON(Int(state.latencies.quantile(0.5))),
      "p99Nanoseconds": JSON(Int(state.latencies.quantile(0.99))),
    ]
  }

  private func writeSummary(
    _ ending: BatchRun.Ending, _ counts: BatchCounts, _ run: BatchRun?, _ milliseconds: Int,
    _ holds: Bool, _ times: StateTimes?
  ) {
    let name =
      switch ending {
      case .completed: "completed"
      case .stopped: "stopped"
      case .tooManyFailures: "too-many-failures"
      case .badRow: "bad-row"
      case .source: "unreadable-rows"
      case .output: "unwritable-results"
      case .runtime: "engine"
      }
    var members: [(key: String, value: JSON)] = [
      ("outcome", JSON(name)), ("done", JSON(counts.done)), ("succeeded", JSON(counts.succeeded)),
      ("failed", JSON(counts.failed)), ("skipped", JSON(counts.skipped)), ("toleranceHeld", JSON(holds)),
      ("seconds", JSON(Double(milliseconds) / 1000)),
      ("bytesRead", JSON(run?.progress.bytesRead ?? 0)),
      (
        "errors",
        JSON(members: (run?.errorCounts ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })
      ),
    ]
    if let times {
      members.append(("executionsWatched", JSON(times.executions)))
      members.append(("states", JSON(times.states.map(Self.json))))
    }
    switch ending {
    case .badRow(let row, let message):
      members.append(("row", JSON(row)))
      members.append(("message", JSON(message)))
    case .source(let name, let error): members.append(("message", JSON("\(name): \(error)")))
    case .output(let error): members.append(("message", JSON(error.message)))
    case .runtime(let message): members.append(("message", JSON(message)))
    case .completed, .stopped, .tooManyFailures: break
    }
    if let places = command.places {
      members.append(("results", JSON(places.paths.results)))
      members.append(("failures", JSON(places.paths.failures)))
    }
    let text = JSON(members: members).utf8 + [UInt8(ascii: "\n")]
    do {
      if let path = command.summaryPath { try OutputFile.replace(path, with: text) }
      try command.writeSummary(text)
    } catch {
      terminal.write("stepmill map: the summary could not be written: \(error)\n", to: .error)
    }
  }
}
