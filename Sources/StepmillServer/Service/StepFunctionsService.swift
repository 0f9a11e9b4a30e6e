import Stepmill
import Synchronization

// The service without its transport: an operation's name and a body go in, a status and a body
// come out.
//
// Who may touch what: `handle` may be called on any thread, and answers on whichever thread the
// answer comes to be on. What is changed by reading, deciding and writing (machines, activities
// and what hangs on them) is changed under `control`. Executions do not pass through it: a name
// is taken by the store's `insert`, which decides alone, and what becomes of an execution is
// behind that execution's own lock.

/// A service, for what it holds: executions that run would otherwise keep it, and it them.
///
/// Who may touch what: it is written once, before anybody else can know of it. That is what
/// `@unchecked Sendable` stands on.
final class ServiceLink: @unchecked Sendable {
  fileprivate(set) weak var service: StepFunctionsService?
}

/// AWS Step Functions' API.
package final class StepFunctionsService: Sendable {
  let host: any ExecutionHost
  let configuration: ServiceConfiguration
  let store: any Store
  let identifiers: IdentifierSource
  let resolver: TaskDirectory
  let activities = ActivityDesk()
  let log: (any LogSink)?
  let status: (any StatusSink)?
  private let hearers: (log: Bool, store: Bool)
  /// Reads the datasets of Distributed Maps and writes their results.
  let mapStorage: (any MapRunStorage)?
  /// The runs of Distributed Maps that go on.
  let mapRuns = Lock<[String: DistributedMapRun]>([:])
  /// The executions that tasks wait for, by the tasks' tokens.
  let jobs = Lock<[String: StoredExecution]>([:])
  /// For those that the service itself holds.
  let link = ServiceLink()
  /// Held while machines or activities are changed.
  let control = Lock<Void>(())
  /// Machines that go as soon as nothing of them runs any more.
  let deletions = Atomic<Int>(0)
  /// Of the execution that was started last.
  let lastOrigin = Lock<ExecutionOrigin?>(nil)
  /// Counts the changes of machines, for those who remember what they found.
  let changes = Atomic<Int>(0)

  /// Another number after each change of machines. To be read before they are.
  var machinesGeneration: Int { changes.load(ordering: .acquiring) }

  /// - Parameters:
  ///   - host: Runs the executions.
  ///   - configuration: What can be chosen.
  ///   - store: Remembers.
  ///   - identifiers: Makes names and numbers that nobody gave.
  ///   - tasks: Serves the tasks that the service does not serve itself.
  ///   - log: Takes what is to be logged.
  ///   - status: Is told how executions go.
  ///   - mapStorage: Reads the datasets of Distributed Maps and writes their results.
  package init(
    host: any ExecutionHost, configuration: ServiceConfiguration = ServiceConfiguration(),
    store: any Store = MemoryStore(), identifiers: IdentifierSource, tasks: [any TaskResolver] = [],
    log: (any LogSink)? = nil, status: (any StatusSink)? = nil, mapStorage: (any MapRunStorage)? = nil
  ) {
    self.mapStorage = mapStorage
    self.host = host
    self.configuration = configuration
    self.store = store
    self.identifiers = identifiers
    resolver = TaskDirectory(tasks)
    self.log = log
    self.status = status
    hearers = (log != nil, store.hearsEvents)
    link.service = self
  }

  /// Who hears of each event of an execution.
  func hearers(of revision: MachineRevision) -> (log: Bool, store: Bool) {
    (hearers.log && revision.logging.level != .off, hearers.store)
  }

  /// Answers a request.
  ///
  /// - Parameters:
  ///   - operation: What follows `AWSStepFunctions.` in the header `X-Amz-Target`.
  ///   - body: The request's body.
  ///   - scope: The account and the region that it is for.
  ///   - whenAbandoned: Takes a closure to call if the client goes away before the answer.
  ///   - answer: Called once, on any thread, now or later.
  package func handle(
    _ operation: String, body: [UInt8], scope: Scope,
    whenAbandoned: (@Sendable (@escaping @Sendable () -> Void) -> Void)? = nil,
    answer: @escaping @Sendable (APIAnswer) -> Void
  ) {
    guard let route = Routes.table[operation] else { return answer(APIAnswer(APIError.unknownOperation())) }
    var request: Request
    do throws(APIError) {
      request = try Request(body, route.members, in: scope)
      request.whenAbandoned = whenAbandoned
    } catch {
      return answer(APIAnswer(error))
    }
    if !route.isReading, let refusal = store.refusal { return answer(APIAnswer(.unwritable(refusal))) }
    route.perform(self, request) { [store] result in
      switch result {
      case .success(let body):
        let ready = APIAnswer(body)
        guard !route.isReading else { return answer(ready) }
        // What is done stays done; but if the server stops before the store can write again,
        // it is forgotten, so the client must not take it for certain.
        store.whenDurable { failure in answer(failure.map { APIAnswer(.unwritable($0)) } ?? ready) }
      case .failure(let error): answer(APIAnswer(error))
      }
    }
  }

  /// Standard executions of an account run at the moment.
  package func hasRunning(_ scope: Scope) -> Bool { store.runningCount(in: scope) > 0 }

  /// Sends home the workers that wait for tasks: the service is about to end, and they would hold
  /// it up.
  package func dismissWorkers() {
    for worker in activities.closeAll() { worker.take(nil) }
  }

  /// The operations that there are.
  package static var operations: [String] { Routes.table.keys.sorted() }

  /// Milliseconds since 1970.
  var now: Int64 { host.wallMilliseconds }
}

/// An operation: its name, what its request looks like, and what it does.
struct Route: Sendable {
  typealias Reply = @Sendable (Result<ResponseBody, APIError>) -> Void

  let operation: String
  let members: [RequestMember]
  /// It changes nothing, so its answer need not wait for the store.
  let isReading: Bool
  let perform: @Sendable (StepFunctionsService, Request, @escaping Reply) -> Void

  /// An operation that answers at once.
  static func direct(
    _ operation: String, isReading: Bool = false, _ members: [RequestMember],
    _ body: @escaping @Sendable (StepFunctionsService, Request) throws(APIError) -> ResponseBody
  ) -> Route {
    Route(operation: operation, members: members, isReading: isReading) { service, request, reply in
      let result: Result<ResponseBody, APIError>
      do throws(APIError) {
        result = .success(try body(service, request))
      } catch {
        result = .failure(error)
      }
      reply(result)
    }
  }

  /// An operation that may answer later. What it throws is its answer.
  static func deferred(
    _ operation: String, isReading: Bool = true, _ members: [RequestMember],
    _ body: @escaping @Sendable (StepFunctionsService, Request, @escaping Reply) throws(APIError) -> Void
  ) -> Route {
    Route(operation: operation, members: members, isReading: isReading) { service, request, reply in
      do throws(APIError) {
        try body(service, request, reply)
      } catch {
        reply(.failure(error))
      }
    }
  }
}
