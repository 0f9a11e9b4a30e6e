import Synchronization

/// A workflow over many rows, while it goes on: what it has done, and a hand on it.
///
/// ```swift
/// let run = MapRun(maxConcurrency: 100)
/// Task {
///   for try await result in workflow.map(rows, run: run) { keep(result) }
/// }
/// run.maxConcurrency = 10  // from anywhere, while it runs
/// print(run.counters.succeeded)
/// ```
///
/// Make one for each run, and use it once.
public final class MapRun: Sendable {
  /// Which executions of a runtime come first.
  public enum Priority: Sendable {
    /// They take what others leave: while executions wait that somebody started by other means,
    /// only a slice of each turn of a loop goes to these.
    case background
    /// They stand in line with all others.
    case normal
  }

  /// Whether its executions stand behind those that are started by other means.
  public let priority: Priority

  // Who may touch what: everything may be touched by any thread; the counters are atomic, the
  // rest is behind the lock. `onChange` is called without it.
  private let reading = Atomic<Int>(0)
  private let starting = Atomic<Int>(0)
  private let succeeding = Atomic<Int>(0)
  private let failing = Atomic<Int>(0)
  private let state: Lock<State>

  private struct State {
    var maxConcurrency: Int
    var isPaused = false
    var isCancelled = false
    var onChange: (@Sendable () -> Void)?
  }

  /// - Parameters:
  ///   - maxConcurrency: Executions under way at once.
  ///   - priority: Whether its executions stand behind those that are started by other means.
  public init(maxConcurrency: Int = 1000, priority: Priority = .background) {
    self.priority = priority
    state = Lock(State(maxConcurrency: Swift.max(1, maxConcurrency)))
  }

  /// Executions under way at once. What is under way goes on when it is lowered.
  public var maxConcurrency: Int {
    get { state.withLock { $0.maxConcurrency } }
    set { change { $0.maxConcurrency = Swift.max(1, newValue) } }
  }

  /// Starts nothing more until ``resume()``. What is under way goes on.
  public func pause() { change { $0.isPaused = true } }

  /// Goes on after ``pause()``.
  public func resume() { change { $0.isPaused = false } }

  /// Whether it starts nothing at the moment.
  public var isPaused: Bool { state.withLock { $0.isPaused } }

  /// Takes no more rows and aborts what is under way.
  public func cancel() { change { $0.isCancelled = true } }

  /// Whether ``cancel()`` was called.
  public var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// What has been done so far.
  public var counters: MapRunCounters {
    // What has ended is read before what has been started, so that no difference is negative.
    var counters = MapRunCounters()
    counters.succeeded = succeeding.load(ordering: .acquiring)
    counters.failed = failing.load(ordering: .acquiring)
    counters.started = starting.load(ordering: .acquiring)
    counters.read = Swift.max(counters.started, reading.load(ordering: .acquiring))
    return counters
  }

  // MARK: For whoever runs it

  private func change(_ body: (inout State) -> Void) {
    let onChange = state.withLock { state in
      body(&state)
      return state.onChange
    }
    onChange?()
  }

  /// Calls `body`, on any thread, when somebody has changed something.
  package func listen(_ body: (@Sendable () -> Void)?) { state.withLock { $0.onChange = body } }

  /// How many more may be started, where as many are under way.
  package func room(inFlight: Int) -> Int {
    state.withLock { $0.isPaused || $0.isCancelled ? 0 : Swift.max(0, $0.maxConcurrency - inFlight) }
  }

  package func noteRead(_ count: Int) { reading.add(count, ordering: .relaxed) }
  package func noteStarted(_ count: Int) { starting.add(count, ordering: .releasing) }

  package func noteEnded(succeeded: Int, failed: Int) {
    if succeeded > 0 { succeeding.add(succeeded, ordering: .releasing) }
    if failed > 0 { failing.add(failed, ordering: .releasing) }
  }

  @inline(__always)
  package func noteEnded(isSuccess: Bool) {
    if isSuccess { succeeding.add(1, ordering: .releasing) } else { failing.add(1, ordering: .releasing) }
  }
}

/// What a ``MapRun`` has done.
public struct MapRunCounters: Hashable, Sendable {
  /// Rows that have been read.
  public var read = 0
  /// Rows whose executions have begun.
  public var started = 0
  /// Rows whose executions came to their end.
  public var succeeded = 0
  /// Rows whose executions did not.
  public var failed = 0
  /// Executions under way.
  public var inFlight: Int { started - succeeded - failed }

  /// Nothing yet.
  public init() {}
}
