import Stepmill
import Testing

@testable import StepmillServer

/// What the store in memory remembers, and for how long.
@Suite struct StoreTests {
  @Test func retentionByCount() {
    var retention = Retention()
    retention.executionsMax = 3
    let harness = ServiceHarness(store: MemoryStore(retention: retention))
    harness.create("m")
    let executions = (0..<5).map { harness.start("m", name: "e\($0)") }
    #expect(harness.error("DescribeExecution", ["executionArn": JSON(executions[1])]).hasPrefix("Execution"))
    #expect(harness.status(executions[2]) == "SUCCEEDED")
    // The name is free again.
    harness.start("m", name: "e0")
  }

  /// One that is forgotten between being found and running again is counted in and out once, as all are.
  @Test func forgottenWhileItIsRedriven() throws {
    var retention = Retention()
    retention.executionsMax = 1
    let store = MemoryStore(retention: retention)
    let harness = ServiceHarness(store: store)
    harness.create("m")
    harness.start("m", name: "found")
    let scope = Scope(region: "us-east-1", account: "123456789012")
    let execution = try #require(store.execution("found", of: "m", in: scope))
    harness.start("m", name: "other")
    #expect(store.execution("found", of: "m", in: scope) == nil)
    store.reopened(execution)
    #expect(store.runningCount(in: scope) == 1)
    store.closed(execution, at: 1)
    #expect(store.runningCount(in: scope) == 0)
  }

  @Test func retentionByAge() {
    var retention = Retention()
    retention.seconds = 60
    let harness = ServiceHarness(store: MemoryStore(retention: retention))
    harness.create("m")
    let old = harness.start("m")
    harness.host.advance(by: 61_000)
    let new = harness.start("m")
    #expect(
      harness.error("DescribeExecution", ["executionArn": JSON(old)]).hasPrefix("ExecutionDoesNotExist"))
    #expect(harness.status(new) == "SUCCEEDED")
  }

  /// Histories of executions that are over lie in slabs, which are used again when all in them went.
  @Test func slabsAreUsedAgain() {
    var retention = Retention()
    retention.executionsMax = 700
    let harness = ServiceHarness(store: MemoryStore(retention: retention))
    harness.create("m")
    let padding = String(repeating: "x", count: 1000)
    func input(_ index: Int) -> JSON { ["n": JSON(index), "padding": JSON(padding)] }
    let executions = (0..<3000).map { harness.start("m", input($0), name: "e\($0)") }
    for index in [2300, 2301, 2650, 2999] {
      let body = harness.call("DescribeExecution", ["executionArn": JSON(executions[index])])
      #expect(body["input"]?.string == input(index).text)
      #expect(body["output"]?.string == input(index).text)
      let events = harness.call("GetExecutionHistory", ["executionArn": JSON(executions[index])])["events"]
      #expect(events?[0]?["executionStartedEventDetails"]?["input"]?.string == input(index).text)
    }
    for gone in [0, 2299] {
      #expect(
        harness.error("DescribeExecution", ["executionArn": JSON(executions[gone])])
          .hasPrefix("ExecutionDoesNotExist"))
    }
    // Too large for a slab, and as good.
    let large: JSON = ["text": JSON(String(repeating: "y", count: 20_000))]
    let last = harness.call("DescribeExecution", ["executionArn": JSON(harness.start("m", large))])
    #expect(last["output"]?.string == large.text)
  }

  @Test func runningOnesStay() {
    var retention = Retention()
    retention.executionsMax = 1
    let harness = ServiceHarness(store: MemoryStore(retention: retention))
    harness.create("w", ServiceHarness.wait)
    harness.create("m")
    let running = harness.start("w")
    for _ in 0..<5 { harness.start("m") }
    #expect(harness.status(running) == "RUNNING")
  }

  @Test func longListsKeepTheirPlaces() {
    let harness = ServiceHarness()
    harness.create("m")
    for index in 0..<3000 { harness.start("m", name: "e\(index)") }
    var names: [String] = []
    var token: JSON?
    repeat {
      var request: JSON = ["stateMachineArn": JSON(harness.arn("m")), "maxResults": 1000]
      if let token { request["nextToken"] = token }
      let page = harness.call("ListExecutions", request)
      names += page["executions"]?.array?.compactMap { $0["name"]?.string } ?? []
      token = page["nextToken"]
    } while token != nil
    #expect(names == (0..<3000).reversed().map { "e\($0)" })
  }

  @Test func historiesAreCompact() {
    let harness = ServiceHarness()
    harness.create("m", ServiceHarness.wait)
    harness.start("m", ["order": 123_456], name: "e")
    let execution = harness.service.store.execution("e", of: "m", in: harness.scope)
    // The input is there once, and so is the name of the state.
    #expect(execution?.withLife { $0.history.byteCount } ?? .max < 50)
  }
}
