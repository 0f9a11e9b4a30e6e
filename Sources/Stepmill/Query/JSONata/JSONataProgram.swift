import CIntrinsics

// An expression, compiled: arrays of trivially copyable records that refer to each other
// by index. It is made once, never changed afterwards, and shared by all evaluations, on
// whichever thread.

/// What a program may use.
struct JSONataOptions: Sendable {
  /// Step Functions' functions, and its rule that a missing context is no argument.
  var stepFunctions = true
  /// The operators `?:` and `??`, which the language got after version 2.0.6.
  var laterOperators = false
  /// Variables whose members are variables of their own to the caller: `$states.input`
  /// becomes the external `states.input`, so nobody has to make a `$states` object. A member
  /// may be split in turn, under the name that it has as an external.
  var split: Set<String> = []
  /// Variables that the caller provides although a function has the same name.
  var variables: [String] = []
  /// Machine stack that compiling may use.
  var stackBytes = 256 << 10
  /// The evaluation can be watched: every part of the expression is a node that tells its
  /// value. Slower than without, and with the same results.
  var traces = false
}

final class JSONataProgram: @unchecked Sendable {
  enum Operation: UInt8 {
    case constant, context, root, external, local, fieldPath
    case path, name, wildcard, descendant
    case negate, add, subtract, multiply, divide, remainder
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, contained
    case and, or, concatenate, range
    case condition, elvis, coalesce
    case array, object
    case block, bind
    case call, callBuiltin, partial, lambda, transform, apply, applyCall
    /// Predicates and a grouping behind an expression that is no path.
    case post
    case unsupported
  }

  struct Node: BitwiseCopyable {
    var operation: Operation
    var flags: UInt8 = 0
    /// Levels of evaluation that this node stands for beyond its own.
    var height: UInt16 = 0
    var a: Int32 = 0
    var b: Int32 = 0
    var c: Int32 = 0
    var position: Int32 = 0

    static let keepArray: UInt8 = 1
    /// An array constructor: its result stays nested in the path around it.
    static let constructed: UInt8 = 2
    /// A call in tail position.
    static let tail: UInt8 = 4
    /// An item of an array constructor that is itself one: pushed, not flattened.
    static let nested: UInt8 = 8
    /// A block with a frame of its own.
    static let ownFrame: UInt8 = 16
    /// A call whose callee is a bare name: a missing `$`, most likely.
    static let bareName: UInt8 = 32
  }

  struct Step: BitwiseCopyable {
    var node: Int32
    /// The constant that is the step's name, if all the step does is to look it up.
    var key: Int32 = -1
    /// In place of a key: the step is `$`, its items are those that it is given.
    static let itself: Int32 = -2
    var stages: Int32 = 0
    var stageCount: Int32 = 0
    /// Columns of the path's rows, or -1.
    var focus: Int32 = -1
    var index: Int32 = -1
    var ancestor: Int32 = -1
    /// The first of the sort terms, for a sort step.
    var terms: Int32 = -1
    var termCount: Int32 = 0
    var position: Int32 = 0
    var constructed = false
    var tuple = false
  }

  struct Stage: BitwiseCopyable {
    /// The predicate; or -1 if positions are bound to `column`.
    var node: Int32
    var column: Int32 = -1
    /// A predicate that is a number: the index it stands for.
    var isIndex = false
    var literal: Int64 = 0
  }

  struct Term: BitwiseCopyable {
    var node: Int32
    var descending: Bool
  }

  struct Pair: BitwiseCopyable {
    var key: Int32
    var value: Int32
  }

  struct Group: BitwiseCopyable {
    var pairs: Int32
    var pairCount: Int32
    var position: Int32
    /// All keys are constants and differ.
    var constantKeys: Bool
  }

  struct Path: BitwiseCopyable {
    /// Its own index: rows name the path that laid them out.
    var identity: Int32
    var steps: Int32
    var stepCount: Int32
    var group: Int32 = -1
    /// Frame slots of the row's columns, in `lists`.
    var columns: Int32 = 0
    var columnCount: Int32 = 0
    var keepSingleton = false
    var keepsTuples = false
    var startsWithVariable = false
    var hasTuples = false
  }

  struct Lambda: BitwiseCopyable {
    var body: Int32
    var parameterCount: Int32
    var slotCount: Int32
    /// Signature in `parameters`, or -1.
    var signature: Int32
    var signatureCount: Int32
    /// Something may keep its frame alive.
    var keepsFrame: Bool
  }

  struct Transform: BitwiseCopyable {
    var pattern: Int32
    var update: Int32
    var delete: Int32
    /// What `$clone` means where the transform stands.
    var clone: Int32
    var position: Int32
    var updatePosition: Int32
    var deletePosition: Int32
  }

  /// What a post node does with the value of its inner node.
  struct Post: BitwiseCopyable {
    var stages: Int32
    var stageCount: Int32
    var group: Int32
  }

  /// All that an evaluation reads, in one place: a machine holds nothing but its address,
  /// so it counts no references.
  struct Tables: BitwiseCopyable {
    var nodes: UnsafeMutablePointer<Node>
    var constants: UnsafeMutablePointer<Value>
    var lists: UnsafeMutablePointer<Int32>
    var steps: UnsafeMutablePointer<Step>
    var stages: UnsafeMutablePointer<Stage>
    var terms: UnsafeMutablePointer<Term>
    var pairs: UnsafeMutablePointer<Pair>
    var groups: UnsafeMutablePointer<Group>
    var paths: UnsafeMutablePointer<Path>
    var lambdas: UnsafeMutablePointer<Lambda>
    var transforms: UnsafeMutablePointer<Transform>
    var posts: UnsafeMutablePointer<Post>
    var parameters: UnsafeMutablePointer<JSONataSignature.Parameter>
    var builtins: UnsafePointer<JSONataBuiltin.Row>
    var stepFunctions: Bool
    /// The program itself, for what is looked at rarely.
    var owner: Unmanaged<JSONataProgram>
  }

  let tables: UnsafeMutablePointer<Tables>
  let regexes: [ECMARegularExpression]
  /// Names that errors mention.
  let names: [String]
  let entry: Int32
  let slotCount: Int
  let options: JSONataOptions
  private let memory: [UnsafeMutableRawPointer]

  /// The variables that the caller provides, in the order of their slots.
  let externals: [String]
  /// What the expression wants from an input where Step Functions has none: bare names,
  /// `$`, `$$`, `*` and `**`, each once, in order of appearance.
  let contextReferences: [String]
  let source: [UInt8]
  /// It calls `$now` or `$millis`: the environment must have the time.
  let usesClock: Bool
  /// Where the nodes stand in the text, in UTF-16 units.
  let ranges: [Range<Int32>]

  init(_ compiler: JSONataCompiler, entry: Int32, source: [UInt8], options: JSONataOptions) {
    tables = .allocate(capacity: 1)
    regexes = compiler.regexes
    ranges = options.traces ? compiler.ranges : []
    names = compiler.names
    memory = compiler.memory
    externals = compiler.externals
    contextReferences = compiler.contextReferences
    slotCount = compiler.rootFrame.slotCount
    usesClock = compiler.usesClock
    self.entry = entry
    self.source = source
    self.options = options
    tables.initialize(
      to: Tables(
        nodes: Self.copy(compiler.nodes), constants: Self.copy(compiler.constants),
        lists: Self.copy(compiler.lists), steps: Self.copy(compiler.steps),
        stages: Self.copy(compiler.stages), terms: Self.copy(compiler.terms),
        pairs: Self.copy(compiler.pairs), groups: Self.copy(compiler.groups),
        paths: Self.copy(compiler.paths), lambdas: Self.copy(compiler.lambdas),
        transforms: Self.copy(compiler.transforms), posts: Self.copy(compiler.posts),
        parameters: Self.copy(compiler.parameters), builtins: JSONataBuiltin.rows,
        stepFunctions: options.stepFunctions, owner: Unmanaged.passUnretained(self)))
  }

  private static func copy<Record: BitwiseCopyable>(_ records: [Record]) -> UnsafeMutablePointer<Record> {
    let result = UnsafeMutablePointer<Record>.allocate(capacity: max(records.count, 1))
    for (index, record) in records.enumerated() { (result + index).initialize(to: record) }
    return result
  }

  deinit {
    let tables = tables.pointee
    tables.nodes.deallocate()
    tables.constants.deallocate()
    tables.lists.deallocate()
    tables.steps.deallocate()
    tables.stages.deallocate()
    tables.terms.deallocate()
    tables.pairs.deallocate()
    tables.groups.deallocate()
    tables.paths.deallocate()
    tables.lambdas.deallocate()
    tables.transforms.deallocate()
    tables.posts.deallocate()
    tables.parameters.deallocate()
    self.tables.deallocate()
    for block in memory { block.deallocate() }
  }

  /// Compiles an expression given in the engine's UTF-8.
  static func compile(
    _ text: UnsafeRawBufferPointer, options: JSONataOptions = JSONataOptions()
  ) throws(JSONataError) -> JSONataProgram {
    let units = JSONataText.units(text)
    let here = stepmill_frame_address()
    let stackLimit = here > UInt(options.stackBytes) ? here - UInt(options.stackBytes) : 0
    var parser = JSONataParser(units, options: options, stackLimit: stackLimit)
    let tree = try parser.parse()
    var ancestry = JSONataAncestry(stackLimit: stackLimit)
    let root = try ancestry.rewrite(tree)
    let compiler = JSONataCompiler(options: options, stackLimit: stackLimit)
    let entry: Int32
    do {
      entry = try compiler.compileRoot(root)
    } catch {
      compiler.discard()
      throw error
    }
    return JSONataProgram(compiler, entry: entry, source: Array(text), options: options)
  }

  static func compile(
    _ text: String, options: JSONataOptions = JSONataOptions()
  ) throws(JSONataError) -> JSONataProgram {
    let bytes = Array(text.utf8)
    // Typed throws do not pass through the closure, so the outcome does.
    let result: Result<JSONataProgram, JSONataError> = bytes.withUnsafeBytes { buffer in
      do throws(JSONataError) {
        return .success(try compile(buffer, options: options))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
