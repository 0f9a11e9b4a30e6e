import CIntrinsics

// The syntax tree to the compiled form.
//
// Names are resolved here. A variable lives in a slot of a frame: each lambda has a frame
// per invocation, and so has the expression as a whole. A block's variables live in the
// frame around it, except where a lambda might capture them in one round of a loop and
// meet those of the next: such a block gets a frame of its own whenever it is entered.
//
// A variable counts from its binding on; before, its name means what it means outside.
// So a slot starts as "unbound", and reading it names the node to evaluate in that case.

final class JSONataCompiler {
  typealias Node = JSONataProgram.Node

  /// A frame at run time: what closures capture.
  final class Frame {
    var slotCount = 0
    let parent: Frame?
    /// The slots where the ancestors that `%` means are kept, by label.
    var ancestors: [Int: Int32] = [:]
    init(parent: Frame?) { self.parent = parent }

    func slot() -> Int32 {
      slotCount += 1
      return Int32(slotCount)
    }
  }

  /// What names mean in a part of the text.
  private final class Scope {
    let frame: Frame
    let parent: Scope?
    var slots: [[UInt8]: Int32] = [:]
    /// The frame of the lambda that the scope is in.
    let function: Frame
    /// Names that are bound wherever they can be read: parameters, and what an earlier
    /// expression of the block has bound.
    var bound: Set<[UInt8]> = []
    /// Names that a path in parentheses, part of this scope's path, binds for it.
    var inner: Set<[UInt8]> = []

    init(frame: Frame, function: Frame, parent: Scope?) {
      self.frame = frame
      self.function = function
      self.parent = parent
    }
  }

  private(set) var nodes: [Node] = []
  /// Where each node stands in the text.
  private(set) var ranges: [Range<Int32>] = []
  private(set) var constants: [Value] = []
  private(set) var lists: [Int32] = []
  private(set) var steps: [JSONataProgram.Step] = []
  private(set) var stages: [JSONataProgram.Stage] = []
  private(set) var terms: [JSONataProgram.Term] = []
  private(set) var pairs: [JSONataProgram.Pair] = []
  private(set) var groups: [JSONataProgram.Group] = []
  private(set) var paths: [JSONataProgram.Path] = []
  private(set) var lambdas: [JSONataProgram.Lambda] = []
  private(set) var transforms: [JSONataProgram.Transform] = []
  private(set) var posts: [JSONataProgram.Post] = []
  private(set) var parameters: [JSONataSignature.Parameter] = []
  private(set) var regexes: [ECMARegularExpression] = []
  private(set) var names: [String] = []
  private(set) var memory: [UnsafeMutableRawPointer] = []
  private(set) var externals: [String] = []
  private(set) var contextReferences: [String] = []
  private(set) var usesClock = false

  let rootFrame = Frame(parent: nil)
  private let options: JSONataOptions
  private let stackLimit: UInt
  private var scope: Scope
  private var frame: Frame
  /// The frame of the lambda around, where rows of bindings are unpacked.
  private var functionFrame: Frame
  /// Inside of something that may be evaluated more than once per frame.
  private var inLoop = false
  /// Something gives a context: a step, a predicate, a group.
  private var hasContext = false

  init(options: JSONataOptions, stackLimit: UInt) {
    self.options = options
    externals = options.variables
    self.stackLimit = stackLimit
    scope = Scope(frame: rootFrame, function: rootFrame, parent: nil)
    frame = rootFrame
    functionFrame = rootFrame
  }

  /// Frees what a program would have taken over.
  func discard() {
    for block in memory { block.deallocate() }
    memory = []
  }

  func compileRoot(_ root: JSONataSyntax) throws(JSONataError) -> Int32 {
    declare(root.kind == .block ? [] : root.binds)
    return try compile(root)
  }

  // MARK: Records

  private func add(_ node: Node) -> Int32 {
    nodes.append(node)
    ranges.append(0..<0)
    return Int32(nodes.count - 1)
  }

  private func node(
    _ operation: JSONataProgram.Operation, _ syntax: JSONataSyntax, a: Int32 = 0, b: Int32 = 0, c: Int32 = 0
  ) -> Int32 {
    var node = Node(operation: operation, a: a, b: b, c: c, position: Int32(clamping: syntax.position))
    if syntax.keepArray { node.flags |= Node.keepArray }
    let index = add(node)
    let range = syntax.range
    ranges[Int(index)] = Int32(clamping: range.lowerBound)..<Int32(clamping: range.upperBound)
    return index
  }

  private func add(list: [Int32]) -> Int32 {
    let start = Int32(lists.count)
    lists += list
    return start
  }

  private func constant(_ value: Value) -> Int32 {
    constants.append(value)
    return Int32(constants.count - 1)
  }

  /// A string with its hash, over memory that the program will own.
  private func text(_ bytes: [UInt8]) -> Value {
    guard !bytes.isEmpty else { return Value.emptyString }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 8)
    bytes.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: bytes.count) }
    memory.append(copy)
    let buffer = UnsafeRawBufferPointer(start: copy, count: bytes.count)
    return .key(copy, count: bytes.count, plain: Value.needsNoEscape(buffer))
  }

  private func name(_ text: String) -> Int32 {
    names.append(text)
    return Int32(names.count - 1)
  }

  // MARK: Scopes

  private func declare(_ binds: [[UInt8]]) {
    for name in binds where scope.slots[name] == nil { scope.slots[name] = scope.frame.slot() }
  }

  /// A node that reads the variable `name`, as it is seen from `start`.
  private func variable(
    _ name: [UInt8], from start: Scope?, _ syntax: JSONataSyntax, isDeclared: Bool = false
  ) -> Int32 {
    var next = start
    while let scope = next {
      if let slot = scope.slots[name] {
        // A lambda is called after what it refers to is bound, if it is called at all: the
        // name in it does not make a demand on the caller.
        let declared = isDeclared || scope.function !== functionFrame
        let fallback =
          scope.bound.contains(name)
          ? -1 : variable(name, from: scope.parent, syntax, isDeclared: declared)
        return node(.local, syntax, a: slot, b: hops(to: scope.frame), c: fallback)
      }
      next = scope.parent
    }
    let text = String(decoding: name, as: UTF8.self)
    if let slot = externals.firstIndex(of: text) { return node(.external, syntax, a: Int32(slot)) }
    if let builtin = JSONataBuiltin.named(text, stepFunctions: options.stepFunctions) {
      if builtin == .now || builtin == .millis { usesClock = true }
      return node(.constant, syntax, a: constant(.builtin(builtin)))
    }
    return isDeclared ? node(.constant, syntax, a: constant(.missing)) : external(text, syntax)
  }

  private func external(_ name: String, _ syntax: JSONataSyntax) -> Int32 {
    if let slot = externals.firstIndex(of: name) { return node(.external, syntax, a: Int32(slot)) }
    externals.append(name)
    return node(.external, syntax, a: Int32(externals.count - 1))
  }

  private func hops(to target: Frame) -> Int32 {
    var count: Int32 = 0
    var next: Frame? = frame
    while let current = next, current !== target {
      count += 1
      next = current.parent
    }
    return count
  }

  private func isDeclared(_ name: [UInt8]) -> Bool {
    var next: Scope? = scope
    while let scope = next {
      if scope.slots[name] != nil { return true }
      next = scope.parent
    }
    return false
  }

  private func noteContext(_ name: String) {
    if !hasContext && !contextReferences.contains(name) { contextReferences.append(name) }
  }

  /// Compiles with a context that items give, possibly many times.
  private func repeated<Result>(
    _ body: () throws(JSONataError) -> Result
  ) throws(JSONataError) -> Result {
    let before = (inLoop, hasContext)
    (inLoop, hasContext) = (true, true)
    defer { (inLoop, hasContext) = before }
    return try body()
  }

  // MARK: Expressions

  private func compile(_ syntax: JSONataSyntax?) throws(JSONataError) -> Int32 {
    guard let syntax else { return add(Node(operation: .constant, a: constant(.missing))) }
    guard stepmill_frame_address() > stackLimit else {
      throw JSONataError(.d1011, position: syntax.position)
    }
    let inner = try visible(try compileBare(syntax), syntax)
    let group = syntax.kind == .path ? nil : syntax.group
    let predicates = syntax.predicates ?? []
    let isLeaf = syntax.kind == .variable || syntax.kind == .regex
    guard group != nil || !predicates.isEmpty || syntax.keepArray && isLeaf else { return inner }
    return try post(syntax, inner, predicates.map { .filter($0) }, group)
  }

  /// A variable's value is taken without a step of evaluation; where evaluations are watched
  /// it is made to take one.
  private func visible(_ inner: Int32, _ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    guard options.traces, syntax.kind == .variable else { return inner }
    switch nodes[Int(inner)].operation {
    case .external, .local: return node(.block, syntax, a: add(list: [inner, 0]), b: 1)
    default: return inner
    }
  }

  private func post(
    _ syntax: JSONataSyntax, _ inner: Int32, _ predicates: [JSONataSyntax.Stage],
    _ group: JSONataSyntax.Group?
  ) throws(JSONataError) -> Int32 {
    let (start, count) = try compile(stages: predicates, columns: [])
    let groupIndex: Int32
    if let group { groupIndex = try compile(group: group) } else { groupIndex = -1 }
    posts.append(.init(stages: start, stageCount: count, group: groupIndex))
    return node(.post, syntax, a: inner, b: Int32(posts.count - 1))
  }

  private func compileBare(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    switch syntax.kind {
    case .string: return node(.constant, syntax, a: constant(text(syntax.bytes)))
    case .number, .value: return node(.constant, syntax, a: constant(syntax.value))
    case .regex:
      guard let regex = syntax.regex else { return node(.unsupported, syntax) }
      regexes.append(regex)
      return node(.constant, syntax, a: constant(.function(.regex, UInt64(regexes.count - 1))))
    case .variable: return variable(syntax)
    case .name:
      noteContext(syntax.symbol)
      return node(.name, syntax, a: constant(text(syntax.bytes)))
    case .wildcard:
      noteContext("*")
      return node(.wildcard, syntax)
    case .descendant:
      noteContext("**")
      return node(.descendant, syntax)
    case .parent:
      let slot = ancestorSlot(syntax.slot?.label ?? -1)
      let nothing = node(.constant, syntax, a: constant(.missing))
      return node(.local, syntax, a: slot, b: hops(to: functionFrame), c: nothing)
    case .path: return try path(syntax)
    case .binary: return try binary(syntax)
    case .unary: return try unary(syntax)
    case .condition:
      let condition = try compile(syntax.head)
      let then = try compile(syntax.then)
      return node(.condition, syntax, a: condition, b: then, c: try compile(syntax.otherwise))
    case .block: return try block(syntax)
    case .bind: return try bind(syntax)
    case .function: return try call(syntax)
    case .partial: return try partial(syntax)
    case .lambda: return try lambda(syntax)
    case .transform: return try transform(syntax)
    case .apply: return try apply(syntax)
    case .operator, .end, .sort: return node(.unsupported, syntax)
    }
  }

  private func variable(_ syntax: JSONataSyntax) -> Int32 {
    if syntax.bytes.isEmpty {
      noteContext("$")
      return node(.context, syntax)
    }
    if syntax.symbol == "$" {
      if !contextReferences.contains("$$") { contextReferences.append("$$") }
      return node(.root, syntax)
    }
    return variable(syntax.bytes, from: scope, syntax)
  }

  private func ancestorSlot(_ label: Int) -> Int32 {
    if let slot = functionFrame.ancestors[label] { return slot }
    let slot = functionFrame.slot()
    functionFrame.ancestors[label] = slot
    return slot
  }

  private func binary(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    if syntax.symbol == "&" { return try concatenation(syntax) }
    let left = try compile(syntax.left)
    let right = try compile(syntax.right)
    let operation: JSONataProgram.Operation
    switch syntax.symbol {
    case "+": operation = .add
    case "-": operation = .subtract
    case "*": operation = .multiply
    case "/": operation = .divide
    case "%": operation = .remainder
    case "=": operation = .equal
    case "!=": operation = .notEqual
    case "<": operation = .less
    case "<=": operation = .lessOrEqual
    case ">": operation = .greater
    case ">=": operation = .greaterOrEqual
    case "in": operation = .contained
    case "and": operation = .and
    case "or": operation = .or
    case "..": operation = .range
    case "?:": operation = .elvis
    case "??": operation = .coalesce
    default: operation = .unsupported
    }
    return node(operation, syntax, a: left, b: right)
  }

  /// A chain of `&` becomes one node over all its operands.
  private func concatenation(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    var operands: [JSONataSyntax] = []
    var positions: [Int32] = []
    var next: JSONataSyntax? = syntax
    while let current = next {
      let isLink =
        current === syntax || current.predicates == nil && current.group == nil && !current.keepArray
      guard current.kind == .binary, current.symbol == "&", isLink else {
        operands.append(current)
        break
      }
      if let right = current.right { operands.append(right) }
      positions.append(Int32(clamping: current.position))
      next = current.left
    }
    var list: [Int32] = []
    for operand in operands.reversed() { list.append(try compile(operand)) }
    let start = add(list: list)
    _ = add(list: positions.reversed())
    let result = node(.concatenate, syntax, a: start, b: Int32(list.count))
    nodes[Int(result)].height = UInt16(clamping: max(list.count - 2, 0))
    return result
  }

  private func unary(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    switch syntax.symbol {
    case "[": return try array(syntax)
    case "{":
      let index = try compile(group: .init(pairs: syntax.pairs, position: syntax.position))
      return node(.object, syntax, a: index)
    default: return node(.negate, syntax, a: try compile(syntax.left))
    }
  }

  private func array(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    var list: [Int32] = []
    for item in syntax.items {
      let index = try compile(item)
      if item.isArrayConstructor { nodes[Int(index)].flags |= Node.nested }
      list.append(index)
    }
    let result = node(.array, syntax, a: add(list: list), b: Int32(list.count))
    if syntax.consArray { nodes[Int(result)].flags |= Node.constructed }
    return result
  }

  private func compile(group: JSONataSyntax.Group) throws(JSONataError) -> Int32 {
    var compiled: [JSONataProgram.Pair] = []
    var keys: Set<[UInt8]> = []
    var constantKeys = true
    for pair in group.pairs {
      let key = try repeatedUnlessConstant(pair.key)
      if pair.key.kind != .string || pair.key.predicates != nil || pair.key.group != nil
        || !keys.insert(pair.key.bytes).inserted
      {
        constantKeys = false
      }
      compiled.append(.init(key: key, value: try compile(pair.value)))
    }
    let start = Int32(pairs.count)
    pairs += compiled
    groups.append(
      .init(
        pairs: start, pairCount: Int32(compiled.count), position: Int32(clamping: group.position),
        constantKeys: constantKeys))
    return Int32(groups.count - 1)
  }

  private func repeatedUnlessConstant(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let before = inLoop
    inLoop = true
    defer { inLoop = before }
    return try compile(syntax)
  }

  private func block(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let outer = (scope, frame)
    let ownFrame = inLoop && syntax.holdsFunction && !syntax.binds.isEmpty
    if ownFrame { frame = Frame(parent: frame) }
    scope = Scope(frame: frame, function: functionFrame, parent: scope)
    declare(syntax.binds)
    defer { (scope, frame) = outer }
    let slots = scope.slots.values.sorted()
    var list: [Int32] = []
    for item in syntax.items {
      list.append(try compile(item))
      if item.kind == .bind, let name = item.left?.bytes, scope.slots[name] != nil {
        scope.bound.insert(name)
      }
    }
    if list.count == 1, slots.isEmpty, !options.traces, !syntax.keepArray, giveAsTheyAre(list[0]) {
      // Parentheses around an operation: nothing but a level of evaluation.
      nodes[Int(list[0])].height += 1
      return list[0]
    }
    let items = add(list: list)
    // Behind the items: the slots to forget on entry, or how many a frame has.
    if ownFrame {
      _ = add(list: [Int32(frame.slotCount)])
    } else {
      _ = add(list: [Int32(slots.count)] + slots)
    }
    let result = node(.block, syntax, a: items, b: Int32(list.count))
    if ownFrame { nodes[Int(result)].flags |= Node.ownFrame }
    return result
  }

  /// Operations whose value is the same in parentheses, and not of the sort that a path unpacks.
  private func giveAsTheyAre(_ index: Int32) -> Bool {
    let node = nodes[Int(index)]
    guard node.height < 1000, node.flags == 0 else { return false }
    switch node.operation {
    case .negate, .add, .subtract, .multiply, .divide, .remainder, .equal, .notEqual, .less, .lessOrEqual,
      .greater, .greaterOrEqual, .contained, .and, .or, .concatenate:
      return true
    default: return false
    }
  }

  private func bind(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let value = try compile(syntax.right)
    let name = syntax.left?.bytes ?? []
    var next: Scope? = scope
    while let scope = next {
      if let slot = scope.slots[name] {
        return node(.bind, syntax, a: slot, b: hops(to: scope.frame), c: value)
      }
      next = scope.parent
    }
    // The names `$` and `$$` cannot be bound anew in any way that could be seen.
    return value
  }

  // MARK: Functions

  private func call(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    var list: [Int32] = []
    for item in syntax.items { list.append(try compile(item)) }
    let start = add(list: [Int32(list.count)] + list)
    let token = name(procedureName(syntax.head))
    if !syntax.tailCall, let head = syntax.head, head.kind == .variable, head.predicates == nil,
      head.group == nil, !isDeclared(head.bytes), !externals.contains(head.symbol),
      let builtin = JSONataBuiltin.named(head.symbol, stepFunctions: options.stepFunctions)
    {
      if builtin == .now || builtin == .millis { usesClock = true }
      return node(.callBuiltin, syntax, a: Int32(builtin.rawValue), b: start, c: token)
    }
    let procedure = try compile(syntax.head)
    let result = node(.call, syntax, a: procedure, b: start, c: token)
    if syntax.tailCall { nodes[Int(result)].flags |= Node.tail }
    if bareName(syntax.head) { nodes[Int(result)].flags |= Node.bareName }
    return result
  }

  private func procedureName(_ syntax: JSONataSyntax?) -> String {
    guard let syntax else { return "" }
    return syntax.kind == .path ? syntax.items[0].symbol : syntax.symbol
  }

  /// A callee that is a name, where a variable of that name would be a function.
  private func bareName(_ syntax: JSONataSyntax?) -> Bool {
    guard let syntax, syntax.kind == .path, syntax.items[0].kind == .name else { return false }
    let first = syntax.items[0]
    return isDeclared(first.bytes)
      || JSONataBuiltin.named(first.symbol, stepFunctions: options.stepFunctions) != nil
      || externals.contains(first.symbol)
  }

  private func partial(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    var list: [Int32] = []
    for item in syntax.items { list.append(item.kind == .operator ? -1 : try compile(item)) }
    let start = add(list: [Int32(list.count)] + list)
    let procedure = try compile(syntax.head)
    let result = node(.partial, syntax, a: procedure, b: start, c: name(procedureName(syntax.head)))
    if bareName(syntax.head) { nodes[Int(result)].flags |= Node.bareName }
    return result
  }

  private func lambda(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let outer = (scope, frame, functionFrame, inLoop)
    frame = Frame(parent: frame)
    functionFrame = frame
    inLoop = false
    scope = Scope(frame: frame, function: functionFrame, parent: scope)
    defer { (scope, frame, functionFrame, inLoop) = outer }
    for parameter in syntax.items {
      // Of two parameters with one name the last counts.
      scope.slots[parameter.bytes] = frame.slot()
      scope.bound.insert(parameter.bytes)
    }
    if let body = syntax.then, body.kind != .block, body.kind != .lambda { declare(body.binds) }
    let body = try compile(syntax.then)
    var signature: Int32 = -1
    if let own = syntax.signature {
      signature = Int32(parameters.count)
      parameters += own.parameters
    }
    lambdas.append(
      .init(
        body: body, parameterCount: Int32(syntax.items.count), slotCount: Int32(frame.slotCount),
        signature: signature, signatureCount: Int32(syntax.signature?.parameters.count ?? 0),
        keepsFrame: syntax.then?.holdsFunction ?? false))
    return node(.lambda, syntax, a: Int32(lambdas.count - 1))
  }

  private func transform(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let clone = variable(Array("clone".utf8), from: scope, syntax)
    let (pattern, update, delete) = try repeated { () throws(JSONataError) -> (Int32, Int32, Int32) in
      let pattern = try compile(syntax.head)
      let update = try compile(syntax.then)
      return (pattern, update, syntax.otherwise == nil ? -1 : try compile(syntax.otherwise))
    }
    transforms.append(
      .init(
        pattern: pattern, update: update, delete: delete, clone: clone,
        position: Int32(clamping: syntax.position),
        updatePosition: Int32(clamping: syntax.then?.position ?? 0),
        deletePosition: Int32(clamping: syntax.otherwise?.position ?? 0)))
    return node(.transform, syntax, a: Int32(transforms.count - 1))
  }

  private func apply(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    let left = try compile(syntax.left)
    if let right = syntax.right, right.kind == .function {
      right.tailCall = false
      // The call itself, without what its brackets would do to a plain call.
      let target = try compileBare(right)
      return node(.applyCall, syntax, a: left, b: target)
    }
    return node(.apply, syntax, a: left, b: try compile(syntax.right))
  }

  // MARK: Paths

  private func path(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32 {
    if let index = try splitExternal(syntax) { return index }
    let outer = scope
    var columns: [Int32] = []
    if syntax.items.contains(where: { $0.tuple }) {
      scope = Scope(frame: functionFrame, function: functionFrame, parent: scope)
      for step in syntax.items { collect(columnsOf: step, into: &columns, isInner: false) }
    }
    defer { scope = outer }
    var compiled: [JSONataProgram.Step] = []
    var hasTuples = false
    for (index, step) in syntax.items.enumerated() {
      if step.tuple { hasTuples = true }
      if index == 0 {
        let before = inLoop
        inLoop = true
        defer { inLoop = before }
        compiled.append(try self.step(step, columns))
      } else {
        compiled.append(
          try repeated { () throws(JSONataError) -> JSONataProgram.Step in try self.step(step, columns) })
      }
    }
    var group: Int32 = -1
    if let own = syntax.group {
      group = try repeated { () throws(JSONataError) -> Int32 in try compile(group: own) }
    }
    let start = Int32(steps.count)
    steps += compiled
    let columnStart = add(list: columns)
    paths.append(
      .init(
        identity: Int32(paths.count), steps: start, stepCount: Int32(compiled.count), group: group,
        columns: columnStart,
        columnCount: Int32(columns.count), keepSingleton: syntax.keepSingletonArray,
        keepsTuples: syntax.tuple, startsWithVariable: syntax.items[0].kind == .variable,
        hasTuples: hasTuples))
    let index = Int32(paths.count - 1)
    if let simple = fieldPath(syntax, compiled, index) { return simple }
    return node(.path, syntax, a: index)
  }

  /// `$states.input` and the like: a variable that the caller hands over by itself. The
  /// rest of the path is compiled as one that starts with it.
  private func splitExternal(_ syntax: JSONataSyntax) throws(JSONataError) -> Int32? {
    let first = syntax.items[0]
    guard first.kind == .variable, options.split.contains(first.symbol), !isDeclared(first.bytes),
      syntax.items.count >= 2, isPlain(first)
    else { return nil }
    let second = syntax.items[1]
    guard second.kind == .name, second.focus == nil, second.index == nil, second.ancestor == nil else {
      return nil
    }
    let variable = JSONataSyntax(
      .variable, symbol: first.symbol + "." + second.symbol, position: second.position,
      bytes: first.bytes + [UInt8(ascii: ".")] + second.bytes)
    variable.keepArray = second.keepArray
    variable.range = first.range.lowerBound..<max(first.range.lowerBound, second.range.upperBound)
    if let stages = second.stages {
      // Predicates belong to the variable now.
      var predicates: [JSONataSyntax] = []
      for case .filter(let predicate) in stages { predicates.append(predicate) }
      guard predicates.count == stages.count else { return nil }
      variable.predicates = predicates
    }
    if syntax.items.count == 2 && syntax.group == nil && !syntax.keepSingletonArray && !syntax.keepArray {
      return try compile(variable)
    }
    if syntax.items.count == 2 { return nil }
    syntax.items.removeSubrange(0...1)
    syntax.items.insert(variable, at: 0)
    return try splitExternal(syntax)
  }

  private func isPlain(_ step: JSONataSyntax) -> Bool {
    step.predicates == nil && step.stages == nil && step.group == nil && step.focus == nil
      && step.index == nil && step.ancestor == nil && !step.keepArray && !step.tuple
  }

  /// A path of nothing but names behind a variable or the context: no items to go through
  /// as long as no array is met.
  private func fieldPath(
    _ syntax: JSONataSyntax, _ compiled: [JSONataProgram.Step], _ index: Int32
  ) -> Int32? {
    guard syntax.group == nil, !syntax.keepSingletonArray, !syntax.keepArray, !syntax.tuple,
      !options.traces
    else { return nil }
    let first = syntax.items[0]
    guard isPlain(first), first.kind == .variable || first.kind == .name else { return nil }
    for step in syntax.items.dropFirst() where step.kind != .name || !isPlain(step) { return nil }
    var keys: [Value] = []
    for (step, record) in zip(syntax.items, compiled) where step.kind == .name {
      keys.append(constants[Int(record.key)])
    }
    let start = Int32(constants.count)
    constants += keys
    let base: Int32 = first.kind == .variable ? compiled[0].node : -1
    var result = Node(operation: .fieldPath, a: base, b: start, c: Int32(keys.count), position: index)
    result.height = 0
    return add(result)
  }

  private func step(
    _ syntax: JSONataSyntax, _ columns: [Int32]
  ) throws(JSONataError) -> JSONataProgram.Step {
    var step = JSONataProgram.Step(node: -1, position: Int32(clamping: syntax.position))
    if syntax.kind == .sort {
      var list: [JSONataProgram.Term] = []
      for term in syntax.terms {
        let index = try repeated { () throws(JSONataError) -> Int32 in try compile(term.expression) }
        list.append(.init(node: index, descending: term.descending))
      }
      step.terms = Int32(terms.count)
      step.termCount = Int32(list.count)
      terms += list
    } else {
      step.node = try compile(syntax)
      if nodes[Int(step.node)].operation == .name { step.key = nodes[Int(step.node)].a }
      let first = nodes[Int(step.node)]
      if first.operation == .context, first.flags == 0, !options.traces {
        step.key = JSONataProgram.Step.itself
      }
    }
    step.constructed = syntax.consArray && syntax.isArrayConstructor
    step.tuple = syntax.tuple
    func column(_ slot: Int32?) -> Int32 {
      guard let slot, let index = columns.firstIndex(of: slot) else { return -1 }
      return Int32(index)
    }
    if let focus = syntax.focus { step.focus = column(scope.slots[focus]) }
    if let index = syntax.index { step.index = column(scope.slots[index]) }
    if let ancestor = syntax.ancestor { step.ancestor = column(ancestorSlot(ancestor.label)) }
    (step.stages, step.stageCount) = try compile(stages: syntax.stages ?? [], columns: columns)
    return step
  }

  private func compile(
    stages list: [JSONataSyntax.Stage], columns: [Int32]
  ) throws(JSONataError) -> (start: Int32, count: Int32) {
    var compiled: [JSONataProgram.Stage] = []
    for stage in list {
      switch stage {
      case .filter(let predicate):
        let index = try repeated { () throws(JSONataError) -> Int32 in try compile(predicate) }
        var stage = JSONataProgram.Stage(node: index)
        if predicate.kind == .number && predicate.predicates == nil && predicate.group == nil {
          stage.isIndex = true
          stage.literal = Int64(max(min(predicate.value.number.rounded(.down), 4e18), -4e18))
        }
        compiled.append(stage)
      case .index(let name):
        let column = scope.slots[name].flatMap { columns.firstIndex(of: $0) } ?? -1
        compiled.append(.init(node: -1, column: Int32(column)))
      }
    }
    let start = Int32(stages.count)
    stages += compiled
    return (start, Int32(compiled.count))
  }

  /// The slots that the rows of a path carry: its own focus, position and ancestor
  /// bindings, and those of paths in parentheses that pass theirs on.
  private func collect(columnsOf step: JSONataSyntax, into columns: inout [Int32], isInner: Bool) {
    func add(_ slot: Int32) {
      if !columns.contains(slot) { columns.append(slot) }
    }
    func named(_ name: [UInt8]) {
      if scope.slots[name] == nil { scope.slots[name] = innerSlot(name) ?? functionFrame.slot() }
      if isInner { scope.inner.insert(name) }
      if let slot = scope.slots[name] { add(slot) }
    }
    if let focus = step.focus { named(focus) }
    if let index = step.index { named(index) }
    if let ancestor = step.ancestor { add(ancestorSlot(ancestor.label)) }
    for case .index(let name) in step.stages ?? [] { named(name) }
    switch step.kind {
    case .block where step.tuple:
      if let last = step.items.last { collect(columnsOf: last, into: &columns, isInner: true) }
    case .path where step.tuple:
      for inner in step.items { collect(columnsOf: inner, into: &columns, isInner: true) }
    default: break
    }
  }

  /// The slot that a path around has set aside for a name bound in here.
  private func innerSlot(_ name: [UInt8]) -> Int32? {
    var next = scope.parent
    while let scope = next, scope.frame === functionFrame {
      if scope.inner.contains(name) { return scope.slots[name] }
      next = scope.parent
    }
    return nil
  }
}
