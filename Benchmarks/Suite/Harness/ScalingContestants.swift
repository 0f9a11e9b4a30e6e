// More than one core: W3 on several loops and threads, one Map spread over loops, latency
// while arrivals follow a schedule.

import BenchmarkWorkloads
import Stepmill
import StepmillCommands
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// W3 on several threads at once, each running executions on itself.
func stepmillThreads(_ threads: Int) -> Contestant {
  let workload = Workload.order(retryIntervalSeconds: 0)
  let prepared = Prepared(workload.definition)
  let last = Kept()
  return Contestant(
    .stepmill, "runInPlace on \(threads) \(threads == 1 ? "thread" : "threads")", variant: "\(threads)",
    run: { times in
      // From one pile, so that nobody waits for a thread that the system kept from running.
      let pile = Pile(times)
      try await withThrowingTaskGroup { group in
        for _ in 0..<threads {
          group.addTask {
            var output: [UInt8] = []
            while let part = pile.take() { try prepared.run(workload.input, times: part, into: &output) }
            last.output.withLock { $0 = output }
          }
        }
        try await group.waitForAll()
      }
      return Tally(executions: times, transitions: times * workload.transitions)
    },
    output: { last.output.withLock { $0 } })
}

/// What several threads have to do, to be taken in small parts.
final class Pile: Sendable {
  private let left: Atomic<Int>
  private static let part = 32

  init(_ count: Int) { left = Atomic(count) }

  func take() -> Int? {
    let left = left.subtract(Self.part, ordering: .relaxed).newValue + Self.part
    return left > 0 ? min(left, Self.part) : nil
  }
}

/// W3 on the loops of a runtime. A fixed number of executions is under way: the end of each
/// starts the next, on the loop's own thread, so that no other thread takes part.
func stepmillLoops(_ loops: Int) -> Contestant {
  let workload = Workload.order(retryIntervalSeconds: 0)
  let last = Kept()
  return Contestant(
    .stepmill, "\(loops) \(loops == 1 ? "loop" : "loops"), text to text", variant: "\(loops)",
    run: { times in
      let prepared = Prepared(workload.definition, loops: loops)
      let run = ClosedLoop(prepared, workload.input, chains: 64 * loops)
      let seconds = try await run.run(executions: times)
      last.output.withLock { $0 = run.lastOutput }
      await prepared.runtime.shutDown(waiting: .zero)
      return Tally(
        executions: run.executions, transitions: run.executions * workload.transitions, seconds: seconds)
    },
    output: { last.output.withLock { $0 } })
}

/// Chains of executions: the end of one starts the next of its chain. What is to be run is taken
/// from one pile, some at a time, so that no loop is left with more of it than the others.
///
/// Who may touch what: a chain's counter belongs to the loop that runs its execution, and goes
/// with the next one to the next loop, through that loop's inbox. What the chains share is
/// atomic or behind a lock. That is what `@unchecked Sendable` stands on.
@safe final class ClosedLoop: @unchecked Sendable {
  private let prepared: Prepared
  private let input: [UInt8]
  private let chains: Int
  private var probe: CompletionProbe?
  /// The same without a retain for each start, which all loops would write to.
  private var probeAtHand: Unmanaged<CompletionProbe>?
  /// What each chain has taken and not run yet, a cache line apart.
  private let taken: UnsafeMutablePointer<Int>
  private static let stride = 16
  /// Executions that no chain has taken.
  private var pile = Pile(0)
  private let chainsLeft = Atomic(0)
  private let failures = Atomic(0)
  private let ended = Mutex<(output: [UInt8], continuation: CheckedContinuation<Void, Never>?)>(([], nil))
  private(set) var executions = 0

  init(_ prepared: Prepared, _ input: [UInt8], chains: Int) {
    self.prepared = prepared
    self.input = input
    self.chains = chains
    unsafe taken = .allocate(capacity: chains * Self.stride)
  }

  deinit { unsafe taken.deallocate() }

  var lastOutput: [UInt8] { ended.withLock { $0.output } }

  /// Seconds on the wall from the first start to the last end.
  func run(executions times: Int) async throws -> Double {
    executions = max(times, chains)
    for chain in 0..<chains { unsafe taken[chain * Self.stride] = 1 }
    pile = Pile(executions - chains)
    chainsLeft.store(chains, ordering: .relaxed)
    let probe = CompletionProbe(prepared.workflow) { [self] in end($0) }
    self.probe = probe
    unsafe probeAtHand = .passUnretained(probe)
    let begun = Clock.wall.seconds()
    await withCheckedContinuation { continuation in
      ended.withLock { $0.continuation = continuation }
      for chain in 0..<chains { start(chain) }
    }
    let seconds = Clock.wall.seconds() - begun
    self.probe = nil
    if failures.load(ordering: .relaxed) > 0 { throw BenchmarkError.failed("an execution failed") }
    return seconds
  }

  private func start(_ chain: Int) {
    let isStarted = unsafe probeAtHand?._withUnsafeGuaranteedRef {
      (try? $0.start(input, tag: UInt64(chain))) != nil
    }
    if isStarted != true { finishChain() }
  }

  private func end(_ execution: borrowing CompletedExecution) {
    let chain = Int(execution.tag)
    if execution.status != .succeeded { failures.add(1, ordering: .relaxed) }
    unsafe taken[chain * Self.stride] -= 1
    if unsafe taken[chain * Self.stride] > 0 || takeMore(chain) {
      _ = execution.writeOutput()
      return start(chain)
    }
    let output = execution.outputText
    ended.withLock { $0.output = output }
    finishChain()
  }

  private func takeMore(_ chain: Int) -> Bool {
    guard let part = pile.take() else { return false }
    unsafe taken[chain * Self.stride] = part
    return true
  }

  private func finishChain() {
    guard chainsLeft.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    ended.withLock { $0.continuation }?.resume()
  }
}

// MARK: - One Map

/// A chain of multiplications that takes about as long as asked.
struct BusyWork: Sendable {
  let steps: Int

  init(nanoseconds: Double) {
    _ = Self.run(100_000)
    let begun = Clock.thread.seconds()
    let sample = 500_000
    let result = Self.run(sample)
    let each = (Clock.thread.seconds() - begun) * 1e9 / Double(sample)
    precondition(result != 0)
    steps = max(1, Int(nanoseconds / max(each, 0.01)))
  }

  @inline(never)
  static func run(_ steps: Int) -> UInt64 {
    var value: UInt64 = 1
    for _ in 0..<steps { value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
    return value | 1
  }
}

/// One Map of items that keep a core busy for a while, on a runtime with that many loops.
func stepmillFanOut(items: Int, nanoseconds: Int, loops: Int) -> Contestant {
  let work = Lazily { BusyWork(nanoseconds: Double(nanoseconds)) }
  let definition =
    #"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":"#
    + #"{"T":{"Type":"Task","Resource":"work","End":true}}}}}}"#
  let input = Array("[\((0..<items).map { "\($0)" }.joined(separator: ","))]".utf8)
  let last = Kept()
  return Contestant(
    .stepmill, "\(items) items of \(nanoseconds) ns, \(loops) \(loops == 1 ? "loop" : "loops")",
    variant: "\(nanoseconds)ns-\(loops)",
    run: { times in
      let steps = work.value.steps
      let handler = TaskHandler.synchronous { call throws(TaskFailure) in
        if BusyWork.run(steps) == 0 { throw TaskFailure(error: "Never") }
        call.succeed(call.input)
      }
      let prepared = Prepared(
        Array(definition.utf8), loops: loops, limits: Limits(), handlers: ["work": handler])
      let value = try JSON(parsing: input)
      let begun = Clock.wall.seconds()
      var output: JSON?
      for _ in 0..<times { output = try await prepared.workflow.run(value) }
      let seconds = Clock.wall.seconds() - begun
      last.output.withLock { $0 = output?.utf8 ?? [] }
      await prepared.runtime.shutDown(waiting: .zero)
      return Tally(executions: times * items, seconds: seconds)
    },
    output: { last.output.withLock { $0 } })
}

// MARK: - Latency under load

/// W3 arriving by schedule at a share of what one loop sustains. Each execution's time counts
/// from when it should have arrived, so that a late arrival hides nothing. The schedule is cut into
/// windows, between which the loop runs empty.
///
/// - Parameter isSpinning: The loop does not sleep between two arrivals.
func stepmillLatency(_ percent: Int, isSpinning: Bool = false, seconds: Double) -> Contestant {
  let workload = Workload.order(retryIntervalSeconds: 0)
  let schedule = Schedule(seconds: seconds)
  return Contestant(
    .stepmill,
    "arrivals at \(percent) % of saturation\(isSpinning ? ", a loop that spins" : ""); \(schedule.detail)",
    variant: isSpinning ? "\(percent)-spinning" : "\(percent)", times: 1,
    run: { _ in
      let crossing = Crossing.current()
      // A loop's thread stays where the one that starts it is.
      let prepared = crossing.on(crossing.loop) {
        Prepared(workload.definition, loops: 1, spins: isSpinning ? 2_000_000 : nil)
      }
      var sample = 100
      var windows: [LatencyHistogram] = []
      for _ in 0..<schedule.windows {
        let sustained = try await sustainedRate(
          prepared, workload.input, seconds: schedule.windowSeconds / 4, from: sample, on: crossing)
        sample = max(sample, Int(sustained * schedule.windowSeconds / 4))
        let rate = sustained * Double(percent) / 100
        let arrivals = OpenLoop(
          prepared, workload.input, count: max(1, Int(rate * schedule.windowSeconds)),
          nanosecondsBetween: 1e9 / rate, core: crossing.senders.first)
        windows.append(try await arrivals.run())
      }
      await prepared.runtime.shutDown(waiting: .zero)
      return schedule.tally(windows, transitions: workload.transitions)
    })
}

/// Arrivals in windows. A p99 needs some thousand arrivals and no more: the shorter a window is, the
/// fewer of them the machine itself has disturbed. What is sustained is found out before each, since
/// machines that others use are not as fast in one second as in the next.
private struct Schedule: Sendable {
  let windows: Int
  let windowSeconds: Double

  init(seconds: Double) {
    windows = max(1, Int((seconds / 0.02).rounded()))
    windowSeconds = seconds / Double(windows)
  }

  var detail: String {
    "to p99: median of windows of \(fixed(windowSeconds * 1000, 0)) ms; beyond: of rounds of \(windows)"
  }

  func tally(_ parts: [LatencyHistogram], transitions: Int = 0) -> Tally {
    var whole = LatencyHistogram()
    for part in parts { whole.add(part) }
    var tally = Tally(
      executions: Int(whole.total), transitions: Int(whole.total) * transitions,
      seconds: windowSeconds * Double(parts.count), latencies: whole)
    tally.windows = parts
    tally.windowSeconds = windowSeconds
    return tally
  }
}

/// How many executions per second one loop runs that come from another thread as fast as it will
/// have them.
///
/// - Parameter first: How many to begin with.
private func sustainedRate(
  _ prepared: Prepared, _ input: [UInt8], seconds: Double, from first: Int, on crossing: Crossing
) async throws -> Double {
  var count = first
  while true {
    let run = OpenLoop(
      prepared, input, count: count, nanosecondsBetween: 0, core: crossing.senders.first)
    _ = try await run.run()
    if run.seconds >= seconds / 2 { return Double(count) / run.seconds }
    count = max(count * 2, Int(Double(count) / run.seconds * seconds))
  }
}

private final class Arrivals: Sendable {
  let start = Atomic<UInt64>(0)
  let count = Atomic(0)
}

/// What the machine makes of such a schedule: one thread counts up, another one that spins
/// computes for a while for each number.
func floorLatency(_ percent: Int, seconds: Double) -> Contestant {
  let nanoseconds = 2500.0
  let work = Lazily { BusyWork(nanoseconds: nanoseconds) }
  let schedule = Schedule(seconds: seconds)
  return Contestant(
    .floor, "a thread that computes for each arrival; \(schedule.detail)", variant: "\(percent)", times: 1,
    run: { _ in
      let crossing = Crossing.current()
      let windows = crossing.on(crossing.loop) {
        (0..<schedule.windows).map { _ in
          computed(
            steps: work.value.steps, percent: percent, seconds: schedule.windowSeconds,
            arrivalsOn: crossing.senders.first)
        }
      }
      return schedule.tally(windows)
    })
}

private func computed(
  steps: Int, percent: Int, seconds: Double, arrivalsOn core: Int?
) -> LatencyHistogram {
  let begun = Clock.wall.seconds()
  let sample = 2000
  // Different each time, or the compiler would know the answer.
  for index in 0..<sample { precondition(BusyWork.run(steps + (index & 1)) != 0) }
  let interval = (Clock.wall.seconds() - begun) * 1e9 / Double(sample) * 100 / Double(percent)
  let count = max(1, Int(seconds * 1e9 / interval))
  var latencies = LatencyHistogram()
  let arrived = Arrivals()
  onOwnThread {
    if let core { Affinity.core(core).applyToThread() }
    // Not before this thread is there: that it had to be made is no lateness.
    let start = Clock.wall.nanoseconds() + 10_000
    arrived.start.store(start, ordering: .releasing)
    for index in 0..<count {
      let due = start + UInt64(Double(index) * interval)
      while Clock.wall.nanoseconds() < due {}
      arrived.count.store(index + 1, ordering: .releasing)
    }
  }
  while arrived.start.load(ordering: .acquiring) == 0 { sched_yield() }
  let start = arrived.start.load(ordering: .relaxed)
  for index in 0..<count {
    while arrived.count.load(ordering: .acquiring) <= index {}
    let due = start + UInt64(Double(index) * interval)
    precondition(BusyWork.run(steps + (index & 1)) != 0)
    latencies.note(max(Clock.wall.nanoseconds(), due) - due)
  }
  return latencies
}

/// Who may touch what: `latencies` and `seconds` belong to the one loop until the continuation resumes,
/// `begun` is written by the thread of the arrivals before it brings the first.
final class OpenLoop: @unchecked Sendable {
  private let prepared: Prepared
  private let input: [UInt8]
  private let count: Int
  private let interval: Double
  private var latencies = LatencyHistogram()
  private var begun: UInt64 = 0
  private var left: Int
  private var failures = 0
  private let continuation = Mutex<CheckedContinuation<Void, Never>?>(nil)
  /// Those that have ended, for whoever brings more.
  private let ended = Atomic(0)
  /// Under way at once where there is no schedule.
  private static let window = 256

  /// Seconds on the wall from when the first was due to the last end.
  private(set) var seconds = 0.0
  private let core: Int?

  /// - Parameters:
  ///   - interval: Nanoseconds from one arrival to the next; 0: as fast as they are run.
  ///   - core: Where the thread that brings them stays.
  init(
    _ prepared: Prepared, _ input: [UInt8], count: Int, nanosecondsBetween interval: Double,
    core: Int? = nil
  ) {
    self.core = core
    self.prepared = prepared
    self.input = input
    self.count = count
    self.interval = interval
    left = count
  }

  func run() async throws -> LatencyHistogram {
    let probe = CompletionProbe(prepared.workflow) { [self] execution in
      _ = execution.writeOutput()
      let due = begun + UInt64(Double(execution.tag) * interval)
      let now = max(Clock.wall.nanoseconds(), due)
      latencies.note(now - due)
      if execution.status != .succeeded { failures += 1 }
      left -= 1
      ended.store(count - left, ordering: .relaxed)
      if left == 0 {
        seconds = Double(max(now, begun + 1) - begun) / 1e9
        continuation.withLock { $0 }?.resume()
      }
    }
    await withCheckedContinuation { continuation in
      self.continuation.withLock { $0 = continuation }
      onOwnThread { [self] in
        if let core { Affinity.core(core).applyToThread() }
        // Not before this thread is there: that it had to be made is no lateness.
        begun = Clock.wall.nanoseconds() + 10_000
        for index in 0..<count {
          let due = begun + UInt64(Double(index) * interval)
          while Clock.wall.nanoseconds() < due {}
          if interval == 0 {
            while index - ended.load(ordering: .relaxed) >= Self.window {}
          }
          try? probe.start(input, tag: UInt64(index))
        }
      }
    }
    if failures > 0 { throw BenchmarkError.failed("an execution failed") }
    return latencies
  }
}

/// Runs something on a thread that nobody waits for. A task would hold one of Swift's threads.
func onOwnThread(_ body: @escaping @Sendable () -> Void) {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = unsafe Unmanaged.passRetained(Box(body))
  let code = unsafe pthread_create(
    &thread, nil,
    { argument in
      unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  precondition(code == 0, "the system has no thread left")
  pthread_detach(thread)
}
