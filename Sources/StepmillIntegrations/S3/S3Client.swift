import Stepmill
import StepmillBatch
import StepmillTasks

// Calls of S3 for buckets: a signed request out, an answer or a `BucketError` back.
//
// Buckets are in the path, since an endpoint on this machine has no names for them. Attempts are
// repeated as for every other service, only more often: a batch that has run for an hour should
// not end because S3 wanted it slower for a moment.
//
// Who may touch what: a call may be begun, waited for and dropped on any thread.

struct S3Client: Sendable {
  struct Bounds: Sendable {
    /// What is asked for at once. Of an object that is read two of these are in memory: the one
    /// that is worked on and the one behind it.
    var rangeBytes = 2 << 20
    /// What is sent at once, which S3 wants to be 5 MiB at least. Of an object that is written
    /// two of these are in memory.
    var partBytes = 5 << 20
    var partsMax = 10_000
    /// Of a list or an error.
    var documentBytesMax = 8 << 20
    var attemptsMax = 6
  }

  let client: AWSClient
  let endpoint: Endpoint
  let region: String
  var bounds = Bounds()

  /// What to ask of a bucket.
  struct Request: Sendable {
    var method = "GET"
    var bucket: String
    var key: String?
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Of the answer.
    var bytesMax: Int?
    /// Its good status does not mean that it is good.
    var mayRefuseLate = false
  }

  private static let wire = AWSWire(service: S3Rows.service, operation: "", isPlain: true)

  /// Begins a call, which is cancelled when what this gives is dropped.
  func begin(_ request: Request) -> S3Call {
    let call = S3Call()
    call.begins(
      client.call(order(request)) { [reception = call.reception] in reception.settle(Self.result($0)) })
    return call
  }

  /// Makes a call, and waits.
  func call(_ request: Request) async throws(BucketError) -> HTTPClientResponse {
    try await begin(request).response()
  }

  /// Makes a call that goes on when nobody waits for it.
  func send(_ request: Request) { client.call(order(request)) { _ in } }

  private func order(_ request: Request) -> AWSClient.Order {
    var target = "/" + PercentEncoding.text(request.bucket)
    if let key = request.key { target += "/" + PercentEncoding.text(key, keepingSlashes: true) }
    if !request.query.isEmpty {
      target +=
        "?" + request.query.map { "\($0.name)=\(PercentEncoding.text($0.value))" }.joined(separator: "&")
    }
    var order = AWSClient.Order(
      endpoint: endpoint,
      request: WireRequest(
        method: request.method, target: target, headers: request.headers, body: request.body),
      region: region, signingName: "s3")
    order.responseBytesMax = (request.bytesMax ?? 0) + bounds.documentBytesMax
    order.attemptsMax = bounds.attemptsMax
    order.code = { S3Client.wire.error($0).code }
    if request.mayRefuseLate { order.isRefusal = { S3Client.isError($0) } }
    return order
  }

  private static func isError(_ response: HTTPClientResponse) -> Bool {
    (try? XMLReader.read(response.body))?.name == "Error"
  }

  // MARK: Errors

  private static func result(_ answer: AWSAnswer) -> Result<HTTPClientResponse, BucketError> {
    switch answer {
    case .answered(let response): .success(response)
    case .refused(let response, _): .failure(error(response))
    case .unreachable(let text, _): .failure(BucketError(.internalError, text, code: "SdkClientException"))
    case .tooLarge:
      .failure(BucketError(.internalError, "S3 sent more than was asked for", code: "SdkClientException"))
    }
  }

  /// S3's error as it tells it: its code, and its words.
  static func error(_ response: HTTPClientResponse) -> BucketError {
    let told = wire.error(response)
    let kind: BucketError.Kind
    switch (told.code, response.status) {
    case ("NoSuchBucket", _): kind = .noSuchBucket
    case ("NoSuchKey", _), ("NoSuchVersion", _), (nil, 404): kind = .noSuchKey
    case ("PreconditionFailed", _), (nil, 412): kind = .changed
    case ("SlowDown", _), (_, 503), (_, 429): kind = .slowDown
    case (_, 401), (_, 403): kind = .accessDenied
    case (_, 400..<500): kind = .invalidKey
    default: kind = .internalError
    }
    // A HEAD is answered without a body.
    let standard =
      switch kind {
      case .noSuchKey: "The specified key does not exist."
      case .noSuchBucket: "The specified bucket does not exist"
      case .accessDenied: "Access Denied"
      case .changed: "At least one of the pre-conditions you specified did not hold"
      case .slowDown: "Please reduce your request rate."
      case .invalidKey, .internalError:
        "S3 answered \(response.status) \(HTTPStatusText.of(response.status)) without saying why"
      }
    let message = told.message.flatMap { $0.isEmpty ? nil : $0 }
    let code = told.code ?? (kind == .invalidKey ? "\(response.status)" : nil)
    return BucketError(kind, message ?? standard, code: code)
  }

  /// What is there and makes no sense.
  static func nonsense(_ what: String) -> BucketError {
    BucketError(.internalError, "S3's answer cannot be understood: \(what)", code: "SdkClientException")
  }
}

/// A call of S3 under way. One task waits for its answer; dropped, it is cancelled.
final class S3Call: Sendable {
  /// Where the answer arrives. The call's completion holds it, and not the call itself.
  final class Reception: Sendable {
    private let state = Lock(State())

    private struct State {
      var result: Result<HTTPClientResponse, BucketError>?
      var waiter: CheckedContinuation<Result<HTTPClientResponse, BucketError>, Never>?
    }

    /// The first one counts.
    func settle(_ result: Result<HTTPClientResponse, BucketError>) {
      let waiter = state.withLock { state in
        if state.result == nil { state.result = result }
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: result)
    }

    fileprivate func wait(_ continuation: CheckedContinuation<Result<HTTPClientResponse, BucketError>, Never>)
    {
      let result = state.withLock { state in
        if state.result == nil { state.waiter = continuation }
        return state.result
      }
      if let result { continuation.resume(returning: result) }
    }
  }

  let reception = Reception()
  private let transfer = Lock<AWSCall?>(nil)

  fileprivate func begins(_ call: AWSCall) { transfer.withLock { $0 = call } }

  deinit { transfer.withLock { $0 }?.cancel() }

  func response() async throws(BucketError) -> HTTPClientResponse {
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { reception.wait($0) }
    } onCancel: {
      cancel()
    }
    return try result.get()
  }

  private func cancel() {
    transfer.withLock { $0 }?.cancel()
    reception.settle(.failure(BucketError(.internalError, "the call was given up", code: "RequestAborted")))
  }
}
