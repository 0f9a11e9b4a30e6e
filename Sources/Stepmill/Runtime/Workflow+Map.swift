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
    MapResults(self, RowSequence(rows: rows), maxConcurrency, order)
  }

  /// The same for rows that arrive over time.
  public func map<Rows: AsyncSequence & Sendable>(
    _ rows: Rows, maxConcurrency: Int = 1000, order: MapOrder = .asGiven
  ) -> MapResults<Rows> where Rows.Element == JSON {
    MapResults(self, rows, maxConcurrency, order)
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
  private let maxConcurrency: Int
  private let order: Workflow.MapOrder

  init(_ workflow: Workflow, _ rows: Rows, _ maxConcurrency: Int, _ order: Workflow.MapOrder) {
    self.workflow = workflow
    self.rows = rows
    self.maxConcurrency = Swift.max(1, maxConcurrency)
    self.order = order
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(workflow, rows.makeAsyncIterator(), maxConcurrency, order)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let workflow: Workflow
    private var rows: Rows.AsyncIterator?
    private let maxConcurrency: Int
    private let run: MapRun
    private var started = 0
    private var taken = 0

    init(
      _ workflow: Workflow, _ rows: Rows.AsyncIterator, _ maxConcurrency: Int, _ order: Workflow.MapOrder
    ) {
      self.workflow = workflow
      self.rows = rows
      self.maxConcurrency = maxConcurrency
      run = MapRun(workflow.runtime.core, isOrdered: order == .asGiven)
    }

    public mutating func next() async throws -> MapResult? {
      while rows != nil, started - taken < maxConcurrency {
        // What has ended already is handed over before more is started.
        if let result = run.takeIfReady(taken) {
          taken += 1
          return result
        }
        guard let row = try await rows?.next() else {
          rows = nil
          break
        }
        try start(row)
      }
      guard taken < started else { return nil }
      let result = await run.take(taken)
      taken += 1
      return result
    }

    private mutating func start(_ row: JSON) throws(StepmillError) {
      try workflow.runtime.core.admit()
      guard let loop = workflow.runtime.core.loopForSubmission() else {
        workflow.runtime.core.ended()
        throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
      }
      loop.submit(
        Shard.Start(workflow: workflow.core, sink: run.sink, tag: UInt64(started), identity: nil), input: row)
      started += 1
    }
  }
}

/// What the loops and the iterator share. Dropped with the iterator: what is still under way
/// is aborted then.
private final class MapRun: Sendable {
  let sink: MapSink

  init(_ core: RuntimeCore, isOrdered: Bool) {
    sink = MapSink(core, isOrdered: isOrdered)
  }

  deinit { sink.abandon() }

  func takeIfReady(_ index: Int) -> MapResult? { sink.takeIfReady(index) }
  func take(_ index: Int) async -> MapResult { await sink.take(index) }
}

private final class MapSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: the loops call `started` and `ended`, the iterator everything else;
  // all they share is behind the lock.
  private let core: RuntimeCore
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
    var waiter: (index: Int, continuation: UnsafeContinuation<MapResult, Never>)?
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

  init(_ core: RuntimeCore, isOrdered: Bool) {
    self.core = core
    self.isOrdered = isOrdered
  }

  func takeIfReady(_ index: Int) -> MapResult? {
    state.withLock { $0.take(index, isOrdered: isOrdered) }
  }

  func take(_ index: Int) async -> MapResult {
    await withUnsafeContinuation { continuation in
      let ready = state.withLock { state -> MapResult? in
        if let result = state.take(index, isOrdered: isOrdered) { return result }
        state.waiter = (index, continuation)
        return nil
      }
      if let ready { continuation.resume(returning: ready) }
    }
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

  private func settle(_ index: Int, _ outcome: Outcome) {
    core.ended()
    let woken = state.withLock {
      state -> (continuation: UnsafeContinuation<MapResult, Never>, result: MapResult)? in
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
