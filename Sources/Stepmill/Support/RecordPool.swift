/// A record that a `RecordPool` can hold: it knows its own index and links the free ones.
protocol PooledRecord {
  var index: UInt32 { get set }
  var generation: UInt32 { get set }
  /// The next free record; only meaningful while this one is free.
  var nextFree: UInt32 { get set }
}

/// Records of one kind in chunks that never move, so that both an index and an address
/// name a record for as long as it is in use. Index 0 is never handed out.
///
/// Taking and returning a record is a pop and a push on a list of free indexes. The
/// caller initialises what it takes; only `index` and `generation` outlive a use.
struct RecordPool<Record: PooledRecord & BitwiseCopyable>: ~Copyable {
  private static var shift: UInt32 { 8 }
  private static var mask: UInt32 { 255 }

  private var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Record>>
  private var chunkCount = 0
  private var chunkCapacity = 16
  private var firstFree: UInt32 = 0
  private(set) var count = 0

  init() {
    chunks = .allocate(capacity: chunkCapacity)
  }

  deinit {
    for index in 0..<chunkCount { chunks[index].deallocate() }
    chunks.deallocate()
  }

  @inline(__always)
  subscript(index: UInt32) -> UnsafeMutablePointer<Record> {
    chunks[Int(index &>> Self.shift)] + Int(index & Self.mask)
  }

  /// A free record. Its fields hold what the last use left.
  @inline(__always)
  mutating func take() -> UnsafeMutablePointer<Record> {
    if _slowPath(firstFree == 0) { grow() }
    let record = self[firstFree]
    firstFree = record.pointee.nextFree
    count &+= 1
    return record
  }

  /// Ends the use of a record; handles to it become stale.
  @inline(__always)
  mutating func giveBack(_ record: UnsafeMutablePointer<Record>) {
    record.pointee.generation &+= 1
    record.pointee.nextFree = firstFree
    firstFree = record.pointee.index
    count &-= 1
  }

  /// The records that hold a use that `isLive` recognises. For cold paths.
  func indexes(where isLive: (Record) -> Bool) -> [UInt32] {
    var found: [UInt32] = []
    for chunk in 0..<chunkCount {
      for offset in 0...Int(Self.mask) where isLive(chunks[chunk][offset]) {
        found.append(chunks[chunk][offset].index)
      }
    }
    return found
  }

  /// The record of a handle, or nil when it has been given back since.
  func resolve(index: UInt32, generation: UInt32) -> UnsafeMutablePointer<Record>? {
    guard index != 0, Int(index &>> Self.shift) < chunkCount else { return nil }
    let record = self[index]
    return record.pointee.generation == generation ? record : nil
  }

  @inline(never)
  private mutating func grow() {
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<UnsafeMutablePointer<Record>>.allocate(capacity: chunkCapacity * 2)
      larger.update(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let size = Int(Self.mask) + 1
    let chunk = UnsafeMutablePointer<Record>.allocate(capacity: size)
    UnsafeMutableRawPointer(chunk).initializeMemory(
      as: UInt8.self, repeating: 0, count: size * MemoryLayout<Record>.stride)
    chunks[chunkCount] = chunk
    let first = UInt32(chunkCount) &<< Self.shift
    chunkCount += 1
    for offset in (0..<UInt32(size)).reversed() where first + offset != 0 {
      let record = chunk + Int(offset)
      record.pointee.index = first + offset
      record.pointee.generation = 1
      record.pointee.nextFree = firstFree
      firstFree = first + offset
    }
  }
}
