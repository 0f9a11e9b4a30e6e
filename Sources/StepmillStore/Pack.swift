import Stepmill
import StepmillServer

// Short executions, one after the other.
//
// Most executions are short, and over before they are written for the first time. A row and a
// page for each would cost more than running them does, so they lie in segments (see `Segments`),
// or, where the writer has come to them, those of one transaction in a pack: a row with many. A pack
// is deleted with the last of its executions; they go in about the order in which they came. Of one
// that went before there is still what it was: after a restart it is the oldest again, and goes
// again. One that was redriven has rows, which count.
//
// An entry: four bytes for the length of what follows, flags and the state (1 byte each), numbers and
// texts as the flags say, and the page. Numbers are varints, texts lie behind their lengths. In
// entries of the first form all numbers had eight bytes, and lengths four (all bits: no text).
//
// A pack is a byte for the form of its entries, and these.

/// An execution as it lies among others.
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
  var name: ExecutionName
  var versionARN: String?
  var aliasARN: String?
  var traceHeader: String?

  /// The form of entries that are written now, and the first one.
  static let form: UInt8 = 2
  static let oldForm: UInt8 = 1
  /// A page that is larger is in a row of its own. Reading one execution reads all of its pack.
  static let pageBytesMax = 8192
  /// How many bytes the length in front of an entry has.
  static let headSize = 4

  fileprivate enum Flags {
    static let isResumable: UInt8 = 1
    static let isNumber: UInt8 = 2
    static let hasStopDate: UInt8 = 4
    static let hasVersion: UInt8 = 8
    static let hasAlias: UInt8 = 16
    static let hasTrace: UInt8 = 32
  }
}

/// Where in which pack or segment an execution is. Never 0.
struct PackPlace: RawRepresentable {
  let rawValue: Int64
  private static let offsetBits: Int64 = 24
  private static let segmentBit: Int64 = 1 << 62
  /// Offsets are below this.
  static let offsetMax = 1 << offsetBits

  init?(rawValue: Int64) {
    guard rawValue != 0 else { return nil }
    self.rawValue = rawValue
  }

  init(pack: Int64, offset: Int) { rawValue = pack << Self.offsetBits | Int64(offset) }
  init(segment: Int64, offset: Int) {
    rawValue = Self.segmentBit | segment << Self.offsetBits | Int64(offset)
  }

  var isInSegment: Bool { rawValue & Self.segmentBit != 0 }
  /// The number of the pack or the segment.
  var container: Int64 { (rawValue & ~Self.segmentBit) >> Self.offsetBits }
  var offset: Int { Int(rawValue & (1 << Self.offsetBits - 1)) }
}

// MARK: - Writing

extension PackEntry {
  /// What has become of an execution, as an entry says it.
  struct Standing {
    var state: ExecutionState
    var stopDate: Int64?
    var eventCount: Int
    var byteCount: Int
    var isResumable: Bool
  }

  /// Appends an entry but for its page, which follows. Gives the place for `end`.
  static func begin(
    _ execution: StoredExecution, row: Int64, owner: Int64, revision: Int64, _ standing: Standing,
    in bytes: inout [UInt8]
  ) -> Int {
    let start = bytes.count
    let name = execution.label
    let (versionARN, aliasARN, traceHeader) = (
      execution.versionARN, execution.aliasARN, execution.traceHeader
    )
    var flags = standing.isResumable ? Flags.isResumable : 0
    if case .number = name { flags |= Flags.isNumber }
    if standing.stopDate != nil { flags |= Flags.hasStopDate }
    if versionARN != nil { flags |= Flags.hasVersion }
    if aliasARN != nil { flags |= Flags.hasAlias }
    if traceHeader != nil { flags |= Flags.hasTrace }
    bytes.append(addingCapacity: fixedBytesMax) { bytes in
      bytes.append(repeating: 0, count: headSize)
      bytes.append(flags)
      bytes.append(UInt8(StateNumber.number(standing.state)))
      bytes.put(row)
      bytes.put(owner)
      bytes.put(revision)
      bytes.put(Int64(bitPattern: execution.position.load(ordering: .relaxed)))
      bytes.put(execution.startDate)
      if let stopDate = standing.stopDate { bytes.put(signed: stopDate &- execution.startDate) }
      bytes.put(Int64(standing.eventCount))
      bytes.put(Int64(standing.byteCount))
      guard case .number(let number) = name else { return }
      bytes.put(eight: number.high)
      bytes.put(eight: number.low)
    }
    if case .text(let text) = name { bytes.put(text) }
    if let versionARN { bytes.put(versionARN) }
    if let aliasARN { bytes.put(aliasARN) }
    if let traceHeader { bytes.put(traceHeader) }
    return start
  }

  /// Says how long the entry that began at a place has become.
  static func end(_ start: Int, in bytes: inout [UInt8]) {
    let size = UInt32(bytes.count - start - headSize)
    for index in 0..<headSize {
      bytes[start + index] = UInt8(truncatingIfNeeded: size >> (8 * UInt32(index)))
    }
  }

  /// The head, two bytes, eight varints of ten bytes, and the number that is a name.
  private static let fixedBytesMax = headSize + 2 + 80 + 16
}

extension OutputSpan<UInt8> {
  fileprivate mutating func put(_ number: Int64) { put(UInt64(bitPattern: number)) }

  fileprivate mutating func put(eight number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ text: String) {
    append(addingCapacity: OutputSpan<UInt8>.varintSizeMax) { $0.put(UInt64(text.utf8.count)) }
    append(contentsOf: text.utf8)
  }
}

/// Gathers a pack. Keeps its memory from one to the next.
struct PackWriter: ~Copyable {
  private(set) var bytes: [UInt8] = [PackEntry.form]

  var isEmpty: Bool { bytes.count <= 1 }

  mutating func begin() {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(PackEntry.form)
  }

  /// Adds an execution with its page, and gives its place.
  mutating func add(
    _ execution: StoredExecution, row: Int64, owner: Int64, revision: Int64, _ standing: PackEntry.Standing,
    page: [UInt8]
  ) -> Int {
    let start = PackEntry.begin(execution, row: row, owner: owner, revision: revision, standing, in: &bytes)
    bytes += page
    PackEntry.end(start, in: &bytes)
    return start
  }
}

// MARK: - Reading

/// Reads entries, from the beginning of a pack or from the place of an execution.
struct PackReader {
  private let bytes: ArraySlice<UInt8>
  private let form: UInt8
  private(set) var offset: Int

  /// Nil if the bytes are no pack.
  init?(pack bytes: [UInt8], at offset: Int = 1) {
    guard let form = bytes.first, form == PackEntry.form || form == PackEntry.oldForm, offset >= 1 else {
      return nil
    }
    (self.bytes, self.form, self.offset) = (bytes[...], form, offset)
  }

  /// Reads entries of the present form.
  init(_ entries: ArraySlice<UInt8>) {
    (bytes, form, offset) = (entries, PackEntry.form, entries.startIndex)
  }

  var isAtEnd: Bool { offset >= bytes.endIndex }

  /// The execution here, with its page. Nil if it is damaged.
  mutating func next() -> (entry: PackEntry, page: ArraySlice<UInt8>)? {
    guard let size = fixed(PackEntry.headSize).map({ Int($0) }), size <= bytes.endIndex - offset else {
      return nil
    }
    let end = offset + size
    guard let (entry, page) = form == PackEntry.form ? entry(upTo: end) : oldEntry() else { return nil }
    offset = end
    return (entry, page)
  }

  private mutating func entry(upTo end: Int) -> (entry: PackEntry, page: ArraySlice<UInt8>)? {
    typealias Flags = PackEntry.Flags
    guard let flags = fixed(1).map({ UInt8($0) }),
      let state = fixed(1).flatMap({ StateNumber.state(Int64($0)) }), let row = number(),
      let owner = number(), let revision = number(), let position = number(), let start = number()
    else { return nil }
    var stop: Int64?
    if flags & Flags.hasStopDate != 0 {
      guard let change = number() else { return nil }
      stop = start &+ (Int64(bitPattern: UInt64(bitPattern: change) >> 1) ^ -(change & 1))
    }
    guard let events = number(), let byteCount = number() else { return nil }
    let name: ExecutionName
    if flags & Flags.isNumber != 0 {
      guard let high = fixed(8), let low = fixed(8) else { return nil }
      name = .number(UUIDNumber(high: high, low: low))
    } else {
      guard let text = text() else { return nil }
      name = ExecutionName(text)
    }
    var texts: [String?] = []
    for flag in [Flags.hasVersion, Flags.hasAlias, Flags.hasTrace] {
      guard flags & flag != 0 else {
        texts.append(nil)
        continue
      }
      guard let text = text() else { return nil }
      texts.append(text)
    }
    guard offset <= end else { return nil }
    let entry = PackEntry(
      row: row, owner: owner, revision: revision, state: state, position: UInt64(bitPattern: position),
      startDate: start, stopDate: stop, eventCount: Int(events), byteCount: Int(byteCount),
      isResumable: flags & Flags.isResumable != 0, name: name, versionARN: texts[0], aliasARN: texts[1],
      traceHeader: texts[2])
    return (entry, bytes[offset..<end])
  }

  private mutating func oldEntry() -> (entry: PackEntry, page: ArraySlice<UInt8>)? {
    guard let row = signed(), let owner = signed(), let revision = signed(),
      let state = signed().flatMap({ StateNumber.state($0) }), let position = fixed(8),
      let start = signed(), let stop = signed(), let events = signed(), let byteCount = signed(),
      let isResumable = signed(), let name = oldText(), let version = oldText(), let alias = oldText(),
      let trace = oldText(), let page = oldRange(), let name
    else { return nil }
    let entry = PackEntry(
      row: row, owner: owner, revision: revision, state: state, position: position, startDate: start,
      stopDate: stop == .min ? nil : stop, eventCount: Int(events), byteCount: Int(byteCount),
      isResumable: isResumable != 0, name: ExecutionName(name), versionARN: version, aliasARN: alias,
      traceHeader: trace)
    return (entry, bytes[page])
  }

  /// A number of so many bytes.
  private mutating func fixed(_ count: Int) -> UInt64? {
    guard count <= bytes.endIndex - offset else { return nil }
    var number: UInt64 = 0
    for index in 0..<count { number |= UInt64(bytes[offset + index]) << (8 * UInt64(index)) }
    offset += count
    return number
  }

  private mutating func number() -> Int64? {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = fixed(1) else { return nil }
      number |= (byte & 0x7F) << shift
      if byte < 0x80 { return Int64(bitPattern: number) }
    }
    return nil
  }

  private mutating func text() -> String? {
    guard let count = number(), count >= 0, count <= Int64(bytes.endIndex - offset) else { return nil }
    defer { offset += Int(count) }
    return String(decoding: bytes[offset..<offset + Int(count)], as: UTF8.self)
  }

  private mutating func signed() -> Int64? { fixed(8).map { Int64(bitPattern: $0) } }

  private mutating func oldRange() -> Range<Int>? {
    guard let count = fixed(4), count <= UInt64(bytes.endIndex - offset) else { return nil }
    defer { offset += Int(count) }
    return offset..<offset + Int(count)
  }

  /// A text that may be none; nil outside if it is damaged.
  private mutating func oldText() -> String?? {
    let before = offset
    guard fixed(4) == UInt64(UInt32.max) else {
      offset = before
      return oldRange().map { .some(String(decoding: bytes[$0], as: UTF8.self)) }
    }
    return .some(nil)
  }
}
