/// A definition that has been read, checked and compiled, before it is bound to handlers:
/// what tools want to know of it.
package struct CompiledDefinition: Sendable {
  let program: Program

  init(_ program: Program) {
    self.program = program
  }

  /// Compiles a definition.
  ///
  /// - Returns: The compiled form, unless there are errors; and all diagnostics, warnings included.
  ///
  /// - Parameters:
  ///   - text: The definition in UTF-8.
  ///   - isExpress: What the service refuses in an express workflow is refused.
  ///   - allowsPlainResources: A task's `Resource` may be any text, not only an ARN.
  package static func compile(
    _ text: [UInt8], isExpress: Bool = false, allowsPlainResources: Bool = true
  ) -> (definition: CompiledDefinition?, diagnostics: [Diagnostic]) {
    var options = Definition.ReadingOptions()
    options.isExpress = isExpress
    options.allowsPlainResources = allowsPlainResources
    let (read, diagnostics) = Definition.read(text, options: options)
    guard let read else { return (nil, diagnostics) }
    let unsupported = read.unsupported()
    guard unsupported.isEmpty else { return (nil, unsupported + diagnostics) }
    return (CompiledDefinition(Compiler.compile(read)), diagnostics)
  }

  /// A Task state.
  package struct Task: Sendable, Hashable {
    package let state: String
    package let resource: String
    /// Its handler's answer is only the submission; a token completes it.
    package let waitsForToken: Bool
  }

  /// The Task states, in the order of the compiled form.
  package var tasks: [Task] { Self.tasks(of: program) }

  private static func tasks(of program: Program) -> [Task] {
    let tables = program.tables.pointee
    var tasks: [Task] = []
    for index in 0...program.counts.ops where tables.ops[index].code == .task {
      let op = tables.ops[index]
      let task = tables.tasks[Int(op.a)]
      tasks.append(
        Task(
          state: tables.names[Int(op.name)].text, resource: tables.constants[Int(task.resource)].text,
          waitsForToken: task.waitsForToken))
    }
    return tasks + program.distributedMaps.flatMap { Self.tasks(of: $0.program) }
  }

  /// The names of all states.
  package var stateNames: [String] { Self.stateNames(of: program) }

  private static func stateNames(of program: Program) -> [String] {
    guard program.counts.ops > 0 else { return [] }
    let own = (1...program.counts.ops).map {
      program.tables.pointee.names[Int(program.tables.pointee.ops[$0].name)].text
    }
    return own + program.distributedMaps.flatMap { stateNames(of: $0.program) }
  }

  /// The compiled form as a table that a person can read.
  package var explanation: String { ProgramPrinter.text(of: program) }
}
