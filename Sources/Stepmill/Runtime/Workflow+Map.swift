// One workflow over many inputs, a bounded number of them at a time.
//
// The iterator pulls a row only when there is room for its execution: rows that are not
// started do not exist here, and outcomes that nobody has taken yet count as room that is
// used. So a source of any length runs in constant memory, and a slow consumer slows the
// source down.

extension Workflow {
  /// In which order `Workflow.map(_:maxConcurrency:order:)` gives its outcomes.
  public enum MapOrder: Sendable {
    /// As the rows came.
    case asGiven
    /// As executions end.
    case asCompleted
  }

  /// Runs the workflow once for each row, at most `maxConcurrency` at a time.
  ///
  /// ```swift
  /// for try await result in workflow.map(rows, maxConcurrency: 1_000) {
  ///   print(result.index, result.outcome)
  /// }
  /// ```
  ///
  /// Leaving the loop early aborts what is under way.
  public func map<Rows: Sequence & Sendable>(
    _ rows: Rows, maxConcurrency: Int = 1000, order: MapOrder = .asGiven
  ) -> MapResults<RowSequence<Rows>> where Rows.Element == JSON {
    map(rows, run: MapRun(maxConcurrency: maxConcurrency), order: order)
  }

  /// The same for rows that arrive over time.
  public func map<Rows: AsyncSequence & Sendable>(
    _ rows: Rows, maxConcurrency: Int = 1000, order: MapOrder = .asGiven
  ) -> MapResults<Rows> where Rows.Element == JSON {
    map(rows, run: MapRun(maxConcurrency: maxConcurrency), order: order)
  }

  /// The same under the hand of a ``MapRun``: it can be watched, paused, cancelled, and widened
  /// or narrowed while it goes on.
  public func map<Rows: Sequence & Sendable>(
    _ rows: Rows, run: MapRun, order: MapOrder = .asGiven
  ) -> MapResults<RowSequence<Rows>> where Rows.Element == JSON {
    MapResults(self, RowSequence(rows: rows), run, order)
  }

  /// The same for rows that arrive over time.
  public func map<Rows: AsyncSequence & Sendable>(
    _ rows: Rows, run: MapRun, order: MapOrder = .asGiven
  ) -> MapResults<Rows> where Rows.Element == JSON {
    MapResults(self, rows, run, order)
  }
}

/// The outcome of one row of `Workflow.map(_:maxConcurrency:order:)`.
public struct MapResult: Hashable, Sendable {
  /// The row's place in the input, from 0.
  public let index: Int
  /// How the row's execution ended.
  public let outcome: Outcome
}

/// A plain sequence, as an asynchronous one.
public struct RowSequence<Rows: Sequence & Sendable>: AsyncSequence, Sendable where Rows.Element == JSON {
  let rows: Rows

  public struct AsyncIterator: AsyncIteratorProtocol {
    var iterator: Rows.Iterator
    public mutating func next() async -> JSON? { iterator.next() }
    public mutating func next(isolation actor: isolated (any Actor)?) async -> JSON? { iterator.next() }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: rows.makeIterator()) }
}

/// The outcomes of a workflow over many rows, one by one.
public struct MapResults<Rows: AsyncSequence & Sendable>: AsyncSequence, Sendable
where Rows.Element == JSON {
  public typealias Element = MapResult

  private let workflow: Workflow
  private let rows: Rows
  private let run: MapRun
  private let order: Workflow.MapOrder

  init(_ workflow: Workflow, _ rows: Rows, _ run: MapRun, _ order: Workflow.MapOrder) {
    self.workflow = workflow
    self.rows = rows
    self.run = run
    self.order = order
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(workflow, rows.makeAsyncIterator(), run, order)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let workflow: Workflow
    private var rows: Rows.AsyncIterator?
    private let run: MapRun
    private let shared: MapIteration
    private var started = 0
    private var taken = 0

    init(_ workflow: Workflow, _ rows: Rows.AsyncIterator, _ run: MapRun, _ order: Workflow.MapOrder) {
      self.workflow = workflow
      self.rows = rows
      self.run = run
      shared = MapIteration(workflow.runtime.core, run, isOrdered: order == .asGiven)
    }

    public mutating func next() async throws -> MapResult? {
      while rows != nil {
        // What has ended already is handed over before more is started.
        if let result = shared.takeIfReady(taken) {
          taken += 1
          return result
        }
        if run.isCancelled {
          rows = nil
          break
        }
        if run.room(inFlight: started - taken) == 0 {
          // Paused, or as many as may be. Whichever ends first: an execution, or that.
          guard let result = await shared.takeOrWake(taken) else { continue }
          taken += 1
          return result
        }
        guard let row = try await rows?.next() else {
          rows = nil
          break
        }
        run.noteRead(1)
        try start(row)
      }
      guard taken < started else { return nil }
      let result = await shared.take(taken)
      taken += 1
      return result
    }

    private mutating func start(_ row: JSON) throws(StepmillError) {
      try workflow.runtime.core.admit()
      guard let loop = workflow.runtime.core.loopForSubmission() else {
        workflow.runtime.core.ended()
        throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
      }
      run.noteStarted(1)
      Shard.Start.with(workflow.core, shared.sink, tag: UInt64(started)) { loop.submit($0, input: row) }
      started += 1
    }
  }
}

/// What the loops and the iterator share. Dropped with the iterator: what is still under way
/// is aborted then.
private final class MapIteration: Sendable {
  let sink: MapSink
  private let run: MapRun

  init(_ core: RuntimeCore, _ run: MapRun, isOrdered: Bool) {
    sink = MapSink(core, run, isOrdered: isOrdered)
    self.run = run
    run.listen { [weak sink, weak run] in
      if run?.isCancelled == true { sink?.abandon() }
      sink?.wake()
    }
  }

  deinit {
    run.listen(nil)
    sink.abandon()
  }

  func takeIfReady(_ index: Int) -> MapResult? { sink.takeIfReady(index) }
  func take(_ index: Int) async -> MapResult { await sink.take(index) }
  func takeOrWake(_ index: Int) async -> MapResult? { await sink.takeOrWake(index) }
}

private final class MapSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: the loops call `started` and `ended`, the iterator everything else;
  // all they share is behind the lock.
  private let core: RuntimeCore
  private let run: MapRun
  private let isOrdered: Bool
  private let state = Lock(State())

  private struct State {
    /// Outcomes that have not been taken, by row.
    var outcomes: [Int: Outcome] = [:]
    /// The rows of `outcomes` in the order in which they ended, where that is asked for.
    var ended: [Int] = []
    var endedTaken = 0
    /// What is under way, to abort it.
    var running: [Int: (loop: Loop, handle: ExecutionHandle)] = [:]
    var waiter: (index: Int, continuation: UnsafeContinuation<MapResult?, Never>)?
    /// Somebody has changed the run since the iterator looked at it.
    var isChanged = false
    var isAbandoned = false

    /// The next outcome: that of row `index`, or in order of completion any.
    mutating func take(_ index: Int, isOrdered: Bool) -> MapResult? {
      var index = index
      if !isOrdered {
        guard endedTaken < ended.count else { return nil }
        index = ended[endedTaken]
        endedTaken += 1
        if endedTaken == ended.count {
          ended.removeAll(keepingCapacity: true)
          endedTaken = 0
        }
      }
      guard let outcome = outcomes.removeValue(forKey: index) else { return nil }
      return MapResult(index: index, outcome: outcome)
    }
  }

  init(_ core: RuntimeCore, _ run: MapRun, isOrdered: Bool) {
    self.core = core
    self.run = run
    self.isOrdered = isOrdered
    super.init()
    isBackground = run.priority == .background
    isForMany = true
  }

  func takeIfReady(_ index: Int) -> MapResult? {
    state.withLock { $0.take(index, isOrdered: isOrdered) }
  }

  func take(_ index: Int) async -> MapResult {
    while true {
      if let result = await takeOrWake(index) { return result }
    }
  }

  /// The next outcome, or nil when the run was changed meanwhile.
  func takeOrWake(_ index: Int) async -> MapResult? {
    await withUnsafeContinuation { continuation in
      let ready = state.withLock { state -> MapResult?? in
        if let result = state.take(index, isOrdered: isOrdered) { return result }
        if state.isChanged {
          state.isChanged = false
          return .some(nil)
        }
        state.waiter = (index, continuation)
        return nil
      }
      if let ready { continuation.resume(returning: ready) }
    }
  }

  /// The run was changed.
  func wake() {
    let waiter = state.withLock { state in
      state.isChanged = state.waiter == nil
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.continuation.resume(returning: nil)
  }

  /// Nobody wants the rest.
  func abandon() {
    let running = state.withLock { state in
      state.isAbandoned = true
      defer { state.running = [:] }
      return state.running
    }
    for (_, execution) in running {
      let handle = execution.handle
      execution.loop.post { $0.shard.abort(handle) }
    }
  }

  override func started(_ handle: ExecutionHandle, tag: UInt64, on loop: Loop) {
    let isAbandoned = state.withLock { state in
      if !state.isAbandoned { state.running[Int(tag)] = (loop, handle) }
      return state.isAbandoned
    }
    if isAbandoned { loop.post { $0.shard.abort(handle) } }
  }

  override func refused(_ error: JSONSyntaxError, tag: UInt64) {
    settle(Int(tag), .failed(error: "Stepmill.InvalidInput", cause: "\(error)"))
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    settle(Int(tag), Outcome(status, output: output, error: error, cause: cause))
  }

  override func turnedAway(tag: UInt64) {
    settle(Int(tag), .aborted(error: nil, cause: "The runtime was shut down."))
  }

  private func settle(_ index: Int, _ outcome: Outcome) {
    core.ended()
    run.noteEnded(isSuccess: outcome.isSuccess)
    let woken = state.withLock {
      state -> (continuation: UnsafeContinuation<MapResult?, Never>, result: MapResult)? in
      state.running[index] = nil
      state.outcomes[index] = outcome
      if !isOrdered { state.ended.append(index) }
      guard let waiter = state.waiter, let result = state.take(waiter.index, isOrdered: isOrdered) else {
        return nil
      }
      state.waiter = nil
      return (waiter.continuation, result)
    }
    if let woken { woken.continuation.resume(returning: woken.result) }
  }
}
