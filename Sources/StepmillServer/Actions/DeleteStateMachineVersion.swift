import Stepmill

/// Removes a version that no alias names.
enum DeleteStateMachineVersion {
  static let route = Route.direct(
    "DeleteStateMachineVersion", [.required("stateMachineVersionArn", .text(min: 1, max: 2000))]
  ) { service, request throws(APIError) in
    let name = try MachineName(unlabeled: request.required("stateMachineVersionArn"))
    guard case .version(let number) = name.qualifier else { throw .wrongResource("stateMachine") }
    guard name.scope == request.scope else { return ResponseBody() }
    try service.changing { () throws(APIError) in
      guard var machine = service.store.machine(name.name, in: name.scope) else { return }
      let aliases = machine.aliases.filter { $0.routes.contains { $0.version == number } }.map(\.name)
      guard aliases.isEmpty else {
        throw .conflict(
          "Version to be deleted must not be referenced by an alias. Current list of aliases referencing "
            + "this version: [\(aliases.joined(separator: ", "))]")
      }
      machine.versions.removeAll { $0.number == number }
      service.store.put(machine, in: name.scope)
    }
    return ResponseBody()
  }
}
