import Stepmill

// What happened in a recorded run, state by state: made of a history as `stepmill run
// --history=json` and AWS' GetExecutionHistory write it, and painted on a layout.
//
// Events name the event that they follow from. Each event belongs to one *entry* (one visit of
// one state): a StateEntered makes one, the others take that of the event before them, and the
// events of a Parallel or Map climb from the entry inside to the one around it.

package struct RecordedRun: Sendable {
  package private(set) var visits: [String: Visits] = [:]
  /// How the execution ended, if it did.
  package private(set) var ending: Ending?
  private var ways: [Way: Int] = [:]
  private var starts: [String: Int] = [:]
  private var edgeCounts: [Int] = []
  private var takenMarks: Set<Int> = []

  package struct Visits: Sendable, Equatable {
    package var status = Status.succeeded
    package var entered = 0
    package var exited = 0
    /// Attempts that failed.
    package var failures = 0
    /// Of all visits together.
    package var milliseconds: Int64 = 0
  }

  package enum Status: String, Sendable {
    case succeeded, running, aborted, caught, failed

    fileprivate var weight: Int {
      switch self {
      case .succeeded: 0
      case .running: 1
      case .caught: 2
      case .aborted: 3
      case .failed: 4
      }
    }
  }

  package enum Ending: String, Sendable {
    case succeeded = "ExecutionSucceeded"
    case failed = "ExecutionFailed"
    case aborted = "ExecutionAborted"
    case timedOut = "ExecutionTimedOut"
  }

  private struct Way: Hashable {
    var source: String
    var target: String
    var isCaught: Bool
  }

  /// Why a text is no history.
  package struct ReadError: Error {
    package var message: String
  }

  // MARK: Reading

  /// Reads an array of events, an object that has one as `events`, or one event per line.
  package static func read(_ text: [UInt8]) throws(ReadError) -> RecordedRun {
    var events = self.events(text)
    guard !events.isEmpty else {
      throw ReadError(
        message: "there are no events: write the history with 'stepmill run --history=json', or take "
          + "what GetExecutionHistory answers")
    }
    events.sort { $0.id < $1.id }
    var reader = HistoryReader()
    for event in events { reader.take(event) }
    var run = RecordedRun()
    run.ending = reader.ending
    for entry in reader.entries { run.add(entry, hasEnded: reader.ending != nil) }
    for (source, target) in reader.ways {
      guard let source else {
        run.starts[target, default: 0] += 1
        continue
      }
      let entry = reader.entries[source]
      run.ways[Way(source: entry.name, target: target, isCaught: entry.hasFailed), default: 0] += 1
    }
    return run
  }

  private static func events(_ text: [UInt8]) -> [HistoryReader.Event] {
    if let json = try? JSON(parsing: text) {
      let list = json["events"] ?? json
      if let array = list.array { return array.compactMap { HistoryReader.Event($0) } }
      return HistoryReader.Event(json).map { [$0] } ?? []
    }
    // What else was written to the same place is passed over.
    return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard line.first == UInt8(ascii: "{") else { return nil }
      return (try? JSON(parsing: line)).flatMap { HistoryReader.Event($0) }
    }
  }

  private mutating func add(_ entry: HistoryReader.Entry, hasEnded: Bool) {
    var visits = visits[entry.name] ?? Visits()
    visits.entered += 1
    visits.failures += entry.failures
    if entry.hasExited { visits.exited += 1 }
    visits.milliseconds += max(0, entry.lastTime - entry.firstTime)
    let status: Status =
      if entry.isFail || entry.hasFailed && !entry.hasExited {
        .failed
      } else if entry.isAborted || !entry.hasExited && hasEnded {
        .aborted
      } else if !entry.hasExited {
        .running
      } else {
        entry.hasFailed ? .caught : .succeeded
      }
    if status.weight > visits.status.weight { visits.status = status }
    self.visits[entry.name] = visits
  }

  // MARK: Painting

  /// Lines to show with each state.
  package var notes: [String: [String]] {
    visits.mapValues { visits in
      var parts: [String] = []
      if visits.entered > 1 { parts.append("\(visits.entered) times") }
      if visits.milliseconds > 0 || visits.entered == 1 {
        let time = DurationText.text(seconds: Double(visits.milliseconds) / 1000)
        parts.append(visits.entered > 1 ? "\(time) in all" : time)
      }
      if visits.failures > 0 { parts.append("\(visits.failures) failed") }
      return [parts.joined(separator: " · ")]
    }
  }

  /// Finds the run's ways among the edges of a layout.
  package mutating func paint(_ layout: GraphLayout) {
    edgeCounts = [Int](repeating: 0, count: layout.edges.count)
    var rest = ways
    var left: [String: Int] = visits.mapValues(\.exited)
    func take(_ edge: GraphLayout.Edge, isCaught: Bool) {
      let (source, target) = (layout.nodes[edge.source].state, layout.nodes[edge.target].state)
      guard let count = rest.removeValue(forKey: Way(source: source, target: target, isCaught: isCaught))
      else { return }
      edgeCounts[edge.id] += count
      left[source, default: 0] -= count
    }
    for edge in layout.edges where edge.kind != .start && edge.kind != .end {
      take(edge, isCaught: edge.kind == .catch)
    }
    // A way that fits no edge of its kind: the history may be of a slightly different definition.
    for edge in layout.edges where edge.kind != .start && edge.kind != .end {
      take(edge, isCaught: edge.kind != .catch)
    }
    takenMarks = []
    for edge in layout.edges {
      if edge.kind == .start {
        edgeCounts[edge.id] = starts[layout.nodes[edge.target].state] ?? 0
        if edgeCounts[edge.id] > 0 { takenMarks.insert(edge.source) }
      } else if edge.kind == .end {
        edgeCounts[edge.id] = max(0, left[layout.nodes[edge.source].state] ?? 0)
        if edgeCounts[edge.id] > 0 { takenMarks.insert(edge.target) }
      }
    }
  }

  package func count(ofEdge edge: Int) -> Int { edgeCounts.indices.contains(edge) ? edgeCounts[edge] : 0 }

  package func status(of state: String) -> Status? { visits[state]?.status }

  func isTaken(mark: Int) -> Bool { takenMarks.contains(mark) }

  func tip(of state: String) -> String {
    guard let visits = visits[state] else { return "not visited" }
    return "\(visits.status.rawValue); " + (notes[state] ?? []).joined(separator: ", ")
  }

  package var summary: String {
    let entered = visits.values.reduce(0) { $0 + $1.entered }
    let end =
      switch ending {
      case .succeeded: "It succeeded"
      case .failed: "It failed"
      case .aborted: "It was aborted"
      case .timedOut: "It timed out"
      case nil: "It has not ended"
      }
    return "A recorded run is painted on it: \(entered) states were entered. \(end)."
  }
}

private struct HistoryReader {
  struct Event {
    var id: Int
    var previous: Int
    var type: Substring
    /// The name of a state, where the details have one.
    var name: String?
    var time: Int64

    init?(_ json: JSON) {
      guard let id = json["id"]?.int, let type = json["type"]?.string else { return nil }
      self.id = id
      self.type = type[...]
      previous = json["previousEventId"]?.int ?? 0
      let details = json["stateEnteredEventDetails"] ?? json["stateExitedEventDetails"]
      name = details?["name"]?.string
      time = Self.time(json["timestamp"])
    }

    /// Seconds with a fraction, or a text.
    private static func time(_ json: JSON?) -> Int64 {
      if let seconds = json?.double {
        return seconds.magnitude < 1e13 ? Int64((seconds * 1000).rounded()) : 0
      }
      return json?.string.flatMap { TimestampText.milliseconds($0) } ?? 0
    }
  }

  struct Entry {
    var name: String
    /// `Task`, `Map` …
    var kind: Substring
    var parent: Int?
    var firstTime: Int64
    var lastTime: Int64
    var failures = 0
    /// Its last attempt failed.
    var hasFailed = false
    var hasExited = false
    var isAborted = false
    var isFail = false
  }

  var entries: [Entry] = []
  var ways: [(source: Int?, target: String)] = []
  var ending: RecordedRun.Ending?
  /// The entry of each event.
  private var owners: [Int: Int] = [:]
  /// Events that start a machine; what follows from them is inside their entry.
  private var isStart: Set<Int> = []

  mutating func take(_ event: Event) {
    if let ending = RecordedRun.Ending(rawValue: String(event.type)) {
      self.ending = ending
      return
    }
    let type = event.type
    if type.hasSuffix("StateEntered") { return enter(event) }
    var owner = owners[event.previous]
    if type.hasSuffix("StateExited") {
      owner = climb(owner) { $0.name == event.name && !$0.hasExited }
    } else if let kind = ["Parallel", "Map"].first(where: { type.hasPrefix($0 + "State") }) {
      owner = climb(owner) { $0.kind == kind && !$0.hasExited && !$0.hasFailed }
    } else if type.hasPrefix("MapIteration") {
      owner = climb(owner) { $0.kind == "Map" && !$0.hasExited }
    }
    if type == "ExecutionStarted" || type == "ParallelStateStarted" || type == "MapIterationStarted" {
      isStart.insert(event.id)
    }
    guard let owner else { return }
    owners[event.id] = owner
    entries[owner].lastTime = max(entries[owner].lastTime, event.time)
    note(type, owner)
  }

  private mutating func enter(_ event: Event) {
    guard let name = event.name else { return }
    let kind = event.type.dropLast("StateEntered".count)
    let before = owners[event.previous]
    let isFirst = before == nil || isStart.contains(event.previous)
    let parent = isFirst ? before : before.flatMap { entries[$0].parent }
    ways.append((isFirst ? nil : before, name))
    owners[event.id] = entries.count
    entries.append(
      Entry(
        name: name, kind: kind, parent: parent, firstTime: event.time, lastTime: event.time,
        isFail: kind == "Fail"))
  }

  private mutating func note(_ type: Substring, _ owner: Int) {
    if type.hasSuffix("StateExited") {
      entries[owner].hasExited = true
    } else if type.hasPrefix("MapIteration") {
      return
    } else if type.hasSuffix("StateAborted") {
      entries[owner].isAborted = true
    } else if type.hasSuffix("Failed") || type.hasSuffix("TimedOut") {
      entries[owner].hasFailed = true
      entries[owner].failures += 1
    } else if type.hasSuffix("Scheduled") || type.hasSuffix("Succeeded") {
      entries[owner].hasFailed = false
    }
  }

  private func climb(_ owner: Int?, _ isWanted: (Entry) -> Bool) -> Int? {
    var owner = owner
    while let index = owner, !isWanted(entries[index]) { owner = entries[index].parent }
    return owner
  }
}
