#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The tables of a program while they grow. Index 0 of each is the dummy.
struct ProgramBuilder: ~Copyable {
  var ops: [Op] = []
  var names: [Value] = [.missing]
  var constants: [Value] = [.missing]
  var paths: [PathOp] = []
  var segments: [Value] = [.missing]
  var references: [ReferenceOp] = []
  var templates: [TemplateNode] = []
  var calls: [CallOp] = []
  var arguments: [ArgumentOp] = []
  var tests: [ChoiceTest] = []
  var exits: [ChoiceExit] = []
  var assigns: [AssignOp] = []
  var assignSlots: [UInt32] = []
  var policies: [ErrorPolicy] = []
  var retriers: [RetrierOp] = []
  var catchers: [CatcherOp] = []
  var errorNames: [Value] = []
  var tasks: [TaskOp] = []
  var machines: [MachineOp] = []
  var maps: [MapOp] = []
  var expressions = [
    ExpressionOp(
      program: nil, keys: nil, keyCount: 0, firstExternal: 0, externalCount: 0, text: 0, field: 0,
      shape: .general)
  ]
  var externals: [ExternalOp] = []
  var generalPaths: [JSONPath] = []
  /// What the expressions refer to.
  var programs: [JSONataProgram] = []
  var distributedMaps: [DistributedMap] = []
  var resources: [String] = []
  var timeoutSeconds: Int?
  var readsExecutionInput = false
  var comment: String?

  /// Where names and constants live; the finished program takes it over.
  let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>
  private var parser = JSONParser()
  private var interned = NameIndex()
  private var resourceNumbers = NameIndex()
  private var taskResources: [TaskResource] = []
  private var pathNumbers = NameIndex()
  private var knownPaths: [KnownPath] = []

  init() {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
    let noPath = PathOp(
      root: .data, kind: .whole, depth: 0, slot: 0, first: 0, count: 0, text: 0, field: 0)
    paths = [noPath]
    ops = [
      Op(
        code: .finish, type: .succeed, flags: [], next: 0, name: 0, inputPath: 0, parameters: 0,
        resultSelector: 0, resultPath: 0, outputPath: 0, assign: 0, policy: 0, a: 0, b: 0)
    ]
    let noReference = ReferenceOp(first: 0, count: 0, text: 0)
    references = [noReference, noReference]
    templates = [TemplateNode(key: .missing, kind: .constant, index: 0, extent: 1, bytes: 0)]
    calls = [CallOp(function: .array, count: 0, first: 0, text: 0, template: 0)]
    exits = [ChoiceExit(next: 0, assign: 0, isDeadEnd: true)]
    tests = [
      ChoiceTest(
        comparator: .isPresent, operandIsPath: false, path: 0, onTrue: 0, onFalse: 0, operand: .missing,
        nanoseconds: 0)
    ]
    assigns = [AssignOp(template: 0, firstSlot: 0, count: 0)]
    policies = [ErrorPolicy(firstRetrier: 0, retrierCount: 0, firstCatcher: 0, catcherCount: 0)]
    tasks = [
      TaskOp(
        style: .task, waitsForToken: false, handler: 0, resource: 0, resourceType: 0, resourceAction: 0,
        timeout: 0, heartbeat: 0, timeoutIsPath: false, heartbeatIsPath: false, credentials: 0)
    ]
    machines = [MachineOp(start: 0, firstOp: 0, opCount: 0, variableCount: 0, depth: 0)]
    maps = [MapOp(machine: 0, itemsPath: 0, itemSelector: 0, maxConcurrency: 0, maxConcurrencyPath: 0)]
  }

  /// Makes room for a machine of so many states: growing by doubling is a twentieth of compiling a small one.
  mutating func reserve(states: Int) {
    let count = min(states, 4096) + 1
    ops.reserveCapacity(count)
    names.reserveCapacity(count)
    constants.reserveCapacity(count * 8)
    paths.reserveCapacity(count * 2)
    segments.reserveCapacity(count * 2)
    references.reserveCapacity(count)
    templates.reserveCapacity(count * 2)
    tasks.reserveCapacity(count)
    tests.reserveCapacity(count)
    exits.reserveCapacity(count)
    policies.reserveCapacity(count)
  }

  /// A string that lives as long as the program; equal texts share one. The hash is set.
  mutating func string(_ text: String) -> Value {
    constants[Int(constant(text))]
  }

  /// The index of a string constant.
  mutating func constant(_ text: String) -> UInt32 {
    if let index = interned.insert(text, UInt32(constants.count)) { return index }
    return constant(arena.pointee.key(text))
  }

  mutating func constant(_ value: Value) -> UInt32 {
    constants.append(value)
    return UInt32(constants.count - 1)
  }

  /// The JSON value of a node, parsed by the same parser that reads inputs, so that a
  /// literal in a definition and one in an input are the same value.
  mutating func value(of node: SyntaxNode, in source: SourceText) -> Value {
    let count = node.range.count
    let text = arena.pointee.allocate(count + JSONParser.padding)
    source.bytes.withUnsafeBytes {
      text.copyMemory(from: $0.baseAddress! + node.range.lowerBound, byteCount: count)
    }
    memset(text + count, 0, JSONParser.padding)
    do {
      return try parser.parse(UnsafeRawBufferPointer(start: text, count: count), into: arena)
    } catch {
      preconditionFailure("BUG in Stepmill (please report): a literal that was read does not parse: \(error)")
    }
  }

  /// The value of a number's text.
  mutating func number(_ text: String) -> Value {
    var bytes = Array(text.utf8)
    let count = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: JSONParser.padding))
    let copy = arena.pointee.allocate(bytes.count)
    bytes.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: bytes.count) }
    do {
      return try parser.parse(UnsafeRawBufferPointer(start: copy, count: count), into: arena)
    } catch {
      preconditionFailure("BUG in Stepmill (please report): a checked number does not parse: \(text)")
    }
  }

  /// What a key takes when it is written, with its colon and a comma.
  func writtenSize(of key: Value) -> UInt32 { key.isMissing ? 1 : UInt32(key.serializedSize + 2) }

  /// The number of a task resource in the workflow's table of handlers.
  mutating func resource(_ text: String) -> UInt32 {
    let next = UInt32(resources.count)
    if let number = resourceNumbers.insert(text, next) { return number }
    resources.append(text)
    taskResources.append(TaskResource(text))
    return next
  }

  /// What a resource says, taken apart once: a large definition names few of them, many times.
  mutating func taskResource(_ text: String) -> TaskResource { taskResources[Int(resource(text))] }

  /// A path with its steps laid down, once for all places that name it; nil if the text is none.
  mutating func knownPath(_ text: String) -> KnownPath? {
    if let number = pathNumbers[text] { return knownPaths[Int(number)] }
    guard let path = plainPath(text) ?? parsedPath(text) else { return nil }
    _ = pathNumbers.insert(text, UInt32(knownPaths.count))
    knownPaths.append(path)
    return path
  }

  /// Nearly all paths are names and indexes in the data (`$.order.lines[0]`), which need no parser.
  private mutating func plainPath(_ text: String) -> KnownPath? {
    guard QuerySyntax.isPlainReference(text), text.utf8.dropFirst().first != UInt8(ascii: "$") else {
      return nil
    }
    var path = KnownPath(root: .data, first: UInt32(segments.count), text: constant(text))
    var rest = text.utf8.dropFirst()
    while let opening = rest.popFirst() {
      if opening == UInt8(ascii: "[") {
        let digits = rest.prefix { $0 != UInt8(ascii: "]") }
        segments.append(.integer(digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }))
        rest = rest.dropFirst(digits.count + 1)
        path.kind = .steps
      } else {
        let name = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") }
        segments.append(string(String(Substring(name))))
        rest = rest.dropFirst(name.count)
        if path.kind == .whole { path.kind = .fields }
      }
    }
    path.count = UInt32(segments.count) - path.first
    return path
  }

  private mutating func parsedPath(_ text: String) -> KnownPath? {
    guard let parsed = try? JSONPath.parse(text) else { return nil }
    var path = KnownPath(root: .data, first: 0, text: constant(text))
    path.count = UInt32(parsed.steps.count)
    switch parsed.root {
    case .data: break
    case .context:
      path.root = .context
      path.executionInput = parsed.executionInput
    case .variable(let name):
      path.root = .variable
      path.variable = name
    }
    guard !parsed.steps.isEmpty else { return path }
    path.kind = .fields
    var steps: [Value] = []
    for step in parsed.steps {
      switch step {
      case .property(let name):
        steps.append(string(name))
      case .index(let index):
        steps.append(.integer(Int64(index)))
        path.kind = .steps
      default:
        path.kind = .general
        path.first = UInt32(generalPaths.count)
        generalPaths.append(parsed)
        return path
      }
    }
    path.first = UInt32(segments.count)
    segments.append(contentsOf: steps)
    return path
  }
}

/// What a path's text means wherever it stands.
struct KnownPath {
  var root: PathOp.Root
  var kind = PathOp.Kind.whole
  /// In `segments` or `generalPaths`; see `PathOp`.
  var first: UInt32
  var count: UInt32 = 0
  /// In `constants`.
  var text: UInt32
  /// What it starts at, if that is a variable. Where that lives depends on the place.
  var variable: String?
  var executionInput = ExecutionInputUse.none
}

/// Where a path may read the execution's input.
///
/// A path that finds nothing reads it as well: the error's text shows the whole context object. So
/// only paths to what is there for certain do not.
enum ExecutionInputUse {
  case none, everywhere
  /// Where no item of a Map is at hand.
  case outsideIterations
  /// In states that have no token.
  case withoutToken
}

extension JSONPath {
  /// What a context path has to do with `Execution.Input`.
  fileprivate var executionInput: ExecutionInputUse {
    guard steps.count == 2, case .property(let part) = steps[0], case .property(let name) = steps[1] else {
      return isMapItem ? .outsideIterations : .everywhere
    }
    switch (part, name) {
    case ("Execution", "Id"), ("Execution", "Name"), ("Execution", "StartTime"), ("Execution", "RoleArn"),
      ("StateMachine", "Id"), ("StateMachine", "Name"), ("State", "Name"), ("State", "EnteredTime"):
      return .none
    case ("Task", "Token"): return .withoutToken
    default: return .everywhere
    }
  }

  /// `$$.Map.Item.Value` and `$$.Map.Item.Index`, which most ItemSelectors ask for.
  private var isMapItem: Bool {
    guard steps.count == 3, case .property("Map") = steps[0], case .property("Item") = steps[1],
      case .property(let name) = steps[2]
    else { return false }
    return name == "Value" || name == "Index"
  }
}
