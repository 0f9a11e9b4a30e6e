import Stepmill
import StepmillHTTP
import StepmillIntegrations
import StepmillServer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Lets requests in: everybody's, for the account and the region that their signature names, or
/// only those whose signature is right.
struct ServeAccess: RequestAccess {
  private let region: String
  private let account: String
  private let verifier: SignatureVerifier?
  /// For clients of CloudWatch Logs.
  private let logVerifier: SignatureVerifier?

  init(_ settings: ServeSettings, _ terminal: Terminal) throws(CommandError) {
    region = settings.region
    account = settings.account
    guard let path = settings.credentialsFile else {
      verifier = nil
      logVerifier = nil
      return
    }
    let text = try DefinitionFile.readData(path, terminal)
    let credentials = try Self.credentials(text, path)
    verifier = SignatureVerifier(credentials, service: "states")
    logVerifier = SignatureVerifier(credentials, service: "logs")
  }

  var needsCredentialOnly: Bool { verifier == nil }

  func scope(of request: HTTPRequest) throws(AccessRefusal) -> Scope {
    let isForLogs = request.header("x-amz-target")?.hasPrefix("Logs_") ?? false
    guard let verifier = isForLogs ? logVerifier : verifier else {
      return scope(CredentialScope(of: request))
    }
    do throws(SignatureError) {
      return scope(try verifier.verify(request, second: Int64(time(nil))))
    } catch {
      throw AccessRefusal(type: error.type, message: error.message, status: error.status)
    }
  }

  private func scope(_ signed: CredentialScope?) -> Scope {
    guard let signed else { return Scope(region: region, account: account) }
    return Scope(
      region: Self.isRegion(signed.region[...]) ? signed.region : region,
      account: Self.isAccount(signed.accessKey[...]) ? signed.accessKey : account)
  }

  static func isAccount(_ text: Substring) -> Bool {
    text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  static func isRegion(_ text: Substring) -> Bool {
    (1...32).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }

  // MARK: The file

  /// Profiles with `aws_access_key_id`, `aws_secret_access_key` and perhaps `aws_session_token`.
  private static func credentials(_ text: [UInt8], _ path: String) throws(CommandError) -> [AWSCredentials] {
    var profiles: [[String: String]] = []
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = trimmed(line)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), line.hasSuffix("]") {
        profiles.append([:])
        continue
      }
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, !profiles.isEmpty else {
        throw .data("\(path):\(index + 1): a line is [PROFILE] or NAME = VALUE below one")
      }
      profiles[profiles.count - 1][String(trimmed(parts[0]))] = String(trimmed(parts[1]))
    }
    let keys = profiles.compactMap { profile -> AWSCredentials? in
      guard let key = profile["aws_access_key_id"], let secret = profile["aws_secret_access_key"] else {
        return nil
      }
      return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: profile["aws_session_token"])
    }
    guard !keys.isEmpty else {
      throw .data(
        "\(path) holds no profile with aws_access_key_id and aws_secret_access_key: nobody could get in")
    }
    return keys
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return text
  }
}
