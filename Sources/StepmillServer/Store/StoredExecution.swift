import Stepmill
import Synchronization

/// Where an execution is in its life.
package enum ExecutionState: String, Sendable, CaseIterable {
  case running = "RUNNING"
  case succeeded = "SUCCEEDED"
  case failed = "FAILED"
  case timedOut = "TIMED_OUT"
  case aborted = "ABORTED"
  case pendingRedrive = "PENDING_REDRIVE"
}

/// What all executions have in common that were started through the same name of a machine.
///
/// Who may touch what: `group` belongs to the store in memory, and is behind its lock. That is
/// what `@unchecked Sendable` stands on.
@safe package final class ExecutionOrigin: @unchecked Sendable {
  package let scope: Scope
  package let machine: String
  package let revision: MachineRevision
  package let versionARN: String?
  package let aliasARN: String?
  /// Where the store keeps them, once it has looked.
  var group: MachineExecutions?
  /// The number that a store on disk has the machine under, once that and the revision are there
  /// to stay; 0: they are not yet.
  package let owner = Atomic<Int64>(0)
  /// What the history of the one that ended last takes.
  let typicalBytes = Atomic<Int>(0)

  package init(
    scope: Scope, machine: String, revision: MachineRevision, versionARN: String? = nil,
    aliasARN: String? = nil
  ) {
    self.scope = scope
    self.machine = machine
    self.revision = revision
    self.versionARN = versionARN
    self.aliasARN = aliasARN
  }
}

/// What an execution is called. Most are called by a number, whose text would take five times the
/// room. A text that is that of a number is never kept as a text, so that names are the same if
/// these are.
package enum ExecutionName: Sendable, Hashable {
  case number(UUIDNumber)
  case text(String)

  package init(_ text: String) {
    if let number = UUIDNumber(text) { self = .number(number) } else { self = .text(text) }
  }

  package var text: String {
    switch self {
    case .number(let number): number.text
    case .text(let text): text
    }
  }
}

/// A Standard execution: what it was started with, and what has become of it. It listens to the
/// engine itself: there may be a million that wait, each with as few objects as can be.
///
/// Who may touch what: what it was started with never changes. The rest is behind its own lock,
/// which the loop takes for each event and a reader for each page; a service with a million of
/// them has no lock in common for that. `position` belongs to the store.
package final class StoredExecution: Sendable {
  package let origin: ExecutionOrigin
  package let label: ExecutionName
  package let startDate: Int64
  private let extra: Extra?

  // A mutex and not a `Lock`, with the same edge for the thread sanitizer: the generic code of that is
  // not specialized here, and looks up the metadata of `Life` each time.
  private let life: Mutex<Life>
  private let edge = Atomic<UInt8>(0)
  /// Where it stands in the store's order: see `Timeline`. Written under the store's lock.
  package let position = Atomic<UInt64>(0)
  /// For a store on disk: the number of its row, negative when it is to be forgotten, and
  /// whether it waits to be written and was written before.
  package let row = Atomic<Int64>(0)
  /// Where else that store has it; 0: nowhere.
  package let place = Atomic<Int64>(0)
  package let isQueued = Atomic<Bool>(false)
  /// Whoever started it says at the end of the turn what is to be kept: see `Store.keep`. Whoever
  /// takes this away sees to it that it is written.
  package let isHeld = Atomic<Bool>(false)
  package let isWritten = Atomic<Bool>(false)

  /// What few were started with.
  package final class Extra: Sendable {
    let traceHeader: String?
    let mapRunARN: String?
    let itemCount: Int?

    package init?(traceHeader: String?, mapRunARN: String? = nil, itemCount: Int? = nil) {
      guard traceHeader != nil || mapRunARN != nil else { return nil }
      self.traceHeader = traceHeader
      self.mapRunARN = mapRunARN
      self.itemCount = itemCount
    }
  }

  /// How it ended, apart from what its history says.
  package final class Ending: Sendable {
    package let output: String?
    package let error: String?
    package let cause: String?
    /// Where it stood, if that was no success.
    package let resumePoint: ResumePoint?

    package init(
      output: String? = nil, error: String? = nil, cause: String? = nil, resumePoint: ResumePoint? = nil
    ) {
      self.output = output
      self.error = error
      self.cause = cause
      self.resumePoint = resumePoint
    }
  }

  /// Redrives so far.
  package struct Redrives: Sendable {
    package var count = 0
    package var date: Int64?
    /// The tokens of clients that are remembered, with their dates: newest last.
    package var tokens: [(token: String, date: Int64)] = []

    package init() {}
  }

  package struct Life: Sendable {
    package var state = ExecutionState.running
    package var isResumable = false
    package var stopDate: Int64?
    /// The input and the events; empty where `archive` keeps them.
    package var history: HistoryLog
    /// Nil where there is nothing to say, or `archive` keeps it.
    package var ending: Ending?
    /// Keeps what takes room; nil while that is here.
    package private(set) var archive: (any ExecutionArchive)?
    private var archivedEvents: UInt32 = 0
    private var rare: RareBox?
    /// What runs it, and for whom, while it runs.
    var hosted: HostedExecution?
    private var link: ServiceLink?
    var service: StepFunctionsService? { link?.service }
    /// Who hears of each event beside this: asking the service would cost more than most events do.
    fileprivate private(set) var hears: (log: Bool, store: Bool)

    // A million of them may wait: what few have, or have only when they are over, is one word here.

    private struct Rare: Sendable {
      var redrives = Redrives()
      var stopOrder: StopOrder?
      var waiters: [@Sendable (StoredExecution) -> Void] = []
    }

    private final class RareBox: Sendable {
      let rare: Rare
      init(_ rare: Rare) { self.rare = rare }
    }

    // Each sets what it differs in at once: what is set twice is made twice, and a copy of it kept.

    package init() {
      history = HistoryLog()
      hears = (false, false)
    }

    /// One that is about to run. Whoever listens without knowing the service needs `isRun`, too.
    fileprivate init(
      _ origin: borrowing ExecutionOrigin, input: some Collection<UInt8>,
      for service: borrowing StepFunctionsService
    ) {
      let capacity = min(origin.typicalBytes.load(ordering: .relaxed), typicalBytesMax)
      history = HistoryLog(input: input, capacity: capacity)
      hears = service.hearers(of: origin.revision)
    }

    /// One whose contents are in an archive.
    package init(archive: any ExecutionArchive, eventCount: Int) {
      self.init()
      self.archive = archive
      isArchived(eventCount: eventCount)
    }

    /// How many events there are, be they here or not.
    package var eventCount: Int { archive == nil ? history.count : Int(archivedEvents) }

    /// The archive has so many events by now.
    package mutating func isArchived(eventCount: Int) { archivedEvents = UInt32(eventCount) }

    private mutating func changeRare(_ change: (inout Rare) -> Void) {
      var new = rare?.rare ?? Rare()
      change(&new)
      rare = RareBox(new)
    }

    package var redrives: Redrives {
      get { rare?.rare.redrives ?? Redrives() }
      set { changeRare { $0.redrives = newValue } }
    }

    /// It is to stop as soon as it runs.
    var stopOrder: StopOrder? {
      get { rare?.rare.stopOrder }
      set { if newValue != nil || stopOrder != nil { changeRare { $0.stopOrder = newValue } } }
    }

    /// Who waits for its end.
    var waiters: [@Sendable (StoredExecution) -> Void] {
      get { rare?.rare.waiters ?? [] }
      set { changeRare { $0.waiters = newValue } }
    }

    /// Gives the contents to a store that has them.
    package mutating func leave(to archive: any ExecutionArchive) {
      isResumable = ending?.resumePoint != nil
      isArchived(eventCount: history.count)
      self.archive = archive
      history = HistoryLog()
      ending = nil
    }

    /// The same the other way round.
    fileprivate mutating func comeBack(_ history: HistoryLog, _ ending: Ending) {
      self.history = history
      self.ending = ending
      archive = nil
    }

    package var byteCount: Int {
      600 + history.byteCount + (ending?.output?.utf8.count ?? 0)
    }

    /// What it is run for, so that it can listen itself.
    mutating func isRun(for service: StepFunctionsService?, _ revision: MachineRevision) {
      link = service?.link
      hears = service?.hearers(of: revision) ?? (false, false)
    }

    var contents: Contents {
      Contents(
        input: String(decoding: history.inputBytes, as: UTF8.self), output: ending?.output ?? history.output,
        error: ending?.error, cause: ending?.cause, resumePoint: ending?.resumePoint)
    }
  }

  final class StopOrder: Sendable {
    let error: String?
    let cause: String?

    init(error: String?, cause: String?) {
      self.error = error
      self.cause = cause
    }
  }

  package init(
    _ origin: ExecutionOrigin, name: ExecutionName, startDate: Int64, extra: Extra? = nil, life: Life
  ) {
    self.life = Mutex(life)
    self.origin = origin
    label = name
    self.startDate = startDate
    self.extra = extra
  }

  /// One that is about to run, for a service.
  init(
    _ origin: ExecutionOrigin, name: ExecutionName, startDate: Int64, extra: Extra? = nil,
    input: some Collection<UInt8>, for service: borrowing StepFunctionsService
  ) {
    // Made where it stays: handed on, it would be copied.
    life = Mutex(Life(origin, input: input, for: service))
    self.origin = origin
    label = name
    self.startDate = startDate
    self.extra = extra
  }

  /// More is not reserved because others took it.
  fileprivate static let typicalBytesMax = 4096

  package var name: String { label.text }
  package var scope: Scope { origin.scope }
  package var machine: String { origin.machine }
  package var revision: MachineRevision { origin.revision }
  package var versionARN: String? { origin.versionARN }
  package var aliasARN: String? { origin.aliasARN }
  package var traceHeader: String? { extra?.traceHeader }
  /// The run of a Distributed Map that it is a child of, and how many items it has.
  package var mapRunARN: String? { extra?.mapRunARN }
  package var itemCount: Int? { extra?.itemCount }

  package var arn: String {
    isExpress ? scope.executionARN(machine, name, kind: "express") : scope.executionARN(machine, name)
  }
  /// It is an Express child of a Map Run: its name has two parts, as that of no other execution.
  package var isExpress: Bool { mapRunARN != nil && name.utf8.contains(UInt8(ascii: ":")) }
  package var machineARN: String { scope.machineARN(machine) }

  /// Reads or changes what has become of it.
  package func withLife<Result: Sendable>(_ body: (inout Life) -> Result) -> Result {
    life.withLock { life in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return body(&life)
    }
  }

  /// Input and outcome.
  package struct Contents: Sendable {
    /// As it was sent.
    package var input = ""
    package var output: String?
    package var error: String?
    package var cause: String?
    /// Where it stood when it ended, if that was no success.
    package var resumePoint: ResumePoint?

    package init(
      input: String = "", output: String? = nil, error: String? = nil, cause: String? = nil,
      resumePoint: ResumePoint? = nil
    ) {
      self.input = input
      self.output = output
      self.error = error
      self.cause = cause
      self.resumePoint = resumePoint
    }
  }

  package func contents() throws(APIError) -> Contents {
    let (here, archive) = withLife { ($0.archive == nil ? $0.contents : Contents(), $0.archive) }
    return try archive?.contents(of: self) ?? here
  }

  /// The events with these numbers, and perhaps others around them.
  func history(_ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog {
    let (here, archive) = withLife { ($0.history, $0.archive) }
    return try archive?.history(of: self, ids) ?? here
  }

  /// Takes the contents back, since it is to go on.
  func restore() throws(APIError) {
    let (archive, count) = withLife { ($0.archive, $0.eventCount) }
    guard let archive else { return }
    let contents = try archive.contents(of: self)
    let history =
      count > 0 ? try archive.history(of: self, 1...count) : HistoryLog(input: Array(contents.input.utf8))
    withLife { life in
      guard life.archive != nil else { return }
      life.comeBack(
        history,
        Ending(
          output: contents.output, error: contents.error, cause: contents.cause,
          resumePoint: contents.resumePoint))
    }
  }

  /// What has become of it, without what takes room.
  package struct Status: Sendable {
    package let state: ExecutionState
    package let stopDate: Int64?
    package let redriveCount: Int
    package let redriveDate: Int64?
    package let eventCount: Int
    /// It ended, and where it stood is known.
    package let isResumable: Bool
  }

  package var status: Status {
    withLife { life in
      let redrives = life.redrives
      return Status(
        state: life.state, stopDate: life.stopDate, redriveCount: redrives.count, redriveDate: redrives.date,
        eventCount: life.eventCount, isResumable: life.isResumable || life.ending?.resumePoint != nil)
    }
  }

  /// What it takes in memory, about, when it is over.
  package var byteCount: Int { withLife { $0.byteCount } }
}

extension StoredExecution: ExecutionListener {
  package var wantsResumePoint: Bool { true }

  package func recorded(_ event: EventRecord) {
    let hears = note(event)
    guard hears.log || hears.store, let service = withLife({ $0.service }) else { return }
    tell(event, service, hears)
  }

  /// The same for whoever knows the service.
  func recorded(_ event: EventRecord, for service: StepFunctionsService) {
    let hears = note(event)
    if hears.log || hears.store { tell(event, service, hears) }
  }

  /// Who is to be told.
  private func note(_ event: EventRecord) -> (log: Bool, store: Bool) {
    withLife { life in
      life.history.append(event, of: origin)
      // What is in the queue of the store already need not be put there.
      return (life.hears.log, life.hears.store && !isQueued.load(ordering: .relaxed))
    }
  }

  private func tell(_ event: EventRecord, _ service: StepFunctionsService, _ hears: (log: Bool, store: Bool))
  {
    if hears.store { service.store.recorded(self) }
    if hears.log { service.log(event, of: self) }
  }

  package func stopped(at point: ResumePoint) {
    withLife { $0.ending = Ending(resumePoint: point) }
  }

  package func ended(_ end: HostedEnd) {
    withLife { $0.service }?.ended(self, end)
  }
}

/// Keeps the contents of executions that are over.
package protocol ExecutionArchive: AnyObject, Sendable {
  /// Everything but the history.
  func contents(of execution: StoredExecution) throws(APIError) -> StoredExecution.Contents
  /// At least these events; with the first one, the input.
  func history(of execution: StoredExecution, _ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog
}
