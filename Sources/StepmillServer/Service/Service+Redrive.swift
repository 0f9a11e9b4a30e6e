import Stepmill

// Redriving: an execution that did not succeed goes on from where it ended.

extension StepFunctionsService {
  /// Whether an execution may be redriven, in the words of DescribeExecution.
  func redrivability(
    of execution: StoredExecution, _ status: StoredExecution.Status
  ) -> (status: String, reason: String?) {
    if execution.mapRunARN != nil, status.state != .running, status.state != .succeeded {
      return ("REDRIVABLE_BY_MAP_RUN", nil)
    }
    if let why = refusal(execution, status) { return ("NOT_REDRIVABLE", why) }
    return ("REDRIVABLE", nil)
  }

  private func refusal(_ execution: StoredExecution, _ status: StoredExecution.Status) -> String? {
    switch status.state {
    case .running, .pendingRedrive: return "Execution is RUNNING and cannot be redriven"
    case .succeeded: return "Execution is SUCCEEDED and cannot be redriven"
    case .failed, .timedOut, .aborted: break
    }
    if let max = configuration.standardLimits.historyEventsMax, status.eventCount >= max - 1 {
      return "Execution has exceeded the maximum history event limit"
    }
    if let stop = status.stopDate, now - stop > Int64(configuration.redriveSeconds) * 1000 {
      return "Execution redrivable period exceeded"
    }
    if now - execution.startDate > Int64(configuration.standardSecondsMax) * 1000 {
      return "Execution has exceeded the max execution time"
    }
    if store.machine(execution.machine, in: execution.scope)?.isDeleting == true {
      return "State machine is in DELETING status"
    }
    if !status.isResumable { return "Execution was interrupted and it is not known where it stood" }
    return nil
  }

  /// Tokens of clients that are remembered, and for how long.
  private static let tokensMax = 10
  private static let tokenMilliseconds: Int64 = 15 * 60_000

  /// Lets an execution go on. Gives the date of the redrive.
  func redrive(_ execution: StoredExecution, clientToken: String?) throws(APIError) -> Int64 {
    let date = now
    if let clientToken {
      let known = execution.withLife { life in
        life.redrives.tokens.first { $0.token == clientToken && date - $0.date <= Self.tokenMilliseconds }?
          .date
      }
      if let known { return known }
    }
    if let why = refusal(execution, execution.status) { throw .notRedrivable(execution.arn, why) }
    guard store.runningCount(in: execution.scope) < configuration.openExecutionsMax else {
      throw .executionLimit()
    }
    if let refusal = store.refusal { throw .unwritable(refusal) }
    try execution.restore()
    // Two redrives at the same time: one of them is too late.
    let begun = execution.withLife { life -> (point: ResumePoint, count: Int)? in
      guard life.state != .running, life.state != .succeeded, life.archive == nil,
        let point = life.ending?.resumePoint
      else { return nil }
      life.state = .running
      life.stopDate = nil
      life.ending = nil
      life.isResumable = false
      var redrives = life.redrives
      redrives.count += 1
      redrives.date = date
      if let clientToken {
        redrives.tokens.append((clientToken, date))
        redrives.tokens = redrives.tokens.suffix(Self.tokensMax)
      }
      life.redrives = redrives
      return (point, redrives.count)
    }
    guard let begun else {
      throw .notRedrivable(execution.arn, "Execution is RUNNING and cannot be redriven")
    }
    store.reopened(execution)
    var more = ExecutionIdentity.More()
    more.versionARN = execution.versionARN
    more.aliasARN = execution.aliasARN
    more.redriveCount = begun.count
    more.redriveTime = date
    try run(
      execution, try input(execution.contents().input), more, from: begun.point, redriveCount: begun.count)
    return date
  }
}
