import Stepmill
import StepmillBatch

/// How far a run is, in one line, and where wanted with a line for each state below it.
///
/// Belongs to the thread of the command's loop.
final class MapProgress {
  private let terminal: Terminal
  private let isTerminal: Bool
  private let style: Style
  private var lastShown = 0
  /// Lines on the terminal that are written over the next time.
  private var openLines = 0
  /// Where it was some seconds ago: the rate shown is that of the last seconds.
  private var marks: [(milliseconds: Int, ended: Int)] = []

  private static let plainMilliseconds = 5000
  private static let plainColumns = 100
  private static let statesMax = 20
  private static let nameMax = 40
  private static let windowMilliseconds = 10_000
  /// A bar needs so many columns, and a line with a bar so many.
  private static let barColumns = 16
  private static let columnsForBar = 80

  init(_ terminal: Terminal) {
    self.terminal = terminal
    isTerminal = terminal.isTerminal(.error)
    style = terminal.style(.error)
  }

  /// - Parameter states: What is known of the states; nil: nobody wants to.
  func show(_ progress: BatchRun.Progress, _ states: [StateTime]? = nil) {
    marks.append((progress.milliseconds, progress.endedNow))
    while marks.count > 2, progress.milliseconds - marks[0].milliseconds > Self.windowMilliseconds {
      marks.removeFirst()
    }
    if isTerminal {
      // The width is asked for each time: the window may have another one by now. A line that is
      // as wide as the window would wrap in some terminals.
      let columns = terminal.width(.error) - 1
      // All but the last line of the window are for states.
      let table = states.map { Self.lines($0, columns: columns, most: terminal.height(.error) - 2) } ?? []
      let lines = [line(progress, columns: columns)] + table.map { style.dim($0) }
      terminal.write(home + lines.joined(separator: "\n"), to: .error)
      openLines = lines.count
    } else if progress.milliseconds - lastShown >= Self.plainMilliseconds {
      lastShown = progress.milliseconds
      let text = parts(progress).sorted { $0.place < $1.place }.map(\.text).joined(separator: ", ")
      let table = states.map { Self.lines($0, columns: Self.plainColumns, most: Self.statesMax) } ?? []
      terminal.write((["stepmill map: \(text)"] + table).joined(separator: "\n") + "\n", to: .error)
    }
  }

  /// Takes away what stands on the terminal.
  func clear() {
    if openLines > 0 { terminal.write(home, to: .error) }
    openLines = 0
  }

  /// Leads to the beginning of what stands on the terminal, and takes that away.
  private var home: String {
    openLines > 1 ? "\u{1B}[\(openLines - 1)A\r\u{1B}[J" : "\r\u{1B}[K"
  }

  /// A line for each state: how often it was visited, and how long half of the visits and 99 in
  /// 100 lasted at most.
  static func lines(_ states: [StateTime], columns: Int, most: Int) -> [String] {
    guard !states.isEmpty else { return ["  (no state has been left yet)"] }
    let most = max(1, min(most, statesMax))
    let shown = states.prefix(states.count > most ? max(1, most - 1) : most)
    let cells = shown.map { state in
      [
        "  " + Self.cut(SourceLines.readable(state.name), nameMax), state.type,
        Self.number(state.visits) + (state.visits == 1 ? " visit" : " visits"),
        "p50 " + BenchTime.text(Double(state.latencies.quantile(0.5))),
        "p99 " + BenchTime.text(Double(state.latencies.quantile(0.99))),
      ]
    }
    var lines = BenchReport.columns(cells, leftAligned: 2).split(separator: "\n").map(String.init)
    if shown.count < states.count { lines.append("  … and \(states.count - shown.count) more states") }
    return lines.map { Self.cut($0, columns) }
  }

  private static func cut(_ text: String, _ most: Int) -> String {
    text.count <= most ? text : text.prefix(max(1, most) - 1) + "…"
  }

  /// A figure with where it stands in the line. They come in the order of their weight: where
  /// the line is short, the last ones are left out, and none is cut.
  private struct Part {
    let place: Int
    let text: String
    var isBad = false
  }

  private func line(_ progress: BatchRun.Progress, columns: Int) -> String {
    let share = Self.share(progress)
    var left = max(10, columns)
    var bar = ""
    if let share, left >= Self.columnsForBar {
      let filled = min(Self.barColumns, Int(share * Double(Self.barColumns)))
      bar =
        style.green(String(repeating: "━", count: filled))
        + style.dim(String(repeating: "─", count: Self.barColumns - filled)) + "  "
      left -= Self.barColumns + 2
    }
    var shown: [Part] = []
    for part in parts(progress) {
      let needed = part.text.count + (shown.isEmpty ? 0 : 2)
      guard needed <= left else { break }
      left -= needed
      shown.append(part)
    }
    return bar
      + shown.sorted { $0.place < $1.place }.map { $0.isBad ? style.red($0.text) : $0.text }
      .joined(separator: "  ")
  }

  /// How many rows there seem to be: as many to a byte as in what has been read.
  private static func rows(_ progress: BatchRun.Progress) -> Double? {
    guard let total = progress.bytesTotal, total > 0, progress.bytesRead > 0, progress.rowsRead > 0 else {
      return nil
    }
    let rows = Double(progress.rowsRead) * max(1, Double(total) / Double(progress.bytesRead))
    return progress.limit.map { min(rows, Double($0)) } ?? rows
  }

  private static func share(_ progress: BatchRun.Progress) -> Double? {
    rows(progress).map { min(1, Double(progress.counts.done) / max(1, $0)) }
  }

  private func parts(_ progress: BatchRun.Progress) -> [Part] {
    var parts = [Part(place: 1, text: "\(Self.number(progress.counts.done)) done")]
    let first = marks.first ?? (0, 0)
    let seconds = Double(progress.milliseconds - first.milliseconds) / 1000
    let share = Self.share(progress)
    if let share { parts.append(Part(place: 0, text: "\(Int(share * 100)) %")) }
    if progress.counts.failed > 0 {
      parts.append(Part(place: 2, text: "\(Self.number(progress.counts.failed)) failed", isBad: true))
    }
    if seconds > 0.5 {
      let rate = Double(progress.endedNow - first.ended) / seconds
      if let rows = Self.rows(progress), rate > 0 {
        let left = max(0, rows - Double(progress.counts.done)) / rate
        if left < 1e6 { parts.append(Part(place: 5, text: "\(Self.time(Int(left.rounded(.up)))) left")) }
      }
      parts.append(Part(place: 3, text: "\(Self.number(Self.rounded(Int(rate))))/s"))
    }
    parts.append(Part(place: 4, text: "\(Self.number(progress.inFlight)) in flight"))
    if share == nil, progress.bytesRead > 0 {
      parts.append(Part(place: 6, text: "\(Self.number(progress.bytesRead / 1_000_000)) MB read"))
    }
    return parts
  }

  /// To three digits: the others change too fast to be read.
  static func rounded(_ value: Int) -> Int {
    var unit = 1
    while value / unit >= 1000 { unit *= 10 }
    return (value + unit / 2) / unit * unit
  }

  static func number(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  static func time(_ seconds: Int) -> String {
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
    return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
  }
}
