// A run of a Distributed Map: its items become the inputs of child executions, of which no more
// than so many are alive at once; what becomes of them is counted, and gathered or written.
//
// The run belongs to the fiber of its Map state and is driven by the shard that has it (see
// `Shard+MapRun`): the fiber gets a turn when the run begins, when a child has ended and when
// somebody changes the run, and starts in it what may start. Children are executions like any
// other; those of a runtime with several loops go wherever a loop has nothing to do.
//
// Who may touch what: `shared` any thread, it has a lock. What is declared under "The home's
// own" the loop that has the fiber, and after the fiber's end whoever has the run's last
// child. Everything else is constant. A child belongs to the loop that runs it until it has
// ended; then it is put into `shared`, and the home finds it there.

package final class DistributedMapRun: @unchecked Sendable {
  package let arn: String
  /// The run's UUID, the last part of its ARN.
  package let identifier: String
  package let label: String
  /// Of the parent.
  package let executionARN: String
  /// Of the machine of its children, with the label.
  package let machineARN: String
  package let isExpress: Bool
  /// The name of the Map state.
  package let stateName: String
  let workflow: WorkflowCore
  let delegate: (any MapRunDelegate)?
  let roleARN: String
  let payloadBytesMax: Int

  /// AWS's bound for children that are alive at once, which stands for "no bound".
  package static let concurrencyLimit = 10_000

  // MARK: Shared

  struct Shared {
    var progress: MapRunProgress
    /// Children that ended on other loops, and are not yet counted.
    var ended: [MapRunChild] = []
    /// The address of the shard that has the fiber, and its loop; nil where a thread drives it
    /// by hand.
    var homeShard: UInt
    var home: Loop?
  }

  private let shared: Lock<Shared>

  // MARK: The home's own

  var shard: Shard
  /// The Map's fiber; nil when there is none any more.
  var fiber: FiberHandle?
  var settings: Settings
  var source: Source
  /// Items read so far, and those of them that are in a child's input.
  var itemsRead = 0
  var itemsTaken = 0
  /// Nil where each item is a child's input as it is.
  var batch: MapBatch?
  /// An item that did not fit into the last batch.
  var heldBack: JSON?
  /// Children that are to run again, before anything else; the last one first.
  var again: [MapOrder] = []
  var nextNumber = 0
  /// Children that are alive, by their numbers.
  var live: [Int: MapRunChild] = [:]
  /// Children that did not succeed, for a redrive.
  var unsuccessful: [MapOrder] = []
  /// The run can be redriven: what that takes is kept.
  let keepsUnsuccessful: Bool
  var results: Results
  /// Records from before a redrive, until there are files again.
  var unwritten: [MapChildRecord] = []
  /// What the run fails with, as soon as its children are gone.
  var failure: Failure?
  /// The live children were told to stop.
  var hasStopped = false
  var closing = Closing.open
  /// Where the run stood before what was not started was written down.
  var pendingPlace: (number: Int, items: Int, again: [MapOrder])?
  /// The files of an earlier part of the run are being completed: what is in them is in no others.
  var completesEarlierFiles = false
  /// The number of the event that began it.
  var startedEvent: UInt32 = 0
  /// Counts the redrives, to tell children from before.
  var epoch = 0
  /// It is to be taken up by the fiber that begins with its state.
  var awaitsFiber = false
  /// Where the next children go, and how many of them.
  var neighbour: (loop: Loop, left: Int)?

  /// What the fields of the state come to.
  struct Settings {
    var reader: MapReaderOrder?
    /// 0: no bound.
    var itemsMax = 0
    var writer: MapWriterOrder?
    var selector: UInt32 = 0
    /// How many items there are, where that is known beforehand.
    var itemCount: Int?
  }

  enum Source {
    /// An array or an object of the state's input, and the next of its items.
    case state(items: Value, base: Value, next: Int)
    case reader(any MapItemSource, base: Value)
    /// The reader is opened when the first item is wanted.
    case unopened(base: Value)
    case exhausted
  }

  enum Results {
    /// They become the state's result.
    case list(MapResultList)
    case sink(any MapResultSink)
    /// The sink is opened with the run.
    case unopened
  }

  struct Failure {
    var error: String
    var cause: String?
    /// A redrive begins a new run.
    var isFinal = false
    /// The payload limit: matched by its own name only.
    var isDataLimit = false
  }

  enum Closing {
    case open
    /// The files of results are being completed.
    case writing
    case closed
    case written(MapResultFiles)
    case failed(TaskFailure)
  }

  init(
    arn: String, identifier: String, label: String, executionARN: String, workflow: WorkflowCore,
    delegate: (any MapRunDelegate)?, roleARN: String, stateName: String, progress: MapRunProgress,
    settings: Settings, source: Source, batch: MapBatch?, results: Results, shard: Shard, home: Loop?,
    payloadBytesMax: Int, keepsUnsuccessful: Bool
  ) {
    self.arn = arn
    self.identifier = identifier
    self.label = label
    self.executionARN = executionARN
    self.workflow = workflow
    machineARN = workflow.arn
    isExpress = workflow.kind == .express
    self.delegate = delegate
    self.roleARN = roleARN
    self.stateName = stateName
    self.settings = settings
    self.source = source
    self.batch = batch
    self.results = results
    self.shard = shard
    self.payloadBytesMax = payloadBytesMax
    self.keepsUnsuccessful = keepsUnsuccessful
    shared = Lock(Shared(progress: progress, homeShard: UInt(bitPattern: shard.state), home: home))
  }

  // MARK: From any thread

  /// Where the run stands.
  package var progress: MapRunProgress { shared.withLock { $0.progress } }

  /// Changes the bounds of a run that goes on; nil leaves one as it is. False: it is over.
  package func update(
    concurrencyMax: Int? = nil, toleratedFailureCount: Int? = nil, toleratedFailurePercentage: Double? = nil
  ) -> Bool {
    let isRunning = shared.withLock { shared in
      guard shared.progress.status == .running else { return false }
      if let concurrencyMax {
        shared.progress.concurrencyMax = concurrencyMax == 0 ? Self.concurrencyLimit : concurrencyMax
      }
      if let toleratedFailureCount { shared.progress.tolerance.count = toleratedFailureCount }
      if let toleratedFailurePercentage { shared.progress.tolerance.percentage = toleratedFailurePercentage }
      return true
    }
    if isRunning { wake() }
    return isRunning
  }

  /// Gives the run a turn on its home.
  func wake() {
    onHome { [self] in
      shard.takeEnded(self)
      shard.wakeRun(self)
    }
  }

  /// The same at once where this is called on the home's thread. The run has a turn afterwards,
  /// if it is not in one.
  func onHomeNow(_ body: @escaping @Sendable () -> Void) {
    let act: @Sendable () -> Void = { [self] in
      body()
      shard.wakeRun(self)
    }
    if shared.withLock({ $0.home })?.executor.isOnLoop ?? true { act() } else { onHome(act) }
  }

  func isHome(_ shard: Shard) -> Bool {
    shared.withLock { [address = UInt(bitPattern: shard.state)] in $0.homeShard == address }
  }

  /// Calls `body` on the home's thread, soon.
  func onHome(_ body: @escaping @Sendable () -> Void) {
    guard let home = shared.withLock({ $0.home }) else { return body() }
    home.post(isHeardToTheEnd: true) { [self] loop in
      // It may have moved, with a redrive.
      if isHome(loop.shard) { body() } else { onHome(body) }
    }
  }

  // MARK: On the home

  func withProgress<Result>(_ body: (inout MapRunProgress) -> Result) -> Result {
    // What goes in and out of the closure stays on this thread.
    nonisolated(unsafe) let body = body
    nonisolated(unsafe) var result: Result?
    shared.withLock { result = body(&$0.progress) }
    return result.unsafelyUnwrapped
  }

  /// The children that ended elsewhere since the last call.
  func endedElsewhere() -> [MapRunChild] {
    shared.withLock { shared in
      defer { shared.ended = [] }
      return shared.ended
    }
  }

  /// A child has ended on another thread than the home's.
  func endedElsewhere(_ child: MapRunChild) {
    let isFirst = shared.withLock { shared in
      shared.ended.append(child)
      return shared.ended.count == 1
    }
    if isFirst { wake() }
  }

  /// A child is about to start.
  func starts(_ child: MapRunChild) {
    live[child.number] = child
    withProgress { progress in
      if child.redriveCount > 0 {
        progress.items.pendingRedrive -= child.itemCount
        progress.executions.pendingRedrive -= 1
      } else {
        progress.items.pending = max(0, progress.items.pending - child.itemCount)
        progress.executions.pending = max(0, progress.executions.pending - 1)
      }
      progress.items.running += child.itemCount
      progress.executions.running += 1
    }
  }

  /// Counts a child that has ended, and takes what became of it.
  func take(_ child: MapRunChild) {
    guard live.removeValue(forKey: child.number) === child, let outcome = child.outcome else { return }
    withProgress { progress in
      progress.items.end(outcome, child.itemCount)
      progress.executions.end(outcome, 1)
    }
    if !outcome.isSuccess && keepsUnsuccessful {
      let order = MapOrder(
        number: child.number, input: child.input, itemCount: child.itemCount, name: child.name,
        suffix: child.suffix, startDate: child.startDate, redriveCount: child.redriveCount + 1,
        point: isExpress ? nil : child.point)
      guard child.epoch == epoch else { return putBack(order) }
      unsuccessful.append(order)
    }
    record(child, outcome)
    guard fiber != nil else { return }
    if failure == nil, case .failed = outcome { checkTolerance() }
    if failure == nil, case .timedOut = outcome { checkTolerance() }
  }

  /// A child from before a redrive ended after it had begun: it has its turn again.
  private func putBack(_ order: MapOrder) {
    again.insert(order, at: 0)
    withProgress { progress in
      progress.items.aborted -= order.itemCount
      progress.executions.aborted -= 1
      progress.items.pendingRedrive += order.itemCount
      progress.executions.pendingRedrive += 1
    }
  }

  private func record(_ child: MapRunChild, _ outcome: Outcome) {
    let record = MapChildRecord(
      number: child.number, input: child.input, itemCount: child.itemCount,
      ending: MapChildRecord.Ending(
        outcome: outcome, executionARN: child.arn, machineARN: machineARN, name: child.fullName,
        startDate: child.startDate, stopDate: shard.wallNow, redriveCount: child.redriveCount,
        redriveDate: isExpress ? nil : child.redriveDate))
    add(record)
  }

  /// Puts a record to the results.
  func add(_ record: MapChildRecord) {
    switch results {
    case .list(var list):
      // The list must not be shared while it grows.
      results = .unopened
      list.add(record)
      results = .list(list)
    case .sink(let sink):
      do throws(TaskFailure) {
        try sink.write(record)
      } catch {
        failForGood(error)
      }
    case .unopened: if settings.writer != nil { unwritten.append(record) }
    }
  }

  /// Fails the run if it has more failures than it bears.
  func checkTolerance() {
    let total: Int? =
      if case .exhausted = source, heldBack == nil { progress.items.total } else { settings.itemCount }
    let isExceeded = withProgress { progress in
      progress.tolerance.isExceeded(failed: progress.items.failed + progress.items.timedOut, total: total)
    }
    if isExceeded {
      fail(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")
    }
  }

  /// The run will fail with this when its children are gone; what comes first counts.
  func fail(_ error: String, _ cause: String?, isFinal: Bool = false, isDataLimit: Bool = false) {
    if failure == nil {
      failure = Failure(error: error, cause: cause, isFinal: isFinal, isDataLimit: isDataLimit)
    }
  }

  /// Tells the live children to stop.
  func stopChildren() {
    guard !hasStopped else { return }
    hasStopped = true
    for child in live.values.sorted(by: { $0.number < $1.number }) { child.stop(error: nil, cause: nil) }
  }

  /// The run is over.
  func end(_ status: MapRunStatus) {
    if case .reader(let source, _) = source { source.close() }
    source = .exhausted
    batch = batch.map { old in
      var empty = old
      if empty.count > 0 { _ = empty.take() }
      return empty
    }
    let now = shard.wallNow
    let isWritten =
      switch (results, closing) {
      case (.list, _), (_, .written): true
      case (.sink, _), (.unopened, _): false
      }
    withProgress { progress in
      progress.status = status
      progress.stopDate = now
      guard isWritten else { return }
      progress.items.resultsWritten = progress.items.ended
      progress.executions.resultsWritten = progress.executions.ended
    }
    delegate?.mapRunEnded(self)
  }

  // MARK: Files

  /// Completes the files of results. The run has a turn when that is done, or comes to its end.
  func completeFiles(_ sink: any MapResultSink) {
    closing = .writing
    sink.finish { [self, epoch] result in
      onHomeNow { [self] in
        guard epoch == self.epoch else { return completedEarlierFiles(result) }
        switch result {
        case .success(let files):
          settings.writer?.earlier = files
          closing = .written(files)
        case .failure(let failure): closing = .failed(failure)
        }
      }
    }
  }

  /// The run was redriven before its files were complete.
  private func completedEarlierFiles(_ result: Result<MapResultFiles, TaskFailure>) {
    completesEarlierFiles = false
    switch result {
    case .success(let files): settings.writer?.earlier = files
    case .failure(let failure): failForGood(failure)
    }
  }

  /// Records are lost. The run cannot go on; a redrive begins a new one, all of whose children run.
  func failForGood(_ failure: TaskFailure) {
    fail(failure.error ?? "States.ResultWriterFailed", failure.cause)
    self.failure?.isFinal = true
  }

  // MARK: Redrive

  /// Takes the run up again, with what has not succeeded.
  func reopen(by fiber: FiberHandle, on shard: Shard, _ source: Source) {
    let date = shard.wallNow
    self.shard = shard
    self.fiber = fiber
    self.source = source
    awaitsFiber = false
    if case .sink(let sink) = results {
      if case .open = closing { completeFiles(sink) }
      if case .writing = closing { completesEarlierFiles = true }
    }
    epoch += 1
    failure = nil
    if case .failed(let failure) = closing { failForGood(failure) }
    hasStopped = false
    closing = .open
    heldBack = nil
    itemsRead = itemsTaken
    // Some may not have come to their turn since the last redrive.
    again = (again + unsuccessful).sorted { $0.number > $1.number }
    unsuccessful = []
    pendingPlace = nil
    results = reopenedResults()
    let home = shard.state.pointee.driver
    let address = UInt(bitPattern: shard.state)
    shared.withLock { shared in
      shared.homeShard = address
      shared.home = home
    }
    withProgress { progress in
      progress.status = .running
      progress.stopDate = nil
      progress.items.awaitRedrive()
      progress.executions.awaitRedrive()
      if settings.itemCount == nil {
        // They are read, and counted, once more.
        progress.items.pending = 0
        progress.executions.pending = 0
      }
      progress.redriveCount += 1
      progress.redriveDate = date
    }
    delegate?.mapRunBegan(self)
    delegate?.mapRun(self, willRedrive: again.reversed().map { $0.fullName })
  }

  /// Results of a state stay; files are begun anew.
  private func reopenedResults() -> Results {
    if case .list = results { return results }
    settings.writer?.redriveCount += 1
    return .unopened
  }
}

/// A child that is to be started.
struct MapOrder: Sendable {
  var number: Int
  var input: JSON
  var itemCount: Int
  /// Where it has run before.
  var name: String?
  var suffix: String?
  var startDate: Int64 = 0
  var redriveCount = 0
  /// Where a Standard child goes on.
  var point: ResumePoint?

  var fullName: String { [name, suffix].compactMap { $0 }.joined(separator: ":") }
}

/// A child of a run, while it is alive.
final class MapRunChild: CompletionSink, @unchecked Sendable {
  let number: Int
  let input: JSON
  let itemCount: Int
  let name: String
  /// What follows the name in the ARN of an Express child.
  let suffix: String?
  let startDate: Int64
  let redriveCount: Int
  let redriveDate: Int64?
  let arn: String
  let run: DistributedMapRun
  let epoch: Int
  /// Set before it starts.
  var listener: (any ExecutionListener)?
  /// The loop it runs on; nil where there is none. Set before it starts.
  var loop: Loop?
  /// Of the loop it runs on.
  var handle: ExecutionHandle?
  /// It is to be stopped as soon as it has begun. Of the loop it runs on.
  private var stopOrder: (error: String?, cause: String?)?
  var point: ResumePoint?
  var outcome: Outcome?

  init(_ run: DistributedMapRun, _ order: MapOrder, name: String, suffix: String?, now: Int64) {
    self.run = run
    number = order.number
    input = order.input
    itemCount = order.itemCount
    self.name = name
    self.suffix = suffix
    startDate = order.redriveCount > 0 && !run.isExpress ? order.startDate : now
    redriveCount = order.redriveCount
    redriveDate = order.redriveCount > 0 ? now : nil
    epoch = run.epoch
    arn = run.workflow.executionARNPrefix + name + (suffix.map { ":" + $0 } ?? "")
    super.init()
    isBackground = true
  }

  /// The name as the service shows it.
  var fullName: String { suffix.map { "\(name):\($0)" } ?? name }

  /// Stops it. On the home.
  func stop(error: String?, cause: String?) {
    guard let loop, !run.isHome(loop.shard) else {
      if let handle { run.shard.abort(handle, error: error, cause: cause) }
      return
    }
    loop.post { [self] loop in
      // Its letter may lie behind others, and this one has overtaken it.
      guard let handle else {
        stopOrder = (error, cause)
        return
      }
      loop.shard.abort(handle, error: error, cause: cause)
    }
  }

  /// Stops it, from any thread.
  func abort(error: String?, cause: String?) { run.onHome { [self] in stop(error: error, cause: cause) } }

  // MARK: On the loop that runs it

  override func started(_ handle: ExecutionHandle, tag: UInt64, on loop: Loop) {
    self.handle = handle
    guard let (error, cause) = stopOrder else { return }
    loop.post { $0.shard.abort(handle, error: error, cause: cause) }
  }

  override func recorded(_ event: EventRecord, tag: UInt64) { listener?.recorded(event) }
  override var wantsResumePoint: Bool { run.keepsUnsuccessful && !run.isExpress }

  override func stopped(at point: ResumePoint, tag: UInt64) {
    self.point = point
    listener?.stopped(at: point)
  }

  override func turnedAway(tag: UInt64) {
    let outcome = Outcome.aborted(error: nil, cause: "The runtime was shut down.")
    self.outcome = outcome
    listener?.ended(HostedEnd(outcome, date: WallTime.now.milliseconds))
    run.endedElsewhere(self)
  }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    let outcome = Outcome(status, output: output, error: error, cause: cause)
    self.outcome = outcome
    listener?.ended(HostedEnd(outcome, date: shard.wallNow))
    listener = nil
    guard run.isHome(shard) else { return run.endedElsewhere(self) }
    shard.takeEnded(self)
  }
}

/// A child that is about to start, for a delegate.
package struct MapRunChildInfo: Sendable {
  private let child: MapRunChild

  init(_ child: MapRunChild) { self.child = child }

  package var input: JSON { child.input }
  package var itemCount: Int { child.itemCount }
  package var arn: String { child.arn }
  /// The name as the service shows it: for an Express child, with the number behind it.
  package var name: String { child.fullName }
  package var isExpress: Bool { child.run.isExpress }
  package var startDate: Int64 { child.startDate }
  package var redriveCount: Int { child.redriveCount }
  package var redriveDate: Int64? { child.redriveDate }
  /// Stops it, from any thread.
  package func abort(error: String?, cause: String?) { child.abort(error: error, cause: cause) }
}
