import Testing

@testable import Stepmill
@testable import StepmillCommands

/// Proves what `stepmill run` does with definitions, inputs, commands and mocks.
@Suite struct RunTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func outputIsCompactOrPretty() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let input = #"{"a": [1, 2]}"#
    #expect(
      try await stepmill("run", file, "--input", input)
        == Finished(status: 0, output: "{\"a\":[1,2]}\n", error: ""))
    let pretty = "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n"
    #expect(try await stepmill("run", file, "--input", input, "--pretty").output == pretty)
    #expect(try await stepmill("run", file, "--input", input, isTerminal: true).output == pretty)
    #expect(
      try await stepmill("run", file, "--input", input, "--compact", isTerminal: true).output
        == "{\"a\":[1,2]}\n")
  }

  @Test func inputsComeFromEverywhere() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let input = try scratch.file("input.json", " [1] ")
    #expect(try await stepmill("run", file).output == "{}\n")
    #expect(try await stepmill("run", file, "--input", "@\(input)").output == "[1]\n")
    #expect(try await stepmill("run", file, "--input", "-", input: "[2]").output == "[2]\n")
    #expect(try await stepmill("run", "-", "--input", "3", input: Samples.pass).output == "3\n")
  }

  @Test func failureIsExplained() async throws {
    let file = try scratch.file("fail.json", Samples.fail)
    for extra in [["--compact"], ["--simulate"]] {
      let run = try await stepmill("run", file, extra[0])
      #expect(run == Finished(status: 1, output: "", error: "execution failed: My.Error\n  it is so\n"))
    }
  }

  @Test func wrongInput() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let run = try await stepmill("run", file, "--input", "{\"a\": tru}")
    #expect(run.status == 2)
    #expect(run.error.contains("--input:1:"))
    #expect(run.error.contains("^\n"))
    #expect(run.error.contains("--input is not JSON"))
    let missing = try await stepmill("run", file, "--input", "@/nonexistent")
    #expect(missing.status == 2)
    #expect(missing.error.contains("/nonexistent cannot be read: No such file or directory"))
  }

  @Test func inputBeyondTheLimit() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let input = try scratch.file("input.json", "\"" + String(repeating: "x", count: 262_144) + "\"")
    let run = try await stepmill("run", file, "--input", "@\(input)", "--limits", "aws")
    #expect(run.status == 2)
    #expect(run.error.contains("the limit is 262144"))
    #expect(try await stepmill("run", file, "--input", "@\(input)").status == 0)
    // White space is not counted.
    let wide = try scratch.file("wide.json", String(repeating: " ", count: 300_000) + "1")
    #expect(try await stepmill("run", file, "--input", "@\(wide)", "--limits", "aws").output == "1\n")
  }

  @Test func wrongDefinition() async throws {
    let file = try scratch.file(
      "bad.json",
      """
      {
        "StartAt": "Frist",
        "States": {
          "First": {"Type": "Pass", "Next": "Nowhere"}
        }
      }
      """)
    for command in ["run", "explain"] {
      let run = try await stepmill(command, file)
      #expect(run.status == 2)
      #expect(run.output.isEmpty)
      #expect(
        run.error.contains(
          """
          \(file):2:14: error: Missing 'Next' target: Frist
            "StartAt": "Frist",
                       ^~~~~~~
            hint: did you mean `First`?

          """))
      #expect(run.error.contains("\(file):4:39: error: Missing 'Next' target: Nowhere"))
    }
  }

  @Test func excerptsOfLongAndStrangeLines() {
    var lines = SourceLines(Array((String(repeating: "x", count: 500) + "!\n\t\u{1B}[2J").utf8))
    let long = lines.excerpt(line: 1, column: 501, width: 40)
    #expect(long.text.count == 40 && Array(long.text)[long.caret] == "!")
    #expect(long.text.hasPrefix("…"))
    let strange = lines.excerpt(line: 2, column: 2, width: 40)
    #expect(strange.text == "\u{FFFD}[2J" && strange.caret == 0)
    var wide = SourceLines(Array((String(repeating: "é", count: 500) + "!").utf8))
    let accents = wide.excerpt(line: 1, column: 501, width: 40)
    #expect(Array(accents.text)[accents.caret] == "!")
    #expect(lines.excerpt(line: 3, column: 1, width: 40).text.isEmpty)
  }

  // MARK: Tasks

  @Test(arguments: [
    (#"printf '{"a": 1}'"#, #"{"a":1}"#),
    ("echo hello; echo you", #""hello\nyou""#),
    ("true", "null"),
    ("cat", #"{"in":1}"#),
    ("cat /dev/stdin", #"{"in":1}"#),
    (#"echo "$STEPMILL_STATE $STEPMILL_RESOURCE $STEPMILL_RETRY_COUNT""#, #""Work work 0""#),
    ("exec <&-; echo 1", "1"),
    (#"printf '"\377"'"#, #""\"�\"""#),
  ])
  func commandsAnswer(_ command: String, _ output: String) async throws {
    let file = try scratch.file("task.json", Samples.task)
    for mode in ["--compact", "--simulate"] {
      let run = try await stepmill("run", file, "--input", #"{"in":1}"#, "--task", "work=\(command)", mode)
      #expect(run == Finished(status: 0, output: output + "\n", error: ""))
    }
  }

  @Test(arguments: [
    ("exit 3", "Stepmill.CommandFailed\n  exit status 3\n"),
    ("echo boo >&2; exit 4", "Stepmill.CommandFailed\n  exit status 4: boo\n"),
    ("kill -9 $$", "Stepmill.CommandFailed\n  ended by signal 9 (Killed)\n"),
    ("exec /nonexistent 2>&-", "Stepmill.CommandFailed\n  exit status 127\n"),
    (#"echo '{"Error": "Own", "Cause": "why"}'; exit 1"#, "Own\n  why\n"),
    (#"echo '{"Error": 1}'; exit 1"#, "Stepmill.CommandFailed\n  exit status 1\n"),
  ])
  func commandsFail(_ command: String, _ error: String) async throws {
    let file = try scratch.file("task.json", Samples.task)
    for mode in ["--compact", "--simulate"] {
      let run = try await stepmill("run", file, "--task", "work=\(command)", mode)
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.error.hasSuffix("execution failed: \(error)"), "\(run.error)")
    }
  }

  @Test func standardErrorIsPassedOn() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await stepmill("run", file, "--task", "*=printf 'one\\ntwo' >&2; echo 1")
    #expect(run == Finished(status: 0, output: "1\n", error: "[Work] one\n[Work] two\n"))
  }

  @Test func tooMuchOutput() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await stepmill("run", file, "--task", "work=yes", "--limits", "aws")
    #expect(run.status == 1)
    #expect(run.error.contains("its output is too long"))
  }

  @Test func largeInputsAndOutputsPass() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let text = "\"" + String(repeating: "0123456789", count: 400_000) + "\""
    let run = try await stepmill("run", file, "--input", "-", "--task", "work=cat", input: text)
    #expect(run.status == 0)
    #expect(run.output == text + "\n")
  }

  @Test func timedOutCommandsAreEnded() async throws {
    // The command would wait for ever; that this test ends shows that it was ended, and the
    // child of the shell with it.
    let file = try scratch.file(
      "task.json",
      #"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"work","TimeoutSeconds":1,"End":true}}}"#
    )
    let run = try await stepmill("run", file, "--task", "work=tail -f /dev/null; echo no")
    #expect(run == Finished(status: 1, output: "", error: "execution failed: States.Timeout\n"))
  }

  @Test func manyCommandsAtOnce() async throws {
    let file = try scratch.file(
      "map.json",
      """
      {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Work","States":
       {"Work":{"Type":"Task","Resource":"work","End":true}}}}}}
      """)
    let numbers = "[" + (0..<100).map(String.init).joined(separator: ",") + "]"
    for mode in ["--compact", "--simulate"] {
      let run = try await stepmill("run", file, "--input", numbers, "--task", "work=cat", mode)
      #expect(run == Finished(status: 0, output: numbers + "\n", error: ""))
    }
  }

  @Test func missingHandlersAreListed() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await stepmill("run", file, "--task", "wrok=cat")
    #expect(run.status == 2)
    #expect(run.error.contains("--task 'wrok' fits no task of the definition; did you mean 'Work'?"))
    #expect(run.error.contains("nothing answers this resource:\n  work  (state Work)\n"))
    #expect(run.error.contains("--task 'work=cat'"))
    #expect(run.error.contains("--mocks FILE"))
  }

  @Test func namesOfTasks() {
    let task = CompiledDefinition.Task(
      state: "Charge", resource: "arn:aws:lambda:us-east-1:123456789012:function:charge:1",
      waitsForToken: false)
    func source(_ names: String...) -> String? {
      let commands = names.map { TaskCommand(name: $0, line: $0) }
      guard case .command(let line)? = TaskSources(tasks: [task], commands: commands, mocks: nil)["Charge"]
      else { return nil }
      return line
    }
    #expect(source("charge") == "charge")
    #expect(source("Charge") == "Charge")
    #expect(source("*", task.resource) == task.resource)
    #expect(source("ch*", "*") == "ch*")
    #expect(source("arn:*:charge:1") == "arn:*:charge:1")
    #expect(source("chargeX", "x*") == nil)
  }

  // MARK: Mocks and virtual time

  @Test func mocksAnswerInTurn() async throws {
    let file = try scratch.file("retry.json", Samples.retry)
    let mocks = try scratch.file(
      "mocks.json",
      #"{"Work": [{"Throw": {"Error": "Busy"}}, {"Throw": {"Error": "Busy", "Cause": "x"}}, {"Return": 7, "DelayMilliseconds": 60000}]}"#
    )
    // 30 s, 60 s and a minute pass in no time.
    let run = try await stepmill("run", file, "--mocks", mocks, "--simulate", "--history=json")
    #expect(run.status == 0 && run.output == "7\n")
    let events = try run.error.split(separator: "\n").map { try JSON(parsing: $0.utf8) }
    #expect(events.first?["type"] == "ExecutionStarted")
    #expect(events.last?["type"] == "ExecutionSucceeded")
    #expect(events.first?["timestamp"] == "2026-01-01T00:00:00Z")
    #expect(events.last?["timestamp"] == "2026-01-01T00:02:30Z")
    #expect(try await stepmill("run", file, "--mocks", mocks, "--simulate", "--history=json") == run)
  }

  @Test func mocksInRealTime() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let mocks = try scratch.file("mocks.json", #"{"work": {"Return": {"a": 1}, "DelayMilliseconds": 1}}"#)
    #expect(try await stepmill("run", file, "--mocks", mocks).output == "{\"a\":1}\n")
    let failing = try scratch.file("failing.json", #"{"Work": {"Throw": {"Error": "E", "Cause": "c"}}}"#)
    let run = try await stepmill("run", file, "--mocks", failing, "--task", "work=cat")
    #expect(run == Finished(status: 1, output: "", error: "execution failed: E\n  c\n"))
  }

  @Test(arguments: [
    ("[]", "must be an object with a member for each state"),
    (#"{"Work": []}"#, "/Work must not be an empty list"),
    (#"{"Work": {}}"#, "/Work needs either \"Return\" or \"Throw\""),
    (#"{"Work": 1}"#, "/Work must be an object"),
    (#"{"StateMachines": {"M": {"Work": {"Return": 1}}}}"#, "/StateMachines/M is for 'stepmill serve'"),
    (#"{"Work": [{"Retrun": 1}]}"#, "/Work/0 does not know \"Retrun\"; did you mean \"Return\"?"),
    (#"{"Work": {"Throw": {}}}"#, "/Work/Throw needs a string \"Error\""),
    (#"{"Work": {"Throw": {"Error": "x", "Cause": 1}}}"#, "/Work/Throw/Cause must be a string"),
    (#"{"Work": {"Return": 1, "Throw": {"Error": "x"}}}"#, "either"),
    (#"{"Work": {"Return": 1, "DelayMilliseconds": -1}}"#, "DelayMilliseconds must be a whole number"),
    (#"{"Wrk": {"Return": 1}}"#, "/Wrk names no Task state or resource; did you mean \"Work\"?"),
    ("{", "is not JSON"),
  ])
  func wrongMocks(_ text: String, _ message: String) async throws {
    let file = try scratch.file("task.json", Samples.task)
    let mocks = try scratch.file("mocks.json", text)
    let run = try await stepmill("run", file, "--mocks", mocks)
    #expect(run.status == 2 && run.output.isEmpty)
    #expect(run.error.contains(message), "\(run.error)")
  }

  @Test func mocksOfOtherStates() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let mocks = try scratch.file("mocks.json", #"{"A": {"Return": 1}}"#)
    #expect(try await stepmill("run", file, "--mocks", mocks).error.contains("only tasks are mocked"))
  }

  @Test func virtualTime() async throws {
    let file = try scratch.file("wait.json", Samples.wait)
    #expect(try await stepmill("run", file, "--simulate") == Finished(status: 0, output: "{}\n", error: ""))
    let late = try await stepmill("run", file, "--simulate", "--timeout", "5")
    #expect(late == Finished(status: 3, output: "", error: "execution timed out\n"))
  }

  @Test func timedOut() async throws {
    let file = try scratch.file("wait.json", Samples.wait)
    let run = try await stepmill("run", file, "--timeout", "1")
    #expect(run == Finished(status: 3, output: "", error: "execution timed out\n"))
  }

  @Test func tokensAreCompletedByTheAnswer() async throws {
    let file = try scratch.file(
      "token.json",
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"End":true}}}"#
    )
    for mode in ["--compact", "--simulate"] {
      let run = try await stepmill("run", file, "--task", "T=echo 5", mode, "--history")
      #expect(run.status == 0 && run.output == "5\n")
      #expect(run.error.contains("TaskSubmitted"))
    }
  }

  @Test func historyForPeople() async throws {
    let file = try scratch.file("fail.json", Samples.fail)
    let run = try await stepmill("run", file, "--history", "--name", "my-run")
    #expect(
      run.error == """
            1     0.000s  ExecutionStarted             {}
            2     0.000s  FailStateEntered          A  {}
            3     0.000s  ExecutionFailed              My.Error: it is so
        execution failed: My.Error
          it is so

        """)
  }
}
