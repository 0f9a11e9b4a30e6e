import Stepmill
import StepmillTasks

// Serves the tasks that call services of AWS's: the table's optimized integrations, and
// `aws-sdk:` for every service in it that has an endpoint.

struct AWSTasks: TaskResolver {
  private let client: AWSClient
  private let requestID: @Sendable () -> String

  init(_ client: AWSClient, requestID: @escaping @Sendable () -> String) {
    self.client = client
    self.requestID = requestID
  }

  func service(for resource: TaskResourceName) -> TaskService? {
    let operation = resource.action.prefix(1).uppercased() + resource.action.dropFirst()
    let isPlain = resource.service.hasPrefix("aws-sdk:")
    guard
      let row = isPlain
        ? AWSServiceTable.sdk(String(resource.service.dropFirst(8)))
        : AWSServiceTable.optimized(resource.service),
      let endpoint = client.endpoints.endpoint(of: row)
    else { return nil }
    let rules = row.operation(operation)
    if !isPlain {
      guard rules?.request != nil else { return nil }
      guard
        resource.pattern == .requestResponse || (resource.pattern == .callback && rules?.hasCallback == true)
      else { return nil }
    } else if case .rest = row.wire, rules == nil {
      return nil
    }
    let wire = AWSWire(service: row, operation: operation, isPlain: isPlain)
    var refusal: (@Sendable (JSON) -> String?)?
    if !isPlain, let members = rules?.request { refusal = { RequestCheck.problem($0, members) } }
    return TaskService(refusal: refusal) { run, reply in begin(run, wire, rules, endpoint, reply) }
  }

  private func begin(
    _ run: TaskRun, _ wire: AWSWire, _ rules: AWSOperation?, _ endpoint: Endpoint,
    _ reply: @escaping TaskService.Reply
  ) {
    let naming = ErrorNaming(wire)
    var input = run.input
    if !wire.isPlain, let members = rules?.request {
      input =
        rules?.shape?(RequestCheck.withTexts(input, members), run) ?? RequestCheck.withTexts(input, members)
    }
    let request: WireRequest
    do throws(WireError) {
      request = try wire.request(input)
    } catch {
      return reply(.failed(naming.client(error.description, attempts: 1)))
    }
    let place = place(endpoint, wire.service, input)
    var order = AWSClient.Order(
      endpoint: place, request: request, region: run.scope.region, signingName: wire.service.signingName)
    order.isForeign = place != endpoint
    order.code = { wire.error($0).code }
    let call = client.call(order) { answer in
      switch answer {
      case .answered(let response): reply(finished(response, wire, rules, naming))
      case .refused(let response, let attempts):
        reply(.failed(naming.service(wire.error(response), attempts: attempts)))
      case .unreachable(let text, let attempts): reply(.failed(naming.client(text, attempts: attempts)))
      case .tooLarge: reply(.failed(ResultLimit.failure(run.resource.service)))
      }
    }
    run.whenAbandoned { call.cancel() }
  }

  /// A queue's URL says where the queue is. Where that is AWS, or some port of this machine, the
  /// endpoint that was given is meant; any other host is asked itself.
  private func place(_ endpoint: Endpoint, _ service: AWSService, _ input: JSON) -> Endpoint {
    guard service.name == "sqs", let url = input["QueueUrl"]?.string, url.contains("://") else {
      return endpoint
    }
    let end = url[(url.firstRange(of: "://")?.upperBound ?? url.startIndex)...].firstIndex(of: "/")
    let named = Endpoint(String(url[..<(end ?? url.endIndex)]))
    if named.isLoopback || Endpoint.isAmazon(named.host) || named.host == endpoint.host { return endpoint }
    return named
  }

  private func finished(
    _ response: HTTPClientResponse, _ wire: AWSWire, _ rules: AWSOperation?, _ naming: ErrorNaming
  ) -> TaskReply {
    let result: JSON
    do throws(WireError) {
      result = try wire.result(response)
    } catch {
      return .failed(
        naming.client(
          "Unable to unmarshall response (\(error.description)). Response Code: \(response.status), "
            + "Response Text: \(HTTPStatusText.of(response.status))", attempts: 1))
    }
    if wire.isPlain { return .succeeded(result) }
    if let failure = rules?.failure?(result) { return .failed(failure) }
    return .succeeded(rules?.isBare == true ? result : withMetadata(result, response))
  }

  /// Adds what the first SDK tells of the response, in its place in the alphabet.
  private func withMetadata(_ result: JSON, _ response: HTTPClientResponse) -> JSON {
    var all: [(key: String, value: JSON)] = []
    for header in response.headers {
      let name = header.name
      if let index = all.firstIndex(where: { $0.key == name }) {
        all[index].value = JSON(all[index].value.elementList + [JSON(header.value)])
      } else {
        all.append((name, [JSON(header.value)]))
      }
    }
    let metadata: JSON = [
      "AllHttpHeaders": JSON(members: all),
      "HttpHeaders": JSON(members: all.map { ($0.key, $0.value[0] ?? .null) }),
      "HttpStatusCode": JSON(response.status),
    ]
    let id = AWSWire.requestID(response) ?? requestID()
    let members =
      result.memberList
      + [
        (key: "SdkHttpMetadata", value: metadata),
        (key: "SdkResponseMetadata", value: ["RequestId": JSON(id)]),
      ]
    return JSON(members: members.sorted { $0.key < $1.key })
  }
}

/// How a call's errors are called and told.
struct ErrorNaming: Sendable {
  private let wire: AWSWire
  private let prefix: String

  init(_ wire: AWSWire) {
    self.wire = wire
    prefix =
      wire.isPlain
      ? ServiceNames.errorPrefix(of: "aws-sdk:\(wire.service.name)") : wire.service.optimized?.prefix ?? ""
  }

  func service(_ error: ServiceError, attempts: Int) -> TaskFailure {
    if wire.isPlain {
      return ServiceNames.sdkFailure(
        prefix, error.name ?? error.code, error.message, status: error.status, requestID: error.requestID,
        extendedID: error.extendedID, attempts: attempts, modelled: wire.service.modelled)
    }
    return ServiceNames.optimizedFailure(
      prefix, client: wire.service.optimized?.client ?? "", error.code, name: error.name, error.message,
      status: error.status, requestID: error.requestID, modelled: wire.service.modelled)
  }

  /// The client found nobody, or did not understand what it heard.
  func client(_ text: String, attempts: Int) -> TaskFailure {
    TaskFailure(
      error: "\(prefix).SdkClientException",
      cause: wire.isPlain ? "\(text) (SDK Attempt Count: \(attempts))" : text)
  }
}

/// A result that is larger than results may be.
enum ResultLimit {
  static func failure(_ who: String) -> TaskFailure {
    TaskFailure(
      error: "States.DataLimitExceeded",
      cause: "The state/task '\(who)' returned a result with a size exceeding the maximum number of bytes "
        + "service limit.")
  }
}

/// Checks the request of an optimized integration.
enum RequestCheck {
  /// What is wrong with it, in the words of the service; nil: nothing.
  static func problem(_ input: JSON, _ members: [AWSOperation.Member]) -> String? {
    for given in input.memberList {
      guard let member = members.first(where: { $0.name == given.key }) else {
        return RequestRefusal.unknown(given.key)
      }
      if !given.value.isNull, !fits(given.value, member.kind) {
        return RequestRefusal.malformed(given.key)
      }
    }
    let missing = members.first { $0.isRequired && (input[$0.name] ?? .null).isNull }
    return missing.map { RequestRefusal.missing($0.name) }
  }

  private static func fits(_ value: JSON, _ kind: AWSOperation.Member.Kind) -> Bool {
    switch kind {
    case .text: value.kind == .string
    case .number: value.kind == .number
    case .flag: value.kind == .bool
    case .list: value.kind == .array
    case .object: value.kind == .object
    case .jsonText, .any: true
    }
  }

  /// JSON where a text belongs becomes its text; nulls are nothing.
  static func withTexts(_ input: JSON, _ members: [AWSOperation.Member]) -> JSON {
    let texts = Set(members.filter { if case .jsonText = $0.kind { true } else { false } }.map(\.name))
    return JSON(
      members: input.memberList.compactMap { member -> (key: String, value: JSON)? in
        if member.value.isNull { return nil }
        if texts.contains(member.key), member.value.kind != .string {
          return (member.key, JSON(member.value.text))
        }
        return member
      })
  }
}

/// The phrases of HTTP's statuses.
enum HTTPStatusText {
  private static let phrases: [Int: String] = [
    200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content",
    205: "Reset Content", 206: "Partial Content", 300: "Multiple Choices", 301: "Moved Permanently",
    302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
    413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
    416: "Requested Range Not Satisfiable", 417: "Expectation Failed", 422: "Unprocessable Entity",
    423: "Locked", 424: "Failed Dependency", 426: "Upgrade Required", 428: "Precondition Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported", 507: "Insufficient Storage",
    511: "Network Authentication Required",
  ]

  static func of(_ status: Int) -> String { phrases[status] ?? "" }
}
