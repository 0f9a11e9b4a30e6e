import Stepmill

/// A bucket in memory, for tests.
package final class MemoryBucket: Bucket {
  private struct Content {
    var bytes: [UInt8]
    var entry: ObjectEntry
  }

  private let objects: Lock<[String: Content]>
  private let pieceBytes: Int
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - pieceBytes: How large the pieces are in which objects are read.
  ///   - now: The time of writing, in milliseconds since 1970.
  package init(pieceBytes: Int = 1 << 16, now: @escaping @Sendable () -> Int64 = { 0 }) {
    self.pieceBytes = pieceBytes
    self.now = now
    objects = Lock([:])
  }

  package func open(_ key: String, version: String?) throws(BucketError) -> any ObjectReader {
    guard let content = objects.withLock({ $0[key] }) else { throw .noSuchKey(key) }
    return Reader(content.entry, content.bytes, pieceBytes)
  }

  package func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
    try ObjectKey.check(key)
    return Writer(self, key)
  }

  package func list(prefix: String, after: String?, limit: Int) -> ObjectListing {
    let found = objects.withLock { objects in
      objects.values.map(\.entry).filter { $0.key.utf8.starts(with: prefix.utf8) }
    }.sorted { ObjectKey.precedes($0.key, $1.key) }
    let rest = found.drop { entry in after.map { !ObjectKey.precedes($0, entry.key) } ?? false }
    return ObjectListing(entries: Array(rest.prefix(limit)), isTruncated: rest.count > limit)
  }

  package func remove(_ key: String) { objects.withLock { $0[key] = nil } }

  @discardableResult
  func put(_ key: String, _ bytes: [UInt8]) -> ObjectEntry {
    let entry = ObjectEntry(
      key: key, size: bytes.count, etag: ObjectKey.etag(bytes), modified: now())
    objects.withLock { $0[key] = Content(bytes: bytes, entry: entry) }
    return entry
  }

  // Used by one caller at a time, which is what `@unchecked Sendable` stands on.
  private final class Reader: ObjectReader, @unchecked Sendable {
    let entry: ObjectEntry
    private let bytes: [UInt8]
    private let pieceBytes: Int
    private var offset = 0

    init(_ entry: ObjectEntry, _ bytes: [UInt8], _ pieceBytes: Int) {
      self.entry = entry
      self.bytes = bytes
      self.pieceBytes = pieceBytes
    }

    func next() -> [UInt8]? {
      guard offset < bytes.count else { return nil }
      let end = min(bytes.count, offset + pieceBytes)
      defer { offset = end }
      return Array(bytes[offset..<end])
    }
  }

  private final class Writer: ObjectUpload, @unchecked Sendable {
    private let bucket: MemoryBucket
    private let key: String
    private var bytes: [UInt8] = []

    init(_ bucket: MemoryBucket, _ key: String) {
      self.bucket = bucket
      self.key = key
    }

    func write(_ bytes: [UInt8]) { self.bytes += bytes }
    func finish() -> ObjectEntry { bucket.put(key, bytes) }
  }
}

extension BucketError {
  /// In S3's words.
  static func noSuchKey(_ key: String) -> BucketError {
    BucketError(.noSuchKey, "The specified key does not exist.")
  }
}

/// Rules of keys.
enum ObjectKey {
  static func check(_ key: String) throws(BucketError) {
    guard !key.isEmpty, key.utf8.count <= 1024, !key.utf8.contains(0) else {
      throw BucketError(.invalidKey, "a key has 1 to 1024 bytes, none of them zero")
    }
  }

  /// S3's order.
  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  static func etag(_ bytes: [UInt8]) -> String {
    "\"\(ContentDigest.md5(of: bytes))\""
  }
}
