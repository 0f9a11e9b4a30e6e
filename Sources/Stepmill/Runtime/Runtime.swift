import CLibuv
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Runs workflows.
///
/// A runtime owns some event loops, each on a thread of its own, and spreads executions over
/// them. Make one per process, register the handlers of your tasks, compile workflows:
///
/// ```swift
/// let runtime = try Runtime()
/// runtime.register("charge") { (order: Order) async throws -> Receipt in
///   try await payments.charge(order)
/// }
/// let workflow = try runtime.workflow(definition)
/// let receipt: Receipt = try await workflow.run(order)
/// ```
///
/// Dropping the last reference to a runtime (and to its workflows) ends what is still under
/// way; ``shutDown(waiting:)`` does so in an orderly manner.
public final class Runtime: Sendable {
  /// What can be chosen when a runtime is made.
  public struct Configuration: Sendable {
    /// Event loops, each on a thread of its own. Zero is allowed for a runtime that runs
    /// everything on its callers' threads.
    public var loops: Int
    /// Bounds of every execution.
    public var limits = Limits()
    /// Executions under way at once; more are refused.
    public var executionsMax = 10_000_000
    /// How long an idle loop looks for work before it goes to sleep, in processor pauses. A
    /// loop that spins is found awake by quick successors; it uses processor time for it.
    public var spins = 200
    /// What ARNs in context objects and histories say.
    public var region = "us-east-1"
    /// The account number in those ARNs.
    public var account = "123456789012"
    /// Seeds what is random (retry jitter, `States.UUID`, `States.MathRandom`); nil: the
    /// system does.
    public var seed: UInt64?

    /// One loop for each processor, generous limits.
    public init() {
      loops = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }
  }

  let core: RuntimeCore

  /// A runtime with loops of its own.
  public convenience init(_ configuration: Configuration = Configuration()) throws(StepmillError) {
    let core = try RuntimeCore(configuration)
    try core.startLoops()
    self.init(core)
  }

  /// A runtime inside a libuv loop that the caller owns and runs: everything happens on that
  /// loop's thread. Call it there. The loop stays alive while executions are under way.
  ///
  /// - Parameters:
  ///   - uvLoop: The address of an initialised `uv_loop_t`.
  ///   - configuration: What can be chosen; `loops` does not matter here.
  public convenience init(
    attachedTo uvLoop: UnsafeMutableRawPointer, configuration: Configuration = Configuration()
  ) throws(StepmillError) {
    let core = try RuntimeCore(configuration)
    try core.attach(to: uvLoop)
    self.init(core)
  }

  private init(_ core: RuntimeCore) {
    self.core = core
  }

  deinit { core.stop() }

  // MARK: Handlers

  /// Registers a handler for the tasks whose `Resource` is `resource`: a name, an ARN, or a
  /// pattern in which `*` stands for any text. The first registration that fits is taken.
  ///
  /// Workflows bind to their handlers when they are compiled, so register first.
  /// A handler that holds its runtime, or one of the runtime's workflows, keeps the runtime
  /// until ``shutDown(waiting:)``: hold it weakly where that matters.
  public func register(_ resource: String, _ handler: TaskHandler) {
    core.register(resource, handler)
  }

  /// Registers an asynchronous handler that takes and gives Codable values. It runs on the
  /// loop's thread and must not block; see ``TaskHandler`` for the other kinds.
  public func register<Input: Decodable & SendableMetatype, Output: Encodable & SendableMetatype>(
    _ resource: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (Input) async throws -> Output
  ) {
    register(
      resource,
      .async { request in
        let input: Input
        do {
          input = try request.input.decode(Input.self)
        } catch {
          throw TaskFailure(error: "Stepmill.InvalidTaskInput", cause: String(describing: error))
        }
        return try JSON(encoding: try await body(input))
      })
  }

  /// Asked for a handler where no registration fits a resource.
  public func registerFallback(_ resolve: @escaping @Sendable (String) -> TaskHandler?) {
    core.registerFallback(resolve)
  }

  // MARK: Workflows

  /// Compiles a definition.
  ///
  /// - Parameters:
  ///   - definition: The state machine in Amazon States Language.
  ///   - name: Its name, in the context object and in ARNs.
  ///   - limits: Bounds of its executions, where they differ from the runtime's.
  ///   - observer: Receives the history of its executions.
  /// - Throws: All that is wrong with the definition, and handlers that are missing.
  public func workflow(
    _ definition: String, name: String = "workflow", limits: Limits? = nil, observer: HistoryObserver? = nil
  ) throws(StepmillError) -> Workflow {
    try workflow(utf8: Array(definition.utf8), name: name, limits: limits, observer: observer)
  }

  /// Compiles a definition given as UTF-8 bytes.
  public func workflow(
    utf8 definition: [UInt8], name: String = "workflow", limits: Limits? = nil,
    observer: HistoryObserver? = nil
  ) throws(StepmillError) -> Workflow {
    try workflow(
      CompiledDefinition(Program.compile(definition)), name: name, limits: limits, observer: observer)
  }

  /// Binds a definition that has been compiled to its handlers.
  package func workflow(
    _ definition: CompiledDefinition, name: String = "workflow", limits: Limits? = nil,
    observer: HistoryObserver? = nil
  ) throws(StepmillError) -> Workflow {
    let workflow = try core.bind(
      definition.program, name: name, limits: limits ?? core.configuration.limits, observer: observer)
    return Workflow(workflow, self)
  }

  // MARK: Tokens

  /// Completes a task by its token, from any thread. A token that nobody waits for any more
  /// changes nothing.
  public func complete(_ token: String, with result: Result<JSON, TaskFailure>) {
    let answer = Shard.TaskAnswer(result)
    core.withLoop(ofToken: token) { loop, token in loop.shard.complete(token, answer) }
  }

  /// A sign of life of a task with `HeartbeatSeconds`, from any thread.
  public func heartbeat(_ token: String) {
    core.withLoop(ofToken: token) { loop, token in loop.shard.heartbeat(token) }
  }

  // MARK: Watching

  /// What the loops have done so far and are doing now. Reading it stops nothing; the
  /// figures of different loops are from slightly different moments.
  public var counters: RuntimeCounters { core.counters }

  // MARK: Ending

  /// Ends the runtime: new executions are refused, those under way may finish for as long as
  /// `waiting` says, the rest is aborted.
  public func shutDown(waiting: Duration = .seconds(30)) async {
    await core.shutDown(waiting: waiting)
  }

  /// Aborts what is under way and lets nothing new begin; the loops go on, for what has to be told
  /// of that. Before `shutDown`.
  package func abortAll() { core.abortAll() }
}

/// What a runtime has done and is doing.
public struct RuntimeCounters: Hashable, Sendable {
  /// Executions that have begun.
  public var started = 0
  /// Executions that came to their end.
  public var succeeded = 0
  /// Executions that ended with an error that nothing caught.
  public var failed = 0
  /// Executions whose own time was up.
  public var timedOut = 0
  /// Executions that were stopped from outside.
  public var aborted = 0
  /// States entered; a retried attempt counts again.
  public var transitions = 0
  /// Attempts that a Retry ordered.
  public var retries = 0
  /// Executions under way.
  public var inFlight: Int { started - succeeded - failed - timedOut - aborted }
  /// Branches, iterations and executions that are parked on a timer or a token.
  public var waiting = 0
  /// Bytes of execution data in memory.
  public var bytes = 0
}

extension Program {
  /// Reads, checks and compiles a definition.
  static func compile(_ definition: [UInt8]) throws(StepmillError) -> Program {
    let (compiled, diagnostics) = CompiledDefinition.compile(definition)
    if let compiled { return compiled.program }
    let errors = diagnostics.filter { $0.severity == .error }
    let isValid = errors.allSatisfy { $0.code == DiagnosticCode.notSupported }
    throw StepmillError(
      .definition,
      isValid
        ? "the definition uses what this version does not support" : "the definition is not valid",
      diagnostics: errors)
  }
}

extension Runtime {
  /// What the Distributed Maps of its workflows read from and write to.
  package var mapRunStorage: (any MapRunStorage)? {
    get { core.mapRuns.mapStorage }
    set { core.mapRuns.mapStorage = newValue }
  }
}
