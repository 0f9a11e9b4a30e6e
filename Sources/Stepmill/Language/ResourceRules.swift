// A task's `Resource`: an ARN, or (here, not on AWS) the name of a handler.

/// The parts of a resource.
struct ResourceName {
  /// `arn:partition:service:region:account:` and the rest, or nothing if the text is no ARN.
  let parts: [Substring]

  init(_ text: String) {
    // As bytes: taking characters apart costs ten times as much.
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    self.parts = parts.first.map { Substring($0) } == "arn" ? parts.map { Substring($0) } : []
  }

  var claimsToBeARN: Bool { !parts.isEmpty }
  var isARN: Bool {
    parts.count >= 6 && !parts[1].isEmpty && !parts[2].isEmpty && !parts[5].isEmpty
  }
  private var service: Substring { parts.count > 2 ? parts[2] : "" }

  var isActivity: Bool { isARN && service == "states" && parts[5] == "activity" }

  /// `lambda:invoke.waitForTaskToken`, `aws-sdk:sqs:listQueues`, …: an integration by its service and action.
  var integration: [Substring]? {
    guard isARN, service == "states", parts[4].isEmpty, !isActivity else { return nil }
    return Array(parts[5...])
  }

  /// The version or alias of a function; nil if the text is no function or names none.
  var functionQualifier: Substring? {
    guard isARN, service == "lambda", parts[5] == "function", parts.count > 7 else { return nil }
    return parts.count == 8 ? parts[7] : ""
  }

  var isUnnamedFunction: Bool {
    isARN && service == "lambda" && parts[5] == "function" && (parts.count < 7 || parts[6].isEmpty)
  }
}

/// The integrations with their own request form, and which patterns they take.
enum Integrations {
  struct Patterns: OptionSet {
    let rawValue: Int
    static let sync = Patterns(rawValue: 1)
    static let token = Patterns(rawValue: 2)
    /// `.sync:2`, whose result is parsed JSON.
    static let sync2 = Patterns(rawValue: 4)
  }

  /// Service, actions of each pattern set.
  private static let table: [(service: String, patterns: Patterns, actions: [String])] = [
    ("lambda", .token, ["invoke"]),
    ("sqs", .token, ["sendMessage"]),
    ("sns", .token, ["publish"]),
    ("dynamodb", [], ["getItem", "putItem", "updateItem", "deleteItem"]),
    ("events", .token, ["putEvents"]),
    ("states", [.sync, .sync2, .token], ["startExecution"]),
    ("ecs", [.sync, .token], ["runTask"]),
    ("batch", [.sync, .token], ["submitJob"]),
    ("glue", .sync, ["startJobRun"]),
    ("databrew", .sync, ["startJobRun"]),
    ("athena", .sync, ["startQueryExecution"]),
    ("athena", [], ["stopQueryExecution", "getQueryExecution", "getQueryResults"]),
    ("codebuild", .sync, ["startBuild", "startBuildBatch", "retryBuildBatch"]),
    (
      "codebuild", [],
      ["stopBuild", "batchDeleteBuilds", "batchGetReports", "stopBuildBatch", "deleteBuildBatch"]
    ),
    ("sagemaker", [], ["createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"]),
    (
      "sagemaker", .sync,
      [
        "createHyperParameterTuningJob", "createLabelingJob", "createProcessingJob", "createTrainingJob",
        "createTransformJob",
      ]
    ),
    ("elasticmapreduce", .sync, ["createCluster", "terminateCluster", "addStep"]),
    (
      "elasticmapreduce", [],
      [
        "cancelStep", "setClusterTerminationProtection", "modifyInstanceFleetByName",
        "modifyInstanceGroupByName",
      ]
    ),
    ("emr-containers", [], ["createVirtualCluster"]),
    ("emr-containers", .sync, ["deleteVirtualCluster", "startJobRun"]),
    (
      "emr-serverless", .sync,
      [
        "createApplication", "startApplication", "stopApplication", "deleteApplication", "startJobRun",
        "cancelJobRun",
      ]
    ),
    (
      "eks", .sync,
      [
        "createCluster", "deleteCluster", "createFargateProfile", "deleteFargateProfile", "createNodegroup",
        "deleteNodegroup",
      ]
    ),
    ("eks", [.sync, .token], ["runJob"]),
    ("eks", .token, ["call"]),
    ("apigateway", .token, ["invoke"]),
    ("bedrock", .token, ["invokeModel"]),
    ("bedrock", .sync, ["createModelCustomizationJob"]),
    ("mediaconvert", .sync, ["createJob"]),
    ("http", [], ["invoke"]),
  ]

  private static let patterns: [String: Patterns] = {
    var patterns: [String: Patterns] = [:]
    for row in table {
      for action in row.actions { patterns["\(row.service):\(action)"] = row.patterns }
    }
    return patterns
  }()

  /// Services whose actions are taken as they come, since no table of them is at hand.
  private static let openServices: Set<Substring> = ["bedrock-agentcore"]

  static func isKnown(_ parts: [Substring]) -> Bool {
    guard let service = parts.first, parts.count >= 2 else { return false }
    if service == "aws-sdk" { return isSDKCall(parts) }
    if openServices.contains(service) { return parts.count == 2 && !parts[1].isEmpty }
    let action = parts[1].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = action.first, let allowed = patterns["\(service):\(name)"] else { return false }
    let suffix = action.count > 1 ? String(action[1]) : ""
    switch (suffix, parts.count) {
    case ("", 2): return true
    case ("sync", 2): return allowed.contains(.sync)
    case ("sync", 3): return allowed.contains(.sync2) && parts[2] == "2"
    case ("waitForTaskToken", 2): return allowed.contains(.token)
    default: return false
    }
  }

  /// `aws-sdk:service:action`, request-response or with a token; a job cannot be waited for.
  private static func isSDKCall(_ parts: [Substring]) -> Bool {
    guard parts.count == 3, !parts[1].isEmpty else { return false }
    let action = parts[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    return action.first?.isEmpty == false && (action.count == 1 || action[1] == "waitForTaskToken")
  }

  static func names() -> some Sequence<String> { patterns.keys }
}

extension DefinitionReader {
  func checkResource(_ resource: Located<String>) {
    // A large definition names few resources, many times.
    if goodResources[resource.value] != nil { return }
    let errorCount = report.errorCount
    checkResourceOnce(resource)
    guard report.errorCount == errorCount else { return }
    // 1 says that a request of it can be checked.
    let integration = ResourceName(resource.value).integration
    let hasRules = integration?.first == "aws-sdk" || integration == ["ecs", "runTask.sync"]
    _ = goodResources.insert(resource.value, hasRules ? 1 : 0)
  }

  private func checkResourceOnce(_ resource: Located<String>) {
    let name = ResourceName(resource.value)
    if !name.claimsToBeARN, options.allowsPlainResources, !resource.value.isEmpty {
      if options.notesPlainResources {
        note(
          "The resource '\(resource.value)' names a handler of this process; AWS takes only ARNs.",
          code: DiagnosticCode.beyondService, at: resource.node)
      }
      return
    }
    guard name.isARN, !name.isUnnamedFunction, name.functionQualifier.map(isQualifier) ?? true else {
      error("Value is not a valid resource ARN", at: resource.node)
      return
    }
    if let integration = name.integration, !Integrations.isKnown(integration) {
      error(
        "The resource provided \(resource.value) is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.",
        at: resource.node, hint: didYouMean(integration.joined(separator: ":"), Integrations.names()))
      return
    }
    if isExpress { checkExpress(name, resource) }
  }

  /// A version or alias of a function.
  private func isQualifier(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "$"):
          true
        default: false
        }
      }
  }

  private func checkExpress(_ name: ResourceName, _ resource: Located<String>) {
    if name.isActivity {
      error("Express state machine does not support Activity ARN", at: resource.node)
    }
    guard let action = name.integration?.joined(separator: ":") else { return }
    if action.hasSuffix(".sync") || action.hasSuffix(".sync:2") {
      error("Express state machine does not support '.sync' service integration", at: resource.node)
    } else if action.hasSuffix(".waitForTaskToken") {
      // The space at the end is the service's.
      error(
        "Express state machine does not support '.waitForTaskToken' service integration ", at: resource.node)
    }
  }
}
