import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a value counts as where a condition is expected.
enum JSONataTruth {
  case yes, no, missing, failed
}

extension JSONataMachine {
  private static func symbol(_ operation: JSONataProgram.Operation) -> String {
    switch operation {
    case .add: "+"
    case .subtract, .negate: "-"
    case .multiply: "*"
    case .divide: "/"
    case .remainder: "%"
    case .equal: "="
    case .notEqual: "!="
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    case .contained: "in"
    case .and: "and"
    case .or: "or"
    case .concatenate: "&"
    default: ""
    }
  }

  // MARK: Numbers

  @inline(never)
  mutating func arithmetic(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    if left.kind == .integer && right.kind == .integer {
      let a = left.integerValue
      let b = right.integerValue
      switch node.pointee.operation {
      case .add:
        let (sum, overflow) = a.addingReportingOverflow(b)
        if !overflow { return .integer(sum) }
      case .subtract:
        let (difference, overflow) = a.subtractingReportingOverflow(b)
        if !overflow { return .integer(difference) }
      case .multiply:
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        if !overflow { return .integer(product) }
      case .divide:
        if b != 0 && b != -1 && a % b == 0 { return .integer(a / b) }
      default:
        if b != 0 && b != -1 { return .integer(a % b) }
      }
    }
    let isFast =
      left.kind.rawValue &- Value.Kind.integer.rawValue < 2
      && right.kind.rawValue &- Value.Kind.integer.rawValue < 2 && node.pointee.operation != .remainder
    guard _fastPath(isFast) else { return slowArithmetic(node, left, right) }
    let a = left.kind == .integer ? Double(left.integerValue) : left.doubleBits
    let b = right.kind == .integer ? Double(right.integerValue) : right.doubleBits
    guard _fastPath(a.isFinite && b.isFinite) else { return slowArithmetic(node, left, right) }
    switch node.pointee.operation {
    case .add: return .jsonataNumber(a + b)
    case .subtract: return .jsonataNumber(a - b)
    case .multiply: return .jsonataNumber(a * b)
    default: return .jsonataNumber(a / b)
    }
  }

  @inline(never)
  private mutating func slowArithmetic(
    _ node: UnsafeMutablePointer<Node>, _ left: Value, _ right: Value
  ) -> Value {
    let operation = node.pointee.operation
    switch numeric(left) {
    case .no: return fail(.t2001, node, token: Self.symbol(operation), value: left)
    case .failed: return outOfRange(node, left)
    default: break
    }
    switch numeric(right) {
    case .no: return fail(.t2002, node, token: Self.symbol(operation), value: right)
    case .failed: return outOfRange(node, right)
    default: break
    }
    if left.isMissing || right.isMissing { return .missing }
    let a = left.number
    let b = right.number
    switch operation {
    case .add: return .jsonataNumber(a + b)
    case .subtract: return .jsonataNumber(a - b)
    case .multiply: return .jsonataNumber(a * b)
    case .divide: return .jsonataNumber(a / b)
    default: return .jsonataNumber(fmod(a, b))
    }
  }

  private mutating func outOfRange(_ node: UnsafeMutablePointer<Node>, _ value: Value) -> Value {
    fail(.d1001, node, token: Self.symbol(node.pointee.operation), value: value)
  }

  /// Whether a value is a number that can be calculated with; `failed` for infinities.
  private func numeric(_ value: Value) -> JSONataTruth {
    switch value.kind {
    case .missing: .missing
    case .integer: .yes
    case .double, .numeral: value.number.isNaN ? .no : value.number.isInfinite ? .failed : .yes
    default: .no
    }
  }

  @inline(never)
  mutating func negate(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let value = evaluate(node.pointee.a, input)
    switch value.kind {
    case .failure, .missing: return value
    case .integer, .double, .numeral: return value.jsonataNegated
    default: return fail(.d1002, node, token: "-", value: value)
    }
  }

  // MARK: Comparison

  @inline(never)
  mutating func equality(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    if left.isMissing || right.isMissing { return .false }
    let equal =
      left.isString && right.isString ? left.sameText(right) : areEqual(left, right, level: 0)
    return .bool(equal == (node.pointee.operation == .equal))
  }

  /// Deep equality, whatever the order of members.
  func areEqual(_ left: Value, _ right: Value, level: Int) -> Bool {
    switch left.kind {
    case .integer where right.kind == .integer: return left.integerValue == right.integerValue
    case .integer, .double, .numeral: return right.isNumber && left.number == right.number
    case .string: return right.isString && left.sameText(right)
    case .array:
      guard right.isArray, left.count == right.count, level < 1000 else { return false }
      if left.payload == right.payload { return true }
      for index in 0..<left.count
      where !areEqual(left.elements[index], right.elements[index], level: level + 1) {
        return false
      }
      return true
    case .object:
      guard right.isObject, left.count == right.count, level < 1000 else { return false }
      if left.payload == right.payload { return true }
      for member in left.members {
        let other = right.member(member.key)
        if other.isMissing || !areEqual(member.value, other, level: level + 1) { return false }
      }
      return true
    case .function: return left.head == right.head && left.payload == right.payload
    default: return left.kind == right.kind
    }
  }

  @inline(never)
  mutating func comparison(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    let order: Int
    if left.kind == .integer && right.kind == .integer {
      order = left.integerValue < right.integerValue ? -1 : left.integerValue == right.integerValue ? 0 : 1
    } else if left.isNumber && right.isNumber {
      let a = left.number
      let b = right.number
      if a.isNaN || b.isNaN { return .false }
      order = a < b ? -1 : a == b ? 0 : 1
    } else if left.isString && right.isString {
      order = Self.compare(left, right)
    } else {
      return incomparable(node, left, right)
    }
    switch node.pointee.operation {
    case .less: return .bool(order < 0)
    case .lessOrEqual: return .bool(order <= 0)
    case .greater: return .bool(order > 0)
    default: return .bool(order >= 0)
    }
  }

  @inline(never)
  private mutating func incomparable(
    _ node: UnsafeMutablePointer<Node>, _ left: Value, _ right: Value
  ) -> Value {
    let token = Self.symbol(node.pointee.operation)
    for value in [left, right] where !(value.isMissing || value.isString || value.isNumber) {
      return fail(.t2010, node, token: token, value: value)
    }
    if left.isMissing || right.isMissing { return .missing }
    return fail(.t2009, node, token: token, value: left, value2: right)
  }

  /// The order of two texts by their UTF-16 units.
  static func compare(_ left: Value, _ right: Value) -> Int {
    let a = left.bytes
    let b = right.bytes
    let common = min(a.count, b.count)
    for index in 0..<common where a[index] != b[index] {
      // UTF-8 orders by code point. UTF-16 puts pairs of surrogates before U+E000.
      let x = a[index]
      let y = b[index]
      if (x >= 0xF0) != (y >= 0xF0) && min(x, y) >= 0xEE { return x >= 0xF0 ? -1 : 1 }
      return x < y ? -1 : 1
    }
    return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
  }

  @inline(never)
  mutating func contained(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    if left.isMissing || right.isMissing { return .false }
    guard right.isArray else { return .bool(isSame(left, right)) }
    for element in right.elements where isSame(left, element) { return .true }
    return .false
  }

  /// JavaScript's identity: scalars by value, the rest by being the same thing.
  private func isSame(_ left: Value, _ right: Value) -> Bool {
    left.isContainer
      ? left.kind == right.kind && left.payload == right.payload && left.count == right.count
        && left.count > 0
      : areEqual(left, right, level: 0)
  }

  // MARK: Truth

  mutating func truth(_ value: Value) -> JSONataTruth {
    switch value.kind {
    case .true: return .yes
    case .false, .null, .function: return .no
    case .missing, .unbound, .tail: return .missing
    case .failure: return .failed
    case .integer: return value.integerValue != 0 ? .yes : .no
    case .double, .numeral:
      let number = value.number
      if number.isInfinite {
        _ = fail(.d1001, value: value)
        return .failed
      }
      return number != 0 && !number.isNaN ? .yes : .no
    case .string, .object: return value.count > 0 ? .yes : .no
    case .array: return arrayTruth(value)
    }
  }

  @inline(never)
  private mutating func arrayTruth(_ array: Value) -> JSONataTruth {
    guard stepmill_frame_address() > stackLimit else {
      _ = fail(.d1011)
      return .failed
    }
    for element in array.elements {
      let result = truth(element)
      if result == .yes || result == .failed { return result }
    }
    return .no
  }

  @inline(never)
  mutating func junction(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let isAnd = node.pointee.operation == .and
    let left = truth(evaluate(node.pointee.a, input))
    if left == .failed { return .failure }
    if (left == .yes) != isAnd { return .bool(!isAnd) }
    let right = truth(evaluate(node.pointee.b, input))
    if right == .failed { return .failure }
    return .bool(right == .yes)
  }

  // MARK: Texts

  @inline(never)
  mutating func concatenation(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let base = top
    let operands = lists + Int(node.pointee.a)
    let count = Int(node.pointee.b)
    var total = 0
    var plain = Value.plainText
    for index in 0..<count {
      let value = evaluate(operands[index], input)
      if value.isFailure {
        top = base
        return value
      }
      if value.isMissing { continue }
      let text = value.isString ? value : string(value, pretty: false)
      if text.isFailure {
        top = base
        error?.position = Int(operands[count + max(index - 1, 0)])
        error?.token = "&"
        return text
      }
      total &+= text.count
      plain &= text.head
      push(text)
    }
    let pieces = top - base
    top = base
    if total == 0 { return .emptyString }
    if pieces == 1 { return stack(base) }
    guard mayBuild(total) else { return .failure }
    let bytes = arena.pointee.allocate(total)
    var offset = 0
    for index in 0..<pieces {
      let piece = stack(base + index)
      memcpy(bytes + offset, piece.address, piece.count)
      offset &+= piece.count
    }
    if plain == 0 { total = Self.joinSurrogates(bytes, total) }
    return .string(bytes, count: total, plain: plain != 0)
  }

  /// Where one text ends with the first half of a pair and the next begins with the
  /// second, the two become one character.
  static func joinSurrogates(_ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    // The byte that a surrogate begins with.
    guard memchr(bytes, 0xED, count) != nil else { return count }
    let text = bytes.assumingMemoryBound(to: UInt8.self)
    var read = 0
    var write = 0
    while read < count {
      if count - read >= 6, text[read] == 0xED, text[read + 1] >= 0xA0, text[read + 1] < 0xB0,
        text[read + 3] == 0xED, text[read + 4] >= 0xB0
      {
        let buffer = UnsafeRawBufferPointer(start: bytes, count: count)
        let high = JSONataText.decode(buffer, read).scalar
        let low = JSONataText.decode(buffer, read + 3).scalar
        var joined: [UInt8] = []
        JSONataText.append(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), to: &joined)
        for byte in joined {
          text[write] = byte
          write += 1
        }
        read += 6
      } else {
        text[write] = text[read]
        write += 1
        read += 1
      }
    }
    return write
  }
}
