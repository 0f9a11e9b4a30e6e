import Stepmill

/// The history of one execution: what is particular to each event, one after the other in one
/// run of bytes, and where each begins. So an event costs its text and some fifteen bytes, and
/// the last page of a long history costs what the first one does.
///
/// An event: its type (1 byte), previousEventId (4), timestamp (8), details (the rest, as JSON).
package struct HistoryLog: Sendable {
  private var bytes: [UInt8] = []
  private var starts: [UInt32] = []
  /// The first event's number, which is above 1 where this is a part of a history.
  package let firstID: Int

  package init(firstID: Int = 1) { self.firstID = firstID }

  package static let types = HistoryEventType.allCases
  package static let headerSize = 13

  /// The events are numbered from `firstID` up.
  package var count: Int { starts.count }
  /// What they take in memory, about.
  package var byteCount: Int { bytes.count + starts.count * 4 }

  package mutating func append(_ event: HistoryEvent) {
    starts.append(UInt32(bytes.count))
    bytes.append(UInt8(event.type.number))
    Self.put(UInt64(event.previousID), 4, &bytes)
    Self.put(UInt64(bitPattern: event.timestamp), 8, &bytes)
    if let details = event.details { bytes.append(contentsOf: details.utf8) }
  }

  /// Gives back what growing has reserved; nothing follows any more.
  mutating func close() {
    bytes = Array(bytes)
    starts = Array(starts)
  }

  /// An event as it was appended.
  struct Entry {
    let id: Int
    let type: HistoryEventType
    let previousID: Int
    let timestamp: Int64
    /// JSON text; empty where the type has no details.
    let details: ArraySlice<UInt8>
  }

  subscript(id: Int) -> Entry {
    let index = id - firstID
    let start = Int(starts[index])
    let end = index + 1 < starts.count ? Int(starts[index + 1]) : bytes.count
    return Entry(
      id: id, type: Self.types[Int(bytes[start])], previousID: Int(Self.get(bytes[start + 1..<start + 5])),
      timestamp: Int64(bitPattern: Self.get(bytes[start + 5..<start + 13])),
      details: bytes[start + Self.headerSize..<end])
  }

  // MARK: For a store

  /// The bytes of some events, and where each begins in them less `base`.
  package func withEvents<Result>(
    _ ids: Range<Int>,
    _ body: (_ starts: ArraySlice<UInt32>, _ base: UInt32, _ bytes: ArraySlice<UInt8>) -> Result
  ) -> Result {
    let first = ids.lowerBound - firstID
    let end = ids.upperBound - firstID
    let start = first < starts.count ? Int(starts[first]) : bytes.count
    let stop = end < starts.count ? Int(starts[end]) : bytes.count
    return body(starts[first..<end], UInt32(start), bytes[start..<stop])
  }

  /// How many events from `id` on fit into so many bytes; one at least, if there is one.
  package func count(from id: Int, fitting limit: Int) -> Int {
    let first = id - firstID
    guard first < starts.count else { return 0 }
    let end = Int(starts[first]) + limit
    if bytes.count <= end { return starts.count - first }
    var last = first + 1
    while last < starts.count, (last + 1 < starts.count ? Int(starts[last + 1]) : bytes.count) <= end {
      last += 1
    }
    return last - first
  }

  /// Adds events that `withEvents` gave. The first byte of each is its type.
  package mutating func append(starts more: some Sequence<UInt32>, bytes new: some Collection<UInt8>) {
    let base = UInt32(bytes.count)
    bytes.append(contentsOf: new)
    starts.append(contentsOf: more.lazy.map { $0 + base })
  }

  private static func put(_ number: UInt64, _ count: Int, _ bytes: inout [UInt8]) {
    for position in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number &>> (8 * UInt64(position)))) }
  }

  private static func get(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension ResponseBody {
  /// An event in the form of `GetExecutionHistory`, its members in alphabetical order.
  mutating func addMembers(of event: HistoryLog.Entry, includesData: Bool) {
    let name = event.type.detailsName
    var details = event.details
    if !includesData { details = HistoryLog.withoutData(details) }
    let isFirst = name < "id"
    let isSecond = !isFirst && name < "previousEventId"
    let isThird = !isFirst && !isSecond && name < "timestamp"
    let hasDetails = !details.isEmpty
    if hasDetails && isFirst { add(name, json: details) }
    add("id", event.id)
    if hasDetails && isSecond { add(name, json: details) }
    add("previousEventId", event.previousID)
    if hasDetails && isThird { add(name, json: details) }
    add("timestamp", date: event.timestamp)
    if hasDetails && !isFirst && !isSecond && !isThird { add(name, json: details) }
    add("type", event.type.rawValue)
  }
}

extension HistoryLog {
  private static let data: Set<String> = [
    "input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails",
  ]

  /// Details without inputs, outputs and variables.
  static func withoutData(_ details: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard !details.isEmpty, let json = try? JSON(parsing: details), let members = json.object else {
      return details
    }
    return JSON(members: members.filter { !data.contains($0.key) }).utf8[...]
  }
}
