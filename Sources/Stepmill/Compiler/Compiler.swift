// Definition → Program.
//
// The definition has been checked, so compilation does not fail: what could still be wrong
// (a path without a value, an intrinsic with bad arguments) is a matter of run time. One
// pass over the tree; a machine's states get consecutive ops, so following `Next` walks
// forward in memory for definitions written in order.

struct Compiler: ~Copyable {
  var builder = ProgramBuilder()
  let source: SourceText
  /// The programs of all JSONata expressions, by their text.
  let programs: [String: JSONataProgram]
  /// The query language of the state being compiled.
  private(set) var language = QueryLanguage.jsonPath
  /// What is being compiled is evaluated where the item of a Map is at hand: in its ItemSelector, or
  /// within its iterations.
  private var hasItem = false
  /// The `Resource` of the state being compiled, if that is a Task.
  private var resourceInHand: String?
  /// The scopes around the machine being compiled, outermost first.
  private var scopes: [Scope] = []

  private struct Scope {
    var slots: [String: UInt32] = [:]
    /// Those of the names that are names of JSONata's functions, here and outside.
    var shadowing: [String] = []
  }

  /// The variables in sight whose names are names of JSONata's functions.
  var shadowingNames: [String] { scopes.last?.shadowing ?? [] }

  private init(_ source: SourceText, _ programs: [String: JSONataProgram]) {
    self.source = source
    self.programs = programs
    builder.programs = Array(programs.values)
  }

  static func compile(_ definition: Definition) -> Program {
    var compiler = Compiler(definition.source, definition.expressions)
    compiler.builder.timeoutSeconds = definition.timeoutSeconds
    compiler.builder.comment = definition.comment
    compiler.builder.reserve(states: definition.machine.states.count)
    _ = compiler.machine(definition.machine)
    return compiler.finish()
  }

  private consuming func finish() -> Program { Program(building: builder) }

  /// Compiles a machine that sees nothing of what is around it to a program of its own.
  func program(of machine: Machine) -> Program {
    var compiler = Compiler(source, programs)
    _ = compiler.machine(machine)
    return compiler.finish()
  }

  // MARK: Machines and states

  /// Compiles a `States` object; returns its index in `machines`.
  private mutating func machine(_ machine: Machine) -> UInt32 {
    var scope = Scope()
    for index in machine.states.indices where machine.states[index].assigns {
      for name in machine.states[index].assignedNames where scope.slots[name] == nil {
        scope.slots[name] = UInt32(scope.slots.count)
      }
    }
    scope.shadowing = shadowingNames
    if !scope.slots.isEmpty {
      let functions = scope.slots.keys.filter { JSONataBuiltin.named($0, stepFunctions: true) != nil }
      if !functions.isEmpty { scope.shadowing = Set(functions + shadowingNames).sorted() }
    }
    scopes.append(scope)
    defer { scopes.removeLast() }

    let index = UInt32(builder.machines.count)
    let first = UInt32(builder.ops.count)
    var positions = NameIndex(minimumCapacity: machine.states.count)
    for offset in machine.states.indices {
      _ = positions.insert(machine.states[offset].name, first + UInt32(offset))
    }
    builder.machines.append(
      MachineOp(
        start: positions[machine.startAt.value] ?? 0, firstOp: first, opCount: UInt32(machine.states.count),
        variableCount: UInt32(scope.slots.count),
        depth: UInt32(scopes.count - 1)))
    let blank = builder.ops[0]
    builder.ops.append(contentsOf: repeatElement(blank, count: machine.states.count))
    // By index: a state's definition is large, and copying it is a tenth of compiling.
    for offset in machine.states.indices {
      let op = self.state(machine.states[offset], positions: positions)
      builder.ops[Int(first) + offset] = op
    }
    return index
  }

  private mutating func state(_ state: StateDefinition, positions: NameIndex) -> Op {
    var op = builder.ops[0]
    op.name = UInt32(builder.names.count)
    builder.names.append(builder.string(state.name))
    if case .next(let target) = state.transition { op.next = positions[target.value] ?? 0 }
    resourceInHand = nil
    if case .task(let task) = state.kind { resourceInHand = task.resource.value }
    op.inputPath = path(state.inputPath, field: "InputPath")
    op.outputPath = path(state.outputPath, field: "OutputPath")
    language = state.queryLanguage
    if language == .jsonata { op.flags.insert(.jsonata) }
    if let parameters = state.parameters { op.parameters = template(parameters, field: "Parameters") }
    if let arguments = state.arguments { op.parameters = template(arguments, field: "Arguments") }
    if let selector = state.resultSelector { op.resultSelector = template(selector, field: "ResultSelector") }
    if let output = state.output { op.resultSelector = template(output, field: "Output") }
    op.resultPath = reference(state.resultPath)
    op.assign = assign(state.assign, field: "Assign")
    op.policy = policy(state, positions: positions)

    switch state.kind {
    case .pass(let pass): self.pass(pass, &op)
    case .task(let task): self.task(task, &op)
    case .choice(let choice): self.choice(choice, positions: positions, &op)
    case .wait(let wait): self.wait(wait, &op)
    case .succeed:
      op.code = .succeed
      op.type = .succeed
    case .fail(let fail): self.fail(fail, &op)
    case .parallel(let branches): parallel(branches, &op)
    case .map(let map): self.map(map, of: state, &op)
    }

    // The way of a JSONata Choice is always the longer one.
    if op.inputPath == 0 && !(op.code == .choice && op.flags.contains(.jsonata)) {
      op.flags.insert(.plainInput)
    }
    if op.outputPath == 0 && op.resultPath == 0 && op.resultSelector == 0 { op.flags.insert(.plainOutput) }
    if op.code == .passData, op.flags.isSuperset(of: .plain), !op.flags.contains(.jsonata),
      op.parameters != 0, op.a == 0, op.assign == 0
    {
      op.flags.insert(.parametersOnly)
    }
    return op
  }

  private mutating func pass(_ pass: PassDefinition, _ op: inout Op) {
    op.type = .pass
    if let result = pass.result {
      // The size of the written result stands behind it.
      let value = builder.value(of: result, in: source)
      op.a = builder.constant(value)
      _ = builder.constant(.integer(Int64(value.serializedSize)))
    }
    let isPlain =
      op.inputPath == 0 && op.parameters == 0 && op.resultPath == 0 && op.outputPath == 0 && op.assign == 0
      && op.resultSelector == 0 && op.a == 0
    op.code = isPlain ? .pass : .passData
  }

  private mutating func task(_ task: TaskDefinition, _ op: inout Op) {
    op.code = .task
    op.type = .task
    let resource = builder.taskResource(task.resource.value)
    var entry = builder.tasks[0]
    entry.style = resource.style
    entry.waitsForToken = resource.waitsForToken
    entry.handler = builder.resource(task.resource.value)
    entry.resource = builder.constant(task.resource.value)
    entry.resourceType = builder.constant(resource.type)
    entry.resourceAction = builder.constant(resource.action)
    (entry.timeout, entry.timeoutIsPath) = number(task.timeout, field: "TimeoutSeconds")
    (entry.heartbeat, entry.heartbeatIsPath) = number(task.heartbeat, field: "HeartbeatSeconds")
    if let credentials = task.credentials {
      entry.credentials = template(credentials, field: "Credentials")
    }
    op.a = UInt32(builder.tasks.count)
    builder.tasks.append(entry)
  }

  private mutating func wait(_ wait: WaitDefinition, _ op: inout Op) {
    op.code = .wait
    op.type = .wait
    switch wait {
    case .seconds(let seconds):
      op.b = WaitMode.seconds.rawValue
      op.a = builder.constant(.integer(Int64(seconds.value)))
    case .secondsPath(let path):
      op.b = WaitMode.secondsPath.rawValue
      op.a = self.path(path.value, field: "SecondsPath")
    case .timestamp(let timestamp):
      op.b = WaitMode.timestamp.rawValue
      op.a = builder.constant(timestamp.value)
    case .timestampPath(let path):
      op.b = WaitMode.timestampPath.rawValue
      op.a = self.path(path.value, field: "TimestampPath")
    case .secondsExpression(let text):
      op.b = WaitMode.secondsExpression.rawValue
      op.a = expression(text.value, field: "Seconds")
    case .timestampExpression(let text):
      op.b = WaitMode.timestampExpression.rawValue
      op.a = expression(text.value, field: "Timestamp")
    }
  }

  private mutating func fail(_ fail: FailDefinition, _ op: inout Op) {
    op.code = .fail
    op.type = .fail
    let error: TextSource
    let cause: TextSource
    (op.a, error) = text(fail.error, field: "Error")
    (op.b, cause) = text(fail.cause, field: "Cause")
    if error == .path { op.flags.insert(.errorIsPath) }
    if error == .call { op.flags.insert(.errorIsCall) }
    if cause == .path { op.flags.insert(.causeIsPath) }
    if cause == .call { op.flags.insert(.causeIsCall) }
  }

  private mutating func parallel(_ branches: [Machine], _ op: inout Op) {
    op.code = .parallel
    op.type = .parallel
    // The branches' machines must be neighbours, while compiling one may append machines
    // nested in it: so compile first, then list them in a row.
    var compiled: [UInt32] = []
    for branch in branches { compiled.append(machine(branch)) }
    op.a = UInt32(builder.machines.count)
    op.b = UInt32(compiled.count)
    for index in compiled { builder.machines.append(builder.machines[Int(index)]) }
  }

  private mutating func map(_ map: MapDefinition, of state: StateDefinition, _ op: inout Op) {
    op.code = .map
    op.type = .map
    var entry = builder.maps[0]
    entry.itemsPath = path(map.itemsPath, field: "ItemsPath")
    if let selector = map.itemSelector {
      entry.itemSelector = withItem { $0.template(selector, field: "ItemSelector") }
    }
    if let items = map.items { entry.items = template(items, field: "Items") }
    switch map.maxConcurrency {
    case .literal(let bound): entry.maxConcurrency = UInt32(clamping: bound.value)
    case .path(let path): entry.maxConcurrencyPath = self.path(path.value, field: "MaxConcurrencyPath")
    case .expression(let text):
      entry.maxConcurrencyPath = expression(text.value, field: "MaxConcurrency")
    case nil: break
    }
    if map.isDistributed {
      builder.distributedMaps.append(distributed(map, state: state.name))
      entry.distributed = UInt32(builder.distributedMaps.count)
    } else {
      entry.machine = withItem { $0.machine(map.processor) }
    }
    op.a = UInt32(builder.maps.count)
    builder.maps.append(entry)
  }

  /// Compiles what is evaluated with the item of a Map at hand.
  private mutating func withItem(_ compile: (inout Compiler) -> UInt32) -> UInt32 {
    let outer = hasItem
    hasItem = true
    defer { hasItem = outer }
    return compile(&self)
  }

  // MARK: Choice

  private mutating func choice(
    _ choice: ChoiceDefinition, positions: NameIndex, _ op: inout Op
  ) {
    op.code = .choice
    op.type = .choice
    // Rules are laid out from the last to the first: by then it is known where to go when
    // one does not match.
    let exit: UInt32
    if let target = choice.defaultState {
      exit = self.exit(
        ChoiceExit(
          next: positions[target.value] ?? 0, assign: op.assign, output: op.resultSelector, isDeadEnd: false))
    } else {
      exit = 0
    }
    var otherwise = ~Int32(exit)
    for index in choice.rules.indices.reversed() {
      let rule = choice.rules[index]
      // Only texts about expressions name the field.
      let place = language == .jsonata ? "Choices[\(index)]" : ""
      let output = rule.output.map { template($0, field: place + "/Output") } ?? 0
      let matched = self.exit(
        ChoiceExit(
          next: positions[rule.next.value] ?? 0,
          assign: rule.assign.map { assign($0, field: place + "/Assign") } ?? 0,
          output: output, isDeadEnd: false))
      otherwise = condition(
        rule.condition, field: language == .jsonata ? place + "/Condition" : "", onTrue: ~Int32(matched),
        onFalse: otherwise)
    }
    op.a = UInt32(bitPattern: otherwise)
    op.b = exit
  }

  private mutating func exit(_ exit: ChoiceExit) -> UInt32 {
    builder.exits.append(exit)
    return UInt32(builder.exits.count - 1)
  }

  /// Lays out the tests of a condition; returns where its evaluation starts.
  private mutating func condition(
    _ condition: Condition, field: String, onTrue: Int32, onFalse: Int32
  ) -> Int32 {
    switch condition {
    case .and(let conditions):
      var target = onTrue
      for part in conditions.reversed() {
        target = self.condition(part, field: field, onTrue: target, onFalse: onFalse)
      }
      return target
    case .or(let conditions):
      var target = onFalse
      for part in conditions.reversed() {
        target = self.condition(part, field: field, onTrue: onTrue, onFalse: target)
      }
      return target
    case .not(let inner):
      return self.condition(inner, field: field, onTrue: onFalse, onFalse: onTrue)
    case .literal(let value):
      return value ? onTrue : onFalse
    case .compare(let comparison):
      builder.tests.append(test(comparison, onTrue: onTrue, onFalse: onFalse))
      return Int32(builder.tests.count - 1)
    case .expression(let text):
      builder.tests.append(
        ChoiceTest(
          comparator: .condition, operandIsPath: false, path: expression(text.value, field: field),
          onTrue: onTrue, onFalse: onFalse, operand: .missing, nanoseconds: 0))
      return Int32(builder.tests.count - 1)
    }
  }

  private mutating func test(_ comparison: Comparison, onTrue: Int32, onFalse: Int32) -> ChoiceTest {
    var test = ChoiceTest(
      comparator: ComparatorCode(comparison.comparator), operandIsPath: comparison.operandIsPath,
      path: path(comparison.variable.value, field: "Variable"), onTrue: onTrue, onFalse: onFalse,
      operand: .missing, nanoseconds: 0)
    if comparison.operandIsPath {
      let operand = path(comparison.operand.text ?? "$", field: comparison.comparator.rawValue + "Path")
      test.operand = .integer(Int64(operand))
      return test
    }
    let value = builder.value(of: comparison.operand, in: source)
    test.operand = value
    switch comparison.comparator {
    case .timestampEquals, .timestampLessThan, .timestampGreaterThan, .timestampLessThanEquals,
      .timestampGreaterThanEquals:
      if value.isString, let timestamp = Timestamp.parse(value.bytes) {
        test.operand = .integer(timestamp.seconds)
        test.nanoseconds = timestamp.nanoseconds
      }
    case .isNull, .isPresent, .isNumeric, .isString, .isBoolean, .isTimestamp:
      // `IsX: false` is the exact inverse.
      if value.tag == .false { swap(&test.onTrue, &test.onFalse) }
    default:
      break
    }
    return test
  }

  // MARK: Errors

  private mutating func policy(_ state: StateDefinition, positions: NameIndex) -> UInt32 {
    guard !state.retriers.isEmpty || !state.catchers.isEmpty else { return 0 }
    let policy = ErrorPolicy(
      firstRetrier: UInt32(builder.retriers.count), retrierCount: UInt32(state.retriers.count),
      firstCatcher: UInt32(builder.catchers.count), catcherCount: UInt32(state.catchers.count))
    for retrier in state.retriers {
      let names = errorNames(retrier.errorEquals)
      builder.retriers.append(
        RetrierOp(
          firstName: names.first, nameCount: names.count, maxAttempts: UInt32(clamping: retrier.maxAttempts),
          fullJitter: retrier.fullJitter, intervalSeconds: Double(retrier.intervalSeconds),
          backoffRate: retrier.backoffRate,
          maxDelaySeconds: retrier.maxDelaySeconds.map(Double.init) ?? .infinity))
    }
    for (index, catcher) in state.catchers.enumerated() {
      let names = errorNames(catcher.errorEquals)
      let place = language == .jsonata ? "Catch[\(index)]" : ""
      builder.catchers.append(
        CatcherOp(
          firstName: names.first, nameCount: names.count, next: positions[catcher.next.value] ?? 0,
          resultPath: reference(catcher.resultPath),
          assign: catcher.assign.map { assign($0, field: place + "/Assign") } ?? 0,
          output: catcher.output.map { template($0, field: place + "/Output") } ?? 0))
    }
    builder.policies.append(policy)
    return UInt32(builder.policies.count - 1)
  }

  private mutating func errorNames(_ names: [String]) -> (first: UInt32, count: UInt32) {
    let first = UInt32(builder.errorNames.count)
    for name in names { builder.errorNames.append(builder.string(name)) }
    return (first, UInt32(names.count))
  }

  // MARK: Paths

  private mutating func path(_ field: PathField, field name: String) -> UInt32 {
    switch field {
    case .absent: return 0
    case .null:
      return add(
        PathOp(root: .data, kind: .empty, depth: 0, slot: 0, first: 0, count: 0, text: 0, field: 0))
    case .path(let path):
      return path.value == "$" ? 0 : self.path(path.value, field: name)
    }
  }

  mutating func add(_ path: PathOp) -> UInt32 {
    builder.paths.append(path)
    return UInt32(builder.paths.count - 1)
  }

  mutating func path(_ text: String, field: String) -> UInt32 {
    guard let path = builder.knownPath(text) else {
      preconditionFailure("BUG in Stepmill (please report): the path \(text) was checked and does not parse")
    }
    if path.executionInput != .none, mayReadInput(path.executionInput) { builder.readsExecutionInput = true }
    var op = PathOp(
      root: path.root, kind: path.kind, depth: 0, slot: 0, first: path.first, count: path.count,
      text: path.text, field: builder.constant(field))
    if let variable = path.variable { (op.depth, op.slot) = resolve(variable) }
    if op.root == .data, op.kind == .fields, op.count == 1 { op.kind = .field }
    return add(op)
  }

  private mutating func mayReadInput(_ use: ExecutionInputUse) -> Bool {
    switch use {
    case .none: false
    case .everywhere: true
    case .outsideIterations: !hasItem
    case .withoutToken: resourceInHand.map { !builder.taskResource($0).waitsForToken } ?? true
    }
  }

  /// Where a variable lives: how many scopes up and which slot. One that nothing around
  /// assigns gets a slot that no scope has.
  func resolve(_ name: String) -> (depth: UInt16, slot: UInt32) {
    for (depth, scope) in scopes.reversed().enumerated() {
      if let slot = scope.slots[name] { return (UInt16(clamping: depth), slot) }
    }
    return (0, .max)
  }

  private mutating func reference(_ field: PathField) -> UInt32 {
    switch field {
    case .absent: return 0
    case .null: return ReferenceOp.discard
    case .path(let path):
      guard path.value != "$", let known = builder.knownPath(path.value), known.count > 0 else { return 0 }
      precondition(
        known.kind == .fields || known.kind == .steps,
        "BUG in Stepmill (please report): \(path.value) is no reference path")
      builder.references.append(ReferenceOp(first: known.first, count: known.count, text: known.text))
      return UInt32(builder.references.count - 1)
    }
  }

  private mutating func number(_ field: NumberField?, field name: String) -> (UInt32, Bool) {
    switch field {
    case .literal(let number): (UInt32(clamping: number.value), false)
    case .path(let path): (self.path(path.value, field: name + "Path"), true)
    case .expression(let text): (expression(text.value, field: name), true)
    case nil: (0, false)
    }
  }

  private enum TextSource { case constant, path, call }

  private mutating func text(_ field: TextField?, field name: String) -> (UInt32, TextSource) {
    switch field {
    case .literal(let text): return (builder.constant(text.value), .constant)
    case .path(let text):
      if text.value.utf8.first == UInt8(ascii: "$") {
        return (path(text.value, field: name + "Path"), .path)
      }
      return (call(text.value), .call)
    case .expression(let text): return (expression(text.value, field: name), .call)
    case nil: return (0, .constant)
    }
  }

  // MARK: Templates

  /// Compiles a payload template, or a JSONata field; returns its root in `templates`.
  mutating func template(_ node: SyntaxNode, field: String) -> UInt32 {
    let index = builder.templates.count
    emit(node, key: .missing, field: field)
    return UInt32(index)
  }

  /// - Parameter field: Where the node stands in its state, as texts about expressions say it; for others it is
  ///   not worked out.
  private mutating func emit(_ node: SyntaxNode, key: Value, field: String) {
    if language == .jsonata, let text = node.text, ExpressionText.isDelimited(text) {
      let index = expression(text, field: field)
      builder.templates.append(
        TemplateNode(
          key: key, kind: .expression, index: index, extent: 1, bytes: builder.writtenSize(of: key)))
      return
    }
    if !(language == .jsonata ? node.holdsExpression : node.holdsTemplate) {
      let constant = builder.constant(builder.value(of: node, in: source))
      let bytes = builder.writtenSize(of: key) + UInt32(builder.constants[Int(constant)].serializedSize)
      builder.templates.append(
        TemplateNode(key: key, kind: .constant, index: constant, extent: 1, bytes: bytes))
      return
    }
    let index = builder.templates.count
    builder.templates.append(
      TemplateNode(key: key, kind: .object, index: 0, extent: 1, bytes: builder.writtenSize(of: key) + 2))
    switch node.kind {
    case .object(let members):
      for member in members { emitMember(member, field: field) }
      builder.templates[index].index = UInt32(members.count)
    case .array(let elements):
      builder.templates[index].kind = .array
      for (index, element) in elements.enumerated() {
        emit(element, key: .missing, field: language == .jsonata ? "\(field)[\(index)]" : field)
      }
      builder.templates[index].index = UInt32(elements.count)
    case .null, .bool, .number, .string:
      preconditionFailure("BUG in Stepmill (please report): a scalar cannot hold a template")
    }
    builder.templates[index].extent = UInt32(builder.templates.count - index)
  }

  private mutating func emitMember(_ member: SyntaxMember, field: String) {
    guard language == .jsonPath, member.isEvaluated, let text = member.value.text else {
      let key = builder.string(member.name)
      emit(member.value, key: key, field: language == .jsonata ? "\(field)/\(member.name)" : field)
      return
    }
    let key = builder.string(member.variableName)
    var node = TemplateNode(
      key: key, kind: .path, index: 0, extent: 1, bytes: builder.writtenSize(of: key))
    if text.utf8.first == UInt8(ascii: "$") {
      node.index = path(text, field: member.name)
    } else {
      node.kind = .call
      node.index = call(text)
    }
    builder.templates.append(node)
  }

  /// Compiles an intrinsic call; returns its index in `calls`.
  private mutating func call(_ text: String) -> UInt32 {
    do {
      return call(try IntrinsicCall.parse(text))
    } catch {
      preconditionFailure("BUG in Stepmill (please report): \(text) was checked and does not parse")
    }
  }

  private mutating func call(_ call: IntrinsicCall) -> UInt32 {
    var arguments: [ArgumentOp] = []
    for argument in call.arguments { arguments.append(self.argument(argument)) }
    var template: UInt32 = 0
    if call.function == .format, case .string(let literal)? = call.arguments.first,
      let pieces = literal.template
    {
      template = formatTemplate(pieces)
    }
    let first = UInt32(builder.arguments.count)
    builder.arguments.append(contentsOf: arguments)
    var op = CallOp(
      function: call.function, count: UInt16(clamping: arguments.count), first: first,
      text: builder.constant(call.text), template: template)
    if call.function == .mathAdd, arguments.count == 2, arguments[0].kind == .path,
      arguments[1].kind == .constant
    {
      let path = builder.paths[Int(arguments[0].index)]
      let number = builder.constants[Int(arguments[1].index)]
      if path.kind == .field, number.tag == .integer, let addend = Int32(exactly: number.integerValue) {
        (op.addend, op.counter) = (addend, path.first)
      }
    }
    builder.calls.append(op)
    return UInt32(builder.calls.count - 1)
  }

  /// A template of `States.Format` that the definition holds: its pieces as constants in a
  /// row, behind their number.
  private mutating func formatTemplate(_ template: FormatTemplate) -> UInt32 {
    let pieces = template.pieces.map { builder.string($0) }
    let index = builder.constant(.integer(Int64(pieces.count)))
    for piece in pieces { _ = builder.constant(piece) }
    return index
  }

  private mutating func argument(_ argument: IntrinsicCall.Argument) -> ArgumentOp {
    switch argument {
    case .string(let literal):
      ArgumentOp(kind: .constant, index: builder.constant(builder.string(literal.text)))
    case .number(let text): ArgumentOp(kind: .constant, index: builder.constant(builder.number(text)))
    case .bool(let value): ArgumentOp(kind: .constant, index: builder.constant(.bool(value)))
    case .null: ArgumentOp(kind: .constant, index: builder.constant(.null))
    case .path(let text): ArgumentOp(kind: .path, index: path(text, field: text))
    case .call(let inner): ArgumentOp(kind: .call, index: call(inner))
    }
  }

  /// Compiles an `Assign`; 0 where there is nothing to assign.
  private mutating func assign(_ node: SyntaxNode?, field: String) -> UInt32 {
    guard let node, let members = node.members, !members.isEmpty else { return 0 }
    let template = assignTemplate(members, field: field)
    let first = UInt32(builder.assignSlots.count)
    for member in members {
      builder.assignSlots.append(scopes[scopes.count - 1].slots[member.variableName] ?? 0)
    }
    builder.assigns.append(AssignOp(template: template, firstSlot: first, count: UInt32(members.count)))
    return UInt32(builder.assigns.count - 1)
  }

  /// Like `template`, but the top level stays a list of members even when all are constant.
  private mutating func assignTemplate(_ members: SyntaxMembers, field: String) -> UInt32 {
    let index = builder.templates.count
    builder.templates.append(
      TemplateNode(
        key: .missing, kind: .object, index: UInt32(members.count), extent: 1, bytes: 2))
    for member in members { emitMember(member, field: field) }
    builder.templates[index].extent = UInt32(builder.templates.count - index)
    return UInt32(index)
  }
}

extension SyntaxMember {
  /// A member of a template whose value is a path or a call.
  fileprivate var isEvaluated: Bool { isDynamic && value.text != nil }

  /// The variable that this member of an `Assign` sets.
  fileprivate var variableName: String {
    isDynamic ? String(name.utf8.dropLast(2)) ?? name : name
  }
}

extension SyntaxNode {
  /// True when some object at or below this node has a key that ends in `.$`.
  fileprivate var holdsTemplate: Bool {
    switch kind {
    case .object(let members): members.contains { $0.isDynamic || $0.value.holdsTemplate }
    case .array(let elements): elements.contains { $0.holdsTemplate }
    case .null, .bool, .number, .string: false
    }
  }
}

extension SyntaxNode {
  /// True when some string at or below this node is a JSONata expression.
  fileprivate var holdsExpression: Bool {
    switch kind {
    case .object(let members): members.contains { $0.value.holdsExpression }
    case .array(let elements): elements.contains { $0.holdsExpression }
    case .string(let text): ExpressionText.isDelimited(text)
    case .null, .bool, .number: false
    }
  }
}

extension StateDefinition {
  /// True if `assignedNames` can have any.
  fileprivate var assigns: Bool {
    if assign != nil { return true }
    for catcher in catchers where catcher.assign != nil { return true }
    guard case .choice(let choice) = kind else { return false }
    return choice.rules.contains { $0.assign != nil }
  }

  /// The names that the state itself, its rules and its catchers assign.
  fileprivate var assignedNames: [String] {
    var nodes = [assign]
    if case .choice(let choice) = kind { nodes += choice.rules.map(\.assign) }
    nodes += catchers.map(\.assign)
    return nodes.flatMap { $0?.members?.map(\.variableName) ?? [] }
  }
}

extension ComparatorCode {
  init(_ comparator: Comparator) {
    switch comparator {
    case .stringEquals: self = .stringEquals
    case .stringLessThan: self = .stringLess
    case .stringGreaterThan: self = .stringGreater
    case .stringLessThanEquals: self = .stringLessOrEqual
    case .stringGreaterThanEquals: self = .stringGreaterOrEqual
    case .stringMatches: self = .stringMatches
    case .numericEquals: self = .numericEquals
    case .numericLessThan: self = .numericLess
    case .numericGreaterThan: self = .numericGreater
    case .numericLessThanEquals: self = .numericLessOrEqual
    case .numericGreaterThanEquals: self = .numericGreaterOrEqual
    case .booleanEquals: self = .booleanEquals
    case .timestampEquals: self = .timestampEquals
    case .timestampLessThan: self = .timestampLess
    case .timestampGreaterThan: self = .timestampGreater
    case .timestampLessThanEquals: self = .timestampLessOrEqual
    case .timestampGreaterThanEquals: self = .timestampGreaterOrEqual
    case .isNull: self = .isNull
    case .isPresent: self = .isPresent
    case .isNumeric: self = .isNumeric
    case .isString: self = .isString
    case .isBoolean: self = .isBoolean
    case .isTimestamp: self = .isTimestamp
    }
  }
}
