// Plain Swift concurrency with Codable, as a good engineer writes the workloads by hand.

import BenchmarkWorkloads
import Handwritten
import Synchronization

/// The last output and the memory readings of one contestant.
private final class Notes: Sendable {
  let output = Mutex<[UInt8]>([])
  let bytes = Mutex<Int?>(nil)
  let peak = Atomic(0)
  let finished = Atomic(0)

  /// Looks at the memory once in a thousand finishes, the first included.
  func finish(_ text: [UInt8]) {
    guard finished.wrappingAdd(1, ordering: .relaxed).oldValue % 1000 == 0 else { return }
    peak.max(residentBytes(), ordering: .relaxed)
    output.withLock { $0 = text }
  }
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

/// W6: a task for each execution. Memory is that of the first call: later ones also carry
/// what the allocator did not give back. Where starting them all takes longer than the
/// wait, fewer are asleep at once, and the bytes of each come out in this one's favour.
private func handwrittenWaits(_ workload: Workload, _ size: SuiteSize) -> Contestant {
  let workflow = Waiting(duration: size.waitDuration)
  let notes = Notes()
  return Contestant(
    .handwritten, "Task.sleep and Codable",
    run: { times in
      let baseline = residentBytes()
      notes.peak.store(0, ordering: .relaxed)
      notes.finished.store(0, ordering: .relaxed)
      try await withThrowingDiscardingTaskGroup { group in
        for _ in 0..<times {
          group.addTask { notes.finish(try await workflow.run(workload.input)) }
        }
        notes.peak.max(residentBytes(), ordering: .relaxed)
      }
      let grown = max(0, notes.peak.load(ordering: .relaxed) - baseline)
      let bytes = notes.bytes.withLock { bytes in
        let first = bytes ?? grown
        bytes = first
        return first
      }
      return Tally(
        executions: times, transitions: times * workload.transitions, bytes: bytes)
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
