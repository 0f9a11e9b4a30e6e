#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// A definition, a line with a zero byte or nothing, and an input: through the whole engine, on
/// a loop that is moved by hand. Calls are answered with their own input or with failures.
enum EngineFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    guard let end = bytes.firstIndex(of: 0) else { return run(definition: Array(bytes), input: []) }
    run(definition: Array(bytes[..<end]), input: Array(bytes[(end + 1)...]))
  }

  static func run(definition: [UInt8], input: [UInt8]) {
    let loop = ManualLoop(seed: 1, fuel: 16)
    var limits = Limits()
    limits.payloadBytesMax = 65_536
    limits.variableBytesMax = 65_536
    limits.historyEventsMax = 2000
    var events = 0
    let observer = HistoryObserver { event in _ = event.json }
    guard let workflow = try? loop.compile(definition, limits: limits, observer: observer) else { return }
    let text = input.isEmpty ? Array(#"{"a":[1,2,3],"b":"text"}"#.utf8) : input
    guard let handle = try? loop.start(workflow, input: text) else { return }
    for turn in 0..<400 {
      var steps = 0
      while steps < 200, loop.runOne() { steps += 1 }
      for call in loop.takeCalls() {
        events += 1
        let answer: Result<JSON, TaskFailure> =
          events % 3 == 0 ? .failure(TaskFailure(error: "E\(events % 5)", cause: nil)) : .success(call.input)
        // A task that waits for its token takes the first answer as the submission.
        loop.answer(call.token, answer)
        if events % 2 == 0 { loop.heartbeat(call.token) }
        loop.complete(call.token, answer)
      }
      _ = loop.takeCancellations()
      if loop.executionCount == 0 { break }
      if loop.readyCount == 0 {
        guard let deadline = loop.nextDeadline else { break }
        loop.advance(to: max(deadline, loop.now))
      }
      if turn == 399 { break }
    }
    let ended = loop.takeOutcomes().count
    precondition(ended <= 1, "an execution ended twice")
    let aborted = loop.abort(handle)
    precondition(aborted != (ended == 1), "an execution has ended, or can be aborted")
    let counters = loop.counters
    precondition(counters.started == 1 && counters.inFlight == 0, "counters do not add up")
    precondition(counters.waiting == 0 && counters.bytes == 0, "something was left behind")
  }
}
