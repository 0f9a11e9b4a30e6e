import CLibuv

extension Command {
  static let help = Command(
    name: "help", summary: "Show what a command does and takes.",
    operands: [Operand(name: "COMMAND", help: "the command to explain", isOptional: true)],
    options: []
  ) { (arguments, terminal) throws(CommandError) in
    guard let name = arguments.operands.first else {
      terminal.write(Help.overview(terminal.style(.output)))
      return .success
    }
    guard let command = Command.named(name) else {
      var message = "there is no command '\(name)'"
      if let near = Suggest.nearest(to: name, in: Command.all.map(\.name)) {
        message += "; did you mean '\(near)'?"
      }
      throw CommandError(message)
    }
    terminal.write(Help.text(of: command, terminal.style(.output)))
    return .success
  }

  static let version = Command(
    name: "version", summary: "Show the version.", operands: [], options: []
  ) { _, terminal in
    terminal.write(Version.text)
    return .success
  }
}

enum Version {
  static let number = "0.1.0"

  static var text: String { unsafe "stepmill \(number) (libuv \(String(cString: uv_version_string())))\n" }
}

/// The texts of help, laid out.
enum Help {
  static let usage = "stepmill COMMAND [arguments]"

  /// How wide help is beside its margin.
  private static let widthMax = 96

  static func overview(_ style: Style) -> String {
    var text = "Runs AWS Step Functions workflows in this very process.\n\n"
    text += "\(style.bold("Usage:")) \(usage)\n\n\(style.bold("Commands:"))\n"
    text += table(Command.all.map { ($0.name, $0.summary) }, style)
    text += "\n'stepmill help COMMAND' says more about each.\n"
    return text
  }

  static func text(of command: Command, _ style: Style) -> String {
    var text = "\(command.summary)\n\n\(style.bold("Usage:")) \(command.usage)\n"
    if !command.operands.isEmpty {
      text += "\n\(style.bold("Arguments:"))\n"
      text += table(command.operands.map { ($0.name, sentence($0.help)) }, style)
    }
    text += "\n\(style.bold("Options:"))\n"
    text += table(command.allOptions.map { (label(of: $0), $0.help) }, style)
    for section in command.notes {
      text += "\n\(style.bold(section.title + ":"))\n"
      for line in filled(section.text) { text += line.isEmpty ? "\n" : "  \(line)\n" }
    }
    return text
  }

  /// The lines of a section. What fits stays as it is written. A line that does not keeps its
  /// indentation; without any it is part of a paragraph, which is filled anew as a whole.
  private static func filled(_ text: String) -> [String] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var result: [String] = []
    var next = 0
    while next < lines.count {
      let first = next
      let indentation = String(lines[first].prefix { $0 == " " })
      next += 1
      if indentation.isEmpty {
        while next < lines.count, let start = lines[next].first, start != " " { next += 1 }
      }
      let paragraph = lines[first..<next]
      if paragraph.contains(where: { $0.count > widthMax }) {
        result += wrap(paragraph.joined(separator: " "), widthMax - indentation.count).map {
          indentation + $0
        }
      } else {
        result += paragraph.map(String.init)
      }
    }
    return result
  }

  private static func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + "."
  }

  private static func label(of option: Command.Option) -> String {
    guard let value = option.value else { return option.name }
    return option.isValueOptional ? "\(option.name)[=\(value)]" : "\(option.name) \(value)"
  }

  /// Two columns. A label that is too long for the first gets a line of its own.
  private static func table(_ rows: [(String, String)], _ style: Style) -> String {
    let labelMax = 24
    let width = min(labelMax, rows.map(\.0.count).max() ?? 0)
    var text = ""
    for (label, explanation) in rows {
      let lines = wrap(explanation, widthMax - width - 4)
      text += "  " + style.cyan(label)
      if label.count > width {
        text += "\n" + String(repeating: " ", count: width + 4)
      } else {
        text += String(repeating: " ", count: width - label.count + 2)
      }
      text += lines.joined(separator: "\n" + String(repeating: " ", count: width + 4)) + "\n"
    }
    return text
  }

  static func wrap(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    lines.append(line)
    return lines
  }
}
