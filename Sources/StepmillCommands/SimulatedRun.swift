import Stepmill
import StepmillBatch

// Runs an execution in virtual time: when nothing is ready, the clock jumps to the next timer
// or to the next mock that is due. Commands are real; the clock stands still while one runs.

final class SimulatedRun {
  private let session: Session
  private let runner: TaskRunner
  /// The same seed and time of day each time, so that a run can be repeated.
  private let engine = ManualLoop(seed: 1)
  /// Answers of mocks that are not due yet, the next one last.
  private var delayed: [(due: UInt64, token: String, answer: Result<JSON, TaskFailure>)] = []
  private var jobs: [String: CommandJob] = [:]
  private var waiting: Set<String> = []

  private let mapRuns: SimulatedMapRuns

  init(session: Session, runner: TaskRunner, storage: BucketStorage?) {
    mapRuns = SimulatedMapRuns(storage)
    self.session = session
    self.runner = runner
  }

  func run(
    _ definition: CompiledDefinition, input: [UInt8], name: String?, limits: Limits,
    observer: HistoryObserver?
  ) -> Outcome {
    waiting = Set(definition.tasks.filter(\.waitsForToken).map(\.state))
    let workflow = engine.compile(definition, limits: limits, observer: observer, mapRuns: mapRuns)
    let handle: ManualLoop.Handle
    do throws(JSONSyntaxError) {
      handle = try engine.start(workflow, input: input, name: name)
    } catch {
      return .failed(error: "Stepmill.InvalidInput", cause: "\(error)")
    }
    session.onAbort = { [engine] cause in engine.abort(handle, cause: cause) }
    defer { session.onAbort = { _ in } }
    while true {
      session.loop.poll()
      if let ended = engine.takeOutcomes().first {
        runner.close()
        return ended.outcome
      }
      step(handle)
    }
  }

  /// Does the next thing that there is to do.
  private func step(_ handle: ManualLoop.Handle) {
    if engine.runOne() {
      for call in engine.takeCalls() { begin(call) }
      for token in engine.takeCancellations() {
        if let job = jobs.removeValue(forKey: token) { runner.cancel(job) }
      }
      return
    }
    if !jobs.isEmpty {
      let count = jobs.count
      session.loop.run { jobs.count < count || engine.readyCount > 0 || session.signal != nil }
      return
    }
    let due = delayed.last?.due
    guard let next = [engine.nextDeadline, due].compactMap({ $0 }).min() else {
      engine.abort(handle, cause: "Nothing is left that the execution could wait for.")
      return
    }
    engine.advance(to: max(next, engine.now))
    while let answer = delayed.last, answer.due <= engine.now {
      delayed.removeLast()
      settle(answer.token, answer.answer)
    }
  }

  private func begin(_ call: ManualLoop.Call) {
    if waiting.contains(call.state) { engine.answer(call.token, .success([:])) }
    switch runner.sources[call.state] {
    case .mock(let key)?:
      guard let answer = runner.sources.mocks?.next(key, state: call.state) else { return }
      delay(engine.now + UInt64(answer.delayMilliseconds), call.token, answer.result)
    case .command(let line)?:
      let job = CommandJob(
        line, input: call.input, state: call.state, resource: call.resource, retryCount: call.retryCount
      ) { [unowned self] answer in
        jobs[call.token] = nil
        if case .answered(let result) = answer { settle(call.token, result) }
      }
      jobs[call.token] = job
      runner.submit(job)
    case nil:
      preconditionFailure("BUG in Stepmill (please report): the task '\(call.state)' has no source")
    }
  }

  /// Keeps an answer until it is due; of those due together the earliest comes first.
  private func delay(_ due: UInt64, _ token: String, _ answer: Result<JSON, TaskFailure>) {
    if due <= engine.now {
      settle(token, answer)
      return
    }
    let place = delayed.firstIndex { $0.due <= due } ?? delayed.count
    delayed.insert((due, token, answer), at: place)
  }

  /// Completes a call, whether its handler or its token is waited for.
  private func settle(_ token: String, _ answer: Result<JSON, TaskFailure>) {
    engine.complete(token, answer)
  }
}
