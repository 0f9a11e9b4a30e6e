import Testing

@testable import Stepmill
@testable import StepmillBatch

/// Proves that Map Runs read their datasets on other threads than a loop's, and not far ahead.
@Suite struct BucketThreadsTests {
  private static let map =
    #"""
    {"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemReader":{
      "Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},
      "Parameters":{"Bucket":"b","Key":"rows.jsonl"}},
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}},
      "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out"}},
      "End":true}}}
    """#
  private static let pass = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#

  /// A bucket that keeps the threads that read and write it waiting until it is let go on.
  private final class SlowBucket: Bucket, @unchecked Sendable {
    // Everything is behind the monitor.
    private let monitor = Monitor()
    private var piecesAllowed: Int
    private var waiting = 0
    private var piecesRead = 0
    private let memory = MemoryBucket(pieceBytes: 1 << 14)

    init(piecesAllowed: Int) { self.piecesAllowed = piecesAllowed }

    func allow(_ pieces: Int) {
      monitor.locked { piecesAllowed = pieces }
      monitor.signal()
    }

    /// Waits until a thread stands still here.
    func waitForThread() {
      monitor.locked { while waiting == 0 { monitor.wait() } }
    }

    var read: Int { monitor.locked { piecesRead } }

    func open(_ key: String, version: String?) throws(BucketError) -> any ObjectReader {
      Reader(self, try memory.open(key, version: version))
    }

    func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
      try memory.create(key, contentType: contentType)
    }

    func list(prefix: String, after: String?, limit: Int) -> ObjectListing {
      memory.list(prefix: prefix, after: after, limit: limit)
    }

    func remove(_ key: String) { memory.remove(key) }

    fileprivate func passPiece() {
      monitor.locked {
        waiting += 1
        monitor.signal()
        while piecesAllowed == 0 { monitor.wait() }
        waiting -= 1
        piecesAllowed -= 1
        piecesRead += 1
      }
    }

    private final class Reader: ObjectReader, @unchecked Sendable {
      private let bucket: SlowBucket
      private let reader: any ObjectReader
      var entry: ObjectEntry { reader.entry }

      init(_ bucket: SlowBucket, _ reader: any ObjectReader) {
        self.bucket = bucket
        self.reader = reader
      }

      func next() async throws(BucketError) -> [UInt8]? {
        bucket.passPiece()
        return try await reader.next()
      }
    }
  }

  private static func world(_ bucket: SlowBucket) throws -> Runtime {
    var configuration = Runtime.Configuration()
    configuration.loops = 1
    let runtime = try Runtime(configuration)
    runtime.mapRunStorage = BucketStorage(["b": bucket], onThreads: true)
    return runtime
  }

  /// A disk that stands still stops the run that reads it, and nothing else on its loop.
  @Test func aSlowDiskStopsNobodyElse() async throws {
    let bucket = SlowBucket(piecesAllowed: 0)
    let text = (0..<3).map { "{\"n\":\($0)}\n" }.joined()
    try await bucket.write("rows.jsonl", Array(text.utf8))
    let runtime = try Self.world(bucket)
    runtime.register("t", .synchronous { call in call.succeed(["ok": true]) })
    let slow = try runtime.workflow(Self.map).start([:])
    bucket.waitForThread()
    let other = try await runtime.workflow(Self.pass).start(["n": 1]).outcome
    #expect(other == .succeeded(["n": 1]))
    bucket.allow(1000)
    guard case .succeeded(let output) = await slow.outcome else {
      Issue.record("the run did not succeed")
      return
    }
    #expect(output["ResultWriterDetails"]?["Bucket"] == "b")
    let listing = bucket.list(prefix: "out/", after: nil, limit: 10)
    #expect(listing.entries.count == 2)
    await runtime.shutDown()
  }

  /// While nothing ends, no more is read than the pages that wait for the run.
  @Test func readsOnlySoFarAhead() async throws {
    let bucket = SlowBucket(piecesAllowed: .max)
    // Rows of a kilobyte: 64 to a page, four pages to 256 KB.
    let row = "{\"text\":\"" + String(repeating: "x", count: 1010) + "\"}\n"
    try await bucket.write("rows.jsonl", Array(String(repeating: row, count: 4000).utf8))
    let runtime = try Self.world(bucket)
    let token = Lock<CheckedContinuation<String, Never>?>(nil)
    let first = Task {
      await withCheckedContinuation { continuation in token.withLock { $0 = continuation } }
    }
    while token.withLock({ $0 == nil }) { await Task.yield() }
    let isFirst = Lock(true)
    runtime.register(
      "t",
      .token { [weak runtime] request in
        let wasFirst = isFirst.withLock { value in
          defer { value = false }
          return value
        }
        if wasFirst {
          token.withLock { $0 }?.resume(returning: request.token)
        } else {
          runtime?.complete(request.token, with: .success([:]))
        }
      })
    let execution = try runtime.workflow(Self.map).start([:])
    let held = await first.value
    // Some pages and a piece; the file has 250 pieces.
    #expect(bucket.read < 80)
    runtime.complete(held, with: .success([:]))
    guard case .succeeded = await execution.outcome else {
      Issue.record("the run did not succeed")
      return
    }
    #expect(bucket.read == 251)
    await runtime.shutDown()
  }

  /// Threads that find nothing to do end, and others begin.
  @Test func threadsComeAndGo() async {
    let threads = BucketThreads(threadsMax: 2, idleNanoseconds: 1)
    for round in 0..<50 {
      let sum = await withTaskGroup(of: Int.self) { group in
        for number in 0..<5 { group.addTask(executorPreference: threads) { number * round } }
        return await group.reduce(0, +)
      }
      #expect(sum == 10 * round)
    }
  }
}
