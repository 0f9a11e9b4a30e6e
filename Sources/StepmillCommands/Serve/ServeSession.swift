import Stepmill
import StepmillHTTP
import StepmillIntegrations
import StepmillServer
import StepmillStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A server from its start to its end.
struct ServeSession {
  private let settings: ServeSettings
  private let terminal: Terminal
  private let log: ServeLog
  private let phase = ServePhase()

  init(_ settings: ServeSettings, _ terminal: Terminal) {
    self.settings = settings
    self.terminal = terminal
    log = ServeLog(terminal)
  }

  func run() throws(CommandError) -> ExitStatus {
    let access = try ServeAccess(settings, terminal)
    var files = try ServeFiles(settings, log)
    let loop: CommandLoop
    do throws(SystemError) {
      loop = try CommandLoop()
      if terminal.takesSignals { try loop.watch([SIGINT, SIGTERM, SIGHUP]) }
    } catch {
      throw failure("the system refuses: \(error)")
    }
    defer { loop.close() }
    let runtime = try makeRuntime()
    let identifiers = IdentifierSource(seed: UInt64.random(in: 0 ... .max))
    let disk = try openDisk()
    let integrations = Integrations(settings.integrations, on: runtime) { identifiers.uuid() }
    let logs = LogStore(bytesMax: settings.limits.logBytes, then: integrations.log)
    let service = StepFunctionsService(
      host: runtime, configuration: settings.limits.configuration,
      store: disk ?? MemoryStore(retention: settings.retention), identifiers: identifiers,
      tasks: integrations.resolvers, log: logs, status: integrations.status,
      mapStorage: settings.buckets.storage(integrations.buckets))
    let server = try listen(runtime, service, access, identifiers, disk, integrations, logs)
    welcome(server)
    waitForSignal(loop, integrations, &files)
    service.dismissWorkers()
    end(server, integrations, runtime, loop)
    files.check(integrations.counters.files)
    do throws(StoreError) {
      try disk?.close()
    } catch {
      throw failure("\(error)")
    }
    return .success
  }

  private func openDisk() throws(CommandError) -> SQLiteStore? {
    guard let directory = settings.dataDirectory else { return nil }
    try makeDirectory(directory)
    do throws(StoreError) {
      return try SQLiteStore(
        directory: directory, retention: settings.retention, durability: settings.durability
      ) { [log] notice in
        switch notice {
        case .passedOver(let what): log.warn(what)
        case .refuses(let why): log.warn(why)
        case .takes: log.note("changes are stored again")
        }
      }
    } catch {
      throw failure("\(error)")
    }
  }

  /// Some file systems say of what cannot be made that it does not exist. The store would take it that the
  /// directory around it is missing.
  private func makeDirectory(_ path: String) throws(CommandError) {
    guard unsafe mkdir(path, 0o700) != 0, errno == ENOENT else { return }
    let reason = SystemError(code: errno)
    var parts = path.split(separator: "/")
    guard parts.popLast() != nil else { return }
    let parent = (path.hasPrefix("/") ? "/" : "./") + parts.joined(separator: "/")
    guard unsafe access(parent, F_OK) == 0 else { return }
    throw failure("the directory \(path) cannot be made in \(parent): \(reason); choose another one")
  }

  private func failure(_ message: String) -> CommandError {
    CommandError(message, isAboutUsage: false, status: .failure)
  }

  private func makeRuntime() throws(CommandError) -> Runtime {
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      if let loops = settings.loops { configuration.loops = loops }
      configuration.limits = settings.limits.configuration.standardLimits
      configuration.region = settings.region
      configuration.account = settings.account
      return try Runtime(configuration)
    } catch {
      throw failure("the engine could not be started: \(error)")
    }
  }

  private func listen(
    _ runtime: Runtime, _ service: StepFunctionsService, _ access: ServeAccess,
    _ identifiers: IdentifierSource, _ disk: SQLiteStore?, _ integrations: Integrations, _ logs: LogStore
  ) throws(CommandError) -> HTTPServer {
    var configuration = HTTPServer.Configuration()
    configuration.limits = settings.limits.http
    configuration.tls = settings.tls
    configuration.log = settings.logsRequests ? AccessLog() : nil
    configuration.onTrouble = { [log] in log.warn($0) }
    let pages = OperatorPages(
      runtime: runtime, version: Version.number,
      readiness: { [phase] in
        if let problem = disk?.health.problem { return .notReady(problem) }
        return phase.readiness
      },
      more: { (disk.map { Self.metrics($0.health) } ?? []) + Self.metrics(integrations) })
    let handler = ServiceHandler(
      service, access: access, pages: pages, logs: LogService(logs) { ClientText.now },
      identifiers: identifiers)
    do throws(HTTPServerError) {
      let server = try HTTPServer(
        on: runtime, at: settings.addresses, handler: handler, configuration: configuration)
      pages.show(server)
      return server
    } catch {
      throw failure("\(error)")
    }
  }

  private static func metrics(_ health: StoreHealth) -> [Metric] {
    [
      Metric("stepmill_store_ready", .gauge, health.isReady ? 1 : 0, help: "Whether changes can be stored."),
      Metric(
        "stepmill_store_queue", .gauge, Double(health.queueDepth), help: "Changes that wait to be written."),
      Metric(
        "stepmill_store_waiters", .gauge, Double(health.waiters), help: "Answers that wait for the disk."),
      Metric("stepmill_store_rows_total", .counter, Double(health.rowsWritten), help: "Rows written."),
      Metric(
        "stepmill_store_transactions_total", .counter, Double(health.transactions), help: "Batches written."),
      Metric("stepmill_store_failures_total", .counter, Double(health.failures), help: "Writes that failed."),
      Metric("stepmill_store_bytes", .gauge, Double(health.bytes), help: "The size of the database."),
    ]
  }

  private static func metrics(_ integrations: Integrations) -> [Metric] {
    let counters = integrations.counters
    let commands = integrations.commands
    let all = [counters.logs, counters.status, counters.files]
    return [
      Metric(
        "stepmill_told_total", .counter, Double(all.reduce(0) { $0 + $1.delivered }),
        help: "Log records and events that were delivered."),
      Metric(
        "stepmill_told_dropped_total", .counter, Double(all.reduce(0) { $0 + $1.dropped + $1.failed }),
        help: "Log records and events that nobody took."),
      Metric(
        "stepmill_commands_running", .gauge, Double(commands.running), help: "Commands under way."),
      Metric(
        "stepmill_commands_waiting", .gauge, Double(commands.waiting), help: "Tasks that wait for a command."),
    ]
  }

  // MARK: From the start to the end

  private func welcome(_ server: HTTPServer) {
    for address in server.addresses where !address.isLocal && settings.credentialsFile == nil {
      log.warn(
        "anybody who reaches \(address) can start executions; --credentials lets in only those who sign with a key"
      )
    }
    let scheme = settings.tls == nil ? "http" : "https"
    let urls = server.addresses.map { address in
      if case .tcp = address { return "\(scheme)://\(address)" }
      return "\(address)"
    }
    terminal.write("stepmill \(Version.number) listens on \(urls.joined(separator: ", "))\n")
    if terminal.isTerminal(.output), let url = urls.first {
      let style = terminal.style(.output)
      terminal.write(
        """
        \(style.dim("Kept in:"))  \(settings.dataDirectory ?? "memory; --data DIR keeps it on disk")
        \(style.dim("boto3:"))    boto3.client("stepfunctions", endpoint_url="\(url)", region_name="\(settings.region)",
                    aws_access_key_id="test", aws_secret_access_key="test",
                    config=botocore.config.Config(inject_host_prefix=False))
        \(style.dim("AWS CLI:"))  aws stepfunctions list-state-machines --endpoint-url \(url)
        \(style.dim("To end:"))   Ctrl-C

        """)
    }
    log.note("ready", [("addresses", urls.joined(separator: " "))])
  }

  private func waitForSignal(_ loop: CommandLoop, _ integrations: Integrations, _ files: inout ServeFiles) {
    var signal: Int32?
    loop.onSignal = { number in
      // The second one does not wait for anything.
      if signal != nil { exit(128 + number) }
      signal = number
    }
    while !files.isEmpty, signal == nil {
      loop.sleep(milliseconds: 1000) { signal != nil }
      files.check(integrations.counters.files)
    }
    loop.run { signal != nil }
    log.note("draining", [("signal", signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "SIGHUP")])
    phase.set(.notReady("the server ends"))
  }

  private func end(
    _ server: HTTPServer, _ integrations: Integrations, _ runtime: Runtime, _ loop: CommandLoop
  ) {
    let drained = Box()
    server.drain(milliseconds: settings.drainMilliseconds) {
      loop.post { _ in drained.isSet = true }
    }
    loop.run { drained.isSet }
    // Before the tasks' commands and calls are ended: no execution should see that as a failure of
    // its own, and go on from there.
    let running = runtime.counters.inFlight
    runtime.abortAll()
    let told = Box()
    integrations.close(withinMilliseconds: settings.drainMilliseconds) {
      loop.post { _ in told.isSet = true }
    }
    loop.run { told.isSet }
    let over = Box()
    Task.detached {
      await runtime.shutDown(waiting: .zero)
      loop.post { _ in over.isSet = true }
    }
    loop.run { over.isSet }
    log.note("ended", [("executionsEnded", String(running))])
  }
}

/// Belongs to the thread of the command's loop, and is only carried by others.
private final class Box: @unchecked Sendable {
  var isSet = false
}

/// Whether the server takes requests, for whoever asks on any thread.
private final class ServePhase: Sendable {
  private let state = Lock(Readiness.ready)
  var readiness: Readiness { state.withLock { $0 } }
  func set(_ readiness: Readiness) { state.withLock { $0 = readiness } }
}
