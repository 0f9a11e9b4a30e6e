import CIntrinsics
import Synchronization

// A shard: all executions of one loop, and what runs them.
//
// The shard decides, the loop does. It never reads a clock, opens a socket or draws from
// the system's randomness: its driver sets `now`, hands in a seed, performs the calls that
// gather in `calls`, and reports their results. So the same code runs under a libuv loop,
// on a caller's own thread, and in a simulation with a clock that is moved by hand.
//
// Everything here is touched by one thread at a time. `Shard` is the address of the state
// with methods: passing it costs a register, and reaching through it needs neither
// retain nor exclusivity check.

struct ShardState: ~Copyable {
  let pool: UnsafeMutablePointer<ChunkPool>
  /// One for each execution, dormant or not.
  var slots = RecordPool<ExecutionSlot>()
  var executions = RecordPool<ExecutionRecord>()
  var fibers = RecordPool<Fiber>()
  var freeFrames: UnsafeMutablePointer<Frame>?
  var freeJoins: UnsafeMutablePointer<Join>?
  /// Fibers that can go on, by index, in the order in which they became ready.
  var ready = Ring<UInt32>()
  /// The same for the executions that take what others leave, where the driver tells the two
  /// apart: see `Loop.runBackground`.
  var background = Ring<UInt32>()
  var hasBackground = false
  /// See `Credit`. Only where a driver closes them at the end of each turn.
  var workflowCredit = Credit()
  var sinkCredit = Credit()
  var givesCredit = false
  var wheel: TimerWheel
  /// Timers in the wheel that nobody waits for any more.
  var staleTimers = 0
  /// The loop's clock, in milliseconds; set by the driver.
  var now: UInt64
  /// What turns `now` into milliseconds since 1970.
  var wallOffset: Int64
  /// Tools, each at an address of its own so that it can be handed on.
  let random: UnsafeMutablePointer<RandomSource>
  let parser: UnsafeMutablePointer<JSONParser>
  /// Reads frozen states, which may be nested deeper than inputs are allowed to be.
  let thawParser: UnsafeMutablePointer<JSONParser>
  let writer: UnsafeMutablePointer<JSONWriter>
  /// What the writer writes to.
  let output: UnsafeMutablePointer<OutputBuffer>
  /// What the event that is being told has to say: see `EventRecord`.
  let event: UnsafeMutablePointer<OutputBuffer>
  let told: UnsafeMutablePointer<ToldData>
  /// The fault that made a function return "no".
  var fault = Fault.none
  /// Calls of handlers that the driver is to begin, and those it is to cancel. The former are
  /// retained by their fibers, or else they are among the latter.
  var calls: [Unmanaged<TaskInvocation>] = []
  var cancellations: [TaskInvocation] = []
  var freeInvocations: [TaskInvocation] = []
  /// Outlives the shard, for those who still read it: see `destroy`.
  let counters: UnsafeMutablePointer<Counters>
  /// Told apart from every other shard of the process: part of what makes names unique.
  let number: UInt32
  var nextSerial: UInt64 = 1
  /// Frozen states and dormant executions.
  var blocks = BlockPool()
  /// What task tokens are signed with.
  let tokenKey: SipHash
  /// Transitions that a fiber may make before others get their turn.
  var fuel = 512
  /// What it takes to evaluate JSONata, at an address of its own.
  let expressions: UnsafeMutablePointer<ExpressionState>
  /// Where a task's arguments gather while a template is evaluated.
  var bound = 0
  var dueBuffer: UnsafeMutablePointer<UInt32>
  /// There are other loops that may take part in a Map.
  var canShare = false
  /// What concerns Maps that several loops work on: see `Shard+Sharing`.
  var sharing = SharingState()
  /// The runs of Distributed Maps, by their fibers; their number apart, since most shards have
  /// none and ask often.
  var mapRuns: [UInt32: DistributedMapRun] = [:]
  var mapRunCount = 0
  /// What is kept of Parallels and Maps that failed, and of those that are to go on after a redrive,
  /// by their fibers: see `ResumePoint`.
  var stoppedJoins: [UInt32: StoppedJoin] = [:]
  var stoppedJoinCount = 0
  /// What an ItemSelector of a Distributed Map sees of its item beside the value and the index.
  var mapItem = (key: Value.missing, source: Value.missing)
  /// The loop that drives the shard; nil where somebody does so by hand.
  unowned(unsafe) var driver: Loop?

  static let dueBatch = 256
  static let invocationsKept = 1024
  /// Fewer stale timers than this are not worth a sweep.
  static let staleTimersMin = 1024
  /// What a timer's number is the index of: a slot whose execution's own time is up, a slot
  /// whose execution is dormant; a fiber where neither is set.
  static let timerIsExecution: UInt32 = 1 << 31
  static let timerIsDormant: UInt32 = 1 << 30

  init(number: UInt32, now: UInt64, wallMilliseconds: Int64, seed: UInt64, tokenKey: SipHash) {
    self.tokenKey = tokenKey
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    // On cache lines of their own: next to another loop's they would be fetched back for each state.
    counters = UnsafeMutableRawPointer.allocate(
      byteCount: max(128, MemoryLayout<Counters>.stride), alignment: 128
    ).bindMemory(to: Counters.self, capacity: 1)
    counters.initialize(to: Counters())
    wheel = TimerWheel(now: now)
    self.now = now
    wallOffset = wallMilliseconds - Int64(now)
    random = .allocate(capacity: 1)
    random.initialize(to: RandomSource(seed: seed))
    parser = .allocate(capacity: 1)
    parser.initialize(to: JSONParser())
    thawParser = .allocate(capacity: 1)
    thawParser.initialize(to: JSONParser(maximumDepth: .max))
    writer = .allocate(capacity: 1)
    writer.initialize(to: JSONWriter())
    output = .allocate(capacity: 1)
    output.initialize(to: OutputBuffer())
    event = .allocate(capacity: 1)
    event.initialize(to: OutputBuffer())
    told = .allocate(capacity: 1)
    told.initialize(to: ToldData())
    self.number = number
    expressions = .allocate(capacity: 1)
    expressions.initialize(to: ExpressionState(random: random))
    dueBuffer = .allocate(capacity: Self.dueBatch)
  }

  deinit {
    dueBuffer.deallocate()
    var frame = freeFrames
    while let free = frame {
      frame = free.pointee.nextFree
      free.deallocate()
    }
    var join = freeJoins
    while let free = join {
      join = free.pointee.nextFree
      free.deallocate()
    }
    pool.deinitialize(count: 1)
    pool.deallocate()
    expressions.pointee.release()
    expressions.deallocate()
    random.deallocate()
    parser.deinitialize(count: 1)
    parser.deallocate()
    thawParser.deinitialize(count: 1)
    thawParser.deallocate()
    writer.deinitialize(count: 1)
    writer.deallocate()
    output.deinitialize(count: 1)
    output.deallocate()
    event.deinitialize(count: 1)
    event.deallocate()
    told.deinitialize(count: 1)
    told.deallocate()
  }
}

/// What a shard has done: written by its loop, read by any thread. Apart from the rest of the
/// state, and all `let`, since changing a variable beside an atomic is an access to both.
struct Counters: ~Copyable {
  let started = Counter()
  let succeeded = Counter()
  let failed = Counter()
  let timedOut = Counter()
  let aborted = Counter()
  let transitions = Counter()
  let retries = Counter()
  /// Fibers that are parked on a timer or a token.
  let waiting = Counter()
  /// Bytes of arenas, frozen states and records in use, as of the last turn.
  let bytes = Counter()
}

/// A number with one writer. A relaxed load and store are plain moves; an atomic addition
/// would lock the bus to keep out a second writer that there is not.
struct Counter: ~Copyable {
  private let number = Atomic<Int>(0)

  @inline(__always)
  func add(_ change: Int) { set(value &+ change) }

  @inline(__always)
  func set(_ value: Int) { number.store(value, ordering: .relaxed) }

  @inline(__always)
  var value: Int { number.load(ordering: .relaxed) }
}

/// Retains of one object, a workflow or a sink, that its next executions take over: left by those
/// that end, and made in one go for those that begin. What comes by the million begins and ends
/// in the same turn of its loop, and each retain would be an addition to a word that all loops
/// write to. A loop closes it at the end of its turn, so nobody is kept longer than that.
struct Credit {
  private(set) var object: UnsafeMutableRawPointer?
  private(set) var count: UInt32 = 0

  /// One retain for whoever asks; false if there is none to have here.
  @inline(__always)
  mutating func take(_ object: UnsafeMutableRawPointer) -> Bool {
    guard self.object == object, count > 0 else { return false }
    count &-= 1
    return true
  }

  /// Leaves a retain here; false if it is another object's place.
  @inline(__always)
  mutating func leave(_ object: UnsafeMutableRawPointer) -> Bool {
    if self.object == nil { self.object = object }
    guard self.object == object else { return false }
    count &+= 1
    return true
  }

  /// Retains an object so many times at least.
  mutating func open(_ object: UnsafeMutableRawPointer, _ wanted: UInt32) {
    if self.object != object { close() }
    self.object = object
    guard count < wanted else { return }
    stepmill_retain_n(object, wanted &- count)
    count = wanted
  }

  /// Ends a loan: what was left here first was not retained.
  @inline(__always)
  mutating func takeBack() {
    let left = self
    self = Credit()
    if _fastPath(left.count == 1) { return }
    guard let object = left.object else { return }
    if left.count == 0 { stepmill_retain_n(object, 1) } else { stepmill_release_n(object, left.count &- 1) }
  }

  mutating func close() {
    let left = self
    self = Credit()
    if left.count > 0, let object = left.object { stepmill_release_n(object, left.count) }
  }
}

struct Shard {
  let state: UnsafeMutablePointer<ShardState>

  init(number: UInt32, now: UInt64, wallMilliseconds: Int64, seed: UInt64, tokenKey: SipHash) {
    state = .allocate(capacity: 1)
    state.initialize(
      to: ShardState(
        number: number, now: now, wallMilliseconds: wallMilliseconds, seed: seed, tokenKey: tokenKey))
  }

  /// Frees the shard, except for its counters. All its executions must have ended.
  func destroy() {
    state.pointee.counters.pointee.bytes.set(0)
    state.deinitialize(count: 1)
    state.deallocate()
  }

  @inline(__always) var wallNow: Int64 { Int64(state.pointee.now) &+ state.pointee.wallOffset }

  /// Says what time of day it is. What clocks read in whole milliseconds differ in is no change of it:
  /// events that follow each other should not seem to go back.
  func adjust(wallMilliseconds: Int64) {
    let offset = wallMilliseconds &- Int64(state.pointee.now)
    if abs(offset &- state.pointee.wallOffset) > 1 { state.pointee.wallOffset = offset }
  }

  /// Brings the byte count of the counters up to date.
  @inline(__always)
  func noteBytes() {
    let records =
      state.pointee.fibers.count &* MemoryLayout<Fiber>.stride
      &+ state.pointee.executions.count &* MemoryLayout<ExecutionRecord>.stride
      &+ state.pointee.slots.count &* MemoryLayout<ExecutionSlot>.stride
    state.pointee.counters.pointee.bytes.set(
      state.pointee.pool.pointee.bytesUsed &+ state.pointee.blocks.bytesUsed &+ records)
  }

  /// Executions that have not ended.
  var executionCount: Int { state.pointee.slots.count }
  var hasReadyWork: Bool { !state.pointee.ready.isEmpty || hasBackgroundWork }
  var hasBackgroundWork: Bool {
    @inline(__always) get { !state.pointee.background.isEmpty }
  }
}

// MARK: Records

extension Shard {
  @inline(__always)
  func takeFrame() -> UnsafeMutablePointer<Frame> {
    if let frame = state.pointee.freeFrames {
      state.pointee.freeFrames = frame.pointee.nextFree
      return frame
    }
    return UnsafeMutablePointer<Frame>.allocate(capacity: 1)
  }

  /// Ends a frame and all data that is in its arena.
  @inline(__always)
  func giveBack(_ frame: UnsafeMutablePointer<Frame>) {
    frame.pointee.arena.release()
    frame.pointee.nextFree = state.pointee.freeFrames
    state.pointee.freeFrames = frame
  }

  @inline(__always)
  func takeJoin() -> UnsafeMutablePointer<Join> {
    if let join = state.pointee.freeJoins {
      state.pointee.freeJoins = join.pointee.nextFree
      return join
    }
    return UnsafeMutablePointer<Join>.allocate(capacity: 1)
  }

  @inline(__always)
  func giveBack(_ join: UnsafeMutablePointer<Join>) {
    join.pointee.nextFree = state.pointee.freeJoins
    state.pointee.freeJoins = join
  }

  /// Readies a frame for a fiber that runs `machine`.
  @inline(__always)
  func initialize(
    _ frame: UnsafeMutablePointer<Frame>, arena: Arena, data: Value, bound: Int,
    machine: UnsafePointer<MachineOp>
  ) {
    frame.initialize(
      to: Frame(
        arena: arena, data: data, result: .missing, cause: .missing, slots: nil,
        slotCount: machine.pointee.variableCount, faultKind: .task, item: .missing, itemIndex: 0,
        input: .missing, assigned: .missing,
        bound: bound, compactAt: Frame.compactionFloor, timeoutAt: 0, heartbeatMilliseconds: 0,
        nextFree: nil))
    if machine.pointee.variableCount > 0 {
      let slots = frame.pointee.arena.elements(Int(machine.pointee.variableCount))
      slots.initialize(repeating: .missing, count: Int(machine.pointee.variableCount))
      frame.pointee.slots = slots
    }
  }

  @inline(__always)
  func takeFiber(
    of execution: UnsafeMutablePointer<ExecutionRecord>, pc: UInt32
  ) -> UnsafeMutablePointer<Fiber> {
    let fiber = state.pointee.fibers.take()
    let index = fiber.pointee.index
    let generation = fiber.pointee.generation
    fiber.initialize(
      to: Fiber(
        execution: execution, frame: nil, parent: nil, suspended: nil, attempts: nil, call: nil, deadline: 0,
        enteredAt: 0, pc: pc, childIndex: 0, index: index, generation: generation, previousEvent: 0,
        enteredEvent: 0, retryCount: 0, callSerial: 0, nextSibling: 0, previousSibling: 0, phase: .ready,
        resumption: .enter, nextFree: 0, heartbeatIsNext: false, isRoot: false))
    return fiber
  }
}

extension Frame {
  /// Arenas smaller than this are never compacted.
  static let compactionFloor = 16 << 10
}

// MARK: Starting

extension Shard {
  /// Retains both so often at least, for as many executions that begin now.
  func openCredit(_ workflow: Unmanaged<WorkflowCore>, _ sink: Unmanaged<CompletionSink>, _ count: Int) {
    let wanted = UInt32(truncatingIfNeeded: count)
    state.pointee.workflowCredit.open(workflow.toOpaque(), wanted)
    state.pointee.sinkCredit.open(sink.toOpaque(), wanted)
  }

  /// Not to be called while an execution runs.
  @inline(__always)
  func closeCredit() {
    if state.pointee.sinkCredit.object != nil { state.pointee.sinkCredit.close() }
    if state.pointee.workflowCredit.object != nil { state.pointee.workflowCredit.close() }
  }

  /// What `letGo` undoes.
  @inline(__always)
  func keep(_ workflow: Unmanaged<WorkflowCore>, _ sink: Unmanaged<CompletionSink>) {
    if !state.pointee.workflowCredit.take(workflow.toOpaque()) { _ = workflow.retain() }
    if !state.pointee.sinkCredit.take(sink.toOpaque()) { _ = sink.retain() }
  }

  /// Lends the shard a workflow and a sink, which the caller keeps, for one execution that is likely
  /// to end before `takeBack`: then nothing was retained.
  @inline(__always)
  func lend(_ workflow: WorkflowCore, _ sink: CompletionSink) {
    state.pointee.givesCredit = true
    _ = state.pointee.workflowCredit.leave(Unmanaged.passUnretained(workflow).toOpaque())
    _ = state.pointee.sinkCredit.leave(Unmanaged.passUnretained(sink).toOpaque())
  }

  @inline(__always)
  func takeBack() {
    state.pointee.givesCredit = false
    state.pointee.workflowCredit.takeBack()
    state.pointee.sinkCredit.takeBack()
  }

  @inline(__always)
  func letGo(_ workflow: Unmanaged<WorkflowCore>, _ sink: Unmanaged<CompletionSink>) {
    if state.pointee.givesCredit {
      // A sink of one execution is not used again, and whoever waits for its end should not wait for more.
      if !sink._withUnsafeGuaranteedRef({ $0.isForMany }) || !state.pointee.sinkCredit.leave(sink.toOpaque())
      {
        sink.release()
      }
      if !state.pointee.workflowCredit.leave(workflow.toOpaque()) { workflow.release() }
    } else {
      sink.release()
      workflow.release()
    }
  }

  /// What a caller gives for a new execution.
  struct Start: BitwiseCopyable {
    let workflow: Unmanaged<WorkflowCore>
    let sink: Unmanaged<CompletionSink>
    let identity: Unmanaged<ExecutionIdentity>?
    var tag: UInt64
    /// The execution takes over what the caller holds of the workflow, the sink and the identity.
    var isOwned = false

    init(
      _ workflow: Unmanaged<WorkflowCore>, _ sink: Unmanaged<CompletionSink>,
      _ identity: Unmanaged<ExecutionIdentity>?, tag: UInt64, isOwned: Bool
    ) {
      self.workflow = workflow
      self.sink = sink
      self.identity = identity
      self.tag = tag
      self.isOwned = isOwned
    }

    /// Calls `body` with a start of which everything exists until it returns. Nothing is retained
    /// for that: it is a counter that all threads would write to.
    @inline(__always)
    static func with<Result, Failure: Error>(
      _ workflow: WorkflowCore, _ sink: CompletionSink, tag: UInt64 = 0, identity: ExecutionIdentity? = nil,
      _ body: (Start) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      defer {
        withExtendedLifetime(workflow) {}
        withExtendedLifetime(sink) {}
        withExtendedLifetime(identity) {}
      }
      return try body(
        Start(
          .passUnretained(workflow), .passUnretained(sink), identity.map { .passUnretained($0) }, tag: tag,
          isOwned: false))
    }

    @inline(__always) var tables: UnsafePointer<ProgramTables> {
      workflow._withUnsafeGuaranteedRef { $0.tables }
    }
    @inline(__always) var program: Program { workflow._withUnsafeGuaranteedRef { $0.program } }
    @inline(__always) var payloadBytesMax: Int {
      workflow._withUnsafeGuaranteedRef { $0.limits.payloadBytesMax }
    }
    @inline(__always) var nestingMax: Int { workflow._withUnsafeGuaranteedRef { $0.limits.nestingMax } }
  }

  /// Starts an execution whose input is JSON text; it becomes ready, and runs when the
  /// driver lets the shard run. Returns nil where the text is not JSON.
  ///
  /// The text is copied: the caller's buffer is free when this returns.
  func start(
    _ start: Start, text: UnsafeRawBufferPointer
  ) throws(JSONSyntaxError) -> UnsafeMutablePointer<Fiber> {
    let size = text.count
    var arena = Arena(pool: state.pointee.pool, reserving: size &* 4 &+ JSONParser.padding)
    let copy = arena.allocate(size &+ JSONParser.padding)
    if let base = text.baseAddress { copy.copyMemory(from: base, byteCount: size) }
    let frame = takeFrame()
    let machine = start.tables.pointee.machines + 1
    initialize(frame, arena: arena, data: .missing, bound: size, machine: machine)
    state.pointee.parser.pointee.maximumDepth = max(1, start.nestingMax)
    do {
      frame.pointee.data = try state.pointee.parser.pointee.parse(
        UnsafeRawBufferPointer(start: copy, count: size), into: Frame.arena(of: frame))
    } catch {
      giveBack(frame)
      throw error
    }
    return begin(start, frame)
  }

  /// The same for text in an array.
  func start(
    _ start: Start, text: [UInt8]
  ) throws(JSONSyntaxError) -> UnsafeMutablePointer<Fiber> {
    let span = text.span
    return try unsafe span.withUnsafeBytes { bytes throws(JSONSyntaxError) in
      try self.start(start, text: bytes)
    }
  }

  /// Starts an execution whose input is a value that somebody else owns; it is copied.
  func start(
    _ start: Start, copying input: Value, isRedrive: Bool = false
  ) -> UnsafeMutablePointer<Fiber> {
    let frame = takeFrame()
    let machine = start.tables.pointee.machines + 1
    initialize(frame, arena: Arena(pool: state.pointee.pool), data: .missing, bound: 0, machine: machine)
    frame.pointee.data = input.copy(to: Frame.arena(of: frame))
    frame.pointee.bound = frame.pointee.data.serializedSize(upTo: start.payloadBytesMax)
    return begin(start, frame, isRedrive: isRedrive)
  }

  private func begin(
    _ start: Start, _ frame: UnsafeMutablePointer<Frame>, isRedrive: Bool = false
  ) -> UnsafeMutablePointer<Fiber> {
    // Kept by the caller, and from here on by the execution.
    let (tables, isRecorded, seconds, readsInput) = start.workflow._withUnsafeGuaranteedRef {
      ($0.tables, $0.isRecorded, $0.timeoutSeconds, $0.program.readsExecutionInput)
    }
    let execution = state.pointee.executions.take()
    let index = execution.pointee.index
    let generation = execution.pointee.generation
    let slot = takeSlot(for: execution)
    let serial = state.pointee.nextSerial
    state.pointee.nextSerial = serial &+ 1
    if !start.isOwned {
      keep(start.workflow, start.sink)
      _ = start.identity?.retain()
    }
    execution.initialize(
      to: ExecutionRecord(
        workflow: start.workflow, sink: start.sink, tag: start.tag,
        identity: start.identity, startedAt: wallNow, deadline: 0,
        serial: serial, origin: state.pointee.number, events: 1, root: 0, slot: slot, index: index,
        generation: generation, nextFree: 0,
        variableBound: 0, isLive: true,
        isRecorded: isRecorded))
    let fiber = takeFiber(of: execution, pc: tables.pointee.machines[1].start)
    fiber.pointee.frame = frame
    fiber.pointee.isRoot = true
    execution.pointee.root = fiber.pointee.index
    if readsInput { frame.pointee.input = frame.pointee.data }
    state.pointee.counters.pointee.started.add(1)
    if let seconds {
      let deadline = state.pointee.now &+ UInt64(seconds) &* 1000
      execution.pointee.deadline = deadline
      state.pointee.wheel.schedule(slot | ShardState.timerIsExecution, at: deadline)
    }
    if execution.pointee.isRecorded && !isRedrive { recordStarted(fiber) }
    if _slowPath(frame.pointee.bound > start.payloadBytesMax) { refuseInput(fiber) }
    return fiber
  }

  /// The input may be too large. If it is, the execution fails before its first state.
  @inline(never)
  private func refuseInput(_ fiber: UnsafeMutablePointer<Fiber>) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    frame.pointee.bound = frame.pointee.data.serializedSize(upTo: limit)
    guard frame.pointee.bound > limit else { return }
    leaveFault(
      fiber,
      fault(
        fiber, ErrorName.dataLimitExceeded, "The execution's input exceeds the limit of \(limit) bytes.",
        .runtime))
    frame.pointee.data = .null
    fiber.pointee.resumption = .bornFailed
  }

  func makeReady(_ fiber: UnsafeMutablePointer<Fiber>, _ resumption: Resumption) {
    fiber.pointee.phase = .ready
    fiber.pointee.resumption = resumption
    enqueue(fiber)
  }

  /// The same where it is rare, and must not cost those who call it a register.
  @inline(never)
  func requeue(_ fiber: UnsafeMutablePointer<Fiber>) { enqueue(fiber) }

  /// Puts a ready fiber into the line of its class.
  @inline(__always)
  func enqueue(_ fiber: UnsafeMutablePointer<Fiber>) {
    if _slowPath(fiber.pointee.execution.pointee.sink._withUnsafeGuaranteedRef { $0.isBackground }),
      state.pointee.hasBackground
    {
      state.pointee.background.append(fiber.pointee.index)
    } else {
      state.pointee.ready.append(fiber.pointee.index)
    }
  }
}

extension Frame {
  /// The address of a frame's arena, for code that allocates while it holds the frame.
  @inline(__always)
  static func arena(of frame: UnsafeMutablePointer<Frame>) -> UnsafeMutablePointer<Arena> {
    UnsafeMutableRawPointer(frame).assumingMemoryBound(to: Arena.self)
  }
}

// MARK: Running

extension Shard {
  /// Runs ready fibers until none is left or `fibersMax` had their turn.
  func runReady(fibersMax: Int = .max) {
    var left = fibersMax
    while left > 0, let index = state.pointee.ready.popFirst() {
      left &-= 1
      let fiber = state.pointee.fibers[index]
      // A fiber that was ended while it stood in the ring is gone; its record may serve
      // another one by now, which then stands in the ring itself.
      guard fiber.pointee.phase == .ready else { continue }
      run(fiber)
    }
  }

  /// The same for the fibers that take what others leave.
  func runBackground(fibersMax: Int) {
    var left = fibersMax
    while left > 0, let index = state.pointee.background.popFirst() {
      left &-= 1
      let fiber = state.pointee.fibers[index]
      guard fiber.pointee.phase == .ready else { continue }
      run(fiber)
    }
  }

  /// Lets timers strike that are due, then readies what they wake. Returns how many struck;
  /// fewer than `timersMax` (rounded up to whole batches) means that none is left that is due.
  @discardableResult
  func advance(timersMax: Int = .max) -> Int {
    var struck = 0
    while struck < timersMax {
      let due = state.pointee.dueBuffer
      let limit = min(ShardState.dueBatch, timersMax &- struck)
      let count = state.pointee.wheel.popDue(state.pointee.now, into: due, limit: limit)
      // A million dormant executions lie anywhere but in the cache.
      for position in 0..<count where due[position] & ShardState.timerIsDormant != 0 {
        stepmill_prefetch(state.pointee.slots[due[position] & ~ShardState.timerIsDormant])
      }
      for position in 0..<count where due[position] & ShardState.timerIsDormant != 0 {
        prefetchDormant(due[position] & ~ShardState.timerIsDormant)
      }
      for position in 0..<count { strike(due[position]) }
      struck &+= count
      if count < limit { break }
    }
    return struck
  }

  private func strike(_ timer: UInt32) {
    if timer & ShardState.timerIsDormant != 0 {
      return strikeDormant(timer & ~ShardState.timerIsDormant)
    }
    if timer & ShardState.timerIsExecution != 0 {
      guard let execution = execution(timeoutOf: timer & ~ShardState.timerIsExecution) else {
        return staleTimerStruck()
      }
      execution.pointee.deadline = 0
      end(execution, .timedOut, error: ErrorName.timeout, cause: .missing)
      return
    }
    let fiber = state.pointee.fibers[timer]
    guard fiber.pointee.deadline != 0, fiber.pointee.deadline <= state.pointee.now else {
      return staleTimerStruck()
    }
    fiber.pointee.deadline = 0
    switch fiber.pointee.phase {
    case .waiting:
      state.pointee.counters.pointee.waiting.add(-1)
      makeReady(fiber, .waited)
    case .backingOff:
      state.pointee.counters.pointee.waiting.add(-1)
      makeReady(fiber, .retry)
    case .handling, .awaitingToken:
      taskTimedOut(fiber)
    case .free, .ready, .joining, .mapRunning:
      break
    }
  }

  /// Sets a fiber's timer, in the place of one that was set before.
  func setTimer(_ fiber: UnsafeMutablePointer<Fiber>, at deadline: UInt64) {
    cancelTimer(fiber)
    fiber.pointee.deadline = deadline
    state.pointee.wheel.schedule(fiber.pointee.index, at: deadline)
  }

  /// Forgets a fiber's timer, if it has one.
  @inline(__always)
  func cancelTimer(_ fiber: UnsafeMutablePointer<Fiber>) {
    guard fiber.pointee.deadline != 0 else { return }
    fiber.pointee.deadline = 0
    timerIsStale()
  }

  /// A timer was forgotten by whoever it is for, and lies in the wheel still.
  func timerIsStale() {
    state.pointee.staleTimers &+= 1
    if _slowPath(state.pointee.staleTimers >= ShardState.staleTimersMin),
      state.pointee.staleTimers > state.pointee.wheel.count / 2
    {
      sweepTimers()
    }
  }

  private func staleTimerStruck() { state.pointee.staleTimers = max(0, state.pointee.staleTimers &- 1) }

  @inline(never)
  private func sweepTimers() {
    state.pointee.staleTimers = 0
    let shard = state
    state.pointee.wheel.sweep { timer, deadline in
      if timer & ShardState.timerIsDormant != 0 {
        let block = shard.pointee.slots[timer & ~ShardState.timerIsDormant].pointee.block
        return block.map { $0.load(as: DormantExecution.self).wakeAt == deadline } ?? false
      }
      if timer & ShardState.timerIsExecution != 0 {
        let slot = shard.pointee.slots[timer & ~ShardState.timerIsExecution]
        guard slot.pointee.isInUse else { return false }
        if let block = slot.pointee.block { return DormantExecution.deadline(block) == deadline }
        return slot.pointee.record?.pointee.deadline == deadline
      }
      return shard.pointee.fibers[timer].pointee.deadline == deadline
    }
  }

  /// When the next timer may strike, or nil when none is set.
  var nextDeadline: UInt64? { state.pointee.wheel.nextDeadline }
}
