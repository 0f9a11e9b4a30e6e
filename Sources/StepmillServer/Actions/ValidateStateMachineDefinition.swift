import Stepmill

/// What is wrong with a definition, without making anything of it.
enum ValidateStateMachineDefinition {
  static let route = Route.direct(
    "ValidateStateMachineDefinition", isReading: true,
    [
      .required("definition", Shapes.definition), .optional("type", Shapes.type),
      .optional("severity", .choice(["ERROR", "WARNING"])),
      .optional("maxResults", .integer(min: 0, max: 100)),
    ]
  ) { service, request throws(APIError) in
    let type = request.text("type").flatMap { MachineType(rawValue: $0) } ?? .standard
    let all = DefinitionReport(request.required("definition"), type, service.configuration).diagnostics
    let found = request.text("severity") == "WARNING" ? all : all.filter { $0.severity == .error }
    let wanted = request.integer("maxResults") ?? 0
    let shown = found.prefix(wanted == 0 ? 100 : wanted)
    var body = ResponseBody()
    body.array("diagnostics", shown) { item, diagnostic in
      item.add("code", diagnostic.code)
      item.add("location", diagnostic.location)
      item.add("message", diagnostic.message)
      item.add("severity", diagnostic.severity.rawValue.uppercased())
    }
    body.add("result", all.contains { $0.severity == .error } ? "FAIL" : "OK")
    body.add("truncated", shown.count < found.count)
    return body
  }
}
