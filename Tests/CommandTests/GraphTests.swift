import Testing

@testable import StepmillCommands

/// Proves that pictures and forecasts can be had from the command line, and that what is wrong is said.
@Suite struct GraphCommandTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func formats() async throws {
    let file = try scratch.file("retry.json", Samples.retry)
    let svg = try await stepmill("graph", file)
    #expect(svg.status == 0 && svg.output.hasPrefix("<svg ") && svg.output.hasSuffix("</svg>\n"))
    #expect(svg.output.contains(">retry.json</title>"))
    #expect(try await stepmill("graph", file, "--format", "mermaid").output.hasPrefix("flowchart TB\n"))
    #expect(try await stepmill("graph", file, "--format", "dot").output.hasPrefix("digraph workflow {"))
    let json = try await stepmill("graph", file, "--format", "json", "--direction", "right")
    #expect(json.output.hasPrefix(#"{"direction":"right","width":"#))
  }

  @Test func textOnTerminals() async throws {
    let run = try await stepmill(
      "graph", "-", input: Samples.task, isTerminal: true, environment: ["NO_COLOR": "1"])
    #expect(
      run.output == """
         ● Start
            ▼
        ┌───────┐
        │ Work  │
        │ work  │
        └───┬───┘
            ▼
          ◉ End

        """)
  }

  @Test func yaml() async throws {
    let file = try scratch.file(
      "pass.yaml", "StartAt: A\nStates:\n  A: {Type: Pass, End: true}\n")
    let run = try await stepmill("graph", file, "--format", "text")
    #expect(run.status == 0 && run.output.contains("│   A   │"))
    #expect(try await stepmill("predict", file).output.contains("always met"))
  }

  @Test func historyOfARun() async throws {
    let file = try scratch.file("fail.json", Samples.fail)
    let recorded = try await stepmill("run", file, "--history=json")
    let history = try scratch.file("run.jsonl", recorded.error)
    let svg = try await stepmill("graph", file, "--history", history)
    #expect(svg.status == 0 && svg.output.contains("class=\"node fail failed\""))
    let wrong = try await stepmill("graph", file, "--history", file)
    #expect(wrong.status == 2 && wrong.error.contains("is not a history: there are no events"))
  }

  @Test func sheet() async throws {
    _ = try scratch.file("a.json", Samples.pass)
    _ = try scratch.file("b.asl", "{}")
    _ = try scratch.file("c.asl.yml", "StartAt: [")
    _ = try scratch.file("notes.txt", "nothing")
    let output = scratch.path + "/sheet.html"
    let run = try await stepmill("graph", scratch.path, "--sheet", "-o", output)
    #expect(run.status == 1 && run.error == "stepmill graph: drew 1 of 3 definitions\n")
    let page = try await stepmill("graph", scratch.path + "/a.json", "--sheet", "-o", output)
    #expect(page.status == 0)
    let lines = try scratch.file(
      "set.jsonl", #"{"id":"first","definition":\#(Samples.wait)}"# + "\n" + Samples.pass)
    let both = try await stepmill("graph", lines, "--sheet")
    #expect(both.status == 0 && both.output.contains("<figcaption>first</figcaption>"))
    #expect(both.output.contains("<figcaption>line 2</figcaption>"))
  }

  @Test func mistakes() async throws {
    let broken = try await stepmill("graph", "-", input: #"{"StartAt":"A","States":{}}"#)
    #expect(broken.status == 2 && broken.error.contains("is not a valid definition: 1 error"))
    #expect(try await stepmill("graph", "/nowhere").status == 2)
    #expect(try await stepmill("graph", "-", "--format", "png", input: Samples.pass).status == 2)
    #expect(try await stepmill("graph", "-", "--history", "-", input: Samples.pass).status == 2)
    #expect(
      try await stepmill("predict", "-", "--input", "{", input: Samples.pass).error.contains("is not JSON"))
    let unwritable = try await stepmill("graph", "-", "-o", scratch.path + "/no/x.svg", input: Samples.pass)
    #expect(unwritable.status == 1 && unwritable.error.contains("cannot be written"))
  }

  @Test func predictions() async throws {
    let file = try scratch.file("retry.json", Samples.retry)
    let text = try await stepmill("predict", file, "--input", "{}")
    #expect(text.status == 0 && text.output.contains("  transitions          1             6"))
    #expect(text.output.contains("five minutes (Express): may be met; it depends: Work has no timeout"))
    let json = try await stepmill("predict", file, "--json", "--runs", "1000000", "--task-time", "0")
    #expect(json.output.contains("\"standard\": {\n      \"least\": 25,"))
  }
}
