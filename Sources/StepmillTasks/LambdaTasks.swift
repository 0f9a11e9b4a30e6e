import Stepmill

// Lambda functions: what is around a function's call. Who calls the function (a process, an
// HTTP endpoint, a test) only sees a name and a payload, and gives back a body.

/// A function as a request names it: by its name, a partial ARN or a full one, each with or
/// without a version or an alias.
package struct FunctionName: Hashable, Sendable {
  package var name: String
  package var qualifier = "$LATEST"
  package var scope: Scope

  package init(_ text: String, in scope: Scope) {
    self.scope = scope
    var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if let function = parts.firstIndex(of: "function") {
      if function >= 2 {
        self.scope = Scope(region: parts[function - 2], account: parts[function - 1])
      } else if function == 1 {
        self.scope = Scope(region: scope.region, account: parts[0])
      }
      parts.removeFirst(function + 1)
    }
    name = parts.first ?? text
    if parts.count > 1 { qualifier = parts[1] }
  }

  package var arn: String {
    "arn:\(scope.partition):lambda:\(scope.region):\(scope.account):function:\(name):\(qualifier)"
  }
}

/// What a function's call gives.
package enum FunctionResponse: Sendable {
  /// The body that it returned, and the version that ran where that is known.
  case body([UInt8], version: String? = nil)
  /// It failed; the body says how.
  case error([UInt8])
  case notFound
  /// Nobody could be reached: an error's name without `Lambda.`, and its text.
  case unreachable(error: String, cause: String)
  /// The service did not call the function: what it said.
  case refused(status: Int, code: String?, message: String?, requestID: String?)
  /// It failed with just this error and cause.
  case failed(TaskFailure)
}

/// How a function is called.
package enum InvocationType: String, Sendable {
  case requestResponse = "RequestResponse"
  /// Nobody waits for what the function returns.
  case event = "Event"
  /// It is not called: the answer is whether it could be.
  case dryRun = "DryRun"
}

/// A call of a function.
package struct FunctionCall: Sendable {
  package let function: FunctionName
  package let payload: [UInt8]
  package var type = InvocationType.requestResponse
  package var clientContext: String?
  /// The task that makes it.
  package let run: TaskRun

  package init(_ function: FunctionName, payload: [UInt8], run: TaskRun) {
    self.function = function
    self.payload = payload
    self.run = run
  }
}

/// Calls Lambda functions.
package protocol FunctionInvoker: Sendable {
  /// Calls a function, and answers once, on any thread.
  func invoke(_ call: FunctionCall, answer: @escaping @Sendable (FunctionResponse) -> Void)
}

/// Serves the three ways of calling a function: its ARN as the resource, `lambda:invoke` with
/// its request and its envelope, and the same API through `aws-sdk:lambda:invoke`, to which a
/// function that fails is an answer like any other.
package struct LambdaTasks: TaskResolver {
  private let invoker: any FunctionInvoker
  private let requestID: @Sendable () -> String

  package init(_ invoker: any FunctionInvoker, requestID: @escaping @Sendable () -> String) {
    self.invoker = invoker
    self.requestID = requestID
  }

  package func service(for resource: TaskResourceName) -> TaskService? {
    switch (resource.service, resource.action) {
    case ("function", _): TaskService { callByARN($0, $1) }
    case ("lambda", "invoke"): TaskService(refusal: Self.problem) { invoke($0, $1) }
    case ("aws-sdk:lambda", "invoke"): TaskService(refusal: Self.plainProblem) { invoke($0, $1) }
    default: nil
    }
  }

  private func callByARN(_ run: TaskRun, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    let function = FunctionName(run.resource.arn, in: run.scope)
    invoker.invoke(FunctionCall(function, payload: run.input.utf8, run: run)) { response in
      switch response {
      case .body(let body, _): reply(.succeeded(Self.parsed(body)))
      case .error(let body): reply(.failed(Self.failure(body, cause: String(decoding: body, as: UTF8.self))))
      case .notFound, .unreachable, .refused, .failed: reply(.failed(failure(response, function, run)))
      }
    }
  }

  /// What is wrong with a request of `lambda:invoke`.
  private static func problem(_ request: JSON) -> String? {
    for (name, value) in request.memberList {
      switch name {
      case "Payload": break
      case "FunctionName", "ClientContext", "InvocationType", "Qualifier", "LogType":
        guard !value.isNull else { break }
        guard let text = value.string, name != "InvocationType" || InvocationType(rawValue: text) != nil
        else {
          return RequestRefusal.malformed(name)
        }
      default: return RequestRefusal.unknown(name)
      }
    }
    return (request["FunctionName"] ?? .null).isNull ? RequestRefusal.missing("FunctionName") : nil
  }

  /// The same of `aws-sdk:lambda:invoke`, whose fields are the service's to judge.
  private static func plainProblem(_ request: JSON) -> String? {
    request["FunctionName"]?.string == nil ? RequestRefusal.missing("FunctionName") : nil
  }

  private func invoke(_ run: TaskRun, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    guard let named = run.input["FunctionName"]?.string else {
      return reply(.unusable(RequestRefusal.text(run.input, RequestRefusal.missing("FunctionName"))))
    }
    var function = FunctionName(named, in: run.scope)
    if let qualifier = run.input["Qualifier"]?.string { function.qualifier = qualifier }
    let isPlain = run.resource.service != "lambda"
    var call = FunctionCall(function, payload: Self.event(of: run.input), run: run)
    if let text = run.input["InvocationType"]?.string {
      guard let type = InvocationType(rawValue: text) else {
        return reply(.failed(failure(Self.noType(text), function, run)))
      }
      call.type = type
    }
    call.clientContext = run.input["ClientContext"]?.string
    let result = Envelope(
      isPlain: isPlain, version: function.qualifier, requestID: requestID, status: Self.status(call.type))
    let hasResult = call.type == .requestResponse
    let name = call.function
    invoker.invoke(call) { response in
      switch response {
      case .body, .error:
        if !hasResult { return reply(.succeeded(result.json(""))) }
        if case .error(let body) = response {
          if isPlain { return reply(.succeeded(result.json(Self.text(body), error: "Unhandled"))) }
          return reply(.failed(Self.failure(body, cause: Self.parsed(body).text)))
        }
        guard case .body(let body, let version) = response else { return }
        reply(.succeeded(result.json(isPlain ? Self.text(body) : Self.parsed(body), version: version)))
      case .notFound, .unreachable, .refused, .failed:
        reply(.failed(failure(response, name, run)))
      }
    }
  }

  private static func status(_ type: InvocationType) -> Int {
    switch type {
    case .requestResponse: 200
    case .event: 202
    case .dryRun: 204
    }
  }

  private static func noType(_ text: String) -> FunctionResponse {
    .refused(
      status: 400, code: "ValidationException",
      message: "1 validation error detected: Value '\(text)' at 'invocationType' failed to satisfy "
        + "constraint: Member must satisfy enum value set: [Event, DryRun, RequestResponse]",
      requestID: nil)
  }

  private static func text(_ body: [UInt8]) -> JSON { JSON(String(decoding: body, as: UTF8.self)) }

  /// What the function is called with: a text is sent as it is, so the function sees the JSON in
  /// it; nothing and null arrive as an empty object.
  private static func event(of request: JSON) -> [UInt8] {
    guard let payload = request["Payload"], !payload.isNull else { return Array("{}".utf8) }
    if let text = payload.string {
      return (try? JSON(parsing: text)) == nil ? payload.utf8 : Array(text.utf8)
    }
    return payload.utf8
  }

  /// What the service makes of the body of a function that failed.
  private static func failure(_ body: [UInt8], cause: String) -> TaskFailure {
    let payload = parsed(body)
    if let type = payload["errorType"]?.string { return TaskFailure(error: type, cause: cause) }
    return TaskFailure(
      error: "Lambda.Unknown",
      cause: "The cause could not be determined because Lambda did not return an error type. "
        + "Returned payload: \(payload.text)")
  }

  private func failure(
    _ response: FunctionResponse, _ function: FunctionName, _ run: TaskRun
  ) -> TaskFailure {
    let id: String
    let (status, code, message): (Int, String?, String?)
    switch response {
    case .failed(let failure): return failure
    case .unreachable(let error, let cause): return TaskFailure(error: "Lambda.\(error)", cause: cause)
    case .refused(let theirs, let theirCode, let text, let request):
      (status, code, message, id) = (theirs, theirCode, text, request ?? requestID())
    case .notFound, .body, .error:
      (status, code, id) = (404, "ResourceNotFoundException", requestID())
      message = "Function not found: \(function.arn)"
    }
    if run.resource.service.hasPrefix("aws-sdk:") {
      return ServiceNames.sdkFailure("Lambda", code, message, status: status, requestID: id)
    }
    // The older client called what its model did not know after itself.
    return ServiceNames.optimizedFailure(
      "Lambda", client: "AWSLambda", code, message, status: status, requestID: id)
  }

  /// A body that is no JSON stays a text.
  private static func parsed(_ body: [UInt8]) -> JSON {
    (try? JSON(parsing: body)) ?? JSON(String(decoding: body, as: UTF8.self))
  }
}

/// What `lambda:invoke` answers.
private struct Envelope: Sendable {
  let isPlain: Bool
  let version: String
  let requestID: @Sendable () -> String
  let status: Int

  func json(_ payload: JSON, version: String? = nil, error: String? = nil) -> JSON {
    var members: [(key: String, value: JSON)] = [("ExecutedVersion", JSON(version ?? self.version))]
    if let error { members.append(("FunctionError", JSON(error))) }
    members.append(("Payload", payload))
    if !isPlain {
      let requestID = requestID()
      members.append(
        ("SdkHttpMetadata", ResultMetadata.http(requestID, "application/json", status: status)))
      members.append(("SdkResponseMetadata", ["RequestId": JSON(requestID)]))
    }
    members.append(("StatusCode", JSON(status)))
    return JSON(members: members)
  }
}
