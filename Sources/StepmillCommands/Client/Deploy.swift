import Stepmill

extension Command {
  static let deploy = Command(
    name: "deploy", summary: "Create a state machine on a server, or update the one that has the name.",
    operands: [
      Operand(
        name: "FILE", help: "the definition in Amazon States Language, JSON or YAML; - for standard input")
    ],
    options: [
      Option(
        "--name", "NAME", help: "The state machine's name. Without it: the file's, up to its first dot."),
      Option("--type", "STANDARD|EXPRESS", help: "Of a new state machine. Without it: STANDARD."),
      Option(
        "--role", "ARN",
        help: "The role. Without it a new state machine gets arn:aws:iam::123456789012:role/stepmill."),
      Option(
        "--log", "ALL|ERROR|FATAL|OFF",
        help:
          "What its executions log, with their data, to the log group /aws/vendedlogs/states/NAME-Logs; "
          + "'stepmill logs' shows it."),
      Option("--publish", help: "Publish a version."),
    ] + ClientEndpoint.options,
    notes: [
      ClientEndpoint.section,
      Section(
        title: "Output",
        text: "The state machine's ARN, or that of the version. Whether it was created is on standard error."),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try DeployCommand(arguments, terminal).run()
  }
}

private enum DeployType: String, CaseIterable {
  case standard = "STANDARD"
  case express = "EXPRESS"
}

private enum DeployLogLevel: String, CaseIterable {
  case all = "ALL"
  case error = "ERROR"
  case fatal = "FATAL"
  case off = "OFF"
}

private struct DeployCommand {
  private let arguments: Arguments
  private let terminal: Terminal
  private let name: String
  private let type: DeployType?
  private let logLevel: DeployLogLevel?
  private let definition: String
  private let client: APIClient

  init(_ arguments: Arguments, _ terminal: Terminal) throws(CommandError) {
    self.arguments = arguments
    self.terminal = terminal
    let path = arguments.operands[0]
    if let name = arguments.value("--name") {
      self.name = name
    } else {
      let file = path.split(separator: "/").last ?? ""
      name = file.split(separator: ".").first.map(String.init) ?? ""
      if path == "-" || name.isEmpty {
        throw CommandError("--name is missing: the definition has no file that could give one")
      }
    }
    type = try arguments.choice("--type", of: DeployType.self)
    logLevel = try arguments.choice("--log", of: DeployLogLevel.self)
    let text = try DefinitionText.load(path, terminal)
    let (compiled, diagnostics) = CompiledDefinition.compile(text.json, isExpress: type == .express)
    text.print(diagnostics, terminal)
    if compiled == nil { throw text.cannotRun(diagnostics) }
    definition = String(decoding: text.isYAML ? text.json : text.source, as: UTF8.self)
    client = try APIClient(ClientEndpoint(arguments, terminal))
  }

  func run() throws(CommandError) -> ExitStatus {
    do throws(ClientFailure) {
      let known = try client.machines().first { $0["name"]?.string == name }
      let answer = if let known { try update(known) } else { try create() }
      let style = terminal.style(.error)
      terminal.write(
        style.dim(known == nil ? "created state machine '\(name)'" : "updated state machine '\(name)'")
          + "\n",
        to: .error)
      if arguments.has("--json") {
        terminal.write(answer.text + "\n")
      } else {
        let arn =
          answer["stateMachineVersionArn"]?.string ?? answer["stateMachineArn"]?.string
          ?? known?["stateMachineArn"]?.string ?? ""
        terminal.write(arn + "\n")
      }
      return .success
    } catch {
      throw error.commandError
    }
  }

  private func create() throws(ClientFailure) -> JSON {
    try client.call(
      "CreateStateMachine",
      JSON(object: [
        ("name", JSON(name)), ("definition", JSON(definition)),
        ("roleArn", JSON(arguments.value("--role") ?? "arn:aws:iam::123456789012:role/stepmill")),
        ("type", JSON((type ?? .standard).rawValue)), ("loggingConfiguration", logging),
        ("publish", arguments.has("--publish") ? true : nil),
      ]))
  }

  private func update(_ known: JSON) throws(ClientFailure) -> JSON {
    if let type, let knownType = known["type"]?.string, knownType != type.rawValue {
      throw ClientFailure(
        code: nil,
        message: "'\(name)' is of type \(knownType), which cannot be changed; give it another --name")
    }
    return try client.call(
      "UpdateStateMachine",
      JSON(object: [
        ("stateMachineArn", known["stateMachineArn"]), ("definition", JSON(definition)),
        ("roleArn", arguments.value("--role").map { JSON($0) }), ("loggingConfiguration", logging),
        ("publish", arguments.has("--publish") ? true : nil),
      ]))
  }

  /// With the log group that AWS's console proposes.
  private var logging: JSON? {
    guard let logLevel else { return nil }
    if logLevel == .off { return ["level": "OFF"] }
    let account = LogGroupName.account(of: client.endpoint)
    let group =
      "arn:aws:logs:\(client.endpoint.region):\(account):log-group:\(LogGroupName.proposed(for: name)):*"
    return [
      "level": JSON(logLevel.rawValue), "includeExecutionData": true,
      "destinations": [["cloudWatchLogsLogGroup": ["logGroupArn": JSON(group)]]],
    ]
  }
}
