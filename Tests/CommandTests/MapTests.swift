import StepmillBatch
import Testing

@testable import Stepmill
@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves what `stepmill map` prints, writes, refuses and exits with.
@Suite struct MapTests {
  private static let double =
    #"{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, $.n)"},"End":true}}}"#

  private func lines(_ path: String) throws -> [JSON] {
    try InputFile.read(path).split(separator: 0x0A).map { try JSON(parsing: Array($0)) }
  }

  @Test func resultsFailuresAndSummary() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", "{\"n\":1}\n{\"x\":2}\n{\"n\":3}\n")
    let out = scratch.path + "/out"
    let ended = try await stepmill(
      "map", workflow, rows, "--out", out, "--ordered", "--summary", scratch.path + "/summary.json")
    #expect(ended.status == 1)
    #expect(ended.output == "")
    #expect(ended.error.contains("3 rows in "))
    #expect(ended.error.contains("2 succeeded, 1 failed"))
    #expect(ended.error.contains("1 × States.Runtime"))
    #expect(ended.error.contains("stepmill map --retry-failed \(out)"))
    #expect(
      try lines(out + "/results.jsonl") == [["row": 0, "output": ["n": 2]], ["row": 2, "output": ["n": 6]]])
    let failure = try #require(try lines(out + "/failures.jsonl").first)
    #expect(failure["row"] == 1)
    #expect(failure["input"] == ["x": 2])
    #expect(failure["state"] == "D")
    let summary = try JSON(parsing: InputFile.read(scratch.path + "/summary.json"))
    #expect(summary["outcome"] == "completed")
    #expect(summary["toleranceHeld"] == false)
    #expect(summary["errors"] == ["States.Runtime": 1])

    // Another run over the same output is refused; the same one has nothing left to do.
    let again = try await stepmill("map", workflow, rows, "--out", out, "--ordered")
    #expect(again.status == 2)
    #expect(again.error.contains("a finished run"))
    let resumed = try await stepmill(
      "map", workflow, rows, "--out", out, "--ordered", "--resume", "--tolerate", "50%")
    #expect(resumed.status == 0)
    #expect(resumed.error.contains("has come to its end before"))
  }

  @Test func resultsInABucket() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", "{\"n\":1}\n{\"x\":2}\n{\"n\":3}\n")
    mkdir(scratch.path + "/bucket", 0o755)
    let bucket = "b=" + scratch.path + "/bucket"
    let out = scratch.path + "/bucket/nightly/1"
    let ended = try await stepmill(
      "map", workflow, rows, "--out", "s3://b/nightly/1", "--bucket", bucket, "--ordered")
    #expect(ended.status == 1)
    #expect(
      ended.error.contains("  results: s3://b/nightly/1/results/\n  failures: s3://b/nightly/1/failures/\n"))
    #expect(!ended.error.contains("--retry-failed"))
    #expect(
      try lines(out + "/results/part-00000000.jsonl") == [
        ["row": 0, "output": ["n": 2]], ["row": 2, "output": ["n": 6]],
      ])
    #expect(try lines(out + "/failures/part-00000000.jsonl").map { $0["row"] } == [1])
    #expect(try JSON(parsing: InputFile.read(out + "/summary.json"))["succeeded"] == 2)
    #expect(try JSON(parsing: InputFile.read(out + "/checkpoint.json"))["finished"] == true)

    let again = try await stepmill("map", workflow, rows, "--out", "s3://b/nightly/1", "--bucket", bucket)
    #expect(again.status == 2)
    #expect(again.error.contains("holds the results of a finished run; choose another --out"))
    let resumed = try await stepmill(
      "map", workflow, rows, "--out", "s3://b/nightly/1", "--bucket", bucket, "--ordered", "--resume")
    #expect(resumed.error.contains("has come to its end before"))
    let retried = try await stepmill("map", "--retry-failed", "s3://b/nightly/1")
    #expect(retried.status == 2)
    #expect(retried.error.contains("put the parts one behind the other into results.jsonl"))
    let nowhere = try await stepmill("map", workflow, rows, "--out", "s3://other/x", "--bucket", bucket)
    #expect(nowhere.status == 2)
    #expect(nowhere.error.contains("--bucket other=DIRECTORY"))
    #expect(nowhere.error.contains("--endpoint s3=URL"))
    let nameless = try await stepmill("map", workflow, rows, "--out", "s3://")
    #expect(nameless.error.contains("'s3://' names no bucket: s3://BUCKET/PREFIX does"))
  }

  @Test func toStandardOutput() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.csv", "n\n1\n")
    let ended = try await stepmill(
      "map", workflow, try scratch.file("rows.jsonl", "{\"n\":4}\n"), "--bare", "--quiet")
    #expect(ended == Finished(status: 0, output: "{\"n\":8}\n", error: ended.error))
    let failed = try await stepmill("map", workflow, rows)
    #expect(failed.status == 1)
    #expect(failed.error.contains(#"{"row":0,"input":{"n":"1"}"#))
  }

  @Test func retryRunsOnlyWhatFailed() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file(
      "w.asl.json", #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}}"#)
    let rows = try scratch.file("rows.jsonl", (0..<20).map { "{\"n\":\($0)}\n" }.joined())
    let out = scratch.path + "/out"
    let flag = scratch.path + "/flag"
    // Even rows fail until the flag is there.
    let command =
      "t=n=$(tr -dc 0-9); if [ -e \(flag) ] || [ $((n % 2)) = 1 ]; then echo $n; else echo '{\"Error\":\"Even\"}'; exit 1; fi"
    let ended = try await stepmill(
      "map", workflow, rows, "--out", out, "--ordered", "--task", command, "--tolerate", "10")
    #expect(ended.status == 0)
    #expect(try lines(out + "/failures.jsonl").count == 10)
    _ = try scratch.file("flag", "")
    let retried = try await stepmill("map", "--retry-failed", out)
    #expect(retried.status == 0, "\(retried.error)")
    #expect(try lines(out + "/results.jsonl").map { $0["row"]?.int } == Array(0..<20))
    #expect(try lines(out + "/failures.jsonl").isEmpty)
  }

  @Test func whatIsNotAsItWasIsRefused() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", "{\"n\":1}\nnonsense\n")
    let out = scratch.path + "/out"
    let first = try await stepmill("map", workflow, rows, "--out", out)
    #expect(first.status == 1)
    #expect(first.error.contains("row 1 is not JSON"))
    #expect(first.error.contains("--resume"))
    _ = try scratch.file("rows.jsonl", "{\"n\":1}\n{\"n\":2}\n")
    let changed = try await stepmill("map", workflow, rows, "--out", out, "--resume")
    #expect(changed.status == 2)
    #expect(changed.error.contains("input differs"))
    let forced = try await stepmill("map", workflow, rows, "--out", out, "--resume", "--force")
    #expect(forced.status == 0, "\(forced.error)")
    #expect(try lines(out + "/results.jsonl").compactMap { $0["row"]?.int }.sorted() == [0, 1])
  }

  @Test func dryRunShowsInputs() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file(
      "w.asl.json", #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}}"#)
    let rows = try scratch.file("rows.csv", "a,b\n1,2\n3,4\n5,6\n")
    let ended = try await stepmill(
      "map", workflow, rows, "--dry-run", "--limit", "1", "--batch", "2", "--param", "rate=7")
    #expect(ended.status == 0)
    let shown = ended.output.split(separator: "\n").dropFirst().joined(separator: "\n")
    #expect(
      try JSON(parsing: Array(shown.utf8))
        == ["BatchInput": ["rate": 7], "Items": [["a": "1", "b": "2"], ["a": "3", "b": "4"]]])
  }

  @Test(arguments: [
    (["map"], "WORKFLOW is missing"), (["map", "W"], "ROWS is missing"),
    (["map", "W", "nothing.jsonl"], "no such file"), (["map", "W", "R.txt"], "does not tell"),
    (["map", "W", "x.parquet"], "Parquet"), (["map", "W", "R", "--tolerate", "x"], "--tolerate"),
    (["map", "W", "R", "--resume"], "--out"), (["map", "W", "R", "--param", "x"], "KEY=VALUE"),
    (["map", "W", "-", "--format", "csv", "--sample", "3"], "--sample"),
    (["map", "--retry-failed", "nothing"], "is missing"), (["map", "W", "R", "--items", "/a"], "--items"),
    (["map", "W", "R", "--headers", "a"], "--headers"), (["map", "W", "R", "--sample", "0"], "--sample"),
  ])
  func mistakes(words: [String], message: String) async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", "{\"n\":1}\n")
    let other = try scratch.file("rows.txt", "")
    let parquet = try scratch.file("x.parquet", "PAR1")
    let names = ["W": workflow, "R": rows, "R.txt": other, "x.parquet": parquet]
    let ended = try await stepmill(words.map { names[$0] ?? $0 })
    #expect(ended.status == 2)
    #expect(ended.error.contains(message), "\(ended.error)")
    #expect(ended.output == "")
  }

  @Test func damagedFilesNameTheirPlace() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.json", "[{\"n\":1},{\"n\":2}")
    let ended = try await stepmill("map", workflow, rows, "--out", scratch.path + "/r.jsonl")
    #expect(ended.status == 1)
    #expect(ended.error.contains("cut off"))
    #expect(ended.error.contains("(byte 16)"))
    #expect(try lines(scratch.path + "/r.jsonl").count == 2)
  }

  // MARK: Progress

  private static func line(columns: Int, color: Bool = false, isTerminal: Bool = true, limit: Int? = nil)
    -> String
  {
    let terminal = Terminal(
      input: [], isTerminal: isTerminal,
      environment: ["COLUMNS": "\(columns)"].merging(color ? [:] : ["NO_COLOR": "1"]) { $1 })
    let shown = MapProgress(terminal)
    var progress = BatchRun.Progress()
    progress.bytesTotal = 1000
    progress.limit = limit
    shown.show(progress)
    progress.bytesRead = 425
    progress.rowsRead = 425_578
    progress.counts.succeeded = 424_567
    progress.counts.failed = 12
    progress.endedNow = 424_579
    progress.inFlight = 999
    progress.milliseconds = 6000
    shown.show(progress)
    let text = terminal.captured(.error)
    return text.split(separator: "\r\u{1B}[K").last.map(String.init) ?? ""
  }

  @Test func progressIsALineThatFits() {
    #expect(
      Self.line(columns: 100)
        == "━━━━━━──────────  42 %  424,579 done  12 failed  70,800/s  999 in flight  9 s left")
    #expect(
      Self.line(columns: 79) == "42 %  424,579 done  12 failed  70,800/s  999 in flight  9 s left")
    #expect(Self.line(columns: 60) == "42 %  424,579 done  12 failed  70,800/s  9 s left")
    #expect(
      Self.line(columns: 79, limit: 424_999).contains(
        "99 %  424,579 done  12 failed  70,800/s  999 in flight  1 s"))
    #expect(Self.line(columns: 41) == "42 %  424,579 done  12 failed  9 s left")
    #expect(Self.line(columns: 20) == "42 %  424,579 done")
    #expect(Self.line(columns: 79, color: true).contains("\u{1B}[1;31m12 failed\u{1B}[0m"))
    #expect(
      Self.line(columns: 79, isTerminal: false)
        == "stepmill map: 42 %, 424,579 done, 12 failed, 70,800/s, 999 in flight, 9 s left\n")
  }

  private static func withStates(columns: Int, isTerminal: Bool) -> [String] {
    let terminal = Terminal(
      input: [], isTerminal: isTerminal,
      environment: ["COLUMNS": "\(columns)", "LINES": "6", "NO_COLOR": "1"])
    let shown = MapProgress(terminal)
    var progress = BatchRun.Progress()
    progress.counts.succeeded = 7
    progress.milliseconds = 6000
    var states = (1...2).map { StateTime(name: "State \($0)", type: "Pass") }
    for _ in 0..<99 { states[0].latencies.note(40) }
    states[0].latencies.note(1_000_000)
    states[1].latencies.note(2_000_000_000)
    shown.show(progress, states)
    shown.show(progress, states)
    shown.clear()
    states += (3...9).map { StateTime(name: "State \($0)", type: "Pass") }
    shown.show(progress, states)
    return terminal.captured(.error).split(separator: "\n").map(String.init)
  }

  /// The lines of states are written over with the first one, and are no more than the window takes.
  @Test func progressOfStates() {
    #expect(
      Self.withStates(columns: 70, isTerminal: true) == [
        "\r\u{1B}[K7 done  0 in flight",
        "  State 1  Pass  100 visits   p50 40 ns  p99 40 ns",
        "  State 2  Pass     1 visit  p50 2.00 s  p99 2.00 s"
          + "\u{1B}[2A\r\u{1B}[J7 done  0 in flight",
        "  State 1  Pass  100 visits   p50 40 ns  p99 40 ns",
        "  State 2  Pass     1 visit  p50 2.00 s  p99 2.00 s"
          + "\u{1B}[2A\r\u{1B}[J\r\u{1B}[K7 done  0 in flight",
        "  State 1  Pass  100 visits   p50 40 ns  p99 40 ns",
        "  State 2  Pass     1 visit  p50 2.00 s  p99 2.00 s",
        "  State 3  Pass    0 visits    p50 0 ns  p99 0 ns", "  … and 6 more states",
      ])
    let narrow = Self.withStates(columns: 40, isTerminal: true)
    #expect(narrow[1] == "  State 1  Pass  100 visits   p50 40 ns…".prefix(38) + "…")
    #expect(
      Self.withStates(columns: 40, isTerminal: false).prefix(3) == [
        "stepmill map: 7 done, 0 in flight", "  State 1  Pass  100 visits   p50 40 ns  p99 40 ns",
        "  State 2  Pass     1 visit  p50 2.00 s  p99 2.00 s",
      ])
  }

  @Test func statesInTheSummaries() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", "{\"n\":1}\n{\"x\":2}\n{\"n\":3}\n")
    let summary = scratch.path + "/summary.json"
    let ended = try await stepmill(
      "map", workflow, rows, "--out", scratch.path + "/out", "--progress", "states", "--summary", summary)
    #expect(ended.error.contains("  states:\n    D  Pass  3 visits  p50 "))
    let json = try JSON(parsing: InputFile.read(summary))
    #expect(json["executionsWatched"] == 3)
    #expect(json["states"]?[0]?["name"] == "D")
    #expect(json["states"]?[0]?["visits"] == 3)
    #expect(try #require(json["states"]?[0]?["p99Nanoseconds"]?.int) > 0)
    #expect(try lines(scratch.path + "/out/results.jsonl").count == 2)

    let without = try await stepmill(
      "map", workflow, rows, "--out", scratch.path + "/other", "--summary", summary)
    #expect(!without.error.contains("p50"))
    #expect(try JSON(parsing: InputFile.read(summary))["states"] == nil)
    let refused = try await stepmill("map", workflow, rows, "--quiet", "--progress", "states")
    #expect(refused.status == 2)
    #expect(refused.error.contains("--quiet and --progress exclude each other"))
  }

  /// Where there are many rows a second, a part of them is watched, and all of them run.
  @Test func partIsWatched() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file("rows.jsonl", (0..<60_000).map { "{\"n\":\($0)}\n" }.joined())
    let summary = scratch.path + "/summary.json"
    let ended = try await stepmill(
      "map", workflow, rows, "--out", scratch.path + "/r.jsonl", "--progress", "states", "--summary", summary)
    #expect(ended.status == 0)
    let json = try JSON(parsing: InputFile.read(summary))
    let watched = try #require(json["executionsWatched"]?.int)
    #expect(watched >= 900)
    let seconds = try #require(json["seconds"]?.double)
    #expect(Double(watched) <= 1000 + 2000 * (seconds + 0.01))
    #expect(json["states"]?[0]?["visits"]?.int == watched)
    #expect(try Set(lines(scratch.path + "/r.jsonl").map { $0["row"]?.int }).count == 60_000)
  }

  // MARK: From outside

  private static let rounds = getenv("STEPMILL_KILLS").flatMap { Int(String(cString: $0)) } ?? 3

  /// Killed at moments of chance and taken up again, a run leaves what it leaves undisturbed.
  @Test(.enabled(if: Program.isBuilt), arguments: [false, true])
  func killedAndResumed(inBucket: Bool) async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let rows = try scratch.file(
      "rows.jsonl", (0..<40_000).map { $0 % 997 == 5 ? "{\"m\":\($0)}\n" : "{\"n\":\($0)}\n" }.joined())
    let words = { @Sendable (out: String, isOrdered: Bool) in
      ["map", workflow, rows, "--resume", "--quiet", "--loops", "2", "--checkpoint", "0.02"]
        + (inBucket
          ? ["--out", "s3://b/\(out)", "--bucket", "b=\(scratch.path)"]
          : ["--out", scratch.path + "/\(out)"])
        + ["--tolerate", "100%"] + (isOrdered ? ["--ordered"] : [])
    }
    #expect(try await stepmill(words("undisturbed", true)).status == 0)
    let expected = try Self.content(scratch.path + "/undisturbed", inBucket)
    #expect(expected.results.count + expected.failures.count == 40_000 && expected.failures.count > 30)

    let kills = try await onThread {
      var kills = 0
      for round in 0..<Self.rounds {
        let out = "out\(round)"
        // The longest time that a round is given grows, so that it comes to its end.
        var longest = 60_000
        while true {
          let program = try Program(words(out, round % 2 == 0))
          usleep(UInt32.random(in: 2000...UInt32(longest)))
          kill(program.processID, SIGKILL)
          if program.finish().status == 0 { break }
          kills += 1
          longest += 15_000
        }
        var content = try Self.content(scratch.path + "/" + out, inBucket)
        if round % 2 == 1 {
          content.results.sort()
          content.failures.sort()
          #expect(content.results == expected.results.sorted(), "round \(round)")
          #expect(content.failures == expected.failures.sorted(), "round \(round)")
        } else {
          #expect(content.results == expected.results, "round \(round)")
          #expect(content.failures == expected.failures, "round \(round)")
        }
      }
      return kills
    }
    print("killed \(kills) times in \(Self.rounds) rounds\(inBucket ? " with a bucket" : "")")
    #expect(kills > 0)
  }

  /// The lines of both files as they are.
  private static func content(
    _ out: String, _ isBucket: Bool
  ) throws -> (results: [String], failures: [String]) {
    func lines(_ name: String) throws -> [String] {
      let text = isBucket ? try parts(out + "/" + name) : try InputFile.read(out + "/\(name).jsonl")
      return text.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    }
    return (try lines("results"), try lines("failures"))
  }

  /// All parts in a folder, one behind the other.
  private static func parts(_ folder: String) throws -> [UInt8] {
    var text: [UInt8] = []
    for number in 0... {
      let digits = String(number)
      let path = folder + "/part-" + String(repeating: "0", count: 8 - digits.count) + digits + ".jsonl"
      guard FileKind.of(path) == .file else { break }
      text += try InputFile.read(path)
    }
    return text
  }

  @Test(.enabled(if: Program.isBuilt)) func ctrlCFinishesWhatIsUnderWay() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file(
      "w.asl.json", #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}}"#)
    let rows = try scratch.file("rows.jsonl", (0..<1000).map { "{\"n\":\($0)}\n" }.joined())
    let started = scratch.path + "/started"
    let go = scratch.path + "/go"
    let out = scratch.path + "/out"
    let task = "t=touch \(started); while [ ! -e \(go) ]; do sleep 0.02; done; cat"
    let first = try await onThread {
      let program = try Program(
        ["map", workflow, rows, "--out", out, "--concurrency", "3", "--task", task])
      while access(started, F_OK) != 0 { usleep(5000) }
      kill(program.processID, SIGINT)
      try program.waitForError("once more to end at once")
      _ = try scratch.file("go", "")
      return program.finish()
    }
    #expect(first.status == 130)
    let done = try lines(out + "/results.jsonl").count
    #expect((1...3).contains(done))
    let second = try await stepmill(
      "map", workflow, rows, "--out", out, "--resume", "--concurrency", "64", "--task", "t=cat")
    #expect(second.status == 0, "\(second.error)")
    #expect(Set(try lines(out + "/results.jsonl").compactMap { $0["row"]?.int }).count == 1000)
    #expect(try lines(out + "/results.jsonl").count == 1000)
  }

  @Test(.enabled(if: Program.isBuilt)) func rowsFromStandardInput() async throws {
    let scratch = try Scratch()
    let workflow = try scratch.file("w.asl.json", Self.double)
    let ended = try await onThread {
      let program = try Program(
        ["map", workflow, "-", "--format", "jsonl", "--bare", "--ordered", "--quiet"], keepsInput: true)
      program.send(Array("{\"n\":1}\n{\"n\":2}\n".utf8))
      return program.finish()
    }
    #expect(ended.status == 0)
    #expect(ended.output == "{\"n\":2}\n{\"n\":4}\n")
  }
}
