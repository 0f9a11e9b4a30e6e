// The syntax tree: first as the Pratt parser builds it (binary operators and all), then,
// rewritten in place, with paths, stages and ancestry (see JSONataAncestry).

/// A `%` that looks for the step whose item it stands for.
final class JSONataAncestor {
  /// Equal for all `%` that mean the items of the same step.
  var label: Int
  /// How many steps up it still has to go.
  var level = 1
  let index: Int

  init(label: Int, index: Int) {
    self.label = label
    self.index = index
  }
}

/// The ancestors that an expression leaves to whatever is around it. A class, since an
/// expression and the path it ends up in share one list.
final class JSONataSeekers {
  var list: [JSONataAncestor] = []
}

final class JSONataSyntax {
  enum Kind: String {
    case name, string, number, value, variable, regex
    case wildcard, descendant, parent
    case binary, unary, function, partial, lambda, condition, block, transform
    /// `and`, `or`, `in` or `?` where an operand stands.
    case `operator`
    case end
    /// Only after the second pass.
    case path, bind, apply, sort
  }

  struct Term {
    var descending: Bool
    var expression: JSONataSyntax
  }

  struct Pair {
    var key: JSONataSyntax
    var value: JSONataSyntax
  }

  enum Stage {
    case filter(JSONataSyntax)
    case index([UInt8])
  }

  struct Group {
    var pairs: [Pair]
    var position: Int
  }

  var kind: Kind
  /// The operator or, for errors, the token as text.
  var symbol: String
  var bytes: [UInt8]
  var value: Value
  var position: Int
  /// Where the whole expression stands, in UTF-16 units: for tools that show it.
  var range = 0..<0
  var regex: ECMARegularExpression?

  var left: JSONataSyntax?
  var right: JSONataSyntax?
  /// Operands of a constructor, a block or a call; the steps of a path.
  var items: [JSONataSyntax] = []
  var pairs: [Pair] = []
  var terms: [Term] = []
  /// What a call calls, and what a condition, a transform or a lambda is about.
  var head: JSONataSyntax?
  var then: JSONataSyntax?
  var otherwise: JSONataSyntax?
  var signature: JSONataSignature?

  var keepArray = false
  /// An array constructor whose result stays nested in the path around it.
  var consArray = false
  var keepSingletonArray = false
  /// A step whose items carry bindings.
  var tuple = false
  /// A call in tail position of a lambda.
  var tailCall = false
  var focus: [UInt8]?
  var index: [UInt8]?
  var ancestor: JSONataAncestor?
  var slot: JSONataAncestor?
  var seekers: JSONataSeekers?
  var predicates: [JSONataSyntax]?
  var stages: [Stage]?
  var group: Group?

  /// Levels of the tree below and with this node.
  var depth = 1
  /// There is a lambda or a transform in it: something that may keep a frame alive.
  var holdsFunction = false
  /// The variables that are bound in it, not counting blocks and lambdas inside. For a
  /// block, those that are bound directly in it.
  var binds: [[UInt8]] = []

  init(_ kind: Kind, symbol: String, position: Int, bytes: [UInt8] = [], value: Value = .missing) {
    self.kind = kind
    self.symbol = symbol
    self.bytes = bytes
    self.value = value
    self.position = position
  }

  var isArrayConstructor: Bool { kind == .unary && symbol == "[" }
}
