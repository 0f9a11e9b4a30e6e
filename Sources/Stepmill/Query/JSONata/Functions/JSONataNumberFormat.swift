// `$formatNumber`: numbers by an XPath picture (XPath Functions and Operators 3.1, 4.7).

struct JSONataNumberFormat {
  private var decimalSeparator: Character = "."
  private var groupingSeparator: Character = ","
  private var exponentSeparator: Character = "e"
  private var minus = "-"
  private var percent: Character = "%"
  private var perMille: Character = "\u{2030}"
  private var zero: Character = "0"
  private var digit: Character = "#"
  private var patternSeparator: Character = ";"
  private var infinity = "Infinity"
  private var notANumber = "NaN"

  /// One side of the pattern separator.
  private struct Picture {
    var prefix = ""
    var suffix = ""
    var text: [Character] = []
    var active: [Character] = []
    var mantissa: [Character] = []
    var exponent: [Character]?
    var integer: [Character] = []
    var fraction: [Character] = []

    var integerGroups: [Int] = []
    var regularGroup = 0
    var fractionGroups: [Int] = []
    var integerLeast = 0
    var scale = 0
    var fractionLeast = 0
    var fractionMost = 0
    var exponentLeast = 0
  }

  init(options: Value) {
    guard options.isObject else { return }
    func first(_ name: StaticString, _ fallback: Character) -> Character {
      let value = options.member(named: name)
      return value.isString ? value.text.first ?? fallback : fallback
    }
    func text(_ name: StaticString, _ fallback: String) -> String {
      let value = options.member(named: name)
      return value.isString ? value.text : fallback
    }
    decimalSeparator = first("decimal-separator", decimalSeparator)
    groupingSeparator = first("grouping-separator", groupingSeparator)
    exponentSeparator = first("exponent-separator", exponentSeparator)
    minus = text("minus-sign", minus)
    percent = first("percent", percent)
    perMille = first("per-mille", perMille)
    zero = first("zero-digit", zero)
    digit = first("digit", digit)
    patternSeparator = first("pattern-separator", patternSeparator)
    infinity = text("infinity", infinity)
    notANumber = text("NaN", notANumber)
  }

  private func isDigit(_ character: Character) -> Bool {
    guard let first = zero.unicodeScalars.first, let scalar = character.unicodeScalars.first,
      character.unicodeScalars.count == 1
    else { return false }
    return scalar.value >= first.value && scalar.value < first.value + 10
  }

  private func isActive(_ character: Character) -> Bool {
    isDigit(character) || character == decimalSeparator || character == exponentSeparator
      || character == groupingSeparator || character == digit || character == patternSeparator
  }

  private func isPlace(_ character: Character) -> Bool { isDigit(character) || character == digit }

  // MARK: The picture

  private func read(_ text: [Character]) throws(JSONataError) -> Picture {
    var picture = Picture()
    picture.text = text
    func isEdge(_ character: Character) -> Bool { isActive(character) && character != exponentSeparator }
    let start = text.firstIndex(where: isEdge) ?? 0
    let end = text.lastIndex(where: isEdge).map { $0 + 1 } ?? text.count
    picture.prefix = String(text[..<start])
    picture.suffix = String(text[end...])
    picture.active = Array(text[start..<end])
    if let position = picture.active.firstIndex(of: exponentSeparator) {
      picture.mantissa = Array(picture.active[..<position])
      picture.exponent = Array(picture.active[(position + 1)...])
    } else {
      picture.mantissa = picture.active
    }
    if let position = picture.mantissa.firstIndex(of: decimalSeparator) {
      picture.integer = Array(picture.mantissa[..<position])
      picture.fraction = Array(picture.mantissa[(position + 1)...])
    } else {
      picture.integer = picture.mantissa
      picture.fraction = Array(picture.suffix)
    }
    if let code = problem(picture) { throw JSONataError(code) }
    return analysed(picture)
  }

  /// What is wrong with a picture; of several things the last in the order of the rules.
  private func problem(_ picture: Picture) -> JSONataCode? {
    var code: JSONataCode?
    let text = picture.text
    func count(_ character: Character) -> Int { text.count { $0 == character } }
    if count(decimalSeparator) > 1 { code = .d3081 }
    if count(percent) > 1 { code = .d3082 }
    if count(perMille) > 1 { code = .d3083 }
    let isScaled = count(percent) > 0 || count(perMille) > 0
    if count(percent) > 0 && count(perMille) > 0 { code = .d3084 }
    if !picture.mantissa.contains(where: isPlace) { code = .d3085 }
    if !picture.active.allSatisfy(isActive) { code = .d3086 }
    if let position = text.firstIndex(of: decimalSeparator) {
      let before = position > 0 && text[position - 1] == groupingSeparator
      let behind = position + 1 < text.count && text[position + 1] == groupingSeparator
      if before || behind { code = .d3087 }
    } else if picture.integer.last == groupingSeparator {
      code = .d3088
    }
    for (a, b) in zip(text, text.dropFirst()) where a == groupingSeparator && b == a { code = .d3089 }
    if let optional = picture.integer.firstIndex(of: digit),
      picture.integer[..<optional].contains(where: isDigit)
    {
      code = .d3090
    }
    if let optional = picture.fraction.lastIndex(of: digit),
      picture.fraction[optional...].contains(where: isDigit)
    {
      code = .d3091
    }
    if let exponent = picture.exponent {
      if !exponent.isEmpty && isScaled { code = .d3092 }
      if exponent.isEmpty || !exponent.allSatisfy(isDigit) { code = .d3093 }
    }
    return code
  }

  private func analysed(_ start: Picture) -> Picture {
    var picture = start
    for (index, character) in picture.integer.enumerated() where character == groupingSeparator {
      picture.integerGroups.append(picture.integer[index...].count(where: isPlace))
    }
    picture.regularGroup = JSONataIntegerFormat.regularInterval(picture.integerGroups)
    for (index, character) in picture.fraction.enumerated() where character == groupingSeparator {
      picture.fractionGroups.append(picture.fraction[..<index].count(where: isPlace))
    }
    picture.integerLeast = picture.integer.count(where: isDigit)
    picture.scale = picture.integerLeast
    picture.fractionLeast = picture.fraction.count(where: isDigit)
    picture.fractionMost = picture.fraction.count(where: isPlace)
    let hasExponent = picture.exponent != nil
    if picture.integerLeast == 0 && picture.fractionMost == 0 {
      if hasExponent {
        picture.fractionLeast = 1
        picture.fractionMost = 1
      } else {
        picture.integerLeast = 1
      }
    }
    if hasExponent && picture.integerLeast == 0 && picture.integer.contains(digit) {
      picture.integerLeast = 1
    }
    if picture.integerLeast == 0 && picture.fractionLeast == 0 { picture.fractionLeast = 1 }
    picture.exponentLeast = picture.exponent?.count(where: isDigit) ?? 0
    return picture
  }

  // MARK: Formatting

  func format(_ value: Double, _ text: String) throws(JSONataError) -> String {
    var sides: [[Character]] = [[]]
    for character in text {
      if character == patternSeparator {
        sides.append([])
      } else {
        sides[sides.count - 1].append(character)
      }
    }
    guard sides.count <= 2 else { throw JSONataError(.d3080) }
    var pictures: [Picture] = []
    for side in sides { pictures.append(try read(side)) }
    if pictures.count == 1 {
      pictures.append(pictures[0])
      pictures[1].prefix = minus + pictures[1].prefix
    }
    let picture = value < 0 ? pictures[1] : pictures[0]
    if value.isNaN { return notANumber }
    if value.isInfinite { return picture.prefix + infinity + picture.suffix }
    var mantissa = value.magnitude
    if picture.text.contains(percent) {
      mantissa *= 100
    } else if picture.text.contains(perMille) {
      mantissa *= 1000
    }
    var exponent: Int?
    if picture.exponentLeast > 0 { exponent = scale(&mantissa, to: picture.scale) }
    return picture.prefix + body(mantissa, exponent, picture) + picture.suffix
  }

  /// Shifts a mantissa to so many digits before the point; the exponent that this takes.
  private func scale(_ mantissa: inout Double, to digits: Int) -> Int {
    guard mantissa > 0 else { return 0 }
    var most = 1.0
    for _ in 0..<min(digits, 300) { most *= 10 }
    var exponent = 0
    while mantissa < most / 10 {
      mantissa *= 10
      exponent -= 1
    }
    while mantissa > most {
      mantissa /= 10
      exponent += 1
    }
    return exponent
  }

  private func body(_ mantissa: Double, _ exponent: Int?, _ picture: Picture) -> String {
    let places = min(picture.fractionMost, 300)
    let rounded = JSONataMachine.round(mantissa, places)
    let printed = JSONataDigits.print(rounded, "%.\(places)f")
    let parts = printed.split(separator: ".", omittingEmptySubsequences: false)
    var integer = Array(parts[0].drop { $0 == "0" })
    var fraction = parts.count > 1 ? Array(parts[1]) : []
    while fraction.last == "0" { fraction.removeLast() }
    if integer.count < picture.integerLeast {
      integer = [Character](repeating: "0", count: picture.integerLeast - integer.count) + integer
    }
    if fraction.count < picture.fractionLeast {
      fraction += [Character](repeating: "0", count: picture.fractionLeast - fraction.count)
    }
    integer = integer.map(localized)
    fraction = fraction.map(localized)
    let digits = integer.count
    if picture.regularGroup > 0 {
      var position = digits - picture.regularGroup
      while position > 0 {
        integer.insert(groupingSeparator, at: position)
        position -= picture.regularGroup
      }
    } else {
      for group in picture.integerGroups.sorted() where group < digits {
        integer.insert(groupingSeparator, at: digits - group)
      }
    }
    for (index, group) in picture.fractionGroups.sorted().enumerated() where group + index < fraction.count {
      fraction.insert(groupingSeparator, at: group + index)
    }
    var result = String(integer)
    if picture.text.contains(decimalSeparator) && !fraction.isEmpty {
      result += String(decimalSeparator) + String(fraction)
    } else if !fraction.isEmpty && picture.fractionLeast > 0 {
      result += String(decimalSeparator) + String(fraction.dropLast())
    }
    if let exponent {
      var digits = Array(String(exponent.magnitude))
      if digits.count < picture.exponentLeast {
        digits = [Character](repeating: "0", count: picture.exponentLeast - digits.count) + digits
      }
      result += String(exponentSeparator) + (exponent < 0 ? minus : "") + String(digits.map(localized))
    }
    return result
  }

  private func localized(_ digit: Character) -> Character {
    guard zero != "0", let value = digit.wholeNumberValue, let first = zero.unicodeScalars.first,
      let scalar = Unicode.Scalar(first.value + UInt32(value))
    else { return digit }
    return Character(scalar)
  }
}

extension JSONataMachine {
  mutating func formatNumber(_ value: Value, _ picture: Value, _ options: Value) -> Value {
    if value.isMissing || picture.isMissing { return .missing }
    do {
      let format = JSONataNumberFormat(options: options)
      return arena.pointee.string(try format.format(value.number, picture.text))
    } catch {
      return fail(error)
    }
  }
}
