// The compiled form of a state machine.
//
// Compilation turns names into numbers: a state is an index into the op table, a path a
// run of pre-hashed keys, a choice a chain of tests with two exits, a template a run of
// nodes, a variable a slot in a scope. All tables are contiguous, trivially copyable and
// immutable; every execution of the workflow reads the same ones, on any loop.
//
// Index 0 of every table is a dummy, so 0 means "there is none" wherever an op refers to
// something optional.

/// The tables, as the interpreter sees them. Their memory belongs to a `Program`.
struct ProgramTables: BitwiseCopyable {
  var ops: UnsafePointer<Op>
  var names: UnsafePointer<Value>
  var constants: UnsafePointer<Value>
  var paths: UnsafePointer<PathOp>
  var segments: UnsafePointer<Value>
  var references: UnsafePointer<ReferenceOp>
  var templates: UnsafePointer<TemplateNode>
  var calls: UnsafePointer<CallOp>
  var arguments: UnsafePointer<ArgumentOp>
  var tests: UnsafePointer<ChoiceTest>
  var exits: UnsafePointer<ChoiceExit>
  var assigns: UnsafePointer<AssignOp>
  var assignSlots: UnsafePointer<UInt32>
  var policies: UnsafePointer<ErrorPolicy>
  var retriers: UnsafePointer<RetrierOp>
  var catchers: UnsafePointer<CatcherOp>
  var errorNames: UnsafePointer<Value>
  var tasks: UnsafePointer<TaskOp>
  var machines: UnsafePointer<MachineOp>
  var maps: UnsafePointer<MapOp>
  var expressions: UnsafePointer<ExpressionOp>
  var externals: UnsafePointer<ExternalOp>
}

enum OpCode: UInt8 {
  /// The end of a machine: the fiber's data is its result.
  case finish
  /// A Pass that hands its input on untouched.
  case pass
  /// A Pass with any data flow.
  case passData
  case choice
  case task
  case wait
  case succeed
  case fail
  case parallel
  case map
}

/// The eight state types, for names in events.
enum OpType: UInt8 {
  case pass, task, choice, wait, succeed, fail, parallel, map
}

/// One state.
struct Op: BitwiseCopyable {
  var code: OpCode
  var type: OpType
  var flags: Flags
  /// The op to go on with.
  var next: UInt32
  /// Its name, in `names`.
  var name: UInt32
  var inputPath: UInt32
  var parameters: UInt32
  /// JSONata: the template of `Output`.
  var resultSelector: UInt32
  /// In `references`; `ReferenceOp.discard` for `null`.
  var resultPath: UInt32
  var outputPath: UInt32
  var assign: UInt32
  /// Retriers and catchers, in `policies`.
  var policy: UInt32
  /// What the code says:
  ///   passData   a constant (Pass `Result`)
  ///   choice     first test
  ///   task       in `tasks`
  ///   wait       see `WaitMode` in b; a constant or a path
  ///   fail       error: constant (flag errorIsPath clear), path or call (JSONata: expression)
  ///   parallel   first branch, in `machines`
  ///   map        in `maps`
  var a: UInt32
  /// choice: the exit for Default (0: there is none). fail: cause. parallel: number of branches. wait: mode.
  var b: UInt32

  struct Flags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Input, output and result fields are all absent: data passes as it is.
    static let plainInput = Flags(rawValue: 1)
    static let plainOutput = Flags(rawValue: 2)
    /// Fail: what `a` and `b` index.
    static let errorIsPath = Flags(rawValue: 4)
    static let errorIsCall = Flags(rawValue: 8)
    static let causeIsPath = Flags(rawValue: 16)
    static let causeIsCall = Flags(rawValue: 32)
    /// The state's query language is JSONata: what it evaluates is in `expressions`.
    static let jsonata = Flags(rawValue: 64)
    /// Choice and Succeed: data passes as it is.
    static let plain: Flags = [.plainInput, .plainOutput]
    /// Pass: Parameters are all there is.
    static let parametersOnly = Flags(rawValue: 128)
  }
}

extension Op {
  /// Where an op stands in its table.
  ///
  /// A pointer's distance divided by 48, which takes ten instructions when nobody knows that nothing is left
  /// over. It is: so by 16, and times the inverse of 3 modulo 2^32.
  @inline(__always)
  static func index(of op: UnsafePointer<Op>, in ops: UnsafePointer<Op>) -> UInt32 {
    guard MemoryLayout<Op>.stride == 48 else { return UInt32(truncatingIfNeeded: op - ops) }
    let bytes = UnsafeRawPointer(op) - UnsafeRawPointer(ops)
    return UInt32(truncatingIfNeeded: bytes &>> 4) &* 0xAAAA_AAAB
  }
}

enum WaitMode: UInt32 {
  case seconds, secondsPath, timestamp, timestampPath, secondsExpression, timestampExpression
}

/// A path into the data, the context object or a variable.
struct PathOp: BitwiseCopyable {
  enum Root: UInt8 { case data, context, variable }
  enum Kind: UInt8 {
    /// One member of the data, by its name: the commonest path.
    case field
    /// The root itself.
    case whole
    /// Member names only.
    case fields
    /// Member names and element indexes.
    case steps
    /// Anything else: evaluated by `JSONPath`.
    case general
    /// `null` in InputPath or OutputPath: an empty object.
    case empty
  }
  var root: Root
  var kind: Kind
  /// Variable: how many scopes up, and which slot there.
  var depth: UInt16
  var slot: UInt32
  /// In `segments`; for `general`, in the program's list of paths.
  var first: UInt32
  var count: UInt32
  /// The path as written and the field it stands in, in `constants`: for error texts.
  var text: UInt32
  var field: UInt32
}

extension PathOp {
  /// What it selects is a part of the data: no larger than the whole. A variable or the context
  /// object may be larger, and a list of matches may hold one part many times.
  @inline(__always) var selectsWithin: Bool { root == .data && kind != .general }
}

/// Where a result goes: names and indexes from the root.
struct ReferenceOp: BitwiseCopyable {
  /// In `segments`.
  var first: UInt32
  var count: UInt32
  var text: UInt32

  /// `"ResultPath": null`.
  static let discard: UInt32 = 1
}

/// A node of a payload template, in pre-order.
struct TemplateNode: BitwiseCopyable {
  enum Kind: UInt8 { case constant, path, call, expression, object, array }
  /// The member's name where the parent is an object.
  var key: Value
  var kind: Kind
  /// In `constants`, `paths`, `calls` or `expressions`; for containers, how many children follow.
  var index: UInt32
  /// How many nodes this one takes with all it holds.
  var extent: UInt32
  /// Bytes that the key and what is constant here take when written.
  var bytes: UInt32
}

/// An intrinsic call.
struct CallOp: BitwiseCopyable {
  var function: Intrinsic
  var count: UInt16
  /// In `arguments`.
  var first: UInt32
  /// The call as written, in `constants`.
  var text: UInt32
  /// `States.Format` with a literal template: where its pieces stand in `constants`, behind
  /// their number; else 0.
  var template: UInt32
  /// `States.MathAdd` of a member of the data and a whole number, as loops count: what is added, else 0.
  var addend: Int32 = 0
  /// And the member's name, in `segments`.
  var counter: UInt32 = 0
}

struct ArgumentOp: BitwiseCopyable {
  enum Kind: UInt8 { case constant, path, call }
  var kind: Kind
  var index: UInt32
}

/// One comparison of a Choice. And, Or and Not are gone: they became the two exits.
struct ChoiceTest: BitwiseCopyable {
  var comparator: ComparatorCode
  /// Operand is the value of a path.
  var operandIsPath: Bool
  /// The Variable.
  var path: UInt32
  /// Where to go: a test's index, or the complement of an exit's index.
  var onTrue: Int32
  var onFalse: Int32
  /// The constant; for paths its payload is the path's index; for timestamps seconds.
  var operand: Value
  /// Timestamps: nanoseconds of the constant.
  var nanoseconds: Int32
}

enum ComparatorCode: UInt8 {
  case stringEquals, stringLess, stringGreater, stringLessOrEqual, stringGreaterOrEqual, stringMatches
  case numericEquals, numericLess, numericGreater, numericLessOrEqual, numericGreaterOrEqual
  case booleanEquals
  case timestampEquals, timestampLess, timestampGreater, timestampLessOrEqual, timestampGreaterOrEqual
  case isNull, isPresent, isNumeric, isString, isBoolean, isTimestamp
  /// JSONata: the expression whose index stands in `path` gives true.
  case condition
}

/// Where a Choice leads when a rule matches.
struct ChoiceExit: BitwiseCopyable {
  var next: UInt32
  var assign: UInt32
  /// JSONata: the template of the rule's `Output`.
  var output: UInt32 = 0
  /// No rule matched and there is no Default.
  var isDeadEnd: Bool
}

/// An `Assign`: its template is evaluated whole, then its members go to their slots.
struct AssignOp: BitwiseCopyable {
  var template: UInt32
  /// In `assignSlots`, one for each member of the template.
  var firstSlot: UInt32
  var count: UInt32
}

/// What a state does about errors.
struct ErrorPolicy: BitwiseCopyable {
  var firstRetrier: UInt32
  var retrierCount: UInt32
  var firstCatcher: UInt32
  var catcherCount: UInt32
}

struct RetrierOp: BitwiseCopyable {
  var firstName: UInt32
  var nameCount: UInt32
  var maxAttempts: UInt32
  var fullJitter: Bool
  var intervalSeconds: Double
  var backoffRate: Double
  var maxDelaySeconds: Double
}

struct CatcherOp: BitwiseCopyable {
  var firstName: UInt32
  var nameCount: UInt32
  var next: UInt32
  var resultPath: UInt32
  var assign: UInt32
  /// JSONata: the template of the catcher's `Output`.
  var output: UInt32 = 0
}

/// How a task's life appears in the history.
enum TaskStyle: UInt8 {
  /// `TaskScheduled`, `TaskStarted`, …
  case task
  /// `LambdaFunctionScheduled`, …: a function's ARN as the resource.
  case lambdaFunction
  /// `ActivityScheduled`, …
  case activity
}

struct TaskOp: BitwiseCopyable {
  var style: TaskStyle
  /// `.waitForTaskToken`: the handler's answer is only the submission.
  var waitsForToken: Bool
  /// In the workflow's table of handlers.
  var handler: UInt32
  /// In `constants`: the resource as written, and its two parts for events.
  var resource: UInt32
  var resourceType: UInt32
  var resourceAction: UInt32
  /// Seconds, or 0; a path (JSONata: an expression) where the flag says so.
  var timeout: UInt32
  var heartbeat: UInt32
  var timeoutIsPath: Bool
  var heartbeatIsPath: Bool
  /// A template, or 0.
  var credentials: UInt32
}

/// A `States` object: where it starts and what its scope holds.
struct MachineOp: BitwiseCopyable {
  var start: UInt32
  /// Its own states, which stand in a row in `ops`.
  var firstOp: UInt32
  var opCount: UInt32
  /// Slots of its own scope.
  var variableCount: UInt32
  /// How many machines stand around it.
  var depth: UInt32
}

struct MapOp: BitwiseCopyable {
  var machine: UInt32
  var itemsPath: UInt32
  var itemSelector: UInt32
  /// 0: no bound of its own.
  var maxConcurrency: UInt32
  /// JSONata: an expression.
  var maxConcurrencyPath: UInt32
  /// JSONata: the template of `Items`.
  var items: UInt32 = 0
  /// In the program's list of Distributed Maps, counted from 1; 0: the Map is inline.
  var distributed: UInt32 = 0
}

/// A JSONata expression where it stands in the definition.
struct ExpressionOp: BitwiseCopyable {
  /// How much of the evaluator it takes.
  enum Shape: UInt8 {
    /// Anything.
    case general
    /// One external, or names behind it: looked up on the spot.
    case fields
  }
  /// Retained by the `Program`.
  var program: Unmanaged<JSONataProgram>?
  /// For `fields`: the names, in the program.
  var keys: UnsafePointer<Value>?
  var keyCount: UInt32
  /// In `externals`: one for each variable that the expression reads.
  var firstExternal: UInt32
  var externalCount: UInt32
  /// The expression as written and the field it stands in (`Output/a[0]`), in `constants`.
  var text: UInt32
  var field: UInt32
  var shape: Shape
}

/// A variable of an expression that the engine provides.
struct ExternalOp: BitwiseCopyable {
  enum Kind: UInt8 {
    /// Something that does not exist.
    case missing
    /// `$states.input`, `$states.result`, `$states.errorOutput`, and `$states` as a whole.
    case input, result, errorOutput, states
    /// A workflow variable or a part of the context object: what a path selects.
    case path
  }
  var kind: Kind
  /// In `paths`.
  var path: UInt32
  /// The function of that name, which is what the name means until the variable is assigned.
  var builtin: JSONataBuiltin?
}

/// A compiled workflow: owns the tables and all constants in them.
///
/// Immutable once made, which is what makes it `Sendable`; the pointers lead into memory
/// that lives as long as the object.
final class Program: @unchecked Sendable {
  let tables: UnsafePointer<ProgramTables>
  /// The tables in one piece of memory each, freed together.
  private let blocks: [UnsafeMutableRawBufferPointer]
  private let pool: UnsafeMutablePointer<ChunkPool>
  private var constantsArena: Arena

  /// Paths that are more than names and indexes.
  let generalPaths: [JSONPath]
  /// What `expressions` refer to.
  private let programs: [JSONataProgram]
  /// Those of its own machines; what is distributed inside their item processors belongs to the
  /// programs of those.
  let distributedMaps: [DistributedMap]
  /// The resources of all tasks, by the number that `TaskOp.handler` holds.
  let resources: [String]
  let counts: Counts
  /// What the tables and constants take in memory.
  let byteCount: Int
  let timeoutSeconds: Int?
  /// Some path reads `$$.Execution.Input`, or enough of `$$` to include it.
  let readsExecutionInput: Bool
  let comment: String?

  struct Counts {
    var ops = 0
    var machines = 0
    var paths = 0
    var templates = 0
    var tests = 0
    var calls = 0
    var expressions = 0
    var tasks = 0
    var constants = 0
  }

  init(building builder: consuming ProgramBuilder) {
    var blocks: [UnsafeMutableRawBufferPointer] = []
    func freeze<Element: BitwiseCopyable>(_ table: [Element]) -> UnsafePointer<Element> {
      let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(table.count, 1))
      _ = memory.initialize(from: table)
      blocks.append(UnsafeMutableRawBufferPointer(memory))
      return UnsafePointer(memory.baseAddress.unsafelyUnwrapped)
    }
    let tables = UnsafeMutablePointer<ProgramTables>.allocate(capacity: 1)
    tables.initialize(
      to: ProgramTables(
        ops: freeze(builder.ops),
        names: freeze(builder.names),
        constants: freeze(builder.constants),
        paths: freeze(builder.paths),
        segments: freeze(builder.segments),
        references: freeze(builder.references),
        templates: freeze(builder.templates),
        calls: freeze(builder.calls),
        arguments: freeze(builder.arguments),
        tests: freeze(builder.tests),
        exits: freeze(builder.exits),
        assigns: freeze(builder.assigns),
        assignSlots: freeze(builder.assignSlots),
        policies: freeze(builder.policies),
        retriers: freeze(builder.retriers),
        catchers: freeze(builder.catchers),
        errorNames: freeze(builder.errorNames),
        tasks: freeze(builder.tasks),
        machines: freeze(builder.machines),
        maps: freeze(builder.maps),
        expressions: freeze(builder.expressions),
        externals: freeze(builder.externals)))
    self.tables = UnsafePointer(tables)
    self.blocks = blocks
    pool = builder.pool
    byteCount =
      blocks.reduce(MemoryLayout<ProgramTables>.size) { $0 + $1.count } + pool.pointee.bytesUsed
    constantsArena = builder.arena.move()
    builder.arena.deallocate()
    generalPaths = builder.generalPaths
    programs = builder.programs
    distributedMaps = builder.distributedMaps
    resources = builder.resources
    timeoutSeconds = builder.timeoutSeconds
    readsExecutionInput = builder.readsExecutionInput
    comment = builder.comment
    counts = Counts(
      ops: builder.ops.count - 1, machines: builder.machines.count - 1, paths: builder.paths.count - 1,
      templates: builder.templates.count - 1, tests: builder.tests.count - 1, calls: builder.calls.count - 1,
      expressions: builder.expressions.count - 1, tasks: builder.tasks.count - 1,
      constants: builder.constants.count - 1)
  }

  /// The resources of its tasks, and of those inside Distributed Maps.
  var allResources: [String] { resources + distributedMaps.flatMap(\.program.allResources) }

  deinit {
    constantsArena.release()
    pool.deinitialize(count: 1)
    pool.deallocate()
    for block in blocks { block.deallocate() }
    UnsafeMutablePointer(mutating: tables).deinitialize(count: 1)
    tables.deallocate()
  }
}
