import CSQLite
import Stepmill
import StepmillServer
import Synchronization

/// What a store was left with.
struct Loaded {
  var machines: [(StateMachine, Scope)] = []
  var activities: [(Activity, Scope)] = []
  var mapRuns: [MapRunRecord] = []
  /// In the order of their positions.
  var executions: [(execution: StoredExecution, date: Int64, bytes: Int)] = []
  var owners: [Writer.Owner: Int64] = [:]
  var lastOwner: Int64 = 0
  var lastRevision: Int64 = 0
  var lastRow: Int64 = 0
  var lastPack: Int64 = 0
  var packCounts: [Int64: Int] = [:]
  var segmentCounts: [Int64: Int] = [:]
  /// What could not be read and was passed over, in words.
  var notes: [String] = []
  /// Executions of machines that are gone.
  var removals: [Removal] = []
}

/// Reads a store as it is opened, and closes what was running when it was left.
struct Loader {
  static let interruptionError = "States.Runtime"
  static let interruptionCause =
    "The server was stopped while this execution ran, and executions do not outlive the server that runs them. "
    + "Start it again."

  private let database: Database
  private let path: String
  private let segments: Segments
  private let archive: Archive
  private let types: EventTypeNumbers
  private let now: Int64
  private var loaded = Loaded()
  private var revisions: [Int64: MachineRevision] = [:]
  private var usedRevisions: Set<Int64> = []
  /// By number, with whether it is gone.
  private var ownersByRow: [Int64: (owner: Writer.Owner, isGone: Bool)] = [:]
  private var origins: [Origin: ExecutionOrigin] = [:]
  /// What is wrong, where that is not with the database.
  private var problem: StoreError?
  /// Executions that have been taken in.
  private var known: Set<Int64> = []
  private var lastPosition: UInt64 = 0

  static func load(
    _ database: Database, _ path: String, _ segments: Segments, _ archive: Archive, _ types: EventTypeNumbers,
    now: Int64
  ) throws(StoreError) -> Loaded {
    var loader = Loader(database, path, segments, archive, types, now)
    do throws(DatabaseFailure) {
      try loader.load()
    } catch {
      throw loader.problem ?? StoreError(error, path)
    }
    return loader.loaded
  }

  private init(
    _ database: Database, _ path: String, _ segments: Segments, _ archive: Archive, _ types: EventTypeNumbers,
    _ now: Int64
  ) {
    self.database = database
    self.path = path
    self.segments = segments
    self.archive = archive
    self.types = types
    self.now = now
  }

  private mutating func load() throws(DatabaseFailure) {
    try loadRevisions()
    try loadMachines()
    try loadActivities()
    try loadOwners()
    let interrupted = try loadExecutions()
    try database.execute("BEGIN IMMEDIATE")
    try loadPacks()
    try loadSegments()
    known = []
    try close(interrupted)
    try loadMapRuns()
    try sweep()
    try database.execute("COMMIT")
    loaded.executions.sort {
      $0.execution.position.load(ordering: .relaxed) < $1.execution.position.load(ordering: .relaxed)
    }
  }

  /// What cannot be read as what it should be.
  private func damage(_ what: String) -> DatabaseFailure {
    DatabaseFailure(code: SQLITE_CORRUPT, message: what)
  }

  private func json(_ text: String, _ what: String) throws(DatabaseFailure) -> JSON {
    guard let json = try? JSON(parsing: text) else { throw damage("\(what) is no JSON") }
    return json
  }

  private mutating func loadRevisions() throws(DatabaseFailure) {
    let rows = try database.prepare(
      "SELECT id, definition, role, type, settings, revision, date FROM revisions")
    while try rows.step() {
      let id = rows.integer(0)
      guard
        let revision = Documents.revision(
          definition: rows.text(1), role: rows.text(2), type: rows.text(3),
          settings: try json(rows.text(4), "revision \(id)"), revisionID: rows.textIfAny(5),
          date: rows.integer(6))
      else { throw damage("revision \(id) has no known type") }
      revision.row.store(id, ordering: .relaxed)
      revisions[id] = revision
      loaded.lastRevision = max(loaded.lastRevision, id)
    }
  }

  private mutating func loadMachines() throws(DatabaseFailure) {
    let rows = try database.prepare("SELECT region, account, name, created, revision, document FROM machines")
    while try rows.step() {
      let name = rows.text(2)
      guard let revision = revisions[rows.integer(4)],
        let machine = Documents.machine(
          name: name, created: rows.integer(3), revision: revision,
          try json(rows.text(5), "machine \(name)"), revisions: revisions)
      else { throw damage("a revision of the machine \(name) is missing") }
      for used in [revision] + machine.versions.map(\.revision) {
        usedRevisions.insert(used.row.load(ordering: .relaxed))
      }
      loaded.machines.append((machine, Scope(region: rows.text(0), account: rows.text(1))))
    }
  }

  private mutating func loadActivities() throws(DatabaseFailure) {
    let rows = try database.prepare("SELECT region, account, name, created, document FROM activities")
    while try rows.step() {
      let name = rows.text(2)
      let activity = Documents.activity(
        name: name, created: rows.integer(3), try json(rows.text(4), "activity \(name)"))
      loaded.activities.append((activity, Scope(region: rows.text(0), account: rows.text(1))))
    }
  }

  private mutating func loadOwners() throws(DatabaseFailure) {
    let rows = try database.prepare("SELECT id, region, account, name, gone FROM owners")
    while try rows.step() {
      let owner = Writer.Owner(
        scope: Scope(region: rows.text(1), account: rows.text(2)), name: rows.text(3))
      let id = rows.integer(0)
      let isGone = rows.integer(4) != 0
      ownersByRow[id] = (owner, isGone)
      if !isGone { loaded.owners[owner] = id }
      loaded.lastOwner = max(loaded.lastOwner, id)
    }
  }

  // MARK: Executions

  /// Short executions, many in a row. What has a row of its own beside that was redriven since.
  private mutating func loadPacks() throws(DatabaseFailure) {
    let rows = try database.prepare("SELECT id, data FROM packs ORDER BY id")
    let delete = try database.prepare("DELETE FROM packs WHERE id = ?")
    var empty: [Int64] = []
    while try rows.step() {
      let id = rows.integer(0)
      loaded.lastPack = id
      guard var pack = PackReader(pack: rows.blob(1)) else { throw damage("pack \(id) has no known form") }
      while !pack.isAtEnd {
        let place = PackPlace(pack: id, offset: pack.offset)
        guard let (entry, _) = pack.next() else { throw damage("pack \(id) is incomplete") }
        if try take(entry, place) { loaded.packCounts[id, default: 0] += 1 }
      }
      if loaded.packCounts[id] == nil { empty.append(id) }
    }
    for id in empty {
      delete.bind(0, id)
      try delete.run()
    }
  }

  private mutating func loadSegments() throws(DatabaseFailure) {
    // The closure may not change what it is called on.
    var loader = self
    do throws(StoreError) {
      let notes = try segments.load { (segment, offset, entries) throws(StoreError) in
        do throws(DatabaseFailure) {
          try loader.load(segment, entries)
        } catch {
          throw StoreError(error, loader.path)
        }
      }
      loader.loaded.notes = notes
    } catch {
      problem = error
      throw damage("")
    }
    self = loader
  }

  private mutating func load(_ segment: Int64, _ entries: ArraySlice<UInt8>) throws(DatabaseFailure) {
    var reader = PackReader(entries)
    while !reader.isAtEnd {
      let place = PackPlace(segment: segment, offset: reader.offset)
      guard let (entry, _) = reader.next() else {
        throw damage("a record of segment \(segment) is incomplete")
      }
      if try take(entry, place) { loaded.segmentCounts[segment, default: 0] += 1 }
    }
  }

  /// Takes in one that lies among others. False if that is not needed.
  private mutating func take(_ entry: PackEntry, _ place: PackPlace) throws(DatabaseFailure) -> Bool {
    // Also the numbers of what is gone are not given again.
    loaded.lastRow = max(loaded.lastRow, entry.row)
    loaded.lastOwner = max(loaded.lastOwner, entry.owner)
    loaded.lastRevision = max(loaded.lastRevision, entry.revision)
    guard let (owner, isGone) = ownersByRow[entry.owner], !isGone else { return false }
    // As long as it lies there, it may come again.
    usedRevisions.insert(entry.revision)
    guard known.insert(entry.row).inserted else { return false }
    guard let revision = revisions[entry.revision] else {
      throw damage("execution \(entry.row) refers to revision \(entry.revision), which is not there")
    }
    let execution = self.execution(entry, owner, revision)
    execution.place.store(place.rawValue, ordering: .relaxed)
    loaded.executions.append((execution, entry.stopDate ?? now, entry.byteCount))
    return true
  }

  private mutating func execution(
    _ entry: PackEntry, _ owner: Writer.Owner, _ revision: MachineRevision
  ) -> StoredExecution {
    var life = StoredExecution.Life(archive: archive, eventCount: entry.eventCount)
    life.state = entry.state
    life.stopDate = entry.stopDate
    life.isResumable = entry.isResumable
    let key = Origin(
      owner: entry.owner, revision: entry.revision, versionARN: entry.versionARN, aliasARN: entry.aliasARN)
    let execution = StoredExecution(
      origin(key, owner, revision), name: entry.name, startDate: entry.startDate,
      extra: StoredExecution.Extra(traceHeader: entry.traceHeader), life: life)
    execution.row.store(entry.row, ordering: .relaxed)
    execution.isWritten.store(true, ordering: .relaxed)
    execution.position.store(entry.position, ordering: .relaxed)
    lastPosition = max(lastPosition, entry.position)
    return execution
  }

  /// An execution that ran when the store was left.
  private struct Interrupted {
    var execution: StoredExecution
    var bytes: Int
  }

  private mutating func loadExecutions() throws(DatabaseFailure) -> [Interrupted] {
    var interrupted: [Interrupted] = []
    let rows = try database.prepare("SELECT * FROM executions")
    while try rows.step() {
      let id = rows.integer(0)
      loaded.lastRow = max(loaded.lastRow, id)
      known.insert(id)
      guard let (owner, isGone) = ownersByRow[rows.integer(1)], let revision = revisions[rows.integer(2)],
        let state = StateNumber.state(rows.integer(4))
      else { throw damage("the row of execution \(id) refers to what is not there") }
      if isGone {
        loaded.removals.append(Removal(row: id))
        continue
      }
      usedRevisions.insert(rows.integer(2))
      var life = StoredExecution.Life(archive: archive, eventCount: Int(rows.integer(8)))
      life.state = state
      life.stopDate = rows.integerIfAny(7)
      life.isResumable = rows.integer(10) != 0
      if rows.integer(11) != 0 {
        life.redrives.count = Int(rows.integer(11))
        life.redrives.date = rows.integerIfAny(12)
        life.redrives.tokens = Documents.tokens(rows.textIfAny(13))
      }
      let execution = StoredExecution(
        origin(
          Origin(
            owner: rows.integer(1), revision: rows.integer(2), versionARN: rows.textIfAny(14),
            aliasARN: rows.textIfAny(15)), owner, revision),
        name: ExecutionName(rows.text(3)), startDate: rows.integer(6),
        extra: StoredExecution.Extra(
          traceHeader: rows.textIfAny(16), mapRunARN: rows.textIfAny(17),
          itemCount: rows.integerIfAny(18).map { Int($0) }),
        life: life)
      execution.row.store(id, ordering: .relaxed)
      execution.isWritten.store(true, ordering: .relaxed)
      let position = UInt64(bitPattern: rows.integer(5))
      execution.position.store(position, ordering: .relaxed)
      lastPosition = max(lastPosition, position)
      let bytes = Int(rows.integer(9))
      if state == .running {
        interrupted.append(Interrupted(execution: execution, bytes: bytes))
      } else {
        loaded.executions.append((execution, life.stopDate ?? now, bytes))
      }
    }
    return interrupted
  }

  /// What executions have in common.
  private struct Origin: Hashable {
    var owner: Int64
    var revision: Int64
    var versionARN: String?
    var aliasARN: String?
  }

  private mutating func origin(
    _ key: Origin, _ owner: Writer.Owner, _ revision: MachineRevision
  ) -> ExecutionOrigin {
    if let known = origins[key] { return known }
    let origin = ExecutionOrigin(
      scope: owner.scope, machine: owner.name, revision: revision, versionARN: key.versionARN,
      aliasARN: key.aliasARN)
    origins[key] = origin
    return origin
  }

  /// Ends what ran, in the order in which it began, with an event that says why.
  private mutating func close(_ interrupted: [Interrupted]) throws(DatabaseFailure) {
    guard !interrupted.isEmpty else { return }
    let putPage = try database.prepare("INSERT OR REPLACE INTO pages VALUES(?, ?)")
    let update = try database.prepare(
      """
      UPDATE executions SET state = ?2, position = ?3, stopped = ?4, events = ?5, bytes = ?6, resumable = 0
      WHERE id = ?1
      """)
    var page = PageWriter()
    let ordered = interrupted.sorted {
      $0.execution.position.load(ordering: .relaxed) < $1.execution.position.load(ordering: .relaxed)
    }
    for (execution, _) in ordered.map({ ($0.execution, $0.bytes) }) {
      let row = execution.row.load(ordering: .relaxed)
      let first = execution.status.eventCount + 1
      var history = HistoryLog(firstID: first)
      if first == 1 {
        // It was acknowledged before it had its first turn.
        history.append(event(1, after: 0, .executionStarted, started(execution)))
      }
      let last = history.firstID + history.count
      history.append(
        event(
          last, after: last - 1, .executionFailed,
          ["error": JSON(Self.interruptionError), "cause": JSON(Self.interruptionCause)]))
      page.begin()
      page.add(history, first..<last + 1, types)
      page.add(.error, Self.interruptionError)
      page.add(.cause, Self.interruptionCause)
      putPage.bind(0, PageKey.key(row, event: first))
      try putPage.run(1, blob: page.bytes)
      lastPosition += 1
      let position = lastPosition
      execution.position.store(position, ordering: .relaxed)
      let date = now
      execution.withLife { life in
        life.state = .failed
        life.stopDate = date
        life.isArchived(eventCount: last)
        life.isResumable = false
      }
      let bytes = execution.byteCount + 200 * last
      update.bind(0, row)
      update.bind(1, StateNumber.number(.failed))
      update.bind(2, Int64(bitPattern: position))
      update.bind(3, now)
      update.bind(4, Int64(last))
      update.bind(5, Int64(bytes))
      try update.run()
      loaded.executions.append((execution, now, bytes))
    }
  }

  private func event(_ id: Int, after previous: Int, _ type: HistoryEventType, _ details: JSON)
    -> HistoryEvent
  {
    HistoryEvent(
      id: id, previousID: previous, type: type, timestamp: now, execution: "", details: details)
  }

  private func started(_ execution: StoredExecution) -> JSON {
    let input = (try? archive.contents(of: execution).input) ?? "{}"
    return [
      "input": JSON(input), "inputDetails": ["truncated": false],
      "roleArn": JSON(execution.revision.roleARN),
    ]
  }

  // MARK: Runs of Distributed Maps

  private mutating func loadMapRuns() throws(DatabaseFailure) {
    let update = try database.prepare("UPDATE map_runs SET document = ?2 WHERE arn = ?1")
    let rows = try database.prepare("SELECT arn, execution, document FROM map_runs ORDER BY id")
    while try rows.step() {
      let arn = rows.text(0)
      guard
        var run = Documents.mapRun(
          arn: arn, execution: rows.text(1), try json(rows.text(2), "the map run \(arn)"))
      else { throw damage("the map run \(arn) is incomplete") }
      if run.status == .running {
        run.status = .failed
        run.stopDate = now
        run.executions.failed += run.executions.running
        run.executions.running = 0
        run.items.failed += run.items.running
        run.items.running = 0
        update.bind(0, arn)
        update.bind(1, Documents.document(of: run).text)
        try update.run()
      }
      loaded.mapRuns.append(run)
    }
  }

  // MARK: What nobody needs any more

  private func sweep() throws(DatabaseFailure) {
    let delete = try database.prepare("DELETE FROM revisions WHERE id = ?")
    for id in revisions.keys where !usedRevisions.contains(id) {
      // Executions that are about to be removed may still name it.
      if loaded.removals.isEmpty {
        delete.bind(0, id)
        try delete.run()
      }
    }
    guard loaded.removals.isEmpty else { return }
    try database.execute("DELETE FROM owners WHERE gone = 1")
  }
}
