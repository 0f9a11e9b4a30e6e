// Choice: a chain of tests, each with a way on for yes and one for no.

extension Shard {
  /// Follows the tests from `start`; returns the exit taken, or -1 after a fault.
  @inline(__always)
  func decide(
    _ start: UInt32, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Int32 {
    var target = Int32(bitPattern: start)
    while target >= 0 {
      let test = tables.pointee.tests + Int(target)
      let variable = value(tables.pointee.paths + Int(test.pointee.path), data, fiber, tables)
      let holds: Bool
      if _fastPath(
        test.pointee.comparator == .numericEquals && !test.pointee.operandIsPath
          && variable.tag == .integer && test.pointee.operand.tag == .integer)
      {
        holds = variable.payload == test.pointee.operand.payload
      } else if _slowPath(variable.isMissing && test.pointee.comparator != .isPresent) {
        return missingInChoice(test.pointee.path, fiber, tables)
      } else if _slowPath(test.pointee.operandIsPath) {
        let path = UInt32(truncatingIfNeeded: test.pointee.operand.payload)
        let operand = value(tables.pointee.paths + Int(path), data, fiber, tables)
        if operand.isMissing { return missingInChoice(path, fiber, tables) }
        holds = compareDynamic(test.pointee.comparator, variable, operand)
      } else {
        holds = compare(test, variable)
      }
      target = holds ? test.pointee.onTrue : test.pointee.onFalse
    }
    let exit = ~target
    if _slowPath(exit == 0) {
      state.pointee.fault = runtimeFault(
        fiber, "Failed to transition out of the state. The state does not point to a next state.")
      return -1
    }
    return exit
  }

  @inline(never)
  private func missingInChoice(
    _ path: UInt32, _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> Int32 {
    let text = tables.pointee.constants[Int(tables.pointee.paths[Int(path)].text)].text
    state.pointee.fault = runtimeFault(
      fiber, "Invalid path '\(text)': The choice state's condition path references an invalid value.")
    return -1
  }

  /// A test against a constant.
  @inline(__always)
  private func compare(_ test: UnsafePointer<ChoiceTest>, _ variable: Value) -> Bool {
    let operand = test.pointee.operand
    switch test.pointee.comparator {
    case .stringEquals:
      return variable.isString && variable.sameText(operand)
    case .numericEquals, .numericLess, .numericGreater, .numericLessOrEqual, .numericGreaterOrEqual:
      return numbers(test.pointee.comparator, variable, operand)
    case .timestampEquals, .timestampLess, .timestampGreater, .timestampLessOrEqual, .timestampGreaterOrEqual:
      guard variable.isString, let instant = Timestamp.parse(variable.bytes) else { return false }
      let other = Timestamp(seconds: operand.integerValue, nanoseconds: test.pointee.nanoseconds)
      return order(test.pointee.comparator, instant, other)
    default:
      return texts(test.pointee.comparator, variable, operand)
    }
  }

  /// A test against another value of the data.
  @inline(never)
  private func compareDynamic(_ comparator: ComparatorCode, _ variable: Value, _ operand: Value) -> Bool {
    switch comparator {
    case .numericEquals, .numericLess, .numericGreater, .numericLessOrEqual, .numericGreaterOrEqual:
      return numbers(comparator, variable, operand)
    case .timestampEquals, .timestampLess, .timestampGreater, .timestampLessOrEqual, .timestampGreaterOrEqual:
      guard variable.isString, operand.isString, let a = Timestamp.parse(variable.bytes),
        let b = Timestamp.parse(operand.bytes)
      else { return false }
      return order(comparator, a, b)
    default:
      return texts(comparator, variable, operand)
    }
  }

  @inline(__always)
  private func numbers(_ comparator: ComparatorCode, _ a: Value, _ b: Value) -> Bool {
    guard a.isNumber, b.isNumber else { return false }
    if a.tag == .integer && b.tag == .integer {
      let (a, b) = (a.integerValue, b.integerValue)
      switch comparator {
      case .numericEquals: return a == b
      case .numericLess: return a < b
      case .numericGreater: return a > b
      case .numericLessOrEqual: return a <= b
      default: return a >= b
      }
    }
    let (x, y) = (a.asDouble, b.asDouble)
    switch comparator {
    case .numericEquals: return x == y
    case .numericLess: return x < y
    case .numericGreater: return x > y
    case .numericLessOrEqual: return x <= y
    default: return x >= y
    }
  }

  private func order(_ comparator: ComparatorCode, _ a: Timestamp, _ b: Timestamp) -> Bool {
    switch comparator {
    case .timestampEquals: a == b
    case .timestampLess: a < b
    case .timestampGreater: b < a
    case .timestampLessOrEqual: !(b < a)
    default: !(a < b)
    }
  }

  /// Strings, booleans and questions about the type.
  @inline(never)
  private func texts(_ comparator: ComparatorCode, _ a: Value, _ b: Value) -> Bool {
    switch comparator {
    case .isPresent: return !a.isMissing
    case .isNull: return a.isNull
    case .isNumeric: return a.isNumber
    case .isString: return a.isString
    case .isBoolean: return a.isBool
    case .isTimestamp: return a.isString && Timestamp.parse(a.bytes) != nil
    case .booleanEquals: return a.isBool && a.tag == b.tag
    case .stringEquals: return a.isString && b.isString && a.sameText(b)
    case .stringMatches: return a.isString && b.isString && WildcardPattern.matches(a.bytes, pattern: b.bytes)
    case .stringLess: return a.isString && b.isString && TextOrder.compare(a.bytes, b.bytes) < 0
    case .stringGreater: return a.isString && b.isString && TextOrder.compare(a.bytes, b.bytes) > 0
    case .stringLessOrEqual: return a.isString && b.isString && TextOrder.compare(a.bytes, b.bytes) <= 0
    case .stringGreaterOrEqual: return a.isString && b.isString && TextOrder.compare(a.bytes, b.bytes) >= 0
    default: return false
    }
  }

  /// A Choice with InputPath or OutputPath, or in JSONata; returns the next op, or nil after a fault.
  @inline(never)
  func choiceWithPaths(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt32? {
    if op.pointee.flags.contains(.jsonata) { return choose(fiber, op, tables) }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    fiber.pointee.previousEvent = fiber.pointee.enteredEvent
    var effective = frame.pointee.data
    if op.pointee.inputPath != 0 {
      effective = apply(op.pointee.inputPath, effective, fiber, tables)
      if effective.isMissing { return nil }
    }
    let exit = decide(op.pointee.a, effective, fiber, tables)
    if exit < 0 { return nil }
    var output = effective
    if op.pointee.outputPath != 0 {
      output = apply(op.pointee.outputPath, effective, fiber, tables)
      if output.isMissing { return nil }
    }
    guard leaveChoice(fiber, op, UInt32(exit), effective, output, tables) else { return nil }
    frame.pointee.data = output
    return tables.pointee.exits[Int(exit)].next
  }

  /// The Assign of a Choice's exit, and its event. False after a fault.
  @inline(never)
  func leaveChoice(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ exit: UInt32, _ effective: Value,
    _ output: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    fiber.pointee.previousEvent = fiber.pointee.enteredEvent
    let assign = tables.pointee.exits[Int(exit)].assign
    if assign != 0 {
      let values = evaluateAssign(assign, effective, fiber, tables)
      if values.isMissing { return false }
      commit(values, assign, fiber, tables)
    }
    if fiber.pointee.execution.pointee.isRecorded { recordExited(fiber, op, output, tables) }
    return true
  }
}

/// `StringMatches`: `*` stands for any text, a backslash takes the next character as it is.
enum WildcardPattern {
  static func matches(_ text: UnsafeRawBufferPointer, pattern: UnsafeRawBufferPointer) -> Bool {
    var t = 0
    var p = 0
    // Where to go back to: behind the last `*`, and the text it has swallowed so far.
    var star = -1
    var swallowed = 0
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = p
        swallowed = t
        p += 1
        continue
      }
      if p < pattern.count {
        let escaped = pattern[p] == UInt8(ascii: "\\") && p + 1 < pattern.count
        if pattern[escaped ? p + 1 : p] == text[t] {
          p += escaped ? 2 : 1
          t += 1
          continue
        }
      }
      guard star >= 0 else { return false }
      p = star + 1
      swallowed += 1
      t = swallowed
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
    return p == pattern.count
  }
}

/// The order of texts by UTF-16 code units, as Java compares strings, over UTF-8.
enum TextOrder {
  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let shared = min(a.count, b.count)
    var position = 0
    while position < shared, a[position] == b[position] { position &+= 1 }
    guard position < shared else { return a.count &- b.count }
    // UTF-8 orders by code point. That differs from UTF-16 only where one text has a
    // character beyond the basic plane (a lead byte of F0 or more, which UTF-16 writes with
    // surrogates, D800 to DFFF) and the other one from E000 to FFFF (lead bytes EE and EF).
    func lead(_ text: UnsafeRawBufferPointer) -> UInt8 {
      var start = position
      while start > 0, text[start] & 0xC0 == 0x80 { start &-= 1 }
      return text[start]
    }
    let (x, y) = (lead(a), lead(b))
    if x >= 0xF0 && y >= 0xEE && y < 0xF0 { return -1 }
    if y >= 0xF0 && x >= 0xEE && x < 0xF0 { return 1 }
    return Int(a[position]) &- Int(b[position])
  }
}
