import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What was acknowledged and is not in the database yet.
//
// A transaction for what one turn of a loop leaves costs as much as running it: the writer is
// woken and the loop after it, locks are taken, pages of which little is new are written. So
// executions that are over when the turn ends are appended to a file first, by the loop itself
// and with one write, and go to the database with many others some milliseconds later. What is in
// the file survives the end of the process, as the database does without a sync; see `Durability`.
//
// Two files take turns. The writer, when it takes what is in its queue, has what follows go to the
// other file; whatever is in the first one is in the queue that was taken. The transaction that
// writes the last of it also notes the file's generation, and then the file is written from its
// beginning again: over what it has, since new pages would cost more than all the rest. After a
// `kill -9` the records of later generations than the one noted are what the database lacks; what
// is left of earlier ones behind them is not looked at.
//
// A record: its generation, a checksum, the number of bytes (eight bytes each), and these: entries
// of a `Pack`. One that was cut short is none, and was never acknowledged.

/// Who may touch what: it is behind the lock of the `WriteQueue`, which is what `@unchecked Sendable`
/// stands on.
@safe final class Journal: @unchecked Sendable {
  /// How many bytes a record has in front of the entries.
  static let headSize = 24

  private let descriptors: [Int32]
  private var generation: Int64
  /// The database has everything up to this one.
  private var released: Int64
  private var size = 0

  private static func path(_ directory: String, _ number: Int) -> String {
    "\(directory)/stepmill.journal-\(number)"
  }

  /// Opens the files of a directory and gives the database what it lacks.
  init(_ directory: String, _ database: Database) throws(StoreError) {
    var opened: [Int32] = []
    for number in 0..<2 {
      let path = Self.path(directory, number)
      let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        let reason = DirectoryLock.text(errno)
        for descriptor in opened { close(descriptor) }
        throw StoreError(
          .notWritable,
          "The file \(path) cannot be opened: \(reason). Give this user the right to write to it.")
      }
      opened.append(descriptor)
    }
    descriptors = opened
    do throws(DatabaseFailure) {
      released = try Self.recover(opened.map { Self.contents($0) }, database)
    } catch {
      for descriptor in opened { close(descriptor) }
      throw StoreError(error, directory + "/stepmill.db")
    }
    generation = released + 1
    for descriptor in descriptors { ftruncate(descriptor, 0) }
  }

  deinit { for descriptor in descriptors { close(descriptor) } }

  // MARK: Writing

  /// Appends a record. Its head has room for what is written there. False if it is not kept.
  func append(_ record: inout [UInt8]) -> Bool {
    let isWritten = unsafe record.withUnsafeMutableBytes { bytes in
      let entries = unsafe UnsafeRawBufferPointer(rebasing: bytes[Self.headSize...])
      unsafe bytes.storeBytes(of: generation.littleEndian, as: Int64.self)
      unsafe bytes.storeBytes(of: Self.checksum(entries).littleEndian, toByteOffset: 8, as: UInt64.self)
      unsafe bytes.storeBytes(of: UInt64(entries.count).littleEndian, toByteOffset: 16, as: UInt64.self)
      // What a failure leaves half written lies behind the end, where the next one overwrites it.
      return unsafe pwrite(file(generation), bytes.baseAddress, bytes.count, off_t(size)) == bytes.count
    }
    if isWritten { size += record.count }
    return isWritten
  }

  private func file(_ generation: Int64) -> Int32 { descriptors[Int(generation & 1)] }

  /// Ends a generation, if there is something in it and the other file is free. Nil: there is
  /// nothing to release.
  func turn() -> Int64? {
    guard size > 0, released == generation - 1 else { return nil }
    defer {
      generation += 1
      size = 0
    }
    return generation
  }

  /// The database has this generation.
  func release(_ generation: Int64) { released = generation }

  // MARK: Reading

  private static func contents(_ descriptor: Int32) -> [UInt8] {
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard size > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      while count < size {
        let more = unsafe pread(
          descriptor, bytes.baseAddress.unsafelyUnwrapped + count, size - count, off_t(count))
        if more <= 0 { return }
        count += more
      }
    }
  }

  /// Gives the last generation that the database has after it.
  private static func recover(
    _ files: [[UInt8]], _ database: Database
  ) throws(DatabaseFailure) -> Int64 {
    var last = try database.number("SELECT value FROM meta WHERE key = 'journal'") ?? 0
    let known = last
    let records = files.flatMap { Self.records($0) }.filter { $0.generation > known }
    guard !records.isEmpty else { return last }
    try database.execute("BEGIN IMMEDIATE")
    let put = try database.prepare("INSERT INTO packs SELECT ifnull(max(id), 0) + 1, ?1 FROM packs")
    for record in records.sorted(by: { $0.generation < $1.generation }) {
      try put.run(0, blob: [PackWriter.form] + record.entries)
      last = record.generation
    }
    try database.execute("UPDATE meta SET value = \(last) WHERE key = 'journal'")
    try database.execute("COMMIT")
    return last
  }

  private static func records(_ bytes: [UInt8]) -> [(generation: Int64, entries: ArraySlice<UInt8>)] {
    var records: [(generation: Int64, entries: ArraySlice<UInt8>)] = []
    var place = 0
    while bytes.count - place >= headSize {
      let (generation, sum, count) = unsafe bytes.withUnsafeBytes { bytes in
        unsafe (
          bytes.loadUnaligned(fromByteOffset: place, as: Int64.self).littleEndian,
          bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self).littleEndian,
          bytes.loadUnaligned(fromByteOffset: place + 16, as: UInt64.self).littleEndian
        )
      }
      place += headSize
      guard count <= UInt64(bytes.count - place) else { break }
      let entries = bytes[place..<place + Int(count)]
      guard unsafe entries.withUnsafeBytes({ unsafe checksum($0) }) == sum else { break }
      records.append((generation, entries))
      place += Int(count)
    }
    return records
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    var sum = UInt64(bytes.count) &* factor
    var place = 0
    while place &+ 8 <= bytes.count {
      sum = unsafe (sum ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self).littleEndian) &* factor
      sum ^= sum &>> 29
      place &+= 8
    }
    while place < bytes.count {
      sum = unsafe (sum ^ UInt64(bytes[place])) &* factor
      sum ^= sum &>> 29
      place &+= 1
    }
    return sum
  }
}
