import Testing

@testable import Stepmill

/// Proves that numbers print alike by the quick way and by the general one.
@Suite struct JSONataNumberTextTests {
  @Test func texts() throws {
    var generator = SeededGenerator()
    print(generator.description)
    let bench = JSONataBench()
    let program = try JSONataProgram.compile("$string($x)", options: bench.options)
    for _ in 0..<5000 {
      let digits = Double(Int.random(in: -1_000_000_000...1_000_000_000, using: &generator))
      let scale = ([1.0, 1e3, 1e6, 1e9, 1e12, 3, 7e5] as [Double]).randomElement(using: &generator) ?? 1
      let number = digits / scale
      var expected = JSONataDigits(number)
      if expected.digits.count > 15 && expected.point < expected.digits.count {
        expected = JSONataDigits(number, precision: 15)
      }
      let result = bench.evaluate(program, input: .missing, variables: ["x": .jsonataNumber(number)])
      guard case .value(let value) = result else {
        Issue.record("\(number)")
        continue
      }
      #expect(value.text == String(decoding: expected.text, as: UTF8.self))
      bench.arena.pointee.release()
    }
  }
}
