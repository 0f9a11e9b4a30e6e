import Stepmill
import Synchronization
import Testing

@testable import StepmillServer

/// The same service on real loops: several threads, real time.
@Suite struct RuntimeServiceTests {
  private let scope = Scope(region: "us-east-1", account: "123456789012")

  private final class Parsed: Sendable {
    let answer = Lock(JSON.null)
  }

  private func service() throws -> (Runtime, StepFunctionsService) {
    var configuration = Runtime.Configuration()
    configuration.loops = 2
    let runtime = try Runtime(configuration)
    return (runtime, StepFunctionsService(host: runtime, identifiers: IdentifierSource(seed: 1)))
  }

  private func call(_ service: StepFunctionsService, _ operation: String, _ parameters: JSON) async -> JSON {
    // By way of a lock: what a continuation orders that is resumed before its task was suspended, the
    // thread sanitizer does not see.
    let parsed = Parsed()
    await withCheckedContinuation { continuation in
      service.handle(operation, body: parameters.utf8, scope: scope) { answer in
        parsed.answer.withLock { $0 = (try? JSON(parsing: answer.body)) ?? .null }
        continuation.resume()
      }
    }
    return parsed.answer.withLock { $0 }
  }

  private func create(_ service: StepFunctionsService, _ name: String, _ definition: JSON, _ type: String)
    async
  {
    _ = await call(
      service, "CreateStateMachine",
      [
        "name": JSON(name), "definition": JSON(definition.text), "roleArn": JSON(ServiceHarness.role),
        "type": JSON(type),
      ])
  }

  @Test func manySynchronousExecutionsAtOnce() async throws {
    let (runtime, service) = try service()
    await create(service, "x", ServiceHarness.pass, "EXPRESS")
    let arn = JSON(scope.machineARN("x"))
    let good = await withTaskGroup(of: Bool.self) { group in
      for index in 0..<200 {
        group.addTask {
          let answer = await call(
            service, "StartSyncExecution", ["stateMachineArn": arn, "input": JSON("{\"i\":\(index)}")])
          return answer["output"]?.string == "{\"i\":\(index)}"
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(good == 200)
    await runtime.shutDown(waiting: .seconds(5))
  }

  @Test func activitiesAcrossLoops() async throws {
    let (runtime, service) = try service()
    _ = await call(service, "CreateActivity", ["name": "work"])
    let activity = scope.activityARN("work")
    await create(service, "m", ServiceHarness.task(activity), "STANDARD")
    let arn = JSON(scope.machineARN("m"))
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask {
          _ = await call(service, "StartExecution", ["stateMachineArn": arn, "input": "{}"])
        }
        group.addTask {
          let task = await call(service, "GetActivityTask", ["activityArn": JSON(activity)])
          _ = await call(
            service, "SendTaskSuccess", ["taskToken": task["taskToken"] ?? "", "output": "1"])
        }
      }
    }
    // The last answers may still be on their way into their executions.
    for _ in 0..<10_000 where service.store.runningCount(in: scope) > 0 { await Task.yield() }
    let listed = await call(
      service, "ListExecutions", ["stateMachineArn": arn, "statusFilter": "SUCCEEDED"])
    #expect(listed["executions"]?.count == 20)
    await runtime.shutDown(waiting: .seconds(5))
  }

  @Test func stoppingAnswersWhenItIsDone() async throws {
    let (runtime, service) = try service()
    await create(service, "w", ServiceHarness.wait, "STANDARD")
    for _ in 0..<20 {
      let execution = await call(service, "StartExecution", ["stateMachineArn": JSON(scope.machineARN("w"))])
      let arn = execution["executionArn"] ?? .null
      let stopped = await call(service, "StopExecution", ["executionArn": arn])
      #expect(stopped["stopDate"] != nil)
      #expect(await call(service, "DescribeExecution", ["executionArn": arn])["status"] == "ABORTED")
    }
    await runtime.shutDown(waiting: .seconds(5))
  }
}
