import Stepmill

// Where a run leaves its results, so that it can be taken up again whatever happened.
//
// There are three files: results, failures, and the checkpoint. The first two are only added
// to. The checkpoint says how long they were and which rows were in them at one moment, and is
// replaced as a whole after both have been made to last. So after any interruption, whatever
// lies behind those lengths is of rows that will run again, and is cut off.
//
// Failures that run again (`retry`) are rows of the failures file. Their results are added to
// the results, their failures go to a file of their own, which takes the place of the old one
// at the end. The step from "all have run" to "the files are in place" can be taken again from
// the start, so it does not matter where it is interrupted.

package struct BatchPlaces: Sendable, Equatable {
  package var results: String
  package var failures: String
  package var checkpoint: String

  package init(results: String, failures: String, checkpoint: String) {
    self.results = results
    self.failures = failures
    self.checkpoint = checkpoint
  }

  /// Failures of rows that failed before.
  var again: String { failures + ".again" }
  /// Results put into order.
  var merged: String { results + ".merged" }
}

/// Why a run cannot begin, go on or end as it should.
package struct BatchError: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// There is a run already, or another one, or none.
    case occupied, different, missing
    /// The checkpoint is not one.
    case damaged
    case files
  }

  package var kind: Kind
  package var message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }
}

/// What was counted.
package struct BatchCounts: Sendable, Hashable {
  package var succeeded = 0
  package var failed = 0
  package var skipped = 0
  package var done: Int { succeeded + failed + skipped }
  package init() {}
}

/// What is known of a run from its checkpoint.
package struct BatchCheckpoint: Sendable, Equatable {
  package enum Phase: String, Sendable {
    case rows
    /// What failed runs again.
    case retry
    /// All of that has ended, and is being put where it belongs.
    case placing
  }

  /// What makes it this run and no other.
  package var identity: JSON
  /// How it was called, for those who take it up without saying it again.
  package var call: JSON
  package var phase = Phase.rows
  package var isFinished = false
  package var counts = BatchCounts()
  package var done = DoneRows()
  package var results = 0
  package var failures = 0
  /// Where the results of failures that run again begin.
  package var retryStart = 0
  package var milliseconds = 0

  package init(identity: JSON, call: JSON = .null) {
    self.identity = identity
    self.call = call
  }

  var json: JSON {
    let ranges = done.ranges
    let counts: JSON = [
      "succeeded": JSON(self.counts.succeeded), "failed": JSON(self.counts.failed),
      "skipped": JSON(self.counts.skipped),
    ]
    let members: [(key: String, value: JSON)] = [
      ("format", 1), ("identity", identity), ("call", call), ("phase", JSON(phase.rawValue)),
      ("finished", JSON(isFinished)), ("counts", counts),
      ("resultsBytes", JSON(results)), ("failuresBytes", JSON(failures)), ("retryStart", JSON(retryStart)),
      ("milliseconds", JSON(milliseconds)),
      ("done", JSON(ranges.map { JSON([JSON($0.lowerBound), JSON($0.upperBound)]) })),
    ]
    return JSON(members: members)
  }

  init?(_ json: JSON) {
    guard json["format"]?.int == 1, let identity = json["identity"], let call = json["call"],
      let phase = json["phase"]?.string.flatMap(Phase.init(rawValue:)),
      let isFinished = json["finished"]?.bool,
      let succeeded = json["counts"]?["succeeded"]?.int, let failed = json["counts"]?["failed"]?.int,
      let skipped = json["counts"]?["skipped"]?.int, let results = json["resultsBytes"]?.int,
      let failures = json["failuresBytes"]?.int, let retryStart = json["retryStart"]?.int,
      let milliseconds = json["milliseconds"]?.int, let done = json["done"]?.array,
      results >= 0, failures >= 0
    else { return nil }
    self.identity = identity.copy()
    self.call = call.copy()
    self.phase = phase
    self.isFinished = isFinished
    counts.succeeded = succeeded
    counts.failed = failed
    counts.skipped = skipped
    self.results = results
    self.failures = failures
    self.retryStart = retryStart
    self.milliseconds = milliseconds
    for range in done {
      guard let first = range[0]?.int, let end = range[1]?.int, first >= 0, first <= end else { return nil }
      self.done.insert(first..<end)
    }
  }

  /// The checkpoint of an output; nil if there is none.
  package static func read(_ path: String, _ store: any FileStore) throws(BatchError) -> BatchCheckpoint? {
    let bytes: [UInt8]?
    do throws(FileFailure) {
      bytes = try store.read(path)
    } catch {
      throw BatchError(.files, "the checkpoint '\(path)' cannot be read: \(error.reason)")
    }
    guard let bytes else { return nil }
    guard let json = try? JSON(parsing: bytes), let checkpoint = BatchCheckpoint(json) else {
      throw BatchError(.damaged, "'\(path)' is no checkpoint of this version of Stepmill")
    }
    return checkpoint
  }
}

/// Takes blocks of results. Used by the writer's thread only.
package protocol BatchSink: AnyObject, Sendable {
  /// Rows that were done before.
  var done: DoneRows { get }
  var counts: BatchCounts { get }
  /// Bytes of results that wait for their turn.
  var bytesKept: Int { get }
  func write(_ block: borrowing ResultLines) throws(BatchError)
  /// Makes what has been written last.
  func checkpoint(milliseconds: Int) throws(BatchError)
  /// Everything has been written. Only then is the run finished.
  func finish(isComplete: Bool, milliseconds: Int) throws(BatchError)
}

/// The content of a block.
package struct ResultLines: ~Copyable {
  let block: ResultBlock

}

/// Puts results into the order of their rows, where that is wanted: lines that come too early
/// are kept until it is their turn.
struct RowOrder {
  private struct Early {
    let bytes: [UInt8]
    let entry: ResultBlock.Entry
  }

  private var early: [Int: Early] = [:]
  private(set) var next: Int
  /// Bytes that are kept.
  private(set) var bytesKept = 0

  init(next: Int) { self.next = next }

  mutating func take(
    _ entry: ResultBlock.Entry, _ line: Span<UInt8>,
    _ write: (ResultBlock.Entry, Span<UInt8>) throws(BatchError) -> Void
  ) throws(BatchError) {
    guard entry.row == next else {
      early[entry.row] = Early(bytes: line.array, entry: entry)
      bytesKept += line.count + MemoryLayout<Early>.size
      return
    }
    try write(entry, line)
    next += entry.count
    while let kept = early.removeValue(forKey: next) {
      bytesKept -= kept.bytes.count + MemoryLayout<Early>.size
      try write(kept.entry, kept.bytes.span)
      next += kept.entry.count
    }
  }
}

/// Results as files.
package final class BatchFiles: BatchSink, @unchecked Sendable {
  // Belongs to whoever begins the run, then to the writer's thread.
  private let store: any FileStore
  private let places: BatchPlaces
  private let isOrdered: Bool
  private var state: BatchCheckpoint
  private let results: any StoredFile
  private let failures: any StoredFile
  private var order: RowOrder?
  private var isChanged = false
  private let resultsBuffer: GatherBuffer
  private let failuresBuffer: GatherBuffer

  package var done: DoneRows { state.done }
  package var counts: BatchCounts { state.counts }
  package var milliseconds: Int { state.milliseconds }
  /// There is nothing left to run.
  package var isFinished: Bool { state.isFinished }
  /// What runs are failures of before.
  package var isRetry: Bool { state.phase == .retry }

  private final class GatherBuffer {
    var lines = LineBuffer()
  }

  package enum Start: Sendable {
    /// There must be nothing yet.
    case fresh
    /// Goes on with what there is; begins where there is nothing.
    case resume(force: Bool)
    /// Runs what failed again, or goes on with that.
    case retry(force: Bool)
  }

  package init(
    _ places: BatchPlaces, identity: JSON, call: JSON = .null, isOrdered: Bool, start: Start,
    store: any FileStore = SystemFileStore()
  ) throws(BatchError) {
    self.store = store
    self.places = places
    self.isOrdered = isOrdered
    resultsBuffer = GatherBuffer()
    failuresBuffer = GatherBuffer()
    var state = BatchCheckpoint(identity: identity, call: call)
    let known = try BatchCheckpoint.read(places.checkpoint, store)
    switch (start, known) {
    case (.fresh, let known?):
      throw BatchError(
        .occupied,
        "'\(places.results)' holds the results of \(known.isFinished ? "a finished run" : "a run that was interrupted"); "
          + (known.isFinished ? "choose another --out" : "--resume goes on with it, or choose another --out"))
    case (.retry, nil):
      throw BatchError(
        .missing, "there is no run whose failures could run again: '\(places.checkpoint)' is missing")
    case (.resume(let force), let known?):
      if !force { try Self.compare(known.identity, identity, places) }
      state = known
      if force { state.identity = identity }
    case (.retry(let force), let known?):
      if !force { try Self.compare(known.identity, identity, places) }
      guard known.isFinished || known.phase != .rows else {
        throw BatchError(.different, "the run has not come to its end yet: --resume it first")
      }
      state = known
      if force { state.identity = identity }
    case (.fresh, nil), (.resume, nil): break
    }
    let isRetry: Bool
    if case .retry = start { isRetry = true } else { isRetry = state.phase == .retry }
    let bytes = try Self.filing { () throws(FileFailure) in
      guard known == nil else { return 0 }
      return try (store.size(of: places.results) ?? 0) + (store.size(of: places.failures) ?? 0)
    }
    if bytes > 0 {
      throw BatchError(
        .occupied,
        "'\(places.results)' is there already, and is not the output of a run; choose another --out")
    }
    if state.phase == .placing {
      let before = state
      state = try Self.filing { () throws(FileFailure) in
        let results = try store.open(places.results)
        // What is put into its place is another file.
        defer { results.close() }
        return try Self.place(before, results, places, isOrdered: isOrdered, store)
      }
    }
    results = try Self.filing { () throws(FileFailure) in try store.open(places.results) }
    if isRetry, state.phase == .rows {
      // A new round. Whatever an earlier one left half done has been put into place.
      state.phase = .retry
      state.isFinished = false
      state.done = DoneRows()
      state.retryStart = state.results
      state.failures = 0
      state.counts.failed = 0
      try Self.filing { () throws(FileFailure) in try store.remove(places.again) }
    }
    failures = try Self.filing { () throws(FileFailure) in
      try store.open(isRetry ? places.again : places.failures)
    }
    guard results.size >= state.results, failures.size >= state.failures else {
      throw BatchError(
        .damaged,
        "'\(places.results)' or its failures are shorter than they were at the last checkpoint: they were changed "
          + "or lost, and the run cannot be taken up")
    }
    let (results, failures) = (results, failures)
    try Self.filing { () throws(FileFailure) in
      if results.size > state.results { try results.truncate(to: state.results) }
      if failures.size > state.failures { try failures.truncate(to: state.failures) }
    }
    self.state = state
    if isOrdered { order = RowOrder(next: state.done.prefix) }
    if !state.isFinished { try save() }
  }

  private static func filing<Result>(
    _ body: () throws(FileFailure) -> Result
  ) throws(BatchError) -> Result {
    do throws(FileFailure) {
      return try body()
    } catch {
      throw BatchError(.files, error.description)
    }
  }

  /// Says what is not as it was.
  private static func compare(_ known: JSON, _ now: JSON, _ places: BatchPlaces) throws(BatchError) {
    guard known != now else { return }
    var differences: [String] = []
    for key in Set((known.object?.keys.map { $0 } ?? []) + (now.object?.keys.map { $0 } ?? [])).sorted()
    where known[key] != now[key] {
      differences.append(key)
    }
    throw BatchError(
      .different,
      "'\(places.checkpoint)' is of another run: \(differences.joined(separator: ", ")) "
        + "\(differences.count == 1 ? "differs" : "differ") from what it was. "
        + "Choose another --out, or --force to go on nevertheless")
  }

  // MARK: Writing

  /// Bytes of results that wait for their turn.
  package var bytesKept: Int { order?.bytesKept ?? 0 }

  package func write(_ lines: borrowing ResultLines) throws(BatchError) {
    let block = lines.block
    isChanged = true
    guard order != nil else {
      try block.withResults { (good) throws(BatchError) in
        try block.withFailures { (bad) throws(BatchError) in try put(good, bad) }
      }
      note(block.entries)
      return
    }
    resultsBuffer.lines.removeAll()
    failuresBuffer.lines.removeAll()
    var written: [ResultBlock.Entry] = []
    try block.forEachLine { (entry, line) throws(BatchError) in
      try order?.take(entry, line) { (entry, line) throws(BatchError) in
        switch entry.kind {
        case .success: resultsBuffer.lines.append(line)
        case .failure: failuresBuffer.lines.append(line)
        case .skipped: break
        }
        written.append(entry)
      }
    }
    try resultsBuffer.lines.withBytes { (good) throws(BatchError) in
      try failuresBuffer.lines.withBytes { (bad) throws(BatchError) in try put(good, bad) }
    }
    note(written)
  }

  /// Both or none: what was written of a block that does not fit is taken back.
  private func put(_ good: Span<UInt8>, _ bad: Span<UInt8>) throws(BatchError) {
    do throws(FileFailure) {
      if good.count > 0 { try results.append(good) }
      do throws(FileFailure) {
        if bad.count > 0 { try failures.append(bad) }
      } catch {
        try? results.truncate(to: state.results)
        throw error
      }
    } catch {
      throw BatchError(.files, error.description)
    }
    state.results += good.count
    state.failures += bad.count
  }

  private func note(_ entries: some RandomAccessCollection<ResultBlock.Entry>) {
    var index = entries.startIndex
    while index < entries.endIndex {
      let first = entries[index].row
      var end = first
      // Neighbours are noted together.
      while index < entries.endIndex, entries[index].row == end {
        let entry = entries[index]
        switch entry.kind {
        case .success: state.counts.succeeded += 1
        case .failure: state.counts.failed += 1
        case .skipped: state.counts.skipped += entry.count
        }
        end += entry.count
        index = entries.index(after: index)
      }
      state.done.insert(first..<end)
    }
  }

  package func checkpoint(milliseconds: Int) throws(BatchError) {
    state.milliseconds = milliseconds
    guard isChanged else { return }
    try save()
  }

  private func syncFiles() throws(BatchError) {
    try Self.filing { [results, failures] () throws(FileFailure) in
      try results.sync()
      try failures.sync()
    }
  }

  private func save() throws(BatchError) {
    try syncFiles()
    do throws(FileFailure) {
      try store.replace(places.checkpoint, with: state.json.utf8)
      isChanged = false
    } catch {
      throw BatchError(.files, error.description)
    }
  }

  package func finish(isComplete: Bool, milliseconds: Int) throws(BatchError) {
    // Whoever takes it up next may be this very process.
    defer {
      results.close()
      failures.close()
    }
    state.milliseconds = milliseconds
    guard isComplete, !state.isFinished else { return try save() }
    if state.phase == .retry { state.phase = .placing }
    // Where nothing is to be placed, the checkpoint that says so is the last one.
    if state.phase == .placing { try save() } else { try syncFiles() }
    let (before, results, places, isOrdered, store) = (state, results, places, isOrdered, store)
    state = try Self.filing { () throws(FileFailure) in
      try Self.place(before, results, places, isOrdered: isOrdered, store)
    }
  }

  /// The last step. It may be interrupted anywhere and taken again.
  private static func place(
    _ state: BatchCheckpoint, _ results: any StoredFile, _ places: BatchPlaces, isOrdered: Bool,
    _ store: any FileStore
  ) throws(FileFailure) -> BatchCheckpoint {
    var state = state
    if state.phase == .placing {
      if isOrdered, state.retryStart > 0, state.results > state.retryStart {
        try merge(results, state, places, store)
      }
      if try store.size(of: places.again) != nil { try store.rename(places.again, to: places.failures) }
      try store.syncDirectory(of: places.failures)
    }
    state.isFinished = true
    state.phase = .rows
    try store.replace(places.checkpoint, with: state.json.utf8)
    return state
  }

  /// Puts the results of rows that ran again between the others. Both parts are in order. Done a
  /// second time, it changes nothing: the file is in order then wherever it is parted.
  private static func merge(
    _ results: any StoredFile, _ state: BatchCheckpoint, _ places: BatchPlaces, _ store: any FileStore
  ) throws(FileFailure) {
    guard try isOutOfOrder(results, at: state.retryStart, state.results) else { return }
    let merged = try store.open(places.merged)
    defer { merged.close() }
    try merged.truncate(to: 0)
    var left = ResultCursor(0..<state.retryStart)
    var right = ResultCursor(state.retryStart..<state.results)
    try left.fill(results)
    try right.fill(results)
    var gathered: [UInt8] = []
    while left.row != nil || right.row != nil {
      if (left.row ?? .max) < (right.row ?? .max) {
        gathered += left.line
        try left.advance(results)
      } else {
        gathered += right.line
        try right.advance(results)
      }
      if gathered.count > 1 << 20 {
        try merged.append(gathered.span)
        gathered.removeAll(keepingCapacity: true)
      }
    }
    try merged.append(gathered.span)
    try merged.sync()
    try store.rename(places.merged, to: places.results)
    try store.syncDirectory(of: places.results)
  }

  /// Whether the line that begins at a place is of an earlier row than the one before it. No line
  /// begins there if the file has been put into order already.
  private static func isOutOfOrder(
    _ results: any StoredFile, at place: Int, _ end: Int
  ) throws(FileFailure) -> Bool {
    guard try results.read(at: place - 1, count: 1) == [0x0A] else { return false }
    var next = ResultCursor(place..<end)
    try next.fill(results)
    var size = 1 << 12
    while true {
      let first = max(0, place - size)
      let tail = try results.read(at: first, count: place - first)
      if let mark = tail.dropLast().lastIndex(of: 0x0A) {
        var last = ResultCursor(first + mark + 1..<place)
        try last.fill(results)
        return (next.row ?? .max) < (last.row ?? 0)
      }
      if first == 0 {
        var last = ResultCursor(0..<place)
        try last.fill(results)
        return (next.row ?? .max) < (last.row ?? 0)
      }
      size *= 2
    }
  }
}

/// Lines of results, one after the other, with the numbers of their rows.
private struct ResultCursor {
  private var rest: Range<Int>
  private var text: ArraySlice<UInt8> = []
  private(set) var line: ArraySlice<UInt8> = []
  /// Nil behind the last line.
  private(set) var row: Int?

  init(_ range: Range<Int>) { rest = range }

  mutating func fill(_ file: any StoredFile) throws(FileFailure) { try advance(file) }

  mutating func advance(_ file: any StoredFile) throws(FileFailure) {
    var end = text.firstIndex(of: 0x0A)
    while end == nil, !rest.isEmpty {
      let more = try file.read(at: rest.lowerBound, count: min(rest.count, 1 << 18))
      if more.isEmpty { break }
      rest = rest.lowerBound + more.count..<rest.upperBound
      text = ArraySlice(Array(text) + more)
      end = text.firstIndex(of: 0x0A)
    }
    guard let end else {
      row = nil
      return
    }
    line = text[...end]
    text = text[(end + 1)...]
    row = line.dropFirst(7).prefix { $0 >= 0x30 && $0 <= 0x39 }.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}
