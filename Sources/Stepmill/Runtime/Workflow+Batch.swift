// Many executions with one receiver: no object for each of them, one letter for dozens. It is
// what a load of a million is made of, where `start` costs an object or three for each.

extension Workflow {
  /// Starts an execution for each input, and calls `onEnd` when one has ended.
  ///
  /// ```swift
  /// try workflow.start(each: orders) { end in
  ///   print(end.index, end.outcome)
  /// }
  /// ```
  ///
  /// Either all are started or, when the runtime has no room for as many, none. They take little
  /// more memory than their data while they wait, whereas an ``Execution`` for each would be
  /// several objects.
  ///
  /// - Parameters:
  ///   - inputs: The inputs. An execution is known to `onEnd` by its input's place, from 0.
  ///   - onEnd: Called once for each execution, on the thread of the loop that ran it, on several
  ///     at a time where there are several loops. It must not block.
  public func start(
    each inputs: some Collection<JSON>, onEnd: @escaping @Sendable (borrowing ExecutionEnd) -> Void
  ) throws(StepmillError) {
    // What follows is not generic: a client's module could not specialise it.
    try start(Array(inputs), onEnd)
  }

  private func start(
    _ inputs: [JSON], _ onEnd: @escaping @Sendable (borrowing ExecutionEnd) -> Void
  ) throws(StepmillError) {
    let sink = try batch(of: inputs.count, onEnd)
    var first = 0
    while first < inputs.count {
      guard let loop = runtime.core.loopForSubmission() else { return sink.turnAway(first..<inputs.count) }
      let end = min(first + Loop.startsPerLetter, inputs.count)
      Shard.Start.with(core, sink, tag: UInt64(first)) { loop.submit($0, inputs: inputs[first..<end]) }
      first = end
    }
  }

  /// Starts an execution for each line of JSON text, and calls `onEnd` when one has ended. Lines
  /// with nothing on them do not count. An execution whose line is not JSON ends with the error
  /// `Stepmill.InvalidInput`.
  ///
  /// - Parameters:
  ///   - lines: JSON Lines in UTF-8. The text is copied.
  ///   - onEnd: As with ``start(each:onEnd:)``.
  /// - Returns: How many executions were started.
  @discardableResult
  public func start(
    lines: UnsafeRawBufferPointer, onEnd: @escaping @Sendable (borrowing ExecutionEnd) -> Void
  ) throws(StepmillError) -> Int {
    let count = JSONLines.count(lines)
    let sink = try batch(of: count, onEnd)
    var first = 0
    var begin = 0
    var next = 0
    var end = 0
    func send() {
      guard next > first else { return }
      guard let loop = runtime.core.loopForSubmission() else { return sink.turnAway(first..<next) }
      Shard.Start.with(core, sink, tag: UInt64(first)) {
        loop.submit($0, lines: UnsafeRawBufferPointer(rebasing: lines[begin..<end]))
      }
      first = next
      begin = end
    }
    JSONLines.forEach(in: lines) { _, lineEnd in
      next += 1
      end = lineEnd
      if next - first == Loop.startsPerLetter { send() }
    }
    send()
    return count
  }

  private func batch(
    of count: Int, _ onEnd: @escaping @Sendable (borrowing ExecutionEnd) -> Void
  ) throws(StepmillError) -> BatchSink {
    try runtime.core.admit(count)
    return BatchSink(runtime.core, onEnd)
  }
}

/// How one of many executions ended: what ``Workflow/start(each:onEnd:)`` tells.
///
/// It is valid during the call only, and cannot be kept; ``outcome`` can.
public struct ExecutionEnd: ~Copyable {
  /// The place of the execution's input among all, from 0.
  public let index: Int
  fileprivate let status: ExecutionStatus
  fileprivate let value: Value
  fileprivate let cause: Value
  fileprivate let shard: Shard?

  /// True if it came to its end.
  public var isSuccess: Bool { status == .succeeded }

  /// The output of a success, read in place: a view of nothing otherwise.
  public var output: JSONView { JSONView(isSuccess ? value : .missing) }

  /// How it ended, with a copy of the output.
  public var outcome: Outcome {
    Outcome(
      status, output: isSuccess ? value : .missing, error: isSuccess ? .missing : value, cause: cause)
  }

  /// The output of a success as JSON text, which replaces what `text` held; its memory is used
  /// again. False, and nothing in `text`, if it was no success.
  @discardableResult
  public func write(into text: inout [UInt8]) -> Bool {
    text.removeAll(keepingCapacity: true)
    guard isSuccess, let shard else { return false }
    text.append(contentsOf: shard.write(value))
    return true
  }
}

private final class BatchSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: everything is constant. The loops call `ended`, on their threads.
  private let core: RuntimeCore
  private let onEnd: @Sendable (borrowing ExecutionEnd) -> Void

  init(_ core: RuntimeCore, _ onEnd: @escaping @Sendable (borrowing ExecutionEnd) -> Void) {
    self.core = core
    self.onEnd = onEnd
    super.init()
    isForMany = true
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    core.ended()
    onEnd(
      ExecutionEnd(
        index: Int(tag), status: status, value: status == .succeeded ? output : error, cause: cause,
        shard: shard))
  }

  override func refused(_ error: JSONSyntaxError, tag: UInt64) {
    tell(tag, .failed, error: "Stepmill.InvalidInput", cause: "\(error)")
  }

  override func turnedAway(tag: UInt64) {
    tell(tag, .aborted, error: nil, cause: "The runtime was shut down.")
  }

  func turnAway(_ range: Range<Int>) {
    for index in range { turnedAway(tag: UInt64(index)) }
  }

  private func tell(_ tag: UInt64, _ status: ExecutionStatus, error: String?, cause: String) {
    core.ended()
    let error = error.map { JSON($0) }
    let cause = JSON(cause)
    cause.withValue { cause in
      guard let error else {
        return onEnd(
          ExecutionEnd(index: Int(tag), status: status, value: .missing, cause: cause, shard: nil))
      }
      error.withValue {
        onEnd(ExecutionEnd(index: Int(tag), status: status, value: $0, cause: cause, shard: nil))
      }
    }
  }
}
