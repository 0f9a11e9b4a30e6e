#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Times as text, for inputs that ask for one.
enum TimeText {
  static var nowMilliseconds: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// `2026-01-02T03:04:05.678Z`
  static func utc(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    let (year, month, day) = date(daysSince1970: seconds / 86_400)
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    return "\(year)-\(two(month))-\(two(day))T\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):"
      + "\(two(seconds % 60)).\(fraction)Z"
  }

  /// Counted in years that begin in March, so that the leap day comes last.
  private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = daysSince1970 + 719_468
    let era = days / 146_097
    let ofEra = days % 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * ofYear + 2) / 153
    let day = ofYear - (153 * month + 2) / 5 + 1
    let january = month < 10 ? month + 3 : month - 9
    return (yearOfEra + era * 400 + (january <= 2 ? 1 : 0), january, day)
  }
}
