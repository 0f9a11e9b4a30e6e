// Memory, lateness and growth: a million waits due at once, ten million rows, one large Map.

import BenchmarkWorkloads
import LimitUV
import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Executions that wait for the same moment. The figure is how late the last of them ended,
/// over the processor time that they needed from that moment on.
func stepmillLateness(_ size: SuiteSize) -> Contestant {
  let definition =
    #"{"StartAt":"W","States":{"W":{"Type":"Wait","TimestampPath":"$.at","Next":"D"},"D":{"Type":"Succeed"}}}"#
  return Contestant(
    .stepmill, "\(size.waits) waits due at once",
    run: { times in
      // Long enough to start them all before the first is due, on a machine four times slower. One
      // that has other things to do as well may need more.
      var lead = max(0.02, Double(times) * 8e-6)
      for _ in 0..<5 {
        if let tally = try await lateness(of: times, Array(definition.utf8), lead: lead) { return tally }
        lead *= 4
      }
      throw BenchmarkError.failed("this machine is too slow to start \(times) executions in \(lead / 4) s")
    })
}

/// Nil if not all of them waited before the first was due.
private func lateness(of times: Int, _ definition: [UInt8], lead: Double) async throws -> Tally? {
  let prepared = Prepared(definition, loops: 1)
  let (due, text) = moment(secondsFromNow: lead)
  let input = Array(#"{"at":"\#(text)"}"#.utf8)
  let ends = LastEnd()
  let probe = CompletionProbe(prepared.workflow) { ends.note(isSuccess: $0.status == .succeeded) }
  for number in 0..<times { try probe.start(input, tag: UInt64(number)) }
  while prepared.runtime.counters.waiting < times, WallClock.seconds() < due - 0.005 { usleep(1000) }
  let waiting = prepared.runtime.counters.waiting
  while WallClock.seconds() < due - 0.002 { usleep(500) }
  let before = Clock.process.seconds()
  while ends.count < times { usleep(1000) }
  let work = Clock.process.seconds() - before
  await prepared.runtime.shutDown(waiting: .zero)
  if ends.failures > 0 { throw BenchmarkError.failed("of \(times) executions \(ends.failures) failed") }
  guard waiting == times else { return nil }
  let late = ends.last - due
  return Tally(executions: times, transitions: 2 * times, seconds: max(late, 1e-9), ratio: late / work)
}

/// The time of day.
enum WallClock {
  static func seconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// A moment at a full millisecond, and its text.
private func moment(secondsFromNow seconds: Double) -> (Double, String) {
  let milliseconds = Int(((WallClock.seconds() + seconds) * 1000).rounded(.up))
  var parts = unsafe tm()
  var whole = time_t(milliseconds / 1000)
  unsafe gmtime_r(&whole, &parts)
  func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
  let date =
    unsafe "\(parts.tm_year + 1900)-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
  let time =
    unsafe "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
  return (Double(milliseconds) / 1000, "\(date)T\(time).\(padded(milliseconds % 1000, 3))Z")
}

private final class LastEnd: Sendable {
  private let state = Mutex((count: 0, failures: 0, last: 0.0))

  func note(isSuccess: Bool) {
    let now = WallClock.seconds()
    state.withLock {
      $0.count += 1
      if !isSuccess { $0.failures += 1 }
      $0.last = now
    }
  }

  var count: Int { state.withLock { $0.count } }
  var failures: Int { state.withLock { $0.failures } }
  var last: Double { state.withLock { $0.last } }
}

/// Rows that are made when they are asked for, through `Workflow.map`: memory is that of the
/// rows under way.
func stepmillStreamedRows(loops: Int) -> Contestant {
  Contestant(
    .stepmill, "Workflow.map",
    run: { times in
      let prepared = Prepared(Workload.passChain(states: 3).definition, loops: loops)
      limit_uv_trim_heap()
      let baseline = residentBytes()
      var held = baseline
      var sum = 0
      let rows = (0..<times).lazy.map { number -> JSON in ["row": JSON(number)] }
      for try await result in prepared.workflow.map(Rows(rows), order: .asCompleted) {
        guard let row = result.outcome.output?["row"]?.int else {
          throw BenchmarkError.failed("row \(result.index) ended \(result.outcome.status)")
        }
        sum &+= row
        if result.index % 65536 == 0 { held = max(held, residentBytes()) }
      }
      held = max(held, residentBytes())
      guard sum == times * (times - 1) / 2 else { throw BenchmarkError.failed("rows got lost") }
      await prepared.runtime.shutDown(waiting: .zero)
      return Tally(executions: times, transitions: 3 * times, bytes: max(0, held - baseline))
    })
}

/// A lazy sequence that may cross threads.
private struct Rows<Base: Sequence>: Sequence, @unchecked Sendable where Base.Element == JSON {
  let base: Base
  init(_ base: Base) { self.base = base }
  func makeIterator() -> Base.Iterator { base.makeIterator() }
}

/// What W4 takes at its peak beyond its input and output, from the kernel's account.
func stepmillFanOutMemory() -> Contestant {
  let workload = Workload.fanOut()
  let last = Kept()
  return Contestant(
    .stepmill, "peak beyond input and output",
    run: { times in
      var output: [UInt8] = []
      var most = 0
      for _ in 0..<times {
        limit_uv_trim_heap()
        let baseline = residentBytes()
        resetPeakMemory()
        let prepared = Prepared(workload.definition)
        output = []
        try prepared.run(workload.input, times: 1, into: &output)
        // The input was there before, and is the caller's; the output is new, and is as well.
        most = max(most, peakResidentBytes() - baseline - output.count)
      }
      last.output.withLock { [output] in $0 = output }
      return Tally(executions: times, transitions: times * workload.transitions, bytes: max(0, most))
    },
    output: { last.output.withLock { $0 } })
}

/// W4 at other sizes: what an item costs should not depend on how many there are.
func stepmillGrowingFanOut(items: Int) -> Contestant {
  let source = Lazily { Workload.fanOut(items: items) }
  let prepared = Lazily {
    var limits = Limits()
    limits.payloadBytesMax = 1 << 30
    limits.variableBytesMax = 1 << 30
    return Prepared(source.value.definition, limits: limits)
  }
  let last = Kept()
  return Contestant(
    .stepmill, "\(items) items", variant: "\(items)", times: max(1, 100_000 / items),
    run: { times in
      var output: [UInt8] = []
      let input = source.value.input
      let workflow = prepared.value
      let begun = Clock.process.seconds()
      try workflow.run(input, times: times, into: &output)
      let seconds = Clock.process.seconds() - begun
      last.output.withLock { [output] in $0 = output }
      return Tally(executions: times * items, transitions: times * (3 * items + 1), seconds: seconds)
    },
    output: { last.output.withLock { $0 } })
}

/// Made when first asked for: a benchmark that is left out should cost nothing.
final class Lazily<Value: Sendable>: Sendable {
  private let state: Mutex<Value?> = Mutex(nil)
  private let make: @Sendable () -> Value

  init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  var value: Value {
    state.withLock { state in
      if let state { return state }
      let made = make()
      state = made
      return made
    }
  }
}

/// Heap allocations of a workload in its steady state, on the calling thread.
func stepmillAllocations(_ workload: Workload, _ allocations: @escaping @Sendable () -> Int) -> Contestant {
  let definition = workload.name == "W3" ? Workload.order(retryIntervalSeconds: 0) : workload
  let prepared = Prepared(definition.definition)
  let last = Kept()
  return Contestant(
    .stepmill, workload.name, variant: workload.name, times: 200,
    run: { times in
      var output: [UInt8] = []
      try prepared.run(workload.input, times: 20, into: &output)
      let before = allocations()
      try prepared.run(workload.input, times: times, into: &output)
      let made = allocations() - before
      last.output.withLock { [output] in $0 = output }
      return Tally(executions: times, transitions: times * workload.transitions, allocations: made)
    },
    output: { last.output.withLock { $0 } })
}
