// The machinery below executions, by way of `Yardstick`: what the suite compares with the
// same work in C.

import BenchmarkWorkloads
import Handwritten
import Stepmill
import StepmillCommands
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Only one contestant runs at a time: that is why these may cross threads.
private final class SharedDocument: @unchecked Sendable {
  let document: Yardstick.Document
  init(_ text: [UInt8]) { document = Yardstick.Document(text) }
}

/// Text into engine values.
func stepmillParseValues(_ text: [UInt8]) -> Contestant {
  let shared = SharedDocument(text)
  return Contestant(
    .stepmill, "into engine values",
    run: { Tally(executions: try shared.document.parse(times: $0)) })
}

func stepmillWriteValues(_ text: [UInt8]) -> Contestant {
  let shared = SharedDocument(text)
  return Contestant(
    .stepmill, "from engine values",
    run: { Tally(executions: try shared.document.write(times: $0)) },
    output: { shared.document.written })
}

func stepmillTimers(_ phase: TimerPhase) -> Contestant {
  Contestant(
    .stepmill, "timer wheel",
    run: { times in
      let timers = Yardstick.Timers(count: times)
      // Chunks that a loop has at hand once it has had so many timers.
      timers.start(spread: UInt32(min(1000, times)))
      _ = timers.fire()
      let begun = Clock.thread.seconds()
      timers.start(spread: UInt32(min(1000, times)))
      let started = Clock.thread.seconds()
      let count = phase == .start ? times : phase == .cancel ? timers.cancel() : timers.fire()
      let ended = Clock.thread.seconds()
      guard count == times else { throw BenchmarkError.failed("\(times - count) timers got lost") }
      return Tally(executions: times, seconds: phase == .start ? started - begun : ended - started)
    })
}

/// Through the inbox of a loop: what a submission costs before there is an execution.
func stepmillSubmissions(producers: Int) -> Contestant {
  Contestant(
    .stepmill, "a loop's inbox",
    run: { times in
      let crossing = Crossing.current()
      let result = try crossing.on(crossing.loop) {
        try Yardstick.handOver(count: times, producers: producers) { producer in
          if !crossing.senders.isEmpty {
            Affinity.core(crossing.senders[producer % crossing.senders.count]).applyToThread()
          }
        }
      }
      return Tally(executions: result.arrived, seconds: Double(result.nanoseconds) / 1e9)
    })
}

/// Through the public API: executions of one Pass state from start to end, started by foreign
/// threads. Counts until the last has ended.
func stepmillStarts(producers: Int) -> Contestant {
  let definition = Workload.passChain(states: 1)
  return Contestant(
    .stepmill, "executions of one state",
    run: { times in
      let prepared = Prepared(definition.definition, loops: 1)
      let runtime = prepared.runtime
      let begun = Clock.wall.seconds()
      let input = try JSON(parsing: definition.input)
      let refusals = Counter()
      for producer in 0..<producers {
        let share = times / producers + (producer == 0 ? times % producers : 0)
        onOwnThread {
          for _ in 0..<share where (try? prepared.workflow.start(input)) == nil { refusals.add() }
        }
      }
      while runtime.counters.succeeded < times {
        guard refusals.value == 0 else { throw BenchmarkError.failed("a start was refused") }
        usleep(100)
      }
      let seconds = Clock.wall.seconds() - begun
      await runtime.shutDown(waiting: .zero)
      return Tally(executions: times, transitions: times, seconds: seconds)
    })
}

final class Counter: Sendable {
  private let count = Atomic(0)
  func add() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .acquiring) }
}

/// From the start of an execution on a foreign thread to its first handler on the loop: the
/// median of the wake-ups stands for each.
func stepmillWakeUps(isSpinning: Bool) -> Contestant {
  let definition = #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"stamp","End":true}}}"#
  return Contestant(
    .stepmill, isSpinning ? "a loop that looks for mail" : "a loop asleep",
    run: { times in
      let stamp = Stamp()
      let handler = TaskHandler.synchronous { call throws(TaskFailure) in
        stamp.set(Clock.wall.nanoseconds())
        call.succeed(call.input)
      }
      let crossing = Crossing.current()
      // A loop's thread stays where the one that starts it is.
      let prepared = crossing.on(crossing.loop) {
        Prepared(
          Array(definition.utf8), loops: 1, spins: isSpinning ? 2_000_000 : nil,
          handlers: ["stamp": handler])
      }
      let probe = CompletionProbe(prepared.workflow) { _ in }
      let input = Array("{}".utf8)
      var latencies: [UInt64] = []
      try crossing.on(crossing.senders.first) {
        for _ in 0..<times {
          if isSpinning {
            let rest = Clock.wall.nanoseconds() + 5000
            while Clock.wall.nanoseconds() < rest {}
          } else {
            usleep(100)
          }
          stamp.set(0)
          let sent = Clock.wall.nanoseconds()
          try probe.start(input, tag: 0)
          while stamp.value == 0 { if !isSpinning { sched_yield() } }
          latencies.append(stamp.value - sent)
        }
      }
      await prepared.runtime.shutDown(waiting: .zero)
      latencies.sort()
      return Tally(executions: times, seconds: Double(latencies[times / 2]) / 1e9 * Double(times))
    })
}

private final class Stamp: Sendable {
  private let time = Atomic<UInt64>(0)
  var value: UInt64 { time.load(ordering: .acquiring) }
  func set(_ value: UInt64) { time.store(value, ordering: .releasing) }
}

/// The call of a synchronous handler as a step makes it, without the state around it.
func stepmillSynchronousCall() -> Contestant {
  let definition = #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"outer","End":true}}}"#
  let result = Mutex<(times: Int, answered: Int, seconds: Double)>((0, 0, 0))
  let shared = SharedResult(result)
  let prepared = Prepared(
    Array(definition.utf8),
    handlers: [
      "outer": .synchronous { call throws(TaskFailure) in
        let inner = TaskHandler.synchronous { call throws(TaskFailure) in call.succeed(call.input) }
        let times = shared.result.withLock { $0.times }
        let begun = Clock.thread.seconds()
        let answered = call.call(inner, times: times)
        let seconds = Clock.thread.seconds() - begun
        shared.result.withLock { $0 = (times, answered, seconds) }
        call.succeed(call.input)
      }
    ])
  return Contestant(
    .stepmill, "the call alone",
    run: { times in
      shared.result.withLock { $0.times = times }
      var output: [UInt8] = []
      try prepared.run(Array("{}".utf8), times: 1, into: &output)
      let (_, answered, seconds) = shared.result.withLock { $0 }
      return Tally(executions: answered, seconds: seconds)
    })
}

private final class SharedResult: Sendable {
  let result: Mutex<(times: Int, answered: Int, seconds: Double)>
  init(_ result: consuming sending Mutex<(times: Int, answered: Int, seconds: Double)>) {
    self.result = result
  }
}

/// Calls of asynchronous handlers on a loop's workers, 64 at a time, without the state around.
func stepmillWorkerCalls(isSuspending: Bool) -> Contestant {
  let handler: TaskHandler =
    isSuspending
    ? .async { request in
      await Task.yield()
      return request.input
    } : .async { $0.input }
  return Contestant(
    .stepmill, "the call alone, 64 at a time",
    run: { times in
      Tally(
        executions: try Yardstick.callOnWorkers(handler, input: .null, times: times, batch: 64))
    })
}
