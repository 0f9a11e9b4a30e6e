import CIntrinsics

// The second pass: dots become paths, brackets become stages of a step or predicates of
// an expression, and every `%` finds the step whose items it stands for.
//
// An expression that contains a `%` which its own paths cannot satisfy hands it on to
// what is around it ("seekers"). A path tries its steps from the last to the first, each
// name or wildcard taking a `%` one level up; the step that takes it to level zero is
// marked, and from there on the path's items carry bindings ("tuples").

struct JSONataAncestry {
  private var ancestors: [JSONataSyntax] = []
  private let stackLimit: UInt

  init(stackLimit: UInt) {
    self.stackLimit = stackLimit
  }

  mutating func rewrite(_ root: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    let result = try process(root)
    if result.kind == .parent || result.seekers != nil {
      throw JSONataError(.s0217, position: result.position, token: result.kind.rawValue)
    }
    return result
  }

  private mutating func process(_ node: JSONataSyntax?) throws(JSONataError) -> JSONataSyntax {
    guard let node else { throw JSONataError(.s0207) }
    guard stepmill_frame_address() > stackLimit else { throw JSONataError(.d1011, position: node.position) }
    let result = try rewritten(node)
    if node.keepArray { result.keepArray = true }
    result.range = node.range
    return result
  }

  private mutating func rewritten(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    switch node.kind {
    case .string, .number, .value, .wildcard, .descendant, .variable, .regex: return node
    case .name:
      let path = JSONataSyntax(.path, symbol: node.symbol, position: node.position)
      path.items = [node]
      path.keepSingletonArray = node.keepArray
      return path
    case .operator:
      if node.symbol == "?" { return node }
      node.kind = .name
      return try process(node)
    case .parent:
      let result = JSONataSyntax(.parent, symbol: node.symbol, position: node.position)
      result.slot = JSONataAncestor(label: ancestors.count, index: ancestors.count)
      ancestors.append(result)
      return result
    case .end:
      throw JSONataError(.s0207, position: node.position, token: node.symbol)
    case .binary: return try binary(node)
    case .unary: return try unary(node)
    case .function, .partial:
      for index in node.items.indices {
        node.items[index] = try process(node.items[index])
        push(node, node.items[index])
      }
      node.head = try process(node.head)
      return node
    case .lambda:
      node.then = tailCalls(try process(node.then))
      return node
    case .condition:
      node.head = try processPushing(node.head, node)
      node.then = try processPushing(node.then, node)
      if node.otherwise != nil { node.otherwise = try processPushing(node.otherwise, node) }
      return node
    case .transform:
      node.head = try process(node.head)
      node.then = try process(node.then)
      if node.otherwise != nil { node.otherwise = try process(node.otherwise) }
      return node
    case .block:
      for index in node.items.indices {
        let part = try processPushing(node.items[index], node)
        if part.consArray || part.kind == .path && part.items[0].consArray { node.consArray = true }
        node.items[index] = part
      }
      return node
    case .path, .bind, .apply, .sort: return node
    }
  }

  private mutating func processPushing(
    _ child: JSONataSyntax?, _ parent: JSONataSyntax
  ) throws(JSONataError) -> JSONataSyntax {
    let result = try process(child)
    push(parent, result)
    return result
  }

  private mutating func unary(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    switch node.symbol {
    case "[":
      for index in node.items.indices { node.items[index] = try processPushing(node.items[index], node) }
    case "{":
      for index in node.pairs.indices {
        node.pairs[index].key = try processPushing(node.pairs[index].key, node)
        node.pairs[index].value = try processPushing(node.pairs[index].value, node)
      }
    default:
      let operand = try process(node.left)
      if operand.kind == .number {
        operand.value = operand.value.jsonataNegated
        operand.symbol = "-" + operand.symbol
        return operand
      }
      node.left = operand
      push(node, operand)
    }
    return node
  }

  private mutating func binary(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    switch node.symbol {
    case ".": return try path(node)
    case "[": return try predicate(node)
    case "{":
      let result = try process(node.left)
      if result.group != nil { throw JSONataError(.s0210, position: node.position) }
      var group = JSONataSyntax.Group(pairs: node.pairs, position: node.position)
      for index in group.pairs.indices {
        group.pairs[index].key = try process(group.pairs[index].key)
        group.pairs[index].value = try process(group.pairs[index].value)
      }
      result.group = group
      return result
    case "^": return try sort(node)
    case ":=":
      node.kind = .bind
      node.left = try process(node.left)
      node.right = try processPushing(node.right, node)
      return node
    case "@":
      let result = try process(node.left)
      let step = result.kind == .path ? result.items[result.items.count - 1] : result
      if step.stages != nil || step.predicates != nil { throw JSONataError(.s0215, position: node.position) }
      if step.kind == .sort { throw JSONataError(.s0216, position: node.position) }
      if node.keepArray { step.keepArray = true }
      step.focus = node.right?.bytes
      step.tuple = true
      return result
    case "#":
      var result = try process(node.left)
      let step: JSONataSyntax
      if result.kind == .path {
        step = result.items[result.items.count - 1]
      } else {
        step = result
        result = JSONataSyntax(.path, symbol: step.symbol, position: step.position)
        result.items = [step]
        Self.turnPredicatesIntoStages(step)
      }
      if step.stages == nil {
        step.index = node.right?.bytes
      } else {
        step.stages?.append(.index(node.right?.bytes ?? []))
      }
      step.tuple = true
      return result
    case "~>":
      node.kind = .apply
      node.left = try process(node.left)
      node.right = try process(node.right)
      node.keepArray = node.left?.keepArray ?? false || node.right?.keepArray ?? false
      return node
    default:
      node.left = try process(node.left)
      node.right = try process(node.right)
      if let left = node.left { push(node, left) }
      if let right = node.right { push(node, right) }
      return node
    }
  }

  private static func turnPredicatesIntoStages(_ step: JSONataSyntax) {
    if let predicates = step.predicates {
      step.stages = predicates.map { .filter($0) }
      step.predicates = nil
    }
  }

  private mutating func path(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    let first = try process(node.left)
    let result: JSONataSyntax
    if first.kind == .path {
      result = first
    } else {
      result = JSONataSyntax(.path, symbol: node.symbol, position: node.position)
      result.items = [first]
    }
    if first.kind == .parent, let slot = first.slot {
      let seekers = JSONataSeekers()
      seekers.list = [slot]
      result.seekers = seekers
    }
    let rest = try process(node.right)
    if rest.kind == .path {
      result.items += rest.items
    } else {
      Self.turnPredicatesIntoStages(rest)
      result.items.append(rest)
    }
    for step in result.items {
      if step.kind == .number || step.kind == .value {
        throw JSONataError(.s0213, position: step.position, value: step.symbol)
      }
      if step.kind == .string { step.kind = .name }
      if step.keepArray { result.keepSingletonArray = true }
    }
    let last = result.items[result.items.count - 1]
    if result.items[0].isArrayConstructor { result.items[0].consArray = true }
    if last.isArrayConstructor { last.consArray = true }
    try resolve(result)
    return result
  }

  private mutating func predicate(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    let result = try process(node.left)
    let isPath = result.kind == .path
    let step = isPath ? result.items[result.items.count - 1] : result
    if step.group != nil { throw JSONataError(.s0209, position: node.position) }
    let predicate = try process(node.right)
    if let seekers = predicate.seekers {
      for slot in seekers.list {
        if slot.level == 1 { _ = try seek(step, slot) } else { slot.level -= 1 }
      }
      push(step, predicate)
    }
    if isPath {
      step.stages = (step.stages ?? []) + [.filter(predicate)]
    } else {
      step.predicates = (step.predicates ?? []) + [predicate]
    }
    return result
  }

  private mutating func sort(_ node: JSONataSyntax) throws(JSONataError) -> JSONataSyntax {
    var result = try process(node.left)
    if result.kind != .path {
      let step = result
      result = JSONataSyntax(.path, symbol: step.symbol, position: step.position)
      result.items = [step]
    }
    let sort = JSONataSyntax(.sort, symbol: node.symbol, position: node.position)
    for term in node.terms {
      let expression = try process(term.expression)
      push(sort, expression)
      sort.terms.append(.init(descending: term.descending, expression: expression))
    }
    result.items.append(sort)
    try resolve(result)
    return result
  }

  /// A call at the end of a lambda's body is made after its frame is left.
  private func tailCalls(_ node: JSONataSyntax) -> JSONataSyntax {
    guard node.predicates == nil, node.group == nil, !node.keepArray else { return node }
    switch node.kind {
    case .function: node.tailCall = true
    case .condition:
      node.then = node.then.map(tailCalls)
      node.otherwise = node.otherwise.map(tailCalls)
    case .block:
      if let last = node.items.last { node.items[node.items.count - 1] = tailCalls(last) }
    default: break
    }
    return node
  }

  // MARK: Ancestry

  private func push(_ result: JSONataSyntax, _ value: JSONataSyntax) {
    guard value.seekers != nil || value.kind == .parent else { return }
    let seekers = value.seekers ?? JSONataSeekers()
    if value.kind == .parent, let slot = value.slot { seekers.list.append(slot) }
    if let own = result.seekers {
      own.list += seekers.list
    } else {
      result.seekers = seekers
    }
  }

  private func resolve(_ path: JSONataSyntax) throws(JSONataError) {
    let last = path.items[path.items.count - 1]
    var slots = last.seekers?.list ?? []
    if last.kind == .parent, let slot = last.slot {
      slots.append(slot)
      last.seekers?.list.append(slot)
    }
    for start in slots {
      var slot = start
      var index = path.items.count - 2
      while slot.level > 0 {
        if index < 0 {
          if path.seekers == nil { path.seekers = JSONataSeekers() }
          path.seekers?.list.append(slot)
          break
        }
        var step = path.items[index]
        index -= 1
        // Steps that bind a focus one after the other share their context.
        while index >= 0 && step.focus != nil && path.items[index].focus != nil {
          step = path.items[index]
          index -= 1
        }
        slot = try seek(step, slot)
      }
    }
  }

  private func seek(_ node: JSONataSyntax, _ start: JSONataAncestor) throws(JSONataError) -> JSONataAncestor {
    var slot = start
    switch node.kind {
    case .name, .wildcard:
      slot.level -= 1
      if slot.level == 0 {
        if let ancestor = node.ancestor { ancestors[slot.index].slot?.label = ancestor.label }
        node.ancestor = slot
        node.tuple = true
      }
    case .parent:
      slot.level += 1
    case .block:
      if let last = node.items.last {
        node.tuple = true
        slot = try seek(last, slot)
      }
    case .path:
      node.tuple = true
      var index = node.items.count - 1
      slot = try seek(node.items[index], slot)
      index -= 1
      while slot.level > 0 && index >= 0 {
        slot = try seek(node.items[index], slot)
        index -= 1
      }
    default:
      throw JSONataError(.s0217, position: node.position, token: node.kind.rawValue)
    }
    return slot
  }
}
