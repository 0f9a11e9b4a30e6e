import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// An execution that does nothing but wait needs no records: not a fiber, not a frame, not
// even its own. It is *dormant* then: a slot of 16 bytes, which handles and its timer name,
// and one block that holds the rest, its data as JSON text.
//
// Most that wait have run a few states since their start, without a name, a time limit or
// variables. Of these the block is 64 bytes and the text; the others have `Details` behind
// the header, and several texts. Whoever is waited for by a token stays awake, since the
// token names a fiber; so does whoever is not alone in its execution.
//
// To wake it is to make the records again. Nothing can tell, except that its fiber is another.

struct DormantExecution {
  var workflow: Unmanaged<WorkflowCore>
  var sink: Unmanaged<CompletionSink>
  var tag: UInt64
  var startedAt: Int64
  var serial: UInt64
  /// When its timer strikes: one that strikes earlier was meant for somebody else.
  var wakeAt: UInt64
  /// When the state was entered, in milliseconds after `startedAt`.
  var enteredAfter: UInt32
  var pc: UInt32
  var events: UInt32
  /// Bytes behind the header, and whether `Details` are the first of them.
  private var sizeAndForm: UInt32

  private static var detailed: UInt32 { 1 << 31 }
  static var headerSize: Int { MemoryLayout<DormantExecution>.size }

  init(
    _ execution: ExecutionRecord, _ fiber: Fiber, wakeAt: UInt64, byteCount: Int, isDetailed: Bool
  ) {
    workflow = execution.workflow
    sink = execution.sink
    tag = execution.tag
    startedAt = execution.startedAt
    serial = execution.serial
    self.wakeAt = wakeAt
    enteredAfter = UInt32(truncatingIfNeeded: fiber.enteredAt &- execution.startedAt)
    pc = fiber.pc
    events = execution.events
    sizeAndForm = UInt32(truncatingIfNeeded: byteCount) | (isDetailed ? Self.detailed : 0)
  }

  @inline(__always) var byteCount: Int { Int(sizeAndForm & ~Self.detailed) }
  @inline(__always) var isDetailed: Bool { sizeAndForm & Self.detailed != 0 }

  /// When the execution's own time is up; 0: never.
  static func deadline(_ block: UnsafeRawPointer) -> UInt64 {
    guard block.load(as: DormantExecution.self).isDetailed else { return 0 }
    return (block + headerSize).load(as: Details.self).deadline
  }

  /// What few of those that wait have.
  struct Details {
    var identity: Unmanaged<ExecutionIdentity>?
    /// Of the execution.
    var deadline: UInt64
    var variableBound: Int
    var bound: Int
    var previousEvent: UInt32
    var enteredEvent: UInt32
    var retryCount: UInt32
    var itemIndex: UInt32
    var slotCount: UInt32
    var phase: Phase
  }
}

// MARK: - Slots

extension Shard {
  @inline(__always)
  func takeSlot(for execution: UnsafeMutablePointer<ExecutionRecord>) -> UInt32 {
    let slot = state.pointee.slots.take()
    slot.pointee.record = execution
    return slot.pointee.index
  }

  @inline(__always)
  func handle(of execution: UnsafeMutablePointer<ExecutionRecord>) -> ExecutionHandle {
    let slot = execution.pointee.slot
    return ExecutionHandle(index: slot, generation: state.pointee.slots[slot].pointee.generation)
  }

  /// Whether the execution that a handle names has not ended.
  func lasts(_ handle: ExecutionHandle) -> Bool {
    state.pointee.slots.resolve(index: handle.index, generation: handle.generation) != nil
  }

  /// The execution that a handle names, woken if it was dormant; nil when it is over. Somebody
  /// other than its timer wants it: it is about to end, or else needs `resetTimer(ofWoken:)`.
  func execution(_ handle: ExecutionHandle) -> UnsafeMutablePointer<ExecutionRecord>? {
    guard let slot = state.pointee.slots.resolve(index: handle.index, generation: handle.generation) else {
      return nil
    }
    return slot.pointee.record ?? wake(slot)?.pointee.execution
  }

  /// The execution whose own time is up, if its timer strikes for it.
  func execution(timeoutOf index: UInt32) -> UnsafeMutablePointer<ExecutionRecord>? {
    let slot = state.pointee.slots[index]
    guard slot.pointee.isInUse else { return nil }
    let now = state.pointee.now
    if let block = slot.pointee.block {
      let deadline = DormantExecution.deadline(block)
      guard deadline != 0, deadline <= now else { return nil }
      return wake(slot)?.pointee.execution
    }
    guard let execution = slot.pointee.record, execution.pointee.isLive, execution.pointee.deadline != 0,
      execution.pointee.deadline <= now
    else { return nil }
    return execution
  }

  func phaseIfDormant(_ handle: ExecutionHandle) -> Phase? {
    guard let slot = state.pointee.slots.resolve(index: handle.index, generation: handle.generation),
      let block = slot.pointee.block
    else { return nil }
    guard block.load(as: DormantExecution.self).isDetailed else { return .waiting }
    return (block + DormantExecution.headerSize).load(as: DormantExecution.Details.self).phase
  }
}

// MARK: - Lying down

extension Shard {
  /// Whether a fiber that is to wait is all there is of its execution.
  @inline(__always)
  func canLieDown(_ fiber: UnsafeMutablePointer<Fiber>) -> Bool {
    let execution = fiber.pointee.execution
    return fiber.pointee.parent == nil && !execution.pointee.isGuest
      && execution.pointee.guestsOut == 0 && fiber.pointee.attempts == nil && !execution.pointee.isDoomed
      // 49 days: after that the difference does not fit.
      && UInt64(bitPattern: fiber.pointee.enteredAt &- execution.pointee.startedAt) <= UInt64(UInt32.max)
      && fiber.pointee.frame.unsafelyUnwrapped.pointee.bound < 1 << 28
      && execution.pointee.variableBound < 1 << 28
  }

  /// Makes an execution dormant. Its records are gone afterwards.
  func layDown(_ fiber: UnsafeMutablePointer<Fiber>, _ phase: Phase, until deadline: UInt64) {
    let execution = fiber.pointee.execution
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let headerSize = DormantExecution.headerSize
    let isPlain =
      phase == .waiting && execution.pointee.identity == nil && execution.pointee.deadline == 0
      && execution.pointee.variableBound == 0 && frame.pointee.slotCount == 0
      && frame.pointee.item.isMissing && frame.pointee.input.isMissing && fiber.pointee.retryCount == 0
      && fiber.pointee.previousEvent == execution.pointee.events
      && fiber.pointee.enteredEvent == execution.pointee.events
    state.pointee.output.pointee.removeAll()
    state.pointee.output.pointee.skip(headerSize)
    if _fastPath(isPlain) {
      state.pointee.writer.pointee.write(frame.pointee.data, to: &state.pointee.output.pointee)
    } else {
      writeDetails(fiber, execution, frame, phase)
    }
    let text = state.pointee.output.pointee.bytes
    let block = state.pointee.blocks.take(text.count)
    memcpy(
      block + headerSize, text.baseAddress.unsafelyUnwrapped + headerSize, text.count &- headerSize)
    block.storeBytes(
      of: DormantExecution(
        execution.pointee, fiber.pointee, wakeAt: deadline, byteCount: text.count &- headerSize,
        isDetailed: !isPlain),
      as: DormantExecution.self)

    // Whoever nobody listens to any more need not be kept to listen.
    if execution.pointee.sink._withUnsafeGuaranteedRef({ $0.canBeUnheard }) { replaceUnheardSink(of: block) }

    let slot = execution.pointee.slot
    state.pointee.slots[slot].pointee.block = block
    state.pointee.wheel.schedule(slot | ShardState.timerIsDormant, at: deadline)
    fiber.pointee.phase = .free
    fiber.pointee.deadline = 0
    fiber.pointee.frame = nil
    giveBack(frame)
    state.pointee.fibers.giveBack(fiber)
    execution.pointee.isLive = false
    state.pointee.executions.giveBack(execution)
  }

  private func writeDetails(
    _ fiber: UnsafeMutablePointer<Fiber>, _ execution: UnsafeMutablePointer<ExecutionRecord>,
    _ frame: UnsafeMutablePointer<Frame>, _ phase: Phase
  ) {
    let details = DormantExecution.Details(
      identity: execution.pointee.identity, deadline: execution.pointee.deadline,
      variableBound: execution.pointee.variableBound, bound: frame.pointee.bound,
      previousEvent: fiber.pointee.previousEvent, enteredEvent: fiber.pointee.enteredEvent,
      retryCount: fiber.pointee.retryCount, itemIndex: frame.pointee.itemIndex,
      slotCount: frame.pointee.slotCount, phase: phase)
    let size = MemoryLayout<DormantExecution.Details>.stride
    let memory = state.pointee.output.pointee.reserve(size)
    memory.storeBytes(of: details, as: DormantExecution.Details.self)
    state.pointee.output.pointee.commit(memory + size)
    freeze(frame.pointee.data)
    freeze(frame.pointee.item)
    freeze(frame.pointee.input)
    if let slots = frame.pointee.slots {
      for position in 0..<Int(frame.pointee.slotCount) { freeze(slots[position]) }
    }
  }

  /// Puts the runtime's own sink in the place of one that only this execution holds.
  private func replaceUnheardSink(of block: UnsafeMutableRawPointer) {
    let header = block.assumingMemoryBound(to: DormantExecution.self)
    var sink = header.pointee.sink.takeRetainedValue()
    if isKnownUniquelyReferenced(&sink), let substitute = sink.whenUnheard {
      header.pointee.sink = Unmanaged.passRetained(substitute)
    } else {
      header.pointee.sink = Unmanaged.passRetained(sink)
    }
  }

  // MARK: - Waking

  @inline(__always)
  func prefetchDormant(_ index: UInt32) {
    guard let block = state.pointee.slots[index].pointee.block else { return }
    stepmill_prefetch(block)
    stepmill_prefetch(block + 64)
  }

  /// A dormant execution's timer struck, or one that was meant for somebody before it.
  func strikeDormant(_ index: UInt32) {
    let slot = state.pointee.slots[index]
    guard let block = slot.pointee.block,
      block.assumingMemoryBound(to: DormantExecution.self).pointee.wakeAt <= state.pointee.now,
      let fiber = wake(slot)
    else {
      state.pointee.staleTimers = max(0, state.pointee.staleTimers &- 1)
      return
    }
    state.pointee.counters.pointee.waiting.add(-1)
    fiber.pointee.deadline = 0
    makeReady(fiber, fiber.pointee.phase == .waiting ? .waited : .retry)
  }

  /// Makes the records of a dormant execution again. Its fiber waits as it did before; its timer
  /// still names the slot, and will find nothing.
  private func wake(_ slot: UnsafeMutablePointer<ExecutionSlot>) -> UnsafeMutablePointer<Fiber>? {
    guard let block = slot.pointee.block else { return nil }
    let header = block.load(as: DormantExecution.self)
    let execution = state.pointee.executions.take()
    let index = execution.pointee.index
    let generation = execution.pointee.generation
    execution.initialize(
      to: ExecutionRecord(
        workflow: header.workflow, sink: header.sink, tag: header.tag, identity: nil,
        startedAt: header.startedAt, deadline: 0, serial: header.serial, origin: state.pointee.number,
        events: header.events, root: 0, slot: slot.pointee.index, index: index, generation: generation,
        nextFree: 0, variableBound: 0, isLive: true,
        isRecorded: header.workflow._withUnsafeGuaranteedRef { $0.isRecorded }))
    slot.pointee.record = execution
    let fiber = takeFiber(of: execution, pc: header.pc)
    execution.pointee.root = fiber.pointee.index
    fiber.pointee.isRoot = true
    fiber.pointee.enteredAt = header.startedAt &+ Int64(header.enteredAfter)
    fiber.pointee.previousEvent = header.events
    fiber.pointee.enteredEvent = header.events
    fiber.pointee.deadline = header.wakeAt
    fiber.pointee.phase = .waiting
    let frame = takeFrame()
    frame.initialize(
      to: Frame(
        arena: Arena(pool: state.pointee.pool), data: .missing, result: .missing, cause: .missing, slots: nil,
        slotCount: 0, faultKind: .task, item: .missing, itemIndex: 0, input: .missing, assigned: .missing,
        bound: header.byteCount, compactAt: Frame.compactionFloor, timeoutAt: 0, heartbeatMilliseconds: 0,
        nextFree: nil))
    fiber.pointee.frame = frame
    let content = UnsafeRawPointer(block + DormantExecution.headerSize)
    if _fastPath(!header.isDetailed) {
      frame.pointee.data = thaw(content, header.byteCount, Frame.arena(of: frame))
    } else {
      readDetails(content, fiber, execution, frame)
    }
    state.pointee.blocks.giveBack(block, DormantExecution.headerSize &+ header.byteCount)
    return fiber
  }

  /// Lets an execution that was woken before its time wait on, frozen as all that wait are.
  func resetTimer(ofWoken execution: UnsafeMutablePointer<ExecutionRecord>) {
    let fiber = state.pointee.fibers[execution.pointee.root]
    freeze(fiber)
    setTimer(fiber, at: fiber.pointee.deadline)
  }

  private func readDetails(
    _ content: UnsafeRawPointer, _ fiber: UnsafeMutablePointer<Fiber>,
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ frame: UnsafeMutablePointer<Frame>
  ) {
    let details = content.load(as: DormantExecution.Details.self)
    execution.pointee.identity = details.identity
    execution.pointee.deadline = details.deadline
    execution.pointee.variableBound = details.variableBound
    fiber.pointee.previousEvent = details.previousEvent
    fiber.pointee.enteredEvent = details.enteredEvent
    fiber.pointee.retryCount = details.retryCount
    fiber.pointee.phase = details.phase
    frame.pointee.bound = details.bound
    frame.pointee.itemIndex = details.itemIndex
    frame.pointee.slotCount = details.slotCount
    let arena = Frame.arena(of: frame)
    var cursor = content + MemoryLayout<DormantExecution.Details>.stride
    frame.pointee.data = thaw(&cursor, arena)
    frame.pointee.item = thaw(&cursor, arena)
    frame.pointee.input = thaw(&cursor, arena)
    if details.slotCount > 0 {
      let slots = arena.pointee.elements(Int(details.slotCount))
      for position in 0..<Int(details.slotCount) { slots[position] = thaw(&cursor, arena) }
      frame.pointee.slots = slots
    }
  }
}
