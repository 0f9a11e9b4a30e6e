import Stepmill

/// What must hold in any history.
enum HistoryChecker {
  static func problem(in events: [HistoryEvent]) -> String? {
    var executions: [String: [HistoryEvent]] = [:]
    for event in events { executions[event.execution, default: []].append(event) }
    for (execution, events) in executions {
      if let problem = problem(inExecution: events) { return "\(execution): \(problem)" }
    }
    return nil
  }

  private static func problem(inExecution events: [HistoryEvent]) -> String? {
    var open: [String: Int] = [:]
    var iterations: [String: Int] = [:]
    var hasFailures = false
    for (position, event) in events.enumerated() {
      if event.id != position + 1 { return "event \(position + 1) has the number \(event.id)" }
      if event.previousID >= event.id { return "event \(event.id) follows from event \(event.previousID)" }
      let type = event.type.rawValue
      if position > 0 && event.type == .executionStarted { return "an execution started twice" }
      let isEnd = type.hasPrefix("Execution") && event.type != .executionStarted
      if isEnd != (position == events.count - 1) { return "\(type) is event \(event.id) of \(events.count)" }
      if !isEnd, type.hasSuffix("Failed") || type.hasSuffix("Aborted") || type.hasSuffix("TimedOut") {
        hasFailures = true
      }
      let name = event.details?["name"]?.string ?? ""
      if type.hasSuffix("StateEntered") {
        open[name, default: 0] += 1
      } else if type.hasSuffix("StateExited") {
        open[name, default: 0] -= 1
        if open[name]! < 0 { return "\(name) was left more often than entered" }
      } else if type.hasPrefix("MapIteration") {
        iterations[name, default: 0] += event.type == .mapIterationStarted ? 1 : -1
        if iterations[name]! < 0 { return "more iterations of \(name) ended than began" }
      }
    }
    if events.last?.type == .executionSucceeded {
      if let left = iterations.first(where: { $0.value != 0 }) {
        return "iterations of \(left.key) never ended"
      }
      if !hasFailures, let left = open.first(where: { $0.value != 0 && !$0.key.hasPrefix("Fail") }) {
        return "\(left.key) was entered and never left"
      }
    }
    return nil
  }
}
