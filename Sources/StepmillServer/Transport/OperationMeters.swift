import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What calls of the API cost and how they ended, by operation. May be used from any thread;
/// counting locks nothing.
package final class OperationMeters: Sendable {
  /// One for each operation of the service, in alphabetical order.
  let all: [OperationMeter]
  private let named: [String: OperationMeter]

  package init() {
    all = StepFunctionsService.operations.map(OperationMeter.init)
    named = Dictionary(uniqueKeysWithValues: all.map { ($0.operation, $0) })
  }

  subscript(_ operation: String) -> OperationMeter? { named[operation] }

  /// Meters of operations that one thread alone counts on.
  private let shares = Lock<[OperationMeter]>([])

  /// A meter of an operation for one thread, which is spared the others' counting.
  func share(of operation: String) -> OperationMeter {
    let meter = OperationMeter(operation)
    shares.withLock { $0.append(meter) }
    return meter
  }

  /// An operation's meters; what they say adds up.
  func parts(of operation: String) -> [OperationMeter] {
    all.filter { $0.operation == operation } + shares.withLock { $0.filter { $0.operation == operation } }
  }

  /// A clock that only goes forward, in microseconds.
  static var now: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }
}

/// The counts of one operation.
final class OperationMeter: Sendable {
  /// Upper bounds in microseconds; longer calls only count in the sum of all.
  static let bounds = [
    50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 10_000_000,
  ]

  let operation: String
  private let succeeded = Atomic<Int>(0)
  /// The client's fault.
  private let refused = Atomic<Int>(0)
  /// The server's.
  private let failed = Atomic<Int>(0)
  let microseconds = Atomic<Int>(0)
  private let buckets = Buckets()

  init(_ operation: String) { self.operation = operation }

  /// Counts a success. Only the one thread that has the meter may do so.
  func countAlone(since began: Int, until now: Int) {
    let taken = now - began
    succeeded.store(succeeded.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    microseconds.store(microseconds.load(ordering: .relaxed) &+ taken, ordering: .relaxed)
    if let place = Self.place(taken) { buckets.addAlone(place) }
  }

  private static func place(_ taken: Int) -> Int? {
    if _fastPath(taken <= 50) { return 0 }
    return bounds.firstIndex { taken <= $0 }
  }

  func count(since began: Int, status: Int) {
    let taken = OperationMeters.now - began
    switch status {
    case ..<400: succeeded.wrappingAdd(1, ordering: .relaxed)
    case ..<500: refused.wrappingAdd(1, ordering: .relaxed)
    default: failed.wrappingAdd(1, ordering: .relaxed)
    }
    microseconds.wrappingAdd(taken, ordering: .relaxed)
    if let place = Self.place(taken) { buckets.add(place) }
  }

  /// How many took at most as long as each bound.
  var cumulated: [Int] {
    var sum = 0
    return Self.bounds.indices.map { place in
      sum += buckets[place]
      return sum
    }
  }

  /// By class of status.
  var counts: [(status: String, count: Int)] {
    [
      ("2xx", succeeded.load(ordering: .relaxed)), ("4xx", refused.load(ordering: .relaxed)),
      ("5xx", failed.load(ordering: .relaxed)),
    ]
  }

  var total: Int { counts.reduce(0) { $0 + $1.count } }

  /// Counters side by side.
  @safe private final class Buckets: @unchecked Sendable {
    // Immutable pointer to atomics, which any thread may touch.
    private let counts: UnsafeMutablePointer<Atomic<Int>>

    init() {
      unsafe counts = .allocate(capacity: OperationMeter.bounds.count)
      for place in OperationMeter.bounds.indices { unsafe (counts + place).initialize(to: Atomic(0)) }
    }

    deinit {
      unsafe counts.deinitialize(count: OperationMeter.bounds.count)
      unsafe counts.deallocate()
    }

    func addAlone(_ place: Int) {
      unsafe counts[place].store(counts[place].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
    func add(_ place: Int) { unsafe counts[place].wrappingAdd(1, ordering: .relaxed) }
    subscript(_ place: Int) -> Int { unsafe counts[place].load(ordering: .relaxed) }
  }
}
