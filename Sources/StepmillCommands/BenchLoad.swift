import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// One run of load: executions of a workflow, as many at a time as asked (closed loop) or as
// many a second as asked (open loop), and what became of them.
//
// In a closed loop the end of an execution starts the next one of its chain, on the loop's own
// thread. In an open loop a thread starts them by schedule, and an execution's latency counts
// from when it should have started: an engine that cannot keep up gets no discount for having
// kept the callers waiting.

/// How load is made.
enum BenchPace: Equatable, Sendable {
  case closed(concurrency: Int)
  /// Executions a second, and how many may be under way before more are shed.
  case open(rate: Double, queueMax: Int)
}

/// What the ends of executions add up to.
struct BenchCounts: Sendable {
  var succeeded = 0
  var failed = 0
  var timedOut = 0
  var aborted = 0
  var errors: [String: Int] = [:]
  var ended: Int { succeeded + failed + timedOut }

  mutating func add(_ other: BenchCounts) {
    succeeded += other.succeeded
    failed += other.failed
    timedOut += other.timedOut
    aborted += other.aborted
    errors.merge(other.errors, uniquingKeysWith: +)
  }
}

/// Who may touch what: everything that threads share is atomic or behind a mutex; `probe` and
/// `begun` are written before the first execution starts, and a chain's entry of `starts`
/// belongs to whoever starts its next execution. That is what `@unchecked Sendable` stands on.
@safe final class BenchLoad: @unchecked Sendable {
  private struct Tally {
    var counts = BenchCounts()
    /// Latencies since they were taken last.
    var latencies: LatencyHistogram?
  }

  private final class TallyBox: Sendable {
    let tally = Lock(Tally())
  }

  private let inputs: [[UInt8]]
  private let pace: BenchPace
  /// Stops after so many; nil: when `stop` is called.
  private let executionsMax: Int
  /// Loops note what they see by their number, so that no two of them meet in a lock.
  private let tallies = (0..<64).map { _ in TallyBox() }
  private let starts: UnsafeMutablePointer<UInt64>
  private var probe: CompletionProbe?
  private var begun: UInt64 = 0

  private let claims = Atomic(0)
  private let starting = Atomic(0)
  private let ending = Atomic(0)
  private let shedding = Atomic(0)
  private let isStopping = Atomic(false)
  /// Nothing will be started any more.
  private let isExhausted = Atomic(false)
  /// Called, on any thread, when all that was to be done has been done.
  private let onDone: @Sendable () -> Void

  init(
    inputs: [[UInt8]], pace: BenchPace, executionsMax: Int?, onDone: @escaping @Sendable () -> Void
  ) {
    self.inputs = inputs
    self.pace = pace
    self.executionsMax = executionsMax ?? .max
    self.onDone = onDone
    var chains = 1
    if case .closed(let concurrency) = pace { chains = concurrency }
    unsafe starts = .allocate(capacity: chains)
    unsafe starts.initialize(repeating: 0, count: chains)
  }

  deinit { unsafe starts.deallocate() }

  // MARK: Watching

  var started: Int { starting.load(ordering: .relaxed) }
  var ended: Int { ending.load(ordering: .relaxed) }
  /// Arrivals that found too many under way.
  var shed: Int { shedding.load(ordering: .relaxed) }
  var inFlight: Int { max(0, started - ended) }
  /// Everything that was to be started has been.
  var isAllStarted: Bool { isExhausted.load(ordering: .acquiring) }
  /// And has ended.
  var isDone: Bool { isExhausted.load(ordering: .acquiring) && ended >= started }

  /// Latencies of the executions that have ended since the last call.
  func takeLatencies() -> LatencyHistogram {
    var sum = LatencyHistogram()
    for box in tallies {
      let taken = box.tally.withLock { tally in
        defer { tally.latencies = nil }
        return tally.latencies
      }
      if let taken { sum.add(taken) }
    }
    return sum
  }

  var counts: BenchCounts {
    var sum = BenchCounts()
    for box in tallies { sum.add(box.tally.withLock { $0.counts }) }
    return sum
  }

  // MARK: Making it

  func start(_ workflow: Workflow) {
    probe = CompletionProbe(workflow) { [unowned self] in note($0) }
    begun = BenchTime.now
    switch pace {
    case .closed(let concurrency):
      for chain in 0..<concurrency where !startNext(chain) { break }
    case .open(let rate, let queueMax):
      BenchThread.start { [self] in
        arrive(every: 1e9 / rate, queueMax: queueMax)
        isExhausted.store(true, ordering: .releasing)
        if isDone { onDone() }
      }
    }
  }

  /// Starts nothing more.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    if case .closed = pace { isExhausted.store(true, ordering: .releasing) }
  }

  /// Starts the next execution of a chain; false when there is none.
  private func startNext(_ chain: Int) -> Bool {
    let number = claims.add(1, ordering: .relaxed).oldValue
    if number >= executionsMax || isStopping.load(ordering: .relaxed) {
      isExhausted.store(true, ordering: .releasing)
      return false
    }
    unsafe starts[chain] = BenchTime.now
    return start(number, tag: UInt64(chain))
  }

  private func start(_ number: Int, tag: UInt64) -> Bool {
    starting.add(1, ordering: .relaxed)
    do throws(StepmillError) {
      try probe?.start(inputs[number % inputs.count], tag: tag)
      return true
    } catch {
      // The runtime takes no more: that is an arrival turned away like any other.
      starting.subtract(1, ordering: .relaxed)
      shedding.add(1, ordering: .relaxed)
      return false
    }
  }

  private func arrive(every interval: Double, queueMax: Int) {
    var number = 0
    while number < executionsMax, !isStopping.load(ordering: .relaxed) {
      let due = begun &+ UInt64(Double(number) * interval)
      let now = BenchTime.now
      if now < due {
        rest(due &- now)
        continue
      }
      if inFlight >= queueMax {
        shedding.add(1, ordering: .relaxed)
      } else {
        _ = start(number, tag: UInt64(number))
      }
      number += 1
    }
  }

  /// Sleeps through most of it, and through the last bit with open eyes.
  private func rest(_ nanoseconds: UInt64) {
    let margin: UInt64 = 80_000
    guard nanoseconds > margin else { return }
    // Often enough to hear of the end.
    let pause = min(nanoseconds - margin, 20_000_000)
    var time = timespec(tv_sec: 0, tv_nsec: Int(pause))
    unsafe nanosleep(&time, nil)
  }

  private func note(_ execution: borrowing CompletedExecution) {
    let start: UInt64
    switch pace {
    case .closed: start = unsafe starts[Int(execution.tag)]
    case .open(let rate, _): start = begun &+ UInt64(Double(execution.tag) * 1e9 / rate)
    }
    // An embedder would want its text.
    _ = execution.writeOutput()
    let now = BenchTime.now
    let latency = now &- min(start, now)
    let status = execution.status
    let error = status == .failed ? execution.errorName ?? "(no error name)" : nil
    tallies[Int(execution.loop) & 63].tally.withLock { tally in
      switch status {
      case .succeeded: tally.counts.succeeded += 1
      case .failed: tally.counts.failed += 1
      case .timedOut: tally.counts.timedOut += 1
      case .aborted, .neverStarted: tally.counts.aborted += 1
      }
      if let error { tally.counts.errors[error, default: 0] += 1 }
      if status == .aborted || status == .neverStarted { return }
      if tally.latencies == nil { tally.latencies = LatencyHistogram() }
      tally.latencies?.note(latency)
    }
    if case .closed = pace, status != .aborted, status != .neverStarted {
      _ = startNext(Int(execution.tag))
    }
    ending.add(1, ordering: .releasing)
    if isDone { onDone() }
  }
}
