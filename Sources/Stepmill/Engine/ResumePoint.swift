// Where an execution stood when it ended without having succeeded, so that it can go on from
// there: a redrive.
//
// What is kept is the state of the machine's own thread of control. A Parallel or a Map that
// was under way begins once more, with all its branches or iterations. Only the run of a
// Distributed Map goes on: with the children that have not succeeded.

/// Where an execution stood when it failed, timed out or was stopped.
package final class ResumePoint: Sendable {
  /// The state, and its raw input.
  let pc: UInt32
  /// The state's name, by which it is found if it has another number when the definition was
  /// compiled by another version; empty behind the last state.
  let state: String
  let data: JSON
  /// The variables by slot; nil where one was not set.
  let variables: [JSON?]
  let enteredEvent: UInt32
  let enteredAt: Int64
  /// Whether the state had been entered.
  let hasEntered: Bool
  /// The number of the last event.
  let events: UInt32
  let startedAt: Int64
  /// The run of the Distributed Map that it stood in, if that goes on.
  let mapRun: DistributedMapRun?

  init(
    pc: UInt32, state: String, data: JSON, variables: [JSON?], enteredEvent: UInt32, enteredAt: Int64,
    hasEntered: Bool, events: UInt32, startedAt: Int64, mapRun: DistributedMapRun? = nil
  ) {
    self.mapRun = mapRun
    self.pc = pc
    self.state = state
    self.data = data
    self.variables = variables
    self.enteredEvent = enteredEvent
    self.enteredAt = enteredAt
    self.hasEntered = hasEntered
    self.events = events
    self.startedAt = startedAt
  }
}

extension ResumePoint {
  /// Everything about it, for a store.
  package var json: JSON {
    [
      "pc": JSON(pc), "state": JSON(state), "data": data,
      // A variable that was not set is an empty array, one that was is alone in it.
      "variables": JSON(variables.map { $0.map { [$0] } ?? [] }),
      "enteredEvent": JSON(enteredEvent), "enteredAt": JSON(enteredAt), "hasEntered": JSON(hasEntered),
      "events": JSON(events), "startedAt": JSON(startedAt),
    ]
  }

  /// One that was kept as JSON; nil if that is none.
  package convenience init?(json: JSON) {
    guard let pc = json["pc"]?.int.flatMap({ UInt32(exactly: $0) }), let state = json["state"]?.string,
      let data = json["data"], let variables = json["variables"]?.array,
      let enteredEvent = json["enteredEvent"]?.int.flatMap({ UInt32(exactly: $0) }),
      let enteredAt = json["enteredAt"]?.int, let hasEntered = json["hasEntered"]?.bool,
      let events = json["events"]?.int.flatMap({ UInt32(exactly: $0) }),
      let startedAt = json["startedAt"]?.int
    else { return nil }
    self.init(
      pc: pc, state: state, data: data, variables: variables.map { $0.array?.first },
      enteredEvent: enteredEvent, enteredAt: Int64(enteredAt), hasEntered: hasEntered, events: events,
      startedAt: Int64(startedAt))
  }

  /// The state's number in a program.
  fileprivate func pc(in program: Program) -> UInt32 {
    let tables = program.tables
    func isHere(_ pc: Int) -> Bool {
      let name = tables.pointee.names[Int(tables.pointee.ops[pc].name)]
      return (name.isString ? name.text : "") == state
    }
    let count = program.counts.ops
    if Int(pc) <= count, isHere(Int(pc)) { return pc }
    return (1...max(count, 1)).first(where: isHere).map { UInt32($0) } ?? tables.pointee.machines[1].start
  }
}

extension Shard {
  /// Where an execution stands that is about to end.
  func resumePoint(
    of execution: UnsafeMutablePointer<ExecutionRecord>, _ status: ExecutionStatus
  ) -> ResumePoint {
    let root = state.pointee.fibers[execution.pointee.root]
    let tables = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    // What waits is frozen, and so is what was woken and has not had its turn.
    if root.pointee.frame == nil {
      switch root.pointee.phase {
      case .waiting, .backingOff, .awaitingToken:
        state.pointee.counters.pointee.waiting.add(-1)
        if root.pointee.phase == .awaitingToken { abandon(root) }
        root.pointee.phase = .handling
      case .free, .ready, .handling, .joining, .mapRunning: break
      }
      thaw(root, tables)
    }
    let frame = root.pointee.frame.unsafelyUnwrapped
    var variables: [JSON?] = []
    if let slots = frame.pointee.slots {
      for position in 0..<Int(frame.pointee.slotCount) {
        variables.append(slots[position].isMissing ? nil : JSON(copying: slots[position]))
      }
    }
    // A fiber that fails has come as far as its state; one that is stopped between two has not.
    let isBetween = status != .failed && root.pointee.phase == .ready && root.pointee.resumption == .enter
    let name = tables.pointee.names[Int(tables.pointee.ops[Int(root.pointee.pc)].name)]
    return ResumePoint(
      pc: root.pointee.pc, state: name.isString ? name.text : "", data: JSON(copying: frame.pointee.data),
      variables: variables,
      enteredEvent: root.pointee.enteredEvent, enteredAt: root.pointee.enteredAt, hasEntered: !isBetween,
      events: execution.pointee.events, startedAt: execution.pointee.startedAt,
      mapRun: redrivableMapRun(of: root))
  }

  /// Starts an execution that goes on from where it had ended.
  func start(
    _ start: Start, copying input: Value, from point: ResumePoint, redriveCount: Int
  ) -> UnsafeMutablePointer<Fiber> {
    let fiber = self.start(start, copying: input, isRedrive: true)
    let execution = fiber.pointee.execution
    execution.pointee.events = point.events
    execution.pointee.startedAt = point.startedAt
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let arena = Frame.arena(of: frame)
    frame.pointee.data = point.data.copied(to: arena)
    frame.pointee.bound = frame.pointee.data.serializedSize(upTo: start.payloadBytesMax)
    if let slots = frame.pointee.slots {
      for (position, variable) in point.variables.enumerated().prefix(Int(frame.pointee.slotCount)) {
        slots[position] = variable?.copied(to: arena) ?? .missing
      }
    }
    let pc = point.pc(in: start.program)
    fiber.pointee.pc = pc
    fiber.pointee.previousEvent = point.events
    recordRedriven(fiber, count: redriveCount)
    let code = start.tables.pointee.ops[Int(pc)].code
    switch code {
    case .task, .wait, .succeed, .fail, .parallel, .map:
      guard point.hasEntered else { break }
      fiber.pointee.enteredEvent = point.enteredEvent
      fiber.pointee.enteredAt = point.enteredAt
      fiber.pointee.previousEvent = point.enteredEvent
      fiber.pointee.resumption = .retry
      if let run = point.mapRun { keepMapRun(run, for: fiber) }
    case .finish, .pass, .passData, .choice: break
    }
    return fiber
  }
}
