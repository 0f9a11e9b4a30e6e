import Stepmill
import Synchronization
import Testing

@testable import StepmillServer

/// A service on a clock that is moved by hand, and what it answered.
final class ServiceHarness {
  let host: ManualHost
  let service: StepFunctionsService
  let functions = TestFunctions()
  let logs = TestLogs()
  var scope = Scope(region: "us-east-1", account: "123456789012")

  init(
    _ configure: (inout ServiceConfiguration) -> Void = { _ in }, store: any Store = MemoryStore(),
    mapStorage: (any MapRunStorage)? = nil, tasks: [any TaskResolver] = []
  ) {
    var configuration = ServiceConfiguration()
    configure(&configuration)
    host = ManualHost(seed: 3)
    let identifiers = IdentifierSource(seed: 5)
    service = StepFunctionsService(
      host: host, configuration: configuration, store: store, identifiers: identifiers,
      tasks: tasks + [LambdaTasks(functions, requestID: { "request" })], log: logs, mapStorage: mapStorage)
  }

  /// What a call gave; empty until it does.
  final class Pending: Sendable {
    private let slot = Mutex<APIAnswer?>(nil)
    var answer: APIAnswer? { slot.withLock { $0 } }
    var body: JSON? { answer.flatMap { try? JSON(parsing: $0.body) } }
    fileprivate func set(_ answer: APIAnswer) {
      slot.withLock { slot in
        precondition(slot == nil, "a request was answered twice")
        slot = answer
      }
    }
  }

  /// Calls an operation, and lets run what can run without time passing.
  func begin(_ operation: String, _ parameters: JSON = [:]) -> Pending {
    send(operation, parameters.utf8)
  }

  func send(_ operation: String, _ body: [UInt8]) -> Pending {
    let pending = Pending()
    service.handle(operation, body: body, scope: scope) { pending.set($0) }
    host.run()
    return pending
  }

  /// The answer of a call that succeeds at once.
  @discardableResult
  func call(
    _ operation: String, _ parameters: JSON = [:], sourceLocation: SourceLocation = #_sourceLocation
  ) -> JSON {
    let pending = begin(operation, parameters)
    guard let answer = pending.answer, let body = pending.body else {
      Issue.record("\(operation) did not answer", sourceLocation: sourceLocation)
      return .null
    }
    #expect(answer.status == 200, "\(body)", sourceLocation: sourceLocation)
    return body
  }

  /// The error of a call that fails at once, as `Name: message`.
  func error(_ operation: String, _ parameters: JSON = [:]) -> String {
    error(of: begin(operation, parameters))
  }

  func error(of pending: Pending) -> String {
    guard let answer = pending.answer, let body = pending.body else { return "no answer" }
    guard answer.status != 200 else { return "no error: \(body)" }
    let name = body["__type"]?.string?.split(separator: "#").last.map(String.init) ?? ""
    return "\(name): \(body["message"]?.string ?? body["Message"]?.string ?? "")"
  }

  // MARK: Shortcuts

  static let role = "arn:aws:iam::123456789012:role/role"
  static let pass: JSON = ["StartAt": "A", "States": ["A": ["Type": "Pass", "End": true]]]
  static let wait: JSON = ["StartAt": "W", "States": ["W": ["Type": "Wait", "Seconds": 60, "End": true]]]

  static func task(_ resource: String, _ more: [(key: String, value: JSON)] = []) -> JSON {
    let members: [(key: String, value: JSON)] =
      [("Type", "Task"), ("Resource", JSON(resource))] + more + [("End", true)]
    return ["StartAt": "T", "States": ["T": JSON(members: members)]]
  }

  func arn(_ machine: String) -> String { scope.machineARN(machine) }

  @discardableResult
  func create(
    _ name: String, _ definition: JSON = ServiceHarness.pass, _ more: [(key: String, value: JSON)] = []
  ) -> JSON {
    let members: [(key: String, value: JSON)] = [
      ("name", JSON(name)), ("definition", JSON(definition.text)), ("roleArn", JSON(Self.role)),
    ]
    return call("CreateStateMachine", JSON(members: members + more))
  }

  @discardableResult
  func start(_ machine: String, _ input: JSON = [:], name: String? = nil) -> String {
    var parameters: JSON = ["stateMachineArn": JSON(arn(machine)), "input": JSON(input.text)]
    if let name { parameters["name"] = JSON(name) }
    return call("StartExecution", parameters)["executionArn"]?.string ?? ""
  }

  func describe(_ execution: String) -> JSON { call("DescribeExecution", ["executionArn": JSON(execution)]) }
  func status(_ execution: String) -> String? { describe(execution)["status"]?.string }

  func events(_ execution: String) -> [JSON] {
    call("GetExecutionHistory", ["executionArn": JSON(execution)])["events"]?.array.map { Array($0) } ?? []
  }

  /// The history as `id<-previous Type`.
  func history(_ execution: String) -> [String] {
    events(execution).map {
      "\($0["id"]?.int ?? 0)<-\($0["previousEventId"]?.int ?? 0) \($0["type"]?.string ?? "")"
    }
  }
}

/// Functions by name: what they answer.
final class TestFunctions: FunctionInvoker {
  private let bodies = Mutex<[String: @Sendable (JSON) -> FunctionResponse]>([:])

  func define(_ name: String, _ body: @escaping @Sendable (JSON) -> FunctionResponse) {
    bodies.withLock { $0[name] = body }
  }

  func invoke(_ call: FunctionCall, answer: @escaping @Sendable (FunctionResponse) -> Void) {
    guard let body = bodies.withLock({ $0[call.function.name] }) else { return answer(.notFound) }
    if call.type == .dryRun { return answer(.body([])) }
    answer(body((try? JSON(parsing: call.payload)) ?? .null))
  }
}

final class TestLogs: LogSink {
  private let records = Mutex<[LogRecord]>([])
  func log(_ record: LogRecord) { records.withLock { $0.append(record) } }
  var types: [String] {
    records.withLock { $0.compactMap { (try? JSON(parsing: $0.text))?["type"]?.string } }
  }
  var texts: [JSON] { records.withLock { $0.compactMap { try? JSON(parsing: $0.text) } } }
}
