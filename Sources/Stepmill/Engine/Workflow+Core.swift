// What an execution needs to know of its workflow, and whom it tells about its end.

/// What the service calls the type of a state machine. It shows in ARNs and the context object.
package enum WorkflowKind: Sendable {
  case standard, express
}

/// A compiled workflow bound to its handlers. Immutable once made.
final class WorkflowCore: @unchecked Sendable {
  /// All loops count references here, and read what follows for each state: not on one cache line.
  private let distance = InlineArray<14, UInt64>(repeating: 0)
  let program: Program
  let name: String
  let arn: String
  let executionARNPrefix: String
  /// What comes before the label.
  let mapRunARNPrefix: String
  /// Of executions that were not given another one.
  let roleARN: String
  /// One for each of the program's resources. The entries refer to them without retaining
  /// them. An execution holds its workflow, so they last until its end even if the runtime
  /// does not.
  private let handlers: [TaskHandler]
  let entries: UnsafeMutablePointer<TaskHandlerEntry>
  let tables: UnsafePointer<ProgramTables>
  let limits: Limits
  let expressionLimits: JSONataLimits
  let observer: HistoryObserver?
  /// How much is told, whether with inputs and outputs, and whether events are to be noted at all.
  let historyLevel: HistoryLevel
  let tellsData: Bool
  let isRecorded: Bool
  let region: String
  let kind: WorkflowKind
  /// The machine's own, or the limit, whichever is shorter.
  var timeoutSeconds: Int? {
    guard let seconds = program.timeoutSeconds, seconds > 0 else { return limits.executionSecondsMax }
    return min(seconds, limits.executionSecondsMax ?? seconds)
  }

  let account: String
  /// What the machine of a Distributed Map's children is called beside the name.
  let label: String?
  /// One for each of the program's Distributed Maps: what their children run.
  let childWorkflows: [WorkflowCore]
  /// Told of the runs of Distributed Maps.
  let mapRunDelegate: (any MapRunDelegate)?

  /// A program bound to its handlers, and the programs inside it to theirs.
  convenience init(
    binding program: Program, name: String, region: String, account: String, limits: Limits,
    observer: HistoryObserver?, kind: WorkflowKind = .standard, partition: String = "aws",
    roleARN: String? = nil, label: String? = nil, mapRuns delegate: (any MapRunDelegate)? = nil,
    handler: (String) -> TaskHandler
  ) {
    let children = program.distributedMaps.map { map in
      // Where AWS's bounds of a Standard execution hold, those of an Express one hold for children.
      var childLimits = limits
      if map.isExpress {
        childLimits.historyEventsMax = nil
        if limits.historyEventsMax != nil {
          childLimits.executionSecondsMax = limits.expressSecondsMax
        }
      }
      // An observer that was given for this workflow is not meant for the children's histories; where
      // the executions have listeners, so do they.
      let isHeard = observer?.isForListeners == true && !map.isExpress
      return WorkflowCore(
        binding: map.program, name: name, region: region, account: account, limits: childLimits,
        observer: isHeard ? observer : nil, kind: map.isExpress ? .express : .standard,
        partition: partition, roleARN: roleARN, label: map.label, mapRuns: delegate, handler: handler)
    }
    self.init(
      program: program, name: name, region: region, account: account,
      handlers: program.resources.map(handler), limits: limits, observer: observer, kind: kind,
      partition: partition, roleARN: roleARN, label: label, childWorkflows: children, mapRuns: delegate)
  }

  init(
    program: Program, name: String, region: String, account: String, handlers: [TaskHandler],
    limits: Limits, observer: HistoryObserver?, kind: WorkflowKind = .standard, partition: String = "aws",
    roleARN: String? = nil, label: String? = nil, childWorkflows: [WorkflowCore] = [],
    mapRuns delegate: (any MapRunDelegate)? = nil
  ) {
    self.program = program
    self.kind = kind
    self.name = name
    self.region = region
    self.account = account
    self.label = label
    self.childWorkflows = childWorkflows
    mapRunDelegate = delegate
    let place = "arn:\(partition):states:\(region):\(account)"
    let labeled = label.map { "\(name)/\($0)" } ?? name
    arn = "\(place):stateMachine:\(labeled)"
    mapRunARNPrefix = "\(place):mapRun:\(name)/"
    executionARNPrefix = "\(place):\(kind == .express ? "express" : "execution"):\(labeled):"
    self.roleARN = roleARN ?? "arn:\(partition):iam::\(account):role/stepmill"
    self.handlers = handlers
    entries = .allocate(capacity: max(handlers.count, 1))
    for (index, handler) in handlers.enumerated() {
      (entries + index).initialize(
        to: TaskHandlerEntry(kind: handler.kind, box: Unmanaged.passUnretained(handler.box)))
    }
    tables = program.tables
    self.limits = limits
    expressionLimits = JSONataLimits(limits)
    self.observer = observer
    historyLevel = observer?.level ?? .off
    tellsData = observer?.includesData ?? false
    isRecorded = observer != nil || limits.historyEventsMax != nil
  }

  deinit {
    entries.deinitialize(count: handlers.count)
    entries.deallocate()
  }
}

/// Name, role and start of an execution, where they were given.
package final class ExecutionIdentity: Sendable {
  let name: String?
  let roleARN: String?
  /// The whole ARN, where it does not follow from the name: an Express execution ends in a
  /// number of its own.
  var arn: String? { rest?.arn }
  /// In the place of `name` and of the end of `arn`: texts that are made when somebody asks.
  let numbers: Numbers?
  /// What few executions have, apart since many may wait.
  var more: More? { rest?.more }
  private let rest: Rest?

  private final class Rest: Sendable {
    let arn: String?
    let more: More?

    init(arn: String?, more: More?) {
      self.arn = arn
      self.more = more
    }
  }

  package init(
    name: String?, roleARN: String? = nil, arn: String? = nil, numbers: Numbers? = nil, more: More? = nil
  ) {
    self.name = name
    self.roleARN = roleARN
    self.numbers = numbers
    rest = arn != nil || more != nil ? Rest(arn: arn, more: more) : nil
  }

  package struct Numbers: Sendable {
    /// What it is called if it has no other name.
    package var name: UUIDNumber
    /// What tells an Express execution from others of its name.
    package var run: UUIDNumber

    package init(name: UUIDNumber, run: UUIDNumber) {
      self.name = name
      self.run = run
    }
  }

  /// What a service may say about an execution beyond its names.
  package struct More: Sendable {
    /// Through what it was started; shown by the first event.
    package var aliasARN: String?
    package var versionARN: String?
    /// How often it was begun again, and when last, in milliseconds since 1970. Nil: the
    /// context object does not speak of it.
    package var redriveCount: Int?
    package var redriveTime: Int64?
    /// Stands for the whole context object.
    package var context: JSON?

    package init() {}
  }
}

/// How an execution can end.
enum ExecutionStatus: UInt8 {
  case succeeded, failed, timedOut, aborted
}

/// Told once about the end of each execution that was started with it, on the loop's
/// thread, while the values are still alive.
class CompletionSink: @unchecked Sendable {
  /// Its executions take only what others leave: see `Loop.runBackground`. Set before it has any.
  @exclusivity(unchecked) final var isBackground = false

  /// It hears of many executions, one after the other. Set before it has any.
  @exclusivity(unchecked) final var isForMany = false

  /// A sink for one execution, of which whoever holds it may let go before the end: then
  /// `whenUnheard` is told in its place, so that it need not be kept for a long wait.
  var canBeUnheard: Bool { false }
  var whenUnheard: CompletionSink? { nil }

  /// The execution exists now, under this handle.
  func started(_ handle: ExecutionHandle, tag: UInt64, on loop: Loop) {}

  /// What an execution is called that was started without an `ExecutionIdentity`; nil: as
  /// follows from when and where it began. Asked on its own loop while it lasts.
  func name(tag: UInt64) -> String? { nil }

  /// An event of its history, while it stands still.
  func recorded(_ event: EventRecord, tag: UInt64) {}

  /// Whether it is to be told where executions stood that did not succeed.
  var wantsResumePoint: Bool { false }

  /// Where an execution stood that is about to end.
  func stopped(at point: ResumePoint, tag: UInt64) {}

  /// The input is not JSON: there was no execution.
  func refused(_ error: JSONSyntaxError, tag: UInt64) {}

  /// The loop had ended before it could begin: there was no execution. On any thread.
  func turnedAway(tag: UInt64) {}

  /// - Parameters:
  ///   - output: the output of a success, or missing.
  ///   - error: the error's name and cause of any other end, or missing.
  func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {}
}
