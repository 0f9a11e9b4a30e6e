// Regular expressions in ECMAScript's dialect (without the `u` and `v` flags), over
// UTF-16 units.
//
// A pattern is compiled to a small program for a backtracking machine. The machine keeps
// its own stack of choices, so no pattern and no subject can exhaust that of the thread,
// and it counts its steps: a pattern that explodes runs out of its budget and says so.

struct ECMARegularExpressionError: Error {
  var message: String
}

final class ECMARegularExpression: Sendable {
  struct Instruction: BitwiseCopyable {
    enum Operation: UInt8 {
      /// One unit that equals `x`, or (ignoring case) folds to it.
      case unit, unitFolded
      /// Any unit but a line end.
      case any
      /// A unit of set `x`.
      case set
      /// Goes on at `x`, and at `y` when that fails.
      case split
      case jump
      /// Register `x` becomes the position.
      case save
      /// Registers from `x` up to `y` become unset.
      case reset
      /// Fails if the position is still that of register `x`: an iteration took nothing.
      case progress
      /// As many of the instruction that follows as there are, from `x` to `y` of them,
      /// giving back one by one; or as few as do, taking one by one.
      case greedyRun, lazyRun
      case backreference, backreferenceFolded
      case lineStart, lineEnd, textStart, textEnd
      case wordBoundary, notWordBoundary
      /// What stands from here to `x` must (not) match here.
      case look, lookNot
      /// The end of what a look-around looks for, and of the whole pattern.
      case accept
    }

    var operation: Operation
    /// Moves towards the start, as in a look-behind.
    var backward = false
    var x: Int32 = 0
    var y: Int32 = 0
  }

  struct Set: Sendable {
    var ranges: [ClosedRange<UInt16>] = []
    var negated = false
    var foldsCase = false
    /// The answer for each ASCII unit.
    var low: UInt64 = 0
    var high: UInt64 = 0

    mutating func finish() {
      for unit in UInt16(0)..<128 where decide(unit) {
        if unit < 64 { low |= 1 << UInt64(unit) } else { high |= 1 << UInt64(unit - 64) }
      }
    }

    func decide(_ unit: UInt16) -> Bool {
      var inside = isListed(unit)
      if !inside && foldsCase {
        inside = isListed(ECMARegularExpression.fold(unit)) || isListed(ECMARegularExpression.lower(unit))
      }
      return inside != negated
    }

    private func isListed(_ unit: UInt16) -> Bool {
      for range in ranges where range.contains(unit) { return true }
      return false
    }

    @inline(__always)
    func contains(_ unit: UInt16) -> Bool {
      if unit < 64 { return low &>> UInt64(unit) & 1 != 0 }
      if unit < 128 { return high &>> UInt64(unit &- 64) & 1 != 0 }
      return decide(unit)
    }
  }

  let program: [Instruction]
  let sets: [Set]
  /// Groups that capture.
  let groupCount: Int
  let registerCount: Int
  let source: String
  /// The unit that every match begins with, if that is known.
  private let firstUnit: UInt16?

  /// Compiled programs are no longer than this.
  static let instructionsMax = 30_000

  init(_ pattern: [UInt16], flags: String) throws(ECMARegularExpressionError) {
    var parser = ECMARegularExpressionParser(pattern, ignoresCase: flags.contains("i"))
    let tree = try parser.parse()
    var compiler = ECMARegularExpressionCompiler(
      ignoresCase: flags.contains("i"), multiline: flags.contains("m"), groups: parser.groupCount)
    try compiler.emit(tree, backward: false)
    compiler.append(.init(operation: .accept))
    program = compiler.program
    sets = parser.sets
    groupCount = parser.groupCount
    // At least one: look-arounds leave a marker that restores the first.
    registerCount = max(compiler.registerCount, 1)
    source = String(decoding: pattern, as: UTF16.self)
    firstUnit = program[0].operation == .unit ? UInt16(truncatingIfNeeded: program[0].x) : nil
  }

  enum Outcome {
    case matched, failed
    /// The budget of steps, or the room for choices, did not suffice.
    case exhausted
  }

  /// The leftmost match at or behind `start`. `captures` has room for a pair of positions
  /// for the match and each group; -1 stands for a group that took no part.
  func match(
    _ subject: ECMASubject, from start: Int, captures: UnsafeMutablePointer<Int32>, budget: inout Int
  ) -> Outcome {
    program.withUnsafeBufferPointer { program in
      sets.withUnsafeBufferPointer { sets in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: registerCount) { registers in
          var machine = ECMAMatcher(
            program: program, sets: sets, subject: subject, registers: registers, budget: budget)
          defer {
            budget = machine.budget
            machine.release()
          }
          var position = start
          while position <= subject.count {
            if let firstUnit {
              while position < subject.count && subject[position] != firstUnit { position &+= 1 }
              if position >= subject.count { return .failed }
            }
            for index in registers.indices { registers[index] = -1 }
            if let end = machine.run(0, Int32(truncatingIfNeeded: position)) {
              captures[0] = Int32(truncatingIfNeeded: position)
              captures[1] = end
              for index in 0..<(groupCount * 2) { captures[index + 2] = registers[index] }
              return .matched
            }
            if machine.budget <= 0 { return .exhausted }
            position &+= 1
          }
          return .failed
        }
      }
    }
  }

  /// The form in which units are compared when case is ignored.
  static func fold(_ unit: UInt16) -> UInt16 {
    if unit < 0x80 { return unit >= 0x61 && unit <= 0x7A ? unit - 0x20 : unit }
    guard let scalar = Unicode.Scalar(unit) else { return unit }
    return single(scalar.properties.uppercaseMapping, else: unit)
  }

  static func lower(_ unit: UInt16) -> UInt16 {
    if unit < 0x80 { return unit >= 0x41 && unit <= 0x5A ? unit + 0x20 : unit }
    guard let scalar = Unicode.Scalar(unit) else { return unit }
    return single(scalar.properties.lowercaseMapping, else: unit)
  }

  private static func single(_ mapping: String, else unit: UInt16) -> UInt16 {
    let units = mapping.utf16
    guard units.count == 1, let first = units.first, first >= 0x80 else { return unit }
    return first
  }
}

/// The text that a pattern is tried on: ASCII bytes, or UTF-16 units.
struct ECMASubject: BitwiseCopyable {
  let bytes: UnsafePointer<UInt8>?
  let units: UnsafePointer<UInt16>?
  let count: Int

  init(ascii: UnsafePointer<UInt8>, count: Int) {
    bytes = ascii
    units = nil
    self.count = count
  }

  init(units: UnsafePointer<UInt16>, count: Int) {
    bytes = nil
    self.units = units
    self.count = count
  }

  @inline(__always) subscript(index: Int) -> UInt16 {
    if let bytes { return UInt16(bytes[index]) }
    return units.unsafelyUnwrapped[index]
  }
}
