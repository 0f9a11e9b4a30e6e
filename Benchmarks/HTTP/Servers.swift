import LimitHTTP
import Stepmill
import StepmillCommands
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A server in a process of its own: this program once more.
struct Server {
  let pid: pid_t
  let port: UInt16

  /// Memory that it occupies.
  var residentBytes: Int {
    let file = open("/proc/\(pid)/statm", O_RDONLY)
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = read(file, &text, text.count)
    let words = String(decoding: text[..<max(count, 0)], as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
  }

  var processorNanoseconds: UInt64 { limit_http_processor_time(pid) }

  /// One call; the head and the body of its answer.
  func call(_ request: [UInt8]) -> (head: Int, body: JSON)? {
    var answer = [UInt8](repeating: 0, count: 8 << 20)
    let size = limit_http_call(port, request, request.count, &answer, answer.count)
    let text = answer[..<size]
    guard let end = text.indices.first(where: { text[$0...].starts(with: [13, 10, 13, 10]) }),
      let body = try? JSON(parsing: Array(text[(end + 4)...]))
    else { return nil }
    return (end + 4, body)
  }

  func load(
    _ request: [UInt8], connections: Int, seconds: Double, rate: Double = 0
  ) -> limit_http_result {
    limit_http_load(port, Int32(connections), seconds, rate, request, request.count)
  }
}

enum Servers {
  nonisolated(unsafe) private static var pids: [pid_t] = []
  nonisolated(unsafe) private static var directories: [String] = []

  static func write(_ text: String, to descriptor: Int32) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Lines appear as they are made, in files as well.
  static func say(_ text: String) { write(text + "\n", to: 1) }

  static func fail(_ text: String) -> Never {
    write("stepmill-http-benchmarks: \(text)\n", to: 2)
    stopAll()
    exit(1)
  }

  // MARK: From outside

  /// Starts a server. It ends with this process at the latest, which holds its standard input.
  static func start(_ mode: String, _ arguments: [String] = []) -> Server {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { fail("no pipes") }
    _ = fcntl(toChild[1], F_SETFD, FD_CLOEXEC)
    _ = fcntl(fromChild[0], F_SETFD, FD_CLOEXEC)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    // What the server notes of itself is no news here.
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var pid = pid_t()
    let words: [UnsafeMutablePointer<CChar>?] =
      (["stepmill-http-benchmarks", "--serve", mode] + arguments).map { strdup($0) } + [nil]
    guard posix_spawn(&pid, "/proc/self/exe", &actions, nil, words, environ) == 0 else {
      fail("no process")
    }
    for word in words { free(word) }
    pids.append(pid)
    close(toChild[0])
    close(fromChild[1])
    // "61234", or "stepmill 1.0 listens on http://127.0.0.1:61234".
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(fromChild[0], &byte, 1) == 1, byte != 10 { line.append(byte) }
    let text = String(decoding: line, as: UTF8.self)
    guard let port = text.split(separator: ":").last.flatMap({ UInt16($0) }) else {
      fail("the server '\(mode)' did not start: \(text)")
    }
    return Server(pid: pid, port: port)
  }

  /// `stepmill serve` with one loop.
  static func startAPI(_ arguments: [String] = []) -> Server {
    start("api", ["--port", "0", "--loops", "1", "--limit", "open-executions=100000000"] + arguments)
  }

  static func temporaryDirectory() -> String {
    var template = Array("/tmp/stepmill-http-benchmark-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fail("no directory below /tmp") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    directories.append(path)
    return path
  }

  static func stop(_ server: Server) {
    kill(server.pid, SIGKILL)
    waitpid(server.pid, nil, 0)
    pids.removeAll { $0 == server.pid }
  }

  static func stopAll() {
    for pid in pids {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    pids = []
    for directory in directories { remove(directory) }
    directories = []
  }

  private static func remove(_ directory: String) {
    if let stream = opendir(directory) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { unlink("\(directory)/\(name)") }
      }
      closedir(stream)
    }
    rmdir(directory)
  }

  // MARK: Inside

  static func serve(_ mode: String, _ arguments: [String]) throws {
    switch mode {
    case "floor":
      exit(limit_http_serve(Int(arguments[0])!, Int(arguments[1])!, 1))
    case "api":
      // A parent that is gone cannot stop this one.
      Task.detached {
        while getchar() != EOF {}
        _exit(0)
      }
      exit(CommandLineTool.run(["serve"] + arguments, Terminal()).rawValue)
    default:
      break
    }
    var configuration = Runtime.Configuration()
    configuration.loops = 1
    let runtime = try Runtime(configuration)
    let handler: any HTTPHandler =
      mode == "ok" ? Fixed(size: Int(arguments[0])!) : Executor(try runtime.workflow(API.order))
    let server = try HTTPServer(on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: handler)
    guard case .tcp(_, let port) = server.addresses[0] else { exit(1) }
    write("\(port)\n", to: 1)
    // Until whoever started this lets go.
    while getchar() != EOF {}
    exit(0)
  }
}

/// The header lines of all answers.
private let fields: StaticString =
  "Content-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: 5f2b7a10-8a1c-4e0b-9f6e-0d9c2f1a7b3e\r\n"

/// The same answer to everything.
final class Fixed: HTTPHandler {
  private let body: [UInt8]
  init(size: Int) { body = [UInt8](repeating: UInt8(ascii: "x"), count: size) }

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    body.withUnsafeBytes { respond.send(status: 200, fields: fields, body: $0) }
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
    output.withUnsafeBytes { respond.send(status: 200, fields: fields, body: $0) }
  }
}
