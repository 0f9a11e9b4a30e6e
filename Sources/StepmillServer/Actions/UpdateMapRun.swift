import Stepmill

/// Changes the bounds of a run of a Distributed Map that goes on.
enum UpdateMapRun {
  static let route = Route.direct(
    "UpdateMapRun",
    [
      .required("mapRunArn", .text(min: 1, max: 2000)), .optional("maxConcurrency", .integer(min: 0)),
      .optional("toleratedFailurePercentage", .number(min: 0, max: 100)),
      .optional("toleratedFailureCount", .integer(min: 0, max: .max, bits: 64)),
    ]
  ) { service, request throws(APIError) in
    let arn = request.required("mapRunArn")
    try service.changing { () throws(APIError) in
      var run = try service.mapRun(arn, for: request)
      guard run.status == .running else {
        throw .validation("Map Run \(arn) is already completed", reason: .completedMapRun)
      }
      let concurrencyMax = request.integer("maxConcurrency")
      let count = request.integer("toleratedFailureCount")
      let percentage = request.number("toleratedFailurePercentage")
      if let live = service.mapRuns.withLock({ $0[arn] }) {
        // It may end at this very moment.
        _ = live.update(
          concurrencyMax: concurrencyMax, toleratedFailureCount: count, toleratedFailurePercentage: percentage
        )
        run.update(to: live.progress)
      } else {
        run.concurrencyMax = concurrencyMax ?? run.concurrencyMax
        run.toleratedFailureCount = count ?? run.toleratedFailureCount
        run.toleratedFailurePercentage = percentage ?? run.toleratedFailurePercentage
      }
      service.store.put(run)
    }
    return ResponseBody()
  }
}
