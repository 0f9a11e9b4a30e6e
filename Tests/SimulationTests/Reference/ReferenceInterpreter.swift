import Stepmill

// A second interpreter of the language, to check the engine against. It is written from the
// specification and for reading: recursive, over public `JSON` values, without a thought for
// speed. Time is a number that it adds up; nothing in it runs at the same time.
//
// A state machine is a function from an input and a start time to an ending and an end time.
// Branches and iterations are computed one after the other; which of them failed first is a
// matter of comparing their end times. Where two things happen at the very same time the
// specification leaves open which is first: the run is marked `isAmbiguous`.

/// How an execution ends, as the specification fixes it.
enum Expectation: Equatable, CustomStringConvertible {
  case succeeded(JSON)
  /// `cause` is nil where the specification does not fix it.
  case failed(error: String?, cause: Cause)
  case timedOut
  /// Waits for ever.
  case stuck

  enum Cause: Equatable {
    case open
    case text(String?)
  }

  var description: String {
    switch self {
    case .succeeded(let output): "succeeded with \(output)"
    case .failed(let error, .open): "failed with \(error ?? "no name")"
    case .failed(let error, .text(let cause)): "failed with \(error ?? "no name"): \(cause ?? "no cause")"
    case .timedOut: "timed out"
    case .stuck: "stuck"
    }
  }
}

struct Reference {
  /// A rule that is wrong on purpose, to see that the comparison notices.
  enum Canary { case none, catchBeforeRetry, outputPathBeforeResultPath, parallelInReverse }

  let definition: JSON
  let input: JSON
  let startTime: Int64
  let payloadBytesMax: Int
  let variableBytesMax: Int
  let canary: Canary
  /// What a resource does with an input: the same function that answers in the simulation.
  let answer: (_ resource: String, _ input: JSON, _ retryCount: Int) -> ScriptedAnswer

  final class Notes {
    var isAmbiguous = false
    var steps = 0
  }
  let notes = Notes()

  /// An error on its way up.
  struct Fault: Error {
    enum Kind { case task, timeout, heartbeat, runtime, dataLimit }
    var error: String?
    var cause: Cause
    var kind: Kind = .task
    enum Cause {
      /// There is none: written as an empty text by Catch.
      case none
      /// The text is not fixed.
      case open
      case text(String)
    }
  }

  /// Nothing more happens, for ever.
  struct Stuck: Error {}

  enum Ending {
    case output(JSON)
    case fault(Fault)
    case stuck
  }

  /// The variables of a machine, inside those of the machine around it.
  final class Scope {
    var values: [String: JSON] = [:]
    let outer: Scope?
    init(_ outer: Scope?) { self.outer = outer }
    func value(_ name: String) -> JSON? { values[name] ?? outer?.value(name) }
  }

  /// Where an evaluation takes place.
  struct Place {
    var scope: Scope
    var item: (index: Int, value: JSON)?
    var state = ""
    var retryCount: Int?
  }

  // MARK: Executions

  func run() -> Expectation {
    let scope = Scope(nil)
    let (ending, time) = run(definition, input, Place(scope: scope), at: 0)
    if let seconds = definition["TimeoutSeconds"]?.int, seconds > 0 {
      let deadline = seconds * 1000
      if time == deadline { notes.isAmbiguous = true }
      if case .stuck = ending { return .timedOut }
      if time > deadline { return .timedOut }
    }
    switch ending {
    case .output(let output): return .succeeded(output)
    case .stuck: return .stuck
    case .fault(let fault):
      switch fault.cause {
      case .none: return .failed(error: fault.error, cause: .text(nil))
      case .open: return .failed(error: fault.error, cause: .open)
      case .text(let text): return .failed(error: fault.error, cause: .text(text))
      }
    }
  }

  private func run(_ machine: JSON, _ input: JSON, _ place: Place, at start: Int) -> (Ending, Int) {
    var name = machine["StartAt"]!.string!
    var data = input
    var time = start
    while true {
      notes.steps += 1
      precondition(notes.steps < 200_000, "the reference runs for ever")
      let state = machine["States"]![name]!
      var place = place
      place.state = name
      do {
        let next: String?
        (data, next) = try runState(state, data, place, &time)
        guard let next else { return (.output(data), time) }
        name = next
      } catch let fault as Fault {
        return (.fault(fault), time)
      } catch {
        return (.stuck, .max)
      }
    }
  }

  private func runState(
    _ state: JSON, _ raw: JSON, _ place: Place, _ time: inout Int
  ) throws -> (JSON, String?) {
    let next = state["Next"]?.string
    if state["QueryLanguage"]?.string == "JSONata" { return try runExpressions(state, raw, place) }
    switch state["Type"]!.string! {
    case "Pass":
      let effective = try applyPath(state["InputPath"], raw, place)
      var result = effective
      if let literal = state["Result"], !literal.isNull {
        result = literal
      } else if let parameters = state["Parameters"] {
        result = try template(parameters, effective, place)
      }
      return (try leave(state, raw, result, assignFrom: result, place), next)

    case "Succeed":
      let effective = try applyPath(state["InputPath"], raw, place)
      return (try applyPath(state["OutputPath"], effective, place), nil)

    case "Fail":
      throw try failure(state, raw, place)

    case "Wait":
      let effective = try applyPath(state["InputPath"], raw, place)
      time += try waitMilliseconds(state, effective, place, time)
      let assigned = try evaluateAssign(state["Assign"], effective, place)
      let output = try applyPath(state["OutputPath"], effective, place)
      commit(assigned, place)
      return (output, next)

    case "Choice":
      let effective = try applyPath(state["InputPath"], raw, place)
      for rule in state["Choices"]!.array! where try holds(rule, effective, place) {
        let assigned = try evaluateAssign(rule["Assign"], effective, place)
        let output = try applyPath(state["OutputPath"], effective, place)
        commit(assigned, place)
        return (output, rule["Next"]!.string!)
      }
      guard let fallback = state["Default"]?.string else {
        throw runtime(
          "Failed to transition out of the state. The state does not point to a next state.", place)
      }
      let assigned = try evaluateAssign(state["Assign"], effective, place)
      let output = try applyPath(state["OutputPath"], effective, place)
      commit(assigned, place)
      return (output, fallback)

    default:
      return try work(state, raw, place, &time)
    }
  }

  // MARK: Task, Parallel, Map with Retry and Catch

  private func work(
    _ state: JSON, _ raw: JSON, _ place: Place, _ time: inout Int
  ) throws -> (JSON, String?) {
    var place = place
    var retryCount = 0
    var attempts: [Int: Int] = [:]
    while true {
      place.retryCount = retryCount
      let fault: Fault
      do {
        let result: JSON
        switch state["Type"]!.string! {
        case "Task": result = try runTask(state, raw, place, &time)
        case "Parallel": result = try runParallel(state, raw, place, &time)
        default: result = try runMap(state, raw, place, &time)
        }
        var selected = result
        if let selector = state["ResultSelector"] { selected = try template(selector, result, place) }
        return (try leave(state, raw, selected, assignFrom: result, place), state["Next"]?.string)
      } catch let thrown as Fault {
        fault = thrown
      }
      if fault.kind == .runtime { throw fault }
      let catcher = state["Catch"]?.array?.first { matches($0["ErrorEquals"]!, fault) }
      if canary == .catchBeforeRetry, let catcher { return try caught(catcher, fault, raw, place) }
      if let pause = retryPause(state, fault, &attempts) {
        retryCount += 1
        time += pause
        continue
      }
      guard let catcher else { throw fault }
      return try caught(catcher, fault, raw, place)
    }
  }

  private func retryPause(_ state: JSON, _ fault: Fault, _ attempts: inout [Int: Int]) -> Int? {
    for (position, retrier) in (state["Retry"]?.array ?? JSON([]).array!).enumerated() {
      guard matches(retrier["ErrorEquals"]!, fault) else { continue }
      let used = attempts[position, default: 0]
      guard used < retrier["MaxAttempts"]?.int ?? 3 else { return nil }
      attempts[position] = used + 1
      var seconds = Double(retrier["IntervalSeconds"]?.int ?? 1)
      for _ in 0..<used { seconds *= retrier["BackoffRate"]?.double ?? 2 }
      if let most = retrier["MaxDelaySeconds"]?.double { seconds = min(seconds, most) }
      return Int(seconds * 1000)
    }
    return nil
  }

  private func matches(_ names: JSON, _ fault: Fault) -> Bool {
    if fault.kind == .runtime { return false }
    return names.array!.contains { name in
      switch name.string! {
      case fault.error: true
      case "States.ALL": fault.kind != .dataLimit
      case "States.TaskFailed": fault.kind == .task
      case "States.Timeout": fault.kind == .timeout || fault.kind == .heartbeat
      case "States.HeartbeatTimeout": fault.kind == .heartbeat
      default: false
      }
    }
  }

  private func caught(
    _ catcher: JSON, _ fault: Fault, _ raw: JSON, _ place: Place
  ) throws -> (JSON, String?) {
    let cause: JSON
    switch fault.cause {
    case .none: cause = ""
    case .text(let text): cause = JSON(text)
    case .open:
      cause = ""
      notes.isAmbiguous = true
    }
    // Causes that name an event cannot be predicted where the order of events is open.
    if let text = cause.string, text.contains("entered at the event id") { notes.isAmbiguous = true }
    let output = JSON(members: [
      (key: "Error", value: fault.error.map { JSON($0) } ?? .null), (key: "Cause", value: cause),
    ])
    commit(try evaluateAssign(catcher["Assign"], output, place), place)
    let data = try placeResult(output, catcher["ResultPath"], in: raw)
    guard data.utf8.count <= payloadBytesMax else { throw dataLimit(place.state) }
    return (data, catcher["Next"]!.string!)
  }

  private func runTask(_ state: JSON, _ raw: JSON, _ place: Place, _ time: inout Int) throws -> JSON {
    let effective = try applyPath(state["InputPath"], raw, place)
    var payload = effective
    if let parameters = state["Parameters"] { payload = try template(parameters, effective, place) }
    let resource = state["Resource"]!.string!
    guard payload.utf8.count <= payloadBytesMax else {
      throw Fault(error: "States.DataLimitExceeded", cause: .open)
    }

    func seconds(_ field: String) throws -> Int? {
      if let literal = state[field]?.int { return literal }
      guard let path = state[field + "Path"]?.string else { return nil }
      guard let value = try select(path, raw, place) else { throw runtime(missText(path, raw), place) }
      guard let number = value.string.flatMap({ Int($0) }) ?? value.int, number > 0 else {
        throw Fault(error: "States.Runtime", cause: .open, kind: .runtime)
      }
      return number
    }
    let timeout = try seconds("TimeoutSeconds").map { $0 * 1000 } ?? .max
    let heartbeat = try seconds("HeartbeatSeconds").map { $0 * 1000 }
    let scripted = answer(resource, payload, place.retryCount ?? 0)

    // When the heart stops: the first pause between two signs of life that is too long.
    var silentAt = Int.max
    if let heartbeat {
      var last = 0
      for beat in scripted.beats + [scripted.delay ?? .max] {
        if beat - last == heartbeat { notes.isAmbiguous = true }
        if beat == .max || beat - last > heartbeat {
          silentAt = last + heartbeat
          break
        }
        last = beat
      }
    }
    let answered = scripted.delay ?? .max
    let ended = min(answered, timeout, silentAt)
    if ended == .max { throw Stuck() }
    if answered == ended && (timeout == ended || silentAt == ended) { notes.isAmbiguous = true }
    time += ended
    if timeout == ended && silentAt == ended { notes.isAmbiguous = true }
    if silentAt == ended && silentAt < timeout {
      throw Fault(error: "States.Timeout", cause: .none, kind: .heartbeat)
    }
    if timeout == ended { throw Fault(error: "States.Timeout", cause: .none, kind: .timeout) }
    switch scripted.result {
    case .success(let output):
      guard output.utf8.count <= payloadBytesMax else {
        throw Fault(error: "States.DataLimitExceeded", cause: .open)
      }
      return output
    case .failure(let failure):
      throw Fault(error: failure.error, cause: failure.cause.map { .text($0) } ?? .none)
    }
  }

  // MARK: Parallel and Map

  private func runParallel(_ state: JSON, _ raw: JSON, _ place: Place, _ time: inout Int) throws -> JSON {
    let effective = try applyPath(state["InputPath"], raw, place)
    var payload = effective
    if let parameters = state["Parameters"] { payload = try template(parameters, effective, place) }
    let branches = Array(state["Branches"]!.array!)
    let results = try fanOut(count: branches.count, most: branches.count, &time) { index, start in
      var inner = place
      inner.scope = Scope(place.scope)
      inner.retryCount = nil
      return run(branches[index], payload, inner, at: start)
    }
    return JSON(canary == .parallelInReverse ? results.reversed() : results)
  }

  private func runMap(_ state: JSON, _ raw: JSON, _ place: Place, _ time: inout Int) throws -> JSON {
    let effective = try applyPath(state["InputPath"], raw, place)
    let path = state["ItemsPath"]?.string ?? "$"
    guard let items = try select(path, effective, place)?.array else {
      throw Fault(
        error: "States.Runtime", cause: .text("Reference path \"\(path)\" must point to array."),
        kind: .runtime)
    }
    var most = state["MaxConcurrency"]?.int ?? 0
    if let path = state["MaxConcurrencyPath"]?.string {
      guard let value = try select(path, effective, place) else {
        throw runtime(missText(path, effective), place)
      }
      guard let number = value.string.flatMap({ Int($0) }) ?? value.int else {
        throw Fault(error: "States.Runtime", cause: .open, kind: .runtime)
      }
      most = number
    }
    let machine = state["ItemProcessor"] ?? state["Iterator"]!
    let selector = state["ItemSelector"] ?? state["Parameters"]
    let all = Array(items)
    return JSON(
      try fanOut(count: all.count, most: most == 0 ? 1000 : most, &time) { index, start in
        var inner = place
        inner.scope = Scope(place.scope)
        inner.item = (index, all[index])
        inner.retryCount = nil
        var input = all[index]
        if let selector {
          // The selector is the Map's own: it sees the Map's state and variables.
          var own = place
          own.item = (index, all[index])
          do {
            input = try template(selector, effective, own)
          } catch {
            return (.fault(error as! Fault), start)
          }
        }
        return run(machine, input, inner, at: start)
      })
  }

  /// Runs children with at most `most` of them at a time; the first failure ends it all.
  private func fanOut(
    count: Int, most: Int, _ time: inout Int, _ child: (Int, Int) -> (Ending, Int)
  ) throws -> [JSON] {
    var results: [JSON] = []
    var busyUntil: [Int] = []
    var failures: [(fault: Fault, time: Int)] = []
    var end = time
    for index in 0..<count {
      var start = time
      if busyUntil.count >= most {
        let first = busyUntil.indices.min { busyUntil[$0] < busyUntil[$1] }!
        start = busyUntil.remove(at: first)
      }
      // Children whose turn would come after the failure are dropped.
      if start == .max { break }
      if let failed = failures.map(\.time).min(), start > failed { break }
      let (ending, ended) = child(index, start)
      busyUntil.append(ended)
      switch ending {
      case .output(let output):
        results.append(output)
        end = max(end, ended)
      case .fault(let fault):
        failures.append((fault, ended))
        busyUntil[busyUntil.count - 1] = .max
      case .stuck:
        end = .max
      }
    }
    if let first = failures.min(by: { $0.time < $1.time }) {
      if failures.filter({ $0.time == first.time }).count > 1 { notes.isAmbiguous = true }
      time = first.time
      throw first.fault
    }
    if end == .max { throw Stuck() }
    time = end
    return results
  }

  // MARK: Wait, Fail

  private func waitMilliseconds(_ state: JSON, _ effective: JSON, _ place: Place, _ time: Int) throws -> Int {
    if let seconds = state["Seconds"]?.int { return seconds * 1000 }
    if let path = state["SecondsPath"]?.string {
      guard let value = try select(path, effective, place) else {
        throw runtime("The SecondsPath parameter does not reference an input value: \(path)", place)
      }
      guard let seconds = value.string.flatMap({ Int($0) }) ?? value.int else {
        throw Fault(error: "States.Runtime", cause: .open, kind: .runtime)
      }
      guard seconds >= 0 else {
        throw runtime("The SecondsPath parameter references a negative value: \(path) == \(seconds)", place)
      }
      return seconds * 1000
    }
    // Timestamps of generated workflows are whole seconds of the first day, given as a number
    // of seconds after the start in a member beside the text.
    let seconds = timestampSeconds(state["Timestamp"]?.string ?? "")
    return max(0, seconds * 1000 - time)
  }

  /// Seconds since the start of 2026-01-01 of a text such as `2026-01-01T00:01:40Z`.
  private func timestampSeconds(_ text: String) -> Int {
    let digits = text.dropFirst(11).prefix(8).split(separator: ":").map { Int($0)! }
    return digits[0] * 3600 + digits[1] * 60 + digits[2]
  }

  private func failure(_ state: JSON, _ raw: JSON, _ place: Place) throws -> Fault {
    func text(_ field: String) throws -> String? {
      if let literal = state[field]?.string { return literal }
      guard let source = state[field + "Path"]?.string else { return nil }
      let value = try evaluate(source, field: field + "Path", raw, place)
      return value.string ?? value.text
    }
    let error = try text("Error")
    let cause = try text("Cause")
    return Fault(error: error, cause: cause.map { .text($0) } ?? .none)
  }

  // MARK: Data flow

  /// Assign, ResultPath, OutputPath, and the limit of a state's output.
  private func leave(
    _ state: JSON, _ raw: JSON, _ result: JSON, assignFrom: JSON, _ place: Place
  ) throws -> JSON {
    let assigned = try evaluateAssign(state["Assign"], assignFrom, place)
    var output = result
    if canary == .outputPathBeforeResultPath {
      output = try applyPath(state["OutputPath"], output, place)
      output = try placeResult(output, state["ResultPath"], in: raw)
    } else {
      output = try placeResult(output, state["ResultPath"], in: raw)
      output = try applyPath(state["OutputPath"], output, place)
    }
    guard output.utf8.count <= payloadBytesMax else { throw dataLimit(place.state) }
    commit(assigned, place)
    return output
  }

  private func dataLimit(_ who: String) -> Fault {
    Fault(
      error: "States.DataLimitExceeded",
      cause: .text(
        "The state/task '\(who)' returned a result with a size exceeding the maximum number of bytes service limit."
      ),
      kind: .dataLimit)
  }

  private func evaluateAssign(_ assign: JSON?, _ data: JSON, _ place: Place) throws -> JSON? {
    guard let assign else { return nil }
    return try withinLimit(try template(assign, data, place))
  }

  func withinLimit(_ values: JSON) throws -> JSON {
    let bytes = values.object!.reduce(0) { $0 + $1.value.utf8.count }
    guard bytes <= variableBytesMax else {
      throw Fault(error: "States.DataLimitExceeded", cause: .open, kind: .dataLimit)
    }
    return values
  }

  func commit(_ values: JSON?, _ place: Place) {
    guard let values else { return }
    for (name, value) in values.object! { place.scope.values[name] = value }
  }

  private func placeResult(_ result: JSON, _ path: JSON?, in raw: JSON) throws -> JSON {
    guard let path else { return result }
    guard let text = path.string else { return raw }
    guard let placed = ReferencePathSyntax(text).replacing(result, in: raw) else {
      throw Fault(
        error: "States.ReferencePathConflict",
        cause: .text("Unable to apply ReferencePath \(text) to input \(raw)"))
    }
    return placed
  }

  private func applyPath(_ path: JSON?, _ data: JSON, _ place: Place) throws -> JSON {
    guard let path else { return data }
    guard let text = path.string else { return [:] }
    if data.isNull && !text.hasPrefix("$$") && (text == "$" || text.hasPrefix("$.") || text.hasPrefix("$[")) {
      throw runtime("Unable to apply Path transformation to null or empty input.", place)
    }
    guard let value = try select(text, data, place) else { throw runtime(missText(text, data), place) }
    return value
  }

  private func missText(_ path: String, _ data: JSON) -> String? {
    let syntax = ReferencePathSyntax(path)
    guard syntax.root == .data, let words = syntax.missText(in: data) else { return nil }
    return "Invalid path '\(path)' : \(words)"
  }

  func runtime(_ text: String?, _ place: Place) -> Fault {
    guard let text else { return Fault(error: "States.Runtime", cause: .open, kind: .runtime) }
    return Fault(
      error: "States.Runtime",
      cause: .text(
        "An error occurred while executing the state '\(place.state)' (entered at the event id #N). \(text)"),
      kind: .runtime)
  }

  /// What a path selects, or nil.
  func select(_ path: String, _ data: JSON, _ place: Place) throws -> JSON? {
    let syntax = ReferencePathSyntax(path)
    switch syntax.root {
    case .data: return syntax.select(in: data)
    case .variable(let name): return place.scope.value(name).flatMap { syntax.select(in: $0) }
    case .context: return syntax.select(in: context(place))
    }
  }

  /// As much of the context object as generated workflows read.
  private func context(_ place: Place) -> JSON {
    var state: [(key: String, value: JSON)] = [(key: "Name", value: JSON(place.state))]
    if let count = place.retryCount { state.append((key: "RetryCount", value: JSON(count))) }
    var members: [(key: String, value: JSON)] = [
      (key: "Execution", value: ["Input": input]), (key: "State", value: JSON(members: state)),
    ]
    if let item = place.item {
      members.append((key: "Map", value: ["Item": ["Index": JSON(item.index), "Value": item.value]]))
    }
    return JSON(members: members)
  }
}
