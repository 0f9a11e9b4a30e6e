// Plain Swift concurrency with Codable, as a good engineer writes the workloads by hand.

import BenchmarkWorkloads
import Handwritten
import Synchronization

/// The last output and the memory readings of one contestant.
private final class Notes: Sendable {
  let output = Mutex<[UInt8]>([])
  let baseline = Mutex<Int?>(nil)
  let peak = Atomic(0)
}

func handwritten(_ workload: Workload, _ size: SuiteSize) -> Contestant? {
  if workload.name == "W6" { return handwrittenWaits(workload, size) }
  guard let workflow = handwrittenWorkflow(for: workload.name) else { return nil }
  let notes = Notes()
  return Contestant(
    .handwritten, "Swift async and Codable",
    run: { times in
      var output: [UInt8] = []
      for _ in 0..<times { output = try await workflow.run(workload.input) }
      notes.output.withLock { $0 = output }
      return Tally(executions: times, transitions: times * workload.transitions)
    },
    output: { notes.output.withLock { $0 } })
}

/// W6: a task for each execution, all asleep at once. Memory counts from before the first
/// round, since the allocator keeps what later rounds use again.
private func handwrittenWaits(_ workload: Workload, _ size: SuiteSize) -> Contestant {
  let workflow = Waiting(duration: size.waitDuration)
  let notes = Notes()
  return Contestant(
    .handwritten, "Task.sleep and Codable",
    run: { times in
      let baseline = notes.baseline.withLock { baseline in
        baseline = baseline ?? residentBytes()
        return baseline ?? 0
      }
      notes.peak.store(0, ordering: .relaxed)
      try await withThrowingDiscardingTaskGroup { group in
        for _ in 0..<times {
          group.addTask {
            let output = try await workflow.run(workload.input)
            // The first to finish sees the most of them waiting.
            guard notes.peak.load(ordering: .relaxed) == 0 else { return }
            notes.peak.store(residentBytes(), ordering: .relaxed)
            notes.output.withLock { $0 = output }
          }
        }
      }
      return Tally(
        executions: times, transitions: times * workload.transitions,
        bytes: max(0, notes.peak.load(ordering: .relaxed) - baseline))
    },
    output: { notes.output.withLock { $0 } })
}

/// What a call of a handler costs without an engine.
func bareClosure() -> Contestant {
  let handlers = Handlers()
  return Contestant(.handwritten, "a closure call", run: { Tally(executions: handlers.call(times: $0)) })
}

func spawnedTask(isSuspending: Bool) -> Contestant {
  let handlers = Handlers()
  let handler = isSuspending ? handlers.suspending() : handlers.asynchronous()
  return Contestant(
    .handwritten, "Task spawned and awaited",
    run: { Tally(executions: await handlers.spawn(handler, times: $0)) })
}
