// Equality of JSON documents: objects whatever their order, numbers by value.

extension Value {

  /// True if both denote the same JSON value.
  func isEqual(to other: Value) -> Bool {
    if !isContainer || !other.isContainer { return isEqualScalar(other) }
    return isEqualContainer(other)
  }

  @inline(__always)
  private func isEqualScalar(_ other: Value) -> Bool {
    // Also makes a double that is not a number equal to itself.
    if tag == .double && other.tag == .double && payload == other.payload { return true }
    switch tag {
    case .string: return other.tag == .string && sameText(other)
    case .integer, .double, .numeral: return other.isNumber && isSameNumber(other)
    case .null, .true, .false, .missing: return tag == other.tag
    case .array, .object: return false
    }
  }

  private struct Pair: BitwiseCopyable {
    var left: Value
    var right: Value
  }

  @inline(never)
  private func isEqualContainer(_ other: Value) -> Bool {
    withUnsafeTemporaryAllocation(of: Pair.self, capacity: 64) { memory in
      var stack = WorkStack(lending: memory)
      stack.push(Pair(left: self, right: other))
      while !stack.isEmpty {
        let pair = stack.pop()
        let (left, right) = (pair.left, pair.right)
        guard left.tag == right.tag, left.count == right.count else { return false }
        if left.payload == right.payload { continue }
        if left.isArray {
          for index in 0..<left.count {
            let (a, b) = (left.elements[index], right.elements[index])
            if a.isContainer && b.isContainer {
              stack.push(Pair(left: a, right: b))
            } else if !a.isEqualScalar(b) {
              return false
            }
          }
        } else {
          guard Value.matchMembers(left, right, &stack) else { return false }
        }
      }
      return true
    }
  }

  /// Compares the members of two objects of the same size; inner containers go on the
  /// stack. Members at the same position are tried first, so that objects of the same
  /// order are never searched, and wide ones of different order use a table.
  private static func matchMembers(_ left: Value, _ right: Value, _ stack: inout WorkStack<Pair>) -> Bool {
    let (ours, theirs) = (left.members, right.members)
    var index = 0
    while index < ours.count && ours[index].key.sameText(theirs[index].key) {
      guard match(ours[index].value, theirs[index].value, &stack) else { return false }
      index += 1
    }
    guard index < ours.count else { return true }
    let base = theirs.baseAddress.unsafelyUnwrapped
    if ours.count <= JSONParser.scannedMembersMax {
      for member in ours[index...] {
        let value = right.member(member.key)
        guard !value.isMissing, match(member.value, value, &stack) else { return false }
      }
      return true
    }
    var table = KeyTable(count: theirs.count)
    for position in 0..<theirs.count {
      _ = table.position(of: theirs[position].key, in: base, orEnter: position)
    }
    for member in ours[index...] {
      guard let position = table.position(of: member.key, in: base),
        match(member.value, theirs[position].value, &stack)
      else { return false }
    }
    return true
  }

  @inline(__always)
  private static func match(_ a: Value, _ b: Value, _ stack: inout WorkStack<Pair>) -> Bool {
    guard a.isContainer && b.isContainer else { return a.isEqualScalar(b) }
    stack.push(Pair(left: a, right: b))
    return true
  }
}
