import Stepmill

// The seam between the server and what answers: a handler gets requests, and a responder to
// answer each, now or later, from any thread.
//
// Who may touch what: `handle` is called on the thread of the connection's loop, several loops
// at once. The request is valid during the call only. A responder may be kept, sent to other
// threads and used from any; it hops to the loop itself. Of several answers the first counts.

/// Answers requests.
package protocol HTTPHandler: AnyObject, Sendable {
  /// Called with each request on the thread of its connection's loop, which must not be
  /// blocked. The answer may come during the call or later; until then the connection's
  /// further requests wait.
  func handle(_ request: HTTPRequest, respond: HTTPResponder)

  /// Called on the loop's thread before what was answered leaves: at the end of each turn, and
  /// more often if there is much.
  func turnEnds()

  /// The handler for the requests that come in on a loop, asked for once for each. What it
  /// keeps needs no lock as long as it is only touched in `handle`.
  func handler(on loop: TenantLoop) -> any HTTPHandler
}

extension HTTPHandler {
  package func turnEnds() {}
  package func handler(on loop: TenantLoop) -> any HTTPHandler { self }
}

/// Answers one request. A request that nobody answers is answered with 503 when
/// `HTTPLimits.answerMilliseconds` are over.
package struct HTTPResponder: @unchecked Sendable {
  // See the head of this file: whatever is not the loop's thread only posts to the loop.
  let connection: Connection
  let exchange: UInt32

  /// The loop whose thread the request came in on.
  package var loop: TenantLoop { connection.loop }

  /// Identifies the request among all of its connection.
  package var connectionNumber: UInt64 { connection.number }

  /// The client's address: "127.0.0.1:40312", "[::1]:40312", or "unix".
  package var remoteAddress: String { connection.remoteAddress }

  // MARK: Answering at once

  /// Answers with bytes that are copied before this returns.
  ///
  /// - Parameters:
  ///   - status: 200 to 599.
  ///   - fields: Header lines, each with its CR LF, that the caller vouches for. `Date`,
  ///     `Content-Length` and `Connection` are added.
  ///   - body: Left out of answers to HEAD, where its size counts.
  @inline(__always)
  package func send(status: Int, fields: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
    if _fastPath(connection.loop.isCurrent) {
      unsafe connection.answer(exchange, status: status, fields: fields, body: body)
    } else {
      unsafe sendFromAfar(status, Array(fields), Array(body))
    }
  }

  /// The same for fields that never change.
  @inline(__always)
  package func send(status: Int, fields: StaticString, body: UnsafeRawBufferPointer) {
    unsafe send(
      status: status,
      fields: UnsafeRawBufferPointer(start: fields.utf8Start, count: fields.utf8CodeUnitCount), body: body)
  }

  /// The same for those who are not in a hurry. Line ends in names or values are replaced by
  /// spaces, so that no value can begin a header of its own.
  package func send(
    status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    let fields = HTTPResponder.lines(headers)
    unsafe fields.withUnsafeBytes { fields in
      unsafe body.withUnsafeBytes { unsafe send(status: status, fields: fields, body: $0) }
    }
  }

  @inline(never)
  private func sendFromAfar(_ status: Int, _ fields: [UInt8], _ body: [UInt8]) {
    connection.loop.post(isHeardToTheEnd: true) { [self] in
      unsafe fields.withUnsafeBytes { fields in
        unsafe body.withUnsafeBytes {
          unsafe connection.answer(exchange, status: status, fields: fields, body: $0)
        }
      }
    }
  }

  static func lines(_ headers: [(name: String, value: String)]) -> [UInt8] {
    var lines: [UInt8] = []
    for header in headers {
      lines += header.name.utf8.map(oneLine)
      lines += [0x3A, 0x20]
      lines += header.value.utf8.map(oneLine)
      lines += [0x0D, 0x0A]
    }
    return lines
  }

  private static func oneLine(_ byte: UInt8) -> UInt8 { byte < 0x20 || byte == 0x7F ? 0x20 : byte }

  // MARK: Answering bit by bit

  /// Begins an answer whose body comes in parts, each sent at once: server-sent events, long
  /// lists. `closed` is called on the loop's thread if the client goes away before the end.
  package func stream(
    status: Int, headers: [(name: String, value: String)] = [],
    closed: @escaping @Sendable () -> Void = {}
  ) -> HTTPStream {
    let stream = HTTPStream(connection, exchange)
    let fields = HTTPResponder.lines(headers)
    onLoop { connection, exchange in
      connection.beginStream(exchange, status: status, fields: fields, closed: closed)
    }
    return stream
  }

  // MARK: Clients that go away

  /// Calls `body` on the loop's thread if the client is gone before the answer: for requests
  /// that wait long, and hold something that others could use. At most one such closure.
  package func whenAbandoned(_ body: @escaping @Sendable () -> Void) {
    onLoop { connection, exchange in connection.setAbandoned(exchange, body) }
  }

  private func onLoop(_ body: @escaping @Sendable (Connection, UInt32) -> Void) {
    if connection.loop.isCurrent { return body(connection, exchange) }
    connection.loop.post(isHeardToTheEnd: true) { [self] in body(connection, exchange) }
  }
}

/// The body of an answer, sent part by part, from any thread. What is written after the end, or
/// to a client that is gone, goes nowhere.
package final class HTTPStream: @unchecked Sendable {
  // Holds what a responder holds, under the same rule.
  private let connection: Connection
  private let exchange: UInt32

  init(_ connection: Connection, _ exchange: UInt32) {
    self.connection = connection
    self.exchange = exchange
  }

  package func write(_ bytes: [UInt8]) {
    onLoop { connection, exchange in connection.writeStream(exchange, bytes) }
  }

  package func write(_ text: String) { write(Array(text.utf8)) }

  /// One server-sent event.
  package func write(event: String? = nil, id: String? = nil, data: String) {
    var text = ""
    if let event { text += "event: \(event)\n" }
    if let id { text += "id: \(id)\n" }
    for line in data.split(separator: "\n", omittingEmptySubsequences: false) { text += "data: \(line)\n" }
    write(text + "\n")
  }

  package func end() {
    onLoop { connection, exchange in connection.endStream(exchange) }
  }

  /// Bytes that the client has not taken yet. On the loop's thread.
  package var bytesWaiting: Int { connection.bytesWaiting }

  private func onLoop(_ body: @escaping @Sendable (Connection, UInt32) -> Void) {
    if connection.loop.isCurrent { return body(connection, exchange) }
    connection.loop.post(isHeardToTheEnd: true) { [connection, exchange] in body(connection, exchange) }
  }
}
