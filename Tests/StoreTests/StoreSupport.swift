import Stepmill
import StepmillServer
import Synchronization
import Testing

@testable import StepmillStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A directory that goes with the test.
final class Place {
  let path: String

  init() {
    var template = Array("/tmp/stepmill-store-tests-XXXXXX".utf8CString)
    path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
  }

  var database: String { path + "/stepmill.db" }

  /// The names of what is in it.
  var files: [String] {
    var names: [String] = []
    guard let stream = unsafe opendir(path) else { return [] }
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    unsafe closedir(stream)
    return names
  }

  func contents(_ name: String) -> [UInt8] {
    var bytes: [UInt8] = []
    guard let file = unsafe fopen("\(path)/\(name)", "r") else { return [] }
    while case let byte = unsafe fgetc(file), byte >= 0 { bytes.append(UInt8(byte)) }
    unsafe fclose(file)
    return bytes
  }

  func write(_ name: String, _ bytes: [UInt8]) {
    let file = unsafe fopen("\(path)/\(name)", "w")
    unsafe fwrite(bytes, 1, bytes.count, file)
    unsafe fclose(file)
  }

  func remove(_ name: String) { unsafe unlink("\(path)/\(name)") }

  deinit {
    unsafe chmod(path, 0o700)
    for name in files { unsafe unlink(path + "/" + name) }
    unsafe rmdir(path)
  }

  func open(
    _ retention: Retention = Retention(), recentBytesMax: Int = 0, queueEntriesMax: Int = 100_000,
    segmentBytesMax: Int? = nil, notify: @escaping @Sendable (StoreNotice) -> Void = { _ in }
  ) throws(StoreError) -> SQLiteStore {
    var tuning = SQLiteStore.Tuning()
    tuning.recentBytesMax = recentBytesMax
    tuning.queueEntriesMax = queueEntriesMax
    if let segmentBytesMax { tuning.segmentBytesMax = segmentBytesMax }
    // The clock of the hand-moved host, an hour on.
    return try SQLiteStore(
      directory: path, retention: retention, tuning: tuning, now: 1_767_225_600_000 + 3_600_000,
      notify: notify)
  }
}

/// A service on a clock that is moved by hand, in front of a store.
final class Bench {
  static let scope = Scope(region: "us-east-1", account: "123456789012")
  static let prefix = "arn:aws:states:us-east-1:123456789012:"
  let host: ManualHost
  let service: StepFunctionsService

  init(_ store: any Store, at milliseconds: Int64 = 1_767_225_600_000, seed: UInt64 = 5) {
    host = ManualHost(seed: 3, wallMilliseconds: milliseconds)
    service = StepFunctionsService(host: host, store: store, identifiers: IdentifierSource(seed: seed))
  }

  private final class Slot: Sendable {
    let answer = Mutex<APIAnswer?>(nil)
  }

  /// Status and body of the answer, which may come from the writer's thread.
  func call(_ operation: String, _ parameters: JSON) -> (status: Int, body: JSON) {
    let slot = Slot()
    service.handle(operation, body: parameters.utf8, scope: Self.scope) { answer in
      slot.answer.withLock { $0 = answer }
    }
    host.run()
    while true {
      if let answer = slot.answer.withLock({ $0 }) {
        return (answer.status, (try? JSON(parsing: answer.body)) ?? .null)
      }
      sched_yield()
    }
  }

  /// The answer as a text, for comparisons.
  func text(_ operation: String, _ parameters: JSON) -> String {
    let (status, body) = call(operation, parameters)
    return "\(status) \(body.text)"
  }

  func create(_ name: String, _ definition: String = pass) {
    let (status, body) = call(
      "CreateStateMachine",
      [
        "name": JSON(name), "definition": JSON(definition), "roleArn": "arn:aws:iam::123456789012:role/r",
      ])
    #expect(status == 200, "\(body)")
  }

  @discardableResult
  func start(_ machine: String, _ name: String, _ input: String = "{}") -> String {
    let (status, body) = call(
      "StartExecution",
      ["stateMachineArn": JSON(Self.machine(machine)), "name": JSON(name), "input": JSON(input)])
    #expect(status == 200, "\(body)")
    return Self.execution(machine, name)
  }

  func status(_ arn: String) -> String? {
    call("DescribeExecution", ["executionArn": JSON(arn)]).body["status"]?.string
  }

  func history(_ arn: String, _ more: [(key: String, value: JSON)] = []) -> [JSON] {
    let body = call(
      "GetExecutionHistory", JSON(members: [(key: "executionArn", value: JSON(arn))] + more)
    ).body
    return body["events"]?.array.map { Array($0) } ?? []
  }

  static func machine(_ name: String) -> String { prefix + "stateMachine:" + name }
  static func execution(_ machine: String, _ name: String) -> String {
    prefix + "execution:\(machine):\(name)"
  }

  static let pass = #"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#
  static let wait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#
  static let fail = #"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}}"#
  /// Goes round as often as its input says: five events for each time.
  static let rounds =
    #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":0,"Next":"P"}],"#
    + #""Default":"E"},"P":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, -1)"},"Next":"C"},"E":{"Type":"Succeed"}}}"#
}
