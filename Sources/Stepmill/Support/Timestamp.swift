// Instants as the language writes them: RFC 3339, to the nanosecond.
//
// The same code serves definitions (literals are checked when they are read), Choice and
// Wait at run time, and the context object's times. It works on raw bytes and allocates
// nothing, since a Choice state may compare timestamps on every transition.

/// A point in time.
struct Timestamp: Hashable, BitwiseCopyable, Sendable {
  /// Seconds since 1970-01-01T00:00:00Z; negative before.
  var seconds: Int64
  /// 0 ..< 1,000,000,000, counted forward also before 1970.
  var nanoseconds: Int32
}

extension Timestamp: Comparable {
  @inline(__always) static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.seconds != right.seconds
      ? left.seconds < right.seconds : left.nanoseconds < right.nanoseconds
  }
}

// MARK: - Parsing

extension Timestamp {
  /// Parses `2016-03-14T01:59:00.123456789+01:00`.
  ///
  /// Strict: a capital `T`, a capital `Z` or an offset with a colon, seconds given, one to nine fractional
  /// digits, every part in its range. Leap seconds are refused, as Java's date-time types do. Nil if the
  /// bytes are anything else.
  static func parse(_ bytes: UnsafePointer<UInt8>, count: Int) -> Timestamp? {
    // The shortest is 2016-03-14T01:59:00Z, 20 bytes; the longest adds ten for the fraction and five for
    // the offset.
    guard count >= 20, count <= 35 else { return nil }
    guard bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A, bytes[16] == 0x3A
    else { return nil }
    let century = twoDigits(bytes)
    let yearOfCentury = twoDigits(bytes + 2)
    let month = twoDigits(bytes + 5)
    let day = twoDigits(bytes + 8)
    let hour = twoDigits(bytes + 11)
    let minute = twoDigits(bytes + 14)
    let second = twoDigits(bytes + 17)
    // A part that is no number is -1, so that one comparison of them all finds it.
    guard century | yearOfCentury | month | day | hour | minute | second >= 0 else { return nil }
    let year = century &* 100 &+ yearOfCentury
    guard month >= 1, month <= 12, day >= 1, day <= daysInMonth(year, month) else { return nil }
    guard hour <= 23, minute <= 59, second <= 59 else { return nil }

    var position = 19
    var nanoseconds = 0
    if bytes[position] == 0x2E {
      position &+= 1
      let start = position
      while position < count, let digit = digit(bytes[position]) {
        nanoseconds = nanoseconds &* 10 &+ digit
        position &+= 1
        if position &- start > 9 { return nil }
      }
      let digits = position &- start
      guard digits > 0 else { return nil }
      for _ in digits..<9 { nanoseconds = nanoseconds &* 10 }
    }

    guard position < count else { return nil }
    var offsetMinutes = 0
    switch bytes[position] {
    case 0x5A:  // Z
      guard position &+ 1 == count else { return nil }
    case let sign where sign == 0x2B || sign == 0x2D:
      guard position &+ 6 == count, bytes[position &+ 3] == 0x3A else { return nil }
      let hours = twoDigits(bytes + (position &+ 1))
      let minutes = twoDigits(bytes + (position &+ 4))
      guard hours | minutes >= 0, hours <= 23, minutes <= 59 else { return nil }
      offsetMinutes = hours &* 60 &+ minutes
      if sign == 0x2D { offsetMinutes = 0 &- offsetMinutes }
    default:
      return nil
    }

    let days = daysSince1970(year, month, day)
    let ofDay = (hour &* 60 &+ minute &- offsetMinutes) &* 60 &+ second
    return Timestamp(
      seconds: Int64(days &* 86_400 &+ ofDay), nanoseconds: Int32(truncatingIfNeeded: nanoseconds))
  }

  /// The same for text, where speed does not matter.
  static func parse(_ text: String) -> Timestamp? {
    var text = text
    return text.withUTF8 { buffer in
      guard let base = buffer.baseAddress else { return nil }
      return parse(base, count: buffer.count)
    }
  }

  @inline(__always) private static func digit(_ byte: UInt8) -> Int? {
    let value = byte &- 0x30
    return value <= 9 ? Int(value) : nil
  }

  /// The number that two digits write, or -1.
  @inline(__always) private static func twoDigits(_ bytes: UnsafePointer<UInt8>) -> Int {
    let tens = bytes[0] &- 0x30
    let ones = bytes[1] &- 0x30
    return tens <= 9 && ones <= 9 ? Int(tens) &* 10 &+ Int(ones) : -1
  }
}

// MARK: - Formatting

extension Timestamp {
  /// Bytes that `write` needs at most, for the years 0000 to 9999.
  static let bytesMax = 30

  /// Writes ISO-8601 in UTC with 0, 3, 6 or 9 fractional digits, as Java prints an `Instant`, and returns the
  /// number of bytes. `output` has room for `bytesMax`.
  ///
  /// The year must lie between 0000 and 9999, which every parsed timestamp with offset `Z` does; an instant
  /// beyond (an offset can lead there) is written as the nearest one inside.
  func write(to output: UnsafeMutablePointer<UInt8>) -> Int {
    let first = Int64(Self.daysSince1970(0, 1, 1)) &* 86_400
    let last = Int64(Self.daysSince1970(9999, 12, 31)) &* 86_400 &+ 86_399
    let clamped = min(max(seconds, first), last)
    var days = clamped / 86_400
    var ofDay = clamped % 86_400
    if ofDay < 0 {
      ofDay &+= 86_400
      days &-= 1
    }
    let (year, month, day) = Self.civil(daysSince1970: Int(days))
    Self.putDigits(year, 4, output)
    output[4] = 0x2D
    Self.putDigits(month, 2, output + 5)
    output[7] = 0x2D
    Self.putDigits(day, 2, output + 8)
    output[10] = 0x54
    Self.putDigits(Int(ofDay / 3600), 2, output + 11)
    output[13] = 0x3A
    Self.putDigits(Int(ofDay / 60 % 60), 2, output + 14)
    output[16] = 0x3A
    Self.putDigits(Int(ofDay % 60), 2, output + 17)
    var count = 19
    if nanoseconds != 0 {
      var fraction = Int(nanoseconds)
      var digits = 9
      while fraction % 1000 == 0 {
        fraction /= 1000
        digits &-= 3
      }
      output[count] = 0x2E
      Self.putDigits(fraction, digits, output + (count &+ 1))
      count &+= 1 &+ digits
    }
    output[count] = 0x5A
    return count &+ 1
  }

  /// The same as a `String`.
  var text: String {
    String(unsafeUninitializedCapacity: Self.bytesMax) { write(to: $0.baseAddress.unsafelyUnwrapped) }
  }

  @inline(__always)
  private static func putDigits(_ value: Int, _ count: Int, _ output: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var index = count
    while index > 0 {
      index &-= 1
      output[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }
}

extension Timestamp: CustomStringConvertible {
  var description: String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.bytesMax) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let count = write(to: base)
      return String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }
  }
}

// MARK: - The calendar

// Days are counted in years that begin in March, so that the leap day is the last of its
// year; 400 such years are always 146,097 days.
extension Timestamp {
  @inline(__always) static func isLeap(_ year: Int) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  @inline(__always) static func daysInMonth(_ year: Int, _ month: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let marchYear = month <= 2 ? year &- 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear &- 399) / 400
    let yearOfEra = marchYear &- era &* 400
    let marchMonth = month > 2 ? month &- 3 : month &+ 9
    let dayOfYear = (153 &* marchMonth &+ 2) / 5 &+ day &- 1
    let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
    return era &* 146_097 &+ dayOfEra &- 719_468
  }

  static func civil(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days &+ 719_468
    let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra = (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let marchMonth = (5 &* dayOfYear &+ 2) / 153
    let day = dayOfYear &- (153 &* marchMonth &+ 2) / 5 &+ 1
    let month = marchMonth < 10 ? marchMonth &+ 3 : marchMonth &- 9
    let year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
    return (year, month, day)
  }
}

extension Timestamp {
  /// Parses the bytes of a string value.
  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer) -> Timestamp? {
    guard let base = bytes.baseAddress else { return nil }
    return parse(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  init(millisecondsSince1970 milliseconds: Int64) {
    let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    let borrow: Int64 = remainder < 0 ? 1 : 0
    self.init(
      seconds: quotient - borrow, nanoseconds: Int32(remainder + borrow * 1000) * 1_000_000)
  }
}

/// Times as the service writes them, for those outside the core.
package enum UTCText {
  /// `2026-01-02T03:04:05.678Z`
  package static func text(_ millisecondsSince1970: Int64) -> String {
    Timestamp(millisecondsSince1970: millisecondsSince1970).description
  }

  /// Milliseconds since 1970; nil for what is no such time.
  package static func milliseconds(_ text: String) -> Int64? {
    Timestamp.parse(text).map { $0.seconds * 1000 + Int64($0.nanoseconds) / 1_000_000 }
  }
}
