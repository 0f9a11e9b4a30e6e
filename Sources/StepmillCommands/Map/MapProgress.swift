import StepmillBatch

/// How far a run is, in one line.
struct MapProgress {
  private let terminal: Terminal
  private let isTerminal: Bool
  /// When it began, and what it had done then: the rate of a run that was taken up is of now.
  private var lastShown = 0
  private var isLineOpen = false
  /// Where it was some seconds ago: the rate shown is that of the last seconds.
  private var marks: [(milliseconds: Int, ended: Int, bytes: Int)] = []

  private static let plainMilliseconds = 5000
  private static let windowMilliseconds = 10_000

  init(_ terminal: Terminal) {
    self.terminal = terminal
    isTerminal = terminal.isTerminal(.error)
  }

  mutating func show(_ progress: BatchRun.Progress) {
    marks.append((progress.milliseconds, progress.endedNow, progress.bytesRead))
    while marks.count > 2, progress.milliseconds - marks[0].milliseconds > Self.windowMilliseconds {
      marks.removeFirst()
    }
    if isTerminal {
      // As much as fits into one line, which is then written over.
      let line = text(progress).prefix(max(20, terminal.width(.error) - 1))
      terminal.write("\r\u{1B}[K\(line)", to: .error)
      isLineOpen = true
    } else if progress.milliseconds - lastShown >= Self.plainMilliseconds {
      lastShown = progress.milliseconds
      terminal.write("stepmill map: \(text(progress))\n", to: .error)
    }
  }

  /// Leaves the line.
  mutating func clear() {
    if isLineOpen { terminal.write("\r\u{1B}[K", to: .error) }
    isLineOpen = false
  }

  func text(_ progress: BatchRun.Progress) -> String {
    var parts = ["\(Self.number(progress.counts.done)) done"]
    if progress.counts.failed > 0 { parts.append("\(Self.number(progress.counts.failed)) failed") }
    let first = marks.first ?? (0, 0, 0)
    let seconds = Double(progress.milliseconds - first.0) / 1000
    if seconds > 0.5 {
      parts.append("\(Self.number(Int(Double(progress.endedNow - first.1) / seconds)))/s")
    }
    parts.append("\(Self.number(progress.inFlight)) in flight")
    if let total = progress.bytesTotal, total > 0 {
      let share = min(1, Double(progress.bytesRead) / Double(total))
      parts.append("\(Int(share * 100)) % read")
      let speed = seconds > 0.5 ? Double(progress.bytesRead - first.2) / seconds : 0
      if speed > 0, share < 1 {
        parts.append("\(Self.time(Int(Double(total - progress.bytesRead) / speed))) left")
      }
    } else if progress.bytesRead > 0 {
      parts.append("\(Self.number(progress.bytesRead / 1_000_000)) MB read")
    }
    return parts.joined(separator: "  ")
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
