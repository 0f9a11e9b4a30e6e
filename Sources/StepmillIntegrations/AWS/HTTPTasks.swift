import Stepmill
import StepmillHTTP
import StepmillTasks

// `http:invoke` against endpoints that need no connection: connections live in EventBridge,
// which is not here, so what they would add to a request is left out. The rest is as AWS has it:
// which headers are refused, how bodies and queries are encoded, what a bad status means.

struct HTTPTasks: TaskResolver {
  private let http: HTTPClient
  private let responseBytesMax: Int

  /// As long as AWS waits.
  private static let milliseconds = 60_000

  init(_ http: HTTPClient, responseBytesMax: Int) {
    self.http = http
    self.responseBytesMax = responseBytesMax
  }

  func service(for resource: TaskResourceName) -> TaskService? {
    guard resource.service == "http", resource.action == "invoke", resource.pattern == .requestResponse else {
      return nil
    }
    // The request is small, and on its way to a network: it may be made twice.
    let refusal: @Sendable (JSON) -> String? = { input in
      guard case .failure(let problem) = HTTPOrder(input, region: "").request() else { return nil }
      return problem.text
    }
    return TaskService(refusal: refusal) { run, reply in begin(run, reply) }
  }

  private func begin(_ run: TaskRun, _ reply: @escaping TaskService.Reply) {
    var request: HTTPClientRequest
    switch HTTPOrder(run.input, region: run.scope.region).request() {
    case .success(let made): request = made
    case .failure(let problem):
      return reply(.unusable(RequestRefusal.text(run.input, problem.text)))
    }
    request.timeoutMilliseconds = Self.milliseconds
    request.responseBytesMax = responseBytesMax
    let sent = http.send(request) { [request] result in
      run.trace?(TaskExchange(request, try? result.get()))
      switch result {
      case .success(let response): reply(Self.reply(response))
      case .failure(let error) where error.kind == .tooLarge: reply(.failed(ResultLimit.failure("http")))
      case .failure(let error):
        // AWS tells of everything that is wrong with a connection in this one name.
        reply(.failed(TaskFailure(error: "States.Http.Socket", cause: error.description)))
      }
    }
    run.whenAbandoned { sent.cancel() }
  }

  private static func reply(_ response: HTTPClientResponse) -> TaskReply {
    guard (200..<300).contains(response.status) else {
      return .failed(
        TaskFailure(
          error: "States.Http.StatusCode.\(response.status)", cause: HTTPStatusText.of(response.status)))
    }
    let type = response.header("content-type")?.split(separator: ";").first.map {
      $0.split(whereSeparator: \.isWhitespace).joined().lowercased()
    }
    if let type, isRefused(type) {
      return .unusable(
        "Unsupported response content-type '\(type)'. Please see documentation for list of unsupported "
          + "content-types.")
    }
    guard let text = String(validating: response.body, as: UTF8.self) else {
      return .unusable("The response's body is not encoded in UTF-8.")
    }
    var headers: [(key: String, value: JSON)] = []
    for header in response.headers {
      let name = header.name.lowercased()
      if let index = headers.firstIndex(where: { $0.key == name }) {
        headers[index].value = JSON(headers[index].value.elementList + [JSON(header.value)])
      } else {
        headers.append((name, [JSON(header.value)]))
      }
    }
    let isJSON = type.map { $0 == "application/json" || $0.hasSuffix("+json") } ?? false
    let body = isJSON ? (try? JSON(parsing: text)) ?? JSON(text) : JSON(text)
    return .succeeded([
      "Headers": JSON(members: headers), "ResponseBody": body, "StatusCode": JSON(response.status),
      "StatusText": JSON(HTTPStatusText.of(response.status)),
    ])
  }

  private static func isRefused(_ type: String) -> Bool {
    type == "application/octet-stream"
      || ["image/", "audio/", "video/"].contains { type.hasPrefix($0) }
  }
}

extension TaskExchange {
  fileprivate init(_ request: HTTPClientRequest, _ response: HTTPClientResponse?) {
    self.init(
      method: request.method, url: request.url,
      request: Message(headers: request.headers, body: request.body),
      response: response.map {
        ($0.status, HTTPStatusText.of($0.status), Message(headers: $0.headers, body: $0.body))
      })
  }
}

/// A request of `http:invoke`.
private struct HTTPOrder {
  struct Problem: Error {
    let text: String
  }

  private let input: JSON
  private let region: String

  init(_ input: JSON, region: String) {
    self.input = input
    self.region = region
  }

  private static let members = AWSOperation.members(
    "ApiEndpoint!=text Method!=text Authentication=object InvocationConfig=object Headers=object "
      + "QueryParameters=object RequestBody=any Transform=object")
  private static let methods: Set<String> = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
  private static let refusedPrefixes = ["x-forwarded", "x-amz", "x-amzn"]
  private static let refused: Set<String> = [
    "a-im", "accept-charset", "accept-datetime", "accept-encoding", "authorization", "cache-control",
    "connection", "content-encoding", "content-md5", "date", "expect", "forwarded", "from", "host",
    "http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "max-forwards", "origin", "pragma", "proxy-authorization", "referer", "server", "te", "trailer",
    "transfer-encoding", "upgrade", "via", "warning",
  ]

  func request() -> Result<HTTPClientRequest, Problem> {
    if let problem = RequestCheck.problem(input, Self.members) { return .failure(Problem(text: problem)) }
    let method = input["Method"]?.string ?? ""
    let url = input["ApiEndpoint"]?.string ?? ""
    guard Self.methods.contains(method) else { return invalid("Method") }
    guard url.hasPrefix("https://") || url.hasPrefix("http://") else { return invalid("ApiEndpoint") }
    var request = HTTPClientRequest(method: method, url: url)
    switch headers() {
    case .success(let made): request.headers = made
    case .failure(let problem): return .failure(problem)
    }
    guard addQuery(&request) else { return invalid("QueryParameters") }
    addBody(&request)
    for (name, value) in [
      ("User-Agent", "Amazon|StepFunctions|HttpInvoke|\(region)"), ("Range", "bytes=0-262144"),
    ] where !request.headers.contains(where: { $0.name.lowercased() == name.lowercased() }) {
      request.headers.append((name, value))
    }
    return .success(request)
  }

  private func invalid(_ field: String) -> Result<HTTPClientRequest, Problem> {
    .failure(Problem(text: RequestRefusal.malformed(field)))
  }

  private func headers() -> Result<[(name: String, value: String)], Problem> {
    var headers: [(name: String, value: String)] = []
    let given = input["Headers"]?.memberList ?? []
    let unsupported = given.map { $0.key.lowercased() }.filter { name in
      Self.refused.contains(name) || Self.refusedPrefixes.contains { name.hasPrefix($0) }
    }
    if !unsupported.isEmpty {
      return .failure(
        Problem(
          text: "The 'Headers' field contains unsupported values: [\(unsupported.joined(separator: ", "))]"))
    }
    for (name, value) in given {
      let values = value.array == nil ? [value] : value.elementList
      for each in values {
        guard let text = each.string else {
          return .failure(Problem(text: RequestRefusal.malformed("Headers")))
        }
        headers.append((name, text))
      }
    }
    return .success(headers)
  }

  /// The URL's own query, then the parameters. False: one of them is no text.
  private func addQuery(_ request: inout HTTPClientRequest) -> Bool {
    var pairs: [String] = []
    for (name, value) in input["QueryParameters"]?.memberList ?? [] {
      for each in value.array == nil ? [value] : value.elementList {
        guard each.kind != .object, each.kind != .array else { return false }
        pairs.append("\(PercentEncoding.text(name))=\(PercentEncoding.text(each.string ?? each.text))")
      }
    }
    guard !pairs.isEmpty else { return true }
    let fragment = request.url.firstIndex(of: "#") ?? request.url.endIndex
    var url = String(request.url[..<fragment])
    url += url.contains("?") ? (url.hasSuffix("?") || url.hasSuffix("&") ? "" : "&") : "?"
    request.url = url + pairs.joined(separator: "&")
    return true
  }

  private func addBody(_ request: inout HTTPClientRequest) {
    let transform = input["Transform"]
    let isForm = transform?["RequestBodyEncoding"]?.string == "URL_ENCODED"
    guard let body = input["RequestBody"], !body.isNull else { return }
    if isForm {
      let format = transform?["RequestEncodingOptions"]?["ArrayFormat"]?.string ?? "INDICES"
      var pairs: [String] = []
      for member in body.memberList { FormEncoding.add(member.key, member.value, format, to: &pairs) }
      request.body = Array(pairs.joined(separator: "&").utf8)
    } else {
      request.body = body.string.map { Array($0.utf8) } ?? body.utf8
    }
    if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
      request.headers.append(
        ("Content-Type", isForm ? "application/x-www-form-urlencoded" : "application/json; charset=UTF-8"))
    }
  }
}

/// JSON as a form, with the four ways to write arrays.
enum FormEncoding {
  static func add(_ name: String, _ value: JSON, _ format: String, to pairs: inout [String]) {
    func add(_ text: String) { pairs.append("\(PercentEncoding.text(name))=\(PercentEncoding.text(text))") }
    switch value.kind {
    case .object:
      for member in value.memberList { Self.add("\(name)[\(member.key)]", member.value, format, to: &pairs) }
    case .array where format == "COMMAS":
      add(value.elementList.map { $0.string ?? $0.text }.joined(separator: ","))
    case .array where format == "NONE":
      add(value.text)
    case .array:
      for (index, element) in value.elementList.enumerated() {
        let inside = format == "REPEAT" ? name : format == "BRACKETS" ? "\(name)[]" : "\(name)[\(index)]"
        Self.add(inside, element, format, to: &pairs)
      }
    case .null: add("")
    case .string: add(value.string ?? "")
    case .bool, .number: add(value.text)
    }
  }
}
