import LimitHTTP
import Stepmill
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What a request costs: on the bare codec, with an execution behind it, and on the least that a
// server in C can do. The servers run in processes of their own with one loop each, the load
// comes from this one, and all take turns within one run, so that the ratios hold on a busy
// machine. Rates are per second of the server's processor time as well as by the clock.

@main struct HTTPBenchmarks {
  static let help = """
    usage: stepmill-http-benchmarks [--seconds N] [--connections N] [--idle N]

    Requests per second that one loop answers: a fixed answer (ok), an execution of three states
    (execute), and a server in C that does the least (floor).

      --seconds N      length of a round (default 1); there are five of each
      --connections N  at work at once (default 64)
      --idle N         connections that are open and say nothing meanwhile (default 0)

    """

  static let input =
    #"{"orderId":123456,"customer":{"name":"Ada","tier":"gold"},"lines":[{"sku":"A-17","quantity":2}]}"#
  static let definition = #"""
    {"StartAt": "Take", "States": {
      "Take": {"Type": "Pass", "Parameters": {"id.$": "$.orderId", "who.$": "$.customer"}, "ResultPath": "$.order", "Next": "Check"},
      "Check": {"Type": "Choice", "Choices": [{"Variable": "$.order.who.tier", "StringEquals": "gold", "Next": "Done"}], "Default": "Done"},
      "Done": {"Type": "Succeed"}}}
    """#

  static func main() throws {
    var seconds = 1.0
    var connections = 64
    var idle = 0
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch (argument, arguments.first) {
      case ("--serve", let mode?): return try serve(mode)
      case ("--seconds", let text?) where Double(text) != nil: seconds = Double(text)!
      case ("--connections", let text?) where Int(text) != nil: connections = Int(text)!
      case ("--idle", let text?) where Int(text) != nil: idle = Int(text)!
      case ("--help", _): return print(help, terminator: "")
      default:
        write("stepmill-http-benchmarks: '\(argument)' is not understood\n\(help)", to: 2)
        exit(2)
      }
      _ = arguments.popFirst()
    }
    compare(seconds, connections, idle)
  }

  static func write(_ text: String, to descriptor: Int32) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }

  // MARK: The servers

  static func serve(_ mode: String) throws {
    let output = try executed(Array(input.utf8))
    if mode == "floor" { exit(limit_http_serve(output.count, input.utf8.count, 1)) }
    var configuration = Runtime.Configuration()
    configuration.loops = 1
    let runtime = try Runtime(configuration)
    let handler: any HTTPHandler =
      mode == "ok" ? Fixed(output) : Executor(try runtime.workflow(definition))
    let server = try HTTPServer(on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: handler)
    guard case .tcp(_, let port) = server.addresses[0] else { exit(1) }
    write("\(port)\n", to: 1)
    // Until whoever started this lets go.
    while getchar() != EOF {}
    exit(0)
  }

  static func executed(_ input: [UInt8]) throws -> [UInt8] {
    var configuration = Runtime.Configuration()
    configuration.loops = 0
    let workflow = try Runtime(configuration).workflow(definition)
    var output: [UInt8] = []
    _ = try input.withUnsafeBytes { try workflow.runInPlace(utf8: $0, into: &output) }
    return output
  }

  // MARK: The load

  struct Server {
    var mode: String
    var pid: pid_t
    var port: UInt16
    var answers: [Double] = []
    var processor: [Double] = []
    var latencies = limit_http_result()
  }

  static func start(_ mode: String) -> Server {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { fatalError("no pipes") }
    // This end stays open until the process ends; then the child ends as well.
    _ = fcntl(toChild[1], F_SETFD, FD_CLOEXEC)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    var pid = pid_t()
    let words: [UnsafeMutablePointer<CChar>?] =
      ["stepmill-http-benchmarks", "--serve", mode].map { (word: String) in strdup(word) } + [nil]
    guard posix_spawn(&pid, "/proc/self/exe", &actions, nil, words, environ) == 0 else {
      fatalError("no process")
    }
    close(toChild[0])
    close(fromChild[1])
    var line = [UInt8](repeating: 0, count: 32)
    let count = read(fromChild[0], &line, line.count)
    guard count > 1, let port = UInt16(String(decoding: line[..<(count - 1)], as: UTF8.self)) else {
      fatalError("the server '\(mode)' did not start")
    }
    return Server(mode: mode, pid: pid, port: port)
  }

  static func compare(_ seconds: Double, _ connections: Int, _ idle: Int) {
    var servers = ["floor", "ok", "execute"].map(start)
    let head =
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:8083\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\n"
      + "Content-Type: application/x-amz-json-1.0\r\nUser-Agent: benchmark\r\n"
      + "Content-Length: \(input.utf8.count)\r\n\r\n"
    let request = Array((head + input).utf8)
    var errors: UInt64 = 0
    if idle > 0 {
      // One server is enough: descriptors of this process are limited.
      let before = residentBytes(servers[2].pid)
      let count = Int(limit_http_idle(servers[2].port, Int32(idle)))
      // An answer on one more connection says that the others were accepted.
      _ = limit_http_load(servers[2].port, 1, 0.2, 0, request, request.count)
      let bytes = (residentBytes(servers[2].pid) - before) / max(count, 1)
      print("execute has \(count) idle connections of about \(bytes) bytes")
    }
    for round in 0..<6 {
      for index in servers.indices {
        let before = limit_http_processor_time(servers[index].pid)
        let result = limit_http_load(
          servers[index].port, Int32(connections), seconds, 0, request, request.count)
        errors += result.errors
        // The first round warms up.
        guard round > 0 else { continue }
        let used = Double(limit_http_processor_time(servers[index].pid) - before) * 1e-9
        servers[index].answers.append(Double(result.answers) / result.seconds)
        servers[index].processor.append(Double(result.answers) / used)
      }
    }
    for index in servers.indices {
      servers[index].latencies = limit_http_load(
        servers[index].port, Int32(connections), 2 * seconds, median(servers[index].answers) / 2, request,
        request.count)
    }
    report(servers, errors)
    for server in servers { kill(server.pid, SIGTERM) }
  }

  /// Memory that a process occupies.
  static func residentBytes(_ pid: pid_t) -> Int {
    let file = open("/proc/\(pid)/statm", O_RDONLY)
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = read(file, &text, text.count)
    let words = String(decoding: text[..<max(count, 0)], as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
  }

  static func median(_ figures: [Double]) -> Double { figures.sorted()[figures.count / 2] }

  static func report(_ servers: [Server], _ errors: UInt64) {
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.count, 1)) + text
    }
    print("server       requests/s   per CPU s   of ok   p50 us   p99 us   (at half of that rate)")
    let ok = median(servers[1].processor)
    for server in servers {
      let rate = median(server.processor)
      print(
        server.mode + padded("\(Int(median(server.answers)))", 23 - server.mode.count)
          + padded("\(Int(rate))", 12)
          + padded("\(Int((100 * rate / ok).rounded())) %", 8) + padded("\(Int(server.latencies.p50))", 9)
          + padded("\(Int(server.latencies.p99))", 9))
    }
    if errors > 0 { print("\(errors) errors") }
  }
}

/// The same answer to everything.
final class Fixed: HTTPHandler {
  private let body: [UInt8]
  init(_ body: [UInt8]) { self.body = body }

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    body.withUnsafeBytes {
      respond.send(status: 200, fields: "Content-Type: application/x-amz-json-1.0\r\n", body: $0)
    }
  }
}

/// An execution for each request, on the loop's own thread. There is one loop, and so one
/// output at a time; that is what `@unchecked Sendable` stands on.
final class Executor: HTTPHandler, @unchecked Sendable {
  private let workflow: Workflow
  private var output: [UInt8] = []
  init(_ workflow: Workflow) { self.workflow = workflow }

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    guard (try? workflow.runInPlace(utf8: request.body, into: &output)) == .some(nil) else {
      return respond.send(status: 400)
    }
    output.withUnsafeBytes {
      respond.send(status: 200, fields: "Content-Type: application/x-amz-json-1.0\r\n", body: $0)
    }
  }
}
