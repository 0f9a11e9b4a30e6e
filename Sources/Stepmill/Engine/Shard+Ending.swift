// How executions and fibers end. Every execution ends exactly once: its sink is told while
// its data is still alive, then all its records go back.

extension Shard {
  func endSucceeded(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ fiber: UnsafeMutablePointer<Fiber>
  ) {
    let output = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    if _slowPath(execution.pointee.isRecorded) { recordEnded(fiber, .executionSucceeded, output: output) }
    if _fastPath(!execution.pointee.isGuest) { state.pointee.counters.pointee.succeeded.add(1) }
    finish(execution, .succeeded, output: output, error: .missing, cause: .missing)
  }

  /// An unhandled fault of `fiber` ends the whole execution.
  func endFailed(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ fiber: UnsafeMutablePointer<Fiber>
  ) {
    let fault = state.pointee.fault
    if execution.pointee.isRecorded {
      recordEnded(fiber, .executionFailed, error: fault.error, cause: fault.cause)
    }
    if _fastPath(!execution.pointee.isGuest) { state.pointee.counters.pointee.failed.add(1) }
    finish(execution, .failed, output: .missing, error: fault.error, cause: fault.cause, failed: fiber)
  }

  /// Ends an execution from outside: by its own timeout, or on request.
  func end(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ status: ExecutionStatus, error: Value, cause: Value
  ) {
    if execution.pointee.isRecorded {
      let root = state.pointee.fibers[execution.pointee.root]
      // These two events follow from nothing inside the execution.
      root.pointee.previousEvent = 0
      recordEnded(
        root, status == .timedOut ? .executionTimedOut : .executionAborted, error: error, cause: cause)
    }
    if execution.pointee.isGuest {
      // The execution itself is counted where it is at home.
    } else if status == .timedOut {
      state.pointee.counters.pointee.timedOut.add(1)
    } else {
      state.pointee.counters.pointee.aborted.add(1)
    }
    finish(execution, status, output: .missing, error: error, cause: cause)
  }

  /// Ends an execution that is still going on, on request. False when it is over already.
  @discardableResult
  func abort(_ handle: ExecutionHandle, error: String? = nil, cause: String? = nil) -> Bool {
    guard let execution = execution(handle), execution.pointee.isLive else { return false }
    var arena = Arena(pool: state.pointee.pool)
    end(
      execution, .aborted, error: error.map { arena.string($0) } ?? .missing,
      cause: cause.map { arena.string($0) } ?? .missing)
    arena.release()
    return true
  }

  /// Lets an execution fail at its next transition, since its state machine is no more.
  func doom(_ handle: ExecutionHandle) {
    let wasDormant = phaseIfDormant(handle) != nil
    guard let execution = execution(handle), execution.pointee.isLive else { return }
    if wasDormant { resetTimer(ofWoken: execution) }
    execution.pointee.isDoomed = true
  }

  func deletedText(_ execution: UnsafeMutablePointer<ExecutionRecord>) -> String {
    "State machine \(execution.pointee.workflow.takeUnretainedValue().name) has been deleted"
  }

  /// Ends all executions of the shard.
  func abortAll(error: String?, cause: String?) {
    for index in state.pointee.slots.indexes(where: { $0.isInUse }) {
      let generation = state.pointee.slots[index].pointee.generation
      abort(ExecutionHandle(index: index, generation: generation), error: error, cause: cause)
    }
  }

  private func finish(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ status: ExecutionStatus, output: Value,
    error: Value, cause: Value, failed: UnsafeMutablePointer<Fiber>? = nil
  ) {
    let sink = execution.pointee.sink
    if _slowPath(execution.pointee.isGuest) { keepAnswer(execution, status, error, cause) }
    if _slowPath(status != .succeeded), sink._withUnsafeGuaranteedRef({ $0.wantsResumePoint }) {
      let point = resumePoint(of: execution, failed: failed)
      sink._withUnsafeGuaranteedRef { $0.stopped(at: point, tag: execution.pointee.tag) }
    }
    sink._withUnsafeGuaranteedRef {
      $0.ended(status, output: output, error: error, cause: cause, tag: execution.pointee.tag, on: self)
    }
    destroy(state.pointee.fibers[execution.pointee.root])
    execution.pointee.isLive = false
    if execution.pointee.deadline != 0 {
      execution.pointee.deadline = 0
      timerIsStale()
    }
    // What other loops still read stays until they have answered.
    if _slowPath(execution.pointee.guestsOut > 0) { return forgetOrphans() }
    retire(execution)
  }

  /// Returns the record of an execution that has ended.
  func retire(_ execution: UnsafeMutablePointer<ExecutionRecord>) {
    if _slowPath(execution.pointee.isGuest) { sendAnswer(execution) }
    let sink = execution.pointee.sink
    execution.pointee.identity?.release()
    let workflow = execution.pointee.workflow
    state.pointee.slots.giveBack(state.pointee.slots[execution.pointee.slot])
    state.pointee.executions.giveBack(execution)
    letGo(workflow, sink)
  }

  /// Ends a fiber and everything below it, without a word.
  func destroy(_ fiber: UnsafeMutablePointer<Fiber>) {
    switch fiber.pointee.phase {
    case .joining, .ready:
      // A fiber that is ready to go on after its children has its join still.
      guard fiber.pointee.phase == .joining || fiber.pointee.resumption == .joined else { break }
      if let join = fiber.pointee.suspended?.assumingMemoryBound(to: Join.self) {
        var next = join.pointee.firstChild
        while next != 0 {
          let child = state.pointee.fibers[next]
          next = child.pointee.nextSibling
          destroy(child)
        }
        if _slowPath(join.pointee.guests > 0) { stopGuests(of: join) }
        giveBack(join)
        fiber.pointee.suspended = nil
      }
    case .waiting, .backingOff:
      state.pointee.counters.pointee.waiting.add(-1)
    case .awaitingToken:
      state.pointee.counters.pointee.waiting.add(-1)
      abandon(fiber)
    case .free, .handling, .mapRunning:
      break
    }
    if _slowPath(state.pointee.mapRunCount > 0) { abandonMapRun(fiber) }
    if _slowPath(state.pointee.stoppedJoinCount > 0) { _ = takeThreads(fiber) }
    cancelCall(fiber)
    if _slowPath(fiber.pointee.execution.pointee.guestsOut > 0) { keepFrame(of: fiber) }
    giveBack(fiber)
  }

  /// Returns a fiber's records.
  func giveBack(_ fiber: UnsafeMutablePointer<Fiber>) {
    if let frame = fiber.pointee.frame { giveBack(frame) }
    if let frozen = fiber.pointee.suspended { free(frozen: frozen) }
    if _slowPath(fiber.pointee.attempts != nil) { forgetAttempts(fiber) }
    fiber.pointee.frame = nil
    fiber.pointee.suspended = nil
    cancelTimer(fiber)
    fiber.pointee.phase = .free
    state.pointee.fibers.giveBack(fiber)
  }
}

extension Shard {
  /// A value as JSON text. The bytes are good until the shard writes again.
  func write(_ value: Value) -> UnsafeRawBufferPointer {
    state.pointee.output.pointee.removeAll()
    state.pointee.writer.pointee.write(value, to: &state.pointee.output.pointee)
    return state.pointee.output.pointee.bytes
  }
}
