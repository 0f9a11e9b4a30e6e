import Stepmill
import StepmillTasks

// A call to a service as an SDK makes it: signed, and tried again where that may help.
//
// An attempt that found nobody, lost its connection or timed out is repeated, and so is one that
// was answered with 429, a 5xx or an error that says "not so fast"; three times altogether. The
// wait in between is drawn from twice as long a span each time, up to twenty seconds. What was
// not understood, or too large, is not asked for again.
//
// Who may touch what: `call` may be made on any thread; answers come on a loop's. A call's own
// state is behind its lock.

/// How a call ended.
enum AWSAnswer: Sendable {
  case answered(HTTPClientResponse)
  /// With an error, after so many attempts.
  case refused(HTTPClientResponse, attempts: Int)
  /// There was no answer: what the SDKs' exception says.
  case unreachable(String, attempts: Int)
  /// The answer is larger than a task's result may be.
  case tooLarge
}

final class AWSClient: Sendable {
  /// How long is waited for what, and how often.
  struct Patience: Sendable {
    var attemptsMax = 3
    var connectMilliseconds = 10_000
    var totalMilliseconds = 60_000
    /// The first wait before another attempt is drawn from 0 to this.
    var backOffMilliseconds = 100
    var throttledMilliseconds = 500
    var backOffMillisecondsMax = 20_000
  }

  let http: HTTPClient
  let endpoints: Endpoints
  /// A runtime may hold what calls through this client; so this does not hold the runtime.
  private weak let host: (any ExecutionHost)?
  private let patience: Patience
  private let responseBytesMax: Int

  init(
    _ http: HTTPClient, on host: any ExecutionHost, endpoints: Endpoints, patience: Patience,
    responseBytesMax: Int
  ) {
    self.http = http
    self.host = host
    self.endpoints = endpoints
    self.patience = patience
    self.responseBytesMax = responseBytesMax
  }

  /// A call to make.
  struct Order: Sendable {
    var endpoint: Endpoint
    var request: WireRequest
    var region: String
    var signingName: String
    /// A host that a request named, and nobody who set this up: our keys are not for it.
    var isForeign = false
    /// Another attempt does no harm where the first may have been served.
    var isRepeatable = true
    var totalMilliseconds: Int?
    /// Instead of the client's own bounds.
    var responseBytesMax: Int?
    var attemptsMax: Int?
    /// A good status that tells of an error all the same, which another attempt may mend.
    var isRefusal: @Sendable (HTTPClientResponse) -> Bool = { _ in false }
    /// Reads the code of an error, to see whether it says "not so fast".
    var code: @Sendable (HTTPClientResponse) -> String? = { _ in nil }
  }

  /// Makes a call. Gives what cancels it.
  @discardableResult
  func call(_ order: Order, answer: @escaping @Sendable (AWSAnswer) -> Void) -> AWSCall {
    let call = AWSCall(answer)
    guard
      let credentials = order.isForeign
        ? Endpoints.nobody : endpoints.credentials(for: order.endpoint)
    else {
      call.finish(
        .unreachable("Unable to load AWS credentials from any provider in the chain", attempts: 1))
      return call
    }
    attempt(1, order, credentials, call)
    return call
  }

  private static let closed = "Unable to execute HTTP request: the client has been closed"

  private func attempt(_ number: Int, _ order: Order, _ credentials: AWSCredentials, _ call: AWSCall) {
    guard let host else { return call.finish(.unreachable(Self.closed, attempts: number)) }
    var request = HTTPClientRequest(
      method: order.request.method, url: order.endpoint.base + order.request.target,
      headers: order.request.headers, body: order.request.body)
    request.connectMilliseconds = patience.connectMilliseconds
    request.timeoutMilliseconds = order.totalMilliseconds ?? patience.totalMilliseconds
    request.responseBytesMax = order.responseBytesMax ?? responseBytesMax
    let attemptsMax = order.attemptsMax ?? patience.attemptsMax
    SignatureV4.sign(
      &request, credentials: credentials, region: order.region, service: order.signingName,
      second: host.wallMilliseconds / 1000)
    call.begins {
      http.send(request) { [self] result in
        switch result {
        case .success(let response)
        where (200..<300).contains(response.status) && !order.isRefusal(response):
          call.finish(.answered(response))
        case .success(let response):
          let isThrottled = AWSClient.isThrottled(response.status, order.code(response))
          let isPassing = isThrottled || response.status >= 500 || response.status < 300
          if isPassing, number < attemptsMax {
            return again(number, order, credentials, call, isThrottled: isThrottled)
          }
          call.finish(.refused(response, attempts: number))
        case .failure(let error) where error.kind == .tooLarge: call.finish(.tooLarge)
        case .failure(let error):
          if AWSClient.mayHelp(error.kind, order.isRepeatable), number < attemptsMax {
            return again(number, order, credentials, call, isThrottled: false)
          }
          let text = ClientText.of(error, order.endpoint)
          call.finish(.unreachable("Unable to execute HTTP request: \(text)", attempts: number))
        }
      }
    }
  }

  private func again(
    _ number: Int, _ order: Order, _ credentials: AWSCredentials, _ call: AWSCall, isThrottled: Bool
  ) {
    guard !call.isOver else { return }
    guard let host else { return call.finish(.unreachable(Self.closed, attempts: number)) }
    let base = isThrottled ? patience.throttledMilliseconds : patience.backOffMilliseconds
    let span = min(base << (number - 1), patience.backOffMillisecondsMax)
    let next = NextAttempt(call)
    host.after(milliseconds: UInt64(Int.random(in: 0...span))) { [self] in
      next.begins()
      if !call.isOver { attempt(number + 1, order, credentials, call) }
    }
  }

  /// An attempt that is waited for. A runtime that ends drops it, and the call ends with it.
  private final class NextAttempt: Sendable {
    private let call: Lock<AWSCall?>
    init(_ call: AWSCall) { self.call = Lock(call) }

    func begins() { call.withLock { $0 = nil } }

    deinit {
      call.withLock { $0 }?.finish(.unreachable(AWSClient.closed, attempts: 1))
    }
  }

  // MARK: What may help

  private static func mayHelp(_ kind: HTTPClientError.Kind, _ isRepeatable: Bool) -> Bool {
    switch kind {
    case .notConnected, .unknownHost: true
    case .connectionLost, .timedOut: isRepeatable
    case .tls, .tooLarge, .badRequest, .cancelled, .other: false
    }
  }

  private static let throttles: Set<String> = [
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "TransactionInProgressException",
  ]

  private static func isThrottled(_ status: Int, _ code: String?) -> Bool {
    status == 429 || code.map { throttles.contains($0) } ?? false
  }
}

/// A call under way.
final class AWSCall: Sendable {
  private let state: Lock<State>

  private struct State {
    var answer: (@Sendable (AWSAnswer) -> Void)?
    var transfer: HTTPCall?
  }

  fileprivate init(_ answer: @escaping @Sendable (AWSAnswer) -> Void) {
    state = Lock(State(answer: answer))
  }

  /// Nobody is to be told anything any more.
  var isOver: Bool { state.withLock { $0.answer == nil } }

  fileprivate func begins(_ send: () -> HTTPCall) {
    guard !isOver else { return }
    let transfer = send()
    // An answer does not come before `send` is over, but may come on another thread before this.
    let isLate = state.withLock { state in
      if state.answer != nil { state.transfer = transfer }
      return state.answer == nil
    }
    if isLate { transfer.cancel() }
  }

  fileprivate func finish(_ answer: AWSAnswer) {
    let told = state.withLock { state in
      defer { state = State() }
      return state.answer
    }
    told?(answer)
  }

  /// Gives the call up; nobody is told.
  func cancel() {
    let transfer = state.withLock { state in
      defer { state = State() }
      return state.transfer
    }
    transfer?.cancel()
  }
}

/// What went wrong on the way, in the words of the SDKs.
enum ClientText {
  static func of(_ error: HTTPClientError, _ endpoint: Endpoint) -> String {
    switch error.kind {
    case .unknownHost: "\(endpoint.host): Name or service not known"
    case .notConnected: "Connect to \(place(endpoint)) failed: Connection refused (Connection refused)"
    case .timedOut where isConnecting(error.description):
      "Connect to \(place(endpoint)) failed: connect timed out"
    case .timedOut: "Read timed out"
    case .connectionLost: "\(endpoint.authority) failed to respond"
    case .tls, .tooLarge, .badRequest, .cancelled, .other: error.description
    }
  }

  /// libcurl has one code for both.
  private static func isConnecting(_ text: String) -> Bool {
    text.contains("Connection timed out") || text.contains("Connection timeout")
      || text.contains("Failed to connect")
  }

  /// "localhost:5000 [localhost/127.0.0.1]", as Java shows a host and its address.
  private static func place(_ endpoint: Endpoint) -> String {
    let host = endpoint.host
    let authority = endpoint.authority
    let port =
      authority.hasSuffix("]") || !authority.contains(":")
      ? authority + (endpoint.base.hasPrefix("https") ? ":443" : ":80") : authority
    if host == "localhost" { return "\(port) [localhost/127.0.0.1]" }
    let isAddress = host.allSatisfy { $0.isHexDigit || $0 == "." || $0 == ":" }
    return isAddress ? "\(port) [/\(host)]" : port
  }
}
