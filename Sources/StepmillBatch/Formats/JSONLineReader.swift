/// JSON Lines: a value on each line, blank lines skipped. Whether a line is JSON is found out
/// where it is parsed; this reader only looks for line ends.
final class JSONLineReader: RowReader {
  func read(_ bytes: Span<UInt8>, isLast: Bool, into rows: inout RowBuffer) throws(RowError) -> Int {
    var line = 0
    // Lines from here on are copied in one go.
    var run = 0
    while line < bytes.count, rows.rowCount < rows.rowsMax, rows.count &+ (line - run) < rows.bytesMax {
      guard let newline = ByteScan.first(0x0A, in: bytes, from: line) else { break }
      let next = newline + 1
      if Self.isBlank(bytes, line..<newline) {
        rows.addLines(bytes, run..<line)
        run = next
      } else {
        rows.noteEnd(next - run)
      }
      line = next
    }
    rows.addLines(bytes, run..<line)
    guard isLast, line < bytes.count, !rows.isFull, ByteScan.first(0x0A, in: bytes, from: line) == nil else {
      return line
    }
    if !Self.isBlank(bytes, line..<bytes.count) { rows.append(bytes.extracting(line..<bytes.count)) }
    return bytes.count
  }

  @inline(__always)
  private static func isBlank(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    var place = line.lowerBound
    while place < line.upperBound {
      let byte = bytes[place]
      if byte != 0x20, byte != 0x09, byte != 0x0D { return false }
      place &+= 1
    }
    return true
  }
}
