import Stepmill

/// One execution in virtual time: its tasks are answered by functions that the case describes.
final class ExecutionRun {
  /// Why this version of the engine cannot run it; set by `perform`.
  private(set) var notSupported: String?

  private let machine: JSON
  private let definition: [UInt8]
  private let input: JSON
  private let name: String?
  private let functions: LambdaFunctions
  private let storage: (any MapRunStorage)?
  private let events = EventLog()

  /// When the clock starts, in milliseconds since 1970: cases hold times that were just past
  /// when they were recorded.
  private let startOfTime: Int64
  /// An execution that does nothing for so long is left running.
  private static let patienceMilliseconds: UInt64 = 3_600_000
  /// Turns of fibers without any time passing.
  private static let roundsMax = 100_000
  /// Turns of the loop before an execution counts as one that does not end.
  private static let turnsMax = 2_000_000

  init(
    of machine: JSON, definition: [UInt8], input: JSON, name: String?, functions: LambdaFunctions,
    storage: (any MapRunStorage)? = nil
  ) {
    self.storage = storage
    self.machine = machine
    self.definition = definition
    startOfTime = TimeText.nowMilliseconds
    self.input = Self.withTimes(input, now: startOfTime)
    self.name = name
    self.functions = functions
  }

  /// The outcome with its history, in the service's shape: what is data is a text of JSON.
  func perform() -> JSON {
    let loop = ManualLoop(seed: 1, wallMilliseconds: startOfTime)
    let isExpress = machine["type"]?.string == "EXPRESS"
    let workflow: ManualLoop.CompiledWorkflow
    do {
      workflow = try loop.compile(
        definition, name: machine["name"]?.string ?? "workflow",
        limits: isExpress ? .awsExpress : .awsStandard,
        observer: HistoryObserver { [events] in events.append($0) },
        kind: isExpress ? .express : .standard, mapRuns: storage.map { StorageOnly($0) })
    } catch {
      if let first = error.diagnostics.first, error.isUnsupported { notSupported = first.message }
      let diagnostics = error.diagnostics.map { JSON($0.description) }
      return ["status": "INVALID_DEFINITION", "diagnostics": JSON(diagnostics)]
    }
    do {
      _ = try loop.start(workflow, input: input.utf8, name: name, roleARN: machine["roleArn"]?.string)
    } catch {
      return ["status": "INVALID_INPUT", "error": JSON(error.description)]
    }
    let outcome = drive(loop)
    var members: [(key: String, value: JSON)] = [("status", JSON(outcome?.status ?? "RUNNING"))]
    switch outcome {
    case .succeeded(let output): members.append(("output", JSON(output.text)))
    case .failed(let error, let cause), .aborted(let error, let cause):
      if let error { members.append(("error", JSON(error))) }
      if let cause { members.append(("cause", JSON(cause))) }
    case .timedOut, nil: break
    }
    members.append(("events", JSON(events.all)))
    return JSON(members: members)
  }

  /// Runs until the execution has ended, or nothing happens for long.
  private func drive(_ loop: ManualLoop) -> Outcome? {
    var answers: [(time: UInt64, token: String, answer: Result<JSON, TaskFailure>)] = []
    var lastSign: UInt64 = 0
    var eventCount = 0
    for _ in 0..<Self.turnsMax {
      // States that only follow one another, round and round, cost no time and never end.
      var rounds = 0
      while loop.runOne() {
        rounds += 1
        if rounds == Self.roundsMax { return nil }
      }
      if let ended = loop.takeOutcomes().first { return ended.outcome }
      for call in loop.takeCalls() {
        let answer = functions.answer(call.resource, call.input)
        answers.append((loop.now + answer.afterMilliseconds, call.token, answer.result))
      }
      if eventCount != events.count {
        eventCount = events.count
        lastSign = loop.now
      }
      let answer = answers.indices.min { answers[$0].time < answers[$1].time }
      let next = min(answer.map { answers[$0].time } ?? .max, loop.nextDeadline ?? .max)
      guard next != .max, next <= lastSign + Self.patienceMilliseconds else { return nil }
      loop.advance(to: max(next, loop.now))
      while let index = answers.firstIndex(where: { $0.time <= loop.now }) {
        let due = answers.remove(at: index)
        loop.answer(due.token, due.answer)
      }
      _ = loop.takeCancellations()
    }
    return nil
  }

  /// Replaces `${Now+24855d}` by that time.
  static func withTimes(_ value: JSON, now: Int64) -> JSON {
    if let text = value.string {
      guard text.hasPrefix("${Now+"), text.hasSuffix("d}"), let days = Int64(text.dropFirst(6).dropLast(2))
      else {
        return value
      }
      return JSON(TimeText.utc(milliseconds: now + days * 86_400_000))
    }
    if let members = value.object {
      return JSON(members: members.map { (key: $0.key, value: withTimes($0.value, now: now)) })
    }
    if let elements = value.array { return JSON(elements.map { withTimes($0, now: now) }) }
    return value
  }
}

/// The history of one execution, as it comes in. Only the thread that runs the loop touches it.
private final class EventLog: @unchecked Sendable {
  private(set) var all: [JSON] = []
  private var entered: [String: Int] = [:]
  var count: Int { all.count }

  /// The recordings are of November 2024, when `EvaluationFailed` pointed to what the state's own
  /// Entered event points to (except for a Wait's Timestamp). Since 2026 it points to the state's
  /// last event, which is what the engine tells; here it is told as it was then.
  func append(_ event: HistoryEvent) {
    var json = event.json
    if let name = event.details?["name"]?.string, event.type.rawValue.hasSuffix("StateEntered") {
      entered[name] = event.previousID
    } else if event.type == .evaluationFailed, event.details?["location"]?.string != "Timestamp",
      let name = event.details?["state"]?.string, let previous = entered[name]
    {
      json["previousEventId"] = JSON(previous)
    }
    all.append(json)
  }
}
