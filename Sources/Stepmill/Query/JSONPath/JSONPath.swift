// Paths in the dialect of the Jayway library, as Step Functions uses it.
//
// A path is read once (`parse`), gives a readable list of steps for whoever wants to look at
// it (static checks, the compiler, `explain`), and is flattened into `PathProgram`: records
// that can be walked without touching a reference count. `evaluate` walks those over arena
// values and builds its list, where there is one, in the arena.
//
// Where releases 2.0.0 and 3.0.0 of the library differ, the choice made here is 3.0.0's, but
// for two habits of 2.0.0 that published definitions rely on: literals without quotes in
// filters (`[?(@.code==es)]`), and `&&` and `||` ending a path without a space before them.

struct JSONPath: Sendable {
  /// The path as written.
  let text: String
  let root: Root
  let steps: [Step]
  /// The path can name one value only: its result is that value, otherwise a list.
  let isDefinite: Bool
  /// The path may stand where the language asks for a Reference Path.
  let isReferencePath: Bool

  let program: PathProgram

  /// What the leading `$` stands for.
  enum Root: Sendable, Hashable {
    /// `$`
    case data
    /// `$$`, the Context Object.
    case context
    /// `$name`
    case variable(String)
  }

  enum Step: Sendable {
    case property(String)
    case properties([String])
    case index(Int)
    case indices([Int])
    case slice(from: Int?, to: Int?)
    case wildcard
    case filter(PathFilter)
    /// `..`: the next step applies to this value and to everything below it.
    case descendants
    case function(name: String, arguments: [PathArgument])
  }

  /// Which rules of reading apply.
  enum Dialect: Sendable {
    /// A path starts with `$`, `$$` or `$name`, and no blank surrounds it.
    case stepFunctions
    /// The library's own reading: blanks are cut off, a missing `$.` is put in front, and
    /// neither `$$` nor `$name` exists.
    case library
  }

  static func parse(
    _ text: String, dialect: Dialect = .stepFunctions
  ) throws(PathSyntaxError) -> JSONPath {
    var parser = PathParser(text: text, dialect: dialect)
    return try parser.path()
  }
}

/// Why a text is not a path.
struct PathSyntaxError: Error, Hashable, CustomStringConvertible {
  var message: String
  /// Where, in characters (Unicode scalars) from the start of the text.
  var offset: Int

  var description: String { "\(message) at character \(offset)" }
}

/// The condition of a `[?(…)]` step.
indirect enum PathFilter: Sendable {
  case or(PathFilter, PathFilter)
  case and(PathFilter, PathFilter)
  case not(PathFilter)
  case exists(PathReference)
  case relation(PathOperand, PathRelation, PathOperand)
}

/// A path inside a filter or a function's arguments.
struct PathReference: Sendable {
  /// It starts at the whole document (`$`) and not at the candidate (`@`).
  var isFromRoot: Bool
  var steps: [JSONPath.Step]
}

/// One side of a relation.
enum PathOperand: Sendable {
  case path(PathReference)
  case literal(PathLiteral)
  case pattern(RegularExpression)
}

/// An argument of a function.
enum PathArgument: Sendable {
  case path(PathReference)
  case literal(PathLiteral)
}

/// A JSON value written inside a path.
indirect enum PathLiteral: Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([PathLiteral])
  case object([(name: String, value: PathLiteral)])
}

enum PathRelation: UInt8, Sendable {
  case equal, notEqual, identical, notIdentical
  case less, lessOrEqual, greater, greaterOrEqual
  case matches
  case `in`, notIn, contains, all, subsetOf, anyOf, noneOf
  case size, empty, type
}

/// How to evaluate.
struct PathOptions: OptionSet, Sendable {
  let rawValue: UInt8

  /// A missing value somewhere in an indefinite path gives an empty list, and the document
  /// may be null: what AWS does. Without it both are the library's exceptions.
  static let lenient = PathOptions(rawValue: 1 << 0)
  /// A missing last property counts as null (the library's DEFAULT_PATH_LEAF_TO_NULL).
  static let leafToNull = PathOptions(rawValue: 1 << 1)
  /// Definite paths give a list too (ALWAYS_RETURN_LIST).
  static let alwaysList = PathOptions(rawValue: 1 << 2)
  /// The result lists where the values are, not the values (AS_PATH_LIST).
  static let locations = PathOptions(rawValue: 1 << 3)
  /// A missing property is an error in indefinite paths too (REQUIRE_PROPERTIES).
  static let requireProperties = PathOptions(rawValue: 1 << 4)
  /// Whatever fails gives null or an empty list (SUPPRESS_EXCEPTIONS).
  static let suppressErrors = PathOptions(rawValue: 1 << 5)

  static let stepFunctions: PathOptions = .lenient
  static let library: PathOptions = []
}

/// What a path gives.
enum PathResult {
  /// The value of a definite path, or the list of an indefinite one.
  case found(Value)
  case missing(PathMiss)
  case failure(PathFailure)
}

/// Nothing is where the path points to.
struct PathMiss {
  enum Reason: UInt8 {
    /// The last step found nothing, or an index lies outside of its array.
    case noResults
    /// A property before the last step is absent.
    case missingProperty
    /// A property was asked of something that is not an object.
    case notAnObject
    /// An element was asked of something that is not an array.
    case notAnArray
    /// An element was asked of null.
    case null
  }

  var reason: Reason
  /// The number of the step that found nothing.
  var step: Int
  /// The value that the step was applied to; missing where that does not matter.
  var value: Value
}

/// The library, or this engine's limits, refuse to go on.
struct PathFailure {
  enum Reason: UInt8 {
    case nullDocument
    case filterOnPrimitive
    case unknownFunction
    case aggregateOfNothing
    case indexOutOfRange
    case badArguments
    case emptinessOfObject
    case listOfFunction
    /// Too many values were visited.
    case tooManySteps
    /// The document is nested too deeply.
    case tooDeep
  }

  var reason: Reason
  /// The number of the step that failed.
  var step: Int
  /// The value that the step was applied to; missing where that does not matter.
  var value: Value
}

/// Limits on what a path may cost.
enum PathLimits {
  /// Steps of one path.
  static let stepsMax = 256
  /// Parentheses, filters in filters and literals in literals.
  static let nestingMax = 48
  /// Conditions in all filters of one path; `a || b || …` nests as deep as it is long.
  static let relationsMax = 500
  /// Steps of one match of a pattern.
  static let patternStepsMax = 4_000_000
  /// Values visited, compared or tried by one evaluation.
  static let visitsMax = 10_000_000
  /// Levels of a document that `..` follows.
  static let depthMax = 2_000
}
