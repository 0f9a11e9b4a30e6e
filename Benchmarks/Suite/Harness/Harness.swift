// Measures contestants against each other within one run.
//
// For: ratios between things that do the same work, on one machine, minutes apart at most.
// Not for: absolute figures, which move with the machine and its other tenants.
//
// Contestants take turns (A B A B ...) so that a slow minute hits all of them. A round is as
// many executions as fill `roundSeconds`, found while warming up; each round gives one rate,
// and the report has their median, least and greatest. Before the first and after the last
// round the outputs are compared as JSON, outside the clock: a wrong answer is no fast answer.

/// How long and how often.
public struct HarnessOptions: Sendable {
  public var rounds: Int
  public var roundSeconds: Double
  /// The core that pinned benchmarks run on; nil leaves the process where it is.
  public var core: Int?

  public init(rounds: Int, roundSeconds: Double, core: Int? = nil) {
    self.rounds = rounds
    self.roundSeconds = roundSeconds
    self.core = core
  }
}

/// One line of the report.
public struct Row: Sendable {
  public let name: String
  public let contestant: Contestant.Role
  public let detail: String
  public let unit: Unit
  public let median: Double
  public let min: Double
  public let max: Double
  /// How fast this is as a share of the floor's speed in the same run.
  public internal(set) var shareOfFloor: Double?
  /// How many times as fast as hand-written Swift in the same run.
  public internal(set) var factorToHandwritten: Double?

  init(_ benchmark: Benchmark, _ contestant: Contestant, _ unit: Unit, values: [Double]) {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    name = benchmark.name + (contestant.variant.map { "-\($0)" } ?? "")
    self.contestant = contestant.role
    detail = contestant.detail
    self.unit = unit
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    min = sorted[0]
    max = sorted[sorted.count - 1]
  }

  /// How many times as fast as `other`, whichever way the unit counts.
  func speed(over other: Row) -> Double {
    unit.isPrice ? other.median / median : median / other.median
  }
}

/// The figures of one benchmark, with the hash of the output all contestants agree on.
public struct Outcome: Sendable {
  public let benchmark: Benchmark
  public let rows: [Row]
  public let resultHash: UInt64?
}

public struct Harness: Sendable {
  public let options: HarnessOptions

  public init(_ options: HarnessOptions) { self.options = options }

  public func measure(_ benchmark: Benchmark) async throws -> Outcome {
    let before = Affinity.current()
    if benchmark.pinned, let core = options.core { Affinity.core(core).apply() }
    defer { before?.apply() }

    let contestants = benchmark.contestants
    var times: [Int] = []
    for contestant in contestants { times.append(try await warmUp(contestant, of: benchmark)) }
    let hash = try agreedHash(benchmark)

    var samples = [[Sample]](repeating: [], count: contestants.count)
    for _ in 0..<min(options.rounds, benchmark.rounds ?? options.rounds) {
      for (index, contestant) in contestants.enumerated() {
        samples[index].append(try await sample(contestant, times[index], benchmark.clock))
      }
    }
    guard try agreedHash(benchmark) == hash || !benchmark.warmsUp else {
      throw BenchmarkError.unsteadyResult(
        benchmark: benchmark.name, contestant: contestants.map(\.detail).joined(separator: ", "))
    }
    return Outcome(
      benchmark: benchmark, rows: rows(benchmark, samples), resultHash: try agreedHash(benchmark))
  }

  private struct Sample {
    let tally: Tally
    let seconds: Double
  }

  private func sample(_ contestant: Contestant, _ times: Int, _ clock: Clock) async throws -> Sample {
    let start = clock.seconds()
    let tally = try await contestant.run(times)
    let seconds = tally.seconds ?? (clock.seconds() - start)
    guard tally.executions > 0 else {
      throw BenchmarkError.failed("\(contestant.detail) executed nothing")
    }
    return Sample(tally: tally, seconds: Swift.max(seconds, 1e-9))
  }

  /// Runs until one call fills a round; returns the size of that call.
  private func warmUp(_ contestant: Contestant, of benchmark: Benchmark) async throws -> Int {
    if let times = contestant.times ?? benchmark.times {
      if benchmark.warmsUp { _ = try await contestant.run(times) }
      return times
    }
    var times = 1
    while true {
      let seconds = try await sample(contestant, times, benchmark.clock).seconds
      if seconds >= options.roundSeconds * 0.8 { return times }
      // Short calls say little about long ones, so the size grows eightfold at most.
      times = Int((Double(times) * Swift.min(8, options.roundSeconds / seconds)).rounded(.up))
    }
  }

  private func agreedHash(_ benchmark: Benchmark) throws -> UInt64? {
    // Settings that make documents of their own agree among themselves.
    var agreed: [String: UInt64] = [:]
    var last: UInt64?
    for contestant in benchmark.contestants {
      let output = contestant.output()
      if output.isEmpty { continue }
      let setting = contestant.times == nil ? "" : contestant.variant ?? ""
      guard let hash = resultHash(ofJSON: output), agreed[setting] == nil || agreed[setting] == hash else {
        throw BenchmarkError.wrongResult(
          benchmark: benchmark.name, contestants: benchmark.contestants.map(\.detail))
      }
      agreed[setting] = hash
      last = hash
    }
    return last
  }

  private func rows(_ benchmark: Benchmark, _ samples: [[Sample]]) -> [Row] {
    var all: [Row] = []
    for unit in benchmark.units {
      var rows = benchmark.contestants.indices.map { index in
        Row(
          benchmark, benchmark.contestants[index], unit,
          values: samples[index].map { unit.value($0.tally, seconds: $0.seconds) })
      }
      // Rivals that run at several settings are compared setting by setting.
      let floors = rows.filter { $0.contestant == .floor }
      let rivals = rows.filter { $0.contestant == .handwritten }
      for index in rows.indices {
        let name = rows[index].name
        let floor = floors.count == 1 ? floors[0] : floors.first { $0.name == name }
        let handwritten = rivals.count == 1 ? rivals[0] : rivals.first { $0.name == name }
        rows[index].shareOfFloor = floor.map { rows[index].speed(over: $0) }
        rows[index].factorToHandwritten = handwritten.map { rows[index].speed(over: $0) }
      }
      all += rows
    }
    return all
  }
}
