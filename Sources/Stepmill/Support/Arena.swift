#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Arenas: where the data of a running execution lives.
//
// An arena is a bump pointer over a chain of chunks. Nothing in it is freed one by one:
// it ends as a whole, when its execution ends or when compaction has moved what is still
// reachable into a new one. Chunks come from a pool that belongs to one loop, so taking
// and returning the common sizes is a push and a pop, without malloc and without atomics.
//
// Who may touch what: an arena is written by the loop that owns its execution. While a
// Map runs, other loops may *read* what was written before they were handed the range.

/// A block of memory that an arena hands out piece by piece.
struct Chunk {
  /// The chunk that was filled before this one, or the next free one while in the pool.
  var next: UnsafeMutablePointer<Chunk>?
  /// Bytes behind the header, a power of two less the header's size.
  var capacity: Int

  static let headerSize = 16
  /// A chunk that is larger is made ready in steps of so many bytes.
  static let step = 1 << 20
}

extension UnsafeMutablePointer<Chunk> {
  @inline(__always) var start: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(self) + Chunk.headerSize
  }
  @inline(__always) var end: UnsafeMutableRawPointer {
    start + pointee.capacity
  }

  /// Asks the system for the memory behind `begin`, of which `needed` bytes are used at once;
  /// returns up to where it is there.
  ///
  /// Fresh memory comes a page at a time, as it is touched, and each page costs a fault: with a
  /// document of a hundred megabytes that is a third of its time. So a large chunk is asked for
  /// in steps, a quarter cheaper. A refusal means that the pages come one by one.
  func prepare(from begin: UnsafeMutableRawPointer, _ needed: Int) -> UnsafeMutableRawPointer {
    guard end - begin > Chunk.step else { return end }
    let ready = min(end, begin + max(needed, Chunk.step))
    #if os(Linux)
      let populateForWriting: Int32 = 23
      let first = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: begin) & ~4095).unsafelyUnwrapped
      _ = madvise(first, ready - first, populateForWriting)
    #endif
    return ready
  }
}

/// The free chunks of one loop, by size class.
///
/// Chunks are kept up to a bound in bytes, of which those beyond 1 MiB may fill half: a
/// large document's memory serves the next one, without the system's clearing and mapping it
/// page by page, and leaves room for what every execution needs.
struct ChunkPool: ~Copyable {
  static let smallestShift = 10
  static let largestShift = 24
  private static let classCount = largestShift - smallestShift + 1

  private let heads: UnsafeMutablePointer<UnsafeMutablePointer<Chunk>?>
  /// Bytes kept for reuse at the moment.
  private(set) var bytesFree = 0
  /// Bytes handed out at the moment.
  private(set) var bytesUsed = 0
  /// How often a chunk was handed out: as long as it is the same number, no memory is used anew.
  private(set) var takes = 0
  /// Free bytes beyond this go back to the system.
  var bytesFreeMax = 64 << 20

  init() {
    heads = .allocate(capacity: Self.classCount)
    heads.initialize(repeating: nil, count: Self.classCount)
  }

  deinit {
    for index in 0..<Self.classCount {
      while let chunk = heads[index] {
        heads[index] = chunk.pointee.next
        free(chunk)
      }
    }
    heads.deallocate()
  }

  /// A chunk with room for at least `bytes` (its header not counted).
  mutating func take(_ bytes: Int) -> UnsafeMutablePointer<Chunk> {
    let needed = bytes &+ Chunk.headerSize
    let shift = max(Self.smallestShift, Int.bitWidth &- (needed &- 1).leadingZeroBitCount)
    let size = 1 &<< shift
    bytesUsed &+= size
    takes &+= 1
    if shift <= Self.largestShift {
      let head = heads + (shift &- Self.smallestShift)
      if let chunk = head.pointee {
        head.pointee = chunk.pointee.next
        chunk.pointee.next = nil
        bytesFree &-= size
        return chunk
      }
    }
    guard let raw = malloc(size) else { fatalError("Stepmill: out of memory (\(size) bytes)") }
    let chunk = raw.bindMemory(to: Chunk.self, capacity: 1)
    chunk.initialize(to: Chunk(next: nil, capacity: size &- Chunk.headerSize))
    return chunk
  }

  /// Notes that chunks of this many bytes went to another pool, or (negative) came from one.
  mutating func noteBytesGone(_ bytes: Int) { bytesUsed &-= bytes }

  /// Takes back a chunk that nothing points into any more.
  mutating func giveBack(_ chunk: UnsafeMutablePointer<Chunk>) {
    let size = chunk.pointee.capacity &+ Chunk.headerSize
    bytesUsed &-= size
    let shift = size.trailingZeroBitCount
    let bound = size > Chunk.step ? bytesFreeMax &>> 1 : bytesFreeMax
    guard shift <= Self.largestShift, bytesFree &+ size <= bound else {
      free(chunk)
      return
    }
    let head = heads + (shift &- Self.smallestShift)
    chunk.pointee.next = head.pointee
    head.pointee = chunk
    bytesFree &+= size
  }
}

/// A bump allocator over a chain of chunks.
struct Arena {
  /// Where the next allocation starts; always a multiple of 8.
  private(set) var cursor: UnsafeMutableRawPointer
  /// End of what may be used of the current chunk: of a large one, not all is ready at once.
  private(set) var limit: UnsafeMutableRawPointer
  /// The chunk in use; older ones follow by `next`.
  private(set) var chunk: UnsafeMutablePointer<Chunk>?
  /// Bytes of all chunks of this arena.
  private(set) var bytesHeld: Int
  let pool: UnsafeMutablePointer<ChunkPool>

  /// An arena without memory; the first allocation takes a chunk.
  init(pool: UnsafeMutablePointer<ChunkPool>) {
    let nowhere = UnsafeMutableRawPointer(pool)
    cursor = nowhere
    limit = nowhere
    chunk = nil
    bytesHeld = 0
    self.pool = pool
  }

  /// An arena whose first chunk has room for `bytes`.
  init(pool: UnsafeMutablePointer<ChunkPool>, reserving bytes: Int) {
    let chunk = pool.pointee.take(bytes)
    chunk.pointee.next = nil
    cursor = chunk.start
    limit = chunk.prepare(from: cursor, 0)
    self.chunk = chunk
    bytesHeld = chunk.pointee.capacity
    self.pool = pool
  }

  /// Returns all memory. Nothing that was allocated here may be used afterwards.
  mutating func release() {
    var next = chunk
    while let chunk = next {
      next = chunk.pointee.next
      pool.pointee.giveBack(chunk)
    }
    chunk = nil
    cursor = UnsafeMutableRawPointer(pool)
    limit = cursor
    bytesHeld = 0
  }

  /// Hands over all memory, for an arena of another loop to adopt.
  mutating func detach() -> ChunkChain {
    let chain = ChunkChain(first: chunk)
    pool.pointee.noteBytesGone(chain.bytes)
    chunk = nil
    release()
    return chain
  }

  /// Takes over memory with all that lies in it. This arena must have memory of its own.
  mutating func adopt(_ chain: ChunkChain) {
    guard let (first, last) = chain.take() else { return }
    let current = chunk.unsafelyUnwrapped
    last.pointee.next = current.pointee.next
    current.pointee.next = first
    bytesHeld &+= chain.bytes
    pool.pointee.noteBytesGone(-chain.bytes)
  }

  /// `bytes` of memory, aligned to 8.
  @inline(__always)
  mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    let size = (bytes &+ 7) & ~7
    let result = cursor
    if _fastPath(size <= limit - result) {
      cursor = result + size
      return result
    }
    return allocateSlowly(size)
  }

  @inline(never)
  private mutating func allocateSlowly(_ size: Int) -> UnsafeMutableRawPointer {
    if let chunk, limit < chunk.end, size <= chunk.end - cursor {
      let result = cursor
      limit = chunk.prepare(from: limit, result + size - limit)
      cursor = result + size
      return result
    }
    // Doubling keeps the chain short, so `owns` stays cheap for large documents.
    let new = pool.pointee.take(max(size, min(bytesHeld, 1 << 24)))
    new.pointee.next = chunk
    chunk = new
    bytesHeld &+= new.pointee.capacity
    cursor = new.start + size
    limit = new.prepare(from: new.start, size)
    return new.start
  }

  /// Gives back the tail of the last allocation: `end` becomes the cursor.
  @inline(__always)
  mutating func trim(to end: UnsafeMutableRawPointer) {
    cursor = UnsafeMutableRawPointer(bitPattern: (UInt(bitPattern: end) &+ 7) & ~7).unsafelyUnwrapped
  }

  /// Bytes that are ready behind the cursor.
  @inline(__always) var room: Int { limit - cursor }

  /// True when `address` lies in memory of this arena.
  @inline(__always)
  func owns(_ address: UnsafeRawPointer) -> Bool {
    var next = chunk
    while let chunk = next {
      if address >= UnsafeRawPointer(chunk.start) && address < UnsafeRawPointer(chunk.end) { return true }
      next = chunk.pointee.next
    }
    return false
  }
}

/// Chunks on their way from one loop to another; they go back to the system if nobody takes
/// them. One thread at a time touches it: it travels in a letter.
final class ChunkChain: @unchecked Sendable {
  private var first: UnsafeMutablePointer<Chunk>?
  private let last: UnsafeMutablePointer<Chunk>?
  /// Headers included, as a pool counts.
  let bytes: Int

  init(first: UnsafeMutablePointer<Chunk>?) {
    var last = first
    var bytes = 0
    var next = first
    while let chunk = next {
      bytes += chunk.pointee.capacity + Chunk.headerSize
      last = chunk
      next = chunk.pointee.next
    }
    self.first = first
    self.last = last
    self.bytes = bytes
  }

  func take() -> (first: UnsafeMutablePointer<Chunk>, last: UnsafeMutablePointer<Chunk>)? {
    guard let first, let last else { return nil }
    self.first = nil
    return (first, last)
  }

  deinit {
    while let chunk = first {
      first = chunk.pointee.next
      free(chunk)
    }
  }
}
