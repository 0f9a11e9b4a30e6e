#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Blocks of one size, without a header each: what is needed by the million must not pay
// malloc's 8 bytes, nor its rounding to 16.
//
// A slab starts at a multiple of 64 KiB, so a block's address names its slab; the first 128
// bytes of it are the header. It is 128 bytes short of 64 KiB because malloc needs a few
// bytes between two blocks, and would leave a hole of nearly 64 KiB behind each otherwise.
// A slab goes back to the system when no block of it is in use (one empty slab is kept).

struct BlockSlabs: ~Copyable {
  private static var headerSize: Int { 128 }
  private static var slabAlignment: Int { 1 << 16 }
  private static var slabSize: Int { slabAlignment - headerSize }

  let blockSize: Int
  /// Where the last block of a slab ends.
  private let end: Int
  /// Slabs with free blocks.
  private var roomy: UnsafeMutablePointer<SlabHeader>?
  /// Every slab.
  private var all: UnsafeMutablePointer<SlabHeader>?
  private var emptyCount = 0
  private var slabCount = 0

  private struct SlabHeader {
    var free: UnsafeMutableRawPointer?
    /// Offset of the memory that was never handed out.
    var fresh = BlockSlabs.headerSize
    var used = 0
    var isRoomy = false
    var nextRoomy: UnsafeMutablePointer<SlabHeader>?
    var previousRoomy: UnsafeMutablePointer<SlabHeader>?
    var next: UnsafeMutablePointer<SlabHeader>?
    var previous: UnsafeMutablePointer<SlabHeader>?
  }

  /// `blockSize` is a multiple of 8.
  init(blockSize: Int) {
    precondition(blockSize >= 8 && blockSize % 8 == 0 && blockSize <= 4096)
    self.blockSize = blockSize
    end = Self.headerSize + (Self.slabSize - Self.headerSize) / blockSize * blockSize
  }

  deinit {
    var next = all
    while let slab = next {
      next = slab.pointee.next
      free(slab)
    }
  }

  /// Bytes of all slabs.
  var bytesHeld: Int { slabCount * Self.slabSize }

  /// A block; it holds what the last use left.
  @inline(__always)
  mutating func take() -> UnsafeMutableRawPointer {
    let slab = roomy ?? addSlab()
    if slab.pointee.used == 0 { emptyCount &-= 1 }
    slab.pointee.used &+= 1
    let block: UnsafeMutableRawPointer
    if let free = slab.pointee.free {
      block = free
      slab.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
    } else {
      block = UnsafeMutableRawPointer(slab) + slab.pointee.fresh
      slab.pointee.fresh &+= blockSize
    }
    if slab.pointee.free == nil && slab.pointee.fresh == end { leaveRoomy(slab) }
    return block
  }

  @inline(__always)
  mutating func giveBack(_ block: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: block) & ~UInt(Self.slabAlignment &- 1)
    let slab = UnsafeMutablePointer<SlabHeader>(bitPattern: address).unsafelyUnwrapped
    block.storeBytes(of: slab.pointee.free, as: UnsafeMutableRawPointer?.self)
    slab.pointee.free = block
    slab.pointee.used &-= 1
    if !slab.pointee.isRoomy { enterRoomy(slab) }
    if slab.pointee.used == 0 {
      // One empty slab stays, so that a block that comes and goes costs no malloc.
      if emptyCount > 0 { freeSlab(slab) } else { emptyCount &+= 1 }
    }
  }

  @inline(never)
  private mutating func addSlab() -> UnsafeMutablePointer<SlabHeader> {
    var raw: UnsafeMutableRawPointer?
    guard posix_memalign(&raw, Self.slabAlignment, Self.slabSize) == 0, let raw else {
      fatalError("Stepmill: out of memory (\(Self.slabSize) bytes)")
    }
    let slab = raw.bindMemory(to: SlabHeader.self, capacity: 1)
    slab.initialize(to: SlabHeader(next: all))
    if let old = all { old.pointee.previous = slab }
    all = slab
    slabCount &+= 1
    emptyCount &+= 1
    enterRoomy(slab)
    return slab
  }

  @inline(never)
  private mutating func freeSlab(_ slab: UnsafeMutablePointer<SlabHeader>) {
    leaveRoomy(slab)
    if let previous = slab.pointee.previous {
      previous.pointee.next = slab.pointee.next
    } else {
      all = slab.pointee.next
    }
    if let next = slab.pointee.next { next.pointee.previous = slab.pointee.previous }
    slabCount &-= 1
    free(slab)
  }

  private mutating func enterRoomy(_ slab: UnsafeMutablePointer<SlabHeader>) {
    slab.pointee.isRoomy = true
    slab.pointee.previousRoomy = nil
    slab.pointee.nextRoomy = roomy
    if let old = roomy { old.pointee.previousRoomy = slab }
    roomy = slab
  }

  private mutating func leaveRoomy(_ slab: UnsafeMutablePointer<SlabHeader>) {
    slab.pointee.isRoomy = false
    if let previous = slab.pointee.previousRoomy {
      previous.pointee.nextRoomy = slab.pointee.nextRoomy
    } else {
      roomy = slab.pointee.nextRoomy
    }
    if let next = slab.pointee.nextRoomy { next.pointee.previousRoomy = slab.pointee.previousRoomy }
  }
}

/// Blocks of any size for one loop: exact to 8 bytes up to half a kilobyte, from malloc above.
struct BlockPool: ~Copyable {
  private static var sizeMax: Int { 512 }
  private static var granule: Int { 8 }

  private let classes: UnsafeMutablePointer<BlockSlabs>
  private static var classCount: Int { sizeMax / granule }
  /// Bytes that are in use, as they were asked for.
  private(set) var bytesUsed = 0

  init() {
    classes = .allocate(capacity: Self.classCount)
    for index in 0..<Self.classCount {
      (classes + index).initialize(to: BlockSlabs(blockSize: (index + 1) * Self.granule))
    }
  }

  /// Large blocks that are still in use are not freed.
  deinit {
    classes.deinitialize(count: Self.classCount)
    classes.deallocate()
  }

  @inline(__always)
  mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer {
    bytesUsed &+= bytes
    if _fastPath(bytes <= Self.sizeMax) {
      return classes[(bytes &- 1) / Self.granule].take()
    }
    guard let block = malloc(bytes) else { fatalError("Stepmill: out of memory (\(bytes) bytes)") }
    return block
  }

  /// Takes back a block that was taken with this size.
  @inline(__always)
  mutating func giveBack(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
    bytesUsed &-= bytes
    if _fastPath(bytes <= Self.sizeMax) {
      classes[(bytes &- 1) / Self.granule].giveBack(block)
    } else {
      free(block)
    }
  }
}
