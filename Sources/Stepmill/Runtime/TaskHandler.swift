// What an embedder registers for a task, in the four kinds that there are.

/// Why a task failed: what Retry and Catch see.
public struct TaskFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The error's name, as `ErrorEquals` matches it.
  public var error: String?
  /// What happened, for people.
  public var cause: String?

  /// A failure with a name for Retry and Catch, and a cause for people.
  public init(error: String?, cause: String? = nil) {
    self.error = error
    self.cause = cause
  }

  public var description: String {
    guard let cause else { return error ?? "task failure" }
    return "\(error ?? "task failure"): \(cause)"
  }
}

/// Does the work of Task states.
///
/// A handler is one of four kinds, by where it runs:
///
/// - ``synchronous(_:)``: called from the step itself, a few nanoseconds away. For work that
///   never waits.
/// - ``async(_:)``: runs on the loop's own thread as a Swift task; may suspend, must not block.
/// - ``concurrent(_:)``: runs on Swift's global pool. For work that blocks or computes long.
/// - ``token(_:)``: starts something and returns; whoever finishes it completes the task with
///   ``Runtime/complete(_:with:)`` and the token that it was given.
public struct TaskHandler: Sendable {
  enum Kind: UInt8, Sendable {
    case synchronous, async, concurrent, token
    /// Told of the call; the answer comes through the runtime, soon.
    case deferred
    /// Told of the call; somebody leases the task, and only then its clocks run.
    case leased

    /// A service's handler, which may refuse a request before its task is scheduled.
    @inline(__always)
    var isOfService: Bool { rawValue >= Kind.deferred.rawValue }
  }

  let kind: Kind
  let box: TaskHandlerBox

  /// A handler that is called from the step itself. It reads ``TaskCall/input`` and answers
  /// by ``TaskCall/succeed(members:_:)`` or one of its kin, or throws.
  public static func synchronous(
    _ body: @escaping @Sendable (borrowing TaskCall) throws(TaskFailure) -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .synchronous, box: SynchronousBox(body))
  }

  /// A handler that runs on the loop's thread as a Swift task.
  public static func async(
    _ body: nonisolated(nonsending) @escaping @Sendable (TaskRequest) async throws -> JSON
  ) -> TaskHandler {
    TaskHandler(kind: .async, box: AsyncBox(body))
  }

  /// A handler that runs on Swift's global pool, beside the loop.
  public static func concurrent(
    _ body: nonisolated(nonsending) @escaping @Sendable (TaskRequest) async throws -> JSON
  ) -> TaskHandler {
    TaskHandler(kind: .concurrent, box: AsyncBox(body))
  }

  /// A handler that only starts the work. Called on the loop's thread; must not block.
  public static func token(
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .token, box: TokenBox(body))
  }

  /// A handler of a service: told of the call on the loop's thread, it sees to it that the
  /// answer comes by ``ExecutionHost/answer(_:_:)`` or, for a job that goes on, by
  /// ``ExecutionHost/submit(_:_:)``. Must not block.
  ///
  /// - Parameters:
  ///   - refusal: Why a task with this request cannot even be scheduled, or nil. Asked from the
  ///     step itself.
  ///   - abandoned: Told of the token of a job that nobody waits for any more.
  ///   - body: Told of the call.
  package static func deferred(
    refusal: @escaping @Sendable (TaskRequest) -> String? = { _ in nil },
    abandoned: @escaping @Sendable (String) -> Void = { _ in },
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .deferred, box: ServiceBox(refusal: refusal, abandoned, body))
  }

  /// A handler whose tasks wait until a worker asks for one, as activities do.
  ///
  /// - Parameters:
  ///   - refusal: Why a task cannot even be scheduled, or nil. Asked from the step itself.
  ///   - abandoned: Told of the token of a task that nobody waits for any more.
  ///   - body: Told of the call on the loop's thread.
  package static func leased(
    refusal: @escaping @Sendable () -> String?, abandoned: @escaping @Sendable (String) -> Void,
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .leased, box: ServiceBox(refusal: { _ in refusal() }, abandoned, body))
  }
}

/// What a handler that runs beside the step is given.
public struct TaskRequest: Sendable {
  /// Kept from being used again by this reference.
  let invocation: TaskInvocation

  /// The task's input, after InputPath and Parameters.
  public var input: JSON { invocation.input }

  /// How often this task has been retried in this visit of its state.
  public var retryCount: Int { Int(invocation.retryCount) }

  /// The ARN of the execution, for handlers of a service.
  package var execution: String { invocation.forService?.execution ?? "" }

  /// The role that `Credentials` name, for handlers of a service.
  package var roleARN: String? { invocation.forService?.roleARN }

  // These are made when somebody asks: they are texts, which few handlers look at.

  /// The Task's `Resource` as written.
  public var resource: String { invocation.resource }

  /// The Task state's name.
  public var state: String { invocation.stateName }

  /// Names this very attempt: for ``Runtime/complete(_:with:)`` and ``Runtime/heartbeat(_:)``.
  public var token: String { invocation.call.token.text }
}

/// Which call a handler answers: what its token says, and what the token is made with.
struct TaskCallID: Sendable {
  let shard: UInt32
  let serial: UInt32
  let fiber: FiberHandle
  let key: SipHash

  var token: TaskToken { TaskToken(shard: shard, fiber: fiber, callSerial: serial, key: key) }
}

/// A handler's code, whatever its kind.
class TaskHandlerBox: @unchecked Sendable {
  /// Calls a synchronous handler; false when it failed, with error and cause in the call.
  func call(_ call: borrowing TaskCall) -> Bool {
    preconditionFailure("BUG in Stepmill (please report): this handler is not synchronous")
  }

  /// Runs a handler beside the step.
  nonisolated(nonsending) func run(_ request: TaskRequest) async throws -> JSON {
    preconditionFailure("BUG in Stepmill (please report): this handler is not asynchronous")
  }

  /// Why a task with this request cannot be scheduled, or nil.
  func refusal(of request: TaskRequest) -> String? { nil }

  /// Nobody waits any more for the task whose token is out.
  func abandoned(_ token: String) {}

  /// Starts a handler that answers by token.
  func begin(_ request: TaskRequest) throws {
    preconditionFailure("BUG in Stepmill (please report): this handler does not answer by token")
  }
}

private final class SynchronousBox: TaskHandlerBox, @unchecked Sendable {
  private let body: @Sendable (borrowing TaskCall) throws(TaskFailure) -> Void

  init(_ body: @escaping @Sendable (borrowing TaskCall) throws(TaskFailure) -> Void) {
    self.body = body
  }

  override func call(_ call: borrowing TaskCall) -> Bool {
    do {
      try body(call)
      return true
    } catch {
      call.fail(error)
      return false
    }
  }
}

final class AsyncBox: TaskHandlerBox, @unchecked Sendable {
  typealias Body = nonisolated(nonsending) @Sendable (TaskRequest) async throws -> JSON
  let body: Body

  init(_ body: @escaping Body) {
    self.body = body
  }

  override nonisolated(nonsending) func run(_ request: TaskRequest) async throws -> JSON {
    try await body(request)
  }
}

private final class TokenBox: TaskHandlerBox, @unchecked Sendable {
  private let body: @Sendable (TaskRequest) throws -> Void

  init(_ body: @escaping @Sendable (TaskRequest) throws -> Void) {
    self.body = body
  }

  override func begin(_ request: TaskRequest) throws { try body(request) }
}

private final class ServiceBox: TaskHandlerBox, @unchecked Sendable {
  private let why: @Sendable (TaskRequest) -> String?
  private let forget: @Sendable (String) -> Void
  private let body: @Sendable (TaskRequest) throws -> Void

  init(
    refusal: @escaping @Sendable (TaskRequest) -> String?,
    _ abandoned: @escaping @Sendable (String) -> Void,
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) {
    why = refusal
    forget = abandoned
    self.body = body
  }

  override func refusal(of request: TaskRequest) -> String? { why(request) }
  override func abandoned(_ token: String) { forget(token) }
  override func begin(_ request: TaskRequest) throws { try body(request) }
}

/// A handler as a workflow's table holds it.
struct TaskHandlerEntry: BitwiseCopyable {
  var kind: TaskHandler.Kind
  var box: Unmanaged<TaskHandlerBox>
}

/// One call of a handler that does not answer at once: made by a step, performed by the
/// driver. Calls on the loop's own thread are used again, since to allocate one costs as much as
/// to run it.
///
/// Who may touch what: the loop's thread everything. Handlers read `input` and what their
/// `TaskRequest` shows, on any thread: that is constant as long as a request refers to it.
final class TaskInvocation: WorkerCall, @unchecked Sendable {
  // Each use of a class's variable would be checked for overlapping ones, at run time.
  @exclusivity(unchecked) private(set) var input = JSON.null
  @exclusivity(unchecked) private(set) var retryCount: UInt32
  @exclusivity(unchecked) private(set) var kind: TaskHandler.Kind
  @exclusivity(unchecked) private(set) var call: TaskCallID
  /// The index of the Task state.
  @exclusivity(unchecked) private var pc: UInt32
  /// Where the texts are. Not the workflow, which holds the handler: a handler that keeps its
  /// requests would keep itself.
  @exclusivity(unchecked) private var program: Program?
  /// The workflow keeps it, which the execution keeps as long as the call is not cancelled.
  @exclusivity(unchecked) private var box: Unmanaged<TaskHandlerBox>
  /// Who waits for the answer.
  private let shard: Shard
  /// The task of a concurrent handler.
  var task: Task<Void, Never>?
  /// What handlers of a service see beside the input. Set before the call goes to the driver.
  @exclusivity(unchecked) var forService: ForService?

  struct ForService {
    let execution: String
    let roleARN: String?
  }

  /// Nobody wants the answer any more.
  @exclusivity(unchecked) var isCancelled = false

  init(
    _ shard: Shard, _ handler: TaskHandlerEntry, _ fiber: UnsafeMutablePointer<Fiber>, input: JSON
  ) {
    self.shard = shard
    kind = handler.kind
    box = handler.box
    call = shard.callID(of: fiber)
    pc = fiber.pointee.pc
    retryCount = fiber.pointee.retryCount
    program = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.program }
    self.input = input
    super.init(isTask: true)
  }

  /// A call whose answer nobody waits for, to measure what calling costs.
  init(unawaited handler: TaskHandlerEntry, on shard: Shard, input: JSON) {
    self.shard = shard
    kind = handler.kind
    box = handler.box
    call = TaskCallID(
      shard: 0, serial: 0, fiber: FiberHandle(index: 0, generation: 0), key: SipHash(key: 1, 2))
    pc = 0
    retryCount = 0
    self.input = input
    super.init(isTask: true)
  }

  /// Begins another use.
  func renew(_ handler: TaskHandlerEntry, _ fiber: UnsafeMutablePointer<Fiber>, input: JSON) {
    kind = handler.kind
    box = handler.box
    call = shard.callID(of: fiber)
    pc = fiber.pointee.pc
    retryCount = fiber.pointee.retryCount
    program = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.program }
    self.input = input
    isCancelled = false
  }

  /// Ends a use: nobody refers to it any more.
  override func isOver() {
    input = .null
    program = nil
    forService = nil
    shard.keep(self)
  }

  var handler: TaskHandlerBox { box.takeUnretainedValue() }
  var request: TaskRequest { TaskRequest(invocation: self) }

  /// The code of an asynchronous handler.
  @inline(__always)
  var body: AsyncBox.Body { unsafeDowncast(box.takeUnretainedValue(), to: AsyncBox.self).body }

  var resource: String {
    let tables = program.unsafelyUnwrapped.tables
    let task = tables.pointee.tasks + Int(tables.pointee.ops[Int(pc)].a)
    return tables.pointee.constants[Int(task.pointee.resource)].text
  }

  var stateName: String {
    let tables = program.unsafelyUnwrapped.tables
    return tables.pointee.names[Int(tables.pointee.ops[Int(pc)].name)].text
  }

  /// On the loop's thread.
  @inline(__always)
  func give(_ answer: Shard.TaskAnswer) { shard.answer(call, answer) }
}
