import Stepmill

/// Stops a Standard execution.
enum StopExecution {
  static let route = Route.deferred(
    "StopExecution", isReading: false,
    [
      .required("executionArn", Shapes.arn), .optional("error", .text(max: 256, isSensitive: true)),
      .optional("cause", .text(max: 32_768, isSensitive: true)),
    ]
  ) { service, request, reply throws(APIError) in
    let execution = try service.execution(request.required("executionArn"), for: request)
    service.stop(execution, error: request.text("error"), cause: request.text("cause"))
    // It may be in the hands of a loop: its end has the date.
    service.whenEnded(execution) { execution in
      var body = ResponseBody()
      body.add("stopDate", date: execution.status.stopDate)
      reply(.success(body))
    }
  }
}
