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
  /// The body that it returned.
  case body([UInt8])
  /// It failed; the body says how.
  case error([UInt8])
  case notFound
  /// Nobody could be reached: an error's name without `Lambda.`, and its text.
  case unreachable(error: String, cause: String)
}

/// Calls Lambda functions.
package protocol FunctionInvoker: Sendable {
  /// Calls a function, and answers once, on any thread.
  func invoke(
    _ function: FunctionName, payload: [UInt8], answer: @escaping @Sendable (FunctionResponse) -> Void)
}

/// Serves the two ways of calling a function: its ARN as the resource, and `lambda:invoke` with
/// its request and its envelope.
package struct LambdaTasks: TaskResolver {
  private let invoker: any FunctionInvoker
  private let requestID: @Sendable () -> String

  package init(_ invoker: any FunctionInvoker, requestID: @escaping @Sendable () -> String) {
    self.invoker = invoker
    self.requestID = requestID
  }

  package func handler(
    of resource: TaskResourceName
  ) -> (@Sendable (TaskRun, @escaping @Sendable (TaskReply) -> Void) -> Void)? {
    switch (resource.service, resource.action) {
    case ("function", _): return { callByARN($0, $1) }
    case ("lambda", "invoke"): return { invoke($0, $1) }
    default: return nil
    }
  }

  private func callByARN(_ run: TaskRun, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    let function = FunctionName(run.resource.arn, in: run.scope)
    invoker.invoke(function, payload: run.input.utf8) { response in
      switch response {
      case .body(let body): reply(.succeeded(Self.parsed(body)))
      case .error(let body): reply(.failed(Self.failure(body, cause: String(decoding: body, as: UTF8.self))))
      case .notFound, .unreachable: reply(.failed(failure(response, function)))
      }
    }
  }

  private func invoke(_ run: TaskRun, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    guard let named = run.input["FunctionName"]?.string else {
      return reply(
        .failed(
          RequestRefusal.failure(
            run.input, state: run.state, "The field 'FunctionName' is required but was missing")))
    }
    var function = FunctionName(named, in: run.scope)
    if let qualifier = run.input["Qualifier"]?.string { function.qualifier = qualifier }
    let name = function
    let kind = run.input["InvocationType"]?.string
    if kind == "DryRun" { return reply(.succeeded(envelope("", name, status: 204))) }
    invoker.invoke(name, payload: Self.event(of: run.input)) { response in
      switch response {
      case .body, .error:
        if kind == "Event" { return reply(.succeeded(envelope("", name, status: 202))) }
        if case .error(let body) = response {
          return reply(.failed(Self.failure(body, cause: Self.parsed(body).text)))
        }
        guard case .body(let body) = response else { return }
        reply(.succeeded(envelope(Self.parsed(body), name, status: 200)))
      case .notFound, .unreachable:
        reply(.failed(failure(response, name)))
      }
    }
  }

  /// What the function is called with: a text is sent as it is, so the function sees the JSON in
  /// it; nothing and null arrive as an empty object.
  private static func event(of request: JSON) -> [UInt8] {
    guard let payload = request["Payload"], !payload.isNull else { return Array("{}".utf8) }
    if let text = payload.string {
      return (try? JSON(parsing: text)) == nil ? payload.utf8 : Array(text.utf8)
    }
    return payload.utf8
  }

  private func envelope(_ payload: JSON, _ function: FunctionName, status: Int) -> JSON {
    let requestID = requestID()
    return [
      "ExecutedVersion": JSON(function.qualifier), "Payload": payload,
      "SdkHttpMetadata": ResultMetadata.http(requestID, "application/json", status: status),
      "SdkResponseMetadata": ["RequestId": JSON(requestID)], "StatusCode": JSON(status),
    ]
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

  private func failure(_ response: FunctionResponse, _ function: FunctionName) -> TaskFailure {
    if case .unreachable(let error, let cause) = response {
      return TaskFailure(error: "Lambda.\(error)", cause: cause)
    }
    return TaskFailure(
      error: "Lambda.ResourceNotFoundException",
      cause: "Function not found: \(function.arn) (Service: AWSLambda; Status Code: 404; Error Code: "
        + "ResourceNotFoundException; Request ID: \(requestID()); Proxy: null)")
  }

  /// A body that is no JSON stays a text.
  private static func parsed(_ body: [UInt8]) -> JSON {
    (try? JSON(parsing: body)) ?? JSON(String(decoding: body, as: UTF8.self))
  }
}

/// What optimized integrations append to results.
enum ResultMetadata {
  static func http(_ requestID: String, _ type: String, status: Int = 200) -> JSON {
    [
      "AllHttpHeaders": ["x-amzn-RequestId": [JSON(requestID)], "Content-Type": [JSON(type)]],
      "HttpHeaders": ["Content-Type": JSON(type), "x-amzn-RequestId": JSON(requestID)],
      "HttpStatusCode": JSON(status),
    ]
  }
}

/// A task's request that cannot be made.
enum RequestRefusal {
  static func failure(_ request: JSON, state: String, _ why: String) -> TaskFailure {
    TaskFailure(
      error: "States.Runtime",
      cause: "The Parameters '\(request.text)' could not be used to start the Task: [\(why)]")
  }
}
