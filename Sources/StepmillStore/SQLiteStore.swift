import Stepmill
import StepmillServer
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A store on disk, in front of which there is one in memory.
//
// The one in memory decides and answers, so both behave alike; it has all machines, and every
// execution that is remembered with what listings need. Input, outcome and history of those that
// are over leave it for the disk when they are written, the oldest first, and are read from
// there. What is to be written goes through one queue to one thread: see `WriteQueue`, `Writer`;
// but for executions that are over when the turn of their loop ends, which the loop itself writes:
// see `Segments`.
//
// Before an answer to a change goes out it is in a committed transaction of the write-ahead log or
// in a segment, both of which survive the end of the process at any moment; see `Durability` for
// loss of power.

/// Remembers machines, activities and executions in a directory.
package final class SQLiteStore: Store {
  /// What can be chosen beside retention and durability. The defaults are for a server.
  package struct Tuning: Sendable {
    /// Entries, and bytes of inputs, that may wait to be written before executions are refused.
    package var queueEntriesMax = 100_000
    package var queueBytesMax = 256 << 20
    /// What executions that are over may take in memory before they are read from disk.
    package var recentBytesMax = 64 << 20
    /// How long a file with executions gets: small ones are given back sooner, large ones are fewer.
    package var segmentBytesMax = 8 << 20
    /// Seconds after which these should be on the disk.
    package var segmentAge = 5

    package init() {}
  }

  private let memory: MemoryStore
  private let queue: WriteQueue
  private let state: StoreState
  private let types: EventTypeNumbers
  private let archive: Archive
  private let segments: Segments
  /// Executions may go to segments.
  private let hasSegments: Bool
  /// Memory of records that have been written.
  private let memories = Lock<[[UInt8]]>([])
  private static let memoryBytesMax = 1 << 20
  private let writer: Writer
  private let thread: Stepmill.Thread
  private let lock: Lock<DirectoryLock?>
  private let databasePath: String
  private let lastRow: Atomic<Int64>

  /// Opens the store of a directory, or makes it. Executions that were running when it was used
  /// last are closed as failed.
  ///
  /// - Parameters:
  ///   - directory: Where it is. Its last part is made if it is missing.
  ///   - retention: How long executions are remembered.
  ///   - durability: What acknowledged changes survive.
  ///   - now: The time, in milliseconds since 1970; nil: the system's.
  ///   - notify: Called with what whoever runs it should hear of, from any thread.
  package init(
    directory: String, retention: Retention = Retention(), durability: Durability = .process,
    tuning: Tuning = Tuning(), now: Int64? = nil,
    notify: @escaping @Sendable (StoreNotice) -> Void = { _ in }
  ) throws(StoreError) {
    let lock = try DirectoryLock(directory)
    let path = directory + "/stepmill.db"
    let now = now ?? Self.wallMilliseconds
    let state = StoreState(notify)
    let database = try Self.open(path, durability)
    try OldJournal.recover(directory, database)
    let identity: Int64
    do throws(DatabaseFailure) {
      identity = try database.number("SELECT value FROM meta WHERE key = 'identity'") ?? 0
    } catch {
      throw StoreError(error, path)
    }
    let queue = WriteQueue(entriesMax: tuning.queueEntriesMax, bytesMax: tuning.queueBytesMax)
    let segments = try Segments(
      directory, identity: identity, bytesMax: tuning.segmentBytesMax, age: tuning.segmentAge
    ) {
      _ = queue.add(.segment($0))
    }
    let types = try EventTypeNumbers(database, path)
    let archive = try Archive(path, segments, types)
    let loaded = try Loader.load(database, path, segments, archive, types, now: now)
    segments.keep(loaded.segmentCounts)
    let memory = MemoryStore(retention: retention) { execution, hasMapRuns in
      let row = execution.row.load(ordering: .relaxed)
      guard row > 0 else { return }
      execution.row.store(-row, ordering: .sequentiallyConsistent)
      // What is in a segment is nowhere else.
      if let place = execution.takeSegmentPlace() { return segments.release(place) }
      queue.remove(Removal(row: row, arn: hasMapRuns ? execution.arn : nil, execution: execution))
    }
    for (machine, scope) in loaded.machines { memory.put(machine, in: scope) }
    for (activity, scope) in loaded.activities { memory.put(activity, in: scope) }
    for run in loaded.mapRuns { memory.put(run) }
    memory.restore(loaded.executions)
    memory.evict(now: now)
    let writer: Writer
    do throws(DatabaseFailure) {
      writer = try Writer(
        database, path, queue, state, archive, segments, types, loaded, recentBytesMax: tuning.recentBytesMax
      )
    } catch {
      throw StoreError(error, path)
    }
    do throws(Stepmill.Thread.StartError) {
      thread = try Stepmill.Thread(name: "stepmill-store") { writer.run() }
    } catch {
      throw StoreError(
        .system,
        "The system starts no more threads for this process (code \(error.code)). Raise its limit of threads."
      )
    }
    self.memory = memory
    self.queue = queue
    self.state = state
    self.types = types
    self.archive = archive
    self.segments = segments
    hasSegments = durability == .process
    self.writer = writer
    self.lock = Lock(lock)
    databasePath = path
    for note in loaded.notes { notify(.passedOver(note)) }
    lastRow = Atomic(loaded.lastRow)
    // A deletion may have been on its way.
    for (machine, scope) in loaded.machines where machine.isDeleting {
      if memory.runningCount(of: machine.name, in: scope) == 0 { removeMachine(machine.name, in: scope) }
    }
  }

  private static func open(_ path: String, _ durability: Durability) throws(StoreError) -> Database {
    let database: Database
    do throws(DatabaseFailure) {
      database = try Database(path, mayCreate: true)
      database.wait(milliseconds: 3000)
    } catch {
      throw StoreError(error, path)
    }
    try Schema.prepare(database, path)
    do throws(DatabaseFailure) {
      try database.execute(
        """
        PRAGMA synchronous = \(durability == .power ? "FULL" : "NORMAL");
        PRAGMA cache_size = -16384;
        PRAGMA wal_autocheckpoint = 1000;
        PRAGMA journal_size_limit = 67108864;
        """)
    } catch {
      throw StoreError(error, path)
    }
    return database
  }

  private static var wallMilliseconds: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  deinit { try? close() }

  /// Writes what is left, and lets go of the directory. Nothing may be changed afterwards.
  package func close() throws(StoreError) {
    guard state.close() else { return }
    queue.close()
    thread.join()
    archive.close()
    segments.close()
    writer.close()
    lock.withLock { $0 = nil }
    guard writer.leftovers == 0 else {
      throw StoreError(
        .system,
        "\(writer.leftovers) changes could not be written to \(databasePath) before the end; none of them was "
          + "acknowledged. \(health.lastError ?? "")")
    }
  }

  /// How it is: for `/readyz` and metrics.
  package var health: StoreHealth {
    var health = state.snapshot
    (health.queueDepth, health.waiters) = queue.counts
    var status = stat()
    if unsafe stat(databasePath, &status) == 0 { health.bytes = Int64(status.st_size) }
    health.bytes += segments.byteCount
    return health
  }

  /// The pages read from disk so far.
  package var pagesRead: Int { archive.rowsRead }

  /// For tests: runs a statement on the writer's connection, in its turn.
  func administer(_ sql: String) { enqueue(.change(.statement(sql))) }

  // MARK: The queue

  private func enqueue(_ entry: WriteQueue.Entry, inputBytes: Int = 0) {
    if queue.add(entry, inputBytes: inputBytes) { state.isFull() }
  }

  /// Makes a change. Into the queue first: whoever sees it and builds on it is behind it there.
  private func change(_ change: StoreChange, _ body: (MemoryStore) -> Void) {
    enqueue(.change(change))
    body(memory)
  }

  /// What a turn of a loop leaves is over mostly, and goes to a segment; the rest into the queue.
  package func keep(_ executions: [StoredExecution]) -> Bool {
    let isKeeping = hasSegments && state.refusal == nil
    var areKept = true
    var record = SegmentRecord(
      isKeeping ? memories.withLock { $0.popLast() ?? [] } : [], capacity: executions.count)
    for (index, execution) in executions.enumerated() {
      // Somebody else may have put it into the queue meanwhile.
      if execution.isHeld.exchange(false, ordering: .relaxed) {
        // First: what happens from here on puts it into the queue.
        execution.isQueued.store(false, ordering: .relaxed)
        if isKeeping, record.add(execution, index: index, types) { continue }
        mark(execution, inputBytes: execution.withLife { $0.history.inputBytes.count })
      }
      areKept = false
    }
    if !record.entries.isEmpty {
      let place = segments.append(&record.bytes, entries: record.entries.count)
      for (index, offset, events) in record.entries {
        let execution = executions[index]
        guard let place else {
          mark(execution, inputBytes: execution.withLife { $0.history.inputBytes.count })
          continue
        }
        settle(
          execution, events: events,
          PackPlace(segment: place.segment, offset: place.offset + Segments.recordHeadSize + offset))
      }
      if place == nil { areKept = false }
    }
    if isKeeping, record.bytes.capacity <= Self.memoryBytesMax {
      memories.withLock { $0.append(record.bytes) }
    }
    return areKept
  }

  /// An execution has its place, and leaves the contents there.
  private func settle(_ execution: StoredExecution, events: Int, _ place: PackPlace) {
    let isSettled = execution.withLife { life in
      // It may run again; then it is in the queue, and the writer has all of it.
      guard life.state != .running, life.archive == nil, life.history.count == events else { return false }
      execution.isWritten.store(true, ordering: .relaxed)
      execution.place.store(place.rawValue, ordering: .sequentiallyConsistent)
      life.leave(to: archive)
      return true
    }
    guard isSettled else { return segments.release(place) }
    // It may have been forgotten before it had its place.
    if execution.row.load(ordering: .sequentiallyConsistent) < 0, let place = execution.takeSegmentPlace() {
      segments.release(place)
    }
  }

  /// Puts an execution into the queue, if it is not there.
  private func mark(_ execution: StoredExecution, inputBytes: Int = 0) {
    // The writer takes the mark away before it looks, and both look under the execution's lock:
    // what it does not see comes with a new mark.
    if execution.isQueued.load(ordering: .relaxed) { return }
    if execution.isQueued.exchange(true, ordering: .relaxed) { return }
    enqueue(.execution(execution), inputBytes: inputBytes)
  }

  package func whenDurable(_ body: @escaping @Sendable (String?) -> Void) {
    if let refusal, !state.isOnlyFull { return body(refusal) }
    queue.wait(body)
  }

  package var refusal: String? { state.refusal }

  // MARK: State machines

  package func machine(_ name: String, in scope: Scope) -> StateMachine? { memory.machine(name, in: scope) }

  package func put(_ machine: StateMachine, in scope: Scope) {
    change(.machine(machine, scope)) { $0.put(machine, in: scope) }
  }

  package func removeMachine(_ name: String, in scope: Scope) {
    change(.noMachine(name, scope)) { $0.removeMachine(name, in: scope) }
  }

  package func machineCount(in scope: Scope) -> Int { memory.machineCount(in: scope) }
  package func machines(after name: String?, limit: Int, in scope: Scope) -> [StateMachine] {
    memory.machines(after: name, limit: limit, in: scope)
  }

  // MARK: Activities

  package func activity(_ name: String, in scope: Scope) -> Activity? { memory.activity(name, in: scope) }

  package func put(_ activity: Activity, in scope: Scope) {
    change(.activity(activity, scope)) { $0.put(activity, in: scope) }
  }

  package func removeActivity(_ name: String, in scope: Scope) {
    change(.noActivity(name, scope)) { $0.removeActivity(name, in: scope) }
  }

  package func activityCount(in scope: Scope) -> Int { memory.activityCount(in: scope) }
  package func activities(after name: String?, limit: Int, in scope: Scope) -> [Activity] {
    memory.activities(after: name, limit: limit, in: scope)
  }

  // MARK: Executions

  package func insert(_ execution: StoredExecution, runningMax: Int, next: UUIDNumber?) -> Insertion {
    execution.row.store(lastRow.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
    let isHeld = execution.isHeld.load(ordering: .relaxed)
    if isHeld { execution.isQueued.store(true, ordering: .relaxed) }
    let insertion = memory.insert(execution, runningMax: runningMax, next: next)
    switch insertion {
    case .added:
      if !isHeld { mark(execution, inputBytes: execution.withLife { $0.history.inputBytes.count }) }
    case .known(let known):
      // Another thread may be between the two lines above, and this one's answer must not
      // overtake what it is about to write.
      if known.isHeld.exchange(false, ordering: .relaxed) {
        enqueue(.execution(known))
      } else if !known.isWritten.load(ordering: .relaxed) {
        mark(known)
      }
    case .full: break
    }
    return insertion
  }

  package func remove(_ execution: StoredExecution) { memory.remove(execution) }

  package func execution(_ name: String, of machine: String, in scope: Scope) -> StoredExecution? {
    memory.execution(name, of: machine, in: scope)
  }

  package var hearsEvents: Bool { true }
  package func recorded(_ execution: StoredExecution) { mark(execution) }

  package func closed(_ execution: StoredExecution, at date: Int64) {
    memory.closed(execution, at: date)
    mark(execution)
  }

  package func reopened(_ execution: StoredExecution) {
    memory.reopened(execution)
    mark(execution)
  }

  package func executions(
    of machine: String, in scope: Scope, before position: UInt64?, limit: Int,
    where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    memory.executions(of: machine, in: scope, before: position, limit: limit, where: matches)
  }

  package func runningExecutions(of machine: String, in scope: Scope) -> [StoredExecution] {
    memory.runningExecutions(of: machine, in: scope)
  }
  package func runningCount(of machine: String, in scope: Scope) -> Int {
    memory.runningCount(of: machine, in: scope)
  }
  package func runningCount(in scope: Scope) -> Int { memory.runningCount(in: scope) }

  // MARK: Map runs

  package func mapRun(_ arn: String) -> MapRunRecord? { memory.mapRun(arn) }

  package func put(_ run: MapRunRecord) {
    memory.put(run)
    queue.add(run)
  }

  package func mapRuns(of executionARN: String) -> [MapRunRecord] { memory.mapRuns(of: executionARN) }
  package func executions(
    ofMapRun arn: String, before position: UInt64?, limit: Int, where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?) {
    memory.executions(ofMapRun: arn, before: position, limit: limit, where: matches)
  }
}

extension StoredExecution {
  /// The place in a segment, for whoever takes it away: one of those who ask at the same time.
  func takeSegmentPlace() -> PackPlace? {
    let place = PackPlace(rawValue: self.place.load(ordering: .sequentiallyConsistent))
    guard let place, place.isInSegment else { return nil }
    let isTaken = self.place.compareExchange(
      expected: place.rawValue, desired: 0, ordering: .sequentiallyConsistent)
    return isTaken.exchanged ? place : nil
  }
}
