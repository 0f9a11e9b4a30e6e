import Synchronization

/// The indices of a Map that nobody has begun with, shared between loops.
///
/// The range is one word, `high:32 | low:32`: its owner takes chunks off the low end, a
/// thief takes the upper half, and both do it by compare-and-swap on the whole word. So
/// every index is taken exactly once, and a Map of 100,000 items costs a handful of steals
/// instead of a queue entry each.
///
/// The word is all the state there is, so a word that changes and changes back (an owner
/// that refills the range) fools nobody: what the thief takes is in the range when it is
/// taken. But which Map the indices belong to is not in the word: a range serves one Map.
struct SplittableRange: ~Copyable {
  private let word: Atomic<UInt64>
  /// Keeps neighbours off the cache lines that thieves and the owner fight for.
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

  init(_ range: Range<UInt32>) {
    word = Atomic(Self.pack(range.lowerBound, range.upperBound))
  }

  @inline(__always)
  private static func pack(_ low: UInt32, _ high: UInt32) -> UInt64 {
    UInt64(high) &<< 32 | UInt64(low)
  }

  @inline(__always)
  private static func unpack(_ word: UInt64) -> (low: UInt32, high: UInt32) {
    (UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word &>> 32))
  }

  /// How many indices are left, at the time of asking.
  var count: Int {
    let (low, high) = Self.unpack(word.load(ordering: .relaxed))
    return Int(high &- low)
  }

  /// The next indices, at most `countMax` of them; empty when none is left.
  @inline(__always)
  func takeFirst(_ countMax: UInt32) -> Range<UInt32> {
    var current = word.load(ordering: .relaxed)
    while true {
      let (low, high) = Self.unpack(current)
      guard low < high else { return 0..<0 }
      let middle = low &+ min(countMax, high &- low)
      let (exchanged, original) = word.weakCompareExchange(
        expected: current, desired: Self.pack(middle, high), ordering: .acquiringAndReleasing)
      if exchanged { return low..<middle }
      current = original
    }
  }

  /// The upper half of the indices, the larger one if they cannot be halved. Empty if
  /// fewer than `countMin` are left, which are not worth the trip.
  func takeUpperHalf(countMin: UInt32 = 1) -> Range<UInt32> {
    var current = word.load(ordering: .relaxed)
    while true {
      let (low, high) = Self.unpack(current)
      guard low < high, high &- low >= countMin else { return 0..<0 }
      let middle = low &+ (high &- low) / 2
      let (exchanged, original) = word.weakCompareExchange(
        expected: current, desired: Self.pack(low, middle), ordering: .acquiringAndReleasing)
      if exchanged { return middle..<high }
      current = original
    }
  }

  /// Gives the range new indices of the same Map (a thief fills its own range with what it
  /// took). Only the owner calls this, and only when the range is empty.
  func refill(_ range: Range<UInt32>) {
    let old = word.exchange(Self.pack(range.lowerBound, range.upperBound), ordering: .acquiringAndReleasing)
    let (low, high) = Self.unpack(old)
    precondition(low >= high, "Stepmill: a range was refilled while it held indices")
  }

  /// Drops what is left, so that nobody begins with it (the Map has failed or was stopped).
  /// Returns the indices that were left.
  func takeAll() -> Range<UInt32> {
    let (low, high) = Self.unpack(word.exchange(0, ordering: .acquiringAndReleasing))
    return low..<max(low, high)
  }
}
