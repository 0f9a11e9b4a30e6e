import Stepmill
import Synchronization

// A workflow over the rows of files.
//
//   reader thread ──chunks of 64 rows──→ queue ──letters──→ loops ──blocks of lines──→ writer thread
//
// Whoever frees a place starts the next rows: a loop, when executions of its own have ended (not
// at each end, but once behind all that end in one of its turns), and on itself before others;
// the reader, when it has found more; the writer, when it has caught up.
//
// What may pile up is bounded in bytes at both ends, so that the slowest part sets the pace. The
// reader waits while the chunks that are queued or under way take more than their budget, and
// nothing is started while the lines that wait for the writer do. A reader that waited goes on
// when there is room for many rows, not for the next ones: each time it wakes costs as much as
// to read some hundred of them.
//
// The text of rows is not copied on its way: letters point into the chunk, which stays until the
// last of its rows has ended, and whose memory the reader then fills again.
//
// Who may touch what: `state` is behind its lock, which is never held while something is
// started or called. A box of `boxes` is whose number is in it (see `LoopBoxes`): a loop takes one
// with the first end of a turn, notes its ends there, and adds them to what all share when the turn
// is over: counters that several processors write for each row would cost more than the rest.
// What is left is constant, atomic, or the reader's or writer's alone.

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
    /// Bytes of rows in memory, and those among them that have not been started.
    package var rowBudget = 4 << 20
    package var aheadBudget = 1 << 20
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

  // What loops read for each row has cache lines to itself: references to the run are counted in
  // front of it, and behind it is what threads share.
  private let front = (Distance(), Distance())
  package let control: MapRun
  private let options: Options
  private let sources: [BatchSource]
  private let sink: any BatchSink
  private let workflow: Workflow
  private var starter: RowStarter?
  private let loops: [UInt32]
  private let boxes = LoopBoxes()
  private let back = (Distance(), Distance())
  /// Starts rows whose states are watched, once somebody wanted that. It stays, since what it has started may be aborted.
  private let watcher = Guarded<RowStarter?>(nil)
  private let state = Guarded(State())
  private let ended = Atomic<Int>(0)
  /// The same as in `state`, for those who need not look closer before it is the case.
  private let hasRead = Atomic<Bool>(false)
  private let failedCount: Atomic<Int>
  private let bytesReading = Atomic<Int>(0)
  private let bytesOfSources: Int?
  /// Rows that were done before it began.
  private let doneBefore: DoneRows
  private let countsBefore: BatchCounts
  private let elapsedBefore: Int
  private let begun = Monitor.now
  /// What ended where nobody had a box.
  private let aside = Guarded<ResultBlock?>(nil)
  private let isStopping = Atomic<Bool>(false)

  /// Bytes of chunks that exist, and what the reader waits for.
  private let rowBytes = Atomic<Int>(0)
  /// Those among them that are queued.
  private let queuedBytes = Atomic<Int>(0)
  private let spareChunks = Guarded<[RowChunk]>([])
  private let isReaderWaiting = Atomic<Bool>(false)
  private let readerMonitor = Monitor()
  private let writerMonitor = Monitor()
  /// Behind the writer's monitor.
  private var blocks: [ResultBlock] = []
  private var spareBlocks: [ResultBlock] = []
  private var areAllEnded = false
  /// There is enough for the writer to be worth waking it.
  private var isWriterWanted = false
  private let blockBytes = Atomic<Int>(0)
  /// Bytes that the sink keeps until it is their turn.
  private let keptBytes = Atomic<Int>(0)
  /// Somebody has not started rows for that.
  private let isHeldBack = Atomic<Bool>(false)
  private let errors = Guarded<[String: Int]>([:])
  private var readerThread: Thread?
  private var writerThread: Thread?
  private var onEnd: (@Sendable (Ending) -> Void)?

  private struct State {
    var queue: [RowChunk] = []
    var queueStart = 0
    var started = 0
    var hasRead = false
    var ending: Ending?
    var watch: Watch?

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

  /// How many rows may be watched: what is told of each costs more than to run most.
  private struct Watch {
    let starter: RowStarter
    private static let perSecond = 2000.0
    private static let burst = 1000.0
    private var allowance = burst
    private var time = Monitor.now

    init(_ starter: RowStarter) { self.starter = starter }

    mutating func takes(_ count: Int) -> Bool {
      let now = Monitor.now
      allowance = min(Self.burst, allowance + Double(now &- time) * 1e-9 * Self.perSecond)
      time = now
      guard allowance >= Double(count) else { return false }
      allowance -= Double(count)
      return true
    }
  }

  package init(
    _ workflow: Workflow, sources: [BatchSource], sink: any BatchSink, options: Options = Options(),
    control: MapRun = MapRun(), elapsedMilliseconds: Int = 0
  ) {
    self.workflow = workflow
    loops = RowStarter.loops(of: workflow)
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
    /// No more rows than that will run.
    package var limit: Int?
    /// Rows in the bytes that have been read.
    package var rowsRead = 0
    /// Rows of this call only, without what was done before.
    package var endedNow = 0
    package var milliseconds = 0

    package init() {}
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
    progress.limit = options.limit
    progress.rowsRead = counters.read
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
    starter = starter(of: workflow)
    control.listen { [weak self] in self?.controlChanged() }
    let writer = Self.thread("stepmill-write") { [self] in writeAll() }
    let reader = Self.thread("stepmill-read") { [self] in readAll() }
    readerThread = reader
    writerThread = writer
    // It may have been cancelled before it began.
    if control.isCancelled { controlChanged() }
  }

  private static func thread(_ name: String, _ body: @escaping @Sendable () -> Void) -> Thread {
    do throws(Thread.StartError) {
      return try Thread(name: name, body: body)
    } catch {
      preconditionFailure(
        "Stepmill: the system has no thread left to read or write rows (error \(error.code))")
    }
  }

  /// Has rows run on a workflow that is observed and does the same: all of them, or where they are
  /// many a part, at most 2,000 a second. Nil: none any more. From any thread.
  package func watch(_ observed: Workflow?) {
    let starter = watcher.withLock { watcher -> RowStarter? in
      if watcher == nil, let observed { watcher = self.starter(of: observed) }
      return watcher
    }
    state.withLock { $0.watch = observed == nil ? nil : starter.map { Watch($0) } }
  }

  private func starter(of workflow: Workflow) -> RowStarter {
    // The threads hold the run until the last row has ended.
    let this = unsafe Unmanaged.passUnretained(self)
    return RowStarter(workflow, priority: control.priority) { end in
      unsafe this._withUnsafeGuaranteedRef { $0.rowEnded(end) }
    }
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
      abortAll()
    }
    pump()
  }

  private func abortAll() {
    let cause = "The run was cancelled."
    starter?.abortAll(cause: cause)
    watcher.withLock { $0 }?.abortAll(cause: cause)
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
    queuedBytes.subtract(chunk.footprint, ordering: .sequentiallyConsistent)
    let count = (chunk.next..<chunk.count).count { !chunk.isLeftOut($0) }
    leave(RowChunkReference(chunk), count)
  }

  // MARK: Starting

  private struct Job {
    let chunk: RowChunk
    let rows: Range<Int>
    /// Nil: the one of most rows.
    let starter: RowStarter?
  }

  /// Starts what there is room for. A loop whose rows have ended fills their places, on itself, and
  /// no more. From any thread.
  private func pump(on loop: UInt32 = 0, places: Int = .max) {
    var places = places
    while places > 0, let job = nextJob(rowsMax: places) {
      do throws(StepmillError) {
        let loop = loop == 0 ? boxes.idlest(of: loops) : loop
        boxes.noteStarted(job.rows.count, on: loop)
        // The chunk stays until the last of its rows has ended.
        unsafe try (job.starter ?? starter)?.start(
          job.chunk.lines(job.rows), tag: RowChunkReference(job.chunk).tag(job.rows.lowerBound), on: loop)
        places -= job.rows.count
        // Who cancelled meanwhile has not seen these.
        if isStopping.load(ordering: .acquiring), control.isCancelled { abortAll() }
      } catch {
        state.withLock { $0.started -= job.rows.count }
        leave(RowChunkReference(job.chunk), job.rows.count)
        return end(.runtime("\(error)"))
      }
    }
    // The reader asks when it has read; until then nothing is over.
    guard hasRead.load(ordering: .sequentiallyConsistent) else { return }
    let isOver = state.withLock { state in
      state.hasRead && state.isEmpty && state.started == ended.load(ordering: .sequentiallyConsistent)
    }
    if isOver {
      writerMonitor.locked { areAllEnded = true }
      writerMonitor.signal()
    }
  }

  private var isOverBudget: Bool {
    blockBytes.load(ordering: .sequentiallyConsistent) + keptBytes.load(ordering: .sequentiallyConsistent)
      > options.resultBudget
  }

  private func nextJob(rowsMax: Int) -> Job? {
    if isOverBudget {
      isHeldBack.store(true, ordering: .sequentiallyConsistent)
      // Unless the writer has caught up just now, and has not seen that.
      if isOverBudget { return nil }
    }
    var taken = 0
    let job = state.withLock { state -> Job? in
      guard state.ending == nil, let chunk = state.first else { return nil }
      let room = control.room(inFlight: state.started - ended.load(ordering: .acquiring))
      guard room > 0 else { return nil }
      let rows = chunk.take(min(room, rowsMax, RowStarter.rowsPerLetter))
      if chunk.isExhausted {
        state.removeFirst()
        taken = chunk.footprint
      }
      state.started += rows.count
      control.noteStarted(rows.count)
      let isWatched = state.watch?.takes(rows.count) ?? false
      return Job(chunk: chunk, rows: rows, starter: isWatched ? state.watch?.starter : nil)
    }
    if taken > 0 {
      queuedBytes.subtract(taken, ordering: .sequentiallyConsistent)
      wakeReader()
    }
    return job
  }

  // MARK: Ends, on the loops

  private func rowEnded(_ end: borrowing RowEnd) {
    let chunk = RowChunkReference(tag: end.tag)
    let place = RowChunkReference.place(tag: end.tag)
    chunk.with { rows in
      let row = rows.first &+ place
      // A comparison would be a call into the other module.
      if case .succeeded = end.status {
        let label =
          options.isBare ? nil : rows.labels.map { $0[place] } ?? row &* options.shape.rowsPerStart
        note(end, chunk, isSuccess: true) { unsafe $0.addSuccess(row, unsafe end.outputText, label: label) }
      } else {
        rowFailed(end, chunk, rows, place, row)
      }
    }
  }

  private func rowFailed(
    _ end: borrowing RowEnd, _ chunk: RowChunkReference, _ rows: RowChunk, _ place: Int, _ row: Int
  ) {
    let label = rows.labels.map { $0[place] } ?? row &* options.shape.rowsPerStart
    switch end.status {
    case .succeeded, .aborted, .neverStarted:
      // It has not been done.
      return note(end, chunk, isSuccess: false) { _ in }
    case .notJSON:
      switch options.badRows {
      case .fail:
        self.end(.badRow(row: label, message: end.cause ?? ""))
        return note(end, chunk, isSuccess: false) { _ in }
      case .skip: return note(end, chunk, isSuccess: false) { $0.addSkipped(row..<row + 1) }
      case .record: break
      }
    case .failed, .timedOut: break
    }
    let name = end.status == .timedOut ? "States.Timeout" : end.error ?? "Stepmill.InvalidInput"
    errors.withLock { if $0.count < 1000 || $0[name] != nil { $0[name, default: 0] += 1 } }
    let line = FailureLine.text(end, row: label, input: rows.text(of: place))
    let failed = failedCount.add(1, ordering: .relaxed).newValue
    if let tolerance = options.tolerance, exceeds(tolerance, failed) { self.end(.tooManyFailures) }
    note(end, chunk, isSuccess: false) { $0.addFailure(row, line) }
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

  /// Notes an end with its loop, and sees to it that it is counted when the loop's turn is over.
  @inline(__always)
  private func note(
    _ end: borrowing RowEnd, _ chunk: RowChunkReference, isSuccess: Bool, _ write: (ResultBlock) -> Void
  ) {
    var isFirst = false
    guard let box = boxes.box(of: end.loop, isFirst: &isFirst) else {
      return noteAside(end.loop, chunk, isSuccess: isSuccess, write)
    }
    let block = box.block ?? box.take(takeSpare())
    block.with(write)
    box.count(isSuccess)
    if _slowPath(box.chunk != chunk) {
      let left = box.change(to: chunk)
      if let left { leave(left.chunk, left.rows) }
    }
    box.leaving &+= 1
    if _slowPath(block.with { $0.isFull } || box.isWanted) { box.giveBlock().map(send) }
    // It keeps the run, which may be over with this turn.
    if _slowPath(isFirst) { end.atTurnEnd { [self] loop in settle(loop) } }
  }

  /// Notes an end that no loop has a box for.
  @inline(never)
  private func noteAside(
    _ loop: UInt32, _ chunk: RowChunkReference, isSuccess: Bool, _ write: (ResultBlock) -> Void
  ) {
    // The run may be over with this row, and nobody else keep it then.
    let this = unsafe Unmanaged.passRetained(self)
    defer { unsafe this.release() }
    let full = aside.withLock { aside -> ResultBlock? in
      let block = aside ?? takeSpare()
      write(block)
      aside = block.isFull ? nil : block
      return block.isFull ? block : nil
    }
    if let full { send(full) }
    leave(chunk, 1)
    add(loop, succeeded: isSuccess ? 1 : 0, failed: isSuccess ? 0 : 1)
    pump(on: loop, places: 1)
  }

  /// Adds what a loop has noted to what all share, and fills the places that are free now.
  private func settle(_ loop: UInt32) {
    let turn = boxes.endTurn(of: loop)
    if let chunk = turn.chunk { leave(chunk, turn.leaving) }
    add(loop, succeeded: turn.succeeded, failed: turn.failed)
    pump(on: loop, places: turn.succeeded + turn.failed)
  }

  private func add(_ loop: UInt32, succeeded: Int, failed: Int) {
    boxes.noteEnded(succeeded + failed, on: loop)
    control.noteEnded(succeeded: succeeded, failed: failed)
    starter?.noteEnded(succeeded + failed)
    ended.add(succeeded + failed, ordering: .sequentiallyConsistent)
  }

  private func takeSpare() -> ResultBlock {
    writerMonitor.locked { spareBlocks.popLast() } ?? ResultBlock()
  }

  /// Leaves a block to the writer, who is woken for many at a time: to wake it costs as much as to
  /// write a block.
  private func send(_ block: ResultBlock) {
    let waiting = blockBytes.add(block.bytes, ordering: .relaxed).newValue
    let mustWake = waiting >= wakingBytes || isOverBudget
    let wakes = writerMonitor.locked {
      blocks.append(block)
      defer { if mustWake { isWriterWanted = true } }
      return mustWake && !isWriterWanted
    }
    if wakes { writerMonitor.signal() }
  }

  private var wakingBytes: Int { min(1 << 18, options.resultBudget / 4) }

  /// Rows of a chunk are over; with the last of them the chunk is.
  @inline(__always)
  private func leave(_ chunk: RowChunkReference, _ count: Int) {
    guard count > 0 else { return }
    let left = chunk.with {
      $0.left.subtract(count, ordering: .acquiringAndReleasing).newValue
    }
    if left == 0 { retire(chunk) }
  }

  private func retire(_ chunk: RowChunkReference) {
    let rows = chunk.release()
    let bytes = rows.footprint
    if bytes <= Self.spareBytesMax {
      spareChunks.withLock { if $0.count < Self.spareChunksMax { $0.append(rows) } }
    }
    rowBytes.subtract(bytes, ordering: .sequentiallyConsistent)
    wakeReader()
  }

  private static let spareChunksMax = 64
  private static let spareBytesMax = 1 << 17

  /// Lets a reader that waits go on when there is room for many rows.
  private func wakeReader() {
    if isReaderWaiting.load(ordering: .sequentiallyConsistent), hasRoomAgain {
      readerMonitor.locked { readerMonitor.signal() }
    }
  }

  private var hasRoom: Bool {
    rowBytes.load(ordering: .sequentiallyConsistent) < options.rowBudget
      && queuedBytes.load(ordering: .sequentiallyConsistent) < options.aheadBudget
  }

  private var hasRoomAgain: Bool {
    rowBytes.load(ordering: .sequentiallyConsistent) < options.rowBudget - options.rowBudget / 8
      && queuedBytes.load(ordering: .sequentiallyConsistent) < options.aheadBudget / 2
  }

  // MARK: The reader

  private func readAll() {
    var reading = Reading(
      options, doneBefore, addBytes: { [self] in bytesReading.add($0, ordering: .relaxed) },
      isStopping: { [self] in isStopping.load(ordering: .acquiring) },
      spare: { [self] in spareChunks.withLock { $0.popLast() } }, emit: { [self] in emit($0) },
      skip: { [self] in skip($0) })
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
    hasRead.store(true, ordering: .sequentiallyConsistent)
    pump()
  }

  /// Queues rows, when there is room for them.
  private func emit(_ chunk: RowChunk) {
    control.noteRead(chunk.count)
    let left = chunk.left.load(ordering: .relaxed)
    guard left > 0 else { return }
    waitForRoom()
    rowBytes.add(chunk.footprint, ordering: .sequentiallyConsistent)
    queuedBytes.add(chunk.footprint, ordering: .sequentiallyConsistent)
    let reference = RowChunkReference.keep(chunk)
    let isQueued = state.withLock { state in
      guard state.ending == nil else { return false }
      state.queue.append(chunk)
      return true
    }
    if isQueued {
      pump()
    } else {
      queuedBytes.subtract(chunk.footprint, ordering: .sequentiallyConsistent)
      leave(reference, left)
    }
  }

  private func waitForRoom() {
    if hasRoom { return }
    readerMonitor.locked {
      isReaderWaiting.store(true, ordering: .sequentiallyConsistent)
      while !hasRoomAgain, !isStopping.load(ordering: .acquiring) { readerMonitor.wait() }
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
        while !isWriterWanted || blocks.isEmpty, !areAllEnded, Monitor.now < nextFlush {
          writerMonitor.wait(untilNanoseconds: nextFlush)
        }
        isWriterWanted = false
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
    var partial = boxes.takeBlocks()
    let rest = aside.withLock { aside -> ResultBlock? in
      defer { aside = nil }
      return aside
    }
    if let rest { partial.append(rest) }
    for block in partial { blockBytes.add(block.bytes, ordering: .relaxed) }
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
      blockBytes.subtract(block.bytes, ordering: .sequentiallyConsistent)
      keptBytes.store(sink.bytesKept, ordering: .sequentiallyConsistent)
      block.removeAll()
      writerMonitor.locked { if spareBlocks.count < 16 { spareBlocks.append(block) } }
      if isHeldBack.load(ordering: .sequentiallyConsistent), !isOverBudget {
        isHeldBack.store(false, ordering: .sequentiallyConsistent)
        pump()
      }
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

  static func text(_ end: borrowing RowEnd, row: Int, input: [UInt8]) -> [UInt8] {
    var line = LineBuffer()
    line.append(#"{"row":"#)
    line.append(number: row)
    if end.status == .notJSON {
      line.append(#","text":"#)
      line.append(JSON(String(decoding: input.prefix(textMax), as: UTF8.self)).utf8)
    } else {
      line.append(#","input":"#)
      line.append(input)
    }
    func add(_ name: StaticString, _ value: String?) {
      guard let value else { return }
      line.append(name)
      line.append(JSON(value).utf8)
    }
    add(#","state":"#, end.state)
    switch end.status {
    case .notJSON: add(#","error":"#, "Stepmill.InvalidInput")
    case .timedOut: add(#","error":"#, "States.Timeout")
    case .succeeded, .failed, .aborted, .neverStarted: add(#","error":"#, end.error)
    }
    add(#","cause":"#, end.cause)
    line.append("}\n")
    return line.withBytes { $0.array }
  }
}
