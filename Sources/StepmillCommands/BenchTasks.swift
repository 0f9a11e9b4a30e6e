import Stepmill
import Synchronization

// Who answers the tasks of a benched workflow: canned answers, at once or after a latency
// drawn from a distribution.

/// A `--latency NAME=DISTRIBUTION`.
struct BenchLatency: Sendable {
  let name: String
  let distribution: BenchDistribution

  static func parse(_ words: [String]) throws(CommandError) -> [BenchLatency] {
    var latencies: [BenchLatency] = []
    for word in words {
      guard let mark = word.firstIndex(of: "="), mark != word.startIndex,
        let distribution = BenchDistribution(String(word[word.index(after: mark)...]))
      else {
        throw CommandError(
          "option '--latency' takes NAME=DISTRIBUTION, not '\(word)'; a distribution is "
            + BenchDistribution.forms)
      }
      latencies.append(BenchLatency(name: String(word[..<mark]), distribution: distribution))
    }
    return latencies
  }
}

/// What answers each Task state: decided once, before anything runs.
struct BenchTasks: Sendable {
  struct Source: Sendable {
    /// The member of the mocks; nil: the answer is `{}`.
    var mock: String?
    var latency: BenchDistribution?
  }

  private let mocks: Mocks?
  private let sources: [String: Source]
  private let tasks: [CompiledDefinition.Task]

  init(
    _ definition: CompiledDefinition, mocks: Mocks?, latencies: [BenchLatency]
  ) throws(CommandError) {
    self.mocks = mocks
    tasks = definition.tasks
    var sources: [String: Source] = [:]
    var missing: [CompiledDefinition.Task] = []
    var unused = latencies.map(\.name)
    for task in tasks {
      let latency = Self.latency(for: task, in: latencies)
      if let latency { unused.removeAll { $0 == latency.name } }
      let mock = mocks?.key(for: task)
      if mock == nil && latency == nil {
        missing.append(task)
      } else {
        sources[task.state] = Source(mock: mock, latency: latency?.distribution)
      }
    }
    self.sources = sources
    if let name = unused.first {
      let known = tasks.flatMap { HandlerName.aliases(of: $0.resource) + [$0.state] }
      let near = Suggest.nearest(to: name, in: known)
      throw .data(
        "--latency '\(name)' fits no task of the definition" + (near.map { "; did you mean '\($0)'?" } ?? ""))
    }
    if let first = missing.first { throw .data(Self.complaint(missing, first)) }
  }

  private static func complaint(
    _ missing: [CompiledDefinition.Task], _ first: CompiledDefinition.Task
  ) -> String {
    var text = "nothing answers \(missing.count == 1 ? "this task" : "these \(missing.count) tasks"):\n"
    for task in missing.prefix(20) { text += "  \(task.state)  (\(task.resource))\n" }
    if missing.count > 20 { text += "  … and \(missing.count - 20) more\n" }
    text += "Give canned answers: --mocks FILE with {\"\(first.state)\": {\"Return\": {}}}\n"
    text += "or a latency after which the answer is {}: --latency '\(first.state)=exp:20ms'\n"
    text += "See 'stepmill help bench'."
    return text
  }

  /// A state's own latency comes before its resource's, and that before a pattern's.
  private static func latency(
    for task: CompiledDefinition.Task, in latencies: [BenchLatency]
  ) -> BenchLatency? {
    let names = [task.state] + HandlerName.aliases(of: task.resource)
    for name in names {
      if let exact = latencies.first(where: { $0.name == name }) { return exact }
    }
    return latencies.first { latency in
      latency.name.contains("*") && names.contains { HandlerName.matches($0, pattern: latency.name) }
    }
  }

  /// Registers a handler for each resource. One that always gives the same answer at once is
  /// called from the step itself; all others answer by token, when they are due.
  func register(on runtime: Runtime, delays: BenchDelays) {
    for (resource, group) in Dictionary(grouping: tasks, by: \.resource) {
      if let result = immediateAnswer(of: group) {
        runtime.register(
          resource,
          .synchronous { call throws(TaskFailure) in call.succeed(try result.get()) })
        continue
      }
      runtime.register(
        resource,
        .token { [self] request in
          guard let source = sources[request.state] else { return }
          let answer = source.mock.flatMap { mocks?.next($0, state: request.state) }
          let nanoseconds = Double(answer?.delayMilliseconds ?? 0) * 1e6 + delays.sample(source.latency)
          delays.answer(request.token, with: answer?.result ?? .success([:]), after: nanoseconds)
        })
    }
  }

  private func immediateAnswer(of group: [CompiledDefinition.Task]) -> Result<JSON, TaskFailure>? {
    guard let first = group.first, !group.contains(where: \.waitsForToken) else { return nil }
    guard let key = sources[first.state]?.mock, let answer = mocks?.only(key), answer.delayMilliseconds == 0,
      group.allSatisfy({ sources[$0.state]?.mock == key && sources[$0.state]?.latency == nil })
    else { return nil }
    return answer.result
  }
}

/// Answers tasks when they are due, from a thread of its own: the runtime's timers are what is
/// measured, and are left alone.
///
/// Who may touch what: `heap` and `isClosed` are behind the monitor, and `runtime` is set before
/// the thread begins; the rest is immutable or atomic. That is what `@unchecked Sendable` stands on.
final class BenchDelays: @unchecked Sendable {
  private struct Entry {
    let due: UInt64
    let token: String
    let answer: Result<JSON, TaskFailure>
  }

  private let monitor = Monitor()
  private var heap: [Entry] = []
  private var isClosed = false
  private weak var runtime: Runtime?
  private let draws = Atomic<UInt64>(0)
  private let seed: UInt64

  init(seed: UInt64) {
    self.seed = seed
  }

  func start(for runtime: Runtime) {
    self.runtime = runtime
    BenchThread.start { [self] in serve() }
  }

  func close() {
    monitor.locked {
      isClosed = true
      heap = []
    }
    monitor.signal()
  }

  /// The next number of the distribution, in nanoseconds. Draws are numbered: the same seed
  /// gives the same latencies in the same order.
  func sample(_ distribution: BenchDistribution?) -> Double {
    guard let distribution else { return 0 }
    let number = draws.add(2, ordering: .relaxed).oldValue
    return distribution.sample(uniform(number), uniform(number + 1))
  }

  private func uniform(_ number: UInt64) -> Double {
    // SplitMix64.
    var word = seed &+ (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return Double((word ^ word >> 31) >> 11) / Double(1 << 53)
  }

  func answer(_ token: String, with answer: Result<JSON, TaskFailure>, after nanoseconds: Double) {
    let entry = Entry(due: BenchTime.now &+ UInt64(nanoseconds), token: token, answer: answer)
    monitor.locked {
      if isClosed { return }
      push(entry)
      if heap[0].token == token { monitor.signal() }
    }
  }

  private func serve() {
    while let entry = nextDue() { runtime?.complete(entry.token, with: entry.answer) }
  }

  /// Waits for the next answer that is due; nil: it has been closed.
  private func nextDue() -> Entry? {
    monitor.locked {
      while !isClosed {
        guard let first = heap.first else {
          monitor.wait()
          continue
        }
        if first.due > Monitor.now {
          monitor.wait(untilNanoseconds: first.due)
          continue
        }
        pop()
        return first
      }
      return nil
    }
  }

  // MARK: A binary heap, the next one first

  private func push(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, heap[child].due < heap[(child - 1) / 2].due {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].due < heap[least].due {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}

/// A thread that nobody joins.
enum BenchThread {
  static func start(_ run: @escaping @Sendable () -> Void) {
    do throws(Thread.StartError) {
      _ = try Thread(name: "stepmill-bench", body: run)
    } catch {
      preconditionFailure("Stepmill: the system has no thread left for the benchmark (error \(error.code))")
    }
  }
}
