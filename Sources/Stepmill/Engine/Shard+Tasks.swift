// Task states: calling handlers and taking their answers.
//
// A synchronous handler is called from here and answers at once. For every other kind a
// `TaskInvocation` goes to the driver and the fiber waits, its data alive in its frame; it
// is frozen only while a task token is out, since that may take long.
//
// Answers name a fiber and a call. A late one (after a timeout, an abort, a second answer)
// names a call that the fiber no longer waits for, and is dropped.

extension Shard {
  func beginTask(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let task = tables.pointee.tasks + Int(op.pointee.a)
    fiber.pointee.callSerial &+= 1
    guard let input = stateInput(fiber, op, tables) else { return recover(fiber, op, tables) }
    let workflow = fiber.pointee.execution.pointee.workflow
    let limit = workflow._withUnsafeGuaranteedRef { $0.limits.payloadBytesMax }
    if _slowPath(state.pointee.bound > limit), input.serializedSize(upTo: limit) > limit {
      state.pointee.fault = dataLimitFault(fiber, who: who(task, tables), isTask: true)
      return recover(fiber, op, tables)
    }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    frame.pointee.timeoutAt = 0
    frame.pointee.heartbeatMilliseconds = 0
    let hasTimers = task.pointee.timeout != 0 || task.pointee.heartbeat != 0
    var timers = TaskTimers()
    var role = Value.missing
    if _slowPath(hasTimers || task.pointee.credentials != 0) {
      guard let effective = effectiveInput(fiber, op, tables),
        readTimers(fiber, task, effective, &timers, tables),
        readRole(fiber, task, effective, &role, tables)
      else { return recover(fiber, op, tables) }
    }
    let handler = workflow._withUnsafeGuaranteedRef { $0.entries } + Int(task.pointee.handler)
    if _slowPath(handler.pointee.kind.isOfService) {
      return callService(fiber, frame, op, task, handler, input, timers, role: role, tables)
    }
    noteScheduled(fiber, task, input, timers, role: role, isLeased: false, tables)
    if _fastPath(handler.pointee.kind == .synchronous) {
      if _slowPath(task.pointee.waitsForToken) {
        return submitNow(fiber, frame, op, handler, input, timers, tables)
      }
      return callNow(fiber, frame, op, task, handler, input, tables)
    }
    return callLater(fiber, frame, handler, input, timers)
  }

  /// `…Scheduled` and, unless the task waits for a worker, `…Started`.
  @inline(__always)
  private func noteScheduled(
    _ fiber: UnsafeMutablePointer<Fiber>, _ task: UnsafePointer<TaskOp>, _ input: Value, _ timers: TaskTimers,
    role: Value, isLeased: Bool, _ tables: UnsafePointer<ProgramTables>
  ) {
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      recordTaskScheduled(fiber, task, input, timers, role: role, isLeased: isLeased, tables)
    } else {
      fiber.pointee.execution.pointee.events &+= isLeased ? 1 : 2
      fiber.pointee.previousEvent = fiber.pointee.execution.pointee.events
    }
  }

  private func who(_ task: UnsafePointer<TaskOp>, _ tables: UnsafePointer<ProgramTables>) -> Value {
    let name = task.pointee.style == .task ? task.pointee.resourceType : task.pointee.resource
    return tables.pointee.constants[Int(name)]
  }

  // MARK: Timers

  struct TaskTimers {
    /// Seconds, or nil where the state sets none.
    var timeout: Int64?
    var heartbeat: Int64?
  }

  @inline(never)
  private func readTimers(
    _ fiber: UnsafeMutablePointer<Fiber>, _ task: UnsafePointer<TaskOp>, _ data: Value,
    _ timers: inout TaskTimers, _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    func read(_ field: UInt32, isPath: Bool, _ name: String) -> Int64?? {
      guard field != 0 else { return .some(nil) }
      guard isPath else { return .some(Int64(field)) }
      if tables.pointee.ops[Int(fiber.pointee.pc)].flags.contains(.jsonata) {
        guard let seconds = whole(field, atLeast: 1, data, fiber, tables) else { return nil }
        return .some(seconds)
      }
      let path = tables.pointee.paths + Int(field)
      let selected = value(path, data, fiber, tables)
      if selected.isMissing {
        state.pointee.fault = runtimeFault(fiber, invalidPathText(path, data, fiber, tables))
        return nil
      }
      guard let seconds = wholeNumber(selected), seconds > 0 else {
        let text = tables.pointee.constants[Int(path.pointee.text)].text
        state.pointee.fault = runtimeFault(
          fiber,
          "The \(name) field refers to value \"\(plainText(selected))\" which is not a positive integer: "
            + text)
        return nil
      }
      return .some(seconds)
    }
    guard
      let timeout = read(task.pointee.timeout, isPath: task.pointee.timeoutIsPath, "TimeoutSecondsPath"),
      let heartbeat = read(
        task.pointee.heartbeat, isPath: task.pointee.heartbeatIsPath, "HeartbeatSecondsPath")
    else { return false }
    timers = TaskTimers(timeout: timeout, heartbeat: heartbeat)
    return true
  }

  /// The role that `Credentials` name: a text in the member `RoleArn`. False after a fault.
  private func readRole(
    _ fiber: UnsafeMutablePointer<Fiber>, _ task: UnsafePointer<TaskOp>, _ data: Value, _ role: inout Value,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    guard task.pointee.credentials != 0 else { return true }
    let credentials = template(task.pointee.credentials, data, fiber, tables)
    if credentials.isMissing { return false }
    role = credentials.member(named: "RoleArn")
    guard role.isString else {
      if tables.pointee.ops[Int(fiber.pointee.pc)].flags.contains(.jsonata) {
        return refuseRole(role, task.pointee.credentials, fiber, tables)
      }
      state.pointee.fault = runtimeFault(
        fiber, "The RoleArn of the Credentials must be a text, not \(shown(role, fiber)).")
      return false
    }
    return true
  }

  /// Sets the fiber's timer to whichever of timeout and heartbeat comes first.
  private func armTaskTimer(_ fiber: UnsafeMutablePointer<Fiber>, timeoutAt: UInt64, heartbeat: UInt64) {
    let beat = heartbeat == 0 ? UInt64.max : state.pointee.now &+ heartbeat
    let timeout = timeoutAt == 0 ? UInt64.max : timeoutAt
    fiber.pointee.heartbeatIsNext = beat < timeout
    let next = min(beat, timeout)
    if next != .max { setTimer(fiber, at: next) }
  }

  /// The timer of a task struck.
  func taskTimedOut(_ fiber: UnsafeMutablePointer<Fiber>) {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    cancelCall(fiber)
    if fiber.pointee.frame == nil {
      state.pointee.counters.pointee.waiting.add(-1)
      abandon(fiber)
      thaw(fiber, tables)
    }
    recordTask(fiber, op, .timedOut, .missing, ErrorName.timeout, .missing, tables)
    leaveFault(
      fiber,
      Fault(
        error: ErrorName.timeout, cause: .missing,
        kind: fiber.pointee.heartbeatIsNext ? .heartbeat : .timeout))
    makeReady(fiber, .fault)
  }

  func leaveFault(_ fiber: UnsafeMutablePointer<Fiber>, _ fault: Fault) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    frame.pointee.result = fault.error
    frame.pointee.cause = fault.cause
    frame.pointee.faultKind = fault.kind
  }

  // MARK: Calling

  @inline(__always)
  private func callNow(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    _ task: UnsafePointer<TaskOp>, _ handler: UnsafeMutablePointer<TaskHandlerEntry>, _ input: Value,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let call = TaskCall(shard: self, fiber: fiber, frame: frame, input: input)
    let succeeded = handler.pointee.box._withUnsafeGuaranteedRef { $0.call(call) }
    if _fastPath(succeeded) {
      return taskSucceeded(fiber, op, frame.pointee.result, tables)
    }
    return failNow(fiber, frame, op, tables)
  }

  @inline(never)
  private func failNow(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let fault = Fault.raised(frame.pointee.result, cause: frame.pointee.cause)
    recordTask(fiber, op, .failed, .missing, fault.error, fault.cause, tables)
    state.pointee.fault = fault
    return recover(fiber, op, tables)
  }

  /// A synchronous handler of a task that waits for its token: its answer is the submission.
  @inline(never)
  private func submitNow(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    _ handler: UnsafeMutablePointer<TaskHandlerEntry>, _ input: Value, _ timers: TaskTimers,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let call = TaskCall(shard: self, fiber: fiber, frame: frame, input: input)
    guard handler.pointee.box._withUnsafeGuaranteedRef({ $0.call(call) }) else {
      return failNow(fiber, frame, op, tables)
    }
    setTimers(frame, timers)
    armTaskTimer(
      fiber, timeoutAt: frame.pointee.timeoutAt, heartbeat: frame.pointee.heartbeatMilliseconds)
    submitted(fiber, op, frame.pointee.result, tables)
    return .blocked
  }

  private func setTimers(_ frame: UnsafeMutablePointer<Frame>, _ timers: TaskTimers) {
    // A century is as good as for ever, and fits every clock.
    func milliseconds(_ seconds: Int64) -> UInt64 { UInt64(min(seconds, 3_155_760_000)) &* 1000 }
    frame.pointee.timeoutAt = timers.timeout.map { state.pointee.now &+ milliseconds($0) } ?? 0
    frame.pointee.heartbeatMilliseconds = timers.heartbeat.map(milliseconds) ?? 0
  }

  private func callLater(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>,
    _ handler: UnsafeMutablePointer<TaskHandlerEntry>, _ input: Value, _ timers: TaskTimers
  ) -> StateResult {
    setTimers(frame, timers)
    fiber.pointee.awaitsLease = false
    return hand(invocation(handler.pointee, fiber, JSON(copying: input)), fiber, frame)
  }

  /// Calls a handler of a service, unless that refuses the request: then the task is not even
  /// scheduled.
  @inline(never)
  private func callService(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    _ task: UnsafePointer<TaskOp>, _ handler: UnsafeMutablePointer<TaskHandlerEntry>, _ input: Value,
    _ timers: TaskTimers, role: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let isLeased = handler.pointee.kind == .leased
    let invocation = invocation(handler.pointee, fiber, JSON(copying: input))
    invocation.forService = TaskInvocation.ForService(
      execution: isLeased ? "" : executionARN(fiber.pointee.execution),
      roleARN: role.isString ? role.text : nil)
    if let why = handler.pointee.box._withUnsafeGuaranteedRef({ $0.refusal(of: invocation.request) }) {
      state.pointee.fault = runtimeFault(fiber, why)
      return recover(fiber, op, tables)
    }
    noteScheduled(fiber, task, input, timers, role: role, isLeased: isLeased, tables)
    setTimers(frame, timers)
    // The time that it will have, until somebody begins to use it.
    if isLeased, frame.pointee.timeoutAt != 0 { frame.pointee.timeoutAt &-= state.pointee.now }
    fiber.pointee.awaitsLease = isLeased
    return hand(invocation, fiber, frame)
  }

  /// Gives a call to the driver.
  @inline(__always)
  private func hand(
    _ invocation: TaskInvocation, _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>
  ) -> StateResult {
    fiber.pointee.call = Unmanaged.passRetained(invocation)
    fiber.pointee.phase = .handling
    if !fiber.pointee.awaitsLease {
      armTaskTimer(
        fiber, timeoutAt: frame.pointee.timeoutAt, heartbeat: frame.pointee.heartbeatMilliseconds)
    }
    invocation.isBackground = fiber.pointee.execution.pointee.sink._withUnsafeGuaranteedRef {
      $0.isBackground
    }
    state.pointee.calls.append(Unmanaged.passUnretained(invocation))
    return .blocked
  }

  @inline(__always)
  private func invocation(
    _ handler: TaskHandlerEntry, _ fiber: UnsafeMutablePointer<Fiber>, _ input: JSON
  ) -> TaskInvocation {
    guard let used = state.pointee.freeInvocations.popLast() else {
      return TaskInvocation(self, handler, fiber, input: input)
    }
    used.renew(handler, fiber, input: input)
    return used
  }

  /// Keeps an invocation that is over for the next call.
  func keep(_ invocation: TaskInvocation) {
    if state.pointee.freeInvocations.count < ShardState.invocationsKept {
      state.pointee.freeInvocations.append(invocation)
    }
  }

  /// Forgets the call a fiber waits for; whoever works on it is told to stop.
  func cancelCall(_ fiber: UnsafeMutablePointer<Fiber>) {
    guard let call = fiber.pointee.call else { return }
    // Now, while the workflow is sure to be there with its handlers.
    if call._withUnsafeGuaranteedRef({ $0.kind == .deferred }) { abandon(fiber) }
    fiber.pointee.call = nil
    let invocation = call.takeRetainedValue()
    invocation.isCancelled = true
    state.pointee.cancellations.append(invocation)
  }

  /// Tells a service's handler that nobody waits any more for the end of what it began.
  @inline(never)
  func abandon(_ fiber: UnsafeMutablePointer<Fiber>) {
    let workflow = fiber.pointee.execution.pointee.workflow.takeUnretainedValue()
    let op = workflow.tables.pointee.ops + Int(fiber.pointee.pc)
    guard op.pointee.code == .task else { return }
    let handler = workflow.entries + Int(workflow.tables.pointee.tasks[Int(op.pointee.a)].handler)
    guard handler.pointee.kind == .deferred || handler.pointee.kind == .leased else { return }
    let token = token(of: fiber).text
    handler.pointee.box._withUnsafeGuaranteedRef { $0.abandoned(token) }
  }

  // MARK: Answers

  /// What a handler answered.
  enum TaskAnswer {
    case success(JSON)
    /// Nil stands for a value that was not given, which is written as `null`.
    case failure(error: String?, cause: String?)
    /// What came of the work cannot be used: `States.Runtime`, whose cause says where that was.
    case unusable(String)
  }

  /// The fiber that waits for this call, or nil when nobody does any more.
  private func fiber(
    waitingFor handle: FiberHandle, _ callSerial: UInt32
  ) -> UnsafeMutablePointer<Fiber>? {
    guard let fiber = state.pointee.fibers.resolve(index: handle.index, generation: handle.generation),
      fiber.pointee.callSerial == callSerial,
      fiber.pointee.phase == .handling || fiber.pointee.phase == .awaitingToken
    else { return nil }
    return fiber
  }

  /// The same for a token, which may have been guessed.
  private func fiber(waitingFor token: TaskToken) -> UnsafeMutablePointer<Fiber>? {
    guard let fiber = fiber(waitingFor: token.fiber, token.callSerial),
      token.isGenuine(state.pointee.tokenKey)
    else { return nil }
    return fiber
  }

  /// A handler is done. For a task that waits for its token that is only the submission.
  @discardableResult
  func answer(_ token: TaskToken, _ answer: TaskAnswer) -> Bool {
    self.answer(fiber(waitingFor: token), answer)
  }

  /// The same from a handler that the shard itself called.
  @discardableResult
  func answer(_ call: TaskCallID, _ answer: TaskAnswer) -> Bool {
    self.answer(fiber(waitingFor: call.fiber, call.serial), answer)
  }

  @inline(__always)
  private func answer(_ fiber: UnsafeMutablePointer<Fiber>?, _ answer: TaskAnswer) -> Bool {
    guard let fiber, fiber.pointee.phase == .handling else { return false }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    if case .success(let value) = answer, tables.pointee.tasks[Int(op.pointee.a)].waitsForToken {
      let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
      submitted(fiber, op, value.copied(to: arena), tables)
      return true
    }
    accept(fiber, answer, tables)
    return true
  }

  /// A handler could not even begin a job that its token would have ended.
  func submitFailed(_ token: TaskToken, error: String?, cause: String?) {
    guard let fiber = fiber(waitingFor: token), fiber.pointee.phase == .handling else { return }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    accept(fiber, .failure(error: error, cause: cause), as: .submitFailed, tables)
  }

  /// A handler that answers by token has begun its work: the fiber may wait long.
  func startedByToken(_ call: TaskCallID) {
    if let fiber = fiber(waitingFor: call.fiber, call.serial) { startedByToken(fiber) }
  }

  func startedByToken(_ token: TaskToken) {
    if let fiber = fiber(waitingFor: token) { startedByToken(fiber) }
  }

  private func startedByToken(_ fiber: UnsafeMutablePointer<Fiber>) {
    guard fiber.pointee.phase == .handling else { return }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    if tables.pointee.tasks[Int(op.pointee.a)].waitsForToken {
      submitted(fiber, op, .emptyObject, tables)
      return
    }
    fiber.pointee.call?.release()
    fiber.pointee.call = nil
    freeze(fiber)
    fiber.pointee.phase = .awaitingToken
    state.pointee.counters.pointee.waiting.add(1)
  }

  /// A job was started whose end is told by its token: the handler's answer is the submission.
  @discardableResult
  func submit(_ token: TaskToken, _ response: JSON) -> Bool {
    guard let fiber = fiber(waitingFor: token), fiber.pointee.phase == .handling else { return false }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    submitted(fiber, tables.pointee.ops + Int(fiber.pointee.pc), response.copied(to: arena), tables)
    return true
  }

  /// A worker takes a task that waited for one: its clocks begin to run. False when it is not
  /// there any more, or taken.
  func lease(_ token: TaskToken, worker: String?) -> Bool {
    guard let fiber = fiber(waitingFor: token), fiber.pointee.awaitsLease else { return false }
    fiber.pointee.awaitsLease = false
    func begin(_ timeoutAt: inout UInt64, _ heartbeat: UInt64) {
      if timeoutAt != 0 { timeoutAt &+= state.pointee.now }
      armTaskTimer(fiber, timeoutAt: timeoutAt, heartbeat: heartbeat)
    }
    if let frame = fiber.pointee.frame {
      begin(&frame.pointee.timeoutAt, frame.pointee.heartbeatMilliseconds)
    } else {
      let header = fiber.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: FrozenState.self)
      begin(&header.pointee.timeoutAt, header.pointee.heartbeatMilliseconds)
    }
    recordLeased(fiber, worker: worker)
    return true
  }

  /// What became of somebody's use of a token.
  func reception(of token: TaskToken, region: String, account: String, _ use: () -> Bool) -> TokenReception {
    guard token.isGenuine(state.pointee.tokenKey) else { return .unknown }
    guard let fiber = fiber(waitingFor: token), !fiber.pointee.awaitsLease else { return .gone }
    let workflow = fiber.pointee.execution.pointee.workflow.takeUnretainedValue()
    guard workflow.region == region, workflow.account == account else { return .unknown }
    return use() ? .accepted : .gone
  }

  /// Somebody completed a task by its token.
  @discardableResult
  func complete(_ token: TaskToken, _ answer: TaskAnswer) -> Bool {
    guard let fiber = fiber(waitingFor: token) else { return false }
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    if fiber.pointee.phase == .awaitingToken {
      state.pointee.counters.pointee.waiting.add(-1)
      thaw(fiber, tables)
    }
    accept(fiber, answer, tables)
    return true
  }

  /// A sign of life for a task with a heartbeat. False when nobody waits for it.
  @discardableResult
  func heartbeat(_ token: TaskToken) -> Bool {
    guard let fiber = fiber(waitingFor: token) else { return false }
    let timeoutAt: UInt64
    let heartbeat: UInt64
    if let frame = fiber.pointee.frame {
      (timeoutAt, heartbeat) = (frame.pointee.timeoutAt, frame.pointee.heartbeatMilliseconds)
    } else {
      let header = fiber.pointee.suspended.unsafelyUnwrapped.load(as: FrozenState.self)
      (timeoutAt, heartbeat) = (header.timeoutAt, header.heartbeatMilliseconds)
    }
    if heartbeat != 0 { armTaskTimer(fiber, timeoutAt: timeoutAt, heartbeat: heartbeat) }
    return true
  }

  private func copied(_ answer: JSON, _ fiber: UnsafeMutablePointer<Fiber>) -> Value {
    answer.copied(to: Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped))
  }

  private func submitted(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ answer: Value,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    fiber.pointee.call?.release()
    fiber.pointee.call = nil
    fiber.pointee.frame.unsafelyUnwrapped.pointee.result = .missing
    recordTask(fiber, op, .submitted, answer, .missing, .missing, tables)
    freeze(fiber)
    fiber.pointee.phase = .awaitingToken
    state.pointee.counters.pointee.waiting.add(1)
  }

  private func accept(
    _ fiber: UnsafeMutablePointer<Fiber>, _ answer: TaskAnswer, as failure: TaskEvent = .failed,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    cancelTimer(fiber)
    if fiber.pointee.phase == .handling {
      fiber.pointee.call?.release()
      fiber.pointee.call = nil
    }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let arena = Frame.arena(of: frame)
    switch answer {
    case .success(let value):
      frame.pointee.result = value.copied(to: arena)
      makeReady(fiber, .result)
    case .failure(let error, let cause):
      fail(
        fiber,
        Fault.raised(
          error.map { arena.pointee.string($0) } ?? .null,
          cause: cause.map { arena.pointee.string($0) } ?? .null), as: failure, tables)
    case .unusable(let why):
      fail(fiber, runtimeFault(fiber, why), as: failure, tables)
    }
  }

  private func fail(
    _ fiber: UnsafeMutablePointer<Fiber>, _ fault: Fault, as failure: TaskEvent,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    recordTask(fiber, op, failure, .missing, fault.error, fault.cause, tables)
    leaveFault(fiber, fault)
    makeReady(fiber, .fault)
  }

  func taskAnswered(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let result = frame.pointee.result
    frame.pointee.result = .missing
    return taskSucceeded(fiber, op, result, tables)
  }

  func taskFailed(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    restoreFault(fiber)
    return recover(fiber, op, tables)
  }

  @inline(__always)
  private func taskSucceeded(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ result: Value,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    let size = result.serializedSize(upTo: limit)
    if _slowPath(size > limit) {
      let task = tables.pointee.tasks + Int(op.pointee.a)
      state.pointee.fault = dataLimitFault(fiber, who: who(task, tables), isTask: true)
      recordTask(
        fiber, op, .failed, .missing, state.pointee.fault.error, state.pointee.fault.cause, tables)
      return recover(fiber, op, tables)
    }
    recordTask(fiber, op, .succeeded, result, .missing, .missing, tables)
    return finishWork(fiber, op, result: result, bound: size, tables)
  }
}
