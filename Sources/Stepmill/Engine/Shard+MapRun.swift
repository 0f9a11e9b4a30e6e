// Distributed Maps: evaluating their fields, and giving their runs a turn.
//
// The fiber of the Map state stays where it is, its data alive, while its run goes on: what an
// ItemSelector reads is there. It is made ready whenever the run has something to do, and in
// each turn starts a bounded number of children, so that the ones it started come to theirs.
//
// What the fields of the state come to is found before the run begins. A fault among them is
// the state's own, of which the history shows nothing but the failure; what goes wrong later
// (a dataset that cannot be read, an item that does not fit) is what the run failed with.

extension Shard {
  /// Children that one turn of a run may start.
  private static var startsPerTurn: Int { 64 }
  /// Children that are given to another loop at once.
  private static var startsPerNeighbour: Int { 16 }

  // MARK: Beginning

  @inline(never)
  func beginDistributed(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ map: UnsafePointer<MapOp>,
    _ effective: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let workflow = fiber.pointee.execution.pointee.workflow.takeUnretainedValue()
    let place = Int(map.pointee.distributed) - 1
    let fields = workflow.program.distributedMaps[place]
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var items = Value.missing
    if fields.reader == nil {
      items = distributedItems(fiber, op, map, effective, tables)
      if items.isMissing { return recover(fiber, op, tables, endsJoin: true) }
    }
    if let run = mapRun(of: fiber), run.awaitsFiber {
      return redrive(run, fiber, op, effective, items, tables)
    }
    recordMapStarted(fiber, length: items.isMissing ? 0 : items.count)
    let evaluation = MapFields(
      shard: self, fiber: fiber, tables: tables, effective: effective,
      isJSONata: op.pointee.flags.contains(.jsonata))
    guard let order = evaluation.evaluate(fields, map) else {
      return recover(fiber, op, tables, endsJoin: true)
    }
    frame.pointee.item = .missing

    var settings = DistributedMapRun.Settings()
    settings.selector = map.pointee.itemSelector
    settings.reader = order.reader
    settings.itemsMax = order.itemsMax
    settings.itemCount = items.isMissing ? nil : items.count
    let identifier = UUIDText.text(state.pointee.random.pointee.uuid())
    let arn = "\(workflow.mapRunARNPrefix)\(fields.label):\(identifier)"
    var results = DistributedMapRun.Results.list(
      MapResultList(order.list, bytesMax: workflow.limits.payloadBytesMax))
    if var writer = order.writer {
      writer.mapRunARN = arn
      writer.identifier = identifier
      settings.writer = writer
      results = .unopened
    }
    let batch = order.batch.map {
      MapBatch(
        itemsMax: $0.itemsMax, bytesMax: $0.bytesMax ?? workflow.limits.payloadBytesMax, input: $0.input)
    }
    var progress = MapRunProgress(
      startDate: wallNow, concurrencyMax: order.concurrencyMax, tolerance: order.tolerance)
    if let count = settings.itemCount {
      progress.items.pending = count
      progress.executions.pending = batch == nil ? count : 0
    }
    let run = DistributedMapRun(
      arn: arn, identifier: identifier, label: fields.label,
      executionARN: executionARN(fiber.pointee.execution), workflow: workflow.childWorkflows[place],
      delegate: workflow.mapRunDelegate, roleARN: roleARN(fiber.pointee.execution),
      stateName: tables.pointee.names[Int(op.pointee.name)].text, progress: progress, settings: settings,
      source: items.isMissing
        ? .unopened(base: effective) : .state(items: items, base: effective, next: 0),
      batch: batch, results: results, shard: self, home: state.pointee.driver,
      payloadBytesMax: workflow.limits.payloadBytesMax,
      keepsUnsuccessful: fiber.pointee.execution.pointee.sink._withUnsafeGuaranteedRef { $0.wantsResumePoint }
    )
    run.fiber = FiberHandle(index: fiber.pointee.index, generation: fiber.pointee.generation)
    if order.itemsMax < 0 { run.fail("States.ItemReaderFailed", "field MaxItems must be positive") }
    keepMapRun(run, for: fiber, awaitsFiber: false)
    recordMapRun(fiber, arn)
    run.startedEvent = fiber.pointee.previousEvent
    run.delegate?.mapRunBegan(run)
    return continueMapRun(fiber, op, tables)
  }

  /// The items that come from the state's input; `missing` after a fault.
  private func distributedItems(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ map: UnsafePointer<MapOp>,
    _ effective: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    if op.pointee.flags.contains(.jsonata) {
      return mapItems(fiber, map, effective, orObject: true, tables)
    }
    let path = tables.pointee.paths + Int(map.pointee.itemsPath)
    let items = map.pointee.itemsPath == 0 ? effective : value(path, effective, fiber, tables)
    if items.isArray || items.isObject { return items }
    state.pointee.fault = noItemsFault(fiber, map, tables)
    return .missing
  }

  /// Takes up the run of a fiber that begins its state once more after a redrive.
  private func redrive(
    _ run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>,
    _ effective: Value,
    _ items: Value, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let source: DistributedMapRun.Source =
      items.isMissing
      ? .unopened(base: effective) : .state(items: items, base: effective, next: run.itemsTaken)
    run.reopen(
      by: FiberHandle(index: fiber.pointee.index, generation: fiber.pointee.generation), on: self, source)
    recordMapRun(fiber, run.arn, redriveCount: run.progress.redriveCount)
    run.startedEvent = fiber.pointee.previousEvent
    return continueMapRun(fiber, op, tables)
  }

  // MARK: Runs by their fibers

  func mapRun(of fiber: UnsafeMutablePointer<Fiber>) -> DistributedMapRun? {
    guard state.pointee.mapRunCount > 0 else { return nil }
    return state.pointee.mapRuns[fiber.pointee.index]
  }

  func keepMapRun(_ run: DistributedMapRun, for fiber: UnsafeMutablePointer<Fiber>, awaitsFiber: Bool = true)
  {
    run.awaitsFiber = awaitsFiber
    state.pointee.mapRuns[fiber.pointee.index] = run
    state.pointee.mapRunCount = state.pointee.mapRuns.count
  }

  private func forgetMapRun(_ fiber: UnsafeMutablePointer<Fiber>, _ run: DistributedMapRun) {
    guard state.pointee.mapRuns[fiber.pointee.index] === run else { return }
    state.pointee.mapRuns[fiber.pointee.index] = nil
    state.pointee.mapRunCount = state.pointee.mapRuns.count
  }

  /// The fiber ends: so does its run, if that goes on.
  @inline(never)
  func abandonMapRun(_ fiber: UnsafeMutablePointer<Fiber>) {
    guard let run = mapRun(of: fiber) else { return }
    forgetMapRun(fiber, run)
    guard run.fiber != nil else { return }
    run.fiber = nil
    guard run.progress.status == .running else { return }
    run.stopChildren()
    endAbandoned(run)
  }

  /// What has ended is written down before the run is over.
  private func endAbandoned(_ run: DistributedMapRun) {
    guard run.fiber == nil, run.live.isEmpty, run.progress.status == .running else { return }
    switch (run.results, run.closing) {
    case (.sink(let sink), .open): run.completeFiles(sink)
    case (.sink, .writing): break
    case (.sink, .failed(let failure)):
      run.failForGood(failure)
      run.end(.aborted)
    case (.sink, .closed), (.sink, .written), (.list, _), (.unopened, _): run.end(.aborted)
    }
  }

  /// The run that an execution which is about to end may be redriven with.
  func redrivableMapRun(of fiber: UnsafeMutablePointer<Fiber>) -> DistributedMapRun? {
    guard let run = mapRun(of: fiber), !run.awaitsFiber, run.failure?.isFinal != true,
      run.progress.status != .succeeded
    else { return nil }
    return run
  }

  /// Gives a run's fiber a turn, if it waits for one.
  func wakeRun(_ run: DistributedMapRun) {
    guard let handle = run.fiber else { return endAbandoned(run) }
    guard let fiber = state.pointee.fibers.resolve(index: handle.index, generation: handle.generation),
      fiber.pointee.phase == .mapRunning
    else { return }
    makeReady(fiber, .mapRun)
  }

  /// Counts the children that ended on other loops.
  func takeEnded(_ run: DistributedMapRun) {
    for child in run.endedElsewhere() { run.take(child) }
  }

  /// Counts a child that ended here.
  func takeEnded(_ child: MapRunChild) {
    child.run.take(child)
    wakeRun(child.run)
  }

  /// A run is stopped with its state.
  func recordRunAborted(_ fiber: UnsafeMutablePointer<Fiber>, cause: UInt32) {
    record(fiber, .mapRunAborted)
    fiber.pointee.previousEvent = cause
    record(fiber, .mapStateAborted)
  }

  // MARK: A turn

  /// Starts what may start; ends the state when nothing is left.
  @inline(never)
  func continueMapRun(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    guard let run = mapRun(of: fiber) else {
      preconditionFailure("BUG in Stepmill (please report): a Map Run has no record")
    }
    if run.completesEarlierFiles {
      fiber.pointee.phase = .mapRunning
      return .blocked
    }
    if run.failure == nil {
      openResults(of: run)
      var left = Self.startsPerTurn
      let concurrencyMax = run.progress.concurrencyMax
      loop: while run.failure == nil, run.live.count < concurrencyMax, !isBehind(run) {
        guard left > 0 else {
          makeReady(fiber, .mapRun)
          return .blocked
        }
        left -= 1
        switch nextChild(of: run, fiber, tables) {
        case .child(let order): start(order, of: run)
        case .end, .later: break loop
        }
      }
      if run.failure == nil, case .exhausted = run.source { run.checkTolerance() }
    }
    // Express children that run when there have been too many failures come to their end.
    if run.failure != nil, !run.isExpress { run.stopChildren() }
    guard run.live.isEmpty, isExhausted(run) else {
      fiber.pointee.phase = .mapRunning
      return .blocked
    }
    return close(run, fiber, op, tables)
  }

  /// Results do not leave as fast as they come.
  private func isBehind(_ run: DistributedMapRun) -> Bool {
    if case .sink(let sink) = run.results { return sink.isBehind }
    return false
  }

  private func isExhausted(_ run: DistributedMapRun) -> Bool {
    if run.failure != nil { return true }
    if case .exhausted = run.source {
      return run.again.isEmpty && run.heldBack == nil && (run.batch?.count ?? 0) == 0
    }
    return false
  }

  private func openResults(of run: DistributedMapRun) {
    guard case .unopened = run.results, let order = run.settings.writer else { return }
    guard let storage = run.delegate?.mapStorage else {
      return run.fail(
        "States.ResultWriterFailed",
        "The results of the state '\(run.stateName)' go to a bucket, and no bucket is known here.")
    }
    do throws(TaskFailure) {
      run.results = .sink(try storage.results(order) { [weak run] in run?.wake() })
    } catch {
      return run.fail(error.error ?? "States.ResultWriterFailed", error.cause)
    }
    let records = run.unwritten
    run.unwritten = []
    for record in records { run.add(record) }
  }

  // MARK: Children

  private enum NextChild {
    case child(MapOrder)
    /// There is none, for good or because the run has failed.
    case end
    /// The source will call.
    case later
  }

  /// The next child: one that runs again, an item, or as many as make a batch.
  private func nextChild(
    of run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> NextChild {
    if let order = run.again.popLast() { return .child(order) }
    while true {
      let item: JSON
      if let held = run.heldBack {
        item = held
        run.heldBack = nil
      } else {
        switch nextItem(of: run, fiber, tables) {
        case .item(let next): item = next
        case .end where (run.batch?.count ?? 0) > 0 && run.failure == nil: return .child(completeBatch(run))
        case .end: return .end
        case .later: return .later
        }
      }
      guard run.batch != nil else { return .child(order(run, item, itemCount: 1)) }
      switch run.batch!.add(item) {
      case .added: if run.batch!.isFull { return .child(completeBatch(run)) }
      case .full:
        run.heldBack = item
        return .child(completeBatch(run))
      case .tooLarge:
        run.fail(
          "States.DataLimitExceeded",
          "Item \(run.itemsRead - 1) of the Map state '\(run.stateName)' does not fit into a batch: with it, the "
            + "input of a child execution exceeds the maximum number of bytes.", isFinal: true)
        return .end
      }
    }
  }

  private func completeBatch(_ run: DistributedMapRun) -> MapOrder {
    let (input, count) = run.batch!.take()
    return order(run, input, itemCount: count)
  }

  private func order(_ run: DistributedMapRun, _ input: JSON, itemCount: Int) -> MapOrder {
    defer {
      run.nextNumber += 1
      run.itemsTaken += itemCount
    }
    return MapOrder(number: run.nextNumber, input: input, itemCount: itemCount)
  }

  private enum NextItem {
    case item(JSON)
    case end
    case later
  }

  /// The next item as a child or a batch gets it: after ItemSelector.
  private func nextItem(
    of run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> NextItem {
    if run.settings.itemsMax > 0, run.itemsRead >= run.settings.itemsMax { exhaust(run) }
    switch run.source {
    case .exhausted: return .end
    case .state(let items, let base, let next):
      guard next < items.count else {
        run.source = .exhausted
        return .end
      }
      run.source = .state(items: items, base: base, next: next + 1)
      if items.isArray {
        return shaped(items.elements[next], key: .missing, "STATE_DATA", base, of: run, fiber, tables)
      }
      let member = items.members[next]
      return shaped(member.value, key: member.key, "STATE_DATA", base, of: run, fiber, tables)
    case .unopened(let base):
      guard open(run, base) else { return .end }
      return nextItem(of: run, fiber, tables)
    case .reader(let source, let base):
      switch source.next(wake: { [weak run] in run?.wake() }) {
      case .later: return .later
      case .end:
        exhaust(run)
        return .end
      case .failed(let failure):
        run.fail(failure.error ?? "States.ItemReaderFailed", failure.cause)
        return .end
      case .item(let item):
        run.withProgress { $0.items.pending += 1 }
        return item.value.withValue { value in
          guard let key = item.key else {
            return shaped(value, key: .missing, item.source, base, of: run, fiber, tables)
          }
          return JSON(key).withValue {
            shaped(value, key: $0.asKey, item.source, base, of: run, fiber, tables)
          }
        }
      }
    }
  }

  private func exhaust(_ run: DistributedMapRun) {
    if case .reader(let source, _) = run.source { source.close() }
    run.source = .exhausted
  }

  private func open(_ run: DistributedMapRun, _ base: Value) -> Bool {
    guard var order = run.settings.reader, let storage = run.delegate?.mapStorage else {
      run.fail(
        "States.ItemReaderFailed",
        "The items of the state '\(run.stateName)' come from a bucket, and no bucket is known here.")
      return false
    }
    order.itemsSkipped = run.itemsRead
    do throws(TaskFailure) {
      run.source = .reader(try storage.items(order), base: base)
      return true
    } catch {
      run.fail(error.error ?? "States.ItemReaderFailed", error.cause)
      return false
    }
  }

  /// What ItemSelector makes of an item, evaluated for the Map's own fiber (whose variables it
  /// sees) in memory of its own. Without a selector, an item as it is; a member of an object
  /// as a key and a value.
  private func shaped(
    _ item: Value, key: Value, _ source: String, _ base: Value, of run: DistributedMapRun,
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> NextItem {
    let index = run.itemsRead
    run.itemsRead += 1
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let own = frame.pointee.arena
    frame.pointee.arena = Arena(pool: state.pointee.pool)
    defer {
      frame.pointee.arena.release()
      frame.pointee.arena = own
      frame.pointee.item = .missing
      state.pointee.mapItem = (.missing, .missing)
    }
    let arena = Frame.arena(of: frame)
    var data = item
    if run.settings.selector != 0 {
      frame.pointee.item = item
      frame.pointee.itemIndex = UInt32(truncatingIfNeeded: index)
      state.pointee.mapItem = (key, arena.pointee.string(source))
      data = template(run.settings.selector, base, fiber, tables)
      if data.isMissing {
        let fault = state.pointee.fault
        noteEvaluationFailure(fiber)
        run.fail(
          fault.error.text, fault.cause.isMissing ? nil : fault.cause.text, isFinal: fault.kind == .runtime)
        return .end
      }
    } else if !key.isMissing {
      let members = arena.pointee.members(2)
      members[0] = Member(key: .key("Key"), value: key)
      members[1] = Member(key: .key("Value"), value: item)
      data = .object(members, count: 2)
    }
    if data.serializedSize(upTo: run.payloadBytesMax) > run.payloadBytesMax {
      run.fail(
        "States.DataLimitExceeded",
        "Item \(index) of the Map state '\(run.stateName)' is larger than the input of a child execution may be.",
        isFinal: true)
      return .end
    }
    return .item(JSON(copying: data))
  }

  private func start(_ order: MapOrder, of run: DistributedMapRun) {
    let name = order.name ?? UUIDText.text(state.pointee.random.pointee.uuid())
    let suffix =
      run.isExpress ? order.suffix ?? UUIDText.text(state.pointee.random.pointee.uuid()) : nil
    let child = MapRunChild(run, order, name: name, suffix: suffix, now: wallNow)
    child.listener = run.delegate?.listener(for: MapRunChildInfo(child), of: run)
    var more: ExecutionIdentity.More?
    if order.redriveCount > 0 {
      more = ExecutionIdentity.More()
      more?.redriveCount = order.redriveCount
      if !run.isExpress { more?.redriveTime = wallNow }
    }
    let identity = ExecutionIdentity(
      name: name, roleARN: run.roleARN, arn: suffix == nil ? nil : child.arn, more: more)
    run.starts(child)
    child.loop = state.pointee.driver
    Start.with(run.workflow, child, identity: identity) { start in
      if let point = order.point {
        return begin(
          child,
          order.input.withValue {
            self.start(start, copying: $0, from: point, redriveCount: order.redriveCount)
          })
      }
      if let neighbour = neighbour(of: run) {
        child.loop = neighbour
        return neighbour.submit(start, input: order.input)
      }
      begin(child, order.input.withValue { self.start(start, copying: $0) })
    }
  }

  private func begin(_ child: MapRunChild, _ fiber: UnsafeMutablePointer<Fiber>) {
    child.handle = handle(of: fiber.pointee.execution)
    enqueue(fiber)
  }

  /// A loop with nothing to do, to be given some children in a row.
  private func neighbour(of run: DistributedMapRun) -> Loop? {
    if let (loop, left) = run.neighbour {
      run.neighbour = left > 1 ? (loop, left - 1) : nil
      return loop
    }
    // To ask the other loops before each child would cost more than to be late by some.
    guard state.pointee.canShare, run.nextNumber & 15 == 0, let loop = state.pointee.driver?.claimIdleLoop()
    else {
      return nil
    }
    run.neighbour = (loop, Self.startsPerNeighbour - 1)
    return loop
  }

  // MARK: Ending

  /// The children are gone: completes the results, and ends the state.
  private func close(
    _ run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    switch run.closing {
    case .open:
      guard case .sink(let sink) = run.results else {
        run.closing = .closed
        return close(run, fiber, op, tables)
      }
      if run.failure != nil, !writePending(run, fiber, tables) {
        makeReady(fiber, .mapRun)
        return .blocked
      }
      run.completeFiles(sink)
      return close(run, fiber, op, tables)
    case .writing:
      fiber.pointee.phase = .mapRunning
      return .blocked
    case .closed, .written, .failed: break
    }
    if case .failed(let failure) = run.closing { run.failForGood(failure) }
    if case .list(let list) = run.results, list.isTooLarge {
      run.fail(
        "States.DataLimitExceeded",
        "The state/task '\(run.stateName)' returned a result with a size exceeding the maximum number of bytes "
          + "service limit.", isFinal: true, isDataLimit: true)
    }
    if let failure = run.failure { return endMapRun(run, failure, fiber, op, tables) }
    return endMapRun(run, fiber, op, tables)
  }

  /// Writes down what was not started, a slice at a time. True when all of it has been.
  private func writePending(
    _ run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    guard let failure = run.failure, failure.error == "States.ExceedToleratedFailureThreshold" else {
      return true
    }
    // What cannot be read is not told of, and the failure stays what it was; a redrive goes on
    // with what was not started, wherever the reader is now.
    if run.pendingPlace == nil { run.pendingPlace = (run.nextNumber, run.itemsTaken, run.again) }
    defer { run.failure = failure }
    for _ in 0..<Self.startsPerTurn {
      run.failure = nil
      guard case .child(let order) = nextChild(of: run, fiber, tables) else {
        if let start = run.pendingPlace { (run.nextNumber, run.itemsTaken, run.again) = start }
        run.pendingPlace = nil
        return true
      }
      run.add(
        MapChildRecord(number: order.number, input: order.input, itemCount: order.itemCount, ending: nil))
    }
    return false
  }

  private func endMapRun(
    _ run: DistributedMapRun, _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    var result: JSON = [:]
    if case .list(let list) = run.results { result = list.result() }
    if case .written(let files) = run.closing {
      result = [
        "MapRunArn": JSON(run.arn),
        "ResultWriterDetails": ["Bucket": JSON(files.bucket), "Key": JSON(files.manifestKey)],
      ]
    }
    run.end(.succeeded)
    run.fiber = nil
    forgetMapRun(fiber, run)
    let value = result.copied(to: Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped))
    record(fiber, .mapRunSucceeded)
    record(fiber, .mapStateSucceeded)
    // Leaving the state follows from the start of its run.
    fiber.pointee.previousEvent = run.startedEvent
    return finishWork(
      fiber, op, result: value, bound: value.serializedSize(upTo: run.payloadBytesMax), tables)
  }

  private func endMapRun(
    _ run: DistributedMapRun, _ failure: DistributedMapRun.Failure, _ fiber: UnsafeMutablePointer<Fiber>,
    _ op: UnsafePointer<Op>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    run.end(.failed)
    run.fiber = nil
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    let cause = failure.cause.map { arena.pointee.string($0) } ?? .missing
    var fault = Fault.raised(arena.pointee.string(failure.error), cause: cause)
    if failure.isDataLimit { fault.kind = .dataLimit }
    recordMapRunFailed(fiber, error: fault.error, cause: cause)
    state.pointee.fault = fault
    if fault.kind == .runtime { record(fiber, .mapStateFailed) }
    let outcome = recover(fiber, op, tables, endsJoin: true)
    // Retried or caught, it is of no more interest; a redrive of the execution goes on with it.
    if outcome != .failed { forgetMapRun(fiber, run) }
    return outcome
  }
}

// MARK: - Fields

/// Evaluates the fields of a Distributed Map. Leaves a fault in the shard where one has no value.
private struct MapFields {
  let shard: Shard
  let fiber: UnsafeMutablePointer<Fiber>
  let tables: UnsafePointer<ProgramTables>
  let effective: Value
  let isJSONata: Bool

  struct Order {
    var concurrencyMax = DistributedMapRun.concurrencyLimit
    var tolerance = MapRunTolerance()
    var reader: MapReaderOrder?
    /// 0: no bound; below: one that the reader refuses.
    var itemsMax = 0
    var batch: (itemsMax: Int?, bytesMax: Int?, input: JSON?)?
    var writer: MapWriterOrder?
    var list = MapWriterConfig()
  }

  private static let itemsLimit = 100_000_000

  func evaluate(_ fields: DistributedMap, _ map: UnsafePointer<MapOp>) -> Order? {
    var order = Order()
    guard let concurrency = concurrency(map), let tolerance = tolerance(fields) else { return nil }
    if concurrency > 0 { order.concurrencyMax = concurrency }
    order.tolerance = tolerance
    if let reader = fields.reader {
      guard let itemsMax = integer(reader.itemsMax, "MaxItemsPath", least: nil) else { return nil }
      guard let request = request(reader.request) else { return nil }
      order.reader = MapReaderOrder(action: reader.action, request: request, config: reader.config)
      order.itemsMax = min(itemsMax ?? 0, Self.itemsLimit)
    }
    if let batcher = fields.batcher {
      guard let batch = batch(batcher) else { return nil }
      order.batch = batch
    }
    order.list.transformation = .compact
    if let writer = fields.writer {
      order.list = writer.config
      if writer.request != 0 {
        guard let request = request(writer.request) else { return nil }
        order.writer = MapWriterOrder(request: request, config: writer.config, mapRunARN: "", identifier: "")
      }
    }
    return order
  }

  private func request(_ template: UInt32) -> JSON? {
    guard template != 0 else { return [:] }
    let value = shard.template(template, effective, fiber, tables)
    return value.isMissing ? nil : JSON(copying: value)
  }

  private func batch(_ batcher: DistributedMap.Batcher) -> (itemsMax: Int?, bytesMax: Int?, input: JSON?)? {
    guard let itemsMax = integer(batcher.itemsMax, "MaxItemsPerBatchPath", least: 1),
      let bytesMax = integer(batcher.bytesMax, "MaxInputBytesPerBatchPath", least: 1)
    else { return nil }
    guard batcher.input != 0 else { return (itemsMax, bytesMax, nil) }
    guard let input = request(batcher.input) else { return nil }
    return (itemsMax, bytesMax, input)
  }

  private func concurrency(_ map: UnsafePointer<MapOp>) -> Int? {
    let field = map.pointee.maxConcurrencyPath
    guard field != 0 else { return Int(map.pointee.maxConcurrency) }
    guard let number = integer(isJSONata ? .expression(field) : .path(field), "MaxConcurrencyPath", least: 0)
    else {
      return nil
    }
    return number ?? 0
  }

  private func tolerance(_ fields: DistributedMap) -> MapRunTolerance? {
    guard let count = integer(fields.failureCount, "ToleratedFailureCountPath", least: 0),
      let percentage = percentage(fields.failurePercentage)
    else { return nil }
    return MapRunTolerance(count: count, percentage: percentage)
  }

  // MARK: Numbers

  /// A whole number; nil in the inner optional where the field is absent, in the outer one after
  /// a fault.
  private func integer(_ bound: DistributedMap.Bound, _ name: String, least: Int64?) -> Int?? {
    switch bound {
    case .absent: return .some(nil)
    case .literal(let number): return Int(number)
    case .expression(let index):
      guard let number = shard.whole(index, atLeast: least ?? .min, effective, fiber, tables) else {
        return nil
      }
      return Int(number)
    case .path(let index):
      guard let selected = select(index) else { return nil }
      guard let number = shard.wholeNumber(selected) else {
        return refuse(
          "The \(name) field refers to value \"\(shard.plainText(selected))\" which is not a valid "
            + "integer: \(text(index))")
      }
      if let least, number < least {
        let field = name.dropLast("Path".count)
        return refuse(least > 0 ? "\(field) must be positive." : "\(field) cannot be negative.")
      }
      return Int(number)
    }
  }

  private func percentage(_ bound: DistributedMap.Bound) -> Double?? {
    let outOfRange = "ToleratedFailurePercentage must be between 0 and 100."
    switch bound {
    case .absent: return .some(nil)
    case .literal(let number): return number
    case .expression(let index):
      let value = shard.expression(index, of: .number, effective, fiber, tables)
      if value.isMissing { return nil }
      guard (0...100).contains(value.asDouble) else {
        shard.refuse(
          outOfRange, tables.pointee.constants[Int(tables.pointee.expressions[Int(index)].field)], fiber)
        return nil
      }
      return value.asDouble
    case .path(let index):
      guard let selected = select(index) else { return nil }
      guard
        let number = selected.isString ? Double(selected.text) : selected.isNumber ? selected.asDouble : nil
      else {
        return refuse(
          "The ToleratedFailurePercentagePath field refers to value \"\(shard.plainText(selected))\" which is "
            + "not a valid float: \(text(index))")
      }
      guard (0...100).contains(number) else { return refuse(outOfRange) }
      return number
    }
  }

  private func select(_ index: UInt32) -> Value? {
    let path = tables.pointee.paths + Int(index)
    let selected = shard.value(path, effective, fiber, tables)
    guard selected.isMissing else { return selected }
    shard.state.pointee.fault = shard.runtimeFault(
      fiber, shard.invalidPathText(path, effective, fiber, tables))
    return nil
  }

  private func text(_ index: UInt32) -> String {
    tables.pointee.constants[Int(tables.pointee.paths[Int(index)].text)].text
  }

  private func refuse<Number>(_ text: String) -> Number?? {
    shard.state.pointee.fault = shard.runtimeFault(fiber, text)
    return nil
  }
}
