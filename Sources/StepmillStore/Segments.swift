import Stepmill
import StepmillServer
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Where most executions go: those that are over when a loop's turn ends.
//
// A transaction for what one turn leaves costs more than running it: the writer is woken and the
// loop after it, and all goes through the write-ahead log to pages that are written again. So
// the loop itself appends what a turn leaves to a file, with one write, and it stays there: the
// database only has what goes on, or changes once more. What is in the file survives the end of the
// process, as the database does without a sync; see `Durability`.
//
// The files are segments, numbered as they were begun, each up to some megabytes. Retention takes the
// oldest executions first, so segments come to their ends one after the other; the one whose last
// execution went is written again under another number, over what it has, since new pages of a file
// would cost more than all the rest. What a short memory writes over within seconds never goes to the
// disk; what stays is brought there when it is some seconds old. So a loss of power takes the last
// seconds with it, and may damage any of the files that were written then.
//
// A segment: a head of three numbers (a mark, which database it belongs to, its own number), then
// records. A record is what one turn left: a checksum (8 bytes), how many bytes follow (8), and entries,
// see `PackEntry`. One without entries ends the segment. The last segment may be without it: then what is
// behind the last record was cut short, and never acknowledged, or is of an earlier use of the file.
// What cannot be read is passed over and told of.

/// An open file, closed with its last reference.
final class SegmentFile: Sendable {
  fileprivate let descriptor: Int32
  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { closeDescriptor(descriptor) }

  /// Has the disk take what was written, and waits for that.
  func sync() { fdatasync(descriptor) }
}

/// Who may touch what: everything behind the locks.
final class Segments: Sendable {
  /// How many bytes a record has in front of its entries.
  static let recordHeadSize = 16
  private static let headSize = 24
  private static let mark: UInt64 = 0x3147_4553_6C6D_7453  // "StmlSEG1"
  private static let namePrefix = "stepmill.segment-"
  private static let sparesMax = 2
  /// So many may wait for that.
  private static let agingMax = 64
  /// An entry with a page of the usual size.
  private static let firstReadBytes = 2048

  private let directory: String
  /// A segment ends before the record that would make it longer.
  private let bytesMax: Int
  private let identity: UInt64
  /// Is told of a segment that is over and should be on the disk by now.
  private let due: @Sendable (SegmentFile) -> Void
  /// Nanoseconds after which that is so.
  private let age: UInt64
  // A mutex with an edge for the thread sanitizer, as in `StoredExecution`.
  private let mutex = Mutex(Files())
  private let edge = Atomic<UInt8>(0)
  private let reader = Lock<(segment: Int64, file: SegmentFile?)>((0, nil))

  private struct Files: Sendable {
    var current: (segment: Int64, file: SegmentFile)?
    var size = 0
    /// When that was begun.
    var begun: UInt64 = 0
    /// Those that are over, needed, and perhaps not on the disk.
    var aging: [(segment: Int64, file: SegmentFile, begun: UInt64)] = []
    var lastSegment: Int64 = 0
    /// How many executions of each are not forgotten.
    var live = LiveCounts()
    /// Those that may be written again.
    var spares: [(segment: Int64, file: SegmentFile)] = []
    var isClosed = false
  }

  private func withFiles<Result: Sendable>(_ body: (inout Files) -> Result) -> Result {
    mutex.withLock { files in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return body(&files)
    }
  }

  /// - Parameters:
  ///   - identity: The number of the database that they belong to.
  ///   - bytesMax: How long one gets; less than what a place can say.
  ///   - age: After so many seconds a segment should be on the disk.
  ///   - due: Is told, under the lock, of one that is over and not there.
  init(
    _ directory: String, identity: Int64, bytesMax: Int, age: Int,
    due: @escaping @Sendable (SegmentFile) -> Void
  ) throws(StoreError) {
    self.due = due
    self.age = UInt64(age) * 1_000_000_000
    self.bytesMax = min(bytesMax, PackPlace.offsetMax)
    self.directory = directory
    self.identity = UInt64(bitPattern: identity)
    let last = try Self.numbers(in: directory).last ?? 0
    withFiles { $0.lastSegment = last }
  }

  private func path(_ segment: Int64) -> String { "\(directory)/\(Self.namePrefix)\(segment)" }

  /// The segments of a directory, in their order.
  private static func numbers(in directory: String) throws(StoreError) -> [Int64] {
    guard let stream = unsafe opendir(directory) else {
      throw StoreError(
        .notWritable,
        "The directory \(directory) cannot be read: \(DirectoryLock.text(errno)). Give this user the right to."
      )
    }
    defer { unsafe closedir(stream) }
    var numbers: [Int64] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(namePrefix), let number = Int64(name.dropFirst(namePrefix.count)), number > 0
      else {
        continue
      }
      numbers.append(number)
    }
    return numbers.sorted()
  }

  /// What the files take.
  var byteCount: Int64 {
    ((try? Self.numbers(in: directory)) ?? []).reduce(0) { sum, segment in
      var status = stat()
      return unsafe sum + (stat(path(segment), &status) == 0 ? Int64(status.st_size) : 0)
    }
  }

  /// Nothing is appended any more.
  func close() {
    let files = withFiles { files -> Files in
      defer {
        files = Files()
        files.isClosed = true
      }
      return files
    }
    for (_, file, _) in files.aging { file.sync() }
    if let (segment, file) = files.current, end(segment, file, at: files.size) { file.sync() }
    for spare in files.spares { unsafe unlink(path(spare.segment)) }
    reader.withLock { $0 = (0, nil) }
  }

  // MARK: Writing

  /// Appends a record: its head, which is written here, and so many entries. Gives its segment and
  /// where in that it begins; nil: it is not kept.
  func append(_ record: inout [UInt8], entries: Int) -> (segment: Int64, offset: Int)? {
    guard record.count <= bytesMax - Self.headSize else { return nil }
    return withFiles { files -> (segment: Int64, offset: Int)? in
      if files.current == nil || files.size + record.count > bytesMax { turn(&files) }
      guard let (segment, file) = files.current, files.size + record.count <= bytesMax else { return nil }
      let offset = files.size
      let seed = seed(segment)
      let isWritten = unsafe record.withUnsafeMutableBytes { bytes in
        let entries = unsafe UnsafeRawBufferPointer(rebasing: bytes[Self.recordHeadSize...])
        unsafe bytes.storeBytes(of: Self.checksum(entries, seed).littleEndian, as: UInt64.self)
        unsafe bytes.storeBytes(of: UInt64(entries.count).littleEndian, toByteOffset: 8, as: UInt64.self)
        // What a failure leaves half written lies behind the end, where the next one overwrites it.
        return unsafe pwrite(file.descriptor, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count
      }
      guard isWritten else { return nil }
      files.size += record.count
      files.live[segment] = (files.live[segment] ?? 0) + entries
      return (segment, offset)
    }
  }

  private func seed(_ segment: Int64) -> UInt64 {
    identity ^ UInt64(bitPattern: segment) &* 0x9E37_79B9_7F4A_7C15
  }

  /// Writes the record that says that the segment ends here: one without entries.
  private func end(_ segment: Int64, _ file: SegmentFile, at place: Int) -> Bool {
    let sum = unsafe Self.checksum(UnsafeRawBufferPointer(start: nil, count: 0), seed(segment))
    return put([sum, 0], in: file, at: place)
  }

  private func put(_ numbers: [UInt64], in file: SegmentFile, at place: Int) -> Bool {
    unsafe numbers.map(\.littleEndian).withUnsafeBytes { bytes in
      unsafe pwrite(file.descriptor, bytes.baseAddress, bytes.count, off_t(place)) == bytes.count
    }
  }

  /// Begins another segment, in a file that is over if there is one. There is none if that fails.
  private func turn(_ files: inout Files) {
    let now = Monitor.now
    if let (last, file) = files.current {
      // Only the last one may be without its end.
      guard end(last, file, at: files.size) else { return }
      files.aging.append((last, file, files.begun))
      files.current = nil
      files.size = 0
      if files.live[last] == 0 { recycle(last, &files) }
    }
    while let first = files.aging.first, files.aging.count > Self.agingMax || now - first.begun >= age {
      due(first.file)
      files.aging.removeFirst()
    }
    guard !files.isClosed else { return }
    let segment = files.lastSegment + 1
    var file: SegmentFile?
    if let spare = files.spares.popLast(), unsafe rename(path(spare.segment), path(segment)) == 0 {
      file = spare.file
    } else {
      let descriptor = unsafe open(path(segment), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      if descriptor >= 0 { file = SegmentFile(descriptor) }
    }
    guard let file else { return }
    files.lastSegment = segment
    guard put([Self.mark, identity, UInt64(segment)], in: file, at: 0) else {
      unsafe unlink(path(segment))
      return
    }
    files.current = (segment, file)
    files.begun = now
    files.size = Self.headSize
    files.live[segment] = 0
  }

  /// An execution is not in its segment any more.
  func release(_ place: PackPlace) {
    withFiles { files in
      guard let live = files.live[place.container] else { return }
      files.live[place.container] = live - 1
      if live == 1, files.current?.segment != place.container { recycle(place.container, &files) }
    }
  }

  /// Nothing in a segment is needed any more.
  private func recycle(_ segment: Int64, _ files: inout Files) {
    files.live[segment] = nil
    files.aging.removeAll { $0.segment == segment }
    if files.spares.count < Self.sparesMax, !files.isClosed {
      let descriptor = unsafe open(path(segment), O_RDWR | O_CLOEXEC)
      if descriptor >= 0 { return files.spares.append((segment, SegmentFile(descriptor))) }
    }
    unsafe unlink(path(segment))
  }

  // MARK: Reading

  /// The entries of one execution and what follows it, up to a few kilobytes: enough to read it.
  func entry(at place: PackPlace) -> [UInt8]? {
    reader.withLock { reader -> [UInt8]? in
      if reader.segment != place.container || reader.file == nil {
        let descriptor = unsafe open(path(place.container), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        reader = (place.container, SegmentFile(descriptor))
      }
      guard let file = reader.file else { return nil }
      var bytes = Self.read(file.descriptor, at: place.offset, Self.firstReadBytes)
      guard bytes.count >= PackEntry.headSize else { return nil }
      let size = (0..<PackEntry.headSize).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) } + PackEntry.headSize
      guard size <= PackPlace.offsetMax else { return nil }
      if size > bytes.count { bytes = Self.read(file.descriptor, at: place.offset, size) }
      return size <= bytes.count ? bytes : nil
    }
  }

  /// As much as there is of so many bytes.
  static func read(_ descriptor: Int32, at offset: Int, _ size: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      while count < size {
        let more = unsafe pread(
          descriptor, bytes.baseAddress.unsafelyUnwrapped + count, size - count, off_t(offset + count))
        if more <= 0 { return }
        count += more
      }
    }
  }

  private static func number(_ bytes: [UInt8], _ place: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
  }

  /// Tells of the entries of each segment, record by record, and where each of these begins.
  ///
  /// What cannot be read is passed over: the power may have gone while it was written.
  ///
  /// - Returns: What was passed over, in words.
  func load(
    _ body: (_ segment: Int64, _ offset: Int, _ entries: ArraySlice<UInt8>) throws(StoreError) -> Void
  ) throws(StoreError) -> [String] {
    var begun: [Int64] = []
    for segment in try Self.numbers(in: directory) where try isBegun(segment) { begun.append(segment) }
    var notes: [String] = []
    for (index, segment) in begun.enumerated() {
      let bytes = try contents(of: segment, PackPlace.offsetMax)
      var place = Self.headSize
      var isEnded = false
      while !isEnded {
        guard let (end, isPassed) = endOfRecord(bytes, place, segment) else {
          let first = min(place + Self.recordHeadSize, bytes.count)
          let next = (first..<bytes.count).first { endOfRecord(bytes, $0, segment) != nil }
          guard let next else {
            // What was cut short at the very end was never acknowledged.
            if index < begun.count - 1 {
              notes.append(
                "The file \(path(segment)) is damaged: what was in it from byte \(place) on is lost.")
            }
            break
          }
          try pass(segment, bytes, place..<next)
          notes.append(
            "The file \(path(segment)) is damaged: what was in \(next - place) bytes from byte \(place) on is lost."
          )
          place = next
          continue
        }
        let start = place + Self.recordHeadSize
        isEnded = end == start && !isPassed
        if !isEnded, !isPassed { try body(segment, start, bytes[start..<end]) }
        place = end
      }
      if !isEnded { try change(segment) { self.end(segment, $0, at: place) } }
    }
    return notes
  }

  /// Where the record at a place ends, and whether it only says that something is to be passed over; nil:
  /// there is none.
  private func endOfRecord(_ bytes: [UInt8], _ place: Int, _ segment: Int64) -> (end: Int, isPassed: Bool)? {
    let start = place + Self.recordHeadSize
    guard start <= bytes.count else { return nil }
    let count = Self.number(bytes, place + 8)
    guard count <= UInt64(bytes.count - start) else { return nil }
    let found = Self.number(bytes, place)
    let sum = unsafe bytes[start..<start + Int(count)].withUnsafeBytes {
      unsafe Self.checksum($0, seed(segment))
    }
    if sum == found { return (start + Int(count), false) }
    return ~sum == found ? (start + Int(count), true) : nil
  }

  /// Makes what cannot be read a record that is passed over.
  private func pass(_ segment: Int64, _ bytes: [UInt8], _ range: Range<Int>) throws(StoreError) {
    let rest = bytes[range.dropFirst(Self.recordHeadSize)]
    let sum = unsafe rest.withUnsafeBytes { unsafe ~Self.checksum($0, seed(segment)) }
    try change(segment) { put([sum, UInt64(rest.count)], in: $0, at: range.lowerBound) }
  }

  /// False: it was made, or was to be written again, and nothing came.
  private func isBegun(_ segment: Int64) throws(StoreError) -> Bool {
    let bytes = try contents(of: segment, Self.headSize)
    guard bytes.count == Self.headSize, bytes.contains(where: { $0 != 0 }) else { return false }
    guard Self.number(bytes, 0) == Self.mark else {
      throw StoreError(.foreign, "The file \(path(segment)) is none of Stepmill's. Move it elsewhere.")
    }
    guard Self.number(bytes, 8) == identity else {
      throw StoreError(
        .foreign,
        "The file \(path(segment)) belongs to another database than \(directory)/stepmill.db. Move it to where "
          + "that is, or elsewhere.")
    }
    return Self.number(bytes, 16) == UInt64(segment)
  }

  private func contents(of segment: Int64, _ size: Int) throws(StoreError) -> [UInt8] {
    let descriptor = unsafe open(path(segment), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw trouble(segment, "read") }
    let file = SegmentFile(descriptor)
    var status = stat()
    guard unsafe fstat(file.descriptor, &status) == 0 else { throw trouble(segment, "read") }
    // Not `errno` alone: to have the memory for it may set that, too.
    let wanted = min(size, Int(status.st_size))
    let bytes = Self.read(file.descriptor, at: 0, wanted)
    guard bytes.count == wanted else { throw trouble(segment, "read") }
    return bytes
  }

  private func change(_ segment: Int64, _ body: (SegmentFile) -> Bool) throws(StoreError) {
    let descriptor = unsafe open(path(segment), O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0, body(SegmentFile(descriptor)) else { throw trouble(segment, "written") }
  }

  private func trouble(_ segment: Int64, _ what: String) -> StoreError {
    StoreError(
      .notWritable,
      "The file \(path(segment)) cannot be \(what): \(DirectoryLock.text(errno)). Give this user the right to "
        + "read and write it, or move it elsewhere to go on without the executions that are in it.")
  }

  /// Says how many executions of each segment were found to be needed. The others go.
  func keep(_ live: [Int64: Int]) {
    let all = (try? Self.numbers(in: directory)) ?? []
    withFiles { files in
      files.live = LiveCounts(live)
      for segment in all where live[segment] == nil { recycle(segment, &files) }
    }
  }

  static func checksum(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    var sum = (UInt64(bytes.count) ^ seed) &* factor
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

// MARK: - Records

/// Gathers what a turn of a loop leaves: entries, and whose they are.
struct SegmentRecord: ~Copyable {
  private var page = PageWriter()
  /// Which of the executions, where each begins behind the head, and how many events it has.
  private(set) var entries: [(index: Int, offset: Int, events: Int)] = []

  /// - Parameter memory: To be used again; see `bytes`.
  init(_ memory: [UInt8], capacity: Int) {
    page.bytes = memory
    page.bytes.removeAll(keepingCapacity: true)
    page.bytes.append(contentsOf: repeatElement(0, count: Segments.recordHeadSize))
    entries.reserveCapacity(capacity)
  }

  var bytes: [UInt8] {
    get { page.bytes }
    _modify { yield &page.bytes }
  }

  /// Adds an execution that is over, short, and what its entry refers to is in the database. False
  /// if it is another one.
  mutating func add(_ execution: StoredExecution, index: Int, _ types: borrowing EventTypeNumbers) -> Bool {
    let origin = execution.origin
    let owner = origin.owner.load(ordering: .relaxed)
    let revision = origin.revision.row.load(ordering: .relaxed)
    let row = execution.row.load(ordering: .relaxed)
    guard owner > 0, row > 0, execution.mapRunARN == nil else { return false }
    return execution.withLife { life in
      guard life.state != .running, life.archive == nil, life.redrives.count == 0,
        life.history.byteCount <= PackEntry.pageBytesMax
      else { return false }
      let events = life.history.count
      let standing = PackEntry.Standing(
        state: life.state, stopDate: life.stopDate, eventCount: events, byteCount: life.byteCount,
        isResumable: life.ending?.resumePoint != nil)
      let start = PackEntry.begin(
        execution, row: row, owner: owner, revision: revision, standing, in: &page.bytes)
      let pageStart = page.bytes.count
      page.beginBehind()
      page.add(life.history, types)
      page.addOutcome(of: life, isInEvents: events > 0)
      guard page.bytes.count - pageStart <= PackEntry.pageBytesMax else {
        page.bytes.removeSubrange(start...)
        return false
      }
      PackEntry.end(start, in: &page.bytes)
      // What comes later is in a page of its own.
      life.history.cut()
      entries.append((index, start - Segments.recordHeadSize, events))
      return true
    }
  }
}
