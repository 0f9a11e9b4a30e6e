import Stepmill

// What several commands take in the same way: a definition, an input as JSON, limits.

extension Command.Operand {
  /// The definition that a command works on.
  static let definition = Command.Operand(
    name: "FILE", help: "the definition in Amazon States Language, JSON or YAML; - for standard input")
}

extension Command.Option {
  static let limits = Command.Option(
    "--limits", "default|aws|aws-express|aws-standard",
    help: "Bounds of payloads and histories: generous ones, or those of AWS.")
  static let loops = Command.Option(
    "--loops", "N", help: "Event loops, each on a thread of its own. Without it: 1.")
}

extension Arguments {
  /// Definition and another thing cannot both be read from the one standard input.
  func checkStandardInput(_ option: String, _ what: String) throws(CommandError) {
    if operands.first == "-", value(option) == "-" {
      throw CommandError("definition and \(what) cannot both come from standard input")
    }
  }
}

/// JSON that a command line gives: as text, as `@FILE`, or as `-` for the standard input.
struct JSONArgument {
  /// How messages name it.
  let name: String
  let bytes: [UInt8]

  init(_ text: String, of option: String, _ terminal: Terminal) throws(CommandError) {
    if text == "-" {
      name = "<stdin>"
      bytes = try DefinitionFile.readData("-", terminal)
    } else if text.hasPrefix("@") {
      name = String(text.dropFirst())
      bytes = try DefinitionFile.readData(name, terminal)
    } else {
      name = option
      bytes = Array(text.utf8)
    }
  }

  func parse(_ terminal: Terminal) throws(CommandError) -> JSON {
    try Self.parse(bytes, name: name, terminal)
  }

  /// Reads JSON, and shows where it is none.
  static func parse(_ bytes: [UInt8], name: String, _ terminal: Terminal) throws(CommandError) -> JSON {
    do throws(JSONSyntaxError) {
      return try JSON(parsing: bytes)
    } catch {
      let place = error.position(in: bytes)
      DiagnosticPrinter(file: name, text: bytes, terminal: terminal).print([
        Diagnostic(
          code: "", message: error.message, location: nil, pointer: "", line: place.line, column: place.column
        )
      ])
      throw .data("\(name) is not JSON")
    }
  }
}
