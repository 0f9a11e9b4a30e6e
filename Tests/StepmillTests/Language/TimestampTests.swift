import Testing

@testable import Stepmill

// Timestamps: the calendar, the strictness, and the way back to text.

struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0, 0),
    ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999),
    ("2016-03-14T01:59:00Z", 1_457_920_740, 0),
    ("2016-03-14T01:59:00+01:00", 1_457_917_140, 0),
    ("2016-03-14T01:59:00.5-08:30", 1_457_951_340, 500_000_000),
    ("2000-02-29T12:00:00.000001Z", 951_825_600, 1000),
    ("0000-01-01T00:00:00Z", -62_167_219_200, 0),
    ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ("2025-01-01T00:00:00-00:00", 1_735_689_600, 0),
  ])
  func parses(_ text: String, _ seconds: Int64, _ nanoseconds: Int32) {
    #expect(Timestamp.parse(text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
  }

  @Test(arguments: [
    "", "soon", "2016-03-14", "2016-03-14T01:59Z", "2016-03-14t01:59:00Z", "2016-03-14T01:59:00z",
    "2016-03-14 01:59:00Z", "2016-03-14T01:59:00", "2016-03-14T01:59:00.Z", "2016-03-14T01:59:00.1234567890Z",
    "2016-03-14T24:00:00Z", "2016-03-14T01:60:00Z", "2016-03-14T01:59:60Z", "2016-02-30T01:59:00Z",
    "2015-02-29T01:59:00Z", "1900-02-29T01:59:00Z", "2016-00-01T01:59:00Z", "2016-13-01T01:59:00Z",
    "2016-01-00T01:59:00Z", "2016-04-31T01:59:00Z", "2016-03-14T01:59:00+0100", "2016-03-14T01:59:00+01",
    "2016-03-14T01:59:00+24:00", "2016-03-14T01:59:00+01:60", "2016-03-14T01:59:00Z ",
    " 2016-03-14T01:59:00Z",
    "2016-03-14T01:59:00ZZ", "20160314T015900Z", "2016-03-14T01:59:00,5Z", "+2016-03-14T01:59:00Z",
    "2016-03-14T01:59:00.123456789+01:000", "２016-03-14T01:59:00Z", "2016-03-1/T01:59:00Z",
  ])
  func refuses(_ text: String) {
    #expect(Timestamp.parse(text) == nil)
  }

  @Test(arguments: [
    (0, 0, "1970-01-01T00:00:00Z"),
    (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
    (1_457_920_740, 120_000_000, "2016-03-14T01:59:00.120Z"),
    (1_457_920_740, 120_000, "2016-03-14T01:59:00.000120Z"),
    (1_457_920_740, 12, "2016-03-14T01:59:00.000000012Z"),
    (Int64.min, 0, "0000-01-01T00:00:00Z"),
    (Int64.max, 0, "9999-12-31T23:59:59Z"),
  ])
  func prints(_ seconds: Int64, _ nanoseconds: Int32, _ text: String) {
    #expect(Timestamp(seconds: seconds, nanoseconds: nanoseconds).description == text)
  }

  /// Every day of eight centuries goes to a date and back, each one later than the last.
  @Test func calendar() {
    var last = (year: 0, month: 0, day: 0)
    for days in Timestamp.daysSince1970(1600, 1, 1)...Timestamp.daysSince1970(2400, 12, 31) {
      let date = Timestamp.civil(daysSince1970: days)
      let isNext =
        date.day == last.day + 1
        || date.day == 1 && last.day == (last.year == 0 ? 0 : Timestamp.daysInMonth(last.year, last.month))
      guard isNext, Timestamp.daysSince1970(date.year, date.month, date.day) == days else {
        Issue.record("\(last) is followed by \(date)")
        return
      }
      last = date
    }
    #expect(last == (2400, 12, 31))
  }

  @Test func order() {
    let early = Timestamp(seconds: 1, nanoseconds: 5)
    #expect(early < Timestamp(seconds: 1, nanoseconds: 6))
    #expect(early < Timestamp(seconds: 2, nanoseconds: 0))
    #expect(!(early < early))
  }
}
