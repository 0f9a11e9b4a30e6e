import Stepmill

// Map Runs as the service sees them: a record that can be asked for, and an execution of its
// own for each child, under the machine's name with the Map's label.
//
// A run that goes on is asked itself for its counts; the store has what it was when it began,
// and what it had come to when it ended.

/// Keeps what happens in the Map Runs of one revision of a machine.
final class ServiceMapRuns: MapRunDelegate {
  private weak let service: StepFunctionsService?
  /// It holds its workflow, and that holds this.
  private weak let revision: MachineRevision?
  private let machine: String
  private let scope: Scope

  init(_ service: StepFunctionsService, _ revision: MachineRevision, name: String, in scope: Scope) {
    self.service = service
    self.revision = revision
    machine = name
    self.scope = scope
  }

  var mapStorage: (any MapRunStorage)? { service?.mapStorage }

  func mapRunBegan(_ run: DistributedMapRun) {
    guard let service else { return }
    service.mapRuns.withLock { $0[run.arn] = run }
    service.store.put(MapRunRecord(run))
  }

  func mapRunEnded(_ run: DistributedMapRun) {
    guard let service else { return }
    service.store.put(MapRunRecord(run))
    service.mapRuns.withLock { $0[run.arn] = nil }
  }

  func mapRun(_ run: DistributedMapRun, willRedrive children: [String]) {
    for name in children {
      service?.store.execution(name, of: "\(machine)/\(run.label)", in: scope)?.withLife {
        $0.state = .pendingRedrive
      }
    }
  }

  func listener(for child: MapRunChildInfo, of run: DistributedMapRun) -> (any ExecutionListener)? {
    guard let service, let revision else { return nil }
    let labeled = "\(machine)/\(run.label)"
    let hosted = HostedExecution { error, cause in child.abort(error: error, cause: cause) }
    if child.redriveCount > 0, let known = service.store.execution(child.name, of: labeled, in: scope) {
      reopen(known, child, hosted, service)
      service.store.reopened(known)
      if let status = service.status, !known.isExpress { status.changed(StatusChange(known, service)) }
      return known
    }
    let execution = StoredExecution(
      service.origin(
        of: labeled, StepFunctionsService.Target(revision: revision), in: scope),
      name: ExecutionName(child.name), startDate: child.startDate,
      extra: StoredExecution.Extra(traceHeader: nil, mapRunARN: run.arn, itemCount: child.itemCount),
      input: child.input.utf8, for: service)
    execution.withLife { life in
      life.isRun(for: service, revision)
      life.hosted = hosted
    }
    _ = service.store.insert(execution, runningMax: .max)
    if let status = service.status, !execution.isExpress { status.changed(StatusChange(execution, service)) }
    return execution
  }

  private func reopen(
    _ execution: StoredExecution, _ child: MapRunChildInfo, _ hosted: HostedExecution,
    _ service: StepFunctionsService
  ) {
    // Of a child whose contents cannot be read back only the history is the new one's alone.
    try? execution.restore()
    execution.withLife { life in
      life.state = .running
      life.stopDate = nil
      life.ending = nil
      life.redrives.count = child.redriveCount
      // An Express child starts again, and has no date of a redrive.
      life.redrives.date = child.isExpress ? nil : child.redriveDate
      life.isResumable = false
      life.isRun(for: service, execution.revision)
      life.hosted = hosted
    }
  }
}

extension MapRunRecord {
  init(_ run: DistributedMapRun) {
    let progress = run.progress
    self.init(
      arn: run.arn, executionARN: run.executionARN, machineARN: run.machineARN, status: .running,
      startDate: progress.startDate, stopDate: nil, concurrencyMax: progress.concurrencyMax,
      toleratedFailurePercentage: 0, toleratedFailureCount: 0)
    update(to: progress)
  }

  mutating func update(to progress: MapRunProgress) {
    status = Status(progress.status)
    startDate = progress.startDate
    stopDate = progress.stopDate
    concurrencyMax = progress.concurrencyMax
    toleratedFailureCount = progress.tolerance.count ?? 0
    toleratedFailurePercentage = progress.tolerance.percentage ?? 0
    items = progress.items
    executions = progress.executions
    redriveCount = progress.redriveCount
    redriveDate = progress.redriveDate
  }
}

extension MapRunRecord.Status {
  init(_ status: MapRunStatus) {
    switch status {
    case .running: self = .running
    case .succeeded: self = .succeeded
    case .failed: self = .failed
    case .aborted: self = .aborted
    }
  }
}
