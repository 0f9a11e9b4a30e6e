import Stepmill

/// Gives a worker the next task of an activity, or waits for one.
enum GetActivityTask {
  static let route = Route.deferred(
    "GetActivityTask",
    [.required("activityArn", Shapes.arn), .optional("workerName", .text(min: 1, max: 80))]
  ) { service, request, reply throws(APIError) in
    let arn = request.required("activityArn")
    let (name, scope) = try service.activityName(arn)
    guard scope == request.scope, service.store.activity(name, in: scope) != nil else {
      throw .noActivity(arn)
    }
    if let worker = request.text("workerName"), !NameRule.isValid(worker) { throw .invalidName(worker) }
    let worker = ActivityDesk.Worker(
      name: request.text("workerName"), number: service.activities.nextNumber(),
      until: service.now + Int64(service.configuration.activityPollMilliseconds)
    ) { task in
      var body = ResponseBody()
      if let task {
        body.add("input", task.input.text)
        body.add("taskToken", WorkerToken.text(task.token, activity: name))
      }
      reply(.success(body))
    }
    guard service.seat(worker, of: arn, workersMax: service.configuration.activityPollersMax) else {
      throw .workerLimit()
    }
    // A task that is given to somebody who is gone would be lost until it times out.
    request.whenAbandoned? { [weak service] in _ = service?.activities.remove(worker.number, from: arn) }
  }
}
