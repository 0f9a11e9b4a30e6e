import Stepmill

/// The activities of an account.
enum ListActivities {
  static let route = Route.direct(
    "ListActivities", isReading: true,
    [.optional("maxResults", Shapes.pageSize), .optional("nextToken", .text(min: 1, max: 1024))]
  ) { service, request throws(APIError) in
    let scope = request.scope
    let page = try PageRequest(request, PageToken("ListActivities", in: scope), now: service.now)
    let found = service.store.activities(after: page.cursor, limit: page.limit + 1, in: scope)
    let shown = found.prefix(page.limit)
    var body = ResponseBody()
    body.array("activities", shown) { item, activity in
      item.add("activityArn", scope.activityARN(activity.name))
      item.add("creationDate", date: activity.creationDate)
      item.add("name", activity.name)
    }
    body.add("nextToken", found.count > shown.count ? page.next(shown.last?.name) : nil)
    return body
  }
}
