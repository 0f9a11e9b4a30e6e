import CIntrinsics
import Stepmill
import Synchronization

/// A store that forgets everything with the process, and the oldest executions before that.
///
/// One lock guards the tables. Histories do not go through it: they are with their executions.
package final class MemoryStore: Store {
  // A mutex with an edge for the thread sanitizer, as in `StoredExecution`.
  private let mutex = Mutex(Tables())
  private let edge = Atomic<UInt8>(0)
  private let retention: Retention
  /// Nil where somebody else keeps what takes room.
  private let archive: MemoryArchive?
  /// Hears, under the lock, of each execution that goes, and whether map runs go with it.
  private let forgetting: @Sendable (StoredExecution, Bool) -> Void

  private func withTables<Result: Sendable>(_ body: (inout Tables) -> Result) -> Result {
    mutex.withLock { tables in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return body(&tables)
    }
  }

  package init(
    retention: Retention = Retention(), forgetting: @escaping @Sendable (StoredExecution, Bool) -> Void
  ) {
    self.retention = retention
    self.forgetting = forgetting
    archive = nil
  }

  package init(retention: Retention = Retention()) {
    let archive = MemoryArchive()
    self.retention = retention
    self.archive = archive
    forgetting = { execution, _ in archive.release(execution) }
  }

  deinit {
    withTables { tables in
      for group in tables.groups.values { group.empty() }
    }
  }

  private struct MachineKey: Hashable {
    var scope: Scope
    var name: String
  }

  private struct Tables {
    var machines: [Scope: SortedTable<StateMachine>] = [:]
    var activities: [Scope: SortedTable<Activity>] = [:]
    var groups: [MachineKey: MachineExecutions] = [:]
    var running: [Scope: RunningCount] = [:]
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

    /// Where the executions of an origin are. Looked up once for all that have it.
    @inline(__always)
    mutating func group(of origin: ExecutionOrigin) -> MachineExecutions {
      if let group = origin.group, !group.isGone { return group }
      return findGroup(of: origin)
    }

    @inline(never)
    private mutating func findGroup(of origin: ExecutionOrigin) -> MachineExecutions {
      let key = MachineKey(scope: origin.scope, name: origin.machine)
      let count = running[origin.scope] ?? RunningCount()
      running[origin.scope] = count
      let group = groups[key] ?? MachineExecutions(count)
      groups[key] = group
      origin.group = group
      return group
    }
  }

  /// The executions that are over, in the order of their ends: what goes first. One that runs
  /// again or is removed leaves its place empty, and does not count.
  private struct ClosedQueue {
    @safe private struct Entry: BitwiseCopyable {
      /// Its machine's table retains it as long as it is here.
      var execution: Unmanaged<StoredExecution>?
      let date: Int64
      let position: UInt64
      let bytes: UInt32
      /// Of its name.
      let hash: UInt32
    }

    private var entries: [Entry] = []
    private var head = 0
    private(set) var bytes = 0
    private(set) var count = 0

    mutating func append(
      _ execution: StoredExecution, _ hash: UInt32, _ date: Int64, _ position: UInt64, _ size: Int
    ) {
      let size = UInt32(clamping: size)
      bytes += Int(size)
      count += 1
      let entry = unsafe Entry(
        execution: .passUnretained(execution), date: date, position: position, bytes: size, hash: hash)
      entries.append(entry)
    }

    var oldestDate: Int64? { head < entries.count ? entries[head].date : nil }

    /// Calls for what forgetting the first ones will touch. Each lies where nobody was for long; asked
    /// for together they come together.
    func prefetch(_ count: Int) {
      let first = entries[head...].prefix(count)
      for entry in first {
        guard let start = unsafe entry.execution?.toOpaque() else { continue }
        for line in 0..<4 { unsafe stepmill_prefetch(start + line * 64) }
      }
      for entry in first {
        unsafe entry.execution?._withUnsafeGuaranteedRef {
          $0.origin.group?.tables.byName.prefetch(entry.hash)
        }
      }
    }

    /// The execution, and the hash of its name. Nil for an empty place.
    mutating func removeFirst() -> (StoredExecution, UInt32)? {
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

    private mutating func empty(_ index: Int) -> (StoredExecution, UInt32)? {
      let entry = entries[index]
      guard let execution = unsafe entry.execution else { return nil }
      unsafe entries[index].execution = nil
      bytes -= Int(entry.bytes)
      count -= 1
      return unsafe (execution.takeUnretainedValue(), entry.hash)
    }
  }

  // MARK: State machines

  package func machine(_ name: String, in scope: Scope) -> StateMachine? {
    withTables { $0.machines[scope]?[name] }
  }

  package func put(_ machine: StateMachine, in scope: Scope) {
    withTables { $0.machines[scope, default: SortedTable()].put(machine, machine.name) }
  }

  package func removeMachine(_ name: String, in scope: Scope) {
    withTables { tables in
      tables.machines[scope]?.remove(name)
      let group = tables.groups.removeValue(forKey: MachineKey(scope: scope, name: name))
      guard let group else { return }
      group.isGone = true
      for execution in group.tables.byName.all {
        tables.closed.discard(execution.position.exchange(0, ordering: .relaxed))
        forget(execution, &tables)
      }
      group.empty()
    }
  }

  package func machineCount(in scope: Scope) -> Int { withTables { $0.machines[scope]?.count ?? 0 } }

  package func machines(after name: String?, limit: Int, in scope: Scope) -> [StateMachine] {
    withTables { $0.machines[scope]?.values(after: name, limit: limit) ?? [] }
  }

  // MARK: Activities

  package func activity(_ name: String, in scope: Scope) -> Activity? {
    withTables { $0.activities[scope]?[name] }
  }

  package func put(_ activity: Activity, in scope: Scope) {
    withTables { $0.activities[scope, default: SortedTable()].put(activity, activity.name) }
  }

  package func removeActivity(_ name: String, in scope: Scope) {
    withTables { $0.activities[scope]?.remove(name) }
  }

  package func activityCount(in scope: Scope) -> Int {
    withTables { $0.activities[scope]?.count ?? 0 }
  }

  package func activities(after name: String?, limit: Int, in scope: Scope) -> [Activity] {
    withTables { $0.activities[scope]?.values(after: name, limit: limit) ?? [] }
  }

  // MARK: Executions

  package func insert(_ execution: StoredExecution, runningMax: Int, next: UUIDNumber?) -> Insertion {
    let hash = NameTable.hash(execution.label)
    return withTables { tables in
      let group = tables.group(of: execution.origin)
      guard group.inScope.count < runningMax else { return .full }
      if let known = group.tables.byName.insert(execution, hash) { return .known(known) }
      group.tables.timeline.append(execution, tables.nextNumber())
      group.tables.running += 1
      group.inScope.count += 1
      // Whoever comes next finds its place in the cache; it lies anywhere in the table.
      if let next { group.tables.byName.prefetch(NameTable.hash(.number(next))) }
      return .added
    }
  }

  package func remove(_ execution: StoredExecution) {
    withTables { tables in
      let group = tables.group(of: execution.origin)
      guard group.tables.remove(execution, NameTable.hash(execution.label)) else { return }
      group.tables.running -= 1
      group.inScope.count -= 1
      forgetting(execution, false)
    }
  }

  /// Takes in executions that are over, as they were left: each with the date of its end and what
  /// it takes, in the order of their positions, which they have already.
  package func restore(_ executions: [(execution: StoredExecution, date: Int64, bytes: Int)]) {
    withTables { tables in
      for (execution, date, bytes) in executions {
        let group = tables.group(of: execution.origin)
        let number = execution.position.load(ordering: .relaxed)
        let hash = NameTable.hash(execution.label)
        if let older = group.tables.byName.insert(execution, hash) {
          // It was forgotten, and another one has its name since.
          tables.closed.discard(older.position.load(ordering: .relaxed))
          _ = group.tables.remove(older, hash)
          forgetting(older, false)
          _ = group.tables.byName.insert(execution, hash)
        }
        execution.position.store(0, ordering: .relaxed)
        group.tables.timeline.append(execution, number)
        tables.closed.append(execution, hash, date, number, bytes)
        tables.lastNumber = max(tables.lastNumber, number)
      }
    }
  }

  /// Forgets what is too old, or too much.
  package func evict(now: Int64) { withTables { evict(&$0, now: now) } }

  package func execution(_ name: String, of machine: String, in scope: Scope) -> StoredExecution? {
    let name = ExecutionName(name)
    return withTables { $0.groups[MachineKey(scope: scope, name: machine)]?.tables.byName[name] }
  }

  package var hearsEvents: Bool { false }
  package func recorded(_ execution: StoredExecution) {}

  package func closed(_ execution: StoredExecution, at date: Int64) {
    let size = execution.byteCount
    let hash = NameTable.hash(execution.label)
    withTables { tables in
      // Of a machine that is gone it is not remembered.
      let group = execution.origin.group ?? tables.group(of: execution.origin)
      group.inScope.count -= 1
      guard !group.isGone, execution.isInTables else { return }
      group.tables.running -= 1
      archive?.keep(execution)
      // Most begin and end with nothing between, and stand where they should.
      var position = execution.position.load(ordering: .relaxed)
      if position != tables.lastNumber {
        position = tables.nextNumber()
        group.tables.timeline.append(execution, position)
      }
      tables.closed.append(execution, hash, date, position, size)
      evict(&tables, now: date)
    }
  }

  package func reopened(_ execution: StoredExecution) {
    withTables { tables in
      let group = tables.group(of: execution.origin)
      group.inScope.count += 1
      // It may have been forgotten since it was found; it runs nonetheless, and `closed` counts it out.
      guard !group.isGone, execution.isInTables else { return }
      group.tables.running += 1
      tables.closed.discard(execution.position.load(ordering: .relaxed))
      group.tables.timeline.append(execution, tables.nextNumber())
    }
  }

  private func evict(_ tables: inout Tables, now: Int64) {
    let oldest = now - Int64(retention.seconds) * 1000
    guard isTooMuch(tables.closed, oldest, room: 0) else { return }
    let room = min(Self.evictedAtOnce, retention.executionsMax / 1024)
    tables.closed.prefetch(room)
    repeat {
      guard let (execution, hash) = tables.closed.removeFirst() else { continue }
      guard tables.group(of: execution.origin).tables.remove(execution, hash) else { continue }
      forget(execution, &tables)
    } while isTooMuch(tables.closed, oldest, room: room)
  }

  /// Of large stores some go at once, before so many are too many: see `ClosedQueue.prefetch`. As many as
  /// malloc keeps at hand for those that come.
  private static let evictedAtOnce = 7

  private func isTooMuch(_ closed: ClosedQueue, _ oldest: Int64, room: Int) -> Bool {
    guard let date = closed.oldestDate else { return false }
    return date < oldest || closed.count > retention.executionsMax - room
      || closed.bytes > retention.bytesMax && closed.count > 1
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
    let timeline = withTables { $0.groups[MachineKey(scope: scope, name: machine)]?.tables.timeline }
    return timeline?.page(before: position, limit: limit, where: matches) ?? ([], nil)
  }

  package func runningExecutions(of machine: String, in scope: Scope) -> [StoredExecution] {
    let all = withTables {
      $0.groups[MachineKey(scope: scope, name: machine)]?.tables.byName.all ?? []
    }
    return all.filter { $0.status.state == .running }
  }

  package func runningCount(of machine: String, in scope: Scope) -> Int {
    withTables { $0.groups[MachineKey(scope: scope, name: machine)]?.tables.running ?? 0 }
  }

  package func runningCount(in scope: Scope) -> Int { withTables { $0.running[scope]?.count ?? 0 } }

  // MARK: Map runs

  package func mapRun(_ arn: String) -> MapRunRecord? { withTables { $0.mapRuns[arn] } }

  package func put(_ run: MapRunRecord) {
    withTables { tables in
      if tables.mapRuns[run.arn] == nil {
        tables.mapRunsOfExecutions[run.executionARN, default: []].append(run.arn)
      }
      tables.mapRuns[run.arn] = run
    }
  }

  package func mapRuns(of executionARN: String) -> [MapRunRecord] {
    withTables { tables in
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

  package func keep(_ executions: [StoredExecution]) -> Bool { true }
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

/// The executions of one machine. Behind the lock of the store, which is what `@unchecked
/// Sendable` stands on.
@safe final class MachineExecutions: @unchecked Sendable {
  fileprivate struct Tables: ~Copyable {
    var byName = NameTable()
    var timeline = Timeline()
    var running = 0

    /// False if it is not there.
    mutating func remove(_ execution: StoredExecution, _ hash: UInt32) -> Bool {
      guard byName.remove(execution, hash) else { return false }
      timeline.remove(execution)
      return true
    }
  }

  /// Changed for each execution: what checking each access would cost is felt here.
  @exclusivity(unchecked) private var content = Tables()
  fileprivate var tables: Tables {
    @inline(__always) _read { yield unsafe content }
    @inline(__always) _modify { yield unsafe &content }
  }
  fileprivate let inScope: RunningCount
  /// The machine was removed; another one may have its name.
  fileprivate var isGone = false

  fileprivate init(_ inScope: RunningCount) { self.inScope = inScope }

  /// Lets go of the executions, whose origin holds this.
  fileprivate func empty() { tables = Tables() }
}

/// How many executions run in a scope. Behind the lock of the store, as the above.
private final class RunningCount: @unchecked Sendable {
  var count = 0
}

/// Executions in the order in which they began or ended, whichever was last.
///
/// Beginning and ending each append an entry, and empty the one before. Entries are numbered for
/// good, and through all machines, so a number is a place to go on from, however much happened
/// meanwhile. When more than half are empty they are swept.
private struct Timeline: Sendable {
  private var entries: [(number: UInt64, execution: StoredExecution?)] = []
  private var emptyCount = 0
  /// All before it are empty.
  private var first = 0

  mutating func append(_ execution: StoredExecution, _ number: UInt64) {
    empty(execution.position.load(ordering: .relaxed))
    execution.position.store(number, ordering: .relaxed)
    entries.append((number, execution))
    sweep()
  }

  mutating func remove(_ execution: StoredExecution) {
    empty(execution.position.load(ordering: .relaxed))
    execution.position.store(0, ordering: .relaxed)
    sweep()
  }

  private mutating func empty(_ number: UInt64) {
    guard number != 0 else { return }
    let place = place(of: number)
    guard place < entries.count, entries[place].number == number else { return }
    entries[place].execution = nil
    emptyCount += 1
    while first < entries.count, entries[first].execution == nil { first += 1 }
  }

  private mutating func sweep() {
    guard emptyCount > 1024, emptyCount * 2 > entries.count else { return }
    if first == emptyCount { entries.removeFirst(first) } else { entries.removeAll { $0.execution == nil } }
    emptyCount = 0
    first = 0
  }

  func page(
    before position: UInt64?, limit: Int, where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    var found: [StoredExecution] = []
    var index = position.map { place(of: $0) } ?? entries.count
    var last: UInt64?
    while index > 0 {
      index -= 1
      guard let execution = entries[index].execution, matches(execution) else { continue }
      if found.count == limit { return (found, last) }
      found.append(execution)
      last = entries[index].number
    }
    return (found, nil)
  }

  /// The index of the first entry whose number is not below `number`. Mostly it is near the end,
  /// since most executions are short; of those that are forgotten it is the first one.
  private func place(of number: UInt64) -> Int {
    if first < entries.count, entries[first].number == number { return first }
    var high = entries.count
    var step = 4
    while high > step, entries[high - step].number >= number {
      high -= step
      step *= 2
    }
    var low = max(0, high - step)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension StoredExecution {
  /// Whether the store has it: to be asked under the store's lock.
  fileprivate var isInTables: Bool { position.load(ordering: .relaxed) != 0 }
}
