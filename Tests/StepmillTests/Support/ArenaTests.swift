import Testing

@testable import Stepmill

@Suite struct ArenaTests {
  /// Hands a new pool to `body`, and expects that nothing of it is in use afterwards.
  private func withPool(_ body: (UnsafeMutablePointer<ChunkPool>) -> Void) {
    let pool = UnsafeMutablePointer<ChunkPool>.allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    body(pool)
    #expect(pool.pointee.bytesUsed == 0)
    pool.deinitialize(count: 1)
    pool.deallocate()
  }

  @Test func nothingOverlapsWhereALargeChunkIsMadeReadyInSteps() {
    withPool { pool in
      var arena = Arena(pool: pool, reserving: 10 << 20)
      #expect(arena.room < 2 << 20, "only the first step is ready")
      var pieces: [UnsafeMutableBufferPointer<UInt64>] = []
      var size = 24
      while arena.bytesHeld < 64 << 20 {
        let piece = UnsafeMutableBufferPointer(
          start: arena.allocate(size * 8).bindMemory(to: UInt64.self, capacity: size), count: size)
        piece.initialize(repeating: UInt64(pieces.count))
        pieces.append(piece)
        size = size * 7 % 300_007 + 1
      }
      for (number, piece) in pieces.enumerated() {
        #expect(piece.allSatisfy { $0 == UInt64(number) })
        #expect(arena.owns(piece.baseAddress!) && arena.owns(piece.baseAddress! + (piece.count - 1)))
      }
      arena.release()
    }
  }

  @Test func aPieceLargerThanAStepLiesInTheChunkReservedForIt() {
    withPool { pool in
      var arena = Arena(pool: pool, reserving: 10 << 20)
      let held = arena.bytesHeld
      let first = arena.allocate(100)
      let large = arena.allocate(9 << 20)
      #expect(large == first + 104 && arena.bytesHeld == held)
      large.storeBytes(of: 1, toByteOffset: 9 << 20 - 1, as: UInt8.self)
      arena.release()
    }
  }

  @Test func largeChunksAreKeptWithinHalfOfTheBound() {
    withPool { pool in
      let size = 4 << 20 - Chunk.headerSize
      let chunks = (0..<20).map { _ in pool.pointee.take(size) }
      for chunk in chunks { pool.pointee.giveBack(chunk) }
      #expect(pool.pointee.bytesFree == pool.pointee.bytesFreeMax / 2)
      // What every execution needs still finds room.
      pool.pointee.giveBack(pool.pointee.take(1000))
      #expect(pool.pointee.bytesFree == pool.pointee.bytesFreeMax / 2 + 1024)
      let again = pool.pointee.take(size)
      #expect(chunks.contains(again))
      pool.pointee.giveBack(again)
    }
  }
}
