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
  private func tell(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: HistoryEventType, id: UInt32, previous: UInt32,
    details: ((inout Details) -> Void)? = nil
  ) {
    let execution = fiber.pointee.execution
    guard let observer = execution.pointee.workflow.takeUnretainedValue().observer,
      type.level <= observer.level, !isBeyondTheLast(id, type, execution)
    else { return }
    var json: JSON?
    if let details {
      var arena = Arena(pool: state.pointee.pool)
      withUnsafeMutablePointer(to: &arena) { arena in
        var builder = Details(self, arena, includesData: observer.includesData)
        details(&builder)
        json = builder.finish()
      }
      arena.release()
    }
    let event = HistoryEvent(
      id: Int(id), previousID: Int(previous), type: type, timestamp: wallNow,
      execution: observer.namesExecutions ? executionARN(execution) : "", details: json)
    observer.receive(event)
    execution.pointee.sink._withUnsafeGuaranteedRef { $0.recorded(event, tag: execution.pointee.tag) }
  }

  /// A history that may grow no further ends with the execution's failure; what happens until
  /// that is noticed is not told.
  private func isBeyondTheLast(
    _ id: UInt32, _ type: HistoryEventType, _ execution: UnsafeMutablePointer<ExecutionRecord>
  ) -> Bool {
    guard let limit = execution.pointee.workflow.takeUnretainedValue().limits.historyEventsMax else {
      return false
    }
    return Int(id) >= limit && !type.endsExecution
  }

  /// Gives the next number to an event on a fiber's thread of control, and tells it.
  @inline(__always)
  private func event(
    _ fiber: UnsafeMutablePointer<Fiber>, _ type: @autoclosure () -> HistoryEventType,
    details: ((inout Details) -> Void)? = nil
  ) {
    let previous = fiber.pointee.previousEvent
    let id = nextEvent(fiber)
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      tell(fiber, type(), id: id, previous: previous, details: details)
    }
  }

  /// Members of an event's details.
  fileprivate struct Details {
    private let shard: Shard
    private let arena: UnsafeMutablePointer<Arena>
    private let includesData: Bool
    private var members: [Member] = []

    init(_ shard: Shard, _ arena: UnsafeMutablePointer<Arena>, includesData: Bool) {
      self.shard = shard
      self.arena = arena
      self.includesData = includesData
    }

    mutating func add(_ name: StaticString, _ value: Value) {
      if !value.isMissing { members.append(Member(key: .key(name), value: value)) }
    }

    mutating func add(_ name: StaticString, _ text: String) { add(name, arena.pointee.string(text)) }

    /// Data goes in as its JSON text, with a note that it is whole.
    mutating func addData(_ name: StaticString, _ value: Value) {
      guard includesData else { return }
      add(name, shard.json(value))
      addDetails("\(name)Details")
    }

    private mutating func addDetails(_ name: String) {
      let flag = arena.pointee.members(1)
      flag[0] = Member(key: .key("truncated"), value: .false)
      members.append(Member(key: arena.pointee.key(name), value: .object(flag, count: 1)))
    }

    /// Variables as a map from name to JSON text, names sorted.
    mutating func addVariables(_ values: Value) {
      guard includesData, values.isObject, values.count > 0 else { return }
      let sorted = values.members.sorted { $0.key.text < $1.key.text }
      let texts = arena.pointee.members(sorted.count)
      for (position, member) in sorted.enumerated() {
        texts[position] = Member(key: member.key, value: arena.pointee.string(shard.json(member.value)))
      }
      add("assignedVariables", .object(texts, count: sorted.count))
      addDetails("assignedVariablesDetails")
    }

    /// The role that a task's `Credentials` name.
    mutating func addCredentials(_ role: Value) {
      guard !role.isMissing else { return }
      let member = arena.pointee.members(1)
      member[0] = Member(key: .key("roleArn"), value: role)
      add("taskCredentials", .object(member, count: 1))
    }

    mutating func finish() -> JSON {
      let memory = arena.pointee.members(members.count)
      for (position, member) in members.enumerated() { memory[position] = member }
      return JSON(copying: .object(memory, count: members.count))
    }
  }

  // MARK: Executions

  func recordStarted(_ fiber: UnsafeMutablePointer<Fiber>) {
    tell(fiber, .executionStarted, id: 1, previous: 0) { details in
      details.addData("input", fiber.pointee.frame.unsafelyUnwrapped.pointee.data)
      details.add("roleArn", roleARN(fiber.pointee.execution))
      if let more = fiber.pointee.execution.pointee.identity?.takeUnretainedValue().more {
        if let alias = more.aliasARN { details.add("stateMachineAliasArn", alias) }
        if let version = more.versionARN { details.add("stateMachineVersionArn", version) }
      }
    }
  }

  func recordRedriven(_ fiber: UnsafeMutablePointer<Fiber>, count: Int) {
    event(fiber, .executionRedriven) { $0.add("redriveCount", .integer(Int64(count))) }
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
      if !output.isMissing { details.addData("output", output) }
      if !error.isNull { details.add("error", error) }
      if !cause.isNull { details.add("cause", cause) }
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
      details.add("name", tables.pointee.names[Int(op.pointee.name)])
      details.addData("input", data)
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
      details.add("name", tables.pointee.names[Int(op.pointee.name)])
      details.addData("output", output)
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
    event(fiber, type)
  }

  func recordEvaluationFailed(_ fiber: UnsafeMutablePointer<Fiber>, location: Value) {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    let fault = state.pointee.fault
    event(fiber, .evaluationFailed) { details in
      details.add("error", fault.error)
      details.add("cause", fault.cause)
      if !location.isNull { details.add("location", location) }
      details.add("state", tables.pointee.names[Int(op.pointee.name)])
    }
  }

  // MARK: Maps

  func recordMapStarted(_ fiber: UnsafeMutablePointer<Fiber>, length: Int) {
    event(fiber, .mapStateStarted) { $0.add("length", .integer(Int64(length))) }
  }

  /// The run of a Distributed Map begins, or (with a count) begins once more.
  func recordMapRun(_ fiber: UnsafeMutablePointer<Fiber>, _ arn: String, redriveCount: Int? = nil) {
    event(fiber, redriveCount == nil ? .mapRunStarted : .mapRunRedriven) { details in
      details.add("mapRunArn", arn)
      if let redriveCount { details.add("redriveCount", .integer(Int64(redriveCount))) }
    }
  }

  func recordMapRunFailed(_ fiber: UnsafeMutablePointer<Fiber>, error: Value, cause: Value) {
    event(fiber, .mapRunFailed) { details in
      if !error.isNull { details.add("error", error) }
      if !cause.isNull { details.add("cause", cause) }
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
      details.add("name", tables.pointee.names[Int(op.pointee.name)])
      details.add("index", .integer(Int64(index)))
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
        details.add("resourceType", constants[Int(task.pointee.resourceType)])
        details.add("resource", constants[Int(task.pointee.resourceAction)])
        details.add("region", region)
        details.add("parameters", json(input))
      case .lambdaFunction, .activity:
        details.add("resource", constants[Int(task.pointee.resource)])
        details.addData("input", input)
      }
      if let timeout = timers.timeout { details.add("timeoutInSeconds", .integer(timeout)) }
      if let heartbeat = timers.heartbeat { details.add("heartbeatInSeconds", .integer(heartbeat)) }
      details.addCredentials(role)
    }
    if isLeased { return }
    switch task.pointee.style {
    case .task:
      event(fiber, .taskStarted) { details in
        details.add("resourceType", constants[Int(task.pointee.resourceType)])
        details.add("resource", constants[Int(task.pointee.resourceAction)])
      }
    case .lambdaFunction:
      event(fiber, .lambdaFunctionStarted)
    case .activity:
      event(fiber, .activityStarted) { _ in }
    }
  }

  /// A worker took an activity's task.
  func recordLeased(_ fiber: UnsafeMutablePointer<Fiber>, worker: String?) {
    event(fiber, .activityStarted) { details in
      if let worker { details.add("workerName", worker) }
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
        details.add("resourceType", constants[Int(task.pointee.resourceType)])
        details.add("resource", constants[Int(task.pointee.resourceAction)])
      }
      if !output.isMissing { details.addData("output", output) }
      if !error.isNull { details.add("error", error) }
      if !cause.isNull { details.add("cause", cause) }
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
