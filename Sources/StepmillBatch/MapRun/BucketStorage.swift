import Stepmill

/// Lets Map Runs read their datasets from buckets and write their results to them.
package final class BucketStorage: MapRunStorage {
  package typealias Resolve = @Sendable (String) async throws(BucketError) -> any Bucket
  private let resolve: Resolve
  private let onThreads: Bool

  /// - Parameters:
  ///   - onThreads: Datasets are read on threads of their own, ahead of the runs, and results are
  ///     written there. Otherwise a run reads what it needs when it needs it, on its own thread:
  ///     for clocks that are moved by hand, which wait for nobody.
  ///   - resolve: Finds a bucket by its name.
  package init(onThreads: Bool, resolve: @escaping Resolve) {
    self.onThreads = onThreads
    self.resolve = resolve
  }

  /// Buckets by their names; any other name is that of no bucket.
  package convenience init(_ buckets: [String: any Bucket], onThreads: Bool = false) {
    self.init(onThreads: onThreads) { name throws(BucketError) in
      guard let bucket = buckets[name] else {
        throw BucketError(.noSuchBucket, "The specified bucket does not exist: '\(name)'.")
      }
      return bucket
    }
  }

  package func items(_ order: MapReaderOrder) throws(TaskFailure) -> any MapItemSource {
    BucketItems(
      try DatasetRequest(order), skipping: order.itemsSkipped, onThreads: onThreads, resolve)
  }

  package func results(
    _ order: MapWriterOrder, wake: @escaping @Sendable () -> Void
  ) throws(TaskFailure) -> any MapResultSink {
    guard let bucket = order.request["Bucket"]?.string else {
      throw TaskFailure(
        error: "States.ResultWriterFailed", cause: "The field 'Bucket' of the ResultWriter must be a text.")
    }
    return BucketResults(order, bucket: bucket, onThreads: onThreads, resolve, wake)
  }
}

extension DatasetRequest {
  /// What an ItemReader asks for.
  init(_ order: MapReaderOrder) throws(TaskFailure) {
    func text(_ name: String) throws(TaskFailure) -> String {
      guard let text = order.request[name]?.string else {
        throw TaskFailure(
          error: "States.ItemReaderFailed", cause: "The field '\(name)' of the ItemReader must be a text.")
      }
      return text
    }
    let bucket = try text("Bucket")
    let format = Self.format(order.config)
    let content: Content
    if order.action == "listObjectsV2" {
      let prefix = order.request["Prefix"]?.string ?? ""
      content = order.config.loadsObjects ? .flattened(prefix: prefix) : .listing(prefix: prefix)
    } else {
      let key = try text("Key")
      let version = order.request["VersionId"]?.string
      switch order.config.manifestType {
      case .inventory: content = .inventory(key: key, version: version)
      case .athenaData: content = .athena(key: key, version: version)
      case nil where order.config.inputType == .manifest: content = .inventory(key: key, version: version)
      case nil: content = .object(key: key, version: version)
      }
    }
    self.init(bucket: bucket, content: content, format: format, order: .service)
  }

  private static func format(_ config: MapReaderConfig) -> RowFormat {
    switch config.inputType {
    case .csv:
      .csv(
        CSVDialect(
          delimiter: CSVDialect.Delimiter(name: config.csvDelimiter) ?? .comma,
          headers: config.csvHeaders.map { .given($0) } ?? .firstRow, order: .service))
    case .json: .json(pointer: config.itemsPointer)
    case .parquet: .parquet
    case .jsonl, .manifest, nil: .jsonLines
    }
  }
}
