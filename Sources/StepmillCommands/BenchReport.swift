import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What `stepmill bench` says, in its four forms.
struct BenchReport {
  let file: String
  let inputs: Int
  let plan: BenchSession.Plan
  var result: BenchResult
  var profile: StateTimes?
  /// The runs of a search, by rate.
  var saturation: [BenchResult]?

  init(file: String, inputs: Int, plan: BenchSession.Plan) {
    self.file = file
    self.inputs = inputs
    self.plan = plan
    result = BenchResult(pace: plan.pace, loops: plan.loops)
  }

  static let percentiles: [(name: String, share: Double)] = [
    ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
  ]

  // MARK: A table

  func table(_ style: Style, width: Int) -> String {
    var text = style.bold(SourceLines.readable(file)) + ": " + headline + "\n\n"
    if let saturation { text += saturationTable(saturation, style) + "\n" }
    text += Self.columns(figures)
    if !result.counts.errors.isEmpty {
      text += "\n" + style.bold("errors") + "\n" + Self.columns(errorLines)
    }
    if let profile, profile.executions > 0 { text += "\n" + stateTable(profile, style, width) }
    for remark in remarks { text += "\n" + style.yellow("note:") + " " + remark + "\n" }
    return text
  }

  private var headline: String {
    let load =
      switch result.pace {
      case .closed(let concurrency): "\(BenchNumber.grouped(Double(concurrency))) at a time"
      case .open(let rate, _): "\(BenchNumber.grouped(rate)) a second"
      }
    let loops = "\(result.loops) \(result.loops == 1 ? "loop" : "loops")"
    let many = inputs > 1 ? ", \(inputs) inputs in turn" : ""
    return "\(BenchTime.text(result.seconds * 1e9)), \(load), \(loops)\(many)"
  }

  private var figures: [[String]] {
    let counts = result.counts
    var lines = [
      [
        "executions", BenchNumber.grouped(Double(result.endedInTime)),
        BenchNumber.grouped(result.executionsPerSecond) + "/s",
      ],
      [
        "transitions", BenchNumber.grouped(Double(result.transitions)),
        BenchNumber.grouped(result.transitionsPerSecond) + "/s",
      ],
      [
        "succeeded", BenchNumber.grouped(Double(counts.succeeded)),
        Self.share(counts.succeeded, counts.ended),
      ],
    ]
    if counts.ended > result.endedInTime {
      lines.append([
        "ended late", BenchNumber.grouped(Double(counts.ended - result.endedInTime)), "not in the rates",
      ])
    }
    for (name, count) in [("failed", counts.failed), ("timed out", counts.timedOut)] where count > 0 {
      lines.append([name, BenchNumber.grouped(Double(count)), Self.share(count, counts.ended)])
    }
    if result.unfinished > 0 {
      lines.append(["not ended", BenchNumber.grouped(Double(result.unfinished)), "aborted"])
    }
    if result.shed > 0 {
      lines.append([
        "shed", BenchNumber.grouped(Double(result.shed)),
        Self.share(result.shed, result.shed + result.startedInTime),
      ])
    }
    for (index, percentile) in Self.percentiles.enumerated() where result.latencies.total > 0 {
      lines.append([
        index == 0 ? "latency" : "", percentile.name,
        BenchTime.text(Double(result.latencies.quantile(percentile.share))),
      ])
    }
    if result.latencies.total > 0 {
      lines.append(["", "longest", BenchTime.text(Double(result.latencies.greatest))])
    }
    let cores = result.seconds > 0 ? result.processorSeconds / result.seconds : 0
    lines.append([
      "processor", BenchTime.text(result.processorSeconds * 1e9), BenchNumber.fixed(cores, 2) + " cores busy",
    ])
    lines.append(["memory", BenchNumber.bytes(Double(result.memoryBytes)), "at its peak"])
    return lines
  }

  private var errorLines: [[String]] {
    let errors = result.counts.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    var lines = errors.prefix(12).map { name, count in
      [
        "  " + SourceLines.readable(name), BenchNumber.grouped(Double(count)),
        Self.share(count, result.counts.ended),
      ]
    }
    let rest = errors.dropFirst(12).reduce(0) { $0 + $1.value }
    if rest > 0 { lines.append(["  … others", BenchNumber.grouped(Double(rest)), ""]) }
    return lines
  }

  private func stateTable(_ profile: StateTimes, _ style: Style, _ width: Int) -> String {
    var lines: [[String]] = []
    for state in profile.longestFirst.prefix(20) {
      let share = profile.share(of: state)
      let bar = String(repeating: "█", count: min(24, Int(((share ?? 0) * 24).rounded())))
      lines.append([
        "  " + SourceLines.readable(state.name), state.type,
        share.map { BenchNumber.fixed($0 * 100, 1) + " %" } ?? "",
        BenchTime.text(state.nanoseconds / Double(max(1, state.visits))),
        style.cyan(bar),
      ])
    }
    var text = style.bold("time by state")
    text +=
      ", of \(BenchNumber.grouped(Double(profile.executions))) executions with a history; each visit's mean\n"
    text += Self.columns(lines, leftAligned: 2)
    if profile.longestFirst.count > 20 { text += "  … and \(profile.longestFirst.count - 20) more\n" }
    return text
  }

  private func saturationTable(_ steps: [BenchResult], _ style: Style) -> String {
    var lines = [["rate", "ended/s", "p50", "p99", "under way", ""]]
    for step in steps {
      guard case .open(let rate, _) = step.pace else { continue }
      lines.append([
        BenchNumber.grouped(rate) + "/s", BenchNumber.grouped(step.executionsPerSecond),
        BenchTime.text(Double(step.latencies.quantile(0.5))),
        BenchTime.text(Double(step.latencies.quantile(0.99))),
        BenchNumber.grouped(Double(step.inFlightAtEnd)),
        step.isBeyondSaturation ? "the queue grows" : "keeps up",
      ])
    }
    let sustained = steps.filter { !$0.isBeyondSaturation }.map(Self.rate).max()
    var text = Self.columns(lines, leftAligned: 0, lastIsLeft: true)
    text += "\n"
    if let sustained {
      text +=
        style.bold("saturation: about \(BenchNumber.grouped(sustained)) executions/s") + "; at that rate:\n"
    } else {
      text += style.bold("no rate was sustained") + "; with as many as possible at a time:\n"
    }
    return text
  }

  private static func rate(_ result: BenchResult) -> Double {
    if case .open(let rate, _) = result.pace { return rate }
    return 0
  }

  /// What a reader should know before believing the figures.
  var remarks: [String] {
    var remarks: [String] = []
    if result.isInterrupted { remarks.append("ended early; these are the figures until then.") }
    if result.isBeyondSaturation, case .open(let rate, let queueMax) = result.pace {
      var text = "\(BenchNumber.grouped(rate)) a second is beyond saturation, which is about "
      text += "\(BenchNumber.grouped(result.executionsPerSecond))/s here: "
      text += "the queue grew \(Self.growth(result.samples))"
      if result.shed > 0 {
        text += ", and \(BenchNumber.grouped(Double(result.shed))) arrivals that found "
        text += "\(BenchNumber.grouped(Double(queueMax))) under way were shed (--queue)"
      }
      remarks.append(text + ". Latencies say how long the queue was, not how fast the workflow is.")
    }
    if result.unfinished > 0 {
      let count = BenchNumber.grouped(Double(result.unfinished))
      remarks.append(
        "\(count) \(result.unfinished == 1 ? "execution" : "executions") had not ended "
          + "\(BenchTime.text(plan.graceNanoseconds)) after the last start and were aborted (--grace); "
          + "they are in no figure.")
    }
    if result.counts.ended == 0 {
      remarks.append("no execution ended, so there is nothing to say about any.")
    }
    if result.counts.ended > 0, result.counts.succeeded == 0 {
      remarks.append("no execution succeeded: this is how fast the workflow fails.")
    }
    return remarks
  }

  /// How the queue grew, in a few steps.
  private static func growth(_ samples: [BenchSample]) -> String {
    guard samples.count >= 2 else { return "from the start" }
    let count = min(5, samples.count)
    let chosen = (0..<count).map { samples[$0 * (samples.count - 1) / (count - 1)] }
    let steps = chosen.map { BenchNumber.grouped(Double($0.inFlight)) }
    return "to \(samples.map(\.inFlight).max().map { BenchNumber.grouped(Double($0)) } ?? "0") "
      + "(\(steps.joined(separator: " → ")) over the run)"
  }

  private static func share(_ part: Int, _ whole: Int) -> String {
    guard whole > 0 else { return "" }
    let percent = Double(part) / Double(whole) * 100
    return BenchNumber.fixed(percent, part == 0 || part == whole ? 0 : percent < 1 ? 3 : 1) + " %"
  }

  static func columns(_ lines: [[String]], leftAligned: Int = 1, lastIsLeft: Bool = false) -> String {
    let count = lines.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    var text = ""
    for line in lines {
      var written = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        let isLeft = column < leftAligned || column == count - 1 && (lastIsLeft || count > 4)
        written += (column > 0 ? "  " : "") + (isLeft ? cell + padding : padding + cell)
      }
      while written.last == " " { written.removeLast() }
      text += written + "\n"
    }
    return text
  }

  // MARK: JSON and CSV

  var json: String {
    var json: JSON = [
      "definition": JSON(file), "inputs": JSON(inputs), "loops": JSON(result.loops),
      "seconds": JSON(result.seconds), "interrupted": JSON(result.isInterrupted),
      "executionsPerSecond": JSON(result.executionsPerSecond),
      "transitionsPerSecond": JSON(result.transitionsPerSecond),
      "started": JSON(result.startedInTime), "ended": JSON(result.endedInTime),
      "transitions": JSON(result.transitions), "succeeded": JSON(result.counts.succeeded),
      "failed": JSON(result.counts.failed), "timedOut": JSON(result.counts.timedOut),
      "unfinished": JSON(result.unfinished), "shed": JSON(result.shed),
      "beyondSaturation": JSON(result.isBeyondSaturation),
      "processorSeconds": JSON(result.processorSeconds), "memoryBytes": JSON(result.memoryBytes),
    ]
    switch result.pace {
    case .closed(let concurrency): json["concurrency"] = JSON(concurrency)
    case .open(let rate, _): json["rate"] = JSON(rate)
    }
    json["latencyNanoseconds"] = latencyJSON(result.latencies)
    var errors: JSON = [:]
    for (name, count) in result.counts.errors.sorted(by: { $0.key < $1.key }) { errors[name] = JSON(count) }
    json["errors"] = errors
    if let profile {
      json["states"] = JSON(
        profile.longestFirst.map { state -> JSON in
          [
            "name": JSON(state.name), "type": JSON(state.type), "visits": JSON(state.visits),
            "share": profile.share(of: state).map { JSON($0) } ?? .null,
            "meanNanoseconds": JSON(state.nanoseconds / Double(max(1, state.visits))),
          ]
        })
    }
    if let saturation {
      let sustained = saturation.filter { !$0.isBeyondSaturation }.map(Self.rate).max()
      json["saturation"] = [
        "sustainedPerSecond": sustained.map { JSON($0) } ?? .null,
        "steps": JSON(
          saturation.map { step -> JSON in
            [
              "rate": JSON(Self.rate(step)), "executionsPerSecond": JSON(step.executionsPerSecond),
              "underWay": JSON(step.inFlightAtEnd), "keepsUp": JSON(!step.isBeyondSaturation),
              "latencyNanoseconds": latencyJSON(step.latencies),
            ]
          }),
      ]
    }
    json["samples"] = JSON(
      result.samples.map { sample -> JSON in
        [
          "seconds": JSON(sample.time), "started": JSON(sample.started), "ended": JSON(sample.ended),
          "failed": JSON(sample.failed), "shed": JSON(sample.shed), "underWay": JSON(sample.inFlight),
          "p50": JSON(Int(sample.p50)), "p99": JSON(Int(sample.p99)),
        ]
      })
    return json.text(indent: 2) + "\n"
  }

  private func latencyJSON(_ latencies: LatencyHistogram) -> JSON {
    guard latencies.total > 0 else { return .null }
    var json: JSON = ["least": JSON(Int(latencies.least)), "mean": JSON(latencies.mean)]
    for percentile in Self.percentiles + [("p99.99", 0.9999)] {
      json[percentile.name] = JSON(Int(latencies.quantile(percentile.share)))
    }
    json["greatest"] = JSON(Int(latencies.greatest))
    return json
  }

  var csv: String {
    var text = "seconds,started,ended,failed,shed,under_way,executions_per_second,p50_ns,p99_ns\n"
    var previous = BenchSample(time: 0)
    for sample in result.samples {
      let rate = Double(sample.ended - previous.ended) / max(1e-9, sample.time - previous.time)
      text +=
        "\(BenchNumber.fixed(sample.time, 3)),\(sample.started),\(sample.ended),\(sample.failed),\(sample.shed),"
      text += "\(sample.inFlight),\(BenchNumber.fixed(rate, 1)),\(sample.p50),\(sample.p99)\n"
      previous = sample
    }
    return text
  }

  // MARK: A picture

  var svg: String {
    let marks = Self.percentiles.map { percentile in
      BenchPlot.Mark(
        label: percentile.name + " " + BenchTime.text(Double(result.latencies.quantile(percentile.share))),
        value: Double(result.latencies.quantile(percentile.share)))
    }
    var previous = BenchSample(time: 0)
    var rates: [(Double, Double)] = []
    for sample in result.samples where sample.time - previous.time > 1e-3 {
      rates.append((sample.time, Double(sample.ended - previous.ended) / (sample.time - previous.time)))
      previous = sample
    }
    let queue = result.samples.map { ($0.time, Double($0.inFlight)) }
    return BenchPlot.page(
      title: "\(file): \(headline)",
      subtitle: "\(BenchNumber.grouped(result.executionsPerSecond)) executions/s, "
        + "\(BenchNumber.grouped(result.transitionsPerSecond)) transitions/s",
      panels: [
        BenchPlot.histogram("latency", result.latencies, marks: marks),
        BenchPlot.lines("executions ended per second", [.init(label: "", points: rates)], unit: "s"),
        BenchPlot.lines("executions under way", [.init(label: "", points: queue)], unit: "s"),
      ])
  }
}
