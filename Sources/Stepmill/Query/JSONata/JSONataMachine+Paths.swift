import CIntrinsics

// Paths: a list of items is taken from step to step.
//
// Between steps the items lie on the evaluator's stack; only the result of the last step
// is copied to the arena, and a single item not even that. Steps that bind something
// (`@`, `#`, or a `%` that means their items) turn the list into rows: an item and the
// bindings that led to it. See `JSONataMachine+Tuples.swift`.

extension JSONataMachine {
  @inline(never)
  mutating func path(_ path: JSONataProgram.Path, _ input: Value) -> Value {
    let base = top
    // The items of the current step: elements of an array, or what lies on the stack.
    var items = input.isArray && !path.startsWithVariable ? input : Value.missing
    var onStack = false
    if items.isMissing {
      push(input)
      onStack = true
    }
    var result = Value.missing
    let steps = program.pointee.steps + Int(path.steps)
    let last = Int(path.stepCount) - 1
    for index in 0...last {
      let step = steps + index
      if step.pointee.tuple {
        let list = onStack ? popSequence(from: base) : items
        top = base
        if list.isFailure { return list }
        return tuplePath(path, from: index, list)
      }
      if index == 0 && step.pointee.constructed {
        let list = onStack ? popSequence(from: base) : items
        result = list.isFailure ? list : evaluate(step.pointee.node, list)
        top = base
        if result.isFailure { return result }
        if result.isMissing || result.count == 0 { break }
        (items, onStack) = (result, false)
        continue
      }
      if step.pointee.terms >= 0 {
        let list = onStack ? popSequence(from: base) : items
        top = base
        result = list.isFailure ? list : sort(step, list)
        for stage in 0..<Int(step.pointee.stageCount) where !result.isFailure {
          result = filter(program.pointee.stages[Int(step.pointee.stages) + stage], result)
        }
        if result.isFailure { return result }
        if !result.isArray {
          push(result)
          result = popSequence(from: base)
          if result.isFailure { return result }
        }
        if result.count == 0 { break }
        (items, onStack) = (result, false)
        continue
      }
      let whole = self.step(step, base: base, items: items, onStack: onStack, isLast: index == last)
      if whole.isFailure {
        top = base
        return whole
      }
      if whole.isArray {
        (result, items, onStack) = (whole, whole, false)
        top = base
        if whole.count == 0 { break }
      } else {
        (result, onStack) = (.missing, true)
        if top == base { break }
      }
    }
    if onStack {
      // The usual end: no array has to be made of one item that stands for itself.
      if !path.keepSingleton && path.group < 0 {
        let count = top - base
        if count == 0 {
          top = base
          return .missing
        }
        if count == 1 {
          top = base
          return stack(base)
        }
      }
      result = popSequence(from: base)
      if result.isFailure { return result }
    }
    top = base
    return finish(path, result)
  }

  /// The rules for the end of a path: arrays to be kept, and grouping.
  mutating func finish(_ path: JSONataProgram.Path, _ value: Value) -> Value {
    var result = value
    if path.keepSingleton {
      if result.isArray && result.has(Value.constructed) && !result.has(Value.sequence) {
        push(result)
        result = popSequence(from: top - 1)
        if result.isFailure { return result }
      }
      if result.isArray { result.head |= Value.keepSingleton }
    }
    if path.group >= 0 { return group(program.pointee.groups[Int(path.group)], result) }
    return result
  }

  /// Evaluates a step for each item; the results take the items' place on the stack from
  /// `base` on. If the last step has exactly one result and that is an array from the
  /// data, this is returned instead.
  @inline(never)
  private mutating func step(
    _ step: UnsafeMutablePointer<JSONataProgram.Step>, base: Int, items: Value, onStack: Bool, isLast: Bool
  ) -> Value {
    let count = onStack ? top - base : items.count
    let start = top
    var results = 0
    var only = Value.missing
    for index in 0..<count {
      let item = onStack ? stack(base + index) : items.elements[index]
      var value: Value
      if step.pointee.key >= 0 && !item.isArray {
        value = item.isObject ? item.field(constants[Int(step.pointee.key)]) : .missing
        if !self.step() { return .failure }
        if value.head & Value.sequence != 0 { value = Self.collapseSequence(value) }
      } else if step.pointee.key == JSONataProgram.Step.itself && !item.isArray {
        value = item
        if !self.step() { return .failure }
      } else {
        value = evaluate(step.pointee.node, item)
        if value.isFailure { return value }
      }
      for stage in 0..<Int(step.pointee.stageCount) {
        value = filter(program.pointee.stages[Int(step.pointee.stages) + stage], value)
        if value.isFailure { return value }
      }
      if value.isMissing { continue }
      results &+= 1
      only = value
      if value.isArray && !value.has(Value.constructed) {
        push(contentsOf: value)
      } else {
        push(value)
      }
    }
    if isLast && results == 1 && only.isArray && !only.has(Value.sequence) { return only }
    // The results move down over the items.
    let length = top - start
    if start != base {
      let values = scratch.pointee.values
      (values + base).update(from: values + start, count: length)
    }
    top = base + length
    return .missing
  }

  // MARK: Predicates

  /// The items of a value that a predicate lets pass: a sequence, or one item that stands
  /// for itself.
  @inline(never)
  mutating func filter(_ stage: JSONataProgram.Stage, _ value: Value) -> Value {
    if value.isArray && value.has(Value.tuples) { return filterRows(stage, value) }
    let count = value.isArray ? value.count : 1
    if stage.isIndex {
      let index = stage.literal < 0 ? stage.literal &+ Int64(count) : stage.literal
      guard index >= 0 && index < Int64(count) else { return .emptySequence }
      let item = value.isArray ? value.elements[Int(index)] : value
      return item.isMissing ? .emptySequence : item
    }
    let base = top
    for index in 0..<count {
      let item = value.isArray ? value.elements[index] : value
      let result = evaluate(stage.node, item)
      switch passes(result, index, count) {
      case 0: break
      case -1:
        top = base
        return .failure
      case let times: for _ in 0..<times { push(item) }
      }
    }
    if top - base == 1 {
      let item = stack(base)
      if !item.isArray {
        top = base
        return item
      }
    }
    return popSequence(from: base)
  }

  /// How often an item passes, given its predicate's value; -1 if that failed.
  mutating func passes(_ result: Value, _ index: Int, _ count: Int) -> Int {
    switch result.kind {
    case .failure: return -1
    case .true: return 1
    case .false: return 0
    case .integer: return Self.position(result, count) == index ? 1 : 0
    case .double, .numeral:
      if result.number.isInfinite { return fail(.d1001, value: result).isFailure ? -1 : 0 }
      return Self.position(result, count) == index ? 1 : 0
    case .array where result.count > 0 && result.elements.allSatisfy(\.isNumber):
      var times = 0
      for element in result.elements where Self.position(element, count) == index { times += 1 }
      return times
    default:
      switch truth(result) {
      case .yes: return 1
      case .failed: return -1
      default: return 0
      }
    }
  }

  private static func position(_ number: Value, _ count: Int) -> Int {
    let index =
      number.kind == .integer
      ? Int(number.integerValue) : Int(max(min(number.number.rounded(.down), 4e18), -4e18))
    return index < 0 ? index &+ count : index
  }

  // MARK: Names

  /// The member `key` of an object, or of each object in an array.
  mutating func lookup(_ input: Value, _ key: Value) -> Value {
    guard input.isArray else { return input.member(key) }
    let base = top
    guard lookupAll(input, key) else {
      top = base
      return .failure
    }
    return popSequence(from: base)
  }

  private mutating func lookupAll(_ array: Value, _ key: Value) -> Bool {
    guard stepmill_frame_address() > stackLimit else {
      _ = fail(.d1011)
      return false
    }
    for element in array.elements {
      guard step() else { return false }
      if element.isArray {
        guard lookupAll(element, key) else { return false }
        continue
      }
      let value = element.member(key)
      if value.isArray {
        push(contentsOf: value)
      } else if !value.isMissing {
        push(value)
      }
    }
    return true
  }

  @inline(never)
  mutating func wildcard(_ start: Value) -> Value {
    let input = start.isArray && start.has(Value.outerWrapper) && start.count > 0 ? start.elements[0] : start
    guard input.isContainer else { return .missing }
    let base = top
    var flags = Value.sequence
    for index in 0..<input.count {
      let value = input.isArray ? input.elements[index] : input.members[index].value
      if value.isArray {
        // The reference loses the mark of a sequence here.
        flags = 0
        guard flatten(value) else {
          top = base
          return .failure
        }
      } else {
        push(value)
      }
    }
    return popArray(from: base, flags: flags)
  }

  private mutating func flatten(_ array: Value) -> Bool {
    guard stepmill_frame_address() > stackLimit else {
      _ = fail(.d1011)
      return false
    }
    for element in array.elements {
      guard step() else { return false }
      if element.isArray {
        guard flatten(element) else { return false }
      } else {
        push(element)
      }
    }
    return true
  }

  @inline(never)
  mutating func descendants(_ input: Value) -> Value {
    if input.isMissing { return .missing }
    let base = top
    guard descend(input) else {
      top = base
      return .failure
    }
    if top - base == 1 {
      top = base
      return stack(base)
    }
    return popSequence(from: base)
  }

  private mutating func descend(_ value: Value) -> Bool {
    guard stepmill_frame_address() > stackLimit else {
      _ = fail(.d1011)
      return false
    }
    guard step() else { return false }
    if value.isArray {
      for element in value.elements where !descend(element) { return false }
      return true
    }
    push(value)
    if value.isObject {
      for member in value.members where !descend(member.value) { return false }
    }
    return true
  }

  // MARK: Sorting

  /// Sorts items (or rows) by the terms of a step.
  @inline(never)
  mutating func sort(_ step: UnsafeMutablePointer<JSONataProgram.Step>, _ list: Value) -> Value {
    let count = list.count
    if count <= 1 { return list }
    let terms = program.pointee.terms + Int(step.pointee.terms)
    let termCount = Int(step.pointee.termCount)
    // Every key once at most, and not before it is asked for.
    let base = top
    for _ in 0..<(count * termCount) { push(.unbound) }
    var failed = false
    let order = mergeSorted(count) { machine, a, b in
      for term in 0..<termCount {
        let left = machine.sortKey(list, a, terms[term].node, base + a * termCount + term)
        let right = machine.sortKey(list, b, terms[term].node, base + b * termCount + term)
        if left.isFailure || right.isFailure {
          failed = true
          return false
        }
        let comparison = machine.sortOrder(left, right, terms[term].descending, Int(step.pointee.position))
        if comparison == 2 {
          failed = true
          return false
        }
        if comparison != 0 { return comparison > 0 }
      }
      return false
    }
    top = base
    guard let order, !failed else { return .failure }
    for index in 0..<count { push(list.elements[Int(order[index])]) }
    return popArray(from: base, flags: list.head & Value.tuples)
  }

  private mutating func sortKey(_ list: Value, _ index: Int, _ term: Int32, _ place: Int) -> Value {
    let known = stack(place)
    if known.kind != .unbound { return known }
    let item = list.elements[index]
    let isRow = list.has(Value.tuples)
    if isRow { bindRow(item) }
    let key = evaluate(term, isRow ? item.elements[0] : item)
    setStack(place, key)
    return key
  }

  /// -1, 0 or 1; 2 if the values cannot be compared.
  private mutating func sortOrder(_ left: Value, _ right: Value, _ descending: Bool, _ position: Int) -> Int {
    if left.isMissing { return right.isMissing ? 0 : 1 }
    if right.isMissing { return -1 }
    let comparison: Int
    if left.isNumber && right.isNumber {
      let a = left.number
      let b = right.number
      comparison = a == b ? 0 : a < b ? -1 : 1
    } else if left.isString && right.isString {
      comparison = Self.compare(left, right)
    } else {
      let scalar = (left.isNumber || left.isString) && (right.isNumber || right.isString)
      let odd = left.isNumber || left.isString ? right : left
      _ = scalar ? fail(.t2007, value: left, value2: right) : fail(.t2008, value: odd)
      error?.position = position
      return 2
    }
    return descending ? -comparison : comparison
  }

  /// A stable order of `count` things, given whether one must stand behind another. Nil
  /// if comparing failed.
  mutating func mergeSorted(
    _ count: Int, _ isBehind: (inout JSONataMachine, Int, Int) -> Bool
  ) -> UnsafeMutablePointer<Int32>? {
    guard mayBuild(count &* 8) else { return nil }
    let order = arena.pointee.allocate(count &* 8).bindMemory(to: Int32.self, capacity: 2 &* count)
    for index in 0..<count { order[index] = Int32(truncatingIfNeeded: index) }
    guard mergeSort(order, order + count, 0, count, isBehind), error == nil else { return nil }
    return order
  }

  private mutating func mergeSort(
    _ order: UnsafeMutablePointer<Int32>, _ other: UnsafeMutablePointer<Int32>, _ start: Int, _ end: Int,
    _ isBehind: (inout JSONataMachine, Int, Int) -> Bool
  ) -> Bool {
    guard end - start > 1 else { return true }
    let middle = start + (end - start) / 2
    guard mergeSort(order, other, start, middle, isBehind), mergeSort(order, other, middle, end, isBehind)
    else { return false }
    var a = start
    var b = middle
    for target in start..<end {
      if a < middle && b < end {
        guard step() else { return false }
        let swaps = isBehind(&self, Int(order[a]), Int(order[b]))
        if error != nil { return false }
        if swaps {
          other[target] = order[b]
          b += 1
        } else {
          other[target] = order[a]
          a += 1
        }
      } else if a < middle {
        other[target] = order[a]
        a += 1
      } else {
        other[target] = order[b]
        b += 1
      }
    }
    for index in start..<end { order[index] = other[index] }
    return true
  }
}
