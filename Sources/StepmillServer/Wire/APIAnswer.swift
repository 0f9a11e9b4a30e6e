import Stepmill

/// What an operation answers: an HTTP status and a body of JSON.
package struct APIAnswer: Sendable {
  package let status: Int
  package let body: [UInt8]

  init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }

  init(_ body: consuming ResponseBody) {
    status = 200
    self.body = body.finish()
  }

  init(_ error: APIError) {
    status = error.status
    body = error.body
  }
}

/// An exception as the service's model knows it.
package struct APIError: Error, Hashable, Sendable {
  /// The name that clients see, such as `InvalidArn`.
  package let name: String
  package let message: String?
  /// Where the name comes from, in front of the `#` of `__type`.
  private let namespace: Namespace
  /// What few exceptions have beside their message.
  private let extra: [String: String]
  /// Clients take the name from the body; the status says whose fault it was.
  let status: Int

  private enum Namespace: String {
    case model = "com.amazonaws.swf.service.v2.model"
    case constraint = "com.amazon.coral.validate"
    case protocolLayer = "com.amazon.coral.service"
    /// Clients of CloudWatch Logs get the name alone.
    case logs = ""
  }

  private init(
    _ name: String, _ message: String?, _ namespace: Namespace = .model, extra: [String: String] = [:],
    status: Int = 400
  ) {
    self.name = name
    self.message = message
    self.namespace = namespace
    self.extra = extra
    self.status = status
  }

  /// An exception of CloudWatch Logs.
  init(logs name: String, _ message: String) { self.init(name, message, .logs) }

  /// The members in alphabetical order, as everywhere; what the protocol's own layer raises
  /// spells its message with a capital.
  var body: [UInt8] {
    var body = ResponseBody()
    body.add("__type", namespace == .logs ? name : "\(namespace.rawValue)#\(name)")
    var members = extra
    if let message { members[namespace == .protocolLayer ? "Message" : "message"] = message }
    for (key, value) in members.sorted(by: { $0.key < $1.key }) { body.add(key, value) }
    return body.finish()
  }
}

extension APIError {
  // MARK: The protocol

  static func unknownOperation() -> APIError { APIError("UnknownOperationException", nil, .protocolLayer) }

  static func serialization(_ message: String?) -> APIError {
    APIError("SerializationException", message, .protocolLayer)
  }

  static func constraints(_ failures: [String]) -> APIError {
    let count = failures.count == 1 ? "1 validation error" : "\(failures.count) validation errors"
    return APIError(
      "ValidationException", "\(count) detected: " + failures.joined(separator: "; "), .constraint)
  }

  static func accessDenied(_ message: String) -> APIError {
    APIError("AccessDeniedException", message, .protocolLayer)
  }

  static func overloaded() -> APIError {
    APIError(
      "ServiceUnavailableException", "The service has no room for more at the moment.", .protocolLayer,
      status: 503)
  }

  /// The store cannot take changes. Clients of AWS take a 503 for what passes, and try again.
  static func unwritable(_ why: String) -> APIError {
    APIError("ServiceUnavailableException", why, .protocolLayer, status: 503)
  }

  /// The store cannot read what it has kept.
  package static func unreadable(_ why: String) -> APIError {
    APIError("InternalFailure", why, .protocolLayer, status: 500)
  }

  // MARK: The model

  /// Why a request that keeps to all constraints is refused.
  enum Reason: String {
    case labeledARN = "API_DOES_NOT_SUPPORT_LABELED_ARNS"
    case missingParameter = "MISSING_REQUIRED_PARAMETER"
    case completedMapRun = "CANNOT_UPDATE_COMPLETED_MAP_RUN"
    case routing = "INVALID_ROUTING_CONFIGURATION"
  }

  static func validation(_ message: String, reason: Reason? = nil) -> APIError {
    APIError("ValidationException", message, extra: reason.map { ["reason": $0.rawValue] } ?? [:])
  }

  static func invalidARN(_ reason: String) -> APIError { APIError("InvalidArn", "Invalid Arn: '\(reason)'") }
  static func invalidARNPrefix(_ text: String) -> APIError { invalidARN("Invalid ARN prefix: \(text)") }
  static func invalidRole(_ arn: String) -> APIError { APIError("InvalidArn", "Invalid Role Arn: '\(arn)'") }
  static func wrongResource(_ type: String) -> APIError {
    invalidARN("Resource type not valid in this context: \(type)")
  }
  static func invalidName(_ name: String) -> APIError { APIError("InvalidName", "Invalid Name: '\(name)'") }
  static func invalidToken() -> APIError { APIError("InvalidToken", "Invalid Token: 'Invalid token'") }
  static func invalidDefinition(_ diagnostics: String) -> APIError {
    APIError("InvalidDefinition", "Invalid State Machine Definition: '\(diagnostics)'")
  }
  static func invalidDefinition(text: String) -> APIError { APIError("InvalidDefinition", text) }
  static func invalidInput(_ reason: String) -> APIError {
    APIError("InvalidExecutionInput", "Invalid State Machine Execution Input: '\(reason)'")
  }
  static func invalidOutput(_ output: String) -> APIError {
    APIError("InvalidOutput", "Invalid Output: '\(output)' is not valid JSON.")
  }
  static func invalidLogging(_ reason: String) -> APIError {
    APIError("InvalidLoggingConfiguration", "Invalid Logging Configuration: \(reason)")
  }
  static func invalidEncryption(_ reason: String) -> APIError {
    APIError("InvalidEncryptionConfiguration", "Invalid Encryption Configuration: \(reason)")
  }
  static func machineExists(_ arn: String) -> APIError { machineExists(text: "'\(arn)'") }
  static func machineExists(text: String) -> APIError {
    APIError("StateMachineAlreadyExists", "State Machine Already Exists: \(text)")
  }
  static func noMachine(_ arn: String) -> APIError {
    APIError("StateMachineDoesNotExist", "State Machine Does Not Exist: '\(arn)'")
  }
  static func noVersion(_ arn: String) -> APIError {
    APIError("StateMachineDoesNotExist", "State Machine Version Does Not Exist: '\(arn)'")
  }
  static func machineDeleting(_ arn: String) -> APIError {
    APIError("StateMachineDeleting", "State Machine is being deleted: '\(arn)'")
  }
  static func machineLimit() -> APIError {
    APIError("StateMachineLimitExceeded", "The maximum number of state machines has been reached.")
  }
  static func wrongType() -> APIError {
    APIError(
      "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
  }
  static func noActivity(_ arn: String) -> APIError {
    APIError("ActivityDoesNotExist", "Activity Does Not Exist: '\(arn)'")
  }
  static func activityExists(_ arn: String) -> APIError {
    APIError("ActivityAlreadyExists", "Activity Already Exists: '\(arn)'")
  }
  static func activityLimit() -> APIError {
    APIError("ActivityLimitExceeded", "The maximum number of activities has been reached.")
  }
  static func workerLimit() -> APIError {
    APIError(
      "ActivityWorkerLimitExceeded",
      "The maximum number of workers concurrently polling for activity tasks has been reached.")
  }
  static func noExecution(_ arn: String) -> APIError {
    APIError("ExecutionDoesNotExist", "Execution Does Not Exist: '\(arn)'")
  }
  static func executionExists(_ arn: String) -> APIError {
    APIError("ExecutionAlreadyExists", "Execution Already Exists: '\(arn)'")
  }
  static func executionLimit() -> APIError {
    APIError("ExecutionLimitExceeded", "The maximum number of running executions has been reached.")
  }
  static func notRedrivable(_ arn: String, _ reason: String) -> APIError {
    APIError("ExecutionNotRedrivable", "Execution \(arn) invalid for redrive as: \(reason)")
  }
  static func noResource(_ arn: String) -> APIError {
    APIError("ResourceNotFound", "Resource not found: '\(arn)'", extra: ["resourceName": arn])
  }
  /// As updating an alias was recorded to say it.
  static func noResourceUnnamed(_ arn: String) -> APIError {
    APIError(
      "ResourceNotFound", "Request references a resource that does not exist.", extra: ["resourceName": arn])
  }
  static func tooManyTags(_ arn: String) -> APIError {
    APIError("TooManyTags", "Too many tags: '\(arn)'", extra: ["resourceName": arn])
  }
  static func conflict(_ message: String) -> APIError { APIError("ConflictException", message) }
  static func quota(_ message: String) -> APIError { APIError("ServiceQuotaExceededException", message) }
  static func missingParameter(_ message: String) -> APIError {
    APIError("MissingRequiredParameter", message)
  }
  static func taskTimedOut(_ what: String) -> APIError {
    APIError("TaskTimedOut", "Task Timed Out: '\(what)'")
  }
}
