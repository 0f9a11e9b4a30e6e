// Measures contestants against each other within one run.
//
// For: ratios between things that do the same work, on one machine, minutes apart at most.
// Not for: absolute figures, which move with the machine and its other tenants.
//
// Contestants take turns (A B A B ...) so that a slow minute hits all of them. A round is as
// many executions as fill `roundSeconds`, found while warming up; each round gives one rate,
// and the report has their median, least and greatest. Ratios are taken round by round, between
// turns that stood side by side, and their median counts: what slows a whole round down is in
// both of its figures, and what hits one of them is one ratio out of many. Before the first and after the last
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

/// Figures of the rounds, in their order.
public struct Spread: Sendable {
  public let values: [Double]
  public let median: Double
  public let least: Double
  public let greatest: Double

  init(_ values: [Double]) {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    self.values = values
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    least = sorted[0]
    greatest = sorted[sorted.count - 1]
  }

  /// There is more than one figure, and so something to spread.
  public var isSpread: Bool { values.count > 1 }

  func map(_ change: (Double) -> Double) -> Spread { Spread(values.map(change)) }
}

/// One line of the report.
public struct Row: Sendable {
  public let name: String
  /// Rows of one benchmark took turns.
  public let benchmark: String
  public let contestant: Contestant.Role
  public let detail: String
  public let unit: Unit
  public let figures: Spread
  public var median: Double { figures.median }
  public var min: Double { figures.least }
  public var max: Double { figures.greatest }
  /// How fast this is as a share of the floor's speed, round by round.
  public internal(set) var sharesOfFloor: Spread? { didSet { shareOfFloor = sharesOfFloor?.median } }
  /// How many times as fast as hand-written Swift, round by round.
  public internal(set) var factorsToHandwritten: Spread? {
    didSet { factorToHandwritten = factorsToHandwritten?.median }
  }
  // Stored: Swift 6.3.1's optimiser fails on a reader that gets at them through the others.
  public private(set) var shareOfFloor: Double?
  public private(set) var factorToHandwritten: Double?

  init(_ benchmark: Benchmark, _ contestant: Contestant, _ unit: Unit, values: [Double]) {
    self.benchmark = benchmark.name
    name = benchmark.name + (contestant.variant.map { "-\($0)" } ?? "")
    self.contestant = contestant.role
    detail = contestant.detail
    self.unit = unit
    figures = Spread(values)
  }

  /// How many times as fast as `other`, whichever way the unit counts.
  func speed(over other: Row) -> Spread {
    unit.isPrice ? other.multiple(of: self) : multiple(of: other)
  }

  /// The figure in units of the other's: round by round where the two took turns, and between the
  /// medians where they did not.
  func multiple(of other: Row) -> Spread {
    // (Two that are both infinite are alike as well.)
    guard benchmark == other.benchmark, figures.values.count == other.figures.values.count else {
      return Spread([median / other.median])
    }
    return Spread(zip(figures.values, other.figures.values).map { $0 == $1 ? 1 : $0 / $1 })
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
    for _ in 0..<min(options.rounds, benchmark.rounds ?? options.rounds) * benchmark.turns {
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
          values: samples[index].flatMap { unit.values($0.tally, seconds: $0.seconds) })
      }
      // Rivals that run at several settings are compared setting by setting.
      let floors = rows.filter { $0.contestant == .floor }
      let rivals = rows.filter { $0.contestant == .handwritten }
      for index in rows.indices {
        let name = rows[index].name
        let floor = floors.count == 1 ? floors[0] : floors.first { $0.name == name }
        let handwritten = rivals.count == 1 ? rivals[0] : rivals.first { $0.name == name }
        rows[index].sharesOfFloor = floor.map { rows[index].speed(over: $0) }
        rows[index].factorsToHandwritten = handwritten.map { rows[index].speed(over: $0) }
      }
      all += rows
    }
    return all
  }
}
