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
      name: request.text("workerName"), number: service.activities.nextNumber()
    ) {
      task in
      var body = ResponseBody()
      if let task {
        body.add("input", task.input.text)
        body.add("taskToken", WorkerToken.text(task.token, activity: name))
      }
      reply(.success(body))
    }
    switch service.activities.wait(for: arn, worker, workersMax: service.configuration.activityPollersMax) {
    case .refused: throw .workerLimit()
    case .task(let task): service.give(task, of: arn, to: worker)
    case .waits:
      service.host.after(milliseconds: service.configuration.activityPollMilliseconds) { [weak service] in
        service?.activities.remove(worker.number, from: arn)?.take(nil)
      }
    }
  }
}
