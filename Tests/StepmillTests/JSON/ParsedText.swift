@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Memory whose end lies at a page that must not be touched: reading one byte too many
/// ends the process. (The address sanitizer does not see the vector loads, which are
/// inlined from C.)
final class GuardedMemory {
  let start: UnsafeMutableRawPointer
  private let pages: UnsafeMutableRawPointer
  private let size: Int

  init(_ count: Int) {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let used = (count + pageSize - 1) / pageSize * pageSize
    size = used + pageSize
    pages = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(pages != MAP_FAILED && mprotect(pages + used, pageSize, PROT_NONE) == 0)
    start = pages + (used - count)
  }

  deinit { munmap(pages, size) }
}

/// Owns an arena, a padded copy of a text and the value it parses to. `padding` is what
/// lies behind the text, over and over; tests make it look like the continuation.
final class ParsedText {
  let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>
  private var texts: [GuardedMemory] = []
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
    _ bytes: [UInt8], maximumDepth: Int = 1000, padding: [UInt8] = [0]
  ) throws(JSONSyntaxError) {
    self.init()
    var parser = JSONParser(maximumDepth: maximumDepth)
    value = try parse(bytes, with: &parser, padding: padding)
  }

  /// Parses one more text into the same arena.
  func parse(
    _ bytes: [UInt8], with parser: inout JSONParser, padding: [UInt8] = [0]
  ) throws(JSONSyntaxError) -> Value {
    let page = GuardedMemory(bytes.count + JSONParser.padding)
    texts.append(page)
    let memory = page.start
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { memory.copyMemory(from: base, byteCount: source.count) }
    }
    for index in 0..<JSONParser.padding {
      memory.storeBytes(
        of: padding[index % padding.count], toByteOffset: bytes.count + index, as: UInt8.self)
    }
    return try parser.parse(UnsafeRawBufferPointer(start: memory, count: bytes.count), into: arena)
  }

  deinit {
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
