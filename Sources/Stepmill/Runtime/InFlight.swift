import Synchronization

/// How many executions are under way, and that there are no more than the limit. An object of its
/// own, since ends may be counted when the runtime is gone.
///
/// One counter would be a word that every loop and every caller writes to twice for each
/// execution. So there are several, of which a thread always takes the same. Each holds what may
/// begin yet without a look at the others; where that is used up, what the others have and do not
/// need is brought together, and a part of it goes to who asks. So all of them and the rest add up
/// to the limit less what is under way, whoever begins and whoever ends.
final class InFlight: Sendable {
  private let counters: Striped<PaddedCounter>
  /// What no counter has.
  private let rest: Lock<Int>
  private let limit: Int
  /// How much a counter gets at once.
  private let part: Int

  /// A limit of which each counter's share is less than this is kept by one of them.
  private static let shareMin = 4096

  init(limit: Int) {
    self.limit = limit
    let isStriped = limit / Striped<PaddedCounter>.count >= Self.shareMin
    counters = Striped(isWhole: !isStriped) { PaddedCounter() }
    rest = Lock(limit)
    part = isStriped ? limit / Striped<PaddedCounter>.count / 4 : limit
  }

  /// Counts executions that begin. False if there would be too many: then they are not counted.
  @inline(__always)
  func add(_ count: Int) -> Bool {
    let left = counters.own.value.wrappingSubtract(count, ordering: .relaxed).newValue
    return _fastPath(left >= 0) || refill(count)
  }

  @inline(__always)
  func subtract(_ count: Int) { counters.own.value.wrappingAdd(count, ordering: .relaxed) }

  /// The thread's counter had less than what it has counted. Takes that back if the others have not so
  /// much either.
  ///
  /// What others have counted and are about to ask for here is gathered, too; so of two that want the
  /// last one, the first to ask may be refused and the second not.
  @inline(never)
  private func refill(_ count: Int) -> Bool {
    rest.withLock { rest in
      counters.visit { rest &+= $0.value.exchange(0, ordering: .relaxed) }
      guard rest >= 0 else {
        rest &+= count
        return false
      }
      let given = min(rest, part)
      counters.own.value.wrappingAdd(given, ordering: .relaxed)
      rest &-= given
      return true
    }
  }

  var value: Int {
    rest.withLock { rest in
      var free = rest
      counters.visit { free &+= $0.value.load(ordering: .relaxed) }
      return limit &- free
    }
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
