import CIntrinsics

// What Step Functions adds to the language.

extension JSONataMachine {
  mutating func partition(_ array: Value, _ size: Value) -> Value {
    if array.isMissing { return array }
    guard array.isArray else { return fail(.t0412, value: array, index: 1) }
    if array.count == 0 { return .missing }
    let length = size.isMissing ? array.count : size.truncatedNumber
    guard length >= 0 else {
      return fail(JSONataError(.d3137, text: "Second argument must be zero or greater"))
    }
    if length == 0 { return .missing }
    let base = top
    var start = 0
    while start < array.count {
      let end = start + min(length, array.count - start)
      let chunk = UnsafePointer<Value>(array.elements.baseAddress.unsafelyUnwrapped + start)
      let copy = arena.pointee.elements(end - start)
      copy.update(from: chunk, count: end - start)
      push(Value.array(copy, count: end - start).with(Value.fresh))
      start = end
      guard step() else {
        top = base
        return .failure
      }
    }
    return popArray(from: base)
  }

  mutating func range(_ first: Value, _ last: Value, _ step: Value) -> Value {
    if first.isMissing || last.isMissing || step.isMissing { return .missing }
    let start = first.truncatedNumber
    let end = last.truncatedNumber
    let stride = step.truncatedNumber
    guard stride != 0, stride > 0 ? start <= end : start >= end else { return .missing }
    let (span, overflow) = end.subtractingReportingOverflow(start)
    let count = overflow ? Int.max : span / stride
    guard count < environment.pointee.limits.rangeMax else { return fail(.d2015) }
    if count == 0 { return .integer(Int64(start)) }
    return integers(from: Int64(start), step: Int64(stride), count: count + 1)
  }

  mutating func hash(_ text: Value, _ name: Value) -> Value {
    if text.isMissing || name.isMissing { return .missing }
    guard let digest = Digest(named: name) else {
      return fail(
        JSONataError(
          .d3137,
          text: "Hash algorithm '\(name.text)' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"))
    }
    let count = digest.size * 2
    let result = arena.pointee.allocate(count)
    digest.hashAsText(text.bytes, into: result)
    return .string(result, count: count, plain: true)
  }

  /// With a seed, what Java's generator gives first.
  mutating func random(_ seed: Value) -> Value {
    guard !seed.isMissing else {
      return .double(environment.pointee.random?.pointee.double() ?? 0)
    }
    let mask: UInt64 = (1 << 48) - 1
    var state = (UInt64(bitPattern: Int64(seed.truncatedNumber)) ^ 0x5_DEEC_E66D) & mask
    func next(_ bits: UInt64) -> UInt64 {
      state = (state &* 0x5_DEEC_E66D &+ 0xB) & mask
      return state >> (48 - bits)
    }
    let high = next(26)
    return .double(Double(high << 27 + next(27)) * 0x1p-53)
  }

  mutating func uuid() -> Value {
    guard let random = environment.pointee.random else { return .missing }
    let (high, low) = random.pointee.uuid()
    let digits: StaticString = "0123456789abcdef"
    let base = byteTop
    for place in 0..<32 {
      if place == 8 || place == 12 || place == 16 || place == 20 { putByte(UInt8(ascii: "-")) }
      let word = place < 16 ? high : low
      putByte(digits.utf8Start[Int(word >> UInt64(60 - place % 16 * 4) & 15)])
    }
    return popString(from: base)
  }

  mutating func parse(_ text: Value) -> Value {
    if text.isMissing { return text }
    let invalid = JSONataError(.d3137, text: "Invalid JSON")
    guard mayBuild(text.count) else { return .failure }
    let copy = arena.pointee.allocate(text.count + JSONParser.padding)
    copy.copyMemory(from: text.address, byteCount: text.count)
    (copy + text.count).initializeMemory(as: UInt8.self, repeating: 0, count: JSONParser.padding)
    let buffer = UnsafeRawBufferPointer(start: copy, count: text.count)
    var parser = JSONParser()
    guard let value = try? parser.parse(buffer, into: arena) else { return fail(invalid) }
    // The parser lets the last of several members with one name win; here that is an error,
    // and shows in the text having more of them.
    var members = 0
    guard count(members: &members, of: value, level: 0), members == Self.colons(in: buffer) else {
      return error == nil ? fail(invalid) : .failure
    }
    return value
  }

  /// Counts members, and looks for numbers beyond the range of a double.
  private mutating func count(members: inout Int, of value: Value, level: Int) -> Bool {
    guard step(), level < 1000, stepmill_frame_address() > stackLimit else { return false }
    switch value.kind {
    case .numeral: return value.number.isFinite
    case .array:
      for element in value.elements where !count(members: &members, of: element, level: level + 1) {
        return false
      }
    case .object:
      members += value.count
      for member in value.members where !count(members: &members, of: member.value, level: level + 1) {
        return false
      }
    default: break
    }
    return true
  }

  private static func colons(in text: UnsafeRawBufferPointer) -> Int {
    var count = 0
    var inString = false
    var index = 0
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""): inString.toggle()
      case UInt8(ascii: "\\"): index += 1
      case UInt8(ascii: ":") where !inString: count += 1
      default: break
      }
      index += 1
    }
    return count
  }
}
