import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The history of one execution: the input, and behind it one event after the other, in one run
// of bytes. A text that has just been there is not there again, since what leaves one state
// mostly enters the next: a field may refer to the input, to the data told last, or to the role
// of the revision. So an execution that waits has its input once, and some ten bytes an event.
//
// Events come in segments of a bounded size, which is what makes the last page of a long history
// cost what the first one does, and what pages on disk are made of: nothing in a segment refers
// to what is outside it, except that the first one may refer to the input.
//
// An event: its type (1 byte), then flags and the number of its fields (1), what it follows from
// and its time where these are not what one expects (varints), its fields. A field: its member
// and form (1), and, where the form has one, the length (varint) and the bytes.

/// The input of an execution and what has happened in it, in its final and compact form.
package struct HistoryLog: Sendable {
  /// Where a segment begins.
  package struct Segment: Sendable, Hashable {
    package var start: UInt32
    /// How many events come before it.
    package var index: UInt32

    package init(start: UInt32, index: UInt32) {
      self.start = start
      self.index = index
    }
  }

  private var bytes: [UInt8] = []
  /// All but the first, which begins behind the input.
  private var laterSegments: [Segment] = []
  private let inputSize: UInt32
  private let first: UInt32
  private var events: UInt32 = 0
  private var tail = Tail()

  /// What the next event depends on.
  private struct Tail: Sendable {
    var time: Int64 = 0
    /// The data told last in the segment.
    var dataStart: UInt32 = 0
    var dataSize: UInt32 = 0
    var type: UInt8 = 0
    /// The next event begins a segment.
    var isCut = false
  }

  // Relations of the limits: a segment with events of the usual size fits into a page on disk.
  private static let segmentEventsMax = 64
  private static let segmentBytesMax = 8192
  /// This event begins a segment, whatever comes before it: from here on pages are not numbered.
  package static let boundaryID = 1 << 22 - 1
  /// What the first events take: a new execution has room for them; and what is asked for beyond what
  /// the last one takes.
  private static let bytesReserved = 64

  /// - Parameters:
  ///   - firstID: The first event's number, which is above 1 where this is a part of a history.
  ///   - input: As it was sent.
  ///   - capacity: What all of it is likely to take.
  package init(firstID: Int = 1, input: some Collection<UInt8>, capacity: Int = 0) {
    first = UInt32(firstID)
    inputSize = UInt32(input.count)
    bytes.reserveCapacity(max(capacity + Self.bytesReserved, input.count + Self.bytesReserved))
    bytes.append(contentsOf: input)
  }

  package init(firstID: Int = 1) {
    first = UInt32(firstID)
    inputSize = 0
  }

  package static let types = HistoryEventType.allCases
  fileprivate static let detailsNames = types.map(\.detailsName)

  package var firstID: Int { Int(first) }
  /// The events are numbered from `firstID` up.
  package var count: Int { Int(events) }
  package var inputBytes: ArraySlice<UInt8> { bytes[..<Int(inputSize)] }
  /// What it takes in memory, about.
  package var byteCount: Int { bytes.count + laterSegments.count * MemoryLayout<Segment>.stride }

  /// It is whole, and has no segments but one.
  package var isShort: Bool { first == 1 && laterSegments.isEmpty }

  /// The input and the events of a short one.
  package func withAllBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe bytes.withUnsafeBytes { unsafe body($0) }
  }

  package var inputCount: Int { Int(inputSize) }

  /// The types in what was not renumbered.
  static let sameTypes = [UInt8](0...255)

  /// Gives back what growing has reserved; nothing follows any more.
  mutating func close() {
    guard bytes.capacity - bytes.count > 64 + bytes.count / 4 else { return }
    bytes = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// What comes now refers to nothing before it: a page on disk ends here.
  package mutating func cut() { tail.isCut = true }

  private var segmentCount: Int { events == 0 ? 0 : laterSegments.count + 1 }

  private func segment(_ number: Int) -> Segment {
    number == 0 ? Segment(start: inputSize, index: 0) : laterSegments[number - 1]
  }

  /// The number of the segment that an event is in.
  private func segmentNumber(of index: Int) -> Int {
    var low = 0
    var high = laterSegments.count
    while low < high {
      let middle = (low + high) / 2
      if Int(laterSegments[middle].index) <= index { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

private enum EventFlags {
  static let hasDetails: UInt8 = 1
  static let hasPrevious: UInt8 = 2
  static let hasTime: UInt8 = 4
  /// Above the flags: how many fields there are.
  static let fieldsShift: UInt8 = 3
}

/// The forms of fields, in the upper three bits above the member.
private enum FieldForm: UInt8 {
  case text, integer, json
  /// What the field refers to: the execution's input, the data told last, the role of the revision.
  case input, data, role
  /// All of the details as JSON: read from an old file, or made outside the engine.
  case whole

  static let shift: UInt8 = 5
  static let memberMask: UInt8 = 31

  func head(_ member: UInt8) -> UInt8 { rawValue << Self.shift | member }
}

// MARK: - Writing

extension HistoryLog {
  /// Appends an event as the engine tells it.
  ///
  /// What each field is to be is found out first, so that room is asked for once.
  ///
  /// - Parameter origin: Whose role need not be said.
  package mutating func append(_ event: EventRecord, of origin: ExecutionOrigin) {
    let id = place()
    var flags: UInt8 = 0
    var size = Self.eventBytesMax
    var forms = ShortForms()
    if let fields = event.fields {
      let (tail, inputSize) = (self.tail, laterSegments.isEmpty ? self.inputSize : 0)
      unsafe bytes.withUnsafeBytes { bytes in
        var hasNewData = false
        for field in fields {
          var form = ShortForm.none
          if case .text = field.form {
            switch field.topic {
            case .data where unsafe field.bytes.count == 0: break
            case .data:
              // What the event itself says is not there yet to be compared with.
              if unsafe bytes.has(field.bytes, at: 0, inputSize) {
                form = .input
              } else if !hasNewData, unsafe bytes.has(field.bytes, at: tail.dataStart, tail.dataSize) {
                form = .data
              } else {
                hasNewData = true
              }
            case .role: if unsafe field.bytes.isText(origin.revision.roleARN) { form = .role }
            case .other: break
            }
          }
          if case .none = form { size &+= Self.fieldBytesMax &+ (unsafe field.bytes.count) }
          forms.append(form)
        }
      }
      size &+= forms.count
      flags = EventFlags.hasDetails | UInt8(truncatingIfNeeded: forms.count) &<< EventFlags.fieldsShift
    }
    if event.previousID != id &- 1 { flags |= EventFlags.hasPrevious }
    if event.timestamp != tail.time { flags |= EventFlags.hasTime }
    let type = UInt8(truncatingIfNeeded: event.type.number)
    let base = bytes.count
    var (dataStart, dataSize) = (tail.dataStart, tail.dataSize)
    let lastTime = tail.time
    bytes.append(addingCapacity: size) { bytes in
      bytes.append(type)
      bytes.append(flags)
      if flags & EventFlags.hasPrevious != 0 { bytes.put(UInt64(id &- 1 &- event.previousID)) }
      if flags & EventFlags.hasTime != 0 { bytes.put(signed: event.timestamp &- lastTime) }
      guard let fields = event.fields else { return }
      for field in fields {
        let member = field.member.rawValue
        switch forms.next() {
        case .input: bytes.append(FieldForm.input.head(member))
        case .data: bytes.append(FieldForm.data.head(member))
        case .role: bytes.append(FieldForm.role.head(member))
        case .none:
          switch field.form {
          case .integer:
            bytes.append(FieldForm.integer.head(member))
            bytes.put(signed: field.integer)
            continue
          case .json: bytes.append(FieldForm.json.head(member))
          case .text: bytes.append(FieldForm.text.head(member))
          }
          bytes.put(UInt64(unsafe field.bytes.count))
          if case .data = field.topic {
            dataStart = UInt32(truncatingIfNeeded: base &+ bytes.count)
            dataSize = UInt32(truncatingIfNeeded: unsafe field.bytes.count)
          }
          unsafe bytes.put(field.bytes)
        }
      }
    }
    tail.type = type
    tail.time = event.timestamp
    (tail.dataStart, tail.dataSize) = (dataStart, dataSize)
  }

  /// What a field refers to instead of saying it.
  private enum ShortForm: UInt64 {
    case none, input, data, role
  }

  /// Those of an event's fields, which are less than 32.
  private struct ShortForms {
    private var bits: UInt64 = 0
    private(set) var count = 0

    mutating func append(_ form: ShortForm) {
      bits |= form.rawValue &<< UInt64(2 &* count)
      count &+= 1
    }

    mutating func next() -> ShortForm {
      defer { bits &>>= 2 }
      return unsafe ShortForm(rawValue: bits & 3).unsafelyUnwrapped
    }
  }

  /// What an event takes without fields, and a field without its bytes, at most.
  private static let eventBytesMax = 22
  private static let fieldBytesMax = 11

  /// Appends an event that somebody else made.
  package mutating func append(_ event: HistoryEvent) {
    append(
      type: UInt8(event.type.number), previous: event.previousID, timestamp: event.timestamp,
      details: event.details?.utf8)
  }

  /// Appends an event whose details are JSON text.
  package mutating func append(
    type: UInt8, previous: Int, timestamp: Int64, details: (some Collection<UInt8>)?
  ) {
    let flags = begin(Int(type), previous: previous, timestamp: timestamp)
    guard let details else { return }
    bytes[flags] |= EventFlags.hasDetails | 1 << EventFlags.fieldsShift
    bytes.append(FieldForm.whole.head(0))
    put(UInt64(details.count))
    bytes.append(contentsOf: details)
  }

  /// Another event comes: in a segment of its own if need be. Gives its number.
  private mutating func place() -> Int {
    let last = events == 0 ? Segment(start: inputSize, index: 0) : segment(laterSegments.count)
    let id = firstID + count
    if tail.isCut || id == Self.boundaryID || Int(events - last.index) >= Self.segmentEventsMax
      || bytes.count - Int(last.start) >= Self.segmentBytesMax
    {
      if events > 0 { laterSegments.append(Segment(start: UInt32(bytes.count), index: events)) }
      tail = Tail()
    }
    events += 1
    return id
  }

  /// Writes the head of an event, and gives the place of its flags.
  private mutating func begin(_ type: Int, previous: Int, timestamp: Int64) -> Int {
    let id = place()
    tail.type = UInt8(type)
    bytes.append(UInt8(type))
    let place = bytes.count
    bytes.append(0)
    if previous != id - 1 {
      bytes[place] = EventFlags.hasPrevious
      put(UInt64(id - 1 - previous))
    }
    if timestamp != tail.time {
      bytes[place] |= EventFlags.hasTime
      put(signed: timestamp &- tail.time)
      tail.time = timestamp
    }
    return place
  }

  private mutating func put(_ number: UInt64) {
    bytes.append(addingCapacity: OutputSpan<UInt8>.varintSizeMax) { $0.put(number) }
  }

  private mutating func put(signed number: Int64) {
    bytes.append(addingCapacity: OutputSpan<UInt8>.varintSizeMax) { $0.put(signed: number) }
  }
}

extension OutputSpan<UInt8> {
  package mutating func put(_ text: UnsafeRawBufferPointer) {
    guard let base = text.baseAddress, text.count > 0 else { return }
    unsafe withUnsafeMutableBufferPointer { buffer, count in
      precondition(buffer.count - count >= text.count)
      unsafe memcpy(buffer.baseAddress.unsafelyUnwrapped + count, base, text.count)
      count += text.count
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func has(_ text: UnsafeRawBufferPointer, at start: UInt32, _ count: UInt32) -> Bool {
    guard count == text.count, let base = baseAddress, let other = text.baseAddress else { return false }
    return unsafe memcmp(base + Int(start), other, text.count) == 0
  }

  fileprivate func isText(_ text: String) -> Bool {
    let isSame = unsafe text.utf8.withContiguousStorageIfAvailable { text in
      guard count == text.count, let one = baseAddress, let other = text.baseAddress else { return false }
      return unsafe memcmp(one, other, count) == 0
    }
    return unsafe isSame ?? elementsEqual(text.utf8)
  }
}

extension EventMember {
  /// Those whose texts are data: see `EventTopic`.
  fileprivate var isData: Bool {
    switch self {
    case .input, .output, .parameters: true
    default: false
    }
  }
}

// MARK: - Reading

extension HistoryLog {
  /// An event as it was appended.
  package struct Entry {
    package let id: Int
    package let type: HistoryEventType
    package let previousID: Int
    package let timestamp: Int64
    /// How many fields its details have, if it has some, and where they are.
    fileprivate let fieldCount: Int?
    fileprivate let place: Int
    /// The data told last before it.
    fileprivate let data: Range<Int>
  }

  /// Goes through the events of a segment. Whatever it reads from a damaged file, it stops at the end.
  private struct Cursor {
    var place: Int
    let end: Int
    var time: Int64 = 0
    var data = 0..<0

    mutating func byte(_ bytes: borrowing [UInt8]) -> UInt8? {
      guard place < end else { return nil }
      defer { place += 1 }
      return bytes[place]
    }

    mutating func number(_ bytes: borrowing [UInt8]) -> UInt64? {
      var number: UInt64 = 0
      var shift: UInt64 = 0
      while let byte = byte(bytes), shift < 64 {
        number |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return number }
        shift += 7
      }
      return nil
    }

    mutating func signed(_ bytes: borrowing [UInt8]) -> Int64? {
      number(bytes).map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }

    mutating func range(_ bytes: borrowing [UInt8]) -> Range<Int>? {
      guard let count = number(bytes), count <= UInt64(end - place) else { return nil }
      defer { place += Int(count) }
      return place..<place + Int(count)
    }
  }

  /// A field: what it is, and the bytes that it has or refers to.
  private enum Content {
    case text(Range<Int>)
    case json(Range<Int>)
    case whole(Range<Int>)
    case integer(Int64)
    case role
  }

  private func field(_ cursor: inout Cursor) -> (member: EventMember?, content: Content)? {
    guard let head = cursor.byte(bytes), let form = FieldForm(rawValue: head >> FieldForm.shift) else {
      return nil
    }
    let member = EventMember(rawValue: head & FieldForm.memberMask)
    guard member != nil || form == .whole else { return nil }
    switch form {
    case .text:
      guard let range = cursor.range(bytes) else { return nil }
      if member!.isData { cursor.data = range }
      return (member, .text(range))
    case .json: return cursor.range(bytes).map { (member, .json($0)) }
    case .whole: return cursor.range(bytes).map { (nil, .whole($0)) }
    case .integer: return cursor.signed(bytes).map { (member, .integer($0)) }
    case .input: return inputSize > 0 ? (member, .text(0..<Int(inputSize))) : nil
    case .data: return cursor.data.isEmpty ? nil : (member, .text(cursor.data))
    case .role: return (member, .role)
    }
  }

  /// Reads the event at the cursor, and goes on behind it. Nil if there is none.
  private func entry(_ id: Int, _ cursor: inout Cursor) -> Entry? {
    guard let type = cursor.byte(bytes), Int(type) < Self.types.count, let flags = cursor.byte(bytes) else {
      return nil
    }
    var previous = id - 1
    if flags & EventFlags.hasPrevious != 0 {
      guard let back = cursor.number(bytes), back <= UInt64(previous) else { return nil }
      previous -= Int(back)
    }
    if flags & EventFlags.hasTime != 0 {
      guard let change = cursor.signed(bytes) else { return nil }
      cursor.time &+= change
    }
    let count = flags & EventFlags.hasDetails != 0 ? Int(flags >> EventFlags.fieldsShift) : nil
    let entry = Entry(
      id: id, type: Self.types[Int(type)], previousID: previous, timestamp: cursor.time, fieldCount: count,
      place: cursor.place, data: cursor.data)
    for _ in 0..<(count ?? 0) where field(&cursor) == nil { return nil }
    return entry
  }

  private func cursor(atSegment number: Int) -> Cursor {
    Cursor(
      place: Int(segment(number).start),
      end: number < laterSegments.count ? Int(laterSegments[number].start) : bytes.count)
  }

  /// The events with these numbers, which are among those that there are.
  package func entries(_ ids: ClosedRange<Int>) -> ArraySlice<Entry> {
    var entries: [Entry] = []
    entries.reserveCapacity(ids.count + Self.segmentEventsMax)
    var number = segmentNumber(of: ids.lowerBound - firstID)
    let begin = firstID + Int(segment(number).index)
    while number < segmentCount, begin + entries.count <= ids.upperBound {
      var cursor = cursor(atSegment: number)
      while let entry = entry(begin + entries.count, &cursor) { entries.append(entry) }
      number += 1
    }
    return entries[(ids.lowerBound - begin)...(ids.upperBound - begin)]
  }

  /// The type of the last event.
  var lastType: HistoryEventType? { count > 0 ? Self.types[Int(tail.type)] : nil }

  /// The output of an execution that came to its end: its last event has it.
  package var output: String? {
    guard lastType == .executionSucceeded,
      let last = entries(firstID + count - 1...firstID + count - 1).last, last.fieldCount != nil
    else { return nil }
    var cursor = Cursor(place: last.place, end: bytes.count, data: last.data)
    guard case (.output?, .text(let range))? = field(&cursor) else { return nil }
    return String(decoding: bytes[range], as: UTF8.self)
  }

  fileprivate func write(
    detailsOf entry: Entry, role: String, includesData: Bool, to target: inout [UInt8]
  ) {
    var cursor = Cursor(place: entry.place, end: bytes.count, data: entry.data)
    var isFirst = true
    func name(_ name: StaticString) {
      target.append(UInt8(ascii: isFirst ? "{" : ","))
      isFirst = false
      target.append(UInt8(ascii: "\""))
      unsafe target.append(
        contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
      target.append(contentsOf: "\":".utf8)
    }
    for _ in 0..<(entry.fieldCount ?? 0) {
      guard let (member, content) = field(&cursor) else { break }
      if case .whole(let range) = content {
        target.append(contentsOf: includesData ? bytes[range] : Self.withoutData(bytes[range]))
        return
      }
      guard let member, includesData || member.noteName == nil else { continue }
      name(member.name)
      switch content {
      case .text(let range):
        unsafe bytes.withUnsafeBytes { bytes in
          unsafe UnsafeRawBufferPointer(rebasing: bytes[range]).appendQuoted(to: &target)
        }
      case .role:
        var role = role
        role.withUTF8 { unsafe UnsafeRawBufferPointer($0).appendQuoted(to: &target) }
      case .json(let range), .whole(let range): target.append(contentsOf: bytes[range])
      case .integer(let number): target.append(contentsOf: String(number).utf8)
      }
      guard let note = member.noteName else { continue }
      name(note)
      target.append(contentsOf: #"{"truncated":false}"#.utf8)
    }
    target.append(contentsOf: isFirst ? "{}".utf8 : "}".utf8)
  }

  private static let data: Set<String> = [
    "input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails",
  ]

  /// Details as JSON without inputs, outputs and variables.
  static func withoutData(_ details: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let json = try? JSON(parsing: details), let members = json.object else { return details }
    return JSON(members: members.filter { !data.contains($0.key) }).utf8[...]
  }
}

extension ResponseBody {
  /// An event in the form of `GetExecutionHistory`, its members in alphabetical order.
  mutating func addMembers(
    of event: HistoryLog.Entry, in log: borrowing HistoryLog, role: String, includesData: Bool
  ) {
    let name = HistoryLog.detailsNames[event.type.number]
    let hasDetails = event.fieldCount != nil
    func details(_ isHere: Bool, _ body: inout ResponseBody) {
      guard hasDetails, isHere else { return }
      body.add(name) { log.write(detailsOf: event, role: role, includesData: includesData, to: &$0) }
    }
    details(name < "id", &self)
    add("id", event.id)
    details("id" < name && name < "previousEventId", &self)
    add("previousEventId", event.previousID)
    details("previousEventId" < name && name < "timestamp", &self)
    add("timestamp", date: event.timestamp)
    details("timestamp" < name, &self)
    add("type", event.type.rawValue)
  }
}

// MARK: - For a store

extension HistoryLog {
  /// How many events from `id` on, which begins a segment, fit into so many bytes: whole segments,
  /// and one at least if there is one.
  package func count(from id: Int, fitting limit: Int) -> Int {
    let index = id - firstID
    guard index < count else { return 0 }
    var number = segmentNumber(of: index)
    let end = Int(segment(number).start) + limit
    repeat {
      number += 1
    } while number < segmentCount
      && (number < laterSegments.count ? Int(laterSegments[number].start) : bytes.count) <= end
    return (number < segmentCount ? Int(segment(number).index) : count) - index
  }

  /// Whole segments: the bytes of their events, and where those after the first one begin, counted
  /// from there.
  package func withEvents<Result>(
    _ ids: Range<Int>, _ body: (_ segments: [Segment], _ bytes: ArraySlice<UInt8>) -> Result
  ) -> Result {
    let number = segmentNumber(of: ids.lowerBound - firstID)
    let base = segment(number)
    var segments: [Segment] = []
    var end = number + 1
    while end < segmentCount, firstID + Int(segment(end).index) < ids.upperBound {
      let next = segment(end)
      segments.append(Segment(start: next.start - base.start, index: next.index - base.index))
      end += 1
    }
    let stop = end < segmentCount ? Int(segment(end).start) : bytes.count
    return body(segments, bytes[Int(base.start)..<stop])
  }

  /// Adds events that `withEvents` gave. False if they are damaged; then nothing can be made of
  /// this any more.
  ///
  /// - Parameter types: The type that each number stands for in them.
  package mutating func append(
    _ more: some Sequence<Segment>, count: Int, bytes new: some Collection<UInt8>, types: [UInt8]
  ) -> Bool {
    let base = Segment(start: UInt32(bytes.count), index: events)
    let firstNew = segmentCount
    bytes.append(contentsOf: new)
    var segments = events == 0 ? [] : [base]
    segments += more.lazy.map { Segment(start: $0.start &+ base.start, index: $0.index &+ base.index) }
    let end = base.index + UInt32(count)
    for (place, segment) in segments.enumerated() {
      // They rise, and stay among the bytes.
      let before = place > 0 ? segments[place - 1] : base
      guard segment.start >= before.start, segment.start <= bytes.count, segment.index >= before.index,
        segment.index <= end
      else { return false }
    }
    laterSegments += segments
    events = end
    for number in firstNew..<segmentCount {
      var cursor = cursor(atSegment: number)
      let next = number + 1 < segmentCount ? segment(number + 1).index : events
      for index in segment(number).index..<next {
        guard cursor.place < cursor.end else { return false }
        bytes[cursor.place] = types[Int(bytes[cursor.place])]
        guard let entry = entry(firstID + Int(index), &cursor) else { return false }
        tail.type = UInt8(entry.type.number)
      }
      guard cursor.place == cursor.end else { return false }
    }
    cut()
    return true
  }

  /// Puts other numbers in the place of the types in what `withEvents` gave.
  package static func renumber(
    _ segments: [Segment], count: Int, in target: inout [UInt8], from start: Int, types: [UInt8]
  ) {
    // They may refer to an input and to earlier events, whatever these are.
    let highestID = Int(Int32.max)
    var log = HistoryLog(firstID: highestID, input: CollectionOfOne(0))
    let isGood = log.append(
      segments, count: count, bytes: target[start...], types: sameTypes)
    precondition(isGood, "BUG in Stepmill (please report): a history cannot be read")
    for number in 0..<log.segmentCount {
      var cursor = log.cursor(atSegment: number)
      while cursor.place < cursor.end {
        let place = start + cursor.place - 1
        target[place] = types[Int(target[place])]
        _ = log.entry(highestID, &cursor)
      }
    }
  }
}
