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
    _ body: @escaping @Sendable (TaskRequest) async throws -> JSON
  ) -> TaskHandler {
    TaskHandler(kind: .async, box: AsyncBox(body))
  }

  /// A handler that runs on Swift's global pool, beside the loop.
  public static func concurrent(
    _ body: @escaping @Sendable (TaskRequest) async throws -> JSON
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
  ///   - abandoned: Told of the token of a job that nobody waits for any more.
  ///   - body: Told of the call.
  package static func deferred(
    abandoned: @escaping @Sendable (String) -> Void = { _ in },
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .deferred, box: ServiceBox(refusal: { nil }, abandoned, body))
  }

  /// A handler whose tasks wait until a worker asks for one, as activities do.
  ///
  /// - Parameters:
  ///   - refusal: Why a task cannot even be scheduled, or nil.
  ///   - abandoned: Told of the token of a task that nobody waits for any more.
  ///   - body: Told of the call on the loop's thread.
  package static func leased(
    refusal: @escaping @Sendable () -> String?, abandoned: @escaping @Sendable (String) -> Void,
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) -> TaskHandler {
    TaskHandler(kind: .leased, box: ServiceBox(refusal: refusal, abandoned, body))
  }
}

/// What a handler that runs beside the step is given.
public struct TaskRequest: Sendable {
  /// The task's input, after InputPath and Parameters.
  public let input: JSON
  /// The Task's `Resource` as written.
  public let resource: String
  /// The Task state's name.
  public let state: String
  /// How often this task has been retried in this visit of its state.
  public let retryCount: Int
  /// The ARN of the execution, for handlers of a service.
  package let execution: String
  /// The role that `Credentials` name, for handlers of a service.
  package let roleARN: String?
  /// Names this very attempt: for ``Runtime/complete(_:with:)`` and ``Runtime/heartbeat(_:)``.
  public let token: String
}

/// A handler's code, whatever its kind.
class TaskHandlerBox: @unchecked Sendable {
  /// Calls a synchronous handler; false when it failed, with error and cause in the call.
  func call(_ call: borrowing TaskCall) -> Bool {
    preconditionFailure("BUG in Stepmill (please report): this handler is not synchronous")
  }

  /// Runs a handler beside the step.
  func run(_ request: TaskRequest) async throws -> JSON {
    preconditionFailure("BUG in Stepmill (please report): this handler is not asynchronous")
  }

  /// Why a task of this handler cannot be scheduled, or nil.
  var refusal: String? { nil }

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

private final class AsyncBox: TaskHandlerBox, @unchecked Sendable {
  private let body: @Sendable (TaskRequest) async throws -> JSON

  init(_ body: @escaping @Sendable (TaskRequest) async throws -> JSON) {
    self.body = body
  }

  override func run(_ request: TaskRequest) async throws -> JSON { try await body(request) }
}

private final class TokenBox: TaskHandlerBox, @unchecked Sendable {
  private let body: @Sendable (TaskRequest) throws -> Void

  init(_ body: @escaping @Sendable (TaskRequest) throws -> Void) {
    self.body = body
  }

  override func begin(_ request: TaskRequest) throws { try body(request) }
}

private final class ServiceBox: TaskHandlerBox, @unchecked Sendable {
  private let why: @Sendable () -> String?
  private let forget: @Sendable (String) -> Void
  private let body: @Sendable (TaskRequest) throws -> Void

  init(
    refusal: @escaping @Sendable () -> String?, _ abandoned: @escaping @Sendable (String) -> Void,
    _ body: @escaping @Sendable (TaskRequest) throws -> Void
  ) {
    why = refusal
    forget = abandoned
    self.body = body
  }

  override var refusal: String? { why() }
  override func abandoned(_ token: String) { forget(token) }
  override func begin(_ request: TaskRequest) throws { try body(request) }
}

/// A handler as a workflow's table holds it.
struct TaskHandlerEntry: BitwiseCopyable {
  var kind: TaskHandler.Kind
  var box: Unmanaged<TaskHandlerBox>
}

/// One call of a handler that does not answer at once: made by a step, performed by the
/// driver. Owned by the loop; its parts that cross threads are immutable.
final class TaskInvocation: @unchecked Sendable {
  let kind: TaskHandler.Kind
  let handler: TaskHandlerBox
  let request: TaskRequest
  let token: TaskToken
  /// What the driver keeps to cancel it. Touched by the loop's thread only.
  var running: AnyObject?
  /// Nobody wants the answer any more. Touched by the loop's thread only.
  var isCancelled = false

  init(
    kind: TaskHandler.Kind, handler: TaskHandlerBox, input: JSON, token: TaskToken, resource: String,
    state: String, retryCount: Int, execution: String = "", roleARN: String? = nil
  ) {
    self.kind = kind
    self.handler = handler
    self.token = token
    request = TaskRequest(
      input: input, resource: resource, state: state, retryCount: retryCount, execution: execution,
      roleARN: roleARN, token: token.text)
  }
}
