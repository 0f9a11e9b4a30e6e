import Stepmill
import StepmillTasks

// What is logged of executions, for CloudWatch Logs: one stream of this process's in each log
// group, made when it turns out to be missing, and the group with it.

/// Sends log records to an endpoint of CloudWatch Logs'. Records without a log group go to
/// `other`, where there is one.
final class CloudWatchLogSink: LogSink {
  private let batcher: Batcher<String, LogRecord>
  private let other: LineFile?

  /// Of one request, with what each event costs besides its text.
  private static let eventsMax = 10_000
  private static let bytesMax = 1_000_000
  private static let bytesPerEvent = 26
  /// A record above loses its payload.
  private static let textBytesMax = 248 << 10

  init(
    _ client: AWSClient, _ endpoint: Endpoint, on host: any ExecutionHost, stream: String, other: LineFile?
  ) {
    var bounds = Batcher<String, LogRecord>.Bounds()
    bounds.batchCount = Self.eventsMax
    bounds.batchBytes = Self.bytesMax
    let place = LogPlace(client: client, endpoint: endpoint, stream: stream)
    batcher = Batcher(bounds, on: host) { group, records, done in
      place.put(records, in: group, isFirstTry: true) { done($0 ? records.count : 0) }
    }
    self.other = other
  }

  var counters: SinkCounters { batcher.counters }

  func drain(_ done: @escaping @Sendable () -> Void) {
    batcher.drain { [other] in if let other { other.drain(done) } else { done() } }
  }

  func log(_ record: LogRecord) {
    guard let group = record.logGroupARN else { return other?.log(record) ?? () }
    let record = record.text.count > Self.textBytesMax ? Self.cut(record) : record
    batcher.add(record, bytes: record.text.count + Self.bytesPerEvent, to: group)
  }

  /// The same without its texts, which are said to be cut.
  private static func cut(_ record: LogRecord) -> LogRecord {
    var text = (try? JSON(parsing: record.text)) ?? [:]
    if var details = text["details"], details.kind == .object {
      for name in ["input", "output", "parameters"] where details[name] != nil {
        details[name] = nil
        details["\(name)Details"] = ["truncated": true]
      }
      text["details"] = details
    }
    let bytes = text.utf8
    return LogRecord(
      logGroupARN: record.logGroupARN, machineARN: record.machineARN, executionARN: record.executionARN,
      timestamp: record.timestamp, text: bytes.count > textBytesMax ? Array("{}".utf8) : bytes)
  }
}

/// The log groups of an endpoint.
private struct LogPlace: Sendable {
  let client: AWSClient
  let endpoint: Endpoint
  let stream: String

  func put(
    _ records: [LogRecord], in group: String, isFirstTry: Bool, done: @escaping @Sendable (Bool) -> Void
  ) {
    // Events of one request are in the order of time.
    let ordered = records.enumerated().sorted {
      ($0.element.timestamp, $0.offset) < ($1.element.timestamp, $1.offset)
    }
    let name = LogPlace.name(of: group)
    let body: JSON = [
      "logGroupName": JSON(name), "logStreamName": JSON(stream),
      "logEvents": JSON(
        ordered.map {
          [
            "message": JSON(String(decoding: $0.element.text, as: UTF8.self)),
            "timestamp": JSON($0.element.timestamp),
          ]
        }),
    ]
    call("PutLogEvents", body, group) { code in
      if code == nil { return done(true) }
      guard isFirstTry, code == "ResourceNotFoundException" else { return done(false) }
      makeStream(name, group) { put(records, in: group, isFirstTry: false, done: done) }
    }
  }

  private func makeStream(_ name: String, _ group: String, then: @escaping @Sendable () -> Void) {
    let stream: JSON = ["logGroupName": JSON(name), "logStreamName": JSON(self.stream)]
    call("CreateLogStream", stream, group) { code in
      guard code == "ResourceNotFoundException" else { return then() }
      call("CreateLogGroup", ["logGroupName": JSON(name)], group) { _ in
        call("CreateLogStream", stream, group) { _ in then() }
      }
    }
  }

  /// Gives the code of the error, or nil.
  private func call(
    _ operation: String, _ body: JSON, _ group: String, _ then: @escaping @Sendable (String?) -> Void
  ) {
    let wire = AWSWire(service: AWSServiceTable.logs, operation: operation, isPlain: false)
    let request = WireRequest(
      headers: [
        ("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "Logs_20140328.\(operation)"),
      ], body: body.utf8)
    var order = AWSClient.Order(
      endpoint: endpoint, request: request, region: LogPlace.region(of: group), signingName: "logs")
    order.code = { wire.error($0).code }
    client.call(order) { answer in
      switch answer {
      case .answered: then(nil)
      case .refused(let response, _): then(wire.error(response).code ?? "\(response.status)")
      case .unreachable, .tooLarge: then("SdkClientException")
      }
    }
  }

  /// "arn:aws:logs:us-east-1:123456789012:log-group:NAME:*"
  private static func name(of group: String) -> String {
    let parts = group.split(separator: ":", maxSplits: 6, omittingEmptySubsequences: false)
    guard parts.count == 7, parts[5] == "log-group" else { return group }
    return String(parts[6].hasSuffix(":*") ? parts[6].dropLast(2) : parts[6])
  }

  private static func region(of group: String) -> String {
    let parts = group.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count > 3 && !parts[3].isEmpty ? String(parts[3]) : "us-east-1"
  }
}
