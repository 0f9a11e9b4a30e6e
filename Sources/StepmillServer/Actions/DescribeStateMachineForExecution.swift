import Stepmill

/// The machine as it was when an execution began.
enum DescribeStateMachineForExecution {
  static let route = Route.direct(
    "DescribeStateMachineForExecution", isReading: true,
    [.required("executionArn", Shapes.arn), .optional("includedData", Shapes.includedData)]
  ) { service, request throws(APIError) in
    let execution = try service.execution(request.required("executionArn"), for: request, orChild: true)
    let revision = execution.revision
    let name = try MachineName(execution.machineARN)
    let definition = try LabeledMachine.definition(revision.definition, name)
    let includesData = request.text("includedData") != "METADATA_ONLY"
    var body = ResponseBody(capacity: 1024 + definition.utf8.count)
    body.add("definition", includesData ? definition : "{}")
    body.add(revision.encryption)
    body.add("label", name.label)
    body.add(revision.logging)
    body.add("mapRunArn", execution.mapRunARN)
    body.add("name", name.name)
    body.add("revisionId", revision.revisionID)
    body.add("roleArn", revision.roleARN)
    body.add("stateMachineArn", execution.machineARN)
    body.object("tracingConfiguration") { $0.add("enabled", revision.isTraced) }
    body.add("updateDate", date: revision.date)
    if includesData { body.add(VariableReferences.of(definition)) }
    return body
  }
}
