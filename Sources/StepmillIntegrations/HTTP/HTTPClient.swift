import CCurl
import Stepmill

// HTTP requests to other services, on the loops of a runtime, by libcurl.
//
// Each loop has a curl "multi" of its own, with its own connections; nothing is shared between
// threads. What happens inside is in `ClientLoop`.
//
// Who may touch what: `send`, `cancel` and `close` may be called from any thread, and hop to the
// loop where they are not on it. Completions are called on the loop's thread, never before `send`
// has returned there, and exactly once. (Only when the loop has ended is it whichever thread
// finds that out.)

/// Sends HTTP requests. Make one for each runtime, and close it before the runtime ends.
///
/// ```swift
/// let client = HTTPClient(on: runtime)
/// client.send(HTTPClientRequest(method: "POST", url: "http://127.0.0.1:9001/invoke", body: payload)) { result in
///   …
/// }
/// ```
package final class HTTPClient: Sendable {
  package struct Configuration: Sendable {
    /// Connections of a loop to one host and port; further requests wait for one.
    package var connectionsPerHostMax = 64
    /// Connections of a loop altogether that are kept for the next request.
    package var connectionsKeptMax = 128
    /// A PEM file of certificates to trust instead of the system's.
    package var authorities: String?

    package init() {}
  }

  private let loops: [ClientLoop]

  package init(on runtime: Runtime, configuration: Configuration = Configuration()) {
    _ = HTTPClient.libraryIsReady
    loops = runtime.tenantLoops.map { ClientLoop($0, configuration) }
  }

  /// libcurl wants to be set up once for each process, before anything else.
  private static let libraryIsReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Sends a request.
  ///
  /// - Parameters:
  ///   - loop: Where `done` is called; nil takes the calling thread's loop, or any.
  ///   - done: Gets the answer, or why there is none.
  @discardableResult
  package func send(
    _ request: HTTPClientRequest, on loop: TenantLoop? = nil,
    done: @escaping @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void
  ) -> HTTPCall {
    let place =
      loops.first { loop == nil ? $0.loop.isCurrent : $0.loop == loop }
      ?? loops[Int.random(in: 0..<loops.count)]
    let call = HTTPCall(place, request, done)
    if place.loop.isCurrent {
      place.begin(call)
    } else {
      // A loop that has ended drops this, and the call says so when it goes.
      place.loop.post(isHeardToTheEnd: true) { place.begin(call) }
    }
    return call
  }

  /// Cancels what is under way and closes all connections. Later requests are refused.
  package func close() {
    for place in loops { place.loop.post(isHeardToTheEnd: true) { place.loopEnds() } }
  }
}

/// A request that was sent, to be cancelled.
package final class HTTPCall: @unchecked Sendable {
  // `place` and `request` never change. The rest belongs to the loop's thread.
  private let place: ClientLoop
  let request: HTTPClientRequest
  private var done: (@Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void)?
  /// While curl works on it.
  var transfer: Transfer?

  init(
    _ place: ClientLoop, _ request: HTTPClientRequest,
    _ done: @escaping @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void
  ) {
    self.place = place
    self.request = request
    self.done = done
  }

  deinit {
    done?(.failure(HTTPClientError(.cancelled, "the runtime has ended before the request was sent.")))
  }

  /// Gives the request up. Its completion is told, unless it has been called already.
  package func cancel() {
    if place.loop.isCurrent {
      place.cancel(self)
    } else {
      place.loop.post(isHeardToTheEnd: true) { [self] in place.cancel(self) }
    }
  }

  var isDone: Bool { done == nil }

  func finish(_ result: Result<HTTPClientResponse, HTTPClientError>) {
    let done = self.done
    self.done = nil
    transfer = nil
    done?(result)
  }
}
