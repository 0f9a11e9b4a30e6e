import Stepmill

/// A store that forgets everything with the process, and the oldest executions before that.
///
/// One lock guards the tables. Histories do not go through it: they are with their executions.
package final class MemoryStore: Store {
  private let tables = Lock(Tables())
  private let retention: Retention
  /// Hears, under the lock, of each execution that goes, and whether map runs go with it.
  private let forgetting: @Sendable (StoredExecution, Bool) -> Void

  package init(
    retention: Retention = Retention(),
    forgetting: @escaping @Sendable (StoredExecution, Bool) -> Void = { _, _ in }
  ) {
    self.retention = retention
    self.forgetting = forgetting
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
    /// Begins and ends of executions are numbered through.
    var lastNumber: UInt64 = 0

    mutating func nextNumber() -> UInt64 {
      lastNumber += 1
      return lastNumber
    }
  }

  /// The executions of one machine.
  private struct MachineExecutions {
    var byName: [String: StoredExecution] = [:]
    var timeline = Timeline()
    var running = 0
  }

  /// The executions that are over, in the order of their ends: what goes first. One that runs
  /// again or is removed leaves its place empty, and does not count.
  private struct ClosedQueue {
    private var entries: [(execution: StoredExecution?, date: Int64, bytes: Int, position: UInt64)] = []
    private var head = 0
    private(set) var bytes = 0
    private(set) var count = 0

    mutating func append(_ execution: StoredExecution, _ date: Int64, _ position: UInt64, _ size: Int) {
      bytes += size
      count += 1
      entries.append((execution, date, size, position))
    }

    var oldestDate: Int64? { head < entries.count ? entries[head].date : nil }

    /// Nil for an empty place.
    mutating func removeFirst() -> StoredExecution? {
      guard head < entries.count else { return nil }
      defer {
        head += 1
        if head > 1024, head * 2 > entries.count {
          entries.removeFirst(head)
          head = 0
        }
      }
      return empty(head)
    }

    /// Takes out the one with a position, if it is there.
    mutating func discard(_ position: UInt64) {
      // Positions rise.
      var (low, high) = (head, entries.count)
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].position < position { low = middle + 1 } else { high = middle }
      }
      if low < entries.count, entries[low].position == position { _ = empty(low) }
    }

    private mutating func empty(_ index: Int) -> StoredExecution? {
      guard let execution = entries[index].execution else { return nil }
      entries[index].execution = nil
      bytes -= entries[index].bytes
      count -= 1
      return execution
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
      let removed = tables.executions.removeValue(forKey: MachineKey(scope: scope, name: name))
      for execution in removed?.byName.values ?? [:].values {
        tables.closed.discard(execution.position.withLock { $0 })
        forget(execution, &tables)
      }
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
      tables.executions[key]!.timeline.append(execution, tables.nextNumber())
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
      forgetting(execution, false)
    }
  }

  /// Takes in executions that are over, as they were left: each with the date of its end and what
  /// it takes, in the order of their positions, which they have already.
  package func restore(_ executions: [(execution: StoredExecution, date: Int64, bytes: Int)]) {
    tables.withLock { tables in
      for (execution, date, bytes) in executions {
        let key = MachineKey(scope: execution.scope, name: execution.machine)
        let number = execution.position.withLock { $0 }
        guard tables.executions[key]?.byName[execution.name] == nil else { continue }
        tables.executions[key, default: MachineExecutions()].byName[execution.name] = execution
        execution.position.withLock { $0 = 0 }
        tables.executions[key]!.timeline.append(execution, number)
        tables.closed.append(execution, date, number, bytes)
        tables.lastNumber = max(tables.lastNumber, number)
      }
    }
  }

  /// Forgets what is too old, or too much.
  package func evict(now: Int64) { tables.withLock { evict(&$0, now: now) } }

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
      let position = tables.nextNumber()
      tables.executions[key]!.timeline.append(execution, position)
      tables.closed.append(execution, date, position, execution.byteCount)
      evict(&tables, now: date)
    }
  }

  package func reopened(_ execution: StoredExecution) {
    tables.withLock { tables in
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      guard tables.executions[key]?.byName[execution.name] === execution else { return }
      tables.executions[key]!.running += 1
      tables.running[execution.scope, default: 0] += 1
      tables.closed.discard(execution.position.withLock { $0 })
      tables.executions[key]!.timeline.append(execution, tables.nextNumber())
    }
  }

  private func evict(_ tables: inout Tables, now: Int64) {
    let oldest = now - Int64(retention.seconds) * 1000
    while let date = tables.closed.oldestDate,
      date < oldest || tables.closed.count > retention.executionsMax
        || tables.closed.bytes > retention.bytesMax && tables.closed.count > 1
    {
      guard let execution = tables.closed.removeFirst() else { continue }
      let key = MachineKey(scope: execution.scope, name: execution.machine)
      guard tables.executions[key]?.byName[execution.name] === execution else { continue }
      tables.executions[key]!.byName[execution.name] = nil
      tables.executions[key]!.timeline.remove(execution)
      forget(execution, &tables)
    }
  }

  /// An execution goes, and its map runs with it.
  private func forget(_ execution: StoredExecution, _ tables: inout Tables) {
    // Making its ARN costs something, and hardly any has map runs.
    let runs = tables.mapRuns.isEmpty ? nil : tables.mapRunsOfExecutions.removeValue(forKey: execution.arn)
    for run in runs ?? [] { tables.mapRuns[run] = nil }
    forgetting(execution, runs != nil)
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

  package func whenDurable(_ body: @escaping @Sendable (String?) -> Void) { body(nil) }
  package var refusal: String? { nil }
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
/// before is stale. Entries are numbered for good, and through all machines, so a number is a place to go on from, however
/// much happened meanwhile. When more than half are stale they are swept.
private struct Timeline: Sendable {
  private var entries: [(number: UInt64, execution: StoredExecution)] = []
  private var stale = 0

  mutating func append(_ execution: StoredExecution, _ number: UInt64) {
    let isStale = execution.position.withLock { position in
      defer { position = number }
      return position != 0
    }
    if isStale { stale += 1 }
    entries.append((number, execution))
    sweep()
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
