@testable import Stepmill

/// Runs one execution on a loop that is moved by hand, and keeps what it told.
final class EngineRun {
  typealias Handler = (ManualLoop.Call) -> Result<JSON, TaskFailure>?

  private(set) var outcome: Outcome?
  /// The history.
  var events: [HistoryEvent] { log.events }
  /// What was asked of handlers, in order.
  private(set) var calls: [ManualLoop.Call] = []
  let loop: ManualLoop
  private let log = Log()
  private let handler: Handler

  private final class Log: @unchecked Sendable {
    var events: [HistoryEvent] = []
  }

  /// - Parameters:
  ///   - states: The `States` object's inside, or a whole definition. The first state starts.
  ///   - handler: Answers a task; nil leaves it without an answer.
  init(
    _ definition: String, _ input: String = "{}", limits: Limits = .aws, kind: WorkflowKind = .standard,
    synchronous: [String: TaskHandler] = [:], name: String? = nil,
    handler: @escaping Handler = { .success($0.input) }
  ) throws {
    self.handler = handler
    loop = ManualLoop(seed: 1)
    let workflow = try loop.compile(
      Array(definition.utf8), name: "machine", limits: limits,
      observer: HistoryObserver { [log] in log.events.append($0) }, synchronous: synchronous, kind: kind)
    _ = try loop.start(workflow, input: Array(input.utf8), name: name)
    run()
  }

  /// Runs until the execution has ended or waits for something that does not come.
  func run() {
    for _ in 0..<100_000 {
      while loop.runOne() {}
      if let ended = loop.takeOutcomes().first { outcome = ended.outcome }
      if outcome != nil { return }
      for call in loop.takeCalls() {
        calls.append(call)
        if let answer = handler(call) { loop.answer(call.token, answer) }
      }
      guard loop.readyCount == 0 else { continue }
      guard let deadline = loop.nextDeadline else { return }
      loop.advance(to: deadline)
    }
  }

  /// The history as the specification writes it: `2←0 PassStateEntered`.
  var history: [String] { events.map { "\($0.id)←\($0.previousID) \($0.type.rawValue)" } }

  /// A member of the details of the event with this number.
  func detail(_ id: Int, _ name: String) -> JSON? { events.first { $0.id == id }?.details?[name] }

  static func failed(_ error: String?, _ cause: String?) -> Outcome { .failed(error: error, cause: cause) }
}
