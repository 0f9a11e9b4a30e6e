#if !STEPMILL_FUZZER
  @testable import Stepmill
  @testable import StepmillServer
#endif

/// Any bytes as a request: the first line is the operation, the rest its body. The service
/// answers once at most, and its answer is a JSON object that says what is wrong.
enum RequestFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let (name, body) = splitAtLine(bytes)
    let host = ManualHost(seed: 1)
    defer { host.close() }
    let service = StepFunctionsService(host: host, identifiers: IdentifierSource(seed: 1))
    let answers = Answers()
    let operation = String(decoding: name, as: UTF8.self)
    // Known operations are met more often when a number will do for a name.
    let known = StepFunctionsService.operations
    let chosen = Int(operation).map { known[abs($0 % known.count)] } ?? operation
    for _ in 0..<2 {
      service.handle(chosen, body: Array(body), scope: Scope(region: "us-east-1", account: "123456789012")) {
        answers.add($0)
      }
      host.run(turnsMax: 2000)
    }
    precondition(answers.all.count <= 2, "a request was answered twice")
    for answer in answers.all {
      guard let json = try? JSON(parsing: answer.body), json.object != nil else {
        preconditionFailure("an answer is no object")
      }
      precondition((json["__type"] != nil) == (answer.status != 200), "an error without its name")
    }
  }

  /// What was answered, on one thread.
  private final class Answers: @unchecked Sendable {
    private(set) var all: [APIAnswer] = []
    func add(_ answer: APIAnswer) { all.append(answer) }
  }
}
