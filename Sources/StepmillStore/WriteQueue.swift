import Stepmill
import StepmillServer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What the service's threads leave for the writer.
//
// Executions are in it by reference, each at most once, and what is new about them is looked up
// when their turn comes: one that begins and ends between two turns is written once, and a
// queue that grows holds nothing that memory does not hold anyway. Entries keep their order.
//
// An answer waits for the entries in front of it. That is what holds back whoever is faster
// than the disk; who does not wait for answers is held back by `isFull`.

/// A change that is no execution's.
enum StoreChange: Sendable {
  case machine(StateMachine, Scope)
  case noMachine(String, Scope)
  case activity(Activity, Scope)
  case noActivity(String, Scope)
  /// For tests: a statement on the writer's connection.
  case statement(String)
}

/// An execution that goes, with the name of it if there are map runs under that.
struct Removal: Sendable {
  var row: Int64
  var arn: String?
  /// Nil for what need not be looked for in a pack.
  var execution: StoredExecution?
}

/// Who may touch what: everything behind the mutex, by whoever holds it. That is what
/// `@unchecked Sendable` stands on.
@safe final class WriteQueue: @unchecked Sendable {
  enum Entry: Sendable {
    case execution(StoredExecution)
    case change(StoreChange)
    /// Executions that are over, as they go into a pack.
    case pack(PackChunk)
  }

  typealias Waiter = @Sendable (String?) -> Void

  /// What the writer takes at once.
  struct Batch {
    var entries: [Entry] = []
    var mapRuns: [String: MapRunRecord] = [:]
    var removals: [Removal] = []
    /// Each with the number of the entry that it waits for.
    var waiters: [(number: UInt64, body: Waiter)] = []
    /// The number of the last entry.
    var lastNumber: UInt64 = 0
    var inputBytes = 0
    /// Of the journal: what it has up to here is in this batch or an earlier one.
    var generation: Int64?
    var isClosing = false
  }

  /// How long changes that nobody waits for may lie, in nanoseconds.
  static let patience: UInt64 = 20_000_000

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let signal: UnsafeMutablePointer<pthread_cond_t>
  private var next = Batch()
  /// When the first of the entries came, and whether the writer is asleep.
  private var firstTime: UInt64 = 0
  /// Entries and bytes that the writer has taken and not written.
  private var taken = 0
  private var takenBytes = 0
  private let entriesMax: Int
  private let bytesMax: Int
  private let journal: Journal?

  /// - Parameter journal: Nil: nothing is kept before it is in the database.
  init(entriesMax: Int, bytesMax: Int, journal: Journal? = nil) {
    self.journal = journal
    self.entriesMax = entriesMax
    self.bytesMax = bytesMax
    unsafe mutex = .allocate(capacity: 1)
    unsafe signal = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(signal, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(signal)
    unsafe pthread_mutex_destroy(mutex)
    unsafe signal.deallocate()
    unsafe mutex.deallocate()
  }

  private func withLock<Result>(_ body: () -> Result) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body()
  }

  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  // MARK: The service's side

  /// True if the queue is full now.
  func add(_ entry: Entry, inputBytes: Int = 0) -> Bool {
    withLock { enter(entry, inputBytes) }
  }

  var hasJournal: Bool { journal != nil }

  /// Adds executions that are over. Whether they are kept from here on, and nobody need wait for
  /// the writer; and whether the queue is full.
  ///
  /// If the writer is far behind they are not: waiting for it is what holds back whoever is faster.
  func add(_ chunk: inout PackChunk) -> (isKept: Bool, isFull: Bool) {
    withLock {
      let isBehind = next.inputBytes + takenBytes >= bytesMax / 16
      // Under one lock with `take`: what the journal has is in the queue.
      let isKept = !isBehind && journal?.append(&chunk.bytes) ?? false
      let count = chunk.bytes.count
      return (isKept, enter(.pack(chunk), count))
    }
  }

  private func enter(_ entry: Entry, _ inputBytes: Int) -> Bool {
    if next.entries.isEmpty && next.mapRuns.isEmpty {
      firstTime = Self.now
      unsafe pthread_cond_signal(signal)
    }
    next.entries.append(entry)
    next.lastNumber &+= 1
    next.inputBytes &+= inputBytes
    return next.entries.count + taken >= entriesMax || next.inputBytes + takenBytes >= bytesMax
  }

  /// Only what a run has come to is written, however often it is put.
  func add(_ run: MapRunRecord) {
    withLock {
      if next.entries.isEmpty && next.mapRuns.isEmpty {
        firstTime = Self.now
        unsafe pthread_cond_signal(signal)
      }
      next.mapRuns[run.arn] = run
    }
  }

  func remove(_ removal: Removal) {
    withLock {
      if next.removals.isEmpty { unsafe pthread_cond_signal(signal) }
      next.removals.append(removal)
    }
  }

  func wait(_ body: @escaping Waiter) {
    withLock {
      if next.waiters.isEmpty { unsafe pthread_cond_signal(signal) }
      next.waiters.append((next.lastNumber, body))
    }
  }

  func close() {
    withLock {
      next.isClosing = true
      unsafe pthread_cond_signal(signal)
    }
  }

  var counts: (depth: Int, waiters: Int) { withLock { (next.entries.count + taken, next.waiters.count) } }

  // MARK: The writer's side

  /// Waits until there is something that should be written now, and takes it.
  ///
  /// - Parameter hasMore: There is something left from before, so it does not wait.
  func take(hasMore: Bool) -> Batch {
    withLock {
      while !hasMore, !next.isClosing, next.waiters.isEmpty {
        if next.entries.isEmpty && next.mapRuns.isEmpty {
          if !next.removals.isEmpty { break }
          unsafe pthread_cond_wait(signal, mutex)
        } else {
          let due = firstTime &+ Self.patience
          if Self.now >= due { break }
          sleep(until: due)
        }
      }
      var batch = next
      next = Batch()
      batch.generation = journal?.turn()
      next.lastNumber = batch.lastNumber
      next.isClosing = batch.isClosing
      taken += batch.entries.count
      takenBytes += batch.inputBytes
      return batch
    }
  }

  /// The database has a generation of the journal.
  func wrote(generation: Int64) {
    withLock { journal?.release(generation) }
  }

  /// Lets some time pass, or less if the store is to be closed.
  func pause(nanoseconds: UInt64) {
    withLock {
      let due = Self.now &+ nanoseconds
      while !next.isClosing, Self.now < due { sleep(until: due) }
    }
  }

  private func sleep(until due: UInt64) {
    var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
    unsafe pthread_cond_timedwait(signal, mutex, &time)
  }

  /// So much of what was taken is written. True if the queue has room again.
  func wrote(_ entries: Int, inputBytes: Int) -> Bool {
    withLock {
      taken -= entries
      takenBytes -= inputBytes
      return next.entries.count + taken < entriesMax / 2 && next.inputBytes + takenBytes < bytesMax / 2
    }
  }
}
