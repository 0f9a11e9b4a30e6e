import CIntrinsics

// Transforms: the input is cloned, and what the pattern finds in the clone is changed.
//
// Values are immutable to everybody else, but a clone belongs to the transform: an object
// is changed by giving its parent's slot a new object. To get from an object that the
// pattern found to that slot, the clone's objects are listed by address. (Empty objects
// of a clone have an address of their own for that.)

extension JSONataMachine {
  /// Where the objects of a clone are referred to, by the address of their members.
  private struct Slots {
    var byAddress: [UInt64: UnsafeMutablePointer<Value>] = [:]
    /// Where an object that was changed is now.
    var forwards: [UInt64: UInt64] = [:]

    /// The slot that refers to an object, by any address that it ever had.
    func find(_ object: Value) -> UnsafeMutablePointer<Value>? {
      var address = object.payload
      while let next = forwards[address] { address = next }
      return byAddress[address]
    }
  }

  mutating func transform(_ closure: UnsafeMutablePointer<JSONataClosure>, _ argument: Value) -> Value {
    let outer = (frame, functionFrame)
    defer { (frame, functionFrame) = outer }
    frame = closure.pointee.frame
    functionFrame = closure.pointee.functionFrame
    let transform = program.pointee.transforms[Int(closure.pointee.index)]
    if argument.isMissing { return .missing }
    let clone = evaluate(transform.clone, .missing)
    if clone.isFailure { return clone }
    guard clone.isFunction else {
      let result = fail(.t2013)
      error?.position = Int(transform.position)
      return result
    }
    let base = top
    push(argument)
    let source = Self.collapse(invoke(clone, base, 1, .missing))
    if source.isFailure { return source }
    var slots = Slots()
    let result = arena.pointee.elements(1)
    result[0] = .missing
    guard copy(source, into: result, &slots) else { return .failure }
    let matches = evaluate(transform.pattern, result[0])
    if matches.isFailure { return matches }
    guard !matches.isMissing else { return result[0] }
    let count = matches.isArray ? matches.count : 1
    for index in 0..<count {
      let match = matches.isArray ? matches.elements[index] : matches
      if !change(match, transform, &slots) { return .failure }
    }
    return result[0]
  }

  /// Applies update and deletion to one object that the pattern found.
  private mutating func change(_ match: Value, _ transform: JSONataProgram.Transform, _ slots: inout Slots)
    -> Bool
  {
    let slot = match.isObject ? slots.find(match) : nil
    var current = slot?.pointee ?? match
    let update = evaluate(transform.update, current)
    if update.isFailure { return false }
    if !update.isMissing {
      guard update.isObject else {
        _ = fail(.t2011, value: update)
        error?.position = Int(transform.updatePosition)
        return false
      }
      if let slot {
        guard replace(slot, merged(current, update), &slots) else { return false }
        current = slot.pointee
      }
    }
    guard transform.delete >= 0 else { return true }
    let deletions = evaluate(transform.delete, current)
    if deletions.isFailure { return false }
    if deletions.isMissing { return true }
    let names = deletions.isArray ? Array(deletions.elements) : [deletions]
    guard names.allSatisfy(\.isString) else {
      _ = fail(.t2012, value: deletions)
      error?.position = Int(transform.deletePosition)
      return false
    }
    guard let slot else { return true }
    let kept = arena.pointee.members(max(current.count, 1))
    var count = 0
    for member in current.members where !names.contains(where: { $0.sameText(member.key) }) {
      kept[count] = member
      count += 1
    }
    return replace(slot, Value.object(kept, count: count).with(Value.fresh), &slots)
  }

  /// Puts a changed object in the place of the old one.
  private mutating func replace(
    _ place: UnsafeMutablePointer<Value>, _ object: Value, _ slots: inout Slots
  ) -> Bool {
    slots.forwards[place.pointee.payload] = object.payload
    slots.byAddress[object.payload] = place
    place.pointee = object
    // The objects directly in it are referred to from its new memory now.
    let members = UnsafeMutableRawPointer(mutating: object.address)
    for index in 0..<object.count {
      guard step() else { return false }
      let value = (members + (index &* 32 &+ 16)).assumingMemoryBound(to: Value.self)
      if value.pointee.isObject, slots.byAddress[value.pointee.payload] != nil {
        slots.byAddress[value.pointee.payload] = value
      }
    }
    return true
  }

  private mutating func merged(_ object: Value, _ update: Value) -> Value {
    let members = arena.pointee.members(object.count + update.count + 1)
    var count = object.count
    for (index, member) in object.members.enumerated() { members[index] = member }
    for member in update.members {
      var index = 0
      while index < count && !members[index].key.sameText(member.key) { index += 1 }
      if index == count {
        members[index] = member
        count += 1
      } else {
        members[index].value = member.value
      }
    }
    return Value.object(members, count: count).with(Value.fresh)
  }

  /// Copies containers deeply, and notes where each object is referred to.
  private mutating func copy(
    _ value: Value, into place: UnsafeMutablePointer<Value>, _ slots: inout Slots
  ) -> Bool {
    guard step() else { return false }
    guard stepmill_frame_address() > stackLimit else {
      _ = fail(.d1011)
      return false
    }
    switch value.kind {
    case .array:
      let elements = arena.pointee.elements(value.count)
      for (index, element) in value.elements.enumerated() where !copy(element, into: elements + index, &slots)
      {
        return false
      }
      place.pointee = Value.array(elements, count: value.count).with(Value.fresh)
    case .object:
      let members = arena.pointee.members(max(value.count, 1))
      for (index, member) in value.members.enumerated() {
        members[index].key = member.key
        let slot = (UnsafeMutableRawPointer(members) + (index &* 32 &+ 16)).assumingMemoryBound(
          to: Value.self)
        guard copy(member.value, into: slot, &slots) else { return false }
      }
      place.pointee = Value.object(members, count: value.count).with(Value.fresh)
      slots.byAddress[place.pointee.payload] = place
    case .function: place.pointee = .emptyString
    default: place.pointee = value
    }
    return true
  }
}
