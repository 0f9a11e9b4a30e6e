import BenchmarkWorkloads
import StepmillCommands
import Synchronization
import Testing

@testable import BenchmarkSuite

/// Every benchmark runs at its smallest, so that none rots. Nothing here looks at a time.
@Suite(.serialized) struct SuiteTests {
  static let tiny = HarnessOptions(rounds: 2, roundSeconds: 1e-6)

  @Test("Every benchmark runs and its contestants agree", arguments: allBenchmarks(.tiny).map(\.name))
  func runs(name: String) async throws {
    let benchmark = try #require(allBenchmarks(.tiny).first { $0.name == name })
    let outcome = try await Harness(Self.tiny).measure(benchmark)
    #expect(outcome.rows.count == benchmark.units.count * benchmark.contestants.count)
    #expect(outcome.rows.allSatisfy { $0.min <= $0.median && $0.median <= $0.max })
    if Workload.named(name) != nil { #expect(outcome.resultHash != nil) }
  }

  @Test("A contestant enters as many states as the workload says", arguments: Workload.all)
  func countsTransitions(workload: Workload) async throws {
    for contestant in contestants(for: workload, size: .tiny) {
      let tally = try await contestant.run(3)
      #expect(tally.executions == 3)
      #expect(tally.transitions == 3 * workload.transitions, "\(contestant.detail)")
    }
  }

  @Test("The order is charged, routed and shaped")
  func order() async throws {
    let expected = #"""
      {"status":"DONE","orderId":"ORD-2026-000123","queue":"priority","discount":10,
      "transactionId":"tx-ORD-2026-000123","summary":{"orderId":"ORD-2026-000123",
      "customer":"Alexandra Lindqvist","total":249.95,"lineCount":4},"items":[
      {"sku":"SKU-1000","name":"Trail running shoe, size 43","qty":1,"price":129.95,
      "tags":["shoes","outdoor"]},
      {"sku":"SKU-1001","name":"Merino base layer","qty":2,"price":39.5,"tags":["apparel"]},
      {"sku":"SKU-1002","name":"Soft flask 500 ml","qty":2,"price":12,"tags":["hydration","outdoor"]},
      {"sku":"SKU-1003","name":"Headlamp 400 lm","qty":1,"price":17,"tags":["light"]}],
      "shipTo":{"street":"Storgatan 14","city":"Malmö","zip":"21142","country":"SE","notes":null}}
      """#
    for contestant in contestants(for: .order(), size: .tiny) {
      _ = try await contestant.run(1)
      #expect(
        resultHash(ofJSON: contestant.output()) == resultHash(ofJSON: Array(expected.utf8)),
        "\(contestant.detail)")
    }
  }

  @Test("A wrong answer is no fast answer")
  func wrongAnswer() async {
    func constant(_ role: Contestant.Role, _ text: String) -> Contestant {
      Contestant(role, text, run: { Tally(executions: $0) }, output: { Array(text.utf8) })
    }
    let benchmark = Benchmark(
      "W", "two answers", units: [.executionsPerSecond], times: 1,
      contestants: [constant(.floor, "[1]"), constant(.stepmill, "[2]")])
    await #expect(throws: BenchmarkError.self) { try await Harness(Self.tiny).measure(benchmark) }
  }

  @Test("A contestant who does nothing is reported")
  func idle() async {
    let idle = Contestant(.stepmill, "idle", run: { _ in Tally(executions: 0) })
    let benchmark = Benchmark(
      "W", "idle", units: [.executionsPerSecond], times: nil, contestants: [idle])
    await #expect(throws: BenchmarkError.self) { try await Harness(Self.tiny).measure(benchmark) }
  }
}

@Suite struct ReportTests {
  /// Three rounds each, with the seconds made up by the contestant.
  private func outcome(unit: Unit) async throws -> Outcome {
    func contestant(_ role: Contestant.Role, seconds: Double) -> Contestant {
      Contestant(role, "made up", run: { Tally(executions: $0, seconds: seconds) })
    }
    return try await Harness(HarnessOptions(rounds: 3, roundSeconds: 1)).measure(
      Benchmark(
        "W", "made up", units: [unit], times: 1000,
        contestants: [
          contestant(.floor, seconds: 1), contestant(.handwritten, seconds: 8),
          contestant(.stepmill, seconds: 2),
        ]))
  }

  @Test(
    "Shares and factors compare speeds, for rates and for prices",
    arguments: [Unit.executionsPerSecond, .nanosecondsPerItem])
  func ratios(unit: Unit) async throws {
    let rows = try await outcome(unit: unit).rows
    let stepmill = try #require(rows.first { $0.contestant == .stepmill })
    #expect(stepmill.shareOfFloor == 0.5)
    #expect(stepmill.factorToHandwritten == 4)
  }

  /// Rounds whose seconds are given for each contestant.
  private func rounds(_ floor: [Double], _ stepmill: [Double]) async throws -> [Row] {
    func contestant(_ role: Contestant.Role, _ seconds: [Double]) -> Contestant {
      let left = Mutex(seconds[...])
      return Contestant(
        role, "made up",
        run: { Tally(executions: $0, seconds: left.withLock { $0.popFirst() } ?? .nan) })
    }
    return try await Harness(HarnessOptions(rounds: floor.count, roundSeconds: 1)).measure(
      Benchmark(
        "submit-1", "made up", units: [.itemsPerSecond], times: 1000, warmsUp: false,
        contestants: [contestant(.stepmill, stepmill), contestant(.floor, floor)])
    ).rows
  }

  @Test("A ratio is the median of the rounds' ratios, with the least and the greatest")
  func pairedRatios() async throws {
    // Twice as fast in each round, on a machine that is not as fast in one as in the next.
    let rows = try await rounds([2, 20, 6], [1, 10, 2])
    let spread = try #require(rows.first { $0.contestant == .stepmill }?.sharesOfFloor)
    #expect(spread.values == [2, 2, 3])
    #expect(spread.median == 2)
    #expect(spread.least == 2 && spread.greatest == 3)

    let outcome = Outcome(
      benchmark: Benchmark("submit-1", "", units: [.itemsPerSecond], contestants: []), rows: rows,
      resultHash: nil)
    let goals = goalResults(of: [outcome], .tiny)
    #expect(goals.map(\.value) == [2])
    #expect(table(of: goals).contains("2.00 x to 3.00 x"))
    #expect(json(of: [outcome], goals).contains(#""range":[2.0,3.0]"#))
    #expect(json(of: [outcome]).contains(#""shareOfFloorRange":[2.0,3.0]"#))
  }

  @Test("Between benchmarks that took no turns a ratio is that of the medians")
  func unpairedRatios() async throws {
    let one = try await rounds([2, 20, 6], [1, 10, 2])
    let other = Row(
      Benchmark("other", "", units: [.itemsPerSecond], contestants: []),
      Contestant(.floor, "", run: { Tally(executions: $0) }), .itemsPerSecond, values: [250, 100, 1000])
    #expect(one[0].multiple(of: other).values == [2])
    #expect(!one[0].multiple(of: other).isSpread)
  }

  /// A window of arrivals that took so many nanoseconds, and one in fifty of them so many.
  private func window(_ usual: UInt64, rare: UInt64) -> LatencyHistogram {
    var window = LatencyHistogram()
    for index in 0..<1000 { window.note(index % 50 == 0 ? rare : usual) }
    return window
  }

  @Test("Up to p99 each window has its figures; what is rarer is told of the whole round")
  func windows() {
    var tally = Tally(executions: 2000, latencies: window(32, rare: 63))
    tally.latencies?.add(window(50, rare: 60))
    tally.windows = [window(32, rare: 60), window(50, rare: 50)]
    tally.windowSeconds = 1
    #expect(Unit.latencyP50.values(tally, seconds: 2) == [32, 50])
    #expect(Unit.latencyP99.values(tally, seconds: 2) == [60, 50])
    #expect(Unit.latencyShape.values(tally, seconds: 2) == [60.0 / 32, 1])
    #expect(Unit.latencyMax.values(tally, seconds: 2) == [63])
  }

  @Test("A loop that falls behind in most windows has no shape, and misses the goal")
  func fallsBehind() throws {
    var tally = Tally(executions: 3000)
    tally.windows = [
      window(50, rare: 60), window(20_000_000, rare: 30_000_000), window(30_000_000, rare: 40_000_000),
    ]
    tally.windowSeconds = 1
    let values = Unit.latencyShape.values(tally, seconds: 3)
    #expect(values == [60.0 / 50, .infinity, .infinity])
    let benchmark = Benchmark("W3-latency", "", units: [.latencyShape], contestants: [])
    let row = Row(
      benchmark, Contestant(.stepmill, "", variant: "80", run: { Tally(executions: $0) }), .latencyShape,
      values: values)
    let outcome = Outcome(benchmark: benchmark, rows: [row], resultHash: nil)
    let goals = goalResults(of: [outcome], .tiny)
    #expect(goals.map(\.verdict) == ["missed, fell behind"])
    #expect(resultHash(ofJSON: Array(json(of: [outcome], goals).utf8)) != nil)
  }

  @Test("Rows are valid JSON with the agreed members")
  func jsonRows() async throws {
    let text = json(of: [try await outcome(unit: .executionsPerSecond)])
    #expect(resultHash(ofJSON: Array(text.utf8)) != nil)
    #expect(
      text.contains(
        #"{"name":"W","contestant":"stepmill","detail":"made up","unit":"executions/s","median":500.0"#))
  }

  @Test("The table's lines end where their columns end")
  func tableLines() async throws {
    let lines = table(of: [try await outcome(unit: .executionsPerSecond)]).split(separator: "\n")
    #expect(lines.count == 4)
    #expect(Set(lines.map(\.count)).count == 1)
  }

  @Test("Figures keep their significant digits")
  func figures() {
    #expect(significant(4_730_000) == "4.73 M")
    #expect(significant(123_456) == "123.5 k")
    #expect(significant(0.5) == "0.50")
    #expect(fixed(-0.25, 2) == "-0.25")
    #expect(fixed(7, 0) == "7")
  }

  @Test("Documents that mean the same have the same hash, and others do not")
  func meaning() {
    func hash(_ text: String) -> UInt64? { resultHash(ofJSON: Array(text.utf8)) }
    #expect(hash(#"{"a":1,"b":[12.0,"\u00e9\ud83d\ude00"]}"#) == hash(#"{ "b" : [12,"é😀"], "a":1 }"#))
    #expect(hash("[1,2]") != hash("[2,1]"))
    #expect(hash("[[1],2]") != hash("[1,[2]]"))
    #expect(hash(#"{"a":{"b":1}}"#) != hash(#"{"a":1,"b":1}"#))
    #expect(hash("[1") == nil)
    #expect(hash("[1] x") == nil)
    #expect(hash("nil") == nil)
  }
}

@Suite struct CommandTests {
  @Test("Arguments are read")
  func reads() throws {
    let command = try SuiteCommand(arguments: ["--quick", "--only", "W6,W4", "--json", "rows.json"])
    #expect(command.isQuick)
    #expect(command.only == ["W6", "W4"])
    #expect(command.jsonPath == "rows.json")
  }

  @Test(
    "A wrong argument is named",
    arguments: [["--fast"], ["--only", "W9"], ["--json"], ["--core", "x"], ["--core", "100000"]])
  func names(arguments: [String]) {
    let error = #expect(throws: BenchmarkError.self) { try SuiteCommand(arguments: arguments) }
    #expect(error?.description.contains(arguments[0]) == true)
  }
}
