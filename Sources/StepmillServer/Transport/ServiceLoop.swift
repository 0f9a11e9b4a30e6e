import Stepmill
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The short way for the two operations that decide how fast a server is: StartSyncExecution and
// StartExecution. (Both also go the long way, which alone knows what to
// answer to a request that is not as plain as it could be.)
//
// What makes it short: each loop has one of these, so nothing here is shared or locked. Who asks
// is known by the bytes of the credential, the state machine by the bytes of its ARN; both were
// found out the long way once. The request's texts are read where they lie, the input goes to the
// engine as text, the execution runs on this thread until it ends or waits, and the answer is
// written into bytes that the connection takes over.
//
// What the long way has to decide is left to it: `false` from here means that nothing has happened
// yet. So the two cannot differ in what they refuse.
//
// Who may touch what: everything belongs to the loop's thread, apart from the service, which is
// anybody's. That is what `@unchecked Sendable` stands on.

/// Answers the requests of one loop.
@safe final class ServiceLoop: HTTPHandler, DirectListener, @unchecked Sendable {
  private let whole: ServiceHandler
  private let service: StepFunctionsService
  /// There is no disk to wait for.
  private let isForgetful: Bool
  private let direct: DirectLoop
  private let loop: TenantLoop
  private let syncMeter: OperationMeter
  private let startMeter: OperationMeter
  private let members = TextMembers([
    "stateMachineArn", "input", "name", "traceHeader", "includedData",
  ])
  private enum Place {
    static let machine = 0
    static let input = 1
    static let name = 2
    static let traceHeader = 3
    static let includedData = 4
  }
  // Not checked for exclusive use: each change in place of a class's own variable would be a call.
  @exclusivity(unchecked) private var identifiers: LocalIdentifiers
  /// What the next Standard execution will be called that nobody gives a name.
  @exclusivity(unchecked) private var nextName: UUIDNumber
  @exclusivity(unchecked) private var known = KnownMachines()
  @exclusivity(unchecked) private var caller = KnownCaller()
  @exclusivity(unchecked) private var body = AnswerBuffer()
  @exclusivity(unchecked) private var fields = AnswerBuffer(capacity: 256)

  /// The call whose execution is just being started, and whether it has been answered.
  private var current: SyncCall?
  private var currentEnded = false
  /// Calls of StartExecution that the store has not been told of: those of this turn.
  @exclusivity(unchecked) private var held = Held()
  /// Those whose answers wait for the store, in order; and whether it was asked.
  private var unwritten: [Unwritten] = []
  private var isAwaitingStore = false
  private struct Unwritten {
    let respond: HTTPResponder
    let answer: [UInt8]
    let began: Int
  }

  private struct Held: ~Copyable {
    var executions: [StoredExecution] = []
    /// Beside them.
    var calls: [Call] = []
    /// What they will be answered, one after the other.
    var answers = AnswerBuffer()

    struct Call {
      let respond: HTTPResponder
      let began: Int
      let answerEnd: Int
    }
  }

  /// Those whose executions wait for something.
  private var waiting: [UInt64: SyncCall] = [:]
  private var nextTicket: UInt64 = 1
  /// Of executions that nobody waits for.
  private static let nobody = DirectLoop.nobody

  init(_ whole: ServiceHandler, _ service: StepFunctionsService, _ runtime: Runtime, _ loop: TenantLoop) {
    self.whole = whole
    self.service = service
    isForgetful = service.store is MemoryStore
    self.loop = loop
    direct = DirectLoop(runtime, loop, keeping: service, watcher: DirectExecutions(service))
    unsafe identifiers = LocalIdentifiers(whole.identifiers)
    unsafe nextName = unsafe identifiers.next()
    syncMeter = whole.meters.share(of: "StartSyncExecution")
    startMeter = whole.meters.share(of: "StartExecution")
    direct.setListener(self)
  }

  func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    if let target = unsafe request.bytes("x-amz-target"), request.isMethod("POST") {
      if unsafe target.isText("AWSStepFunctions.StartSyncExecution") {
        if startSync(request, respond) { return }
      } else if unsafe target.isText("AWSStepFunctions.StartExecution") {
        if start(request, respond) { return }
      }
    }
    whole.handle(request, respond: respond)
  }

  // MARK: What is asked for

  /// A request that is as plain as can be.
  @safe private struct Order {
    let machine: KnownMachine
    let input: UnsafeRawBufferPointer
    let name: UnsafeRawBufferPointer?
  }

  private func order(_ request: HTTPRequest) -> Order? {
    guard let scope = unsafe caller.scope(of: request, whole),
      unsafe members.read(request.body),
      unsafe members[Place.traceHeader] == nil, let arn = unsafe members[Place.machine],
      let machine = unsafe known.machine(arn, scope, service)
    else { return nil }
    let input = unsafe members[Place.input] ?? UnsafeRawBufferPointer.emptyObject
    // Sizes are counted in UTF-16 units, of which there are never more than bytes.
    guard input.count > 0, input.count <= min(262_144, service.configuration.expressLimits.payloadBytesMax),
      input.count <= service.configuration.standardLimits.payloadBytesMax
    else { return nil }
    let name = unsafe members[Place.name]
    if let name = unsafe name, unsafe !name.isPlainName { return nil }
    return unsafe Order(machine: machine, input: input, name: name)
  }

  private func begin(
    _ order: Order, _ call: SyncCall, ticket: UInt64, more: ExecutionIdentity.More?
  ) -> Bool {
    let identity = ExecutionIdentity(
      name: call.name,
      numbers: ExecutionIdentity.Numbers(name: call.numbers.name, run: call.numbers.run), more: more)
    do throws(DirectRefusal) {
      try unsafe direct.start(
        order.machine.workflow, text: order.input, identity: identity, ticket: ticket,
        runsNow: ticket != ServiceLoop.nobody)
      return true
    } catch {
      return false
    }
  }

  private func call(
    _ order: Order, _ respond: HTTPResponder, _ time: (microseconds: Int, date: Int64)
  ) -> SyncCall {
    let name = unsafe identifiers.next()
    let run = unsafe identifiers.next()
    let given = unsafe order.name.map { unsafe String(decoding: $0, as: UTF8.self) }
    return SyncCall(
      machine: order.machine, name: given,
      numbers: ExecutionIdentity.Numbers(name: name, run: run), startDate: time.date, respond: respond,
      began: time.microseconds)
  }

  // MARK: StartExecution

  private static let sharedMore: ExecutionIdentity.More = {
    var more = ExecutionIdentity.More()
    more.redriveCount = 0
    return more
  }()

  private func start(_ request: HTTPRequest, _ respond: HTTPResponder) -> Bool {
    let time = direct.tick()
    guard let order = order(request), unsafe members[Place.includedData] == nil else { return false }
    guard order.machine.isExpress else { return startStandard(order, respond, time) }
    let call = call(order, respond, time)
    guard begin(order, call, ticket: ServiceLoop.nobody, more: ServiceLoop.sharedMore) else { return false }
    unsafe body.clear()
    unsafe body.add("{\"executionArn\":\"")
    addARN(call)
    unsafe body.add("\",\"startDate\":")
    unsafe body.add(date: call.startDate)
    unsafe body.add("}")
    send(respond)
    startMeter.countAlone(since: call.began, until: OperationMeters.now)
    return true
  }

  private func startStandard(
    _ order: Order, _ respond: HTTPResponder, _ time: (microseconds: Int, date: Int64)
  ) -> Bool {
    let given = unsafe order.name.map { unsafe ExecutionName(String(decoding: $0, as: UTF8.self)) }
    let name = given ?? .number(unsafe nextName)
    if given == nil { unsafe nextName = unsafe identifiers.next() }
    guard
      let execution = unsafe service.startStandard(
        order.machine, name: name, next: nextName, date: time.date, text: order.input, on: direct,
        isHeld: !isForgetful)
    else { return false }
    guard isForgetful else {
      Self.write(order.machine, name, time.date, to: &(unsafe held.answers))
      unsafe held.executions.append(execution)
      let call = Held.Call(respond: respond, began: time.microseconds, answerEnd: unsafe held.answers.count)
      unsafe held.calls.append(call)
      return true
    }
    unsafe body.clear()
    Self.write(order.machine, name, time.date, to: &(unsafe body))
    send(respond)
    startMeter.countAlone(since: time.microseconds, until: OperationMeters.now)
    return true
  }

  private static func write(
    _ machine: KnownMachine, _ name: ExecutionName, _ startDate: Int64, to answer: inout AnswerBuffer
  ) {
    answer.add("{\"executionArn\":\"")
    answer.add(machine.executionPrefix)
    switch name {
    case .number(let number): answer.add(number)
    case .text(let text): answer.add(plain: text)
    }
    answer.add("\",\"startDate\":")
    answer.add(date: startDate)
    answer.add("}")
  }

  /// Most executions are over when the turn is, and the store keeps them at once.
  func turnEnds() {
    let count = unsafe held.executions.count
    guard count > 0 else { return }
    let areKept = unsafe service.store.keep(held.executions)
    var start = 0
    for index in 0..<count {
      let end = unsafe held.calls[index].answerEnd
      let answer = unsafe UnsafeRawBufferPointer(rebasing: held.answers.bytes[start..<end])
      start = end
      if areKept {
        unsafe send(held.calls[index].respond, answer)
      } else {
        let call = unsafe held.calls[index]
        unwritten.append(Unwritten(respond: call.respond, answer: unsafe [UInt8](answer), began: call.began))
      }
    }
    if areKept {
      // One look at the clock for all of them.
      let now = OperationMeters.now
      for index in 0..<count { startMeter.countAlone(since: unsafe held.calls[index].began, until: now) }
    } else if !isAwaitingStore {
      awaitStore()
    }
    unsafe held.executions.removeAll(keepingCapacity: true)
    unsafe held.calls.removeAll(keepingCapacity: true)
    unsafe held.answers.clear()
  }

  /// Has those who wait answered when everything so far is written. One question at a time: who
  /// comes meanwhile is asked for with the next one.
  private func awaitStore() {
    isAwaitingStore = true
    let count = unwritten.count
    service.store.whenDurable { [self] failure in
      loop.post(isHeardToTheEnd: true) { [self] in answerWritten(count, failure) }
    }
  }

  private func answerWritten(_ count: Int, _ failure: String?) {
    for call in unwritten[..<count] {
      if let failure {
        whole.answer(
          call.respond, APIAnswer(.unwritable(failure)), "StartExecution", began: call.began)
      } else {
        unsafe call.answer.withUnsafeBytes { unsafe send(call.respond, $0) }
        startMeter.countAlone(since: call.began, until: OperationMeters.now)
      }
    }
    unwritten.removeFirst(count)
    isAwaitingStore = false
    if !unwritten.isEmpty { awaitStore() }
  }

  // MARK: StartSyncExecution

  private func startSync(_ request: HTTPRequest, _ respond: HTTPResponder) -> Bool {
    let time = direct.tick()
    guard let order = order(request), order.machine.isExpress else { return false }
    if let data = unsafe members[Place.includedData], unsafe !data.isText("ALL_DATA") { return false }
    var call = call(order, respond, time)
    let ticket = nextTicket
    nextTicket &+= 1
    // The input lies in `members` until the next request; that is long enough for those that end
    // at once.
    current = call
    currentEnded = false
    let isStarted = begin(order, call, ticket: ticket, more: nil)
    current = nil
    if isStarted, !currentEnded {
      unsafe call.input = [UInt8](order.input)
      waiting[ticket] = call
    }
    return isStarted
  }

  func ended(
    _ ticket: UInt64, _ status: DirectStatus, output: UnsafeRawBufferPointer, error: String?, cause: String?
  ) {
    guard ticket != ServiceLoop.nobody else { return }
    if let current, ticket == nextTicket &- 1 {
      currentEnded = true
      unsafe answer(
        current, members[Place.input] ?? .emptyObject, status, output: output, error: error, cause: cause)
    } else if let call = waiting.removeValue(forKey: ticket) {
      unsafe call.input.withUnsafeBytes { input in
        unsafe answer(call, input, status, output: output, error: error, cause: cause)
      }
    }
  }

  /// The members in alphabetical order, as the long way writes them.
  private func answer(
    _ call: SyncCall, _ input: UnsafeRawBufferPointer, _ status: DirectStatus,
    output: UnsafeRawBufferPointer, error: String?, cause: String?
  ) {
    // Loops read the time of day now and then.
    let stopDate = max(service.now, call.startDate)
    let duration = Int(stopDate - call.startDate)
    unsafe body.clear()
    unsafe body.add("{\"billingDetails\":{\"billedDurationInMilliseconds\":")
    unsafe body.add(max(100, (duration + 99) / 100 * 100))
    unsafe body.add(",\"billedMemoryUsedInMB\":64}")
    if let cause {
      unsafe body.add(",\"cause\":")
      unsafe body.add(quoted: cause)
    }
    if let error = status == .timedOut ? "States.Timeout" : error {
      unsafe body.add(",\"error\":")
      unsafe body.add(quoted: error)
    }
    unsafe body.add(",\"executionArn\":\"")
    addARN(call)
    unsafe body.add("\",\"input\":")
    unsafe body.add(quoted: input)
    unsafe body.add(",\"inputDetails\":{\"included\":true},\"name\":\"")
    addName(call)
    if status == .succeeded {
      unsafe body.add("\",\"output\":")
      unsafe body.add(quoted: output)
      unsafe body.add(",\"outputDetails\":{\"included\":true},\"startDate\":")
    } else {
      unsafe body.add("\",\"outputDetails\":{\"included\":true},\"startDate\":")
    }
    unsafe body.add(date: call.startDate)
    unsafe body.add(",\"stateMachineArn\":\"")
    unsafe body.add(call.machine.arn)
    switch status {
    case .succeeded: unsafe body.add("\",\"status\":\"SUCCEEDED\",\"stopDate\":")
    // The model knows three ends; an execution that was stopped has failed.
    case .failed, .aborted: unsafe body.add("\",\"status\":\"FAILED\",\"stopDate\":")
    case .timedOut: unsafe body.add("\",\"status\":\"TIMED_OUT\",\"stopDate\":")
    }
    unsafe body.add(date: stopDate)
    unsafe body.add("}")
    send(call.respond)
    syncMeter.countAlone(since: call.began, until: OperationMeters.now)
  }

  // MARK: Answers

  private func addName(_ call: SyncCall) {
    // It is as plain as `isPlainName` says.
    if let name = call.name {
      unsafe body.add(plain: name)
    } else {
      unsafe body.add(call.numbers.name)
    }
  }

  private func addARN(_ call: SyncCall) {
    unsafe body.add(call.machine.executionPrefix)
    addName(call)
    unsafe body.add(":")
    unsafe body.add(call.numbers.run)
  }

  private func send(_ respond: HTTPResponder) { unsafe send(respond, body.bytes) }

  private func send(_ respond: HTTPResponder, _ body: UnsafeRawBufferPointer) {
    unsafe fields.clear()
    unsafe fields.add("Content-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: ")
    unsafe fields.add(identifiers.next())
    unsafe fields.add("\r\n")
    unsafe respond.send(status: 200, fields: fields.bytes, body: body)
  }
}

/// A call of StartSyncExecution on its way.
private struct SyncCall {
  let machine: KnownMachine
  let name: String?
  let numbers: ExecutionIdentity.Numbers
  let startDate: Int64
  let respond: HTTPResponder
  let began: Int
  /// Of those that do not end at once.
  var input: [UInt8] = []
}

// MARK: - What was found out before

/// A state machine that the short way can run. Immutable.
final class KnownMachine: Sendable {
  let scope: Scope
  let isExpress: Bool
  let arn: [UInt8]
  /// Up to the execution's name.
  let executionPrefix: [UInt8]
  let workflow: BoundWorkflow
  /// Of its Standard executions.
  let origin: ExecutionOrigin

  fileprivate init?(_ bytes: UnsafeRawBufferPointer, _ scope: Scope, _ service: StepFunctionsService) {
    let text = unsafe String(decoding: bytes, as: UTF8.self)
    guard text.utf8.count <= 256, let name = try? MachineName(unlabeled: text), name.qualifier == nil,
      text == name.machineARN, let target = try? service.target(name, in: scope),
      target.revision.type == .standard || target.revision.logging.level == .off
    else { return nil }
    self.scope = scope
    isExpress = target.revision.type == .express
    arn = Array(text.utf8)
    executionPrefix = Array(
      "\(scope.prefix)\(isExpress ? "express" : "execution"):\(name.name):".utf8)
    origin = service.origin(of: name.name, target, in: scope)
    workflow = service.workflow(of: target.revision, name: name.name, in: scope)
  }
}

/// The state machines that a loop was asked for lately, by the bytes of their ARNs.
private struct KnownMachines {
  private static let placesMax = 256
  private var places: [KnownMachine?] = Array(repeating: nil, count: placesMax)
  /// Of the machines, when these were looked up.
  private var generation = -1

  mutating func machine(
    _ arn: UnsafeRawBufferPointer, _ scope: Scope, _ service: StepFunctionsService
  ) -> KnownMachine? {
    let generation = service.machinesGeneration
    if _slowPath(generation != self.generation) {
      self.generation = generation
      for place in places.indices { places[place] = nil }
    }
    let place = unsafe Self.place(arn)
    if let found = places[place], unsafe arn.isEqual(found.arn), found.scope == scope { return found }
    let made = unsafe KnownMachine(arn, scope, service)
    if let made { places[place] = made }
    return made
  }

  /// ARNs differ at their ends, mostly.
  private static func place(_ arn: UnsafeRawBufferPointer) -> Int {
    var hash = UInt64(truncatingIfNeeded: arn.count)
    var offset = max(0, arn.count &- 24)
    while offset &+ 8 <= arn.count {
      let word = unsafe arn.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      offset &+= 8
    }
    return Int(truncatingIfNeeded: hash &>> 56)
  }
}

/// Who asked last, by the bytes of the credential.
private struct KnownCaller {
  private var credential: [UInt8] = []
  private var scope: Scope?
  /// Whoever says nothing about that.
  private var nobody: Scope?

  /// Nil where it takes more than the credential to let somebody in, or there is none.
  mutating func scope(of request: HTTPRequest, _ whole: ServiceHandler) -> Scope? {
    guard let authorization = unsafe request.bytes("authorization") else {
      // A target with more in it may be signed.
      guard whole.access.needsCredentialOnly, unsafe request.targetBytes.count == 1 else { return nil }
      if nobody == nil { nobody = try? whole.access.scope(of: request) }
      return nobody
    }
    if let scope, authorization.count > credential.count,
      unsafe UnsafeRawBufferPointer(rebasing: authorization[..<credential.count]).isEqual(credential),
      unsafe authorization[credential.count] == UInt8(ascii: ",")
    {
      return scope
    }
    guard whole.access.needsCredentialOnly,
      let end = unsafe authorization.firstIndex(of: UInt8(ascii: ",")),
      let found = try? whole.access.scope(of: request)
    else { return nil }
    let text = unsafe UnsafeRawBufferPointer(rebasing: authorization[..<end])
    // Another order of the parts would let what is behind the comma decide.
    guard unsafe text.hasText("Credential=") else { return nil }
    credential = unsafe [UInt8](text)
    scope = found
    return found
  }
}

extension UnsafeRawBufferPointer {
  fileprivate static var emptyObject: UnsafeRawBufferPointer {
    let text: StaticString = "{}"
    return unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  fileprivate func isText(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let base = baseAddress else { return false }
    return unsafe memcmp(base, text.utf8Start, count) == 0
  }

  fileprivate func hasText(_ text: String) -> Bool {
    unsafe String(decoding: self, as: UTF8.self).utf8.firstRange(of: text.utf8) != nil
  }

  fileprivate func isEqual(_ bytes: [UInt8]) -> Bool {
    guard count == bytes.count else { return false }
    return unsafe bytes.withUnsafeBytes { other in
      guard let one = baseAddress, let other = other.baseAddress else { return true }
      return unsafe memcmp(one, other, count) == 0
    }
  }

  /// A name of letters, digits and `-_` that is not too long: the ones that need no other check.
  fileprivate var isPlainName: Bool {
    guard (1...80).contains(count) else { return false }
    for index in indices {
      switch unsafe self[index] {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: continue
      default: return false
      }
    }
    return true
  }
}
