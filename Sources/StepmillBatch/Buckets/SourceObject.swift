import Stepmill

// Objects as sources of rows for threads that read files: they wait where a bucket lets wait.

/// An object whose rows are to be read. It is open from the beginning, so that what is missing
/// shows before anything runs, and it is the same one however often it is read.
package final class SourceObject: Sendable, Equatable {
  package let address: ObjectAddress
  package let entry: ObjectEntry
  private let bucket: any Bucket
  /// For whoever reads it first.
  private let opened: Lock<(any ObjectReader)?>

  /// Opens an object. Waits on the caller's thread.
  package init(_ address: ObjectAddress, in bucket: any Bucket) throws(RowError) {
    self.address = address
    self.bucket = bucket
    let reader = try Self.open(address, bucket)
    entry = reader.entry
    opened = Lock(reader)
  }

  package static func == (left: SourceObject, right: SourceObject) -> Bool {
    left.address == right.address && left.entry == right.entry
  }

  func open() throws(RowError) -> any ObjectReader {
    let first = opened.withLock { opened in
      defer { opened = nil }
      return opened
    }
    if let first { return first }
    let reader = try Self.open(address, bucket)
    guard reader.entry.etag == entry.etag, reader.entry.size == entry.size else {
      throw RowError(.source, "'\(address)' has changed since it was first looked at")
    }
    return reader
  }

  private static func open(
    _ address: ObjectAddress, _ bucket: any Bucket
  ) throws(RowError) -> any ObjectReader {
    let result = WaitedResult.of { () async throws(BucketError) in try await bucket.open(address.key) }
    return try unwrapped(result, address)
  }

  static func unwrapped<Value>(
    _ result: Result<Value, BucketError>, _ address: ObjectAddress
  ) throws(RowError) -> Value {
    switch result {
    case .success(let value): return value
    case .failure(let error): throw RowError(.source, "'\(address)' cannot be read: \(error.message)")
    }
  }
}

/// An object that is read by one thread, a piece ahead of it.
final class ObjectPump {
  private let address: ObjectAddress
  private let reader: any ObjectReader
  private var next = WaitedResult<[UInt8]?>()
  private var task: Task<Void, Never>?
  private var piece: [UInt8] = []
  private var used = 0
  private var hasEnded = false

  init(_ object: SourceObject) throws(RowError) {
    address = object.address
    reader = try object.open()
    begin()
  }

  deinit { task?.cancel() }

  private func begin() {
    let slot = WaitedResult<[UInt8]?>()
    next = slot
    task = Task(executorPreference: BucketThreads.shared) { [reader] in
      do throws(BucketError) {
        slot.settle(.success(try await reader.next()))
      } catch {
        slot.settle(.failure(error))
      }
    }
  }

  /// Whether a read would have to wait.
  var mustWait: Bool { !hasEnded && used == piece.count && !next.isThere }

  /// Waits for at most so long until there is something to read, or the end.
  func wait(milliseconds: Int) { next.wait(milliseconds: milliseconds) }

  /// Reads into `room`; 0 at the end.
  func read(into room: inout ByteRoom) throws(RowError) -> Int {
    if used == piece.count, !hasEnded {
      piece = try SourceObject.unwrapped(next.take(), address) ?? []
      used = 0
      hasEnded = piece.isEmpty
      if !hasEnded { begin() }
    }
    let count = min(room.left, piece.count - used)
    room.put(piece.span, used..<used + count)
    used += count
    return count
  }
}
