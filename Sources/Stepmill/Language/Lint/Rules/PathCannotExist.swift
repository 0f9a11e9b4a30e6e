extension LintRule {
  static let pathCannotExist = LintRule(
    "path-cannot-exist", "A path reads what the state before it does not hand on.",
    explanation: """
      Where the state before a state is a Pass with a `Result` or with `Parameters`, or any state whose \
      `ResultSelector` replaces its output, the members of the next input are known. A path that names another one \
      fails with States.Runtime whenever the execution comes that way, and nothing catches that.

      Mostly a `ResultPath` is missing: without one a result replaces the whole input. Choice rules whose \
      state tests the path with `IsPresent` are left alone.
      """
  ) { context in
    for machine in context.machines {
      var shapes = ShapeFinder(machine)
      for (index, state) in machine.states.enumerated() where state.queryLanguage == .jsonPath {
        let uses = state.pathUses.filter {
          !$0.isGuarded && ($0.base == .rawInput || $0.base == .effectiveInput)
        }
        if uses.isEmpty { continue }
        var reported: Set<Int> = []
        for (before, cause) in machine.predecessors[index] {
          guard let output = shapes.output(of: before, by: cause) else { continue }
          let effective = output.applying(state.inputPath)
          for (number, use) in uses.enumerated() where !reported.contains(number) {
            let base = use.base == .rawInput ? output : effective
            guard let name = base.missingName(along: use.text) else { continue }
            reported.insert(number)
            context.warn(
              "The path '\(use.text)' does not exist when '\(state.name)' follows '\(machine.states[before].name)', whose output has no '\(name)'.",
              at: use.node, hint: base.hint(machine.states[before]))
          }
        }
      }
    }
  }
}

/// What is known of a value before it exists.
indirect enum Shape {
  case unknown
  /// Neither an object nor an array.
  case scalar
  case array
  /// All its members.
  case object([String: Shape])

  init(literal node: SyntaxNode) {
    switch node.kind {
    case .null, .bool, .number, .string: self = .scalar
    case .array: self = .array
    case .object(let members):
      self = .object(
        Dictionary(members.map { ($0.name, Shape(literal: $0.value)) }, uniquingKeysWith: { $1 }))
    }
  }

  init(template node: SyntaxNode) {
    switch node.kind {
    case .null, .bool, .number, .string: self = .scalar
    case .array: self = .array
    case .object(let members):
      var fields: [String: Shape] = [:]
      for member in members {
        if member.name.hasSuffix(".$") {
          fields[String(member.name.dropLast(2))] = .unknown
        } else {
          fields[member.name] = Shape(template: member.value)
        }
      }
      self = .object(fields)
    }
  }

  /// A tree of JSONata: expressions are unknown, everything else is as written.
  init(expressions node: SyntaxNode) {
    switch node.kind {
    case .null, .bool, .number: self = .scalar
    case .string(let text): self = ExpressionText.isDelimited(text) ? .unknown : .scalar
    case .array: self = .array
    case .object(let members):
      self = .object(
        Dictionary(members.map { ($0.name, Shape(expressions: $0.value)) }, uniquingKeysWith: { $1 }))
    }
  }

  /// The names of a path such as `$.a.b`; nil for any other path. An index ends what is known.
  private static func names(in path: String) -> (names: [String], isWhole: Bool)? {
    guard let parsed = try? JSONPath.parse(path), case .data = parsed.root else { return nil }
    var names: [String] = []
    for step in parsed.steps {
      guard case .property(let name) = step else { return (names, false) }
      names.append(name)
    }
    return (names, true)
  }

  /// The first name along a path that is known not to be there.
  func missingName(along path: String) -> String? {
    guard let names = Shape.names(in: path)?.names else { return nil }
    var shape = self
    for name in names {
      switch shape {
      case .unknown: return nil
      // The library looks into the elements of an array in some places; that is for others to judge.
      case .array: return nil
      case .scalar: return name
      case .object(let members):
        guard let member = members[name] else { return name }
        shape = member
      }
    }
    return nil
  }

  /// What InputPath or OutputPath leave of it.
  func applying(_ field: PathField) -> Shape {
    switch field {
    case .absent: return self
    case .null: return .object([:])
    case .path(let path):
      guard let (names, isWhole) = Shape.names(in: path.value), isWhole else { return .unknown }
      var shape = self
      for name in names {
        guard case .object(let members) = shape, let member = members[name] else { return .unknown }
        shape = member
      }
      return shape
    }
  }

  /// The input with a result put where ResultPath says.
  func placing(_ result: Shape, at field: PathField) -> Shape {
    switch field {
    case .absent: return result
    case .null: return self
    case .path(let path):
      guard let (names, isWhole) = Shape.names(in: path.value), isWhole else { return .unknown }
      return placing(result, names[...])
    }
  }

  private func placing(_ result: Shape, _ names: ArraySlice<String>) -> Shape {
    guard let name = names.first else { return result }
    guard case .object(var members) = self else { return .unknown }
    members[name] = (members[name] ?? .object([:])).placing(result, names.dropFirst())
    return .object(members)
  }

  fileprivate func hint(_ state: StateDefinition) -> String? {
    guard case .object(let members) = self else { return nil }
    let names = members.keys.sorted().prefix(5).map { "`\($0)`" }.joined(separator: ", ")
    let has = members.isEmpty ? "its output is empty" : "its output has \(names)"
    if case .absent = state.resultPath { return has + "; a `ResultPath` there would keep its input" }
    return has
  }
}

/// The outputs of states, as far as they are known.
private struct ShapeFinder {
  private let machine: LintMachine
  private var known: [Int: Shape] = [:]

  init(_ machine: LintMachine) {
    self.machine = machine
  }

  /// Nil where nothing is known of what takes this way out of a state.
  mutating func output(of index: Int, by cause: LintMachine.Cause) -> Shape? {
    // A catcher hands on an error, put into an input that nobody knows.
    if case .catcher = cause { return nil }
    if case .rule = cause, machine.states[index].queryLanguage == .jsonata { return nil }
    let shape = output(of: index, depth: 0)
    if case .unknown = shape { return nil }
    return shape
  }

  private mutating func output(of index: Int, depth: Int) -> Shape {
    if let shape = known[index] { return shape }
    let state = machine.states[index]
    var shape = Shape.unknown
    if state.queryLanguage == .jsonata {
      if let output = state.output { shape = Shape(expressions: output) }
      if case .choice(let choice) = state.kind, choice.rules.contains(where: { $0.output != nil }) {
        shape = .unknown
      }
    } else {
      let input = input(of: index, depth: depth)
      shape = output(of: state, from: input)
    }
    known[index] = shape
    return shape
  }

  /// Known only where there is one way to come, and it is short.
  private mutating func input(of index: Int, depth: Int) -> Shape {
    let ways = machine.predecessors[index]
    guard depth < 20, index != machine.start, ways.count == 1, ways[0].state != index else { return .unknown }
    if case .catcher = ways[0].cause { return .unknown }
    if machine.loops[index] != nil { return .unknown }
    return output(of: ways[0].state, depth: depth + 1)
  }

  private func output(of state: StateDefinition, from input: Shape) -> Shape {
    let effective = input.applying(state.inputPath)
    let result: Shape
    switch state.kind {
    case .pass(let pass):
      if let literal = pass.result {
        result = Shape(literal: literal)
      } else {
        result = state.parameters.map { Shape(template: $0) } ?? effective
      }
    case .wait, .choice, .succeed: return effective.applying(state.outputPath)
    case .task, .parallel, .map:
      if let selector = state.resultSelector {
        result = Shape(template: selector)
      } else if case .parallel = state.kind {
        result = .array
      } else {
        result = .unknown
      }
    case .fail: return .unknown
    }
    return input.placing(result, at: state.resultPath).applying(state.outputPath)
  }
}
