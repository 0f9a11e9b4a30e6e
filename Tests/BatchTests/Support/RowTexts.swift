import Stepmill

@testable import StepmillBatch

/// Reads rows from a text that arrives in pieces.
enum RowTexts {
  /// The rows as texts.
  static func read(
    _ bytes: [UInt8], as format: RowFormat, pieces: () -> Int = { 1 << 20 }, rowsMax: Int = 64,
    rowBytesMax: Int = 1 << 28
  ) throws(RowError) -> [String] {
    var feed = RowFeed(try format.reader(), rowBytesMax: rowBytesMax)
    var rows = RowBuffer(rowsMax: rowsMax)
    var texts: [String] = []
    var offset = 0
    while true {
      let progress = try feed.next(into: &rows)
      for row in 0..<rows.rowCount { texts.append(String(decoding: rows.text(of: row), as: UTF8.self)) }
      rows.removeAll()
      switch progress {
      case .full: continue
      case .ended: return texts
      case .needsBytes:
        if offset == bytes.count {
          feed.finish()
        } else {
          let end = min(bytes.count, offset + max(1, pieces()))
          feed.push(bytes.span.extracting(offset..<end))
          offset = end
        }
      }
    }
  }

  static func read(_ text: String, as format: RowFormat) throws(RowError) -> [String] {
    try read(Array(text.utf8), as: format)
  }

  /// The rows as values.
  static func values(_ text: String, as format: RowFormat) throws -> [JSON] {
    try read(text, as: format).map { try JSON(parsing: Array($0.utf8)) }
  }
}

/// Numbers that can be repeated.
struct BatchRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}
