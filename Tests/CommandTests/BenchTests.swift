import Testing

@testable import Stepmill
@testable import StepmillCommands

/// Proves what `stepmill bench` does with definitions, loads, tasks and files. All runs end by
/// a count; nothing here looks at a time.
@Suite struct BenchTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func countsAndNamesWhatItMeasured() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let json = scratch.path + "/out.json"
    let run = try await stepmill("bench", file, "--executions", "500", "--concurrency", "8", "--json", json)
    #expect(run.status == 0)
    for word in [
      "8 at a time, 1 loop", "executions", "transitions", "p99.9", "cores busy", "time by state", "Pass",
    ] {
      #expect(run.output.contains(word), "\(word) in \(run.output)")
    }
    let measured = try JSON(parsing: InputFile.read(json))
    #expect(measured["succeeded"]?.int == 500)
    #expect(measured["transitions"]?.int == 500)
    #expect(measured["failed"]?.int == 0)
    #expect(measured["beyondSaturation"]?.bool == false)
    #expect(measured["states"]?[0]?["name"]?.string == "A")
  }

  @Test func inputsTakeTurns() async throws {
    let file = try scratch.file(
      "choice.json",
      #"""
      {"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.ok","BooleanEquals":true,"Next":"S"}],
      "Default":"F"},"S":{"Type":"Succeed"},"F":{"Type":"Fail","Error":"Bad.Input"}}}
      """#)
    let inputs = try scratch.file("inputs.jsonl", "{\"ok\":true}\n{\"ok\":false}\n\n{\"ok\":true}\n")
    let json = scratch.path + "/out.json"
    let run = try await stepmill(
      "bench", file, "--input", "@\(inputs)", "--executions", "300", "--json", json)
    #expect(run.status == 0)
    #expect(run.output.contains("3 inputs in turn"))
    #expect(run.output.contains("Bad.Input"))
    let measured = try JSON(parsing: InputFile.read(json))
    #expect(measured["succeeded"]?.int == 200)
    #expect(measured["errors"]?["Bad.Input"]?.int == 100)
  }

  @Test func failingWorkflowIsMeasuredAndSaysSo() async throws {
    let file = try scratch.file("fail.json", Samples.fail)
    let run = try await stepmill("bench", file, "--executions", "50")
    #expect(run.status == 1)
    #expect(run.output.contains("My.Error"))
    #expect(run.output.contains("no execution succeeded"))
  }

  @Test func hangingWorkflowIsAborted() async throws {
    let file = try scratch.file("wait.json", Samples.wait)
    let run = try await stepmill("bench", file, "--duration", "1ms", "--grace", "0s", "--concurrency", "5")
    #expect(run.status == 1)
    #expect(run.output.contains("5 executions had not ended"))
    #expect(run.output.contains("no execution ended"))
  }

  @Test func endlessWorkflowIsAborted() async throws {
    let file = try scratch.file("forever.json", Samples.forever)
    let run = try await stepmill(
      "bench", file, "--duration", "1ms", "--grace", "0s", "--concurrency", "2", "--loops", "2")
    #expect(run.status == 1)
    #expect(run.output.contains("2 executions had not ended"))
  }

  @Test func tasksNeedAnAnswer() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await stepmill("bench", file, "--executions", "1")
    #expect(run.status == 2)
    #expect(run.error.contains("nothing answers this task"))
    #expect(run.error.contains("--latency 'Work=exp:20ms'"))
    let stranger = try await stepmill("bench", file, "--latency", "worc=1ms")
    #expect(stranger.status == 2)
    #expect(stranger.error.contains("did you mean 'Work'?"))
  }

  @Test func tasksAreAnsweredByMocksAndLatencies() async throws {
    let file = try scratch.file("retry.json", Samples.retry.replacing("30", with: "0"))
    let mocks = try scratch.file(
      "mocks.json", #"{"Work":[{"Throw":{"Error":"Busy"}},{"Return":{"done":true}}]}"#)
    for extra in [["--mocks", mocks], ["--latency", "*=uniform:0ms..1us"]] {
      let run = try await stepmill(
        "bench", file, extra[0], extra[1], "--executions", "64", "--loops", "2", "--seed", "7")
      #expect(run.status == 0, "\(run)")
    }
  }

  @Test func scheduleShedsWhatFindsTheQueueFull() async throws {
    let file = try scratch.file("wait.json", Samples.wait)
    let json = scratch.path + "/out.json"
    let run = try await stepmill(
      "bench", file, "--rate", "1000000", "--queue", "10", "--executions", "100", "--grace", "0s",
      "--json", json)
    #expect(run.status == 1)
    #expect(run.output.contains("is beyond saturation"))
    #expect(run.output.contains("were shed"))
    let measured = try JSON(parsing: InputFile.read(json))
    #expect(measured["shed"]?.int == 90)
    #expect(measured["unfinished"]?.int == 10)
  }

  @Test func filesAreWritten() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let csv = scratch.path + "/out.csv"
    let svg = scratch.path + "/out.svg"
    let run = try await stepmill(
      "bench", file, "--executions", "100", "--rate", "1000000", "--csv", csv, "--svg", svg)
    #expect(run.status == 0)
    #expect(String(decoding: try InputFile.read(csv), as: UTF8.self).hasPrefix("seconds,started,ended"))
    let picture = String(decoding: try InputFile.read(svg), as: UTF8.self)
    #expect(picture.hasPrefix("<svg") && picture.contains("</svg>") && picture.contains("latency"))
    let refused = try await stepmill("bench", file, "--executions", "1", "--svg", "/nonexistent/x.svg")
    #expect(refused.status == 1)
    #expect(refused.error.contains("/nonexistent/x.svg cannot be written: No such file or directory"))
  }

  @Test(
    "A wrong option is named, and what it takes",
    arguments: [
      (["--duration", "0"], "a time above zero"),
      (["--duration", "soon"], "such as 30s"),
      (["--rate", "0"], "above 0"),
      (["--rate", "10", "--concurrency", "2"], "exclude each other"),
      (["--queue", "5"], "with --rate only"),
      (["--latency", "work=normal:3ms"], "lognormal:MEDIAN,SIGMA"),
      (["--find-saturation", "--rate", "5"], "chooses the load itself"),
      (["--loops", "0"], "from 1 to 1024"),
    ])
  func wrongOptions(words: [String], message: String) async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let run = try await onThread {
      let terminal = Terminal(input: [])
      let status = CommandLineTool.run(["bench", file] + words, terminal)
      return (status.rawValue, terminal.captured(.error))
    }
    #expect(run.0 == 2)
    #expect(run.1.contains(message), "\(run.1)")
  }

  @Test func wrongInputLineIsNamed() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let inputs = try scratch.file("inputs.jsonl", "{\"a\":1}\n{\"a\":}\n")
    let run = try await stepmill("bench", file, "--input", "@\(inputs)")
    #expect(run.status == 2)
    #expect(run.error.contains("value 2"))
  }

  @Test func moreLoopsThanCoresAreWarnedOf() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let run = try await stepmill("bench", file, "--executions", "10", "--loops", "200")
    #expect(run.status == 0)
    #expect(run.error.contains("more loops than cores gain nothing"))
  }
}

@Suite struct BenchQuantityTests {
  @Test func timesAreRead() {
    #expect(BenchTime.parse("10") == 10e9)
    #expect(BenchTime.parse("1.5s") == 1.5e9)
    #expect(BenchTime.parse("500ms") == 500e6)
    #expect(BenchTime.parse("20us") == 20e3)
    #expect(BenchTime.parse("2m") == 120e9)
    for text in ["", "s", "-1s", "1x", "1e", "nan", "ms5"] {
      #expect(BenchTime.parse(text) == nil, "\(text)")
    }
    #expect(BenchTime.text(1_530_000) == "1.53 ms")
    #expect(BenchNumber.grouped(1_234_567) == "1,234,567")
    #expect(BenchNumber.grouped(123) == "123")
  }

  @Test func distributionsAreReadAndDrawn() throws {
    #expect(BenchDistribution("20ms") == .constant(20e6))
    #expect(BenchDistribution("constant:20ms") == .constant(20e6))
    #expect(BenchDistribution("exp:1s") == .exponential(mean: 1e9))
    #expect(BenchDistribution("lognormal:80ms,0.5") == .lognormal(median: 80e6, sigma: 0.5))
    #expect(BenchDistribution("uniform:5ms..50ms") == .uniform(5e6, 50e6))
    for text in ["uniform:9ms..5ms", "exp:", "lognormal:5ms", "normal:5ms", "lognormal:5ms,-1"] {
      #expect(BenchDistribution(text) == nil, "\(text)")
    }
    let delays = BenchDelays(seed: 3)
    func mean(_ distribution: BenchDistribution) -> Double {
      (0..<20_000).reduce(0) { sum, _ in sum + delays.sample(distribution) } / 20_000
    }
    #expect(abs(mean(.exponential(mean: 100)) - 100) < 5)
    #expect(abs(mean(.uniform(50, 150)) - 100) < 2)
    // The mean of a lognormal is its median times e to half the variance.
    #expect(abs(mean(.lognormal(median: 100, sigma: 0.5)) - 113.3) < 3)
  }

  @Test func histogramsKeepTheirPromise() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.5) == 0)
    for value in 1...100_000 { histogram.note(UInt64(value)) }
    #expect(histogram.total == 100_000)
    for share in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = share * 100_000
      #expect(abs(Double(histogram.quantile(share)) - exact) <= exact * 0.016 + 1)
    }
    #expect(histogram.least == 1 && histogram.greatest == 100_000)
    #expect(histogram.buckets.reduce(0) { $0 + $1.count } == 100_000)
    var edges = LatencyHistogram()
    for value in [0, 63, 64, 127, 128, UInt64.max] { edges.note(value) }
    #expect(edges.buckets.count == 6)
    #expect(edges.quantile(1) == .max)
    for value in (0..<64).map({ UInt64(1) << UInt64($0) }) {
      let bucket = LatencyHistogram.bucket(of: value)
      #expect(
        LatencyHistogram.lowerBound(of: bucket) <= value && value <= LatencyHistogram.upperBound(of: bucket))
    }
  }

  @Test("A search comes close to what a system sustains", arguments: [37.0, 1000, 123_456])
  func saturationIsFound(truth: Double) {
    for guess in [truth / 3, truth, truth * 2] {
      var search = SaturationSearch(guess: guess)
      while let rate = search.nextRate { search.note(rate, keepsUp: rate <= truth) }
      #expect(search.sustained <= truth)
      #expect(search.sustained > truth * 0.75, "\(guess) \(search.sustained)")
    }
  }

  @Test func statesShareTheTime() {
    let time = TestTime()
    let profile = StateTimes(clock: { time.now })
    func note(_ id: Int, after previous: Int, _ type: String, _ name: String? = nil, at now: UInt64) {
      time.now = now
      profile.note("one", id: id, previous: previous, type: type, name: name)
    }
    note(1, after: 0, "ExecutionStarted", at: 0)
    note(2, after: 0, "ParallelStateEntered", "P", at: 0)
    note(3, after: 2, "ParallelStateStarted", at: 0)
    note(4, after: 3, "WaitStateEntered", "W", at: 10)
    note(5, after: 3, "PassStateEntered", "A", at: 10)
    note(6, after: 5, "PassStateExited", "A", at: 20)
    note(7, after: 4, "WaitStateExited", "W", at: 40)
    note(8, after: 7, "ParallelStateSucceeded", at: 40)
    note(9, after: 8, "ParallelStateExited", "P", at: 50)
    note(10, after: 9, "FailStateEntered", "F", at: 50)
    note(11, after: 10, "ExecutionFailed", at: 60)
    #expect(profile.executions == 1)
    #expect(profile.states.map(\.name) == ["A", "W", "P", "F"])
    let states = profile.longestFirst
    #expect(states.map(\.name) == ["P", "W", "A", "F"])
    #expect(states.map(\.visits) == [1, 1, 1, 1])
    #expect(states.map(\.nanoseconds) == [50, 30, 10, 10])
    #expect(profile.share(of: states[0]) == nil)
    #expect(profile.share(of: states[1]) == 0.6)
  }
}

/// A clock that the test moves. One thread uses it.
private final class TestTime: @unchecked Sendable {
  var now: UInt64 = 0
}
