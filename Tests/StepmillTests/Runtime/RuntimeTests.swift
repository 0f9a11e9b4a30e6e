import Synchronization
import Testing

@testable import Stepmill

/// Proves what an embedder relies on: admission, counters, histories, executions in place, and
/// ends that leave nothing behind.
@Suite struct RuntimeTests {
  // MARK: Running

  @Test func failuresAreThrownAndOutcomesAreNot() async throws {
    let runtime = try Runtime.small()
    let workflow = try runtime.workflow(
      #"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Broken","Cause":"on purpose"}}}"#)
    #expect(try await workflow.outcome([:]) == .failed(error: "Broken", cause: "on purpose"))
    let failure = await #expect(throws: ExecutionFailure.self) { try await workflow.run([:]) }
    #expect(failure?.description == "failed: Broken: on purpose")
  }

  @Test func aWrongDefinitionIsRefusedWithAllItsErrors() throws {
    let runtime = try Runtime.small(loops: 0)
    let error = #expect(throws: StepmillError.self) {
      try runtime.workflow(
        #"{"StartAt":"X","States":{"A":{"Type":"Pass","Next":"Nowhere"},"B":{"Type":"Sleep","End":true}}}"#)
    }
    #expect(error?.isInvalidDefinition == true)
    #expect((error?.diagnostics.count ?? 0) > 1)
    #expect(throws: StepmillError.self) { try runtime.workflow("not json") }
  }

  @Test func theNameIsInTheContextObject() async throws {
    let runtime = try Runtime.small()
    let workflow = try runtime.workflow(
      #"{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"n.$":"$$.Execution.Name","m.$":"$$.StateMachine.Name"},"End":true}}}"#,
      name: "orders")
    let execution = try workflow.start([:], name: "order-17")
    #expect(await execution.outcome == .succeeded(["n": "order-17", "m": "orders"]))
    #expect(workflow.name == "orders")
  }

  @Test func manyThreadsSubmitAtOnce() async throws {
    let runtime = try Runtime.small(loops: 3)
    runtime.register("work", .async { $0.input })
    let count = try runtime.workflow(Definitions.count)
    let task = try runtime.workflow(Definitions.task())
    let executions = Log<(Int, Execution)>()
    let threads = try (0..<6).map { thread in
      try Thread(name: "client-\(thread)") {
        for number in 0..<100 {
          do {
            executions.append((100, try count.start(["n": JSON(number)])))
            executions.append((number, try task.start(["n": JSON(number)])))
          } catch {
            Issue.record(error)
          }
        }
      }
    }
    for thread in threads { thread.join() }
    for (expected, execution) in executions.entries {
      #expect(await execution.outcome == .succeeded(["n": JSON(expected)]))
    }
    #expect(runtime.counters.succeeded == 1200)
    #expect(runtime.counters.inFlight == 0)
  }

  // MARK: In place

  @Test func anExecutionInPlaceNeedsNoLoop() throws {
    let runtime = try Runtime.small(loops: 0)
    let workflow = try runtime.workflow(Definitions.count)
    #expect(try workflow.runInPlace(["n": 0]) == .succeeded(["n": 100]))
    var output: [UInt8] = Array("what was there before".utf8)
    for _ in 0..<3 {
      let outcome = try Array(#"{ "n" : 98 }"#.utf8).withUnsafeBytes { input in
        try workflow.runInPlace(utf8: input, into: &output)
      }
      #expect(outcome == nil)
      #expect(String(decoding: output, as: UTF8.self) == #"{"n":100}"#)
    }
    #expect(runtime.counters.succeeded == 4)
    #expect(throws: StepmillError.self) { try workflow.start([:]) }
  }

  @Test func anExecutionInPlaceTellsWhatIsWrong() throws {
    let runtime = try Runtime.small(loops: 0)
    var output: [UInt8] = []
    let workflow = try runtime.workflow(
      #"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}}"#)
    let outcome = try Array("[1]".utf8).withUnsafeBytes { try workflow.runInPlace(utf8: $0, into: &output) }
    #expect(outcome == .failed(error: "E", cause: "C"))
    let error = #expect(throws: StepmillError.self) {
      try Array("[1".utf8).withUnsafeBytes { try workflow.runInPlace(utf8: $0, into: &output) }
    }
    #expect(error?.isInvalidInput == true)
    #expect(runtime.counters.inFlight == 0)
  }

  @Test func anExecutionInPlaceMayWait() throws {
    let runtime = try Runtime.small(loops: 0)
    runtime.register(
      "work",
      .async { request in
        await Task.yield()
        return request.input
      })
    runtime.register("pool", .concurrent { $0.input })
    let wait = try runtime.workflow(Definitions.waitUntil())
    let at = JSON.timestamp(in: 1)
    #expect(try wait.runInPlace(["at": at]) == .succeeded(["at": at]))
    #expect(try runtime.workflow(Definitions.task("work")).runInPlace(1) == .succeeded(1))
    #expect(try runtime.workflow(Definitions.task("pool")).runInPlace(2) == .succeeded(2))
  }

  @Test func executionsInPlaceNestAndRunBesideEachOther() async throws {
    let runtime = try Runtime.small(loops: 0)
    let inner = try runtime.workflow(Definitions.count)
    runtime.register(
      "work",
      .synchronous { call throws(TaskFailure) in
        do {
          call.succeed(try inner.runInPlace(["n": 0]).output ?? .null)
        } catch {
          throw TaskFailure(error: "Inner", cause: "\(error)")
        }
      })
    let outer = try runtime.workflow(Definitions.task())
    let threads = try (0..<4).map { _ in
      try Thread(name: "caller") {
        for _ in 0..<50 {
          let outcome = try? outer.runInPlace([:])
          if outcome != .succeeded(["n": 100]) { Issue.record("\(String(describing: outcome))") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(runtime.counters.succeeded == 400)
    // The handler holds a workflow of its runtime: only a shutdown ends that circle.
    await runtime.shutDown()
  }

  // MARK: Admission

  @Test func tooManyExecutionsAreRefused() async throws {
    let runtime = try Runtime.small { $0.executionsMax = 3 }
    let workflow = try runtime.workflow(Definitions.longWait)
    let executions = try (0..<3).map { _ in try workflow.start([:]) }
    let error = #expect(throws: StepmillError.self) { try workflow.start([:]) }
    #expect(error?.isOverload == true)
    #expect(throws: StepmillError.self) { try workflow.runInPlace([:]) }
    executions[0].abort()
    #expect(await executions[0].outcome == .aborted(error: nil, cause: nil))
    let another = try workflow.start([:])
    for execution in executions + [another] { execution.abort() }
    for execution in executions + [another] { #expect(await execution.outcome.status == "ABORTED") }
    #expect(runtime.counters.inFlight == 0)
    #expect(runtime.counters.aborted == 4)
  }

  @Test func senselessConfigurationsAreRefused() {
    #expect(throws: StepmillError.self) { try Runtime.small(loops: -1) }
    #expect(throws: StepmillError.self) { try Runtime.small(loops: 1_000_000) }
  }

  // MARK: Counters and histories

  @Test func countersAddUp() async throws {
    let runtime = try Runtime.small(loops: 2)
    let count = try runtime.workflow(Definitions.count)
    let fail = try runtime.workflow(#"{"StartAt":"F","States":{"F":{"Type":"Fail"}}}"#)
    for _ in 0..<5 { _ = try await count.outcome(["n": 99]) }
    for _ in 0..<3 { _ = try await fail.outcome([:]) }
    let waiting = try runtime.workflow(Definitions.longWait).start(["some": "data"])
    let counters = runtime.counters
    #expect(counters.succeeded == 5)
    #expect(counters.failed == 3)
    // Three states with data each, and the fourth that ends it; one per failure.
    #expect(counters.transitions >= 5 * 4 + 3)
    waiting.abort()
    _ = await waiting.outcome
    #expect(runtime.counters.started == 9)
    #expect(runtime.counters.aborted == 1)
    await runtime.shutDown()
    #expect(runtime.counters.succeeded == 5)
    #expect(runtime.counters.waiting == 0)
    #expect(runtime.counters.bytes == 0)
  }

  @Test func anExecutionTimesOutAsAWhole() async throws {
    let runtime = try Runtime.small()
    let workflow = try runtime.workflow(
      #"{"TimeoutSeconds":1,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}"#)
    #expect(try await workflow.outcome([:]) == .timedOut)
    #expect(runtime.counters.timedOut == 1)
  }

  @Test(arguments: [
    (HistoryLevel.off, []), (.fatal, ["ExecutionFailed"]),
    (.failures, ["TaskFailed", "ExecutionFailed"]),
    (
      .all,
      [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed",
        "ExecutionFailed",
      ]
    ),
  ]) func anObserverHearsWhatItsLevelSays(level: HistoryLevel, types: [String]) async throws {
    let runtime = try Runtime.small()
    runtime.register(
      "arn:aws:states:::sqs:sendMessage", .async { _ in throw TaskFailure(error: "E", cause: "C") })
    let events = Log<HistoryEvent>()
    let workflow = try runtime.workflow(
      Definitions.task(
        "arn:aws:states:::sqs:sendMessage", #""Parameters":{"QueueUrl":"q","MessageBody":"m"}"#),
      observer: HistoryObserver(level: level) { events.append($0) })
    _ = try await workflow.outcome([:])
    #expect(events.entries.map(\.type.rawValue) == types)
    if level == .all { #expect(events.entries.map(\.id) == Array(1...6)) }
  }

  @Test func anObserverWithoutDataSeesNone() async throws {
    let runtime = try Runtime.small()
    let events = Log<HistoryEvent>()
    let workflow = try runtime.workflow(
      Definitions.pass, observer: HistoryObserver(includesData: false) { events.append($0) })
    _ = try await workflow.run(["secret": "s3cret"])
    #expect(events.entries.count == 4)
    #expect(!events.entries.contains { $0.json.text.contains("s3cret") })
  }

  // MARK: Ending

  @Test func shuttingDownLetsExecutionsFinish() async throws {
    let runtime = try Runtime.small()
    let gate = Gate()
    let began = Gate()
    runtime.register(
      "work",
      .async { request in
        began.open()
        await gate.wait()
        return request.input
      })
    let workflow = try runtime.workflow(Definitions.task())
    let execution = try workflow.start(["n": 1])
    await began.wait()
    let end = Task { await runtime.shutDown() }
    while (try? workflow.start([:]).abort()) != nil { await Task.yield() }
    gate.open()
    #expect(await execution.outcome == .succeeded(["n": 1]))
    await end.value
    let error = #expect(throws: StepmillError.self) { try workflow.start([:]) }
    #expect(error?.isShutDown == true)
    #expect(throws: StepmillError.self) { try workflow.runInPlace([:]) }
    await runtime.shutDown()
  }

  @Test func shuttingDownAbortsWhatDoesNotFinish() async throws {
    let runtime = try Runtime.small(loops: 2)
    let sawCancellation = Gate()
    let began = Gate()
    runtime.register(
      "work",
      .async { _ in
        began.open()
        do { try await Gate().waitOrCancel() } catch { sawCancellation.open() }
        return [:]
      })
    let waiting = try runtime.workflow(Definitions.longWait).start([:])
    let working = try runtime.workflow(Definitions.task()).start([:])
    await began.wait()
    await runtime.shutDown(waiting: .zero)
    #expect(await waiting.outcome.status == "ABORTED")
    #expect(await working.outcome.status == "ABORTED")
    await sawCancellation.wait()
  }

  @Test func submittersDuringAShutDownGetAnAnswer() async throws {
    for _ in 0..<20 {
      let runtime = try Runtime.small(loops: 2)
      let workflow = try runtime.workflow(Definitions.count)
      let executions = Log<Execution>()
      let threads = try (0..<3).map { _ in
        try Thread(name: "client") {
          while let execution = try? workflow.start(["n": 0]) { executions.append(execution) }
        }
      }
      await runtime.shutDown(waiting: .zero)
      for thread in threads { thread.join() }
      for execution in executions.entries { _ = await execution.outcome }
    }
  }

  @Test func aRuntimeIsDroppedWithWorkInFlight() async throws {
    var executions: [Execution] = []
    do {
      let runtime = try Runtime.small(loops: 2)
      runtime.register(
        "work",
        .async { _ in
          try await Gate().waitOrCancel()
          return [:]
        })
      runtime.register(
        "pool",
        .concurrent { _ in
          try await Gate().waitOrCancel()
          return [:]
        })
      runtime.register("token", .token { _ in })
      for resource in ["work", "pool", "token"] {
        executions.append(try runtime.workflow(Definitions.task(resource)).start([:]))
      }
      executions.append(try runtime.workflow(Definitions.longWait).start([:]))
    }
    for execution in executions { #expect(await execution.outcome.status == "ABORTED") }
  }

  @Test func aRuntimeIsDroppedInsideAHandler() async throws {
    for isSynchronous in [true, false] {
      let holder = Lock<Runtime?>(try Runtime.small())
      let execution = try holder.withLock { runtime in
        if isSynchronous {
          runtime!.register(
            "work",
            .synchronous { call in
              holder.withLock { $0 = nil }
              call.succeed(["late": true])
            })
        } else {
          runtime!.register(
            "work",
            .async { _ in
              holder.withLock { $0 = nil }
              return ["late": true]
            })
        }
        return try runtime!.workflow(Definitions.task("work", #""ResultPath":"$.r""#)).start([:])
      }
      let outcome = await execution.outcome
      #expect(outcome == .succeeded(["r": ["late": true]]) || outcome.status == "ABORTED")
    }
  }

  @Test func aHandlerThatIgnoresCancellationIsLeftBehind() async throws {
    let gate = Gate()
    let began = Gate()
    let ended = Gate()
    let execution: Execution
    do {
      let runtime = try Runtime.small()
      runtime.register(
        "work",
        .concurrent { _ in
          began.open()
          await gate.wait()
          ended.open()
          return [:]
        })
      execution = try runtime.workflow(Definitions.task()).start([:])
      await began.wait()
    }
    #expect(await execution.outcome.status == "ABORTED")
    gate.open()
    await ended.wait()
  }
}
