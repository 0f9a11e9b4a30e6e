// The history of an execution as AWS writes it: types, details, numbers and order.

/// One event of an execution's history.
public struct HistoryEvent: Sendable {
  /// Counts from 1 within the execution.
  public let id: Int
  /// The event that this one follows from; 0 for the first ones and for ends from outside.
  public let previousID: Int
  /// What happened.
  public let type: HistoryEventType
  /// Milliseconds since 1970.
  public let timestamp: Int64
  /// The execution's ARN.
  public let execution: String
  /// What the event has to say; nil for types without details.
  public let details: JSON?

  /// An event that somebody else recorded.
  package init(id: Int, previousID: Int, type: HistoryEventType, timestamp: Int64, details: JSON?) {
    self.init(
      id: id, previousID: previousID, type: type, timestamp: timestamp, execution: "", details: details)
  }

  package init(
    id: Int, previousID: Int, type: HistoryEventType, timestamp: Int64, execution: String, details: JSON?
  ) {
    self.id = id
    self.previousID = previousID
    self.type = type
    self.timestamp = timestamp
    self.execution = execution
    self.details = details
  }

  /// The same event with other details.
  package func replacingDetails(_ details: JSON?) -> HistoryEvent {
    HistoryEvent(
      id: id, previousID: previousID, type: type, timestamp: timestamp, execution: execution, details: details
    )
  }

  /// The timestamp in ISO 8601.
  package var timestampText: String { Timestamp(millisecondsSince1970: timestamp).text }

  /// The event in the form of `GetExecutionHistory`, without its timestamp.
  public var json: JSON {
    var json: JSON = [
      "type": JSON(type.rawValue), "id": JSON(id), "previousEventId": JSON(previousID),
    ]
    if let details { json[type.detailsName] = details }
    return json
  }
}

/// The types of history events.
public enum HistoryEventType: String, Sendable, CaseIterable {
  case executionStarted = "ExecutionStarted"
  case executionSucceeded = "ExecutionSucceeded"
  case executionFailed = "ExecutionFailed"
  case executionAborted = "ExecutionAborted"
  case executionTimedOut = "ExecutionTimedOut"
  case executionRedriven = "ExecutionRedriven"
  case passStateEntered = "PassStateEntered"
  case passStateExited = "PassStateExited"
  case taskStateEntered = "TaskStateEntered"
  case taskStateExited = "TaskStateExited"
  case taskStateAborted = "TaskStateAborted"
  case choiceStateEntered = "ChoiceStateEntered"
  case choiceStateExited = "ChoiceStateExited"
  case waitStateEntered = "WaitStateEntered"
  case waitStateExited = "WaitStateExited"
  case waitStateAborted = "WaitStateAborted"
  case succeedStateEntered = "SucceedStateEntered"
  case succeedStateExited = "SucceedStateExited"
  case failStateEntered = "FailStateEntered"
  case parallelStateEntered = "ParallelStateEntered"
  case parallelStateExited = "ParallelStateExited"
  case parallelStateStarted = "ParallelStateStarted"
  case parallelStateSucceeded = "ParallelStateSucceeded"
  case parallelStateFailed = "ParallelStateFailed"
  case parallelStateAborted = "ParallelStateAborted"
  case mapStateEntered = "MapStateEntered"
  case mapStateExited = "MapStateExited"
  case mapStateStarted = "MapStateStarted"
  case mapStateSucceeded = "MapStateSucceeded"
  case mapStateFailed = "MapStateFailed"
  case mapStateAborted = "MapStateAborted"
  case mapIterationStarted = "MapIterationStarted"
  case mapIterationSucceeded = "MapIterationSucceeded"
  case mapIterationFailed = "MapIterationFailed"
  case mapIterationAborted = "MapIterationAborted"
  case mapRunStarted = "MapRunStarted"
  case mapRunSucceeded = "MapRunSucceeded"
  case mapRunFailed = "MapRunFailed"
  case mapRunAborted = "MapRunAborted"
  case mapRunRedriven = "MapRunRedriven"
  case taskScheduled = "TaskScheduled"
  case taskStarted = "TaskStarted"
  case taskSubmitted = "TaskSubmitted"
  case taskSucceeded = "TaskSucceeded"
  case taskSubmitFailed = "TaskSubmitFailed"
  case taskFailed = "TaskFailed"
  case taskTimedOut = "TaskTimedOut"
  case lambdaFunctionScheduled = "LambdaFunctionScheduled"
  case lambdaFunctionStarted = "LambdaFunctionStarted"
  case lambdaFunctionSucceeded = "LambdaFunctionSucceeded"
  case lambdaFunctionFailed = "LambdaFunctionFailed"
  case lambdaFunctionTimedOut = "LambdaFunctionTimedOut"
  case activityScheduled = "ActivityScheduled"
  case activityStarted = "ActivityStarted"
  case activitySucceeded = "ActivitySucceeded"
  case activityFailed = "ActivityFailed"
  case activityTimedOut = "ActivityTimedOut"
  case evaluationFailed = "EvaluationFailed"

  /// The member that holds the details: `taskFailedEventDetails`, and one name for all states.
  public var detailsName: String {
    let name = rawValue
    if name.hasSuffix("StateEntered") { return "stateEnteredEventDetails" }
    if name.hasSuffix("StateExited") { return "stateExitedEventDetails" }
    return name.prefix(1).lowercased() + name.dropFirst() + "EventDetails"
  }

  /// Nothing comes after it.
  var endsExecution: Bool {
    switch self {
    case .executionSucceeded, .executionFailed, .executionAborted, .executionTimedOut: true
    default: false
    }
  }

  /// Its place in `allCases`. (A type with texts for raw values is hashed and compared by them.)
  package var number: Int { Int(unsafeBitCast(self, to: UInt8.self)) }

  /// The most sparing level at which the event is told.
  var level: HistoryLevel { Self.levels[number] }

  private static let levels = allCases.map(\.sparingLevel)

  private var sparingLevel: HistoryLevel {
    switch self {
    case .executionFailed, .executionAborted, .executionTimedOut:
      return .fatal
    case .failStateEntered, .evaluationFailed:
      return .failures
    default:
      let name = rawValue
      let isFailure = name.hasSuffix("Failed") || name.hasSuffix("Aborted") || name.hasSuffix("TimedOut")
      return isFailure ? .failures : .all
    }
  }
}

/// How much of a history is told.
public enum HistoryLevel: Int, Sendable, Comparable {
  /// Nothing; costs nothing.
  case off
  /// Only that an execution failed, timed out or was aborted.
  case fatal
  /// Everything that fails or is stopped on the way, too.
  case failures
  /// Every event.
  case all

  public static func < (left: HistoryLevel, right: HistoryLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Receives the history of a workflow's executions.
///
/// It is called on the loop's own thread while the execution stands still, so it should
/// hand the event on and return.
public struct HistoryObserver: Sendable {
  let level: HistoryLevel
  let includesData: Bool
  /// Nil: the events go to the listeners of the executions only.
  let receive: (@Sendable (HistoryEvent) -> Void)?
  var isForListeners: Bool { receive == nil }

  /// The events go to the listeners of the executions only.
  package static func listeners(level: HistoryLevel, includesData: Bool = true) -> HistoryObserver {
    HistoryObserver(level, includesData, nil)
  }

  private init(
    _ level: HistoryLevel, _ includesData: Bool, _ receive: (@Sendable (HistoryEvent) -> Void)?
  ) {
    self.level = level
    self.includesData = includesData
    self.receive = receive
  }

  /// - Parameters:
  ///   - level: How much is told.
  ///   - includesData: Whether inputs, outputs and variables are part of the details.
  ///   - receive: Called with each event, on the loop's thread.
  public init(
    level: HistoryLevel = .all, includesData: Bool = true,
    receive: @escaping @Sendable (HistoryEvent) -> Void
  ) {
    self.init(level, includesData, receive)
  }
}
