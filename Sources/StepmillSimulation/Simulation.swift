import Stepmill

// A simulation is the engine itself, driven by a false world. The engine never reads a clock
// and performs nothing: a loop brings it the time, the answers and the order of events. Here
// that loop is one that is moved by hand, and everything that a real world leaves to chance
// (which execution goes on next, for how long, what arrives first, what goes wrong) is drawn
// from one seed.

/// Runs workflows in virtual time, in an order that follows from a seed.
///
/// ```swift
/// let simulation = Simulation(seed: 1)
/// simulation.register("charge") { call in
///   call.retryCount < 2
///     ? .delay(.seconds(30), .failure(error: "Bank.Busy"))
///     : .success(["id": "tx-1", "amount": call.input["amount"] ?? 0])
/// }
/// let outcome = try simulation.run(definition, ["amount": 12])
/// print(outcome, simulation.now)  // two retries and a minute of waiting take no time at all
/// ```
///
/// The same seed gives the same history, byte for byte. Run your workflow under a few hundred
/// seeds, with ``faults`` for its resources and an ``abortRate``, and check what must always
/// hold in ``history`` and in the outcome.
///
/// A simulation belongs to one thread.
public final class Simulation {
  /// What everything random in this simulation follows from.
  public let seed: UInt64
  /// The bounds of executions, for workflows that are started from now on.
  public var limits = Limits()
  /// What goes wrong, by resource.
  public var faults: [String: Faults] = [:]
  /// How likely each step is to abort one of the executions, from 0 to 1.
  public var abortRate = 0.0
  /// How likely each step is to let the time of day jump, by up to a day to either side, from
  /// 0 to 1. The clock that timeouts and waits go by is not touched by it.
  public var clockJumpRate = 0.0
  /// How many states an execution may run through before another one gets its turn.
  public var fuel = 1...64
  /// How many steps ``run(_:_:)`` and ``finish()`` take before they give up.
  public var stepsMax = 10_000_000
  /// Whether ``history`` is kept.
  public var recordsHistory = true

  package let loop: ManualLoop
  /// Called after every step.
  package var afterStep: ((Simulation) -> Void)?
  /// Called before the world does something to a call: what, and the call's token.
  package var beforeAction: ((Simulation, String, String) -> Void)?

  private var random: SimulationRandom
  private var agenda = Agenda()
  private var handlers: [String: (Call) throws -> Reply] = [:]
  private var synchronous: [String: TaskHandler] = [:]
  private var compiled: [String: ManualLoop.CompiledWorkflow] = [:]
  private var live: [ManualLoop.Handle] = []
  private var outcomes: [Outcome?] = []
  private let recorder = Recorder()

  /// Receives the history on the simulation's own thread, which is the only one there is.
  private final class Recorder: @unchecked Sendable {
    var events: [HistoryEvent] = []
  }

  /// - Parameters:
  ///   - seed: What everything random follows from.
  ///   - startTime: The time of day when the simulation begins, in milliseconds since 1970.
  public init(seed: UInt64, startTime: Int64 = 1_767_225_600_000) {
    self.seed = seed
    random = SimulationRandom(seed: seed)
    loop = ManualLoop(seed: random.next(), wallMilliseconds: startTime)
  }

  // MARK: Handlers

  /// Registers what answers the tasks of a resource. A handler that throws fails its task.
  ///
  /// For resources that end in `.waitForTaskToken` the reply is what the callback brings.
  public func register(_ resource: String, _ handler: @escaping (Call) throws -> Reply) {
    handlers[resource] = handler
    synchronous[resource] = nil
  }

  /// Registers a handler that is called from the step itself, as ``TaskHandler/synchronous(_:)``
  /// handlers are: it answers at once, and nothing can come between.
  public func register(_ resource: String, synchronous handler: TaskHandler) {
    synchronous[resource] = handler
    handlers[resource] = nil
  }

  // MARK: Running

  /// Runs one execution to its end.
  ///
  /// - Throws: ``StepmillError`` when the definition is wrong, ``SimulationError`` when there is no outcome.
  @discardableResult
  public func run(_ definition: String, _ input: JSON) throws -> Outcome {
    let number = try start(definition, input)
    var steps = 0
    while outcomes[number] == nil {
      guard step() else {
        abortAll()
        throw SimulationError.stuck
      }
      steps += 1
      if steps > stepsMax {
        abortAll()
        throw SimulationError.endless
      }
    }
    return outcomes[number]!
  }

  /// Starts an execution, which runs with the next steps.
  ///
  /// - Returns: Its number, for ``outcome(of:)``: 0 for the first.
  @discardableResult
  public func start(_ definition: String, _ input: JSON) throws -> Int {
    let workflow = try compile(definition)
    let number = outcomes.count
    live.append(try loop.start(workflow, input: input.utf8, tag: UInt64(number)))
    outcomes.append(nil)
    return number
  }

  /// Takes steps until all executions have ended and everything has arrived that was on its way.
  ///
  /// - Returns: The outcomes of all executions, by number.
  @discardableResult
  public func finish() throws -> [Outcome] {
    var steps = 0
    while step() {
      steps += 1
      if steps > stepsMax {
        abortAll()
        throw SimulationError.endless
      }
    }
    guard loop.executionCount == 0 else {
      abortAll()
      throw SimulationError.stuck
    }
    return outcomes.compactMap { $0 }
  }

  /// Lets one thing happen: a fiber runs, an answer arrives, a timer strikes, time passes.
  /// False when nothing is left that could happen.
  @discardableResult
  public func step() -> Bool {
    collect()
    if abortRate > 0, !live.isEmpty, random.chance(abortRate) {
      abort(live[random.below(live.count)], error: "Simulation.Abort", cause: nil)
    } else if clockJumpRate > 0, random.chance(clockJumpRate) {
      loop.shiftWallClock(by: Int64(random.below(172_800_000)) - 86_400_000)
    } else if !actOnce() {
      return false
    }
    collect()
    afterStep?(self)
    return true
  }

  private func actOnce() -> Bool {
    let now = loop.now
    // What could be next at this very moment; the seed decides.
    var choices = (run: loop.readyCount > 0, act: false, strike: false)
    if let time = agenda.nextTime, time <= now { choices.act = true }
    if let deadline = loop.nextDeadline, deadline <= now { choices.strike = true }
    switch (choices.run, choices.act, choices.strike) {
    case (false, false, false):
      return passTime()
    case (true, false, false):
      runOne()
    case (false, true, false):
      act()
    case (false, false, true):
      loop.advance(to: now)
    default:
      let pick = random.below(3)
      if choices.run && (pick == 0 || !(choices.act || choices.strike)) {
        runOne()
      } else if choices.act && (pick == 1 || !choices.strike) {
        act()
      } else if choices.strike {
        loop.advance(to: now)
      } else {
        act()
      }
    }
    return true
  }

  private func runOne() {
    if loop.readyCount > 1 { loop.rotateReady(by: random.below(loop.readyCount)) }
    loop.fuel = fuel.lowerBound + random.below(fuel.count)
    loop.runOne()
  }

  private func act() {
    switch agenda.removeFirst() {
    case .answer(let token, let result):
      beforeAction?(self, "answer", token)
      loop.answer(token, result)
    case .complete(let token, let result):
      beforeAction?(self, "answer", token)
      loop.complete(token, result)
    case .heartbeat(let token):
      beforeAction?(self, "heartbeat", token)
      loop.heartbeat(token)
    }
  }

  /// Moves the clock to the next moment at which something can happen.
  private func passTime() -> Bool {
    // Timers that nobody waits for any more are no reason to go on.
    let deadline = loop.executionCount > 0 ? loop.nextDeadline : nil
    switch (agenda.nextTime, deadline) {
    case (nil, nil): return false
    case (let time?, nil): loop.moveClock(to: time)
    case (nil, let deadline?): loop.advance(to: deadline)
    case (let time?, let deadline?):
      if time <= deadline { loop.moveClock(to: time) } else { loop.advance(to: deadline) }
    }
    return true
  }

  // MARK: Interfering

  /// How much virtual time has passed.
  public var now: Duration { .milliseconds(Int64(loop.now)) }

  /// The outcome of an execution, or nil while it is under way.
  public func outcome(of execution: Int) -> Outcome? { outcomes[execution] }

  /// Stops an execution. False when it has ended.
  @discardableResult
  public func abort(_ execution: Int, error: String? = nil, cause: String? = nil) -> Bool {
    guard let handle = live.first(where: { $0.tag == UInt64(execution) }) else { return false }
    abort(handle, error: error, cause: cause)
    return true
  }

  /// Completes a task by its token, as somebody outside would. False when nobody waits for it.
  @discardableResult
  public func complete(_ token: String, with result: Result<JSON, TaskFailure>) -> Bool {
    defer { collect() }
    return loop.complete(token, result)
  }

  private func abort(_ handle: ManualLoop.Handle, error: String?, cause: String?) {
    beforeAction?(self, "abort", "")
    loop.abort(handle, error: error, cause: cause)
    collect()
  }

  private func abortAll() {
    for handle in live { loop.abort(handle) }
    collect()
  }

  // MARK: Watching

  /// What happened, in all executions, in the order in which it happened.
  public var history: [HistoryEvent] { recorder.events }

  /// The history as text, one event a line: equal for equal seeds.
  public var historyText: String {
    history.map { "\($0.timestamp) \($0.execution) \($0.json)\n" }.joined()
  }

  /// What the engine has done so far.
  public var counters: RuntimeCounters { loop.counters }

  package var liveHandles: [ManualLoop.Handle] { live }

  // MARK: Calls

  private func compile(_ definition: String) throws -> ManualLoop.CompiledWorkflow {
    if let known = compiled[definition] { return known }
    let recorder = recorder
    let observer = recordsHistory ? HistoryObserver { recorder.events.append($0) } : nil
    let workflow = try loop.compile(
      Array(definition.utf8), limits: limits, observer: observer, synchronous: synchronous)
    let missing = workflow.resources.filter { handlers[$0] == nil && synchronous[$0] == nil }
    guard missing.isEmpty else { throw SimulationError.missingHandlers(missing) }
    compiled[definition] = workflow
    return workflow
  }

  /// Takes what the engine has to say since the last time.
  private func collect() {
    for (tag, outcome) in loop.takeOutcomes() {
      precondition(outcomes[Int(tag)] == nil, "BUG in Stepmill (please report): an execution ended twice")
      outcomes[Int(tag)] = outcome
      live.removeAll { $0.tag == tag }
    }
    for call in loop.takeCalls() { begin(call) }
    _ = loop.takeCancellations()
  }

  private func begin(_ call: ManualLoop.Call) {
    let faults = faults[call.resource] ?? Faults()
    let fails = random.chance(faults.errorRate)
    let never = random.chance(faults.neverRate)
    let twice = random.chance(faults.twiceRate)
    let late = random.chance(faults.lateRate)
    let delay = faults.delay.lowerBound.wholeMilliseconds
    let spread = faults.delay.upperBound.wholeMilliseconds - delay
    let extra = delay + (spread > 0 ? UInt64(random.below(Int(spread) + 1)) : 0)

    var reply: Reply
    if fails {
      reply = .failure(error: faults.error.error, cause: faults.error.cause)
    } else {
      reply = answer(call)
    }
    if never { reply = .never }
    if twice { reply = .twice(reply, .failure(error: "Simulation.SecondAnswer")) }
    if late { reply = .twice(reply, .delay(.seconds(86_400 * 365), .success("late"))) }

    var byToken = call.resource.hasSuffix(".waitForTaskToken")
    if byToken {
      loop.answer(call.token, .success([:]))
    } else if random.chance(0.25) {
      // Some calls are frozen while they wait, as those of `TaskHandler.token` are.
      loop.begun(call.token)
      byToken = true
    }
    schedule(reply, call.token, byToken: byToken, at: loop.now + extra)
  }

  private func answer(_ call: ManualLoop.Call) -> Reply {
    guard let handler = handlers[call.resource] else {
      return .failure(error: "Simulation.NoHandler", cause: call.resource)
    }
    do {
      return try handler(
        Call(
          resource: call.resource, input: call.input, retryCount: call.retryCount, time: now,
          token: call.token))
    } catch let failure as TaskFailure {
      return .failure(error: failure.error, cause: failure.cause)
    } catch {
      return .failure(error: String(describing: type(of: error)), cause: String(describing: error))
    }
  }

  private func schedule(_ reply: Reply, _ token: String, byToken: Bool, at time: UInt64) {
    func add(_ result: Result<JSON, TaskFailure>) {
      agenda.add(
        byToken ? .complete(token: token, result) : .answer(token: token, result), at: time)
    }
    switch reply {
    case .success(let output):
      add(.success(output))
    case .failure(let error, let cause):
      add(.failure(TaskFailure(error: error, cause: cause)))
    case .delay(let delay, let rest):
      schedule(rest, token, byToken: byToken, at: time &+ delay.wholeMilliseconds)
    case .heartbeats(let period, let count, let rest):
      let step = period.wholeMilliseconds
      for beat in 0..<max(count, 0) {
        agenda.add(.heartbeat(token: token), at: time &+ step &* UInt64(beat + 1))
      }
      schedule(rest, token, byToken: byToken, at: time &+ step &* UInt64(max(count, 0)))
    case .never:
      break
    case .twice(let first, let second):
      schedule(first, token, byToken: byToken, at: time)
      schedule(second, token, byToken: byToken, at: time)
    }
  }
}

extension Duration {
  /// In milliseconds, rounded up; 0 for negative ones.
  var wholeMilliseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(seconds) * 1000 + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
