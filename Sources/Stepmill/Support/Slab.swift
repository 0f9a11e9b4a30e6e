#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Records of one kind, at addresses that never change while they live, named by an index
// and a generation.
//
// Records lie in chunks of 256. The generation is in the record itself, so a look-up that
// may be stale costs no cache line but the record's own. It is odd while the record lives
// and even while it is free; taking and freeing a record both add one, so a handle is
// valid exactly as long as its generation is the record's (until a counter of 32 bits has
// gone round, after 2 billion uses of one record).
//
// A chunk without live records goes back to the system, except one which is kept for the
// next burst. Its records' generations must not be forgotten then, or old handles would
// come to life: the chunk's highest is kept, and is where all of them start next time.

/// Names a record, for as long as it lives. Eight bytes, never a reference.
struct Handle: BitwiseCopyable, Hashable, Sendable {
  var index: UInt32
  /// Odd, or 0 in a handle that names nothing.
  var generation: UInt32

  static var none: Handle { @inline(__always) get { Handle(index: 0, generation: 0) } }

  /// Both halves in one word, for counters, C callers and atomics.
  @inline(__always) var word: UInt64 { UInt64(generation) &<< 32 | UInt64(index) }

  @inline(__always) init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  @inline(__always) init(word: UInt64) {
    index = UInt32(truncatingIfNeeded: word)
    generation = UInt32(truncatingIfNeeded: word &>> 32)
  }
}

/// What a slab can hold.
protocol SlabRecord: BitwiseCopyable {
  /// Belongs to the slab; whoever fills in a record leaves it alone.
  var generation: UInt32 { get set }
  /// The slab's while the record is free, the owner's while it lives (to queue it, say).
  var link: UInt32 { get set }
}

struct Slab<Record: SlabRecord>: ~Copyable {
  static var chunkShift: UInt32 { @inline(__always) get { 8 } }
  static var chunkCapacity: UInt32 { @inline(__always) get { 1 << chunkShift } }

  private struct Chunk {
    /// Nil while the chunk has no memory.
    var records: UnsafeMutablePointer<Record>?
    /// First free record that was in use before; `none` without one.
    var free: UInt32 = Slab.none
    /// Records from here on were never in use since the chunk has had its memory.
    var fresh: UInt32 = 0
    var used: UInt32 = 0
    /// No generation in the chunk was higher when it lost its memory.
    var generationFloor: UInt32 = 0
    /// Links of the list of chunks with room.
    var nextRoomy: UInt32 = Slab.none
    var previousRoomy: UInt32 = Slab.none
  }

  private static var none: UInt32 { @inline(__always) get { .max } }

  private var chunks: UnsafeMutablePointer<Chunk>
  private var chunkCount = 0
  private var chunksCapacity = 8
  /// First chunk with room. Chunks without memory are at the end of this list.
  private var roomy: UInt32 = Slab.none
  private var roomyLast: UInt32 = Slab.none
  private var emptyCount = 0
  /// Live records.
  private(set) var count = 0
  /// Bytes of all chunks that have memory.
  private(set) var bytesHeld = 0

  init() {
    chunks = .allocate(capacity: chunksCapacity)
  }

  deinit {
    for index in 0..<chunkCount { chunks[index].records?.deallocate() }
    chunks.deallocate()
  }

  // MARK: Looking up

  /// The record at an index that is known to be live.
  @inline(__always)
  subscript(index: UInt32) -> UnsafeMutablePointer<Record> {
    let chunk = chunks + Int(truncatingIfNeeded: index &>> Self.chunkShift)
    return chunk.pointee.records.unsafelyUnwrapped
      + Int(truncatingIfNeeded: index & (Self.chunkCapacity &- 1))
  }

  /// The record a handle names, or nil if it has been freed.
  @inline(__always)
  func resolve(_ handle: Handle) -> UnsafeMutablePointer<Record>? {
    let chunkIndex = Int(truncatingIfNeeded: handle.index &>> Self.chunkShift)
    // A handle may come from outside, so nothing about it is taken for granted.
    guard handle.generation & 1 == 1, chunkIndex < chunkCount else { return nil }
    guard let records = chunks[chunkIndex].records else { return nil }
    let offset = handle.index & (Self.chunkCapacity &- 1)
    guard offset < chunks[chunkIndex].fresh else { return nil }
    let record = records + Int(truncatingIfNeeded: offset)
    return record.pointee.generation == handle.generation ? record : nil
  }

  /// The record at an index, live or not, or nil if there is no memory at it. For
  /// whoever keeps bare indices (the timer wheel) and checks the record by other means.
  @inline(__always)
  func peek(_ index: UInt32) -> UnsafeMutablePointer<Record>? {
    let chunkIndex = Int(truncatingIfNeeded: index &>> Self.chunkShift)
    guard chunkIndex < chunkCount, let records = chunks[chunkIndex].records else { return nil }
    return records + Int(truncatingIfNeeded: index & (Self.chunkCapacity &- 1))
  }

  /// The handle of a live record.
  @inline(__always)
  func handle(at index: UInt32) -> Handle {
    Handle(index: index, generation: self[index].pointee.generation)
  }

  // MARK: Taking and freeing

  /// A record for `value`, whose `generation` is overwritten.
  @inline(__always)
  mutating func insert(_ value: Record) -> Handle {
    if _slowPath(roomy == Self.none) { addChunk() }
    let chunkIndex = roomy
    let chunk = chunks + Int(truncatingIfNeeded: chunkIndex)
    if _slowPath(chunk.pointee.used == 0) { occupy(chunk) }
    let records = chunk.pointee.records.unsafelyUnwrapped
    let offset: UInt32
    let generation: UInt32
    if chunk.pointee.free != Self.none {
      offset = chunk.pointee.free
      let record = records + Int(truncatingIfNeeded: offset)
      chunk.pointee.free = record.pointee.link
      generation = record.pointee.generation &+ 1
    } else {
      offset = chunk.pointee.fresh
      chunk.pointee.fresh &+= 1
      generation = chunk.pointee.generationFloor &+ 1
    }
    chunk.pointee.used &+= 1
    if _slowPath(chunk.pointee.used == Self.chunkCapacity) { leaveRoomy(chunkIndex) }
    count &+= 1
    let record = records + Int(truncatingIfNeeded: offset)
    record.initialize(to: value)
    record.pointee.generation = generation
    return Handle(index: chunkIndex &<< Self.chunkShift | offset, generation: generation)
  }

  /// Frees the record at an index that is known to be live.
  @inline(__always)
  mutating func remove(_ index: UInt32) {
    let chunkIndex = index &>> Self.chunkShift
    let chunk = chunks + Int(truncatingIfNeeded: chunkIndex)
    let offset = index & (Self.chunkCapacity &- 1)
    let record = chunk.pointee.records.unsafelyUnwrapped + Int(truncatingIfNeeded: offset)
    assert(record.pointee.generation & 1 == 1, "freed twice")
    record.pointee.generation &+= 1
    record.pointee.link = chunk.pointee.free
    chunk.pointee.free = offset
    if _slowPath(chunk.pointee.used == Self.chunkCapacity) { enterRoomy(chunkIndex, last: false) }
    chunk.pointee.used &-= 1
    count &-= 1
    if _slowPath(chunk.pointee.used == 0) { vacate(chunkIndex) }
  }

  // MARK: Chunks

  @inline(never)
  private mutating func addChunk() {
    precondition(
      chunkCount < 1 << (32 - Int(Self.chunkShift)), "Stepmill: more records than 32 bits can name")
    if chunkCount == chunksCapacity {
      let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunksCapacity * 2)
      larger.moveInitialize(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunksCapacity *= 2
    }
    (chunks + chunkCount).initialize(to: Chunk())
    chunkCount += 1
    enterRoomy(UInt32(chunkCount - 1), last: false)
  }

  /// Sees to the memory of a chunk that is about to have its first live record.
  @inline(never)
  private mutating func occupy(_ chunk: UnsafeMutablePointer<Chunk>) {
    if chunk.pointee.records != nil {
      emptyCount -= 1
      return
    }
    let records = UnsafeMutablePointer<Record>.allocate(capacity: Int(Self.chunkCapacity))
    chunk.pointee.records = records
    chunk.pointee.free = Self.none
    chunk.pointee.fresh = 0
    bytesHeld += MemoryLayout<Record>.stride * Int(Self.chunkCapacity)
  }

  /// Gives back the memory of a chunk that has lost its last record, unless it is the only
  /// empty one.
  @inline(never)
  private mutating func vacate(_ index: UInt32) {
    guard emptyCount > 0 else {
      emptyCount += 1
      return
    }
    let chunk = chunks + Int(index)
    let records = chunk.pointee.records.unsafelyUnwrapped

    for offset in 0..<Int(chunk.pointee.fresh) {
      chunk.pointee.generationFloor = max(chunk.pointee.generationFloor, records[offset].generation)
    }
    records.deallocate()
    chunk.pointee.records = nil
    bytesHeld -= MemoryLayout<Record>.stride * Int(Self.chunkCapacity)
    leaveRoomy(index)
    enterRoomy(index, last: true)
  }

  private mutating func enterRoomy(_ index: UInt32, last: Bool) {
    let chunk = chunks + Int(index)
    if last {
      chunk.pointee.nextRoomy = Self.none
      chunk.pointee.previousRoomy = roomyLast
      if roomyLast != Self.none { chunks[Int(roomyLast)].nextRoomy = index } else { roomy = index }
      roomyLast = index
    } else {
      chunk.pointee.previousRoomy = Self.none
      chunk.pointee.nextRoomy = roomy
      if roomy != Self.none { chunks[Int(roomy)].previousRoomy = index } else { roomyLast = index }
      roomy = index
    }
  }

  private mutating func leaveRoomy(_ index: UInt32) {
    let next = chunks[Int(index)].nextRoomy
    let previous = chunks[Int(index)].previousRoomy
    if previous != Self.none { chunks[Int(previous)].nextRoomy = next } else { roomy = next }
    if next != Self.none { chunks[Int(next)].previousRoomy = previous } else { roomyLast = previous }
  }
}
