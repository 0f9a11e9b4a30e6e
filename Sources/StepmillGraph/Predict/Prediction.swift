import Stepmill

// What a run of a definition can come to, without running it.
//
// Each state gets a forecast for leaving it normally and one for leaving it by a catcher. Over
// the graph of a machine, what is least is a shortest way (one per metric), what is most a
// longest one over the graph's strongly connected components: a circle in which a metric grows
// makes it unbounded. Parallel and Map are forecast inside first.
//
// A sample of the input is followed from state to state as far as the definition alone says
// what becomes of it: it decides Choices, counts a Map's items and gives Waits their times.
//
// Left out on purpose, and said in the report: failures that nobody catches, which end a run
// earlier; and what the runtime itself fails with.

package struct Prediction: Sendable {
  package var stateCount: Int
  package var definitionBytes: Int
  /// From the start to an end.
  package var whole: Forecast
  /// Ways through the outermost machine, in the order of the definition.
  package var paths: [Path] = []
  /// There are more ways than were listed.
  package var hasMorePaths = false
  /// States that may be entered again and again.
  package var loops: [[String]] = []
  /// Branches and items that run at once, at most.
  package var branchesAtOnce: Forecast.Span
  /// Data: the sample, or what is assumed in its place.
  package var payloadBytes: Int
  package var hasSample: Bool
  /// The largest document that is known for certain, and the state that makes it.
  package var largestKnown: (bytes: Int, state: String)?
  /// States whose data the definition does not tell.
  package var unknownData: [String] = []
  /// States that decide how long a run takes, in words.
  package var openDurations: [String] = []
  package var timeoutSeconds: Int?
  package var taskMilliseconds: Int

  package struct Path: Sendable {
    package var states: [String]
    package var forecast: Forecast
    /// It passes states that may be repeated; the forecast has them once.
    package var loopStates: [String]
    package var endsInFailure: Bool
  }

  package struct Options: Sendable {
    package var sample: JSON?
    /// What an attempt of a task is assumed to take.
    package var taskMilliseconds = 100
    package var pathsMax = 20
    /// The size of the input where there is no sample.
    package var payloadBytes = 1024

    package init() {}
  }

  package init(_ outline: DefinitionOutline, options: Options = Options()) {
    var predictor = Predictor(options: options)
    let input = options.sample.map { KnownDocument.known($0, holes: []) } ?? .unknown
    let result = predictor.machine(outline.machine, input, isOutermost: true)
    stateCount = outline.stateCount
    definitionBytes = outline.byteCount
    timeoutSeconds = outline.timeoutSeconds
    whole = result.forecast + PredictedRoutes.execution
    if let timeout = outline.timeoutSeconds {
      for metric in [Forecast.Metric.waiting, .duration, .assumedDuration] {
        whole[metric].most = min(whole[metric].most, Double(timeout))
      }
    }
    paths = predictor.paths
    hasMorePaths = predictor.hasMorePaths
    loops = predictor.loops
    branchesAtOnce = result.branches
    payloadBytes = options.sample.map { $0.utf8.count } ?? options.payloadBytes
    hasSample = options.sample != nil
    largestKnown = predictor.largestKnown
    unknownData = predictor.unknownData
    openDurations = predictor.openDurations
    taskMilliseconds = options.taskMilliseconds
  }
}

private struct Predictor {
  let options: Prediction.Options
  var paths: [Prediction.Path] = []
  var hasMorePaths = false
  var loops: [[String]] = []
  var largestKnown: (bytes: Int, state: String)?
  var unknownData: [String] = []
  var openDurations: [String] = []

  private static let listMax = 20

  init(options: Prediction.Options) { self.options = options }

  struct Answer {
    var forecast: Forecast
    var output: KnownDocument
    var branches: Forecast.Span
  }

  // MARK: Machines

  mutating func machine(
    _ machine: DefinitionOutline.Machine, _ input: KnownDocument, isOutermost: Bool = false
  ) -> Answer {
    let index = machine.index
    guard let start = index[machine.startAt] else {
      return Answer(forecast: .zero, output: .unknown, branches: .exactly(1))
    }
    let structure = machine.states.map { Self.targets($0).compactMap { index[$0] } }
    let components = Components(structure)

    // States in topological order: what comes in is known when a state's turn comes.
    var inputs = [KnownDocument?](repeating: nil, count: machine.states.count)
    inputs[start] = input
    var exits = [[RouteExit]](repeating: [], count: machine.states.count)
    var output: KnownDocument?
    var branches = Forecast.Span.exactly(1)
    for component in components.ordered {
      let isLoop = components.isLoop(component, structure)
      // What goes round changes on the way. Where nothing gets to, it does not matter.
      if isLoop, component.contains(where: { inputs[$0] != nil }) {
        for state in component { inputs[state] = .unknown }
      }
      for state in component {
        guard let document = inputs[state] else { continue }
        let visit = visit(machine.states[state], document, index)
        exits[state] = visit.exits
        branches = Forecast.Span(
          least: branches.least, most: max(branches.most, visit.branches.most))
        for (exit, document) in zip(visit.exits, visit.outputs) {
          if let target = exit.target {
            inputs[target] = inputs[target].map { $0.joined(with: document) } ?? document
          } else if !exit.isFailure {
            output = output.map { $0.joined(with: document) } ?? document
          }
        }
      }
      if isLoop, loops.count < Self.listMax { loops.append(component.map { machine.states[$0].name }) }
    }
    if isOutermost { listPaths(machine, start, exits, components, structure) }
    return Answer(
      forecast: PredictedRoutes(exits: exits, components: components).forecast(from: start),
      output: output ?? .unknown, branches: branches)
  }

  private static func targets(_ state: DefinitionOutline.State) -> [String] {
    var targets: [String] = []
    if case .choice(let rules, let defaultState) = state.kind {
      targets += rules.map(\.next)
      if let defaultState { targets.append(defaultState) }
    }
    if let next = state.next { targets.append(next) }
    return targets + state.catchers.map(\.next)
  }

  // MARK: States

  struct Visit {
    var exits: [RouteExit] = []
    /// The data that leave by each exit.
    var outputs: [KnownDocument] = []
    var branches = Forecast.Span.exactly(1)
  }

  private mutating func visit(
    _ state: DefinitionOutline.State, _ input: KnownDocument, _ index: DefinitionOutline.StateIndex
  ) -> Visit {
    var visit = Visit()
    let flow = StateFlow(state, input)
    var normal = Self.steps(events: 2)
    var output = flow.output
    /// What one attempt takes, where there may be more than one.
    var attempt: (done: Forecast, failed: Forecast)?
    switch state.kind {
    case .pass, .succeed: break
    case .fail:
      visit.exits = [RouteExit(target: nil, forecast: Self.steps(events: 1), isFailure: true)]
      visit.outputs = [.unknown]
      return visit
    case .choice(let rules, let defaultState):
      normal = Self.steps(events: 2)
      for target in Self.possible(rules, defaultState, flow.effectiveInput, flow.isJSONata) {
        guard let target = index[target], !visit.exits.contains(where: { $0.target == target }) else {
          continue
        }
        visit.exits.append(RouteExit(target: target, forecast: normal))
        visit.outputs.append(output)
      }
      return visit
    case .wait(let wait): normal = normal + self.wait(wait, state.name, flow.effectiveInput)
    case .task(let task):
      attempt = self.task(task, state.name)
      output = flow.output(ofResult: .unknown)
      note(unknown: state.name)
    case .parallel(let machines):
      let (inner, result, branches) = parallel(machines, flow.arguments)
      attempt = (
        inner + Self.events(2), inner.upTo + Self.events(2) + Self.events(0, most: Double(machines.count))
      )
      output = flow.output(ofResult: result)
      visit.branches = branches
    case .map(let map):
      let (inner, branches) = self.map(map, state.name, flow)
      attempt = (inner + Self.events(2), inner.upTo + Self.events(2))
      output = flow.output(ofResult: .unknown)
      visit.branches = branches
    }
    measure(output, state.name)
    if let attempt {
      let retries = Self.retries(state.retriers, attempt.failed)
      normal = normal + attempt.done + retries.upTo
      for catcher in state.catchers {
        guard let target = index[catcher.next] else { continue }
        let failed = Self.steps(events: 2) + attempt.failed + retries.upTo
        visit.exits.append(RouteExit(target: target, forecast: failed))
        visit.outputs.append(.unknown)
      }
    }
    visit.exits.insert(RouteExit(target: state.next.flatMap { index[$0] }, forecast: normal), at: 0)
    visit.outputs.insert(output, at: 0)
    return visit
  }

  /// Entering a state, and so many events.
  private static func steps(events: Double) -> Forecast {
    var forecast = Forecast.zero
    forecast[.transitions] = .exactly(1)
    forecast[.events] = .exactly(events)
    return forecast
  }

  private static func events(_ least: Double, most: Double? = nil) -> Forecast {
    var forecast = Forecast.zero
    forecast[.events] = Forecast.Span(least: least, most: most ?? least)
    return forecast
  }

  private mutating func wait(
    _ wait: DefinitionOutline.Wait, _ name: String, _ input: KnownDocument
  ) -> Forecast {
    var seconds = Forecast.Span(least: 0, most: .infinity)
    switch wait {
    case .seconds(let number): seconds = .exactly(Double(number))
    case .secondsPath(let path):
      if case .value(let json) = input.answer(path), let number = json.int, number >= 0 {
        seconds = .exactly(Double(number))
      } else {
        note(open: "\(name) waits for \(ConditionText.short(path: path)) seconds")
      }
    case .timestamp(let time): note(open: "\(name) waits until \(time)")
    case .timestampPath(let path): note(open: "\(name) waits until \(ConditionText.short(path: path))")
    case .expression: note(open: "\(name) waits for what an expression says")
    }
    var forecast = Forecast.zero
    for metric in [Forecast.Metric.waiting, .duration, .assumedDuration] { forecast[metric] = seconds }
    return forecast
  }

  private mutating func task(
    _ task: DefinitionOutline.Task, _ name: String
  ) -> (done: Forecast, failed: Forecast) {
    var timeout = Double.infinity
    if let seconds = task.timeoutSeconds {
      timeout = Double(seconds)
    } else {
      note(open: "\(name) has no timeout")
    }
    func attempt(_ least: Double, _ most: Double) -> Forecast {
      var forecast = Self.events(least, most: most)
      forecast[.attempts] = .exactly(1)
      forecast[.duration] = Forecast.Span(least: 0, most: timeout)
      forecast[.assumedDuration] = .exactly(Double(options.taskMilliseconds) / 1000)
      return forecast
    }
    switch task.form {
    case .job, .token: return (attempt(4, 4), attempt(2, 4))
    case .function, .activity, .request: return (attempt(3, 3), attempt(2, 3))
    }
  }

  private mutating func parallel(
    _ machines: [DefinitionOutline.Machine], _ input: KnownDocument
  ) -> (Forecast, KnownDocument, Forecast.Span) {
    var forecast = Forecast.zero
    var results: [JSON]? = []
    var branches = 0.0
    for machine in machines {
      let answer = self.machine(machine, input)
      forecast = forecast.beside(answer.forecast)
      branches += answer.branches.most
      if let result = answer.output.document { results?.append(result) } else { results = nil }
    }
    return (
      forecast, results.map { .known(JSON($0), holes: []) } ?? .unknown,
      Forecast.Span(least: 1, most: branches)
    )
  }

  /// What AWS runs at once where a Map says nothing.
  private static let inlineAtOnce = 40.0
  private static let distributedAtOnce = 10_000.0

  private mutating func map(
    _ map: DefinitionOutline.Map, _ name: String, _ flow: StateFlow
  ) -> (Forecast, Forecast.Span) {
    let inner = machine(map.processor, .unknown)
    var count = Forecast.Span(least: 0, most: .infinity)
    if let items = map.itemCount {
      count = .exactly(Double(items))
    } else if !map.hasReader, !map.hasItemsExpression,
      case .value(let items) = flow.effectiveInput.answer(map.itemsPath ?? "$"), items.kind == .array
    {
      count = .exactly(Double(items.count))
    }
    if count.most.isInfinite { note(open: "\(name) has as many items as its data say") }
    let bound = map.isDistributed ? Self.distributedAtOnce : Self.inlineAtOnce
    let atOnce = map.maxConcurrency.map { $0 == 0 ? bound : min(bound, Double($0)) } ?? bound
    // A batch makes one child of several items.
    let children = Forecast.Span(least: map.hasBatcher ? min(1, count.least) : count.least, most: count.most)
    var all = (inner.forecast + Self.events(2)).times(children, atOnce: max(1, atOnce))
    if map.isDistributed {
      // Children have histories of their own.
      all[.childTransitions] = Forecast.Span(
        least: all[.childTransitions].least + all[.transitions].least,
        most: all[.childTransitions].most + all[.transitions].most)
      all[.transitions] = .exactly(0)
      all[.events] = .exactly(2)
      return (all, .exactly(1))
    }
    return (all, Forecast.Span(least: 1, most: min(atOnce, max(1, count.most)) * inner.branches.most))
  }

  /// Attempts after the first, each with the wait before it.
  private static func retries(_ retriers: [DefinitionOutline.Retrier], _ attempt: Forecast) -> Forecast {
    var sum = Forecast.zero
    for retrier in retriers where retrier.maxAttempts > 0 {
      var one = attempt
      one[.transitions].most += 1
      let count = Double(retrier.maxAttempts)
      var all = one.times(.exactly(count), atOnce: 1)
      // Beyond this many the geometric series says it as well.
      var delay = Double(retrier.intervalSeconds)
      let longest = Double(retrier.maxDelaySeconds ?? .max)
      var wait = 0.0
      var left = retrier.maxAttempts
      for _ in 0..<min(left, 1000) {
        wait += min(delay, longest)
        delay = min(delay * retrier.backoffRate, 1e15)
        left -= 1
      }
      wait += Double(left) * min(delay, longest)
      for metric in [Forecast.Metric.waiting, .duration, .assumedDuration] { all[metric].most += wait }
      sum = sum + all
    }
    return sum
  }

  /// Where a Choice may lead, as far as the data decide it.
  private static func possible(
    _ rules: [DefinitionOutline.Rule], _ defaultState: String?, _ input: KnownDocument, _ isJSONata: Bool
  ) -> [String] {
    var targets: [String] = []
    for rule in rules {
      let holds = isJSONata ? literal(rule.condition) : input.holds(rule.condition)
      if holds == false { continue }
      targets.append(rule.next)
      if holds == true { return targets }
    }
    if let defaultState { targets.append(defaultState) }
    return targets
  }

  private static func literal(_ condition: DefinitionOutline.Condition) -> Bool? {
    if case .literal(let value) = condition { return value }
    return nil
  }

  private mutating func measure(_ document: KnownDocument, _ name: String) {
    guard case .known(let json, _) = document else { return }
    let bytes = json.utf8.count
    if bytes > largestKnown?.bytes ?? -1 { largestKnown = (bytes, name) }
  }

  private mutating func note(open text: String) {
    if openDurations.count < Self.listMax, !openDurations.contains(text) { openDurations.append(text) }
  }

  private mutating func note(unknown name: String) {
    if unknownData.count < Self.listMax, !unknownData.contains(name) { unknownData.append(name) }
  }

  // MARK: Paths

  /// Dead ends of the search for ways without repetition count, too.
  private static let stepsMax = 100_000
  private static let pathLengthMax = 2000

  private mutating func listPaths(
    _ machine: DefinitionOutline.Machine, _ start: Int, _ exits: [[RouteExit]], _ components: Components,
    _ structure: [[Int]]
  ) {
    struct Frame {
      var state: Int
      var next = 0
      var sum: Forecast
    }
    var isOnPath = [Bool](repeating: false, count: machine.states.count)
    var stack = [Frame(state: start, sum: .zero)]
    var steps = 0
    isOnPath[start] = true
    while var frame = stack.last {
      steps += 1
      if steps > Self.stepsMax || paths.count >= options.pathsMax {
        hasMorePaths = true
        return
      }
      guard frame.next < exits[frame.state].count else {
        isOnPath[frame.state] = false
        stack.removeLast()
        continue
      }
      let exit = exits[frame.state][frame.next]
      frame.next += 1
      stack[stack.count - 1] = frame
      let sum = frame.sum + exit.forecast
      if let target = exit.target {
        if isOnPath[target] { continue }
        guard stack.count < Self.pathLengthMax else {
          hasMorePaths = true
          continue
        }
        isOnPath[target] = true
        stack.append(Frame(state: target, sum: sum))
        continue
      }
      let states = stack.map(\.state)
      paths.append(
        Prediction.Path(
          states: states.map { machine.states[$0].name },
          forecast: sum + PredictedRoutes.execution,
          loopStates: states.filter { components.isLoop($0, structure) }.map { machine.states[$0].name },
          endsInFailure: exit.isFailure))
    }
  }
}

/// What a state makes of its data.
private struct StateFlow {
  let flow: DefinitionOutline.DataFlow
  let kind: DefinitionOutline.Kind
  let input: KnownDocument
  let effectiveInput: KnownDocument
  var isJSONata: Bool { flow.isJSONata }

  init(_ state: DefinitionOutline.State, _ input: KnownDocument) {
    flow = state.dataFlow
    kind = state.kind
    self.input = input
    effectiveInput = Self.apply(flow.inputPath, to: input)
  }

  private static func apply(_ path: DefinitionOutline.DataFlow.Path, to document: KnownDocument)
    -> KnownDocument
  {
    switch path {
    case .whole: document
    case .nothing: .known([:], holes: [])
    case .path(let path): document.part(path)
    }
  }

  /// What tasks, branches and items get.
  var arguments: KnownDocument { flow.shapesInput ? .unknown : effectiveInput }

  /// The output of a state that has no result of others.
  var output: KnownDocument {
    if flow.isJSONata { return flow.shapesOutput ? .unknown : input }
    guard case .pass(let literal) = kind else { return Self.apply(flow.outputPath, to: effectiveInput) }
    return output(ofResult: literal.map { .known($0, holes: []) } ?? arguments)
  }

  func output(ofResult result: KnownDocument) -> KnownDocument {
    if flow.isJSONata { return flow.shapesOutput ? .unknown : result }
    let result = flow.shapesOutput ? .unknown : result
    switch flow.resultPath {
    case .whole: return Self.apply(flow.outputPath, to: result)
    case .nothing: return Self.apply(flow.outputPath, to: input)
    case .path(let path): return Self.apply(flow.outputPath, to: input.setting(path, to: result))
    }
  }
}
