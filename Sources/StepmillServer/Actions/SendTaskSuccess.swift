import Stepmill

/// Completes a task by its token.
enum SendTaskSuccess {
  static let route = Route.deferred(
    "SendTaskSuccess", isReading: false,
    [
      .required("taskToken", .text(min: 1, max: 2048)),
      .required("output", .text(max: 262_144, isSensitive: true)),
    ]
  ) { service, request, reply throws(APIError) in
    let token = try TaskTokenUse(request)
    let text = request.required("output")
    guard let output = try? JSON(parsing: text) else { throw .invalidOutput(text) }
    token.complete(.success(output), service, reply)
  }
}
