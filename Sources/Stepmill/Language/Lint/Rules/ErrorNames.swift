// What is known of error names: which errors a state can meet at all, and which names match
// others. Shared by the rules on catchers and retriers.

enum ErrorNames {
  /// Why no error of this name can ever be matched in this state; nil where one can.
  static func reasonNeverRaised(_ name: String, in state: StateDefinition) -> String? {
    if name == "States.Runtime" { return "a `States.Runtime` error is never retried and never caught" }
    guard case .task(let task) = state.kind else { return nil }
    if name == "States.HeartbeatTimeout", task.heartbeat == nil {
      return "the state has no `HeartbeatSeconds`"
    }
    if let owner = ownerOfName(name) { return "only \(owner) raises it" }
    let resource = ResourceName(task.resource.value)
    guard let integration = resource.integration, let service = integration.first,
      // Whoever has the token may report whatever error they like.
      !task.resource.value.hasSuffix(".waitForTaskToken")
    else { return nil }
    if name.hasPrefix("States.Http."), service != "http" { return "only HTTP tasks raise it" }
    if name.hasPrefix("Lambda."), service != "lambda", !integration.contains("lambda") {
      return "the task does not call a Lambda function"
    }
    return nil
  }

  /// Errors of other state types.
  private static func ownerOfName(_ name: String) -> String? {
    switch name {
    case "States.NoChoiceMatched": "a Choice state"
    case "States.BranchFailed": "a Parallel state"
    case "States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed", "States.ResultWriterFailed":
      "a Map state"
    default: nil
    }
  }

  /// What the entries before have left nothing of.
  struct Taken {
    private var names: Set<String> = []

    mutating func insert(_ more: [String]) { names.formUnion(more) }

    /// The earlier name that takes an error of this name.
    func owner(of name: String) -> String? {
      if names.contains(name) { return name }
      if names.contains("States.ALL") { return "States.ALL" }
      if name == "States.HeartbeatTimeout", names.contains("States.Timeout") { return "States.Timeout" }
      if names.contains("States.TaskFailed"), !Taken.beyondTaskFailed.contains(name) {
        return "States.TaskFailed"
      }
      return nil
    }

    /// Timeouts, and what nothing matches but by its name.
    private static let beyondTaskFailed: Set<String> = [
      "States.ALL", "States.Timeout", "States.HeartbeatTimeout", "States.DataLimitExceeded",
      "States.Runtime",
    ]
  }
}
