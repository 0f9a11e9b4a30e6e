import Testing

@testable import Stepmill

// Every rule with definitions it speaks of and, as much to the point, with neighbours of those
// that it leaves alone.

private struct Case: Sendable, CustomTestStringConvertible {
  var rule: String
  var definition: String
  /// The lines' beginnings; none for a definition that the rule leaves alone.
  var expected: [String]
  var type = StateMachineType.standard

  init(_ rule: String, _ definition: String, _ expected: String..., type: StateMachineType = .standard) {
    self.rule = rule
    self.definition = definition
    self.expected = expected
    self.type = type
  }

  var testDescription: String { "\(rule): \(definition)" }
}

private let end = #""Z":{"Type":"Succeed"}"#
private let handled = #""Retry":[{"ErrorEquals":["States.ALL"]}]"#

private func task(_ fields: String, _ resource: String = "work") -> String {
  machineText(
    #""A":{"Type":"Task","Resource":"\#(resource)","End":true\#(fields.isEmpty ? "" : "," + fields)}"#)
}

private func catching(_ names: String..., resource: String = "work", fields: String = "") -> String {
  let catchers = names.map { #"{"ErrorEquals":[\#($0)],"Next":"Z"}"# }.joined(separator: ",")
  return machineText(
    #""A":{"Type":"Task","Resource":"\#(resource)","Next":"Z","Catch":[\#(catchers)]\#(fields)},"# + end)
}

private func choice(_ rules: String..., more: String = "") -> String {
  let rules = rules.map { #"{\#($0),"Next":"Z"}"# }.joined(separator: ",")
  return machineText(#""A":{"Type":"Choice","Choices":[\#(rules)]\#(more)},"# + end)
}

/// A Pass, then a state that reads.
private func following(_ pass: String, _ reader: String) -> String {
  machineText(#""A":{"Type":"Pass",\#(pass),"Next":"B"},"B":{\#(reader)},"# + end)
}

private func loop(_ body: String, jsonata: Bool = false) -> String {
  let back =
    jsonata
    ? #"{"Condition":"{% $states.input.done %}","Next":"Z"}"#
    : #"{"Variable":"$.done","BooleanEquals":true,"Next":"Z"}"#
  return machineText(
    #""A":{"Type":"Pass",\#(body),"Next":"C"},"C":{"Type":"Choice","Choices":[\#(back)],"Default":"A"},"#
      + end,
    jsonata ? #""QueryLanguage":"JSONata""# : "")
}

private func polling(_ seconds: String) -> String {
  machineText(
    #""A":{"Type":"Task","Resource":"ask","Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.done","BooleanEquals":true,"Next":"Z"}],"Default":"W"},"W":{"Type":"Wait",\#(seconds),"Next":"A"},"#
      + end)
}

private let cases: [Case] = [
  .init("catcher-never-matches", catching(#""A""#, #""B""#)),
  .init("catcher-never-matches", catching(#""States.Timeout""#, #""States.TaskFailed""#, #""States.ALL""#)),
  .init("catcher-never-matches", catching(#""A""#, #""B","A""#), "The error 'A' never reaches this catcher"),
  .init(
    "catcher-never-matches", catching(#""States.TaskFailed""#, #""Mine""#, #""States.Timeout""#),
    "The error 'Mine' never reaches this catcher"),
  .init(
    "catcher-never-matches", catching(#""States.Runtime""#), "The error 'States.Runtime' can never be caught"),
  .init(
    "catcher-never-matches", catching(#""States.HeartbeatTimeout""#),
    "The error 'States.HeartbeatTimeout' can never be caught here: the state has no `HeartbeatSeconds`."),
  .init("catcher-never-matches", catching(#""States.HeartbeatTimeout""#, fields: #","HeartbeatSeconds":5"#)),
  .init(
    "catcher-never-matches",
    catching(#""Lambda.TooManyRequestsException""#, resource: "arn:aws:states:::dynamodb:putItem"),
    "The error 'Lambda.TooManyRequestsException' can never be caught"),
  .init(
    "catcher-never-matches",
    catching(#""Lambda.TooManyRequestsException""#, resource: "arn:aws:states:::lambda:invoke")),
  .init(
    "catcher-never-matches",
    catching(#""Lambda.Any""#, resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken")),

  .init("retry-never-matches", task(#""Retry":[{"ErrorEquals":["A"]},{"ErrorEquals":["States.ALL"]}]"#)),
  .init(
    "retry-never-matches", task(#""Retry":[{"ErrorEquals":["A"]},{"ErrorEquals":["A","B"]}]"#),
    "The error 'A' never reaches this retrier"),

  .init(
    "retry-beyond-timeout",
    machineText(
      #""A":{"Type":"Task","Resource":"x","End":true,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":10,"BackoffRate":3,"MaxAttempts":5}]}"#,
      #""TimeoutSeconds":600"#),
    "The pauses between 5 attempts exceed the machine's TimeoutSeconds (600): no more than 4 of them"),
  .init(
    "retry-beyond-timeout",
    machineText(
      #""A":{"Type":"Task","Resource":"x","End":true,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":10,"BackoffRate":3,"MaxAttempts":5,"MaxDelaySeconds":60}]}"#,
      #""TimeoutSeconds":600"#)),
  .init("retry-beyond-timeout", task(#""Retry":[{"ErrorEquals":["E"],"MaxAttempts":90}]"#)),
  .init(
    "retry-beyond-timeout",
    task(#""Retry":[{"ErrorEquals":["E"],"MaxAttempts":90,"BackoffRate":1,"IntervalSeconds":100}]"#),
    "The pauses between 90 attempts exceed the 300 seconds", type: .express),

  .init("task-without-error-handling", task(""), "The Task 'A' has neither Retry nor Catch"),
  .init("task-without-error-handling", task(handled)),
  .init(
    "task-without-error-handling",
    machineText(
      #""A":{"Type":"Parallel","End":true,\#(handled),"Branches":[{"StartAt":"B","States":{"B":{"Type":"Task","Resource":"x","End":true}}}]}"#
    )),

  .init(
    "callback-without-timeout", task("", "arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
    "The Task 'A' waits for its token"),
  .init(
    "callback-without-timeout", task("", "arn:aws:states:us-east-1:123456789012:activity:a"),
    "The Task 'A' waits for a worker"),
  .init(
    "callback-without-timeout",
    task(#""HeartbeatSeconds":60"#, "arn:aws:states:::sqs:sendMessage.waitForTaskToken")),
  .init("callback-without-timeout", task("", "arn:aws:states:::sqs:sendMessage")),

  .init(
    "choice-without-default", choice(#""Variable":"$.a","NumericEquals":1"#), "The Choice 'A' has no Default"),
  .init("choice-without-default", choice(#""Variable":"$.a","NumericEquals":1"#, more: #","Default":"Z""#)),
  .init(
    "choice-without-default",
    choice(#""Variable":"$.a","BooleanEquals":true"#, #""Variable":"$.a","BooleanEquals":false"#)),
  .init(
    "choice-without-default",
    choice(#""Variable":"$.a","NumericLessThan":5"#, #""Variable":"$.a","NumericGreaterThanEquals":5"#)),
  .init(
    "choice-without-default",
    choice(#""Variable":"$.a","NumericLessThan":5"#, #""Variable":"$.a","NumericGreaterThan":5"#),
    "The Choice 'A' has no Default"),
  .init(
    "choice-without-default",
    choice(#""Variable":"$.a","IsNull":true"#, #""Not":{"Variable":"$.a","IsNull":true}"#)),

  .init(
    "choice-rule-never-reached",
    choice(#""Variable":"$.a","NumericEquals":1"#, #""Variable":"$.a","NumericEquals":1"#),
    "This rule is never reached: one before it has the same condition."),
  .init(
    "choice-rule-never-reached",
    choice(#""Variable":"$.a","NumericEquals":1"#, #""Variable":"$.a","NumericEquals":2"#)),
  .init(
    "choice-rule-never-reached",
    choice(#""Variable":"$.a","StringEquals":"$.b""#, #""Variable":"$.a","StringEqualsPath":"$.b""#)),

  .init(
    "path-cannot-exist",
    following(#""Result":{"a":{"b":1}}"#, #""Type":"Wait","SecondsPath":"$.a.c","Next":"Z""#),
    "The path '$.a.c' does not exist when 'B' follows 'A', whose output has no 'c'."),
  .init(
    "path-cannot-exist",
    following(#""Result":{"a":{"b":1}}"#, #""Type":"Wait","SecondsPath":"$.a.b","Next":"Z""#)),
  .init(
    "path-cannot-exist",
    following(#""Result":1,"ResultPath":"$.a""#, #""Type":"Wait","SecondsPath":"$.c","Next":"Z""#)),
  .init(
    "path-cannot-exist",
    following(#""Parameters":{"a.$":"$.x"}"#, #""Type":"Pass","Parameters":{"v.$":"$.x"},"Next":"Z""#),
    "The path '$.x' does not exist when 'B' follows 'A'"),
  .init(
    "path-cannot-exist",
    following(
      #""Parameters":{"a.$":"$.x"}"#, #""Type":"Pass","Parameters":{"v.$":"$.a.anything"},"Next":"Z""#)),
  .init(
    "path-cannot-exist",
    following(
      #""Result":{}"#,
      #""Type":"Choice","Choices":[{"And":[{"Variable":"$.x","IsPresent":true},{"Variable":"$.x","NumericEquals":1}],"Next":"Z"}],"Default":"Z""#
    )),
  .init(
    "path-cannot-exist",
    following(
      #""Result":{}"#,
      #""Type":"Choice","Choices":[{"Variable":"$.x","NumericEquals":1,"Next":"Z"}],"Default":"Z""#),
    "The path '$.x' does not exist"),
  .init(
    "path-cannot-exist",
    following(
      #""Result":{"in":{"k":1}},"OutputPath":"$.in""#,
      #""Type":"Pass","InputPath":"$","Parameters":{"v.$":"States.Format('{}', $.in)"},"Next":"Z""#),
    "The path '$.in' does not exist"),

  .init(
    "unused-variable", following(#""Assign":{"v":1}"#, #""Type":"Pass","Next":"Z""#), "The variable '$v' is"),
  .init(
    "unused-variable",
    following(#""Assign":{"v":1}"#, #""Type":"Pass","Parameters":{"x.$":"States.MathAdd($v, 1)"},"Next":"Z""#)
  ),
  .init(
    "unused-variable",
    machineText(
      #""A":{"Type":"Pass","Assign":{"v":1},"Next":"B"},"B":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"C","States":{"C":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $v + 1 %}","End":true}}}]}"#
    )),

  .init(
    "variable-not-always-assigned",
    machineText(
      #""A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"B"}],"Default":"C"},"B":{"Type":"Pass","Assign":{"v":1},"Next":"C"},"C":{"Type":"Pass","Parameters":{"x.$":"$v"},"End":true}"#
    ), "The variable '$v' is not assigned on every way to 'C'."),
  .init(
    "variable-not-always-assigned",
    machineText(
      #""A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"B"}],"Default":"C","Assign":{"v":0}},"B":{"Type":"Pass","Assign":{"v":1},"Next":"C"},"C":{"Type":"Pass","Parameters":{"x.$":"$v"},"End":true}"#
    )),
  .init(
    "variable-not-always-assigned",
    machineText(
      #""A":{"Type":"Task","Resource":"x","Assign":{"v":1},"Catch":[{"ErrorEquals":["E"],"Next":"C"}],"Next":"C"},"C":{"Type":"Pass","Parameters":{"x.$":"$v"},"End":true}"#
    ), "The variable '$v' is not assigned on every way to 'C'."),

  .init(
    "payload-growth-in-loop",
    loop(#""Parameters":{"list.$":"States.Array($.list, $.x)","done.$":"$.done"}"#),
    "Each round of the loop through 'A' makes"),
  .init("payload-growth-in-loop", loop(#""Parameters":{"list.$":"$.list","n.$":"States.MathAdd($.n, 1)"}"#)),
  .init(
    "payload-growth-in-loop", loop(#""Parameters":{"old.$":"$"},"ResultPath":"$.state""#),
    "Each round of the loop through 'A' makes '$.state' larger"),
  .init("payload-growth-in-loop", loop(#""Parameters":{"n.$":"$.state.n"},"ResultPath":"$.state""#)),
  .init(
    "payload-growth-in-loop", loop(#""Assign":{"log.$":"States.Format('{} {}', $log, $.x)"}"#),
    "Each round of the loop through 'A' makes the variable '$log' larger"),
  .init("payload-growth-in-loop", loop(#""Assign":{"log.$":"States.Format('{}', $.x)"}"#)),
  .init(
    "payload-growth-in-loop",
    loop(#""Assign":{"all":"{% $append($all, $states.input.x) %}"}"#, jsonata: true),
    "Each round of the loop through 'A' makes the variable '$all' larger"),
  .init("payload-growth-in-loop", loop(#""Assign":{"n":"{% $n + 1 %}"}"#, jsonata: true)),
  .init(
    "payload-growth-in-loop",
    machineText(#""A":{"Type":"Pass","Parameters":{"list.$":"States.Array($.list)"},"Next":"Z"},"# + end)),

  .init("wait-in-hot-loop", polling(#""Seconds":1"#), "The loop through 'W' waits 1 s a round"),
  .init("wait-in-hot-loop", polling(#""Seconds":60"#)),
  .init("wait-in-hot-loop", polling(#""SecondsPath":"$.s""#)),
  .init("wait-in-hot-loop", polling(#""Seconds":1"#), type: .express),

  .init(
    "express-duration", machineText(#""A":{"Type":"Wait","Seconds":301,"Next":"Z"},"# + end),
    "The Wait of 301 s is longer", type: .express),
  .init("express-duration", machineText(#""A":{"Type":"Wait","Seconds":301,"Next":"Z"},"# + end)),
  .init(
    "express-duration",
    machineText(
      #""A":{"Type":"Wait","Seconds":200,"Next":"B"},"B":{"Type":"Wait","Seconds":200,"End":true}"#),
    "The waits on every way to an end add up", type: .express),
  .init(
    "express-duration",
    machineText(
      #""A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"Z"}],"Default":"B"},"B":{"Type":"Wait","Seconds":200,"Next":"C"},"C":{"Type":"Wait","Seconds":200,"Next":"Z"},"#
        + end), type: .express),
  .init(
    "express-duration", machineText(end.replacing("Z", with: "A"), #""TimeoutSeconds":301"#),
    "TimeoutSeconds is 301", type: .express),
]

@Suite struct LintTests {
  @Test(arguments: cases)
  private func rules(_ each: Case) throws {
    let rule = try #require(LintRule.named(each.rule))
    let found = Lint.check(Array(each.definition.utf8), type: each.type, rules: [rule])
    let errors = found.filter { $0.severity == .error }
    #expect(errors.isEmpty, "\(errors)")
    let messages = found.filter { $0.code == each.rule }.map(\.message)
    #expect(messages.count == each.expected.count, "\(messages)")
    for (message, start) in zip(messages, each.expected) {
      #expect(message.hasPrefix(start), "\(message)")
    }
  }

  /// Names are words with hyphens, texts are sentences, and every rule is tried above, both ways.
  @Test func table() {
    #expect(Set(LintRule.all.map(\.name)).count == LintRule.all.count)
    for rule in LintRule.all {
      #expect(rule.name.allSatisfy { $0.isLowercase || $0 == "-" })
      #expect(rule.summary.hasSuffix(".") && rule.explanation.hasSuffix("."))
      #expect(cases.contains { $0.rule == rule.name && !$0.expected.isEmpty }, "\(rule.name)")
      #expect(cases.contains { $0.rule == rule.name && $0.expected.isEmpty }, "\(rule.name)")
    }
  }

  @Test func errorsComeAlone() {
    let found = Lint.check(Array(#"{"StartAt":"A"}"#.utf8), rules: LintRule.all)
    #expect(found.map(\.code) == ["SCHEMA_VALIDATION_FAILED"])
  }

  /// A large loop with everything in it is looked at in time that grows with its size.
  @Test func largeDefinitions() {
    let count = 20_000
    let states = (0..<count).map { index in
      #""S\#(index)":{"Type":"Pass","Assign":{"v\#(index % 50).$":"$v\#((index + 1) % 50)"},"Next":"S\#((index + 1) % count)"}"#
    }
    let text =
      #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"S0"}],"Default":"Z"},"#
      + states.joined(separator: ",") + "," + end + "}}"
    let found = Lint.check(Array(text.utf8), rules: LintRule.all)
    #expect(!found.contains { $0.severity == .error })
  }

  /// One state with very many catchers and rules costs no more than their number.
  @Test func wideStates() {
    let count = 10_000
    let catchers = (0..<count).map { #"{"ErrorEquals":["E\#($0)"],"Next":"C"}"# }
    let rules = (0..<count).map {
      #"{"And":[{"Variable":"$.p\#($0)","IsPresent":true},{"Variable":"$.p\#($0).q","NumericEquals":1}],"Next":"Z"}"#
    }
    let text = machineText(
      #""A":{"Type":"Task","Resource":"x","Next":"C","Catch":[\#(catchers.joined(separator: ","))]},"C":{"Type":"Choice","Choices":[\#(rules.joined(separator: ","))],"Default":"Z"},"#
        + end)
    #expect(Lint.check(Array(text.utf8), rules: LintRule.all).isEmpty)
  }
}
