import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// How other threads reach a loop: they push nodes, and wake the loop if it sleeps.
//
// An inbox is a Treiber stack. Producers push with one compare-and-swap; the loop takes
// everything with one exchange and turns it round, so nodes arrive in the order in which
// they were pushed. Nodes are made and freed by others; a node is any memory whose first
// word the inbox may use as its link. As the stack is only ever taken whole, no node can
// be popped and pushed again behind a producer's back.
//
// Who may touch what:
//  1. `LoopShared` holds everything that foreign threads touch. Its members are `let`:
//     changing a `var` beside an atomic would be an access to the whole struct, and so a
//     race with every reader of the atomic. The loop's own state lives elsewhere.
//  2. A node belongs to its producer until `push`, and to the loop from then on.
//  3. Only the loop's thread calls `takeAll`, `announceSleep` and `endSleep`.
//
// No wake-up is lost, and few are sent. The loop says that it sleeps *before* it looks at
// the inboxes for the last time; a producer pushes *before* it looks whether the loop
// sleeps. All four are sequentially consistent, so at least one sees the other. A producer
// that finds the inbox not empty need not look: the loop will not go to sleep on the node
// that was there, and whoever pushed that node has seen to the wake-up. And the flag is
// taken down by exchange, so of several producers one wakes the loop.

// When it may all be freed. A producer is not done when its node is in: it still looks
// whether the loop sleeps. By then the loop may have taken the node, finished the last of
// its work and closed. So a producer that is not otherwise sure that the loop outlasts the
// call makes it a visit, and a closing loop waits until the visitors have left.

/// A stack of nodes from any thread to one loop.
struct Inbox: ~Copyable {
  private let head = Atomic<UnsafeMutableRawPointer?>(nil)
  /// Keeps the next member on another pair of cache lines (they are fetched in pairs).
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

  /// Adds a node. Returns true if the inbox was empty, when a sleeping loop must be woken.
  @inline(__always)
  func push(_ node: UnsafeMutableRawPointer) -> Bool {
    pushChain(first: node, last: node)
  }

  /// Adds nodes that are linked already, from the one pushed last to the one pushed first.
  @inline(__always)
  func pushChain(first: UnsafeMutableRawPointer, last: UnsafeMutableRawPointer) -> Bool {
    var expected = head.load(ordering: .relaxed)
    while true {
      last.storeBytes(of: expected, as: UnsafeMutableRawPointer?.self)
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: first,
        successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
      if exchanged { return expected == nil }
      expected = original
    }
  }

  /// All nodes, linked in the order in which they were pushed.
  @inline(__always)
  func takeAll() -> UnsafeMutableRawPointer? {
    // The exchange takes the cache line away from the producers; a look does not.
    if head.load(ordering: .relaxed) == nil { return nil }
    var node = head.exchange(nil, ordering: .acquiring)
    var result: UnsafeMutableRawPointer?
    while let current = node {
      node = Self.next(current)
      current.storeBytes(of: result, as: UnsafeMutableRawPointer?.self)
      result = current
    }
    return result
  }

  @inline(__always)
  static func next(_ node: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    node.load(as: UnsafeMutableRawPointer?.self)
  }

  /// True if there is nothing to take, as far as the calling thread can tell.
  @inline(__always)
  var isEmpty: Bool { head.load(ordering: .sequentiallyConsistent) == nil }
}

/// What wakes a sleeping loop: a C function and its argument, callable from any thread.
struct Waker: @unchecked Sendable {
  typealias Function = @convention(c) (UnsafeMutableRawPointer) -> Void
  let function: Function
  let context: UnsafeMutableRawPointer

  func wake() { function(context) }
}

/// Whether a loop sleeps, and how to wake it.
struct SleepFlag: ~Copyable {
  private let sleeping = Atomic<Bool>(false)
  private let waker: Waker
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) = (
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  )

  init(waker: Waker) { self.waker = waker }

  /// Any thread, after a push that found the inbox empty.
  @inline(__always)
  func wakeIfSleeping() {
    if _slowPath(sleeping.load(ordering: .sequentiallyConsistent)),
      sleeping.exchange(false, ordering: .sequentiallyConsistent)
    {
      waker.wake()
    }
  }

  @inline(__always)
  func raise() { sleeping.store(true, ordering: .sequentiallyConsistent) }

  @inline(__always)
  func lower() { sleeping.store(false, ordering: .sequentiallyConsistent) }
}

/// Everything of a loop that other threads touch. They get a pointer to this and nothing else.
struct LoopShared: ~Copyable {
  private let sleep: SleepFlag
  /// Work for the engine.
  let submissions = Inbox()
  /// Jobs of Swift tasks that were resumed elsewhere: nodes of `LoopExecutor`.
  let jobs = Inbox()
  /// Threads that are in the middle of a visit.
  private let visitors = Atomic<Int>(0)
  /// The engine takes no more mail.
  private let closed = Atomic<Bool>(false)

  init(waker: Waker) { sleep = SleepFlag(waker: waker) }

  // MARK: Any thread

  /// Keeps the loop from being freed until `endVisit`. Must begin before the loop could
  /// know that nobody comes any more, that is before the push that it waits for.
  @inline(__always)
  func beginVisit() { visitors.wrappingAdd(1, ordering: .sequentiallyConsistent) }

  @inline(__always)
  func endVisit() { visitors.wrappingSubtract(1, ordering: .releasing) }

  /// Hands a node to the engine. The loop must outlast the call, by a visit or otherwise.
  /// False if the loop takes no more mail: the caller then empties `submissions`, where the
  /// node may still lie. (The loop closes *before* it empties the inbox for the last time,
  /// a producer pushes *before* it looks whether the loop is closed: one of them sees it.)
  @inline(__always)
  @discardableResult
  func submit(_ node: UnsafeMutableRawPointer) -> Bool {
    if submissions.push(node) { sleep.wakeIfSleeping() }
    return _fastPath(!closed.load(ordering: .sequentiallyConsistent))
  }

  /// Nodes linked from the one submitted last to the one submitted first.
  @inline(__always)
  @discardableResult
  func submitChain(first: UnsafeMutableRawPointer, last: UnsafeMutableRawPointer) -> Bool {
    if submissions.pushChain(first: first, last: last) { sleep.wakeIfSleeping() }
    return _fastPath(!closed.load(ordering: .sequentiallyConsistent))
  }

  /// Hands a job to the loop's executor. It may be the last that the loop waits for, and
  /// the runtime that brings it holds nothing, so this is a visit in itself.
  func enqueueJob(_ node: UnsafeMutableRawPointer) {
    beginVisit()
    if jobs.push(node) { sleep.wakeIfSleeping() }
    endVisit()
  }

  // MARK: The loop's thread

  /// Call before blocking. Returns false, and the loop must not block, if there is mail.
  func announceSleep() -> Bool {
    sleep.raise()
    guard submissions.isEmpty && jobs.isEmpty else {
      sleep.lower()
      return false
    }
    return true
  }

  /// Call after blocking, whatever ended it.
  func endSleep() { sleep.lower() }

  /// Call before closing the loop, when all its work is done: returns when the threads that
  /// brought the last of it have left. They need a few instructions, unless preempted.
  func waitForVisitors() {
    while visitors.load(ordering: .sequentiallyConsistent) != 0 { sched_yield() }
  }

  /// From here on producers are told that their mail comes too late.
  func close() { closed.store(true, ordering: .sequentiallyConsistent) }
}
