import Stepmill
import StepmillIntegrations
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Why a call gave nothing.
struct ClientFailure: Error {
  /// The exception's name, where the server has answered.
  let code: String?
  let message: String
  /// There was no answer at all.
  var isUnreachable = false

  var commandError: CommandError { CommandError(message, isAboutUsage: false, status: .failure) }
}

/// Calls the API, one call at a time, and waits for each answer. Belongs to one thread.
final class APIClient {
  let endpoint: ClientEndpoint
  private let runtime: Runtime
  private let http: HTTPClient
  private let loop: CommandLoop

  init(_ endpoint: ClientEndpoint) throws(CommandError) {
    self.endpoint = endpoint
    do throws(SystemError) {
      loop = try CommandLoop()
    } catch {
      throw CommandError("the system refuses: \(error)", isAboutUsage: false, status: .failure)
    }
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      configuration.loops = 1
      configuration.spins = 0
      runtime = try Runtime(configuration)
    } catch {
      loop.close()
      throw CommandError("the engine could not be started: \(error)", isAboutUsage: false, status: .failure)
    }
    var configuration = HTTPClient.Configuration()
    configuration.authorities = endpoint.authorities
    http = HTTPClient(on: runtime, configuration: configuration)
  }

  deinit {
    http.close()
    let over = AnswerSlot<Bool>()
    Task.detached { [runtime, loop] in
      await runtime.shutDown(waiting: .zero)
      loop.post { _ in over.value = true }
    }
    loop.run { over.value != nil }
    loop.close()
  }

  // MARK: Calls

  /// A service of AWS that a client may ask.
  enum Service: Sendable {
    case stepFunctions
    case logs
  }

  /// Calls an operation and waits for its answer.
  func call(
    _ operation: String, _ parameters: JSON = [:], of service: Service = .stepFunctions
  ) throws(ClientFailure) -> JSON {
    let (prefix, version, signingName) =
      switch service {
      case .stepFunctions: ("AWSStepFunctions", "1.0", "states")
      case .logs: ("Logs_20140328", "1.1", "logs")
      }
    var request = HTTPClientRequest(
      method: "POST", url: service == .logs ? endpoint.logsURL : endpoint.url(of: operation),
      headers: [
        (name: "Content-Type", value: "application/x-amz-json-\(version)"),
        (name: "X-Amz-Target", value: "\(prefix).\(operation)"),
      ], body: Array(parameters.utf8))
    request.unixSocket = endpoint.unixSocket
    // A synchronous execution may take five minutes, a poll for an activity's task one.
    request.timeoutMilliseconds = 330_000
    request.responseBytesMax = 64 << 20
    SignatureV4.sign(
      &request, credentials: endpoint.credentials, region: endpoint.region, service: signingName,
      second: Int64(time(nil)))
    let slot = AnswerSlot<Result<HTTPClientResponse, HTTPClientError>>()
    http.send(request) { [loop] result in loop.post { _ in slot.value = result } }
    loop.run { slot.value != nil }
    switch slot.value {
    case .success(let response): return try Self.body(of: response, operation)
    case .failure(let error): throw unreachable(error)
    case nil: preconditionFailure("BUG in Stepmill (please report): a wait ended before its answer")
    }
  }

  /// All pages of a listing; `key` is the member that holds the elements.
  func all(
    _ operation: String, _ parameters: [(String, JSON)], key: String, limit: Int = .max
  ) throws(ClientFailure) -> [JSON] {
    var elements: [JSON] = []
    var token: JSON?
    while true {
      var members = parameters + [("maxResults", JSON(min(1000, limit - elements.count)))]
      if let token { members.append(("nextToken", token)) }
      let page = try call(operation, JSON(object: members))
      elements += page[key]?.array.map { Array($0) } ?? []
      token = page["nextToken"]
      if token == nil || elements.count >= limit { return Array(elements.prefix(limit)) }
    }
  }

  func sleep(milliseconds: UInt64) { loop.sleep(milliseconds: milliseconds, unless: { false }) }

  /// Says what is to be said when somebody ends the command that waits, and ends it.
  func onInterrupt(_ terminal: Terminal, _ say: @escaping () -> Void) throws(CommandError) {
    guard terminal.takesSignals else { return }
    do throws(SystemError) {
      try loop.watch([SIGINT, SIGTERM])
    } catch {
      throw CommandError("the system refuses: \(error)", isAboutUsage: false, status: .failure)
    }
    loop.onSignal = { number in
      say()
      exit(ExitStatus.signalled(number).rawValue)
    }
  }

  // MARK: Answers

  private static func body(
    of response: HTTPClientResponse, _ operation: String
  ) throws(ClientFailure) -> JSON {
    let body = response.body.isEmpty ? [:] : try? JSON(parsing: response.body)
    if (200..<300).contains(response.status), let body, body.kind == .object { return body }
    guard let type = body?["__type"]?.string else {
      throw ClientFailure(
        code: nil,
        message:
          "\(operation) was answered with status \(response.status) and no JSON of AWS: is this the API of AWS?"
      )
    }
    let code = type.split(separator: "#").last.map(String.init) ?? type
    let text = body?["message"]?.string ?? body?["Message"]?.string
    throw ClientFailure(code: code, message: "\(code)" + (text.map { ": \($0)" } ?? ""))
  }

  private func unreachable(_ error: HTTPClientError) -> ClientFailure {
    guard error.kind == .notConnected else {
      let isThere = error.kind == .tooLarge || error.kind == .badRequest || error.kind == .tls
      return ClientFailure(code: nil, message: "\(endpoint.name): \(error)", isUnreachable: !isThere)
    }
    let way =
      endpoint.isDefault
      ? "start a server with 'stepmill serve', or say with --endpoint where one is"
      : "is the server running? 'stepmill serve' starts one"
    return ClientFailure(
      code: nil, message: "nobody answers at \(endpoint.name); \(way)", isUnreachable: true)
  }
}

/// Filled on the command's thread, and only carried by others.
private final class AnswerSlot<Value: Sendable>: @unchecked Sendable {
  var value: Value?
}

extension JSON {
  /// An object of these members, those left out that are nil.
  init(object members: [(String, JSON?)]) {
    self.init(members: members.compactMap { member in member.1.map { (key: member.0, value: $0) } })
  }
}
