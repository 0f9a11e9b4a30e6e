import Stepmill
import Testing

@testable import StepmillServer
@testable import StepmillStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a loop has kept is there after a `kill -9`, whether or not the writer has come to it; it is there
/// once; and what cannot go to the journal waits for the writer.
@Suite struct JournalTests {
  /// One that a loop has started, and that is over by now.
  private func start(
    _ name: String, like known: StoredExecution, in store: SQLiteStore, isOver: Bool = true
  ) -> StoredExecution {
    let life = StoredExecution.Life()
    let execution = StoredExecution(
      known.origin, name: ExecutionName(name), startDate: known.startDate, life: life)
    execution.isHeld.store(true, ordering: .relaxed)
    guard case .added = store.insert(execution, runningMax: 100) else {
      Issue.record("\(name) was not added")
      return execution
    }
    let details = JSON(members: [(key: "output", value: JSON("{\"from\":\"\(name)\"}"))])
    execution.withLife { life in
      life.history = HistoryLog(input: Array("{}".utf8))
      life.history.append(event(1, .executionStarted, ["input": "{}"]))
      guard isOver else { return }
      life.history.append(event(2, .executionSucceeded, details))
      life.state = .succeeded
      life.stopDate = known.startDate + 1
      life.ending = StoredExecution.Ending(output: "{\"from\":\"\(name)\"}")
    }
    if isOver { store.closed(execution, at: known.startDate + 1) }
    return execution
  }

  private func event(_ id: Int, _ type: HistoryEventType, _ details: JSON) -> HistoryEvent {
    HistoryEvent(
      id: id, previousID: id - 1, type: type, timestamp: 1_767_225_600_000, execution: "", details: details)
  }

  /// The files as a `kill -9` would leave them now, but for so many bytes at the journals' ends.
  private func copy(_ place: Place, without missing: Int = 0) -> Place {
    let copy = Place()
    for name in ["stepmill.db", "stepmill.db-wal", "stepmill.journal-0", "stepmill.journal-1"] {
      guard let from = unsafe fopen("\(place.path)/\(name)", "r") else { continue }
      let to = unsafe fopen("\(copy.path)/\(name)", "w")
      var bytes: [UInt8] = []
      while case let byte = unsafe fgetc(from), byte >= 0 { bytes.append(UInt8(byte)) }
      if name.contains("journal") { bytes.removeLast(min(missing, bytes.count)) }
      unsafe fwrite(bytes, 1, bytes.count, to)
      unsafe fclose(to)
      unsafe fclose(from)
    }
    return copy
  }

  private func outputs(_ place: Place, _ names: [String]) throws -> [String?] {
    let store = try place.open()
    defer { try? store.close() }
    let bench = Bench(store)
    let list = bench.call("ListExecutions", ["stateMachineArn": JSON(Bench.machine("p"))]).body
    let listed = list["executions"]?.array?.compactMap { $0["name"]?.string } ?? []
    #expect(listed.count == Set(listed).count)
    return names.map {
      bench.call("DescribeExecution", ["executionArn": JSON(Bench.execution("p", $0))]).body["output"]?.string
    }
  }

  /// How many the loader finds.
  private func executionCount(_ place: Place) throws -> Int {
    let database = try Database(place.database, mayCreate: false)
    defer { database.close() }
    let types = try EventTypeNumbers(database, place.database)
    let archive = try Archive(place.database, types)
    return try Loader.load(database, place.database, archive, types, now: 0).executions.count
  }

  @Test func whatIsKeptIsThereAfterAKill() throws {
    let place = Place()
    let store = try place.open()
    let bench = Bench(store)
    bench.create("p")
    bench.start("p", "a")
    let known = try #require(store.execution("a", of: "p", in: Bench.scope))
    // The writer stands still.
    let other = try Database(place.database, mayCreate: false)
    try other.execute("BEGIN IMMEDIATE")
    let b = start("b", like: known, in: store)
    let c = start("c", like: known, in: store)
    #expect(store.keep([b, c]))
    let d = start("d", like: known, in: store)
    #expect(store.keep([d]))
    let early = copy(place)
    let torn = copy(place, without: 1)
    try other.execute("ROLLBACK")
    other.close()
    let gate = Gate()
    store.whenDurable { _ in gate.open() }
    gate.wait()
    let late = copy(place)
    let between = copy(place)
    try store.close()
    // As if the transaction that notes the generation had not come any more.
    let cut = try Database(between.database, mayCreate: false)
    try cut.execute("UPDATE meta SET value = value - 1 WHERE key = 'journal'")
    cut.close()

    let all: [String?] = ["b", "c", "d"].map { "{\"from\":\"\($0)\"}" }
    #expect(try outputs(early, ["b", "c", "d"]) == all)
    // Once more, since it has given the database what that lacked.
    #expect(try outputs(early, ["b", "c", "d"]) == all)
    #expect(try outputs(torn, ["b", "c", "d"]) == all.dropLast() + [nil])
    #expect(try outputs(late, ["b", "c", "d"]) == all)
    #expect(try outputs(between, ["b", "c", "d"]) == all)
    #expect(try executionCount(between) == 4)
    #expect(try outputs(place, ["b", "c", "d"]) == all)
  }

  @Test func whatGoesOnWaitsForTheWriter() throws {
    let place = Place()
    let store = try place.open()
    let bench = Bench(store)
    bench.create("p")
    bench.start("p", "a")
    let known = try #require(store.execution("a", of: "p", in: Bench.scope))
    let b = start("b", like: known, in: store)
    let c = start("c", like: known, in: store, isOver: false)
    #expect(!store.keep([b, c]))
    // Whoever starts it once more has an answer that must not come before it is kept.
    let d = start("d", like: known, in: store)
    let again = StoredExecution(known.origin, name: ExecutionName("d"), startDate: 1, life: .init())
    guard case .known = store.insert(again, runningMax: 100) else {
      Issue.record("d is there twice")
      return
    }
    #expect(!store.keep([d]))
    let gate = Gate()
    store.whenDurable { _ in gate.open() }
    gate.wait()
    let after = copy(place)
    try store.close()
    #expect(try outputs(after, ["b", "d"]) == ["{\"from\":\"b\"}", "{\"from\":\"d\"}"])
    let reopened = try after.open()
    #expect(Bench(reopened).status(Bench.execution("p", "c")) == "FAILED")
    try reopened.close()
  }
}

/// Waits for another thread.
@safe private final class Gate: @unchecked Sendable {
  // What is shared is the semaphore, which is made for that.
  private let semaphore: UnsafeMutablePointer<sem_t>
  init() {
    unsafe semaphore = .allocate(capacity: 1)
    unsafe sem_init(semaphore, 0, 0)
  }
  deinit { unsafe semaphore.deallocate() }
  func open() { unsafe sem_post(semaphore) }
  func wait() { unsafe sem_wait(semaphore) }
}
