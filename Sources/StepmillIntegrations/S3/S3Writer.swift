import Stepmill
import StepmillBatch
import StepmillHTTP

// An object that is written: what is small goes out in one request when it is whole, what is
// large in parts, one of which is on its way while the next one fills. The object comes to be at
// one stroke either way. What was not finished is taken back.
//
// Used by one caller at a time, which is what `@unchecked Sendable` stands on.

final class S3Writer: ObjectUpload, @unchecked Sendable {
  private let client: S3Client
  private let request: S3Client.Request
  private let key: String
  private let contentType: String
  private var buffer: [UInt8] = []
  private var size = 0
  /// The upload in parts, once there is one.
  private var upload: String?
  private var etags: [String] = []
  private var underWay: S3Call?
  private var failure: BucketError?
  private var isFinished = false

  init(_ client: S3Client, _ request: S3Client.Request, key: String, contentType: String) {
    self.client = client
    self.request = request
    self.key = key
    self.contentType = contentType
  }

  deinit {
    guard let upload, !isFinished else { return }
    underWay = nil
    var abort = request
    abort.method = "DELETE"
    abort.query.append(("uploadId", upload))
    client.send(abort)
  }

  func write(_ bytes: [UInt8]) async throws(BucketError) {
    try await guarded { () throws(BucketError) in
      let partBytes = client.bounds.partBytes
      size += bytes.count
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = min(rest.count, partBytes - buffer.count)
        buffer += rest.prefix(count)
        rest = rest.dropFirst(count)
        if buffer.count == partBytes { try await sendPart() }
      }
    }
  }

  func finish() async throws(BucketError) -> ObjectEntry {
    try await guarded { () throws(BucketError) in
      let response = upload == nil ? try await sendWhole() : try await complete()
      isFinished = true
      return ObjectEntry(
        key: key, size: size, etag: response.etag,
        modified: (response.date.flatMap { HTTPDate.second($0) } ?? 0) * 1000)
    }
  }

  /// After an error everything is one.
  private func guarded<Value>(
    _ body: () async throws(BucketError) -> Value
  ) async throws(BucketError) -> Value {
    if let failure { throw failure }
    do throws(BucketError) {
      return try await body()
    } catch {
      failure = error
      throw error
    }
  }

  private typealias Written = (etag: String, date: String?)

  private func sendWhole() async throws(BucketError) -> Written {
    var put = request
    put.headers.append(("Content-Type", contentType))
    put.body = buffer
    buffer = []
    let response = try await client.call(put)
    return (response.header("etag") ?? "", response.header("date"))
  }

  // MARK: Parts

  private func sendPart() async throws(BucketError) {
    guard etags.count + (underWay == nil ? 0 : 1) < client.bounds.partsMax else {
      throw BucketError(
        .internalError,
        "the object '\(key)' is larger than \(client.bounds.partsMax) parts of \(client.bounds.partBytes) bytes"
      )
    }
    let upload = try await beginUpload()
    try await endPart()
    var part = request
    part.query += [("partNumber", String(etags.count + 1)), ("uploadId", upload)]
    swap(&part.body, &buffer)
    underWay = client.begin(part)
  }

  private func beginUpload() async throws(BucketError) -> String {
    if let upload { return upload }
    var begin = request
    begin.method = "POST"
    begin.query.append(("uploads", ""))
    begin.headers.append(("Content-Type", contentType))
    let answer = try Self.document(try await client.call(begin))
    guard let identifier = answer.child("UploadId")?.text, !identifier.isEmpty else {
      throw S3Client.nonsense("an upload without an identifier")
    }
    upload = identifier
    return identifier
  }

  /// Waits for the part that is on its way.
  private func endPart() async throws(BucketError) {
    guard let call = underWay else { return }
    underWay = nil
    guard let etag = try await call.response().header("etag") else {
      throw S3Client.nonsense("a part without an ETag")
    }
    etags.append(etag)
  }

  private func complete() async throws(BucketError) -> Written {
    if !buffer.isEmpty { try await sendPart() }
    try await endPart()
    var complete = request
    complete.method = "POST"
    complete.query.append(("uploadId", upload ?? ""))
    complete.headers.append(("Content-Type", "application/xml"))
    complete.body = Array(Self.list(etags).utf8)
    // It may take long, and say only in the end that it did not work.
    complete.mayRefuseLate = true
    do throws(BucketError) {
      let response = try await client.call(complete)
      return (try Self.document(response).child("ETag")?.text ?? "", response.header("date"))
    } catch {
      // Completed, perhaps, by an attempt whose answer was lost.
      guard error.code == "NoSuchUpload" else { throw error }
      var head = request
      head.method = "HEAD"
      guard let response = try? await client.call(head), let etag = response.header("etag"),
        response.header("content-length") == String(size), etag.hasSuffix("-\(etags.count)\"")
      else { throw error }
      return (etag, response.header("date"))
    }
  }

  private static func list(_ etags: [String]) -> String {
    var text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    for (index, etag) in etags.enumerated() {
      let shown = etag.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      text += "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(shown)</ETag></Part>"
    }
    return text + "</CompleteMultipartUpload>"
  }

  private static func document(_ response: HTTPClientResponse) throws(BucketError) -> XMLElement {
    do throws(XMLError) {
      return try XMLReader.read(response.body)
    } catch {
      throw S3Client.nonsense(error.description)
    }
  }
}
