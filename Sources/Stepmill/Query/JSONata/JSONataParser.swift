import CIntrinsics

// The first pass: a Pratt parser. It mirrors the grammar of the reference in what it
// accepts, in the errors it raises and in the positions it gives them.
//
// Nesting is bounded twice: by the depth of the tree, and by the machine stack that the
// recursion may take, whatever a stack frame costs in this build.

struct JSONataParser {
  /// Deeper trees are refused. Far beyond what an evaluation may nest.
  static let depthMax = 1500

  private var lexer: JSONataLexer
  private var token = JSONataToken(kind: .end, symbol: "(end)", position: 0)
  private let stackLimit: UInt
  private let textCount: Int
  /// The end of the token before the current one.
  private var end = 0

  init(_ text: [UInt16], options: JSONataOptions, stackLimit: UInt) {
    lexer = JSONataLexer(text, laterOperators: options.laterOperators)
    textCount = text.count
    self.stackLimit = stackLimit
  }

  mutating func parse() throws(JSONataError) -> JSONataSyntax {
    try advance()
    let result = try expression(0)
    guard token.kind == .end else {
      throw JSONataError(.s0201, position: token.position, token: token.symbol)
    }
    return result
  }

  // MARK: Tokens

  /// What the symbol table of the grammar calls the current token.
  private var id: String {
    switch token.kind {
    case .operator: token.symbol
    case .end: "(end)"
    case .name, .variable: "(name)"
    case .string, .number, .value: "(literal)"
    case .regex: "(regex)"
    }
  }

  private mutating func advance(_ expected: String? = nil, infix: Bool = false) throws(JSONataError) {
    if let expected, id != expected {
      throw JSONataError(
        token.kind == .end ? .s0203 : .s0202, position: token.position, token: token.symbol,
        value: JSONataError.quoted(expected))
    }
    end = token.position
    token = try lexer.next(infix: infix)
    if token.kind == .operator && (token.symbol == "!" || token.symbol == "~") {
      throw JSONataError(.s0204, position: token.position, token: token.symbol)
    }
  }

  private func leftPower(_ token: JSONataToken) -> Int {
    guard token.kind == .operator else { return 0 }
    switch token.symbol {
    case "(", "[", "@", "#": return 80
    case ".": return 75
    case "{": return 70
    case "*", "/", "%": return 60
    case "+", "-", "&": return 50
    case "=", "!=", "<", "<=", ">", ">=", "in", "~>", "^", "?:", "??": return 40
    case "and": return 30
    case "or": return 25
    case "?": return 20
    case ":=": return 10
    default: return 0
    }
  }

  // MARK: Expressions

  private mutating func expression(_ rightPower: Int) throws(JSONataError) -> JSONataSyntax {
    guard stepmill_frame_address() > stackLimit else { throw JSONataError(.d1011, position: token.position) }
    let start = lexer.tokenStart
    var current = token
    try advance(infix: true)
    var left = try prefix(current)
    left.range = start..<max(start, end)
    while rightPower < leftPower(token) {
      current = token
      try advance()
      left = try infix(current, left)
      left.range = start..<max(start, end)
      try measure(left)
    }
    return left
  }

  /// What is known of a node once its children are complete.
  private func measure(_ node: JSONataSyntax) throws(JSONataError) {
    func take(_ child: JSONataSyntax?) {
      guard let child else { return }
      node.depth = max(node.depth, child.depth + 1)
      if child.holdsFunction { node.holdsFunction = true }
      if child.kind != .block && child.kind != .lambda { node.binds += child.binds }
    }
    node.depth = 1
    node.binds = []
    for child in [node.left, node.right, node.head, node.then, node.otherwise] { take(child) }
    for item in node.items { take(item) }
    for pair in node.pairs {
      take(pair.key)
      take(pair.value)
    }
    for term in node.terms { take(term.expression) }
    if node.kind == .lambda || node.kind == .transform { node.holdsFunction = true }
    if node.kind == .binary, node.symbol == ":=", let name = node.left?.bytes { node.binds.append(name) }
    if node.depth > Self.depthMax { throw JSONataError(.d1011, position: node.position) }
  }

  private mutating func prefix(_ start: JSONataToken) throws(JSONataError) -> JSONataSyntax {
    let node = JSONataSyntax(
      .end, symbol: start.symbol, position: start.position, bytes: start.bytes, value: start.value)
    switch start.kind {
    case .end: node.kind = .end
    case .name: node.kind = .name
    case .variable: node.kind = .variable
    case .string: node.kind = .string
    case .number: node.kind = .number
    case .value: node.kind = .value
    case .regex:
      node.kind = .regex
      do {
        node.regex = try ECMARegularExpression(start.pattern, flags: start.flags)
      } catch {
        throw JSONataError(.s0303, position: start.position, detail: start.symbol + ": " + error.message)
      }
    case .operator:
      try prefixOperator(node)
    }
    try measure(node)
    return node
  }

  private mutating func prefixOperator(_ node: JSONataSyntax) throws(JSONataError) {
    switch node.symbol {
    case "and", "or", "in":
      node.kind = .operator
    case "-":
      node.kind = .unary
      node.left = try expression(70)
    case "*": node.kind = .wildcard
    case "**": node.kind = .descendant
    case "%": node.kind = .parent
    case "(":
      node.kind = .block
      while id != ")" {
        node.items.append(try expression(0))
        if id != ";" { break }
        try advance(";")
      }
      try advance(")", infix: true)
    case "[":
      node.kind = .unary
      try arrayItems(node)
    case "{":
      node.kind = .unary
      try pairs(node)
    case "|":
      node.kind = .transform
      node.head = try expression(0)
      try advance("|")
      node.then = try expression(0)
      if id == "," {
        try advance(",")
        node.otherwise = try expression(0)
      }
      try advance("|")
    default:
      throw JSONataError(.s0211, position: node.position, token: node.symbol)
    }
  }

  private mutating func arrayItems(_ node: JSONataSyntax) throws(JSONataError) {
    if id != "]" {
      while true {
        var item = try expression(0)
        if id == ".." {
          let range = JSONataSyntax(.binary, symbol: "..", position: token.position)
          range.left = item
          try advance("..")
          range.right = try expression(0)
          range.range = item.range.lowerBound..<max(item.range.lowerBound, end)
          try measure(range)
          item = range
        }
        node.items.append(item)
        if id != "," { break }
        try advance(",")
      }
    }
    try advance("]", infix: true)
  }

  private mutating func pairs(_ node: JSONataSyntax) throws(JSONataError) {
    if id != "}" {
      while true {
        let key = try expression(0)
        try advance(":")
        let value = try expression(0)
        node.pairs.append(.init(key: key, value: value))
        if id != "," { break }
        try advance(",")
      }
    }
    try advance("}", infix: true)
  }

  private mutating func infix(
    _ start: JSONataToken, _ left: JSONataSyntax
  ) throws(JSONataError) -> JSONataSyntax {
    let node = JSONataSyntax(.binary, symbol: start.symbol, position: start.position)
    node.left = left
    switch start.symbol {
    case "(": return try call(node, left)
    case "[":
      if id == "]" {
        // An empty predicate marks the step: its result stays an array.
        var step = left
        while step.kind == .binary, step.symbol == "[", let inner = step.left { step = inner }
        step.keepArray = true
        try advance("]")
        return left
      }
      node.right = try expression(0)
      try advance("]", infix: true)
    case "^": try order(node)
    case "{": try pairs(node)
    case ":=":
      guard left.kind == .variable else {
        throw JSONataError(.s0212, position: left.position, token: left.symbol)
      }
      node.right = try expression(9)
    case "@", "#":
      let right = try expression(80)
      guard right.kind == .variable else {
        throw JSONataError(.s0214, position: right.position, token: start.symbol)
      }
      node.right = right
    case "?":
      node.kind = .condition
      node.left = nil
      node.head = left
      node.then = try expression(0)
      if id == ":" {
        try advance(":")
        node.otherwise = try expression(0)
      }
    case "?:", "??":
      node.right = try expression(40)
    default:
      node.right = try expression(leftPower(start))
    }
    return node
  }

  private mutating func order(_ node: JSONataSyntax) throws(JSONataError) {
    try advance("(")
    while true {
      var descending = false
      if id == "<" {
        try advance("<")
      } else if id == ">" {
        descending = true
        try advance(">")
      }
      node.terms.append(.init(descending: descending, expression: try expression(0)))
      if id != "," { break }
      try advance(",")
    }
    try advance(")")
  }

  private mutating func call(
    _ node: JSONataSyntax, _ left: JSONataSyntax
  ) throws(JSONataError) -> JSONataSyntax {
    node.kind = .function
    node.left = nil
    node.head = left
    if id != ")" {
      while true {
        if id == "?" {
          node.kind = .partial
          node.items.append(JSONataSyntax(.operator, symbol: "?", position: token.position))
          try advance("?")
        } else {
          node.items.append(try expression(0))
        }
        if id != "," { break }
        try advance(",")
      }
    }
    try advance(")", infix: true)
    if left.kind == .name && (left.symbol == "function" || left.symbol == "\u{3BB}") {
      try lambda(node)
    }
    return node
  }

  private mutating func lambda(_ node: JSONataSyntax) throws(JSONataError) {
    for (index, parameter) in node.items.enumerated() where parameter.kind != .variable {
      throw JSONataError(
        .s0208, position: parameter.position, token: parameter.symbol, value: String(index + 1))
    }
    node.kind = .lambda
    node.head = nil
    if id == "<" {
      let start = token.position
      var depth = 1
      var text = "<"
      while depth > 0 && id != "{" && id != "(end)" {
        try advance()
        if id == ">" { depth -= 1 } else if id == "<" { depth += 1 }
        text += token.symbol
      }
      try advance(">")
      do {
        node.signature = try JSONataSignature(text)
      } catch {
        throw JSONataError(error.code, position: start + error.offset)
      }
    }
    try advance("{")
    node.then = try expression(0)
    try advance("}")
  }
}
