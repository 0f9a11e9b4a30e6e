import Stepmill

/// What an activity is.
enum DescribeActivity {
  static let route = Route.direct("DescribeActivity", isReading: true, [.required("activityArn", Shapes.arn)])
  {
    service, request throws(APIError) in
    let arn = request.required("activityArn")
    let (name, scope) = try service.activityName(arn)
    guard scope == request.scope, let activity = service.store.activity(name, in: scope) else {
      throw .noActivity(arn)
    }
    var body = ResponseBody()
    body.add("activityArn", arn)
    body.add("creationDate", date: activity.creationDate)
    body.add(activity.encryption)
    body.add("name", name)
    return body
  }
}
