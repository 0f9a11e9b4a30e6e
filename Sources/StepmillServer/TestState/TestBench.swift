import Stepmill

// One state at work, and a look at each stage of its data.
//
// The engine itself does it: the state runs in a machine made around it, and so do the stages,
// as Pass states that have the same paths and templates. Nothing is evaluated here a second way.
//
// First the state runs without Retry and Catch. If that fails, a retrier that still has attempts
// makes the answer RETRIABLE; else the state runs once more, with its catchers, whose targets
// are named so that it shows which one took the error.
//
// A Map or a Parallel, whose work is always mocked, becomes a Task with the same fields around
// the work.

/// Tests one state.
final class TestBench: Sendable {
  private let order: TestOrder
  private let service: StepFunctionsService
  private let reply: Route.Reply
  private let context: JSON
  private let notes = Lock(Notes())

  /// What the runs have shown.
  private struct Notes: Sendable {
    var stages: [String: String] = [:]
    var maxConcurrency: Int?
    var toleratedCount: Int?
    var toleratedPercentage: Double?
    var assigned: JSON = [:]
    var exchange: TaskExchange?
  }

  /// The name that the state has.
  static let name = "StateName"

  init(_ order: TestOrder, _ service: StepFunctionsService, _ reply: @escaping Route.Reply) {
    self.order = order
    self.service = service
    self.reply = reply
    context = order.context ?? Self.usualContext(order, service)
  }

  private static func usualContext(_ order: TestOrder, _ service: StepFunctionsService) -> JSON {
    let machine = service.identifiers.uuid()
    let execution = service.identifiers.uuid()
    let now = JSON(TimeText.iso(service.now))
    let arn = "\(order.scope.prefix)express:\(machine):\(execution)"
    var state: [(key: String, value: JSON)] = [("Name", JSON(name)), ("EnteredTime", now)]
    if order.type == "Task" || order.isContainer { state.append(("RetryCount", JSON(order.retryCount))) }
    var context: [(key: String, value: JSON)] = [
      (
        "Execution",
        [
          "Id": JSON(arn), "Input": order.input, "StartTime": now, "Name": JSON(execution),
          "RoleArn": order.roleARN.map { JSON($0) } ?? .null,
        ]
      ),
      ("StateMachine", ["Id": JSON(order.scope.machineARN(machine)), "Name": JSON(machine)]),
      ("State", JSON(members: state)),
    ]
    if order.state["Resource"]?.string?.hasSuffix(".waitForTaskToken") == true {
      context.append(("Task", ["Token": JSON(service.identifiers.uuid())]))
    }
    if order.isInIteration { context.append(("Map", ["Item": ["Index": 0]])) }
    return JSON(members: context)
  }

  // MARK: The way through

  func begin() {
    note("input", order.inputText)
    prepare { [self] preparation in
      switch preparation {
      case .ready: break
      case .failed(let failure): return judge(failure)
      case .refused(let why): return reply(.failure(.validation(why)))
      }
      run(state(catching: false), handler: handler) { [self] run in
        keep(run)
        switch run.end {
        case .left(let output, let next): succeeded(output, next: next)
        case .failed(let failure): noteRequest { [self] in failed(failure) }
        }
      }
    }
  }

  /// What a Task was to be called with that failed before it was scheduled.
  private func noteRequest(_ then: @escaping @Sendable () -> Void) {
    let stage = order.isJSONata ? "afterArguments" : "afterParameters"
    guard order.type == "Task", order.level != .info, notes.withLock({ $0.stages[stage] == nil }) else {
      return then()
    }
    let probe =
      order.isJSONata
      ? pass([("QueryLanguage", "JSONata"), ("Output", order.state["Arguments"])])
      : pass([("InputPath", order.state["InputPath"]), ("Parameters", order.state["Parameters"])])
    run(probe, handler: nil) { [self] run in
      if case .left(let request, _) = run.end { note(stage, request) }
      then()
    }
  }

  private enum Preparation: Sendable {
    case ready
    case failed(TaskFailure)
    case refused(String)
  }

  /// What happens before the state's work and is not part of its run: the items of a Map, the
  /// input of a Parallel's branches.
  private func prepare(_ then: @escaping @Sendable (Preparation) -> Void) {
    let showsInput =
      switch order.type {
      case "Task", "Choice", "Succeed", "Fail", "Map": !order.isJSONata
      case "Pass": !order.isJSONata && (order.state["Result"] ?? .null).isNull
      default: false
      }
    guard showsInput else { return prepareContainer(then) }
    run(pass([("InputPath", order.state["InputPath"])]), handler: nil) { [self] run in
      if case .left(let output, _) = run.end { note("afterInputPath", output) }
      prepareContainer(then)
    }
  }

  private func prepareContainer(_ then: @escaping @Sendable (Preparation) -> Void) {
    switch order.type {
    case "Map": prepareMap(then)
    case "Parallel": prepareParallel(then)
    default: then(.ready)
    }
  }

  /// Runs a Parallel with a branch that does nothing.
  private func prepareParallel(_ then: @escaping @Sendable (Preparation) -> Void) {
    var members: [(key: String, value: JSON)] = [("Type", "Parallel")]
    if order.isJSONata { members.append(("QueryLanguage", "JSONata")) }
    for field in ["InputPath", "Parameters", "Arguments"] {
      if let value = order.state[field] { members.append((field, value)) }
    }
    let nothing: JSON = [
      "StartAt": "Branch", "States": ["Branch": ["Type": "Pass", "Result": 0, "End": true]],
    ]
    members += [("Branches", [nothing]), ("End", true)]
    run(JSON(members: members), handler: nil) { run in
      switch run.end {
      case .left: then(.ready)
      case .failed(let failure): then(.failed(failure))
      }
    }
  }

  /// More iterations have failed than the Map tolerates. One that says nothing about it is not
  /// asked.
  private func isTooMuch(_ failures: Int, of stages: MapStages.Result) -> Bool {
    if let count = stages.toleratedCount, failures > count { return true }
    guard let percentage = stages.toleratedPercentage, stages.iterations > 0 else { return false }
    return Double(failures) / Double(stages.iterations) * 100 > percentage
  }

  // MARK: Answers

  private func succeeded(_ output: String, next: String?) {
    finishStages { [self] in
      var body = ResponseBody()
      inspect(&body, nil)
      body.add("nextState", next)
      body.add("output", output)
      body.add("status", "SUCCEEDED")
      reply(.success(body))
    }
  }

  /// The state's own run has failed: what came before the failure can still be shown.
  private func failed(_ failure: TaskFailure) {
    let hasResult = notes.withLock { $0.stages["result"] != nil }
    switch order.type {
    case "Pass": break
    case "Task": guard hasResult else { return judge(failure) }
    case "Map", "Parallel": guard mockedResult != nil else { return judge(failure) }
    default: return judge(failure)
    }
    finishStages { [self] in judge(failure) }
  }

  /// Whether there is another attempt, or somebody who takes the error.
  private func judge(_ failure: TaskFailure) {
    let retrier = ErrorRules.retrier(order.state, failure, count: order.retryCount)
    if let retrier, !retrier.isExhausted { return answer(failure, "RETRIABLE", retrier: retrier) }
    guard ErrorRules.mayCatch(failure), let catchers = order.state["Catch"], catchers.count > 0 else {
      return answer(failure, "FAILED", retrier: retrier)
    }
    // The failure is the same once more, however it came about.
    run(state(catching: true, failing: true), handler: .failing(failure)) { [self] run in
      // Nobody takes it, or who does fails with an error of its own.
      if case .failed(let last) = run.end {
        return answer(last, "FAILED", retrier: last == failure ? retrier : nil)
      }
      guard case .left(let output, let next?) = run.end, let index = Self.catcherIndex(next) else {
        return answer(failure, "FAILED", retrier: retrier)
      }
      // What it was called with showed in the first run.
      notes.withLock { $0.assigned = run.assigned }
      if !order.isJSONata { note("afterResultPath", output) }
      answer(
        failure, "CAUGHT_ERROR", catcher: index, output: output,
        next: catchers[index]?["Next"]?.string)
    }
  }

  private func answer(
    _ failure: TaskFailure, _ status: String, retrier: ErrorRules.Retrier? = nil, catcher: Int? = nil,
    output: String? = nil, next: String? = nil
  ) {
    var body = ResponseBody()
    body.add("cause", failure.cause)
    body.add("error", failure.error)
    inspect(&body) { details in
      details.add("catchIndex", catcher)
      details.add("retryBackoffIntervalSeconds", retrier?.seconds)
      details.add("retryIndex", retrier?.index)
    }
    body.add("nextState", next)
    body.add("output", output)
    body.add("status", status)
    reply(.success(body))
  }

  private func inspect(_ body: inout ResponseBody, _ errorDetails: ((inout ResponseBody) -> Void)?) {
    guard order.level != .info else { return }
    let notes = notes.withLock { $0 }
    var details = ResponseBody(capacity: 64)
    errorDetails?(&details)
    let detailText = details.finish()
    body.object("inspectionData") { data in
      for name in [
        "afterArguments", "afterInputPath", "afterItemBatcher", "afterItemSelector", "afterItemsPath",
        "afterItemsPointer", "afterParameters", "afterResultPath", "afterResultSelector",
      ] { data.add(name, notes.stages[name]) }
      if detailText.count > 2 { data.add("errorDetails", json: detailText) }
      data.add("input", notes.stages["input"])
      data.add("maxConcurrency", notes.maxConcurrency)
      if order.level == .trace, let exchange = notes.exchange { Self.show(exchange, in: &data) }
      data.add("result", notes.stages["result"])
      data.add("toleratedFailureCount", notes.toleratedCount)
      if let percentage = notes.toleratedPercentage { data.add("toleratedFailurePercentage", percentage) }
      let variables = Self.merged(order.variables, notes.assigned)
      if variables.count > 0 { data.add("variables", variables.text) }
    }
  }

  /// What went over the wire, all of it as texts.
  private static func show(_ exchange: TaskExchange, in data: inout ResponseBody) {
    let scheme = String(exchange.url.prefix { $0 != ":" })
    func add(_ message: TaskExchange.Message, to part: inout ResponseBody) {
      if !message.body.isEmpty { part.add("body", String(decoding: message.body, as: UTF8.self)) }
      let headers = message.headers.map { "\($0.name): \($0.value)" }
      part.add("headers", "[\(headers.joined(separator: ", "))]")
    }
    data.object("request") { part in
      add(exchange.request, to: &part)
      part.add("method", exchange.method)
      part.add("protocol", scheme)
      part.add("url", exchange.url)
    }
    guard let response = exchange.response else { return }
    data.object("response") { part in
      add(response.message, to: &part)
      part.add("protocol", scheme)
      part.add("statusCode", String(response.status))
      part.add("statusMessage", response.text)
    }
  }

  // MARK: Stages

  private func note(_ stage: String, _ text: String) { notes.withLock { $0.stages[stage] = text } }

  /// What a run of the state itself has shown.
  private func keep(_ run: TestRun) {
    let isTask = order.type == "Task"
    notes.withLock { notes in
      notes.assigned = run.assigned
      notes.exchange = run.exchange
      if isTask, let arguments = run.arguments {
        notes.stages[order.isJSONata ? "afterArguments" : "afterParameters"] = arguments
      }
      if isTask, let result = run.result { notes.stages["result"] = result }
    }
  }

  /// The stages between the work's result and the output, of JSONPath states.
  private func finishStages(_ then: @escaping @Sendable () -> Void) {
    guard !order.isJSONata, order.level != .info, ["Pass", "Task", "Map", "Parallel"].contains(order.type)
    else {
      return then()
    }
    if order.type == "Pass" { return finishPass(then) }
    guard
      let result = mockedResult ?? notes.withLock({ $0.stages["result"] }).flatMap({ try? JSON(parsing: $0) })
    else { return then() }
    run(pass([("Parameters", order.state["ResultSelector"])]), input: result, handler: nil) { [self] run in
      guard case .left(let selected, _) = run.end else { return then() }
      note("afterResultSelector", selected)
      place(selected, then)
    }
  }

  /// The rest of a Pass: its result is what it is, or what its Parameters made.
  private func finishPass(_ then: @escaping @Sendable () -> Void) {
    if let result = order.state["Result"], !result.isNull {
      note("result", result.text)
      note("afterResultSelector", result.text)
      return place(result.text, then)
    }
    run(
      pass([("InputPath", order.state["InputPath"]), ("Parameters", order.state["Parameters"])]), handler: nil
    ) { [self] run in
      guard case .left(let output, _) = run.end else { return then() }
      note("afterParameters", output)
      note("afterResultSelector", output)
      place(output, then)
    }
  }

  /// What ResultPath makes of a result.
  private func place(_ result: String, _ then: @escaping @Sendable () -> Void) {
    let value = (try? JSON(parsing: result)) ?? .null
    // A result of null is no Result field at all.
    guard !value.isNull else {
      note("afterResultPath", order.state["ResultPath"] == nil ? "null" : order.inputText)
      return then()
    }
    run(pass([("Result", value), ("ResultPath", order.state["ResultPath"])]), handler: nil) { [self] run in
      if case .left(let output, _) = run.end { note("afterResultPath", output) }
      then()
    }
  }

  private func pass(_ fields: [(String, JSON?)]) -> JSON {
    var members: [(key: String, value: JSON)] = [("Type", "Pass")]
    for (name, value) in fields { if let value { members.append((name, value)) } }
    members.append(("End", true))
    return JSON(members: members)
  }

  private var mockedResult: JSON? {
    if case .result(let result) = order.mock { return result }
    return nil
  }

  // MARK: Map

  /// Evaluates what a Map does before its first iteration.
  private func prepareMap(_ then: @escaping @Sendable (Preparation) -> Void) {
    MapStages(order, bench: self).begin { [self] stages in
      notes.withLock { notes in
        for (name, text) in stages.texts { notes.stages[name] = text }
        notes.maxConcurrency = stages.maxConcurrency
        notes.toleratedCount = stages.toleratedCount
        notes.toleratedPercentage = stages.toleratedPercentage
      }
      if let failure = stages.failure { return then(.failed(failure)) }
      if let failures = order.failureCount {
        guard failures <= stages.iterations else {
          return then(
            .refused(
              "Map iteration failure count must be less than or equal to the number of Map iterations"))
        }
        if case .result = order.mock, isTooMuch(failures, of: stages) {
          return then(
            .failed(
              TaskFailure(
                error: "States.ExceedToleratedFailureThreshold",
                cause: "The specified tolerated failure threshold was exceeded")))
        }
      }
      then(
        stages.hasOtherSize
          ? .refused("Input array does not equal the mocked result array's size") : .ready)
    }
  }

  // MARK: The state

  /// The state as it is run: without Retry, and what is mocked as a Task.
  private func state(catching: Bool, failing: Bool = false) -> JSON {
    var members: [(key: String, value: JSON)] = []
    let dropped: Set<String> =
      order.isContainer || failing
      ? [
        "Retry", "Catch", "QueryLanguage", "Type", "Branches", "ItemProcessor", "Iterator", "ItemReader",
        "ItemBatcher", "ItemSelector", "ItemsPath", "Items", "MaxConcurrency", "MaxConcurrencyPath",
        "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath", "ResultWriter", "Label", "Resource", "Parameters", "Arguments",
        "Choices", "Default", "Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Result", "InputPath",
        "Credentials", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath",
      ] : ["Retry", "Catch", "QueryLanguage"]
    if order.isContainer || failing {
      members.append(("Type", "Task"))
      members.append(("Resource", JSON(Self.mockResource)))
    }
    for field in order.state.object.map({ Array($0) }) ?? [] where !dropped.contains(field.key) {
      members.append(field)
    }
    if catching, let catchers = order.state["Catch"]?.array {
      let renamed = catchers.enumerated().map { index, catcher in
        JSON(
          members: catcher.object.map { fields in
            fields.map { ($0.key, $0.key == "Next" ? JSON(Self.catcherName(index)) : $0.value) }
          } ?? [])
      }
      members.append(("Catch", JSON(renamed)))
    }
    if order.isJSONata { members.append(("QueryLanguage", "JSONata")) }
    return JSON(members: members)
  }

  static let mockResource = "arn:aws:states:::lambda:invoke"
  private static func catcherName(_ index: Int) -> String { "\(name) Catch \(index)" }
  private static func catcherIndex(_ name: String) -> Int? {
    let head = "\(Self.name) Catch "
    return name.hasPrefix(head) ? Int(name.dropFirst(head.count)) : nil
  }

  private var handler: TestHandler? {
    switch order.mock {
    case .result(let result): .succeeding(result)
    case .error(let failure): .failing(failure)
    case nil: order.type == "Task" ? .real : nil
    }
  }

  // MARK: Runs

  /// Runs a state with the order's input, context and variables.
  func run(
    _ state: JSON, input: JSON? = nil, handler: TestHandler?, mapRuns: (any MapRunDelegate)? = nil,
    _ then: @escaping @Sendable (TestRun) -> Void
  ) {
    TestRun.perform(
      state, input: input ?? order.input, variables: order.variables, context: context, handler: handler,
      mapRuns: mapRuns, roleARN: order.roleARN, scope: order.scope, service, then)
  }

  /// Two objects as one; the second one's members count.
  private static func merged(_ first: JSON, _ second: JSON) -> JSON {
    var members = first.object.map { Array($0) } ?? []
    for member in second.object.map({ Array($0) }) ?? [] {
      if let index = members.firstIndex(where: { $0.key == member.key }) {
        members[index] = member
      } else {
        members.append(member)
      }
    }
    return JSON(members: members.sorted { $0.key < $1.key })
  }
}

/// Retry as TestState sees it: whether there would be another attempt, and when.
enum ErrorRules {
  struct Retrier: Sendable {
    let index: Int
    /// Before the attempt that would follow.
    let seconds: Int
    /// There is none: it has had all its attempts.
    let isExhausted: Bool
  }

  /// The first retrier that the error matches, after `count` attempts.
  static func retrier(_ state: JSON, _ failure: TaskFailure, count: Int) -> Retrier? {
    guard mayCatch(failure) else { return nil }
    for (index, retrier) in (state["Retry"]?.array.map { Array($0) } ?? []).enumerated() {
      let names = retrier["ErrorEquals"]?.array?.compactMap(\.string) ?? []
      guard names.contains(where: { failure.isMatched(by: $0) }) else { continue }
      let first = retrier["IntervalSeconds"]?.double ?? 1
      var seconds = first == 0 ? 0 : first * power(retrier["BackoffRate"]?.double ?? 2, count)
      if let longest = retrier["MaxDelaySeconds"]?.double { seconds = min(seconds, longest) }
      return Retrier(
        index: index, seconds: Int(min(seconds, 2_147_483_647)),
        isExhausted: count >= retrier["MaxAttempts"]?.int ?? 3)
    }
    return nil
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, square, bits) = (1.0, base, exponent)
    while bits > 0 {
      if bits & 1 == 1 { result *= square }
      square *= square
      bits >>= 1
    }
    return result
  }

  /// `States.Runtime` is past help.
  static func mayCatch(_ failure: TaskFailure) -> Bool { failure.error != "States.Runtime" }
}
