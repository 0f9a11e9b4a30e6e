import Stepmill

/// The newest of what executions logged, in memory, for whoever reads log groups of this server.
///
/// It is bounded in bytes: what is oldest goes first, in whatever group it is. May be used from
/// any thread; a sink behind it gets every record, too.
package final class LogStore: LogSink {
  /// A log group of an account in a region.
  struct Group: Hashable, Sendable {
    let scope: Scope
    let name: String

    var arn: String { "arn:\(scope.partition):logs:\(scope.region):\(scope.account):log-group:\(name)" }
  }

  /// What is known of a group, or of a stream in it.
  struct Facts: Sendable {
    let created: Int64
    var bytes = 0
    var first: Int64?
    var last: Int64?
  }

  struct Entry: Sendable {
    /// Counts all entries, from 1.
    let number: Int
    let group: Group
    let stream: String
    let timestamp: Int64
    let text: [UInt8]
  }

  fileprivate struct State {
    var entries: [Entry] = []
    /// In front of it lie those that are gone.
    var first = 0
    var bytes = 0
    var nextNumber = 1
    var groups: [Group: Facts] = [:]
    var streams: [Group: [String: Facts]] = [:]
  }

  /// What an entry costs beside its text, roughly.
  private static let entryBytes = 128
  private static let groupsMax = 10_000

  private let state = Lock(State())
  private let bytesMax: Int
  private let next: (any LogSink)?

  /// - Parameters:
  ///   - bytesMax: How much is kept.
  ///   - next: Gets every record, too.
  package init(bytesMax: Int, then next: (any LogSink)? = nil) {
    self.bytesMax = bytesMax
    self.next = next
  }

  // MARK: Writing

  package func log(_ record: LogRecord) {
    next?.log(record)
    guard let (group, stream) = Self.place(of: record) else { return }
    let cost = record.text.count + Self.entryBytes
    guard cost <= bytesMax else { return }
    state.withLock { state in
      guard state.make(group, at: record.timestamp, max: Self.groupsMax) else { return }
      state.entries.append(
        Entry(
          number: state.nextNumber, group: group, stream: stream, timestamp: record.timestamp,
          text: record.text))
      state.nextNumber += 1
      state.bytes += cost
      state.groups[group]?.add(record.timestamp, record.text.count)
      state.streams[group, default: [:]][stream, default: Facts(created: record.timestamp)]
        .add(record.timestamp, record.text.count)
      while state.bytes > bytesMax { state.dropFirst(Self.entryBytes) }
    }
  }

  /// False where there is a group of this name.
  func create(_ group: Group, at time: Int64) -> Bool {
    state.withLock { $0.groups[group] == nil && $0.make(group, at: time, max: Self.groupsMax) }
  }

  /// False where there is none. Its entries go with it.
  func delete(_ group: Group) -> Bool {
    state.withLock { state in
      guard state.groups.removeValue(forKey: group) != nil else { return false }
      state.streams[group] = nil
      let kept = state.entries[state.first...].filter { $0.group != group }
      state.entries = Array(kept)
      state.first = 0
      state.bytes = kept.reduce(0) { $0 + $1.text.count + Self.entryBytes }
      return true
    }
  }

  // MARK: Reading

  func hasGroup(_ group: Group) -> Bool { state.withLock { $0.groups[group] != nil } }

  func groups(in scope: Scope) -> [(group: Group, facts: Facts)] {
    state.withLock { $0.groups.filter { $0.key.scope == scope } }
      .map { (group: $0.key, facts: $0.value) }.sorted { $0.group.name < $1.group.name }
  }

  func streams(of group: Group) -> [(name: String, facts: Facts)] {
    (state.withLock { $0.streams[group] } ?? [:])
      .map { (name: $0.key, facts: $0.value) }.sorted { $0.name < $1.name }
  }

  /// The number of the oldest entry and the one that the next will get.
  var numbers: Range<Int> {
    state.withLock { state in
      let first = state.first < state.entries.count ? state.entries[state.first].number : state.nextNumber
      return first..<state.nextNumber
    }
  }

  /// Entries from a number on, of all groups, `limit` at most. Writers wait meanwhile: ask for few.
  func entries(from number: Int, limit: Int) -> ArraySlice<Entry> {
    state.withLock { state in
      let live = state.entries[state.first...]
      var low = live.startIndex
      var high = live.endIndex
      while low < high {
        let middle = (low + high) / 2
        if live[middle].number < number { low = middle + 1 } else { high = middle }
      }
      // A copy, since a slice would keep the next writer from changing the entries in place.
      return Array(live[low...].prefix(limit))[...]
    }
  }

  // MARK: Places

  /// Where a record goes: to the log group that the state machine names, else to the one that AWS
  /// proposes for it. Each state machine has a stream of its own.
  private static func place(of record: LogRecord) -> (Group, String)? {
    let machine = record.machineARN.split(separator: ":", omittingEmptySubsequences: false)
    guard machine.count >= 7 else { return nil }
    let stream = "states/\(machine[6])"
    if let arn = record.logGroupARN, let group = Group(arn: arn) { return (group, stream) }
    let scope = Scope(region: String(machine[3]), account: String(machine[4]))
    return (Group(scope: scope, name: "/aws/vendedlogs/states/\(machine[6])-Logs"), stream)
  }
}

extension LogStore.Group {
  /// From `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, with `:*` behind it or without.
  init?(arn: String) {
    let parts = arn.split(separator: ":", maxSplits: 6, omittingEmptySubsequences: false)
    guard parts.count == 7, parts[2] == "logs", parts[5] == "log-group" else { return nil }
    let name = parts[6].hasSuffix(":*") ? parts[6].dropLast(2) : parts[6]
    guard !name.isEmpty else { return nil }
    self.init(scope: Scope(region: String(parts[3]), account: String(parts[4])), name: String(name))
  }
}

extension LogStore.State {
  fileprivate mutating func make(_ group: LogStore.Group, at time: Int64, max: Int) -> Bool {
    if groups[group] != nil { return true }
    guard groups.count < max else { return false }
    groups[group] = LogStore.Facts(created: time)
    return true
  }

  fileprivate mutating func dropFirst(_ entryBytes: Int) {
    let gone = entries[first]
    first += 1
    bytes -= gone.text.count + entryBytes
    groups[gone.group]?.bytes -= gone.text.count
    streams[gone.group]?[gone.stream]?.bytes -= gone.text.count
    // Moving what is left costs each entry once on average.
    if first * 2 > entries.count {
      entries.removeFirst(first)
      first = 0
    }
  }
}

extension LogStore.Facts {
  fileprivate mutating func add(_ time: Int64, _ size: Int) {
    bytes += size
    first = min(first ?? time, time)
    last = max(last ?? time, time)
  }
}
