import Stepmill
@_exported import StepmillTasks

// Where tasks go: a table from resources to whoever serves them.
//
// The service serves some itself (activities, its own API). Resolvers come before it, in their
// order, so that mocks may stand in for anything. What a state machine's resource leads to is
// found once, when the machine is bound; which of the services found takes a task may depend on
// the task's state.
//
// The seam's names (`TaskRun`, `Scope`, …) are words of this module's own language: it hands
// them on to those who import it.

/// All who serve tasks.
final class TaskDirectory: Sendable {
  private let resolvers: [any TaskResolver]
  /// What is to be done when tasks are given up, by their tokens.
  private let underWay = Lock<[String: @Sendable () -> Void]>([:])

  init(_ resolvers: [any TaskResolver]) {
    self.resolvers = resolvers
  }

  /// The engine's handler for a resource of a machine in `scope`.
  ///
  /// - Parameter trace: Takes what goes over the wire.
  func handler(
    of arn: String, in scope: Scope, for service: StepFunctionsService,
    trace: (@Sendable (TaskExchange) -> Void)? = nil
  ) -> TaskHandler {
    let resource = TaskResourceName(arn)
    let services = services(for: resource)
    if resource.service == "activity" {
      let served: @Sendable (TaskRequest) -> Bool = { [self, unowned service] request in
        serve(request, of: resource, in: scope, services, service)
      }
      return service.activityHandler(arn, in: scope, served: services.isEmpty ? nil : served)
    }
    let abandoned: @Sendable (String) -> Void = { [self, unowned service] token in
      // Not from within the engine's step.
      if let body = underWay.withLock({ $0.removeValue(forKey: token) }) {
        service.host.after(milliseconds: 0, body)
      }
      service.abandon(token)
    }
    let problem = problem(of: resource, services)
    let refusal: @Sendable (TaskRequest) -> String? = { [self] request in
      guard let why = problem?(request.input) else { return nil }
      // Who stands in for the service takes any request.
      let run = run(request, "", of: resource, in: scope)
      if services.contains(where: { $0.takes?(run) ?? false }) { return nil }
      return RequestRefusal.text(request.input, why)
    }
    return .deferred(refusal: refusal, abandoned: abandoned) { [self, unowned service] request in
      let token = request.token
      let run = run(request, token, of: resource, in: scope, trace: trace)
      let reply = answering(token, of: resource, in: scope, service.host)
      for each in services where each.takes?(run) ?? true { return each.begin(run, reply) }
      serveItself(run, token, service, reply)
    }
  }

  /// Those who may take a task of this resource; who takes all of them is the last.
  private func services(for resource: TaskResourceName) -> [TaskService] {
    var found: [TaskService] = []
    for resolver in resolvers {
      guard let service = resolver.service(for: resource) else { continue }
      found.append(service)
      if service.takes == nil { break }
    }
    return found
  }

  /// Finds what is wrong with a request; nil: nobody looks for it.
  private func problem(
    of resource: TaskResourceName, _ services: [TaskService]
  ) -> (@Sendable (JSON) -> String?)? {
    if let last = services.last, last.takes == nil { return last.refusal }
    switch (resource.service, resource.action) {
    case ("states", "startExecution"): return { StepFunctionsService.nestedProblem($0) }
    default: return nil
    }
  }

  private func run(
    _ request: TaskRequest, _ token: String, of resource: TaskResourceName, in scope: Scope,
    trace: (@Sendable (TaskExchange) -> Void)? = nil
  ) -> TaskRun {
    TaskRun(
      resource: resource, input: request.input, scope: scope, executionARN: request.execution,
      state: request.state, retryCount: request.retryCount, roleARN: request.roleARN, trace: trace,
      whenAbandoned: { [self] body in underWay.withLock { $0[token] = body } })
  }

  /// Hands a service's reply to the engine.
  private func answering(
    _ token: String, of resource: TaskResourceName, in scope: Scope, _ host: any ExecutionHost
  ) -> TaskService.Reply {
    { [self] reply in
      _ = underWay.withLock { $0.removeValue(forKey: token) }
      switch reply {
      case .succeeded(let output) where resource.pattern.goesOn: host.submit(token, output)
      case .succeeded(let output): host.answer(token, .success(output))
      case .submitted(let response): host.submit(token, response)
      case .failed(let failure) where resource.pattern.goesOn: host.submitFailed(token, failure)
      case .failed(let failure): host.answer(token, .failure(failure))
      case .unusable(let why): host.answer(token, unusable: why)
      case .ended(let result) where resource.pattern.goesOn:
        host.submit(token, [:])
        host.complete(token, region: scope.region, account: scope.account, result) { _ in }
      case .ended(let result): host.answer(token, result)
      }
    }
  }

  /// Serves a task of an activity in a worker's place. False when no service takes it.
  private func serve(
    _ request: TaskRequest, of resource: TaskResourceName, in scope: Scope, _ services: [TaskService],
    _ service: StepFunctionsService
  ) -> Bool {
    let token = request.token
    let run = run(request, token, of: resource, in: scope)
    guard let taker = services.first(where: { $0.takes?(run) ?? true }) else { return false }
    let host = service.host
    // The task is leased when its loop has frozen it, which is after this call.
    host.lease(token, worker: nil) { isLeased in
      guard isLeased else { return }
      taker.begin(run) { reply in
        let result: Result<JSON, TaskFailure> =
          switch reply {
          case .succeeded(let output), .submitted(let output): .success(output)
          case .failed(let failure): .failure(failure)
          case .unusable(let why): .failure(TaskFailure(error: "States.Runtime", cause: why))
          case .ended(let result): result
          }
        host.complete(token, region: scope.region, account: scope.account, result) { _ in }
      }
    }
    return true
  }

  /// What the service does itself, and what nobody does.
  private func serveItself(
    _ run: TaskRun, _ token: String, _ service: StepFunctionsService, _ reply: @escaping TaskService.Reply
  ) {
    switch (run.resource.service, run.resource.action) {
    case ("states", "startExecution"): service.startNested(run, token: token, reply)
    case ("aws-sdk:sfn", _): service.callSelf(run, reply)
    default: reply(.failed(Self.nobody(run.resource)))
    }
  }

  /// What a task fails with that nobody serves: as where the service's host cannot be reached.
  private static func nobody(_ resource: TaskResourceName) -> TaskFailure {
    switch resource.service {
    case "function", "lambda":
      return TaskFailure(
        error: "Lambda.SdkClientException",
        cause:
          "No Lambda function can be reached: the server knows no function endpoint for '\(resource.arn)'.")
    default:
      let prefix = ServiceNames.errorPrefix(of: resource.service)
      return TaskFailure(
        error: "\(prefix).SdkClientException",
        cause: "Unable to execute HTTP request: the server knows no endpoint for '\(resource.arn)'.")
    }
  }
}
