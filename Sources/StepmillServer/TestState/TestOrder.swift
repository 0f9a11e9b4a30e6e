import Stepmill

/// What TestState is asked for, checked.
struct TestOrder: Sendable {
  enum Level: String, Sendable {
    case info = "INFO"
    case debug = "DEBUG"
    case trace = "TRACE"
  }

  enum Mock: Sendable {
    case result(JSON)
    case error(TaskFailure)
  }

  /// The state's fields.
  let state: JSON
  let type: String
  let isJSONata: Bool
  let isInIteration: Bool
  let input: JSON
  let inputText: String
  let roleARN: String?
  let level: Level
  let variables: JSON
  /// The context object, or nil for the usual one.
  let context: JSON?
  let mock: Mock?
  let retryCount: Int
  let failureCount: Int?
  /// What an ItemReader reads, as it would be in its bucket.
  let readerData: String?
  let scope: Scope

  init(_ request: Request, _ service: StepFunctionsService) throws(APIError) {
    scope = request.scope
    let found = try StateFinder(request.required("definition"), name: request.text("stateName"), service)
    state = found.state
    isJSONata = found.isJSONata
    isInIteration = found.isInIteration
    type = state["Type"]?.string ?? ""
    roleARN = request.text("roleArn")
    level = request.text("inspectionLevel").flatMap { Level(rawValue: $0) } ?? .info
    let settings = request.structure("stateConfiguration")
    retryCount = settings?.integer("retrierRetryCount") ?? 0
    failureCount = settings?.integer("mapIterationFailureCount")

    let mock = request.structure("mock")
    try Self.checkMock(
      mock, type: type, failureCount: failureCount, reveals: request.flag("revealSecrets") ?? false)
    if mock == nil { try Self.checkUnmocked(state, type: type, roleARN: roleARN) }
    if type == "Map", state["ItemReader"] != nil {
      guard let text = settings?.text("mapItemReaderData") else {
        throw .validation(
          "ItemReader data must be specified when testing a Map state with ItemReader specified.")
      }
      readerData = text
    } else {
      readerData = nil
    }
    input = try service.input(request.text("input"))
    inputText = request.text("input") ?? "{}"
    variables = try Self.object(request.text("variables"), "variables") ?? [:]
    context = try Self.object(request.text("context"), "Context object")
    if let context { try ContextRules.check(context) }
    self.mock = if let mock { try Self.mock(mock, state: found.state, type: type) } else { nil }
  }

  var isContainer: Bool { type == "Map" || type == "Parallel" }

  private static func object(_ text: String?, _ what: String) throws(APIError) -> JSON? {
    guard let text else { return nil }
    guard let value = try? JSON(parsing: text), value.kind == .object else {
      throw .validation("Invalid \(what) provided: it must be a valid JSON object")
    }
    return value
  }

  // MARK: Which states may be tested how

  private static func checkMock(
    _ mock: Request?, type: String, failureCount: Int?, reveals: Bool
  ) throws(APIError) {
    if failureCount != nil {
      guard type == "Map" else {
        throw .validation("MapIterationFailureCount is only supported when testing a Map state.")
      }
      guard mock != nil else {
        throw .validation("TestState does not support MapIterationFailureCount when a mock is not specified.")
      }
    }
    guard let mock else { return }
    guard !reveals else {
      throw .validation("TestState does not support RevealSecrets when a mock is specified.")
    }
    guard ["Task", "Map", "Parallel"].contains(type) else {
      throw .validation("State type '\(type)' is not supported when a mock is specified")
    }
    switch (mock.has("result"), mock.has("errorOutput")) {
    case (true, true):
      throw .validation("A test mock should have only one of the following fields: [result, errorOutput].")
    case (false, false):
      throw .validation("One of the following fields is required for a test mock: [result, errorOutput].")
    case (true, false), (false, true): break
    }
    if let error = mock.structure("errorOutput"), !error.has("error") {
      throw .validation("An error was not specified in the mocked error output.")
    }
  }

  private static func checkUnmocked(_ state: JSON, type: String, roleARN: String?) throws(APIError) {
    if type == "Map" || type == "Parallel" {
      throw .invalidDefinition(
        text: "TestState API does not support Map or Parallel states. Supported state types include: "
          + "[Task, Wait, Pass, Succeed, Fail, Choice]")
    }
    guard type == "Task", let resource = state["Resource"]?.string.map({ TaskResourceName($0) }) else {
      return
    }
    if resource.service == "activity" {
      throw .invalidDefinition(text: "TestState API does not support Activity tasks without a mock.")
    }
    if resource.pattern.goesOn {
      throw .invalidDefinition(
        text:
          "TestState API does not support '\(resource.pattern.rawValue)' service integrations without a mock."
      )
    }
    guard roleARN != nil else { throw .validation("RoleArn must be specified when testing a Task state") }
  }

  // MARK: Mocks

  private static func mock(_ part: Request, state: JSON, type: String) throws(APIError) -> Mock {
    if let error = part.structure("errorOutput") {
      return .error(TaskFailure(error: error.text("error"), cause: error.text("cause")))
    }
    guard let result = try? JSON(parsing: part.required("result")) else {
      throw .validation("Mocked result must be valid JSON")
    }
    switch type {
    case "Map":
      guard result.kind == .array else { throw .validation("Mocked result must be an array.") }
    case "Parallel":
      guard result.kind == .array else { throw .validation("Mocked result must be an array.") }
      guard result.count == state["Branches"]?.count else {
        throw .validation(
          "Mocked result must contain the same number of items as number of Parallel branches.")
      }
    default:
      try MockRules.check(
        result, of: TaskResourceName(state["Resource"]?.string ?? ""),
        mode: part.text("fieldValidationMode") ?? "STRICT")
    }
    return .result(result)
  }
}

/// The state that is to be tested: a definition of its own, or one of a whole machine's.
struct StateFinder {
  let state: JSON
  let isJSONata: Bool
  /// It is in a Map's processor.
  let isInIteration: Bool

  init(_ definition: String, name: String?, _ service: StepFunctionsService) throws(APIError) {
    guard let name else {
      state = try Self.single(definition, service)
      isJSONata = state["QueryLanguage"]?.string == "JSONata"
      isInIteration = false
      return
    }
    try service.validate(definition, .standard)
    guard let machine = try? JSON(parsing: definition), let found = Self.find(name, in: machine) else {
      throw .validation("State not found in definition")
    }
    (state, isInIteration) = found
    let language = state["QueryLanguage"]?.string ?? machine["QueryLanguage"]?.string
    isJSONata = language == "JSONata"
  }

  /// A single state is checked as the state `StateName` of a machine that has whatever it leads to.
  private static func single(_ definition: String, _ service: StepFunctionsService) throws(APIError) -> JSON {
    guard let state = try? JSON(parsing: definition), state.kind == .object else {
      try service.validate(definition, .standard)
      throw .invalidDefinition("SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null")
    }
    let machine = SyntheticMachine(startAt: "StateName", [("StateName", state)])
    try service.validate(machine.text, .standard)
    return state
  }

  private static func find(
    _ name: String, in machine: JSON, isInIteration: Bool = false
  ) -> (state: JSON, isInIteration: Bool)? {
    guard let states = machine["States"], let members = states.object else { return nil }
    if let found = states[name] { return (found, isInIteration) }
    for member in members {
      for key in ["ItemProcessor", "Iterator"] {
        if let inner = member.value[key], let found = find(name, in: inner, isInIteration: true) {
          return found
        }
      }
      for branch in member.value["Branches"]?.array.map({ Array($0) }) ?? [] {
        if let found = find(name, in: branch, isInIteration: isInIteration) { return found }
      }
    }
    return nil
  }
}

/// A machine made around some states: what they lead to and what is not there becomes a Succeed.
struct SyntheticMachine {
  let json: JSON

  init(startAt: String, _ states: [(key: String, value: JSON)]) {
    let names = Set(states.map(\.key))
    var targets: [String] = []
    for state in states { Self.collect(state.value, &targets) }
    var seen: Set<String> = []
    let stubs = targets.filter { !names.contains($0) && seen.insert($0).inserted }
      .map { (key: $0, value: ["Type": "Succeed"] as JSON) }
    json = ["StartAt": JSON(startAt), "States": JSON(members: states + stubs)]
  }

  var text: String { json.text }

  private static func collect(_ state: JSON, _ targets: inout [String]) {
    for key in ["Next", "Default"] {
      if let target = state[key]?.string { targets.append(target) }
    }
    for key in ["Choices", "Catch"] {
      for part in state[key]?.array.map({ Array($0) }) ?? [] {
        if let target = part["Next"]?.string { targets.append(target) }
      }
    }
  }
}

/// What a context object that is given may hold.
enum ContextRules {
  private indirect enum Shape {
    case any
    case text
    case number
    case object([(name: String, shape: Shape)])
  }

  private static let shape = Shape.object([
    (
      "Execution",
      .object([
        ("Id", .text), ("Input", .any), ("StartTime", .text), ("Name", .text), ("RoleArn", .text),
        ("RedriveCount", .number), ("RedriveTime", .text),
      ])
    ),
    ("State", .object([("Name", .text), ("EnteredTime", .text), ("RetryCount", .number)])),
    ("StateMachine", .object([("Id", .text), ("Name", .text)])),
    ("Task", .object([("Token", .text)])),
    (
      "Map",
      .object([("Item", .object([("Index", .number), ("Value", .any), ("Key", .text), ("Source", .text)]))])
    ),
  ])

  static func check(_ context: JSON) throws(APIError) {
    if let problem = problem(context, shape, at: "") {
      throw .validation("Invalid Context object provided: \(problem)")
    }
  }

  private static func problem(_ value: JSON, _ shape: Shape, at place: String) -> String? {
    switch shape {
    case .any: return nil
    case .text: return value.kind == .string || value.isNull ? nil : "\(place) must be a string"
    case .number: return value.kind == .number || value.isNull ? nil : "\(place) must be a number"
    case .object(let members):
      guard let given = value.object else { return "\(place) must be an object" }
      for member in given {
        guard let known = members.first(where: { $0.name == member.key }) else {
          return "Field '\(member.key)' is not allowed"
        }
        let inner = place.isEmpty ? member.key : "\(place).\(member.key)"
        if let problem = problem(member.value, known.shape, at: inner) { return problem }
      }
      return nil
    }
  }
}
