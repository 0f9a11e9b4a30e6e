import Stepmill
import StepmillServer

// Short executions, many in one row.
//
// Most executions are short, and over before they are written for the first time. A row and a
// page for each would cost more than running them does, so those of one transaction lie in a
// pack, one after the other: what the row would have, and the page. A pack is deleted with the
// last of its executions; they go in about the order in which they came. Of one that went before
// there is still what it was, in the pack: after a restart it is the oldest again, and goes again.
// One that was redriven has rows, which count.
//
// A pack is a byte for its form and then entries: four bytes for the length of what follows, the
// numbers of `Entry` (eight bytes each), its texts and the page, each behind its length (four
// bytes; all bits for no text).

/// An execution in a pack.
struct PackEntry {
  var row: Int64
  var owner: Int64
  var revision: Int64
  var state: ExecutionState
  var position: UInt64
  var startDate: Int64
  var stopDate: Int64?
  var eventCount: Int
  var byteCount: Int
  var isResumable: Bool
  var name: String
  var versionARN: String?
  var aliasARN: String?
  var traceHeader: String?
}

/// Where in which pack an execution is. Never 0.
struct PackPlace: RawRepresentable {
  let rawValue: Int64
  private static let offsetBits: Int64 = 24

  init?(rawValue: Int64) {
    guard rawValue != 0 else { return nil }
    self.rawValue = rawValue
  }

  init(pack: Int64, offset: Int) { rawValue = pack << Self.offsetBits | Int64(offset) }

  var pack: Int64 { rawValue >> Self.offsetBits }
  var offset: Int { Int(rawValue & (1 << Self.offsetBits - 1)) }
}

/// What a turn of a loop leaves: entries of a pack, and whose they are.
struct PackChunk: Sendable {
  /// A record of the journal: its head and the entries.
  var bytes: [UInt8]
  /// Where each begins, and what it takes when it is read.
  private(set) var executions: [(execution: StoredExecution, offset: Int, bytes: Int)] = []

  init(capacity: Int) {
    bytes = [UInt8](repeating: 0, count: Journal.headSize)
    bytes.reserveCapacity(Journal.headSize + capacity * Self.typicalBytes)
    executions.reserveCapacity(capacity)
  }

  private static let typicalBytes = 640

  var isEmpty: Bool { executions.isEmpty }
  var entries: ArraySlice<UInt8> { bytes[Journal.headSize...] }

  /// Adds an execution that is over, short, and what its entry refers to is in the database. False
  /// if it is another one.
  mutating func add(
    _ execution: StoredExecution, _ page: inout PageWriter, _ types: EventTypeNumbers
  ) -> Bool {
    let owner = execution.origin.owner.load(ordering: .relaxed)
    let row = execution.row.load(ordering: .relaxed)
    guard owner > 0, row > 0, execution.mapRunARN == nil else { return false }
    return execution.withLife { life in
      guard life.state != .running, life.archive == nil, life.redrives.count == 0,
        life.history.byteCount <= PackEntry.pageBytesMax
      else { return false }
      page.begin()
      page.add(.input, utf8: life.history.inputBytes)
      page.add(life.history, 1..<life.history.count + 1, types)
      page.addOutcome(of: life, isInEvents: life.history.count > 0)
      guard page.bytes.count <= PackEntry.pageBytesMax else { return false }
      // What comes later is in a page of its own.
      life.history.cut()
      let entry = PackEntry(
        execution, row: row, owner: owner, revision: execution.revision.row.load(ordering: .relaxed),
        state: life.state, stopDate: life.stopDate, eventCount: life.history.count, byteCount: life.byteCount,
        isResumable: life.ending?.resumePoint != nil)
      executions.append((execution, bytes.count - Journal.headSize, entry.byteCount))
      entry.write(to: &bytes, page: page.bytes)
      return true
    }
  }
}

/// Gathers a pack. Keeps its memory from one to the next.
struct PackWriter: ~Copyable {
  private(set) var bytes: [UInt8] = [form]
  static let form: UInt8 = 1

  var isEmpty: Bool { bytes.count <= 1 }

  mutating func begin() {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(Self.form)
  }

  /// Adds an execution with its page, and gives its place.
  mutating func add(_ entry: PackEntry, page: [UInt8]) -> Int {
    defer { entry.write(to: &bytes, page: page) }
    return bytes.count
  }

  /// Adds the executions of a chunk, and gives the place of the first.
  mutating func add(_ chunk: PackChunk) -> Int {
    defer { bytes += chunk.entries }
    return bytes.count
  }
}

extension PackEntry {
  /// A page that is larger is in a row of its own. Reading one execution reads all of its pack.
  static let pageBytesMax = 8192

  init(
    _ execution: StoredExecution, row: Int64, owner: Int64, revision: Int64, state: ExecutionState,
    stopDate: Int64?, eventCount: Int, byteCount: Int, isResumable: Bool
  ) {
    self.init(
      row: row, owner: owner, revision: revision, state: state,
      position: execution.position.load(ordering: .relaxed), startDate: execution.startDate,
      stopDate: stopDate, eventCount: eventCount, byteCount: byteCount, isResumable: isResumable,
      name: execution.name, versionARN: execution.versionARN, aliasARN: execution.aliasARN,
      traceHeader: execution.traceHeader)
  }

  fileprivate func write(to bytes: inout [UInt8], page: [UInt8]) {
    let start = bytes.count
    bytes.put(UInt32(0))
    bytes.put(row)
    bytes.put(owner)
    bytes.put(revision)
    bytes.put(StateNumber.number(state))
    bytes.put(Int64(bitPattern: position))
    bytes.put(startDate)
    bytes.put(stopDate ?? .min)
    bytes.put(Int64(eventCount))
    bytes.put(Int64(byteCount))
    bytes.put(isResumable ? Int64(1) : 0)
    bytes.put(name)
    bytes.put(versionARN)
    bytes.put(aliasARN)
    bytes.put(traceHeader)
    bytes.put(UInt32(page.count))
    bytes += page
    let size = UInt32(bytes.count - start - 4)
    for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: size >> (8 * UInt32(index))) }
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ number: some FixedWidthInteger) {
    unsafe Swift.withUnsafeBytes(of: number.littleEndian) { number in unsafe append(contentsOf: number) }
  }

  fileprivate mutating func put(_ text: String?) {
    guard let text else { return put(UInt32.max) }
    put(UInt32(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}

/// Reads a pack, from its beginning or from the place of an execution.
struct PackReader {
  private let bytes: [UInt8]
  private(set) var offset = 1

  /// Nil if the bytes are none.
  init?(_ bytes: [UInt8], at offset: Int = 1) {
    guard bytes.first == PackWriter.form, offset >= 1 else { return nil }
    self.bytes = bytes
    self.offset = offset
  }

  var isAtEnd: Bool { offset >= bytes.count }

  /// The execution here, with its page. Nil if it is damaged.
  mutating func next() -> (entry: PackEntry, page: ArraySlice<UInt8>)? {
    guard let size = number(4).map({ Int($0) }), size <= bytes.count - offset else { return nil }
    let end = offset + size
    guard let row = signed(), let owner = signed(), let revision = signed(),
      let state = signed().flatMap({ StateNumber.state($0) }), let position = number(8),
      let start = signed(), let stop = signed(), let events = signed(), let byteCount = signed(),
      let isResumable = signed(), let name = text(), let version = text(), let alias = text(),
      let trace = text(), let page = range(), let name
    else { return nil }
    offset = end
    let entry = PackEntry(
      row: row, owner: owner, revision: revision, state: state, position: position, startDate: start,
      stopDate: stop == .min ? nil : stop, eventCount: Int(events), byteCount: Int(byteCount),
      isResumable: isResumable != 0, name: name, versionARN: version, aliasARN: alias, traceHeader: trace)
    return (entry, bytes[page])
  }

  private mutating func number(_ count: Int) -> UInt64? {
    guard count <= bytes.count - offset else { return nil }
    var number: UInt64 = 0
    for index in 0..<count { number |= UInt64(bytes[offset + index]) << (8 * UInt64(index)) }
    offset += count
    return number
  }

  private mutating func signed() -> Int64? { number(8).map { Int64(bitPattern: $0) } }

  private mutating func range() -> Range<Int>? {
    guard let count = number(4), count <= UInt64(bytes.count - offset) else { return nil }
    defer { offset += Int(count) }
    return offset..<offset + Int(count)
  }

  /// A text that may be none; nil outside if it is damaged.
  private mutating func text() -> String?? {
    let before = offset
    guard number(4) == UInt64(UInt32.max) else {
      offset = before
      return range().map { .some(String(decoding: bytes[$0], as: UTF8.self)) }
    }
    return .some(nil)
  }
}
