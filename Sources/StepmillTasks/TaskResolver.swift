import Stepmill

// The seam between Task states and those who serve them, for the server, for the integrations
// and for tests alike.
//
// A resolver is asked by resource, once for each resource of a state machine, and gives a
// service or nothing. A service is called with each task and answers it once, now or later, from
// any thread. Requests are shaped, errors are named and answers are wrapped by the service: what
// it answers is what the state sees.

/// A call of a task.
package struct TaskRun: Sendable {
  /// The Task's `Resource`.
  package let resource: TaskResourceName
  /// After Parameters or Arguments.
  package let input: JSON
  package let scope: Scope
  package let executionARN: String
  package let state: String
  package let retryCount: Int
  /// The role that `Credentials` name.
  package let roleARN: String?
  /// Keeps what is to be done when nobody waits for the answer any more: the task timed out, or
  /// its execution ended.
  private let keepForAbandonment: @Sendable (@escaping @Sendable () -> Void) -> Void
  /// Takes what goes over the wire for the call; nil: nobody asks for it.
  package let trace: (@Sendable (TaskExchange) -> Void)?

  package init(
    resource: TaskResourceName, input: JSON, scope: Scope, executionARN: String, state: String,
    retryCount: Int = 0, roleARN: String? = nil, trace: (@Sendable (TaskExchange) -> Void)? = nil,
    whenAbandoned: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { _ in }
  ) {
    self.resource = resource
    self.input = input
    self.scope = scope
    self.executionARN = executionARN
    self.state = state
    self.retryCount = retryCount
    self.roleARN = roleARN
    self.trace = trace
    keepForAbandonment = whenAbandoned
  }

  /// Calls `body`, on a loop's thread, if the task is given up before it was answered. To be said
  /// during the call of the service; of several closures the last one counts.
  package func whenAbandoned(_ body: @escaping @Sendable () -> Void) { keepForAbandonment(body) }

  /// The name of the state machine, as the execution's ARN has it.
  package var machine: String {
    let parts = executionARN.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 6 else { return "" }
    return String(parts[6].prefix { $0 != "/" })
  }

  /// The ARN of the state machine.
  package var machineARN: String {
    "arn:\(scope.partition):states:\(scope.region):\(scope.account):stateMachine:\(machine)"
  }
}

/// An HTTP request that a task made, and what came back.
package struct TaskExchange: Sendable {
  package struct Message: Sendable {
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(headers: [(name: String, value: String)], body: [UInt8]) {
      self.headers = headers
      self.body = body
    }
  }

  package let method: String
  package let url: String
  package let request: Message
  /// Nil: there was no answer.
  package let response: (status: Int, text: String, message: Message)?

  package init(
    method: String, url: String, request: Message, response: (status: Int, text: String, message: Message)?
  ) {
    self.method = method
    self.url = url
    self.request = request
    self.response = response
  }
}

/// What comes of a call.
package enum TaskReply: Sendable {
  /// What the service answered. A task that goes on (`.sync`, `.waitForTaskToken`) waits for its
  /// end from here.
  case succeeded(JSON)
  case failed(TaskFailure)
  /// What came of the call cannot be used: the execution fails with `States.Runtime`, for this
  /// reason.
  case unusable(String)
  /// A job goes on that the service's response belongs to; its end is told by the token.
  case submitted(JSON)
  /// The task's end, whatever its pattern: nobody will send its token.
  case ended(Result<JSON, TaskFailure>)
}

/// Serves the tasks of a resource.
package struct TaskService: Sendable {
  package typealias Reply = @Sendable (TaskReply) -> Void

  /// Which tasks it takes; nil: all. The others go to the next resolver.
  package let takes: (@Sendable (TaskRun) -> Bool)?
  /// What is wrong with a request that cannot be made, in the words of the service; nil: it can. Of
  /// such a task the history has no word but that the execution failed. Asked by the engine's step,
  /// before each call; only of services that take all tasks.
  package let refusal: (@Sendable (JSON) -> String?)?
  /// Begins a call and answers it once, on any thread.
  package let begin: @Sendable (TaskRun, @escaping Reply) -> Void

  package init(
    takes: (@Sendable (TaskRun) -> Bool)? = nil, refusal: (@Sendable (JSON) -> String?)? = nil,
    _ begin: @escaping @Sendable (TaskRun, @escaping Reply) -> Void
  ) {
    self.takes = takes
    self.refusal = refusal
    self.begin = begin
  }
}

/// Finds who serves a resource.
package protocol TaskResolver: Sendable {
  /// - Returns: The service, or nil where this one does not know the resource.
  func service(for resource: TaskResourceName) -> TaskService?
}

/// A task's request that cannot be made.
package enum RequestRefusal {
  package static func text(_ request: JSON, _ why: String) -> String {
    "The Parameters '\(request.text)' could not be used to start the Task: [\(why)]"
  }

  package static func unknown(_ field: String) -> String {
    "The field \"\(field)\" is not supported by Step Functions"
  }

  package static func missing(_ field: String) -> String {
    "The field '\(field)' is required but was missing"
  }

  package static func malformed(_ field: String) -> String {
    "The value of the field '\(field)' has an invalid format"
  }
}

/// What optimized integrations append to results.
package enum ResultMetadata {
  package static func http(_ requestID: String, _ type: String, status: Int = 200) -> JSON {
    [
      "AllHttpHeaders": ["x-amzn-RequestId": [JSON(requestID)], "Content-Type": [JSON(type)]],
      "HttpHeaders": ["Content-Type": JSON(type), "x-amzn-RequestId": JSON(requestID)],
      "HttpStatusCode": JSON(status),
    ]
  }
}
