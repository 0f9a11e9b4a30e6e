import Stepmill

/// Where a revision keeps its compiled form.
final class WorkflowSlot: Sendable {
  private let bound = Lock<BoundWorkflow?>(nil)

  /// The compiled form, made by `make` when there is none.
  func workflow(_ make: () -> BoundWorkflow) -> BoundWorkflow {
    if let known = bound.withLock({ $0 }) { return known }
    // Two threads may make it at the same time; either will do.
    let made = make()
    bound.withLock { $0 = $0 ?? made }
    return made
  }
}

extension StepFunctionsService {
  // MARK: Finding

  /// The machine that a name is of, in the caller's own scope.
  func machine(_ name: MachineName, for request: Request) throws(APIError) -> StateMachine {
    guard name.scope == request.scope, let machine = store.machine(name.name, in: name.scope) else {
      throw .noMachine(name.arn)
    }
    return machine
  }

  /// The machine that an ARN without a version or an alias names.
  func unqualifiedMachine(_ arn: String, for request: Request) throws(APIError) -> (MachineName, StateMachine)
  {
    let name = try MachineName(unlabeled: arn)
    guard name.qualifier == nil else { throw .noMachine(arn) }
    return (name, try machine(name, for: request))
  }

  func activityName(_ arn: String) throws(APIError) -> (name: String, scope: Scope) {
    let name = try ServiceARN(arn)
    guard case .activity(let activity) = name.resource else { throw .wrongResource(name.kind) }
    return (activity, name.scope)
  }

  // MARK: Definitions

  /// Refuses a definition that is not valid, with all its errors.
  func validate(_ definition: String, _ type: MachineType) throws(APIError) {
    let errors = DefinitionReport(definition, type, configuration).diagnostics.filter {
      $0.severity == .error
    }
    guard errors.isEmpty else { throw .invalidDefinition(DefinitionReport.text(of: errors)) }
  }

  /// The compiled form of a revision.
  func workflow(of revision: MachineRevision, name: String, in scope: Scope) -> BoundWorkflow {
    revision.workflow.workflow { bind(revision, name: name, in: scope) }
  }

  private func bind(_ revision: MachineRevision, name: String, in scope: Scope) -> BoundWorkflow {
    let isExpress = revision.type == .express
    let identity = MachineIdentity(
      partition: scope.partition, region: scope.region, account: scope.account, name: name,
      kind: isExpress ? .express : .standard, roleARN: revision.roleARN)
    let level = isExpress ? revision.logging.historyLevel : .all
    let observer: HistoryObserver? =
      level == .off
      ? nil
      : .listeners(level: level, includesData: !isExpress || revision.logging.includesExecutionData)
    return host.bind(
      DefinitionReport.runnable(revision.definition, revision.type, configuration), identity,
      limits: isExpress ? configuration.expressLimits : configuration.standardLimits, observer: observer,
      mapRuns: ServiceMapRuns(self, revision, name: name, in: scope)
    ) { resource in
      resolver.handler(of: resource, in: scope, for: self)
    }
  }

  // MARK: Parts of requests

  /// What a machine called `name` logs, and where to; nil where the request does not say.
  func logging(_ request: Request, of name: String) throws(APIError) -> LoggingConfiguration? {
    guard let part = request.structure("loggingConfiguration") else { return nil }
    var logging = LoggingConfiguration()
    logging.level = part.text("level").flatMap { LoggingConfiguration.Level(rawValue: $0) } ?? .off
    logging.includesExecutionData = part.flag("includeExecutionData") ?? false
    let destinations = part.structures("destinations")
    for destination in destinations {
      guard let arn = destination.structure("cloudWatchLogsLogGroup")?.text("logGroupArn") else {
        throw .invalidLogging("Log Destination must specify a CloudWatch Logs log group.")
      }
      let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
      guard parts.count == 6, parts[0] == "arn", parts[2] == "logs", parts[5].hasPrefix("log-group:") else {
        throw .invalidLogging("Log Destination ARN is not valid: \(arn)")
      }
      guard arn.hasSuffix(":*") else {
        throw .invalidLogging("Log Group ARN must be provided with '*' qualifier.")
      }
      logging.destinations.append(arn)
    }
    if logging.level != .off || !destinations.isEmpty, destinations.count != 1 {
      throw .invalidLogging("Must specify exactly one Log Destination.")
    }
    if logging.level != .off, !name.utf8.allSatisfy({ $0 < 0x80 }) {
      throw .invalidLogging("The name of a state machine with logging must be ASCII.")
    }
    return logging
  }

  func encryption(_ request: Request) throws(APIError) -> EncryptionConfiguration? {
    guard let part = request.structure("encryptionConfiguration") else { return nil }
    let key = part.text("kmsKeyId")
    let seconds = part.integer("kmsDataKeyReusePeriodSeconds")
    if part.required("type") == "AWS_OWNED_KEY" {
      guard key == nil, seconds == nil else {
        throw .invalidEncryption(
          "kmsKeyId and kmsDataKeyReusePeriodSeconds cannot be set when type is AWS_OWNED_KEY")
      }
      return EncryptionConfiguration()
    }
    guard let key else {
      throw .invalidEncryption("kmsKeyId must be set when type is CUSTOMER_MANAGED_KMS_KEY")
    }
    return EncryptionConfiguration(keyID: key, reuseSeconds: seconds ?? 300)
  }

  func tags(_ request: Request, adding to: [Tag] = [], of arn: String) throws(APIError) -> [Tag] {
    var tags = to
    for part in request.structures("tags") {
      let key = part.required("key")
      guard !key.lowercased().hasPrefix("aws:") else {
        throw .accessDenied("Caller is an end user and not allowed to mutate system tags")
      }
      let tag = Tag(key: key, value: part.text("value") ?? "")
      if let index = tags.firstIndex(where: { $0.key == key }) { tags[index] = tag } else { tags.append(tag) }
    }
    guard tags.count <= configuration.tagsMax else { throw .tooManyTags(arn) }
    return tags
  }

  func checkRole(_ arn: String) throws(APIError) {
    let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/") else {
      throw .invalidRole(arn)
    }
  }

  // MARK: Versions

  /// Makes a version of what a machine is now, unless its latest one is that already.
  func publish(
    _ machine: inout StateMachine, description: String?, at date: Int64
  ) throws(APIError) -> MachineVersion {
    if let latest = machine.versions.last, latest.revision === machine.revision { return latest }
    guard machine.versions.count < configuration.versionsMax else {
      throw .quota("The maximum number of versions for this state machine has been reached.")
    }
    machine.lastVersion += 1
    let version = MachineVersion(
      number: machine.lastVersion, revision: machine.revision, description: description, creationDate: date)
    machine.versions.append(version)
    if version.number == 1 { machine.firstVersion = StateMachine.FirstVersion(description: description) }
    return version
  }

  /// The routes of an alias, checked.
  func routes(
    _ request: Request, of machine: MachineName?
  ) throws(APIError) -> (machine: MachineName, routes: [MachineAlias.Route]) {
    let parts = request.structures("routingConfiguration")
    let arns = parts.map { $0.required("stateMachineVersionArn") }
    let list = arns.joined(separator: ", ")
    var names: [MachineName] = []
    var routes: [MachineAlias.Route] = []
    for (part, arn) in zip(parts, arns) {
      let name = try MachineName(unlabeled: arn)
      guard case .version(let version) = name.qualifier else {
        throw .validation(
          "Routing configuration must contain state machine version ARNs. Received: [\(list)]",
          reason: .routing)
      }
      names.append(name)
      routes.append(MachineAlias.Route(version: version, weight: part.integer("weight") ?? 0))
    }
    guard Set(names.map(\.machineARN)).count == 1,
      machine.map({ $0.machineARN == names[0].machineARN }) ?? true
    else {
      throw .validation(
        "Routing configuration must contain state machine version ARNs for the same state machine. "
          + "Received: [\(list)]", reason: .routing)
    }
    guard Set(routes.map(\.version)).count == routes.count else {
      throw .validation(
        "Routing configuration must contain distinct state machine version ARNs. Received: [\(list)]",
        reason: .routing)
    }
    let weights = routes.map(\.weight)
    guard weights.reduce(0, +) == 100 else {
      throw .validation(
        "Sum of routing configuration weights must equal 100. Received: \(weights)", reason: .routing)
    }
    return (names[0], routes)
  }
}

// MARK: - Parts of answers

extension ResponseBody {
  mutating func add(_ logging: LoggingConfiguration) {
    object("loggingConfiguration") { part in
      if !logging.destinations.isEmpty {
        part.array("destinations", logging.destinations) { destination, arn in
          destination.object("cloudWatchLogsLogGroup") { $0.add("logGroupArn", arn) }
        }
      }
      part.add("includeExecutionData", logging.includesExecutionData)
      part.add("level", logging.level.rawValue)
    }
  }

  mutating func add(_ encryption: EncryptionConfiguration) {
    object("encryptionConfiguration") { part in
      part.add("kmsDataKeyReusePeriodSeconds", encryption.reuseSeconds)
      part.add("kmsKeyId", encryption.keyID)
      part.add("type", encryption.keyID == nil ? "AWS_OWNED_KEY" : "CUSTOMER_MANAGED_KMS_KEY")
    }
  }

  mutating func add(_ routes: [MachineAlias.Route], of name: String, in scope: Scope) {
    array("routingConfiguration", routes) { part, route in
      part.add("stateMachineVersionArn", scope.versionARN(name, route.version))
      part.add("weight", route.weight)
    }
  }

  mutating func add(_ references: [(state: String, variables: [String])]) {
    guard !references.isEmpty else { return }
    object("variableReferences") { part in
      for reference in references { part.array(reference.state, texts: reference.variables) }
    }
  }
}
