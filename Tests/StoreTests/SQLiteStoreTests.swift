import Stepmill
import StepmillServer
import Testing

@testable import StepmillStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What is particular to a store on disk.
@Suite struct SQLiteStoreTests {
  @Test func interruptedExecutionsHaveFailed() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create("w", Bench.wait)
    bench.create("p")
    let running = bench.start("w", "running", #"{"a":1}"#)
    let ended = bench.start("p", "ended")
    try store.close()
    store = try place.open()
    bench = Bench(store, at: 1_767_225_600_000 + 3_600_000)
    #expect(bench.status(ended) == "SUCCEEDED")
    let description = bench.call("DescribeExecution", ["executionArn": JSON(running)]).body
    #expect(description["status"] == "FAILED")
    #expect(description["error"] == "States.Runtime")
    #expect(description["cause"]?.string?.contains("server was stopped") == true)
    #expect(description["input"] == #"{"a":1}"#)
    #expect(description["redriveStatus"] == "NOT_REDRIVABLE")
    let events = bench.history(running)
    #expect(
      events.compactMap { $0["type"]?.string } == ["ExecutionStarted", "WaitStateEntered", "ExecutionFailed"])
    #expect(events.last?["id"] == 3)
    #expect(events.last?["previousEventId"] == 2)
    #expect(events.last?["executionFailedEventDetails"]?["error"] == "States.Runtime")
    #expect(bench.call("RedriveExecution", ["executionArn": JSON(running)]).status == 400)
    #expect(bench.status(running) == "FAILED")
    // It stays so.
    try store.close()
    store = try place.open()
    #expect(Bench(store).history(running).count == 3)
    try store.close()
  }

  @Test func lastPageCostsWhatTheFirstDoes() throws {
    let place = Place()
    let store = try place.open()
    let bench = Bench(store)
    bench.create("r", Bench.rounds)
    let arn = bench.start("r", "e", #"{"n":6200}"#)
    bench.host.run()
    let count = store.execution("e", of: "r", in: Bench.scope)?.status.eventCount ?? 0
    #expect(count > 24_000)
    // The contents leave when they are written.
    bench.create("other")
    func cost(_ body: () -> Void) -> Int {
      let before = store.pagesRead
      body()
      return store.pagesRead - before
    }
    let first = cost { #expect(bench.history(arn).first?["id"] == 1) }
    let last = cost { #expect(bench.history(arn, [("reverseOrder", true)]).first?["id"] == JSON(count)) }
    #expect(first > 0)
    #expect(last <= first + 1)
    try store.close()
  }

  @Test func redriveGoesOnFromDisk() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create(
      "f",
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Result":{"x":1},"ResultPath":"$.r","Next":"F"},"F":{"Type":"Fail","Error":"E"}}}"#
    )
    let arn = bench.start("f", "e", #"{"i":1}"#)
    let before = bench.history(arn)
    try store.close()
    store = try place.open()
    bench = Bench(store)
    #expect(bench.call("RedriveExecution", ["executionArn": JSON(arn)]).status == 200)
    #expect(bench.status(arn) == "FAILED")
    let after = bench.history(arn)
    #expect(Array(after.prefix(before.count)) == before)
    let types = after.map { $0["type"]?.string }
    #expect(types.contains("ExecutionRedriven"))
    let body = bench.call("DescribeExecution", ["executionArn": JSON(arn)]).body
    #expect(body["redriveCount"] == 1)
    try store.close()
    store = try place.open()
    #expect(Bench(store).history(arn) == after)
    try store.close()
  }

  @Test func fullDiskIsADegradedState() throws {
    let place = Place()
    let notices = Lock<[String]>([])
    let store = try place.open { notice in notices.withLock { $0.append("\(notice)") } }
    let bench = Bench(store)
    bench.create("p")
    let old = bench.start("p", "old")
    store.administer("PRAGMA max_page_count = 40")
    var refused = 0
    for index in 0..<40 {
      let (status, body) = bench.call(
        "StartExecution",
        [
          "stateMachineArn": JSON(Bench.machine("p")), "name": JSON("e\(index)"),
          "input": JSON("\"\(String(repeating: "x", count: 20_000))\""),
        ])
      guard status != 200 else { continue }
      refused += 1
      #expect(status == 503)
      #expect(body["Message"]?.string?.contains(place.database) == true, "\(body)")
    }
    #expect(refused > 0)
    #expect(!store.health.isReady)
    // Reading goes on.
    #expect(bench.status(old) == "SUCCEEDED")
    #expect(bench.history(old).count == 4)
    // What frees the disk mends it; what was begun meanwhile is written.
    store.administer("PRAGMA max_page_count = 1000000")
    while !store.health.isReady { usleep(1000) }
    #expect(bench.start("p", "new") != "")
    #expect(store.health.failures > 0)
    // Said once when it began, and once when it was over, however often it was tried.
    notices.withLock { notices in
      #expect(notices.count == 2 && notices.first?.contains(place.database) == true, "\(notices)")
      #expect(notices.last == "takes")
    }
    try store.close()
    let again = try place.open()
    let list = Bench(again).call("ListExecutions", ["stateMachineArn": JSON(Bench.machine("p"))]).body
    let states = list["executions"]?.array?.compactMap { $0["status"]?.string } ?? []
    #expect(states.count >= 42 - refused)
    #expect(states.allSatisfy { $0 == "SUCCEEDED" })
    try again.close()
  }

  @Test func retentionRemovesFromDisk() throws {
    let place = Place()
    var retention = Retention()
    retention.executionsMax = 5
    let store = try place.open(retention)
    let bench = Bench(store)
    bench.create("p")
    for index in 0..<200 {
      bench.start("p", "e\(index)", #"{"t":"\#(String(repeating: "x", count: 9000))"}"#)
    }
    try store.close()
    let database = try Database(place.database, mayCreate: false)
    #expect(try database.number("SELECT count(*) FROM executions") ?? 0 <= 20)
    database.close()
    let again = try place.open(retention)
    #expect(Bench(again).status(Bench.execution("p", "e199")) == "SUCCEEDED")
    #expect(Bench(again).status(Bench.execution("p", "e100")) == nil)
    // The space comes back.
    while again.health.bytes > 600_000 { usleep(1000) }
    try again.close()
  }

  @Test func historiesInSlowSteps() throws {
    // Events that are written a few at a time, into pages that are written again and again.
    let place = Place()
    let store = try place.open()
    let bench = Bench(store)
    bench.create(
      "s",
      #"{"StartAt":"C","States":{"C":{"Type":"Wait","Seconds":1,"Next":"P"},"P":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, -1)"},"Next":"D"},"D":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":0,"Next":"C"}],"Default":"E"},"E":{"Type":"Succeed"}}}"#
    )
    let arn = bench.start("s", "e", #"{"n":60}"#)
    for _ in 0..<61 {
      bench.host.advance(by: 1000)
      // An answer to a change comes when all before it is written.
      _ = bench.call(
        "TagResource", ["resourceArn": JSON(Bench.machine("s")), "tags": [["key": "k", "value": "v"]]])
    }
    #expect(bench.status(arn) == "SUCCEEDED")
    let events = bench.history(arn, [("maxResults", 1000)])
    #expect(events.map { $0["id"]?.int } == (1...events.count).map { Optional($0) })
    for index in stride(from: 0, to: events.count, by: 37) {
      let page = bench.history(arn, [("reverseOrder", true), ("maxResults", JSON(events.count - index))])
      #expect(page.last?["id"] == events[index]["id"])
    }
    try store.close()
    let again = try place.open()
    #expect(Bench(again).history(arn, [("maxResults", 1000)]) == events)
    try again.close()
  }

  @Test func queueIsBounded() throws {
    let place = Place()
    let store = try place.open(queueEntriesMax: 50)
    let bench = Bench(store)
    bench.create("p")
    // Another program holds the database: nothing gets through.
    let other = try Database(place.database, mayCreate: false)
    try other.execute("BEGIN IMMEDIATE")
    var refused = 0
    for index in 0..<200 {
      let order: JSON = ["stateMachineArn": JSON(Bench.machine("p")), "name": JSON("e\(index)")]
      if store.refusal != nil { refused += 1 }
      bench.service.handle("StartExecution", body: order.utf8, scope: Bench.scope) { _ in }
      bench.host.run()
    }
    #expect(refused > 0)
    #expect(store.health.queueDepth < 120)
    try other.execute("COMMIT")
    other.close()
    while store.refusal != nil || store.health.queueDepth > 0 { usleep(1000) }
    bench.start("p", "after")
    try store.close()
  }
}

/// What can be wrong with a directory, and what is said about it.
@Suite struct OpeningTests {
  private func error(_ body: () throws -> Void) -> StoreError? {
    do {
      try body()
      return nil
    } catch {
      return error as? StoreError
    }
  }

  @Test func missingDirectories() throws {
    let place = Place()
    // The last part is made.
    let inner = try SQLiteStore(directory: place.path + "/inner")
    try inner.close()
    for name in ["stepmill.db", "lock"] { unsafe unlink(place.path + "/inner/" + name) }
    unsafe rmdir(place.path + "/inner")
    let missing = error { _ = try SQLiteStore(directory: place.path + "/no/where") }
    #expect(missing?.kind == .noDirectory)
    #expect(missing?.message.contains("/no/where") == true)
    let file = error { _ = try SQLiteStore(directory: "/dev/null") }
    #expect(file?.kind == .noDirectory)
  }

  @Test(.enabled(if: getuid() != 0, "root may write everywhere")) func readOnlyDirectory() throws {
    let place = Place()
    unsafe chmod(place.path, 0o500)
    #expect(error { _ = try place.open() }?.kind == .notWritable)
  }

  @Test func oneProcessPerDirectory() throws {
    let place = Place()
    let store = try place.open()
    let second = error { _ = try place.open() }
    #expect(second?.kind == .inUse)
    #expect(second?.message.contains("process \(getpid())") == true)
    try store.close()
    try place.open().close()
  }

  @Test func lockedDatabase() throws {
    let place = Place()
    try place.open().close()
    let other = try Database(place.database, mayCreate: false)
    try other.execute("BEGIN IMMEDIATE")
    #expect(error { _ = try place.open() }?.kind == .locked)
    other.close()
  }

  @Test func damagedAndForeignFiles() throws {
    let place = Place()
    let file = unsafe fopen(place.database, "w")
    unsafe fputs(String(repeating: "this is no database at all ", count: 400), file)
    unsafe fclose(file)
    let damaged = error { _ = try place.open() }
    #expect(damaged?.kind == .damaged)
    #expect(damaged?.message.contains(place.database) == true)
    unsafe unlink(place.database)
    let foreign = try Database(place.database, mayCreate: true)
    try foreign.execute("CREATE TABLE t(x)")
    foreign.close()
    #expect(error { _ = try place.open() }?.kind == .foreign)
  }

  @Test func damagedPageIsAnErrorOfTheRequest() throws {
    let place = Place()
    let store = try place.open()
    let bench = Bench(store)
    bench.create("p")
    let arn = bench.start("p", "e")
    bench.create("other")
    store.administer("UPDATE pages SET data = x'0106FFFFFFFF'; UPDATE packs SET data = x'01FFFFFFFF'")
    bench.create("another")
    #expect(bench.call("DescribeExecution", ["executionArn": JSON(arn)]).status == 500)
    #expect(bench.call("GetExecutionHistory", ["executionArn": JSON(arn)]).status == 500)
    try store.close()
  }

  @Test func newerAndOlderFormats() throws {
    let place = Place()
    let old = try Database(place.database, mayCreate: true)
    try Schema.prepare(old, place.database, upTo: 1)
    try old.execute(
      """
      INSERT INTO revisions VALUES(1, '\(Bench.pass)', 'arn:aws:iam::1:role/r', 'STANDARD', '{}', NULL, 5);
      INSERT INTO machines VALUES('us-east-1', '123456789012', 'old', 5, 1, '{"versions":[],"aliases":[]}');
      """)
    old.close()
    let store = try place.open()
    #expect(store.machine("old", in: Bench.scope)?.revision.definition == Bench.pass)
    Bench(store).start("old", "e")
    try store.close()
    let newer = try Database(place.database, mayCreate: false)
    try newer.execute("UPDATE meta SET value = \(Schema.version + 1)")
    newer.close()
    let refused = error { _ = try place.open() }
    #expect(refused?.kind == .newer)
    #expect(refused?.message.contains("newer version") == true)
  }

  @Test func eventTypesAreKeptByName() throws {
    // A version that numbers the types otherwise reads what this one wrote.
    let place = Place()
    let store = try place.open()
    try store.close()
    let other = try Database(place.database, mayCreate: false)
    try other.execute(
      "UPDATE event_types SET number = 199 - number; ")
    other.close()
    let again = try place.open()
    let bench = Bench(again)
    bench.create("p")
    let arn = bench.start("p", "e")
    bench.create("other")
    #expect(
      bench.history(arn).compactMap { $0["type"]?.string } == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
      ])
    try again.close()
  }
}
