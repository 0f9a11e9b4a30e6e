import CLibuv
import Stepmill
import StepmillTasks

// Answers tasks by running commands on the loops of a runtime: one process for each call, so
// many at a time, the others in a queue with an end.
//
// Who may touch what: `run`, `cancel` and `close` may be called from any thread. Which process
// runs on which loop is that loop's business, and its thread's; how many run and who waits is
// behind the pool's lock.

/// A call that a command answers.
struct CommandOrder: Sendable {
  let command: String
  let input: [UInt8]
  let state: String
  let resource: String
  let execution: String
  let retryCount: Int

  init(_ command: String, _ input: [UInt8], _ run: TaskRun) {
    self.command = command
    self.input = input
    state = run.state
    resource = run.resource.arn
    execution = run.executionARN
    retryCount = run.retryCount
  }
}

final class CommandPool: Sendable {
  struct Bounds: Sendable {
    /// Commands at a time; each takes a process and some file descriptors.
    var runningMax = 64
    /// Calls that wait for one of those to end.
    var queuedMax = 10_000
    var outputBytesMax = 1 << 20
    /// As long as a Lambda function may take.
    var millisecondsMax: UInt64 = 900_000
  }

  private let places: [ProcessPlace]
  private let environment: [String]
  private let bounds: Bounds
  private let onError: (@Sendable (_ state: String, _ bytes: [UInt8]) -> Void)?
  private let state = Lock(State())

  private struct State {
    var running = 0
    var queue: [CommandTicket] = []
    var queueStart = 0
    var isClosed = false

    var waiting: Int { queue.count - queueStart }

    /// The next that somebody still wants, if there is room for it.
    mutating func takeNext(_ bounds: Bounds) -> CommandTicket? {
      while running < bounds.runningMax, queueStart < queue.count {
        let ticket = queue[queueStart]
        queueStart += 1
        if queueStart == queue.count || queueStart > 1024 {
          queue.removeFirst(queueStart)
          queueStart = 0
        }
        guard !ticket.isOver else { continue }
        running += 1
        return ticket
      }
      return nil
    }
  }

  /// - Parameter onError: Receives what commands write to their standard errors, as it comes, on
  ///   a loop's thread.
  init(
    on runtime: Runtime, environment: [String: String], bounds: Bounds,
    onError: (@Sendable (_ state: String, _ bytes: [UInt8]) -> Void)?
  ) {
    places = runtime.tenantLoops.map { ProcessPlace($0) }
    self.environment = environment.map { "\($0.key)=\($0.value)" }
    self.bounds = bounds
    self.onError = onError
  }

  /// Commands that run and that wait.
  var counts: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiting) } }

  /// Runs a command. Gives what cancels it.
  @discardableResult
  func run(
    _ order: CommandOrder, answer: @escaping @Sendable (Result<JSON, TaskFailure>) -> Void
  ) -> CommandTicket {
    let place = places.first { $0.loop.isCurrent } ?? places[Int.random(in: 0..<places.count)]
    let ticket = CommandTicket(order, place, answer)
    let refusal: String? = state.withLock { state in
      if state.isClosed { return "the server is about to end" }
      guard state.waiting < bounds.queuedMax else {
        return "\(bounds.queuedMax) commands are waiting already"
      }
      state.queue.append(ticket)
      return nil
    }
    if let refusal {
      ticket.finish(
        .failure(TaskFailure(error: CommandAnswer.failed, cause: "not started: \(refusal)")))
    } else {
      startNext()
    }
    return ticket
  }

  private func startNext() {
    while let ticket = state.withLock({ $0.takeNext(bounds) }) {
      let place = ticket.place
      // A loop that has ended drops this, and all that it runs.
      place.loop.post(isHeardToTheEnd: true) { [self] in start(ticket, place) }
    }
  }

  private func start(_ ticket: CommandTicket, _ place: ProcessPlace) {
    guard !ticket.isOver, place.isOpen else {
      ticket.finish(.failure(TaskFailure(error: CommandAnswer.failed, cause: "not started")))
      return ended()
    }
    let order = ticket.order
    let line = CommandLineToRun(
      command: order.command,
      environment: environment + [
        "STEPMILL_STATE=\(order.state)", "STEPMILL_RESOURCE=\(order.resource)",
        "STEPMILL_EXECUTION=\(order.execution)", "STEPMILL_RETRY_COUNT=\(order.retryCount)",
      ],
      input: order.input + [UInt8(ascii: "\n")], outputBytesMax: bounds.outputBytesMax,
      millisecondsMax: bounds.millisecondsMax)
    let child = ChildProcess.start(
      line, on: place, onError: { [onError] in onError?(order.state, $0) },
      onEnd: { [self] result in
        ticket.ended()
        ticket.finish(CommandAnswer.read(result))
        ended()
      })
    ticket.began(child)
  }

  private func ended() {
    state.withLock { $0.running -= 1 }
    startNext()
  }

  /// Ends everything, and takes nothing more.
  func close() {
    let queue = state.withLock { state in
      state.isClosed = true
      defer {
        state.queue = []
        state.queueStart = 0
      }
      return state.queue[state.queueStart...]
    }
    for ticket in queue { ticket.cancel() }
    for place in places { place.loop.post(isHeardToTheEnd: true) { place.loopEnds() } }
  }
}

/// A call of a command, to be cancelled.
final class CommandTicket: @unchecked Sendable {
  // The child belongs to the loop's thread; the answer is behind the lock; the rest is constant.
  let order: CommandOrder
  let place: ProcessPlace
  private var child: ChildProcess?
  private var isDone = false
  private let answer: Lock<(@Sendable (Result<JSON, TaskFailure>) -> Void)?>

  init(
    _ order: CommandOrder, _ place: ProcessPlace,
    _ answer: @escaping @Sendable (Result<JSON, TaskFailure>) -> Void
  ) {
    self.order = order
    self.place = place
    self.answer = Lock(answer)
  }

  /// Nobody waits for it.
  var isOver: Bool { answer.withLock { $0 == nil } }

  func finish(_ result: Result<JSON, TaskFailure>) {
    let told = answer.withLock { answer in
      defer { answer = nil }
      return answer
    }
    told?(result)
  }

  /// It may have ended already, when it could not be started.
  func began(_ child: ChildProcess) {
    if isDone { return }
    self.child = child
    if isOver { child.end() }
  }

  func ended() {
    isDone = true
    child = nil
  }

  /// Gives the call up: the command is ended with all it has started, and nobody is told.
  func cancel() {
    answer.withLock { $0 = nil }
    place.loop.post(isHeardToTheEnd: true) { [self] in child?.end() }
  }
}

/// A loop as the home of processes. Belongs to the loop's thread, but for `loop`; that is what
/// `@unchecked Sendable` stands on.
@safe final class ProcessPlace: LoopTenant, ProcessLoop, @unchecked Sendable {
  let loop: TenantLoop
  private var children: [ObjectIdentifier: ChildProcess] = [:]
  private var isTenant = false
  private(set) var isOpen = true

  init(_ loop: TenantLoop) { self.loop = loop }

  var uv: UnsafeMutablePointer<uv_loop_t> { unsafe loop.uvLoop.assumingMemoryBound(to: uv_loop_t.self) }

  func beginCallback() { loop.beginCallback() }

  func adopt(_ child: ChildProcess) {
    if !isTenant {
      isTenant = true
      loop.add(self)
    }
    children[ObjectIdentifier(child)] = child
  }

  func forget(_ child: ChildProcess) {
    children[ObjectIdentifier(child)] = nil
    leaveIfGone()
  }

  func loopEnds() {
    isOpen = false
    for child in Array(children.values) { child.kill() }
    leaveIfGone()
  }

  private func leaveIfGone() {
    guard isGone, isTenant else { return }
    isTenant = false
    loop.remove(self)
  }

  var isGone: Bool { !isOpen && children.isEmpty }
}

/// Serves tasks by commands: those whose resource a command is given for, and those whose state.
struct CommandTasks: TaskResolver {
  private let commands: [NamedCommand]
  private let pool: CommandPool

  init(_ commands: [NamedCommand], _ pool: CommandPool) {
    self.commands = commands
    self.pool = pool
  }

  func service(for resource: TaskResourceName) -> TaskService? {
    // Functions by their names are called as functions are, with their payload alone.
    if let command = NamedCommand.fitting(HandlerName.aliases(of: resource.arn), in: commands) {
      return TaskService { run, reply in begin(command, run, reply) }
    }
    let byState = Dictionary(commands.map { ($0.name, $0) }) { first, _ in first }
    guard !byState.isEmpty else { return nil }
    return TaskService(
      takes: { byState[$0.state] != nil },
      { run, reply in if let command = byState[run.state] { begin(command, run, reply) } })
  }

  private func begin(_ command: NamedCommand, _ run: TaskRun, _ reply: @escaping TaskService.Reply) {
    let ticket = pool.run(CommandOrder(command.line, run.input.utf8, run)) { reply(.ended($0)) }
    run.whenAbandoned { ticket.cancel() }
  }
}

/// A `--task NAME=COMMAND`.
package struct NamedCommand: Sendable {
  package let name: String
  package let line: String

  package init(name: String, line: String) {
    self.name = name
    self.line = line
  }

  /// An exact name comes before a pattern; of several patterns the first one given counts.
  static func fitting(_ names: [String], in commands: [NamedCommand]) -> NamedCommand? {
    for name in names {
      if let exact = commands.first(where: { $0.name == name }) { return exact }
    }
    return commands.first { command in
      command.name.contains("*") && names.contains { HandlerName.matches($0, pattern: command.name) }
    }
  }
}
