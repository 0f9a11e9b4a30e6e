import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves in which form numbers are held, how they are printed, and how they compare.
@Suite struct NumberTests {

  private func tag(_ text: String) throws -> Value.Tag { try ParsedText("[\(text)]").firstTag }

  @Test(arguments: [
    "0", "1", "-1", "12345678", "123456789", "999999999999999", "1000000000000000", "9007199254740993",
    "9223372036854775807", "-9223372036854775808",
  ])
  func integersStayExact(text: String) throws {
    #expect(try tag(text) == .integer)
    #expect(rewritten(text) == text)
    #expect(rewritten("[\(text)]") == "[\(text)]")
    let parsed = try ParsedText(text)
    #expect(parsed.value.integerValue == Int64(text))
  }

  @Test func integersOfAllLengths() throws {
    var text = ""
    for length in 1...18 {
      text += String(length % 10 == 0 ? 5 : length % 10)
      let parsed = try ParsedText("[\(text),-\(text)]")
      withExtendedLifetime(parsed) {
        #expect(parsed.value.elements[0].integerValue == Int64(text))
        #expect(parsed.value.elements[1].integerValue == Int64("-" + text))
      }
      #expect(parsed.written == "[\(text),-\(text)]")
    }
  }

  @Test func minusZeroIsTheIntegerZero() {
    #expect(rewritten("-0") == "0")
    #expect(rewritten("[-0]") == "[0]")
    #expect(rewritten("-0.0") == "-0.0")
  }

  @Test(arguments: [
    "0.0", "0.5", "249.95", "-1.25", "1.0", "12.0", "9999999.0", "9999999.12345678", "0.001", "0.00123",
    "100.5", "-0.001", "1234567.12345678", "-1234567.12345678", "0.123456789012345",
  ])
  func canonicalDecimalsStayText(text: String) throws {
    #expect(try tag(text) == .numeral)
    #expect(rewritten(text) == text)
    #expect(try tag("\(text) ") == .numeral)
  }

  @Test(arguments: [
    ("1.00", "1.0"), ("1.10", "1.1"), ("0.00", "0.0"), ("10000000.0", "1.0E7"), ("1e7", "1.0E7"),
    ("1E6", "1000000.0"),
    ("1e-3", "0.001"), ("0.0001", "1.0E-4"), ("0.00099", "9.9E-4"), ("0.00001", "1.0E-5"),
    ("1790204286e0", "1.790204286E9"),
    ("1790204286.0", "1.790204286E9"), ("1e0", "1.0"), ("-1.5e3", "-1500.0"),
    ("123456789.125", "1.23456789125E8"),
    ("1e22", "1.0E22"), ("1e23", "1.0E23"), ("1.7976931348623157e308", "1.7976931348623157E308"),
    ("5e-324", "4.9E-324"), ("1e-323", "9.9E-324"), ("5e-323", "4.9E-323"), ("2e-323", "2.0E-323"),
    ("1.5e-323", "1.5E-323"), ("3e-322", "3.0E-322"), ("0e5", "0.0"), ("-0e5", "-0.0"), ("0.1000", "0.1"),
    ("100e-2", "1.0"),
    ("1.00000000000000000000", "1.0"), ("0.30000000000000004", "0.30000000000000004"), ("2.5e-8", "2.5E-8"),
    ("1234567890.5", "1.2345678905E9"), ("9007199254740993.0", "9.007199254740992E15"),
    ("100000e-1", "10000.0"),
    ("0.0010", "0.001"), ("0.10000000000000001", "0.1"),
  ])
  func otherDecimalsArePrintedAsJavaDoes(text: String, printed: String) throws {
    #expect(try tag(text) == .double)
    #expect(rewritten(text) == printed)
    #expect(rewritten(printed) == printed)
  }

  @Test(arguments: [
    "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "1.000000000000000005",
    "0.1234567890123456789", "1e999", "-1e999", "1e-999", "123e-10000000", "1e99999999999999999999",
  ])
  func whatADoubleCannotHoldStaysText(text: String) throws {
    #expect(try tag(text) == .numeral)
    #expect(rewritten(text) == text)
  }

  @Test func numbersAtTheEndOfTheText() throws {
    // The padding continues the number; it must not count.
    for text in ["1", "12.5", "1e5", "123456789012345", "-0.25"] {
      let parsed = try ParsedText(Array(text.utf8), padding: UInt8(ascii: "7"))
      #expect(parsed.written == rewritten(text))
    }
  }

  @Test func randomDoublesAreReadAndPrintedExactly() {
    var random = SeededGenerator()
    for round in 0..<20_000 {
      let double: Double
      switch round % 4 {
      case 0: double = Double(bitPattern: random.next())
      case 1: double = Double(Int64(truncatingIfNeeded: random.next()) >> 20) / 1000
      case 2: double = Double.random(in: -180...180, using: &random)
      default: double = Double(random.next() >> UInt64(random.next() % 60)) * 1e-5
      }
      guard double.isFinite else { continue }
      // The standard library's text is the shortest too; its layout differs.
      let text = double.description
      guard let parsed = try? ParsedText("[\(text)]") else {
        Issue.record("\(text) was refused, \(random)")
        continue
      }
      let printed = parsed.firstPrinted
      #expect(parsed.value.serializedSize == printed.utf8.count + 2, "\(text), \(random)")
      #expect(Double(printed) == double, "\(text) printed as \(printed), \(random)")
      // Java shows two digits of the smallest numbers even where one says it all.
      if double.magnitude < 1e-300 { continue }
      #expect(printed.digits == text.digits, "\(text) printed as \(printed), \(random)")
    }
  }

  @Test func sixteenToNineteenDigitsAreReadExactly() throws {
    var random = SeededGenerator()
    for _ in 0..<20_000 {
      let digits = String(random.next() % 9_999_999_999_999_999_999 + 1)
      let place = Int(random.next() % UInt64(digits.count + 1))
      let exponent = Int(random.next() % 60) - 30
      let whole = place == 0 ? "0" : String(digits.prefix(place))
      let text = "\(whole).\(digits.dropFirst(place))0e\(exponent)"
      let parsed = try ParsedText("[\(text)]")
      let read = withExtendedLifetime(parsed) { parsed.value.elements[0].asDouble }
      #expect(read == strtod(text, nil), "\(text), \(random)")
    }
  }

  @Test func nonFiniteDoublesAreStrings() {
    let parsed = ParsedText()
    #expect(parsed.write(.double(.nan)) == "\"NaN\"")
    #expect(parsed.write(.double(.infinity)) == "\"Infinity\"")
    #expect(parsed.write(.double(-.infinity)) == "\"-Infinity\"")
    #expect(Value.double(-.infinity).serializedSize == 11)
  }

  @Test func asInteger() throws {
    func integer(_ text: String) throws -> Int64? {
      let parsed = try ParsedText(text)
      return withExtendedLifetime(parsed) { parsed.value.asInteger }
    }
    #expect(try integer("12") == 12)
    #expect(try integer("12.0") == 12)
    #expect(try integer("1.2e1") == 12)
    #expect(try integer("-12.0") == -12)
    #expect(try integer("12.5") == nil)
    #expect(try integer("9223372036854775808") == nil)
    #expect(try integer("1e999") == nil)
    #expect(try integer("0.0") == 0)
    #expect(try integer("true") == nil)
    #expect(try integer("9223372036854775807.0000000000000000000000") == .max)
  }

  /// Each is less than the next; the variants in a row are equal.
  @Test func order() throws {
    let rows = [
      ["-1e999"], ["-123456789012345678901234567890"], ["-9223372036854775809"], ["-9223372036854775808"],
      ["-9007199254740993"], ["-9007199254740992"], ["-1.5", "-1.50", "-15e-1"], ["-1e-999"],
      ["0", "-0", "0.0", "-0.0", "0e9", "0.00000000000000000000"], ["1e-9999"], ["1e-999", "10e-1000"],
      ["5e-324"],
      ["0.1", "0.10", "1e-1", "0.1000000000000000000000"], ["0.10000000000000000001"],
      ["1", "1.0", "1.00", "10e-1", "1.000000000000000000000"],
      ["1.000000000000000005"], ["9007199254740992", "9007199254740992.0", "9.007199254740992e15"],
      ["9007199254740993"], ["9223372036854775807"], ["9223372036854775808"], ["9223372036854775809"],
      ["123456789012345678901234567890", "123456789012345678901234567890.0000"],
      ["123456789012345678901234567891"],
      ["1e999", "0.1e1000", "10e998"], ["1e1000"],
    ]
    let parsed = try ParsedText(
      "[" + rows.map { "[" + $0.joined(separator: ",") + "]" }.joined(separator: ",") + "]")
    withExtendedLifetime(parsed) {
      for (i, left) in parsed.value.elements.enumerated() {
        for (j, right) in parsed.value.elements.enumerated() {
          for a in left.elements {
            for b in right.elements {
              let expected = i < j ? -1 : i > j ? 1 : 0
              let message: Comment = "\(parsed.write(a)) and \(parsed.write(b))"
              #expect(a.compareNumber(b) == expected, message)
              #expect(a.isEqual(to: b) == (i == j), message)
            }
          }
        }
      }
    }
  }
}

extension ParsedText {
  fileprivate var firstTag: Value.Tag { withExtendedLifetime(self) { value.elements[0].tag } }
  fileprivate var firstPrinted: String { withExtendedLifetime(self) { write(value.elements[0]) } }
}

extension String {
  /// The significant digits of a number's text.
  fileprivate var digits: String {
    let mantissa = split { $0 == "e" || $0 == "E" }[0].filter(\.isNumber)
    let trimmed = mantissa.drop { $0 == "0" }
    return String(trimmed.reversed().drop { $0 == "0" }.reversed())
  }
}
