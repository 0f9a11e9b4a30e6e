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

/// A Standard execution: what it was started with, and what has become of it.
///
/// Who may touch what: what it was started with never changes. The rest is behind its own lock,
/// which the loop takes for each event and a reader for each page; a service with a million of
/// them has no lock in common for that. `position` belongs to the store.
package final class StoredExecution: Sendable {
  package let scope: Scope
  package let machine: String
  package let name: String
  package let revision: MachineRevision
  package let versionARN: String?
  package let aliasARN: String?
  package let traceHeader: String?
  package let startDate: Int64
  /// The run of a Distributed Map that it is a child of, and how many items it has.
  package let mapRunARN: String?
  package let itemCount: Int?

  private let life: Lock<Life>
  /// Where it stands in the store's order: see `Timeline`. Guarded by the store's lock.
  package let position = Lock<UInt64>(0)
  /// For a store on disk: the number of its row, negative when it is to be forgotten, and
  /// whether it waits to be written and was written before.
  package let row = Atomic<Int64>(0)
  package let isQueued = Atomic<Bool>(false)
  package let isWritten = Atomic<Bool>(false)

  /// What of it takes room. When it is over, a store may keep this for it.
  package struct Contents: Sendable {
    /// As it was sent.
    package var input = ""
    package var output: String?
    package var error: String?
    package var cause: String?
    package var history = HistoryLog()
    /// Where it stood when it ended, if that was no success.
    package var resumePoint: ResumePoint?

    package init() {}
  }

  package struct Life: Sendable {
    package var state = ExecutionState.running
    package var stopDate: Int64?
    /// Empty where `archive` keeps it.
    package var contents = Contents()
    /// Keeps the contents; nil while they are here.
    package var archive: (any ExecutionArchive)?
    package var eventCount = 0
    package var isResumable = false
    package var redriveCount = 0
    package var redriveDate: Int64?
    /// The tokens of redrives that are remembered, with their dates: newest last.
    package var redriveTokens: [(token: String, date: Int64)] = []
    /// What runs it, while it runs.
    var hosted: HostedExecution?
    /// It is to stop as soon as it runs.
    var stopOrder: StopOrder?
    /// Who waits for its end.
    var waiters: [@Sendable (StoredExecution) -> Void] = []

    package init() {}

    mutating func append(_ event: HistoryEvent) {
      contents.history.append(event)
      eventCount += 1
    }

    /// Gives the contents to a store that has them.
    package mutating func leave(to archive: any ExecutionArchive) {
      isResumable = contents.resumePoint != nil
      contents = Contents()
      self.archive = archive
    }
  }

  struct StopOrder: Sendable {
    var error: String?
    var cause: String?
  }

  package init(
    scope: Scope, machine: String, name: String, revision: MachineRevision, versionARN: String?,
    aliasARN: String?, input: String, traceHeader: String?, startDate: Int64, mapRunARN: String? = nil,
    itemCount: Int? = nil, life: consuming Life = Life()
  ) {
    if life.archive == nil { life.contents.input = input }
    self.life = Lock(life)
    self.scope = scope
    self.machine = machine
    self.name = name
    self.revision = revision
    self.versionARN = versionARN
    self.aliasARN = aliasARN
    self.traceHeader = traceHeader
    self.startDate = startDate
    self.mapRunARN = mapRunARN
    self.itemCount = itemCount
  }

  package var arn: String {
    isExpress ? scope.executionARN(machine, name, kind: "express") : scope.executionARN(machine, name)
  }
  /// It is an Express child of a Map Run: its name has two parts, as that of no other execution.
  package var isExpress: Bool { mapRunARN != nil && name.utf8.contains(UInt8(ascii: ":")) }
  package var machineARN: String { scope.machineARN(machine) }

  /// Reads or changes what has become of it.
  package func withLife<Result: Sendable>(_ body: (inout Life) -> Result) -> Result {
    life.withLock { life in body(&life) }
  }

  /// Input and outcome, without the history.
  package func contents() throws(APIError) -> Contents {
    let (here, archive) = withLife { life in
      var contents = life.contents
      contents.history = HistoryLog()
      return (contents, life.archive)
    }
    return try archive?.contents(of: self) ?? here
  }

  /// The events with these numbers, and perhaps others around them.
  func history(_ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog {
    let (here, archive) = withLife { ($0.contents.history, $0.archive) }
    return try archive?.history(of: self, ids) ?? here
  }

  /// Takes the contents back, since it is to go on.
  func restore() throws(APIError) {
    let (archive, count) = withLife { ($0.archive, $0.eventCount) }
    guard let archive else { return }
    var contents = try archive.contents(of: self)
    if count > 0 { contents.history = try archive.history(of: self, 1...count) }
    withLife { life in
      guard life.archive != nil else { return }
      life.contents = contents
      life.archive = nil
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
    withLife {
      Status(
        state: $0.state, stopDate: $0.stopDate, redriveCount: $0.redriveCount, redriveDate: $0.redriveDate,
        eventCount: $0.eventCount, isResumable: $0.isResumable || $0.contents.resumePoint != nil)
    }
  }

  /// What it takes in memory, about, when it is over.
  package var byteCount: Int { withLife { $0.byteCount } }
}

extension StoredExecution.Life {
  package var byteCount: Int {
    600 + contents.input.utf8.count + (contents.output?.utf8.count ?? 0) + contents.history.byteCount
  }
}

/// Keeps the contents of executions that are over.
package protocol ExecutionArchive: AnyObject, Sendable {
  /// Everything but the history.
  func contents(of execution: StoredExecution) throws(APIError) -> StoredExecution.Contents
  /// At least these events.
  func history(of execution: StoredExecution, _ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog
}
