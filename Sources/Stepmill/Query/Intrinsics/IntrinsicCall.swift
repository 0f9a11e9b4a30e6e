// An intrinsic function call as it is written in a `….$` field, before compilation:
// `States.Format('Hello {}', States.ArrayGetItem($.names, 0))`.
//
// Paths stay texts here: the path compiler reads them. Only what no run can change is
// judged while parsing; a wrong number or kind of arguments fails when the call is
// evaluated, as it does in AWS.

struct IntrinsicCall: Sendable, Equatable {
  var function: Intrinsic
  var arguments: [Argument]
  /// The call as written, from its name to its closing parenthesis.
  var text: String

  indirect enum Argument: Sendable, Equatable {
    case string(StringLiteral)
    /// The number's text.
    case number(String)
    case bool(Bool)
    case null
    /// A path's text, as written: `$…`, `$$…` or `$variable…`.
    case path(String)
    case call(IntrinsicCall)
  }

  /// A text in single quotes.
  struct StringLiteral: Sendable, Equatable {
    /// What it means: escapes undone, so `\{` is a plain `{`.
    var text: String
    /// What it means as the first argument of `States.Format`; nil when it is no valid
    /// template. Escaped braces can be told from placeholders only here.
    var template: FormatTemplate?
  }
}

/// A template of `States.Format`, cut at its placeholders.
struct FormatTemplate: Sendable, Equatable {
  /// The texts between the placeholders: one more than there are placeholders.
  var pieces: [String]

  var placeholderCount: Int { pieces.count - 1 }
}

/// Why a text is not an intrinsic function call.
struct IntrinsicSyntaxError: Error, Equatable {
  /// Bytes from the start of the text.
  var offset: Int
  /// One sentence.
  var message: String
}
