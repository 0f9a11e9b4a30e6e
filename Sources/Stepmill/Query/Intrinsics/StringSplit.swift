// States.StringSplit: a text cut at every character of a set, empty pieces left out.

extension Intrinsic {
  static func stringSplit(
    _ text: Value, _ delimiters: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard text.isString, delimiters.isString else { return .missing }
    let set = DelimiterSet(delimiters, arena)
    let count = split(text, at: set, into: nil)
    let pieces = arena.pointee.elements(count)
    _ = split(text, at: set, into: pieces)
    return .array(pieces, count: count)
  }

  /// Writes the pieces, which point into the text; returns how many there are.
  private static func split(
    _ text: Value, at set: DelimiterSet, into pieces: UnsafeMutablePointer<Value>?
  ) -> Int {
    var reader = ScalarReader(text.bytes)
    var count = 0
    var start = reader.address
    while true {
      let end = reader.address
      let scalar = reader.next()
      if let scalar, !set.contains(scalar) { continue }
      if end > start {
        if let pieces {
          pieces[count] = .string(start, count: end - start, plain: text.isPlainText)
        }
        count &+= 1
      }
      if scalar == nil { return count }
      start = reader.address
    }
  }
}

/// The characters of a string as a set: a bit for each ASCII one, a table for the others.
private struct DelimiterSet {
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  /// Open addressing; 0, which is ASCII, marks a free slot.
  private var others: UnsafeMutablePointer<UInt32>?
  private var mask = 0

  init(_ characters: Value, _ arena: UnsafeMutablePointer<Arena>) {
    var reader = ScalarReader(characters.bytes)
    while let scalar = reader.next() {
      if scalar < 64 {
        low |= 1 &<< UInt64(scalar)
      } else if scalar < 128 {
        high |= 1 &<< UInt64(scalar &- 64)
      } else {
        if others == nil { makeTable(characters.count, arena) }
        enter(scalar)
      }
    }
  }

  private mutating func makeTable(_ count: Int, _ arena: UnsafeMutablePointer<Arena>) {
    let size = 1 << (Int.bitWidth - count.leadingZeroBitCount)
    let table = arena.pointee.allocate(size * 4).assumingMemoryBound(to: UInt32.self)
    table.update(repeating: 0, count: size)
    others = table
    mask = size - 1
  }

  private func enter(_ scalar: UInt32) {
    guard let others else { return }
    var slot = DelimiterSet.hash(scalar) & mask
    while others[slot] != 0 && others[slot] != scalar { slot = (slot &+ 1) & mask }
    others[slot] = scalar
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return low &>> UInt64(scalar) & 1 != 0 }
    if scalar < 128 { return high &>> UInt64(scalar &- 64) & 1 != 0 }
    guard let others else { return false }
    var slot = DelimiterSet.hash(scalar) & mask
    while others[slot] != 0 {
      if others[slot] == scalar { return true }
      slot = (slot &+ 1) & mask
    }
    return false
  }

  private static func hash(_ scalar: UInt32) -> Int {
    Int(truncatingIfNeeded: UInt64(scalar) &* 0x9E37_79B9_7F4A_7C15 &>> 32)
  }
}
