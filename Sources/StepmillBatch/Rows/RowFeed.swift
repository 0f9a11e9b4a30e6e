// From bytes, as they come, to rows, as they are wanted. It neither reads nor waits: whoever
// drives it pushes what has arrived (a thread that reads a file, a callback of a download) and
// takes rows until more is needed.
//
//   bytes ─push→ [compressed] ─decoder→ [text] ─reader→ RowBuffer
//
// Both queues are short: no more is decompressed than the next rows take, and a driver pushes
// only when asked. A row that is longer than what is there makes the text grow, and is looked
// at again only when there is twice as much of it: a row of 100 MB is scanned some times, not
// once for each piece that arrives.

package struct RowFeed: ~Copyable {
  package enum Progress: Sendable {
    /// The buffer is full; there may be more rows.
    case full
    /// More bytes must be pushed, or the end be told. The buffer may hold rows.
    case needsBytes
    /// All rows have been read. The buffer may hold the last ones.
    case ended
  }

  private let reader: any RowReader
  private var decoder: (any ByteDecoder)?
  private var compressed: ByteQueue
  private var text: ByteQueue
  private var phase = Phase.magic
  private var isFinished = false
  private var hasAllText = false
  private var hasPendingText = false
  /// Nothing is shown to the reader before there is as much.
  private var awaited = 0
  /// Bytes of text in front of what is in `text`.
  private var textOffset = 0
  private let rowBytesMax: Int

  private enum Phase {
    /// The first bytes tell how the rest is compressed.
    case magic
    /// The first bytes of the text tell how it is encoded.
    case mark
    case rows
    case ended
  }

  private static let pieceBytes = 1 << 16

  /// - Parameters:
  ///   - reader: What reads the text.
  ///   - rowBytesMax: A longer row is refused rather than filling the memory.
  package init(_ reader: any RowReader, rowBytesMax: Int = 1 << 28) {
    self.reader = reader
    self.rowBytesMax = rowBytesMax
    compressed = ByteQueue(capacity: 1 << 10)
    text = ByteQueue()
  }

  /// Adds bytes.
  package mutating func push(_ bytes: Span<UInt8>) {
    if takesText { text.append(bytes) } else { compressed.append(bytes) }
  }

  /// Has at most `most` bytes put where they are needed, without copying them.
  mutating func add<Failure: Error>(
    _ most: Int, _ write: (inout ByteRoom) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    takesText ? try text.add(most, write) : try compressed.add(most, write)
  }

  private var takesText: Bool { phase != .magic && decoder == nil }

  /// The rows are members of an object.
  package var yieldsMembers: Bool { reader.yieldsMembers }

  /// No more bytes will come.
  package mutating func finish() { isFinished = true }

  /// Adds rows to `rows`.
  package mutating func next(into rows: inout RowBuffer) throws(RowError) -> Progress {
    if phase == .magic, try !readMagic() { return .needsBytes }
    while true {
      if rows.isFull { return .full }
      if phase == .ended { return .ended }
      if phase == .mark {
        if try readMark() { phase = .rows }
      } else if text.count >= awaited || hasAllText {
        try read(&rows)
        continue
      }
      if hasAllText { continue }
      guard try fill() else { return .needsBytes }
    }
  }

  // MARK: Steps

  /// Looks for compression; false: there is not enough to tell.
  private mutating func readMagic() throws(RowError) -> Bool {
    guard compressed.count >= Compression.magicBytes || isFinished else { return false }
    decoder = try compressed.withBytes { Compression(magic: $0) }.decoder()
    phase = .mark
    if decoder == nil {
      compressed.withBytes { text.append($0) }
      compressed.drop(compressed.count)
    }
    return true
  }

  /// Looks for a byte order mark, which is no part of the text; false: there is not enough to tell.
  private mutating func readMark() throws(RowError) -> Bool {
    guard text.count >= 3 || hasAllText else { return false }
    let mark = text.withBytes { $0.extracting(first: 3).array }
    if mark.starts(with: [0xFF, 0xFE]) || mark.starts(with: [0xFE, 0xFF]) {
      throw RowError(.unsupported, "the text is UTF-16; rows are read as UTF-8", at: 0)
    }
    if mark == [0xEF, 0xBB, 0xBF] {
      text.drop(3)
      textOffset = 3
    }
    return true
  }

  /// Shows the reader what there is.
  private mutating func read(_ rows: inout RowBuffer) throws(RowError) {
    let count = text.count
    let taken: Int
    do throws(RowError) {
      taken = try text.withBytes { [reader, hasAllText] (bytes) throws(RowError) in
        try reader.read(bytes, isLast: hasAllText, into: &rows)
      }
    } catch {
      phase = .ended
      throw RowError(error.kind, error.message, at: error.offset.map { $0 + textOffset })
    }
    text.drop(taken)
    textOffset += taken
    if rows.isFull {
      awaited = 0
      return
    }
    if hasAllText {
      phase = .ended
      return
    }
    let left = count - taken
    guard left <= rowBytesMax else {
      phase = .ended
      throw RowError(.tooLong, "a row is longer than \(rowBytesMax) bytes", at: textOffset)
    }
    awaited = max(left + 1, left < Self.pieceBytes ? 0 : left * 2)
  }

  /// Gets more text; false: more bytes are needed for it.
  private mutating func fill() throws(RowError) -> Bool {
    guard let decoder else {
      if isFinished {
        hasAllText = true
        return true
      }
      // Whatever was pushed is text already.
      guard text.count >= max(awaited, 1), phase == .rows else { return false }
      return true
    }
    while compressed.count > 0 || hasPendingText {
      let (taken, made) = try compressed.withBytes { (bytes) throws(RowError) in
        try text.add(Self.pieceBytes) { (room) throws(RowError) in
          (taken: try decoder.decode(bytes, into: &room), made: room.count)
        }
      }
      compressed.drop(taken)
      // A decoder that has filled its room may hold back more.
      let wasPending = hasPendingText
      hasPendingText = made == Self.pieceBytes
      if made > 0 { return true }
      if taken == 0, !wasPending { throw RowError(.syntax, "the compressed stream does not go on") }
    }
    guard isFinished else { return false }
    try decoder.finish()
    hasAllText = true
    return true
  }
}
