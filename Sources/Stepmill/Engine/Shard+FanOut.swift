// Parallel and Map: starting children, taking their results, stopping the rest.
//
// A child exists only while it runs: iteration 7 of a Map gets its record when its turn
// comes, runs as far as it can on the spot, and is gone when its result has been moved
// into the parent's arena. Until then it shares what it can read of the parent's data
// without copying it, since the parent stands still while its children live.

extension Shard {
  // MARK: Starting

  func beginParallel(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let kept = state.pointee.stoppedJoinCount > 0 ? takeThreads(fiber) : nil
    guard let input = stateInput(fiber, op, tables) else {
      return recover(fiber, op, tables, endsJoin: true)
    }
    guard isWithinLimit(input, fiber, op, tables) else { return recover(fiber, op, tables) }
    let bound = state.pointee.bound
    if _fastPath(kept == nil) { record(fiber, .parallelStateStarted) }
    openJoin(
      fiber, base: input, baseBound: bound, items: nil, count: op.pointee.b, liveMax: op.pointee.b,
      machine: op.pointee.a)
    if _slowPath(kept != nil), let kept { return goOn(fiber, op, with: kept, tables) }
    return .fannedOut
  }

  func beginMap(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let map = tables.pointee.maps + Int(op.pointee.a)
    let kept = state.pointee.stoppedJoinCount > 0 ? takeThreads(fiber) : nil
    var effective = frame.pointee.data
    if op.pointee.inputPath != 0 {
      effective = apply(op.pointee.inputPath, effective, fiber, tables)
      if effective.isMissing { return .failed }
    }
    let path = tables.pointee.paths + Int(map.pointee.itemsPath)
    let isJSONata = op.pointee.flags.contains(.jsonata)
    if _slowPath(map.pointee.distributed != 0) {
      return beginDistributed(fiber, op, map, effective, tables)
    }
    let items: Value
    if isJSONata {
      items = mapItems(fiber, map, effective, tables)
      if items.isMissing { return recover(fiber, op, tables, endsJoin: true) }
    } else {
      items = map.pointee.itemsPath == 0 ? effective : value(path, effective, fiber, tables)
      if map.pointee.itemsPath != 0 { cover(items, selectedBy: path, fiber) }
    }
    guard items.isArray else {
      state.pointee.fault = noItemsFault(fiber, map, tables)
      return .failed
    }
    guard let bound = mapConcurrency(fiber, map, effective, isJSONata: isJSONata, tables) else {
      return recover(fiber, op, tables, endsJoin: true)
    }
    if _fastPath(kept == nil) { recordMapStarted(fiber, length: items.count) }
    if items.count == 0 {
      return endJoin(fiber, op, with: .emptyArray, bound: 2, tables)
    }
    openJoin(
      fiber, base: effective, baseBound: frame.pointee.bound,
      items: items.elements.baseAddress, count: UInt32(items.count), liveMax: bound,
      machine: map.pointee.machine)
    if _slowPath(kept != nil), let kept { return goOn(fiber, op, with: kept, tables) }
    return .fannedOut
  }

  /// What ItemsPath leads to is nothing to go through. Of a path into the context object the
  /// service tells without its first dollar sign.
  func noItemsFault(
    _ fiber: UnsafeMutablePointer<Fiber>, _ map: UnsafePointer<MapOp>, _ tables: UnsafePointer<ProgramTables>
  ) -> Fault {
    var text = "$"
    if map.pointee.itemsPath != 0 {
      let path = tables.pointee.paths + Int(map.pointee.itemsPath)
      text = tables.pointee.constants[Int(path.pointee.text)].text
      if text.hasPrefix("$$") { text.removeFirst() }
    }
    return runtimeFault(fiber, "Reference path \"\(text)\" must point to array.", prefixed: false)
  }

  /// MaxConcurrency, with the runtime's own bound where the Map sets none; nil after a fault.
  private func mapConcurrency(
    _ fiber: UnsafeMutablePointer<Fiber>, _ map: UnsafePointer<MapOp>, _ effective: Value,
    isJSONata: Bool, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt32? {
    let unbounded = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      UInt32(clamping: $0.limits.mapConcurrencyMax)
    }
    var bound = map.pointee.maxConcurrency
    if map.pointee.maxConcurrencyPath != 0, isJSONata {
      guard let number = whole(map.pointee.maxConcurrencyPath, atLeast: 0, effective, fiber, tables) else {
        return nil
      }
      bound = UInt32(clamping: number)
    } else if map.pointee.maxConcurrencyPath != 0 {
      let path = tables.pointee.paths + Int(map.pointee.maxConcurrencyPath)
      let selected = value(path, effective, fiber, tables)
      let text = tables.pointee.constants[Int(path.pointee.text)].text
      if selected.isMissing {
        state.pointee.fault = runtimeFault(fiber, invalidPathText(path, effective, fiber, tables))
        return nil
      }
      guard let number = wholeNumber(selected) else {
        state.pointee.fault = runtimeFault(
          fiber,
          "The MaxConcurrencyPath field refers to value \"\(plainText(selected))\" which is not a valid "
            + "integer: \(text)")
        return nil
      }
      guard number >= 0 else {
        state.pointee.fault = runtimeFault(fiber, "MaxConcurrency cannot be negative.")
        return nil
      }
      bound = UInt32(clamping: number)
    }
    return bound == 0 ? unbounded : min(bound, unbounded)
  }

  /// Whether what a template made, whose bound lies in the shard, keeps to the payload limit;
  /// leaves the fault where it does not.
  private func isWithinLimit(
    _ value: Value, _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    guard _slowPath(state.pointee.bound > limit) else { return true }
    state.pointee.bound = value.serializedSize(upTo: limit)
    if state.pointee.bound <= limit { return true }
    state.pointee.fault = dataLimitFault(
      fiber, who: tables.pointee.names[Int(op.pointee.name)], isTask: false)
    return false
  }

  /// What InputPath leaves of a state's input, or nil after a fault.
  func effectiveInput(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value? {
    let data = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    guard op.pointee.inputPath != 0 else { return data }
    let effective = apply(op.pointee.inputPath, data, fiber, tables)
    return effective.isMissing ? nil : effective
  }

  /// The input of a Parallel or Task after InputPath and Parameters, or nil after a fault.
  /// Leaves the bound of its size in the shard.
  func stateInput(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value? {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var input = frame.pointee.data
    state.pointee.bound = frame.pointee.bound
    if op.pointee.inputPath != 0 {
      input = apply(op.pointee.inputPath, input, fiber, tables)
      if input.isMissing { return nil }
      state.pointee.bound = frame.pointee.bound
    }
    if op.pointee.parameters != 0 {
      input = template(op.pointee.parameters, input, fiber, tables)
      if input.isMissing { return nil }
    }
    return input
  }

  private func openJoin(
    _ fiber: UnsafeMutablePointer<Fiber>, base: Value, baseBound: Int, items: UnsafePointer<Value>?,
    count: UInt32, liveMax: UInt32, machine: UInt32
  ) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let join = takeJoin()
    let results = frame.pointee.arena.elements(Int(count))
    results.initialize(repeating: .null, count: Int(count))
    join.initialize(
      to: Join(
        fiber: fiber, base: base, baseBound: baseBound, items: items ?? UnsafePointer(results),
        results: results, next: 0,
        count: count, limit: count, live: 0, liveMax: liveMax, firstChild: 0, machine: machine,
        isMap: items != nil,
        isShareable: items != nil && count >= Shard.sharedItemsMin && liveMax > 1
          && state.pointee.canShare && !fiber.pointee.execution.pointee.isRecorded,
        startedEvent: fiber.pointee.previousEvent, lastInnerEvent: 0, lastEvent: 0, resultBound: 2,
        nextFree: nil))
    fiber.pointee.suspended = UnsafeMutableRawPointer(join)
    fiber.pointee.phase = .joining
  }

  // MARK: Children

  /// The next child that may start, ready to run; nil when there is none.
  @inline(__always)
  func nextChild(of join: UnsafeMutablePointer<Join>) -> UnsafeMutablePointer<Fiber>? {
    guard join.pointee.next < join.pointee.limit, join.pointee.live < join.pointee.liveMax else { return nil }
    return startChild(of: join)
  }

  private func startChild(of join: UnsafeMutablePointer<Join>) -> UnsafeMutablePointer<Fiber> {
    let index = join.pointee.next
    join.pointee.next = index &+ 1
    // To ask the other loops before each item would cost more than to be late by some.
    if _slowPath(join.pointee.isShareable && index & 7 == 0) { share(join) }
    return makeChild(index, of: join)
  }

  /// - Parameter isAgain: It has begun once already, and came to its end before its first state.
  @inline(__always)
  private func makeChild(
    _ index: UInt32, of join: UnsafeMutablePointer<Join>, isAgain: Bool = false
  ) -> UnsafeMutablePointer<Fiber> {
    let parent = join.pointee.fiber
    let execution = parent.pointee.execution
    let tables = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    join.pointee.live &+= 1
    let isMap = join.pointee.isMap
    let machine = tables.pointee.machines + Int(join.pointee.machine &+ (isMap ? 0 : index))
    let child = newChild(index, of: join, machine)
    let frame = child.pointee.frame.unsafelyUnwrapped
    guard isMap else {
      child.pointee.previousEvent = join.pointee.startedEvent
      return child
    }

    let op = tables.pointee.ops + Int(parent.pointee.pc)
    let isFirstWave = index < join.pointee.liveMax
    child.pointee.previousEvent = isFirstWave ? join.pointee.startedEvent : join.pointee.lastInnerEvent
    if _fastPath(!isAgain) { recordIteration(child, .mapIterationStarted, op, index) }
    let item = join.pointee.items[Int(index)]
    let selector = tables.pointee.maps[Int(op.pointee.a)].itemSelector
    frame.pointee.data = selector == 0 ? item : selectItem(selector, item, index, parent, frame, tables)
    if _slowPath(frame.pointee.data.isMissing) {
      noteSelectorFailure(parent, child)
      // The child begins with the fault, so that it takes the way of every other one.
      frame.pointee.data = .null
      frame.pointee.result = state.pointee.fault.error
      frame.pointee.cause = state.pointee.fault.cause
      frame.pointee.faultKind = state.pointee.fault.kind
      child.pointee.resumption = .bornFailed
    }
    return child
  }

  @inline(__always)
  private func newChild(
    _ index: UInt32, of join: UnsafeMutablePointer<Join>, _ machine: UnsafePointer<MachineOp>
  ) -> UnsafeMutablePointer<Fiber> {
    let child = takeFiber(of: join.pointee.fiber.pointee.execution, pc: machine.pointee.start)
    child.pointee.parent = join
    child.pointee.childIndex = index
    link(child, join)
    let frame = takeFrame()
    initialize(
      frame, arena: Arena(pool: state.pointee.pool), data: join.pointee.base, bound: join.pointee.baseBound,
      machine: machine)
    child.pointee.frame = frame
    return child
  }

  /// Goes on with a Parallel or a Map that an earlier part of the execution had begun: its join has
  /// just been opened once more.
  @inline(never)
  private func goOn(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, with kept: StoppedJoin,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let join = fiber.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: Join.self)
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    join.pointee.startedEvent = kept.startedEvent
    join.pointee.lastInnerEvent = kept.lastInnerEvent
    join.pointee.lastEvent = kept.lastEvent
    // Should its items be others now, those behind the last one are gone.
    let children = kept.children.prefix(Int(join.pointee.count))
    join.pointee.next = UInt32(children.count)
    for (index, child) in children.enumerated() {
      switch child {
      case .done(let result):
        let value = result.copied(to: arena)
        join.pointee.results[index] = value
        join.pointee.resultBound &+= value.serializedSize &+ 1
      case .stopped(let thread):
        let index = UInt32(index)
        let machine = tables.pointee.machines + Int(join.pointee.machine &+ (join.pointee.isMap ? 0 : index))
        let child = newChild(index, of: join, machine)
        join.pointee.live &+= 1
        restore(thread, to: child)
        requeue(child)
      case .unborn:
        requeue(makeChild(UInt32(index), of: join, isAgain: true))
      }
    }
    if join.pointee.live > 0 { return .blocked }
    return join.pointee.next < join.pointee.count ? .fannedOut : endJoin(fiber, op, tables)
  }

  /// What ItemSelector makes of an item. It is evaluated for the Map's own fiber (whose
  /// variables it sees) but into the child's arena, so that it is gone with the child.
  private func selectItem(
    _ selector: UInt32, _ item: Value, _ index: UInt32, _ parent: UnsafeMutablePointer<Fiber>,
    _ frame: UnsafeMutablePointer<Frame>, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let join = parent.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: Join.self)
    let parentFrame = parent.pointee.frame.unsafelyUnwrapped
    let own = parentFrame.pointee.arena
    let outerItem = parentFrame.pointee.item
    let outerIndex = parentFrame.pointee.itemIndex
    parentFrame.pointee.arena = frame.pointee.arena
    parentFrame.pointee.item = item
    parentFrame.pointee.itemIndex = index
    var data = template(selector, join.pointee.base, parent, tables)
    let op = tables.pointee.ops + Int(parent.pointee.pc)
    if !data.isMissing, !isWithinLimit(data, parent, op, tables) { data = .missing }
    frame.pointee.arena = parentFrame.pointee.arena
    frame.pointee.bound = state.pointee.bound
    parentFrame.pointee.arena = own
    parentFrame.pointee.item = outerItem
    parentFrame.pointee.itemIndex = outerIndex
    return data
  }

  @inline(__always)
  private func link(_ child: UnsafeMutablePointer<Fiber>, _ join: UnsafeMutablePointer<Join>) {
    let first = join.pointee.firstChild
    child.pointee.nextSibling = first
    child.pointee.previousSibling = 0
    if first != 0 { state.pointee.fibers[first].pointee.previousSibling = child.pointee.index }
    join.pointee.firstChild = child.pointee.index
  }

  @inline(__always)
  private func unlink(_ child: UnsafeMutablePointer<Fiber>, _ join: UnsafeMutablePointer<Join>) {
    let next = child.pointee.nextSibling
    let previous = child.pointee.previousSibling
    if next != 0 { state.pointee.fibers[next].pointee.previousSibling = previous }
    if previous != 0 {
      state.pointee.fibers[previous].pointee.nextSibling = next
    } else {
      join.pointee.firstChild = next
    }
  }

  /// Takes the result of a child that reached its end; the child is gone afterwards.
  @inline(__always)
  func childFinished(_ child: UnsafeMutablePointer<Fiber>, of join: UnsafeMutablePointer<Join>) {
    let parent = join.pointee.fiber
    let frame = child.pointee.frame.unsafelyUnwrapped
    let arena = Frame.arena(of: parent.pointee.frame.unsafelyUnwrapped)
    // A child that made nothing of its own has nothing to move.
    let result = frame.pointee.data
    join.pointee.results[Int(child.pointee.childIndex)] =
      frame.pointee.arena.bytesHeld == 0 ? result : result.evacuate(from: frame.pointee.arena, to: arena)
    join.pointee.resultBound &+= frame.pointee.bound &+ 1
    join.pointee.lastInnerEvent = child.pointee.previousEvent
    join.pointee.live &-= 1
    if join.pointee.isMap {
      let tables = parent.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
      let op = tables.pointee.ops + Int(parent.pointee.pc)
      recordIteration(child, .mapIterationSucceeded, op, child.pointee.childIndex)
    }
    join.pointee.lastEvent = child.pointee.previousEvent
    unlink(child, join)
    giveBack(child)
  }

  // MARK: Ending

  /// All children are done: the results go the way of every state's result.
  func endJoin(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    if _slowPath(fiber.pointee.execution.pointee.isGuest && fiber.pointee.isRoot) { return endPart(fiber) }
    let join = fiber.pointee.suspended.unsafelyUnwrapped.assumingMemoryBound(to: Join.self)
    let result = Value.array(UnsafePointer(join.pointee.results), count: Int(join.pointee.count))
    let bound = join.pointee.resultBound
    fiber.pointee.previousEvent = join.pointee.lastEvent
    fiber.pointee.suspended = nil
    giveBack(join)
    return endJoin(fiber, op, with: result, bound: bound, tables)
  }

  private func endJoin(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, with result: Value, bound: Int,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    // `…Succeeded` and `…Exited` both point to the last event before them.
    let last = fiber.pointee.previousEvent
    record(fiber, op.pointee.code == .map ? .mapStateSucceeded : .parallelStateSucceeded)
    fiber.pointee.previousEvent = last
    return finishWork(fiber, op, result: result, bound: bound, tables)
  }

  /// ResultSelector, Assign, ResultPath, OutputPath and the event of leaving, for the states
  /// that do work: Task, Parallel, Map.
  func finishWork(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, result raw: Value, bound rawBound: Int,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    if op.pointee.flags.contains(.jsonata) {
      return finishExpressions(fiber, op, result: raw, bound: rawBound, tables)
    }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var result = raw
    var bound = rawBound
    if op.pointee.resultSelector != 0 {
      let inputBound = frame.pointee.bound
      frame.pointee.bound = rawBound
      result = template(op.pointee.resultSelector, raw, fiber, tables)
      frame.pointee.bound = inputBound
      if result.isMissing { return recover(fiber, op, tables) }
      bound = state.pointee.bound
    }
    // Assign reads the raw result.
    if op.pointee.assign != 0 { frame.pointee.bound = max(frame.pointee.bound, rawBound) }
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      $0.limits.payloadBytesMax
    }
    let output = leave(
      fiber, frame, op, raw: frame.pointee.data, result: result, bound: &bound, payloadMax: limit,
      assignFrom: raw, tables)
    if output.isMissing { return recover(fiber, op, tables) }
    frame.pointee.data = output
    return exit(fiber, op, to: op.pointee.next, tables)
  }

  /// A child failed: the others stop, what is not started is dropped, and the fault is the
  /// parent's now. Its values move into the parent's arena.
  ///
  /// False if the parent has to wait until other loops have stopped as well: the fault then
  /// lies in its frame.
  func childFailed(_ child: UnsafeMutablePointer<Fiber>, of join: UnsafeMutablePointer<Join>) -> Bool {
    let parent = join.pointee.fiber
    let source = child.pointee.frame.unsafelyUnwrapped.pointee.arena
    let arena = Frame.arena(of: parent.pointee.frame.unsafelyUnwrapped)
    state.pointee.fault.error = state.pointee.fault.error.evacuate(from: source, to: arena)
    state.pointee.fault.cause = state.pointee.fault.cause.evacuate(from: source, to: arena)

    keepThreads(of: join, failed: child)
    let culprit = child.pointee.index
    let cause = child.pointee.previousEvent
    let children = children(of: join)
    for sibling in children {
      recordStopped(sibling, of: join, failed: sibling.pointee.index == culprit, cause: cause)
    }
    for sibling in children { destroy(sibling) }
    parent.pointee.previousEvent = cause
    if _slowPath(parent.pointee.execution.pointee.guestsOut > 0), waitsForGuests(join) { return false }
    parent.pointee.suspended = nil
    giveBack(join)
    return true
  }

  /// The children that are there, in their order.
  func children(of join: UnsafeMutablePointer<Join>) -> [UnsafeMutablePointer<Fiber>] {
    var children: [UnsafeMutablePointer<Fiber>] = []
    var next = join.pointee.firstChild
    while next != 0 {
      let child = state.pointee.fibers[next]
      children.append(child)
      next = child.pointee.nextSibling
    }
    children.sort { $0.pointee.childIndex < $1.pointee.childIndex }
    return children
  }

  /// The events of a child that is stopped, and of all that is stopped with it.
  private func recordStopped(
    _ fiber: UnsafeMutablePointer<Fiber>, of join: UnsafeMutablePointer<Join>, failed: Bool, cause: UInt32
  ) {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    fiber.pointee.previousEvent = cause
    if join.pointee.isMap {
      let op = tables.pointee.ops + Int(join.pointee.fiber.pointee.pc)
      recordIteration(
        fiber, failed ? .mapIterationFailed : .mapIterationAborted, op, fiber.pointee.childIndex)
      fiber.pointee.previousEvent = cause
    }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    switch fiber.pointee.phase {
    case .waiting: record(fiber, .waitStateAborted)
    case .handling, .awaitingToken, .backingOff:
      if op.pointee.code == .task { record(fiber, .taskStateAborted) }
    case .joining:
      if let inner = fiber.pointee.suspended?.assumingMemoryBound(to: Join.self) {
        for child in children(of: inner) {
          recordStopped(child, of: inner, failed: false, cause: cause)
        }
      }
      fiber.pointee.previousEvent = cause
      record(fiber, op.pointee.code == .map ? .mapStateAborted : .parallelStateAborted)
    case .mapRunning:
      recordRunAborted(fiber, cause: cause)
    case .ready:
      // Inside a task or a wait, with its end noted and not yet acted upon; the child that
      // failed is one of them. A fiber that is about to enter a state is in none.
      if op.pointee.code == .task, failed || fiber.pointee.resumption != .enter {
        record(fiber, .taskStateAborted)
      } else if fiber.pointee.resumption == .waited {
        record(fiber, .waitStateAborted)
      } else if fiber.pointee.resumption == .mapRun {
        recordRunAborted(fiber, cause: cause)
      }
    case .free:
      break
    }
    fiber.pointee.previousEvent = cause
  }
}
