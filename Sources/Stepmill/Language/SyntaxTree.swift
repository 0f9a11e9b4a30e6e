// Where the nodes of a syntax tree live.
//
// A definition of 100,000 states has three million values. As objects, each with arrays of its
// own, they took a third of the time of a check to make, a fifth to free, and a sixth to count
// references to. So a tree is a handful of blocks: records that never move, and lists of
// pointers to them. A node (`SyntaxNode`) is the address of a record and costs nothing to
// copy; in return **a node is good only as long as its tree**. Whoever keeps nodes keeps the
// tree: `Definition.tree`, `DefinitionReader.tree`, `SyntaxReader.Document.tree`.
//
// Only the reader writes a tree, and nobody changes it afterwards, so that threads may share it.

/// A text as a record holds it: a `String` bit by bit, without a claim to its storage.
struct SyntaxText {
  fileprivate let low: UInt64
  fileprivate let high: UInt64

  fileprivate init(borrowing text: String) { self = unsafeBitCast(text, to: SyntaxText.self) }
  fileprivate init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  static let empty = SyntaxText(borrowing: "")

  var string: String { unsafeBitCast(self, to: String.self) }
}

struct SyntaxRecord {
  enum Tag: UInt8 {
    case null, `false`, `true`, number, string, array, object
  }

  var tag: Tag
  /// Its place among the container's elements or members.
  var place: UInt32 = 0
  /// Byte offsets into the source text; those of the name are zero for what is no member.
  var start: UInt32
  var end: UInt32 = 0
  var nameStart: UInt32 = 0
  var nameEnd: UInt32 = 0
  /// Nil for the root.
  var container: UnsafeMutablePointer<SyntaxRecord>?
  var name = SyntaxText.empty
  /// The text of a string or number; the list and its length for arrays and objects.
  private var content = SyntaxText.empty

  init(_ tag: Tag, start: Int) {
    self.tag = tag
    self.start = UInt32(truncatingIfNeeded: start)
  }

  var text: SyntaxText {
    get { content }
    set { content = newValue }
  }

  typealias List = UnsafeMutablePointer<UnsafeMutablePointer<SyntaxRecord>>

  var list: List {
    // An empty container has no list, and nobody looks into it.
    List(bitPattern: UInt(truncatingIfNeeded: content.low)).unsafelyUnwrapped
  }
  var count: Int { Int(truncatingIfNeeded: content.high) }

  mutating func setList(_ list: List?, count: Int) {
    content = SyntaxText(low: UInt64(UInt(bitPattern: list)), high: UInt64(count))
  }
}

final class SyntaxTree: @unchecked Sendable {
  private var blocks: [UnsafeMutableRawPointer] = []
  private var free: UnsafeMutableRawPointer
  private var end: UnsafeMutableRawPointer
  private var blockSize: Int
  /// The texts that have storage of their own.
  private var texts: [String] = []

  /// Texts of so many bytes lie in the `String` itself, on whatever platform.
  private static let inlineBytesMax = 10
  private static let blockSizeMax = 1 << 20

  /// - Parameter sourceCount: Bytes of the text, which say how much room it will take.
  init(sourceCount: Int) {
    // A value takes some eight bytes of text, and a record and a pointer here.
    blockSize = min(max(sourceCount * 8, 1 << 10), Self.blockSizeMax)
    free = .allocate(byteCount: blockSize, alignment: MemoryLayout<SyntaxRecord>.alignment)
    end = free + blockSize
    blocks.append(free)
  }

  deinit { for block in blocks { block.deallocate() } }

  @inline(__always)
  private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    if end - free < bytes { addBlock(bytes) }
    let place = free
    free += bytes
    return place
  }

  @inline(never)
  private func addBlock(_ bytes: Int) {
    let size = max(blockSize, bytes)
    free = .allocate(byteCount: size, alignment: MemoryLayout<SyntaxRecord>.alignment)
    end = free + size
    blocks.append(free)
  }

  @inline(__always)
  func add(_ tag: SyntaxRecord.Tag, start: Int) -> UnsafeMutablePointer<SyntaxRecord> {
    let record = allocate(MemoryLayout<SyntaxRecord>.stride).assumingMemoryBound(to: SyntaxRecord.self)
    record.initialize(to: SyntaxRecord(tag, start: start))
    return record
  }

  /// Closes a container: its content stands in a list from now on.
  func close(
    _ container: UnsafeMutablePointer<SyntaxRecord>, _ content: SyntaxRecord.List, count: Int
  ) {
    let list = allocate(count &* MemoryLayout<UnsafeMutablePointer<SyntaxRecord>>.stride)
      .assumingMemoryBound(to: UnsafeMutablePointer<SyntaxRecord>.self)
    for index in 0..<count {
      let record = content[index]
      record.pointee.container = container
      record.pointee.place = UInt32(truncatingIfNeeded: index)
      list[index] = record
    }
    container.pointee.setList(list, count: count)
  }

  /// A text for records of this tree.
  func keep(_ text: String) -> SyntaxText {
    if text.utf8.count > Self.inlineBytesMax { texts.append(text) }
    return SyntaxText(borrowing: text)
  }
}
