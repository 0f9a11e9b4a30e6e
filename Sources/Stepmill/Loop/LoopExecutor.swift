import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Runs Swift tasks on a loop's thread.
///
/// A task that prefers this executor runs every nonisolated step here, between two turns of
/// the engine. What is enqueued on the loop's own thread (nearly everything: a continuation
/// that the engine resumes, the next step of a task) goes to a plain ring; what is enqueued
/// elsewhere (a sleep that ended, an actor that answered) goes through the inbox for jobs.
///
/// Who may touch what: `enqueue` may be called on any thread, and touches the ring only on
/// the one that called `adopt`. Everything else belongs to that thread. This is why the
/// class may call itself Sendable.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {
  private let shared: UnsafePointer<LoopShared>
  /// The thread whose ring this is; 0 while there is none.
  private let owner = Atomic<UInt>(0)
  /// Jobs, each as the word it is.
  private let ring: UnsafeMutablePointer<Ring<UInt>>

  private struct ForeignJob {
    var next: UnsafeMutableRawPointer?
    var job: UInt
  }

  /// `shared` must outlive every task that prefers this executor, and every visitor.
  init(shared: UnsafePointer<LoopShared>) {
    self.shared = shared
    ring = .allocate(capacity: 1)
    ring.initialize(to: Ring(minimumCapacity: 256))
  }

  deinit {
    ring.deinitialize(count: 1)
    ring.deallocate()
  }

  /// Makes the calling thread the loop's thread.
  func adopt() { owner.store(Thread.currentID, ordering: .relaxed) }

  /// Ends `adopt`. To be called before the thread ends, because a new one may get its number.
  func abandon() { owner.store(0, ordering: .relaxed) }

  /// True on the loop's thread. A relaxed load will do: a thread sees what it stored
  /// itself, and to all others the value is wrong whichever one they see.
  @inline(__always)
  var isOnLoop: Bool { owner.load(ordering: .relaxed) == Thread.currentID }

  func enqueue(_ job: consuming ExecutorJob) {
    let word = unsafeBitCast(UnownedJob(job), to: UInt.self)
    if _fastPath(isOnLoop) {
      ring.pointee.append(word)
    } else {
      Self.enqueueForeign(word, shared)
    }
  }

  // This executor may be gone as soon as the job is in, if it was the last one of the last
  // task; so nothing here touches it.
  @inline(never)
  private static func enqueueForeign(_ word: UInt, _ shared: UnsafePointer<LoopShared>) {
    let node = UnsafeMutablePointer<ForeignJob>.allocate(capacity: 1)
    node.initialize(to: ForeignJob(next: nil, job: word))
    shared.pointee.enqueueJob(UnsafeMutableRawPointer(node))
  }

  /// Moves what came from other threads to the ring.
  func collectForeign() {
    var next = shared.pointee.jobs.takeAll()
    while let raw = next {
      next = Inbox.next(raw)
      let node = raw.assumingMemoryBound(to: ForeignJob.self)
      ring.pointee.append(node.pointee.job)
      node.deallocate()
    }
  }

  /// Jobs in the ring.
  @inline(__always)
  var jobsReady: Int { ring.pointee.count }

  /// Runs the next job of the ring, if there is one.
  @inline(__always)
  func runNext() -> Bool {
    guard let word = ring.pointee.popFirst() else { return false }
    unsafeBitCast(word, to: UnownedJob.self).runSynchronously(on: asUnownedTaskExecutor())
    return true
  }

  /// Runs up to `limit` jobs. Returns how many.
  func drain(limit: Int) -> Int {
    assert(isOnLoop)
    collectForeign()
    var done = 0
    while done < limit, runNext() { done &+= 1 }
    return done
  }
}
