#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Conditions. A relation first resolves both sides to values (an absent one is `missing`,
// which equals nothing), then compares them by the library's rules.

extension PathEvaluator {
  /// Whether the condition with this number holds for `candidate`.
  mutating func holds(
    _ number: Int, for candidate: Value, at operation: UnsafePointer<PathOperation>
  ) -> Bool {
    visits &-= 1
    if _slowPath(visits < 0) { fail(.tooManySteps, operation, .missing) }
    if stop != nil { return false }
    let condition = UnsafePointer(conditions + number)
    switch condition.pointee.kind {
    case .or:
      return holds(Int(condition.pointee.left), for: candidate, at: operation)
        || holds(Int(condition.pointee.right), for: candidate, at: operation)
    case .and:
      return holds(Int(condition.pointee.left), for: candidate, at: operation)
        && holds(Int(condition.pointee.right), for: candidate, at: operation)
    case .not:
      return !holds(Int(condition.pointee.left), for: candidate, at: operation)
    case .exists:
      return exists(condition.pointee.a, for: candidate)
    case .relation:
      return relates(condition, for: candidate, at: operation)
    }
  }

  /// Existence is asked with all properties required, and, by an oddity of the library, of
  /// the candidate even where the path starts with `$`.
  private mutating func exists(_ input: PathInput, for candidate: Value) -> Bool {
    if input.isPlain { return !lookUp(operations + input.index, from: candidate).isMissing }
    var inner = PathEvaluator(inside: self, options: .requireProperties)
    let result = inner.evaluate(operations + input.index, isDefinite: input.isDefinite, from: candidate)
    visits = inner.visits
    switch result {
    case .found:
      return true
    case .missing:
      return false
    case .failure(let failure):
      stop = .failure(failure)
      return false
    }
  }

  /// The value of a path or literal; `missing` for a path that leads nowhere.
  mutating func resolve(_ input: PathInput, for candidate: Value) -> Value {
    guard input.kind == .path else { return input.literal }
    let start = input.isFromRoot ? document : candidate
    let inherited = options.intersection([.leafToNull, .requireProperties])
    if input.isPlain && inherited.isEmpty { return lookUp(operations + input.index, from: start) }
    var inner = PathEvaluator(inside: self, options: inherited)
    let result = inner.evaluate(operations + input.index, isDefinite: input.isDefinite, from: start)
    visits = inner.visits
    switch result {
    case .found(let value):
      return value
    case .missing:
      return .missing
    case .failure(let failure):
      stop = .failure(failure)
      return .missing
    }
  }

  /// Follows properties and indices only.
  @inline(__always)
  private func lookUp(_ first: UnsafePointer<PathOperation>, from start: Value) -> Value {
    var operation = first
    var value = start
    while operation.pointee.kind != .end {
      if operation.pointee.kind == .property {
        value = value.member(operation.pointee.name)
      } else {
        guard value.isArray else { return .missing }
        let index = operation.pointee.from < 0 ? operation.pointee.from &+ value.count : operation.pointee.from
        guard index >= 0, index < value.count else { return .missing }
        value = value.elements[index]
      }
      if value.isMissing { return value }
      operation += 1
    }
    return value
  }

  // MARK: Relations

  private mutating func relates(
    _ condition: UnsafePointer<PathCondition>, for candidate: Value,
    at operation: UnsafePointer<PathOperation>
  ) -> Bool {
    let relation = condition.pointee.relation
    if condition.pointee.a.kind == .pattern || condition.pointee.b.kind == .pattern {
      return relation == .notEqual || relation == .notIdentical
        || relation == .matches && matches(condition, for: candidate, at: operation)
    }
    let left = resolve(condition.pointee.a, for: candidate)
    let right = resolve(condition.pointee.b, for: candidate)
    if stop != nil { return false }
    switch relation {
    case .equal: return equal(left, right)
    case .notEqual: return !equal(left, right)
    case .identical: return identical(left, right)
    case .notIdentical: return !identical(left, right)
    case .less: return order(left, right).map { $0 < 0 } ?? false
    case .lessOrEqual: return order(left, right).map { $0 <= 0 } ?? false
    case .greater: return order(left, right).map { $0 > 0 } ?? false
    case .greaterOrEqual: return order(left, right).map { $0 >= 0 } ?? false
    case .in: return right.isArray && holdsElement(right, equalTo: left)
    case .notIn: return !(right.isArray && holdsElement(right, equalTo: left))
    case .contains: return contains(left, right)
    case .all: return left.isArray && right.isArray && elements(of: right, in: left) == right.count
    case .subsetOf: return left.isArray && right.isArray && elements(of: left, in: right) == left.count
    case .anyOf: return left.isArray && right.isArray && elements(of: left, in: right) > 0
    case .noneOf: return left.isArray && right.isArray && elements(of: left, in: right) == 0
    case .size: return right.isNumber && PathNumber.double(right) == size(left)
    case .empty: return isEmpty(left, right, at: operation)
    case .matches, .type: return false
    }
  }

  /// Equality as `==` sees it: the left side's kind decides how a number and a string meet.
  private mutating func equal(_ left: Value, _ right: Value) -> Bool {
    if left.isNumber {
      if right.isNumber { return PathNumber.compare(left, right) == 0 }
      return right.isString && Double(right.text) == PathNumber.double(left)
    }
    if left.isString {
      if right.isString { return left.sameText(right) }
      return right.isNumber && left.text == PathNumber.text(right)
    }
    return !left.isMissing && deepEqual(left, right)
  }

  private mutating func identical(_ left: Value, _ right: Value) -> Bool {
    let sameKind =
      left.isNumber && right.isNumber || left.isString && right.isString || left.isBool && right.isBool
      || left.isNull && right.isNull || left.isContainer && right.isContainer
    return sameKind && equal(left, right)
  }

  /// Equality inside of arrays and objects, where a string is never a number. The order of
  /// an object's members does not count.
  private mutating func deepEqual(_ left: Value, _ right: Value) -> Bool {
    visits &-= 1
    if visits < 0 { return false }
    if left.isNumber { return right.isNumber && PathNumber.compare(left, right) == 0 }
    guard left.tag == right.tag else { return false }
    switch left.tag {
    case .string:
      return left.sameText(right)
    case .array:
      guard left.count == right.count else { return false }
      for index in 0..<left.count where !deepEqual(left.elements[index], right.elements[index]) {
        return false
      }
      return true
    case .object:
      guard left.count == right.count else { return false }
      for member in left.members {
        visits &-= left.count
        if visits < 0 { return false }
        let other = right.member(member.key)
        if other.isMissing || !deepEqual(member.value, other) { return false }
      }
      return true
    default:
      return true
    }
  }

  /// How two numbers or two strings compare; nil for anything else.
  private func order(_ left: Value, _ right: Value) -> Int? {
    if left.isNumber && right.isNumber { return PathNumber.compare(left, right) }
    guard left.isString && right.isString else { return nil }
    // By UTF-16 units, as Java does: that puts U+E000...U+FFFF behind the other planes.
    let a = left.bytes
    let b = right.bytes
    for index in 0..<min(a.count, b.count) where a[index] != b[index] {
      return Self.rank(a[index]) < Self.rank(b[index]) ? -1 : 1
    }
    return a.count - b.count
  }

  private static func rank(_ byte: UInt8) -> UInt8 {
    byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte
  }

  private mutating func holdsElement(_ list: Value, equalTo value: Value) -> Bool {
    visits &-= list.count
    for element in list.elements where equal(value, element) { return true }
    return false
  }

  /// How many elements of one list are in the other one; stops counting at the budget's end.
  private mutating func elements(of list: Value, in other: Value) -> Int {
    var found = 0
    for element in list.elements {
      if visits < 0 { break }
      if holdsElement(other, equalTo: element) { found += 1 }
    }
    return found
  }

  private mutating func contains(_ left: Value, _ right: Value) -> Bool {
    if left.isArray { return holdsElement(left, equalTo: right) }
    guard left.isString && right.isString else { return false }
    if right.count == 0 { return true }
    var start = 0
    while start &+ right.count <= left.count, visits >= 0 {
      let rest = left.count &- right.count &- start &+ 1
      guard let hit = memchr(left.address + start, Int32(right.bytes[0]), rest) else { return false }
      if memcmp(hit, right.address, right.count) == 0 { return true }
      visits &-= 1 &+ right.count / 64
      start = UnsafeRawPointer(hit) - left.address &+ 1
    }
    return false
  }

  private func size(_ value: Value) -> Double {
    switch value.tag {
    case .string: Double(value.text.utf16.count)
    case .array: Double(value.count)
    default: -1
    }
  }

  private mutating func isEmpty(
    _ left: Value, _ right: Value, at operation: UnsafePointer<PathOperation>
  ) -> Bool {
    if left.isObject {
      fail(.emptinessOfObject, operation, left)
      return false
    }
    guard left.isString || left.isArray, right.isBool else { return false }
    return (left.count == 0) == (right.tag == .true)
  }

  // MARK: Patterns

  private mutating func matches(
    _ condition: UnsafePointer<PathCondition>, for candidate: Value,
    at operation: UnsafePointer<PathOperation>
  ) -> Bool {
    let left = condition.pointee.a
    let right = condition.pointee.b
    if left.kind == .pattern && right.kind == .pattern { return false }
    let pattern = left.kind == .pattern ? left.index : right.index
    let value = resolve(left.kind == .pattern ? right : left, for: candidate)
    if stop != nil { return false }
    guard value.isArray else { return matches(pattern, value, at: operation) }
    for element in value.elements {
      if matches(pattern, element, at: operation) { return true }
      if stop != nil { return false }
    }
    return false
  }

  /// The whole text of a scalar matches; null, objects and absent values count as empty.
  private mutating func matches(
    _ pattern: Int, _ value: Value, at operation: UnsafePointer<PathOperation>
  ) -> Bool {
    let granted = min(visits, PathLimits.patternStepsMax)
    var steps = granted
    let outcome: RegularExpression.Outcome
    if value.isString {
      outcome = match(pattern, value.bytes, steps: &steps)
    } else {
      var text =
        value.isNumber
        ? PathNumber.text(value) : value.tag == .true ? "true" : value.tag == .false ? "false" : ""
      outcome = text.withUTF8 { match(pattern, UnsafeRawBufferPointer($0), steps: &steps) }
    }
    visits &-= granted &- steps
    if outcome == .outOfSteps { fail(.tooManySteps, operation, .missing) }
    return outcome == .match
  }

  private func match(
    _ pattern: Int, _ input: UnsafeRawBufferPointer, steps: inout Int
  ) -> RegularExpression.Outcome {
    program._withUnsafeGuaranteedRef { $0.patterns[pattern].matchesWhole(input, steps: &steps) }
  }
}
