import Stepmill

/// The versions of a machine, newest first.
enum ListStateMachineVersions {
  static let route = Route.direct(
    "ListStateMachineVersions", isReading: true,
    [
      .required("stateMachineArn", Shapes.arn), .optional("nextToken", .text(min: 1, max: 1024)),
      .optional("maxResults", Shapes.pageSize),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("stateMachineArn")
    let name = try MachineName(unlabeled: arn)
    guard name.qualifier == nil else { throw .wrongResource("stateMachine") }
    let page = try PageRequest(
      request, PageToken("ListStateMachineVersions", in: request.scope, arn), now: service.now)
    // A machine that is not there has no versions.
    let machine = name.scope == request.scope ? service.store.machine(name.name, in: name.scope) : nil
    let below = try page.number() ?? .max
    let found = (machine?.versions ?? []).reversed().filter { $0.number < below }
    let shown = found.prefix(page.limit)
    var body = ResponseBody()
    body.add("nextToken", found.count > shown.count ? page.next(shown.last.map { String($0.number) }) : nil)
    body.array("stateMachineVersions", shown) { item, version in
      item.add("creationDate", date: version.creationDate)
      item.add("stateMachineVersionArn", name.scope.versionARN(name.name, version.number))
    }
    return body
  }
}
