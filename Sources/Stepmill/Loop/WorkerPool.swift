// Asynchronous task handlers, without a Swift task for each call.
//
// A worker is a task that runs one call after the other and parks on a continuation when
// there is none. Making a task costs 300 to 400 ns; a call that does not suspend costs a
// worker about 60 ns, and parking and waking is paid once for a batch of calls.
//
// Growth. `submit` only queues. `drain` runs the executor's jobs and, when calls wait and
// no worker is on its way to them, wakes one or makes one. A handler that suspends takes its
// worker along; control is then back in `drain`, which sees that calls still wait. So there
// are as many workers as handlers in flight, and one if handlers do not suspend.
//
// Cancellation. A task that was cancelled stays cancelled, and a worker is a task: cancelling
// a call cancels its worker, so the handler sees `Task.isCancelled`, and its cancellation
// handlers run. When that call has returned the worker ends, and the next call gets another
// one. No call ever starts on a cancelled task. A call that has not started is dropped from
// the queue, and its handler never hears of it.
//
// Who may touch what: everything here belongs to the loop's thread. The workers are tasks on
// that thread's executor, so this is true for their code as well; it is why the pool may
// call itself Sendable.

/// One call of an asynchronous handler. Subclasses say what to run.
class WorkerCall: @unchecked Sendable {
  enum Phase: UInt8 {
    case new, queued, running, finished
    /// Cancelled before it ran; it never will.
    case dropped
  }

  @exclusivity(unchecked) fileprivate(set) final var phase = Phase.new
  /// It is a `TaskInvocation`, whose handler the worker calls itself: each function between the
  /// two would cost a look-up of the task's executor on the way back, some 30 ns.
  fileprivate final let isTask: Bool
  /// Who runs the call; the pool keeps workers alive that have a call.
  @exclusivity(unchecked) fileprivate final unowned(unsafe) var worker: Worker?
  /// Its execution takes what others leave. Set before the call goes to the pool.
  @exclusivity(unchecked) final var isBackground = false

  init(isTask: Bool = false) { self.isTask = isTask }

  /// It has run, and nobody but the pool refers to it any more.
  func isOver() {}

  /// Runs on the loop's thread, in a worker. It hands its own result to whoever needs it
  /// before it returns. It must return soon after its task was cancelled; until then it
  /// occupies a worker.
  nonisolated(nonsending) func run() async {
    fatalError("Stepmill: a call has nothing to run (please report)")
  }
}

/// A task and where it is parked. Belongs to the loop's thread, like the pool.
private final class Worker: @unchecked Sendable {
  var task: Task<Void, Never>?
  var continuation: UnsafeContinuation<Void, Never>?
  var wasCancelled = false
}

final class WorkerPool: @unchecked Sendable {
  enum Cancellation {
    /// The call was still queued, and will not run.
    case dropped
    /// The call runs and has been told; it ends in its own time.
    case told
    /// The call had finished, or was cancelled before it ran.
    case tooLate
  }

  /// Workers beyond this end instead of parking, so a burst does not hold memory for ever
  /// (about 1.4 KB each).
  private static let parkedMax = 1024
  /// Calls of the background that one drain begins.
  private static let backgroundPerDrain = 16

  private struct State: ~Copyable {
    /// Calls that wait, retained.
    var calls = Ring<UInt>(minimumCapacity: 64)
    /// The same for executions that take what others leave, and how many a drain may still begin.
    var backgroundCalls = Ring<UInt>(minimumCapacity: 16)
    var backgroundBudget = 0
    var parked: [Worker] = []
    /// A worker was woken and has not come to the calls yet.
    var isWaking = false
    /// Jobs and calls that may still be run in this drain.
    var budget = 0
    var workerCount = 0
    var running = 0
    var isClosing = false

    @inline(__always) var hasCalls: Bool { !calls.isEmpty || !backgroundCalls.isEmpty }
    /// There are some that this drain may begin.
    @inline(__always) var mayBegin: Bool {
      !calls.isEmpty || _slowPath(!backgroundCalls.isEmpty && backgroundBudget > 0)
    }
  }

  let executor: LoopExecutor
  private let state: UnsafeMutablePointer<State>

  init(executor: LoopExecutor) {
    self.executor = executor
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    // Workers retain the pool, so there are none.
    while let word = state.pointee.calls.popFirst() ?? state.pointee.backgroundCalls.popFirst() {
      Self.take(word).phase = .dropped
    }
    state.deinitialize(count: 1)
    state.deallocate()
  }

  @inline(__always)
  private static func take(_ word: UInt) -> WorkerCall {
    Unmanaged<WorkerCall>.fromOpaque(UnsafeRawPointer(bitPattern: word).unsafelyUnwrapped)
      .takeRetainedValue()
  }

  // MARK: Calls

  /// Queues a call, which a worker begins in one of the next drains. A call that has finished
  /// may be queued again (it is worth keeping: to allocate one costs as much as to run it).
  @inline(__always)
  func submit(_ call: WorkerCall) {
    assert((call.phase == .new || call.phase == .finished) && executor.isOnLoop)
    call.phase = .queued
    let word = UInt(bitPattern: Unmanaged.passRetained(call).toOpaque())
    if _slowPath(call.isBackground) {
      state.pointee.backgroundCalls.append(word)
    } else {
      state.pointee.calls.append(word)
    }
  }

  /// Cancels a call. Cancellation handlers of a running one are run before this returns.
  @discardableResult
  func cancel(_ call: WorkerCall) -> Cancellation {
    assert(executor.isOnLoop)
    switch call.phase {
    case .queued:
      call.phase = .dropped
      return .dropped
    case .running:
      let worker = call.worker!
      worker.wasCancelled = true
      worker.task!.cancel()
      return .told
    case .new:
      call.phase = .dropped
      return .dropped
    case .finished, .dropped:
      return .tooLate
    }
  }

  /// Runs calls and the executor's other jobs, about `limit` of both together. Returns true
  /// if there is more to run.
  func drain(limit: Int) -> Bool {
    assert(executor.isOnLoop)
    executor.collectForeign()
    state.pointee.budget = limit
    state.pointee.backgroundBudget = Self.backgroundPerDrain
    while state.pointee.budget > 0 {
      if state.pointee.mayBegin && !state.pointee.isWaking { wakeWorker() }
      state.pointee.budget &-= 1
      guard executor.runNext() else { break }
    }
    return executor.jobsReady > 0 || state.pointee.hasCalls
  }

  /// True if a drain would find something, not counting what other threads have sent.
  @inline(__always)
  var hasWork: Bool { executor.jobsReady > 0 || state.pointee.hasCalls }

  /// Calls wait that do not belong to the background.
  @inline(__always)
  var hasForegroundCalls: Bool { !state.pointee.calls.isEmpty }

  /// Calls that have begun and not ended.
  var callsRunning: Int { state.pointee.running }

  /// Workers of any kind; for tests and statistics.
  var workerCount: Int { state.pointee.workerCount }

  /// Ends the workers: those that are parked with the next drains, the others after their
  /// call. Calls that wait are still run, so the owner cancels those it does not want. The
  /// pool is done when a drain leaves no work and `workerCount` is 0.
  func close() {
    state.pointee.isClosing = true
    while let worker = state.pointee.parked.popLast() { resume(worker) }
  }

  // MARK: Workers

  private func wakeWorker() {
    state.pointee.isWaking = true
    if let worker = state.pointee.parked.popLast() {
      resume(worker)
    } else {
      let worker = Worker()
      state.pointee.workerCount += 1
      // Detached, because a worker inherits nothing from whoever happens to run now.
      worker.task = Task.detached(executorPreference: executor) { [self] in
        await work(worker)
      }
    }
  }

  @inline(__always)
  private func resume(_ worker: Worker) {
    let continuation = worker.continuation.unsafelyUnwrapped
    worker.continuation = nil
    continuation.resume()
  }

  private nonisolated(nonsending) func work(_ worker: Worker) async {
    while true {
      state.pointee.isWaking = false
      while var call = begin(worker) {
        if _fastPath(call.isTask) {
          let task = unsafeDowncast(call, to: TaskInvocation.self)
          do {
            task.give(.success(try await task.body(task.request)))
          } catch {
            task.give(.failure(of: error))
          }
        } else {
          await call.run()
        }
        finish(call)
        if isKnownUniquelyReferenced(&call) { call.isOver() }
        if worker.wasCancelled { return retire(worker) }
      }
      if state.pointee.isClosing || state.pointee.parked.count >= Self.parkedMax { return retire(worker) }
      await withUnsafeContinuation { continuation in
        worker.continuation = continuation
        state.pointee.parked.append(worker)
      }
    }
  }

  /// The next call that was not cancelled, unless this drain is over.
  @inline(__always)
  private func begin(_ worker: Worker) -> WorkerCall? {
    while state.pointee.budget > 0, let word = nextCall() {
      let call = Self.take(word)
      if call.phase == .dropped { continue }
      state.pointee.budget &-= 1
      state.pointee.running &+= 1
      call.phase = .running
      call.worker = worker
      return call
    }
    return nil
  }

  /// Others first; of the background a few in each drain, so that mail is looked at in between.
  @inline(__always)
  private func nextCall() -> UInt? {
    if let word = state.pointee.calls.popFirst() { return word }
    guard _slowPath(state.pointee.backgroundBudget > 0) else { return nil }
    guard let word = state.pointee.backgroundCalls.popFirst() else { return nil }
    state.pointee.backgroundBudget &-= 1
    return word
  }

  @inline(__always)
  private func finish(_ call: WorkerCall) {
    state.pointee.running &-= 1
    call.phase = .finished
    call.worker = nil
  }

  private func retire(_ worker: Worker) {
    state.pointee.workerCount -= 1
    // The task holds the worker, and the worker the task.
    worker.task = nil
  }
}
