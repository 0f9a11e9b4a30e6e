import Stepmill

/// Fails a task by its token.
enum SendTaskFailure {
  static let route = Route.deferred(
    "SendTaskFailure", isReading: false,
    [
      .required("taskToken", .text(min: 1, max: 2048)),
      .optional("error", .text(max: 256, isSensitive: true)),
      .optional("cause", .text(max: 32_768, isSensitive: true)),
    ]
  ) { service, request, reply throws(APIError) in
    let token = try TaskTokenUse(request)
    let failure = TaskFailure(error: request.text("error"), cause: request.text("cause"))
    token.complete(.failure(failure), service, reply)
  }
}
