// The order in which Java's hash tables list what is in them: by bucket, and within a bucket
// in the order of insertion. It shows wherever the service builds an object or a set with one.

enum JavaHashOrder {
  /// How large a table is that grew to hold `count` entries.
  static func capacity(for count: Int, startingWith start: Int = 16) -> Int {
    var capacity = start
    while count &* 4 > capacity &* 3 { capacity &*= 2 }
    return capacity
  }

  /// How large a table starts that is made to copy another one of `count` entries.
  static func capacity(copying count: Int) -> Int {
    let wanted = count &* 4 / 3 &+ 1
    var capacity = 1
    while capacity < wanted { capacity &*= 2 }
    return capacity
  }

  @inline(__always)
  static func bucket(_ hash: Int32, capacity: Int) -> Int {
    let bits = UInt32(bitPattern: hash)
    return Int((bits ^ bits &>> 16) & UInt32(truncatingIfNeeded: capacity &- 1))
  }

  /// The elements sorted by their bucket, keeping their order within a bucket.
  static func sorted<Element: BitwiseCopyable>(
    _ elements: UnsafeMutablePointer<Element>, _ count: Int, capacity: Int,
    _ arena: UnsafeMutablePointer<Arena>, hash: (Element) -> Int32
  ) -> UnsafeMutablePointer<Element> {
    let buckets = arena.pointee.allocate(count &* 4).assumingMemoryBound(to: UInt32.self)
    // Where each bucket's next element goes: first the sizes, then their running sums.
    let next = arena.pointee.allocate((capacity &+ 1) &* 4).assumingMemoryBound(to: UInt32.self)
    next.update(repeating: 0, count: capacity &+ 1)
    for index in 0..<count {
      let bucket = bucket(hash(elements[index]), capacity: capacity)
      buckets[index] = UInt32(truncatingIfNeeded: bucket)
      next[bucket &+ 1] &+= 1
    }
    for bucket in 0..<capacity { next[bucket &+ 1] &+= next[bucket] }

    let ordered = arena.pointee.allocate(count &* MemoryLayout<Element>.stride)
      .assumingMemoryBound(to: Element.self)
    for index in 0..<count {
      let bucket = Int(buckets[index])
      ordered[Int(next[bucket])] = elements[index]
      next[bucket] &+= 1
    }
    return ordered
  }
}
