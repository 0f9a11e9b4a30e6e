// The one place that says what is measured and who takes part. A new contestant is a function
// from a workload to a `Contestant`, named in `contestants(for:size:)`; a new benchmark is an
// entry in `allBenchmarks`.

import BenchmarkWorkloads

/// How much of everything. Tiny is for tests, which prove that nothing rots and measure nothing.
public struct SuiteSize: Sendable {
  public var waits: Int
  public var waitDuration: Duration
  public var timers: Int
  public var submissions: Int
  public var wakeUps: Int

  public static let tiny = SuiteSize(
    waits: 50, waitDuration: .milliseconds(1), timers: 50, submissions: 100, wakeUps: 3)
  public static let quick = SuiteSize(
    waits: 100_000, waitDuration: .seconds(1), timers: 100_000, submissions: 200_000, wakeUps: 500)
  public static let full = SuiteSize(
    waits: 1_000_000, waitDuration: .seconds(3), timers: 1_000_000, submissions: 1_000_000,
    wakeUps: 3000)
}

/// Everything the suite measures, in the order of the report.
public func allBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  Workload.all.compactMap { workloadBenchmark($0, size) } + scalingBenchmarks()
    + documentBenchmarks() + handlerBenchmarks() + timerBenchmarks(size) + crossingBenchmarks(size)
}

/// What cannot be measured on this machine, in words for the report.
public func skippedYardsticks() -> [String] {
  isFloorAvailable
    ? [] : ["the C++ floor of W1 to W6, parse and write: simdjson is missing (Debian: libsimdjson-dev)"]
}

/// Those who run a workload, in the order in which they take turns.
func contestants(for workload: Workload, size: SuiteSize) -> [Contestant] {
  [
    workload.name == "W6" ? stepmillWaitLines(size) : nil,
    stepmill(workload, size),
    floor(workload, size),
    handwritten(workload, size),
  ].compactMap { $0 }
}

private func workloadBenchmark(_ workload: Workload, _ size: SuiteSize) -> Benchmark? {
  let isWaiting = workload.name == "W6"
  let contestants = contestants(for: workload, size: size)
  if contestants.isEmpty { return nil }
  return Benchmark(
    workload.name,
    isWaiting ? "\(size.waits) executions in a Wait at once, \(size.waitDuration)" : workload.summary,
    units: isWaiting
      ? [.transitionsPerSecond, .executionsPerSecond, .nanosecondsPerItem, .bytesPerItem]
      : [.transitionsPerSecond, .executionsPerSecond],
    times: isWaiting ? size.waits : nil, contestants: contestants)
}

/// W3 on one processor and on all, by threads that run executions themselves and by loops.
private func scalingBenchmarks() -> [Benchmark] {
  let all = max(1, Affinity.current()?.cores.count ?? 1)
  return [("1", 1), ("all", all)].flatMap { name, count in
    [
      Benchmark(
        "W3-threads-\(name)", "W3 on \(count) thread\(count == 1 ? "" : "s")",
        units: [.transitionsPerSecond, .executionsPerSecond],
        clock: .wall, pinned: false, contestants: [stepmillThreads(count)]),
      Benchmark(
        "W3-loops-\(name)", "W3 on \(count) loop\(count == 1 ? "" : "s"), submitted from outside",
        units: [.transitionsPerSecond, .executionsPerSecond], clock: .wall, pinned: false,
        contestants: [stepmillLoops(count)]),
    ]
  }
}

/// Reading and writing a document of 10 KB with decimals.
private func documentBenchmarks() -> [Benchmark] {
  let document = Workload.fanOut(items: 49).input
  let benchmarks = [
    Benchmark(
      "parse", "JSON text of \(document.count) B read", units: [.gigabytesPerSecond],
      contestants: [floorParse(document)].compactMap { $0 }),
    Benchmark(
      "parse-values", "the same into arena values", units: [.gigabytesPerSecond],
      contestants: [floorParseValues(document)].compactMap { $0 }),
    Benchmark(
      "write", "the same document written", units: [.gigabytesPerSecond],
      contestants: [floorWrite(document)].compactMap { $0 }),
    Benchmark(
      "json-parse", "the public JSON value read: a copy that owns its memory", units: [.gigabytesPerSecond],
      contestants: [stepmillParse(document), floorParseValues(document)].compactMap { $0 }),
    Benchmark(
      "json-write", "the public JSON value written into a new array", units: [.gigabytesPerSecond],
      contestants: [stepmillWrite(document), floorWrite(document)].compactMap { $0 }),
  ]
  return benchmarks.filter { !$0.contestants.isEmpty }
}

/// Calling a handler, by kind.
private func handlerBenchmarks() -> [Benchmark] {
  [
    Benchmark(
      "handler-sync", "a synchronous handler", units: [.nanosecondsPerItem],
      contestants: [stepmillSynchronousTasks(), bareClosure()]),
    Benchmark(
      "handler-async", "an asynchronous handler that does not suspend", units: [.nanosecondsPerItem],
      contestants: [stepmillAsynchronousTasks(isSuspending: false), spawnedTask(isSuspending: false)]),
    Benchmark(
      "handler-suspending", "an asynchronous handler that suspends once", units: [.nanosecondsPerItem],
      contestants: [stepmillAsynchronousTasks(isSuspending: true), spawnedTask(isSuspending: true)]),
  ]
}

/// Timers, all live at once.
private func timerBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [
    Benchmark(
      "timer-start", "starting a timer, \(size.timers) live", units: [.nanosecondsPerItem],
      times: size.timers, contestants: [libuvTimers(.start)]),
    Benchmark(
      "timer-cancel", "cancelling a timer, \(size.timers) live", units: [.nanosecondsPerItem],
      times: size.timers, contestants: [libuvTimers(.cancel)]),
    Benchmark(
      "timer-fire", "firing a timer, \(size.timers) live", units: [.nanosecondsPerItem],
      times: size.timers, contestants: [libuvTimers(.fire)]),
    Benchmark(
      "wheel", "W6 without JSON: a bare timer wheel",
      units: [.nanosecondsPerItem, .bytesPerItem], times: size.waits,
      contestants: [bareWheel()]),
  ]
}

/// Crossing from foreign threads into a loop.
private func crossingBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [1, 2, 4].map { producers in
    Benchmark(
      "submit-\(producers)", "submissions from \(producers) foreign threads into one loop",
      units: [.itemsPerSecond], clock: .wall, pinned: false, times: size.submissions,
      contestants: [libuvSubmissions(producers: producers)])
  } + [
    Benchmark(
      "wake-up", "from a foreign thread to a loop asleep, median", units: [.nanosecondsPerItem],
      clock: .wall, pinned: false, times: size.wakeUps, contestants: [libuvWakeUps()])
  ]
}
