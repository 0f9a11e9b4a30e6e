#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A path in the form that is walked: flat, trivially copyable records.
//
// All names and literals of a path are values in one arena that the program owns. After
// `init` nothing is ever written, so threads share a program freely; that is what the
// `@unchecked Sendable` below stands for. Results never point into that arena: where a name
// or a literal becomes part of one, it is copied.

/// One step, ready to be applied.
struct PathOperation: BitwiseCopyable {
  enum Kind: UInt8 {
    case property, properties, index, indices, slice, wildcard, filter, descendants, function
    /// Behind the last step: a result.
    case end
  }

  enum Function: UInt8 {
    case unknown, min, max, average, deviation, sum, length, keys, concatenate, append, first, last, index
  }

  var kind: Kind
  var function: Function = .unknown
  /// No step follows.
  var isLeaf = false
  /// All steps before this one are definite.
  var isUpstreamDefinite = false
  var hasFrom = false
  var hasTo = false
  /// The number of the step in the path.
  var step: Int32 = 0
  /// Names, indices or arguments.
  var count: Int32 = 0
  /// The index, the slice's start, or the filter's root node.
  var from = 0
  /// The slice's end.
  var to = 0
  /// The property's name.
  var name: Value = .missing
  /// The names (`Value`), the indices (`Int`) or the arguments (`PathInput`).
  var list: UnsafeMutableRawPointer?
}

/// A node of a filter.
struct PathCondition: BitwiseCopyable {
  enum Kind: UInt8 {
    case or, and, not, exists, relation
  }

  var kind: Kind
  var relation: PathRelation = .equal
  /// Nodes of the operands, for the logical kinds.
  var left: Int32 = 0
  var right: Int32 = 0
  var a = PathInput()
  var b = PathInput()
}

/// A value that a filter or a function takes: a literal, a pattern or a path.
struct PathInput: BitwiseCopyable {
  enum Kind: UInt8 {
    case literal, pattern, path
  }

  var kind: Kind = .literal
  var isFromRoot = false
  var isDefinite = false
  /// Only properties and indices: can be looked up without an evaluator of its own.
  var isPlain = false
  /// The pattern's number, or the number of the path's first operation.
  var index = 0
  var literal: Value = .missing
}

final class PathProgram: @unchecked Sendable {
  let pool: UnsafeMutablePointer<ChunkPool>
  private(set) var storage: Arena
  private(set) var operations: UnsafeMutablePointer<PathOperation>
  private(set) var conditions: UnsafeMutablePointer<PathCondition>
  private(set) var patterns: [RegularExpression]
  let isDefinite: Bool
  /// The path ends in, or goes through, a function.
  let isFunction: Bool

  init(_ steps: [JSONPath.Step]) {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    var builder = PathProgramBuilder(storage: Arena(pool: pool))
    _ = builder.add(steps)
    operations = .allocate(capacity: builder.operations.count)
    operations.initialize(from: builder.operations, count: builder.operations.count)
    conditions = .allocate(capacity: builder.conditions.count + 1)
    conditions.initialize(from: builder.conditions, count: builder.conditions.count)
    patterns = builder.patterns
    storage = builder.storage
    isDefinite = PathParser.isDefinite(steps)
    isFunction = steps.contains { if case .function = $0 { true } else { false } }
  }

  deinit {
    operations.deallocate()
    conditions.deallocate()
    storage.release()
    pool.deinitialize(count: 1)
    pool.deallocate()
  }
}

/// Flattens steps, filters and literals.
private struct PathProgramBuilder {
  var storage: Arena
  var operations: [PathOperation] = []
  var conditions: [PathCondition] = []
  var patterns: [RegularExpression] = []

  init(storage: Arena) {
    self.storage = storage
  }

  /// Adds the operations of a path and gives the number of the first.
  mutating func add(_ steps: [JSONPath.Step]) -> Int {
    // The operations of a path lie side by side, those of paths inside of it elsewhere.
    let first = operations.count
    for _ in 0...steps.count { operations.append(PathOperation(kind: .end)) }
    var isUpstreamDefinite = true
    for (index, step) in steps.enumerated() {
      var operation = self.operation(step)
      operation.isLeaf = index == steps.count - 1
      operation.isUpstreamDefinite = isUpstreamDefinite
      operation.step = Int32(index)
      operations[first + index] = operation
      switch step {
      case .property, .index, .function: break
      default: isUpstreamDefinite = false
      }
    }
    operations[first + steps.count].step = Int32(steps.count)
    return first
  }

  private mutating func operation(_ step: JSONPath.Step) -> PathOperation {
    switch step {
    case .property(let name):
      return PathOperation(kind: .property, name: storage.key(name))
    case .properties(let names):
      let list = storage.elements(names.count)
      for (index, name) in names.enumerated() { list[index] = storage.key(name) }
      return PathOperation(kind: .properties, count: Int32(names.count), list: UnsafeMutableRawPointer(list))
    case .index(let index):
      return PathOperation(kind: .index, from: index)
    case .indices(let indices):
      let list = storage.allocate(indices.count * MemoryLayout<Int>.stride)
      for (index, value) in indices.enumerated() {
        list.storeBytes(of: value, toByteOffset: index * MemoryLayout<Int>.stride, as: Int.self)
      }
      return PathOperation(kind: .indices, count: Int32(indices.count), list: list)
    case .slice(let from, let to):
      return PathOperation(
        kind: .slice, hasFrom: from != nil, hasTo: to != nil, from: from ?? 0, to: to ?? 0)
    case .wildcard:
      return PathOperation(kind: .wildcard)
    case .filter(let filter):
      return PathOperation(kind: .filter, from: add(filter))
    case .descendants:
      return PathOperation(kind: .descendants)
    case .function(let name, let arguments):
      let inputs = arguments.map { argument -> PathInput in
        switch argument {
        case .path(let reference): input(reference)
        case .literal(let literal): PathInput(literal: value(literal))
        }
      }
      let list = storage.allocate(inputs.count * MemoryLayout<PathInput>.stride)
        .bindMemory(to: PathInput.self, capacity: inputs.count)
      list.initialize(from: inputs, count: inputs.count)
      return PathOperation(
        kind: .function, function: Self.functions[name] ?? .unknown, count: Int32(inputs.count),
        list: UnsafeMutableRawPointer(list))
    }
  }

  private static let functions: [String: PathOperation.Function] = [
    "min": .min, "max": .max, "avg": .average, "stddev": .deviation, "sum": .sum, "length": .length,
    "size": .length, "keys": .keys, "concat": .concatenate, "append": .append, "first": .first,
    "last": .last, "index": .index,
  ]

  private mutating func add(_ filter: PathFilter) -> Int {
    let place = conditions.count
    conditions.append(PathCondition(kind: .not))
    switch filter {
    case .or(let left, let right):
      let left = Int32(add(left))
      conditions[place] = PathCondition(kind: .or, left: left, right: Int32(add(right)))
    case .and(let left, let right):
      let left = Int32(add(left))
      conditions[place] = PathCondition(kind: .and, left: left, right: Int32(add(right)))
    case .not(let inner):
      conditions[place] = PathCondition(kind: .not, left: Int32(add(inner)))
    case .exists(let reference):
      conditions[place] = PathCondition(kind: .exists, a: input(reference))
    case .relation(let left, let relation, let right):
      let a = input(left)
      conditions[place] = PathCondition(kind: .relation, relation: relation, a: a, b: input(right))
    }
    return place
  }

  private mutating func input(_ operand: PathOperand) -> PathInput {
    switch operand {
    case .path(let reference):
      return input(reference)
    case .literal(let literal):
      return PathInput(literal: value(literal))
    case .pattern(let pattern):
      patterns.append(pattern)
      return PathInput(kind: .pattern, index: patterns.count - 1)
    }
  }

  private mutating func input(_ reference: PathReference) -> PathInput {
    let isPlain = reference.steps.allSatisfy {
      switch $0 {
      case .property, .index: true
      default: false
      }
    }
    return PathInput(
      kind: .path, isFromRoot: reference.isFromRoot, isDefinite: PathParser.isDefinite(reference.steps),
      isPlain: isPlain, index: add(reference.steps))
  }

  private mutating func value(_ literal: PathLiteral) -> Value {
    switch literal {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .number(let text): return PathNumber.value(text)
    case .string(let text): return storage.string(text)
    case .array(let literals):
      let elements = storage.elements(literals.count)
      for (index, element) in literals.enumerated() { elements[index] = value(element) }
      return .array(elements, count: literals.count)
    case .object(let literals):
      let members = storage.members(literals.count)
      for (index, member) in literals.enumerated() {
        let key = storage.key(member.name)
        members[index] = Member(key: key, value: value(member.value))
      }
      return .object(members, count: literals.count)
    }
  }
}

/// The few things that paths need to know about numbers.
enum PathNumber {
  static func value(_ text: String) -> Value {
    if let integer = Int64(text) { return .integer(integer) }
    return .double(Double(text) ?? 0)
  }

  @inline(__always)
  static func double(_ value: Value) -> Double {
    switch value.tag {
    case .integer: Double(value.integerValue)
    case .double: value.doubleBits
    default: Double(value.text) ?? .nan
    }
  }

  /// Less than zero, zero or more, as numbers compare.
  @inline(__always)
  static func compare(_ a: Value, _ b: Value) -> Int {
    if a.tag == .integer && b.tag == .integer {
      return a.integerValue < b.integerValue ? -1 : a.integerValue > b.integerValue ? 1 : 0
    }
    let left = double(a)
    let right = double(b)
    return left < right ? -1 : left > right ? 1 : 0
  }

  /// The number as the library would spell it when it compares it with a string.
  static func text(_ value: Value) -> String {
    switch value.tag {
    case .integer: String(value.integerValue)
    case .double: value.doubleBits.description
    default: value.text
    }
  }
}
