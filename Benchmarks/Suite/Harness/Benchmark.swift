import StepmillCommands

/// What a contestant did in one call.
public struct Tally: Sendable {
  /// Executions, or whatever the benchmark counts: timers, bytes, wake-ups.
  public var executions: Int
  public var transitions: Int
  /// Set by contestants that time a phase of their own; otherwise the harness times the call.
  public var seconds: Double?
  /// Memory that all of them took at once, where a benchmark asks.
  public var bytes: Int
  /// Heap allocations of the calling thread, where they are counted.
  public var allocations: Int
  /// How long each took, where a benchmark asks.
  public var latencies: LatencyHistogram?
  /// The same in short windows one after the other, each long enough for a p99 of its own: where
  /// the machine itself stops for milliseconds, that is one window and not the tail of the round.
  public var windows: [LatencyHistogram] = []
  /// How long arrivals came in each of the windows.
  public var windowSeconds = 0.0
  /// A figure that has no unit: lateness over the work that was due.
  public var ratio: Double

  public init(
    executions: Int, transitions: Int = 0, seconds: Double? = nil, bytes: Int = 0, allocations: Int = 0,
    latencies: LatencyHistogram? = nil, ratio: Double = 0
  ) {
    self.executions = executions
    self.transitions = transitions
    self.seconds = seconds
    self.bytes = bytes
    self.allocations = allocations
    self.latencies = latencies
    self.ratio = ratio
  }
}

/// One who runs a benchmark: the C floor, hand-written Swift, Stepmill.
public struct Contestant: Sendable {
  /// The role in the comparison; rows carry its raw value.
  public enum Role: String, Sendable, CaseIterable {
    case stepmill, floor, handwritten
  }

  public let role: Role
  /// What exactly runs, for the reader of the table.
  public let detail: String
  /// Tells contestants of one role apart (loops, sizes, loads); part of the row's name.
  public let variant: String?
  /// How often, where that differs from the benchmark's other contestants.
  public let times: Int?
  /// Executes that many times. The output of the last execution is left for `output`.
  public let run: @Sendable (_ times: Int) async throws -> Tally
  /// JSON text of the last execution; empty when the benchmark makes none.
  public let output: @Sendable () -> [UInt8]

  public init(
    _ role: Role, _ detail: String, variant: String? = nil, times: Int? = nil,
    run: @escaping @Sendable (_ times: Int) async throws -> Tally,
    output: @escaping @Sendable () -> [UInt8] = { [] }
  ) {
    self.role = role
    self.detail = detail
    self.variant = variant
    self.times = times
    self.run = run
    self.output = output
  }
}

/// One figure of the report: what is counted, per what.
public enum Unit: String, Sendable {
  case transitionsPerSecond = "transitions/s"
  case executionsPerSecond = "executions/s"
  case gigabytesPerSecond = "GB/s"
  case itemsPerSecond = "items/s"
  case nanosecondsPerItem = "ns/item"
  case bytesPerItem = "B/item"
  case bytes = "B"
  case allocationsPerTransition = "allocations/transition"
  case ratio
  case latencyP50 = "ns p50"
  case latencyP90 = "ns p90"
  case latencyP99 = "ns p99"
  case latencyP999 = "ns p99.9"
  case latencyP9999 = "ns p99.99"
  case latencyMax = "ns max"
  /// p99 as a multiple of p50, window by window; infinite where the loop fell behind.
  case latencyShape = "p99/p50"

  static let latencies: [Unit] = [
    .latencyP50, .latencyP90, .latencyP99, .latencyShape, .latencyP999, .latencyP9999, .latencyMax,
  ]

  /// A price is better when it is lower.
  var isPrice: Bool {
    switch self {
    case .transitionsPerSecond, .executionsPerSecond, .gigabytesPerSecond, .itemsPerSecond: false
    default: true
    }
  }

  /// The figures of a round: one, or one for each of its windows. What is rarer than one in a
  /// hundred is told of the whole round, with all that the machine did meanwhile.
  func values(_ tally: Tally, seconds: Double) -> [Double] {
    switch self {
    case .latencyP50, .latencyP90, .latencyP99, .latencyShape:
      if tally.windows.isEmpty { return [value(tally, seconds: seconds)] }
      return tally.windows.map { window in
        let part = Tally(executions: Int(window.total), seconds: tally.windowSeconds, latencies: window)
        return value(part, seconds: tally.windowSeconds)
      }
    default: return [value(tally, seconds: seconds)]
    }
  }

  private func value(_ tally: Tally, seconds: Double) -> Double {
    switch self {
    case .transitionsPerSecond: Double(tally.transitions) / seconds
    case .executionsPerSecond, .itemsPerSecond: Double(tally.executions) / seconds
    case .gigabytesPerSecond: Double(tally.executions) / seconds / 1e9
    case .nanosecondsPerItem: seconds * 1e9 / Double(tally.executions)
    case .bytesPerItem: Double(tally.bytes) / Double(tally.executions)
    case .bytes: Double(tally.bytes)
    case .allocationsPerTransition: Double(tally.allocations) / Double(max(1, tally.transitions))
    case .ratio: tally.ratio
    case .latencyP50: quantile(tally, 0.5)
    case .latencyP90: quantile(tally, 0.9)
    case .latencyP99: quantile(tally, 0.99)
    case .latencyP999: quantile(tally, 0.999)
    case .latencyP9999: quantile(tally, 0.9999)
    case .latencyMax: quantile(tally, 1)
    case .latencyShape: shape(tally, seconds: seconds)
    }
  }

  /// Arrivals that come by two hundredths faster than they are run wait in the middle of a schedule
  /// for a hundredth of what has passed until its end: the shape of such times says nothing.
  private func shape(_ tally: Tally, seconds: Double) -> Double {
    let middle = quantile(tally, 0.5)
    if middle > seconds * 1e9 / 100 { return .infinity }
    return middle > 0 ? quantile(tally, 0.99) / middle : 0
  }

  private func quantile(_ tally: Tally, _ share: Double) -> Double {
    Double(tally.latencies?.quantile(share) ?? 0)
  }
}

/// A thing that is measured, and who runs it.
public struct Benchmark: Sendable {
  public let name: String
  public let summary: String
  public let units: [Unit]
  public let clock: Clock
  /// Runs on one core. What needs threads side by side does not.
  public let pinned: Bool
  /// Calls with a fixed size; nil lets the harness find how many fill a round.
  public let times: Int?
  /// Rounds, where the usual number would take too long.
  public let rounds: Int?
  /// Short turns of each contestant that a round consists of, each with a figure of its own. More
  /// than one where a figure is soon had and soon disturbed.
  public let turns: Int
  /// Runs once before the clock starts. What is long enough anyway does not.
  public let warmsUp: Bool
  public let contestants: [Contestant]

  public init(
    _ name: String, _ summary: String, units: [Unit], clock: Clock = .process, pinned: Bool = true,
    times: Int? = nil, rounds: Int? = nil, turns: Int = 1, warmsUp: Bool = true, contestants: [Contestant]
  ) {
    self.name = name
    self.summary = summary
    self.units = units
    self.clock = clock
    self.pinned = pinned
    self.times = times
    self.rounds = rounds
    self.turns = turns
    self.warmsUp = warmsUp
    self.contestants = contestants
  }
}

/// Why a benchmark has no figures.
public enum BenchmarkError: Error, CustomStringConvertible {
  case wrongResult(benchmark: String, contestants: [String])
  case unsteadyResult(benchmark: String, contestant: String)
  case failed(String)

  public var description: String {
    switch self {
    case .wrongResult(let benchmark, let contestants):
      "\(benchmark): the outputs differ: \(contestants.joined(separator: ", "))"
    case .unsteadyResult(let benchmark, let contestant):
      "\(benchmark): the output of \(contestant) changed between rounds"
    case .failed(let reason): reason
    }
  }
}
