import Synchronization
import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that every index is taken exactly once, by whomever.
@Suite(.timeLimit(.minutes(2))) struct LoopSplittableRangeTests {

  @Test func ownerTakesFromBelowThiefFromAbove() {
    let range = SplittableRange(10..<110)
    #expect(range.takeFirst(16) == 10..<26)
    #expect(range.takeUpperHalf() == 68..<110)
    #expect(range.count == 42)
    #expect(range.takeUpperHalf(countMin: 43).isEmpty)
    #expect(range.takeFirst(100) == 26..<68)
    #expect(range.takeFirst(1).isEmpty)
    #expect(range.takeUpperHalf().isEmpty)
    range.refill(5..<6)
    #expect(range.takeUpperHalf() == 5..<6)
    range.refill(7..<9)
    #expect(range.takeAll() == 7..<9)
    #expect(range.takeAll().isEmpty)
    let whole = SplittableRange(0 ..< .max)
    #expect(whole.takeUpperHalf() == (.max / 2) ..< .max)
    #expect(whole.takeFirst(.max) == 0..<(.max / 2))
  }

  @Test func emptyRangesGiveNothing() {
    let range = SplittableRange(3..<3)
    #expect(range.takeFirst(16).isEmpty)
    #expect(range.takeUpperHalf().isEmpty)
    #expect(range.takeAll().isEmpty)
  }

  final class Contest: Sendable {
    static let total = 20_000
    static let contenders = 4
    let taken: UnsafeAtomics
    let left = Atomic<Int>(Contest.total)
    let ranges: UnsafeRanges

    struct UnsafeAtomics: @unchecked Sendable { let base: UnsafeMutablePointer<Atomic<UInt8>> }
    struct UnsafeRanges: @unchecked Sendable { let base: UnsafeMutablePointer<SplittableRange> }

    init() {
      taken = UnsafeAtomics(base: .allocate(capacity: Self.total))
      ranges = UnsafeRanges(base: .allocate(capacity: Self.contenders))
      for index in 0..<Self.total { (taken.base + index).initialize(to: Atomic(0)) }
      for index in 0..<Self.contenders {
        (ranges.base + index).initialize(to: SplittableRange(0..<(index == 0 ? UInt32(Self.total) : 0)))
      }
    }

    deinit {
      taken.base.deallocate()
      ranges.base.deallocate()
    }

    /// Works on its own range, steals when that is empty, until all indices are done.
    func work(_ own: Int, _ seed: UInt64) {
      var random = LoopRandom(seed: seed &+ UInt64(own))
      while left.load(ordering: .relaxed) > 0 {
        let mine = (ranges.base + own).pointee.takeFirst(UInt32(1 + random.below(32)))
        if mine.isEmpty {
          let victim = Int(random.below(UInt64(Self.contenders)))
          let stolen = (ranges.base + victim).pointee.takeUpperHalf(countMin: 1)
          if stolen.isEmpty { sched_yield() } else { (ranges.base + own).pointee.refill(stolen) }
          continue
        }
        for index in mine { (taken.base + Int(index)).pointee.wrappingAdd(1, ordering: .relaxed) }
        left.wrappingSubtract(mine.count, ordering: .relaxed)
      }
    }
  }

  @Test(arguments: LoopRandom.seeds) func everyIndexIsTakenOnce(seed: UInt64) throws {
    print("splittable range seed \(seed)")
    let contest = Contest()
    try onThreads(Contest.contenders) { contest.work($0, seed) }
    for index in 0..<Contest.total {
      let times = (contest.taken.base + index).pointee.load(ordering: .relaxed)
      if times != 1 { Issue.record("seed \(seed): index \(index) was taken \(times) times") }
    }
    #expect(contest.left.load(ordering: .relaxed) == 0)
  }
}
