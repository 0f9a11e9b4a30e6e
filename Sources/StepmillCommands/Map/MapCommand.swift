import Stepmill
import StepmillBatch
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What `stepmill map` was asked to do: read from the command line (or from the run that is
/// taken up) before anything happens.
struct MapCommand {
  let terminal: Terminal
  let definition: CompiledDefinition
  let tasks: TaskSources
  let sources: [BatchSource]
  var options: BatchRun.Options
  let limits: Limits
  let loops: Int
  let concurrency: Int
  let isOrdered: Bool
  let isQuiet: Bool
  let showsStates: Bool
  let isDryRun: Bool
  let isRetry: Bool
  /// Nil: results go to standard output.
  let places: MapPlaces?
  let start: BatchFiles.Start
  let summaryPath: String?
  private let buckets: BucketPlaces
  /// S3, where rows come from there or results go there.
  private let remote: RemoteObjects?
  private let identity: JSON
  private let call: JSON

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.terminal = terminal
    isQuiet = arguments.has("--quiet")
    showsStates = try arguments.choice("--progress", of: MapArguments.Progress.self) == .states
    if isQuiet, arguments.has("--progress") {
      throw CommandError("--quiet and --progress exclude each other")
    }
    isDryRun = arguments.has("--dry-run")
    isRetry = arguments.has("--retry-failed")
    summaryPath = arguments.value("--summary")
    places = try (arguments.value("--retry-failed") ?? arguments.value("--out")).flatMap {
      (path) throws(CommandError) in
      path == "-"
        ? nil
        : try MapPlaces(path, makesDirectory: !arguments.has("--retry-failed") && !arguments.has("--dry-run"))
    }
    try Self.checkCombination(arguments, places)
    let known = isRetry ? try Self.known(places) : nil

    let workflow = arguments.operands.first ?? known?.call["workflow"]?.string
    guard let workflow else {
      throw CommandError("WORKFLOW is missing: the definition in Amazon States Language")
    }
    let text = try DefinitionText.load(workflow, terminal)
    let (compiled, diagnostics) = CompiledDefinition.compile(text.json)
    text.print(diagnostics, terminal)
    guard let compiled else { throw text.cannotRun(diagnostics) }
    definition = compiled
    let words =
      arguments.has("--task")
      ? arguments.values("--task") : known?.call["tasks"]?.array?.compactMap(\.string) ?? []
    let mocksPath = arguments.value("--mocks") ?? known?.call["mocks"]?.string
    var mocks: Mocks?
    if let mocksPath, !isDryRun { mocks = try Mocks.load(mocksPath, for: definition, terminal) }
    tasks = TaskSources(tasks: definition.tasks, commands: try RunCommand.commands(words), mocks: mocks)
    if !isDryRun { try tasks.check(definition, terminal) }

    limits = try RunCommand.limits(arguments)
    let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    loops = try arguments.number("--loops", in: 1...1024) ?? processors
    concurrency = try arguments.number("--concurrency", in: 1...1_000_000) ?? 1000
    let shape = try MapArguments.shape(arguments)
    var options = BatchRun.Options()
    options.shape = isRetry ? RowShape() : shape
    options.limit = try arguments.number("--limit", in: 1...Int.max)
    options.badRows = try arguments.choice("--bad-rows", of: BatchRun.Options.BadRows.self) ?? .fail
    options.tolerance = try MapArguments.tolerance(arguments.value("--tolerate"))
    if let text = arguments.value("--checkpoint") {
      guard let seconds = Double(text), seconds >= 0, seconds <= 86400 else {
        throw CommandError("option '--checkpoint' takes seconds from 0 to 86400, not '\(text)'")
      }
      options.checkpointMilliseconds = Int(seconds * 1000)
    } else if places?.address != nil {
      // Each makes a part.
      options.checkpointMilliseconds = 60_000
    }
    if isRetry {
      // Its rows may be such that were recorded for being no JSON.
      if !arguments.has("--bad-rows") { options.badRows = .record }
      buckets = BucketPlaces()
      remote = nil
      sources = [BatchSource(path: places?.paths.failures ?? "", content: .failures)]
      isOrdered = known?.identity["options"]?["ordered"]?.bool ?? false
      options.isBare = known?.identity["options"]?["bare"]?.bool ?? false
    } else {
      buckets = BucketPlaces(
        directories: try BucketOptions.directories(arguments.values("--bucket")),
        configuration: try BucketOptions.configuration(arguments, terminal))
      let isRemote =
        places?.address != nil || arguments.operands.dropFirst().contains { MapArguments.isObject($0) }
      remote = isRemote && buckets.hasObjectStore ? try RemoteObjects(buckets) : nil
      sources = try MapArguments.sources(arguments, buckets, remote?.store)
      isOrdered = arguments.has("--ordered")
      options.isBare = arguments.has("--bare")
    }
    self.options = options

    // Spaces and line ends do not make another workflow.
    let canonical = (try? JSON(parsing: text.json).utf8) ?? text.json
    let hash = JSON(unsafe canonical.withUnsafeBytes { unsafe ContentDigest.sha256($0) })
    if let known {
      start = .retry(force: arguments.has("--force"))
      identity = JSON(
        members: known.identity.object?.map { ($0.key, $0.key == "workflow" ? hash : $0.value) } ?? [])
      call = known.call
    } else {
      start = arguments.has("--resume") ? .resume(force: arguments.has("--force")) : .fresh
      identity = [
        "workflow": hash, "input": try Self.fingerprints(sources),
        "options": try MapArguments.identity(arguments, shape: shape),
      ]
      call = [
        "workflow": JSON(Self.absolute(workflow)), "tasks": JSON(words.map { JSON($0) }),
        "mocks": mocksPath.map { JSON(Self.absolute($0)) } ?? .null,
      ]
    }
  }

  private static func checkCombination(_ arguments: Arguments, _ places: MapPlaces?) throws(CommandError) {
    let isRetry = arguments.has("--retry-failed")
    if isRetry, let address = places?.address {
      throw CommandError(
        "--retry-failed takes a directory or a file, not '\(address)'. Fetch the objects, put the parts one "
          + "behind the other into results.jsonl and failures.jsonl beside checkpoint.json, and name that directory",
        isAboutUsage: false)
    }
    if isRetry {
      for option in [
        "--out", "--resume", "--limit", "--sample", "--batch", "--param", "--format", "--ordered", "--bare",
      ]
      where arguments.has(option) {
        throw CommandError("\(option) and --retry-failed exclude each other")
      }
      if arguments.operands.count > 1 {
        throw CommandError(
          "--retry-failed takes its rows from the run; '\(arguments.operands[1])' is too much")
      }
      return
    }
    guard arguments.operands.count > 0 else {
      throw CommandError("WORKFLOW is missing: the definition in Amazon States Language")
    }
    guard arguments.operands.count > 1 else { throw CommandError("ROWS is missing: files with rows") }
    let inputs = arguments.operands.count { $0 == "-" }
    if inputs > 1 { throw CommandError("only one of the arguments can be standard input") }
    if arguments.has("--resume"), places == nil {
      throw CommandError("--resume needs the --out of the run that was interrupted")
    }
    if arguments.has("--sample"), arguments.operands.contains("-") {
      throw CommandError("--sample reads its files twice, which standard input does not allow")
    }
  }

  private static func known(_ places: MapPlaces?) throws(CommandError) -> BatchCheckpoint {
    guard let places else {
      throw CommandError("--retry-failed takes the output of a run, not standard output")
    }
    do throws(BatchError) {
      if let known = try BatchCheckpoint.read(places.paths.checkpoint, SystemFileStore()) { return known }
    } catch {
      throw .data(error.message)
    }
    throw .data("there is no run whose failures could run again: '\(places.paths.checkpoint)' is missing")
  }

  private static func fingerprints(_ sources: [BatchSource]) throws(CommandError) -> JSON {
    var marks: [JSON] = []
    for source in sources {
      do throws(RowError) {
        marks.append(try source.fingerprint())
      } catch {
        throw .data(error.description)
      }
    }
    return JSON(marks)
  }

  private static func absolute(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  // MARK: Running

  func run() throws(CommandError) -> ExitStatus {
    defer { remote?.close() }
    if isDryRun { return try MapPreview(self).show() }
    var command = self
    if let sample = try sampleOptions() { command.options.sample = sample }
    return try MapSession(command, sink: try command.openSink()).run()
  }

  private func sampleOptions() throws(CommandError) -> (count: Int, of: Int, seed: UInt64)? {
    guard let wanted = sampleWanted else { return nil }
    do throws(RowError) {
      let total = try BatchCount.rows(of: sources, options)
      return (wanted.count, total, wanted.seed)
    } catch {
      throw .data(error.description)
    }
  }

  private var sampleWanted: (count: Int, seed: UInt64)? {
    guard let sample = identity["options"]?["sample"], let count = sample["count"]?.int,
      let seed = sample["seed"]?.string.flatMap({ UInt64($0) })
    else { return nil }
    return isRetry ? nil : (count, seed)
  }

  private var fileStore: any FileStore {
    get throws(CommandError) {
      guard let address = places?.address else { return SystemFileStore() }
      return BucketFileStore(try bucket(address), name: address.bucket)
    }
  }

  private func bucket(_ address: ObjectAddress) throws(CommandError) -> any Bucket {
    do throws(BucketError) {
      return try buckets.bucket(address.bucket, remote?.store)
    } catch {
      throw CommandError(error.message, isAboutUsage: false)
    }
  }

  /// Leaves the summary beside results that are objects.
  func writeSummary(_ summary: [UInt8]) throws(BatchError) {
    guard let address = places?.address else { return }
    let path = BucketFileStore.summary(address)
    do {
      try fileStore.replace(path, with: summary)
    } catch {
      throw BatchError(.files, "\(error)")
    }
  }

  private func openSink() throws(CommandError) -> any BatchSink {
    guard let places else { return MapStream(terminal, isOrdered: isOrdered) }
    let store = try fileStore
    do throws(BatchError) {
      return try BatchFiles(
        places.paths, identity: identity, call: call, isOrdered: isOrdered, start: start, store: store)
    } catch {
      throw CommandError(error.message, isAboutUsage: false, status: error.kind == .files ? .failure : .usage)
    }
  }
}

/// S3 on a loop of its own, since rows are read and results written whether or not any execution
/// runs.
private struct RemoteObjects {
  let store: S3Buckets?
  private let runtime: Runtime

  init(_ buckets: BucketPlaces) throws(CommandError) {
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      configuration.loops = 1
      runtime = try Runtime(configuration)
    } catch {
      throw CommandError("\(error)", isAboutUsage: false, status: .failure)
    }
    store = S3Buckets(buckets.configuration, on: runtime)
  }

  func close() { store?.close() }
}

/// Where the files of a run lie.
struct MapPlaces {
  let paths: BatchPlaces
  /// Where they are objects.
  let address: ObjectAddress?

  init(_ path: String, makesDirectory: Bool) throws(CommandError) {
    if MapArguments.isObject(path) {
      let folder = path.dropFirst(5).contains("/") ? path : path + "/"
      guard let address = ObjectAddress(uri: folder) else {
        throw CommandError("'\(path)' names no bucket: s3://BUCKET/PREFIX does")
      }
      self.address = address
      paths = BucketFileStore.places(address)
      return
    }
    address = nil
    let kind = FileKind.of(path)
    let name = path.split(separator: "/").last ?? ""
    let isDirectory = kind == .directory || path.hasSuffix("/") || (kind == .missing && !name.contains("."))
    guard isDirectory else {
      paths = BatchPlaces(
        results: path, failures: "\(path).failures.jsonl", checkpoint: "\(path).checkpoint.json")
      return
    }
    if kind == .missing, makesDirectory, unsafe mkdir(path, 0o755) != 0 {
      let error = SystemError(code: errno)
      throw CommandError("'\(path)' cannot be made: \(error)", isAboutUsage: false, status: .failure)
    }
    let folder = path.hasSuffix("/") ? path : path + "/"
    paths = BatchPlaces(
      results: folder + "results.jsonl", failures: folder + "failures.jsonl",
      checkpoint: folder + "checkpoint.json")
  }
}
