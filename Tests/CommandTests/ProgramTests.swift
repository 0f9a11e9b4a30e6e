import Testing

@testable import StepmillCommands

/// Proves from outside what only a process of its own can show: exit statuses, signals, pipes.
@Suite(.enabled(if: Program.isBuilt, "the program stepmill is not beside the tests"))
struct ProgramTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func run(_ arguments: String..., input: [UInt8] = []) async throws -> Finished {
    try await onThread {
      let program = try Program(arguments, keepsInput: true)
      program.send(input)
      return program.finish()
    }
  }

  @Test func exitStatuses() async throws {
    let pass = try scratch.file("pass.json", Samples.pass)
    let fail = try scratch.file("fail.json", Samples.fail)
    let wait = try scratch.file("wait.json", Samples.wait)
    #expect(try await run("run", pass) == Finished(status: 0, output: "{}\n", error: ""))
    #expect(try await run("run", fail).status == 1)
    #expect(try await run("run", wait, "--simulate", "--timeout", "1").status == 3)
    #expect(try await run("run", "/nonexistent").status == 2)
    #expect(try await run("run", scratch.path).error.contains("is a directory"))
    #expect(try await run().status == 2)
    #expect(try await run("version").output.hasPrefix("stepmill "))
  }

  @Test func commandsOfTasks() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await run(
      "run", file, "--input", "-", "--task", "work=cat; echo hello >&2", input: Array("[1,2]".utf8))
    #expect(run == Finished(status: 0, output: "[1,2]\n", error: "[Work] hello\n"))
  }

  @Test func controlCAbortsAWait() async throws {
    let file = try scratch.file("wait.json", Samples.wait)
    let run = try await onThread {
      let program = try Program(["run", file, "--history"])
      try program.waitForError("WaitStateEntered")
      program.interrupt()
      return program.finish()
    }
    #expect(run.status == 130 && run.output.isEmpty)
    #expect(run.error.contains("stepmill: Ctrl-C: aborting the execution"))
    #expect(run.error.contains("ExecutionAborted"))
    #expect(run.error.hasSuffix("execution aborted\n  Aborted by Ctrl-C.\n"))
  }

  @Test func controlCAbortsABusyLoop() async throws {
    let file = try scratch.file("forever.json", Samples.forever)
    for mode in ["--compact", "--simulate"] {
      let run = try await onThread {
        let program = try Program(["run", file, mode, "--input", "{}", "--history"])
        try program.waitForError("ExecutionStarted")
        program.interrupt()
        return program.finish()
      }
      #expect(run.status == 130)
    }
  }

  @Test func controlCEndsTheCommandAndItsChildren() async throws {
    // The test reads the program's standard error to its end. A child of the shell that lived
    // on would hold it open for ever.
    let file = try scratch.file("task.json", Samples.task)
    let run = try await onThread {
      let program = try Program(["run", file, "--task", "work=echo ready >&2; tail -f /dev/null; true"])
      try program.waitForError("[Work] ready")
      program.interrupt()
      return program.finish()
    }
    #expect(run.status == 130)
  }

  @Test func secondControlCEndsAtOnce() async throws {
    let file = try scratch.file("task.json", Samples.task)
    let run = try await onThread {
      let program = try Program(
        ["run", file, "--task", "work=trap '' TERM; echo ready >&2; tail -f /dev/null & wait; wait"])
      try program.waitForError("[Work] ready")
      program.interrupt()
      try program.waitForError("aborting the execution")
      program.interrupt()
      return program.finish()
    }
    #expect(run.status == 130)
  }

  @Test func closedOutputIsNoError() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let input = try scratch.file("input.json", "\"" + String(repeating: "x", count: 4_000_000) + "\"")
    let run = try await onThread {
      let program = try Program(["run", file, "--input", "@\(input)"])
      program.closeOutput()
      return program.finish()
    }
    #expect(run == Finished(status: 0, output: "", error: ""))
  }

  @Test func fullDisk() async throws {
    let file = try scratch.file("pass.json", Samples.pass)
    let program = try #require(Program.path)
    let outer = try scratch.file("task.json", Samples.task)
    let run = try await run("run", outer, "--task", "work='\(program)' run '\(file)' > /dev/full")
    #expect(run.status == 1)
    #expect(run.error.contains("the output could not be written: No space left on device"))
  }

  @Test func hostileBytes() async throws {
    let deep = try scratch.file("deep.json", [UInt8](repeating: UInt8(ascii: "["), count: 10_000_000))
    let invalid = try scratch.file("invalid.json", [0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D])
    let zeros = try scratch.file("zeros.json", [UInt8](repeating: 0, count: 100_000))
    let empty = try scratch.file("empty.json", "")
    let pass = try scratch.file("pass.json", Samples.pass)
    for file in [deep, invalid, zeros, empty] {
      for words in [["explain", file], ["run", file], ["run", pass, "--input", "@\(file)"]] {
        let run = try await onThread { try Program(words).finish() }
        #expect(run.status == 2 && run.output.isEmpty, "\(words)")
        #expect(run.error.contains("error:"))
        #expect(run.error.utf8.count < 10_000)
      }
    }
  }
}
