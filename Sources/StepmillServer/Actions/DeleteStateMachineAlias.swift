import Stepmill

/// Removes an alias; its versions stay.
enum DeleteStateMachineAlias {
  static let route = Route.direct("DeleteStateMachineAlias", [.required("stateMachineAliasArn", Shapes.arn)])
  {
    service, request throws(APIError) in
    let name = try MachineName(unlabeled: request.required("stateMachineAliasArn"))
    guard case .alias(let alias) = name.qualifier else { throw .wrongResource("stateMachine") }
    guard name.scope == request.scope else { return ResponseBody() }
    service.changing {
      guard var machine = service.store.machine(name.name, in: name.scope) else { return }
      machine.aliases.removeAll { $0.name == alias }
      service.store.put(machine, in: name.scope)
    }
    return ResponseBody()
  }
}
