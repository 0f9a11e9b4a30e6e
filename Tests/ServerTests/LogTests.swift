import Stepmill
import StepmillTasks
import Testing

@testable import StepmillServer

/// What executions logged, kept and read the way CloudWatch Logs is read.
@Suite struct LogTests {
  private let scope = Scope(region: "eu-west-1", account: "123456789012")

  private func record(_ machine: String, _ text: String, at time: Int64, group: String? = "g") -> LogRecord {
    LogRecord(
      logGroupARN: group.map { "arn:aws:logs:eu-west-1:123456789012:log-group:\($0):*" },
      machineARN: "arn:aws:states:eu-west-1:123456789012:stateMachine:\(machine)",
      executionARN: "arn:aws:states:eu-west-1:123456789012:express:\(machine):x:y", timestamp: time,
      text: Array(text.utf8))
  }

  private func call(_ store: LogStore, _ operation: String, _ parameters: JSON, in scope: Scope? = nil)
    -> JSON
  {
    let answer = LogService(store) { 7 }.handle(operation, body: parameters.utf8, scope: scope ?? self.scope)
    return (try? JSON(parsing: answer.body)) ?? .null
  }

  private func messages(_ answer: JSON) -> [String] {
    answer["events"]?.array?.compactMap { $0["message"]?.string } ?? []
  }

  @Test func entriesAreFoundByGroupStreamTimeAndTerms() {
    let store = LogStore(bytesMax: 1 << 20)
    store.log(record("a", "one red", at: 10))
    store.log(record("b", "two blue", at: 20))
    store.log(record("a", "three red \"quoted\" blue", at: 30))
    store.log(record("a", "elsewhere", at: 40, group: "h"))
    #expect(
      messages(call(store, "FilterLogEvents", ["logGroupName": "g"])) == [
        "one red", "two blue", "three red \"quoted\" blue",
      ])
    func filtered(_ pattern: String) -> [String] {
      messages(call(store, "FilterLogEvents", ["logGroupName": "g", "filterPattern": JSON(pattern)]))
    }
    #expect(filtered("red blue") == ["three red \"quoted\" blue"])
    #expect(filtered("?one ?two") == ["one red", "two blue"])
    #expect(filtered("red -blue") == ["one red"])
    #expect(filtered(#""red \"quoted\"""#) == ["three red \"quoted\" blue"])
    #expect(
      messages(call(store, "FilterLogEvents", ["logGroupName": "g", "startTime": 11, "endTime": 20]))
        == ["two blue"])
    #expect(
      messages(call(store, "FilterLogEvents", ["logGroupName": "g", "logStreamNames": ["states/b"]]))
        == ["two blue"])
    #expect(
      call(store, "DescribeLogStreams", ["logGroupName": "g"])["logStreams"]?.array?
        .compactMap { $0["logStreamName"]?.string } == ["states/a", "states/b"])
    #expect(
      call(store, "DescribeLogGroups", [:])["logGroups"]?.array?.compactMap { $0["logGroupName"]?.string }
        == ["g", "h"])
  }

  @Test func pagesLeaveNothingOutAndRepeatNothing() {
    let store = LogStore(bytesMax: 1 << 20)
    for number in 0..<25 {
      store.log(record("a", "\(number)", at: Int64(number), group: number % 5 == 4 ? "h" : "g"))
    }
    let wanted = (0..<25).filter { $0 % 5 != 4 }.map { "\($0)" }
    var found: [String] = []
    var parameters: JSON = ["logGroupName": "g", "limit": 3]
    repeat {
      let page = call(store, "FilterLogEvents", parameters)
      found += messages(page)
      parameters["nextToken"] = page["nextToken"]
    } while parameters["nextToken"] != nil
    #expect(found == wanted)

    // From the end backwards, then forwards from there.
    var back: [String] = []
    var get: JSON = ["logGroupName": "g", "logStreamName": "states/a", "limit": 4]
    let last = call(store, "GetLogEvents", get)
    var page = last
    while !messages(page).isEmpty {
      back = messages(page) + back
      get["nextToken"] = page["nextBackwardToken"]
      page = call(store, "GetLogEvents", get)
    }
    #expect(back == wanted)
    get["nextToken"] = last["nextForwardToken"]
    #expect(messages(call(store, "GetLogEvents", get)) == [])
    store.log(record("a", "new", at: 99))
    #expect(messages(call(store, "GetLogEvents", get)) == ["new"])
  }

  @Test func theOldestGoesFirst() {
    let store = LogStore(bytesMax: 10 * (128 + 100))
    let text = String(repeating: "x", count: 97)
    for number in 100..<200 { store.log(record("a", text + "\(number)", at: Int64(number))) }
    let kept = messages(call(store, "FilterLogEvents", ["logGroupName": "g"])).map { $0.suffix(3) }
    #expect(kept == (190..<200).map { "\($0)" })
    #expect(call(store, "DescribeLogGroups", [:])["logGroups"]?[0]?["storedBytes"]?.int == 1000)
    // What is larger than everything is not kept, and drives nothing out.
    store.log(record("a", String(repeating: "y", count: 10_000), at: 1))
    #expect(messages(call(store, "FilterLogEvents", ["logGroupName": "g"])).count == 10)
  }

  @Test func accountsAndRegionsSeeTheirOwn() {
    let store = LogStore(bytesMax: 1 << 20)
    store.log(record("a", "secret", at: 1))
    for other in [
      Scope(region: "eu-west-1", account: "999999999999"),
      Scope(region: "us-east-1", account: "123456789012"),
    ] {
      let missing: JSON = [
        "__type": "ResourceNotFoundException", "message": "The specified log group does not exist.",
      ]
      #expect(call(store, "FilterLogEvents", ["logGroupName": "g"], in: other) == missing)
      let arn: JSON = "arn:aws:logs:eu-west-1:123456789012:log-group:g"
      #expect(call(store, "FilterLogEvents", ["logGroupIdentifier": arn], in: other) == missing)
      #expect(call(store, "DescribeLogGroups", [:], in: other)["logGroups"]?.count == 0)
    }
  }

  @Test(arguments: [
    ("FilterLogEvents", #"{"logGroupName":"g","filterPattern":"{ $.a = 1 }"}"#, "InvalidParameterException"),
    ("FilterLogEvents", #"{"logGroupName":"g","filterPattern":"\"open"}"#, "InvalidParameterException"),
    ("FilterLogEvents", #"{"logGroupName":"g","nextToken":"x"}"#, "InvalidParameterException"),
    ("FilterLogEvents", #"{"logGroupName":"g","startTime":5,"endTime":4}"#, "InvalidParameterException"),
    ("FilterLogEvents", "{}", "InvalidParameterException"),
    ("GetLogEvents", #"{"logGroupName":"g","logStreamName":"none"}"#, "ResourceNotFoundException"),
    ("GetLogEvents", #"{"logGroupName":"g"}"#, "com.amazon.coral.validate#ValidationException"),
    ("CreateLogGroup", #"{"logGroupName":"g"}"#, "ResourceAlreadyExistsException"),
    ("DeleteLogGroup", #"{"logGroupName":"none"}"#, "ResourceNotFoundException"),
    ("PutLogEvents", "{}", "com.amazon.coral.service#UnknownOperationException"),
    ("FilterLogEvents", "[", "com.amazon.coral.service#SerializationException"),
  ])
  func whatIsWrongIsSaid(operation: String, body: String, type: String) throws {
    let store = LogStore(bytesMax: 1 << 20)
    store.log(record("a", "text", at: 1))
    let answer = LogService(store) { 7 }.handle(operation, body: Array(body.utf8), scope: scope)
    #expect(answer.status == 400)
    #expect(try JSON(parsing: answer.body)["__type"]?.string == type)
  }

  @Test func deletingAGroupTakesItsEntries() {
    let store = LogStore(bytesMax: 1 << 20)
    store.log(record("a", "one", at: 1))
    store.log(record("a", "two", at: 2, group: nil))
    #expect(call(store, "DeleteLogGroup", ["logGroupName": "g"]) == [:])
    #expect(call(store, "CreateLogGroup", ["logGroupName": "g"]) == [:])
    #expect(messages(call(store, "FilterLogEvents", ["logGroupName": "g"])) == [])
    #expect(
      messages(call(store, "FilterLogEvents", ["logGroupName": "/aws/vendedlogs/states/a-Logs"])) == ["two"])
  }
}
