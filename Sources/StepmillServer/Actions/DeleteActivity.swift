import Stepmill

/// Removes an activity; one that is gone already is as good.
enum DeleteActivity {
  static let route = Route.direct("DeleteActivity", [.required("activityArn", Shapes.arn)]) {
    service, request throws(APIError) in
    let arn = request.required("activityArn")
    let (name, scope) = try service.activityName(arn)
    if scope == request.scope {
      service.changing { service.store.removeActivity(name, in: scope) }
      for worker in service.activities.close(arn) { worker.take(nil) }
    }
    return ResponseBody()
  }
}
