import CLibuv

/// An expression, compiled once and evaluated any number of times, from any thread.
///
/// The languages are those of workflows: JSONata, and JSONPath with its intrinsic functions.
///
/// ```swift
/// let total = try Query("$sum(lines.(price * quantity))")
/// let order: JSON = ["lines": [["price": 2.5, "quantity": 2], ["price": 10, "quantity": 1]]]
/// print(try total.evaluate(order) ?? "nothing")  // 15
///
/// let greeting = try Query("States.Format('Hello, {}!', $.name)", language: .jsonPath)
/// print(try greeting.evaluate(["name": "Ada"]) ?? "nothing")  // "Hello, Ada!"
/// ```
///
/// Evaluation has limits on steps, nesting, memory and time, all ending in a ``QueryError``: no
/// expression can hang a thread or fill the memory. The value that is returned owns its memory.
public struct Query: Sendable {
  /// A language of expressions.
  public enum Language: Sendable, Hashable {
    /// JSONata 2.0.6 with the functions that Step Functions adds and without `$eval`.
    ///
    /// The input is what `$` and bare names are about, and it is `$states.input`, too.
    case jsonata
    /// A path (`$.order.id`, `$$.Execution.Name`, `$variable.x`), or a call of an intrinsic
    /// function (`States.MathAdd($.n, 1)`).
    case jsonPath
  }

  /// The expression as given.
  public let text: String
  /// What the text is written in.
  public let language: Language
  let program: Program

  enum Program: Sendable {
    case jsonata(JSONataProgram)
    case path(JSONPath)
    case call(QueryCall)
  }

  /// Compiles an expression.
  ///
  /// Blanks around it do not matter, and a JSONata expression may stand in `{% … %}`, as it does
  /// in definitions.
  ///
  /// - Throws: A ``QueryError`` that says what is wrong, and where.
  public init(_ text: String, language: Language = .jsonata) throws(QueryError) {
    try self.init(text, language: language, traces: false)
  }

  init(_ text: String, language: Language, traces: Bool) throws(QueryError) {
    self.text = text
    self.language = language
    let source = QuerySource(text, language)
    switch language {
    case .jsonata:
      var options = JSONataOptions()
      options.split = ["states"]
      options.traces = traces
      do throws(JSONataError) {
        program = .jsonata(try JSONataProgram.compile(source.inner, options: options))
      } catch {
        throw QueryError(error, source, isSyntaxError: true)
      }
    case .jsonPath:
      program = try Query.pathOrCall(source)
    }
  }

  private static func pathOrCall(_ source: QuerySource) throws(QueryError) -> Program {
    if source.inner.hasPrefix("States.") {
      let call: IntrinsicCall
      do throws(IntrinsicSyntaxError) {
        call = try IntrinsicCall.parse(source.inner)
      } catch {
        throw QueryError(error.message, isSyntaxError: true, place: source.place(utf8: error.offset))
      }
      return .call(try QueryCall(call, source))
    }
    guard source.inner.hasPrefix("$") else {
      throw QueryError(
        "a path starts with '$', an intrinsic call with 'States.'", isSyntaxError: true,
        place: source.place(utf16: 0))
    }
    do throws(PathSyntaxError) {
      return .path(try JSONPath.parse(source.inner))
    } catch {
      throw QueryError(error.message, isSyntaxError: true, place: source.place(scalars: error.offset))
    }
  }

  /// Evaluates the expression.
  ///
  /// - Parameters:
  ///   - input: What the expression is about. Without one the input of JSONata is undefined, and
  ///     that of a path is null.
  ///   - variables: Values for `$name`, by name, without the `$`. `states` adds to or replaces
  ///     members of `$states`.
  ///   - context: The context object: `$$` of paths, `$states.context` of JSONata.
  /// - Returns: The result, or nil for JSONata's "undefined".
  /// - Throws: A ``QueryError``, also when a path leads nowhere, and when the result is a
  ///   function.
  public func evaluate(
    _ input: JSON? = nil, variables: [String: JSON] = [:], context: JSON? = nil
  ) throws(QueryError) -> JSON? {
    let arguments = QueryArguments(input: input, variables: variables, context: context)
    return try JSONScratch.with { scratch throws(QueryError) in
      let value = try value(arguments, scratch, trace: nil)
      let result = value.isMissing ? nil : JSON(copying: value)
      withExtendedLifetime(arguments) {}
      return result
    }
  }

  /// The result in the scratch's memory, or `missing`.
  func value(
    _ arguments: borrowing QueryArguments, _ scratch: JSONScratch, trace: JSONataTrace?
  ) throws(QueryError) -> EngineValue {
    switch program {
    case .jsonata(let program):
      switch evaluate(program, arguments, scratch, trace) {
      case .value(let value): return value
      case .undefined: return .missing
      case .function: throw QueryError("the result is a function, which JSON cannot express")
      case .failed(let error):
        throw QueryError(error, QuerySource(text, language), isSyntaxError: false)
      }
    case .path(let path): return try arguments.value(of: path, scratch.arena)
    case .call(let call): return try call.evaluate(arguments, scratch)
    }
  }

  private func evaluate(
    _ program: JSONataProgram, _ arguments: borrowing QueryArguments, _ scratch: JSONScratch,
    _ trace: JSONataTrace?
  ) -> JSONataResult {
    let memory = scratch.query
    memory.pointee.fill(program, arguments, scratch.arena)
    if program.usesClock { memory.pointee.environment.milliseconds = WallTime.now.milliseconds }
    memory.pointee.environment.limits.depthMax = JSONataLimits().depthMax * (trace == nil ? 1 : 2)
    return memory.pointee.evaluate(program, arguments.input?.value ?? .missing, scratch.arena, trace)
  }
}

/// What one evaluation is given.
struct QueryArguments {
  let input: JSON?
  let variables: [String: JSON]
  let context: JSON?

  /// The value of a variable, or of one of `$states`' members.
  func variable(_ name: String, _ arena: UnsafeMutablePointer<Arena>) -> EngineValue {
    if name == "states.input", variables.isEmpty { return input?.value ?? .missing }
    if name == "states" { return states(arena) }
    guard name.hasPrefix("states.") else { return variables[name]?.value ?? .missing }
    let member = String(name.dropFirst(7))
    // A part may be backed by nothing but the whole that the variables hold.
    if let states = variables["states"]?.value, states.isObject {
      let own = states.member(arena.pointee.key(member))
      if !own.isMissing { return own }
    }
    switch member {
    case "input": return input?.value ?? .missing
    case "context": return context?.value ?? .missing
    default: return .missing
    }
  }

  private func states(_ arena: UnsafeMutablePointer<Arena>) -> EngineValue {
    var members: [Member] = []
    let own = variables["states"]?.value ?? .missing
    for (name, value) in [("input", input), ("context", context)] {
      let key = arena.pointee.key(name)
      guard let value, !own.isObject || own.member(key).isMissing else { continue }
      members.append(Member(key: key, value: value.value))
    }
    if own.isObject { members += own.members }
    guard !members.isEmpty else { return .emptyObject }
    let block = arena.pointee.members(members.count)
    for (index, member) in members.enumerated() { block[index] = member }
    return .object(block, count: members.count)
  }

  /// What a path selects.
  func value(
    of path: JSONPath, _ arena: UnsafeMutablePointer<Arena>
  ) throws(QueryError) -> EngineValue {
    let root: EngineValue
    switch path.root {
    case .data: root = input?.value ?? .null
    case .context:
      guard let context else { throw QueryError("\(path.text): there is no context object") }
      root = context.value
    case .variable(let name):
      guard let variable = variables[name] else {
        throw QueryError("\(path.text): there is no variable '$\(name)'")
      }
      root = variable.value
    }
    switch path.evaluate(root, in: arena) {
    case .found(let value): return value
    case .missing(let miss): throw QueryError("\(path.text): \(path.missText(miss))")
    case .failure(let failure): throw QueryError("\(path.text): \(path.failureText(failure))")
    }
  }
}

/// The memory of evaluations, beside the arena of their scratch. Whoever has the scratch has it.
struct QueryMemory {
  private var jsonata = JSONataScratch()
  private var slots: UnsafeMutablePointer<EngineValue>
  private var slotCapacity = 8
  private let random: UnsafeMutablePointer<RandomSource>
  private let parser: UnsafeMutablePointer<JSONParser>
  private let writer: UnsafeMutablePointer<JSONWriter>
  private let output: UnsafeMutablePointer<OutputBuffer>
  var environment = JSONataEnvironment()
  /// When the evaluation that is under way has to be over; 0 until somebody looks.
  private let deadline: UnsafeMutablePointer<UInt64>

  /// What Step Functions gives an expression, and a little more.
  private static let nanosecondsMax: UInt64 = 1_500_000_000

  init() {
    slots = .allocate(capacity: slotCapacity)
    random = .allocate(capacity: 1)
    var system = SystemRandomNumberGenerator()
    random.initialize(to: RandomSource(seed: system.next()))
    parser = .allocate(capacity: 1)
    parser.initialize(to: JSONParser())
    writer = .allocate(capacity: 1)
    writer.initialize(to: JSONWriter())
    output = .allocate(capacity: 1)
    output.initialize(to: OutputBuffer())
    deadline = .allocate(capacity: 1)
    deadline.initialize(to: 0)
    environment.random = random
    environment.overdueContext = UnsafeMutableRawPointer(deadline)
    environment.isOverdue = { context in
      guard let deadline = context?.assumingMemoryBound(to: UInt64.self) else { return false }
      let now = uv_hrtime()
      if deadline.pointee == 0 { deadline.pointee = now &+ QueryMemory.nanosecondsMax }
      return now > deadline.pointee
    }
  }

  func release() {
    jsonata.release()
    slots.deallocate()
    random.deallocate()
    parser.deinitialize(count: 1).deallocate()
    writer.deinitialize(count: 1).deallocate()
    output.deinitialize(count: 1).deallocate()
    deadline.deallocate()
  }

  /// Looks up the variables that a program asks for.
  mutating func fill(
    _ program: JSONataProgram, _ arguments: borrowing QueryArguments, _ arena: UnsafeMutablePointer<Arena>
  ) {
    deadline.pointee = 0
    let count = program.externals.count
    if count > slotCapacity {
      slots.deallocate()
      slotCapacity = count * 2
      slots = .allocate(capacity: slotCapacity)
    }
    for index in 0..<count { slots[index] = arguments.variable(program.externals[index], arena) }
  }

  mutating func evaluate(
    _ program: JSONataProgram, _ input: EngineValue, _ arena: UnsafeMutablePointer<Arena>,
    _ trace: JSONataTrace?
  ) -> JSONataResult {
    program.evaluate(
      input: input, variables: slots, arena: arena, scratch: &jsonata, environment: &environment,
      trace: trace)
  }

  /// What intrinsic functions work with.
  func intrinsics(_ arena: UnsafeMutablePointer<Arena>) -> IntrinsicScratch {
    IntrinsicScratch(arena: arena, random: random, parser: parser, writer: writer, output: output)
  }
}
