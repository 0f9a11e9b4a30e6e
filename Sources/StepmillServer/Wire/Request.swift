import Stepmill

/// A request whose body has been held against its table: its members by name, of the types that
/// the table says.
struct Request: Sendable {
  let scope: Scope
  /// For what waits long: a closure that is called if the client goes away before its answer.
  var whenAbandoned: Abandonment?
  private let body: JSON

  typealias Abandonment = @Sendable (@escaping @Sendable () -> Void) -> Void

  /// Reads a body.
  init(_ bytes: [UInt8], _ members: [RequestMember], in scope: Scope) throws(APIError) {
    let body: JSON
    do {
      body = bytes.isEmpty ? [:] : try JSON(parsing: bytes)
    } catch {
      throw .serialization(nil)
    }
    guard body.kind == .object else {
      throw .serialization(body.isNull ? nil : "Unexpected value type in payload")
    }
    if let problem = TypeCheck.problem(body, members) { throw .serialization(problem) }
    var constraints = ConstraintCheck()
    constraints.check(body, members)
    guard constraints.failures.isEmpty else { throw .constraints(constraints.failures) }
    self.body = body
    self.scope = scope
  }

  /// A structure inside a request.
  private init(_ body: JSON, _ scope: Scope) {
    self.body = body
    self.scope = scope
  }

  private func value(_ name: String) -> JSON? {
    guard let value = body[name], !value.isNull else { return nil }
    return value
  }

  func has(_ name: String) -> Bool { value(name) != nil }
  func text(_ name: String) -> String? { value(name)?.string }
  /// A member that the table requires.
  func required(_ name: String) -> String { text(name) ?? "" }
  func integer(_ name: String) -> Int? { value(name).map(ConstraintCheck.integer) }
  func number(_ name: String) -> Double? { value(name)?.double }
  func flag(_ name: String) -> Bool? { value(name)?.bool }
  func structure(_ name: String) -> Request? { value(name).map { Request($0, scope) } }
  func structures(_ name: String) -> [Request] { value(name)?.array?.map { Request($0, scope) } ?? [] }
  func texts(_ name: String) -> [String] { value(name)?.array?.compactMap(\.string) ?? [] }
}
