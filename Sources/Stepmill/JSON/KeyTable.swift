#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Finding members of wide objects. Lookup by scanning is best for the objects that occur;
// what must stay linear in time for a hundred thousand members uses this table.

/// An open-addressing table from keys to positions in a run of members.
struct KeyTable: ~Copyable {
  private let slots: UnsafeMutablePointer<UInt32>
  private let mask: Int
  private let seed: UInt64

  private static let free = UInt32.max

  /// An empty table with room for `count` keys.
  init(count: Int) {
    let capacity = 1 &<< (Int.bitWidth &- (count &* 2).leadingZeroBitCount)
    mask = capacity &- 1
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: KeyTable.free, count: capacity)
    // The address differs from run to run, which is enough to keep crafted keys apart.
    seed = UInt64(UInt(bitPattern: slots)) &* 0x9E37_79B9_7F4A_7C15
  }

  deinit { slots.deallocate() }

  /// The position of `key` among `members`; if it is not there, enters `position` for it
  /// and returns nil.
  mutating func position(
    of key: Value, in members: UnsafePointer<Member>, orEnter position: Int
  ) -> Int? {
    let slot = slot(of: key, in: members)
    guard slots[slot] == KeyTable.free else { return Int(slots[slot]) }
    slots[slot] = UInt32(position)
    return nil
  }

  /// The position of `key` among `members`.
  func position(of key: Value, in members: UnsafePointer<Member>) -> Int? {
    let found = slots[slot(of: key, in: members)]
    return found == KeyTable.free ? nil : Int(found)
  }

  private func slot(of key: Value, in members: UnsafePointer<Member>) -> Int {
    var slot = Int(truncatingIfNeeded: hash(key)) & mask
    while slots[slot] != KeyTable.free {
      if members[Int(slots[slot])].key.sameText(key) { break }
      slot = (slot &+ 1) & mask
    }
    return slot
  }

  /// A hash over all bytes: the 16 bits that keys carry look at 16 bytes only.
  private func hash(_ key: Value) -> UInt64 {
    var state = seed ^ UInt64(truncatingIfNeeded: key.count)
    var position = key.address
    var left = key.count
    while left > 0 {
      var word: UInt64 = 0
      if left >= 8 {
        word = position.loadUnaligned(as: UInt64.self)
      } else {
        for index in 0..<left {
          word |= UInt64(position.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(index &* 8)
        }
      }
      let product = (state ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
      state = product.high ^ product.low &+ seed
      position += 8
      left &-= 8
    }
    return state ^ state &>> 32
  }

  /// Leaves each key once among the members that `count` values at `values` form: at its
  /// first position, with its last value. Returns how many values are left.
  static func removeRepeated(_ values: UnsafeMutablePointer<Value>, _ count: Int) -> Int {
    let members = UnsafeMutableRawPointer(values).assumingMemoryBound(to: Member.self)
    let memberCount = count / 2
    var kept = 0
    if memberCount <= JSONParser.scannedMembersMax {
      for index in 0..<memberCount {
        let member = members[index]
        var other = 0
        while other < kept && !members[other].key.sameText(member.key) { other += 1 }
        members[other] = other < kept ? Member(key: members[other].key, value: member.value) : member
        if other == kept { kept += 1 }
      }
      return kept * 2
    }
    var table = KeyTable(count: memberCount)
    for index in 0..<memberCount {
      let member = members[index]
      if let other = table.position(of: member.key, in: members, orEnter: kept) {
        members[other].value = member.value
      } else {
        members[kept] = member
        kept += 1
      }
    }
    return kept * 2
  }
}
