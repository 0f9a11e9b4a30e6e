import Stepmill
import StepmillYAML

/// A definition as a command gets it: from a file or the standard input, compiled, its
/// diagnostics shown.
struct DefinitionFile {
  let definition: CompiledDefinition

  /// - Parameter path: `-` stands for the standard input.
  static func load(_ path: String, _ terminal: Terminal) throws(CommandError) -> DefinitionFile {
    let text = try DefinitionText.load(path, terminal)
    let (definition, diagnostics) = CompiledDefinition.compile(text.json)
    text.print(diagnostics, terminal)
    guard let definition else { throw text.cannotRun(diagnostics) }
    return DefinitionFile(definition: definition)
  }

  /// The bytes of a file, or of the standard input for `-`.
  static func readData(_ path: String, _ terminal: Terminal) throws(CommandError) -> [UInt8] {
    do throws(SystemError) {
      return path == "-" ? try terminal.readInput() : try InputFile.read(path)
    } catch {
      if FileKind.of(path) == .directory { throw .data("\(path) is a directory; this command takes files") }
      throw .data("\(path == "-" ? "<stdin>" : path) cannot be read: \(error)")
    }
  }
}

/// The text of a definition, JSON or YAML, as JSON; and the way back from a place in the JSON to the
/// place in the text that a person wrote.
struct DefinitionText {
  /// How messages name it.
  let name: String
  /// As written.
  let source: [UInt8]
  private let yaml: YAMLDocument?

  var json: [UInt8] { yaml?.json ?? source }
  var isYAML: Bool { yaml != nil }

  /// Reads a text. A YAML text that is none is shown with its place before the error is thrown.
  ///
  /// - Parameter path: `-` stands for the standard input.
  static func load(_ path: String, _ terminal: Terminal) throws(CommandError) -> DefinitionText {
    let source = try DefinitionFile.readData(path, terminal)
    let name = path == "-" ? "<stdin>" : path
    do throws(YAMLError) {
      return try DefinitionText(name: name, source: source)
    } catch {
      let printer = DiagnosticPrinter(file: name, text: source, terminal: terminal)
      printer.print([Diagnostic(error)])
      throw .data("\(name) is not a definition: 1 error")
    }
  }

  init(name: String, source: [UInt8]) throws(YAMLError) {
    self.name = name
    self.source = source
    yaml = Self.isYAML(name: name, source) ? try YAMLDocument(source) : nil
  }

  /// The file's name decides; without one that tells, the first character does.
  private static func isYAML(name: String, _ source: [UInt8]) -> Bool {
    if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return true }
    if name.hasSuffix(".json") { return false }
    let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    // Nothing at all is no JSON either, which is then said in the service's words.
    guard let first = source.first(where: { !blanks.contains($0) }) else { return false }
    let isName = first == UInt8(ascii: "#") || first == UInt8(ascii: "-") || first == UInt8(ascii: "%")
    return isName || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first & 0xDF)
  }

  /// Diagnostics about `json` with their places in the text.
  func located(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    guard let yaml else { return diagnostics }
    return diagnostics.map(yaml.translated)
  }

  /// Shows diagnostics about `json`.
  func print(_ diagnostics: [Diagnostic], _ terminal: Terminal) {
    DiagnosticPrinter(file: name, text: source, terminal: terminal).print(located(diagnostics))
  }

  func cannotRun(_ diagnostics: [Diagnostic]) -> CommandError {
    let count = diagnostics.count { $0.severity == .error }
    return .data("\(name) is not a definition that can run: \(count) \(count == 1 ? "error" : "errors")")
  }
}

extension Diagnostic {
  /// Why a YAML text is none.
  init(_ error: YAMLError) {
    self.init(
      code: "STEPMILL_INVALID_YAML", message: error.message, location: nil, pointer: "", line: error.line,
      column: error.column, hint: error.hint)
  }
}

/// Shows diagnostics as compilers do: place, message, the line, a caret, a hint.
struct DiagnosticPrinter {
  let file: String
  let text: [UInt8]
  let terminal: Terminal
  var stream = Terminal.Stream.error
  /// Says the code of each, which switches a rule off.
  var showsCodes = false

  func print(_ diagnostics: [Diagnostic]) {
    guard !diagnostics.isEmpty else { return }
    let style = terminal.style(stream)
    let width = terminal.width(stream)
    var lines = SourceLines(text)
    var output = ""
    for diagnostic in diagnostics {
      output += style.bold("\(file):\(diagnostic.line):\(diagnostic.column):") + " "
      output += severity(diagnostic.severity, style) + " "
      output += SourceLines.readable(message(of: diagnostic))
      output += (showsCodes ? " " + style.dim("[\(diagnostic.code)]") : "") + "\n"
      let excerpt = lines.excerpt(line: diagnostic.line, column: diagnostic.column, width: width - 4)
      if !excerpt.text.isEmpty {
        output += "  \(excerpt.text)\n"
        output += "  " + String(repeating: " ", count: excerpt.caret)
        output += style.green(marks(diagnostic, excerpt)) + "\n"
      }
      if let hint = diagnostic.hint { output += "  \(style.cyan("hint:")) \(SourceLines.readable(hint))\n" }
    }
    terminal.write(output, to: stream)
  }

  private func severity(_ severity: Diagnostic.Severity, _ style: Style) -> String {
    let text = "\(severity.rawValue):"
    return switch severity {
    case .error: style.red(text)
    case .warning: style.yellow(text)
    case .note: style.cyan(text)
    }
  }

  /// A caret, and a line below the rest of the text in question, as far as it is shown. In YAML a text may
  /// stand without its quotes, or in another form altogether.
  private func marks(_ diagnostic: Diagnostic, _ excerpt: (text: String, caret: Int)) -> String {
    let rest = Array(excerpt.text.dropFirst(excerpt.caret))
    var length = shownLength(of: diagnostic.text, in: rest)
    if length == nil, diagnostic.text.hasPrefix("\"") {
      length = shownLength(of: String(diagnostic.text.dropFirst().dropLast()), in: rest)
    }
    return "^" + String(repeating: "~", count: max(1, length ?? 1) - 1)
  }

  /// How much of a text stands at the beginning of what is shown; nil if something else stands there.
  private func shownLength(of text: String, in shown: [Character]) -> Int? {
    let count = zip(text, shown).prefix { $0 == $1 }.count
    let isCut = text.hasSuffix("…") && count == text.count - 1
    let isAtEnd = count > 0 && count == shown.count - 1 && shown.last == "…"
    return count == text.count || isCut || isAtEnd ? count : nil
  }

  /// Without the place in the service's own words, which stands before and below it.
  private func message(of diagnostic: Diagnostic) -> String {
    guard let location = diagnostic.location else { return diagnostic.message }
    let tail = "\n at \(location)"
    return diagnostic.message.hasSuffix(tail)
      ? String(diagnostic.message.dropLast(tail.count)) : diagnostic.message
  }
}

/// The lines of a source, cut to what fits a terminal. The last line is kept taken apart: a
/// definition may be one line of megabytes with a thousand mistakes in it.
struct SourceLines {
  private let text: [UInt8]
  private let starts: [Int]
  private var number = 0
  /// Where the line stands, if it is ASCII: then its bytes are its characters.
  private var bytes: Range<Int>?
  private var characters: [Character] = []

  init(_ text: [UInt8]) {
    self.text = text
    var starts = [0]
    for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
    self.starts = starts
  }

  mutating func excerpt(line: Int, column: Int, width: Int) -> (text: String, caret: Int) {
    guard line >= 1, line <= starts.count else { return ("", 0) }
    if line != number {
      number = line
      let end = line < starts.count ? starts[line] - 1 : text.count
      let range = starts[line - 1]..<end
      bytes = text[range].allSatisfy { $0 < 0x80 } ? range : nil
      characters = bytes == nil ? Array(String(decoding: text[range], as: UTF8.self)) : []
    }
    let count = bytes?.count ?? characters.count
    let column = min(max(column, 1), count + 1) - 1
    var from = 0
    if count > width { from = max(0, min(column - width / 2, count - width)) }
    let until = min(count, from + width)
    var excerpt = self.characters(in: from..<until).map(Self.readable)
    var caret = column - from
    // Indentation that all readers see anyway.
    if from == 0 {
      let indent = min(excerpt.prefix { $0 == " " }.count, caret)
      excerpt.removeFirst(indent)
      caret -= indent
    } else {
      excerpt[0] = "…"
    }
    if until < count { excerpt[excerpt.count - 1] = "…" }
    return (String(excerpt), caret)
  }

  private func characters(in range: Range<Int>) -> [Character] {
    guard let bytes else { return Array(characters[range]) }
    let start = bytes.lowerBound
    return text[start + range.lowerBound..<start + range.upperBound].map { Character(Unicode.Scalar($0)) }
  }

  /// What cannot do anything to a terminal.
  private static func readable(_ character: Character) -> Character {
    if character == "\t" { return " " }
    let isControl = character.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    return isControl ? "\u{FFFD}" : character
  }

  static func readable(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    return lines.map { String($0.map(readable)).trimmed }.joined(separator: " ")
  }
}

extension String {
  var trimmedAtEnd: String {
    var text = self
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }

  /// Without the white space around it.
  var trimmed: String {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace } ?? start
    return start == endIndex ? "" : String(self[start...end])
  }
}
