// Dates and times by a picture (XPath Functions and Operators 3.1, 9.8), and back.

/// A point in time taken apart, in UTC.
struct JSONataCalendar {
  let days: Int
  let year: Int
  let month: Int
  let day: Int
  let millisecondOfDay: Int

  static let dayLength = 86_400_000

  init(milliseconds: Int64) {
    let value = Int(milliseconds)
    days = value >= 0 ? value / Self.dayLength : -((-value + Self.dayLength - 1) / Self.dayLength)
    millisecondOfDay = value - days * Self.dayLength
    (year, month, day) = Self.civil(days)
  }

  /// Days since 1970 of a date; months beyond December run into the next years.
  static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let monthIndex = month - 1
    let years = year + (monthIndex >= 0 ? monthIndex / 12 : -((11 - monthIndex) / 12))
    let month = monthIndex - (years - year) * 12 + 1
    // Years begin in March, so that the leap day is their last.
    let shifted = month > 2 ? years : years - 1
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468 + day - 1
  }

  private static func civil(_ days: Int) -> (Int, Int, Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthIndex = (5 * dayOfYear + 2) / 153
    let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthIndex + 2) / 5 + 1)
  }

  /// Monday is 1, Sunday 7.
  static func weekday(_ days: Int) -> Int { ((days + 3) % 7 + 7) % 7 + 1 }

  /// The Monday of the week that holds the first Thursday of a month (of a year: of its
  /// January).
  private static func firstWeek(_ year: Int, _ month: Int) -> Int {
    let first = days(year, month, 1)
    let weekday = weekday(first)
    return weekday > 4 ? first + 8 - weekday : first - (weekday - 1)
  }

  private static func weeks(_ start: Int, _ end: Int) -> Int {
    let difference = end - start
    return (difference >= 0 ? difference / 7 : -((6 - difference) / 7)) + 1
  }

  private var weekOfYear: Int {
    let week = Self.weeks(Self.firstWeek(year, 1), days)
    if week > 52 && days >= Self.firstWeek(year + 1, 1) { return 1 }
    return week < 1 ? Self.weeks(Self.firstWeek(year - 1, 1), days) : week
  }

  private var weekOfMonth: Int {
    let week = Self.weeks(Self.firstWeek(year, month), days)
    if week > 4 && days >= Self.firstWeek(year, month + 1) { return 1 }
    return week < 1 ? Self.weeks(Self.firstWeek(year, month - 1), days) : week
  }

  /// The value of a component of a picture.
  func component(_ component: Character) -> Int {
    let hour = millisecondOfDay / 3_600_000
    switch component {
    case "Y": return year
    case "M": return month
    case "D": return day
    case "d": return days - Self.days(year, 1, 1) + 1
    case "F": return Self.weekday(days)
    case "W": return weekOfYear
    case "w": return weekOfMonth
    case "X":
      if days < Self.firstWeek(year, 1) { return year - 1 }
      return days >= Self.firstWeek(year + 1, 1) ? year + 1 : year
    case "x":
      if days < Self.firstWeek(year, month) { return month == 1 ? 12 : month - 1 }
      return days >= Self.firstWeek(year, month + 1) ? (month == 12 ? 1 : month + 1) : month
    case "H": return hour
    case "h": return hour % 12 == 0 ? 12 : hour % 12
    case "P": return hour < 12 ? 0 : 1
    case "m": return millisecondOfDay / 60_000 % 60
    case "s": return millisecondOfDay / 1000 % 60
    case "f": return millisecondOfDay % 1000
    default: return 0
    }
  }

  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
  ]
  static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
}

struct JSONataDatePicture {
  private enum Names {
    case lower, upper, title
  }

  private struct Marker {
    var component: Character
    var widthLeast: Int?
    var widthMost: Int?
    var hasWidth = false
    var presentation = ""
    var modifier: Character?
    var names: Names?
    var integer: JSONataIntegerFormat?
    /// Digits of the year that are shown; -1 for all.
    var yearDigits = -1
  }

  private enum Part {
    case literal(String)
    case marker(Marker)
  }

  private var parts: [Part] = []

  static let iso8601 = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

  private static func defaultPresentation(_ component: Character) -> String? {
    switch component {
    case "Y", "M", "D", "d", "W", "w", "X", "x", "H", "h", "f": "1"
    case "F", "P", "C", "E": "n"
    case "m", "s": "01"
    case "Z", "z": "01:01"
    default: nil
    }
  }

  init(_ text: String) throws(JSONataError) {
    let picture = Array(text)
    var literal = ""
    var index = 0
    func flush(_ parts: inout [Part]) {
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = ""
    }
    while index < picture.count {
      if picture[index] == "[" {
        if index + 1 < picture.count && picture[index + 1] == "[" {
          literal.append("[")
          index += 2
          continue
        }
        flush(&parts)
        guard let end = picture[index...].firstIndex(of: "]") else { throw JSONataError(.d3135) }
        try add(picture[(index + 1)..<end].filter { !$0.isWhitespace })
        index = end + 1
      } else {
        literal.append(picture[index])
        // Doubled closing brackets stand for one.
        if picture[index] == "]" && index + 1 < picture.count && picture[index + 1] == "]" { index += 1 }
        index += 1
      }
    }
    flush(&parts)
  }

  private mutating func add(_ text: [Character]) throws(JSONataError) {
    var marker = Marker(component: text.first ?? " ")
    var presentation = Array(text.dropFirst())
    if let comma = presentation.lastIndex(of: ",") {
      let width = String(presentation[(comma + 1)...]).split(separator: "-", omittingEmptySubsequences: false)
      func number(_ text: Substring?) -> Int? {
        guard let text, text != "*" else { return nil }
        return Int(text.prefix { $0.isASCII && $0.isNumber }).map { min($0, 1000) }
      }
      marker.hasWidth = true
      marker.widthLeast = number(width.first)
      marker.widthMost = width.count > 1 ? number(width[1]) : nil
      presentation = Array(presentation[..<comma])
    }
    if presentation.count > 1, let last = presentation.last, "atco".contains(last) {
      marker.modifier = last
      presentation.removeLast()
    }
    if presentation.isEmpty {
      guard let fallback = Self.defaultPresentation(marker.component) else {
        throw JSONataError(.d3132, value: JSONataError.quoted(text.isEmpty ? "" : String(marker.component)))
      }
      presentation = Array(fallback)
    }
    marker.presentation = String(presentation)
    if presentation[0] == "n" {
      marker.names = .lower
    } else if presentation[0] == "N" {
      marker.names = presentation.count > 1 && presentation[1] == "n" ? .title : .upper
    } else if "YMDdFWwXxHhmsf".contains(marker.component) {
      try addInteger(&marker)
    }
    if marker.component == "Z" || marker.component == "z" {
      marker.integer = try JSONataIntegerFormat(marker.presentation)
    }
    guard Self.defaultPresentation(marker.component) != nil else {
      throw JSONataError(.d3132, value: JSONataError.quoted(String(marker.component)))
    }
    parts.append(.marker(marker))
  }

  private mutating func addInteger(_ marker: inout Marker) throws(JSONataError) {
    var pattern = marker.presentation
    if let modifier = marker.modifier { pattern += ";" + String(modifier) }
    var format = try JSONataIntegerFormat(pattern)
    if let least = marker.widthLeast { format.mandatoryDigits = max(format.mandatoryDigits, least) }
    if marker.component == "Y" {
      if let most = marker.widthMost {
        marker.yearDigits = most
        format.mandatoryDigits = most
      } else if format.mandatoryDigits + format.optionalDigits >= 2 {
        marker.yearDigits = format.mandatoryDigits + format.optionalDigits
      }
    }
    // Digits that follow digits: the first can only be told by their number.
    if case .marker(var previous) = parts.last, let digits = previous.integer?.mandatoryDigits {
      previous.integer?.parseWidth = digits
      parts[parts.count - 1] = .marker(previous)
    }
    marker.integer = format
  }

  // MARK: Formatting

  func format(_ milliseconds: Int64, zone: String?) throws(JSONataError) -> String {
    var offset = 0
    if let zone { offset = Self.leadingInteger(zone) ?? 0 }
    // As the reference has it: hours rounded down, minutes towards zero.
    let hours = offset >= 0 ? offset / 100 : -((99 - offset) / 100)
    let minutes = offset % 100
    let calendar = JSONataCalendar(milliseconds: milliseconds + Int64((hours * 60 + minutes) * 60_000))
    var result = ""
    for part in parts {
      switch part {
      case .literal(let text): result += text
      case .marker(let marker): result += try format(marker, calendar, hours, minutes)
      }
    }
    return result
  }

  static func leadingInteger(_ text: String) -> Int? {
    let trimmed = text.drop { $0.isWhitespace }
    let sign = trimmed.first.map { $0 == "-" || $0 == "+" } ?? false
    let digits = (sign ? trimmed.dropFirst() : trimmed).prefix { $0 >= "0" && $0 <= "9" }.prefix(9)
    guard let value = Int(digits) else { return nil }
    return trimmed.first == "-" ? -value : value
  }

  private func format(
    _ marker: Marker, _ calendar: JSONataCalendar, _ hours: Int, _ minutes: Int
  ) throws(JSONataError) -> String {
    switch marker.component {
    case "Z", "z": return try zone(marker, hours, minutes)
    case "P":
      let text = calendar.component("P") == 0 ? "am" : "pm"
      return marker.names == .upper ? text.uppercased() : text
    case "C", "E": return "ISO"
    default: break
    }
    var value = calendar.component(marker.component)
    if marker.component == "Y" && marker.yearDigits >= 0 {
      var limit = 1
      for _ in 0..<min(marker.yearDigits, 9) { limit *= 10 }
      value %= limit
    }
    guard let names = marker.names else {
      return try marker.integer?.format(Double(value)) ?? String(value)
    }
    var name: String
    switch marker.component {
    case "M", "x": name = JSONataCalendar.months[value - 1]
    case "F": name = JSONataCalendar.weekdays[value - 1]
    default: throw JSONataError(.d3133, value: JSONataError.quoted(String(marker.component)))
    }
    if names == .upper { name = name.uppercased() } else if names == .lower { name = name.lowercased() }
    if let most = marker.widthMost { name = String(name.prefix(most)) }
    return name
  }

  private func zone(_ marker: Marker, _ hours: Int, _ minutes: Int) throws(JSONataError) -> String {
    let offset = hours * 100 + minutes
    guard let format = marker.integer else { return "" }
    var text: String
    if format.regular {
      text = try format.format(Double(offset))
    } else {
      switch format.mandatoryDigits {
      case 1, 2:
        text = try format.format(Double(hours))
        if minutes != 0 { text += ":" + (try JSONataIntegerFormat("00").format(Double(minutes))) }
      case 3, 4: text = try format.format(Double(offset))
      default: throw JSONataError(.d3134, value: String(format.mandatoryDigits))
      }
    }
    if offset >= 0 { text = "+" + text }
    if marker.component == "z" { text = "GMT" + text }
    return offset == 0 && marker.modifier == "t" ? "Z" : text
  }

  // MARK: Parsing

  /// The time that a text stands for. Nil if it does not fit the picture.
  func parse(_ text: String, now: Int64) throws(JSONataError) -> Int64? {
    var pattern = "^"
    for part in parts { pattern += "(" + (try self.pattern(part)) + ")" }
    let regex: ECMARegularExpression
    do { regex = try ECMARegularExpression(Array((pattern + "$").utf16), flags: "i") } catch { return nil }
    let units = Array(text.utf16)
    var captures = [Int32](repeating: -1, count: (regex.groupCount + 1) * 2)
    var budget = 1_000_000
    let outcome = units.withUnsafeBufferPointer { units in
      // An empty text has no address, and nothing is read from the one given instead.
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 1) { nothing in
        let base = units.baseAddress ?? UnsafePointer(nothing.baseAddress.unsafelyUnwrapped)
        return captures.withUnsafeMutableBufferPointer {
          regex.match(
            ECMASubject(units: base, count: units.count), from: 0, captures: $0.baseAddress.unsafelyUnwrapped,
            budget: &budget)
        }
      }
    }
    guard outcome == .matched else { return nil }
    var found: [Character: Double] = [:]
    for (index, part) in parts.enumerated() {
      guard case .marker(let marker) = part, captures[index * 2 + 2] >= 0 else { continue }
      let piece = units[Int(captures[index * 2 + 2])..<Int(captures[index * 2 + 3])]
      if let value = try value(marker, String(decoding: piece, as: UTF16.self)) {
        found[marker.component] = value
      }
    }
    return try assemble(found, now)
  }

  private func pattern(_ part: Part) throws(JSONataError) -> String {
    switch part {
    case .literal(let text):
      return text.reduce(into: "") { pattern, character in
        if ".*+?^${}()|[]\\/".contains(character) { pattern += "\\" }
        pattern.append(character)
      }
    case .marker(let marker):
      if marker.component == "Z" || marker.component == "z" {
        var pattern = marker.component == "z" ? "GMT[-+][0-9]+" : "[-+][0-9]+"
        if let format = marker.integer, format.regular, let separator = format.separators.first {
          pattern += (separator.character == "." ? "\\." : String(separator.character)) + "[0-9]+"
        }
        return pattern
      }
      if let format = marker.integer { return try format.pattern() }
      guard "MxFP".contains(marker.component) else {
        throw JSONataError(.d3133, value: JSONataError.quoted(String(marker.component)))
      }
      return "[a-zA-Z]+"
    }
  }

  private func value(_ marker: Marker, _ text: String) throws(JSONataError) -> Double? {
    if marker.component == "Z" || marker.component == "z" {
      let offset = marker.component == "z" ? String(text.dropFirst(3)) : text
      if let format = marker.integer, format.regular, let separator = format.separators.first?.character {
        let pieces = offset.split(separator: separator, maxSplits: 1)
        let hours = Self.leadingInteger(String(pieces.first ?? "")) ?? 0
        return Double(hours * 60 + (Self.leadingInteger(String(pieces.last ?? "")) ?? 0))
      }
      let digits = offset.count - 1
      if digits <= 2 { return Double((Self.leadingInteger(offset) ?? 0) * 60) }
      let hours = Self.leadingInteger(String(offset.prefix(3))) ?? 0
      return Double(hours * 60 + (Self.leadingInteger(String(offset.dropFirst(3))) ?? 0))
    }
    if let format = marker.integer { return try format.parse(text) }
    if marker.component == "P" { return text.lowercased() == "am" ? 0 : text.lowercased() == "pm" ? 1 : nil }
    let names = marker.component == "F" ? JSONataCalendar.weekdays : JSONataCalendar.months
    for (index, name) in names.enumerated() {
      let shown = marker.widthMost.map { String(name.prefix($0)) } ?? name
      if shown == text { return Double(index + 1) }
    }
    return nil
  }

  /// A time from its components: the larger ones that are missing are those of now, the
  /// smaller ones the least possible; there may be no gap.
  private func assemble(_ start: [Character: Double], _ now: Int64) throws(JSONataError) -> Int64? {
    var found = start
    guard !found.isEmpty else { return nil }
    func only(_ all: String, _ set: String) -> Bool {
      let given = all.filter { found[$0].map { $0 != 0 } ?? false }
      return !given.isEmpty && given.allSatisfy { set.contains($0) }
    }
    let isYearDate = !only("YXMxWwdD", "YMD") && only("YXMxWwdD", "Yd")
    let isMonthWeek = only("YXMxWwdD", "Xxw")
    let isYearWeek = !isMonthWeek && only("YXMxWwdD", "XW")
    let isHalfDay = !only("PHhmsf", "Hmsf") && only("PHhmsf", "Phmsf")
    let date = isYearDate ? "Yd" : isMonthWeek ? "XxwF" : isYearWeek ? "XWF" : "YMD"
    let calendar = JSONataCalendar(milliseconds: now)
    var started = false
    var ended = false
    for component in date + (isHalfDay ? "Phmsf" : "Hmsf") {
      if found[component] != nil {
        started = true
        if ended { throw JSONataError(.d3136) }
      } else if started {
        found[component] = "MDd".contains(component) ? 1 : 0
        ended = true
      } else {
        found[component] = Double(calendar.component(component))
      }
    }
    if isMonthWeek || isYearWeek { throw JSONataError(.d3136) }
    func whole(_ component: Character) -> Int { Int(max(min(found[component] ?? 0, 1e9), -1e9)) }
    guard abs(whole("Y")) < 300_000 else { return nil }
    var days = JSONataCalendar.days(whole("Y"), max(whole("M"), 1), whole("D"))
    if isYearDate { days = JSONataCalendar.days(whole("Y"), 1, 1) + whole("d") - 1 }
    var hour = whole("H")
    if isHalfDay { hour = (whole("h") == 12 ? 0 : whole("h")) + (whole("P") == 1 ? 12 : 0) }
    let seconds = (hour * 60 + whole("m")) * 60 + whole("s")
    let zone = found["Z"] ?? found["z"] ?? 0
    return Int64(days * JSONataCalendar.dayLength + seconds * 1000 + whole("f") - Int(zone) * 60_000)
  }

  // MARK: ISO 8601

  /// The forms that are read without a picture. Nil for any other text.
  static func parseISO8601(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    var index = 0
    func number(_ digits: Int) -> Int? {
      guard index + digits <= bytes.count else { return nil }
      var value = 0
      for place in 0..<digits {
        let digit = bytes[index + place] &- 0x30
        guard digit <= 9 else { return nil }
        value = value * 10 + Int(digit)
      }
      index += digits
      return value
    }
    func eat(_ character: Unicode.Scalar) -> Bool {
      guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
      index += 1
      return true
    }
    guard let year = number(4) else { return nil }
    var (month, day, milliseconds) = (1, 1, 0)
    var isDateOnly = true
    if eat("-") {
      guard let value = number(2) else { return nil }
      month = value
      if eat("-") {
        guard let value = number(2) else { return nil }
        day = value
      }
    }
    if eat("T") {
      isDateOnly = false
      guard let hour = number(2), eat(":"), let minute = number(2) else { return nil }
      milliseconds = (hour * 60 + minute) * 60_000
      guard hour <= 24, minute < 60 else { return nil }
      if eat(":") {
        guard let second = number(2), second < 60 else { return nil }
        milliseconds += second * 1000
        if eat(".") {
          var scale = 100
          guard index < bytes.count, bytes[index] &- 0x30 <= 9 else { return nil }
          while let digit = number(1) {
            milliseconds += digit * scale
            scale /= 10
          }
        }
      }
    }
    if !isDateOnly && index < bytes.count && !eat("Z") {
      let negative = index < bytes.count && bytes[index] == UInt8(ascii: "-")
      guard eat("-") || eat("+"), let hours = number(2) else { return nil }
      _ = eat(":")
      guard let minutes = number(2) else { return nil }
      milliseconds -= (negative ? -1 : 1) * (hours * 60 + minutes) * 60_000
    }
    guard index == bytes.count, month >= 1, month <= 12, day >= 1, day <= 31 else { return nil }
    return Int64(JSONataCalendar.days(year, month, day) * JSONataCalendar.dayLength + milliseconds)
  }
}

extension JSONataMachine {
  mutating func fromMillis(_ value: Value, _ picture: Value, _ zone: Value) -> Value {
    if value.isMissing { return value }
    let milliseconds = value.number
    guard milliseconds.magnitude <= 8.64e15 else { return fail(.d1001, value: value) }
    do {
      let text = picture.isString ? picture.text : JSONataDatePicture.iso8601
      let parsed = try JSONataDatePicture(text)
      let result = try parsed.format(
        Int64(milliseconds.rounded(.down)), zone: zone.isString ? zone.text : nil)
      return arena.pointee.string(result)
    } catch {
      return fail(error)
    }
  }

  mutating func toMillis(_ text: Value, _ picture: Value) -> Value {
    if text.isMissing { return text }
    guard picture.isString else {
      guard let result = JSONataDatePicture.parseISO8601(text.text) else { return fail(.d3110, value: text) }
      return .integer(result)
    }
    do {
      let parsed = try JSONataDatePicture(picture.text)
      guard let result = try parsed.parse(text.text, now: environment.pointee.milliseconds) else {
        return .missing
      }
      return .integer(result)
    } catch {
      return fail(error)
    }
  }
}
