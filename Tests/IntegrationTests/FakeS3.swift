import Stepmill
import StepmillBatch
import StepmillHTTP

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A bucket `rows` behind S3's protocol, as far as buckets use it. Every request's signature is
/// checked.
final class FakeS3: Sendable {
  struct Object: Sendable {
    var bytes: [UInt8]
    var etag: String
  }

  private struct State {
    var objects: [String: Object] = [:]
    var uploads: [String: (key: String, parts: [Int: [UInt8]])] = [:]
    var aborted: [String] = []
    var serial = 0
  }

  private let state = Lock(State())
  private let verifier = SignatureVerifier(
    [AWSCredentials(accessKey: "test", secretKey: "test")], service: "s3")
  /// Lists that are told in smaller pages than asked for.
  let pageMax: Int

  init(pageMax: Int = 1000) { self.pageMax = pageMax }

  var keys: [String] {
    state.withLock { $0.objects.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) } }
  }
  var aborted: [String] { state.withLock { $0.aborted } }
  var uploadsOpen: Int { state.withLock { $0.uploads.count } }

  func put(_ key: String, _ bytes: [UInt8]) {
    state.withLock { state in
      state.serial += 1
      state.objects[key] = Object(bytes: bytes, etag: "\"etag-\(state.serial)\"")
    }
  }

  func bytes(_ key: String) -> [UInt8]? { state.withLock { $0.objects[key]?.bytes } }

  func answer(_ asked: RawServer.Asked) -> RawServer.Said {
    let refusal = asked.body.withUnsafeBytes { body -> SignatureError? in
      do throws(SignatureError) {
        _ = try verifier.verify(
          method: asked.method, target: asked.target, headers: asked.headers, body: body,
          second: Int64(time(nil)))
        return nil
      } catch {
        return error
      }
    }
    if let refusal { return .error(403, "SignatureDoesNotMatch", refusal.message) }
    let parts = asked.path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).dropFirst()
    let rest = String(parts.first ?? "")
    let slash = rest.firstIndex(of: "/")
    guard rest[..<(slash ?? rest.endIndex)] == "rows" else {
      return .error(404, "NoSuchBucket", "The specified bucket does not exist")
    }
    guard let slash else { return list(asked.query) }
    let key =
      PercentEncoding.decoded(String(rest[rest.index(after: slash)...]).replacing("+", with: "%2B")) ?? ""
    return answer(asked, key)
  }

  private func answer(_ asked: RawServer.Asked, _ key: String) -> RawServer.Said {
    let query = asked.query
    switch (asked.method, query["uploadId"]) {
    case ("GET", _), ("HEAD", _): return get(asked, key)
    case ("PUT", nil):
      put(key, asked.body)
      return RawServer.Said(headers: [("ETag", state.withLock { $0.objects[key]?.etag ?? "" })])
    case ("DELETE", nil):
      state.withLock { $0.objects[key] = nil }
      return RawServer.Said(status: 204)
    case ("POST", nil):
      let name = state.withLock { state in
        state.serial += 1
        state.uploads["up/load \(state.serial)"] = (key, [:])
        return "up/load \(state.serial)"
      }
      return document(
        "<InitiateMultipartUploadResult><UploadId>\(name)</UploadId></InitiateMultipartUploadResult>")
    case (let method, let name?): return upload(method, PercentEncoding.decoded(name) ?? "", asked)
    default:
      return .error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    }
  }

  private func upload(_ method: String, _ name: String, _ asked: RawServer.Asked) -> RawServer.Said {
    state.withLock { state in
      guard let upload = state.uploads[name] else {
        return .error(404, "NoSuchUpload", "The specified upload does not exist.")
      }
      switch method {
      case "PUT":
        let number = asked.query["partNumber"].flatMap { Int($0) } ?? 0
        state.uploads[name]?.parts[number] = asked.body
        return RawServer.Said(headers: [("ETag", "\"part-\(number)\"")])
      case "DELETE":
        state.uploads[name] = nil
        state.aborted.append(name)
        return RawServer.Said(status: 204)
      default:
        let listed = String(decoding: asked.body, as: UTF8.self)
        for number in upload.parts.keys
        where !listed.contains("<PartNumber>\(number)</PartNumber><ETag>\"part-\(number)\"</ETag>") {
          return .error(400, "InvalidPart", "part \(number) is not listed")
        }
        let bytes = upload.parts.sorted { $0.key < $1.key }.flatMap(\.value)
        state.uploads[name] = nil
        let etag = "\"whole-\(upload.parts.count)\""
        state.objects[upload.key] = Object(bytes: bytes, etag: etag)
        return document("<CompleteMultipartUploadResult><ETag>\(etag)</ETag></CompleteMultipartUploadResult>")
      }
    }
  }

  private func document(_ text: String) -> RawServer.Said {
    RawServer.Said(headers: [("Content-Type", "application/xml")], body: Array(text.utf8))
  }

  private func get(_ asked: RawServer.Asked, _ key: String) -> RawServer.Said {
    guard let object = state.withLock({ $0.objects[key] }) else {
      return .error(404, "NoSuchKey", "The specified key does not exist.")
    }
    if let wanted = asked.header("If-Match"), wanted != object.etag {
      return .error(
        412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    }
    var headers = [("ETag", object.etag), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")]
    guard let range = asked.header("Range") else {
      headers.append(("Content-Length", "\(object.bytes.count)"))
      return RawServer.Said(headers: headers, body: object.bytes)
    }
    let numbers = range.split { !$0.isNumber }.compactMap { Int($0) }
    guard numbers[0] < object.bytes.count else {
      return .error(416, "InvalidRange", "The requested range is not satisfiable")
    }
    let end = min(numbers[1], object.bytes.count - 1)
    headers.append(("Content-Range", "bytes \(numbers[0])-\(end)/\(object.bytes.count)"))
    return RawServer.Said(status: 206, headers: headers, body: Array(object.bytes[numbers[0]...end]))
  }

  func list(_ query: [String: String]) -> RawServer.Said {
    func text(_ name: String) -> String? { query[name].flatMap { PercentEncoding.decoded($0) } }
    let after = text("continuation-token").map { String($0.dropFirst("after ".count)) } ?? text("start-after")
    let wanted = keys.filter { key in
      key.utf8.starts(with: (text("prefix") ?? "").utf8)
        && (after.map { $0.utf8.lexicographicallyPrecedes(key.utf8) } ?? true)
    }
    let page = wanted.prefix(min(Int(query["max-keys"] ?? "") ?? 1000, pageMax))
    var document = "<ListBucketResult xmlns=\"x\"><Name>rows</Name><EncodingType>url</EncodingType>"
    for key in page {
      let object = state.withLock { $0.objects[key] }
      document +=
        "<Contents><Key>\(PercentEncoding.form(key))</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified>"
        + "<ETag>&quot;\(object?.etag.filter { $0 != "\"" } ?? "")&quot;</ETag><Size>\(object?.bytes.count ?? 0)</Size>"
        + "<StorageClass>STANDARD</StorageClass></Contents>"
    }
    document += "<IsTruncated>\(page.count < wanted.count)</IsTruncated>"
    if page.count < wanted.count, let last = page.last {
      let token = "after \(last)".replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      document += "<NextContinuationToken>\(token)</NextContinuationToken>"
    }
    return self.document(document + "</ListBucketResult>")
  }
}
