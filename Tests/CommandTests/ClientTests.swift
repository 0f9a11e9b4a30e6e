import Stepmill
import Testing

@testable import StepmillCommands

/// The commands that ask a server, against a server in a process of its own.
@Suite(.enabled(if: Program.isBuilt, "the program is not built")) struct ClientTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private static let order = #"""
    {"StartAt": "Take", "States": {
      "Take": {"Type": "Pass", "Parameters": {"id.$": "$.id"}, "ResultPath": "$.order", "Next": "Each"},
      "Each": {"Type": "Map", "ItemsPath": "$.lines", "ItemProcessor": {"StartAt": "Line", "States": {
        "Line": {"Type": "Pass", "End": true}}}, "End": true}}}
    """#
  private static let failing = #"""
    {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "It is \"so\"."}}}
    """#
  private static let waiting = #"""
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3000, "End": true}}}
    """#

  private struct Ran {
    var status: StepmillCommands.ExitStatus
    var output: String
    var error: String
  }

  private static func run(_ arguments: [String], at path: String, input: String = "") -> Ran {
    let terminal = Terminal(
      input: Array(input.utf8), environment: ["STEPMILL_ENDPOINT": "unix:\(path)", "NO_COLOR": "1"])
    let status = CommandLineTool.run(arguments, terminal)
    return Ran(status: status, output: terminal.captured(.output), error: terminal.captured(.error))
  }

  /// Runs `body` beside a server that listens at the path it is given.
  private func withServer<Result: Sendable>(
    _ body: @escaping @Sendable (String) throws -> Result
  ) async throws -> Result {
    let path = scratch.path + "/s.sock"
    return try await onThread {
      let program = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1"])
      try program.waitForError("\"ready\"")
      defer {
        program.interrupt()
        _ = program.finish()
      }
      return try body(path)
    }
  }

  /// From a file to the history of its execution, and everything by name.
  @Test func fromDeployToHistory() async throws {
    let file = try scratch.file("order.asl.json", Self.order)
    let wait = try scratch.file("wait.asl.json", Self.waiting)
    let input = try scratch.file("input.json", #"{"id": "A-17", "lines": [1, 2]}"#)
    try await withServer { path in
      var ran = Self.run(["list"], at: path)
      #expect(ran.status == .success && ran.error.contains("'stepmill deploy FILE' makes one"))
      ran = Self.run(["deploy", file], at: path)
      #expect(ran.status == .success && ran.output.hasSuffix(":stateMachine:order\n"), "\(ran)")
      #expect(ran.error.contains("created state machine 'order'"))
      ran = Self.run(["deploy", file, "--publish"], at: path)
      #expect(ran.output.hasSuffix(":stateMachine:order:1\n") && ran.error.contains("updated"), "\(ran)")
      _ = Self.run(["deploy", wait], at: path)
      ran = Self.run(["list"], at: path)
      #expect(ran.output.hasPrefix("NAME   TYPE      CREATED\norder  STANDARD  "), "\(ran)")
      #expect(ran.output.contains(" ago\nwait   STANDARD  "), "\(ran)")

      ran = Self.run(["start", "order", "--input", input, "--name", "one", "--wait"], at: path)
      #expect(ran.status == .success, "\(ran)")
      #expect(ran.output == "[1,2]\n")
      #expect(ran.error.contains("ExecutionSucceeded"))
      ran = Self.run(["history", "order/one"], at: path)
      #expect(ran.output.contains("\n    6  ") && ran.output.contains("  MapIterationStarted"), "\(ran)")
      #expect(ran.output.contains("  PassStateEntered") && ran.output.contains("took "), "\(ran)")
      ran = Self.run(["history", "one", "--json"], at: path)
      #expect(ran.output.hasPrefix("{\"executionStartedEventDetails\"") || ran.output.contains("\"id\":1"))
      ran = Self.run(["describe", "one"], at: path)
      #expect(ran.output.contains("status   SUCCEEDED"), "\(ran)")
      ran = Self.run(["describe", "order"], at: path)
      #expect(ran.output.contains("\"StartAt\": \"Take\""), "\(ran)")

      ran = Self.run(["start", "wait", "--input", "-", "--name", "two"], at: path, input: "[1]")
      #expect(ran.output.hasSuffix(":execution:wait:two\n"))
      ran = Self.run(["list", "wait", "--status", "RUNNING"], at: path)
      #expect(ran.output.contains("two   RUNNING"), "\(ran)")
      ran = Self.run(["stop", "wait/two", "--error", "Enough", "--cause", "No more."], at: path)
      #expect(ran.status == .success && ran.output.hasPrefix("stopped arn:"), "\(ran)")
      ran = Self.run(["history", "two", "--follow"], at: path)
      #expect(ran.output.contains("ExecutionAborted") && ran.output.contains("Enough: No more."), "\(ran)")
      ran = Self.run(["stop", "two"], at: path)
      #expect(ran.status == .failure && ran.error.contains("over already: ABORTED"))
    }
  }

  @Test func logsAreShownByMachineAndExecution() async throws {
    let failing = try scratch.file("failing.asl.json", Self.failing)
    let order = try scratch.file("order.asl.json", Self.order)
    try await withServer { path in
      _ = Self.run(["deploy", failing, "--type", "EXPRESS"], at: path)
      var ran = Self.run(["logs", "failing"], at: path)
      #expect(ran.status == .failure && ran.error.contains("--name failing --log ALL' sets it"), "\(ran)")
      _ = Self.run(["deploy", failing, "--log", "ALL"], at: path)
      _ = Self.run(["deploy", order, "--log", "ERROR"], at: path)
      ran = Self.run(["logs"], at: path)
      #expect(ran.status == .success && ran.error == "nothing is logged there\n", "\(ran)")
      let first = Self.run(["start", "failing", "--sync", "--json"], at: path)
      let arn = try JSON(parsing: first.output)["executionArn"]?.string ?? ""
      _ = Self.run(["start", "failing", "--sync"], at: path)
      _ = Self.run(["start", "order", "--name", "one", "--wait"], at: path)
      ran = Self.run(["logs", "failing"], at: path)
      #expect(ran.output.split(separator: "\n").count == 6, "\(ran)")
      #expect(
        ran.output.contains("ExecutionFailed") && ran.output.contains("Broken: It is \"so\"."), "\(ran)")
      #expect(ran.output.contains(arn.split(separator: ":")[7]), "\(ran)")
      ran = Self.run(["logs", arn], at: path)
      #expect(ran.output.split(separator: "\n").count == 3, "\(ran)")
      ran = Self.run(["logs", arn, "--json", "--limit", "1"], at: path)
      #expect(try JSON(parsing: ran.output)["execution_arn"]?.string == arn, "\(ran)")
      ran = Self.run(["logs", "--filter", "FailStateEntered"], at: path)
      #expect(ran.output.split(separator: "\n").count == 2, "\(ran)")
      ran = Self.run(["logs", "order"], at: path)
      #expect(ran.output.contains("ExecutionFailed") && !ran.output.contains("ExecutionStarted"), "\(ran)")
      ran = Self.run(["logs", "--log-group", "nope"], at: path)
      #expect(ran.status == .failure && ran.error.contains("there is no log group 'nope'"), "\(ran)")
      let shared = "/aws/vendedlogs/states/failing-Logs"
      ran = Self.run(
        ["logs", "order", "--log-group", shared, "--filter", "?ExecutionFailed ?Pass"], at: path)
      #expect(ran.status == .success && ran.output.isEmpty, "\(ran)")
      ran = Self.run(["logs", "--since", "soon"], at: path)
      #expect(ran.status == .usage && ran.error.contains("'--since' takes a time back"), "\(ran)")
    }
  }

  /// Groups that come to be while all are followed are followed too, until there is no server or no reader.
  @Test(arguments: [true, false]) func followingFindsNewGroups(isReaderFirst: Bool) async throws {
    let order = try scratch.file("order.asl.json", Self.order)
    let path = scratch.path + "/s.sock"
    let run = try await onThread {
      let server = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1"])
      defer {
        server.killAtOnce()
        _ = server.finish()
      }
      try server.waitForError("\"ready\"")
      let logs = try Program(["logs", "--follow", "--endpoint", "unix:\(path)"])
      _ = Self.run(["deploy", order, "--log", "ALL"], at: path)
      _ = Self.run(["start", "order", "--input", #"{"id": 1, "lines": []}"#], at: path)
      try logs.waitForOutput("ExecutionSucceeded")
      if isReaderFirst { logs.closeOutput() } else { server.killAtOnce() }
      return logs.finish()
    }
    if isReaderFirst {
      #expect(run.status == 0 && run.error.isEmpty, "\(run)")
    } else {
      #expect(run.status == 1 && run.error.contains("is gone: nothing more comes from it"), "\(run)")
    }
  }

  /// Whoever waits for an execution learns that the execution does not end with the waiting.
  @Test(arguments: [true, false]) func waitingEndsBeforeTheExecution(isInterrupted: Bool) async throws {
    let wait = try scratch.file("wait.asl.json", Self.waiting)
    let path = scratch.path + "/s.sock"
    let run = try await onThread {
      let server = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1"])
      defer {
        server.killAtOnce()
        _ = server.finish()
      }
      try server.waitForError("\"ready\"")
      _ = Self.run(["deploy", wait], at: path)
      let client = try Program(
        ["start", "wait", "--name", "one", "--wait", "--endpoint", "unix:\(path)"])
      try client.waitForError("WaitStateEntered")
      if isInterrupted { client.interrupt() } else { server.killAtOnce() }
      return client.finish()
    }
    if isInterrupted {
      #expect(run.status == 130 && run.error.contains("the execution goes on; 'stepmill stop arn:"), "\(run)")
    } else {
      #expect(run.status == 4 && run.error.contains("was lost while waiting. The execution may"), "\(run)")
      #expect(run.error.contains(":execution:wait:one --follow' shows it") && !run.error.contains("usage:"))
    }
  }

  @Test func errorsSayWhatToDo() async throws {
    let file = try scratch.file("order.asl.json", Self.order)
    let failing = try scratch.file("failing.asl.json", Self.failing)
    let nobody = Self.run(["list"], at: scratch.path + "/nobody")
    #expect(nobody.status == .failure && nobody.error.contains("nobody answers at unix:"), "\(nobody)")
    #expect(nobody.error.contains("'stepmill serve' starts one"))
    try await withServer { path in
      _ = Self.run(["deploy", file], at: path)
      _ = Self.run(["deploy", failing], at: path)
      var ran = Self.run(["start", "odrer"], at: path)
      #expect(ran.status == .failure && ran.error.contains("did you mean 'order'?"), "\(ran)")
      ran = Self.run(["start", "failing", "--wait"], at: path)
      #expect(ran.status == .failure && ran.error.contains("failed: Broken\n  It is \"so\"."), "\(ran)")
      ran = Self.run(["start", "order", "--sync"], at: path)
      #expect(ran.status == .failure && ran.error.contains("StateMachineTypeNotSupported"), "\(ran)")
      ran = Self.run(["history", "order/none"], at: path)
      #expect(ran.status == .failure && ran.error.contains("there is no execution 'order/none'"), "\(ran)")
      ran = Self.run(["start", "order", "--input", "{]"], at: path)
      #expect(ran.status == .usage && ran.error.contains("--input is not JSON"), "\(ran)")
      ran = Self.run(["list", "--endpoint", "nowhere"], at: path)
      #expect(ran.status == .usage && ran.error.contains("takes http://HOST:PORT"), "\(ran)")
    }
  }

  /// The two ways through the server (a trace header chooses the long one) answer alike.
  @Test func shortAndLongWayAgree() async throws {
    let order = try scratch.file("order.asl.json", Self.order)
    let failing = try scratch.file("failing.asl.json", Self.failing)
    let brief = try scratch.file("brief.asl.json", Self.waiting.replacing("3000", with: "1"))
    try await withServer { path in
      for file in [order, failing, brief] { _ = Self.run(["deploy", file, "--type", "EXPRESS"], at: path) }
      let terminal = Terminal(input: [], environment: ["STEPMILL_ENDPOINT": "unix:\(path)"])
      let arguments = try Arguments.parse([], for: .list)
      let client = try APIClient(ClientEndpoint(arguments, terminal))
      let inputs: [String?] = [
        #"{"id": "\u00e4\ud83d\ude00", "lines": []}"#,
        "{\"id\": \"tab\\t and \\\"\", \"lines\": [1, {\"a\":null}]}\n", "{}", nil, "[1", "", "\"\\u0001\"",
        "{\"id\": 1e400, \"lines\": [\"ä😀\"]}", "[" + String(repeating: "[", count: 2000),
        "\"" + String(repeating: "x", count: 262_143) + "\"",
      ]
      for machine in ["order", "failing", "brief", "none"] {
        for input in machine == "brief" ? Array(inputs.prefix(2)) : inputs {
          Self.compare(machine, input, nil, client)
        }
      }
      for name in ["plain-1", "ünplain", "", "a:b"] { Self.compare("order", inputs[0], name, client) }
    }
  }

  private static func compare(_ machine: String, _ input: String?, _ name: String?, _ client: APIClient) {
    func call(_ operation: String, _ more: [(String, JSON?)]) -> String {
      let parameters = JSON(
        object: [
          ("stateMachineArn", JSON("arn:aws:states:us-east-1:123456789012:stateMachine:\(machine)")),
          ("input", input.map { JSON($0) }), ("name", name.map { JSON($0) }),
        ] + more)
      do throws(ClientFailure) {
        return withoutNumbers(try client.call(operation, parameters))
      } catch {
        return error.message
      }
    }
    let trace = ("traceHeader", JSON("Root=1") as JSON?)
    for operation in ["StartSyncExecution", "StartExecution"] {
      #expect(call(operation, []) == call(operation, [trace]), "\(operation) \(machine) \(input ?? "-")")
    }
  }

  /// An answer without what differs from one call to the next.
  private static func withoutNumbers(_ answer: JSON) -> String {
    var members: [(key: String, value: JSON)] = []
    for member in answer.object.map({ Array($0) }) ?? [] where member.key != "billingDetails" {
      switch member.key {
      case "traceHeader": continue
      case "startDate", "stopDate": members.append((member.key, JSON(member.value.text.contains("."))))
      case "executionArn", "name":
        // Identifiers are told by their size.
        let parts = (member.value.string ?? "").split(separator: ":").map { part in
          part.utf8.count == 36 && part.contains("-") ? "identifier" : String(part)
        }
        members.append((member.key, JSON(parts.joined(separator: ":"))))
      default: members.append((member.key, member.value))
      }
    }
    return JSON(members: members).text
  }
}
