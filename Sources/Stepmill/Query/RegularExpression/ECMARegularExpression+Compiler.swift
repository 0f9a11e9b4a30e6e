/// A parsed pattern.
indirect enum ECMAPattern {
  case empty
  case unit(UInt16)
  case any
  case set(Int)
  case sequence([ECMAPattern])
  case alternatives([ECMAPattern])
  case capture(ECMAPattern, group: Int)
  case backreference(group: Int)
  case start, end
  case wordBoundary(negated: Bool)
  case look(ECMAPattern, behind: Bool, negated: Bool)
  /// `groups` are those inside, which each iteration begins by forgetting.
  case repeated(ECMAPattern, least: Int, most: Int?, lazy: Bool, groups: Range<Int>)
}

struct ECMARegularExpressionCompiler {
  typealias Instruction = ECMARegularExpression.Instruction

  private(set) var program: [Instruction] = []
  private(set) var registerCount: Int
  private let ignoresCase: Bool
  private let multiline: Bool

  init(ignoresCase: Bool, multiline: Bool, groups: Int) {
    self.ignoresCase = ignoresCase
    self.multiline = multiline
    registerCount = groups * 2
  }

  mutating func append(_ instruction: Instruction) { program.append(instruction) }

  private var here: Int32 { Int32(program.count) }

  mutating func emit(_ pattern: ECMAPattern, backward: Bool) throws(ECMARegularExpressionError) {
    guard program.count < ECMARegularExpression.instructionsMax else {
      throw ECMARegularExpressionError(message: "Regular expression too large")
    }
    switch pattern {
    case .empty: break
    case .unit, .any, .set: append(single(pattern, backward: backward))
    case .sequence(let parts):
      for part in backward ? parts.reversed() : parts { try emit(part, backward: backward) }
    case .alternatives(let branches): try emitAlternatives(branches, backward: backward)
    case .capture(let inner, let group):
      let first = Int32(group * 2)
      append(.init(operation: .save, x: backward ? first + 1 : first))
      try emit(inner, backward: backward)
      append(.init(operation: .save, x: backward ? first : first + 1))
    case .backreference(let group):
      append(
        .init(
          operation: ignoresCase ? .backreferenceFolded : .backreference, backward: backward,
          x: Int32(group * 2)))
    case .start: append(.init(operation: multiline ? .lineStart : .textStart))
    case .end: append(.init(operation: multiline ? .lineEnd : .textEnd))
    case .wordBoundary(let negated):
      append(.init(operation: negated ? .notWordBoundary : .wordBoundary))
    case .look(let inner, let behind, let negated):
      let look = program.count
      append(.init(operation: negated ? .lookNot : .look))
      try emit(inner, backward: behind)
      append(.init(operation: .accept))
      program[look].x = here
    case .repeated(let inner, let least, let most, let lazy, let groups):
      try emitRepeated(inner, least, most, lazy, groups, backward)
    }
  }

  /// The instruction for a pattern that takes exactly one unit.
  private func single(_ pattern: ECMAPattern, backward: Bool) -> Instruction {
    switch pattern {
    case .unit(let unit):
      let folded = ECMARegularExpression.fold(unit)
      let hasCase = ignoresCase && (folded != unit || ECMARegularExpression.lower(unit) != unit)
      return .init(
        operation: hasCase ? .unitFolded : .unit, backward: backward, x: Int32(hasCase ? folded : unit))
    case .set(let index): return .init(operation: .set, backward: backward, x: Int32(index))
    default: return .init(operation: .any, backward: backward)
    }
  }

  private mutating func emitAlternatives(
    _ branches: [ECMAPattern], backward: Bool
  ) throws(ECMARegularExpressionError) {
    var jumps: [Int] = []
    for (index, branch) in branches.enumerated() {
      guard index < branches.count - 1 else {
        try emit(branch, backward: backward)
        break
      }
      let split = program.count
      append(.init(operation: .split, x: here + 1))
      try emit(branch, backward: backward)
      jumps.append(program.count)
      append(.init(operation: .jump))
      program[split].y = here
    }
    for jump in jumps { program[jump].x = here }
  }

  private mutating func emitRepeated(
    _ inner: ECMAPattern, _ least: Int, _ most: Int?, _ lazy: Bool, _ groups: Range<Int>, _ backward: Bool
  ) throws(ECMARegularExpressionError) {
    if let most, most == 0 { return }
    if !backward {
      switch inner {
      case .unit, .any, .set:
        append(
          .init(
            operation: lazy ? .lazyRun : .greedyRun, x: Int32(clamping: least),
            y: most.map { Int32(clamping: $0) } ?? -1))
        append(single(inner, backward: false))
        return
      default: break
      }
    }
    for _ in 0..<least {
      forget(groups)
      try emit(inner, backward: backward)
    }
    guard let most else {
      let mark = Int32(registerCount)
      registerCount += 1
      let split = program.count
      append(.init(operation: .split))
      try emitIteration(inner, mark, groups, backward)
      append(.init(operation: .jump, x: Int32(split)))
      aim(split, lazy)
      return
    }
    guard most > least else { return }
    let mark = Int32(registerCount)
    registerCount += 1
    var splits: [Int] = []
    for _ in least..<most {
      splits.append(program.count)
      append(.init(operation: .split))
      try emitIteration(inner, mark, groups, backward)
    }
    for split in splits { aim(split, lazy) }
  }

  /// Points a split into its iteration and behind everything, in the order of preference.
  private mutating func aim(_ split: Int, _ lazy: Bool) {
    program[split].x = lazy ? here : Int32(split + 1)
    program[split].y = lazy ? Int32(split + 1) : here
  }

  private mutating func emitIteration(
    _ inner: ECMAPattern, _ mark: Int32, _ groups: Range<Int>, _ backward: Bool
  ) throws(ECMARegularExpressionError) {
    append(.init(operation: .save, x: mark))
    forget(groups)
    try emit(inner, backward: backward)
    append(.init(operation: .progress, x: mark))
  }

  private mutating func forget(_ groups: Range<Int>) {
    guard !groups.isEmpty else { return }
    append(
      .init(operation: .reset, x: Int32(groups.lowerBound * 2), y: Int32(groups.upperBound * 2)))
  }
}
