import Stepmill

/// The tags of a machine or an activity.
enum ListTagsForResource {
  static let route = Route.direct(
    "ListTagsForResource", isReading: true, [.required("resourceArn", Shapes.arn)]
  ) { service, request throws(APIError) in
    let tags = try Tagged.tags(of: request.required("resourceArn"), service, request)
    var body = ResponseBody()
    body.array("tags", tags) { item, tag in
      item.add("key", tag.key)
      item.add("value", tag.value)
    }
    return body
  }
}
