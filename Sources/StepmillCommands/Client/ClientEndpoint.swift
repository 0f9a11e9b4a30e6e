import Stepmill
import StepmillIntegrations

/// Where a command's calls go, and in whose name.
struct ClientEndpoint: Sendable {
  let url: String
  /// The socket, for `unix:PATH`.
  let unixSocket: String?
  /// Where CloudWatch Logs is asked.
  let logsURL: String
  let region: String
  /// Certificates to trust instead of the system's.
  let authorities: String?
  let credentials: AWSCredentials
  /// Nobody said where: the command to start a server is what is missing, most likely.
  let isDefault: Bool

  static let options = [
    Command.Option(
      "--endpoint", "URL",
      help:
        "The server: http://HOST:PORT, https://HOST or unix:PATH. Without it: STEPMILL_ENDPOINT, "
        + "AWS_ENDPOINT_URL_SFN or AWS_ENDPOINT_URL, else http://127.0.0.1:8083."),
    Command.Option("--region", "NAME", help: "Without it: AWS_REGION or AWS_DEFAULT_REGION, else us-east-1."),
    Command.Option("--json", help: "Print the server's answers as they are."),
  ]

  static let section = Command.Section(
    title: "Server",
    text: """
      The server is Stepmill's ('stepmill serve') or anything else that speaks the API of AWS Step Functions.
      Requests are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or with "test" and
      "test", which a server without --credentials takes. AWS_CA_BUNDLE or SSL_CERT_FILE names a file of
      certificates to trust instead of the system's.
      """)

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    func variable(_ names: String...) -> (name: String, value: String)? {
      for name in names {
        if let value = terminal.environment[name], !value.isEmpty { return (name, value) }
      }
      return nil
    }
    let given = variable("STEPMILL_ENDPOINT", "AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL")
    var text = "http://127.0.0.1:8083"
    var place = ""
    if let option = arguments.value("--endpoint") {
      (text, place) = (option, "option '--endpoint'")
    } else if let given {
      (text, place) = (given.value, "the variable \(given.name)")
    }
    isDefault = place.isEmpty
    if text.hasPrefix("unix:"), text.utf8.count > 5 {
      unixSocket = String(text.dropFirst(5))
      url = "http://localhost/"
    } else if text.hasPrefix("http://") || text.hasPrefix("https://"), !text.hasSuffix("://") {
      unixSocket = nil
      url = text
    } else {
      throw CommandError("\(place) takes http://HOST:PORT, https://HOST or unix:PATH, not '\(text)'")
    }
    let region =
      arguments.value("--region") ?? variable("AWS_REGION", "AWS_DEFAULT_REGION")?.value ?? "us-east-1"
    guard ServeAccess.isRegion(region[...]) else {
      throw CommandError("a region is called like eu-central-1, not '\(SourceLines.readable(region))'")
    }
    self.region = region
    authorities = variable("AWS_CA_BUNDLE", "SSL_CERT_FILE")?.value
    // Stepmill answers for both services; AWS has a name for each.
    let isAWS = url.hasPrefix("https://states.") && url.contains(".amazonaws.com")
    logsURL =
      variable("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS")?.value
      ?? (isAWS ? "https://logs." + url.dropFirst("https://states.".count) : url)
    credentials = AWSCredentials(
      accessKey: variable("AWS_ACCESS_KEY_ID")?.value ?? "test",
      secretKey: variable("AWS_SECRET_ACCESS_KEY")?.value ?? "test",
      sessionToken: variable("AWS_SESSION_TOKEN")?.value)
  }

  /// As messages name it.
  var name: String { unixSocket.map { "unix:\($0)" } ?? url }

  /// The URL for an operation. AWS takes synchronous calls at a name of their own.
  func url(of operation: String) -> String {
    let isSynchronous = operation == "StartSyncExecution" || operation == "TestState"
    guard isSynchronous, url.hasPrefix("https://states."), url.contains(".amazonaws.com") else { return url }
    return "https://sync-" + url.dropFirst("https://".count)
  }
}
