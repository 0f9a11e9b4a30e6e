// The slower states: entering them, and going on after something they waited for.

extension Shard {
  enum StateResult {
    /// The state is done: `pc` is the next one, `frame.data` its input.
    case next
    /// The fiber waits, or stands in the ring.
    case blocked
    /// An unhandled fault lies in the shard.
    case failed
    /// A join with children to start lies in `suspended`.
    case fannedOut
  }

  /// The number of the next event on a fiber's thread of control.
  @inline(__always)
  @discardableResult
  func nextEvent(_ fiber: UnsafeMutablePointer<Fiber>) -> UInt32 {
    let id = fiber.pointee.execution.pointee.events &+ 1
    fiber.pointee.execution.pointee.events = id
    fiber.pointee.previousEvent = id
    return id
  }

  /// Enters the state at `pc`.
  @inline(never)
  func enter(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let previous = fiber.pointee.previousEvent
    fiber.pointee.enteredEvent = nextEvent(fiber)
    fiber.pointee.enteredAt = wallNow
    fiber.pointee.retryCount = 0
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      fiber.pointee.previousEvent = previous
      recordEntered(fiber, op, tables)
      fiber.pointee.previousEvent = fiber.pointee.enteredEvent
    }
    return begin(fiber, op, tables)
  }

  /// Does a state's work, for the first time or again.
  func begin(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    switch op.pointee.code {
    case .task: beginTask(fiber, op, tables)
    case .wait: beginWait(fiber, op, tables)
    case .succeed: succeed(fiber, op, tables)
    case .fail: fail(fiber, op, tables)
    case .parallel: beginParallel(fiber, op, tables)
    case .map: beginMap(fiber, op, tables)
    case .pass, .passData, .choice: repeatQuick(fiber, op, tables)
    case .finish: preconditionFailure("BUG in Stepmill (please report): the end is no state")
    }
  }

  /// Goes on with a fiber that was parked.
  @inline(never)
  func resume(
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    let resumption = fiber.pointee.resumption
    fiber.pointee.resumption = .enter
    if fiber.pointee.frame == nil { thaw(fiber, tables) }
    switch resumption {
    case .enter: return .next
    case .retry: return begin(fiber, op, tables)
    case .waited: return endWait(fiber, op, tables)
    case .result: return taskAnswered(fiber, op, tables)
    case .fault: return taskFailed(fiber, op, tables)
    case .joined: return endJoin(fiber, op, tables)
    case .joinFailed: return recover(fiber, op, tables, endsJoin: true)
    case .joinStopped:
      restoreFault(fiber)
      return recover(fiber, op, tables, endsJoin: true)
    case .bornFailed:
      restoreFault(fiber)
      return .failed
    case .mapRun: return continueMapRun(fiber, op, tables)
    }
  }

  /// Takes the fault that was left in the frame back into the shard.
  func restoreFault(_ fiber: UnsafeMutablePointer<Fiber>) {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    state.pointee.fault = Fault(
      error: frame.pointee.result, cause: frame.pointee.cause, kind: frame.pointee.faultKind)
  }

  // MARK: Succeed and Fail

  private func succeed(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    guard passThrough(fiber, op, tables) else { return .failed }
    return exit(fiber, op, to: 0, tables)
  }

  /// InputPath, then OutputPath, of a state without a result of its own; or what JSONata has.
  private func passThrough(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    var data = frame.pointee.data
    if op.pointee.flags.contains(.jsonata) {
      data = produce(
        fiber, frame, op.pointee.resultSelector, op.pointee.assign, otherwise: data,
        bound: frame.pointee.bound, tables)
      if data.isMissing { return false }
      frame.pointee.data = data
      return true
    }
    if op.pointee.inputPath != 0 {
      data = apply(op.pointee.inputPath, data, fiber, tables)
      if data.isMissing { return false }
    }
    var assigned = Value.missing
    if op.pointee.assign != 0 {
      assigned = evaluateAssign(op.pointee.assign, data, fiber, tables)
      if assigned.isMissing { return false }
    }
    if op.pointee.outputPath != 0 {
      data = apply(op.pointee.outputPath, data, fiber, tables)
      if data.isMissing { return false }
    }
    if !assigned.isMissing { commit(assigned, op.pointee.assign, fiber, tables) }
    frame.pointee.data = data
    return true
  }

  /// Leaves a state whose output lies in the frame.
  @inline(__always)
  func exit(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, to next: UInt32,
    _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    if _slowPath(fiber.pointee.execution.pointee.isRecorded) {
      recordExited(fiber, op, frame.pointee.data, tables)
    }
    nextEvent(fiber)
    fiber.pointee.pc = next
    if _slowPath(fiber.pointee.attempts != nil) { forgetAttempts(fiber) }
    if isCompactionDue(frame, before: next) { compact(frame) }
    return .next
  }

  private func fail(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    let flags = op.pointee.flags
    let error = failText(
      fiber, op.pointee.a, isPath: flags.contains(.errorIsPath), isCall: flags.contains(.errorIsCall), tables)
    guard let error else { return .failed }
    let cause = failText(
      fiber, op.pointee.b, isPath: flags.contains(.causeIsPath), isCall: flags.contains(.causeIsCall), tables)
    guard let cause else { return .failed }
    state.pointee.fault = .raised(error, cause: cause)
    return .failed
  }

  /// Error or Cause of a Fail: missing where it is absent, nil after a fault.
  private func failText(
    _ fiber: UnsafeMutablePointer<Fiber>, _ index: UInt32, isPath: Bool, isCall: Bool,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value? {
    guard index != 0 else { return .missing }
    let data = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    var result: Value
    if isCall, tables.pointee.ops[Int(fiber.pointee.pc)].flags.contains(.jsonata) {
      result = expression(index, of: .string, data, fiber, tables)
      return result.isMissing ? nil : result
    }
    if isPath {
      let path = tables.pointee.paths + Int(index)
      result = value(path, data, fiber, tables)
      if result.isMissing {
        state.pointee.fault = runtimeFault(fiber, missingTemplateText(path, data, fiber, tables))
        return nil
      }
    } else if isCall {
      result = call(index, data, fiber, tables)
      if result.isMissing { return nil }
    } else {
      result = tables.pointee.constants[Int(index)]
    }
    if !result.isString {
      result = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped).pointee.string(shown(result, fiber))
    }
    return result
  }

  // MARK: Wait

  private func beginWait(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    guard let milliseconds = waitMilliseconds(fiber, op, tables) else { return .failed }
    guard milliseconds > 0 else { return endWait(fiber, op, tables) }
    park(fiber, .waiting, until: state.pointee.now &+ milliseconds, tables)
    return .blocked
  }

  private func endWait(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> StateResult {
    guard passThrough(fiber, op, tables) else { return .failed }
    return exit(fiber, op, to: op.pointee.next, tables)
  }

  /// How long a Wait lasts from now, or nil after a fault.
  private func waitMilliseconds(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt64? {
    if op.pointee.b == WaitMode.seconds.rawValue {
      return UInt64(tables.pointee.constants[Int(op.pointee.a)].integerValue) &* 1000
    }
    return waitFromData(fiber, op, tables)
  }

  @inline(never)
  private func waitFromData(
    _ fiber: UnsafeMutablePointer<Fiber>, _ op: UnsafePointer<Op>, _ tables: UnsafePointer<ProgramTables>
  ) -> UInt64? {
    func refuse(_ text: String) -> UInt64? {
      state.pointee.fault = runtimeFault(fiber, text)
      return nil
    }
    if op.pointee.flags.contains(.jsonata), let result = waitFromExpression(fiber, op, tables) {
      return result
    }
    var data = fiber.pointee.frame.unsafelyUnwrapped.pointee.data
    if op.pointee.inputPath != 0 {
      data = apply(op.pointee.inputPath, data, fiber, tables)
      if data.isMissing { return nil }
    }
    var selected = Value.missing
    var text = ""
    if op.pointee.b != WaitMode.timestamp.rawValue {
      let path = tables.pointee.paths + Int(op.pointee.a)
      selected = value(path, data, fiber, tables)
      text = tables.pointee.constants[Int(path.pointee.text)].text
    }

    switch WaitMode(rawValue: op.pointee.b) {
    case .secondsPath:
      if selected.isMissing {
        return refuse("The SecondsPath parameter does not reference an input value: \(text)")
      }
      guard let seconds = wholeNumber(selected) else {
        return refuse(
          "The SecondsPath parameter cannot be parsed as a long value: \(text) == \(plainText(selected))")
      }
      if seconds < 0 {
        return refuse("The SecondsPath parameter references a negative value: \(text) == \(seconds)")
      }
      guard seconds <= Int64(Int32.max) else { return refuse("Wait state delay is too long.") }
      return UInt64(seconds) &* 1000
    case .timestamp, .timestampPath:
      if op.pointee.b == WaitMode.timestamp.rawValue {
        selected = tables.pointee.constants[Int(op.pointee.a)]
      } else if selected.isMissing {
        return refuse("The TimestampPath parameter does not reference an input value: \(text)")
      }
      guard selected.isString, let instant = Timestamp.parse(selected.bytes) else {
        return refuse(
          "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
            + "string: \(text) == \(plainText(selected))")
      }
      guard let milliseconds = milliseconds(until: instant) else {
        return refuse("Wait state delay is too long.")
      }
      return milliseconds
    case .seconds, .secondsExpression, .timestampExpression, nil:
      preconditionFailure("BUG in Stepmill (please report): this Wait needs no data")
    }
  }

  /// How long it is until then; nil if that is longer than a Wait may last.
  func milliseconds(until instant: Timestamp) -> UInt64? {
    let now = Timestamp(millisecondsSince1970: wallNow)
    guard now < instant else { return 0 }
    guard instant.seconds &- now.seconds <= Int64(Int32.max) else { return nil }
    // Round up: a Wait never ends before its time.
    let milliseconds =
      (instant.seconds &- now.seconds) &* 1000
      &+ (Int64(instant.nanoseconds) &- Int64(now.nanoseconds) &+ 999_999) / 1_000_000
    return UInt64(max(milliseconds, 0))
  }

  /// An integer, or a text that is one, as several `…Path` fields accept it.
  func wholeNumber(_ value: Value) -> Int64? {
    if value.isString { return Int64(value.text) }
    return value.isNumber ? value.asInteger : nil
  }

  /// A value as the service prints it in texts: strings without quotes, objects as `{}`.
  func plainText(_ value: Value) -> String {
    value.isString ? value.text : value.isObject ? "{}" : json(value)
  }
}
