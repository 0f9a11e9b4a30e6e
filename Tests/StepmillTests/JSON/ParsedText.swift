@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Owns an arena, a padded copy of a text and the value it parses to. What lies behind
/// the text is chosen to look like its continuation.
final class ParsedText {
  let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>
  private var texts: [UnsafeMutableRawPointer] = []
  private(set) var value = Value.missing

  init() {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
  }

  convenience init(_ text: String) throws(JSONSyntaxError) {
    try self.init(Array(text.utf8))
  }

  convenience init(
    _ bytes: [UInt8], maximumDepth: Int = 1000, padding: UInt8 = 0
  ) throws(JSONSyntaxError) {
    self.init()
    var parser = JSONParser(maximumDepth: maximumDepth)
    value = try parse(bytes, with: &parser, padding: padding)
  }

  /// Parses one more text into the same arena.
  func parse(
    _ bytes: [UInt8], with parser: inout JSONParser, padding: UInt8 = 0
  ) throws(JSONSyntaxError) -> Value {
    // Exactly as large as promised, so that the address sanitizer sees what is read beyond.
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes.count + JSONParser.padding, alignment: 1)
    texts.append(memory)
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { memory.copyMemory(from: base, byteCount: source.count) }
    }
    memset(memory + bytes.count, Int32(padding), JSONParser.padding)
    return try parser.parse(UnsafeRawBufferPointer(start: memory, count: bytes.count), into: arena)
  }

  deinit {
    for text in texts { text.deallocate() }
    arena.pointee.release()
    arena.deallocate()
    pool.deinitialize(count: 1)
    pool.deallocate()
  }

  var written: String { write(value) }

  /// The text of a member of the value, which must be an object.
  func member(_ name: StaticString) -> String {
    withExtendedLifetime(self) { value.member(named: name).text }
  }

  func write(_ value: Value) -> String {
    String(decoding: writeBytes(value), as: UTF8.self)
  }

  func writeBytes(_ value: Value) -> [UInt8] {
    var writer = JSONWriter()
    var output = OutputBuffer(capacity: 64)
    writer.write(value, to: &output)
    return Array(output.bytes)
  }
}

/// What a text is written as after it was parsed, or nil if it is not JSON.
func rewritten(_ text: String) -> String? {
  guard let parsed = try? ParsedText(text) else { return nil }
  return parsed.written
}
