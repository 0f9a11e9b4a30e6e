import Stepmill

// The Lambda functions of a case, and the two ways of calling one: its ARN as the resource,
// and the optimised integration `lambda:invoke` with its request and its envelope.

struct LambdaFunctions {
  struct Answer {
    var result: Result<JSON, TaskFailure>
    var afterMilliseconds: UInt64 = 0
  }

  /// What a function does, by its name.
  private let behaviours: JSON
  private static let requestID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

  init(_ behaviours: JSON?) {
    self.behaviours = behaviours ?? [:]
  }

  /// Whether a task's resource is a call of a function.
  static func serves(_ resource: String) -> Bool { isFunction(resource) || isInvoke(resource) }

  private static func isFunction(_ resource: String) -> Bool {
    let parts = resource.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count >= 7 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "function"
  }

  private static func isInvoke(_ resource: String) -> Bool {
    resource.hasSuffix(":states:::lambda:invoke")
      || resource.hasSuffix(":states:::lambda:invoke.waitForTaskToken")
  }

  /// Does a task's work.
  func answer(_ resource: String, _ input: JSON) -> Answer {
    Self.isFunction(resource) ? callByARN(resource, input) : invoke(input)
  }

  // MARK: The two integrations

  private func callByARN(_ resource: String, _ input: JSON) -> Answer {
    let function = FunctionName(resource)
    guard let response = respond(function, input) else { return Answer(result: .failure(notFound(function))) }
    switch response.outcome {
    case .body(let text): return response.answer(.success(Self.parsed(text)))
    case .error(let payload):
      return response.answer(.failure(Self.failure(payload, cause: SpacedText.of(payload))))
    }
  }

  private func invoke(_ request: JSON) -> Answer {
    guard let named = request["FunctionName"]?.string else {
      let cause =
        "The Parameters '\(request.text)' could not be used to start the Task: "
        + "[The field 'FunctionName' is required but was missing]"
      return Answer(result: .failure(TaskFailure(error: "States.Runtime", cause: cause)))
    }
    var function = FunctionName(named)
    if let qualifier = request["Qualifier"]?.string { function.qualifier = qualifier }
    guard behaviours[function.name] != nil else { return Answer(result: .failure(notFound(function))) }
    switch request["InvocationType"]?.string {
    case "Event": return Answer(result: .success(envelope("", function, status: 202)))
    case "DryRun": return Answer(result: .success(envelope("", function, status: 204)))
    default: break
    }
    guard let response = respond(function, Self.event(of: request)) else {
      return Answer(result: .failure(notFound(function)))
    }
    switch response.outcome {
    case .body(let text):
      return response.answer(.success(envelope(Self.parsed(text), function, status: 200)))
    case .error(let payload):
      return response.answer(.failure(Self.failure(payload, cause: payload.text)))
    }
  }

  /// What the function is called with: a text is sent as it is, so the function sees the JSON in
  /// it; nothing and null arrive as an empty object.
  private static func event(of request: JSON) -> JSON {
    guard let payload = request["Payload"], !payload.isNull else { return [:] }
    return payload.string.map(parsed) ?? payload
  }

  private func envelope(_ payload: JSON, _ function: FunctionName, status: Int) -> JSON {
    let requestID = JSON(Self.requestID)
    return [
      "ExecutedVersion": JSON(function.qualifier), "Payload": payload,
      "SdkHttpMetadata": [
        "AllHttpHeaders": ["x-amzn-RequestId": [requestID], "Content-Type": ["application/json"]],
        "HttpHeaders": ["Content-Type": "application/json", "x-amzn-RequestId": requestID],
        "HttpStatusCode": JSON(status),
      ],
      "SdkResponseMetadata": ["RequestId": requestID], "StatusCode": JSON(status),
    ]
  }

  /// What the service makes of the body of a function that failed.
  private static func failure(_ payload: JSON, cause: String) -> TaskFailure {
    if let type = payload["errorType"]?.string { return TaskFailure(error: type, cause: cause) }
    return TaskFailure(
      error: "Lambda.Unknown",
      cause: "The cause could not be determined because Lambda did not return an error type. "
        + "Returned payload: \(payload.text)")
  }

  private func notFound(_ function: FunctionName) -> TaskFailure {
    let arn =
      "arn:aws:lambda:\(function.region):\(function.account):function:\(function.name):\(function.qualifier)"
    return TaskFailure(
      error: "Lambda.ResourceNotFoundException",
      cause: "Function not found: \(arn) (Service: AWSLambda; Status Code: 404; Error Code: "
        + "ResourceNotFoundException; Request ID: \(Self.requestID); Proxy: null)")
  }

  /// A body that is no JSON stays a text.
  private static func parsed(_ body: String) -> JSON { (try? JSON(parsing: body)) ?? JSON(body) }

  // MARK: Behaviours

  private struct Response {
    enum Outcome {
      case body(String)
      case error(JSON)
    }
    var outcome: Outcome
    var afterMilliseconds: UInt64 = 0

    func answer(_ result: Result<JSON, TaskFailure>) -> Answer {
      Answer(result: result, afterMilliseconds: afterMilliseconds)
    }
  }

  /// What the function answers, or nil when there is no such function.
  private func respond(_ function: FunctionName, _ input: JSON) -> Response? {
    guard let behaviour = behaviours[function.name] else { return nil }
    switch behaviour["behaviour"]?.string {
    case "fixed": return Response(outcome: .body((behaviour["payload"] ?? .null).text))
    case "fixed_raw":
      if let raw = behaviour["raw"]?.string { return Response(outcome: .body(raw)) }
      let times = behaviour["raw_repeat"]?["times"]?.int ?? 0
      return Response(
        outcome: .body(String(repeating: behaviour["raw_repeat"]?["text"]?.string ?? "", count: times)))
    case "raise":
      var payload = behaviour["payload"] ?? [:]
      if payload["requestId"] != nil { payload["requestId"] = JSON(Self.requestID) }
      return Response(outcome: .error(payload))
    case "sleep_then_echo":
      let seconds = behaviour["seconds"]?.double ?? 0
      return Response(outcome: .body(input.text), afterMilliseconds: UInt64(seconds * 1000))
    case "canned":
      let canned = behaviour["responses"]?.array?.first { $0["input"] == input }
      return Response(outcome: .body((canned?["payload"] ?? .null).text))
    default: return Response(outcome: .body(input.text))
    }
  }
}

/// A function as a request names it: by its name, a partial ARN or a full one, each with or
/// without a version or an alias.
private struct FunctionName {
  var name: String
  var qualifier = "$LATEST"
  var account = "123456789012"
  var region = "us-east-1"

  init(_ text: String) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if let function = parts.firstIndex(of: "function") {
      if function >= 1 { account = String(parts[function - 1]) }
      if function >= 2 { region = String(parts[function - 2]) }
      parts.removeFirst(function + 1)
    }
    name = parts.first.map(String.init) ?? text
    if parts.count > 1 { qualifier = String(parts[1]) }
  }
}

/// JSON as Python's standard library spells it, with a blank after each comma and colon: what a
/// function's runtime answers for an exception, and what the service hands on as it is.
enum SpacedText {
  static func of(_ value: JSON) -> String {
    if let members = value.object {
      return "{" + members.map { "\(JSON($0.key).text): \(of($0.value))" }.joined(separator: ", ") + "}"
    }
    if let elements = value.array { return "[" + elements.map(of).joined(separator: ", ") + "]" }
    return value.text
  }
}
