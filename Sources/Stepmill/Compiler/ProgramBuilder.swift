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
  private var parsedPaths: [JSONPath] = []

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

  /// A string that lives as long as the program; equal texts share one. The hash is set.
  mutating func string(_ text: String) -> Value {
    constants[Int(constant(text))]
  }

  /// The index of a string constant.
  mutating func constant(_ text: String) -> UInt32 {
    if let index = interned[text] { return index }
    let index = constant(arena.pointee.key(text))
    _ = interned.insert(text, index)
    return index
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
    if let number = resourceNumbers[text] { return number }
    resources.append(text)
    let number = UInt32(resources.count - 1)
    _ = resourceNumbers.insert(text, number)
    taskResources.append(TaskResource(text))
    return number
  }

  /// What a resource says, taken apart once: a large definition names few of them, many times.
  mutating func taskResource(_ text: String) -> TaskResource { taskResources[Int(resource(text))] }

  /// A path, parsed once; nil if it is none.
  mutating func parsedPath(_ text: String) -> JSONPath? {
    if let number = pathNumbers[text] { return parsedPaths[Int(number)] }
    guard let path = try? JSONPath.parse(text) else { return nil }
    _ = pathNumbers.insert(text, UInt32(parsedPaths.count))
    parsedPaths.append(path)
    return path
  }
}
