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
// callers' threads are behind a mutex; admission is one atomic counter.

final class RuntimeCore: Sendable {
  let configuration: Runtime.Configuration
  private let loops = Mutex<[Loop]>([])
  /// The same loops for the hot path: written once, before anybody submits.
  private nonisolated(unsafe) let loopTable: UnsafeMutablePointer<Unmanaged<Loop>>
  private let loopCount = Atomic<Int>(0)
  private let nextLoop = Atomic<UInt>(0)
  private let inFlight = Atomic<Int>(0)
  private let isClosed = Atomic<Bool>(false)
  private let isAttached = Atomic<Bool>(false)
  private let registry = Mutex(Registry())
  private let idleLoops = Mutex<[Loop]>([])
  private let tokenNumbers = Mutex<[UInt32: WeakLoop]>([:])
  private let seeds: Mutex<RandomSource>

  private struct Registry {
    var exact: [String: TaskHandler] = [:]
    var patterns: [(pattern: String, handler: TaskHandler)] = []
    var fallback: (@Sendable (String) -> TaskHandler?)?
    /// Boxes that workflows refer to without retaining them.
    var kept: [TaskHandlerBox] = []
  }

  private struct WeakLoop: Sendable {
    weak var loop: Loop?
  }

  init(_ configuration: Runtime.Configuration) throws(StepmillError) {
    guard configuration.loops >= 0, configuration.loops <= 1024 else {
      throw StepmillError(.system, "a runtime has 0 to 1024 loops, not \(configuration.loops)")
    }
    self.configuration = configuration
    loopTable = .allocate(capacity: max(configuration.loops, 1))
    var seed = configuration.seed ?? 0
    if configuration.seed == nil { getentropy(&seed, MemoryLayout<UInt64>.size) }
    seeds = Mutex(RandomSource(seed: seed))
  }

  deinit { loopTable.deallocate() }

  // MARK: Loops

  func startLoops() throws(StepmillError) {
    for number in 0..<configuration.loops {
      let loop = try makeLoop(number)
      try loop.start()
      add(loop)
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

  private func makeLoop(_ position: Int) throws(StepmillError) -> Loop {
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
    tokenNumbers.withLock { $0[UInt32(truncatingIfNeeded: loop.number)] = WeakLoop(loop: loop) }
  }

  /// The loop for the next execution: the caller's own if it runs one, else the next in turn.
  func loopForSubmission() -> Loop? {
    let count = loopCount.load(ordering: .acquiring)
    guard count > 0 else { return nil }
    if count == 1 { return loopTable[0].takeUnretainedValue() }
    let turn = nextLoop.wrappingAdd(1, ordering: .relaxed).oldValue
    return loopTable[Int(turn % UInt(count))].takeUnretainedValue()
  }

  /// Lends a loop without a thread to the caller.
  func withIdleLoop<Result>(
    _ body: (Loop) throws(StepmillError) -> Result
  ) throws(StepmillError) -> Result {
    let lent = idleLoops.withLock { $0.popLast() }
    let loop: Loop
    if let lent {
      loop = lent
    } else {
      loop = try makeLoop(0)
    }
    defer { idleLoops.withLock { $0.append(loop) } }
    return try body(loop)
  }

  func withLoop(ofToken text: String, _ body: @escaping @Sendable (Loop, TaskToken) -> Void) {
    guard let token = TaskToken(text), let loop = tokenNumbers.withLock({ $0[token.shard]?.loop }) else {
      return
    }
    loop.post { body($0, token) }
  }

  // MARK: Admission

  @inline(__always)
  func admit() throws(StepmillError) {
    let before = inFlight.wrappingAdd(1, ordering: .relaxed).oldValue
    if _slowPath(before >= configuration.executionsMax || isClosed.load(ordering: .relaxed)) {
      inFlight.wrappingSubtract(1, ordering: .relaxed)
      if isClosed.load(ordering: .relaxed) {
        throw StepmillError(.shutDown, "the runtime has been shut down")
      }
      throw StepmillError(
        .overloaded, "\(before) executions are under way, and executionsMax allows no more")
    }
  }

  @inline(__always)
  func ended() { inFlight.wrappingSubtract(1, ordering: .relaxed) }

  // MARK: Handlers

  func register(_ resource: String, _ handler: TaskHandler) {
    registry.withLock {
      $0.kept.append(handler.box)
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
    guard let handler = fallback?(resource) else { return nil }
    registry.withLock { $0.kept.append(handler.box) }
    return handler
  }

  /// Binds a program to its handlers.
  func bind(
    _ program: Program, name: String, limits: Limits, observer: HistoryObserver?
  ) throws(StepmillError) -> WorkflowCore {
    var entries: [TaskHandlerEntry] = []
    var missing: [String] = []
    for resource in program.resources {
      if let handler = handler(for: resource) {
        entries.append(TaskHandlerEntry(kind: handler.kind, box: Unmanaged.passUnretained(handler.box)))
      } else {
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
      program: program, name: name, region: configuration.region, account: configuration.account,
      handlers: entries, limits: limits, observer: observer)
  }

  // MARK: Watching

  var counters: RuntimeCounters {
    var sum = RuntimeCounters()
    for loop in loops.withLock({ $0 }) + idleLoops.withLock({ $0 }) { sum.add(loop.shard) }
    return sum
  }

  // MARK: Ending

  func shutDown(waiting: Duration) async {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    let clock = ContinuousClock()
    let deadline = clock.now + waiting
    while inFlight.load(ordering: .relaxed) > 0, clock.now < deadline {
      try? await Task.sleep(for: .milliseconds(2))
    }
    stop()
  }

  /// Aborts what is under way and ends the loops.
  func stop() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    let loops = self.loops.withLock { loops in
      defer { loops = [] }
      return loops
    }
    loopCount.store(0, ordering: .releasing)
    if isAttached.load(ordering: .relaxed) {
      for loop in loops { loop.detach() }
    } else {
      for loop in loops { loop.post { $0.stop() } }
      for loop in loops { loop.join() }
    }
    let idle = idleLoops.withLock { idle in
      defer { idle = [] }
      return idle
    }
    for loop in idle { loop.close() }
  }
}

extension RuntimeCounters {
  init(of shard: Shard) { add(shard) }

  /// Adds a shard's counters. They are plain words that their loop writes; reading one while
  /// it is written gives the old or the new number.
  fileprivate mutating func add(_ shard: Shard) {
    let counters = shard.state.pointee.counters
    started += Int(counters.started)
    succeeded += Int(counters.succeeded)
    failed += Int(counters.failed)
    timedOut += Int(counters.timedOut)
    aborted += Int(counters.aborted)
    transitions += Int(counters.transitions)
    retries += Int(counters.retries)
    waiting += Int(counters.waiting)
    bytes += shard.state.pointee.pool.pointee.bytesUsed
  }
}
