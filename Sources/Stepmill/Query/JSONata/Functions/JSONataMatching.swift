// Matching: regular expressions as functions, and the functions that take one, or any
// other function that behaves like one ("matcher"): given a text it returns an object
// with `match`, `start`, `end`, `groups` and `next`, or nothing.

extension JSONataMachine {
  /// One match, wherever it came from.
  private struct Match {
    var text: Value
    var start: Int
    var end: Int
    var groups: Value
    /// The function that finds the next match; for regular expressions made when asked for.
    var next: Value
    var whole: Value
    /// Byte offsets, if the match is a regular expression's.
    var byteStart = -1
    var byteEnd = -1
  }

  private enum Search {
    case found(Match)
    case nothing, failed
  }

  /// A text prepared for a regular expression, once for all matches in it.
  private final class Subject {
    let value: Value
    let units: [UInt16]
    /// The byte at which each unit starts.
    let offsets: [Int32]
    let isASCII: Bool

    init(_ value: Value) {
      self.value = value
      isASCII = !value.bytes.contains { $0 >= 0x80 }
      if isASCII {
        units = []
        offsets = []
        return
      }
      units = JSONataText.units(value.bytes)
      var offsets: [Int32] = []
      offsets.reserveCapacity(units.count + 1)
      var index = 0
      while index < value.count {
        let (scalar, length) = JSONataText.decode(value.bytes, index)
        offsets.append(Int32(truncatingIfNeeded: index))
        // The second half of a pair starts nowhere of its own.
        if scalar >= 0x10000 { offsets.append(Int32(truncatingIfNeeded: index + 4)) }
        index += length
      }
      offsets.append(Int32(truncatingIfNeeded: index))
      self.offsets = offsets
    }

    var count: Int { isASCII ? value.count : units.count }

    func offset(_ unit: Int) -> Int { isASCII ? unit : Int(offsets[unit]) }
  }

  // MARK: Matchers

  private mutating func search(_ matcher: Value, _ subject: Subject, from start: Int) -> Search {
    guard matcher.functionSort == .regex else { return custom(matcher, subject.value) }
    let regex = program.pointee.owner._withUnsafeGuaranteedRef { $0.regexes[Int(matcher.payload)] }
    let captures = arena.pointee.allocate((regex.groupCount + 1) * 8).assumingMemoryBound(to: Int32.self)
    let outcome: ECMARegularExpression.Outcome
    if subject.isASCII {
      let ascii = ECMASubject(
        ascii: subject.value.address.assumingMemoryBound(to: UInt8.self), count: subject.value.count)
      outcome = regex.match(ascii, from: start, captures: captures, budget: &patternBudget)
    } else {
      outcome = subject.units.withUnsafeBufferPointer {
        guard let base = $0.baseAddress else { return .failed }
        let units = ECMASubject(units: base, count: $0.count)
        return regex.match(units, from: start, captures: captures, budget: &patternBudget)
      }
    }
    switch outcome {
    case .failed: return .nothing
    case .exhausted:
      _ = fail(.d1012)
      return .failed
    case .matched: break
    }
    let base = top
    for group in 0..<regex.groupCount {
      let from = Int(captures[group * 2 + 2])
      let to = Int(captures[group * 2 + 3])
      push(from < 0 || to < from ? .missing : slice(subject.value, subject.offset(from), subject.offset(to)))
    }
    let groups = popArray(from: base)
    if groups.isFailure { return .failed }
    let first = subject.offset(Int(captures[0]))
    let last = subject.offset(Int(captures[1]))
    return .found(
      Match(
        text: slice(subject.value, first, last), start: Int(captures[0]), end: Int(captures[1]),
        groups: groups, next: matcher, whole: .missing, byteStart: first, byteEnd: last))
  }

  /// Calls a function that is a matcher by what it returns.
  private mutating func custom(_ matcher: Value, _ text: Value?) -> Search {
    if let text { push(text) }
    let result = Self.collapse(callback(matcher, text == nil ? 0 : 1))
    if result.isFailure { return .failed }
    if result.isMissing { return .nothing }
    let start = result.member(named: "start")
    let end = result.member(named: "end")
    let groups = result.member(named: "groups")
    let next = result.member(named: "next")
    guard result.isObject, start.isNumber || end.isNumber || groups.isArray || next.isFunction else {
      _ = fail(.t1010)
      return .failed
    }
    return .found(
      Match(
        text: result.member(named: "match"), start: start.isNumber ? start.truncatedNumber : 0,
        end: end.isNumber ? end.truncatedNumber : 0, groups: groups, next: next, whole: result))
  }

  private mutating func next(_ match: Match, _ subject: Subject) -> Search {
    guard match.byteStart >= 0 else {
      return match.next.isFunction ? custom(match.next, nil) : .nothing
    }
    if match.end >= subject.count { return .nothing }
    let result = search(match.next, subject, from: match.end)
    if case .found(let found) = result, found.start == found.end {
      _ = fail(.d1004, value: match.text)
      return .failed
    }
    return result
  }

  /// Units of a text as a slice of it, for matches that a function found.
  private func units(_ subject: Subject, _ start: Int, _ end: Int) -> Value {
    let count = subject.count
    let first = max(0, min(start, count))
    let last = max(first, min(end, count))
    return slice(subject.value, subject.offset(first), subject.offset(last))
  }

  /// A match as a value: what callers of regular expressions, and replacing functions, see.
  private mutating func object(_ match: Match, _ subject: Subject) -> Value {
    if match.byteStart < 0 { return match.whole }
    let state = arena.pointee.elements(3)
    state[0] = match.next
    state[1] = subject.value
    state[2] = .integer(Int64(match.end))
    let members = arena.pointee.members(5)
    members[0] = Member(key: .key("match"), value: match.text)
    members[1] = Member(key: .key("start"), value: .integer(Int64(match.start)))
    members[2] = Member(key: .key("end"), value: .integer(Int64(match.end)))
    members[3] = Member(key: .key("groups"), value: match.groups)
    members[4] = Member(
      key: .key("next"), value: .function(.nextMatch, UInt64(UInt(bitPattern: state)), count: 3))
    return Value.object(members, count: 5).with(Value.fresh)
  }

  /// A regular expression, or the function behind `next`, called as a function.
  mutating func invokeMatcher(_ function: Value, _ base: Int, _ count: Int) -> Value {
    var matcher = function
    var text = count > 0 ? stack(base) : .missing
    var start = count > 1 && stack(base + 1).isNumber ? max(0, stack(base + 1).truncatedNumber) : 0
    let isNext = function.functionSort == .nextMatch
    if isNext {
      let cells = Self.cells(of: function)
      (matcher, text, start) = (cells[0], cells[1], Int(cells[2].integerValue))
    }
    guard text.isString else { return .missing }
    let subject = Subject(text)
    if isNext && start >= subject.count { return .missing }
    guard start <= subject.count else { return .missing }
    switch search(matcher, subject, from: start) {
    case .failed: return .failure
    case .nothing: return .missing
    case .found(let match):
      if isNext && match.start == match.end { return fail(.d1004, value: match.text) }
      return object(match, subject)
    }
  }

  // MARK: Functions

  mutating func contains(_ text: Value, _ pattern: Value) -> Value {
    if text.isMissing || pattern.isMissing { return .missing }
    if pattern.isString { return .bool(Self.find(pattern, in: text) != nil) }
    switch search(pattern, Subject(text), from: 0) {
    case .failed: return .failure
    case .nothing: return .false
    case .found: return .true
    }
  }

  mutating func match(_ text: Value, _ pattern: Value, _ limit: Value) -> Value {
    if text.isMissing { return text }
    if limit.isNumber && limit.number < 0 { return fail(.d3040, value: limit, index: 3) }
    let most = limit.isNumber ? limit.number : .infinity
    let base = top
    guard most > 0 else { return .emptySequence }
    let subject = Subject(text)
    var result = search(pattern, subject, from: 0)
    while case .found(let match) = result, Double(top - base) < most {
      let members = arena.pointee.members(3)
      members[0] = Member(key: .key("match"), value: match.text)
      members[1] = Member(key: .key("index"), value: .integer(Int64(match.start)))
      members[2] = Member(key: .key("groups"), value: match.groups)
      push(Value.object(members, count: 3).with(Value.fresh))
      guard step() else {
        top = base
        return .failure
      }
      result = next(match, subject)
    }
    if case .failed = result {
      top = base
      return .failure
    }
    return popSequence(from: base)
  }

  mutating func split(_ text: Value, _ separator: Value, _ limit: Value) -> Value {
    if text.isMissing { return text }
    if limit.isNumber && limit.number < 0 { return fail(.d3020, value: limit, index: 3) }
    let most = limit.isNumber ? limit.number.rounded(.towardZero) : .infinity
    let base = top
    if separator.isFunction {
      guard most > 0 || limit.isNumber && limit.number > 0 else { return .emptyArray }
      guard splitByMatches(text, separator, limit.isNumber ? limit.number : .infinity) else {
        top = base
        return .failure
      }
    } else if separator.isMissing {
      if most > 0 { push(text) }
    } else if separator.count == 0 {
      var index = 0
      while index < text.count && Double(top - base) < most {
        let length = JSONataText.decode(text.bytes, index).length
        push(slice(text, index, index + length))
        index += length
      }
    } else {
      var start = 0
      while Double(top - base) < most {
        guard step() else {
          top = base
          return .failure
        }
        guard let end = Self.find(separator, in: text, from: start) else {
          push(slice(text, start, text.count))
          break
        }
        push(slice(text, start, end))
        start = end + separator.count
      }
    }
    return popArray(from: base)
  }

  private mutating func splitByMatches(_ text: Value, _ separator: Value, _ most: Double) -> Bool {
    let subject = Subject(text)
    var start = 0
    var count = 0.0
    var result = search(separator, subject, from: 0)
    guard case .found = result else {
      if case .failed = result { return false }
      push(text)
      return true
    }
    while case .found(let match) = result, count < most {
      push(units(subject, start, match.start))
      start = match.end
      guard step() else { return false }
      result = next(match, subject)
      count += 1
    }
    if case .failed = result { return false }
    if count < most { push(units(subject, start, subject.count)) }
    return true
  }

  mutating func replace(_ text: Value, _ pattern: Value, _ replacement: Value, _ limit: Value) -> Value {
    if text.isMissing { return text }
    if pattern.isString && pattern.count == 0 { return fail(.d3010, value: pattern, index: 2) }
    if limit.isNumber && limit.number < 0 { return fail(.d3011, value: limit, index: 4) }
    let most = limit.isNumber ? limit.number : .infinity
    guard most > 0, !pattern.isMissing else { return text }
    let base = byteTop
    let done =
      pattern.isString
      ? replaceText(text, pattern, replacement, most) : replaceMatches(text, pattern, replacement, most)
    guard done else {
      byteTop = base
      return .failure
    }
    return popString(from: base)
  }

  private mutating func replaceText(
    _ text: Value, _ pattern: Value, _ replacement: Value, _ most: Double
  ) -> Bool {
    var position = 0
    var count = 0.0
    let base = byteTop
    while count < most, let index = Self.find(pattern, in: text, from: position) {
      guard step(), byteTop - base <= valueMax else {
        if error == nil { _ = fail(.d2015) }
        return false
      }
      putBytes(slice(text, position, index).bytes)
      if replacement.isString { putBytes(replacement.bytes) }
      position = index + pattern.count
      count += 1
    }
    putBytes(slice(text, position, text.count).bytes)
    return true
  }

  private mutating func replaceMatches(
    _ text: Value, _ pattern: Value, _ replacement: Value, _ most: Double
  ) -> Bool {
    let subject = Subject(text)
    var position = 0
    var count = 0.0
    let base = byteTop
    var result = search(pattern, subject, from: 0)
    while case .found(let match) = result, count < most {
      guard step(), byteTop - base <= valueMax else {
        if error == nil { _ = fail(.d2015) }
        return false
      }
      putBytes(units(subject, position, match.start).bytes)
      if replacement.isString {
        substitute(replacement, match)
      } else {
        push(object(match, subject))
        let replaced = Self.collapse(callback(replacement, 1))
        if replaced.isFailure { return false }
        guard replaced.isString else {
          _ = fail(.d3012, value: replaced)
          return false
        }
        putBytes(replaced.bytes)
      }
      position = match.byteStart >= 0 ? match.end : match.start + JSONataText.unitCount(match.text.bytes)
      count += 1
      result = next(match, subject)
    }
    if case .failed = result { return false }
    putBytes(units(subject, position, subject.count).bytes)
    return true
  }

  /// Writes a replacement text with `$0`, `$1` … and `$$` filled in.
  private func substitute(_ replacement: Value, _ match: Match) {
    let bytes = replacement.bytes
    let dollar = UInt8(ascii: "$")
    let groupCount = match.groups.isArray ? match.groups.count : 0
    var index = 0
    while index < bytes.count {
      guard bytes[index] == dollar else {
        putByte(bytes[index])
        index += 1
        continue
      }
      index += 1
      if index < bytes.count && bytes[index] == dollar {
        putByte(dollar)
        index += 1
      } else if index < bytes.count && bytes[index] == UInt8(ascii: "0") {
        putBytes(match.text.isString ? match.text.bytes : .init(start: nil, count: 0))
        index += 1
      } else {
        index = group(bytes, index, match, groupCount)
      }
    }
  }

  /// A group's number at an index: as many digits as the number of groups has, one less
  /// if that is no group's. Returns where the rest begins.
  private func group(
    _ bytes: UnsafeRawBufferPointer, _ start: Int, _ match: Match, _ groupCount: Int
  ) -> Int {
    func number(_ digits: Int) -> Int? {
      var value: Int?
      var index = start
      while index < min(start + digits, bytes.count), bytes[index] &- UInt8(ascii: "0") <= 9 {
        value = (value ?? 0) * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        index += 1
      }
      return value
    }
    let digits = groupCount == 0 ? 1 : String(groupCount).utf8.count
    var wanted = number(digits)
    if digits > 1, let value = wanted, value > groupCount { wanted = number(digits - 1) }
    guard let wanted else {
      putByte(UInt8(ascii: "$"))
      return start
    }
    if wanted >= 1 && wanted <= groupCount {
      let text = match.groups.elements[wanted - 1]
      if text.isString { putBytes(text.bytes) }
    }
    return start + String(wanted).utf8.count
  }
}
