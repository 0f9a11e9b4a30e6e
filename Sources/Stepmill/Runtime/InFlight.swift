import Synchronization

/// How many executions are under way. An object of its own, since ends may be counted when the
/// runtime is gone.
///
/// One counter would be a word that every loop and every caller writes to twice for each
/// execution. So there are several, of which a thread always takes the same: what counts is
/// their sum, which is looked at only where the thread's own says that it might be too high.
final class InFlight: Sendable {
  private let counters: Striped<PaddedCounter>
  private let limit: Int
  /// As long as no counter is higher, neither is their sum than the limit.
  private let share: Int

  /// A limit of which each counter's share is less than this is kept by one of them.
  private static let shareMin = 4096

  init(limit: Int) {
    self.limit = limit
    let isStriped = limit / Striped<PaddedCounter>.count >= Self.shareMin
    counters = Striped(isWhole: !isStriped) { PaddedCounter() }
    share = isStriped ? limit / Striped<PaddedCounter>.count : limit
  }

  /// Counts executions that begin. False if there are too many, themselves included: they are
  /// counted nonetheless.
  @inline(__always)
  func add(_ count: Int) -> Bool {
    let own = counters.own.value.wrappingAdd(count, ordering: .relaxed).newValue
    return _fastPath(own <= share) || isWithinLimit()
  }

  @inline(__always)
  func subtract(_ count: Int) { counters.own.value.wrappingSubtract(count, ordering: .relaxed) }

  /// Executions may have begun on one thread and ended on others: then the one's counter is high
  /// and those of the others are below zero. They are brought together, so that this is rare.
  @inline(never)
  private func isWithinLimit() -> Bool {
    let sum = value
    guard counters.isStriped, sum <= share / 2 else { return sum <= limit }
    var others = 0
    counters.visit { others &+= $0.value.exchange(0, ordering: .relaxed) }
    counters.own.value.wrappingAdd(others, ordering: .relaxed)
    return true
  }

  var value: Int {
    var sum = 0
    counters.visit { sum &+= $0.value.load(ordering: .relaxed) }
    return sum
  }
}

private struct PaddedCounter: ~Copyable {
  let value = Atomic<Int>(0)
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

/// A loop that nobody uses, or none.
struct LoopAtHand: ~Copyable {
  /// Its address, or 0.
  private let address = Atomic<UInt>(0)
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

  @inline(__always)
  func take() -> Loop? {
    UnsafeRawPointer(bitPattern: address.exchange(0, ordering: .sequentiallyConsistent)).map {
      Unmanaged<Loop>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// False if there is one already.
  @inline(__always)
  func put(_ loop: Loop) -> Bool {
    let new = UInt(bitPattern: Unmanaged.passUnretained(loop).toOpaque())
    return address.compareExchange(expected: 0, desired: new, ordering: .sequentiallyConsistent).exchanged
  }
}
