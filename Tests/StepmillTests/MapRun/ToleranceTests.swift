import Testing

@testable import Stepmill

/// The arithmetic of tolerated failures and of batches.
@Suite struct MapRunArithmeticTests {
  /// Without a word no failure is borne; of count and percentage only what is given counts.
  @Test(
    arguments: [
      (nil, nil, 0, 10, false), (nil, nil, 1, 10, true), (1, nil, 1, 10, false), (1, nil, 2, 10, true),
      (nil, 10.0, 1, 10, false), (nil, 10.0, 2, 10, true), (nil, 9.9, 1, 10, true), (nil, 0.0, 1, 10, true),
      (nil, 100.0, 10, 10, false), (5, 10.0, 2, 10, true), (1, 50.0, 2, 10, true), (nil, 33.3, 1, 3, true),
      (nil, 33.4, 1, 3, false),
    ] as [(Int?, Double?, Int, Int?, Bool)])
  func tolerance(_ count: Int?, _ percentage: Double?, _ failed: Int, _ total: Int?, _ isExceeded: Bool) {
    #expect(
      MapRunTolerance(count: count, percentage: percentage).isExceeded(failed: failed, total: total)
        == isExceeded)
  }

  /// A share of an unknown number is not too large yet, unless none is allowed.
  @Test func unknownTotal() {
    #expect(!MapRunTolerance(percentage: 1).isExceeded(failed: 1000, total: nil))
    #expect(MapRunTolerance(percentage: 0).isExceeded(failed: 1, total: nil))
    #expect(MapRunTolerance(count: 3, percentage: 1).isExceeded(failed: 4, total: nil))
  }

  @Test func itemsOfABatch() {
    var batch = MapBatch(itemsMax: 2, bytesMax: 1000, input: nil)
    #expect(batch.add(1) == .added && !batch.isFull)
    #expect(batch.add(2) == .added && batch.isFull)
    #expect(batch.add(3) == .full)
    let (input, count) = batch.take()
    #expect(input.text == #"{"Items":[1,2]}"# && count == 2 && batch.count == 0)
  }

  /// The bound is that of the child's input as it is written, to the byte.
  @Test(arguments: [nil, ["run": 7]] as [JSON?])
  func bytesOfABatch(_ shared: JSON?) {
    let wanted = shared == nil ? #"{"Items":["ab","cd"]}"# : #"{"BatchInput":{"run":7},"Items":["ab","cd"]}"#
    for (bytesMax, third) in [(wanted.utf8.count, MapBatch.Addition.full), (wanted.utf8.count - 1, .full)] {
      var batch = MapBatch(itemsMax: nil, bytesMax: bytesMax, input: shared)
      #expect(batch.add("ab") == .added)
      #expect(batch.add("cd") == (bytesMax == wanted.utf8.count ? .added : third))
      if bytesMax == wanted.utf8.count { #expect(batch.take().input.text == wanted) }
    }
    var batch = MapBatch(itemsMax: nil, bytesMax: wanted.utf8.count, input: shared)
    #expect(batch.add(JSON(String(repeating: "x", count: 100))) == .tooLarge)
  }

  /// Labels that nobody gave are the same each time, and UUIDs of version 3.
  @Test func labels() {
    let label = DistributedMap.label(ofState: "M")
    #expect(label == DistributedMap.label(ofState: "M") && label != DistributedMap.label(ofState: "N"))
    #expect(label.utf8.count == 36 && Array(label)[14] == "3")
  }
}
