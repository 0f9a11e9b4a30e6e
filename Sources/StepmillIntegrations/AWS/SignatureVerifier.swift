import Stepmill
import StepmillHTTP

/// Why a request's signature is refused, in AWS's words.
package struct SignatureError: Error, Hashable, Sendable {
  /// The name in `__type`, such as `InvalidSignatureException`.
  package let type: String
  package let message: String
  /// The protocols that write JSON answer all of these with 400.
  package var status: Int { 400 }
}

/// What a signature says about who signed, and for what.
package struct CredentialScope: Hashable, Sendable {
  package var accessKey: String
  /// "20150830".
  package var date: String
  package var region: String
  package var service: String

  /// From `KEY/DATE/REGION/SERVICE/aws4_request`.
  init(_ credential: Substring) throws(SignatureError) {
    let parts = credential.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 5 else {
      throw SignatureError(
        type: "IncompleteSignatureException",
        message:
          "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
          + " got '\(credential)'")
    }
    guard parts[4] == "aws4_request" else {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "Credential should be scoped with a valid terminator: 'aws4_request', not '\(parts[4])'.")
    }
    (accessKey, date, region, service) = (parts[0], parts[1], parts[2], parts[3])
  }

  /// What the request says, unchecked: in its header or its query. Nil for requests that are
  /// not signed, or not in this way.
  package init?(of request: HTTPRequest) {
    if let authorization = request.header("authorization") {
      self.init(authorization: authorization)
    } else {
      guard let parts = try? SignatureParts(request.target, []) else { return nil }
      self = parts.scope
    }
  }

  /// From an `Authorization` header, of which nothing else is looked at.
  package init?(authorization: String) {
    guard authorization.hasPrefix(SignatureV4.algorithm),
      let credential = authorization.firstRange(of: "Credential=")
    else { return nil }
    let text = authorization[credential.upperBound...].prefix { $0 != "," && $0 != " " }
    guard let scope = try? CredentialScope(text) else { return nil }
    self = scope
  }
}

/// Checks the signatures of requests. May be used from any thread.
package final class SignatureVerifier: Sendable {
  /// How far the client's clock may be off.
  private static let skewSeconds: Int64 = 300
  private static let presignedSecondsMax: Int64 = 604_800
  private static let keysMax = 1024

  private let secrets: [String: AWSCredentials]
  private let service: String?
  private let keys = Lock<[CredentialScope: [UInt8]]>([:])

  /// - Parameters:
  ///   - credentials: Those that may sign.
  ///   - service: What requests must be signed for, such as "states"; nil takes any.
  package init(_ credentials: [AWSCredentials], service: String? = nil) {
    secrets = Dictionary(credentials.map { ($0.accessKey, $0) }, uniquingKeysWith: { $1 })
    self.service = service
  }

  /// Throws what AWS would answer, or tells who has signed.
  ///
  /// - Parameter second: The time now, in seconds since 1970.
  package func verify(_ request: HTTPRequest, second: Int64) throws(SignatureError) -> CredentialScope {
    try unsafe verify(
      method: request.method, target: request.target, headers: request.headers, body: request.body,
      second: second)
  }

  package func verify(
    method: String, target: String, headers: [(name: String, value: String)], body: UnsafeRawBufferPointer,
    second: Int64
  ) throws(SignatureError) -> CredentialScope {
    let parts = try SignatureParts(target, headers)
    let scope = parts.scope
    guard let credentials = secrets[scope.accessKey], credentials.sessionToken == parts.token else {
      throw SignatureError(
        type: "UnrecognizedClientException", message: "The security token included in the request is invalid."
      )
    }
    try checkTime(parts, second)
    if let service, scope.service != service {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "Credential should be scoped to correct service: '\(service)'. ")
    }
    let payload = try unsafe payload(parts, headers, body)
    let canonical = SignatureV4.canonicalRequest(
      method: method, path: SignatureV4.canonicalPath(parts.url.path, service: scope.service),
      query: SignatureV4.canonicalQuery(
        parts.url.query, without: parts.isPresigned ? "X-Amz-Signature" : nil),
      headers: headers, names: parts.names, payload: payload)
    let wanted = SignatureV4.signature(
      canonical, stamp: parts.stamp, scope: "\(scope.date)/\(scope.region)/\(scope.service)/aws4_request",
      key: key(scope, credentials.secretKey))
    guard SHA256.isSame(wanted, parts.signature) else {
      throw SignatureError(
        type: "InvalidSignatureException",
        message:
          "The request signature we calculated does not match the signature you provided. Check your AWS "
          + "Secret Access Key and signing method. Consult the service documentation for details.")
    }
    return scope
  }

  private func checkTime(_ parts: SignatureParts, _ now: Int64) throws(SignatureError) {
    guard let signed = AWSTime.second(parts.stamp) else {
      throw SignatureError(
        type: "IncompleteSignatureException",
        message:
          "Date must be in ISO-8601 'basic format'. Got '\(parts.stamp)'. See http://en.wikipedia.org/wiki/ISO_8601"
      )
    }
    guard parts.stamp.hasPrefix(parts.scope.date) else {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
          + "'\(parts.scope.date)' != '\(parts.stamp.prefix(8))', from '\(parts.stamp)'.")
    }
    if let seconds = parts.expiresSeconds {
      guard seconds >= 1, seconds <= SignatureVerifier.presignedSecondsMax else {
        throw SignatureError(
          type: "InvalidSignatureException", message: "X-Amz-Expires must be between 1 and 604800 seconds")
      }
      if now > signed + seconds {
        throw SignatureError(
          type: "InvalidSignatureException",
          message:
            "Signature expired: \(AWSTime.text(signed + seconds)) is now earlier than \(AWSTime.text(now))")
      }
    } else if signed < now - SignatureVerifier.skewSeconds {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "Signature expired: \(parts.stamp) is now earlier than "
          + "\(AWSTime.text(now - SignatureVerifier.skewSeconds)) (\(AWSTime.text(now)) - 5 min.)")
    }
    if signed > now + SignatureVerifier.skewSeconds {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "Signature not yet current: \(parts.stamp) is still later than "
          + "\(AWSTime.text(now + SignatureVerifier.skewSeconds)) (\(AWSTime.text(now)) + 5 min.)")
    }
  }

  /// What stands for the body in the canonical request: its digest, unless the client says that
  /// it is not covered. A digest in a header is part of what was signed, and must be right.
  private func payload(
    _ parts: SignatureParts, _ headers: [(name: String, value: String)], _ body: UnsafeRawBufferPointer
  ) throws(SignatureError) -> String {
    if let said = headers.first(where: { $0.name.lowercased() == "x-amz-content-sha256" })?.value {
      if said == SignatureV4.unsignedPayload { return said }
      guard unsafe SHA256.hex(SHA256.hash(body)) == said.lowercased() else {
        throw SignatureError(
          type: "InvalidSignatureException",
          message: "The provided 'x-amz-content-sha256' header does not match what was computed.")
      }
      return said
    }
    if parts.isPresigned, parts.scope.service == "s3" { return SignatureV4.unsignedPayload }
    return unsafe SHA256.hex(SHA256.hash(body))
  }

  /// Keys hold for a day, and cost four HMACs.
  private func key(_ scope: CredentialScope, _ secret: String) -> [UInt8] {
    if let known = keys.withLock({ $0[scope] }) { return known }
    let key = SignatureV4.signingKey(secret, scope.date, scope.region, scope.service)
    keys.withLock { keys in
      if keys.count >= SignatureVerifier.keysMax { keys = [:] }
      keys[scope] = key
    }
    return key
  }
}

/// A signature as a request carries it: in its `Authorization` header, or in its query.
private struct SignatureParts {
  let url: SplitURL
  var scope: CredentialScope
  /// Names of the signed headers, in lower case, as they were signed.
  var names: [String] = []
  var signature = ""
  var stamp = ""
  var token: String?
  var isPresigned = false
  var expiresSeconds: Int64?

  init(_ target: String, _ headers: [(name: String, value: String)]) throws(SignatureError) {
    url = SplitURL(target.hasPrefix("/") ? "http://host\(target)" : target)
    let authorization = headers.first { $0.name.lowercased() == "authorization" }?.value
    let query = SignatureParts.query(url.query)
    if let authorization {
      scope = try SignatureParts.readHeader(authorization, headers, &names, &signature, &stamp)
      token = headers.first { $0.name.lowercased() == "x-amz-security-token" }?.value
    } else if query["X-Amz-Algorithm"] != nil {
      isPresigned = true
      scope = try SignatureParts.readQuery(query, &names, &signature, &stamp)
      token = query["X-Amz-Security-Token"]
      expiresSeconds = Int64(query["X-Amz-Expires"] ?? "") ?? 0
    } else {
      throw SignatureError(
        type: "MissingAuthenticationTokenException", message: "Missing Authentication Token")
    }
    guard names.contains("host") else {
      throw SignatureError(
        type: "InvalidSignatureException",
        message: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    }
  }

  private static func readHeader(
    _ authorization: String, _ headers: [(name: String, value: String)], _ names: inout [String],
    _ signature: inout String, _ stamp: inout String
  ) throws(SignatureError) -> CredentialScope {
    guard authorization.hasPrefix(SignatureV4.algorithm) else {
      throw SignatureError(
        type: "IncompleteSignatureException",
        message: "Unsupported AWS 'algorithm': '\(authorization.prefix { $0 != " " })'. ")
    }
    var values: [String: Substring] = [:]
    for part in authorization.dropFirst(SignatureV4.algorithm.count).split(separator: ",") {
      let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if pair.count == 2 { values[String(pair[0])] = pair[1] }
    }
    stamp =
      headers.first { $0.name.lowercased() == "x-amz-date" }?.value
      ?? headers.first { $0.name.lowercased() == "date" }?.value ?? ""
    var missing = ["Credential", "Signature", "SignedHeaders"].filter { values[$0, default: ""].isEmpty }
      .map { "Authorization header requires '\($0)' parameter." }
    if stamp.isEmpty {
      missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    }
    guard missing.isEmpty else {
      throw SignatureError(
        type: "IncompleteSignatureException",
        message: missing.joined(separator: " ") + " Authorization=\(SignatureV4.algorithm)")
    }
    names = values["SignedHeaders", default: ""].split(separator: ";").map { $0.lowercased() }
    signature = String(values["Signature", default: ""])
    return try CredentialScope(values["Credential", default: ""])
  }

  private static func readQuery(
    _ query: [String: String], _ names: inout [String], _ signature: inout String, _ stamp: inout String
  ) throws(SignatureError) -> CredentialScope {
    let needed = [
      "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date",
    ]
    let missing = needed.filter { query[$0, default: ""].isEmpty }
    guard missing.isEmpty, query["X-Amz-Algorithm"] == SignatureV4.algorithm else {
      throw SignatureError(
        type: "IncompleteSignatureException",
        message: missing.isEmpty
          ? "Unsupported AWS 'algorithm': '\(query["X-Amz-Algorithm", default: ""])'. "
          : missing.map { "AWS query-string parameters must include '\($0)'." }.joined(separator: " "))
    }
    names = query["X-Amz-SignedHeaders", default: ""].split(separator: ";").map { $0.lowercased() }
    signature = query["X-Amz-Signature", default: ""]
    stamp = query["X-Amz-Date", default: ""]
    return try CredentialScope(query["X-Amz-Credential", default: ""][...])
  }

  /// Names and values, with percent signs resolved.
  private static func query(_ text: Substring) -> [String: String] {
    var values: [String: String] = [:]
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      values[decoded(parts[0])] = parts.count > 1 ? decoded(parts[1]) : ""
    }
    return values
  }

  private static func decoded(_ text: Substring) -> String {
    guard text.contains("%") else { return String(text) }
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x25, index + 2 < bytes.count,
        let byte = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
      {
        result.append(byte)
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
