import Stepmill

// `aws-sdk:sfn:…`: the service's own API as a task. Names are capitalised on the way in and out,
// and times are texts, as the SDK's generic adapter has it.

extension StepFunctionsService {
  func callSelf(_ run: TaskRun, _ reply: @escaping @Sendable (TaskReply) -> Void) {
    let operation = run.resource.action.prefix(1).uppercased() + run.resource.action.dropFirst()
    guard let route = Routes.table[operation] else {
      return reply(.failed(sdkFailure(.unknownOperation())))
    }
    let body = Self.renamed(run.input, route.members)
    handle(operation, body: body.utf8, scope: run.scope) { [unowned self] answer in
      let result = (try? JSON(parsing: answer.body)) ?? [:]
      guard answer.status == 200 else {
        let name = result["__type"]?.string.map { String($0.split(separator: "#").last ?? "") } ?? ""
        let text = result["message"]?.string ?? result["Message"]?.string
        return reply(.failed(sdkFailure(name, text, status: answer.status)))
      }
      reply(.succeeded(Self.capitalised(result)))
    }
  }

  private func sdkFailure(_ error: APIError) -> TaskFailure {
    sdkFailure(error.name, error.message, status: error.status)
  }

  private func sdkFailure(_ name: String, _ message: String?, status: Int) -> TaskFailure {
    // What the model does not know is the service's general exception.
    let general: Set<String> = [
      "UnknownOperationException", "SerializationException", "AccessDeniedException",
    ]
    let error = general.contains(name) ? "SfnException" : Self.className(name)
    return TaskFailure(
      error: "Sfn.\(error)",
      cause: "\(message ?? "null") (Service: Sfn, Status Code: \(status), Request ID: \(identifiers.uuid())) "
        + "(SDK Attempt Count: 1)")
  }

  /// A request with the names of the model: `StateMachineArn` is `stateMachineArn`.
  private static func renamed(_ value: JSON, _ members: [RequestMember]) -> JSON {
    guard let given = value.object else { return value }
    return JSON(
      members: given.map { member in
        let name = member.key.prefix(1).lowercased() + member.key.dropFirst()
        guard let shape = members.first(where: { $0.name == name })?.shape else {
          return (name, member.value)
        }
        return (name, renamed(member.value, shape))
      })
  }

  private static func renamed(_ value: JSON, _ shape: RequestShape) -> JSON {
    switch shape {
    case .structure(_, let members): renamed(value, members)
    case .list(let element, _, _): value.array.map { JSON($0.map { renamed($0, element) }) } ?? value
    // Where the model wants a text, JSON goes as its text.
    case .text: value.kind == .object || value.kind == .array ? JSON(value.text) : value
    case .choice, .integer, .number, .boolean: value
    }
  }

  private static func capitalised(_ value: JSON) -> JSON {
    if let elements = value.array { return JSON(elements.map(capitalised)) }
    guard let members = value.object else { return value }
    return JSON(
      members: members.map { member in
        let name = member.key.prefix(1).uppercased() + member.key.dropFirst()
        let isTime = name.hasSuffix("Date") || name == "Timestamp"
        if isTime, let seconds = member.value.double {
          return (name, JSON(TimeText.iso(Int64((seconds * 1000).rounded()))))
        }
        // Names in here are of the user's making.
        if name == "VariableReferences" || name == "AssignedVariables" { return (name, member.value) }
        return (name, capitalised(member.value))
      })
  }
}
