import Stepmill
import StepmillBatch
import StepmillTasks

// The tasks of S3 (`aws-sdk:s3:getObject` and its kin) over buckets that somebody else stands
// for, such as a directory. What a task asks for beyond the object and its place is refused
// rather than ignored; tasks of other buckets go where they went before.

struct BucketTasks: TaskResolver {
  private let buckets: [String: any Bucket]
  private let requestID: @Sendable () -> String
  /// Of an object that is read whole.
  private let bytesMax: Int

  init(_ buckets: [String: any Bucket], bytesMax: Int, requestID: @escaping @Sendable () -> String) {
    self.buckets = buckets
    self.bytesMax = bytesMax
    self.requestID = requestID
  }

  /// What each operation takes.
  private static let members: [String: Set<String>] = [
    "GetObject": ["Bucket", "Key"], "HeadObject": ["Bucket", "Key"], "DeleteObject": ["Bucket", "Key"],
    "PutObject": ["Bucket", "Key", "Body", "ContentType"],
    "ListObjectsV2": ["Bucket", "Prefix", "MaxKeys", "StartAfter", "ContinuationToken"],
  ]

  func service(for resource: TaskResourceName) -> TaskService? {
    let operation = resource.action.prefix(1).uppercased() + resource.action.dropFirst()
    guard resource.service == "aws-sdk:s3", let members = Self.members[operation] else { return nil }
    let naming = ErrorNaming(AWSWire(service: S3Rows.service, operation: operation, isPlain: true))
    let takes: @Sendable (TaskRun) -> Bool = { run in
      run.input["Bucket"]?.string.map { buckets[$0] != nil } ?? false
    }
    return TaskService(takes: takes) { run, reply in
      if let unknown = run.input.memberList.first(where: { !members.contains($0.key) }) {
        let why = "a bucket that is a directory knows no '\(unknown.key)' of \(operation)"
        return reply(.failed(naming.client(why, attempts: 1)))
      }
      guard let bucket = run.input["Bucket"]?.string.flatMap({ buckets[$0] }) else { return }
      Task {
        do throws(BucketError) {
          reply(try await perform(operation, bucket, run.input))
        } catch {
          reply(.failed(failure(error, naming)))
        }
      }
    }
  }

  private func failure(_ error: BucketError, _ naming: ErrorNaming) -> TaskFailure {
    var told = ServiceError(status: 500, code: error.code, message: error.message)
    switch error.kind {
    case .noSuchKey, .noSuchBucket: told.status = 404
    case .accessDenied: told.status = 403
    case .invalidKey: told.status = 400
    case .changed: told.status = 412
    case .slowDown: told.status = 503
    case .internalError: break
    }
    told.requestID = requestID()
    told.extendedID = told.requestID
    return naming.service(told, attempts: 1)
  }

  // MARK: Operations

  private func perform(
    _ operation: String, _ bucket: any Bucket, _ input: JSON
  ) async throws(BucketError) -> TaskReply {
    if operation == "ListObjectsV2" { return .succeeded(try await list(bucket, input)) }
    let key = input["Key"]?.string ?? ""
    switch operation {
    case "PutObject":
      // As the service stores it: a text with its quotes.
      let type = input["ContentType"]?.string ?? "text/plain; charset=UTF-8"
      let entry = try await bucket.write(key, input["Body"].map(\.utf8) ?? [], contentType: type)
      return .succeeded(["ETag": JSON(entry.etag)])
    case "DeleteObject":
      try await bucket.remove(key)
      return .succeeded([:])
    default:
      let object = try await bucket.open(key)
      guard operation == "GetObject" else { return .succeeded(JSON(members: head(object.entry))) }
      guard object.entry.size <= bytesMax else { return .failed(ResultLimit.failure("aws-sdk:s3")) }
      var bytes: [UInt8] = []
      while let piece = try await object.next(), bytes.count <= bytesMax { bytes += piece }
      let body = JSON(String(decoding: bytes, as: UTF8.self))
      return .succeeded(JSON(members: head(object.entry) + [("Body", body)]))
    }
  }

  private func head(_ entry: ObjectEntry) -> [(key: String, value: JSON)] {
    [
      ("AcceptRanges", "bytes"), ("ContentLength", JSON(entry.size)),
      ("ContentType", "binary/octet-stream"), ("ETag", JSON(entry.etag)),
      ("LastModified", JSON(Self.time(entry))), ("Metadata", [:]),
    ]
  }

  /// S3 tells whole seconds.
  private static func time(_ entry: ObjectEntry) -> String {
    MemberNames.text(milliseconds: entry.modified / 1000 * 1000)
  }

  private func list(_ bucket: any Bucket, _ input: JSON) async throws(BucketError) -> JSON {
    let limit = min(input["MaxKeys"]?.int ?? 1000, 1000)
    guard limit >= 0 else {
      throw BucketError(.invalidKey, "Argument maxKeys must be an integer between 0 and 2147483647")
    }
    let token = input["ContinuationToken"]?.string
    let prefix = input["Prefix"]?.string ?? ""
    let page =
      limit == 0
      ? ObjectListing(entries: [], isTruncated: false)
      : try await bucket.list(prefix: prefix, after: token ?? input["StartAfter"]?.string, limit: limit)
    var members: [(key: String, value: JSON)] = []
    if !page.entries.isEmpty {
      members.append(
        (
          "Contents",
          JSON(
            page.entries.map { entry in
              [
                "ETag": JSON(entry.etag), "Key": JSON(entry.key), "LastModified": JSON(Self.time(entry)),
                "Size": JSON(entry.size), "StorageClass": JSON(entry.storageClass),
              ]
            })
        ))
    }
    if let token { members.append(("ContinuationToken", JSON(token))) }
    members += [
      ("IsTruncated", JSON(page.isTruncated)), ("KeyCount", JSON(page.entries.count)),
      ("MaxKeys", JSON(limit)), ("Name", input["Bucket"] ?? ""),
    ]
    if page.isTruncated, let last = page.entries.last {
      members.append(("NextContinuationToken", JSON(last.key)))
    }
    members.append(("Prefix", JSON(prefix)))
    if let start = input["StartAfter"] { members.append(("StartAfter", start)) }
    return JSON(members: members)
  }
}
