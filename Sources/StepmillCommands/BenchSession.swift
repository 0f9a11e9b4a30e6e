import CLibuv
import Stepmill
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A run of load from start to end, as the command's own thread sees it: it looks at the
// figures every now and then, listens for Ctrl-C, and ends what will not end by itself.

/// What one look at a run saw.
struct BenchSample: Sendable {
  /// Seconds since the start.
  var time: Double
  var started = 0
  var ended = 0
  var failed = 0
  var shed = 0
  var inFlight = 0
  var p50: UInt64 = 0
  var p99: UInt64 = 0
}

/// The figures of a whole run.
struct BenchResult: Sendable {
  var pace: BenchPace
  var loops: Int
  /// Seconds from the first start until nothing more was started.
  var seconds = 0.0
  /// Ended within that time.
  var endedInTime = 0
  var startedInTime = 0
  var transitions = 0
  var counts = BenchCounts()
  var shed = 0
  /// Still under way when patience was at an end, and aborted.
  var unfinished = 0
  /// Under way when the time was up.
  var inFlightAtEnd = 0
  var latencies = LatencyHistogram()
  var samples: [BenchSample] = []
  var processorSeconds = 0.0
  var memoryBytes = 0
  var isInterrupted = false

  var executionsPerSecond: Double { seconds > 0 ? Double(endedInTime) / seconds : 0 }
  var transitionsPerSecond: Double { seconds > 0 ? Double(transitions) / seconds : 0 }

  /// An open loop that could not keep up: arrivals were shed, or the queue grew all the time.
  var isBeyondSaturation: Bool {
    guard case .open(let rate, _) = pace else { return false }
    if shed > 0 { return true }
    let due = rate * seconds
    // Some may always be on their way.
    return Double(endedInTime) < due * 0.98 && Double(inFlightAtEnd) > max(100, rate * 0.02)
      && isQueueGrowing
  }

  /// Under way in the last quarter of the run, beside the second.
  var isQueueGrowing: Bool {
    guard samples.count >= 4 else { return inFlightAtEnd > 0 }
    let quarter = samples.count / 4
    func mean(_ part: ArraySlice<BenchSample>) -> Double {
      part.reduce(0) { $0 + Double($1.inFlight) } / Double(max(1, part.count))
    }
    return mean(samples[(samples.count - quarter)...]) > 1.3 * mean(samples[quarter..<(2 * quarter)])
  }
}

/// Runs load and watches it. Everything in here belongs to the command's thread.
final class BenchSession {
  struct Plan {
    var pace: BenchPace
    var loops: Int
    var nanoseconds: Double
    var executionsMax: Int?
    var graceNanoseconds: Double
  }

  private let loop: CommandLoop
  private let terminal: Terminal
  private let live: BenchLiveLine
  /// The signal that has come.
  private(set) var signal: Int32?
  private var signalCount = 0

  init(loop: CommandLoop, terminal: Terminal) {
    self.loop = loop
    self.terminal = terminal
    live = BenchLiveLine(terminal: terminal)
    loop.onSignal = { [unowned self] number in
      signalCount += 1
      signal = number
      // The engine's threads may be in the middle of anything, so nothing is torn down.
      if signalCount > 1 { _exit(128 + number) }
    }
  }

  /// One run on a runtime that is there; it is left as it was found, but for `aborting`.
  func run(
    _ plan: Plan, _ workflow: Workflow, _ runtime: Runtime, inputs: [[UInt8]], title: String = ""
  ) -> BenchResult {
    var result = BenchResult(pace: plan.pace, loops: plan.loops)
    let load = BenchLoad(
      inputs: inputs, pace: plan.pace, executionsMax: plan.executionsMax,
      onDone: { [loop] in loop.post { _ in } })
    // Some hundred samples, whatever the duration.
    let interval = max(10e6, min(plan.nanoseconds / 120, 1e9))
    let before = runtime.counters.transitions
    let processor = Self.processorSeconds
    let begun = BenchTime.now
    load.start(workflow)

    var sampled = begun
    var allStarted: Double?
    while !load.isDone, signal == nil {
      let elapsed = Double(BenchTime.now &- begun)
      if elapsed >= plan.nanoseconds { break }
      // With all of them started, what is left may be what never ends.
      if load.isAllStarted, allStarted == nil { allStarted = elapsed }
      if let allStarted, elapsed - allStarted >= plan.graceNanoseconds { break }
      wait(nanoseconds: min(interval, plan.nanoseconds - elapsed), until: { load.isDone })
      let now = BenchTime.now
      if Double(now &- sampled) >= interval * 0.9 {
        sampled = now
        sample(load, at: Double(now &- begun) / 1e9, into: &result)
        live.show(result, title, of: plan)
      }
    }
    load.stop()
    result.seconds = Double(BenchTime.now &- begun) / 1e9
    result.endedInTime = load.ended
    result.startedInTime = load.started
    result.inFlightAtEnd = load.inFlight
    result.transitions = runtime.counters.transitions - before
    result.processorSeconds = Self.processorSeconds - processor
    result.isInterrupted = signal != nil

    // What is under way may end; a second Ctrl-C does not wait for it.
    let patience = BenchTime.now &+ UInt64(plan.graceNanoseconds)
    while !load.isDone, BenchTime.now < patience, signalCount < 2 {
      wait(nanoseconds: 20e6, until: { load.isDone })
    }
    sample(load, at: Double(BenchTime.now &- begun) / 1e9, into: &result, isLast: true)
    live.clear()
    result.counts = load.counts
    result.unfinished = load.inFlight
    result.shed = load.shed
    result.memoryBytes = Self.memoryPeak
    // Executions that are left tell the load of their end, so it stays until they have.
    held.append(load)
    return result
  }

  private var held: [BenchLoad] = []

  private func sample(
    _ load: BenchLoad, at time: Double, into result: inout BenchResult, isLast: Bool = false
  ) {
    let latencies = load.takeLatencies()
    result.latencies.add(latencies)
    if isLast && latencies.total == 0 && !result.samples.isEmpty { return }
    let counts = load.counts
    result.samples.append(
      BenchSample(
        time: time, started: load.started, ended: counts.ended, failed: counts.failed + counts.timedOut,
        shed: load.shed, inFlight: load.inFlight, p50: latencies.quantile(0.5), p99: latencies.quantile(0.99))
    )
  }

  /// Turns the command's loop for so long, or until something is the case.
  func wait(nanoseconds: Double, until isDone: () -> Bool) {
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    unsafe uv_timer_init(loop.uv, timer)
    unsafe uv_update_time(loop.uv)
    unsafe uv_timer_start(timer, { _ in }, UInt64(max(1, (nanoseconds / 1e6).rounded())), 0)
    loop.run {
      unsafe isDone() || signal != nil && signalCount < 2 || uv_is_active(UnsafePointer(timer).asHandle) == 0
    }
    unsafe uv_close(timer.asHandle) { unsafe UnsafeMutableRawPointer($0)?.deallocate() }
  }

  /// Ends a runtime: what is under way is aborted.
  func shutDown(_ runtime: Runtime) {
    let box = BenchFlag()
    Task.detached { [loop] in
      await runtime.shutDown(waiting: .zero)
      loop.post { _ in box.isRaised = true }
    }
    loop.run { box.isRaised }
    held = []
  }

  private static var processorSeconds: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The most that was resident since the process began.
  private static var memoryPeak: Int {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}

/// Belongs to the thread of the command's loop, and is only carried by others.
private final class BenchFlag: @unchecked Sendable {
  var isRaised = false
}

/// One line on the terminal that is written over and over; nothing where there is no terminal.
final class BenchLiveLine {
  private let terminal: Terminal
  private var isShown = false
  private var shownAt: UInt64 = 0

  init(terminal: Terminal) { self.terminal = terminal }

  func show(_ result: BenchResult, _ title: String, of plan: BenchSession.Plan) {
    guard terminal.isTerminal(.error), let last = result.samples.last else { return }
    let now = BenchTime.now
    // Faster than anybody reads would only cost.
    if now &- shownAt < 90_000_000, isShown { return }
    shownAt = now
    isShown = true
    let previous = result.samples.dropLast().last
    let rate = Double(last.ended - (previous?.ended ?? 0)) / max(1e-9, last.time - (previous?.time ?? 0))
    var parts = [
      title + BenchNumber.fixed(last.time, 1) + " s", "\(BenchNumber.grouped(rate)) executions/s",
      "p50 \(BenchTime.text(Double(last.p50)))", "p99 \(BenchTime.text(Double(last.p99)))",
      "\(BenchNumber.grouped(Double(last.inFlight))) under way",
    ]
    if last.failed > 0 { parts.append("\(BenchNumber.grouped(Double(last.failed))) failed") }
    if last.shed > 0 { parts.append("\(BenchNumber.grouped(Double(last.shed))) shed") }
    let line = String(parts.joined(separator: "   ").prefix(terminal.width(.error) - 1))
    terminal.write("\r\u{1B}[2K\(line)", to: .error)
  }

  func clear() {
    if isShown { terminal.write("\r\u{1B}[2K", to: .error) }
    isShown = false
  }
}
