import Stepmill
import Testing

@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The server as a process, asked over a Unix socket.
@Suite(.enabled(if: Program.isBuilt, "the program is not built")) struct ServeTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func servesAndEnds() async throws {
    let path = scratch.path + "/s.sock"
    let (answers, run) = try await onThread {
      let program = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1"])
      try program.waitForError("\"ready\"")
      let answers = try [
        Self.ask(path, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        Self.ask(path, Self.call("ListStateMachines", "{}")),
        Self.ask(path, Self.call("Nonsense", "{}")),
        Self.ask(path, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
      ]
      program.interrupt()
      return (answers, program.finish())
    }
    #expect(answers[0].hasPrefix("HTTP/1.1 200 OK\r\n") && answers[0].hasSuffix("\r\n\r\nok\n"))
    #expect(answers[1].contains("x-amzn-RequestId: ") && answers[1].hasSuffix("{\"stateMachines\":[]}"))
    #expect(answers[2].hasPrefix("HTTP/1.1 400 ") && answers[2].contains("#UnknownOperationException"))
    #expect(
      answers[3].contains("stepmill_requests_total{operation=\"ListStateMachines\",status=\"2xx\"} 1\n"))
    #expect(run.status == 0 && run.output.contains("listens on unix:\(path)"))
    #expect(run.error.contains("\"signal\":\"SIGINT\"") && run.error.contains("\"event\":\"ended\""))
    #expect(access(path, F_OK) != 0)
  }

  /// Plain requests start a Standard execution on the loop that they came in on.
  @Test(arguments: [false, true])
  func whatStartsOnItsLoopIsNamedAndStopped(isKept: Bool) async throws {
    let path = scratch.path + "/s\(isKept).sock"
    let role = "arn:aws:iam::123456789012:role/r"
    let definition = JSON(
      #"""
      {"StartAt":"P","States":{
        "P":{"Type":"Pass","Parameters":{"name.$":"$$.Execution.Name","id.$":"$$.Execution.Id","role.$":"$$.Execution.RoleArn"},"Next":"W"},
        "W":{"Type":"Wait","Seconds":600,"End":true}}}
      """#)
    let data = isKept ? ["--data", scratch.path + "/data"] : []
    try await onThread {
      let program = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1"] + data)
      try program.waitForError("\"ready\"")
      defer {
        program.interrupt()
        _ = program.finish()
      }
      func call(_ operation: String, _ members: JSON) throws -> JSON {
        let answer = try Self.ask(path, Self.call(operation, members.text))
        return try JSON(parsing: Array(answer.utf8.drop { $0 != UInt8(ascii: "{") }))
      }
      let machine = try call(
        "CreateStateMachine", ["name": "m", "definition": definition, "roleArn": JSON(role)])
      let arn = try #require(machine["stateMachineArn"])
      for name in [nil, "given"] as [String?] {
        var order: JSON = ["stateMachineArn": arn, "input": "{"]
        order["name"] = name.map { JSON($0) }
        #expect(
          try call("StartExecution", order)["__type"]?.string?.contains("InvalidExecutionInput") == true)
        order["input"] = "{}"
        let execution = try #require(try call("StartExecution", order)["executionArn"]?.string)
        let its: JSON = ["executionArn": JSON(execution)]
        #expect(try call("DescribeExecution", its)["status"] == "RUNNING")
        let output = try call("GetExecutionHistory", its)["events"]?[2]?["stateExitedEventDetails"]?["output"]
        let told = try JSON(parsing: output?.string ?? "")
        #expect(told["id"]?.string == execution && told["role"]?.string == role)
        #expect(execution.hasSuffix(":" + (told["name"]?.string ?? "-")))
        if let name { #expect(told["name"]?.string == name) }
        let stopDate = try #require(try call("StopExecution", its)["stopDate"])
        let described = try call("DescribeExecution", its)
        #expect(described["status"] == "ABORTED" && described["stopDate"] == stopDate)
        // It begins and ends with its first event and its last.
        let dates = try call("GetExecutionHistory", its)["events"]?.array?.map { $0["timestamp"] }
        #expect(dates?.first == described["startDate"] && dates?.last == stopDate)
      }
    }
  }

  /// Where descriptors run out it goes on when there are some again.
  @Test func descriptorsRunOut() async throws {
    let path = scratch.path + "/full.sock"
    try await onThread {
      let program = try Program(["serve", "--listen", "unix:\(path)", "--loops", "2"])
      try program.waitForError("\"ready\"")
      defer {
        program.interrupt()
        _ = program.finish()
      }
      try #require(system("prlimit --pid \(program.processID) --nofile=64:64") == 0)
      let idle = try (0..<100).map { _ in try Self.reach(path) }
      // libuv closes what there is no room for, unless another loop is quicker than it.
      for file in idle { close(file) }
      let request = "GET http://x/healthz?y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      let deadline = ContinuousClock.now + .seconds(30)
      var answers = 0
      while answers < 4, ContinuousClock.now < deadline {
        if (try? Self.ask(path, request))?.hasSuffix("\r\n\r\nok\n") == true { answers += 1 }
      }
      #expect(answers == 4)
    }
  }

  /// The end of the server is none of a task's failures: nothing catches it.
  @Test func theEndIsNotCaught() async throws {
    let path = scratch.path + "/end.sock"
    let definition = JSON(
      #"""
      {"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true,
          "Catch":[{"ErrorEquals":["States.ALL"],"Next":"U"}]},
        "U":{"Type":"Pass","End":true}}}
      """#)
    let scratch = scratch
    try await onThread {
      let options = ["serve", "--listen", "unix:\(path)", "--loops", "1", "--data", scratch.path + "/end"]
      let begun = scratch.path + "/begun"
      func call(_ operation: String, _ members: JSON) throws -> JSON {
        let answer = try Self.ask(path, Self.call(operation, members.text))
        return try JSON(parsing: Array(answer.utf8.drop { $0 != UInt8(ascii: "{") }))
      }
      try #require(mkfifo(begun, 0o600) == 0)
      var program = try Program(options + ["--task", "f=echo > '\(begun)'; exec sleep 600"])
      try program.waitForError("\"ready\"")
      let machine = try call(
        "CreateStateMachine",
        ["name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r"])
      let started = try call("StartExecution", ["stateMachineArn": try #require(machine["stateMachineArn"])])
      // The command has begun when something is in the pipe.
      var pipe = pollfd(fd: open(begun, O_RDWR), events: Int16(POLLIN), revents: 0)
      try #require(poll(&pipe, 1, 60_000) == 1)
      close(pipe.fd)
      program.interrupt()
      #expect(program.finish().status == 0)
      program = try Program(options)
      try program.waitForError("\"ready\"")
      let described = try call("DescribeExecution", ["executionArn": try #require(started["executionArn"])])
      #expect(described["status"] == "ABORTED" && described["cause"] == "The runtime was shut down.")
      program.interrupt()
      _ = program.finish()
    }
  }

  @Test func letsInWhoSigns() async throws {
    let path = scratch.path + "/signed.sock"
    let keys = try scratch.file(
      "keys", "[one]\naws_access_key_id = AKID\naws_secret_access_key = secret\n")
    let answer = try await onThread {
      let program = try Program(["serve", "--listen", "unix:\(path)", "--loops", "1", "--credentials", keys])
      try program.waitForError("\"ready\"")
      defer {
        program.interrupt()
        _ = program.finish()
      }
      return try Self.ask(path, Self.call("ListStateMachines", "{}"))
    }
    #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("MissingAuthenticationTokenException"))
  }

  @Test(arguments: [
    (["--port", "70000"], "takes a whole number from 0 to 65535, not '70000'"),
    (["--listen", "nowhere"], "'nowhere' is not an address to listen on"),
    (["--limit", "open-execution=3"], "there is no limit 'open-execution'; did you mean 'open-executions'?"),
    (["--limit", "versions"], "takes NAME=VALUE, not 'versions'"),
    (["--account", "12"], "takes twelve digits, not '12'"),
    (["--tls-key", "k"], "belong together"),
    (["--credentials", "/nowhere"], "/nowhere cannot be read"),
    (["--listen", "localhost:7", "--port", "7"], "the address 127.0.0.1:7 is given twice"),
    (["--log-file", "/nowhere/x"], "option '--log-file': /nowhere/x cannot be written: No such file"),
    (["--event-file", "/tmp"], "option '--event-file': /tmp cannot be written: Is a directory"),
  ])
  func refuses(_ options: [String], _ message: String) {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(["serve"] + options, terminal) == .usage)
    #expect(terminal.captured(.error).contains(message))
  }

  /// Entries that a full disk does not take are told of once, and so is the end of it.
  @Test func lostEntriesAreTold() async throws {
    let path = scratch.path + "/s.sock"
    let file = scratch.path + "/events"
    #expect(symlink("/dev/full", file) == 0)
    let run = try await onThread {
      let program = try Program(
        ["serve", "--listen", "unix:\(path)", "--loops", "1", "--event-file", file])
      try program.waitForError("\"ready\"")
      let machine: JSON = [
        "name": "m", "definition": JSON(Samples.pass), "roleArn": "arn:aws:iam::123456789012:role/r",
      ]
      _ = try Self.ask(path, Self.call("CreateStateMachine", machine.text))
      let order: JSON = ["stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"]
      _ = try Self.ask(path, Self.call("StartExecution", order.text))
      try program.waitForError("\"level\":\"error\"")
      #expect(unlink(file) == 0)
      _ = try Self.ask(path, Self.call("StartExecution", order.text))
      try program.waitForError("again")
      program.interrupt()
      return program.finish()
    }
    #expect(run.error.contains("entries could not be written to \(file)"))
    #expect(run.error.contains("entries are written to \(file) again"))
  }

  @Test(arguments: [
    ("/proc/foo", "/proc/foo cannot be made in /proc: No such file or directory"),
    ("/nowhere/x", "since the one that is to hold it does not exist"),
  ])
  func refusesToKeep(_ directory: String, _ message: String) {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(["serve", "--data", directory, "--port", "0"], terminal) == .failure)
    #expect(terminal.captured(.error).contains(message), "\(terminal.captured(.error))")
  }

  @Test func settingsHaveThreePlaces() throws {
    let file = try scratch.file(
      "serve.yaml", "data: /var/lib/x\nregion: eu-west-1\nlimit:\n  versions: 7\naccess-log: true\n")
    let terminal = Terminal(
      input: [], environment: ["STEPMILL_REGION": "eu-west-2", "STEPMILL_LISTEN": "127.0.0.1:1, unix:/tmp/s"])
    let status = CommandLineTool.run(
      ["serve", "--config", file, "--account", "111122223333", "--print-config"], terminal)
    #expect(status == .success)
    let lines = terminal.captured(.output).split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
    #expect(lines.contains("listen 127.0.0.1:1, unix:/tmp/s STEPMILL_LISTEN"))
    #expect(lines.contains("region eu-west-2 STEPMILL_REGION"))
    #expect(lines.contains("data /var/lib/x \(file)"))
    #expect(lines.contains("limit versions=7 \(file)"))
    #expect(lines.contains("access-log true \(file)"))
    #expect(lines.contains("account 111122223333 option"))
    for line in [
      "drain 10 default", "durability process default", "retention-days 90 default",
      "access-log true \(file)",
      "limit aliases=100 default", "tls-key - default",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
    let plain = Terminal(input: [])
    #expect(CommandLineTool.run(["serve", "--print-config"], plain) == .success)
    #expect(plain.captured(.output).contains(/listen +127.0.0.1:8083 +default/))
  }

  /// Where clients find a server is no setting of one.
  @Test func theClientsVariableIsNoSetting() {
    let terminal = Terminal(
      input: [],
      environment: [
        "STEPMILL_ENDPOINT": "http://127.0.0.1:9083", "STEPMILL_ENDPOINTS": "sqs=http://127.0.0.1:5",
      ])
    #expect(CommandLineTool.run(["serve", "--print-config"], terminal) == .success)
    #expect(terminal.captured(.output).contains("sqs=http://127.0.0.1:5"))
    #expect(!terminal.captured(.output).contains("9083") && terminal.captured(.error).isEmpty)
  }

  @Test func misspeltVariablesAreTold() {
    let terminal = Terminal(
      input: [],
      environment: ["STEPMILL_LISTN": "x", "STEPMILL_QQ": "1", "STEPMILL_SEED": "7", "STEPMILL_DRAIN": "3"])
    #expect(CommandLineTool.run(["serve", "--print-config"], terminal) == .success)
    let told = terminal.captured(.error)
    #expect(told.split(separator: "\n").count == 2)
    #expect(
      told.contains("STEPMILL_LISTN is no setting and changes nothing; did you mean STEPMILL_LISTEN?\""))
    #expect(told.contains("STEPMILL_QQ is no setting and changes nothing\""))
  }

  @Test func unitsCarryTheOptions() {
    let terminal = Terminal(input: [])
    let status = CommandLineTool.run(
      [
        "serve", "--print-unit", "--data", "/srv/50% of it", "--task", #"a=echo "$X""#, "--access-log",
        "--drain", "30",
      ], terminal)
    #expect(status == .success)
    let unit = terminal.captured(.output)
    let command = unit.split(separator: "\n").first { $0.hasPrefix("ExecStart=/") } ?? ""
    #expect(
      command.hasSuffix(
        #" serve --data "/srv/50%% of it" --task "a=echo \"$$X\"" --drain 30 --access-log"#), "\(command)")
    #expect(unit.contains("ReadWritePaths=\"/srv/50%% of it\"\n") && unit.contains("TimeoutStopSec=50\n"))
    let other = Terminal(input: [])
    _ = CommandLineTool.run(["serve", "--print-unit"], other)
    #expect(other.captured(.output).contains(" serve --data %S/stepmill\n"))
  }

  /// A service starts elsewhere, in another environment, and may write to little.
  @Test func unitsMeanTheSameElsewhere() throws {
    let buffer = try #require(getcwd(nil, 0))
    let here = String(cString: buffer)
    free(buffer)
    let file = try scratch.file(
      "serve.yaml", "region: eu-west-1\nlog-file: ./logs/x\nmocks: \(scratch.path)/m\n")
    _ = try scratch.file("m", "{}")
    let terminal = Terminal(
      input: [],
      environment: [
        "STEPMILL_PORT": "80", "STEPMILL_CONFIG": file, "STEPMILL_ACCESS_LOG": "no",
        "STEPMILL_LIMIT": "connections=100",
      ])
    let status = CommandLineTool.run(
      [
        "serve", "--print-unit", "--data", "/srv/rel/.././data", "--listen", "unix:/run/stepmill/s",
        "--credentials",
        "creds", "--event-file", "/var/tmp/e",
      ], terminal)
    #expect(status == .success, "\(terminal.captured(.error))")
    let lines = terminal.captured(.output).split(separator: "\n")
    let command = lines.first { $0.hasPrefix("ExecStart=/") } ?? ""
    #expect(
      command.hasSuffix(
        " serve --listen unix:/run/stepmill/s --port 80 --data /srv/data --limit connections=100"
          + " --log-file \(here)/logs/x --event-file /var/tmp/e --credentials \(here)/creds --config \(file)"),
      "\(command)")
    for line in [
      "RuntimeDirectory=stepmill", "StateDirectory=stepmill",
      "Environment=STEPMILL_ACCESS_LOG=false", "LimitNOFILE=1124", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "# /var/tmp is not seen: the service has a /tmp of its own.",
    ] {
      #expect(lines.contains { $0 == line }, "\(line)")
    }
    #expect(lines.contains { $0.hasPrefix("ReadWritePaths=/srv/data") })
  }

  @Test func unknownSettingsAreNamed() throws {
    let file = try scratch.file("serve.json", "{\"dta\": \"x\"}")
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(["serve", "--config", file, "--print-config"], terminal) == .usage)
    #expect(terminal.captured(.error).contains("has no setting 'dta'; did you mean 'data'?"))
  }

  // MARK: Asking

  private static func call(_ operation: String, _ body: String) -> String {
    "POST / HTTP/1.1\r\nHost: sync-states.local\r\nX-Amz-Target: AWSStepFunctions.\(operation)\r\n"
      + "Content-Type: application/x-amz-json-1.0\r\nContent-Length: \(body.utf8.count)\r\n"
      + "Connection: close\r\n\r\n\(body)"
  }

  /// Sends a request and reads until the server closes.
  private static func ask(_ path: String, _ request: String) throws -> String {
    let file = try reach(path)
    defer { close(file) }
    let bytes = Array(request.utf8)
    try #require(write(file, bytes, bytes.count) == bytes.count)
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while case let count = read(file, &piece, piece.count), count > 0 { answer += piece[..<count] }
    return String(decoding: answer, as: UTF8.self)
  }

  /// A connection.
  private static func reach(_ path: String) throws -> Int32 {
    let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    // Whoever waits for longer waits in vain.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(code == 0)
    return file
  }
}
