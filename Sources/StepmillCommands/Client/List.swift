import Stepmill

extension Command {
  static let list = Command(
    name: "list", summary: "List a server's state machines, or the executions of one.",
    operands: [
      Operand(name: "MACHINE", help: "the state machine whose executions are listed", isOptional: true)
    ],
    options: [
      Option(
        "--status", "STATUS",
        help: "Executions that are RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE."),
      Option("--limit", "N", help: "At most so many. Without it: 50 executions, all state machines."),
    ] + ClientEndpoint.options,
    notes: [ClientEndpoint.section]
  ) { (arguments, terminal) throws(CommandError) in
    let limit = try arguments.number("--limit", in: 1...1_000_000)
    let status = try arguments.choice("--status", of: ListStatus.self)
    if arguments.operands.isEmpty, status != nil {
      throw CommandError("--status is for executions: name the state machine whose executions are meant")
    }
    let client = try APIClient(ClientEndpoint(arguments, terminal))
    if let machine = arguments.operands.first {
      return try ClientLists(arguments, terminal, client).executions(of: machine, status, limit: limit ?? 50)
    }
    return try ClientLists(arguments, terminal, client).machines(limit: limit ?? .max)
  }
}

private enum ListStatus: String, CaseIterable {
  case running = "RUNNING"
  case succeeded = "SUCCEEDED"
  case failed = "FAILED"
  case timedOut = "TIMED_OUT"
  case aborted = "ABORTED"
  case pendingRedrive = "PENDING_REDRIVE"
}

private struct ClientLists {
  private let arguments: Arguments
  private let terminal: Terminal
  private let client: APIClient

  init(_ arguments: Arguments, _ terminal: Terminal, _ client: APIClient) {
    self.arguments = arguments
    self.terminal = terminal
    self.client = client
  }

  func machines(limit: Int) throws(CommandError) -> ExitStatus {
    let machines: [JSON]
    do throws(ClientFailure) {
      machines = try client.all("ListStateMachines", [], key: "stateMachines", limit: limit)
    } catch {
      throw error.commandError
    }
    let now = ClientText.now
    return show(
      machines, as: "stateMachines", ["NAME", "TYPE", "CREATED"],
      none: "no state machines at \(client.endpoint.name); 'stepmill deploy FILE' makes one"
    ) { machine in
      [
        machine["name"]?.string ?? "", machine["type"]?.string ?? "",
        ClientText.age(machine["creationDate"], now: now),
      ]
    }
  }

  func executions(of text: String, _ status: ListStatus?, limit: Int) throws(CommandError) -> ExitStatus {
    let machine = try client.machine(text)
    guard !machine.isExpress else {
      throw CommandError(
        "'\(machine.name)' is an Express state machine, whose executions are not kept; its logs tell of them",
        isAboutUsage: false, status: .failure)
    }
    let executions: [JSON]
    do throws(ClientFailure) {
      executions = try client.all(
        "ListExecutions",
        [("stateMachineArn", JSON(machine.arn))]
          + (status.map { [("statusFilter", JSON($0.rawValue))] } ?? []),
        key: "executions", limit: limit)
    } catch {
      throw error.commandError
    }
    let now = ClientText.now
    return show(
      executions, as: "executions", ["NAME", "STATUS", "STARTED", "TOOK"], colored: 1,
      none: "no executions of '\(machine.name)'\(status.map { " that are \($0.rawValue)" } ?? "")"
    ) { execution in
      let start = ClientText.milliseconds(execution["startDate"])
      let stop = ClientText.milliseconds(execution["stopDate"])
      return [
        execution["name"]?.string ?? "", execution["status"]?.string ?? "",
        ClientText.age(execution["startDate"], now: now),
        start.flatMap { start in stop.map { ClientText.duration(max(0, $0 - start)) } } ?? "",
      ]
    }
  }

  private func show(
    _ elements: [JSON], as key: String, _ heading: [String], colored: Int? = nil, none: String,
    row: (JSON) -> [String]
  ) -> ExitStatus {
    if arguments.has("--json") {
      terminal.write(JSON(object: [(key, JSON(elements))]).text + "\n")
    } else if elements.isEmpty {
      terminal.write(none + "\n", to: .error)
    } else {
      terminal.write(ClientText.table(heading, elements.map(row), terminal.style(.output), colored: colored))
    }
    return .success
  }
}
