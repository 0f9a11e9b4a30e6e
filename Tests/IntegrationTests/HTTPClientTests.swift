import Stepmill
import StepmillHTTP
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Says what it was sent; `/hold` is never answered, `/large` says much.
private final class Mirror: HTTPHandler {
  let connections = Lock<Set<UInt64>>([])

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    connections.withLock { _ = $0.insert(respond.connectionNumber) }
    switch request.target {
    case "/hold": break
    case "/large": respond.send(status: 200, body: [UInt8](repeating: 0x61, count: 1 << 20))
    case "/empty": respond.send(status: 204)
    case "/loop/../a%2Fb": respond.send(status: 200, body: Array("as it is".utf8))
    default:
      let headers = request.headers.map { "\($0.name)=\($0.value)" }.sorted().joined(separator: "\n")
      respond.send(
        status: request.isTarget("/missing") ? 404 : 200,
        headers: [("X-Method", request.method), ("X-Sent", headers.replacing("\n", with: "|"))],
        body: Array(request.body))
    }
  }
}

private typealias Answer = Result<HTTPClientResponse, HTTPClientError>

/// Proves that requests come back with their answer or a reason, over real sockets.
@Suite struct HTTPClientTests {
  private let runtime: Runtime
  private let server: HTTPServer
  private let mirror = Mirror()
  private let client: HTTPClient
  private var base: String { "http://\(server.addresses[0])" }

  init() throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 2
    runtime = try Runtime(configuration)
    // Tests take turns, and may have to wait for theirs; a connection is not to go meanwhile.
    var patient = HTTPServer.Configuration()
    patient.limits.idleMilliseconds = 3_600_000
    server = try HTTPServer(
      on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: mirror, configuration: patient)
    client = HTTPClient(on: runtime)
  }

  private func send(_ request: HTTPClientRequest, on loop: TenantLoop? = nil) async -> Answer {
    await withCheckedContinuation { continuation in
      client.send(request, on: loop) { continuation.resume(returning: $0) }
    }
  }

  /// Each is sent when the one before has its answer, and not when this test has its next turn: curl
  /// takes no connection again that was idle for two minutes. How many were answered.
  private func sendInARow(_ count: Int, _ request: HTTPClientRequest, on loop: TenantLoop) async -> Int {
    let client = client
    return await withCheckedContinuation { continuation in
      @Sendable func send(_ number: Int) {
        client.send(request, on: loop) { answer in
          if case .failure = answer { return continuation.resume(returning: number) }
          if number + 1 == count { return continuation.resume(returning: count) }
          send(number + 1)
        }
      }
      send(0)
    }
  }

  private func end() async {
    client.close()
    await withCheckedContinuation { continuation in server.stop { continuation.resume() } }
    await runtime.shutDown()
  }

  @Test func requestsAreAnswered() async throws {
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
      var request = HTTPClientRequest(method: method, url: base + "/a?b=c")
      request.headers = [("X-Amz-Target", "A.B"), ("X-Empty", "")]
      if method != "GET" { request.body = Array("body of \(method)".utf8) }
      let answer = try await send(request).get()
      #expect(answer.status == 200 && answer.header("x-method") == method)
      #expect(answer.body == request.body)
      let sent = answer.header("X-Sent") ?? ""
      #expect(
        sent.contains("X-Amz-Target=A.B") && sent.contains("X-Empty=") && sent.contains("Host=127.0.0.1"))
      // Nothing of curl's own.
      for name in ["Expect", "Accept", "Content-Type", "User-Agent"] { #expect(!sent.contains(name)) }
    }
    #expect(try await send(HTTPClientRequest(url: base + "/missing")).get().status == 404)
    #expect(try await send(HTTPClientRequest(url: base + "/empty")).get().status == 204)
    #expect(try await send(HTTPClientRequest(method: "HEAD", url: base + "/large")).get().body.isEmpty)
    #expect(try await send(HTTPClientRequest(url: base + "/loop/../a%2Fb")).get().text == "as it is")
    let large = HTTPClientRequest(method: "POST", url: base, body: [UInt8](repeating: 0x62, count: 3 << 20))
    #expect(try await send(large).get().body == large.body)
    await end()
  }

  @Test func connectionsAreUsedAgain() async throws {
    let loop = runtime.tenantLoops[0]
    #expect(await sendInARow(200, HTTPClientRequest(url: base + "/x"), on: loop) == 200)
    #expect(mirror.connections.withLock { $0.count } == 1)
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<500 {
        group.addTask {
          let body = Array("\(number)".utf8)
          let answer = await send(HTTPClientRequest(method: "POST", url: base, body: body))
          return (try? answer.get().body) == body
        }
      }
      for await isRight in group { #expect(isRight) }
    }
    await end()
  }

  private func kind(_ request: HTTPClientRequest) async -> HTTPClientError.Kind? {
    if case .failure(let error) = await send(request) { return error.kind }
    return nil
  }

  @Test func failuresHaveAReason() async throws {
    // A port that was somebody's a moment ago.
    let gone = try HTTPServer(on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: mirror)
    await withCheckedContinuation { continuation in gone.stop { continuation.resume() } }
    #expect(await kind(HTTPClientRequest(url: "http://\(gone.addresses[0])/")) == .notConnected)
    #expect(await kind(HTTPClientRequest(url: "http://name.invalid/")) == .unknownHost)
    #expect(await kind(HTTPClientRequest(url: "http://a b/")) == .badRequest)
    #expect(await kind(HTTPClientRequest(url: "ftp://127.0.0.1/")) == .badRequest)
    #expect(await kind(HTTPClientRequest(url: base, headers: [("A", "b\r\nC: d")])) == .badRequest)
    #expect(await kind(HTTPClientRequest(url: "https://\(server.addresses[0])/")) == .tls)
    var slow = HTTPClientRequest(url: base + "/hold")
    slow.timeoutMilliseconds = 1
    #expect(await kind(slow) == .timedOut)
    var large = HTTPClientRequest(url: base + "/large")
    large.responseBytesMax = 1000
    #expect(await kind(large) == .tooLarge)
    large.responseBytesMax = 1 << 20
    #expect(await kind(large) == nil)
    await end()
  }

  @Test func requestsCanBeCancelled() async throws {
    let box = Lock<HTTPCall?>(nil)
    let answer: Answer = await withCheckedContinuation { continuation in
      let call = client.send(HTTPClientRequest(url: base + "/hold")) { continuation.resume(returning: $0) }
      box.withLock { $0 = call }
      call.cancel()
    }
    guard case .failure(let error) = answer else { return #expect(Bool(false)) }
    #expect(error.kind == .cancelled)
    box.withLock { $0?.cancel() }
    // Closing the client ends what is under way, and refuses what comes later.
    async let held = kind(HTTPClientRequest(url: base + "/hold"))
    _ = try await send(HTTPClientRequest(url: base)).get()
    client.close()
    #expect(await held == .cancelled)
    #expect(await kind(HTTPClientRequest(url: base)) == .cancelled)
    await end()
  }

  @Test func unixSocketsAndTLS() async throws {
    let path = "/tmp/stepmill-client-\(getpid()).sock"
    let certificate = "/tmp/stepmill-client-\(getpid()).pem"
    let code = system(
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
        + "-keyout \(certificate) -out \(certificate).crt >/dev/null 2>&1")
    try #require(code == 0, "the openssl program is needed")
    defer {
      unlink(certificate)
      unlink(certificate + ".crt")
    }
    var configuration = HTTPServer.Configuration()
    configuration.tls = (certificate: certificate + ".crt", key: certificate)
    let secure = try HTTPServer(
      on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: mirror, configuration: configuration)
    let local = try HTTPServer(on: runtime, at: [.unix(path: path)], handler: mirror)
    let url = "https://\(secure.addresses[0])/"

    // The system does not know this certificate; a client that does gets its answer.
    #expect(await kind(HTTPClientRequest(url: url)) == .tls)
    var trusting = HTTPClient.Configuration()
    trusting.authorities = certificate + ".crt"
    let friend = HTTPClient(on: runtime, configuration: trusting)
    for size in [0, 10, 100_000, 5 << 20] {
      let body = [UInt8](repeating: 0x63, count: size)
      let answer: Answer = await withCheckedContinuation { continuation in
        friend.send(HTTPClientRequest(method: "POST", url: url, body: body)) {
          continuation.resume(returning: $0)
        }
      }
      #expect(try answer.get().body == body)
    }
    friend.close()

    var request = HTTPClientRequest(method: "POST", url: "http://any/x", body: Array("u".utf8))
    request.unixSocket = path
    #expect(try await send(request).get().text == "u")

    #expect(throws: HTTPServerError.self) {
      configuration.tls = (certificate: "/nowhere.pem", key: "/nowhere.pem")
      _ = try HTTPServer(
        on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: mirror, configuration: configuration)
    }
    await withCheckedContinuation { continuation in secure.stop { continuation.resume() } }
    await withCheckedContinuation { continuation in local.stop { continuation.resume() } }
    await end()
  }
}
