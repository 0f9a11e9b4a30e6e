// The compiled form as text: what `stepmill explain` shows.
//
// One block for each machine, outermost first; in it one paragraph for each op: its number,
// name, kind and target on the first line, then what it does with data, its tests, its
// timers and its rules, in the order in which they take effect. Numbers are those of the
// tables, so that two things that look alike can be told apart.
//
//   [2] Check              choice
//         test 3           $.total  number >  100              yes → [5] Refuse    no → test 2
//
// Cold code, but linear: a definition may have a million states.

struct ProgramPrinter {
  private let program: Program
  private let tables: ProgramTables
  private var output = ""
  /// Names of variables by machine (its first op) and slot, as far as something assigns them.
  private var variables: [UInt32: [String]] = [:]
  /// Columns for the states' names.
  private var nameWidth = 0

  private static let nameWidthMax = 28
  private static let labelWidth = 16
  /// Templates beyond this many columns are spread over lines.
  private static let templateWidth = 76

  static func text(of program: Program) -> String {
    var printer = ProgramPrinter(program)
    printer.printAll()
    return printer.output
  }

  private init(_ program: Program) {
    self.program = program
    tables = program.tables.pointee
  }

  private mutating func printAll() {
    for index in ops {
      nameWidth = max(nameWidth, min(Self.nameWidthMax, tables.names[Int(tables.ops[index].name)].text.count))
    }
    if let comment = program.comment { line("# \(Self.readable(comment))") }
    if let seconds = program.timeoutSeconds { line("timeout  \(seconds) s for the whole execution") }
    if !output.isEmpty { line("") }
    machine(1, title: "machine")
    handlers()
    sizes()
    for map in program.distributedMaps {
      line("")
      line("children of the Distributed Map labeled '\(Self.readable(map.label))':")
      line("")
      output += Self.text(of: map.program)
    }
  }

  private var ops: Range<Int> { 1..<max(program.counts.ops + 1, 1) }

  private mutating func line(_ text: String) {
    output += text
    output += "\n"
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    let count = text.count
    return count >= width ? text : text + String(repeating: " ", count: width - count)
  }

  /// Without what could do something to a terminal.
  private static func readable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
      return text
    }
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
  }

  // MARK: Machines

  /// A machine and those inside it. Nesting is bounded by the definition's own.
  private mutating func machine(_ index: UInt32, title: String) {
    let machine = tables.machines[Int(index)]
    var head = "\(title): \(machine.opCount) \(machine.opCount == 1 ? "state" : "states")"
    head += ", starts at \(target(machine.start))"
    if machine.depth > 0 { head += ", depth \(machine.depth)" }
    line(head)
    if machine.variableCount > 0 {
      let names = variableNames(of: machine)
      let slots = names.enumerated().map { "\($1) (slot \($0))" }
      line("  variables  \(slots.joined(separator: ", "))")
    }
    let range = Int(machine.firstOp)..<Int(machine.firstOp + machine.opCount)
    for index in range { op(index) }
    line("")
    for index in range { innerMachines(of: tables.ops[index], index) }
  }

  private mutating func innerMachines(of op: Op, _ index: Int) {
    switch op.code {
    case .parallel:
      for branch in 0..<op.b {
        machine(op.a + branch, title: "branch \(branch + 1) of \(target(UInt32(index)))")
      }
    case .map:
      let map = tables.maps[Int(op.a)]
      if map.distributed == 0 { machine(map.machine, title: "items of \(target(UInt32(index)))") }
    case .finish, .pass, .passData, .choice, .task, .wait, .succeed, .fail:
      break
    }
  }

  /// The names behind a scope's slots. Only assignments know them, so they are gathered there.
  private func variableNames(of machine: MachineOp) -> [String] {
    var names = [String](repeating: "?", count: Int(machine.variableCount))
    func gather(_ assign: UInt32) {
      guard assign != 0 else { return }
      for (slot, key) in assignedKeys(tables.assigns[Int(assign)]) where Int(slot) < names.count {
        names[Int(slot)] = "$" + key
      }
    }
    for index in Int(machine.firstOp)..<Int(machine.firstOp + machine.opCount) {
      let op = tables.ops[index]
      gather(op.assign)
      if op.policy != 0 {
        let policy = tables.policies[Int(op.policy)]
        for catcher in 0..<policy.catcherCount {
          gather(tables.catchers[Int(policy.firstCatcher + catcher)].assign)
        }
      }
      if op.code == .choice {
        for test in tests(of: op) {
          gatherExit(tables.tests[Int(test)].onTrue)
          gatherExit(tables.tests[Int(test)].onFalse)
        }
        gatherExit(Int32(bitPattern: op.a))
      }
    }
    func gatherExit(_ place: Int32) {
      if place < 0 { gather(tables.exits[Int(~place)].assign) }
    }
    return names
  }

  private func assignedKeys(_ assign: AssignOp) -> [(slot: UInt32, key: String)] {
    var result: [(UInt32, String)] = []
    var node = Int(assign.template) + 1
    for member in 0..<assign.count {
      result.append(
        (tables.assignSlots[Int(assign.firstSlot + member)], Self.readable(tables.templates[node].key.text)))
      node += Int(tables.templates[node].extent)
    }
    return result
  }

  // MARK: States

  /// How a state is named as a target.
  private func target(_ index: UInt32) -> String {
    guard index != 0 else { return "end" }
    return "[\(index)] \(Self.readable(tables.names[Int(tables.ops[Int(index)].name)].text))"
  }

  private mutating func op(_ index: Int) {
    let op = tables.ops[index]
    let name = Self.readable(tables.names[Int(op.name)].text)
    var head = "  " + Self.pad("[\(index)] \(name)", nameWidth + 7) + " " + Self.pad(code(of: op), 10)
    switch op.code {
    case .succeed, .fail, .finish, .choice: break
    case .pass, .passData, .task, .wait, .parallel, .map: head += "→ \(target(op.next))"
    }
    while head.last == " " { head.removeLast() }
    line(head)
    dataIn(op)
    work(op)
    dataOut(op)
    if op.code != .choice, op.assign != 0 { assign("assign", op.assign) }
    policy(op)
  }

  private func code(of op: Op) -> String {
    switch op.code {
    case .finish: "finish"
    case .pass: "pass"
    case .passData: "passData"
    case .choice: "choice"
    case .task: "task"
    case .wait: "wait"
    case .succeed: "succeed"
    case .fail: "fail"
    case .parallel: "parallel"
    case .map: "map"
    }
  }

  private mutating func detail(_ label: String, _ text: String) {
    line("        " + Self.pad(label, Self.labelWidth) + " " + text)
  }

  private mutating func dataIn(_ op: Op) {
    if op.inputPath != 0 { detail("input", path(op.inputPath)) }
    if op.parameters != 0 {
      template(op.flags.contains(.jsonata) ? "arguments" : "parameters", op.parameters)
    }
  }

  private mutating func dataOut(_ op: Op) {
    // What a Choice gives out stands with the ways it goes.
    if op.resultSelector != 0, op.code != .choice {
      template(op.flags.contains(.jsonata) ? "output" : "result selector", op.resultSelector)
    }
    if op.resultPath == ReferenceOp.discard {
      detail("result", "dropped")
    } else if op.resultPath != 0 {
      detail("result to", Self.readable(constant(tables.references[Int(op.resultPath)].text).text))
    }
    if op.outputPath != 0 { detail("output", path(op.outputPath)) }
  }

  private mutating func work(_ op: Op) {
    switch op.code {
    case .finish, .pass, .succeed: break
    case .passData: if op.a != 0 { detail("constant", json(constant(op.a))) }
    case .choice: choice(op)
    case .task: task(tables.tasks[Int(op.a)], isJSONata: op.flags.contains(.jsonata))
    case .wait: wait(op)
    case .fail: fail(op)
    case .parallel:
      for branch in 0..<op.b {
        detail("branch \(branch + 1)", "starts at \(target(tables.machines[Int(op.a + branch)].start))")
      }
    case .map:
      map(tables.maps[Int(op.a)], isJSONata: op.flags.contains(.jsonata))
      let place = Int(tables.maps[Int(op.a)].distributed)
      if place > 0 { distributed(program.distributedMaps[place - 1]) }
    }
  }

  private mutating func task(_ task: TaskOp, isJSONata: Bool) {
    var text = "handler \(task.handler)  \(Self.readable(constant(task.resource).text))"
    switch task.style {
    case .task: break
    case .lambdaFunction: text += "  (function)"
    case .activity: text += "  (activity)"
    }
    if task.waitsForToken { text += "  (waits for its token)" }
    detail("resource", text)
    if task.timeout != 0 {
      detail("timeout", seconds(task.timeout, isPath: task.timeoutIsPath, isJSONata))
    }
    if task.heartbeat != 0 {
      detail("heartbeat", seconds(task.heartbeat, isPath: task.heartbeatIsPath, isJSONata))
    }
    if task.credentials != 0 { template("credentials", task.credentials) }
  }

  private mutating func distributed(_ map: DistributedMap) {
    detail("children", "\(map.isExpress ? "EXPRESS" : "STANDARD"), labeled '\(Self.readable(map.label))'")
    if let reader = map.reader {
      let type =
        reader.config.inputType?.rawValue ?? reader.config.manifestType?.rawValue ?? "the listing itself"
      detail("items from", "s3:\(reader.action)  \(type)")
      if reader.request != 0 { template("request", reader.request) }
    }
    if let batcher = map.batcher {
      detail("batches", "items \(Self.text(batcher.itemsMax)), bytes \(Self.text(batcher.bytesMax))")
      if batcher.input != 0 { template("batch input", batcher.input) }
    }
    let count = Self.text(map.failureCount)
    detail("tolerates", "failures \(count), percent \(Self.text(map.failurePercentage))")
    if let writer = map.writer, writer.request != 0 { template("results to", writer.request) }
  }

  private static func text(_ bound: DistributedMap.Bound) -> String {
    switch bound {
    case .absent: "-"
    case .literal(let number): number == number.rounded() ? String(Int(number)) : String(number)
    case .path: "from a path"
    case .expression: "from an expression"
    }
  }

  private func seconds(_ value: UInt32, isPath: Bool, _ isJSONata: Bool) -> String {
    isPath ? isJSONata ? expression(value) : path(value) : "\(value) s"
  }

  private mutating func wait(_ op: Op) {
    switch WaitMode(rawValue: op.b) {
    case .seconds?: detail("for", "\(json(constant(op.a))) s")
    case .secondsPath?: detail("for seconds", path(op.a))
    case .timestamp?: detail("until", Self.readable(constant(op.a).text))
    case .timestampPath?: detail("until", path(op.a))
    case .secondsExpression?: detail("for seconds", expression(op.a))
    case .timestampExpression?: detail("until", expression(op.a))
    case nil: break
    }
  }

  private mutating func fail(_ op: Op) {
    func text(_ index: UInt32, isPath: Bool, isCall: Bool) -> String {
      if isCall && op.flags.contains(.jsonata) { return expression(index) }
      return isPath ? path(index) : isCall ? call(index) : json(constant(index))
    }
    if op.a != 0 {
      detail(
        "error", text(op.a, isPath: op.flags.contains(.errorIsPath), isCall: op.flags.contains(.errorIsCall)))
    }
    if op.b != 0 {
      detail(
        "cause", text(op.b, isPath: op.flags.contains(.causeIsPath), isCall: op.flags.contains(.causeIsCall)))
    }
  }

  private mutating func map(_ map: MapOp, isJSONata: Bool) {
    if map.items != 0 {
      template("items", map.items)
    } else {
      detail("items", isJSONata ? "$states.input" : map.itemsPath == 0 ? "$" : path(map.itemsPath))
    }
    if map.itemSelector != 0 { template("item selector", map.itemSelector) }
    if map.maxConcurrencyPath != 0 {
      detail("at once", isJSONata ? expression(map.maxConcurrencyPath) : path(map.maxConcurrencyPath))
    } else if map.maxConcurrency != 0 {
      detail("at once", "\(map.maxConcurrency)")
    }
    detail("each", "starts at \(target(tables.machines[Int(map.machine)].start))")
  }

  // MARK: Choice

  /// The tests that a Choice can reach, in the order of the rules: tests are laid out from the
  /// last rule to the first, and lead to lower numbers only.
  private func tests(of op: Op) -> [Int32] {
    var reached: Set<Int32> = []
    var stack = [Int32(bitPattern: op.a)]
    while let place = stack.popLast() {
      guard place >= 0, reached.insert(place).inserted else { continue }
      stack.append(tables.tests[Int(place)].onTrue)
      stack.append(tables.tests[Int(place)].onFalse)
    }
    return reached.sorted(by: >)
  }

  private mutating func choice(_ op: Op) {
    let reached = tests(of: op)
    if reached.isEmpty { detail("always", place(Int32(bitPattern: op.a))) }
    let rows = reached.map { index -> (label: String, test: String, yes: String, no: String) in
      let test = tables.tests[Int(index)]
      return ("test \(index)", condition(test), place(test.onTrue), place(test.onFalse))
    }
    let testWidth = min(56, rows.map(\.test.count).max() ?? 0)
    let yesWidth = min(32, rows.map(\.yes.count).max() ?? 0)
    for row in rows {
      detail(
        row.label,
        Self.pad(row.test, testWidth) + "  yes → " + Self.pad(row.yes, yesWidth) + "  no → " + row.no)
    }
    var assigns: Set<UInt32> = []
    var outputs: Set<UInt32> = []
    for index in reached {
      for place in [tables.tests[Int(index)].onTrue, tables.tests[Int(index)].onFalse] where place < 0 {
        let exit = tables.exits[Int(~place)]
        if exit.output != 0, outputs.insert(exit.output).inserted {
          template("output to [\(exit.next)]", exit.output)
        }
        if exit.assign != 0, assigns.insert(exit.assign).inserted {
          assign("then to [\(exit.next)]", exit.assign)
        }
      }
    }
  }

  private func place(_ place: Int32) -> String {
    if place >= 0 { return "test \(place)" }
    let exit = tables.exits[Int(~place)]
    return exit.isDeadEnd ? "States.NoChoiceMatched" : target(exit.next)
  }

  private func condition(_ test: ChoiceTest) -> String {
    if test.comparator == .condition { return expression(test.path) }
    let variable = path(test.path)
    let comparator: String
    switch test.comparator {
    case .isNull: return "\(variable) is null"
    case .isPresent: return "\(variable) is present"
    case .isNumeric: return "\(variable) is a number"
    case .isString: return "\(variable) is a string"
    case .isBoolean: return "\(variable) is a boolean"
    case .isTimestamp: return "\(variable) is a timestamp"
    case .stringMatches: comparator = "string matches"
    case .stringEquals: comparator = "string =="
    case .stringLess: comparator = "string <"
    case .stringGreater: comparator = "string >"
    case .stringLessOrEqual: comparator = "string <="
    case .stringGreaterOrEqual: comparator = "string >="
    case .numericEquals: comparator = "number =="
    case .numericLess: comparator = "number <"
    case .numericGreater: comparator = "number >"
    case .numericLessOrEqual: comparator = "number <="
    case .numericGreaterOrEqual: comparator = "number >="
    case .booleanEquals: comparator = "boolean =="
    case .timestampEquals: comparator = "time =="
    case .timestampLess: comparator = "time <"
    case .timestampGreater: comparator = "time >"
    case .timestampLessOrEqual: comparator = "time <="
    case .timestampGreaterOrEqual: comparator = "time >="
    case .condition: comparator = "is true"
    }
    return "\(variable)  \(comparator)  \(operand(of: test))"
  }

  private func operand(of test: ChoiceTest) -> String {
    if test.operandIsPath { return path(UInt32(test.operand.asInteger ?? 0)) }
    switch test.comparator {
    case .timestampEquals, .timestampLess, .timestampGreater, .timestampLessOrEqual, .timestampGreaterOrEqual:
      guard let seconds = test.operand.asInteger else { return json(test.operand) }
      return Timestamp(seconds: seconds, nanoseconds: test.nanoseconds).text
    default:
      return json(test.operand)
    }
  }

  // MARK: Errors

  private mutating func policy(_ op: Op) {
    guard op.policy != 0 else { return }
    let policy = tables.policies[Int(op.policy)]
    for index in 0..<policy.retrierCount {
      let retrier = tables.retriers[Int(policy.firstRetrier + index)]
      var text =
        "\(errors(retrier.firstName, retrier.nameCount))  \(retrier.maxAttempts) \(retrier.maxAttempts == 1 ? "retry" : "retries")"
      text += ", after \(number(retrier.intervalSeconds)) s, then × \(number(retrier.backoffRate))"
      if retrier.maxDelaySeconds.isFinite { text += ", at most \(number(retrier.maxDelaySeconds)) s" }
      if retrier.fullJitter { text += ", full jitter" }
      detail("retry", text)
    }
    for index in 0..<policy.catcherCount {
      let catcher = tables.catchers[Int(policy.firstCatcher + index)]
      var text = "\(errors(catcher.firstName, catcher.nameCount))  → \(target(catcher.next))"
      if catcher.resultPath == ReferenceOp.discard {
        text += ", error dropped"
      } else if catcher.resultPath != 0 {
        text += ", error to \(Self.readable(constant(tables.references[Int(catcher.resultPath)].text).text))"
      }
      detail("catch", text)
      if catcher.output != 0 { template("  output", catcher.output) }
      if catcher.assign != 0 { assign("  assign", catcher.assign) }
    }
  }

  private func errors(_ first: UInt32, _ count: UInt32) -> String {
    (0..<count).map { Self.readable(tables.errorNames[Int(first + $0)].text) }.joined(separator: ", ")
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  // MARK: Values

  private func constant(_ index: UInt32) -> Value { tables.constants[Int(index)] }

  private func json(_ value: Value) -> String { Self.readable(JSON(copying: value).text) }

  private func path(_ index: UInt32) -> String {
    let path = tables.paths[Int(index)]
    if path.kind == .empty { return "{} (null)" }
    if path.text == 0 { return "$" }
    let text = Self.readable(constant(path.text).text)
    var notes: [String] = []
    if path.root == .variable {
      if path.slot == .max {
        notes.append("never assigned")
      } else {
        notes.append(path.depth == 0 ? "slot \(path.slot)" : "up \(path.depth), slot \(path.slot)")
      }
    }
    if path.kind == .general { notes.append("general") }
    return notes.isEmpty ? text : "\(text) (\(notes.joined(separator: ", ")))"
  }

  private func call(_ index: UInt32) -> String { Self.readable(constant(tables.calls[Int(index)].text).text) }

  /// An expression, with a note where the evaluator is not needed for it.
  private func expression(_ index: UInt32) -> String {
    let expression = tables.expressions[Int(index)]
    var notes: [String] = []
    if expression.shape == .fields { notes.append("looked up") }
    for position in 0..<expression.externalCount {
      let external = tables.externals[Int(expression.firstExternal + position)]
      if external.kind == .path, tables.paths[Int(external.path)].root == .variable {
        notes.append(path(external.path))
      }
    }
    let text = "{% \(Self.readable(constant(expression.text).text)) %}"
    return notes.isEmpty ? text : "\(text)  (\(notes.joined(separator: ", ")))"
  }

  // MARK: Templates

  private mutating func template(_ label: String, _ root: UInt32) {
    var text: [String] = []
    _ = lines(of: Int(root), indent: "", into: &text)
    block(label, text)
  }

  private mutating func block(_ label: String, _ lines: [String]) {
    for (index, text) in lines.enumerated() { detail(index == 0 ? label : "", text) }
  }

  private mutating func assign(_ label: String, _ index: UInt32) {
    let assign = tables.assigns[Int(index)]
    var node = Int(assign.template) + 1
    for (position, (slot, key)) in assignedKeys(assign).enumerated() {
      var text: [String] = []
      _ = lines(of: node, indent: "", into: &text)
      text[0] = "$\(key) (slot \(slot)) = " + text[0]
      block(position == 0 ? label : "", text)
      node += Int(tables.templates[node].extent)
    }
  }

  /// The lines of a template's node, without its key: one if it is short enough. Returns the
  /// node behind it.
  private func lines(of index: Int, indent: String, into lines: inout [String]) -> Int {
    let node = tables.templates[index]
    switch node.kind {
    case .constant: lines.append(indent + json(constant(node.index)))
    case .path: lines.append(indent + path(node.index))
    case .call: lines.append(indent + call(node.index))
    case .expression: lines.append(indent + expression(node.index))
    case .object, .array:
      let (open, close) = node.kind == .object ? ("{", "}") : ("[", "]")
      var children: [String] = []
      var isFlat = true
      var next = index + 1
      for position in 0..<node.index {
        let first = children.count
        let key = tables.templates[next].key
        next = self.lines(of: next, indent: indent + "  ", into: &children)
        if !key.isMissing {
          let body = children[first].dropFirst(indent.count + 2)
          children[first] = "\(indent)  \(json(key)): \(body)"
        }
        if position + 1 < node.index { children[children.count - 1] += "," }
        isFlat = isFlat && children.count == first + 1
      }
      let width = children.reduce(0) { $0 + $1.count - indent.count - 1 }
      if isFlat, width <= Self.templateWidth {
        let inner = children.map { String($0.dropFirst(indent.count + 2)) }.joined(separator: " ")
        lines.append(indent + open + inner + close)
      } else {
        lines.append(indent + open)
        lines += children
        lines.append(indent + close)
      }
    }
    return index + Int(node.extent)
  }

  // MARK: Ends

  private mutating func handlers() {
    guard !program.resources.isEmpty else { return }
    line("handlers")
    for (index, resource) in program.resources.enumerated() {
      line("  \(Self.pad("\(index)", 4))  \(Self.readable(resource))")
    }
    line("")
  }

  private mutating func sizes() {
    let counts = program.counts
    // A Parallel lists its branches once more, in a row.
    let copies = ops.reduce(0) { $0 + (tables.ops[$1].code == .parallel ? Int(tables.ops[$1].b) : 0) }
    var parts: [String] = []
    func count(_ number: Int, _ one: String, _ many: String) {
      if number > 0 { parts.append("\(number) \(number == 1 ? one : many)") }
    }
    count(counts.ops, "state", "states")
    count(counts.machines - copies, "machine", "machines")
    count(counts.tasks, "task", "tasks")
    count(counts.tests, "test", "tests")
    count(counts.paths, "path", "paths")
    count(counts.templates, "template node", "template nodes")
    count(counts.calls, "call", "calls")
    count(counts.expressions, "expression", "expressions")
    count(counts.constants, "constant", "constants")
    line("\(parts.joined(separator: ", ")); \(program.byteCount) bytes")
  }
}
