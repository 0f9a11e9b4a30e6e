import Stepmill

/// What a machine, or a version of one, is.
enum DescribeStateMachine {
  static let route = Route.direct(
    "DescribeStateMachine", isReading: true,
    [.required("stateMachineArn", Shapes.arn), .optional("includedData", Shapes.includedData)]
  ) { service, request throws(APIError) in
    let name = try MachineName(request.required("stateMachineArn"))
    let machine = try service.machine(name, for: request)
    var revision = machine.revision
    var description: String?
    var date = machine.creationDate
    switch name.qualifier {
    case nil: break
    case .alias: throw .noMachine(name.arn)
    case .version(let number):
      guard let version = machine.version(number) else { throw .noVersion(name.arn) }
      revision = version.revision
      description = version.description
      date = version.creationDate
    }
    let definition = try LabeledMachine.definition(revision.definition, name)
    let includesData = request.text("includedData") != "METADATA_ONLY"
    var body = ResponseBody(capacity: 1024 + definition.utf8.count)
    body.add("creationDate", date: date)
    body.add("definition", includesData ? definition : "{}")
    body.add("description", description)
    body.add(revision.encryption)
    body.add("label", name.label)
    body.add(revision.logging)
    body.add("name", name.name)
    body.add("revisionId", revision.revisionID)
    body.add("roleArn", revision.roleARN)
    body.add("stateMachineArn", name.arn)
    body.add("status", machine.isDeleting ? "DELETING" : "ACTIVE")
    body.object("tracingConfiguration") { $0.add("enabled", revision.isTraced) }
    body.add("type", revision.type.rawValue)
    if includesData { body.add(VariableReferences.of(definition)) }
    return body
  }
}
