import CSQLite
import Stepmill
import StepmillServer
import Synchronization

// The one thread that writes. It takes what is in the queue, writes it in one transaction,
// and tells who waits for it. When writing fails it says why, refuses changes until it works
// again, and tries again with what it has: nothing of it is given up.

/// Who may touch what: everything belongs to the writer's thread, from `run` to its end. What
/// others see of it is in `StoreState`. That is what `@unchecked Sendable` stands on.
@safe final class Writer: @unchecked Sendable {
  private let database: Database
  private let path: String
  private let queue: WriteQueue
  private let state: StoreState
  private let archive: Archive
  private let segments: Segments
  private let types: EventTypeNumbers
  private let statements: Statements
  private var page = PageWriter()

  /// What is on disk of executions that go on.
  private struct Progress {
    /// The last page: its first event (0 for the first page), and its size.
    var pageFirst: Int
    var pageBytes: Int
    var events: Int
  }

  private var progress: [Int64: Progress] = [:]
  private var owners: [Owner: Int64]
  private var lastOwner: Int64
  private var lastOrigin: (origin: ExecutionOrigin, owner: Int64)?
  private var lastRevision: Int64

  struct Owner: Hashable {
    var scope: Scope
    var name: String
  }

  /// What is to be taken back when a transaction fails.
  private enum Undo {
    case progress(Int64, Progress?)
    case owner(Owner, Int64?)
    case revision(MachineRevision)
    case packCount(Int64, Int?)
    case place(StoredExecution, PackPlace?)
  }

  private var undo: [Undo] = []
  /// What the transaction has written, and of what is over how much it takes.
  private var written: [(execution: StoredExecution, bytes: Int?)] = []
  /// The pack that is being filled.
  private var pack = PackWriter()
  private var lastPack: Int64
  /// How many executions each pack has that are not forgotten.
  private var packCounts: [Int64: Int]
  /// What has left its segment for rows.
  private var released: [PackPlace] = []
  private var rows: UInt64 = 0

  /// What is over and still here, oldest first.
  private var recent: [(execution: StoredExecution, bytes: Int)] = []
  private var recentHead = 0
  private var recentBytes = 0
  private let recentBytesMax: Int

  private var backlog = WriteQueue.Batch()
  private var done = 0
  private var removals: [Removal]
  private var mayShrink = true
  private var hasShrunk = false

  // Relations of the limits: a page that is written again is smaller than one that is full.
  private static let entriesPerTransaction = 8192
  private static let removalsPerTransaction = 1000
  static let pageBytes = 16_384
  static let pageBytesToRewrite = 4096
  private static let packBytesMax = 32_768
  /// So much may be free in the file, and so much goes back to the file system at once.
  private static let freeBytesKept: Int64 = 128 << 10
  private static let freeBytesReturned: Int64 = 1 << 20
  private static let pauseNanoseconds: UInt64 = 250_000_000
  private static let closingAttempts = 3

  init(
    _ database: Database, _ path: String, _ queue: WriteQueue, _ state: StoreState, _ archive: Archive,
    _ segments: Segments, _ types: EventTypeNumbers, _ loaded: Loaded, recentBytesMax: Int
  ) throws(DatabaseFailure) {
    self.database = database
    self.path = path
    self.queue = queue
    self.state = state
    self.archive = archive
    self.segments = segments
    self.types = types
    self.recentBytesMax = recentBytesMax
    owners = loaded.owners
    lastOwner = loaded.lastOwner
    lastRevision = loaded.lastRevision
    lastPack = loaded.lastPack
    packCounts = loaded.packCounts
    removals = loaded.removals
    statements = try Statements(database)
  }

  // MARK: The thread

  func run() {
    var attempts = 0
    while true {
      let shrinks = backlog.entries.isEmpty && removals.isEmpty && mayShrink
      let batch = queue.take(
        hasMore: !backlog.entries.isEmpty || !backlog.mapRuns.isEmpty || !removals.isEmpty || shrinks)
      administer(batch)
      add(batch)
      do throws(DatabaseFailure) {
        try writeBacklog()
        if shrinks, batch.entries.isEmpty, !batch.isClosing { try shrink() }
        attempts = 0
        state.recovered(removals: removals.count)
      } catch {
        fail(error)
        attempts += 1
        if backlog.isClosing, attempts >= Self.closingAttempts { break }
        queue.pause(nanoseconds: Self.pauseNanoseconds)
        continue
      }
      // What is left to remove is removed after the next start.
      if backlog.isClosing, backlog.entries.isEmpty, backlog.mapRuns.isEmpty, batch.waiters.isEmpty { break }
    }
    try? database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /// Only after `run` has come to its end.
  func close() { database.close() }

  /// What could not be written before the end.
  var leftovers: Int { backlog.entries.count + backlog.mapRuns.count }

  /// Statements of tests come before everything, since they may be what mends a full disk.
  private func administer(_ batch: WriteQueue.Batch) {
    for case .change(.statement(let sql)) in batch.entries { try? database.execute(sql) }
  }

  private func add(_ batch: WriteQueue.Batch) {
    if backlog.entries.isEmpty {
      backlog.entries = batch.entries
    } else {
      backlog.entries += batch.entries
    }
    backlog.mapRuns.merge(batch.mapRuns) { $1 }
    backlog.waiters += batch.waiters
    backlog.lastNumber = batch.lastNumber
    backlog.inputBytes += batch.inputBytes
    backlog.isClosing = batch.isClosing
    removals += batch.removals
  }

  private func writeBacklog() throws(DatabaseFailure) {
    repeat {
      let end = min(done + Self.entriesPerTransaction, backlog.entries.count)
      guard
        done < end || !backlog.mapRuns.isEmpty || !removals.isEmpty
      else { break }
      try transaction { () throws(DatabaseFailure) in
        for entry in backlog.entries[done..<end] {
          switch entry {
          case .execution(let execution): try write(execution)
          case .change(let change): try write(change)
          case .segment: break
          }
        }
        for run in backlog.mapRuns.values.sorted(by: { ($0.startDate, $0.arn) < ($1.startDate, $1.arn) }) {
          try write(run)
        }
        try writePack()
        for removal in removals.suffix(Self.removalsPerTransaction) { try remove(removal) }
      }
      let written = backlog.entries[done..<end]
      done = end
      backlog.mapRuns = [:]
      if !removals.isEmpty {
        removals.removeLast(min(Self.removalsPerTransaction, removals.count))
        mayShrink = true
      }
      settle()
      release()
      // Nobody waits for these.
      for case .segment(let file) in written { file.sync() }
    } while done < backlog.entries.count
    let hasRoom = queue.wrote(backlog.entries.count, inputBytes: backlog.inputBytes)
    if hasRoom { state.hasRoom() }
    backlog.entries = []
    backlog.inputBytes = 0
    done = 0
    release()
  }

  /// Answers those whose changes are written.
  private func release() {
    let number = backlog.lastNumber - UInt64(backlog.entries.count - done)
    if backlog.waiters.last.map({ $0.number <= number }) ?? true {
      let ready = backlog.waiters
      backlog.waiters = []
      for waiter in ready { waiter.body(nil) }
    } else if let end = backlog.waiters.firstIndex(where: { $0.number > number }), end > 0 {
      let ready = backlog.waiters[..<end]
      backlog.waiters.removeFirst(end)
      for waiter in ready { waiter.body(nil) }
    }
  }

  private func fail(_ failure: DatabaseFailure) {
    let problem = StoreError(failure, path).message
    state.failed(
      "What was asked for cannot be kept, and is refused until it can. \(problem)")
    let waiters = backlog.waiters
    backlog.waiters = []
    for waiter in waiters { waiter.body(state.refusal ?? problem) }
  }

  // MARK: Transactions

  private func transaction(
    _ body: () throws(DatabaseFailure) -> Void
  ) throws(DatabaseFailure) {
    undo.removeAll(keepingCapacity: true)
    written.removeAll(keepingCapacity: true)
    released.removeAll(keepingCapacity: true)
    pack.begin()
    rows = 0
    do throws(DatabaseFailure) {
      try statements.begin.run()
      try body()
      try statements.commit.run()
    } catch {
      // Some failures have ended the transaction themselves.
      if database.isInTransaction { try? statements.rollback.run() }
      lastOrigin = nil
      for step in undo.reversed() {
        switch step {
        case .progress(let row, let before): progress[row] = before
        case .owner(let owner, let before): owners[owner] = before
        case .revision(let revision): revision.row.store(0, ordering: .relaxed)
        case .packCount(let pack, let before): packCounts[pack] = before
        case .place(let execution, let before):
          execution.place.store(before?.rawValue ?? 0, ordering: .relaxed)
        }
      }
      throw error
    }
    state.wrote(rows: rows)
  }

  /// After a transaction: what it has written of executions that are over need not stay here.
  private func settle() {
    for place in released { segments.release(place) }
    released.removeAll(keepingCapacity: true)
    for (execution, bytes) in written {
      execution.isWritten.store(true, ordering: .relaxed)
      let origin = execution.origin
      if origin.owner.load(ordering: .relaxed) == 0,
        let owner = owners[Owner(scope: origin.scope, name: origin.machine)]
      {
        origin.owner.store(owner, ordering: .relaxed)
      }
      guard let bytes else { continue }
      recent.append((execution, bytes))
      recentBytes += bytes
    }
    written.removeAll(keepingCapacity: true)
    while recentBytes > recentBytesMax, recentHead < recent.count {
      let (execution, bytes) = recent[recentHead]
      recentHead += 1
      recentBytes -= bytes
      execution.withLife { life in
        // It may run again, or have changed since; then it comes here once more.
        guard life.state != .running, life.archive == nil, !execution.isQueued.load(ordering: .relaxed) else {
          return
        }
        life.leave(to: archive)
      }
    }
    if recentHead > 1024, recentHead * 2 > recent.count {
      recent.removeFirst(recentHead)
      recentHead = 0
    }
  }

  /// Gives free pages back to the file system, some at a time, when a tenth of the file is free.
  private func shrink() throws(DatabaseFailure) {
    let free = try database.number("PRAGMA freelist_count") ?? 0
    let all = try database.number("PRAGMA page_count") ?? 0
    let size = try database.number("PRAGMA page_size") ?? 0
    guard free * size > Self.freeBytesKept, free * 10 > all else {
      mayShrink = false
      // The file itself gets shorter when the log is written back to it.
      if hasShrunk { try database.execute("PRAGMA wal_checkpoint(PASSIVE)") }
      hasShrunk = false
      return
    }
    try database.execute("PRAGMA incremental_vacuum(\(Self.freeBytesReturned / size))")
    hasShrunk = true
  }

  // MARK: Executions

  /// What a row holds beside what never changes.
  private struct Standing: Sendable {
    var state: ExecutionState
    var stopDate: Int64?
    var events: Int
    var bytes: Int
    var isResumable: Bool
    var redriveCount: Int
    var redriveDate: Int64?
    var tokens: String?
  }

  private enum Encoded: Sendable {
    /// The page is the last; the row is to be like this.
    case last(Standing, nextEvent: Int)
    case more(nextEvent: Int)
    /// There is nothing new for the pages.
    case same(Standing)
    /// The disk has it all.
    case archived
  }

  private func write(_ execution: StoredExecution) throws(DatabaseFailure) {
    // First: what happens from here on puts it into the queue again.
    execution.isQueued.store(false, ordering: .relaxed)
    let row = execution.row.load(ordering: .relaxed)
    guard row > 0 else { return }
    let before = progress[row]
    let wasWritten =
      execution.isWritten.load(ordering: .relaxed) || execution.place.load(ordering: .relaxed) != 0
    var (pageFirst, event) = (0, 1)
    if let before {
      let isRewritten =
        before.pageBytes < Self.pageBytesToRewrite || before.pageFirst >= Int(PageKey.lastEvent)
        || before.pageFirst == before.events + 1
        // The first event may refer to the input, so they are in the same page.
        || before.events == 0
      pageFirst = isRewritten ? before.pageFirst : before.events + 1
      event = max(pageFirst, 1)
    } else if wasWritten {
      // It goes on after its end: its pages are made anew.
      guard execution.withLife({ $0.archive == nil }) else { return }
      try statements.deletePages(of: row)
      if let place = PackPlace(rawValue: execution.place.load(ordering: .relaxed)) {
        try unpack(place)
        undo.append(.place(execution, place))
        execution.place.store(0, ordering: .relaxed)
      }
    }
    let isNew = before == nil && !wasWritten
    while true {
      let encoded = execution.withLife { encode(&$0, pageFirst, event, before) }
      switch encoded {
      case .archived: return
      case .same(let standing): return try write(execution, row, standing)
      case .more(let next):
        try statements.putPage(PageKey.key(row, event: pageFirst), page.bytes)
        rows += 1
        (pageFirst, event) = (next, next)
      case .last(let standing, let next):
        if isNew, pageFirst == 0, standing.state != .running, page.bytes.count <= PackEntry.pageBytesMax,
          execution.mapRunARN == nil, standing.redriveCount == 0
        {
          return try addToPack(execution, row, standing)
        }
        try statements.putPage(PageKey.key(row, event: pageFirst), page.bytes)
        rows += 1
        undo.append(.progress(row, before))
        progress[row] =
          standing.state == .running
          ? Progress(pageFirst: pageFirst, pageBytes: page.bytes.count, events: next - 1) : nil
        return try write(execution, row, standing)
      }
    }
  }

  /// Writes a page, while the execution stands still: what is new is copied, not more.
  private func encode(
    _ life: inout StoredExecution.Life, _ pageFirst: Int, _ event: Int, _ before: Progress?
  ) -> Encoded {
    if life.archive != nil { return .archived }
    let isOver = life.state != .running
    let count = life.eventCount
    func standing() -> Standing {
      let redrives = life.redrives
      return Standing(
        state: life.state, stopDate: life.stopDate, events: count, bytes: isOver ? life.byteCount : 0,
        isResumable: life.ending?.resumePoint != nil, redriveCount: redrives.count,
        redriveDate: redrives.date, tokens: Documents.text(of: redrives.tokens))
    }
    if !isOver, let before, before.events == count { return .same(standing()) }
    page.begin()
    if pageFirst == 0 { page.add(.input, utf8: life.history.inputBytes) }
    var taken = count - event + 1
    if event < Int(PageKey.lastEvent) {
      taken = min(
        life.history.count(from: event, fitting: Self.pageBytes), Int(PageKey.lastEvent) - event)
    }
    page.add(life.history, event..<event + taken, types)
    guard event + taken > count else { return .more(nextEvent: event + taken) }
    // What comes later may be in a page of its own.
    life.history.cut()
    if isOver { page.addOutcome(of: life, isInEvents: taken > 0) }
    return .last(standing(), nextEvent: event + taken)
  }

  private func write(
    _ execution: StoredExecution, _ row: Int64, _ standing: Standing
  ) throws(DatabaseFailure) {
    let owner = try owner(of: execution.origin)
    let revision = try self.row(of: execution.revision)
    let statement = statements.putExecution
    statement.bind(0, row)
    statement.bind(1, owner)
    statement.bind(2, revision)
    statement.bind(3, execution.name)
    statement.bind(4, StateNumber.number(standing.state))
    statement.bind(5, Int64(bitPattern: execution.position.load(ordering: .relaxed)))
    statement.bind(6, execution.startDate)
    statement.bind(7, standing.stopDate)
    statement.bind(8, Int64(standing.events))
    statement.bind(9, Int64(standing.bytes))
    statement.bind(10, standing.isResumable ? 1 : 0)
    statement.bind(11, Int64(standing.redriveCount))
    statement.bind(12, standing.redriveDate)
    statement.bind(13, standing.tokens)
    statement.bind(14, execution.versionARN)
    statement.bind(15, execution.aliasARN)
    statement.bind(16, execution.traceHeader)
    statement.bind(17, execution.mapRunARN)
    statement.bind(18, execution.itemCount.map { Int64($0) })
    try statement.run()
    rows += 1
    written.append((execution, standing.state == .running ? nil : standing.bytes))
  }

  // MARK: Packs

  private func addToPack(
    _ execution: StoredExecution, _ row: Int64, _ standing: Standing
  ) throws(DatabaseFailure) {
    let offset = pack.add(
      execution, row: row, owner: try owner(of: execution.origin),
      revision: try self.row(of: execution.revision),
      PackEntry.Standing(
        state: standing.state, stopDate: standing.stopDate, eventCount: standing.events,
        byteCount: standing.bytes, isResumable: standing.isResumable),
      page: page.bytes)
    undo.append(.place(execution, nil))
    execution.place.store(PackPlace(pack: lastPack + 1, offset: offset).rawValue, ordering: .relaxed)
    written.append((execution, standing.bytes))
    undo.append(.packCount(lastPack + 1, packCounts[lastPack + 1]))
    packCounts[lastPack + 1, default: 0] += 1
    if pack.bytes.count >= Self.packBytesMax { try writePack() }
  }

  private func writePack() throws(DatabaseFailure) {
    guard !pack.isEmpty else { return }
    lastPack += 1
    try statements.putPack(lastPack, pack.bytes)
    rows += 1
    pack.begin()
  }

  /// An execution is in its pack no more.
  private func unpack(_ place: PackPlace) throws(DatabaseFailure) {
    if place.isInSegment { return released.append(place) }
    let pack = place.container
    guard let count = packCounts[pack] else { return }
    undo.append(.packCount(pack, count))
    packCounts[pack] = count > 1 ? count - 1 : nil
    guard count == 1 else { return }
    try statements.deletePack(pack)
    rows += 1
  }

  /// The number of the machine that executions of an origin belong to; mostly that of the last one.
  private func owner(of origin: ExecutionOrigin) throws(DatabaseFailure) -> Int64 {
    if let lastOrigin, lastOrigin.origin === origin { return lastOrigin.owner }
    let owner = try owner(Owner(scope: origin.scope, name: origin.machine))
    lastOrigin = (origin, owner)
    return owner
  }

  private func owner(_ owner: Owner) throws(DatabaseFailure) -> Int64 {
    if let known = owners[owner] { return known }
    lastOwner += 1
    try statements.putOwner(lastOwner, owner)
    rows += 1
    undo.append(.owner(owner, nil))
    owners[owner] = lastOwner
    return lastOwner
  }

  private func row(of revision: MachineRevision) throws(DatabaseFailure) -> Int64 {
    let known = revision.row.load(ordering: .relaxed)
    if known != 0 { return known }
    lastRevision += 1
    try statements.putRevision(lastRevision, revision)
    rows += 1
    undo.append(.revision(revision))
    revision.row.store(lastRevision, ordering: .relaxed)
    return lastRevision
  }

  private func remove(_ removal: Removal) throws(DatabaseFailure) {
    if let place = removal.execution.flatMap({ PackPlace(rawValue: $0.place.load(ordering: .relaxed)) }) {
      try unpack(place)
    } else {
      try statements.deletePages(of: removal.row)
      statements.deleteExecution.bind(0, removal.row)
      try statements.deleteExecution.run()
      rows += 1
    }
    if let arn = removal.arn {
      statements.deleteMapRuns.bind(0, arn)
      try statements.deleteMapRuns.run()
    }
    undo.append(.progress(removal.row, progress.removeValue(forKey: removal.row)))
  }

  // MARK: Machines, activities, runs

  private func write(_ change: StoreChange) throws(DatabaseFailure) {
    rows += 1
    switch change {
    case .machine(let machine, let scope):
      let revision = try row(of: machine.revision)
      for version in machine.versions { _ = try row(of: version.revision) }
      let document = Documents.document(of: machine) { $0.row.load(ordering: .relaxed) }
      try statements.put(machine, scope, revision: revision, document.text)
    case .noMachine(let name, let scope):
      try statements.delete(from: statements.deleteMachine, name, scope)
      // Its executions are removed one after the other; if that is interrupted, they are known
      // by this.
      let owner = Owner(scope: scope, name: name)
      guard let row = owners[owner] else { return }
      statements.markOwner.bind(0, row)
      try statements.markOwner.run()
      undo.append(.owner(owner, row))
      owners[owner] = nil
      lastOrigin = nil
    case .activity(let activity, let scope):
      try statements.put(activity, scope, Documents.document(of: activity).text)
    case .noActivity(let name, let scope): try statements.delete(from: statements.deleteActivity, name, scope)
    case .statement: break
    }
  }

  private func write(_ run: MapRunRecord) throws(DatabaseFailure) {
    rows += 1
    try statements.put(run)
  }
}

/// The numbers of states in the file.
enum StateNumber {
  private static let states: [ExecutionState] = [
    .running, .succeeded, .failed, .timedOut, .aborted, .pendingRedrive,
  ]

  static func number(_ state: ExecutionState) -> Int64 {
    switch state {
    case .running: 0
    case .succeeded: 1
    case .failed: 2
    case .timedOut: 3
    case .aborted: 4
    case .pendingRedrive: 5
    }
  }

  static func state(_ number: Int64) -> ExecutionState? {
    states.indices.contains(Int(number)) ? states[Int(number)] : nil
  }
}

/// The statements of the writer's connection.
struct Statements {
  let begin: Statement
  let commit: Statement
  let rollback: Statement
  let putExecution: Statement
  let deleteExecution: Statement
  let deleteMapRuns: Statement
  let markOwner: Statement
  let deleteMachine: Statement
  let deleteActivity: Statement
  private let putPageRow: Statement
  private let deletePageRows: Statement
  private let putPackRow: Statement
  private let deletePackRow: Statement
  private let putOwnerRow: Statement
  private let putRevisionRow: Statement
  private let putMachine: Statement
  private let putActivity: Statement
  private let putMapRun: Statement

  init(_ database: Database) throws(DatabaseFailure) {
    begin = try database.prepare("BEGIN IMMEDIATE")
    commit = try database.prepare("COMMIT")
    rollback = try database.prepare("ROLLBACK")
    putExecution = try database.prepare(
      "INSERT OR REPLACE INTO executions VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
    deleteExecution = try database.prepare("DELETE FROM executions WHERE id = ?")
    deleteMapRuns = try database.prepare("DELETE FROM map_runs WHERE execution = ?")
    markOwner = try database.prepare("UPDATE owners SET gone = 1 WHERE id = ?")
    deleteMachine = try database.prepare("DELETE FROM machines WHERE region = ? AND account = ? AND name = ?")
    deleteActivity = try database.prepare(
      "DELETE FROM activities WHERE region = ? AND account = ? AND name = ?")
    putPageRow = try database.prepare("INSERT OR REPLACE INTO pages VALUES(?, ?)")
    deletePageRows = try database.prepare("DELETE FROM pages WHERE id BETWEEN ? AND ?")
    putPackRow = try database.prepare("INSERT OR REPLACE INTO packs VALUES(?, ?)")
    deletePackRow = try database.prepare("DELETE FROM packs WHERE id = ?")
    putOwnerRow = try database.prepare("INSERT INTO owners(id, region, account, name) VALUES(?, ?, ?, ?)")
    putRevisionRow = try database.prepare("INSERT INTO revisions VALUES(?, ?, ?, ?, ?, ?, ?)")
    putMachine = try database.prepare("INSERT OR REPLACE INTO machines VALUES(?, ?, ?, ?, ?, ?)")
    putActivity = try database.prepare("INSERT OR REPLACE INTO activities VALUES(?, ?, ?, ?, ?)")
    putMapRun = try database.prepare(
      """
      INSERT INTO map_runs(arn, execution, document) VALUES(?, ?, ?)
      ON CONFLICT(arn) DO UPDATE SET document = excluded.document
      """)
  }

  func putPage(_ key: Int64, _ bytes: borrowing [UInt8]) throws(DatabaseFailure) {
    putPageRow.bind(0, key)
    try putPageRow.run(1, blob: bytes)
  }

  func deletePages(of row: Int64) throws(DatabaseFailure) {
    deletePageRows.bind(0, PageKey.first(of: row))
    deletePageRows.bind(1, PageKey.last(of: row))
    try deletePageRows.run()
  }

  func putPack(_ pack: Int64, _ bytes: borrowing [UInt8]) throws(DatabaseFailure) {
    putPackRow.bind(0, pack)
    try putPackRow.run(1, blob: bytes)
  }

  func deletePack(_ pack: Int64) throws(DatabaseFailure) {
    deletePackRow.bind(0, pack)
    try deletePackRow.run()
  }

  func putOwner(_ row: Int64, _ owner: Writer.Owner) throws(DatabaseFailure) {
    putOwnerRow.bind(0, row)
    bind(putOwnerRow, 1, owner.name, owner.scope)
    try putOwnerRow.run()
  }

  func putRevision(_ row: Int64, _ revision: MachineRevision) throws(DatabaseFailure) {
    putRevisionRow.bind(0, row)
    putRevisionRow.bind(1, revision.definition)
    putRevisionRow.bind(2, revision.roleARN)
    putRevisionRow.bind(3, revision.type.rawValue)
    putRevisionRow.bind(4, Documents.settings(of: revision).text)
    putRevisionRow.bind(5, revision.revisionID)
    putRevisionRow.bind(6, revision.date)
    try putRevisionRow.run()
  }

  func put(
    _ machine: StateMachine, _ scope: Scope, revision: Int64, _ document: String
  ) throws(DatabaseFailure) {
    bind(putMachine, 0, machine.name, scope)
    putMachine.bind(3, machine.creationDate)
    putMachine.bind(4, revision)
    putMachine.bind(5, document)
    try putMachine.run()
  }

  func put(_ activity: Activity, _ scope: Scope, _ document: String) throws(DatabaseFailure) {
    bind(putActivity, 0, activity.name, scope)
    putActivity.bind(3, activity.creationDate)
    putActivity.bind(4, document)
    try putActivity.run()
  }

  func put(_ run: MapRunRecord) throws(DatabaseFailure) {
    putMapRun.bind(0, run.arn)
    putMapRun.bind(1, run.executionARN)
    putMapRun.bind(2, Documents.document(of: run).text)
    try putMapRun.run()
  }

  func delete(from statement: Statement, _ name: String, _ scope: Scope) throws(DatabaseFailure) {
    bind(statement, 0, name, scope)
    try statement.run()
  }

  private func bind(_ statement: Statement, _ index: Int32, _ name: String, _ scope: Scope) {
    statement.bind(index, scope.region)
    statement.bind(index + 1, scope.account)
    statement.bind(index + 2, name)
  }
}
