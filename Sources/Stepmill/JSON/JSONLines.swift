#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Text with a JSON value on each line; lines with nothing but blanks do not count.
enum JSONLines {
  /// The first line, where the next one begins, and nil for its text if it is blank.
  @inline(__always)
  static func firstLine(
    of text: UnsafeRawBufferPointer
  ) -> (text: UnsafeRawBufferPointer?, end: Int) {
    guard let base = text.baseAddress else { return (nil, 0) }
    let newline = memchr(base, 0x0A, text.count)
    let length = newline.map { UnsafeRawPointer($0) - base } ?? text.count
    let end = newline == nil ? length : length &+ 1
    let line = UnsafeRawBufferPointer(start: base, count: length)
    for byte in line where byte != 0x20 && byte != 0x0D && byte != 0x09 { return (line, end) }
    return (nil, end)
  }

  /// How many lines there are that are not blank.
  static func count(_ text: UnsafeRawBufferPointer) -> Int {
    var count = 0
    forEach(in: text) { _, _ in count += 1 }
    return count
  }

  /// Calls `body` with each line that is not blank and the offset at which the next one begins.
  static func forEach(
    in text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Int) -> Void
  ) {
    var offset = 0
    while offset < text.count {
      let line = firstLine(of: UnsafeRawBufferPointer(rebasing: text[offset...]))
      offset += line.end
      if let text = line.text { body(text, offset) }
    }
  }
}
