import Testing

@testable import Stepmill
@testable import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Answers by target: at once, later on the loop, later from another thread, bit by bit, never.
final class TestHandler: HTTPHandler {
  let held = Lock<[HTTPResponder]>([])
  let heldCount = Signal()
  let abandoned = Signal()

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    let body = Array(request.body)
    switch request.target {
    case "/now": respond.send(status: 200, fields: "", body: request.body)
    case "/loop":
      let respond = respond
      respond.loop.post { respond.send(status: 200, body: body) }
    case "/thread":
      let thread = try? Thread(name: "answer") { respond.send(status: 200, body: body) }
      _ = thread
    case "/twice":
      respond.send(status: 200, body: Array("first".utf8))
      respond.send(status: 500, body: Array("second".utf8))
    case "/stream":
      let stream = respond.stream(status: 200, headers: [("Content-Type", "text/event-stream")])
      stream.write(event: "one", data: "1\n2")
      let thread = try? Thread(name: "answer") {
        stream.write(data: "3")
        stream.end()
      }
      _ = thread
    case "/hold", "/watch":
      if request.target == "/watch" { respond.whenAbandoned { [abandoned] in abandoned.raise() } }
      held.withLock { $0.append(respond) }
      heldCount.raise()
    case "/large":
      respond.send(status: 200, body: [UInt8](repeating: 0x61, count: 4 << 20))
    case "/split":
      respond.send(status: 200, headers: [("X-Value", "a\r\nInjected: yes")], body: [])
    case "/nothing": respond.send(status: 204)
    default: respond.send(status: 404, body: Array(request.target.utf8))
    }
  }
}

/// Something that happens on another thread, and that a test waits for. The semaphore may be used
/// from any thread.
final class Signal: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func raise() { sem_post(semaphore) }

  /// True unless ten seconds pass.
  func wait() -> Bool {
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_sec += 10
    while sem_timedwait(semaphore, &until) != 0 { if errno != EINTR { return false } }
    return true
  }
}

/// A server, its runtime and its handler.
final class TestServer {
  let runtime: Runtime
  let handler = TestHandler()
  let server: HTTPServer
  var address: HTTPAddress { server.addresses[0] }

  init(
    loops: Int = 1, at addresses: [HTTPAddress] = [.tcp(host: "127.0.0.1", port: 0)],
    _ change: (inout HTTPServer.Configuration) -> Void = { _ in }
  ) throws {
    var runtimeConfiguration = Runtime.Configuration()
    runtimeConfiguration.loops = loops
    runtime = try Runtime(runtimeConfiguration)
    var configuration = HTTPServer.Configuration()
    change(&configuration)
    server = try HTTPServer(on: runtime, at: addresses, handler: handler, configuration: configuration)
  }

  deinit { stop() }

  func stop() {
    let stopped = Signal()
    server.stop { stopped.raise() }
    #expect(stopped.wait())
  }

  func client() throws -> TestClient { try TestClient(address) }
}

func request(_ target: String, body: String = "", headers: String = "", method: String = "POST") -> String {
  "\(method) \(target) HTTP/1.1\r\nHost: test\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
}

/// Proves that the server answers, in order and once, over real sockets, and that clients who
/// do wrong or nothing harm only themselves.
@Suite struct HTTPServerTests {

  @Test(arguments: ["/now", "/loop", "/thread"]) func answers(target: String) throws {
    let server = try TestServer(loops: 2)
    let client = try server.client()
    for body in ["", "hello", String(repeating: "x", count: 200_000)] {
      client.send(request(target, body: body))
      let answer = client.answer()
      #expect(answer.status == 200 && answer.body == body)
      #expect(answer["Date"]?.hasSuffix("GMT") == true && answer["Connection"] == nil)
    }
  }

  @Test func pipelinedRequestsAreAnsweredInOrder() throws {
    let server = try TestServer()
    let client = try server.client()
    let targets = ["/now", "/thread", "/now", "/loop", "/twice", "/now", "/thread", "/missing"]
    var all = ""
    for round in 0..<50 { for target in targets { all += request(target, body: "\(round)\(target)") } }
    client.send(all)
    for round in 0..<50 {
      for target in targets {
        let body = target == "/twice" ? "first" : target == "/missing" ? target : "\(round)\(target)"
        #expect(client.answer().body == body)
      }
    }
    #expect(server.server.counters.requests == 400)
    #expect(server.server.counters.answers4xx == 50)
  }

  @Test func aRequestMayComeByteByByte() throws {
    let server = try TestServer()
    let client = try server.client()
    let text =
      request("/now", body: "abc")
      + "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    for byte in text.utf8 { client.send([byte]) }
    #expect(client.answer().body == "abc")
    #expect(client.answer().body == "abcdefg")
  }

  @Test func manyChunksMakeOneBody() throws {
    let server = try TestServer()
    let client = try server.client()
    var text = "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in 0..<30_000 { text += "5\r\nhello\r\n" }
    client.send(text + "0\r\n\r\n")
    #expect(client.answer().body == String(repeating: "hello", count: 30_000))
  }

  @Test func continueIsSaidToThoseWhoWait() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    client.send("abc")
    #expect(client.answer().body == "abc")
    client.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
    #expect(client.answer().body == "abc")
  }

  @Test func headHasNoBody() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(
      request("/now", body: "abc", method: "HEAD") + request("/nothing") + request("/now", body: "x"))
    #expect(client.answer(toHead: true)["Content-Length"] == "3")
    let nothing = client.answer()
    #expect(nothing.status == 204 && nothing["Content-Length"] == nil)
    #expect(client.answer().body == "x")
  }

  @Test func connectionsEndWhenAsked() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/now", body: "x", headers: "Connection: close\r\n") + request("/now"))
    let answer = client.answer()
    #expect(answer.body == "x" && answer["Connection"] == "close")
    #expect(client.readToEnd() == "")
    let old = try server.client()
    old.send("POST /now HTTP/1.0\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
    #expect(old.answer()["Connection"] == "keep-alive")
    old.send("GET /now HTTP/1.0\r\n\r\n")
    #expect(old.readToEnd().contains("Connection: close"))
  }

  @Test func aClientThatSendsNoMoreIsAnswered() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/thread", body: "x"))
    client.endOutput()
    #expect(client.answer().body == "x")
    #expect(client.readToEnd() == "")
  }

  @Test func malformedRequestsGetASentence() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/now", body: "x") + "GET / HTTP/1.1\r\nHost : x\r\n\r\n" + request("/now"))
    #expect(client.answer().body == "x")
    let answer = client.answer()
    #expect(answer.status == 400 && answer.body == HTTPRefusal.badFieldName.message + "\n")
    #expect(answer["Connection"] == "close" && client.readToEnd() == "")
    #expect(server.server.counters.refused == 1)
  }

  @Test func noValueBeginsAHeaderOfItsOwn() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/split"))
    let answer = client.answer()
    #expect(answer["X-Value"] == "a  Injected: yes" && answer["Injected"] == nil)
  }

  @Test func streamsComeInChunks() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/stream") + request("/now", body: "after"))
    let head = client.read(until: "\r\n\r\n")
    #expect(head.contains("Transfer-Encoding: chunked") && !head.contains("Content-Length"))
    let body = client.read(until: "0\r\n\r\n")
    #expect(
      body == "1f\r\nevent: one\ndata: 1\ndata: 2\n\n\r\n" + "9\r\ndata: 3\n\n\r\n0\r\n\r\n"
        || body.hasSuffix("0\r\n\r\n"))
    #expect(body.contains("data: 1\ndata: 2\n\n") && body.contains("data: 3\n\n"))
    #expect(client.answer().body == "after")
    let old = try server.client()
    old.send("GET /stream HTTP/1.0\r\n\r\n")
    let text = old.readToEnd()
    #expect(
      text.hasSuffix("\r\n\r\nevent: one\ndata: 1\ndata: 2\n\ndata: 3\n\n") && !text.contains("chunked"))
  }

  @Test func whoGoesAwayIsNoticed() throws {
    let server = try TestServer()
    do {
      let client = try server.client()
      client.send(request("/watch"))
      #expect(server.handler.heldCount.wait())
    }
    #expect(server.handler.abandoned.wait())
    // The late answer harms nobody.
    for responder in server.handler.held.withLock({ $0 }) { responder.send(status: 200) }
    let other = try server.client()
    other.send(request("/now", body: "x"))
    #expect(other.answer().body == "x")
  }

  @Test func largeAnswersWaitForSlowReaders() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/large") + request("/now", body: "x"))
    #expect(client.answer().body.utf8.count == 4 << 20)
    #expect(client.answer().body == "x")
  }

  @Test func readersWhoTakeNothingAreCutOff() throws {
    let server = try TestServer { $0.limits.outputBytesMax = 1 << 20 }
    let client = try server.client()
    for _ in 0..<8 { client.send(request("/large")) }
    client.readToEnd()
    #expect(server.server.counters.evicted == 1)
  }

  @Test func whoSendsWithoutWaitingIsStopped() throws {
    let server = try TestServer { $0.limits.pipelineBytesMax = 1000 }
    let client = try server.client()
    client.send(request("/hold"))
    #expect(server.handler.heldCount.wait())
    for index in 0..<100 {
      client.send(request("/now", body: "\(index)" + String(repeating: "x", count: 500)))
    }
    for responder in server.handler.held.withLock({ $0 }) { responder.send(status: 200, body: [0x61]) }
    #expect(client.answer().body == "a")
    for index in 0..<100 { #expect(client.answer().body.hasPrefix("\(index)x")) }
  }

  @Test func slowRequestsAreEvicted() throws {
    let server = try TestServer {
      $0.limits.headMilliseconds = 1
      $0.limits.bodyMilliseconds = 1
    }
    let head = try server.client()
    head.send("GET / HT")
    #expect(head.answer().status == 408)
    let body = try server.client()
    body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
    #expect(body.answer().status == 408)
    #expect(body.readToEnd() == "")
    #expect(server.server.counters.evicted == 2)
  }

  @Test func idleConnectionsEnd() throws {
    let server = try TestServer { $0.limits.idleMilliseconds = 1 }
    let client = try server.client()
    #expect(client.readToEnd() == "")
  }

  @Test func whatNobodyAnswersIsAnswered() throws {
    let server = try TestServer { $0.limits.answerMilliseconds = 1 }
    let client = try server.client()
    client.send(request("/hold"))
    #expect(client.answer().status == 503)
  }

  @Test func tooManyConnectionsAreTurnedAway() throws {
    let server = try TestServer { $0.limits.connectionsMax = 2 }
    let clients = [try server.client(), try server.client()]
    for client in clients {
      client.send(request("/now", body: "x"))
      #expect(client.answer().body == "x")
    }
    let third = try server.client()
    #expect(third.answer().status == 503)
  }

  @Test func drainingAnswersWhatIsUnderWay() throws {
    let server = try TestServer(loops: 2)
    let idle = try server.client()
    idle.send(request("/now", body: "x"))
    #expect(idle.answer().body == "x")
    let busy = try server.client()
    busy.send(request("/hold"))
    #expect(server.handler.heldCount.wait())
    let drained = Signal()
    server.server.drain(milliseconds: 60_000) { drained.raise() }
    #expect(idle.readToEnd() == "")
    #expect(throws: HTTPServerError.self) {
      // The listener goes on each loop in its own time.
      while true { _ = try TestClient(server.address).readToEnd() }
    }
    for responder in server.handler.held.withLock({ $0 }) { responder.send(status: 200, body: [0x61]) }
    let answer = busy.answer()
    #expect(answer.body == "a" && answer["Connection"] == "close")
    #expect(busy.readToEnd() == "")
    #expect(drained.wait())
  }

  @Test func theRuntimeMayEndFirst() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request("/hold"))
    #expect(server.handler.heldCount.wait())
    server.runtime.core.stop()
    #expect(client.readToEnd() == "")
    for responder in server.handler.held.withLock({ $0 }) { responder.send(status: 200) }
  }

  @Test func unixSocketsAndIPv6() throws {
    let path = "/tmp/stepmill-test-\(getpid()).sock"
    let server = try TestServer(
      loops: 2, at: [.unix(path: path), .tcp(host: "::1", port: 0), .tcp(host: "127.0.0.1", port: 0)])
    for address in server.server.addresses {
      let client = try TestClient(address)
      client.send(request("/now", body: "\(address)"))
      #expect(client.answer().body == "\(address)")
    }
    // A second server is told; a socket that nobody listens on is taken over.
    #expect(
      throws: HTTPServerError(
        "unix:\(path) is in use by another process; stop that one, or choose another port or path.")
    ) {
      _ = try TestServer(at: [.unix(path: path)])
    }
    server.stop()
    #expect(access(path, F_OK) != 0)
  }

  /// What is no socket is nobody's to remove.
  @Test func aFileIsNoSocket() throws {
    let path = "/tmp/stepmill-test-\(getpid()).txt"
    let file = open(path, O_CREAT | O_WRONLY, 0o600)
    try #require(file >= 0)
    close(file)
    defer { unlink(path) }
    #expect(throws: HTTPServerError("there is something at \(path) that is no socket; choose another path."))
    {
      _ = try TestServer(at: [.unix(path: path)])
    }
    #expect(access(path, F_OK) == 0)
  }

  @Test func inheritedSocketsServe() throws {
    let (sockets, bound) = try ListeningSocket.open(.tcp(host: "127.0.0.1", port: 0), count: 1)
    let server = try TestServer(loops: 2, at: [.inherited(descriptor: sockets[0].descriptor)])
    for _ in 0..<20 {
      let client = try TestClient(bound)
      client.send(request("/now", body: "x"))
      #expect(client.answer().body == "x")
    }
    #expect(server.server.addresses == [bound])
  }

  @Test func whatCannotBeListenedOnIsExplained() throws {
    let server = try TestServer(loops: 2)
    #expect(
      throws: HTTPServerError(
        "\(server.address) is in use by another process; stop that one, or choose another port or path.")
    ) {
      _ = try TestServer(loops: 2, at: [server.address])
    }
    #expect(
      throws: HTTPServerError(
        "192.0.2.1:80 is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are.")
    ) {
      _ = try TestServer(at: [.tcp(host: "192.0.2.1", port: 80)])
    }
    for (text, part) in [
      ("8083", "HOST:PORT"), ("a:b", "HOST:PORT"), ("127.0.0.1:70000", "0 to 65535"), ("::1:80", "brackets"),
      ("example.org:80", "not an IP address"), ("unix:", "names no path"),
    ] {
      #expect("\(#expect(throws: HTTPServerError.self) { _ = try HTTPAddress(text) }!)".contains(part))
    }
    #expect(try HTTPAddress("localhost:80") == .tcp(host: "127.0.0.1", port: 80))
    #expect(try HTTPAddress("[::1]:80").description == "[::1]:80")
    #expect(try HTTPAddress(":80").isLocal == false)
  }

  @Test func requestsAreLogged() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    do {
      let log = AccessLog(descriptor: ends[1])
      let server = try TestServer { $0.log = log }
      let client = try server.client()
      client.send(request("/now", body: "x", headers: "X-Amz-Target: AWSStepFunctions.A\"b\r\n") + "\n")
      client.readToEnd()
      server.stop()
    }
    var text = [UInt8](repeating: 0, count: 4096)
    let count = read(ends[0], &text, text.count)
    let lines = String(decoding: text[..<max(count, 0)], as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2)
    let first = try JSON(String(lines[0]), parse: ())
    #expect(first["status"]?.int == 200 && first["action"]?.string == "AWSStepFunctions.A\"b")
    #expect(lines.last?.contains("\"refused\":\"A line ends with LF alone") == true)
    close(ends[0])
    close(ends[1])
  }
}

extension JSON {
  fileprivate init(_ text: String, parse: Void) throws { try self.init(parsing: Array(text.utf8)) }
}
