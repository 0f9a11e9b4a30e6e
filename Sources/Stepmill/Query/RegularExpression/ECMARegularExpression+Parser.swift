/// Reads a pattern as web browsers do: what the grammar proper refuses but has a
/// customary meaning (`]` alone, `{` that begins no quantifier, `\8`) has that meaning.
struct ECMARegularExpressionParser {
  private let pattern: [UInt16]
  private let ignoresCase: Bool
  private var position = 0
  private var depth = 0
  /// All groups that capture, known before parsing: `\2` may stand before group 2.
  private let groupTotal: Int
  private let groupNames: [[UInt16]?]
  private(set) var sets: [ECMARegularExpression.Set] = []
  private(set) var groupCount = 0

  private static let depthMax = 100

  init(_ pattern: [UInt16], ignoresCase: Bool) {
    self.pattern = pattern
    self.ignoresCase = ignoresCase
    groupNames = Self.groups(of: pattern)
    groupTotal = groupNames.count
  }

  /// The names of the groups that capture, nil for one without a name.
  private static func groups(of pattern: [UInt16]) -> [[UInt16]?] {
    var names: [[UInt16]?] = []
    var inSet = false
    var index = 0
    while index < pattern.count {
      switch pattern[index] {
      case 0x5C: index += 1
      case 0x5B: inSet = true
      case 0x5D: inSet = false
      case 0x28 where !inSet:
        if index + 1 >= pattern.count || pattern[index + 1] != 0x3F {
          names.append(nil)
        } else if index + 3 < pattern.count, pattern[index + 2] == 0x3C, pattern[index + 3] != 0x3D,
          pattern[index + 3] != 0x21
        {
          let rest = pattern[(index + 3)...]
          names.append(Array(rest.prefix { $0 != 0x3E }))
        }
      default: break
      }
      index += 1
    }
    return names
  }

  mutating func parse() throws(ECMARegularExpressionError) -> ECMAPattern {
    let result = try disjunction()
    if position < pattern.count { throw ECMARegularExpressionError(message: "Unmatched ')'") }
    return result
  }

  private func peek(_ offset: Int = 0) -> UInt16? {
    position + offset < pattern.count ? pattern[position + offset] : nil
  }

  private func at(_ text: StaticString) -> Bool {
    for offset in 0..<text.utf8CodeUnitCount where peek(offset) != UInt16(text.utf8Start[offset]) {
      return false
    }
    return true
  }

  private mutating func eat(_ text: StaticString) -> Bool {
    guard at(text) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  private mutating func disjunction() throws(ECMARegularExpressionError) -> ECMAPattern {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else {
      throw ECMARegularExpressionError(message: "Regular expression nested too deeply")
    }
    var branches = [try alternative()]
    while eat("|") { branches.append(try alternative()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func alternative() throws(ECMARegularExpressionError) -> ECMAPattern {
    var parts: [ECMAPattern] = []
    while let unit = peek(), unit != 0x7C, unit != 0x29 {
      let firstGroup = groupCount
      let (part, repeatable) = try term()
      parts.append(try quantified(part, repeatable, firstGroup..<groupCount))
    }
    switch parts.count {
    case 0: return .empty
    case 1: return parts[0]
    default: return .sequence(parts)
    }
  }

  private mutating func term() throws(ECMARegularExpressionError) -> (ECMAPattern, repeatable: Bool) {
    let unit = pattern[position]
    switch unit {
    case 0x5E:
      position += 1
      return (.start, false)
    case 0x24:
      position += 1
      return (.end, false)
    case 0x28: return try group()
    case 0x2E:
      position += 1
      return (.any, true)
    case 0x5B:
      position += 1
      return (try set(), true)
    case 0x5C:
      position += 1
      return try escape()
    case 0x2A, 0x2B, 0x3F:
      throw ECMARegularExpressionError(message: "Nothing to repeat")
    case 0x7B:
      if bounds() != nil { throw ECMARegularExpressionError(message: "Nothing to repeat") }
      position += 1
      return (.unit(unit), true)
    default:
      position += 1
      return (.unit(unit), true)
    }
  }

  private mutating func group() throws(ECMARegularExpressionError) -> (ECMAPattern, repeatable: Bool) {
    var result: (ECMAPattern, repeatable: Bool)
    if eat("(?:") {
      result = (try disjunction(), true)
    } else if eat("(?=") {
      result = (.look(try disjunction(), behind: false, negated: false), true)
    } else if eat("(?!") {
      result = (.look(try disjunction(), behind: false, negated: true), true)
    } else if eat("(?<=") {
      result = (.look(try disjunction(), behind: true, negated: false), false)
    } else if eat("(?<!") {
      result = (.look(try disjunction(), behind: true, negated: true), false)
    } else {
      if eat("(?<") {
        guard let end = pattern[position...].firstIndex(of: 0x3E), end > position else {
          throw ECMARegularExpressionError(message: "Invalid capture group name")
        }
        position = end + 1
      } else if at("(?") {
        throw ECMARegularExpressionError(message: "Invalid group")
      } else {
        position += 1
      }
      let number = groupCount
      groupCount += 1
      result = (.capture(try disjunction(), group: number), true)
    }
    guard eat(")") else { throw ECMARegularExpressionError(message: "Unterminated group") }
    return result
  }

  private mutating func quantified(
    _ part: ECMAPattern, _ repeatable: Bool, _ groups: Range<Int>
  ) throws(ECMARegularExpressionError) -> ECMAPattern {
    var least = 0
    var most: Int?
    switch peek() {
    case 0x2A: position += 1
    case 0x2B:
      position += 1
      least = 1
    case 0x3F:
      position += 1
      most = 1
    case 0x7B:
      guard let found = bounds() else { return part }
      (least, most) = (found.least, found.most)
      position = found.end
      if let most, most < least {
        throw ECMARegularExpressionError(message: "numbers out of order in {} quantifier")
      }
    default: return part
    }
    guard repeatable else { throw ECMARegularExpressionError(message: "Nothing to repeat") }
    let lazy = eat("?")
    return .repeated(part, least: least, most: most, lazy: lazy, groups: groups)
  }

  /// `{n}`, `{n,}` or `{n,m}` at the position, without taking it.
  private func bounds() -> (least: Int, most: Int?, end: Int)? {
    var index = position + 1
    func number() -> Int? {
      var value: Int?
      while index < pattern.count, pattern[index] >= 0x30, pattern[index] <= 0x39 {
        value = min((value ?? 0) * 10 + Int(pattern[index] - 0x30), Int(Int32.max))
        index += 1
      }
      return value
    }
    guard let least = number(), index < pattern.count else { return nil }
    var most: Int? = least
    if pattern[index] == 0x2C {
      index += 1
      most = number()
    }
    guard index < pattern.count, pattern[index] == 0x7D else { return nil }
    return (least, most, index + 1)
  }

  // MARK: Escapes and sets

  private mutating func escape() throws(ECMARegularExpressionError) -> (ECMAPattern, repeatable: Bool) {
    guard let unit = peek() else { throw ECMARegularExpressionError(message: "\\ at end of pattern") }
    switch unit {
    case 0x62, 0x42:
      position += 1
      return (.wordBoundary(negated: unit == 0x42), false)
    case 0x31...0x39:
      let start = position
      var number = 0
      while let digit = peek(), digit >= 0x30, digit <= 0x39, number < 10_000 {
        number = number * 10 + Int(digit - 0x30)
        position += 1
      }
      if number <= groupTotal { return (.backreference(group: number - 1), true) }
      position = start
    case 0x6B where groupNames.contains { $0 != nil }:
      guard peek(1) == 0x3C, let end = pattern[position...].firstIndex(of: 0x3E),
        let index = groupNames.firstIndex(of: Array(pattern[(position + 2)..<end]))
      else { throw ECMARegularExpressionError(message: "Invalid named reference") }
      position = end + 1
      return (.backreference(group: index), true)
    default: break
    }
    if let ranges = classRanges(unit) {
      position += 1
      return (add(ranges.ranges, negated: ranges.negated), true)
    }
    return (.unit(characterEscape()), true)
  }

  private mutating func add(_ ranges: [ClosedRange<UInt16>], negated: Bool) -> ECMAPattern {
    var set = ECMARegularExpression.Set(ranges: ranges, negated: negated, foldsCase: ignoresCase)
    set.finish()
    sets.append(set)
    return .set(sets.count - 1)
  }

  private func classRanges(_ unit: UInt16) -> (ranges: [ClosedRange<UInt16>], negated: Bool)? {
    switch unit {
    case 0x64: ([0x30...0x39], false)
    case 0x44: ([0x30...0x39], true)
    case 0x77: ([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A], false)
    case 0x57: ([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A], true)
    case 0x73: (Self.spaces, false)
    case 0x53: (Self.spaces, true)
    default: nil
    }
  }

  private static let spaces: [ClosedRange<UInt16>] = [
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ]

  private static func inverse(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
    var result: [ClosedRange<UInt16>] = []
    var next = 0
    for range in ranges {
      if Int(range.lowerBound) > next { result.append(UInt16(next)...(range.lowerBound - 1)) }
      next = Int(range.upperBound) + 1
    }
    if next <= 0xFFFF { result.append(UInt16(next)...0xFFFF) }
    return result
  }

  /// The unit that an escape at the position stands for. The backslash is taken already.
  private mutating func characterEscape() -> UInt16 {
    let unit = pattern[position]
    position += 1
    switch unit {
    case 0x66: return 0x0C
    case 0x6E: return 0x0A
    case 0x72: return 0x0D
    case 0x74: return 0x09
    case 0x76: return 0x0B
    case 0x63:
      if let letter = peek(), letter | 0x20 >= 0x61, letter | 0x20 <= 0x7A {
        position += 1
        return letter & 0x1F
      }
      position -= 1
      return 0x5C
    case 0x78: return hex(2) ?? unit
    case 0x75: return hex(4) ?? unit
    case 0x30...0x37:
      var value = unit - 0x30
      while let digit = peek(), digit >= 0x30, digit <= 0x37, value * 8 + digit - 0x30 <= 0xFF {
        value = value * 8 + digit - 0x30
        position += 1
      }
      return value
    default: return unit
    }
  }

  private mutating func hex(_ count: Int) -> UInt16? {
    var value: UInt16 = 0
    for offset in 0..<count {
      guard let unit = peek(offset), let digit = JSONataLexer.hexDigit(unit) else { return nil }
      value = value << 4 | digit
    }
    position += count
    return value
  }

  private mutating func set() throws(ECMARegularExpressionError) -> ECMAPattern {
    let negated = eat("^")
    var ranges: [ClosedRange<UInt16>] = []
    while true {
      guard let unit = peek() else {
        throw ECMARegularExpressionError(message: "Unterminated character class")
      }
      if unit == 0x5D { break }
      let low = try setAtom(&ranges)
      guard peek() == 0x2D, let after = peek(1), after != 0x5D else {
        if let low { ranges.append(low...low) }
        continue
      }
      position += 1
      let high = try setAtom(&ranges)
      guard let low, let high else {
        // A class at either end of a dash: all three are taken as they stand.
        ranges.append(0x2D...0x2D)
        if let single = low ?? high { ranges.append(single...single) }
        continue
      }
      guard low <= high else {
        throw ECMARegularExpressionError(message: "Range out of order in character class")
      }
      ranges.append(low...high)
    }
    position += 1
    return add(ranges, negated: negated)
  }

  /// One unit of a set, or nil after adding the ranges of a class such as `\d`.
  private mutating func setAtom(
    _ ranges: inout [ClosedRange<UInt16>]
  ) throws(ECMARegularExpressionError) -> UInt16? {
    let unit = pattern[position]
    position += 1
    guard unit == 0x5C else { return unit }
    guard let escaped = peek() else { throw ECMARegularExpressionError(message: "\\ at end of pattern") }
    if let found = classRanges(escaped) {
      position += 1
      ranges += found.negated ? Self.inverse(found.ranges) : found.ranges
      return nil
    }
    if escaped == 0x62 {
      position += 1
      return 0x08
    }
    return characterEscape()
  }
}
