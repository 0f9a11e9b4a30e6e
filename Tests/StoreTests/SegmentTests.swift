import Stepmill
import Testing

@testable import StepmillServer
@testable import StepmillStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a loop has kept is there after a `kill -9`, once, and nothing tells where it lies: not when it is
/// redriven, not when segments end and are written again; and what cannot go there waits for the writer.
@Suite struct SegmentTests {
  /// An execution that the writer has come to: with it, its machine is in the database.
  private func first(in store: SQLiteStore) throws -> StoredExecution {
    let bench = Bench(store)
    bench.create("p")
    bench.start("p", "a")
    return try #require(store.execution("a", of: "p", in: Bench.scope))
  }

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

  /// The files as a `kill -9` would leave them now, but for so many bytes at the segments' ends.
  private func copy(_ place: Place, without missing: Int = 0) -> Place {
    let copy = Place()
    for name in place.files where name != "lock" && !name.hasSuffix("-shm") {
      var bytes = place.contents(name)
      if name.contains("segment") { bytes.removeLast(min(missing, bytes.count)) }
      copy.write(name, bytes)
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

  @Test func whatIsKeptIsThereAfterAKill() throws {
    let place = Place()
    let store = try place.open()
    let known = try first(in: store)
    // The writer stands still.
    let other = try Database(place.database, mayCreate: false)
    try other.execute("BEGIN IMMEDIATE")
    let b = start("b", like: known, in: store)
    let c = start("0bc0d7a4-9d2e-4c8e-8f2f-000000000001", like: known, in: store)
    #expect(store.keep([b, c]))
    let d = start("d", like: known, in: store)
    #expect(store.keep([d]))
    let names = [b, c, d].map(\.name)
    let all: [String?] = names.map { "{\"from\":\"\($0)\"}" }
    // Its contents are there and nowhere else.
    #expect(d.withLife { $0.archive } != nil)
    #expect(try d.contents().output == all[2])
    let killed = copy(place)
    let torn = copy(place, without: 1)
    try other.execute("ROLLBACK")
    other.close()
    try store.close()

    #expect(try outputs(killed, names) == all)
    // What is there is found as often as one looks.
    #expect(try outputs(killed, names) == all)
    #expect(try outputs(torn, names) == all.dropLast() + [nil])
    // What was cut short is written over.
    #expect(try outputs(torn, names) == all.dropLast() + [nil])
    #expect(try outputs(place, names) == all)
  }

  @Test func segmentsAreWrittenAgain() throws {
    let place = Place()
    var retention = Retention()
    retention.executionsMax = 4
    var store = try place.open(retention, segmentBytesMax: 600)
    let known = try first(in: store)
    for index in 0..<40 { #expect(store.keep([start("e\(index)", like: known, in: store)])) }
    #expect(place.files.count { $0.contains("segment") } <= 6)
    let killed = copy(place)
    let names = (34..<40).map { "e\($0)" }
    let outputs: [String?] = names.map { "{\"from\":\"\($0)\"}" }
    for name in names.suffix(4) {
      #expect(
        try store.execution(name, of: "p", in: Bench.scope)?.contents().output
          == outputs[names.firstIndex(of: name)!])
    }
    try store.close()
    for place in [place, killed] {
      store = try place.open(retention, segmentBytesMax: 600)
      let list = Bench(store).call("ListExecutions", ["stateMachineArn": JSON(Bench.machine("p"))]).body
      #expect(
        list["executions"]?.array?.compactMap { $0["name"]?.string } == ["e39", "e38", "e37", "e36"])
      try store.close()
      #expect(try self.outputs(place, names).suffix(4) == outputs.suffix(4))
    }
  }

  @Test func whatIsRedrivenHasRows() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create("f", Bench.fail)
    bench.start("f", "a")
    let other = try Database(place.database, mayCreate: false)
    try other.execute("BEGIN IMMEDIATE")
    let order: JSON = ["stateMachineArn": JSON(Bench.machine("f")), "name": "b", "input": "{}"]
    bench.service.handle("StartExecution", body: order.utf8, scope: Bench.scope) { _ in }
    bench.host.run()
    let b = try #require(store.execution("b", of: "f", in: Bench.scope))
    b.isHeld.store(true, ordering: .relaxed)
    #expect(store.keep([b]))
    #expect(PackPlace(rawValue: b.place.load(ordering: .relaxed))?.isInSegment == true)
    try other.execute("ROLLBACK")
    other.close()
    let arn = Bench.execution("f", "b")
    let history = bench.history(arn)
    #expect(bench.call("RedriveExecution", ["executionArn": JSON(arn)]).status == 200)
    let longer = bench.history(arn)
    #expect(longer.count > history.count)
    #expect(Array(longer.prefix(history.count)) == history)
    let killed = copy(place)
    try store.close()
    for place in [place, killed] {
      store = try place.open()
      bench = Bench(store)
      #expect(bench.history(arn) == longer)
      let list = bench.call("ListExecutions", ["stateMachineArn": JSON(Bench.machine("f"))]).body
      #expect(list["executions"]?.array?.count == 2)
      try store.close()
    }
  }

  @Test func whatCannotBeWrittenWaitsForTheWriter() throws {
    let place = Place()
    let store = try place.open()
    let known = try first(in: store)
    unsafe mkdir("\(place.path)/stepmill.segment-1", 0o700)
    let b = start("b", like: known, in: store)
    #expect(!store.keep([b]))
    let gate = Gate()
    store.whenDurable { _ in gate.open() }
    gate.wait()
    unsafe rmdir("\(place.path)/stepmill.segment-1")
    try store.close()
    #expect(try outputs(place, ["b"]) == ["{\"from\":\"b\"}"])
  }

  @Test func segmentsOfOthers() throws {
    let (place, other) = (Place(), Place())
    for place in [place, other] {
      let store = try place.open()
      let known = try first(in: store)
      #expect(store.keep([start("b", like: known, in: store)]))
      try store.close()
    }
    let bytes = other.contents("stepmill.segment-1")
    place.write("stepmill.segment-7", bytes)
    #expect(throws: StoreError.self) { try place.open() }
    place.write("stepmill.segment-7", Array("nothing of that kind, but long enough".utf8))
    #expect(throws: StoreError.self) { try place.open() }
    // One that was made and never written.
    place.write("stepmill.segment-7", [])
    #expect(try outputs(place, ["b"]) == ["{\"from\":\"b\"}"])
    // What it was before is nothing of what it is now.
    let old = place.contents("stepmill.segment-1")
    place.write("stepmill.segment-9", old)
    #expect(try outputs(place, ["b"]) == ["{\"from\":\"b\"}"])
    // Whatever is in the middle of it, nothing hangs or is made up.
    place.remove("stepmill.segment-9")
    // The last one is whole, or was cut short; then it has no end.
    place.write("stepmill.segment-1", Array(old.dropLast(20)))
    #expect(try outputs(place, ["b"]) == [nil])
    place.write("stepmill.segment-1", old)
    for seed in 0..<50 {
      var random = Random(state: UInt64(seed))
      var damaged = old
      for _ in 0..<3 {
        damaged[24 + random.below(old.count - 24 - 16)] ^= UInt8(1 + random.below(255))
      }
      place.write("stepmill.segment-1", damaged)
      let found = try outputs(place, ["b"])
      #expect(found == [nil] || found == ["{\"from\":\"b\"}"], "seed \(seed)")
      #expect(try outputs(place, ["b"]) == found, "seed \(seed)")
    }
  }

  /// Nothing of what was acknowledged is given up silently.
  @Test func damage() throws {
    let place = Place()
    let store = try place.open(segmentBytesMax: 1000)
    let known = try first(in: store)
    for index in 0..<20 { #expect(store.keep([start("e\(index)", like: known, in: store)])) }
    let killed = copy(place)
    try store.close()
    let names = (0..<20).map { "e\($0)" }
    #expect(try outputs(killed, names).allSatisfy { $0 != nil })
    let segments = place.files.filter { $0.contains("segment") }
    #expect(segments.count > 2)
    /// What the store says of the file when it is like this: an error, or a note.
    func complaint(_ name: String, _ bytes: [UInt8]?) -> String? {
      let old = place.contents(name)
      defer {
        unsafe rmdir("\(place.path)/\(name)")
        place.write(name, old)
      }
      place.remove(name)
      if let bytes { place.write(name, bytes) } else { unsafe mkdir("\(place.path)/\(name)", 0o700) }
      do {
        let notes = Lock<[String]>([])
        let store = try place.open { notice in
          if case .passedOver(let what) = notice { notes.withLock { $0.append(what) } }
        }
        let listed = names.filter { store.execution($0, of: "p", in: Bench.scope) != nil }
        try store.close()
        #expect(listed.count >= names.count - 2)
        return notes.withLock(\.first).map { "note: \($0)" }
      } catch {
        return "\(error)"
      }
    }
    for number in 1...segments.count {
      let name = "stepmill.segment-\(number)"
      let bytes = place.contents(name)
      #expect(complaint(name, nil)?.contains(name) == true)
      var changed = bytes
      changed[60] ^= 1
      var length = bytes
      for index in 32..<40 { length[index] = 0xFF }
      for damaged in [changed, length] {
        let complaint = complaint(name, damaged) ?? ""
        #expect(complaint.hasPrefix("note: ") && complaint.contains(name))
      }
      // Of the last one nobody knows how long it was; it has no end either when the process is killed.
      let cut = complaint(name, Array(bytes.dropLast(1)))
      #expect(cut?.contains(name) == (number < segments.count ? true : nil))
    }
    #expect(try outputs(place, names).allSatisfy { $0 != nil })
    // As little as can be passed over, and what is behind it is found each time.
    let last = "stepmill.segment-\(segments.count)"
    let bytes = place.contents(last)
    place.write(last, Array(bytes[..<24]) + [UInt8](repeating: 7, count: 16) + bytes[24...])
    for _ in 0..<2 { #expect(try outputs(place, names).allSatisfy { $0 != nil }) }
  }

  /// What is forgotten within seconds need not be written to the disk; all else is, once.
  @Test(arguments: [0, 3600])
  func whatStaysGoesToTheDisk(age: Int) throws {
    let place = Place()
    let due = Lock(0)
    let segments = try Segments(place.path, identity: 1, bytesMax: 100, age: age) { _ in
      due.withLock { $0 += 1 }
    }
    // Each fills one.
    func append() throws -> PackPlace {
      var record = [UInt8](repeating: 7, count: 60)
      let (segment, offset) = try #require(segments.append(&record, entries: 1))
      return PackPlace(segment: segment, offset: offset)
    }
    var last = try append()
    for _ in 0..<200 {
      let next = try append()
      segments.release(last)
      last = next
    }
    #expect(due.withLock { $0 } == (age == 0 ? 200 : 0))
    for _ in 0..<100 { _ = try append() }
    // No more than some may wait for it: the one before them is there, too, and the last one goes on.
    #expect(due.withLock { $0 } == (age == 0 ? 300 : 100 - 64))
    segments.close()
  }

  /// What a store of the fourth version left on its way.
  @Test func oldJournals() throws {
    let place = Place()
    var store = try place.open()
    var bench = Bench(store)
    bench.create("w")
    bench.start("w", "known")
    try store.close()
    func bytes(_ number: Int64, _ count: Int = 8) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * Int64($0))) }
    }
    let page: [UInt8] = [2, 1, 2, 0, 0, 0] + Array("{}".utf8) + [2, 1, 0, 0, 0] + Array("7".utf8)
    var body = [99, 1, 1, 1, 99, 1_767_225_600_000, 1_767_225_600_500, 0, 9, 0].flatMap { bytes($0) }
    body += bytes(3, 4) + Array("old".utf8)
    body += [UInt8](repeating: 0xFF, count: 12)
    body += bytes(Int64(page.count), 4) + page
    let entry = bytes(Int64(body.count), 4) + body
    let sum = unsafe entry.withUnsafeBytes { unsafe Segments.checksum($0, 0) }
    place.write(
      "stepmill.journal-1",
      bytes(5) + bytes(Int64(bitPattern: sum)) + bytes(Int64(entry.count)) + entry + [1, 2, 3])
    let database = try Database(place.database, mayCreate: false)
    try database.execute("INSERT INTO meta VALUES('journal', 4)")
    database.close()
    for _ in 0..<2 {
      store = try place.open()
      bench = Bench(store)
      let arn = Bench.execution("w", "old")
      #expect(bench.call("DescribeExecution", ["executionArn": JSON(arn)]).body["output"] == "7")
      try store.close()
      #expect(!place.files.contains { $0.contains("journal") })
    }
  }

  @Test func whatGoesOnWaitsForTheWriter() throws {
    let place = Place()
    let store = try place.open()
    let known = try first(in: store)
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
