// Variables: evaluating an Assign, letting it take effect, and their limits.
//
// A state reads the variables as they were when it was entered, so an Assign is evaluated as
// a whole first and takes effect when the state is left.
//
// What all variables of an execution take together is bounded too. Each Assign adds the most
// that it can take to a running bound; only when that passes the limit, the variables that
// are alive are measured, which makes the bound exact again.

extension Shard {
  /// The new values of an Assign as an object, before they take effect; missing after a fault.
  @inline(never)
  func evaluateAssign(
    _ index: UInt32, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Value {
    let assign = tables.pointee.assigns + Int(index)
    let values = template(assign.pointee.template, data, fiber, tables)
    if values.isMissing { return .missing }
    let execution = fiber.pointee.execution
    let limits = execution.pointee.workflow._withUnsafeGuaranteedRef { $0.limits }
    let bound = state.pointee.bound
    if _slowPath(bound > limits.variableBytesMax) {
      guard fits(values, limits.variableBytesMax, fiber, tables) else { return .missing }
    }
    if _slowPath(execution.pointee.variableBound &+ bound > limits.variableBytesTotalMax) {
      guard fitTogether(values, assign, limits.variableBytesTotalMax, fiber, tables) else { return .missing }
    } else {
      execution.pointee.variableBound &+= bound
    }
    return values
  }

  /// Lets the values of an Assign take effect.
  @inline(never)
  func commit(
    _ values: Value, _ index: UInt32, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) {
    let assign = tables.pointee.assigns + Int(index)
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let slots = frame.pointee.slots.unsafelyUnwrapped
    let numbers = tables.pointee.assignSlots + Int(assign.pointee.firstSlot)
    for (position, member) in values.members.enumerated() {
      slots[Int(numbers[position])] = member.value
    }
    if fiber.pointee.execution.pointee.isRecorded { frame.pointee.assigned = values }
  }

  // MARK: Limits

  /// Whether the values of one Assign keep to the limit. The names do not count.
  private func fits(
    _ values: Value, _ limit: Int, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    var sum = 0
    for member in values.members {
      sum &+= member.value.serializedSize(upTo: limit)
      if sum > limit { break }
    }
    guard sum > limit else { return true }
    refuseAssign(
      "Variable size limit exceeded. State '\(stateName(fiber, tables))' assigned variables that exceed the limit "
        + "of \(limit) bytes.", fiber)
    return false
  }

  /// Whether all variables, with the new values in place of old ones, keep to the limit.
  @inline(never)
  private func fitTogether(
    _ values: Value, _ assign: UnsafePointer<AssignOp>, _ limit: Int, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> Bool {
    let execution = fiber.pointee.execution
    var sum = measureVariables(of: state.pointee.fibers[execution.pointee.root])
    let frame = fiber.pointee.frame.unsafelyUnwrapped
    let slots = frame.pointee.slots.unsafelyUnwrapped
    let numbers = tables.pointee.assignSlots + Int(assign.pointee.firstSlot)
    for (position, member) in values.members.enumerated() {
      let old = slots[Int(numbers[position])]
      sum &+= member.value.serializedSize &- (old.isMissing ? 0 : old.serializedSize)
    }
    guard sum > limit else {
      execution.pointee.variableBound = sum
      return true
    }
    refuseAssign(
      "Execution total variable size limit exceeded. State '\(stateName(fiber, tables))' assigned variables that "
        + "exceed the total execution limit by \(sum &- limit) bytes.", fiber)
    return false
  }

  private func stateName(
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> String {
    tables.pointee.names[Int(tables.pointee.ops[Int(fiber.pointee.pc)].name)].text
  }

  private func refuseAssign(_ text: String, _ fiber: UnsafeMutablePointer<Fiber>) {
    var fault = fault(fiber, ErrorName.dataLimitExceeded, text, .dataLimit)
    fault.location = .string("Assign")
    state.pointee.fault = fault
  }

  /// What the variables of a fiber and of all that runs below it take when written.
  private func measureVariables(of fiber: UnsafeMutablePointer<Fiber>) -> Int {
    var sum = 0
    if let frame = fiber.pointee.frame {
      if let slots = frame.pointee.slots {
        for position in 0..<Int(frame.pointee.slotCount) where !slots[position].isMissing {
          sum &+= slots[position].serializedSize
        }
      }
    } else if let block = fiber.pointee.suspended {
      sum &+= FrozenState.variableBytes(block)
    }
    guard fiber.pointee.phase == .joining,
      let join = fiber.pointee.suspended?.assumingMemoryBound(to: Join.self)
    else { return sum }
    var next = join.pointee.firstChild
    while next != 0 {
      let child = state.pointee.fibers[next]
      sum &+= measureVariables(of: child)
      next = child.pointee.nextSibling
    }
    return sum
  }

  // MARK: History

  /// Tells that an evaluation failed, once, before what follows from that.
  func noteEvaluationFailure(_ fiber: UnsafeMutablePointer<Fiber>) {
    let location = state.pointee.fault.location
    guard _slowPath(!location.isMissing) else { return }
    recordEvaluationFailed(fiber, location: location)
    state.pointee.fault.location = .missing
  }
}
