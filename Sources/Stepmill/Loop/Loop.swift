import CIntrinsics
import CLibuv

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A loop drives one shard: it brings the time and the mail, lets the shard run, begins the
// calls that the shard asks for and reports their answers, and sleeps when there is nothing
// to do.
//
// The same turn serves three drivers: a thread of our own (`start`), a host's libuv loop
// (`attach`), and a caller who runs one execution on its own thread and waits for it
// (`run(until:)`).
//
// Who may touch what: other threads reach a loop through `shared` only (and `inFlight`,
// which is atomic). Everything else belongs to the thread that runs the loop; that is what
// `@unchecked Sendable` stands on.

final class Loop: @unchecked Sendable {
  let shared: UnsafeMutablePointer<LoopShared>
  let number: Int
  let shard: Shard
  /// The shard's, which outlive it: any thread may read them as long as the loop exists.
  let counters: UnsafeMutablePointer<Counters>
  let executor: LoopExecutor
  let workers: WorkerPool
  /// Takes the output of executions that run on the caller's thread.
  let textSink = TextSink()
  fileprivate let uv: UVLoop
  private var thread: Thread?
  private var isStopping = false
  /// How long to look for mail before going to sleep, in pauses of the processor.
  private let spins: Int
  /// Turns until libuv's other handles are looked at again.
  private var turnsToPoll = Loop.turnsBetweenPolls
  /// When the clock was read last, in nanoseconds.
  private var clock: UInt64 = 0
  private let isAttached: Bool
  /// The shard is at work further up the stack.
  private var isInTurn = false
  /// Until when a loop that ends waits for handlers that it has cancelled; 0 before.
  private var patienceEnds: UInt64 = 0
  private var isClosed = false
  /// What is to be called at a time, for those who have no loop of their own.
  private var alarms = Alarms()
  /// The loops that help one another, and this one's place among them.
  private var team: LoopTeam?
  private var place = 0

  private static let fibersPerTurn = 64
  private static let fibersPerSharedTurn = 4
  private static let callsPerTurn = 256
  private static let turnsBetweenPolls = 16
  /// How long a loop that ends waits for handlers that were cancelled, in milliseconds.
  private static let patience: UInt64 = 1000

  /// A loop on a libuv loop of its own.
  convenience init(number: Int, seed: UInt64, spins: Int) throws(UVError) {
    try self.init(number: number, seed: seed, spins: spins, uv: try UVLoop(), isAttached: false)
  }

  private init(number: Int, seed: UInt64, spins: Int, uv: UVLoop, isAttached: Bool) throws(UVError) {
    self.number = number
    self.uv = uv
    self.spins = spins
    self.isAttached = isAttached
    shared = .allocate(capacity: 1)
    shared.initialize(to: LoopShared(waker: uv.waker))
    executor = LoopExecutor(shared: UnsafePointer(shared))
    workers = WorkerPool(executor: executor)
    let now = UVLoop.monotonicNanoseconds
    clock = now
    // The key of task tokens comes from the system, whatever the seed: what a seeded source
    // gives out elsewhere would tell it.
    var key: (UInt64, UInt64) = (0, 0)
    guard getentropy(&key, MemoryLayout.size(ofValue: key)) == 0 else {
      fatalError("Stepmill: the system has no randomness to give (error \(errno))")
    }
    shard = Shard(
      number: UInt32(truncatingIfNeeded: number), now: now / 1_000_000,
      wallMilliseconds: WallTime.now.milliseconds, seed: seed, tokenKey: SipHash(key: key.0, key.1))
    counters = shard.state.pointee.counters
  }

  /// Makes the loop one of those that share their Maps. Before it starts. A loop on a caller's
  /// own thread is in no team: what runs there is meant to stay there.
  func join(_ team: LoopTeam, place: Int) {
    self.team = team
    self.place = place
    team.setMember(place, self)
    shard.state.pointee.canShare = team.capacity > 1
    shard.state.pointee.sharing.loop = self
  }

  /// A loop with nothing to do, to be given something.
  func claimIdleLoop() -> Loop? { team?.claimIdle(after: place) }

  // MARK: A thread of our own

  func start() throws(StepmillError) {
    do {
      thread = try Thread(name: "stepmill-\(number)") { [self] in
        executor.adopt()
        runUntilStopped()
        executor.abandon()
      }
    } catch {
      throw StepmillError(.system, "a loop's thread could not be started: error \(error.code)")
    }
  }

  private func runUntilStopped() {
    while true {
      let more = turn()
      // The turn may have taken the very message that stops the loop: nothing would wake it.
      if isStopping { break }
      if !more { sleep(until: nextDeadline) }
    }
    tearDown()
  }

  /// Waits for the thread's end. Not to be called on it.
  func join() {
    if !executor.isOnLoop { thread?.join() }
    thread = nil
  }

  /// Asks the loop, on its own thread, to end after this turn.
  func stop() { isStopping = true }

  /// Blocks until there is mail, a timer is due, or libuv has something.
  private func sleep(until deadline: UInt64?) {
    shard.noteBytes()
    // A loop that ends takes on nothing.
    if patienceEnds == 0, let team { team.setIdle(place, true) }
    defer { if let team { team.setIdle(place, false) } }
    var left = spins
    while left > 0 {
      stepmill_pause()
      if !shared.pointee.submissions.isEmpty || !shared.pointee.jobs.isEmpty { return }
      left &-= 1
    }
    guard shared.pointee.announceSleep() else { return }
    uv.updateTime()
    uv.wait(until: deadline)
    shared.pointee.endSleep()
  }

  // MARK: Ending

  /// Ends what is left. Handlers are cancelled; those that do not heed it within a second are
  /// left behind, with the little that they still refer to.
  private func tearDown() {
    beginEnding()
    while !isEnded {
      if workers.drain(limit: Loop.callsPerTurn) { continue }
      if isEnded { break }
      sleep(until: patienceEnds)
    }
    finishEnding()
  }

  /// Aborts the executions, and tells the handlers and the workers.
  private func beginEnding() {
    patienceEnds = UVLoop.monotonicNanoseconds / 1_000_000 + Loop.patience
    abortAll()
    workers.close()
  }

  /// Aborts all executions. Not to be called from inside the shard.
  func abortAll() {
    shard.abortAll(error: nil, cause: "The runtime was shut down.")
    flushCalls()
  }

  /// Turns late mail away; true when no handler runs any more, or patience is at an end.
  private var isEnded: Bool {
    discardMail()
    return workers.workerCount == 0 && !shard.waitsForGuests
      || UVLoop.monotonicNanoseconds / 1_000_000 >= patienceEnds
  }

  private func finishEnding() {
    shared.pointee.close()
    if !shared.pointee.submissions.isEmpty { discardMail() }
    shard.destroy()
    isClosed = true
  }

  /// What the hooks of a host's loop point to.
  fileprivate var box: AttachedLoopBox?

  deinit {
    counters.deinitialize(count: 1)
    counters.deallocate()
    // Producers hold the loop, so none is under way here. Swift's tasks do not: a handler
    // that is still busy will want to hand its task back, and the memory stays for it.
    guard isClosed, workers.workerCount == 0 else { return }
    shared.pointee.waitForVisitors()
    if !isAttached { try? uv.close() }
    shared.deinitialize(count: 1)
    shared.deallocate()
  }

  // MARK: The caller's thread

  /// Runs the loop on the calling thread until `isDone`. For loops without a thread.
  func run(until isDone: () -> Bool) {
    executor.adopt()
    defer { executor.abandon() }
    while !isDone() {
      let more = turn()
      if isStopping {
        isStopping = false
        abortAll()
      }
      if more { continue }
      if isDone() { return }
      sleep(until: nextDeadline)
    }
  }

  /// Brings the time up to date for an execution that starts right away.
  @inline(__always)
  func tick() {
    let now = UVLoop.monotonicNanoseconds
    clock = now
    shard.state.pointee.now = now / 1_000_000
    shard.noteBytes()
  }

  /// Closes a loop that has no thread. Its executions have ended.
  func close() {
    executor.adopt()
    tearDown()
    executor.abandon()
  }

  // MARK: A turn

  /// Does a slice of whatever there is to do. True when there is more.
  func turn() -> Bool {
    tick()
    takeMail()
    if let deadline = shard.nextDeadline, deadline <= shard.state.pointee.now { shard.advance() }
    if _slowPath(!alarms.isEmpty) { for ring in alarms.takeDue(at: shard.state.pointee.now) { ring() } }
    // Mail between loops that share a Map is worth looking at more often.
    shard.runReady(fibersMax: _slowPath(shard.isSharing) ? Loop.fibersPerSharedTurn : Loop.fibersPerTurn)
    flushCalls()
    let more = workers.drain(limit: Loop.callsPerTurn)
    turnsToPoll &-= 1
    if turnsToPoll == 0 {
      turnsToPoll = Loop.turnsBetweenPolls
      if !isAttached { uv.poll() }
    }
    return more || shard.hasReadyWork || !shared.pointee.submissions.isEmpty
  }

  /// When there is something to do next, if nothing comes in before.
  private var nextDeadline: UInt64? {
    guard let alarm = alarms.next else { return shard.nextDeadline }
    return shard.nextDeadline.map { min($0, alarm) } ?? alarm
  }

  /// Calls `body` on the loop's thread when so many milliseconds have passed. From that thread.
  func setAlarm(after milliseconds: UInt64, _ body: @escaping @Sendable () -> Void) {
    alarms.add(at: shard.state.pointee.now &+ milliseconds, body)
  }

  /// Begins the calls that the shard asks for, and cancels those it has given up.
  func flushCalls() {
    while !shard.state.pointee.calls.isEmpty || !shard.state.pointee.cancellations.isEmpty {
      let calls = shard.state.pointee.calls
      shard.state.pointee.calls.removeAll(keepingCapacity: true)
      let cancellations = shard.state.pointee.cancellations
      shard.state.pointee.cancellations.removeAll(keepingCapacity: true)
      for call in calls where !call.isCancelled { begin(call) }
      for call in cancellations { cancel(call) }
    }
  }

  private func begin(_ call: TaskInvocation) {
    switch call.kind {
    case .synchronous:
      preconditionFailure("BUG in Stepmill (please report): a synchronous handler came to the loop")
    case .async:
      let work = HandlerCall(call, loop: self)
      call.running = work
      workers.submit(work)
    case .concurrent:
      let loop = self
      let task = Task.detached {
        let answer = await call.perform()
        loop.post { $0.shard.answer(call.token, answer) }
      }
      call.running = CancellableTask(task)
    case .token, .leased:
      do {
        try call.handler.begin(call.request)
        shard.startedByToken(call.token)
      } catch {
        shard.answer(call.token, .failure(of: error))
      }
    case .deferred:
      do {
        try call.handler.begin(call.request)
      } catch {
        shard.answer(call.token, .failure(of: error))
      }
    }
  }

  private func cancel(_ call: TaskInvocation) {
    switch call.running {
    case let work as HandlerCall: workers.cancel(work)
    case let task as CancellableTask: task.task.cancel()
    default: break
    }
    call.running = nil
  }
}

/// A call of a handler that runs on the loop's own thread.
private final class HandlerCall: WorkerCall {
  private let call: TaskInvocation
  private unowned(unsafe) let loop: Loop

  init(_ call: TaskInvocation, loop: Loop) {
    self.call = call
    self.loop = loop
  }

  override nonisolated(nonsending) func run() async {
    let answer = await call.perform()
    call.running = nil
    loop.shard.answer(call.token, answer)
  }
}

private final class CancellableTask {
  let task: Task<Void, Never>
  init(_ task: Task<Void, Never>) { self.task = task }
}

extension TaskInvocation {
  /// Runs the handler and makes an answer of whatever becomes of it.
  nonisolated(nonsending) func perform() async -> Shard.TaskAnswer {
    do {
      return .success(try await handler.run(request))
    } catch {
      return .failure(of: error)
    }
  }
}

extension Shard.TaskAnswer {
  /// What a thrown error means to Retry and Catch: a `TaskFailure` says it itself, of any
  /// other error the type is the name and the description the cause.
  static func failure(of error: any Error) -> Shard.TaskAnswer {
    if let failure = error as? TaskFailure { return .failure(error: failure.error, cause: failure.cause) }
    return .failure(error: String(describing: type(of: error)), cause: String(describing: error))
  }
}

// MARK: - Mail

/// A message to a loop: a block of memory whose first word links it into the inbox.
struct Letter {
  enum Kind: UInt8 {
    case start, action
  }
  var link: UnsafeMutableRawPointer?
  var kind: Kind
  /// `start`: the input's text follows the header, this many bytes.
  var textCount: Int
  var workflow: Unmanaged<WorkflowCore>?
  var sink: Unmanaged<CompletionSink>?
  var identity: Unmanaged<ExecutionIdentity>?
  var tag: UInt64
  var action: Unmanaged<LoopAction>?
  /// `start`: the input, where it is not text.
  var input: Unmanaged<InputBox>?

  static let headerSize = (MemoryLayout<Letter>.size + 15) & ~15
}

/// Something that is to happen on the loop's thread.
final class LoopAction {
  let body: @Sendable (Loop) -> Void
  /// A loop that ends listens to it as well.
  let isHeardToTheEnd: Bool
  init(_ body: @escaping @Sendable (Loop) -> Void, isHeardToTheEnd: Bool) {
    self.body = body
    self.isHeardToTheEnd = isHeardToTheEnd
  }
}

/// An input on its way to a loop.
final class InputBox: Sendable {
  let value: JSON
  init(_ value: JSON) { self.value = value }
}

extension Loop {
  /// Runs `body` on the loop's thread, soon. From any thread.
  func post(isHeardToTheEnd: Bool = false, _ body: @escaping @Sendable (Loop) -> Void) {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: Letter.headerSize, alignment: 16)
    raw.initializeMemory(
      as: Letter.self,
      to: Letter(
        link: nil, kind: .action, textCount: 0, workflow: nil, sink: nil, identity: nil, tag: 0,
        action: Unmanaged.passRetained(LoopAction(body, isHeardToTheEnd: isHeardToTheEnd)), input: nil))
    send(raw)
  }

  /// Sends an input to be started. From any thread. The text has been checked to be JSON, or
  /// will end the execution with an error.
  func submit(_ start: borrowing Shard.Start, text: UnsafeRawBufferPointer) {
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: Letter.headerSize + text.count, alignment: 16)
    raw.initializeMemory(
      as: Letter.self,
      to: Letter(
        link: nil, kind: .start, textCount: text.count, workflow: Unmanaged.passRetained(start.workflow),
        sink: Unmanaged.passRetained(start.sink), identity: start.identity.map { Unmanaged.passRetained($0) },
        tag: start.tag, action: nil, input: nil))
    if let base = text.baseAddress {
      (raw + Letter.headerSize).copyMemory(from: base, byteCount: text.count)
    }
    sendStart(raw)
  }

  /// Sends a value to be started with. From any thread.
  func submit(_ start: borrowing Shard.Start, input: JSON) {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: Letter.headerSize, alignment: 16)
    raw.initializeMemory(
      as: Letter.self,
      to: Letter(
        link: nil, kind: .start, textCount: 0, workflow: Unmanaged.passRetained(start.workflow),
        sink: Unmanaged.passRetained(start.sink), identity: start.identity.map { Unmanaged.passRetained($0) },
        tag: start.tag, action: nil, input: Unmanaged.passRetained(InputBox(input))))
    sendStart(raw)
  }

  @inline(__always)
  private func sendStart(_ letter: UnsafeMutableRawPointer) {
    // A host's loop that nothing keeps alive would not even look.
    if _slowPath(isAttached), executor.isOnLoop, !isClosed { uv.keepsHostAlive = true }
    send(letter)
  }

  @inline(__always)
  private func send(_ letter: UnsafeMutableRawPointer) {
    // The handle that wakes a host's loop is closed when that loop is left, not with this
    // object: only a visit keeps it.
    if _slowPath(isAttached) { shared.pointee.beginVisit() }
    let isOpen = shared.pointee.submit(letter)
    if _slowPath(isAttached) { shared.pointee.endVisit() }
    if _slowPath(!isOpen) { discardMail() }
  }

  fileprivate func takeMail() {
    var next = shared.pointee.submissions.takeAll()
    while let raw = next {
      next = Inbox.next(raw)
      open(raw)
    }
  }

  private func open(_ raw: UnsafeMutableRawPointer) {
    let letter = raw.assumingMemoryBound(to: Letter.self)
    defer { raw.deallocate() }
    if let action = letter.pointee.action {
      action.takeRetainedValue().body(self)
      return
    }
    let sink = letter.pointee.sink.unsafelyUnwrapped.takeRetainedValue()
    let start = Shard.Start(
      workflow: letter.pointee.workflow.unsafelyUnwrapped.takeRetainedValue(), sink: sink,
      tag: letter.pointee.tag, identity: letter.pointee.identity?.takeRetainedValue())
    let text = UnsafeRawBufferPointer(start: raw + Letter.headerSize, count: letter.pointee.textCount)
    do {
      let fiber: UnsafeMutablePointer<Fiber>
      if let input = letter.pointee.input {
        fiber = input.takeRetainedValue().value.withValue { shard.start(start, copying: $0) }
      } else {
        fiber = try shard.start(start, text: text)
      }
      let execution = fiber.pointee.execution
      sink.started(
        ExecutionHandle(index: execution.pointee.index, generation: execution.pointee.generation),
        tag: start.tag, on: self)
      shard.state.pointee.ready.append(fiber.pointee.index)
    } catch {
      sink.refused(error, tag: start.tag)
    }
  }

  /// Turns away mail that came too late. Once the loop is closed, any thread may do so.
  fileprivate func discardMail() {
    var next = shared.pointee.submissions.takeAll()
    while let raw = next {
      next = Inbox.next(raw)
      let letter = raw.assumingMemoryBound(to: Letter.self)
      if let action = letter.pointee.action?.takeRetainedValue(), action.isHeardToTheEnd,
        executor.isOnLoop, !isClosed
      {
        action.body(self)
      }
      letter.pointee.workflow?.release()
      letter.pointee.identity?.release()
      letter.pointee.input?.release()
      letter.pointee.sink?.takeRetainedValue().turnedAway(tag: letter.pointee.tag)
      raw.deallocate()
    }
  }
}

// MARK: - A host's loop

extension Loop {
  /// Moves into a libuv loop that the host runs. To be called on its thread.
  static func attached(
    to uvLoop: UnsafeMutableRawPointer, number: Int, seed: UInt64
  ) throws(UVError) -> Loop {
    let box = AttachedLoopBox()
    let hooks = UVLoop.Hooks(
      context: Unmanaged.passUnretained(box).toOpaque(),
      beforePoll: { Unmanaged<AttachedLoopBox>.fromOpaque($0).takeUnretainedValue().loop?.hostTurn() },
      afterPoll: { Unmanaged<AttachedLoopBox>.fromOpaque($0).takeUnretainedValue().loop?.hostPolled() })
    let uv = try UVLoop(attachedTo: uvLoop.assumingMemoryBound(to: uv_loop_t.self), hooks: hooks)
    let loop = try Loop(number: number, seed: seed, spins: 0, uv: uv, isAttached: true)
    box.loop = loop
    loop.box = box
    loop.executor.adopt()
    return loop
  }

  private func hostTurn() {
    // The host may move its loop to another thread between two runs.
    if !executor.isOnLoop { executor.adopt() }
    shared.pointee.endSleep()
    if patienceEnds != 0 { return goOnLeaving() }
    isInTurn = true
    var more = turn()
    isInTurn = false
    if isStopping { return detach() }
    if !more { more = !shared.pointee.announceSleep() }
    uv.keepsHostAlive = shard.executionCount > 0 || more
    uv.rest(ready: more, until: nextDeadline)
  }

  /// What came in while the host polled is looked at before it polls again: see to it that
  /// there is such a next time.
  private func hostPolled() {
    if patienceEnds == 0, !shared.pointee.submissions.isEmpty { uv.keepsHostAlive = true }
  }

  /// Leaves the host's loop. On its thread at once, unless the shard is at work; else when the
  /// host's loop comes round next.
  func leaveHost() {
    if executor.isOnLoop && !isInTurn { return detach() }
    // The letter keeps the loop until then.
    post { [self] _ in stop() }
  }

  private func detach() {
    guard patienceEnds == 0 else { return }
    beginEnding()
    goOnLeaving()
  }

  /// Waits, turn by turn of the host, for handlers that were cancelled; then closes our
  /// handles, which takes one more round of the host's loop.
  private func goOnLeaving() {
    let more = workers.drain(limit: Loop.callsPerTurn)
    guard isEnded else {
      uv.keepsHostAlive = true
      let ready = more || !shared.pointee.announceSleep()
      uv.rest(ready: ready, until: patienceEnds)
      return
    }
    finishEnding()
    shared.pointee.endSleep()
    shared.pointee.waitForVisitors()
    executor.abandon()
    let context = Unmanaged.passRetained(self).toOpaque()
    uv.detach(context: context) { context in
      Unmanaged<Loop>.fromOpaque(context).takeRetainedValue().box = nil
    }
  }
}

/// What libuv's hooks point to.
final class AttachedLoopBox {
  weak var loop: Loop?
}
