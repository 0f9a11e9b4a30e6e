import Testing

@testable import Stepmill
@testable import StepmillBatch
@testable import StepmillIntegrations

/// Proves that whatever S3 does, a bucket answers: with the object, or with an error in S3's words.
@Suite struct S3FaultTests {
  private static let slowDown = RawServer.Said.error(503, "SlowDown", "Please reduce your request rate.")
  private static func cut(_ count: Int) -> RawServer.Said {
    RawServer.Said(
      status: 206, headers: [("Content-Range", "bytes 0-999/2500"), ("ETag", "\"etag-1\"")],
      body: [UInt8](repeating: 0x78, count: 1000), bytesSent: count)
  }

  /// What goes by does not show.
  @Test(arguments: [
    slowDown, .error(500, "InternalError", "We encountered an internal error. Please try again."),
    RawServer.Said(status: 503), RawServer.Said(hangsUp: true), cut(0), cut(400),
  ])
  func passingTrouble(_ trouble: RawServer.Said) async throws {
    let world = try S3World()
    let bytes = S3BucketTests.text(2500)
    for place in 0..<4 {
      // The first request, or one in the middle.
      let seen = Lock(0)
      world.interferes(3, with: trouble) { asked in
        asked.body.isEmpty
          && seen.withLock { seen in
            seen += 1
            return seen > place
          }
      }
      try await world.bucket.write("k", bytes)
      #expect(try await world.bucket.read("k") == bytes)
      _ = try await world.bucket.list(prefix: "", after: nil, limit: 10)
    }
    #expect(world.store.keys == ["k"] && world.store.uploadsOpen == 0)
    await world.end()
  }

  /// What does not go by is an error after a bounded number of attempts.
  @Test func lastingTrouble() async throws {
    let world = try S3World(attemptsMax: 4)
    world.store.put("k", S3BucketTests.text(2500))
    let bucket = try world.bucket
    func failure(_ trouble: RawServer.Said) async -> BucketError? {
      world.server.forget()
      world.interferes(with: trouble)
      let error = await world.error { _ = try await bucket.open("k") }
      // A connection that was used before and is gone is made anew by the client itself.
      #expect((4...8).contains(world.server.asked.count))
      return error
    }
    #expect(await failure(Self.slowDown) == BucketError(.slowDown, "Please reduce your request rate."))
    let busy = await failure(RawServer.Said(status: 503, body: Array("<html>busy</html>".utf8)))
    #expect(busy?.kind == .slowDown)
    #expect(
      await failure(.error(500, "InternalError", "We encountered an internal error. Please try again."))
        == BucketError(.internalError, "We encountered an internal error. Please try again."))
    let empty = await failure(RawServer.Said(status: 502))
    #expect(empty?.message == "S3 answered 502 Bad Gateway without saying why")
    for trouble in [RawServer.Said(hangsUp: true), Self.cut(400)] {
      let error = await failure(trouble)
      #expect(error?.code == "SdkClientException")
      #expect(error?.message.hasPrefix("Unable to execute HTTP request: 127.0.0.1:") == true, "\(error!)")
    }

    // Uploads, too; and what was begun is taken back.
    world.server.forget()
    world.interferes(with: Self.slowDown) { $0.query["partNumber"] == "2" }
    let error = await world.error { try await bucket.write("large", S3BucketTests.text(3500)) }
    #expect(error?.kind == .slowDown && world.server.asked.count { $0.query["partNumber"] == "2" } == 4)
    while world.store.aborted.isEmpty { await Task.yield() }
    #expect(world.store.keys == ["k"])
    await world.end()
  }

  @Test func nobodyThere() async throws {
    let gone = RawServer()
    gone.stop()
    let world = try S3World(attemptsMax: 3, url: gone.url)
    let bucket = try world.bucket
    let text =
      "Unable to execute HTTP request: Connect to 127.0.0.1:\(gone.port) [/127.0.0.1] failed: Connection refused "
      + "(Connection refused)"
    #expect(await world.error { _ = try await bucket.open("k") }?.message == text)
    #expect(await world.error { try await bucket.write("k", [1]) }?.message == text)
    #expect(
      await world.error { _ = try await bucket.list(prefix: "", after: nil, limit: 1) }?.message == text)
    #expect(await world.error { try await bucket.remove("k") }?.message == text)
    await world.end()
  }

  @Test func nobodyAnswers() async throws {
    let world = try S3World(attemptsMax: 2, totalMilliseconds: 100)
    world.interferes(with: RawServer.Said(isSilent: true))
    let error = await world.error { _ = try await world.bucket.open("k") }
    #expect(error?.message == "Unable to execute HTTP request: Read timed out")
    #expect(world.server.asked.count == 2)
    await world.end()
  }

  // MARK: Objects that change

  @Test func changedObjects() async throws {
    let bytes = S3BucketTests.text(3500)
    func outcome(_ change: (S3World) -> Void) async throws -> (pieces: Int, error: BucketError?) {
      let world = try S3World()
      world.store.put("k", bytes)
      let object = try await world.bucket.open("k")
      var pieces = 0
      change(world)
      let error = await world.error { while try await object.next() != nil { pieces += 1 } }
      // It stays an error.
      #expect(await world.error { _ = try await object.next() } == error)
      await world.end()
      return (pieces, error)
    }
    let text = "the object 'k' has changed while it was read: at byte 1000 of 3500"
    let replaced = try await outcome { $0.store.put("k", bytes) }
    #expect(replaced.pieces == 1 && replaced.error == BucketError(.changed, text))
    let shorter = try await outcome { $0.store.put("k", Array(bytes.prefix(100))) }
    #expect(shorter.error == BucketError(.changed, text))
    let removed = try await outcome { world in
      world.server.answers { _, _ in .error(404, "NoSuchKey", "gone") }
    }
    #expect(removed.error == BucketError(.changed, text))
    // A server that does not look at If-Match is not believed.
    for (etag, size) in [("\"other\"", 3500), ("\"etag-1\"", 3600)] {
      let ignored = try await outcome { world in
        world.server.answers { _, _ in
          RawServer.Said(
            status: 206, headers: [("ETag", etag), ("Content-Range", "bytes 1000-1999/\(size)")],
            body: [UInt8](repeating: 1, count: 1000))
        }
      }
      #expect(ignored.error == BucketError(.changed, text))
    }
  }

  /// Ranges that were not asked for are refused, whatever they are called.
  @Test(arguments: [
    ("bytes 1-1000/2500", 1000), ("bytes 0-998/2500", 999), ("bytes 0-999/2500", 999),
    ("bytes 0-1000/2500", 1001),
    ("bytes 0-999/*", 1000), ("lines 0-999/2500", 1000), ("", 1000), ("bytes 9-0/2500", 1000),
    ("bytes 0-999/500", 1000), ("bytes 0-99999999999999999999/2500", 1000),
  ])
  func oddRanges(_ place: String, _ count: Int) async throws {
    let world = try S3World()
    world.interferes(
      with: RawServer.Said(
        status: 206, headers: place.isEmpty ? [] : [("Content-Range", place)],
        body: [UInt8](repeating: 1, count: count)))
    let error = await world.error { _ = try await world.bucket.open("k") }
    #expect(
      error?.message.hasPrefix("S3's answer cannot be understood: ") == true, "\(String(describing: error))")
    await world.end()
  }

  /// Where nobody knows ranges, objects may be as large as a range.
  @Test func withoutRanges() async throws {
    let world = try S3World()
    world.interferes(with: RawServer.Said(headers: [("ETag", "\"e\"")], body: S3BucketTests.text(700)))
    #expect(try await world.bucket.read("k") == S3BucketTests.text(700))
    world.interferes(with: RawServer.Said(body: [UInt8](repeating: 1, count: 9 << 20)))
    let error = await world.error { _ = try await world.bucket.open("k") }
    #expect(error?.message == "S3 sent more than was asked for")
    await world.end()
  }

  // MARK: Refusals

  @Test func refusals() async throws {
    let world = try S3World()
    let bucket = try world.bucket
    #expect(
      await world.error { _ = try await bucket.open("gone") }
        == BucketError(.noSuchKey, "The specified key does not exist."))
    let other = try world.buckets.bucket("other")
    let missing = BucketError(.noSuchBucket, "The specified bucket does not exist")
    #expect(await world.error { _ = try await other.open("k") } == missing)
    #expect(await world.error { try await other.write("k", [1]) } == missing)
    #expect(await world.error { try await other.write("k", S3BucketTests.text(2000)) } == missing)
    #expect(await world.error { _ = try await other.list(prefix: "", after: nil, limit: 9) } == missing)
    #expect(await world.error { try await other.remove("k") } == missing)
    world.server.forget()
    for (said, wanted) in [
      (
        RawServer.Said.error(403, "AccessDenied", "Access Denied"),
        BucketError(.accessDenied, "Access Denied")
      ),
      (RawServer.Said(status: 403), BucketError(.accessDenied, "Access Denied")),
      (
        .error(403, "SignatureDoesNotMatch", "The request signature…"),
        BucketError(.accessDenied, "The request signature…", code: "SignatureDoesNotMatch")
      ),
      (
        .error(400, "AuthorizationHeaderMalformed", "expecting 'eu-north-1'"),
        BucketError(.invalidKey, "expecting 'eu-north-1'", code: "AuthorizationHeaderMalformed")
      ),
      (
        .error(301, "PermanentRedirect", "use another endpoint"),
        BucketError(.internalError, "use another endpoint", code: "PermanentRedirect")
      ),
      (
        .error(400, "", ""),
        BucketError(.invalidKey, "S3 answered 400 Bad Request without saying why", code: "")
      ),
      (
        RawServer.Said(status: 400, body: Array("<Error><Code>".utf8)),
        BucketError(.invalidKey, "S3 answered 400 Bad Request without saying why", code: "400")
      ),
    ] {
      world.interferes(with: said)
      #expect(await world.error { _ = try await bucket.open("k") } == wanted)
    }
    // None of them is asked for again.
    #expect(world.server.asked.count == 7)
    await world.end()
  }

  // MARK: Lists

  @Test(arguments: [
    "", "<ListBucketResult>", "<ListBucketResult><Contents><Key>a</Key>", "<html>busy</html>", "{}",
    "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
    "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%F</Key><Size>1</Size></Contents></ListBucketResult>",
    "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
  ])
  func listsThatMakeNoSense(_ document: String) async throws {
    let world = try S3World()
    world.interferes(with: RawServer.Said(body: Array(document.utf8)))
    // The last ones go on where they have been.
    let error = await world.error {
      _ = try await world.bucket.list(prefix: "", after: "b", limit: 1000)
    }
    #expect(
      error?.message.hasPrefix("S3's answer cannot be understood: ") == true, "\(String(describing: error))")
    #expect(world.server.asked.count <= 2)
    await world.end()
  }

  /// Half a list is none, wherever it ends.
  @Test func listsThatAreCut() throws {
    let store = FakeS3(pageMax: 2)
    for key in ["a&b", "c d", "é"] { store.put(key, [1, 2]) }
    let whole = store.list(["max-keys": "1000"]).body
    let page = try S3ListPage(parsing: whole)
    #expect(page.entries.map(\.key) == ["a&b", "c d"] && page.isTruncated && page.token == "after c d")
    for count in 0..<whole.count {
      #expect(throws: BucketError.self, "\(count)") { try S3ListPage(parsing: Array(whole.prefix(count))) }
    }
  }

  // MARK: Uploads

  /// The end of an upload may be refused with a good status, or be lost after it has worked.
  @Test func endsOfUploads() async throws {
    let world = try S3World()
    let bucket = try world.bucket
    let bytes = S3BucketTests.text(2500)
    let isEnd: @Sendable (RawServer.Asked) -> Bool = { $0.method == "POST" && $0.query["uploadId"] != nil }
    var late = RawServer.Said.error(
      200, "InternalError", "We encountered an internal error. Please try again.")
    world.interferes(2, with: late, where: isEnd)
    #expect(try await bucket.write("k", bytes).etag == "\"whole-3\"")
    late = .error(200, "InternalError", "lasting")
    world.interferes(with: late, where: isEnd)
    #expect(await world.error { try await bucket.write("k", bytes) }?.message == "lasting")

    // It has worked, and nobody was told.
    let lost = Lock(false)
    world.server.answers { [store = world.store] asked, _ in
      let said = store.answer(asked)
      return isEnd(asked)
        && lost.withLock({ lost in
          defer { lost = true }
          return !lost
        }) ? RawServer.Said(hangsUp: true) : said
    }
    #expect(try await bucket.write("m", bytes).etag == "\"whole-3\"")
    #expect(world.store.bytes("m") == bytes)

    // It is gone, and so is the object.
    world.interferes(with: .error(404, "NoSuchUpload", "gone"), where: isEnd)
    #expect(await world.error { try await bucket.write("n", bytes) }?.code == "NoSuchUpload")
    for document in ["", "<InitiateMultipartUploadResult/>", "<a><UploadId></UploadId></a>"] {
      world.interferes(with: RawServer.Said(body: Array(document.utf8))) { $0.target.hasSuffix("?uploads=") }
      let error = await world.error { try await bucket.write("n", bytes) }
      #expect(error?.message.hasPrefix("S3's answer cannot be understood") == true)
    }
    await world.end()
  }

  // MARK: Ends

  /// Whoever waits is told when the client is closed, when the runtime ends, and when he gives up.
  @Test func nobodyIsLeftWaiting() async throws {
    for ending in 0..<4 {
      // Silent, or about to be asked again in an hour.
      let world = try S3World(attemptsMax: 3, backOffMilliseconds: ending == 3 ? 3_600_000 : 0)
      world.interferes(with: ending == 3 ? Self.slowDown : RawServer.Said(isSilent: true))
      let bucket = try world.bucket
      let waiting = Task { await world.error { _ = try await bucket.open("k") } }
      while world.server.asked.isEmpty { await Task.yield() }
      switch ending {
      case 0: world.http.close()
      case 1: waiting.cancel()
      case 2: await world.runtime.shutDown()
      default: await world.runtime.shutDown()
      }
      #expect(await waiting.value != nil)
      await world.end()
    }
  }

  /// A thread that reads rows waits for them, and is told why there are no more.
  @Test func rowsForAThread() async throws {
    let world = try S3World()
    let lines = (0..<1000).map { "{\"row\":\($0)}\n" }.joined()
    world.store.put("rows.jsonl", Array(lines.utf8))
    let bucket = try world.bucket
    func count() async -> Result<Int, RowError> {
      let thread = Lock<Stepmill.Thread?>(nil)
      let result = await withCheckedContinuation { continuation in
        let begun = try? Stepmill.Thread(name: "rows") {
          let result: Result<Int, RowError>
          do throws(RowError) {
            let object = try SourceObject(ObjectAddress(bucket: "rows", key: "rows.jsonl"), in: bucket)
            let source = BatchSource(
              path: "s3://rows/rows.jsonl", content: .rows(.jsonLines), object: object)
            #expect(source.size == lines.utf8.count)
            #expect(try source.fingerprint()["etag"]?.string == object.entry.etag)
            result = .success(try BatchCount.rows(of: [source, source], BatchRun.Options()))
          } catch {
            result = .failure(error)
          }
          continuation.resume(returning: result)
        }
        thread.withLock { $0 = begun }
      }
      thread.withLock { $0 }?.join()
      return result
    }
    #expect(await count() == .success(2000))
    world.interferes(3, with: Self.slowDown) { $0.header("Range")?.hasPrefix("bytes=0-") == false }
    #expect(await count() == .success(2000))
    world.interferes(with: .error(403, "AccessDenied", "Access Denied")) {
      $0.header("Range")?.hasPrefix("bytes=4000-") == true
    }
    #expect(
      await count() == .failure(RowError(.source, "'s3://rows/rows.jsonl' cannot be read: Access Denied")))
    // Another object under the same key is not read as if it were the same.
    let isSecond = Lock(0)
    world.server.answers { [store = world.store] asked, _ in
      let isFirstRange = asked.header("Range")?.hasPrefix("bytes=0-") == true
      let openings = isSecond.withLock { openings in
        openings += isFirstRange ? 1 : 0
        return openings
      }
      if isFirstRange, openings == 2 { store.put("rows.jsonl", Array(lines.utf8)) }
      return store.answer(asked)
    }
    #expect(
      await count()
        == .failure(RowError(.source, "'s3://rows/rows.jsonl' has changed since it was first looked at")))
    await world.end()
  }

  /// The results of a run go to S3 part by part. One that S3 refuses is written again by the
  /// run that is taken up.
  @Test func resultsInParts() async throws {
    let world = try S3World(attemptsMax: 1)
    let bucket = try world.bucket
    let places = BucketFileStore.places(ObjectAddress(bucket: "rows", key: "out"))
    @Sendable func run(_ start: BatchFiles.Start, upTo end: Int) -> Result<DoneRows, BatchError> {
      Result { () throws(BatchError) in
        let store = BucketFileStore(bucket, name: "rows", partBytes: 100)
        let files = try BatchFiles(places, identity: [:], isOrdered: false, start: start, store: store)
        for row in (0..<end) where !files.done.contains(row) {
          let block = ResultBlock()
          Array("{\"n\":\(row)}".utf8).withUnsafeBytes { block.addSuccess(row, $0, label: row) }
          try files.write(ResultLines(block: block))
        }
        try files.checkpoint(milliseconds: 1)
        if end == 30 { try files.finish(isComplete: true, milliseconds: 1) }
        return files.done
      }
    }
    #expect(try run(.fresh, upTo: 10).get().count == 10)
    world.interferes(with: Self.slowDown, where: { $0.target.contains("part-00000005") })
    #expect(throws: BatchError.self) { try run(.resume(force: false), upTo: 30).get() }
    world.interferes(0, with: Self.slowDown)
    #expect(try run(.resume(force: false), upTo: 30).get().count == 30)
    var text: [UInt8] = []
    for entry in try await bucket.list(prefix: "out/results/", after: nil, limit: 100).entries {
      text += try await bucket.read(entry.key)
    }
    let rows = try text.split(separator: 0x0A).map { try JSON(parsing: Array($0))["row"]?.int }
    #expect(rows == Array(0..<30))
    await world.end()
  }

  /// A dataset that nobody reads on stops its request.
  @Test func readersThatAreClosed() async throws {
    let world = try S3World()
    world.interferes(with: RawServer.Said(isSilent: true))
    let buckets = world.buckets
    let storage = BucketStorage(onThreads: true) { name throws(BucketError) in try buckets.bucket(name) }
    var config = MapReaderConfig()
    config.inputType = .jsonl
    let items = try storage.items(
      MapReaderOrder(action: "getObject", request: ["Bucket": "rows", "Key": "k"], config: config))
    guard case .later = items.next(wake: {}) else { return #expect(Bool(false)) }
    while world.server.asked.isEmpty { await Task.yield() }
    items.close()
    while true {
      if case .failed(let failure) = items.next(wake: {}) {
        #expect(failure == TaskFailure(error: "States.ItemReaderFailed", cause: "the call was given up"))
        break
      }
      await Task.yield()
    }
    await world.end()
  }
}
