// A small regular expression matcher: backtracking, without recursion, with a step budget.
//
// A pattern becomes a list of instructions over Unicode scalars. The matcher keeps the
// places it may have to come back to on a stack of its own, so neither a long text nor a
// nested quantifier can exhaust the thread's stack, and each instruction counts against the
// caller's budget, so `(a*)*b` ends too.
//
// Supported: literals, `.`, classes with ranges, negation and nesting-free escapes, groups
// (capturing or not, their text is not reported), alternation, `*` `+` `?` `{n,m}` greedy
// and lazy, `^` `$` `\b` `\B` `\A` `\z` `\Z`, `\d` `\w` `\s` and their complements, `\t \n \r \f \v
// \0 \xHH \uHHHH`, flags for case, lines and dot. Refused, with an error: look-around,
// back references, possessive quantifiers.

struct RegularExpression: Sendable {
  struct Flags: OptionSet, Sendable {
    let rawValue: UInt8
    static let ignoresCase = Flags(rawValue: 1)
    /// `^` and `$` match at each line.
    static let multipleLines = Flags(rawValue: 2)
    static let dotMatchesAll = Flags(rawValue: 4)
    /// Letters beyond ASCII are compared without regard to case too.
    static let unicodeCase = Flags(rawValue: 8)
  }

  struct SyntaxError: Error, Hashable {
    var message: String
    /// Where, in bytes from the start of the pattern.
    var offset: Int
  }

  enum Outcome {
    case match
    case noMatch
    /// The budget was used up before the answer was known.
    case outOfSteps
  }

  enum Instruction: Sendable {
    case scalar(UInt32)
    case any
    case set(Int)
    /// Goes on at the first place, and at the second one when that fails.
    case split(Int, Int)
    case jump(Int)
    /// Notes where a repetition's body begins.
    case mark(Int)
    /// Fails when the body did not consume anything since its mark.
    case progress(Int)
    case start
    case end
    case boundary(Bool)
    case accept
  }

  /// A set of scalars: ranges, and whether it is what lies outside of them that counts.
  struct ScalarSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool {
      for range in ranges where range.contains(scalar) { return !isNegated }
      return isNegated
    }
  }

  let instructions: [Instruction]
  let sets: [ScalarSet]
  let marks: Int
  let flags: Flags

  /// Instructions that a pattern may become; `a{1000}{1000}` is refused.
  static let instructionsMax = 20_000
  static let nestingMax = 64

  static func parse(_ pattern: String, flags: Flags = []) throws(SyntaxError) -> RegularExpression {
    var parser = RegularExpressionParser(pattern, flags: flags)
    return try parser.parse()
  }

  /// Does the whole of `input` match? Takes what it needs from `steps`.
  func matchesWhole(_ input: UnsafeRawBufferPointer, steps: inout Int) -> Outcome {
    var matcher = RegularExpressionMatcher(self, input: input)
    return matcher.run(steps: &steps)
  }
}

/// One attempt to match a text from its start to its end.
private struct RegularExpressionMatcher {
  /// A place to come back to, or a mark to restore on the way there (`target` below zero).
  struct Entry {
    var target: Int
    var position: Int
  }

  let expression: RegularExpression
  let input: UnsafeRawBufferPointer
  var stack: [Entry] = []
  var marks: [Int]

  init(_ expression: RegularExpression, input: UnsafeRawBufferPointer) {
    self.expression = expression
    self.input = input
    marks = Array(repeating: -1, count: expression.marks)
  }

  mutating func run(steps: inout Int) -> RegularExpression.Outcome {
    var counter = 0
    var position = 0
    while true {
      steps -= 1
      if steps < 0 { return .outOfSteps }
      var fails = false
      switch expression.instructions[counter] {
      case .scalar(let wanted):
        if let (scalar, width) = scalar(at: position), equal(scalar, wanted) {
          position += width
          counter += 1
        } else {
          fails = true
        }
      case .any:
        if let (scalar, width) = scalar(at: position),
          expression.flags.contains(.dotMatchesAll) || !Self.endsLine(scalar)
        {
          position += width
          counter += 1
        } else {
          fails = true
        }
      case .set(let index):
        if let (scalar, width) = scalar(at: position), isMember(scalar, of: expression.sets[index]) {
          position += width
          counter += 1
        } else {
          fails = true
        }
      case .split(let first, let second):
        stack.append(Entry(target: second, position: position))
        counter = first
      case .jump(let target):
        counter = target
      case .mark(let index):
        stack.append(Entry(target: -1 - index, position: marks[index]))
        marks[index] = position
        counter += 1
      case .progress(let index):
        if marks[index] == position { fails = true } else { counter += 1 }
      case .start:
        if isLineStart(position) { counter += 1 } else { fails = true }
      case .end:
        if isLineEnd(position) { counter += 1 } else { fails = true }
      case .boundary(let wanted):
        if isBoundary(position) == wanted { counter += 1 } else { fails = true }
      case .accept:
        if position == input.count { return .match }
        fails = true
      }
      if fails {
        var found = false
        while let entry = stack.popLast() {
          if entry.target < 0 {
            marks[-1 - entry.target] = entry.position
            continue
          }
          counter = entry.target
          position = entry.position
          found = true
          break
        }
        if !found { return .noMatch }
      }
    }
  }

  /// The scalar at a byte position and its width; a broken sequence counts byte by byte.
  private func scalar(at position: Int) -> (UInt32, Int)? {
    guard position < input.count else { return nil }
    let first = UInt32(input[position])
    let width = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
    if width == 1 || position + width > input.count { return (first, 1) }
    var scalar = first & (0x7F >> UInt32(width))
    for index in 1..<width { scalar = scalar << 6 | UInt32(input[position + index] & 0x3F) }
    return (scalar, width)
  }

  private func equal(_ a: UInt32, _ b: UInt32) -> Bool {
    a == b || expression.flags.contains(.ignoresCase) && folded(a) == folded(b)
  }

  private func isMember(_ scalar: UInt32, of set: RegularExpression.ScalarSet) -> Bool {
    guard expression.flags.contains(.ignoresCase) else { return set.contains(scalar) }
    let positive = RegularExpression.ScalarSet(ranges: set.ranges)
    let isIn = positive.contains(scalar) || positive.contains(folded(scalar)) || positive.contains(raised(scalar))
    return isIn != set.isNegated
  }

  private func folded(_ scalar: UInt32) -> UInt32 {
    if scalar < 0x80 { return scalar >= 0x41 && scalar <= 0x5A ? scalar + 0x20 : scalar }
    guard expression.flags.contains(.unicodeCase), let value = Unicode.Scalar(scalar) else { return scalar }
    return value.properties.lowercaseMapping.unicodeScalars.first?.value ?? scalar
  }

  private func raised(_ scalar: UInt32) -> UInt32 {
    if scalar < 0x80 { return scalar >= 0x61 && scalar <= 0x7A ? scalar - 0x20 : scalar }
    guard expression.flags.contains(.unicodeCase), let value = Unicode.Scalar(scalar) else { return scalar }
    return value.properties.uppercaseMapping.unicodeScalars.first?.value ?? scalar
  }

  private func isLineStart(_ position: Int) -> Bool {
    position == 0 || expression.flags.contains(.multipleLines) && input[position - 1] == 0x0A
  }

  private func isLineEnd(_ position: Int) -> Bool {
    // Before a final line feed counts as the end, as in Java.
    position == input.count
      || input[position] == 0x0A
        && (position == input.count - 1 || expression.flags.contains(.multipleLines))
  }

  private func isBoundary(_ position: Int) -> Bool {
    let before = position > 0 && Self.isWord(input[position - 1])
    let after = position < input.count && Self.isWord(input[position])
    return before != after
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
    default: false
    }
  }

  private static func endsLine(_ scalar: UInt32) -> Bool {
    scalar == 0x0A || scalar == 0x0D || scalar == 0x85 || scalar == 0x2028 || scalar == 0x2029
  }
}
