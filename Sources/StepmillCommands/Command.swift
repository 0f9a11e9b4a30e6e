import Stepmill

/// A command: how it is called, what its help says, and what it does.
///
/// To add one: a file with an extension of `Command` that makes it, and a row in `all`.
package struct Command: Sendable {
  let name: String
  /// One line for the list of commands.
  let summary: String
  /// Names of what it takes besides options. All are required.
  let operands: [Operand]
  let options: [Option]
  /// What else its help says, in sections.
  var notes: [Section] = []
  let run: @Sendable (Arguments, Terminal) throws(CommandError) -> ExitStatus

  struct Operand: Sendable {
    let name: String
    let help: String
    var isOptional = false
    /// Takes all that is left, one at least unless it is optional. Only the last one may.
    var isRepeatable = false
  }

  struct Option: Sendable {
    /// With its dashes.
    let name: String
    /// What its value is called in help; nil for a flag.
    var value: String?
    /// The value may be left out; it is then given as `--option=value` only.
    var isValueOptional = false
    var isRepeatable = false
    let help: String

    init(
      _ name: String, _ value: String? = nil, isValueOptional: Bool = false, isRepeatable: Bool = false,
      help: String
    ) {
      self.name = name
      self.value = value
      self.isValueOptional = isValueOptional
      self.isRepeatable = isRepeatable
      self.help = help
    }

    static let color = Option(
      "--color", "auto|always|never", help: "Colours; auto: on a terminal, unless NO_COLOR is set.")
    static let help = Option("--help", help: "Show this help.")
  }

  struct Section: Sendable {
    let title: String
    let text: String
  }

  /// All commands, in the order in which help lists them.
  static let all: [Command] = [
    .run,
    .map,
    .serve,
    .deploy,
    .start,
    .list,
    .describe,
    .history,
    .logs,
    .stop,
    .bench,
    .explain,
    .validate,
    .lint,
    .eval,
    .graph,
    .predict,
    .fmt,
    .schema,
    .version,
    .help,
  ]

  static func named(_ name: String) -> Command? { all.first { $0.name == name } }

  var allOptions: [Option] { options + [.color, .help] }

  var usage: String {
    let operands = operands.map {
      let name = $0.isRepeatable ? "\($0.name)..." : $0.name
      return $0.isOptional ? "[\(name)]" : name
    }
    return (["stepmill", name] + operands + ["[options]"]).joined(separator: " ")
  }
}

enum Suggest {
  /// The name that was probably meant: dashes do not count.
  static func nearest(to name: String, in names: [String]) -> String? {
    Suggestion.nearest(to: name, in: names)
  }
}
