import Stepmill

// A prediction in words: each number with what it stands on.

package struct PredictionReport {
  let prediction: Prediction
  /// Runs in a month, for prices with AWS' tiers; 1 is a single run.
  let runs: Int

  package init(_ prediction: Prediction, runs: Int) {
    self.prediction = prediction
    self.runs = runs
  }

  package static let expressSeconds = 300.0
  package static let standardEvents = 25_000.0
  package static let payloadBytes = 262_144

  // MARK: Verdicts

  package enum Verdict: String, Sendable {
    case always, possibly, never
  }

  private static func verdict(_ span: Forecast.Span, limit: Double) -> Verdict {
    span.most <= limit ? .always : span.least <= limit ? .possibly : .never
  }

  package var duration: Verdict {
    Self.verdict(prediction.whole[.duration], limit: Self.expressSeconds)
  }

  package var events: Verdict { Self.verdict(prediction.whole[.events], limit: Self.standardEvents) }

  package var payload: Verdict {
    if prediction.hasSample, prediction.payloadBytes > Self.payloadBytes { return .never }
    if let largest = prediction.largestKnown, largest.bytes > Self.payloadBytes { return .never }
    return prediction.hasSample && prediction.unknownData.isEmpty ? .always : .possibly
  }

  private var durationReason: String {
    let span = prediction.whole[.duration]
    switch duration {
    case .always: return "a run takes at most \(Self.seconds(span.most))"
    case .never: return "a run takes at least \(Self.seconds(span.least))"
    case .possibly:
      let open = prediction.openDurations
      if open.isEmpty { return "a run takes \(Self.seconds(span))" }
      return "it depends: \(Self.list(open))"
    }
  }

  private var eventsReason: String {
    let span = prediction.whole[.events]
    switch events {
    case .always: return "a run has at most \(Self.count(span.most))"
    case .never: return "a run has at least \(Self.count(span.least))"
    case .possibly:
      if !prediction.loops.isEmpty { return "it depends on how often the loop goes round: \(loopText)" }
      return "a run has \(Self.count(span))"
    }
  }

  private var payloadReason: String {
    if payload == .never {
      if prediction.hasSample, prediction.payloadBytes > Self.payloadBytes {
        return "the sample has \(prediction.payloadBytes) bytes"
      }
      return prediction.largestKnown.map { "the data behind \($0.state) have \($0.bytes) bytes" } ?? ""
    }
    let known = prediction.largestKnown.map {
      "the largest known data have \($0.bytes) bytes, behind \($0.state)"
    }
    if payload == .always { return known ?? "the sample has \(prediction.payloadBytes) bytes" }
    var parts = [known].compactMap { $0 }
    if !prediction.unknownData.isEmpty {
      parts.append("what these return is not known: \(Self.list(prediction.unknownData))")
    } else if !prediction.hasSample {
      parts.append("the size of the input is not known; give a --input")
    }
    return parts.joined(separator: "; ")
  }

  private var loopText: String {
    Self.list(prediction.loops.map { $0.joined(separator: ", ") }, separator: " and ")
  }

  // MARK: Prices

  private var transitions: Forecast.Span {
    let (own, children) = (prediction.whole[.transitions], prediction.whole[.childTransitions])
    return Forecast.Span(least: own.least + children.least, most: own.most + children.most)
  }

  package var standardPrice: Forecast.Span {
    let span = transitions
    let runs = Double(runs)
    return Forecast.Span(
      least: Prices.standard(transitions: span.least * runs),
      most: Prices.standard(transitions: span.most * runs))
  }

  private func megabytes(branches: Double) -> Double {
    // Even what is called without bound runs at most so many at once.
    Prices.expressMegabytes(
      definitionBytes: prediction.definitionBytes, payloadBytes: prediction.payloadBytes,
      branches: min(branches, 1e9))
  }

  package var expressPrice: Forecast.Span {
    let span = prediction.whole[.assumedDuration]
    func price(_ seconds: Double, _ branches: Double) -> Double {
      Prices.express(runs: Double(runs), seconds: seconds, megabytes: megabytes(branches: branches))
    }
    // No Express execution lives longer than five minutes.
    return Forecast.Span(
      least: price(min(span.least, Self.expressSeconds), prediction.branchesAtOnce.least),
      most: price(min(span.most, Self.expressSeconds), prediction.branchesAtOnce.most))
  }

  // MARK: Assumptions

  private var assumptions: [String] {
    var lines = [
      "A transition is a state that is entered; each retry counts once more, as AWS bills it.",
      "Failures that no Catch catches end a run earlier; they are not among the paths.",
      "Durations: states themselves and passing on take no time; tasks take anything up to their "
        + "TimeoutSeconds. Prices: each attempt of a task takes \(prediction.taskMilliseconds) ms (--task-time).",
      "Prices are those published for us-east-1, without the monthly 4,000 free transitions"
        + (runs == 1 ? "; Express at the first tier." : "; Express tiers are filled by these runs alone."),
      "Express memory: 50 MB, the definition's \(prediction.definitionBytes) bytes, and "
        + "\(prediction.payloadBytes) bytes of data \(prediction.hasSample ? "(the sample)" : "(assumed)") "
        + "for each branch that runs at once; in steps of 64 MB. Duration in steps of 100 ms.",
    ]
    if !prediction.loops.isEmpty {
      lines.append("Loops have no bound: \(loopText). Paths have each state once.")
    }
    if let timeout = prediction.timeoutSeconds {
      lines.append("The definition's TimeoutSeconds of \(timeout) ends what takes longer.")
    }
    if !prediction.hasSample {
      lines.append("Without a sample every Choice may go any way, and a Map may have any number of items.")
    } else {
      lines.append(
        "The sample decides what the definition alone lets follow from it; the rest may be anything.")
    }
    return lines
  }

  // MARK: Text

  package func text(title: String, width: Int) -> String {
    let whole = prediction.whole
    var text = "\(title): \(prediction.stateCount) \(prediction.stateCount == 1 ? "state" : "states")\n\n"
    text += Self.table([
      ["One run", "least", "most"],
      ["  transitions", Self.count(whole[.transitions].least), Self.count(whole[.transitions].most)],
      ["  history events", Self.count(whole[.events].least), Self.count(whole[.events].most)],
      ["  waiting", Self.seconds(whole[.waiting].least), Self.seconds(whole[.waiting].most)],
      ["  duration", Self.seconds(whole[.duration].least), Self.seconds(whole[.duration].most)],
    ])
    if whole[.childTransitions].most > 0 {
      text += "  and \(Self.count(whole[.childTransitions])) transitions in child executions\n"
    }
    text += "\nPaths\n"
    for (index, path) in prediction.paths.enumerated() {
      let head = "  \(index + 1). "
      let names = path.states.joined(separator: " → ") + (path.endsInFailure ? " (fails)" : "")
      text += Self.paragraph(names, first: head, width)
      var line = "\(Self.count(path.forecast[.transitions])) transitions"
      line += ", \(Self.count(path.forecast[.events])) events"
      line += ", waiting \(Self.seconds(path.forecast[.waiting]))"
      if !path.loopStates.isEmpty { line += "; may be repeated: \(Self.list(path.loopStates))" }
      text += Self.paragraph(line, first: "     ", width)
    }
    if prediction.paths.isEmpty { text += "  none leads to an end\n" }
    if prediction.hasMorePaths { text += "  and more\n" }
    text += "\nLimits of AWS\n"
    for (name, verdict, reason) in [
      ("five minutes (Express)", duration, durationReason),
      ("25,000 events (Standard)", events, eventsReason), ("256 KiB of data", payload, payloadReason),
    ] {
      let answer =
        switch verdict {
        case .always: "always met"
        case .possibly: "may be met"
        case .never: "cannot be met"
        }
      text += Self.paragraph("\(name): \(answer); \(reason)", first: "  ", width)
    }
    text += "\nPrice on AWS of \(runs == 1 ? "one run" : "\(runs) runs in a month")\n"
    text += Self.paragraph(
      "Standard: \(Self.dollars(standardPrice)) (\(Self.count(transitions)) transitions a run at 0.025 USD per 1,000)",
      first: "  ", width)
    let span = prediction.whole[.assumedDuration]
    let (small, large) = (
      megabytes(branches: prediction.branchesAtOnce.least),
      megabytes(branches: prediction.branchesAtOnce.most)
    )
    let memory = small == large ? "\(Int(small)) MB" : "\(Int(small)) to \(Int(large)) MB"
    text += Self.paragraph(
      "Express: \(Self.dollars(expressPrice)) (1.00 USD per million requests, and \(memory) for "
        + "\(Self.seconds(span))\(span.most > Self.expressSeconds ? ", five minutes at most" : ""), from 0.06 USD "
        + "per GB-hour)", first: "  ", width)
    text += "\nAssumptions\n"
    for line in assumptions { text += Self.paragraph(line, first: "  - ", width) }
    return text
  }

  private static func table(_ rows: [[String]]) -> String {
    let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = row[0] + String(repeating: " ", count: widths[0] - row[0].count)
      for column in 1..<3 {
        line += "   " + String(repeating: " ", count: widths[column] - row[column].count) + row[column]
      }
      return line + "\n"
    }.joined()
  }

  private static func paragraph(_ text: String, first: String, _ width: Int) -> String {
    let room = Double(max(20, width - first.count))
    let lines = TextMetrics.wrap(text, width: room) { Double(TextMetrics.columns($0)) }
    let rest = String(repeating: " ", count: first.count)
    return lines.enumerated().map { ($0 == 0 ? first : rest) + $1 + "\n" }.joined()
  }

  // MARK: Numbers

  private static func list(_ names: [String], separator: String = ", ") -> String {
    let shown = names.prefix(4).joined(separator: separator)
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }

  static func count(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "unbounded" }
    var digits = Array(String(Int(value)))
    var position = digits.count - 3
    while position > 0 {
      digits.insert(",", at: position)
      position -= 3
    }
    return String(digits)
  }

  private static func count(_ span: Forecast.Span) -> String {
    if span.least == span.most { return count(span.least) }
    return span.most.isFinite ? "\(count(span.least)) to \(count(span.most))" : "\(count(span.least)) or more"
  }

  private static func seconds(_ value: Double) -> String {
    value.isFinite ? DurationText.text(seconds: value) : "unbounded"
  }

  private static func seconds(_ span: Forecast.Span) -> String {
    if span.least == span.most { return seconds(span.least) }
    return span.most.isFinite
      ? "\(seconds(span.least)) to \(seconds(span.most))" : "\(seconds(span.least)) or more"
  }

  private static func dollars(_ span: Forecast.Span) -> String {
    if span.least == span.most { return "\(dollars(span.least)) USD" }
    return span.most.isFinite
      ? "\(dollars(span.least)) to \(dollars(span.most)) USD" : "\(dollars(span.least)) USD or more"
  }

  /// To the cent, or to three digits of what is less.
  static func dollars(_ value: Double) -> String {
    guard value > 0, value.isFinite else { return value.isFinite ? "0" : "unbounded" }
    var decimals = 2
    var step = 0.1
    while step > value, decimals < 12 {
      step /= 10
      decimals += 1
    }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard value * scale < 1e18 else { return "\(value)" }
    var digits = String(Int((value * scale).rounded()))
    digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
    return digits
  }

  // MARK: JSON

  /// The same for programs; what has no bound is null.
  package var json: JSON {
    [
      "states": JSON(prediction.stateCount),
      "run": Self.json(prediction.whole),
      "paths": JSON(
        prediction.paths.map { path in
          [
            "states": JSON(path.states.map { JSON($0) }), "endsInFailure": JSON(path.endsInFailure),
            "mayRepeat": JSON(path.loopStates.map { JSON($0) }), "forecast": Self.json(path.forecast),
          ]
        }),
      "hasMorePaths": JSON(prediction.hasMorePaths),
      "loops": JSON(prediction.loops.map { JSON($0.map { JSON($0) }) }),
      "limits": [
        "expressDuration": ["met": JSON(duration.rawValue), "reason": JSON(durationReason)],
        "standardEvents": ["met": JSON(events.rawValue), "reason": JSON(eventsReason)],
        "payload": ["met": JSON(payload.rawValue), "reason": JSON(payloadReason)],
      ],
      "price": [
        "currency": "USD", "runs": JSON(runs), "standard": Self.json(standardPrice),
        "express": Self.json(expressPrice),
      ],
      "assumptions": JSON(assumptions.map { JSON($0) }),
    ]
  }

  private static func json(_ forecast: Forecast) -> JSON {
    [
      "transitions": json(forecast[.transitions]), "events": json(forecast[.events]),
      "childTransitions": json(forecast[.childTransitions]), "taskAttempts": json(forecast[.attempts]),
      "waitSeconds": json(forecast[.waiting]), "durationSeconds": json(forecast[.duration]),
      "billedSeconds": json(forecast[.assumedDuration]),
    ]
  }

  private static func json(_ span: Forecast.Span) -> JSON {
    ["least": json(span.least), "most": json(span.most)]
  }

  private static func json(_ value: Double) -> JSON {
    if !value.isFinite { return .null }
    return Int(exactly: value).map { JSON($0) } ?? JSON(value)
  }
}
