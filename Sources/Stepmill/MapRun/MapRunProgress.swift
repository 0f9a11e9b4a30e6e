/// Where a Map Run is in its life.
package enum MapRunStatus: String, Sendable {
  case running = "RUNNING"
  case succeeded = "SUCCEEDED"
  case failed = "FAILED"
  case aborted = "ABORTED"
}

/// How many items, or child executions, of a run are where.
package struct MapRunCounts: Hashable, Sendable {
  package var pending = 0
  package var running = 0
  package var succeeded = 0
  package var failed = 0
  package var timedOut = 0
  package var aborted = 0
  package var resultsWritten = 0
  package var failuresNotRedrivable = 0
  package var pendingRedrive = 0

  package init() {}

  package var total: Int { pending + running + ended + pendingRedrive }
  /// Those that have come to an end, whichever.
  package var ended: Int { succeeded + failed + timedOut + aborted }

  mutating func end(_ outcome: Outcome, _ count: Int) {
    running -= count
    switch outcome {
    case .succeeded: succeeded += count
    case .failed: failed += count
    case .timedOut: timedOut += count
    case .aborted: aborted += count
    }
  }

  /// What did not succeed waits to run again.
  mutating func awaitRedrive() {
    pendingRedrive += failed + timedOut + aborted
    (failed, timedOut, aborted) = (0, 0, 0)
    resultsWritten = 0
  }
}

/// How many failures a run bears.
///
/// A run that was given neither bears none; of the two only what was given counts.
package struct MapRunTolerance: Hashable, Sendable {
  package var count: Int?
  package var percentage: Double?

  package init(count: Int? = nil, percentage: Double? = nil) {
    self.count = count
    self.percentage = percentage
  }

  /// Whether so many failed items are too many.
  ///
  /// - Parameter total: How many items there are, where that is known. A share of an unknown
  ///   number cannot be too large yet, unless no failure is allowed at all.
  package func isExceeded(failed: Int, total: Int?) -> Bool {
    guard failed > 0 else { return false }
    if count == nil && percentage == nil { return true }
    if let count, failed > count { return true }
    guard let percentage else { return false }
    if percentage <= 0 { return true }
    guard let total else { return false }
    return Double(failed) * 100 > percentage * Double(total)
  }
}

/// What can be told of a run, at a moment.
package struct MapRunProgress: Sendable {
  package var status = MapRunStatus.running
  package var startDate: Int64
  package var stopDate: Int64?
  package var concurrencyMax: Int
  package var tolerance: MapRunTolerance
  package var items = MapRunCounts()
  package var executions = MapRunCounts()
  package var redriveCount = 0
  package var redriveDate: Int64?
}
