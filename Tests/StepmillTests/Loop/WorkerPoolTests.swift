import Synchronization
import Testing

@testable import Stepmill

/// Proves that handlers run on the loop's thread, with as few workers as can be, and that
/// cancelling one call leaves the others alone.
@Suite struct LoopWorkerPoolTests {

  /// A call whose body is a closure.
  final class Call: WorkerCall, @unchecked Sendable {
    let body: @Sendable () async -> Void
    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }
    override nonisolated(nonsending) func run() async { await body() }
  }

  /// Touched on the loop's thread only.
  final class Ledger: @unchecked Sendable {
    var done: [Int] = []
    var allOnLoop = true
    var continuations: [UnsafeContinuation<Void, Never>] = []
    var seenCancelled: [Bool] = []

    func suspend() async {
      await withUnsafeContinuation { continuations.append($0) }
    }
  }

  actor Elsewhere {
    func answer() -> Int { 42 }
  }

  @Test func callsThatDoNotSuspendShareOneWorker() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let executor = loop.executor
      for number in 0..<500 {
        loop.pool.submit(
          Call {
            ledger.allOnLoop = ledger.allOnLoop && executor.isOnLoop
            ledger.done.append(number)
          })
      }
      #expect(ledger.done.isEmpty)
      loop.run { ledger.done.count == 500 }
      #expect(ledger.done == Array(0..<500))
      #expect(ledger.allOnLoop)
      #expect(loop.pool.workerCount == 1)
      #expect(loop.pool.callsRunning == 0)
    }
  }

  @Test func drainsAreBounded() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      for number in 0..<100 { loop.pool.submit(Call { ledger.done.append(number) }) }
      var drains = 0
      while loop.pool.drain(limit: 10) { drains += 1 }
      #expect(ledger.done == Array(0..<100))
      // Each drain spends one of its ten on waking the worker.
      #expect(drains >= 10 && drains <= 14)
      #expect(loop.pool.workerCount == 1)
    }
  }

  @Test func suspendedCallsTakeAWorkerEach() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let executor = loop.executor
      let count = 2000
      for number in 0..<count {
        loop.pool.submit(
          Call {
            await ledger.suspend()
            ledger.allOnLoop = ledger.allOnLoop && executor.isOnLoop
            ledger.done.append(number)
          })
      }
      loop.run { ledger.continuations.count == count }
      #expect(loop.pool.workerCount == count)
      #expect(loop.pool.callsRunning == count)
      // All resume at once: the ring of jobs must grow.
      for continuation in ledger.continuations { continuation.resume() }
      loop.run { ledger.done.count == count }
      _ = loop.turn()
      #expect(ledger.done == Array(0..<count))
      #expect(ledger.allOnLoop)
      #expect(loop.pool.callsRunning == 0)
      // What is too many ended; the rest is parked and serves the next calls.
      #expect(loop.pool.workerCount == 1024)
      loop.pool.submit(Call { ledger.done.append(count) })
      loop.run { ledger.done.count == count + 1 }
      #expect(loop.pool.workerCount == 1024)
    }
  }

  @Test func whatComesFromElsewhereResumesOnTheLoop() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let executor = loop.executor
      for number in 0..<300 {
        loop.pool.submit(
          Call {
            let answer = await Task { @concurrent in await Elsewhere().answer() }.value
            ledger.allOnLoop = ledger.allOnLoop && executor.isOnLoop && answer == 42
            await Task.yield()
            ledger.allOnLoop = ledger.allOnLoop && executor.isOnLoop
            ledger.done.append(number)
          })
      }
      loop.run { ledger.done.count == 300 }
      #expect(ledger.done.sorted() == Array(0..<300))
      #expect(ledger.allOnLoop)
    }
  }

  /// The last job of a loop's life comes from another thread, which may still be on its way
  /// out when the loop closes. (The address and thread sanitizers watch.)
  @Test func aLoopMayCloseRightAfterAForeignJob() async throws {
    for _ in 0..<200 {
      try await TestLoop.run { loop in
        let ledger = Ledger()
        loop.pool.submit(
          Call {
            _ = await Elsewhere().answer()
            ledger.done.append(1)
          })
        loop.run { ledger.done.count == 1 }
      }
    }
  }

  @Test func cancellingOneCallLeavesTheNextAlone() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let told = Atomic<Int>(0)
      let counter = SharedCounter()
      let running = Call {
        await withTaskCancellationHandler {
          await ledger.suspend()
        } onCancel: {
          counter.value.wrappingAdd(1, ordering: .relaxed)
        }
        ledger.seenCancelled.append(Task.isCancelled)
      }
      loop.pool.submit(running)
      _ = loop.turn()
      #expect(ledger.continuations.count == 1)
      #expect(loop.pool.cancel(running) == .told)
      // The handler hears of it at once, and a second time makes no difference.
      #expect(counter.value.load(ordering: .relaxed) == 1)
      #expect(loop.pool.cancel(running) == .told)
      #expect(running.phase == .running)
      // Calls that come while it is on its way out, and after, get an uncancelled task.
      for _ in 0..<3 { loop.pool.submit(Call { ledger.seenCancelled.append(Task.isCancelled) }) }
      ledger.continuations.removeFirst().resume()
      loop.run { ledger.seenCancelled.count == 4 }
      for _ in 0..<3 { loop.pool.submit(Call { ledger.seenCancelled.append(Task.isCancelled) }) }
      loop.run { ledger.seenCancelled.count == 7 }
      #expect(ledger.seenCancelled == [true, false, false, false, false, false, false])
      #expect(running.phase == .finished)
      #expect(loop.pool.cancel(running) == .tooLate)
      #expect(loop.pool.workerCount == 1)
      #expect(counter.value.load(ordering: .relaxed) == 1)
      told.store(1, ordering: .relaxed)
    }
  }

  @Test func aFinishedCallMayRunAgain() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let call = Call { ledger.seenCancelled.append(Task.isCancelled) }
      for round in 1...3 {
        loop.pool.submit(call)
        loop.run { ledger.seenCancelled.count == round }
        _ = loop.turn()
        #expect(call.phase == .finished)
      }
      #expect(ledger.seenCancelled == [false, false, false])
    }
  }

  @Test func aCallThatHasNotBegunIsDropped() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      weak var leaked: Call?
      do {
        let dropped = Call { ledger.done.append(-1) }
        leaked = dropped
        loop.pool.submit(dropped)
        loop.pool.submit(Call { ledger.done.append(1) })
        #expect(loop.pool.cancel(dropped) == .dropped)
        #expect(loop.pool.cancel(dropped) == .tooLate)
        #expect(dropped.phase == .dropped)
      }
      loop.run { !loop.pool.hasWork }
      #expect(ledger.done == [1])
      #expect(leaked == nil)
    }
  }

  @Test func aHandlerMayCancelItselfAndSubmitMore() async throws {
    try await TestLoop.run { loop in
      let ledger = Ledger()
      let pool = loop.pool
      final class Box: @unchecked Sendable { weak var call: Call? }
      let box = Box()
      let call = Call {
        pool.cancel(box.call!)
        ledger.seenCancelled.append(Task.isCancelled)
        for number in 0..<3 {
          pool.submit(
            Call {
              ledger.seenCancelled.append(Task.isCancelled)
              ledger.done.append(number)
            })
        }
      }
      box.call = call
      pool.submit(call)
      loop.run { ledger.done.count == 3 }
      #expect(ledger.done == [0, 1, 2])
      #expect(ledger.seenCancelled == [true, false, false, false])
    }
  }

  @Test(arguments: LoopRandom.seeds) func randomCallsAllEndAsTheyShould(seed: UInt64) async throws {
    print("worker pool seed \(seed)")
    try await TestLoop.run { loop in
      var random = LoopRandom(seed: seed)
      let ledger = Ledger()
      final class Tally: @unchecked Sendable {
        var cancelled: Set<Int> = []
        var mistakes = 0
        var ended = 0
      }
      let tally = Tally()
      var calls: [(number: Int, call: Call)] = []
      var dropped = 0
      var submitted = 0
      for _ in 0..<300 {
        for _ in 0..<random.below(8) {
          let number = submitted
          submitted += 1
          let suspensions = random.below(4)
          let goesElsewhere = random.chance(1, in: 10)
          let call = Call {
            if Task.isCancelled { tally.mistakes += 1 }
            for _ in 0..<suspensions { await ledger.suspend() }
            if goesElsewhere { _ = await Elsewhere().answer() }
            if Task.isCancelled != tally.cancelled.contains(number) { tally.mistakes += 1 }
            tally.ended += 1
          }
          calls.append((number, call))
          loop.pool.submit(call)
        }
        if random.chance(1, in: 2), let victim = calls.randomElement(using: &random) {
          switch loop.pool.cancel(victim.call) {
          case .dropped: dropped += 1
          case .told: tally.cancelled.insert(victim.number)
          case .tooLate: break
          }
        }
        for _ in 0..<random.below(6) where !ledger.continuations.isEmpty {
          ledger.continuations.remove(at: Int(random.below(UInt64(ledger.continuations.count)))).resume()
        }
        _ = loop.turn(limit: Int(1 + random.below(20)))
      }
      loop.run {
        for continuation in ledger.continuations { continuation.resume() }
        ledger.continuations.removeAll()
        return tally.ended + dropped == submitted
      }
      #expect(tally.mistakes == 0, "seed \(seed)")
      #expect(loop.pool.callsRunning == 0)
    }
  }
}
