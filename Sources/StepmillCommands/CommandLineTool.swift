#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The command line: finds the command, reads its arguments, runs it, tells what went wrong.
public enum CommandLineTool {
  public static func main() {
    // Blocked signals are inherited. A parent that blocks them on its threads does not mean
    // that Ctrl-C and the ends of our own children should never reach us.
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
    let terminal = Terminal()
    exit(run(Array(CommandLine.arguments.dropFirst()), terminal).rawValue)
  }

  /// Runs a command line (without the program's name) and returns its exit status.
  package static func run(_ arguments: [String], _ terminal: Terminal) -> ExitStatus {
    let status = dispatch(arguments, terminal)
    if let failure = terminal.outputFailure {
      terminal.write("stepmill: the output could not be written: \(failure)\n", to: .error)
      return status == .success ? .failure : status
    }
    return status
  }

  private static func dispatch(_ arguments: [String], _ terminal: Terminal) -> ExitStatus {
    guard let first = arguments.first else {
      terminal.write(Help.overview(terminal.style(.error)), to: .error)
      return .usage
    }
    switch first {
    case "-h", "--help":
      terminal.write(Help.overview(terminal.style(.output)))
      return .success
    case "--version":
      terminal.write(Version.text)
      return .success
    default:
      break
    }
    guard let command = Command.named(first) else {
      let what = first.hasPrefix("-") ? "option" : "command"
      var message = "unknown \(what) '\(first)'"
      if let near = Suggest.nearest(to: first, in: Command.all.map(\.name)) {
        message += "; did you mean '\(near)'?"
      }
      report(CommandError(message), of: nil, terminal)
      return .usage
    }
    do throws(CommandError) {
      let parsed = try Arguments.parse(Array(arguments.dropFirst()), for: command)
      if parsed.wantsHelp {
        terminal.write(Help.text(of: command, terminal.style(.output)))
        return .success
      }
      if let mode = try parsed.choice("--color", of: Terminal.ColorMode.self) { terminal.setColorMode(mode) }
      return try command.run(parsed, terminal)
    } catch {
      report(error, of: command, terminal)
      return error.status
    }
  }

  /// An error names what is wrong, shows the usage line, and says where to look next.
  private static func report(_ error: CommandError, of command: Command?, _ terminal: Terminal) {
    let style = terminal.style(.error)
    let name = command.map { "stepmill \($0.name)" } ?? "stepmill"
    var text = "\(name): \(style.red("error:")) \(error.message)\n"
    if error.isAboutUsage {
      text += "usage: \(command?.usage ?? Help.usage)\n"
      text += "See '\(command.map { "stepmill help \($0.name)" } ?? "stepmill help")'.\n"
    }
    terminal.write(text, to: .error)
  }
}

/// What the process tells its parent.
package struct ExitStatus: Hashable, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let success = ExitStatus(rawValue: 0)
  /// The execution failed.
  package static let failure = ExitStatus(rawValue: 1)
  /// The command line, the definition or the input is wrong.
  package static let usage = ExitStatus(rawValue: 2)
  package static let timedOut = ExitStatus(rawValue: 3)
  /// The server was lost while it was waited for.
  package static let lost = ExitStatus(rawValue: 4)

  /// Ended by a signal, in the way of shells.
  static func signalled(_ signal: Int32) -> ExitStatus { ExitStatus(rawValue: 128 + signal) }
}

/// Why a command could not do its work.
package struct CommandError: Error {
  var message: String
  /// The command line itself is wrong, so its usage is shown.
  var isAboutUsage = true
  var status = ExitStatus.usage

  init(_ message: String, isAboutUsage: Bool = true, status: ExitStatus = .usage) {
    self.message = message
    self.isAboutUsage = isAboutUsage
    self.status = status
  }

  /// A file or an input that cannot be used.
  static func data(_ message: String) -> CommandError { CommandError(message, isAboutUsage: false) }
}
