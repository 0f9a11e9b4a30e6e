// What a reading has found, before it is shown.
//
// Findings are collected with byte offsets; lines and columns are worked out at the end,
// for the findings that are kept, since that walks the text. The service reports in three
// groups, and so does this: what a state says by itself, names that clash or lead nowhere,
// states that nothing leads to.

/// The service's codes for what can be wrong with a definition.
enum DiagnosticCode {
  static let json = "INVALID_JSON_DESCRIPTION"
  static let schema = "SCHEMA_VALIDATION_FAILED"
  static let missingTarget = "MISSING_TRANSITION_TARGET"
  static let missingEnd = "MISSING_END_STATE"
  static let duplicateStateName = "DUPLICATE_STATE_NAME"
  static let duplicateLabelName = "DUPLICATE_LABEL_NAME"
  static let invalidStateName = "INVALID_STATE_NAME"
  static let invalidLabelName = "INVALID_LABEL_NAME"
  static let invalidVariableName = "INVALID_VARIABLE_NAME"
  static let reservedVariableName = "RESERVED_VARIABLE_NAME"
  static let duplicateVariableName = "DUPLICATE_VARIABLE_NAME"
  static let possiblyUndefinedVariable = "POSSIBLY_UNDEFINED_VARIABLE"
  static let invalidExpression = "INVALID_JSONATA_EXPRESSION"
  static let unsupportedExpression = "UNSUPPORTED_JSONATA_EXPRESSION"
  static let noDollar = "NO_DOLLAR"
  static let noPath = "NO_PATH"
  static let resultIsStatic = "PASS_RESULT_IS_STATIC"
  /// Stepmill's own: a name that stands twice in one object.
  static let duplicateField = "STEPMILL_DUPLICATE_FIELD"
  /// Stepmill's own: legal, but beyond this version.
  static let notSupported = "STEPMILL_NOT_SUPPORTED"
  /// Stepmill's own: it runs here, and AWS refuses it.
  static let beyondService = "STEPMILL_BEYOND_AWS"
  /// Stepmill's own: larger than AWS takes.
  static let tooLarge = "STEPMILL_DEFINITION_TOO_LARGE"
  /// Stepmill's own: closes a list that was cut.
  static let tooMany = "STEPMILL_TOO_MANY_DIAGNOSTICS"
}

struct DiagnosticReport {
  enum Group: Int, CaseIterable {
    case schema
    case names
    case targets
    case reachability
  }

  struct Finding {
    var severity: Diagnostic.Severity
    var code: String
    var message: String
    var location: String?
    var pointer: String
    /// Where in the text, and how much of it.
    var range: Range<Int>
    /// Where what the service names begins, if that is not `range`: a field that does not belong into an object
    /// counts as the object's mistake.
    var anchor: Int?
    var hint: String?

    fileprivate var order: Int { anchor ?? range.lowerBound }
  }

  /// No more than this many are kept.
  let findingsMax: Int
  private var groups = [[Finding]](repeating: [], count: Group.allCases.count)
  private var warnings: [Finding] = []
  private var notes: [Finding] = []
  private(set) var errorCount = 0
  private var warningCount = 0
  private var noteCount = 0

  init(findingsMax: Int) {
    self.findingsMax = max(findingsMax, 1)
  }

  var hasErrors: Bool { errorCount > 0 }

  /// Counts a problem. True if it is to be added: a finding that would not be shown is not worked out.
  mutating func count(_ severity: Diagnostic.Severity, in group: Group) -> Bool {
    switch severity {
    case .error:
      errorCount += 1
      return groups[group.rawValue].count < findingsMax
    case .warning:
      warningCount += 1
      return warnings.count < findingsMax
    case .note:
      noteCount += 1
      return notes.count < findingsMax
    }
  }

  /// Adds a problem that was counted.
  mutating func add(_ finding: Finding, in group: Group) {
    switch finding.severity {
    case .error: groups[group.rawValue].append(finding)
    case .warning: warnings.append(finding)
    case .note: notes.append(finding)
    }
  }

  /// Errors in the service's order, then warnings, then notes, then (if there were more) a word about the rest.
  func diagnostics(in source: SourceText, inSourceOrder: Bool = false) -> [Diagnostic] {
    // Equal places keep their order: what was noticed first stands first.
    var groups = groups
    groups[Group.schema.rawValue] = Self.inSourceOrder(groups[Group.schema.rawValue])
    var kept = Array((groups.joined() + Self.inSourceOrder(warnings) + notes).prefix(findingsMax))
    if inSourceOrder { kept = Self.inSourceOrder(kept) }
    var result: [Diagnostic] = []
    for (finding, place) in zip(kept, source.positions(of: kept.map(\.range.lowerBound))) {
      result.append(
        Diagnostic(
          severity: finding.severity, code: finding.code, message: finding.message,
          location: finding.location, pointer: finding.pointer, line: place.line, column: place.column,
          text: source.excerpt(finding.range), hint: finding.hint))
    }
    let leftOut = errorCount + warningCount + noteCount - kept.count
    if leftOut > 0 {
      let errorsLeftOut = errorCount - kept.count(where: { $0.severity == .error })
      result.append(
        Diagnostic(
          severity: errorsLeftOut > 0 ? .error : kept.contains { $0.severity == .warning } ? .warning : .note,
          code: DiagnosticCode.tooMany,
          message: "\(leftOut) more problems were left out.", location: nil, pointer: "", line: 1, column: 1))
    }
    return result
  }

  private static func inSourceOrder(_ findings: [Finding]) -> [Finding] {
    findings.enumerated().sorted {
      ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
    }.map(\.element)
  }
}

extension SyntaxNode {
  /// The place of this node as the service names it: `/States/Check/Choices[0]/Variable`.
  var location: String {
    var text = ""
    for step in steps {
      switch step {
      case .name(let name): text += "/" + name
      case .index(let index): text += "[\(index)]"
      }
    }
    return text.isEmpty ? "/" : text
  }

  /// The place of this node as a JSON pointer (RFC 6901).
  var pointer: String {
    var text = ""
    for step in steps {
      switch step {
      case .name(let name): text += "/" + SyntaxNode.escapePointer(name)
      case .index(let index): text += "/\(index)"
      }
    }
    return text
  }

  static func escapePointer(_ name: String) -> String {
    var text = ""
    for character in name.unicodeScalars {
      switch character {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }
}
