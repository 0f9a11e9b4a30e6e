import Testing

@testable import Stepmill

/// Proves that the ring is a queue, at every fill level and across growth and trimming.
@Suite struct LoopRingTests {
  struct Wide: BitwiseCopyable, Equatable {
    var first: UInt64
    var second: UInt64
  }

  @Test(arguments: LoopRandom.seeds) func agreesWithAnArray(seed: UInt64) {
    print("ring seed \(seed)")
    var random = LoopRandom(seed: seed)
    var narrow = Ring<UInt32>(minimumCapacity: 1)
    var wide = Ring<Wide>()
    var model: [UInt32] = []
    var next: UInt32 = 0
    for _ in 0..<300 {
      for _ in 0..<random.below(40) {
        narrow.append(next)
        wide.append(Wide(first: UInt64(next), second: ~UInt64(next)))
        model.append(next)
        next += 1
      }
      for _ in 0..<random.below(42) where !model.isEmpty {
        let expected = model.removeFirst()
        #expect(narrow.popFirst() == expected)
        #expect(wide.removeFirst() == Wide(first: UInt64(expected), second: ~UInt64(expected)))
      }
      if random.chance(1, in: 20) { narrow.trim(minimumCapacity: 1) }
      if random.chance(1, in: 50) {
        narrow.removeAll()
        wide.removeAll()
        model.removeAll()
      }
      #expect(narrow.count == model.count && wide.count == model.count)
      for offset in 0..<model.count { #expect(narrow[offset] == model[offset]) }
    }
    if model.isEmpty { #expect(narrow.popFirst() == nil) }
  }

  @Test func trimmingGivesMemoryBack() {
    var ring = Ring<UInt32>()
    for index in 0..<UInt32(1000) { ring.append(index) }
    #expect(ring.capacity == 1024)
    for index in 0..<UInt32(990) { #expect(ring.removeFirst() == index) }
    ring.trim()
    #expect(ring.capacity == 16)
    for index in UInt32(990)..<1000 { #expect(ring.removeFirst() == index) }
    #expect(ring.count == 0)
  }
}
