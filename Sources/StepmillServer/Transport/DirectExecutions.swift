import Stepmill

// Standard executions that are started on the loop their request came in on: they have one
// listener in common, and nothing is made for an execution but what is remembered of it.

/// Hears of the Standard executions that one loop starts the short way. Each has its own address
/// for a ticket, and is retained until its end.
@safe final class DirectExecutions: DirectWatcher {
  /// Kept as long as executions go on: their tasks refer to it.
  private let service: StepFunctionsService

  init(_ service: StepFunctionsService) { self.service = service }

  fileprivate static func ticket(retaining execution: StoredExecution) -> UInt64 {
    unsafe UInt64(UInt(bitPattern: Unmanaged.passRetained(execution).toOpaque()))
  }

  /// Of an execution that did not begin.
  fileprivate static func giveUp(_ ticket: UInt64) { unsafe execution(ticket).release() }

  private static func execution(_ ticket: UInt64) -> Unmanaged<StoredExecution> {
    unsafe Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(ticket)).unsafelyUnwrapped)
  }

  func name(_ ticket: UInt64) -> String {
    unsafe Self.execution(ticket)._withUnsafeGuaranteedRef { $0.name }
  }

  func recorded(_ event: EventRecord, _ ticket: UInt64) {
    unsafe Self.execution(ticket)._withUnsafeGuaranteedRef { $0.recorded(event, for: service) }
  }

  func stopped(at point: ResumePoint, _ ticket: UInt64) {
    unsafe Self.execution(ticket)._withUnsafeGuaranteedRef { $0.stopped(at: point) }
  }

  func ended(_ end: HostedEnd, _ ticket: UInt64) {
    let execution = unsafe Self.execution(ticket).takeRetainedValue()
    service.ended(execution, end)
  }
}

extension StepFunctionsService {
  /// Starts a Standard execution on the loop that its request came in on. Nil where there is
  /// something to decide: then nothing has happened.
  func startStandard(
    _ machine: KnownMachine, name: ExecutionName, next: UUIDNumber, date: Int64,
    text: UnsafeRawBufferPointer, on direct: DirectLoop, isHeld: Bool
  ) -> StoredExecution? {
    guard status == nil, store.refusal == nil else { return nil }
    let execution = unsafe StoredExecution(
      machine.origin, name: name, startDate: date, input: text, for: self)
    if isHeld { execution.isHeld.store(true, ordering: .relaxed) }
    let insertion = store.insert(execution, runningMax: configuration.openExecutionsMax, next: next)
    guard case .added = insertion else { return nil }
    let ticket = DirectExecutions.ticket(retaining: execution)
    do throws(DirectRefusal) {
      // What has ended already need not be stopped any more.
      if let hosted = try unsafe direct.startWatched(machine.workflow, text: text, ticket: ticket) {
        isRun(execution, by: hosted)
      }
      return execution
    } catch {
      DirectExecutions.giveUp(ticket)
      store.remove(execution)
      return nil
    }
  }
}
