import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The evaluator: walks a program's nodes, with values in registers, lists under
// construction on a stack of its own, and everything that must last in the arena.
//
// A failure is a value (`Value.failure`) that every caller passes on at once; what went
// wrong stands in `error`. Four limits hold whatever the expression is: levels of
// evaluation, the machine stack that the recursion really takes, steps (every so many of
// which the caller may say that time is up), and bytes built.

/// What an evaluation may take.
struct JSONataLimits {
  /// Levels of evaluation, counted as the reference counts them.
  var depthMax = 100
  var stepsMax = 50_000_000
  /// Bytes that the arena may grow by.
  var memoryMax = 64 << 20
  /// Bytes of one value that is built: eight for each element, one for each character.
  var valueMax = 6_990_256
  /// Characters that `$pad` may add.
  var padMax = 262_144
  /// Elements that `$range` may make.
  var rangeMax = 360_145
  /// Machine stack, from where the evaluation starts.
  var stackBytes = 256 << 10
  /// Steps of all regular expressions together.
  var patternStepsMax = 5_000_000

  /// Stock limits: for tests against the reference implementation.
  static let generous = JSONataLimits(
    depthMax: 2000, stepsMax: 2_000_000_000, memoryMax: 2 << 30, valueMax: 1 << 30, padMax: 1 << 28,
    rangeMax: 10_000_000, stackBytes: 14 << 20, patternStepsMax: 100_000_000)
}

/// What an evaluation learns from outside.
struct JSONataEnvironment {
  /// Milliseconds since 1970: what `$now()` and `$millis()` give.
  var milliseconds: Int64 = 0
  var random: UnsafeMutablePointer<RandomSource>?
  var limits = JSONataLimits()
  /// Asked every few thousand steps; true ends the evaluation.
  var isOverdue: (@convention(c) (UnsafeMutableRawPointer?) -> Bool)?
  var overdueContext: UnsafeMutableRawPointer?
}

enum JSONataResult {
  case value(Value)
  case undefined
  /// A function, or a value with one in it: nothing that JSON can say.
  case function
  indirect case failed(JSONataError)
}

/// Working memory that one thread's evaluations share, one after the other.
struct JSONataScratch {
  fileprivate(set) var values: UnsafeMutablePointer<Value>
  fileprivate(set) var valueCapacity: Int
  fileprivate(set) var valueCount = 0
  fileprivate(set) var bytes: UnsafeMutablePointer<UInt8>
  fileprivate(set) var byteCapacity: Int
  fileprivate(set) var byteCount = 0

  private static let capacityKept = 1 << 16

  init() {
    valueCapacity = 256
    byteCapacity = 1024
    values = .allocate(capacity: valueCapacity)
    bytes = .allocate(capacity: byteCapacity)
  }

  func release() {
    values.deallocate()
    bytes.deallocate()
  }

  @inline(never)
  fileprivate mutating func growValues(_ needed: Int) {
    let capacity = Swift.max(valueCapacity * 2, needed)
    let new = UnsafeMutablePointer<Value>.allocate(capacity: capacity)
    new.update(from: values, count: valueCount)
    values.deallocate()
    values = new
    valueCapacity = capacity
  }

  @inline(never)
  fileprivate mutating func growBytes(_ needed: Int) {
    let capacity = Swift.max(byteCapacity * 2, needed)
    let new = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    new.update(from: bytes, count: byteCount)
    bytes.deallocate()
    bytes = new
    byteCapacity = capacity
  }

  /// Empties the stacks, and gives back what an unusual evaluation left large.
  fileprivate mutating func reset() {
    valueCount = 0
    byteCount = 0
    if valueCapacity > Self.capacityKept || byteCapacity > Self.capacityKept * 16 {
      release()
      self = JSONataScratch()
    }
  }
}

struct JSONataMachine {
  typealias Node = JSONataProgram.Node

  let program: UnsafeMutablePointer<JSONataProgram.Tables>
  let nodes: UnsafeMutablePointer<Node>
  let constants: UnsafeMutablePointer<Value>
  let lists: UnsafeMutablePointer<Int32>
  let externals: UnsafePointer<Value>
  let arena: UnsafeMutablePointer<Arena>
  let scratch: UnsafeMutablePointer<JSONataScratch>
  let builtins: UnsafePointer<JSONataBuiltin.Row>
  let environment: UnsafePointer<JSONataEnvironment>
  let root: Value

  /// Where variables of the innermost block or lambda with a frame live.
  var frame: UnsafeMutablePointer<Value>
  /// The frame of the innermost lambda.
  var functionFrame: UnsafeMutablePointer<Value>
  var depth = 0
  let depthMax: Int
  let stackLimit: UInt
  /// Steps until the next look at the limits.
  var fuel: Int
  var stepsLeft: Int
  let heldAtStart: Int
  let valueMax: Int
  var patternBudget: Int
  /// The function that a call in tail position is about; its arguments lie on the stack.
  var pendingFunction = Value.missing
  var pendingCount = 0
  var pendingPosition: Int32 = 0
  var pendingName: Int32 = -1
  /// Frames that nothing refers to any more, by the logarithm of their size.
  var freeFrames: (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0, 0, 0)
  /// What went wrong. In a box: an evaluation that works out has nothing to copy.
  final class Box {
    var error: JSONataError
    init(_ error: JSONataError) { self.error = error }
  }

  var box: Box?

  /// Who watches the evaluation, if anybody does.
  var trace: Unmanaged<JSONataTrace>?

  /// The next node may give rows of bindings instead of items: see `evaluateRows`.
  var wantsRows = false

  var error: JSONataError? {
    get { box?.error }
    set { box = newValue.map(Box.init) }
  }
  var foundFunction = false

  static let fuelSlice = 4096

  // MARK: Failing

  @inline(never)
  mutating func fail(_ error: JSONataError) -> Value {
    self.error = error
    return .failure
  }

  @inline(never)
  mutating func fail(
    _ code: JSONataCode, _ node: UnsafeMutablePointer<Node>? = nil, token: String? = nil,
    value: Value? = nil, value2: Value? = nil, index: Int? = nil, detail: String? = nil
  ) -> Value {
    var error = JSONataError(code, token: token, index: index, detail: detail)
    if let node { error.position = Int(node.pointee.position) }
    if let value { error.value = printed(value) }
    if let value2 { error.value2 = printed(value2) }
    self.error = error
    return .failure
  }

  /// A value as errors show it, cut off when it is long.
  private mutating func printed(_ value: Value) -> String {
    if value.kind == .missing || value.kind == .function { return "undefined" }
    let start = scratch.pointee.byteCount
    defer { scratch.pointee.byteCount = start }
    writeJSON(value, indent: -1, level: 0, limit: 4096, strict: false)
    let bytes = UnsafeBufferPointer(
      start: scratch.pointee.bytes + start, count: min(scratch.pointee.byteCount - start, 4096))
    return String(decoding: bytes, as: UTF8.self)
  }

  @inline(never)
  mutating func checkLimits() -> Bool {
    stepsLeft -= Self.fuelSlice - fuel
    fuel = Self.fuelSlice
    if stepsLeft <= 0 {
      _ = fail(.d1012)
      return false
    }
    if arena.pointee.bytesHeld - heldAtStart > environment.pointee.limits.memoryMax {
      _ = fail(.d2015)
      return false
    }
    if let isOverdue = environment.pointee.isOverdue, isOverdue(environment.pointee.overdueContext) {
      _ = fail(.d1012)
      return false
    }
    return true
  }

  /// True if a value of so many bytes may be built (eight for each element).
  @inline(__always)
  mutating func mayBuild(_ bytes: Int) -> Bool { bytes < 2048 || mayBuildLarge(bytes) }

  @inline(never)
  private mutating func mayBuildLarge(_ bytes: Int) -> Bool {
    // What large values cost in time counts as steps.
    fuel &-= bytes &>> 8
    let memoryMax = environment.pointee.limits.memoryMax
    if bytes > valueMax || arena.pointee.bytesHeld - heldAtStart + bytes > memoryMax {
      _ = fail(.d2015)
      return false
    }
    return fuel > 0 || checkLimits()
  }

  /// Counts one step; false if that was one too many.
  @inline(__always)
  mutating func step() -> Bool {
    fuel &-= 1
    return fuel > 0 || checkLimits()
  }

  // MARK: Stacks

  @inline(__always) var top: Int {
    get { scratch.pointee.valueCount }
    nonmutating set { scratch.pointee.valueCount = newValue }
  }

  @inline(__always) func stack(_ index: Int) -> Value { scratch.pointee.values[index] }

  @inline(__always) func setStack(_ index: Int, _ value: Value) { scratch.pointee.values[index] = value }

  @inline(__always)
  func push(_ value: Value) {
    if scratch.pointee.valueCount == scratch.pointee.valueCapacity {
      scratch.pointee.growValues(scratch.pointee.valueCount + 1)
    }
    scratch.pointee.values[scratch.pointee.valueCount] = value
    scratch.pointee.valueCount &+= 1
  }

  func push(contentsOf array: Value) {
    let count = array.count
    guard count > 0 else { return }
    let needed = scratch.pointee.valueCount + count
    if needed > scratch.pointee.valueCapacity { scratch.pointee.growValues(needed) }
    (scratch.pointee.values + scratch.pointee.valueCount).update(
      from: array.address.assumingMemoryBound(to: Value.self), count: count)
    scratch.pointee.valueCount = needed
  }

  /// What lies on the stack from `base` on becomes an array.
  mutating func popArray(from base: Int, flags: UInt64 = 0) -> Value {
    let count = top - base
    top = base
    guard count > 0 else { return Value(tag: .array).with(flags | Value.fresh) }
    guard mayBuild(count &* 8) else { return .failure }
    let elements = arena.pointee.elements(count)
    elements.update(from: scratch.pointee.values + base, count: count)
    return Value.array(elements, count: count).with(flags | Value.fresh)
  }

  mutating func popSequence(from base: Int) -> Value { popArray(from: base, flags: Value.sequence) }

  @inline(__always) func putByte(_ byte: UInt8) {
    if scratch.pointee.byteCount == scratch.pointee.byteCapacity {
      scratch.pointee.growBytes(scratch.pointee.byteCount + 1)
    }
    scratch.pointee.bytes[scratch.pointee.byteCount] = byte
    scratch.pointee.byteCount &+= 1
  }

  func putBytes(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    let needed = scratch.pointee.byteCount + bytes.count
    if needed > scratch.pointee.byteCapacity { scratch.pointee.growBytes(needed) }
    memcpy(scratch.pointee.bytes + scratch.pointee.byteCount, base, bytes.count)
    scratch.pointee.byteCount = needed
  }

  /// Where so many bytes may be written; `byteTop` then moves behind them.
  func room(_ count: Int) -> UnsafeMutableRawPointer {
    let needed = scratch.pointee.byteCount + count
    if needed > scratch.pointee.byteCapacity { scratch.pointee.growBytes(needed) }
    return UnsafeMutableRawPointer(scratch.pointee.bytes + scratch.pointee.byteCount)
  }

  func putText(_ text: String) {
    var text = text
    text.withUTF8 { putBytes(UnsafeRawBufferPointer($0)) }
  }

  var byteTop: Int {
    get { scratch.pointee.byteCount }
    nonmutating set { scratch.pointee.byteCount = newValue }
  }

  /// The bytes written from `base` on become a string.
  mutating func popString(from base: Int) -> Value {
    let count = byteTop - base
    byteTop = base
    guard mayBuild(count) else { return .failure }
    let text = arena.pointee.string(
      copying: UnsafeRawBufferPointer(start: scratch.pointee.bytes + base, count: count))
    if _fastPath(text.isPlainText) { return text }
    // Halves of a pair may have come together.
    let bytes = UnsafeMutableRawPointer(mutating: text.address)
    return .string(bytes, count: Self.joinSurrogates(bytes, count), plain: false)
  }

  // MARK: Evaluating

  @inline(__always)
  static func collapse(_ value: Value) -> Value {
    if _fastPath(value.head & Value.sequence == 0) { return value }
    return collapseSequence(value)
  }

  @inline(never)
  static func collapseSequence(_ value: Value) -> Value {
    guard value.isArray, !value.has(Value.tuples) else { return value }
    if value.count == 0 { return .missing }
    if value.count == 1 && !value.has(Value.keepSingleton) { return value.elements[0] }
    return value
  }

  /// The value of a node. The commonest nodes take no call, or just one.
  @inline(__always)
  mutating func evaluate(_ index: Int32, _ input: Value) -> Value {
    let node = nodes + Int(index)
    switch node.pointee.operation {
    case .constant: return constants[Int(node.pointee.a)]
    case .external: return externals[Int(node.pointee.a)]
    case .fieldPath: return fields(node, input)
    default: return compound(node, input)
    }
  }

  @inline(never)
  private mutating func fields(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let found = fieldPath(node, input)
    if _fastPath(found.kind != .tail) { return found }
    return Self.collapse(path(program.pointee.paths[Int(node.pointee.position)], input))
  }

  /// Any node that has nodes below it: one level of evaluation.
  @inline(never)
  private mutating func compound(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    if node.pointee.operation == .local { return Self.collapse(local(node, input)) }
    let mayBeRows = wantsRows
    wantsRows = false
    let levels = 1 &+ Int(node.pointee.height)
    depth &+= levels
    guard depth < depthMax, stepWithin() else {
      depth &-= levels
      return error == nil ? fail(.d1011, node) : .failure
    }
    let watched = trace
    if _slowPath(watched != nil) {
      watched.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.enter(node - nodes) }
    }
    var result = dispatch(node, input, mayBeRows)
    if _slowPath(watched != nil) { leave(node, result) }
    depth &-= levels
    if _slowPath(result.head & Value.sequence != 0) {
      if result.has(Value.tuples) && result.isArray {
        if mayBeRows { return result }
        result = items(of: result)
      }
      if node.pointee.flags & Node.keepArray != 0 { result.head |= Value.keepSingleton }
      return Self.collapseSequence(result)
    }
    return result
  }

  /// Tells the watcher what a node came to.
  @inline(never)
  private mutating func leave(_ node: UnsafeMutablePointer<Node>, _ result: Value) {
    let isRows = result.has(Value.tuples) && result.isArray
    let value = Self.collapse(isRows ? items(of: result) : result)
    let text: String
    switch value.kind {
    case .failure: text = "failed"
    case .function, .tail: text = "a function"
    default: text = printed(value)
    }
    trace?._withUnsafeGuaranteedRef { $0.leave(text) }
  }

  @inline(__always)
  private mutating func stepWithin() -> Bool {
    if stepmill_frame_address() < stackLimit {
      _ = fail(.d1011)
      return false
    }
    return step()
  }

  /// Evaluates a node for a step that knows what to do with rows. Everywhere else a path
  /// that gives rows gives their items.
  mutating func evaluateRows(_ index: Int32, _ input: Value) -> Value {
    switch nodes[Int(index)].operation {
    case .constant, .external, .fieldPath, .local: return evaluate(index, input)
    default:
      wantsRows = true
      return compound(nodes + Int(index), input)
    }
  }

  mutating func items(of rows: Value) -> Value {
    let base = top
    for row in rows.elements { push(row.elements[0]) }
    return popSequence(from: base)
  }

  /// The value of a node before the rules for sequences are applied to it.
  @inline(__always)
  private mutating func dispatch(
    _ node: UnsafeMutablePointer<Node>, _ input: Value, _ mayBeRows: Bool
  ) -> Value {
    switch node.pointee.operation {
    case .constant: return constants[Int(node.pointee.a)]
    case .external: return externals[Int(node.pointee.a)]
    case .local: return local(node, input)
    case .context: return input.has(Value.outerWrapper) && input.isArray ? input.elements[0] : input
    case .root: return root
    case .fieldPath:
      let found = fieldPath(node, input)
      return found.kind == .tail ? path(program.pointee.paths[Int(node.pointee.position)], input) : found
    case .path: return path(program.pointee.paths[Int(node.pointee.a)], input)
    case .name: return lookup(input, constants[Int(node.pointee.a)])
    case .wildcard: return wildcard(input)
    case .descendant: return descendants(input)
    case .negate: return negate(node, input)
    case .add, .subtract, .multiply, .divide, .remainder: return arithmetic(node, input)
    case .equal, .notEqual: return equality(node, input)
    case .less, .lessOrEqual, .greater, .greaterOrEqual: return comparison(node, input)
    case .contained: return contained(node, input)
    case .and, .or: return junction(node, input)
    case .concatenate: return concatenation(node, input)
    case .range: return range(node, input)
    case .condition: return condition(node, input)
    case .elvis, .coalesce: return fallback(node, input)
    case .array: return array(node, input)
    case .object: return group(program.pointee.groups[Int(node.pointee.a)], input)
    case .block: return block(node, input, mayBeRows)
    case .bind: return bind(node, input)
    case .call: return call(node, input, applied: nil)
    case .callBuiltin: return callBuiltin(node, input, applied: nil)
    case .partial: return partial(node, input)
    case .lambda: return closure(.lambda, node, input)
    case .transform: return closure(.transform, node, input)
    case .apply: return apply(node, input)
    case .applyCall: return applyCall(node, input)
    case .post: return post(node, input)
    case .unsupported: return fail(.s0206, node)
    }
  }

  @inline(never)
  private mutating func bare(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    dispatch(node, input, true)
  }

  /// Follows names through objects. `tail` as a result means: an array was met, so the
  /// path must be evaluated step by step.
  @inline(__always)
  private mutating func fieldPath(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    var value: Value
    if node.pointee.a < 0 {
      value = input
    } else {
      let base = nodes + Int(node.pointee.a)
      if _fastPath(base.pointee.operation == .external) {
        value = externals[Int(base.pointee.a)]
      } else {
        value = compound(base, input)
        if value.isFailure { return value }
      }
    }
    var key = constants + Int(node.pointee.b)
    var left = node.pointee.c
    repeat {
      if _slowPath(!value.isObject) { return value.isArray ? Value(kind: .tail) : .missing }
      value = value.field(key.pointee)
      key += 1
      left &-= 1
    } while left > 0
    if _slowPath(value.head & Value.sequence != 0) { return Value(kind: .tail) }
    return value
  }

  @inline(__always)
  private mutating func local(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    var target = frame
    var hops = node.pointee.b
    while hops > 0 {
      target = Self.parent(of: target)
      hops &-= 1
    }
    let value = target[Int(node.pointee.a)]
    if _slowPath(value.kind == .unbound) {
      return node.pointee.c < 0 ? .missing : evaluate(node.pointee.c, input)
    }
    return value
  }

  // MARK: Frames

  @inline(__always)
  static func parent(of frame: UnsafeMutablePointer<Value>) -> UnsafeMutablePointer<Value> {
    UnsafeMutablePointer(bitPattern: UInt(truncatingIfNeeded: frame.pointee.payload)).unsafelyUnwrapped
  }

  /// A frame whose slots (from 1 on) are all unbound.
  mutating func makeFrame(_ slots: Int, parent: UnsafeMutablePointer<Value>?) -> UnsafeMutablePointer<Value> {
    let shift = Self.frameShift(slots)
    let frame: UnsafeMutablePointer<Value>
    if shift < 8, let free = takeFree(shift) {
      frame = free
    } else {
      frame = arena.pointee.elements(shift < 8 ? 1 &<< (shift &+ 1) : slots &+ 1)
    }
    frame[0] = Value(head: 0, payload: UInt64(UInt(bitPattern: parent)))
    var slot = 1
    while slot <= slots {
      frame[slot] = .unbound
      slot &+= 1
    }
    return frame
  }

  /// Sizes go by powers of two, the smallest has room for one slot.
  @inline(__always)
  private static func frameShift(_ slots: Int) -> Int {
    Swift.max(0, Int.bitWidth &- slots.leadingZeroBitCount &- 1)
  }

  private mutating func takeFree(_ shift: Int) -> UnsafeMutablePointer<Value>? {
    withUnsafeMutableBytes(of: &freeFrames) { raw in
      let heads = raw.assumingMemoryBound(to: UInt.self)
      guard let frame = UnsafeMutablePointer<Value>(bitPattern: heads[shift]) else { return nil }
      heads[shift] = UInt(truncatingIfNeeded: frame.pointee.payload)
      return frame
    }
  }

  mutating func freeFrame(_ frame: UnsafeMutablePointer<Value>, _ slots: Int) {
    let shift = Self.frameShift(slots)
    guard shift < 8 else { return }
    withUnsafeMutableBytes(of: &freeFrames) { raw in
      let heads = raw.assumingMemoryBound(to: UInt.self)
      frame.pointee.payload = UInt64(heads[shift])
      heads[shift] = UInt(bitPattern: frame)
    }
  }

  // MARK: Statements

  @inline(never)
  private mutating func condition(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    switch truth(evaluate(node.pointee.a, input)) {
    case .failed: return .failure
    case .yes: return evaluate(node.pointee.b, input)
    case .no, .missing: return evaluate(node.pointee.c, input)
    }
  }

  @inline(never)
  private mutating func fallback(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    if node.pointee.operation == .coalesce {
      return left.isMissing ? evaluate(node.pointee.b, input) : left
    }
    switch truth(left) {
    case .failed: return .failure
    case .yes: return left
    case .no, .missing: return evaluate(node.pointee.b, input)
    }
  }

  @inline(never)
  private mutating func block(
    _ node: UnsafeMutablePointer<Node>, _ input: Value, _ mayBeRows: Bool
  ) -> Value {
    let items = lists + Int(node.pointee.a)
    let count = Int(node.pointee.b)
    let outer = frame
    if node.pointee.flags & Node.ownFrame != 0 {
      frame = makeFrame(Int(items[count]), parent: frame)
    } else {
      let slots = Int(items[count])
      if slots > 0 { forget(items + count + 1, slots) }
    }
    var result = Value.missing
    var index = 0
    while index < count {
      let isLast = mayBeRows && index == count &- 1
      result = isLast ? evaluateRows(items[index], input) : evaluate(items[index], input)
      if result.isFailure { break }
      index &+= 1
    }
    frame = outer
    return result
  }

  private func forget(_ slots: UnsafeMutablePointer<Int32>, _ count: Int) {
    for index in 0..<count { frame[Int(slots[index])] = .unbound }
  }

  @inline(never)
  private mutating func bind(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let value = evaluate(node.pointee.c, input)
    if value.isFailure { return value }
    var target = frame
    for _ in 0..<Int(node.pointee.b) { target = Self.parent(of: target) }
    target[Int(node.pointee.a)] = value
    return value
  }

  // MARK: Constructors

  @inline(never)
  private mutating func array(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let base = top
    let items = lists + Int(node.pointee.a)
    let count = Int(node.pointee.b)
    let flags = node.pointee.flags & Node.constructed != 0 ? Value.constructed : 0
    if count == 1, nodes[Int(items[0])].operation == .range {
      // Large ranges go straight into the arena.
      let range = evaluate(items[0], input)
      if range.isFailure { return range }
      if range.isArray {
        return Value(head: range.head & ~Value.evaluationFlags | flags | Value.fresh, payload: range.payload)
      }
    }
    for index in 0..<count {
      let value = evaluate(items[index], input)
      switch value.kind {
      case .failure:
        top = base
        return value
      case .missing: break
      case .array where nodes[Int(items[index])].flags & Node.nested == 0: push(contentsOf: value)
      default: push(value)
      }
    }
    return popArray(from: base, flags: flags)
  }

  @inline(never)
  private mutating func range(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    let first = left.isNumber ? left.wholeNumber : nil
    if !left.isMissing && first == nil { return fail(.t2003, node, token: "..", value: left) }
    let last = right.isNumber ? right.wholeNumber : nil
    if !right.isMissing && last == nil { return fail(.t2004, node, token: "..", value: right) }
    guard let first, let last, first <= last else { return .missing }
    let (difference, overflow) = last.subtractingReportingOverflow(first)
    if overflow || difference >= 10_000_000 {
      let size = overflow ? Value.jsonataNumber(Double(last) - Double(first) + 1) : .integer(difference &+ 1)
      return fail(.d2014, node, token: "..", value: size)
    }
    return integers(from: first, step: 1, count: Int(difference) + 1)
  }

  mutating func integers(from first: Int64, step: Int64, count: Int) -> Value {
    guard mayBuild(count &* 8) else { return .failure }
    let elements = arena.pointee.elements(count)
    for index in 0..<count { elements[index] = .integer(first &+ step &* Int64(index)) }
    return Value.array(elements, count: count).with(Value.sequence | Value.fresh)
  }

  @inline(never)
  private mutating func post(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let inner = nodes + Int(node.pointee.a)
    var result = bare(inner, input)
    if result.isFailure { return result }
    let post = program.pointee.posts[Int(node.pointee.b)]
    for index in 0..<Int(post.stageCount) {
      result = filter(program.pointee.stages[Int(post.stages) + index], result)
      if result.isFailure { return result }
    }
    if post.stageCount > 0 && node.pointee.flags & Node.keepArray != 0 && !result.isArray && !result.isMissing
    {
      // A single item that a predicate let pass stays in an array of its own.
      push(result)
      result = popSequence(from: top - 1)
      if result.isFailure { return result }
    }
    if post.group >= 0 {
      result = group(program.pointee.groups[Int(post.group)], result)
    }
    return result
  }
}

extension JSONataProgram {
  /// Evaluates the program.
  ///
  /// `variables` holds a value for each of `externals`, missing for a variable that does
  /// not exist. The result, and everything it refers to, lies in the arena, in the
  /// program, or in what `input` and the variables refer to.
  func evaluate(
    input: Value, variables: UnsafePointer<Value>, arena: UnsafeMutablePointer<Arena>,
    scratch: UnsafeMutablePointer<JSONataScratch>, environment: UnsafePointer<JSONataEnvironment>,
    trace: JSONataTrace? = nil
  ) -> JSONataResult {
    let here = stepmill_frame_address()
    let limits = environment.pointee.limits
    let stackLimit = here > UInt(limits.stackBytes) ? here - UInt(limits.stackBytes) : 0
    var machine = JSONataMachine(
      program: tables, nodes: tables.pointee.nodes, constants: tables.pointee.constants,
      lists: tables.pointee.lists, externals: variables, arena: arena, scratch: scratch,
      builtins: tables.pointee.builtins,
      environment: environment, root: input, frame: scratch.pointee.values,
      functionFrame: scratch.pointee.values, depthMax: limits.depthMax, stackLimit: stackLimit,
      fuel: JSONataMachine.fuelSlice, stepsLeft: limits.stepsMax, heldAtStart: arena.pointee.bytesHeld,
      valueMax: limits.valueMax, patternBudget: limits.patternStepsMax)
    if let trace { machine.trace = Unmanaged.passUnretained(trace) }
    if slotCount > 0 {
      machine.frame = machine.makeFrame(slotCount, parent: nil)
      machine.functionFrame = machine.frame
    }
    var context = input
    if input.isArray {
      let wrapper = arena.pointee.elements(1)
      wrapper[0] = input
      context = Value.array(wrapper, count: 1).with(Value.sequence | Value.outerWrapper | Value.fresh)
    }
    let result = machine.evaluate(entry, context)
    let finished = machine.finish(result)
    // A failure leaves behind what was under construction.
    scratch.pointee.reset()
    return finished
  }
}

extension JSONataMachine {
  /// Turns a value of the evaluation into one that others may see.
  fileprivate mutating func finish(_ value: Value) -> JSONataResult {
    if value.isFailure { return .failed(error ?? JSONataError(.d1012)) }
    if value.isMissing { return .undefined }
    var result = value
    if !clean(&result, level: 0) { return .failed(error ?? JSONataError(.d2015)) }
    return foundFunction ? .function : .value(result)
  }

  /// Takes the evaluation's flags off what it made, and writes numbers that JSON does not
  /// have as strings. What came from outside is not looked at: it carries no flags.
  private mutating func clean(_ value: inout Value, level: Int) -> Bool {
    switch value.kind {
    case .missing:
      value = .null
    case .function:
      foundFunction = true
    case .double where !value.doubleBits.isFinite:
      value =
        value.doubleBits.isNaN
        ? .string("NaN") : value.doubleBits > 0 ? .string("Infinity") : .string("-Infinity")
    case .array, .object:
      guard value.has(Value.fresh) else {
        value.head &= ~Value.evaluationFlags
        return true
      }
      value.head &= ~Value.evaluationFlags
      guard level < 500, stepmill_frame_address() > stackLimit else {
        _ = fail(.d1011)
        return false
      }
      let isArray = value.isArray
      // The evaluation made this memory, so it may still be written.
      let elements = UnsafeMutableRawPointer(mutating: value.address)
      for index in 0..<value.count {
        guard step() else { return false }
        let offset = isArray ? index &* 16 : index &* 32 &+ 16
        let element = (elements + offset).assumingMemoryBound(to: Value.self)
        switch element.pointee.kind {
        case .array, .object, .double, .missing, .function:
          if !clean(&element.pointee, level: level + 1) { return false }
        default: break
        }
      }
    default: break
    }
    return true
  }
}
