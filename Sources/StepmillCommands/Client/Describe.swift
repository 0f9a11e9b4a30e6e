import Stepmill

extension Command {
  static let describe = Command(
    name: "describe", summary: "Show a state machine or an execution of a server.",
    operands: [
      Operand(
        name: "NAME",
        help: "a state machine, or an execution as MACHINE/NAME, by its name alone, or by its ARN")
    ],
    options: ClientEndpoint.options,
    notes: [ClientEndpoint.section]
  ) { (arguments, terminal) throws(CommandError) in
    let client = try APIClient(ClientEndpoint(arguments, terminal))
    let description = try ClientDescription.find(arguments.operands[0], client)
    if arguments.has("--json") {
      terminal.write(description.json.text + "\n")
    } else {
      terminal.write(description.text(terminal.style(.output)))
    }
    return .success
  }

  static let stop = Command(
    name: "stop", summary: "Stop an execution on a server.",
    operands: [Operand(name: "EXECUTION", help: "the execution: its ARN, MACHINE/NAME, or its name alone")],
    options: [
      Option("--error", "NAME", help: "The error that it ends with."),
      Option("--cause", "TEXT", help: "The cause that it ends with."),
    ] + ClientEndpoint.options,
    notes: [ClientEndpoint.section]
  ) { (arguments, terminal) throws(CommandError) in
    let client = try APIClient(ClientEndpoint(arguments, terminal))
    let execution = try client.execution(arguments.operands[0])
    let status = execution["status"]?.string ?? ""
    guard status == "RUNNING" else {
      throw CommandError(
        "the execution is over already: \(status)", isAboutUsage: false, status: .failure)
    }
    do throws(ClientFailure) {
      let answer = try client.call(
        "StopExecution",
        JSON(object: [
          ("executionArn", execution["executionArn"]), ("error", arguments.value("--error").map { JSON($0) }),
          ("cause", arguments.value("--cause").map { JSON($0) }),
        ]))
      terminal.write(
        arguments.has("--json") ? answer.text + "\n" : "stopped \(execution["executionArn"]?.string ?? "")\n")
    } catch {
      throw error.commandError
    }
    return .success
  }
}

private struct ClientDescription {
  let json: JSON
  private let isExecution: Bool

  /// A state machine of that name comes before an execution.
  static func find(_ text: String, _ client: APIClient) throws(CommandError) -> ClientDescription {
    if text.hasPrefix("arn:") ? text.contains(":execution:") : text.contains("/") {
      return ClientDescription(json: try client.execution(text), isExecution: true)
    }
    do throws(ClientFailure) {
      let name = text.split(separator: ":").first.map(String.init) ?? text
      let isMachine =
        text.hasPrefix("arn:") ? true : try client.machines().contains { $0["name"]?.string == name }
      if !isMachine, let execution = try found(text, client) {
        return ClientDescription(json: execution, isExecution: true)
      }
    } catch {
      throw error.commandError
    }
    // This names what there is if there is none.
    let machine = try client.machine(text)
    do throws(ClientFailure) {
      let json = try client.call("DescribeStateMachine", ["stateMachineArn": JSON(machine.arn)])
      return ClientDescription(json: json, isExecution: false)
    } catch {
      throw error.commandError
    }
  }

  private static func found(_ text: String, _ client: APIClient) throws(ClientFailure) -> JSON? {
    do throws(CommandError) {
      return try client.findExecution(text)
    } catch {
      throw ClientFailure(code: nil, message: error.message)
    }
  }

  func text(_ style: Style) -> String {
    let now = ClientText.now
    func text(_ key: String) -> String? { json[key]?.string.map(SourceLines.readable) }
    guard isExecution else {
      return ClientText.facts(
        [
          ("name", text("name").map(style.bold)), ("arn", text("stateMachineArn")), ("type", text("type")),
          ("status", text("status").map { ClientText.status($0, style) }), ("role", text("roleArn")),
          ("description", text("description")),
          ("created", ClientText.date(json["creationDate"], now: now)), ("revision", text("revisionId")),
          ("logging", json["loggingConfiguration"]?["level"]?.string),
          ("definition", ClientText.pretty(json["definition"])),
        ], style)
    }
    let start = ClientText.milliseconds(json["startDate"])
    let stop = ClientText.milliseconds(json["stopDate"]) ?? (text("status") == "RUNNING" ? now : nil)
    let took = start.flatMap { start in stop.map { ClientText.duration(max(0, $0 - start)) } }
    return ClientText.facts(
      [
        ("name", text("name").map(style.bold)), ("arn", text("executionArn")),
        ("machine", text("stateMachineVersionArn") ?? text("stateMachineArn")),
        ("alias", text("stateMachineAliasArn")),
        ("status", text("status").map { ClientText.status($0, style) }),
        ("started", ClientText.date(json["startDate"], now: now)),
        ("stopped", ClientText.date(json["stopDate"], now: now)), ("took", took),
        ("redrives", json["redriveCount"]?.int.flatMap { $0 > 0 ? "\($0)" : nil }),
        ("error", text("error").map(style.red)), ("cause", json["cause"]?.string),
        ("input", ClientText.pretty(json["input"])), ("output", ClientText.pretty(json["output"])),
      ], style)
  }
}
