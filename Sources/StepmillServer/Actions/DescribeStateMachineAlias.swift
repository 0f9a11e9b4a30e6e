import Stepmill

/// Which versions an alias names.
enum DescribeStateMachineAlias {
  static let route = Route.direct(
    "DescribeStateMachineAlias", isReading: true, [.required("stateMachineAliasArn", Shapes.arn)]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineAliasArn")
    let name = try MachineName(unlabeled: arn)
    guard case .alias(let alias) = name.qualifier else { throw .wrongResource("stateMachine") }
    guard name.scope == request.scope,
      let alias = service.store.machine(name.name, in: name.scope)?.alias(alias)
    else { throw .noResource(arn) }
    var body = ResponseBody()
    body.add("creationDate", date: alias.creationDate)
    body.add("description", alias.description)
    body.add("name", alias.name)
    body.add(alias.routes, of: name.name, in: name.scope)
    body.add("stateMachineAliasArn", arn)
    body.add("updateDate", date: alias.updateDate)
    return body
  }
}
