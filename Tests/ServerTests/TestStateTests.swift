import Stepmill
import Testing

@testable import StepmillServer

/// TestState: one state, with a look inside.
@Suite struct TestStateTests {
  let harness = ServiceHarness()

  private func test(_ state: JSON, _ input: JSON = [:], _ more: [(key: String, value: JSON)] = []) -> JSON {
    harness.call(
      "TestState",
      JSON(
        members: [
          ("definition", JSON(state.text)), ("input", JSON(input.text)), ("inspectionLevel", "DEBUG"),
        ] + more))
  }

  private func error(_ state: JSON, _ more: [(key: String, value: JSON)]) -> String {
    harness.error("TestState", JSON(members: [("definition", JSON(state.text))] + more))
  }

  @Test func stagesOfAPass() {
    let state: JSON = [
      "Type": "Pass", "InputPath": "$.p", "Parameters": ["c.$": "$.n"], "ResultPath": "$.m", "Next": "B",
    ]
    let answer = test(state, ["p": ["n": 4], "k": "o"])
    #expect(answer["output"] == #"{"p":{"n":4},"k":"o","m":{"c":4}}"#)
    #expect(answer["nextState"] == "B" && answer["status"] == "SUCCEEDED")
    #expect(
      answer["inspectionData"] == [
        "input": #"{"p":{"n":4},"k":"o"}"#, "afterInputPath": #"{"n":4}"#, "afterParameters": #"{"c":4}"#,
        "afterResultSelector": #"{"c":4}"#, "afterResultPath": #"{"p":{"n":4},"k":"o","m":{"c":4}}"#,
      ])
    let info = harness.call("TestState", ["definition": JSON(state.text), "input": #"{"p":{"n":1}}"#])
    #expect(info["inspectionData"] == nil)
  }

  @Test func failuresHaveNoPrefix() {
    let answer = test(["Type": "Pass", "InputPath": "$.missing", "End": true])
    #expect(answer["status"] == "FAILED" && answer["error"] == "States.Runtime")
    #expect(answer["cause"] == "Invalid path '$.missing' : No results for path: $['missing']")
    #expect(answer["inspectionData"] == ["input": "{}"])
    let conflict = test(["Type": "Pass", "Result": 99, "ResultPath": "$.child", "End": true], 4)
    #expect(conflict["error"] == "States.ReferencePathConflict")
    #expect(
      conflict["inspectionData"] == ["input": "4", "result": "99", "afterResultSelector": "99"])
  }

  @Test func retriersAndCatchers() {
    let state: JSON = [
      "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": ["FunctionName": "f"],
      "Retry": [["ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2]],
      "Catch": [
        ["ErrorEquals": ["X"], "Next": "A"],
        ["ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"],
      ], "End": true,
    ]
    let mock: (key: String, value: JSON) = ("mock", ["errorOutput": ["error": "E", "cause": "C"]])
    let first = test(state, [:], [mock, ("stateConfiguration", ["retrierRetryCount": 1])])
    #expect(first["status"] == "RETRIABLE")
    #expect(
      first["inspectionData"]?["errorDetails"] == ["retryBackoffIntervalSeconds": 4, "retryIndex": 0])
    let last = test(state, ["i": 1], [mock, ("stateConfiguration", ["retrierRetryCount": 2])])
    #expect(last["status"] == "CAUGHT_ERROR" && last["nextState"] == "B")
    #expect(last["output"] == #"{"i":1,"e":{"Error":"E","Cause":"C"}}"#)
    #expect(last["inspectionData"]?["errorDetails"] == ["catchIndex": 1])
  }

  /// A retrier that has had all its attempts is still told of where nobody takes the error.
  @Test func exhaustedRetriers() {
    func answer(_ catchers: JSON, count: JSON) -> JSON {
      test(
        [
          "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": ["FunctionName": "f"],
          "Retry": [
            ["ErrorEquals": ["X"]], ["ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2],
          ],
          "Catch": catchers, "End": true,
        ], [:],
        [
          ("mock", ["errorOutput": ["error": "E"]]), ("stateConfiguration", ["retrierRetryCount": count]),
        ])
    }
    let catchers: [JSON] = [[], [["ErrorEquals": ["X"], "Next": "N"]]]
    for catchers in catchers {
      let last = answer(catchers, count: 2)
      #expect(last["status"] == "FAILED" && last["error"] == "E")
      #expect(
        last["inspectionData"]?["errorDetails"] == ["retryBackoffIntervalSeconds": 8, "retryIndex": 1])
    }
    // However many there have been.
    #expect(answer([], count: 2_000_000_000)["status"] == "FAILED")
  }

  /// Retriers match as they do in an execution: a missed heartbeat is a timeout, too.
  @Test func retriersMatchAsTheEngineDoes() {
    func status(_ error: JSON, by pattern: JSON) -> JSON? {
      test(
        [
          "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": ["FunctionName": "f"],
          "Retry": [["ErrorEquals": [pattern]]], "End": true,
        ], [:], [("mock", ["errorOutput": ["error": error]])])["status"]
    }
    #expect(status("States.HeartbeatTimeout", by: "States.Timeout") == "RETRIABLE")
    #expect(status("States.HeartbeatTimeout", by: "States.HeartbeatTimeout") == "RETRIABLE")
    #expect(status("States.Timeout", by: "States.HeartbeatTimeout") == "FAILED")
    #expect(status("States.HeartbeatTimeout", by: "States.TaskFailed") == "FAILED")
    #expect(status("E", by: "States.TaskFailed") == "RETRIABLE")
    #expect(status("States.Runtime", by: "States.ALL") == "FAILED")
  }

  /// What a catcher fails with is not caught again.
  @Test func catchersFailWithTheirOwnErrors() {
    let mock: (key: String, value: JSON) = ("mock", ["errorOutput": ["error": "E", "cause": "C"]])
    let failing: [(key: String, value: JSON)] = [
      ("Output", "{% $states.input.nope %}"), ("Assign", ["v": "{% $states.input.nope %}"]),
    ]
    for field in failing {
      var catcher: JSON = ["ErrorEquals": ["States.ALL"], "Next": "N"]
      catcher[field.key] = field.value
      let answer = test(
        [
          "Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke",
          "Arguments": ["FunctionName": "f"], "Catch": [catcher], "End": true,
        ], [:], [mock])
      #expect(answer["status"] == "FAILED" && answer["error"] == "States.QueryEvaluationError")
      #expect(answer["cause"]?.string?.contains("field 'Catch[0]/\(field.key)") == true, "\(answer)")
    }
    let answer = test(
      [
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": ["FunctionName": "f"],
        "Catch": [["ErrorEquals": ["E"], "ResultPath": "$.e", "Next": "N"]], "End": true,
      ], 4, [mock])
    #expect(answer["status"] == "FAILED" && answer["error"] == "States.ReferencePathConflict")
    #expect(answer["cause"] == "Unable to apply ReferencePath $.e to input 4")
  }

  @Test func mapsAreMocked() {
    let state: JSON = [
      "Type": "Map", "ItemsPath": "$.v",
      "ItemSelector": ["v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"],
      "ItemProcessor": ["StartAt": "P", "States": ["P": ["Type": "Pass", "End": true]]], "ResultPath": "$.r",
      "End": true,
    ]
    let answer = test(state, ["v": [1, 2]], [("mock", ["result": "[3,4]"])])
    #expect(answer["output"] == #"{"v":[1,2],"r":[3,4]}"#)
    #expect(answer["inspectionData"]?["afterItemsPath"] == "[1, 2]")
    #expect(answer["inspectionData"]?["afterItemSelector"] == #"[{"v":1,"i":0}, {"v":2,"i":1}]"#)
    #expect(
      error(state, [("input", #"{"v":[1]}"#), ("mock", ["result": "[3,4]"])])
        == "ValidationException: Input array does not equal the mocked result array's size")
    #expect(
      error(state, [("mock", ["result": "3"])]) == "ValidationException: Mocked result must be an array.")
  }

  private static let inline: JSON = ["StartAt": "P", "States": ["P": ["Type": "Pass", "End": true]]]
  private static let distributed: JSON = [
    "ProcessorConfig": ["Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"], "StartAt": "P",
    "States": ["P": ["Type": "Pass", "End": true]],
  ]

  /// A Map with some fields, whose mocked result is numbers.
  private func map(
    _ processor: JSON, _ fields: [(key: String, value: JSON)], _ input: JSON = [:], results: Int = 2,
    data: String? = nil
  ) -> JSON {
    var state: JSON = ["Type": "Map", "ItemProcessor": processor, "End": true]
    for field in fields { state[field.key] = field.value }
    var more: [(key: String, value: JSON)] = [
      ("mock", ["result": JSON(JSON((0..<results).map { JSON($0) }).text)])
    ]
    if let data { more.append(("stateConfiguration", ["mapItemReaderData": JSON(data)])) }
    return test(state, input, more)
  }

  /// Items and bounds fail with what an execution fails with.
  @Test func mapsFailAsTheyDoInExecutions() {
    let cases: [(fields: [(key: String, value: JSON)], input: JSON, cause: String)] = [
      ([("ItemsPath", "$.no")], [:], #"Reference path "$.no" must point to array."#),
      ([], ["a": 1], #"Reference path "$" must point to array."#),
      ([("ItemsPath", "$$.Execution")], [], #"Reference path "$.Execution" must point to array."#),
      (
        [("ItemsPath", "$.v"), ("MaxConcurrencyPath", "$.m")], ["v": []],
        "Invalid path '$.m' : No results for path: $['m']"
      ),
      (
        [("ItemsPath", "$.v"), ("MaxConcurrencyPath", "$.m")], ["v": [], "m": "x"],
        #"The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.m"#
      ),
      (
        [("ItemsPath", "$.v"), ("MaxConcurrencyPath", "$.m")], ["v": [], "m": -1],
        "MaxConcurrency cannot be negative."
      ),
      (
        [("QueryLanguage", "JSONata"), ("Items", "{% $states.input.no %}")], [:],
        "The JSONata expression '$states.input.no' specified for the field 'Items' returned nothing "
          + "(undefined)."
      ),
      (
        [("QueryLanguage", "JSONata"), ("Items", "{% 5 %}")], [:],
        "The JSONata expression '5' specified for the field 'Items' returned an unexpected result type. "
          + "Expected 'array', but was 'number' for value: 5"
      ),
      ([("QueryLanguage", "JSONata")], 5, "Map state input must be an array but was: 5"),
      ([("QueryLanguage", "JSONata")], ["a": 1], #"Map state input must be an array but was: {"a":1}"#),
      (
        [("QueryLanguage", "JSONata"), ("MaxConcurrency", "{% 'x' %}")], [],
        "The JSONata expression ''x'' specified for the field 'MaxConcurrency' returned an unexpected result "
          + #"type. Expected 'number', but was 'string' for value: "x""#
      ),
    ]
    for (fields, input, cause) in cases {
      let answer = map(Self.inline, fields, input, results: 0)
      #expect(answer["status"] == "FAILED" && answer["cause"] == JSON(cause), "\(answer)")
    }
    let answer = map(
      Self.distributed, [("ItemsPath", "$.v"), ("ToleratedFailurePercentagePath", "$.m")],
      ["v": [], "m": 101], results: 0)
    #expect(answer["cause"] == "ToleratedFailurePercentage must be between 0 and 100.")
    // What came before the failure is shown.
    let selector = map(
      Self.inline, [("ItemsPath", "$.v"), ("ItemSelector", ["x.$": "$.no"]), ("MaxConcurrency", 3)],
      ["v": [1, 2]])
    #expect(
      selector["cause"]
        == #"The JSONPath '$.no' specified for the field 'x.$' could not be found in the input '{"v":[1,2]}'"#
    )
    #expect(
      selector["inspectionData"] == [
        "input": #"{"v":[1,2]}"#, "afterInputPath": #"{"v":[1,2]}"#, "afterItemsPath": "[1, 2]",
        "maxConcurrency": 3,
      ])
  }

  @Test func distributedMapsGoThroughObjects() {
    let selector: JSON = ["k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value"]
    let answer = map(
      Self.distributed, [("ItemsPath", "$.o"), ("ItemSelector", selector)], ["o": ["a": 1, "b": 2]])
    #expect(
      answer["status"] == "SUCCEEDED" && answer["inspectionData"]?["afterItemsPath"] == #"{"a":1,"b":2}"#)
    #expect(
      answer["inspectionData"]?["afterItemSelector"] == #"[{"k":"a","v":1}, {"k":"b","v":2}]"#, "\(answer)")
  }

  private static func reader(_ config: JSON) -> (key: String, value: JSON) {
    (
      "ItemReader",
      [
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": ["Bucket": "b", "Key.$": "$.key"],
      ]
    )
  }

  /// The text is read as the object would be.
  @Test func readersReadTheirData() {
    let selector: (key: String, value: JSON) = ("ItemSelector", ["v.$": "$$.Map.Item.Value", "k.$": "$.key"])
    func items(_ config: JSON, _ data: String) -> JSON {
      let answer = map(Self.distributed, [Self.reader(config), selector], ["key": "k"], data: data)
      return answer["inspectionData"]?["afterItemSelector"] ?? answer["cause"] ?? .null
    }
    let numbers: JSON = #"[{"v":4,"k":"k"}, {"v":5,"k":"k"}]"#
    #expect(items(["InputType": "JSON"], "[4,5]") == numbers)
    #expect(items(["InputType": "JSON", "MaxItems": 2], "[4,5,6]") == numbers)
    #expect(items(["InputType": "JSON", "ItemsPointer": "/a/0"], #"{"a":[[4,5]]}"#) == numbers)
    #expect(items(["InputType": "JSONL"], "4\n5\n") == numbers)
    #expect(
      items(["InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"], "a,b\n1,\"x,y\"\n2\n")
        == #"[{"v":{"a":"1","b":"x,y"},"k":"k"}, {"v":{"a":"2","b":""},"k":"k"}]"#)
    #expect(
      items(["InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]], "1\n2\n")
        == #"[{"v":{"a":"1"},"k":"k"}, {"v":{"a":"2"},"k":"k"}]"#)
    #expect(items(["InputType": "JSON"], "nope") == "Attempting to map over non-iterable node.")
    #expect(
      items(["InputType": "JSON", "ItemsPointer": "/b"], "{}")
        == "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure.")
    let pointed = map(
      Self.distributed, [Self.reader(["InputType": "JSON", "ItemsPointer": "/x"])], ["key": "k"],
      data: #"{"x":[4, 5]}"#)
    #expect(pointed["inspectionData"]?["afterItemsPointer"] == "[4,5]")
    let listed = map(
      Self.distributed,
      [
        (
          "ItemReader",
          [
            "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": ["Bucket": "b", "Prefix": "p"],
          ]
        )
      ], data: #"[{"Key":"p/1"},{"Key":"p/2"}]"#)
    #expect(listed["status"] == "SUCCEEDED", "\(listed)")
  }

  /// Batches have the bounds of an execution, and their BatchInput.
  @Test func batches() {
    func batches(_ batcher: JSON, _ fields: [(key: String, value: JSON)] = [("ItemsPath", "$.v")]) -> JSON {
      let answer = map(
        Self.distributed, fields + [("ItemBatcher", batcher)], ["v": [1, 2, 3], "n": 2, "k": "K"])
      return answer["inspectionData"]?["afterItemBatcher"] ?? answer["cause"] ?? .null
    }
    let pairs: JSON = #"[{"Items":["1","2"]}, {"Items":["3"]}]"#
    #expect(batches(["MaxItemsPerBatch": 2]) == pairs)
    #expect(batches(["MaxItemsPerBatchPath": "$.n"]) == pairs)
    #expect(batches(["MaxInputBytesPerBatch": 15]) == pairs)
    #expect(
      batches(
        ["MaxItemsPerBatch": "{% $states.input.n %}"],
        [("QueryLanguage", "JSONata"), ("Items", "{% $states.input.v %}")]) == pairs)
    #expect(
      batches(["MaxItemsPerBatch": 2, "BatchInput": ["b.$": "$.k"]])
        == #"[{"BatchInput":{"b":"K"},"Items":["1","2"]}, {"BatchInput":{"b":"K"},"Items":["3"]}]"#)
    #expect(
      batches(["MaxItemsPerBatchPath": "$.k"])
        == #"The MaxItemsPerBatchPath field refers to value "K" which is not a valid integer: $.k"#)
  }

  /// What a mocked Map or Parallel has before its work is evaluated all the same.
  @Test func containersEvaluateTheirInput() {
    let mock: (key: String, value: JSON) = ("mock", ["result": "[3]"])
    func parallel(_ field: String, _ value: JSON) -> JSON {
      var state: JSON = ["Type": "Parallel", "Branches": [Self.inline], "End": true]
      state[field] = value
      if field == "Arguments" { state["QueryLanguage"] = "JSONata" }
      return test(state, ["a": 1], [mock])
    }
    #expect(parallel("Parameters", ["x.$": "$.a"])["output"] == "[3]")
    #expect(
      parallel("Parameters", ["x.$": "$.no"])["cause"]
        == #"The JSONPath '$.no' specified for the field 'x.$' could not be found in the input '{"a":1}'"#)
    #expect(
      parallel("InputPath", "$.no")["cause"] == "Invalid path '$.no' : No results for path: $['no']")
    let arguments = parallel("Arguments", "{% $states.input.no %}")
    #expect(arguments["cause"]?.string?.contains("field 'Arguments' returned nothing") == true)
    let answer = map(Self.inline, [("InputPath", "$.no")], ["a": [1]], results: 1)
    #expect(answer["cause"] == "Invalid path '$.no' : No results for path: $['no']")
    #expect(answer["inspectionData"] == ["input": #"{"a":[1]}"#])
  }

  /// A failure behind the work shows the stages before it.
  @Test func mapsAndParallelsThatFailBehindTheirWork() {
    let states: [JSON] = [
      ["Type": "Map", "ItemsPath": "$.v", "ItemProcessor": Self.inline],
      ["Type": "Parallel", "Branches": [Self.inline]],
    ]
    for var state in states {
      state["End"] = true
      func data(_ field: String, _ value: JSON) -> JSON {
        var state = state
        state[field] = value
        let answer = test(state, ["v": [1]], [("mock", ["result": "[3]"])])
        #expect(answer["status"] == "FAILED")
        return answer["inspectionData"] ?? .null
      }
      let output = data("OutputPath", "$.missing")
      #expect(output["afterResultSelector"] == "[3]" && output["afterResultPath"] == "[3]")
      let place = data("ResultPath", "$.v.x")
      #expect(place["afterResultSelector"] == "[3]" && place["afterResultPath"] == nil)
      #expect(data("ResultSelector", ["x.$": "$.missing"])["afterResultSelector"] == nil)
    }
  }

  @Test func aStateOfAMachineWithVariables() {
    let machine: JSON = [
      "StartAt": "A",
      "States": [
        "A": ["Type": "Pass", "Next": "B"],
        "B": ["Type": "Pass", "Assign": ["y.$": "$x"], "Parameters": ["x.$": "$x"], "End": true],
      ],
    ]
    let answer = test(machine, [:], [("stateName", "B"), ("variables", #"{"x":3}"#)])
    #expect(answer["output"] == #"{"x":3}"# && answer["inspectionData"]?["variables"] == #"{"x":3,"y":3}"#)
    #expect(error(machine, [("stateName", "C")]) == "ValidationException: State not found in definition")
  }

  /// A state of a Map's processor is in the first iteration, one of a Parallel's branch in none.
  @Test func iterationsHaveAContext() {
    let state: JSON = ["Type": "Pass", "Parameters": ["i.$": "$$.Map.Item.Index"], "End": true]
    let branch: JSON = ["StartAt": "S", "States": ["S": state]]
    let inner: JSON = [
      "StartAt": "P", "States": ["P": ["Type": "Parallel", "Branches": [branch], "End": true]],
    ]
    func status(_ container: JSON) -> JSON? {
      let machine: JSON = ["StartAt": "C", "States": ["C": container]]
      return test(machine, [:], [("stateName", "S")])["output"]
    }
    #expect(status(["Type": "Map", "ItemProcessor": branch, "End": true]) == #"{"i":0}"#)
    #expect(status(["Type": "Map", "ItemProcessor": inner, "End": true]) == #"{"i":0}"#)
    #expect(status(["Type": "Parallel", "Branches": [branch], "End": true]) == nil)
  }

  @Test func contexts() {
    let state: JSON = ["Type": "Pass", "Parameters": ["c.$": "$$"], "End": true]
    let answer = test(state, [:], [("context", #"{"Execution":{"Id":"i"}}"#)])
    #expect(answer["output"] == #"{"c":{"Execution":{"Id":"i"}}}"#)
    #expect(
      error(state, [("context", #"{"Execution":{"x":1}}"#)])
        == "ValidationException: Invalid Context object provided: Field 'x' is not allowed")
  }

  @Test func realTasks() {
    harness.functions.define("f") { .body($0.utf8) }
    let state: JSON = [
      "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true,
    ]
    #expect(error(state, []) == "ValidationException: RoleArn must be specified when testing a Task state")
    let answer = test(state, ["a": 1], [("roleArn", JSON(ServiceHarness.role))])
    #expect(answer["output"] == #"{"a":1}"# && answer["inspectionData"]?["result"] == #"{"a":1}"#)
  }

  @Test func activitiesShowWhatTheyWereGiven() {
    let resource = "arn:aws:states:us-east-1:123456789012:activity:x"
    let state: JSON = [
      "Type": "Task", "Resource": JSON(resource), "Parameters": ["a.$": "$.k"],
      "Catch": [["ErrorEquals": ["E"], "Next": "N"]], "End": true,
    ]
    let mocks: [JSON] = [["result": "5"], ["errorOutput": ["error": "E"]]]
    for mock in mocks {
      let data = test(state, ["k": 1], [("mock", mock)])["inspectionData"]
      #expect(data?["afterParameters"] == #"{"a":1}"#)
    }
    let answer = test(
      [
        "Type": "Task", "QueryLanguage": "JSONata", "Resource": JSON(resource), "Arguments": ["a": 1],
        "End": true,
      ], [:], [("mock", ["result": "5"])])
    #expect(answer["inspectionData"]?["afterArguments"] == #"{"a":1}"#)
  }

  /// An endpoint that answers 418, and tells of it.
  private struct Teapot: TaskResolver {
    func service(for resource: TaskResourceName) -> TaskService? {
      guard resource.service == "http" else { return nil }
      return TaskService { run, reply in
        run.trace?(
          TaskExchange(
            method: "PUT", url: "https://h/p?q=1",
            request: .init(headers: [("A", "1"), ("B", "2")], body: Array("tea".utf8)),
            response: (418, "I'm a teapot", .init(headers: [("c", "3")], body: []))))
        reply(.failed(TaskFailure(error: "States.Http.StatusCode.418", cause: "I'm a teapot")))
      }
    }
  }

  /// TRACE shows what went over the wire, whatever came of it.
  @Test func tracesOfHTTPTasks() {
    let harness = ServiceHarness(tasks: [Teapot()])
    let state: JSON = [
      "Type": "Task", "Resource": "arn:aws:states:::http:invoke",
      "Parameters": [
        "ApiEndpoint": "https://h/p", "Method": "PUT", "Authentication": ["ConnectionArn": "c"],
      ],
      "End": true,
    ]
    func data(_ level: JSON) -> JSON? {
      harness.call(
        "TestState",
        [
          "definition": JSON(state.text), "inspectionLevel": level, "roleArn": JSON(ServiceHarness.role),
        ])["inspectionData"]
    }
    #expect(
      data("TRACE")?["request"] == [
        "protocol": "https", "method": "PUT", "url": "https://h/p?q=1", "headers": "[A: 1, B: 2]",
        "body": "tea",
      ])
    #expect(
      data("TRACE")?["response"] == [
        "protocol": "https", "statusCode": "418", "statusMessage": "I'm a teapot", "headers": "[c: 3]",
      ])
    #expect(data("DEBUG")?["request"] == nil && data("DEBUG")?["input"] == "{}")
  }

  /// A request that cannot be made shows as what it is, although the task is never scheduled.
  @Test func refusedRequests() {
    let more: [(key: String, value: JSON)] = [("roleArn", JSON(ServiceHarness.role))]
    let resource = JSON("arn:aws:states:::lambda:invoke")
    let answer = test(
      ["Type": "Task", "Resource": resource, "Parameters": ["Payload.$": "$.a"], "End": true], ["a": 1], more)
    let cause = JSON(
      #"The Parameters '{"Payload":1}' could not be used to start the Task: "#
        + "[The field 'FunctionName' is required but was missing]")
    #expect(answer["status"] == "FAILED" && answer["error"] == "States.Runtime" && answer["cause"] == cause)
    #expect(
      answer["inspectionData"]
        == ["input": #"{"a":1}"#, "afterInputPath": #"{"a":1}"#, "afterParameters": #"{"Payload":1}"#])
    let jsonata = test(
      [
        "Type": "Task", "QueryLanguage": "JSONata", "Resource": resource,
        "Arguments": ["Payload": "{% $states.input.a %}"], "End": true,
      ], ["a": 1], more)
    #expect(jsonata["cause"] == cause)
    #expect(jsonata["inspectionData"] == ["input": #"{"a":1}"#, "afterArguments": #"{"Payload":1}"#])
  }

  @Test func mocksAreHeldAgainstTheirServices() {
    let state: JSON = [
      "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": ["FunctionName": "f"],
      "End": true,
    ]
    #expect(
      error(state, [("mock", ["result": #"{"StatusCode":"200"}"#])])
        == "ValidationException: Mock result schema validation error: Field 'StatusCode' must be a number")
    #expect(
      error(state, [("mock", ["result": #"{"StatusCode":"200"}"#, "fieldValidationMode": "NONE"])])
        .hasPrefix("no error"))
    #expect(
      error(state, [("mock", ["result": "{}", "errorOutput": ["error": "E"]])]).contains("only one of"))
    #expect(error(state, [("mock", [:])]).contains("One of the following fields is required"))
    #expect(
      error(["Type": "Pass", "End": true], [("mock", ["result": "{}"])])
        == "ValidationException: State type 'Pass' is not supported when a mock is specified")
  }

  @Test func tasksThatWaitForTheirTokenAreCompleted() {
    for resource in ["lambda:invoke", "aws-sdk:sqs:sendMessage"] {
      let state: JSON = [
        "Type": "Task", "Resource": JSON("arn:aws:states:::\(resource).waitForTaskToken"),
        "Parameters": resource.hasPrefix("lambda")
          ? ["FunctionName": "f", "Payload": ["t.$": "$$.Task.Token"]]
          : ["QueueUrl": "q", "MessageBody.$": "$$.Task.Token"],
        "TimeoutSeconds": 2, "ResultPath": "$.r", "Next": "N",
      ]
      let answer = test(state, ["k": 1], [("mock", ["result": #"{"a":1}"#])])
      #expect(answer["status"] == "SUCCEEDED" && answer["output"] == #"{"k":1,"r":{"a":1}}"#)
      #expect(answer["inspectionData"]?["result"] == #"{"a":1}"#)
      let failed = test(state, [:], [("mock", ["errorOutput": ["error": "E", "cause": "C"]])])
      #expect(failed["status"] == "FAILED" && failed["error"] == "E")
    }
  }

  @Test func waitsTakeTheirTime() {
    let pending = harness.begin(
      "TestState", ["definition": #"{"Type":"Wait","SecondsPath":"$.s","End":true}"#, "input": #"{"s":"1"}"#])
    #expect(pending.answer == nil)
    harness.host.advance(by: 1000)
    #expect(pending.body?["status"] == "SUCCEEDED")
  }

  @Test func notation() {
    guard case .object(let members) = MockShape("{A=s1,B!=[n(0,9)],C=<b>,D={E=s(X|Y)}}") else {
      Issue.record("no object")
      return
    }
    #expect(members.map(\.name) == ["A", "B", "C", "D"] && members[1].isRequired)
  }

  /// A job's mocked result is held against what the service says of the job.
  @Test func mocksOfJobs() {
    func problem(_ resource: String, _ parameters: JSON, _ result: JSON) -> String? {
      let state: JSON = [
        "Type": "Task", "Resource": JSON("arn:aws:states:::\(resource).sync"), "Parameters": parameters,
        "End": true,
      ]
      let text = error(state, [("mock", ["result": JSON(result.text)])])
      return text.hasPrefix("no error") ? nil : text.split(separator: ": ").last.map(String.init)
    }
    let batch: JSON = ["JobDefinition": "d", "JobQueue": "q", "JobName": "n"]
    var job: JSON = [
      "JobName": "n", "JobId": "i", "JobQueue": "q", "Status": "SUCCEEDED", "StartedAt": 1,
      "JobDefinition": "d",
    ]
    #expect(problem("batch:submitJob", batch, [:]) == "Required field 'JobName' is missing")
    #expect(problem("batch:submitJob", batch, job) == nil)
    job["Status"] = 3
    #expect(problem("batch:submitJob", batch, job) == "Field 'Status' must be a string")
    let query: JSON = ["QueryString": "q"]
    #expect(
      problem("athena:startQueryExecution", query, ["QueryExecution": 5])
        == "Field 'QueryExecution' must be an object")
    #expect(
      problem("athena:startQueryExecution", query, ["QueryExecution": ["Status": ["SubmissionDateTime": 1]]])
        == nil)
    #expect(
      problem("glue:startJobRun", ["JobName": "j"], ["JobRunState": 5])
        == "Field 'JobRunState' must be a string")
    #expect(
      problem("glue:startJobRun", ["JobName": "j"], ["JobRunState": "SUCCEEDED", "StartedOn": 1]) == nil)
    #expect(
      problem("ecs:runTask", ["TaskDefinition": "t"], ["TaskArn": 5]) == "Field 'TaskArn' must be a string")
    #expect(problem("ecs:runTask", ["TaskDefinition": "t"], ["TaskArn": "t", "StoppedAt": 1]) == nil)
    #expect(
      problem("codebuild:startBuild", ["ProjectName": "p"], ["Build": 5]) == "Field 'Build' must be an object"
    )
  }

  /// Each shape of the table can be read to its end, and what it names is there.
  @Test func shapesAreWhole() {
    func count(_ shape: MockShape) -> Int {
      switch shape {
      case .any, .text, .number, .flag: 1
      case .list(let element), .map(let element): count(element) + 1
      case .object(let members): members.reduce(1) { $0 + count($1.shape) }
      }
    }
    #expect(MockShapes.table.count > 100)
    for (name, text) in MockShapes.table { #expect(count(MockShape(String(text))) > 0, "\(name)") }
    let function = MockShapes.table["lambda:createFunction"].map { count(MockShape(String($0))) }
    #expect(function == 90, "\(function ?? 0)")
  }
}
