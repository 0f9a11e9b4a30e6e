import Testing

@testable import Stepmill

/// Proves that no text crashes the parser and no values crash a function, and that what
/// comes out is a value within the limits. A failure names its seed.
@Suite struct IntrinsicFuzzTests {
  static let seeds: [UInt64] = Array(1...20)

  @Test(arguments: seeds) func anyTextIsReadOrRefused(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let tokens = [
      "States.", "Format", "Array", "MathAdd", "UUID", "(", ")", "'", ",", " ", "\\", "{", "}", "{}", "\"",
      "$", "$.a", "$$", "[", "]", "?", "@", "/", "1", "-", ".", "e", "true", "null", "é", "\n", "\0",
      "States.Format('{}', ", "States.Array(", "$.a[?(@.b=='",
    ]
    for _ in 0..<500 {
      var text = random.below(4) == 0 ? "" : "States.Array("
      for _ in 0..<random.below(20) { text += tokens[Int(random.below(UInt64(tokens.count)))] }
      if random.below(2) == 0 { text += ")" }
      do {
        let call = try IntrinsicCall.parse(text)
        #expect(text.hasPrefix(call.text))
        #expect(try IntrinsicCall.parse(call.text) == call)
      } catch {
        #expect(error.offset >= 0 && error.offset <= text.utf8.count, "\(text)")
      }
    }
  }

  @Test(arguments: seeds) func anyValuesGiveAResultOrNone(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let evaluator = IntrinsicEvaluator(seed: seed)
    for _ in 0..<400 {
      let function = Intrinsic.allCases[Int(random.below(18))]
      let arguments = (0..<random.below(5)).map { _ in value(&random, evaluator, depth: 0) }
      let result = arguments.withUnsafeBufferPointer { function.evaluate($0, evaluator.scratch) }
      guard !result.isMissing else { continue }
      let text = evaluator.json(result)
      #expect(text.utf8.count <= 6 * Intrinsic.textSizeMax)
      // What was made can be read again, and says the same.
      if !text.contains("\"NaN\"") && !text.contains("Infinity\"") {
        #expect(try evaluator.json(evaluator.value(text)) == text, "seed \(seed), \(function)")
      }
      #expect(result.isString == false || result.isPlainText == false || Value.needsNoEscape(result.bytes))
    }
  }

  private func value(
    _ random: inout RandomSource, _ evaluator: IntrinsicEvaluator, depth: Int
  ) -> Value {
    let arena = evaluator.scratch.arena
    switch random.below(depth < 4 ? 13 : 10) {
    case 0: return .null
    case 1: return .bool(random.below(2) == 0)
    case 2: return .integer(Int64(bitPattern: random.next()))
    case 3: return .integer(Int64(random.below(40)) - 10)
    case 4: return .double(Double(bitPattern: random.next() & 0xBFFF_FFFF_FFFF_FFFF))
    case 5: return .double((random.double() - 0.3) * 100)
    case 6: return .numeral("1e999")
    case 7:
      let names: [StaticString] = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "{}", "[1]", "YQ=="]
      return .string(names[Int(random.below(8))])
    case 8, 9:
      let pieces = [
        "a", "b", ",", "{}", "\\", "{", "}", "\"", "é", "😀", "\n", "1", "[", "]", "=", " ", "\u{ED}",
      ]
      var text = (0..<random.below(30)).map { _ in pieces[Int(random.below(17))] }.joined()
      if random.below(20) == 0 { text = String(repeating: text, count: 400) }
      var bytes = Array(text.utf8)
      // A lone surrogate now and then.
      if random.below(4) == 0 { bytes += [0xED, 0xA0, 0x80] }
      return bytes.withUnsafeBytes { arena.pointee.string(copying: $0) }
    case 10, 11:
      let values = (0..<random.below(8)).map { _ in value(&random, evaluator, depth: depth + 1) }
      let elements = arena.pointee.elements(values.count)
      for (index, value) in values.enumerated() { elements[index] = value }
      return .array(elements, count: values.count)
    default:
      let count = Int(random.below(50))
      let first = random.below(20)
      let members = arena.pointee.members(count)
      for index in 0..<count {
        let key = arena.pointee.key("k\(first &+ UInt64(index))")
        members[index] = Member(key: key, value: value(&random, evaluator, depth: depth + 2))
      }
      return .object(members, count: count)
    }
  }
}

extension Value {
  /// A number kept as text that the program itself contains.
  fileprivate static func numeral(_ text: StaticString) -> Value {
    .numeral(text.utf8Start, count: text.utf8CodeUnitCount)
  }
}
