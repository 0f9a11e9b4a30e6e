import Stepmill

/// S3, as far as tasks use it: objects and their listings. Buckets are in the path, since an
/// endpoint on this machine has no names for them.
enum S3Rows {
  static let service = AWSService(
    name: "s3", id: "S3", host: "s3", signingName: "s3", wire: .rest(isXML: true),
    lists: ["Contents", "CommonPrefixes", "Deleted", "Errors", "Buckets"],
    numbers: ["MaxKeys", "KeyCount", "Size"], flags: ["IsTruncated", "DeleteMarker"],
    operations: [getObject, headObject, putObject, deleteObject, listObjects, listObjectsV2])

  private static let encryption: [(name: String, member: String, kind: RESTBinding.HeaderKind)] = [
    ("x-amz-server-side-encryption", "ServerSideEncryption", .text),
    ("x-amz-server-side-encryption-aws-kms-key-id", "SsekmsKeyId", .text),
    ("x-amz-version-id", "VersionId", .text),
  ]

  private static let checksums: [(name: String, member: String, kind: RESTBinding.HeaderKind)] = [
    ("x-amz-checksum-crc32", "ChecksumCRC32", .text), ("x-amz-checksum-sha256", "ChecksumSHA256", .text),
    ("x-amz-checksum-type", "ChecksumType", .text),
  ]

  private static let object: [(name: String, member: String, kind: RESTBinding.HeaderKind)] =
    [
      ("accept-ranges", "AcceptRanges", .text), ("content-length", "ContentLength", .number),
      ("content-type", "ContentType", .text), ("content-encoding", "ContentEncoding", .text),
      ("content-disposition", "ContentDisposition", .text), ("content-language", "ContentLanguage", .text),
      ("content-range", "ContentRange", .text), ("cache-control", "CacheControl", .text),
      ("etag", "ETag", .text), ("last-modified", "LastModified", .date),
      ("x-amz-storage-class", "StorageClass", .text), ("x-amz-meta-", "Metadata", .metadata),
    ] + encryption

  private static let reading: [(member: String, name: String)] = [
    ("Range", "Range"), ("IfMatch", "If-Match"), ("IfNoneMatch", "If-None-Match"),
  ]

  private static let getObject = AWSOperation(
    name: "GetObject",
    rest: RESTBinding(
      method: "GET", path: "/{Bucket}/{Key+}", query: [("VersionId", "versionId")], headers: reading,
      results: object, resultPayload: "Body"))

  private static let headObject = AWSOperation(
    name: "HeadObject",
    rest: RESTBinding(
      method: "HEAD", path: "/{Bucket}/{Key+}", query: [("VersionId", "versionId")], headers: reading,
      results: object))

  private static let putObject = AWSOperation(
    name: "PutObject",
    rest: RESTBinding(
      method: "PUT", path: "/{Bucket}/{Key+}",
      headers: [
        ("ContentType", "Content-Type"), ("ContentEncoding", "Content-Encoding"),
        ("ContentDisposition", "Content-Disposition"), ("CacheControl", "Cache-Control"),
        ("Acl", "x-amz-acl"), ("StorageClass", "x-amz-storage-class"), ("Tagging", "x-amz-tagging"),
        ("ServerSideEncryption", "x-amz-server-side-encryption"), ("Metadata", "x-amz-meta-"),
        ("IfNoneMatch", "If-None-Match"),
      ],
      payload: "Body", results: checksums + [("etag", "ETag", .text)] + encryption))

  private static let deleteObject = AWSOperation(
    name: "DeleteObject",
    rest: RESTBinding(
      method: "DELETE", path: "/{Bucket}/{Key+}", query: [("VersionId", "versionId")],
      results: [("x-amz-delete-marker", "DeleteMarker", .flag), ("x-amz-version-id", "VersionId", .text)]))

  private static let listing: [(member: String, name: String)] = [
    ("Prefix", "prefix"), ("Delimiter", "delimiter"), ("MaxKeys", "max-keys"),
    ("EncodingType", "encoding-type"),
  ]

  private static let listObjects = AWSOperation(
    name: "ListObjects",
    rest: RESTBinding(method: "GET", path: "/{Bucket}", query: listing + [("Marker", "marker")]))

  private static let listObjectsV2 = AWSOperation(
    name: "ListObjectsV2",
    rest: RESTBinding(
      method: "GET", path: "/{Bucket}", fixedQuery: "list-type=2",
      query: listing + [
        ("ContinuationToken", "continuation-token"), ("StartAfter", "start-after"),
        ("FetchOwner", "fetch-owner"),
      ]))
}
