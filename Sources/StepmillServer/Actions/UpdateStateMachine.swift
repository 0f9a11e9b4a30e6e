import Stepmill

/// Changes what a machine is, for executions that begin later.
enum UpdateStateMachine {
  static let route = Route.direct(
    "UpdateStateMachine",
    [
      .required("stateMachineArn", Shapes.arn), .optional("definition", Shapes.definition),
      .optional("roleArn", Shapes.arn), .optional("loggingConfiguration", Shapes.logging),
      .optional("tracingConfiguration", Shapes.tracing), .optional("publish", .boolean),
      .optional("versionDescription", Shapes.description),
      .optional("encryptionConfiguration", Shapes.encryption),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineArn")
    let name = try MachineName(unlabeled: arn)
    guard name.qualifier == nil else { throw .noMachine(arn) }
    let publishes = request.flag("publish") ?? false
    guard publishes || !request.has("versionDescription") else {
      throw .validation("Version description can only be set when publish is true")
    }
    let changeable = [
      "definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration",
    ]
    guard changeable.contains(where: { request.has($0) }) else {
      throw .missingParameter(
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
          + "specified")
    }
    if let role = request.text("roleArn") { try service.checkRole(role) }
    let logging = try service.logging(request, of: name.name)
    let encryption = try service.encryption(request)
    let type = try service.machine(name, for: request).revision.type
    if let definition = request.text("definition") { try service.validate(definition, type) }
    let scope = request.scope
    let updated = try service.changing { () throws(APIError) -> Updated in
      var machine = try service.machine(name, for: request)
      guard !machine.isDeleting else { throw .machineDeleting(arn) }
      let old = machine.revision
      let new = MachineRevision(
        definition: request.text("definition") ?? old.definition,
        roleARN: request.text("roleArn") ?? old.roleARN, type: old.type, logging: logging ?? old.logging,
        isTraced: request.structure("tracingConfiguration").map { $0.flag("enabled") ?? false }
          ?? old.isTraced,
        encryption: encryption ?? old.encryption, revisionID: service.identifiers.uuid(), date: service.now)
      if !new.isSame(as: old) { machine.revision = new }
      var version: Int?
      if publishes {
        version = try service.publish(
          &machine, description: request.text("versionDescription"), at: service.now
        ).number
      }
      service.store.put(machine, in: scope)
      return Updated(revision: machine.revision, version: version)
    }
    var body = ResponseBody()
    body.add("revisionId", updated.revision.revisionID)
    body.add("stateMachineVersionArn", updated.version.map { scope.versionARN(name.name, $0) })
    body.add("updateDate", date: updated.revision.date)
    return body
  }

  private struct Updated: Sendable {
    var revision: MachineRevision
    var version: Int?
  }
}
