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
  let speed = Benchmark(
    "batch", "\(data.rows) rows of W4 through W4's iterator, one core; an item is a row",
    units: [.itemsPerSecond], times: data.rows, rounds: size.isShort ? nil : 5,
    contestants: [
      inMemory(data),
      batchRun(data, "JSONL on disk", variant: "jsonl") { $0.jsonLines },
      batchRun(
        data, "JSONL on disk, one checkpoint at the end", variant: "plain", checkpointMilliseconds: 1 << 40
      ) {
        $0.jsonLines
      },
      batchRun(data, "CSV on disk", variant: "csv") { $0.csv },
    ] + jq(data))
  let resident = Benchmark(
    "batch-memory", "memory that a run over small rows takes at its peak", units: [.bytes], pinned: false,
    rounds: 1,
    warmsUp: false,
    contestants: [100_000, 1_000_000, 10_000_000].filter { $0 <= size.rows }.map(batchMemory))
  return [speed] + (resident.contestants.isEmpty ? [] : [resident])
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
      for name in ["rows.jsonl", "rows.csv", "small.jsonl"] { unsafe unlink("\(path)/\(name)") }
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
  _ data: BatchData, _ detail: String, variant: String, checkpointMilliseconds: Int = 2000,
  _ source: @escaping @Sendable (BatchData) -> BatchSource
) -> Contestant {
  let prepared = Lazily { Prepared(iterator(csv: variant == "csv"), loops: 1) }
  return Contestant(.stepmill, detail, variant: variant) { _ in
    let source = source(data)
    let workflow = prepared.value.workflow
    let begun = Clock.process.seconds()
    var options = BatchRun.Options()
    options.checkpointMilliseconds = checkpointMilliseconds
    let counts = try await runBatch(workflow, source, data.folder, options, MapRun())
    let seconds = Clock.process.seconds() - begun
    guard counts.succeeded == data.rows else { throw BenchmarkError.failed("\(counts.failed) rows failed") }
    return Tally(executions: data.rows, seconds: seconds)
  }
}

private func runBatch(
  _ workflow: Workflow, _ source: BatchSource, _ folder: BatchData.Folder, _ options: BatchRun.Options,
  _ control: MapRun
) async throws -> BatchCounts {
  folder.clear()
  let places = BatchPlaces(
    results: folder.path + "/results.jsonl", failures: folder.path + "/failures.jsonl",
    checkpoint: folder.path + "/checkpoint.json")
  let files = try BatchFiles(places, identity: "bench", isOrdered: false, start: .fresh)
  let run = BatchRun(workflow, sources: [source], sink: files, options: options, control: control)
  let ending = await withCheckedContinuation { continuation in
    run.start { continuation.resume(returning: $0) }
  }
  run.join()
  guard ending == .completed else { throw BenchmarkError.failed("a run over rows ended \(ending)") }
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

/// What a run takes at its peak, whatever the number of its rows.
private func batchMemory(rows: Int) -> Contestant {
  Contestant(.stepmill, "\(rows) rows", variant: "\(rows)", times: rows) { _ in
    let folder = BatchData.Folder()
    folder.write("small.jsonl") { put in
      for row in 0..<rows { put("{\"n\":\(row)}\n") }
    }
    let source = BatchSource(path: folder.path + "/small.jsonl", content: .rows(.jsonLines))
    let prepared = Prepared(
      Array(#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#.utf8), loops: 1)
    let baseline = residentBytes()
    resetPeakMemory()
    let counts = try await runBatch(prepared.workflow, source, folder, BatchRun.Options(), MapRun())
    guard counts.succeeded == rows else { throw BenchmarkError.failed("rows got lost") }
    return Tally(executions: rows, bytes: max(0, peakResidentBytes() - baseline))
  }
}
