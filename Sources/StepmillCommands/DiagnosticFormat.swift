import Stepmill

// Diagnostics as text for people, and as what editors, code hosts and other programs read.

/// What a command found in one file.
struct CheckedFile {
  let source: DefinitionSource
  /// Empty for a file that cannot be read.
  let diagnostics: [Diagnostic]

  var isUnreadable: Bool {
    if case .failure = source.text { return true }
    return false
  }

  func count(_ severity: Diagnostic.Severity) -> Int { diagnostics.count { $0.severity == severity } }
}

enum DiagnosticFormat: String, CaseIterable {
  case text, json, sarif, github

  /// - Parameter rules: What the diagnostics' codes mean, where that is known.
  func write(_ files: [CheckedFile], command: String, rules: [LintRule], to terminal: Terminal) {
    switch self {
    case .text:
      for file in files {
        guard case .success(let text) = file.source.text else { continue }
        DiagnosticPrinter(
          file: file.source.name, text: text, terminal: terminal, stream: .output, showsCodes: true
        ).print(file.diagnostics)
      }
    case .json: terminal.write(jsonText(files))
    case .sarif: terminal.write(Sarif(command: command, rules: rules).text(files))
    case .github: terminal.write(githubText(files))
    }
  }

  // MARK: JSON

  private func jsonText(_ files: [CheckedFile]) -> String {
    let rows = files.map { file -> JSON in
      var members: [(key: String, value: JSON)] = [("file", JSON(file.source.name))]
      switch file.source.text {
      case .success: members.append(("valid", JSON(file.count(.error) == 0)))
      case .failure(let error): members.append(("unreadable", JSON(error.description)))
      }
      members.append(("diagnostics", JSON(file.diagnostics.map(Self.json))))
      return JSON(members: members)
    }
    return JSON(members: [("files", JSON(rows))]).text(indent: 2) + "\n"
  }

  private static func json(_ diagnostic: Diagnostic) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("severity", JSON(diagnostic.severity.rawValue)), ("code", JSON(diagnostic.code)),
      ("message", JSON(diagnostic.message)), ("line", JSON(diagnostic.line)),
      ("column", JSON(diagnostic.column)), ("pointer", JSON(diagnostic.pointer)),
    ]
    if let location = diagnostic.location { members.append(("location", JSON(location))) }
    if !diagnostic.text.isEmpty { members.append(("text", JSON(diagnostic.text))) }
    if let hint = diagnostic.hint { members.append(("hint", JSON(hint))) }
    return JSON(members: members)
  }

  // MARK: GitHub

  /// Workflow commands, which GitHub shows beside the line they are about.
  private func githubText(_ files: [CheckedFile]) -> String {
    var text = ""
    for file in files {
      let name = Self.escape(file.source.name, isProperty: true)
      if case .failure(let error) = file.source.text {
        text += "::error file=\(name)::\(Self.escape("cannot be read: \(error)", isProperty: false))\n"
      }
      for diagnostic in file.diagnostics {
        let kind =
          switch diagnostic.severity {
          case .error: "error"
          case .warning: "warning"
          case .note: "notice"
          }
        let message = diagnostic.message + (diagnostic.hint.map { " (\($0))" } ?? "")
        text += "::\(kind) file=\(name),line=\(diagnostic.line),col=\(diagnostic.column)"
        text += ",title=\(Self.escape(diagnostic.code, isProperty: true))"
        text += "::\(Self.escape(message, isProperty: false))\n"
      }
    }
    return text
  }

  private static func escape(_ text: String, isProperty: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": escaped += "%25"
      case "\r": escaped += "%0D"
      case "\n": escaped += "%0A"
      case ":" where isProperty: escaped += "%3A"
      case "," where isProperty: escaped += "%2C"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

/// SARIF 2.1.0, the format of static analysis that code hosts and editors read.
struct Sarif {
  let command: String
  let rules: [LintRule]

  func text(_ files: [CheckedFile]) -> String {
    var codes: [String] = rules.map(\.name)
    var indexOfCode = Dictionary(uniqueKeysWithValues: codes.enumerated().map { ($1, $0) })
    for diagnostic in files.flatMap(\.diagnostics) where indexOfCode[diagnostic.code] == nil {
      indexOfCode[diagnostic.code] = codes.count
      codes.append(diagnostic.code)
    }
    let results = files.flatMap { file in
      let columns = ScalarColumns(file.source)
      return file.diagnostics.map { result($0, in: file, columns, index: indexOfCode[$0.code] ?? 0) }
    }
    let driver = JSON(members: [
      ("name", JSON("stepmill \(command)")), ("version", JSON(Version.number)),
      ("semanticVersion", JSON(Version.number)), ("rules", JSON(codes.map(rule))),
    ])
    let run = JSON(members: [
      ("tool", JSON(members: [("driver", driver)])), ("columnKind", "unicodeCodePoints"),
      ("invocations", JSON([invocation(files)])), ("results", JSON(results)),
    ])
    return JSON(members: [
      ("$schema", "https://json.schemastore.org/sarif-2.1.0.json"), ("version", "2.1.0"),
      ("runs", JSON([run])),
    ]).text(indent: 2) + "\n"
  }

  private func rule(_ code: String) -> JSON {
    guard let rule = rules.first(where: { $0.name == code }) else {
      return JSON(members: [("id", JSON(code))])
    }
    return JSON(members: [
      ("id", JSON(code)), ("shortDescription", Self.message(rule.summary)),
      ("fullDescription", Self.message(rule.explanation)),
      ("defaultConfiguration", JSON(members: [("enabled", JSON(rule.isOnByDefault)), ("level", "warning")])),
    ])
  }

  private func result(
    _ diagnostic: Diagnostic, in file: CheckedFile, _ columns: ScalarColumns, index: Int
  ) -> JSON {
    let hint = diagnostic.hint.map { " (\($0))" } ?? ""
    var region: [(key: String, value: JSON)] = [
      ("startLine", JSON(diagnostic.line)),
      ("startColumn", JSON(columns.column(diagnostic.column, line: diagnostic.line))),
    ]
    if !diagnostic.text.isEmpty { region.append(("snippet", Self.message(diagnostic.text))) }
    var location: [(key: String, value: JSON)] = [
      (
        "physicalLocation",
        JSON(members: [("artifactLocation", Self.artifact(file)), ("region", JSON(members: region))])
      )
    ]
    if !diagnostic.pointer.isEmpty {
      location.append(
        ("logicalLocations", JSON([JSON(members: [("fullyQualifiedName", JSON(diagnostic.pointer))])])))
    }
    return JSON(members: [
      ("ruleId", JSON(diagnostic.code)), ("ruleIndex", JSON(index)),
      ("level", JSON(diagnostic.severity.rawValue)),
      ("message", Self.message(diagnostic.message + hint)), ("locations", JSON([JSON(members: location)])),
    ])
  }

  /// Whether everything could be looked at.
  private func invocation(_ files: [CheckedFile]) -> JSON {
    let notifications = files.compactMap { file -> JSON? in
      guard case .failure(let error) = file.source.text else { return nil }
      let place = JSON(members: [
        ("physicalLocation", JSON(members: [("artifactLocation", Self.artifact(file))]))
      ])
      return JSON(members: [
        ("level", "error"), ("message", Self.message("\(file.source.name) cannot be read: \(error)")),
        ("locations", JSON([place])),
      ])
    }
    var members: [(key: String, value: JSON)] = [("executionSuccessful", JSON(notifications.isEmpty))]
    if !notifications.isEmpty { members.append(("toolExecutionNotifications", JSON(notifications))) }
    return JSON(members: members)
  }

  private static func message(_ text: String) -> JSON { JSON(members: [("text", JSON(text))]) }

  private static func artifact(_ file: CheckedFile) -> JSON {
    let path = file.source.name
    let uri = percentEncoded(path)
    return JSON(members: [("uri", JSON(path.hasPrefix("/") ? "file://" + uri : uri))])
  }

  private static func percentEncoded(_ path: String) -> String {
    var text = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "/"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        text += "%" + (hex.count == 1 ? "0" : "") + hex
      }
    }
    return text
  }
}

/// Columns counted in scalars, as SARIF wants them: ours count characters as people see them.
private struct ScalarColumns {
  private let text: [UInt8]
  private let starts: [Int]
  private let isASCII: Bool

  init(_ source: DefinitionSource) {
    text = (try? source.text.get()) ?? []
    isASCII = text.allSatisfy { $0 < 0x80 }
    var starts = [0]
    if !isASCII {
      for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
    }
    self.starts = starts
  }

  func column(_ column: Int, line: Int) -> Int {
    guard !isASCII, line >= 1, line <= starts.count else { return column }
    let end = line < starts.count ? starts[line] - 1 : text.count
    let content = String(decoding: text[starts[line - 1]..<end], as: UTF8.self)
    return content.prefix(column - 1).unicodeScalars.count + 1
  }
}
