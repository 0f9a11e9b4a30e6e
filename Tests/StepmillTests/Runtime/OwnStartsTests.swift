import Synchronization
import Testing

@testable import Stepmill

/// What a loop's own thread starts: it stays there, unless others have nothing to do.
@Suite struct OwnStartsTests {
  private static let pass = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#
  private static let task = #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"work","End":true}}}"#

  /// Chains of executions, each started by the end of the one before; and the loops that they ran on.
  private final class Chains: @unchecked Sendable {
    private var probe: CompletionProbe?
    private let length: Int
    private let done = Delivery<Void>()
    private let state: Lock<(left: Int, loops: [[UInt32]])>

    init(_ workflow: Workflow, count: Int, length: Int) {
      self.length = length
      state = Lock((count, Array(repeating: [], count: count)))
      probe = CompletionProbe(workflow) { [self] in ended($0) }
    }

    func run() async throws -> [[UInt32]] {
      for chain in state.withLock({ $0.loops.indices }) {
        try probe?.start(Array("{}".utf8), tag: UInt64(chain))
      }
      await done.value
      probe = nil
      return state.withLock { $0.loops }
    }

    private func ended(_ execution: borrowing CompletedExecution) {
      let chain = Int(execution.tag)
      let loop = execution.loop
      let goesOn = state.withLock {
        $0.loops[chain].append(loop)
        return $0.loops[chain].count < length
      }
      if goesOn {
        #expect(throws: Never.self) { try probe?.start(Array("{}".utf8), tag: UInt64(chain)) }
      } else if state.withLock({
        $0.left -= 1
        return $0.left == 0
      }) {
        done.put(())
      }
    }
  }

  @Test func whatALoopStartsStaysThere() async throws {
    let runtime = try Runtime.small(loops: 4)
    let loops = try await Chains(runtime.workflow(Self.pass), count: 8, length: 200).run()
    for chain in loops {
      #expect(chain.count == 200)
      #expect(Set(chain).count == 1, "\(chain)")
    }
    #expect(Set(loops.joined()).count == 4, "the first of each comes from outside: they take turns")
    #expect(runtime.counters.succeeded == 1600)
    await runtime.shutDown()
  }

  /// One execution starts hundreds that do not end before a second loop has one of them.
  @Test func whatIsTooMuchGoesToIdleLoops() async throws {
    let runtime = try Runtime.small(loops: 3)
    let seen = Atomic<UInt64>(0)
    runtime.register(
      "work",
      .synchronous { call throws(TaskFailure) in
        let own = UInt64(1) << (Loop.own.map { UInt64($0.number) % 64 } ?? 0)
        let all = seen.bitwiseOr(own, ordering: .relaxed).newValue
        // Not more than one loop can be kept here: the others would have had some by then.
        var patience = 5_000_000
        while all == own, seen.load(ordering: .relaxed) == own, patience > 0 { patience -= 1 }
        call.succeed(call.input)
      })
    let work = try runtime.workflow(Self.task)
    let left = Atomic<Int>(300)
    let done = Delivery<Void>()
    try runtime.workflow(Self.pass).start(each: [[:]]) { _ in
      for number in 0..<300 {
        let input = JSON(number)
        #expect(throws: Never.self) {
          try work.start(each: [input]) { end in
            #expect(end.outcome == .succeeded(input))
            if left.subtract(1, ordering: .relaxed).newValue == 0 { done.put(()) }
          }
        }
      }
    }
    await done.value
    #expect(seen.load(ordering: .relaxed).nonzeroBitCount > 1)
    await runtime.shutDown()
    #expect(runtime.counters.succeeded == 301)
  }

  @Test func ownStartsOfALoopThatEndsAreTurnedAway() async throws {
    let runtime = try Runtime.small(loops: 2)
    let workflow = try runtime.workflow(Definitions.longWait)
    let pass = try runtime.workflow(Self.pass)
    let late = Delivery<Bool>()
    try workflow.start(each: [[:]]) { end in
      // The loop is ending: this must neither be lost nor run.
      late.put((try? pass.start([:])) == nil)
    }
    while runtime.counters.waiting == 0 { await Task.yield() }
    await runtime.shutDown(waiting: .zero)
    #expect(await late.value, "a runtime that has been shut down takes nothing on")
  }

  /// Nothing of a workflow is kept by the retains that loops leave for one another's executions.
  @Test func workflowsGoWhenTheirExecutionsHaveEnded() async throws {
    let runtime = try Runtime.small(loops: 2)
    weak var core: WorkflowCore?
    do {
      let workflow = try runtime.workflow(Self.pass)
      core = workflow.core
      _ = try await Chains(workflow, count: 4, length: 50).run()
      _ = try await workflow.run([:])
      _ = try workflow.runInPlace([:])
      var text: [UInt8] = []
      _ = try Array("{}".utf8).withUnsafeBytes { try workflow.runInPlace(utf8: $0, into: &text) }
      #expect(throws: StepmillError.self) {
        try Array("{".utf8).withUnsafeBytes { _ = try workflow.runInPlace(utf8: $0, into: &text) }
      }
    }
    await runtime.shutDown()
    #expect(core == nil)
  }

  /// An execution on the caller's thread that waits holds what was only lent to it.
  @Test func whatIsLentIsKeptByThoseThatWait() throws {
    let runtime = try Runtime.small(loops: 1)
    let wait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":0,"Next":"T"},"#
    let then = #""T":{"Type":"Task","Resource":"work","End":true}}}"#
    let entered = Atomic<Int>(0)
    runtime.register(
      "work",
      .async { call in
        entered.add(1, ordering: .relaxed)
        await Task.yield()
        return call.input
      })
    for number in 0..<20 {
      let outcome = try runtime.workflow(wait + then).runInPlace(["n": JSON(number)])
      #expect(outcome == .succeeded(["n": JSON(number)]))
    }
    #expect(entered.load(ordering: .relaxed) == 20)
  }
}

@Suite struct InFlightTests {
  @Test(arguments: [1, 100, 65_535, 65_536, 10_000_000]) func theLimitHolds(limit: Int) {
    let inFlight = InFlight(limit: limit)
    #expect(inFlight.add(limit))
    #expect(inFlight.value == limit)
    #expect(!inFlight.add(1))
    inFlight.subtract(1)
    #expect(inFlight.add(1))
    #expect(!inFlight.add(1))
    #expect(inFlight.value == limit)
  }

  /// Begun on one thread, ended on others: many times the limit goes through, and no more than it
  /// at once.
  @Test(arguments: [4000, 80_000]) func beginningsAndEndsOnDifferentThreads(limit: Int) throws {
    let inFlight = InFlight(limit: limit)
    let turns = 8
    for turn in 0..<turns {
      #expect(inFlight.add(limit), "turn \(turn)")
      #expect(!inFlight.add(1))
      let threads = try (0..<4).map { _ in
        try Thread(name: "ends") { for _ in 0..<limit / 4 { inFlight.subtract(1) } }
      }
      for thread in threads { thread.join() }
      #expect(inFlight.value == 0)
    }
  }

  /// What one thread has used up, no other one has; and what one ends, others may begin.
  @Test(arguments: [4000, 80_000, 10_000_000]) func oneThreadAfterTheOther(limit: Int) throws {
    let inFlight = InFlight(limit: limit)
    let admitted = Atomic<Int>(0)
    for turn in 0..<8 {
      for _ in 0..<6 {
        let thread = try Thread(name: "begins") {
          for _ in 0..<4 {
            if inFlight.add(limit / 20) { admitted.add(limit / 20, ordering: .relaxed) }
          }
        }
        thread.join()
      }
      #expect(admitted.load(ordering: .relaxed) == limit && inFlight.value == limit, "turn \(turn)")
      let thread = try Thread(name: "ends") { inFlight.subtract(limit) }
      thread.join()
      admitted.store(0, ordering: .relaxed)
    }
  }

  @Test func threadsAtOnceStayWithinTheLimit() throws {
    let limit = 70_000
    let inFlight = InFlight(limit: limit)
    let admitted = Atomic<Int>(0)
    let threads = try (0..<4).map { _ in
      try Thread(name: "begins") {
        for _ in 0..<limit {
          if inFlight.add(1) { admitted.add(1, ordering: .relaxed) }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(inFlight.value == admitted.load(ordering: .relaxed))
    #expect(admitted.load(ordering: .relaxed) == limit)
  }
}
