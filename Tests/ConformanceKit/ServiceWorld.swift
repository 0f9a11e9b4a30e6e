import Stepmill
import StepmillServer
import Synchronization

// A service with everything around it that a case may need, in virtual time: functions that
// behave as the case says, log groups, and nothing else.

final class ServiceWorld: @unchecked Sendable {
  // It belongs to one thread, like the host that it drives.
  let host: ManualHost
  let service: StepFunctionsService
  let objects: ObjectWorld
  private let functions: ScriptedFunctions
  private let logs = CapturedLogs()
  private var logGroups: [String] = []

  static let scope = Scope(region: "us-east-1", account: "123456789012")
  /// An execution that does nothing for so long is left as it is.
  private static let patienceMilliseconds: UInt64 = 3_600_000

  init(functions behaviours: JSON?) {
    host = ManualHost(seed: 1, wallMilliseconds: TimeText.nowMilliseconds)
    functions = ScriptedFunctions(behaviours, host: host)
    let identifiers = IdentifierSource(seed: 7)
    objects = ObjectWorld(now: { TimeText.nowMilliseconds })
    service = StepFunctionsService(
      host: host, identifiers: identifiers,
      tasks: [LambdaTasks(functions, requestID: { identifiers.uuid() })], log: logs,
      mapStorage: objects.storage)
  }

  func define(_ name: String, _ behaviour: JSON) { functions.define(name, behaviour) }

  // MARK: Calls

  /// What a call gives: an answer, or the service's error.
  struct Answer {
    var status: Int
    var body: JSON

    /// `__type` without what stands before its `#`.
    var errorCode: String { String(body["__type"]?.string?.split(separator: "#").last ?? "") }
    var errorMessage: String? { body["message"]?.string ?? body["Message"]?.string }
  }

  /// Calls an operation, and lets time pass until it answers.
  func call(_ operation: String, _ parameters: JSON) -> Answer? {
    let slot = Mutex<APIAnswer?>(nil)
    let holder = Holder(slot)
    service.handle(operation, body: parameters.utf8, scope: Self.scope) { answer in
      holder.slot.withLock { $0 = answer }
    }
    host.run()
    var turns = 0
    while holder.slot.withLock({ $0 == nil }), turns < 100_000, let next = host.nextTime {
      host.advance(to: next)
      turns += 1
    }
    guard let answer = holder.slot.withLock({ $0 }) else { return nil }
    return Answer(status: answer.status, body: (try? JSON(parsing: answer.body)) ?? .null)
  }

  private final class Holder: Sendable {
    let slot: Mutex<APIAnswer?>
    init(_ slot: consuming sending Mutex<APIAnswer?>) { self.slot = slot }
  }

  /// Lets the next thing happen. False when nothing will for long.
  func step() -> Bool {
    host.run(turnsMax: 20_000)
    guard let next = host.nextTime, next <= host.loop.now + Self.patienceMilliseconds else { return false }
    host.advance(to: next)
    return true
  }

  // MARK: Logs

  /// The log service, as far as scripts use it.
  func callLogs(_ operation: String, _ parameters: JSON) -> JSON? {
    func arn(_ name: String) -> String { "arn:aws:logs:us-east-1:123456789012:log-group:\(name):*" }
    switch operation {
    case "CreateLogGroup":
      logGroups.append(parameters["logGroupName"]?.string ?? "")
      return [:]
    case "DescribeLogGroups":
      let prefix = parameters["logGroupNamePrefix"]?.string ?? ""
      return [
        "logGroups": JSON(
          logGroups.filter { $0.hasPrefix(prefix) }.map {
            [
              "logGroupName": JSON($0), "arn": JSON(arn($0)),
              "logGroupArn": JSON(String(arn($0).dropLast(2))),
            ]
          })
      ]
    case "DescribeLogStreams":
      let records = logs.records(of: arn(parameters["logGroupName"]?.string ?? ""))
      return ["logStreams": records.isEmpty ? [] : [["logStreamName": "states/stream"]]]
    case "GetLogEvents":
      let records = logs.records(of: arn(parameters["logGroupName"]?.string ?? ""))
      return [
        "events": JSON(
          records.map {
            ["message": JSON(String(decoding: $0.text, as: UTF8.self)), "timestamp": JSON(Int($0.timestamp))]
          })
      ]
    default:
      return nil
    }
  }
}

private final class CapturedLogs: LogSink {
  private let all = Mutex<[LogRecord]>([])

  func log(_ record: LogRecord) { all.withLock { $0.append(record) } }
  func records(of group: String) -> [LogRecord] {
    all.withLock { records in records.filter { $0.logGroupARN == group } }
  }
}

/// Functions that do what a case says.
private final class ScriptedFunctions: FunctionInvoker {
  private let behaviours: Mutex<[String: JSON]>
  private let host: ManualHost
  private static let requestID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

  init(_ behaviours: JSON?, host: ManualHost) {
    var known: [String: JSON] = [:]
    for member in behaviours?.object.map({ Array($0) }) ?? [] { known[member.key] = member.value }
    self.behaviours = Mutex(known)
    self.host = host
  }

  func define(_ name: String, _ behaviour: JSON) { behaviours.withLock { $0[name] = behaviour } }

  func invoke(_ call: FunctionCall, answer: @escaping @Sendable (FunctionResponse) -> Void) {
    guard let behaviour = behaviours.withLock({ $0[call.function.name] }) else { return answer(.notFound) }
    switch behaviour["behaviour"]?.string {
    case "fixed":
      answer(.body((behaviour["payload"] ?? .null).utf8))
    case "fixed_raw":
      let times = behaviour["raw_repeat"]?["times"]?.int ?? 0
      let text =
        behaviour["raw"]?.string
        ?? String(repeating: behaviour["raw_repeat"]?["text"]?.string ?? "", count: times)
      answer(.body(Array(text.utf8)))
    case "raise":
      var body = behaviour["payload"] ?? [:]
      if body["requestId"] != nil { body["requestId"] = JSON(Self.requestID) }
      answer(.error(Array(SpacedText.of(body).utf8)))
    case "sleep_then_echo":
      let seconds = behaviour["seconds"]?.double ?? 0
      host.after(milliseconds: UInt64(seconds * 1000)) { answer(.body(call.payload)) }
    case "canned":
      let input = try? JSON(parsing: call.payload)
      let response = behaviour["responses"]?.array?.first { $0["input"] == input }
      answer(.body((response?["payload"] ?? .null).utf8))
    default:
      answer(.body(call.payload))
    }
  }
}
