import Stepmill

/// Lets Map Runs read their datasets from buckets and write their results to them.
package final class BucketStorage: MapRunStorage {
  package typealias Resolve = @Sendable (String) async throws(BucketError) -> any Bucket
  private let resolve: Resolve

  /// - Parameter resolve: Finds a bucket by its name.
  package init(resolve: @escaping Resolve) {
    self.resolve = resolve
  }

  /// Buckets by their names; any other name is that of no bucket.
  package convenience init(_ buckets: [String: any Bucket]) {
    self.init { name throws(BucketError) in
      guard let bucket = buckets[name] else {
        throw BucketError(.noSuchBucket, "The specified bucket does not exist: '\(name)'.")
      }
      return bucket
    }
  }

  package func items(_ order: MapReaderOrder) throws(TaskFailure) -> any MapItemSource {
    BucketItems(try DatasetRequest(order), skipping: order.itemsSkipped, resolve)
  }

  package func results(
    _ order: MapWriterOrder, wake: @escaping @Sendable () -> Void
  ) throws(TaskFailure) -> any MapResultSink {
    guard let bucket = order.request["Bucket"]?.string else {
      throw TaskFailure(
        error: "States.ResultWriterFailed", cause: "The field 'Bucket' of the ResultWriter must be a text.")
    }
    return BucketResults(order, bucket: bucket, resolve, wake)
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

/// The items of a dataset in a bucket.
///
/// Who may touch what: the run asks on one thread at a time; a filling that did not come to its
/// end at once goes on elsewhere, and until it has, only `isFilling` is read. Both are told apart
/// under the lock.
final class BucketItems: MapItemSource, @unchecked Sendable {
  private let dataset: BucketDataset
  private let executor = InlineExecutor()
  private let rows = Rows()
  private var next = 0
  private var left: Int
  private let state = Lock(State())

  private struct State {
    var isFilling = false
    /// What fills, to be given up when nobody asks any more.
    var filling: Task<Void, Never>?
    var isClosed = false
    /// The run waits to be told that the rows are there.
    var wake: (@Sendable () -> Void)?
    var hasEnded = false
    var failure: TaskFailure?
  }

  private final class Rows: @unchecked Sendable {
    var buffer = RowBuffer(rowsMax: 256, bytesMax: 1 << 16)
  }

  init(_ request: DatasetRequest, skipping: Int, _ resolve: @escaping BucketStorage.Resolve) {
    dataset = BucketDataset(request, resolve: resolve)
    left = skipping
  }

  func next(wake: @escaping @Sendable () -> Void) -> MapItemPull {
    while true {
      let isFilling = state.withLock { state in
        if state.isFilling { state.wake = wake }
        return state.isFilling
      }
      if isFilling { return .later }
      if left > 0, next < rows.buffer.rowCount {
        let skipped = min(left, rows.buffer.rowCount - next)
        left -= skipped
        next += skipped
      }
      if next < rows.buffer.rowCount { return item() }
      let (hasEnded, failure) = state.withLock { ($0.hasEnded, $0.failure) }
      if let failure { return .failed(failure) }
      if hasEnded { return .end }
      fill()
    }
  }

  private func item() -> MapItemPull {
    defer { next += 1 }
    do throws(JSONSyntaxError) {
      let row = try rows.buffer.json(next)
      guard dataset.yieldsMembers, let value = row["Value"] else {
        return .item(MapItem(value: row, source: dataset.source))
      }
      return .item(MapItem(value: value, key: row["Key"]?.string, source: dataset.source))
    } catch {
      return .failed(
        TaskFailure(
          error: "States.ItemReaderFailed", cause: "An item of \(dataset.source) is not JSON: \(error)"))
    }
  }

  /// Reads more rows, at once where the bucket answers at once.
  private func fill() {
    next = 0
    rows.buffer.removeAll()
    state.withLock { $0.isFilling = true }
    let task = executor.run { [dataset, rows, self] in
      var failure: TaskFailure?
      var hasMore = false
      do throws(RowError) {
        hasMore = try await dataset.next(into: &rows.buffer)
      } catch {
        failure = TaskFailure(error: "States.ItemReaderFailed", cause: error.message)
      }
      let wake = state.withLock { state in
        state.isFilling = false
        state.filling = nil
        state.hasEnded = !hasMore
        state.failure = failure
        defer { state.wake = nil }
        return state.wake
      }
      wake?()
    }
    let isClosed = state.withLock { state in
      if state.isFilling { state.filling = task }
      return state.isClosed
    }
    if isClosed { task.cancel() }
  }

  func close() {
    let filling = state.withLock { state in
      state.isClosed = true
      state.wake = nil
      defer { state.filling = nil }
      return state.filling
    }
    filling?.cancel()
  }
}
