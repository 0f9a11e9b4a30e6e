import Stepmill
import StepmillBatch
import Synchronization
import Testing

@testable import StepmillServer

/// Distributed Maps in the service, on a clock that is moved by hand: runs, children, what the API
/// tells of them, and going on after a failure.
final class MapRunTests {
  let harness: ServiceHarness
  let bucket = MemoryBucket()
  /// While it is set, nothing can be written to a bucket called `full`.
  private let isFull = Flag()

  init() {
    let bucket = bucket
    harness = ServiceHarness(mapStorage: BucketStorage(["b": bucket, "full": FullBucket(bucket, isFull)]))
  }

  /// A bucket that takes nothing for a time.
  private final class FullBucket: Bucket {
    private let bucket: MemoryBucket
    private let isFull: Flag

    init(_ bucket: MemoryBucket, _ isFull: Flag) {
      self.bucket = bucket
      self.isFull = isFull
    }

    func open(_ key: String, version: String?) throws(BucketError) -> any ObjectReader {
      try bucket.open(key, version: version)
    }

    func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
      if isFull.isSet { throw BucketError(.internalError, "there is no room") }
      return try bucket.create(key, contentType: contentType)
    }

    func list(prefix: String, after: String?, limit: Int) -> ObjectListing {
      bucket.list(prefix: prefix, after: after, limit: limit)
    }

    func remove(_ key: String) { bucket.remove(key) }
  }

  private final class Flag: Sendable {
    private let flag = Mutex(false)
    var isSet: Bool { flag.withLock { $0 } }
    func set(_ value: Bool = true) { flag.withLock { $0 = value } }
  }

  // MARK: Definitions

  static func map(
    _ processor: JSON, type: String = "STANDARD", _ more: [(key: String, value: JSON)] = []
  ) -> JSON {
    var processor = processor
    processor["ProcessorConfig"] = ["Mode": "DISTRIBUTED", "ExecutionType": JSON(type)]
    let members: [(key: String, value: JSON)] =
      [("Type", "Map"), ("Label", "rows"), ("ItemProcessor", processor)] + more + [("End", true)]
    return ["StartAt": "M", "States": ["M": JSON(members: members)]]
  }

  static let echo: JSON = ["StartAt": "P", "States": ["P": ["Type": "Pass", "End": true]]]
  /// Fails for `{"fail":true}`.
  static let choosy: JSON = [
    "StartAt": "C",
    "States": [
      "C": [
        "Type": "Choice",
        "Choices": [["Variable": "$.fail", "BooleanEquals": true, "Next": "F"]], "Default": "P",
      ],
      "F": ["Type": "Fail", "Error": "Bad", "Cause": "told so"],
      "P": ["Type": "Pass", "Result": "fine", "End": true],
    ],
  ]
  /// Waits for so many seconds.
  static let waiting: JSON = [
    "StartAt": "W", "States": ["W": ["Type": "Wait", "SecondsPath": "$.seconds", "End": true]],
  ]

  private func run(of execution: String) -> JSON {
    let runs = harness.call("ListMapRuns", ["executionArn": JSON(execution)])["mapRuns"]
    return harness.call("DescribeMapRun", ["mapRunArn": runs?[0]?["mapRunArn"] ?? ""])
  }

  private func children(of run: JSON, _ more: [(key: String, value: JSON)] = []) -> [JSON] {
    let parameters = JSON(members: [("mapRunArn", run["mapRunArn"] ?? "")] + more)
    return harness.call("ListExecutions", parameters)["executions"]?.array.map { Array($0) } ?? []
  }

  private func object(_ key: String) -> String? {
    let slot = Slot()
    let bucket = bucket
    InlineTask.run {
      let bytes = try? await bucket.read(key)
      slot.text.withLock { $0 = bytes.map { String(decoding: $0, as: UTF8.self) } }
    }
    return slot.text.withLock { $0 }
  }

  private final class Slot: Sendable {
    let text = Mutex<String?>(nil)
  }

  private func put(_ key: String, _ text: String) {
    let bucket = bucket
    InlineTask.run { _ = try? await bucket.write(key, Array(text.utf8)) }
  }

  // MARK: Success

  /// Parent, run and children as the API shows them.
  @Test func everythingIsVisible() throws {
    harness.create("m", Self.map(Self.echo, [("MaxConcurrency", 1)]))
    let parent = harness.start("m", [1, "two"])
    #expect(harness.describe(parent)["output"] == #"[1,"two"]"#)
    #expect(
      harness.history(parent) == [
        "1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted", "4<-3 MapRunStarted",
        "5<-4 MapRunSucceeded", "6<-5 MapStateSucceeded", "7<-4 MapStateExited", "8<-7 ExecutionSucceeded",
      ])
    let run = run(of: parent)
    #expect(run["status"] == "SUCCEEDED" && run["maxConcurrency"] == 1 && run["redriveCount"] == 0)
    let counts = run["itemCounts"]
    #expect(counts?["succeeded"] == 2 && counts?["total"] == 2 && counts?["resultsWritten"] == 2)
    #expect(run["executionCounts"] == counts)
    let children = children(of: run)
    #expect(children.count == 2)
    let child = try #require(children.last)
    #expect(child["stateMachineArn"]?.string == harness.arn("m/rows") && child["itemCount"] == 1)
    let arn = try #require(child["executionArn"]?.string)
    #expect(arn.hasPrefix("\(harness.scope.prefix)execution:m/rows:"))
    #expect(harness.describe(arn)["input"] == "1" && harness.describe(arn)["mapRunArn"] == run["mapRunArn"])
    #expect(
      harness.history(arn) == [
        "1<-0 ExecutionStarted", "2<-0 PassStateEntered", "3<-2 PassStateExited", "4<-3 ExecutionSucceeded",
      ])
    let machine = harness.call("DescribeStateMachineForExecution", ["executionArn": JSON(arn)])
    #expect(machine["label"] == "rows" && machine["definition"]?.string == Self.echo.text)
  }

  /// A child knows itself, and nothing of its parent.
  @Test func contextOfAChild() throws {
    let processor: JSON = [
      "StartAt": "P", "States": ["P": ["Type": "Pass", "Parameters": ["c.$": "$$"], "End": true]],
    ]
    harness.create("m", Self.map(processor))
    let parent = harness.start("m", [7])
    let output = try JSON(parsing: harness.describe(parent)["output"]?.string ?? "")
    let context = output[0]?["c"]
    #expect(context?["StateMachine"]?["Id"]?.string == harness.arn("m/rows"))
    #expect(context?["StateMachine"]?["Name"] == "m" && context?["Map"] == nil)
    #expect(context?["Execution"]?["Input"] == 7 && context?["Execution"]?["RedriveCount"] == 0)
  }

  @Test func expressChildren() throws {
    harness.create("m", Self.map(Self.echo, type: "EXPRESS"))
    let parent = harness.start("m", [1])
    let child = try #require(children(of: run(of: parent)).first?["executionArn"]?.string)
    #expect(child.hasPrefix("\(harness.scope.prefix)express:m/rows:"))
    #expect(harness.describe(child)["name"]?.string?.split(separator: ":").count == 2)
    #expect(
      harness.error("GetExecutionHistory", ["executionArn": JSON(child)])
        == "InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'")
  }

  /// Members of objects are items with a key.
  @Test func objects() {
    harness.create(
      "m",
      Self.map(
        Self.echo,
        [
          (
            "ItemSelector",
            ["k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"]
          )
        ]))
    #expect(
      harness.describe(harness.start("m", ["a": 1, "b": 2]))["output"]
        == #"[{"k":"a","v":1,"s":"STATE_DATA"},{"k":"b","v":2,"s":"STATE_DATA"}]"#)
    harness.create("plain", Self.map(Self.echo))
    #expect(
      harness.describe(harness.start("plain", ["a": 1]))["output"]?.string == #"[{"Key":"a","Value":1}]"#)
    #expect(harness.describe(harness.start("plain", JSON([])))["output"]?.string == "[]")
  }

  @Test func batches() {
    put("in.csv", "id,v\n1,a\n2,b\n3,c\n4,d")
    harness.create(
      "m",
      Self.map(
        Self.echo,
        [
          (
            "ItemReader",
            [
              "Resource": "arn:aws:states:::s3:getObject",
              "ReaderConfig": ["InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 3],
              "Parameters": ["Bucket": "b", "Key.$": "$.file"],
            ]
          ), ("ItemBatcher", ["MaxItemsPerBatch": 2, "BatchInput": ["run.$": "$.run"]]),
        ]))
    let parent = harness.start("m", ["file": "in.csv", "run": 7])
    #expect(
      harness.describe(parent)["output"]?.string
        == #"[{"BatchInput":{"run":7},"Items":[{"v":"a","id":"1"},{"v":"b","id":"2"}]},"#
        + #"{"BatchInput":{"run":7},"Items":[{"v":"c","id":"3"}]}]"#)
    let run = run(of: parent)
    #expect(run["itemCounts"]?["total"] == 3 && run["executionCounts"]?["total"] == 2)
    #expect(children(of: run).map { $0["itemCount"]?.int } == [1, 2])
  }

  private static func reader(_ type: String, _ key: String) -> (key: String, value: JSON) {
    (
      "ItemReader",
      [
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": ["InputType": JSON(type)],
        "Parameters": ["Bucket": "b", "Key": JSON(key)],
      ]
    )
  }

  /// A file that holds an object has names for its items, too.
  @Test func objectsInFiles() {
    put("o.json", #"{"x":{"n":1},"y":[2]}"#)
    harness.create(
      "m",
      Self.map(
        Self.echo,
        [
          Self.reader("JSON", "o.json"),
          (
            "ItemSelector",
            ["k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"]
          ),
        ]))
    #expect(
      harness.describe(harness.start("m"))["output"]?.string
        == #"[{"k":"x","v":{"n":1},"s":"s3://b/o.json"},{"k":"y","v":[2],"s":"s3://b/o.json"}]"#)
    harness.create("plain", Self.map(Self.echo, [Self.reader("JSON", "o.json")]))
    #expect(
      harness.describe(harness.start("plain"))["output"]?.string
        == #"[{"Key":"x","Value":{"n":1}},{"Key":"y","Value":[2]}]"#)
  }

  // MARK: Failure

  @Test func oneFailureIsTooMany() {
    harness.create("m", Self.map(Self.choosy, [("MaxConcurrency", 1)]))
    let parent = harness.start("m", [["fail": false], ["fail": true], ["fail": false]])
    let described = harness.describe(parent)
    #expect(described["error"] == "States.ExceedToleratedFailureThreshold")
    #expect(described["cause"] == "The specified tolerated failure threshold was exceeded")
    #expect(
      harness.history(parent).suffix(4) == [
        "4<-3 MapRunStarted", "5<-4 MapRunFailed", "6<-5 MapStateFailed", "7<-6 ExecutionFailed",
      ])
    let counts = run(of: parent)["itemCounts"]
    #expect(counts?["succeeded"] == 1 && counts?["failed"] == 1 && counts?["pending"] == 1)
  }

  @Test(arguments: [
    (#"{"ToleratedFailureCount":1}"#, "SUCCEEDED"), (#"{"ToleratedFailureCount":0}"#, "FAILED"),
    (#"{"ToleratedFailurePercentage":33.4}"#, "SUCCEEDED"),
    (#"{"ToleratedFailurePercentage":33.3}"#, "FAILED"),
    (#"{"ToleratedFailurePercentage":100}"#, "SUCCEEDED"),
    (#"{"ToleratedFailureCount":5,"ToleratedFailurePercentage":10}"#, "FAILED"),
  ])
  func tolerance(_ fields: String, _ status: String) throws {
    let fields = try JSON(parsing: fields)
    harness.create("m", Self.map(Self.choosy, fields.object.map { Array($0) } ?? []))
    let parent = harness.start("m", [["fail": true], ["fail": false], ["fail": false]])
    #expect(harness.status(parent) == status)
    if status == "SUCCEEDED" { #expect(harness.describe(parent)["output"] == #"["fine","fine"]"#) }
  }

  /// Retry begins a new run over the whole dataset, Catch takes its failure.
  @Test func retryAndCatch() {
    var definition = Self.map(
      Self.choosy,
      [
        ("Retry", [["ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1]]),
        ("Catch", [["ErrorEquals": ["States.ALL"], "Next": "Z"]]),
      ])
    definition["States"]?["Z"] = ["Type": "Pass", "End": true]
    harness.create("m", definition)
    let parent = harness.start("m", [["fail": true]])
    harness.host.advance(by: 5000)
    #expect(
      harness.describe(parent)["output"]
        == #"{"Error":"States.ExceedToleratedFailureThreshold","Cause":"The specified tolerated failure threshold was exceeded"}"#
    )
    #expect(harness.call("ListMapRuns", ["executionArn": JSON(parent)])["mapRuns"]?.count == 2)
  }

  /// StopExecution stops the children, and the run is aborted.
  @Test func stop() {
    harness.create("m", Self.map(Self.waiting, [("MaxConcurrency", 2)]))
    let parent = harness.start("m", [["seconds": 60], ["seconds": 60], ["seconds": 60]])
    var run = run(of: parent)
    #expect(
      run["status"] == "RUNNING" && run["itemCounts"]?["running"] == 2 && run["itemCounts"]?["pending"] == 1)
    harness.call("StopExecution", ["executionArn": JSON(parent), "error": "E"])
    run = self.run(of: parent)
    #expect(run["status"] == "ABORTED" && run["itemCounts"]?["aborted"] == 2)
    #expect(children(of: run).allSatisfy { $0["status"] == "ABORTED" })
    #expect(harness.history(parent).last == "5<-0 ExecutionAborted")
    #expect(harness.host.loop.executionCount == 0)
  }

  /// A child may be stopped by itself; that is no failure.
  @Test func stopAChild() throws {
    harness.create("m", Self.map(Self.waiting))
    let parent = harness.start("m", [["seconds": 60]])
    let child = try #require(children(of: run(of: parent)).first)
    harness.call("StopExecution", ["executionArn": child["executionArn"] ?? ""])
    #expect(harness.status(parent) == "SUCCEEDED" && harness.describe(parent)["output"] == "[]")
  }

  // MARK: Changing a run

  @Test func update() {
    harness.create("m", Self.map(Self.waiting, [("MaxConcurrency", 1)]))
    let items: JSON = [["seconds": 10], ["seconds": 10], ["seconds": 10], ["seconds": 10]]
    let parent = harness.start("m", items)
    let arn = run(of: parent)["mapRunArn"] ?? ""
    #expect(run(of: parent)["itemCounts"]?["running"] == 1)
    harness.call("UpdateMapRun", ["mapRunArn": arn, "maxConcurrency": 3, "toleratedFailureCount": 2])
    harness.host.run()
    let changed = run(of: parent)
    #expect(changed["itemCounts"]?["running"] == 3 && changed["toleratedFailureCount"] == 2)
    harness.host.advance(by: 20_000)
    #expect(harness.status(parent) == "SUCCEEDED")
    #expect(
      harness.begin("UpdateMapRun", ["mapRunArn": arn, "maxConcurrency": 5]).body?["reason"]
        == "CANNOT_UPDATE_COMPLETED_MAP_RUN")
  }

  // MARK: Express children

  /// What an Express state machine may not have, its children may not have either; the state machine
  /// around them may.
  @Test(arguments: [
    "arn:aws:states:us-east-1:123456789012:activity:a", "arn:aws:states:::states:startExecution.sync:2",
    "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
  ])
  func expressProcessors(_ resource: String) {
    let parameters: (key: String, value: JSON) = ("Parameters", ["TaskToken.$": "$$.Task.Token"])
    let task = ServiceHarness.task(resource, resource.contains(":activity:") ? [] : [parameters])
    func create(_ type: String) -> String {
      harness.error(
        "CreateStateMachine",
        [
          "name": "m", "definition": JSON(Self.map(task, type: type).text),
          "roleArn": JSON(ServiceHarness.role),
        ])
    }
    #expect(create("EXPRESS").contains("xpress"))
    #expect(create("STANDARD").hasPrefix("no error"))
    let nested = Self.map(Self.echo)
    #expect(
      harness.error(
        "CreateStateMachine",
        [
          "name": "n",
          "definition": JSON(
            Self.map(nested, type: "EXPRESS").text.replacing("\"rows\"", with: "\"x\"", maxReplacements: 1)),
          "roleArn": JSON(ServiceHarness.role),
        ]
      ).contains("is not supported inside 'EXPRESS' state machines"))
  }

  @Test func expressChildrenTakeNoLonger() {
    let harness = ServiceHarness { $0.standardLimits.expressSecondsMax = 2 }
    harness.create("m", Self.map(Self.waiting, type: "EXPRESS", [("ToleratedFailurePercentage", 100)]))
    let parent = harness.start("m", [["seconds": 1], ["seconds": 3]])
    harness.host.advance(by: 10_000)
    let runs = harness.call("ListMapRuns", ["executionArn": JSON(parent)])["mapRuns"]
    let counts = harness.call("DescribeMapRun", ["mapRunArn": runs?[0]?["mapRunArn"] ?? ""])["itemCounts"]
    #expect(counts?["succeeded"] == 1 && counts?["timedOut"] == 1)
  }

  // MARK: Redrive

  /// What a redrive did not come to waits for the next one.
  @Test(arguments: [false, true])
  func redrivenTwice(_ isStopped: Bool) throws {
    let works = Flag()
    harness.functions.define("f") { input in
      works.isSet ? .body(input.utf8) : .error(Array(#"{"errorType":"E"}"#.utf8))
    }
    let child: JSON = [
      "StartAt": "T",
      "States": [
        "T": [
          "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true,
          "Retry": [["ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1]],
        ]
      ],
    ]
    harness.create(
      "m",
      Self.map(child, [("MaxConcurrency", 1), ("ToleratedFailureCount", 2), Self.writer]))
    let parent = harness.start("m", [1, 2, 3, 4])
    harness.host.advance(by: 60_000)
    #expect(harness.status(parent) == "FAILED")
    #expect(run(of: parent)["itemCounts"]?["failed"] == 3)
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    if isStopped {
      harness.host.advance(by: 500)
      harness.call("StopExecution", ["executionArn": JSON(parent)])
    } else {
      harness.host.advance(by: 60_000)
    }
    #expect(harness.status(parent) == (isStopped ? "ABORTED" : "FAILED"))
    works.set()
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.advance(by: 60_000)
    #expect(harness.status(parent) == "SUCCEEDED")
    let counts = run(of: parent)["itemCounts"]
    #expect(counts?["succeeded"] == 4 && counts?["total"] == 4 && counts?["pendingRedrive"] == 0)
    let output = try JSON(parsing: harness.describe(parent)["output"]?.string ?? "{}")
    #expect(
      try lines("SUCCEEDED", output["ResultWriterDetails"]?["Key"]?.string ?? "").sorted()
        == ["1", "2", "3", "4"])
  }

  /// The same for a run within a branch.
  @Test func redriveOfARunInABranch() {
    let counter = Counter(Mutex(0))
    harness.functions.define("f") { input in
      if input == 2, counter.next() == 1 { return .error(Array(#"{"errorType":"Once"}"#.utf8)) }
      return .body(input.utf8)
    }
    let branch = Self.map(
      ServiceHarness.task("arn:aws:lambda:us-east-1:123456789012:function:f"), [("MaxConcurrency", 1)])
    harness.create(
      "m", ["StartAt": "P", "States": ["P": ["Type": "Parallel", "Branches": [branch], "End": true]]])
    let parent = harness.start("m", [1, 2, 3])
    #expect(harness.status(parent) == "FAILED")
    let arn = run(of: parent)["mapRunArn"]
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    #expect(harness.describe(parent)["output"] == "[[1,2,3]]")
    let runs = harness.call("ListMapRuns", ["executionArn": JSON(parent)])["mapRuns"]
    #expect(runs?.count == 1 && run(of: parent)["mapRunArn"] == arn)
    #expect(run(of: parent)["redriveCount"] == 1)
    #expect(harness.history(parent).contains { $0.hasSuffix("MapRunRedriven") })
  }

  /// Only what has not succeeded runs again: the failed child in place, the others for the first time.
  @Test func redrive() throws {
    let attempts = Mutex(0)
    let counter = Counter(attempts)
    harness.functions.define("f") { input in
      if input == 2, counter.next() == 1 { return .error(Array(#"{"errorType":"Once"}"#.utf8)) }
      return .body(input.utf8)
    }
    harness.create(
      "m",
      Self.map(
        ServiceHarness.task("arn:aws:lambda:us-east-1:123456789012:function:f"), [("MaxConcurrency", 1)]))
    let parent = harness.start("m", [1, 2, 3])
    #expect(harness.status(parent) == "FAILED")
    let failed = try #require(children(of: run(of: parent), [("statusFilter", "FAILED")]).first)
    #expect(
      harness.describe(failed["executionArn"]?.string ?? "")["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN")
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    #expect(harness.describe(parent)["output"] == "[1,2,3]")
    let run = run(of: parent)
    #expect(run["status"] == "SUCCEEDED" && run["redriveCount"] == 1)
    #expect(run["itemCounts"]?["succeeded"] == 3 && run["itemCounts"]?["pendingRedrive"] == 0)
    let again = harness.describe(failed["executionArn"]?.string ?? "")
    #expect(again["status"] == "SUCCEEDED" && again["redriveCount"] == 1)
    #expect(
      harness.history(failed["executionArn"]?.string ?? "").contains { $0.hasSuffix("ExecutionRedriven") })
    #expect(children(of: run, [("redriveFilter", "REDRIVEN")]).count == 1)
    #expect(
      harness.history(parent).suffix(6)
        == [
          "7<-6 ExecutionFailed", "8<-7 ExecutionRedriven", "9<-2 MapRunRedriven", "10<-9 MapRunSucceeded",
          "11<-10 MapStateSucceeded", "12<-9 MapStateExited", "13<-12 ExecutionSucceeded",
        ].suffix(6))
  }

  private final class Counter: Sendable {
    let count: Mutex<Int>
    init(_ count: consuming sending Mutex<Int>) { self.count = count }
    func next() -> Int {
      count.withLock {
        $0 += 1
        return $0
      }
    }
  }

  /// Items that were read, or written down as pending, and not started are not lost.
  @Test(arguments: [false, true])
  func redriveOfAFile(_ writes: Bool) throws {
    put("r.jsonl", (0..<9).map { #"{"n":\#($0)}"# }.joined(separator: "\n"))
    let counter = Counter(Mutex(0))
    harness.functions.define("f") { input in
      counter.next() == 2 ? .error(Array(#"{"errorType":"Once"}"#.utf8)) : .body(input.utf8)
    }
    var fields: [(key: String, value: JSON)] = [
      ("MaxConcurrency", 1), Self.reader("JSONL", "r.jsonl"),
      // Two items fit, and the third is held back.
      ("ItemBatcher", ["MaxInputBytesPerBatch": 29]),
    ]
    if writes {
      fields.append(
        (
          "ResultWriter",
          [
            "Resource": "arn:aws:states:::s3:putObject", "Parameters": ["Bucket": "b", "Prefix": "p"],
            "WriterConfig": ["Transformation": "COMPACT", "OutputType": "JSONL"],
          ]
        ))
    }
    harness.create(
      "m", Self.map(ServiceHarness.task("arn:aws:lambda:us-east-1:123456789012:function:f"), fields))
    let parent = harness.start("m")
    #expect(harness.status(parent) == "FAILED")
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    #expect(harness.status(parent) == "SUCCEEDED")
    let counts = run(of: parent)["itemCounts"]
    #expect(counts?["succeeded"] == 9 && counts?["total"] == 9 && counts?["pending"] == 0)
    #expect(counter.count.withLock { $0 } == 6)
    let output = try JSON(parsing: harness.describe(parent)["output"]?.string ?? "")
    guard writes else {
      let numbers = output.array?.flatMap { $0["Items"]?.array.map { $0.compactMap { $0["n"]?.int } } ?? [] }
      #expect(numbers == Array(0..<9))
      return
    }
    let manifest = try JSON(parsing: object(output["ResultWriterDetails"]?["Key"]?.string ?? "") ?? "")
    let files = manifest["ResultFiles"]
    #expect(files?["SUCCEEDED"]?.count == 2 && files?["FAILED"]?.count == 0 && files?["PENDING"]?.count == 0)
    let rows = files?["SUCCEEDED"]?.array?.map { object($0["Key"]?.string ?? "") ?? "" }.joined(
      separator: "\n")
    #expect(rows?.split(separator: "\n").count == 5)
  }

  // MARK: Results in a bucket

  @Test func exportedResults() throws {
    harness.create(
      "m",
      Self.map(
        Self.choosy,
        [
          ("ToleratedFailureCount", 1), ("MaxConcurrency", 1),
          (
            "ResultWriter",
            ["Resource": "arn:aws:states:::s3:putObject", "Parameters": ["Bucket": "b", "Prefix": "p"]]
          ),
        ]))
    let parent = harness.start("m", [["fail": false], ["fail": true], ["fail": true], ["fail": false]])
    #expect(harness.describe(parent)["error"] == "States.ExceedToleratedFailureThreshold")
    let run = run(of: parent)
    let identifier = run["mapRunArn"]?.string?.split(separator: ":").last ?? ""
    let manifest = try JSON(parsing: object("p/\(identifier)/manifest.json") ?? "")
    #expect(manifest["DestinationBucket"] == "b" && manifest["MapRunArn"] == run["mapRunArn"])
    let files = manifest["ResultFiles"]
    #expect(files?.object?.map(\.key) == ["FAILED", "PENDING", "SUCCEEDED"])
    #expect(files?["SUCCEEDED"]?[0]?["Key"]?.string == "p/\(identifier)/SUCCEEDED_0.json")
    let succeeded = try JSON(parsing: object("p/\(identifier)/SUCCEEDED_0.json") ?? "")
    #expect(
      succeeded[0]?.object?.map(\.key) == [
        "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "RedriveCount",
        "RedriveStatus", "RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate",
      ])
    #expect(succeeded[0]?["Output"] == #""fine""#)
    let failed = try JSON(parsing: object("p/\(identifier)/FAILED_0.json") ?? "")
    #expect(
      failed.count == 2
        && failed[0]?.object?.map(\.key) == [
          "Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "OutputDetails", "RedriveCount",
          "RedriveStatus", "StartDate", "StateMachineArn", "Status", "StopDate",
        ])
    #expect(
      object("p/\(identifier)/PENDING_0.json")
        == #"[{"Input":"{\"fail\":false}","InputDetails":{"Included":true},"Status":"PENDING"}]"#)
    #expect(files?["SUCCEEDED"]?[0]?["Size"]?.int == object("p/\(identifier)/SUCCEEDED_0.json")?.utf8.count)
  }

  private static let writer: (key: String, value: JSON) = (
    "ResultWriter",
    [
      "Resource": "arn:aws:states:::s3:putObject", "Parameters": ["Bucket": "b", "Prefix": "p"],
      "WriterConfig": ["Transformation": "COMPACT", "OutputType": "JSONL"],
    ]
  )

  /// The lines of all files of one kind that a manifest names.
  private func lines(_ kind: String, _ manifest: String) throws -> [String] {
    let files = try JSON(parsing: object(manifest) ?? "")["ResultFiles"]?[kind]
    return files?.array?.flatMap { file in
      (object(file["Key"]?.string ?? "") ?? "").split(separator: "\n").map(String.init)
    } ?? []
  }

  /// A run that is stopped with its parent writes what had ended, and a redrive's manifest knows it.
  @Test(arguments: ["STANDARD", "EXPRESS"])
  func resultsOfAnAbortedRun(_ type: String) throws {
    harness.create("m", Self.map(Self.waiting, type: type, [("MaxConcurrency", 1), Self.writer]))
    let parent = harness.start("m", [["seconds": 1], ["seconds": 100], ["seconds": 2]])
    harness.host.advance(by: 5000)
    harness.call("StopExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    let stopped = run(of: parent)
    #expect(stopped["status"] == "ABORTED" && stopped["itemCounts"]?["resultsWritten"] == 2)
    let identifier = stopped["mapRunArn"]?.string?.split(separator: ":").last ?? ""
    #expect(try lines("SUCCEEDED", "p/\(identifier)/manifest.json") == [#"{"seconds":1}"#])
    #expect(try lines("FAILED", "p/\(identifier)/manifest.json").count == 1)
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.advance(by: 200_000)
    #expect(harness.status(parent) == "SUCCEEDED")
    #expect(run(of: parent)["itemCounts"]?["resultsWritten"] == 3)
    #expect(
      try lines("SUCCEEDED", "p/\(identifier)/Redrive-1/manifest.json")
        == [#"{"seconds":1}"#, #"{"seconds":100}"#, #"{"seconds":2}"#])
  }

  /// Files that could not be written: nothing is said to be, and a redrive makes all of it anew.
  @Test func resultsThatWereLost() throws {
    var writer = Self.writer
    writer.value["Parameters"] = ["Bucket": "full", "Prefix": "p"]
    harness.create("m", Self.map(Self.echo, [writer]))
    isFull.set()
    let parent = harness.start("m", [1, 2])
    #expect(harness.describe(parent)["error"] == "States.ResultWriterFailed")
    #expect(run(of: parent)["itemCounts"]?["resultsWritten"] == 0)
    isFull.set(false)
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    let output = try JSON(parsing: harness.describe(parent)["output"]?.string ?? "{}")
    #expect(
      try lines("SUCCEEDED", output["ResultWriterDetails"]?["Key"]?.string ?? "").sorted() == ["1", "2"])
  }

  /// A redrive writes to a folder of its own, and its manifest knows what had succeeded before.
  @Test func redrivenResults() throws {
    let counter = Counter(Mutex(0))
    harness.functions.define("f") { input in
      counter.next() <= 1 ? .error(Array(#"{"errorType":"Once"}"#.utf8)) : .body(input.utf8)
    }
    harness.create(
      "m",
      Self.map(
        ServiceHarness.task("arn:aws:lambda:us-east-1:123456789012:function:f"),
        [
          ("MaxConcurrency", 1),
          (
            "ResultWriter",
            [
              "Resource": "arn:aws:states:::s3:putObject", "Parameters": ["Bucket": "b", "Prefix": ""],
              "WriterConfig": ["Transformation": "COMPACT", "OutputType": "JSONL"],
            ]
          ),
        ]))
    let parent = harness.start("m", [1, 2, 3])
    #expect(harness.status(parent) == "FAILED")
    harness.call("RedriveExecution", ["executionArn": JSON(parent)])
    harness.host.run()
    let output = try JSON(parsing: harness.describe(parent)["output"]?.string ?? "")
    let key = try #require(output["ResultWriterDetails"]?["Key"]?.string)
    #expect(key.hasSuffix("/Redrive-1/manifest.json") && !key.hasPrefix("/"))
    let folder = key.dropLast("manifest.json".count)
    #expect(object("\(folder)SUCCEEDED_0.jsonl") == "1\n2\n3")
  }

  // MARK: What cannot be read or written

  @Test func unknownBucket() {
    harness.create(
      "m",
      Self.map(
        Self.echo,
        [
          (
            "ItemReader",
            [
              "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": ["InputType": "JSON"],
              "Parameters": ["Bucket": "none", "Key": "k"],
            ]
          )
        ]))
    let parent = harness.start("m")
    #expect(harness.describe(parent)["error"] == "States.ItemReaderFailed")
    #expect(
      harness.history(parent) == [
        "1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted", "4<-3 MapRunStarted",
        "5<-4 MapRunFailed", "6<-5 MapStateFailed", "7<-6 ExecutionFailed",
      ])
  }
}
