import Stepmill

/// Makes a version of what a machine is now.
enum PublishStateMachineVersion {
  static let route = Route.direct(
    "PublishStateMachineVersion",
    [
      .required("stateMachineArn", Shapes.arn), .optional("revisionId", .text()),
      .optional("description", Shapes.description),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineArn")
    let name = try MachineName(unlabeled: arn)
    let scope = request.scope
    let version = try service.changing { () throws(APIError) -> MachineVersion in
      var (_, machine) = try service.unqualifiedMachine(arn, for: request)
      guard !machine.isDeleting else { throw .machineDeleting(arn) }
      let current = machine.revision.revisionID ?? "INITIAL"
      if let wanted = request.text("revisionId"), wanted != current {
        throw .conflict(
          "Failed to publish the State Machine version for revision \(wanted). The current State Machine "
            + "revision is \(current).")
      }
      let made = try service.publish(&machine, description: request.text("description"), at: service.now)
      service.store.put(machine, in: scope)
      return made
    }
    var body = ResponseBody()
    body.add("creationDate", date: version.creationDate)
    body.add("stateMachineVersionArn", scope.versionARN(name.name, version.number))
    return body
  }
}
