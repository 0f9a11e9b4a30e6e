// Where objects lie: S3's view of storage, as far as rows, results and simple calls need it.
//
// Everything is asynchronous, so that a store behind a network fits; the ones here answer at
// once, on the caller's thread. Objects are read and written in pieces of whatever size the
// store likes, and an object that is being written shows only when it is whole.

package protocol Bucket: Sendable {
  /// Opens an object for reading.
  func open(_ key: String, version: String?) async throws(BucketError) -> any ObjectReader

  /// Opens an object for writing. It comes to be, at one stroke, with `finish`.
  func create(_ key: String, contentType: String) async throws(BucketError) -> any ObjectUpload

  /// Objects whose keys begin with `prefix` and come after `after`, in S3's order (of the keys'
  /// bytes in UTF-8), `limit` at most.
  func list(prefix: String, after: String?, limit: Int) async throws(BucketError) -> ObjectListing

  /// Removes an object. One that is not there is no error.
  func remove(_ key: String) async throws(BucketError)
}

/// An object that is being read.
package protocol ObjectReader: AnyObject, Sendable {
  var entry: ObjectEntry { get }
  /// The next piece; nil at the end. A connection that breaks throws: what came before was not all.
  func next() async throws(BucketError) -> [UInt8]?
}

/// An object that is being written. Dropped without `finish`, it leaves nothing.
package protocol ObjectUpload: AnyObject, Sendable {
  func write(_ bytes: [UInt8]) async throws(BucketError)
  func finish() async throws(BucketError) -> ObjectEntry
}

/// What is known of an object without reading it.
package struct ObjectEntry: Sendable, Hashable {
  package var key: String
  package var size: Int
  /// In quotes, as S3 gives it.
  package var etag: String
  /// Milliseconds since 1970.
  package var modified: Int64
  package var storageClass = "STANDARD"

  package init(key: String, size: Int, etag: String, modified: Int64) {
    self.key = key
    self.size = size
    self.etag = etag
    self.modified = modified
  }
}

/// A part of a bucket's list.
package struct ObjectListing: Sendable, Equatable {
  package var entries: [ObjectEntry]
  /// There are more behind the last one.
  package var isTruncated: Bool

  package init(entries: [ObjectEntry], isTruncated: Bool) {
    self.entries = entries
    self.isTruncated = isTruncated
  }
}

/// Why a bucket does not do what it should, with S3's code for it.
package struct BucketError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case noSuchKey = "NoSuchKey"
    case noSuchBucket = "NoSuchBucket"
    case accessDenied = "AccessDenied"
    case invalidKey = "InvalidArgument"
    case slowDown = "SlowDown"
    /// The object is not the one any more that was opened.
    case changed = "PreconditionFailed"
    case internalError = "InternalError"
  }

  package var kind: Kind
  /// S3's code, where it says more than the kind.
  package var code: String
  package var message: String

  package init(_ kind: Kind, _ message: String, code: String? = nil) {
    self.kind = kind
    self.code = code ?? kind.rawValue
    self.message = message
  }

  package var description: String { message }
}

extension Bucket {
  package func open(_ key: String) async throws(BucketError) -> any ObjectReader {
    try await open(key, version: nil)
  }

  /// A whole object that is known to be small.
  package func read(_ key: String, version: String? = nil, bytesMax: Int = 1 << 30) async throws(BucketError)
    -> [UInt8]
  {
    let object = try await open(key, version: version)
    var bytes: [UInt8] = []
    while let piece = try await object.next() {
      bytes += piece
      if bytes.count > bytesMax {
        throw BucketError(.internalError, "the object '\(key)' is larger than \(bytesMax) bytes")
      }
    }
    return bytes
  }

  /// Writes a whole object.
  @discardableResult
  package func write(
    _ key: String, _ bytes: [UInt8], contentType: String = "binary/octet-stream"
  ) async throws(BucketError) -> ObjectEntry {
    let writer = try await create(key, contentType: contentType)
    try await writer.write(bytes)
    return try await writer.finish()
  }
}
