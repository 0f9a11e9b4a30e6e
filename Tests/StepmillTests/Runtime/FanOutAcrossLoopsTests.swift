import Synchronization
import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that a Map on several loops does what it does on one, and that its bound, its
/// failures and its ends hold over all of them.
@Suite(.serialized) struct FanOutAcrossLoopsTests {
  /// Which threads took part, and how many calls were under way at once.
  private final class Watch: Sendable {
    private struct State {
      var threads: Set<UInt> = []
      var live = 0
      var most = 0
      var calls = 0
    }
    private let state = Lock(State())
    var threads: Int { state.withLock { $0.threads.count } }
    var most: Int { state.withLock { $0.most } }
    var live: Int { state.withLock { $0.live } }
    var calls: Int { state.withLock { $0.calls } }

    func begin() {
      let thread = UInt(pthread_self())
      state.withLock {
        $0.threads.insert(thread)
        $0.live += 1
        $0.calls += 1
        $0.most = max($0.most, $0.live)
      }
    }

    func end() { state.withLock { $0.live -= 1 } }

    /// Gives another loop time to take part.
    func dawdle() {
      var left = calls < 1000 ? 200 : 0
      while left > 0, threads < 2 {
        sched_yield()
        left -= 1
      }
    }
  }

  /// Registers `work` (synchronous), `later` (async) and `pool` (concurrent): all echo.
  private func runtime(_ loops: Int, _ watch: Watch = Watch()) throws -> Runtime {
    let runtime = try Runtime.small(loops: loops)
    runtime.register(
      "work",
      .synchronous { call throws(TaskFailure) in
        watch.begin()
        if loops > 1 { watch.dawdle() }
        watch.end()
        if call.input["fail"].exists { throw TaskFailure(error: "Rotten", cause: "item") }
        call.succeed(call.input)
      })
    runtime.register(
      "later",
      .async { request in
        watch.begin()
        await Task.yield()
        watch.end()
        if request.input["fail"] != nil { throw TaskFailure(error: "Rotten", cause: "item") }
        return request.input
      })
    runtime.register(
      "forever",
      .async { request in
        watch.begin()
        defer { watch.end() }
        try await Gate().waitOrCancel()
        return request.input
      })
    return runtime
  }

  /// A Map over `$.items` whose iterations are `states`, inside a machine that assigns `outer`.
  private func map(_ states: String, start: String = "A", _ fields: String = "", _ top: String = "") -> String
  {
    let caught = fields.contains(#""Caught""#) ? #","Caught":{"Type":"Pass","End":true}"# : ""
    return """
      {"StartAt":"Set"\(top),"States":{"Set":{"Type":"Pass","Assign":{"outer.$":"$.outer"},"Next":"Map"},
      "Map":{"Type":"Map","ItemsPath":"$.items"\(fields),"End":true,
      "ItemProcessor":{"StartAt":"\(start)","States":{\(states)}}}\(caught)}}
      """
  }

  private func input(_ count: Int, fail: Int? = nil) -> JSON {
    let items = (0..<count).map { number -> JSON in
      number == fail
        ? ["n": JSON(number), "fail": true] : ["n": JSON(number), "text": JSON("item \(number)")]
    }
    return ["items": JSON(items), "outer": ["deep": ["v": 7]], "prefix": "p"]
  }

  private func task(_ resource: String) -> String {
    #""A":{"Type":"Task","Resource":"\#(resource)","End":true}"#
  }

  /// The outcome on one loop and on three.
  private func compare(_ definition: String, _ input: JSON, takesPart: Bool = false) async throws {
    let watch = Watch()
    let one = try await runtime(1).workflow(definition).outcome(input)
    let several = try runtime(3, watch)
    let outcome = try await several.workflow(definition).outcome(input)
    #expect(one.output != nil)
    #expect(one == outcome)
    if takesPart { #expect(watch.threads > 1) }
    #expect(several.counters.succeeded == 1)
    #expect(several.counters.started == 1)
  }

  // MARK: Results

  @Test func synchronousWork() async throws {
    try await compare(map(task("work")), input(10_000), takesPart: true)
  }

  @Test func asyncWork() async throws {
    try await compare(map(task("later")), input(3000))
  }

  @Test func selectorsContextAndVariables() async throws {
    let states = """
      "A":{"Type":"Pass","Assign":{"mine.$":"$.n"},"Parameters":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value.text",
      "o.$":"$outer.deep.v","p.$":"$.prefix","n.$":"$.n","name.$":"$$.Execution.Name","e.$":"$$.Execution.Input.prefix"},
      "Next":"B"},"B":{"Type":"Task","Resource":"work","ResultPath":"$.r","Next":"C"},
      "C":{"Type":"Pass","Parameters":{"mine.$":"$mine","all.$":"$","o.$":"$outer"},"End":true}
      """
    let selector =
      #","ItemSelector":{"n.$":"$$.Map.Item.Index","prefix.$":"$.prefix","item.$":"$$.Map.Item.Value","o.$":"$outer.deep"}"#
    let definition = map(states, selector)
    let several = try runtime(3)
    let one = try await runtime(1).workflow(definition).start(input(2000), name: "same").outcome
    let outcome = try await several.workflow(definition).start(input(2000), name: "same").outcome
    #expect(one.output?.array?.count == 2000)
    #expect(one == outcome)
  }

  @Test func namesThatWereMade() async throws {
    let states =
      #""A":{"Type":"Task","Resource":"work","ResultSelector":{"x.$":"$$.Execution.Id"},"End":true}"#
    let outcome = try await runtime(3).workflow(map(states)).outcome(input(5000))
    let names = Set((outcome.output?.array ?? JSON([]).array!).map { $0["x"]?.string ?? "" })
    #expect(names.count == 1)
  }

  @Test func waitsInside() async throws {
    let states =
      #""A":{"Type":"Wait","Seconds":0,"Next":"W"},"W":{"Type":"Wait","TimestampPath":"$.at","Next":"B"},"B":{"Type":"Task","Resource":"work","End":true}"#
    let at = JSON.timestamp(in: 50)
    let items = (0..<2000).map { ["n": JSON($0), "at": at] as JSON }
    try await compare(map(states), ["items": JSON(items), "outer": 1])
  }

  @Test func nestedMapsAndBranches() async throws {
    let inner = """
      "I":{"Type":"Map","ItemsPath":"$.list","ItemSelector":{"x.$":"$$.Map.Item.Value","o.$":"$outer","m.$":"$mid"},"End":true,
      "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"work","Next":"P"},
      "P":{"Type":"Pass","Parameters":{"r.$":"$","m.$":"$mid","o.$":"$outer.deep.v","i.$":"$$.Map.Item.Index"},"End":true}}}}
      """
    let states =
      #""A":{"Type":"Pass","Assign":{"mid.$":"$.n"},"Next":"Both"},"Both":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{\#(inner)}},{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}]}"#
    let list = JSON((0..<100).map { JSON($0) })
    let items = (0..<100).map { ["n": JSON($0), "list": list] as JSON }
    try await compare(map(states), ["items": JSON(items), "outer": ["deep": ["v": 1]]], takesPart: true)
  }

  @Test func manyMapsAtOnce() async throws {
    let several = try runtime(4)
    let workflow = try several.workflow(map(task("later")))
    let executions = try (0..<40).map { _ in try workflow.start(input(500)) }
    for execution in executions { #expect(await execution.outcome == .succeeded(input(500)["items"]!)) }
    #expect(several.counters.inFlight == 0)
  }

  // MARK: The bound

  @Test(arguments: [1, 2, 7, 40]) func theBoundHoldsOverAllLoops(bound: Int) async throws {
    let watch = Watch()
    let several = try runtime(4, watch)
    let workflow = try several.workflow(map(task("later"), #","MaxConcurrency":\#(bound)"#))
    #expect(try await workflow.outcome(input(3000)) == .succeeded(input(3000)["items"]!))
    #expect(watch.most <= bound)
    #expect(watch.calls == 3000)
  }

  // MARK: Failures

  @Test(arguments: ["work", "later"], [3, 1500, 2999])
  func oneFailureStopsAll(resource: String, at place: Int) async throws {
    let watch = Watch()
    let several = try runtime(3, watch)
    let workflow = try several.workflow(
      map(task(resource), #","Catch":[{"ErrorEquals":["Rotten"],"ResultPath":"$.error","Next":"Caught"}]"#))
    for _ in 0..<5 {
      let outcome = try await workflow.outcome(input(3000, fail: place))
      #expect(outcome.output?["error"] == ["Error": "Rotten", "Cause": "item"])
    }
  }

  @Test func retriesBeginWhenAllHaveStopped() async throws {
    let watch = Watch()
    let several = try runtime(3, watch)
    let workflow = try several.workflow(
      map(
        task("later"),
        #","MaxConcurrency":9,"Retry":[{"ErrorEquals":["Rotten"],"IntervalSeconds":1,"MaxAttempts":1}]"#
      ))
    #expect(try await workflow.outcome(input(2000, fail: 1700)).errorName == "Rotten")
    #expect(watch.most <= 9)
  }

  @Test func failuresOfInnerMapsAndRuntimeErrors() async throws {
    let states =
      #""A":{"Type":"Map","ItemsPath":"$.list","End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"later","End":true}}}}"#
    let several = try runtime(3)
    let workflow = try several.workflow(
      map(states, #","Catch":[{"ErrorEquals":["Rotten"],"Next":"Caught"}]"#))
    let list = input(200)["items"]!
    let bad = input(200, fail: 150)["items"]!
    let items = (0..<80).map { ["list": $0 == 60 ? bad : list] as JSON }
    for _ in 0..<5 {
      let outcome = try await workflow.outcome(["items": JSON(items), "outer": 1])
      #expect(outcome.output == ["Error": "Rotten", "Cause": "item"])
    }
    let broken = try several.workflow(
      map(#""A":{"Type":"Task","Resource":"work","Parameters":{"x.$":"$.text"},"End":true}"#))
    #expect(try await broken.outcome(input(3000, fail: 2500)).errorName == "States.Runtime")
    #expect(several.counters.inFlight == 0)
  }

  // MARK: Ends from outside

  @Test func aborts() async throws {
    let watch = Watch()
    let several = try runtime(3, watch)
    let workflow = try several.workflow(map(task("forever")))
    for _ in 0..<10 {
      let before = watch.calls
      let execution = try workflow.start(input(300))
      while watch.calls < before + 300 { await Task.yield() }
      execution.abort(error: "Enough")
      #expect(await execution.outcome.errorName == "Enough")
    }
    while watch.live > 0 { await Task.yield() }
    #expect(several.counters.aborted == 10)
  }

  @Test func timeouts() async throws {
    let watch = Watch()
    let several = try runtime(3, watch)
    let workflow = try several.workflow(map(task("forever"), "", #","TimeoutSeconds":1"#))
    #expect(try await workflow.outcome(input(300)) == .timedOut)
    while watch.live > 0 { await Task.yield() }
    #expect(several.counters.timedOut == 1)
  }

  @Test(arguments: ["work", "later", "forever"]) func shutsDown(resource: String) async throws {
    for round in 0..<8 {
      let watch = Watch()
      let several = try runtime(3, watch)
      let workflow = try several.workflow(map(task(resource)))
      let executions = try (0..<4).map { _ in try workflow.start(input(2000)) }
      while watch.calls < 50 * round { await Task.yield() }
      await several.shutDown(waiting: .zero)
      for execution in executions {
        let outcome = await execution.outcome
        #expect(outcome.output != nil || outcome == .aborted(error: nil, cause: "The runtime was shut down."))
      }
    }
  }
}
