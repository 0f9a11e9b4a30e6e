// A definition's structure for tools that stand outside the core: pictures, forecasts.
//
// The syntax tree holds nodes that are no values and names that are nobody else's business.
// The outline is a copy of what such tools need: plain values that may cross threads. It is
// made of every definition that AWS would take, whether this version can run it or not.

/// The structure of a definition.
package struct DefinitionOutline: Sendable {
  package var comment: String?
  package var timeoutSeconds: Int?
  package var machine: Machine
  /// The definition's length in bytes, which AWS counts as memory of an execution.
  package var byteCount: Int
  /// States in the whole definition, nested ones included.
  package var stateCount: Int

  package struct Machine: Sendable {
    package var startAt: String
    /// In source order.
    package var states: [State]

    /// The places of states by their names.
    package var index: StateIndex { StateIndex(states) }
  }

  /// Where states stand in a machine. Names are the same if their bytes are: a dictionary of strings would take
  /// an accent that is written in another way for the same.
  package struct StateIndex: Sendable {
    private var names: NameIndex

    fileprivate init(_ states: [State]) {
      names = NameIndex(minimumCapacity: states.count)
      for offset in states.indices { _ = names.insert(states[offset].name, UInt32(offset)) }
    }

    package subscript(name: String) -> Int? { names[name].map(Int.init) }
  }

  package struct State: Sendable {
    package var name: String
    package var comment: String?
    /// Where it stands in the definition.
    package var pointer: String
    package var kind: Kind
    package var next: String?
    package var isEnd: Bool
    package var retriers: [Retrier]
    package var catchers: [Catcher]
    package var dataFlow: DataFlow
  }

  package enum Kind: Sendable {
    /// With its `Result`.
    case pass(JSON?)
    case task(Task)
    case choice([Rule], defaultState: String?)
    case wait(Wait)
    case succeed
    case fail(error: String?, cause: String?)
    case parallel([Machine])
    case map(Map)
  }

  package struct Task: Sendable {
    package var resource: String
    /// The service and action, such as `lambda:invoke` or `dynamodb:getItem`; a function's or handler's name.
    package var action: String
    package var form: Form
    /// Nil where it is not written, or not a number.
    package var timeoutSeconds: Int?
    package var hasDynamicTimeout: Bool

    package enum Form: Sendable {
      case function, activity
      /// An answer is the result.
      case request
      /// The answer only confirms: a job's end or a token is waited for.
      case job, token
    }
  }

  package struct Rule: Sendable {
    package var condition: Condition
    package var next: String
    package var comment: String?
  }

  package indirect enum Condition: Sendable {
    case and([Condition])
    case or([Condition])
    case not(Condition)
    /// The comparator as its field is called, without `Path`.
    case compare(variable: String, comparator: String, operand: Operand)
    case expression(String)
    case literal(Bool)
  }

  package enum Operand: Sendable {
    case path(String)
    case value(JSON)
  }

  package enum Wait: Sendable {
    case seconds(Int)
    case secondsPath(String)
    case timestamp(String)
    case timestampPath(String)
    /// JSONata's, of either kind.
    case expression(String, isTimestamp: Bool)
  }

  package struct Map: Sendable {
    package var processor: Machine
    package var isDistributed: Bool
    /// Nil where it is not written, or not a number.
    package var maxConcurrency: Int?
    package var itemsPath: String?
    /// JSONata's `Items`, where it is a plain array.
    package var itemCount: Int?
    package var hasItemsExpression: Bool
    package var hasReader: Bool
    package var hasBatcher: Bool
  }

  package struct Retrier: Sendable {
    package var errorEquals: [String]
    package var intervalSeconds: Int
    package var maxAttempts: Int
    package var backoffRate: Double
    package var maxDelaySeconds: Int?
    package var hasJitter: Bool
  }

  package struct Catcher: Sendable {
    package var errorEquals: [String]
    package var next: String
  }

  /// What a state does to the data that pass through it.
  package struct DataFlow: Sendable {
    package var inputPath = Path.whole
    package var outputPath = Path.whole
    package var resultPath = Path.whole
    /// It has `Parameters` (or `ItemSelector`), `Arguments`.
    package var shapesInput = false
    /// It has a `ResultSelector` or `Output`.
    package var shapesOutput = false
    package var isJSONata = false

    package enum Path: Sendable, Hashable {
      /// `$`, or left out.
      case whole
      /// `null`.
      case nothing
      case path(String)
    }
  }
}

// MARK: - Making one

// The outline's own names hide those of the syntax tree.
private typealias MachineSyntax = Machine
private typealias ConditionSyntax = Condition

extension DefinitionOutline {
  /// Reads a definition.
  ///
  /// - Returns: Its outline, unless there are errors; and all diagnostics, warnings included.
  package static func read(_ text: [UInt8]) -> (outline: DefinitionOutline?, diagnostics: [Diagnostic]) {
    let (definition, diagnostics) = Definition.read(text)
    return (definition.map { DefinitionOutline($0) }, diagnostics)
  }

  init(_ definition: Definition) {
    var count = 0
    machine = Self.machine(definition.machine, &count)
    comment = definition.comment
    timeoutSeconds = definition.timeoutSeconds
    byteCount = definition.source.bytes.count
    stateCount = count
  }

  private static func machine(_ machine: MachineSyntax, _ count: inout Int) -> Machine {
    count += machine.states.count
    return Machine(startAt: machine.startAt.value, states: machine.states.map { state($0, &count) })
  }

  private static func state(_ state: StateDefinition, _ count: inout Int) -> State {
    var next: String?
    var isEnd = false
    switch state.transition {
    case .next(let target): next = target.value
    case .end: isEnd = true
    case .none: break
    }
    return State(
      name: state.name, comment: state.comment, pointer: state.node.pointer, kind: kind(state.kind, &count),
      next: next, isEnd: isEnd,
      retriers: state.retriers.map {
        Retrier(
          errorEquals: $0.errorEquals, intervalSeconds: $0.intervalSeconds, maxAttempts: $0.maxAttempts,
          backoffRate: $0.backoffRate, maxDelaySeconds: $0.maxDelaySeconds, hasJitter: $0.fullJitter)
      },
      catchers: state.catchers.map { Catcher(errorEquals: $0.errorEquals, next: $0.next.value) },
      dataFlow: dataFlow(state))
  }

  private static func kind(_ kind: StateKind, _ count: inout Int) -> Kind {
    switch kind {
    case .pass(let pass): return .pass(pass.result.map(json))
    case .task(let task): return .task(self.task(task))
    case .choice(let choice):
      let rules = choice.rules.map {
        Rule(condition: condition($0.condition), next: $0.next.value, comment: $0.node["Comment"]?.text)
      }
      return .choice(rules, defaultState: choice.defaultState?.value)
    case .wait(let wait): return .wait(self.wait(wait))
    case .succeed: return .succeed
    case .fail(let fail): return .fail(error: text(fail.error), cause: text(fail.cause))
    case .parallel(let branches): return .parallel(branches.map { machine($0, &count) })
    case .map(let map): return .map(self.map(map, &count))
    }
  }

  private static func task(_ task: TaskDefinition) -> Task {
    let text = task.resource.value
    let resource = TaskResource(text)
    let parts = ResourceName(text).parts
    var action = text
    var form = Task.Form.request
    switch resource.style {
    case .lambdaFunction:
      action = parts.count > 6 ? String(parts[6]) : text
      form = .function
    case .activity:
      action = parts.last.map(String.init) ?? text
      form = .activity
    case .task:
      if resource.type != "native" { action = "\(resource.type):\(resource.action)" }
      if resource.waitsForToken {
        form = .token
      } else if resource.action.hasSuffix(".sync") || resource.action.hasSuffix(".sync:2") {
        form = .job
      }
    }
    var timeout: Int?
    if case .literal(let seconds) = task.timeout { timeout = seconds.value }
    return Task(
      resource: text, action: action, form: form, timeoutSeconds: timeout,
      hasDynamicTimeout: task.timeout != nil && timeout == nil)
  }

  private static func wait(_ wait: WaitDefinition) -> Wait {
    switch wait {
    case .seconds(let seconds): .seconds(seconds.value)
    case .secondsPath(let path): .secondsPath(path.value)
    case .timestamp(let time): .timestamp(time.value)
    case .timestampPath(let path): .timestampPath(path.value)
    case .secondsExpression(let text): .expression(text.value, isTimestamp: false)
    case .timestampExpression(let text): .expression(text.value, isTimestamp: true)
    }
  }

  private static func map(_ map: MapDefinition, _ count: inout Int) -> Map {
    var concurrency: Int?
    if case .literal(let number) = map.maxConcurrency { concurrency = number.value }
    var itemsPath: String?
    if case .path(let path) = map.itemsPath { itemsPath = path.value }
    return Map(
      processor: machine(map.processor, &count), isDistributed: map.isDistributed,
      maxConcurrency: concurrency, itemsPath: itemsPath, itemCount: map.items?.elements?.count,
      hasItemsExpression: map.items != nil, hasReader: map.itemReader != nil,
      hasBatcher: map.itemBatcher != nil)
  }

  private static func dataFlow(_ state: StateDefinition) -> DataFlow {
    var flow = DataFlow()
    flow.inputPath = path(state.inputPath)
    flow.outputPath = path(state.outputPath)
    flow.resultPath = path(state.resultPath)
    flow.shapesInput = state.parameters != nil || state.arguments != nil
    if case .map(let map) = state.kind { flow.shapesInput = map.itemSelector != nil }
    flow.shapesOutput = state.resultSelector != nil || state.output != nil
    flow.isJSONata = state.queryLanguage == .jsonata
    return flow
  }

  private static func path(_ field: PathField) -> DataFlow.Path {
    switch field {
    case .absent: .whole
    case .null: .nothing
    case .path(let path): path.value == "$" ? .whole : .path(path.value)
    }
  }

  private static func text(_ field: TextField?) -> String? {
    switch field {
    case nil: nil
    case .literal(let text), .path(let text), .expression(let text): text.value
    }
  }

  private static func condition(_ condition: ConditionSyntax) -> Condition {
    switch condition {
    case .and(let parts): .and(parts.map(self.condition))
    case .or(let parts): .or(parts.map(self.condition))
    case .not(let part): .not(self.condition(part))
    case .compare(let test):
      .compare(
        variable: test.variable.value, comparator: test.comparator.rawValue,
        operand: test.operandIsPath ? .path(test.operand.text ?? "") : .value(json(test.operand)))
    case .expression(let text): .expression(text.value)
    case .literal(let value): .literal(value)
    }
  }

  /// The value that is written, in whatever notation.
  private static func json(_ node: SyntaxNode) -> JSON {
    switch node.kind {
    case .null: .null
    case .bool(let value): JSON(value)
    case .number(let text): (try? JSON(parsing: text)) ?? JSON(Double(text) ?? 0)
    case .string(let text): JSON(text)
    case .array(let elements): JSON(elements.map(json))
    case .object(let members): JSON(members: members.map { (key: $0.name, value: json($0.value)) })
    }
  }
}

/// Times as histories and definitions write them.
package enum TimestampText {
  /// Milliseconds since 1970, of a text as in RFC 3339.
  package static func milliseconds(_ text: String) -> Int64? {
    Timestamp.parse(text).map { $0.seconds * 1000 + Int64($0.nanoseconds) / 1_000_000 }
  }
}
