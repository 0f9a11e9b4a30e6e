import Stepmill
import StepmillServer

// What of an execution takes room, in pages.
//
// The first page (number 0) has the input; events follow in it and in further pages, each
// numbered by its first event; the last page has the outcome. So a short execution is one page,
// and whoever wants some events of a long history finds their page by one search, be they the
// first or the last. A page is a byte for its form and then sections: a byte for the kind, four
// for the length, the contents.
//
// A section of events has whole segments of a `HistoryLog`: the number of events, the number of
// segments less one, where each of these begins and how many events come before it (four bytes
// each), and the events as they are there. In pages of the first form each event stood for
// itself: their number, where each begins, and of each its type (1 byte), what it follows from
// (4), its time (8) and its details as JSON.

enum PageSection: UInt8 {
  case input = 1
  case output, error, cause, resumePoint, events
}

enum PageKey {
  /// How many bits of a key say which event comes first.
  static let eventBits: Int64 = 22
  /// A page that begins here takes all that follows, however much it is.
  static let lastEvent = Int64(HistoryLog.boundaryID)

  static func first(of row: Int64) -> Int64 { row << eventBits }
  static func last(of row: Int64) -> Int64 { row << eventBits | lastEvent }
  static func key(_ row: Int64, event: Int) -> Int64 { row << eventBits | min(Int64(event), lastEvent) }
}

/// Writes one page after the other into the same memory.
struct PageWriter: ~Copyable {
  /// The page; or whatever it is in the middle of.
  var bytes: [UInt8] = []
  private static let form: UInt8 = 2

  /// Begins a page, and forgets what was there.
  mutating func begin() {
    bytes.removeAll(keepingCapacity: true)
    beginBehind()
  }

  /// Begins a page behind what is there.
  mutating func beginBehind() { bytes.append(Self.form) }

  mutating func add(_ section: PageSection, _ text: String?) {
    if let text { add(section, utf8: text.utf8) }
  }

  mutating func add(_ section: PageSection, utf8: some Collection<UInt8>) {
    begin(section, utf8.count)
    // The contiguous bytes at once: one by one costs ten times as much.
    if utf8.withContiguousStorageIfAvailable({ unsafe bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: utf8)
    }
  }

  mutating func add(_ history: borrowing HistoryLog, _ ids: Range<Int>, _ types: borrowing EventTypeNumbers) {
    guard !ids.isEmpty else { return }
    history.withEvents(ids) { segments, events in
      let headSize = Self.segmentsHeadSize + segments.count * 8
      begin(.events, headSize + events.count)
      bytes.append(addingCapacity: headSize) { bytes in
        bytes.put(UInt32(ids.count))
        bytes.put(UInt32(segments.count))
        for segment in segments {
          bytes.put(segment.start)
          bytes.put(segment.index)
        }
      }
      let place = bytes.count
      bytes.append(contentsOf: events)
      guard !types.areSame else { return }
      HistoryLog.renumber(segments, count: ids.count, in: &bytes, from: place, types: types.stored)
    }
  }

  /// Adds the input and all events.
  mutating func add(_ history: borrowing HistoryLog, _ types: borrowing EventTypeNumbers) {
    let events = history.count
    guard history.isShort, types.areSame, events > 0 else {
      add(.input, utf8: history.inputBytes)
      return add(history, 1..<events + 1, types)
    }
    // At once, and without references to parts.
    let inputCount = history.inputCount
    unsafe history.withAllBytes { all in
      bytes.append(addingCapacity: all.count + 2 * Self.sectionHeadSize + Self.segmentsHeadSize) { bytes in
        bytes.put(.input, inputCount)
        unsafe bytes.put(UnsafeRawBufferPointer(rebasing: all[..<inputCount]))
        bytes.put(.events, Self.segmentsHeadSize + all.count - inputCount)
        bytes.put(UInt32(events))
        bytes.put(UInt32(0))
        unsafe bytes.put(UnsafeRawBufferPointer(rebasing: all[inputCount...]))
      }
    }
  }

  private static let sectionHeadSize = 5
  /// Of events: how many there are, and how many segments behind the first.
  private static let segmentsHeadSize = 8

  /// Adds what the last page of an execution has behind its events.
  ///
  /// - Parameter isInEvents: The page has the last event, where an output is.
  mutating func addOutcome(of life: borrowing StoredExecution.Life, isInEvents: Bool) {
    guard let ending = life.ending else {
      if !isInEvents { add(.output, life.history.output) }
      return
    }
    add(.output, ending.output ?? (isInEvents ? nil : life.history.output))
    add(.error, ending.error)
    add(.cause, ending.cause)
    add(.resumePoint, ending.resumePoint?.json.text)
  }

  private mutating func begin(_ section: PageSection, _ count: Int) {
    bytes.append(addingCapacity: Self.sectionHeadSize) { $0.put(section, count) }
  }
}

extension OutputSpan<UInt8> {
  /// The head of a section.
  fileprivate mutating func put(_ section: PageSection, _ count: Int) {
    append(section.rawValue)
    put(UInt32(count))
  }

  fileprivate mutating func put(_ number: UInt32) {
    for shift in stride(from: UInt32(0), to: 32, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
  }
}

/// A page that was read.
struct Page {
  private(set) var input: ArraySlice<UInt8>?
  private(set) var output: String?
  private(set) var error: String?
  private(set) var cause: String?
  private(set) var resumePoint: String?
  private let form: UInt8
  private var events: ArraySlice<UInt8>?

  /// Nil if the bytes are none.
  init?(_ bytes: [UInt8]) {
    guard let form = bytes.first, form == 1 || form == 2 else { return nil }
    self.form = form
    var place = 1
    while place < bytes.count {
      guard place + 5 <= bytes.count, let section = PageSection(rawValue: bytes[place]) else { return nil }
      let count = Int(Self.number(bytes[...], place + 1))
      place += 5
      guard count <= bytes.count - place else { return nil }
      let body = bytes[place..<place + count]
      place += count
      switch section {
      case .input: input = body
      case .output: output = String(decoding: body, as: UTF8.self)
      case .error: error = String(decoding: body, as: UTF8.self)
      case .cause: cause = String(decoding: body, as: UTF8.self)
      case .resumePoint: resumePoint = String(decoding: body, as: UTF8.self)
      case .events: events = body
      }
    }
  }

  /// Adds the page's events to a history. False if they are damaged.
  func addEvents(to history: inout HistoryLog, _ types: borrowing EventTypeNumbers) -> Bool {
    guard let events else { return true }
    return form == 1 ? addOldEvents(events, &history, types) : addSegments(events, &history, types)
  }

  private func addSegments(
    _ body: ArraySlice<UInt8>, _ history: inout HistoryLog, _ types: borrowing EventTypeNumbers
  ) -> Bool {
    guard body.count >= 8 else { return false }
    let count = Int(Self.number(body, body.startIndex))
    let segmentCount = Int(Self.number(body, body.startIndex + 4))
    guard segmentCount <= (body.count - 8) / 8 else { return false }
    let segments = (0..<segmentCount).map { index in
      let place = body.startIndex + 8 + index * 8
      return HistoryLog.Segment(start: Self.number(body, place), index: Self.number(body, place + 4))
    }
    return history.append(
      segments, count: count, bytes: body[(body.startIndex + 8 + segmentCount * 8)...], types: types.known)
  }

  private func addOldEvents(
    _ body: ArraySlice<UInt8>, _ history: inout HistoryLog, _ types: borrowing EventTypeNumbers
  ) -> Bool {
    let headSize = 13
    guard body.count >= 4 else { return false }
    let count = Int(Self.number(body, body.startIndex))
    guard count <= (body.count - 4) / 4 else { return false }
    let first = body.startIndex + 4 + count * 4
    func start(_ index: Int) -> Int {
      index < count ? first + Int(Self.number(body, body.startIndex + 4 + index * 4)) : body.endIndex
    }
    for index in 0..<count {
      let (place, end) = (start(index), start(index + 1))
      // Each has a head at least, so a damaged page is noticed here and not by a trap later.
      guard place >= first, end <= body.endIndex, end - place >= headSize else { return false }
      let type = types.known[Int(body[place])]
      let previous = Int(Self.number(body, place + 1))
      guard Int(type) < HistoryLog.types.count, previous < history.firstID + history.count else {
        return false
      }
      let time = UInt64(Self.number(body, place + 5)) | UInt64(Self.number(body, place + 9)) << 32
      let details = body[place + headSize..<end]
      history.append(
        type: type, previous: previous, timestamp: Int64(bitPattern: time),
        details: details.isEmpty ? nil : details)
    }
    return true
  }

  private static func number(_ bytes: ArraySlice<UInt8>, _ place: Int) -> UInt32 {
    UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
      | UInt32(bytes[place + 3]) << 24
  }
}
