import Stepmill

// Activities: tasks that wait for workers, and workers that wait for tasks.
//
// Each activity has two queues, of which one is empty at any time: tasks that were scheduled, in
// order, and workers that asked, in order. A task that has been given up meanwhile (a timeout of
// its execution, a stop) is noticed when it is leased, and the next one is tried.

/// The queues of all activities.
final class ActivityDesk: Sendable {
  private let queues = Lock<[String: Queue]>([:])

  /// A worker that waits.
  struct Worker: Sendable {
    let name: String?
    let number: UInt64
    /// How long it waits at most, in milliseconds since 1970.
    let until: Int64
    /// Called once: with a task, or with nothing.
    let take: @Sendable (Task?) -> Void
  }

  struct Task: Sendable {
    let token: String
    let input: JSON
  }

  private struct Queue {
    var tasks = Deque<Task>()
    var workers = Deque<Worker>()
  }

  private let numbers = Lock<UInt64>(0)

  /// A task was scheduled. Gives the worker who is to have it, if one waits.
  func add(_ task: Task, to activity: String) -> Worker? {
    queues.withLock { queues in
      if let worker = queues[activity]?.workers.popFirst() { return worker }
      queues[activity, default: Queue()].tasks.append(task)
      return nil
    }
  }

  /// Takes a task out that its execution has given up.
  func forget(_ token: String, of activity: String) {
    queues.withLock { _ = $0[activity]?.tasks.remove { $0.token == token } }
  }

  /// Takes the first task, if there is one.
  func takeTask(of activity: String) -> Task? { queues.withLock { $0[activity]?.tasks.popFirst() } }

  /// Lets a worker wait, unless a task has come in meanwhile.
  ///
  /// - Returns: The task; `refused` if too many wait already.
  func wait(for activity: String, _ worker: Worker, workersMax: Int = .max) -> Waiting {
    queues.withLock { queues in
      if let task = queues[activity]?.tasks.popFirst() { return .task(task) }
      guard queues[activity]?.workers.count ?? 0 < workersMax else { return .refused }
      queues[activity, default: Queue()].workers.append(worker)
      return .waits
    }
  }

  enum Waiting: Sendable {
    case task(Task)
    case waits
    case refused
  }

  /// Workers are numbered, to be found again.
  func nextNumber() -> UInt64 {
    numbers.withLock { number in
      number += 1
      return number
    }
  }

  /// Takes a worker out of the line; nil when it was called already.
  func remove(_ number: UInt64, from activity: String) -> Worker? {
    queues.withLock { $0[activity]?.workers.remove { $0.number == number } }
  }

  /// Everybody goes home; tasks stay where they are.
  func closeAll() -> [Worker] {
    queues.withLock { queues in
      let workers = queues.values.flatMap { $0.workers.elements }
      for name in queues.keys { queues[name]?.workers = Deque() }
      return workers
    }
  }

  /// The activity was deleted: its workers go home. Its tasks stay with their executions.
  func close(_ activity: String) -> [Worker] {
    queues.withLock { queues in
      guard let queue = queues.removeValue(forKey: activity) else { return [] }
      return queue.workers.elements
    }
  }
}

/// A queue whose front is taken often and whose middle rarely.
struct Deque<Element: Sendable>: Sendable {
  private var items: [Element?] = []
  private var head = 0

  var count: Int { items.count - head }
  var elements: [Element] { items[head...].compactMap { $0 } }

  mutating func append(_ element: Element) { items.append(element) }

  mutating func popFirst() -> Element? {
    guard head < items.count else { return nil }
    defer {
      items[head] = nil
      head += 1
      if head > 64, head * 2 > items.count {
        items.removeFirst(head)
        head = 0
      }
    }
    return items[head]
  }

  mutating func remove(where matches: (Element) -> Bool) -> Element? {
    guard let index = items[head...].firstIndex(where: { $0.map(matches) ?? false }) else { return nil }
    return items.remove(at: index)
  }
}

extension StepFunctionsService {
  /// The engine's handler for the tasks of an activity.
  ///
  /// - Parameters:
  ///   - scope: The machine's. An activity of another account or region is none.
  ///   - served: Serves a task in the workers' place, where somebody does; false when not.
  func activityHandler(
    _ arn: String, in scope: Scope, served: (@Sendable (TaskRequest) -> Bool)? = nil
  ) -> TaskHandler {
    .leased(
      refusal: { [unowned self] in
        guard let name = try? activityName(arn), name.scope == scope,
          store.activity(name.name, in: scope) != nil
        else {
          return "The activity \(arn) does not exist."
        }
        return nil
      },
      abandoned: { [unowned self] in activities.forget($0, of: arn) },
      { [unowned self] request in
        if let served, served(request) { return }
        let task = ActivityDesk.Task(token: request.token, input: request.input)
        // The task is leased when its loop has frozen it, which is after this call.
        if let worker = activities.add(task, to: arn) { give(task, of: arn, to: worker) }
      })
  }

  /// Gives a task to a worker, or another one if that one is gone.
  func give(_ task: ActivityDesk.Task, of arn: String, to worker: ActivityDesk.Worker) {
    host.lease(task.token, worker: worker.name) { [unowned self] isLeased in
      if isLeased { return worker.take(task) }
      if let next = activities.takeTask(of: arn) { return give(next, of: arn, to: worker) }
      // Nobody else asked for what is left; the worker goes on waiting.
      _ = seat(worker, of: arn)
    }
  }

  /// Gives a worker a task, or a place in the line until its time is up. False if the line is
  /// full.
  func seat(_ worker: ActivityDesk.Worker, of arn: String, workersMax: Int = .max) -> Bool {
    switch activities.wait(for: arn, worker, workersMax: workersMax) {
    case .refused: return false
    case .task(let task): give(task, of: arn, to: worker)
    case .waits:
      host.after(milliseconds: UInt64(max(0, worker.until - now))) { [weak self] in
        self?.activities.remove(worker.number, from: arn)?.take(nil)
      }
    }
    return true
  }
}

/// The tokens that workers are given: the engine's, and whose task it is, which the service says
/// when the task is over.
enum WorkerToken {
  static func text(_ token: String, activity: String) -> String {
    "\(token)~\(Hex.text(Array(activity.utf8)))"
  }

  /// The engine's token, and the activity's name if it is a task of one.
  static func parts(_ text: String) -> (token: String, activity: String?) {
    guard let mark = text.lastIndex(of: "~"), let name = Hex.bytes(String(text[text.index(after: mark)...]))
    else { return (text, nil) }
    return (String(text[..<mark]), String(decoding: name, as: UTF8.self))
  }
}
