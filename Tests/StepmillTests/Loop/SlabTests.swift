import Testing

@testable import Stepmill

/// Proves that handles name their record for exactly as long as it lives, that records do
/// not move, and that memory goes back without bringing old handles to life.
@Suite struct LoopSlabTests {
  struct Record: SlabRecord {
    var generation: UInt32 = 0
    var link: UInt32 = 0
    var payload: UInt64
  }

  @Test(arguments: LoopRandom.seeds) func handlesLiveAndDieWithTheirRecord(seed: UInt64) {
    print("slab seed \(seed)")
    var random = LoopRandom(seed: seed)
    var slab = Slab<Record>()
    var live: [(handle: Handle, address: UnsafeMutablePointer<Record>, payload: UInt64)] = []
    var dead: [Handle] = []
    for _ in 0..<60 {
      for _ in 0..<random.below(400) {
        let payload = random.next()
        let handle = slab.insert(Record(link: 5, payload: payload))
        live.append((handle, slab[handle.index], payload))
      }
      let survivors = random.chance(1, in: 4) ? 0 : random.below(UInt64(live.count) + 1)
      live.shuffle(using: &random)
      while live.count > survivors {
        let last = live.removeLast()
        slab.remove(last.handle.index)
        dead.append(last.handle)
      }
      dead = dead.suffix(2000)
      #expect(slab.count == live.count)
      #expect(Set(live.map(\.handle)).count == live.count)
      let intact = live.allSatisfy {
        slab.resolve($0.handle) == $0.address && slab[$0.handle.index] == $0.address
          && $0.address.pointee.payload == $0.payload && $0.address.pointee.link == 5
          && slab.handle(at: $0.handle.index) == $0.handle
      }
      #expect(intact, "seed \(seed)")
      #expect(dead.allSatisfy { slab.resolve($0) == nil }, "seed \(seed)")
    }
  }

  @Test func memoryGoesBackButGenerationsStay() {
    var slab = Slab<Record>()
    var handles: [Handle] = []
    for round in 0..<5 {
      let fresh = (0..<10_000).map { slab.insert(Record(payload: UInt64($0))) }
      #expect(slab.bytesHeld >= 10_000 * MemoryLayout<Record>.stride)
      #expect(slab.bytesHeld < 11_000 * MemoryLayout<Record>.stride, "round \(round)")
      for handle in handles { #expect(slab.resolve(handle) == nil) }
      for handle in fresh { slab.remove(handle.index) }
      #expect(slab.bytesHeld == 256 * MemoryLayout<Record>.stride)
      handles += fresh
    }
  }

  @Test func strangersAreRefused() {
    var slab = Slab<Record>()
    #expect(slab.resolve(.none) == nil)
    #expect(slab.resolve(Handle(index: 77, generation: 1)) == nil)
    let handle = slab.insert(Record(payload: 1))
    #expect(slab.resolve(Handle(word: handle.word)) != nil)
    #expect(slab.resolve(Handle(index: handle.index + 1, generation: 1)) == nil)
    #expect(slab.resolve(Handle(index: .max, generation: .max)) == nil)
    #expect(slab.peek(.max) == nil)
    slab.remove(handle.index)
    #expect(slab.peek(handle.index) != nil)
    // A record that is free has an even generation; no handle may name it by that.
    #expect(slab.resolve(Handle(index: handle.index, generation: handle.generation + 1)) == nil)
  }
}
