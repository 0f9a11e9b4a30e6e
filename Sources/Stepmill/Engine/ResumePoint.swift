// Where an execution stood when it ended without having succeeded, so that it can go on from
// there: a redrive.
//
// An execution that ends is a tree: its own thread of control, and in a Parallel or a Map that was
// under way the branches or iterations, some of them done, some not begun. What is done keeps its
// result, what had begun goes on at its state, what had not begins when its turn comes. A Parallel
// or a Map whose failure nobody catches takes its children with it, so their threads are kept when
// that happens (`Shard.keepThreads`), until the execution ends or somebody above does catch it.

/// Where an execution stood when it failed, timed out or was stopped.
package final class ResumePoint: Sendable {
  /// The number of the last event.
  let events: UInt32
  let startedAt: Int64
  /// The execution's own thread of control.
  let root: StoppedThread

  init(events: UInt32, startedAt: Int64, root: StoppedThread) {
    self.events = events
    self.startedAt = startedAt
    self.root = root
  }
}

/// Where a thread of control stood: the execution's own, a branch's, an iteration's.
struct StoppedThread: Sendable {
  /// The state, and its raw input.
  var pc: UInt32
  /// The state's name, by which it is found if it has another number when the definition was
  /// compiled by another version; empty behind the last state.
  var state: String
  var data: JSON
  /// The variables by slot; nil where one was not set.
  var variables: [JSON?]
  var enteredEvent: UInt32
  var enteredAt: Int64
  /// Whether the state had been entered.
  var hasEntered: Bool
  /// The thread's last event.
  var lastEvent: UInt32
  /// The run of the Distributed Map that it stood in, if that goes on.
  var mapRun: DistributedMapRun?
  /// The Parallel or the Map that it stood in.
  var join: StoppedJoin?
}

/// A Parallel or a Map on its way.
struct StoppedJoin: Sendable {
  /// Those that had begun, by branch or iteration.
  var children: [Child]
  var startedEvent: UInt32
  var lastInnerEvent: UInt32
  var lastEvent: UInt32

  enum Child: Sendable {
    case done(JSON)
    case stopped(StoppedThread)
    /// It came to its end before its first state.
    case unborn
  }
}

// MARK: - As JSON

extension ResumePoint {
  /// Everything about it, for a store; the runs of Distributed Maps excepted.
  package var json: JSON {
    var json = root.json
    json["events"] = JSON(events)
    json["startedAt"] = JSON(startedAt)
    return json
  }

  /// One that was kept as JSON; nil if that is none.
  package convenience init?(json: JSON) {
    guard let events = json.number("events"), let startedAt = json["startedAt"]?.int,
      let root = StoppedThread(json: json)
    else { return nil }
    self.init(events: events, startedAt: Int64(startedAt), root: root)
  }
}

extension StoppedThread {
  fileprivate var json: JSON {
    var json: JSON = [
      "pc": JSON(pc), "state": JSON(state), "data": data,
      // A variable that was not set is an empty array, one that was is alone in it.
      "variables": JSON(variables.map { $0.map { [$0] } ?? [] }),
      "enteredEvent": JSON(enteredEvent), "enteredAt": JSON(enteredAt), "hasEntered": JSON(hasEntered),
      "lastEvent": JSON(lastEvent),
    ]
    if let join { json["join"] = join.json }
    return json
  }

  fileprivate init?(json: JSON) {
    guard let pc = json.number("pc"), let state = json["state"]?.string, let data = json["data"],
      let variables = json["variables"]?.array, let enteredEvent = json.number("enteredEvent"),
      let enteredAt = json["enteredAt"]?.int, let hasEntered = json["hasEntered"]?.bool
    else { return nil }
    self.init(
      pc: pc, state: state, data: data, variables: variables.map { $0.array?.first },
      enteredEvent: enteredEvent, enteredAt: Int64(enteredAt), hasEntered: hasEntered,
      // What was kept before threads had children has neither of these.
      lastEvent: json.number("lastEvent") ?? enteredEvent, join: json["join"].flatMap(StoppedJoin.init(json:))
    )
  }
}

extension StoppedJoin {
  fileprivate var json: JSON {
    [
      "startedEvent": JSON(startedEvent), "lastInnerEvent": JSON(lastInnerEvent),
      "lastEvent": JSON(lastEvent),
      "children": JSON(
        children.map { child -> JSON in
          switch child {
          case .done(let result): ["result": result]
          case .stopped(let thread): thread.json
          case .unborn: [:]
          }
        }),
    ]
  }

  fileprivate init?(json: JSON) {
    guard let startedEvent = json.number("startedEvent"), let lastInnerEvent = json.number("lastInnerEvent"),
      let lastEvent = json.number("lastEvent"), let children = json["children"]?.array
    else { return nil }
    self.init(
      children: children.map { child in
        child["result"].map { .done($0) } ?? StoppedThread(json: child).map { .stopped($0) } ?? .unborn
      },
      startedEvent: startedEvent, lastInnerEvent: lastInnerEvent, lastEvent: lastEvent)
  }
}

extension JSON {
  fileprivate func number(_ key: String) -> UInt32? { self[key]?.int.flatMap { UInt32(exactly: $0) } }
}

// MARK: - Stopping

extension Shard {
  /// Where an execution stands that is about to end.
  ///
  /// - Parameter failed: The fiber that ends it, if one does.
  func resumePoint(
    of execution: UnsafeMutablePointer<ExecutionRecord>, failed: UnsafeMutablePointer<Fiber>?
  ) -> ResumePoint {
    ResumePoint(
      events: execution.pointee.events, startedAt: execution.pointee.startedAt,
      root: thread(of: state.pointee.fibers[execution.pointee.root], failed: failed))
  }

  private func thread(
    of fiber: UnsafeMutablePointer<Fiber>, failed: UnsafeMutablePointer<Fiber>?
  ) -> StoppedThread {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    // What waits is frozen, and so is what was woken and has not had its turn.
    if fiber.pointee.frame == nil { thaw(fiber, tables) }
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var variables: [JSON?] = []
    if let slots = frame.pointee.slots {
      for position in 0..<Int(frame.pointee.slotCount) {
        variables.append(slots[position].isMissing ? nil : JSON(copying: slots[position]))
      }
    }
    // A fiber that fails has come as far as its state; one that is stopped between two has not.
    let isBetween =
      fiber != failed && fiber.pointee.phase == .ready && fiber.pointee.resumption == .enter
    let name = tables.pointee.names[Int(tables.pointee.ops[Int(fiber.pointee.pc)].name)]
    return StoppedThread(
      pc: fiber.pointee.pc, state: name.isString ? name.text : "", data: JSON(copying: frame.pointee.data),
      variables: variables, enteredEvent: fiber.pointee.enteredEvent, enteredAt: fiber.pointee.enteredAt,
      hasEntered: !isBetween, lastEvent: fiber.pointee.previousEvent, mapRun: redrivableMapRun(of: fiber),
      join: join(of: fiber, failed: failed))
  }

  /// The Parallel or the Map that a fiber is in: on its way still, or failed and not caught.
  private func join(
    of fiber: UnsafeMutablePointer<Fiber>, failed: UnsafeMutablePointer<Fiber>?
  ) -> StoppedJoin? {
    if state.pointee.stoppedJoinCount > 0, let kept = state.pointee.stoppedJoins[fiber.pointee.index] {
      return kept
    }
    guard fiber.pointee.execution.pointee.isRecorded,
      fiber.pointee.phase == .joining || fiber.pointee.phase == .ready && fiber.pointee.resumption == .joined,
      let join = fiber.pointee.suspended?.assumingMemoryBound(to: Join.self)
    else { return nil }
    return threads(of: join, failed: failed)
  }

  private func threads(
    of join: UnsafeMutablePointer<Join>, failed: UnsafeMutablePointer<Fiber>?
  ) -> StoppedJoin? {
    // What other loops have of it is theirs.
    guard join.pointee.guests == 0, join.pointee.limit == join.pointee.count else { return nil }
    var children: [StoppedJoin.Child] = []
    children.reserveCapacity(Int(join.pointee.next))
    let running = self.children(of: join)
    var position = 0
    for index in 0..<join.pointee.next {
      if position < running.count, running[position].pointee.childIndex == index {
        let child = running[position]
        position += 1
        // The failure of what never entered a state is that of its ItemSelector.
        let isUnborn = child == failed && child.pointee.enteredEvent == 0
        children.append(isUnborn ? .unborn : .stopped(thread(of: child, failed: failed)))
      } else {
        children.append(.done(JSON(copying: join.pointee.results[Int(index)])))
      }
    }
    return StoppedJoin(
      children: children, startedEvent: join.pointee.startedEvent,
      lastInnerEvent: join.pointee.lastInnerEvent, lastEvent: join.pointee.lastEvent)
  }

  /// Keeps the threads of a Parallel or a Map that a child's failure ends, unless its own Retry or
  /// Catch is going to deal with that.
  @inline(never)
  func keepThreads(of join: UnsafeMutablePointer<Join>, failed: UnsafeMutablePointer<Fiber>) {
    let parent = join.pointee.fiber
    let execution = parent.pointee.execution
    guard execution.pointee.isRecorded,
      execution.pointee.sink._withUnsafeGuaranteedRef({ $0.wantsResumePoint }),
      !isCaught(parent), let threads = threads(of: join, failed: failed)
    else { return }
    keep(threads, for: parent)
  }

  private func keep(_ join: StoppedJoin, for fiber: UnsafeMutablePointer<Fiber>) {
    state.pointee.stoppedJoins[fiber.pointee.index] = join
    state.pointee.stoppedJoinCount = state.pointee.stoppedJoins.count
  }

  /// The threads that are kept for a fiber, which from now on are the caller's.
  @inline(never)
  func takeThreads(_ fiber: UnsafeMutablePointer<Fiber>) -> StoppedJoin? {
    let join = state.pointee.stoppedJoins.removeValue(forKey: fiber.pointee.index)
    state.pointee.stoppedJoinCount = state.pointee.stoppedJoins.count
    return join
  }
}

// MARK: - Going on

extension Shard {
  /// Starts an execution that goes on from where it had ended.
  func start(
    _ start: Start, copying input: Value, from point: ResumePoint, redriveCount: Int
  ) -> UnsafeMutablePointer<Fiber> {
    let fiber = self.start(start, copying: input, isRedrive: true)
    let execution = fiber.pointee.execution
    execution.pointee.events = point.events
    execution.pointee.startedAt = point.startedAt
    fiber.pointee.previousEvent = point.events
    recordRedriven(fiber, count: redriveCount)
    let last = fiber.pointee.previousEvent
    restore(point.root, to: fiber)
    if !point.root.hasEntered { fiber.pointee.previousEvent = last }
    return fiber
  }

  /// Puts a fiber, whose frame is a new one, to where a thread stood.
  func restore(_ thread: StoppedThread, to fiber: UnsafeMutablePointer<Fiber>) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let arena = Frame.arena(of: frame)
    let (program, payloadMax) = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      ($0.program, $0.limits.payloadBytesMax)
    }
    frame.pointee.data = thread.data.copied(to: arena)
    frame.pointee.bound = frame.pointee.data.serializedSize(upTo: payloadMax)
    if let slots = frame.pointee.slots {
      for (position, variable) in thread.variables.enumerated().prefix(Int(frame.pointee.slotCount)) {
        slots[position] = variable?.copied(to: arena) ?? .missing
      }
    }
    fiber.pointee.pc = thread.pc(in: program) ?? fiber.pointee.pc
    fiber.pointee.previousEvent = thread.lastEvent
    guard thread.hasEntered, program.tables.pointee.ops[Int(fiber.pointee.pc)].code != .finish else { return }
    fiber.pointee.enteredEvent = thread.enteredEvent
    fiber.pointee.enteredAt = thread.enteredAt
    fiber.pointee.previousEvent = thread.enteredEvent
    fiber.pointee.resumption = .retry
    if let run = thread.mapRun { keepMapRun(run, for: fiber) }
    if let join = thread.join { keep(join, for: fiber) }
  }
}

extension StoppedThread {
  /// The state's number in a program.
  fileprivate func pc(in program: Program) -> UInt32? {
    let tables = program.tables
    func isHere(_ pc: Int) -> Bool {
      let name = tables.pointee.names[Int(tables.pointee.ops[pc].name)]
      return (name.isString ? name.text : "") == state
    }
    let count = program.counts.ops
    if Int(pc) <= count, isHere(Int(pc)) { return pc }
    return (1...max(count, 1)).first(where: isHere).map { UInt32($0) }
  }
}
