// The order in which a definition's members are best read: what a thing is, what goes in, what
// it does, what comes out, what happens when it fails, where it goes next. States and whatever
// is the author's own data (parameters, results, variables) stay as they are.

/// What kind of object stands somewhere in a definition, as far as the order of its members goes.
package enum CanonicalOrder: Sendable {
  case machine, states, state, rules, rule, retriers, retrier, catchers, catcher, branches, reader, writer,
    batcher
  /// Somebody's data: as written.
  case free

  /// The kind of a member's value.
  package func member(_ name: String) -> CanonicalOrder {
    switch (self, name) {
    case (.machine, "States"): .states
    case (.states, _): .state
    case (.state, "Choices"): .rules
    case (.state, "Retry"): .retriers
    case (.state, "Catch"): .catchers
    case (.state, "Branches"): .branches
    case (.state, "ItemProcessor"), (.state, "Iterator"): .machine
    case (.state, "ItemReader"): .reader
    case (.state, "ResultWriter"): .writer
    case (.state, "ItemBatcher"): .batcher
    case (.rule, "Not"): .rule
    case (.rule, "And"), (.rule, "Or"): .rules
    default: .free
    }
  }

  /// The kind of an array's elements.
  package var element: CanonicalOrder {
    switch self {
    case .rules: .rule
    case .retriers: .retrier
    case .catchers: .catcher
    case .branches: .machine
    default: .free
    }
  }

  /// Sorts members by their names. Names that this kind does not have follow those that it has, in
  /// their own order.
  package func sorted<Member>(_ members: [Member], name: (Member) -> String) -> [Member] {
    guard let ranks = Self.ranks[self] else { return members }
    // A rule's comparison has many names; what follows from it stands behind.
    let last = ranks.count
    let trailing = self == .rule ? ["Assign": last + 1, "Output": last + 2, "Next": last + 3] : [:]
    let keyed = members.enumerated().map {
      (rank: ranks[name($0.element)] ?? trailing[name($0.element)] ?? last, index: $0.offset)
    }
    return keyed.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }.map { members[$0.index] }
  }

  private static let ranks: [CanonicalOrder: [String: Int]] = orders.mapValues { names in
    Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })
  }

  private static let orders: [CanonicalOrder: [String]] = [
    .machine: [
      "Comment", "Version", "QueryLanguage", "TimeoutSeconds", "ProcessorConfig", "StartAt", "States",
    ],
    .state: [
      "Type", "Comment", "QueryLanguage", "Label", "Resource", "Credentials",
      "Seconds", "SecondsPath", "Timestamp", "TimestampPath",
      "Error", "ErrorPath", "Cause", "CausePath",
      "InputPath", "Arguments", "Parameters", "Result",
      "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath",
      "ItemReader", "Items", "ItemsPath", "ItemSelector", "ItemBatcher", "MaxConcurrency",
      "MaxConcurrencyPath",
      "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
      "ToleratedFailurePercentagePath", "ItemProcessor", "Iterator", "Branches", "Choices", "ResultWriter",
      "ResultSelector", "ResultPath", "Assign", "Output", "OutputPath",
      "Retry", "Catch", "Default", "Next", "End",
    ],
    .rule: ["Comment", "Condition", "Variable"],
    .retrier: [
      "Comment", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds",
      "JitterStrategy",
    ],
    .catcher: ["Comment", "ErrorEquals", "ResultPath", "Assign", "Output", "Next"],
    .reader: ["Resource", "ReaderConfig", "Parameters", "Arguments"],
    .writer: ["Resource", "WriterConfig", "Parameters", "Arguments"],
    .batcher: [
      "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath",
      "BatchInput",
    ],
  ]
}
