import Stepmill

/// Makes a state machine, or finds that just this one is there already.
enum CreateStateMachine {
  static let route = Route.direct(
    "CreateStateMachine",
    [
      .required("name", .text(min: 1, max: 80)), .required("definition", Shapes.definition),
      .required("roleArn", Shapes.arn), .optional("type", Shapes.type),
      .optional("loggingConfiguration", Shapes.logging), .optional("tags", Shapes.tags),
      .optional("tracingConfiguration", Shapes.tracing), .optional("publish", .boolean),
      .optional("versionDescription", Shapes.description),
      .optional("encryptionConfiguration", Shapes.encryption),
    ]
  ) { service, request throws(APIError) in
    let name = request.required("name")
    guard NameRule.isValid(name) else { throw .invalidName(name) }
    let publishes = request.flag("publish") ?? false
    let description = request.text("versionDescription")
    guard publishes || description == nil else {
      throw .validation("Version description can only be set when publish is true")
    }
    let type = request.text("type").flatMap { MachineType(rawValue: $0) } ?? .standard
    let definition = request.required("definition")
    try service.checkRole(request.required("roleArn"))
    let logging = try service.logging(request, of: name) ?? LoggingConfiguration()
    let encryption = try service.encryption(request) ?? EncryptionConfiguration()
    try service.validate(definition, type)
    let scope = request.scope
    let tags = try service.tags(request, of: scope.machineARN(name))
    let date = service.now
    let revision = MachineRevision(
      definition: definition, roleARN: request.required("roleArn"), type: type, logging: logging,
      isTraced: request.structure("tracingConfiguration")?.flag("enabled") ?? false, encryption: encryption,
      revisionID: nil, date: date)
    let made = try service.changing { () throws(APIError) -> Made in
      if let known = service.store.machine(name, in: scope) {
        return try repeated(known, revision, publishes: publishes, description, scope)
      }
      guard service.store.machineCount(in: scope) < service.configuration.machinesMax else {
        throw .machineLimit()
      }
      var machine = StateMachine(name: name, creationDate: date, revision: revision)
      machine.tags = tags
      var version: Int?
      if publishes {
        version = try service.publish(&machine, description: description, at: date).number
      }
      service.store.put(machine, in: scope)
      return Made(creationDate: date, version: version)
    }
    var body = ResponseBody()
    body.add("creationDate", date: made.creationDate)
    body.add("stateMachineArn", scope.machineARN(name))
    body.add("stateMachineVersionArn", made.version.map { scope.versionARN(name, $0) })
    return body
  }

  private struct Made: Sendable {
    var creationDate: Int64
    var version: Int?
  }

  /// A machine of that name is there. It may be the same one: role and tags do not count.
  private static func repeated(
    _ known: StateMachine, _ revision: MachineRevision, publishes: Bool, _ description: String?,
    _ scope: Scope
  ) throws(APIError) -> Made {
    let arn = scope.machineARN(known.name)
    guard !known.isDeleting else { throw .machineDeleting(arn) }
    let now = known.revision
    guard now.definition == revision.definition, now.type == revision.type, now.logging == revision.logging,
      now.isTraced == revision.isTraced, now.encryption == revision.encryption
    else { throw .machineExists(arn) }
    let published = "This state machine was already created with a published version"
    if publishes {
      guard let first = known.firstVersion, first.description == description else {
        throw .machineExists(text: "\(published) using a different description.")
      }
      return Made(creationDate: known.creationDate, version: 1)
    }
    guard known.lastVersion == 0 else { throw .machineExists(text: "\(published).") }
    return Made(creationDate: known.creationDate)
  }
}
