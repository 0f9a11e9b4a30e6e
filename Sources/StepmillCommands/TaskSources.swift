import Stepmill

/// A `--task NAME=COMMAND`.
struct TaskCommand: Sendable {
  let name: String
  let line: String
}

/// Where the answers of a Task state come from.
enum TaskSource: Sendable {
  /// The member of the mocks that it is.
  case mock(String)
  /// A shell command.
  case command(String)
}

/// Which state's tasks are answered by what: decided once, before anything runs.
struct TaskSources: Sendable {
  let mocks: Mocks?
  private var byState: [String: TaskSource] = [:]
  private var missing: [CompiledDefinition.Task] = []
  private var unused: [String]

  init(tasks: [CompiledDefinition.Task], commands: [TaskCommand], mocks: Mocks?) {
    self.mocks = mocks
    unused = commands.map(\.name)
    for task in tasks {
      if let key = mocks?.key(for: task) { byState[task.state] = .mock(key) }
      let fitting = Self.command(for: task, in: commands)
      if let fitting {
        unused.removeAll { $0 == fitting.name }
        if byState[task.state] == nil { byState[task.state] = .command(fitting.line) }
      }
      if byState[task.state] == nil { missing.append(task) }
    }
  }

  /// An exact name comes before a pattern; of several patterns the first one given counts.
  private static func command(
    for task: CompiledDefinition.Task, in commands: [TaskCommand]
  ) -> TaskCommand? {
    let names = HandlerName.aliases(of: task.resource)
    for name in names + [task.state] {
      if let exact = commands.first(where: { $0.name == name }) { return exact }
    }
    return commands.first { command in
      command.name.contains("*") && names.contains { HandlerName.matches($0, pattern: command.name) }
    }
  }

  subscript(state: String) -> TaskSource? { byState[state] }

  // MARK: Checking

  /// Refuses a run in which some task could not be answered.
  func check(_ definition: CompiledDefinition, _ terminal: Terminal) throws(CommandError) {
    let style = terminal.style(.error)
    for name in unused {
      let known = definition.tasks.flatMap { HandlerName.aliases(of: $0.resource) + [$0.state] }
      var text = "stepmill: \(style.yellow("warning:")) --task '\(name)' fits no task of the definition"
      if let near = Suggest.nearest(to: name, in: known) { text += "; did you mean '\(near)'?" }
      terminal.write(text + "\n", to: .error)
    }
    guard !missing.isEmpty else { return }
    var states: [String: [String]] = [:]
    var order: [String] = []
    for task in missing {
      if states[task.resource] == nil { order.append(task.resource) }
      states[task.resource, default: []].append(task.state)
    }
    let width = min(order.map(\.count).max() ?? 0, 60)
    var text = "nothing answers \(order.count == 1 ? "this resource" : "these \(order.count) resources"):\n"
    for resource in order.prefix(Self.listMax) {
      let names = states[resource] ?? []
      let more = names.count > 3 ? ", …" : ""
      let padding = String(repeating: " ", count: max(0, width - resource.count))
      text += "  \(style.bold(resource))\(padding)  (\(names.count == 1 ? "state" : "states") "
      text += names.prefix(3).joined(separator: ", ") + more + ")\n"
    }
    if order.count > Self.listMax { text += "  … and \(order.count - Self.listMax) more\n" }
    let example = HandlerName.aliases(of: order[0]).last ?? order[0]
    text += "Give a command for each, such as: --task '\(example)=cat'\n"
    text += "or canned answers: --mocks FILE with {\"\(missing[0].state)\": {\"Return\": {}}}\n"
    text += "See 'stepmill help run'."
    throw .data(text)
  }

  private static let listMax = 20
}
