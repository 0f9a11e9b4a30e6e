#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The machine that runs a compiled pattern at one position.
struct ECMAMatcher {
  private typealias Instruction = ECMARegularExpression.Instruction

  /// Something to undo or to try when the machine has to go back.
  private struct Choice: BitwiseCopyable {
    /// Where to go on; or, if negative, `~register` to be set back to `position`.
    var target: Int32
    var position: Int32
    /// For the rest of a run: the last position it may give back or take; else -1.
    var bound: Int32
  }

  private let program: UnsafeBufferPointer<ECMARegularExpression.Instruction>
  private let sets: UnsafeBufferPointer<ECMARegularExpression.Set>
  private let subject: ECMASubject
  private let registers: UnsafeMutableBufferPointer<Int32>
  var budget: Int

  private var choices: UnsafeMutablePointer<Choice>?
  private var capacity = 0
  private var count = 0

  /// Choices beyond this count as a budget that did not suffice.
  private static let choicesMax = 1 << 21

  init(
    program: UnsafeBufferPointer<ECMARegularExpression.Instruction>,
    sets: UnsafeBufferPointer<ECMARegularExpression.Set>, subject: ECMASubject,
    registers: UnsafeMutableBufferPointer<Int32>, budget: Int
  ) {
    self.program = program
    self.sets = sets
    self.subject = subject
    self.registers = registers
    self.budget = budget
  }

  mutating func release() {
    free(choices)
    choices = nil
  }

  private mutating func push(_ target: Int32, _ position: Int32, _ bound: Int32 = -1) {
    if count == capacity {
      guard capacity < Self.choicesMax else {
        budget = 0
        return
      }
      capacity = max(64, capacity * 2)
      guard let raw = realloc(choices, capacity * MemoryLayout<Choice>.stride) else {
        fatalError("Stepmill: out of memory")
      }
      choices = raw.bindMemory(to: Choice.self, capacity: capacity)
    }
    choices.unsafelyUnwrapped[count] = Choice(target: target, position: position, bound: bound)
    count &+= 1
  }

  private mutating func set(_ register: Int, _ value: Int32) {
    push(~Int32(truncatingIfNeeded: register), registers[register])
    registers[register] = value
  }

  /// Runs from instruction `start`. Returns where the match ends, or nil.
  mutating func run(_ start: Int32, _ from: Int32) -> Int32? {
    let base = count
    let length = Int32(truncatingIfNeeded: subject.count)
    var pc = Int(start)
    var position = from
    while true {
      budget &-= 1
      if budget <= 0 {
        budget = 0
        count = base
        return nil
      }
      let instruction = program[pc]
      var proceeds = true
      switch instruction.operation {
      case .unit, .unitFolded, .any, .set:
        let index = instruction.backward ? position &- 1 : position
        if index >= 0 && index < length && accepts(instruction, subject[Int(index)]) {
          position = instruction.backward ? index : index &+ 1
          pc &+= 1
        } else {
          proceeds = false
        }
      case .split:
        push(instruction.y, position)
        pc = Int(instruction.x)
      case .jump:
        pc = Int(instruction.x)
      case .save:
        set(Int(instruction.x), position)
        pc &+= 1
      case .reset:
        var register = Int(instruction.x)
        while register < Int(instruction.y) {
          if registers[register] >= 0 { set(register, -1) }
          register &+= 1
        }
        pc &+= 1
      case .progress:
        proceeds = registers[Int(instruction.x)] != position
        pc &+= 1
      case .greedyRun:
        if let end = greedyRun(instruction, pc, position) {
          position = end
          pc &+= 2
        } else {
          proceeds = false
        }
      case .lazyRun:
        if let end = lazyRun(instruction, pc, position) {
          position = end
          pc &+= 2
        } else {
          proceeds = false
        }
      case .backreference, .backreferenceFolded:
        if let end = backreference(instruction, position) {
          position = end
          pc &+= 1
        } else {
          proceeds = false
        }
      case .textStart:
        proceeds = position == 0
        pc &+= 1
      case .textEnd:
        proceeds = position == length
        pc &+= 1
      case .lineStart:
        proceeds = position == 0 || Self.isLineEnd(subject[Int(position &- 1)])
        pc &+= 1
      case .lineEnd:
        proceeds = position == length || Self.isLineEnd(subject[Int(position)])
        pc &+= 1
      case .wordBoundary, .notWordBoundary:
        let before = position > 0 && Self.isWord(subject[Int(position &- 1)])
        let behind = position < length && Self.isWord(subject[Int(position)])
        proceeds = (before != behind) == (instruction.operation == .wordBoundary)
        pc &+= 1
      case .look:
        proceeds = look(pc &+ 1, position)
        pc = Int(instruction.x)
      case .lookNot:
        proceeds = lookNot(pc &+ 1, position)
        pc = Int(instruction.x)
      case .accept:
        // Choices stay until the caller has decided what to keep of them.
        if base == 0 { count = 0 }
        return position
      }
      if !proceeds {
        guard let next = goBack(to: base) else { return nil }
        (pc, position) = next
      }
    }
  }

  /// Undoes what was done since the last choice and takes its other branch.
  private mutating func goBack(to base: Int) -> (Int, Int32)? {
    while count > base {
      let choice = choices.unsafelyUnwrapped[count &- 1]
      if choice.target < 0 {
        registers[Int(~choice.target)] = choice.position
        count &-= 1
        continue
      }
      if choice.bound < 0 {
        count &-= 1
        return (Int(choice.target), choice.position)
      }
      let run = program[Int(choice.target) &- 2]
      if run.operation == .greedyRun {
        let position = choice.position &- 1
        if position <= choice.bound {
          count &-= 1
        } else {
          choices.unsafelyUnwrapped[count &- 1].position = position
        }
        return (Int(choice.target), position)
      }
      // A lazy run takes one more unit, if it may and can.
      let unit = program[Int(choice.target) &- 1]
      if choice.position >= choice.bound || !accepts(unit, subject[Int(choice.position)]) {
        count &-= 1
        continue
      }
      choices.unsafelyUnwrapped[count &- 1].position = choice.position &+ 1
      return (Int(choice.target), choice.position &+ 1)
    }
    return nil
  }

  private mutating func greedyRun(
    _ instruction: ECMARegularExpression.Instruction, _ pc: Int, _ position: Int32
  ) -> Int32? {
    let unit = program[pc &+ 1]
    let limit = end(position, instruction.y)
    var current = position
    while current < limit && accepts(unit, subject[Int(current)]) { current &+= 1 }
    budget &-= Int(current &- position)
    guard current &- position >= instruction.x else { return nil }
    let least = position &+ instruction.x
    if current > least { push(Int32(truncatingIfNeeded: pc &+ 2), current, least) }
    return current
  }

  private mutating func lazyRun(
    _ instruction: ECMARegularExpression.Instruction, _ pc: Int, _ position: Int32
  ) -> Int32? {
    let unit = program[pc &+ 1]
    let least = Int(position) + Int(instruction.x)
    guard least <= subject.count else { return nil }
    var current = position
    while Int(current) < least {
      guard accepts(unit, subject[Int(current)]) else { return nil }
      current &+= 1
    }
    let limit = end(position, instruction.y)
    if current < limit { push(Int32(truncatingIfNeeded: pc &+ 2), current, limit) }
    return current
  }

  private func end(_ position: Int32, _ most: Int32) -> Int32 {
    most < 0
      ? Int32(truncatingIfNeeded: subject.count)
      : Int32(truncatingIfNeeded: min(subject.count, Int(position) + Int(most)))
  }

  @inline(__always)
  private func accepts(_ instruction: ECMARegularExpression.Instruction, _ unit: UInt16) -> Bool {
    switch instruction.operation {
    case .unit: Int32(unit) == instruction.x
    case .unitFolded: Int32(ECMARegularExpression.fold(unit)) == instruction.x
    case .any: !Self.isLineEnd(unit)
    default: sets[Int(instruction.x)].contains(unit)
    }
  }

  private mutating func backreference(
    _ instruction: ECMARegularExpression.Instruction, _ position: Int32
  ) -> Int32? {
    let start = registers[Int(instruction.x)]
    let stop = registers[Int(instruction.x) + 1]
    guard start >= 0, stop >= start else { return position }
    let length = stop - start
    let from = instruction.backward ? position - length : position
    guard from >= 0, Int(from + length) <= subject.count else { return nil }
    budget &-= Int(length)
    for offset in 0..<length {
      var a = subject[Int(start + offset)]
      var b = subject[Int(from + offset)]
      if instruction.operation == .backreferenceFolded {
        a = ECMARegularExpression.fold(a)
        b = ECMARegularExpression.fold(b)
      }
      if a != b { return nil }
    }
    return instruction.backward ? from : from + length
  }

  private mutating func look(_ pc: Int, _ position: Int32) -> Bool {
    let base = count
    // The marker keeps `base` of the inner run above zero.
    push(~0, registers[0])
    guard budget > 0, run(Int32(truncatingIfNeeded: pc), position) != nil else {
      count = min(count, base)
      return false
    }
    // The choices inside are final, what they set must still be undone when going back.
    var kept = base
    var index = base
    while index < count {
      let choice = choices.unsafelyUnwrapped[index]
      if choice.target < 0 {
        choices.unsafelyUnwrapped[kept] = choice
        kept &+= 1
      }
      index &+= 1
    }
    count = kept
    return true
  }

  private mutating func lookNot(_ pc: Int, _ position: Int32) -> Bool {
    let base = count
    push(~0, registers[0])
    let found = budget > 0 && run(Int32(truncatingIfNeeded: pc), position) != nil
    while count > base {
      let choice = choices.unsafelyUnwrapped[count &- 1]
      if choice.target < 0 { registers[Int(~choice.target)] = choice.position }
      count &-= 1
    }
    return !found
  }

  @inline(__always)
  static func isLineEnd(_ unit: UInt16) -> Bool {
    unit == 0x0A || unit == 0x0D || unit == 0x2028 || unit == 0x2029
  }

  @inline(__always)
  static func isWord(_ unit: UInt16) -> Bool {
    unit >= 0x30 && unit <= 0x39 || unit >= 0x41 && unit <= 0x5A || unit >= 0x61 && unit <= 0x7A
      || unit == 0x5F
  }
}
