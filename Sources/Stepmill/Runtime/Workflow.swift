/// A compiled workflow: immutable, and run any number of times.
public struct Workflow: Sendable {
  let core: WorkflowCore
  let runtime: Runtime

  init(_ core: WorkflowCore, _ runtime: Runtime) {
    self.core = core
    self.runtime = runtime
  }

  /// What it was called when it was compiled.
  public var name: String { core.name }

  /// The compiled form as a table that a person can read.
  public var explanation: String { ProgramPrinter.text(of: core.program) }

  // MARK: Running

  /// Runs the workflow and gives its output.
  ///
  /// - Throws: ``ExecutionFailure`` when the execution does not succeed, ``StepmillError`` when
  ///   it could not start. A cancelled task aborts the execution.
  public func run(_ input: JSON) async throws -> JSON {
    try await outcome(input).get()
  }

  /// Runs the workflow on Codable values.
  public func run<Input: Encodable, Output: Decodable>(
    _ input: Input, as output: Output.Type = Output.self
  ) async throws -> Output {
    try await run(JSON(encoding: input)).decode(Output.self)
  }

  /// Runs the workflow and tells how it ended. A cancelled task aborts the execution.
  public func outcome(_ input: JSON) async throws(StepmillError) -> Outcome {
    let execution = try start(input)
    return await withTaskCancellationHandler {
      await execution.outcome
    } onCancel: {
      execution.abort()
    }
  }

  /// Starts an execution and returns at once.
  ///
  /// - Parameters:
  ///   - input: The execution's input.
  ///   - name: The execution's name in its context object and history; nil makes one.
  ///   - roleARN: What `$$.Execution.RoleArn` says.
  public func start(
    _ input: JSON, name: String? = nil, roleARN: String? = nil
  ) throws(StepmillError) -> Execution {
    try runtime.core.admit()
    guard let loop = runtime.core.loopForSubmission() else {
      runtime.core.ended()
      throw StepmillError(.shutDown, "the runtime has no loop to start an execution on")
    }
    let execution = Execution(runtime.core)
    let identity = name == nil && roleARN == nil ? nil : ExecutionIdentity(name: name, roleARN: roleARN)
    Shard.Start.with(core, execution.sink, identity: identity) { loop.submit($0, input: input) }
    return execution
  }

  // MARK: On the caller's thread

  /// Runs an execution on the calling thread, without a hop, and returns when it has ended.
  ///
  /// The thread is blocked while the execution waits for timers or handlers, so this is for
  /// threads that may block, and for workflows that do not wait.
  public func runInPlace(_ input: JSON) throws(StepmillError) -> Outcome {
    let core = core
    let sink = OutcomeSink()
    try runtime.core.admit()
    defer { runtime.core.ended() }
    try runtime.core.withIdleLoop { loop throws(StepmillError) in
      loop.tick()
      loop.shard.lend(core, sink)
      Shard.Start.with(core, sink) { start in
        loop.shard.run(input.withValue { loop.shard.start(start, copying: $0) })
      }
      loop.shard.takeBack()
      if !sink.isDone { loop.run(until: { sink.isDone }) }
    }
    return sink.outcome.unsafelyUnwrapped
  }

  /// Runs an execution on the calling thread from JSON text to JSON text.
  ///
  /// - Parameters:
  ///   - input: The input as UTF-8. It is copied.
  ///   - output: Receives the output as UTF-8; what it held before is replaced, its memory is
  ///     used again.
  /// - Returns: nil for a success; else how the execution ended.
  public func runInPlace(
    utf8 input: UnsafeRawBufferPointer, into output: inout [UInt8]
  ) throws(StepmillError) -> Outcome? {
    let core = core
    try runtime.core.admit()
    defer { runtime.core.ended() }
    return try runtime.core.withIdleLoop { loop throws(StepmillError) in
      let sink = loop.textSink
      sink.begin(with: &output)
      defer { sink.end(into: &output) }
      loop.tick()
      do throws(JSONSyntaxError) {
        loop.shard.lend(core, sink)
        defer { loop.shard.takeBack() }
        try Shard.Start.with(core, sink) { start throws(JSONSyntaxError) in
          loop.shard.run(try loop.shard.start(start, text: input))
        }
      } catch {
        throw StepmillError(.input, "the input is not JSON: \(error)")
      }
      if !sink.isDone { loop.run(until: { sink.isDone }) }
      return sink.outcome
    }
  }
}
