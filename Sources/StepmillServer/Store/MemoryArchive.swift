import Stepmill
import Synchronization

// Where short histories lie that are over, in the memory of a server that has no disk.
//
// Each in an allocation of its own would be cold when it goes, hundreds of thousands of executions
// later, and giving it back would cost as much as making it. So they lie one after the other in slabs
// of a megabyte, which go as a whole: retention takes the oldest first.
//
// An entry: the sizes of the input and of the events, the number of events (four bytes each), the input
// and the events as a `HistoryLog` has them.

/// How many of what several containers hold is still needed.
package struct LiveCounts: Sendable {
  private var counts: [Int64: Int]
  /// Of the one that was asked for last: most go one after the other.
  private var last: (container: Int64, count: Int)?

  package init(_ counts: [Int64: Int] = [:]) { self.counts = counts }

  /// Nil: it is none.
  package subscript(container: Int64) -> Int? {
    mutating get {
      if let last {
        if last.container == container { return last.count }
        counts[last.container] = last.count
      }
      last = counts[container].map { (container, $0) }
      return last?.count
    }
    set {
      if let last, last.container == container {
        if let newValue {
          self.last = (container, newValue)
          return
        }
        self.last = nil
      }
      counts[container] = newValue
    }
  }
}

/// Keeps the histories of short executions that came to a good end.
final class MemoryArchive: ExecutionArchive {
  // A mutex with an edge for the thread sanitizer, as in `StoredExecution`.
  private let mutex = Mutex(Slabs())
  private let edge = Atomic<UInt8>(0)

  // Relations of the limits: an offset has 24 bits in a place.
  private static let slabBytes = 1 << 20
  private static let entryBytesMax = 8192
  private static let headSize = 12
  private static let sparesMax = 2

  /// Memory, given back with its last reference.
  @safe private final class Slab: @unchecked Sendable {
    // Who may touch what: whoever holds the lock.
    let bytes: UnsafeMutableRawPointer
    init() { unsafe bytes = .allocate(byteCount: slabBytes, alignment: 16) }
    deinit { unsafe bytes.deallocate() }
  }

  private struct Slabs: Sendable {
    var slabs: [Int64: Slab] = [:]
    var spares: [Slab] = []
    var live = LiveCounts()
    var current: (number: Int64, slab: Slab)?
    var used = 0
    var lastNumber: Int64 = 0
  }

  private func withSlabs<Result: Sendable>(_ body: (inout Slabs) -> Result) -> Result {
    mutex.withLock { slabs in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return body(&slabs)
    }
  }

  /// Takes what takes room of an execution that is over, if it is of that kind.
  func keep(_ execution: StoredExecution) {
    execution.withLife { life in
      guard life.state == .succeeded, life.ending == nil, life.archive == nil, life.redrives.count == 0,
        life.history.isShort, Self.headSize + life.history.byteCount <= Self.entryBytesMax
      else { return }
      execution.place.store(append(life.history), ordering: .relaxed)
      life.leave(to: self)
    }
  }

  private func append(_ history: borrowing HistoryLog) -> Int64 {
    let input = history.inputBytes.count
    let count = history.count
    return unsafe history.withAllBytes { all in
      withSlabs { slabs -> Int64 in
        if slabs.current == nil || slabs.used + Self.headSize + all.count > Self.slabBytes { turn(&slabs) }
        guard let (number, slab) = slabs.current else { preconditionFailure("a slab was just made") }
        let offset = slabs.used
        let place = unsafe slab.bytes + offset
        unsafe place.storeBytes(of: UInt32(input), as: UInt32.self)
        unsafe place.storeBytes(of: UInt32(all.count - input), toByteOffset: 4, as: UInt32.self)
        unsafe place.storeBytes(of: UInt32(count), toByteOffset: 8, as: UInt32.self)
        if let base = all.baseAddress {
          unsafe (place + Self.headSize).copyMemory(from: base, byteCount: all.count)
        }
        slabs.used = (offset + Self.headSize + all.count + 3) & ~3
        slabs.live[number] = (slabs.live[number] ?? 0) + 1
        return number << 24 | Int64(offset)
      }
    }
  }

  /// Begins another slab.
  private func turn(_ slabs: inout Slabs) {
    if let (number, _) = slabs.current, slabs.live[number] == 0 { recycle(number, &slabs) }
    slabs.lastNumber += 1
    let slab = slabs.spares.popLast() ?? Slab()
    slabs.slabs[slabs.lastNumber] = slab
    slabs.live[slabs.lastNumber] = 0
    slabs.current = (slabs.lastNumber, slab)
    slabs.used = 0
  }

  private func recycle(_ number: Int64, _ slabs: inout Slabs) {
    slabs.live[number] = nil
    guard let slab = slabs.slabs.removeValue(forKey: number) else { return }
    if slabs.spares.count < Self.sparesMax { slabs.spares.append(slab) }
  }

  /// An execution goes.
  func release(_ execution: StoredExecution) {
    guard execution.place.load(ordering: .relaxed) != 0 else { return }
    withSlabs { slabs in
      let number = execution.place.exchange(0, ordering: .relaxed) >> 24
      guard let live = slabs.live[number] else { return }
      slabs.live[number] = live - 1
      if live == 1, slabs.current?.number != number { recycle(number, &slabs) }
    }
  }

  // MARK: Reading

  func contents(of execution: StoredExecution) throws(APIError) -> StoredExecution.Contents {
    let history = try log(of: execution)
    return StoredExecution.Contents(
      input: String(decoding: history.inputBytes, as: UTF8.self), output: history.output)
  }

  func history(of execution: StoredExecution, _ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog {
    try log(of: execution)
  }

  private func log(of execution: StoredExecution) throws(APIError) -> HistoryLog {
    let found = withSlabs { slabs -> (input: [UInt8], events: [UInt8], count: Int)? in
      let place = execution.place.load(ordering: .relaxed)
      guard place != 0, let slab = slabs.slabs[place >> 24] else { return nil }
      let entry = unsafe slab.bytes + Int(place & (1 << 24 - 1))
      func number(_ index: Int) -> Int { Int(unsafe entry.load(fromByteOffset: 4 * index, as: UInt32.self)) }
      let events = unsafe entry + Self.headSize + number(0)
      return unsafe (
        Array(UnsafeRawBufferPointer(start: entry + Self.headSize, count: number(0))),
        Array(UnsafeRawBufferPointer(start: events, count: number(1))), number(2)
      )
    }
    // It was forgotten meanwhile.
    guard let found else { throw .noExecution(execution.arn) }
    var history = HistoryLog(input: found.input)
    let isGood = history.append([], count: found.count, bytes: found.events, types: HistoryLog.sameTypes)
    precondition(isGood, "BUG in Stepmill (please report): a history cannot be read")
    return history
  }
}
