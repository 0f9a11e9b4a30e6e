import Stepmill

// Where an execution's time goes, state by state. Recording a history costs more than most
// states do, so only some executions are watched: 'stepmill bench' has a few run after the
// measured ones, 'stepmill map' has some of the rows run on a workflow that is observed.

/// One state's part.
struct StateTime: Sendable {
  var name: String
  var type: String
  var nanoseconds = 0.0
  /// How long each visit lasted.
  var latencies = LatencyHistogram()

  /// It lasts as long as what is in it.
  var holdsOthers: Bool { type == "Map" || type == "Parallel" }
  var visits: Int { Int(latencies.total) }
}

/// Adds up, from histories, how long states lasted.
///
/// An event names the one that it follows from. So each knows which state it belongs to: the
/// one that its predecessor belongs to, unless it enters a state or leaves one.
final class StateTimes: Sendable {
  fileprivate struct Opening {
    let name: String
    let type: String
    let time: UInt64
    let parent: Int
  }

  fileprivate struct Trail {
    /// The event that entered the state which an event belongs to.
    var opening: [Int: Int] = [:]
    var openings: [Int: Opening] = [:]
  }

  fileprivate struct Sums {
    var trails: [String: Trail] = [:]
    var states: [String: StateTime] = [:]
    var order: [String] = []
    var executions = 0
  }

  private let sums = Lock(Sums())
  private let clock: @Sendable () -> UInt64

  init(clock: @escaping @Sendable () -> UInt64 = { BenchTime.now }) { self.clock = clock }

  var observer: HistoryObserver {
    HistoryObserver(level: .all, includesData: false) { [self] in
      note(
        $0.execution, id: $0.id, previous: $0.previousID, type: $0.type.rawValue,
        name: $0.details?["name"]?.string)
    }
  }

  func note(_ execution: String, id: Int, previous: Int, type: String, name: String?) {
    let now = clock()
    sums.withLock { sums in
      if type == "ExecutionStarted" { sums.trails[execution] = Trail() }
      guard var trail = sums.trails.removeValue(forKey: execution) else { return }
      let parent = trail.opening[previous] ?? 0
      trail.opening[id] = parent
      if type.hasSuffix("StateEntered") {
        trail.openings[id] = Opening(
          name: name ?? "?", type: String(type.dropLast("StateEntered".count)), time: now, parent: parent)
        trail.opening[id] = id
      } else if type.hasSuffix("StateExited"), let opening = trail.openings.removeValue(forKey: parent) {
        sums.add(opening, now)
        trail.opening[id] = opening.parent
      }
      guard type.hasPrefix("Execution"), type != "ExecutionStarted" else {
        sums.trails[execution] = trail
        return
      }
      // A state that fails is never left.
      for opening in trail.openings.values.sorted(by: { $0.time < $1.time }) { sums.add(opening, now) }
      sums.executions += 1
    }
  }

  var executions: Int { sums.withLock { $0.executions } }

  /// A state's part of the time that was spent in states; nil for one that only holds others.
  func share(of state: StateTime) -> Double? {
    guard !state.holdsOthers else { return nil }
    let all = sums.withLock { sums in
      sums.states.values.reduce(0) { $0 + ($1.holdsOthers ? 0 : $1.nanoseconds) }
    }
    return state.nanoseconds / max(1, all)
  }

  /// The states in the order in which they were first left.
  var states: [StateTime] { sums.withLock { sums in sums.order.compactMap { sums.states[$0] } } }

  /// The states that took longest first.
  var longestFirst: [StateTime] { states.sorted { $0.nanoseconds > $1.nanoseconds } }
}

extension StateTimes.Sums {
  fileprivate mutating func add(_ opening: StateTimes.Opening, _ now: UInt64) {
    if states[opening.name] == nil {
      states[opening.name] = StateTime(name: opening.name, type: opening.type)
      order.append(opening.name)
    }
    let time = now &- opening.time
    states[opening.name]?.latencies.note(time)
    states[opening.name]?.nanoseconds += Double(time)
  }
}
