import Stepmill

/// Who does the work of a Task that is tested.
enum TestHandler: Sendable {
  case succeeding(JSON)
  case failing(TaskFailure)
  /// The service that the resource names.
  case real
}

/// What came of running one state.
struct TestRun: Sendable {
  enum End: Sendable {
    /// The state was left: its output, and what follows.
    case left(output: String, next: String?)
    case failed(TaskFailure)
  }

  var end: End
  /// What a Task was called with.
  var arguments: String?
  /// What it answered.
  var result: String?
  /// What the state assigned, by name.
  var assigned: JSON = [:]
  /// What the iterations of an inline Map began with whose processor is the state `itemName`.
  var items: [JSON] = []

  /// What went over the wire for a Task.
  var exchange: TaskExchange?

  static let itemName = "Item"

  /// Runs `state` under the name `StateName`, with some variables set before.
  static func perform(
    _ state: JSON, input: JSON, variables: JSON, context: JSON, handler: TestHandler?,
    mapRuns: (any MapRunDelegate)?, roleARN: String?, scope: Scope, _ service: StepFunctionsService,
    _ then: @escaping @Sendable (TestRun) -> Void
  ) {
    var states: [(key: String, value: JSON)] = [(TestBench.name, state)]
    var start = TestBench.name
    var data = input
    if variables.count > 0, let names = variables.object?.keys {
      start = "\(TestBench.name) Variables"
      let assign = names.map { (key: "\($0).$", value: JSON("$.variables['\($0)']")) }
      states.append(
        (
          start,
          [
            "Type": "Pass", "Assign": JSON(members: assign), "OutputPath": "$.input",
            "Next": JSON(TestBench.name),
          ]
        ))
      data = ["variables": variables, "input": input]
    }
    let machine = SyntheticMachine(startAt: start, states)
    let listener = Listener(then)
    guard let compiled = CompiledDefinition.compile(machine.json.utf8).definition else {
      let why = CompiledDefinition.compile(machine.json.utf8).diagnostics.first?.message
      return then(
        TestRun(end: .failed(TaskFailure(error: "States.Runtime", cause: why ?? "The state cannot be run."))))
    }
    let name = context["StateMachine"]?["Name"]?.string ?? service.identifiers.uuid()
    var limits = service.configuration.expressLimits
    limits.executionSecondsMax = 300
    let identity = MachineIdentity(
      partition: scope.partition, region: scope.region, account: scope.account, name: name, kind: .express)
    let workflow = service.host.bind(
      compiled, identity, limits: limits, observer: .listeners(level: .all), mapRuns: mapRuns
    ) { resource in
      switch handler {
      case .succeeding(let result) where TaskResourceName(resource).pattern == .callback:
        completing(result, in: scope, service.host)
      case .succeeding(let result): .synchronous { call throws(TaskFailure) in call.succeed(result) }
      case .failing(let failure): .synchronous { _ throws(TaskFailure) in throw failure }
      case .real, nil:
        service.resolver.handler(of: resource, in: scope, for: service) { listener.note($0) }
      }
    }
    var more = ExecutionIdentity.More()
    more.context = context
    do {
      _ = try service.host.start(
        workflow, input: data,
        identity: ExecutionIdentity(
          name: service.identifiers.uuid(), roleARN: roleARN ?? "", more: more), listener: listener)
    } catch {
      then(TestRun(end: .failed(TaskFailure(error: "States.Runtime", cause: error.description))))
    }
  }

  /// Somebody who begins the task and completes it by its token at once.
  private static func completing(_ result: JSON, in scope: Scope, _ host: any ExecutionHost) -> TaskHandler {
    .deferred { request in
      let token = request.token
      host.submit(token, [:])
      host.complete(token, region: scope.region, account: scope.account, .success(result)) { _ in }
    }
  }

  /// Follows a run up to the state's end, and no further.
  private final class Listener: ExecutionListener {
    private let then: @Sendable (TestRun) -> Void
    private let state = Lock(Progress())

    private struct Progress: Sendable {
      var run = TestRun(end: .failed(TaskFailure(error: nil)))
      var output: String?
      var next: String?
    }

    init(_ then: @escaping @Sendable (TestRun) -> Void) {
      self.then = then
    }

    func recorded(_ event: EventRecord) {
      let details = event.details
      state.withLock { progress in
        switch event.type {
        case .taskScheduled: progress.run.arguments = details?["parameters"]?.string
        case .lambdaFunctionScheduled, .activityScheduled: progress.run.arguments = details?["input"]?.string
        case .taskSucceeded, .lambdaFunctionSucceeded, .activitySucceeded:
          progress.run.result = details?["output"]?.string
        default:
          guard let name = details?["name"]?.string else { return }
          if event.type.rawValue.hasSuffix("StateExited"), name == TestBench.name {
            progress.output = details?["output"]?.string
            if let assigned = details?["assignedVariables"]?.object {
              progress.run.assigned = JSON(
                members: assigned.map { ($0.key, (try? JSON(parsing: $0.value.string ?? "")) ?? .null) })
            }
          } else if event.type == .passStateEntered, name == itemName {
            progress.run.items.append((try? JSON(parsing: details?["input"]?.string ?? "")) ?? .null)
          } else if event.type.rawValue.hasSuffix("StateEntered"), progress.output != nil,
            progress.next == nil
          {
            progress.next = name
          }
        }
      }
    }

    func note(_ exchange: TaskExchange) { state.withLock { $0.run.exchange = exchange } }

    var wantsResumePoint: Bool { false }
    func stopped(at point: ResumePoint) {}

    func ended(_ end: HostedEnd) {
      let outcome = end.outcome
      var (run, output, next) = state.withLock { ($0.run, $0.output, $0.next) }
      if let output {
        run.end = .left(output: output, next: next)
      } else {
        switch outcome {
        case .failed(let error, let cause), .aborted(let error, let cause):
          run.end = .failed(TaskFailure(error: error, cause: cause.map(Self.withoutPrefix)))
        case .timedOut: run.end = .failed(TaskFailure(error: "States.Timeout"))
        case .succeeded(let output): run.end = .left(output: output.text, next: nil)
        }
      }
      then(run)
    }

    /// A cause without `An error occurred while executing the state …`.
    private static func withoutPrefix(_ cause: String) -> String {
      let head = "An error occurred while executing the state '"
      let tail = "(entered at the event id #"
      guard cause.hasPrefix(head), let mark = cause.firstRange(of: tail) else { return cause }
      let rest = cause[mark.upperBound...].drop { $0.isNumber }
      return rest.hasPrefix("). ") ? String(rest.dropFirst(3)) : cause
    }
  }
}
