import Stepmill

/// A sign of life of a task.
enum SendTaskHeartbeat {
  static let route = Route.deferred("SendTaskHeartbeat", [.required("taskToken", .text(min: 1, max: 2048))]) {
    service, request, reply throws(APIError) in
    try TaskTokenUse(request).heartbeat(service, reply)
  }
}
