import Testing

@testable import StepmillCommands

/// Proves that the compiled form is shown whole, and that it is laid out for people.
@Suite struct ExplainTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func everyKindOfState() async throws {
    let file = try scratch.file("all.json", Self.definition)
    let run = try await stepmill("explain", file)
    #expect(run.status == 0 && run.error.isEmpty)
    #expect(run.output.hasPrefix(Self.explanation + "\n\n"))
    #expect(run.output.contains("13 states, 4 machines, 2 tasks, 3 tests"))
    #expect(run.output.hasSuffix(" bytes\n"))
  }

  @Test func expressions() async throws {
    let definition = #"""
      {"QueryLanguage":"JSONata","StartAt":"A","States":{
        "A":{"Type":"Pass","Assign":{"v":"{% $states.input.n %}"},"Output":{"k":["{% $uuid() %}"]},"Next":"C"},
        "C":{"Type":"Choice","Choices":[{"Condition":"{% $v > 1 %}","Output":"{% $v %}","Next":"W"}],"Default":"W"},
        "W":{"Type":"Wait","Seconds":"{% $v %}","Next":"T"},
        "T":{"Type":"Task","Resource":"t","TimeoutSeconds":"{% $v * 2 %}","Arguments":{"x":"{% $v %}"},
          "Catch":[{"ErrorEquals":["E"],"Next":"F","Output":"{% $states.errorOutput %}"}],"Next":"M"},
        "M":{"Type":"Map","Items":"{% [1] %}","MaxConcurrency":"{% $v %}","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"Next":"F"},
        "F":{"Type":"Fail","Cause":"{% 'c' & $v %}"}}}
      """#
    let run = try await stepmill("explain", "-", input: definition)
    #expect(run.status == 0, "\(run.error)")
    let lines = run.output.split(separator: "\n").map { $0.drop { $0 == " " } }
    for expected in [
      "output           {\"k\": [{% $uuid() %}]}",
      "assign           $v (slot 0) = {% $states.input.n %}  (looked up)",
      "output to [3]    {% $v %}  (looked up, $v (slot 0))",
      "for seconds      {% $v %}  (looked up, $v (slot 0))",
      "timeout          {% $v * 2 %}  ($v (slot 0))", "items            {% [1] %}",
      "output         {% $states.errorOutput %}  (looked up)",
      "cause            {% 'c' & $v %}  ($v (slot 0))",
    ] {
      #expect(lines.contains(expected[...]), "\(expected) in\n\(run.output)")
    }
  }

  @Test func standardInput() async throws {
    let run = try await stepmill("explain", "-", input: Samples.pass)
    #expect(run.output.hasPrefix("machine: 1 state, starts at [1] A\n  [1] A    pass      → end\n"))
  }

  @Test func largeDefinition() async throws {
    let states = (0..<5_000).map { "\"S\($0)\":{\"Type\":\"Pass\",\"Next\":\"S\($0 + 1)\"}" }
    let text =
      "{\"StartAt\":\"S0\",\"States\":{\(states.joined(separator: ",")),\"S5000\":{\"Type\":\"Succeed\"}}}"
    let run = try await stepmill("explain", "-", input: text)
    #expect(run.status == 0)
    #expect(run.output.contains("[5001] S5000"))
  }

  static let definition = #"""
    {
      "Comment": "All there is",
      "StartAt": "Reserve",
      "TimeoutSeconds": 300,
      "States": {
        "Reserve": {
          "Type": "Task", "Resource": "reserve",
          "Parameters": {"id.$": "$.orderId", "n.$": "States.MathAdd($.n, 1)", "fixed": {"a": [1, "x"]}},
          "ResultSelector": {"ok.$": "$.ok"},
          "ResultPath": "$.reservation",
          "TimeoutSeconds": 5, "HeartbeatSecondsPath": "$.beat",
          "Retry": [{"ErrorEquals": ["Busy", "States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 3,
                     "BackoffRate": 2.5, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}],
          "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Assign": {"flag": null}, "Next": "Undo"}],
          "Assign": {"total.$": "$.n", "flag": true},
          "Next": "Check"
        },
        "Check": {
          "Type": "Choice",
          "Choices": [
            {"And": [{"Variable": "$.n", "NumericGreaterThan": 100},
                     {"Not": {"Variable": "$.at", "TimestampLessThan": "2026-01-01T00:00:00.5Z"}}], "Next": "Undo"},
            {"Variable": "$total", "NumericEqualsPath": "$.n", "Assign": {"flag": false}, "Next": "Fan"}
          ]
        },
        "Pause": {"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "Next": "Fan"},
        "Fan": {
          "Type": "Parallel",
          "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": true}}},
            {"StartAt": "B", "States": {"B": {"Type": "Wait", "SecondsPath": "$.n", "Next": "B2"},
              "B2": {"Type": "Pass", "Parameters": {"t.$": "$total"}, "End": true}}}
          ],
          "ResultPath": null,
          "Catch": [{"ErrorEquals": ["Late"], "Next": "Pause"}],
          "Next": "Each"
        },
        "Each": {
          "Type": "Map", "ItemsPath": "$.lines", "MaxConcurrency": 4,
          "ItemSelector": {"i.$": "$$.Map.Item.Index"},
          "ItemProcessor": {"StartAt": "Item", "States": {
            "Item": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge", "Next": "Cheap"},
            "Cheap": {"Type": "Pass", "InputPath": "$..price", "End": true}}},
          "Next": "Plain"
        },
        "Plain": {"Type": "Pass", "Next": "Done"},
        "Done": {"Type": "Succeed", "OutputPath": "$.lines"},
        "Undo": {"Type": "Fail", "Error": "Order.Failed", "CausePath": "States.Format('no {}', $.error)"}
      }
    }
    """#

  static let explanation = #"""
    # All there is
    timeout  300 s for the whole execution

    machine: 8 states, starts at [1] Reserve
      variables  $total (slot 0), $flag (slot 1)
      [1] Reserve    task      → [2] Check
            parameters       {"id": $.orderId, "n": States.MathAdd($.n, 1), "fixed": {"a":[1,"x"]}}
            resource         handler 0  reserve
            timeout          5 s
            heartbeat        $.beat
            result selector  {"ok": $.ok}
            result to        $.reservation
            assign           $total (slot 0) = $.n
                             $flag (slot 1) = true
            retry            Busy, States.Timeout  3 retries, after 2 s, then × 2.5, at most 60 s, full jitter
            catch            States.ALL  → [8] Undo, error to $.error
              assign         $flag (slot 1) = null
      [2] Check      choice
            test 3           $.n  number >  100                      yes → test 2   no → test 1
            test 2           $.at  time <  2026-01-01T00:00:00.500Z  yes → test 1   no → [8] Undo
            test 1           $total (slot 0)  number ==  $.n         yes → [4] Fan  no → States.NoChoiceMatched
            then to [4]      $flag (slot 1) = false
      [3] Pause      wait      → [4] Fan
            until            2026-01-01T00:00:00Z
      [4] Fan        parallel  → [5] Each
            branch 1         starts at [9] A
            branch 2         starts at [10] B
            result           dropped
            catch            Late  → [3] Pause
      [5] Each       map       → [6] Plain
            items            $.lines
            item selector    {"i": $$.Map.Item.Index}
            at once          4
            each             starts at [12] Item
      [6] Plain      pass      → [7] Done
      [7] Done       succeed
            output           $.lines
      [8] Undo       fail
            error            "Order.Failed"
            cause            States.Format('no {}', $.error)

    branch 1 of [4] Fan: 1 state, starts at [9] A, depth 1
      [9] A          passData  → end
            constant         {"a":1}

    branch 2 of [4] Fan: 2 states, starts at [10] B, depth 1
      [10] B         wait      → [11] B2
            for seconds      $.n
      [11] B2        passData  → end
            parameters       {"t": $total (up 1, slot 0)}

    items of [5] Each: 2 states, starts at [12] Item, depth 1
      [12] Item      task      → [13] Cheap
            resource         handler 1  arn:aws:lambda:us-east-1:123456789012:function:charge  (function)
      [13] Cheap     passData  → end
            input            $..price (general)

    handlers
      0     reserve
      1     arn:aws:lambda:us-east-1:123456789012:function:charge
    """#
}
