import Stepmill

// Asynchronous functions from where nothing may wait.
//
// A Map Run on a clock that is moved by hand asks for its items, and hands over its results, where
// nothing may wait. Buckets are asynchronous, since one behind a network must be; those on a disk or in memory
// answer at once all the same. So their functions are run right there, as far as they get
// without waiting, which for most is to their end. What is left goes on on Swift's own pool.

/// Runs the jobs of its tasks on the thread that asks, and elsewhere only what comes later.
final class InlineExecutor: TaskExecutor, @unchecked Sendable {
  // Who may touch what: everything is behind the lock. One thread at a time runs jobs.
  private let state = Lock(State())

  private struct State {
    var jobs: [UnownedJob] = []
    var isRunning = false
    /// Somebody is about to run jobs.
    var isExpected = false
  }

  /// Runs a function as far as it gets without waiting.
  @discardableResult
  func run(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    state.withLock { $0.isExpected = true }
    let task = Task(executorPreference: self) { await body() }
    state.withLock { $0.isExpected = false }
    runJobs()
    return task
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isTaken = state.withLock { state in
      state.jobs.append(job)
      return state.isRunning || state.isExpected
    }
    if !isTaken { Task.detached { self.runJobs() } }
  }

  private func runJobs() {
    let mayRun = state.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard mayRun else { return }
    while let job = next() { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  /// The next job; nil when there is none, and nobody runs any from then on.
  private func next() -> UnownedJob? {
    state.withLock { state in
      guard !state.jobs.isEmpty else {
        state.isRunning = false
        return nil
      }
      return state.jobs.removeFirst()
    }
  }
}

/// For callers who know that what they call answers at once, such as a bucket in memory.
package enum InlineTask {
  /// Runs a function as far as it gets without waiting.
  package static func run(_ body: @escaping @Sendable () async -> Void) { InlineExecutor().run(body) }
}
