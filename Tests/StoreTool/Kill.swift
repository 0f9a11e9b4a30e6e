import Stepmill
import StepmillServer
import StepmillStore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A server under load, which writes down what it has acknowledged: a letter for what it was
/// and a name, a line each.
struct Load {
  let directory: String

  func run() throws {
    let world = try World(SQLiteStore(directory: directory))
    world.create("quick", World.pass)
    world.create("slow", World.wait)
    Self.line("ready")
    for chain in 0..<64 { Self.next(world, chain) }
    while true { pause() }
  }

  /// One line at once: a killed process leaves none by half.
  private static func line(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
  }

  private static let counter = Atomic<Int>(0)

  private static func next(_ world: World, _ chain: Int) {
    let number = counter.add(1, ordering: .relaxed).newValue
    let name = "\(getpid())-\(number)"
    switch number % 50 {
    case 0:
      let machine: JSON = [
        "name": JSON("m\(name)"), "definition": JSON(World.pass),
        "roleArn": "arn:aws:iam::123456789012:role/r",
      ]
      send(world, chain, "CreateStateMachine", machine, "M m\(name)")
    case 1:
      // Stopped when it was started: its end is acknowledged.
      let order: JSON = [
        "stateMachineArn": JSON(World.prefix + "stateMachine:slow"), "name": JSON(name), "input": "{}",
      ]
      world.service.handle("StartExecution", body: order.utf8, scope: World.scope) { answer in
        precondition(answer.status == 200, String(decoding: answer.body, as: UTF8.self))
        line("S slow:\(name)")
        let order: JSON = ["executionArn": JSON(World.prefix + "execution:slow:\(name)")]
        send(world, chain, "StopExecution", order, "X slow:\(name)")
      }
    default:
      let machine = number % 4 == 2 ? "slow" : "quick"
      let order: JSON = [
        "stateMachineArn": JSON(World.prefix + "stateMachine:\(machine)"), "name": JSON(name),
        "input": JSON("{\"number\":\(number),\"text\":\"\(String(repeating: "x", count: number % 3000))\"}"),
      ]
      send(world, chain, "StartExecution", order, "S \(machine):\(name)")
    }
  }

  private static func send(_ world: World, _ chain: Int, _ operation: String, _ body: JSON, _ done: String) {
    world.service.handle(operation, body: body.utf8, scope: World.scope) { answer in
      precondition(answer.status == 200, String(decoding: answer.body, as: UTF8.self))
      line(done)
      next(world, chain)
    }
  }
}

/// Kills a server at random moments, and looks whether everything is there.
struct KillTest {
  let rounds: Int
  let directory: String?

  func run() -> Bool {
    let temporary = TemporaryDirectory()
    let directory = directory ?? temporary.path
    var acknowledged = 0
    for round in 1...rounds {
      let milliseconds = UInt32.random(in: 5...250)
      guard let lines = kill(after: milliseconds, directory) else {
        print("round \(round): the server did not start")
        return false
      }
      acknowledged += lines.count
      let missing = missing(lines, directory)
      print(
        "round \(round): killed after \(milliseconds) ms, \(lines.count) acknowledged, \(missing.count) missing"
      )
      for line in missing.prefix(10) { print("  \(line)") }
      if !missing.isEmpty { return false }
    }
    print("\(acknowledged) acknowledged, none missing")
    return true
  }

  /// What a server acknowledged until it was killed.
  private func kill(after milliseconds: UInt32, _ directory: String) -> [String]? {
    let file = directory + "/acknowledged"
    unsafe unlink(file)
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 1, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    let texts = ["stepmill-store", "load", directory]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { (text: String) in unsafe strdup(text) }
    unsafe words.append(nil)
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var process: pid_t = 0
    guard unsafe posix_spawn(&process, "/proc/self/exe", &actions, nil, &words, environ) == 0 else {
      return nil
    }
    let deadline = Clock.seconds + 30
    var status: Int32 = 0
    while text(file).isEmpty {
      guard Clock.seconds < deadline, unsafe waitpid(process, &status, WNOHANG) == 0 else { return nil }
      usleep(2000)
    }
    usleep(milliseconds * 1000)
    Glibc.kill(process, SIGKILL)
    unsafe waitpid(process, &status, 0)
    guard status & 0x7F == SIGKILL else { return nil }
    return text(file).split(separator: "\n").map(String.init).filter { $0 != "ready" }
  }

  private func text(_ path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return String(decoding: all, as: UTF8.self) }
      all += buffer[..<count]
    }
  }

  /// How the history of an execution ends that is over.
  private let ends = [
    "SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "ABORTED": "ExecutionAborted",
  ]

  private func missing(_ lines: [String], _ directory: String) -> [String] {
    do {
      let store = try SQLiteStore(directory: directory)
      defer { try? store.close() }
      let world = try World(store)
      defer { world.shutDown() }
      let stopped = Set(lines.filter { $0.hasPrefix("X") }.map { $0.dropFirst(2) })
      return lines.filter { line in
        let name = String(line.dropFirst(2))
        if line.hasPrefix("M") {
          let answer = world.call(
            "DescribeStateMachine", ["stateMachineArn": JSON(World.prefix + "stateMachine:" + name)])
          return answer.body["definition"]?.string != World.pass
        }
        let arn = JSON(World.prefix + "execution:" + name)
        let state = world.call("DescribeExecution", ["executionArn": arn]).body["status"]?.string
        if stopped.contains(Substring(name)) { return state != "ABORTED" }
        // A stop may have been written and not acknowledged.
        guard let state, let end = ends[state], state != "ABORTED" || name.hasPrefix("slow") else {
          return true
        }
        let history = world.call("GetExecutionHistory", ["executionArn": arn, "maxResults": 1000]).body
        let types = history["events"]?.array?.compactMap { $0["type"]?.string } ?? []
        return types.first != "ExecutionStarted" || types.last != end
      }
    } catch {
      return ["the store does not open: \(error)"]
    }
  }
}
