// What a simulation may look at between two steps: where fibers are, and whether the
// records agree with one another.

extension ManualLoop {
  /// Checks that the records of the shard agree: every fiber hangs below an execution that is
  /// alive, no Map or Parallel has more children than it may have, the counters are those of
  /// the records. Returns what is wrong, or nil.
  package func inspect() -> String? {
    let state = shard.state
    let counters = RuntimeCounters(shard.state.pointee.counters)
    let ended = counters.succeeded + counters.failed + counters.timedOut + counters.aborted
    let executions = state.pointee.executions.indexes { $0.isLive }
    let dormant = state.pointee.slots.indexes { $0.block != nil }
    if executions.count + dormant.count != state.pointee.slots.count {
      return
        "\(executions.count) executions are awake and \(dormant.count) dormant, but "
        + "\(state.pointee.slots.count) slots are taken"
    }
    if executions.count != state.pointee.executions.count {
      return
        "\(executions.count) executions are alive, but \(state.pointee.executions.count) records are taken"
    }
    if counters.started != ended + state.pointee.slots.count {
      return "\(counters.started) started, \(ended) ended, \(state.pointee.slots.count) alive"
    }
    var census = Census()
    census.waiting = dormant.count
    for index in executions {
      let execution = state.pointee.executions[index]
      let root = state.pointee.fibers[execution.pointee.root]
      if root.pointee.parent != nil || !root.pointee.isRoot { return "a root has a parent" }
      if state.pointee.slots[execution.pointee.slot].pointee.record != execution {
        return "an execution is not where its slot says"
      }
      if let problem = inspect(root, of: execution, &census) { return problem }
    }
    if census.fibers != state.pointee.fibers.count {
      return "\(state.pointee.fibers.count) fibers are taken, \(census.fibers) hang below executions"
    }
    if census.waiting != counters.waiting {
      return "\(counters.waiting) are counted as waiting, \(census.waiting) wait"
    }
    if census.ready > state.pointee.ready.count {
      return "\(census.ready) fibers are ready, \(state.pointee.ready.count) stand in line"
    }
    if executions.isEmpty && state.pointee.pool.pointee.bytesUsed != 0 {
      return "\(state.pointee.pool.pointee.bytesUsed) bytes are in use with no execution alive"
    }
    return nil
  }

  private struct Census {
    var fibers = 0
    var waiting = 0
    var ready = 0
  }

  private func inspect(
    _ fiber: UnsafeMutablePointer<Fiber>, of execution: UnsafeMutablePointer<ExecutionRecord>,
    _ census: inout Census
  ) -> String? {
    census.fibers += 1
    if fiber.pointee.execution != execution { return "a fiber belongs to another execution" }
    let phase = fiber.pointee.phase
    if (fiber.pointee.call != nil) != (phase == .handling) { return "a \(phase) fiber and its call disagree" }
    switch phase {
    case .free:
      return "a fiber of a living execution is free"
    case .ready:
      census.ready += 1
    case .handling, .mapRunning:
      if fiber.pointee.frame == nil { return "a \(phase) fiber has no frame" }
    case .waiting, .backingOff, .awaitingToken:
      census.waiting += 1
      if fiber.pointee.frame != nil || fiber.pointee.suspended == nil {
        return "a \(phase) fiber is not frozen"
      }
      if phase != .awaitingToken && fiber.pointee.deadline == 0 { return "a \(phase) fiber has no timer" }
    case .joining:
      guard let join = fiber.pointee.suspended?.assumingMemoryBound(to: Join.self) else {
        return "a joining fiber has no join"
      }
      return inspect(join, of: fiber, &census)
    }
    return nil
  }

  private func inspect(
    _ join: UnsafeMutablePointer<Join>, of fiber: UnsafeMutablePointer<Fiber>, _ census: inout Census
  ) -> String? {
    if join.pointee.fiber != fiber { return "a join belongs to another fiber" }
    if join.pointee.live > join.pointee.liveMax {
      return "\(join.pointee.live) children are alive, \(join.pointee.liveMax) are allowed"
    }
    var children: UInt32 = 0
    var previous: UInt32 = 0
    var next = join.pointee.firstChild
    while next != 0 {
      let child = shard.state.pointee.fibers[next]
      if child.pointee.parent != join { return "a child has another parent" }
      if child.pointee.previousSibling != previous { return "siblings are linked wrongly" }
      if let problem = inspect(child, of: fiber.pointee.execution, &census) { return problem }
      children += 1
      previous = next
      next = child.pointee.nextSibling
    }
    if children != join.pointee.live { return "\(children) children exist, \(join.pointee.live) are counted" }
    if children == 0 { return "a join waits for no child" }
    return nil
  }

  /// The phases of all fibers of an execution that has not ended.
  package func phases(of handle: Handle) -> [String] {
    if let phase = shard.phaseIfDormant(handle.handle) { return ["\(phase)"] }
    guard let execution = shard.execution(handle.handle) else { return [] }
    return shard.state.pointee.fibers
      .indexes { $0.phase != .free && $0.execution == execution }
      .map { "\(shard.state.pointee.fibers[$0].pointee.phase)" }
  }

  /// The phase of the fiber that a token names; nil when there is no such fiber any more.
  package func phase(of token: String) -> String? {
    guard let token = TaskToken(token),
      let fiber = shard.state.pointee.fibers.resolve(
        index: token.fiber.index, generation: token.fiber.generation),
      fiber.pointee.phase != .free
    else { return nil }
    return "\(fiber.pointee.phase)"
  }

  /// Fibers that exist at the moment.
  package var fiberCount: Int { shard.state.pointee.fibers.count }
  /// Timers that have not struck, forgotten ones included.
  package var timerCount: Int { shard.state.pointee.wheel.count }
}
