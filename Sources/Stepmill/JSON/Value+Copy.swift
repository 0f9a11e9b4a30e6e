#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Moving values between arenas.
//
// A block (the elements of an array, the members of an object) is copied as a whole, with
// its values still pointing to the source. It is then gone through once: each text is
// copied, each inner block is copied and put on a stack of blocks to go through. A key is
// a value like any other here: an object of n members is 2n values.

extension Value {

  /// A copy that shares nothing with this value.
  func copy(to target: UnsafeMutablePointer<Arena>) -> Value {
    relocated(Everything(), target)
  }

  /// This value with everything that lies in `source` copied to `target`. All else, such
  /// as the compiled program's constants, stays shared.
  ///
  /// Whatever is shared must not point into `source` in turn; as values are built upward
  /// from what exists, that holds for memory that is older than `source` or constant.
  func evacuate(from source: Arena, to target: UnsafeMutablePointer<Arena>) -> Value {
    guard let chunk = source.chunk else { return self }
    if chunk.pointee.next == nil {
      return relocated(OneChunk(start: chunk.start, end: chunk.end), target)
    }
    return relocated(ManyChunks(arena: source), target)
  }

  /// A copy in `memory`, which must be as large as `footprint` says.
  func copy(to memory: UnsafeMutableRawPointer) -> Value {
    var allocator = FixedMemory(cursor: memory)
    return withUnsafeMutablePointer(to: &allocator) { relocated(Everything(), $0) }
  }

  /// How many bytes a copy of this value takes.
  var footprint: Int {
    guard count > 0, tag.rawValue >= Tag.numeral.rawValue else { return 0 }
    guard isContainer else { return FixedMemory.size(count) }
    return withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<Value>.self, capacity: 64) { memory in
      var stack = WorkStack(lending: memory)
      stack.push(block)
      var size = 0
      while !stack.isEmpty {
        let block = stack.pop()
        size &+= block.count &* MemoryLayout<Value>.stride
        for value in block where value.count > 0 && value.tag.rawValue >= Tag.numeral.rawValue {
          if value.isContainer { stack.push(value.block) } else { size &+= FixedMemory.size(value.count) }
        }
      }
      return size
    }
  }

  /// The elements of an array, or the keys and values of an object.
  private var block: UnsafeBufferPointer<Value> {
    UnsafeBufferPointer(
      start: address.assumingMemoryBound(to: Value.self), count: isObject ? 2 &* count : count)
  }

  @inline(__always)
  private func relocated(_ region: some MemoryRegion, _ target: UnsafeMutablePointer<some Allocator>) -> Value
  {
    var result = self
    var region = region
    guard result.moves(from: &region) else { return result }
    guard result.isContainer else {
      result.moveText(target)
      return result
    }
    let block = result.moveBlock(target)
    if block.count > 0 { Value.relocate(block, region, target) }
    return result
  }

  /// Goes through a block that was copied, and through those that hang below it.
  private static func relocate(
    _ block: UnsafeMutableBufferPointer<Value>, _ region: some MemoryRegion,
    _ target: UnsafeMutablePointer<some Allocator>
  ) {
    withUnsafeTemporaryAllocation(of: UnsafeMutableBufferPointer<Value>.self, capacity: 64) { memory in
      var stack = WorkStack(lending: memory)
      var region = region
      stack.push(block)
      while !stack.isEmpty {
        let block = stack.pop()
        var slot = block.baseAddress.unsafelyUnwrapped
        var end = slot + block.count
        while slot < end {
          guard slot.pointee.moves(from: &region) else {
            slot += 1
            continue
          }
          guard slot.pointee.isContainer else {
            slot.pointee.moveText(target)
            slot += 1
            continue
          }
          // Down at once, so that the stack is as high as the value is deep, not as wide.
          let below = slot.pointee.moveBlock(target)
          slot += 1
          if slot < end { stack.push(UnsafeMutableBufferPointer(start: slot, count: end - slot)) }
          slot = below.baseAddress.unsafelyUnwrapped
          end = slot + below.count
        }
      }
    }
  }

  /// True if this value points to something that must be copied.
  @inline(__always)
  private func moves(from region: inout some MemoryRegion) -> Bool {
    tag.rawValue >= Tag.numeral.rawValue && count > 0 && region.owns(address)
  }

  @inline(__always)
  private mutating func moveText(_ target: UnsafeMutablePointer<some Allocator>) {
    let copy = target.pointee.allocate(count)
    memcpy(copy, address, count)
    payload = UInt64(UInt(bitPattern: copy))
  }

  @inline(__always)
  private mutating func moveBlock(
    _ target: UnsafeMutablePointer<some Allocator>
  ) -> UnsafeMutableBufferPointer<Value> {
    let count = isObject ? 2 &* count : count
    let copy = target.pointee.allocate(count &* MemoryLayout<Value>.stride).assumingMemoryBound(
      to: Value.self)
    memcpy(copy, address, count &* MemoryLayout<Value>.stride)
    payload = UInt64(UInt(bitPattern: copy))
    return UnsafeMutableBufferPointer(start: copy, count: count)
  }
}

/// Tells which memory is to be copied. Concrete types only: each gets its own loop.
private protocol MemoryRegion {
  mutating func owns(_ address: UnsafeRawPointer) -> Bool
}

private struct Everything: MemoryRegion {
  @inline(__always) func owns(_ address: UnsafeRawPointer) -> Bool { true }
}

private struct OneChunk: MemoryRegion {
  let start: UnsafeMutableRawPointer
  let end: UnsafeMutableRawPointer

  @inline(__always) func owns(_ address: UnsafeRawPointer) -> Bool {
    address >= UnsafeRawPointer(start) && address < UnsafeRawPointer(end)
  }
}

/// An arena of several chunks. Remembers the chunk it found last, and the gap between
/// chunks it found last: values come in runs, and so do the texts they point to.
private struct ManyChunks: MemoryRegion {
  let arena: Arena
  private var inside: Range<UInt> = 0..<0
  private var outside: Range<UInt> = 0..<0

  init(arena: Arena) { self.arena = arena }

  @inline(__always) mutating func owns(_ address: UnsafeRawPointer) -> Bool {
    let address = UInt(bitPattern: address)
    if address &- inside.lowerBound < inside.upperBound &- inside.lowerBound { return true }
    if address &- outside.lowerBound < outside.upperBound &- outside.lowerBound { return false }
    return look(address)
  }

  @inline(never)
  private mutating func look(_ address: UInt) -> Bool {
    var gapStart: UInt = 0
    var gapEnd = UInt.max
    var next = arena.chunk
    while let chunk = next {
      let (start, end) = (UInt(bitPattern: chunk.start), UInt(bitPattern: chunk.end))
      if address >= start && address < end {
        inside = start..<end
        return true
      }
      if end <= address { gapStart = max(gapStart, end) } else { gapEnd = min(gapEnd, start) }
      next = chunk.pointee.next
    }
    outside = gapStart..<gapEnd
    return false
  }
}

/// Where copies go.
private protocol Allocator {
  mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer
}

extension Arena: Allocator {}

/// Memory whose size was computed beforehand.
private struct FixedMemory: Allocator {
  var cursor: UnsafeMutableRawPointer

  @inline(__always) static func size(_ bytes: Int) -> Int { (bytes &+ 7) & ~7 }

  @inline(__always) mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    defer { cursor += FixedMemory.size(bytes) }
    return cursor
  }
}
