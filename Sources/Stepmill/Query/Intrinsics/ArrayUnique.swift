// States.ArrayUnique, in the order that AWS gives.
//
// AWS puts the elements into a Java hash set and lists it, so the order comes from Java's
// hash codes: by bucket, then by first appearance. Equality is by value, whatever the
// order of an object's members; 1 and "1" differ, and so do 1 and 1.0.
//
// Java's codes are easily made to collide, so duplicates are found by another hash; Java's
// decide about the order only.

extension Intrinsic {
  static func arrayUnique(_ array: Value, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    guard array.isArray, JavaTextBound(of: array) != nil else { return .missing }
    let elements = array.elements
    guard elements.count > 1 else { return array }

    var index = ValueIndex(capacity: elements.count, arena)
    let unique = arena.pointee.elements(elements.count)
    var count = 0
    for element in elements {
      let hash = element.mixedHash
      var slot = index.firstSlot(hash)
      while let candidate = index.entry(slot), !unique[candidate].equals(element) {
        slot = index.nextSlot(slot)
      }
      if index.entry(slot) == nil {
        index.fill(slot, with: count)
        unique[count] = element
        count += 1
      }
    }
    return .array(inHashSetOrder(unique, count, arena), count: count)
  }

  /// The elements sorted by their bucket, keeping their order within a bucket.
  private static func inHashSetOrder(
    _ elements: UnsafeMutablePointer<Value>, _ count: Int, _ arena: UnsafeMutablePointer<Arena>
  ) -> UnsafeMutablePointer<Value> {
    var capacity = 16
    while count > capacity / 4 * 3 { capacity *= 2 }

    let buckets = arena.pointee.allocate(count * 4).assumingMemoryBound(to: UInt32.self)
    // Where each bucket's next element goes: first the sizes, then their running sums.
    let next = arena.pointee.allocate((capacity + 1) * 4).assumingMemoryBound(to: UInt32.self)
    next.update(repeating: 0, count: capacity + 1)
    for index in 0..<count {
      let hash = UInt32(bitPattern: elements[index].javaHash)
      let bucket = (hash ^ (hash &>> 16)) & UInt32(capacity - 1)
      buckets[index] = bucket
      next[Int(bucket) + 1] += 1
    }
    for bucket in 0..<capacity { next[bucket + 1] += next[bucket] }

    let ordered = arena.pointee.elements(count)
    for index in 0..<count {
      let bucket = Int(buckets[index])
      ordered[Int(next[bucket])] = elements[index]
      next[bucket] += 1
    }
    return ordered
  }
}

/// An open-addressing table from hashes to positions in a list, in arena memory.
struct ValueIndex {
  private let slots: UnsafeMutablePointer<UInt32>
  private let mask: Int

  /// Room for `capacity` entries.
  init(capacity: Int, _ arena: UnsafeMutablePointer<Arena>) {
    let size = 1 << (Int.bitWidth - (2 * capacity).leadingZeroBitCount)
    slots = arena.pointee.allocate(size * 4).assumingMemoryBound(to: UInt32.self)
    slots.update(repeating: 0, count: size)
    mask = size - 1
  }

  @inline(__always)
  func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> 20) & mask }

  @inline(__always)
  func nextSlot(_ slot: Int) -> Int { (slot &+ 1) & mask }

  /// The position that the slot holds; nil where a search may end.
  @inline(__always)
  func entry(_ slot: Int) -> Int? { slots[slot] == 0 ? nil : Int(slots[slot] &- 1) }

  @inline(__always)
  mutating func fill(_ slot: Int, with position: Int) {
    slots[slot] = UInt32(truncatingIfNeeded: position &+ 1)
  }
}

extension Value {
  /// What Java's `hashCode` gives for the value as Java would hold it.
  var javaHash: Int32 {
    switch tag {
    case .missing, .null: return 0
    case .true: return 1231
    case .false: return 1237
    case .integer:
      // An `Integer` hashes to itself, a `Long` to the exclusive or of its halves.
      let value = integerValue
      return Int32(exactly: value) ?? Int32(truncatingIfNeeded: value ^ (value &>> 32))
    case .double, .numeral:
      let bits = numberAsDouble.bitPattern
      return Int32(truncatingIfNeeded: bits ^ (bits &>> 32))
    case .string: return javaStringHash
    case .array:
      var hash: Int32 = 1
      for element in elements { hash = hash &* 31 &+ element.javaHash }
      return hash
    case .object:
      var hash: Int32 = 0
      for member in members { hash &+= member.key.javaStringHash ^ member.value.javaHash }
      return hash
    }
  }

  private var javaStringHash: Int32 {
    var hash: Int32 = 0
    var reader = ScalarReader(bytes)
    while let scalar = reader.next() {
      if scalar < 0x10000 {
        hash = hash &* 31 &+ Int32(bitPattern: scalar)
      } else {
        let high = 0xD800 &+ Int32(bitPattern: (scalar &- 0x10000) &>> 10)
        let low = 0xDC00 &+ Int32(bitPattern: scalar & 0x3FF)
        hash = (hash &* 31 &+ high) &* 31 &+ low
      }
    }
    return hash
  }

  /// A hash of 64 well mixed bits that equal values share.
  var mixedHash: UInt64 {
    let kind = UInt64(tag.rawValue)
    switch tag {
    case .missing, .null, .true, .false: return Value.mix(kind, 1)
    case .integer: return Value.mix(payload, kind)
    case .double, .numeral: return Value.mix(numberAsDouble.bitPattern, 17)
    case .string: return Value.mix(bytes, kind)
    case .array:
      var hash = kind
      for element in elements { hash = Value.mix(element.mixedHash, hash) }
      return Value.mix(UInt64(count), hash)
    case .object:
      // A sum does not depend on the members' order.
      var sum = kind
      for member in members {
        sum &+= Value.mix(member.value.mixedHash, Value.mix(member.key.bytes, kind))
      }
      return Value.mix(UInt64(count), sum)
    }
  }

  /// Folds the 128-bit product, which lets every bit reach every other.
  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = (a ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: b ^ 0xD1B5_4A32_D192_ED03)
    return product.high ^ product.low
  }

  static func mix(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return mix(seed, 0) }
    var hash = mix(UInt64(bytes.count), seed)
    var offset = 0
    while bytes.count - offset >= 8 {
      hash = mix(base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ hash, seed)
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < bytes.count {
      rest = rest &<< 8 | UInt64(bytes[offset])
      offset += 1
    }
    return mix(rest ^ hash, seed &+ 1)
  }

  /// The same value; the order of an object's members does not matter.
  func equals(_ other: Value) -> Bool {
    if head & ~Value.flagsMask == other.head & ~Value.flagsMask && payload == other.payload {
      return true
    }
    switch (tag, other.tag) {
    case (.integer, _), (_, .integer): return false
    case (.numeral, .numeral): return sameText(other)
    case (.numeral, .double), (.double, .numeral), (.double, .double):
      return numberAsDouble.bitPattern == other.numberAsDouble.bitPattern
    case (.string, .string): return sameText(other)
    case (.array, .array):
      guard count == other.count else { return false }
      for index in 0..<count where !elements[index].equals(other.elements[index]) { return false }
      return true
    case (.object, .object):
      guard count == other.count else { return false }
      for index in 0..<count {
        let mine = members[index]
        let beside = other.members[index]
        let theirs = mine.key.sameText(beside.key) ? beside.value : other.member(mine.key)
        if theirs.isMissing || !mine.value.equals(theirs) { return false }
      }
      return true
    default: return tag == other.tag && !isContainer && !isString && !isNumber
    }
  }
}
