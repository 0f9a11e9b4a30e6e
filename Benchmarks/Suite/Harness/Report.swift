// Rows as an aligned table and as JSON.

/// The table for a terminal.
public func table(of outcomes: [Outcome]) -> String {
  let head = ["", "contestant", "unit", "median", "min", "max", "of floor", "x handwritten"]
  var lines = [head]
  for outcome in outcomes {
    for row in outcome.rows {
      lines.append([
        row.name, "\(row.contestant.rawValue): \(row.detail)", row.unit.rawValue,
        significant(row.median), significant(row.min), significant(row.max),
        row.shareOfFloor.map { "\(fixed($0 * 100, 1)) %" } ?? "",
        row.factorToHandwritten.map { fixed($0, 2) } ?? "",
      ])
    }
  }
  return aligned(lines, leftAligned: 3)
}

/// Rows for other programs.
public func json(of outcomes: [Outcome], _ goals: [GoalResult] = []) -> String {
  let rows = outcomes.flatMap(\.rows).map { row in
    """
    {"name":\(quoted(row.name)),"contestant":\(quoted(row.contestant.rawValue)),\
    "detail":\(quoted(row.detail)),"unit":\(quoted(row.unit.rawValue)),\
    "median":\(number(row.median)),"min":\(number(row.min)),"max":\(number(row.max)),\
    "shareOfFloor":\(row.shareOfFloor.map(number) ?? "null"),\
    "factorToHandwritten":\(row.factorToHandwritten.map(number) ?? "null"),\
    "shareOfFloorRange":\(range(row.sharesOfFloor)),\
    "factorToHandwrittenRange":\(range(row.factorsToHandwritten))}
    """
  }
  let goalRows = goals.map { result in
    """
    {"name":\(quoted(result.goal.measured)),"contestant":"stepmill","detail":\(quoted("goal: against " + result.goal.against)),\
    "unit":"ratio","median":\(number(result.value)),"min":\(number(result.value)),"max":\(number(result.value)),\
    "shareOfFloor":null,"factorToHandwritten":null,"least":\(result.goal.least),"goal":\(result.goal.goal),\
    "met":\(result.isMet),"leastMet":\(result.isLeastMet),"range":\(range(result.spread))}
    """
  }
  return "[\n" + (rows + goalRows).joined(separator: ",\n") + "\n]\n"
}

/// JSON has no infinity.
private func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

/// The least and the greatest of the rounds, where there is more than one.
private func range(_ spread: Spread?) -> String {
  guard let spread, spread.isSpread else { return "null" }
  return "[\(number(spread.least)),\(number(spread.greatest))]"
}

func aligned(_ lines: [[String]], leftAligned: Int) -> String {
  let columns = lines.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in lines.map { $0[column].count }.max() ?? 0 }
  return lines.map { line in
    var text = ""
    for (column, cell) in line.enumerated() {
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      text += column < leftAligned ? cell + padding : padding + cell
      if column + 1 < line.count { text += "  " }
    }
    while text.last == " " { text.removeLast() }
    return text
  }.joined(separator: "\n")
}

/// Four significant digits with a suffix for thousands, millions and billions.
func significant(_ value: Double) -> String {
  if value.isInfinite { return "-" }
  let steps: [(Double, String)] = [(1e9, " G"), (1e6, " M"), (1e4, " k")]
  for (size, suffix) in steps where value >= size {
    let scaled = value / (suffix == " k" ? 1e3 : size)
    return fixed(scaled, scaled >= 100 ? 1 : 2) + suffix
  }
  return fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

/// A number with that many decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
  let scale = (0..<decimals).reduce(1.0) { size, _ in size * 10 }
  let rounded = (value * scale).rounded()
  guard rounded.magnitude < 1e15 else { return "\(value)" }
  var digits = String(Int(rounded.magnitude))
  if decimals > 0 {
    digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
  }
  return (rounded < 0 ? "-" : "") + digits
}

private func quoted(_ text: String) -> String {
  var quoted = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": quoted += "\\\(scalar)"
    case "\u{0}"..."\u{1f}": quoted += " "
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}
