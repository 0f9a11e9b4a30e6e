import Stepmill
import Testing

@testable import StepmillBatch
@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A bucket at a server that is told what to do, with small ranges and parts.
final class S3World: Sendable {
  let runtime: Runtime
  let server = RawServer()
  let store: FakeS3
  let buckets: S3Buckets
  let http: HTTPClient

  init(
    pageMax: Int = 1000, attemptsMax: Int = 4, url: String? = nil, totalMilliseconds: Int = 3_600_000,
    backOffMilliseconds: Int = 0
  ) throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 2
    runtime = try Runtime(configuration)
    store = FakeS3(pageMax: pageMax)
    var integrations = IntegrationConfiguration()
    integrations.endpoints["s3"] = url ?? server.url
    integrations.backOffMilliseconds = backOffMilliseconds
    integrations.totalMilliseconds = totalMilliseconds
    var bounds = S3Client.Bounds()
    bounds.rangeBytes = 1000
    bounds.partBytes = 1000
    bounds.attemptsMax = attemptsMax
    http = integrations.client(on: runtime)
    let client = integrations.client(http, on: runtime)
    buckets = try #require(S3Buckets(client, region: "eu-west-1", bounds: bounds))
    server.answers { [store] asked, _ in store.answer(asked) }
  }

  var bucket: any Bucket { get throws { try buckets.bucket("rows") } }

  func end() async {
    http.close()
    await runtime.shutDown()
    server.stop()
  }

  /// The first requests, of those that `isMeant` lets count, are answered by `trouble`.
  func interferes(
    _ count: Int = .max, with trouble: RawServer.Said,
    where isMeant: @escaping @Sendable (RawServer.Asked) -> Bool = { _ in true }
  ) {
    let left = Lock(count)
    server.answers { [store] asked, _ in
      let interferes =
        isMeant(asked)
        && left.withLock { left in
          defer { left -= left > 0 ? 1 : 0 }
          return left > 0
        }
      return interferes ? trouble : store.answer(asked)
    }
  }

  func error(_ body: () async throws -> Void) async -> BucketError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? BucketError
    }
  }
}

/// Proves that S3's protocol carries what buckets promise: objects of any size under any key, in
/// pieces of bounded size, one of them ahead.
@Suite struct S3BucketTests {
  static func text(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  @Test(arguments: [0, 1, 999, 1000, 1001, 2000, 5300])
  func objectsOfAnySize(_ size: Int) async throws {
    let world = try S3World()
    let bucket = try world.bucket
    let written = try await bucket.write("a/b.bin", Self.text(size), contentType: "x/y")
    #expect(written.size == size && written.etag.count > 2)
    #expect(world.store.bytes("a/b.bin") == Self.text(size))
    let object = try await bucket.open("a/b.bin")
    #expect(object.entry.size == size && object.entry.modified == 1_445_412_480_000)
    #expect(object.entry.etag == written.etag)
    var bytes: [UInt8] = []
    while let piece = try await object.next() {
      #expect((1...1000).contains(piece.count))
      bytes += piece
    }
    #expect(bytes == Self.text(size))
    #expect(try await object.next() == nil)
    try await bucket.remove("a/b.bin")
    try await bucket.remove("a/b.bin")
    #expect(await world.error { _ = try await bucket.open("a/b.bin") }?.kind == .noSuchKey)
    await world.end()
  }

  /// The signature covers the path as it goes out, and so does the list's own encoding.
  @Test func anyKey() async throws {
    let world = try S3World()
    let bucket = try world.bucket
    var keys = (1...0x7E).map { "k\(Character(Unicode.Scalar(UInt8($0))))k" }
    keys += [
      "a b+c", "ü/é/日本/😀", "..", "a/../b", "./a", "/a", "a//b", "a/", "%41", "a%2Fb", "+", "&=?#", "~-._",
    ]
    keys.append(String(repeating: "ä", count: 512))
    for key in keys { try await bucket.write(key, Array(key.utf8)) }
    #expect(Set(world.store.keys) == Set(keys))
    for key in keys { #expect(try await bucket.read(key) == Array(key.utf8), "\(key)") }
    let listed = try await bucket.list(prefix: "", after: nil, limit: 1000)
    #expect(listed.entries.map(\.key) == world.store.keys && !listed.isTruncated)
    #expect(listed.entries.first { $0.key == "a b+c" }?.size == 5)
    #expect(listed.entries.allSatisfy { $0.modified == 1_445_412_480_000 && $0.etag.count > 5 })
    #expect(await world.error { _ = try await bucket.open("") }?.kind == .invalidKey)
    let long = String(repeating: "k", count: 1025)
    #expect(await world.error { _ = try await bucket.open(long) }?.code == "KeyTooLongError")
    for name in ["", "ab", "a/b", "..", "...", "b?x", "b%2F", String(repeating: "b", count: 256)] {
      #expect(
        await world.error { _ = try world.buckets.bucket(name) }?.code == "InvalidBucketName", "\(name)")
    }
    await world.end()
  }

  @Test(arguments: [3, 7, 1000]) func listsInPages(_ pageMax: Int) async throws {
    let world = try S3World(pageMax: pageMax)
    let bucket = try world.bucket
    for number in 0..<25 { world.store.put("p/\(number)", [1]) }
    for number in 0..<5 { world.store.put("q&<\(number)>", [1]) }
    let all = world.store.keys
    for limit in [1, 4, 24, 25, 26, 100] {
      var found: [String] = []
      var last: String?
      while true {
        let page = try await bucket.list(prefix: "", after: last, limit: limit)
        #expect(page.entries.count <= limit && (page.entries.count == limit || !page.isTruncated))
        found += page.entries.map(\.key)
        last = page.entries.last?.key
        if !page.isTruncated { break }
      }
      #expect(found == all, "limit \(limit)")
    }
    #expect(try await bucket.list(prefix: "q&<", after: nil, limit: 100).entries.count == 5)
    #expect(try await bucket.list(prefix: "none", after: nil, limit: 100).entries.isEmpty)
    await world.end()
  }

  /// While a piece is worked on, the next one is on its way, and nothing behind that.
  @Test func oneRangeAhead() async throws {
    let world = try S3World()
    world.store.put("rows.csv", Self.text(9500))
    let object = try await world.bucket.open("rows.csv")
    for number in 1...10 {
      let piece = try await object.next()
      #expect(piece?.count == (number == 10 ? 500 : 1000))
      // What was asked for has arrived when it is waited for; here it only has been asked for.
      while world.server.asked.count < min(number + 1, 10) { await Task.yield() }
      #expect(world.server.asked.count == min(number + 1, 10))
    }
    #expect(try await object.next() == nil)
    let ranges = world.server.asked.map { $0.header("Range") ?? "" }
    #expect(ranges == (0..<10).map { "bytes=\($0 * 1000)-\($0 * 1000 + 999)" })
    #expect(world.server.asked.allSatisfy { $0.header("X-Amz-Content-SHA256") != nil })
    #expect(world.server.asked.dropFirst().allSatisfy { $0.header("If-Match") == "\"etag-1\"" })
    await world.end()
  }

  /// Versions are asked for in every range.
  @Test func versions() async throws {
    let world = try S3World()
    world.store.put("k", Self.text(1500))
    #expect(try await world.bucket.read("k", version: "v 1/é") == Self.text(1500))
    #expect(world.server.asked.map { $0.query["versionId"] } == ["v%201%2F%C3%A9", "v%201%2F%C3%A9"])
    await world.end()
  }

  @Test func whatIsNotFinishedLeavesNothing() async throws {
    let world = try S3World()
    let bucket = try world.bucket
    do {
      let writer = try await bucket.create("large", contentType: "x/y")
      try await writer.write(Self.text(2500))
      let small = try await bucket.create("small", contentType: "x/y")
      try await small.write(Self.text(500))
      #expect(world.store.uploadsOpen == 1)
    }
    while world.store.aborted.isEmpty { await Task.yield() }
    #expect(world.store.keys.isEmpty && world.store.uploadsOpen == 0)
    // Types go with the object, or with the upload.
    try await bucket.write("large", Self.text(2500), contentType: "a/b")
    try await bucket.write("small", [1], contentType: "c/d")
    let types = world.server.asked.compactMap { $0.header("Content-Type") }.filter { $0 != "application/xml" }
    #expect(types == ["x/y", "a/b", "c/d"])
    #expect(world.store.aborted.count == 1)
    await world.end()
  }

  /// A Distributed Map from a bucket to a bucket.
  @Test func mapsReadAndWrite() async throws {
    let world = try S3World()
    var csv = "id,name\n"
    for number in 0..<500 { csv += "\(number),name \(number)\n" }
    world.store.put("in/rows.csv", Array(csv.utf8))
    let buckets = world.buckets
    world.runtime.mapRunStorage = BucketStorage(onThreads: true) { name throws(BucketError) in
      try buckets.bucket(name)
    }
    let workflow = try world.runtime.workflow(
      """
      {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Label":"rows","MaxConcurrency":40,
        "ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
          "ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},
          "Parameters":{"Bucket":"rows","Key.$":"$.key"}},
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
          "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},
        "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"rows","Prefix":"out"},
          "WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}}}}}
      """)
    let output = try await workflow.run(["key": "in/rows.csv"])
    let manifest = try #require(output["ResultWriterDetails"]?["Key"]?.string)
    let list = try JSON(parsing: world.store.bytes(manifest) ?? [])
    let file = try #require(list["ResultFiles"]?["SUCCEEDED"]?[0])
    let lines = String(decoding: world.store.bytes(file["Key"]?.string ?? "") ?? [], as: UTF8.self).split(
      separator: "\n")
    #expect(Set(lines.map(String.init)) == Set((0..<500).map { #"{"name":"name \#($0)","id":"\#($0)"}"# }))
    #expect(file["Size"]?.int == world.store.bytes(file["Key"]?.string ?? "")?.count)

    await #expect(throws: ExecutionFailure.self) { try await workflow.run(["key": "gone"]) }
    await world.end()
  }
}

/// Proves that tasks of S3 find the buckets that directories stand for, and S3's answers there.
@Suite struct BucketTaskTests {
  @Test func objectsOfTasks() async throws {
    let bucket = MemoryBucket(now: { 1_445_412_480_123 })
    let world = try World { configuration, _ in
      configuration.buckets = ["mine": bucket]
      configuration.responseBytesMax = 2000
    }
    func s3(_ action: String) -> String { states("aws-sdk:s3:\(action)") }
    let name: JSON = ["Bucket": "mine", "Key": "a/b"]
    let etag = "\"\(Array(#"{"x":1}"#.utf8).withUnsafeBytes { ContentDigest.md5($0) })\""
    var put = name
    put["Body"] = ["x": 1]
    #expect(await world.result(s3("putObject"), put) == ["ETag": JSON(etag)])
    let head: JSON = [
      "AcceptRanges": "bytes", "ContentLength": 7, "ContentType": "binary/octet-stream", "ETag": JSON(etag),
      "LastModified": "2015-10-21T07:28:00Z", "Metadata": [:],
    ]
    var got = head
    got["Body"] = #"{"x":1}"#
    #expect(await world.result(s3("getObject"), name) == got)
    #expect(await world.result(s3("headObject"), name) == head)
    try await bucket.write("a/c", [UInt8](repeating: 0x61, count: 2001))
    let page = await world.result(s3("listObjectsV2"), ["Bucket": "mine", "Prefix": "a/", "MaxKeys": 1])
    let entry: JSON = [
      "ETag": JSON(etag), "Key": "a/b", "LastModified": "2015-10-21T07:28:00Z", "Size": 7,
      "StorageClass": "STANDARD",
    ]
    #expect(
      page == [
        "Contents": [entry], "IsTruncated": true, "KeyCount": 1, "MaxKeys": 1, "Name": "mine",
        "NextContinuationToken": "a/b", "Prefix": "a/",
      ])
    let next = await world.result(s3("listObjectsV2"), ["Bucket": "mine", "ContinuationToken": "a/b"])
    #expect(next?["Contents"]?[0]?["Key"] == "a/c" && next?["IsTruncated"] == false)
    #expect(
      await world.failure(s3("getObject"), ["Bucket": "mine", "Key": "a/c"])?.hasPrefix(
        "States.DataLimitExceeded") == true)
    #expect(await world.result(s3("deleteObject"), name) == [:])
    #expect(
      await world.failure(s3("getObject"), name)
        == "S3.NoSuchKeyException: The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "
        + "made-id, Extended Request ID: made-id) (SDK Attempt Count: 1)")
    #expect(
      await world.failure(s3("putObject"), ["Bucket": "mine", "Key": ""])?.hasPrefix("S3.") == true)
    #expect(
      await world.failure(s3("getObject"), ["Bucket": "mine", "Key": "k", "Range": "bytes=0-1"])
        == "S3.SdkClientException: a bucket that is a directory knows no 'Range' of GetObject (SDK Attempt Count: 1)"
    )
    #expect(world.stub.asked.isEmpty)
    // Other buckets are S3's.
    world.stub.answers(404, "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>")
    #expect(
      await world.failure(s3("getObject"), ["Bucket": "other", "Key": "k"])?.hasPrefix(
        "S3.NoSuchKeyException: m") == true)
    await world.end()
  }
}
