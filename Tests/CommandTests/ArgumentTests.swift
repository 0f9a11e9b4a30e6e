import Testing

@testable import Stepmill
@testable import StepmillCommands

/// Proves that command lines are read as their help says, and that mistakes in them are named.
@Suite struct ArgumentTests {
  @Test func optionsAndOperandsInAnyOrder() throws {
    let arguments = try Arguments.parse(
      ["--task", "a=x=1", "file", "--history", "--input={}", "--task=b=y"], for: .run)
    #expect(arguments.operands == ["file"])
    #expect(arguments.values("--task") == ["a=x=1", "b=y"])
    #expect(arguments.value("--history") == "")
    #expect(arguments.value("--input") == "{}")
    #expect(!arguments.has("--simulate"))
  }

  @Test func operandsBehindTwoDashes() throws {
    #expect(try Arguments.parse(["--", "--simulate"], for: .explain).operands == ["--simulate"])
    #expect(try Arguments.parse(["-"], for: .explain).operands == ["-"])
  }

  @Test(arguments: [
    (["run"], "FILE is missing"),
    (["run", "a", "b"], "unexpected argument 'b'"),
    (["run", "a", "--taks", "x=y"], "did you mean '--task'?"),
    (["run", "a", "--input"], "option '--input' needs a value"),
    (["run", "a", "--simulate=yes"], "option '--simulate' takes no value"),
    (["run", "a", "--name", "x", "--name", "y"], "given twice"),
    (["run", "a", "--history=xml"], "takes text, json, not 'xml'"),
    (["run", "a", "--limits", "huge"], "takes default, aws"),
    (["run", "a", "--timeout", "0"], "takes a whole number from 1"),
    (["run", "a", "--timeout", "9223372036854775808"], "takes a whole number from 1"),
    (["run", "a", "--loops", "no"], "takes a whole number from 1 to 1024"),
    (["run", "a", "--color", "pink"], "takes auto, always, never, not 'pink'"),
    (["run", "a", "--task", "x"], "takes NAME=COMMAND"),
    (["run", "a", "--task", "=x"], "takes NAME=COMMAND"),
    (["run", "a", "--task", "x= "], "has no command"),
    (["run", "a", "--task", "x=1", "--task", "x=2"], "two commands"),
    (["run", "a", "--name", "a b"], "without white space"),
    (["run", "a", "--pretty", "--compact"], "exclude each other"),
    (["run", "a", "--simulate", "--loops", "2"], "--loops has no meaning"),
    (["run", "-", "--input", "-"], "cannot both come from standard input"),
    (["rnu"], "unknown command 'rnu'; did you mean 'run'?"),
    (["--verison"], "unknown option '--verison'"),
    (["help", "explian"], "did you mean 'explain'?"),
    (["version", "x"], "unexpected argument 'x'"),
  ])
  func mistakesAreNamed(_ words: [String], _ message: String) {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(words, terminal) == .usage)
    #expect(terminal.captured(.error).contains(message), "\(terminal.captured(.error))")
    #expect(terminal.captured(.error).contains("usage: stepmill"))
    #expect(terminal.captured(.output).isEmpty)
  }

  @Test func nothingShowsTheCommands() {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run([], terminal) == .usage)
    for command in Command.all { #expect(terminal.captured(.error).contains(command.name)) }
  }

  @Test(arguments: Command.all.map(\.name))
  func everyCommandHasHelp(_ name: String) {
    let byOption = Terminal(input: [])
    #expect(CommandLineTool.run([name, "--help"], byOption) == .success)
    let byCommand = Terminal(input: [])
    #expect(CommandLineTool.run(["help", name], byCommand) == .success)
    #expect(byOption.captured(.output) == byCommand.captured(.output))
    #expect(byOption.captured(.output).contains("Usage: stepmill \(name)"))
    #expect(byOption.captured(.output).split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  /// A paragraph that is too wide is filled as a whole: no line of it is shorter than it must be.
  @Test func paragraphsOfHelpAreFilled() {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(["serve", "--help"], terminal) == .success)
    let help = terminal.captured(.output)
    #expect(help.contains("will do unless\n  --credentials is given. An access key of twelve digits"))
    #expect(help.contains("\n  /healthz   200 while the process answers\n  /readyz    200 when"))
  }

  @Test func version() {
    let terminal = Terminal(input: [])
    #expect(CommandLineTool.run(["version"], terminal) == .success)
    #expect(terminal.captured(.output).hasPrefix("stepmill \(Version.number) (libuv "))
  }

  @Test func colors() {
    func help(_ isTerminal: Bool, _ environment: [String: String], _ options: [String] = []) -> String {
      let terminal = Terminal(input: [], isTerminal: isTerminal, environment: environment)
      _ = CommandLineTool.run(["explain", "/nonexistent"] + options, terminal)
      return terminal.captured(.error)
    }
    #expect(help(true, [:]).contains("\u{1B}["))
    #expect(!help(false, [:]).contains("\u{1B}["))
    #expect(!help(true, ["NO_COLOR": "1"]).contains("\u{1B}["))
    #expect(!help(true, ["TERM": "dumb"]).contains("\u{1B}["))
    #expect(help(false, [:], ["--color", "always"]).contains("\u{1B}["))
    #expect(!help(true, [:], ["--color=never"]).contains("\u{1B}["))
  }
}
