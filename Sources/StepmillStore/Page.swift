import Stepmill
import StepmillServer

// What of an execution takes room, in pages.
//
// The first page (number 0) has the input; events follow in it and in further pages, each
// numbered by its first event; the last page has the outcome. So a short execution is one page,
// and whoever wants some events of a long history finds their page by one search, be they the
// first or the last. A page is a byte for its form and then sections: a byte for the kind, four
// for the length, the contents. A section of events: their number, where each begins (four
// bytes each), and the events as they are in a `HistoryLog`.

enum PageSection: UInt8 {
  case input = 1
  case output, error, cause, resumePoint, events
}

enum PageKey {
  /// How many bits of a key say which event comes first.
  static let eventBits: Int64 = 22
  /// A page that begins here takes all that follows, however much it is.
  static let lastEvent = Int64(1) << eventBits - 1

  static func first(of row: Int64) -> Int64 { row << eventBits }
  static func last(of row: Int64) -> Int64 { row << eventBits | lastEvent }
  static func key(_ row: Int64, event: Int) -> Int64 { row << eventBits | min(Int64(event), lastEvent) }
}

/// Writes one page after the other into the same memory.
struct PageWriter: ~Copyable {
  private(set) var bytes: [UInt8] = []
  private static let form: UInt8 = 1

  mutating func begin() {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(Self.form)
  }

  mutating func add(_ section: PageSection, _ text: String?) {
    guard let text else { return }
    let utf8 = text.utf8
    begin(section, utf8.count)
    // The contiguous bytes at once: one by one costs ten times as much.
    if unsafe utf8.withContiguousStorageIfAvailable({ unsafe bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: utf8)
    }
  }

  mutating func add(_ history: borrowing HistoryLog, _ ids: Range<Int>, _ types: borrowing EventTypeNumbers) {
    guard !ids.isEmpty else { return }
    history.withEvents(ids) { starts, base, events in
      begin(.events, 4 + starts.count * 4 + events.count)
      put(UInt32(starts.count))
      for start in starts { put(start - base) }
      let place = bytes.count
      bytes.append(contentsOf: events)
      guard !types.areSame else { return }
      for start in starts {
        let index = place + Int(start - base)
        bytes[index] = types.stored[Int(bytes[index])]
      }
    }
  }

  private mutating func begin(_ section: PageSection, _ count: Int) {
    bytes.append(section.rawValue)
    put(UInt32(count))
  }

  private mutating func put(_ number: UInt32) {
    unsafe withUnsafeBytes(of: number.littleEndian) { number in unsafe bytes.append(contentsOf: number) }
  }
}

/// A page that was read.
struct Page {
  private(set) var input: String?
  private(set) var output: String?
  private(set) var error: String?
  private(set) var cause: String?
  private(set) var resumePoint: String?
  private var starts: [UInt32] = []
  private var events: ArraySlice<UInt8> = []

  var eventCount: Int { starts.count }

  /// Nil if the bytes are none.
  init?(_ bytes: [UInt8], _ types: borrowing EventTypeNumbers) {
    guard bytes.first == 1 else { return nil }
    var place = 1
    while place < bytes.count {
      guard place + 5 <= bytes.count, let section = PageSection(rawValue: bytes[place]) else { return nil }
      let count = Int(Self.number(bytes, place + 1))
      place += 5
      guard count <= bytes.count - place else { return nil }
      let body = bytes[place..<place + count]
      place += count
      switch section {
      case .input: input = String(decoding: body, as: UTF8.self)
      case .output: output = String(decoding: body, as: UTF8.self)
      case .error: error = String(decoding: body, as: UTF8.self)
      case .cause: cause = String(decoding: body, as: UTF8.self)
      case .resumePoint: resumePoint = String(decoding: body, as: UTF8.self)
      case .events: guard readEvents(bytes, body, types) else { return nil }
      }
    }
  }

  private mutating func readEvents(
    _ bytes: [UInt8], _ body: ArraySlice<UInt8>, _ types: borrowing EventTypeNumbers
  ) -> Bool {
    guard body.count >= 4 else { return false }
    let count = Int(Self.number(bytes, body.startIndex))
    guard count <= (body.count - 4) / 4 else { return false }
    let first = body.startIndex + 4 + count * 4
    events = body[first...]
    starts.reserveCapacity(count)
    var last = -HistoryLog.headerSize
    for index in 0..<count {
      let start = Self.number(bytes, body.startIndex + 4 + index * 4)
      // Each has a head at least, so a damaged page is noticed here and not by a trap later.
      guard Int(start) >= last + HistoryLog.headerSize, Int(start) + HistoryLog.headerSize <= events.count
      else {
        return false
      }
      last = Int(start)
      starts.append(start)
      let place = first + Int(start)
      events[place] = types.known[Int(events[place])]
    }
    return true
  }

  /// Adds the page's events to a history.
  func addEvents(to history: inout HistoryLog) { history.append(starts: starts, bytes: events) }

  private static func number(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
      | UInt32(bytes[place + 3]) << 24
  }
}
