// Numbers of as many bytes as they need, seven bits to a byte, the lowest first; signed ones with
// their sign in the lowest bit. Both what is kept of a history and the packs of the store are
// written so.

extension OutputSpan<UInt8> {
  /// The most a number takes.
  package static var varintSizeMax: Int { 10 }

  @inlinable
  package mutating func put(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  @inlinable
  package mutating func put(signed number: Int64) {
    put(UInt64(bitPattern: number &<< 1 ^ number &>> 63))
  }
}
