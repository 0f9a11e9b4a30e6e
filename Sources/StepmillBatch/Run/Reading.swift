import Stepmill

/// The reader's work: files become chunks of rows, shaped and numbered.
struct Reading: ~Copyable {
  private let options: BatchRun.Options
  private let done: DoneRows
  private let hasDone: Bool
  private let addBytes: (Int) -> Void
  private let isStopping: () -> Bool
  private let spare: () -> RowChunk?
  private let emit: (RowChunk) -> Void
  private let skip: (Range<Int>) -> Void
  private var next = 0
  private var sampler: Sampler?
  private(set) var isDone = false

  static let pieceBytes = 1 << 18

  init(
    _ options: BatchRun.Options, _ done: DoneRows, addBytes: @escaping (Int) -> Void,
    isStopping: @escaping () -> Bool, spare: @escaping () -> RowChunk? = { nil },
    emit: @escaping (RowChunk) -> Void, skip: @escaping (Range<Int>) -> Void
  ) {
    self.options = options
    self.done = done
    hasDone = done.count > 0
    self.addBytes = addBytes
    self.isStopping = isStopping
    self.spare = spare
    self.emit = emit
    self.skip = skip
    sampler = options.sample.map { Sampler(pick: $0.count, of: $0.of, seed: $0.seed) }
  }

  mutating func read(_ source: BatchSource) throws(RowError) {
    switch source.content {
    case .rows(let format): try readRows(source, format)
    case .failures: try readFailures(source)
    }
  }

  private mutating func readRows(_ source: BatchSource, _ format: RowFormat) throws(RowError) {
    let file = try SourceFile(source)
    var feed = RowFeed(try format.reader(), rowBytesMax: options.rowBytesMax)
    var shaper = options.shape.isPlain ? nil : Optional(RowShaper(options.shape))
    var rows = RowBuffer(rowsMax: RowChunk.rowsMax)
    while !isStopping(), !isDone {
      let progress: RowFeed.Progress
      do throws(RowError) {
        progress = try feed.next(into: &rows)
      } catch {
        // What was whole still counts.
        give(&rows, &shaper, isLast: false)
        throw error
      }
      switch progress {
      case .full:
        give(&rows, &shaper, isLast: false)
      case .ended:
        give(&rows, &shaper, isLast: true)
        return
      case .needsBytes:
        if file.mustWait {
          // Whoever writes slowly still has its rows run.
          give(&rows, &shaper, isLast: false)
          while file.mustWait, !isStopping() { file.wait(milliseconds: 100) }
          if isStopping() { return }
        }
        addBytes(try file.read(into: &feed, Self.pieceBytes))
      }
    }
  }

  private mutating func give(_ rows: inout RowBuffer, _ shaper: inout RowShaper?, isLast: Bool) {
    guard shaper != nil else {
      if !rows.isEmpty { chunk(&rows, labels: nil) }
      return
    }
    var row = 0
    var target = RowBuffer(rowsMax: RowChunk.rowsMax)
    while row < rows.rowCount {
      row = shaper!.shape(rows, from: row, into: &target)
      if target.isFull {
        chunk(&target, labels: nil)
        if isDone { break }
      }
    }
    rows.removeAll()
    if isLast, !isDone { shaper!.finish(into: &target) }
    if !target.isEmpty { chunk(&target, labels: nil) }
  }

  /// Numbers rows and passes them on; the buffer is empty then.
  private mutating func chunk(_ rows: inout RowBuffer, labels: [Int]?) {
    if isDone { return rows.removeAll() }
    var count = rows.rowCount
    if let limit = options.limit, next + count >= limit {
      count = limit - next
      isDone = true
    }
    guard count > 0 else { return rows.removeAll() }
    var leftOut: [Bool]?
    if sampler != nil {
      var notPicked: [Bool] = []
      for _ in 0..<count { notPicked.append(!sampler!.picksNext()) }
      tellSkipped(notPicked)
      leftOut = notPicked
    }
    if hasDone {
      var out = leftOut ?? [Bool](repeating: false, count: count)
      for index in 0..<count where done.contains(next + index) { out[index] = true }
      if out.contains(true) { leftOut = out }
    }
    // The next rows are much like these.
    let chunk = spare() ?? RowChunk(rowBytes: rows.count + rows.count / 8)
    chunk.fill(&rows, first: next, count: count, isLeftOut: leftOut, labels: labels)
    emit(chunk)
    next += count
  }

  /// The writer is to know of rows that will never come.
  private func tellSkipped(_ notPicked: [Bool]) {
    var index = 0
    while index < notPicked.count {
      guard notPicked[index] else {
        index += 1
        continue
      }
      var end = index + 1
      while end < notPicked.count, notPicked[end] { end += 1 }
      if !done.contains(next + index) { skip(next + index..<next + end) }
      index = end
    }
  }

  // MARK: Failures that run again

  private mutating func readFailures(_ source: BatchSource) throws(RowError) {
    let file = try SourceFile(source)
    var feed = RowFeed(try RowFormat.jsonLines.reader(), rowBytesMax: options.rowBytesMax)
    var rows = RowBuffer(rowsMax: RowChunk.rowsMax)
    var inputs = RowBuffer(rowsMax: RowChunk.rowsMax)
    var labels: [Int] = []
    while !isStopping() {
      let progress = try feed.next(into: &rows)
      for row in 0..<rows.rowCount {
        guard let failure = try? rows.json(row), let label = failure["row"]?.int else {
          throw RowError(.syntax, "line \(next + labels.count + 1) is not a failure of a run")
        }
        if let input = failure["input"] {
          inputs.append(input)
        } else {
          // What was no JSON is none now, unless somebody has mended it.
          let text = (failure["text"]?.string ?? "").filter { $0 != "\n" && $0 != "\r\n" }
          inputs.append(Array(text.utf8).span)
        }
        labels.append(label)
        if inputs.rowCount == RowChunk.rowsMax { giveFailures(&inputs, &labels) }
      }
      rows.removeAll()
      switch progress {
      case .full: continue
      case .ended: return giveFailures(&inputs, &labels)
      case .needsBytes:
        addBytes(try file.read(into: &feed, Self.pieceBytes))
      }
    }
  }

  private mutating func giveFailures(_ inputs: inout RowBuffer, _ labels: inout [Int]) {
    guard !inputs.isEmpty else { return }
    chunk(&inputs, labels: labels)
    labels = []
  }
}

/// Picks some of a known number, each with the same probability, in one pass (Knuth's Algorithm S).
struct Sampler {
  private var wanted: Int
  private var left: Int
  private var state: UInt64

  init(pick: Int, of total: Int, seed: UInt64) {
    wanted = min(pick, total)
    left = total
    state = seed
  }

  mutating func picksNext() -> Bool {
    guard wanted > 0, left > 0 else { return false }
    // SplitMix64, as everywhere.
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    let isPicked = word.multipliedFullWidth(by: UInt64(left)).high < UInt64(wanted)
    left -= 1
    if isPicked { wanted -= 1 }
    return isPicked
  }
}
