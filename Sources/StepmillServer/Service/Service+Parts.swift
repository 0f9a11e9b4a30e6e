import Stepmill
import Synchronization

// What several actions have in common.

extension StepFunctionsService {
  /// Changes machines or activities: nobody else does meanwhile.
  func changing<Result: Sendable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try control.withLock { _ throws(Failure) in
      // Also where it fails half way.
      defer { changes.wrappingAdd(1, ordering: .releasing) }
      return try body()
    }
  }

  func mapRun(_ arn: String, for request: Request) throws(APIError) -> MapRunRecord {
    let name = try ServiceARN(arn)
    guard case .mapRun = name.resource else { throw .wrongResource(name.kind) }
    guard name.scope == request.scope, var run = store.mapRun(arn) else { throw .noResource(arn) }
    // What goes on is asked itself.
    if let live = mapRuns.withLock({ $0[arn] }) { run.update(to: live.progress) }
    return run
  }
}

extension MachineRevision {
  /// Whether an update to the other would change nothing.
  func isSame(as other: MachineRevision) -> Bool {
    definition == other.definition && roleARN == other.roleARN && type == other.type
      && logging == other.logging && isTraced == other.isTraced && encryption == other.encryption
  }
}

extension ResponseBody {
  mutating func addMembers(of counts: MapRunRecord.Counts) {
    add("aborted", counts.aborted)
    add("failed", counts.failed)
    add("failuresNotRedrivable", counts.failuresNotRedrivable)
    add("pending", counts.pending)
    add("pendingRedrive", counts.pendingRedrive)
    add("resultsWritten", counts.resultsWritten)
    add("running", counts.running)
    add("succeeded", counts.succeeded)
    add("timedOut", counts.timedOut)
    add("total", counts.total)
  }
}

/// A token as an operation uses it: the engine's own, and how the service calls the task when it
/// is over.
struct TaskTokenUse: Sendable {
  private let token: String
  private let activityARN: String?
  private let scope: Scope

  init(_ request: Request) throws(APIError) {
    let (token, activity) = WorkerToken.parts(request.required("taskToken"))
    guard TaskTokenText.isWellFormed(token) else { throw .invalidToken() }
    self.token = token
    scope = request.scope
    activityARN = activity.map { request.scope.activityARN($0) }
  }

  func complete(
    _ result: Result<JSON, TaskFailure>, _ service: StepFunctionsService, _ reply: @escaping Route.Reply
  ) {
    service.host.complete(token, region: scope.region, account: scope.account, result) { answer($0, reply) }
  }

  func heartbeat(_ service: StepFunctionsService, _ reply: @escaping Route.Reply) {
    service.host.heartbeat(token, region: scope.region, account: scope.account) { answer($0, reply) }
  }

  private func answer(_ reception: TokenReception, _ reply: Route.Reply) {
    switch reception {
    case .accepted: reply(.success(ResponseBody()))
    case .unknown: reply(.failure(.invalidToken()))
    case .gone: reply(.failure(.taskTimedOut(activityARN ?? "Provided task does not exist anymore")))
    }
  }
}

/// Machines and activities by their tags.
enum Tagged {
  /// The tags of a resource. A version has none of its own.
  static func tags(
    of arn: String, _ service: StepFunctionsService, _ request: Request
  ) throws(APIError) -> [Tag] {
    let name = try ServiceARN(arn)
    guard name.scope == request.scope else { throw .noResource(arn) }
    switch name.resource {
    case .machine(let machine, nil, let qualifier):
      guard let found = service.store.machine(machine, in: name.scope) else { throw .noResource(arn) }
      return qualifier == nil ? found.tags : []
    case .activity(let activity):
      guard let found = service.store.activity(activity, in: name.scope) else { throw .noResource(arn) }
      return found.tags
    case .machine, .execution, .express, .mapRun:
      throw .wrongResource(name.kind)
    }
  }

  static func change(
    _ arn: String, _ service: StepFunctionsService, _ request: Request,
    _ body: ([Tag]) throws(APIError) -> [Tag]
  ) throws(APIError) {
    let name = try ServiceARN(arn)
    guard name.scope == request.scope else { throw .noResource(arn) }
    try service.changing { () throws(APIError) in
      switch name.resource {
      case .machine(let machine, nil, nil):
        guard var found = service.store.machine(machine, in: name.scope) else { throw .noResource(arn) }
        found.tags = try body(found.tags)
        service.store.put(found, in: name.scope)
      case .activity(let activity):
        guard var found = service.store.activity(activity, in: name.scope) else { throw .noResource(arn) }
        found.tags = try body(found.tags)
        service.store.put(found, in: name.scope)
      case .machine:
        throw .noResource(arn)
      case .execution, .express, .mapRun:
        throw .wrongResource(name.kind)
      }
    }
  }
}

/// The machine that the children of a Distributed Map are executions of.
enum LabeledMachine {
  /// The definition that a name stands for: the whole one, or that of the Map with the label.
  static func definition(_ text: String, _ name: MachineName) throws(APIError) -> String {
    guard let label = name.label else { return text }
    guard let whole = try? JSON(parsing: text), let processor = processor(labeled: label, in: whole) else {
      throw .noMachine(name.arn)
    }
    let kept = ["StartAt", "States"].compactMap { key in processor[key].map { (key: key, value: $0) } }
    return JSON(members: kept).text
  }

  private static func processor(labeled label: String, in machine: JSON) -> JSON? {
    for state in machine["States"]?.object.map({ Array($0) }) ?? [] {
      if let processor = state.value["ItemProcessor"] ?? state.value["Iterator"] {
        let isDistributed = processor["ProcessorConfig"]?["Mode"]?.string == "DISTRIBUTED"
        let own =
          state.value["Label"]?.string ?? (isDistributed ? generatedMapLabel(ofState: state.key) : nil)
        if own == label { return processor }
        if let found = Self.processor(labeled: label, in: processor) { return found }
      }
      for branch in state.value["Branches"]?.array.map({ Array($0) }) ?? [] {
        if let found = processor(labeled: label, in: branch) { return found }
      }
    }
    return nil
  }
}
