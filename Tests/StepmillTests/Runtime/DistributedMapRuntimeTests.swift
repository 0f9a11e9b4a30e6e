import Testing

@testable import Stepmill

/// Distributed Maps on real loops: children wherever a loop has nothing to do.
@Suite struct DistributedMapRuntimeTests {
  private static let definition = #"""
    {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"MaxConcurrency":50,
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
        "StartAt":"T","States":{"T":{"Type":"Task","Resource":"double","End":true}}}}}}
    """#

  private func runtime(loops: Int) throws -> Runtime {
    var configuration = Runtime.Configuration()
    configuration.loops = loops
    let runtime = try Runtime(configuration)
    return runtime
  }

  @Test(arguments: [1, 2, 4])
  func manyItems(_ loops: Int) async throws {
    let runtime = try runtime(loops: loops)
    runtime.register("double") { (number: Int) async throws -> Int in
      if number % 7 == 0 { await Task.yield() }
      return number * 2
    }
    let workflow = try runtime.workflow(Self.definition)
    let output = try await workflow.run(JSON((0..<5000).map { JSON($0) }))
    #expect(output == JSON((0..<5000).map { JSON($0 * 2) }))
    #expect(runtime.counters.succeeded == 5001)
  }

  @Test func onTheCallersThread() throws {
    let runtime = try runtime(loops: 0)
    runtime.register("double") { (number: Int) async throws -> Int in number * 2 }
    let outcome = try runtime.workflow(Self.definition).runInPlace([1, 2, 3])
    #expect(outcome == .succeeded([2, 4, 6]))
  }

  /// An abort of the parent reaches children on every loop.
  @Test func abort() async throws {
    let runtime = try runtime(loops: 4)
    let started = Gate()
    runtime.register(
      "double",
      .async { _ in
        started.open()
        try await Gate().waitOrCancel()
        return 1
      })
    let execution = try runtime.workflow(Self.definition).start(JSON((0..<200).map { JSON($0) }))
    await started.wait()
    execution.abort()
    #expect(await execution.outcome.status == "ABORTED")
    await runtime.shutDown(waiting: .seconds(10))
    #expect(runtime.counters.inFlight == 0)
  }
}
