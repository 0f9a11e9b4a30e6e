import Stepmill

// The files of a run in a bucket, where nothing can be added to an object. So a file is a row of
// objects, each written whole: `results/part-00000000.jsonl`, `results/part-00000001.jsonl`, ….
// One behind the other they are the file. A part is written when it is large enough, and whenever
// the file is to last; so every checkpoint stands between two parts, and what lies behind the
// last one is whole parts, which a run that is taken up removes.
//
// Objects know no lock: two runs at the same time over one place would spoil each other's.
//
// Failures do not run again from here: the one object after the other that this would have to
// move could not be told from what was moved before, where it is interrupted.

/// Files as objects. Used by one thread at a time, which waits for the bucket.
package final class BucketFileStore: FileStore {
  /// What stands in front of a key in paths.
  private let root: String
  private let bucket: any Bucket
  private let partBytes: Int

  /// - Parameters:
  ///   - name: The bucket's name. Paths are `s3://NAME/KEY`.
  ///   - partBytes: How large parts are at least, unless something ends there.
  package init(_ bucket: any Bucket, name: String, partBytes: Int = 8 << 20) {
    root = "s3://\(name)/"
    self.bucket = bucket
    self.partBytes = partBytes
  }

  /// Where the files of a run lie whose output is an address.
  package static func places(_ output: ObjectAddress) -> BatchPlaces {
    let folder = folder(output)
    return BatchPlaces(
      results: folder + "results", failures: folder + "failures", checkpoint: folder + "checkpoint.json")
  }

  private static func folder(_ output: ObjectAddress) -> String {
    let path = output.description
    return path.hasSuffix("/") ? path : path + "/"
  }

  /// Where a summary lies beside them.
  package static func summary(_ output: ObjectAddress) -> String {
    folder(output) + "summary.json"
  }

  private func key(_ path: String) -> String {
    precondition(path.hasPrefix(root), "BUG in Stepmill (please report): '\(path)' is in another bucket")
    return String(path.dropFirst(root.count))
  }

  /// Asks the bucket, and waits.
  fileprivate func asking<Value: Sendable>(
    _ path: String, _ body: @escaping @Sendable (any Bucket) async throws(BucketError) -> Value
  ) throws(FileFailure) -> Value {
    let result = WaitedResult.of { [bucket] () async throws(BucketError) in try await body(bucket) }
    switch result {
    case .success(let value): return value
    case .failure(let error): throw FileFailure(path: path, reason: error.message)
    }
  }

  package func open(_ path: String) throws(FileFailure) -> any StoredFile {
    try PartFile(self, path, folder: key(path) + "/", sizes: try parts(path), partBytes: partBytes)
  }

  /// The sizes of a file's parts.
  private func parts(_ path: String) throws(FileFailure) -> [Int] {
    let folder = key(path) + "/"
    var sizes: [Int] = []
    var last: String?
    while true {
      let after = last
      let list = try asking(path) { (bucket) throws(BucketError) in
        try await bucket.list(prefix: folder, after: after, limit: 1000)
      }
      for entry in list.entries {
        guard entry.key == PartFile.key(folder, sizes.count) else {
          throw FileFailure(
            path: path,
            reason: "'\(root)\(entry.key)' is not the part that follows \(sizes.count) others: "
              + "parts were lost, or it is none; choose another --out")
        }
        sizes.append(entry.size)
      }
      last = list.entries.last?.key
      guard list.isTruncated, last != nil else { return sizes }
    }
  }

  package func size(of path: String) throws(FileFailure) -> Int? {
    let parts = try parts(path)
    return parts.isEmpty ? nil : parts.reduce(0, +)
  }

  package func read(_ path: String) throws(FileFailure) -> [UInt8]? {
    let key = key(path)
    return try asking(path) { (bucket) throws(BucketError) in
      do throws(BucketError) {
        return try await bucket.read(key)
      } catch {
        if error.kind == .noSuchKey { return nil }
        throw error
      }
    }
  }

  package func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure) {
    let key = key(path)
    _ = try asking(path) { (bucket) throws(BucketError) in
      try await bucket.write(key, bytes, contentType: "application/json")
    }
  }

  package func rename(_ path: String, to target: String) throws(FileFailure) {
    throw FileFailure(path: target, reason: "a file in a bucket takes no other's place")
  }

  package func remove(_ path: String) throws(FileFailure) {
    try open(path).truncate(to: 0)
  }

  package func syncDirectory(of path: String) {}
}

private final class PartFile: StoredFile {
  private let store: BucketFileStore
  private let path: String
  private let folder: String
  private let partBytes: Int
  /// Of the parts that are written.
  private var sizes: [Int]
  private var written: Int
  /// What follows them.
  private var buffer: [UInt8] = []

  static let numberDigits = 8
  static let contentType = "application/x-ndjson"

  static func key(_ folder: String, _ number: Int) -> String {
    let digits = String(number)
    return folder + "part-" + String(repeating: "0", count: max(0, numberDigits - digits.count)) + digits
      + ".jsonl"
  }

  init(
    _ store: BucketFileStore, _ path: String, folder: String, sizes: [Int], partBytes: Int
  ) throws(FileFailure) {
    self.store = store
    self.path = path
    self.folder = folder
    self.partBytes = partBytes
    self.sizes = sizes
    written = sizes.reduce(0, +)
  }

  var size: Int { written + buffer.count }

  func append(_ bytes: Span<UInt8>) throws(FileFailure) {
    buffer += bytes.array
    guard buffer.count >= partBytes else { return }
    do throws(FileFailure) {
      try sync()
    } catch {
      buffer.removeLast(bytes.count)
      throw error
    }
  }

  /// Writes a part. If that fails nothing has changed: what it holds is still to be written.
  func sync() throws(FileFailure) {
    guard !buffer.isEmpty else { return }
    guard String(sizes.count).count <= Self.numberDigits else {
      throw FileFailure(path: path, reason: "there are \(sizes.count) parts, and no more are counted")
    }
    let (key, part) = (Self.key(folder, sizes.count), buffer)
    _ = try store.asking(path) { (bucket) throws(BucketError) in
      try await bucket.write(key, part, contentType: PartFile.contentType)
    }
    sizes.append(part.count)
    written += part.count
    buffer.removeAll(keepingCapacity: true)
  }

  func truncate(to size: Int) throws(FileFailure) {
    if size >= written {
      buffer.removeLast(self.size - size)
      return
    }
    buffer = []
    // The last ones first: an interruption leaves no hole.
    while let last = sizes.last, written > size {
      let key = Self.key(folder, sizes.count - 1)
      let kept = max(0, size - (written - last))
      let part = kept > 0 ? Array(try part(sizes.count - 1).prefix(kept)) : []
      _ = try store.asking(path) { (bucket) throws(BucketError) in
        if part.isEmpty {
          try await bucket.remove(key)
        } else {
          try await bucket.write(key, part, contentType: PartFile.contentType)
        }
      }
      sizes.removeLast()
      if kept > 0 { sizes.append(kept) }
      written -= last - kept
    }
  }

  private func part(_ number: Int) throws(FileFailure) -> [UInt8] {
    let key = Self.key(folder, number)
    return try store.asking(path) { (bucket) throws(BucketError) in try await bucket.read(key) }
  }

  func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8] {
    var start = 0
    for (number, size) in sizes.enumerated() {
      if offset < start + size {
        return Array(try part(number).dropFirst(offset - start).prefix(count))
      }
      start += size
    }
    return Array(buffer.dropFirst(offset - start).prefix(count))
  }

  func close() {}
}
