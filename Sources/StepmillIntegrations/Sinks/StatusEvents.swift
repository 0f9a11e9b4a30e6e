import Stepmill
import StepmillTasks

// Status changes of executions, as EventBridge gets them: `PutEvents`, ten at a time.

enum StatusEvent {
  static let source = "aws.states"
  static let type = "Step Functions Execution Status Change"

  /// The whole event, as a rule's target would get it: for files.
  static func envelope(_ change: StatusChange) -> [UInt8] {
    let head: JSON = [
      "source": JSON(source), "detail-type": JSON(type), "account": JSON(change.scope.account),
      "region": JSON(change.scope.region), "time": JSON(UTCText.text(change.time)),
      "resources": [JSON(change.executionARN)],
    ]
    return head.utf8.dropLast() + Array(",\"detail\":".utf8) + change.detail + [UInt8(ascii: "}")]
  }
}

/// Sends status changes to an endpoint of EventBridge's.
final class EventBridgeSink: StatusSink {
  private let batcher: Batcher<Scope, StatusChange>

  /// Of one request.
  private static let entriesMax = 10
  private static let bytesMax = 250_000

  init(_ client: AWSClient, _ endpoint: Endpoint, on host: any ExecutionHost) {
    var bounds = Batcher<Scope, StatusChange>.Bounds()
    bounds.batchCount = Self.entriesMax
    bounds.batchBytes = Self.bytesMax
    bounds.underWayMax = 4
    batcher = Batcher(bounds, on: host) { scope, changes, done in
      Self.send(changes, scope, client, endpoint, done)
    }
  }

  var counters: SinkCounters { batcher.counters }
  func drain(_ done: @escaping @Sendable () -> Void) { batcher.drain(done) }
  func changed(_ change: StatusChange) {
    batcher.add(change, bytes: change.detail.count + 512, to: change.scope)
  }

  private static func send(
    _ changes: [StatusChange], _ scope: Scope, _ client: AWSClient, _ endpoint: Endpoint,
    _ done: @escaping @Sendable (Int) -> Void
  ) {
    let entries = changes.map { change -> JSON in
      [
        "Source": JSON(StatusEvent.source), "DetailType": JSON(StatusEvent.type),
        "Detail": JSON(String(decoding: change.detail, as: UTF8.self)),
        "Resources": [JSON(change.executionARN)], "Time": MemberNames.seconds(change.time),
      ]
    }
    let request = WireRequest(
      headers: [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "AWSEvents.PutEvents")],
      body: JSON(members: [("Entries", JSON(entries))]).utf8)
    let order = AWSClient.Order(
      endpoint: endpoint, request: request, region: scope.region, signingName: "events")
    client.call(order) { answer in
      guard case .answered(let response) = answer else { return done(0) }
      let failed = (try? JSON(parsing: response.body))?["FailedEntryCount"]?.int ?? 0
      done(max(0, changes.count - failed))
    }
  }
}
