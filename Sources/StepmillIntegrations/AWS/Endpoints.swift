import Stepmill

// Where services are, and who signs for them.
//
// What is said last counts: an endpoint given for a service, then `AWS_ENDPOINT_URL_<SERVICE>`,
// then `AWS_ENDPOINT_URL`. A service without any of them is not called: nothing here finds its
// way to AWS by itself.

/// An endpoint: a URL without a path's end.
struct Endpoint: Hashable, Sendable {
  /// "http://127.0.0.1:5000", perhaps with the beginning of a path.
  let base: String
  /// "127.0.0.1:5000"
  let authority: String

  init(_ url: String) {
    base = url.hasSuffix("/") ? String(url.dropLast()) : url
    authority = SplitURL(base).host
  }

  /// The name or the address, without the port.
  var host: String { Endpoint.host(authority) }

  static func host(_ authority: String) -> String {
    if authority.hasPrefix("[") { return String(authority.prefix { $0 != "]" }.dropFirst()) }
    return String(authority.prefix { $0 != ":" })
  }

  /// It is on this machine.
  var isLoopback: Bool { Endpoint.isLoopback(host) }

  static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host.hasSuffix(".localhost") || host.hasPrefix("127.") || host == "::1"
  }

  static func isAmazon(_ host: String) -> Bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].contains { host.hasSuffix($0) }
  }
}

struct Endpoints: Sendable {
  private let given: [String: Endpoint]
  private let environment: [String: String]
  /// Nil where nobody gave any.
  private let credentials: AWSCredentials?

  /// - Parameters:
  ///   - given: Services and URLs. A service may go by any of its names, in any case.
  ///   - environment: The standard variables.
  init(_ given: [String: String], environment: [String: String]) {
    self.given = Dictionary(given.map { ($0.key.lowercased(), Endpoint($0.value)) }) { $1 }
    let ignores = environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.lowercased() == "true"
    self.environment =
      ignores ? [:] : environment.filter { $0.key.hasPrefix("AWS_ENDPOINT_URL") && !$0.value.isEmpty }
    if let key = environment["AWS_ACCESS_KEY_ID"], !key.isEmpty,
      let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty
    {
      let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
      credentials = AWSCredentials(accessKey: key, secretKey: secret, sessionToken: token)
    } else {
      credentials = nil
    }
  }

  /// Where a service is; nil: nobody said.
  func endpoint(of service: AWSService) -> Endpoint? {
    endpoint(names: service.endpointNames, environmentName: service.environmentName)
  }

  func endpoint(names: Set<String>, environmentName: String) -> Endpoint? {
    if let name = names.sorted().first(where: { given[$0] != nil }) { return given[name] }
    return (environment["AWS_ENDPOINT_URL_\(environmentName)"] ?? environment["AWS_ENDPOINT_URL"]).map {
      Endpoint($0)
    }
  }

  /// Who signs a request to an endpoint. What is on this machine takes anybody's word.
  func credentials(for endpoint: Endpoint) -> AWSCredentials? {
    credentials ?? (endpoint.isLoopback ? Endpoints.nobody : nil)
  }

  /// Keys that are no secret.
  static let nobody = AWSCredentials(accessKey: "test", secretKey: "test")
}
