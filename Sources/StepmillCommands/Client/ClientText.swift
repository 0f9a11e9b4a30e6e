import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How answers of the API are shown to people.
enum ClientText {
  /// Milliseconds since 1970 of a time on the wire: seconds with a fraction, or text of ISO 8601.
  static func milliseconds(_ value: JSON?) -> Int64? {
    value?.double.map { Int64(($0 * 1000).rounded()) }
  }

  static var now: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec / 1_000_000)
  }

  /// `3 s ago`, `12 min ago`, `5 h ago`, `8 d ago`.
  static func age(_ value: JSON?, now: Int64) -> String {
    guard let then = milliseconds(value) else { return "" }
    return duration(max(0, now - then), isRough: true) + " ago"
  }

  /// `340 ms`, `3.2 s`, `12 min 5 s`, `5 h 2 min`, `8 d 3 h`.
  static func duration(_ milliseconds: Int64, isRough: Bool = false) -> String {
    let seconds = milliseconds / 1000
    func two(_ large: Int64, _ one: String, _ small: Int64, _ other: String) -> String {
      small == 0 || isRough ? "\(large) \(one)" : "\(large) \(one) \(small) \(other)"
    }
    switch seconds {
    case ..<1 where !isRough: return "\(milliseconds) ms"
    case ..<60 where !isRough: return "\(seconds).\(milliseconds % 1000 / 100) s"
    case ..<60: return "\(seconds) s"
    case ..<3600: return two(seconds / 60, "min", seconds % 60, "s")
    case ..<86_400: return two(seconds / 3600, "h", seconds % 3600 / 60, "min")
    default: return two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h")
    }
  }

  static func date(_ value: JSON?, now: Int64) -> String? {
    guard let time = milliseconds(value) else { return nil }
    return "\(UTCText.text(time)) (\(age(value, now: now)))"
  }

  static func status(_ status: String, _ style: Style) -> String {
    switch status {
    case "SUCCEEDED", "ACTIVE": style.green(status)
    case "RUNNING", "PENDING_REDRIVE": style.cyan(status)
    case "ABORTED", "DELETING": style.yellow(status)
    default: style.red(status)
    }
  }

  /// Rows below a heading, columns as wide as they need to be.
  static func table(_ heading: [String], _ rows: [[String]], _ style: Style, colored: Int? = nil) -> String {
    let rows = rows.map { $0.map(SourceLines.readable) }
    let widths = heading.indices.map { column in
      ([heading] + rows).reduce(0) { max($0, $1[column].count) }
    }
    func line(_ row: [String], _ paint: (Int, String) -> String) -> String {
      let cells = row.indices.map { column in
        // Nothing is padded at the end of a line.
        let gap =
          column == row.count - 1 ? "" : String(repeating: " ", count: widths[column] - row[column].count + 2)
        return paint(column, row[column]) + gap
      }
      return cells.joined() + "\n"
    }
    return line(heading) { style.dim($1) }
      + rows.map { row in
        line(row) { column, text in column == colored ? status(text, style) : text }
      }.joined()
  }

  /// Names and values below one another; texts of JSON spread over lines.
  static func facts(_ facts: [(String, String?)], _ style: Style) -> String {
    let shown = facts.compactMap { fact in fact.1.map { (fact.0, $0) } }
    let width = shown.reduce(0) { max($0, $1.0.count) }
    return shown.map { name, value in
      let lines = value.split(separator: "\n", omittingEmptySubsequences: false)
      let gap = String(repeating: " ", count: width - name.count + 2)
      let text = lines.joined(separator: "\n" + String(repeating: " ", count: width + 2))
      return style.dim(name) + gap + text + "\n"
    }.joined()
  }

  /// A text that should be JSON, spread over lines.
  static func pretty(_ value: JSON?) -> String? {
    guard let text = value?.string else { return nil }
    return (try? JSON(parsing: text))?.text(indent: 2) ?? text
  }
}
