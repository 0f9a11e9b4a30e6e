// What a service stands on: something that runs executions, tells about them while they run,
// lets others complete their tasks, and has a clock.
//
// There are two. A `Runtime` does it for real, on its loops. A `ManualHost` does it on a clock
// that is moved by hand, on the caller's thread, in an order that never changes: what a service
// does under it can be tested to the last event.

/// Runs executions for a service.
package protocol ExecutionHost: AnyObject, Sendable {
  /// Milliseconds since 1970.
  var wallMilliseconds: Int64 { get }

  /// Makes a compiled definition ready to run.
  ///
  /// - Parameters:
  ///   - definition: What it does.
  ///   - machine: What it is called.
  ///   - limits: The bounds of its executions.
  ///   - observer: What is recorded of them; nil: nothing.
  ///   - mapRuns: Told of the runs of its Distributed Maps.
  ///   - handler: Finds the handler of a resource.
  func bind(
    _ definition: CompiledDefinition, _ machine: MachineIdentity, limits: Limits, observer: HistoryObserver?,
    mapRuns: (any MapRunDelegate)?, handler: (String) -> TaskHandler
  ) -> BoundWorkflow

  /// Starts an execution, of which the listener is told.
  func start(
    _ workflow: BoundWorkflow, input: JSON, identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution

  /// Starts an execution that goes on from where it had ended.
  func resume(
    _ workflow: BoundWorkflow, input: JSON, from point: ResumePoint, redriveCount: Int,
    identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution

  /// Answers a call of a handler.
  func answer(_ token: String, _ result: Result<JSON, TaskFailure>)
  /// Answers a call whose result cannot be used: the execution fails with `States.Runtime`.
  func answer(_ token: String, unusable why: String)
  /// Answers a call whose job goes on: this was the service's response to starting it.
  func submit(_ token: String, _ response: JSON)
  /// Answers a call whose job could not be started.
  func submitFailed(_ token: String, _ failure: TaskFailure)

  /// Gives a task that waits for a worker to one. `then` hears whether it was still to be had.
  func lease(_ token: String, worker: String?, then: @escaping @Sendable (Bool) -> Void)
  /// Completes a task by its token, in the name of an account.
  func complete(
    _ token: String, region: String, account: String, _ result: Result<JSON, TaskFailure>,
    then: @escaping @Sendable (TokenReception) -> Void)
  /// A sign of life of a task.
  func heartbeat(
    _ token: String, region: String, account: String, then: @escaping @Sendable (TokenReception) -> Void)

  /// Calls `body` when so many milliseconds have passed.
  func after(milliseconds: UInt64, _ body: @escaping @Sendable () -> Void)
}

/// What a state machine is called, and where it is.
package struct MachineIdentity: Sendable, Hashable {
  package var partition: String
  package var region: String
  package var account: String
  package var name: String
  package var kind: WorkflowKind
  /// Of its executions; nil: one that is made up.
  package var roleARN: String?

  package init(
    partition: String, region: String, account: String, name: String, kind: WorkflowKind,
    roleARN: String? = nil
  ) {
    self.roleARN = roleARN
    self.partition = partition
    self.region = region
    self.account = account
    self.name = name
    self.kind = kind
  }
}

/// A workflow that a host can run.
package struct BoundWorkflow: Sendable {
  let core: WorkflowCore
}

/// What becomes of a task token that somebody uses.
package enum TokenReception: Sendable {
  case accepted
  /// The task is over.
  case gone
  /// It is no token, or none of this account and region.
  case unknown
}

/// Hears of an execution, on the loop's thread, while it stands still.
package protocol ExecutionListener: AnyObject, Sendable {
  /// An event of its history.
  func recorded(_ event: EventRecord)
  /// Whether it is to be told where an execution stood that did not succeed.
  var wantsResumePoint: Bool { get }
  /// Where it stood; it is about to end.
  func stopped(at point: ResumePoint)
  /// It ended. Called once.
  func ended(_ end: HostedEnd)
}

/// How an execution ended, for its listener: good during the call only.
package struct HostedEnd {
  private enum Kind {
    case told(ExecutionStatus, output: Value, error: Value, cause: Value)
    case made(Outcome)
  }

  private let kind: Kind
  /// When, in milliseconds since 1970: the time of the last event.
  package let date: Int64

  init(_ status: ExecutionStatus, output: Value, error: Value, cause: Value, date: Int64) {
    kind = .told(status, output: output, error: error, cause: cause)
    self.date = date
  }

  package init(_ outcome: Outcome, date: Int64) {
    kind = .made(outcome)
    self.date = date
  }

  package var isSuccess: Bool {
    switch kind {
    case .told(let status, _, _, _): status == .succeeded
    case .made(let outcome): outcome.isSuccess
    }
  }

  /// The same as a value that may be kept.
  package var outcome: Outcome {
    switch kind {
    case .told(let status, let output, let error, let cause):
      Outcome(status, output: output, error: error, cause: cause)
    case .made(let outcome): outcome
    }
  }
}

/// An execution under way.
package struct HostedExecution: Sendable {
  private enum Kind {
    case sink(HostedSink)
    case direct(Direct)
    /// What somebody else runs, such as a child of a Map Run.
    case other(Other)
  }

  /// An execution of a loop that has begun.
  private final class Direct: Sendable {
    let handle: ExecutionHandle
    let loop: Loop

    init(_ handle: ExecutionHandle, on loop: Loop) {
      self.handle = handle
      self.loop = loop
    }

    func give(_ order: HostedSink.Order) { loop.post { [handle] in order.perform($0.shard, handle) } }
  }

  private final class Other: Sendable {
    let stop: @Sendable (_ error: String?, _ cause: String?) -> Void
    init(_ stop: @escaping @Sendable (_ error: String?, _ cause: String?) -> Void) { self.stop = stop }
  }

  private let kind: Kind

  init(_ sink: HostedSink) { kind = .sink(sink) }

  init(_ handle: ExecutionHandle, on loop: Loop) { kind = .direct(Direct(handle, on: loop)) }

  /// An execution that is stopped by a call of `stop`, from any thread.
  package init(stop: @escaping @Sendable (_ error: String?, _ cause: String?) -> Void) {
    kind = .other(Other(stop))
  }

  /// Stops it. Its listener hears of the end.
  package func abort(error: String?, cause: String?) {
    switch kind {
    case .sink(let sink): sink.give(.abort(error: error, cause: cause))
    case .direct(let direct): direct.give(.abort(error: error, cause: cause))
    case .other(let other): other.stop(error, cause)
    }
  }

  /// Lets it fail at its next transition, since its state machine was deleted.
  package func doom() {
    switch kind {
    case .sink(let sink): sink.give(.doom)
    case .direct(let direct): direct.give(.doom)
    case .other: break
    }
  }
}

/// What the loop tells about an execution, for its listener.
final class HostedSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: the loop calls what it inherits from `CompletionSink`, on its thread;
  // the rest may be called on any. What they share is behind the lock.
  private let listener: any ExecutionListener
  private let host: Host
  private let state = Lock(State())

  enum Host {
    case runtime(RuntimeCore)
    case manual(ManualHost)
  }

  private struct State {
    var handle: ExecutionHandle?
    /// On which loop; nil under a manual host.
    var loop: Loop?
    var isOver = false
    /// What was asked for before it had begun.
    var orders: [Order] = []
  }

  enum Order: Sendable {
    case abort(error: String?, cause: String?)
    case doom

    func perform(_ shard: Shard, _ handle: ExecutionHandle) {
      switch self {
      case .abort(let error, let cause): shard.abort(handle, error: error, cause: cause)
      case .doom: shard.doom(handle)
      }
    }
  }

  init(_ listener: any ExecutionListener, _ host: Host) {
    self.listener = listener
    self.host = host
  }

  func give(_ order: Order) {
    let (handle, loop) = state.withLock { state -> (ExecutionHandle?, Loop?) in
      if state.isOver { return (nil, nil) }
      if state.handle == nil { state.orders.append(order) }
      return (state.handle, state.loop)
    }
    guard let handle else { return }
    if case .manual(let manual) = host { return manual.post { order.perform($0, handle) } }
    loop?.post { order.perform($0.shard, handle) }
  }

  func began(_ handle: ExecutionHandle, on loop: Loop?) {
    let orders = state.withLock { state in
      state.handle = handle
      state.loop = loop
      defer { state.orders = [] }
      return state.orders
    }
    for order in orders { loop?.post { order.perform($0.shard, handle) } }
  }

  override func started(_ handle: ExecutionHandle, tag: UInt64, on loop: Loop) { began(handle, on: loop) }

  override func recorded(_ event: EventRecord, tag: UInt64) { listener.recorded(event) }

  override var wantsResumePoint: Bool { listener.wantsResumePoint }
  override func stopped(at point: ResumePoint, tag: UInt64) { listener.stopped(at: point) }

  override func turnedAway(tag: UInt64) {
    settle(
      HostedEnd(
        .aborted(error: nil, cause: "The runtime was shut down."), date: WallTime.now.milliseconds))
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    settle(HostedEnd(status, output: output, error: error, cause: cause, date: shard.wallNow))
  }

  private func settle(_ end: HostedEnd) {
    if case .runtime(let core) = host { core.ended() }
    state.withLock { state in
      state.isOver = true
      state.loop = nil
    }
    listener.ended(end)
  }
}

// MARK: - For real

extension Runtime: ExecutionHost {
  package var wallMilliseconds: Int64 { WallTime.now.milliseconds }

  package func bind(
    _ definition: CompiledDefinition, _ machine: MachineIdentity, limits: Limits, observer: HistoryObserver?,
    mapRuns: (any MapRunDelegate)?, handler: (String) -> TaskHandler
  ) -> BoundWorkflow {
    BoundWorkflow(definition, machine, limits, observer, mapRuns, handler)
  }

  package func start(
    _ workflow: BoundWorkflow, input: JSON, identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution {
    try core.admit()
    guard let loop = core.loopForSubmission() else {
      core.ended()
      throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
    }
    let sink = HostedSink(listener, .runtime(core))
    Shard.Start.with(workflow.core, sink, identity: identity) { loop.submit($0, input: input) }
    return HostedExecution(sink)
  }

  package func resume(
    _ workflow: BoundWorkflow, input: JSON, from point: ResumePoint, redriveCount: Int,
    identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution {
    try core.admit()
    guard let loop = core.loopForSubmission() else {
      core.ended()
      throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
    }
    let sink = HostedSink(listener, .runtime(core))
    loop.post { loop in
      let fiber = Shard.Start.with(workflow.core, sink, identity: identity) { start in
        input.withValue { loop.shard.start(start, copying: $0, from: point, redriveCount: redriveCount) }
      }
      sink.began(loop.shard.handle(of: fiber.pointee.execution), on: loop)
      loop.shard.state.pointee.ready.append(fiber.pointee.index)
    }
    return HostedExecution(sink)
  }

  package func answer(_ token: String, _ result: Result<JSON, TaskFailure>) {
    core.withLoop(ofToken: token) { $0.shard.answer($1, Shard.TaskAnswer(result)) }
  }

  package func answer(_ token: String, unusable why: String) {
    core.withLoop(ofToken: token) { $0.shard.answer($1, .unusable(why)) }
  }

  package func submit(_ token: String, _ response: JSON) {
    core.withLoop(ofToken: token) { $0.shard.submit($1, response) }
  }

  package func submitFailed(_ token: String, _ failure: TaskFailure) {
    core.withLoop(ofToken: token) {
      $0.shard.submitFailed($1, error: failure.error, cause: failure.cause)
    }
  }

  package func lease(_ token: String, worker: String?, then: @escaping @Sendable (Bool) -> Void) {
    let isKnown = core.withLoop(ofToken: token) { then($0.shard.lease($1, worker: worker)) }
    if !isKnown { then(false) }
  }

  package func complete(
    _ token: String, region: String, account: String, _ result: Result<JSON, TaskFailure>,
    then: @escaping @Sendable (TokenReception) -> Void
  ) {
    let isKnown = core.withLoop(ofToken: token) { loop, token in
      then(
        loop.shard.reception(of: token, region: region, account: account) {
          loop.shard.complete(token, Shard.TaskAnswer(result))
        })
    }
    if !isKnown { then(.unknown) }
  }

  package func heartbeat(
    _ token: String, region: String, account: String, then: @escaping @Sendable (TokenReception) -> Void
  ) {
    let isKnown = core.withLoop(ofToken: token) { loop, token in
      then(
        loop.shard.reception(of: token, region: region, account: account) { loop.shard.heartbeat(token) })
    }
    if !isKnown { then(.unknown) }
  }

  package func after(milliseconds: UInt64, _ body: @escaping @Sendable () -> Void) {
    core.loopForSubmission()?.post { $0.setAlarm(after: milliseconds, body) }
  }
}

extension BoundWorkflow {
  fileprivate init(
    _ definition: CompiledDefinition, _ machine: MachineIdentity, _ limits: Limits,
    _ observer: HistoryObserver?, _ mapRuns: (any MapRunDelegate)?, _ handler: (String) -> TaskHandler
  ) {
    core = WorkflowCore(
      binding: definition.program, name: machine.name, region: machine.region, account: machine.account,
      limits: limits, observer: observer, kind: machine.kind, partition: machine.partition,
      roleARN: machine.roleARN, mapRuns: mapRuns, handler: handler)
  }
}

// MARK: - By hand

/// A host whose clock is moved by hand, on one thread.
package final class ManualHost: ExecutionHost, @unchecked Sendable {
  // It belongs to the thread that made it; it is Sendable because the protocol asks for that.
  package let loop: ManualLoop
  private var alarms = Alarms()

  package init(seed: UInt64 = 1, wallMilliseconds: Int64 = 1_767_225_600_000) {
    loop = ManualLoop(seed: seed, wallMilliseconds: wallMilliseconds)
  }

  package var wallMilliseconds: Int64 { loop.shard.wallNow }

  package func bind(
    _ definition: CompiledDefinition, _ machine: MachineIdentity, limits: Limits, observer: HistoryObserver?,
    mapRuns: (any MapRunDelegate)?, handler: (String) -> TaskHandler
  ) -> BoundWorkflow {
    BoundWorkflow(definition, machine, limits, observer, mapRuns, handler)
  }

  package func start(
    _ workflow: BoundWorkflow, input: JSON, identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution {
    let sink = HostedSink(listener, .manual(self))
    let fiber = Shard.Start.with(workflow.core, sink, identity: identity) { start in
      input.withValue { loop.shard.start(start, copying: $0) }
    }
    loop.shard.state.pointee.ready.append(fiber.pointee.index)
    sink.began(loop.shard.handle(of: fiber.pointee.execution), on: nil)
    return HostedExecution(sink)
  }

  package func resume(
    _ workflow: BoundWorkflow, input: JSON, from point: ResumePoint, redriveCount: Int,
    identity: ExecutionIdentity, listener: any ExecutionListener
  ) throws(StepmillError) -> HostedExecution {
    let sink = HostedSink(listener, .manual(self))
    let fiber = Shard.Start.with(workflow.core, sink, identity: identity) { start in
      input.withValue { loop.shard.start(start, copying: $0, from: point, redriveCount: redriveCount) }
    }
    loop.shard.state.pointee.ready.append(fiber.pointee.index)
    sink.began(loop.shard.handle(of: fiber.pointee.execution), on: nil)
    return HostedExecution(sink)
  }

  // Whatever comes from outside waits until the shard is not at work, as it does in the inbox
  // of a real loop.

  private var mail: [(Shard) -> Void] = []

  fileprivate func post(_ body: @escaping (Shard) -> Void) { mail.append(body) }

  package func answer(_ token: String, _ result: Result<JSON, TaskFailure>) {
    guard let token = TaskToken(token) else { return }
    post { $0.answer(token, Shard.TaskAnswer(result)) }
  }

  package func answer(_ token: String, unusable why: String) {
    guard let token = TaskToken(token) else { return }
    post { $0.answer(token, .unusable(why)) }
  }

  package func submit(_ token: String, _ response: JSON) {
    guard let token = TaskToken(token) else { return }
    post { $0.submit(token, response) }
  }

  package func submitFailed(_ token: String, _ failure: TaskFailure) {
    guard let token = TaskToken(token) else { return }
    post { $0.submitFailed(token, error: failure.error, cause: failure.cause) }
  }

  package func lease(_ token: String, worker: String?, then: @escaping @Sendable (Bool) -> Void) {
    guard let token = TaskToken(token) else { return then(false) }
    post { then($0.lease(token, worker: worker)) }
  }

  package func complete(
    _ token: String, region: String, account: String, _ result: Result<JSON, TaskFailure>,
    then: @escaping @Sendable (TokenReception) -> Void
  ) {
    guard let token = TaskToken(token) else { return then(.unknown) }
    post { shard in
      then(
        shard.reception(of: token, region: region, account: account) {
          shard.complete(token, Shard.TaskAnswer(result))
        })
    }
  }

  package func heartbeat(
    _ token: String, region: String, account: String, then: @escaping @Sendable (TokenReception) -> Void
  ) {
    guard let token = TaskToken(token) else { return then(.unknown) }
    post { shard in
      then(shard.reception(of: token, region: region, account: account) { shard.heartbeat(token) })
    }
  }

  package func after(milliseconds: UInt64, _ body: @escaping @Sendable () -> Void) {
    alarms.add(at: loop.now &+ milliseconds, body)
  }

  /// Runs whatever can run without any time passing. False when it stopped after that many
  /// turns, as with states that follow one another round and round.
  @discardableResult
  package func run(turnsMax: Int = 100_000) -> Bool {
    var turns = 0
    while true {
      let letters = mail
      mail = []
      for letter in letters { letter(loop.shard) }
      let ran = loop.runOne()
      if !loop.performCalls() && !ran && mail.isEmpty { return true }
      turns += 1
      if turns >= turnsMax { return false }
    }
  }

  /// Ends what is under way. An execution keeps its host, through the handlers of its workflow.
  package func close() {
    loop.shard.abortAll(error: nil, cause: nil)
    mail = []
    alarms = Alarms()
  }

  /// When something happens next if nothing comes in, in the loop's milliseconds.
  package var nextTime: UInt64? {
    let deadline = loop.executionCount > 0 ? loop.nextDeadline : nil
    return [deadline, alarms.next].compactMap { $0 }.min()
  }

  /// Moves the clock to a time, lets happen what is due then, and runs what can run.
  package func advance(to time: UInt64) {
    loop.advance(to: max(time, loop.now))
    for ring in alarms.takeDue(at: loop.now) { ring() }
    run()
  }

  /// Lets time pass, with everything that happens meanwhile.
  package func advance(by milliseconds: UInt64) {
    let end = loop.now &+ milliseconds
    run()
    while let next = nextTime, next <= end { advance(to: next) }
    advance(to: end)
  }
}

/// Makes identifiers: random ones, or the same ones again for the same seed.
package final class IdentifierSource: Sendable {
  private let random: Lock<RandomSource>

  package init(seed: UInt64) { random = Lock(RandomSource(seed: seed)) }

  /// A UUID of version 4.
  package func uuid() -> String { UUIDText.text(random.withLock { $0.uuid() }) }

  /// Begins another sequence.
  func seed() -> UInt64 { random.withLock { $0.next() } }

  /// A number below `bound`.
  package func below(_ bound: UInt64) -> UInt64 { random.withLock { $0.below(bound) } }
}
