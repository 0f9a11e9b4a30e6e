/// Where an execution on the caller's thread leaves its end.
class InPlaceSink: CompletionSink, @unchecked Sendable {
  final var isDone = false

  override init() {
    super.init()
    isForMany = true
  }
}

final class OutcomeSink: InPlaceSink, @unchecked Sendable {
  var outcome: Outcome?

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    outcome = Outcome(status, output: output, error: error, cause: cause)
    isDone = true
  }
}

/// The same for callers who want text. Each loop has one, since it runs one such execution at
/// a time.
final class TextSink: InPlaceSink, @unchecked Sendable {
  private var text: [UInt8] = []
  private(set) var outcome: Outcome?

  /// Takes over the caller's memory for the output.
  func begin(with output: inout [UInt8]) {
    isDone = false
    outcome = nil
    swap(&text, &output)
  }

  func end(into output: inout [UInt8]) { swap(&text, &output) }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    isDone = true
    guard status == .succeeded else {
      outcome = Outcome(status, output: output, error: error, cause: cause)
      return
    }
    let bytes = shard.write(output)
    text.removeAll(keepingCapacity: true)
    text.append(contentsOf: bytes)
  }
}
