import Synchronization

// What loops note of the rows that end on them.
//
// A box is whose number is in it. A loop takes its box when the first row of a turn ends, and has
// given it back when the turn is over; meanwhile nobody else touches what is inside, and nothing
// needs a lock. The writer takes a box for as long as it needs to take the block out; finds it one
// taken, it leaves word, and the loop sends the block itself, with the next row. Whoever finds its
// box taken by another (loops that share a box because there are more of them than boxes) does
// without.
//
// Boxes lie on cache lines of their own. As objects on the heap they shared lines with their
// neighbours, and 54 of a row's 1,890 ns on four loops went to fetch them back.

/// A box for each loop.
@safe struct LoopBoxes: ~Copyable, @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  private static let count = 64
  private static let stride = 128
  /// Where in a box its turn lies: apart, for who changes that changes nothing of what others look at.
  fileprivate static let turnOffset = 64
  /// A number that no loop has.
  private static let writer = UInt32.max

  init() {
    precondition(
      MemoryLayout<Box>.size <= Self.turnOffset && MemoryLayout<Turn>.size <= Self.stride - Self.turnOffset)
    unsafe memory = .allocate(byteCount: Self.count * Self.stride, alignment: Self.stride)
    for number in 0..<Self.count {
      let box = unsafe memory + number * Self.stride
      unsafe box.initializeMemory(as: Box.self, to: Box())
      unsafe (box + Self.turnOffset).initializeMemory(as: Turn.self, to: Turn())
    }
  }

  deinit {
    for number in 0..<Self.count {
      unsafe Self.turn(of: box(number)).pointee.block?.release()
      unsafe box(number).deinitialize(count: 1)
    }
    unsafe memory.deallocate()
  }

  /// What is inside.
  struct Turn {
    var block: BlockReference?
    var succeeded = 0
    var failed = 0
    /// Rows of this chunk that have ended.
    var chunk: RowChunkReference?
    var leaving = 0
  }

  fileprivate struct Box: ~Copyable {
    let owner = Atomic<UInt32>(0)
    let isWanted = Atomic<Bool>(false)
    /// Rows that the loop has been given and that have not ended.
    let underWay = Atomic<Int>(0)
  }

  /// A box that the caller has, until it gives it back.
  @safe struct Held {
    private let box: UnsafeMutablePointer<Box>
    private let turn: UnsafeMutablePointer<Turn>

    @inline(__always)
    fileprivate init(_ box: UnsafeMutablePointer<Box>) {
      unsafe self.box = box
      unsafe turn = LoopBoxes.turn(of: box)
    }

    @inline(__always) var block: BlockReference? { unsafe turn.pointee.block }
    @inline(__always) var chunk: RowChunkReference? { unsafe turn.pointee.chunk }
    @inline(__always) var leaving: Int {
      get { unsafe turn.pointee.leaving }
      nonmutating set { unsafe turn.pointee.leaving = newValue }
    }
    /// The writer wants what there is.
    @inline(__always) var isWanted: Bool { unsafe box.pointee.isWanted.load(ordering: .relaxed) }

    @inline(__always)
    func count(_ isSuccess: Bool) {
      if isSuccess { unsafe turn.pointee.succeeded &+= 1 } else { unsafe turn.pointee.failed &+= 1 }
    }

    func take(_ block: ResultBlock) -> BlockReference {
      let reference = BlockReference(keeping: block)
      unsafe turn.pointee.block = reference
      return reference
    }

    /// Takes the block out.
    func giveBlock() -> ResultBlock? {
      unsafe box.pointee.isWanted.store(false, ordering: .relaxed)
      defer { unsafe turn.pointee.block = nil }
      return unsafe turn.pointee.block?.release()
    }

    /// Counts rows of another chunk from here on; returns what was counted of the one before.
    func change(to chunk: RowChunkReference) -> (chunk: RowChunkReference, rows: Int)? {
      defer {
        unsafe turn.pointee.chunk = chunk
        leaving = 0
      }
      return self.chunk.map { ($0, leaving) }
    }
  }

  @inline(__always)
  fileprivate static func turn(of box: UnsafeMutablePointer<Box>) -> UnsafeMutablePointer<Turn> {
    unsafe (UnsafeMutableRawPointer(box) + turnOffset).assumingMemoryBound(to: Turn.self)
  }

  private func box(_ number: Int) -> UnsafeMutablePointer<Box> {
    unsafe (memory + number * Self.stride).assumingMemoryBound(to: Box.self)
  }

  @inline(__always)
  private func box(of loop: UInt32) -> UnsafeMutablePointer<Box> {
    unsafe box(Int(loop & UInt32(Self.count - 1)))
  }

  // MARK: How much each has to do

  /// Rows were given to a loop. From any thread.
  func noteStarted(_ count: Int, on loop: UInt32) {
    unsafe box(of: loop).pointee.underWay.add(count, ordering: .relaxed)
  }

  /// They have ended.
  func noteEnded(_ count: Int, on loop: UInt32) {
    unsafe box(of: loop).pointee.underWay.subtract(count, ordering: .relaxed)
  }

  /// Which loop has the fewest rows under way.
  func idlest(of loops: [UInt32]) -> UInt32 {
    loops.min { left, right in
      unsafe box(of: left).pointee.underWay.load(ordering: .relaxed)
        < box(of: right).pointee.underWay.load(ordering: .relaxed)
    } ?? 0
  }

  // MARK: What ends in a turn

  /// The box of a loop, by its number, on its thread; `isFirst` becomes true when it had none yet
  /// in this turn. Nil: another has it, or it is no loop.
  @inline(__always)
  func box(of loop: UInt32, isFirst: inout Bool) -> Held? {
    let box = unsafe box(of: loop)
    // Nobody else writes this number there, or takes it away.
    if _fastPath(unsafe box.pointee.owner.load(ordering: .relaxed) == loop && loop != 0) {
      return unsafe Held(box)
    }
    guard loop != 0,
      unsafe box.pointee.owner.compareExchange(expected: 0, desired: loop, ordering: .acquiring).exchanged
    else { return nil }
    isFirst = true
    return unsafe Held(box)
  }

  /// The loop gives its box back, and learns what it has noted. The block stays.
  func endTurn(of loop: UInt32) -> Turn {
    let box = unsafe box(of: loop)
    let turn = unsafe Self.turn(of: box)
    let noted = unsafe turn.pointee
    unsafe turn.pointee = Turn(block: noted.block)
    unsafe box.pointee.owner.store(0, ordering: .releasing)
    return noted
  }

  /// Takes the blocks of all boxes that nobody has, and asks for the others.
  func takeBlocks() -> [ResultBlock] {
    var blocks: [ResultBlock] = []
    for number in 0..<Self.count {
      let box = unsafe box(number)
      guard
        unsafe box.pointee.owner.compareExchange(expected: 0, desired: Self.writer, ordering: .acquiring)
          .exchanged
      else {
        unsafe box.pointee.isWanted.store(true, ordering: .relaxed)
        continue
      }
      if let block = unsafe Held(box).giveBlock() { blocks.append(block) }
      unsafe box.pointee.owner.store(0, ordering: .releasing)
    }
    return blocks
  }
}

/// A block in a box, which holds it: counting references for each row would cost more than to
/// write the row.
@safe struct BlockReference {
  private let block: Unmanaged<ResultBlock>

  init(keeping block: ResultBlock) { unsafe self.block = Unmanaged.passRetained(block) }

  @discardableResult
  func release() -> ResultBlock { unsafe block.takeRetainedValue() }

  @inline(__always)
  func with<Result>(_ body: (ResultBlock) -> Result) -> Result {
    unsafe block._withUnsafeGuaranteedRef { body($0) }
  }
}
