import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The memory behind the public `JSON`: one block per document, laid out once by a copy and
// never changed afterwards. That is why it may be read from any thread.

/// Owns the block that a document's values lie in. One allocation: the block is the
/// object's tail. Immutable once `JSON` has it, hence safely shared between threads.
final class JSONStorage: ManagedBuffer<Int, UInt64> {
  static func make(bytes: Int) -> JSONStorage {
    let words = (bytes &+ 7) / 8
    return unsafeDowncast(JSONStorage.create(minimumCapacity: words) { _ in words }, to: JSONStorage.self)
  }

  var memory: UnsafeMutableRawPointer {
    withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
  }
}

/// What building, parsing and printing a document needs for a moment: an arena, a parser,
/// a writer. Kept for the next one who needs it.
///
/// One thread at a time has it: it lies in a slot of `idle`, or with the one call that took
/// it out of there by an atomic exchange. (A `Mutex` would do, but the thread sanitizer does
/// not see what happens inside it, and would report every use.)
final class JSONScratch: @unchecked Sendable {
  private let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>
  var parser = JSONParser()
  var writer = JSONWriter()
  var output = OutputBuffer()
  /// For queries; made when the first one is evaluated.
  private var queryMemory: UnsafeMutablePointer<QueryMemory>?

  /// Retained references, or 0. Never freed.
  private nonisolated(unsafe) static let idle: UnsafeMutablePointer<Atomic<UInt>> = {
    let slots = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: idleMax)
    for index in 0..<idleMax { (slots + index).initialize(to: Atomic(0)) }
    return slots
  }()
  private static let idleMax = 8
  private static let bytesKeptMax = 1 << 20

  private init() {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    pool.pointee.bytesFreeMax = JSONScratch.bytesKeptMax
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
  }

  deinit {
    queryMemory?.pointee.release()
    queryMemory?.deallocate()
    arena.pointee.release()
    arena.deallocate()
    pool.deinitialize(count: 1)
    pool.deallocate()
  }

  /// Runs `body` with a scratch whose arena is empty, and empties it afterwards.
  static func with<Result, Failure: Error>(
    _ body: (JSONScratch) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let scratch = take() ?? JSONScratch()
    defer {
      scratch.arena.pointee.release()
      scratch.output.removeAll()
      if scratch.output.capacity > bytesKeptMax { scratch.output = OutputBuffer() }
      giveBack(scratch)
    }
    return try body(scratch)
  }

  /// What queries need besides the arena.
  var query: UnsafeMutablePointer<QueryMemory> {
    if let queryMemory { return queryMemory }
    let memory = UnsafeMutablePointer<QueryMemory>.allocate(capacity: 1)
    memory.initialize(to: QueryMemory())
    queryMemory = memory
    return memory
  }

  private static func take() -> JSONScratch? {
    for index in 0..<idleMax {
      let address = idle[index].exchange(0, ordering: .acquiring)
      if let pointer = UnsafeRawPointer(bitPattern: address) {
        return Unmanaged<JSONScratch>.fromOpaque(pointer).takeRetainedValue()
      }
    }
    return nil
  }

  private static func giveBack(_ scratch: JSONScratch) {
    let reference = Unmanaged.passRetained(scratch)
    let address = UInt(bitPattern: reference.toOpaque())
    for index in 0..<idleMax {
      let (exchanged, _) = idle[index].compareExchange(
        expected: 0, desired: address, successOrdering: .releasing, failureOrdering: .relaxed)
      if exchanged { return }
    }
    reference.release()
  }

  /// Parses text that has no padding behind it. The result lives in the arena.
  func parse(_ text: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> Value {
    guard text.count <= Int(UInt32.max) else { throw JSONSyntaxError(.textTooLong, offset: 0) }
    let copy = arena.pointee.allocate(text.count &+ JSONParser.padding)
    if let base = text.baseAddress { memcpy(copy, base, text.count) }
    memset(copy + text.count, 0, JSONParser.padding)
    return try parser.parse(UnsafeRawBufferPointer(start: copy, count: text.count), into: arena)
  }

  /// The text of a value. Valid until the scratch is used again.
  func write(_ value: Value) -> UnsafeRawBufferPointer {
    output.removeAll()
    writer.write(value, to: &output)
    return output.bytes
  }
}
