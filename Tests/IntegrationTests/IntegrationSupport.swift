import Stepmill
import StepmillHTTP
import StepmillServer
import StepmillTasks
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A service that answers as the test says, and remembers what it was asked.
final class Stub: HTTPHandler {
  struct Asked: Sendable {
    var method: String
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON? { try? JSON(parsing: body) }
    func header(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  struct Said: Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = [
      ("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", "id-1"),
    ]
    var body = "{}"
    /// The request is left without an answer.
    var isSilent = false
  }

  private let requests = Lock<[Asked]>([])
  private let script = Lock<@Sendable (Asked, Int) -> Said>({ _, _ in Said() })

  var asked: [Asked] { requests.withLock { $0 } }

  /// - Parameter body: Is given a request, and how many came before it.
  func answers(_ body: @escaping @Sendable (Asked, Int) -> Said) { script.withLock { $0 = body } }

  /// The same answer to everything.
  func answers(_ body: String, headers: [(name: String, value: String)] = []) {
    answers(200, body, headers: headers)
  }

  func answers(_ status: Int, _ body: String, headers: [(name: String, value: String)] = []) {
    answers { (_, _) in
      var said = Said(status: status)
      said.body = body
      said.headers.removeAll { one in headers.contains { $0.name.lowercased() == one.name.lowercased() } }
      said.headers += headers
      return said
    }
  }

  func forget() { requests.withLock { $0 = [] } }

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    let asked = Asked(
      method: request.method, target: request.target,
      headers: request.headers.map { (name: $0.name, value: $0.value) }, body: Array(request.body))
    let before = requests.withLock { requests in
      requests.append(asked)
      return requests.count - 1
    }
    let said = script.withLock { $0 }(asked, before)
    if said.isSilent { return }
    respond.send(status: said.status, headers: said.headers, body: Array(said.body.utf8))
  }
}

/// A runtime, a stub and integrations that know nobody else.
final class World: Sendable {
  let runtime: Runtime
  let stub = Stub()
  let server: HTTPServer
  let integrations: Integrations
  static let scope = Scope(region: "eu-west-1", account: "123456789012")
  static let execution = "arn:aws:states:eu-west-1:123456789012:execution:Machine:run-1"

  var base: String { "http://\(server.addresses[0])" }

  init(
    everything: Bool = true, _ configure: (inout IntegrationConfiguration, String) -> Void = { _, _ in }
  ) throws {
    var runtimeConfiguration = Runtime.Configuration()
    runtimeConfiguration.loops = 2
    runtime = try Runtime(runtimeConfiguration)
    server = try HTTPServer(on: runtime, at: [.tcp(host: "127.0.0.1", port: 0)], handler: stub)
    let base = "http://\(server.addresses[0])"
    var configuration = IntegrationConfiguration(
      environment: everything
        ? ["AWS_ENDPOINT_URL": base, "PATH": "/usr/bin:/bin"] : ["PATH": "/usr/bin:/bin"])
    configuration.backOffMilliseconds = 0
    // However long others keep the machine busy.
    configuration.connectMilliseconds = 3_600_000
    configuration.totalMilliseconds = 3_600_000
    configure(&configuration, base)
    integrations = Integrations(configuration, on: runtime, requestID: { "made-id" })
  }

  func end() async {
    await withCheckedContinuation { continuation in
      integrations.close(withinMilliseconds: 3_600_000) { continuation.resume() }
    }
    await withCheckedContinuation { continuation in server.stop { continuation.resume() } }
    await runtime.shutDown()
  }

  func run(
    _ resource: String, _ input: JSON, state: String = "T", execution: String = World.execution,
    whenAbandoned: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { _ in }
  ) -> TaskRun {
    TaskRun(
      resource: TaskResourceName(resource), input: input, scope: World.scope, executionARN: execution,
      state: state, whenAbandoned: whenAbandoned)
  }

  /// What the first resolver that takes a task replies; nil: none does.
  func reply(_ run: TaskRun) async -> TaskReply? {
    for resolver in integrations.resolvers {
      guard let service = resolver.service(for: run.resource), service.takes?(run) ?? true else { continue }
      if let why = service.refusal?(run.input) { return .unusable(RequestRefusal.text(run.input, why)) }
      return await withCheckedContinuation { continuation in
        service.begin(run) { continuation.resume(returning: $0) }
      }
    }
    return nil
  }

  func reply(_ resource: String, _ input: JSON = [:], state: String = "T") async -> TaskReply? {
    await reply(run(resource, input, state: state))
  }

  /// The result, in whatever way it came.
  func result(_ resource: String, _ input: JSON = [:], state: String = "T") async -> JSON? {
    switch await reply(resource, input, state: state) {
    case .succeeded(let output), .submitted(let output), .ended(.success(let output)): return output
    case .failed(let failure), .ended(.failure(let failure)):
      Issue.record("\(failure)")
      return nil
    case .unusable(let why):
      Issue.record("\(why)")
      return nil
    case nil: return nil
    }
  }

  /// The failure as "Name: cause".
  func failure(_ resource: String, _ input: JSON = [:], state: String = "T") async -> String? {
    switch await reply(resource, input, state: state) {
    case .failed(let failure), .ended(.failure(let failure)): return "\(failure)"
    case .unusable(let why): return "States.Runtime: \(why)"
    case .succeeded(let output), .submitted(let output), .ended(.success(let output)):
      return "no failure: \(output)"
    case nil: return "nobody takes it"
    }
  }
}

/// Short names of resources.
func states(_ rest: String) -> String { "arn:aws:states:::\(rest)" }
