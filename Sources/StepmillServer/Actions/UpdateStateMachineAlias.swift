import Stepmill

/// Changes which versions an alias names.
enum UpdateStateMachineAlias {
  static let route = Route.direct(
    "UpdateStateMachineAlias",
    [
      .required("stateMachineAliasArn", Shapes.arn), .optional("description", Shapes.description),
      .optional("routingConfiguration", Shapes.routing),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineAliasArn")
    let name = try MachineName(unlabeled: arn)
    guard case .alias(let alias) = name.qualifier else { throw .wrongResource("stateMachine") }
    guard request.has("description") || request.has("routingConfiguration") else {
      throw .validation("Either description or routing configuration must be specified")
    }
    let routes = request.has("routingConfiguration") ? try service.routes(request, of: name).routes : nil
    let date = service.now
    try service.changing { () throws(APIError) in
      guard name.scope == request.scope, var machine = service.store.machine(name.name, in: name.scope),
        let index = machine.aliases.firstIndex(where: { $0.name == alias })
      else {
        throw .noResourceUnnamed(arn)
      }
      guard !machine.isDeleting else { throw .machineDeleting(name.machineARN) }
      if let routes {
        if let missing = routes.first(where: { machine.version($0.version) == nil }) {
          throw .noResource(name.scope.versionARN(name.name, missing.version))
        }
        machine.aliases[index].routes = routes
      }
      if let description = request.text("description") { machine.aliases[index].description = description }
      machine.aliases[index].updateDate = date
      service.store.put(machine, in: name.scope)
    }
    var body = ResponseBody()
    body.add("updateDate", date: date)
    return body
  }
}
