import Stepmill

// `states:startExecution` in its four patterns: what starts an execution, and what tells its end.

extension StepFunctionsService {
  /// What is wrong with the request of a task that starts an execution.
  static func nestedProblem(_ request: JSON) -> String? {
    for member in request.memberList
    where !["StateMachineArn", "Input", "Name", "TraceHeader"].contains(member.key) {
      return RequestRefusal.unknown(member.key)
    }
    return request["StateMachineArn"]?.string == nil ? RequestRefusal.missing("StateMachineArn") : nil
  }

  /// Begins a task that starts an execution.
  ///
  /// - Parameter token: The task's own, by which its end is told.
  func startNested(_ run: TaskRun, token: String, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    guard let machine = run.input["StateMachineArn"]?.string else {
      return reply(.unusable(RequestRefusal.text(run.input, RequestRefusal.missing("StateMachineArn"))))
    }
    do throws(APIError) {
      try start(run, machine, token, reply)
    } catch {
      reply(.failed(optimizedFailure(error, service: "StepFunctions", client: "AWSStepFunctions")))
    }
  }

  private func start(
    _ run: TaskRun, _ machine: String, _ token: String, _ reply: @escaping @Sendable (TaskReply) -> Void
  ) throws(APIError) {
    let name = try MachineName(unlabeled: machine)
    try checkName(run.input["Name"]?.string)
    let order = ExecutionOrder(
      machine: name, name: run.input["Name"]?.string,
      input: Self.input(run.input["Input"]),
      traceHeader: run.input["TraceHeader"]?.string)
    // A role of another account starts that account's machines.
    let scope = run.roleARN == nil ? run.scope : name.scope
    let target = try self.target(name, in: scope)
    let isJob = run.resource.pattern == .sync || run.resource.pattern == .sync2
    guard target.revision.type == .standard else {
      // Nobody can ask later what has become of it.
      if isJob { throw .wrongType() }
      let execution = try startExpress(order, target, in: scope, isSynchronous: false) { _, _ in }
      return reply(.succeeded(started(execution.arn, execution.startDate)))
    }
    let child = try startStandard(order, target, in: scope)
    let response = started(child.arn, child.startDate)
    guard isJob else { return reply(.succeeded(response)) }
    jobs.withLock { $0[token] = child }
    reply(.submitted(response))
    let isParsed = run.resource.pattern == .sync2
    whenEnded(child) { [self] child in
      // A task that was given up meanwhile does not hear of it.
      guard jobs.withLock({ $0.removeValue(forKey: token) }) != nil else { return }
      let description = Self.description(of: child, isParsed: isParsed)
      let result: Result<JSON, TaskFailure> =
        child.status.state == .succeeded
        ? .success(description)
        : .failure(TaskFailure(error: "States.TaskFailed", cause: description.text))
      host.complete(token, region: run.scope.region, account: run.scope.account, result) { _ in }
    }
  }

  /// A text that holds JSON is sent as it is, anything else as JSON.
  private static func input(_ value: JSON?) -> String? {
    guard let value, !value.isNull else { return nil }
    if let text = value.string, (try? JSON(parsing: text)) != nil { return text }
    return value.text
  }

  /// Nobody waits any more for the job that goes by this token: a nested execution is stopped.
  func abandon(_ token: String) {
    if let child = jobs.withLock({ $0.removeValue(forKey: token) }) { stop(child, error: nil, cause: nil) }
  }

  /// What `StartExecution` answers, as an optimized integration has it.
  private func started(_ arn: String, _ date: Int64) -> JSON {
    let requestID = identifiers.uuid()
    return [
      "ExecutionArn": JSON(arn),
      "SdkHttpMetadata": ResultMetadata.http(requestID, "application/x-amz-json-1.0"),
      "SdkResponseMetadata": ["RequestId": JSON(requestID)], "StartDate": JSON(TimeText.iso(date)),
    ]
  }

  /// What an execution has come to, as `.sync` has it: input and output as texts, or parsed.
  private static func description(of execution: StoredExecution, isParsed: Bool) -> JSON {
    let status = execution.status
    // It has ended just now, so its contents are still here.
    let contents = (try? execution.contents()) ?? StoredExecution.Contents()
    func data(_ text: String) -> JSON { isParsed ? (try? JSON(parsing: text)) ?? JSON(text) : JSON(text) }
    var members: [(key: String, value: JSON)] = []
    if let cause = contents.cause { members.append(("Cause", JSON(cause))) }
    let error = contents.error ?? (status.state == .timedOut ? "States.Timeout" : nil)
    if let error { members.append(("Error", JSON(error))) }
    members.append(("ExecutionArn", JSON(execution.arn)))
    members.append(("Input", data(contents.input)))
    members.append(("InputDetails", ["Included": true]))
    members.append(("Name", JSON(execution.name)))
    if let output = contents.output {
      members.append(("Output", data(output)))
      members.append(("OutputDetails", ["Included": true]))
    }
    members.append(("RedriveCount", JSON(status.redriveCount)))
    let isRedrivable = status.state != .succeeded
    members.append(("RedriveStatus", JSON(isRedrivable ? "REDRIVABLE" : "NOT_REDRIVABLE")))
    if !isRedrivable {
      members.append(("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven"))
    }
    members.append(("StartDate", JSON(execution.startDate)))
    members.append(("StateMachineArn", JSON(execution.machineARN)))
    if let alias = execution.aliasARN { members.append(("StateMachineAliasArn", JSON(alias))) }
    if let version = execution.versionARN { members.append(("StateMachineVersionArn", JSON(version))) }
    members.append(("Status", JSON(status.state.rawValue)))
    if let date = status.stopDate { members.append(("StopDate", JSON(date))) }
    return JSON(members: members)
  }

  /// An error of the service's own API as an optimized integration reports it.
  func optimizedFailure(_ error: APIError, service: String, client: String) -> TaskFailure {
    TaskFailure(
      error: "\(service).\(Self.className(error.name))",
      cause: "\(error.message ?? "null") (Service: \(client); Status Code: \(error.status); Error Code: "
        + "\(error.name); Request ID: \(identifiers.uuid()); Proxy: null)")
  }

  /// Names of exceptions end in `Exception`.
  static func className(_ name: String) -> String { name.hasSuffix("Exception") ? name : name + "Exception" }
}
