import Stepmill
import Testing

@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves what `validate` and `lint` show, in every format, and what they end with.
@Suite struct ValidateTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private static let bad = """
    {
      "StartAt": "Frist",
      "States": {
        "Ürst": {"Type": "Succeed"}, "First": {"Type": "Pass", "Next": "Ürst"}
      }
    }
    """

  @Test func text() async throws {
    let file = try scratch.file("bad.asl.json", Self.bad)
    let run = try await stepmill("validate", file, "--strict")
    #expect(run.status == 1)
    #expect(
      run.output.hasPrefix(
        """
        \(file):2:14: error: Missing 'Next' target: Frist [MISSING_TRANSITION_TARGET]
          "StartAt": "Frist",
                     ^~~~~~~
          hint: did you mean `First`?
        \(file):4:5: error: State "Ürst" is not reachable. [MISSING_TRANSITION_TARGET]
          "Ürst": {"Type": "Succeed"}, "First": {"Type": "Pass", "Next": "Ürst"}
          ^~~~~~

        """))
    #expect(run.error == "1 definition: invalid (3 errors)\n")
  }

  @Test func validOnes() async throws {
    let file = try scratch.file("ok.asl.json", Samples.pass)
    #expect(
      try await stepmill("validate", file) == Finished(status: 0, output: "", error: "1 definition: valid\n"))
    #expect(try await stepmill("validate", "-", input: Samples.pass).status == 0)
    let task = try await stepmill("validate", "-", input: Samples.task)
    #expect(task.status == 0 && task.output.contains("note: The resource 'work' names a handler"))
    #expect(task.error == "1 definition: valid (1 note)\n")
    #expect(try await stepmill("validate", "-", "--severity", "warning", input: Samples.task).output.isEmpty)
    let strict = try await stepmill("validate", "-", "--strict", input: Samples.task)
    #expect(strict.status == 1 && strict.output.contains("error: Value is not a valid resource ARN"))
  }

  @Test func types() async throws {
    let text = Samples.task.replacing("\"work\"", with: "\"arn:aws:states:::ecs:runTask.sync\"")
    #expect(try await stepmill("validate", "-", input: text).status == 0)
    let express = try await stepmill("validate", "-", "--type", "express", input: text)
    #expect(express.status == 1)
    #expect(express.output.contains("Express state machine does not support '.sync' service integration"))
  }

  @Test func directory() async throws {
    _ = try scratch.file("b.asl.json", Self.bad)
    _ = try scratch.file("a.json", Samples.pass)
    _ = try scratch.file("package.json", #"{"name":"x"}"#)
    _ = try scratch.file("broken.asl.json", "{")
    _ = try scratch.file(".hidden.asl.json", "{")
    symlink("nowhere", "\(scratch.path)/gone.asl.json")
    let run = try await stepmill("validate", scratch.path)
    #expect(run.status == 2)
    #expect(run.output.contains("b.asl.json:2:14") && run.output.contains("broken.asl.json:1:2"))
    #expect(!run.output.contains("package.json") && !run.output.contains("hidden"))
    #expect(run.error.contains("gone.asl.json cannot be read: No such file or directory\n"))
    #expect(run.error.hasSuffix("3 definitions: 2 invalid (4 errors), 1 file unreadable\n"))
    #expect(try await stepmill("validate", "/nonexistent").status == 2)
  }

  @Test func json() async throws {
    let run = try await stepmill("validate", "-", "--format", "json", input: Self.bad)
    let file = try #require(JSON(parsing: run.output.utf8)["files"]?.array?.first)
    #expect(file["file"] == "<stdin>" && file["valid"] == false)
    let first = try #require(file["diagnostics"]?.array?.first)
    #expect(first["line"] == 2 && first["column"] == 14 && first["location"] == "/StartAt")
    #expect(first["text"] == "\"Frist\"" && first["hint"] == "did you mean `First`?")
  }

  @Test func yaml() async throws {
    let file = try scratch.file(
      "a.asl.yaml", "StartAt: Frist\nStates:\n  First:\n    Type: Succeed\n")
    let run = try await stepmill("validate", scratch.path)
    #expect(run.status == 1)
    #expect(
      run.output.hasPrefix(
        """
        \(file):1:10: error: Missing 'Next' target: Frist [MISSING_TRANSITION_TARGET]
          StartAt: Frist
                   ^~~~~
          hint: did you mean `First`?

        """))
    let broken = try await stepmill("validate", "-", input: "StartAt: !Ref X\n")
    #expect(broken.status == 1 && broken.output.contains("[STEPMILL_INVALID_YAML]"))
  }

  @Test func github() async throws {
    let file = try scratch.file("a,b.asl.json", Self.bad)
    let run = try await stepmill("validate", file, "--format", "github")
    let name = file.replacing(",", with: "%2C")
    #expect(
      run.output.hasPrefix(
        "::error file=\(name),line=2,col=14,title=MISSING_TRANSITION_TARGET::Missing 'Next' target: Frist (did you mean `First`?)\n"
      ))
  }

  @Test func sarif() async throws {
    let file = try scratch.file("ä.asl.json", Self.bad.replacing("\"Ürst\"}", with: "\"Aus\"}"))
    for command in ["validate", "lint"] {
      let run = try await stepmill(command, file, "/nonexistent", "--format", "sarif")
      let sarif = try JSON(parsing: run.output.utf8)
      #expect(sarif["version"] == "2.1.0")
      let log = try #require(sarif["runs"]?.array?.first)
      #expect(log["invocations"]?.array?.first?["executionSuccessful"] == false)
      let rules = try #require(log["tool"]?["driver"]?["rules"]?.array)
      let results = try #require(log["results"]?.array)
      #expect(results.count > 0)
      for result in results {
        let index = try #require(result["ruleIndex"]?.int)
        #expect(rules[index]["id"] == result["ruleId"])
        let place = try #require(result["locations"]?.array?.first?["physicalLocation"])
        #expect(place["artifactLocation"]?["uri"]?.string?.hasSuffix("%C3%A4.asl.json") == true)
        #expect((place["region"]?["startLine"]?.int ?? 0) >= 1)
      }
    }
  }

  // MARK: Lint

  @Test func lintRules() async throws {
    // A matter of taste, so it waits to be asked for.
    let quiet = try await stepmill("lint", "-", input: Samples.task)
    #expect(quiet.status == 0 && quiet.output.isEmpty)
    let asked = try await stepmill("lint", "-", "--only", "task-without-error-handling", input: Samples.task)
    #expect(asked.status == 1)
    let enable = "--enable=task-without-error-handling"
    let all = try await stepmill("lint", "-", enable, input: Samples.task)
    #expect(all.status == 1 && all.output.contains("warning: The Task 'Work' has neither Retry nor Catch"))
    #expect(all.output.contains("[task-without-error-handling]"))
    let off = try await stepmill(
      "lint", "-", enable, "--disable", "task-without-error-handling", input: Samples.task)
    #expect(off.status == 0 && off.output.isEmpty)
    let only = try await stepmill("lint", "-", "--only", "unused-variable", input: Samples.task)
    #expect(only.status == 0)
    let unknown = try await stepmill("lint", "-", "--disable", "unused-varible", input: Samples.task)
    #expect(unknown.status == 2 && unknown.error.contains("did you mean 'unused-variable'?"))
  }

  @Test func explanations() async throws {
    let list = try await stepmill("lint", "--rules")
    #expect(list.status == 0)
    for rule in LintRule.all {
      #expect(list.output.contains(rule.name))
      let run = try await stepmill("lint", "--explain", rule.name)
      #expect(run.status == 0 && run.output.hasPrefix("\(rule.name): \(rule.summary)\n\n"))
      #expect(run.output.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }
    #expect(try await stepmill("lint").error.contains("FILE|DIR is missing"))
  }

  @Test func watchingNeedsFiles() async throws {
    let run = try await stepmill("validate", "-", "--watch", input: Samples.pass)
    #expect(run.status == 2 && run.error.contains("'--watch' cannot watch the standard input"))
  }
}

/// Proves that watching notices a change and ends cleanly.
@Suite(.enabled(if: Program.isBuilt, "the program stepmill is not beside the tests"))
struct WatchTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func changesAndControlC() async throws {
    let file = try scratch.file("watched.asl.json", Samples.pass)
    let scratch = scratch
    let run = try await onThread {
      let program = try Program(["validate", file, "--watch"])
      try program.waitForError("watching; Ctrl-C ends it")
      _ = try scratch.file("watched.asl.json", "{\"StartAt\":\"A\"}")
      try program.waitForError("1 definition: invalid (1 error)")
      program.interrupt()
      return program.finish()
    }
    #expect(run.status == 130)
    #expect(run.error.hasPrefix("1 definition: valid\nwatching"))
    #expect(run.output.contains("These fields are required: [States]"))
  }
}
