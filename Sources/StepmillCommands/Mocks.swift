import Stepmill

/// Canned answers for tasks, from a file.
final class Mocks: Sendable {
  struct Answer: Sendable {
    var result: Result<JSON, TaskFailure>
    var delayMilliseconds: Int
  }

  private let answers: [String: [Answer]]
  /// How often each state has been answered.
  private let calls = Lock<[String: Int]>([:])

  init(_ answers: [String: [Answer]]) {
    self.answers = answers
  }

  /// The member that answers for a task: its state's, or its resource's.
  func key(for task: CompiledDefinition.Task) -> String? {
    ([task.state] + HandlerName.aliases(of: task.resource)).first { answers[$0] != nil }
  }

  /// The answer to a state's next call.
  func next(_ key: String, state: String) -> Answer {
    let call = calls.withLock { calls in
      defer { calls[state, default: 0] += 1 }
      return calls[state, default: 0]
    }
    let list = answers[key] ?? []
    return list[min(call, list.count - 1)]
  }

  /// The answer of a member that always gives the same one.
  func only(_ key: String) -> Answer? {
    guard let list = answers[key], list.count == 1 else { return nil }
    return list[0]
  }

  // MARK: Reading

  static func load(
    _ path: String, for definition: CompiledDefinition, _ terminal: Terminal
  ) throws(CommandError) -> Mocks {
    let text = try DefinitionFile.readData(path, terminal)
    let json = try JSONArgument.parse(text, name: path, terminal)
    let reader = MocksReader(file: path)
    let answers = try reader.read(json)
    try reader.checkNames(answers.keys.sorted(), definition)
    return Mocks(answers)
  }
}

private struct MocksReader {
  let file: String

  func read(_ json: JSON) throws(CommandError) -> [String: [Mocks.Answer]] {
    guard let members = json.object else { throw wrong("", "must be an object with a member for each state") }
    var result: [String: [Mocks.Answer]] = [:]
    for (key, value) in members {
      guard let list = value.array else {
        result[key] = [try answer(value, "/\(key)")]
        continue
      }
      if list.isEmpty { throw wrong("/\(key)", "must not be an empty list") }
      var answers: [Mocks.Answer] = []
      for (index, element) in list.enumerated() { answers.append(try answer(element, "/\(key)/\(index)")) }
      result[key] = answers
    }
    return result
  }

  private func answer(_ json: JSON, _ place: String) throws(CommandError) -> Mocks.Answer {
    guard let members = json.object else {
      throw wrong(place, "must be an object with \"Return\" or \"Throw\"")
    }
    let known = ["Return", "Throw", "DelayMilliseconds"]
    for key in members.keys where !known.contains(key) {
      let near = Suggest.nearest(to: key, in: known)
      throw wrong(place, "does not know \"\(key)\"" + (near.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    var delay = 0
    if let value = json["DelayMilliseconds"] {
      guard let number = value.int, (0...86_400_000).contains(number) else {
        throw wrong(place + "/DelayMilliseconds", "must be a whole number from 0 to 86400000")
      }
      delay = number
    }
    switch (json["Return"], json["Throw"]) {
    case (let output?, nil): return Mocks.Answer(result: .success(output.copy()), delayMilliseconds: delay)
    case (nil, let failure?):
      return Mocks.Answer(
        result: .failure(try self.failure(failure, place + "/Throw")), delayMilliseconds: delay)
    default: throw wrong(place, "needs either \"Return\" or \"Throw\"")
    }
  }

  private func failure(_ json: JSON, _ place: String) throws(CommandError) -> TaskFailure {
    guard let members = json.object else {
      throw wrong(place, "must be an object with \"Error\" and \"Cause\"")
    }
    for key in members.keys where key != "Error" && key != "Cause" {
      throw wrong(place, "does not know \"\(key)\"")
    }
    guard let error = json["Error"]?.string else { throw wrong(place, "needs a string \"Error\"") }
    if let cause = json["Cause"], cause.string == nil { throw wrong(place + "/Cause", "must be a string") }
    return TaskFailure(error: error, cause: json["Cause"]?.string)
  }

  /// A name that answers nothing is a mistake: the run would not be what it seems.
  func checkNames(_ names: [String], _ definition: CompiledDefinition) throws(CommandError) {
    let tasks = definition.tasks
    let known = Set(tasks.flatMap { [$0.state] + HandlerName.aliases(of: $0.resource) })
    for name in names where !known.contains(name) {
      if definition.stateNames.contains(name) {
        throw wrong("/\(name)", "is not a Task state; only tasks are mocked")
      }
      let near = Suggest.nearest(to: name, in: known.sorted())
      throw wrong(
        "/\(name)", "names no Task state or resource" + (near.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
  }

  private func wrong(_ place: String, _ message: String) -> CommandError {
    .data("\(file): \(place.isEmpty ? "it" : place) \(message)")
  }
}
