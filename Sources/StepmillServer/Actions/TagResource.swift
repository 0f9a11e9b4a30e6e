import Stepmill

/// Adds tags to a machine or an activity.
enum TagResource {
  static let route = Route.direct(
    "TagResource", [.required("resourceArn", Shapes.arn), .required("tags", Shapes.tags)]
  ) { service, request throws(APIError) in
    let arn = request.required("resourceArn")
    try Tagged.change(arn, service, request) { tags throws(APIError) in
      try service.tags(request, adding: tags, of: arn)
    }
    return ResponseBody()
  }
}
