import Stepmill

extension Command {
  static let logs = Command(
    name: "logs", summary: "Show what a server's executions have logged.",
    operands: [
      Operand(
        name: "MACHINE", help: "a state machine's name or ARN, or an execution's ARN; without it: all",
        isOptional: true)
    ],
    options: [
      Option("--follow", help: "Go on with what comes, until Ctrl-C."),
      Option(
        "--since", "TIME",
        help: "How far back: 90s, 15m, 2h, or a time such as 2026-01-31T10:00:00Z. Without it: everything."),
      Option(
        "--filter", "PATTERN",
        help: "Only entries with these terms, as 'aws logs' takes them: Failed -Lambda."),
      Option(
        "--log-group", "NAME", help: "A log group, in the place of the one that the state machine names."),
      Option("--limit", "N", help: "At most the last so many. Without it: 1000."),
    ] + ClientEndpoint.options,
    notes: [
      ClientEndpoint.section,
      Section(
        title: "What is logged",
        text: """
          A state machine's logging level decides it: 'stepmill deploy FILE --log ALL' sets it. Express executions leave
          nothing else behind. A server of Stepmill's keeps the newest entries in memory ('serve --limit log-bytes=N');
          'serve --log-file FILE' writes all of them to a file. 'aws logs tail GROUP' (of AWS CLI v2) reads the same, with
          --endpoint-url URL or with AWS_ENDPOINT_URL_CLOUDWATCH_LOGS or AWS_ENDPOINT_URL set.
          """),
      Section(
        title: "Columns",
        text: """
          The time, the execution's name, the event's number, the event, the state, and the part of the details that
          says most. --json: an entry on each line, as it was logged.
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try LogsCommand(arguments, terminal).run()
  }
}

/// How log groups are called where nobody says.
enum LogGroupName {
  static func proposed(for machine: String) -> String { "/aws/vendedlogs/states/\(machine)-Logs" }

  /// The account that a server takes a client's key for.
  static func account(of endpoint: ClientEndpoint) -> String {
    ServeAccess.isAccount(endpoint.credentials.accessKey[...])
      ? endpoint.credentials.accessKey : "123456789012"
  }
}

private struct LogsCommand {
  private let arguments: Arguments
  private let terminal: Terminal
  private let client: APIClient
  /// Milliseconds since 1970.
  private let since: Int64
  private let limit: Int
  private let printer: HistoryPrinter

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.arguments = arguments
    self.terminal = terminal
    limit = try arguments.number("--limit", in: 1...1_000_000) ?? 1000
    since = try arguments.value("--since").map(Self.time) ?? 0
    client = try APIClient(ClientEndpoint(arguments, terminal))
    printer = HistoryPrinter(form: .text, terminal: terminal, to: .output, isNested: false)
  }

  private static func time(_ text: String) throws(CommandError) -> Int64 {
    if let time = UTCText.milliseconds(text) { return time }
    if let duration = BenchTime.parse(text), duration < 1e18 {
      return max(0, ClientText.now - Int64(duration / 1e6))
    }
    throw CommandError(
      "option '--since' takes a time back such as 90s, 15m or 2h, or a time such as 2026-01-31T10:00:00Z, not '\(SourceLines.readable(text))'"
    )
  }

  func run() throws(CommandError) -> ExitStatus {
    let sources = try self.sources()
    do throws(ClientFailure) {
      var readers = sources.map(reader)
      var found: [JSON] = []
      for place in readers.indices { found += try readers[place].read() }
      found.sort { ($0["timestamp"]?.int ?? 0) < ($1["timestamp"]?.int ?? 0) }
      for event in found.suffix(limit) { show(event) }
      if found.isEmpty, !arguments.has("--json"), !arguments.has("--follow") {
        terminal.write("nothing is logged there\(since > 0 ? " since then" : "")\n", to: .error)
      }
      guard arguments.has("--follow") else { return .success }
      if let group = arguments.value("--log-group"), readers.contains(where: \.isMissing) {
        terminal.write(
          "there is no log group '\(SourceLines.readable(group))' at \(client.endpoint.name) yet: waiting for it\n",
          to: .error)
      }
      return try follow(&readers)
    } catch {
      throw error.commandError
    }
  }

  /// Shows what comes until nobody reads it any more, or the server is gone.
  private func follow(_ readers: inout [LogReader]) throws(ClientFailure) -> ExitStatus {
    let isOfAll = arguments.operands.isEmpty && arguments.value("--log-group") == nil
    var pause: UInt64 = 100
    do throws(ClientFailure) {
      while !terminal.isOutputClosed {
        client.sleep(milliseconds: pause)
        if isOfAll {
          for group in try groups() where !readers.contains(where: { $0.group == group }) {
            readers.append(reader(LogSource(group: group, pattern: arguments.value("--filter") ?? "")))
          }
        }
        var isNew = false
        for place in readers.indices {
          for event in try readers[place].read() {
            show(event)
            isNew = true
          }
        }
        pause = isNew ? 100 : min(1000, pause * 3 / 2)
      }
    } catch {
      guard error.isUnreachable else { throw error }
      throw ClientFailure(
        code: nil, message: "the server at \(client.endpoint.name) is gone: nothing more comes from it",
        isUnreachable: true)
    }
    return .success
  }

  private func reader(_ source: LogSource) -> LogReader {
    // A group comes to be with its first entry; one that somebody names should be there, unless it is waited for.
    let mayBeMissing = arguments.value("--log-group") == nil || arguments.has("--follow")
    return LogReader(client, source, since: since, mayBeMissing: mayBeMissing)
  }

  // MARK: Where to look

  private func sources() throws(CommandError) -> [LogSource] {
    let filter = arguments.value("--filter") ?? ""
    guard let text = arguments.operands.first else {
      if let given = arguments.value("--log-group") { return [LogSource(group: given, pattern: filter)] }
      do throws(ClientFailure) {
        return try groups().map { LogSource(group: $0, pattern: filter) }
      } catch {
        throw error.commandError
      }
    }
    if text.hasPrefix("arn:"), text.contains(":execution:") || text.contains(":express:") {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count > 6 else {
        throw CommandError("'\(SourceLines.readable(text))' is no ARN of an execution")
      }
      let name = String(parts[6].split(separator: "/").first ?? "")
      let arn = (parts[..<5] + ["stateMachine", name[...]]).joined(separator: ":")
      // What is asked for by itself narrows the search at the server; beside a filter with alternatives it would not.
      return [
        LogSource(
          group: try group(of: name, arn),
          pattern: filter.isEmpty ? "\"\(text)\"" : filter, subjects: [text])
      ]
    }
    let machine = try client.machine(text)
    // Children of Map Runs have the run's label behind the name.
    let subjects = [":execution:\(machine.name)", ":express:\(machine.name)"].flatMap {
      [$0 + ":", $0 + "/"]
    }
    return [
      LogSource(
        group: try group(of: machine.name, machine.arn),
        pattern: filter, subjects: subjects)
    ]
  }

  private func groups() throws(ClientFailure) -> [String] {
    var names: [String] = []
    var token: JSON?
    repeat {
      let page = try client.call("DescribeLogGroups", JSON(object: [("nextToken", token)]), of: .logs)
      names += page["logGroups"]?.array?.compactMap { $0["logGroupName"]?.string } ?? []
      token = page["nextToken"]
    } while token != nil
    return names
  }

  /// The log group that is given, or the one that a state machine names.
  private func group(of machine: String, _ arn: String) throws(CommandError) -> String {
    if let given = arguments.value("--log-group") { return given }
    let described: JSON
    do throws(ClientFailure) {
      described = try client.call("DescribeStateMachine", ["stateMachineArn": JSON(arn)])
    } catch {
      throw error.commandError
    }
    let logging = described["loggingConfiguration"]
    guard let level = logging?["level"]?.string, level != "OFF" else {
      throw CommandError(
        "'\(SourceLines.readable(machine))' logs nothing: its logging level is OFF; 'stepmill deploy FILE --name \(SourceLines.readable(machine)) --log ALL' sets it",
        isAboutUsage: false, status: .failure)
    }
    let group = logging?["destinations"]?.array?.first?["cloudWatchLogsLogGroup"]?["logGroupArn"]?.string
    guard let parts = group?.split(separator: ":", maxSplits: 6), parts.count == 7 else {
      return LogGroupName.proposed(for: machine)
    }
    return String(parts[6].hasSuffix(":*") ? parts[6].dropLast(2) : parts[6])
  }

  // MARK: Showing

  private func show(_ event: JSON) {
    let message = event["message"]?.string ?? ""
    guard !arguments.has("--json"), let entry = try? JSON(parsing: message),
      let type = entry["type"]?.string.flatMap(HistoryEventType.init),
      let arn = entry["execution_arn"]?.string
    else { return terminal.write(message + "\n") }
    let number = entry["id"]?.string.flatMap { Int($0) } ?? 0
    let time = entry["event_timestamp"]?.string.flatMap { Int64($0) } ?? 0
    let line = printer.text(
      of: HistoryEvent(
        id: number, previousID: entry["previous_event_id"]?.string.flatMap { Int($0) } ?? 0, type: type,
        timestamp: time, details: entry["details"]),
      head: Self.clock(time) + "  " + name(arn) + Self.pad(number) + "  ",
      // Whoever reads it in a file or through grep wants the data, however long the line.
      width: terminal.isTerminal(.output) ? nil : 500)
    terminal.write(line + "\n")
  }

  /// `2026-01-31 10:00:00.123`
  private static func clock(_ milliseconds: Int64) -> String {
    String(UTCText.text(milliseconds).map { $0 == "T" ? " " : $0 }.filter { $0 != "Z" })
  }

  /// Of an Express execution the name that it was given, without the number behind it.
  private func name(_ arn: String) -> String {
    let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
    let name = SourceLines.readable(parts.count > 7 ? String(parts[7]) : arn)
    let width = 12
    // Elsewhere than on a terminal it is looked for.
    if name.count > width { return terminal.isTerminal(.output) ? name.prefix(width - 1) + "…" : name }
    return name + String(repeating: " ", count: width - name.count)
  }

  private static func pad(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: " ", count: max(1, 5 - digits.count)) + digits
  }
}

/// What of a log group is asked for.
private struct LogSource {
  let group: String
  let pattern: String
  /// Of which an entry has to name one, where not all of the group is meant: groups may be shared.
  var subjects: [String] = []

  func includes(_ event: JSON) -> Bool {
    guard !subjects.isEmpty else { return true }
    let message = event["message"]?.string ?? ""
    return subjects.contains { message.contains($0) }
  }
}

/// Reads a log group from where it has got to.
private struct LogReader {
  private let client: APIClient
  private let source: LogSource
  private let mayBeMissing: Bool
  var group: String { source.group }
  /// There was no such group when it was read last.
  private(set) var isMissing = false
  private var since: Int64
  /// Of the entries at `since`, which are asked for again.
  private var seen: Set<String> = []

  init(_ client: APIClient, _ source: LogSource, since: Int64, mayBeMissing: Bool) {
    self.mayBeMissing = mayBeMissing
    self.client = client
    self.source = source
    self.since = since
  }

  /// The entries that are new.
  mutating func read() throws(ClientFailure) -> [JSON] {
    var found: [JSON] = []
    var token: JSON?
    repeat {
      let page: JSON
      do throws(ClientFailure) {
        page = try client.call(
          "FilterLogEvents",
          JSON(object: [
            ("logGroupName", JSON(source.group)), ("startTime", JSON(since)),
            ("filterPattern", source.pattern.isEmpty ? nil : JSON(source.pattern)), ("nextToken", token),
          ]), of: .logs)
      } catch {
        guard error.code == "ResourceNotFoundException" else { throw error }
        if mayBeMissing {
          isMissing = true
          return []
        }
        throw ClientFailure(
          code: error.code,
          message:
            "there is no log group '\(SourceLines.readable(source.group))' at \(client.endpoint.name); 'stepmill logs' without one shows all"
        )
      }
      for event in page["events"]?.array.map({ Array($0) }) ?? [] {
        let time = event["timestamp"]?.int.map { Int64($0) } ?? 0
        let id = event["eventId"]?.string ?? ""
        if time == since && seen.contains(id) || !source.includes(event) { continue }
        found.append(event)
      }
      token = page["nextToken"]
    } while token != nil
    isMissing = false
    if let last = found.map({ Int64($0["timestamp"]?.int ?? 0) }).max(), last >= since {
      if last > since { seen = [] }
      since = last
      for event in found where Int64(event["timestamp"]?.int ?? 0) == last {
        seen.insert(event["eventId"]?.string ?? "")
      }
    }
    return found
  }
}
