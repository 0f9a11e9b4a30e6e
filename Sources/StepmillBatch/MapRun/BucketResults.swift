import Stepmill

// The result files of a Map Run, as Step Functions writes them (specification: Distributed Map,
// ResultWriter):
//
//   <Prefix>/<run's UUID>/manifest.json
//   <Prefix>/<run's UUID>/SUCCEEDED_0.json   FAILED_0.json   PENDING_0.json   …
//
// A file exists only if it has records. Records are written as children end: what is in memory
// is a piece of each file. A redrive writes to a folder of its own inside the run's, and its
// manifest lists what had succeeded before as well.

/// Who may touch what: the run writes on one thread at a time and under the lock appends pieces,
/// which one task at a time takes to the bucket. The files' writers belong to that task.
final class BucketResults: MapResultSink, @unchecked Sendable {
  private let order: MapWriterOrder
  private let bucketName: String
  private let folder: String
  private let resolve: BucketStorage.Resolve
  private let wake: @Sendable () -> Void
  private let onThreads: Bool
  private let inPlace = InlineExecutor()
  private var parts: [MapChildRecord.Part: Part] = [:]
  private let queue = Lock(Queue())
  /// The task's own.
  private var bucket: (any Bucket)?
  private var writers: [MapChildRecord.Part: any ObjectUpload] = [:]
  private var files: MapResultFiles

  private static let pieceBytes = 1 << 16
  /// More that waits to be written than this stops the run.
  private static let bytesBehindMax = 8 << 20
  private static let fileBytesMax = 5_000_000_000

  /// A file on its way, as the run sees it.
  private struct Part {
    var buffer: [UInt8] = []
    var recordsInFile = 0
    var bytesInFile = 0
    var number = 0
    var files = 0
  }

  private struct Queue {
    var steps: [Step] = []
    var bytes = 0
    var isRunning = false
    /// What performs the steps.
    var task: Task<Void, Never>?
    var wasBehind = false
    var failure: TaskFailure?
  }

  private enum Step {
    case open(MapChildRecord.Part, key: String)
    case write(MapChildRecord.Part, [UInt8])
    case close(MapChildRecord.Part, key: String)
    case finish(@Sendable (Result<MapResultFiles, TaskFailure>) -> Void)
  }

  init(
    _ order: MapWriterOrder, bucket: String, onThreads: Bool, _ resolve: @escaping BucketStorage.Resolve,
    _ wake: @escaping @Sendable () -> Void
  ) {
    self.order = order
    bucketName = bucket
    self.onThreads = onThreads
    self.resolve = resolve
    self.wake = wake
    let prefix = order.request["Prefix"]?.string ?? ""
    let start = prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
    let redrive = order.redriveCount > 0 ? "Redrive-\(order.redriveCount)/" : ""
    folder = start + order.identifier + "/" + redrive
    files = MapResultFiles(bucket: bucket, manifestKey: folder + "manifest.json")
    files.succeeded = order.earlier?.succeeded ?? []
  }

  // MARK: The run

  var isBehind: Bool {
    queue.withLock { queue in
      if queue.bytes > Self.bytesBehindMax { queue.wasBehind = true }
      return queue.wasBehind
    }
  }

  func write(_ record: MapChildRecord) throws(TaskFailure) {
    let shown = record.shown(order.config.transformation)
    if record.part == .succeeded, order.config.transformation == .flatten, let elements = shown.array {
      for element in elements { add(element.utf8, to: .succeeded) }
    } else {
      add(shown.utf8, to: record.part)
    }
    if let failure = queue.withLock({ $0.failure }) { throw failure }
  }

  private func add(_ text: [UInt8], to name: MapChildRecord.Part) {
    var part = parts[name] ?? Part()
    parts[name] = nil
    if part.recordsInFile > 0, part.bytesInFile + text.count > Self.fileBytesMax { close(name, &part) }
    if part.recordsInFile == 0 {
      push(.open(name, key: key(name, part)))
      if !order.config.isLines { part.buffer.append(UInt8(ascii: "[")) }
    } else {
      part.buffer.append(order.config.isLines ? UInt8(ascii: "\n") : UInt8(ascii: ","))
    }
    part.recordsInFile += 1
    part.bytesInFile += text.count + 1
    part.buffer += text
    if part.buffer.count >= Self.pieceBytes { flush(name, &part) }
    parts[name] = part
  }

  private func key(_ name: MapChildRecord.Part, _ part: Part) -> String {
    "\(folder)\(name.rawValue)_\(part.number).\(order.config.isLines ? "jsonl" : "json")"
  }

  private func flush(_ name: MapChildRecord.Part, _ part: inout Part) {
    guard !part.buffer.isEmpty else { return }
    push(.write(name, part.buffer))
    part.buffer.removeAll(keepingCapacity: true)
  }

  private func close(_ name: MapChildRecord.Part, _ part: inout Part) {
    if !order.config.isLines { part.buffer.append(UInt8(ascii: "]")) }
    flush(name, &part)
    push(.close(name, key: key(name, part)))
    part.number += 1
    part.files += 1
    part.recordsInFile = 0
    part.bytesInFile = 0
  }

  func finish(_ answer: @escaping @Sendable (Result<MapResultFiles, TaskFailure>) -> Void) {
    // A redrive of which nothing succeeded still writes the file for what did.
    if order.redriveCount > 0, parts[.succeeded] == nil {
      var empty = Part()
      push(.open(.succeeded, key: key(.succeeded, empty)))
      if !order.config.isLines { empty.buffer.append(UInt8(ascii: "[")) }
      parts[.succeeded] = empty
      close(.succeeded, &empty)
      parts[.succeeded] = empty
    }
    for name in MapChildRecord.Part.allCases {
      guard var part = parts[name], part.recordsInFile > 0 else { continue }
      close(name, &part)
      parts[name] = part
    }
    push(.finish(answer))
  }

  func abandon() {
    parts = [:]
    let task = queue.withLock { queue in
      queue.steps = []
      queue.bytes = 0
      defer { queue.task = nil }
      return queue.task
    }
    task?.cancel()
  }

  private func push(_ step: Step) {
    let starts = queue.withLock { queue in
      queue.steps.append(step)
      if case .write(_, let bytes) = step { queue.bytes += bytes.count }
      defer { queue.isRunning = true }
      return !queue.isRunning
    }
    guard starts else { return }
    let task =
      onThreads
      ? Task(executorPreference: BucketThreads.shared) { [self] in await perform() }
      : inPlace.run { [self] in await perform() }
    queue.withLock { if $0.isRunning { $0.task = task } }
  }

  // MARK: The task

  private func perform() async {
    while let step = nextStep() {
      do throws(BucketError) {
        try await perform(step)
      } catch {
        let failure = TaskFailure(error: "States.ResultWriterFailed", cause: error.message)
        queue.withLock { $0.failure = $0.failure ?? failure }
        if case .finish(let answer) = step { answer(.failure(failure)) }
      }
    }
  }

  private func nextStep() -> Step? {
    let (step, catchesUp) = queue.withLock { queue -> (Step?, Bool) in
      guard !queue.steps.isEmpty else {
        queue.isRunning = false
        queue.task = nil
        defer { queue.wasBehind = false }
        return (nil, queue.wasBehind)
      }
      let step = queue.steps.removeFirst()
      if case .write(_, let bytes) = step { queue.bytes -= bytes.count }
      guard queue.wasBehind, queue.bytes * 2 < Self.bytesBehindMax else { return (step, false) }
      queue.wasBehind = false
      return (step, true)
    }
    if catchesUp { wake() }
    return step
  }

  private func perform(_ step: Step) async throws(BucketError) {
    if case .finish(let answer) = step { return answer(await complete()) }
    guard queue.withLock({ $0.failure == nil }) else { return }
    let bucket = try await openBucket()
    switch step {
    case .open(let name, let key):
      writers[name] = try await bucket.create(key, contentType: "binary/octet-stream")
    case .write(let name, let bytes): try await writers[name]?.write(bytes)
    case .close(let name, let key):
      guard let entry = try await writers.removeValue(forKey: name)?.finish() else { return }
      let file = MapResultFiles.File(key: key, size: entry.size)
      switch name {
      case .succeeded: files.succeeded.append(file)
      case .failed: files.failed.append(file)
      case .pending: files.pending.append(file)
      }
    case .finish: break
    }
  }

  private func openBucket() async throws(BucketError) -> any Bucket {
    if let bucket { return bucket }
    let opened = try await resolve(bucketName)
    bucket = opened
    return opened
  }

  private func complete() async -> Result<MapResultFiles, TaskFailure> {
    if let failure = queue.withLock({ $0.failure }) { return .failure(failure) }
    do throws(BucketError) {
      try await openBucket().write(
        files.manifestKey, files.manifest(order.mapRunARN).utf8, contentType: "application/octet-stream")
      return .success(files)
    } catch {
      return .failure(TaskFailure(error: "States.ResultWriterFailed", cause: error.message))
    }
  }
}

extension MapResultFiles {
  /// `manifest.json`.
  fileprivate func manifest(_ mapRunARN: String) -> JSON {
    func list(_ files: [File]) -> JSON {
      JSON(files.map { ["Key": JSON($0.key), "Size": JSON($0.size)] })
    }
    return [
      "DestinationBucket": JSON(bucket), "MapRunArn": JSON(mapRunARN),
      "ResultFiles": ["FAILED": list(failed), "PENDING": list(pending), "SUCCEEDED": list(succeeded)],
    ]
  }
}
