import Stepmill
import StepmillTasks
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that logs and status events arrive in batches, that a full queue drops and counts, and
/// that nobody waits for a place that does not answer.
@Suite struct SinkTests {
  private let group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x:*"

  private func record(_ number: Int, group: String?, padding: Int = 0) -> LogRecord {
    let more =
      padding == 0
      ? "" : ",\"details\":{\"input\":\"\(String(repeating: "x", count: padding))\",\"name\":\"n\"}"
    return LogRecord(
      logGroupARN: group, machineARN: "m", executionARN: "e", timestamp: Int64(1000 - number),
      text: Array("{\"n\":\(number)\(more)}".utf8))
  }

  private func change(_ number: Int) -> StatusChange {
    StatusChange(
      scope: World.scope, executionARN: World.execution, time: 1_767_323_045_500,
      detail: Array("{\"name\":\"\(number)\"}".utf8))
  }

  @Test func logsAreSentInBatches() async throws {
    let world = try World()
    let groups = Lock(Set<String>())
    // A place that makes groups and streams only when asked to.
    world.stub.answers { asked, _ in
      var said = Stub.Said()
      let operation = asked.header("X-Amz-Target")?.split(separator: ".").last ?? ""
      let known = groups.withLock { known in
        switch operation {
        case "CreateLogGroup": _ = known.insert("group")
        case "CreateLogStream" where known.contains("group"): _ = known.insert("stream")
        default: break
        }
        return known
      }
      let isMissing = operation == "PutLogEvents" ? !known.contains("stream") : !known.contains("group")
      if isMissing {
        (said.status, said.body) = (400, #"{"__type":"ResourceNotFoundException","message":"no"}"#)
      }
      return said
    }
    let log = try #require(world.integrations.log)
    for number in 0..<12_000 { log.log(record(number, group: group)) }
    log.log(record(12_000, group: group, padding: 300_000))
    await world.end()
    #expect(world.integrations.counters.logs == SinkCounters(delivered: 12_001))
    let operations = world.stub.asked.compactMap { $0.header("X-Amz-Target")?.split(separator: ".").last }
    #expect(
      operations.prefix(6) == [
        "PutLogEvents", "CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents",
        "PutLogEvents",
      ])
    let sent = world.stub.asked.filter { $0.header("X-Amz-Target") == "Logs_20140328.PutLogEvents" }
      .dropFirst()
    let events = sent.flatMap { $0.json?["logEvents"]?.elementList ?? [] }
    #expect(sent.first?.json?["logGroupName"] == "/aws/x" && events.count == 12_001)
    for request in sent {
      let times = request.json?["logEvents"]?.elementList.compactMap { $0["timestamp"]?.int } ?? []
      #expect(times == times.sorted() && times.count <= 10_000 && request.body.count < 2 << 20)
    }
    // What is too large goes without its payload.
    let large = events.first { $0["message"]?.string?.contains("12000") == true }
    #expect(large?["message"] == #"{"n":12000,"details":{"name":"n","inputDetails":{"truncated":true}}}"#)
  }

  @Test func statusEventsGoTenAtATime() async throws {
    let world = try World()
    world.stub.answers { _, before in
      var said = Stub.Said()
      said.body = #"{"FailedEntryCount":\#(before == 0 ? 2 : 0),"Entries":[]}"#
      return said
    }
    let status = try #require(world.integrations.status)
    for number in 0..<25 { status.changed(change(number)) }
    await world.end()
    #expect(world.integrations.counters.status == SinkCounters(delivered: 23, failed: 2))
    let entries = world.stub.asked.flatMap { $0.json?["Entries"]?.elementList ?? [] }
    #expect(world.stub.asked.count == 3 && entries.count == 25)
    #expect(
      entries.contains([
        "Source": "aws.states", "DetailType": "Step Functions Execution Status Change",
        "Detail": #"{"name":"3"}"#,
        "Resources": [JSON(World.execution)], "Time": 1_767_323_045.5,
      ]))
  }

  /// A place that does not answer holds up the end for as long as was said.
  @Test func aSilentPlaceIsGivenUp() async throws {
    let world = try World()
    world.stub.answers { _, _ in Stub.Said(isSilent: true) }
    world.integrations.status?.changed(change(1))
    world.integrations.log?.log(record(1, group: group))
    await withCheckedContinuation { continuation in
      world.integrations.close(withinMilliseconds: 300) { continuation.resume() }
    }
    #expect(world.integrations.counters.status == SinkCounters(failed: 1))
    #expect(world.integrations.counters.logs == SinkCounters(failed: 1))
    await withCheckedContinuation { continuation in world.server.stop { continuation.resume() } }
    await world.runtime.shutDown()
  }

  @Test func withoutEndpointsThereAreFiles() async throws {
    let path = "/tmp/stepmill-sink-\(getpid())"
    defer {
      unlink(path + ".log")
      unlink(path + ".status")
    }
    let world = try World(everything: false) { configuration, _ in
      configuration.logFile = path + ".log"
      configuration.statusFile = path + ".status"
    }
    for number in 0..<3 {
      world.integrations.log?.log(record(number, group: number == 0 ? nil : group))
      world.integrations.status?.changed(change(number))
    }
    await world.end()
    #expect(world.integrations.counters.files == SinkCounters(delivered: 6))
    #expect(lines(path + ".log") == ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}"])
    #expect(
      lines(path + ".status").first
        == #"{"source":"aws.states","detail-type":"Step Functions Execution Status Change","#
        + #""account":"123456789012","region":"eu-west-1","time":"2026-01-02T03:04:05.500Z","resources":["#
        + #""\#(World.execution)"],"detail":{"name":"0"}}"#)
    // A place that cannot be written is counted, and holds nobody up.
    let other = try World(everything: false) { configuration, _ in configuration.logFile = "/nowhere/x.log" }
    other.integrations.log?.log(record(1, group: nil))
    await other.end()
    #expect(other.integrations.counters.files == SinkCounters(failed: 1))
    let none = try World(everything: false)
    #expect(none.integrations.log == nil && none.integrations.status == nil)
    await none.end()
  }

  private func lines(_ path: String) -> [String] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n").map(
      String.init)
  }

  @Test func fullQueuesDropAndCount() async throws {
    let world = try World(everything: false)
    var bounds = Batcher<Int, Int>.Bounds()
    bounds.queuedCount = 100
    bounds.queuedBytes = 1000
    bounds.batchCount = 7
    bounds.delayMilliseconds = 0
    // Held up for as long as the test likes.
    let held = Lock<[(count: Int, done: @Sendable (Int) -> Void)]>([])
    let arrived = Lock<[Int: [Int]]>([:])
    let batcher = Batcher<Int, Int>(bounds, on: world.runtime) { lane, batch, done in
      arrived.withLock { $0[lane, default: []] += batch }
      held.withLock { $0.append((batch.count, done)) }
    }
    for number in 0..<150 { batcher.add(number, bytes: 5, to: number % 3) }
    #expect(batcher.counters == SinkCounters(dropped: 50, queued: 100))
    let drained = Lock(false)
    batcher.drain { drained.withLock { $0 = true } }
    while !drained.withLock({ $0 }) {
      let ready = held.withLock { held in
        defer { held = [] }
        return held
      }
      for (count, done) in ready { done(count - 1) }
      await Task.yield()
    }
    let counters = batcher.counters
    #expect(counters.queued == 0 && counters.delivered + counters.failed == 100 && counters.failed >= 15)
    for lane in 0..<3 {
      // Each lane in the order that it was given.
      let numbers = arrived.withLock { $0[lane] ?? [] }
      #expect(numbers == numbers.sorted() && numbers.allSatisfy { $0 % 3 == lane })
    }
    for number in 0..<2 { batcher.add(number, bytes: 600, to: 0) }
    #expect(batcher.counters.dropped == 51)
    await world.end()
    // What was never answered holds the batcher, which holds this.
    held.withLock { $0 = [] }
  }
}
