/// An execution that was started: its end can be awaited, and it can be stopped.
public final class Execution: Sendable {
  let sink: ExecutionSink

  init(_ core: RuntimeCore) { sink = ExecutionSink(core) }

  /// How it ended; waits for the end.
  public var outcome: Outcome {
    get async { await sink.outcome }
  }

  /// How it ended, or nil while it is under way.
  public var outcomeIfEnded: Outcome? { sink.outcomeIfEnded }

  /// Stops the execution, wherever it is: its branches and iterations end, its handlers are
  /// cancelled. Does nothing when it has ended.
  public func abort(error: String? = nil, cause: String? = nil) {
    sink.abort(error: error, cause: cause)
  }
}

/// What the loop tells about an execution, for those who wait elsewhere.
final class ExecutionSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: the loop calls `started`, `refused` and `ended` on its thread,
  // everything else is called on any; what they share is behind the lock.
  private let core: RuntimeCore
  private let state = Lock(State())

  // Whoever starts takes the memory for this and the loop gives it back. The C library on Linux does
  // that without the lock of the starter's heap up to 120 bytes; of 145, as it was once, a starter and
  // its loop spent a fifth of their time on waiting for each other. Hence the box, and the order.
  private struct State {
    var handle: ExecutionHandle?
    /// Where it runs, from its start to its end.
    var loop: Loop?
    var waiters: [CheckedContinuation<Void, Never>] = []
    /// An abort that came before the execution had begun.
    var abort: EarlyAbort?
    var outcome: Outcome?
  }

  private final class EarlyAbort: Sendable {
    let error: String?
    let cause: String?

    init(_ error: String?, _ cause: String?) {
      self.error = error
      self.cause = cause
    }
  }

  init(_ core: RuntimeCore) { self.core = core }

  override var canBeUnheard: Bool { true }
  override var whenUnheard: CompletionSink? {
    state.withLock { $0.waiters.isEmpty } ? core.unheard : nil
  }

  var outcome: Outcome {
    get async {
      // Waiters are only woken, and read the outcome under the lock: what a continuation orders that is
      // resumed before its task was suspended, the thread sanitizer does not see.
      while true {
        if let outcome = outcomeIfEnded { return outcome }
        await withCheckedContinuation { continuation in
          let isOver = state.withLock { state in
            if state.outcome == nil { state.waiters.append(continuation) }
            return state.outcome != nil
          }
          if isOver { continuation.resume() }
        }
      }
    }
  }

  var outcomeIfEnded: Outcome? { state.withLock { $0.outcome } }

  func abort(error: String?, cause: String?) {
    let (handle, loop) = state.withLock { state -> (ExecutionHandle?, Loop?) in
      if state.handle == nil && state.outcome == nil {
        state.abort = EarlyAbort(error, cause)
      }
      return state.outcome == nil ? (state.handle, state.loop) : (nil, nil)
    }
    guard let handle, let loop else { return }
    loop.post { $0.shard.abort(handle, error: error, cause: cause) }
  }

  override func started(_ handle: ExecutionHandle, tag: UInt64, on loop: Loop) {
    let abort = state.withLock { state in
      state.handle = handle
      state.loop = loop
      return state.abort
    }
    if let abort { loop.post { $0.shard.abort(handle, error: abort.error, cause: abort.cause) } }
  }

  override func refused(_ error: JSONSyntaxError, tag: UInt64) {
    settle(.failed(error: "Stepmill.InvalidInput", cause: "\(error)"))
  }

  override func turnedAway(tag: UInt64) {
    settle(.aborted(error: nil, cause: "The runtime was shut down."))
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    settle(Outcome(status, output: output, error: error, cause: cause))
  }

  private func settle(_ outcome: Outcome) {
    core.ended()
    let waiters = state.withLock { state in
      state.outcome = outcome
      state.loop = nil
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}

/// In the place of sinks that nobody holds any more: it only counts the end.
final class UnheardSink: CompletionSink, @unchecked Sendable {
  private let inFlight: InFlight

  init(_ inFlight: InFlight) { self.inFlight = inFlight }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    inFlight.subtract(1)
  }
}
