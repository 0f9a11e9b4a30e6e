// States.JsonToString and States.JsonMerge.

extension Intrinsic {
  static func jsonToString(_ value: Value, _ scratch: IntrinsicScratch) -> Value {
    jsonText(of: value, scratch) ?? .missing
  }

  /// The value's JSON text as a string value; nil if the value is beyond the limits.
  static func jsonText(of value: Value, _ scratch: IntrinsicScratch) -> Value? {
    guard JavaTextBound(of: value) != nil else { return nil }
    scratch.output.pointee.removeAll()
    scratch.writer.pointee.write(value, to: &scratch.output.pointee)
    return scratch.arena.pointee.string(copying: scratch.output.pointee.bytes)
  }

  /// The members of `a` in their order, each with the value that `b` has for it if it has
  /// one, then what only `b` has. Members that are objects are not merged themselves:
  /// `deep` must not be true, and anything else counts as false.
  static func jsonMerge(
    _ a: Value, _ b: Value, deep: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard a.isObject, b.isObject, deep.tag != .true else { return .missing }
    guard a.count > 0 else { return b }
    guard b.count > 0 else { return a }
    let merged = arena.pointee.members(a.count + b.count)
    merged.update(from: a.members.baseAddress.unsafelyUnwrapped, count: a.count)
    let count =
      a.count > mergedByScanMax
      ? mergeByTable(b.members, into: merged, a.count, arena)
      : mergeByScan(b.members, into: merged, a.count)
    arena.pointee.trim(to: UnsafeMutableRawPointer(merged + count))
    return .object(merged, count: count)
  }

  /// Beyond this many members, a table finds them faster than a scan.
  private static let mergedByScanMax = 32

  private static func mergeByScan(
    _ members: UnsafeBufferPointer<Member>, into merged: UnsafeMutablePointer<Member>, _ present: Int
  ) -> Int {
    var count = present
    for member in members {
      var index = 0
      while index < present, !merged[index].key.sameText(member.key) { index &+= 1 }
      if index < present {
        merged[index].value = member.value
      } else {
        merged[count] = member
        count &+= 1
      }
    }
    return count
  }

  private static func mergeByTable(
    _ members: UnsafeBufferPointer<Member>, into merged: UnsafeMutablePointer<Member>, _ present: Int,
    _ arena: UnsafeMutablePointer<Arena>
  ) -> Int {
    var index = ValueIndex(capacity: present, arena)
    for position in 0..<present {
      var slot = index.firstSlot(Value.mix(merged[position].key.bytes, 0))
      while index.entry(slot) != nil { slot = index.nextSlot(slot) }
      index.fill(slot, with: position)
    }
    var count = present
    for member in members {
      var slot = index.firstSlot(Value.mix(member.key.bytes, 0))
      while let position = index.entry(slot), !merged[position].key.sameText(member.key) {
        slot = index.nextSlot(slot)
      }
      if let position = index.entry(slot) {
        merged[position].value = member.value
      } else {
        merged[count] = member
        count &+= 1
      }
    }
    return count
  }
}
