// Telling the history.
//
// Events are numbered always and told only where somebody watches. Every function here
// that stands for an event gives it its number; the details are gathered only when the
// observer's level asks for this type.

extension Shard {
  /// A task's later events, whatever its style calls them.
  enum TaskEvent {
    case submitted, succeeded, failed, timedOut, submitFailed
  }

  // MARK: Telling

  /// Tells one event. `details` adds what the type has to say.
  @inline(never)
  private func tell(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: HistoryEventType, id: UInt32, previous: UInt32,
    hasDetails: Bool = true, details: (EventWriter) -> Void
  ) {
    let execution = fiber.pointee.execution
    execution.pointee.workflow._withUnsafeGuaranteedRef { workflow in
      guard type.level <= workflow.historyLevel, !isBeyondTheLast(id, type, workflow.limits) else { return }
      let writer = EventWriter(self, includesData: workflow.tellsData)
      if hasDetails { details(writer) }
      let event = EventRecord(
        id: Int(id), previousID: Int(previous), type: type, timestamp: wallNow,
        fields: hasDetails ? writer.fields : nil)
      if let receive = workflow.observer?.receive {
        receive(HistoryEvent(event, execution: executionARN(execution)))
      }
      execution.pointee.sink._withUnsafeGuaranteedRef { $0.recorded(event, tag: execution.pointee.tag) }
    }
  }

  /// A history that may grow no further ends with the execution's failure; what happens until
  /// that is noticed is not told.
  private func isBeyondTheLast(_ id: UInt32, _ type: HistoryEventType, _ limits: Limits) -> Bool {
    guard let limit = limits.historyEventsMax else { return false }
    return Int(id) >= limit && !type.endsExecution
  }

  /// Gives the next number to an event on a fiber's thread of control, and tells it.
  @inline(__always)
  private func event(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: @autoclosure () -> HistoryEventType,
    hasDetails: Bool = true, details: (EventWriter) -> Void
  ) {
    let previous = fiber.pointee.previousEvent
    let id = nextEvent(fiber)
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      tell(fiber, type(), id: id, previous: previous, hasDetails: hasDetails, details: details)
    }
  }

  // MARK: Executions

  func recordStarted(_ fiber: UnsafeMutablePointer<Fiber>) {
    tell(fiber, .executionStarted, id: 1, previous: 0) { details in
      details.addData(.input, fiber.pointee.frame.unsafelyUnwrapped.pointee.data)
      details.add(.roleARN, roleARN(fiber.pointee.execution), .role)
      if let more = fiber.pointee.execution.pointee.identity?.takeUnretainedValue().more {
        if let alias = more.aliasARN { details.add(.aliasARN, alias) }
        if let version = more.versionARN { details.add(.versionARN, version) }
      }
    }
  }

  func recordRedriven(_ fiber: UnsafeMutablePointer<Fiber>, count: Int) {
    event(fiber, .executionRedriven) { $0.add(.redriveCount, number: Int64(count)) }
  }

  func recordEnded(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: HistoryEventType, output: Value = .missing,
    error: Value = .missing, cause: Value = .missing
  ) {
    let execution = fiber.pointee.execution
    let limit = execution.pointee.workflow.takeUnretainedValue().limits.historyEventsMax
    if let limit, Int(execution.pointee.events) >= limit {
      execution.pointee.events = UInt32(clamping: limit - 1)
      if fiber.pointee.previousEvent != 0 { fiber.pointee.previousEvent = execution.pointee.events }
    }
    event(fiber, type) { details in
      if !output.isMissing { details.addData(.output, output) }
      if !error.isNull { details.add(.error, error) }
      if !cause.isNull { details.add(.cause, cause) }
    }
  }

  // MARK: States

  /// The event of entering, whose number has been given: `execution.events`.
  func recordEntered(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) {
    let execution = fiber.pointee.execution
    let data = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    tell(
      fiber, op.pointee.type.enteredEvent, id: execution.pointee.events,
      previous: fiber.pointee.previousEvent
    ) { details in
      details.add(.name, tables.pointee.names[Int(op.pointee.name)])
      details.addData(.input, data)
    }
  }

  /// The event of leaving, whose number will be the next one: the caller gives it.
  func recordExited(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ output: Value,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let assigned = frame.pointee.assigned
    frame.pointee.assigned = .missing
    tell(
      fiber, op.pointee.type.exitedEvent, id: fiber.pointee.execution.pointee.events &+ 1,
      previous: fiber.pointee.previousEvent
    ) { details in
      details.add(.name, tables.pointee.names[Int(op.pointee.name)])
      details.addData(.output, output)
      details.addVariables(assigned)
    }
  }

  /// Entering and leaving a Pass that does nothing; both numbers are given here.
  func recordPass(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) {
    let previous = fiber.pointee.previousEvent
    fiber.pointee.enteredEvent = nextEvent(fiber)
    fiber.pointee.previousEvent = previous
    recordEntered(fiber, op, tables)
    fiber.pointee.previousEvent = fiber.pointee.enteredEvent
    recordExited(fiber, op, fiber.pointee.frame.unsafelyUnwrapped.pointee.data, tables)
    nextEvent(fiber)
  }

  /// An event without details.
  @inline(__always)
  func record(_ fiber: UnsafeMutablePointer<Fiber>, _ type: HistoryEventType) {
    event(fiber, type, hasDetails: false) { _ in }
  }

  func recordEvaluationFailed(_ fiber: UnsafeMutablePointer<Fiber>, location: Value) {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    let fault = state.pointee.fault
    event(fiber, .evaluationFailed) { details in
      details.add(.error, fault.error)
      details.add(.cause, fault.cause)
      if !location.isNull { details.add(.location, location) }
      details.add(.state, tables.pointee.names[Int(op.pointee.name)])
    }
  }

  // MARK: Maps

  func recordMapStarted(_ fiber: UnsafeMutablePointer<Fiber>, length: Int) {
    event(fiber, .mapStateStarted) { $0.add(.length, number: Int64(length)) }
  }

  /// The run of a Distributed Map begins, or (with a count) begins once more.
  func recordMapRun(_ fiber: UnsafeMutablePointer<Fiber>, _ arn: String, redriveCount: Int? = nil) {
    event(fiber, redriveCount == nil ? .mapRunStarted : .mapRunRedriven) { details in
      details.add(.mapRunARN, arn)
      if let redriveCount { details.add(.redriveCount, number: Int64(redriveCount)) }
    }
  }

  func recordMapRunFailed(_ fiber: UnsafeMutablePointer<Fiber>, error: Value, cause: Value) {
    event(fiber, .mapRunFailed) { details in
      if !error.isNull { details.add(.error, error) }
      if !cause.isNull { details.add(.cause, cause) }
    }
  }

  @inline(__always)
  func recordIteration(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: HistoryEventType, _ op: UnsafePointer<Op>, _ index: UInt32
  ) {
    if _fastPath(!fiber.pointee.execution.pointee.isRecorded) {
      nextEvent(fiber)
      return
    }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    event(fiber, type) { details in
      details.add(.name, tables.pointee.names[Int(op.pointee.name)])
      details.add(.index, number: Int64(index))
    }
  }

  // MARK: Tasks

  /// `…Scheduled` and `…Started`.
  @inline(never)
  func recordTaskScheduled(
    _ fiber: UnsafeMutablePointer<Fiber>, _ task: UnsafePointer<TaskOp>, _ input: Value, _ timers: TaskTimers,
    role: Value, isLeased: Bool, _ tables: UnsafePointer<ProgramTables>
  ) {
    let constants = tables.pointee.constants
    let region = fiber.pointee.execution.pointee.workflow.takeUnretainedValue().region
    let type: HistoryEventType
    switch task.pointee.style {
    case .task: type = .taskScheduled
    case .lambdaFunction: type = .lambdaFunctionScheduled
    case .activity: type = .activityScheduled
    }
    event(fiber, type) { details in
      switch task.pointee.style {
      case .task:
        details.add(.resourceType, constants[Int(task.pointee.resourceType)])
        details.add(.resource, constants[Int(task.pointee.resourceAction)])
        details.add(.region, region)
        details.add(.parameters, textOf: input)
      case .lambdaFunction, .activity:
        details.add(.resource, constants[Int(task.pointee.resource)])
        details.addData(.input, input)
      }
      if let timeout = timers.timeout { details.add(.timeout, number: timeout) }
      if let heartbeat = timers.heartbeat { details.add(.heartbeat, number: heartbeat) }
      details.addCredentials(role)
    }
    if isLeased { return }
    switch task.pointee.style {
    case .task:
      event(fiber, .taskStarted) { details in
        details.add(.resourceType, constants[Int(task.pointee.resourceType)])
        details.add(.resource, constants[Int(task.pointee.resourceAction)])
      }
    case .lambdaFunction:
      event(fiber, .lambdaFunctionStarted, hasDetails: false) { _ in }
    case .activity:
      event(fiber, .activityStarted) { _ in }
    }
  }

  /// A worker took an activity's task.
  func recordLeased(_ fiber: UnsafeMutablePointer<Fiber>, worker: String?) {
    event(fiber, .activityStarted) { details in
      if let worker { details.add(.workerName, worker) }
    }
  }

  /// What became of a task.
  @inline(__always)
  func recordTask(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ what: TaskEvent, _ output: Value,
    _ error: Value, _ cause: Value, _ tables: UnsafePointer<ProgramTables>
  ) {
    if _fastPath(!fiber.pointee.execution.pointee.isRecorded) {
      nextEvent(fiber)
      return
    }
    tellTask(fiber, op, what, output, error, cause, tables)
  }

  @inline(never)
  private func tellTask(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ what: TaskEvent, _ output: Value,
    _ error: Value, _ cause: Value, _ tables: UnsafePointer<ProgramTables>
  ) {
    let task = tables.pointee.tasks + Int(op.pointee.a)
    let style = task.pointee.style
    let constants = tables.pointee.constants
    event(fiber, style.event(what)) { details in
      if style == .task {
        details.add(.resourceType, constants[Int(task.pointee.resourceType)])
        details.add(.resource, constants[Int(task.pointee.resourceAction)])
      }
      if !output.isMissing { details.addData(.output, output) }
      if !error.isNull { details.add(.error, error) }
      if !cause.isNull { details.add(.cause, cause) }
    }
  }
}

extension TaskStyle {
  fileprivate func event(_ what: Shard.TaskEvent) -> HistoryEventType {
    switch (self, what) {
    case (.task, .submitted), (.lambdaFunction, .submitted), (.activity, .submitted): .taskSubmitted
    case (.task, .succeeded): .taskSucceeded
    case (.task, .failed): .taskFailed
    case (.task, .submitFailed): .taskSubmitFailed
    case (.lambdaFunction, .submitFailed): .lambdaFunctionFailed
    case (.activity, .submitFailed): .activityFailed
    case (.task, .timedOut): .taskTimedOut
    case (.lambdaFunction, .succeeded): .lambdaFunctionSucceeded
    case (.lambdaFunction, .failed): .lambdaFunctionFailed
    case (.lambdaFunction, .timedOut): .lambdaFunctionTimedOut
    case (.activity, .succeeded): .activitySucceeded
    case (.activity, .failed): .activityFailed
    case (.activity, .timedOut): .activityTimedOut
    }
  }
}

extension OpType {
  var enteredEvent: HistoryEventType {
    switch self {
    case .pass: .passStateEntered
    case .task: .taskStateEntered
    case .choice: .choiceStateEntered
    case .wait: .waitStateEntered
    case .succeed: .succeedStateEntered
    case .fail: .failStateEntered
    case .parallel: .parallelStateEntered
    case .map: .mapStateEntered
    }
  }

  var exitedEvent: HistoryEventType {
    switch self {
    case .pass: .passStateExited
    case .task: .taskStateExited
    case .choice: .choiceStateExited
    case .wait: .waitStateExited
    case .succeed: .succeedStateExited
    case .parallel: .parallelStateExited
    case .map: .mapStateExited
    case .fail: preconditionFailure("BUG in Stepmill (please report): a Fail state is never left")
    }
  }
}
