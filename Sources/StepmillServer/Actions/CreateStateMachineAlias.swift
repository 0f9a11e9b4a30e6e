import Stepmill

/// Names one or two versions of a machine.
enum CreateStateMachineAlias {
  static let route = Route.direct(
    "CreateStateMachineAlias",
    [
      .optional("description", Shapes.description),
      .required("name", .text(min: 1, max: 80, pattern: .aliasName)),
      .required("routingConfiguration", Shapes.routing),
    ]
  ) { service, request throws(APIError) in
    let name = request.required("name")
    let scope = request.scope
    let (target, routes) = try service.routes(request, of: nil)
    let alias = try service.changing { () throws(APIError) -> MachineAlias in
      guard target.scope == scope, var machine = service.store.machine(target.name, in: scope) else {
        throw .noResource(target.arn)
      }
      guard !machine.isDeleting else { throw .machineDeleting(target.machineARN) }
      if let missing = routes.first(where: { machine.version($0.version) == nil }) {
        throw .noResource(scope.versionARN(target.name, missing.version))
      }
      if let known = machine.alias(name) {
        guard known.routes == routes, known.description == request.text("description") else {
          throw .conflict(
            "Failed to create alias because an alias with the same name and a different routing "
              + "configuration already exists.")
        }
        return known
      }
      guard machine.aliases.count < service.configuration.aliasesMax else {
        throw .quota("The maximum number of aliases for this state machine has been reached.")
      }
      let made = MachineAlias(
        name: name, description: request.text("description"), routes: routes, creationDate: service.now)
      machine.aliases.append(made)
      service.store.put(machine, in: scope)
      return made
    }
    var body = ResponseBody()
    body.add("creationDate", date: alias.creationDate)
    body.add("stateMachineAliasArn", scope.aliasARN(target.name, name))
    return body
  }
}
