import Stepmill

// Executions that were recorded from the service, run again by way of the service's API: the
// machines are created, the executions started, and outcome and history read back.

enum ServiceCases {
  static func run(_ row: JSON) -> CaseAnswer {
    if let why = whyNot(row) { return CaseAnswer(skipped: why) }
    let world = ServiceWorld(functions: row["lambda"])
    if let why = prepare(world, row) { return CaseAnswer(skipped: why) }
    if let runs = row["runs"]?.array { return several(Array(runs), of: row, in: world) }
    guard let machine = row["state_machine"] else { return CaseAnswer(skipped: "the case has no machine") }
    switch create(machine, in: world) {
    case .failure(let answer):
      return CaseAnswer(answer.body, isOK: false, difference: "CreateStateMachine: \(answer.body.text)")
    case .success(let arn):
      if row["kind"]?.string == "sync-execution" { return sync(row, arn, in: world) }
      return execution(row, arn, in: world)
    }
  }

  /// What the case needs beyond the service and functions, or nil.
  private static func whyNot(_ row: JSON) -> String? {
    let served: Set<String> = ["lambda", "states", "sfn", "activity", "s3"]
    let services = (row["requires"]?.array?.compactMap(\.string) ?? []).filter { !served.contains($0) }
    if !services.isEmpty { return "needs \(services.joined(separator: ", "))" }
    if row["driven_by_test"] != nil { return "the recorded test intervenes while it runs" }
    for step in row["setup"]?.array.map({ Array($0) }) ?? []
    where step["service"]?.string != "stepfunctions" && step["service"]?.string != "s3" {
      return "needs \(step["service"]?.string ?? "a service")"
    }
    var foreign: Set<String> = []
    collectResources(row["state_machine"] ?? .null, &foreign)
    for run in row["runs"]?.array.map({ Array($0) }) ?? [] { collectResources(run, &foreign) }
    return foreign.isEmpty ? nil : "needs \(foreign.sorted().joined(separator: ", "))"
  }

  private static func collectResources(_ value: JSON, _ foreign: inout Set<String>) {
    if let members = value.object {
      if value["Type"]?.string == "Task", let resource = value["Resource"]?.string, !isServed(resource) {
        foreign.insert(resource)
      }
      for member in members { collectResources(member.value, &foreign) }
    } else if let elements = value.array {
      for element in elements { collectResources(element, &foreign) }
    }
  }

  private static func isServed(_ resource: String) -> Bool {
    resource.contains(":function:") || resource.contains(":activity:") || resource.contains(":lambda:invoke")
      || resource.contains(":states:startExecution") || resource.contains(":aws-sdk:sfn:")
  }

  // MARK: Preparing

  private enum Created {
    case success(String)
    case failure(ServiceWorld.Answer)
  }

  private static func create(_ machine: JSON, in world: ServiceWorld) -> Created {
    let definition = machine["definition"] ?? .null
    let parameters: JSON = [
      "name": machine["name"] ?? "machine", "definition": JSON(definition.string ?? definition.text),
      "roleArn": machine["roleArn"] ?? "arn:aws:iam::123456789012:role/role",
      "type": machine["type"] ?? "STANDARD",
    ]
    guard let answer = world.call("CreateStateMachine", parameters), answer.status == 200,
      let arn = answer.body["stateMachineArn"]?.string
    else { return .failure(world.call("CreateStateMachine", parameters) ?? .init(status: 0, body: .null)) }
    return .success(arn)
  }

  private static func prepare(_ world: ServiceWorld, _ row: JSON) -> String? {
    for step in row["setup"]?.array.map({ Array($0) }) ?? [] {
      let operation = step["op"]?.string ?? ""
      if step["service"]?.string != "s3" {
        _ = world.call(operation, step["params"] ?? [:])
      } else if world.objects.call(operation, step["params"] ?? [:]) == nil {
        return "needs \(operation) beforehand"
      }
    }
    for machine in row["other_state_machines"]?.array.map({ Array($0) }) ?? [] {
      if machine["account"] != nil, machine["account"]?.string != ServiceWorld.scope.account {
        return "needs a second account"
      }
      _ = create(machine, in: world)
    }
    for companion in row["companion_executions"]?.array.map({ Array($0) }) ?? [] {
      guard let machine = companion["state_machine"], case .success(let arn) = create(machine, in: world)
      else {
        return "its companion cannot be created"
      }
      _ = world.call(
        "StartExecution",
        ["stateMachineArn": JSON(arn), "input": JSON((companion["input"] ?? [:]).text)])
    }
    return nil
  }

  // MARK: Running

  private static func execution(_ row: JSON, _ arn: String, in world: ServiceWorld) -> CaseAnswer {
    let (got, describe) = perform(arn, row["input"] ?? .null, row["execution_name"]?.string, in: world)
    var answer = ExecutionCases.judge(
      RecordingEra.adjusted(got, to: row["expect"]), row, later: LaterMembers.names)
    if answer.isOK, let wanted = row["expect"]?["describe"] {
      var expectation = Expectation(later: LaterMembers.names)
      if !expectation.matches(wanted, describe) {
        answer.isOK = false
        answer.difference = "DescribeExecution: \(expectation.mismatch ?? "")"
      }
    }
    return answer
  }

  /// Starts an execution and lets time pass until nothing happens any more.
  private static func perform(
    _ arn: String, _ input: JSON, _ name: String?, in world: ServiceWorld
  ) -> (got: JSON, describe: JSON) {
    let input = ExecutionRun.withTimes(input, now: world.host.wallMilliseconds)
    var parameters: JSON = ["stateMachineArn": JSON(arn), "input": JSON(input.text)]
    if let name { parameters["name"] = JSON(name) }
    guard let started = world.call("StartExecution", parameters), started.status == 200,
      let execution = started.body["executionArn"]
    else { return (["status": "NOT_STARTED"], .null) }
    func describe() -> JSON { world.call("DescribeExecution", ["executionArn": execution])?.body ?? .null }
    var turns = 0
    while describe()["status"]?.string == "RUNNING", turns < 20_000, world.step() { turns += 1 }
    let end = describe()
    var members: [(key: String, value: JSON)] = ["status", "output", "error", "cause"].compactMap { key in
      end[key].map { (key: key, value: $0) }
    }
    var events: [JSON] = []
    var token: JSON?
    repeat {
      var request: JSON = ["executionArn": execution, "maxResults": 1000]
      if let token { request["nextToken"] = token }
      let page = world.call("GetExecutionHistory", request)?.body ?? .null
      for event in page["events"]?.array.map({ Array($0) }) ?? [] {
        events.append(JSON(members: (event.object.map { Array($0) } ?? []).filter { $0.key != "timestamp" }))
      }
      token = page["nextToken"]
    } while token != nil
    members.append(("events", JSON(asRecorded(events))))
    return (JSON(members: members), end)
  }

  /// The recordings are of November 2024, when `EvaluationFailed` pointed to what the state's own
  /// Entered event points to (except for a Wait's Timestamp). Since 2026 it points to the state's
  /// last event, which is what the service tells; here it is told as it was then.
  private static func asRecorded(_ events: [JSON]) -> [JSON] {
    var entered: [String: JSON] = [:]
    return events.map { event in
      if let name = event["stateEnteredEventDetails"]?["name"]?.string {
        entered[name] = event["previousEventId"]
      }
      let details = event["evaluationFailedEventDetails"]
      guard let details, details["location"]?.string != "Timestamp",
        let previous = entered[details["state"]?.string ?? ""]
      else { return event }
      var older = event
      older["previousEventId"] = previous
      return older
    }
  }

  private static func sync(_ row: JSON, _ arn: String, in world: ServiceWorld) -> CaseAnswer {
    var parameters: JSON = ["stateMachineArn": JSON(arn), "input": JSON((row["input"] ?? [:]).text)]
    if let name = row["execution_name"] { parameters["name"] = name }
    let got = world.call("StartSyncExecution", parameters)?.body ?? .null
    var wanted = row["expect"]?["response"] ?? .null
    // How long the recorded one took.
    if var billing = wanted["billingDetails"] {
      billing["billedDurationInMilliseconds"] = "${*}"
      wanted["billingDetails"] = billing
    }
    var expectation = Expectation()
    let isOK = expectation.matches(wanted, got)
    var answer = CaseAnswer(got, isOK: isOK, difference: isOK ? nil : expectation.mismatch)
    answer.outcomeIsOK = isOK
    return answer
  }

  /// Many small executions, of which only the outcome was recorded.
  private static func several(_ runs: [JSON], of row: JSON, in world: ServiceWorld) -> CaseAnswer {
    var outcomes: [JSON] = []
    var difference: String?
    for (index, each) in runs.enumerated() {
      var machine = row["state_machine"] ?? [:]
      if let definition = each["definition"] { machine["definition"] = definition }
      machine["name"] = JSON("\(machine["name"]?.string ?? "machine")-\(index)")
      guard case .success(let arn) = create(machine, in: world) else {
        difference = difference ?? "run \(index + 1): the machine cannot be created"
        continue
      }
      var got = perform(arn, each["input"] ?? .null, nil, in: world).got
      got["events"] = nil
      outcomes.append(got)
      var expectation = Expectation()
      if !ExecutionCases.sameOutcome(each["expect"] ?? [:], got, &expectation) {
        difference = difference ?? "run \(index + 1): \(expectation.mismatch ?? "")"
      }
    }
    var answer = CaseAnswer(JSON(outcomes), isOK: difference == nil, difference: difference)
    answer.outcomeIsOK = difference == nil
    return answer
  }
}
