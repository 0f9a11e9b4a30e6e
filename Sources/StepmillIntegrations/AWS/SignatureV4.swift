import StepmillHTTP

// AWS Signature Version 4: what is signed, and with what.
//
// A signature covers a canonical form of the request: method, path, query, the headers that it
// names, and a digest of the body. Its key is derived from the secret for one day, one region
// and one service. The forms follow botocore, which is what most clients sign with: paths are
// encoded once more for every service but S3, queries are sorted and otherwise left as they
// are, white space in header values counts once.
//
// `SignatureVerifier` is the other side.

/// Who signs.
package struct AWSCredentials: Sendable, Hashable {
  package var accessKey: String
  package var secretKey: String
  /// Of temporary credentials.
  package var sessionToken: String?

  package init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken
  }
}

package enum SignatureV4 {
  static let algorithm = "AWS4-HMAC-SHA256"
  package static let unsignedPayload = "UNSIGNED-PAYLOAD"

  /// Headers that proxies change, or that are added after signing.
  private static let unsignedHeaders: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  // MARK: Signing

  /// Adds `X-Amz-Date`, `X-Amz-Security-Token` where there is one, `X-Amz-Content-SHA256` for S3,
  /// and `Authorization` to the request's headers.
  ///
  /// - Parameters:
  ///   - second: The time of signing, in seconds since 1970.
  ///   - signsPayload: Without it the body is not covered; S3 over TLS allows that.
  package static func sign(
    _ request: inout HTTPClientRequest, credentials: AWSCredentials, region: String, service: String,
    second: Int64, signsPayload: Bool = true
  ) {
    let url = SplitURL(request.url)
    let stamp = AWSTime.text(second)
    let payload = signsPayload ? SHA256.hex(SHA256.hash(request.body)) : unsignedPayload
    let ours: Set<String> = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"]
    request.headers.removeAll { ours.contains($0.name.lowercased()) }
    request.headers.append((name: "X-Amz-Date", value: stamp))
    if service == "s3" || !signsPayload {
      request.headers.append((name: "X-Amz-Content-SHA256", value: payload))
    }
    if let token = credentials.sessionToken {
      request.headers.append((name: "X-Amz-Security-Token", value: token))
    }

    var signed = request.headers.filter { !unsignedHeaders.contains($0.name.lowercased()) }
    if !signed.contains(where: { $0.name.lowercased() == "host" }) {
      signed.append((name: "Host", value: url.host))
    }
    let names = Set(signed.map { $0.name.lowercased() }).sorted()
    let canonical = canonicalRequest(
      method: request.method, path: canonicalPath(url.path, service: service),
      query: canonicalQuery(url.query),
      headers: signed, names: names, payload: payload)
    let scope = "\(stamp.prefix(8))/\(region)/\(service)/aws4_request"
    let key = signingKey(credentials.secretKey, String(stamp.prefix(8)), region, service)
    let signature = signature(canonical, stamp: stamp, scope: scope, key: key)
    request.headers.append(
      (
        name: "Authorization",
        value: "\(algorithm) Credential=\(credentials.accessKey)/\(scope), "
          + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
      ))
  }

  // MARK: Steps that both sides take

  static func canonicalRequest(
    method: String, path: String, query: String, headers: [(name: String, value: String)], names: [String],
    payload: String
  ) -> String {
    var text = "\(method)\n\(path)\n\(query)\n"
    for name in names {
      let values = headers.filter { $0.name.lowercased() == name }.map { collapsed($0.value) }
      text += "\(name):\(values.joined(separator: ","))\n"
    }
    return text + "\n\(names.joined(separator: ";"))\n\(payload)"
  }

  static func signature(_ canonical: String, stamp: String, scope: String, key: [UInt8]) -> String {
    let digest = SHA256.hex(SHA256.hash(Array(canonical.utf8)))
    let text = "\(algorithm)\n\(stamp)\n\(scope)\n\(digest)"
    return SHA256.hex(SHA256.hmac(key: key, Array(text.utf8)))
  }

  static func signingKey(_ secret: String, _ date: String, _ region: String, _ service: String) -> [UInt8] {
    var key = Array("AWS4\(secret)".utf8)
    for part in [date, region, service, "aws4_request"] { key = SHA256.hmac(key: key, Array(part.utf8)) }
    return key
  }

  /// White space around a value goes, and inside of it counts once.
  static func collapsed(_ value: String) -> String {
    value.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// S3's keys may have any segments; elsewhere "." and ".." and empty ones are resolved, and the
  /// path, encoded as it is, is encoded once more.
  static func canonicalPath(_ path: String, service: String) -> String {
    if service == "s3" { return path.isEmpty ? "/" : path }
    guard !path.isEmpty else { return "/" }
    var segments: [Substring] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: true) where segment != "." {
      if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
    }
    let last = path.hasSuffix("/") && !segments.isEmpty ? "/" : ""
    return (path.hasPrefix("/") ? "/" : "") + segments.map { encoded($0) }.joined(separator: "/") + last
  }

  /// Sorted by name, then by value, byte by byte; a name alone gets an equals sign.
  static func canonicalQuery(_ query: Substring, without left: String? = nil) -> String {
    query.split(separator: "&", omittingEmptySubsequences: true)
      .map { pair -> (name: [UInt8], value: [UInt8]) in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (Array(parts[0].utf8), parts.count > 1 ? Array(parts[1].utf8) : [])
      }
      .filter { left == nil || String(decoding: $0.name, as: UTF8.self) != left }
      .sorted { one, other in
        one.name == other.name
          ? one.value.lexicographicallyPrecedes(other.value) : one.name.lexicographicallyPrecedes(other.name)
      }
      .map { String(decoding: $0.name + [0x3D] + $0.value, as: UTF8.self) }
      .joined(separator: "&")
  }

  private static func encoded(_ segment: Substring) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in segment.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: text.append(byte)
      default: text += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// A URL's parts, as far as signing needs them.
struct SplitURL {
  /// With the port, unless it is the scheme's own.
  var host: String
  var path: String
  var query: Substring

  init(_ url: String) {
    var rest = url[...]
    var isSecure = false
    if let scheme = rest.firstRange(of: "://") {
      isSecure = rest[..<scheme.lowerBound].lowercased() == "https"
      rest = rest[scheme.upperBound...]
    }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    var host = rest[..<end].lowercased()
    if let user = host.lastIndex(of: "@") { host = String(host[host.index(after: user)...]) }
    for port in [isSecure ? ":443" : ":80"] where host.hasSuffix(port) { host.removeLast(port.count) }
    self.host = host
    let question = rest[end...].firstIndex(of: "?")
    path = String(rest[end..<(question ?? rest.endIndex)])
    query = question.map { rest[rest.index(after: $0)...] } ?? ""
  }
}

/// Points in time as AWS writes them: "20150830T123600Z".
package enum AWSTime {
  package static func text(_ second: Int64) -> String {
    let (year, month, day) = HTTPDate.civil(Int(second / 86_400))
    let time = Int(second % 86_400)
    return "\(padded(year, 4))\(padded(month))\(padded(day))T\(padded(time / 3600))\(padded(time / 60 % 60))"
      + "\(padded(time % 60))Z"
  }

  private static func padded(_ number: Int, _ width: Int = 2) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(width - text.count, 0)) + text
  }

  /// Seconds since 1970; nil if it is no such text.
  package static func second(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == 0x54, bytes[15] == 0x5A else { return nil }
    func number(_ range: Range<Int>) -> Int? {
      guard bytes[range].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
      return bytes[range].reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8),
      let hour = number(9..<11),
      let minute = number(11..<13), let second = number(13..<15), year >= 1970, (1...12).contains(month),
      (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    // Howard Hinnant's `days_from_civil`: years begin in March.
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
  }
}
