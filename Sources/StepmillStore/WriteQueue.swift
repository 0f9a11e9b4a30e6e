import Stepmill
import StepmillServer

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

/// Who may touch what: everything behind the monitor, by whoever holds it. That is what
/// `@unchecked Sendable` stands on.
@safe final class WriteQueue: @unchecked Sendable {
  enum Entry: Sendable {
    case execution(StoredExecution)
    case change(StoreChange)
    /// One that is over, for the disk to have before it is needed: should the power fail, most of what was
    /// kept is there, though nobody was promised that.
    case segment(SegmentFile)
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
    var isClosing = false
  }

  /// How long changes that nobody waits for may lie, in nanoseconds.
  static let patience: UInt64 = 20_000_000

  private let monitor = Monitor()
  private var next = Batch()
  /// When the first of the entries came.
  private var firstTime: UInt64 = 0
  /// Entries and bytes that the writer has taken and not written.
  private var taken = 0
  private var takenBytes = 0
  private let entriesMax: Int
  private let bytesMax: Int

  init(entriesMax: Int, bytesMax: Int) {
    self.entriesMax = entriesMax
    self.bytesMax = bytesMax
  }

  // MARK: The service's side

  /// True if the queue is full now.
  func add(_ entry: Entry, inputBytes: Int = 0) -> Bool {
    monitor.locked {
      if next.entries.isEmpty && next.mapRuns.isEmpty {
        firstTime = Monitor.now
        monitor.signal()
      }
      next.entries.append(entry)
      next.lastNumber &+= 1
      next.inputBytes &+= inputBytes
      return next.entries.count + taken >= entriesMax || next.inputBytes + takenBytes >= bytesMax
    }
  }

  /// Only what a run has come to is written, however often it is put.
  func add(_ run: MapRunRecord) {
    monitor.locked {
      if next.entries.isEmpty && next.mapRuns.isEmpty {
        firstTime = Monitor.now
        monitor.signal()
      }
      next.mapRuns[run.arn] = run
    }
  }

  func remove(_ removal: Removal) {
    monitor.locked {
      if next.removals.isEmpty { monitor.signal() }
      next.removals.append(removal)
    }
  }

  func wait(_ body: @escaping Waiter) {
    monitor.locked {
      if next.waiters.isEmpty { monitor.signal() }
      next.waiters.append((next.lastNumber, body))
    }
  }

  func close() {
    monitor.locked {
      next.isClosing = true
      monitor.signal()
    }
  }

  var counts: (depth: Int, waiters: Int) {
    monitor.locked { (next.entries.count + taken, next.waiters.count) }
  }

  // MARK: The writer's side

  /// Waits until there is something that should be written now, and takes it.
  ///
  /// - Parameter hasMore: There is something left from before, so it does not wait.
  func take(hasMore: Bool) -> Batch {
    monitor.locked {
      while !hasMore, !next.isClosing, next.waiters.isEmpty {
        if next.entries.isEmpty && next.mapRuns.isEmpty {
          if !next.removals.isEmpty { break }
          monitor.wait()
        } else {
          let due = firstTime &+ Self.patience
          if Monitor.now >= due { break }
          monitor.wait(untilNanoseconds: due)
        }
      }
      let batch = next
      next = Batch()
      next.lastNumber = batch.lastNumber
      next.isClosing = batch.isClosing
      taken += batch.entries.count
      takenBytes += batch.inputBytes
      return batch
    }
  }

  /// Lets some time pass, or less if the store is to be closed.
  func pause(nanoseconds: UInt64) {
    monitor.locked {
      let due = Monitor.now &+ nanoseconds
      while !next.isClosing, Monitor.now < due { monitor.wait(untilNanoseconds: due) }
    }
  }

  /// So much of what was taken is written. True if the queue has room again.
  func wrote(_ entries: Int, inputBytes: Int) -> Bool {
    monitor.locked {
      taken -= entries
      takenBytes -= inputBytes
      return next.entries.count + taken < entriesMax / 2 && next.inputBytes + takenBytes < bytesMax / 2
    }
  }
}
