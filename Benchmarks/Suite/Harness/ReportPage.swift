// The report as one page: goals, workloads, scaling, latency, memory, growth, every row. The
// plots are SVG inside of it; nothing is loaded from elsewhere.

import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct ReportPage {
  let outcomes: [Outcome]
  let goals: [GoalResult]
  let options: HarnessOptions
  let isQuick: Bool
  /// What was typed.
  var command =
    "swift run -c release stepmill-benchmarks " + CommandLine.arguments.dropFirst().joined(separator: " ")

  func write(to directory: String) throws {
    _ = unsafe mkdir(directory, 0o755)
    guard writeText(html, to: "\(directory)/index.html") else {
      throw BenchmarkError.failed("--report: \(directory)/index.html cannot be written")
    }
  }

  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Stepmill: benchmark report</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <main>
    \(header)
    \(goalSection)
    \(workloadSection)
    \(section("Scaling", scalingPlots, Self.scalingNote))
    \(section("Latency", latencyPlots, Self.latencyNote))
    \(section("Waiting", waitingPlots, Self.waitingNote))
    \(section("Growth", growthPlots, Self.growthNote))
    \(section("Machinery", machineryPlots, Self.machineryNote))
    \(rowSection)
    \(footer)
    </main>
    </body>
    </html>

    """
  }

  private static let scalingNote =
    "Speed on several loops as a multiple of one; dashed: what as many cores could give at best."
  private static let latencyNote =
    "Executions arrive by schedule at a share of what one loop sustains. A time counts from when an "
    + "execution was due, so an engine that falls behind gets no discount. Up to p99 each figure is the "
    + "median of many short windows; beyond, it is of whole rounds, with every stall of the machine in it."
  private static let waitingNote =
    "What an execution takes while it waits, and what starting, waiting and ending cost."
  private static let growthNote = "The price of one item or one wait should not depend on how many there are."
  private static let machineryNote =
    "What stands below executions, as a multiple of the same work in C, C++ or plain Swift; the line is 1."

  // MARK: Sections

  private var header: String {
    let facts = [
      ("machine", machineDescription()), ("commit", Self.commit), ("date", Self.date),
      ("rounds", "\(options.rounds), medians\(isQuick ? "; quick sizes" : "")"),
    ]
    let list = facts.map { "<div><dt>\($0)</dt><dd>\(BenchPlot.escaped($1))</dd></div>" }.joined()
    return """
      <header>
      <h1>Stepmill <span>benchmark report</span></h1>
      <dl>\(list)</dl>
      <pre>\(BenchPlot.escaped(command))</pre>
      </header>
      """
  }

  private var goalSection: String {
    guard !goals.isEmpty else { return "" }
    let met = goals.count { $0.isMet }
    let least = goals.count { $0.isLeastMet } - met
    let rows = goals.map { result -> String in
      let state = result.isMet ? "met" : result.isLeastMet ? "least" : "missed"
      let goal = result.goal
      return """
        <tr class="\(state)"><td>\(BenchPlot.escaped(goal.measured))<small>\(BenchPlot.escaped(goal.against == "-" ? "" : "against " + goal.against))</small></td>\
        <td class="here">\(goal.text(result.value))<small>\(BenchPlot.escaped(goal.text(result.spread)))</small></td><td>\(goal.text(goal.least))</td><td>\(goal.text(goal.goal))</td>\
        <td><b>\(BenchPlot.escaped(result.verdict))</b></td></tr>
        """
    }
    return """
      <section>
      <h2>Goals</h2>
      <p>Each is a ratio between two things measured in this run. Where they took turns it is the median of
      the rounds' ratios, with the least and the greatest below. <b class="met">\(met) met</b>, \
      <b class="least">\(least) as good as will do</b>, <b class="missed">\(goals.count - met - least) missed</b>.</p>
      <div class="scroll"><table class="goals"><thead><tr><th>measured</th><th>here</th><th>least</th><th>goal</th><th></th></tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
      </section>
      """
  }

  private var workloadSection: String {
    let plots = outcomes.filter { ["W1", "W2", "W3", "W4", "W5"].contains($0.benchmark.name) }.map {
      outcome in
      let rows = outcome.rows.filter { $0.unit == .transitionsPerSecond }
      let executions = outcome.rows.filter { $0.unit == .executionsPerSecond }
      return BenchPlot.bars(
        "\(outcome.benchmark.name): \(outcome.benchmark.summary)",
        rows.map { row in
          let each = executions.first { $0.contestant == row.contestant }?.median ?? 0
          return (
            Self.name(row.contestant), row.median,
            "\(Axis.short(row.median))/s · \(Axis.short(each)) exec/s", Self.color(row.contestant)
          )
        })
    }
    return section(
      "Workloads", plots,
      "Transitions and executions per second of processor time, on one core, JSON text to JSON text. The "
        + "floor is C++ that does the data work and nothing else; hand-written is Swift concurrency with Codable."
    )
  }

  private func section(_ title: String, _ plots: [BenchPlot.Panel], _ note: String) -> String {
    guard !plots.isEmpty else { return "" }
    let figures = plots.map { "<figure>\($0.svg)</figure>" }.joined(separator: "\n")
    return
      "<section><h2>\(title)</h2><p>\(BenchPlot.escaped(note))</p><div class=\"plots\">\(figures)</div></section>"
  }

  private var scalingPlots: [BenchPlot.Panel] {
    // The floor beside what it is the floor of: in the same colour, dashed.
    let families: [(String, String, Contestant.Role, Unit, color: Int)] = [
      ("W3-loops", "W3 on loops", .stepmill, .executionsPerSecond, 1),
      ("W3-loops", "the floor's W3 on threads", .floor, .executionsPerSecond, 1),
      ("W3-threads", "W3 on threads", .stepmill, .executionsPerSecond, 2),
      ("fan-out-50ns", "items of 50 ns", .stepmill, .itemsPerSecond, 3),
      ("fan-out-500ns", "items of 500 ns", .stepmill, .itemsPerSecond, 4),
    ]
    var series: [BenchPlot.Series] = []
    var most = 1.0
    for (name, label, role, unit, color) in families {
      let points = rows(name, unit).filter { $0.contestant == role }.compactMap { row in
        Self.trailingNumber(row.name).map { ($0, row.median) }
      }
      guard let one = points.first(where: { $0.0 == 1 })?.1, one > 0, points.count > 1 else { continue }
      series.append(
        .init(label: label, points: points.map { ($0.0, $0.1 / one) }, color: color, isDashed: role == .floor)
      )
      most = max(most, points.map(\.0).max() ?? 1)
    }
    guard !series.isEmpty else { return [] }
    let ideal = BenchPlot.Series(label: "ideal", points: [(1, 1), (most, most)], color: 2, isDashed: true)
    return [
      BenchPlot.lines(
        "speed-up by loops", series + [ideal], unit: "", format: { "\(Axis.short($0)) x" },
        ticks: [1, 2, 4, 8, 16, 32])
    ]
  }

  private var latencyPlots: [BenchPlot.Panel] {
    let shares: [(Unit, String)] = [
      (.latencyP50, "p50"), (.latencyP90, "p90"), (.latencyP99, "p99"), (.latencyP999, "p99.9"),
      (.latencyP9999, "p99.99"),
    ]
    let loads = [50, 80, 95]
    return loads.enumerated().compactMap { index, load in
      let bars = shares.compactMap {
        unit, label -> (label: String, value: Double, text: String, color: Int)? in
        guard let row = rows("W3-latency", unit).first(where: { $0.name.hasSuffix("-\(load)") }) else {
          return nil
        }
        // Over a logarithmic scale from a microsecond on: a tail spans decades.
        return (
          label, log10(max(row.median, 1000)) - 2.8, Axis.duration(row.median),
          index == 0 ? 4 : index == 1 ? 1 : 3
        )
      }
      guard !bars.isEmpty else { return nil }
      return BenchPlot.bars("W3 at \(load) % of saturation (logarithmic)", bars, whole: 7)
    }
  }

  private var waitingPlots: [BenchPlot.Panel] {
    [
      (Unit.bytesPerItem, "bytes per waiting execution", "B"),
      (.nanosecondsPerItem, "processor time per wait", ""),
    ]
    .compactMap { unit, title, suffix in
      let rows = rows("W6", unit)
      guard !rows.isEmpty else { return nil }
      return BenchPlot.bars(
        title,
        rows.map { row in
          (
            Self.name(row.contestant), row.median,
            suffix.isEmpty ? Axis.duration(row.median) : "\(significant(row.median)) \(suffix)",
            Self.color(row.contestant)
          )
        })
    }
  }

  private var growthPlots: [BenchPlot.Panel] {
    [("W4-growth", "W4: processor time per item"), ("W6-growth", "W6: processor time per wait")].compactMap {
      name, title in
      let rows = rows(name, .nanosecondsPerItem)
      guard rows.count > 1 else { return nil }
      return BenchPlot.bars(
        title,
        rows.map { row in
          let count = Axis.short(Self.trailingNumber(row.name) ?? 0)
          return (
            row.contestant == .stepmill ? count : "\(count), \(Self.name(row.contestant))", row.median,
            Axis.duration(row.median), Self.color(row.contestant)
          )
        })
    }
  }

  private var machineryPlots: [BenchPlot.Panel] {
    let names = [
      "parse", "write", "submit-1", "submit-2", "submit-4", "wake-up", "timer-start", "timer-cancel",
      "timer-fire",
      "handler-sync", "handler-async", "handler-suspending",
    ]
    let bars = names.compactMap { name -> (label: String, value: Double, text: String, color: Int)? in
      guard let outcome = outcomes.first(where: { $0.benchmark.name == name }),
        let row = outcome.rows.first(where: { $0.contestant == .stepmill }),
        let rival = outcome.rows.first(where: { $0.contestant != .stepmill })
      else { return nil }
      let speed = row.speed(over: rival).median
      return (name, min(speed, 5), "\(significant(speed)) x  (\(rival.detail))", speed >= 1 ? 1 : 3)
    }
    return bars.isEmpty
      ? []
      : [
        BenchPlot.bars(
          "speed beside the yardstick", bars, goal: 1, goalLabel: "as fast", whole: 5, width: 720)
      ]
  }

  private var rowSection: String {
    let rows = outcomes.flatMap(\.rows).map { row in
      """
      <tr><td>\(BenchPlot.escaped(row.name))</td><td>\(row.contestant.rawValue)<small>\(BenchPlot.escaped(row.detail))</small></td>\
      <td>\(row.unit.rawValue)</td><td>\(significant(row.median))</td><td>\(significant(row.min))</td><td>\(significant(row.max))</td>\
      <td>\(Self.text(row.sharesOfFloor) { fixed($0 * 100, 1) + " %" })</td>\
      <td>\(Self.text(row.factorsToHandwritten) { fixed($0, 2) })</td></tr>
      """
    }
    return """
      <section><h2>Every row</h2><details><summary>\(rows.count) rows</summary>
      <div class="scroll"><table><thead><tr><th>benchmark</th><th>contestant</th><th>unit</th><th>median</th><th>least</th><th>greatest</th><th>of floor</th><th>× hand-written</th></tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div></details></section>
      """
  }

  private var footer: String {
    """
    <footer><p>Again, on your machine: <code>swift run -c release stepmill-benchmarks --report report</code>. \
    What is counted instead of timed stands in <code>Benchmarks/counts.json</code>.</p></footer>
    """
  }

  // MARK: Pieces

  private func rows(_ benchmark: String, _ unit: Unit) -> [Row] {
    outcomes.first { $0.benchmark.name == benchmark }?.rows.filter { $0.unit == unit } ?? []
  }

  private static func text(_ spread: Spread?, _ form: (Double) -> String) -> String {
    guard let spread else { return "" }
    let range = spread.isSpread ? "<small>\(form(spread.least)) to \(form(spread.greatest))</small>" : ""
    return form(spread.median) + range
  }

  private static func trailingNumber(_ name: String) -> Double? {
    name.split(separator: "-").last.flatMap { Double($0) }
  }

  private static func name(_ role: Contestant.Role) -> String {
    switch role {
    case .stepmill: "Stepmill"
    case .floor: "C++ floor"
    case .handwritten: "hand-written Swift"
    }
  }

  private static func color(_ role: Contestant.Role) -> Int {
    switch role {
    case .stepmill: 1
    case .floor: 2
    case .handwritten: 3
    }
  }

  private static var commit: String {
    guard let pipe = unsafe popen("git describe --always --dirty --abbrev=12 2>/dev/null", "r") else {
      return "unknown"
    }
    defer { unsafe pclose(pipe) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = unsafe fread(&bytes, 1, bytes.count, pipe)
    let text = String(decoding: bytes[..<count].filter { $0 > 32 }, as: UTF8.self)
    return text.isEmpty ? "unknown" : text
  }

  private static var date: String {
    var now = time(nil)
    var parts = unsafe tm()
    unsafe gmtime_r(&now, &parts)
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe strftime(
        buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count, "%Y-%m-%d %H:%M UTC", &parts)
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private static let style = """
    :root{color-scheme:light dark;\(BenchPlot.lightColors);--back:#f4f6f9;--met:#0f8a5f;--least:#b7791f;--missed:#c2410c}
    @media (prefers-color-scheme:dark){:root{\(BenchPlot.darkColors);--back:#0b0e13;--met:#3ecf9a;--least:#e6b450;--missed:#ff8a5c}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--back);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
    main{max-width:1120px;margin:0 auto;padding:40px 24px 64px}
    h1{font-size:30px;line-height:1.2;margin:0 0 20px;letter-spacing:-.02em}h1 span{font-weight:400;color:var(--soft)}
    h2{font-size:19px;margin:0 0 6px;letter-spacing:-.01em}
    p{margin:0 0 16px;color:var(--soft);max-width:78ch}
    section{margin-top:44px}
    dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px 28px;margin:0 0 18px}
    dt{font-size:12px;color:var(--soft)}dd{margin:0;font-weight:500}
    pre,code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
    pre{background:var(--paper);border:1px solid var(--faint);border-radius:8px;padding:10px 14px;margin:0;overflow-x:auto}
    code{background:var(--paper);border:1px solid var(--faint);border-radius:5px;padding:1px 5px}
    .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:16px}
    figure{margin:0;max-width:720px;background:var(--paper);border:1px solid var(--faint);border-radius:10px;padding:18px 18px 12px}
    figure svg{display:block;width:100%;height:auto}
    .scroll{overflow-x:auto;background:var(--paper);border:1px solid var(--faint);border-radius:10px}
    table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
    th{font-size:12px;font-weight:500;color:var(--soft);text-align:right;padding:10px 14px;white-space:nowrap}
    td{padding:8px 14px;border-top:1px solid var(--faint);text-align:right;white-space:nowrap}
    th:first-child,td:first-child,.goals td:last-child,table:not(.goals) td:nth-child(2),table:not(.goals) td:nth-child(3),table:not(.goals) th:nth-child(2),table:not(.goals) th:nth-child(3){text-align:left}
    td small{display:block;color:var(--soft);font-size:12px}
    td.here{font-weight:600}
    tr.met b,b.met{color:var(--met)}tr.least b,b.least{color:var(--least)}tr.missed b,b.missed{color:var(--missed)}
    tr b::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;background:currentColor;margin-right:8px}
    details summary{cursor:pointer;color:var(--soft);margin-bottom:12px}
    footer{margin-top:44px;border-top:1px solid var(--faint);padding-top:16px}
    \(BenchPlot.style)
    """
}
