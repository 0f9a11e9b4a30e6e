import Stepmill

// Where tasks go: a table from resources to whoever serves them.
//
// The service serves some itself (activities, its own API). Everything else is asked for: a
// resolver is given the resource's ARN and answers with a handler, or not. Requests are shaped,
// errors are named and answers are wrapped around the handlers, so that a handler sees what its
// service would see.

/// A call of a task.
package struct TaskRun: Sendable {
  /// The Task's `Resource`.
  package let resource: TaskResourceName
  /// After Parameters or Arguments.
  package let input: JSON
  package let scope: Scope
  package let executionARN: String
  package let state: String
  package let retryCount: Int
  /// The role that `Credentials` name.
  package let roleARN: String?
}

/// What comes of a call.
package enum TaskReply: Sendable {
  case succeeded(JSON)
  case failed(TaskFailure)
  /// A job goes on that the service's response belongs to; its end is told by the token.
  case submitted(JSON)
}

/// Finds who serves a resource.
package protocol TaskResolver: Sendable {
  /// - Returns: Begins a call and answers it once, on any thread; nil where this one does not
  ///   know the resource.
  func handler(
    of resource: TaskResourceName
  ) -> (@Sendable (TaskRun, @escaping @Sendable (TaskReply) -> Void) -> Void)?
}

/// A task's `Resource`, taken apart.
package struct TaskResourceName: Hashable, Sendable {
  package enum Pattern: String, Sendable {
    case requestResponse = ""
    case sync = ".sync"
    case sync2 = ".sync:2"
    case callback = ".waitForTaskToken"

    /// The answer to the request is not the task's result.
    var goesOn: Bool { self != .requestResponse }
  }

  package let arn: String
  /// `lambda`, `states`, `aws-sdk:sfn`; `function` and `activity` for ARNs of those; empty for
  /// what is no ARN.
  package let service: String
  /// `invoke`, `startExecution`; the name of a function (with its qualifier) or an activity.
  package let action: String
  package let pattern: Pattern

  package init(_ arn: String) {
    self.arn = arn
    let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn" else {
      (service, action, pattern) = ("", arn, .requestResponse)
      return
    }
    var rest = parts[5]
    if parts[2] == "lambda", rest.hasPrefix("function:") {
      (service, action, pattern) = ("function", String(rest.dropFirst(9)), .requestResponse)
      return
    }
    if parts[2] == "states", rest.hasPrefix("activity:") {
      (service, action, pattern) = ("activity", String(rest.dropFirst(9)), .requestResponse)
      return
    }
    let pattern = [Pattern.sync2, .sync, .callback].first { rest.hasSuffix($0.rawValue) } ?? .requestResponse
    rest.removeLast(pattern.rawValue.count)
    guard let colon = rest.lastIndex(of: ":") else {
      (service, action) = (parts[2], rest)
      self.pattern = pattern
      return
    }
    service = String(rest[..<colon])
    action = String(rest[rest.index(after: colon)...])
    self.pattern = pattern
  }
}

/// All who serve tasks, the service itself first.
struct TaskDirectory: Sendable {
  private let resolvers: [any TaskResolver]

  init(_ resolvers: [any TaskResolver]) {
    self.resolvers = resolvers
  }

  /// The engine's handler for a resource of a machine in `scope`.
  func handler(of arn: String, in scope: Scope, for service: StepFunctionsService) -> TaskHandler {
    let resource = TaskResourceName(arn)
    if resource.service == "activity" { return service.activityHandler(arn, in: scope) }
    let begin = self.begin(resource, service)
    let host = service.host
    let abandoned: @Sendable (String) -> Void = { [unowned service] in service.abandon($0) }
    return .deferred(abandoned: abandoned) { request in
      let run = TaskRun(
        resource: resource, input: request.input, scope: scope, executionARN: request.execution,
        state: request.state, retryCount: request.retryCount, roleARN: request.roleARN)
      begin(run, request.token) { reply in
        switch reply {
        case .succeeded(let output) where resource.pattern.goesOn: host.submit(request.token, output)
        case .succeeded(let output): host.answer(request.token, .success(output))
        case .submitted(let response): host.submit(request.token, response)
        case .failed(let failure) where resource.pattern.goesOn: host.submitFailed(request.token, failure)
        case .failed(let failure): host.answer(request.token, .failure(failure))
        }
      }
    }
  }

  private typealias Begin = @Sendable (TaskRun, String, @escaping @Sendable (TaskReply) -> Void) -> Void

  private func begin(_ resource: TaskResourceName, _ service: StepFunctionsService) -> Begin {
    for resolver in resolvers {
      if let handler = resolver.handler(of: resource) { return { run, _, reply in handler(run, reply) } }
    }
    switch (resource.service, resource.action) {
    case ("states", "startExecution"):
      return { [unowned service] run, token, reply in service.startNested(run, token: token, reply) }
    case ("aws-sdk:sfn", _):
      return { [unowned service] run, _, reply in service.callSelf(run, reply) }
    default:
      return { run, _, reply in reply(.failed(Self.nobody(run.resource))) }
    }
  }

  /// What a task fails with that nobody serves: as where the service's host cannot be reached.
  private static func nobody(_ resource: TaskResourceName) -> TaskFailure {
    switch resource.service {
    case "function", "lambda":
      return TaskFailure(
        error: "Lambda.SdkClientException",
        cause:
          "No Lambda function can be reached: the server knows no function endpoint for '\(resource.arn)'.")
    default:
      let prefix = ServiceNames.errorPrefix(of: resource.service)
      return TaskFailure(
        error: "\(prefix).SdkClientException",
        cause: "Unable to execute HTTP request: the server knows no endpoint for '\(resource.arn)'.")
    }
  }
}

/// How errors of a service are called.
enum ServiceNames {
  private static let optimized: [String: String] = [
    "lambda": "Lambda", "sqs": "SQS", "sns": "SNS", "dynamodb": "DynamoDB", "events": "EventBridge",
    "states": "StepFunctions", "ecs": "ECS", "batch": "Batch", "glue": "Glue", "databrew": "DataBrew",
    "athena": "Athena", "codebuild": "CodeBuild", "sagemaker": "SageMaker",
    "elasticmapreduce": "ElasticMapReduce", "emr-containers": "EMRContainers",
    "emr-serverless": "EMRServerless", "eks": "EKS", "apigateway": "ApiGateway", "bedrock": "Bedrock",
    "mediaconvert": "MediaConvert", "http": "Events",
  ]

  private static let sdk: [String: String] = [
    "dynamodb": "DynamoDb", "cloudwatchlogs": "CloudWatchLogs", "cloudwatch": "CloudWatch",
    "eventbridge": "EventBridge", "secretsmanager": "SecretsManager", "apigateway": "ApiGateway",
    "stepfunctions": "Sfn",
  ]

  static func errorPrefix(of service: String) -> String {
    if service.hasPrefix("aws-sdk:") {
      let name = String(service.dropFirst(8))
      return sdk[name] ?? name.prefix(1).uppercased() + name.dropFirst()
    }
    return optimized[service] ?? service.prefix(1).uppercased() + service.dropFirst()
  }
}
