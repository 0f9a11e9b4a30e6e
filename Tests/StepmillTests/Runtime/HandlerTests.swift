import Synchronization
import Testing

@testable import Stepmill

/// Proves that the four kinds of handlers get their input, answer, and fail into Retry and Catch.
@Suite struct RuntimeHandlerTests {
  struct Order: Codable, Equatable, Sendable {
    var id: String
    var amount: Int
  }
  struct Receipt: Codable, Equatable, Sendable {
    var order: String
    var paid: Int
  }
  struct CardDeclined: Error {}

  /// Calls are used again, but never one that a handler's request still refers to.
  @Test func aRequestThatIsKeptStaysAsItWas() async throws {
    let runtime = try Runtime.small()
    let kept = Log<TaskRequest>()
    runtime.register(
      "work",
      .async { request in
        if request.input["keep"]?.bool == true { kept.append(request) }
        return request.input
      })
    let workflow = try runtime.workflow(Definitions.task())
    for number in 0..<50 {
      let input: JSON = ["n": JSON(number), "keep": JSON(number % 2 == 0)]
      #expect(try await workflow.run(input) == input)
    }
    for (index, request) in kept.entries.enumerated() {
      #expect(request.input["n"]?.int == index * 2 && request.state == "T" && request.resource == "work")
      #expect(TaskToken(request.token) != nil)
    }
    #expect(Set(kept.entries.map(\.token)).count == 25)
  }

  // MARK: Synchronous

  @Test func aSynchronousHandlerReadsViewsAndBuildsItsAnswer() async throws {
    let runtime = try Runtime.small()
    runtime.register(
      "work",
      .synchronous { call in
        call.succeed(members: 1) { object in
          object.add("id", "R-", joining: call.input["id"])
          object.add("twice", 2 * (call.input["amount"].int ?? 0))
          object.add("first", call.input["lines"][0]["sku"])
          object.add("nothing", call.input["lines"][7]["sku"])
          object.add("lines", call.input["lines"].count)
          object.add("retries", call.retryCount)
          object.add("json", call.input["lines"].json)
          object.add("flag", true)
          object.add("half", 0.5)
          object.add("text", "a" + String(call.input["amount"].int ?? 0))
        }
      })
    let output = try await runtime.workflow(Definitions.task()).run([
      "id": "7", "amount": 21, "lines": [["sku": "S1"]],
    ])
    #expect(
      output == [
        "id": "R-7", "twice": 42, "first": "S1", "nothing": .null, "lines": 1, "retries": 0,
        "json": [["sku": "S1"]], "flag": true, "half": 0.5, "text": "a21",
      ])
  }

  @Test func aSynchronousHandlerAnswersWithAPartOfItsInput() async throws {
    let runtime = try Runtime.small()
    runtime.register("work", .synchronous { call in call.succeed(call.input["deep"]["er"]) })
    let workflow = try runtime.workflow(Definitions.task())
    #expect(try await workflow.run(["deep": ["er": [1, 2]]]) == [1, 2])
    #expect(try workflow.runInPlace(["deep": ["er": "x"]]) == .succeeded("x"))
  }

  @Test func aSynchronousFailureIsCaught() async throws {
    let runtime = try Runtime.small()
    runtime.register(
      "work",
      .synchronous { _ throws(TaskFailure) in throw TaskFailure(error: "Declined", cause: "no funds") })
    let workflow = try runtime.workflow(Definitions.task("work", Definitions.catchAll))
    #expect(try await workflow.run([:]) == ["Error": "Declined", "Cause": "no funds"])
    let uncaught = try runtime.workflow(Definitions.task())
    #expect(try await uncaught.outcome([:]) == .failed(error: "Declined", cause: "no funds"))
  }

  @Test func aSynchronousHandlerMaySubmitForATokenToo() async throws {
    let runtime = try Runtime.small()
    let token = Delivery<String>()
    runtime.register(
      "arn:aws:states:::lambda:invoke.waitForTaskToken",
      .synchronous { call in token.put(call.input["token"].string ?? "") })
    let workflow = try runtime.workflow(
      Definitions.task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken", #""Parameters":{"token.$":"$$.Task.Token"}"#))
    let execution = try workflow.start([:])
    runtime.complete(await token.value, with: .success(["done": true]))
    #expect(await execution.outcome == .succeeded(["done": true]))
  }

  // MARK: Asynchronous

  @Test func codableValuesGoInAndOut() async throws {
    let runtime = try Runtime.small()
    runtime.register("charge") { (order: Order) async throws -> Receipt in
      await Task.yield()
      return Receipt(order: order.id, paid: order.amount)
    }
    let workflow = try runtime.workflow(Definitions.task("charge"))
    let receipt: Receipt = try await workflow.run(Order(id: "A-17", amount: 30))
    #expect(receipt == Receipt(order: "A-17", paid: 30))
  }

  @Test func anInputThatDoesNotFitTheTypeFailsTheTask() async throws {
    let runtime = try Runtime.small()
    runtime.register("charge") { (order: Order) async throws -> Receipt in
      Receipt(order: order.id, paid: order.amount)
    }
    let outcome = try await runtime.workflow(Definitions.task("charge")).outcome(["id": 1])
    #expect(outcome.errorName == "Stepmill.InvalidTaskInput")
  }

  @Test func anyErrorIsCaughtByTheNameOfItsType() async throws {
    let runtime = try Runtime.small()
    runtime.register("work", .async { _ in throw CardDeclined() })
    let workflow = try runtime.workflow(
      Definitions.task("work", #""Catch":[{"ErrorEquals":["CardDeclined"],"Next":"Caught"}]"#))
    #expect(try await workflow.run([:])["Error"] == "CardDeclined")
  }

  @Test func aRetryCallsAgainAndSaysSo() async throws {
    let runtime = try Runtime.small()
    let attempts = Log<Int>()
    runtime.register(
      "work",
      .async { request in
        attempts.append(request.retryCount)
        if request.retryCount == 0 { throw TaskFailure(error: "Busy") }
        return JSON(request.retryCount)
      })
    let workflow = try runtime.workflow(
      Definitions.task("work", #""Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":1,"MaxAttempts":2}]"#))
    #expect(try await workflow.run([:]) == 1)
    #expect(attempts.entries == [0, 1])
    #expect(runtime.counters.retries == 1)
  }

  @Test func asynchronousHandlersRunOnTheLoopsThreadAndConcurrentOnesDoNot() async throws {
    let runtime = try Runtime.small()
    let threads = Log<UInt>()
    runtime.register(
      "loop",
      .async { _ in
        threads.append(currentThread())
        await Task.yield()
        threads.append(currentThread())
        return [:]
      })
    runtime.register(
      "pool",
      .concurrent { _ in
        threads.append(currentThread())
        return [:]
      })
    try await _ = runtime.workflow(Definitions.task("loop")).run([:])
    try await _ = runtime.workflow(Definitions.task("loop")).run([:])
    try await _ = runtime.workflow(Definitions.task("pool")).run([:])
    let seen = threads.entries
    #expect(Set(seen.prefix(4)).count == 1)
    #expect(seen.last != seen.first)
  }

  @Test func manyHandlersAreInFlightOnOneLoop() async throws {
    let runtime = try Runtime.small()
    let gate = Gate()
    let begun = Log<Int>()
    let all = Gate()
    runtime.register(
      "work",
      .async { request in
        begun.append(request.input.int ?? 0)
        if begun.entries.count == 100 { all.open() }
        await gate.wait()
        return request.input
      })
    let workflow = try runtime.workflow(Definitions.task())
    let executions = try (0..<100).map { try workflow.start(JSON($0)) }
    await all.wait()
    gate.open()
    for (number, execution) in executions.enumerated() {
      #expect(await execution.outcome == .succeeded(JSON(number)))
    }
  }

  // MARK: Cancellation and time

  @Test(arguments: [true, false]) func cancellingTheTaskCancelsTheHandler(isConcurrent: Bool) async throws {
    let runtime = try Runtime.small()
    let began = Gate()
    let sawCancellation = Gate()
    let body: @Sendable (TaskRequest) async throws -> JSON = { _ in
      began.open()
      do {
        try await Gate().waitOrCancel()
      } catch {
        sawCancellation.open()
        throw error
      }
      return [:]
    }
    runtime.register("work", isConcurrent ? .concurrent(body) : .async(body))
    let workflow = try runtime.workflow(Definitions.task())
    let task = Task { try await workflow.outcome([:]) }
    await began.wait()
    task.cancel()
    #expect(try await task.value == .aborted(error: nil, cause: nil))
    await sawCancellation.wait()
    #expect(runtime.counters.aborted == 1)
  }

  @Test func aTimeoutCancelsTheHandlerAndFeedsCatch() async throws {
    let runtime = try Runtime.small()
    let sawCancellation = Gate()
    runtime.register(
      "work",
      .async { _ in
        do {
          try await Gate().waitOrCancel()
        } catch {
          sawCancellation.open()
        }
        return "too late"
      })
    let workflow = try runtime.workflow(
      Definitions.task("work", #""TimeoutSeconds":1,"# + Definitions.catchAll))
    #expect(try await workflow.run([:])["Error"] == "States.Timeout")
    await sawCancellation.wait()
  }

  @Test func anAnswerAfterTheEndChangesNothing() async throws {
    let runtime = try Runtime.small()
    let token = Delivery<String>()
    runtime.register("work", .token { request in token.put(request.token) })
    let workflow = try runtime.workflow(Definitions.task())
    let execution = try workflow.start([:])
    let name = await token.value
    runtime.complete(name, with: .success(1))
    #expect(await execution.outcome == .succeeded(1))
    runtime.complete(name, with: .success(2))
    runtime.complete(name, with: .failure(TaskFailure(error: "Late")))
    runtime.complete("no token at all", with: .success(3))
    runtime.heartbeat(name)
    #expect(try await workflow.start([:]).abortedAtOnce() == .aborted(error: "Stop", cause: "now"))
    #expect(execution.outcomeIfEnded == .succeeded(1))
  }

  // MARK: Tokens

  @Test func aTokenIsCompletedFromAnotherThread() async throws {
    let runtime = try Runtime.small(loops: 2)
    runtime.register(
      "work",
      .token { [weak runtime] request in
        let runtime = runtime
        let token = request.token
        let input = request.input
        _ = try Thread(name: "elsewhere") { runtime?.complete(token, with: .success(["got": input])) }
      })
    let workflow = try runtime.workflow(Definitions.task())
    for number in 0..<20 { #expect(try await workflow.run(JSON(number)) == ["got": JSON(number)]) }
  }

  @Test func aTokenIsFailedAndCaught() async throws {
    let runtime = try Runtime.small()
    let token = Delivery<String>()
    runtime.register("work", .token { token.put($0.token) })
    let workflow = try runtime.workflow(Definitions.task("work", Definitions.catchAll))
    let execution = try workflow.start([:])
    runtime.complete(await token.value, with: .failure(TaskFailure(error: "No", cause: "way")))
    #expect(await execution.outcome == .succeeded(["Error": "No", "Cause": "way"]))
  }

  @Test func aTokenHandlerThatThrowsFailsTheTask() async throws {
    let runtime = try Runtime.small()
    runtime.register("work", .token { _ in throw TaskFailure(error: "Queue.Full") })
    let outcome = try await runtime.workflow(Definitions.task()).outcome([:])
    #expect(outcome.errorName == "Queue.Full")
  }

  @Test func aMissingHeartbeatTimesOut() async throws {
    let runtime = try Runtime.small()
    let token = Delivery<String>()
    runtime.register("work", .token { token.put($0.token) })
    let workflow = try runtime.workflow(
      Definitions.task("work", #""HeartbeatSeconds":1,"TimeoutSeconds":600,"# + Definitions.catchAll))
    let execution = try workflow.start([:])
    runtime.heartbeat(await token.value)
    guard case .succeeded(let output) = await execution.outcome else {
      Issue.record("the heartbeat's absence was not caught")
      return
    }
    #expect(output["Error"]?.string?.hasPrefix("States.") == true)
  }

  // MARK: Registration

  @Test func handlersAreFoundByNameArnPatternAndFallback() async throws {
    let runtime = try Runtime.small()
    @Sendable func says(_ text: String) -> TaskHandler { .synchronous { call in call.succeed(JSON(text)) } }
    runtime.register("exact", says("exact"))
    runtime.register("shop-*", says("pattern"))
    runtime.register("arn:aws:states:::sqs:*", says("arn pattern"))
    runtime.register("charge", says("function"))
    runtime.registerFallback { $0.hasPrefix("known") ? says("fallback for \($0)") : nil }
    func run(_ resource: String) async throws -> JSON {
      try await runtime.workflow(Definitions.task(resource)).run([:])
    }
    #expect(try await run("exact") == "exact")
    #expect(try await run("shop-cart") == "pattern")
    #expect(try await run("arn:aws:states:::sqs:sendMessage") == "arn pattern")
    #expect(try await run("arn:aws:lambda:us-east-1:123456789012:function:charge") == "function")
    #expect(try await run("known-1") == "fallback for known-1")
    let error = #expect(throws: StepmillError.self) { try runtime.workflow(Definitions.task("unknown")) }
    #expect(error?.isMissingHandler == true)
    #expect(error?.description.contains("'unknown'") == true)
  }

  @Test func aWorkflowKeepsTheHandlersItWasBoundTo() async throws {
    let runtime = try Runtime.small()
    runtime.register("work", .synchronous { call in call.succeed(1) })
    let first = try runtime.workflow(Definitions.task())
    runtime.register("work", .synchronous { call in call.succeed(2) })
    let second = try runtime.workflow(Definitions.task())
    #expect(try await first.run([:]) == 1)
    #expect(try await second.run([:]) == 2)
  }
}

private func currentThread() -> UInt { Thread.currentID }

extension Execution {
  fileprivate func abortedAtOnce() async -> Outcome {
    abort(error: "Stop", cause: "now")
    return await outcome
  }
}
