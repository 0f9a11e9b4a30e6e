import Synchronization
import Testing

@testable import Stepmill

/// A loop with everything but an engine, for tests that need one to run on.
///
/// It gets a thread of its own: a test that blocked one of Swift's own threads could keep
/// the very task from running that it waits for.
final class TestLoop {
  let uv: UVLoop
  let shared: UnsafeMutablePointer<LoopShared>
  let executor: LoopExecutor
  let pool: WorkerPool
  /// Nodes that were submitted are counted and handed to this.
  var received: (UnsafeMutableRawPointer) -> Void = { _ in }

  init() throws {
    uv = try UVLoop()
    shared = .allocate(capacity: 1)
    shared.initialize(to: LoopShared(waker: uv.waker))
    executor = LoopExecutor(shared: shared)
    pool = WorkerPool(executor: executor)
    executor.adopt()
  }

  deinit {
    executor.abandon()
    shared.deinitialize(count: 1)
    shared.deallocate()
  }

  /// Runs what is ready, blocking between times, until `condition` holds.
  func run(until condition: () -> Bool) {
    while true {
      _ = turn()
      if condition() { return }
      if pool.hasWork {
        uv.poll()
      } else if shared.pointee.announceSleep() {
        uv.wait(until: nil)
        shared.pointee.endSleep()
      }
    }
  }

  /// Runs what is ready. Returns true if there is more.
  func turn(limit: Int = 1000) -> Bool {
    var next = shared.pointee.submissions.takeAll()
    while let node = next {
      next = Inbox.next(node)
      received(node)
    }
    return pool.drain(limit: limit)
  }

  func close() throws {
    pool.close()
    run { pool.workerCount == 0 }
    #expect(!pool.hasWork)
    shared.pointee.waitForVisitors()
    try uv.close()
  }

  /// Runs `body` on a thread with a loop, and closes the loop.
  static func run(_ body: @escaping @Sendable (TestLoop) throws -> Void) async throws {
    let thread = Mutex<Thread?>(nil)
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      do {
        let started = try Thread(name: "test loop") {
          continuation.resume(
            with: Result {
              let loop = try TestLoop()
              try body(loop)
              try loop.close()
            })
        }
        thread.withLock { $0 = started }
      } catch {
        continuation.resume(throwing: error)
      }
    }
    // It has done its work by now, so this does not wait for long.
    if let ended = thread.withLock({ $0 }) { ended.join() }
  }
}

/// Runs a body on as many threads and waits for them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
  let threads = try (0..<count).map { index in try Thread(name: "test \(index)") { body(index) } }
  for thread in threads { thread.join() }
}
