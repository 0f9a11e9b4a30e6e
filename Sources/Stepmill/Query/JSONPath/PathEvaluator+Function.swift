#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The library's functions. A function replaces the node it is applied to by its result:
// aggregates look at the numbers of an array and of their arguments and give doubles, those
// that make no sense for a node (the length of a number) give null.

extension PathEvaluator {
  mutating func applyFunction(_ operation: UnsafePointer<PathOperation>, to node: Value) {
    let result: Value
    switch operation.pointee.function {
    case .unknown:
      fail(.unknownFunction, operation, node)
      return
    case .min, .max, .average, .deviation, .sum:
      result = aggregate(operation, node)
    case .length:
      result = length(operation, node)
    case .keys:
      result = keys(node)
    case .concatenate:
      result = concatenate(operation, node)
    case .append:
      result = append(operation, node)
    case .first, .last, .index:
      result = element(operation, node)
    }
    if stop == nil { apply(operation + 1, to: result) }
  }

  private func input(_ operation: UnsafePointer<PathOperation>, _ index: Int) -> PathInput {
    operation.pointee.list.unsafelyUnwrapped.assumingMemoryBound(to: PathInput.self)[index]
  }

  /// An argument's value. Paths start at the document, whatever they are written with.
  private mutating func argument(_ operation: UnsafePointer<PathOperation>, _ index: Int) -> Value {
    let value = resolve(input(operation, index), for: document)
    if value.isMissing && stop == nil {
      stop = .miss(PathMiss(reason: .noResults, step: Int(operation.pointee.step), value: .missing))
    }
    return value
  }

  // MARK: Numbers

  private struct Tally {
    var count = 0
    var sum = 0.0
    var sumOfSquares = 0.0
    var least = Double.infinity
    var greatest = -Double.infinity

    mutating func add(_ value: Value) {
      guard value.isNumber else { return }
      let number = PathNumber.double(value)
      count += 1
      sum += number
      sumOfSquares += number * number
      least = Swift.min(least, number)
      greatest = Swift.max(greatest, number)
    }

    mutating func addAll(_ value: Value) {
      guard value.isArray else { return add(value) }
      for element in value.elements { add(element) }
    }
  }

  private mutating func aggregate(_ operation: UnsafePointer<PathOperation>, _ node: Value) -> Value {
    var tally = Tally()
    if node.isArray { tally.addAll(node) }
    for index in 0..<Int(operation.pointee.count) {
      tally.addAll(argument(operation, index))
      if stop != nil { return .null }
    }
    guard tally.count > 0 else {
      fail(.aggregateOfNothing, operation, node)
      return .null
    }
    let count = Double(tally.count)
    switch operation.pointee.function {
    case .min: return .double(tally.least)
    case .max: return .double(tally.greatest)
    case .average: return .double(tally.sum / count)
    case .deviation:
      let variance = tally.sumOfSquares / count - tally.sum * tally.sum / count / count
      return .double(Swift.max(0, variance).squareRoot())
    default: return .double(tally.sum)
    }
  }

  private mutating func length(_ operation: UnsafePointer<PathOperation>, _ node: Value) -> Value {
    if operation.pointee.count > 0 {
      let first = input(operation, 0)
      guard first.kind == .path else {
        fail(.badArguments, operation, node)
        return .null
      }
      // With a path that may find several values it is their children that count; a path
      // that names one value is, by an oddity of the library, not looked at.
      if !first.isDefinite {
        let found = argument(operation, 0)
        guard stop == nil, found.isArray else { return .null }
        return .integer(Int64(found.elements.reduce(0) { $0 + ($1.isContainer ? $1.count : 0) }))
      }
    }
    return node.isContainer ? .integer(Int64(node.count)) : .null
  }

  // MARK: Texts and lists

  private func keys(_ node: Value) -> Value {
    guard node.isObject else { return .null }
    let elements = arena.pointee.elements(node.count)
    for index in 0..<node.count {
      let key = node.members[index].key
      elements[index] = .string(key.address, count: key.count, plain: key.isPlainText)
    }
    return .array(elements, count: node.count)
  }

  private mutating func concatenate(_ operation: UnsafePointer<PathOperation>, _ node: Value) -> Value {
    var text: [UInt8] = []
    if node.isArray {
      for element in node.elements where element.isString { text += element.bytes }
    }
    for index in 0..<Int(operation.pointee.count) {
      let value = argument(operation, index)
      if stop != nil { return .null }
      if value.isString {
        text += value.bytes
      } else if value.isArray {
        for element in value.elements where !element.isNull { text += PathText.java(element).utf8 }
      }
    }
    return text.withUnsafeBytes { arena.pointee.string(copying: $0) }
  }

  private mutating func append(_ operation: UnsafePointer<PathOperation>, _ node: Value) -> Value {
    guard node.isArray else { return node }
    let more = Int(operation.pointee.count)
    let elements = arena.pointee.elements(node.count + more)
    elements.update(from: node.address.assumingMemoryBound(to: Value.self), count: node.count)
    for index in 0..<more {
      elements[node.count + index] = owned(argument(operation, index))
      if stop != nil { return .null }
    }
    return .array(elements, count: node.count + more)
  }

  /// A copy that does not point into the path's program, which may end before the data does.
  private func owned(_ value: Value) -> Value {
    switch value.tag {
    case .string:
      return value.count == 0 ? .emptyString : arena.pointee.string(copying: value.bytes)
    case .array where program._withUnsafeGuaranteedRef({ $0.storage.owns(value.address) }):
      let elements = arena.pointee.elements(value.count)
      for index in 0..<value.count { elements[index] = owned(value.elements[index]) }
      return .array(elements, count: value.count)
    case .object where program._withUnsafeGuaranteedRef({ $0.storage.owns(value.address) }):
      let members = arena.pointee.members(value.count)
      for index in 0..<value.count {
        let member = value.members[index]
        members[index] = Member(key: owned(member.key).asKey, value: owned(member.value))
      }
      return .object(members, count: value.count)
    default:
      return value
    }
  }

  private mutating func element(_ operation: UnsafePointer<PathOperation>, _ node: Value) -> Value {
    guard node.isArray else {
      fail(.aggregateOfNothing, operation, node)
      return .null
    }
    var index = operation.pointee.function == .last ? -1 : 0
    if operation.pointee.function == .index {
      guard operation.pointee.count > 0 else {
        fail(.badArguments, operation, node)
        return .null
      }
      let wanted = argument(operation, 0)
      guard stop == nil else { return .null }
      guard wanted.isNumber, let exact = Int(exactly: PathNumber.double(wanted).rounded(.towardZero)) else {
        fail(.badArguments, operation, node)
        return .null
      }
      index = exact
    }
    let place = index < 0 ? index &+ node.count : index
    guard place >= 0, place < node.count else {
      fail(.indexOutOfRange, operation, node)
      return .null
    }
    return node.elements[place]
  }
}
