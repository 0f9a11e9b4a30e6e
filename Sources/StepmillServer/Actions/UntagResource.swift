import Stepmill

/// Removes tags of a machine or an activity.
enum UntagResource {
  static let route = Route.direct(
    "UntagResource",
    [.required("resourceArn", Shapes.arn), .required("tagKeys", .list(.text(min: 1, max: 128)))]
  ) { service, request throws(APIError) in
    let keys = Set(request.texts("tagKeys"))
    try Tagged.change(request.required("resourceArn"), service, request) { tags in
      tags.filter { !keys.contains($0.key) }
    }
    return ResponseBody()
  }
}
