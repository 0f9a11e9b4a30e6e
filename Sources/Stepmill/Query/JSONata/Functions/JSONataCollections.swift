// Functions over arrays and objects, and those that take functions.

extension JSONataMachine {
  // MARK: Arrays

  mutating func append(_ first: Value, _ second: Value) -> Value {
    if first.isMissing { return second }
    if second.isMissing { return first }
    let base = top
    if first.isArray { push(contentsOf: first) } else { push(first) }
    if second.isArray { push(contentsOf: second) } else { push(second) }
    return popArray(from: base)
  }

  mutating func reverse(_ array: Value) -> Value {
    if array.isMissing || array.count <= 1 { return array }
    let base = top
    for element in array.elements.reversed() { push(element) }
    return popArray(from: base)
  }

  mutating func shuffle(_ array: Value) -> Value {
    if array.isMissing || array.count <= 1 { return array }
    let base = top
    push(contentsOf: array)
    var index = array.count - 1
    while index > 0 {
      let other = randomBelow(index + 1)
      let value = stack(base + index)
      setStack(base + index, stack(base + other))
      setStack(base + other, value)
      index -= 1
    }
    return popArray(from: base)
  }

  private func randomBelow(_ bound: Int) -> Int {
    guard let random = environment.pointee.random else { return bound - 1 }
    return Int(random.pointee.below(UInt64(bound)))
  }

  mutating func distinct(_ array: Value) -> Value {
    guard array.isArray, array.count > 1 else { return array }
    let base = top
    for value in array.elements {
      var known = false
      for place in base..<top {
        guard step() else {
          top = base
          return .failure
        }
        if areEqual(stack(place), value, level: 0) {
          known = true
          break
        }
      }
      if !known { push(value) }
    }
    return popArray(from: base, flags: array.head & Value.sequence)
  }

  mutating func zip(_ base: Int, _ count: Int) -> Value {
    var length = Int.max
    for index in 0..<count {
      let array = stack(base + index)
      length = min(length, array.isArray ? array.count : 0)
    }
    let start = top
    for position in 0..<(length == .max ? 0 : length) {
      let inner = top
      for index in 0..<count { push(stack(base + index).elements[position]) }
      let row = popArray(from: inner)
      if row.isFailure { return row }
      push(row)
    }
    return popArray(from: start)
  }

  mutating func sort(_ array: Value, by comparator: Value) -> Value {
    if array.isMissing || array.count <= 1 { return array }
    let elements = array.elements
    var failed = false
    let order: UnsafeMutablePointer<Int32>?
    if comparator.isFunction {
      order = mergeSorted(elements.count) { machine, a, b in
        machine.push(elements[a])
        machine.push(elements[b])
        let truth = machine.truth(Self.collapse(machine.callback(comparator, 2)))
        if truth == .failed { failed = true }
        return truth == .yes
      }
    } else if elements.allSatisfy(\.isNumber) {
      order = mergeSorted(elements.count) { _, a, b in
        elements[a].kind == .integer && elements[b].kind == .integer
          ? elements[a].integerValue > elements[b].integerValue : elements[a].number > elements[b].number
      }
    } else if elements.allSatisfy(\.isString) {
      order = mergeSorted(elements.count) { _, a, b in Self.compare(elements[a], elements[b]) > 0 }
    } else {
      return fail(.d3070, index: 1)
    }
    guard let order, !failed else { return .failure }
    let base = top
    for index in elements.indices { push(elements[Int(order[index])]) }
    return popArray(from: base)
  }

  // MARK: Objects

  mutating func keys(_ value: Value) -> Value {
    let base = top
    if value.isArray {
      for element in value.elements {
        let inner = keys(element)
        if inner.isFailure { return inner }
        for key in inner.elements {
          var known = false
          for place in base..<top where stack(place).sameText(key) {
            known = true
            break
          }
          if !known { push(key) }
          guard step() else {
            top = base
            return .failure
          }
        }
      }
    } else if value.isObject {
      for member in value.members { push(member.key) }
    }
    return popSequence(from: base)
  }

  mutating func lookupFunction(_ value: Value, _ key: Value) -> Value {
    guard key.isString else { return .missing }
    return value.isContainer ? lookup(value, key.asKey) : .missing
  }

  mutating func spread(_ value: Value) -> Value {
    guard value.isContainer else { return value.isFunction ? .emptyString : value }
    let base = top
    guard spreadAll(value) else {
      top = base
      return .failure
    }
    return value.isArray && value.count > 0
      ? popArray(from: base, flags: Value.sequence) : popSequence(from: base)
  }

  private mutating func spreadAll(_ value: Value) -> Bool {
    guard step() else { return false }
    if value.isArray {
      for element in value.elements {
        if element.isArray {
          guard spreadAll(element) else { return false }
        } else if element.isObject {
          guard spreadAll(element) else { return false }
        } else {
          push(element)
        }
      }
      return true
    }
    for member in value.members {
      let single = arena.pointee.members(1)
      single[0] = member
      push(Value.object(single, count: 1).with(Value.fresh))
    }
    return true
  }

  mutating func merge(_ array: Value) -> Value {
    if array.isMissing { return array }
    var total = 0
    for object in array.elements { total += object.isObject ? object.count : 0 }
    guard mayBuild(total * 8) else { return .failure }
    let members = arena.pointee.members(total)
    var count = 0
    var places: [[UInt8]: Int] = [:]
    for object in array.elements where object.isObject {
      for member in object.members {
        guard step() else { return .failure }
        if let place = place(of: member.key, members, count, &places) {
          members[place].value = member.value
        } else {
          if !places.isEmpty { places[Array(member.key.bytes)] = count }
          members[count] = member
          count += 1
        }
      }
    }
    return Value.object(members, count: count).with(Value.fresh)
  }

  /// Where a key stands among members: searched for while they are few, from a table
  /// when they get many.
  private func place(
    of key: Value, _ members: UnsafeMutablePointer<Member>, _ count: Int, _ places: inout [[UInt8]: Int]
  ) -> Int? {
    if count < 32 {
      for index in 0..<count where members[index].key.sameText(key) { return index }
      return nil
    }
    if places.isEmpty {
      for index in 0..<count { places[Array(members[index].key.bytes)] = index }
    }
    return places[Array(key.bytes)]
  }

  mutating func each(_ object: Value, _ function: Value) -> Value {
    guard object.isObject else { return .missing }
    let arity = arity(function)
    let base = top
    for member in object.members {
      let result = callback(function, arity: arity, member.value, member.key, object)
      if result.isFailure {
        top = base
        return result
      }
      if !result.isMissing { push(result) }
    }
    return popSequence(from: base)
  }

  mutating func sift(_ object: Value, _ function: Value) -> Value {
    guard object.isObject, function.isFunction else { return .missing }
    let arity = arity(function)
    let members = arena.pointee.members(object.count)
    var count = 0
    for member in object.members {
      switch truth(callback(function, arity: arity, member.value, member.key, object)) {
      case .failed: return .failure
      case .yes:
        members[count] = member
        count += 1
      case .no, .missing: break
      }
    }
    return count == 0 ? .missing : Value.object(members, count: count).with(Value.fresh)
  }

  func type(_ value: Value) -> Value {
    switch value.kind {
    case .missing, .failure, .unbound, .tail: .missing
    case .null: .string("null")
    case .true, .false: .string("boolean")
    case .integer, .double, .numeral: .string("number")
    case .string: .string("string")
    case .array: .string("array")
    case .object: .string("object")
    case .function: .string("function")
    }
  }

  // MARK: Higher order

  mutating func map(_ array: Value, _ function: Value) -> Value {
    if array.isMissing { return array }
    let arity = arity(function)
    let base = top
    for (index, element) in array.elements.enumerated() {
      let result = callback(function, arity: arity, element, .integer(Int64(index)), array)
      if result.isFailure || !step() {
        top = base
        return .failure
      }
      if !result.isMissing { push(result) }
    }
    return popSequence(from: base)
  }

  mutating func filter(_ array: Value, _ function: Value) -> Value {
    if array.isMissing { return array }
    let arity = arity(function)
    let base = top
    for (index, element) in array.elements.enumerated() {
      switch truth(callback(function, arity: arity, element, .integer(Int64(index)), array)) {
      case .failed:
        top = base
        return .failure
      case .yes: push(element)
      case .no, .missing: break
      }
      guard step() else {
        top = base
        return .failure
      }
    }
    return popSequence(from: base)
  }

  mutating func single(_ array: Value, _ function: Value) -> Value {
    if array.isMissing { return array }
    let arity = function.isFunction ? arity(function) : 0
    var found: Value?
    for (index, element) in array.elements.enumerated() {
      var matches = true
      if function.isFunction {
        let truth = truth(callback(function, arity: arity, element, .integer(Int64(index)), array))
        if truth == .failed || !step() { return .failure }
        matches = truth == .yes
      }
      if matches {
        if found != nil { return fail(.d3138, index: index) }
        found = element
      }
    }
    return found ?? fail(.d3139)
  }

  mutating func reduce(_ sequence: Value, _ function: Value, _ start: Value) -> Value {
    if sequence.isMissing { return sequence }
    let arity = arity(function)
    guard arity >= 2 else { return fail(.d3050, index: 1) }
    var result = start
    var index = 0
    if start.isMissing && sequence.count > 0 {
      result = sequence.elements[0]
      index = 1
    }
    while index < sequence.count {
      push(result)
      push(sequence.elements[index])
      if arity >= 3 { push(.integer(Int64(index))) }
      if arity >= 4 { push(sequence) }
      result = callback(function, min(arity, 4))
      if result.isFailure || !step() { return .failure }
      index += 1
    }
    return result
  }
}
