import Stepmill
import StepmillBatch
import StepmillHTTP
import StepmillIntegrations
import StepmillServer
import StepmillStore

/// What `stepmill serve` is told.
struct ServeSettings {
  var addresses: [HTTPAddress]
  var dataDirectory: String?
  var retention: Retention
  var region: String
  var account: String
  var loops: Int?
  var limits: ServeLimits
  var credentialsFile: String?
  var tls: (certificate: String, key: String)?
  var drainMilliseconds: UInt64
  var durability: Durability
  var integrations: IntegrationConfiguration
  var logsRequests: Bool
  /// Directories that stand for buckets.
  var buckets: BucketPlaces
  /// Where all of it stands.
  let source: SettingSource

  static let options: [Command.Option] = [
    Command.Option(
      "--listen", "ADDRESS", isRepeatable: true,
      help: "Where to listen: HOST:PORT or unix:PATH. Default: 127.0.0.1:8083; port 0 lets the system choose."
    ),
    Command.Option("--port", "N", help: "Short for --listen 127.0.0.1:N."),
    Command.Option("--data", "DIR", help: "Keep everything in this directory; without it, in memory only."),
    Command.Option(
      "--durability", "process|power",
      help: "What acknowledged changes survive: kill -9, or a loss of power too. Default: process."),
    Command.Option(
      "--retention-days", "N", help: "How long ended executions are kept. Default: 90."),
    Command.Option(
      "--retention-executions", "N", help: "How many ended executions are kept. Default: 1000000."),
    Command.Option(
      "--region", "NAME", help: "For clients that sign for none. Default: us-east-1."),
    Command.Option(
      "--account", "ID", help: "For access keys that are no account number. Default: 123456789012."),
    BucketOptions.option,
    Command.Option("--loops", "N", help: "Event loops, each on a thread. Default: one for each processor."),
    Command.Option(
      "--limit", "NAME=VALUE", isRepeatable: true, help: "Change a limit; 'Limits' lists them."),
    Command.Option(
      "--task", "NAME=COMMAND", isRepeatable: true,
      help: "A shell command for a function, a resource or a state: input on stdin, output on stdout."),
    Command.Option(
      "--function", "NAME=URL", isRepeatable: true, help: "A Lambda function behind a URL that takes a POST."),
    Command.Option(
      "--endpoint", "SERVICE=URL", isRepeatable: true,
      help:
        "Where a service of AWS is, such as sqs=http://127.0.0.1:5000; s3 for buckets that no --bucket names."
    ),
    Command.Option("--mocks", "FILE", help: "Canned answers for tasks, as in 'stepmill run --mocks'."),
    Command.Option(
      "--log-file", "FILE",
      help: "Where Express logs go that no endpoint takes, as lines of JSON."),
    Command.Option("--event-file", "FILE", help: "The same for events about executions."),
    Command.Option(
      "--credentials", "FILE",
      help: "Let in only requests signed with a key of this file, which is written like ~/.aws/credentials."),
    Command.Option("--tls-certificate", "FILE", help: "Serve HTTPS: the certificate and its chain, PEM."),
    Command.Option("--tls-key", "FILE", help: "The certificate's key, PEM."),
    Command.Option(
      "--drain", "SECONDS", help: "How long requests that are under way may take at the end. Default: 10."),
    Command.Option("--access-log", help: "Write a line of JSON for each request to standard error."),
    Command.Option("--config", "FILE", help: "Read settings from a file."),
  ]

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    let source = try SettingSource(arguments, Self.options, configuration: "--config", terminal)
    self.source = source
    addresses = try Self.addresses(source)
    dataDirectory = try source.value("--data")
    retention = Retention()
    if let days = try source.number("--retention-days", in: 0...36_500) { retention.seconds = days * 86_400 }
    if let count = try source.number("--retention-executions", in: 0...1_000_000_000) {
      retention.executionsMax = count
    }
    region = try source.value("--region") ?? "us-east-1"
    guard ServeAccess.isRegion(region[...]) else {
      throw CommandError("\(source.name("--region")) takes a region such as eu-central-1, not '\(region)'")
    }
    account = try source.value("--account") ?? "123456789012"
    guard ServeAccess.isAccount(account[...]) else {
      throw CommandError("\(source.name("--account")) takes twelve digits, not '\(account)'")
    }
    loops = try source.number("--loops", in: 1...1024)
    limits = try ServeLimits(source)
    credentialsFile = try source.value("--credentials")
    let files = (try source.value("--tls-certificate"), try source.value("--tls-key"))
    switch files {
    case (let certificate?, let key?): tls = (certificate, key)
    case (nil, nil): tls = nil
    default: throw CommandError("--tls-certificate and --tls-key belong together: one of them is missing")
    }
    drainMilliseconds = UInt64(try source.number("--drain", in: 0...86_400) ?? 10) * 1000
    logsRequests = try source.isSet("--access-log")
    durability = try Self.durability(source)
    integrations = try Self.integrations(source, terminal)
    integrations.region = try source.value("--region") ?? BucketOptions.region(terminal)
    buckets = BucketPlaces(
      directories: try BucketOptions.directories(
        source.values("--bucket").values, source.name("--bucket")))
    integrations.buckets = buckets.directories
  }

  private static func durability(_ source: SettingSource) throws(CommandError) -> Durability {
    guard let text = try source.value("--durability") else { return .process }
    guard let durability = Durability(rawValue: text) else {
      throw CommandError(
        "\(source.name("--durability")) takes process or power, not '\(text)'", isAboutUsage: false)
    }
    return durability
  }

  private static func integrations(
    _ source: SettingSource, _ terminal: Terminal
  ) throws(CommandError) -> IntegrationConfiguration {
    var result = IntegrationConfiguration(environment: terminal.environment)
    result.commands = try source.pairs("--task").map { NamedCommand(name: $0.key, line: $0.value) }
    result.functions = try source.pairs("--function").map { NamedFunction(name: $0.key, url: $0.value) }
    for (name, url) in try source.pairs("--endpoint") {
      guard BucketOptions.isURL(url) else {
        throw CommandError(
          "\(source.name("--endpoint")) takes SERVICE=URL with http:// or https://, not '\(name)=\(url)'",
          isAboutUsage: false)
      }
      result.endpoints[name] = url
    }
    if let path = try source.value("--mocks") {
      let text = try DefinitionFile.readData(path, terminal)
      do throws(MockError) {
        result.mocks = try MockTable(parsing: text)
      } catch {
        throw .data("\(path): \(error)")
      }
    }
    result.logFile = try source.value("--log-file")
    result.statusFile = try source.value("--event-file")
    result.commandErrors = { state, bytes in
      terminal.write("[\(state)] \(String(decoding: bytes, as: UTF8.self))", to: .error)
    }
    return result
  }

  private static func addresses(_ source: SettingSource) throws(CommandError) -> [HTTPAddress] {
    var addresses: [HTTPAddress] = []
    do throws(HTTPServerError) {
      for text in source.values("--listen").values { addresses.append(try HTTPAddress(text)) }
    } catch {
      throw CommandError("\(source.name("--listen")): \(error)", isAboutUsage: false)
    }
    if let port = try source.number("--port", in: 0...65_535) {
      addresses.append(.tcp(host: "127.0.0.1", port: UInt16(port)))
    }
    for (index, address) in addresses.enumerated() where addresses[..<index].contains(address) {
      // The system chooses another port each time.
      if case .tcp(_, 0) = address { continue }
      throw CommandError("the address \(address) is given twice", isAboutUsage: false)
    }
    // Sockets that systemd has opened stand in the place of those that nobody asked for.
    if addresses.isEmpty { addresses = HTTPAddress.fromSystemd() }
    return addresses.isEmpty ? [.tcp(host: "127.0.0.1", port: 8083)] : addresses
  }

  /// The files that lines are appended to, each with how messages name its setting.
  var lineFiles: [(option: String, path: String)] {
    let files = [("--log-file", integrations.logFile), ("--event-file", integrations.statusFile)]
    return files.compactMap { option, path in path.map { (option: source.name(option), path: $0) } }
  }

  /// What is in force, and where it comes from.
  var description: String {
    var rows: [(String, String, String)] = []
    for option in Self.options {
      let name = String(option.name.dropFirst(2))
      let (values, place) = source.values(option.name)
      if option.name == "--limit" {
        let given = Set(((try? source.pairs(option.name)) ?? []).map(\.key))
        for limit in limits.values {
          let place = given.contains(limit.name) ? place : .none
          rows.append((name, "\(limit.name)=\(limit.value)", place.description))
        }
        continue
      }
      let shown = place == .none ? standard(option.name) : values.map { $0.isEmpty ? "true" : $0 }
      let value = shown.joined(separator: ", ")
      rows.append((name, value.isEmpty ? "-" : value, place.description))
    }
    let width = rows.reduce(0) { max($0, $1.0.count) }
    let valueWidth = min(rows.reduce(0) { max($0, $1.1.count) }, 60)
    return rows.map { row in
      let name = row.0 + String(repeating: " ", count: width - row.0.count)
      let value = row.1 + String(repeating: " ", count: max(0, valueWidth - row.1.count))
      return "\(name)  \(value)  \(row.2)\n"
    }.joined()
  }

  /// What is in force for an option that nobody gave. Nothing: without it something is left out.
  private func standard(_ option: String) -> [String] {
    switch option {
    case "--listen": source.values("--port").values.isEmpty ? addresses.map(\.description) : []
    case "--durability": [durability.rawValue]
    case "--retention-days": [String(retention.seconds / 86_400)]
    case "--retention-executions": [String(retention.executionsMax)]
    case "--region": [region]
    case "--account": [account]
    case "--loops": [String(Runtime.Configuration().loops)]
    case "--drain": [String(drainMilliseconds / 1000)]
    case "--access-log": [String(logsRequests)]
    default: []
    }
  }
}

/// Limits by name. Without a word they are AWS's.
struct ServeLimits {
  var configuration = ServiceConfiguration()
  var http = HTTPLimits()
  var logBytes = 32 << 20

  private struct Row {
    let name: String
    let help: String
    let range: ClosedRange<Int>
    let set: (inout ServeLimits, Int) -> Void
    let value: (ServeLimits) -> Int?
  }

  private static func row(
    _ name: String, _ range: ClosedRange<Int>, _ help: String,
    _ path: WritableKeyPath<ServeLimits, Int>
  ) -> Row {
    Row(name: name, help: help, range: range) { limits, value in
      limits[keyPath: path] = value
    } value: {
      $0[keyPath: path]
    }
  }

  private static var rows: [Row] {
    [
      Row(name: "payload-bytes", help: "input and output of a state", range: 1024...1 << 30) {
        limits, value in
        limits.configuration.standardLimits.payloadBytesMax = value
        limits.configuration.expressLimits.payloadBytesMax = value
      } value: {
        $0.configuration.standardLimits.payloadBytesMax
      },
      Row(name: "history-events", help: "events of a Standard execution", range: 1...1 << 30) {
        limits, value in
        limits.configuration.standardLimits.historyEventsMax = value
      } value: {
        $0.configuration.standardLimits.historyEventsMax
      },
      Row(name: "express-seconds", help: "duration of an Express execution", range: 1...1 << 30) {
        limits, value in
        limits.configuration.expressLimits.executionSecondsMax = value
        limits.configuration.standardLimits.expressSecondsMax = value
      } value: {
        $0.configuration.expressLimits.executionSecondsMax
      },
      Row(name: "standard-seconds", help: "duration of a Standard execution", range: 1...1 << 31) {
        limits, value in
        limits.configuration.standardSecondsMax = value
        limits.configuration.standardLimits.executionSecondsMax = value
      } value: {
        $0.configuration.standardSecondsMax
      },
      Row(name: "map-concurrency", help: "iterations of an inline Map at once", range: 1...1 << 20) {
        limits, value in
        limits.configuration.standardLimits.mapConcurrencyMax = value
        limits.configuration.expressLimits.mapConcurrencyMax = value
      } value: {
        $0.configuration.standardLimits.mapConcurrencyMax
      },
      row(
        "open-executions", 1...100_000_000, "running executions of an account in a region",
        \.configuration.openExecutionsMax),
      row("state-machines", 1...10_000_000, "state machines", \.configuration.machinesMax),
      row("activities", 1...10_000_000, "activities", \.configuration.activitiesMax),
      row("versions", 1...1_000_000, "versions of a state machine", \.configuration.versionsMax),
      row("aliases", 1...100_000, "aliases of a state machine", \.configuration.aliasesMax),
      row(
        "activity-pollers", 1...1_000_000, "workers that wait for an activity's task",
        \.configuration.activityPollersMax),
      row(
        "redrive-seconds", 1...1 << 31, "how long after its end an execution can be redriven",
        \.configuration.redriveSeconds),
      row("connections", 1...1_000_000, "connections", \.http.connectionsMax),
      row("request-bytes", 1024...1 << 30, "the body of a request", \.http.bodyBytesMax),
      row("log-bytes", 0...1 << 40, "the newest log entries, kept in memory for readers", \.logBytes),
    ]
  }

  static var help: String {
    let defaults = ServeLimits()
    let width = rows.reduce(0) { max($0, $1.name.count) }
    return rows.map { row in
      let name = row.name + String(repeating: " ", count: width - row.name.count)
      return "\(name)  \(row.help) (\(row.value(defaults).map(String.init) ?? "unbounded"))"
    }.joined(separator: "\n")
  }

  /// What is in force.
  var values: [(name: String, value: String)] {
    Self.rows.map { (name: $0.name, value: $0.value(self).map(String.init) ?? "unbounded") }
  }

  private init() {}

  init(_ source: SettingSource) throws(CommandError) {
    let rows = Self.rows
    for (name, text) in try source.pairs("--limit") {
      guard let row = rows.first(where: { $0.name == name }) else {
        let near = Suggest.nearest(to: name, in: rows.map(\.name))
        throw CommandError(
          "there is no limit '\(name)'"
            + (near.map { "; did you mean '\($0)'?" } ?? "; see 'stepmill help serve'"),
          isAboutUsage: false)
      }
      guard let value = Int(text), row.range.contains(value) else {
        throw CommandError(
          "the limit '\(name)' is a whole number from \(row.range.lowerBound) to \(row.range.upperBound), not '\(text)'",
          isAboutUsage: false)
      }
      row.set(&self, value)
    }
  }
}
