import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The runtime behind its public face: the loops, the registry of handlers, admission.
//
// Who may touch what: `Runtime` and `Workflow` call in from any thread. The lists of loops
// are fixed once `startLoops` or `attach` has returned; the registry and the loops for
// callers' threads are behind locks; admission is one atomic counter. Loops are kept until
// this object goes, even when they have ended, so that a caller who has just picked one may
// still write to it: the loop then turns the mail away.

final class RuntimeCore: Sendable {
  let configuration: Runtime.Configuration
  private let loops = Lock<[Loop]>([])
  /// The same loops for the hot path: written once, before anybody submits.
  private nonisolated(unsafe) let loopTable: UnsafeMutablePointer<Unmanaged<Loop>>
  private let loopCount = Atomic<Int>(0)
  private let team: LoopTeam
  private let nextLoop = Atomic<UInt>(0)
  private let inFlight: InFlight
  /// Told about ends that nobody waits for.
  let unheard: UnheardSink
  private let isClosed = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  private let isAttached = Atomic<Bool>(false)
  private let registry = Lock(Registry())
  private let borrowed = Lock(BorrowedLoops())
  /// Lent loops that nobody uses at the moment, one for each of the threads that come often.
  private let atHand = Striped { LoopAtHand() }
  /// What borrowed loops had done that are gone.
  private let retired = Lock(RuntimeCounters())
  /// The loops by the number that their task tokens carry, until the runtime stops. Not weak: that
  /// would put every loop on a side table, and each retain of one with it.
  private let tokenNumbers = Lock<[UInt32: Loop]>([:])
  private let seeds: Lock<RandomSource>
  /// What its workflows' Map Runs read from and write to.
  let mapRuns = RuntimeMapRuns()

  /// Loops without a thread, for executions on their callers'.
  private struct BorrowedLoops {
    var idle: [Loop] = []
    var lent: [Loop] = []
  }

  private struct Registry {
    var exact: [String: TaskHandler] = [:]
    var patterns: [(pattern: String, handler: TaskHandler)] = []
    var fallback: (@Sendable (String) -> TaskHandler?)?
  }

  init(_ configuration: Runtime.Configuration) throws(StepmillError) {
    guard configuration.loops >= 0, configuration.loops <= 1024 else {
      throw StepmillError(.system, "a runtime has 0 to 1024 loops, not \(configuration.loops)")
    }
    self.configuration = configuration
    inFlight = InFlight(limit: configuration.executionsMax)
    unheard = UnheardSink(inFlight)
    team = LoopTeam(capacity: configuration.loops)
    loopTable = .allocate(capacity: max(configuration.loops, 1))
    var seed = configuration.seed ?? 0
    if configuration.seed == nil { getentropy(&seed, MemoryLayout<UInt64>.size) }
    seeds = Lock(RandomSource(seed: seed))
  }

  deinit { loopTable.deallocate() }

  // MARK: Loops

  func startLoops() throws(StepmillError) {
    do throws(StepmillError) {
      for place in 0..<configuration.loops {
        let loop = try makeLoop()
        loop.join(team, place: place)
        try loop.start()
        add(loop)
      }
    } catch {
      stop()
      throw error
    }
  }

  func attach(to uvLoop: UnsafeMutableRawPointer) throws(StepmillError) {
    let number = Self.newNumber()
    do {
      let loop = try Loop.attached(to: uvLoop, number: number, seed: seeds.withLock { $0.next() })
      isAttached.store(true, ordering: .relaxed)
      remember(loop)
      add(loop)
    } catch {
      throw StepmillError(.system, "libuv: \(error.message)")
    }
  }

  private func add(_ loop: Loop) {
    loops.withLock { $0.append(loop) }
    let count = loopCount.load(ordering: .relaxed)
    loopTable[count] = Unmanaged.passUnretained(loop)
    loopCount.store(count + 1, ordering: .releasing)
  }

  private func makeLoop() throws(StepmillError) -> Loop {
    do {
      let loop = try Loop(
        number: Self.newNumber(), seed: seeds.withLock { $0.next() }, spins: configuration.spins)
      remember(loop)
      return loop
    } catch {
      throw StepmillError(.system, "libuv: \(error.message)")
    }
  }

  /// Loops are numbered over the whole process: names and tokens say which one they are of.
  private static let numbers = Atomic<Int>(1)
  private static func newNumber() -> Int { numbers.wrappingAdd(1, ordering: .relaxed).oldValue }

  private func remember(_ loop: Loop) {
    tokenNumbers.withLock { $0[UInt32(truncatingIfNeeded: loop.number)] = loop }
  }

  /// The loops with a thread of their own, or the one in a host's.
  var allLoops: [Loop] { loops.withLock { $0 } }

  /// The loop for the next execution: on the thread of one of them that one, or one that has
  /// nothing to do; for other threads they take turns.
  func loopForSubmission() -> Loop? {
    let count = loopCount.load(ordering: .acquiring)
    guard count > 0 else { return nil }
    if count == 1 { return loopTable[0].takeUnretainedValue() }
    if let own = Loop.own, own.isIn(team) { return own.loopForOwnStart() }
    let turn = nextLoop.wrappingAdd(1, ordering: .relaxed).oldValue
    return loopTable[Int(turn % UInt(count))].takeUnretainedValue()
  }

  /// Lends a loop without a thread to the caller.
  func withIdleLoop<Result>(
    _ body: (Loop) throws(StepmillError) -> Result
  ) throws(StepmillError) -> Result {
    if let loop = takeAtHand() {
      defer { putAtHand(loop) }
      return try body(loop)
    }
    let known = borrowed.withLock { borrowed -> Loop? in
      guard let loop = borrowed.idle.popLast() else { return nil }
      borrowed.lent.append(loop)
      return loop
    }
    let loop: Loop
    if let known {
      loop = known
    } else {
      loop = try makeLoop()
      borrowed.withLock { $0.lent.append(loop) }
    }
    defer { putAtHand(loop) }
    return try body(loop)
  }

  /// The loop that lies at hand, if nobody else has it: the one exchange that most callers
  /// pay, where the list costs a lock each way.
  @inline(__always)
  private func takeAtHand() -> Loop? { atHand.own.take() }

  /// Gives a lent loop back. It lies at hand (and counts as lent, which keeps it alive), or
  /// goes to the list when another one does, or when the runtime has been stopped.
  @inline(__always)
  private func putAtHand(_ loop: Loop) {
    if _slowPath(!atHand.own.put(loop)) { putAway(loop) }
    if _slowPath(isStopped.load(ordering: .sequentiallyConsistent)) { clearHand() }
  }

  @inline(never)
  private func putAway(_ loop: Loop) {
    borrowed.withLock { borrowed in
      borrowed.lent.removeAll { $0 === loop }
      borrowed.idle.append(loop)
    }
  }

  /// Closes the loops that nobody uses, those at hand among them.
  private func clearHand() {
    atHand.visit { if let loop = $0.take() { putAway(loop) } }
    closeIdleLoops()
  }

  /// Calls `body` on the loop that a token names. False when there is no such loop.
  @discardableResult
  func withLoop(ofToken text: String, _ body: @escaping @Sendable (Loop, TaskToken) -> Void) -> Bool {
    guard let token = TaskToken(text), let loop = tokenNumbers.withLock({ $0[token.shard] }) else {
      return false
    }
    loop.post { body($0, token) }
    return true
  }

  // MARK: Admission

  @inline(__always)
  func admit(_ count: Int = 1) throws(StepmillError) {
    let isAdmitted = inFlight.add(count)
    if _slowPath(!isAdmitted || isClosed.load(ordering: .relaxed)) {
      if isAdmitted { inFlight.subtract(count) }
      if isClosed.load(ordering: .relaxed) {
        throw StepmillError(.shutDown, "the runtime has been shut down")
      }
      throw StepmillError(
        .overloaded, "\(inFlight.value) executions are under way, and executionsMax allows no more")
    }
  }

  @inline(__always)
  func ended(_ count: Int = 1) { inFlight.subtract(count) }

  // MARK: Handlers

  func register(_ resource: String, _ handler: TaskHandler) {
    registry.withLock {
      if resource.contains("*") {
        $0.patterns.append((resource, handler))
      } else {
        $0.exact[resource] = handler
      }
    }
  }

  func registerFallback(_ resolve: @escaping @Sendable (String) -> TaskHandler?) {
    registry.withLock { $0.fallback = resolve }
  }

  /// The handler for a resource. A function's ARN is also known by the function's name.
  private func handler(for resource: String) -> TaskHandler? {
    let (found, fallback) = registry.withLock { registry in
      let names = HandlerName.aliases(of: resource)
      for name in names {
        if let handler = registry.exact[name] { return (handler as TaskHandler?, registry.fallback) }
      }
      for name in names {
        for (pattern, handler) in registry.patterns where HandlerName.matches(name, pattern: pattern) {
          return (handler, registry.fallback)
        }
      }
      return (nil, registry.fallback)
    }
    if let found { return found }
    return fallback?(resource)
  }

  /// Binds a program to its handlers.
  func bind(
    _ program: Program, name: String, limits: Limits, observer: HistoryObserver?
  ) throws(StepmillError) -> WorkflowCore {
    var handlers: [String: TaskHandler] = [:]
    var missing: [String] = []
    for resource in program.allResources where handlers[resource] == nil {
      if let handler = handler(for: resource) {
        handlers[resource] = handler
      } else if !missing.contains(resource) {
        missing.append(resource)
      }
    }
    guard missing.isEmpty else {
      let list = missing.map { "'\($0)'" }.joined(separator: ", ")
      throw StepmillError(
        .handlers,
        "no handler is registered for \(list); register one before the workflow is compiled, or a fallback "
          + "with registerFallback")
    }
    return WorkflowCore(
      binding: program, name: name, region: configuration.region, account: configuration.account,
      limits: limits, observer: observer, mapRuns: mapRuns
    ) { resource in
      guard let handler = handlers[resource] else {
        preconditionFailure("BUG in Stepmill (please report): the handler of \(resource) was not looked up")
      }
      return handler
    }
  }

  // MARK: Watching

  var counters: RuntimeCounters {
    let borrowed = borrowed.withLock { $0.idle + $0.lent }
    var sum = retired.withLock { $0 }
    for loop in loops.withLock({ $0 }) + borrowed { sum.add(loop.counters) }
    return sum
  }

  // MARK: Ending

  func shutDown(waiting: Duration) async {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    let clock = ContinuousClock()
    let deadline = clock.now + waiting
    while inFlight.value > 0, clock.now < deadline {
      try? await Task.sleep(for: .milliseconds(2))
    }
    stop()
  }

  func abortAll() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    for loop in loops.withLock({ $0 }) { loop.post { $0.abortAll() } }
  }

  /// Aborts what is under way and ends the loops. The first call does it.
  func stop() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
    let loops = self.loops.withLock { $0 }
    if isAttached.load(ordering: .relaxed) {
      for loop in loops { loop.leaveHost() }
    } else {
      for loop in loops { loop.post { $0.stop() } }
      for loop in loops { loop.join() }
    }
    for loop in borrowed.withLock({ $0.lent }) { loop.post { $0.stop() } }
    clearHand()
    tokenNumbers.withLock { $0 = [:] }
    // A handler may refer to this runtime; once it has ended, that keeps it no longer. The
    // old registry goes when the lock is free, since that runs other people's code.
    _ = registry.withLock { registry in
      defer { registry = Registry() }
      return registry
    }
  }

  private func closeIdleLoops() {
    let idle = borrowed.withLock { borrowed in
      defer { borrowed.idle = [] }
      return borrowed.idle
    }
    for loop in idle {
      loop.close()
      retired.withLock { $0.add(loop.counters) }
    }
  }
}

extension RuntimeCounters {
  init(_ counters: UnsafeMutablePointer<Counters>) { add(counters) }

  /// Adds what a loop has counted; any thread may read it, as long as the loop exists.
  fileprivate mutating func add(_ counters: UnsafeMutablePointer<Counters>) {
    started += counters.pointee.started.value
    succeeded += counters.pointee.succeeded.value
    failed += counters.pointee.failed.value
    timedOut += counters.pointee.timedOut.value
    aborted += counters.pointee.aborted.value
    transitions += counters.pointee.transitions.value
    retries += counters.pointee.retries.value
    waiting += counters.pointee.waiting.value
    bytes += counters.pointee.bytes.value
  }
}

/// Lends a runtime's storage to the Map Runs of its workflows. Nobody asks a runtime for its runs,
/// so it keeps none.
final class RuntimeMapRuns: MapRunDelegate {
  private let storage = Lock<(any MapRunStorage)?>(nil)

  var mapStorage: (any MapRunStorage)? {
    get { storage.withLock { $0 } }
    set { storage.withLock { $0 = newValue } }
  }
}
