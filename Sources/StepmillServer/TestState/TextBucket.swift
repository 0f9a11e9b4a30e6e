import Stepmill
import StepmillBatch

/// A text as the dataset of an ItemReader, whichever object that asks for.
struct TextStorage: MapRunStorage {
  private let bucket: TextBucket

  init(_ bucket: TextBucket) { self.bucket = bucket }

  /// The text is read as `InputType` says. Where there is none, or one that is about other
  /// objects or cannot be a text, it holds the items as JSON.
  func items(_ order: MapReaderOrder) throws(TaskFailure) -> any MapItemSource {
    var order = order
    if order.action == "listObjectsV2" {
      order.action = "getObject"
      order.request["Key"] = order.request["Prefix"] ?? ""
      if !order.config.loadsObjects { order.config.inputType = .json }
    }
    order.config.manifestType = nil
    switch order.config.inputType {
    case .csv, .json, .jsonl: break
    case .parquet, .manifest, nil: order.config.inputType = .json
    }
    let storage = BucketStorage(onThreads: false) { [bucket] _ throws(BucketError) in bucket }
    return try storage.items(order)
  }

  func results(
    _ order: MapWriterOrder, wake: @escaping @Sendable () -> Void
  ) throws(TaskFailure) -> any MapResultSink {
    throw TaskFailure(error: "States.ResultWriterFailed", cause: "The results of a test go nowhere.")
  }
}

/// A bucket in which each object is the same text. Nothing can be written to it.
struct TextBucket: Bucket {
  private let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  func open(_ key: String, version: String?) -> any ObjectReader { Reader(entry(key), bytes) }

  func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
    throw BucketError(.accessDenied, "Access Denied")
  }

  func list(prefix: String, after: String?, limit: Int) -> ObjectListing {
    ObjectListing(entries: [entry(prefix)], isTruncated: false)
  }

  func remove(_ key: String) {}

  private func entry(_ key: String) -> ObjectEntry {
    ObjectEntry(key: key, size: bytes.count, etag: "", modified: 0)
  }

  private final class Reader: ObjectReader {
    let entry: ObjectEntry
    private let left: Lock<[UInt8]?>

    init(_ entry: ObjectEntry, _ bytes: [UInt8]) {
      self.entry = entry
      left = Lock(bytes)
    }

    func next() -> [UInt8]? { left.withLock { $0.take() } }
  }
}
