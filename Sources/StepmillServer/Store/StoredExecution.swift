import Stepmill

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
  /// As it was sent.
  package let input: String
  package let traceHeader: String?
  package let startDate: Int64
  /// The run of a Distributed Map that it is a child of, and how many items it has.
  package let mapRunARN: String?
  package let itemCount: Int?

  private let life = Lock(Life())
  /// Where it stands in the store's order: see `Timeline`. Guarded by the store's lock.
  let position = Lock<UInt64>(0)

  package struct Life: Sendable {
    package var state = ExecutionState.running
    package var stopDate: Int64?
    package var output: String?
    package var error: String?
    package var cause: String?
    package var redriveCount = 0
    package var redriveDate: Int64?
    /// The tokens of redrives that are remembered, with their dates: newest last.
    var redriveTokens: [(token: String, date: Int64)] = []
    var history = HistoryLog()
    /// Where it stood when it ended, if that was no success.
    var resumePoint: ResumePoint?
    /// What runs it, while it runs.
    var hosted: HostedExecution?
    /// It is to stop as soon as it runs.
    var stopOrder: StopOrder?
    /// Who waits for its end.
    var waiters: [@Sendable (StoredExecution) -> Void] = []
  }

  struct StopOrder: Sendable {
    var error: String?
    var cause: String?
  }

  package init(
    scope: Scope, machine: String, name: String, revision: MachineRevision, versionARN: String?,
    aliasARN: String?, input: String, traceHeader: String?, startDate: Int64, mapRunARN: String? = nil,
    itemCount: Int? = nil
  ) {
    self.scope = scope
    self.machine = machine
    self.name = name
    self.revision = revision
    self.versionARN = versionARN
    self.aliasARN = aliasARN
    self.input = input
    self.traceHeader = traceHeader
    self.startDate = startDate
    self.mapRunARN = mapRunARN
    self.itemCount = itemCount
  }

  package var arn: String { scope.executionARN(machine, name) }
  package var machineARN: String { scope.machineARN(machine) }

  /// Reads or changes what has become of it.
  func withLife<Result: Sendable>(_ body: (inout Life) -> Result) -> Result {
    life.withLock { life in body(&life) }
  }

  /// What has become of it, without its history.
  package struct Status: Sendable {
    package let state: ExecutionState
    package let stopDate: Int64?
    package let output: String?
    package let error: String?
    package let cause: String?
    package let redriveCount: Int
    package let redriveDate: Int64?
    package let eventCount: Int
  }

  package var status: Status {
    withLife {
      Status(
        state: $0.state, stopDate: $0.stopDate, output: $0.output, error: $0.error, cause: $0.cause,
        redriveCount: $0.redriveCount, redriveDate: $0.redriveDate, eventCount: $0.history.count)
    }
  }

  /// What it takes in memory, about, when it is over.
  var byteCount: Int {
    withLife { 600 + input.utf8.count + ($0.output?.utf8.count ?? 0) + $0.history.byteCount }
  }
}
