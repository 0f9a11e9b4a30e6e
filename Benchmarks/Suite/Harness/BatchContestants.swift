// Rows of files: what `stepmill map` does, on W4's items and W4's iterator. The yardsticks are the
// same items in memory (W4 itself), and jq, which people reshape such files with.
//
// Everything that a run does counts: reading, starting, writing results, checkpoints; all threads
// share the core that the benchmark is pinned to.

import BenchmarkWorkloads
import Stepmill
import StepmillBatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func batchBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let data = BatchData(rows: min(size.rows, 200_000))
  return [
    Benchmark(
      "batch", "\(data.rows) rows of W4 through W4's iterator, one core; an item is a row",
      units: [.itemsPerSecond], times: data.rows, rounds: size.isShort ? nil : 5,
      contestants: [
        inMemory(data),
        batchRun(data, "JSONL on disk", variant: "jsonl") { $0.jsonLines },
        batchRun(data, "CSV on disk", variant: "csv") { $0.csv },
      ] + jq(data)),
    Benchmark(
      "batch-loops", "\(size.batchLoops) rows as JSONL, by the clock on the wall", units: [.itemsPerSecond],
      clock: .wall, pinned: false, times: size.batchLoops, rounds: size.isShort ? nil : 5,
      contestants: batchCores.map { batchLoops(data, $0, rows: size.batchLoops) }),
    Benchmark(
      "batch-checkpoints", "the same rows, a checkpoint every \(frequentCheckpoint) ms or only at the end",
      units: [.itemsPerSecond], clock: .wall, pinned: false, times: data.rows, rounds: size.isShort ? nil : 5,
      contestants: [
        batchCheckpoints(data, size, every: nil, variant: "none"),
        batchCheckpoints(data, size, every: frequentCheckpoint, variant: "frequent"),
      ]),
    Benchmark(
      "batch-first", "share of a file of 1 GB that has been read when its first row runs", units: [.ratio],
      pinned: false, times: 1, rounds: 3, warmsUp: false, contestants: [batchFirstRow(data)]),
    Benchmark(
      "batch-growth", "runs over more and more rows: a row's price", units: [.nanosecondsPerItem], rounds: 3,
      contestants: size.batchGrowth.map { batchGrowth(data, $0) }),
    Benchmark(
      "batch-resident", "memory that a run takes at its peak", units: [.bytes], pinned: false, rounds: 1,
      warmsUp: false, contestants: size.batchResident.map { batchResident(data, $0) }),
    Benchmark(
      "batch-beside", "W3 arriving by schedule at one loop, alone and beside a run over rows",
      units: [.latencyP50, .latencyP99], clock: .wall, pinned: false, rounds: size.isShort ? 1 : 3,
      warmsUp: false,
      contestants: [nil, .normal, .background].map { batchBeside(data, $0, seconds: size.latencySeconds) }),
  ]
}

extension SuiteSize {
  /// Rows of runs, to show that a row's price stays and that memory does.
  var batchGrowth: [Int] { rows < 200_000 ? [10, 100] : [1000, 10_000, 100_000, min(rows, 1_000_000)] }
  /// Enough that four loops are busy for a while: what a run takes to begin and to make its files
  /// last is the same for one.
  var batchLoops: Int { rows < 200_000 ? rows : 800_000 }
  var batchResident: [Int] { rows < 1_000_000 ? [rows] : [1_000_000, rows] }
}

/// So many times as often as usual, since a short run would not see one.
private let frequentCheckpoint = 100
let usualCheckpoints = 20.0

/// Loops to try: one with everything else on its core, and all there are.
private var batchCores: [Int] {
  let all = max(1, Affinity.current()?.cores.count ?? 1)
  return all == 1 ? [1] : [1, all]
}

/// Why jq is not there to be compared with.
let skippedJQ: String? = jqPath == nil ? "jq over the rows of W4: jq is missing (Debian: jq)" : nil

private let jqPath = ["/usr/bin/jq", "/usr/local/bin/jq"].first { (path: String) in
  unsafe access(path, X_OK) == 0
}

/// Files that are made when they are first asked for, and removed at the end.
private final class BatchData: Sendable {
  let rows: Int
  private let made = Mutex<Folder?>(nil)

  final class Folder: Sendable {
    let path: String

    init() {
      var template = Array("/tmp/stepmill-bench-XXXXXX".utf8CString)
      guard unsafe mkdtemp(&template) != nil else { preconditionFailure("/tmp takes no directory") }
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file from the lines that `body` puts.
    func write(_ name: String, _ body: (_ put: (String) -> Void) -> Void) {
      guard let file = unsafe fopen("\(path)/\(name)", "w") else { preconditionFailure("/tmp takes no file") }
      body { unsafe fputs($0, file) }
      unsafe fclose(file)
    }

    func clear() {
      for name in ["results.jsonl", "failures.jsonl", "checkpoint.json"] { unsafe unlink("\(path)/\(name)") }
    }

    deinit {
      clear()
      for name in ["rows.jsonl", "rows.csv", "large.jsonl"] { unsafe unlink("\(path)/\(name)") }
      unsafe rmdir(path)
    }
  }

  init(rows: Int) { self.rows = rows }

  var folder: Folder {
    made.withLock { made in
      if let made { return made }
      let folder = Folder()
      made = folder
      let items = (try? JSON(parsing: Workload.fanOut().input))?["items"]?.array.map(Array.init) ?? []
      let lines = items.map { $0.text + "\n" }
      let records = items.map { item in
        "\(item["id"]!.string!),\(item["qty"]!.text),\(item["price"]!.text),\"\(item["name"]!.string!)\","
          + "\(item["wh"]!["zone"]!.string!),\"\(item["note"]!.string!)\"\n"
      }
      folder.write("rows.jsonl") { put in
        for row in 0..<rows { put(lines[row % lines.count]) }
      }
      folder.write("rows.csv") { put in
        put("id,qty,price,name,zone,note\n")
        for row in 0..<rows { put(records[row % records.count]) }
      }
      return folder
    }
  }

  var jsonLines: BatchSource { BatchSource(path: folder.path + "/rows.jsonl", content: .rows(.jsonLines)) }

  /// So many rows: the same file again and again.
  func jsonLines(_ count: Int) -> [BatchSource] {
    Array(repeating: jsonLines, count: (count + rows - 1) / rows)
  }

  /// Rows at the beginning of a file of 1 GB, and a hole behind them.
  var large: BatchSource {
    let path = folder.path + "/large.jsonl"
    if unsafe access(path, F_OK) != 0 {
      let line = "{\"id\":\"item\",\"qty\":1,\"price\":2.5,\"wh\":{\"zone\":\"Z1\"}}\n"
      folder.write("large.jsonl") { put in for _ in 0..<200_000 { put(line) } }
      unsafe truncate(path, 1 << 30)
    }
    return BatchSource(path: path, content: .rows(.jsonLines))
  }

  var csv: BatchSource { BatchSource(path: folder.path + "/rows.csv", content: .rows(.csv())) }
}

/// W4's iterator as a machine of its own; for CSV, whose fields are strings, with `States.StringToJson`.
private func iterator(csv: Bool) -> [UInt8] {
  let number = { (name: String) in csv ? "States.StringToJson($.\(name))" : "$.\(name)" }
  let zone = csv ? "$.zone" : "$.wh.zone"
  return Array(
    """
    {"StartAt":"Mark","States":{
    "Mark":{"Type":"Pass","Result":{"stage":"in"},"ResultPath":"$.mark","Next":"Calc"},
    "Calc":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:calc",
    "Parameters":{"qty.$":"\(number("qty"))","price.$":"\(number("price"))"},"ResultPath":"$.calc","Next":"Shape"},
    "Shape":{"Type":"Pass","Parameters":{"id.$":"$.id","total.$":"$.calc.total","stage.$":"$.mark.stage",
    "zone.$":"\(zone)"},"End":true}}}
    """.utf8)
}

private func inMemory(_ data: BatchData) -> Contestant {
  let workload = Workload.fanOut()
  let prepared = Lazily { Prepared(workload.definition) }
  return Contestant(.stepmill, "W4 in memory", variant: "memory") { _ in
    var output: [UInt8] = []
    let times = max(1, data.rows / 1000)
    try prepared.value.run(workload.input, times: times, into: &output)
    return Tally(executions: times * 1000)
  }
}

private func batchRun(
  _ data: BatchData, _ detail: String, variant: String,
  _ source: @escaping @Sendable (BatchData) -> BatchSource
) -> Contestant {
  let prepared = Lazily { Prepared(iterator(csv: variant == "csv"), loops: 1) }
  return Contestant(.stepmill, detail, variant: variant) { _ in
    let source = source(data)
    let workflow = prepared.value.workflow
    let begun = Clock.process.seconds()
    try await runBatch(workflow, [source], data.folder, rows: data.rows)
    return Tally(executions: data.rows, seconds: Clock.process.seconds() - begun)
  }
}

/// With one loop, all threads share one core; else they have all there are.
private func batchLoops(_ data: BatchData, _ loops: Int, rows: Int) -> Contestant {
  let name = loops == 1 ? "1 loop, reader and writer on one core" : "\(loops) loops on \(loops) cores"
  return Contestant(.stepmill, name, variant: "\(loops)") { _ in
    let sources = data.jsonLines(rows)
    let before = Affinity.current()
    if loops == 1, let core = before?.cores.last { Affinity.core(core).apply() }
    defer { before?.apply() }
    let prepared = Prepared(iterator(csv: false), loops: loops)
    let begun = Clock.wall.seconds()
    try await runBatch(prepared.workflow, sources, data.folder, rows: rows)
    let seconds = Clock.wall.seconds() - begun
    await prepared.runtime.shutDown(waiting: .zero)
    return Tally(executions: rows, seconds: seconds)
  }
}

private func batchCheckpoints(
  _ data: BatchData, _ size: SuiteSize, every milliseconds: Int?, variant: String
) -> Contestant {
  let prepared = Lazily { Prepared(iterator(csv: false), loops: 1) }
  let rows = data.rows * (size.rows < 200_000 ? 1 : 3)
  return Contestant(
    .stepmill, milliseconds.map { "every \($0) ms" } ?? "one at the end", variant: variant
  ) { _ in
    var options = BatchRun.Options()
    options.checkpointMilliseconds = milliseconds ?? 1 << 40
    let sources = data.jsonLines(rows)
    let begun = Clock.wall.seconds()
    try await runBatch(prepared.value.workflow, sources, data.folder, options, rows: rows)
    return Tally(executions: rows, seconds: Clock.wall.seconds() - begun)
  }
}

/// What a row takes from the file to its result. The files that a run leaves are not made: to
/// make them last takes some milliseconds, whatever is in them.
private func batchGrowth(_ data: BatchData, _ rows: Int) -> Contestant {
  let prepared = Lazily { Prepared(iterator(csv: false), loops: 1) }
  return Contestant(.stepmill, "\(rows) rows", variant: "\(rows)", times: rows) { _ in
    let runs = max(1, min(data.rows, 20_000) / rows)
    let sources = data.jsonLines(rows)
    var options = BatchRun.Options()
    options.limit = rows
    let begun = Clock.process.seconds()
    for _ in 0..<runs {
      let control = MapRun()
      let run = BatchRun(
        prepared.value.workflow, sources: sources, sink: Forgetful(), options: options, control: control)
      _ = await withCheckedContinuation { continuation in run.start { continuation.resume(returning: $0) } }
      run.join()
      guard control.counters.succeeded == rows else { throw BenchmarkError.failed("rows got lost") }
    }
    return Tally(executions: rows * runs, seconds: Clock.process.seconds() - begun)
  }
}

@discardableResult
private func runBatch(
  _ workflow: Workflow, _ sources: [BatchSource], _ folder: BatchData.Folder,
  _ options: BatchRun.Options = BatchRun.Options(), rows: Int
) async throws -> BatchCounts {
  folder.clear()
  let places = BatchPlaces(
    results: folder.path + "/results.jsonl", failures: folder.path + "/failures.jsonl",
    checkpoint: folder.path + "/checkpoint.json")
  let files = try BatchFiles(places, identity: "bench", isOrdered: false, start: .fresh)
  let run = BatchRun(workflow, sources: sources, sink: files, options: options)
  let ending = await withCheckedContinuation { continuation in
    run.start { continuation.resume(returning: $0) }
  }
  run.join()
  guard ending == .completed, files.counts.succeeded == rows else {
    throw BenchmarkError.failed(
      "a run over rows ended \(ending), \(files.counts.succeeded) of \(rows) rows done")
  }
  return files.counts
}

/// The same reshaping in jq, a process of its own: its processor time.
private func jq(_ data: BatchData) -> [Contestant] {
  guard let path = jqPath else { return [] }
  return [
    Contestant(.handwritten, "jq -c", variant: "jq") { _ in
      let filter = #"{id,total:(.qty*.price),stage:"in",zone:.wh.zone}"#
      let seconds = try childSeconds(
        [path, "-c", filter, data.jsonLines.path], output: data.folder.path + "/results.jsonl")
      return Tally(executions: data.rows, seconds: seconds)
    }
  ]
}

/// Runs a program to its end and returns its processor time.
private func childSeconds(_ words: [String], output: String) throws -> Double {
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  var arguments = unsafe words.map { unsafe strdup($0) }
  unsafe arguments.append(nil)
  defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
  var child = pid_t()
  let code = unsafe posix_spawn(&child, words[0], &actions, nil, &arguments, environ)
  guard code == 0 else { throw BenchmarkError.failed("\(words[0]) does not start (error \(code))") }
  var status: Int32 = 0
  var usage = rusage()
  guard unsafe wait4(child, &status, 0, &usage) == child, status == 0 else {
    throw BenchmarkError.failed("\(words[0]) failed")
  }
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// How much has been read when the first row runs.
private func batchFirstRow(_ data: BatchData) -> Contestant {
  Contestant(.stepmill, "JSONL, the run is cancelled then") { _ in
    let source = data.large
    let seen = Mutex<(run: BatchRun?, share: Double?)>((nil, nil))
    let first = TaskHandler.synchronous { call throws(TaskFailure) in
      seen.withLock { seen in
        guard seen.share == nil, let progress = seen.run?.progress, let total = progress.bytesTotal else {
          return
        }
        seen.share = Double(progress.bytesRead) / Double(total)
      }
      call.succeed(call.input)
    }
    let prepared = Prepared(iterator(csv: false), loops: 1, handlers: ["calc": first])
    let control = MapRun()
    let run = BatchRun(
      prepared.workflow, sources: [source], sink: Forgetful(), control: control)
    seen.withLock { $0.run = run }
    _ = await withCheckedContinuation { continuation in
      run.start { continuation.resume(returning: $0) }
      control.cancel(whenStarted: 1)
    }
    run.join()
    let share = seen.withLock { seen in
      seen.run = nil
      return seen.share
    }
    await prepared.runtime.shutDown(waiting: .zero)
    guard let share else { throw BenchmarkError.failed("no row has run") }
    return Tally(executions: 1, ratio: share)
  }
}

extension MapRun {
  /// Cancels when so many have ended; it looks again and again.
  fileprivate func cancel(whenStarted count: Int) {
    onOwnThread { [self] in
      while counters.succeeded + counters.failed < count { usleep(200) }
      cancel()
    }
  }
}

/// What a run takes at its peak, whatever the number of its rows.
private func batchResident(_ data: BatchData, _ rows: Int) -> Contestant {
  Contestant(.stepmill, "\(rows) rows of W4", variant: "\(rows)", times: rows) { _ in
    let sources = data.jsonLines(rows)
    let prepared = Prepared(iterator(csv: false), loops: 1)
    let baseline = residentBytes()
    resetPeakMemory()
    var options = BatchRun.Options()
    options.limit = rows
    try await runBatch(prepared.workflow, sources, data.folder, options, rows: rows)
    await prepared.runtime.shutDown(waiting: .zero)
    return Tally(executions: rows, bytes: max(0, peakResidentBytes() - baseline))
  }
}

/// W3 that somebody waits for, 10,000 times a second, while a run over rows takes the rest of the
/// loop, as executions like all others or as the background that it is.
private func batchBeside(_ data: BatchData, _ priority: MapRun.Priority?, seconds: Double) -> Contestant {
  let workload = Workload.order(retryIntervalSeconds: 0)
  let (variant, detail) =
    switch priority {
    case nil: ("alone", "alone")
    case .normal: ("normal", "beside rows, all in one line")
    case .background: ("background", "beside rows in the background")
    }
  return Contestant(.stepmill, detail, variant: variant, times: 1) { _ in
    let prepared = Prepared(workload.definition, loops: 1)
    let rows = try prepared.runtime.workflow(utf8: iterator(csv: false))
    let count = max(10, Int(seconds * 10_000))
    let control = MapRun(priority: priority ?? .background)
    var run: BatchRun?
    if priority != nil {
      // More than can be done meanwhile.
      run = BatchRun(
        rows, sources: data.jsonLines(data.rows * 500), sink: Forgetful(), control: control)
      run?.start { _ in }
      while control.counters.succeeded == 0 { try await Task.sleep(for: .milliseconds(1)) }
    }
    let latencies = try await OpenLoop(
      prepared, workload.input, count: count, nanosecondsBetween: 100_000
    ).run()
    control.cancel()
    run?.join()
    await prepared.runtime.shutDown(waiting: .zero)
    return Tally(executions: count, seconds: Double(count) / 10_000, latencies: latencies)
  }
}

/// Takes results and keeps nothing.
private final class Forgetful: BatchSink, Sendable {
  var done: DoneRows { DoneRows() }
  var counts: BatchCounts { BatchCounts() }
  var bytesKept: Int { 0 }
  func write(_ block: borrowing ResultLines) throws(BatchError) {}
  func checkpoint(milliseconds: Int) throws(BatchError) {}
  func finish(isComplete: Bool, milliseconds: Int) throws(BatchError) {}
}
