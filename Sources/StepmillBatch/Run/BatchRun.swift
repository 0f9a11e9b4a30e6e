import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A workflow over the rows of files.
//
//   reader thread ──chunks of 64 rows──→ queue ──letters──→ loops ──blocks of lines──→ writer thread
//
// Whoever frees a place starts the next rows: a loop, when executions of its own have ended (not
// at each end, but once behind all that end in one of its turns); the reader, when it has found
// more; the writer, when it has caught up.
//
// What may pile up is bounded in bytes at both ends, so that the slowest part sets the pace. The
// reader waits while the chunks that are queued or under way take more than their budget, and
// nothing is started while the lines that wait for the writer do.
//
// Who may touch what: `state` is behind its lock, which is never held while something is
// started or called. A box of `boxes` belongs to a loop, and is behind a lock because the writer
// empties it now and then. The rest is constant, atomic, or the reader's or writer's alone.

package final class BatchRun: @unchecked Sendable {
  package struct Options: Sendable {
    package enum BadRows: String, Sendable, CaseIterable { case fail, skip, record }

    package var shape = RowShape()
    package var limit: Int?
    /// How many rows, picked at random among this many.
    package var sample: (count: Int, of: Int, seed: UInt64)?
    package var badRows = BadRows.fail
    package var tolerance: Tolerance?
    /// Results are lines with the row's number and the output, or else the output alone.
    package var isBare = false
    package var checkpointMilliseconds = 2000
    /// Bytes of rows in memory.
    package var rowBudget = 4 << 20
    /// Bytes of results in memory that wait for the writer.
    package var resultBudget = 4 << 20
    package var rowBytesMax = 1 << 28

    package init() {}
  }

  /// How many failures there may be.
  package enum Tolerance: Sendable, Equatable {
    case count(Int)
    case percentage(Double)

    /// Whether it holds for a run that has ended.
    package func holds(failed: Int, of total: Int) -> Bool {
      switch self {
      case .count(let most): failed <= most
      case .percentage(let most): Double(failed) * 100 <= most * Double(total)
      }
    }
  }

  /// Why it ended.
  package enum Ending: Sendable, Equatable {
    case completed
    /// Somebody stopped it; what was under way has ended.
    case stopped
    /// More failed than was tolerated.
    case tooManyFailures
    /// A row is no JSON.
    case badRow(row: Int, message: String)
    /// The rows cannot be read.
    case source(name: String, error: RowError)
    case output(BatchError)
    /// The runtime takes nothing more.
    case runtime(String)
  }

  package let control: MapRun
  private let options: Options
  private let sources: [BatchSource]
  private let sink: any BatchSink
  private let workflow: Workflow
  private var starter: RowStarter?
  private let state = Guarded(State())
  private let ended = Atomic<Int>(0)
  private let failedCount: Atomic<Int>
  private let isPumpPosted = Atomic<Bool>(false)
  private let bytesReading = Atomic<Int>(0)
  private let bytesOfSources: Int?
  /// Rows that were done before it began.
  private let doneBefore: DoneRows
  private let countsBefore: BatchCounts
  private let elapsedBefore: Int
  private let begun = Monitor.now
  private let boxes = (0..<64).map { _ in Box() }
  private let isStopping = Atomic<Bool>(false)

  /// Bytes of chunks that exist, and what the reader waits for.
  private let rowBytes = Atomic<Int>(0)
  private let isReaderWaiting = Atomic<Bool>(false)
  private let readerMonitor = Monitor()
  private let writerMonitor = Monitor()
  /// Behind the writer's monitor.
  private var blocks: [ResultBlock] = []
  private var spareBlocks: [ResultBlock] = []
  private var areAllEnded = false
  private let blockBytes = Atomic<Int>(0)
  /// Bytes that the sink keeps until it is their turn.
  private let keptBytes = Atomic<Int>(0)
  private let errors = Guarded<[String: Int]>([:])
  private var readerThread: WorkerThread?
  private var writerThread: WorkerThread?
  private var onEnd: (@Sendable (Ending) -> Void)?

  private struct State {
    var queue: [RowChunk] = []
    var queueStart = 0
    var started = 0
    var hasRead = false
    var ending: Ending?

    var isEmpty: Bool { queueStart == queue.count }
    var first: RowChunk? { isEmpty ? nil : queue[queueStart] }

    mutating func removeFirst() {
      queueStart += 1
      if queueStart == queue.count || queueStart > 4096 {
        queue.removeFirst(queueStart)
        queueStart = 0
      }
    }
  }

  private final class Box: Sendable {
    let block = Guarded<ResultBlock?>(nil)
  }

  package init(
    _ workflow: Workflow, sources: [BatchSource], sink: any BatchSink, options: Options = Options(),
    control: MapRun = MapRun(), elapsedMilliseconds: Int = 0
  ) {
    self.workflow = workflow
    self.sources = sources
    self.sink = sink
    self.options = options
    self.control = control
    doneBefore = sink.done
    countsBefore = sink.counts
    failedCount = Atomic(sink.counts.failed)
    elapsedBefore = elapsedMilliseconds
    var bytes: Int? = 0
    for source in sources { bytes = source.size.flatMap { size in bytes.map { $0 + size } } }
    bytesOfSources = bytes
  }

  // MARK: Watching

  package struct Progress: Sendable {
    package var counts = BatchCounts()
    package var inFlight = 0
    package var bytesRead = 0
    package var bytesTotal: Int?
    /// Rows of this call only, without what was done before.
    package var endedNow = 0
    package var milliseconds = 0
  }

  package var progress: Progress {
    let counters = control.counters
    var progress = Progress()
    progress.counts.succeeded = countsBefore.succeeded + counters.succeeded
    progress.counts.failed = failedCount.load(ordering: .relaxed)
    progress.counts.skipped = countsBefore.skipped
    progress.inFlight = max(0, counters.inFlight)
    progress.bytesRead = bytesReading.load(ordering: .relaxed)
    progress.bytesTotal = bytesOfSources
    progress.endedNow = counters.succeeded + counters.failed
    progress.milliseconds = milliseconds
    return progress
  }

  /// How often each error ended a row.
  package var errorCounts: [String: Int] { errors.withLock { $0 } }

  package var milliseconds: Int { elapsedBefore + Int((Monitor.now - begun) / 1_000_000) }

  // MARK: Beginning and ending

  /// Begins. `onEnd` is called once, on the writer's thread, when everything has been written.
  package func start(onEnd: @escaping @Sendable (Ending) -> Void) {
    self.onEnd = onEnd
    starter = RowStarter(workflow) { [unowned self] in rowEnded($0) }
    control.listen { [weak self] in self?.controlChanged() }
    let writer = WorkerThread { [self] in writeAll() }
    let reader = WorkerThread { [self] in readAll() }
    readerThread = reader
    writerThread = writer
    // It may have been cancelled before it began.
    if control.isCancelled { controlChanged() }
  }

  /// Starts nothing more; what is under way ends, and a checkpoint is written.
  package func stop() { end(.stopped) }

  /// Waits for both threads, behind `onEnd`.
  package func join() {
    readerThread?.join()
    writerThread?.join()
    control.listen(nil)
  }

  private func controlChanged() {
    if control.isCancelled {
      end(.stopped)
      starter?.abortAll(cause: "The run was cancelled.")
    }
    pump()
  }

  /// Starts nothing more, for a reason: the first one counts.
  private func end(_ ending: Ending) {
    let dropped = state.withLock { state -> [RowChunk] in
      if state.ending == nil { state.ending = ending }
      let dropped = Array(state.queue[state.queueStart...])
      state.queue = []
      state.queueStart = 0
      return dropped
    }
    isStopping.store(true, ordering: .releasing)
    for chunk in dropped { drop(chunk) }
    readerMonitor.locked { readerMonitor.signal() }
    pump()
  }

  /// Rows of a queued chunk that will not be started.
  private func drop(_ chunk: RowChunk) {
    let count = (chunk.next..<chunk.count).count { chunk.isLeftOut?[$0] != true }
    leave(Unmanaged.passUnretained(chunk), count)
  }

  // MARK: Starting

  private struct Job {
    let chunk: RowChunk
    let rows: Range<Int>
  }

  /// Starts what there is room for. From any thread.
  private func pump() {
    while let job = nextJob() {
      do throws(StepmillError) {
        try starter?.start(
          lines: job.chunk.lines(job.rows), count: job.rows.count, tag: job.chunk.tag(job.rows.lowerBound))
      } catch {
        state.withLock { $0.started -= job.rows.count }
        leave(Unmanaged.passUnretained(job.chunk), job.rows.count)
        return end(.runtime("\(error)"))
      }
    }
    let isOver = state.withLock { state in
      state.hasRead && state.isEmpty && state.started == ended.load(ordering: .acquiring)
    }
    if isOver {
      writerMonitor.locked {
        areAllEnded = true
        writerMonitor.signal()
      }
    }
  }

  private var isOverBudget: Bool {
    blockBytes.load(ordering: .relaxed) + keptBytes.load(ordering: .relaxed) > options.resultBudget
  }

  private func nextJob() -> Job? {
    if isOverBudget { return nil }
    let job = state.withLock { state -> Job? in
      guard state.ending == nil, let chunk = state.first else { return nil }
      let room = control.room(inFlight: state.started - ended.load(ordering: .acquiring))
      guard room > 0 else { return nil }
      let rows = chunk.take(min(room, RowStarter.rowsPerLetter))
      if chunk.isExhausted { state.removeFirst() }
      state.started += rows.count
      control.noteStarted(rows.count)
      return Job(chunk: chunk, rows: rows)
    }
    return job
  }

  // MARK: Ends, on the loops

  private func rowEnded(_ end: borrowing RowEnd) {
    let chunk = RowChunk.chunk(end.tag)
    let place = RowChunk.place(end.tag)
    chunk._withUnsafeGuaranteedRef { chunk in
      let row = chunk.first &+ place
      if _fastPath(end.status == .succeeded) {
        control.noteEnded(isSuccess: true)
        let label =
          options.isBare ? nil : chunk.labels.map { $0[place] } ?? row &* options.shape.rowsPerStart
        note(end.loop) { $0.addSuccess(row, end.outputText, label: label) }
      } else {
        rowFailed(end, chunk, place, row)
      }
    }
    leave(chunk, 1)
    ended.add(1, ordering: .acquiringAndReleasing)
    if !isPumpPosted.load(ordering: .relaxed), !isPumpPosted.exchange(true, ordering: .acquiringAndReleasing)
    {
      starter?.post(on: end.loop) { [self] in
        isPumpPosted.store(false, ordering: .sequentiallyConsistent)
        pump()
      }
    }
  }

  private func rowFailed(_ end: borrowing RowEnd, _ chunk: RowChunk, _ place: Int, _ row: Int) {
    control.noteEnded(isSuccess: false)
    let label = chunk.labels.map { $0[place] } ?? row &* options.shape.rowsPerStart
    switch end.status {
    case .succeeded, .aborted, .neverStarted:
      // It has not been done.
      return
    case .notJSON:
      switch options.badRows {
      case .fail: return self.end(.badRow(row: label, message: end.cause ?? ""))
      case .skip: return note(end.loop) { $0.addSkipped(row..<row + 1) }
      case .record: break
      }
    case .failed, .timedOut: break
    }
    let name = end.status == .timedOut ? "States.Timeout" : end.error ?? "Stepmill.InvalidInput"
    errors.withLock { if $0.count < 1000 || $0[name] != nil { $0[name, default: 0] += 1 } }
    let line = FailureLine.text(end, row: label, input: chunk.rows[place])
    note(end.loop) { $0.addFailure(row, line) }
    let failed = failedCount.add(1, ordering: .relaxed).newValue
    if let tolerance = options.tolerance, exceeds(tolerance, failed) { self.end(.tooManyFailures) }
  }

  /// A percentage is of all rows, of which there are at least as many as have been read, and
  /// about as many as the bytes that have been read let expect.
  private func exceeds(_ tolerance: Tolerance, _ failed: Int) -> Bool {
    switch tolerance {
    case .count(let most): return failed > most
    case .percentage(let most):
      guard let bytes = bytesOfSources, bytes > 0 else { return false }
      let share = Double(bytesReading.load(ordering: .relaxed)) / Double(bytes)
      guard share > 0.01 else { return false }
      let rows = Double(control.counters.read + countsBefore.done) / min(1, share)
      return Double(failed) * 100 > most * rows
    }
  }

  private func note(_ loop: UInt32, _ body: (ResultBlock) -> Void) {
    let full = boxes[Int(loop & 63)].block.withLock { block -> ResultBlock? in
      let current = block ?? takeSpare()
      body(current)
      block = current.isFull ? nil : current
      return current.isFull ? current : nil
    }
    if let full { send(full) }
  }

  private func takeSpare() -> ResultBlock {
    writerMonitor.locked { spareBlocks.popLast() } ?? ResultBlock()
  }

  private func send(_ block: ResultBlock) {
    blockBytes.add(block.bytes, ordering: .relaxed)
    writerMonitor.locked {
      blocks.append(block)
      writerMonitor.signal()
    }
  }

  /// Rows of a chunk are over; with the last of them the chunk is.
  @inline(__always)
  private func leave(_ chunk: Unmanaged<RowChunk>, _ count: Int) {
    guard count > 0 else { return }
    let left = chunk._withUnsafeGuaranteedRef {
      $0.left.subtract(count, ordering: .acquiringAndReleasing).newValue
    }
    if left == 0 { retire(chunk) }
  }

  private func retire(_ chunk: Unmanaged<RowChunk>) {
    rowBytes.subtract(chunk._withUnsafeGuaranteedRef { $0.footprint }, ordering: .sequentiallyConsistent)
    chunk.release()
    if isReaderWaiting.load(ordering: .sequentiallyConsistent) {
      readerMonitor.locked { readerMonitor.signal() }
    }
  }

  // MARK: The reader

  private func readAll() {
    var reading = Reading(
      options, doneBefore, addBytes: { [self] in bytesReading.add($0, ordering: .relaxed) },
      isStopping: { [self] in isStopping.load(ordering: .acquiring) },
      emit: { [self] in emit($0) }, skip: { [self] in skip($0) })
    for source in sources {
      do throws(RowError) {
        try reading.read(source)
      } catch {
        end(.source(name: source.name, error: error))
        break
      }
      if reading.isDone || isStopping.load(ordering: .acquiring) { break }
    }
    state.withLock { $0.hasRead = true }
    pump()
  }

  /// Queues rows, when there is room for them.
  private func emit(_ chunk: RowChunk) {
    control.noteRead(chunk.count)
    let left = chunk.left.load(ordering: .relaxed)
    guard left > 0 else { return }
    waitForRoom()
    rowBytes.add(chunk.footprint, ordering: .sequentiallyConsistent)
    _ = Unmanaged.passRetained(chunk)
    let isQueued = state.withLock { state in
      guard state.ending == nil else { return false }
      state.queue.append(chunk)
      return true
    }
    if isQueued { pump() } else { leave(Unmanaged.passUnretained(chunk), left) }
  }

  private func waitForRoom() {
    if rowBytes.load(ordering: .relaxed) < options.rowBudget { return }
    readerMonitor.locked {
      isReaderWaiting.store(true, ordering: .sequentiallyConsistent)
      while rowBytes.load(ordering: .sequentiallyConsistent) >= options.rowBudget,
        !isStopping.load(ordering: .acquiring)
      {
        readerMonitor.wait()
      }
      isReaderWaiting.store(false, ordering: .sequentiallyConsistent)
    }
  }

  private func skip(_ rows: Range<Int>) {
    let block = ResultBlock()
    block.addSkipped(rows)
    send(block)
  }

  // MARK: The writer

  private static let flushNanoseconds: UInt64 = 100_000_000

  private func writeAll() {
    var failure: BatchError?
    var nextFlush = Monitor.now + Self.flushNanoseconds
    var nextCheckpoint = Monitor.now + UInt64(options.checkpointMilliseconds) * 1_000_000
    while true {
      var taken: [ResultBlock] = []
      let isLast = writerMonitor.locked {
        while blocks.isEmpty, !areAllEnded, Monitor.now < nextFlush {
          writerMonitor.wait(untilNanoseconds: nextFlush)
        }
        swap(&taken, &blocks)
        return areAllEnded
      }
      let now = Monitor.now
      if isLast || now >= nextFlush {
        taken += takePartial()
        nextFlush = now + Self.flushNanoseconds
      }
      write(taken, &failure)
      if !isLast, now >= nextCheckpoint, failure == nil {
        do throws(BatchError) {
          try sink.checkpoint(milliseconds: milliseconds)
        } catch {
          failure = error
          end(.output(error))
        }
        nextCheckpoint = Monitor.now + UInt64(options.checkpointMilliseconds) * 1_000_000
      }
      if isLast { return finish(failure) }
    }
  }

  /// What loops have gathered and not sent.
  private func takePartial() -> [ResultBlock] {
    var partial: [ResultBlock] = []
    for box in boxes {
      let block = box.block.withLock { block in
        defer { block = nil }
        return block
      }
      guard let block else { continue }
      blockBytes.add(block.bytes, ordering: .relaxed)
      partial.append(block)
    }
    return partial
  }

  private func write(_ taken: [ResultBlock], _ failure: inout BatchError?) {
    for block in taken {
      if failure == nil {
        do throws(BatchError) {
          try sink.write(ResultLines(block: block))
        } catch {
          failure = error
          end(.output(error))
        }
      }
      let wasOver = isOverBudget
      blockBytes.subtract(block.bytes, ordering: .relaxed)
      keptBytes.store(sink.bytesKept, ordering: .relaxed)
      block.removeAll()
      writerMonitor.locked { if spareBlocks.count < 8 { spareBlocks.append(block) } }
      if wasOver, !isOverBudget { pump() }
    }
  }

  private func finish(_ failure: BatchError?) {
    var ending = state.withLock { $0.ending } ?? .completed
    do throws(BatchError) {
      try sink.finish(isComplete: ending == .completed && failure == nil, milliseconds: milliseconds)
    } catch {
      if failure == nil { ending = .output(error) }
    }
    let onEnd = onEnd
    self.onEnd = nil
    onEnd?(ending)
  }
}

/// What a failure looks like in its file.
enum FailureLine {
  /// So much of a row that is no JSON is shown.
  static let textMax = 1 << 16

  static func text(_ end: borrowing RowEnd, row: Int, input: UnsafeRawBufferPointer) -> [UInt8] {
    var line = LineBuffer()
    line.append(#"{"row":"#)
    line.append(number: row)
    if end.status == .notJSON {
      let shown = UnsafeRawBufferPointer(rebasing: input[..<min(input.count, textMax)])
      line.append(#","text":"#)
      JSON(String(decoding: shown, as: UTF8.self)).utf8.withUnsafeBytes { line.append($0) }
    } else {
      line.append(#","input":"#)
      line.append(input)
    }
    func add(_ name: StaticString, _ value: String?) {
      guard let value else { return }
      line.append(name)
      JSON(value).utf8.withUnsafeBytes { line.append($0) }
    }
    add(#","state":"#, end.state)
    switch end.status {
    case .notJSON: add(#","error":"#, "Stepmill.InvalidInput")
    case .timedOut: add(#","error":"#, "States.Timeout")
    case .succeeded, .failed, .aborted, .neverStarted: add(#","error":"#, end.error)
    }
    add(#","cause":"#, end.cause)
    line.append("}\n")
    return Array(line.bytes)
  }
}
