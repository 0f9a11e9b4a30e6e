import Stepmill
import Synchronization

/// What the writer says about itself: asked before every change, so the answer "all is well" is
/// one look at a number.
final class StoreState: Sendable {
  private static let failing: UInt8 = 1
  private static let full: UInt8 = 2
  private static let closed: UInt8 = 4

  private let flags = Atomic<UInt8>(0)
  private let health = Lock(StoreHealth())
  private let notify: @Sendable (StoreNotice) -> Void

  init(_ notify: @escaping @Sendable (StoreNotice) -> Void) { self.notify = notify }

  /// Why changes are refused.
  var refusal: String? {
    let flags = flags.load(ordering: .relaxed)
    if flags == 0 { return nil }
    if flags & Self.closed != 0 { return "The server is being stopped." }
    if flags & Self.failing != 0, let problem = health.withLock({ $0.problem }) { return problem }
    if flags & Self.full != 0 {
      return "More executions are begun than the disk can take. Try again in a moment."
    }
    return nil
  }

  /// What was begun is going to be written, though nothing new is taken.
  var isOnlyFull: Bool { flags.load(ordering: .relaxed) == Self.full }

  var snapshot: StoreHealth {
    var snapshot = health.withLock { $0 }
    snapshot.problem = refusal
    return snapshot
  }

  // MARK: The writer

  func wrote(rows: UInt64) {
    health.withLock { health in
      health.rowsWritten += rows
      health.transactions += 1
    }
  }

  func failed(_ problem: String) {
    health.withLock { health in
      health.problem = problem
      health.lastError = problem
      health.failures += 1
    }
    let before = flags.bitwiseOr(Self.failing, ordering: .relaxed).oldValue
    if before & Self.failing == 0 { notify(.refuses(problem)) }
  }

  func recovered(removals: Int) {
    let before = flags.bitwiseAnd(~Self.failing, ordering: .relaxed).oldValue
    if before & Self.failing != 0 { notify(.takes) }
    health.withLock { health in
      health.problem = nil
      health.removals = removals
    }
  }

  // MARK: The queue

  func isFull() { flags.bitwiseOr(Self.full, ordering: .relaxed) }
  func hasRoom() {
    if flags.load(ordering: .relaxed) & Self.full != 0 {
      flags.bitwiseAnd(~Self.full, ordering: .relaxed)
    }
  }

  /// True for the first time.
  func close() -> Bool { flags.bitwiseOr(Self.closed, ordering: .relaxed).oldValue & Self.closed == 0 }
}
