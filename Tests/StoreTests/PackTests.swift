import Stepmill
import StepmillServer
import Testing

@testable import StepmillStore

/// Short executions share rows, and nothing tells: not after a restart, not when some of them go or go
/// on, and pages of the older form are read beside.
@Suite struct PackTests {
  private func count(_ table: String, _ place: Place) throws -> Int64 {
    let database = try Database(place.database, mayCreate: false)
    defer { database.close() }
    return try database.number("SELECT count(*) FROM \(table)") ?? -1
  }

  @Test func manyInARow() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create("p")
    bench.create("f", Bench.fail)
    for index in 0..<150 {
      // Without waiting for the answers, so that a transaction has several.
      let order: JSON = [
        "stateMachineArn": JSON(Bench.machine(index % 3 == 0 ? "f" : "p")), "name": JSON("e\(index)"),
        "input": JSON("{\"n\":\(index)}"), "traceHeader": "Root=1",
      ]
      bench.service.handle("StartExecution", body: order.utf8, scope: Bench.scope) { _ in }
      bench.host.run()
    }
    let arns = (0..<150).map { Bench.execution($0 % 3 == 0 ? "f" : "p", "e\($0)") }
    let histories = arns.map { bench.history($0) }
    let descriptions = arns.map { bench.text("DescribeExecution", ["executionArn": JSON($0)]) }
    try store.close()
    // How many share a row is for the writer's turns to say (one that it caught half way has a row of
    // its own), but none has two.
    #expect(try count("packs", place) + count("executions", place) <= 150)
    store = try place.open()
    bench = Bench(store)
    #expect(arns.map { bench.history($0) } == histories)
    let again = arns.map { bench.text("DescribeExecution", ["executionArn": JSON($0)]) }
    #expect(again == descriptions)
    // What is redriven has rows of its own, which count.
    #expect(bench.call("RedriveExecution", ["executionArn": JSON(arns[0])]).status == 200)
    let longer = bench.history(arns[0])
    #expect(longer.count > histories[0].count)
    try store.close()
    store = try place.open()
    #expect(Bench(store).history(arns[0]) == longer)
    try store.close()
  }

  @Test func aNameThatIsFreeAgain() throws {
    let place = Place()
    var retention = Retention()
    retention.executionsMax = 3
    var store = try place.open(retention)
    var bench = Bench(store)
    bench.create("p")
    for name in ["a", "b", "c", "d"] { bench.start("p", name, #"{"n":1}"#) }
    bench.start("p", "a", #"{"n":2}"#)
    for _ in 0..<2 {
      try store.close()
      store = try place.open(retention)
      bench = Bench(store)
      let body = bench.call("DescribeExecution", ["executionArn": JSON(Bench.execution("p", "a"))]).body
      #expect(body["input"] == #"{"n":2}"#)
      let list = bench.call("ListExecutions", ["stateMachineArn": JSON(Bench.machine("p"))]).body
      #expect(list["executions"]?.array?.compactMap { $0["name"]?.string } == ["a", "d", "c"])
    }
    try store.close()
  }

  @Test func packsGoWithTheirLast() throws {
    let place = Place()
    var retention = Retention()
    retention.executionsMax = 2
    let store = try place.open(retention)
    let bench = Bench(store)
    bench.create("p")
    for index in 0..<50 { bench.start("p", "e\(index)") }
    try store.close()
    #expect(try count("packs", place) <= 3)
  }

  @Test func pagesOfTheFirstForm() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create("w", Bench.wait)
    // It has rows, and with them the machine and its revision.
    bench.start("w", "running")
    try store.close()
    func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }
    func event(_ type: UInt8, _ previous: UInt64, _ details: String) -> [UInt8] {
      [type] + bytes(previous, 4) + bytes(1_767_225_600_500, 8) + Array(details.utf8)
    }
    func section(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] { [kind] + bytes(UInt64(body.count), 4) + body }
    let started = event(0, 0, #"{"input":"{}","inputDetails":{"truncated":false},"roleArn":"r"}"#)
    let ended = event(1, 1, #"{"output":"7","outputDetails":{"truncated":false}}"#)
    let events = bytes(2, 4) + bytes(0, 4) + bytes(UInt64(started.count), 4) + started + ended
    let page = [1] + section(1, Array("{}".utf8)) + section(2, Array("7".utf8)) + section(6, events)
    let database = try Database(place.database, mayCreate: false)
    try database.execute(
      "INSERT INTO executions VALUES(99, 1, 1, 'old', 1, 99, 1767225600000, 1767225600500, 2, 9, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    let put = try database.prepare("INSERT INTO pages VALUES(?, ?)")
    put.bind(0, PageKey.first(of: 99))
    try put.run(1, blob: page)
    database.close()
    store = try place.open()
    bench = Bench(store)
    let arn = Bench.execution("w", "old")
    #expect(bench.call("DescribeExecution", ["executionArn": JSON(arn)]).body["output"] == "7")
    let history = bench.history(arn)
    #expect(history.map { $0["type"] } == ["ExecutionStarted", "ExecutionSucceeded"])
    #expect(history.first?["executionStartedEventDetails"]?["roleArn"] == "r")
    #expect(history.last?["previousEventId"] == 1)
    let bare = bench.history(arn, [("includeExecutionData", false)])
    #expect(bare.last?["executionSucceededEventDetails"] == [:])
    #expect(bare.first?["executionStartedEventDetails"] == ["roleArn": "r"])
    try store.close()
  }
}
