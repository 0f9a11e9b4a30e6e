#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A waiting fiber keeps its state as JSON text in one block: a third to a fifth of the
// tree's size, free of pointers, and cheap to make (writing runs at memory speed, and the
// tree would have had to be copied out of its arena anyway).
//
// The block: a header, then the texts one after the other, each with its length in front.
// A text of length zero stands for "missing".

struct FrozenState {
  /// The size of the whole block.
  var bytes: UInt32
  /// The frame's bound, which is above every limit where it does not fit.
  var bound: UInt32
  var timeoutAt: UInt64
  var heartbeatMilliseconds: UInt64
  var itemIndex: UInt32
  var slotCount: UInt32
}

extension Shard {
  func free(frozen block: UnsafeMutableRawPointer) {
    state.pointee.blocks.giveBack(block, Int(block.load(as: FrozenState.self).bytes))
  }
}

extension FrozenState {
  /// What the variables in a frozen state take when written: the lengths of their texts.
  static func variableBytes(_ block: UnsafeRawPointer) -> Int {
    let header = block.load(as: FrozenState.self)
    var cursor = block + MemoryLayout<FrozenState>.size
    func skip() -> Int {
      let count = Int(cursor.loadUnaligned(as: UInt32.self))
      cursor += 4 &+ count
      return count
    }
    // Data, item and input stand in front of the variables.
    for _ in 0..<3 { _ = skip() }
    var sum = 0
    for _ in 0..<header.slotCount { sum &+= skip() }
    return sum
  }
}

extension Shard {
  /// Parks a fiber until its timer strikes. Its data is frozen and its frame returned; if it is
  /// all there is of its execution, that becomes dormant, and the fiber is gone as well.
  func park(
    _ fiber: UnsafeMutablePointer<Fiber>, _ phase: Phase, until deadline: UInt64,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    state.pointee.counters.pointee.waiting.add(1)
    if _fastPath(canLieDown(fiber)) { return layDown(fiber, phase, until: deadline) }
    freeze(fiber)
    fiber.pointee.phase = phase
    setTimer(fiber, at: deadline)
  }

  func freeze(_ fiber: UnsafeMutablePointer<Fiber>) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var header = FrozenState(
      bytes: 0, bound: UInt32(clamping: frame.pointee.bound), timeoutAt: frame.pointee.timeoutAt,
      heartbeatMilliseconds: frame.pointee.heartbeatMilliseconds, itemIndex: frame.pointee.itemIndex,
      slotCount: frame.pointee.slotCount)
    let size = MemoryLayout<FrozenState>.size
    state.pointee.output.pointee.removeAll()
    state.pointee.output.pointee.skip(size)
    freeze(frame.pointee.data)
    freeze(frame.pointee.item)
    freeze(frame.pointee.input)
    if let slots = frame.pointee.slots {
      for position in 0..<Int(frame.pointee.slotCount) { freeze(slots[position]) }
    }
    let text = state.pointee.output.pointee.bytes
    let block = state.pointee.blocks.take(text.count)
    memcpy(block, text.baseAddress.unsafelyUnwrapped, text.count)
    header.bytes = UInt32(truncatingIfNeeded: text.count)
    block.storeBytes(of: header, as: FrozenState.self)
    fiber.pointee.suspended = block
    fiber.pointee.frame = nil
    giveBack(frame)
  }

  func freeze(_ value: Value) {
    let start = state.pointee.output.pointee.count
    state.pointee.output.pointee.skip(4)
    if !value.isMissing { state.pointee.writer.pointee.write(value, to: &state.pointee.output.pointee) }
    let count = UInt32(state.pointee.output.pointee.count - start - 4)
    state.pointee.output.pointee.start.storeBytes(of: count, toByteOffset: start, as: UInt32.self)
  }

  func thaw(_ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>) {
    let block = fiber.pointee.suspended.unsafelyUnwrapped
    fiber.pointee.suspended = nil
    let header = block.load(as: FrozenState.self)
    var cursor = UnsafeRawPointer(block) + MemoryLayout<FrozenState>.size
    let frame = takeFrame()
    frame.initialize(
      to: Frame(
        arena: Arena(pool: state.pointee.pool), data: .missing, result: .missing, cause: .missing, slots: nil,
        slotCount: header.slotCount, faultKind: .task, item: .missing, itemIndex: header.itemIndex,
        input: .missing, assigned: .missing, bound: Int(header.bound), compactAt: Frame.compactionFloor,
        timeoutAt: header.timeoutAt, heartbeatMilliseconds: header.heartbeatMilliseconds, nextFree: nil))
    let arena = Frame.arena(of: frame)
    frame.pointee.data = thaw(&cursor, arena)
    frame.pointee.item = thaw(&cursor, arena)
    frame.pointee.input = thaw(&cursor, arena)
    if header.slotCount > 0 {
      let slots = arena.pointee.elements(Int(header.slotCount))
      for position in 0..<Int(header.slotCount) { slots[position] = thaw(&cursor, arena) }
      frame.pointee.slots = slots
    }
    free(frozen: block)
    fiber.pointee.frame = frame
  }

  func thaw(_ cursor: inout UnsafeRawPointer, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    let count = Int(cursor.loadUnaligned(as: UInt32.self))
    let text = cursor + 4
    cursor = text + count
    return count > 0 ? thaw(text, count, arena) : .missing
  }

  func thaw(_ text: UnsafeRawPointer, _ count: Int, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    let copy = arena.pointee.allocate(count &+ JSONParser.padding)
    memcpy(copy, text, count)
    do {
      return try state.pointee.thawParser.pointee.parse(
        UnsafeRawBufferPointer(start: copy, count: count), into: arena)
    } catch {
      preconditionFailure("BUG in Stepmill (please report): a frozen state does not parse: \(error)")
    }
  }
}
