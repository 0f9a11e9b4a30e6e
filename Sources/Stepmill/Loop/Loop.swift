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
  let uv: UVLoop
  /// Letters that were taken from the inbox and not opened, in their order.
  var mail: UnsafeMutableRawPointer?
  /// What the loop's own thread starts.
  var ownMail = LetterQueue()
  /// Those among both whose executions take what others leave.
  var backgroundMail = LetterQueue()
  /// What is to be called when this turn is over.
  private var turnListeners: [(Loop) -> Void] = []
  /// Calls on their way from the shard to whoever performs them.
  private var callsTaken: [Unmanaged<TaskInvocation>] = []
  private var cancellationsTaken: [TaskInvocation] = []
  private var thread: Thread?
  private var isStopping = false
  /// How long to look for mail before going to sleep, in pauses of the processor.
  private let spins: Int
  /// Turns until libuv's other handles are looked at again.
  private var turnsToPoll = Loop.turnsBetweenPolls
  /// When the clock was read last, in nanoseconds.
  private var clock: UInt64 = 0
  var nanoseconds: UInt64 { clock }
  /// When the time of day was read last, by that clock.
  private var wallReadAt: UInt64 = 0
  let isAttached: Bool
  /// The shard is at work further up the stack.
  private var isInTurn = false
  /// Until when a loop that ends waits for handlers that it has cancelled; 0 before.
  private var patienceEnds: UInt64 = 0
  @inline(__always) var isEnding: Bool { patienceEnds != 0 }
  private(set) var isClosed = false
  /// What is to be called at a time, for those who have no loop of their own.
  private var alarms = Alarms()
  /// The loops that help one another, and this one's place among them.
  private var team: LoopTeam?
  private var place = 0
  /// What else lives on this loop. A loop with tenants has its mail from sockets: it does not
  /// spin for letters, and looks at libuv more often.
  private(set) var tenants: [any LoopTenant] = []

  // Each turn begins no more than it can run, so neither mail nor timers pile up as records.
  private static let lettersPerTurn = 64
  /// Nanoseconds after which the time of day is read again.
  private static let wallAgeMax: UInt64 = 100_000_000
  private static let lettersPerSlice = 4
  private static let fibersPerSlice = 12
  private static let timersPerTurn = 64
  /// Own letters that are left after a turn before some of them are given to an idle loop: what
  /// it takes to wake one should be less than what it takes over.
  static let lettersToShare = 32
  static let lettersSharedMax = 128
  /// What a loop may have before it what its own thread starts goes to an idle one right away.
  private static let busyFrom = 16
  private static let fibersPerTurn = 192
  /// Background executions that begin and run in a turn: as many while nothing else waits, and
  /// a slice otherwise.
  private static let backgroundPerTurn = 64
  private static let backgroundSlice = 8
  private static let fibersPerSharedTurn = 4
  private static let callsPerTurn = 256
  private static let turnsBetweenPolls = 8
  private static let turnsBetweenPollsWithTenants = 2
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
    wallReadAt = now
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
    shard.state.pointee.driver = self
    shard.state.pointee.hasBackground = true
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

  /// The loop on whose own thread the caller is.
  @inline(__always)
  static var own: Loop? {
    stepmill_thread_loop().map { Unmanaged<Loop>.fromOpaque($0).takeUnretainedValue() }
  }

  /// A loop with nothing to do, to be given something.
  func claimIdleLoop() -> Loop? { team?.claimIdle(after: place) }

  /// Where what its own thread starts should run: here, or on an idle loop if much waits here.
  func loopForOwnStart() -> Loop {
    if _slowPath(ownMail.count &+ shard.state.pointee.ready.count >= Loop.busyFrom), !isEnding {
      return claimIdleLoop() ?? self
    }
    return self
  }

  func isIn(_ team: LoopTeam) -> Bool { self.team === team }

  // MARK: A thread of our own

  func start() throws(StepmillError) {
    shard.state.pointee.givesCredit = true
    do {
      thread = try Thread(name: "stepmill-\(number)") { [self] in
        executor.adopt()
        stepmill_set_thread_loop(Unmanaged.passUnretained(self).toOpaque())
        runUntilStopped()
        stepmill_set_thread_loop(nil)
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
    var left = tenants.isEmpty ? spins : 0
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
    shard.state.pointee.givesCredit = false
    abortAll()
    for tenant in tenants { tenant.loopEnds() }
    workers.close()
  }

  /// Aborts all executions. Not to be called from inside the shard.
  func abortAll() {
    shard.abortAll(error: nil, cause: "The runtime was shut down.")
    flushCalls()
    tellTurnEnded()
  }

  /// Turns late mail away; true when no handler runs any more, or patience is at an end.
  private var isEnded: Bool {
    discardMail()
    return workers.workerCount == 0 && !shard.waitsForGuests && tenants.allSatisfy(\.isGone)
      || UVLoop.monotonicNanoseconds / 1_000_000 >= patienceEnds
  }

  private func finishEnding() {
    shared.pointee.close()
    shard.closeCredit()
    if !shared.pointee.submissions.isEmpty || mail != nil || ownMail.first != nil
      || backgroundMail.first != nil
    {
      discardMail()
    }
    tellTurnEnded()
    shard.destroy()
    tenants = []
    // What nobody will ring any more may hold the runtime.
    alarms = Alarms()
    isClosed = true
  }

  // MARK: Tenants

  /// On the loop's thread.
  func add(_ tenant: any LoopTenant) {
    tenants.append(tenant)
    if patienceEnds != 0 { tenant.loopEnds() }
  }

  func remove(_ tenant: any LoopTenant) { tenants.removeAll { $0 === tenant } }

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
    if _slowPath(now &- wallReadAt > Loop.wallAgeMax) { readWallTime() }
    shard.noteBytes()
  }

  /// The time of day may jump: somebody sets it, or the machine slept.
  @inline(never)
  private func readWallTime() {
    wallReadAt = clock
    shard.adjust(wallMilliseconds: WallTime.now.milliseconds)
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
    takeMail(limit: Loop.lettersPerSlice)
    if let deadline = shard.nextDeadline, deadline <= shard.state.pointee.now {
      shard.advance(timersMax: Loop.timersPerTurn)
    }
    if _slowPath(!alarms.isEmpty) { for ring in alarms.takeDue(at: shard.state.pointee.now) { ring() } }
    if _slowPath(shard.isSharing) {
      // Mail between loops that share a Map is worth looking at more often.
      shard.runReady(fibersMax: Loop.fibersPerSharedTurn)
    } else {
      runSlices()
    }
    if _slowPath(backgroundMail.first != nil || shard.hasBackgroundWork) { runBackground() }
    flushCalls()
    let more = workers.drain(limit: Loop.callsPerTurn)
    turnsToPoll &-= 1
    if turnsToPoll == 0 {
      turnsToPoll = tenants.isEmpty ? Loop.turnsBetweenPolls : Loop.turnsBetweenPollsWithTenants
      if !isAttached { uv.poll() }
    }
    shard.closeCredit()
    if _slowPath(!turnListeners.isEmpty) { tellTurnEnded() }
    if _slowPath(!tenants.isEmpty) { for tenant in tenants { tenant.turnEnded() } }
    if _slowPath(ownMail.count >= Loop.lettersToShare) { shareOwnMail() }
    return more || shard.hasReadyWork || mail != nil || ownMail.first != nil || backgroundMail.first != nil
      || !shared.pointee.submissions.isEmpty || isTimerDue
  }

  /// Begins executions and runs them, a few at a time: so that what one has ended with (its
  /// memory, what was read of its workflow) is in the caches yet for the next.
  private func runSlices() {
    var slices = Loop.lettersPerTurn / Loop.lettersPerSlice
    while slices > 1, mail != nil || ownMail.first != nil {
      shard.runReady(fibersMax: Loop.fibersPerSlice)
      takeMail(limit: Loop.lettersPerSlice)
      slices &-= 1
    }
    shard.runReady(fibersMax: Loop.fibersPerTurn)
  }

  /// Runs executions of the background: what `stepmill map`, `Workflow.map` and Distributed Maps
  /// start by the million, beside which those that somebody waits for should not be slower than
  /// alone.
  ///
  /// They have what the others leave of a turn. While one of those waits, that is a slice of
  /// some executions for each turn of theirs, so that no side starves; and since the mail is
  /// looked at between slices, whoever comes in waits for one slice at most. What a sync handler
  /// or a fiber takes until it is out of fuel is the grain that this cannot divide.
  private func runBackground() {
    var left = Loop.backgroundPerTurn
    repeat {
      takeBackgroundMail(limit: Loop.backgroundSlice)
      shard.runBackground(fibersMax: Loop.backgroundSlice)
      left &-= Loop.backgroundSlice
    } while left > 0 && (backgroundMail.first != nil || shard.hasBackgroundWork) && !isForegroundWaiting
  }

  private var isForegroundWaiting: Bool {
    !shard.state.pointee.ready.isEmpty || mail != nil || ownMail.first != nil
      || !shared.pointee.submissions.isEmpty
      || workers.hasForegroundCalls
  }

  /// Calls `body` on the loop's thread when this turn is over. From that thread.
  func atTurnEnd(_ body: @escaping (Loop) -> Void) { turnListeners.append(body) }

  private func tellTurnEnded() {
    while !turnListeners.isEmpty {
      let listeners = turnListeners
      turnListeners.removeAll(keepingCapacity: true)
      for listener in listeners { listener(self) }
    }
  }

  private var isTimerDue: Bool {
    guard let deadline = shard.nextDeadline else { return false }
    return deadline <= shard.state.pointee.now
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
      // The arrays change places, so that neither loses its memory.
      swap(&shard.state.pointee.calls, &callsTaken)
      swap(&shard.state.pointee.cancellations, &cancellationsTaken)
      for call in callsTaken {
        let call = call.takeUnretainedValue()
        if !call.isCancelled { begin(call) }
      }
      for call in cancellationsTaken { cancel(call) }
      callsTaken.removeAll(keepingCapacity: true)
      cancellationsTaken.removeAll(keepingCapacity: true)
    }
  }

  private func begin(_ call: TaskInvocation) {
    switch call.kind {
    case .synchronous:
      preconditionFailure("BUG in Stepmill (please report): a synchronous handler came to the loop")
    case .async:
      workers.submit(call)
    case .concurrent:
      let loop = self
      // It may begin when the execution is over, and with it the workflow that keeps the handler.
      let handler = call.handler
      let request = call.request
      call.task = Task.detached {
        let answer: Shard.TaskAnswer
        do {
          answer = .success(try await handler.run(request))
        } catch {
          answer = .failure(of: error)
        }
        loop.post { $0.shard.answer(call.call, answer) }
      }
    case .token, .leased:
      do {
        try call.handler.begin(call.request)
        shard.startedByToken(call.call)
      } catch {
        shard.answer(call.call, .failure(of: error))
      }
    case .deferred:
      do {
        try call.handler.begin(call.request)
      } catch {
        shard.answer(call.call, .failure(of: error))
      }
    }
  }

  private func cancel(_ call: TaskInvocation) {
    if call.kind == .async { workers.cancel(call) }
    call.task?.cancel()
    call.task = nil
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
    loop.shard.state.pointee.givesCredit = true
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
