#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// JSON Lines: a value on each line, blank lines skipped. Whether a line is JSON is found out
/// where it is parsed; this reader only looks for line ends.
final class JSONLineReader: RowReader {
  func read(
    _ bytes: UnsafeRawBufferPointer, isLast: Bool, into rows: inout RowBuffer
  ) throws(RowError) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    let end = base + bytes.count
    var line = base
    // Lines from here on are copied in one go.
    var run = base
    while line < end, rows.rowCount < rows.rowsMax, rows.count &+ (line - run) < rows.bytesMax {
      guard let newline = memchr(line, 0x0A, end - line) else { break }
      let next = UnsafeRawPointer(newline) + 1
      if Self.isBlank(line, newline) {
        rows.addLines(run, line - run)
        run = next
      } else {
        rows.noteEnd(next - run)
      }
      line = next
    }
    rows.addLines(run, line - run)
    guard isLast, line < end, !rows.isFull, memchr(line, 0x0A, end - line) == nil else { return line - base }
    if !Self.isBlank(line, end) { rows.append(UnsafeRawBufferPointer(start: line, count: end - line)) }
    return bytes.count
  }

  @inline(__always)
  private static func isBlank(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
    var cursor = start
    while cursor < end {
      let byte = cursor.load(as: UInt8.self)
      if byte != 0x20, byte != 0x09, byte != 0x0D { return false }
      cursor += 1
    }
    return true
  }
}
