import Stepmill

/// The machines of an account, by name.
enum ListStateMachines {
  static let route = Route.direct(
    "ListStateMachines", isReading: true,
    [.optional("maxResults", Shapes.pageSize), .optional("nextToken", .text(min: 1, max: 1024))]
  ) { service, request throws(APIError) in
    let scope = request.scope
    let page = try PageRequest(request, PageToken("ListStateMachines", in: scope), now: service.now)
    let found = service.store.machines(after: page.cursor, limit: page.limit + 1, in: scope)
    let shown = found.prefix(page.limit)
    var body = ResponseBody()
    body.add("nextToken", found.count > shown.count ? page.next(shown.last?.name) : nil)
    body.array("stateMachines", shown) { item, machine in
      item.add("creationDate", date: machine.creationDate)
      item.add("name", machine.name)
      item.add("stateMachineArn", scope.machineARN(machine.name))
      item.add("type", machine.revision.type.rawValue)
    }
    return body
  }
}
