// Maps that several loops work on.
//
// While a Map runs on one loop and another loop of the runtime has nothing to do, the owner
// gives it the upper half of what it has not begun: a `Grant`. The other loop runs that part
// as a guest: a record of its own, a root fiber that stands for the Map's own fiber, and a
// join over its part of the items. A guest may give a half away in turn.
//
// Nothing is copied on the way out: the Map's fiber and all fibers above it stand still while
// it runs, so a guest reads items, variables and the effective input where they are. On the
// way back the results do not move either: the memory that they lie in changes hands.
//
// Hence the one rule: no frame that a guest may read goes before the guest has answered.
//  1. A Map ends when its children are done and its guests have answered.
//  2. Where a child fails, the guests below the failed Map or Parallel are told to stop, and
//     its Retry and Catch wait for their answers.
//  3. An execution that is ended as a whole tells its sink at once. The frames are kept, and
//     the record with them, until the last guest has answered. A guest that has guests of
//     its own answers after them.
// And a loop that ends waits for answers as it waits for handlers.
//
// MaxConcurrency holds over all loops: a grant takes half of the places that are free, and
// they come back with the answer. Executions whose history is kept are not shared. Event
// numbers in causes are counted from where the grant was made, so they are approximate for
// items of guests; the bound of all variables together holds for each loop by itself.

/// What a shard knows of shared Maps.
struct SharingState {
  /// The loop that drives the shard.
  unowned(unsafe) var loop: Loop?
  /// Grants of this shard that are not answered.
  var grants: [Grant] = []
  /// Grants whose join was destroyed a moment ago: somebody above may have to wait for them.
  var orphans: [Grant] = []
  /// Frames of destroyed fibers that guests may read, by execution.
  var keptFrames: [UInt32: UnsafeMutablePointer<Frame>] = [:]
  /// Parts of other loops' Maps that are here.
  var guestCount = 0
}

/// A part of a Map on its way to another loop and back.
///
/// Who may touch what: the first block is written before the grant is sent; the second is
/// the owner's, the third the guest's until the answer is sent and the owner's from then on.
final class Grant: CompletionSink, @unchecked Sendable {
  let owner: Loop
  let guest: Loop
  let workflow: WorkflowCore
  /// The record, root fiber and join of the guest start as copies of the owner's.
  let execution: ExecutionRecord
  let fiber: Fiber
  let join: Join
  let range: Range<UInt32>
  let liveMax: UInt32
  /// The variables of the Map's own machine, and the places of those around it.
  let levels: [(slots: UnsafeMutablePointer<Value>?, count: UInt32)]
  let bound: Int
  /// The execution's input, where the program reads it.
  let input: Value

  let ownerExecution: UnsafeMutablePointer<ExecutionRecord>
  /// The join that waits for the answer; nil when nobody does any more.
  var waiter: UnsafeMutablePointer<Join>?

  var handle: ExecutionHandle?
  var answer = Answer()

  struct Answer {
    enum Kind { case succeeded, failed, lost }
    var kind = Kind.lost
    var memory: ChunkChain?
    var results: UnsafeMutablePointer<Value>?
    var resultBound = 0
    var events: UInt32 = 0
    var fault = Fault.none
  }

  init(
    from owner: Loop, to guest: Loop, _ join: UnsafeMutablePointer<Join>, _ range: Range<UInt32>,
    liveMax: UInt32, levels: [(slots: UnsafeMutablePointer<Value>?, count: UInt32)], input: Value
  ) {
    let fiber = join.pointee.fiber
    ownerExecution = fiber.pointee.execution
    self.owner = owner
    self.guest = guest
    workflow = ownerExecution.pointee.workflow.takeUnretainedValue()
    execution = ownerExecution.pointee
    self.fiber = fiber.pointee
    self.join = join.pointee
    self.range = range
    self.liveMax = liveMax
    self.levels = levels
    bound = fiber.pointee.frame.unsafelyUnwrapped.pointee.bound
    self.input = input
    waiter = join
    _ = execution.identity?.retain()
    super.init()
    isBackground = execution.sink._withUnsafeGuaranteedRef { $0.isBackground }
  }

  deinit { execution.identity?.release() }

  /// On the guest's thread, or wherever its mail is turned away.
  func sendAnswer() { owner.post(isHeardToTheEnd: true) { $0.shard.takeAnswer(self) } }

  /// Tells the guest to stop. On the owner's thread.
  func stop() { guest.post { $0.shard.stopGuest(self) } }
}

/// Sees to it that a grant is answered even if the loop that it was sent to has ended.
private final class GrantLetter: @unchecked Sendable {
  private var grant: Grant?
  init(_ grant: Grant) { self.grant = grant }

  func open() -> Grant? {
    defer { grant = nil }
    return grant
  }

  deinit { grant?.sendAnswer() }
}

extension Shard {
  /// Maps with fewer items stay on their loop.
  static var sharedItemsMin: UInt32 { 64 }
  /// Fewer items than this are not worth a letter.
  private static var grantedItemsMin: UInt32 { 16 }

  /// Mail between loops is due.
  var isSharing: Bool { state.pointee.sharing.guestCount > 0 || !state.pointee.sharing.grants.isEmpty }
  var waitsForGuests: Bool { !state.pointee.sharing.grants.isEmpty }

  // MARK: The owner

  /// Gives a half of what is left to a loop that has nothing to do, if there is one.
  @inline(never)
  func share(_ join: UnsafeMutablePointer<Join>) {
    let left = join.pointee.limit &- join.pointee.next
    let places = join.pointee.liveMax &- join.pointee.live
    guard left >= 2 &* Self.grantedItemsMin, places > 0, !join.pointee.isFailing,
      let loop = state.pointee.sharing.loop, let guest = loop.claimIdleLoop()
    else { return }
    let fiber = join.pointee.fiber
    let execution = fiber.pointee.execution
    var levels: [(slots: UnsafeMutablePointer<Value>?, count: UInt32)] = []
    var owner = fiber
    while true {
      let frame = owner.pointee.frame.unsafelyUnwrapped
      levels.append((frame.pointee.slots, frame.pointee.slotCount))
      guard let above = owner.pointee.parent else { break }
      owner = above.pointee.fiber
    }
    // A guest's own chain ends at its root; the rest is what it was given.
    if execution.pointee.isGuest { levels += self.grant(of: execution).levels.dropFirst() }

    let middle = join.pointee.limit &- left / 2
    let shared = (places &+ 1) / 2
    let root = state.pointee.fibers[execution.pointee.root]
    let grant = Grant(
      from: loop, to: guest, join, middle..<join.pointee.limit, liveMax: shared, levels: levels,
      input: root.pointee.frame?.pointee.input ?? .missing)
    join.pointee.limit = middle
    join.pointee.liveMax &-= shared
    join.pointee.guests &+= 1
    execution.pointee.guestsOut &+= 1
    state.pointee.sharing.grants.append(grant)
    let letter = GrantLetter(grant)
    guest.post { loop in
      if let grant = letter.open() { loop.shard.begin(grant) }
    }
  }

  /// A guest has answered.
  func takeAnswer(_ grant: Grant) {
    let execution = grant.ownerExecution
    execution.pointee.guestsOut &-= 1
    state.pointee.sharing.grants.removeAll { $0 === grant }
    if execution.pointee.guestsOut == 0 {
      releaseFrames(of: execution)
      if !execution.pointee.isLive { return retire(execution) }
    }
    guard let join = grant.waiter else { return }
    let parent = join.pointee.fiber
    join.pointee.guests &-= 1
    guard !join.pointee.isFailing else {
      if join.pointee.guests == 0 { goOnFailing(parent, join) }
      return
    }
    let answer = grant.answer
    join.pointee.liveMax &+= grant.liveMax
    execution.pointee.events &+= answer.events
    let frame = parent.pointee.frame.unsafelyUnwrapped
    if let memory = answer.memory { frame.pointee.arena.adopt(memory) }
    switch answer.kind {
    case .succeeded:
      let first = Int(grant.range.lowerBound)
      (join.pointee.results + first).update(
        from: answer.results.unsafelyUnwrapped, count: grant.range.count)
      join.pointee.resultBound &+= answer.resultBound
      join.pointee.lastInnerEvent = execution.pointee.events
      join.pointee.lastEvent = execution.pointee.events
      if let child = nextChild(of: join) {
        enqueue(child)
      } else if join.pointee.live == 0 && join.pointee.guests == 0 {
        makeReady(parent, .joined)
      }
    case .failed:
      state.pointee.fault = answer.fault
      if answer.fault.kind == .runtime { return endFailed(execution, parent) }
      guestFailed(join)
    case .lost:
      // Only a loop that ends gives up its part by itself.
      abort(handle(of: execution), cause: "The runtime was shut down.")
    }
  }

  /// An item of a guest failed; the fault lies in the shard.
  private func guestFailed(_ join: UnsafeMutablePointer<Join>) {
    let parent = join.pointee.fiber
    while join.pointee.firstChild != 0 {
      let child = state.pointee.fibers[join.pointee.firstChild]
      join.pointee.firstChild = child.pointee.nextSibling
      destroy(child)
    }
    if waitsForGuests(join) { return }
    leaveFault(parent, state.pointee.fault)
    goOnFailing(parent, join)
  }

  private func goOnFailing(_ parent: UnsafeMutablePointer<Fiber>, _ join: UnsafeMutablePointer<Join>) {
    parent.pointee.suspended = nil
    giveBack(join)
    makeReady(parent, .joinStopped)
  }

  /// Stops the guests of a join whose children were destroyed after a failure. If there are
  /// any, of its own or of what was destroyed, the join stays until they have answered, and
  /// the fault is put into the parent's frame.
  func waitsForGuests(_ join: UnsafeMutablePointer<Join>) -> Bool {
    stopGuests(of: join)
    let orphans = state.pointee.sharing.orphans
    state.pointee.sharing.orphans = []
    guard !orphans.isEmpty else { return false }
    for grant in orphans { grant.waiter = join }
    join.pointee.guests = UInt32(orphans.count)
    join.pointee.isFailing = true
    join.pointee.limit = join.pointee.next
    join.pointee.live = 0
    join.pointee.firstChild = 0
    leaveFault(join.pointee.fiber, state.pointee.fault)
    return true
  }

  /// Tells the guests of a join to stop; whoever waits for them now is for the caller to say.
  func stopGuests(of join: UnsafeMutablePointer<Join>) {
    for grant in state.pointee.sharing.grants where grant.waiter == join {
      grant.waiter = nil
      grant.stop()
      state.pointee.sharing.orphans.append(grant)
    }
  }

  func forgetOrphans() { state.pointee.sharing.orphans = [] }

  /// Keeps the frame of a fiber that is destroyed while guests may read it.
  func keepFrame(of fiber: UnsafeMutablePointer<Fiber>) {
    guard let frame = fiber.pointee.frame else { return }
    let index = fiber.pointee.execution.pointee.index
    frame.pointee.nextFree = state.pointee.sharing.keptFrames[index]
    state.pointee.sharing.keptFrames[index] = frame
    fiber.pointee.frame = nil
  }

  private func releaseFrames(of execution: UnsafeMutablePointer<ExecutionRecord>) {
    var next = state.pointee.sharing.keptFrames.removeValue(forKey: execution.pointee.index)
    while let frame = next {
      next = frame.pointee.nextFree
      giveBack(frame)
    }
  }

  // MARK: The guest

  private func grant(of execution: UnsafeMutablePointer<ExecutionRecord>) -> Grant {
    unsafeDowncast(execution.pointee.sink.takeUnretainedValue(), to: Grant.self)
  }

  /// Begins with a part of another loop's Map.
  func begin(_ grant: Grant) {
    state.pointee.sharing.guestCount += 1
    let execution = state.pointee.executions.take()
    let index = execution.pointee.index
    let generation = execution.pointee.generation
    let slot = takeSlot(for: execution)
    execution.initialize(to: grant.execution)
    execution.pointee.slot = slot
    execution.pointee.index = index
    execution.pointee.generation = generation
    _ = execution.pointee.workflow.retain()
    _ = execution.pointee.identity?.retain()
    execution.pointee.sink = Unmanaged.passRetained(grant)
    execution.pointee.tag = 0
    execution.pointee.deadline = 0
    execution.pointee.isLive = true
    execution.pointee.isGuest = true
    execution.pointee.guestsOut = 0
    grant.handle = handle(of: execution)

    let root = takeFiber(of: execution, pc: grant.fiber.pc)
    root.pointee.isRoot = true
    root.pointee.enteredAt = grant.fiber.enteredAt
    root.pointee.enteredEvent = grant.fiber.enteredEvent
    root.pointee.previousEvent = grant.fiber.previousEvent
    root.pointee.retryCount = grant.fiber.retryCount
    root.pointee.phase = .joining
    execution.pointee.root = root.pointee.index
    let frame = takeFrame()
    frame.initialize(
      to: Frame(
        arena: Arena(pool: state.pointee.pool), data: .null, result: .missing, cause: .missing,
        slots: grant.levels[0].slots, slotCount: grant.levels[0].count, faultKind: .task, item: .missing,
        itemIndex: 0, input: grant.input, assigned: .missing, bound: grant.bound,
        compactAt: Frame.compactionFloor, timeoutAt: 0, heartbeatMilliseconds: 0, nextFree: nil))
    root.pointee.frame = frame

    let join = takeJoin()
    join.initialize(to: grant.join)
    let results = frame.pointee.arena.elements(grant.range.count)
    results.initialize(repeating: .null, count: grant.range.count)
    join.pointee.fiber = root
    // Items keep their numbers; the results of those before the range are not there.
    join.pointee.results = results - Int(grant.range.lowerBound)
    join.pointee.next = grant.range.lowerBound
    join.pointee.limit = grant.range.upperBound
    join.pointee.live = 0
    join.pointee.liveMax = grant.liveMax
    join.pointee.firstChild = 0
    join.pointee.guests = 0
    join.pointee.resultBound = 0
    join.pointee.isShareable = grant.range.count >= Int(Self.sharedItemsMin) && grant.liveMax > 1
    root.pointee.suspended = UnsafeMutableRawPointer(join)
    enqueue(nextChild(of: join).unsafelyUnwrapped)
  }

  /// A variable of a machine around the one that the shared Map belongs to.
  func outerVariable(
    _ path: UnsafePointer<PathOp>, _ depth: Int, _ fiber: UnsafeMutablePointer<Fiber>
  ) -> Value {
    let execution = fiber.pointee.execution
    guard execution.pointee.isGuest else { return .missing }
    let levels = grant(of: execution).levels
    guard depth < levels.count, path.pointee.slot < levels[depth].count, let slots = levels[depth].slots
    else { return .missing }
    return slots[Int(path.pointee.slot)]
  }

  /// All items of a guest are done: it goes to its end, past the state that it is in.
  func endPart(_ fiber: UnsafeMutablePointer<Fiber>) -> StateResult {
    let join = fiber.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: Join.self)
    let grant = grant(of: fiber.pointee.execution)
    grant.answer.results = join.pointee.results + Int(grant.range.lowerBound)
    grant.answer.resultBound = join.pointee.resultBound
    fiber.pointee.suspended = nil
    giveBack(join)
    fiber.pointee.pc = 0
    return .next
  }

  /// Notes how a guest ended, while its data is alive.
  func keepAnswer(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ status: ExecutionStatus, _ error: Value,
    _ cause: Value
  ) {
    let grant = grant(of: execution)
    grant.answer.events = execution.pointee.events &- grant.execution.events
    switch status {
    case .succeeded:
      let root = state.pointee.fibers[execution.pointee.root]
      grant.answer.memory = root.pointee.frame.unsafelyUnwrapped.pointee.arena.detach()
      grant.answer.kind = .succeeded
    case .failed:
      var arena = Arena(pool: state.pointee.pool)
      grant.answer.fault = Fault(
        error: withUnsafeMutablePointer(to: &arena) { error.copy(to: $0) },
        cause: withUnsafeMutablePointer(to: &arena) { cause.copy(to: $0) },
        kind: state.pointee.fault.kind)
      grant.answer.memory = arena.detach()
      grant.answer.kind = .failed
    case .timedOut, .aborted:
      break
    }
  }

  /// The guest and all its own guests have ended, and read nothing of the owner's any more.
  func sendAnswer(_ execution: UnsafeMutablePointer<ExecutionRecord>) {
    state.pointee.sharing.guestCount -= 1
    grant(of: execution).sendAnswer()
  }

  /// The owner wants no more of it.
  func stopGuest(_ grant: Grant) {
    guard let handle = grant.handle else { return }
    abort(handle)
  }
}
