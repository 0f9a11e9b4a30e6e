import Stepmill

// What an ItemReader names, as rows: an object, the objects of a manifest, a bucket's list, or
// the content of all that are listed.
//
// It is pulled: each call reads a piece or two, and nothing is held but the piece, the rows
// that were asked for and, for manifests, the list of files.

/// What is to be read.
package struct DatasetRequest: Sendable {
  package enum Content: Sendable {
    /// An object with rows.
    case object(key: String, version: String? = nil)
    /// The bucket's list.
    case listing(prefix: String)
    /// The rows of all objects of the list.
    case flattened(prefix: String)
    /// The files of an S3 inventory; `key` leads to its manifest.
    case inventory(key: String, version: String? = nil)
    /// The files of an Athena manifest.
    case athena(key: String, version: String? = nil)
  }

  package var bucket: String
  package var content: Content
  /// How objects with rows are written.
  package var format: RowFormat
  /// How members of rows are ordered, where they come from columns.
  package var order: CSVDialect.Order

  package init(
    bucket: String, content: Content, format: RowFormat = .jsonLines, order: CSVDialect.Order = .service
  ) {
    self.bucket = bucket
    self.content = content
    self.format = format
    self.order = order
  }
}

/// The rows of a `DatasetRequest`, pulled piece by piece. Used by one task at a time.
package final class BucketDataset: @unchecked Sendable {
  private let request: DatasetRequest
  /// Finds a bucket by its name.
  private let resolve: @Sendable (String) async throws(BucketError) -> any Bucket
  private var opened: (any Bucket)?
  private var phase = Phase.start
  private var files: ArraySlice<ObjectAddress> = []
  private var entries: ArraySlice<ObjectEntry> = []
  private var lastListed: String?
  private var hasMoreListed = true
  private var object: (any ObjectReader)?
  private var feed: FeedBox?
  private var format: RowFormat

  /// Where the rows of the last call came from: `Map.Item.Source` of all of them.
  package private(set) var source = ""
  /// Whether those rows are members of an object, each as `{"Key":…,"Value":…}`.
  package private(set) var yieldsMembers = false

  private enum Phase { case start, object, files, listing, flattened, ended }

  private final class FeedBox {
    var feed: RowFeed
    init(_ reader: any RowReader) { feed = RowFeed(reader) }
  }

  package init(
    _ request: DatasetRequest, resolve: @escaping @Sendable (String) async throws(BucketError) -> any Bucket
  ) {
    self.request = request
    self.resolve = resolve
    format = request.format
  }

  /// Adds rows to `rows`, all of them with the same `source`. False: there are no more.
  package func next(into rows: inout RowBuffer) async throws(RowError) -> Bool {
    if phase == .start { try await begin() }
    while true {
      switch phase {
      case .object, .files, .flattened:
        if feed == nil {
          guard rows.isEmpty else { return true }
          guard try await openNext() else {
            phase = .ended
            continue
          }
        }
        if try await readObject(&rows) { return true }
        feed = nil
        object = nil
        if !rows.isEmpty { return true }
      case .listing:
        return try await listNext(&rows)
      case .start, .ended:
        return !rows.isEmpty
      }
    }
  }

  /// Asks a bucket, the request's own if none is named, for something.
  private func asking<Value>(
    _ name: String? = nil, _ body: (any Bucket) async throws(BucketError) -> Value
  ) async throws(RowError) -> Value {
    do throws(BucketError) {
      let isOwn = name == nil || name == request.bucket
      if isOwn, let opened { return try await body(opened) }
      let bucket = try await resolve(name ?? request.bucket)
      if isOwn { opened = bucket }
      return try await body(bucket)
    } catch {
      throw RowError(.source, error.message)
    }
  }

  // MARK: Beginning

  private func begin() async throws(RowError) {
    switch request.content {
    case .object(let key, _):
      files = [ObjectAddress(bucket: request.bucket, key: key)]
      phase = .object
    case .listing:
      source = "s3://\(request.bucket)"
      phase = .listing
    case .flattened:
      phase = .flattened
    case .inventory(let key, let version):
      let manifest = try InventoryManifest(
        parsing: try await manifestText(key, version), bucket: request.bucket)
      files = manifest.files[...]
      format = manifest.format(order: request.order)
      phase = .files
    case .athena(let key, let version):
      files = try AthenaManifest(parsing: try await manifestText(key, version)).files[...]
      phase = .files
    }
  }

  private func manifestText(_ key: String, _ version: String?) async throws(RowError) -> [UInt8] {
    try await asking { (bucket) throws(BucketError) in try await bucket.read(key, version: version) }
  }

  /// Opens the next object with rows.
  private func openNext() async throws(RowError) -> Bool {
    let address: ObjectAddress
    var version: String?
    if phase == .flattened {
      if entries.isEmpty { try await listMore() }
      guard let entry = entries.popFirst() else { return false }
      address = ObjectAddress(bucket: request.bucket, key: entry.key)
    } else {
      guard let file = files.popFirst() else { return false }
      address = file
    }
    if case .object(_, let wanted) = request.content { version = wanted }
    let key = address.key
    object = try await asking(address.bucket) { (bucket) throws(BucketError) in
      try await bucket.open(key, version: version)
    }
    feed = FeedBox(try format.reader())
    source = address.description
    return true
  }

  // MARK: Going on

  /// Reads on; false: the object is at its end.
  private func readObject(_ rows: inout RowBuffer) async throws(RowError) -> Bool {
    guard let feed, let object else { return false }
    defer { yieldsMembers = feed.feed.yieldsMembers }
    while true {
      switch try feed.feed.next(into: &rows) {
      case .full: return true
      case .ended: return false
      case .needsBytes:
        let piece: [UInt8]?
        do throws(BucketError) {
          piece = try await object.next()
        } catch {
          throw RowError(.source, error.message)
        }
        if let piece {
          feed.feed.push(piece.span)
        } else {
          feed.feed.finish()
        }
      }
    }
  }

  private func listMore() async throws(RowError) {
    guard hasMoreListed else { return }
    let prefix: String
    switch request.content {
    case .listing(let wanted), .flattened(let wanted): prefix = wanted
    case .object, .inventory, .athena: return
    }
    let last = lastListed
    let list = try await asking { (bucket) throws(BucketError) in
      try await bucket.list(prefix: prefix, after: last, limit: 1000)
    }
    entries = list.entries[...]
    hasMoreListed = list.isTruncated
    lastListed = list.entries.last?.key
  }

  private func listNext(_ rows: inout RowBuffer) async throws(RowError) -> Bool {
    while !rows.isFull {
      if entries.isEmpty { try await listMore() }
      guard let entry = entries.popFirst() else { break }
      rows.append(entry.row)
    }
    return !rows.isEmpty
  }
}

extension ObjectEntry {
  /// As an item of `listObjectsV2`. The time is written as Java writes a double.
  package var row: JSON {
    JSON(members: [
      ("Etag", JSON(etag)), ("Key", JSON(key)), ("LastModified", JSON(Double(modified) / 1000)),
      ("Size", JSON(size)), ("StorageClass", JSON(storageClass)),
    ])
  }
}
