import Testing

@testable import Stepmill

/// Proves that a workflow over many rows gives each row's outcome once, keeps its bound, and
/// stops when nobody listens any more.
@Suite struct WorkflowMapTests {
  private static let double =
    #"{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, $.n)"},"End":true}}}"#

  private static func rows(_ count: Int) -> [JSON] { (0..<count).map { ["n": JSON($0)] } }

  @Test func outcomesComeInTheOrderOfTheRows() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    var index = 0
    for try await result in workflow.map(Self.rows(1000), maxConcurrency: 16) {
      #expect(result == MapResult(index: index, outcome: .succeeded(["n": JSON(index * 2)])))
      index += 1
    }
    #expect(index == 1000)
  }

  @Test func outcomesComeAsTheyEnd() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    var seen = Set<Int>()
    for try await result in workflow.map(Self.rows(500), maxConcurrency: 7, order: .asCompleted) {
      #expect(result.outcome == .succeeded(["n": JSON(result.index * 2)]))
      #expect(seen.insert(result.index).inserted)
    }
    #expect(seen.count == 500)
  }

  @Test func aFailedRowIsAnOutcomeLikeOthers() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    let rows: [JSON] = [["n": 1], ["m": 1], ["n": 2]]
    var succeeded: [Bool] = []
    for try await result in workflow.map(rows) { succeeded.append(result.outcome.isSuccess) }
    #expect(succeeded == [true, false, true])
  }

  @Test func rowsThatArriveOverTime() async throws {
    let workflow = try Runtime.small().workflow(Self.double)
    let rows = AsyncStream<JSON> { continuation in
      for row in Self.rows(20) { continuation.yield(row) }
      continuation.finish()
    }
    var count = 0
    for try await result in workflow.map(rows, maxConcurrency: 3) where result.outcome.isSuccess {
      count += 1
    }
    #expect(count == 20)
  }

  /// No more rows are taken than may run, and those that run are aborted when the loop over the
  /// outcomes is left.
  @Test func leavingEarlyStopsTheRest() async throws {
    let runtime = try Runtime.small()
    let workflow = try runtime.workflow(
      #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":0,"Next":"D"}],"Default":"W"},"W":{"Type":"Wait","Seconds":3600,"End":true},"D":{"Type":"Succeed"}}}"#
    )
    for try await result in workflow.map(Self.rows(1000), maxConcurrency: 10) {
      #expect(result.index == 0)
      break
    }
    await runtime.shutDown(waiting: .seconds(10))
    #expect(runtime.counters.started <= 11)
    #expect(runtime.counters.inFlight == 0)
  }

  @Test func waitingExecutionsAreCountedInBytes() async throws {
    let runtime = try Runtime.small(loops: 1)
    let workflow = try runtime.workflow(
      #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#)
    let text = String(repeating: "x", count: 10_000)
    let execution = try workflow.start(["text": JSON(text)])
    while runtime.counters.bytes < 10_000 || runtime.counters.waiting == 0 { await Task.yield() }
    execution.abort()
    _ = await execution.outcome
    while runtime.counters.bytes > 0 { await Task.yield() }
  }
}
