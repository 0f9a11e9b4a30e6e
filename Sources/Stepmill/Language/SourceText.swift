#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of a definition, and where its lines begin.
struct SourceText {
  let bytes: [UInt8]
  private let lineStarts: [Int]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    lineStarts = bytes.withUnsafeBytes { bytes in
      var starts = [0]
      guard let base = bytes.baseAddress else { return starts }
      var offset = 0
      while let end = memchr(base + offset, Int32(UInt8(ascii: "\n")), bytes.count - offset) {
        offset = UnsafeRawPointer(end) - base + 1
        starts.append(offset)
      }
      return starts
    }
  }

  /// Line and column of a byte offset, from 1; columns count characters as people see them.
  func position(of offset: Int) -> (line: Int, column: Int) {
    let offset = min(max(offset, 0), bytes.count)
    let line = lineIndex(of: offset)
    return (line + 1, characters(in: lineStarts[line]..<offset) + 1)
  }

  /// The same for many offsets: a line is walked once, however many of them lie in it. A definition may well be
  /// a single line of megabytes.
  func positions(of offsets: [Int]) -> [(line: Int, column: Int)] {
    var result = [(line: Int, column: Int)](repeating: (1, 1), count: offsets.count)
    var line = -1
    var from = 0
    var column = 1
    for index in offsets.indices.sorted(by: { offsets[$0] < offsets[$1] }) {
      let offset = min(max(offsets[index], 0), bytes.count)
      let found = lineIndex(of: offset)
      if found != line {
        line = found
        from = lineStarts[found]
        column = 1
      }
      column += characters(in: from..<offset)
      from = offset
      result[index] = (line + 1, column)
    }
    return result
  }

  private static var excerptMax: Int { 80 }

  /// A piece of the text, cut at its first line break or after eighty characters.
  func excerpt(_ range: Range<Int>) -> String {
    let range = range.clamped(to: 0..<bytes.count)
    let line = bytes[range].prefix(Self.excerptMax * 4).prefix { $0 != UInt8(ascii: "\n") }
    let text = String(decoding: line, as: UTF8.self)
    let shown = String(text.prefix(Self.excerptMax))
    return line.count < range.count || shown.utf8.count < text.utf8.count ? shown + "…" : shown
  }

  private func lineIndex(of offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  private func characters(in range: Range<Int>) -> Int {
    let slice = bytes[range]
    // No two ASCII bytes of one line make one character.
    if slice.allSatisfy({ $0 < 0x80 }) { return slice.count }
    return String(decoding: slice, as: UTF8.self).count
  }
}
