// Executions for rows of a dataset: started from lines of text, dozens with one letter, and
// told of at their ends in place. What `Workflow.start(lines:onEnd:)` does for a text that is
// there as a whole, for texts that come one after the other.

/// Starts executions of one workflow from rows, and tells of their ends.
///
/// The body runs on the thread of the loop that ran the execution, or on the starting thread
/// when the runtime has been shut down. It must not block, and may start more. It says itself how
/// many have ended (`noteEnded`): to count each of them in a place that all loops share would
/// cost more than the rest of the telling.
package final class RowStarter: Sendable {
  private let workflow: Workflow
  /// One for each loop, which reads it for each row: what all counted references of would be fetched
  /// back from another's cache again and again.
  private let sinks: [RowSink]
  private let loops: [Loop]

  package init(
    _ workflow: Workflow, priority: MapRun.Priority = .background,
    _ onEnd: @escaping @Sendable (borrowing RowEnd) -> Void
  ) {
    self.workflow = workflow
    loops = workflow.runtime.core.allLoops
    sinks = (0..<max(1, loops.count)).map { _ in
      RowSink(workflow, isBackground: priority == .background, onEnd)
    }
  }

  /// Loops that share the work.
  package var loopCount: Int { max(1, loops.count) }

  /// The numbers of the loops that a workflow's executions run on.
  package static func loops(of workflow: Workflow) -> [UInt32] {
    workflow.runtime.core.allLoops.map { UInt32(truncatingIfNeeded: $0.number) }
  }

  /// The most rows that one call should start.
  package static var rowsPerLetter: Int { Loop.startsPerLetter }

  /// Starts an execution for each line; none of them is blank.
  ///
  /// - Parameters:
  ///   - lines: The rows. Nothing is copied: it must stay until the last of these executions has
  ///     ended.
  ///   - tag: The number by which the first is known; the others count on from there.
  ///   - number: The loop that is to run them; any where there is no such loop.
  package func start(
    _ lines: RowLines, tag: UInt64, on number: UInt32 = 0
  ) throws(StepmillError) {
    let core = workflow.runtime.core
    try core.admit(lines.count)
    let place = number == 0 ? nil : loops.firstIndex { UInt32(truncatingIfNeeded: $0.number) == number }
    guard let loop = place.map({ loops[$0] }) ?? core.loopForSubmission() else {
      core.ended(lines.count)
      throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
    }
    Shard.Start.with(workflow.core, sinks[place ?? 0], tag: tag) {
      loop.submit($0, keptLines: lines.text, ends: lines.ends, from: lines.offset)
    }
  }

  /// So many executions have ended of which the body was told.
  package func noteEnded(_ count: Int) { workflow.runtime.core.ended(count) }

  /// Aborts everything that has been started and has not ended.
  package func abortAll(cause: String) {
    for loop in loops {
      // A loop may have taken rows over from another.
      loop.post { [sinks] loop in
        for sink in sinks {
          loop.turnAwayBackground(of: sink)
          loop.shard.abortAll(of: sink, cause: cause)
        }
      }
    }
  }
}

/// Some rows, one behind the other, each on a line of its own; none is blank.
package struct RowLines {
  let text: UnsafeRawBufferPointer
  /// Where each ends, counted from where the text begins at `offset`.
  let ends: UnsafePointer<UInt32>
  let offset: Int
  package let count: Int

  /// - Parameters:
  ///   - text: JSON Lines in UTF-8.
  ///   - ends: For each row, the offset behind its line end.
  ///   - offset: The text's own.
  package init(
    text: UnsafeRawBufferPointer, ends: UnsafePointer<UInt32>, offset: Int, count: Int
  ) {
    self.text = text
    self.ends = ends
    self.offset = offset
    self.count = count
  }
}

/// How the execution of a row ended. It is valid during the call only.
package struct RowEnd: ~Copyable {
  package enum Status: Sendable { case succeeded, failed, timedOut, aborted, notJSON, neverStarted }

  /// The number that it was started with.
  package let tag: UInt64
  package let status: Status
  /// Tells the process's loops apart.
  package let loop: UInt32
  /// The state that it was in, where it did not come to its end.
  package let state: String?
  /// Why a row is not JSON.
  private let complaint: String?
  private let output: Value
  private let failure: Value
  private let causeValue: Value
  private let shard: Shard?

  fileprivate init(
    _ status: Status, tag: UInt64, output: Value = .missing, failure: Value = .missing,
    cause: Value = .missing,
    state: String? = nil, complaint: String? = nil, shard: Shard? = nil
  ) {
    self.status = status
    self.tag = tag
    self.output = output
    self.failure = failure
    causeValue = cause
    self.state = state
    self.complaint = complaint
    self.shard = shard
    loop = shard?.state.pointee.number ?? 0
  }

  /// Calls `body` with the loop's number when the loop's turn is over, in which more may end; at
  /// once where there is no loop.
  package func atTurnEnd(_ body: @escaping (UInt32) -> Void) {
    guard let driver = shard?.state.pointee.driver else { return body(loop) }
    let number = loop
    driver.atTurnEnd { _ in body(number) }
  }

  package var error: String? { failure.isString ? failure.text : nil }
  package var cause: String? { complaint ?? (causeValue.isString ? causeValue.text : nil) }

  /// The output of a success as JSON text, good until the body returns.
  package var outputText: UnsafeRawBufferPointer {
    guard status == .succeeded, let shard else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return shard.write(output)
  }

  /// The same as an outcome that can be kept.
  package var outcome: Outcome {
    switch status {
    case .succeeded: .succeeded(JSON(copying: output))
    case .failed: .failed(error: error, cause: cause)
    case .timedOut: .timedOut
    case .aborted: .aborted(error: error, cause: cause)
    case .notJSON: .failed(error: "Stepmill.InvalidInput", cause: complaint)
    case .neverStarted: .aborted(error: nil, cause: "The runtime was shut down.")
    }
  }
}

private final class RowSink: CompletionSink, @unchecked Sendable {
  // Who may touch what: everything but `places` is constant. The loops call in, on their threads.
  private let workflow: WorkflowCore
  private let onEnd: @Sendable (borrowing RowEnd) -> Void
  /// States of executions that are being ended at this moment.
  private let places = Lock<[UInt64: UInt32]>([:])
  /// The next sink is another loop's.
  private let distance = InlineArray<16, UInt64>(repeating: 0)

  init(
    _ workflow: Workflow, isBackground: Bool, _ onEnd: @escaping @Sendable (borrowing RowEnd) -> Void
  ) {
    self.workflow = workflow.core
    self.onEnd = onEnd
    super.init()
    self.isBackground = isBackground
    isForMany = true
  }

  override var wantsResumePoint: Bool { true }

  override func stopped(at point: ResumePoint, tag: UInt64) {
    places.withLock { $0[tag] = point.root.pc }
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    if _fastPath(status == .succeeded) {
      return onEnd(RowEnd(.succeeded, tag: tag, output: output, shard: shard))
    }
    let place = places.withLock { $0.removeValue(forKey: tag) }
    let ending: RowEnd.Status = status == .failed ? .failed : status == .timedOut ? .timedOut : .aborted
    onEnd(
      RowEnd(
        ending, tag: tag, failure: error, cause: cause, state: place.map { workflow.stateName(at: $0) },
        shard: shard))
  }

  override func refused(_ error: JSONSyntaxError, tag: UInt64) {
    onEnd(RowEnd(.notJSON, tag: tag, complaint: "\(error)", shard: Loop.own?.shard))
  }

  override func turnedAway(tag: UInt64) {
    onEnd(RowEnd(.neverStarted, tag: tag))
  }
}

extension Shard {
  /// Ends all executions that a sink waits for.
  fileprivate func abortAll(of sink: CompletionSink, cause: String) {
    let wanted = Unmanaged.passUnretained(sink).toOpaque()
    for index in state.pointee.slots.indexes(where: { $0.isInUse }) {
      let slot = state.pointee.slots[index]
      let found =
        slot.pointee.block.map { $0.load(as: DormantExecution.self).sink }
        ?? slot.pointee.record.map { $0.pointee.sink }
      guard found?.toOpaque() == wanted else { continue }
      abort(ExecutionHandle(index: index, generation: slot.pointee.generation), cause: cause)
    }
  }
}

extension WorkflowCore {
  fileprivate func stateName(at pc: UInt32) -> String {
    tables.pointee.names[Int(tables.pointee.ops[Int(pc)].name)].text
  }
}
