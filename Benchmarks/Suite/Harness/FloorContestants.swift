// The floor: C and C++ that do the data work and nothing else.

import BenchmarkWorkloads
import LimitUV

#if STEPMILL_FLOOR
  import Limit

  let isFloorAvailable = true

  /// One prepared program. The harness calls one contestant at a time, and only its calls
  /// reach the handle: that is why it may cross threads.
  @safe private final class FloorProgram: @unchecked Sendable {
    let handle: OpaquePointer
    let inputCount: Int

    init(_ number: Int, _ input: [UInt8]) {
      guard let handle = unsafe limit_create(Int32(number), input, input.count) else {
        preconditionFailure("the floor refuses its own input")
      }
      unsafe self.handle = handle
      inputCount = input.count
    }

    deinit { unsafe limit_destroy(handle) }

    func run(_ times: Int) -> Int { Int(unsafe limit_run(handle, UInt64(times))) }

    var output: [UInt8] {
      var count = 0
      guard let bytes = unsafe limit_output(handle, &count) else { return [] }
      return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    }
  }

  func floor(_ workload: Workload, _ size: SuiteSize) -> Contestant? {
    guard let number = Int(workload.name.dropFirst()) else { return nil }
    if number == 6 { return floorWaits(workload) }
    let program = FloorProgram(number, workload.input)
    return Contestant(
      .floor, "C++ and simdjson", run: { Tally(executions: $0, transitions: program.run($0)) },
      output: { program.output })
  }

  /// W3 on several threads that share nothing but the pile of what is to be done: what the machine
  /// has to give beyond one core.
  func floorThreads(_ threads: Int) -> Contestant? {
    let workload = Workload.order(retryIntervalSeconds: 0)
    let programs = Lazily { (0..<threads).map { _ in FloorProgram(3, workload.input) } }
    return Contestant(
      .floor, "C++ and simdjson on \(threads) \(threads == 1 ? "thread" : "threads")", variant: "\(threads)",
      run: { times in
        let pile = Pile(times)
        await withTaskGroup { group in
          for program in programs.value {
            group.addTask { while let part = pile.take() { _ = program.run(part) } }
          }
        }
        return Tally(executions: times, transitions: times * workload.transitions)
      },
      output: { programs.value.last?.output ?? [] })
  }

  /// W4 with so many items.
  func floorGrowingFanOut(items: Int) -> Contestant? {
    let program = Lazily { FloorProgram(4, Workload.fanOut(items: items).input) }
    return Contestant(
      .floor, "C++ and simdjson: \(items) items", variant: "\(items)", times: max(1, 100_000 / items),
      run: { times in
        let program = program.value
        let begun = Clock.process.seconds()
        let transitions = program.run(times)
        return Tally(
          executions: times * items, transitions: transitions, seconds: Clock.process.seconds() - begun)
      },
      output: { program.value.output })
  }

  /// W6: the bare wheel, with the input read at the start and the output written at the end.
  private func floorWaits(_ workload: Workload) -> Contestant {
    let program = FloorProgram(0, workload.input)
    return Contestant(
      .floor, "C timer wheel and simdjson",
      run: { times in
        let transitions = unsafe waits(
          times, workload.input,
          atStart: { unsafe limit_parse(OpaquePointer($0), $1) },
          atFinish: { unsafe limit_serialize(OpaquePointer($0), $1) },
          context: UnsafeMutableRawPointer(program.handle))
        return Tally(
          executions: times, transitions: transitions, bytes: times * limit_uv_wait_size())
      },
      output: { program.output })
  }

  func floorParse(_ document: [UInt8]) -> Contestant? {
    let program = FloorProgram(0, document)
    return Contestant(
      .floor, "simdjson DOM",
      run: { times in
        _ = unsafe limit_parse_tape(program.handle, UInt64(times))
        return Tally(executions: times * program.inputCount)
      })
  }

  func floorParseValues(_ document: [UInt8]) -> Contestant? {
    let program = FloorProgram(0, document)
    return Contestant(
      .floor, "simdjson DOM and conversion",
      run: { times in
        _ = unsafe limit_parse(program.handle, UInt64(times))
        return Tally(executions: times * program.inputCount)
      })
  }

  func floorWrite(_ document: [UInt8]) -> Contestant? {
    let program = FloorProgram(0, document)
    return Contestant(
      .floor, "C++ serialiser",
      run: { Tally(executions: Int(unsafe limit_serialize(program.handle, UInt64($0)))) },
      output: { program.output })
  }
#else
  let isFloorAvailable = false

  func floor(_ workload: Workload, _ size: SuiteSize) -> Contestant? { nil }
  func floorParse(_ document: [UInt8]) -> Contestant? { nil }
  func floorParseValues(_ document: [UInt8]) -> Contestant? { nil }
  func floorWrite(_ document: [UInt8]) -> Contestant? { nil }
  func floorThreads(_ threads: Int) -> Contestant? { nil }
  func floorGrowingFanOut(items: Int) -> Contestant? { nil }
#endif

/// Runs that many waits through the wheel; returns the states entered.
private func waits(
  _ times: Int, _ input: [UInt8], atStart: limit_uv_work? = nil, atFinish: limit_uv_work? = nil,
  context: UnsafeMutableRawPointer? = nil
) -> Int {
  var output = [UInt8](repeating: 0, count: input.count)
  let transitions = unsafe limit_uv_waits(
    UInt64(times), input, input.count, &output, atStart, atFinish, context)
  precondition(output == input, "the wheel lost an execution's text")
  return Int(transitions)
}

func bareWheel() -> Contestant {
  let input = Workload.waiting().input
  return Contestant(
    .floor, "C timer wheel",
    run: { times in
      Tally(
        executions: times, transitions: waits(times, input),
        bytes: times * limit_uv_wait_size())
    })
}

enum TimerPhase { case start, cancel, fire }

/// One `uv_timer_t` per timer. Only the phase asked for is timed.
func libuvTimers(_ phase: TimerPhase) -> Contestant {
  Contestant(
    .floor, "uv_timer_t",
    run: { times in
      guard let timers = unsafe limit_uv_timers_create(UInt64(times)) else {
        throw BenchmarkError.failed("no memory for \(times) timers")
      }
      defer { unsafe limit_uv_timers_destroy(timers) }
      let spread = UInt32(min(1000, times))
      let clock = Clock.thread
      let begun = clock.seconds()
      unsafe limit_uv_timers_start(timers, spread)
      let started = clock.seconds()
      if phase == .start { return Tally(executions: times, seconds: started - begun) }
      if phase == .cancel {
        unsafe limit_uv_timers_cancel(timers)
        return Tally(executions: times, seconds: clock.seconds() - started)
      }
      unsafe limit_uv_timers_await_due(timers)
      let due = clock.seconds()
      let fired = unsafe limit_uv_timers_fire(timers)
      return Tally(executions: Int(fired), seconds: clock.seconds() - due)
    })
}

/// One `uv_async_send` for each submission.
func libuvSubmissions(producers: Int) -> Contestant {
  Contestant(
    .floor, "uv_async_send each",
    run: { times in
      var nanoseconds: UInt64 = 0
      let crossing = Crossing.current()
      let cores = crossing.senders.map(Int32.init)
      let arrived = crossing.on(crossing.loop) {
        unsafe limit_uv_submissions(
          UInt64(times), UInt32(producers), &nanoseconds, cores, UInt32(cores.count))
      }
      return Tally(executions: Int(arrived), seconds: Double(nanoseconds) / 1e9)
    })
}

/// A bare `uv_async_send` to its callback; the median of the wake-ups stands for each.
func libuvWakeUps() -> Contestant {
  Contestant(
    .floor, "uv_async_send",
    run: { times in
      var latencies = [UInt64](repeating: 0, count: times)
      let crossing = Crossing.current()
      let error = crossing.on(crossing.senders.first) {
        unsafe limit_uv_wakeups(&latencies, UInt64(times), 100, Int32(crossing.loop ?? -1))
      }
      if error != 0 { throw BenchmarkError.failed("libuv error \(error)") }
      latencies.sort()
      let median = Double(latencies[times / 2]) / 1e9
      return Tally(executions: times, seconds: median * Double(times))
    })
}
