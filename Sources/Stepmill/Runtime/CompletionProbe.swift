// How tools that measure learn of ends: on the loop's own thread, with nothing allocated for
// an execution beyond what the engine itself takes.

/// Starts executions of one workflow and tells of their ends.
///
/// The body runs on the loop that ran the execution, or on the starting thread when the
/// runtime has been shut down. It may start the next execution.
package final class CompletionProbe: Sendable {
  private let workflow: Workflow
  private let sink: ProbeSink
  /// What the workflow keeps. Looked at on the way there, each would be retained once more: two
  /// words that all loops write to.
  private let core: Unmanaged<RuntimeCore>
  private let workflowCore: Unmanaged<WorkflowCore>

  package init(_ workflow: Workflow, _ body: @escaping @Sendable (borrowing CompletedExecution) -> Void) {
    self.workflow = workflow
    core = Unmanaged.passUnretained(workflow.runtime.core)
    workflowCore = Unmanaged.passUnretained(workflow.core)
    sink = ProbeSink(workflow.runtime.core, body)
  }

  /// Starts an execution from JSON text, from any thread.
  package func start(utf8 input: UnsafeRawBufferPointer, tag: UInt64) throws(StepmillError) {
    let admission = core._withUnsafeGuaranteedRef { core -> Result<Loop, StepmillError> in
      do throws(StepmillError) {
        try core.admit()
      } catch {
        return .failure(error)
      }
      if let loop = core.loopForSubmission() { return .success(loop) }
      core.ended()
      return .failure(StepmillError(.shutDown, "the runtime has no loop to start an execution on"))
    }
    let loop = try admission.get()
    workflowCore._withUnsafeGuaranteedRef { workflow in
      Shard.Start.with(workflow, sink, tag: tag) { loop.submit($0, text: input) }
    }
  }

  /// The same for text in an array.
  package func start(_ input: [UInt8], tag: UInt64) throws(StepmillError) {
    try input.span.withUnsafeBytes { bytes throws(StepmillError) in try start(utf8: bytes, tag: tag) }
  }
}

/// An execution that has just ended; valid during the call only.
package struct CompletedExecution: ~Copyable {
  package enum Status: Sendable { case succeeded, failed, timedOut, aborted, neverStarted }

  /// The number that it was started with.
  package let tag: UInt64
  package let status: Status
  /// Tells loops apart, over the whole process.
  package let loop: UInt32
  fileprivate let error: Value
  fileprivate let output: Value
  fileprivate let shard: Shard?

  /// What the failure is called.
  package var errorName: String? { error.isString ? error.text : nil }

  /// Writes the output as JSON text, as an embedder who wants text would; returns its size.
  package func writeOutput() -> Int { shard?.write(output).count ?? 0 }

  /// The output as JSON text.
  package var outputText: [UInt8] { shard.map { Array($0.write(output)) } ?? [] }
}

private final class ProbeSink: CompletionSink, @unchecked Sendable {
  // Immutable: that is why it may call itself Sendable.
  private let core: RuntimeCore
  private let body: @Sendable (borrowing CompletedExecution) -> Void

  init(_ core: RuntimeCore, _ body: @escaping @Sendable (borrowing CompletedExecution) -> Void) {
    self.core = core
    self.body = body
    super.init()
    isForMany = true
  }

  override func refused(_ error: JSONSyntaxError, tag: UInt64) { neverStarted(tag) }
  override func turnedAway(tag: UInt64) { neverStarted(tag) }

  private func neverStarted(_ tag: UInt64) {
    core.ended()
    body(
      CompletedExecution(
        tag: tag, status: .neverStarted, loop: 0, error: .missing, output: .missing, shard: nil))
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    core.ended()
    let status: CompletedExecution.Status =
      switch status {
      case .succeeded: .succeeded
      case .failed: .failed
      case .timedOut: .timedOut
      case .aborted: .aborted
      }
    body(
      CompletedExecution(
        tag: tag, status: status, loop: shard.state.pointee.number, error: error, output: output,
        shard: shard))
  }
}
