// Stepmill, through its public interface alone: what is measured is what an embedder gets.
//
// Everything that a real engine does is on: AWS's payload limits, error paths, the context
// object, cancellation, fairness. The history is off, as it is where nobody observes.

import BenchmarkWorkloads
import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A workload, or another definition, compiled once and bound to its handlers.
struct Prepared {
  let runtime: Runtime
  let workflow: Workflow

  /// With no loops, executions run on their callers' threads.
  init(
    _ definition: [UInt8], loops: Int = 0, limits: Limits = .aws, spins: Int? = nil,
    handlers: [String: TaskHandler] = [:]
  ) {
    var configuration = Runtime.Configuration()
    configuration.loops = loops
    if let spins { configuration.spins = spins }
    configuration.limits = limits
    do {
      runtime = try Runtime(configuration)
      registerHandlers(runtime)
      for (name, handler) in handlers { runtime.register(name, handler) }
      workflow = try runtime.workflow(utf8: definition)
    } catch {
      preconditionFailure("Stepmill refuses the suite's own definition: \(error)")
    }
  }

  /// Runs on this thread, JSON text to JSON text; the last output stays in `output`.
  func run(_ input: [UInt8], times: Int, into output: inout [UInt8]) throws {
    try unsafe input.withUnsafeBytes { input in
      for _ in 0..<times {
        if let failure = try unsafe workflow.runInPlace(utf8: input, into: &output) {
          throw BenchmarkError.failed("an execution ended \(failure)")
        }
      }
    }
  }
}

/// The tasks of W3 and W4, and the empty ones that show what a call costs.
private func registerHandlers(_ runtime: Runtime) {
  runtime.register(
    "charge",
    .synchronous { call throws(TaskFailure) in
      if call.retryCount == 0 { throw TaskFailure(error: "PaymentError") }
      call.succeed(members: 3) { object in
        object.add("id", "tx-", joining: call.input["orderId"])
        object.add("status", "OK" as StaticString)
        object.add("amount", call.input["amount"])
      }
    })
  runtime.register(
    "calc",
    .synchronous { call throws(TaskFailure) in
      guard let quantity = call.input["qty"].int, let price = call.input["price"].double else {
        throw TaskFailure(error: "BadItem")
      }
      call.succeed(members: 1) { $0.add("total", Double(quantity) * price) }
    })
  runtime.register("sync", .synchronous { call throws(TaskFailure) in call.succeed(call.input) })
  runtime.register("async", .async { $0.input })
  runtime.register("concurrent", .concurrent { $0.input })
  runtime.register(
    "suspending",
    .async { request in
      await Task.yield()
      return request.input
    })
}

func stepmill(_ workload: Workload, _ size: SuiteSize) -> Contestant {
  if workload.name == "W6" { return stepmillWaits(size) }
  // Speed is measured, not patience.
  let definition = workload.name == "W3" ? Workload.order(retryIntervalSeconds: 0) : workload
  return inPlace(Prepared(definition.definition), workload.input, "runInPlace, text to text")
}

func inPlace(
  _ prepared: Prepared, _ input: [UInt8], _ detail: String, itemsPerExecution: Int = 1
) -> Contestant {
  let last = Kept()
  return Contestant(
    .stepmill, detail,
    run: { times in
      var output: [UInt8] = []
      let executions = itemsPerExecution == 1 ? times : max(1, times / itemsPerExecution)
      let before = prepared.runtime.counters.transitions
      try prepared.run(input, times: executions, into: &output)
      last.output.withLock { $0 = output }
      return Tally(
        executions: executions * itemsPerExecution,
        transitions: prepared.runtime.counters.transitions - before)
    },
    output: { last.output.withLock { $0 } })
}

/// What a contestant keeps from call to call.
final class Kept: Sendable {
  let output = Mutex<[UInt8]>([])
  let bytes = Mutex<Int?>(nil)
  let seconds = Mutex(0.0)
}

/// W6: executions started one after the other on a runtime with one loop. They are given to
/// the loop no faster than it parks them, so that memory is that of waits and not of mail,
/// and it is read while all of them wait, in the first call: later ones find what the
/// allocator kept.
func stepmillWaits(_ size: SuiteSize, count: Int? = nil) -> Contestant {
  let workload = Workload.waiting(seconds: Int(size.waitDuration.components.seconds))
  let last = Kept()
  return Contestant(
    .stepmill, count.map { "\($0) waits" } ?? "Workflow.start on a loop", variant: count.map { "\($0)" },
    times: count,
    run: { times in
      let prepared = Prepared(workload.definition, loops: 1)
      let runtime = prepared.runtime
      let baseline = residentBytes()
      let begun = Clock.process.seconds()
      var latest: Execution?
      for number in 0..<times {
        latest = try prepared.workflow.start(JSON(parsing: workload.input))
        if number % 512 == 511 {
          while true {
            let counters = runtime.counters
            if number - counters.waiting - counters.succeeded < 4096 { break }
            sched_yield()
          }
        }
      }
      var held = baseline
      // Looking costs processor time as well: while all of them wait, once is enough.
      if runtime.counters.waiting + runtime.counters.succeeded < times {
        try await Task.sleep(for: .milliseconds(5))
      }
      if runtime.counters.waiting == times { held = max(held, residentBytes()) }
      try await Task.sleep(for: size.waitDuration * 0.8)
      while runtime.counters.succeeded < times {
        if runtime.counters.waiting == times { held = max(held, residentBytes()) }
        guard runtime.counters.failed == 0 else { throw BenchmarkError.failed("a wait failed") }
        try await Task.sleep(for: .milliseconds(5))
      }
      let output = await latest?.outcome.output
      let seconds = Clock.process.seconds() - begun
      last.output.withLock { $0 = output?.utf8 ?? [] }
      let transitions = runtime.counters.transitions
      await runtime.shutDown(waiting: .zero)
      let bytes = last.bytes.withLock { bytes in
        let first = bytes ?? max(1, held - baseline)
        bytes = first
        return first
      }
      return Tally(executions: times, transitions: transitions, seconds: seconds, bytes: bytes)
    },
    output: { last.output.withLock { $0 } })
}

/// W6 as a load of a million starts it: all at once as JSON Lines, one receiver that reads each
/// output in place.
func stepmillWaitLines(_ size: SuiteSize) -> Contestant {
  let workload = Workload.waiting(seconds: Int(size.waitDuration.components.seconds))
  let last = Kept()
  return Contestant(
    .stepmill, "Workflow.start(lines:) on a loop",
    run: { times in
      let prepared = Prepared(workload.definition, loops: 1)
      let runtime = prepared.runtime
      var lines: [UInt8] = []
      for _ in 0..<times { lines += workload.input + [10] }
      let baseline = residentBytes()
      let begun = Clock.process.seconds()
      let ended = Atomic<Int>(0)
      let sum = Atomic<Int>(0)
      try unsafe lines.withUnsafeBytes { lines in
        _ = try unsafe prepared.workflow.start(lines: lines) { end in
          if ended.wrappingAdd(1, ordering: .relaxed).newValue == times {
            var text: [UInt8] = []
            end.write(into: &text)
            last.output.withLock { $0 = text }
          }
          sum.wrappingAdd(end.output.exists ? 1 : 0, ordering: .relaxed)
        }
      }
      var held = baseline
      while ended.load(ordering: .relaxed) < times {
        if runtime.counters.waiting == times { held = max(held, residentBytes()) }
        try await Task.sleep(for: .milliseconds(5))
      }
      let seconds = Clock.process.seconds() - begun
      guard sum.load(ordering: .relaxed) == times else { throw BenchmarkError.failed("a wait failed") }
      let transitions = runtime.counters.transitions
      await runtime.shutDown(waiting: .zero)
      let bytes = last.bytes.withLock { bytes in
        let first = bytes ?? max(1, held - baseline)
        bytes = first
        return first
      }
      return Tally(executions: times, transitions: transitions, seconds: seconds, bytes: bytes)
    },
    output: { last.output.withLock { $0 } })
}

/// The public JSON value: text to a value that owns its memory.
func stepmillParse(_ document: [UInt8]) -> Contestant {
  Contestant(
    .stepmill, "JSON(parsing:)",
    run: { times in
      for _ in 0..<times { _ = try JSON(parsing: document) }
      return Tally(executions: times * document.count)
    })
}

func stepmillWrite(_ document: [UInt8]) -> Contestant {
  guard let value = try? JSON(parsing: document) else {
    preconditionFailure("Stepmill refuses the suite's own document")
  }
  return Contestant(
    .stepmill, "JSON.utf8",
    run: { times in
      var count = 0
      for _ in 0..<times { count += value.utf8.count }
      return Tally(executions: count)
    },
    output: { value.utf8 })
}

/// A chain of Tasks with a handler that gives its input back: the whole state, not the call alone.
func stepmillSynchronousTasks() -> Contestant {
  let count = 100
  let states = (1...count).map { index in
    #""T\#(index)":{"Type":"Task","Resource":"sync",\#(index < count ? #""Next":"T\#(index + 1)""# : #""End":true"#)}"#
  }
  let definition = #"{"StartAt":"T1","States":{\#(states.joined(separator: ","))}}"#
  return inPlace(
    Prepared(Array(definition.utf8)), Array(#"{"n":1}"#.utf8), "a Task state, whole",
    itemsPerExecution: count)
}

/// A Map whose iterations all have a call under way at once: the whole iteration, not the
/// call alone.
func stepmillMapOfTasks(_ resource: String) -> Contestant {
  let count = 1000
  let definition =
    #"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":"#
    + #"{"T":{"Type":"Task","Resource":"\#(resource)","End":true}}}}}}"#
  return inPlace(
    Prepared(Array(definition.utf8), limits: Limits()),
    Array("[\((0..<count).map { "\($0)" }.joined(separator: ","))]".utf8), "an iteration of a Map, whole",
    itemsPerExecution: count)
}
