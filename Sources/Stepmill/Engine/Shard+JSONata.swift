// States whose query language is JSONata.
//
// Such a state has one input, `$states.input`, which stays what it is for as long as the
// state lasts. What it evaluates before its work are templates like those of JSONPath states,
// with expressions where those have paths; what it gives out is `Output`, and what it assigns
// `Assign`, both evaluated against the variables as they were when it was entered.
//
// An expression that fails, gives nothing or gives what does not fit its field is a
// `States.QueryEvaluationError`: one that Retry and Catch may deal with, and that has an event
// of its own, `EvaluationFailed`, which names the field.

/// What a shard needs to evaluate expressions: made once, reused by all of them.
struct ExpressionState {
  let scratch: UnsafeMutablePointer<JSONataScratch>
  let environment: UnsafeMutablePointer<JSONataEnvironment>
  /// The values of an expression's variables.
  private(set) var externals: UnsafeMutablePointer<Value>
  private var capacity = 16
  /// `$states.result` and `$states.errorOutput`, while a state that has them goes to its end.
  var result = Value.missing
  var errorOutput = Value.missing

  init(random: UnsafeMutablePointer<RandomSource>) {
    scratch = .allocate(capacity: 1)
    scratch.initialize(to: JSONataScratch())
    environment = .allocate(capacity: 1)
    environment.initialize(to: JSONataEnvironment(random: random))
    externals = .allocate(capacity: capacity)
  }

  func release() {
    scratch.pointee.release()
    scratch.deallocate()
    environment.deallocate()
    externals.deallocate()
  }

  @inline(__always)
  mutating func reserve(_ count: Int) {
    if _slowPath(count > capacity) { grow(count) }
  }

  @inline(never)
  private mutating func grow(_ count: Int) {
    externals.deallocate()
    capacity = max(count, capacity * 2)
    externals = .allocate(capacity: capacity)
  }
}

extension JSONataLimits {
  /// What an execution under these limits lets an expression take.
  init(_ limits: Limits) {
    depthMax = max(1, limits.expressionDepthMax)
    stepsMax = max(1, limits.expressionStepsMax)
    valueMax = max(0, limits.expressionBytesMax)
    memoryMax = 8 * min(valueMax, 1 << 40)
    padMax = limits.payloadBytesMax
    // The service's bound for `$range` in proportion to its bound for values.
    rangeMax = Int(Double(valueMax) / 6_990_256 * 360_145)
  }
}

extension Shard {
  // MARK: Evaluating

  /// The value of an expression; `missing` after leaving the fault in the shard.
  @inline(__always)
  func expression(
    _ index: UInt32, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let op = tables.pointee.expressions + Int(index)
    if _fastPath(op.pointee.shape == .fields) {
      var value = external(tables.pointee.externals + Int(op.pointee.firstExternal), input, fiber, tables)
      var left = op.pointee.keyCount
      if left > 0 {
        var key = op.pointee.keys.unsafelyUnwrapped
        repeat {
          // An array on the way is gone through; that is the evaluator's business.
          guard value.isObject else { return evaluate(op, input, fiber, tables) }
          value = value.field(key.pointee)
          key += 1
          left &-= 1
        } while left > 0
      }
      if _fastPath(!value.isMissing) { return presented(value) }
    }
    return evaluate(op, input, fiber, tables)
  }

  /// The same out of line: inside of `build` it made templates of JSONPath states slower by 8 %.
  @inline(never)
  func templateExpression(
    _ index: UInt32, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value { expression(index, input, fiber, tables) }

  /// A number as JSONata gives it out: whole ones have no fraction to show.
  @inline(__always)
  private func presented(_ value: Value) -> Value {
    guard _slowPath(value.tag == .numeral || value.tag == .double) else { return value }
    guard let number = value.wholeNumber, number.magnitude <= 1 << 53 else { return value }
    return .integer(number)
  }

  @inline(__always)
  private func external(
    _ external: UnsafePointer<ExternalOp>, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    switch external.pointee.kind {
    case .input: input
    case .path: value(tables.pointee.paths + Int(external.pointee.path), input, fiber, tables)
    case .result: state.pointee.expressions.pointee.result
    case .errorOutput: state.pointee.expressions.pointee.errorOutput
    case .missing: .missing
    case .states: statesObject(input, fiber)
    }
  }

  /// `$states` as a whole.
  @inline(never)
  private func statesObject(_ input: Value, _ fiber: UnsafeMutablePointer<Fiber>) -> Value {
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    let members = arena.pointee.members(4)
    var count = 0
    func add(_ name: StaticString, _ value: Value) {
      guard !value.isMissing else { return }
      members[count] = Member(key: .key(name), value: value)
      count += 1
    }
    add("input", input)
    add("context", contextObject(fiber))
    add("result", state.pointee.expressions.pointee.result)
    add("errorOutput", state.pointee.expressions.pointee.errorOutput)
    return .object(members, count: count)
  }

  /// Lets the evaluator do it.
  @inline(never)
  private func evaluate(
    _ op: UnsafePointer<ExpressionOp>, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let expressions = state.pointee.expressions
    let count = Int(op.pointee.externalCount)
    expressions.pointee.reserve(count)
    let values = expressions.pointee.externals
    let externals = tables.pointee.externals + Int(op.pointee.firstExternal)
    for position in 0..<count {
      values[position] = external(externals + position, input, fiber, tables)
      if _slowPath(values[position].isMissing), let builtin = externals[position].builtin {
        values[position] = .builtin(builtin)
      }
    }
    let environment = expressions.pointee.environment
    environment.pointee.milliseconds = wallNow
    fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      environment.pointee.limits = $0.expressionLimits
    }
    let result = op.pointee.program.unsafelyUnwrapped._withUnsafeGuaranteedRef {
      $0.evaluate(
        input: .missing, variables: values, arena: Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped),
        scratch: expressions.pointee.scratch, environment: environment)
    }
    if case .value(let value) = result { return presented(value) }
    return refuse(result, op, fiber, tables)
  }

  // MARK: Types

  enum ExpectedType: String {
    case array, boolean, number, string
  }

  /// The value of an expression whose field takes one type only.
  @inline(never)
  func expression(
    _ index: UInt32, of type: ExpectedType, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let value = expression(index, input, fiber, tables)
    if value.isMissing || fits(value, type) { return value }
    return refuseType(value, type, tables.pointee.expressions + Int(index), fiber, tables)
  }

  private func fits(_ value: Value, _ type: ExpectedType) -> Bool {
    switch type {
    case .array: value.isArray
    case .boolean: value.isBool
    case .number: value.isNumber
    case .string: value.isString
    }
  }

  /// The value of an expression that must be a whole number; nil after a fault.
  @inline(never)
  func whole(
    _ index: UInt32, atLeast minimum: Int64, _ input: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Int64? {
    let value = expression(index, of: .number, input, fiber, tables)
    if value.isMissing { return nil }
    let field = tables.pointee.constants[Int(tables.pointee.expressions[Int(index)].field)]
    guard let number = value.wholeNumber else {
      refuse("The \(field.text) field cannot be parsed as a long value: \(json(value))", field, fiber)
      return nil
    }
    guard number >= minimum else {
      let what = minimum > 0 ? "must be positive" : "cannot be negative"
      refuse("The \(field.text) field \(what): \(number)", field, fiber)
      return nil
    }
    return number
  }

  // MARK: Faults

  /// A fault of a field's evaluation. Always `missing`, for callers to return.
  @discardableResult
  func refuse(_ text: String, _ field: Value, _ fiber: UnsafeMutablePointer<Fiber>) -> Value {
    var fault = fault(fiber, ErrorName.queryEvaluation, prefix(fiber) + text, .task)
    fault.location = field
    state.pointee.fault = fault
    return .missing
  }

  private func refuse(
    _ text: String, _ op: UnsafePointer<ExpressionOp>, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let source = tables.pointee.constants[Int(op.pointee.text)].text
    let field = tables.pointee.constants[Int(op.pointee.field)]
    return refuse(
      "The JSONata expression '\(source)' specified for the field '\(field.text)' \(text)", field, fiber)
  }

  @inline(never)
  private func refuse(
    _ result: JSONataResult, _ op: UnsafePointer<ExpressionOp>, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    switch result {
    case .undefined, .value:
      return refuse("returned nothing (undefined).", op, fiber, tables)
    case .function:
      return refuse("returned an unsupported result type.", op, fiber, tables)
    case .failed(let error):
      // A guard rail is no error of the language: it is told without a code.
      let text = error.code.isGuardRail ? ": \(error.message)" : ". \(error.code.name): \(error.message)"
      return refuse("threw an error during evaluation\(text)", op, fiber, tables)
    }
  }

  private func refuseType(
    _ value: Value, _ type: ExpectedType, _ op: UnsafePointer<ExpressionOp>,
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    refuse(
      "returned an unexpected result type. Expected '\(type.rawValue)', but was '\(Self.typeName(value))' "
        + "for value: \(json(value))", op, fiber, tables)
  }

  private static func typeName(_ value: Value) -> String {
    switch value.tag {
    case .missing, .null: "null"
    case .true, .false: "boolean"
    case .integer, .double, .numeral: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  // MARK: Leaving a state

  /// What a state gives out: its `Assign` takes effect, and its `Output` is returned, or what
  /// the state has without one. `missing` after a fault.
  ///
  /// The state's input lies in the frame.
  @inline(never)
  func produce(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ output: UInt32,
    _ assign: UInt32, otherwise: Value, bound otherwiseBound: Int, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let input = frame.pointee.data
    var assigned = Value.missing
    if assign != 0 {
      assigned = evaluateAssign(assign, input, fiber, tables)
      if assigned.isMissing { return .missing }
    }
    var result = otherwise
    var bound = otherwiseBound
    if output != 0 {
      result = template(output, input, fiber, tables)
      if _slowPath(result.isMissing) { return .missing }
      bound = state.pointee.bound
    }
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    if _slowPath(bound > limit) {
      bound = result.serializedSize(upTo: limit)
      if bound > limit {
        let name = tables.pointee.ops[Int(fiber.pointee.pc)].name
        state.pointee.fault = dataLimitFault(fiber, who: tables.pointee.names[Int(name)], isTask: false)
        return .missing
      }
    }
    frame.pointee.bound = bound
    if !assigned.isMissing { commit(assigned, assign, fiber, tables) }
    return result
  }

  /// The way out of Task, Parallel and Map after their work.
  @inline(never)
  func finishExpressions(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, result: Value, bound: Int,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    state.pointee.expressions.pointee.result = result
    let output = produce(
      fiber, frame, op.pointee.resultSelector, op.pointee.assign, otherwise: result, bound: bound, tables)
    state.pointee.expressions.pointee.result = .missing
    if output.isMissing { return recover(fiber, op, tables) }
    frame.pointee.data = output
    return exit(fiber, op, to: op.pointee.next, tables)
  }

  /// The way out by a catcher.
  func catchExpressions(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ catcher: UnsafePointer<CatcherOp>,
    _ error: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    state.pointee.expressions.pointee.errorOutput = error
    let output = produce(
      fiber, frame, catcher.pointee.output, catcher.pointee.assign, otherwise: error,
      bound: error.serializedSize, tables)
    state.pointee.expressions.pointee.errorOutput = .missing
    if output.isMissing { return .failed }
    frame.pointee.data = output
    return exit(fiber, op, to: catcher.pointee.next, tables)
  }

  // MARK: Choice

  /// A Choice; returns the next op, or nil after a fault.
  @inline(never)
  func choose(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt32? {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let input = frame.pointee.data
    fiber.pointee.previousEvent = fiber.pointee.enteredEvent
    var target = Int32(bitPattern: op.pointee.a)
    while target >= 0 {
      let test = tables.pointee.tests + Int(target)
      let holds = expression(test.pointee.path, of: .boolean, input, fiber, tables)
      if _slowPath(holds.isMissing) { return nil }
      target = holds.tag == .true ? test.pointee.onTrue : test.pointee.onFalse
    }
    guard target != ~0 else {
      state.pointee.fault = runtimeFault(
        fiber, "Failed to transition out of the state. The state does not point to a next state.")
      return nil
    }
    let exit = tables.pointee.exits + Int(~target)
    if exit.pointee.output != 0 || exit.pointee.assign != 0 {
      let output = produce(
        fiber, frame, exit.pointee.output, exit.pointee.assign, otherwise: input,
        bound: frame.pointee.bound, tables)
      if output.isMissing { return nil }
      frame.pointee.data = output
    }
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      recordExited(fiber, op, frame.pointee.data, tables)
    }
    if isCompactionDue(frame, before: exit.pointee.next) { compact(frame) }
    return exit.pointee.next
  }

  // MARK: Wait

  /// How long a Wait whose time is an expression lasts: nil in the inner optional after a
  /// fault, in the outer one for a Wait whose time is written.
  @inline(never)
  func waitFromExpression(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt64?? {
    let input = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    let milliseconds: UInt64?
    switch WaitMode(rawValue: op.pointee.b) {
    case .secondsExpression:
      guard let seconds = whole(op.pointee.a, atLeast: 0, input, fiber, tables) else { return .some(nil) }
      milliseconds = seconds <= Int64(Int32.max) ? UInt64(seconds) &* 1000 : nil
    case .timestampExpression:
      let text = expression(op.pointee.a, of: .string, input, fiber, tables)
      if text.isMissing { return .some(nil) }
      guard let instant = Timestamp.parse(text.bytes) else {
        refuse(
          "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
            + text.text, .string("Timestamp"), fiber)
        return .some(nil)
      }
      milliseconds = self.milliseconds(until: instant)
    case .seconds, .secondsPath, .timestamp, .timestampPath, nil:
      return nil
    }
    if milliseconds == nil {
      let field = tables.pointee.expressions[Int(op.pointee.a)].field
      refuse("Wait state delay is too long.", tables.pointee.constants[Int(field)], fiber)
    }
    return .some(milliseconds)
  }

  // MARK: Task

  /// `RoleArn` is no text.
  func refuseRole(
    _ role: Value, _ credentials: UInt32, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    var node = Int(credentials)
    if tables.pointee.templates[node].kind == .object {
      // The member's own expression is the one to blame.
      let end = node + Int(tables.pointee.templates[node].extent)
      node += 1
      while node < end, !tables.pointee.templates[node].key.sameText("RoleArn") {
        node += Int(tables.pointee.templates[node].extent)
      }
      if node >= end { node = Int(credentials) }
    }
    let blamed = tables.pointee.templates[node]
    if blamed.kind == .expression, !blamed.key.isMissing {
      _ = refuseType(
        role, .string, tables.pointee.expressions + Int(blamed.index), fiber, tables)
    } else {
      refuse(
        "The RoleArn of the Credentials must be a text, not \(shown(role, fiber)).",
        .string("Credentials/RoleArn"), fiber)
    }
    return false
  }

  // MARK: Map

  /// The items of a Map; `missing` after a fault.
  ///
  /// - Parameter orObject: An object will do as well: its members are the items.
  func mapItems(
    _ fiber: UnsafeMutablePointer<Fiber>, _ map: UnsafePointer<MapOp>, _ input: Value, orObject: Bool = false,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    var items = input
    if map.pointee.items != 0 {
      items = template(map.pointee.items, input, fiber, tables)
      if items.isMissing { return .missing }
      let frame = fiber.pointee.frame.unsafelyUnwrapped
      frame.pointee.bound = max(frame.pointee.bound, state.pointee.bound)
    }
    if items.isArray || orObject && items.isObject { return items }
    let root = tables.pointee.templates + Int(map.pointee.items)
    if map.pointee.items != 0, root.pointee.kind == .expression {
      return refuseType(
        items, .array, tables.pointee.expressions + Int(root.pointee.index), fiber, tables)
    }
    let field = map.pointee.items == 0 ? Value.null : .string("Items")
    return refuse("Map state input must be an array but was: \(shown(items, fiber))", field, fiber)
  }

  /// Tells that an ItemSelector failed: an event of the Map behind the start of the iteration.
  func noteSelectorFailure(_ map: UnsafeMutablePointer<Fiber>, _ child: UnsafeMutablePointer<Fiber>) {
    let previous = map.pointee.previousEvent
    map.pointee.previousEvent = child.pointee.previousEvent
    noteEvaluationFailure(map)
    child.pointee.previousEvent = map.pointee.previousEvent
    map.pointee.previousEvent = previous
  }

  /// Whether what an expression selects is a part of the state's input: no larger than that.
  func selectsInput(_ index: UInt32, _ tables: UnsafePointer<ProgramTables>) -> Bool {
    let op = tables.pointee.expressions + Int(index)
    return op.pointee.shape == .fields
      && tables.pointee.externals[Int(op.pointee.firstExternal)].kind == .input
  }
}
