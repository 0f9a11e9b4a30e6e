// What the figures ought to be: ratios between two things measured in the same run, each with
// the least that will do and the goal. Between contestants that took turns a ratio is the median
// of those of the rounds, and the table has the least and the greatest of them as well.

/// One line of the table of goals.
public struct Goal: Sendable {
  /// Which way is better, and how the figure is written.
  public enum Form: Sendable {
    /// A share of the yardstick: more is better.
    case share
    /// So many times as fast or as cheap: more is better.
    case factor
    /// A price in units of the yardstick: less is better.
    case multiple
    /// A share of the yardstick's price: less is better.
    case priceShare
    /// Bytes: less is better.
    case bytes
    /// A count: less is better.
    case count
  }

  public let measured: String
  public let against: String
  public let least: Double
  public let goal: Double
  public let form: Form
  let value: @Sendable (Figures) -> Spread?

  init(
    _ measured: String, _ against: String, _ form: Form, least: Double, goal: Double,
    _ value: @escaping @Sendable (Figures) -> Spread?
  ) {
    self.measured = measured
    self.against = against
    self.form = form
    self.least = least
    self.goal = goal
    self.value = value
  }

  var isMoreBetter: Bool { form == .share || form == .factor }

  func reaches(_ bound: Double, with value: Double) -> Bool {
    isMoreBetter ? value >= bound : value <= bound
  }

  func text(_ value: Double) -> String {
    if value.isInfinite { return "-" }
    return switch form {
    case .share, .priceShare: "\(fixed(value * 100, value < 0.1 ? 1 : 0)) %"
    case .factor: "\(fixed(value, value < 10 ? 2 : 1)) x"
    case .multiple: "\(fixed(value, 2)) x"
    case .bytes: value >= 1e6 ? "\(fixed(value / 1e6, 1)) MB" : "\(fixed(value, 0)) B"
    case .count: fixed(value, value == value.rounded() ? 0 : 4)
    }
  }

  /// From the least to the greatest of the rounds; nothing where there is one figure.
  func text(_ spread: Spread) -> String {
    spread.isSpread ? "\(text(spread.least)) to \(text(spread.greatest))" : ""
  }

  /// What the figure says about the goal, in words.
  func verdict(_ value: Double) -> String {
    if value.isInfinite { return "missed, fell behind" }
    if reaches(goal, with: value) { return "met" }
    let distance =
      goal == 0
      ? ""
      : isMoreBetter
        ? "\(fixed(value / goal * 100, 0)) % of the goal" : "\(fixed(value / goal, 1)) x the goal"
    if reaches(least, with: value) { return distance.isEmpty ? "least met" : "least met, \(distance)" }
    return distance.isEmpty ? "missed" : "missed, \(distance)"
  }
}

/// The rows, by name, contestant and unit.
struct Figures: Sendable {
  private var rows: [String: Row] = [:]

  /// Of several rows of a kind the first counts: what comes behind it is there for comparison, and may find
  /// memory that the first one has left.
  init(_ all: [Row]) {
    for row in all.reversed() {
      rows["\(row.name)|\(row.contestant.rawValue)|\(row.unit.rawValue)"] = row
    }
  }

  subscript(_ name: String, _ role: Contestant.Role, _ unit: Unit) -> Row? {
    rows["\(name)|\(role.rawValue)|\(unit.rawValue)"]
  }

  /// How many times as fast as the rival.
  func speed(_ name: String, over role: Contestant.Role, _ unit: Unit = .executionsPerSecond) -> Spread? {
    guard let mine = self[name, .stepmill, unit], let other = self[name, role, unit], mine.min > 0,
      other.min > 0
    else { return nil }
    return mine.speed(over: other)
  }

  func price(_ name: String, over role: Contestant.Role, _ unit: Unit = .nanosecondsPerItem) -> Spread? {
    speed(name, over: role, unit)?.map { 1 / $0 }
  }

  /// Our own figure as a multiple of another one of ours, or of somebody else's.
  func gain(
    _ name: String, over other: String, _ role: Contestant.Role = .stepmill,
    unit: Unit = .executionsPerSecond
  ) -> Spread? {
    guard let mine = self[name, .stepmill, unit], let other = self[other, role, unit], other.min > 0 else {
      return nil
    }
    return mine.multiple(of: other)
  }

  func figure(_ name: String, _ unit: Unit) -> Spread? { self[name, .stepmill, unit]?.figures }

  /// Of several things that may not exceed a bound, the one with the greatest median.
  func greatest(_ names: [String], _ unit: Unit) -> Spread? {
    names.compactMap { figure($0, unit) }.max { $0.median < $1.median }
  }
}

extension Goal {
  static func all(_ size: SuiteSize) -> [Goal] { speeds + machinery + memory(size) + batch(size) }

  private static func batch(_ size: SuiteSize) -> [Goal] {
    [
      Goal("rows of W4, JSONL on disk, items/s", "W4 in memory", .share, least: 0.5, goal: 0.75) {
        $0.gain("batch-jsonl", over: "batch-memory", unit: .itemsPerSecond)
      },
      Goal("same, CSV", "W4 in memory", .share, least: 0.4, goal: 0.4) {
        $0.gain("batch-csv", over: "batch-memory", unit: .itemsPerSecond)
      },
      Goal("same, JSONL", "jq -c", .factor, least: 5, goal: 15) {
        $0.gain("batch-jsonl", over: "batch-jq", .handwritten, unit: .itemsPerSecond)
      },
      Goal("same on 4 loops and cores", "on one core", .factor, least: 3, goal: 3.6) {
        $0.gain("batch-loops-4", over: "batch-loops-1", unit: .itemsPerSecond)
      },
      Goal("same, price of a checkpoint every 2 s", "the run without", .priceShare, least: 0.03, goal: 0.03) {
        // It was measured at one every 0.1 s.
        $0.gain("batch-checkpoints-none", over: "batch-checkpoints-frequent", unit: .itemsPerSecond)?
          .map { max(0, $0 - 1) / usualCheckpoints }
      },
      Goal("of 1 GB, read when the first row runs", "all of it", .priceShare, least: 0.01, goal: 0.01) {
        $0.figure("batch-first", .ratio)
      },
      Goal(
        "price of a row of \(size.batchGrowth.last ?? 0)", "of \(size.batchGrowth.first ?? 0)", .multiple,
        least: 1.2, goal: 1.1
      ) { figures in
        growth("batch-growth", size.batchGrowth, figures)
      },
      Goal("\(size.batchResident.last ?? 0) rows of a file, memory", "-", .bytes, least: 64e6, goal: 64e6) {
        $0.greatest(size.batchResident.map { "batch-resident-\($0)" }, .bytes)
      },
      Goal("W3 beside a run over rows, p99", "W3 alone", .multiple, least: 10, goal: 3) {
        $0.gain("batch-beside-background", over: "batch-beside-alone", unit: .latencyP99)
      },
      Goal("same", "beside the same rows in one line", .priceShare, least: 0.5, goal: 0.1) {
        $0.gain("batch-beside-background", over: "batch-beside-normal", unit: .latencyP99)
      },
    ]
  }

  private static let speeds: [Goal] = [
    Goal("W1, executions/s", "the C++ floor", .share, least: 0.21, goal: 0.5) {
      $0.speed("W1", over: .floor)
    },
    Goal("W2, executions/s", "the C++ floor", .share, least: 0.26, goal: 0.5) {
      $0.speed("W2", over: .floor)
    },
    Goal("W3, executions/s", "the C++ floor", .share, least: 0.37, goal: 0.6) {
      $0.speed("W3", over: .floor)
    },
    Goal("W4, executions/s", "the C++ floor", .share, least: 0.36, goal: 0.6) {
      $0.speed("W4", over: .floor)
    },
    Goal("W5, executions/s", "the C++ floor", .share, least: 0.1, goal: 0.4) { $0.speed("W5", over: .floor) },
    Goal("W3, executions/s", "hand-written Swift, Codable", .factor, least: 15, goal: 25) {
      $0.speed("W3", over: .handwritten)
    },
    Goal("W4, executions/s", "hand-written Swift, TaskGroup and Codable", .factor, least: 10, goal: 17) {
      $0.speed("W4", over: .handwritten)
    },
    Goal("W3 on 4 loops", "on 1", .factor, least: 3, goal: 3.6) { $0.gain("W3-loops-4", over: "W3-loops-1") },
    Goal("items of 500 ns on 2 loops", "on 1", .factor, least: 1.7, goal: 1.95) {
      $0.gain("fan-out-500ns-500ns-2", over: "fan-out-500ns-500ns-1", unit: .itemsPerSecond)
    },
    Goal("W3 latency at 80 % load, p99", "p50", .multiple, least: 10, goal: 10) {
      $0.figure("W3-latency-80", .latencyShape)
    },
  ]

  private static let machinery: [Goal] = [
    Goal("parse into engine values, 10 KB", "simdjson DOM parse alone", .share, least: 0.4, goal: 0.6) {
      $0.speed("parse", over: .floor, .gigabytesPerSecond)
    },
    Goal("write, 10 KB with decimals", "the floor's serialiser", .share, least: 0.7, goal: 1) {
      $0.speed("write", over: .floor, .gigabytesPerSecond)
    },
    Goal("submissions from one foreign thread", "one uv_async_send each, in C", .factor, least: 1, goal: 2) {
      $0.speed("submit-1", over: .floor, .itemsPerSecond)
    },
    Goal("wake-up of a sleeping loop, p50", "bare uv_async_send, in C", .multiple, least: 1.5, goal: 1.1) {
      $0.price("wake-up", over: .floor)
    },
    Goal("timer fire, all live", "uv_timer_t", .factor, least: 10, goal: 25) {
      $0.speed("timer-fire", over: .floor, .nanosecondsPerItem)
    },
    Goal("sync handler call", "a bare closure call", .multiple, least: 10, goal: 4) {
      $0.price("handler-sync", over: .handwritten)
    },
    Goal("async handler, not suspending", "spawning and awaiting a Task", .priceShare, least: 0.3, goal: 0.15)
    {
      $0.price("handler-async", over: .handwritten)
    },
    Goal(
      "async handler, suspending once", "spawning and awaiting a Task", .priceShare, least: 1.2, goal: 0.75
    ) {
      $0.price("handler-suspending", over: .handwritten)
    },
  ]

  private static func memory(_ size: SuiteSize) -> [Goal] {
    [
      Goal(
        "\(size.waits) waits: CPU per start + wait + finish", "C timer wheel", .multiple, least: 6, goal: 3
      ) {
        $0.price("W6", over: .floor)
      },
      Goal("same", "Task.sleep per execution", .factor, least: 9, goal: 17) {
        $0.speed("W6", over: .handwritten, .nanosecondsPerItem)
      },
      Goal("waiting execution, beyond the state's text", "-", .bytes, least: 200, goal: 112) {
        $0.figure("W6", .bytesPerItem)?.map { $0 - 7 }
      },
      Goal(
        "last of \(size.waits) due at once: late by", "CPU needed to finish them all", .multiple, least: 1.5,
        goal: 1.1
      ) {
        $0.figure("W6-late", .ratio)
      },
      Goal("heap allocations per transition, W1 to W5", "-", .count, least: 0, goal: 0) {
        $0.greatest((1...5).map { "allocations-W\($0)" }, .allocationsPerTransition)
      },
      Goal("W4, memory beyond input and output", "-", .bytes, least: 2e6, goal: 2e6) {
        $0.figure("W4-memory", .bytes)
      },
      Goal("\(size.rows) streamed rows, memory", "-", .bytes, least: 64e6, goal: 64e6) {
        $0.figure("rows", .bytes)
      },
      Goal(
        "W4, price of an item at \(size.growth.last ?? 0)", "at \(size.growth.first ?? 0)", .multiple,
        least: 2, goal: 1.3
      ) {
        growth("W4-growth", size.growth, $0)
      },
      Goal(
        "W6, price of a wait at \(size.growth.last ?? 0)", "at \(size.growth.first ?? 0)", .multiple,
        least: 2, goal: 1.3
      ) {
        growth("W6-growth", size.growth, $0)
      },
    ]
  }

  private static func growth(_ name: String, _ sizes: [Int], _ figures: Figures) -> Spread? {
    guard let first = sizes.first, let last = sizes.last else { return nil }
    return figures.gain("\(name)-\(last)", over: "\(name)-\(first)", unit: .nanosecondsPerItem)
  }
}

/// A goal with its figure.
public struct GoalResult: Sendable {
  public let goal: Goal
  /// What the rounds say; its median is what counts.
  public let spread: Spread
  public var value: Double { spread.median }
  public var isMet: Bool { goal.reaches(goal.goal, with: value) }
  public var isLeastMet: Bool { goal.reaches(goal.least, with: value) }
  public var verdict: String { goal.verdict(value) }
}

/// The goals that this run has figures for.
public func goalResults(of outcomes: [Outcome], _ size: SuiteSize) -> [GoalResult] {
  let figures = Figures(outcomes.flatMap(\.rows))
  return Goal.all(size).compactMap { goal in goal.value(figures).map { GoalResult(goal: goal, spread: $0) } }
}

/// The table of goals for a terminal.
public func table(of results: [GoalResult]) -> String {
  var lines = [["measured", "against", "here", "in the rounds", "least", "goal", "", ""]]
  for result in results {
    let goal = result.goal
    let mark = result.isMet ? "●" : result.isLeastMet ? "◐" : "○"
    lines.append([
      goal.measured, goal.against, goal.text(result.value), goal.text(result.spread), goal.text(goal.least),
      goal.text(goal.goal), mark, result.verdict,
    ])
  }
  let text = aligned(lines, leftAligned: 2)
  let met = results.count { $0.isMet }
  let least = results.count { $0.isLeastMet }
  return text + "\n\(met) of \(results.count) goals met, \(least) at least as good as will do"
}
