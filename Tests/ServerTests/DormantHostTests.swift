import Synchronization
import Testing

@testable import Stepmill
@testable import StepmillServer

/// Proves what becomes of an Express execution that waits without anybody writing down its
/// history, and so lies dormant, when somebody other than its timer wants it: it is stopped, its
/// machine is deleted, or the host ends.
@Suite struct DormantHostTests {
  /// Waits, then passes.
  private static let definition = #"""
    {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","End":true}}}
    """#

  private final class Listener: ExecutionListener {
    private let slot = Mutex<[Outcome]>([])
    var outcomes: [Outcome] { slot.withLock { $0 } }
    var wantsResumePoint: Bool { false }
    func recorded(_ event: EventRecord) {}
    func stopped(at point: ResumePoint) {}
    func ended(_ end: HostedEnd) {
      let outcome = end.outcome
      slot.withLock { $0.append(outcome) }
    }
  }

  private static func workflow(on host: any ExecutionHost) -> BoundWorkflow {
    let configuration = ServiceConfiguration()
    return host.bind(
      DefinitionReport.runnable(definition, .express, configuration),
      MachineIdentity(
        partition: "aws", region: "us-east-1", account: "123456789012", name: "m", kind: .express),
      limits: configuration.expressLimits, observer: nil, mapRuns: nil
    ) { _ in preconditionFailure("there is no task") }
  }

  private static func start(
    _ host: any ExecutionHost, _ listener: Listener
  ) throws -> HostedExecution {
    try host.start(
      workflow(on: host), input: ["n": 1],
      identity: ExecutionIdentity(
        name: "e", roleARN: ServiceHarness.role,
        arn: "arn:aws:states:us-east-1:123456789012:express:m:e:0", more: nil),
      listener: listener)
  }

  /// A host under which one execution sleeps.
  private func asleep() throws -> (ManualHost, Listener, HostedExecution) {
    let host = ManualHost()
    let listener = Listener()
    let execution = try Self.start(host, listener)
    host.run()
    #expect(host.loop.executionCount == 1 && host.loop.fiberCount == 0, "it does not lie dormant")
    return (host, listener, execution)
  }

  @Test func itWakesByItself() throws {
    let (host, listener, execution) = try asleep()
    host.advance(by: 59_999)
    #expect(listener.outcomes.isEmpty)
    host.advance(by: 1)
    #expect(listener.outcomes == [.succeeded(["n": 1])])
    // It is over: nothing that comes now reaches it, or another one in its slot.
    execution.abort(error: "late", cause: nil)
    execution.doom()
    host.advance(by: 600_000)
    #expect(listener.outcomes.count == 1 && host.loop.executionCount == 0)
  }

  @Test func itIsStoppedThroughItsHost() throws {
    let (host, listener, execution) = try asleep()
    execution.abort(error: "E", cause: "C")
    host.run()
    #expect(listener.outcomes == [.aborted(error: "E", cause: "C")])
    #expect(host.loop.executionCount == 0 && host.loop.inspect() == nil)
    host.advance(by: 600_000)
    #expect(listener.outcomes.count == 1)
  }

  @Test func itFailsAtItsNextTransitionWhenItsMachineIsDeleted() throws {
    let (host, listener, execution) = try asleep()
    host.advance(by: 30_000)
    execution.doom()
    host.run()
    // Awake now, it still waits as long as it was to wait.
    #expect(host.loop.inspect() == nil)
    host.advance(by: 29_999)
    #expect(listener.outcomes.isEmpty)
    host.advance(by: 1)
    #expect(
      listener.outcomes == [.failed(error: "States.Runtime", cause: "State machine m has been deleted")])
    #expect(host.loop.executionCount == 0 && host.loop.inspect() == nil)
  }

  @Test func itCanBeStoppedAfterItsMachineWasDeleted() throws {
    let (host, listener, execution) = try asleep()
    execution.doom()
    host.run()
    execution.abort(error: nil, cause: nil)
    host.run()
    #expect(listener.outcomes == [.aborted(error: nil, cause: nil)])
    host.advance(by: 600_000)
    #expect(listener.outcomes.count == 1 && host.loop.executionCount == 0)
  }

  @Test func itsOwnTimeLimitEndsIt() throws {
    let host = ManualHost()
    let listener = Listener()
    var configuration = ServiceConfiguration()
    configuration.expressLimits.executionSecondsMax = 10
    let workflow = host.bind(
      DefinitionReport.runnable(Self.definition, .express, configuration),
      MachineIdentity(
        partition: "aws", region: "us-east-1", account: "123456789012", name: "m", kind: .express),
      limits: configuration.expressLimits, observer: nil, mapRuns: nil
    ) { _ in preconditionFailure("there is no task") }
    _ = try host.start(
      workflow, input: [:], identity: ExecutionIdentity(name: "e", roleARN: ServiceHarness.role),
      listener: listener)
    host.advance(by: 9_999)
    #expect(listener.outcomes.isEmpty)
    host.advance(by: 1)
    #expect(listener.outcomes == [.timedOut])
  }

  @Test func itIsAbortedWhenItsHostEnds() throws {
    let (host, listener, _) = try asleep()
    host.close()
    #expect(listener.outcomes == [.aborted(error: nil, cause: nil)])
    #expect(host.loop.executionCount == 0)
  }

  /// The same on real loops, many of them, some stopped at the very moment of the end.
  @Test func manyAreAbortedAtShutdown() async throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 2
    let runtime = try Runtime(configuration)
    let listeners = (0..<500).map { _ in Listener() }
    let executions = try listeners.map { try Self.start(runtime, $0) }
    for execution in executions.prefix(100) { execution.abort(error: "E", cause: nil) }
    for execution in executions.suffix(100) { execution.doom() }
    await runtime.shutDown(waiting: .zero)
    for listener in listeners { #expect(listener.outcomes.count == 1) }
    let causes = listeners.flatMap(\.outcomes).map { outcome -> String in
      if case .aborted(let error, _) = outcome { return error ?? "aborted" }
      return "\(outcome)"
    }
    #expect(causes.allSatisfy { ["E", "aborted"].contains($0) })
  }

  /// Whoever waits for a synchronous execution gets an answer when the host ends.
  @Test func whoeverWaitsIsAnswered() async throws {
    let runtime = try Runtime(Runtime.Configuration())
    let service = StepFunctionsService(host: runtime, identifiers: IdentifierSource(seed: 1))
    let scope = Scope(region: "us-east-1", account: "123456789012")
    let answers = AsyncStream<JSON>.makeStream()
    func call(_ operation: String, _ parameters: JSON) {
      service.handle(operation, body: parameters.utf8, scope: scope) { answer in
        answers.continuation.yield((try? JSON(parsing: answer.body)) ?? .null)
      }
    }
    var iterator = answers.stream.makeAsyncIterator()
    call(
      "CreateStateMachine",
      [
        "name": "x", "definition": JSON(Self.definition), "roleArn": JSON(ServiceHarness.role),
        "type": "EXPRESS",
      ])
    let machine = await iterator.next()?["stateMachineArn"] ?? .null
    call("StartSyncExecution", ["stateMachineArn": machine])
    await runtime.shutDown(waiting: .zero)
    let answer = await iterator.next()
    #expect(answer?["status"] == "FAILED", "\(String(describing: answer))")
  }
}
