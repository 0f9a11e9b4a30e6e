// A loop without a clock, a thread or a handler of its own: whoever holds it moves the time,
// says which fiber runs next, and answers the calls. Simulation and the engine's tests stand
// on it; it drives the very shard that libuv's loops drive.

package final class ManualLoop {
  /// A task that waits for an answer.
  package struct Call: Sendable {
    package let token: String
    package let resource: String
    package let state: String
    package let input: JSON
    package let retryCount: Int
  }

  /// An execution that was started.
  package struct Handle: Hashable, Sendable {
    let handle: ExecutionHandle
    /// The caller's number for it.
    package let tag: UInt64
  }

  /// A workflow compiled for this kind of loop: its tasks become `Call`s, unless a synchronous
  /// handler was given for them.
  package struct CompiledWorkflow {
    let core: WorkflowCore

    /// The resources that its tasks name.
    package var resources: [String] { core.program.resources }
  }

  let shard: Shard
  private let sink = ManualSink()
  private let seed: UInt64

  /// - Parameters:
  ///   - seed: Seeds what is random inside executions.
  ///   - wallMilliseconds: The time of day at which the clock, at 0, starts.
  ///   - fuel: Transitions that a fiber makes before another one may run.
  package init(seed: UInt64, wallMilliseconds: Int64 = 1_767_225_600_000, fuel: Int = 512) {
    self.seed = seed
    // Tokens can be repeated like everything else here.
    var keys = RandomSource(seed: ~seed)
    shard = Shard(
      number: 0, now: 0, wallMilliseconds: wallMilliseconds, seed: seed,
      tokenKey: SipHash(key: keys.next(), keys.next()))
    shard.state.pointee.fuel = fuel
  }

  deinit {
    shard.abortAll(error: nil, cause: nil)
    let counters = shard.state.pointee.counters
    shard.destroy()
    counters.deinitialize(count: 1)
    counters.deallocate()
  }

  /// Compiles a definition. `synchronous` are handlers that are called from the step.
  package func compile(
    _ definition: [UInt8], name: String = "workflow", limits: Limits = Limits(),
    observer: HistoryObserver? = nil, synchronous: [String: TaskHandler] = [:],
    kind: WorkflowKind = .standard,
    mapRuns: (any MapRunDelegate)? = nil
  ) throws(StepmillError) -> CompiledWorkflow {
    try compile(
      CompiledDefinition(Program.compile(definition)), name: name, limits: limits, observer: observer,
      synchronous: synchronous, kind: kind, mapRuns: mapRuns)
  }

  /// The same for a definition that has been compiled.
  package func compile(
    _ definition: CompiledDefinition, name: String = "workflow", limits: Limits = Limits(),
    observer: HistoryObserver? = nil, synchronous: [String: TaskHandler] = [:],
    kind: WorkflowKind = .standard,
    mapRuns: (any MapRunDelegate)? = nil
  ) -> CompiledWorkflow {
    CompiledWorkflow(
      core: WorkflowCore(
        binding: definition.program, name: name, region: "us-east-1", account: "123456789012",
        limits: limits, observer: observer, kind: kind, mapRuns: mapRuns
      ) { synchronous[$0] ?? .token { _ in } })
  }

  /// Begins the calls that were made since the last time as a real loop would, for workflows
  /// whose handlers only take note of a call. False when there was none.
  func performCalls() -> Bool {
    let calls = shard.state.pointee.calls
    shard.state.pointee.calls.removeAll()
    shard.state.pointee.cancellations.removeAll()
    for call in calls {
      let call = call.takeUnretainedValue()
      if call.isCancelled { continue }
      precondition(call.kind != .async && call.kind != .concurrent, "a manual loop runs no Swift tasks")
      do {
        try call.handler.begin(call.request)
        if call.kind != .deferred { shard.startedByToken(call.call) }
      } catch {
        shard.answer(call.call, .failure(of: error))
      }
    }
    return !calls.isEmpty
  }

  // MARK: Executions

  /// Starts an execution; it is ready, and has not run yet.
  package func start(
    _ workflow: CompiledWorkflow, input: [UInt8], tag: UInt64 = 0, name: String? = nil, roleARN: String? = nil
  ) throws(JSONSyntaxError) -> Handle {
    let identity = name == nil && roleARN == nil ? nil : ExecutionIdentity(name: name, roleARN: roleARN)
    let fiber = try Shard.Start.with(workflow.core, sink, tag: tag, identity: identity) {
      start throws(JSONSyntaxError) in try shard.start(start, text: input)
    }
    shard.state.pointee.ready.append(fiber.pointee.index)
    return Handle(handle: shard.handle(of: fiber.pointee.execution), tag: tag)
  }

  /// Stops an execution. False when it has ended.
  @discardableResult
  package func abort(_ handle: Handle, error: String? = nil, cause: String? = nil) -> Bool {
    shard.abort(handle.handle, error: error, cause: cause)
  }

  /// The executions that have ended since the last call, in that order.
  package func takeOutcomes() -> [(tag: UInt64, outcome: Outcome)] {
    defer { sink.outcomes = [] }
    return sink.outcomes
  }

  package var executionCount: Int { shard.executionCount }

  package var counters: RuntimeCounters {
    shard.noteBytes()
    return RuntimeCounters(shard.state.pointee.counters)
  }

  // MARK: Running

  /// Transitions that a fiber makes before another one may run.
  package var fuel: Int {
    get { shard.state.pointee.fuel }
    set { shard.state.pointee.fuel = newValue }
  }

  package var readyCount: Int { shard.state.pointee.ready.count }

  /// Gives the first ready fiber its turn. False when none is ready.
  @discardableResult
  package func runOne() -> Bool {
    guard shard.hasReadyWork else { return false }
    shard.runReady(fibersMax: 1)
    return true
  }

  /// Sends the first ready fibers to the end of the line, so that another one is next.
  package func rotateReady(by count: Int) {
    for _ in 0..<count {
      guard let first = shard.state.pointee.ready.popFirst() else { return }
      shard.state.pointee.ready.append(first)
    }
  }

  // MARK: Time

  /// Milliseconds since the loop was made.
  package var now: UInt64 { shard.state.pointee.now }

  /// When the next timer may strike.
  package var nextDeadline: UInt64? { shard.nextDeadline }

  /// Moves the clock forward and lets due timers strike.
  package func advance(to now: UInt64) {
    moveClock(to: now)
    shard.advance()
  }

  /// Moves the clock forward. Due timers strike with the next `advance`, so that something
  /// else may come before them at that very moment.
  package func moveClock(to now: UInt64) {
    precondition(now >= shard.state.pointee.now, "the clock only moves forward")
    shard.state.pointee.now = now
  }

  /// Lets the time of day jump while the loop's clock goes on.
  package func shiftWallClock(by milliseconds: Int64) { shard.state.pointee.wallOffset += milliseconds }

  // MARK: Calls

  /// The calls that were made since the last time, in order.
  package func takeCalls() -> [Call] {
    defer { shard.state.pointee.calls.removeAll() }
    return shard.state.pointee.calls.map {
      let request = $0.takeUnretainedValue().request
      return Call(
        token: request.token, resource: request.resource, state: request.state, input: request.input,
        retryCount: request.retryCount)
    }
  }

  /// The tokens of calls whose answer nobody wants any more.
  package func takeCancellations() -> [String] {
    // A call that was cancelled before anybody took it is held by its cancellation alone.
    shard.state.pointee.calls.removeAll { $0.takeUnretainedValue().isCancelled }
    defer { shard.state.pointee.cancellations.removeAll() }
    return shard.state.pointee.cancellations.map(\.request.token)
  }

  /// Answers a call as its handler would. False when nobody waits for it.
  @discardableResult
  package func answer(_ token: String, _ result: Result<JSON, TaskFailure>) -> Bool {
    guard let token = TaskToken(token) else { return false }
    return shard.answer(token, Shard.TaskAnswer(result))
  }

  /// Says that a call has been handed to somebody who answers by token: the fiber's data is
  /// frozen until then.
  package func begun(_ token: String) {
    guard let token = TaskToken(token) else { return }
    shard.startedByToken(token)
  }

  /// Completes a task by its token, as `SendTaskSuccess` and `SendTaskFailure` do.
  @discardableResult
  package func complete(_ token: String, _ result: Result<JSON, TaskFailure>) -> Bool {
    guard let token = TaskToken(token) else { return false }
    return shard.complete(token, Shard.TaskAnswer(result))
  }

  @discardableResult
  package func heartbeat(_ token: String) -> Bool {
    guard let token = TaskToken(token) else { return false }
    return shard.heartbeat(token)
  }
}

extension Shard.TaskAnswer {
  init(_ result: Result<JSON, TaskFailure>) {
    switch result {
    case .success(let output): self = .success(output)
    case .failure(let failure): self = .failure(error: failure.error, cause: failure.cause)
    }
  }
}

private final class ManualSink: CompletionSink, @unchecked Sendable {
  var outcomes: [(tag: UInt64, outcome: Outcome)] = []

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    outcomes.append((tag, Outcome(status, output: output, error: error, cause: cause)))
  }
}
