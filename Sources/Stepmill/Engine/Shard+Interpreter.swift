// The step loop.
//
// `run` is a trampoline over fibers: it runs one until it ends, blocks or has used its
// fuel, and then goes on with whoever that concerns: the next child of a Map, the parent
// whose last child ended, the parent whose child failed. A child that never blocks is run
// where its parent stands, so fan-out over quick work costs a record from a free list and
// nothing else: no queue, no recursion.
//
// `interpret` is the loop over states. What the quick states need (where it is, the data,
// the number of the last event) stays in registers; a slow state writes that back, works
// on the records and has it read again.
//
// Event numbers are counted whether or not a history is recorded, since error texts name
// them: entering a state is one event, leaving it another.

extension Shard {
  private enum Outcome {
    /// The machine's end: `frame.data` is its result.
    case finished
    /// An unhandled fault: it lies in the shard.
    case failed
    /// Waits for a timer, a handler, a token or children; others may run.
    case blocked
    /// Out of fuel: it stands in the ring.
    case yielded
    /// A Parallel or Map has children to start.
    case fannedOut
  }

  /// Runs a ready fiber and whatever follows from it at once.
  func run(_ first: UnsafeMutablePointer<Fiber>) {
    var fiber = first
    var fuel = state.pointee.fuel
    defer { state.pointee.told.pointee.forget() }
    while true {
      let execution = fiber.pointee.execution
      let fuelBefore = fuel
      switch interpret(fiber, &fuel) {
      case .finished:
        guard let join = fiber.pointee.parent else {
          endSucceeded(execution, fiber)
          return
        }
        childFinished(fiber, of: join)
        if let child = nextChild(of: join) {
          fiber = child
        } else if join.pointee.live == 0 && join.pointee.guests == 0 {
          fiber = join.pointee.fiber
          fiber.pointee.resumption = .joined
          fiber.pointee.phase = .ready
        } else {
          // The others of this join are blocked, which is no reason for those beside it to wait.
          guard let next = nextChild(beside: join.pointee.fiber) else { return }
          fiber = next
        }

      case .fannedOut:
        let join = fiber.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: Join.self)
        // A join is only made when it has a child to start.
        fiber = nextChild(of: join).unsafelyUnwrapped

      case .failed:
        noteEvaluationFailure(fiber)
        guard let join = fiber.pointee.parent, state.pointee.fault.kind != .runtime else {
          endFailed(execution, fiber)
          return
        }
        let parent = join.pointee.fiber
        if _fastPath(childFailed(fiber, of: join)) {
          fiber = parent
          fiber.pointee.phase = .ready
          fiber.pointee.resumption = .joinFailed
        } else {
          // Other loops have to stop first.
          guard let next = nextChild(beside: parent) else { return }
          fiber = next
        }

      case .yielded:
        requeue(fiber)
        // One that used up a whole turn may never end: let one more begin beside it.
        if fuelBefore == state.pointee.fuel, let next = nextChild(beside: fiber) {
          requeue(next)
        }
        return

      case .blocked:
        // The siblings that may run beside this one get their turn; when there are none,
        // the parent is blocked as well, and its siblings are next.
        guard let next = nextChild(beside: fiber) else { return }
        fiber = next
      }
    }
  }

  /// The next child that may start beside a fiber, or beside one that it is a child of.
  private func nextChild(beside fiber: UnsafeMutablePointer<Fiber>) -> UnsafeMutablePointer<Fiber>? {
    var fiber = fiber
    while let join = fiber.pointee.parent {
      if let child = nextChild(of: join) { return child }
      fiber = join.pointee.fiber
    }
    return nil
  }

  private func interpret(_ fiber: UnsafeMutablePointer<Fiber>, _ fuel: inout Int) -> Outcome {
    let execution = fiber.pointee.execution
    let recorded = execution.pointee.isRecorded
    let tables = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let ops = tables.pointee.ops
    let payloadMax = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.limits.payloadBytesMax }

    if _slowPath(execution.pointee.isDoomed) {
      if fiber.pointee.frame == nil { thaw(fiber, tables) }
      state.pointee.fault = runtimeFault(fiber, deletedText(execution), prefixed: false)
      return .failed
    }
    if fiber.pointee.resumption != .enter {
      switch resume(fiber, tables) {
      case .next: break
      case .blocked: return .blocked
      case .failed: return .failed
      case .fannedOut: return .fannedOut
      }
      if _slowPath(recorded), let outcome = historyIsFull(fiber, tables) { return outcome }
    }

    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var data = frame.pointee.data
    var events = execution.pointee.events
    var previous = fiber.pointee.previousEvent
    var op = ops + Int(fiber.pointee.pc)
    let fuelAtStart = fuel
    var left = fuel
    defer {
      state.pointee.counters.pointee.transitions.add(fuelAtStart &- left)
      fuel = left
    }

    while true {
      switch op.pointee.code {
      case .pass:
        if _slowPath(left == 0) { break }
        if _slowPath(recorded) {
          left &-= 1
          store(fiber, execution, frame, op, ops, data, events, previous)
          recordPass(fiber, op, tables)
          if let outcome = historyIsFull(fiber, tables) { return outcome }
          events = execution.pointee.events
          op = ops + Int(op.pointee.next)
        } else {
          // One Pass often follows another: a comparison is cheaper than the jump table.
          repeat {
            left &-= 1
            events &+= 2
            op = ops + Int(op.pointee.next)
          } while op.pointee.code == .pass && left > 0
        }
        previous = events
        continue

      case .choice:
        if _slowPath(left == 0) { break }
        left &-= 1
        events &+= 1
        fiber.pointee.pc = Op.index(of: op, in: ops)
        fiber.pointee.enteredEvent = events
        if _slowPath(recorded) {
          store(fiber, execution, frame, op, ops, data, events, previous)
          recordEntered(fiber, op, tables)
        }
        previous = events
        let next: UInt32
        if _fastPath(op.pointee.flags.isSuperset(of: .plain)) {
          let exit = decide(op.pointee.a, data, fiber, tables)
          if _slowPath(exit < 0) {
            return failInPlace(fiber, execution, frame, op, ops, data, events, previous)
          }
          let way = tables.pointee.exits + Int(exit)
          if _slowPath(way.pointee.assign != 0 || recorded || way.pointee.isDeadEnd) {
            store(fiber, execution, frame, op, ops, data, events, previous)
            guard leaveChoice(fiber, op, UInt32(exit), data, data, tables) else { return .failed }
          }
          next = way.pointee.next
        } else {
          store(fiber, execution, frame, op, ops, data, events, previous)
          guard let taken = choiceWithPaths(fiber, op, tables) else { return .failed }
          data = frame.pointee.data
          next = taken
        }
        events &+= 1
        previous = events
        if _slowPath(recorded), let outcome = historyIsFull(fiber, tables) { return outcome }
        op = ops + Int(next)
        continue

      case .passData:
        if _slowPath(left == 0) { break }
        left &-= 1
        events &+= 1
        fiber.pointee.pc = Op.index(of: op, in: ops)
        fiber.pointee.enteredEvent = events
        if _slowPath(recorded) {
          store(fiber, execution, frame, op, ops, data, events, previous)
          recordEntered(fiber, op, tables)
        }
        previous = events
        frame.pointee.data = data
        let output = passData(fiber, frame, op, data, payloadMax, tables)
        if _slowPath(output.isMissing) {
          return failInPlace(fiber, execution, frame, op, ops, data, events, previous)
        }
        data = output
        if _slowPath(recorded) {
          store(fiber, execution, frame, op, ops, data, events, previous)
          recordExited(fiber, op, data, tables)
        }
        events &+= 1
        previous = events
        if isCompactionDue(frame, before: op.pointee.next) {
          frame.pointee.data = data
          compact(frame)
          data = frame.pointee.data
        }
        if _slowPath(recorded), let outcome = historyIsFull(fiber, tables) { return outcome }
        op = ops + Int(op.pointee.next)
        continue

      case .succeed where op.pointee.flags.isSuperset(of: .plain) && !recorded:
        if _slowPath(left == 0) { break }
        left &-= 1
        events &+= 2
        previous = events
        op = ops
        continue

      case .finish:
        store(fiber, execution, frame, op, ops, data, events, previous)
        return .finished

      case .succeed, .wait, .task, .fail, .parallel, .map:
        if _slowPath(left == 0) { break }
        left &-= 1
        store(fiber, execution, frame, op, ops, data, events, previous)
        switch enter(fiber, op, tables) {
        case .next:
          data = frame.pointee.data
          events = execution.pointee.events
          previous = fiber.pointee.previousEvent
          if _slowPath(recorded), let outcome = historyIsFull(fiber, tables) { return outcome }
          op = ops + Int(fiber.pointee.pc)
          continue
        case .blocked:
          return .blocked
        case .failed:
          return .failed
        case .fannedOut:
          return .fannedOut
        }
      }

      // Out of fuel before this state.
      store(fiber, execution, frame, op, ops, data, events, previous)
      fiber.pointee.resumption = .enter
      return .yielded
    }
  }

  /// Writes the registers of `interpret` back to the records.
  @inline(__always)
  private func store(
    _ fiber: UnsafeMutablePointer<Fiber>, _ execution: UnsafeMutablePointer<ExecutionRecord>,
    _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>, _ ops: UnsafePointer<Op>, _ data: Value,
    _ events: UInt32, _ previous: UInt32
  ) {
    frame.pointee.data = data
    execution.pointee.events = events
    fiber.pointee.previousEvent = previous
    fiber.pointee.pc = Op.index(of: op, in: ops)
  }

  /// A quick state failed: its fault lies in the shard. Pass and Choice have no catchers.
  @inline(never)
  private func failInPlace(
    _ fiber: UnsafeMutablePointer<Fiber>, _ execution: UnsafeMutablePointer<ExecutionRecord>,
    _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>, _ ops: UnsafePointer<Op>, _ data: Value,
    _ events: UInt32, _ previous: UInt32
  ) -> Outcome {
    store(fiber, execution, frame, op, ops, data, events, previous)
    return .failed
  }

  /// Does the work of a state that `interpret` does in passing, after a redrive: it has been entered.
  @inline(never)
  func repeatQuick(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let data = frame.pointee.data
    switch op.pointee.code {
    case .passData:
      let payloadMax = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
        $0.limits.payloadBytesMax
      }
      let output = passData(fiber, frame, op, data, payloadMax, tables)
      if output.isMissing { return .failed }
      frame.pointee.data = output
    case .choice:
      let next: UInt32
      if op.pointee.flags.isSuperset(of: .plain) {
        let exit = decide(op.pointee.a, data, fiber, tables)
        guard exit >= 0, leaveChoice(fiber, op, UInt32(exit), data, data, tables) else { return .failed }
        next = tables.pointee.exits[Int(exit)].next
      } else {
        guard let taken = choiceWithPaths(fiber, op, tables) else { return .failed }
        next = taken
      }
      nextEvent(fiber)
      fiber.pointee.pc = next
      return .next
    case .pass, .finish, .succeed, .wait, .task, .fail, .parallel, .map: break
    }
    return exit(fiber, op, to: op.pointee.next, tables)
  }

  /// AWS ends an execution whose history is full; here that is a limit like others.
  private func historyIsFull(
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> Outcome? {
    let execution = fiber.pointee.execution
    let limit = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.limits.historyEventsMax }
    guard let limit, Int(execution.pointee.events) &+ 1 >= limit else { return nil }
    state.pointee.fault = runtimeFault(
      fiber, "The execution reached the maximum number of history events (\(limit)).", prefixed: false)
    return .failed
  }
}

// MARK: Pass

extension Shard {
  /// The output of a Pass with data flow, or `missing` after a fault.
  @inline(__always)
  private func passData(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    _ raw: Value, _ payloadMax: Int, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if _fastPath(op.pointee.flags.contains(.parametersOnly)) {
      let output = template(op.pointee.parameters, raw, fiber, tables)
      var bound = state.pointee.bound
      if _slowPath(output.isMissing) { return .missing }
      if _slowPath(bound > payloadMax) {
        bound = boundWithin(payloadMax, output, fiber, op, tables)
        if bound < 0 { return .missing }
      }
      frame.pointee.bound = bound
      return output
    }
    if op.pointee.flags.contains(.jsonata) {
      return produce(
        fiber, frame, op.pointee.resultSelector, op.pointee.assign, otherwise: raw,
        bound: frame.pointee.bound, tables)
    }
    var effective = raw
    if _slowPath(op.pointee.inputPath != 0) {
      effective = apply(op.pointee.inputPath, raw, fiber, tables)
      if effective.isMissing { return .missing }
    }
    let result: Value
    var bound: Int
    if op.pointee.a != 0 {
      result = tables.pointee.constants[Int(op.pointee.a)]
      bound = Int(tables.pointee.constants[Int(op.pointee.a) + 1].integerValue)
    } else if op.pointee.parameters != 0 {
      result = template(op.pointee.parameters, effective, fiber, tables)
      if _slowPath(result.isMissing) { return .missing }
      bound = state.pointee.bound
    } else {
      result = effective
      bound = frame.pointee.bound
    }
    return leave(
      fiber, frame, op, raw: raw, result: result, bound: &bound, payloadMax: payloadMax, assignFrom: result,
      tables)
  }

  /// What every state with a result does on its way out: Assign, ResultPath, OutputPath and
  /// the payload limit. Returns the output, or `missing` after a fault.
  @inline(__always)
  func leave(
    _ fiber: UnsafeMutablePointer<Fiber>, _ frame: UnsafeMutablePointer<Frame>, _ op: UnsafePointer<Op>,
    raw: Value, result: Value, bound: inout Int, payloadMax: Int, assignFrom: Value,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    // Assign and OutputPath both read the variables as they were: evaluate all, then commit.
    var assigned = Value.missing
    if _slowPath(op.pointee.assign != 0) {
      frame.pointee.bound = max(frame.pointee.bound, bound)
      assigned = evaluateAssign(op.pointee.assign, assignFrom, fiber, tables)
      if assigned.isMissing { return .missing }
    }
    var output = result
    if op.pointee.resultPath != 0 {
      if op.pointee.resultPath == ReferenceOp.discard {
        output = raw
        bound = frame.pointee.bound
      } else {
        let reference = tables.pointee.references + Int(op.pointee.resultPath)
        output = place(result, at: reference, in: raw, Frame.arena(of: frame), tables)
        if _slowPath(output.isMissing) { return referenceConflict(reference, raw, fiber, tables) }
        bound &+= frame.pointee.bound &+ Int(tables.pointee.constants[Int(reference.pointee.text)].count) &+ 8
      }
    }
    if _slowPath(op.pointee.outputPath != 0) {
      output = apply(op.pointee.outputPath, output, fiber, tables)
      if output.isMissing { return .missing }
      bound = max(bound, frame.pointee.bound)
    }
    if _slowPath(bound > payloadMax) {
      bound = boundWithin(payloadMax, output, fiber, op, tables)
      if bound < 0 { return .missing }
    }
    frame.pointee.bound = bound
    if _slowPath(!assigned.isMissing) { commit(assigned, op.pointee.assign, fiber, tables) }
    return output
  }

  /// The size of an output whose bound is beyond the limit; negative after a fault, where the size is, too.
  @inline(never)
  private func boundWithin(
    _ payloadMax: Int, _ output: Value, _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Int {
    let size = output.serializedSize(upTo: payloadMax)
    if size <= payloadMax { return size }
    state.pointee.fault = dataLimitFault(
      fiber, who: tables.pointee.names[Int(op.pointee.name)], isTask: false)
    return -1
  }

  /// InputPath or OutputPath; a fault where it selects nothing.
  @inline(never)
  func apply(
    _ index: UInt32, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let path = tables.pointee.paths + Int(index)
    if data.isNull && path.pointee.root == .data && path.pointee.kind != .empty {
      state.pointee.fault = runtimeFault(
        fiber, "Unable to apply Path transformation to null or empty input.")
      return .missing
    }
    let value = value(path, data, fiber, tables)
    if value.isMissing {
      state.pointee.fault = runtimeFault(fiber, invalidPathText(path, data, fiber, tables))
      return .missing
    }
    cover(value, selectedBy: path, fiber)
    return value
  }

  @inline(never)
  private func referenceConflict(
    _ reference: UnsafePointer<ReferenceOp>, _ raw: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let text = tables.pointee.constants[Int(reference.pointee.text)].text
    state.pointee.fault = fault(
      fiber, ErrorName.referencePathConflict,
      "Unable to apply ReferencePath \(text) to input \(shown(raw, fiber))",
      .task)
    return .missing
  }
}

// MARK: Compaction

extension Shard {
  /// The frame holds much more than it did, and goes on: what is about to end gives all its memory
  /// back in a moment.
  @inline(__always)
  func isCompactionDue(_ frame: UnsafeMutablePointer<Frame>, before next: UInt32) -> Bool {
    _slowPath(frame.pointee.arena.bytesHeld > frame.pointee.compactAt) && next != 0
  }

  /// Moves what a frame can still reach into a new arena.
  @inline(never)
  func compact(_ frame: UnsafeMutablePointer<Frame>) {
    var new = Arena(pool: state.pointee.pool)
    let old = frame.pointee.arena
    withUnsafeMutablePointer(to: &new) { new in
      frame.pointee.data = frame.pointee.data.evacuate(from: old, to: new)
      if !frame.pointee.item.isMissing {
        frame.pointee.item = frame.pointee.item.evacuate(from: old, to: new)
      }
      if !frame.pointee.input.isMissing {
        frame.pointee.input = frame.pointee.input.evacuate(from: old, to: new)
      }
      if let slots = frame.pointee.slots {
        let moved = new.pointee.elements(Int(frame.pointee.slotCount))
        for position in 0..<Int(frame.pointee.slotCount) {
          moved[position] = slots[position].evacuate(from: old, to: new)
        }
        frame.pointee.slots = moved
      }
    }
    frame.pointee.arena.release()
    frame.pointee.arena = new
    frame.pointee.compactAt = max(Frame.compactionFloor, new.bytesHeld &* 4)
  }
}
