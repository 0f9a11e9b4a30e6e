// The one place that says what is measured and who takes part. A new family of benchmarks is a
// function from a size to benchmarks in a file of its own, and a line in `families`; a new
// contestant of a workload is a function named in `contestants(for:size:)`.

import BenchmarkWorkloads

/// How much of everything. Tiny is for tests, which prove that nothing rots and measure nothing.
public struct SuiteSize: Sendable {
  public var waits: Int
  public var waitDuration: Duration
  public var timers: Int
  public var submissions: Int
  public var wakeUps: Int
  /// States of a small, a medium and a large definition that are checked and compiled.
  public var definitionStates: [Int]
  public var fanOutItems: Int
  public var rows: Int
  /// W4's items and W6's waits, to show how cost grows.
  public var growth: [Int]
  /// How long arrivals follow a schedule.
  public var latencySeconds: Double
  /// Reads how often the calling thread has allocated memory, where somebody counts.
  public var allocations: (@Sendable () -> Int)?

  /// What waits for seconds is not repeated often.
  var isShort: Bool { waits < 1_000_000 }

  public static let tiny = SuiteSize(
    waits: 50, waitDuration: .milliseconds(1), timers: 50, submissions: 100, wakeUps: 3,
    definitionStates: [10, 20, 50], fanOutItems: 200, rows: 100, growth: [10, 100], latencySeconds: 0.001,
    allocations: { 0 })
  public static let quick = SuiteSize(
    waits: 100_000, waitDuration: .seconds(1), timers: 100_000, submissions: 100_000, wakeUps: 200,
    definitionStates: [10, 1000, 10_000], fanOutItems: 20_000, rows: 200_000, growth: [1000, 10_000],
    latencySeconds: 0.3)
  public static let full = SuiteSize(
    waits: 1_000_000, waitDuration: .seconds(3), timers: 1_000_000, submissions: 1_000_000,
    wakeUps: 500, definitionStates: [10, 1000, 100_000], fanOutItems: 100_000, rows: 10_000_000,
    growth: [1000, 10_000, 100_000, 1_000_000], latencySeconds: 1)
}

/// Families of benchmarks, in the order of the report.
let families: [@Sendable (SuiteSize) -> [Benchmark]] = [
  workloadBenchmarks,
  scalingBenchmarks,
  latencyBenchmarks,
  documentBenchmarks,
  queryBenchmarks,
  queryStateBenchmarks,
  definitionBenchmarks,
  graphBenchmarks,
  handlerBenchmarks,
  timerBenchmarks,
  crossingBenchmarks,
  memoryBenchmarks,
  growthBenchmarks,
  batchBenchmarks,
]

/// Everything the suite measures, in the order of the report.
public func allBenchmarks(_ size: SuiteSize) -> [Benchmark] { families.flatMap { $0(size) } }

/// What cannot be measured on this machine, in words for the report.
public func skippedYardsticks() -> [String] {
  (isFloorAvailable
    ? [] : ["the C++ floor of W1 to W6, parse and write: simdjson is missing (Debian: libsimdjson-dev)"])
    + [skippedReference, skippedJQ].compactMap { $0 }
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

private func workloadBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  Workload.all.compactMap { workloadBenchmark($0, size) }
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
    times: isWaiting ? size.waits : nil, rounds: isWaiting && size.isShort ? 2 : nil, contestants: contestants
  )
}

/// Loops or threads to try: one, two, and all there are.
private var coreCounts: [Int] {
  let all = max(1, Affinity.current()?.cores.count ?? 1)
  return [1, 2, all].reduce(into: []) { if $1 <= all, !$0.contains($1) { $0.append($1) } }
}

/// W3 on more and more loops and threads, and one Map over loops.
private func scalingBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let rates: [Unit] = [.transitionsPerSecond, .executionsPerSecond]
  return [
    Benchmark(
      "W3-loops", "W3 on several loops: each end starts the next execution", units: rates,
      clock: .wall, pinned: false,
      contestants: coreCounts.flatMap { [stepmillLoops($0), floorThreads($0)].compactMap { $0 } }),
    Benchmark(
      "W3-threads", "W3 on several threads that run executions themselves", units: rates,
      clock: .wall, pinned: false, contestants: coreCounts.map(stepmillThreads)),
  ]
    + [50, 500].map { nanoseconds in
      Benchmark(
        "fan-out-\(nanoseconds)ns", "one Map of \(size.fanOutItems) items of \(nanoseconds) ns over loops",
        units: [.itemsPerSecond], clock: .wall, pinned: false,
        contestants: coreCounts.map {
          stepmillFanOut(items: size.fanOutItems, nanoseconds: nanoseconds, loops: $0)
        })
    }
}

/// W3 by schedule. One core for the arrivals, one for the loop.
private func latencyBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let loads = [50, 80, 95]
  // Of the usual time some goes to finding out, before each window, what is sustained.
  let seconds = size.latencySeconds * 0.6
  return [
    Benchmark(
      "W3-latency", "W3 arriving by schedule at 50, 80 and 95 % of what one loop sustains",
      units: Unit.latencies, clock: .wall, pinned: false, warmsUp: false,
      contestants: loads.map { stepmillLatency($0, seconds: seconds) }
        + [stepmillLatency(80, isSpinning: true, seconds: seconds)]
        + loads.map { floorLatency($0, seconds: seconds) })
  ]
}

/// Reading and writing a document of 10 KB with decimals.
private func documentBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let document = Workload.fanOut(items: 49).input
  return [
    Benchmark(
      "parse", "JSON text of \(document.count) B into values, beside simdjson's DOM alone",
      units: [.gigabytesPerSecond],
      contestants: [stepmillParseValues(document), floorParse(document)].compactMap { $0 }),
    Benchmark(
      "parse-values", "the same beside simdjson's DOM and the conversion into values",
      units: [.gigabytesPerSecond],
      contestants: [stepmillParseValues(document), floorParseValues(document)].compactMap { $0 }),
    Benchmark(
      "write", "the same document written", units: [.gigabytesPerSecond],
      contestants: [stepmillWriteValues(document), floorWrite(document)].compactMap { $0 }),
    Benchmark(
      "json-parse", "the public JSON value read: a copy that owns its memory", units: [.gigabytesPerSecond],
      contestants: [stepmillParse(document), floorParseValues(document)].compactMap { $0 }),
    Benchmark(
      "json-write", "the public JSON value written into a new array", units: [.gigabytesPerSecond],
      contestants: [stepmillWrite(document), floorWrite(document)].compactMap { $0 }),
  ]
}

/// Calling a handler, by kind: the call alone, and the whole state around it.
private func handlerBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [
    Benchmark(
      "handler-sync", "the call of a synchronous handler", units: [.nanosecondsPerItem],
      contestants: [stepmillSynchronousCall(), bareClosure()]),
    Benchmark(
      "handler-async", "the call of an asynchronous handler that does not suspend",
      units: [.nanosecondsPerItem],
      contestants: [stepmillWorkerCalls(isSuspending: false), spawnedTask(isSuspending: false)]),
    Benchmark(
      "handler-suspending", "the call of an asynchronous handler that suspends once",
      units: [.nanosecondsPerItem],
      contestants: [stepmillWorkerCalls(isSuspending: true), spawnedTask(isSuspending: true)]),
    Benchmark(
      "task-sync", "a Task state with a synchronous handler, whole", units: [.nanosecondsPerItem],
      contestants: [stepmillSynchronousTasks()]),
    Benchmark(
      "task-async", "an iteration of a Map with an asynchronous handler, whole",
      units: [.nanosecondsPerItem], contestants: [stepmillMapOfTasks("async")]),
    Benchmark(
      "task-suspending", "the same with a handler that suspends once", units: [.nanosecondsPerItem],
      contestants: [stepmillMapOfTasks("suspending")]),
    Benchmark(
      "task-concurrent", "the same with a handler on Swift's global pool", units: [.nanosecondsPerItem],
      pinned: false, contestants: [stepmillMapOfTasks("concurrent")]),
  ]
}

/// Timers, all live at once.
private func timerBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [("start", TimerPhase.start), ("cancel", .cancel), ("fire", .fire)].map { name, phase in
    Benchmark(
      "timer-\(name)", "\(name) of a timer, \(size.timers) live", units: [.nanosecondsPerItem],
      times: size.timers, contestants: [stepmillTimers(phase), libuvTimers(phase)])
  } + [
    Benchmark(
      "wheel", "W6 without JSON: a bare timer wheel",
      units: [.nanosecondsPerItem, .bytesPerItem], times: size.waits,
      contestants: [bareWheel()])
  ]
}

/// Crossing from foreign threads into a loop.
private func crossingBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [1, 2, 4].flatMap { producers in
    let threads = "\(producers) foreign \(producers == 1 ? "thread" : "threads")"
    return [
      Benchmark(
        "submit-\(producers)", "records handed from \(threads) to one loop", units: [.itemsPerSecond],
        clock: .wall, pinned: false, times: size.submissions / 4, turns: 20,
        contestants: [stepmillSubmissions(producers: producers), libuvSubmissions(producers: producers)]),
      Benchmark(
        "start-\(producers)", "executions of one state started from \(threads), to their end",
        units: [.executionsPerSecond], clock: .wall, pinned: false, times: size.submissions,
        contestants: [stepmillStarts(producers: producers)]),
    ]
  } + [
    Benchmark(
      "wake-up", "from a foreign thread to a loop asleep on another core, median",
      units: [.nanosecondsPerItem], clock: .wall, pinned: false, times: size.wakeUps, turns: 3,
      contestants: [stepmillWakeUps(isSpinning: false), libuvWakeUps()]),
    Benchmark(
      "wake-up-spinning", "from a foreign thread to a loop that looks for mail, median",
      units: [.nanosecondsPerItem], clock: .wall, pinned: false, times: size.wakeUps, turns: 3,
      contestants: [stepmillWakeUps(isSpinning: true)]),
  ]
}

/// What is held, and for how long.
private func memoryBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  var benchmarks = [
    Benchmark(
      "W4-memory", "memory of one W4 at its peak, beyond input and output", units: [.bytes],
      times: 3, rounds: 3, contestants: [stepmillFanOutMemory()]),
    Benchmark(
      "W6-late", "\(size.waits) waits due at once: lateness of the last over the work to do",
      units: [.ratio, .nanosecondsPerItem], clock: .wall, pinned: false, times: size.waits, rounds: 3,
      warmsUp: false, contestants: [stepmillLateness(size)]),
    Benchmark(
      "rows", "\(size.rows) rows streamed through Workflow.map: memory that they take",
      units: [.bytes, .executionsPerSecond], clock: .wall, pinned: false, times: size.rows, rounds: 1,
      warmsUp: false, contestants: [stepmillStreamedRows(loops: 1)]),
  ]
  if let allocations = size.allocations {
    benchmarks.append(
      Benchmark(
        "allocations", "heap allocations in the steady state", units: [.allocationsPerTransition],
        contestants: Workload.all.dropLast().map { stepmillAllocations($0, allocations) }))
  }
  return benchmarks
}

/// The same work in growing sizes.
private func growthBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  [
    Benchmark(
      "W4-growth", "W4 with more and more items: an item's price", units: [.nanosecondsPerItem],
      rounds: 3,
      contestants: size.growth.flatMap {
        [stepmillGrowingFanOut(items: $0), floorGrowingFanOut(items: $0)].compactMap { $0 }
      }),
    Benchmark(
      "W6-growth", "W6 with more and more waits: a wait's price", units: [.nanosecondsPerItem],
      rounds: size.isShort ? 1 : 3, warmsUp: false,
      contestants: size.growth.map { stepmillWaits(size, count: $0) }),
  ]
}
