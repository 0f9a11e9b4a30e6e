// The syntax tree of a state machine: what the specification calls its parts, each with
// the node it was read from. Reading keeps everything that is written; checks come after,
// on this tree; compilation takes only trees without errors.

/// A value with the node it was read from.
struct Located<Content> {
  var value: Content
  var node: SyntaxNode
}

enum QueryLanguage {
  case jsonPath
  case jsonata
}

/// A whole definition.
struct Definition {
  var source: SourceText
  /// What all nodes live in.
  var tree: SyntaxTree
  var node: SyntaxNode
  var comment: String?
  var queryLanguage: QueryLanguage
  var timeoutSeconds: Int?
  var machine: Machine
  /// The programs of all JSONata expressions, by what stands between their delimiters.
  var expressions: [String: JSONataProgram] = [:]
}

/// A `States` object with its entry: the whole machine, a branch, or an item processor.
struct Machine {
  var node: SyntaxNode
  var startAt: Located<String>
  /// In source order.
  var states: [StateDefinition]
}

/// A path field: it may be left out, be `null`, or name a path.
enum PathField {
  case absent
  case null(SyntaxNode)
  case path(Located<String>)
}

/// A number that is written, or a path to it, or (JSONata) an expression.
enum NumberField {
  case literal(Located<Int>)
  case path(Located<String>)
  case expression(Located<String>)
}

enum Transition {
  case next(Located<String>)
  case end
  /// Choice, Succeed and Fail go elsewhere or nowhere.
  case none
}

struct StateDefinition {
  var name: String
  var node: SyntaxNode
  var comment: String?
  var queryLanguage: QueryLanguage
  var kind: StateKind
  var transition: Transition

  var inputPath = PathField.absent
  var outputPath = PathField.absent
  var parameters: SyntaxNode?
  var resultSelector: SyntaxNode?
  var resultPath = PathField.absent
  var assign: SyntaxNode?
  /// JSONata's `Arguments` and `Output`.
  var arguments: SyntaxNode?
  var output: SyntaxNode?

  var retriers: [RetrierDefinition] = []
  var catchers: [CatcherDefinition] = []
}

enum StateKind {
  case pass(PassDefinition)
  case task(TaskDefinition)
  case choice(ChoiceDefinition)
  case wait(WaitDefinition)
  case succeed
  case fail(FailDefinition)
  case parallel([Machine])
  case map(MapDefinition)
}

struct PassDefinition {
  /// `"Result": null` counts as absent.
  var result: SyntaxNode?
}

struct TaskDefinition {
  var resource: Located<String>
  var timeout: NumberField?
  var heartbeat: NumberField?
  var credentials: SyntaxNode?
}

struct ChoiceDefinition {
  var rules: [ChoiceRuleDefinition]
  var defaultState: Located<String>?
}

/// A top-level rule: a condition and where it leads.
struct ChoiceRuleDefinition {
  var node: SyntaxNode
  var condition: Condition
  var next: Located<String>
  var assign: SyntaxNode?
  var output: SyntaxNode?
}

indirect enum Condition {
  case and([Condition])
  case or([Condition])
  case not(Condition)
  case compare(Comparison)
  /// JSONata: an expression's text, or a literal boolean.
  case expression(Located<String>)
  case literal(Bool)
}

struct Comparison {
  var variable: Located<String>
  var comparator: Comparator
  /// The field's value: a literal, or (for the `…Path` forms) a path's text.
  var operand: SyntaxNode
  /// True for the `…Path` forms.
  var operandIsPath: Bool
}

/// The comparison operators without their `Path` suffix; the raw value is the field.
enum Comparator: String, CaseIterable {
  case stringEquals = "StringEquals"
  case stringLessThan = "StringLessThan"
  case stringGreaterThan = "StringGreaterThan"
  case stringLessThanEquals = "StringLessThanEquals"
  case stringGreaterThanEquals = "StringGreaterThanEquals"
  case stringMatches = "StringMatches"
  case numericEquals = "NumericEquals"
  case numericLessThan = "NumericLessThan"
  case numericGreaterThan = "NumericGreaterThan"
  case numericLessThanEquals = "NumericLessThanEquals"
  case numericGreaterThanEquals = "NumericGreaterThanEquals"
  case booleanEquals = "BooleanEquals"
  case timestampEquals = "TimestampEquals"
  case timestampLessThan = "TimestampLessThan"
  case timestampGreaterThan = "TimestampGreaterThan"
  case timestampLessThanEquals = "TimestampLessThanEquals"
  case timestampGreaterThanEquals = "TimestampGreaterThanEquals"
  case isNull = "IsNull"
  case isPresent = "IsPresent"
  case isNumeric = "IsNumeric"
  case isString = "IsString"
  case isBoolean = "IsBoolean"
  case isTimestamp = "IsTimestamp"

  /// `StringMatches` and the type tests take no `…Path` form.
  var hasPathForm: Bool {
    switch self {
    case .stringMatches, .isNull, .isPresent, .isNumeric, .isString, .isBoolean, .isTimestamp: false
    default: true
    }
  }
}

enum WaitDefinition {
  case seconds(Located<Int>)
  case secondsPath(Located<String>)
  case secondsExpression(Located<String>)
  case timestamp(Located<String>)
  case timestampPath(Located<String>)
  case timestampExpression(Located<String>)
}

struct FailDefinition {
  var error: TextField?
  var cause: TextField?
}

/// `Error`/`Cause`: a literal, a path or intrinsic, or (JSONata) an expression.
enum TextField {
  case literal(Located<String>)
  /// A reference path or an intrinsic call.
  case path(Located<String>)
  case expression(Located<String>)
}

struct MapDefinition {
  var processor: Machine
  var isDistributed: Bool
  /// `ProcessorConfig.Mode`, where it is written.
  var mode: SyntaxNode?
  var itemsPath = PathField.absent
  /// JSONata's `Items`.
  var items: SyntaxNode?
  /// `ItemSelector`, or the older `Parameters`.
  var itemSelector: SyntaxNode?
  var maxConcurrency: NumberField?

  /// What only a distributed Map uses.
  var label: String?
  var itemReader: SyntaxNode?
  var itemBatcher: SyntaxNode?
  var resultWriter: SyntaxNode?
  var toleratedFailureCount: NumberField?
  /// The value of the field or of its `…Path` twin: a number (fractions are fine), an expression, a path.
  var toleratedFailurePercentage: SyntaxNode?
}

struct RetrierDefinition {
  var node: SyntaxNode
  var errorEquals: [String]
  var intervalSeconds = 1
  var maxAttempts = 3
  var backoffRate = 2.0
  var maxDelaySeconds: Int?
  var fullJitter = false
}

struct CatcherDefinition {
  var node: SyntaxNode
  var errorEquals: [String]
  var next: Located<String>
  var resultPath = PathField.absent
  var assign: SyntaxNode?
  /// JSONata's `Output`.
  var output: SyntaxNode?
}
