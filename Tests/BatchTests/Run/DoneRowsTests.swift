import Testing

@testable import StepmillBatch

/// Proves that the set of rows that are done is a set, whatever order they come in, and stays
/// small where they come nearly in order.
@Suite struct DoneRowsTests {
  @Test(arguments: 0..<20) func isASet(seed: UInt64) {
    var random = BatchRandom(seed: seed)
    var rows = DoneRows()
    var reference = Set<Int>()
    for _ in 0..<200 {
      let first = Int.random(in: 0..<30_000, using: &random)
      let length = Bool.random(using: &random) ? 1 : Int.random(in: 1...9000, using: &random)
      rows.insert(first..<first + length)
      reference.formUnion(first..<first + length)
      #expect(rows.count == reference.count)
    }
    for row in 0..<40_000 { #expect(rows.contains(row) == reference.contains(row)) }
    let ranges = rows.ranges
    #expect(Set(ranges.flatMap { Array($0) }) == reference)
    for (left, right) in zip(ranges, ranges.dropFirst()) { #expect(left.upperBound < right.lowerBound) }
    #expect(DoneRows(ranges).ranges == ranges)
    #expect(rows.prefix == (0...).first { !reference.contains($0) })
  }

  @Test func aStragglerCostsOnePage() {
    var rows = DoneRows()
    rows.insert(0..<5)
    rows.insert(6..<10_000_000)
    #expect(rows.ranges == [0..<5, 6..<10_000_000])
    #expect(rows.prefix == 5)
    rows.insert(5..<6)
    #expect(rows.ranges == [0..<10_000_000])
    #expect(rows.prefix == 10_000_000)
  }
}
