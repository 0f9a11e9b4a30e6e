#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Paths, templates and intrinsic calls over a fiber's data.
//
// All of them return a value, or `missing` after leaving a fault in the shard. Nothing
// here changes data: templates make new containers in the fiber's arena.

extension Shard {
  // MARK: Paths

  /// What a path selects, or `missing` when it selects nothing.
  @inline(__always)
  func value(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if _fastPath(path.pointee.kind == .field) {
      return data.member(tables.pointee.segments[Int(path.pointee.first)])
    }
    if _fastPath(path.pointee.root == .data && path.pointee.kind == .fields) {
      var value = data
      var segment = tables.pointee.segments + Int(path.pointee.first)
      var left = path.pointee.count
      repeat {
        value = value.member(segment.pointee)
        segment += 1
        left &-= 1
      } while left > 0
      return value
    }
    return valueSlowly(path, data, fiber, tables)
  }

  @inline(never)
  private func valueSlowly(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if path.pointee.root == .context, let value = contextShortcut(path, fiber, tables) { return value }
    let root: Value
    switch path.pointee.root {
    case .data: root = data
    case .context: root = contextObject(fiber)
    case .variable: root = variable(path, fiber)
    }
    if root.isMissing { return .missing }
    switch path.pointee.kind {
    case .whole:
      return root
    case .empty:
      return .emptyObject
    case .field, .fields, .steps:
      return walk(root, tables.pointee.segments + Int(path.pointee.first), Int(path.pointee.count))
    case .general:
      let frame = fiber.pointee.frame.unsafelyUnwrapped
      let general = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
        $0.program.generalPaths[Int(path.pointee.first)]
      }
      switch general.evaluate(root, in: Frame.arena(of: frame)) {
      case .found(let value): return value
      case .missing, .failure: return .missing
      }
    }
  }

  /// Follows names and indexes; `missing` as soon as one leads nowhere.
  private func walk(_ root: Value, _ segments: UnsafePointer<Value>, _ count: Int) -> Value {
    var value = root
    for position in 0..<count {
      let segment = segments[position]
      if segment.isString {
        value = value.member(segment)
      } else {
        guard value.isArray else { return .missing }
        let index = Int(segment.integerValue)
        let offset = index < 0 ? value.count &+ index : index
        guard offset >= 0, offset < value.count else { return .missing }
        value = value.elements[offset]
      }
    }
    return value
  }

  func variable(_ path: UnsafePointer<PathOp>, _ fiber: UnsafeMutablePointer<Fiber>) -> Value {
    var owner = fiber
    var depth = path.pointee.depth
    while depth > 0, let join = owner.pointee.parent {
      owner = join.pointee.fiber
      depth &-= 1
    }
    if _slowPath(depth > 0) { return outerVariable(path, Int(depth), fiber) }
    guard let frame = owner.pointee.frame, let slots = frame.pointee.slots,
      path.pointee.slot < frame.pointee.slotCount
    else { return .missing }
    return slots[Int(path.pointee.slot)]
  }

  /// Where a result goes: the raw input with one place replaced.
  ///
  /// Containers on the way are copied, everything beside the way is shared. `missing`
  /// where a step leads into something that is neither object nor array.
  @inline(__always)
  func place(
    _ value: Value, at reference: UnsafePointer<ReferenceOp>, in root: Value,
    _ arena: UnsafeMutablePointer<Arena>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    place(
      value, tables.pointee.segments + Int(reference.pointee.first), Int(reference.pointee.count), in: root,
      arena)
  }

  private func place(
    _ value: Value, _ segments: UnsafePointer<Value>, _ count: Int, in root: Value,
    _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard count > 0 else { return value }
    let segment = segments[0]
    if segment.isString {
      guard root.isObject else { return .missing }
      let members = root.members
      let wanted = segment.head & ~Value.flagsMask
      var position = 0
      while position < members.count {
        let key = members[position].key
        if key.head & ~Value.flagsMask == wanted && Value.sameBytes(key, segment) { break }
        position &+= 1
      }
      let isNew = position == members.count
      let old = isNew ? Value.emptyObject : members[position].value
      let new = count == 1 ? value : place(value, segments + 1, count &- 1, in: old, arena)
      if new.isMissing { return .missing }
      let size = members.count &+ (isNew ? 1 : 0)
      let copy = arena.pointee.members(size)
      if members.count > 0 {
        memcpy(copy, root.address, members.count &* MemoryLayout<Member>.stride)
      }
      if isNew { copy[position].key = segment }
      copy[position].value = new
      return .object(copy, count: size)
    }
    guard root.isArray else { return .missing }
    let index = Int(segment.integerValue)
    guard index >= 0, index < root.count else { return .missing }
    let new = place(value, segments + 1, count &- 1, in: root.elements[index], arena)
    if new.isMissing { return .missing }
    let copy = arena.pointee.elements(root.count)
    memcpy(copy, root.address, root.count &* MemoryLayout<Value>.stride)
    copy[index] = new
    return .array(copy, count: root.count)
  }

  // MARK: Templates

  /// Evaluates a payload template. Adds to `bound` what the result takes at most when it
  /// is written; a container that a path selects counts as `frame.bound`.
  @inline(never)
  func template(
    _ index: UInt32, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    state.pointee.bound = 2
    return build(tables.pointee.templates + Int(index), data, fiber, tables)
  }

  private func build(
    _ node: UnsafePointer<TemplateNode>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var bound = Int(node.pointee.bytes)
    let result: Value
    switch node.pointee.kind {
    case .constant:
      result = tables.pointee.constants[Int(node.pointee.index)]
    case .path, .call, .expression:
      return loneLeaf(node, data, fiber, tables)
    case .object:
      let count = Int(node.pointee.index)
      let members = Frame.arena(of: frame).pointee.members(count)
      var child = node + 1
      for position in 0..<count {
        let value: Value
        switch child.pointee.kind {
        case .constant:
          value = tables.pointee.constants[Int(child.pointee.index)]
          bound &+= Int(child.pointee.bytes)
        case .path, .call, .expression:
          value = leaf(child, data, fiber, tables)
          if value.isMissing { return .missing }
          bound &+= Int(child.pointee.bytes) &+ writtenBound(value, of: child, fiber, frame, tables)
        case .object, .array:
          value = build(child, data, fiber, tables)
          if value.isMissing { return .missing }
        }
        members[position] = Member(key: child.pointee.key, value: value)
        child += Int(child.pointee.extent)
      }
      result = .object(members, count: count)
    case .array:
      let count = Int(node.pointee.index)
      let elements = Frame.arena(of: frame).pointee.elements(count)
      var child = node + 1
      for position in 0..<count {
        let value = build(child, data, fiber, tables)
        if value.isMissing { return .missing }
        elements[position] = value
        child += Int(child.pointee.extent)
      }
      result = .array(elements, count: count)
    }
    state.pointee.bound &+= bound
    return result
  }

  /// A leaf that is no member of an object.
  @inline(never)
  private func loneLeaf(
    _ node: UnsafePointer<TemplateNode>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let result = leaf(node, data, fiber, tables)
    if result.isMissing { return .missing }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    state.pointee.bound &+=
      Int(node.pointee.bytes) &+ writtenBound(result, of: node, fiber, frame, tables)
    return result
  }

  /// A path or call of a template; leaves the fault where it has no value.
  @inline(__always)
  private func leaf(
    _ node: UnsafePointer<TemplateNode>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if node.pointee.kind == .path {
      let path = tables.pointee.paths + Int(node.pointee.index)
      let value = value(path, data, fiber, tables)
      if _slowPath(value.isMissing) { return missingInTemplate(path, data, fiber, tables) }
      return value
    }
    if node.pointee.kind == .expression {
      return templateExpression(node.pointee.index, data, fiber, tables)
    }
    let call = tables.pointee.calls + Int(node.pointee.index)
    if call.pointee.addend != 0 {
      let sum = counted(call, data, tables)
      if _fastPath(!sum.isMissing) { return sum }
    }
    return self.call(node.pointee.index, data, fiber, tables)
  }

  /// One more, as loops count; `missing` where that is not all there is to say.
  @inline(__always)
  private func counted(
    _ call: UnsafePointer<CallOp>, _ data: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let value = data.member(tables.pointee.segments[Int(call.pointee.counter)])
    guard value.tag == .integer, let number = Int32(exactly: value.integerValue) else { return .missing }
    let (sum, overflow) = number.addingReportingOverflow(call.pointee.addend)
    return _slowPath(overflow) ? .missing : .integer(Int64(sum))
  }

  /// A path of a template that selects nothing: `null` where only the last index is
  /// beyond the end, else a fault.
  @inline(never)
  private func missingInTemplate(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if path.pointee.kind == .steps {
      let segments = tables.pointee.segments + Int(path.pointee.first)
      let last = Int(path.pointee.count) - 1
      if !segments[last].isString {
        let root: Value
        switch path.pointee.root {
        case .data: root = data
        case .context: root = contextObject(fiber)
        case .variable: root = variable(path, fiber)
        }
        if !root.isMissing, walk(root, segments, last).isArray { return .null }
      }
    }
    state.pointee.fault = runtimeFault(
      fiber, missingTemplateText(path, data, fiber, tables))
    return .missing
  }

  /// What a path or a call of a template takes at most when it is written.
  @inline(__always)
  private func writtenBound(
    _ value: Value, of node: UnsafePointer<TemplateNode>, _ fiber: UnsafeMutablePointer<Fiber>,
    _ frame: UnsafeMutablePointer<Frame>, _ tables: UnsafePointer<ProgramTables>
  ) -> Int {
    // Nearly all are texts and whole numbers.
    if value.tag == .integer { return 26 }
    return switch value.tag {
    case .string: value.isPlainText ? value.count &+ 2 : value.count &* 6 &+ 2
    case .numeral: value.count
    case .array, .object:
      if _fastPath(
        node.pointee.kind == .path && tables.pointee.paths[Int(node.pointee.index)].selectsWithin)
      {
        frame.pointee.bound
      } else {
        containerBound(value, of: node, fiber, frame, tables)
      }
    default: 26
    }
  }

  @inline(never)
  private func containerBound(
    _ value: Value, of node: UnsafePointer<TemplateNode>, _ fiber: UnsafeMutablePointer<Fiber>,
    _ frame: UnsafeMutablePointer<Frame>, _ tables: UnsafePointer<ProgramTables>
  ) -> Int {
    if node.pointee.kind == .expression, selectsInput(node.pointee.index, tables) {
      return frame.pointee.bound
    }
    return sizeWithinLimits(value, fiber)
  }

  /// What a value takes when it is written, or a number above every limit of the execution.
  @inline(never)
  func sizeWithinLimits(_ value: Value, _ fiber: UnsafeMutablePointer<Fiber>) -> Int {
    let limits = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.limits }
    return value.serializedSize(upTo: max(limits.payloadBytesMax, limits.variableBytesMax))
  }

  /// Raises the bound of a fiber's data to cover what a path selected.
  @inline(__always)
  func cover(
    _ value: Value, selectedBy path: UnsafePointer<PathOp>, _ fiber: UnsafeMutablePointer<Fiber>
  ) {
    guard _slowPath(!path.pointee.selectsWithin) else { return }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    frame.pointee.bound = max(frame.pointee.bound, sizeWithinLimits(value, fiber))
  }

  // MARK: Intrinsic calls

  private func scratch(_ arena: UnsafeMutablePointer<Arena>) -> IntrinsicScratch {
    IntrinsicScratch(
      arena: arena, random: state.pointee.random, parser: state.pointee.parser, writer: state.pointee.writer,
      output: state.pointee.output)
  }

  /// Evaluates a call; leaves the fault where it fails.
  @inline(never)
  func call(
    _ index: UInt32, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let call = tables.pointee.calls + Int(index)
    let arguments = tables.pointee.arguments + Int(call.pointee.first)
    let count = Int(call.pointee.count)
    // The commonest call of all: counting. Its arguments need no place in the arena.
    if call.pointee.function == .mathAdd && count == 2 {
      let a = self.argument(arguments[0], of: call, data, fiber, tables)
      if _slowPath(a.isMissing) { return .missing }
      let b = self.argument(arguments[1], of: call, data, fiber, tables)
      if _slowPath(b.isMissing) { return .missing }
      let sum = Intrinsic.mathAdd(a, b)
      if _fastPath(!sum.isMissing) { return sum }
      state.pointee.fault = runtimeFault(fiber, invalidArgumentsText(call, tables))
      return .missing
    }
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    let values = arena.pointee.elements(count)
    for position in 0..<count {
      let value = self.argument(arguments[position], of: call, data, fiber, tables)
      if _slowPath(value.isMissing) { return .missing }
      values[position] = value
    }
    let result: Value
    if call.pointee.template != 0 {
      let pieces = tables.pointee.constants + Int(call.pointee.template)
      result = Intrinsic.format(
        pieces: UnsafeBufferPointer(start: pieces + 1, count: Int(pieces[0].integerValue)),
        UnsafeBufferPointer(start: values + 1, count: count &- 1), arena)
    } else {
      result = call.pointee.function.evaluate(
        UnsafeBufferPointer(start: values, count: count), scratch(arena))
    }
    if _slowPath(result.isMissing) {
      state.pointee.fault = runtimeFault(fiber, invalidArgumentsText(call, tables))
    }
    return result
  }

  /// The value of an argument; leaves the fault where it has none.
  @inline(__always)
  private func argument(
    _ argument: ArgumentOp, of call: UnsafePointer<CallOp>, _ data: Value,
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    switch argument.kind {
    case .constant:
      return tables.pointee.constants[Int(argument.index)]
    case .path:
      let path = tables.pointee.paths + Int(argument.index)
      let value = value(path, data, fiber, tables)
      if _slowPath(value.isMissing) {
        state.pointee.fault = runtimeFault(fiber, missingArgumentText(call, path, data, fiber, tables))
      }
      return value
    case .call:
      return self.call(argument.index, data, fiber, tables)
    }
  }
}
