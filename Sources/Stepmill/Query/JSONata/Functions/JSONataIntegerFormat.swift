// Whole numbers by a picture: decimal digits with grouping, letters, Roman numerals and
// English words. `$formatInteger` and `$parseInteger` use them, and so do dates.

struct JSONataIntegerFormat {
  enum Primary {
    case decimal, letters, roman, words
    /// A numbering that is not known; formatting or parsing with it fails.
    case sequence
  }

  enum Case {
    case lower, upper, title
  }

  struct Separator {
    /// Digits to its right.
    var position: Int
    var character: Character
  }

  var primary = Primary.decimal
  var letterCase = Case.lower
  var ordinal = false
  var zero: UInt32 = 0x30
  var mandatoryDigits = 0
  var optionalDigits = 0
  /// Separators from right to left; a single one if `regular`.
  var separators: [Separator] = []
  var regular = false
  /// How many digits to read, where the picture leaves no other way to tell.
  var parseWidth: Int?
  let token: String

  private static let zeros: [UInt32] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
  ]

  init(_ picture: String) throws(JSONataError) {
    var primaryFormat = picture[...]
    if let semicolon = picture.lastIndex(of: ";") {
      primaryFormat = picture[..<semicolon]
      ordinal = picture[picture.index(after: semicolon)...].hasPrefix("o")
    }
    token = String(primaryFormat)
    switch token {
    case "A": (primary, letterCase) = (.letters, .upper)
    case "a": primary = .letters
    case "I": (primary, letterCase) = (.roman, .upper)
    case "i": primary = .roman
    case "W": (primary, letterCase) = (.words, .upper)
    case "Ww": (primary, letterCase) = (.words, .title)
    case "w": primary = .words
    default: try readDecimal()
    }
  }

  private mutating func readDecimal() throws(JSONataError) {
    var position = 0
    var found: UInt32?
    for scalar in token.unicodeScalars.reversed() {
      if let zero = Self.zeros.first(where: { scalar.value >= $0 && scalar.value <= $0 + 9 }) {
        mandatoryDigits += 1
        position += 1
        if let found, found != zero { throw JSONataError(.d3131) }
        found = zero
      } else if scalar == "#" {
        position += 1
        optionalDigits += 1
      } else {
        separators.append(Separator(position: position, character: Character(scalar)))
      }
    }
    guard mandatoryDigits > 0 else {
      primary = .sequence
      return
    }
    zero = found ?? 0x30
    let interval = Self.interval(separators)
    if interval > 0 {
      regular = true
      separators = [Separator(position: interval, character: separators[0].character)]
    }
  }

  /// The distance between separators if they are alike and evenly spaced from the right;
  /// else zero.
  private static func interval(_ separators: [Separator]) -> Int {
    guard let first = separators.first else { return 0 }
    guard separators.allSatisfy({ $0.character == first.character }) else { return 0 }
    return regularInterval(separators.map(\.position))
  }

  static func regularInterval(_ positions: [Int]) -> Int {
    guard !positions.isEmpty else { return 0 }
    let factor = positions.reduce(0) { divisor($0, $1) }
    guard factor > 0 else { return 0 }
    for index in 1...positions.count where !positions.contains(index * factor) { return 0 }
    return factor
  }

  private static func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }

  // MARK: Formatting

  func format(_ number: Double) throws(JSONataError) -> String {
    let magnitude = number.magnitude
    var result: String
    switch primary {
    case .letters: result = Self.letters(magnitude, upper: letterCase == .upper)
    case .roman:
      let text = Self.roman(magnitude)
      result = letterCase == .upper ? text : text.lowercased()
    case .words:
      let text = JSONataNumberWords.words(magnitude, ordinal: ordinal)
      switch letterCase {
      case .lower: result = text.lowercased()
      case .upper: result = text.uppercased()
      case .title: result = text
      }
    case .decimal: result = decimal(magnitude)
    case .sequence: throw JSONataError(.d3130, value: JSONataError.quoted(token))
    }
    if number < 0 { result = "-" + result }
    return result
  }

  private func decimal(_ magnitude: Double) -> String {
    var digits = Array(String(decoding: JSONataDigits(magnitude).text, as: UTF8.self))
    if digits.count < mandatoryDigits {
      digits = [Character](repeating: "0", count: min(mandatoryDigits, 4096) - digits.count) + digits
    }
    if zero != 0x30 {
      digits = digits.map { digit in
        guard let value = digit.wholeNumberValue, let scalar = Unicode.Scalar(zero + UInt32(value)) else {
          return digit
        }
        return Character(scalar)
      }
    }
    if regular, let separator = separators.first {
      var position = digits.count - separator.position
      while position > 0 {
        digits.insert(separator.character, at: position)
        position -= separator.position
      }
    } else {
      let count = digits.count
      for separator in separators where separator.position < count {
        digits.insert(separator.character, at: count - separator.position)
      }
    }
    var result = String(digits)
    if ordinal {
      let isTeen = digits.count > 1 && digits[digits.count - 2] == "1"
      switch digits.last {
      case "1" where !isTeen: result += "st"
      case "2" where !isTeen: result += "nd"
      case "3" where !isTeen: result += "rd"
      default: result += "th"
      }
    }
    return result
  }

  private static func letters(_ magnitude: Double, upper: Bool) -> String {
    var rest = magnitude
    var result = ""
    let first: UInt8 = upper ? 0x41 : 0x61
    while rest > 0 && result.utf8.count < 400 {
      let digit = (rest - 1).truncatingRemainder(dividingBy: 26)
      result = String(UnicodeScalar(first + UInt8(max(digit, 0)))) + result
      rest = ((rest - 1) / 26).rounded(.down)
    }
    return result
  }

  private static let numerals: [(value: Double, text: String)] = [
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
  ]

  private static func roman(_ magnitude: Double) -> String {
    // Thousands are repeated; beyond some number of them nobody reads it any more.
    var rest = min(magnitude, 1_000_000)
    var result = ""
    for numeral in numerals {
      while rest >= numeral.value {
        result += numeral.text
        rest -= numeral.value
      }
    }
    return result
  }

  // MARK: Parsing

  /// The part of a regular expression that such a number matches.
  func pattern() throws(JSONataError) -> String {
    switch primary {
    case .letters: return letterCase == .upper ? "[A-Z]+" : "[a-z]+"
    case .roman: return letterCase == .upper ? "[MDCLXVI]+" : "[mdclxvi]+"
    case .words:
      return "(?:" + (JSONataNumberWords.values.keys.sorted() + ["and", "[\\-, ]"]).joined(separator: "|")
        + ")+"
    case .decimal:
      var pattern = parseWidth.map { "[0-9]{\($0)}" } ?? "[0-9]+"
      if zero != 0x30 { pattern = ".+" }
      return ordinal ? pattern + "(?:th|st|nd|rd)" : pattern
    case .sequence: throw JSONataError(.d3130, value: JSONataError.quoted(token))
    }
  }

  /// The number that a text stands for; nil if it stands for none.
  func parse(_ text: String) throws(JSONataError) -> Double? {
    switch primary {
    case .letters:
      let first: UInt32 = letterCase == .upper ? 0x41 : 0x61
      return text.unicodeScalars.reduce(0) { $0 * 26 + Double($1.value) - Double(first) + 1 }
    case .roman: return Self.parseRoman(letterCase == .upper ? text : text.uppercased())
    case .words: return JSONataNumberWords.parse(text.lowercased())
    case .decimal:
      var digits = ordinal ? String(text.dropLast(2)) : text
      for separator in separators { digits.removeAll { $0 == separator.character } }
      var value = 0.0
      var isNegative = false
      var count = 0
      for scalar in digits.unicodeScalars {
        if count == 0 && (scalar == "-" || scalar == "+") {
          isNegative = scalar == "-"
          continue
        }
        guard scalar.value >= zero, scalar.value <= zero + 9 else { break }
        value = value * 10 + Double(scalar.value - zero)
        count += 1
      }
      if count > 15, let exact = Double(digits.filter(\.isASCII)) { value = exact.magnitude }
      return count == 0 ? nil : isNegative ? -value : value
    case .sequence: throw JSONataError(.d3130, value: JSONataError.quoted(token))
    }
  }

  private static func parseRoman(_ text: String) -> Double? {
    var value = 0.0
    var largest = 0.0
    for character in text.reversed() {
      guard let digit = numerals.first(where: { $0.text == String(character) })?.value else { return nil }
      if digit < largest {
        value -= digit
      } else {
        largest = digit
        value += digit
      }
    }
    return value
  }
}

/// Numbers in English.
enum JSONataNumberWords {
  private static let few = [
    "Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
    "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen",
  ]
  private static let ordinals = [
    "Zeroth", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth",
    "Tenth", "Eleventh", "Twelfth", "Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth",
    "Seventeenth", "Eighteenth", "Nineteenth",
  ]
  private static let decades = [
    "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety",
  ]
  private static let magnitudes = ["Thousand", "Million", "Billion", "Trillion"]

  static let values: [String: Double] = {
    var values: [String: Double] = ["hundred": 100, "hundredth": 100]
    for (index, word) in few.enumerated() { values[word.lowercased()] = Double(index) }
    for (index, word) in ordinals.enumerated() { values[word.lowercased()] = Double(index) }
    for (index, word) in decades.enumerated() {
      values[word.lowercased()] = Double((index + 2) * 10)
      values[word.lowercased().dropLast() + "ieth"] = Double((index + 2) * 10)
    }
    var power = 1000.0
    for word in magnitudes {
      values[word.lowercased()] = power
      values[word.lowercased() + "th"] = power
      power *= 1000
    }
    return values
  }()

  static func words(_ number: Double, ordinal: Bool) -> String {
    number.isFinite ? words(number, false, ordinal, 0) : "\(number)"
  }

  private static func words(_ number: Double, _ follows: Bool, _ ordinal: Bool, _ level: Int) -> String {
    if number < 20 { return (follows ? " and " : "") + (ordinal ? ordinals : few)[Int(number)] }
    if number < 100 {
      let tens = Int(number) / 10
      let rest = Int(number) % 10
      let text = (follows ? " and " : "") + decades[tens - 2]
      if rest > 0 { return text + "-" + (ordinal ? ordinals : few)[rest] }
      return ordinal ? text.dropLast() + "ieth" : text
    }
    let text: String
    let rest: Double
    if number < 1000 {
      let hundreds = (number / 100).rounded(.down)
      rest = number - hundreds * 100
      text = (follows ? ", " : "") + few[Int(hundreds)] + " Hundred"
    } else {
      var magnitude = 0
      var factor = 1.0
      while magnitude < magnitudes.count && number >= factor * 1000 {
        factor *= 1000
        magnitude += 1
      }
      let mantissa = (number / factor).rounded(.down)
      rest = number - mantissa * factor
      // A million trillions are counted in trillions of trillions, and so on.
      let count = level < 40 ? words(mantissa, false, false, level + 1) : ""
      text = (follows ? ", " : "") + count + " " + magnitudes[magnitude - 1]
    }
    if rest > 0 { return text + words(rest, true, ordinal, level + 1) }
    return ordinal ? text + "th" : text
  }

  static func parse(_ text: String) -> Double? {
    var segments = [0.0]
    for word in split(text) {
      guard let value = values[word] else { return nil }
      let last = segments.removeLast()
      if value < 100 {
        if last >= 1000 {
          segments.append(last)
          segments.append(value)
        } else {
          segments.append(last + value)
        }
      } else {
        segments.append(last * value)
      }
    }
    return segments.reduce(0, +)
  }

  private static func split(_ text: String) -> [String] {
    text.split { $0 == "," || $0 == "-" || $0.isWhitespace }.map(String.init).filter { $0 != "and" }
  }
}

extension JSONataMachine {
  private mutating func raise(_ error: JSONataError) -> Value { fail(error) }

  mutating func formatInteger(_ value: Value, _ picture: Value) -> Value {
    if value.isMissing || picture.isMissing { return .missing }
    do {
      let format = try JSONataIntegerFormat(picture.text)
      return arena.pointee.string(try format.format(value.number.rounded(.down)))
    } catch {
      return raise(error)
    }
  }

  mutating func parseInteger(_ text: Value, _ picture: Value) -> Value {
    if text.isMissing || picture.isMissing { return .missing }
    do {
      let format = try JSONataIntegerFormat(picture.text)
      guard let number = try format.parse(text.text) else { return .missing }
      return .jsonataNumber(number)
    } catch {
      return raise(error)
    }
  }
}
