import Stepmill

/// The aliases of a machine, or those that name one of its versions.
enum ListStateMachineAliases {
  static let route = Route.direct(
    "ListStateMachineAliases", isReading: true,
    [
      .required("stateMachineArn", Shapes.arn), .optional("nextToken", .text(min: 1, max: 1024)),
      .optional("maxResults", Shapes.pageSize),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineArn")
    let name = try MachineName(unlabeled: arn)
    let page = try PageRequest(
      request, PageToken("ListStateMachineAliases", in: request.scope, arn), now: service.now)
    let machine = try service.machine(name, for: request)
    var aliases = machine.aliases
    switch name.qualifier {
    case nil: break
    case .alias: throw .wrongResource("stateMachine")
    case .version(let number): aliases.removeAll { !$0.routes.contains { $0.version == number } }
    }
    let (shown, next) = try page.page(of: aliases) { (date: $0.creationDate, name: $0.name) }
    var body = ResponseBody()
    body.add("nextToken", next)
    body.array("stateMachineAliases", shown) { item, alias in
      item.add("creationDate", date: alias.creationDate)
      item.add("stateMachineAliasArn", name.scope.aliasARN(name.name, alias.name))
    }
    return body
  }
}
