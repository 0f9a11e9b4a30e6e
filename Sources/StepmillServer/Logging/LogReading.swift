import Stepmill

// The part of CloudWatch Logs' API that shows what executions logged, over the log store: so that
// `aws logs tail`, and whatever else reads log groups, reads those of this server.

/// Answers the operations of CloudWatch Logs that this server knows.
package struct LogService: Sendable {
  private let store: LogStore
  private let now: @Sendable () -> Int64

  /// How many entries one request looks at, at most: the loop has other things to do.
  private static let entriesPerRequest = 20_000
  private static let entriesAtOnce = 512
  private static let answerBytesMax = 1_000_000

  /// - Parameters:
  ///   - store: Where the log entries are.
  ///   - now: The time in milliseconds since 1970.
  package init(_ store: LogStore, now: @escaping @Sendable () -> Int64) {
    self.store = store
    self.now = now
  }

  /// - Parameters:
  ///   - operation: What follows `Logs_20140328.` in the header `X-Amz-Target`.
  ///   - body: The request's body.
  ///   - scope: The account and the region that it is for.
  package func handle(_ operation: String, body: [UInt8], scope: Scope) -> APIAnswer {
    do throws(APIError) {
      guard let row = Self.table[operation] else { throw .unknownOperation() }
      return APIAnswer(try row.answer(self, Request(body, row.members, in: scope)))
    } catch {
      return APIAnswer(error)
    }
  }

  // MARK: Operations

  private struct Operation: Sendable {
    let members: [RequestMember]
    let answer: @Sendable (LogService, Request) throws(APIError) -> ResponseBody
  }

  private static let group = RequestShape.text(min: 1, max: 512)
  private static let time = RequestShape.integer(min: 0, max: Int(Int64.max), bits: 64)
  private static let token = RequestShape.text(min: 1, max: 2048)

  private static let table: [String: Operation] = [
    "CreateLogGroup": Operation(members: [.required("logGroupName", group)]) {
      service, request throws(APIError) in
      try service.create(request)
    },
    "DeleteLogGroup": Operation(members: [.required("logGroupName", group)]) {
      service, request throws(APIError) in
      guard service.store.delete(service.named(request)) else { throw .noLogGroup() }
      return ResponseBody()
    },
    "DescribeLogGroups": Operation(members: [
      .optional("logGroupNamePrefix", group), .optional("logGroupNamePattern", .text(max: 512)),
      .optional("limit", .integer(min: 1, max: 50)), .optional("nextToken", token),
    ]) { service, request throws(APIError) in
      try service.describeGroups(request)
    },
    "DescribeLogStreams": Operation(members: [
      .optional("logGroupName", group), .optional("logGroupIdentifier", .text(min: 1, max: 2048)),
      .optional("logStreamNamePrefix", .text(min: 1, max: 512)),
      .optional("orderBy", .choice(["LogStreamName", "LastEventTime"])), .optional("descending", .boolean),
      .optional("limit", .integer(min: 1, max: 50)), .optional("nextToken", token),
    ]) { service, request throws(APIError) in
      try service.describeStreams(request)
    },
    "FilterLogEvents": Operation(members: [
      .optional("logGroupName", group), .optional("logGroupIdentifier", .text(min: 1, max: 2048)),
      .optional("logStreamNames", .list(.text(min: 1, max: 512), min: 1, max: 100)),
      .optional("logStreamNamePrefix", .text(min: 1, max: 512)), .optional("startTime", time),
      .optional("endTime", time), .optional("filterPattern", .text(max: 1024)),
      .optional("limit", .integer(min: 1, max: 10_000)), .optional("nextToken", token),
      .optional("interleaved", .boolean),
    ]) { service, request throws(APIError) in
      try service.filter(request)
    },
    "GetLogEvents": Operation(members: [
      .optional("logGroupName", group), .optional("logGroupIdentifier", .text(min: 1, max: 2048)),
      .required("logStreamName", .text(min: 1, max: 512)), .optional("startTime", time),
      .optional("endTime", time), .optional("limit", .integer(min: 1, max: 10_000)),
      .optional("nextToken", token), .optional("startFromHead", .boolean),
    ]) { service, request throws(APIError) in
      try service.events(request)
    },
  ]

  private func create(_ request: Request) throws(APIError) -> ResponseBody {
    guard store.create(named(request), at: now()) else {
      throw APIError(logs: "ResourceAlreadyExistsException", "The specified log group already exists")
    }
    return ResponseBody()
  }

  private func describeGroups(_ request: Request) throws(APIError) -> ResponseBody {
    let all = store.groups(in: request.scope).filter { found in
      request.text("logGroupNamePrefix").map { found.group.name.hasPrefix($0) } ?? true
        && request.text("logGroupNamePattern").map { found.group.name.contains($0) } ?? true
    }
    let page = try page(of: all, request) { $0.group.name }
    var body = ResponseBody()
    body.array("logGroups", page.shown) { item, found in
      item.add("arn", found.group.arn + ":*")
      item.add("creationTime", Int(found.facts.created))
      item.add("logGroupArn", found.group.arn)
      item.add("logGroupClass", "STANDARD")
      item.add("logGroupName", found.group.name)
      item.add("metricFilterCount", 0)
      item.add("storedBytes", found.facts.bytes)
    }
    body.add("nextToken", page.next)
    return body
  }

  private func describeStreams(_ request: Request) throws(APIError) -> ResponseBody {
    let group = try group(request)
    var all = store.streams(of: group).filter { stream in
      request.text("logStreamNamePrefix").map { stream.name.hasPrefix($0) } ?? true
    }
    if request.text("orderBy") == "LastEventTime" {
      all.sort { ($0.facts.last ?? 0, $0.name) < ($1.facts.last ?? 0, $1.name) }
    }
    if request.flag("descending") ?? false { all.reverse() }
    let page = try page(of: all, request) { $0.name }
    var body = ResponseBody()
    body.array("logStreams", page.shown) { item, stream in
      item.add("arn", "\(group.arn):log-stream:\(stream.name)")
      item.add("creationTime", Int(stream.facts.created))
      item.add("firstEventTimestamp", stream.facts.first.map(Int.init))
      item.add("lastEventTimestamp", stream.facts.last.map(Int.init))
      item.add("lastIngestionTime", stream.facts.last.map(Int.init))
      item.add("logStreamName", stream.name)
      item.add("storedBytes", stream.facts.bytes)
    }
    body.add("nextToken", page.next)
    return body
  }

  private func filter(_ request: Request) throws(APIError) -> ResponseBody {
    let group = try group(request)
    let pattern = try FilterPattern(request.text("filterPattern") ?? "")
    let streams = Set(request.texts("logStreamNames"))
    let prefix = request.text("logStreamNamePrefix")
    if !streams.isEmpty, prefix != nil {
      throw .logParameter("LogStreamNames and LogStreamNamePrefix cannot be used together.")
    }
    let times = try Times(request)
    let from = try number(of: request.text("nextToken"), "")
    let found = scan(from: from, limit: request.integer("limit") ?? 10_000) { entry in
      entry.group == group && times.contain(entry.timestamp)
        && (streams.isEmpty || streams.contains(entry.stream))
        && prefix.map { entry.stream.hasPrefix($0) } ?? true && pattern.matches(entry.text)
    }
    var body = ResponseBody(capacity: 1024)
    body.array("events", found.entries) { item, entry in
      item.add("eventId", Self.eventID(entry))
      item.add("ingestionTime", Int(entry.timestamp))
      item.add("logStreamName", entry.stream)
      item.add("message", utf8: entry.text)
      item.add("timestamp", Int(entry.timestamp))
    }
    body.add("nextToken", found.next.map { "\($0)" })
    body.array("searchedLogStreams", texts: [])
    return body
  }

  private func events(_ request: Request) throws(APIError) -> ResponseBody {
    let group = try group(request)
    let stream = request.required("logStreamName")
    guard store.streams(of: group).contains(where: { $0.name == stream }) else {
      throw APIError(logs: "ResourceNotFoundException", "The specified log stream does not exist.")
    }
    let times = try Times(request)
    let limit = request.integer("limit") ?? 10_000
    let isWanted = { @Sendable (entry: LogStore.Entry) in
      entry.group == group && entry.stream == stream && times.contain(entry.timestamp)
    }
    let token = request.text("nextToken")
    let found: Found
    if let token, token.hasPrefix("b/") {
      found = scan(before: try number(of: token, "b/"), limit: limit, isWanted)
    } else if let token {
      found = scan(from: try number(of: token, "f/"), limit: limit, isWanted)
    } else if request.flag("startFromHead") ?? false {
      found = scan(from: 0, limit: limit, isWanted)
    } else {
      found = scan(before: store.numbers.upperBound, limit: limit, isWanted)
    }
    var body = ResponseBody(capacity: 1024)
    body.array("events", found.entries) { item, entry in
      item.add("ingestionTime", Int(entry.timestamp))
      item.add("message", utf8: entry.text)
      item.add("timestamp", Int(entry.timestamp))
    }
    body.add("nextBackwardToken", "b/\(found.seen.lowerBound)")
    body.add("nextForwardToken", "f/\(found.seen.upperBound)")
    return body
  }

  // MARK: Looking for entries

  private struct Found {
    var entries: [LogStore.Entry] = []
    /// The numbers of what was looked at.
    var seen: Range<Int>
    /// Where to go on; nil where nothing is left.
    var next: Int?
  }

  private func scan(from number: Int, limit: Int, _ isWanted: (LogStore.Entry) -> Bool) -> Found {
    let end = store.numbers.upperBound
    var place = min(max(number, store.numbers.lowerBound), end)
    var found = Found(seen: place..<place)
    var bytes = 0
    var left = Self.entriesPerRequest
    while left > 0 {
      let some = store.entries(from: place, limit: min(left, Self.entriesAtOnce))
      guard !some.isEmpty else { break }
      for entry in some {
        place = entry.number + 1
        guard isWanted(entry) else { continue }
        found.entries.append(entry)
        bytes += entry.text.count
        if found.entries.count >= limit || bytes >= Self.answerBytesMax {
          left = 0
          break
        }
      }
      left -= some.count
    }
    found.seen = found.seen.lowerBound..<max(place, found.seen.lowerBound)
    found.next = place < store.numbers.upperBound ? place : nil
    return found
  }

  /// The last entries in front of a number, in their order.
  private func scan(before number: Int, limit: Int, _ isWanted: (LogStore.Entry) -> Bool) -> Found {
    let numbers = store.numbers
    let end = min(max(number, numbers.lowerBound), numbers.upperBound)
    var place = end
    var found = Found(seen: end..<end)
    var bytes = 0
    var left = Self.entriesPerRequest
    while left > 0, place > numbers.lowerBound {
      let first = max(numbers.lowerBound, place - Self.entriesAtOnce)
      let some = store.entries(from: first, limit: place - first).filter { $0.number < place }
      place = first
      for entry in some.reversed() where isWanted(entry) {
        found.entries.append(entry)
        bytes += entry.text.count
        if found.entries.count >= limit || bytes >= Self.answerBytesMax {
          place = entry.number
          left = 0
          break
        }
      }
      left -= Self.entriesAtOnce
    }
    found.entries.reverse()
    found.seen = place..<end
    return found
  }

  private static func eventID(_ entry: LogStore.Entry) -> String {
    let digits = String(entry.number)
    return String(entry.timestamp) + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
  }

  // MARK: Parameters

  private func named(_ request: Request) -> LogStore.Group {
    LogStore.Group(scope: request.scope, name: request.required("logGroupName"))
  }

  /// The group that a request is about, which must be there.
  private func group(_ request: Request) throws(APIError) -> LogStore.Group {
    let identifier = request.text("logGroupIdentifier")
    guard (identifier == nil) != (request.text("logGroupName") == nil) else {
      throw .logParameter("Exactly one of logGroupName and logGroupIdentifier must be given.")
    }
    var group = named(request)
    if let identifier {
      group = LogStore.Group(scope: request.scope, name: identifier)
      if identifier.hasPrefix("arn:") {
        guard let other = LogStore.Group(arn: identifier), other.scope == request.scope else {
          throw .noLogGroup()
        }
        group = other
      }
    }
    guard store.hasGroup(group) else { throw .noLogGroup() }
    return group
  }

  private func number(of token: String?, _ prefix: String) throws(APIError) -> Int {
    guard let token else { return 0 }
    guard token.hasPrefix(prefix), let number = Int(token.dropFirst(prefix.count)), number >= 0 else {
      throw .logParameter("The specified nextToken is invalid.")
    }
    return number
  }

  private func page<Element>(
    of all: [Element], _ request: Request, _ name: (Element) -> String
  ) throws(APIError) -> (shown: ArraySlice<Element>, next: String?) {
    let first = try number(of: request.text("nextToken"), "")
    let rest = all.dropFirst(first)
    let shown = rest.prefix(request.integer("limit") ?? 50)
    return (shown, rest.count > shown.count ? "\(first + shown.count)" : nil)
  }

  private struct Times {
    private let start: Int64
    private let end: Int64

    init(_ request: Request) throws(APIError) {
      start = Int64(request.integer("startTime") ?? 0)
      end = Int64(request.integer("endTime") ?? Int.max)
      guard start <= end else {
        throw .logParameter("startTime should be less than or equal to endTime")
      }
    }

    func contain(_ time: Int64) -> Bool { start <= time && time <= end }
  }
}

/// The terms of a filter: all must occur, of those with a `?` one, of those with a `-` none.
private struct FilterPattern {
  private var all: [[UInt8]] = []
  private var any: [[UInt8]] = []
  private var none: [[UInt8]] = []

  init(_ text: String) throws(APIError) {
    var rest = Array(text.utf8)[...]
    func skip() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A } }
    skip()
    if let first = rest.first, first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == 0x25 {
      throw .logParameter(
        "Invalid filter pattern: this server knows terms and phrases in quotes, no patterns of JSON, columns or expressions."
      )
    }
    while let first = rest.first {
      let isAny = first == UInt8(ascii: "?")
      let isNone = first == UInt8(ascii: "-")
      if isAny || isNone { rest.removeFirst() }
      let term: [UInt8]
      if rest.first == UInt8(ascii: "\"") {
        rest.removeFirst()
        (term, rest) = try Self.phrase(rest)
      } else {
        term = Array(rest.prefix { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A })
        rest = rest.dropFirst(term.count)
      }
      guard !term.isEmpty else { throw .logParameter("Invalid filter pattern: a term is empty.") }
      if isAny { any.append(term) } else if isNone { none.append(term) } else { all.append(term) }
      skip()
    }
  }

  /// Up to the closing quote; `\"` is a quote inside.
  private static func phrase(
    _ bytes: ArraySlice<UInt8>
  ) throws(APIError) -> (term: [UInt8], rest: ArraySlice<UInt8>) {
    var term: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") { return (term, rest) }
      if byte == UInt8(ascii: "\\"), let next = rest.popFirst() {
        term.append(next)
      } else {
        term.append(byte)
      }
    }
    throw .logParameter("Invalid filter pattern: a quote is not closed.")
  }

  func matches(_ text: [UInt8]) -> Bool {
    all.allSatisfy { text.contains($0) } && !none.contains { text.contains($0) }
      && (any.isEmpty || any.contains { text.contains($0) })
  }
}

extension APIError {
  fileprivate static func noLogGroup() -> APIError {
    APIError(logs: "ResourceNotFoundException", "The specified log group does not exist.")
  }

  fileprivate static func logParameter(_ message: String) -> APIError {
    APIError(logs: "InvalidParameterException", message)
  }
}
