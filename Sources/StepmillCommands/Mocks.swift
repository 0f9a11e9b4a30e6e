import Stepmill
import StepmillIntegrations

/// Canned answers for tasks, from a file.
final class Mocks: Sendable {
  private let answers: MockFile.Answers
  /// How often each state has been answered.
  private let calls = Lock<[String: Int]>([:])

  init(_ answers: MockFile.Answers) {
    self.answers = answers
  }

  /// The member that answers for a task: its state's, or its resource's.
  func key(for task: CompiledDefinition.Task) -> String? {
    ([task.state] + HandlerName.aliases(of: task.resource)).first { answers[$0] != nil }
  }

  /// The answer to a state's next call.
  func next(_ key: String, state: String) -> MockAnswer {
    let call = calls.withLock { calls in
      defer { calls[state, default: 0] += 1 }
      return calls[state, default: 0]
    }
    let list = answers[key] ?? []
    return list[min(call, list.count - 1)]
  }

  /// The answer of a member that always gives the same one.
  func only(_ key: String) -> MockAnswer? {
    guard let list = answers[key], list.count == 1 else { return nil }
    return list[0]
  }

  // MARK: Reading

  static func load(
    _ path: String, for definition: CompiledDefinition, _ terminal: Terminal
  ) throws(CommandError) -> Mocks {
    let text = try DefinitionFile.readData(path, terminal)
    let json = try JSONArgument.parse(text, name: path, terminal)
    let file: MockFile
    do throws(MockError) {
      file = try MockFile(json)
      if let name = file.byMachine.keys.sorted().first {
        throw MockError(
          place: "/StateMachines/\(name)",
          message: "is for 'stepmill serve': here its members stand for the one state machine that runs")
      }
      try checkNames(file.general.keys.sorted(), definition)
    } catch {
      throw .data("\(path): \(error.place.isEmpty ? "it" : error.place) \(error.message)")
    }
    return Mocks(file.general)
  }

  /// A name that answers nothing is a mistake: the run would not be what it seems.
  private static func checkNames(_ names: [String], _ definition: CompiledDefinition) throws(MockError) {
    let tasks = definition.tasks
    let known = Set(tasks.flatMap { [$0.state] + HandlerName.aliases(of: $0.resource) })
    for name in names where !known.contains(name) {
      if definition.stateNames.contains(name) {
        throw MockError(place: "/\(name)", message: "is not a Task state; only tasks are mocked")
      }
      let near = Suggest.nearest(to: name, in: known.sorted()).map { "; did you mean \"\($0)\"?" } ?? ""
      throw MockError(place: "/\(name)", message: "names no Task state or resource\(near)")
    }
  }
}
