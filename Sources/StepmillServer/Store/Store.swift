import Stepmill

// The seam between the service and what remembers.
//
// The service makes changes under locks of its own, so that a store never has to decide
// anything; it says after each that it may answer (`whenDurable`), which is when a store on disk
// has written it. Executions are told of as they go: `insert`, one `recorded` per event, `closed`.

/// Remembers machines, activities, executions and runs of Distributed Maps.
package protocol Store: AnyObject, Sendable {
  // MARK: State machines
  func machine(_ name: String, in scope: Scope) -> StateMachine?
  func put(_ machine: StateMachine, in scope: Scope)
  func removeMachine(_ name: String, in scope: Scope)
  func machineCount(in scope: Scope) -> Int
  /// In the order of their names, those after `name`.
  func machines(after name: String?, limit: Int, in scope: Scope) -> [StateMachine]

  // MARK: Activities
  func activity(_ name: String, in scope: Scope) -> Activity?
  func put(_ activity: Activity, in scope: Scope)
  func removeActivity(_ name: String, in scope: Scope)
  func activityCount(in scope: Scope) -> Int
  /// In the order of their names, those after `name`.
  func activities(after name: String?, limit: Int, in scope: Scope) -> [Activity]

  // MARK: Executions
  /// Adds an execution, unless as many run in its scope already.
  ///
  /// - Parameter next: What the same thread will probably call the next one.
  func insert(_ execution: StoredExecution, runningMax: Int, next: UUIDNumber?) -> Insertion
  /// Takes back one that could not be started.
  func remove(_ execution: StoredExecution)
  func execution(_ name: String, of machine: String, in scope: Scope) -> StoredExecution?
  /// Whether `recorded` is to be called.
  var hearsEvents: Bool { get }
  /// An event has been added to its history.
  func recorded(_ execution: StoredExecution)
  /// It has ended.
  func closed(_ execution: StoredExecution, at date: Int64)
  /// It runs again.
  func reopened(_ execution: StoredExecution)
  /// Latest first: the running ones by their start, the others by their end.
  func executions(
    of machine: String, in scope: Scope, before position: UInt64?, limit: Int,
    where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?)
  /// The executions of a machine that run.
  func runningExecutions(of machine: String, in scope: Scope) -> [StoredExecution]
  func runningCount(of machine: String, in scope: Scope) -> Int
  func runningCount(in scope: Scope) -> Int

  // MARK: Map runs
  func mapRun(_ arn: String) -> MapRunRecord?
  func put(_ run: MapRunRecord)
  /// Newest first.
  func mapRuns(of executionARN: String) -> [MapRunRecord]
  func executions(
    ofMapRun arn: String, before position: UInt64?, limit: Int, where matches: (StoredExecution) -> Bool
  ) -> (executions: [StoredExecution], next: UInt64?)

  /// Keeps executions that were inserted while `isHeld` was set. True if that is done; else it is
  /// when `whenDurable` calls back.
  func keep(_ executions: [StoredExecution]) -> Bool
  /// Calls back when everything that was said so far will be remembered, or with the reason why
  /// it is not certain to be.
  func whenDurable(_ body: @escaping @Sendable (_ failure: String?) -> Void)
  /// Why nothing can be changed at the moment; nil if all is well.
  var refusal: String? { get }
}

extension Store {
  func insert(_ execution: StoredExecution, runningMax: Int) -> Insertion {
    insert(execution, runningMax: runningMax, next: nil)
  }
}

/// What became of an execution that was to be added.
package enum Insertion: Sendable {
  case added
  /// Another one has the name; nothing was added.
  case known(StoredExecution)
  /// Too many run; nothing was added.
  case full
}

/// How long executions are remembered that are over.
package struct Retention: Sendable {
  /// After their end.
  package var seconds = 90 * 86_400
  /// In all accounts and regions.
  package var executionsMax = 1_000_000
  package var bytesMax = 4 << 30

  package init() {}
}
