import Stepmill
import StepmillTasks

// Who calls a Lambda function: a command or a URL that was given for its name, else the Lambda
// service, where there is an endpoint for it.

/// A `--function NAME=URL`.
package struct NamedFunction: Sendable {
  package let name: String
  package let url: String

  package init(name: String, url: String) {
    self.name = name
    self.url = url
  }
}

struct FunctionDirectory: FunctionInvoker {
  let functions: [NamedFunction]
  let commands: [NamedCommand]
  let pool: CommandPool?
  let client: AWSClient
  /// The Lambda service's.
  let endpoint: Endpoint?
  /// As long as AWS lets a function run, and a little longer.
  let milliseconds: Int
  let responseBytesMax: Int

  func invoke(_ call: FunctionCall, answer: @escaping @Sendable (FunctionResponse) -> Void) {
    let names = [
      call.function.name, "\(call.function.name):\(call.function.qualifier)",
      String(call.function.arn.dropLast(call.function.qualifier.count + 1)), call.function.arn,
    ]
    // Exact names first, whoever serves them; then patterns.
    for name in names {
      if let command = commands.first(where: { $0.name == name }) { return run(command, call, answer) }
      if let function = functions.first(where: { $0.name == name }) { return post(function, call, answer) }
    }
    if let command = NamedCommand.fitting(names, in: commands) { return run(command, call, answer) }
    let fitting = functions.first { function in
      function.name.contains("*") && names.contains { HandlerName.matches($0, pattern: function.name) }
    }
    if let fitting { return post(fitting, call, answer) }
    guard let endpoint else { return answer(.notFound) }
    LambdaEndpoint(client: client, endpoint: endpoint, milliseconds: milliseconds).invoke(
      call, answer: answer)
  }

  private func run(
    _ command: NamedCommand, _ call: FunctionCall, _ answer: @escaping @Sendable (FunctionResponse) -> Void
  ) {
    guard let pool else { return answer(.notFound) }
    if call.type == .dryRun { return answer(.body([])) }
    let ticket = pool.run(CommandOrder(command.line, call.payload, call.run)) { result in
      if call.type == .event { return }
      switch result {
      case .success(let output): answer(.body(output.utf8))
      case .failure(let failure): answer(.failed(failure))
      }
    }
    if call.type == .event { return answer(.body([])) }
    call.run.whenAbandoned { ticket.cancel() }
  }

  /// A function behind a URL gets the payload and answers with its result. It says that it
  /// failed as Lambda does: by `X-Amz-Function-Error`, or by a status.
  private func post(
    _ function: NamedFunction, _ call: FunctionCall, _ answer: @escaping @Sendable (FunctionResponse) -> Void
  ) {
    if call.type == .dryRun { return answer(.body([])) }
    var request = HTTPClientRequest(
      method: "POST", url: function.url,
      headers: [
        ("Content-Type", "application/json"), ("Accept", "application/json"),
        ("X-Amz-Invocation-Type", call.type.rawValue),
      ],
      body: call.payload)
    if let context = call.clientContext { request.headers.append(("X-Amz-Client-Context", context)) }
    request.timeoutMilliseconds = milliseconds
    request.responseBytesMax = responseBytesMax
    let resource = call.run.resource.service == "function" ? call.run.resource.arn : call.run.resource.service
    let endpoint = Endpoint(function.url)
    let sent = client.http.send(request) { result in
      if call.type == .event { return }
      switch result {
      case .success(let response): answer(Self.response(response))
      case .failure(let error) where error.kind == .tooLarge: answer(.failed(ResultLimit.failure(resource)))
      case .failure(let error):
        answer(
          .unreachable(
            error: "SdkClientException",
            cause: "Unable to execute HTTP request: \(ClientText.of(error, endpoint))"))
      }
    }
    if call.type == .event { return answer(.body([])) }
    call.run.whenAbandoned { sent.cancel() }
  }

  private static func response(_ response: HTTPClientResponse) -> FunctionResponse {
    if response.header("x-amz-function-error") != nil { return .error(response.body) }
    let said = (try? JSON(parsing: response.body))
    switch response.status {
    case 200..<300:
      // The runtime's own emulator says it in the body alone.
      if said?.count ?? 0 >= 2, said?["errorType"]?.string != nil, said?["errorMessage"]?.string != nil {
        return .error(response.body)
      }
      return .body(response.body)
    default:
      if said?["errorType"]?.string != nil { return .error(response.body) }
      let text = said?["message"]?.string ?? said?["Message"]?.string ?? excerpt(response.body)
      let code =
        switch response.status {
        case 429: "TooManyRequestsException"
        case 404: "ResourceNotFoundException"
        case 500...: "ServiceException"
        default: "InvalidRequestContentException"
        }
      return .refused(
        status: response.status, code: code, message: text, requestID: AWSWire.requestID(response))
    }
  }

  private static func excerpt(_ body: [UInt8]) -> String? {
    body.isEmpty ? nil : String(decoding: body.prefix(1024), as: UTF8.self)
  }
}

/// Calls functions through the Lambda service's API.
struct LambdaEndpoint: FunctionInvoker {
  let client: AWSClient
  let endpoint: Endpoint
  let milliseconds: Int

  func invoke(_ call: FunctionCall, answer: @escaping @Sendable (FunctionResponse) -> Void) {
    let function = call.function
    let isForeign = function.scope != call.run.scope
    let name = PercentEncoding.text(
      isForeign ? String(function.arn.dropLast(function.qualifier.count + 1)) : function.name)
    var request = WireRequest(
      target: "/2015-03-31/functions/\(name)/invocations",
      headers: [
        ("Content-Type", "application/json"),
        ("X-Amz-Invocation-Type", call.type.rawValue),
      ],
      body: call.payload)
    if function.qualifier != "$LATEST" {
      request.target += "?Qualifier=\(PercentEncoding.text(function.qualifier))"
    }
    if let context = call.clientContext {
      request.headers.append(("X-Amz-Client-Context", Base64.text(Array(context.utf8))))
    }
    let order = AWSClient.Order(
      endpoint: endpoint, request: request, region: function.scope.region, signingName: "lambda",
      // A function that may have run is not run again for want of an answer.
      isRepeatable: false, totalMilliseconds: milliseconds, code: { Self.error($0).code })
    let resource = call.run.resource.service == "function" ? call.run.resource.arn : call.run.resource.service
    let sent = client.call(order) { result in
      switch result {
      case .answered(let response):
        if response.header("x-amz-function-error") != nil { return answer(.error(response.body)) }
        answer(.body(response.body, version: response.header("x-amz-executed-version")))
      case .refused(let response, _):
        let error = Self.error(response)
        if response.status == 404, error.code == nil || error.code == "ResourceNotFoundException" {
          return answer(.notFound)
        }
        answer(
          .refused(
            status: response.status, code: error.code, message: error.message,
            requestID: AWSWire.requestID(response)))
      case .unreachable(let text, _): answer(.unreachable(error: "SdkClientException", cause: text))
      case .tooLarge: answer(.failed(ResultLimit.failure(resource)))
      }
    }
    call.run.whenAbandoned { sent.cancel() }
  }

  private static let service = AWSService(
    name: "lambda", id: "Lambda", host: "lambda", signingName: "lambda", wire: .rest(isXML: false))

  private static func error(_ response: HTTPClientResponse) -> ServiceError {
    AWSWire(service: service, operation: "Invoke", isPlain: false).error(response)
  }

  static func endpoint(_ endpoints: Endpoints) -> Endpoint? { endpoints.endpoint(of: service) }
}
