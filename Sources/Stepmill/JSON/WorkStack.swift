/// A stack for walking values without recursion. Starts in memory that the caller lends
/// (usually of its own stack frame), moves to the heap when that is full.
struct WorkStack<Item: BitwiseCopyable>: ~Copyable {
  private var start: UnsafeMutablePointer<Item>
  private var capacity: Int
  private(set) var count = 0
  private var isHeap = false

  init(lending memory: UnsafeMutableBufferPointer<Item>) {
    start = memory.baseAddress.unsafelyUnwrapped
    capacity = memory.count
  }

  deinit { if isHeap { start.deallocate() } }

  @inline(__always) var isEmpty: Bool { count == 0 }

  @inline(__always)
  mutating func push(_ item: Item) {
    if _slowPath(count == capacity) { grow() }
    (start + count).initialize(to: item)
    count &+= 1
  }

  /// Takes the last item off; there must be one.
  @inline(__always)
  mutating func pop() -> Item {
    count &-= 1
    return start[count]
  }

  @inline(never)
  private mutating func grow() {
    let new = UnsafeMutablePointer<Item>.allocate(capacity: capacity * 2)
    new.update(from: start, count: count)
    if isHeap { start.deallocate() }
    start = new
    capacity *= 2
    isHeap = true
  }
}
