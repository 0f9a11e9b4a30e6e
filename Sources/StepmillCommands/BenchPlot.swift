// Small plots in SVG, for `stepmill bench --svg` and the report of the benchmark suite: no
// script, no font or style from elsewhere. Colours are CSS variables, so that a page can hold
// light and dark ones.

public enum BenchPlot {
  /// A panel: what is inside of an `<svg>` of its own, and its size.
  public struct Panel: Sendable {
    public let body: String
    public let width: Int
    public let height: Int

    public var svg: String {
      "<svg class=\"plot\" viewBox=\"0 0 \(width) \(height)\" role=\"img\" "
        + "xmlns=\"http://www.w3.org/2000/svg\">\(body)</svg>"
    }
  }

  public struct Mark: Sendable {
    public let label: String
    public let value: Double
    public init(label: String, value: Double) {
      self.label = label
      self.value = value
    }
  }

  public struct Series: Sendable {
    public let label: String
    public let points: [(Double, Double)]
    /// Which of the palette's colours: 1 to 4.
    public let color: Int
    /// What ought to be rather than what is.
    public let isDashed: Bool
    public init(label: String, points: [(Double, Double)], color: Int = 1, isDashed: Bool = false) {
      self.label = label
      self.points = points
      self.color = color
      self.isDashed = isDashed
    }
  }

  public static let lightColors =
    "--ink:#1d2430;--soft:#5c6675;--faint:#e4e8ee;--paper:#ffffff;--c1:#2563eb;--c2:#94a3b8;--c3:#d97706;--c4:#0d9488"
  public static let darkColors =
    "--ink:#e8ecf3;--soft:#97a3b6;--faint:#2a3240;--paper:#12161d;--c1:#6ea0ff;--c2:#64748b;--c3:#f0a63c;--c4:#3cc9b8"
  public static let style = """
    .plot text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--soft)}
    .plot .title{font-size:13px;font-weight:600;fill:var(--ink)}
    .plot .value{fill:var(--ink)}
    .plot .grid{stroke:var(--faint);stroke-width:1}
    .plot .mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
    """

  /// A whole picture of panels above each other.
  public static func page(title: String, subtitle: String, panels: [Panel]) -> String {
    let width = 760
    var y = 74
    var inner = ""
    for panel in panels {
      inner += "<g transform=\"translate(20 \(y))\">\(panel.body)</g>"
      y += panel.height + 24
    }
    return """
      <svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(y)" width="\(width)" height="\(y)">
      <style>
      .plot{\(lightColors)}
      @media (prefers-color-scheme: dark){.plot{\(darkColors)}}
      \(style)
      </style>
      <rect width="\(width)" height="\(y)" fill="var(--paper)"/>
      <text x="20" y="32" class="title" style="font-size:17px">\(escaped(title))</text>
      <text x="20" y="54">\(escaped(subtitle))</text>
      \(inner)
      </svg>

      """
  }

  // MARK: Panels

  /// How often each latency occurred, over a logarithmic axis.
  public static func histogram(_ title: String, _ latencies: LatencyHistogram, marks: [Mark]) -> Panel {
    let (width, height, left, bottom, top) = (720, 220, 12, 28, 44)
    var body = text(0, 14, title, "title")
    guard latencies.total > 0 else {
      body += text(Double(left), 100, "nothing was measured")
      return Panel(body: body, width: width, height: height)
    }
    let low = max(1, Double(latencies.least)) * 0.9
    let high = max(low * 1.5, Double(latencies.greatest) * 1.1)
    let span = Logarithm.base2(high) - Logarithm.base2(low)
    func x(_ value: Double) -> Double {
      Double(left) + (Logarithm.base2(max(value, low)) - Logarithm.base2(low)) / span
        * Double(width - 2 * left)
    }
    // Bars of equal width on the axis: neighbouring buckets are put together.
    let bars = 120
    var counts = [Double](repeating: 0, count: bars)
    for bucket in latencies.buckets {
      let middle = (Double(bucket.range.lowerBound) + Double(bucket.range.upperBound)) / 2
      let place = (x(middle) - Double(left)) / Double(width - 2 * left) * Double(bars)
      counts[min(bars - 1, max(0, Int(place)))] += Double(bucket.count)
    }
    let most = counts.max() ?? 1
    let base = Double(height - bottom)
    for decade in Axis.decades(low, high) {
      let at = x(decade)
      body += line(at, Double(top), at, base, "grid")
      body += text(at, base + 18, BenchTime.text(decade), anchor: "middle")
    }
    let barWidth = Double(width - 2 * left) / Double(bars)
    for (index, count) in counts.enumerated() where count > 0 {
      // Rare ones are what one looks for: nothing is thinner than a hair.
      let tall = max(1.5, count / most * (base - Double(top) - 8))
      body += rect(Double(left) + Double(index) * barWidth, base - tall, barWidth - 0.8, tall, 1)
    }
    body += line(Double(left), base, Double(width - left), base, "grid")
    var labelEnds = [-1e9, -1e9]
    for mark in marks {
      let at = x(mark.value)
      let wide = Double(mark.label.count) * 6.4
      // Two rows of labels, whichever has room.
      let row = labelEnds[0] <= labelEnds[1] ? 0 : 1
      let start = min(max(at - wide / 2, labelEnds[row] + 10), Double(width) - wide)
      labelEnds[row] = start + wide
      body += line(at, Double(top) - 2, at, base, "mark")
      body += text(start, row == 0 ? 28 : 41, mark.label, "value")
    }
    return Panel(body: body, width: width, height: height)
  }

  /// Figures over an axis, as lines.
  public static func lines(
    _ title: String, _ series: [Series], unit: String, isLogarithmic: Bool = false,
    format: (Double) -> String = Axis.short, ticks: [Double]? = nil
  ) -> Panel {
    let hasLabels = series.contains { !$0.label.isEmpty }
    let (width, height, left, right, bottom, top) = (720, 240, 64, hasLabels ? 124 : 16, 28, 26)
    var body = text(0, 14, title, "title")
    let points = series.flatMap(\.points)
    guard let lastX = points.map(\.0).max(), let firstX = points.map(\.0).min() else {
      body += text(Double(left), 100, "nothing was measured")
      return Panel(body: body, width: width, height: height)
    }
    let lowX = isLogarithmic || ticks != nil ? firstX : 0
    let spanX = max(1e-9, lastX - lowX)
    let most = max(1e-9, points.map(\.1).max() ?? 1)
    let least = max(1e-9, points.map(\.1).min() ?? 1)
    let base = Double(height - bottom)
    func x(_ value: Double) -> Double { Double(left) + (value - lowX) / spanX * Double(width - left - right) }
    let stepsY = isLogarithmic ? Axis.decades(least * 0.8, most * 1.2) : Axis.steps(most)
    let topValue = isLogarithmic ? max(most * 1.2, stepsY.last ?? 1) : max(stepsY.last ?? most, most)
    let lowValue = isLogarithmic ? min(least * 0.8, stepsY.first ?? 1) : 0
    func y(_ value: Double) -> Double {
      let share =
        isLogarithmic
        ? (Logarithm.base2(max(value, lowValue)) - Logarithm.base2(lowValue))
          / (Logarithm.base2(topValue) - Logarithm.base2(lowValue))
        : value / topValue
      return base - share * (base - Double(top) - 6)
    }
    for step in stepsY {
      body += line(Double(left), y(step), Double(width - right), y(step), "grid")
      body += text(Double(left) - 8, y(step) + 4, format(step), anchor: "end")
    }
    for tick in ticks ?? Axis.steps(lastX) where tick >= lowX && tick <= lastX * 1.0001 {
      body += text(x(tick), base + 18, Axis.short(tick) + (unit.isEmpty ? "" : " " + unit), anchor: "middle")
    }
    var labels: [Double] = []
    for one in series {
      let path = one.points.map { "\(coordinate(x($0.0))),\(coordinate(y($0.1)))" }.joined(separator: " ")
      let dash = one.isDashed ? " stroke-dasharray=\"5 4\" opacity=\"0.7\"" : ""
      body += "<polyline points=\"\(path)\" fill=\"none\" stroke=\"var(--c\(one.color))\" stroke-width=\"2\" "
      body += "stroke-linejoin=\"round\"\(dash)/>"
      if one.points.count <= 12 && !one.isDashed {
        for point in one.points {
          body +=
            "<circle cx=\"\(coordinate(x(point.0)))\" cy=\"\(coordinate(y(point.1)))\" r=\"3\" fill=\"var(--c\(one.color))\"/>"
        }
      }
      if let last = one.points.last, !one.label.isEmpty {
        var at = y(last.1) + 4
        while labels.contains(where: { abs($0 - at) < 13 }) { at += 13 }
        labels.append(at)
        body += text(x(last.0) + 8, at, one.label, "value")
      }
    }
    return Panel(body: body, width: width, height: height)
  }

  /// Bars side by side, each with its figure: `value` of 1 is the whole width, and the line at
  /// `goal` says where it ought to be.
  public static func bars(
    _ title: String, _ bars: [(label: String, value: Double, text: String, color: Int)], goal: Double? = nil,
    goalLabel: String = "goal", whole: Double? = nil, width: Int = 540
  ) -> Panel {
    let (left, right, row, top) = (132, 176, 26, 30)
    let height = top + row * bars.count + 14
    var body = text(0, 14, title, "title")
    let most = whole ?? max(bars.map(\.value).max() ?? 1, goal ?? 0, 1e-9)
    func x(_ value: Double) -> Double {
      Double(left) + min(value, most) / most * Double(width - left - right)
    }
    for (index, bar) in bars.enumerated() {
      let y = Double(top + index * row)
      body += text(Double(left) - 10, y + 15, bar.label, anchor: "end")
      body += rect(Double(left), y + 3, max(1.5, x(bar.value) - Double(left)), Double(row) - 8, bar.color)
      body += text(x(bar.value) + 8, y + 15, bar.text, "value")
    }
    if let goal {
      body += line(x(goal), Double(top) - 4, x(goal), Double(height) - 12, "mark")
      body += text(x(goal), Double(height), goalLabel, anchor: "middle")
    }
    return Panel(body: body, width: width, height: height + 4)
  }

  // MARK: Pieces

  public static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\u{0}"..."\u{1f}": result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func coordinate(_ value: Double) -> String { BenchNumber.fixed(value, 1) }

  private static func text(
    _ x: Double, _ y: Double, _ text: String, _ kind: String = "", anchor: String = "start"
  ) -> String {
    let style = kind.isEmpty ? "" : " class=\"\(kind)\""
    let anchored = anchor == "start" ? "" : " text-anchor=\"\(anchor)\""
    return "<text x=\"\(coordinate(x))\" y=\"\(coordinate(y))\"\(style)\(anchored)>\(escaped(text))</text>"
  }

  private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) -> String {
    "<line x1=\"\(coordinate(x1))\" y1=\"\(coordinate(y1))\" x2=\"\(coordinate(x2))\" y2=\"\(coordinate(y2))\" class=\"\(kind)\"/>"
  }

  private static func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: Int)
    -> String
  {
    "<rect x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" width=\"\(coordinate(width))\" height=\"\(coordinate(height))\" "
      + "rx=\"2\" fill=\"var(--c\(color))\"/>"
  }
}

/// Where the ticks of an axis are.
public enum Axis {
  /// Some four round steps up to at least the greatest value, 0 included.
  static func steps(_ most: Double) -> [Double] {
    guard most > 0, most.isFinite else { return [0] }
    let raw = most / 4
    var size = 1.0
    while size > raw { size /= 10 }
    while size * 10 <= raw { size *= 10 }
    let step = [1.0, 2, 2.5, 5, 10].map { $0 * size }.first { $0 >= raw * 0.999 } ?? size * 10
    return (0...6).map { Double($0) * step }.filter { $0 <= most + step * 0.999 }
  }

  /// Powers of ten within a range; of two where there are fewer than two of those.
  static func decades(_ low: Double, _ high: Double) -> [Double] {
    var ticks: [Double] = []
    for base in [10.0, 2.0] {
      ticks = []
      var value = 1.0
      while value > low { value /= base }
      while value <= high {
        if value >= low { ticks.append(value) }
        value *= base
      }
      if ticks.count >= 2 { break }
    }
    return ticks
  }

  /// A number in few characters: 250 k.
  public static func short(_ value: Double) -> String {
    for (suffix, size) in [(" G", 1e9), (" M", 1e6), (" k", 1e3)] where value >= size {
      let number = value / size
      return BenchNumber.fixed(number, number == number.rounded() ? 0 : 1) + suffix
    }
    return BenchNumber.fixed(value, value == value.rounded() ? 0 : value < 1 ? 2 : 1)
  }

  /// Nanoseconds with their unit.
  public static func duration(_ nanoseconds: Double) -> String { BenchTime.text(nanoseconds) }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

private enum Logarithm {
  static func base2(_ value: Double) -> Double { log2(value) }
}
