import Stepmill

/// Begins to remove a machine: it goes, with its versions and aliases, when its executions have
/// ended, which they do at their next transition.
enum DeleteStateMachine {
  static let route = Route.direct("DeleteStateMachine", [.required("stateMachineArn", Shapes.arn)]) {
    service, request throws(APIError) in
    let arn = request.required("stateMachineArn")
    let name = try MachineName(unlabeled: arn)
    guard name.qualifier == nil else { throw .wrongResource("stateMachine") }
    let scope = request.scope
    guard name.scope == scope else { return ResponseBody() }
    let isThere = service.changing { () -> Bool in
      guard var machine = service.store.machine(name.name, in: scope) else { return false }
      if !machine.isDeleting { service.deletions.wrappingAdd(1, ordering: .relaxed) }
      machine.isDeleting = true
      service.store.put(machine, in: scope)
      return true
    }
    if isThere {
      for execution in service.store.runningExecutions(of: name.name, in: scope) {
        execution.withLife { $0.hosted }?.doom()
      }
      service.forgetDeleted(name.name, in: scope)
    }
    return ResponseBody()
  }
}
