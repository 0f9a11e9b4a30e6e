// Retry and Catch. A fault is a value: it lies in the shard when `recover` is called.

extension Shard {
  /// Lets the state's retriers, then its catchers, deal with the fault.
  ///
  /// - Parameter endsJoin: It is what a child of this Parallel or Map failed with, or an
  ///   expression that was to be evaluated before the first child. What else fails before then,
  ///   or after the last one has succeeded, has no event of its own.
  @inline(never)
  func recover(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>,
    endsJoin: Bool = false
  ) -> StateResult {
    noteEvaluationFailure(fiber)
    let fault = state.pointee.fault
    guard fault.kind != .runtime else { return .failed }
    // What a part of a Map failed with is for the loop to deal with that has the Map.
    if fiber.pointee.execution.pointee.isGuest && fiber.pointee.isRoot { return .failed }
    let policy = tables.pointee.policies + Int(op.pointee.policy)
    if policy.pointee.retrierCount > 0, let pause = retryPause(fiber, policy, fault, tables) {
      return retry(fiber, op, after: pause, tables)
    }
    if endsJoin { record(fiber, op.pointee.code == .map ? .mapStateFailed : .parallelStateFailed) }
    for position in 0..<policy.pointee.catcherCount {
      let catcher = tables.pointee.catchers + Int(policy.pointee.firstCatcher &+ position)
      if matches(fault, catcher.pointee.firstName, catcher.pointee.nameCount, tables) {
        return catchFault(fiber, op, catcher, tables)
      }
    }
    return .failed
  }

  /// Whether `recover` is going to deal with the fault that lies in the shard.
  func isCaught(_ fiber: UnsafeMutablePointer<Fiber>) -> Bool {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let fault = state.pointee.fault
    guard fault.kind != .runtime else { return false }
    let policy = tables.pointee.policies + Int(tables.pointee.ops[Int(fiber.pointee.pc)].policy)
    for position in 0..<policy.pointee.retrierCount {
      let retrier = tables.pointee.retriers + Int(policy.pointee.firstRetrier &+ position)
      guard matches(fault, retrier.pointee.firstName, retrier.pointee.nameCount, tables) else { continue }
      let attempts =
        policy.pointee.retrierCount > 1
        ? fiber.pointee.attempts?[Int(position)] ?? 0 : fiber.pointee.retryCount
      if attempts < retrier.pointee.maxAttempts { return true }
      break
    }
    return (0..<policy.pointee.catcherCount).contains { position in
      let catcher = tables.pointee.catchers + Int(policy.pointee.firstCatcher &+ position)
      return matches(fault, catcher.pointee.firstName, catcher.pointee.nameCount, tables)
    }
  }

  private func matches(
    _ fault: Fault, _ first: UInt32, _ count: UInt32, _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    for position in 0..<count where fault.matches(tables.pointee.errorNames[Int(first &+ position)]) {
      return true
    }
    return false
  }

  // MARK: Retry

  /// The pause in milliseconds before another attempt, or nil when there is to be none. The
  /// first matching retrier decides; one that is used up does not pass on to the next.
  private func retryPause(
    _ fiber: UnsafeMutablePointer<Fiber>, _ policy: UnsafePointer<ErrorPolicy>, _ fault: Fault,
    _ tables: UnsafePointer<ProgramTables>
  ) -> UInt64? {
    for position in 0..<policy.pointee.retrierCount {
      let retrier = tables.pointee.retriers + Int(policy.pointee.firstRetrier &+ position)
      guard matches(fault, retrier.pointee.firstName, retrier.pointee.nameCount, tables) else { continue }
      let attempts = countAttempt(fiber, retrier: position, of: policy.pointee.retrierCount)
      guard attempts < retrier.pointee.maxAttempts else { return nil }
      var seconds = retrier.pointee.intervalSeconds
      if attempts > 0 { seconds *= power(retrier.pointee.backoffRate, attempts) }
      seconds = min(seconds, retrier.pointee.maxDelaySeconds)
      if retrier.pointee.fullJitter { seconds *= state.pointee.random.pointee.double() }
      fiber.pointee.retryCount &+= 1
      state.pointee.counters.pointee.retries.add(1)
      // A century is as good as for ever, and fits every clock.
      return UInt64(min(seconds, 3_155_760_000) * 1000)
    }
    return nil
  }

  /// How often this retrier has been used in this visit; counts this use.
  private func countAttempt(
    _ fiber: UnsafeMutablePointer<Fiber>, retrier: UInt32, of count: UInt32
  ) -> UInt32 {
    guard count > 1 else { return fiber.pointee.retryCount }
    let attempts: UnsafeMutablePointer<UInt32>
    if let existing = fiber.pointee.attempts {
      attempts = existing
    } else {
      attempts = .allocate(capacity: Int(count))
      attempts.initialize(repeating: 0, count: Int(count))
      fiber.pointee.attempts = attempts
    }
    defer { attempts[Int(retrier)] &+= 1 }
    return attempts[Int(retrier)]
  }

  func forgetAttempts(_ fiber: UnsafeMutablePointer<Fiber>) {
    fiber.pointee.attempts?.deallocate()
    fiber.pointee.attempts = nil
  }

  private func power(_ base: Double, _ exponent: UInt32) -> Double {
    var result = 1.0
    var square = base
    var bits = exponent
    while bits > 0 {
      if bits & 1 == 1 { result *= square }
      square *= square
      bits &>>= 1
    }
    return result
  }

  private func retry(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, after pause: UInt64,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    state.pointee.counters.pointee.transitions.add(1)
    if pause > 0 {
      park(fiber, .backingOff, until: state.pointee.now &+ pause, tables)
      return .blocked
    }
    // Attempts without a pause take turns with other executions now and then.
    if fiber.pointee.retryCount & 63 == 0 {
      makeReady(fiber, .retry)
      return .blocked
    }
    return begin(fiber, op, tables)
  }

  // MARK: Catch

  private func catchFault(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ catcher: UnsafePointer<CatcherOp>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let arena = Frame.arena(of: frame)
    let fault = state.pointee.fault
    let members = arena.pointee.members(2)
    members[0] = Member(key: .key("Error"), value: fault.error.isMissing ? .null : fault.error)
    members[1] = Member(key: .key("Cause"), value: fault.cause.isMissing ? .emptyString : fault.cause)
    let error = Value.object(members, count: 2)
    if op.pointee.flags.contains(.jsonata) {
      return catchExpressions(fiber, op, catcher, error, tables)
    }

    var output = error
    var assigned = Value.missing
    if catcher.pointee.assign != 0 {
      frame.pointee.bound = max(frame.pointee.bound, error.serializedSize)
      assigned = evaluateAssign(catcher.pointee.assign, error, fiber, tables)
      if assigned.isMissing { return .failed }
    }
    if catcher.pointee.resultPath == ReferenceOp.discard {
      output = frame.pointee.data
    } else if catcher.pointee.resultPath != 0 {
      let reference = tables.pointee.references + Int(catcher.pointee.resultPath)
      output = place(error, at: reference, in: frame.pointee.data, arena, tables)
      if output.isMissing {
        let text = tables.pointee.constants[Int(reference.pointee.text)].text
        state.pointee.fault = self.fault(
          fiber, ErrorName.referencePathConflict,
          "Unable to apply ReferencePath \(text) to input \(shown(frame.pointee.data, fiber))", .task)
        return .failed
      }
    }
    frame.pointee.data = output
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    frame.pointee.bound = output.serializedSize(upTo: limit)
    guard frame.pointee.bound <= limit else {
      state.pointee.fault = dataLimitFault(
        fiber, who: tables.pointee.names[Int(op.pointee.name)], isTask: false)
      return .failed
    }
    if !assigned.isMissing { commit(assigned, catcher.pointee.assign, fiber, tables) }
    return exit(fiber, op, to: catcher.pointee.next, tables)
  }
}
