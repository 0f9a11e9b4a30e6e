#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Names → numbers, by their bytes.
//
// Swift's own dictionary of strings takes `é` written as one scalar and as two for the same
// key; names in a definition are the same only if their scalars are. It also hashes with
// SipHash, which costs more than everything else that is done with the name of a state. Here
// the hash is two multiplications for eight bytes, keyed by a number drawn once per process,
// so that nobody can prepare names that all collide.

/// A table of names, each with a number. A name that is there already keeps its number.
struct NameIndex {
  /// In the order in which they came; their places are what the slots hold.
  private var names: [String] = []
  private var numbers: [UInt32] = []
  /// The upper half of a name's hash, and its place in `names` plus one; zero where none is.
  private var slots: [UInt64]
  private var mask: Int

  private static let seed = UInt64.random(in: 0...UInt64.max)

  init(minimumCapacity: Int = 0) {
    var capacity = 8
    while capacity < minimumCapacity &* 2 { capacity &*= 2 }
    slots = [UInt64](repeating: 0, count: capacity)
    mask = capacity - 1
    if minimumCapacity > 8 {
      names.reserveCapacity(minimumCapacity)
      numbers.reserveCapacity(minimumCapacity)
    }
  }

  var count: Int { names.count }

  /// The number of a name.
  subscript(name: String) -> UInt32? {
    let hash = NameIndex.hash(name)
    let slot = slot(of: name, hash)
    let entry = slots[slot]
    return entry == 0 ? nil : numbers[Int(entry & 0xFFFF_FFFF) - 1]
  }

  /// Gives a name its number, unless it has one: that is returned then.
  mutating func insert(_ name: String, _ number: UInt32) -> UInt32? {
    let hash = NameIndex.hash(name)
    var slot = slot(of: name, hash)
    let entry = slots[slot]
    if entry != 0 { return numbers[Int(entry & 0xFFFF_FFFF) - 1] }
    if names.count &* 2 >= slots.count {
      grow()
      slot = self.slot(of: name, hash)
    }
    names.append(name)
    numbers.append(number)
    slots[slot] = (hash & 0xFFFF_FFFF_0000_0000) | UInt64(names.count)
    return nil
  }

  /// Where a name is, or where it would go.
  private func slot(of name: String, _ hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while true {
      let entry = slots[slot]
      if entry == 0 { return slot }
      if entry >> 32 == hash >> 32, sameBytes(names[Int(entry & 0xFFFF_FFFF) - 1], name) { return slot }
      slot = (slot &+ 1) & mask
    }
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: 0, count: old.count * 2)
    mask = slots.count - 1
    for entry in old where entry != 0 {
      var slot = Int(entry >> 32) & mask
      while slots[slot] != 0 { slot = (slot &+ 1) & mask }
      slots[slot] = entry
    }
  }

  private static func hash(_ name: String) -> UInt64 {
    var name = name
    return name.withUTF8 { bytes in
      let raw = UnsafeRawBufferPointer(bytes)
      var hash = seed ^ UInt64(raw.count)
      if raw.count >= 8 {
        var offset = 0
        while offset &+ 8 < raw.count {
          hash = mix(hash, raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
          offset &+= 8
        }
        // The last word may overlap the one before it.
        let tail = raw.loadUnaligned(fromByteOffset: raw.count &- 8, as: UInt64.self)
        return mix(mix(hash, tail), 0x9E37_79B9_7F4A_7C15)
      }
      var rest: UInt64 = 0
      for byte in raw { rest = rest &<< 8 | UInt64(byte) }
      return mix(mix(hash, rest), 0x9E37_79B9_7F4A_7C15)
    }
  }

  @inline(__always)
  private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word ^ seed).multipliedFullWidth(by: 0xA076_1D64_78BD_642F ^ (hash &<< 1 | 1))
    return product.high ^ product.low
  }
}

/// Whether two texts are the same, byte for byte: equal strings may still be two orders of the same accents.
func sameBytes(_ left: String, _ right: String) -> Bool {
  guard left.utf8.count == right.utf8.count else { return false }
  var left = left
  var right = right
  return left.withUTF8 { left in
    right.withUTF8 { right in
      guard let base = left.baseAddress, let other = right.baseAddress else { return true }
      return memcmp(base, other, left.count) == 0
    }
  }
}

extension String {
  /// Whether this text is a word of the language. Words are ASCII, and no other text of a word's length
  /// equals it.
  @inline(__always)
  func isWord(_ word: String) -> Bool { utf8.count == word.utf8.count && self == word }
}

extension String {
  /// A bit for this text, of 64: texts with different bits are different. Sets of words are told apart by it.
  @inline(__always)
  var presenceBit: UInt64 {
    let ends = ends
    return 1 &<< UInt64(truncatingIfNeeded: ends.count &* 11 &+ ends.first)
  }

  /// The number of bytes, the first and the last one, which tell words apart well.
  @inline(__always)
  var ends: (count: Int, first: Int, last: Int) {
    let ends = utf8.withContiguousStorageIfAvailable { bytes in
      bytes.isEmpty ? (0, 0, 0) : (bytes.count, Int(bytes[0]), Int(bytes[bytes.count &- 1]))
    }
    return ends ?? (utf8.count, Int(utf8.first ?? 0), Int(utf8.last ?? 0))
  }
}
