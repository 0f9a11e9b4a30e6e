import Stepmill
import Synchronization
import Testing

@testable import StepmillServer

/// Executions: starting, reading, listing, stopping, redriving.
@Suite struct ExecutionTests {
  let harness = ServiceHarness()

  @Test func startedOnceForTheSameNameAndInput() {
    harness.create("m", ServiceHarness.wait)
    let parameters: JSON = ["stateMachineArn": JSON(harness.arn("m")), "name": "n", "input": #"{"a":1}"#]
    let first = harness.call("StartExecution", parameters)
    #expect(first["executionArn"]?.string == harness.scope.executionARN("m", "n"))
    harness.host.advance(by: 1000)
    #expect(harness.call("StartExecution", parameters) == first)
    var other = parameters
    other["input"] = "{}"
    let exists = "ExecutionAlreadyExists: Execution Already Exists: '\(harness.scope.executionARN("m", "n"))'"
    #expect(harness.error("StartExecution", other) == exists)
    harness.host.advance(by: 60_000)
    #expect(harness.error("StartExecution", parameters) == exists)
  }

  @Test(arguments: [
    ("", "Invalid execution input."),
    (
      "not json",
      "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    ),
    ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
  ])
  func refusedInputs(input: String, message: String) {
    harness.create("m")
    #expect(
      harness.error("StartExecution", ["stateMachineArn": JSON(harness.arn("m")), "input": JSON(input)])
        == "InvalidExecutionInput: Invalid State Machine Execution Input: '\(message)'")
  }

  @Test func described() {
    harness.create("m")
    let execution = harness.start("m", ["a": 1])
    let answer = harness.describe(execution)
    #expect(answer["status"] == "SUCCEEDED" && answer["output"] == #"{"a":1}"#)
    #expect(answer["input"] == #"{"a":1}"# && answer["inputDetails"] == ["included": true])
    #expect(answer["redriveStatus"] == "NOT_REDRIVABLE")
    #expect(answer["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven")
    let bare = harness.call(
      "DescribeExecution", ["executionArn": JSON(execution), "includedData": "METADATA_ONLY"])
    #expect(bare["input"] == nil && bare["output"] == nil && bare["outputDetails"] == ["included": false])
    #expect(
      harness.error("DescribeExecution", ["executionArn": "x"])
        == "InvalidArn: Invalid Arn: 'Invalid ARN prefix: x'")
    let unknown = harness.scope.executionARN("m", "none")
    #expect(
      harness.error("DescribeExecution", ["executionArn": JSON(unknown)])
        == "ExecutionDoesNotExist: Execution Does Not Exist: '\(unknown)'")
  }

  @Test func historyInPages() {
    harness.create("m")
    let execution = harness.start("m")
    #expect(
      harness.history(execution) == [
        "1<-0 ExecutionStarted", "2<-0 PassStateEntered", "3<-2 PassStateExited", "4<-3 ExecutionSucceeded",
      ])
    let page = harness.call(
      "GetExecutionHistory", ["executionArn": JSON(execution), "maxResults": 3, "reverseOrder": true])
    #expect(page["events"]?.array?.compactMap { $0["id"]?.int } == [4, 3, 2])
    let rest = harness.call(
      "GetExecutionHistory",
      ["executionArn": JSON(execution), "reverseOrder": true, "nextToken": page["nextToken"] ?? .null])
    #expect(rest["events"]?.array?.compactMap { $0["id"]?.int } == [1] && rest["nextToken"] == nil)
    #expect(
      harness.error(
        "GetExecutionHistory", ["executionArn": JSON(execution), "nextToken": page["nextToken"] ?? .null])
        == "InvalidToken: Invalid Token: 'Invalid token'")
    let bare = harness.call(
      "GetExecutionHistory", ["executionArn": JSON(execution), "includeExecutionData": false])
    #expect(bare["events"]?[1]?["stateEnteredEventDetails"] == ["name": "A"])
  }

  @Test func theLastPageOfALongHistory() {
    let loop: JSON = [
      "StartAt": "A",
      "States": [
        "A": ["Type": "Pass", "Next": "B"],
        "B": [
          "Type": "Choice", "Choices": [["Variable": "$.end", "IsPresent": true, "Next": "C"]],
          "Default": "A",
        ], "C": ["Type": "Succeed"],
      ],
    ]
    harness.create("m", loop)
    let execution = harness.start("m")
    let last = harness.call(
      "GetExecutionHistory", ["executionArn": JSON(execution), "maxResults": 1, "reverseOrder": true])
    #expect(last["events"]?[0]?["id"]?.int == 25_000)
    #expect(last["events"]?[0]?["type"] == "ExecutionFailed")
    #expect(
      harness.error("RedriveExecution", ["executionArn": JSON(execution)])
        == "ExecutionNotRedrivable: Execution \(execution) invalid for redrive as: Execution has exceeded the "
        + "maximum history event limit")
  }

  @Test func listing() {
    harness.create("m", ServiceHarness.wait)
    var executions: [String] = []
    for index in 0..<4 {
      executions.append(harness.start("m", name: "e\(index)"))
      harness.host.advance(by: 1000)
    }
    harness.call("StopExecution", ["executionArn": JSON(executions[1])])
    func names(_ more: [(key: String, value: JSON)] = []) -> [String] {
      harness.call(
        "ListExecutions", JSON(members: [("stateMachineArn", JSON(harness.arn("m")))] + more))["executions"]?
        .array?.compactMap { $0["name"]?.string } ?? []
    }
    #expect(names() == ["e1", "e3", "e2", "e0"])
    #expect(names([("statusFilter", "ABORTED")]) == ["e1"])
    #expect(names([("statusFilter", "RUNNING")]) == ["e3", "e2", "e0"])
    let page = harness.call("ListExecutions", ["stateMachineArn": JSON(harness.arn("m")), "maxResults": 3])
    harness.start("m", name: "later")
    let rest = harness.call(
      "ListExecutions", ["stateMachineArn": JSON(harness.arn("m")), "nextToken": page["nextToken"] ?? .null])
    #expect(rest["executions"]?.array?.compactMap { $0["name"]?.string } == ["e0"])
    #expect(
      harness.error(
        "ListExecutions", ["stateMachineArn": JSON(harness.arn("m")), "statusFilter": "succeeded"]
      )
      .contains("[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"))
    #expect(harness.error("ListExecutions").hasPrefix("ValidationException: Must specify exactly one"))
  }

  @Test func stopping() {
    harness.create("m", ServiceHarness.wait)
    let execution = harness.start("m")
    let stopped = harness.call(
      "StopExecution", ["executionArn": JSON(execution), "error": "E", "cause": "C"])
    let described = harness.describe(execution)
    #expect(described["status"] == "ABORTED" && described["error"] == "E" && described["cause"] == "C")
    harness.host.advance(by: 1000)
    #expect(harness.call("StopExecution", ["executionArn": JSON(execution), "error": "X"]) == stopped)
    #expect(harness.describe(execution)["error"] == "E")
    #expect(harness.history(execution).last == "3<-0 ExecutionAborted")
  }

  @Test func timedOut() {
    let definition: JSON = [
      "TimeoutSeconds": 5, "StartAt": "W", "States": ["W": ["Type": "Wait", "Seconds": 60, "End": true]],
    ]
    harness.create("m", definition)
    let execution = harness.start("m")
    harness.host.advance(by: 5000)
    let described = harness.describe(execution)
    #expect(described["status"] == "TIMED_OUT" && described["error"] == nil)
    #expect(described["redriveStatus"] == "REDRIVABLE" && described["redriveStatusReason"] == nil)
  }

  @Test func express() {
    harness.create("x", ServiceHarness.pass, [("type", "EXPRESS")])
    let arn = JSON(harness.arn("x"))
    let first = harness.start("x", name: "n")
    #expect(first.hasPrefix("\(harness.scope.prefix)express:x:n:"))
    #expect(harness.start("x", name: "n") != first)
    for operation in ["DescribeExecution", "StopExecution", "GetExecutionHistory"] {
      #expect(
        harness.error(operation, ["executionArn": JSON(first)])
          == "InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'")
    }
    #expect(
      harness.error("ListExecutions", ["stateMachineArn": arn])
        == "StateMachineTypeNotSupported: This operation is not supported by this type of state machine")
    let answer = harness.call(
      "StartSyncExecution", ["stateMachineArn": arn, "input": #"{"a": 1}"#, "traceHeader": "t"])
    #expect(
      answer["status"] == "SUCCEEDED" && answer["output"] == #"{"a":1}"# && answer["traceHeader"] == "t")
    #expect(
      answer["billingDetails"] == ["billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64])
    harness.create("m")
    #expect(
      harness.error("StartSyncExecution", ["stateMachineArn": JSON(harness.arn("m"))])
        == "StateMachineTypeNotSupported: This operation is not supported by this type of state machine")
  }

  @Test func expressWaitsAndFails() {
    let definition: JSON = [
      "StartAt": "W",
      "States": [
        "W": ["Type": "Wait", "Seconds": 2, "Next": "F"], "F": ["Type": "Fail", "Error": "E", "Cause": "C"],
      ],
    ]
    harness.create("x", definition, [("type", "EXPRESS")])
    let pending = harness.begin("StartSyncExecution", ["stateMachineArn": JSON(harness.arn("x"))])
    #expect(pending.answer == nil)
    harness.host.advance(by: 2000)
    #expect(
      pending.body?["status"] == "FAILED" && pending.body?["error"] == "E" && pending.answer?.status == 200)
    #expect(pending.body?["billingDetails"]?["billedDurationInMilliseconds"] == 2000)
    harness.create("long", ServiceHarness.wait, [("type", "EXPRESS")])
  }

  @Test func contextObjectsOfExpress() {
    let definition: JSON = [
      "StartAt": "A", "States": ["A": ["Type": "Pass", "Parameters": ["c.$": "$$.Execution"], "End": true]],
    ]
    harness.create("x", definition, [("type", "EXPRESS")])
    let answer = harness.call("StartSyncExecution", ["stateMachineArn": JSON(harness.arn("x"))])
    let output = answer["output"]?.string.flatMap { try? JSON(parsing: $0) }
    #expect(output?["c"]?["RedriveCount"] == nil)
    #expect(output?["c"]?["Id"] == answer["executionArn"])
  }

  @Test func openExecutionsAreLimited() {
    let harness = ServiceHarness { $0.openExecutionsMax = 1 }
    harness.create("m", ServiceHarness.wait)
    let first = harness.start("m")
    #expect(
      harness.error("StartExecution", ["stateMachineArn": JSON(harness.arn("m"))])
        .hasPrefix("ExecutionLimitExceeded"))
    harness.call("StopExecution", ["executionArn": JSON(first)])
    harness.start("m")
  }
}

/// Redriving: an execution goes on where it ended, in the same history.
@Suite struct RedriveTests {
  let harness = ServiceHarness()

  @Test func aTaskRunsAgain() {
    harness.functions.define("f") {
      $0["ok"]?.bool == true ? .body(Array("1".utf8)) : .error(Array(#"{"errorType":"E"}"#.utf8))
    }
    let definition: JSON = [
      "StartAt": "A",
      "States": [
        "A": ["Type": "Pass", "Assign": ["v": 7], "Next": "T"],
        "T": [
          "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "ResultPath": "$.r",
          "Next": "B",
        ],
        "B": [
          "Type": "Pass",
          "Parameters": ["v.$": "$v", "r.$": "$.r", "n.$": "$$.Execution.RedriveCount"], "End": true,
        ],
      ],
    ]
    harness.create("m", definition)
    let execution = harness.start("m", ["x": 1])
    #expect(harness.status(execution) == "FAILED")
    harness.functions.define("f") { _ in .body(Array("42".utf8)) }
    harness.host.advance(by: 1000)
    let redriven = harness.call("RedriveExecution", ["executionArn": JSON(execution), "clientToken": "t"])
    let described = harness.describe(execution)
    #expect(described["status"] == "SUCCEEDED" && described["redriveCount"] == 1)
    #expect(described["output"] == #"{"v":7,"r":42,"n":1}"#)
    #expect(described["redriveDate"] == redriven["redriveDate"])
    #expect(
      Array(harness.history(execution)[4...]) == [
        "5<-4 LambdaFunctionScheduled", "6<-5 LambdaFunctionStarted", "7<-6 LambdaFunctionFailed",
        "8<-7 ExecutionFailed", "9<-8 ExecutionRedriven", "10<-4 LambdaFunctionScheduled",
        "11<-10 LambdaFunctionStarted", "12<-11 LambdaFunctionSucceeded", "13<-12 TaskStateExited",
        "14<-13 PassStateEntered", "15<-14 PassStateExited", "16<-15 ExecutionSucceeded",
      ])
    #expect(
      harness.call("RedriveExecution", ["executionArn": JSON(execution), "clientToken": "t"]) == redriven)
    #expect(
      harness.error("RedriveExecution", ["executionArn": JSON(execution)])
        == "ExecutionNotRedrivable: Execution \(execution) invalid for redrive as: Execution is SUCCEEDED and "
        + "cannot be redriven")
  }

  @Test func aWaitStartsOver() {
    harness.create("m", ServiceHarness.wait)
    let execution = harness.start("m")
    harness.host.advance(by: 30_000)
    harness.call("StopExecution", ["executionArn": JSON(execution)])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 59_000)
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 1000)
    #expect(harness.status(execution) == "SUCCEEDED")
    #expect(
      Array(harness.history(execution)[2...]) == [
        "3<-0 ExecutionAborted", "4<-3 ExecutionRedriven", "5<-2 WaitStateExited", "6<-5 ExecutionSucceeded",
      ])
  }

  // MARK: Parallel and Map

  private func function(_ name: String) -> String { "arn:aws:lambda:us-east-1:123456789012:function:\(name)" }

  /// A function that fails when asked for something that is not in `good`; what it was asked for.
  fileprivate func define(good: Set<Int>) -> Calls {
    let calls = Calls()
    harness.functions.define("f") { input in
      let number = input.int ?? input["n"]?.int ?? 0
      calls.list.withLock { $0.append(number) }
      return good.contains(number)
        ? .body(Array("\(number * 10)".utf8)) : .error(Array(#"{"errorType":"E"}"#.utf8))
    }
    return calls
  }

  /// What a server that was started anew would have.
  private func forgetAllButText(_ execution: String) throws {
    let name = String(try #require(execution.split(separator: ":").last))
    let kept = try #require(harness.service.store.execution(name, of: "m", in: harness.scope))
    let point = try #require(kept.withLife { $0.ending?.resumePoint })
    let read = try #require(ResumePoint(json: try JSON(parsing: point.json.utf8)))
    #expect(read.json == point.json)
    kept.withLife { $0.ending = StoredExecution.Ending(resumePoint: read) }
  }

  /// Branches: two that are done, one that waits, one that fails in its second state.
  @Test(arguments: [false, true])
  func branchesGoOn(_ isRestarted: Bool) throws {
    let definition: JSON = [
      "StartAt": "P",
      "States": [
        "P": [
          "Type": "Parallel", "End": true,
          "Branches": [
            [
              "StartAt": "A",
              "States": ["A": ["Type": "Task", "Resource": JSON(function("f")), "End": true]],
            ],
            ["StartAt": "W", "States": ["W": ["Type": "Wait", "Seconds": 60, "End": true]]],
            [
              "StartAt": "B",
              "States": [
                "B": ["Type": "Pass", "Assign": ["v": 2], "Next": "C"],
                "C": [
                  "Type": "Task", "Resource": JSON(function("f")), "Parameters": ["n.$": "$v"], "End": true,
                ],
              ],
            ],
            ["StartAt": "D", "States": ["D": ["Type": "Pass", "End": true]]],
          ],
        ]
      ],
    ]
    harness.create("m", definition)
    let before = define(good: [1])
    let execution = harness.start("m", 1)
    #expect(harness.status(execution) == "FAILED")
    #expect(before.list.withLock { $0 } == [1, 2])
    if isRestarted { try forgetAllButText(execution) }
    let after = define(good: [1, 2])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    harness.host.advance(by: 59_000)
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 1000)
    #expect(harness.describe(execution)["output"] == "[10,1,20,1]")
    #expect(after.list.withLock { $0 } == [2])
    #expect(
      Array(harness.history(execution)[2...]) == [
        "3<-2 ParallelStateStarted", "4<-3 TaskStateEntered", "5<-4 LambdaFunctionScheduled",
        "6<-5 LambdaFunctionStarted", "7<-3 WaitStateEntered", "8<-3 PassStateEntered",
        "9<-8 PassStateExited", "10<-9 TaskStateEntered", "11<-10 LambdaFunctionScheduled",
        "12<-11 LambdaFunctionStarted", "13<-3 PassStateEntered", "14<-13 PassStateExited",
        "15<-12 LambdaFunctionFailed", "16<-6 LambdaFunctionSucceeded", "17<-16 TaskStateExited",
        "18<-15 WaitStateAborted", "19<-15 TaskStateAborted", "20<-15 ParallelStateFailed",
        "21<-20 ExecutionFailed", "22<-21 ExecutionRedriven", "23<-10 LambdaFunctionScheduled",
        "24<-23 LambdaFunctionStarted", "25<-24 LambdaFunctionSucceeded", "26<-25 TaskStateExited",
        "27<-7 WaitStateExited", "28<-27 ParallelStateSucceeded", "29<-27 ParallelStateExited",
        "30<-29 ExecutionSucceeded",
      ])
  }

  @Test(arguments: [false, true])
  func iterationsGoOn(_ isRestarted: Bool) throws {
    let definition: JSON = [
      "StartAt": "M",
      "States": [
        "M": [
          "Type": "Map", "MaxConcurrency": 1, "End": true,
          "ItemSelector": ["n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"],
          "ItemProcessor": [
            "StartAt": "P",
            "States": [
              "P": [
                "Type": "Parallel", "Next": "Q",
                "Branches": [
                  [
                    "StartAt": "T",
                    "States": ["T": ["Type": "Task", "Resource": JSON(function("f")), "End": true]],
                  ]
                ],
              ],
              "Q": [
                "Type": "Pass", "End": true,
                "Parameters": ["r.$": "$[0]", "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"],
              ],
            ],
          ],
        ]
      ],
    ]
    harness.create("m", definition)
    let before = define(good: [5, 6, 8])
    let execution = harness.start("m", [5, 6, 7, 8])
    #expect(harness.status(execution) == "FAILED")
    #expect(before.list.withLock { $0 } == [5, 6, 7])
    // It may fail more than once.
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(harness.status(execution) == "FAILED")
    #expect(before.list.withLock { $0 } == [5, 6, 7, 7])
    if isRestarted { try forgetAllButText(execution) }
    let after = define(good: [7, 8])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(after.list.withLock { $0 } == [7, 8])
    #expect(
      harness.describe(execution)["output"]?.string
        == #"[{"r":50,"i":0,"v":5},{"r":60,"i":1,"v":6},{"r":70,"i":2,"v":7},{"r":80,"i":3,"v":8}]"#)
    let history = harness.history(execution)
    #expect(history.filter { $0.hasSuffix("MapIterationStarted") }.count == 4)
    #expect(history.filter { $0.hasSuffix("MapStateStarted") }.count == 1)
    #expect(history.filter { $0.hasSuffix("MapIterationSucceeded") }.count == 4)
    #expect(history.filter { $0.hasSuffix("TaskStateEntered") }.count == 4)
  }

  /// What is caught, or tried again, begins once more.
  @Test func whatIsCaughtIsForgotten() {
    let branch: JSON = [
      "StartAt": "T", "States": ["T": ["Type": "Task", "Resource": JSON(function("f")), "End": true]],
    ]
    let definition: JSON = [
      "StartAt": "P",
      "States": [
        "P": [
          "Type": "Parallel", "Branches": [branch], "End": true,
          "Retry": [["ErrorEquals": ["E"], "MaxAttempts": 1, "IntervalSeconds": 1]],
          "Catch": [["ErrorEquals": ["E"], "ResultPath": .null, "Next": "P2"]],
        ],
        "P2": [
          "Type": "Parallel", "Branches": [replacing("T", by: "T2", in: branch)], "End": true,
        ],
      ],
    ]
    harness.create("m", definition)
    let before = define(good: [])
    let execution = harness.start("m", 3)
    harness.host.advance(by: 1000)
    #expect(harness.status(execution) == "FAILED")
    #expect(before.list.withLock { $0.count } == 3)
    let after = define(good: [3])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(harness.describe(execution)["output"] == "[30]")
    #expect(after.list.withLock { $0 } == [3])
    #expect(harness.history(execution).filter { $0.hasSuffix("ParallelStateStarted") }.count == 3)
  }

  private func replacing(_ old: String, by new: String, in json: JSON) -> JSON {
    (try? JSON(parsing: json.text.replacing("\"\(old)\"", with: "\"\(new)\"").utf8)) ?? .null
  }

  /// The failure of an ItemSelector ends the execution before the iteration has a state.
  @Test func whatWasNeverBorn() {
    let definition: JSON = [
      "StartAt": "M",
      "States": [
        "M": [
          "Type": "Map", "End": true, "ItemSelector": ["a.$": "$$.Map.Item.Value.a"],
          "ItemProcessor": ["StartAt": "X", "States": ["X": ["Type": "Pass", "End": true]]],
        ]
      ],
    ]
    harness.create("m", definition)
    let execution = harness.start("m", [["a": 1], [:]])
    #expect(harness.status(execution) == "FAILED")
    let first = harness.history(execution)
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(harness.status(execution) == "FAILED")
    let rest = harness.history(execution).dropFirst(first.count).map { $0.split(separator: " ")[1] }
    #expect(rest == ["ExecutionRedriven", "ExecutionFailed"])
  }

  @Test func whatWasStoppedInManyPlaces() {
    let wait: JSON = ["StartAt": "W", "States": ["W": ["Type": "Wait", "Seconds": 10, "End": true]]]
    let definition: JSON = [
      "StartAt": "M",
      "States": [
        "M": [
          "Type": "Map", "End": true,
          "ItemProcessor": [
            "StartAt": "P",
            "States": [
              "P": [
                "Type": "Parallel", "Branches": [wait, replacing("W", by: "V", in: wait)], "Next": "Z",
              ],
              "Z": ["Type": "Wait", "SecondsPath": "$[0]", "End": true],
            ],
          ],
        ]
      ],
    ]
    harness.create("m", definition)
    let execution = harness.start("m", [1, 20, 30])
    harness.host.advance(by: 15_000)
    harness.call("StopExecution", ["executionArn": JSON(execution)])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    harness.call("StopExecution", ["executionArn": JSON(execution)])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    harness.host.advance(by: 29_999)
    #expect(harness.status(execution) == "RUNNING")
    harness.host.advance(by: 1)
    #expect(harness.describe(execution)["output"] == "[[1,1],[20,20],[30,30]]")
    #expect(harness.history(execution).filter { $0.hasSuffix("WaitStateEntered") }.count == 9)
    #expect(harness.history(execution).filter { $0.hasSuffix("WaitStateExited") }.count == 9)
  }

  /// A state that was entered is not entered again, whatever its type.
  @Test(arguments: [
    ["Type": "Pass", "Parameters": ["a.$": "$.no"], "Next": "S"] as JSON,
    [
      "Type": "Choice",
      "Choices": [["Variable": "$.x", "NumericEquals": 2, "Next": "S"]],
    ],
    ["Type": "Choice", "InputPath": "$.no", "Choices": [["Variable": "$.x", "IsNull": true, "Next": "S"]]],
  ])
  func quickStates(_ state: JSON) {
    harness.create("m", ["StartAt": "S0", "States": ["S0": state, "S": ["Type": "Succeed"]]])
    let execution = harness.start("m", ["x": 1])
    harness.call("RedriveExecution", ["executionArn": JSON(execution)])
    #expect(
      Array(harness.history(execution)[2...]) == [
        "3<-2 ExecutionFailed", "4<-3 ExecutionRedriven", "5<-2 ExecutionFailed",
      ])
    let events = harness.events(execution)
    #expect(events[2]["executionFailedEventDetails"] == events[4]["executionFailedEventDetails"])
  }

  @Test func notForever() {
    harness.create("m", ["StartAt": "F", "States": ["F": ["Type": "Fail"]]])
    let execution = harness.start("m")
    #expect(harness.error("RedriveExecution", ["executionArn": JSON(execution)]).hasPrefix("no error"))
    #expect(harness.describe(execution)["redriveCount"] == 1)
    harness.host.advance(by: 15 * 86_400_000)
    #expect(
      harness.error("RedriveExecution", ["executionArn": JSON(execution)])
        .hasSuffix("Execution redrivable period exceeded"))
  }
}

/// What a function was called with.
private final class Calls: Sendable {
  let list = Mutex<[Int]>([])
}
