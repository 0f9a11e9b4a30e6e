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
