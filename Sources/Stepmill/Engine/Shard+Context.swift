// The context object, `$$`. It is made when a path asks for it; the common questions are
// answered without making it.

extension Shard {
  /// `$$.Map.Item.Value`, `$$.Map.Item.Index` and `$$.Execution.Input` without the rest.
  func contextShortcut(
    _ path: UnsafePointer<PathOp>, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value? {
    guard path.pointee.kind == .fields || path.pointee.kind == .steps else { return nil }
    let segments = tables.pointee.segments + Int(path.pointee.first)
    let count = Int(path.pointee.count)
    if count >= 3, segments[0].sameText("Map"), segments[1].sameText("Item") {
      guard let owner = mapOwner(fiber) else {
        let more = fiber.pointee.execution.pointee.identity?.takeUnretainedValue().more
        return more?.context == nil ? .missing : nil
      }
      var value: Value
      if segments[2].sameText("Value") {
        value = owner.value
      } else if segments[2].sameText("Index") {
        value = .integer(Int64(owner.index))
      } else if segments[2].sameText("Key") {
        value = state.pointee.mapItem.key
      } else if segments[2].sameText("Source") {
        value = state.pointee.mapItem.source
      } else {
        return .missing
      }
      for position in 3..<max(count, 3) {
        guard segments[position].isString else { return nil }
        value = value.member(segments[position])
      }
      return value
    }
    return nil
  }

  /// The item of the innermost Map iteration around a fiber.
  private func mapOwner(_ fiber: UnsafeMutablePointer<Fiber>) -> (value: Value, index: UInt32)? {
    // While an ItemSelector is evaluated the Map's own fiber carries the item.
    if let frame = fiber.pointee.frame, !frame.pointee.item.isMissing {
      return (frame.pointee.item, frame.pointee.itemIndex)
    }
    var owner = fiber
    while let join = owner.pointee.parent {
      if join.pointee.isMap {
        return (join.pointee.items[Int(owner.pointee.childIndex)], owner.pointee.childIndex)
      }
      owner = join.pointee.fiber
    }
    return nil
  }

  /// The whole object, in the fiber's arena.
  func contextObject(_ fiber: UnsafeMutablePointer<Fiber>) -> Value {
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    let execution = fiber.pointee.execution
    let more = execution.pointee.identity?.takeUnretainedValue().more
    if let context = more?.context { return given(context, fiber, arena) }
    let workflow = execution.pointee.workflow.takeUnretainedValue()
    let tables = workflow.tables
    let op = tables.pointee.ops + Int(fiber.pointee.pc)

    var object = ObjectBuilder(arena)
    var part = ObjectBuilder(arena)
    part.add("Id", arena.pointee.string(executionARN(execution)))
    part.add("Input", rootFiber(execution).pointee.frame?.pointee.input ?? .missing)
    part.add("StartTime", timestamp(execution.pointee.startedAt, arena))
    part.add("Name", arena.pointee.string(executionName(execution)))
    part.add("RoleArn", arena.pointee.string(roleARN(execution)))
    if let count = more?.redriveCount ?? (workflow.kind == .standard || workflow.label != nil ? 0 : nil) {
      part.add("RedriveCount", .integer(Int64(count)))
    }
    if let time = more?.redriveTime { part.add("RedriveTime", timestamp(time, arena)) }
    object.add("Execution", part.finish())

    part.add("Id", arena.pointee.string(workflow.arn))
    part.add("Name", arena.pointee.string(workflow.name))
    object.add("StateMachine", part.finish())

    part.add("Name", tables.pointee.names[Int(op.pointee.name)])
    let canBlock = op.pointee.type == .task || op.pointee.type == .map || op.pointee.type == .parallel
    let enteredAt = canBlock || op.pointee.type == .wait ? fiber.pointee.enteredAt : wallNow
    part.add("EnteredTime", timestamp(enteredAt, arena))
    if canBlock { part.add("RetryCount", .integer(Int64(fiber.pointee.retryCount))) }
    object.add("State", part.finish())

    if op.pointee.type == .task, tables.pointee.tasks[Int(op.pointee.a)].waitsForToken {
      part.add("Token", arena.pointee.string(token(of: fiber).text))
      object.add("Task", part.finish())
    }
    if let item = mapOwner(fiber) {
      part.add("Index", .integer(Int64(item.index)))
      part.add("Value", item.value)
      part.add("Key", state.pointee.mapItem.key)
      part.add("Source", state.pointee.mapItem.source)
      let item = part.finish()
      part.add("Item", item)
      object.add("Map", part.finish())
    }
    return object.finish()
  }

  /// A context object that came with the execution, and the item of a Map inside of it.
  private func given(
    _ context: JSON, _ fiber: UnsafeMutablePointer<Fiber>, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    let object = context.copied(to: arena)
    guard object.isObject, let item = mapOwner(fiber) else { return object }
    var part = ObjectBuilder(arena)
    part.add("Index", .integer(Int64(item.index)))
    part.add("Value", item.value)
    part.add("Key", state.pointee.mapItem.key)
    part.add("Source", state.pointee.mapItem.source)
    let inner = part.finish()
    part.add("Item", inner)
    let map = part.finish()
    let members = arena.pointee.members(object.count + 1)
    var count = 0
    for member in object.members where !member.key.sameText("Map") {
      members[count] = member
      count += 1
    }
    members[count] = Member(key: .key("Map"), value: map)
    return .object(members, count: count + 1)
  }

  private func rootFiber(_ execution: UnsafeMutablePointer<ExecutionRecord>) -> UnsafeMutablePointer<Fiber> {
    state.pointee.fibers[execution.pointee.root]
  }

  private func timestamp(_ milliseconds: Int64, _ arena: UnsafeMutablePointer<Arena>) -> Value {
    arena.pointee.string(Timestamp(millisecondsSince1970: milliseconds).description)
  }

  // MARK: Names

  /// The execution's name: the one it was given, or one made from where and when it began.
  func executionName(_ execution: UnsafeMutablePointer<ExecutionRecord>) -> String {
    if let identity = execution.pointee.identity?.takeUnretainedValue() {
      if let name = identity.name { return name }
      if let numbers = identity.numbers { return numbers.name.text }
    }
    let tag = execution.pointee.tag
    return execution.pointee.sink._withUnsafeGuaranteedRef { $0.name(tag: tag) }
      ?? UUIDText.text(identifier(execution, 0))
  }

  /// Numbers that follow from where and when an execution began.
  private func identifier(
    _ execution: UnsafeMutablePointer<ExecutionRecord>, _ which: UInt64
  ) -> (high: UInt64, low: UInt64) {
    var random = RandomSource(
      seed: UInt64(bitPattern: execution.pointee.startedAt) &* 0x9E37_79B9_7F4A_7C15
        ^ execution.pointee.serial &<< 16 ^ UInt64(execution.pointee.origin) ^ which &<< 63)
    return random.uuid()
  }

  func executionARN(_ execution: UnsafeMutablePointer<ExecutionRecord>) -> String {
    if let arn = execution.pointee.identity?.takeUnretainedValue().arn { return arn }
    let workflow = execution.pointee.workflow.takeUnretainedValue()
    let arn = workflow.executionARNPrefix + executionName(execution)
    // Express executions may share a name; a number of their own tells them apart.
    guard workflow.kind == .express else { return arn }
    let run = execution.pointee.identity?.takeUnretainedValue().numbers?.run.text
    return arn + ":" + (run ?? UUIDText.text(identifier(execution, 1)))
  }

  func roleARN(_ execution: UnsafeMutablePointer<ExecutionRecord>) -> String {
    execution.pointee.identity?.takeUnretainedValue().roleARN
      ?? execution.pointee.workflow.takeUnretainedValue().roleARN
  }
}

/// Gathers the members of a small object.
private struct ObjectBuilder {
  private let arena: UnsafeMutablePointer<Arena>
  private var members: [Member] = []

  init(_ arena: UnsafeMutablePointer<Arena>) {
    self.arena = arena
  }

  mutating func add(_ name: StaticString, _ value: Value) {
    if !value.isMissing { members.append(Member(key: .key(name), value: value)) }
  }

  /// The object; the builder is empty again.
  mutating func finish() -> Value {
    let memory = arena.pointee.members(members.count)
    for (position, member) in members.enumerated() { memory[position] = member }
    defer { members.removeAll(keepingCapacity: true) }
    return .object(memory, count: members.count)
  }
}
