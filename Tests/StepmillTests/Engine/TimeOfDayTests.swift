import Testing

@testable import Stepmill

/// The clocks of a machine do not run alike: one stands still while the machine sleeps, the other is set.
@Suite struct TimeOfDayTests {
  @Test func isFollowedWhereverItGoes() {
    let loop = ManualLoop(seed: 1, wallMilliseconds: 1_000_000)
    let shard = loop.shard
    loop.advance(to: 500)
    #expect(shard.wallNow == 1_000_500)
    for date in [1_000_500 + 28_800_000, 999_000, 1_000_502] as [Int64] {
      shard.adjust(wallMilliseconds: date)
      #expect(shard.wallNow == date)
    }
  }

  /// Two readings that are cut to milliseconds may differ by one: events would go to and fro.
  @Test func whatCuttingOffLeavesIsNoChange() {
    let loop = ManualLoop(seed: 1, wallMilliseconds: 1_000_000)
    let shard = loop.shard
    for date in [999_999, 1_000_001, 1_000_000] as [Int64] {
      shard.adjust(wallMilliseconds: date)
      #expect(shard.wallNow == 1_000_000)
    }
  }
}
