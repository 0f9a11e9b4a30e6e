/// What a client sends.
package struct HTTPClientRequest: Sendable {
  package var method = "GET"
  /// `http` or `https`. The path goes out as it is written here.
  package var url: String
  /// Besides these go out `Host` and, with a body, `Content-Length`; nothing else.
  package var headers: [(name: String, value: String)] = []
  package var body: [UInt8] = []
  /// From the start to the last byte of the answer.
  package var timeoutMilliseconds = 60_000
  package var connectMilliseconds = 10_000
  /// Bytes of an answer's body; a larger one is an error.
  package var responseBytesMax = 8 << 20
  /// A Unix socket to connect to; the URL's host is then a name only.
  package var unixSocket: String?

  package init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// What a server answers. Any status is an answer: what 404 means is the caller's business.
package struct HTTPClientResponse: Sendable {
  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  /// The first field with this name, in whatever case.
  package func header(_ name: String) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
  }

  package var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer.
package struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Nobody listens there, or the network does not lead there.
    case notConnected
    case unknownHost
    case timedOut
    /// The certificate is not to be trusted, or no common protocol was found.
    case tls
    /// The connection broke before the answer was complete.
    case connectionLost
    case tooLarge
    case badRequest
    case cancelled
    case other
  }

  package let kind: Kind
  /// A sentence with the URL's host in it.
  package let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
