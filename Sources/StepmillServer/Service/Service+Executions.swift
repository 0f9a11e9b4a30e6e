import Stepmill
import Synchronization

// Starting executions, and what happens when they go on and end.

/// What an execution is to be started with.
struct ExecutionOrder: Sendable {
  var machine: MachineName
  var name: String?
  /// Nil: an empty object.
  var input: String?
  var traceHeader: String?
}

/// An Express execution, which nobody remembers.
struct ExpressExecution: Sendable {
  let arn: String
  let name: String
  let machineARN: String
  let startDate: Int64
  let input: String
}

extension StepFunctionsService {
  // MARK: What is started

  /// What a machine's name, with or without a version or an alias, stands for at the moment.
  struct Target: Sendable {
    var revision: MachineRevision
    var versionARN: String?
    var aliasARN: String?
  }

  func target(_ name: MachineName, in scope: Scope) throws(APIError) -> Target {
    guard name.scope == scope, let machine = store.machine(name.name, in: scope) else {
      throw .noMachine(name.arn)
    }
    guard !machine.isDeleting else { throw .machineDeleting(name.machineARN) }
    switch name.qualifier {
    case nil:
      return Target(revision: machine.revision)
    case .version(let number):
      guard let version = machine.version(number) else { throw .noVersion(name.arn) }
      return Target(revision: version.revision, versionARN: name.arn)
    case .alias(let alias):
      guard let alias = machine.alias(alias), let number = choose(alias.routes),
        let version = machine.version(number)
      else { throw .noMachine(name.arn) }
      return Target(
        revision: version.revision, versionARN: scope.versionARN(name.name, number),
        aliasARN: name.arn)
    }
  }

  /// One of the versions of an alias, by their weights.
  private func choose(_ routes: [MachineAlias.Route]) -> Int? {
    guard routes.count > 1 else { return routes.first?.version }
    var drawn = Int(identifiers.below(100))
    for route in routes {
      if drawn < route.weight { return route.version }
      drawn -= route.weight
    }
    return routes.last?.version
  }

  /// The input as a value, or why it is none.
  func input(_ text: String?) throws(APIError) -> JSON {
    guard let text else { return [:] }
    guard !text.isEmpty else { throw .invalidInput("Invalid execution input.") }
    guard text.utf8.count <= configuration.standardLimits.payloadBytesMax else {
      throw .invalidInput("The input is too long.")
    }
    do {
      return try JSON(parsing: text)
    } catch {
      throw .invalidInput(JSONTextCheck.problem(Array(text.utf8)) ?? error.message)
    }
  }

  func checkName(_ name: String?) throws(APIError) {
    if let name, !NameRule.isValid(name) { throw .invalidName(name) }
  }

  // MARK: Starting

  /// Starts a Standard execution, or gives the running one that is the same.
  func startStandard(
    _ order: ExecutionOrder, _ target: Target, in scope: Scope
  ) throws(APIError) -> StoredExecution {
    let input = try self.input(order.input)
    let text = order.input ?? "{}"
    let execution = StoredExecution(
      origin(of: order.machine.name, target, in: scope),
      name: ExecutionName(order.name ?? identifiers.uuid()),
      startDate: now, extra: StoredExecution.Extra(traceHeader: order.traceHeader), input: text.utf8,
      for: self
    )
    switch try insert(execution) {
    case .added: break
    case .full: throw .executionLimit()
    case .known(let known):
      // Its input is here while it runs.
      let isSame = known.withLife {
        $0.state == .running && $0.history.inputBytes.elementsEqual(text.utf8)
      }
      guard isSame else { throw .executionExists(known.arn) }
      return known
    }
    var more: ExecutionIdentity.More?
    if target.versionARN != nil {
      more = ExecutionIdentity.More()
      more?.versionARN = target.versionARN
      more?.aliasARN = target.aliasARN
    }
    do {
      try run(execution, input, more)
    } catch {
      store.remove(execution)
      throw error
    }
    return execution
  }

  /// Has an execution remembered, if there is room and the store takes it.
  private func insert(_ execution: StoredExecution) throws(APIError) -> Insertion {
    guard store.runningCount(in: execution.scope) < configuration.openExecutionsMax else { return .full }
    if let refusal = store.refusal { throw .unwritable(refusal) }
    return store.insert(execution, runningMax: configuration.openExecutionsMax)
  }

  /// What an execution has in common with others; with the one before, mostly.
  func origin(of machine: String, _ target: Target, in scope: Scope) -> ExecutionOrigin {
    lastOrigin.withLock { last in
      if let last, last.revision === target.revision, last.machine == machine, last.scope == scope,
        last.versionARN == target.versionARN, last.aliasARN == target.aliasARN
      {
        return last
      }
      let origin = ExecutionOrigin(
        scope: scope, machine: machine, revision: target.revision, versionARN: target.versionARN,
        aliasARN: target.aliasARN)
      last = origin
      return origin
    }
  }

  /// Hands an execution that is remembered to the host.
  func run(
    _ execution: StoredExecution, _ input: JSON, _ more: ExecutionIdentity.More?,
    from point: ResumePoint? = nil, redriveCount: Int = 0
  ) throws(APIError) {
    let workflow = workflow(of: execution.revision, name: execution.machine, in: execution.scope)
    execution.withLife { $0.isRun(for: self, execution.revision) }
    if let status { status.changed(StatusChange(execution, self)) }
    do throws(StepmillError) {
      // Its ARN follows from the machine's and its name: one text less for each that waits.
      let identity = ExecutionIdentity(name: execution.name, more: more)
      let hosted =
        if let point {
          try host.resume(
            workflow, input: input, from: point, redriveCount: redriveCount, identity: identity,
            listener: execution)
        } else {
          try host.start(workflow, input: input, identity: identity, listener: execution)
        }
      isRun(execution, by: hosted)
    } catch {
      throw error.isOverload ? .executionLimit() : .overloaded()
    }
  }

  func isRun(_ execution: StoredExecution, by hosted: HostedExecution) {
    let order = execution.withLife { life -> StoredExecution.StopOrder? in
      // It may be over already, or have been stopped before there was anything to stop.
      if life.state == .running { life.hosted = hosted }
      defer { life.stopOrder = nil }
      return life.stopOrder
    }
    if let order { hosted.abort(error: order.error, cause: order.cause) }
  }

  /// Starts an Express execution.
  ///
  /// - Parameters:
  ///   - isSynchronous: Somebody waits for its end; its context object then says nothing about
  ///     redrives.
  ///   - ended: Called when it is over.
  func startExpress(
    _ order: ExecutionOrder, _ target: Target, in scope: Scope, isSynchronous: Bool,
    ended: @escaping @Sendable (ExpressExecution, Outcome) -> Void
  ) throws(APIError) -> ExpressExecution {
    let input = try self.input(order.input)
    let name = order.name ?? identifiers.uuid()
    let execution = ExpressExecution(
      arn: scope.expressARN(order.machine.name, name, identifiers.uuid()), name: name,
      machineARN: order.machine.machineARN, startDate: now, input: order.input ?? "{}")
    var more: ExecutionIdentity.More?
    if !isSynchronous || target.versionARN != nil {
      more = ExecutionIdentity.More()
      more?.redriveCount = isSynchronous ? nil : 0
      more?.versionARN = target.versionARN
      more?.aliasARN = target.aliasARN
    }
    let workflow = workflow(of: target.revision, name: order.machine.name, in: scope)
    let logging = target.revision.logging
    let listener = ExpressListener(execution, logging, self) { outcome in ended(execution, outcome) }
    do throws(StepmillError) {
      _ = try host.start(
        workflow, input: input,
        identity: ExecutionIdentity(name: name, arn: execution.arn, more: more),
        listener: listener)
    } catch {
      throw error.isOverload ? .executionLimit() : .overloaded()
    }
    return execution
  }

  // MARK: Finding

  /// The Standard execution that an ARN names.
  ///
  /// - Parameter orChild: An Express child of a Map Run will do as well.
  func execution(
    _ arn: String, for request: Request, orChild: Bool = false
  ) throws(APIError) -> StoredExecution {
    let name = try ServiceARN(arn)
    let machine: String
    let label: String?
    let execution: String
    switch name.resource {
    case .execution(let itsMachine, let itsLabel, let itsName):
      (machine, label, execution) = (itsMachine, itsLabel, itsName)
    case .express(let itsMachine, let itsLabel?, let itsName, let identifier) where orChild:
      (machine, label, execution) = (itsMachine, itsLabel, "\(itsName):\(identifier)")
    case .express, .machine, .activity, .mapRun:
      throw .wrongResource(name.kind)
    }
    let key = label.map { "\(machine)/\($0)" } ?? machine
    guard name.scope == request.scope, let found = store.execution(execution, of: key, in: name.scope) else {
      throw .noExecution(arn)
    }
    return found
  }

  // MARK: Going on and ending

  /// Logs an event if the machine's level asks for that.
  func log(_ event: EventRecord, of execution: StoredExecution) {
    let logging = execution.revision.logging
    guard let log, logging.includes(event.type) else { return }
    let whole = HistoryEvent(event)
    log.log(
      LogRecord(
        logging.includesExecutionData ? whole : whole.withoutData, execution: execution.arn,
        machine: execution.machineARN, logGroup: logging.destinations.first,
        redriveCount: execution.status.redriveCount))
  }

  func ended(_ execution: StoredExecution, _ end: HostedEnd) {
    // Loops read the time of day now and then.
    let date = max(end.date, execution.startDate)
    let waiters = execution.withLife { life -> [@Sendable (StoredExecution) -> Void] in
      life.stopDate = date
      life.hosted = nil
      life.stopOrder = nil
      life.isRun(for: nil, execution.revision)
      let point = life.ending?.resumePoint
      if end.isSuccess, life.history.lastType == .executionSucceeded {
        // The output is in the last event.
        life.state = .succeeded
        life.ending = nil
      } else {
        switch end.outcome {
        case .succeeded(let output):
          life.state = .succeeded
          life.ending = StoredExecution.Ending(output: output.text)
        case .failed(let error, let cause):
          life.state = .failed
          life.ending = StoredExecution.Ending(error: error, cause: cause, resumePoint: point)
        case .timedOut:
          life.state = .timedOut
        case .aborted(let error, let cause):
          life.state = .aborted
          life.ending = StoredExecution.Ending(error: error, cause: cause, resumePoint: point)
        }
      }
      life.history.close()
      execution.origin.typicalBytes.store(life.history.byteCount, ordering: .relaxed)
      guard !life.waiters.isEmpty else { return [] }
      defer { life.waiters = [] }
      return life.waiters
    }
    if let status, !execution.isExpress { status.changed(StatusChange(execution, self)) }
    store.closed(execution, at: date)
    for waiter in waiters { waiter(execution) }
    if deletions.load(ordering: .relaxed) > 0 { forgetDeleted(execution.machine, in: execution.scope) }
  }

  /// Stops an execution. The one that has ended already stays as it is.
  func stop(_ execution: StoredExecution, error: String?, cause: String?) {
    let hosted = execution.withLife { life -> HostedExecution? in
      guard life.state == .running else { return nil }
      if life.hosted == nil { life.stopOrder = StoredExecution.StopOrder(error: error, cause: cause) }
      return life.hosted
    }
    hosted?.abort(error: error, cause: cause)
  }

  /// Calls back when an execution is over.
  func whenEnded(_ execution: StoredExecution, _ body: @escaping @Sendable (StoredExecution) -> Void) {
    let isOver = execution.withLife { life in
      if life.state == .running { life.waiters.append(body) }
      return life.state != .running
    }
    if isOver { body(execution) }
  }

  /// A machine that is being deleted goes when nothing of it runs any more.
  func forgetDeleted(_ name: String, in scope: Scope) {
    guard let machine = store.machine(name, in: scope), machine.isDeleting else { return }
    changing {
      guard store.machine(name, in: scope)?.isDeleting == true, store.runningCount(of: name, in: scope) == 0
      else { return }
      store.removeMachine(name, in: scope)
      deletions.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}

extension HistoryEvent {
  /// The same without inputs, outputs and variables.
  fileprivate var withoutData: HistoryEvent {
    guard let details else { return self }
    return replacingDetails(
      try? JSON(parsing: HistoryLog.withoutData(details.utf8[...])))
  }
}

/// Logs what an Express execution does, and says when it is over.
private final class ExpressListener: ExecutionListener {
  private let execution: ExpressExecution
  private let logging: LoggingConfiguration
  /// Kept until the end: its tasks refer to the service.
  private let service: StepFunctionsService
  private let end: @Sendable (Outcome) -> Void

  init(
    _ execution: ExpressExecution, _ logging: LoggingConfiguration, _ service: StepFunctionsService,
    _ end: @escaping @Sendable (Outcome) -> Void
  ) {
    self.execution = execution
    self.logging = logging
    self.service = service
    self.end = end
  }

  func recorded(_ event: EventRecord) {
    guard let log = service.log, logging.includes(event.type) else { return }
    log.log(
      LogRecord(
        HistoryEvent(event), execution: execution.arn, machine: execution.machineARN,
        logGroup: logging.destinations.first, redriveCount: 0))
  }

  var wantsResumePoint: Bool { false }
  func stopped(at point: ResumePoint) {}
  func ended(_ end: HostedEnd) { self.end(end.outcome) }
}
