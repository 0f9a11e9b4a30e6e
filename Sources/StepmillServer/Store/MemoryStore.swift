import Stepmill

/// A store that forgets everything with the process, and the oldest executions before that.
///
/// One lock guards the tables. Histories do not go through it: they are with their executions.
package final class MemoryStore: Store {
  private let tables = Lock(Tables())
  private let retention: Retention

  package init(retention: Retention = Retention()) {
    self.retention = retention
  }

  private struct MachineKey: Hashable {
    var scope: Scope
    var name: String
  }

  private struct Tables {
    var machines: [Scope: SortedTable<StateMachine>] = [:]
    var activities: [Scope: SortedTable<Activity>] = [:]
    var executions: [MachineKey: MachineExecutions] = [:]
    var running: [Scope: Int] = [:]
    /// The closed ones of all machines, oldest first.
    var closed = ClosedQueue()
    var mapRuns: [String: MapRunRecord] = [:]
    var mapRunsOfExecutions: [String: [String]] = [:]
  }

  /// The executions of one machine.
  private struct MachineExecutions {
    var byName: [String: StoredExecution] = [:]
    var timeline = Timeline()
    var running = 0
  }

  /// The executions that are over, in the order of their ends: what goes first.
  private struct ClosedQueue {
    private var entries: [(execution: StoredExecution, date: Int64, bytes: Int, position: UInt64)?] = []
    private var head = 0
    private(set) var bytes = 0
    var count: Int { entries.count - head }

    mutating func append(_ execution: StoredExecution, _ date: Int64, _ position: UInt64) {
      let size = execution.byteCount
      bytes += size
      entries.append((execution, date, size, position))
    }

    var oldestDate: Int64? { head < entries.count ? entries[head]?.date : nil }

    mutating func removeFirst() -> (execution: StoredExecution, position: UInt64)? {
      guard head < entries.count, let first = entries[head] else { return nil }
      entries[head] = nil
      head += 1
      bytes -= first.bytes
      if head > 1024, head * 2 > entries.count {
        entries.removeFirst(head)
        head = 0
      }
      return (first.execution, first.position)
    }
  }

  // MARK: State machines

  package func machine(_ name: String, in scope: Scope) -> StateMachine? {
    tables.withLock { $0.machines[scope]?[name] }
  }

  package func put(_ machine: StateMachine, in scope: Scope) {
    tables.withLock { $0.machines[scope, default: SortedTable()].put(machine, machine.name) }
  }

  package func removeMachine(_ name: String, in scope: Scope) {
    tables.withLock { tables in
      tables.machines[scope]?.remove(name)
      // Those that have ended stay in the queue until their time comes; nobody finds them.
      tables.executions[MachineKey(scope: scope, name: name)] = nil
    }
  }

  package func machineCount(in scope: Scope) -> Int { tables.withLock { $0.machines[scope]?.count ?? 0 } }

  package func machines(after name: String?, limit: Int, in scope: Scope) -> [StateMachine] {
    tables.withLock { $0.machines[scope]?.values(after: name, limit: limit) ?? [] }
  }

  // MARK: Activities

  package func activity(_ name: String, in scope: Scope) -> Activity? {
    tables.withLock { $0.activities[scope]?[name] }
  }

  package func put(_ activity: Activity, in scope: Scope) {
    tables.withLock { $0.activities[scope, default: SortedTable()].put(activity, activity.name) }
  }

  package func removeActivity(_ name: String, in scope: Scope) {
    tables.withLock { $0.activities[scope]?.remove(name) }
  }

  package func activityCount(in scope: Scope) -> Int {
    tables.withLock { $0.activities[scope]?.count ?? 0 }
  }

  package func activities(after name: String?, limit: Int, in scope: Scope) -> [Activity] {
    tables.withLock { $0.activities[scope]?.values(after: name, limit: limit) ?? [] }
  }

  // MARK: Executions

  package func insert(_ execution: StoredExecution) -> StoredExecution? {
    tables.withLock { tables in
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      if let known = tables.executions[key]?.byName[execution.name] { return known }
      tables.executions[key, default: MachineExecutions()].byName[execution.name] = execution
      tables.executions[key]!.timeline.append(execution)
      tables.executions[key]!.running += 1
      tables.running[execution.scope, default: 0] += 1
      return nil
    }
  }

  package func remove(_ execution: StoredExecution) {
    tables.withLock { tables in
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      guard tables.executions[key]?.byName[execution.name] === execution else { return }
      tables.executions[key]!.byName[execution.name] = nil
      tables.executions[key]!.timeline.remove(execution)
      tables.executions[key]!.running -= 1
      tables.running[execution.scope, default: 0] -= 1
    }
  }

  package func execution(_ name: String, of machine: String, in scope: Scope) -> StoredExecution? {
    tables.withLock { $0.executions[MachineKey(scope: scope, name: machine)]?.byName[name] }
  }

  package func recorded(_ event: HistoryEvent, of execution: StoredExecution) {}

  package func closed(_ execution: StoredExecution, at date: Int64) {
    tables.withLock { tables in
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      tables.running[execution.scope, default: 0] -= 1
      guard tables.executions[key]?.byName[execution.name] === execution else { return }
      tables.executions[key]!.running -= 1
      let position = tables.executions[key]!.timeline.append(execution)
      tables.closed.append(execution, date, position)
      evict(&tables, now: date)
    }
  }

  package func reopened(_ execution: StoredExecution) {
    tables.withLock { tables in
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      guard tables.executions[key]?.byName[execution.name] === execution else { return }
      tables.executions[key]!.running += 1
      tables.running[execution.scope, default: 0] += 1
      tables.executions[key]!.timeline.append(execution)
    }
  }

  /// Forgets what is too old, or too much.
  private func evict(_ tables: inout Tables, now: Int64) {
    let oldest = now - Int64(retention.seconds) * 1000
    while let date = tables.closed.oldestDate,
      date < oldest || tables.closed.count > retention.executionsMax
        || tables.closed.bytes > retention.bytesMax && tables.closed.count > 1
    {
      guard let (execution, position) = tables.closed.removeFirst() else { return }
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      // It may run again, or have ended once more since.
      guard execution.position.withLock({ $0 }) == position,
        tables.executions[key]?.byName[execution.name] === execution
      else { continue }
      tables.executions[key]!.byName[execution.name] = nil
      tables.executions[key]!.timeline.remove(execution)
    }
  }

  package func executions(
    of machine: String, in scope: Scope, before position: UInt64?, limit: Int,
    where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    // A copy of the timeline costs nothing as long as nobody writes to it meanwhile; the filter
    // then runs without the lock.
    let timeline = tables.withLock { $0.executions[MachineKey(scope: scope, name: machine)]?.timeline }
    return timeline?.page(before: position, limit: limit, where: matches) ?? ([], nil)
  }

  package func runningExecutions(of machine: String, in scope: Scope) -> [StoredExecution] {
    let all = tables.withLock {
      $0.executions[MachineKey(scope: scope, name: machine)].map { Array($0.byName.values) } ?? []
    }
    return all.filter { $0.status.state == .running }
  }

  package func runningCount(of machine: String, in scope: Scope) -> Int {
    tables.withLock { $0.executions[MachineKey(scope: scope, name: machine)]?.running ?? 0 }
  }

  package func runningCount(in scope: Scope) -> Int { tables.withLock { $0.running[scope] ?? 0 } }

  // MARK: Map runs

  package func mapRun(_ arn: String) -> MapRunRecord? { tables.withLock { $0.mapRuns[arn] } }

  package func put(_ run: MapRunRecord) {
    tables.withLock { tables in
      if tables.mapRuns[run.arn] == nil {
        tables.mapRunsOfExecutions[run.executionARN, default: []].append(run.arn)
      }
      tables.mapRuns[run.arn] = run
    }
  }

  package func mapRuns(of executionARN: String) -> [MapRunRecord] {
    tables.withLock { tables in
      (tables.mapRunsOfExecutions[executionARN] ?? []).reversed().compactMap { tables.mapRuns[$0] }
    }
  }

  package func executions(
    ofMapRun arn: String, before position: UInt64?, limit: Int, where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    // Children are kept under the labelled name of their machine: `order/label`.
    guard let name = try? ServiceARN(arn), case .mapRun(let machine, let label, _) = name.resource else {
      return ([], nil)
    }
    return executions(of: "\(machine)/\(label)", in: name.scope, before: position, limit: limit) {
      $0.mapRunARN == arn && matches($0)
    }
  }

  package func whenDurable(_ body: @escaping @Sendable () -> Void) { body() }
}

/// Values by name, to be read in the order of their names.
///
/// A listing sorts the names if some were added or removed since the last one.
private struct SortedTable<Value> {
  private var values: [String: Value] = [:]
  private var names: [String] = []
  private var isSorted = true

  var count: Int { values.count }
  subscript(name: String) -> Value? { values[name] }

  mutating func put(_ value: Value, _ name: String) {
    if values.updateValue(value, forKey: name) == nil { isSorted = false }
  }

  mutating func remove(_ name: String) {
    if values.removeValue(forKey: name) != nil { isSorted = false }
  }

  mutating func values(after name: String?, limit: Int) -> [Value] {
    if !isSorted {
      names = values.keys.sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
      isSorted = true
    }
    var low = 0
    if let name {
      var high = names.count
      while low < high {
        let middle = (low + high) / 2
        if name.utf8.lexicographicallyPrecedes(names[middle].utf8) { high = middle } else { low = middle + 1 }
      }
    }
    return names[low...].prefix(limit).compactMap { values[$0] }
  }
}

/// Executions in the order in which they began or ended, whichever was last.
///
/// Beginning and ending each append an entry; an execution remembers its latest, and the one
/// before is stale. Entries are numbered for good, so a number is a place to go on from, however
/// much happened meanwhile. When more than half are stale they are swept.
private struct Timeline: Sendable {
  private var entries: [(number: UInt64, execution: StoredExecution)] = []
  private var nextNumber: UInt64 = 1
  private var stale = 0

  @discardableResult
  mutating func append(_ execution: StoredExecution) -> UInt64 {
    let number = nextNumber
    nextNumber += 1
    let isStale = execution.position.withLock { position in
      defer { position = number }
      return position != 0
    }
    if isStale { stale += 1 }
    entries.append((number, execution))
    sweep()
    return number
  }

  mutating func remove(_ execution: StoredExecution) {
    execution.position.withLock { $0 = 0 }
    stale += 1
    sweep()
  }

  private mutating func sweep() {
    guard stale > 1024, stale * 2 > entries.count else { return }
    entries.removeAll { entry in entry.execution.position.withLock { $0 } != entry.number }
    stale = 0
  }

  func page(
    before position: UInt64?, limit: Int, where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    var found: [StoredExecution] = []
    var index = position.map { place(of: $0) } ?? entries.count
    var last: UInt64?
    while index > 0 {
      index -= 1
      let entry = entries[index]
      guard entry.execution.position.withLock({ $0 }) == entry.number, matches(entry.execution) else {
        continue
      }
      if found.count == limit { return (found, last) }
      found.append(entry.execution)
      last = entry.number
    }
    return (found, nil)
  }

  /// The index of the first entry whose number is not below `number`.
  private func place(of number: UInt64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
