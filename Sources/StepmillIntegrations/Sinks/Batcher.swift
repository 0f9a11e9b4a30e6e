import Stepmill

// What is told of executions goes out in batches, beside them: whoever adds to a queue never
// waits, and a queue that is full drops what comes and counts it.
//
// A batcher has lanes, one for each place that its elements go to. A lane sends what it has when
// a little time has passed since the first of it came in, and goes on as long as there is more.
//
// Who may touch what: `add` may be called on any thread; batches are delivered on loops'
// threads. All that changes is behind one lock, which is never held during a delivery.

/// How deliveries have gone.
package struct SinkCounters: Hashable, Sendable {
  /// What arrived.
  package var delivered = 0
  /// What a full queue had no room for.
  package var dropped = 0
  /// What was sent and not taken.
  package var failed = 0
  /// What waits to be sent, or for an answer.
  package var queued = 0
}

final class Batcher<Lane: Hashable & Sendable, Element: Sendable>: Sendable {
  struct Bounds: Sendable {
    /// Of one batch.
    var batchCount = 1000
    var batchBytes = 1 << 20
    /// Of all lanes together.
    var queuedCount = 100_000
    var queuedBytes = 64 << 20
    /// How long the first of a batch waits for others.
    var delayMilliseconds: UInt64 = 200
    /// Batches of a lane that are under way at once.
    var underWayMax = 1
  }

  /// Delivers a batch, and says how many of it have arrived. Called on a loop's thread.
  typealias Deliver = @Sendable (Lane, [Element], @escaping @Sendable (Int) -> Void) -> Void

  private struct Queue {
    var elements: [(element: Element, bytes: Int)] = []
    var start = 0
    var underWay = 0
    var isScheduled = false

    var count: Int { elements.count - start }

    mutating func take(_ bounds: Bounds) -> (elements: [Element], bytes: Int) {
      var bytes = 0
      var taken: [Element] = []
      while start < elements.count, taken.count < bounds.batchCount {
        let next = elements[start]
        if !taken.isEmpty, bytes + next.bytes > bounds.batchBytes { break }
        bytes += next.bytes
        taken.append(next.element)
        start += 1
      }
      if start == elements.count || start > 4096 {
        elements.removeFirst(start)
        start = 0
      }
      return (taken, bytes)
    }
  }

  private struct State {
    var lanes: [Lane: Queue] = [:]
    var queuedBytes = 0
    var counters = SinkCounters()
    var waiters: [@Sendable () -> Void] = []
  }

  private let bounds: Bounds
  private let host: any ExecutionHost
  private let deliver: Deliver
  private let state = Lock(State())

  init(_ bounds: Bounds, on host: any ExecutionHost, deliver: @escaping Deliver) {
    self.bounds = bounds
    self.host = host
    self.deliver = deliver
  }

  var counters: SinkCounters { state.withLock { $0.counters } }

  func add(_ element: Element, bytes: Int, to lane: Lane) {
    let begins = state.withLock { state in
      guard state.counters.queued < bounds.queuedCount, state.queuedBytes + bytes <= bounds.queuedBytes else {
        state.counters.dropped += 1
        return false
      }
      state.counters.queued += 1
      state.queuedBytes += bytes
      state.lanes[lane, default: Queue()].elements.append((element, bytes))
      let isScheduled = state.lanes[lane]?.isScheduled ?? true
      state.lanes[lane]?.isScheduled = true
      return !isScheduled
    }
    if begins { host.after(milliseconds: bounds.delayMilliseconds) { [self] in pump(lane) } }
  }

  /// Sends what a lane has.
  private func pump(_ lane: Lane) {
    while let batch = next(lane) {
      deliver(lane, batch.elements) { [self] arrived in
        finished(lane, batch.elements.count, batch.bytes, arrived)
      }
    }
  }

  private func next(_ lane: Lane) -> (elements: [Element], bytes: Int)? {
    state.withLock { state in
      guard let queue = state.lanes[lane], queue.count > 0, queue.underWay < bounds.underWayMax else {
        return nil
      }
      state.lanes[lane]?.underWay += 1
      return state.lanes[lane]?.take(bounds)
    }
  }

  private func finished(_ lane: Lane, _ count: Int, _ bytes: Int, _ arrived: Int) {
    let (goesOn, waiters) = state.withLock { state -> (Bool, [@Sendable () -> Void]) in
      state.counters.queued -= count
      state.queuedBytes -= bytes
      state.counters.delivered += arrived
      state.counters.failed += count - arrived
      state.lanes[lane]?.underWay -= 1
      if let queue = state.lanes[lane], queue.count > 0 { return (true, []) }
      if state.lanes[lane]?.underWay == 0 { state.lanes[lane] = nil }
      guard state.counters.queued == 0 else { return (false, []) }
      defer { state.waiters = [] }
      return (false, state.waiters)
    }
    // Not within the delivery: one that fails at once would go round and round on the stack.
    if goesOn { host.after(milliseconds: 0) { [self] in pump(lane) } }
    for waiter in waiters { waiter() }
  }

  /// Calls back, on any thread, when nothing is queued any more.
  func drain(_ done: @escaping @Sendable () -> Void) {
    let (lanes, isEmpty) = state.withLock { state -> ([Lane], Bool) in
      if state.counters.queued > 0 { state.waiters.append(done) }
      return (Array(state.lanes.keys), state.counters.queued == 0)
    }
    if isEmpty { return done() }
    for lane in lanes { host.after(milliseconds: 0) { [self] in pump(lane) } }
  }
}
