/// A first-in-first-out queue that grows: a power of two of elements, with a read and a
/// write position that run freely and are masked on access.
///
/// It never shrinks by itself, since a queue that was long will be long again; `trim`
/// gives memory back at a moment the owner chooses.
struct Ring<Element: BitwiseCopyable>: ~Copyable {
  private var base: UnsafeMutablePointer<Element>
  private var mask: UInt
  private var head: UInt = 0
  private var tail: UInt = 0

  init(minimumCapacity: Int = 16) {
    let capacity = Self.roundedUp(minimumCapacity)
    base = .allocate(capacity: capacity)
    mask = UInt(capacity) - 1
  }

  deinit { base.deallocate() }

  @inline(__always) var count: Int { Int(bitPattern: tail &- head) }
  @inline(__always) var isEmpty: Bool { tail == head }
  var capacity: Int { Int(bitPattern: mask) + 1 }

  @inline(__always)
  mutating func append(_ element: Element) {
    if _slowPath(tail &- head > mask) { resize(to: capacity * 2) }
    base[Int(bitPattern: tail & mask)] = element
    tail &+= 1
  }

  /// The element that was appended first. There must be one.
  @inline(__always)
  mutating func removeFirst() -> Element {
    assert(!isEmpty)
    let element = base[Int(bitPattern: head & mask)]
    head &+= 1
    return element
  }

  @inline(__always)
  mutating func popFirst() -> Element? {
    isEmpty ? nil : removeFirst()
  }

  /// The element `offset` places behind the first one.
  @inline(__always)
  subscript(offset: Int) -> Element {
    assert(offset >= 0 && offset < count)
    return base[Int(bitPattern: (head &+ UInt(bitPattern: offset)) & mask)]
  }

  /// Forgets all elements.
  mutating func removeAll() {
    head = tail
  }

  /// Gives back memory that the elements do not need.
  mutating func trim(minimumCapacity: Int = 16) {
    let capacity = Self.roundedUp(max(count, minimumCapacity))
    if capacity < self.capacity { resize(to: capacity) }
  }

  private static func roundedUp(_ capacity: Int) -> Int {
    capacity <= 1 ? 1 : 1 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount)
  }

  @inline(never)
  private mutating func resize(to capacity: Int) {
    let new = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    let count = self.count
    // What lies up to the end of the old memory, then what wrapped around.
    let start = Int(bitPattern: head & mask)
    let first = min(count, self.capacity - start)
    new.initialize(from: base + start, count: first)
    (new + first).initialize(from: base, count: count - first)
    base.deallocate()
    base = new
    mask = UInt(capacity) - 1
    head = 0
    tail = UInt(count)
  }
}
