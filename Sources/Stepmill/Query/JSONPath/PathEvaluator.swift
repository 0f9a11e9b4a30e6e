#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Walks a document along a path's operations.
//
// Each operation applies to one node and hands what it selects to the next one, depth
// first, so results come in the library's order. Recursion is as deep as the path is long,
// plus, for `..`, as the document is deep; both have limits. A budget of visits ends
// `$..*..*..*` on a large document with a failure.
//
// Results collect in the arena in one run that is extended in place where nothing else was
// allocated in between, and moved otherwise.

extension JSONPath {
  /// What the path selects from `document`: the data, the Context Object or the variable
  /// that `root` names. A list is built in `arena`; single values are not copied.
  func evaluate(
    _ document: Value, in arena: UnsafeMutablePointer<Arena>, options: PathOptions = .stepFunctions,
    visitsMax: Int = PathLimits.visitsMax
  ) -> PathResult {
    let result = withExtendedLifetime(program) {
      start(document, in: arena, options: options, visitsMax: visitsMax)
    }
    guard options.contains(.suppressErrors) else { return result }
    if case .found = result { return result }
    let isList = options.contains(.locations) || options.contains(.alwaysList) || !program.isDefinite
    return .found(isList ? .emptyArray : .null)
  }

  private func start(
    _ document: Value, in arena: UnsafeMutablePointer<Arena>, options: PathOptions, visitsMax: Int
  ) -> PathResult {
    if document.isNull && !options.contains(.lenient) {
      return .failure(PathFailure(reason: .nullDocument, step: 0, value: document))
    }
    if program.isFunction && !options.isDisjoint(with: [.locations, .alwaysList]) {
      return .failure(PathFailure(reason: .listOfFunction, step: 0, value: document))
    }
    var evaluator = PathEvaluator(
      program: program, document: document, arena: arena, options: options, visits: visitsMax)
    return evaluator.evaluate(program.operations, isDefinite: program.isDefinite, from: document)
  }
}

struct PathEvaluator {
  /// Why the walk ended early.
  enum Stop {
    case miss(PathMiss)
    case failure(PathFailure)
  }

  /// Kept alive by whoever evaluates; unmanaged because a filter makes evaluators by the candidate.
  let program: Unmanaged<PathProgram>
  let operations: UnsafeMutablePointer<PathOperation>
  let conditions: UnsafeMutablePointer<PathCondition>
  /// What `$` in filters and arguments stands for.
  let document: Value
  let arena: UnsafeMutablePointer<Arena>
  let options: PathOptions
  /// How many more nodes may be visited.
  var visits: Int
  /// Levels of `..` that the walk is below.
  var depth = 0
  var stop: Stop?

  private var results = UnsafeMutableRawPointer(mutating: Value.nowhere).assumingMemoryBound(to: Value.self)
  private var count = 0
  private var capacity = 0
  /// Where the walk is, for results that are locations; empty otherwise.
  private var trail: [String] = []
  private let locates: Bool

  init(
    program: PathProgram, document: Value, arena: UnsafeMutablePointer<Arena>, options: PathOptions,
    visits: Int
  ) {
    self.program = Unmanaged.passUnretained(program)
    operations = program.operations
    conditions = program.conditions
    self.document = document
    self.arena = arena
    self.options = options
    self.visits = visits
    locates = options.contains(.locations)
  }

  /// An evaluator for a path inside of `outer`'s path.
  init(inside outer: PathEvaluator, options: PathOptions) {
    program = outer.program
    operations = outer.operations
    conditions = outer.conditions
    document = outer.document
    arena = outer.arena
    self.options = options
    visits = outer.visits
    depth = outer.depth
    locates = false
  }

  mutating func evaluate(
    _ operations: UnsafePointer<PathOperation>, isDefinite: Bool, from node: Value
  ) -> PathResult {
    apply(operations, to: node)
    switch stop {
    case .failure(let failure):
      return .failure(failure)
    case .miss(let miss):
      if !isDefinite && options.contains(.lenient) { return .found(.emptyArray) }
      return .missing(miss)
    case nil:
      break
    }
    if isDefinite || locates {
      guard count > 0 else {
        let last = lastStep(operations)
        return .missing(PathMiss(reason: .noResults, step: last, value: .missing))
      }
      if !locates && !options.contains(.alwaysList) { return .found(results[count - 1]) }
    }
    return .found(takeResults())
  }

  private func lastStep(_ operations: UnsafePointer<PathOperation>) -> Int {
    var operation = operations
    while operation.pointee.kind != .end { operation += 1 }
    return max(0, Int(operation.pointee.step) - 1)
  }

  // MARK: Results

  private mutating func add(_ value: Value) {
    if count == capacity { grow(to: max(8, capacity &* 2)) }
    results[count] = locates ? arena.pointee.string("$" + trail.joined()) : value
    count &+= 1
  }

  private mutating func grow(to wanted: Int) {
    let stride = MemoryLayout<Value>.stride
    let end = UnsafeMutableRawPointer(results + capacity)
    let more = wanted &- capacity
    if capacity > 0, end == arena.pointee.cursor, more &* stride <= arena.pointee.room {
      _ = arena.pointee.elements(more)
    } else {
      let new = arena.pointee.elements(wanted)
      new.update(from: results, count: count)
      results = new
    }
    capacity = wanted
  }

  private mutating func takeResults() -> Value {
    guard count > 0 else { return .emptyArray }
    if UnsafeMutableRawPointer(results + capacity) == arena.pointee.cursor {
      arena.pointee.trim(to: UnsafeMutableRawPointer(results + count))
    }
    return .array(results, count: count)
  }

  // MARK: Steps

  /// Applies `operation` and all that follow it to `node`.
  mutating func apply(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    guard visit(operation) else { return }
    switch operation.pointee.kind {
    case .end: add(node)
    case .property: applyProperty(operation, to: node)
    case .properties: applyProperties(operation, to: node)
    case .index: if isArray(node, operation) { applyIndex(operation.pointee.from, operation, to: node) }
    case .indices: if isArray(node, operation) { applyIndices(operation, to: node) }
    case .slice: if isArray(node, operation) { applySlice(operation, to: node) }
    case .wildcard: applyWildcard(operation, to: node)
    case .filter: applyFilter(operation, to: node)
    case .descendants: walk(operation + 1, from: node)
    case .function: applyFunction(operation, to: node)
    }
  }

  /// Counts a visit; false when the walk has to end.
  @inline(__always)
  private mutating func visit(_ operation: UnsafePointer<PathOperation>) -> Bool {
    visits &-= 1
    if _slowPath(visits < 0) { fail(.tooManySteps, operation, .missing) }
    return stop == nil
  }

  mutating func fail(
    _ reason: PathFailure.Reason, _ operation: UnsafePointer<PathOperation>, _ value: Value
  ) {
    stop = .failure(PathFailure(reason: reason, step: Int(operation.pointee.step), value: value))
  }

  private mutating func miss(
    _ reason: PathMiss.Reason, _ operation: UnsafePointer<PathOperation>, _ value: Value
  ) {
    stop = .miss(PathMiss(reason: reason, step: Int(operation.pointee.step), value: value))
  }

  private mutating func applyProperty(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    guard node.isObject else {
      if operation.pointee.isUpstreamDefinite { miss(.notAnObject, operation, node) }
      return
    }
    take(operation.pointee.name, operation, of: node, isDefinite: operation.pointee.isUpstreamDefinite)
  }

  /// One property of an object. `isDefinite`: its absence before the last step is a miss.
  @inline(__always)
  private mutating func take(
    _ name: Value, _ operation: UnsafePointer<PathOperation>, of node: Value, isDefinite: Bool
  ) {
    var value = node.member(name)
    if value.isMissing {
      if operation.pointee.isLeaf {
        if options.contains(.leafToNull) {
          value = .null
        } else {
          if options.contains(.requireProperties) { miss(.noResults, operation, node) }
          return
        }
      } else {
        if isDefinite || options.contains(.requireProperties) { miss(.missingProperty, operation, node) }
        return
      }
    }
    if locates { trail.append("['\(name.text)']") }
    apply(operation + 1, to: value)
    if locates { trail.removeLast() }
  }

  private mutating func applyProperties(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    guard node.isObject else {
      if operation.pointee.isUpstreamDefinite { miss(.notAnObject, operation, node) }
      return
    }
    let names = operation.pointee.list.unsafelyUnwrapped.assumingMemoryBound(to: Value.self)
    let wanted = Int(operation.pointee.count)
    if !operation.pointee.isLeaf {
      for index in 0..<wanted {
        take(names[index], operation, of: node, isDefinite: false)
        if stop != nil { return }
      }
      return
    }
    // At the end of a path the properties come together in one new object.
    let members = arena.pointee.members(wanted)
    var found = 0
    for index in 0..<wanted {
      var value = node.member(names[index])
      if value.isMissing {
        if options.contains(.requireProperties) {
          miss(.missingProperty, operation, node)
          return
        }
        guard options.contains(.leafToNull) else { continue }
        value = .null
      }
      var place = 0
      while place < found, !members[place].key.sameText(names[index]) { place += 1 }
      // A result outlives the path, so it does not keep the path's copy of the name.
      if place == found {
        members[place].key = arena.pointee.string(copying: names[index].bytes).asKey
        found += 1
      }
      members[place].value = value
    }
    if locates {
      trail.append("[" + (0..<wanted).map { "'\(names[$0].text)'" }.joined(separator: ", ") + "]")
    }
    apply(operation + 1, to: .object(members, count: found))
    if locates { trail.removeLast() }
  }

  /// Whether a step that wants an array has one; misses or skips otherwise.
  private mutating func isArray(_ node: Value, _ operation: UnsafePointer<PathOperation>) -> Bool {
    if node.isArray { return true }
    if operation.pointee.isUpstreamDefinite {
      miss(node.isNull ? .null : .notAnArray, operation, node)
    }
    return false
  }

  private mutating func applyIndex(
    _ index: Int, _ operation: UnsafePointer<PathOperation>, to node: Value
  ) {
    let place = index < 0 ? index &+ node.count : index
    guard place >= 0, place < node.count else { return }
    if locates { trail.append("[\(place)]") }
    apply(operation + 1, to: node.elements[place])
    if locates { trail.removeLast() }
  }

  private mutating func applyIndices(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    let indices = operation.pointee.list.unsafelyUnwrapped.assumingMemoryBound(to: Int.self)
    for index in 0..<Int(operation.pointee.count) {
      applyIndex(indices[index], operation, to: node)
      if stop != nil { return }
    }
  }

  private mutating func applySlice(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    var from = 0
    var to = node.count
    if operation.pointee.hasFrom && operation.pointee.hasTo {
      // With both ends the library takes them as written, and then each index between
      // them like one that stands alone: negative ones count from the end.
      from = operation.pointee.from
      to = min(operation.pointee.to, node.count)
      from = max(from, -node.count)
    } else if operation.pointee.hasFrom {
      from = operation.pointee.from
      if from < 0 { from = max(0, from &+ node.count) }
    } else {
      to = operation.pointee.to
      if to < 0 { to &+= node.count }
      to = min(to, node.count)
    }
    var index = from
    while index < to {
      applyIndex(index, operation, to: node)
      if stop != nil { return }
      index &+= 1
    }
  }

  private mutating func applyWildcard(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    if operation.pointee.isLeaf && node.isContainer && count &+ node.count > capacity {
      grow(to: max(capacity &* 2, count &+ node.count))
    }
    if node.isArray {
      for index in 0..<node.count {
        applyIndex(index, operation, to: node)
        if stop != nil { return }
      }
    } else if node.isObject {
      for index in 0..<node.count {
        let member = node.members[index]
        if locates { trail.append("['\(member.key.text)']") }
        apply(operation + 1, to: member.value)
        if locates { trail.removeLast() }
        if stop != nil { return }
      }
    }
  }

  private mutating func applyFilter(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    if node.isArray {
      for index in 0..<node.count {
        if holds(operation.pointee.from, for: node.elements[index], at: operation) {
          applyIndex(index, operation, to: node)
        }
        if stop != nil { return }
      }
    } else if node.isObject {
      if holds(operation.pointee.from, for: node, at: operation), stop == nil {
        apply(operation + 1, to: node)
      }
    } else if operation.pointee.isUpstreamDefinite {
      fail(.filterOnPrimitive, operation, node)
    }
  }

  // MARK: Descendants

  /// Applies `operation` to `node` and to everything below it, outer before inner.
  private mutating func walk(_ operation: UnsafePointer<PathOperation>, from node: Value) {
    guard node.isContainer, visit(operation) else { return }
    depth += 1
    defer { depth -= 1 }
    if depth > PathLimits.depthMax {
      fail(.tooDeep, operation, .missing)
      return
    }
    let isWanted = isWanted(node, by: operation)
    if stop != nil { return }
    if node.isObject {
      if isWanted { apply(operation, to: node) }
      for index in 0..<node.count {
        if stop != nil { return }
        let member = node.members[index]
        guard member.value.isContainer else { continue }
        if locates { trail.append("['\(member.key.text)']") }
        walk(operation, from: member.value)
        if locates { trail.removeLast() }
      }
    } else {
      if isWanted {
        if operation.pointee.isLeaf {
          apply(operation, to: node)
        } else {
          // The library hands every element of a wanted array to the step *after* the
          // one that follows `..`: `$..[0].x` looks at all elements, not at the first.
          for index in 0..<node.count {
            if stop != nil { return }
            applyIndex(index, operation, to: node)
          }
        }
      }
      for index in 0..<node.count {
        if stop != nil { return }
        let element = node.elements[index]
        guard element.isContainer else { continue }
        if locates { trail.append("[\(index)]") }
        walk(operation, from: element)
        if locates { trail.removeLast() }
      }
    }
  }

  /// Whether the step behind `..` is to be applied to this container.
  private mutating func isWanted(_ node: Value, by operation: UnsafePointer<PathOperation>) -> Bool {
    switch operation.pointee.kind {
    case .property:
      guard node.isObject else { return false }
      if operation.pointee.isLeaf && options.contains(.leafToNull) { return true }
      return !node.member(operation.pointee.name).isMissing
    case .properties:
      guard node.isObject else { return false }
      if !operation.pointee.isLeaf || options.contains(.leafToNull) { return true }
      let names = operation.pointee.list.unsafelyUnwrapped.assumingMemoryBound(to: Value.self)
      for index in 0..<Int(operation.pointee.count) where node.member(names[index]).isMissing { return false }
      return true
    case .index, .indices, .slice:
      return node.isArray
    case .wildcard:
      return true
    case .filter:
      return holds(operation.pointee.from, for: node, at: operation)
    case .descendants, .function, .end:
      return false
    }
  }
}
